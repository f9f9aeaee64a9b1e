//! `losscast inspect`: what was understood of each file, what was not, and which option
//! would change that.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::alert::SCHEDULE;
use crate::engine::Engine;
use crate::format::hints::{Hint, Value as Stated};
use crate::format::{Claim, SAMPLE_BYTES, Sample, diagnose, rivals};
use crate::metric::{Names, Quantity, Role};
use crate::run::Run;
use crate::snapshot::{Problem, RunView, Snapshot};
use crate::source::file_name::names_in;
use crate::source::tail;
use crate::text::{duration, hang, printable, trainings};

/// Rival formats and names that are listed.
const MOST_RIVALS: usize = 6;
/// Names without a use that are listed: a vocabulary among the settings has thousands.
const MOST_UNUSED: usize = 100;

/// Writes the account of every file as text.
///
/// # Errors
/// When `out` cannot be written.
pub fn table(
    engine: &Engine,
    snapshot: &Snapshot,
    names: &Names,
    columns: Option<usize>,
    out: &mut impl Write,
) -> io::Result<()> {
    for run in engine.runs() {
        file(run, snapshot, names, columns, out)?;
    }
    let read = |problem: &&Problem| engine.runs().any(|run| run.identity.path == problem.path);
    for problem in snapshot.problems.iter().filter(|problem| !read(problem)) {
        writeln!(out, "{}", printable(&problem.path.to_string_lossy()))?;
        let mut line = |text: String| writeln!(out, "{}", hang(&text, columns, 4));
        line(format!("  not shown as a run: {}", printable(&problem.message)))?;
        if let Some(found) = diagnosis(problem, engine, names) {
            line(format!("  found: {}", printable(&found)))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn view<'a>(run: &Run, snapshot: &'a Snapshot) -> Option<&'a RunView> {
    snapshot
        .runs
        .iter()
        .map(AsRef::as_ref)
        .find(|view| view.id == run.identity.id && view.path == run.identity.path)
}

/// Columns before the text of a line.
const HANG: usize = 17;

fn file(
    run: &Run,
    snapshot: &Snapshot,
    names: &Names,
    columns: Option<usize>,
    out: &mut impl Write,
) -> io::Result<()> {
    let view = view(run, snapshot);
    writeln!(out, "{}", printable(&run.identity.path.to_string_lossy()))?;
    let mut line = |name: &str, text: String| {
        let line = format!("  {name:<14} {}", printable(&text));
        writeln!(out, "{}", hang(&line, columns, HANG))
    };
    line("run", run.identity.id.clone())?;
    line("format", run.identity.format.to_owned())?;
    if let Some(why) = Verdict::of(run, names) {
        line("why", why.in_words())?;
    }
    for column in run.columns.iter() {
        let Some(role) = column.role else { continue };
        let others = alternatives(run, role, names);
        let others = if others.is_empty() {
            String::new()
        } else {
            let flag = flag(role).map_or_else(String::new, |flag| format!("; {flag} NAME chooses"));
            format!(" (also possible: {}{flag})", others.join(", "))
        };
        line(
            "column",
            format!("{} is the {}{others}", column.name, role.name()),
        )?;
    }
    let unused: Vec<&str> = run
        .columns
        .iter()
        .filter(|column| column.role.is_none())
        .map(|column| column.name.as_str())
        .collect();
    if let Some(named) = unused
        .get(..unused.len().min(MOST_UNUSED))
        .filter(|named| !named.is_empty())
    {
        let more = match unused.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        line("not used", named.join(", ") + &more)?;
    }
    let count = &run.lines;
    line(
        "lines",
        format!(
            "{} read, {} without metrics, {} skipped",
            count.lines, count.ignored, count.skipped
        ),
    )?;
    for bad in &count.bad_lines {
        let account = match bad.line {
            0 => bad.reason.clone(),
            number => format!("line {number}: {}", bad.reason),
        };
        let excerpt = match bad.excerpt.as_str() {
            "" => String::new(),
            excerpt => format!(" in `{excerpt}`"),
        };
        line("skipped", account + &excerpt)?;
    }
    if !run.settings.is_empty() {
        let settings: Vec<String> = run
            .settings
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        line("settings", settings.join(", "))?;
    }
    line("segments", segments(run))?;
    if let Some(trainings) = trainings(run.branch.earlier_trainings) {
        line("shown", trainings)?;
    }
    for hint in run.hints.all() {
        line(
            "stated",
            format!("{} {} ({})", hint.fact.name(), value(hint), hint.name),
        )?;
    }
    if let Some(view) = view {
        let total = view.total_steps.map_or_else(
            || "unknown".to_owned(),
            |total| format!("{total} ({})", view.total_steps_source),
        );
        line("total steps", total)?;
        line("schedule", schedule(run, view))?;
        for alert in view.alerts.iter().filter(|alert| alert.kind == SCHEDULE) {
            line("warning", alert.message.clone())?;
        }
        line("state", format!("{}: {}", view.state.name(), view.state_reason))?;
        line(
            "last data",
            format!(
                "{} ago",
                duration((snapshot.taken_at - view.last_data_at).max(0.0))
            ),
        )?;
        for loss in &view.losses {
            let text = match &loss.forecast {
                Some(forecast) => {
                    format!(
                        "{} at step {}: {}",
                        forecast.in_words(),
                        forecast.at_step,
                        forecast.basis
                    )
                }
                None => format!("none: {}", loss.forecast_reason),
            };
            line(
                "forecast",
                format!("{}, {} points: {text}", loss.quantity, loss.points),
            )?;
        }
    }
    let mut problems = snapshot.problems.iter();
    if let Some(problem) = problems.find(|problem| problem.path == run.identity.path) {
        line("not shown", problem.message.clone())?;
    }
    for option in options(run, view) {
        line("option", option)?;
    }
    writeln!(out)
}

/// Why a file was taken for what it was taken for.
struct Verdict {
    claims: Vec<(&'static str, Claim)>,
    format: &'static str,
    declared: bool,
}

impl Verdict {
    /// Asks all formats again; `None` when the file is gone or is no text.
    fn of(run: &Run, names: &Names) -> Option<Self> {
        let claims = claims(&run.identity.path, names)?;
        let format = run.identity.format;
        claims.iter().any(|(name, _)| *name == format).then(|| Verdict {
            declared: names.patterns.iter().any(|pattern| pattern.name == format),
            claims,
            format,
        })
    }

    fn own(&self) -> Option<Claim> {
        self.claims
            .iter()
            .find(|(name, _)| *name == self.format)
            .map(|(_, claim)| *claim)
    }

    fn rivals(&self) -> impl Iterator<Item = &(&'static str, Claim)> {
        self.claims
            .iter()
            .filter(|(name, _)| *name != self.format)
            .take(MOST_RIVALS)
    }

    fn in_words(&self) -> String {
        let own = self.own().map_or(0, |claim| claim.records);
        let records = if own == 1 {
            "1 record"
        } else {
            &format!("{own} records")
        };
        let reason = match self.own() {
            _ if self.declared => format!("the pattern in losscast.toml matches: {records} in the sample"),
            Some(claim) if claim.certain => format!("its marks prove it: {records} in the sample"),
            _ => format!("it reads {records} in the sample"),
        };
        let rivals: Vec<String> = self
            .rivals()
            .map(|(name, claim)| format!("{name} {}", claim.records))
            .collect();
        if rivals.is_empty() {
            format!("{reason}; no other format reads any")
        } else {
            format!("{reason}; others: {}", rivals.join(", "))
        }
    }

    fn in_json(&self) -> Value {
        json!({
            "records_in_sample": self.own().map(|claim| claim.records),
            "certain": self.own().map(|claim| claim.certain),
            "declared": self.declared,
            "rivals": self.rivals().map(|(name, claim)| json!({
                "format": name,
                "records_in_sample": claim.records,
            })).collect::<Vec<_>>(),
        })
    }
}

fn claims(path: &Path, names: &Names) -> Option<Vec<(&'static str, Claim)>> {
    let (head, tail) = tail::sample(path, SAMPLE_BYTES).ok()?;
    if crate::format::refuse(&head).is_some() {
        return None;
    }
    let sample = Sample {
        head: &head,
        tail: &tail,
    };
    Some(rivals(&sample, &names_in(names, &head, path)))
}

/// What a file that became no run holds all the same.
fn diagnosis(problem: &Problem, engine: &Engine, names: &Names) -> Option<String> {
    if engine.runs().any(|run| run.identity.path == problem.path) || !problem.path.is_file() {
        return None;
    }
    let (head, tail) = tail::sample(&problem.path, SAMPLE_BYTES).ok()?;
    if crate::format::refuse(&head).is_some() {
        return None;
    }
    let sample = Sample {
        head: &head,
        tail: &tail,
    };
    Some(diagnose(&sample, names))
}

/// Names that would have served for a role as well.
fn alternatives<'a>(run: &'a Run, role: Role, names: &Names) -> Vec<&'a str> {
    run.columns
        .iter()
        .filter(|column| !column.role.is_some_and(|held| held.same_slot(role)))
        .filter(|column| {
            names
                .role_of(&column.name)
                .is_some_and(|fit| fit.role.same_slot(role))
        })
        .map(|column| column.name.as_str())
        .take(MOST_RIVALS)
        .collect()
}

