//! nanoGPT: `iter 10: loss 9.4251, time 425.11ms, mfu 38.12%` and
//! `step 250: train loss 3.9, val loss 3.8`.
//!
//! lit-llama and TinyLlama print `iter 88 step 22: loss 6.0428, iter time: 813.77ms (optimizer.step)` and
//! `step 200: val loss 5.1, val time: 3221.11ms`, where both count iterations.
//!
//! The `train loss` of a `step` line is an estimate on as many batches as the `val loss`: where
//! there are losses of iterations it is not the curve.

use super::scan::{NameFinder, named_numbers};
use super::{Fields, Grammar, Match};
use crate::format::roles::whole;

/// The grammar.
#[derive(Debug, Default)]
pub struct Nanogpt {
    names: NameFinder,
}

impl Grammar for Nanogpt {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some(total) = line.split("max_iters = ").nth(1) {
            fields.total = total
                .split_whitespace()
                .next()
                .and_then(|total| total.parse().ok());
            return Match::Notice;
        }
        let train = counted(line, "iter ").is_some_and(|rest| rest.starts_with(": loss "));
        // lit-llama and TinyLlama count the same iterations there, and have no estimate.
        let eval = counted(line, "step ")
            .is_some_and(|rest| rest.starts_with(": train loss ") || rest.starts_with(": val loss "));
        if !train && !eval {
            return Match::No;
        }
        named_numbers(line, |named| match (self.names.find(named.words).0, named.unit) {
            ("iter", _) if train => fields.step = whole(named.value),
            ("step", _) if eval => fields.step = whole(named.value),
            ("time", "ms") => fields.values.push(("iter_time", named.value / 1000.0)),
            ("time", _) => {}
            (name, _) => fields.values.push((name, named.value)),
        });
        fields.alone = true;
        if fields.step.is_some() {
            Match::Record
        } else {
            Match::No
        }
    }
}

/// What follows `word` and a whole number.
fn counted<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let at = memchr::memmem::find(line.as_bytes(), word.as_bytes())?;
    let rest = line.get(at + word.len()..)?.trim_start_matches(' ');
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 { None } else { rest.get(digits..) }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn lines_without_a_time_below_epochs_are_of_another_script() {
        let content: String = (1..3)
            .flat_map(|epoch| {
                let losses = (1..4).map(move |at| format!("iter {at}0: loss {epoch}.{at}\n"));
                std::iter::once(format!("Epoch {epoch}/2\n")).chain(losses)
            })
            .collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [10, 20, 30, 40, 50, 60]);
    }

    #[test]
    fn steps_and_iterations() {
        let content = "Overriding: max_iters = 5000\n\
            step 0: train loss 10.9914, val loss 10.9897\n\
            iter 0: loss 10.9886, time 43204.77ms, mfu -100.00%\n\
            2023-03-22 09:33:22 iter 3040: loss nan, time 1016.57ms, mfu 14.78%\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!((read.format, read.decoded.total_steps), ("nanogpt", Some(5000)));
        let records = &read.decoded.records;
        assert_eq!(records.steps(), [0, 0, 3040]);
        assert_eq!(records.value(0, Quantity::EvalLoss), Some(10.9897));
        assert_eq!(records.value(0, Quantity::TrainLoss), None);
        assert_eq!(records.value(0, Quantity::TrainEstimate), Some(10.9914));
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(10.9886));
        assert!(
            records
                .value(1, Quantity::StepTime)
                .is_some_and(|time| (time - 43.20477).abs() < 1e-9)
        );
        assert!(records.value(2, Quantity::TrainLoss).is_some_and(f64::is_nan));

        let evaluations = "step 0: train loss 10.9914, val loss 10.9897\n\
            step 250: train loss 5.25, val loss 5.5\n\
            step 500: train loss 4.25, val loss 4.5\n";
        let read = read_all(evaluations.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(5.25));
        assert_eq!(records.value(1, Quantity::TrainEstimate), None);
    }
}
