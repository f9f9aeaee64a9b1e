//! Values that are not numbers, spelled out or hidden.
//!
//! NaN hides: Megatron leaves the loss field out, Hugging Face prints a loss of 0.0
//! beside a gradient norm of nan (instability study, section 0.5). A loss that is
//! lost twice in a row, or together with that on held-out data, is critical. A gradient
//! norm that is not finite while the loss is fine is a skipped step: a warning when
//! repeated, and nothing at all in a run with a loss scale, whose job is to find overflows.

use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::{Held, Row, Stretch};
use crate::metric::Quantity;

/// The kind of its alerts about the train loss.
pub const KIND: &str = "non_finite";
const EVALUATION_KIND: &str = "non_finite_eval";
/// The kind of its alerts about gradients.
pub const GRADIENT_KIND: &str = "non_finite_gradient";
/// Train records in a row with a loss before a missing one means anything.
const USUAL_RECORDS: u32 = 5;
/// A loss that was never below this is not rounded to 0.
const NOT_ROUNDED: f64 = 0.05;
/// Finite values after which the trouble is over.
const CLEAR_AFTER: u32 = 20;
const REMEDY: &str = "The weights are very likely lost: restart from the last checkpoint before that step with a lower learning \
                      rate or bf16, and look at the data of the step before.";
const EVALUATION_REMEDY: &str = "If the train loss is fine, look at the evaluation: its precision, an empty batch, a mask without \
                                 tokens. If logits are large, the model is close to losing its train loss too.";
const GRADIENT_REMEDY: &str = "The optimiser skips such steps or is about to be poisoned: look at the loss scale, clip the \
                               gradient, lower the learning rate.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct NonFinite {
    /// Train records so far that had a loss, while none lacked it. A loss that stands in records of
    /// its own, as in a file of its own, is not missing from the others.
    with_loss: u32,
    /// The lowest loss so far, once there was one.
    lowest: Option<f64>,
    last_good: Option<u64>,
    first_bad: Option<u64>,
    bad: u32,
    good: u32,
    bad_gradients: u32,
    good_gradients: u32,
    has_loss_scale: bool,
}

/// What is wrong with the loss of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    NotFinite(f64),
    Missing,
    Zero,
}

impl Detector for NonFinite {
    const WATCHES: &'static [Quantity] = &[
        Quantity::TrainLoss,
        Quantity::EvalLoss,
        Quantity::GradNorm,
        Quantity::LossScale,
    ];

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        self.has_loss_scale |= row.has(Quantity::LossScale);
        let train = row.value(Quantity::TrainLoss);
        let gradient = row.value(Quantity::GradNorm);
        let eval = row.value(Quantity::EvalLoss);
        let fault = self.fault(row, train, gradient, eval);
        match fault {
            Some(fault) => {
                // Two measures at once are no chance: a summary of the last values may be all there is.
                self.bad += u32::from(eval.is_some_and(|eval| !eval.is_finite()));
                self.bad_loss(row.step(), fault, alerts);
            }
            None if train.is_some() => self.good_loss(row, train, alerts),
            None if is_train_record(row) => self.with_loss = 0,
            None => {}
        }
        if let Some(eval) = eval {
            watch_evaluation(row.step(), eval, alerts);
        }
        if let Some(gradient) = gradient {
            self.watch_gradient(row.step(), gradient, fault.is_some(), alerts);
        }
    }

    fn pass(&mut self, stretch: &Stretch<'_>, alerts: &AlertLog) -> bool {
        let Held::Everywhere(losses) = stretch.held(Quantity::TrainLoss) else {
            return false;
        };
        let gradients = stretch.held(Quantity::GradNorm).alike();
        let rates = stretch.held(Quantity::LearningRate).alike();
        let (Some(gradients), Some(rates)) = (gradients, rates) else {
            return false;
        };
        // See `is_train_record`.
        let of_training = gradients.len().min(rates.len()) as u32;
        let is_calm = self.first_bad.is_none() && alerts.open(GRADIENT_KIND).is_none();
        let is_good = losses.iter().all(|loss| loss.is_finite() && *loss != 0.0)
            && gradients.iter().all(|gradient| gradient.is_finite());
        if !is_calm || !is_good || stretch.held(Quantity::EvalLoss) != Held::Nowhere {
            return false;
        }
        self.has_loss_scale |= stretch.held(Quantity::LossScale) != Held::Nowhere;
        self.with_loss = self.with_loss.saturating_add(of_training);
        let lowest = self.lowest.unwrap_or(f64::INFINITY);
        self.lowest = Some(losses.iter().copied().fold(lowest, f64::min));
        self.last_good = stretch.steps().last().copied();
        self.bad = 0;
        self.good += losses.len() as u32;
        if !gradients.is_empty() {
            self.bad_gradients = 0;
            self.good_gradients += gradients.len() as u32;
        }
        true
    }

    fn rewound(&mut self, _step: u64) {
        // Which records have a loss, and how near to zero losses come, is the same after a resume:
        // one whose first loss is lost is told at once.
        self.bad = 0;
        self.first_bad = None;
        self.bad_gradients = 0;
    }
}

