//! A gap between train and eval loss that widens.
//!
//! Noted, never more, when the last [`LASTING`] evaluations all lie above the best one by more
//! than 1% of it, and the loss goes on rising, while the train loss has fallen, and the run has gone
//! on since for a fifth of the way there: of shorter rises most come back. Evaluations on
//! small sets are noisy and the best of many is low by chance: a rise counts only beyond
//! their noise, which is what third differences show of it (a curve that bends has small ones),
//! and when it exceeds by half the rises before that came back. While there are too few to tell
//! the noise, they must rise one after the other. When the train loss is near zero
//! by then this may be the wait before delayed generalisation ("grokking"), and the note
//! says so. Where records hold a train loss beside the eval loss (nanoGPT estimates both on the
//! same number of batches) a gap must widen there too: when the last of these train losses all lie
//! above that of the best evaluation, both have risen. Clears with a new best eval loss.

use super::robust::Recent;
use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::{Held, Row, Stretch};
use crate::metric::Quantity;
use crate::text;

const KIND: &str = "overfitting";
/// Evaluations that must lie above the best one.
const LASTING: usize = 3;
const RISE: f64 = 0.01;
/// Steps since the best evaluation, as a share of those before it.
const SHARE_SINCE: f64 = 0.2;
/// Standard deviations of the noise that they must lie above it: it is low by about two.
const NOISE: f64 = 3.0;
/// Evaluations that tell the noise, at most and at least.
const RECENT: usize = 30;
const FEW: usize = 8;
/// Below this a quarter of the third differences lie, in standard deviations of a normal
/// distribution.
const QUARTER: f64 = 1.425;
/// A rise is noted when it is so many times the largest that came back.
const BEYOND: f64 = 1.5;
/// Share of the first train loss below which the training set counts as learnt.
const LEARNT: f64 = 0.05;
/// Weight of a new value in the smoothed train loss.
const SMOOTHING: f64 = 0.05;
const REMEDY: &str =
    "More or other data, regularisation, or stopping at the best evaluation; keep that checkpoint.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Overfitting {
    train: Option<f64>,
    first_train: Option<f64>,
    recent: Recent<RECENT>,
    /// The train losses in the records of the last evaluations, NaN where there is none.
    beside: Recent<LASTING>,
    best: Option<Best>,
    /// Step of the first evaluation.
    begun: Option<u64>,
    /// The largest rise since the best evaluation, as a share of it...
    peak: f64,
    /// ...and of all that came back.
    came_back: f64,
}

#[derive(Clone, Copy, Debug)]
struct Best {
    loss: f64,
    step: u64,
    /// The smoothed train loss at it.
    train: f64,
    /// The train loss in its record, NaN where there is none.
    beside: f64,
}

impl Detector for Overfitting {
    const WATCHES: &'static [Quantity] = &[Quantity::TrainLoss, Quantity::TrainEstimate, Quantity::EvalLoss];
    const EXPECTS_THE_LOSS_TO_FALL: bool = true;

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        let finite = |quantity| row.value(quantity).filter(|loss| loss.is_finite());
        let train = finite(Quantity::TrainLoss);
        if let Some(loss) = train {
            self.first_train.get_or_insert(loss);
            let smooth = self.train.get_or_insert(loss);
            *smooth += SMOOTHING * (loss - *smooth);
        }
        let beside = finite(Quantity::TrainEstimate).or(train).unwrap_or(f64::NAN);
        let (Some(eval), Some(train)) = (finite(Quantity::EvalLoss), self.train) else {
            return;
        };
        let step = row.step();
        let begun = *self.begun.get_or_insert(step);
        self.recent.push(eval);
        self.beside.push(beside);
        let Some(best) = self.best.filter(|best| eval >= best.loss) else {
            self.best = Some(Best {
                loss: eval,
                step,
                train,
                beside,
            });
            self.came_back = self.came_back.max(std::mem::take(&mut self.peak));
            alerts.clear(KIND, step);
            return;
        };
        let noise = self.noise();
        let last: Vec<f64> = self.recent.last(LASTING + 1).collect();
        let goes_on = match noise {
            Some(_) => last.first().is_some_and(|before| eval > *before),
            None => last.is_sorted(),
        };
        // The best one is no longer among the last when these are higher.
        let least = self.recent.last(LASTING).fold(f64::INFINITY, f64::min);
        let scale = best.loss.abs();
        let threshold = (RISE * scale).max(NOISE * noise.unwrap_or(0.0));
        // No comparison with NaN holds.
        let both_rose = self.beside.last(LASTING).all(|train| train > best.beside);
        if !goes_on || least - best.loss <= threshold || train >= best.train || both_rose {
            return;
        }
        let rise = (least - best.loss) / scale.max(f64::MIN_POSITIVE);
        self.peak = self.peak.max(rise);
        let since = step.saturating_sub(best.step) as f64;
        let is_early = since < SHARE_SINCE * best.step.saturating_sub(begun) as f64;
        if rise <= BEYOND * self.came_back || is_early {
            return;
        }
        let learnt = self.first_train.is_some_and(|first| train < LEARNT * first);
        let pattern = if learnt {
            "; the training set is learnt, so this may also be the wait before delayed generalisation"
        } else {
            ""
        };
        let message = format!(
            "Eval loss has risen from {} (step {}) to {} while the train loss falls{pattern}",
            text::loss(best.loss),
            best.step,
            text::loss(eval)
        );
        alerts.raise(
            Alert::at(step, KIND, Severity::Info)
                .since(best.step)
                .value(eval, best.loss + threshold)
                .says(message, REMEDY),
        );
    }

    fn pass(&mut self, stretch: &Stretch<'_>, _alerts: &AlertLog) -> bool {
        let Some(losses) = stretch.held(Quantity::TrainLoss).alike() else {
            return false;
        };
        let is_finite = losses.iter().all(|loss| loss.is_finite());
        if stretch.held(Quantity::EvalLoss) != Held::Nowhere || !is_finite {
            return false;
        }
        for loss in losses {
            self.first_train.get_or_insert(*loss);
            let smooth = self.train.get_or_insert(*loss);
            *smooth += SMOOTHING * (loss - *smooth);
        }
        true
    }

    fn rewound(&mut self, step: u64) {
        self.recent.clear();
        self.beside.clear();
        if self.best.is_some_and(|best| best.step >= step) {
            self.best = None;
        }
    }
}

