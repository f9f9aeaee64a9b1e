//! Any other text log: numbers with names, among them a step and a loss.
//!
//! The fallback. It reads what people print in their own scripts (`step 10/4000 |
//! loss 4.7 | lr 1e-4`, `global_step=50 train_loss=9.4`) and must see several such
//! lines with growing steps before it is believed.

use super::scan::{NameFinder, named_numbers};
use super::{Fields, Grammar, Match};
use crate::metric::{Quantity, Role};

/// The grammar.
#[derive(Debug, Default)]
pub struct KeyValue {
    names: NameFinder,
}

impl Grammar for KeyValue {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if !line.bytes().any(|byte| byte.is_ascii_digit()) {
            return Match::No;
        }
        let mut step_rank = None;
        let mut evaluated = false;
        named_numbers(line, |named| {
            if named.words.contains("best") {
                return;
            }
            let (name, fit) = self.names.find(named.words);
            match fit.map(|fit| (fit.role, fit.rank)) {
                Some((Role::Step, rank)) => {
                    // Of several counters the best one's total holds.
                    if step_rank.is_none_or(|best| rank < best) {
                        step_rank = Some(rank);
                        fields.total = named.of;
                    }
                    fields.values.push((name, named.value));
                }
                Some((Role::Value { quantity, .. }, _)) => {
                    evaluated |= quantity == Quantity::EvalLoss;
                    let time = matches!(
                        quantity,
                        Quantity::StepTime | Quantity::Elapsed | Quantity::WallTime
                    );
                    match (time, named.unit) {
                        (false, _) | (true, "" | "s") => fields.values.push((name, named.value)),
                        (true, "ms") => fields.values.push((name, named.value / 1000.0)),
                        _ => {}
                    }
                }
                _ => fields.values.push((name, named.value)),
            }
        });
        if step_rank.is_some() && fields.values.len() > 1 {
            Match::Record
        } else if evaluated {
            fields.total = None;
            Match::Record
        } else {
            Match::No
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn a_scripts_own_lines() {
        let content = "2026-11-23 22:35:33,545 - INFO - train.fam-wsd - step 0/4000 | loss 4.8594 | lr 1.500e-05 | grad_norm 1.263 | attn_max 3.65 | logz 4.860 | 389 tok/s\n\
            2026-11-23 22:35:33,690 - INFO - train.fam-wsd - step 10/4000 | loss 4.7298 | lr 1.650e-04 | grad_norm 1.429 | attn_max 3.79 | logz 4.853 | 72,844 tok/s\n\
            2026-11-23 22:35:34,666 - INFO - train.fam-wsd - eval | step 10 | val_loss 4.30923 | val_ppl 3.703\n\
            2026-11-23 22:35:35,690 - INFO - train.fam-wsd - step 20/4000 | loss 4.4298 | lr 1.650e-04 | grad_norm 1.429\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!((read.format, read.decoded.total_steps), ("key-value", Some(4000)));
        let records = &read.decoded.records;
        assert_eq!(records.steps(), [0, 10, 10, 20]);
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(4.7298));
        assert_eq!(records.value(1, Quantity::LogPartition), Some(4.853));
        assert_eq!(records.value(2, Quantity::EvalLoss), Some(4.30923));
        let elapsed =
            records.value(3, Quantity::Elapsed).unwrap() - records.value(0, Quantity::Elapsed).unwrap();
        assert!((elapsed - 2.145).abs() < 1e-6);
    }

    #[test]
    fn the_global_counter_beats_the_local_one() {
        let content = (1..5)
            .map(|step| format!("[2026-03-17 19:18:02][Epoch 001][Step 0050/1200] global_step={} train_loss=9.4 train_ppl=13200.12 lr=0.000036\n", step * 50))
            .collect::<String>();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [50, 100, 150, 200]);
        assert_eq!(read.decoded.total_steps, None);
    }

    #[test]
    fn prose_and_source_are_no_logs() {
        for text in [
            "In step 3 we found a loss of 2.5 euros.\nThen came step 1.\n",
            "print(f\"step {step} loss {loss:.4f}\")\nfor step in range(10):\n    loss = 0\n",
            "usage: train.py [-h] [--max_steps 100] [--loss 3]\n",
        ] {
            assert!(read_all(text.as_bytes(), &Names::default()).is_err(), "{text}");
        }
    }
}
