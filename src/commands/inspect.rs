//! `losscast inspect`: what was understood of each file, and what was not.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::run::Run;
use crate::snapshot::{RunView, Snapshot};
use crate::text::printable;

/// Writes the account of every file as text.
///
/// # Errors
/// When `out` cannot be written.
pub fn table(engine: &Engine, snapshot: &Snapshot, out: &mut impl Write) -> io::Result<()> {
    for run in engine.runs() {
        file(run, view(run, snapshot), out)?;
    }
    for problem in &snapshot.problems {
        writeln!(out, "{}", printable(&problem.path.to_string_lossy()))?;
        writeln!(out, "  not shown as a run: {}\n", printable(&problem.message))?;
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

fn file(run: &Run, view: Option<&RunView>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", printable(&run.identity.path.to_string_lossy()))?;
    let mut line = |name: &str, text: String| writeln!(out, "  {name:<14} {}", printable(&text));
    line("run", run.identity.id.clone())?;
    line("format", run.identity.format.to_owned())?;
    for column in run.columns.iter().filter(|column| column.role.is_some()) {
        let role = column.role.map_or("", |role| role.name());
        line("column", format!("{} is the {role}", column.name))?;
    }
    let unused: Vec<&str> = run
        .columns
        .iter()
        .filter(|column| column.role.is_none())
        .map(|column| column.name.as_str())
        .collect();
    if !unused.is_empty() {
        line("not used", unused.join(", "))?;
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
        line(
            "skipped",
            format!("line {}: {} in `{}`", bad.line, bad.reason, bad.excerpt),
        )?;
    }
    line("segments", segments(run))?;
    if let Some(view) = view {
        let total = view.total_steps.map_or_else(
            || "unknown; give it with --total-steps".to_owned(),
            |total| format!("{total} ({})", view.total_steps_source),
        );
        line("total steps", total)?;
        line("schedule", schedule(run, view))?;
        line("state", format!("{}: {}", view.state.name(), view.state_reason))?;
        for loss in &view.losses {
            let text = match &loss.forecast {
                Some(forecast) => {
                    format!(
                        "{:.4} ±{:.4} at step {}: {}",
                        forecast.final_loss, forecast.sd, forecast.at_step, forecast.basis
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
    writeln!(out)
}

fn segments(run: &Run) -> String {
    if run.resumed_at.is_empty() {
        return "1".to_owned();
    }
    let steps: Vec<String> = run.resumed_at.iter().take(8).map(u64::to_string).collect();
    let more = run.resumed_at.len().saturating_sub(8);
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}: went back to step {}{rest}", run.segments(), steps.join(", "))
}

fn schedule(run: &Run, view: &RunView) -> String {
    if run.rates.is_empty() && view.schedule.is_empty() {
        return "no learning rate in the log; declare one with --schedule".to_owned();
    }
    let peak = view
        .peak_learning_rate
        .map_or_else(String::new, |peak| format!(", peak {peak:.3e}"));
    let warm_up = match run.rates.warm_up_end() {
        Some(0) => String::new(),
        Some(end) => format!(", warm-up to step {end}"),
        None if run.rates.is_empty() => String::new(),
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
pub fn json(engine: &Engine, snapshot: &Snapshot, out: &mut impl Write) -> io::Result<()> {
    let files: Vec<Value> = engine
        .runs()
        .map(|run| file_json(run, view(run, snapshot)))
        .collect();
    let account = json!({
        "schema_version": super::report::SCHEMA_VERSION,
        "files": files,
        "problems": snapshot.problems,
    });
    serde_json::to_writer_pretty(&mut *out, &account)?;
    writeln!(out)
}

fn file_json(run: &Run, view: Option<&RunView>) -> Value {
    json!({
        "path": run.identity.path,
        "id": run.identity.id,
        "format": run.identity.format,
        "columns": run.columns.iter().map(|column| json!({
            "name": column.name,
            "role": column.role.map(|role| role.name()),
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
        "segments": run.segments(),
        "resumed_at": run.resumed_at,
        "total_steps": view.and_then(|view| view.total_steps),
        "total_steps_source": view.map(|view| view.total_steps_source),
        "schedule": view.map(|view| json!({
            "description": view.schedule,
            "source": view.schedule_source,
            "peak": view.peak_learning_rate,
            "warm_up_end": run.rates.warm_up_end(),
        })),
        "state": view.map(|view| view.state),
        "last_data_at": view.map(|view| view.last_data_at),
    })
}
