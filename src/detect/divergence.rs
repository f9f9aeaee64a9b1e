//! Divergence: the loss has left its best level upward and stays away.
//!
//! The median of the last 20 points is compared with the best one so far. A rise counts
//! when it is more than five standard errors. Noted when it has been above 5% for 60 points
//! and 3% of the run; a warning when above 20% for ten points in a row, for smaller ones that
//! came back were seen in healthy runs of adaptive optimisers; critical when more than 30% for
//! twice as long as is noted, or when above the loss that the run started with. A spike that
//! is open tells of the rise itself. The best of very many levels is low by chance, and losses near
//! zero move by large shares of themselves: a rise counts only from 2% of the first loss on, and
//! warns only when it exceeds by half what was told before and came back. Clears when the best
//! level is nearly reached again (a quarter of the way).

use super::loss_spike;
use super::restart::Restart;
use super::robust::Bounded;
use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;
use crate::statistics::median;

const KIND: &str = "divergence";
/// Points whose median is the level.
const WIDTH: usize = 20;
const RISE: f64 = 0.05;
const CLEAR_RISE: f64 = 0.0125;
const CRITICAL_RISE: f64 = 0.30;
const STANDARD_ERRORS: f64 = 5.0;
/// Least rise, as a share of the loss that the run began with: near zero, ratios mean nothing.
const LEAST_RISE: f64 = 0.02;
/// A rise is a warning when it is so many times the largest that was told and came back.
const BEYOND: f64 = 1.5;
/// Points in a row above a rise before it is noted, and the share of the run that they span.
const POINTS_BEFORE_NOTE: u32 = 60;
const SHARE_BEFORE_NOTE: f64 = 0.03;
/// Points in a row before it is a warning.
const POINTS_BEFORE_WARNING: u32 = 10;
/// Points in all before a warning: the beginning may have a hump.
const FEW_POINTS: u32 = 60;
/// Points in all before a rise above the first level means anything.
const SETTLED: u32 = 100;
/// Learning rate, relative to that of the best block, above which a higher loss is
/// what a restart of the schedule does.
const RESTARTED_RATE: f64 = 1.5;
const REMEDY: &str = "Compare with a sibling run; restart from a checkpoint before the best step with a lower learning rate, \
                      and check what changed in the data there.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Divergence {
    /// Bounded by what [`Best::bounds`] says.
    last: Bounded<WIDTH, 3>,
    points: u32,
    first: Option<f64>,
    best: Option<Best>,
    above_since: Option<u64>,
    /// Points in a row above what is noted, and above what is a warning.
    noted: u32,
    warned: u32,
    /// Points since the last one within a spike.
    since_spike: u32,
    rate: f64,
    has_sign: bool,
    restart: Restart,
    /// The largest rise, as a share, since the alert that is open was raised...
    peak: f64,
    /// ...and of all that were told and came back.
    came_back: f64,
}

#[derive(Clone, Copy, Debug)]
struct Best {
    loss: f64,
    step: u64,
    rate: f64,
}

impl Best {
    /// A level at or below the first is as good; at or below the second the run is back, and
    /// only above the third it has risen.
    fn bounds(&self) -> [f64; 3] {
        [
            self.loss,
            self.loss + CLEAR_RISE * self.loss,
            self.loss * (1.0 + RISE),
        ]
    }
}

impl Detector for Divergence {
    fn watches(&self) -> &'static [Quantity] {
        &[Quantity::TrainLoss, Quantity::LearningRate]
    }

    fn expects_the_loss_to_fall(&self) -> bool {
        true
    }

    fn observe(&mut self, row: &Row, context: &Context, alerts: &mut AlertLog) {
        if let Some(rate) = row.value(Quantity::LearningRate) {
            self.rate = rate;
        }
        let Some(loss) = row.value(Quantity::TrainLoss).filter(|loss| loss.is_finite()) else {
            return;
        };
        let last = &self.last;
        let largest = || last.ascending().last().copied().unwrap_or(f64::NAN);
        if self.restart.noticed(loss, row.value(Quantity::GradNorm), largest) {
            alerts.clear(KIND, row.step());
            *self = Divergence {
                rate: self.rate,
                restart: self.restart,
                ..Divergence::default()
            };
        }
        // Where a loss passes through zero, shares of it mean nothing.
        self.has_sign |= loss <= 0.0;
        self.points = self.points.saturating_add(1);
        self.last.push(loss);
        if self.last.count() < WIDTH || self.has_sign {
            return;
        }
        self.judge(row.step(), context, alerts);
    }

    fn rewound(&mut self, step: u64) {
        self.last.clear();
        self.not_above();
        if self.best.is_some_and(|best| best.step >= step) {
            self.best = None;
        }
    }
}

