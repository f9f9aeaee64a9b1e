//! The length of an epoch, as the records and the bars of a sample show it.

use super::bar::Bar;
use super::interval::ROUNDING;

/// What a training of the sample has shown of the length of its epochs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Training {
    /// Train records.
    pub(super) lines: u64,
    /// The epoch of the last one.
    pub(super) epoch: f64,
    /// Planned steps, as the bar or the summary has them.
    pub(super) total: Option<f64>,
}

impl Training {
    /// The steps of an epoch where the records are so far apart: the plan is a whole number of
    /// epochs.
    pub(super) fn epoch_length(&self, interval: u64) -> Option<f64> {
        const CLEAR: f64 = 0.05;
        let total = self.total?;
        let epochs = total * self.epoch / self.lines.saturating_mul(interval) as f64;
        let whole = epochs.round();
        let error = whole * ROUNDING / self.epoch;
        (whole >= 1.0 && error < CLEAR && (epochs - whole).abs() <= error).then(|| total / whole)
    }
}

/// What the bars tell of the length of an epoch where they are drawn now and then, such as with
/// every evaluation: then they stand where the records before them do.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    /// The last epoch that was told.
    pub(super) epoch: Option<f64>,
    bar: Option<Bar>,
    bars: usize,
    /// The steps of an epoch, as the last bar has it, and that all have it so.
    length: Option<f64>,
    agree: bool,
}

impl Lengths {
    pub(super) fn see(&mut self, bar: Bar) {
        const ALIKE: f64 = 0.02;
        if self.bar == Some(bar) || bar.done == 0 {
            return;
        }
        self.bar = Some(bar);
        self.bars += 1;
        let length = self
            .epoch
            .filter(|epoch| *epoch > 0.0)
            .map(|epoch| bar.done as f64 / epoch);
        let alike = |one: f64, other: f64| (one - other).abs() < ALIKE * other;
        self.agree = match (length, self.length) {
            (Some(length), Some(before)) => self.agree && alike(length, before),
            // The whole run is a whole number of epochs.
            (Some(length), None) => {
                let epochs = bar.total as f64 / length;
                epochs > 0.5 && alike(epochs, epochs.round())
            }
            (None, _) => false,
        };
        self.length = length;
    }

    /// The steps of an epoch, where a few bars agree on it among so many records.
    pub(super) fn of_an_epoch(&self, records: usize) -> Option<f64> {
        self.length.filter(|_| self.agree && self.bars * 3 < records)
    }
}
