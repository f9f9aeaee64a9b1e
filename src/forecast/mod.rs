//! Where a run will end: from fitted points and a schedule to a projected curve.
//!
//! Pure numbers: the same task gives the same outcome.

pub mod cohort;
pub mod contest;
pub mod decay_now;
mod epochs;
mod hindsight;
mod regained;
pub mod scenario;
mod unlogged;
mod view;

use std::borrow::Cow;
use std::sync::Arc;

use cohort::Member;
use decay_now::DecayNow;
use epochs::Now;
use scenario::{Scenario, scenarios};
use view::{Sight, View};

use crate::fit::mixture::Floor;
use crate::fit::{Evidence, FitError, FitOptions, FitPoint, Huber, Mixture, Tabulated, best_fit, solver};
use crate::law::repeats::Repeats;
use crate::law::{LawView, Prior};
use crate::precision;
use crate::schedule::{LearningRateCurve, Plan, ScheduleSource};

/// Levels of the intervals that are shown.
pub const LEVELS: [f64; 3] = [0.5, 0.8, 0.95];

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
    /// Half the width of the central interval of each of `LEVELS`, in standard deviations.
    pub reach: [f64; LEVELS.len()],
    /// The step it holds for.
    pub at_step: u64,
    /// What it rests on, in words.
    pub basis: String,
    /// True while the effect of the decay comes from the prior, not from this run.
    pub prior_based: bool,
    /// The whole distribution of the loss at the last step.
    pub distribution: Arc<Tabulated>,
}

impl Forecast {
    /// The final loss and half the width of its interval, with the level of that: `3.088 ±.021 (80%)`.
    pub fn in_words(&self) -> String {
        let known = precision::with_interval(self.final_loss, (self.high - self.low) / 2.0);
        format!("{known} ({:.0}%)", self.level * 100.0)
    }
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
    /// The same of the other loss of the run, whose shape this one borrows.
    pub companion: Vec<FitPoint>,
    /// The lowest mean of the loss in warm-up, at lower rates.
    pub low_in_warm_up: Option<f64>,
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
    /// How fast the run goes through its data, where the loss is of the data that is trained on.
    pub repeats: Option<Repeats>,
    /// True when the run goes through its data more than once: what it learns by heart takes the
    /// train loss further down than any law foresees, and the eval loss up again.
    pub sees_data_again: bool,
    /// The share of the run after which data that are trained on are no longer augmented, where
    /// the loss is of these.
    pub augmented_share: Option<f64>,
    /// Runs of the same model and data, to learn from.
    pub siblings: Vec<Arc<Member>>,
}

/// What came of a task.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The projected final loss.
    pub forecast: Option<Forecast>,
    /// What holds instead when the run has ended where it stands.
    pub reached: Option<Forecast>,
    /// Why there is none; empty when there is one.
    pub reason: String,
    /// The law that fits best.
    pub law: Option<LawView>,
    /// The fitted law where the run has been.
    pub fitted: Vec<(f64, f64)>,
    /// The projection from now to the last step.
    pub projection: Vec<ProjectionPoint>,
    /// The distribution of the loss at the last step, while that lies ahead.
    pub distribution: Option<Mixture>,
    /// What would come of possible plans, while the real one is not known.
    pub scenarios: Vec<Scenario>,
    /// What comes of a decay that begins now, in a stable phase.
    pub decay_now: Option<DecayNow>,
    /// How many siblings were heard.
    pub siblings: usize,
}

/// Standard deviation of the loss that a finished run reached, as a share of it.
const FINISHED_SHARE: f64 = 5e-4;

/// The effect of the decay still to come counts as known from the prior alone while the
/// run leaves more than this share of the prior's standard deviation open.
const OPEN: f64 = 0.6;

/// Standard deviation of what the end of the augmentation does to the loss, as a share of it (the
/// last ten epochs of twelve public runs of YOLO: -17 to +23%, in the root mean square 13%).
const PLAIN_DATA: f64 = 0.13;

/// When the distance of both losses has grown by more than this share of the loss since half way, it
/// is not that they are measured on different data...
const APART: f64 = 0.03;
/// ...and not chance either, when it is more than so many standard deviations.
const APART_BY_CHANCE: f64 = 3.0;

/// Before this share of its steps a run without a logged learning rate may still be in its warm-up.
const LEAST_SHARE: f64 = 0.01;

/// So many of the plans that such a run may follow are shown.
const LIKELIEST: usize = 4;

const CURVE_POINTS: usize = 160;

impl Task {
    fn blind(&self) -> bool {
        self.plan.curve.is_empty()
    }

