//! Passes over data that are counted by their batches: what the lines about single batches
//! say of the run.

use super::bare_counts::Count;
use super::held_out::Data;
use crate::format::counters::{EpochCounter, Place};
use std::collections::BTreeSet;

/// Batches that a log tells one by one without counting them: `Epoch 1 - Batch loss: 12.1`.
#[derive(Clone, Debug, Default)]
pub struct Batches {
    /// Name of the loss of a batch, when there is one.
    pub loss: Option<String>,
    epoch: u64,
    /// Those seen in a row within one epoch.
    in_epoch: u32,
    /// Those of the run.
    pub counted: u64,
}

impl Batches {
    /// More train losses of one name in an epoch than ranks that may have written them.
    const MANY: u32 = 12;

    /// The same kind of batches, at the start of the log.
    pub fn again(&self) -> Self {
        Batches {
            loss: self.loss.clone(),
            ..Batches::default()
        }
    }

    /// Looks for such lines: a line of this epoch holds these losses and no counter.
    pub fn learn(&mut self, epoch: u64, loss: &str) {
        self.in_epoch = if epoch == self.epoch { self.in_epoch + 1 } else { 1 };
        self.epoch = epoch;
        if self.in_epoch >= Self::MANY {
            self.loss = Some(loss.to_owned());
        }
    }

    /// The number of the batch that such a line is about.
    pub fn count(&mut self, epoch: u64) -> u64 {
        if epoch < self.epoch {
            self.counted = 0;
        }
        self.epoch = epoch;
        self.counted += 1;
        self.counted
    }
}

/// Passes over held-out data that are told batch by batch, with a counter of their own, and
/// at their end as a whole: only the whole is an evaluation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evaluations {
    /// Batches of a pass over the training data.
    training: Option<u64>,
    /// The last batch of training.
    trained: u64,
    /// Batches of a pass over held-out data have counted from below that, and go on.
    inside: bool,
    /// Some line told of a whole evaluation.
    told_whole: bool,
    /// What follows is of an evaluation that was announced.
    announced: bool,
}

impl Evaluations {
    /// What was seen of a log, at the start of that log.
    pub fn again(self) -> Self {
        Evaluations {
            told_whole: self.told_whole,
            ..Evaluations::default()
        }
    }

    /// A line of training counts like this.
    pub fn train(&mut self, count: Count) {
        self.training = count.of.or(self.training);
        (self.trained, self.inside) = (count.value, false);
    }

    /// A line told of a whole evaluation.
    pub fn whole(&mut self) {
        self.told_whole = true;
    }

    /// True once some line told of a whole evaluation.
    pub fn told_whole(&self) -> bool {
        self.told_whole
    }

    /// True for a line about a part of an evaluation, by its counter.
    pub fn is_part(&mut self, count: Count) -> bool {
        let counts_another_way = match count.of {
            Some(_) => self.training.is_some() && count.of != self.training,
            None => {
                self.inside |= count.value < self.trained;
                self.inside
            }
        };
        self.told_whole && counts_another_way
    }

    /// Paddle's `Model.fit` announces an evaluation, and then tells of its batches as it does
    /// of those of training. True for the line that announces it.
    pub fn announce(&mut self, line: &str) -> bool {
        let begins = line.trim_start().starts_with("Eval begin");
        self.announced |= begins;
        begins
    }

    /// True while an announced evaluation goes on, which is until the next epoch is announced.
    pub fn goes_on(&mut self, announces_epoch: bool) -> bool {
        self.announced &= !announces_epoch;
        self.announced
    }
}

