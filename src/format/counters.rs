//! Counts steps over epochs.
//!
//! Many trainers count iterations within epochs. Others print the epoch beside a counter
//! that goes on; which of the two it is shows when an epoch ends.

use super::Decoded;
use super::roles::{Draft, whole};
use crate::metric::Role;

/// Where in its epochs a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Epoch as written.
    pub epoch: u64,
    /// Planned epochs, when the line says it.
    pub epochs: Option<u64>,
    /// Iteration within the epoch; `None` in a line about a whole epoch.
    pub iteration: Option<u64>,
    /// Iterations of an epoch, when the line says it.
    pub iterations: Option<u64>,
}

/// Counts steps over epochs.
#[derive(Clone, Copy, Debug, Default)]
pub struct EpochCounter {
    /// The number of the first epoch: 0 or 1.
    base: u64,
    epoch: Option<u64>,
    /// Steps of the epochs before this one.
    before: u64,
    /// First and last iteration of this epoch, and the distance of the last two.
    first: u64,
    last: u64,
    interval: u64,
    /// Iterations of an epoch, as the log says, or as the last one had that was seen to its end.
    length: Option<u64>,
}

impl EpochCounter {
    /// A counter for a trainer whose first epoch has this number.
    pub fn from(base: u64) -> Self {
        EpochCounter {
            base,
            ..EpochCounter::default()
        }
    }

    /// The step over all epochs.
    pub fn step(&mut self, place: Place) -> u64 {
        let iteration = place.iteration.unwrap_or(self.last);
        // Some of a trainer's versions begin with epoch 0.
        self.base = self.base.min(place.epoch);
        if let Some(length) = place.iterations {
            self.length = Some(length);
            let done = place.epoch.saturating_sub(self.base).saturating_mul(length);
            (self.before, self.epoch) = (done, Some(place.epoch));
            self.last = iteration;
            return done.saturating_add(iteration);
        }
        // Nobody says how long an epoch is: those seen whole tell.
        match self.epoch {
            Some(epoch) if place.epoch == epoch => {
                if iteration > self.last {
                    self.interval = iteration - self.last;
                }
                self.last = iteration;
            }
            before => {
                // What counts from 0 has not made the steps yet that come behind its last line.
                let rest = if self.first == 0 {
                    self.interval.max(1)
                } else {
                    // The 100th and every further hundredth are `99`, `199`, .. but `1`, `3`, .. count from 1.
                    u64::from(self.first > 1 && self.first.saturating_add(1) == self.interval)
                };
                let went_on = before.is_some_and(|before| place.epoch > before);
                let length = self.last.saturating_add(rest);
                self.length = Some(length).filter(|_| went_on);
                self.before = if went_on {
                    self.before.saturating_add(length)
                } else {
                    0
                };
                self.first = place.iteration.unwrap_or(0);
                self.last = self.first;
            }
        }
        self.epoch = Some(place.epoch);
        self.before.saturating_add(self.last)
    }

    /// The epoch at hand is over, and the run has made so many iterations by then.
    pub fn end_epoch(&mut self, iterations: u64) {
        let within = iterations.saturating_sub(self.before);
        if within >= self.last {
            // What ends with its last iteration counts from 1.
            (self.first, self.last) = (1, within);
        }
    }

    /// Iterations of an epoch, where the log says it or has shown it.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The planned number of steps.
    pub fn total(place: Place) -> Option<u64> {
        place.epochs?.checked_mul(place.iterations?)
    }
}

/// Sets the counter of a row, and how far it will go where that stands beside it: `3/100`.
pub fn set_counter(role: Role, (count, total): (u64, Option<u64>), draft: &mut Draft, out: &mut Decoded) {
    draft.set(role, count as f64, out);
    match (role, total) {
        (_, None) => {}
        (Role::Step, Some(total)) => draft.set(Role::TotalSteps, total as f64, out),
        (_, Some(total)) => out.hints.put_epochs_of_row("total_epochs", total as f64),
    }
}