/// The option that declares the name of a role.
fn flag(role: Role) -> Option<&'static str> {
    match role {
        Role::Step => Some("--step"),
        Role::TotalSteps => None,
        Role::Value { quantity, .. } => match quantity {
            Quantity::TrainLoss => Some("--loss"),
            Quantity::EvalLoss => Some("--eval-loss"),
            Quantity::LearningRate => Some("--lr"),
            _ => None,
        },
    }
}

/// Options that would tell losscast what the log does not.
fn options(run: &Run, view: Option<&RunView>) -> Vec<String> {
    let has = |quantity: Quantity| run.series(quantity).is_some();
    let mut options = Vec::new();
    if !has(Quantity::TrainLoss) && !has(Quantity::EvalLoss) {
        let mut roles = run.columns.iter().filter_map(|column| column.role);
        let why = if roles.any(Role::is_loss) {
            "what was taken for a loss has no value so far"
        } else {
            "no name was taken for a loss"
        };
        options.push(format!("--loss NAME or --eval-loss NAME: {why}"));
    }
    if run.branch.rates.is_empty() {
        options.push(
            "--lr NAME or --schedule SPEC: no learning rates in the log, so the schedule is unknown"
                .to_owned(),
        );
    }
    if view.is_some_and(|view| view.total_steps.is_none()) {
        options.push("--total-steps N: the planned number of steps is unknown".to_owned());
    }
    if run.identity.format == "key-value" || run.identity.format == "progress-bar" {
        options.push("[[format]] in losscast.toml: this is a general reader; a pattern is exact".to_owned());
    }
    options
}

