//! What to do with each run: stop it, begin its decay, or let it run.
//!
//! Advice is conditional: a run that others will pass is of no use to who wants the best one, and of
//! much use to who compares. So it says what it rests on, and how sure it is.

use std::sync::Arc;

use super::Options;
use super::entrants::{Entrants, LOSSES};
use crate::forecast::contest::{Entrant, rank, rivals};
use crate::metric::Quantity;
use crate::precision;
use crate::snapshot::{Advice, AdviceKind, Contest, LossView, Prospect, RunView, ScheduleSource, State};
use crate::text::{self, count, probability};

/// Before this share of a run its forecast moves too much to give it up.
const EARLIEST: f64 = 0.2;
/// So little of the run left is not worth stopping it for.
const LEAST_LEFT: f64 = 0.05;
/// How sure it must be that nothing is to be gained.
const SURE: f64 = 0.9;

/// The prospects of runs, which are in the order of their ids.
pub fn prospects(runs: &[Arc<RunView>], entrants: &Entrants, options: &Options) -> Vec<Prospect> {
    let contests = LOSSES.map(|quantity| contests(runs, entrants, quantity, options));
    let prospect = |(place, run): (usize, &Arc<RunView>)| {
        let primary = run.primary().map(|loss| loss.quantity);
        let found = contests
            .iter()
            .filter_map(|contests| contests.get(place)?.clone());
        let (mut own, mut other): (Vec<Contest>, Vec<Contest>) =
            found.partition(|contest| Some(contest.quantity) == primary);
        let contest = own.pop();
        let loss = run.primary().filter(|_| run.state == State::Training);
        let advice = loss.and_then(|loss| advice(run, loss, contest.as_ref(), options));
        Prospect {
            run: run.id.clone(),
            contest,
            other_contest: other.pop(),
            advice,
        }
    };
    runs.iter().enumerate().map(prospect).collect()
}

/// How each of the runs stands for this loss. A run that has stalled will not get to its end, and where all
/// runs have got there nothing is open any more.
fn contests(
    runs: &[Arc<RunView>],
    entrants: &Entrants,
    quantity: Quantity,
    options: &Options,
) -> Vec<Option<Contest>> {
    let can_say = |run: &RunView| {
        let gets_there = matches!(run.state, State::Training | State::Finished);
        gets_there && run.loss(quantity).is_some_and(|loss| knows_its_end(run, loss))
    };
    let entrants_of = runs.iter().zip(entrants.for_loss(quantity));
    let competing: Vec<Option<Entrant>> = entrants_of
        .map(|(run, entrant)| entrant.filter(|_| can_say(run)))
        .collect();
    let goes_on = |place: usize| runs.get(place).is_some_and(|run| run.state == State::Training);
    let contest = |place: usize| {
        let mut all = rivals(&competing, place, &entrants.folders);
        if !goes_on(place) && !all.any(|(rival, _)| goes_on(rival)) {
            return None;
        }
        let rank = rank(
            &competing,
            place,
            &entrants.folders,
            options.config.advice.tolerance,
        )?;
        Some(Contest {
            quantity,
            chance: rank.chance,
            chance_as_good: rank.chance_as_good,
            runs: rank.rivals + 1,
            lower: rank.lower,
            best_rival: runs.get(rank.best)?.id.clone(),
            behind: rank.behind,
        })
    };
    (0..runs.len()).map(contest).collect()
}

/// False while nothing says when the rate of a run will decay: a decay that nobody knows of would take it lower
/// than it is projected to end. So it is where no rates are logged.
fn knows_its_end(run: &RunView, loss: &LossView) -> bool {
    let may_decay = run.schedule_source == ScheduleSource::AssumedConstant && !loss.scenarios.is_empty();
    run.state == State::Finished || run.knows_rates() && !may_decay
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
    let steps = |steps: u64| text::steps(steps, seconds(steps));
    let advice = |kind, probability, saved_steps: u64, message| Advice {
        kind,
        probability,
        saved_steps,
        saved_seconds: seconds(saved_steps),
        message,
    };
    if let Some(contest) = contest.filter(|contest| contest.chance_as_good < stop_below) {
        let message = format!(
            "P {} to match {}, which ends {:.4} lower; saves {}",
            probability(contest.chance_as_good),
            contest.best_rival,
            contest.behind,
            steps(left)
        );
        let sure = 1.0 - contest.chance_as_good;
        return Some(advice(AdviceKind::StopOutclassed, sure, left, message));
    }
    let least = tolerance * loss.smoothed.abs();
    let in_vain = 1.0 - forecast.distribution.below(loss.smoothed - least);
    if in_vain >= SURE && stop_below > 0.0 && knows_its_end(run, loss) {
        let message = format!(
            "what is left gains less than {:.2}%, P {}; saves {}",
            100.0 * tolerance,
            probability(in_vain),
            steps(left)
        );
        return Some(advice(AdviceKind::StopNoGain, in_vain, left, message));
    }
    let decay = loss.decay_now.as_ref()?;
    let in_vain = decay.chance_of_no_more_than(least);
    (in_vain >= SURE).then(|| {
        let planned = if decay.is_planned {
            "the planned one"
        } else {
            "one at the end, as usual,"
        };
        let message = format!(
            "ends at {} by step {}; waiting for {planned} gains {}, P {} that it is nothing; saves {}",
            text::loss(decay.ends.final_loss),
            count(decay.ends.at_step),
            precision::with_interval(decay.gain_of_waiting, decay.gain_sd),
            probability(in_vain),
            steps(decay.saved_steps())
        );
        advice(AdviceKind::DecayNow, in_vain, decay.saved_steps(), message)
    })
}