impl Overfitting {
    /// Standard deviation of an evaluation, once there are enough to tell.
    fn noise(&self) -> Option<f64> {
        if self.recent.count() < FEW {
            return None;
        }
        let values: Vec<f64> = self.recent.last(RECENT).collect();
        let mut differences: Vec<f64> = (values.windows(4))
            .filter_map(|four| <[f64; 4]>::try_from(four).ok())
            .map(|[one, two, three, four]| (four - 3.0 * three + 3.0 * two - one).abs())
            .collect();
        differences.sort_unstable_by(f64::total_cmp);
        differences
            .get(differences.len() / 4)
            .map(|quarter| quarter / QUARTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    /// Steps at which these evaluations are noted while the train loss falls.
    fn noted(evaluations: impl IntoIterator<Item = f64>) -> Vec<u64> {
        let mut detector = Overfitting::default();
        let mut alerts = AlertLog::default();
        for (step, eval) in (0..).zip(evaluations) {
            let train = 3.0 / (1.0 + 0.1 * step as f64);
            let mut batch = Records::default();
            batch.push(step, &[(Quantity::TrainLoss, train), (Quantity::EvalLoss, eval)]);
            detector.observe(&batch.row(0), &Context::default(), &mut alerts);
        }
        alerts.all().iter().map(|alert| alert.raised_at_step).collect()
    }

    #[test]
    fn an_eval_loss_that_turns_is_noted_and_noise_on_a_falling_one_is_not() {
        let turning = |step: u32| 2.0 + 0.002 * (f64::from(step) - 20.0).powi(2);
        assert_eq!(noted((0..40).map(turning)), [26]);
        // Between 0.9 and 1.1 of the level.
        let noisy = |step: u32| 0.9 + 0.2 * f64::from(step * 7919 % 101) / 100.0;
        let falling = |step: u32| (0.1 + 1.4 / (1.0 + 0.05 * f64::from(step))) * noisy(step);
        assert_eq!(noted((0..300).map(falling)), [0u64; 0]);
        assert_eq!(noted((0..60).map(|step| turning(step) * noisy(step))).len(), 1);
    }

    #[test]
    fn a_rise_of_the_train_loss_in_the_same_records_too_is_no_overfitting() {
        // Batches of an easy stretch, and estimates of both losses every tenth step.
        let overfits = |beside: Quantity, train: fn(u64) -> f64| {
            let (mut detector, mut alerts) = (Overfitting::default(), AlertLog::default());
            let mut records = Records::default();
            for step in 0..300u64 {
                records.push(step, &[(Quantity::TrainLoss, 3.0 - 0.009 * step as f64)]);
                if step % 10 == 9 {
                    let eval = 2.0 + 0.01 * (step as f64 - 150.0).abs();
                    records.push(step, &[(beside, train(step)), (Quantity::EvalLoss, eval)]);
                }
            }
            for row in records.rows() {
                detector.observe(&row, &Context::default(), &mut alerts);
            }
            !alerts.all().is_empty()
        };
        for beside in [Quantity::TrainLoss, Quantity::TrainEstimate] {
            assert!(overfits(beside, |step| 3.0 - 0.009 * step as f64));
            assert!(!overfits(beside, |step| 1.9 + 0.01 * (step as f64 - 150.0).abs()));
        }
    }

    #[test]
    fn a_rise_is_noted_once_it_has_lasted_for_a_share_of_the_run() {
        // Down for 100 evaluations, up for a few or for good.
        let rising = |lasts: u32| {
            move |step: u32| {
                let rise = 0.005 * f64::from(step.saturating_sub(100).min(lasts));
                let fall = 1.0 - 0.004 * f64::from(step.min(100) + step.saturating_sub(100 + lasts));
                fall + if step < 100 + lasts { rise } else { 0.0 }
            }
        };
        assert_eq!(noted((0..200).map(rising(15))), [0u64; 0]);
        assert_eq!(noted((0..200).map(rising(100))), [120]);
    }

    #[test]
    fn a_rise_that_is_usual_is_noted_once() {
        // Down by a tenth every twenty evaluations, and up by a twentieth in between.
        let wandering =
            |step: u32| 2.0 * 0.9f64.powf(f64::from(step / 20)) * (1.0 + 0.0025 * f64::from(step % 20));
        assert_eq!(noted((0..400).map(wandering)).len(), 1);
    }
}
