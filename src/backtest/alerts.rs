//! Scores of the detectors against events whose step is known.
//!
//! An event is detected when a warning of a kind that tells of it is raised, or first said
//! as the note that it then was, from ten logged points before its first visible sign
//! (which for most is its step) to five after its step; a projected crossing may come at
//! any time before. An alert counts as false when nothing that a manifest names explains
//! it: it was over before the first sign of every event of its run, or began after an
//! event that the run recovered from. After an event without recovery nothing is false.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::alert::{Alert, Severity};
use crate::metric::Quantity;

/// Logged points before the first sign of an event from which a detection counts.
pub const POINTS_BEFORE: usize = 10;
/// Logged points after the step of an event until which a detection counts.
pub const POINTS_AFTER: usize = 5;

/// What a manifest says about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// `loss_spike_recovers`, `nan`, `none`, ...
    pub event_type: String,
    /// First logged step that a person would call wrong; `None` for no event.
    pub begin_step: Option<u64>,
    /// First logged step with a visible sign.
    pub first_warnable_step: Option<u64>,
}

impl Expected {
    /// True when the run is said to be healthy here.
    pub fn is_healthy(&self) -> bool {
        self.event_type == "none" || self.event_type.starts_with("benign")
    }

    /// True for what happens on purpose, or cannot be seen in records: neither
    /// asked for nor held against a detector.
    fn is_neutral(&self) -> bool {
        ["planned", "resume", "unclear_"]
            .iter()
            .any(|neutral| self.event_type.starts_with(neutral))
    }

    /// True for a run that stands still, for a while or for good.
    pub fn is_a_silence(&self) -> bool {
        ["stall", "hang", "kill"]
            .iter()
            .any(|word| self.event_type.starts_with(word))
    }

    /// The quantities that show it, where a log without any of them cannot tell of it;
    /// such an event is not asked of the log. Empty for what every log shows.
    pub fn shown_by(&self) -> &'static [Quantity] {
        use Quantity::{ActivationNorm, AttentionLogit, Elapsed, EvalLoss, LogPartition, StepTime, WallTime};
        match self.event_type.as_str() {
            // A pause in the middle; the end in silence is known from elsewhere.
            event if event.starts_with("stall") => &[WallTime, Elapsed],
            event if event.starts_with("slow") => &[WallTime, Elapsed, StepTime],
            event if event.starts_with("attention") => &[AttentionLogit],
            event if event.starts_with("output_logit") => &[LogPartition],
            event if event.starts_with("activation") => &[ActivationNorm],
            "nan_eval" => &[EvalLoss],
            _ => &[],
        }
    }

    /// True when the run goes on as before afterwards.
    fn recovers(&self) -> bool {
        self.event_type.contains("recover")
            || self.event_type.contains("with_spike")
            || self.event_type.starts_with("stall")
            || self.event_type.starts_with("slow")
            || self.is_neutral()
    }

    /// Kinds of alert that tell of it.
    fn kinds(&self) -> &'static [&'static str] {
        match self.event_type.as_str() {
            event if event.starts_with("nan") => &[
                "non_finite",
                "non_finite_eval",
                "non_finite_gradient",
                "loss_scale_collapse",
            ],
            event if event.starts_with("loss_spike") => {
                &["loss_spike", "divergence", "non_finite", "gradient_surge"]
            }
            event if event.starts_with("loss_scale") => {
                &["loss_scale_collapse", "skipped_steps", "non_finite", "loss_spike"]
            }
            event if event.starts_with("attention") => &["attention_logit"],
            event if event.starts_with("output_logit") => &["output_logit"],
            event if event.starts_with("activation") => &["activation_growth"],
            event if event.starts_with("slow") => &["slowdown"],
            _ if self.is_a_silence() => &["stall", "failure"],
            event if event.starts_with("grad") => &[
                "gradient_surge",
                "non_finite_gradient",
                "non_finite",
                "loss_spike",
                "divergence",
            ],
            _ => &[
                "divergence",
                "loss_spike",
                "gradient_surge",
                "non_finite",
                "learning_rate",
            ],
        }
    }
}

/// What came of one expected event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The kind of event.
    pub event_type: String,
    /// Its step.
    pub begin_step: u64,
    /// Whether it was detected.
    pub detected: bool,
    /// Kind of the first alert that told of it.
    pub by: Option<&'static str>,
    /// Steps between that alert and the event; negative when late.
    pub lead_steps: Option<i64>,
}

/// One run: what was raised, and how it compares.
#[derive(Clone, Debug)]
pub struct RunScore {
    /// Identifier of the run.
    pub id: String,
    /// Its file.
    pub path: PathBuf,
    /// Logged points: records with a loss.
    pub points: usize,
    /// The alerts, oldest first.
    pub alerts: Vec<Alert>,
    /// True for each alert that nothing explains.
    pub unexplained: Vec<bool>,
    /// What a manifest says; empty when it does not speak of the run.
    pub expected: Vec<Expected>,
    /// What came of the events.
    pub outcomes: Vec<Outcome>,
}

