//! `losscast report`: everything the screen knows, as text or JSON.

use std::collections::HashSet;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use crate::alert::{Alert, Severity};
use crate::names::Names;
use crate::precision;
use crate::snapshot::{
    Advice, Contest, Crossover, End, LossView, Problem, Prospect, RunView, Snapshot, State,
};
use crate::text::{clip, hang, printable, shorten, trainings, width};

/// Version of the JSON. Fields are added, never renamed or given another meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// Writes the report as JSON.
///
/// # Errors
/// When `out` cannot be written.
pub fn json(snapshot: &Snapshot, out: &mut impl Write) -> io::Result<()> {
    let report = Report {
        schema_version: SCHEMA_VERSION,
        runs: snapshot
            .runs
            .iter()
            .map(|run| run_json(run, snapshot.prospect(&run.id), snapshot.taken_at))
            .collect(),
        crossovers: snapshot.crossovers.iter().map(crossover_json).collect(),
        problems: &snapshot.problems,
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    runs: Vec<Value>,
    crossovers: Vec<Value>,
    problems: &'a [Problem],
}

/// A number for JSON, which has no NaN and no infinity.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// A crossover for JSON.
pub(super) fn crossover_json(crossover: &Crossover) -> Value {
    json!({
        "ahead_now": crossover.ahead_now,
        "ahead_at_end": crossover.ahead_at_end,
        "metric": crossover.quantity.name(),
        "at_step": crossover.at_step,
        "probability": finite(crossover.probability),
        "gap": finite(crossover.gap),
        "of_a_leader": crossover.of_a_leader,
        "passes_a_leader": crossover.passes_a_leader,
    })
}

/// How a run stands among its rivals, for JSON.
fn contest_json(contest: &Contest) -> Value {
    json!({
        "chance_of_lowest": finite(contest.chance),
        "chance_as_good": finite(contest.chance_as_good),
        "runs": contest.runs,
        "best_rival": contest.best_rival,
        "behind": finite(contest.behind),
    })
}

/// Advice for JSON.
pub(super) fn advice_json(advice: &Advice) -> Value {
    json!({
        "kind": advice.kind,
        "probability": finite(advice.probability),
        "saved_steps": advice.saved_steps,
        "saved_seconds": advice.saved_seconds.and_then(finite),
        "message": advice.message,
    })
}

fn run_json(run: &RunView, prospect: Option<&Prospect>, now: f64) -> Value {
    let primary = run.primary();
    let contest = prospect.and_then(|prospect| prospect.contest.as_ref());
    let advice = prospect.and_then(|prospect| prospect.advice.as_ref());
    let mut value = json!({
        "id": run.id,
        "path": run.path,
        "format": run.format,
        "state": run.state,
        "state_reason": run.state_reason,
        "metric": primary.map(|loss| loss.quantity.name()),
        "step": run.step,
        "total_steps": run.total_steps,
        "total_steps_source": run.total_steps_source,
        "progress": run.progress(),
        "eta_seconds": run.eta_seconds.and_then(finite),
        "seconds_per_step": run.seconds_per_step.and_then(finite),
        "data_age_seconds": finite((now - run.last_data_at).max(0.0)),
        "learning_rate": {
            "last": run.learning_rate.and_then(finite),
            "peak": run.peak_learning_rate.and_then(finite),
            "source": run.schedule_source,
            "schedule": run.schedule,
        },
        "contest": contest.map(contest_json),
        "advice": advice.map(advice_json),
        "warnings": run.alerts.iter().map(warning_json).collect::<Vec<_>>(),
        "skipped_lines": run.skipped_lines,
        "segments": run.segments,
        "earlier_trainings": run.earlier_trainings,
        "losses": run.losses.iter().map(loss_json).collect::<Vec<_>>(),
    });
    // The loss that stands for the run is repeated at the top, where scripts look.
    if let (Some(fields), Some(loss)) = (value.as_object_mut(), primary)
        && let Value::Object(own) = loss_json(loss)
    {
        fields.extend(own.into_iter().filter(|(key, _)| key != "metric"));
    }
    value
}

pub(super) fn loss_json(loss: &LossView) -> Value {
    json!({
        "metric": loss.quantity.name(),
        "loss": {
            "last": finite(loss.last),
            "smoothed": finite(loss.smoothed),
            "points": loss.points,
        },
        "forecast": loss.forecast.as_ref().map(|forecast| json!({
            "final_loss": finite(forecast.final_loss),
            "sd": finite(forecast.sd),
            "interval": {
                "level": forecast.level,
                "low": finite(forecast.low),
                "high": finite(forecast.high),
            },
            "at_step": forecast.at_step,
            "basis": forecast.basis,
            "prior_based": forecast.prior_based,
        })),
        "scenarios": loss.scenarios.iter().map(|scenario| json!({
            "name": scenario.name,
            "at_step": scenario.at_step,
            "final_loss": finite(scenario.final_loss),
            "low": finite(scenario.low),
            "high": finite(scenario.high),
        })).collect::<Vec<_>>(),
        "decay_now": loss.decay_now.as_ref().map(|decay| json!({
            "at_step": decay.ends.at_step,
            "planned_step": decay.planned_step,
            "is_planned": decay.is_planned,
            "final_loss": finite(decay.ends.final_loss),
            "low": finite(decay.ends.low),
            "high": finite(decay.ends.high),
            "gain_of_waiting": finite(decay.gain_of_waiting),
            "gain_sd": finite(decay.gain_sd),
        })),
        "forecast_reason": (!loss.forecast_reason.is_empty()).then_some(&loss.forecast_reason),
        "law": loss.law.map(|law| json!({
            "l0": finite(law.l0),
            "a": finite(law.a),
            "alpha": finite(law.alpha),
            "c": finite(law.c),
            "lambda": finite(law.lambda),
            "full_anneal_drop": finite(law.full_anneal_drop),
            "residual_sd": finite(law.residual_sd),
        })),
    })
}

pub(super) fn warning_json(alert: &Alert) -> Value {
    json!({
        "kind": alert.kind,
        "severity": alert.severity,
        "opened_at_step": alert.opened_at_step,
        "raised_at_step": alert.raised_at_step,
        "first_sign_step": alert.first_sign_step,
        "cleared_at_step": alert.cleared_at_step,
        "value": finite(alert.value),
        "threshold": finite(alert.threshold),
        "projected": alert.projected,
        "crossed_at_step": alert.crossed_at_step,
        "message": alert.message,
        "remedy": alert.remedy,
    })
}

/// Writes the report as a table, followed by crossovers, open warnings and problems. Of a terminal of so many
/// `columns` no row takes more, as far as that is possible.
///
/// # Errors
/// When `out` cannot be written.
pub fn table(snapshot: &Snapshot, columns: Option<usize>, out: &mut impl Write) -> io::Result<()> {
    if snapshot.runs.is_empty() {
        writeln!(out, "No runs found.")?;
    } else {
        let rows = rows(snapshot);
        let names = Names::of(snapshot);
        let shortened = |room: usize| {
            let ids = snapshot.runs.iter();
            ids.map(|run| names.title(&run.id, room)).collect::<Vec<_>>()
        };
        let rows = match columns {
            Some(columns) => narrowed(rows, columns, shortened),
            None => rows,
        };
        write_rows(out, &rows)?;
        write_legend(snapshot, columns, out)?;
    }
    let mut section = |title: &str, lines: Vec<String>| write_section(out, title, lines, columns);
    section("Plans", plan_lines(snapshot))?;
    section("Crossovers", crossover_lines(snapshot))?;
    section("Advice", advice_lines(snapshot))?;
    section("Warnings", warning_lines(snapshot))?;
    section("No forecast", reason_lines(snapshot))?;
    section("Several trainings", training_lines(snapshot))?;
    let problems = snapshot.problems.iter().map(|problem| {
        format!(
            "{}: {}",
            printable(&problem.path.to_string_lossy()),
            printable(&problem.message)
        )
    });
    section(
        "Not read (`losscast inspect` shows what was found)",
        problems.collect(),
    )
}

/// What the marks in the table mean, as far as they are there.
fn write_legend(snapshot: &Snapshot, columns: Option<usize>, out: &mut impl Write) -> io::Result<()> {
    let runs = || snapshot.runs.iter().map(AsRef::as_ref);
    let marked = runs().any(|run| {
        let forecast = run.primary().and_then(|loss| loss.forecast.as_ref());
        run.state != State::Finished && forecast.is_some_and(|forecast| forecast.prior_based)
    });
    let mut legend = Vec::new();
    if marked {
        legend.push("~ prior-based: what the decay gains is usual, not yet seen in the run");
    }
    if runs().any(|run| !open_count(run).is_empty()) {
        legend.push("C critical, W warning");
    }
    if legend.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", hang(&legend.join("; "), columns, 2))
}

/// Which training is shown of each log that tells of several.
fn training_lines(snapshot: &Snapshot) -> Vec<String> {
    let runs = snapshot.runs.iter();
    let told = runs.filter_map(|run| Some((run, trainings(run.earlier_trainings)?)));
    told.map(|(run, trainings)| format!("{}: {trainings}", printable(&run.id)))
        .collect()
}

/// The ids of the runs, shortened as far as they stay apart.
fn ids(snapshot: &Snapshot) -> Vec<String> {
    let shortened = |longest: usize| -> Vec<String> {
        let ids = snapshot.runs.iter().map(|run| printable(&run.id));
        ids.map(|id| shorten(&id, longest)).collect()
    };
    let apart = |ids: &Vec<String>| ids.iter().collect::<HashSet<_>>().len() == ids.len();
    [48, 64, 96, 128]
        .into_iter()
        .map(shortened)
        .find(apart)
        .unwrap_or_else(|| shortened(usize::MAX))
}

fn rows(snapshot: &Snapshot) -> Vec<Vec<String>> {
    let losses = || snapshot.runs.iter().filter_map(|run| run.primary());
    let level = losses().find_map(|loss| Some(loss.forecast.as_ref()?.level));
    let projected_at = level.map_or_else(
        || "PROJECTED".to_owned(),
        |level| format!("PROJECTED {:.0}%", level * 100.0),
    );
    let header = [
        "RUN",
        "STATE",
        "STEP",
        "DONE",
        "ETA",
        "METRIC",
        "LOSS",
        &projected_at,
        "P LOW",
        "ALERTS",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (run, id) in snapshot.runs.iter().zip(ids(snapshot)) {
        let loss = run.primary();
        rows.push(vec![
            id,
            run.state.name().to_owned(),
            run.step.to_string(),
            run.progress().map_or_else(
                || "-".to_owned(),
                |progress| format!("{:.0}%", (progress * 100.0).floor()),
            ),
            run.eta_seconds
                .map_or_else(|| "-".to_owned(), crate::text::duration),
            loss.map_or_else(String::new, |loss| loss.quantity.name().to_owned()),
            loss.map_or_else(String::new, |loss| format!("{:.4}", loss.smoothed)),
            loss.map_or_else(String::new, |loss| projected(run, loss)),
            chance_of_lowest(snapshot, run),
            open_count(run),
        ]);
    }
    // A column about rivals says nothing where there are none.
    if snapshot
        .prospects
        .iter()
        .all(|prospect| prospect.contest.is_none())
    {
        for row in &mut rows {
            row.remove(CHANCES);
        }
    }
    rows
}

/// The column with the chances of ending lowest.
const CHANCES: usize = 8;

fn chance_of_lowest(snapshot: &Snapshot, run: &RunView) -> String {
    let contest = snapshot.contest(&run.id);
    contest.map_or_else(|| "-".to_owned(), |contest| format!("{:.2}", contest.chance))
}

fn projected(run: &RunView, loss: &LossView) -> String {
    match run.end(loss) {
        End::ByPlan(low, high) => format!("{} by plan", precision::range(low, high)),
        End::Reached(end) if loss.forecast.is_some() => format!("{} final", crate::text::loss(end)),
        End::Projected(forecast) => {
            let half = (forecast.high - forecast.low) / 2.0;
            let mark = if forecast.prior_based { " ~" } else { "" };
            precision::with_interval(forecast.final_loss, half) + mark
        }
        End::Reached(_) | End::Unknown => format!("- {}", clip(&printable(loss.brief_reason()), 48)),
    }
}

/// How many alerts are open: `2C 1W`.
fn open_count(run: &RunView) -> String {
    let count = |severity: Severity, letter: char| {
        let open = run.open_alerts().filter(|alert| alert.severity == severity);
        let count = open.count();
        (count > 0).then(|| format!("{count}{letter}"))
    };
    let counts = [count(Severity::Critical, 'C'), count(Severity::Warning, 'W')];
    counts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Blanks between two columns.
const GAP: usize = 2;

/// The widths of the columns.
fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.first().map_or(0, Vec::len);
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    (0..columns)
        .map(|column| cells(column).map(|cell| width(cell)).max().unwrap_or(0))
        .collect()
}

/// Rows that fit: without what is least needed, and with names of runs that are `shortened` to some columns.
fn narrowed(
    mut rows: Vec<Vec<String>>,
    columns: usize,
    shortened: impl Fn(usize) -> Vec<String>,
) -> Vec<Vec<String>> {
    const LEAST_NEEDED: [&str; 5] = ["METRIC", "ETA", "STEP", "P LOW", "DONE"];
    /// A shorter name tells nothing.
    const SHORTEST_NAME: usize = 20;
    let beyond = |rows: &[Vec<String>]| {
        let widths = widths(rows);
        let all = widths.iter().map(|width| width + GAP).sum::<usize>();
        (
            all.saturating_sub(columns + GAP),
            widths.first().copied().unwrap_or(0),
        )
    };
    for title in LEAST_NEEDED {
        let (excess, name) = beyond(&rows);
        if excess <= name.saturating_sub(SHORTEST_NAME) {
            break;
        }
        let place = |row: &Vec<String>| row.iter().position(|cell| cell == title);
        if let Some(place) = rows.first().and_then(place) {
            for row in &mut rows {
                row.remove(place);
            }
        }
    }
    let (excess, name) = beyond(&rows);
    let room = name.saturating_sub(excess).max(SHORTEST_NAME);
    if room < name {
        let cells = rows.iter_mut().skip(1).filter_map(|row| row.first_mut());
        for (cell, short) in cells.zip(shortened(room)) {
            *cell = short;
        }
    }
    rows
}

fn write_rows(out: &mut impl Write, rows: &[Vec<String>]) -> io::Result<()> {
    let widths = widths(rows);
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, wide)| format!("{cell}{}", " ".repeat(wide.saturating_sub(width(cell)))))
            .collect();
        writeln!(out, "{}", cells.join(&" ".repeat(GAP)).trim_end())?;
    }
    Ok(())
}