/// What a counter that stands beside an epoch counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counting {
    /// The log has not shown it yet.
    #[default]
    Unknown,
    /// Iterations of the epoch: it starts again with the next one.
    Within,
    /// Iterations of the run.
    On,
}

/// A place in a log of a script of one's own, whose ways of counting are not known before.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnCounter {
    counting: Counting,
    counter: Option<EpochCounter>,
    last: Option<Place>,
}

impl OwnCounter {
    /// A counter that has seen how a log counts, at the start of that log.
    pub fn again(self) -> Self {
        OwnCounter {
            counting: self.counting,
            ..OwnCounter::default()
        }
    }

    /// True when the log has counted something within its epochs or beside them.
    pub fn counts_iterations(&self) -> bool {
        self.last.is_some_and(|place| place.iteration.is_some()) || self.counting != Counting::Unknown
    }

    /// Iterations of an epoch, where the log counts them.
    pub fn epoch_length(&self) -> Option<u64> {
        self.counter?.length().filter(|_| self.starts_again())
    }

    /// True when the counter is known to start again with every epoch.
    pub fn starts_again(&self) -> bool {
        self.counting == Counting::Within
    }

    /// True once the log has come further than this in an epoch.
    pub fn is_past(&self, epoch: u64, iteration: u64) -> bool {
        self.last
            .is_some_and(|last| last.epoch == epoch && last.iteration > Some(iteration))
    }

    /// The counter goes on over epochs, as long as nothing has shown that it starts again.
    pub fn assume_on(&mut self) {
        if self.counting == Counting::Unknown {
            self.counting = Counting::On;
        }
    }

    /// True unless the counter is known to go on over epochs.
    pub fn may_start_again(&self) -> bool {
        self.counting != Counting::On
    }

    /// The step of a row of a table that has an epoch beside its counter.
    pub fn step_of_row(&mut self, epoch: Option<f64>, step: u64) -> u64 {
        let epoch = epoch
            .filter(|epoch| epoch.fract() == 0.0)
            .and_then(super::roles::whole);
        match epoch {
            Some(epoch) => {
                self.step(Place {
                    epoch,
                    epochs: None,
                    iteration: Some(step),
                    iterations: None,
                })
                .0
            }
            None => step,
        }
    }

    /// The step of a place and the planned number of steps.
    pub fn step(&mut self, place: Place) -> (u64, Option<u64>) {
        if self.counting == Counting::Unknown
            && let (Some(last), Some(iteration)) = (self.last, place.iteration)
            && place.epoch > last.epoch
            && let Some(before) = last.iteration
        {
            self.counting = if iteration > before {
                Counting::On
            } else {
                Counting::Within
            };
        }
        self.last = Some(place);
        match (self.counting, place.iteration) {
            (Counting::On, Some(iteration)) => (iteration, place.iterations),
            (_, None) => (place.epoch, place.epochs),
            (_, Some(_)) => {
                let counter = self
                    .counter
                    .get_or_insert_with(|| EpochCounter::from(place.epoch.min(1)));
                let step = counter.step(place);
                let shown = counter.length().filter(|_| self.counting == Counting::Within);
                let iterations = place.iterations.or(shown);
                (step, EpochCounter::total(Place { iterations, ..place }))
            }
        }
    }
}

/// Counts the records of a log without steps: by their epochs while these are whole, else one by
/// one, those of one part of an epoch as one.
#[derive(Clone, Copy, Debug, Default)]
pub struct RowCounter {
    /// Epoch and step of the last record that has an epoch.
    last: Option<(f64, u64)>,
    /// Epochs come in parts.
    parts: bool,
    next: u64,
}

