//! What comes of beginning the decay now, instead of when it is planned.
//!
//! In the stable phase of a run the rest of its schedule can begin at any time. How much the
//! waiting gains is known far better than where the run ends: most of what is not known of the law
//! moves both ends alike.

use std::sync::Arc;

use super::Task;
use super::scenario::{Scenario, USUAL_DECAY, decayed};
use super::view::View;
use crate::fit::Tabulated;
use crate::law::relaxation::{Standing, standings};
use crate::schedule::{LearningRateCurve, ScheduleSource};

/// A rate that stays within this share of itself is held.
const HELD: f64 = 1e-3;
/// The rate must be held for at least this share of the run still: else the decay begins by itself.
const LEAST_WAIT: f64 = 0.02;
/// A schedule that ends above this share of the rate has no decay worth the name.
const DECAYED: f64 = 0.5;
/// A plan that is less likely than this is no plan to compare with.
const LIKELY: f64 = 0.5;

/// What the law misses of the gain of waiting, as a share of it: four pairs of public runs whose decays of one
/// length begin at different times (124M, peaks of 1e-4 to 1e-3) were off by 2 to 19%.
const MISFIT: f64 = 0.1;

/// A run whose decay begins now, beside the same run as it is planned.
#[derive(Clone, Debug, PartialEq)]
pub struct DecayNow {
    /// Where it would end.
    pub ends: Scenario,
    /// The last step that is planned.
    pub planned_step: u64,
    /// False where nobody has planned the decay: it would begin as decays usually do.
    pub is_planned: bool,
    /// How much lower (nats) the run ends when the decay begins as planned: mean.
    pub gain_of_waiting: f64,
    /// Standard deviation of `gain_of_waiting`.
    pub gain_sd: f64,
    /// The distribution of the gain.
    gain: Arc<Tabulated>,
}

impl DecayNow {
    /// Steps that are saved.
    pub fn saved_steps(&self) -> u64 {
        self.planned_step.saturating_sub(self.ends.at_step)
    }

    /// The probability that waiting gains no more than `least` (nats).
    pub fn chance_of_no_more_than(&self, least: f64) -> f64 {
        self.gain.below(least)
    }
}

impl Task {
    /// What comes of a decay that begins now, where the run is in its stable phase and has one
    /// ahead. Where nobody says when, it would begin as decays usually do.
    pub(super) fn decay_now(&self, view: &View, unforeseen: f64) -> Option<DecayNow> {
        let (now, end) = (self.last_step as f64, self.plan.total_steps? as f64);
        let other: f64 = self.plan.alternatives.iter().map(|(share, _)| share).sum();
        if self.blind() || 1.0 - other < LIKELY {
            return None;
        }
        let usual = || {
            let start = (1.0 - USUAL_DECAY) * end;
            (self.plan.source == ScheduleSource::AssumedConstant && start > now)
                .then(|| decayed(&self.plan.curve, start, end))
        };
        // A rate that was another before is not held for good: restarts, steps, treads of a cosine.
        if !self.plan.curve.was_held_until(now, HELD) {
            return None;
        }
        let is_planned = self.plan.curve.rate(end) <= DECAYED * self.plan.curve.rate(now);
        let planned = if is_planned {
            self.plan.curve.clone()
        } else {
            usual()?
        };
        let start = stable_until(&planned, now, end)?;
        let (at, earlier) = (now + end - start, planned.spliced(now, start, end));
        let (here, early) = two(&earlier, now, at)?;
        let (_, late) = two(&planned, now, end)?;
        let lands = view.seen_from(&here, &early).blurred(unforeseen);
        let gain = view.difference(&early, &late);
        let gain = gain.blurred((MISFIT * gain.mean()).powi(2));
        Some(DecayNow {
            ends: Scenario::new(
                "the decay begins now".to_owned(),
                at.round() as u64,
                &lands,
                self.level,
            ),
            planned_step: end as u64,
            is_planned,
            gain_of_waiting: gain.mean(),
            gain_sd: gain.sd(),
            gain: Arc::new(Tabulated::new(&gain)),
        })
    }
}

