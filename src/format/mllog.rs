//! MLPerf's `:::MLLOG {"key": "train_loss", "value": 2.07, "metadata": {"samples_count": 80}}`,
//! anywhere in a line and among anything else.
//!
//! Where the batch size is stated, samples (or tokens) are counted in optimiser steps.
//! `eval_accuracy` is a loss for language models and an accuracy for the others.
//!
//! Many submissions mark but their settings, times and results. The losses are then in what else
//! the trainer prints, which is read as if it stood alone.

use serde_json::{Map, Value};

use super::hints::{Fact, Place};
use super::json_lines::parts;
use super::number;
use super::records::{Decoded, How, Records};
use super::roles::{Draft, Roles, whole};
use super::text::ending::ending;
use super::{Claim, Column, Decoder, Format, LineDecoder, SAMPLE_BYTES, Sample, detect};
use crate::metric::{Names, Quantity, Role};

/// The format.
pub struct Mllog;

const MARK: &[u8] = b":::MLLOG {";

impl Format for Mllog {
    fn name(&self) -> &'static str {
        "mllog"
    }

    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim> {
        if !is_marked(sample.head) && !is_marked(sample.tail) {
            return None;
        }
        Some(Claim {
            records: marked_records(sample, names).len(),
            certain: true,
            ..Claim::default()
        })
    }

    fn decoder(&self, sample: &Sample, names: &Names) -> Decoder {
        let others = if marked_records(sample, names).has(Quantity::TrainLoss) {
            Others::PassedOver
        } else {
            let unmarked = |part: &[u8]| {
                let lines = part.split_inclusive(|byte| *byte == b'\n');
                Vec::from_iter(lines.filter(|line| !is_marked(line)).flatten().copied())
            };
            let (head, tail) = (unmarked(sample.head), unmarked(sample.tail));
            let sample = Sample {
                head: &head,
                tail: &tail,
            };
            other_format(&sample, names).map_or_else(Others::default, Others::Read)
        };
        Decoder::Lines(Box::new(MllogDecoder::new(names, others)))
    }
}

fn is_marked(line: &[u8]) -> bool {
    memchr::memmem::find(line, MARK).is_some()
}

/// What the marked lines of a sample say.
fn marked_records(sample: &Sample, names: &Names) -> Records {
    let mut decoder = MllogDecoder::new(names, Others::PassedOver);
    let mut decoded = Decoded::default();
    for (number, line) in sample.lines().enumerate() {
        decoder.line(number as u64, line, &mut decoded);
    }
    decoded.records
}

/// A decoder for lines that are not marked, if they are a log of a training.
fn other_format(sample: &Sample, names: &Names) -> Option<Box<dyn LineDecoder>> {
    const ENOUGH: usize = 3;
    let (format, _) = detect(sample, names)?;
    let lines = || match format.decoder(sample, names) {
        Decoder::Lines(decoder) => Some(decoder),
        Decoder::Document(_) | Decoder::Frames(_) => None,
    };
    let mut decoder = lines()?;
    let mut decoded = Decoded::default();
    for (number, line) in sample.lines().enumerate() {
        decoder.line(number as u64, line, &mut decoded);
    }
    let trained = decoded.records.rows().filter(|row| row.has(Quantity::TrainLoss));
    if trained.count() < ENOUGH {
        return None;
    }
    lines()
}

/// BERT prints its evaluation loss beside its accuracy: `{'global_steps': 196, 'eval_loss': 4.07, ..}`.
fn evaluation_of_bert(line: &[u8]) -> Option<(u64, f64)> {
    memchr::memmem::find(line, b"'eval_loss': ")?;
    let text = std::str::from_utf8(line).ok()?;
    let value = |name: &str| {
        let (_, behind) = text.split_once(name)?;
        number::parse(behind.split([',', '}']).next()?)
    };
    Some((
        value("'global_steps': ").and_then(whole)?,
        value("'eval_loss': ")?,
    ))
}

