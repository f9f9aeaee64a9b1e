//! How far off the forecasts of this run from its own past were.
//!
//! What the law misses differs from run to run: a language model under a usual schedule
//! keeps to it closely, a fine-tuning that learns its data by heart or a loss of another
//! kind does not. The run's own past tells. From the points up to some share of the steps
//! so far, the posterior forecasts the loss now; the errors, in standard deviations,
//! say how wide the interval should have been: by what multiple of its variance. Before, that
//! multiple is a scaled inverse chi-squared variable with `FREEDOM` degrees of freedom and the
//! mean m; after n errors z, each worth a share w of an independent one, it is one with
//! `FREEDOM + w n` degrees and the scale `(m (FREEDOM - 2) + w sum of z^2) / (FREEDOM + w n)` (Gelman
//! et al., Bayesian Data Analysis, section 2.6). What is not known of the width makes the tails heavy:
//! a normal distribution becomes a Student's t, as the errors of real forecasts are distributed.

use super::epochs::Now;
use super::view::pool;
use super::{Task, latest};
use crate::fit::{Evidence, Posterior};

/// Degrees of freedom of the multiple before any error is known.
const FREEDOM: f64 = 3.0;
/// What an error counts for among independent ones: forecasts from overlapping beginnings of one run
/// miss the same.
const WORTH: f64 = 0.5;
/// Its mean where data are seen again (67 public runs, most of them fine-tunings of several epochs);
/// elsewhere the prior has one.
const MEAN_SEEN_AGAIN: f64 = 10.0;
/// The multiples that stand for all: at these quantiles of the standard normal distribution,
/// those of 1/14, 3/14, ... 13/14, each as likely as the others.
const QUANTILES: [f64; 7] = [-1.4652, -0.7916, -0.3661, 0.0, 0.3661, 0.7916, 1.4652];
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
    /// What the variance may have to be, as multiples of what it is; all are as likely.
    variances: [f64; QUANTILES.len()],
}

impl Hindsight {
    /// Forecasts the last point of a task, whose evidence this is, from earlier ones. Of a loss that
    /// has too few of them, that of its companion, whose shape it borrows.
    pub fn new(task: &Task, evidence: &Evidence, learns: bool) -> Hindsight {
        let shares: &[f64] = if learns { &AMONG } else { &ALONE };
        let errors_of = |task: &Task, evidence: &Evidence| -> Vec<f64> {
            let errors = shares
                .iter()
                .filter_map(|share| error(task, evidence, *share, learns));
            errors.collect()
        };
        let mut errors = errors_of(task, evidence);
        if errors.is_empty() {
            let companion = task.of_the_companion();
            errors = companion
                .evidence()
                .map_or(errors, |evidence| errors_of(&companion, &evidence));
        }
        let again = if task.learns_by_heart() {
            MEAN_SEEN_AGAIN
        } else {
            1.0
        };
        let mean = task.prior().doubt.max(again);
        Hindsight::after(&errors, mean)
    }

    /// What errors, in standard deviations, say when the mean was `mean` before.
    fn after(errors: &[f64], mean: f64) -> Hindsight {
        let squares = WORTH * errors.iter().map(|error| error * error).sum::<f64>();
        let freedom = FREEDOM + WORTH * errors.len() as f64;
        // Quantiles of chi-squared over its degrees of freedom (Wilson and Hilferty 1931).
        let ninth = 2.0 / (9.0 * freedom);
        let chi = |normal: f64| (1.0 - ninth + normal * ninth.sqrt()).powi(3);
        let scale = (mean * (FREEDOM - 2.0) + squares) / freedom;
        Hindsight {
            variances: QUANTILES.map(|normal| scale / chi(normal)),
        }
    }

    /// By how much to widen a distribution of the loss at `step`, seen from step `now`: all
    /// factors are as likely.
    pub fn factors(self, now: f64, step: f64) -> [f64; QUANTILES.len()] {
        let horizon = ((step / now.max(1.0)).max(1.0).ln() / FULL_HORIZON).min(1.0);
        self.variances
            .map(|variance| (1.0 + (variance - 1.0) * horizon).sqrt())
    }