/// Runs whose possible plans are told in words.
const MOST_PLANS: usize = 10;

/// What comes of plans that the log does not tell apart, a line for each.
fn plan_lines(snapshot: &Snapshot) -> Vec<String> {
    let open: Vec<(&RunView, &LossView)> = snapshot
        .runs
        .iter()
        .filter_map(|run| Some((run.as_ref(), run.primary()?)))
        .filter(|(run, loss)| {
            let is_held = loss.forecast.is_none() || matches!(run.end(loss), End::ByPlan(..));
            is_held && loss.plans().next().is_some()
        })
        .collect();
    let told = open.iter().take(MOST_PLANS).flat_map(|(run, loss)| {
        let id = printable(&run.id);
        loss.plans()
            .map(move |plan| format!("{id}: {}", printable(&plan.in_words())))
    });
    let more = open.len().saturating_sub(MOST_PLANS);
    let rest = (more > 0).then(|| format!("and {more} more runs: --format json has them all"));
    told.chain(rest).collect()
}

/// Crossovers that are told in words. Hundreds of runs have thousands of them.
const MOST_CROSSOVERS: usize = 10;

fn how_surely(probability: f64) -> &'static str {
    match probability {
        0.9.. => "will",
        0.7.. => "will probably",
        _ => "may",
    }
}

