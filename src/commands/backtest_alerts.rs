//! `losscast backtest --alerts`: what the detectors raise in finished runs, and how that
//! compares with the events that a manifest names.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::alert::Severity;
use crate::backtest::alerts::{Expected, RunScore, Totals, crossings, score, totals};
use crate::cli;
use crate::engine::Options;
use crate::format::Records;
use crate::metric::Quantity;
use crate::monitor::read_without_fits;
use crate::run::Run;
use crate::source::{FileKey, SourceEvent};
use crate::text::printable;

use super::report::SCHEMA_VERSION;

/// Files of which it is said why they were left out, by reason.
const LEFT_OUT_SHOWN: usize = 3;

/// What was raised in all runs.
pub struct AlertBacktest {
    runs: Vec<RunScore>,
    left_out: Vec<(PathBuf, String)>,
}

impl AlertBacktest {
    /// True when no run could be read.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The scores of the runs.
    pub fn runs(&self) -> &[RunScore] {
        &self.runs
    }
}

/// What the records of one log hold, besides what the run keeps of them.
#[derive(Default)]
struct Log {
    /// Their steps, in order.
    steps: Vec<u64>,
    /// Records with a loss.
    points: usize,
    /// Quantities that occur.
    has: [bool; Quantity::COUNT],
    /// The files, as the log went on in others.
    paths: Vec<PathBuf>,
}

impl Log {
    fn take(&mut self, records: &Records) {
        self.steps.extend_from_slice(records.steps());
        for row in records.rows() {
            self.points += usize::from(row.has(Quantity::TrainLoss) || row.has(Quantity::EvalLoss));
        }
        for quantity in Quantity::ALL {
            self.has[quantity.index()] |= records.has(quantity);
        }
    }
}

/// Reads the runs as a live watcher would, and takes their alerts.
///
/// # Errors
/// When the manifest or the configuration cannot be read, or the system cannot start a thread.
pub fn run(settings: &cli::Backtest) -> Result<AlertBacktest> {
    let expected = settings.expect.as_deref().map(Manifest::read).transpose()?;
    let config = settings.source.config()?;
    let mut reading = settings.source.reader(false);
    reading.grouping = config.grouping.clone();
    let options = Options {
        names: settings.source.names(),
        config: Arc::new(config),
        ..Options::default()
    };
    let mut logs: BTreeMap<FileKey, Log> = BTreeMap::new();
    let mut left_out: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut engine = read_without_fits(reading, options, |event| match event {
        SourceEvent::Found { key, identity } => {
            let paths = &mut logs.entry(*key).or_default().paths;
            if !paths.contains(&identity.path) {
                paths.push(identity.path.clone());
            }
        }
        SourceEvent::Records { key, decoded, .. } => logs.entry(*key).or_default().take(&decoded.records),
        SourceEvent::Reread { key } => {
            let log = logs.entry(*key).or_default();
            *log = Log {
                paths: std::mem::take(&mut log.paths),
                ..Log::default()
            };
        }
        SourceEvent::Problem { path, message } => {
            left_out.insert(path.clone(), message.clone());
        }
        SourceEvent::Solved { path } => {
            left_out.remove(path);
        }
        _ => {}
    })?;
    let mut runs = Vec::new();
    for (key, run, stands_for_its_run) in engine.logs() {
        let Some(log) = logs.get(&key).filter(|log| !log.steps.is_empty()) else {
            continue;
        };
        let (events, named) = expected
            .as_ref()
            .and_then(|manifest| log.paths.iter().find_map(|path| manifest.of(path)))
            .unwrap_or_default();
        // What is said of a folder is said of the run in it, not of each of its logs.
        if stands_for_its_run || named {
            runs.push(compare(run, log, events));
        }
    }
    runs.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(AlertBacktest {
        runs,
        left_out: left_out.into_iter().collect(),
    })
}