/// An evaluation that is lost while training goes on; over with the next good one.
fn watch_evaluation(step: u64, eval: f64, alerts: &mut AlertLog) {
    if eval.is_finite() {
        alerts.clear(EVALUATION_KIND, step);
        return;
    }
    let message = format!("The evaluation at step {step} gave a loss that is not finite");
    alerts.raise(
        Alert::at(step, EVALUATION_KIND, Severity::Warning)
            .value(eval, f64::INFINITY)
            .says(message, EVALUATION_REMEDY),
    );
}

/// True for a record of a step of the training, by what stands beside the loss in one.
fn is_train_record(row: &Row) -> bool {
    row.has(Quantity::GradNorm) && row.has(Quantity::LearningRate)
}

impl NonFinite {
    fn fault(
        &self,
        row: &Row,
        train: Option<f64>,
        gradient: Option<f64>,
        eval: Option<f64>,
    ) -> Option<Fault> {
        let bad_gradient = gradient.is_some_and(|gradient| !gradient.is_finite());
        match (train, eval) {
            (Some(loss), _) if !loss.is_finite() => Some(Fault::NotFinite(loss)),
            (Some(0.0), _) if bad_gradient || self.is_well_above_zero() => Some(Fault::Zero),
            (Some(_), _) => None,
            // Evaluations have an alert of their own.
            (None, Some(_)) => None,
            // A train record that has all but the loss which all before it had.
            (None, None) => {
                (is_train_record(row) && self.with_loss >= USUAL_RECORDS).then_some(Fault::Missing)
            }
        }
    }

    /// True when no loss so far was about 0, as those of policies are, step by step.
    fn is_well_above_zero(&self) -> bool {
        self.lowest.is_some_and(|lowest| lowest >= NOT_ROUNDED)
    }

    fn good_loss(&mut self, row: &Row, train: Option<f64>, alerts: &mut AlertLog) {
        let step = row.step();
        if let Some(loss) = train {
            self.with_loss = self.with_loss.saturating_add(u32::from(is_train_record(row)));
            self.lowest = Some(self.lowest.map_or(loss, |lowest| lowest.min(loss)));
            self.last_good = Some(step);
        }
        self.bad = 0;
        self.good += 1;
        // What was not worth an alert is over with the next good one.
        if self.first_bad.is_some() && (self.good >= CLEAR_AFTER || alerts.open(KIND).is_none()) {
            self.first_bad = None;
            alerts.clear(KIND, step);
        }
    }

