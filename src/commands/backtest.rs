//! `losscast backtest`: finished runs, forecast again from their beginnings.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::backtest::advice::{self, AdviceScore};
use crate::backtest::{
    Case, Comparison, Finished, Knowledge, Members, Others, Settings, Summary, cases, members, summarise,
};
use crate::cli;
use crate::config::ConfigError;
use crate::engine::Options;
use crate::format::read_all;
use crate::metric::Quantity;
use crate::run::Identity;
use crate::source::discover::discover;
use crate::text::printable;

/// What came of all runs.
pub struct Backtest {
    cases: Vec<Case>,
    left_out: Vec<(PathBuf, String)>,
    /// What came of the advice, where that was asked.
    advice: Option<AdviceScore>,
}

impl Backtest {
    /// True when no run could be forecast.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }
}

/// Reads the runs and forecasts them.
///
/// # Errors
/// When the configuration cannot be used.
pub fn run(settings: &cli::Backtest) -> Result<Backtest, ConfigError> {
    let options = Options {
        names: settings.source.names(),
        config: Arc::new(settings.source.config()?),
        ..Options::default()
    };
    let found = discover(&settings.source.reader(false).roots);
    let mut left_out = found.problems;
    let mut runs = Vec::new();
    for candidate in found.candidates {
        match read(&candidate.path, &candidate.id, &options) {
            Ok(Some(run)) => runs.push(run),
            Ok(None) => {}
            Err(reason) => left_out.push((candidate.path, reason)),
        }
    }
    let (asks_for_advice, rules) = (settings.advice, options.config.advice);
    let settings = Settings {
        at: settings.at.clone(),
        knowledge: match settings.schedule {
            cli::Knowledge::Known => Knowledge::Known,
            cli::Knowledge::Inferred => Knowledge::Inferred,
            cli::Knowledge::Unlogged => Knowledge::Unlogged,
        },
        options,
        others: match (settings.cohort, settings.others) {
            _ if asks_for_advice => Others::Live,
            (cli::Switch::Off, _) => Others::Absent,
            (cli::Switch::On, cli::Stage::Finished) => Others::Finished,
            (cli::Switch::On, cli::Stage::Live) => Others::Live,
        },
    };
    let members = Members::of(in_parallel(&runs, |_, run| members(run, &settings)));
    let results = in_parallel(&runs, |index, run| cases(index, run, &members, &settings));
    let mut all = Vec::new();
    for (run, cases) in runs.iter().zip(results) {
        match cases {
            Ok(cases) => all.extend(cases),
            Err(reason) => left_out.push((run.identity.path.clone(), reason)),
        }
    }
    let advice = asks_for_advice.then(|| advice::score(&all, rules.stop_below, rules.tolerance));
    Ok(Backtest {
        cases: all,
        left_out,
        advice,
    })
}

fn read(path: &std::path::Path, id: &str, options: &Options) -> Result<Option<Finished>, String> {
    let content = std::fs::read(path).map_err(|error| error.to_string())?;
    // What is no log was not meant.
    let Ok(whole) = read_all(&content, &options.names) else {
        return Ok(None);
    };
    if whole.decoded.records.is_empty() {
        return Ok(None);
    }
    Ok(Some(Finished {
        identity: Identity {
            id: printable(id),
            path: path.to_owned(),
            format: whole.format,
        },
        decoded: whole.decoded,
    }))
}

