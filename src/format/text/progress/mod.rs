//! Progress bars of tqdm, and the metrics in their tails: `12%|#2  | 120/1000 [02:00<14:40,
//! 1.00s/it, loss=3.21, lr=1e-4]`.
//!
//! For trainers that print nothing else (Lightning, kohya's scripts, diffusers, Levanter).
//! A bar is redrawn many times for one step, and the first drawing of a step often shows
//! the metrics of the last one: what counts is the last drawing. So a step is taken when
//! the next one is drawn, and the very last one when it is drawn again, something else follows, or
//! nothing does.

mod bar;
mod description;
mod drawing;
mod pass;
mod place;
#[cfg(test)]
mod tests;

use super::dialect::holds_one_of;
use super::held_out::data_of;
use super::passes::Rounds;
use super::scan::NameFinder;
use super::{Fields, Grammar, Match};
use crate::format::counters::EpochCounter;
use crate::metric::Quantity;
pub use bar::{Bar, MARKS, bar, bar_end, is_bar};
pub(super) use description::epoch;
use description::{ALLENNLP, HELD_OUT, NO_PASS, is_of_epochs, is_of_held_out};
use drawing::{Drawn, Values};
use pass::Pass;

/// The grammar.
#[derive(Debug, Default)]
pub struct Progress {
    names: NameFinder,
    /// The number of the first epoch: 0 or 1.
    first_epoch: Option<u64>,
    /// The steps of bars that name theirs.
    counter: EpochCounter,
    /// The last step of the longest bar without an end, or that went past its own.
    longest: u64,
    /// Bars that name no epoch: each may be one.
    rounds: Rounds,
    /// How many epochs there will be, where bars of epochs do not tell.
    epochs: Option<u64>,
    /// Steps of an epoch, where nobody says how many epochs there will be.
    epoch_length: Option<u64>,
    /// The step that is being drawn.
    drawn: Option<Drawn>,
    /// The pass over held-out data that is drawn since.
    pass: Option<Pass>,
    /// A pass over test data was followed by more training, so that such passes are evaluations. Behind the
    /// training one is about the finished model only, and tells nothing of its course.
    tests_between_epochs: bool,
    /// Lines that begin with an epoch stand above its bars: the first one did.
    headings: Option<bool>,
    /// A line has named an epoch since the last bar that was whole.
    names_epoch: bool,
    /// The last evaluation, which is carried along until the next one.
    evaluated: Option<f64>,
    /// Batches of a pass of AllenNLP over the training data.
    training: Option<u64>,
}

impl Grammar for Progress {
    fn epoch_length(&self) -> Option<u64> {
        self.epoch_length
    }

    fn finish(&mut self, fields: &mut Fields) -> Match {
        match self.hand_out_the_last(true, fields) {
            Match::No => self.hand_out_the_pass(true, fields),
            told => told,
        }
    }

    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some(bar) = bar(line) else {
            return self.beside_the_bars(line, fields);
        };
        let description = bar.description.to_ascii_lowercase();
        // What stands behind a loss is measured as that is: `loss: 2.1 test_accuracy: 0.3`.
        let heading = description.split("loss").next().unwrap_or_default();
        let speaks_of = |words: &[&str]| words.iter().any(|word| heading.contains(word));
        let words = heading.split(|letter: char| !letter.is_ascii_alphanumeric());
        let data = data_of(words);
        let is_held_out = speaks_of(HELD_OUT) || data.is_some() && is_of_held_out(&description);
        if bar.done == 0 || is_held_out || speaks_of(NO_PASS) {
            if let Some(data) = data.filter(|_| bar.done > 0 && !speaks_of(NO_PASS)) {
                self.hold_out(data, &bar, fields);
            }
            if is_of_epochs(&description) {
                self.epochs = bar.total.or(self.epochs);
            }
            return self.behind_the_last(line, fields);
        }
        let mut values = self.values(bar.metrics);
        let is_missing = |values: &Values, quantity: Quantity| values[quantity.index()].is_none();
        if is_missing(&values, Quantity::TrainLoss) && is_missing(&values, Quantity::EvalLoss) {
            // Some put everything into the description.
            values = self.values(bar.description);
            if is_missing(&values, Quantity::TrainLoss) {
                if let Some(data) = data {
                    self.hold_out(data, &bar, fields);
                }
                if is_of_epochs(&description) {
                    self.epochs = bar.total.or(self.epochs);
                }
                return if bar.metrics.is_empty() {
                    Match::No
                } else {
                    Match::Notice
                };
            }
        }
        if let (Some(total), Some(loss)) = (bar.total, values[Quantity::TrainLoss.index()])
            && description.ends_with(ALLENNLP)
            && total < *self.training.get_or_insert(total)
        {
            return self.pass_of_held_out_data(bar.done == total, loss, fields);
        }
        let train_loss = values[Quantity::TrainLoss.index()].map(f64::to_bits);
        let is_another = |drawn: &Drawn| {
            let before = drawn.values[Quantity::TrainLoss.index()].map(f64::to_bits);
            drawn.full && !drawn.grown && drawn.followed && train_loss != before
        };
        if Some(bar.done) == bar.total {
            let is_of_epoch = std::mem::take(&mut self.names_epoch) || description.contains("batch");
            if is_of_epoch && self.drawn.as_ref().is_some_and(is_another) {
                // Of bars that were copied from a terminal only the last drawing is left.
                self.rounds.close();
            }
        }
        let step = self.place(&bar, &description, fields);
        // One without an end is known by those before it.
        let full = Some(bar.done) == bar.total.or(self.epoch_length);
        if let Some(drawn) = &self.drawn
            && full
            && drawn.step.checked_add(bar.done) == Some(step)
            && drawn.values[Quantity::TrainLoss.index()] == values[Quantity::TrainLoss.index()]
        {
            // Lightning draws the full bar of an epoch once more under the name of the next.
            return Match::No;
        }
        self.draw(step, values, full, fields)
    }
}

impl Progress {
    /// A line between bars: the heading of an epoch, a checkpoint, an evaluation, or something else.
    fn beside_the_bars<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        self.names_epoch |= holds_one_of(line, &["poch", "POCH"]);
        self.epochs = self.planned_epochs(line).or(self.epochs);
        self.take_heading(line);
        match self.checkpoint(line, fields) {
            Match::No => {
                self.take_evaluation(line, fields);
                self.behind_the_last(line, fields)
            }
            told => told,
        }
    }
}
