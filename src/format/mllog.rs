//! MLPerf's `:::MLLOG {"key": "train_loss", "value": 2.07, "metadata": {"samples_count": 80}}`,
//! anywhere in a line and among anything else.
//!
//! Where the batch size is stated, samples (or tokens) are counted in optimiser steps.
//! `eval_accuracy` is a loss for language models and an accuracy for the others.

use serde_json::{Map, Value};

use super::hints::{Fact, Place};
use super::json_lines::parts;
use super::number;
use super::records::{Decoded, How};
use super::roles::{Draft, Roles, whole};
use super::{Claim, Column, Decoder, Format, LineDecoder, Sample};
use crate::metric::{Names, Quantity, Role};

/// The format.
pub struct Mllog;

const MARK: &[u8] = b":::MLLOG {";

impl Format for Mllog {
    fn name(&self) -> &'static str {
        "mllog"
    }

    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim> {
        let marked = |part: &[u8]| memchr::memmem::find(part, MARK).is_some();
        if !marked(sample.head) && !marked(sample.tail) {
            return None;
        }
        let mut decoder = MllogDecoder::new(names);
        let mut decoded = Decoded::default();
        for (number, line) in sample.lines().enumerate() {
            decoder.line(number as u64, line, &mut decoded);
        }
        Some(Claim {
            records: decoded.records.len(),
            certain: true,
            ..Claim::default()
        })
    }

    fn decoder(&self, _sample: &Sample, names: &Names) -> Decoder {
        Decoder::Lines(Box::new(MllogDecoder::new(names)))
    }
}

/// Benchmarks whose `eval_accuracy` is a loss.
const LANGUAGE_MODELS: &[&str] = &[
    "gpt",
    "llama",
    "mixtral",
    "deepseek",
    "lora",
    "flux",
    "stable_diffusion",
];

struct MllogDecoder {
    roles: Roles,
    /// Samples of one step.
    batch: Option<f64>,
    /// Tokens of one sample.
    length: Option<f64>,
    benchmark: Option<String>,
    /// What `eval_accuracy` was taken for.
    accuracy_is_loss: Option<bool>,
}

impl MllogDecoder {
    fn new(names: &Names) -> Self {
        MllogDecoder {
            roles: Roles::new(names, []),
            batch: None,
            length: None,
            benchmark: None,
            accuracy_is_loss: None,
        }
    }

    fn event(&mut self, number: u64, json: &[u8], line: &[u8], out: &mut Decoded) {
        // Text may follow the object.
        let mut stream = serde_json::Deserializer::from_slice(json).into_iter::<Value>();
        let Some(Ok(Value::Object(event))) = stream.next() else {
            return out.skip(number, "not a complete MLLOG event", line);
        };
        let key = event.get("key").and_then(Value::as_str).unwrap_or_default();
        let value = event.get("value").unwrap_or(&Value::Null);
        let empty = Map::new();
        let metadata = event.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
        let mut draft = Draft::default();
        match (key, value) {
            ("tracked_stats", Value::Object(stats)) => {
                for (name, value) in stats {
                    self.take(name, value, &mut draft, out);
                }
            }
            // Of images there are several measures, none of them a loss.
            ("eval_accuracy", _)
                if metadata
                    .get("metric")
                    .is_some_and(|name| name == "FID" || name == "CLIP") => {}
            ("eval_accuracy", value) => {
                if let Some(value) = number::of_json(value).filter(|value| self.is_loss(*value)) {
                    draft.put(Quantity::EvalLoss, value);
                }
            }
            ("train_loss" | "loss" | "eval_loss" | "validation_loss" | "val_loss", value) => {
                self.take(key, value, &mut draft, out);
            }
            ("run_stop", _) => {
                if metadata.get("status").and_then(Value::as_str) == Some("success") {
                    out.end(None, How::Finished);
                }
                return out.ignored += 1;
            }
            _ => {
                self.setting(key, value, out);
                return out.ignored += 1;
            }
        }
        if !draft.has_loss() {
            return out.ignored += 1;
        }
        for name in ["lr", "learning_rate"] {
            if let Some(value) = metadata.get(name) {
                self.take(name, value, &mut draft, out);
            }
        }
        if let Some(time) = event.get("time_ms") {
            self.take("time_ms", time, &mut draft, out);
        }
        match self.step(metadata, &mut draft) {
            Some(step) => draft.push(step, out),
            None => out.skip(number, "a loss without a step or a number of samples", line),
        }
    }

    fn take(&mut self, name: &str, value: &Value, draft: &mut Draft, out: &mut Decoded) {
        if let (Some(role), Some(value)) = (self.roles.role(name).0, number::of_json(value))
            && role != Role::Step
        {
            draft.set(role, value, out);
        }
    }

