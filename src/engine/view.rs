//! The picture of one run, as the screen and the reports see it.

use std::sync::Arc;

use super::Options;
use super::fitting::LossFit;
use crate::alert::{Alert, FAILURE, SCHEDULE, STALL, Severity};
use crate::forecast::Outcome;
use crate::metric::{Quantity, Role};
use crate::run::series::Bucket;
use crate::run::{Run, SIGNALS};
use crate::schedule::Plan;
use crate::snapshot::{Curve, LogView, LossView, Problem, RunView, ScheduleSource, Signals, State};
use crate::source::packed::is_named_packed;
use crate::text::duration;

/// A run is stalled after this many of its usual intervals between records...
const STALL_INTERVALS: f64 = 10.0;
/// ...but not before this many seconds: evaluations and checkpoints take their time.
const LEAST_STALL_SECONDS: f64 = 300.0;
/// ...nor before this many when the log does not tell how fast the run goes.
const STALL_SECONDS_WITHOUT_PACE: f64 = 1800.0;
/// It is silent after as many intervals, but not before this many seconds: writers hold records back.
const LEAST_SILENCE: f64 = 60.0;
/// Silence that is critical in a run whose end and pace are known.
const CRITICAL_STALL_SECONDS: f64 = 1800.0;
/// Silence after which a run without a planned end counts as over.
pub(super) const OVER_SECONDS: f64 = 24.0 * 3600.0;

/// Where a planned number of steps comes from that nothing states...
const INFERRED: &str = "inferred from the learning rate";
/// ...and how far it may be off, once nothing more comes.
const INFERRED_SLACK: f64 = 0.005;

/// A run that is done before this share of its planned steps has ended early.
const EARLY: f64 = 0.9;

/// Planned number of steps and where it comes from.
fn total_steps(run: &Run, plan: Option<&Plan>, options: &Options) -> (Option<u64>, &'static str) {
    let declared = options.total_steps_of(&run.identity.id);
    match (
        declared,
        run.logged_total_steps(),
        plan.and_then(|plan| plan.total_steps),
    ) {
        (Some(total), _, _) => (Some(total), "declared"),
        (_, Some(total), _) => (Some(total), "logged"),
        (_, _, Some(total)) => (Some(total), INFERRED),
        _ => (None, "unknown"),
    }
}

fn plan(fits: &[LossFit]) -> Option<&Plan> {
    fits.iter().find_map(|fit| fit.plan.as_ref())
}

/// When the newest record was written.
pub(super) fn last_data_at(run: &Run, modified: f64, arrived: Option<f64>, now: f64) -> f64 {
    let logged = run
        .branch
        .pace
        .last_wall_time()
        .filter(|time| *time <= now + 60.0)
        .unwrap_or(modified);
    arrived.map_or(logged, |arrived| arrived.max(logged))
}

