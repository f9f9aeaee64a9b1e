//! What to do with each run: stop it, begin its decay, or let it run.
//!
//! Advice is conditional: a run that others will pass is of no use to who wants the best one, and of
//! much use to who compares. So it says what it rests on, and how sure it is. The ends of the runs count as
//! independent: what the law misses moves siblings alike, so the chances are nearer to equal here
//! than they really are, and fewer runs are given up.

use std::sync::Arc;

use super::Options;
use super::crossover::is_over;
use crate::fit::tabulated::chance_of_lowest;
use crate::forecast::Forecast;
use crate::forecast::contest::{Entrant, Folders};
use crate::snapshot::{Advice, AdviceKind, Contest, LossView, Prospect, RunView, ScheduleSource, State};
use crate::text::{self, count, duration};

/// Before this share of a run its forecast moves too much to give it up.
const EARLIEST: f64 = 0.2;
/// So little of the run left is not worth stopping it for.
const LEAST_LEFT: f64 = 0.05;
/// How sure it must be that nothing is to be gained.
const SURE: f64 = 0.9;

/// The prospects of runs, which are in the order of their ids.
pub fn prospects(runs: &[Arc<RunView>], options: &Options, now: f64) -> Vec<Prospect> {
    let folders = Folders::of(runs.iter().map(|run| run.id.as_str()));
    let cohorts: Vec<Option<String>> = runs
        .iter()
        .map(|run| options.config.of_run(&run.id, |section| section.cohort.clone()))
        .collect();
    let prospect = |(index, run): (usize, &Arc<RunView>)| {
        let goes_on = !is_over(run, now);
        let contest = run
            .primary()
            .filter(|_| goes_on)
            .and_then(|loss| contest(runs, index, loss, &folders, &cohorts, options, now));
        let advice = run
            .primary()
            .filter(|_| goes_on)
            .and_then(|loss| advice(run, loss, contest.as_ref(), options));
        Prospect {
            run: run.id.clone(),
            contest,
            advice,
        }
    };
    runs.iter().enumerate().map(prospect).collect()
}

/// False while a run holds its rate and nothing says when it will decay: a decay that nobody knows of would
/// take it lower than it is projected to end.
fn knows_its_end(run: &RunView, loss: &LossView) -> bool {
    let may_decay = run.schedule_source == ScheduleSource::AssumedConstant && !loss.scenarios.is_empty();
    !(run.knows_rates() && may_decay)
}

/// How a run stands among its rivals, by this loss.
fn contest(
    runs: &[Arc<RunView>],
    index: usize,
    loss: &LossView,
    folders: &Folders,
    cohorts: &[Option<String>],
    options: &Options,
    now: f64,
) -> Option<Contest> {
    let of = |index: usize| -> Option<(Entrant, &Forecast)> {
        let run = runs.get(index)?;
        let loss = run.loss(loss.quantity).filter(|loss| knows_its_end(run, loss))?;
        let forecast = loss
            .forecast
            .as_ref()
            .filter(|forecast| forecast.final_loss.is_finite())?;
        let entrant = Entrant {
            id: &run.id,
            cohort: cohorts.get(index)?.as_deref(),
            first_loss: loss.curve.points.first()?.max,
            loss: loss.smoothed,
            end: forecast.at_step,
        };
        Some((entrant, forecast))
    };
    // A run that died on its way will not reach its end.
    let arrives = |run: &RunView| run.state == State::Finished || !is_over(run, now);
    let (own, end) = of(index)?;
    let rivals: Vec<(&str, &Forecast)> = (0..runs.len())
        .filter(|other| *other != index && runs.get(*other).is_some_and(|run| arrives(run)))
        .filter_map(of)
        .filter(|(rival, _)| folders.compete(&own, rival))
        .map(|(rival, forecast)| (rival.id, forecast))
        .collect();
    let (best_rival, best) = rivals
        .iter()
        .min_by(|(_, one), (_, other)| one.final_loss.total_cmp(&other.final_loss))?;
    let margin = options.config.advice.tolerance * best.final_loss.abs();
    let ends: Vec<_> = rivals
        .iter()
        .map(|(_, rival)| rival.distribution.as_ref())
        .collect();
    Some(Contest {
        chance: chance_of_lowest(&end.distribution, &ends, 0.0),
        chance_as_good: chance_of_lowest(&end.distribution, &ends, margin),
        runs: rivals.len() + 1,
        best_rival: (*best_rival).to_owned(),
        behind: end.final_loss - best.final_loss,
    })
}

/// What to do with a run that goes on.
fn advice(run: &RunView, loss: &LossView, contest: Option<&Contest>, options: &Options) -> Option<Advice> {
    let forecast = loss.forecast.as_ref()?;
    let (progress, total) = (run.progress()?, run.total_steps?);
    let left = total.saturating_sub(run.step);
    if progress < EARLIEST || 1.0 - progress < LEAST_LEFT {
        return None;
    }
    let (stop_below, tolerance) = (options.config.advice.stop_below, options.config.advice.tolerance);
    let seconds = |steps: u64| run.seconds_per_step.map(|pace| pace * steps as f64);
    let saves = |steps: u64| match seconds(steps) {
        Some(seconds) => format!("{} steps ({})", count(steps), duration(seconds)),
        None => format!("{} steps", count(steps)),
    };
    let advice = |kind, probability, saved_steps: u64, message| Advice {
        kind,
        probability,
        saved_steps,
        saved_seconds: seconds(saved_steps),
        message,
    };
    if let Some(contest) = contest.filter(|contest| contest.chance_as_good < stop_below) {
        let message = format!(
            "ends lowest of {}, or nearly so, with P {}; stopping saves {}; {} is projected to end {} lower",
            contest.runs,
            probability(contest.chance_as_good),
            saves(left),
            contest.best_rival,
            text::loss(contest.behind),
        );
        return Some(advice(
            AdviceKind::StopOutclassed,
            1.0 - contest.chance_as_good,
            left,
            message,
        ));
    }
    let least = tolerance * loss.smoothed.abs();
    let in_vain = 1.0 - forecast.distribution.below(loss.smoothed - least);
    if in_vain >= SURE && knows_its_end(run, loss) {
        let message = format!(
            "stopping saves {}, which gain no more than {:.2}% of the loss with P {}",
            saves(left),
            100.0 * tolerance,
            probability(in_vain)
        );
        return Some(advice(AdviceKind::StopNoGain, in_vain, left, message));
    }
    let decay = loss.decay_now.as_ref()?;
    let in_vain = decay.chance_of_no_more_than(least);
    (in_vain >= SURE).then(|| {
        let message = format!(
            "a decay that begins now ends at {:.4} by step {}; waiting for the planned one gains {:.4} ±{:.4} and takes {} more",
            decay.final_loss,
            count(decay.at_step),
            decay.gain_of_waiting,
            decay.gain_sd,
            saves(decay.saved_steps())
        );
        advice(AdviceKind::DecayNow, in_vain, decay.saved_steps(), message)
    })
}

/// A probability with the digits that tell.
fn probability(value: f64) -> String {
    if value < 0.001 {
        "<0.001".to_owned()
    } else {
        format!("{value:.3}")
    }
}
