//! Trainers that count iterations within epochs: `Epoch: [3/100]  [ 120/1562]  loss: ..`.
//!
//! The step of a record is counted over all epochs.

mod language;
mod speech;
mod style;
#[cfg(test)]
mod tests;
mod vision;

use super::held_out::batch_of_held_out;
use super::passes::RunningMeans;
use super::scan::{NameFinder, named_numbers, push_value};
use super::{Fields, Grammar, Match, Sample};
use crate::format::counters::{EpochCounter, Place};
use crate::metric::Role;
pub use language::{GNMT, MINIMIND};
pub use speech::{ESPNET, ICEFALL, WENET};
use style::Counted;
pub use style::Style;
pub use vision::{METRIC_LOGGER, MMENGINE, OPENPCDET, PYTORCH_EXAMPLE, SUPCONTRAST, SWIN, TIMM};

/// Reads the lines of a [`Style`].
pub struct EpochGrammar {
    style: &'static Style,
    names: NameFinder,
    /// The number of the first epoch.
    base: u64,
    counter: EpochCounter,
    begins: Begins,
    /// Passes over held-out data, which count batches of their own.
    held_out: RunningMeans,
    /// Lines about batches of such data.
    held_back: usize,
}

/// What the counters of a log begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Begins {
    #[default]
    Unknown,
    /// Its first epoch is called the first, and nothing else is known yet.
    FirstEpoch,
    /// The counter of its batches has reached how many there are, and so counts from 1: the epochs do so too.
    WithOne,
    /// An epoch 0, or a later one: the log of a resumed run may leave out those before.
    Otherwise,
}

impl Begins {
    fn take(&mut self, place: Place) {
        *self = match (*self, place.epoch) {
            (Begins::Unknown, 1) => Begins::FirstEpoch,
            (Begins::Unknown, _) | (_, 0) => Begins::Otherwise,
            (known, _) => known,
        };
        if *self == Begins::FirstEpoch && place.iteration.is_some() && place.iteration == place.iterations {
            *self = Begins::WithOne;
        }
    }
}

impl EpochGrammar {
    /// A grammar for a style, which has learnt from the sample how evaluations are told.
    pub fn new(style: &'static Style, sample: &Sample) -> Self {
        let mut grammar = EpochGrammar::at_the_start(style, style.base, RunningMeans::default());
        for line in sample.lines() {
            grammar.parse(&String::from_utf8_lossy(line), &mut Fields::default());
        }
        let base = grammar.base.max(u64::from(grammar.begins == Begins::WithOne));
        EpochGrammar::at_the_start(style, base, grammar.held_out.again())
    }

    fn at_the_start(style: &'static Style, base: u64, held_out: RunningMeans) -> Self {
        EpochGrammar {
            style,
            names: NameFinder::default(),
            base,
            counter: EpochCounter::from(base),
            begins: Begins::default(),
            held_out,
            held_back: 0,
        }
    }

    /// The loss that a line about held-out data tells, and the mean behind it: of two readings,
    /// `6.5 (6.25)`, the first is that of the batch.
    fn evaluation(&mut self, rest: &str) -> Option<(f64, Option<f64>)> {
        let mut found: Option<(u16, f64, Option<f64>)> = None;
        let mut is_second = false;
        named_numbers(rest, |named| {
            if !named.words.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
                if let Some((_, _, mean)) = found.as_mut().filter(|_| is_second) {
                    *mean = Some(named.value);
                }
                is_second = false;
                return;
            }
            let fit = self.names.find(named.words).1.filter(|fit| fit.role.is_loss());
            // The loss, not a part of it.
            let better = fit.filter(|fit| found.is_none_or(|(best, ..)| fit.rank < best));
            is_second = better.is_some();
            if let Some(fit) = better {
                found = Some((fit.rank, named.value, None));
            }
        });
        found.map(|(_, loss, mean)| (loss, mean))
    }

    /// What a line tells of the training, of an evaluation, or of a pass that is over before it.
    fn told<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some((data, count, rest)) = batch_of_held_out(line) {
            let mean = self.evaluation(rest).and_then(|(_, mean)| mean);
            self.held_back += usize::from(mean.is_some());
            return evaluation(
                mean.and_then(|mean| self.held_out.batch(data, count, mean)),
                fields,
            );
        }
        match (self.style.find)(line) {
            Some(counted) => self.counted(&counted, fields),
            None => evaluation(self.held_out.end(), fields),
        }
    }
}

impl Grammar for EpochGrammar {
    fn again(&self) -> Option<Box<dyn Grammar>> {
        Some(Box::new(EpochGrammar::at_the_start(
            self.style,
            self.base,
            self.held_out.again(),
        )))
    }

    fn learnt(&self) -> Option<Box<dyn Grammar>> {
        self.again()
    }

    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let matched = self.told(line, fields);
        fields.revises = self.held_out.revises();
        matched
    }

    fn finish(&mut self, fields: &mut Fields) -> Match {
        evaluation(self.held_out.rest(), fields)
    }

    fn epoch_length(&self) -> Option<u64> {
        self.counter.length()
    }

    fn held_back(&self) -> usize {
        self.held_back
    }
}

/// A name for the loss of an evaluation.
const EVALUATION: &str = "validation loss";

/// An evaluation, if there is one. It belongs to the last step.
fn evaluation(loss: Option<f64>, fields: &mut Fields) -> Match {
    fields.values.extend(loss.map(|loss| (EVALUATION, loss)));
    if loss.is_some() { Match::Record } else { Match::No }
}

impl EpochGrammar {
    /// A line of the style.
    fn counted<'a>(&mut self, counted: &Counted<'a>, fields: &mut Fields<'a>) -> Match {
        if counted.eval {
            let told = match self.evaluation(counted.rest) {
                Some((loss, mean)) => Some(mean.unwrap_or(loss)).filter(|_| self.held_out.whole()),
                None => self.held_out.end(),
            };
            return evaluation(told, fields);
        }
        named_numbers(counted.rest, |named| {
            if !named.words.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
                return;
            }
            let (name, fit) = self.names.find(named.words);
            let renamed = self
                .style
                .rename
                .iter()
                .find(|(from, _)| name.eq_ignore_ascii_case(from));
            match renamed {
                Some((_, "")) => {}
                Some((_, to)) => fields.values.push((to, named.value)),
                None if fit.map(|fit| fit.role) == Some(Role::Step) => {}
                None if fields.values.iter().any(|(known, _)| *known == name) => {}
                None => push_value(fields, name, fit, &named),
            }
        });
        let evaluated = self.held_out.train();
        fields.values.extend(evaluated.map(|loss| (EVALUATION, loss)));
        if fields.values.is_empty() {
            return Match::No;
        }
        self.begins.take(counted.place);
        fields.step = Some(self.counter.step(counted.place));
        fields.total = EpochCounter::total(counted.place);
        Match::Record
    }
}
