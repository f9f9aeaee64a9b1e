//! `losscast watch`: alerts and forecasts as a stream of JSON lines, without a screen.
//!
//! Every line is one object with `event`: `alert` (raised, raised to a higher level, or
//! cleared), `forecast`, `crossover` (raised or cleared: a run that leads will be passed, or one
//! that will lead passes), `advice` (raised or cleared: stop a run, or begin its decay), `state`, `problem`, `delivery_failed`, and `ready` once everything that
//! existed has been read. It runs until it is told to stop, as a systemd unit is. When standard
//! output is closed it ends, unless a command or a webhook is still to hear of alerts.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::report::{SCHEMA_VERSION, advice_json, crossover_json, loss_json, warning_json};
use crate::alert::deliver::Deliverer;
use crate::alert::notify::Notifier;
use crate::alert::{Alert, Severity};
use crate::snapshot::{Advice, Crossover, RunView, Snapshot, State};
use crate::source::reader::now;

/// A forecast of a run is told again after so many seconds at the earliest.
const FORECAST_EVERY: f64 = 10.0;
/// A crossover is told once it has been foreseen for so many seconds, this surely; it is
/// cleared when it is less sure than not.
const CROSSOVER_AFTER: f64 = 30.0;
const CROSSOVER_SURE: f64 = 0.8;
const CROSSOVER_DOUBTFUL: f64 = 0.6;
/// Advice is told once it has been the same for so many seconds.
const ADVICE_AFTER: f64 = 60.0;
/// How often it is looked whether a delivery has failed.
const LOOK_FOR_FAILURES: std::time::Duration = std::time::Duration::from_secs(1);

/// What was told of a run.
#[derive(Default)]
struct Told {
    state: Option<State>,
    forecast: Option<(u64, f64)>,
    alerts: HashMap<(&'static str, u64), (Severity, bool)>,
}

/// A crossover of a leader.
struct Foreseen {
    crossover: Crossover,
    /// Seconds since the Unix epoch.
    since: f64,
    told: bool,
}

/// Advice for a run.
struct Advised {
    advice: Advice,
    /// Seconds since the Unix epoch.
    since: f64,
    told: bool,
}

/// Turns snapshots into lines.
#[derive(Default)]
pub struct Stream {
    told: BTreeMap<String, Told>,
    advised: BTreeMap<String, Advised>,
    crossovers: BTreeMap<(String, String), Foreseen>,
    problems: Vec<String>,
    ready: bool,
}

impl Stream {
    /// The lines for what is new in a snapshot.
    pub fn lines(&mut self, snapshot: &Snapshot) -> Vec<Value> {
        let mut lines = Vec::new();
        if snapshot.loading.is_some() {
            return lines;
        }
        let now = snapshot.taken_at;
        for problem in &snapshot.problems {
            let message = format!("{}: {}", problem.path.display(), problem.message);
            if !self.problems.contains(&message) {
                lines.push(json!({
                    "event": "problem", "at": now, "path": problem.path, "message": problem.message,
                }));
                self.problems.push(message);
            }
        }
        for run in &snapshot.runs {
            self.told
                .entry(run.id.clone())
                .or_default()
                .lines(run, now, &mut lines);
        }
        self.crossover_lines(snapshot, &mut lines);
        self.advice_lines(snapshot, &mut lines);
        if !self.ready {
            self.ready = true;
            lines.push(json!({ "event": "ready", "at": now, "runs": snapshot.runs.len() }));
        }
        for line in &mut lines {
            if let Some(fields) = line.as_object_mut() {
                fields.insert("schema_version".to_owned(), SCHEMA_VERSION.into());
            }
        }
        lines
    }

    fn advice_lines(&mut self, snapshot: &Snapshot, lines: &mut Vec<Value>) {
        let now = snapshot.taken_at;
        let mut tell = |change: &str, run: &str, advice: &Advice| {
            let mut line = event(advice_json(advice), "advice", change, now);
            if let Some(fields) = line.as_object_mut() {
                fields.insert("run".to_owned(), run.into());
            }
            lines.push(line);
        };
        let mut before = std::mem::take(&mut self.advised);
        for prospect in &snapshot.prospects {
            let Some(advice) = &prospect.advice else { continue };
            let known = before
                .get(&prospect.run)
                .filter(|known| known.advice.kind == advice.kind)
                .map(|known| (known.since, known.told));
            if known.is_some() {
                before.remove(&prospect.run);
            }
            let (since, told) = known.unwrap_or((now, false));
            let lasts = now - since >= ADVICE_AFTER;
            if lasts && !told {
                tell("raised", &prospect.run, advice);
            }
            let advised = Advised {
                advice: advice.clone(),
                since,
                told: told || lasts,
            };
            self.advised.insert(prospect.run.clone(), advised);
        }
        for (run, gone) in before.iter().filter(|(_, gone)| gone.told) {
            tell("cleared", run, &gone.advice);
        }
    }