/// The step at which the stable phase that a run is in at `now` ends and its decay begins.
fn stable_until(curve: &LearningRateCurve, now: f64, end: f64) -> Option<f64> {
    let start = curve.held_until(now, HELD)?;
    let falls = curve.rate(start + 1.0) < curve.rate(now);
    (falls && start - now >= LEAST_WAIT * end).then_some(start)
}

/// Where a schedule brings a run by two steps.
fn two(curve: &LearningRateCurve, one: f64, other: f64) -> Option<(Standing, Standing)> {
    match standings(curve, &[one, other]).as_slice() {
        [one, other] => Some((*one, *other)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::FitPoint;
    use crate::forecast;
    use crate::law::relaxation::BANDS;
    use crate::schedule::{Plan, RecordedRates};

    /// A run of 1,000 steps that holds its rate for 800 and decays to zero, as seen at `now`.
    fn task(now: u64, decay: impl Fn(u64) -> f64) -> Task {
        let mut rates = RecordedRates::default();
        (0..=1000).for_each(|step| rates.push(step, 1e-3 * decay(step)));
        let curve = rates.curve();
        let steps: Vec<f64> = (10..=now / 10).map(|index| 10.0 * index as f64).collect();
        let seen = standings(&curve, &steps);
        let points = steps.iter().zip(seen).map(|(step, standing)| FitPoint {
            step: *step,
            loss: 3.0 + 4.0 / step.sqrt() - 0.04 * standing.relaxed[2][..BANDS].iter().sum::<f64>(),
            variance: 1e-6,
        });
        let points: Vec<FitPoint> = points.collect();
        Task {
            smoothed: points.last().map_or(3.0, |point| point.loss),
            points,
            companion: Vec::new(),
            low_in_warm_up: None,
            smoothed_sd: 1e-3,
            last_step: now,
            plan: Plan::known(&rates, now, 1000),
            level: 0.8,
            repeats: None,
            sees_data_again: false,
            augmented_share: None,
            siblings: Vec::new(),
        }
    }

    fn found(task: &Task) -> Option<DecayNow> {
        forecast::run(task, task.evidence().as_ref(), None).decay_now
    }

    #[test]
    fn a_decay_that_begins_now_ends_earlier_by_what_was_to_be_waited_and_higher() {
        let decay = |step: u64| {
            if step <= 800 {
                1.0
            } else {
                (1000 - step) as f64 / 200.0
            }
        };
        let decay_now = found(&task(500, decay)).expect("a stable phase");
        assert_eq!((decay_now.ends.at_step, decay_now.saved_steps()), (700, 300));
        let ends = &decay_now.ends;
        assert!(ends.low < ends.final_loss && ends.final_loss < ends.high);
        // Of the power law alone: 4 / sqrt(700) - 4 / sqrt(1000) = .025.
        assert!((0.01..0.05).contains(&decay_now.gain_of_waiting), "{decay_now:?}");
        assert!(decay_now.gain_sd < decay_now.gain_of_waiting);
        assert!(decay_now.chance_of_no_more_than(0.001) < 0.05);
        assert!(decay_now.chance_of_no_more_than(0.2) > 0.95);
    }

    #[test]
    fn a_decay_that_goes_on_or_is_about_to_begin_is_not_begun() {
        let cosine = |step: u64| 0.5 + 0.5 * (std::f64::consts::PI * step as f64 / 1000.0).cos();
        assert_eq!(found(&task(300, cosine)), None);
        let decay = |step: u64| {
            if step <= 800 {
                1.0
            } else {
                (1000 - step) as f64 / 200.0
            }
        };
        assert_eq!(found(&task(790, decay)), None);
        assert_eq!(found(&task(900, decay)), None);
        assert_eq!(found(&task(500, |_| 1.0)), None);
        // A staircase that has come down a tread.
        let stairs = |step: u64| [1.0, 0.8, 0.3, 0.0][(step / 300) as usize];
        assert_eq!(found(&task(400, stairs)), None);
    }
}
