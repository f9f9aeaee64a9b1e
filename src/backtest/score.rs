//! How far off, and how honest about it.

use super::Case;
use crate::fit::Mixture;
use crate::metric::Quantity;
use crate::statistics::median;

/// Scores of a group of cases.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The loss.
    pub quantity: Quantity,
    /// Share of the run that was seen; `None` for all cuts together.
    pub at: Option<f64>,
    /// Cases with a forecast.
    pub n: usize,
    /// Cases without one.
    pub without_forecast: usize,
    /// Mean absolute error (nats).
    pub mae: f64,
    /// Median of the error as a share of the loss.
    pub median_relative: f64,
    /// Mean of it.
    pub mean_relative: f64,
    /// Share of cases inside the 50, 80 and 90% intervals.
    pub coverage: [f64; 3],
    /// Mean width of the 80% interval (nats).
    pub width80: f64,
    /// Mean continuous ranked probability score (nats).
    pub crps: f64,
    /// The baselines: last value, power law in steps, plain fit.
    pub baselines: [Comparison; 3],
}

/// A baseline beside the forecast, on the cases in which both say something: where there are
/// few points, a baseline says nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Those cases.
    pub n: usize,
    /// Mean relative error of the baseline.
    pub mean_relative: f64,
    /// Mean relative error of the forecast.
    pub forecast_mean_relative: f64,
}

impl Comparison {
    fn of(scored: &[(&Case, &Mixture)], baseline: fn(&Case) -> Option<f64>) -> Comparison {
        let mut comparison = Comparison {
            n: 0,
            mean_relative: 0.0,
            forecast_mean_relative: 0.0,
        };
        for (case, projected) in scored {
            let Some(guess) = baseline(case) else { continue };
            let relative = |loss: f64| (loss - case.actual).abs() / case.actual.abs();
            comparison.n += 1;
            comparison.mean_relative += relative(guess);
            comparison.forecast_mean_relative += relative(projected.mean());
        }
        let n = comparison.n.max(1) as f64;
        comparison.mean_relative /= n;
        comparison.forecast_mean_relative /= n;
        comparison
    }

    /// How many times farther off the baseline is.
    pub fn ratio(&self) -> Option<f64> {
        (self.forecast_mean_relative > 0.0).then(|| self.mean_relative / self.forecast_mean_relative)
    }
}

/// Levels of the intervals that are scored.
pub const LEVELS: [f64; 3] = [0.5, 0.8, 0.9];

/// Scores by loss and cut, and by loss over all cuts.
pub fn summarise(cases: &[Case]) -> Vec<Summary> {
    let mut cuts: Vec<f64> = cases.iter().map(|case| case.at).collect();
    cuts.sort_by(f64::total_cmp);
    cuts.dedup();
    let mut summaries = Vec::new();
    for quantity in [Quantity::TrainLoss, Quantity::EvalLoss] {
        for at in cuts.iter().copied().map(Some).chain([None]) {
            let group: Vec<&Case> = cases
                .iter()
                .filter(|case| case.quantity == quantity && at.is_none_or(|at| case.at == at))
                .collect();
            if !group.is_empty() {
                summaries.push(summary(quantity, at, &group));
            }
        }
    }
    summaries
}

fn summary(quantity: Quantity, at: Option<f64>, group: &[&Case]) -> Summary {
    let scored: Vec<(&Case, &Mixture)> = group
        .iter()
        .filter_map(|case| Some((*case, case.forecast.as_ref().ok()?)))
        .collect();
    let mean = |value: &dyn Fn(&(&Case, &Mixture)) -> f64| {
        scored.iter().map(value).sum::<f64>() / scored.len().max(1) as f64
    };
    let relative =
        |(case, projected): &(&Case, &Mixture)| (projected.mean() - case.actual).abs() / case.actual.abs();
    Summary {
        quantity,
        at,
        n: scored.len(),
        without_forecast: group.len() - scored.len(),
        mae: mean(&|(case, projected)| (projected.mean() - case.actual).abs()),
        median_relative: median(&mut scored.iter().map(relative).collect::<Vec<_>>()),
        mean_relative: mean(&relative),
        coverage: LEVELS.map(|level| {
            mean(&|(case, projected)| {
                let (low, high) = projected.interval(level);
                f64::from(u8::from((low..=high).contains(&case.actual)))
            })
        }),
        width80: mean(&|(_, projected)| {
            let (low, high) = projected.interval(0.8);
            high - low
        }),
        crps: mean(&|(case, projected)| crps(projected, case.actual)),
        baselines: [
            Comparison::of(&scored, |case| case.baselines.last),
            Comparison::of(&scored, |case| case.baselines.power),
            Comparison::of(&scored, |case| case.baselines.plain_fit),
        ],
    }
}

/// Continuous ranked probability score: the integral of the squared difference between the
/// distribution function of the forecast and that of the actual value (Gneiting and Raftery
/// 2007, Eq. 20), by Simpson's rule on both sides of the actual value.
fn crps(projected: &Mixture, actual: f64) -> f64 {
    let (mean, sd) = (projected.mean(), projected.sd().max(1e-12));
    let below = |value: f64| projected.below(value).powi(2);
    let above = |value: f64| (1.0 - projected.below(value)).powi(2);
    let (low, high) = (mean - TAILS * sd, mean + TAILS * sd);
    // Beyond the tails the distribution function is 0 or 1.
    let outside = (low - actual).max(actual - high).max(0.0);
    let actual = actual.clamp(low, high);
    outside + simpson(below, low, actual) + simpson(above, actual, high)
}

/// Standard deviations beyond which nothing is left of a distribution.
const TAILS: f64 = 8.0;

fn simpson(function: impl Fn(f64) -> f64, from: f64, to: f64) -> f64 {
    const LAST: u32 = 120;
    let width = (to - from) / f64::from(LAST);
    let sum: f64 = (0..=LAST)
        .map(|index| {
            let weight = match index {
                0 | LAST => 1.0,
                _ if index % 2 == 1 => 4.0,
                _ => 2.0,
            };
            weight * function(from + f64::from(index) * width)
        })
        .sum();
    sum * width / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crps_of_a_normal() {
        // At the mean: sd (sqrt(2) - 1) / sqrt(pi); far away: the distance.
        let projected = Mixture::normal(1.0, 2.0);
        let at_mean = 2.0 * (2f64.sqrt() - 1.0) / std::f64::consts::PI.sqrt();
        assert!((crps(&projected, 1.0) - at_mean).abs() < 1e-6);
        assert!((crps(&projected, 201.0) - (200.0 - 2.0 / std::f64::consts::PI.sqrt())).abs() < 1e-6);
    }
}
