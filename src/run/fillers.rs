//! Evaluations that were not made.
//!
//! A script that evaluates every so often and writes a row at every step has to write something in
//! between: `val_loss = float("nan")`. Such a value says nothing, while that of an evaluation which
//! went wrong says a lot.

use std::borrow::Cow;

use crate::format::records::Records;
use crate::metric::Quantity;

/// Epochs without a single finite evaluation, after which those that were no number are no fillers.
const MOST_EPOCHS: u32 = 20;

/// Tells the two apart by what stood in most rows so far: a log is read while it is written, and
/// what comes later must not be waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fillers {
    /// Rows with a train loss and a loss on held-out data, both finite.
    evaluated: u64,
    /// Those whose loss on held-out data alone is no number.
    filled: u64,
    /// Epochs in which there were such.
    epochs: u32,
    last_epoch: Option<f64>,
}

impl Fillers {
    /// The records without such values.
    pub fn take_out<'a>(&mut self, records: &'a Records) -> Cow<'a, Records> {
        let mut kept = Cow::Borrowed(records);
        if !records.has(Quantity::EvalLoss) {
            return kept;
        }
        for (index, row) in records.rows().enumerate() {
            let (train, eval) = (row.value(Quantity::TrainLoss), row.value(Quantity::EvalLoss));
            match (train, eval) {
                (Some(train), Some(eval)) if train.is_finite() && eval.is_finite() => self.evaluated += 1,
                (Some(train), Some(eval)) if train.is_finite() && eval.is_nan() => {
                    self.filled += 1;
                    let epoch = row.value(Quantity::Epoch).map(f64::floor);
                    if epoch != self.last_epoch {
                        self.epochs = self.epochs.saturating_add(1);
                        self.last_epoch = epoch;
                    }
                    // Every script evaluates once in so many epochs, though not in so many steps.
                    let never = self.evaluated == 0 && self.epochs >= MOST_EPOCHS;
                    if self.filled >= self.evaluated && !never {
                        kept.to_mut().take_out(index, Quantity::EvalLoss);
                    }
                }
                _ => {}
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    /// The rows that keep their evaluation.
    fn kept(rows: &[(f64, f64)]) -> Vec<u64> {
        let mut fillers = Fillers::default();
        let kept = (1..).zip(rows).flat_map(|(step, (train, eval))| {
            let mut records = Records::default();
            records.push(
                step,
                &[(Quantity::TrainLoss, *train), (Quantity::EvalLoss, *eval)],
            );
            let kept = fillers.take_out(&records);
            kept.points(Quantity::EvalLoss)
                .map(|(step, _)| step)
                .collect::<Vec<_>>()
        });
        kept.collect()
    }

    #[test]
    fn what_stands_between_evaluations_is_none() {
        let every_third = |from: u64| -> Vec<(f64, f64)> {
            let eval = |step| if step % 3 == 0 { 2.0 } else { NAN };
            (from..from + 9).map(|step| (2.5, eval(step))).collect()
        };
        assert_eq!(kept(&every_third(1)), [3, 6, 9]);
        assert_eq!(kept(&every_third(0)), [1, 4, 7]);
        assert!(kept(&[(2.5, NAN); 9]).is_empty());
        let later: Vec<(f64, f64)> = [(2.5, NAN); 3].into_iter().chain([(2.5, 2.0); 6]).collect();
        assert_eq!(kept(&later), [4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn what_went_wrong_is_kept() {
        let lost: Vec<(f64, f64)> = [(2.5, 2.0); 4].into_iter().chain([(2.5, NAN); 2]).collect();
        assert_eq!(kept(&lost), [1, 2, 3, 4, 5, 6]);
        assert_eq!(kept(&[(NAN, NAN); 3]), [1, 2, 3]);
        let infinite = [(2.5, f64::INFINITY); 3];
        assert_eq!(kept(&infinite), [1, 2, 3]);
    }

    #[test]
    fn what_is_no_number_in_epoch_after_epoch_is_told() {
        let first_kept = |steps_of_epoch: u64| {
            let mut fillers = Fillers::default();
            (1..100_u64).find(|step| {
                let mut records = Records::default();
                let epoch = step.div_ceil(steps_of_epoch) as f64;
                let row = [
                    (Quantity::TrainLoss, 2.5),
                    (Quantity::EvalLoss, NAN),
                    (Quantity::Epoch, epoch),
                ];
                records.push(*step, &row);
                fillers
                    .take_out(&records)
                    .points(Quantity::EvalLoss)
                    .next()
                    .is_some()
            })
        };
        assert_eq!(first_kept(1), Some(20));
        assert_eq!(first_kept(4), Some(77));
        assert_eq!(first_kept(50), None);
    }
}