    /// True once the run has made all its planned steps.
    fn is_over(&self) -> bool {
        planned_end(self).is_some()
    }

    /// Without learning rates S1 counts steps: the law becomes a power law in steps.
    fn curve(&self) -> Cow<'_, LearningRateCurve> {
        if self.blind() {
            Cow::Owned(LearningRateCurve::constant(1.0))
        } else {
            Cow::Borrowed(&self.plan.curve)
        }
    }

    fn prior(&self) -> Prior {
        self.prior_at(self.last_step as f64, self.smoothed)
    }

    /// The prior for this run when its loss is about `level`, at this step.
    fn prior_at(&self, step: f64, level: f64) -> Prior {
        /// The share of a run of which nobody knows how long it is.
        const HALF: f64 = 0.5;
        let prior = Prior::at(level, self.curve().peak()).after(step);
        let prior = self.fall(step).map_or(prior, |fall| prior.falling(fall));
        let prior = self
            .low_before(step)
            .map_or(prior, |low| prior.regaining(level - low));
        if let Some((epochs, level)) = self.steps_seen(step) {
            return prior.stepping(epochs, level);
        }
        if !self.learns_by_heart() {
            return prior;
        }
        let total = self.plan.total_steps.filter(|total| *total > 0);
        prior.learning_by_heart(total.map_or(HALF, |total| (step / total as f64).min(1.0)))
    }

    /// What the loss has lost at most while the steps grew e-fold up to this one, by these last points.
    fn fall(&self, step: f64) -> Option<f64> {
        /// Fewer points tell nothing.
        const LEAST: usize = 5;
        /// At most: so many standard errors more than it seems.
        const ERRORS: f64 = 2.0;
        let lately = |points: &[FitPoint]| {
            let from = points.partition_point(|point| point.step * std::f64::consts::E < step);
            let to = points.partition_point(|point| point.step <= step);
            let points = points.get(from..to).filter(|points| points.len() >= LEAST)?;
            let places: Vec<(f64, f64)> = points.iter().map(|point| (point.step.ln(), point.loss)).collect();
            let (slope, error) = crate::statistics::slope(&places)?;
            Some(ERRORS * error - slope)
        };
        lately(&self.points).or_else(|| lately(&self.companion))
    }

    /// True when the run sees its data again; where the log does not tell, its two losses lead apart.
    fn learns_by_heart(&self) -> bool {
        self.sees_data_again || self.leads_apart()
    }

    /// True when the loss and its companion lie further apart than they did half way.
    fn leads_apart(&self) -> bool {
        let apart = |step: f64| {
            let (own, other) = (latest(&self.points, step)?, latest(&self.companion, step)?);
            Some(((own.loss - other.loss).abs(), own.variance + other.variance))
        };
        let end = self.last_step as f64;
        let (Some((now, noise)), Some((before, noise_before))) = (apart(end), apart(0.5 * end)) else {
            return false;
        };
        let by_chance = APART_BY_CHANCE * (noise + noise_before).sqrt();
        now - before > APART * self.smoothed.abs() + by_chance
    }

    /// A loss that has never been below zero never will be.
    fn floor(&self) -> Floor {
        /// From this share of the loss now on: no power law loses more in the steps that are usually
        /// still to come.
        const FELT_FROM: f64 = 0.5;
        if self.points.iter().all(|point| point.loss >= 0.0) {
            Floor {
                at: 0.0,
                felt_from: FELT_FROM * self.smoothed.max(0.0),
            }
        } else {
            Floor::NONE
        }
    }

    /// The task with both losses in each other's place.
    fn of_the_companion(&self) -> Task {
        Task {
            points: self.companion.clone(),
            companion: self.points.clone(),
            smoothed: self.companion.last().map_or(self.smoothed, |point| point.loss),
            repeats: None,
            low_in_warm_up: None,
            ..self.clone()
        }
    }

    /// The variance of what is known to come to this loss by a step of a run with this end, and
    /// which no law foresees.
    fn unforeseen(&self, step: f64, end: f64) -> f64 {
        let now = self.last_step as f64;
        // Data that are no longer augmented are easier.
        let plain_from = self.augmented_share.map(|share| share * end);
        if plain_from.is_some_and(|from| from > now && step >= from) {
            (PLAIN_DATA * self.smoothed).powi(2)
        } else {
            0.0
        }
    }

    /// What the points say; `None` when they say nothing.
    pub fn evidence(&self) -> Option<Evidence> {
        Evidence::new(&self.points, &self.companion, &self.curve(), self.prior())
    }
}

