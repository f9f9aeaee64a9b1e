//! A plateau: no progress for half of the run.
//!
//! Power laws halve their remaining distance again and again, so a run that learns finds
//! a new best level within a doubling of its steps. Worth a word when the best median of
//! 20 points lies before half of the steps, at least ten such blocks ago, while the
//! learning rate is at least a tenth of its peak. It knows nothing of the fitted law,
//! so that it stays a function of the records. Clears with a new best.

use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;
use crate::statistics::median;

const KIND: &str = "plateau";
const BLOCK: usize = 20;
const BLOCKS_WITHOUT_PROGRESS: u32 = 10;
/// Share of the learning-rate peak below which no progress is expected.
const RATE: f64 = 0.1;
const REMEDY: &str = "A constant learning rate may have given what it can: decay it. If the loss never fell, look for frozen \
                      parameters, a rate of zero or shuffled labels.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Plateau {
    block: Vec<f64>,
    best: Option<(u64, f64)>,
    blocks_since: u32,
    rate: Option<f64>,
    peak: f64,
}

impl Detector for Plateau {
    fn watches(&self) -> &'static [Quantity] {
        &[Quantity::TrainLoss, Quantity::LearningRate]
    }

    fn expects_the_loss_to_fall(&self) -> bool {
        true
    }

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        if let Some(rate) = row.value(Quantity::LearningRate) {
            self.rate = Some(rate);
            self.peak = self.peak.max(rate);
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
        let Some((best_step, best)) = self.best.filter(|(_, best)| !below(*best)) else {
            self.best = Some((step, median(&mut self.block)));
            self.block.clear();
            self.blocks_since = 0;
            alerts.clear(KIND, step);
            return;
        };
        self.blocks_since += 1;
        let rate_is_up = self.rate.is_none_or(|rate| rate >= RATE * self.peak);
        if self.blocks_since < BLOCKS_WITHOUT_PROGRESS || best_step > step / 2 || !rate_is_up {
            self.block.clear();
            return;
        }
        let level = median(&mut self.block);
        self.block.clear();
        let message = format!(
            "No progress since step {best_step}: the loss was {best:.4} there and is {level:.4} at step {step}"
        );
        alerts.raise(
            Alert::at(step, KIND, Severity::Info)
                .since(best_step)
                .value(level, best)
                .says(message, REMEDY),
        );
    }

    fn rewound(&mut self, step: u64) {
        self.block.clear();
        self.blocks_since = 0;
        if self.best.is_some_and(|(best, _)| best >= step) {
            self.best = None;
        }
    }
}
