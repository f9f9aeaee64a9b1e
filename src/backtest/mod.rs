//! How good the forecasts are: finished runs, forecast again from their beginnings.
//!
//! A case sees the records up to its cut and nothing later, except, where the schedule
//! counts as known, the learning rates to come.

pub mod advice;
pub mod alerts;
mod score;

pub use score::{Comparison, Summary, summarise};

use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::cohort::Statement;
use crate::engine::{FitJob, Options};
use crate::fit::{FitOptions, Huber, Mixture, best_fit, points};
use crate::forecast::Task;
use crate::forecast::cohort::Member;
use crate::format::Decoded;
use crate::metric::Quantity;
use crate::run::series::Series;
use crate::run::{Identity, Run};
use crate::schedule::{LearningRateCurve, Plan};
use crate::source::FileKey;

/// A finished run with all its records.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What it is.
    pub identity: Identity,
    /// All its records.
    pub decoded: Decoded,
}

/// What is known of the learning rates when a run is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// Those of the whole run, and its length.
    Known,
    /// What the log shows up to the cut.
    Inferred,
    /// None, but the length.
    Unlogged,
}

/// What a forecast is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Shares of the run at which it is cut.
    pub at: Vec<f64>,
    /// What is known of the learning rates at the cut.
    pub knowledge: Knowledge,
    /// What the user says about all runs.
    pub options: Options,
    /// What a forecast learns from the other runs.
    pub others: Others,
}

/// What the other runs are to a forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They are not there.
    Absent,
    /// They are over: a forecast sees each of them to its end (but never its own run).
    Finished,
    /// They were started together and have come equally far.
    Live,
}

/// The losses that are forecast.
const LOSSES: [Quantity; 2] = [Quantity::TrainLoss, Quantity::EvalLoss];

/// What all runs have to say to each other, by loss; by cut too, when they are live.
#[derive(Debug, Default)]
pub struct Members {
    /// One entry per run: (loss, share of the run that was seen, member).
    runs: Vec<Vec<(Quantity, f64, Arc<Member>)>>,
}

impl Members {
    /// Gathers what the runs have to say.
    pub fn of(runs: Vec<Vec<(Quantity, f64, Arc<Member>)>>) -> Members {
        Members { runs }
    }

    /// What all runs but the one with this index say of a loss at a cut.
    fn others(&self, index: usize, quantity: Quantity, at: f64) -> Vec<Statement> {
        self.runs
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index)
            .flat_map(|(_, members)| members)
            .filter(|(of, seen, _)| *of == quantity && (*seen == 1.0 || *seen == at))
            .zip(1..)
            .map(|((_, _, member), serial)| Statement {
                key: FileKey(0),
                serial,
                member: Arc::clone(member),
            })
            .collect()
    }
}

/// What one run has to say: at its end, or at every cut.
pub fn members(finished: &Finished, settings: &Settings) -> Vec<(Quantity, f64, Arc<Member>)> {
    let whole = run_until(finished, u64::MAX);
    let cuts = match settings.others {
        Others::Absent => return Vec::new(),
        Others::Finished => vec![1.0],
        Others::Live => settings.at.clone(),
    };
    if whole.divergence().is_some() {
        return Vec::new();
    }
    let mut members = Vec::new();
    for at in cuts {
        let seen = run_until(finished, (at * whole.last_step() as f64).floor() as u64);
        for quantity in LOSSES {
            let job = FitJob::of(&seen, quantity, &settings.options);
            // What has been seen has its learning rates; those to come say nothing here.
            let (last_step, final_step) = (seen.last_step(), whole.last_step());
            let plan = match settings.knowledge {
                Knowledge::Unlogged => Plan::unlogged(last_step, final_step),
                Knowledge::Known | Knowledge::Inferred => {
                    Plan::known(&whole.branch.rates, last_step, final_step)
                }
            };
            if let Some(member) = job.and_then(|job| job.under(plan).member()) {
                members.push((quantity, at, Arc::new(member)));
            }
        }
    }
    members
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
    /// First value of the loss.
    pub first: f64,
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

/// All cases of a run, which has this index among all runs.
///
/// # Errors
/// Why the run can serve for none, in words.
pub fn cases(
    index: usize,
    finished: &Finished,
    members: &Members,
    settings: &Settings,
) -> Result<Vec<Case>, String> {
    let whole = run_until(finished, u64::MAX);
    if let Some(alert) = whole.divergence() {
        return Err(alert.message.clone());
    }
    let mut cases = Vec::new();
    for quantity in LOSSES {
        let points = surviving(&finished.decoded, quantity);
        if points.len() < LEAST_POINTS {
            continue;
        }
        let last = points.len() - (points.len() / 100).max(1);
        let tail = points.get(last..).unwrap_or_default();
        let first = points.first().map_or(f64::NAN, |(_, loss)| *loss);
        let actual = Actual {
            mean: tail.iter().map(|(_, loss)| loss).sum::<f64>() / tail.len().max(1) as f64,
            points: tail.len().max(1),
        };
        let final_step = whole.last_step();
        for &at in &settings.at {
            let cut_step = (at * final_step as f64).floor() as u64;
            let others = members.others(index, quantity, at);
            let cut = Cut {
                whole: &whole,
                seen: run_until(finished, cut_step),
                quantity,
                at,
                cut_step,
                first,
                actual,
            };
            cases.extend(cut.case(others, settings));
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

/// A run cut off at a step, and what became of it.
struct Cut<'a> {
    whole: &'a Run,
    seen: Run,
    quantity: Quantity,
    at: f64,
    cut_step: u64,
    first: f64,
    actual: Actual,
}

impl Cut<'_> {
    fn case(&self, others: Vec<Statement>, settings: &Settings) -> Option<Case> {
        let final_step = self.whole.last_step();
        let job = FitJob::of(&self.seen, self.quantity, &settings.options)?;
        let last_step = self.seen.last_step();
        let job = match settings.knowledge {
            Knowledge::Known => job.under(Plan::known(&self.whole.branch.rates, last_step, final_step)),
            Knowledge::Inferred => job,
            Knowledge::Unlogged => job.under(Plan::unlogged(last_step, final_step)),
        };
        let baselines = baselines(&job.task(), final_step);
        let outcome = job.among(others).run().outcome;
        let of_point = |series: &Series| points::noise_variance(series, self.seen.last_step() / 4);
        let noise = self.seen.series(self.quantity).map_or(0.0, of_point) / self.actual.points as f64;
        let forecast = match (outcome.distribution, outcome.forecast) {
            (Some(distribution), _) => Ok(distribution.blurred(noise)),
            (None, Some(forecast)) => Ok(Mixture::normal(
                forecast.final_loss,
                forecast.sd.hypot(noise.sqrt()),
            )),
            (None, None) => Err(outcome.reason),
        };
        Some(Case {
            run: self.whole.identity.id.clone(),
            path: self.whole.identity.path.clone(),
            quantity: self.quantity,
            at: self.at,
            cut_step: self.cut_step,
            final_step,
            first: self.first,
            forecast,
            actual: self.actual.mean,
            baselines,
        })
    }
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
    let told = decoded.records.points(quantity);
    for (at, loss) in told.filter(|(_, loss)| loss.is_finite()) {
        while points.last().is_some_and(|(step, _)| *step >= at) {
            points.pop();
        }
        points.push((at, loss));
    }
    points
}