/// Compares the alerts of a run with what is known of it. `steps` are the steps of its
/// records in the order of the log.
pub fn score(
    id: String,
    steps: &[u64],
    points: usize,
    alerts: Vec<Alert>,
    expected: Vec<Expected>,
) -> RunScore {
    let mut outcomes = Vec::new();
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for event in &expected {
        let Some(begin) = event.begin_step.filter(|_| !event.is_healthy()) else {
            continue;
        };
        let first_sign = event.first_warnable_step.unwrap_or(begin).min(begin);
        let from = around(steps, first_sign, POINTS_BEFORE, 0).0;
        let until = if event.recovers() {
            around(steps, begin, 0, (steps.len() / 100).max(POINTS_AFTER)).1
        } else {
            u64::MAX
        };
        spans.push((from, until));
        if event.is_neutral() {
            continue;
        }
        outcomes.push(outcome(event, begin, first_sign, steps, &alerts));
    }
    let unexplained = alerts
        .iter()
        .map(|alert| {
            let over = alert.cleared_at_step.unwrap_or(u64::MAX);
            !expected.is_empty()
                && !spans
                    .iter()
                    .any(|(from, until)| alert.raised_at_step <= *until && over >= *from)
        })
        .collect();
    RunScore {
        id,
        path: PathBuf::new(),
        points,
        alerts,
        unexplained,
        expected,
        outcomes,
    }
}

fn outcome(event: &Expected, begin: u64, first_sign: u64, steps: &[u64], alerts: &[Alert]) -> Outcome {
    let from = around(steps, first_sign, POINTS_BEFORE, 0).0;
    let until = around(steps, begin, 0, POINTS_AFTER).1;
    let hit = alerts.iter().find(|alert| {
        let early = alert
            .projected
            .is_some_and(|projected| projected.made_at_step <= begin);
        event.kinds().contains(&alert.kind)
            && alert.severity >= Severity::Warning
            && (early
                || (from..=until).contains(&alert.raised_at_step)
                || (from..=until).contains(&alert.opened_at_step))
    });
    Outcome {
        event_type: event.event_type.clone(),
        begin_step: begin,
        detected: hit.is_some(),
        by: hit.map(|alert| alert.kind),
        lead_steps: hit.map(|alert| begin as i64 - alert.raised_at_step as i64),
    }
}

/// The steps so many distinct logged steps before and after `step`.
fn around(steps: &[u64], step: u64, before: usize, after: usize) -> (u64, u64) {
    let mut known: Vec<u64> = steps.to_vec();
    known.sort_unstable();
    known.dedup();
    let at = known.partition_point(|known| *known < step);
    let from = known.get(at.saturating_sub(before)).copied().unwrap_or(step);
    let until = known.get(at.saturating_add(after)).copied().unwrap_or(u64::MAX);
    (from.min(step), until)
}

/// Totals over runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Runs that a manifest speaks of.
    pub runs: usize,
    /// Events expected.
    pub events: usize,
    /// Events detected.
    pub detected: usize,
    /// Logged points.
    pub points: usize,
    /// Warnings that nothing explains.
    pub false_warnings: usize,
    /// Criticals that nothing explains.
    pub false_criticals: usize,
    /// Criticals in all.
    pub criticals: usize,
}

/// Adds the runs up: by event type, `healthy` for runs without an event, and `all`.
pub fn totals(runs: &[RunScore]) -> BTreeMap<String, Totals> {
    let mut totals: BTreeMap<String, Totals> = BTreeMap::new();
    for run in runs.iter().filter(|run| !run.expected.is_empty()) {
        let mut names = vec!["all".to_owned()];
        if run.expected.iter().all(Expected::is_healthy) {
            names.push("healthy".to_owned());
        }
        names.extend(run.expected.iter().map(|event| event.event_type.clone()));
        names.sort();
        names.dedup();
        let count = |severity: Severity, only_false: bool| {
            let counted = |(alert, unexplained): &(&Alert, &bool)| {
                alert.severity == severity && (**unexplained || !only_false)
            };
            run.alerts.iter().zip(&run.unexplained).filter(counted).count()
        };
        for name in names {
            let outcomes = run
                .outcomes
                .iter()
                .filter(|outcome| name == "all" || outcome.event_type == name);
            let total = totals.entry(name.clone()).or_default();
            total.events += outcomes.clone().count();
            total.detected += outcomes.filter(|outcome| outcome.detected).count();
            total.runs += 1;
            total.points += run.points;
            total.false_warnings += count(Severity::Warning, true);
            total.false_criticals += count(Severity::Critical, true);
            total.criticals += count(Severity::Critical, false);
        }
    }
    totals
}

