//! A metric that repeats to the last digit while steps advance.
//!
//! `DeepSpeed` repeats a stale gradient norm while it skips steps; a clipped and lost
//! gradient is printed as 1.41421356 again and again (instability study, section 0.5).
//! Five equal gradient norms in a row, with more digits than chance allows, are a
//! warning when the loss repeats as well or is missing, and noted otherwise. Clears with
//! the first other value.

use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;

/// The kind of its alerts.
pub const KIND: &str = "frozen_metric";
const REPEATS: u32 = 5;
const REMEDY: &str = "Steps are probably being skipped, or the value is stale: look at the loss scale, at skipped steps, and \
                      whether the weights still change.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct FrozenMetric {
    gradient: Option<f64>,
    loss: Option<f64>,
    repeats: u32,
    loss_repeats: u32,
    since: u64,
}

impl Detector for FrozenMetric {
    fn watches(&self) -> &'static [Quantity] {
        &[Quantity::GradNorm]
    }

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        let gradient = row
            .value(Quantity::GradNorm)
            .filter(|gradient| gradient.is_finite());
        let Some(gradient) = gradient else {
            return;
        };
        let loss = row.value(Quantity::TrainLoss);
        if self.gradient.replace(gradient) != Some(gradient) {
            (self.repeats, self.loss_repeats, self.since) = (1, 1, row.step());
            self.loss = loss;
            alerts.clear(KIND, row.step());
            return;
        }
        self.repeats += 1;
        self.loss_repeats = if loss == self.loss {
            self.loss_repeats + 1
        } else {
            1
        };
        self.loss = loss;
        if (self.repeats == REPEATS || self.loss_repeats == REPEATS) && has_digits(gradient) {
            let severity = if self.loss_repeats >= REPEATS {
                Severity::Warning
            } else {
                Severity::Info
            };
            let message = format!(
                "Gradient norm has been exactly {gradient} in {} records since step {}",
                self.repeats, self.since
            );
            alerts.raise(
                Alert::at(row.step(), KIND, severity)
                    .since(self.since)
                    .value(gradient, f64::from(REPEATS))
                    .says(message, REMEDY),
            );
        }
    }

    fn rewound(&mut self, _step: u64) {
        *self = FrozenMetric::default();
    }
}

/// True when a value has at least four significant digits, and is not a plain zero or
/// one that means "not computed".
fn has_digits(value: f64) -> bool {
    if value == 0.0 {
        return false;
    }
    // Between 100 and 1000.
    let scaled = value.abs() * 10f64.powi(2 - value.abs().log10().floor() as i32);
    (scaled - scaled.round()).abs() > 1e-6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    /// Severity and step of what is raised over these gradient norms and losses.
    fn raised(records: impl Iterator<Item = (f64, f64)>) -> Option<(Severity, u64)> {
        let mut detector = FrozenMetric::default();
        let mut alerts = AlertLog::default();
        for (step, (gradient, loss)) in (0..).zip(records) {
            let mut batch = Records::default();
            batch.push(
                step,
                &[(Quantity::GradNorm, gradient), (Quantity::TrainLoss, loss)],
            );
            detector.observe(&batch.row(0), &Context::default(), &mut alerts);
        }
        let first = alerts.all().first();
        first.map(|alert| (alert.severity, alert.raised_at_step))
    }

    #[test]
    fn a_norm_that_repeats_to_the_last_digit_is_stale_and_a_round_one_is_chance() {
        let falling = |step: u32| 3.0 - 0.001 * f64::from(step);
        assert_eq!(
            raised((0..9).map(|step| (1.234_567, falling(step)))),
            Some((Severity::Info, 4))
        );
        assert_eq!(
            raised((0..9).map(|_| (1.234_567, 2.5))),
            Some((Severity::Warning, 4))
        );
        for round in [0.0, 1.0, 0.25, 1.5e-7, 300.0] {
            assert_eq!(raised((0..9).map(|step| (round, falling(step)))), None, "{round}");
        }
        // Clipped norms differ in between.
        let clipped = |step: u32| {
            if step.is_multiple_of(4) {
                0.873_12
            } else {
                1.000_01
            }
        };
        assert_eq!(raised((0..99).map(|step| (clipped(step), falling(step)))), None);
    }
}