    /// What the standard deviation is multiplied by in all.
    pub fn factor(self, now: f64, step: f64) -> f64 {
        let factors = self.factors(now, step);
        let squares: f64 = factors.iter().map(|factor| factor * factor).sum();
        (squares / factors.len() as f64).sqrt()
    }
}

/// The error of the forecast of the last point from the first `share` of the steps, in
/// standard deviations.
fn error(task: &Task, evidence: &Evidence, share: f64, learns: bool) -> Option<f64> {
    let (last, then) = (task.points.last()?, evidence.now()?);
    let step = share * last.step;
    let earlier = evidence.until(step, |level| task.prior_at(step, level))?;
    if earlier.count() < LEAST_POINTS {
        return None;
    }
    let pool = if learns { pool(task, &earlier) } else { None };
    let posterior = Posterior::new(&earlier, pool.as_ref())?;
    let forecast = posterior.at(earlier.now()?, then);
    let here = Now {
        step,
        level: latest(&task.points, step)?.loss,
    };
    // What ends of epochs did that were still to come is no error of the law.
    let step_seen = task.steps_seen(step).map(|_| posterior.by_heart());
    let (fall, variance) = task.at_ends_of_epochs(here, last.step, step_seen);
    let sd = (forecast.sd().powi(2) + last.variance + variance).sqrt();
    let error = (forecast.mean() - fall - last.loss) / sd;
    error.is_finite().then_some(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::{FitPoint, Mixture};
    use crate::schedule::{Plan, RecordedRates};

    #[test]
    fn a_loss_with_few_points_goes_by_the_errors_of_its_companion() {
        let mut rates = RecordedRates::default();
        (0..=2000).for_each(|step| rates.push(step, 1e-3));
        let factor = |bend: f64| {
            // The companion falls by a step that no law foresees, or by none.
            let point = |index: u32| {
                let step = f64::from(index) * 25.0;
                let late = if step > 700.0 { bend } else { 0.0 };
                let loss = 3.0 + 4.0 / step.sqrt() - late;
                let variance = 1e-6;
                FitPoint { step, loss, variance }
            };
            let companion: Vec<FitPoint> = (4..=40).map(point).collect();
            let own = |index: u32| FitPoint {
                loss: point(index).loss + 0.1,
                ..point(index)
            };
            let task = Task {
                points: vec![own(8)],
                companion,
                smoothed: 3.2,
                low_in_warm_up: None,
                smoothed_sd: 1e-3,
                last_step: 1000,
                plan: Plan::known(&rates, 1000, 2000),
                level: 0.8,
                repeats: None,
                sees_data_again: false,
                augmented_share: None,
                siblings: Vec::new(),
            };
            let evidence = task.evidence().unwrap();
            Hindsight::new(&task, &evidence, false).factor(1000.0, 2000.0)
        };
        assert!(factor(0.5) > 1.5 * factor(0.0), "{} {}", factor(0.5), factor(0.0));
    }

    /// Forecasts of the end, seen from half of the way, after so many errors.
    fn interval(errors: &[f64], level: f64) -> f64 {
        let factors = Hindsight::after(errors, 1.0).factors(1000.0, 2000.0);
        let widened = Mixture::normal(0.0, 1.0).widened(&factors);
        widened.interval(level).1
    }

    /// The quantiles of Student's t with 4.5 degrees of freedom, whose scale three errors of one
    /// standard deviation set: (1 + 1.5) / 4.5.
    #[test]
    fn the_tails_are_those_of_students_t() {
        for (level, t) in [(0.5, 0.733), (0.8, 1.501), (0.9, 2.066)] {
            let exact = t * (2.5_f64 / 4.5).sqrt();
            let found = interval(&[1.0, -1.0, 1.0], level);
            assert!((found / exact - 1.0).abs() < 0.03, "{level}: {found} {exact}");
        }
    }

    #[test]
    fn errors_widen_and_their_absence_narrows() {
        let before = interval(&[], 0.8);
        assert!(interval(&[0.1, 0.2, 0.1], 0.8) < 0.8 * before);
        assert!(interval(&[3.0, 3.0, 3.0], 0.8) > 1.8 * before);
    }

    #[test]
    fn the_next_step_is_not_in_doubt() {
        assert_eq!(
            Hindsight::after(&[5.0, 5.0], 1.0).factors(1000.0, 1000.0),
            [1.0; QUANTILES.len()]
        );
    }
}