/// Least lead of a projection that leaves time to act, in steps, or as a share of the run so far.
const LEAD_STEPS: u64 = 100;
const LEAD_SHARE: f64 = 0.05;

/// How signals that grew past the threshold that matters were foreseen.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Crossings {
    /// Crossings of a threshold.
    pub crossed: usize,
    /// Of these, with a projection made before.
    pub foreseen: usize,
    /// Of these, at least 100 steps or 5% of the run so far ahead.
    pub in_time: usize,
    /// Of the foreseen ones, inside the interval of the projection.
    pub covered: usize,
    /// Median of the steps between projection and crossing, where foreseen.
    pub median_lead_steps: Option<u64>,
    /// The same as a share of the steps before the crossing.
    pub median_lead_share: Option<f64>,
    /// Projections of a crossing that has not happened by the end of the log.
    pub not_crossed: usize,
}

/// Adds the crossings up, by kind of alert and in all; kinds without any are left out.
pub fn crossings(runs: &[RunScore]) -> BTreeMap<&'static str, Crossings> {
    let mut found: BTreeMap<&'static str, (Crossings, Vec<u64>, Vec<f64>)> = BTreeMap::new();
    for alert in runs.iter().flat_map(|run| &run.alerts) {
        if alert.projected.is_none() && alert.crossed_at_step.is_none() {
            continue;
        }
        for name in ["all", alert.kind] {
            let (sum, leads, shares) = found.entry(name).or_default();
            let Some(at) = alert.crossed_at_step else {
                sum.not_crossed += 1;
                continue;
            };
            sum.crossed += 1;
            let Some(projected) = alert.projected.filter(|projected| projected.made_at_step < at) else {
                continue;
            };
            let lead = at - projected.made_at_step;
            let share = lead as f64 / at as f64;
            let latest = projected.latest.unwrap_or(u64::MAX);
            sum.foreseen += 1;
            sum.in_time += usize::from(lead >= LEAD_STEPS || share >= LEAD_SHARE);
            sum.covered += usize::from((projected.earliest..=latest).contains(&at));
            leads.push(lead);
            shares.push(share);
        }
    }
    let with_medians = |(name, (mut sum, mut leads, mut shares)): (_, (Crossings, Vec<u64>, Vec<f64>))| {
        leads.sort_unstable();
        shares.sort_unstable_by(f64::total_cmp);
        sum.median_lead_steps = leads.get(leads.len() / 2).copied();
        sum.median_lead_share = shares.get(shares.len() / 2).copied();
        (name, sum)
    };
    found.into_iter().map(with_medians).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(raised: u64, cleared: Option<u64>, severity: Severity) -> Alert {
        Alert {
            cleared_at_step: cleared,
            ..Alert::at(raised, "loss_spike", severity).value(5.0, 3.0)
        }
    }

    fn event(event_type: &str, begin: u64) -> Expected {
        Expected {
            event_type: event_type.to_owned(),
            begin_step: Some(begin),
            first_warnable_step: Some(begin),
        }
    }

    #[test]
    fn detections_count_near_the_step_and_the_rest_is_false() {
        let steps: Vec<u64> = (0..1000).collect();
        let alerts = vec![
            alert(100, Some(120), Severity::Warning),
            alert(505, Some(520), Severity::Critical),
        ];
        let run = score(
            "run".to_owned(),
            &steps,
            1000,
            alerts,
            vec![
                event("loss_spike_recovers", 500),
                event("loss_spike_recovers", 800),
            ],
        );
        assert_eq!(run.unexplained, [true, false]);
        assert_eq!(run.outcomes[0].lead_steps, Some(-5));
        let totals = totals(&[run]);
        let spikes = &totals["loss_spike_recovers"];
        assert_eq!((spikes.events, spikes.detected), (2, 1));
        assert_eq!((spikes.false_warnings, spikes.false_criticals), (1, 0));
    }

    #[test]
    fn nothing_is_false_once_a_run_is_lost_and_everything_in_a_healthy_one() {
        let steps: Vec<u64> = (0..1000).collect();
        let late = || vec![alert(900, None, Severity::Critical)];
        let lost = score(
            "lost".to_owned(),
            &steps,
            1000,
            late(),
            vec![event("diverge", 500)],
        );
        assert_eq!(lost.unexplained, [false]);
        assert!(!lost.outcomes[0].detected);
        let none = Expected {
            event_type: "none".to_owned(),
            begin_step: None,
            first_warnable_step: None,
        };
        let healthy = score("healthy".to_owned(), &steps, 1000, late(), vec![none]);
        assert_eq!(healthy.unexplained, [true]);
        assert_eq!(totals(&[healthy])["healthy"].false_criticals, 1);
    }
}
