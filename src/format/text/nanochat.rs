//! nanochat: `step 00001/21400 (0.00%) | loss: 10.808654 | lrm: 1.00 | dt: 639.21ms`.
//!
//! The loss is an average over recent steps; `lrm` multiplies several learning rates. And
//! autoresearch, which trains for a given time and tells its results below a `---`.

use super::dialect::holds_one_of;
use super::scan::{NameFinder, named_numbers};
use super::share_done::ShareDone;
use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;

/// The grammar.
#[derive(Debug, Default)]
pub struct Nanochat {
    names: NameFinder,
    done: ShareDone,
    /// The last train step.
    reached: Option<u64>,
    /// Below the `---` behind which the results are told.
    in_results: bool,
}

impl Grammar for Nanochat {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let has = |part: &str| memchr::memmem::find(line.as_bytes(), part.as_bytes()).is_some();
        let train =
            has("tep ") && holds_one_of(line, &["lrm:", "lrm("]) && holds_one_of(line, &["loss:", "Loss:"]);
        let evaluations = [
            "| Validation bpb:",
            "| Validation loss:",
            "| Validation total loss:",
            ", Val loss:",
        ];
        let eval = has("Step ") && holds_one_of(line, &evaluations);
        if !train && !eval {
            self.in_results |= line.trim_end() == "---" && self.reached.is_some();
            return if self.in_results {
                self.result(line, fields)
            } else {
                Match::No
            };
        }
        self.in_results = false;
        let tells_total = has("Training total loss:");
        named_numbers(line, |named| match (self.names.find(named.words).0, named.unit) {
            ("step" | "Step", _) => {
                fields.step = whole(named.value);
                fields.total = named.of;
            }
            // The stages spell it differently.
            ("Training loss" | "Training total loss", _) => fields.values.push(("loss", named.value)),
            ("Validation bpb" | "Validation loss" | "Validation total loss" | "Val loss", _) => {
                fields.values.push(("validation", named.value));
            }
            // What is evaluated is the total too.
            ("LM loss", _) if tells_total => {}
            ("dt", "ms") => fields.values.push(("step_time", named.value / 1000.0)),
            ("total time", "m") => fields.values.push(("elapsed", named.value * 60.0)),
            // In another unit than ever it is garbled.
            ("dt" | "total time", _) => {}
            (name, _) => fields.values.push((name, named.value)),
        });
        let Some(step) = fields.step else {
            return Match::No;
        };
        fields.alone = fields.total.is_some();
        self.done.know(fields.total);
        if train {
            self.reached = Some(step);
            if fields.total.is_none() {
                // Stages after the first print no total: `step 00100 (13.03%)`.
                let inside = line.split_once('(').and_then(|(_, rest)| rest.split_once("%)"));
                fields.total = inside.and_then(|(percent, _)| self.done.total(step, percent));
            }
        }
        Match::Record
    }
}

impl Nanochat {
    /// A line of the results of autoresearch, which has a time to train and not a number of
    /// steps: `val_bpb:          0.997900`, and `num_steps:        953` when it is done.
    fn result<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let found = line.split_once(':');
        let Some((name, value)) = found.and_then(|(name, value)| Some((name, number::parse(value.trim())?)))
        else {
            return Match::No;
        };
        match name {
            "val_bpb" => {
                fields.step = self.reached;
                fields.values.push(("validation", value));
                Match::Record
            }
            "num_steps" => {
                fields.total = whole(value);
                (fields.step, fields.finished) = (self.reached, true);
                Match::Notice
            }
            _ => Match::No,
        }
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
    fn a_run_of_a_given_time_tells_its_results_at_the_end() {
        // The first steps are not timed.
        let share = |step: u32| 100.0 * f64::from(step.saturating_sub(10)) / 190.5;
        let line = |step| {
            format!(
                "\rstep {step:05} ({:.1}%) | loss: {:.6} | lrm: 1.00 | dt: 1575ms | epoch: 1 | remaining: 9s    ",
                share(step),
                9.0 - 0.02 * f64::from(step)
            )
        };
        let begun: String = (0..30).map(line).collect();
        let total = |content: &str| {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            read.decoded.total_steps
        };
        assert!(total(&begun).is_some_and(|total| total.abs_diff(201) < 6));
        let results = "\n---\nval_bpb:          1.419838\ntraining_seconds: 300.1\nnum_steps:        201\ndepth:            8\n";
        let content = (0..201).map(line).collect::<String>() + results;
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!((read.format, read.decoded.total_steps), ("nanochat", Some(201)));
        assert_eq!((records.len(), records.steps().last()), (202, Some(&200)));
        assert_eq!(records.value(201, Quantity::EvalLoss), Some(1.419838));
        assert_eq!(read.decoded.endings.len(), 1);
    }

    #[test]
    fn forks_name_their_losses_and_multipliers_otherwise() {
        for (train, evaluation) in [
            (
                "step 00250/05000 (5.00%) | loss: 4.25 | lrm(adam)=1.00, lrm(matrix)=1.00 | dt: 805.68ms",
                "Step 00250 | Validation bpb: 4.5",
            ),
            (
                "Step 00250/05000 | Loss: 4.25 | lrm: 0.880000 | tokens: 12,321 | weighted: 1233.2",
                "Step 00250 | Validation loss: 4.5",
            ),
            (
                "Step 00250/05000 | Training total loss: 4.25 | LM loss: 3.75 | Recon loss: 0.4 | lrm: 0.88 | num_tokens: 12,321",
                "Step 00250 | Validation total loss: 4.5",
            ),
            (
                "step 00250/05000 (5.00%) | loss: 4.25 | adam_lrm: 1.00 | muon_lrm: 1.00 | dt: 805.68ms",
                "Step 00250 | Train loss: 4.40, Val loss: 4.5",
            ),
        ] {
            let content = format!("{train}\n{evaluation}\n{}\n", train.replace("00250", "00251"));
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let points = |quantity| read.decoded.records.points(quantity).collect::<Vec<_>>();
            assert_eq!(
                (read.format, read.decoded.total_steps),
                ("nanochat", Some(5000)),
                "{train}"
            );
            assert_eq!(points(Quantity::TrainLoss), [(250, 4.25), (251, 4.25)], "{train}");
            assert_eq!(points(Quantity::EvalLoss), [(250, 4.5)], "{train}");
        }
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
