//! torchtitan: `step: 14  loss:  3.24405  grad_norm:  0.8319  memory: ..  tps: 7,282`.

use super::scan::{NameFinder, named_numbers};
use super::{Fields, Grammar, Match};
use crate::format::roles::whole;

/// What stands for the loss on a pipeline's ranks that do not have it.
const NOT_VISIBLE: f64 = -1.0;

/// The grammar.
#[derive(Debug, Default)]
pub struct Torchtitan {
    names: NameFinder,
    /// The loss is that of another rank, here or on some ranks of those that write the log.
    has_hidden_loss: bool,
}

impl Grammar for Torchtitan {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let has = |part: &str| memchr::memmem::find(line.as_bytes(), part.as_bytes()).is_some();
        if has("total steps ") && has("Training starts at step") {
            named_numbers(line, |named| {
                if named.words.ends_with("total steps") {
                    fields.total = whole(named.value);
                }
            });
            return Match::Notice;
        }
        if !has("step:") || !has("loss:") || !(has("tps:") || has("memory:")) {
            return Match::No;
        }
        let validation = has("validate step:");
        let mut hides_loss = false;
        named_numbers(line, |named| match self.names.find(named.words).0 {
            "step" => fields.step = whole(named.value),
            "loss" if named.value == NOT_VISIBLE => hides_loss = true,
            "loss" if validation => fields.values.push(("validation loss", named.value)),
            name => fields.values.push((name, named.value)),
        });
        if hides_loss && !std::mem::replace(&mut self.has_hidden_loss, true) {
            fields.unusable =
                Some("a loss of -1 stands for one that only the last stage of the pipeline knows");
            fields.relearn = true;
        }
        // Other lines with the same words have the loss.
        fields.alone = !self.has_hidden_loss;
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
    fn colours_and_rank_labels() {
        let content = "[titan] 2026-05-18 16:04:40,000 - root - INFO - Training starts at step 1, with local batch size 8, total steps 10000 (warmup 200)\n\
            [rank0]:[titan] 2026-05-18 16:04:46,338 - root - INFO - \x1b[31mstep: 14  \x1b[32mloss:  3.24405  \x1b[33mgrad_norm:  0.8319  memory:  9.46GiB(64.99%)  tps: 7,282  mfu: N/A\n\
            [titan] 2026-05-18 16:04:47,456 - root - INFO - validate step: 14  loss:  3.1234  memory: 9GiB tps: 1,000\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "torchtitan");
        assert_eq!(read.decoded.total_steps, Some(10_000));
        let records = &read.decoded.records;
        assert_eq!(records.steps(), [14, 14]);
        assert_eq!(records.value(0, Quantity::TrainLoss), Some(3.24405));
        assert_eq!(records.value(0, Quantity::GradNorm), Some(0.8319));
        assert_eq!(records.value(1, Quantity::EvalLoss), Some(3.1234));
    }

    #[test]
    fn a_rank_without_the_last_stage_has_no_loss() {
        let line = |step: u64, loss: &str| {
            format!(
                "[titan] 2026-04-20 00:06:32,730 - root - INFO - step: {step}  loss: {loss}  grad_norm:  3.5000  \
                 memory:  2.66GiB(8.47%)  tps: 99  tflops: 0.15  mfu: 0.05%\n"
            )
        };
        let hidden: String = (1..40).map(|step| line(step, "-1.00000")).collect();
        let read = read_all(hidden.as_bytes(), &Names::default()).unwrap();
        assert_eq!((read.format, read.decoded.records.len()), ("torchtitan", 39));
        assert!(!read.decoded.records.has(Quantity::TrainLoss));
        assert_eq!(read.decoded.records.value(7, Quantity::GradNorm), Some(3.5));
        assert!(read.decoded.bad_lines[0].reason.contains("pipeline"));
        // Two ranks in one log.
        let both: String = (1..40)
            .map(|step| line(step, "-1.00000") + &line(step, "2.50000"))
            .collect();
        let read = read_all(both.as_bytes(), &Names::default()).unwrap();
        let (_, losses) = read
            .decoded
            .records
            .values(Quantity::TrainLoss, 0..read.decoded.records.len());
        assert_eq!(losses.as_ref(), [2.5; 39]);
    }
}