/// What is known of the end of a run. `evidence` is that of the task; `before` is what came of
/// the same task when the siblings had said something else: its law holds.
pub fn run(task: &Task, evidence: Option<&Evidence>, before: Option<&Outcome>) -> Outcome {
    Outcome {
        reached: Some(reached(task)).filter(|reached| reached.final_loss.is_finite()),
        ..project(task, evidence, before)
    }
}

/// Fits the law and projects it to the last step.
fn project(task: &Task, evidence: Option<&Evidence>, before: Option<&Outcome>) -> Outcome {
    let (blind, curve, prior) = (task.blind(), task.curve(), task.prior());
    let mut outcome = match before.filter(|before| before.law.is_some()) {
        Some(before) => Outcome {
            law: before.law,
            fitted: before.fitted.clone(),
            ..Outcome::default()
        },
        None => match with_law(task, &curve, prior) {
            Ok(outcome) => outcome,
            Err(error) => return without_law(task, &error),
        },
    };
    if planned_end(task).is_some() {
        outcome.forecast = Some(reached(task));
        return outcome;
    }
    let Some(evidence) = evidence else {
        outcome.reason = FitError::NoSolution.to_string();
        return outcome;
    };
    let possible = unlogged::possible(task);
    let views = View::all(task, evidence, &possible);
    let Some(view) = views.first() else {
        outcome.reason = FitError::NoSolution.to_string();
        return outcome;
    };
    outcome.siblings = view.siblings;
    if !blind && task.plan.source == ScheduleSource::AssumedConstant && !task.plan.has_decayed() {
        outcome.scenarios = scenarios(
            |now, then| view.seen_from(now, then),
            &curve,
            task.last_step,
            task.plan.total_steps,
            task.level,
        );
    }
    let Some(total) = task.plan.total_steps else {
        outcome.reason =
            "the planned number of steps is not in the log; give it with --total-steps or --schedule"
                .to_owned();
        return outcome;
    };
    let (now, end) = (task.last_step as f64, total as f64);
    if blind && now < LEAST_SHARE * end {
        outcome.reason = format!(
            "too early: the log has no learning rate, and {} of {total} steps tell little",
            task.last_step
        );
        return outcome;
    }
    let steps = evenly(now, end);
    let Some(seen) = views
        .iter()
        .map(|view| view.look(&steps))
        .collect::<Option<Vec<Sight>>>()
    else {
        return outcome;
    };
    let missed: f64 = views
        .iter()
        .map(|view| view.probability * view.missed_now())
        .sum();
    let unforeseen = |step: f64| task.unforeseen(step, end) + missed;
    let here = Now {
        step: now,
        level: task.smoothed,
    };
    let step_seen = task.steps_seen(now).map(|_| view.step_by_heart());
    let projected = |(index, step): (usize, &f64)| {
        let points = views.iter().zip(&seen);
        let points: Vec<(f64, ProjectionPoint)> = points
            .filter_map(|(view, sight)| Some((view.probability, *sight.curve.get(index)?)))
            .collect();
        let mean: f64 = points.iter().map(|(share, point)| share * point.mean).sum();
        let variance: f64 = points
            .iter()
            .map(|(share, point)| share * (point.sd.powi(2) + (point.mean - mean).powi(2)))
            .sum();
        let (fall, of_epochs) = task.at_ends_of_epochs(here, *step, step_seen);
        ProjectionPoint {
            step: *step,
            mean: task.floor().kept_above(mean - fall),
            sd: (variance + unforeseen(*step) + of_epochs).sqrt(),
        }
    };
    outcome.projection = steps.iter().enumerate().map(projected).collect();
    let ends: Vec<(f64, Mixture)> = views
        .iter()
        .zip(seen)
        .map(|(view, sight)| (view.probability, sight.end.condensed()))
        .collect();
    if blind {
        let likeliest = views.iter().zip(&ends).take(LIKELIEST);
        let under = |(view, (_, end)): (&View, &(f64, Mixture))| {
            Scenario::new(view.in_words(), total, end, task.level)
        };
        outcome.scenarios = likeliest.map(under).collect();
    }
    let (fall, of_epochs) = task.at_ends_of_epochs(here, end, step_seen);
    outcome.decay_now = task.decay_now(view, unforeseen(end) + of_epochs);
    let distribution = Mixture::any_of(&ends).blurred(unforeseen(end));
    let distribution = match task.first_steps(here, end) {
        Some(habits) => {
            let under = |(share, fall, variance)| (share, distribution.lower_by(fall).blurred(variance));
            Mixture::any_of(&habits.map(under))
        }
        None => distribution.lower_by(fall).blurred(of_epochs),
    };
    let prior_based = view.openness(end) > OPEN;
    outcome.forecast = Some(forecast(
        &distribution,
        task.level,
        total,
        basis(task, total, prior_based, &views),
        prior_based,
    ));
    outcome.distribution = Some(distribution);
    outcome
}

