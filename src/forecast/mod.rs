//! Where a run will end: from fitted points and a schedule to a projected curve.
//!
//! Pure numbers: the same task gives the same outcome.

use crate::fit::{BestFit, FitError, FitOptions, FitPoint, Huber, Posterior, best_fit, solver};
use crate::law::{LawView, Prior};
use crate::schedule::{Plan, ScheduleSource};

/// The projected final loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Mean of the projected loss at the last step.
    pub final_loss: f64,
    /// Its standard deviation.
    pub sd: f64,
    /// Level of the interval, 0.8 for 80%.
    pub level: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// The step it holds for.
    pub at_step: u64,
    /// What it rests on, in words.
    pub basis: String,
    /// True while the effect of the decay comes from the prior, not from this run.
    pub prior_based: bool,
}

/// The forecast at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProjectionPoint {
    /// The step.
    pub step: f64,
    /// Mean of the forecast.
    pub mean: f64,
    /// Standard deviation of the forecast.
    pub sd: f64,
}

/// Everything a forecast is made from.
#[derive(Clone, Debug)]
pub struct Task {
    /// Means of the loss after warm-up, in order of steps.
    pub points: Vec<FitPoint>,
    /// Recent mean of the loss.
    pub smoothed: f64,
    /// Standard error of `smoothed`.
    pub smoothed_sd: f64,
    /// Last step seen.
    pub last_step: u64,
    /// The learning rates of the whole run.
    pub plan: Plan,
    /// Level of the interval, 0.8 for 80%.
    pub level: f64,
}

/// What came of a task.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The projected final loss.
    pub forecast: Option<Forecast>,
    /// Why there is none; empty when there is one.
    pub reason: String,
    /// The law that fits best.
    pub law: Option<LawView>,
    /// The fitted law where the run has been.
    pub fitted: Vec<(f64, f64)>,
    /// The projection from now to the last step.
    pub projection: Vec<ProjectionPoint>,
}

/// Standard deviation of what the law misses on the way to the end, as a share of
/// the remaining drop, and as a share of the loss. Measured on finished curves of
/// two labs with these laws.
const MISFIT_OF_DROP: f64 = 0.1;
const MISFIT_OF_LOSS: f64 = 1e-3;

/// Without any learning rate, a decay may come that nobody has told us of: this
/// share of the prior gain of a full anneal is added to the standard deviation.
const UNKNOWN_DECAY: f64 = 0.5;

const CURVE_POINTS: usize = 160;

/// Fits the law and projects it to the last step.
pub fn run(task: &Task) -> Outcome {
    let blind = task.plan.curve.is_empty();
    // Without learning rates S1 counts steps: the law becomes a power law in steps.
    let curve = if blind {
        crate::schedule::LearningRateCurve::constant(1.0)
    } else {
        task.plan.curve.clone()
    };
    let prior = Prior::at(task.smoothed, curve.peak());
    let options = FitOptions {
        memories: solver::memory_grid(),
        huber: Huber::StandardDeviations(1.35),
        prior: Some(prior),
    };
    let best = match best_fit(&task.points, &curve, &options) {
        Ok(best) => best,
        Err(error) => return without_law(task, &error),
    };
    let posterior = Posterior::new(&task.points, &curve, &best, prior);
    let first = task.points.first().map_or(1.0, |point| point.step);
    let seen = evenly(first, task.last_step as f64);
    let mut outcome = Outcome {
        law: Some(best.law.view(best.residual_sd())),
        fitted: seen.iter().copied().zip(best.law.curve(&curve, &seen)).collect(),
        ..Outcome::default()
    };
    let Some(total) = task.plan.total_steps else {
        outcome.reason =
            "the planned number of steps is not in the log; give it with --total-steps".to_owned();
        return outcome;
    };
    if task.last_step + 1 >= total {
        outcome.forecast = Some(finished(task, total));
        return outcome;
    }
    let Some(posterior) = posterior else {
        outcome.reason = FitError::NoSolution.to_string();
        return outcome;
    };
    let steps = evenly(task.last_step as f64, total as f64);
    outcome.projection = project(task, &best, &posterior, &curve, &steps, blind.then_some(prior));
    let Some(last) = outcome.projection.last() else {
        return outcome;
    };
    // The gain matters only where the schedule still has something to anneal.
    let to_anneal = 1.0 - curve.rate(total as f64) / curve.rate(task.last_step as f64).max(f64::MIN_POSITIVE);
    let prior_based = !blind && posterior.gain_is_prior() && to_anneal > 0.02;
    let half = normal_quantile(0.5 + task.level / 2.0) * last.sd;
    outcome.forecast = Some(Forecast {
        final_loss: last.mean,
        sd: last.sd,
        level: task.level,
        low: last.mean - half,
        high: last.mean + half,
        at_step: total,
        basis: basis(task, blind, prior_based),
        prior_based,
    });
    outcome
}

