//! A gap between train and eval loss that widens.
//!
//! Noted, never more, when the eval loss has risen in [`RISES`] evaluations in a row, by
//! more than 1% of its best in all, while the train loss went on falling. When the train
//! loss is near zero by then this may be the wait before delayed generalisation
//! ("grokking"), and the note says so. Clears with a new best eval loss.

use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;

const KIND: &str = "overfitting";
const RISES: u32 = 3;
const RISE: f64 = 0.01;
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
    last_eval: Option<f64>,
    best: Option<(f64, u64, f64)>,
    rises: u32,
}

impl Detector for Overfitting {
    fn watches(&self) -> &'static [Quantity] {
        &[Quantity::TrainLoss, Quantity::EvalLoss]
    }

    fn expects_the_loss_to_fall(&self) -> bool {
        true
    }

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        if let Some(loss) = row.value(Quantity::TrainLoss).filter(|loss| loss.is_finite()) {
            self.first_train.get_or_insert(loss);
            let smooth = self.train.get_or_insert(loss);
            *smooth += SMOOTHING * (loss - *smooth);
        }
        let eval = row.value(Quantity::EvalLoss).filter(|loss| loss.is_finite());
        let (Some(eval), Some(train)) = (eval, self.train) else {
            return;
        };
        let step = row.step();
        let last = self.last_eval.replace(eval);
        let Some((best, at, train_then)) = self.best.filter(|(best, ..)| eval >= *best) else {
            self.best = Some((eval, step, train));
            self.rises = 0;
            alerts.clear(KIND, step);
            return;
        };
        self.rises = if last.is_some_and(|last| eval > last) {
            self.rises + 1
        } else {
            0
        };
        if self.rises < RISES || eval - best < RISE * best.abs() || train >= train_then {
            return;
        }
        let learnt = self.first_train.is_some_and(|first| train < LEARNT * first);
        let pattern = if learnt {
            "; the training set is learnt, so this may also be the wait before delayed generalisation"
        } else {
            ""
        };
        let message = format!(
            "Eval loss has risen from {best:.4} (step {at}) to {eval:.4} while the train loss falls{pattern}"
        );
        alerts.raise(
            Alert::at(step, KIND, Severity::Info)
                .since(at)
                .value(eval, best * (1.0 + RISE))
                .says(message, REMEDY),
        );
    }

    fn rewound(&mut self, step: u64) {
        self.rises = 0;
        self.last_eval = None;
        if self.best.is_some_and(|(_, at, _)| at >= step) {
            self.best = None;
        }
    }
}
