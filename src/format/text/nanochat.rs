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
    total: Option<u64>,
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
            // The stages spell it differently.
            ("Training loss", _) => fields.values.push(("loss", named.value)),
            ("Validation bpb" | "Validation loss", _) => fields.values.push(("validation", named.value)),
            ("dt", "ms") => fields.values.push(("step_time", named.value / 1000.0)),
            ("total time", "m") => fields.values.push(("elapsed", named.value * 60.0)),
            (name, _) => fields.values.push((name, named.value)),
        });
        let Some(step) = fields.step else {
            return Match::No;
        };
        fields.alone = fields.total.is_some();
        if train && fields.total.is_none() {
            fields.total = self.total_from_share(line, step);
        }
        self.total = fields.total.or(self.total);
        Match::Record
    }
}

impl Nanochat {
    /// Stages after the first print no total, but how far they are: `step 00100 (13.03%)`.
    /// Returned only where what is known so far contradicts it.
    fn total_from_share(&self, line: &str, step: u64) -> Option<u64> {
        /// Half the last digit that is printed.
        const ROUNDING: f64 = 0.005;
        let share = line.split_once('(')?.1.split_once("%)")?.0;
        let share: f64 = share.parse().ok().filter(|share| *share > 10.0 * ROUNDING)?;
        let total = |share: f64| step as f64 * 100.0 / share;
        let fits = |known: u64| {
            let known = known as f64;
            known + 1.0 >= total(share + ROUNDING) && known - 1.0 <= total(share - ROUNDING)
        };
        if self.total.is_some_and(fits) {
            return None;
        }
        whole(total(share))
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn later_stages_have_names_and_totals_of_their_own() {
        let content = "step 00001/21400 (0.00%) | loss: 10.8 | lrm: 1.00 | dt: 639.21ms\n\
            step 00001 (0.20%) | loss: 1.345409 | lrm: 1.00 | dt: 600.00ms\n\
            step 00770 (99.83%) | loss: 1.305023 | lrm: 0.01 | dt: 600.00ms\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.total_steps, Some(771));
        let content = "Step 00000 | Validation loss: 1.0\nStep 00000/00682 | Training loss: 0.747464| lrm: 1.000000| num_tokens: 10,405\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.value(1, Quantity::TrainLoss), Some(0.747464));
        assert_eq!(read.decoded.total_steps, Some(682));
    }

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
