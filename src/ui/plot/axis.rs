//! Axes: ranges, transformations and ticks.

use crate::ui::format;

/// One axis of a plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Smallest value shown.
    pub min: f64,
    /// Largest value shown.
    pub max: f64,
    /// Logarithmic.
    pub log: bool,
}

impl Axis {
    /// An axis over a range; an empty or unusable range becomes a small one around it.
    pub fn new(min: f64, max: f64, log: bool) -> Self {
        let (mut min, mut max) = if min.is_finite() && max.is_finite() {
            (min.min(max), min.max(max))
        } else {
            (0.0, 1.0)
        };
        let log = log && max > 1e-300;
        if log {
            min = min.max(max * 1e-9).max(f64::MIN_POSITIVE);
        }
        if max - min < 1e-12 * max.abs().max(1e-9) {
            let margin = if max == 0.0 { 1.0 } else { 0.05 * max.abs() };
            (min, max) = (min - margin, max + margin);
            if log {
                min = min.max(max * 0.5);
            }
        }
        Axis { min, max, log }
    }

    /// True for a value that is shown.
    pub fn contains(&self, value: f64) -> bool {
        value >= self.min && value <= self.max
    }

    /// Where a value lies, 0 at the minimum and 1 at the maximum; NaN when it cannot.
    pub fn position(&self, value: f64) -> f64 {
        if self.log {
            if value <= 0.0 {
                return f64::NAN;
            }
            return (value.ln() - self.min.ln()) / (self.max.ln() - self.min.ln());
        }
        (value - self.min) / (self.max - self.min)
    }

    /// The value at a position.
    pub fn value(&self, position: f64) -> f64 {
        if self.log {
            return (self.min.ln() + position * (self.max.ln() - self.min.ln())).exp();
        }
        self.min + position * (self.max - self.min)
    }

    /// True where ticks are powers of ten.
    fn spans_decades(&self) -> bool {
        self.log && self.max / self.min > 20.0
    }

    /// About `count` round values within the range.
    pub fn ticks(&self, count: usize) -> Vec<f64> {
        if self.spans_decades() {
            return self.log_ticks(count);
        }
        let step = nice_step((self.max - self.min) / count.max(1) as f64);
        let first = (self.min / step).ceil();
        (0..64)
            .map(|index| (first + f64::from(index)) * step)
            .take_while(|tick| *tick <= self.max + 1e-9 * step)
            .map(|tick| if tick.abs() < 1e-9 * step { 0.0 } else { tick })
            .collect()
    }

    fn log_ticks(&self, count: usize) -> Vec<f64> {
        let decades = (self.max / self.min).log10();
        let factors: &[f64] = if decades * 3.0 <= count as f64 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let (low, high) = (self.min.log10().floor() as i32, self.max.log10().ceil() as i32);
        let every = ((f64::from(high - low)) / count.max(1) as f64).ceil().max(1.0) as usize;
        (low..=high)
            .step_by(every)
            .flat_map(|decade| factors.iter().map(move |factor| factor * 10f64.powi(decade)))
            .filter(|tick| self.contains(*tick))
            .collect()
    }

    /// A tick's label: one unit for all, and the decimals that the distance to the next one calls for.
    pub fn label(&self, tick: f64, ticks: &[f64]) -> String {
        const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")];
        let distance = ticks
            .windows(2)
            .filter_map(|pair| Some((pair.last()? - pair.first()?).abs()))
            .fold(f64::INFINITY, f64::min);
        let largest = ticks.iter().fold(0.0f64, |largest, tick| largest.max(tick.abs()));
        let is_tiny = largest < 1e-2 && largest > 0.0;
        if self.spans_decades() || is_tiny || !distance.is_finite() {
            return format::short(tick);
        }
        if tick == 0.0 && largest >= 1e4 {
            return "0".to_owned();
        }
        let (factor, unit) = UNITS
            .into_iter()
            .find(|(factor, _)| largest >= 1e4 && largest >= *factor)
            .unwrap_or((1.0, ""));
        let decimals = (-(distance / factor).log10() - 1e-6).ceil().clamp(0.0, 6.0) as usize;
        format!("{:.decimals$}{unit}", tick / factor)
    }
}

/// 1, 2 or 5 times a power of ten, at least `step`.
fn nice_step(step: f64) -> f64 {
    let power = 10f64.powf(step.max(1e-300).log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= step * 0.999)
        .unwrap_or(10.0);
    factor * power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            Axis::new(2.71, 3.42, false).ticks(4),
            [2.8, 3.0, 3.2, 3.4].map(|tick: f64| (tick * 5.0).round() * 0.2)
        );
        assert_eq!(
            Axis::new(1.0, 1e5, true).ticks(6),
            [1.0, 10.0, 100.0, 1e3, 1e4, 1e5]
        );
    }

    #[test]
    fn labels_of_ticks_differ_and_have_one_unit() {
        let labels = |ticks: &[f64]| -> Vec<String> {
            let axis = Axis::new(ticks[0], ticks[ticks.len() - 1], false);
            ticks.iter().map(|tick| axis.label(*tick, ticks)).collect()
        };
        assert_eq!(labels(&[2.8, 3.0, 3.2]), ["2.8", "3.0", "3.2"]);
        assert_eq!(
            labels(&[0.0, 5000.0, 10_000.0, 15_000.0]),
            ["0", "5k", "10k", "15k"]
        );
        assert_eq!(labels(&[31_220.0, 31_230.0]), ["31.22k", "31.23k"]);
        assert_eq!(labels(&[0.0, 100.0, 200.0]), ["0", "100", "200"]);
        let decades = Axis::new(1.0, 1e5, true);
        assert_eq!(decades.label(1e4, &decades.ticks(6)), "10k");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_range_makes_a_usable_axis(min in prop::num::f64::ANY, max in prop::num::f64::ANY, log: bool) {
            let axis = Axis::new(min, max, log);
            prop_assert!(axis.max > axis.min || axis.max.is_infinite());
            prop_assert!(axis.ticks(5).len() <= 64);
        }

        #[test]
        fn positions_and_values_are_inverse(min in 0.1..10.0f64, span in 0.1..100.0f64, at in 0.0..1.0f64, log: bool) {
            let axis = Axis::new(min, min + span, log);
            prop_assert!((axis.position(axis.value(at)) - at).abs() < 1e-9);
        }
    }
}
