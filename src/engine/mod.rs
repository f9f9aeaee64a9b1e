//! The state machine that joins everything: source events in, fit jobs out, fit
//! results in, snapshots out. It owns no thread, no file and no clock.

mod advice;
pub mod cohort;
mod crossover;
mod entrants;
mod fitting;
mod identity;
mod stated;
mod view;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use advice::prospects;
use cohort::Statements;
use crossover::crossovers;
use entrants::Entrants;
pub use fitting::{FitDone, FitJob};
pub use view::silent_end;

use crate::config::Config;
use crate::forecast::cohort::Member;
use crate::metric::{Names, Quantity};
use crate::run::Run;
use crate::schedule::Schedule;
use crate::snapshot::{Crossover, Loading, LogView, Problem, Prospect, RunView, Snapshot};
use crate::source::{FileKey, SourceEvent};
use fitting::{LossFit, Pace, Subject};

/// Seconds between two comparisons of all runs with each other, and how many more for each run: every pair
/// is compared.
const COMPARED_EVERY: f64 = 1.0;
const COMPARED_EVERY_PER_RUN: f64 = 0.02;

/// What the user said about all runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Declared names of metrics.
    pub names: Names,
    /// What `losscast.toml` says.
    pub config: Arc<Config>,
    /// Declared schedule.
    pub schedule: Option<Schedule>,
    /// Declared number of steps.
    pub total_steps: Option<u64>,
    /// Level of the intervals.
    pub level: f64,
    /// The loss that stands for a run, where it has it.
    pub metric: Option<Quantity>,
    /// Files and folders of finished runs elsewhere, to learn from.
    pub reference_paths: Vec<PathBuf>,
    /// What they have to say, by loss.
    pub references: Arc<Vec<(Quantity, Arc<Member>)>>,
}

impl Options {
    /// The schedule declared for a run, on the command line or in the configuration.
    pub fn schedule_of(&self, id: &str) -> Option<&Schedule> {
        let configured = || self.config.of_run(id, |run| run.schedule.as_ref());
        self.schedule.as_ref().or_else(configured)
    }

    /// The number of steps declared for a run.
    pub fn total_steps_of(&self, id: &str) -> Option<u64> {
        let scheduled = || self.schedule_of(id).and_then(|schedule| schedule.total_steps);
        let configured = || self.config.of_run(id, |run| run.total_steps);
        self.total_steps.or_else(scheduled).or_else(configured)
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            names: Names::default(),
            config: Arc::default(),
            schedule: None,
            total_steps: None,
            level: 0.8,
            metric: None,
            reference_paths: Vec::new(),
            references: Arc::default(),
        }
    }
}

/// A run with its fits and its picture.
struct Entry {
    run: Run,
    fits: [LossFit; 2],
    /// When the file was last changed, seconds since the Unix epoch.
    modified: f64,
    /// When a record was last seen to arrive, seconds since the Unix epoch: fresh
    /// whatever the clock in the log says.
    arrived: Option<f64>,
    /// When the file was seen to be gone, seconds since the Unix epoch.
    removed_at: Option<f64>,
    /// Grows when the run is forgotten or rewound: older fits are dropped.
    generation: u64,
    changed: bool,
    view: Option<Arc<RunView>>,
    /// The account of its log, until that is changed.
    log: Option<Arc<LogView>>,
}

/// Joins records, fits and alerts of all runs.
pub struct Engine {
    options: Options,
    entries: BTreeMap<FileKey, Entry>,
    problems: BTreeMap<PathBuf, String>,
    loading: Option<Loading>,
    revision: u64,
    crossovers: Vec<Crossover>,
    prospects: Vec<Prospect>,
    /// Revision and time of the crossovers and the prospects.
    compared: (u64, f64),
    groups: identity::Groups,
    statements: Statements,
}

impl Engine {
    /// An engine without runs.
    pub fn new(options: Options) -> Self {
        let statements = Statements::with(&options.references);
        Engine {
            options,
            entries: BTreeMap::new(),
            problems: BTreeMap::new(),
            loading: Some(Loading::default()),
            revision: 0,
            crossovers: Vec::new(),
            prospects: Vec::new(),
            compared: (0, f64::NEG_INFINITY),
            groups: identity::Groups::default(),
            statements,
        }
    }