fn value(hint: &Hint) -> String {
    match &hint.value {
        Stated::Number(number) => number.to_string(),
        Stated::Word(word) => word.clone(),
    }
}

fn segments(run: &Run) -> String {
    if run.branch.resumed_at.is_empty() {
        return "1".to_owned();
    }
    let steps: Vec<String> = run.branch.resumed_at.iter().take(8).map(u64::to_string).collect();
    let more = run.branch.resumed_at.len().saturating_sub(8);
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}: went back to step {}{rest}", run.segments(), steps.join(", "))
}

fn schedule(run: &Run, view: &RunView) -> String {
    if run.branch.rates.is_empty() && view.schedule.is_empty() {
        return "no learning rate in the log; declare one with --schedule".to_owned();
    }
    let peak = view
        .peak_learning_rate
        .map_or_else(String::new, |peak| format!(", peak {peak:.3e}"));
    let warm_up = match run.branch.rates.warm_up_end() {
        Some(0) => String::new(),
        Some(end) => format!(", warm-up to step {end}"),
        None if run.branch.rates.is_empty() => String::new(),
        None => ", still warming up".to_owned(),
    };
    format!(
        "{} ({}){peak}{warm_up}",
        view.schedule,
        view.schedule_source.name()
    )
}

/// Writes the account of every file as JSON.
///
/// # Errors
/// When `out` cannot be written.
pub fn json(engine: &Engine, snapshot: &Snapshot, names: &Names, out: &mut impl Write) -> io::Result<()> {
    let files: Vec<Value> = engine
        .runs()
        .map(|run| file_json(run, view(run, snapshot), snapshot.taken_at, names))
        .collect();
    let problems: Vec<Value> = snapshot
        .problems
        .iter()
        .map(|problem| {
            json!({
                "path": problem.path,
                "message": problem.message,
                "found": diagnosis(problem, engine, names),
            })
        })
        .collect();
    let account = json!({
        "schema_version": super::report::SCHEMA_VERSION,
        "files": files,
        "problems": problems,
    });
    serde_json::to_writer_pretty(&mut *out, &account)?;
    writeln!(out)
}

fn file_json(run: &Run, view: Option<&RunView>, now: f64, names: &Names) -> Value {
    json!({
        "path": run.identity.path,
        "id": run.identity.id,
        "format": run.identity.format,
        "why": Verdict::of(run, names).map(|verdict| verdict.in_json()),
        "columns": run.columns.iter().map(|column| json!({
            "name": column.name,
            "role": column.role.map(|role| role.name()),
            "alternatives": column.role.map(|role| alternatives(run, role, names)),
            "flag": column.role.and_then(flag),
        })).collect::<Vec<_>>(),
        "lines": {
            "read": run.lines.lines,
            "without_metrics": run.lines.ignored,
            "skipped": run.lines.skipped,
            "examples": run.lines.bad_lines.iter().map(|bad| json!({
                "line": bad.line,
                "reason": bad.reason,
                "excerpt": bad.excerpt,
            })).collect::<Vec<_>>(),
        },
        "settings": run.settings,
        "summary": run.summary,
        "segments": run.segments(),
        "resumed_at": run.branch.resumed_at,
        "earlier_trainings": run.branch.earlier_trainings,
        "stated": run.hints.all().iter().map(|hint| json!({
            "fact": hint.fact.name(),
            "name": hint.name,
            "value": match &hint.value {
                Stated::Number(number) => json!(number),
                Stated::Word(word) => json!(word),
            },
        })).collect::<Vec<_>>(),
        "total_steps": view.and_then(|view| view.total_steps),
        "total_steps_source": view.map(|view| view.total_steps_source),
        "schedule": view.map(|view| json!({
            "description": view.schedule,
            "source": view.schedule_source,
            "peak": view.peak_learning_rate,
            "warm_up_end": run.branch.rates.warm_up_end(),
            "warning": view.alerts.iter().find(|alert| alert.kind == SCHEDULE).map(|alert| &alert.message),
        })),
        "state": view.map(|view| view.state),
        "last_data_at": view.map(|view| view.last_data_at),
        "data_age_seconds": view.map(|view| (now - view.last_data_at).max(0.0)),
        "options": options(run, view),
    })
}
