//! JSON lines with arbitrary keys: one object per line.
//!
//! Covers metrics.jsonl of any script, W&B history, LLaMA-Factory, detectron2,
//! mmengine, Lingua and many more. Python writes `NaN` and `Infinity` bare, which
//! JSON does not allow: such lines are mended before they are parsed.

use std::borrow::Cow;

use serde_json::Value;

use super::counters::{OwnCounter, RowCounter, set_counter, total_grows};
use super::data_words::{Data, WordColumn, data, is_split};
use super::delimited::told_losses;
use super::json_layout::{Layouts, Outcome};
use super::records::{Decoded, How};
use super::repeats::Repeats;
use super::roles::{Draft, Roles};
use super::{Claim, Column, Decoder, Format, LineDecoder, Sample};
use super::{number, python_literal};
use crate::metric::{Names, Quantity, Role, counts_the_run, is_learning_rate};

/// The format.
pub struct JsonLines;

impl Format for JsonLines {
    fn name(&self) -> &'static str {
        "jsonl"
    }

    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim> {
        let sample = &sample.beginning();
        let first = sample.lines().find(|line| !line.trim_ascii().is_empty())?;
        if !parts(first).any(|part| !behind_a_bar(part).is_empty()) {
            return None;
        }
        let mut decoder = JsonDecoder::new(sample, names);
        let mut decoded = Decoded::default();
        for (number, line) in sample.lines().enumerate() {
            decoder.line(number as u64, line, &mut decoded);
        }
        let records = decoded
            .records
            .rows()
            .filter(|row| row.has(Quantity::TrainLoss) || row.has(Quantity::EvalLoss))
            .count();
        let lines = || sample.lines().flat_map(parts);
        let texts = lines().filter(|line| !line.trim_ascii_start().starts_with(b"{"));
        if lines().any(python_literal::is_dict) && told_losses(texts) >= records {
            // A log of text, which prints a dict now and then.
            return None;
        }
        Some(Claim {
            records,
            ..Claim::default()
        })
    }

    fn decoder(&self, sample: &Sample, names: &Names) -> Decoder {
        Decoder::Lines(Box::new(JsonDecoder::new(sample, names)))
    }
}

struct JsonDecoder {
    roles: Roles,
    layouts: Layouts,
    /// Set where the name of the counter leaves open whether it counts the run.
    counter: Option<OwnCounter>,
    last_step: Option<u64>,
    rows: RowCounter,
    has_rows: bool,
    repeats: Repeats,
    /// The fields that hold words in rows with a loss.
    words: Vec<(String, WordColumn)>,
}

/// ms-swift ends its log with the state of the trainer, which repeats all rows before.
const WHOLE_HISTORY: &str = "log_history";

/// What detectron2 expects the rest of the run to take: nothing in the last record alone.
const TIME_LEFT: &str = "eta_seconds";

/// Objects nested deeper than this are not looked into.
const DEPTH: usize = 6;

impl JsonDecoder {
    fn new(sample: &Sample, names: &Names) -> Self {
        let mut roles = Roles::new(names, []);
        let rows = sample.lines().filter_map(|line| match parse_line(line) {
            Some(Value::Object(fields)) if !fields.contains_key(WHOLE_HISTORY) => Some(fields),
            _ => None,
        });
        // Those with a loss first: they show which of the counters of the file is the step.
        let (with_loss, others): (Vec<_>, Vec<_>) = rows.partition(|fields| has_loss(&roles, fields));
        for fields in with_loss.iter().chain(&others) {
            if is_record(&roles, fields) {
                visit(fields, "", DEPTH, &mut |name, _| {
                    roles.role(name);
                });
            }
        }
        let columns = roles.columns();
        let counts_the_run = columns.iter().any(|column| {
            column.role == Some(Role::Step) && names.role_of(&column.name).is_some_and(counts_the_run)
        });
        let mut totals = Vec::new();
        for fields in &with_loss {
            visit(fields, "", DEPTH, &mut |name, value| {
                let is_total = roles.known(name) == Some(Role::TotalSteps);
                totals.extend(number::of_json(value).filter(|_| is_total));
            });
        }
        let known: Vec<String> = columns.into_iter().map(|column| column.name).collect();
        // Learnt, but not yet used: a better name may still come without a second reading.
        let mut roles = Roles::new(names, known.iter().map(String::as_str));
        if total_grows(totals) {
            roles.count_by_the_total();
        }
        JsonDecoder {
            counter: (!counts_the_run).then(OwnCounter::default),
            roles,
            layouts: Layouts::default(),
            last_step: None,
            rows: RowCounter::default(),
            has_rows: false,
            repeats: Repeats::default(),
            words: Vec::new(),
        }
    }

