//! Data that will be trained on again.
//!
//! At the beginning of an epoch the loss of the data that is trained on steps down by what of
//! it was learnt by heart: not at all where there is much of it, by a fifth in a fine-tuning
//! (21 such steps of 10 public runs: 0 to 21%, in the mean 5%), and less from epoch to epoch.
//! Nothing before the first repeat tells how much it will be, so the interval has to allow for it.

/// Standard deviation of the first step, as a share of the loss.
const STEP: f64 = 0.08;
/// The step at the end of epoch `n` is `n` to this power times the first.
const FADING: f64 = -1.5;
/// Logs round the epoch: what ends so close before a boundary does not pass it.
const ROUNDING: f64 = 0.02;

/// How fast a run goes through its data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Repeats {
    /// Epochs per step.
    pub per_step: f64,
}

impl Repeats {
    /// Ends of epochs between two steps.
    fn ends(self, from: f64, to: f64) -> impl Iterator<Item = f64> {
        const MANY: usize = 1000;
        let first = (from * self.per_step).floor() + 1.0;
        let last = to * self.per_step - ROUNDING;
        (0..MANY)
            .map(move |index| first + index as f64)
            .take_while(move |end| *end < last)
    }

    /// True when some of the data will be seen again between two steps.
    pub fn any(self, from: f64, to: f64) -> bool {
        self.ends(from, to).next().is_some()
    }

    /// What the steps between two steps of the run add to the variance of a train loss at this
    /// level.
    pub fn variance(self, level: f64, from: f64, to: f64) -> f64 {
        let steps: f64 = self.ends(from, to).map(|end| end.max(1.0).powf(FADING)).sum();
        (STEP * steps * level).powi(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_repeat_is_the_least_known() {
        let repeats = Repeats { per_step: 0.01 };
        let sd = |from: f64, to: f64| repeats.variance(2.0, from, to).sqrt();
        assert_eq!(sd(10.0, 100.0), 0.0);
        assert!((sd(10.0, 150.0) - 0.16).abs() < 1e-9);
        assert!(sd(10.0, 300.0) > 0.16 && sd(150.0, 300.0) < 0.06);
        assert!(sd(20_000.0, 30_000.0) < 0.01);
        assert!(repeats.any(10.0, 150.0) && !repeats.any(110.0, 200.0));
    }
}