/// The alerts of one finished log against what is known of it.
fn compare(run: &Run, log: &Log, mut expected: Vec<Expected>) -> RunScore {
    expected.retain(|event| {
        let shown_by = event.shown_by();
        shown_by.is_empty() || shown_by.iter().any(|quantity| log.has[quantity.index()])
    });
    let mut alerts = run.branch.alerts.all().to_vec();
    // A live watcher also notices silence. How long it lasted after the last record only a
    // manifest can tell: a log may have ended, or have been cut off.
    let ends_in_silence = |event: &Expected| {
        event.is_a_silence() && event.begin_step.is_some_and(|begin| begin >= run.last_step())
    };
    if expected.iter().any(ends_in_silence) {
        alerts.extend(crate::engine::silent_end(run));
    }
    let mut scored = score(
        printable(&run.identity.id),
        &log.steps,
        log.points,
        alerts,
        expected,
    );
    scored.path.clone_from(&run.identity.path);
    scored
}

/// The events of a MANIFEST.tsv, by file.
struct Manifest {
    folder: PathBuf,
    events: HashMap<PathBuf, Vec<Expected>>,
}

impl Manifest {
    fn read(path: &Path) -> Result<Manifest> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
        let column = |name: &str| header.iter().position(|header| *header == name);
        let (Some(file), Some(event_type), Some(begin)) =
            (column("file"), column("event_type"), column("begin_step"))
        else {
            bail!(
                "{}: the first line must name the columns file, event_type and begin_step, separated by tabs",
                path.display()
            );
        };
        let warnable = column("first_warnable_step");
        let mut events: HashMap<PathBuf, Vec<Expected>> = HashMap::new();
        for (number, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let cells: Vec<&str> = line.split('\t').collect();
            let cell = |index: usize| cells.get(index).map(|cell| cell.trim());
            let (Some(name), Some(event), Some(step)) = (cell(file), cell(event_type), cell(begin)) else {
                bail!(
                    "{}: line {} has too few columns",
                    path.display(),
                    number.saturating_add(2)
                );
            };
            events.entry(PathBuf::from(name)).or_default().push(Expected {
                event_type: event.to_owned(),
                begin_step: step.parse().ok(),
                first_warnable_step: warnable.and_then(cell).and_then(|step| step.parse().ok()),
            });
        }
        Ok(Manifest {
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            events,
        })
    }

    /// What it says of a file, and whether it names the very file: from its own folder or by
    /// the end of the path. Otherwise it may name a folder on the way to it.
    fn of(&self, path: &Path) -> Option<(Vec<Expected>, bool)> {
        let inside = path.strip_prefix(&self.folder).ok();
        if let Some(events) = inside.and_then(|inside| self.events.get(inside)) {
            return Some((events.clone(), true));
        }
        let parts: Vec<_> = path.components().collect();
        let names = |name: &Path| {
            let wanted: Vec<_> = name.components().collect();
            !wanted.is_empty() && parts.windows(wanted.len()).any(|window| window == wanted)
        };
        // The longest name says most.
        let named = self.events.iter().filter(|(name, _)| names(name));
        named
            .max_by_key(|(name, _)| name.components().count())
            .map(|(name, events)| (events.clone(), path.ends_with(name)))
    }
}