fn crossover_lines(snapshot: &Snapshot) -> Vec<String> {
    let likely: Vec<&Crossover> = snapshot
        .crossovers
        .iter()
        .filter(|crossover| crossover.is_likely())
        .collect();
    let told = likely.iter().take(MOST_CROSSOVERS).map(|crossover| {
        let step = crossover
            .at_step
            .map_or_else(String::new, |step| format!(" at about step {step}"));
        format!(
            "{} {} pass {}{step} and end {:.3} lower (P {:.2}, {})",
            printable(&crossover.ahead_at_end),
            how_surely(crossover.probability),
            printable(&crossover.ahead_now),
            crossover.gap,
            crossover.probability,
            crossover.quantity
        )
    });
    let more = likely.len().saturating_sub(MOST_CROSSOVERS);
    let rest = (more > 0).then(|| format!("and {more} more: --format json has them all"));
    told.chain(rest).collect()
}

fn advice_lines(snapshot: &Snapshot) -> Vec<String> {
    let line = |prospect: &Prospect| {
        let advice = prospect.advice.as_ref()?;
        let (run, message) = (printable(&prospect.run), printable(&advice.message));
        Some(format!("[{}] {run}: {message}", advice.kind.name()))
    };
    snapshot.prospects.iter().filter_map(line).collect()
}

