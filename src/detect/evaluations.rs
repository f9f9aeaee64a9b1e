//! What a log's own evaluations say of the train loss beside them: data that change (a curriculum,
//! another mixture) move the train loss up and down, and the loss on held-out data goes on falling.

use crate::format::records::Row;
use crate::metric::Quantity;

/// Distances between evaluations after which the next one is overdue.
const OVERDUE: f64 = 1.5;

/// The evaluations of a run so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evaluations {
    best: Option<(u64, f64)>,
    /// Steps of the last two, the newer last.
    last: [Option<u64>; 2],
}

impl Evaluations {
    /// Takes the next record. Whether it holds a loss lower than all before; `None` without one.
    pub fn take(&mut self, row: &Row) -> Option<bool> {
        let loss = row.value(Quantity::EvalLoss).filter(|loss| loss.is_finite())?;
        let [_, last] = self.last;
        if last != Some(row.step()) {
            self.last = [last, Some(row.step())];
        }
        let falls = self.best.is_none_or(|(_, best)| loss < best);
        if falls {
            self.best = Some((row.step(), loss));
        }
        Some(falls)
    }

    /// True while the next one is still to be expected, as the distance of the last two tells.
    pub fn awaited(&self, step: u64) -> bool {
        let [Some(before), Some(last)] = self.last else {
            return false;
        };
        step.saturating_sub(last) as f64 <= OVERDUE * last.saturating_sub(before) as f64
    }

    /// The run went back to `step`.
    pub fn rewound(&mut self, step: u64) {
        self.last = [None; 2];
        self.best = self.best.filter(|(at, _)| *at < step);
    }
}