/// Passes over held-out data of which a line about a batch tells the mean up to there: that of the
/// last line is the mean of the pass. Of the passes between two lines of training the first counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunningMeans {
    /// Some line told of a whole pass: those about its batches tell nothing more.
    told_whole: bool,
    /// Some pass was over validation data: those over test data are no evaluations.
    validates: bool,
    /// Data of the pass at hand.
    data: Option<Data>,
    /// The batch of its last line.
    last: u64,
    /// The mean at the last line, behind which the pass may have ended.
    mean: Option<f64>,
    /// A mean was handed out since the last line of training.
    evaluated: bool,
    /// The last line was, because none followed for now.
    rested: bool,
    /// Some mean was handed out.
    told: bool,
    /// What was handed out would not have been, had this been known before.
    revises: bool,
}

impl RunningMeans {
    /// What was learnt of a log, at the start of that log.
    pub fn again(self) -> Self {
        RunningMeans {
            told_whole: self.told_whole,
            validates: self.validates,
            ..RunningMeans::default()
        }
    }

    /// Takes the mean up to a batch; returns that of a pass that is over. Where only every tenth
    /// batch or so is told, the next line must show it, see [`RunningMeans::end`].
    pub fn batch(&mut self, data: Data, count: Count, mean: f64) -> Option<f64> {
        if data == Data::Validation && !self.validates {
            self.validates = true;
            self.revises |= self.told;
        }
        let rested = std::mem::take(&mut self.rested);
        let of_the_pass_before = if self.data == Some(data) && count.value > self.last {
            self.revises |= rested;
            None
        } else {
            let before = self.end();
            (self.data, self.last) = (Some(data), 0);
            before
        };
        let interval = count.value.saturating_sub(self.last);
        self.last = count.value;
        // Batches count from 0, and most often to how many there are.
        let is_last = Some(count.value.saturating_add(1)) >= count.of;
        let may_be_last = is_last || Some(count.value.saturating_add(interval)) >= count.of;
        self.mean = Some(mean).filter(|_| may_be_last);
        match of_the_pass_before {
            None if is_last => self.end(),
            before => before,
        }
    }

    /// Something else follows. The mean of the pass, if that is over.
    pub fn end(&mut self) -> Option<f64> {
        self.rested = false;
        let mean = self.mean.take()?;
        let counts = self.is_evaluation() && !self.told_whole && !self.evaluated;
        (self.evaluated, self.told) = (self.evaluated || counts, self.told || counts);
        counts.then_some(mean)
    }

    /// Nothing follows for now. The mean of the pass, if that may be over.
    pub fn rest(&mut self) -> Option<f64> {
        let mean = self.end();
        self.rested = mean.is_some();
        mean
    }

    /// A line of training follows, which returns the mean of the pass before it.
    pub fn train(&mut self) -> Option<f64> {
        // That goes with the line, where there is one.
        self.revises |= self.rested;
        let mean = self.end();
        (self.data, self.evaluated) = (None, false);
        mean
    }

    /// A line tells of a whole pass. True where that is an evaluation.
    pub fn whole(&mut self) -> bool {
        self.revises |= self.told && !self.told_whole;
        self.told_whole = true;
        self.is_evaluation()
    }

    fn is_evaluation(&self) -> bool {
        !(self.validates && self.data == Some(Data::Test))
    }

    /// True when the file is to be read again with what was learnt.
    pub fn revises(&mut self) -> bool {
        std::mem::take(&mut self.revises)
    }
}

/// Epochs by another name: `iteration:2 step:56/1044`, where the second counter starts again when
/// the first goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nested {
    last: Option<(u64, u64)>,
    seen: bool,
}

impl Nested {
    /// The step over all epochs; `None` while the counters have not shown that they are nested.
    pub fn step(&mut self, outer: u64, inner: Count) -> Option<u64> {
        let length = inner.of?;
        let before = self.last.replace((outer, inner.value));
        self.seen |=
            before.is_some_and(|(epoch, step)| epoch.checked_add(1) == Some(outer) && inner.value < step);
        let done = outer.saturating_sub(1).saturating_mul(length);
        self.seen.then(|| done.saturating_add(inner.value))
    }