fn warning_lines(snapshot: &Snapshot) -> Vec<String> {
    snapshot
        .runs
        .iter()
        .flat_map(|run| run.open_alerts().map(move |alert| (run, alert)))
        .filter(|(_, alert)| alert.severity > Severity::Info)
        .map(|(run, alert)| {
            format!(
                "[{}] {}: {}",
                alert.severity.name(),
                printable(&run.id),
                printable(&alert.message)
            )
        })
        .collect()
}

/// Most names of runs behind one reason.
const NAMED_RUNS: usize = 3;

/// What the brief words of the table stand for, and so what to do: a line for each reason.
fn reason_lines(snapshot: &Snapshot) -> Vec<String> {
    let mut reasons: Vec<(&LossView, Vec<String>)> = Vec::new();
    for run in &snapshot.runs {
        let Some(loss) = run.primary() else { continue };
        if loss.forecast.is_some() || loss.brief_reason() == loss.forecast_reason {
            continue;
        }
        let id = printable(&run.id);
        match reasons
            .iter_mut()
            .find(|(known, _)| known.forecast_reason == loss.forecast_reason)
        {
            Some((_, ids)) => ids.push(id),
            None => reasons.push((loss, vec![id])),
        }
    }
    reasons
        .into_iter()
        .map(|(loss, ids)| {
            let named = ids
                .iter()
                .take(NAMED_RUNS)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            let more = match ids.len().saturating_sub(NAMED_RUNS) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "{}: {} ({named}{more})",
                loss.brief_reason(),
                printable(&loss.forecast_reason)
            )
        })
        .collect()
}

