//! What the screen and the reports read: an immutable picture of everything known.
//!
//! The engine builds a new [`Snapshot`] when something changed; readers hold it
//! for as long as they like. Nothing here computes.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::alert::Alert;
pub use crate::forecast::decay_now::DecayNow;
pub use crate::forecast::scenario::Scenario;
use crate::forecast::{Forecast, ProjectionPoint};
pub use crate::law::LawView;
use crate::metric::Quantity;
pub use crate::run::series::CurvePoint;
use crate::run::series::recent_mean;
pub use crate::schedule::ScheduleSource;

/// Everything known at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Grows with every change; equal numbers mean equal content.
    pub revision: u64,
    /// Seconds since the Unix epoch at which it was taken.
    pub taken_at: f64,
    /// The runs, in the order of their ids.
    pub runs: Vec<Arc<RunView>>,
    /// Pairs of runs whose order will change.
    pub crossovers: Vec<Crossover>,
    /// How the runs stand among their rivals and what to do with them, in the order of the runs.
    pub prospects: Vec<Prospect>,
    /// Files that were asked for, or look like logs, and could not be read as such.
    pub problems: Vec<Problem>,
    /// The logs that are read, in the order of their paths.
    pub logs: Vec<Arc<LogView>>,
    /// How far the first reading has come; `None` once everything has been read.
    pub loading: Option<Loading>,
}

impl Snapshot {
    /// The prospect of a run.
    pub fn prospect(&self, run: &str) -> Option<&Prospect> {
        let found = self
            .prospects
            .binary_search_by(|prospect| prospect.run.as_str().cmp(run));
        found.ok().and_then(|index| self.prospects.get(index))
    }

    /// How a run stands among its rivals, by the loss that stands for it.
    pub fn contest(&self, run: &str) -> Option<&Contest> {
        self.prospect(run)?.contest.as_ref()
    }

    /// The same by this loss.
    pub fn contest_for(&self, run: &str, quantity: Quantity) -> Option<&Contest> {
        let prospect = self.prospect(run)?;
        let contests = [&prospect.contest, &prospect.other_contest];
        let mut contests = contests.into_iter().flatten();
        contests.find(|contest| contest.quantity == quantity)
    }

    /// What to do with a run.
    pub fn advice(&self, run: &str) -> Option<&Advice> {
        self.prospect(run)?.advice.as_ref()
    }
}

/// Progress of the first reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loading {
    /// Log files found so far.
    pub files: usize,
    /// Bytes decoded so far.
    pub bytes_read: u64,
    /// Bytes known to exist.
    pub bytes_total: u64,
}

/// A file that is not shown as a run, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong and what to do, in one sentence.
    pub message: String,
}

/// A log that is read, in one file or several.
#[derive(Clone, Debug, PartialEq)]
pub struct LogView {
    /// The file, the newest of several.
    pub path: PathBuf,
    /// Id of the run that it is of.
    pub run: String,
    /// True when the run is shown from this log; another one says the same or more otherwise.
    pub leads: bool,
    /// Name of the format.
    pub format: &'static str,
    /// Last step seen.
    pub step: u64,
    /// Lines, or rows, read.
    pub lines: u64,
    /// Trainings from scratch that it tells of before the one that is shown.
    pub earlier_trainings: usize,
    /// Lines that could not be used.
    pub skipped: u64,
    /// The first of them: where, and why.
    pub first_skipped: Option<String>,
    /// When the newest record was written, seconds since the Unix epoch.
    pub last_data_at: f64,
    /// When the file was seen to be gone, seconds since the Unix epoch; `None` while it is there.
    pub removed_at: Option<f64>,
    /// Columns in use, with the name of the role of each.
    pub columns: Vec<(String, &'static str)>,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Records keep coming.
    Training,
    /// The planned end was reached.
    Finished,
    /// No record for much longer than usual, before the planned end.
    Stalled,
    /// The loss is lost: not finite, or far above where it was.
    Diverged,
}

impl State {
    /// All states, the gravest first.
    pub const ALL: [State; 4] = [State::Diverged, State::Stalled, State::Training, State::Finished];

