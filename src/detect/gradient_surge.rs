//! Gradient surges: a norm far above its level, or growing exponentially.
//!
//! A norm that doubles is normal in half of all healthy runs. What is not (measured
//! false alarms per 10,000 points): ten times the trailing median with a robust z of
//! the log above 8 in two of three records (0.05); two rises in a row of 1.5 times each, four times in all, with z
//! above 6 in a log of every step (0); a log-linear growth over 20 points that doubles
//! in fewer than 10, with R squared above 0.8 and four times in all (0.2). A single
//! record of ten times is noted (1 in 10,000 records of healthy logs of every step).
//!
//! In a sparse log a surge is only noted: it came with no harm in several healthy runs,
//! and the loss itself says as soon when it does harm. A norm above [`ABSURD`] that
//! grows in five records in a row needs no history. In a run with a loss scale the norm
//! may be printed multiplied by it, so there the absolute value says nothing.
//!
//! Clears when the norm has been below three times its median for 20 points.

use super::robust::{Cadence, WINDOW, Window, line};
use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;
use crate::text;

/// The kind of its alerts.
pub const KIND: &str = "gradient_surge";
const FAR_ABOVE: f64 = 10.0;
const FAR_Z: f64 = 8.0;
const RISES_TOTAL: f64 = 4.0;
const RISE_EACH: f64 = 1.5;
/// Growth from one record to the next.
const RISE_GROWING: f64 = 1.2;
const RISES_Z: f64 = 6.0;
const FLOOR: f64 = 0.05;
const HISTORY: usize = 60;
const QUIET_AFTER_REWIND: u32 = 60;
const GROWTH_POINTS: usize = 20;
const DOUBLING_POINTS: f64 = 10.0;
const EXPLOSION: f64 = 1e3;
/// No healthy gradient norm is as large (without a loss scale).
const ABSURD: f64 = 1e6;
const GROWING_RECORDS: u32 = 5;
const CALM: f64 = 3.0;
const CALM_POINTS: u32 = 20;
const REMEDY: &str = "A loss spike may follow within 1 to 8 steps: clip at 1.0 or lower, look at the batch, consider a lower \
                      learning rate.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct GradientSurge {
    window: Window,
    cadence: Cadence,
    quiet: u32,
    before: [f64; 2],
    far_above: [bool; 2],
    open: Option<f64>,
    calm: u32,
    frozen: usize,
    growing: u32,
    has_loss_scale: bool,
}

impl Detector for GradientSurge {
    const WATCHES: &'static [Quantity] = &[Quantity::GradNorm];

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        let gradient = row
            .value(Quantity::GradNorm)
            .filter(|gradient| gradient.is_finite() && *gradient > 0.0);
        let Some(gradient) = gradient else {
            return;
        };
        let step = row.step();
        if self.cadence.changed(step) && self.open.is_none() {
            self.window.clear();
        }
        self.quiet = self.quiet.saturating_sub(1);
        self.has_loss_scale |= row.has(Quantity::LossScale);
        self.growing = if gradient > RISE_GROWING * self.before[1] {
            self.growing + 1
        } else {
            0
        };
        self.watch(step, gradient, alerts);
        self.before = [self.before[1], gradient];
        // While a surge is open its values are no baseline, for one window at most.
        if self.open.is_none() || self.frozen >= WINDOW {
            self.window.push(gradient);
        } else {
            self.frozen += 1;
        }
    }

    fn rewound(&mut self, _step: u64) {
        *self = GradientSurge {
            quiet: QUIET_AFTER_REWIND,
            ..GradientSurge::default()
        };
    }
}