    /// Takes in what the source has found. `now` is in seconds since the Unix epoch.
    pub fn apply(&mut self, event: SourceEvent, now: f64) {
        self.revision += 1;
        match event {
            SourceEvent::Found { key, identity } => {
                self.problems.remove(&identity.path);
                self.groups.found(&identity);
                match self.entries.get_mut(&key) {
                    // A log may go on in another file, and then in another format too.
                    Some(entry)
                        if entry.run.identity.format == identity.format
                            || entry.run.identity.path != identity.path =>
                    {
                        entry.run.identity = identity;
                        entry.changed = true;
                        entry.log = None;
                    }
                    _ => {
                        let run = Run::new(identity).with(self.options.config.alerts.thresholds);
                        self.entries.insert(key, Entry::new(run));
                    }
                }
            }
            SourceEvent::Columns { key, columns } => {
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.run.learn(columns);
                    entry.log = None;
                }
            }
            SourceEvent::Records {
                key,
                decoded,
                modified,
            } => {
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.take(&decoded, modified, now, self.loading.is_none());
                }
            }
            SourceEvent::Restarted { key, moved_aside } => {
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.run.file_restarted(moved_aside);
                }
            }
            SourceEvent::Reread { key } => {
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.run.forget();
                    entry.generation += 1;
                    entry.changed = true;
                    entry.log = None;
                }
            }
            SourceEvent::Absorbed { key } => {
                self.entries.remove(&key);
                self.statements.forget(key);
            }
            SourceEvent::Removed { key, removed } => {
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.removed_at = removed.then_some(now);
                    entry.log = None;
                }
            }
            SourceEvent::Problem { path, message } => {
                self.problems.insert(path, message);
            }
            SourceEvent::Solved { path } => {
                self.problems.remove(&path);
            }
            SourceEvent::Loading(loading) => self.loading = Some(loading),
            SourceEvent::CaughtUp => self.loading = None,
        }
    }

    /// Chooses the logs that stand for runs. The others say nothing to siblings: they
    /// would only repeat what the one that stands for them says.
    fn regroup(&mut self) {
        let settled = self.loading.is_none();
        for key in self.groups.update(&mut self.entries, self.revision, settled) {
            self.statements.forget(key);
        }
    }

    /// The next fit worth making, or `None` when every forecast is fresh enough.
    pub fn next_job(&mut self, now: f64) -> Option<FitJob> {
        // While the first reading goes on, a forecast of the part read so far would be
        // thrown away at once.
        if self.loading.is_some() {
            return None;
        }
        self.regroup();
        let (options, groups, statements) = (&self.options, &self.groups, &self.statements);
        let pace = Pace::of(self.entries.len());
        let leading = |entry: &(&FileKey, &mut Entry)| groups.leads(*entry.0);
        let due = self.entries.iter_mut().filter(leading).flat_map(|(key, entry)| {
            let subject = Subject {
                key: *key,
                run: &entry.run,
                generation: entry.generation,
            };
            let fits = entry.fits.iter_mut().map(move |fit| (subject, fit));
            fits.filter_map(|(subject, fit)| {
                fit.is_due(subject, statements, pace, now)
                    .then_some((subject, fit))
            })
        });
        // Whoever has waited longest.
        let (subject, fit) = due.min_by(|(_, one), (_, other)| one.at.total_cmp(&other.at))?;
        fit.job(subject, statements, options)
    }

    /// Takes in a finished fit.
    pub fn finish(&mut self, done: FitDone, now: f64) {
        if let Some(entry) = self.entries.get_mut(&done.key)
            && let Some(fit) = entry.fits.iter_mut().find(|fit| fit.quantity == done.quantity)
        {
            let fresh = done.basis.generation == entry.generation;
            if fresh && self.groups.leads(done.key) && fit.differs(&done) {
                // What it does since it diverged, others do not.
                let member = done.member.clone().filter(|_| !entry.run.has_diverged());
                self.statements.put(done.key, done.quantity, member);
            }
            fit.finish(done, fresh, now);
            entry.changed = true;
            self.revision += 1;
        }
    }

    /// True while a fit is being made.
    pub fn fitting(&self) -> bool {
        self.entries
            .values()
            .any(|entry| entry.fits.iter().any(|fit| fit.in_flight))
    }

    /// True once everything that existed at the start has been read.
    pub fn caught_up(&self) -> bool {
        self.loading.is_none()
    }

    /// Grows with every change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What all runs have to say to others, with their files.
    pub fn members(&self) -> Vec<(PathBuf, Quantity, Arc<Member>)> {
        let said = self.statements.all().filter_map(|(place, statement)| {
            let entry = self.entries.get(&statement.key)?;
            let quantity = Quantity::ALL.into_iter().find(|of| of.index() as u8 == place)?;
            let path = entry.run.identity.path.clone();
            Some((path, quantity, Arc::clone(&statement.member)))
        });
        said.collect()
    }

    /// The runs, for the account that `inspect` gives.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.entries.values().map(|entry| &entry.run)
    }

    /// Every log that is followed, and whether it is the one that stands for its run.
    pub fn logs(&mut self) -> impl Iterator<Item = (FileKey, &Run, bool)> {
        self.regroup();
        let groups = &self.groups;
        self.entries
            .iter()
            .map(|(key, entry)| (*key, &entry.run, groups.leads(*key)))
    }

    /// True when a file at or below `path` is part of a run with a loss.
    pub fn has_run_below(&self, path: &Path) -> bool {
        let of_a_run = |id: &str| {
            self.entries
                .values()
                .any(|entry| entry.run.identity.id == id && !entry.run.losses().is_empty())
        };
        // The runs in a database have names of their own.
        let is_below =
            |entry: &Entry| entry.run.identity.path.starts_with(path) && !entry.run.losses().is_empty();
        self.groups.runs_below(path).any(of_a_run) || self.entries.values().any(is_below)
    }

    /// True for a file that could not be read, or not to its end.
    pub fn has_problem(&self, path: &Path) -> bool {
        self.problems.contains_key(path)
    }

    /// A picture of everything known at `now`.
    pub fn snapshot(&mut self, now: f64) -> Snapshot {
        self.regroup();
        let options = &self.options;
        let mut any_changed = false;
        let mut runs: Vec<Arc<RunView>> = Vec::with_capacity(self.entries.len());
        let mut logs: Vec<Arc<LogView>> = Vec::with_capacity(self.entries.len());
        // By the file: a database may hold many such runs.
        let mut lossless: BTreeMap<PathBuf, (usize, String)> = BTreeMap::new();
        for (key, entry) in &mut self.entries {
            let leads = self.groups.leads(*key);
            match leads.then(|| view::without_loss(&entry.run)).flatten() {
                Some(problem) => lossless.entry(problem.path).or_insert((0, problem.message)).0 += 1,
                None => logs.push(entry.log(leads, now)),
            }
            if !leads || entry.run.losses().is_empty() {
                continue;
            }
            let (view, changed) = entry.view(options, now);
            any_changed |= changed;
            runs.push(view);
        }
        runs.sort_by(|one, other| one.id.cmp(&other.id));
        logs.sort_by(|one, other| one.path.cmp(&other.path));
        if any_changed {
            self.revision += 1;
        }
        // Every pair is compared: often enough for a reader, seldom enough for hundreds of runs.
        let (revision, time) = self.compared;
        let rest = COMPARED_EVERY.max(COMPARED_EVERY_PER_RUN * runs.len() as f64);
        if revision != self.revision && (now - time).abs() >= rest {
            let entrants = Entrants::of(&runs, options);
            let found = (
                crossovers(&runs, &entrants, now),
                prospects(&runs, &entrants, options),
            );
            self.revision += u64::from(found.0 != self.crossovers || found.1 != self.prospects);
            (self.crossovers, self.prospects) = found;
            self.compared = (self.revision, now);
        }
        Snapshot {
            revision: self.revision,
            taken_at: now,
            runs,
            crossovers: self.crossovers.clone(),
            prospects: self.prospects.clone(),
            problems: self
                .problems
                .iter()
                .map(|(path, message)| Problem {
                    path: path.clone(),
                    message: message.clone(),
                })
                .chain(lossless.into_iter().map(|(path, (count, message))| Problem {
                    path,
                    message: match count {
                        1 => message,
                        _ => format!("{count} runs have no loss; the first: {message}"),
                    },
                }))
                .collect(),
            logs,
            loading: self.loading,
        }
    }
}