    fn slow(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
        let Some(value) = parse_line(line) else {
            return out.skip(number, "not a JSON object", line);
        };
        let Value::Object(fields) = value else {
            return out.ignored += 1;
        };
        if fields.contains_key(WHOLE_HISTORY) {
            return out.ignored += 1;
        }
        if sums_up(&fields) {
            out.end(None, How::Finished);
            return out.ignored += 1;
        }
        let is_record = is_record(&self.roles, &fields);
        if !is_record && !self.has_rows {
            // Settings are written before the first record, if at all.
            super::json_document::settings_of(&fields, &mut out.hints);
            return out.ignored += 1;
        }
        let mut draft = Draft::default();
        let mut wrong: Option<String> = None;
        let mut other = None;
        visit(&fields, "", DEPTH, &mut |name, value| {
            let role = if is_record {
                self.roles.take(name, out)
            } else {
                self.roles.take_what_is_left(name, out)
            };
            let Some(role) = role else {
                if let Some(epochs) = value.as_f64() {
                    out.hints.put_epochs_of_row(name, epochs);
                }
                if other.is_none() && self.roles.is_other_counter(name) {
                    other = value.as_f64().map(|value| (name.to_owned(), value));
                }
                return;
            };
            match read(value, role) {
                Reading::Number(number) => draft.set(role, number, out),
                Reading::Counter(count, total) => set_counter(role, (count, total), &mut draft, out),
                Reading::Missing => {}
                Reading::Unreadable => wrong = Some(format!("`{name}` is not a number")),
            }
        });
        if let Some(reason) = wrong {
            out.skip(number, &reason, line);
        }
        let has_step = draft.step.is_some();
        let stood_in =
            other.is_some_and(|(name, value)| self.roles.stand_in((&name, value), has_step, &mut draft, out));
        let about_eval = self.is_about_held_out_data(&fields, draft.has_loss(), out);
        if about_eval {
            draft.about_held_out_data(self.last_step);
        }
        let beside_epoch = draft.has(Quantity::Epoch) && self.last_step.is_some();
        if about_eval
            && self
                .counter
                .is_some_and(|counter| counter.starts_again() || beside_epoch && counter.may_start_again())
        {
            // It counts batches of the evaluation, or does so for all that is known yet.
            draft.step = self.last_step;
        } else {
            self.count(&mut draft);
        }
        self.finish(&mut draft, out);
        let left = fields.get(TIME_LEFT);
        if left.and_then(Value::as_f64) == Some(0.0) {
            out.end(None, How::Finished);
        }
        if !stood_in && left.is_none() && !about_eval {
            let words = &self.words;
            let may_tell = |name: &str| {
                words
                    .iter()
                    .any(|(known, column)| known == name && column.may_tell())
            };
            // What a row is about may change in a word: such a layout is that of rows with the same.
            let tells = |name: &str, word: &str| is_split(name) || data(word).is_some() || may_tell(name);
            self.layouts
                .learn(line, &mut |name| self.roles.known(name), &tells);
        }
    }

    /// True when a word of the row says that it is about data that was not trained on.
    fn is_about_held_out_data(&mut self, fields: &Row, has_loss: bool, out: &mut Decoded) -> bool {
        /// A file of arbitrary keys must not fill the memory with names.
        const MOST_COLUMNS: usize = 64;
        let mut held_out = false;
        for (name, value) in fields {
            let Some(word) = value.as_str() else { continue };
            if is_split(name) {
                held_out |= data(word) == Some(Data::HeldOut);
            } else if has_loss && self.roles.known(name).is_none() {
                let known = self.words.iter().position(|(known, _)| known == name);
                if known.is_none() && self.words.len() < MOST_COLUMNS {
                    self.words.push((name.clone(), WordColumn::default()));
                }
                let column = match known {
                    Some(index) => self.words.get_mut(index),
                    None => self.words.last_mut().filter(|(known, _)| known == name),
                };
                held_out |= column.is_some_and(|(_, column)| column.is_held_out(word, out));
            }
        }
        held_out
    }

