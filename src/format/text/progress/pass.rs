//! Passes over held-out data between the bars of training.

use super::Progress;
use super::bar::Bar;
use crate::format::text::held_out::{Data, data_of, evaluated_loss};
use crate::format::text::key_value::looks_back;
use crate::format::text::scan::named_numbers;
use crate::format::text::{Fields, Match};
use crate::metric::{Fit, Quantity, Role};

/// A pass over held-out data behind a step of training, as a bar of its own draws it, or a line tells of it
/// whole. The loss of a bar is a mean up to there: that of its last drawing counts, which shows once training
/// goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    step: u64,
    data: Data,
    loss: f64,
    done: u64,
    total: Option<u64>,
    /// It was handed out already, because nothing followed.
    rested: bool,
}

impl Pass {
    /// Done and planned of what a line tells of: no bar goes beyond.
    const WHOLE: u64 = u64::MAX;

    /// True for a pass over all of the data, or about so: the last drawing of a bar that is wiped out may be
    /// missing.
    fn is_whole(&self) -> bool {
        const MOST: f64 = 0.9;
        self.total
            .is_none_or(|total| self.done as f64 >= MOST * total as f64)
    }

    /// True where another tells more of the same, or is of what counts more. Of several the first counts.
    fn gives_way_to(&self, other: &Pass) -> bool {
        let goes_on = self.total == other.total && self.done <= other.done;
        let is_told = other.done == Pass::WHOLE;
        let is_the_same = self.data == other.data && self.done != Pass::WHOLE;
        is_the_same && (goes_on || is_told) || self.data == Data::Test && other.data == Data::Validation
    }
}

impl Progress {
    /// Takes a drawing of a bar of held-out data.
    pub(super) fn hold_out(&mut self, data: Data, bar: &Bar, fields: &mut Fields) {
        let losses = [Quantity::EvalLoss, Quantity::TrainLoss];
        let mut loss_of = |text: &str| {
            let values = self.values(text);
            losses.iter().find_map(|quantity| values[quantity.index()])
        };
        let loss = loss_of(bar.metrics).or_else(|| loss_of(bar.description));
        if let Some(loss) = loss {
            self.take_pass(data, loss, (bar.done, bar.total), fields);
        }
    }

    /// Takes a pass over held-out data, where the bars of training tell of none.
    fn take_pass(&mut self, data: Data, loss: f64, counts: (u64, Option<u64>), fields: &mut Fields) {
        let Some(drawn) = self.drawn.filter(|_| self.evaluated.is_none()) else {
            return;
        };
        let (done, total) = counts;
        let pass = Pass {
            step: drawn.step,
            data,
            loss,
            done,
            total,
            rested: self.pass.is_some_and(|pass| pass.rested),
        };
        if self.pass.is_none_or(|before| before.gives_way_to(&pass)) {
            let is_news = self
                .pass
                .is_some_and(|before| before.loss.to_bits() != loss.to_bits());
            fields.revises = pass.rested && is_news;
            self.pass = Some(pass);
        }
    }

    /// The loss of the pass over held-out data; `rests` where nothing follows for now.
    pub(super) fn hand_out_the_pass(&mut self, rests: bool, fields: &mut Fields) -> Match {
        let Some(mut pass) = self.pass.take() else {
            return Match::No;
        };
        let is_over = if rests {
            Some(pass.done) == pass.total && (pass.data == Data::Validation || self.tests_between_epochs)
        } else {
            pass.is_whole()
        };
        let told = is_over && !pass.rested;
        if told {
            fields.step = Some(pass.step);
            fields.values.push((pass.data.loss(), pass.loss));
            self.tests_between_epochs |= pass.data == Data::Test;
        }
        pass.rested |= told;
        self.pass = Some(pass).filter(|_| rests);
        if told { Match::Record } else { Match::No }
    }

    /// A pass over held-out data behind an epoch: at its end the mean loss is that of all of them.
    pub(super) fn pass_of_held_out_data(&mut self, ends: bool, loss: f64, fields: &mut Fields) -> Match {
        let told_before = self
            .evaluated
            .is_some_and(|last| last.to_bits() == loss.to_bits());
        if !ends || told_before {
            return self.hand_out_the_last(false, fields);
        }
        self.evaluated = Some(loss);
        fields.step = self.drawn.map(|drawn| drawn.step);
        fields.values.push((Quantity::EvalLoss.name(), loss));
        Match::Record
    }

    /// Takes the loss of a line between two bars that is about held-out data: `Test set: Average loss: 0.71`,
    /// `Epoch 3 val_loss: 0.71`.
    pub(super) fn take_evaluation(&mut self, line: &str, fields: &mut Fields) {
        if self.drawn.is_none() || self.evaluated.is_some() || looks_back(line) {
            return;
        }
        let mut losses = Vec::new();
        named_numbers(line, |named| {
            let (name, fit) = self.names.find(named.words);
            let is_loss = fit.is_some_and(|fit| fit.role.is_loss()) && named.unit.is_empty();
            let name = evaluated_loss(line, named.words).unwrap_or(name);
            let is_held_out = |fit: Fit| fit.role == Role::of(Quantity::EvalLoss);
            if is_loss && self.names.find(name).1.is_some_and(is_held_out) {
                losses.push((name, named.value));
            }
        });
        // Of several nobody knows which it is.
        if let [(name, loss)] = losses[..] {
            let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
            let data = data_of(words).unwrap_or(Data::Validation);
            self.take_pass(data, loss, (Pass::WHOLE, Some(Pass::WHOLE)), fields);
        }
    }

    /// What Lightning says when it keeps a checkpoint, of the step that was reached: `Epoch 0,
    /// global step 168: 'val_loss' reached 0.59559 (best 0.59559), saving model to ..`.
    pub(super) fn checkpoint<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let told = line
            .split_once(", global step ")
            .and_then(|(_, rest)| rest.split_once(": '")?.1.split_once("' reached "));
        let Some((name, value)) = told else {
            return Match::No;
        };
        let (_, fit) = self.names.find(name);
        let is_eval_loss = fit.is_some_and(|fit| fit.role == Role::of(Quantity::EvalLoss));
        let value = value.split(' ').next().and_then(crate::format::number::parse);
        let Some(value) = value.filter(|_| is_eval_loss) else {
            return Match::No;
        };
        fields.step = self.drawn.map(|drawn| drawn.step);
        fields.values.push((Quantity::EvalLoss.name(), value));
        Match::Record
    }
}
