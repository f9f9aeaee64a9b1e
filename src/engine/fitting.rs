//! When a loss is fitted again, and with what.

use std::sync::Arc;

use super::Options;
use super::cohort::{Statement, Statements, heard, siblings};
use super::stated;
use crate::fit::points;
use crate::forecast::cohort::{Member, Profile};
use crate::forecast::{self, Outcome, Task};
use crate::law::repeats::Repeats;
use crate::metric::Quantity;
use crate::run::Run;
use crate::run::series::{RECENT_LEAST, RECENT_SHARE, Series};
use crate::schedule::{Plan, RecordedRates, Schedule};
use crate::source::FileKey;

/// Share of new points that makes a forecast stale at once.
const GROWTH: f64 = 0.02;
/// Seconds after which any new point does.
const PATIENCE: f64 = 10.0;
/// Seconds between two fits of one loss, at least.
const REST: f64 = 0.5;
/// Both grow with so many seconds per run, so that hundreds of live runs leave the machine to
/// others: a fit takes milliseconds.
const REST_PER_RUN: f64 = 0.05;
const PATIENCE_PER_RUN: f64 = 0.1;

/// How soon forecasts are made anew, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    rest: f64,
    patience: f64,
}

impl Pace {
    /// The pace for so many runs.
    pub fn of(runs: usize) -> Pace {
        Pace {
            rest: REST.max(REST_PER_RUN * runs as f64),
            patience: PATIENCE.max(PATIENCE_PER_RUN * runs as f64),
        }
    }
}

/// A fit to be made. Everything is owned: any thread can run it.
#[derive(Clone, Debug)]
pub struct FitJob {
    key: FileKey,
    quantity: Quantity,
    generation: u64,
    points_seen: u64,
    series: Box<Series>,
    companion: Option<Box<Series>>,
    smoothed: f64,
    smoothed_sd: f64,
    last_step: u64,
    rates: RecordedRates,
    schedule: Option<Schedule>,
    stated: Option<Schedule>,
    total_steps: Option<u64>,
    level: f64,
    plan: Option<Plan>,
    others: Vec<Statement>,
    cohort_name: Option<String>,
    repeats: Option<Repeats>,
    sees_data_again: bool,
    augmented_share: Option<f64>,
    /// What came of the same job when siblings had said something else.
    before: Option<Box<(Plan, Outcome)>>,
}

/// What tells whether a run has anything new to say for itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Basis {
    /// The state of the run: grows when it is forgotten or rewound.
    pub generation: u64,
    points: u64,
    rates: u64,
    last_step: u64,
    /// First step of the log.
    begins: u64,
    total_steps: Option<u64>,
    stated: Option<Schedule>,
}

/// What came of a job.
#[derive(Clone, Debug)]
pub struct FitDone {
    /// The file.
    pub key: FileKey,
    /// The loss.
    pub quantity: Quantity,
    /// What it was made from.
    pub(super) basis: Basis,
    /// The schedule it rests on.
    pub plan: Plan,
    /// The forecast and the law.
    pub outcome: Outcome,
    /// What the run has to say to its siblings.
    pub member: Option<Arc<Member>>,
    /// What makes it comparable.
    profile: Option<Profile>,
    /// Which statements of siblings went into it.
    heard: Vec<(FileKey, u64)>,
}

impl FitJob {
    /// What stands for a fit that could not be made at all.
    pub fn failed(&self, reason: &str) -> FitDone {
        FitDone {
            key: self.key,
            quantity: self.quantity,
            basis: self.basis(),
            plan: Plan::new(
                &RecordedRates::default(),
                None,
                None,
                self.last_step,
                self.total_steps,
            ),
            outcome: Outcome {
                reason: reason.to_owned(),
                ..Outcome::default()
            },
            member: None,
            profile: None,
            heard: Vec::new(),
        }
    }

    fn basis(&self) -> Basis {
        Basis {
            generation: self.generation,
            points: self.points_seen,
            rates: self.rates.points(),
            last_step: self.last_step,
            begins: self.begins(),
            total_steps: self.total_steps,
            stated: self.stated.clone(),
        }
    }

    /// First step of this loss and its companion.
    fn begins(&self) -> u64 {
        [Some(&self.series), self.companion.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|series| series.buckets().first())
            .map(|bucket| bucket.first_step)
            .min()
            .unwrap_or_default()
    }