    /// Makes a counter of iterations within epochs one of the run.
    fn count(&mut self, draft: &mut Draft) {
        if let (Some(counter), Some(step)) = (&mut self.counter, draft.step) {
            draft.step = Some(counter.step_of_row(draft.get(Quantity::Epoch), step));
        }
    }

    fn finish(&mut self, draft: &mut Draft, out: &mut Decoded) {
        if draft.is_empty() {
            out.ignored += 1;
            return;
        }
        self.has_rows = true;
        let step = draft.step.or(self.last_step).or_else(|| {
            let counts_rows = !self.roles.has(Role::Step);
            counts_rows.then(|| self.rows.step(draft.get(Quantity::Epoch), |epoch| epoch))
        });
        let Some(step) = step else {
            out.ignored += 1;
            return;
        };
        if self.roles.has(Role::Step) {
            self.last_step = Some(step);
        }
        if self.repeats.leave_out(step, draft, out) && !draft.has_loss() {
            out.ignored += 1;
            return;
        }
        draft.push(step, out);
    }
}

impl LineDecoder for JsonDecoder {
    fn start_over(&mut self) {
        self.counter = self.counter.take().map(|_| OwnCounter::default());
        self.layouts = Layouts::default();
        (self.last_step, self.has_rows) = (None, false);
        self.rows = RowCounter::default();
    }

    fn line(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
        let mut draft = Draft::default();
        match self.layouts.read(line, &mut draft, out) {
            Outcome::Read => {
                self.count(&mut draft);
                self.finish(&mut draft, out);
            }
            Outcome::Unknown => {
                for part in parts(line) {
                    let object = behind_a_bar(part);
                    if part.trim_ascii().is_empty() || (object.is_empty() && has_bar(part)) {
                        out.ignored += 1;
                    } else {
                        self.slow(number, if object.is_empty() { part } else { object }, out);
                    }
                }
            }
        }
    }

    fn columns(&self) -> Vec<Column> {
        self.roles.columns()
    }
}

type Row = serde_json::Map<String, Value>;

/// True for a row with a step, an epoch or a loss. Others hold settings, or go on with the row before.
fn is_record(roles: &Roles, fields: &Row) -> bool {
    let is_known = roles.has(Role::Step) || roles.has(Role::of(Quantity::Epoch));
    let counts = |name: &str| {
        let role = if is_known {
            roles.known(name)
        } else {
            roles.claim(name)
        };
        role.is_some_and(Role::counts)
    };
    any(fields, &counts) || has_loss(roles, fields)
}

fn has_loss(roles: &Roles, fields: &Row) -> bool {
    any(fields, &|name| roles.claim(name).is_some_and(Role::is_loss))
}

/// True when a number of a row has such a name.
fn any(fields: &Row, is_one: &dyn Fn(&str) -> bool) -> bool {
    let mut found = false;
    visit(fields, "", DEPTH, &mut |name, value| {
        found = found || number::of_json(value).is_some() && is_one(name);
    });
    found
}

/// True for what Hugging Face's trainer says when it is done: its `train_loss` is a mean over
/// the whole run, not a point.
pub(super) fn sums_up(fields: &Row) -> bool {
    fields.contains_key("train_runtime") && !fields.contains_key("loss")
}

/// What stands between the carriage returns of a line: terminals and some writers end
/// lines with them.
pub(super) fn parts(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b'\r')
        .enumerate()
        .filter(|(index, part)| *index == 0 || !part.is_empty())
        .map(|(_, part)| part)
}

/// The object of a line. A progress bar on the same terminal leaves its last drawing in
/// front of what is printed next.
fn behind_a_bar(part: &[u8]) -> &[u8] {
    if part.trim_ascii_start().starts_with(b"{") {
        return part;
    }
    match memchr::memmem::find(part, b"{\"") {
        Some(at) if has_bar(part.get(..at).unwrap_or_default()) => part.get(at..).unwrap_or_default(),
        _ => &[],
    }
}

fn has_bar(part: &[u8]) -> bool {
    std::str::from_utf8(part).is_ok_and(|part| super::text::progress::bar(part).is_some())
}

