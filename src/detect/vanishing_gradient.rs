//! Gradients that shrink towards the epsilon of the optimiser.
//!
//! `AdamW` divides by the root of the second moment plus epsilon (1e-8 by default): once
//! gradients are as small, updates shrink and layers stop learning (Wortsman et al.,
//! arXiv 2309.14322, section 3.4). Logs seldom have the norm of single layers, so the
//! global norm stands in: below 1e-6 for 20 records it is noted, below 1e-8, where
//! even all of it in one parameter would not reach epsilon, it is a warning. A plain 0
//! means "not computed". Clears above 1e-5 for 20 records.

use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::{Held, Row, Stretch};
use crate::metric::Quantity;

/// The kind of its alerts.
pub const KIND: &str = "vanishing_gradient";
const NOTED: f64 = 1e-6;
const EPSILON: f64 = 1e-8;
const CLEAR: f64 = 1e-5;
const RECORDS: u32 = 20;
const REMEDY: &str =
    "Set the epsilon of the optimiser to 1e-15 or lower (Wortsman et al.), and check that nothing is frozen.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct VanishingGradient {
    small: u32,
    large: u32,
    largest: f64,
    since: u64,
}

impl Detector for VanishingGradient {
    const WATCHES: &'static [Quantity] = &[Quantity::GradNorm];

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        let Some(gradient) = row
            .value(Quantity::GradNorm)
            .filter(|gradient| gradient.is_finite() && *gradient > 0.0)
        else {
            return;
        };
        let step = row.step();
        self.large = if gradient > CLEAR { self.large + 1 } else { 0 };
        if self.large == RECORDS {
            alerts.clear(KIND, step);
        }
        if gradient >= NOTED {
            (self.small, self.largest) = (0, 0.0);
            return;
        }
        if self.small == 0 {
            self.since = step;
        }
        self.small += 1;
        self.largest = self.largest.max(gradient);
        if !self.small.is_multiple_of(RECORDS) {
            return;
        }
        let severity = if self.largest < EPSILON {
            Severity::Warning
        } else {
            Severity::Info
        };
        self.largest = 0.0;
        let message =
            format!("Gradient norm is {gradient:.1e} at step {step}, near the epsilon of the optimiser");
        alerts.raise(
            Alert::at(step, KIND, severity)
                .since(self.since)
                .value(gradient, NOTED)
                .says(message, REMEDY),
        );
    }

    fn pass(&mut self, stretch: &Stretch<'_>, alerts: &AlertLog) -> bool {
        let Held::Everywhere(gradients) = stretch.held(Quantity::GradNorm) else {
            return false;
        };
        let is_large = |gradient: &f64| *gradient > CLEAR && gradient.is_finite();
        if !gradients.iter().all(is_large) || alerts.open(KIND).is_some() {
            return false;
        }
        self.large += gradients.len() as u32;
        (self.small, self.largest) = (0, 0.0);
        true
    }

    fn rewound(&mut self, _step: u64) {
        *self = VanishingGradient::default();
    }
}
