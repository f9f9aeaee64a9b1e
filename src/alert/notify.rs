//! From snapshots to notices: what is new, not muted, and not too much.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::foreseen::{Change, Foreseen, Foresight};
use super::history::{History, Key};
use super::rules::{Pace, Rules};
use super::{ADVICE, Alert, CROSSOVER, Severity};
use crate::snapshot::{AdviceKind, RunView, Snapshot, State};
use crate::text;

/// What is told about an alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// The run.
    pub run: String,
    /// Its log.
    pub path: std::path::PathBuf,
    /// Last step of the run.
    pub step: u64,
    /// Kind of the alert.
    pub kind: &'static str,
    /// Its level.
    pub severity: Severity,
    /// Step at which it was raised.
    pub raised_at_step: u64,
    /// Earliest step at which the sign was there.
    pub first_sign_step: u64,
    /// A full sentence.
    pub message: String,
    /// What to do.
    pub remedy: &'static str,
}

/// Decides what to tell.
#[derive(Default)]
pub struct Notifier {
    rules: Rules,
    history: History,
    paces: HashMap<String, Pace>,
    /// Alerts that were there when everything had been read for the first time.
    old: Option<HashSet<Key>>,
    suppressed: u64,
    foresight: Foresight,
}

impl Notifier {
    /// A notifier with these rules, and a history.
    pub fn new(rules: Rules, history: History) -> Self {
        Notifier {
            rules,
            history,
            ..Notifier::default()
        }
    }

    /// What a new snapshot gives reason to tell. While the first reading lasts, nothing;
    /// then what is open in runs that still train, and from there on what is new.
    pub fn take(&mut self, snapshot: &Snapshot) -> Vec<Notice> {
        if snapshot.loading.is_some() {
            return Vec::new();
        }
        let first = self.old.is_none();
        let mut notices = Vec::new();
        for run in &snapshot.runs {
            // Few of a run are told at once: they are to be those that say most.
            let mut alerts: Vec<&Alert> = run.alerts.iter().collect();
            alerts.sort_by_key(|alert| alert.gravity());
            for alert in alerts {
                let key = key_of(run, alert);
                if first && (alert.cleared_at_step.is_some() || run.state == State::Finished) {
                    self.old.get_or_insert_default().insert(key);
                    continue;
                }
                let is_old = self.old.as_ref().is_some_and(|old| old.contains(&key));
                // What came and went between two looks is told as long as the run goes on: a log
                // may be written in large pieces.
                let is_past = alert.cleared_at_step.is_some() && run.state != State::Training;
                if is_old || is_past {
                    continue;
                }
                if self.admits(run, alert.kind, alert.severity, key, snapshot.taken_at) {
                    notices.push(notice(run, alert));
                }
            }
        }
        self.old.get_or_insert_default();
        let foreseen = self.foresight.news(snapshot).into_iter();
        let raised = foreseen.filter(|(change, _)| *change == Change::Raised);
        for (_, foreseen) in raised {
            notices.extend(self.foreseen(snapshot, &foreseen));
        }
        notices
    }

    /// True for what may disturb at `now` (seconds), was not told before and comes not too soon; it is remembered.
    fn admits(&mut self, run: &RunView, kind: &str, severity: Severity, key: Key, now: f64) -> bool {
        if !self.rules.allow(&run.id, kind, severity) || self.history.knows(&key, severity) {
            return false;
        }
        self.history.remember(key, severity, false);
        let admitted = self.paces.entry(run.id.clone()).or_default().admit(now, severity);
        self.suppressed += u64::from(!admitted);
        admitted
    }

    /// The notice of what is foreseen, where it may disturb and was not told before.
    fn foreseen(&mut self, snapshot: &Snapshot, foreseen: &Foreseen) -> Option<Notice> {
        /// There is nothing to do but to know it.
        const LEVEL: Severity = Severity::Info;
        let (id, kind, message, remedy) = match foreseen {
            Foreseen::Crossover(crossover) => {
                let step = crossover.at_step.map_or_else(String::new, |step| {
                    format!(" at about step {}", text::count(step))
                });
                let message = format!(
                    "{} is projected to pass it{step} and to end {} lower, with P {:.2}",
                    crossover.ahead_at_end,
                    text::loss(crossover.gap),
                    crossover.probability
                );
                (
                    &crossover.ahead_now,
                    CROSSOVER,
                    message,
                    "Do not choose by the loss now.",
                )
            }
            Foreseen::Advice(run, advice) => {
                let message = format!("{}: {}", advice.kind.name(), advice.message);
                let remedy = match advice.kind {
                    AdviceKind::StopOutclassed => "Only if the best of these runs is all that is wanted.",
                    AdviceKind::StopNoGain => "Unless the plan can still be changed.",
                    AdviceKind::DecayNow => "Keep the checkpoint from before the decay.",
                };
                (run, ADVICE, message, remedy)
            }
        };
        let run = snapshot.runs.iter().find(|run| run.id == *id)?;
        // What it says of whom tells it from others of its kind; the step does not.
        let about = match foreseen {
            Foreseen::Crossover(crossover) => format!("{kind} {}", crossover.ahead_at_end),
            Foreseen::Advice(_, advice) => format!("{kind} {}", advice.kind.name()),
        };
        let key = key(run, &about, 0);
        let admitted = self.admits(run, kind, LEVEL, key, snapshot.taken_at);
        admitted.then(|| Notice {
            run: run.id.clone(),
            path: run.path.clone(),
            step: run.step,
            kind,
            severity: LEVEL,
            raised_at_step: run.step,
            first_sign_step: run.step,
            message,
            remedy,
        })
    }

    /// The user has seen this alert, and it is not told again at any level; or has taken
    /// that back, and it is told when it rises.
    pub fn acknowledge(&mut self, run: &RunView, alert: &Alert, seen: bool) {
        let key = key_of(run, alert);
        if self.history.acknowledged(&key) != seen {
            self.history.remember(key, alert.severity, seen);
        }
    }

    /// True when the user has seen this alert, perhaps before the program was last started.
    pub fn was_acknowledged(&self, run: &RunView, alert: &Alert) -> bool {
        self.history.acknowledged(&key_of(run, alert))
    }

    /// Notices held back because the run had too many.
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }
}

fn key(run: &RunView, kind: &str, opened_at_step: u64) -> Key {
    Key {
        path: std::path::absolute(&run.path).unwrap_or_else(|_| run.path.clone()),
        kind: kind.to_owned(),
        opened_at_step,
    }
}

fn key_of(run: &RunView, alert: &Alert) -> Key {
    key(run, alert.kind, alert.opened_at_step)
}

fn notice(run: &RunView, alert: &Alert) -> Notice {
    Notice {
        run: run.id.clone(),
        path: run.path.clone(),
        step: run.step,
        kind: alert.kind,
        severity: alert.severity,
        raised_at_step: alert.raised_at_step,
        first_sign_step: alert.first_sign_step,
        message: alert.message.clone(),
        remedy: alert.remedy,
    }
}