enum Reading {
    Number(f64),
    /// `10/735`, or `Epoch 10`
    Counter(u64, Option<u64>),
    Missing,
    Unreadable,
}

fn read(value: &Value, role: Role) -> Reading {
    match value {
        Value::Number(number) => number.as_f64().map_or(Reading::Unreadable, Reading::Number),
        Value::String(text) if number::is_missing(text) => Reading::Missing,
        Value::String(text) => {
            let time = matches!(
                role,
                Role::Value {
                    quantity: Quantity::WallTime | Quantity::Elapsed | Quantity::StepTime,
                    ..
                }
            );
            let clock = || number::parse_clock(text).or_else(|| number::parse_timestamp(text));
            match number::parse(text) {
                Some(number) => Reading::Number(number),
                None if role.counts() => number::counter(text)
                    .map_or(Reading::Unreadable, |(count, total)| {
                        Reading::Counter(count, total)
                    }),
                None if time => clock().map_or(Reading::Missing, Reading::Number),
                None => Reading::Unreadable,
            }
        }
        _ => Reading::Missing,
    }
}

/// The name of one loss, where the name is that of several: `train_losses`, `losses/train`.
pub(super) fn singular(name: &str) -> Cow<'_, str> {
    if name.contains("osses") {
        Cow::Owned(name.replace("losses", "loss").replace("Losses", "Loss"))
    } else {
        Cow::Borrowed(name)
    }
}

/// Calls `each` for every value that is neither an object nor a list, with its path joined by `/`: a list of
/// one number is that number, and so is one of the same learning rates.
pub(super) fn visit(
    fields: &serde_json::Map<String, Value>,
    prefix: &str,
    depth: usize,
    each: &mut dyn FnMut(&str, &Value),
) {
    for (name, value) in fields {
        let path = if prefix.is_empty() {
            Cow::Borrowed(name.as_str())
        } else {
            Cow::Owned(format!("{prefix}/{name}"))
        };
        match value {
            Value::Object(inner) if depth > 0 => visit(inner, &singular(&path), depth - 1, each),
            Value::Array(values) => {
                // Schedulers write a rate for each group of parameters; several losses are of several things.
                let alike =
                    || is_learning_rate(name) && values.iter().all(|value| values.first() == Some(value));
                if let Some(value) = values.first().filter(|value| number::of_json(value).is_some())
                    && (values.len() == 1 || alike())
                {
                    each(&path, value);
                }
            }
            Value::Object(_) => {}
            value => each(&path, value),
        }
    }
}

/// Parses one line, mending bare NaN and Infinity when that is what is wrong.
pub(super) fn parse_line(line: &[u8]) -> Option<Value> {
    let line = line.trim_ascii();
    if !line.starts_with(b"{") {
        return None;
    }
    if python_literal::is_dict(line) {
        // A flat one is a line of text: a bar may be drawn between such.
        memchr::memchr(b'{', line.get(1..)?)?;
        let json = python_literal::to_json(line)?;
        let value: Value = serde_json::from_slice(&quote_bare_words(&json)).ok()?;
        let is_nested = value.as_object()?.values().any(Value::is_object);
        return is_nested.then_some(value);
    }
    serde_json::from_slice(line)
        .ok()
        .or_else(|| serde_json::from_slice(&quote_bare_words(line)).ok())
        .or_else(|| {
            // Invalid UTF-8 in one string must not cost the line its numbers.
            match String::from_utf8_lossy(line) {
                Cow::Owned(text) => serde_json::from_slice(&quote_bare_words(text.as_bytes())).ok(),
                Cow::Borrowed(_) => None,
            }
        })
}

