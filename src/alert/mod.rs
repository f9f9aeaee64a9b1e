//! Alerts: what a detector says, and the bounded log of what was said about a run.

pub mod deliver;
pub mod foreseen;
pub mod gravity;
pub mod history;
pub mod notify;
pub mod rules;

use serde::{Deserialize, Serialize};

/// Kind of the alert for a run that has fallen silent: the only one that comes from the
/// clock and not from a record.
pub const STALL: &str = "stall";

/// Kind of the alert for a declared schedule that the logged learning rates contradict: it comes from
/// what the user has set.
pub const SCHEDULE: &str = "schedule";

/// Kind of the alert for a run whose log says that it has failed.
pub const FAILURE: &str = "failure";

/// Kinds of notices that come from forecasts.
pub const CROSSOVER: &str = "crossover";
/// See [`CROSSOVER`].
pub const ADVICE: &str = "advice";

/// What a kind is called in a sentence: its identifier is for programs and for `[[alerts.mute]]`.
pub fn in_words(kind: &str) -> String {
    match kind {
        "non_finite" => "loss not finite".to_owned(),
        "non_finite_eval" => "eval loss not finite".to_owned(),
        "non_finite_gradient" => "gradient not finite".to_owned(),
        SCHEDULE => "schedule contradicted".to_owned(),
        FAILURE => "job failed".to_owned(),
        other => other.replace('_', " "),
    }
}

/// How much an alert should disturb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Info,
    /// Look at it.
    Warning,
    /// The run is being lost, or is lost.
    Critical,
}

impl Severity {
    /// The word shown to the user.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }

    /// What stands before a line about an alert: no meaning rests on colour alone.
    pub const fn mark(self) -> &'static str {
        match self {
            Severity::Info => ".",
            Severity::Warning => "!",
            Severity::Critical => "!!",
        }
    }
}

/// One thing noticed in a run. An alert is a function of the records in order:
/// a finished file raises exactly what a live watcher would have seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Stable identifier of the kind: `non_finite`, `loss_spike`, ...
    pub kind: &'static str,
    /// The highest level it has reached.
    pub severity: Severity,
    /// Step of the record at which it was first said, as a note perhaps. With the kind it
    /// identifies the alert.
    pub opened_at_step: u64,
    /// Step of the record at which it was raised: for what began as a note and became a
    /// warning, the step of the warning.
    pub raised_at_step: u64,
    /// Earliest step at which the sign was already there.
    pub first_sign_step: u64,
    /// Step of the record at which it cleared; `None` while it is open.
    pub cleared_at_step: Option<u64>,
    /// The value that raised it.
    pub value: f64,
    /// The threshold that it passed.
    pub threshold: f64,
    /// Where the signal is projected to pass the threshold that matters, for signals
    /// that grow towards one.
    pub projected: Option<Projection>,
    /// Step of the record that passed the threshold of which such a projection speaks.
    pub crossed_at_step: Option<u64>,
    /// A full sentence with the numbers.
    pub message: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Alert {
    /// An alert of a kind, raised at a step and first seen there.
    pub fn at(step: u64, kind: &'static str, severity: Severity) -> Alert {
        Alert {
            kind,
            severity,
            opened_at_step: step,
            raised_at_step: step,
            first_sign_step: step,
            cleared_at_step: None,
            value: f64::NAN,
            threshold: f64::NAN,
            projected: None,
            crossed_at_step: None,
            message: String::new(),
            remedy: "",
        }
    }

    /// The sign was there earlier.
    #[must_use]
    pub fn since(mut self, step: u64) -> Alert {
        self.first_sign_step = step;
        self
    }

    /// The value that raised it, and the threshold that it passed.
    #[must_use]
    pub fn value(mut self, value: f64, threshold: f64) -> Alert {
        (self.value, self.threshold) = (value, threshold);
        self
    }

    /// Where the signal is going.
    #[must_use]
    pub fn foresees(mut self, projected: Option<Projection>) -> Alert {
        self.projected = projected;
        self
    }

    /// The signal has passed the threshold with this record, or not yet.
    #[must_use]
    pub fn crosses(mut self, crosses: bool) -> Alert {
        self.crossed_at_step = crosses.then_some(self.raised_at_step);
        self
    }

    /// What happened, and what to do.
    #[must_use]
    pub fn says(mut self, message: String, remedy: &'static str) -> Alert {
        (self.message, self.remedy) = (message, remedy);
        self
    }
}

