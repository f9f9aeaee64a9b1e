//! Hugging Face `trainer_state.json`: one document with a `log_history`.

use serde_json::Value;

use super::hints::Place;
use super::json_lines::{parse_line, quote_bare_words, sums_up};
use super::number;
use super::records::{Decoded, How};
use super::roles::{Draft, Roles};
use super::{Claim, Column, Decoder, DocumentDecoder, Format, Sample};
use crate::metric::Names;

/// The format.
pub struct TrainerState;

impl Format for TrainerState {
    fn name(&self) -> &'static str {
        "trainer_state"
    }

    fn claim(&self, sample: &Sample, _names: &Names) -> Option<Claim> {
        let document = sample.head.trim_ascii_start().starts_with(b"{");
        let history = memchr::memmem::find(sample.head, b"\"log_history\"").is_some()
            || memchr::memmem::find(sample.tail, b"\"log_history\"").is_some();
        // ms-swift ends its JSON lines with one that holds the whole history.
        let first = sample.lines().find(|line| !line.trim_ascii().is_empty());
        let lines = first.is_some_and(|line| {
            line.trim_ascii_end().len() < sample.head.trim_ascii().len() && parse_line(line).is_some()
        });
        (document && history && !lines).then_some(Claim {
            records: 1,
            certain: true,
            ..Claim::default()
        })
    }

    fn decoder(&self, _sample: &Sample, names: &Names) -> Decoder {
        Decoder::Document(Box::new(TrainerStateDecoder {
            roles: Roles::new(names, []),
        }))
    }
}

struct TrainerStateDecoder {
    roles: Roles,
}

impl DocumentDecoder for TrainerStateDecoder {
    fn document(&mut self, content: &[u8], out: &mut Decoded) -> Result<(), String> {
        let state: Value = serde_json::from_slice(content)
            .or_else(|_| serde_json::from_slice(&quote_bare_words(content)))
            .map_err(|error| error.to_string())?;
        let history = state
            .get("log_history")
            .and_then(Value::as_array)
            .ok_or_else(|| "it has no log_history".to_owned())?;
        out.total_steps = state
            .get("max_steps")
            .and_then(Value::as_u64)
            .filter(|steps| *steps > 0);
        for name in ["max_steps", "num_train_epochs", "logging_steps"] {
            if let Some(value) = state.get(name).filter(|value| value.is_number()) {
                out.hints.state(name, &value.to_string(), Place::Configuration);
            }
        }
        for (index, row) in history.iter().enumerate() {
            out.lines += 1;
            self.row(index, row, out);
        }
        Ok(())
    }

    fn columns(&self) -> Vec<Column> {
        self.roles.columns()
    }
}

impl TrainerStateDecoder {
    fn row(&mut self, index: usize, row: &Value, out: &mut Decoded) {
        let Some(fields) = row.as_object() else {
            return out.skip(index as u64 + 1, "an entry of log_history that is no object", b"");
        };
        if sums_up(fields) {
            if let Some(step) = fields.get("step").and_then(Value::as_u64) {
                out.end(Some(step), How::Finished);
            }
            return out.ignored += 1;
        }
        let mut draft = Draft::default();
        for (name, value) in fields {
            let Some(role) = self.roles.take(name, out) else {
                continue;
            };
            if let Some(number) = number::of_json(value) {
                draft.set(role, number, out);
            }
        }
        match draft.step {
            Some(step) if !draft.is_empty() => draft.push(step, out),
            Some(_) => out.ignored += 1,
            None => out.skip(index as u64 + 1, "an entry of log_history without a step", b""),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn json_lines_that_end_with_a_history_are_lines() {
        let content = "{\"loss\": 2.5, \"global_step/max_steps\": \"1/2\", \"elapsed_time\": \"1m 6s\"}\n{\"loss\": 2.0, \"global_step/max_steps\": \"2/2\"}\n{\"best_metric\": null, \"log_history\": [{\"loss\": 2.5, \"step\": 1}]}\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(
            (read.format, read.decoded.records.steps()),
            ("jsonl", &[1, 2][..])
        );
        assert_eq!(read.decoded.records.value(0, Quantity::Elapsed), Some(66.0));
    }

    #[test]
    fn history_without_its_summary() {
        let content = br#"{"max_steps": 100, "log_history": [
            {"epoch": 0.1, "loss": 3.5, "learning_rate": 1e-5, "grad_norm": NaN, "step": 10},
            {"epoch": 0.1, "eval_loss": 3.4, "eval_runtime": 1.0, "step": 10},
            {"epoch": 1.0, "train_loss": 3.0, "train_runtime": 9.0, "total_flos": 1.0, "step": 100}
        ]}"#;
        let read = read_all(content, &Names::default()).unwrap();
        assert_eq!(read.format, "trainer_state");
        assert_eq!(read.decoded.total_steps, Some(100));
        assert_eq!(read.decoded.hints.total_steps(), Some(100));
        assert_eq!(read.decoded.records.steps(), [10, 10]);
        assert!(
            read.decoded
                .records
                .value(0, Quantity::GradNorm)
                .is_some_and(f64::is_nan)
        );
        assert_eq!(read.decoded.records.value(1, Quantity::EvalLoss), Some(3.4));
    }

    #[test]
    fn half_a_document_is_an_error_that_says_where() {
        let error = read_all(b"{\"log_history\": [{\"step\": 1, \"loss\":", &Names::default()).unwrap_err();
        assert!(error.contains("line 1"), "{error}");
    }
}