/// Makes JSON of what other writers call JSON: puts quotes around `NaN`, `Infinity`, `-Infinity`, `nan`, `inf`
/// outside strings, and blanks in the place of raw control characters inside them.
pub(super) fn quote_bare_words(json: &[u8]) -> Vec<u8> {
    const WORDS: [&[u8]; 8] = [
        b"-Infinity",
        b"Infinity",
        b"-NaN",
        b"NaN",
        b"-nan",
        b"nan",
        b"-inf",
        b"inf",
    ];
    let mut out = Vec::with_capacity(json.len() + 16);
    let mut at = 0;
    let mut in_string = false;
    while let Some(&byte) = json.get(at) {
        let rest = json.get(at..).unwrap_or_default();
        if in_string {
            if byte == b'\\' {
                out.extend(rest.iter().take(2));
                at += 2;
                continue;
            }
            in_string = byte != b'"';
            // A raw control character is not JSON either; it must not cost the line.
            if byte.is_ascii_control() {
                out.push(b' ');
                at += 1;
                continue;
            }
        } else if byte == b'"' {
            in_string = true;
        } else if matches!(byte, b'-' | b'I' | b'N' | b'n' | b'i')
            && let Some(word) = WORDS.iter().find(|word| rest.starts_with(word))
        {
            out.push(b'"');
            out.extend_from_slice(word);
            out.push(b'"');
            at += word.len();
            // `nan(ind)`, as the C library of Windows prints it.
            let payload = json.get(at..).unwrap_or_default();
            if payload.starts_with(b"(") {
                at += payload
                    .iter()
                    .position(|&byte| byte == b')')
                    .map_or(0, |end| end + 1);
            }
            continue;
        } else if byte == b'-' || byte.is_ascii_digit() {
            let length = rest
                .iter()
                .take_while(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
                .count()
                .max(1);
            let number = rest.get(..length).unwrap_or_default();
            // `1e999` is a number in JSON, but no parser can hold it.
            match fast_float2::parse::<f64, _>(number) {
                Ok(value) if value.is_infinite() => {
                    out.extend_from_slice(if value > 0.0 { b"\"inf\"" } else { b"\"-inf\"" });
                }
                _ => out.extend_from_slice(number),
            }
            at += length;
            continue;
        }
        out.push(byte);
        at += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::hints::Fact;
    use crate::format::read_all;
    use proptest::prelude::*;

    fn loss_and_step(content: &str) -> Vec<(u64, Option<f64>)> {
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "jsonl");
        read.decoded
            .records
            .rows()
            .map(|row| (row.step(), row.value(Quantity::TrainLoss)))
            .collect()
    }

    #[test]
    fn a_loss_that_no_parser_holds_is_read_as_what_it_means() {
        let content = "{\"step\": 1, \"loss\": 2.5}\n{\"step\": 2, \"loss\": 1e999}\n{\"step\": 3, \"loss\": -1e999}\n{\"step\": 4, \"loss\": -nan(ind)}\n{\"step\": 5, \"loss\": 2.25e0}\n";
        let read = loss_and_step(content);
        let losses: Vec<String> = read.iter().map(|(_, loss)| format!("{loss:?}")).collect();
        assert_eq!(
            losses,
            ["Some(2.5)", "Some(inf)", "Some(-inf)", "Some(NaN)", "Some(2.25)"]
        );
    }

    #[test]
    fn a_mean_among_the_statistics_of_a_loss() {
        let row = |loss| {
            format!(
                "{{\"Loss/loss\": {{\"num\": 327680, \"mean\": {loss}, \"std\": 0.5}}, \"timestamp\": 1697077632.5}}\n"
            )
        };
        let content: String = [2.5, 2.25, 2.125].map(row).concat();
        assert_eq!(
            loss_and_step(&content),
            [(0, Some(2.5)), (1, Some(2.25)), (2, Some(2.125))]
        );
    }

    #[test]
    fn keys_of_many_trainers() {
        assert_eq!(
            loss_and_step("{\"step\": 1, \"loss\": 2.5}\n{\"step\": 2, \"loss\": \"2.25\"}\n"),
            [(1, Some(2.5)), (2, Some(2.25))]
        );
        assert_eq!(
            loss_and_step("{\"global_step\": 7, \"train\": {\"loss\": 3.0}}\n"),
            [(7, Some(3.0))]
        );
        assert_eq!(
            loss_and_step(
                "{\"current_steps\": 5, \"total_steps\": 2178, \"loss\": 2.3475, \"lr\": 1.83e-06, \"elapsed_time\": \"0:32:48\"}\n"
            ),
            [(5, Some(2.3475))]
        );
    }

    #[test]
    fn what_a_header_states_is_there_after_a_second_reading() {
        let mut content = "{\"lr\": 1e-06, \"num_steps\": 5100, \"warmup_steps\": 10}\n".to_owned();
        for step in 0..40 {
            let row = |step: u64, loss: f64| format!("{{\"step\": {step}, \"loss\": {loss}}}\n");
            let loss = 3.0 - 0.01 * step as f64;
            content += &row(step, loss);
            if step % 3 == 2 {
                // Another process is behind.
                content += &row(step - 1, 1.001 * (loss + 0.01));
            }
        }
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), (0..40).collect::<Vec<u64>>());
        let hints = &read.decoded.hints;
        assert_eq!(
            (hints.total_steps(), hints.warm_up_steps()),
            (Some(5100), Some(10))
        );
    }

    #[test]
    fn nothing_left_to_do_is_the_end() {
        let row =
            |step, left| format!("{{\"eta_seconds\": {left}, \"iteration\": {step}, \"total_loss\": 1.5}}\n");
        let rows = [row(19, 37.5), row(39, 0.0)].concat();
        let read = read_all(rows.as_bytes(), &Names::default()).unwrap();
        let endings: Vec<_> = read
            .decoded
            .endings
            .iter()
            .map(|ending| (ending.after, ending.how))
            .collect();
        assert_eq!(endings, [(2, How::Finished)]);
    }

    #[test]
    fn a_progress_bar_may_stand_in_front() {
        let bar = |step| format!("\r {step}%|#         | {step}/100 [00:0{step}<00:10,  9.00it/s]");
        let content: String = (1..6)
            .map(|step| bar(step - 1) + &bar(step) + &format!("{{\"step\": {step}, \"loss\": 2.{step}}}\n"))
            .collect();
        let read = loss_and_step(&content);
        assert_eq!((read.len(), read.last()), (5, Some(&(5, Some(2.5)))));
    }

    #[test]
    fn a_counter_may_be_a_fraction() {
        let content = "{\"loss\": 2.5, \"epoch\": 0.01, \"global_step/max_steps\": \"1/438\"}\n{\"loss\": 2.25, \"global_step/max_steps\": \"5/438\", \"percentage\": \"1.14%\"}\n";
        assert_eq!(loss_and_step(content), [(1, Some(2.5)), (5, Some(2.25))]);
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.total_steps, Some(438));
    }

    #[test]
    fn iterations_within_epochs_count_on() {
        let row = |epoch, iter| {
            format!(
                "{{\"mode\": \"train\", \"epoch\": {epoch}, \"iter\": {iter}, \"lr\": 0.1, \"loss\": {epoch}.{iter}}}\n"
            )
        };
        let mut content = "{}\n".to_owned();
        for epoch in 1..4 {
            content += &(row(epoch, 50) + &row(epoch, 100));
            // More batches than the training has, in the first epoch of which nothing shows yet
            // that they are counted from the start again.
            content += &format!("{{\"mode\": \"val\", \"epoch\": {epoch}, \"iter\": 1601, \"loss\": 0.5}}\n");
        }
        let steps: Vec<u64> = loss_and_step(&content).iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, [50, 100, 100, 150, 200, 200, 250, 300, 300]);
    }

    #[test]
    fn a_word_for_data_tells_whatever_its_name() {
        let row = |event: &str, step: u32| {
            format!("{{\"event\": \"{event}\", \"step\": {step}, \"loss\": 2.{step}, \"run\": \"test\"}}\n")
        };
        let train = |from: u32, to: u32| -> String { (from..to).map(|step| row("train", step)).collect() };
        let evaluated = |content: &str| -> Vec<u64> {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!(read.format, "jsonl");
            let rows = read.decoded.records.rows();
            rows.filter(|row| row.has(Quantity::EvalLoss))
                .map(|row| row.step())
                .collect()
        };
        for word in ["eval", "Validation", "eval_step"] {
            let start = train(1, 9);
            let content = [start, row(word, 8), train(9, 12), row(word, 11)].concat();
            assert_eq!(evaluated(&content), [8, 11], "{word}");
        }
        let settings = "{\"event\": \"config\", \"lr\": 1e-6}\n".to_owned();
        assert_eq!(evaluated(&[settings, row("eval", 0), train(1, 9)].concat()), [0]);
        let other = row("restart", 9);
        assert!(evaluated(&[train(1, 9), row("eval", 8), other].concat()).is_empty());
    }

    #[test]
    fn the_planned_epochs_stand_beside_the_epoch() {
        let row =
            |epoch| format!("{{\"epoch\": {epoch}, \"total_epochs\": 100, \"train_loss\": 8.{epoch}}}\n");
        let content: String = (1..5).map(row).collect();
        let hints = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .hints;
        assert_eq!(
            (hints.count(Fact::Epochs), hints.total_steps()),
            (Some(100), None)
        );
    }

    #[test]
    fn bare_nan_is_read_and_text_that_contains_it_is_left_alone() {
        let rows = loss_and_step(
            "{\"step\": 1, \"loss\": NaN, \"note\": \"NaN: \\\"inf\"}\n{\"step\": 2, \"loss\": -Infinity}\n",
        );
        assert!(rows[0].1.is_some_and(f64::is_nan));
        assert_eq!(rows[1].1, Some(f64::NEG_INFINITY));
    }

    #[test]
    fn a_broken_line_is_counted_and_the_others_are_read() {
        let read = read_all(b"{\"step\":1,\"loss\":2}\n{\"step\":2,\"lo\n{\"step\":3,\"loss\":\xff}\n{\"step\":4,\"loss\":1,\"s\":\"\xff\"}\n", &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [1, 4]);
        assert_eq!(read.decoded.skipped, 2);
        assert_eq!(read.decoded.bad_lines[0].line, 2);
    }

    #[test]
    fn a_header_states_the_plan_and_takes_no_column_from_the_rows() {
        let mut content =
            "{\"event\": \"config\", \"lr\": 1e-06, \"num_steps\": 51, \"warmup_steps\": 10}\n".to_owned();
        let rows = |from: u32, to: u32| -> String {
            (from..to)
                .map(|step| format!("{{\"event\": \"step\", \"step\": {step}, \"train/loss\": 0.{step}, \"train/lr\": {step}e-7}}\n"))
                .collect()
        };
        content += &rows(0, 5);
        // It comes again when the run goes on.
        content += "{\"event\": \"config\", \"lr\": 1e-06, \"num_steps\": 51, \"warmup_steps\": 10}\n";
        content += &rows(5, 9);
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!(records.steps(), (0..9).collect::<Vec<u64>>());
        assert_eq!(records.value(3, Quantity::LearningRate), Some(3e-7));
        assert_eq!(read.decoded.hints.total_steps(), Some(51));
        assert_eq!(read.decoded.hints.warm_up_steps(), Some(10));
    }

    #[test]
    fn a_better_name_that_comes_late_feeds_the_whole_file() {
        // Far beyond the sample that the roles are first judged by.
        let mut content = String::new();
        for step in 0..20_000 {
            content.push_str(&format!(
                "{{\"_step\": {}, \"loss\": 2.0, \"padding\": \"{}\"}}\n",
                step * 3,
                "x".repeat(30)
            ));
        }
        content.push_str("{\"_step\": 1, \"global_step\": 60000, \"loss\": 2.0}\n");
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps().last(), Some(&60_000));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        /// Reading through a learnt layout gives what the parser gives.
        #[test]
        fn layouts_change_nothing(
            lines in prop::collection::vec(
                prop_oneof![
                    (0u64..1000, -1e3..1e3f64, 0.0..1e-2f64).prop_map(|(step, loss, lr)| format!("{{\"step\": {step}, \"loss\": {loss:.4}, \"lr\": {lr:e}, \"tag\": \"a,b}}\"}}")),
                    (0u64..1000, "[a-z\"\\\\,{}: ]{0,8}").prop_map(|(step, tag)| format!("{{\"step\": {step}, \"loss\": NaN, \"lr\": null, \"tag\": {}}}", serde_json::to_string(&tag).unwrap())),
                    (0u64..1000, -9.0..9.0f64).prop_map(|(step, loss)| format!("{{\"step\":{step},\"eval/loss\":{loss}}}")),
                    Just("{\"step\": 3, \"loss\": \"2.5\", \"lr\": 1e-3, \"tag\": {\"loss\": 9}}".to_owned()),
                    "[ -~]{0,40}",
                ],
                1..40,
            )
        ) {
            let content = lines.join("\n");
            let sample = Sample::whole(content.as_bytes());
            let names = Names::default();
            let mut fast = JsonDecoder::new(&sample, &names);
            let mut slow = JsonDecoder::new(&sample, &names);
            let (mut with, mut without) = (Decoded::default(), Decoded::default());
            for (number, line) in lines.iter().enumerate() {
                fast.line(number as u64, line.as_bytes(), &mut with);
                if line.trim().is_empty() {
                    without.ignored += 1;
                } else {
                    slow.slow(number as u64, line.as_bytes(), &mut without);
                }
            }
            prop_assert_eq!(format!("{with:?}"), format!("{without:?}"));
        }
    }

    #[test]
    fn losses_in_a_table_of_their_own() {
        for row in [
            r#"{"epoch": 1, "losses": {"train": 2.5, "val": 2.25}, "accuracy": {"train": 0.3, "val": 0.4}}"#,
            r#"{"epoch": 1, "losses": {"train": 2.5, "val": 2.25}, "metrics": {"train": 0.3, "val": 0.4}}"#,
            "{'epoch': 1, 'losses': {'train': 2.5, 'val': 2.25}, 'accuracy': {'train': 0.3, 'val': None}}",
        ] {
            assert_eq!(
                loss_and_step(&format!("{row}\n{row}\n")),
                [(1, Some(2.5)), (1, Some(2.5))],
                "{row}"
            );
        }
    }

    #[test]
    fn a_total_that_grows_is_no_plan() {
        let log = |row: &dyn Fn(u32) -> String| {
            let rows = (1..6).map(|index| format!("{{{},\"loss\":{}}}\n", row(index * 10), 6 - index));
            read_all(rows.collect::<String>().as_bytes(), &Names::default()).unwrap()
        };
        for (row, total) in [
            (
                &(|step| format!("\"total_iters\":{step}")) as &dyn Fn(u32) -> String,
                None,
            ),
            (&|step| format!("\"step\":{step},\"total_iters\":{step}"), None),
            (&|step| format!("\"step\":{step},\"total_iters\":90"), Some(90)),
        ] {
            let decoded = log(row).decoded;
            assert_eq!(
                (decoded.total_steps, decoded.records.steps()),
                (total, &[10, 20, 30, 40, 50][..])
            );
        }
    }

    #[test]
    fn a_log_of_text_may_print_dicts() {
        let claims = |line: &str| {
            let told: String = (1..=5)
                .map(|step| {
                    format!("{line}\n{{'step': {step}, 'metrics': {{'loss': {step}.5, 'acc': 0.5}}}}\n")
                })
                .collect();
            let content = format!("{{'model': {{'loss': 0.5, 'lr': 0.1}}, 'step': 5000}}\n{told}{line}\n");
            let sample = Sample::whole(content.as_bytes());
            JsonLines.claim(&sample, &Names::default()).is_some()
        };
        assert!(claims("100%|####| 50/50 [00:10<00:00, 4.98it/s, loss=2.34]"));
        assert!(claims("Saved to checkpoint-50"));
        assert!(!claims("step 1 loss: 5.000"));
    }

    #[test]
    fn lists_of_losses_are_no_losses() {
        let content = "{\"epoch\": 1, \"loss\": 2.5, \"val_loss\": [0.0, 0.0]}\n{\"epoch\": 2, \"loss\": [2.4], \"val_loss\": [0.0, 0.0]}\n";
        assert_eq!(loss_and_step(content), [(1, Some(2.5)), (2, Some(2.4))]);
        let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
        assert_eq!(
            (decoded.skipped, decoded.records.has(Quantity::EvalLoss)),
            (0, false)
        );
    }

    #[test]
    fn counters_of_how_many_and_rates_in_brackets() {
        let content = "{\"epoch\": \"1/60\", \"loss\": 2.5, \"lr\": [0.1, 0.1]}\n{\"epoch\": \"2/60\", \"loss\": 2.4, \"lr\": [0.05, 0.05]}\n";
        assert_eq!(loss_and_step(content), [(1, Some(2.5)), (2, Some(2.4))]);
        let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
        assert_eq!((decoded.skipped, decoded.hints.epochs()), (0, Some(60.0)));
        let rates: Vec<_> = decoded.records.points(Quantity::LearningRate).collect();
        assert_eq!(rates, [(1, 0.1), (2, 0.05)]);
    }
}
