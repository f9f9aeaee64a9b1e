//! Pairs of runs whose order now is not their order at the end.

use std::cmp::Ordering;
use std::sync::Arc;

use super::entrants::Entrants;
use super::view::OVER_SECONDS;
use crate::fit::normal::distribution;
use crate::metric::Quantity;
use crate::snapshot::{Crossover, LossView, RunView, State};

/// Differences below this share of the loss are a tie: no seed reproduces closer.
const TIE_SHARE: f64 = 5e-4;

/// All crossovers among the runs: first those of the leaders, the surest first. Runs are
/// compared on the loss that both log, preferring the one that stands for both.
pub fn crossovers(runs: &[Arc<RunView>], entrants: &Entrants, now: f64) -> Vec<Crossover> {
    // How many runs are ahead of each, now and at the end.
    let (mut behind_now, mut behind_at_end) = (vec![0u32; runs.len()], vec![0u32; runs.len()]);
    let mut found = Vec::new();
    for (index, one) in runs.iter().enumerate() {
        for (other_index, other) in runs.iter().enumerate().skip(index + 1) {
            let Some(quantity) = compared_on(one, other) else {
                continue;
            };
            let compete = entrants.compete(quantity, index, other_index);
            let Some(pair) = compete.then(|| Pair::new(one, other, quantity, now)).flatten() else {
                continue;
            };
            behind_now[if pair.now > 0.0 { index } else { other_index }] += 1;
            behind_at_end[if pair.end > 0.0 { index } else { other_index }] += 1;
            if let Some(probability) = pair.crosses() {
                let (now, end) = if pair.now < 0.0 {
                    (index, other_index)
                } else {
                    (other_index, index)
                };
                found.push((now, end, pair, probability));
            }
        }
    }
    let mut crossovers: Vec<Crossover> = found
        .into_iter()
        .map(|(now, end, pair, probability)| Crossover {
            ahead_now: runs[now].id.clone(),
            ahead_at_end: runs[end].id.clone(),
            quantity: pair.one.quantity,
            at_step: crossing(pair.one, pair.other, pair.step, pair.now),
            probability,
            gap: pair.end.abs(),
            of_a_leader: behind_now[now] == 0 || behind_at_end[end] == 0,
            passes_a_leader: behind_now[now] == 0,
        })
        .collect();
    crossovers.sort_by(|one, other| {
        let surest = other.probability.total_cmp(&one.probability);
        other.of_a_leader.cmp(&one.of_a_leader).then(surest)
    });
    crossovers
}

/// The loss that both runs log, if possible one that stands for a run.
fn compared_on(one: &RunView, other: &RunView) -> Option<Quantity> {
    let stands_for = |run: &RunView| run.primary().map(|loss| loss.quantity);
    let is_logged = |quantity: &Quantity| one.loss(*quantity).is_some() && other.loss(*quantity).is_some();
    let mut of_either = [stands_for(one), stands_for(other)].into_iter().flatten();
    of_either.find(is_logged)
}

/// Two runs that compete.
struct Pair<'a> {
    one: &'a LossView,
    other: &'a LossView,
    /// The last step that both have reached.
    step: f64,
    /// How much higher the first one is there.
    now: f64,
    /// The same at the end.
    end: f64,
    /// Neither can pass the other any more.
    over: bool,
}

impl Pair<'_> {
    fn new<'a>(one: &'a RunView, other: &'a RunView, quantity: Quantity, now: f64) -> Option<Pair<'a>> {
        let (one_loss, other_loss) = (one.loss(quantity)?, other.loss(quantity)?);
        let (one_end, other_end) = (one_loss.forecast.as_ref()?, other_loss.forecast.as_ref()?);
        let step = one.step.min(other.step) as f64;
        Some(Pair {
            one: one_loss,
            other: other_loss,
            step,
            now: value_at(one_loss, step)? - value_at(other_loss, step)?,
            end: one_end.final_loss - other_end.final_loss,
            over: is_over(one, now) && is_over(other, now),
        })
    }

    /// How sure it is that the order changes, if it is projected to.
    fn crosses(&self) -> Option<f64> {
        let (one, other) = (self.one.forecast.as_ref()?, self.other.forecast.as_ref()?);
        let tie = TIE_SHARE * one.final_loss.abs();
        let (now, end) = (self.now, self.end);
        if self.over || now.abs() < tie || end.abs() < tie || (now > 0.0) == (end > 0.0) {
            return None;
        }
        let sd = one.sd.hypot(other.sd).max(1e-9);
        Some(distribution(end.abs() / sd))
    }
}

fn is_over(run: &RunView, now: f64) -> bool {
    match run.state {
        State::Training => false,
        State::Stalled => now - run.last_data_at > OVER_SECONDS,
        State::Finished | State::Diverged => true,
    }
}

/// The loss of a run at a step: its own curve where it has been, else its projection.
fn value_at(loss: &LossView, step: f64) -> Option<f64> {
    let ahead = &loss.curve.projection;
    if ahead.first().is_some_and(|first| step >= first.step) {
        return interpolate(ahead, |point| (point.step, point.mean), step);
    }
    interpolate(&loss.curve.fitted, |point| *point, step)
        .or_else(|| loss.smoothed.is_finite().then_some(loss.smoothed))
}

fn interpolate<Point>(points: &[Point], place: impl Fn(&Point) -> (f64, f64), step: f64) -> Option<f64> {
    let after = points.partition_point(|point| place(point).0 < step);
    let (right_step, right) = place(points.get(after).or(points.last())?);
    let (left_step, left) = place(points.get(after.saturating_sub(1))?);
    if right_step <= left_step {
        return Some(right);
    }
    let share = ((step - left_step) / (right_step - left_step)).clamp(0.0, 1.0);
    Some(left + share * (right - left))
}

/// First step after `from` at which the difference changes its sign. Curves are straight
/// between their points, so only those need to be looked at.
fn crossing(one: &LossView, other: &LossView, from: f64, now: f64) -> Option<u64> {
    let end = |loss: &LossView| {
        loss.forecast
            .as_ref()
            .map_or(from, |forecast| forecast.at_step as f64)
    };
    let last = end(one).min(end(other));
    let mut steps: Vec<f64> = [one, other]
        .iter()
        .flat_map(|loss| &loss.curve.projection)
        .map(|point| point.step)
        .filter(|step| *step > from && *step < last)
        .chain([last])
        .collect();
    steps.sort_unstable_by(f64::total_cmp);
    let (mut before, mut difference_before) = (from, now);
    for step in steps {
        let difference = value_at(one, step)? - value_at(other, step)?;
        if difference.total_cmp(&0.0) == opposite(now) {
            let share = difference_before / (difference_before - difference);
            return Some((before + share * (step - before)).round() as u64);
        }
        (before, difference_before) = (step, difference);
    }
    None
}

fn opposite(sign: f64) -> Ordering {
    if sign > 0.0 {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}