impl Entry {
    fn new(run: Run) -> Self {
        Entry {
            run,
            fits: [
                LossFit::new(Quantity::TrainLoss),
                LossFit::new(Quantity::EvalLoss),
            ],
            modified: 0.0,
            arrived: None,
            removed_at: None,
            generation: 0,
            changed: true,
            view: None,
            log: None,
        }
    }

    fn take(&mut self, decoded: &crate::format::Decoded, modified: f64, now: f64, live: bool) {
        let segments = self.run.segments();
        self.run.apply(decoded);
        if self.run.segments() != segments {
            self.generation += 1;
        }
        if live && !decoded.records.is_empty() {
            self.run.branch.pace.arrived(self.run.last_step(), now);
            self.arrived = Some(now);
        }
        self.modified = modified;
        self.changed = true;
        self.log = None;
    }

    /// The account of the log.
    fn log(&mut self, leads: bool, now: f64) -> Arc<LogView> {
        if let Some(log) = self.log.as_ref().filter(|log| log.leads == leads) {
            return Arc::clone(log);
        }
        let last_data_at = view::last_data_at(&self.run, self.modified, self.arrived, now);
        let log = Arc::new(LogView {
            removed_at: self.removed_at,
            ..view::log(&self.run, leads, last_data_at)
        });
        self.log = Some(Arc::clone(&log));
        log
    }

    /// The picture of the run, and whether it differs from the last one.
    fn view(&mut self, options: &Options, now: f64) -> (Arc<RunView>, bool) {
        let last_data_at = view::last_data_at(&self.run, self.modified, self.arrived, now);
        let (state, reason) = view::state(&self.run, &self.fits, options, last_data_at, now);
        if let Some(view) = &self.view
            && !self.changed
            && view.state == state
            && view.silent == view::is_silent_in(&self.run, state, now - last_data_at)
        {
            return (Arc::clone(view), false);
        }
        self.changed = false;
        let view = Arc::new(view::build(
            &self.run,
            &self.fits,
            options,
            last_data_at,
            now,
            (state, reason),
        ));
        self.view = Some(Arc::clone(&view));
        (view, true)
    }
}