fn write_section(
    out: &mut impl Write,
    title: &str,
    lines: Vec<String>,
    columns: Option<usize>,
) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    lines
        .iter()
        .try_for_each(|line| writeln!(out, "{}", hang(&format!("  {line}"), columns, 4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_loses_what_is_least_needed_first() {
        let rows = vec![
            ["RUN", "STEP", "METRIC", "LOSS", "PROJECTED 80%"]
                .map(str::to_owned)
                .to_vec(),
            [
                "sweep/lr1e-3_seed1337",
                "15000",
                "train_loss",
                "3.2417",
                "3.1379 ±0.0160",
            ]
            .map(str::to_owned)
            .to_vec(),
        ];
        let shortened = |room: usize| vec![shorten("sweep/lr1e-3_seed1337", room)];
        let titles = |columns: usize| narrowed(rows.clone(), columns, shortened)[0].join(" ");
        let width_of = |columns: usize| {
            let widths = widths(&narrowed(rows.clone(), columns, shortened));
            widths.iter().sum::<usize>() + GAP * (widths.len() - 1)
        };
        assert_eq!(titles(120), "RUN STEP METRIC LOSS PROJECTED 80%");
        assert_eq!(titles(60), "RUN STEP LOSS PROJECTED 80%");
        assert_eq!(titles(50), "RUN LOSS PROJECTED 80%");
        for columns in [50, 60, 70, 120] {
            assert!(width_of(columns) <= columns, "{columns}");
        }
    }
}
