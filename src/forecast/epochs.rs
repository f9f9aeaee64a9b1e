//! What a train loss does at the ends of the epochs to come.

use super::Task;
use crate::law::repeats::{HABITS, Repeats};

/// From where a run is forecast.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// The step.
    pub step: f64,
    /// The loss there.
    pub level: f64,
}

impl Task {
    /// The epochs of the run, and the loss in the beginning, where its points up to a step show what it does at the
    /// ends of epochs: where they passed one, and are many for each.
    pub(super) fn steps_seen(&self, step: f64) -> Option<(Repeats, f64)> {
        const LEAST_PER_EPOCH: f64 = 8.0;
        let (epochs, first) = (self.repeats?, self.points.first()?);
        let points = self.points.partition_point(|point| point.step <= step) as f64;
        let passed =
            epochs.any(first.step, step) && points >= LEAST_PER_EPOCH * (step - first.step) * epochs.per_step;
        passed.then_some((epochs, first.loss))
    }

    /// What the loss may do at the ends of epochs to come up to a step, seen from `now`, where none has shown it: how
    /// likely, how far down (nats), and with which variance. `None` when the first is behind, or beyond.
    pub(super) fn first_steps(&self, now: Now, step: f64) -> Option<[(f64, f64, f64); HABITS.len()]> {
        let epochs = self.repeats?;
        if epochs.any(0.0, now.step) || !epochs.any(now.step, step) {
            return None;
        }
        let (level, steps) = (now.level.abs(), epochs.to_come(now.step, step));
        Some(HABITS.map(|habit| {
            let left = (1.0 - habit.step).powf(steps);
            let sd = habit.sd * steps * left / (1.0 - habit.step) * level;
            (habit.probability, (1.0 - left) * level, sd * sd)
        }))
    }

    /// How far the loss falls at the ends of epochs between `now` and a step, beyond what the law has of it (nats):
    /// mean and variance. `step_seen` is the first step that the run has made, where it has.
    pub(super) fn at_ends_of_epochs(&self, now: Now, step: f64, step_seen: Option<f64>) -> (f64, f64) {
        if let Some(habits) = self.first_steps(now, step) {
            let mean: f64 = habits.iter().map(|(share, fall, _)| share * fall).sum();
            let square =
                |(share, fall, variance): &(f64, f64, f64)| share * (variance + (fall - mean).powi(2));
            return (mean, habits.iter().map(square).sum());
        }
        let first = step_seen.unwrap_or(0.0);
        let Some(epochs) = self.repeats.filter(|_| step > now.step) else {
            return (0.0, 0.0);
        };
        let (fall, variance) = epochs.fall(now.level, first, now.step, step);
        let foreseen = first * epochs.to_come(now.step, step);
        (fall - foreseen, variance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::FitPoint;
    use crate::forecast::{self, Forecast};
    use crate::schedule::{Plan, RecordedRates};

    /// The forecast of a run of 3,000 steps and three epochs at a constant rate, seen at `now`, whose train loss steps
    /// down by `step` (nats) where an epoch ends, and where it will be.
    fn forecast(now: u64, step: f64, repeats: Option<Repeats>) -> (Forecast, f64) {
        let mut rates = RecordedRates::default();
        (0..=3000).for_each(|step| rates.push(step, 1e-4));
        let epochs = |at: f64| (at / 1000.0).ceil() - 1.0;
        let loss = |at: f64| 1.5 + 4.0 / at.sqrt() - step * epochs(at);
        let points: Vec<FitPoint> = (10..=now / 20)
            .map(|index| FitPoint {
                step: 20.0 * index as f64,
                loss: loss(20.0 * index as f64),
                variance: 1e-6,
            })
            .collect();
        let task = Task {
            smoothed: points.last().map_or(1.5, |point| point.loss),
            points,
            companion: Vec::new(),
            low_in_warm_up: None,
            smoothed_sd: 1e-3,
            last_step: now,
            plan: Plan::known(&rates, now, 3000),
            level: 0.8,
            repeats,
            sees_data_again: false,
            augmented_share: None,
            siblings: Vec::new(),
        };
        let outcome = forecast::run(&task, task.evidence().as_ref(), None);
        let end = outcome.projection.last().expect("a projection").mean;
        let found = outcome.forecast.expect("a forecast");
        assert!((end - found.final_loss).abs() < 0.1 * found.sd, "{end} {found:?}");
        (found, loss(3000.0))
    }

    const EPOCHS: Option<Repeats> = Some(Repeats { per_step: 1e-3 });

    #[test]
    fn a_run_that_stepped_down_at_the_end_of_an_epoch_will_at_the_next() {
        let (found, end) = forecast(1600, 0.3, EPOCHS);
        assert!((found.final_loss - end).abs() < 0.05, "{end} {found:?}");
        assert!(found.low < end && end < found.high && found.high - found.low < 0.5);
        // What has shown no step is expected to make none.
        let (found, end) = forecast(1600, 0.0, EPOCHS);
        assert!((found.final_loss - end).abs() < 0.02, "{end} {found:?}");
    }

    #[test]
    fn before_the_first_end_of_an_epoch_the_loss_may_fall_far_and_hardly_rises() {
        let (alone, _) = forecast(900, 0.0, None);
        let (found, end) = forecast(900, 0.0, EPOCHS);
        let (up, down) = (found.high - found.final_loss, found.final_loss - found.low);
        assert!(down > 1.5 * up, "{found:?}");
        assert!(found.low < end && end < found.high, "{end} {found:?}");
        assert!(
            (0.8..0.98).contains(&(found.final_loss / alone.final_loss)),
            "{found:?} {alone:?}"
        );
        // Within the last epoch there is none to come.
        let (last, _) = forecast(2500, 0.3, EPOCHS);
        assert!(last.high - last.low < 0.2, "{last:?}");
    }
}
