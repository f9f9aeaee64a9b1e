//! A metric that repeats to the last digit while steps advance.
//!
//! `DeepSpeed` repeats a stale gradient norm while it skips steps; a clipped and lost
//! gradient is printed as 1.41421356 again and again (instability study, section 0.5).
//! Five equal gradient norms in a row, with more digits than chance allows, are a
//! warning when the loss repeats as well or is missing, and noted otherwise. Clears with
//! the first other value.
//!
//! A train loss that repeats for [`LOSS_REPEATS`] records is one that does not learn: a warning,
//! unless the learning rate is down, where it may have settled. Some logs repeat a loss until
//! the next is computed: then it must stay three times as long as any before.

use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::{Held, Row, Stretch};
use crate::metric::Quantity;

/// The kind of its alerts.
pub const KIND: &str = "frozen_metric";
/// The kind of its alerts about the loss.
const LOSS_KIND: &str = "frozen_loss";
const REPEATS: u32 = 5;
const LOSS_REPEATS: u32 = 50;
/// How many times as long as any other before a loss must stay.
const LONGER: u32 = 3;
/// Share of the learning-rate peak below which a loss may settle.
const RATE: f64 = 0.1;
const REMEDY: &str = "Steps are probably being skipped, or the value is stale: look at the loss scale, at skipped steps, and \
                      whether the weights still change.";
const LOSS_REMEDY: &str = "Nothing is being learnt: look at whether gradients reach the weights, at frozen parameters, at the \
                           learning rate, and at losses or gradients that overflow.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct FrozenMetric {
    gradient: Option<f64>,
    loss: Option<f64>,
    repeats: u32,
    loss_repeats: u32,
    since: u64,
    still: Still,
    rate: f64,
    peak_rate: f64,
}

/// A train loss that stays the same.
#[derive(Clone, Copy, Debug, Default)]
struct Still {
    loss: Option<f64>,
    records: u32,
    since: u64,
    /// Records for which others stayed, at most.
    longest: u32,
}

impl Detector for FrozenMetric {
    const WATCHES: &'static [Quantity] = &[Quantity::GradNorm, Quantity::TrainLoss];

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        if let Some(rate) = row.value(Quantity::LearningRate) {
            self.rate = rate;
            self.peak_rate = self.peak_rate.max(rate);
        }
        if let Some(loss) = row.value(Quantity::TrainLoss) {
            self.watch_loss(row.step(), loss, alerts);
        }
        let gradient = row
            .value(Quantity::GradNorm)
            .filter(|gradient| gradient.is_finite());
        let Some(gradient) = gradient else {
            return;
        };
        let loss = row.value(Quantity::TrainLoss);
        if self.gradient.replace(gradient) != Some(gradient) {
            (self.repeats, self.loss_repeats, self.since) = (1, 1, row.step());
            self.loss = loss;
            alerts.clear(KIND, row.step());
            return;
        }
        self.repeats += 1;
        self.loss_repeats = if loss == self.loss {
            self.loss_repeats + 1
        } else {
            1
        };
        self.loss = loss;
        if (self.repeats == REPEATS || self.loss_repeats == REPEATS) && has_digits(gradient) {
            let severity = if self.loss_repeats >= REPEATS {
                Severity::Warning
            } else {
                Severity::Info
            };
            let message = format!(
                "Gradient norm has been exactly {gradient} in {} records since step {}",
                self.repeats, self.since
            );
            alerts.raise(
                Alert::at(row.step(), KIND, severity)
                    .since(self.since)
                    .value(gradient, f64::from(REPEATS))
                    .says(message, REMEDY),
            );
        }
    }

    fn pass(&mut self, stretch: &Stretch<'_>, alerts: &AlertLog) -> bool {
        let (Held::Everywhere(losses), Some(step)) =
            (stretch.held(Quantity::TrainLoss), stretch.steps().last())
        else {
            return false;
        };
        let gradients = stretch.held(Quantity::GradNorm).alike();
        let rates = stretch.held(Quantity::LearningRate).alike();
        let (Some(gradients), Some(rates)) = (gradients, rates) else {
            return false;
        };
        let is_open = alerts.open(KIND).is_some() || alerts.open(LOSS_KIND).is_some();
        let moves = has_no_repeats(self.still.loss, losses) && has_no_repeats(self.gradient, gradients);
        if is_open || !moves || !gradients.iter().all(|gradient| gradient.is_finite()) {
            return false;
        }
        if let Some(rate) = rates.last() {
            self.rate = *rate;
            self.peak_rate = rates.iter().copied().fold(self.peak_rate, f64::max);
        }
        self.still = Still {
            loss: losses.last().copied(),
            records: 1,
            since: *step,
            longest: self
                .still
                .longest
                .max(self.still.records)
                .max(u32::from(losses.len() > 1)),
        };
        if let Some(gradient) = gradients.last() {
            self.gradient = Some(*gradient);
            (self.repeats, self.loss_repeats, self.since) = (1, 1, *step);
            self.loss = losses.last().copied();
        }
        true
    }

    fn rewound(&mut self, _step: u64) {
        *self = FrozenMetric::default();
    }
}

