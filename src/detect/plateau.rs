//! A plateau: no progress for half of the run.
//!
//! Power laws halve their remaining distance again and again, so a run that learns finds
//! a new best level within a doubling of its steps. Worth a word when the best median of
//! 20 points lies before half of the steps, at least ten such blocks ago, while the
//! learning rate is at least a tenth of its peak. It knows nothing of the fitted law,
//! so that it stays a function of the records. Clears with a new best.
//!
//! The best of many levels is low by chance where batches are small or differ: nothing is said while
//! the eval loss has fallen in the second half of that time, nor where the blocks scatter so much that
//! their mean would not show progress.

use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;
use crate::statistics::median;
use crate::text;

const KIND: &str = "plateau";
const BLOCK: usize = 20;
const BLOCKS_WITHOUT_PROGRESS: u32 = 10;
/// Share of the learning-rate peak below which no progress is expected.
const RATE: f64 = 0.1;
/// Change of the learning rate since the best level, as a share, from which it is not constant.
const MOVED: f64 = 0.01;
/// Fall of the eval loss, as a share, that is progress.
const EVAL_PROGRESS: f64 = 0.002;
/// Standard error of the mean level, as a share of it, above which progress could not be seen.
const RESOLUTION: f64 = 0.01;
const REMEDY: &str = "A constant learning rate may have given what it can: decay it. If the loss never fell, look for frozen \
                      parameters, a rate of zero or shuffled labels.";
const REMEDY_OF_A_SCHEDULE: &str = "The learning rate has moved in that time, so its schedule may yet bring it down. If the loss \
                                    never fell, look for frozen parameters, too high a rate or shuffled labels.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Plateau {
    block: Vec<f64>,
    best: Option<Best>,
    /// The levels of the blocks since the best one.
    since: Scatter,
    /// The eval loss and the step when it last made progress.
    eval: Option<(f64, u64)>,
    rate: Option<f64>,
    peak: f64,
}

#[derive(Clone, Copy, Debug)]
struct Best {
    step: u64,
    loss: f64,
    rate: Option<f64>,
}

/// Mean and scatter of levels, one after the other (Welford).
#[derive(Clone, Copy, Debug, Default)]
struct Scatter {
    count: u32,
    mean: f64,
    /// Sum of the squares of the deviations from the mean.
    squares: f64,
}

impl Scatter {
    fn push(&mut self, level: f64) {
        self.count += 1;
        let off = level - self.mean;
        self.mean += off / f64::from(self.count);
        self.squares += off * (level - self.mean);
    }

    /// Standard error of the mean.
    fn error(&self) -> f64 {
        let count = f64::from(self.count);
        (self.squares / (count * (count - 1.0))).sqrt()
    }
}