/// The law that fits best, and where it has been.
fn with_law(task: &Task, curve: &LearningRateCurve, prior: Prior) -> Result<Outcome, FitError> {
    let options = FitOptions {
        memories: solver::memory_grid(),
        huber: Huber::StandardDeviations(1.35),
        prior: Some(prior),
    };
    let best = match best_fit(&task.points, curve, &options) {
        Ok(best) => best,
        // A loss that is logged seldom borrows the shape of its companion.
        Err(FitError::TooFewPoints { .. })
            if !task.points.is_empty() && task.companion.len() >= solver::LEAST_POINTS =>
        {
            return Ok(Outcome::default());
        }
        Err(error) => return Err(error),
    };
    let first = task.points.first().map_or(1.0, |point| point.step);
    let seen = evenly(first, task.last_step as f64);
    let fitted = seen.iter().copied().zip(best.law.curve(curve, &seen));
    Ok(Outcome {
        fitted: fitted.collect(),
        law: Some(best.law.view(best.residual_sd())),
        ..Outcome::default()
    })
}

/// The last of these points up to a step.
fn latest(points: &[FitPoint], step: f64) -> Option<&FitPoint> {
    points
        .get(..points.partition_point(|point| point.step <= step))?
        .last()
}

fn forecast(distribution: &Mixture, level: f64, at_step: u64, basis: String, prior_based: bool) -> Forecast {
    let (low, high) = distribution.interval(level);
    let sd = distribution.sd();
    let reach = |level: f64| {
        let (low, high) = distribution.interval(level);
        0.5 * (high - low) / sd.max(f64::MIN_POSITIVE)
    };
    Forecast {
        final_loss: distribution.mean(),
        sd,
        level,
        low,
        high,
        reach: LEVELS.map(reach),
        at_step,
        basis,
        prior_based,
        distribution: Arc::new(Tabulated::new(distribution)),
    }
}

fn without_law(task: &Task, error: &FitError) -> Outcome {
    let mut outcome = Outcome {
        reason: error.to_string(),
        ..Outcome::default()
    };
    if planned_end(task).is_some() {
        outcome.forecast = Some(reached(task));
        outcome.reason.clear();
    }
    outcome
}

/// The planned number of steps of a run that has made them.
fn planned_end(task: &Task) -> Option<u64> {
    task.plan.total_steps.filter(|total| task.last_step + 1 >= *total)
}

/// The forecast of a run that is over: what it reached.
fn reached(task: &Task) -> Forecast {
    let sd = task.smoothed_sd.max(FINISHED_SHARE * task.smoothed.abs());
    let at_its_end = planned_end(task);
    forecast(
        &Mixture::normal(task.smoothed, sd),
        task.level,
        at_its_end.map_or(task.last_step, |total| total.max(task.last_step)),
        "the run is over: mean of its last part".to_owned(),
        false,
    )
}

fn basis(task: &Task, total: u64, prior_based: bool, views: &[View]) -> String {
    let (now, end) = (task.last_step as f64, total as f64);
    let repeated = if task.repeats.is_some_and(|repeats| repeats.any(now, end)) {
        "; data will be seen again, which steps the train loss down"
    } else {
        ""
    };
    if task.blind() {
        let likeliest = views.first().map(View::in_words).unwrap_or_default();
        let learnt = learnt(views);
        return format!(
            "no learning rate in the log (--schedule declares one): any usual schedule, most likely {likeliest}{learnt}{repeated}"
        );
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
    let learnt = learnt(views);
    format!("annealing law, {schedule}{learnt}{gain}{repeated}")
}

/// From whom a forecast learns.
fn learnt(views: &[View]) -> String {
    match views.first().map_or(0, |view| view.siblings) {
        0 => String::new(),
        1 => "; learns from 1 sibling".to_owned(),
        many => format!("; learns from {many} siblings"),
    }
}

fn evenly(from: f64, to: f64) -> Vec<f64> {
    let count = CURVE_POINTS.min((to - from).abs() as usize + 1).max(2);
    (0..count)
        .map(|index| from + (to - from) * index as f64 / (count - 1) as f64)
        .collect()
}
