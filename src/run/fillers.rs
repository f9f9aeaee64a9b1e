//! Evaluations that were not made.
//!
//! A script that evaluates every so often and writes a row at every step has to write something in
//! between: `val_loss = float("nan")`. Such a value says nothing, while that of an evaluation which
//! went wrong says a lot.

use std::borrow::Cow;

use crate::format::records::Records;
use crate::metric::Quantity;

/// Tells the two apart by what stood in most rows so far: a log is read while it is written, and
/// what comes later must not be waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fillers {
    /// Rows with a train loss and a loss on held-out data, both finite.
    evaluated: u64,
    /// Those whose loss on held-out data alone is no number.
    filled: u64,
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
                (Some(train), Some(_)) if train.is_finite() => {
                    self.filled += 1;
                    if self.filled >= self.evaluated {
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
    }
}
