//! Data that will be trained on again.
//!
//! At the beginning of an epoch the loss of the data that is trained on steps down by what of
//! it was learnt by heart: hardly where there is much of it, by a quarter and more in some fine-tunings.
//! In a run that learns by heart the steps are much alike (nats), until little of the loss is left: 0.32,
//! 0.37, 0.32 and 0.18 at four ends of epochs, 0.36 and 0.35, 0.10, 0.10 and 0.05. So what a run has shown
//! at the ends of epochs that it has passed, it is expected to do at those to come; before the first
//! nothing tells how much it will be.

use super::prior::smooth_minimum;

/// So many steps are as large as the first; what is learnt over many epochs grows no faster than with the
/// logarithm of their number.
const ALIKE: f64 = 2.0;
/// A step takes hardly more than this share of the loss: 34 to 55% in the runs that learn fastest.
const MOST: f64 = 0.5;
/// Standard deviation of a step, as a share of what it is expected to be...
const VARIATION: f64 = 0.35;
/// ...and as a share of the loss, whatever is expected.
const CHANCE: f64 = 0.02;
/// Standard deviation of the steps of a run, as a share of the loss in the beginning.
const STEPS: f64 = 0.15;
/// Logs round the epoch: what ends so close before a boundary does not pass it.
const ROUNDING: f64 = 0.02;

/// How a run may learn its data by heart, as long as no end of an epoch has shown it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Habit {
    /// How likely it is.
    pub probability: f64,
    /// The step at the end of the first epoch, as a share of the loss.
    pub step: f64,
    /// Its standard deviation, as a share of the loss.
    pub sd: f64,
}

/// Of 13 public runs of several epochs that log often enough to tell, most of them fine-tunings, the first step was 0 to
/// 6% in eight and 9 to 34% in five; of ten others it was 5% in the mean and at most 21%.
pub const HABITS: [Habit; 2] = [
    Habit {
        probability: 0.8,
        step: 0.016,
        sd: 0.04,
    },
    Habit {
        probability: 0.2,
        step: 0.24,
        sd: 0.12,
    },
];

/// How fast a run goes through its data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Repeats {
    /// Epochs per step.
    pub per_step: f64,
}

impl Repeats {
    /// True when some of the data will be seen again between two steps.
    pub fn any(self, from: f64, to: f64) -> bool {
        self.shares(from, to - self.rounding()).next().is_some()
    }

    /// What the loss has stepped down between two steps of the run that are behind, in multiples of the first step.
    pub fn made(self, from: f64, to: f64) -> f64 {
        self.shares(from, to).sum()
    }

    /// What it will until a step to come.
    pub fn to_come(self, now: f64, to: f64) -> f64 {
        self.shares(now, to - self.rounding()).sum()
    }

    /// How far a loss that is at `level` now falls at the ends of epochs until a step to come, when the first step
    /// was `first` (nats): mean and variance.
    pub fn fall(self, level: f64, first: f64, now: f64, to: f64) -> (f64, f64) {
        let (mut left, mut variance) = (level.abs(), 0.0);
        for share in self.shares(now, to - self.rounding()) {
            let step = if first > 0.0 {
                smooth_minimum(share * first, MOST * left)
            } else {
                share * first
            };
            variance += (VARIATION * step).powi(2) + (CHANCE * share * left).powi(2);
            left -= step;
        }
        (level.abs() - left, variance)
    }

    /// The standard deviation of the first step (nats) of a run whose loss was about `level` in the beginning.
    pub fn spread(level: f64) -> f64 {
        STEPS * level
    }

    /// Each step of the loss between two steps of the run, as a multiple of the first.
    fn shares(self, from: f64, to: f64) -> impl Iterator<Item = f64> {
        /// Later steps are too small to count.
        const MANY: u64 = 1000;
        // The step of the run at which an epoch ends is the last of this epoch.
        let ends = |step: f64| ((step * self.per_step).ceil() - 1.0).max(0.0) as u64;
        (ends(from) + 1..=ends(to).min(MANY)).map(|end| (ALIKE / end as f64).min(1.0))
    }

    /// `ROUNDING` in steps of the run.
    fn rounding(self) -> f64 {
        ROUNDING / self.per_step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_the_run_only_reaches_is_not_passed() {
        let repeats = Repeats { per_step: 0.01 };
        assert!(repeats.any(10.0, 150.0) && !repeats.any(110.0, 200.0));
        // Where the run stood is known, how long it will be is rounded.
        assert_eq!(repeats.made(10.0, 201.0), 2.0);
        assert_eq!(repeats.to_come(10.0, 201.0), 1.0);
        assert_eq!(repeats.to_come(101.0, 101.0), 0.0);
    }

    #[test]
    fn a_loss_of_which_little_is_left_falls_little() {
        let repeats = Repeats { per_step: 0.01 };
        let fall = |level: f64| repeats.fall(level, 0.3, 150.0, 250.0);
        assert!((fall(3.0).0 - 0.3).abs() < 0.01);
        assert!(fall(0.2).0 < 0.11 && fall(0.2).1 < fall(3.0).1);
        assert_eq!(repeats.fall(3.0, 0.3, 110.0, 190.0), (0.0, 0.0));
        // A run that steps up goes on.
        assert!(repeats.fall(1.0, -0.1, 150.0, 250.0).0 < 0.0);
    }

    #[test]
    fn the_first_steps_are_alike_and_those_of_late_epochs_small() {
        let repeats = Repeats { per_step: 0.01 };
        assert_eq!(repeats.made(50.0, 250.0), 2.0);
        assert!(repeats.made(10_050.0, 20_050.0) < 2.0);
    }
}