impl GradientSurge {
    fn watch(&mut self, step: u64, gradient: f64, alerts: &mut AlertLog) {
        let every_step = self.cadence.stride() == 1;
        if let Some(median) = self.open {
            self.calm = if gradient < CALM * median {
                self.calm + 1
            } else {
                0
            };
            if self.calm >= CALM_POINTS || self.frozen >= WINDOW {
                alerts.clear(KIND, step);
                self.open = None;
                if self.frozen >= WINDOW {
                    self.window.clear();
                }
            } else if gradient > FAR_ABOVE * median && self.before[1] > FAR_ABOVE * median && every_step {
                let (warning, how) = (Severity::Warning, "in record after record");
                self.raise(step, gradient, median, warning, how, alerts);
            }
            if self.open.is_some() && gradient > EXPLOSION * median {
                self.raise(
                    step,
                    gradient,
                    median,
                    Severity::Critical,
                    "and keeps growing",
                    alerts,
                );
            }
            return;
        }
        if gradient > ABSURD && self.growing >= GROWING_RECORDS && !self.has_loss_scale {
            let before = self.window.min().min(self.before[0]);
            let severity = Severity::Warning;
            return self.raise(
                step,
                gradient,
                before,
                severity,
                "and grows in every record",
                alerts,
            );
        }
        let [before_last, last] = self.before;
        let may_rise = every_step
            && last >= RISE_EACH * before_last
            && gradient >= RISE_EACH * last
            && gradient >= RISES_TOTAL * before_last;
        // The smallest value is at most the median and at most the value two before.
        let judged =
            self.window.count() >= HISTORY && self.quiet == 0 && gradient >= RISES_TOTAL * self.window.min();
        let grows = judged && self.grows_exponentially(gradient);
        // Most records end here.
        if !judged || !(may_rise || grows || self.window.may_be_above_median(gradient, FAR_ABOVE)) {
            self.far_above = [self.far_above[1], false];
            return;
        }
        let level = self.window.recent().log_level();
        let z = level.z(gradient.ln(), FLOOR);
        let median = level.median.exp();
        let serious = if every_step {
            Severity::Warning
        } else {
            Severity::Info
        };
        let far = gradient > FAR_ABOVE * median && z > FAR_Z;
        let repeated = far && self.far_above.contains(&true);
        self.far_above = [self.far_above[1], far];
        let rises = may_rise && z > RISES_Z;
        if gradient > EXPLOSION * median && far {
            self.raise(step, gradient, median, Severity::Warning, "in one record", alerts);
        } else if far && every_step && !repeated && !rises {
            self.raise(step, gradient, median, Severity::Info, "in one record", alerts);
        } else if repeated || rises {
            self.raise(step, gradient, median, serious, "within a few records", alerts);
        } else if grows {
            self.raise(
                step,
                gradient,
                median,
                serious,
                "and doubles every few records",
                alerts,
            );
        }
    }

    fn grows_exponentially(&self, gradient: f64) -> bool {
        let first = self.window.recent().last(GROWTH_POINTS - 1).next();
        if first.is_none_or(|first| gradient < (RISES_TOTAL - 1e-9) * first) {
            return false;
        }
        let logs: Vec<f64> = self
            .window
            .recent()
            .last(GROWTH_POINTS - 1)
            .chain([gradient])
            .map(f64::ln)
            .collect();
        let total = logs
            .last()
            .zip(logs.first())
            .map_or(0.0, |(last, first)| last - first);
        let fit = line(logs.iter().enumerate().map(|(index, log)| (index as f64, *log)));
        total >= RISES_TOTAL.ln()
            && fit.is_some_and(|fit| {
                fit.r_squared > 0.8 && fit.slope > std::f64::consts::LN_2 / DOUBLING_POINTS
            })
    }

    fn raise(
        &mut self,
        step: u64,
        gradient: f64,
        median: f64,
        severity: Severity,
        how: &str,
        alerts: &mut AlertLog,
    ) {
        self.open = Some(median);
        self.calm = 0;
        if alerts.open(KIND).is_none() {
            self.frozen = 0;
        }
        let message = format!(
            "Gradient norm rose to {} at step {step}, {} its median of {}, {how}",
            text::decimal(gradient, 3),
            text::times(gradient / median),
            text::decimal(median, 3)
        );
        alerts.raise(
            Alert::at(step, KIND, severity)
                .value(gradient, FAR_ABOVE * median)
                .says(message, REMEDY),
        );
    }
}