    /// The fit of one loss of a run as it is now; `None` when the run does not log it.
    pub fn of(run: &Run, quantity: Quantity, options: &Options) -> Option<FitJob> {
        let series = run.series(quantity).filter(|series| series.points() > 0)?;
        let recent_points = (series.points() as f64 * RECENT_SHARE).max(RECENT_LEAST as f64);
        Some(FitJob {
            key: FileKey(0),
            quantity,
            generation: 0,
            points_seen: series.points(),
            series: Box::new(series.clone()),
            companion: companion(quantity)
                .and_then(|other| run.series(other))
                .cloned()
                .map(Box::new),
            smoothed: series.recent_mean(),
            smoothed_sd: (series.noise_variance().unwrap_or(0.0) / recent_points).sqrt(),
            last_step: series.last_step().unwrap_or_default().max(run.last_step()),
            rates: run.branch.rates.clone(),
            stated: stated::schedule(&run.hints, run.logged_total_steps()),
            schedule: options.schedule_of(&run.identity.id).cloned(),
            total_steps: options
                .total_steps_of(&run.identity.id)
                .or(run.logged_total_steps()),
            level: options.level,
            plan: None,
            before: None,
            others: Vec::new(),
            cohort_name: options.config.of_run(&run.identity.id, |run| run.cohort.clone()),
            sees_data_again: run.sees_data_again(),
            augmented_share: run.augmented_share().filter(|_| quantity == Quantity::TrainLoss),
            // Held-out data are not learnt by heart.
            repeats: run
                .branch
                .epochs_per_step
                .filter(|_| quantity == Quantity::TrainLoss)
                .map(|per_step| Repeats { per_step }),
        })
    }

    /// The same fit, learning from these runs where they belong together.
    pub fn among(self, others: Vec<Statement>) -> FitJob {
        FitJob { others, ..self }
    }

    /// What this run has to say to others.
    pub fn member(&self) -> Option<Member> {
        let (task, profile) = self.prepare();
        Member::new(profile?, &task, &task.evidence()?)
    }

    /// What makes this run comparable to others: all of its curve after warm-up.
    fn profile(&self, plan: &Plan) -> Option<Profile> {
        let points = points::gather(&self.series, plan.warm_up_end + 1);
        Profile::new(&points, plan, self.last_step, self.cohort_name.clone())
    }

    /// The same fit under learning rates that are known from elsewhere.
    pub fn under(self, plan: Plan) -> FitJob {
        FitJob {
            plan: Some(plan),
            ..self
        }
    }

    /// What the forecast is made from.
    pub fn task(&self) -> Task {
        self.prepare().0
    }

    fn prepare(&self) -> (Task, Option<Profile>) {
        let before = || self.before.as_ref().map(|before| before.0.clone());
        let plan = self.plan.clone().or_else(before).unwrap_or_else(|| {
            Plan::new(
                &self.rates,
                self.schedule.as_ref(),
                self.stated.as_ref(),
                self.last_step,
                self.total_steps,
            )
        });
        // A log that begins late has left out warm-up, or more.
        let from = points::first_step(plan.warm_up_end.max(self.begins()), self.last_step);
        let gather = |series: &Series| points::gather(series, from);
        let profile = self.profile(&plan);
        let siblings = siblings(profile.as_ref(), &self.others)
            .map(|other| Arc::clone(&other.member))
            .collect();
        let task = Task {
            points: gather(&self.series),
            siblings,
            companion: self.companion.as_deref().map(gather).unwrap_or_default(),
            low_in_warm_up: points::lowest_before(&self.series, plan.warm_up_end),
            smoothed: self.smoothed,
            smoothed_sd: self.smoothed_sd,
            last_step: self.last_step,
            plan,
            level: self.level,
            repeats: self.repeats,
            sees_data_again: self.sees_data_again,
            augmented_share: self.augmented_share,
        };
        (task, profile)
    }

    /// Makes the fit. Pure; takes milliseconds.
    pub fn run(self) -> FitDone {
        let (task, profile) = self.prepare();
        let evidence = task.evidence();
        let before = self.before.as_ref().map(|before| &before.1);
        let outcome = forecast::run(&task, evidence.as_ref(), before);
        let basis = self.basis();
        // What a run has to say does not change with what it hears.
        let speaks = self.before.is_none();
        FitDone {
            member: profile
                .clone()
                .zip(evidence.as_ref())
                .filter(|_| speaks)
                .and_then(|(profile, evidence)| Member::new(profile, &task, evidence))
                .map(Arc::new),
            heard: heard(profile.as_ref(), &self.others),
            profile,
            key: self.key,
            quantity: self.quantity,
            basis,
            plan: task.plan,
            outcome,
        }
    }
}