    /// The word shown to the user.
    pub const fn name(self) -> &'static str {
        match self {
            State::Training => "training",
            State::Finished => "finished",
            State::Stalled => "stalled",
            State::Diverged => "diverged",
        }
    }
}

/// One run.
#[derive(Clone, Debug)]
pub struct RunView {
    /// Stable identifier: the path below the folder that was given, unique among the runs.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// Name of the format.
    pub format: &'static str,
    /// What it is doing.
    pub state: State,
    /// Why `state` is what it is, in a few words.
    pub state_reason: String,
    /// Last step seen.
    pub step: u64,
    /// True while it counts as training, but no record has come for longer than usual.
    pub silent: bool,
    /// Planned number of steps.
    pub total_steps: Option<u64>,
    /// Where the planned number comes from ("logged", "declared", ...).
    pub total_steps_source: &'static str,
    /// Seconds until the planned end at the recent pace.
    pub eta_seconds: Option<f64>,
    /// Recent seconds per step.
    pub seconds_per_step: Option<f64>,
    /// Tokens per step, where the log has tokens.
    pub tokens_per_step: Option<f64>,
    /// When the newest record was written, seconds since the Unix epoch.
    pub last_data_at: f64,
    /// Last learning rate.
    pub learning_rate: Option<f64>,
    /// Highest learning rate.
    pub peak_learning_rate: Option<f64>,
    /// Where the future learning rates come from.
    pub schedule_source: ScheduleSource,
    /// The schedule in words: "cosine to 10% over 5,000 steps".
    pub schedule: String,
    /// The losses that the run logs: train, eval, or both.
    pub losses: Vec<LossView>,
    /// Which of `losses` stands for the run.
    pub primary: usize,
    /// Everything noticed, oldest first.
    pub alerts: Vec<Alert>,
    /// Lines that could not be used.
    pub skipped_lines: u64,
    /// Pieces the run consists of; more than one after a resume or a restart.
    pub segments: usize,
    /// Trainings from scratch that the log tells of before this one.
    pub earlier_trainings: usize,
    /// The learning rate and the other signals over the steps.
    pub signals: Arc<Signals>,
}

/// Where a loss of a run ends.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// The run is over and has reached this (nats).
    Reached(f64),
    /// The lowest and the highest end (nats) that plans bring which the log does not tell apart: while a rate is held
    /// nothing shows when it will decay, and the forecast holds for one that never does.
    ByPlan(f64, f64),
    /// It is projected.
    Projected(&'a Forecast),
    /// Nobody can say.
    Unknown,
}

impl RunView {
    /// The loss that stands for the run.
    pub fn primary(&self) -> Option<&LossView> {
        self.losses.get(self.primary).or(self.losses.first())
    }

    /// The loss of this quantity.
    pub fn loss(&self, quantity: Quantity) -> Option<&LossView> {
        self.losses.iter().find(|loss| loss.quantity == quantity)
    }

    /// True when learning rates are logged or declared: without any, the law counts steps.
    pub fn knows_rates(&self) -> bool {
        self.learning_rate.is_some() || self.schedule_source == ScheduleSource::Declared
    }

