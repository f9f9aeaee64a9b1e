//! What to do with each run: stop it, begin its decay, or let it run.
//!
//! Advice is conditional: a run that others will pass is of no use to who wants the best one, and of
//! much use to who compares. So it says what it rests on, and how sure it is.

use std::sync::Arc;

use super::Options;
use crate::forecast::contest::{Entrant, Folders, rank};
use crate::snapshot::{Advice, AdviceKind, Contest, LossView, Prospect, RunView, ScheduleSource, State};
use crate::text::{self, count, probability};

/// Before this share of a run its forecast moves too much to give it up.
const EARLIEST: f64 = 0.2;
/// So little of the run left is not worth stopping it for.
const LEAST_LEFT: f64 = 0.05;
/// How sure it must be that nothing is to be gained.
const SURE: f64 = 0.9;

/// The prospects of runs, which are in the order of their ids.
pub fn prospects(runs: &[Arc<RunView>], options: &Options) -> Vec<Prospect> {
    let folders = Folders::of(runs.iter().map(|run| run.id.as_str()));
    let entrants: Vec<Option<Entrant>> = runs.iter().map(|run| entrant(run, options)).collect();
    let prospect = |(place, run): (usize, &Arc<RunView>)| {
        let goes_on = run.state == State::Training;
        let rank = goes_on
            .then(|| rank(&entrants, place, &folders, options.config.advice.tolerance))
            .flatten();
        let contest = rank.and_then(|rank| {
            Some(Contest {
                chance: rank.chance,
                chance_as_good: rank.chance_as_good,
                runs: rank.rivals + 1,
                best_rival: runs.get(rank.best)?.id.clone(),
                behind: rank.behind,
            })
        });
        let loss = run.primary().filter(|_| goes_on);
        let advice = loss.and_then(|loss| advice(run, loss, contest.as_ref(), options));
        Prospect {
            run: run.id.clone(),
            contest,
            advice,
        }
    };
    runs.iter().enumerate().map(prospect).collect()
}

/// A run as one that competes; `None` where nobody can say where it will end. A run that has stalled
/// will not get there.
fn entrant<'a>(run: &'a RunView, options: &'a Options) -> Option<Entrant<'a>> {
    let loss = run.primary().filter(|loss| knows_its_end(run, loss))?;
    let forecast = loss.forecast.as_ref()?;
    (forecast.final_loss.is_finite() && matches!(run.state, State::Training | State::Finished))
        .then_some(())?;
    Some(Entrant {
        id: &run.id,
        cohort: options
            .config
            .of_run(&run.id, |section| section.cohort.as_deref()),
        quantity: loss.quantity,
        first_loss: loss.curve.points.first()?.max,
        loss: loss.smoothed,
        end: forecast.at_step,
        final_loss: forecast.final_loss,
        distribution: &forecast.distribution,
    })
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
            "ends at {} by step {}; waiting for {planned} gains {:.4} ±{:.4}, P {} that it is nothing; saves {}",
            text::loss(decay.ends.final_loss),
            count(decay.ends.at_step),
            decay.gain_of_waiting,
            decay.gain_sd,
            probability(in_vain),
            steps(decay.saved_steps())
        );
        advice(AdviceKind::DecayNow, in_vain, decay.saved_steps(), message)
    })
}