/// What the run is doing, and why we think so.
pub(super) fn state(
    run: &Run,
    fits: &[LossFit],
    options: &Options,
    last_data_at: f64,
    now: f64,
) -> (State, String) {
    let (total, source) = total_steps(run, plan(fits), options);
    if let Some(alert) = run.divergence() {
        return (State::Diverged, alert.message.clone());
    }
    let (limit, usual) = silence_limit(run);
    let quiet = now - last_data_at;
    let slack = if source == INFERRED && quiet > limit {
        INFERRED_SLACK
    } else {
        0.0
    };
    if let Some(total) = total
        && has_reached(run, total as f64 * (1.0 - slack))
    {
        return (
            State::Finished,
            format!("reached step {} of {total}", run.last_step()),
        );
    }
    if run.says_it_is_done() {
        let last = run.last_step();
        // Some clients write the same of whatever has ended without an error.
        let early = total.filter(|total| source != INFERRED && (last as f64) < EARLY * *total as f64);
        let message = match early {
            Some(total) => {
                format!("done at step {last}, long before its planned end at {total}, says its log")
            }
            None => format!("done at step {last}, says its log"),
        };
        return (State::Finished, message);
    }
    if quiet > limit {
        if let Some(failure) = run.branch.alerts.open(FAILURE) {
            return (State::Stalled, failure.message.clone());
        }
        if let Some(what) = run.branch.last_words {
            return (State::Stalled, format!("{what}, and no record has come since"));
        }
    }
    // What is about to be inferred from the rates may say that the run is over.
    if !fits.is_empty() && plan(fits).is_none() && has_points(run) {
        return (State::Training, "its log has just been read".to_owned());
    }
    if total.is_none() {
        if run.branch.rates.has_run_out() {
            return (State::Finished, "the learning rate has run out".to_owned());
        }
        if is_named_packed(&run.identity.path) {
            return (State::Finished, "its log has been compressed".to_owned());
        }
        if quiet > OVER_SECONDS.max(limit) {
            return (
                State::Finished,
                "silent for more than a day, with no planned end".to_owned(),
            );
        }
    }
    if quiet > limit {
        let ended = if total.is_none() {
            "; it may have ended, its planned length is unknown"
        } else {
            ""
        };
        let usually = usual.map_or_else(String::new, |usual| {
            format!(", usually every {}", duration(usual))
        });
        let message = format!("no new record for {}{usually}{ended}", duration(quiet));
        return (State::Stalled, message);
    }
    let reason = if is_silent(run, quiet) {
        "no record has come for longer than usual"
    } else {
        "records keep coming"
    };
    (State::Training, reason.to_owned())
}

/// True after so many seconds without a record that the run may no longer go at its pace.
fn is_silent(run: &Run, quiet: f64) -> bool {
    let (_, usual) = silence_limit(run);
    let limit = usual.map_or(LEAST_STALL_SECONDS, |usual| {
        LEAST_SILENCE.max(STALL_INTERVALS * usual)
    });
    quiet > limit
}

/// The same, while the run counts as training.
pub(super) fn is_silent_in(run: &Run, state: State, quiet: f64) -> bool {
    state == State::Training && is_silent(run, quiet)
}

/// True for a run with something to fit.
fn has_points(run: &Run) -> bool {
    let mut series = run.losses().into_iter().filter_map(|loss| run.series(loss));
    series.any(|series| series.points() > series.non_finite())
}

/// True when the next record of a run would lie beyond its end: where steps count from 0 the last
/// one is not the number of them, but it is where they are seen to count from 1.
fn has_reached(run: &Run, total: f64) -> bool {
    let last = run.last_step() as f64;
    let next = last + steps_between_records(run);
    let at_last = if run.first_step() == Some(1) {
        last
    } else {
        last + 1.0
    };
    at_last >= total || next > total || run.first_step() == Some(0) && next >= total
}

fn steps_between_records(run: &Run) -> f64 {
    let losses = run.branch.steps_between_losses().unwrap_or(1.0);
    run.branch.pace.steps_between_records().max(losses)
}

/// Seconds of silence after which a run is stalled, and the usual seconds between records.
fn silence_limit(run: &Run) -> (f64, Option<f64>) {
    let pace = &run.branch.pace;
    // What is buffered comes all at once.
    let steps = steps_between_records(run).max(pace.steps_between_arrivals());
    let usual = pace.seconds_per_step().map(|pace| pace * steps);
    let limit = usual.map_or(STALL_SECONDS_WITHOUT_PACE, |usual| {
        LEAST_STALL_SECONDS.max(STALL_INTERVALS * usual)
    });
    (limit, usual)
}

/// The stall that a live watcher raises some time after the last record of a log that ends
/// like this; `None` where it calls the run finished or lost.
pub fn silent_end(run: &Run) -> Option<Alert> {
    let (limit, _) = silence_limit(run);
    let quiet = limit + 1.0;
    let (state, reason) = state(run, &[], &Options::default(), 0.0, quiet);
    if state != State::Stalled {
        return None;
    }
    stall(run, quiet, run.logged_total_steps().is_some(), &reason)
}