impl RowCounter {
    /// The step of the next record; `count` turns a whole epoch into one.
    pub fn step(&mut self, epoch: Option<f64>, count: impl FnOnce(u64) -> u64) -> u64 {
        let step = match (epoch, self.last) {
            (None, Some((_, step))) if !self.parts => step,
            (None, _) => self.next,
            (Some(epoch), last) => {
                self.parts |= epoch.fract() != 0.0;
                let step = match (whole(epoch), last) {
                    (Some(epoch), _) if !self.parts => count(epoch),
                    (_, Some((before, step))) if before == epoch => step,
                    // Another training.
                    (_, Some((before, _))) if epoch < before => 0,
                    _ => self.next,
                };
                self.last = Some((epoch, step));
                step
            }
        };
        self.next = step.saturating_add(1);
        step
    }
}

/// True where the planned number of steps, by its name, grows from row to row: so many have been made.
pub fn total_grows(totals: impl IntoIterator<Item = f64>) -> bool {
    const LOOKED_AT: usize = 64;
    const ENOUGH: usize = 2;
    let totals: Vec<f64> = totals.into_iter().take(LOOKED_AT).collect();
    let growing = totals
        .windows(2)
        .filter(|pair| pair.first() < pair.last())
        .count();
    growing >= ENOUGH && growing * 2 >= totals.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(epoch: u64, iteration: u64, iterations: Option<u64>) -> Place {
        Place {
            epoch,
            epochs: Some(10),
            iteration: Some(iteration),
            iterations,
        }
    }

    fn steps(counter: &mut OwnCounter, places: &[Place]) -> Vec<u64> {
        places.iter().map(|place| counter.step(*place).0).collect()
    }

    #[test]
    fn epochs_count_the_records_while_they_are_whole() {
        let steps = |epochs: &[Option<f64>]| -> Vec<u64> {
            let mut rows = RowCounter::default();
            epochs
                .iter()
                .map(|epoch| rows.step(*epoch, |epoch| epoch))
                .collect()
        };
        assert_eq!(steps(&[None, None, None]), [0, 1, 2]);
        assert_eq!(
            steps(&[Some(10.0), None, Some(20.0), Some(20.0)]),
            [10, 10, 20, 20]
        );
        let parts = [0.5, 0.5, 1.0, 1.5, 2.0, 0.5, 1.0].map(Some);
        assert_eq!(steps(&parts), [0, 0, 1, 2, 3, 0, 1]);
        assert_eq!(steps(&[0.0, 0.5, 1.0].map(Some)), [0, 1, 2]);
    }

    #[test]
    fn what_starts_again_counts_within_the_epoch() {
        let mut counter = OwnCounter::default();
        let places = [
            place(1, 100, Some(600)),
            place(1, 600, Some(600)),
            place(2, 100, Some(600)),
        ];
        assert_eq!(steps(&mut counter, &places), [100, 600, 700]);
        assert_eq!(counter.step(place(2, 200, Some(600))), (800, Some(6000)));
        // Without a length the epochs seen tell it.
        let mut counter = OwnCounter::default();
        let places = [place(0, 0, None), place(0, 50, None), place(1, 0, None)];
        assert_eq!(steps(&mut counter, &places), [0, 50, 100]);
        assert_eq!(counter.epoch_length(), Some(100));
        // What is told of every fiftieth batch is the 49th where they count from 0.
        let mut counter = OwnCounter::default();
        let places = [place(1, 49, None), place(1, 99, None), place(2, 49, None)];
        assert_eq!(steps(&mut counter, &places), [49, 99, 149]);
    }

    #[test]
    fn what_goes_on_counts_the_run() {
        let mut counter = OwnCounter::default();
        let places = [
            place(1, 50, Some(1200)),
            place(1, 100, Some(1200)),
            place(2, 150, Some(1200)),
        ];
        assert_eq!(steps(&mut counter, &places), [50, 100, 150]);
        assert_eq!(counter.step(place(3, 200, Some(1200))), (200, Some(1200)));
        // What was learnt holds from the first line on, whatever epoch that is in.
        let mut counter = counter.again();
        assert_eq!(counter.step(place(7, 700, Some(1200))), (700, Some(1200)));
    }
}
