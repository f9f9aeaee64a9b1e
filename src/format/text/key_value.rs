//! Any other text log: numbers with names, among them a step and a loss.
//!
//! The fallback. It reads what people print in their own scripts (`step 10/4000 |
//! loss 4.7 | lr 1e-4`, `global_step=50 train_loss=9.4`) and must see several such
//! lines with growing steps before it is believed.

use super::scan::{NameFinder, named_numbers, push_value};
use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::metric::{Quantity, Role};

/// The grammar.
#[derive(Debug, Default)]
pub struct KeyValue {
    names: NameFinder,
}

impl Grammar for KeyValue {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if !line.bytes().any(|byte| byte.is_ascii_digit()) || is_bar(line) {
            return Match::No;
        }
        if let Some((name, step, value)) = loss_at(line) {
            fields.step = Some(step);
            fields.values.push((name, value));
        }
        let mut step_rank = None;
        let mut evaluated = false;
        let stated = fields.step.is_some();
        named_numbers(line, |named| {
            if named.words.contains("best") {
                return;
            }
            let (name, fit) = self.names.find(named.words);
            match fit.map(|fit| (fit.role, fit.rank)) {
                Some((Role::Step, _)) if stated => {}
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
                    push_value(fields, name, fit, &named);
                }
                _ => fields.values.push((name, named.value)),
            }
        });
        fields.alone = !stated;
        if stated || (step_rank.is_some() && fields.values.len() > 1) {
            Match::Record
        } else if evaluated {
            fields.total = None;
            Match::Record
        } else {
            Match::No
        }
    }
}

/// A progress bar counts something of its own.
fn is_bar(line: &str) -> bool {
    memchr::memchr(b'|', line.as_bytes()).is_some() && super::progress::bar(line).is_some()
}

/// `Eval loss at step 1000: 4.18`: the counter stands between the name and the value.
/// Without its name (`loss at 404 1.79`) nobody knows what it counts.
fn loss_at(line: &str) -> Option<(&str, u64, f64)> {
    let at = memchr::memmem::find(line.as_bytes(), b"loss at ")?;
    let name_end = at + "loss".len();
    let before = line.get(..at)?;
    let name_start = before
        .trim_end_matches(' ')
        .rfind(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .map_or(0, |index| index + 1);
    let rest = line.get(at + "loss at ".len()..)?;
    let rest = ["step ", "iteration ", "iter ", "update "]
        .iter()
        .find_map(|word| rest.strip_prefix(word))?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let step = rest.get(..digits)?.parse().ok()?;
    let value = rest.get(digits..)?.trim_start_matches([':', '=', ' ']);
    let value = value.split([',', ' ', ';', '|']).next()?;
    let name = line.get(name_start..name_end)?.trim();
    Some((name, step, number::parse(value)?))
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
    fn the_counter_may_stand_inside() {
        let content = "2025-01-14 12:57:48.009 | INFO     | __main__:main:508 - Eval loss at step 1000: 4.184157371520996,tokens_seen: 99962688\nEval loss at step 2000: 3.7,tokens_seen: 199921040\nEval loss at step 3000: 3.5,tokens_seen: 299932842\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [1000, 2000, 3000]);
        assert_eq!(
            read.decoded.records.value(0, Quantity::EvalLoss),
            Some(4.184157371520996)
        );
        assert_eq!(
            read.decoded.records.value(0, Quantity::Tokens),
            Some(99_962_688.0)
        );
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