pub(super) fn build(
    run: &Run,
    fits: &[LossFit],
    options: &Options,
    last_data_at: f64,
    now: f64,
    (state, state_reason): (State, String),
) -> RunView {
    let plan = plan(fits);
    let (total, total_source) = total_steps(run, plan, options);
    let end = match state {
        State::Diverged => End::Lost,
        // Silence alone is no end that is sure.
        State::Finished if total.is_some() || run.says_it_is_done() => End::Reached,
        State::Finished => End::Unsure,
        _ => End::Ahead,
    };
    let losses: Vec<LossView> = run
        .losses()
        .into_iter()
        .filter_map(|quantity| loss_view(run, quantity, fits, end))
        .collect();
    let primary = options
        .metric
        .and_then(|wanted| losses.iter().position(|loss| loss.quantity == wanted))
        .unwrap_or(0);
    let pace = run.branch.pace.seconds_per_step();
    let remaining = total.map(|total| total.saturating_sub(run.last_step()) as f64);
    let is_training = state == State::Training;
    let silent = is_silent_in(run, state, now - last_data_at);
    let mut alerts = run.branch.alerts.all().to_vec();
    if state == State::Stalled {
        alerts.extend(stall(run, now - last_data_at, total.is_some(), &state_reason));
    }
    alerts.extend(contradiction(run, options, total));
    RunView {
        id: run.identity.id.clone(),
        path: run.identity.path.clone(),
        format: run.identity.format,
        state,
        state_reason,
        step: run.last_step(),
        silent,
        total_steps: total,
        total_steps_source: total_source,
        eta_seconds: remaining
            .zip(pace)
            .filter(|_| is_training && !silent)
            .map(|(steps, pace)| steps * pace),
        seconds_per_step: pace,
        tokens_per_step: run.tokens_per_step(),
        last_data_at,
        learning_rate: run.branch.rates.last_rate(),
        peak_learning_rate: run.branch.rates.peak(),
        schedule_source: plan.map_or(ScheduleSource::AssumedConstant, |plan| plan.source),
        schedule: plan.map_or_else(String::new, |plan| plan.description.clone()),
        losses,
        primary,
        alerts,
        skipped_lines: run.lines.skipped,
        segments: run.segments(),
        earlier_trainings: run.branch.earlier_trainings,
        signals: Arc::new(signals(run, plan)),
    }
}

const STALL_REMEDY: &str = "Look at the job and its stderr: a hung collective (NCCL timeout), a dead node, a full disk or the \
                            end of its time limit.";

/// The alert of a run that is stalled; `None` where its death has been told.
fn stall(run: &Run, quiet: f64, end_is_known: bool, message: &str) -> Option<Alert> {
    if run.branch.alerts.open(FAILURE).is_some() {
        return None;
    }
    let severity =
        if quiet > CRITICAL_STALL_SECONDS && end_is_known && run.branch.pace.seconds_per_step().is_some() {
            Severity::Critical
        } else {
            Severity::Warning
        };
    let message = format!("At step {}: {message}", run.last_step());
    let alert = Alert::at(run.last_step(), STALL, severity).value(quiet, LEAST_STALL_SECONDS);
    Some(alert.says(message, STALL_REMEDY))
}

const SCHEDULE_REMEDY: &str =
    "Correct the declared schedule, or leave it out: what is logged tells of itself.";

/// The alert of a declared schedule that is not that of the log.
fn contradiction(run: &Run, options: &Options, total: Option<u64>) -> Option<Alert> {
    let declared = options.schedule_of(&run.identity.id)?;
    let found = Plan::contradicted(declared, &run.branch.rates, total)?;
    let message = format!(
        "Declared: {declared}, but the logged learning rate at step {} is {:.1e}, which would be {:.1e}",
        found.step, found.logged, found.declared
    );
    // The step by which it is known stays the same as the run goes on.
    let alert = Alert::at(found.since, SCHEDULE, Severity::Warning).value(found.logged, found.declared);
    Some(alert.says(message, SCHEDULE_REMEDY))
}

/// Where the end of a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It lies ahead, or may.
    Ahead,
    /// The run stands there, it seems, but may go on.
    Unsure,
    /// The run stands there.
    Reached,
    /// There is none worth a forecast.
    Lost,
}

