//! What comes from other logs of the same run.

use super::Run;
use super::branch::Finish;
use super::series::Series;
use crate::metric::Quantity;
use crate::schedule::RecordedRates;

/// Steps by which the logs of one run may differ at its beginning.
pub(super) const SLACK_STEPS: f64 = 100.0;

/// What comes from other logs of the same run.
#[derive(Default)]
pub(super) struct Borrowed {
    pub(super) series: [Option<Series>; Quantity::COUNT],
    rates: bool,
    total_steps: bool,
    /// Where one of them says that the run was done.
    pub(super) finished_at: Option<u64>,
}

impl Run {
    /// True when another log of the same run can fill what this one lacks: it counts
    /// the same steps, or the same epochs, and has no learning rates at other steps.
    pub fn counts_like(&self, other: &Run) -> bool {
        let has_rates = |run: &Run| !run.borrowed.rates && !run.branch.rates.is_empty();
        let loses_rates = !has_rates(self) && has_rates(other);
        self.steps_in_one_of(other)
            .is_some_and(|times| times == 1.0 || !loses_rates)
    }

    /// How many steps of this log are one of another log of the same run, where both have come
    /// about as far.
    fn steps_in_one_of(&self, other: &Run) -> Option<f64> {
        /// What logs show of the length of an epoch may be off by less.
        const OTHER_DATA: f64 = 2.0;
        let (own, others) = (self.branch.last_step as f64, other.branch.last_step as f64);
        let lengths = self.steps_of_an_epoch().zip(other.steps_of_an_epoch());
        // Each counts the batches of its own data, those of the training and of the validation, or one of them
        // its epochs alone.
        let by_epochs = lengths
            .map(|(own, other)| own / other)
            .filter(|times| *times >= OTHER_DATA || *times <= OTHER_DATA.recip());
        by_epochs.into_iter().chain([1.0]).find(|times| {
            let others = others * times;
            others >= 0.5 * own - SLACK_STEPS && others <= 1.1 * own + SLACK_STEPS
        })
    }

    /// How many of the steps that it counts an epoch has, where that is known.
    fn steps_of_an_epoch(&self) -> Option<f64> {
        let counts_epochs = self.steps_are_epochs == Some(true);
        let length = || self.hints.epoch_length().map(|length| length as f64);
        counts_epochs.then_some(1.0).or_else(length)
    }

    /// What is told of an epoch was measured at its end: where another log counts nothing but epochs, of
    /// `times` steps, and the first as 0, that is one later than it says, unless it has evaluated before the
    /// first.
    fn offset_of_epochs(&self, other: &Run, times: f64) -> f64 {
        /// The last steps of an epoch need not be logged.
        const NOT_LOGGED: f64 = 0.25;
        let from_zero = other.steps_are_epochs == Some(true) && other.first_step == Some(0);
        let over = (other.branch.last_step as f64 + 1.0 - NOT_LOGGED) * times;
        let is_later = times > 1.0 && from_zero && over <= self.branch.last_step as f64;
        f64::from(u8::from(is_later))
    }

    /// Fills what this log lacks from the other logs of the same run.
    pub fn borrow<'a>(&mut self, others: impl Iterator<Item = &'a Run>) {
        if self.borrowed.rates {
            self.branch.rates = RecordedRates::default();
        }
        if self.borrowed.total_steps {
            self.logged_total_steps = None;
        }
        self.borrowed = Borrowed::default();
        for other in others {
            let times = self.steps_in_one_of(other);
            let own_step = |step: u64| (step as f64 * times.unwrap_or(1.0)).round() as u64;
            let offset = times.map_or(0.0, |times| self.offset_of_epochs(other, times));
            if self.logged_total_steps.is_none() && other.logged_total_steps.is_some() {
                self.logged_total_steps = other.logged_total_steps.map(own_step);
                self.borrowed.total_steps = true;
            }
            let Some(times) = times else {
                continue;
            };
            if let Finish::At(step) = other.branch.finished {
                let done = step.max(other.branch.last_step).saturating_add(offset as u64);
                self.borrowed.finished_at = Some(own_step(done));
            }
            if times == 1.0 && self.branch.rates.is_empty() && !other.branch.rates.is_empty() {
                self.branch.rates = other.branch.rates.clone();
                self.borrowed.rates = true;
            }
            for (index, series) in other.branch.series.iter().enumerate() {
                let lacking = self.branch.series[index].is_none() && self.borrowed.series[index].is_none();
                if let Some(series) = series.as_ref().filter(|_| lacking) {
                    self.borrowed.series[index] = Some(series.stretched(offset, times));
                }
            }
        }
    }
}