    fn crossover_lines(&mut self, snapshot: &Snapshot, lines: &mut Vec<Value>) {
        let now = snapshot.taken_at;
        let mut tell = |change: &str, crossover: &Crossover| {
            lines.push(event(crossover_json(crossover), "crossover", change, now));
        };
        let mut before = std::mem::take(&mut self.crossovers);
        for crossover in snapshot
            .crossovers
            .iter()
            .filter(|crossover| crossover.of_a_leader)
        {
            let pair = (crossover.ahead_now.clone(), crossover.ahead_at_end.clone());
            let (known, least) = match before.get(&pair) {
                Some(known) => (Some((known.since, known.told)), CROSSOVER_DOUBTFUL),
                None => (None, CROSSOVER_SURE),
            };
            if crossover.probability < least {
                continue;
            }
            before.remove(&pair);
            let (since, told) = known.unwrap_or((now, false));
            let lasts = now - since >= CROSSOVER_AFTER;
            if lasts && !told {
                tell("raised", crossover);
            }
            let foreseen = Foreseen {
                crossover: crossover.clone(),
                since,
                told: told || lasts,
            };
            self.crossovers.insert(pair, foreseen);
        }
        for gone in before.values().filter(|gone| gone.told) {
            tell("cleared", &gone.crossover);
        }
    }
}

impl Told {
    fn lines(&mut self, run: &RunView, now: f64, lines: &mut Vec<Value>) {
        if self.state != Some(run.state) {
            self.state = Some(run.state);
            lines.push(json!({
                "event": "state", "at": now, "run": run.id, "path": run.path, "step": run.step,
                "state": run.state, "reason": run.state_reason,
            }));
        }
        for alert in &run.alerts {
            let now_told = (alert.severity, alert.cleared_at_step.is_some());
            let before = self.alerts.insert((alert.kind, alert.opened_at_step), now_told);
            if before == Some(now_told) {
                continue;
            }
            let mut tell = |change: &str, alert: &Alert| {
                let mut line = event(warning_json(alert), "alert", change, now);
                if let Some(fields) = line.as_object_mut() {
                    fields.insert("run".to_owned(), json!(run.id));
                    fields.insert("path".to_owned(), json!(run.path));
                    fields.insert("step".to_owned(), json!(run.step));
                }
                lines.push(line);
            };
            // What was raised and is over already is told as both.
            let mut open = alert.clone();
            open.cleared_at_step = None;
            match before {
                None => tell("raised", &open),
                Some((severity, _)) if severity < alert.severity => tell("escalated", &open),
                Some(_) => {}
            }
            let was_over = before.is_some_and(|(_, over)| over);
            if alert.cleared_at_step.is_some() && !was_over {
                tell("cleared", alert);
            }
        }
        let Some(loss) = run.primary().filter(|loss| loss.forecast.is_some()) else {
            return;
        };
        let due = self
            .forecast
            .is_none_or(|(step, at)| step != run.step && (now - at >= FORECAST_EVERY));
        if due {
            self.forecast = Some((run.step, now));
            lines.push(json!({
                "event": "forecast", "at": now, "run": run.id, "path": run.path, "step": run.step,
                "total_steps": run.total_steps, "loss": loss_json(loss),
            }));
        }
    }
}

/// Writes lines until the program is told to stop, and delivers notices.
///
/// # Errors
/// When standard output cannot be written, or the reader has stopped.
pub async fn run(
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    mut notifier: Notifier,
    deliverer: Deliverer,
    out: &mut impl Write,
) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut look = tokio::time::interval(LOOK_FOR_FAILURES);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut stream = Stream::default();
    let mut closed = false;
    let mut seen = None;
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        let mut lines: Vec<Value> = deliverer.failures().iter().map(failure_line).collect();
        if seen != Some(snapshot.revision) {
            seen = Some(snapshot.revision);
            lines.extend(stream.lines(&snapshot));
        }
        if !closed && let Err(error) = write_lines(out, &lines) {
            if error.kind() != io::ErrorKind::BrokenPipe || !deliverer.has_elsewhere() {
                return Err(error.into());
            }
            tracing::warn!("standard output is closed; alerts go to the command and the webhook only");
            closed = true;
        }
        for notice in notifier.take(&snapshot) {
            // Standard output is for lines; the terminal hears of it on standard error. Where
            // that is gone nobody sits who could.
            let _ = io::stderr().write_all(&deliverer.send(&notice));
        }
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => return Ok(()),
            _ = look.tick(), if deliverer.has_elsewhere() => {}
            changed = snapshots.changed() => changed.context("the reader has stopped; see --log-file")?,
        }
    }
}