/// The step at which a growing signal will pass a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Projection {
    /// The threshold that will be passed.
    pub threshold: f64,
    /// Step at which the projection was made.
    pub made_at_step: u64,
    /// Most likely step.
    pub step: u64,
    /// Earliest step of the 80% interval.
    pub earliest: u64,
    /// Latest step of the 80% interval; `None` when it may never be passed.
    pub latest: Option<u64>,
}

/// How many alerts of one run are kept; older ones are counted.
pub const ALERTS_KEPT: usize = 256;

/// The alerts of one run, oldest first, at most one open per kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertLog {
    alerts: Vec<Alert>,
    dropped: u64,
    /// Which are open, by their kind. Mostly none is, and detectors ask with every record.
    open: Vec<(&'static str, usize)>,
}

impl AlertLog {
    /// Raises an alert, unless one of its kind is open already: that one then
    /// takes the higher severity and, with it, the newer message. A note that becomes a
    /// warning is raised then: what came before disturbed nobody. The first projection
    /// of a crossing is kept: later ones are no longer a warning ahead.
    pub fn raise(&mut self, alert: Alert) {
        if let Some(open) = self.open_mut(alert.kind) {
            if open.projected.is_none() && alert.projected.is_some() {
                open.projected = alert.projected;
                open.message.clone_from(&alert.message);
            }
            open.crossed_at_step = open.crossed_at_step.or(alert.crossed_at_step);
            if alert.severity > open.severity {
                if open.severity == Severity::Info {
                    open.raised_at_step = alert.raised_at_step;
                }
                open.severity = alert.severity;
                open.value = alert.value;
                open.threshold = alert.threshold;
                open.message = alert.message;
                open.remedy = alert.remedy;
            }
            return;
        }
        if self.alerts.len() >= ALERTS_KEPT {
            let oldest_closed = self
                .alerts
                .iter()
                .position(|kept| kept.cleared_at_step.is_some())
                .unwrap_or(0);
            self.alerts.remove(oldest_closed);
            self.open.retain(|(_, index)| *index != oldest_closed);
            for (_, index) in &mut self.open {
                *index -= usize::from(*index > oldest_closed);
            }
            self.dropped += 1;
        }
        if alert.cleared_at_step.is_none() {
            self.open.push((alert.kind, self.alerts.len()));
        }
        self.alerts.push(alert);
    }

    /// Closes the open alert of this kind, if any.
    #[inline]
    pub fn clear(&mut self, kind: &str, step: u64) {
        if !self.open.is_empty() {
            self.close(kind, step);
        }
    }

    fn close(&mut self, kind: &str, step: u64) {
        let Some(place) = self.open.iter().position(|(open, _)| *open == kind) else {
            return;
        };
        let (_, index) = self.open.swap_remove(place);
        if let Some(alert) = self.alerts.get_mut(index) {
            alert.cleared_at_step = Some(step);
        }
    }

    /// Replaces the sentence of the open alert of this kind ("recovered in 90 steps").
    pub fn reword(&mut self, kind: &str, message: String) {
        if let Some(open) = self.open_mut(kind) {
            open.message = message;
        }
    }

    /// Brings the value of the open alert of this kind up to date, and the sentence that tells it.
    pub fn restate(&mut self, kind: &str, value: f64, message: String) {
        if let Some(open) = self.open_mut(kind) {
            open.value = value;
            open.message = message;
        }
    }

    /// True when the signal of the open alert of this kind has passed its threshold.
    pub fn has_crossed(&self, kind: &str) -> bool {
        self.open(kind).is_some_and(|open| open.crossed_at_step.is_some())
    }

    /// The open alert of this kind.
    #[inline]
    pub fn open(&self, kind: &str) -> Option<&Alert> {
        if self.open.is_empty() {
            return None;
        }
        self.alerts.get(self.place(kind)?)
    }

    fn open_mut(&mut self, kind: &str) -> Option<&mut Alert> {
        let place = self.place(kind)?;
        self.alerts.get_mut(place)
    }

    fn place(&self, kind: &str) -> Option<usize> {
        let of_kind = self.open.iter().find(|(open, _)| *open == kind);
        of_kind.map(|(_, place)| *place)
    }

    /// All alerts kept, oldest first.
    pub fn all(&self) -> &[Alert] {
        &self.alerts
    }

    /// How many alerts were dropped to stay within [`ALERTS_KEPT`].
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}