impl Divergence {
    fn not_above(&mut self) {
        self.above_since = None;
        (self.noted, self.warned) = (0, 0);
    }

    /// The loss is back. What has come back once is usual in this run.
    fn clear(&mut self, step: u64, alerts: &mut AlertLog) {
        if alerts.open(KIND).is_some() {
            self.came_back = self.came_back.max(self.peak);
            alerts.clear(KIND, step);
        }
        self.peak = 0.0;
    }

    fn judge(&mut self, step: u64, context: &Context, alerts: &mut AlertLog) {
        let [as_good, back, not_risen] = self.last.median_is_within();
        let Some(best) = self.best.filter(|_| !as_good) else {
            let best = Best {
                loss: self.last.median(),
                step,
                rate: self.rate,
            };
            self.first.get_or_insert(best.loss);
            self.last.set_bounds(best.bounds());
            self.best = Some(best);
            self.not_above();
            self.clear(step, alerts);
            return;
        };
        if back {
            self.clear(step, alerts);
        }
        let restarted = best.rate > 0.0 && self.rate > RESTARTED_RATE * best.rate;
        // Most records end here.
        if not_risen || restarted {
            return self.not_above();
        }
        let values = self.last.ascending();
        let level = values.get(WIDTH / 2).copied().unwrap_or(best.loss);
        let first = self.first.unwrap_or(level);
        let low = values.get(WIDTH / 4).copied().unwrap_or(level);
        let mut deviations: Vec<f64> = values.iter().map(|value| (value - level).abs()).collect();
        let error = 1.4826 * 1.25 * median(&mut deviations) / (WIDTH as f64).sqrt();
        let least = (RISE * best.loss).max(STANDARD_ERRORS * error);
        let limit = best.loss + least.max(LEAST_RISE * first);
        if level <= limit {
            return self.not_above();
        }
        let since = *self.above_since.get_or_insert(step);
        let rise = (level - best.loss) / best.loss.max(f64::MIN_POSITIVE);
        self.noted += 1;
        self.peak = self.peak.max(rise);
        // Where batches are of two kinds the median leaps from one to the other: the lower
        // quarter must have risen too.
        if alerts.open(loss_spike::KIND).is_some() {
            self.since_spike = 0;
        }
        self.since_spike = self.since_spike.saturating_add(1);
        let of_a_spike = self.since_spike <= WIDTH as u32;
        let warns = rise > context.thresholds.divergence_rise.max(BEYOND * self.came_back)
            && low > best.loss * (1.0 + RISE)
            && self.points > FEW_POINTS;
        self.warned = if warns && !of_a_spike { self.warned + 1 } else { 0 };
        let run = context.total_steps.unwrap_or(step).max(step) as f64;
        let share = step.saturating_sub(since) as f64 / run.max(1.0);
        let lasting = |times: u32| {
            self.noted >= POINTS_BEFORE_NOTE * times && share >= SHARE_BEFORE_NOTE * f64::from(times)
        };
        let above_start = level > first && warns && self.points > SETTLED && self.noted >= POINTS_BEFORE_NOTE;
        let severity = if above_start || (lasting(2) && rise > CRITICAL_RISE) {
            Severity::Critical
        } else if self.warned >= POINTS_BEFORE_WARNING {
            Severity::Warning
        } else if lasting(1) {
            Severity::Info
        } else {
            return;
        };
        if alerts.open(KIND).is_some_and(|open| open.severity >= severity) {
            return;
        }
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
