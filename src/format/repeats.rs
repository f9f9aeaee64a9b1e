//! Records that are written more than once: by every rank of a job, or once in a line
//! and again in a summary.

use std::collections::VecDeque;

use crate::format::roles::Draft;
use crate::metric::Quantity;

/// Remembers the last records, to see which are repetitions.
#[derive(Debug, Default)]
pub struct Repeats {
    /// Step, what was logged, and the rank that wrote it.
    labelled: VecDeque<(u64, u16, u32)>,
    /// More than one rank has written.
    several: bool,
    /// Step and value of the last losses.
    train: Option<(u64, f64)>,
    eval: Option<(u64, f64)>,
}

/// Ranks write nearly at the same time: a repetition is among the last few records.
const REMEMBERED: usize = 256;

impl Repeats {
    /// True when the record holds something new; what it repeats is taken out of it.
    ///
    /// Of several ranks that write the same step the first to do so counts. Without
    /// ranks a loss is a repetition when the same step had the same value just before.
    pub fn is_news(&mut self, step: u64, draft: &mut Draft, rank: Option<u32>) -> bool {
        if let Some(rank) = rank {
            let what = draft.present();
            if let Some((_, _, last)) = self.labelled.back()
                && !self.several
            {
                if *last == rank {
                    // As long as one rank writes alone its last record is all that matters.
                    self.labelled.clear();
                } else {
                    self.several = true;
                }
            }
            let repeated = self
                .labelled
                .iter()
                .any(|(known, kind, writer)| *known == step && *kind == what && *writer != rank);
            if repeated {
                return false;
            }
            self.labelled.push_back((step, what, rank));
            if self.labelled.len() > REMEMBERED {
                self.labelled.pop_front();
            }
        }
        let mut removed = false;
        for (quantity, last) in [
            (Quantity::TrainLoss, &mut self.train),
            (Quantity::EvalLoss, &mut self.eval),
        ] {
            let Some(value) = draft.get(quantity) else {
                continue;
            };
            if last.is_some_and(|(known, before)| known == step && same(before, value)) {
                draft.remove(quantity);
                removed = true;
            }
            *last = Some((step, value));
        }
        !removed || draft.has_loss()
    }
}

fn same(one: f64, other: f64) -> bool {
    one.to_bits() == other.to_bits()
        || (one - other).abs() <= 1e-6 * one.abs()
        || (one.is_nan() && other.is_nan())
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn every_rank_writes_and_one_counts() {
        let mut content = String::new();
        for step in 1..20 {
            for rank in [3, 0, 2, 1] {
                content.push_str(&format!(
                    "[rank{rank}]:[titan] 2026-05-18 16:04:46,338 - root - INFO - step: {step}  loss:  {}  memory:  9.46GiB(64.99%)  tps: 7,282\n",
                    3.0 + f64::from(rank) * 0.1
                ));
            }
        }
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), (1..20).collect::<Vec<u64>>());
        assert_eq!(read.decoded.records.value(18, Quantity::TrainLoss), Some(3.3));
    }

    #[test]
    fn a_summary_repeats_no_point() {
        let content = "global_step=50 train_loss=9.4 lr=1e-4\nglobal_step=100 train_loss=9.1 lr=1e-4\nglobal_step=150 train_loss=9.0 lr=1e-4\n\
            [Epoch 1] global_step=150 train_loss=9.0\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [50, 100, 150]);
    }
}