impl Detector for Plateau {
    const WATCHES: &'static [Quantity] = &[Quantity::TrainLoss, Quantity::EvalLoss, Quantity::LearningRate];
    const EXPECTS_THE_LOSS_TO_FALL: bool = true;

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        if let Some(rate) = row.value(Quantity::LearningRate) {
            self.rate = Some(rate);
            self.peak = self.peak.max(rate);
        }
        if let Some(eval) = row.value(Quantity::EvalLoss).filter(|loss| loss.is_finite()) {
            let falls = |(best, _): (f64, u64)| best - eval > EVAL_PROGRESS * best.abs();
            if self.eval.is_none_or(falls) {
                self.eval = Some((eval, row.step()));
            }
        }
        let Some(loss) = row.value(Quantity::TrainLoss).filter(|loss| loss.is_finite()) else {
            return;
        };
        self.block.push(loss);
        if self.block.len() < BLOCK {
            return;
        }
        let step = row.step();
        // The median is below the best level when more than half of the block are.
        let below = |best: f64| self.block.iter().filter(|loss| **loss < best).count() > BLOCK / 2;
        let Some(best) = self.best.filter(|best| !below(best.loss)) else {
            self.best = Some(Best {
                step,
                loss: median(&mut self.block),
                rate: self.rate,
            });
            self.block.clear();
            self.since = Scatter::default();
            alerts.clear(KIND, step);
            return;
        };
        let level = median(&mut self.block);
        self.block.clear();
        self.since.push(level);
        let eval_falls = self
            .eval
            .is_some_and(|(_, fell)| fell > best.step + step.saturating_sub(best.step) / 2);
        if eval_falls {
            alerts.clear(KIND, step);
            return;
        }
        let rate_is_up = self.rate.is_none_or(|rate| rate >= RATE * self.peak);
        let is_clear = self.since.error() <= RESOLUTION * self.since.mean.abs();
        if self.since.count < BLOCKS_WITHOUT_PROGRESS || best.step > step / 2 || !rate_is_up || !is_clear {
            return;
        }
        let message = format!(
            "No progress since step {}: the loss was {} there and is {} at step {step}",
            best.step,
            text::loss(best.loss),
            text::loss(level)
        );
        let moved = |(then, now): (f64, f64)| (now - then).abs() > MOVED * then.abs();
        let remedy = if best.rate.zip(self.rate).is_some_and(moved) {
            REMEDY_OF_A_SCHEDULE
        } else {
            REMEDY
        };
        alerts.raise(
            Alert::at(step, KIND, Severity::Info)
                .since(best.step)
                .value(level, best.loss)
                .says(message, remedy),
        );
    }

    fn rewound(&mut self, step: u64) {
        self.block.clear();
        self.since = Scatter::default();
        self.eval = self.eval.filter(|(_, fell)| *fell < step);
        if self.best.is_some_and(|best| best.step >= step) {
            self.best = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    /// What is advised where the loss stands still from step 200 on, with this learning rate, in
    /// batches that differ by `noise`, beside these evaluations.
    fn advised(
        rate: impl Fn(u64) -> f64,
        noise: impl Fn(u64) -> f64,
        eval: impl Fn(u64) -> Option<f64>,
    ) -> &'static str {
        let mut detector = Plateau::default();
        let mut alerts = AlertLog::default();
        for step in 0..1000u64 {
            let loss = 2.0 + (200.0 - step as f64).max(0.0) / 100.0 + noise(step);
            let mut values = vec![(Quantity::TrainLoss, loss), (Quantity::LearningRate, rate(step))];
            values.extend(eval(step).map(|eval| (Quantity::EvalLoss, eval)));
            let mut batch = Records::default();
            batch.push(step, &values);
            detector.observe(&batch.row(0), &Context::default(), &mut alerts);
        }
        alerts.all().first().map_or("", |alert| alert.remedy)
    }

    fn small(step: u64) -> f64 {
        0.01 * (step % 7) as f64
    }

    /// Like that of batches of a few sequences.
    fn large(step: u64) -> f64 {
        6.0 * (step * step * 7919 % 1009) as f64 / 1009.0
    }

    #[test]
    fn only_a_constant_rate_is_called_so() {
        assert_eq!(advised(|_| 1e-3, small, |_| None), REMEDY);
        assert_eq!(
            advised(|step| 1e-3 * (1.0 - step as f64 / 2000.0), small, |_| None),
            REMEDY_OF_A_SCHEDULE
        );
    }

    #[test]
    fn noise_is_none_nor_is_a_train_loss_that_stands_while_the_eval_loss_falls() {
        let falls = |step: u64| (step % 50 == 49).then_some(1.2 - 1e-4 * step as f64);
        let stands = |step: u64| (step % 50 == 49).then_some(1.2 - 1e-4 * step.min(300) as f64);
        assert_eq!(advised(|_| 1e-3, small, falls), "");
        assert_eq!(advised(|_| 1e-3, small, stands), REMEDY);
        assert_eq!(advised(|_| 1e-3, large, |_| None), "");
    }
}
