//! nanochat: `step 00001/21400 (0.00%) | loss: 10.808654 | lrm: 1.00 | dt: 639.21ms`.
//!
//! The loss is an average over recent steps; `lrm` multiplies several learning rates.

use super::scan::{NameFinder, named_numbers};
use super::{Fields, Grammar, Match};
use crate::format::roles::whole;

/// The grammar.
#[derive(Debug, Default)]
pub struct Nanochat {
    names: NameFinder,
}

impl Grammar for Nanochat {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let has = |part: &str| memchr::memmem::find(line.as_bytes(), part.as_bytes()).is_some();
        let train = has("tep ") && has("lrm:") && has("loss:");
        let eval = has("Step ") && (has("| Validation bpb:") || has("| Validation loss:"));
        if !train && !eval {
            return Match::No;
        }
        named_numbers(line, |named| match (self.names.find(named.words).0, named.unit) {
            ("step" | "Step", _) => {
                fields.step = whole(named.value);
                fields.total = named.of;
            }
            ("dt", "ms") => fields.values.push(("step_time", named.value / 1000.0)),
            ("total time", "m") => fields.values.push(("elapsed", named.value * 60.0)),
            (name, _) => fields.values.push((name, named.value)),
        });
        if fields.step.is_some() {
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
    fn train_and_validation_lines() {
        let content = "Step 00000 | Validation bpb: 3.3013\r\n\
            step 00001/21400 (0.00%) | loss: 10.808654 | lrm: 1.00 | dt: 639.21ms | tok/sec: 820,214 | mfu: 36.20 | total time: 0.00m\r\n\
            step 00190/21400 (0.89%) | loss: 4.294427 | grad norm: 0.4359 | lrm: 1.00 | dt: 600.00ms | tok/sec: 820,214\r\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(
            (read.format, read.decoded.total_steps),
            ("nanochat", Some(21_400))
        );
        let records = &read.decoded.records;
        assert_eq!(records.steps(), [0, 1, 190]);
        assert_eq!(records.value(0, Quantity::EvalLoss), Some(3.3013));
        assert!(
            records
                .value(1, Quantity::StepTime)
                .is_some_and(|time| (time - 0.63921).abs() < 1e-9)
        );
        assert_eq!(records.value(2, Quantity::GradNorm), Some(0.4359));
        assert_eq!(records.value(2, Quantity::LearningRate), Some(1.0));
    }
}
