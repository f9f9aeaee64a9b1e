//! Divergence: the loss has left its best level upward and stays away.
//!
//! Medians over blocks of 20 points are compared with the best one so far. Noted
//! when they have been more than 5% (and five standard errors) above it for 60 points
//! or 3% of the run; a warning when more than 20%, for rises of less that came back
//! were seen in healthy runs of adaptive optimisers; critical when more than 30% for
//! twice as long, or when above the loss that the run started with. Clears when the
//! best level is reached again, or nearly (a quarter of the way).

use super::restart::Restart;
use super::robust::middle;
use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;

const KIND: &str = "divergence";
const BLOCK: usize = 20;
const RISE: f64 = 0.05;
const CLEAR_RISE: f64 = 0.0125;
const WARNING_RISE: f64 = 0.20;
const CRITICAL_RISE: f64 = 0.30;
const STANDARD_ERRORS: f64 = 5.0;
const BLOCKS_BEFORE_WARNING: u64 = 3;
const SHARE_BEFORE_WARNING: f64 = 0.03;
/// Learning rate, relative to that of the best block, above which a higher loss is
/// what a restart of the schedule does.
const RESTARTED_RATE: f64 = 1.5;
const REMEDY: &str = "Compare with a sibling run; restart from a checkpoint before the best step with a lower learning rate, \
                      and check what changed in the data there.";

/// The detector.
#[derive(Debug, Default)]
pub struct Divergence {
    block: Vec<f64>,
    first: Option<f64>,
    best: Option<Best>,
    blocks: u64,
    above_since: Option<u64>,
    blocks_above: u64,
    rate: f64,
    has_sign: bool,
    restart: Restart,
}

#[derive(Clone, Copy, Debug)]
struct Best {
    loss: f64,
    step: u64,
    rate: f64,
}

impl Detector for Divergence {
    fn observe(&mut self, row: Row<'_>, context: &Context, alerts: &mut AlertLog) {
        if let Some(rate) = row.value(Quantity::LearningRate) {
            self.rate = rate;
        }
        let Some(loss) = row.value(Quantity::TrainLoss).filter(|loss| loss.is_finite()) else {
            return;
        };
        let usual = self.best.map_or(f64::NAN, |best| best.loss);
        if self.restart.noticed(loss, row.value(Quantity::GradNorm), usual) {
            alerts.clear(KIND, row.step());
            *self = Divergence {
                rate: self.rate,
                restart: self.restart,
                ..Divergence::default()
            };
        }
        self.block.push(loss);
        if self.block.len() < BLOCK {
            return;
        }
        let level = middle(&mut self.block);
        let deviations = &mut self.block;
        deviations
            .iter_mut()
            .for_each(|value| *value = (*value - level).abs());
        let error = 1.4826 * 1.25 * middle(deviations) / (BLOCK as f64).sqrt();
        self.block.clear();
        self.judge(row.step(), level, error, context, alerts);
    }

    fn rewound(&mut self, step: u64) {
        self.block.clear();
        self.above_since = None;
        self.blocks_above = 0;
        if self.best.is_some_and(|best| best.step >= step) {
            self.best = None;
        }
    }
}

impl Divergence {
    fn judge(&mut self, step: u64, level: f64, error: f64, context: &Context, alerts: &mut AlertLog) {
        self.blocks += 1;
        // Where a loss passes through zero, shares of it mean nothing.
        if level <= 0.0 {
            self.has_sign = true;
        }
        if self.has_sign {
            return;
        }
        let first = *self.first.get_or_insert(level);
        let Some(best) = self.best.filter(|best| level > best.loss) else {
            self.best = Some(Best {
                loss: level,
                step,
                rate: self.rate,
            });
            self.above_since = None;
            self.blocks_above = 0;
            alerts.clear(KIND, step);
            return;
        };
        let limit = best.loss + (RISE * best.loss.abs()).max(STANDARD_ERRORS * error);
        let restarted = best.rate > 0.0 && self.rate > RESTARTED_RATE * best.rate;
        if level <= best.loss + CLEAR_RISE * best.loss.abs() {
            alerts.clear(KIND, step);
        }
        if level <= limit || restarted {
            self.above_since = None;
            self.blocks_above = 0;
            return;
        }
        let since = *self.above_since.get_or_insert(step);
        self.blocks_above += 1;
        let run = context.total_steps.unwrap_or(step).max(step) as f64;
        let share = step.saturating_sub(since) as f64 / run.max(1.0);
        let lasting = |times: u64| {
            self.blocks_above >= BLOCKS_BEFORE_WARNING * times && share >= SHARE_BEFORE_WARNING * times as f64
        };
        let above_start = level > first && self.blocks > 5 && self.blocks_above >= BLOCKS_BEFORE_WARNING;
        if !lasting(1) && !above_start {
            return;
        }
        let rise = (level - best.loss) / best.loss.abs().max(f64::MIN_POSITIVE);
        let severity = if above_start || (lasting(2) && rise > CRITICAL_RISE) {
            Severity::Critical
        } else if rise > WARNING_RISE {
            Severity::Warning
        } else {
            Severity::Info
        };
        let message = format!(
            "Loss has risen from {:.4} (step {}) to {level:.4} and stays there since step {since}",
            best.loss, best.step
        );
        alerts.raise(
            Alert::at(step, KIND, severity)
                .since(since)
                .value(level, limit)
                .says(message, REMEDY),
        );
    }
}