fn project(
    task: &Task,
    best: &BestFit,
    posterior: &Posterior,
    curve: &crate::schedule::LearningRateCurve,
    steps: &[f64],
    unknown_decay: Option<Prior>,
) -> Vec<ProjectionPoint> {
    let moments = posterior.moments(curve, steps);
    let now = moments.first().map_or(task.smoothed, |moments| moments.mean);
    let remaining_steps = steps
        .last()
        .zip(steps.first())
        .map_or(1.0, |(last, first)| (last - first).max(1.0));
    let first_step = steps.first().copied().unwrap_or_default();
    steps
        .iter()
        .zip(moments)
        .map(|(step, moments)| {
            let of_drop = MISFIT_OF_DROP * (now - moments.mean);
            let of_loss = MISFIT_OF_LOSS * moments.mean;
            let of_decay = unknown_decay.map_or(0.0, |prior| {
                UNKNOWN_DECAY * prior.drop.mean * (step - first_step) / remaining_steps
            });
            let of_fit = 0.5 * best.residual_sd() / (task.points.len() as f64).sqrt();
            let variance =
                moments.sd.powi(2) + of_drop.powi(2) + of_loss.powi(2) + of_decay.powi(2) + of_fit.powi(2);
            ProjectionPoint {
                step: *step,
                mean: moments.mean,
                sd: variance.sqrt(),
            }
        })
        .collect()
}

fn without_law(task: &Task, error: &FitError) -> Outcome {
    let mut outcome = Outcome {
        reason: error.to_string(),
        ..Outcome::default()
    };
    if let Some(total) = task.plan.total_steps.filter(|total| task.last_step + 1 >= *total) {
        outcome.forecast = Some(finished(task, total));
        outcome.reason.clear();
    }
    outcome
}

/// The forecast of a run that is over: what it reached.
fn finished(task: &Task, total: u64) -> Forecast {
    let sd = task.smoothed_sd.max(MISFIT_OF_LOSS * task.smoothed.abs() * 0.5);
    let half = normal_quantile(0.5 + task.level / 2.0) * sd;
    Forecast {
        final_loss: task.smoothed,
        sd,
        level: task.level,
        low: task.smoothed - half,
        high: task.smoothed + half,
        at_step: total.max(task.last_step),
        basis: "the run is over: mean of its last part".to_owned(),
        prior_based: false,
    }
}

fn basis(task: &Task, blind: bool, prior_based: bool) -> String {
    if blind {
        return "power law in steps: the log has no learning rate, so a decay is not foreseen".to_owned();
    }
    let schedule = match task.plan.source {
        ScheduleSource::Logged => "logged schedule",
        ScheduleSource::Declared => "declared schedule",
        ScheduleSource::Inferred => "schedule inferred from the logged learning rates",
        ScheduleSource::AssumedConstant => "schedule unknown: the last learning rate is carried on",
    };
    let gain = if prior_based {
        "; the gain of the decay is a prior, not yet seen in this run"
    } else {
        ""
    };
    format!("annealing law, {schedule}{gain}")
}

fn evenly(from: f64, to: f64) -> Vec<f64> {
    let count = CURVE_POINTS.min((to - from).abs() as usize + 1).max(2);
    (0..count)
        .map(|index| from + (to - from) * index as f64 / (count - 1) as f64)
        .collect()
}

/// Quantile of the standard normal distribution (Acklam's rational approximation,
/// relative error below 1.2e-9).
pub fn normal_quantile(probability: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
    ];
    let polynomial = |coefficients: &[f64], x: f64| {
        coefficients
            .iter()
            .fold(0.0, |sum, coefficient| sum * x + coefficient)
    };
    let p = probability.clamp(1e-12, 1.0 - 1e-12);
    if p < 0.024_25 {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / (polynomial(&D, q) * q + 1.0)
    } else if p > 1.0 - 0.024_25 {
        -normal_quantile(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        polynomial(&A, r) * q / (polynomial(&B, r) * r + 1.0)
    }
}

/// Distribution function of the standard normal (Abramowitz and Stegun 7.1.26,
/// absolute error below 1.5e-7).
pub fn normal_distribution(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let tail = t
        * (0.254_829_592
            + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))))
        * (-x * x).exp();
    if z >= 0.0 { 1.0 - 0.5 * tail } else { 0.5 * tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_distribution_agree() {
        assert!((normal_quantile(0.9) - 1.281_551_565_5).abs() < 1e-7);
        assert!((normal_quantile(0.001) + 3.090_232_306).abs() < 1e-6);
        for z in [-3.0, -1.0, 0.0, 0.5, 2.0] {
            assert!((normal_quantile(normal_distribution(z)) - z).abs() < 1e-4, "{z}");
        }
    }
}
