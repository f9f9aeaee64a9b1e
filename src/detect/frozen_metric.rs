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
#[derive(Debug, Default)]
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

/// The power of ten that brings a positive value between 100 and 1000.
fn scale_to_hundreds(value: f64) -> f64 {
    /// Powers of ten from the least one of usual gradient norms on.
    const POWERS: [f64; 25] = [
        1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4,
        1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
    ];
    let power = |exponent: i32| {
        let usual = usize::try_from(exponent + 12)
            .ok()
            .and_then(|index| POWERS.get(index));
        usual.copied().unwrap_or_else(|| 10f64.powi(exponent))
    };
    // The binary exponent gives the decimal one or the one below it: log10(2) is 0.30103.
    let binary = (value.to_bits() >> 52) as i32 - 1023;
    let decimal = (binary * 1233) >> 12;
    let decimal = if value >= power(decimal + 1) {
        decimal + 1
    } else {
        decimal
    };
    power(2 - decimal)
}

/// True when a value has at least four significant digits, and is not a plain zero or
/// one that means "not computed".
fn has_digits(value: f64) -> bool {
    if value == 0.0 {
        return false;
    }
    let scaled = value.abs() * scale_to_hundreds(value.abs());
    // Between 100 and 1000, give or take a rounding: the conversion is exact.
    let nearest = (scaled + 0.5) as i64 as f64;
    (scaled - nearest).abs() > 1e-6
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_are_counted_as_by_a_logarithm(digits in -9999i64..9999, power in -12i32..12, more in any::<f64>()) {
            let by_logarithm = |value: f64| {
                let scaled = value * 10f64.powi(2 - value.abs().log10().floor() as i32);
                value != 0.0 && (scaled - scaled.round()).abs() > 1e-6
            };
            let written: f64 = format!("{digits}e{power}").parse().unwrap();
            prop_assert_eq!(has_digits(written), by_logarithm(written));
            if more.is_normal() && (1e-290..1e290).contains(&more.abs()) {
                prop_assert_eq!(has_digits(more), by_logarithm(more));
            }
        }
    }
}