    fn bad_loss(&mut self, step: u64, fault: Fault, alerts: &mut AlertLog) {
        self.good = 0;
        self.bad += 1;
        let since = *self.first_bad.get_or_insert(step);
        // A single missing field may be a torn line, a single zero a rounded small value.
        let certain = match fault {
            Fault::NotFinite(_) => true,
            Fault::Missing => false,
            Fault::Zero => self.is_well_above_zero(),
        };
        if self.bad < 2 && !certain {
            return;
        }
        let what = match fault {
            Fault::NotFinite(value) if value.is_nan() => "is NaN".to_owned(),
            Fault::NotFinite(_) => "is infinite".to_owned(),
            Fault::Missing => "is missing from its records, which is how a NaN is printed here,".to_owned(),
            Fault::Zero => "is exactly 0, which is how a NaN is printed here,".to_owned(),
        };
        let good = self
            .last_good
            .map_or_else(String::new, |step| format!("; last good step {step}"));
        let severity = if self.bad >= 2 {
            Severity::Critical
        } else {
            Severity::Warning
        };
        let message = format!("Loss {what} since step {since}{good}");
        alerts.raise(
            Alert::at(step, KIND, severity)
                .since(since)
                .value(
                    if let Fault::NotFinite(value) = fault {
                        value
                    } else {
                        0.0
                    },
                    f64::INFINITY,
                )
                .says(message, REMEDY),
        );
    }

    fn watch_gradient(&mut self, step: u64, gradient: f64, loss_is_bad: bool, alerts: &mut AlertLog) {
        if gradient.is_finite() {
            self.bad_gradients = 0;
            self.good_gradients += 1;
            if self.good_gradients == CLEAR_AFTER {
                alerts.clear(GRADIENT_KIND, step);
            }
            return;
        }
        self.good_gradients = 0;
        self.bad_gradients += 1;
        if loss_is_bad || self.has_loss_scale {
            return;
        }
        let word = if gradient.is_nan() { "NaN" } else { "infinite" };
        let severity = if self.bad_gradients >= 2 {
            Severity::Warning
        } else {
            Severity::Info
        };
        let message = format!("Gradient norm is {word} at step {step} while the loss is finite");
        alerts.raise(
            Alert::at(step, GRADIENT_KIND, severity)
                .value(gradient, f64::INFINITY)
                .says(message, GRADIENT_REMEDY),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    #[test]
    fn a_loss_that_is_lost_with_its_evaluation_is_critical_at_once() {
        let severity = |eval: f64| {
            let mut alerts = AlertLog::default();
            let mut batch = Records::default();
            batch.push(
                330,
                &[(Quantity::TrainLoss, f64::NAN), (Quantity::EvalLoss, eval)],
            );
            NonFinite::default().observe(&batch.row(0), &Context::default(), &mut alerts);
            alerts
                .all()
                .iter()
                .find(|alert| alert.kind == KIND)
                .map(|alert| alert.severity)
        };
        assert_eq!(severity(f64::NAN), Some(Severity::Critical));
        assert_eq!(severity(2.5), Some(Severity::Warning));
    }

    /// The step of the first alert over these losses and gradient norms.
    fn first(records: &[(f64, f64)]) -> Option<u64> {
        let mut detector = NonFinite::default();
        let mut alerts = AlertLog::default();
        for (step, (loss, gradient)) in (0..).zip(records) {
            let mut batch = Records::default();
            batch.push(
                step,
                &[(Quantity::TrainLoss, *loss), (Quantity::GradNorm, *gradient)],
            );
            detector.observe(&batch.row(0), &Context::default(), &mut alerts);
        }
        alerts.all().first().map(|alert| alert.raised_at_step)
    }

    #[test]
    fn a_zero_hides_a_nan_but_not_in_the_loss_of_a_policy() {
        assert_eq!(first(&[(2.5, 0.5), (2.4, 0.5), (0.0, 0.5)]), Some(2));
        assert_eq!(first(&[(0.0, f64::NAN), (0.0, f64::NAN)]), Some(1));
        // GRPO begins every step at 0, and goes to either side of it.
        assert_eq!(
            first(&[(0.0, 0.4), (0.002, 0.3), (0.0, 0.5), (-0.01, 0.5), (0.0, 0.4)]),
            None
        );
        assert_eq!(first(&[(0.0006, 0.4), (0.0, 0.4), (0.0, 0.3)]), None);
    }
}
