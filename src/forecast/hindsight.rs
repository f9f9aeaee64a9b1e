//! How far off the forecasts of this run from its own past were.
//!
//! What the law misses differs from run to run: a language model under a usual schedule
//! keeps to it closely, a fine-tuning that learns its data by heart or a loss of another
//! kind does not. The run's own past tells. From the points up to some share of the steps
//! so far, the posterior forecasts the loss now; the errors, in standard deviations,
//! say how wide the interval should have been. With the prior that the standard deviation
//! is right, worth as much as `TRUST` such errors, the posterior mean of its square (of a
//! scaled inverse chi-squared variance: Gelman et al., Bayesian Data Analysis, section
//! 2.6) is `(TRUST + sum of z^2) / (TRUST + number of errors)`.

use super::{Task, pool};
use crate::fit::{Evidence, Posterior};
use crate::law::Prior;

/// How many errors the prior counts as.
const TRUST: f64 = 3.0;
/// Shares of the steps so far from which a run on its own is forecast again.
const ALONE: [f64; 3] = [0.4, 0.6, 0.8];
/// The same for a run that learns from siblings: each costs a posterior with all of them.
const AMONG: [f64; 1] = [0.6];
/// Forecasts over less than this in ln(step) are shorter than those that were checked, and
/// are corrected in proportion.
const FULL_HORIZON: f64 = 0.35;
/// With fewer points there is no forecast to check.
const LEAST_POINTS: usize = 4;

/// What the past says of the width of the interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hindsight {
    /// What the variance should have been, as a multiple of what it was.
    variance: f64,
}

impl Hindsight {
    /// Forecasts the last point of a task, whose evidence this is, from earlier ones.
    pub fn new(task: &Task, evidence: &Evidence, learns: bool) -> Hindsight {
        let shares: &[f64] = if learns { &AMONG } else { &ALONE };
        let errors: Vec<f64> = shares
            .iter()
            .filter_map(|share| error(task, evidence, *share, learns))
            .collect();
        let squares: f64 = errors.iter().map(|error| error * error).sum();
        Hindsight {
            variance: (TRUST + squares) / (TRUST + errors.len() as f64),
        }
    }

    /// By how much to widen a standard deviation at `step`, seen from step `now`.
    pub fn factor(self, now: f64, step: f64) -> f64 {
        let horizon = ((step / now.max(1.0)).max(1.0).ln() / FULL_HORIZON).min(1.0);
        (1.0 + (self.variance - 1.0) * horizon).max(0.0).sqrt()
    }
}

/// The error of the forecast of the last point from the first `share` of the steps, in
/// standard deviations.
fn error(task: &Task, evidence: &Evidence, share: f64, learns: bool) -> Option<f64> {
    let (last, then) = (task.points.last()?, evidence.now()?);
    let peak = task.curve().peak();
    let earlier = evidence.until(share * last.step, |level| Prior::at(level, peak))?;
    if earlier.count() < LEAST_POINTS {
        return None;
    }
    let pool = if learns { pool(task, &earlier) } else { None };
    let forecast = Posterior::new(&earlier, pool.as_ref())?.at(earlier.now()?, then);
    let error = (forecast.mean() - last.loss) / forecast.sd().hypot(last.variance.sqrt());
    error.is_finite().then_some(error)
}
