//! Collapse of the loss scale of fp16 training.
//!
//! Scalers start high and halve until nothing overflows: that search is normal, down to
//! [`SEARCH_ENDS`]. In the
//! steady state a scale is doubled now and then and halved back at once. A scale that
//! falls below every value it has held since the search is therefore worth a note;
//! three halvings within 20 steps are a warning, six or a scale of at most 1 critical:
//! gradients overflow whatever the scale (GLM-130B saw this some 30 steps before its
//! loss exploded; OPT-175B called a run healthy only above 1.0). Clears when the scale
//! has doubled again.

use std::collections::VecDeque;

use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;

/// The kind of its alerts.
pub const KIND: &str = "loss_scale_collapse";
/// Records without a halving that end the search at the start.
const SETTLED_AFTER: u32 = 50;
/// Step after which the search is over, for a log that begins in the middle.
const SEARCHED_BY: u64 = 1000;
/// No search that ends well goes on below this.
const SEARCH_ENDS: f64 = 64.0;
/// A first scale below this is the end of a collapse; fairseq prints it as 0.
const HOPELESS: f64 = 1e-2;
const HALVINGS: usize = 3;
const MANY_HALVINGS: usize = 6;
const WITHIN_STEPS: u64 = 20;
const LOWEST: f64 = 1.0;
const REMEDY: &str = "Gradients overflow: use bf16, lower the learning rate, or restart from a checkpoint whose scale was at \
                      least 1 (OPT-175B).";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct LossScale {
    last: Option<f64>,
    calm: u32,
    settled: bool,
    halvings: VecDeque<u64>,
    lowest: f64,
    /// Lowest scale held since the search.
    held: f64,
}

impl Detector for LossScale {
    fn watches(&self) -> &'static [Quantity] {
        &[Quantity::LossScale]
    }

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        let Some(scale) = row
            .value(Quantity::LossScale)
            .filter(|scale| scale.is_finite() && *scale >= 0.0)
        else {
            return;
        };
        let step = row.step();
        let Some(last) = self.last.replace(scale) else {
            self.settled = step > SEARCHED_BY;
            self.held = scale;
            if scale < HOPELESS {
                self.raise(step, scale, alerts);
            }
            return;
        };
        if scale < last {
            self.calm = 0;
            // A record may span several steps: count the halvings, not the records.
            let halvings = (last / scale.max(f64::MIN_POSITIVE))
                .log2()
                .round()
                .clamp(1.0, 64.0) as usize;
            self.halvings.extend(std::iter::repeat_n(step, halvings));
        } else {
            self.calm = self.calm.saturating_add(1);
            self.settled |= self.calm >= SETTLED_AFTER;
            if !self.settled {
                self.held = scale;
            }
        }
        while self
            .halvings
            .front()
            .is_some_and(|first| step.saturating_sub(*first) > WITHIN_STEPS)
        {
            self.halvings.pop_front();
        }
        if alerts.open(KIND).is_some() && scale >= 2.0 * self.lowest && self.halvings.is_empty() {
            alerts.clear(KIND, step);
        }
        self.settled |= scale < SEARCH_ENDS && !self.halvings.is_empty();
        let at_bottom = scale <= LOWEST && last > LOWEST;
        let collapsing = self.settled && self.halvings.len() >= HALVINGS && scale < last;
        let below_all = self.settled && scale < self.held;
        if self.settled {
            self.held = self.held.min(scale);
        }
        if at_bottom || collapsing || below_all {
            self.raise(step, scale, alerts);
        }
    }

    fn rewound(&mut self, _step: u64) {
        *self = LossScale::default();
    }
}

impl LossScale {
    fn raise(&mut self, step: u64, scale: f64, alerts: &mut AlertLog) {
        self.lowest = scale;
        let critical = scale <= LOWEST || self.halvings.len() >= MANY_HALVINGS;
        let severity = if critical {
            Severity::Critical
        } else if self.halvings.len() >= HALVINGS {
            Severity::Warning
        } else {
            Severity::Info
        };
        let message = format!(
            "Loss scale fell to {scale} at step {step}, {} halvings within {WITHIN_STEPS} steps",
            self.halvings.len()
        );
        alerts.raise(
            Alert::at(step, KIND, severity)
                .since(self.halvings.front().copied().unwrap_or(step))
                .value(scale, LOWEST)
                .says(message, REMEDY),
        );
    }
}