/// The same function of every item, on all cores, in order.
fn in_parallel<T: Sync, R: Send>(items: &[T], function: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(workers).max(1);
    let numbered: Vec<(usize, &T)> = items.iter().enumerate().collect();
    let each = |(index, item): &(usize, &T)| function(*index, item);
    std::thread::scope(|scope| {
        let handles: Vec<_> = numbered
            .chunks(share)
            .map(|items| scope.spawn(|| items.iter().map(each).collect::<Vec<R>>()))
            .collect();
        handles
            .into_iter()
            .flat_map(|handle| match handle.join() {
                Ok(results) => results,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

const fn role(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::EvalLoss => "eval",
        _ => "train",
    }
}

/// Writes the scores as text.
///
/// # Errors
/// When `out` cannot be written.
pub fn table(backtest: &Backtest, out: &mut impl Write) -> io::Result<()> {
    match &backtest.advice {
        Some(score) => advice_table(score, out)?,
        None => forecast_table(backtest, out)?,
    }
    for (path, reason) in &backtest.left_out {
        writeln!(
            out,
            "left out {}: {}",
            printable(&path.to_string_lossy()),
            printable(reason)
        )?;
    }
    Ok(())
}

fn advice_table(score: &AdviceScore, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:>6}{:>6}{:>9}{:>9}{:>10}{:>8}",
        "at", "runs", "stopped", "wrongly", "expected", "saved"
    )?;
    for stop in &score.stops {
        writeln!(
            out,
            "{:>6}{:>6}{:>9}{:>9}{:>10.2}{:>7.0}%",
            cut_in_words(stop.at),
            stop.runs,
            stop.stopped,
            stop.wrongly,
            stop.expected,
            100.0 * stop.saved
        )?;
    }
    writeln!(
        out,
        "\n{:>14}{:>6}{:>9}{:>11}",
        "chance", "n", "mean", "came true"
    )?;
    for group in &score.chances {
        let range = format!("{:.0} to {:.0}%", 100.0 * group.range.0, 100.0 * group.range.1);
        writeln!(
            out,
            "{range:>14}{:>6}{:>8.1}%{:>10.1}%",
            group.n,
            100.0 * group.chance,
            100.0 * group.came_true
        )?;
    }
    writeln!(
        out,
        "\nruns: those with rivals, at this cut; wrongly: stopped, and would have ended lowest or within the tolerance of it;\n\
         expected: the sum of the chances of the stopped; saved: share of all steps; chance: of ending lowest."
    )
}

fn cut_in_words(at: Option<f64>) -> String {
    at.map_or_else(|| "all".to_owned(), |at| format!("{:.0}%", at * 100.0))
}

fn forecast_table(backtest: &Backtest, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<6}{:>6}{:>6}  {:>8}{:>8}{:>8}  {:>5}{:>5}{:>5}  {:>8}{:>8}  {:>8}{:>14}{:>14}",
        "loss",
        "at",
        "n",
        "mae",
        "median",
        "mean",
        "50%",
        "80%",
        "90%",
        "width80",
        "crps",
        "last",
        "power",
        "plain"
    )?;
    // Where something is off by more than the columns have room for, it does not matter by how much.
    let percent = |share: f64| match 100.0 * share {
        percent if percent > 999.0 => ">999%".to_owned(),
        percent => format!("{percent:.2}%"),
    };
    let times = |ratio: f64| match ratio {
        ratio if ratio > 999.0 => " >999x".to_owned(),
        ratio => format!(" {ratio:.1}x"),
    };
    for summary in summarise(&backtest.cases) {
        let at = cut_in_words(summary.at);
        let cover: String = summary
            .coverage
            .iter()
            .map(|share| format!("{:>5.0}", 100.0 * share))
            .collect();
        let baselines: String = summary
            .baselines
            .iter()
            .map(|baseline| {
                let ratio = baseline.ratio().map_or_else(String::new, times);
                format!("{:>8}{ratio:>6}", percent(baseline.mean_relative))
            })
            .collect();
        writeln!(
            out,
            "{:<6}{at:>6}{:>6}  {:>8.4}{:>8}{:>8}  {cover}  {:>8.4}{:>8.4}  {baselines}",
            role(summary.quantity),
            summary.n,
            summary.mae,
            percent(summary.median_relative),
            percent(summary.mean_relative),
            summary.width80,
            summary.crps,
        )?;
    }
    writeln!(
        out,
        "\nmae, width80, crps in the unit of the loss; median, mean and the baselines (last value, power law in steps,\n\
         plain fit of the paper) as shares of the final loss; 2.0x: a baseline is twice as far off in the cases that\n\
         it answers; 50%, 80%, 90%: share of cases inside that interval."
    )?;
    let without = backtest
        .cases
        .iter()
        .filter(|case| case.forecast.is_err())
        .count();
    if without > 0 {
        writeln!(out, "{without} cases had no forecast.")?;
    }
    Ok(())
}

/// Writes cases and scores as JSON.
///
/// # Errors
/// When `out` cannot be written.
pub fn json(backtest: &Backtest, out: &mut impl Write) -> io::Result<()> {
    let document = json!({
        "schema_version": 1,
        "cases": backtest.cases.iter().map(case_json).collect::<Vec<Value>>(),
        "summary": summarise(&backtest.cases).iter().map(summary_json).collect::<Vec<Value>>(),
        "advice": backtest.advice.as_ref().map(advice_json),
        "left_out": backtest.left_out.iter().map(|(path, reason)| json!({
            "path": printable(&path.to_string_lossy()),
            "reason": printable(reason),
        })).collect::<Vec<Value>>(),
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn advice_json(score: &AdviceScore) -> Value {
    json!({
        "stops": score.stops.iter().map(|stop| json!({
            "at": stop.at,
            "runs": stop.runs,
            "stopped": stop.stopped,
            "wrongly": stop.wrongly,
            "expected": stop.expected,
            "saved": stop.saved,
        })).collect::<Vec<Value>>(),
        "chances": score.chances.iter().map(|group| json!({
            "from": group.range.0,
            "to": group.range.1,
            "n": group.n,
            "mean_chance": group.chance,
            "came_true": group.came_true,
        })).collect::<Vec<Value>>(),
    })
}

fn case_json(case: &Case) -> Value {
    let projected = case.forecast.as_ref().ok();
    let interval = |level: f64| projected.map(|projected| projected.interval(level)).unzip();
    let ((low80, high80), (low90, high90)) = (interval(0.8), interval(0.9));
    json!({
        "run": case.run,
        "path": printable(&case.path.to_string_lossy()),
        "metric": case.quantity.name(),
        "metric_role": role(case.quantity),
        "at": case.at,
        "cut_step": case.cut_step,
        "final_step": case.final_step,
        "forecast": projected.map(|projected| projected.mean()),
        "sd": projected.map(|projected| projected.sd()),
        "low80": low80,
        "high80": high80,
        "low90": low90,
        "high90": high90,
        "forecast_reason": case.forecast.as_ref().err(),
        "actual": case.actual,
        "baselines": {
            "last": case.baselines.last,
            "power": case.baselines.power,
            "plain_fit": case.baselines.plain_fit,
        },
    })
}

fn summary_json(summary: &Summary) -> Value {
    let baselines = |value: fn(&Comparison) -> Value| {
        let [last, power, plain_fit] = summary.baselines.each_ref().map(value);
        json!({"last": last, "power": power, "plain_fit": plain_fit})
    };
    json!({
        "metric_role": role(summary.quantity),
        "at": summary.at,
        "n": summary.n,
        "without_forecast": summary.without_forecast,
        "mae": summary.mae,
        "median_relative_error": summary.median_relative,
        "mean_relative_error": summary.mean_relative,
        "coverage": {"50": summary.coverage[0], "80": summary.coverage[1], "90": summary.coverage[2]},
        "mean_width80": summary.width80,
        "crps": summary.crps,
        "baselines_mean_relative_error": baselines(|baseline| json!(baseline.mean_relative)),
        "baselines_ratio_to_forecast": baselines(|baseline| json!(baseline.ratio())),
    })
}
