//! What a learning rate has taken that is too high, and gives back when it falls.

use super::Task;

impl Task {
    /// The loss of the warm-up, where it has not been as low since, up to a step: what the rate has taken.
    pub(super) fn low_before(&self, step: f64) -> Option<f64> {
        let since = self.points.iter().take_while(|point| point.step <= step);
        let low = self.low_in_warm_up.filter(|_| !self.learns_by_heart())?;
        since
            .map(|point| point.loss)
            .all(|loss| loss > low)
            .then_some(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::FitPoint;
    use crate::forecast;
    use crate::schedule::{Plan, RecordedRates};

    /// The end of a run, seen half way before its decay, whose loss is 4.6 at its peak and was as low as this in
    /// its warm-up.
    fn end(low_in_warm_up: Option<f64>, sees_data_again: bool) -> f64 {
        let mut rates = RecordedRates::default();
        (0..=1000u32).for_each(|step| {
            let left = f64::from(1000 - step) / 500.0;
            rates.push(u64::from(step), 0.1 * left.min(1.0));
        });
        let point = |index: u32| FitPoint {
            step: f64::from(index) * 10.0,
            loss: 4.5 + 5.0 / f64::from(index),
            variance: 1e-4,
        };
        let task = Task {
            points: (13..=50).map(point).collect(),
            companion: Vec::new(),
            low_in_warm_up,
            smoothed: 4.6,
            smoothed_sd: 1e-2,
            last_step: 500,
            plan: Plan::known(&rates, 500, 1000),
            level: 0.8,
            repeats: None,
            sees_data_again,
            augmented_share: None,
            siblings: Vec::new(),
        };
        let outcome = forecast::run(&task, task.evidence().as_ref(), None);
        outcome.forecast.expect("a forecast").final_loss
    }

    #[test]
    fn a_loss_that_was_lower_in_warm_up_comes_down_when_the_rate_does() {
        let usual = end(None, false);
        assert!(end(Some(3.0), false) < usual - 0.3, "{usual}");
        // It has been lower since, or rises for another reason.
        assert_eq!(end(Some(5.0), false), usual);
        assert_eq!(end(Some(3.0), true), end(None, true));
    }
}