    /// Where a loss of the run ends, as far as anybody can say.
    pub fn end<'a>(&self, loss: &'a LossView) -> End<'a> {
        let projected = loss.forecast.as_ref();
        if self.state == State::Finished {
            let reached = projected.map_or(loss.smoothed, |forecast| forecast.final_loss);
            return if reached.is_finite() {
                End::Reached(reached)
            } else {
                End::Unknown
            };
        }
        let Some(forecast) = projected else {
            return End::Unknown;
        };
        let is_held = self.schedule_source == ScheduleSource::AssumedConstant && self.knows_rates();
        if !is_held || loss.scenarios.is_empty() {
            return End::Projected(forecast);
        }
        let ends = || loss.plans().map(|plan| plan.final_loss);
        End::ByPlan(
            ends().fold(forecast.final_loss, f64::min),
            ends().fold(forecast.final_loss, f64::max),
        )
    }

    /// The same as one number (nats): of what is possible the middle.
    pub fn end_of(&self, loss: &LossView) -> Option<f64> {
        let end = match self.end(loss) {
            End::Reached(reached) => reached,
            End::ByPlan(low, high) => 0.5 * (low + high),
            End::Projected(forecast) => forecast.final_loss,
            End::Unknown => return None,
        };
        end.is_finite().then_some(end)
    }

    /// Share of the planned steps that is done.
    pub fn progress(&self) -> Option<f64> {
        let total = self.total_steps.filter(|total| *total > 0)?;
        // Where steps count from 0 the last one is not the number of them.
        if self.step.saturating_add(1) >= total {
            return Some(1.0);
        }
        Some((self.step as f64 / total as f64).clamp(0.0, 1.0))
    }

    /// When step `step` was written, seconds since the Unix epoch: that of the newest record,
    /// less the steps since at the recent pace. `None` where the pace is not known.
    pub fn time_of(&self, step: u64) -> Option<f64> {
        let since = self.step.saturating_sub(step) as f64;
        if since == 0.0 {
            return Some(self.last_data_at);
        }
        Some(self.last_data_at - since * self.seconds_per_step?)
    }

    /// Alerts that are still open.
    pub fn open_alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| alert.cleared_at_step.is_none())
    }
}

/// One loss of a run: its curve and its future.
#[derive(Clone, Debug)]
pub struct LossView {
    /// Train or eval loss.
    pub quantity: Quantity,
    /// The last logged value, finite or not.
    pub last: f64,
    /// Mean of the recent part.
    pub smoothed: f64,
    /// Values logged, in all segments that count.
    pub points: u64,
    /// Where it will end.
    pub forecast: Option<Forecast>,
    /// Why there is no forecast, when there is none.
    pub forecast_reason: String,
    /// What would come of possible plans, while the real one is not known.
    pub scenarios: Vec<Scenario>,
    /// What comes of a decay that begins now, in a stable phase.
    pub decay_now: Option<DecayNow>,
    /// The law that fits best.
    pub law: Option<LawView>,
    /// The curve, for charts.
    pub curve: Arc<Curve>,
}

/// Below this exponent the law is nearly a straight line over the logarithm of the steps, and has
/// no asymptote within any reach.
const FLAT_ALPHA: f64 = 0.05;

impl LossView {
    /// True when the points determine the parameters of `law`, and not only its course between
    /// them: the asymptote of a loss that was never negative is not either.
    pub fn determines(&self, law: &LawView) -> bool {
        let never_negative = || self.curve.points.iter().all(|point| point.min >= 0.0);
        law.alpha >= FLAT_ALPHA && (law.l0 >= 0.0 || !never_negative())
    }

    /// What comes of possible plans, where the real one is not known: first of a decay that begins now.
    pub fn plans(&self) -> impl Iterator<Item = &Scenario> {
        let now = self.decay_now.iter().map(|decay| &decay.ends);
        now.chain(&self.scenarios)
    }

    /// What `smoothed` was when the run stood at `step`; `None` before its first value.
    pub fn smoothed_at(&self, step: u64) -> Option<f64> {
        let points = &self.curve.points;
        let seen = points.partition_point(|point| point.step <= step as f64);
        let points = points.get(..seen)?;
        let total = points.iter().map(|point| u64::from(point.count)).sum();
        Some(recent_mean(points.iter().copied(), total)).filter(|level| level.is_finite())
    }

    /// Why there is no forecast, in as few words as a column of a table has room for.
    pub fn brief_reason(&self) -> &str {
        match self.forecast_reason.as_str() {
            reason if reason.contains("--total-steps") => "no planned end",
            reason if reason.contains("points after") => "early",
            reason if reason.starts_with("the law") => "does not fit",
            reason => reason,
        }
    }
}

