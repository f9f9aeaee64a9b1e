//! `losscast watch`: alerts and forecasts as a stream of lines, without a screen: as JSON for programs, and as text for
//! people, who hear only of what they may want to act on.
//!
//! Every line of JSON is one object with `event`: `alert` (raised, raised to a higher level, or
//! cleared), `forecast`, `crossover` (raised or cleared: a run that leads will be passed, or one
//! that will lead passes), `advice` (raised or cleared: stop a run, or begin its decay), `state`,
//! `problem`, `delivery_failed`, and `ready` once everything that existed has been read. It runs until it is told to stop, as a systemd unit is. When standard
//! output is closed it ends, unless a command or a webhook is still to hear of alerts.

mod text;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::report::{SCHEMA_VERSION, advice_json, crossover_json, loss_json, warning_json};
use crate::alert::deliver::Deliverer;
use crate::alert::foreseen::{Change, Foreseen, Foresight};
use crate::alert::notify::Notifier;
use crate::alert::{ADVICE, Alert, CROSSOVER, Severity};
use crate::snapshot::{Problem, RunView, Snapshot, State};
use crate::source::feed::CONNECTING;
use crate::source::reader::now;
pub use text::Text;

/// A forecast of a run is told again after so many seconds at the earliest.
const FORECAST_EVERY: f64 = 10.0;
/// Without a new step it is told again when it has moved by this share of its standard deviation.
const NOTABLE: f64 = 0.2;
/// How often it is looked whether a delivery has failed.
const LOOK_FOR_FAILURES: std::time::Duration = std::time::Duration::from_secs(1);

/// How often people hear how things stand.
const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(300);

/// What was told of a run.
#[derive(Default)]
struct Told {
    state: Option<State>,
    /// Step, time and loss of the forecast.
    forecast: Option<(u64, f64, f64)>,
    alerts: HashMap<(&'static str, u64), (Severity, bool)>,
}

/// Turns snapshots into lines.
#[derive(Default)]
pub struct Stream {
    told: BTreeMap<String, Told>,
    foresight: Foresight,
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
        let told = |problem: &&Problem| problem.message != CONNECTING;
        for problem in snapshot.problems.iter().filter(told) {
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
        let news = self.foresight.news(snapshot);
        lines.extend(
            news.iter()
                .map(|(change, foreseen)| foreseen_line(*change, foreseen, now)),
        );
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
        let Some((loss, forecast)) = run
            .primary()
            .and_then(|loss| Some((loss, loss.forecast.as_ref()?)))
        else {
            return;
        };
        let due = self.forecast.is_none_or(|(step, at, told)| {
            // Siblings may change it though the run stands still.
            let moved = (forecast.final_loss - told).abs() > NOTABLE * forecast.sd;
            now - at >= FORECAST_EVERY && (step != run.step || moved)
        });
        if due {
            self.forecast = Some((run.step, now, forecast.final_loss));
            lines.push(json!({
                "event": "forecast", "at": now, "run": run.id, "path": run.path, "step": run.step,
                "total_steps": run.total_steps, "loss": loss_json(loss),
            }));
        }
    }
}

/// How lines are written.
pub enum Writing {
    /// One JSON object a line.
    Jsonl,
    /// For people.
    Text(Text),
}

impl Writing {
    /// Writes what has happened.
    fn write(&mut self, events: &[Value], snapshot: &Snapshot, out: &mut impl Write) -> io::Result<()> {
        match self {
            Writing::Jsonl => write_lines(out, events),
            Writing::Text(text) => {
                for line in text.lines(events, snapshot) {
                    writeln!(out, "{line}")?;
                }
                out.flush()
            }
        }
    }

    /// Writes how things stand, to those who would wonder whether it still runs.
    fn write_heartbeat(&mut self, snapshot: &Snapshot, out: &mut impl Write) -> io::Result<()> {
        match self {
            Writing::Text(text) if snapshot.loading.is_none() => {
                for line in text.heartbeat(snapshot, now()) {
                    writeln!(out, "{line}")?;
                }
                out.flush()
            }
            _ => Ok(()),
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
    mut writing: Writing,
    out: &mut impl Write,
) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut look = tokio::time::interval(LOOK_FOR_FAILURES);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    heartbeat.reset();
    let mut stream = Stream::default();
    let (mut closed, mut beats) = (false, false);
    let mut seen = None;
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        let mut lines: Vec<Value> = deliverer.failures().iter().map(failure_line).collect();
        if seen != Some(snapshot.revision) {
            seen = Some(snapshot.revision);
            lines.extend(stream.lines(&snapshot));
        }
        let written = match std::mem::take(&mut beats) {
            _ if closed => Ok(()),
            true => writing
                .write(&lines, &snapshot, out)
                .and_then(|()| writing.write_heartbeat(&snapshot, out)),
            false => writing.write(&lines, &snapshot, out),
        };
        if let Err(error) = written {
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
            _ = heartbeat.tick() => beats = true,
            changed = snapshots.changed() => changed.context("the reader has stopped; see --log-file")?,
        }
    }
}

/// What is foreseen, or no more, as a line.
fn foreseen_line(change: Change, foreseen: &Foreseen, now: f64) -> Value {
    match foreseen {
        Foreseen::Crossover(crossover) => event(crossover_json(crossover), CROSSOVER, change.name(), now),
        Foreseen::Advice(run, advice) => {
            let mut line = event(advice_json(advice), ADVICE, change.name(), now);
            if let Some(fields) = line.as_object_mut() {
                fields.insert("run".to_owned(), run.as_str().into());
            }
            line
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