/// Writes the table.
///
/// # Errors
/// When `out` cannot be written.
pub fn table(backtest: &AlertBacktest, out: &mut impl Write) -> io::Result<()> {
    for run in &backtest.runs {
        let missed = run.outcomes.iter().filter(|outcome| !outcome.detected);
        if run.alerts.is_empty() && missed.clone().count() == 0 {
            continue;
        }
        writeln!(out, "{}  ({} points)", run.id, run.points)?;
        for (alert, unexplained) in run.alerts.iter().zip(&run.unexplained) {
            let mark = if *unexplained { "FALSE" } else { "" };
            let over = alert
                .cleared_at_step
                .map_or_else(|| "open".to_owned(), |step| format!("over at {step}"));
            writeln!(
                out,
                "  {mark:<6}{:<9}{:<20} {:>9}  {over:<16} {}",
                alert.severity.name(),
                alert.kind,
                alert.raised_at_step,
                printable(&alert.message)
            )?;
        }
        for outcome in missed {
            writeln!(
                out,
                "  MISSED {} at {}",
                printable(&outcome.event_type),
                outcome.begin_step
            )?;
        }
    }
    let totals = totals(&backtest.runs);
    if !totals.is_empty() {
        writeln!(
            out,
            "\n{:<36} {:>5} {:>7} {:>9} {:>9} {:>15} {:>15}",
            "event type", "runs", "events", "detected", "points", "false warnings", "false criticals"
        )?;
        for (name, total) in &totals {
            let rate = |count: usize| per_ten_thousand(count, total.points);
            writeln!(
                out,
                "{:<36} {:>5} {:>7} {:>9} {:>9} {:>6} {:>8.2} {:>6} {:>8.2}",
                printable(name),
                total.runs,
                total.events,
                total.detected,
                total.points,
                total.false_warnings,
                rate(total.false_warnings),
                total.false_criticals,
                rate(total.false_criticals),
            )?;
        }
        writeln!(
            out,
            "The second number beside false alerts is per 10,000 logged points."
        )?;
        if let Some(precision) = totals.get("all").and_then(precision) {
            writeln!(out, "Precision of critical alerts: {precision:.3}")?;
        }
    }
    let crossings = crossings(&backtest.runs);
    if !crossings.is_empty() {
        writeln!(
            out,
            "\n{:<36} {:>7} {:>9} {:>8} {:>8} {:>12} {:>11} {:>12}",
            "growth past the threshold",
            "crossed",
            "foreseen",
            "in time",
            "covered",
            "median lead",
            "of the run",
            "not crossed"
        )?;
    }
    for (name, sum) in &crossings {
        let percent = |share: f64| format!("{:.0}%", 100.0 * share);
        writeln!(
            out,
            "{name:<36} {:>7} {:>9} {:>8} {:>8} {:>12} {:>11} {:>12}",
            sum.crossed,
            sum.foreseen,
            sum.in_time,
            sum.covered,
            sum.median_lead_steps
                .map_or_else(|| "-".to_owned(), |steps| format!("{steps} steps")),
            sum.median_lead_share.map_or_else(|| "-".to_owned(), percent),
            sum.not_crossed,
        )?;
    }
    // A folder of runs holds many files that are no logs: a few of each kind are enough.
    let mut reasons: BTreeMap<&str, Vec<&Path>> = BTreeMap::new();
    for (path, reason) in &backtest.left_out {
        reasons.entry(reason).or_default().push(path);
    }
    for (reason, paths) in reasons {
        for path in paths.iter().take(LEFT_OUT_SHOWN) {
            let path = path.display().to_string();
            writeln!(out, "left out: {}: {}", printable(&path), printable(reason))?;
        }
        let more = paths.len().saturating_sub(LEFT_OUT_SHOWN);
        if more > 0 {
            writeln!(out, "left out: {more} more: {}", printable(reason))?;
        }
    }
    Ok(())
}

fn per_ten_thousand(count: usize, points: usize) -> f64 {
    if points == 0 {
        return 0.0;
    }
    count as f64 * 1e4 / points as f64
}

/// Share of the critical alerts that an event explains.
fn precision(total: &Totals) -> Option<f64> {
    (total.criticals > 0).then(|| 1.0 - total.false_criticals as f64 / total.criticals as f64)
}

/// Writes the same as JSON.
///
/// # Errors
/// When `out` cannot be written.
pub fn json(backtest: &AlertBacktest, out: &mut impl Write) -> io::Result<()> {
    let totals = totals(&backtest.runs);
    let runs: Vec<Value> = backtest.runs.iter().map(run_json).collect();
    let value = json!({
        "schema_version": SCHEMA_VERSION,
        "runs": runs,
        "totals": totals,
        "crossings": crossings(&backtest.runs),
        "critical_precision": totals.get("all").and_then(precision),
        "left_out": backtest
            .left_out
            .iter()
            .map(|(path, reason)| json!({ "path": path, "message": reason }))
            .collect::<Vec<_>>(),
    });
    serde_json::to_writer_pretty(&mut *out, &value)?;
    writeln!(out)
}

fn run_json(run: &RunScore) -> Value {
    let alerts: Vec<Value> = run
        .alerts
        .iter()
        .zip(&run.unexplained)
        .map(|(alert, unexplained)| {
            let mut value = super::report::warning_json(alert);
            if let Some(fields) = value.as_object_mut() {
                fields.insert(
                    "false".to_owned(),
                    json!(*unexplained && alert.severity > Severity::Info),
                );
            }
            value
        })
        .collect();
    json!({
        "id": run.id,
        "path": run.path,
        "points": run.points,
        "alerts": alerts,
        "expected": run.outcomes,
    })
}