/// A curve, thinned for charts but with every extreme kept.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// Logged points, thinned to buckets, in order of steps.
    pub points: Vec<CurvePoint>,
    /// Points that a resume has superseded.
    pub superseded: Vec<CurvePoint>,
    /// The fitted law at the steps already seen.
    pub fitted: Vec<(f64, f64)>,
    /// The forecast from now to the last step.
    pub projection: Vec<ProjectionPoint>,
}

/// What else the run logs over its steps.
#[derive(Clone, Debug, Default)]
pub struct Signals {
    /// Learning rate already used: (step, learning rate), carried to the next entry.
    pub learning_rate: Vec<(f64, f64)>,
    /// Learning rate to come, sampled.
    pub planned_learning_rate: Vec<(f64, f64)>,
    /// The other quantities.
    pub others: Vec<(Quantity, Vec<CurvePoint>)>,
}

/// What a run has before it, and what to do with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prospect {
    /// Id of the run.
    pub run: String,
    /// How it stands among the runs that compete with it, by the loss that stands for it; `None` where there are none.
    pub contest: Option<Contest>,
    /// The same by its other loss.
    pub other_contest: Option<Contest>,
    /// What to do with it; `None`: let it run.
    pub advice: Option<Advice>,
}

/// A run among those that compete with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Contest {
    /// The loss that is to be the lowest.
    pub quantity: Quantity,
    /// Probability that it ends lowest.
    pub chance: f64,
    /// Probability that it ends as low as its best rival, or within the tolerance of it.
    pub chance_as_good: f64,
    /// The runs that compete, itself among them.
    pub runs: usize,
    /// How many of them are projected to end lower.
    pub lower: usize,
    /// Id of the other run that is projected to end lowest.
    pub best_rival: String,
    /// How much higher (nats) it is projected to end than that.
    pub behind: f64,
}

/// What to do with a run that goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// What to do.
    pub kind: AdviceKind,
    /// How sure it is that nothing is lost by it.
    pub probability: f64,
    /// Steps that need not be made.
    pub saved_steps: u64,
    /// Seconds that they would take.
    pub saved_seconds: Option<f64>,
    /// What to do and why, in one sentence.
    pub message: String,
}

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdviceKind {
    /// Stop: others will end lower.
    StopOutclassed,
    /// Stop: what is to come gains nothing.
    StopNoGain,
    /// Begin the decay of the learning rate: waiting gains nothing.
    DecayNow,
}

impl AdviceKind {
    /// The words shown to the user.
    pub const fn name(self) -> &'static str {
        match self {
            AdviceKind::StopOutclassed | AdviceKind::StopNoGain => "stop",
            AdviceKind::DecayNow => "decay now",
        }
    }
}

/// Two runs whose order will change.
#[derive(Clone, Debug, PartialEq)]
pub struct Crossover {
    /// Id of the run with the lower loss now.
    pub ahead_now: String,
    /// Id of the run projected to end lower.
    pub ahead_at_end: String,
    /// The loss that is compared.
    pub quantity: Quantity,
    /// The step at which the projected curves cross; `None` when it lies outside both.
    pub at_step: Option<u64>,
    /// Probability that the order at the end is the projected one.
    pub probability: f64,
    /// Projected difference at the end (nats), positive.
    pub gap: f64,
    /// The run that is ahead now leads all it competes with, or the other one will.
    pub of_a_leader: bool,
    /// The run that is ahead now leads all it competes with.
    pub passes_a_leader: bool,
}

impl Crossover {
    /// Less likely ones are little more than the toss of a coin.
    const WORTH_TELLING: f64 = 0.6;

    /// True when it is likely enough to be told to somebody who has not asked for all.
    pub fn is_likely(&self) -> bool {
        self.probability >= Self::WORTH_TELLING
    }
}