fn loss_view(run: &Run, quantity: Quantity, fits: &[LossFit], end: End) -> Option<LossView> {
    let series = run.series(quantity)?;
    let empty = Outcome::default();
    let fit = fits.iter().find(|fit| fit.quantity == quantity);
    let outcome = fit.and_then(|fit| fit.outcome.as_ref()).unwrap_or(&empty);
    let (forecast, reason) = match end {
        End::Ahead | End::Unsure => (&outcome.forecast, outcome.reason.as_str()),
        End::Reached => (&outcome.reached, ""),
        End::Lost => (&None, "diverged"),
    };
    let forecast_reason = match forecast {
        Some(_) => String::new(),
        None if reason.is_empty() => "not fitted yet".to_owned(),
        None => reason.to_owned(),
    };
    Some(LossView {
        quantity,
        last: series.last_value(),
        smoothed: series.recent_mean(),
        points: series.points(),
        forecast: forecast.clone(),
        forecast_reason,
        scenarios: if end == End::Ahead {
            outcome.scenarios.clone()
        } else {
            Vec::new()
        },
        decay_now: outcome.decay_now.clone().filter(|_| end == End::Ahead),
        // What has diverged follows no law.
        law: outcome.law.filter(|_| end != End::Lost),
        curve: Arc::new(Curve {
            points: series.buckets().iter().map(Bucket::curve_point).collect(),
            superseded: series.superseded().iter().map(Bucket::curve_point).collect(),
            fitted: if end == End::Lost {
                Vec::new()
            } else {
                outcome.fitted.clone()
            },
            projection: if matches!(end, End::Ahead | End::Unsure) {
                outcome.projection.clone()
            } else {
                Vec::new()
            },
        }),
    })
}

fn signals(run: &Run, plan: Option<&Plan>) -> Signals {
    Signals {
        learning_rate: run.branch.rates.steps_and_rates(),
        planned_learning_rate: plan.map_or_else(Vec::new, |plan| plan.future.clone()),
        others: SIGNALS
            .into_iter()
            .filter_map(|quantity| {
                let buckets = run.series(quantity)?.buckets();
                Some((quantity, buckets.iter().map(Bucket::curve_point).collect()))
            })
            .collect(),
    }
}

/// The account of a log.
pub(super) fn log(run: &Run, leads: bool, last_data_at: f64) -> LogView {
    let in_use = |column: &crate::format::Column| Some((column.name.clone(), column.role?.name()));
    LogView {
        path: run.identity.path.clone(),
        run: run.identity.id.clone(),
        leads,
        format: run.identity.format,
        step: run.last_step(),
        lines: run.lines.lines,
        earlier_trainings: run.branch.earlier_trainings,
        skipped: run.lines.skipped,
        first_skipped: run.lines.bad_lines.first().map(|bad| match bad.line {
            0 => bad.reason.clone(),
            number => format!("line {number}: {}", bad.reason),
        }),
        last_data_at,
        removed_at: None,
        columns: run.columns.iter().filter_map(in_use).collect(),
    }
}

/// A file whose format was recognised but which has no loss.
pub(super) fn without_loss(run: &Run) -> Option<Problem> {
    if !run.losses().is_empty() || run.lines.lines == 0 {
        return None;
    }
    let names: Vec<&str> = run
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .take(12)
        .collect();
    let read = format!("read as {}, but ", run.identity.format);
    let mut roles = run.columns.iter().filter_map(|column| column.role);
    let bad = run.lines.bad_lines.first();
    let message = if roles.any(Role::is_loss) {
        // Such is every table before the end of the first epoch.
        let skipped = bad.map_or(String::new(), |bad| {
            format!(": {} skipped, the first for {}", run.lines.skipped, bad.reason)
        });
        format!("no rows with a loss yet{skipped}")
    } else if names.is_empty() {
        read + "it holds no metric so far"
    } else {
        let names = crate::text::printable(&names.join(", "));
        let skipped = bad.map_or(String::new(), |bad| format!("; skipped: {}", bad.reason));
        format!("{read}no loss was found among: {names}. Name it with --loss NAME{skipped}")
    };
    Some(Problem {
        path: run.identity.path.clone(),
        message,
    })
}
