//! Where in the run a line stands that has an epoch, or stands below one.

use super::numbers::Counters;
use super::{Announced, KeyValue, TRAIN_LOSS, looks_back};
use crate::format::counters::Place;
use crate::format::text::bare_counts::Count;
use crate::format::text::scan::NameFinder;
use crate::format::text::{Fields, Match};
use crate::metric::{Fit, Role};

/// True for the name of a loss of training.
fn is_train_loss(names: &mut NameFinder, name: &str) -> bool {
    names.find(name).1.map(|fit| fit.role) == Some(TRAIN_LOSS)
}

impl KeyValue {
    /// The step of a line that has an epoch, or stands below one.
    pub(super) fn place(&mut self, line: &str, found: &Counters, fields: &mut Fields) -> Option<Match> {
        let announced = self.announced.filter(|_| found.epoch.is_none());
        let epoch = found.epoch.or(announced.map(|announced| announced.epoch))?;
        let inner = found
            .step_count
            .filter(|_| found.step.is_some())
            .or(found.unnamed)
            .or_else(|| announced?.within);
        let mut names = fields.values.iter().map(|(name, _)| *name);
        // Batches of held-out data count anew behind those of the epoch.
        let counts_anew = found.evaluated
            && self.counter.may_start_again()
            && inner.is_some_and(|count| self.counter.is_past(epoch.value, count.value))
            && !names.any(|name| is_train_loss(&mut self.names, name));
        let inner = inner.filter(|_| !counts_anew);
        if counts_anew {
            let is_step = |fit: Fit| fit.role == Role::Step;
            fields
                .values
                .retain(|(name, _)| !self.names.find(name).1.is_some_and(is_step));
        }
        if !found.has_loss {
            // A line that announces an epoch, or says of it what is of no use here.
            if found.step.is_none() && found.epoch.is_some() {
                if !looks_back(line) && !self.is_about_the_announced(epoch) {
                    let (within, data) = (found.unnamed, found.epoch_data);
                    self.mark(Announced { epoch, within, data }, fields);
                }
                return Some(self.rate(line, fields));
            }
            found.epoch?;
        }
        // An evaluation that states the step beside the epoch does so for the run, unless the
        // steps of such lines start again: no other line needs to count within an epoch then.
        let states_a_step = found.evaluated && inner.is_some_and(|count| count.of.is_none());
        self.has_epochs |= !states_a_step || self.counter.starts_again();
        if self.steps_of_run.is_some() && inner.and_then(|count| count.of) == self.steps_of_run {
            self.counter.assume_on();
        }
        let place = Place {
            epoch: epoch.value,
            epochs: epoch.of.or_else(|| self.epochs_announced(epoch)),
            iteration: inner.map(|count| count.value),
            iterations: inner.and_then(|count| count.of),
        };
        if inner.is_none() && (self.counts_on || self.counter.counts_iterations()) {
            // About a whole epoch, at its last iteration; its loss is a mean over the epoch.
            if self.stands_behind() {
                self.end_of_epoch(epoch, fields);
            }
            fields
                .values
                .retain(|(name, _)| !is_train_loss(&mut self.names, name));
            return Some(if found.evaluated { Match::Record } else { Match::No });
        }
        if inner.is_none()
            && let Some(matched) = self.batch(&place, found, fields)
        {
            return Some(matched);
        }
        if !found.useful {
            // Not about the training, whatever it counts.
            return Some(Match::No);
        }
        let (step, total) = self.counter.step(place);
        (fields.step, fields.total) = (Some(step), total);
        Some(Match::Record)
    }

    /// True where lines about epochs stand behind their batches, which do not name them.
    fn stands_behind(&self) -> bool {
        self.counts_on && self.announced.is_none()
    }

    /// True below a heading that says how many epochs there will be, for a line that does not:
    /// `Epoch 00099: val_acc did not improve`, which may count from 0, below `Epoch 100/100`.
    fn is_about_the_announced(&self, epoch: Count) -> bool {
        self.announced.is_some_and(|Announced { epoch: known, .. }| {
            let behind = known.value.checked_sub(epoch.value);
            known.of.is_some() && epoch.of.is_none() && behind.is_some_and(|behind| behind <= 1)
        })
    }

    /// How many epochs there will be, as the heading says that a line stands below.
    fn epochs_announced(&self, epoch: Count) -> Option<u64> {
        let announced = self.announced.filter(|_| self.is_about_the_announced(epoch));
        announced?.epoch.of
    }

    /// A line about nothing but an epoch stands above it, or behind its batches.
    fn mark(&mut self, announced: Announced, fields: &mut Fields) {
        if self.stands_behind() {
            self.end_of_epoch(announced.epoch, fields);
            return;
        }
        // The attempt before may have come no further than its first epoch.
        let falls_back = |known: Announced| announced.epoch.value < known.epoch.value;
        fields.begins_anew = self.announced.is_some_and(falls_back);
        self.announced = Some(announced);
    }

    /// The batches before this line are those of an epoch.
    fn end_of_epoch(&mut self, epoch: Count, fields: &mut Fields) {
        self.rounds.end(epoch.value);
        fields.revises |= self.rounds.revises();
        self.epochs = epoch.of.or(self.epochs);
        fields.relearn = true;
    }

    /// A line of an epoch without a counter may be about one of its batches.
    fn batch(&mut self, place: &Place, found: &Counters, fields: &mut Fields) -> Option<Match> {
        let names = &mut self.names;
        let loss = fields
            .values
            .iter()
            .map(|(name, _)| *name)
            .find(|name| is_train_loss(names, name));
        let Some(batch_loss) = &self.batches.loss else {
            if let Some(loss) = loss {
                self.batches.learn(place.epoch, loss);
            }
            return None;
        };
        if loss == Some(batch_loss) {
            fields.step = Some(self.batches.count(place.epoch));
            return Some(Match::Record);
        }
        // About the whole epoch, at its last batch.
        fields.values.retain(|(name, _)| !is_train_loss(names, name));
        fields.step = Some(self.batches.counted);
        Some(if found.evaluated { Match::Record } else { Match::No })
    }
}
