//! Who writes the records: each counts once.

use super::dict::{dict, value_of};
use crate::format::text::wrapper::rank;

/// One trainer of each node writes every record: those of the first to write count. A callback
/// may write them too (AutoTrain), with all digits of the epoch, before the trainer rounds it.
#[derive(Clone, Debug, Default)]
pub(super) struct Writer {
    pub(super) rank: Option<u32>,
    /// Loss, learning rate and epoch of the last record.
    told: Option<[f64; 3]>,
    /// Some were written already.
    pub(super) repeats: bool,
}

impl Writer {
    /// True for a record that was written already, or that another rank writes as well.
    pub(super) fn is_another(&mut self, line: &str) -> bool {
        if rank(line.as_bytes()).is_some_and(|rank| *self.rank.get_or_insert(rank) != rank) {
            return true;
        }
        let told = dict(line).and_then(|dict| {
            let value = |wanted| value_of(dict, wanted);
            Some([value("loss")?, value("learning_rate")?, value("epoch")?])
        });
        let is_repeated = self.told.zip(told).is_some_and(|([loss, rate, epoch], now)| {
            let has_all_digits = (epoch * 1e5).fract() != 0.0;
            has_all_digits
                && [loss, rate] == [now[0], now[1]]
                && (epoch * 100.0).round() == (now[2] * 100.0).round()
        });
        self.told = told;
        self.repeats |= is_repeated;
        is_repeated
    }
}