/// What has changed, as a line.
fn event(mut line: Value, kind: &str, change: &str, now: f64) -> Value {
    if let Some(fields) = line.as_object_mut() {
        fields.insert("event".to_owned(), kind.into());
        fields.insert("change".to_owned(), change.into());
        fields.insert("at".to_owned(), json!(now));
    }
    line
}

fn failure_line(message: &String) -> Value {
    json!({
        "schema_version": SCHEMA_VERSION, "event": "delivery_failed", "at": now(), "message": message,
    })
}

fn write_lines(out: &mut impl Write, lines: &[Value]) -> io::Result<()> {
    for line in lines {
        serde_json::to_writer(&mut *out, line)?;
        writeln!(out)?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Quantity;
    use crate::snapshot::{AdviceKind, Prospect};

    #[test]
    fn a_crossover_is_told_once_it_has_lasted_and_again_when_it_is_gone() {
        let snapshot = |taken_at: f64, probability: Option<f64>, of_a_leader: bool| Snapshot {
            taken_at,
            crossovers: probability
                .map(|probability| Crossover {
                    ahead_now: "cosine".to_owned(),
                    ahead_at_end: "wsd".to_owned(),
                    quantity: Quantity::EvalLoss,
                    at_step: Some(9000),
                    probability,
                    gap: 0.02,
                    of_a_leader,
                })
                .into_iter()
                .collect(),
            ..Snapshot::default()
        };
        let mut stream = Stream::default();
        let mut told = |snapshot: &Snapshot| -> Vec<String> {
            let lines = stream.lines(snapshot);
            let crossovers = lines.iter().filter(|line| line["event"] == "crossover");
            crossovers.map(|line| line["change"].to_string()).collect()
        };
        assert!(told(&snapshot(0.0, Some(0.9), true)).is_empty());
        assert_eq!(told(&snapshot(31.0, Some(0.85), true)), ["\"raised\""]);
        // Less sure, but surer than not: nothing new.
        assert!(told(&snapshot(60.0, Some(0.7), true)).is_empty());
        assert_eq!(told(&snapshot(90.0, Some(0.55), true)), ["\"cleared\""]);
        // It must last again; and among those who do not lead nobody cares.
        assert!(told(&snapshot(100.0, Some(0.9), true)).is_empty());
        assert!(told(&snapshot(120.0, None, true)).is_empty());
        assert!(told(&snapshot(130.0, Some(0.9), false)).is_empty());
        assert!(told(&snapshot(190.0, Some(0.9), false)).is_empty());
    }
    #[test]
    fn advice_is_told_once_it_has_lasted_and_again_when_it_is_gone() {
        let snapshot = |taken_at: f64, kind: Option<AdviceKind>| Snapshot {
            taken_at,
            prospects: vec![Prospect {
                run: "cosine".to_owned(),
                contest: None,
                advice: kind.map(|kind| Advice {
                    kind,
                    probability: 0.99,
                    saved_steps: 500,
                    saved_seconds: None,
                    message: "others end lower".to_owned(),
                }),
            }],
            ..Snapshot::default()
        };
        let mut stream = Stream::default();
        let mut told = |snapshot: &Snapshot| -> Vec<(String, String)> {
            let lines = stream.lines(snapshot);
            let advice = lines.iter().filter(|line| line["event"] == "advice");
            advice
                .map(|line| (line["change"].to_string(), line["kind"].to_string()))
                .collect()
        };
        let (stop, decay) = (AdviceKind::StopOutclassed, AdviceKind::DecayNow);
        let line = |change: &str, kind: &str| (format!("\"{change}\""), format!("\"{kind}\""));
        assert!(told(&snapshot(0.0, Some(stop))).is_empty());
        assert_eq!(
            told(&snapshot(61.0, Some(stop))),
            [line("raised", "stop-outclassed")]
        );
        assert!(told(&snapshot(70.0, Some(stop))).is_empty());
        // Another advice must last as well.
        assert_eq!(
            told(&snapshot(80.0, Some(decay))),
            [line("cleared", "stop-outclassed")]
        );
        assert!(told(&snapshot(90.0, None)).is_empty());
    }
}