impl FrozenMetric {
    fn watch_loss(&mut self, step: u64, loss: f64, alerts: &mut AlertLog) {
        let still = &mut self.still;
        if still.loss != Some(loss) {
            *still = Still {
                loss: Some(loss),
                records: 1,
                since: step,
                longest: still.longest.max(still.records),
            };
            alerts.clear(LOSS_KIND, step);
            return;
        }
        still.records = still.records.saturating_add(1);
        let enough = LOSS_REPEATS.max(still.longest.saturating_mul(LONGER));
        let settles = self.rate < RATE * self.peak_rate;
        if still.records < enough || settles || !has_digits(loss) || alerts.open(LOSS_KIND).is_some() {
            return;
        }
        let message = format!(
            "Loss has been exactly {loss} in {} records since step {}",
            still.records, still.since
        );
        alerts.raise(
            Alert::at(step, LOSS_KIND, Severity::Warning)
                .since(still.since)
                .value(loss, f64::from(still.records))
                .says(message, LOSS_REMEDY),
        );
    }
}

/// True when each value differs from the one before it, the first from `before`.
fn has_no_repeats(before: Option<f64>, values: &[f64]) -> bool {
    let others = values.get(1..).unwrap_or_default();
    before != values.first().copied() && values.iter().zip(others).all(|(one, next)| one != next)
}

/// True when a value has at least four significant digits, and is not a plain zero or
/// one that means "not computed".
fn has_digits(value: f64) -> bool {
    if value == 0.0 {
        return false;
    }
    // Between 100 and 1000.
    let scaled = value.abs() * 10f64.powi(2 - value.abs().log10().floor() as i32);
    // What was kept in single precision is round only to its seventh digit.
    (scaled - scaled.round()).abs() > 1e-4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    /// Severity and step of what is raised over these gradient norms and losses.
    fn raised(records: impl Iterator<Item = (f64, f64)>) -> Option<(Severity, u64)> {
        let mut detector = FrozenMetric::default();
        let mut alerts = AlertLog::default();
        for (step, (gradient, loss)) in (0..).zip(records) {
            let mut batch = Records::default();
            batch.push(
                step,
                &[(Quantity::GradNorm, gradient), (Quantity::TrainLoss, loss)],
            );
            detector.observe(&batch.row(0), &Context::default(), &mut alerts);
        }
        let first = alerts.all().first();
        first.map(|alert| (alert.severity, alert.raised_at_step))
    }

    /// Kind and step of what is raised over these losses and learning rates.
    fn stands_still(records: impl Iterator<Item = (f64, f64)>) -> Option<(&'static str, u64)> {
        let mut detector = FrozenMetric::default();
        let mut alerts = AlertLog::default();
        for (step, (loss, rate)) in (0..).zip(records) {
            let mut batch = Records::default();
            let values = [
                (Quantity::TrainLoss, loss),
                (Quantity::LearningRate, rate),
                (Quantity::GradNorm, f64::INFINITY),
            ];
            batch.push(step, &values);
            detector.observe(&batch.row(0), &Context::default(), &mut alerts);
        }
        let first = alerts.all().first();
        first.map(|alert| (alert.kind, alert.raised_at_step))
    }

    #[test]
    fn a_loss_that_never_moves_is_told_and_one_that_settles_or_waits_is_not() {
        let constant = |loss: f64| stands_still((0..100).map(|_| (loss, 1e-3)));
        assert_eq!(constant(11.76178), Some((LOSS_KIND, 49)));
        // The policy loss of GRPO, and one whose last digits are not printed.
        assert_eq!((constant(0.0), constant(0.02)), (None, None));
        let falling = |step: u32| 2.0 + f64::from(100_u32.saturating_sub(step)) * 0.01234;
        let decayed = |step: u32| if step < 100 { 1e-3 } else { 1e-5 };
        assert_eq!(
            stands_still((0..300).map(|step| (falling(step) + 0.1234, decayed(step)))),
            None
        );
        // A progress bar that shows every loss for a hundred steps.
        let waiting = stands_still(
            (0..40)
                .map(|step| (falling(step), 1e-3))
                .chain((0..1000).map(|step| (1.5 + 0.01234 / f64::from(1 + step / 40), 1e-3))),
        );
        assert_eq!(waiting, None);
    }

    #[test]
    fn a_norm_that_repeats_to_the_last_digit_is_stale_and_a_round_one_is_chance() {
        let falling = |step: u32| 3.0 - 0.001 * f64::from(step);
        assert_eq!(
            raised((0..9).map(|step| (1.234_567, falling(step)))),
            Some((Severity::Info, 4))
        );
        assert_eq!(
            raised((0..9).map(|_| (1.234_567, 2.5))),
            Some((Severity::Warning, 4))
        );
        for round in [0.0, 1.0, 0.25, 1.5e-7, 300.0, f64::from(1e-4_f32)] {
            assert_eq!(raised((0..9).map(|step| (round, falling(step)))), None, "{round}");
        }
        // Clipped norms differ in between.
        let clipped = |step: u32| {
            if step.is_multiple_of(4) {
                0.873_12
            } else {
                1.000_01
            }
        };
        assert_eq!(raised((0..99).map(|step| (clipped(step), falling(step)))), None);
    }
}
