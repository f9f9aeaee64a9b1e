//! How good the forecasts are: finished runs, forecast again from their beginnings.
//!
//! A case sees the records up to its cut and nothing later, except, where the schedule
//! counts as known, the learning rates to come.

pub mod alerts;
mod score;

pub use score::{Summary, summarise};

use std::path::PathBuf;

use crate::engine::{FitJob, Options};
use crate::fit::{FitOptions, Huber, Mixture, best_fit, points};
use crate::forecast::Task;
use crate::format::Decoded;
use crate::metric::Quantity;
use crate::run::series::Series;
use crate::run::{Identity, Run};
use crate::schedule::{LearningRateCurve, Plan};

/// A finished run with all its records.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What it is.
    pub identity: Identity,
    /// All its records.
    pub decoded: Decoded,
}

/// What a forecast is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Shares of the run at which it is cut.
    pub at: Vec<f64>,
    /// The learning rates and the length of the whole run are known at the cut.
    pub schedule_known: bool,
    /// What the user says about all runs.
    pub options: Options,
}

/// One forecast, and what came true.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The run.
    pub run: String,
    /// Its file.
    pub path: PathBuf,
    /// The loss.
    pub quantity: Quantity,
    /// Share of the run that was seen.
    pub at: f64,
    /// Last step that was seen.
    pub cut_step: u64,
    /// Last step of the run.
    pub final_step: u64,
    /// Projected final loss, or why there is none.
    ///
    /// It is the distribution of `actual`: the noise of the few points which that is the
    /// mean of is part of it.
    pub forecast: Result<Mixture, String>,
    /// Mean of the last hundredth of the run's points.
    pub actual: f64,
    /// What simpler methods say.
    pub baselines: Baselines,
}

/// Forecasts by simpler methods from the same points.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Baselines {
    /// The loss at the cut.
    pub last: Option<f64>,
    /// A power law in steps, which knows nothing of the learning rate.
    pub power: Option<f64>,
    /// The annealing law as its paper fits it: lambda 0.999, no prior.
    pub plain_fit: Option<f64>,
}

/// `1 / (1 - lambda)` of arXiv 2408.11029.
const PAPER_MEMORY: f64 = 1000.0;
/// Threshold of Huber's loss on the log loss there.
const PAPER_HUBER: f64 = 1e-3;
/// A loss with fewer points is no curve to forecast.
const LEAST_POINTS: usize = 10;

/// All cases of a run.
///
/// # Errors
/// Why the run can serve for none, in words.
pub fn cases(finished: &Finished, settings: &Settings) -> Result<Vec<Case>, String> {
    let whole = run_until(finished, u64::MAX);
    if let Some(alert) = whole.divergence() {
        return Err(alert.message.clone());
    }
    let mut cases = Vec::new();
    for quantity in [Quantity::TrainLoss, Quantity::EvalLoss] {
        let points = surviving(&finished.decoded, quantity);
        if points.len() < LEAST_POINTS {
            continue;
        }
        let last = points.len() - (points.len() / 100).max(1);
        let tail = points.get(last..).unwrap_or_default();
        let actual = Actual {
            mean: tail.iter().map(|(_, loss)| loss).sum::<f64>() / tail.len().max(1) as f64,
            points: tail.len().max(1),
        };
        let final_step = whole.last_step();
        for &at in &settings.at {
            let cut_step = (at * final_step as f64).floor() as u64;
            let seen = run_until(finished, cut_step);
            cases.extend(case(finished, &whole, &seen, quantity, at, actual, settings));
        }
    }
    if cases.is_empty() {
        return Err("no loss with enough points".to_owned());
    }
    Ok(cases)
}

/// What came true.
#[derive(Clone, Copy)]
struct Actual {
    mean: f64,
    points: usize,
}

fn case(
    finished: &Finished,
    whole: &Run,
    seen: &Run,
    quantity: Quantity,
    at: f64,
    actual: Actual,
    settings: &Settings,
) -> Option<Case> {
    let final_step = whole.last_step();
    let job = FitJob::of(seen, quantity, &settings.options)?;
    let job = if settings.schedule_known {
        job.under(Plan::known(&whole.rates, seen.last_step(), final_step))
    } else {
        job
    };
    let task = job.task();
    let baselines = baselines(&task, final_step);
    let outcome = job.run().outcome;
    let of_point = |series: &Series| points::noise_variance(series, seen.last_step() / 4);
    let noise = seen.series(quantity).map_or(0.0, of_point) / actual.points as f64;
    let forecast = match (outcome.distribution, outcome.forecast) {
        (Some(distribution), _) => Ok(distribution.blurred(noise)),
        (None, Some(forecast)) => Ok(Mixture::normal(
            forecast.final_loss,
            forecast.sd.hypot(noise.sqrt()),
        )),
        (None, None) => Err(outcome.reason),
    };
    Some(Case {
        run: finished.identity.id.clone(),
        path: finished.identity.path.clone(),
        quantity,
        at,
        cut_step: (at * final_step as f64).floor() as u64,
        final_step,
        forecast,
        actual: actual.mean,
        baselines,
    })
}

fn baselines(task: &Task, final_step: u64) -> Baselines {
    let end = |curve: &LearningRateCurve, huber, memory: f64| {
        let options = FitOptions {
            memories: vec![memory],
            huber,
            prior: None,
        };
        let fit = best_fit(&task.points, curve, &options).ok()?;
        let loss = fit.law.curve(curve, &[final_step as f64]).first().copied()?;
        loss.is_finite().then_some(loss)
    };
    Baselines {
        last: Some(task.smoothed),
        power: end(
            &LearningRateCurve::constant(1.0),
            Huber::StandardDeviations(1.35),
            1.0,
        ),
        plain_fit: end(&task.plan.curve, Huber::LogResidual(PAPER_HUBER), PAPER_MEMORY),
    }
}

/// The run as it was when its log had come to `step`.
fn run_until(finished: &Finished, step: u64) -> Run {
    let mut run = Run::new(finished.identity.clone());
    if step == u64::MAX {
        run.apply(&finished.decoded);
        return run;
    }
    let mut decoded = Decoded::default();
    for row in finished.decoded.records.rows() {
        if row.step() <= step {
            let values: Vec<_> = row.values().collect();
            decoded.records.push(row.step(), &values);
        }
    }
    run.apply(&decoded);
    run
}

/// The points of a loss that no later resume has replaced, in order of steps.
fn surviving(decoded: &Decoded, quantity: Quantity) -> Vec<(u64, f64)> {
    let mut points: Vec<(u64, f64)> = Vec::new();
    for row in decoded.records.rows() {
        let Some(loss) = row.value(quantity).filter(|loss| loss.is_finite()) else {
            continue;
        };
        while points.last().is_some_and(|(step, _)| *step >= row.step()) {
            points.pop();
        }
        points.push((row.step(), loss));
    }
    points
}