    /// True for two counters that may be nested: they do not count the same.
    pub fn may_be(&self, outer: u64, inner: Count) -> bool {
        inner.of.is_some() && (self.seen || outer.abs_diff(inner.value) > 1)
    }
}

/// Epochs that the lines about their batches do not name: the counter of the batches starts again once it
/// is full, or once a line has told that the epoch is over.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    last: u64,
    /// The rounds before, by number.
    round: u64,
    counter: EpochCounter,
    /// The first epoch that was told of, and the last one.
    told: Option<(u64, u64)>,
    /// How many times an epoch was told to be over...
    ends: u64,
    /// ...and those times, by number, behind which another training has begun.
    ends_of_trainings: BTreeSet<u64>,
    /// The round that comes next is the first one of another training.
    begins_anew: bool,
    /// What was handed out would not have been, had this been known before.
    revises: bool,
    /// The next count is the first one of a round.
    is_over: bool,
    /// The counter has gone on behind a line that told so: it is that of the run.
    runs_on: bool,
}

impl Rounds {
    /// What was learnt of a log, at the start of that log.
    pub fn again(&self) -> Self {
        Rounds {
            runs_on: self.runs_on,
            ends_of_trainings: self.ends_of_trainings.clone(),
            ..Rounds::default()
        }
    }

    /// The step of this count over all rounds. A full counter that starts again goes on where it is
    /// known to count `within` epochs, or has shown it: that of the run is one of another training.
    pub fn step(&mut self, count: Count, within: bool) -> u64 {
        let is_over = std::mem::take(&mut self.is_over);
        self.runs_on |= is_over && self.last > 0 && count.value > self.last;
        let is_known = count.of.is_some();
        if count.value < self.last || is_over && is_known && count.value == self.last {
            let is_within = within || self.length().is_some();
            let was_full = is_within && is_known && count.of == Some(self.last);
            let begins_anew = std::mem::take(&mut self.begins_anew);
            let goes_on = !begins_anew && (was_full || is_over && (is_known || !self.runs_on));
            self.round = if goes_on { self.round.saturating_add(1) } else { 0 };
        }
        self.last = count.value;
        self.counter.step(Place {
            epoch: self.round,
            epochs: None,
            iteration: Some(count.value),
            iterations: count.of,
        })
    }

    /// A line with this count was read by itself, as one of the run.
    pub fn pass(&mut self, value: u64) {
        self.last = value;
    }

    /// A line tells that an epoch is over. The first one, when others were told or another round was counted
    /// since, is of another training, which has begun behind the line before it.
    pub fn end(&mut self, epoch: u64) {
        let (first, last) = self.told.unwrap_or((epoch, epoch));
        if epoch <= first && (epoch < last || self.round > 0) {
            self.revises |= self.round > 0 && self.ends_of_trainings.insert(self.ends);
            self.round = 0;
        }
        self.ends += 1;
        self.begins_anew = self.ends_of_trainings.contains(&self.ends);
        self.told = Some((first, epoch));
        self.close();
    }

    /// A line announces an epoch. The first one, when it was announced before, is of another training.
    pub fn begin(&mut self, epoch: u64) {
        self.begins_anew = self.told.is_some_and(|(first, _)| epoch <= first);
        self.told = Some((self.told.map_or(epoch, |(first, _)| first), epoch));
    }

    /// True when the file is to be read again with what was learnt.
    pub fn revises(&mut self) -> bool {
        std::mem::take(&mut self.revises)
    }

    /// The next count is of another round, even where it is the same.
    pub fn close(&mut self) {
        self.is_over = true;
    }

    /// True once the counter has shown that it goes on over epochs.
    pub fn run_on(&self) -> bool {
        self.runs_on
    }

    /// Batches of a round, once one is over: the counter does not go on over epochs.
    pub fn length(&self) -> Option<u64> {
        self.counter.length().filter(|_| self.round > 0)
    }
}
