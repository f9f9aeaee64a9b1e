//! Updates that are too large, or nothing, for the weights they change.
//!
//! The norm of an update over the norm of the weights is about 1e-3 in runs that learn well
//! (a rule of thumb from Karpathy's lectures). A median of 20 records above 0.1 means that ten steps
//! replace the weights: a warning. Below 1e-7, where bf16 and fp32 round an update away, it is
//! noted while the learning rate is at least a tenth of its peak. Clears when back within a
//! factor of two for 20 records.

use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::{Held, Row, Stretch};
use crate::metric::Quantity;
use crate::statistics::median;

/// The kind of its alerts.
pub const KIND: &str = "update_ratio";
const RECORDS: usize = 20;
const LARGE: f64 = 0.1;
const SMALL: f64 = 1e-7;
/// Step before which updates may be large: the first of Adam are as large as its rate.
const FIRST_STEP: u64 = 100;
/// Share of the peak of the learning rate.
const RATE: f64 = 0.1;
const CLEAR: f64 = 2.0;
const LARGE_REMEDY: &str =
    "Lower the learning rate or lengthen the warm-up; look at weights that start at or near zero.";
const SMALL_REMEDY: &str = "The weights hardly change: raise the learning rate, keep a fp32 copy of the weights, or look for \
                            frozen parameters.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct UpdateRatio {
    block: Vec<f64>,
    rate: Option<f64>,
    peak: f64,
}

impl Detector for UpdateRatio {
    const WATCHES: &'static [Quantity] = &[Quantity::UpdateRatio, Quantity::LearningRate];

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        if let Some(rate) = row.value(Quantity::LearningRate) {
            self.rate = Some(rate);
            self.peak = self.peak.max(rate);
        }
        let ratio = row
            .value(Quantity::UpdateRatio)
            .filter(|ratio| ratio.is_finite() && *ratio >= 0.0);
        let Some(ratio) = ratio.filter(|_| row.step() >= FIRST_STEP) else {
            return;
        };
        self.block.push(ratio);
        if self.block.len() < RECORDS {
            return;
        }
        let level = median(&mut self.block);
        self.block.clear();
        let step = row.step();
        if (CLEAR * SMALL..LARGE / CLEAR).contains(&level) {
            alerts.clear(KIND, step);
        }
        let rate_is_up = self.rate.is_none_or(|rate| rate >= RATE * self.peak);
        let (severity, threshold, remedy) = match level {
            _ if level > LARGE => (Severity::Warning, LARGE, LARGE_REMEDY),
            // A plain zero means "not computed".
            _ if level > 0.0 && level < SMALL && rate_is_up => (Severity::Info, SMALL, SMALL_REMEDY),
            _ => return,
        };
        let message =
            format!("Updates are {level:.1e} of the weights at step {step}, where about 1e-3 is usual");
        alerts.raise(
            Alert::at(step, KIND, severity)
                .value(level, threshold)
                .says(message, remedy),
        );
    }

    fn pass(&mut self, stretch: &Stretch<'_>, _alerts: &AlertLog) -> bool {
        let (Held::Everywhere(rates), Held::Nowhere) = (
            stretch.held(Quantity::LearningRate),
            stretch.held(Quantity::UpdateRatio),
        ) else {
            return false;
        };
        self.rate = rates.last().copied();
        self.peak = rates.iter().copied().fold(self.peak, f64::max);
        true
    }

    fn rewound(&mut self, _step: u64) {
        self.block.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    #[test]
    fn only_ratios_far_from_the_usual_are_told() {
        let level = |ratio: f64| {
            let mut detector = UpdateRatio::default();
            let mut alerts = AlertLog::default();
            for step in 0..400u64 {
                let mut records = Records::default();
                records.push(
                    step,
                    &[(Quantity::UpdateRatio, ratio), (Quantity::LearningRate, 1e-3)],
                );
                detector.observe(&records.row(0), &Context::default(), &mut alerts);
            }
            alerts.all().first().map(|alert| alert.severity)
        };
        assert_eq!(level(1e-3), None);
        assert_eq!(level(0.0), None);
        assert_eq!(level(0.3), Some(Severity::Warning));
        assert_eq!(level(1e-9), Some(Severity::Info));
    }
}
