//! Lines about an evaluation: what they belong to, and those that tell nothing new.

use super::numbers::Counters;
use super::{At, KeyValue, TRAIN_LOSS};
use crate::format::text::held_out::Data;
use crate::format::text::{Fields, Match};
use crate::metric::{Quantity, Role};

impl KeyValue {
    /// Below `Eval epoch: 4` the `mean_loss: 1.89` of the whole pass is of held-out data, and so are
    /// losses below `==TEST==` or `Validating...`; and where lines of one shape stand twice at a place, those that
    /// do not tell the learning rate.
    pub(super) fn hold_out(&mut self, found: &mut Counters, fields: &mut Fields) {
        let counts = found.epoch.is_some() || found.step.is_some();
        let of_pass = self.announced.filter(|_| !counts);
        let at = At {
            epoch: found.epoch.map(|count| count.value),
            step: found.step_count.map(|count| count.value),
        };
        let heading = self.sections.data().filter(|_| self.told_twice.below_headings);
        let of_heading = heading.filter(|_| counts && found.has_loss && self.trained.is_at(at));
        let of_section = of_heading.or_else(|| self.sections.held_out(counts));
        let lacks_rate = self.told_twice.without_rate && !found.has_rate && found.step.is_some();
        let of_shape = lacks_rate.then_some(Data::Validation);
        let data = of_section.or_else(|| of_pass?.data).or(of_shape);
        let Some(data) = data.filter(|_| !found.evaluated) else {
            if counts && found.has_loss && !found.evaluated {
                self.trained.pass(at);
            }
            return;
        };
        for (name, _) in &mut fields.values {
            let is_train_loss = self.names.find(name).1.map(|fit| fit.role) == Some(TRAIN_LOSS);
            if is_train_loss && !name.to_ascii_lowercase().contains("train") {
                *name = data.loss();
                found.evaluated = true;
            }
        }
    }

    /// The name of the loss on held-out data of a line.
    pub(super) fn evaluation<'a>(&mut self, fields: &Fields<'a>) -> Option<&'a str> {
        let role = Some(Role::of(Quantity::EvalLoss));
        let mut names = fields.values.iter().map(|(name, _)| *name);
        names.find(|name| self.names.find(name).1.map(|fit| fit.role) == role)
    }

    /// True for an evaluation without a step in a log that states the steps of evaluations:
    /// of the quantised model (`quantized val_loss:2.83`), or of the best checkpoint.
    pub(super) fn is_about_something_else(&mut self, fields: &Fields) -> bool {
        let evaluation = self.evaluation(fields);
        let placed = self.placed_evaluation.as_deref();
        placed.is_some_and(|placed| evaluation.is_some_and(|name| name.ends_with(placed)))
    }

    /// True for a line of details below a loss whose name says what it was measured on: of `Val loss: 3.50000`
    /// and below it `l1: 1.750 kl: 0.012 loss: 3.500` the second says nothing new: beside its parts the loss is the same to the last digit.
    pub(super) fn is_a_detail(&mut self, line: &str, found: &Counters, fields: &Fields) -> bool {
        /// Half a unit of the last printed digit, and what the loss above was rounded by itself.
        const ROUNDING: f64 = 0.51;
        let above = self.loss_above.take();
        if fields.step.is_some() || found.epoch.is_some() || found.step.is_some() || !found.has_loss {
            return false;
        }
        let mut losses = fields.values.iter().filter_map(|(name, value)| {
            let fit = self.names.find(name).1.filter(|fit| fit.role.is_loss())?;
            Some((*name, fit.role, *value))
        });
        let Some((name, role, value)) = losses.next().filter(|_| losses.next().is_none()) else {
            return false;
        };
        if role != TRAIN_LOSS || name.to_ascii_lowercase().contains("train") {
            self.loss_above = Some(value);
            return false;
        }
        let printed = line.rsplit("oss").next().unwrap_or_default();
        let printed = printed
            .trim_start_matches([':', '=', ' '])
            .split(|letter: char| letter == ',' || letter.is_whitespace())
            .next();
        let decimals = printed
            .and_then(|printed| printed.split_once('.'))
            .map(|(_, decimals)| decimals)
            .filter(|decimals| decimals.bytes().all(|byte| byte.is_ascii_digit()));
        let is_the_same = |decimals: &str| {
            let unit = 10f64.powi(-(decimals.len().min(20) as i32));
            above.is_some_and(|above| (above - value).abs() < ROUNDING * unit)
        };
        fields.values.len() > 1 && decimals.is_some_and(is_the_same)
    }

    /// True for a line about a part of an evaluation.
    pub(super) fn is_about_a_part(&mut self, found: &Counters) -> bool {
        let count = found.step_count.or(found.unnamed);
        match count {
            Some(count) if found.evaluated => return self.evaluations.is_part(count),
            Some(count) if found.has_loss => self.evaluations.train(count),
            None if found.evaluated && found.epoch.is_some() => self.evaluations.whole(),
            _ => {}
        }
        false
    }

    /// The step of an evaluation, where that was announced and the line itself tells none.
    pub(super) fn announced_step(&mut self, line: &str, found: &Counters) -> Option<u64> {
        if found.has_loss {
            let at = self.evaluates_at.take();
            return at.filter(|_| found.evaluated && found.epoch.is_none() && found.step.is_none());
        }
        let announced = found
            .step_count
            .filter(|_| self.announces_steps && line.contains(EVALUATION));
        self.evaluates_at = announced.map(|count| count.value).or(self.evaluates_at);
        None
    }

    /// A line of an evaluation that was announced: it ends with its last batch, whose loss is what
    /// Paddle goes by.
    pub(super) fn announced_evaluation(&mut self, found: &Counters, fields: &mut Fields) -> Match {
        let is_last = found
            .step_count
            .is_some_and(|count| count.of == Some(count.value));
        let mut is_loss = |name| self.names.find(name).1.map(|fit| fit.role) == Some(TRAIN_LOSS);
        let loss = fields.values.iter().find(|(name, _)| is_loss(name));
        let Some((_, loss)) = loss.copied().filter(|_| is_last) else {
            return Match::No;
        };
        *fields = Fields {
            values: vec![("eval_loss", loss)],
            ..Fields::default()
        };
        Match::Record
    }
}

/// `Loaded best model from epoch 185 (val_loss=1.67)`, which tells nothing new.
pub(super) fn is_about_a_checkpoint(line: &str) -> bool {
    let has = |word: &str| memchr::memmem::find(line.as_bytes(), word.as_bytes()).is_some();
    (has("best") || has("Best")) && (has("model") || has("checkpoint")) && !has("train")
}

/// What announces an evaluation, at the step behind it.
pub(super) const EVALUATION: &str = "valuating at ";