/// The run that may be due for a fit.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub key: FileKey,
    pub run: &'a Run,
    /// Grows when the run is forgotten or rewound.
    pub generation: u64,
}

/// The newest fit of one loss of one run.
#[derive(Clone, Debug)]
pub(super) struct LossFit {
    pub quantity: Quantity,
    pub plan: Option<Plan>,
    pub outcome: Option<Outcome>,
    pub in_flight: bool,
    /// What it was made from.
    basis: Basis,
    /// When it was made, seconds since the Unix epoch.
    pub at: f64,
    profile: Option<Profile>,
    heard: Vec<(FileKey, u64)>,
    /// The statements that were looked through, and what they held for this run.
    looked_through: Option<(u64, News)>,
}

/// What siblings have to say that was not heard yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// Nothing.
    Nothing,
    /// What they have said before, from more of their points.
    Newer,
    /// There are other siblings than before: a forecast may change a lot.
    Others,
}

impl LossFit {
    pub fn new(quantity: Quantity) -> Self {
        LossFit {
            quantity,
            plan: None,
            outcome: None,
            in_flight: false,
            basis: Basis::default(),
            at: f64::NEG_INFINITY,
            profile: None,
            heard: Vec::new(),
            looked_through: None,
        }
    }

    /// True when this loss is due for a fit: its own data have grown, or a sibling has
    /// said something new.
    pub fn is_due(
        &mut self,
        Subject { key, run, generation }: Subject<'_>,
        statements: &Statements,
        pace: Pace,
        now: f64,
    ) -> bool {
        let points = run.series(self.quantity).map_or(0, Series::points);
        if self.in_flight || points == 0 {
            return false;
        }
        let seen = &self.basis;
        // The last record may be one of the other loss.
        let total = self.plan.as_ref().and_then(|plan| plan.total_steps);
        let is_over = |last_step: u64| total.is_some_and(|total| last_step + 1 >= total);
        let other = generation != seen.generation || is_over(run.last_step()) != is_over(seen.last_step);
        let own_news = points != seen.points || other;
        let waited = now - self.at;
        let grown = points as f64 >= seen.points as f64 * (1.0 + GROWTH) || other;
        if waited < pace.rest {
            return false;
        }
        if waited > pace.patience || own_news && grown {
            return own_news || self.siblings_news(key, statements) != News::Nothing;
        }
        self.siblings_news(key, statements) == News::Others
    }

    /// The fit that is due.
    pub fn job(
        &mut self,
        Subject { key, run, generation }: Subject<'_>,
        statements: &Statements,
        options: &Options,
    ) -> Option<FitJob> {
        self.in_flight = true;
        let job = FitJob::of(run, self.quantity, options)?.among(statements.others(key, self.quantity));
        let mut job = FitJob {
            key,
            generation,
            ..job
        };
        if self.basis == job.basis() {
            job.before = self.plan.clone().zip(self.outcome.clone()).map(Box::new);
        }
        Some(job)
    }

    /// True when a fit was made from other data than the one before.
    pub fn differs(&self, done: &FitDone) -> bool {
        self.outcome.is_none() || done.basis != self.basis
    }

    fn siblings_news(&mut self, key: FileKey, statements: &Statements) -> News {
        // Every loss is asked each time that a job is looked for, and all it can hear is much.
        let revision = statements.revision();
        match self.looked_through {
            Some((known, news)) if known == revision => news,
            _ => {
                let others = statements.others(key, self.quantity);
                let now = heard(self.profile.as_ref(), &others);
                let who = |heard: &[(FileKey, u64)]| heard.iter().map(|(who, _)| *who).collect::<Vec<_>>();
                let news = if now == self.heard {
                    News::Nothing
                } else if who(&now) == who(&self.heard) {
                    News::Newer
                } else {
                    News::Others
                };
                self.looked_through = Some((revision, news));
                news
            }
        }
    }

    pub fn finish(&mut self, done: FitDone, fresh: bool, now: f64) {
        self.in_flight = false;
        self.at = now;
        if fresh {
            self.basis = done.basis;
            self.plan = Some(done.plan);
            self.outcome = Some(done.outcome);
            self.profile = done.profile;
            self.heard = done.heard;
            self.looked_through = None;
        }
    }
}

/// The other loss of a run.
const fn companion(quantity: Quantity) -> Option<Quantity> {
    match quantity {
        Quantity::TrainLoss => Some(Quantity::EvalLoss),
        Quantity::EvalLoss => Some(Quantity::TrainLoss),
        _ => None,
    }
}