/// What becomes of the lines that are not marked.
enum Others {
    /// The marked ones have a train loss.
    PassedOver,
    /// Nothing is known of them yet.
    Unknown {
        /// The last of them, twice [`SAMPLE_BYTES`] at most.
        seen: Vec<u8>,
        /// How many bytes there were in all.
        read: usize,
        /// How many there must be before they are looked at.
        enough: usize,
    },
    /// They are a log.
    Read(Box<dyn LineDecoder>),
}

impl Default for Others {
    fn default() -> Self {
        Others::Unknown {
            seen: Vec::new(),
            read: 0,
            enough: 4096,
        }
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
    /// Samples of one epoch.
    epoch: Option<f64>,
    /// Iterations are counted beside them.
    steps_are_epochs: bool,
    /// What is called a step is a number of samples; unknown before the first train loss.
    steps_are_samples: Option<bool>,
    benchmark: Option<String>,
    /// What `eval_accuracy` was taken for.
    accuracy_is_loss: Option<bool>,
    others: Others,
    /// A marked loss was read.
    has_records: bool,
    /// The run was stopped: what is said now is not about it.
    stopped: bool,
}

impl MllogDecoder {
    fn new(names: &Names, others: Others) -> Self {
        MllogDecoder {
            roles: Roles::new(names, []),
            batch: None,
            length: None,
            epoch: None,
            steps_are_epochs: false,
            steps_are_samples: None,
            benchmark: None,
            accuracy_is_loss: None,
            others,
            has_records: false,
            stopped: false,
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
                    self.stopped = true;
                }
                return out.ignored += 1;
            }
            ("run_start", _) => {
                self.stopped = false;
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
        match self.step(metadata, &mut draft, out) {
            Some(step) => {
                if draft.has(Quantity::TrainLoss) && !matches!(self.others, Others::PassedOver) {
                    out.remapped |= matches!(self.others, Others::Read(_));
                    self.others = Others::PassedOver;
                }
                self.has_records = true;
                draft.push(step, out);
            }
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
            ("train_samples", Some(samples)) => self.epoch = Some(samples),
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

    /// The step of a record. MXNet's SSD states `[epoch, iteration]` for the loss of an iteration,
    /// and the epoch alone for its mean, which is no further point of that loss.
    fn step(&mut self, metadata: &Map<String, Value>, draft: &mut Draft, out: &mut Decoded) -> Option<u64> {
        if let Some(Value::Array(pair)) = metadata.get("step")
            && let [epoch, iteration] = pair.as_slice()
        {
            out.remapped |= self.has_records && !self.steps_are_epochs;
            self.steps_are_epochs = true;
            if let Some(epoch) = number::of_json(epoch) {
                draft.put(Quantity::Epoch, epoch);
            }
            return number::of_json(iteration).and_then(whole);
        }
        let get = |name: &str| metadata.get(name).and_then(number::of_json);
        let mut samples = get("samples_count").or_else(|| get("epoch_num").filter(|count| *count > 1000.0));
        let step = get("step").or_else(|| get("step_num"));
        if let Some(step) = step.filter(|_| samples.is_none())
            && self.is_of_samples(step, draft, out)
        {
            samples = Some(step);
        }
        if let Some(samples) = samples {
            draft.put(Quantity::Samples, samples);
        }
        if let Some(step) = step.filter(|_| !self.steps_are_samples.unwrap_or_default()) {
            if self.steps_are_epochs {
                draft.remove(Quantity::TrainLoss);
                return whole(step * self.epoch? / self.batch?);
            }
            return whole(step);
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

    /// True where steps count samples: NVIDIA's Llama 3.1 405B logs the loss of every step, and the first of them is
    /// as many as a batch has samples. So must all others be batches.
    fn is_of_samples(&mut self, step: f64, draft: &Draft, out: &mut Decoded) -> bool {
        let Some(batch) = self.batch.filter(|batch| *batch > 1.0) else {
            return false;
        };
        let is_of_samples = match self.steps_are_samples {
            None if draft.has(Quantity::TrainLoss) => step == batch,
            None => return false,
            Some(known) => known && step % batch == 0.0,
        };
        out.remapped |= self.steps_are_samples == Some(true) && !is_of_samples;
        self.steps_are_samples = Some(is_of_samples);
        is_of_samples
    }
}

impl MllogDecoder {
    /// A line that is not marked.
    fn other(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
        if let Some((step, loss)) = evaluation_of_bert(line) {
            out.records.push(step, &[(Quantity::EvalLoss, loss)]);
            return;
        }
        if self.stopped {
            return out.ignored += 1;
        }
        match &mut self.others {
            Others::Read(decoder) => return decoder.line(number, line, out),
            Others::PassedOver => {}
            Others::Unknown { seen, read, enough } => {
                seen.extend_from_slice(line);
                seen.push(b'\n');
                *read += line.len() + 1;
                if seen.len() > 2 * SAMPLE_BYTES {
                    seen.drain(..seen.len() - SAMPLE_BYTES);
                }
                if *read >= *enough {
                    *enough *= 2;
                    if let Some(decoder) = other_format(&Sample::whole(seen), self.roles.names()) {
                        self.others = Others::Read(decoder);
                        out.remapped = true;
                    }
                }
            }
        }
        if self.has_records
            && let Some(how) = ending(&String::from_utf8_lossy(line))
        {
            out.end(None, how);
        }
        out.ignored += 1;
    }
}

impl LineDecoder for MllogDecoder {
    fn start_over(&mut self) {
        (self.batch, self.length, self.epoch) = (None, None, None);
        (self.has_records, self.stopped) = (false, false);
        match &mut self.others {
            Others::Read(decoder) => decoder.start_over(),
            Others::Unknown { .. } => self.others = Others::default(),
            Others::PassedOver => {}
        }
    }

    fn line(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
        if !is_marked(line) {
            return self.other(number, line, out);
        }
        for part in parts(line) {
            match memchr::memmem::find(part, MARK) {
                Some(at) => {
                    let json = part.get(at + MARK.len() - 1..).unwrap_or_default();
                    self.event(number, json, part, out);
                }
                None => self.other(number, part, out),
            }
        }
    }

    fn finish(&mut self, out: &mut Decoded) {
        if let Others::Read(decoder) = &mut self.others {
            decoder.finish(out);
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
        if let Others::Read(decoder) = &self.others {
            columns.extend(decoder.columns());
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
    fn steps_of_whole_batches_are_samples() {
        let log = |batch: u32, steps: &[u32]| {
            let loss = |step: &u32| {
                format!(
                    ":::MLLOG {{\"key\": \"tracked_stats\", \"value\": {{\"train_step_time\": 19.4, \"reduced_train_loss\": 7.5}}, \"metadata\": {{\"step\": {step}.0}}}}\n"
                )
            };
            let last = steps.last().copied().unwrap_or_default();
            format!(
                ":::MLLOG {{\"key\": \"submission_benchmark\", \"value\": \"llama31_405b\", \"metadata\": {{}}}}\n:::MLLOG {{\"key\": \"global_batch_size\", \"value\": {batch}, \"metadata\": {{}}}}\n"
            ) + &steps.iter().map(loss).collect::<String>()
                + &format!(
                    ":::MLLOG {{\"key\": \"eval_accuracy\", \"value\": 5.5, \"metadata\": {{\"samples_count\": {last}}}}}\n"
                )
        };
        let read = |content: String| {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            read.decoded.records.steps().to_vec()
        };
        assert_eq!(read(log(896, &[896, 1792, 2688])), [1, 2, 3, 3]);
        // Others log every 96th step, with as many samples in a batch, and one of them begins so.
        assert_eq!(read(log(96, &[50, 100, 150]))[..3], [50, 100, 150]);
        assert_eq!(read(log(96, &[96, 100, 150]))[..3], [96, 100, 150]);
    }

    #[test]
    fn what_is_printed_beside_the_marked_lines_is_read_where_they_have_no_train_loss() {
        let mut content =
            String::from(":::MLLOG {\"key\": \"global_batch_size\", \"value\": 1024, \"metadata\": {}}\n");
        for iteration in 0..40 {
            content.push_str(&format!(
                "0: DLL 2025-10-10 16:53:38.4{iteration:02} - Iteration {iteration} | train_acc : 0.42 % | train_loss : {} \n",
                2.5 - 0.01 * f64::from(iteration)
            ));
        }
        content.push_str(
            ":::MLLOG {\"key\": \"eval_accuracy\", \"value\": 0.7, \"metadata\": {\"epoch_num\": 0.9}}\n",
        );
        let stopped = ":::MLLOG {\"key\": \"run_stop\", \"value\": null, \"metadata\": {\"status\": \"success\"}}\n\
            srun: CANCELLED AT 2025-10-08T00:32:36\n";
        let read = read_all((content.clone() + stopped).as_bytes(), &Names::default()).unwrap();
        assert_eq!((read.format, read.decoded.records.len()), ("mllog", 40));
        assert_eq!(read.decoded.records.value(39, Quantity::TrainLoss), Some(2.11));
        assert_eq!(read.decoded.endings.len(), 1);

        // Also when they are known only later, as in a log that is being written.
        let names = Names::default();
        let mut decoder = MllogDecoder::new(&names, Others::default());
        let mut out = Decoded::default();
        for line in content.lines() {
            decoder.line(1, line.as_bytes(), &mut out);
        }
        assert!(out.records.is_empty() && !out.remapped);
        let later = content.replace("Iteration ", "Iteration 1");
        later
            .lines()
            .for_each(|line| decoder.line(1, line.as_bytes(), &mut out));
        assert!(std::mem::take(&mut out.remapped) && out.records.has(Quantity::TrainLoss));
        let whole = content.clone() + &later + stopped;
        for _ in 0..2 {
            decoder.start_over();
            let mut again = Decoded::default();
            whole
                .lines()
                .for_each(|line| decoder.line(1, line.as_bytes(), &mut again));
            assert_eq!(again.records.len(), 80);
        }

        // A marked one is meant to be read.
        let marked = ":::MLLOG {\"key\": \"train_loss\", \"value\": 2.0, \"metadata\": {\"step\": 7}}\n";
        decoder.line(1, marked.as_bytes(), &mut out);
        assert!(out.remapped);
        let read = read_all((content + marked).as_bytes(), &names).unwrap();
        assert_eq!(read.decoded.records.steps(), [7]);
    }

    #[test]
    fn what_ends_the_job_ends_the_run() {
        let content = ":::MLLOG {\"key\": \"train_loss\", \"value\": 2.0, \"metadata\": {\"step\": 7}}\n\
            0: slurmstepd: error: *** STEP 40.14 ON dell CANCELLED AT 2025-10-08T00:32:36 ***\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let endings: Vec<How> = read.decoded.endings.iter().map(|ending| ending.how).collect();
        assert_eq!(endings, [How::Failed("the job was cancelled")]);
    }

    #[test]
    fn iterations_lead_where_epochs_are_counted_beside_them() {
        let stats = |stats: &str, step: &str| {
            format!(
                ":::MLLOG {{\"key\": \"tracked_stats\", \"value\": {{{stats}}}, \"metadata\": {{\"step\": {step}}}}}\n"
            )
        };
        let content = ":::MLLOG {\"key\": \"train_samples\", \"value\": 117266, \"metadata\": {}}\n\
            :::MLLOG {\"key\": \"global_batch_size\", \"value\": 912, \"metadata\": {}}\n"
            .to_owned()
            + &stats("\"lr\": 0.01, \"loss\": 13.7", "1")
            + &stats("\"throughput\": 9279.0, \"loss\": 7.9", "[2, 200]")
            + &stats("\"lr\": 0.03, \"loss\": 8.2", "2");
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!((records.steps(), read.decoded.skipped), (&[129, 200, 257][..], 0));
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(7.9));
        assert_eq!(records.value(2, Quantity::TrainLoss), None);
        assert_eq!(records.value(2, Quantity::LearningRate), Some(0.03));
    }

    #[test]
    fn an_accuracy_is_no_loss() {
        let content = ":::MLLOG {\"key\": \"submission_benchmark\", \"value\": \"bert\", \"metadata\": {}}\n\
            :::MLLOG {\"key\": \"eval_accuracy\", \"value\": 0.37, \"metadata\": {\"epoch_num\": 150801}}\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert!(read.decoded.records.is_empty());
    }
}