    fn setting(&mut self, key: &str, value: &Value, out: &mut Decoded) {
        match (key, number::of_json(value)) {
            ("global_batch_size", Some(batch)) if batch >= 1.0 => self.batch = Some(batch),
            ("max_sequence_length", Some(length)) if length >= 1.0 => self.length = Some(length),
            ("submission_benchmark", _) => self.benchmark = value.as_str().map(str::to_lowercase),
            _ => {}
        }
        match value {
            Value::String(text) => {
                out.hints.state(key, text, Place::Configuration);
            }
            Value::Number(number) => {
                out.hints.state(key, &number.to_string(), Place::Configuration);
            }
            _ => {}
        }
        // The steps of the schedule are no promise, but nothing better is stated.
        if let ("max_steps", Some(steps)) = (key, number::of_json(value)) {
            out.hints.put_number(Fact::TotalSteps, key, steps);
        }
    }

    fn is_loss(&mut self, value: f64) -> bool {
        if let Some(known) = self.accuracy_is_loss {
            return known;
        }
        let model = self
            .benchmark
            .as_ref()
            .map(|benchmark| LANGUAGE_MODELS.iter().any(|model| benchmark.contains(model)));
        // An accuracy is never above one.
        let is_loss = model.unwrap_or(value > 1.0);
        self.accuracy_is_loss = Some(is_loss);
        is_loss
    }

    fn step(&self, metadata: &Map<String, Value>, draft: &mut Draft) -> Option<u64> {
        let get = |name: &str| metadata.get(name).and_then(number::of_json);
        let samples = get("samples_count").or_else(|| get("epoch_num").filter(|count| *count > 1000.0));
        if let Some(samples) = samples {
            draft.put(Quantity::Samples, samples);
        }
        if let Some(step) = get("step").or_else(|| get("step_num")).and_then(whole) {
            return Some(step);
        }
        let samples = samples?;
        let batch = self.batch.unwrap_or(1.0);
        // GPT-3's samples are tokens.
        let tokens = self.benchmark.as_deref() == Some("gpt3");
        let unit = if tokens {
            batch * self.length.unwrap_or(1.0)
        } else {
            batch
        };
        whole(samples / unit)
    }
}

impl MllogDecoder {
    fn part(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
        if let Some(at) = memchr::memmem::find(line, MARK) {
            let json = line.get(at + MARK.len() - 1..).unwrap_or_default();
            return self.event(number, json, line, out);
        }
        // BERT prints its evaluation loss beside its accuracy: {'global_steps': 196, 'eval_loss': 4.07, ..}.
        if let Some(at) = memchr::memmem::find(line, b"'eval_loss': ")
            && let Ok(text) = std::str::from_utf8(line)
            && let Some(value) = text.get(at + "'eval_loss': ".len()..)
            && let Some(value) = value.split([',', '}']).next().and_then(number::parse)
            && let Some((_, step)) = text.split_once("'global_steps': ")
            && let Some(step) = step
                .split([',', '}'])
                .next()
                .and_then(number::parse)
                .and_then(whole)
        {
            out.records.push(step, &[(Quantity::EvalLoss, value)]);
            return;
        }
        out.ignored += 1;
    }
}

impl LineDecoder for MllogDecoder {
    fn line(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
        for part in parts(line) {
            self.part(number, part, out);
        }
    }

    fn columns(&self) -> Vec<Column> {
        let mut columns = self.roles.columns();
        if let Some(is_loss) = self.accuracy_is_loss {
            columns.push(Column {
                name: "eval_accuracy".to_owned(),
                role: is_loss.then_some(Role::of(Quantity::EvalLoss)),
            });
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::read_all;

    #[test]
    fn samples_are_counted_in_steps() {
        let content = " 0: :::MLLOG {\"namespace\": \"\", \"time_ms\": 1759906562255, \"event_type\": \"POINT_IN_TIME\", \"key\": \"submission_benchmark\", \"value\": \"llama31_8b\", \"metadata\": {}}\n\
            0: :::MLLOG {\"time_ms\": 1759906562256, \"key\": \"global_batch_size\", \"value\": 16, \"metadata\": {}}\n\
            0: :::MLLOG {\"time_ms\": 1759906562256, \"key\": \"opt_learning_rate_warmup_steps\", \"value\": 16, \"metadata\": {}}\n\
            0: :::MLLOG {\"time_ms\": 1759906650694, \"key\": \"tracked_stats\", \"value\": {\"train_step_time\": 0.33, \"reduced_train_loss\": 8.16}, \"metadata\": {\"step\": 31.0, \"samples_count\": 512.0}} trailing\n\
            0: :::MLLOG {\"time_ms\": 1759906912157, \"key\": \"eval_accuracy\", \"value\": 5.28, \"metadata\": {\"samples_count\": 12288}}\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "mllog");
        assert_eq!(read.decoded.records.steps(), [31, 768]);
        assert_eq!(read.decoded.records.value(0, Quantity::TrainLoss), Some(8.16));
        assert_eq!(read.decoded.records.value(1, Quantity::EvalLoss), Some(5.28));
        assert_eq!(read.decoded.hints.warm_up_steps(), Some(16));
    }

    #[test]
    fn an_accuracy_is_no_loss() {
        let content = ":::MLLOG {\"key\": \"submission_benchmark\", \"value\": \"bert\", \"metadata\": {}}\n\
            :::MLLOG {\"key\": \"eval_accuracy\", \"value\": 0.37, \"metadata\": {\"epoch_num\": 150801}}\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert!(read.decoded.records.is_empty());
    }
}
