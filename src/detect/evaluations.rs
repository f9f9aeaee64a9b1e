//! What a log's own evaluations say of the train loss beside them: data that change (a curriculum,
//! another mixture) move the train loss up and down, and the loss on held-out data goes on falling.

use super::robust::Recent;
use crate::format::records::Row;
use crate::metric::Quantity;

/// Distances between evaluations after which the next one is overdue.
const OVERDUE: f64 = 1.5;
/// Evaluations that tell the noise, at most and at least.
const RECENT: usize = 8;
const FEW: usize = 3;
/// Least fall that means anything, as a share of the loss.
const FALL: f64 = 0.005;
/// Rise of the train loss, as a share, that is one.
const RISE: f64 = 0.05;
/// New lows, one below the other, that no noise explains.
const LOWS: u32 = 3;
/// Share of their fall that the last evaluation may have lost again.
const MOST_LOST: f64 = 0.1;

/// The evaluations of a run so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evaluations {
    best: Option<Best>,
    /// The last ones outside rises of the train loss.
    recent: Recent<RECENT>,
    /// Steps of the last two, the newer last.
    last: [Option<u64>; 2],
    /// The last one that fell below all before it.
    low: Option<f64>,
    /// Lowest level of the train loss at an evaluation.
    train_low: Option<f64>,
    /// The evaluations that fell below all before them since the train loss has left that level.
    lows: u32,
    /// The lowest one before them.
    from: f64,
    /// The last one.
    now: f64,
}

#[derive(Clone, Copy, Debug)]
struct Best {
    loss: f64,
    step: u64,
    /// Level of the train loss at it, NaN when unknown.
    train: f64,
}

/// What an evaluation says of the run, against the best one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It fell beyond all noise while the train loss rose.
    Better,
    /// It fell, but that may be chance, or the train loss is lower too.
    Unclear,
    /// It did not fall.
    NoBetter,
}

impl Evaluations {
    /// Takes the next record. `train` is the level of the train loss, and `risen` says that it lies
    /// above its best one. What the evaluation says, if the record holds one and it is not the first.
    pub fn take(&mut self, row: &Row, train: impl Fn() -> f64, risen: bool) -> Option<Verdict> {
        let loss = row.value(Quantity::EvalLoss).filter(|loss| loss.is_finite())?;
        let step = row.step();
        let [_, last] = self.last;
        if last != Some(step) {
            self.last = [last, Some(step)];
        }
        let train = train();
        let verdict = self.best.map(|best| {
            if loss >= best.loss {
                Verdict::NoBetter
            } else if train > best.train && best.loss - loss > self.noise(best.loss) {
                Verdict::Better
            } else {
                Verdict::Unclear
            }
        });
        // Within a rise small falls add up, from the best one before it.
        let kept = self
            .best
            .is_some_and(|best| verdict != Some(Verdict::Better) && risen && train > best.train);
        if verdict != Some(Verdict::NoBetter) && !kept {
            self.best = Some(Best { loss, step, train });
        }
        if !risen {
            self.recent.push(loss);
        }
        verdict
    }

    /// Takes the same record for [`Evaluations::fall_on`], once there is a level of the train loss.
    pub fn follow(&mut self, row: &Row, train: f64) {
        let Some(loss) = row.value(Quantity::EvalLoss).filter(|loss| loss.is_finite()) else {
            return;
        };
        let train_low = self.train_low.unwrap_or(train);
        self.train_low = Some(train_low.min(train));
        let is_above = train > train_low + RISE * train_low.abs();
        self.now = loss;
        if !is_above {
            self.lows = 0;
        }
        if self.lows == 0 {
            self.from = self.low.map_or(loss, |low| low.min(loss));
        }
        let falls = self.low.is_none_or(|low| loss < low - FALL * low.abs());
        if falls {
            self.low = Some(loss);
            self.lows += u32::from(is_above);
        }
    }

    /// True at `step` while evaluations have fallen to one low after another since the train loss rises, and the
    /// last has lost hardly any of that, nor is the next one overdue: what is trained on has become harder, as in a
    /// curriculum.
    pub fn fall_on(&self, step: u64) -> bool {
        let keeps = |low: f64| self.now - low <= MOST_LOST * (self.from - low);
        self.lows >= LOWS && self.low.is_some_and(keeps) && self.awaited(step)
    }

    /// The fall that may be chance: as much as evaluations rose between two of them.
    fn noise(&self, best: f64) -> f64 {
        if self.recent.count() < FEW {
            return f64::INFINITY;
        }
        let successive = self.recent.last(RECENT).zip(self.recent.last(RECENT).skip(1));
        let rises = successive.map(|(one, next)| next - one);
        rises.fold(FALL * best.abs(), f64::max)
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
        (self.low, self.train_low) = (None, None);
        self.lows = 0;
        self.recent.clear();
        self.best = self.best.filter(|best| best.step < step);
    }
}
