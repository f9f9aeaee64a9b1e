//! A log that is one JSON document: rows in an array, columns in an object of arrays
//! (exports of W&B runs), or series as maps from step to value (Megatron's golden values).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::counters::RowCounter;
use super::data_words::of_the_first_set;
use super::hints::Hints;
use super::json_lines::{quote_bare_words, singular, visit};
use super::records::Decoded;
use super::roles::{Draft, Roles, whole};
use super::shared_table::is_of_runs;
use super::stand_in::are_nearly_all;
use super::{Claim, Column, Decoder, DocumentDecoder, Format, Sample};
use super::{exported_scalar, long_form, number, python_literal};
use crate::metric::{Names, Quantity, Role, SPLIT_FOLDERS};

/// The format.
pub struct JsonDocument;

impl Format for JsonDocument {
    fn name(&self) -> &'static str {
        "json"
    }

    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim> {
        let head = sample.head.trim_ascii_start();
        if !matches!(head.first(), Some(b'{' | b'[')) {
            return None;
        }
        if sample.tail.is_empty() {
            let mut decoded = Decoded::default();
            let mut decoder = JsonDocumentDecoder::new(names);
            decoder.document(sample.head, &mut decoded).ok()?;
            let records = decoded.records.rows().filter(|row| row.has_loss()).count();
            return Some(Claim {
                records,
                ..Claim::default()
            });
        }
        // Too large to be seen whole: one document ends as it begins, and is no row.
        let first_line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let one_row = serde_json::from_slice::<Value>(first_line).is_ok();
        let closed = matches!(sample.tail.trim_ascii_end().last(), Some(b'}' | b']'));
        (!one_row && closed && has_losses(sample.head)).then_some(Claim {
            records: 1,
            ..Claim::default()
        })
    }

    fn decoder(&self, _sample: &Sample, names: &Names) -> Decoder {
        Decoder::Document(Box::new(JsonDocumentDecoder::new(names)))
    }
}

/// True for the beginning of one JSON value that goes over several lines and has nothing
/// behind it: a vocabulary with a line for each word, say.
pub(super) fn spans_lines(content: &[u8]) -> bool {
    let content = content.trim_ascii();
    if !matches!(content.first(), Some(b'{' | b'[')) || !content.contains(&b'\n') {
        return false;
    }
    let mut values = serde_json::Deserializer::from_slice(content).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => values.byte_offset() == content.len(),
        Some(Err(error)) => error.is_eof(),
        None => false,
    }
}

/// True when something is named for a loss and is no integer, as all the words of a
/// tokenizer's vocabulary are.
fn has_losses(content: &[u8]) -> bool {
    memchr::memmem::find_iter(content, b"loss").any(|at| {
        let behind = content.get(at + b"loss".len()..).unwrap_or_default();
        let behind = behind.strip_prefix(b"es").unwrap_or(behind);
        let behind = behind.strip_prefix(b"\"").unwrap_or_default();
        let Some(value) = behind.trim_ascii_start().strip_prefix(b":") else {
            return false;
        };
        let value = value.trim_ascii_start();
        let end = value.iter().position(|byte| !byte.is_ascii_digit());
        end == Some(0)
            || end
                .and_then(|end| value.get(end))
                .is_some_and(|byte| matches!(byte, b'.' | b'e' | b'E'))
    })
}

pub(super) struct JsonDocumentDecoder {
    roles: Roles,
}

/// Objects nested deeper than this are not looked into.
const DEPTH: usize = 5;
/// An array shorter than this is a setting (`betas: [0.9, 0.95]`).
const SHORTEST_SERIES: usize = 2;
/// The same of a series that does not come with its steps.
pub(super) const SHORTEST_UNCOUNTED: usize = 3;
/// The epochs from one evaluation to the next that scripts choose. Not all numbers that would fit: one more
/// epoch would make the same evaluations those of another interval, or of none.
const USUAL_INTERVALS: [usize; 6] = [2, 5, 10, 20, 50, 100];

impl JsonDocumentDecoder {
    pub(super) fn new(names: &Names) -> Self {
        JsonDocumentDecoder {
            roles: Roles::new(names, []),
        }
    }

    /// Decodes a document that was parsed.
    pub(super) fn value(&mut self, document: &Value, out: &mut Decoded) {
        if is_of_an_epoch(document) {
            return self.rows(&[], [(None, document)], &mut Points::new(), out);
        }
        let mut points = Points::new();
        self.look(&[], document, &mut points, out);
        for (step, draft) in points {
            out.lines += 1;
            if !draft.is_empty() {
                draft.push(step, out);
            }
        }
    }

    fn look(&mut self, path: &[&str], value: &Value, points: &mut Points, out: &mut Decoded) {
        if path.len() > DEPTH {
            return;
        }
        match value {
            Value::Array(rows) if self.long_form(rows, points, out) => {}
            Value::Array(rows) if self.exported_scalar(rows, points, out) => {}
            Value::Array(rows) if results(rows, self.roles.names()).is_some() => {}
            Value::Array(rows) => self.rows(path, rows.iter().map(|row| (None, row)), points, out),
            Value::Object(fields) => {
                // Three numbers of no such table, or beside a series without steps, may be anything.
                let is_list = |values: &Vec<Value>| values.iter().any(is_scalar);
                let lists = || fields.values().filter_map(Value::as_array).any(is_list);
                let triples = split_of(path).is_some() && !lists();
                let mut has_pairs = false;
                for (name, value) in fields {
                    has_pairs |= self.pairs(path, name, value, triples, points, out);
                }
                if !has_pairs && self.columns_of(path, fields, points, out) {
                    return;
                }
                if let Some(rows) = rows_by_number(fields) {
                    return self.rows(path, rows, points, out);
                }
                if let Some(rows) = rows_of_table(fields) {
                    let rows = rows.iter().map(|row| (None, row));
                    return self.rows(path, rows, points, out);
                }
                let clock = fields.values().filter_map(recorded_at).max_by_key(Vec::len);
                let clock = clock.unwrap_or_default();
                for (name, value) in fields {
                    let inner = value.as_object();
                    match (name.as_str(), inner) {
                        ("config" | "args" | "hparams" | "hyperparameters" | "params", Some(settings)) => {
                            settings_of(settings, &mut out.hints);
                        }
                        // The last values of a run, and no history.
                        ("summary" | "summary_metrics", _) => {}
                        (_, Some(_)) if self.series(path, name, value, &clock, points, out) => {}
                        _ => {
                            let mut deeper = path.to_vec();
                            let name = of_the_first_set(name, fields.keys().map(String::as_str));
                            deeper.push(&name);
                            self.look(&deeper, value, points, out);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// `[{"key": "train_loss", "value": 2.5, "step": 10}]`: one value a row.
    fn long_form(&mut self, rows: &[Value], points: &mut Points, out: &mut Decoded) -> bool {
        let row = |row: &Value| long_form::row_of(row.as_object()?, self.roles.names());
        if rows.first().and_then(row).is_none() {
            return false;
        }
        let found: Vec<long_form::Row> = rows.iter().filter_map(row).collect();
        if found.len() < SHORTEST_SERIES || !are_nearly_all(found.len(), rows.len()) {
            return false;
        }
        for row in found {
            let role = self.roles.take(&row.name, out);
            if let Some(role) = role.filter(|role| *role != Role::Step) {
                points.entry(row.step).or_default().set(role, row.value, out);
            }
        }
        true
    }

    /// `[[1654943296.2, 0, 5.5], [1654943313.7, 10, 5.25]]`: one scalar of TensorBoard, which the name of the
    /// file tells.
    fn exported_scalar(&mut self, rows: &[Value], points: &mut Points, out: &mut Decoded) -> bool {
        let Some(found) = exported_scalar::points(rows) else {
            return false;
        };
        self.take_series(&[], exported_scalar::VALUE, found, points, out)
    }

    /// Rows, in their order, with their numbers where they have some.
    fn rows<'a>(
        &mut self,
        path: &[&str],
        rows: impl IntoIterator<Item = (Option<u64>, &'a Value)>,
        points: &mut Points,
        out: &mut Decoded,
    ) {
        let split = split_of(path);
        let mut counter = RowCounter::default();
        for (number, row) in rows {
            let Some(fields) = row.as_object() else {
                return; // An array of something else.
            };
            out.lines += 1;
            let mut draft = Draft::default();
            let roles = &mut self.roles;
            visit(fields, "", DEPTH, &mut |name, value| {
                let counts = || roles.names().role_of(name).is_some_and(|fit| fit.role.counts());
                let name = match split {
                    Some(_) if !counts() => Cow::Owned(qualified(path, name)),
                    _ => Cow::Borrowed(name),
                };
                if let (Some(role), Some(value)) = (roles.take(&name, out), number::of_json(value)) {
                    draft.set(role, value, out);
                }
            });
            if draft.is_empty() {
                out.ignored += 1;
                continue;
            }
            let step = draft.step.or_else(|| {
                let counts_rows = !self.roles.has(Role::Step);
                let count = || counter.step(draft.get(Quantity::Epoch), |epoch| epoch);
                counts_rows.then(|| number.unwrap_or_else(count))
            });
            match step {
                // The rows of the other split have the same steps.
                Some(step) if split.is_some() => points.entry(step).or_default().take_in(&draft),
                Some(step) => draft.push(step, out),
                None => out.ignored += 1,
            }
        }
    }

    /// An object of equally long arrays, one of them the step or the epoch, or without one
    /// when there is a loss: histories of Keras and of scripts of one's own. A shorter one of a loss that
    /// comes after every so many of the others is `val_losses` of every fifth epoch, see [`every_so_many`].
    fn columns_of(
        &mut self,
        path: &[&str],
        fields: &Map<String, Value>,
        points: &mut Points,
        out: &mut Decoded,
    ) -> bool {
        let arrays: Vec<(&String, &Vec<Value>)> = fields
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_array()?)))
            .filter(|(_, values)| values.len() >= SHORTEST_SERIES && values.iter().all(is_scalar))
            .collect();
        let counter = arrays
            .iter()
            .filter_map(|(name, values)| {
                let fit = self.roles.names().role_of(name)?;
                fit.role
                    .counts()
                    .then_some((fit.role != Role::Step, fit.rank, *values))
            })
            .min_by_key(|(by_epoch, rank, _)| (*by_epoch, *rank));
        let steps: Vec<Option<u64>> = match counter {
            Some((_, _, steps)) => steps
                .iter()
                .map(|step| number::of_json(step).and_then(whole))
                .collect(),
            None => {
                let losses = arrays.iter().filter(|(name, values)| {
                    is_loss(self.roles.names(), &qualified(path, name))
                        && values.iter().any(|value| number::of_json(value).is_some())
                });
                let length = losses.map(|(_, values)| values.len()).max().unwrap_or(0);
                if length < SHORTEST_UNCOUNTED {
                    return false;
                }
                (0..length as u64).map(Some).collect()
            }
        };
        for (name, values) in arrays {
            let name = qualified(path, name);
            let may_be_rare = values.len() >= SHORTEST_UNCOUNTED && is_loss(self.roles.names(), &name);
            let place = match values.len() {
                length if length == steps.len() => Some((0, 1)),
                length if may_be_rare => {
                    let from_zero = counter.is_some() && steps.first() == Some(&Some(0));
                    every_so_many(steps.len(), length, from_zero)
                }
                _ => None,
            };
            let Some((first, apart)) = place else {
                continue; // It counts otherwise.
            };
            let counted = steps.iter().skip(first).step_by(apart).zip(values);
            let found = counted.filter_map(|(step, value)| Some(((*step)?, number::of_json(value)?)));
            self.take_series(path, &name, found.collect(), points, out);
        }
        true
    }

    /// `{"start_step": 1, "step_interval": 5, "values": {"1": 12.9, "5": 12.1}}`, and Sacred's
    /// `{"steps": [10, 20], "values": [2.5, 2.4]}`. A series of Sacred that only counts its own points goes by the
    /// `clock`, which says when each step was.
    fn series(
        &mut self,
        path: &[&str],
        name: &str,
        value: &Value,
        clock: &[&str],
        points: &mut Points,
        out: &mut Decoded,
    ) -> bool {
        let Some(series) = value.as_object() else {
            return false;
        };
        if let Some(found) = values_by_number(series) {
            return self.take_series(path, &qualified(path, name), found, points, out);
        }
        let Some(values) = series.get("values").or_else(|| series.get("data")) else {
            return false;
        };
        let get = |name: &str| series.get(name).and_then(Value::as_u64);
        let found: Vec<(u64, f64)> = match values {
            // The string "nan" stands for no value here, a bare NaN is one.
            Value::Object(values) => values
                .iter()
                .filter_map(|(step, value)| Some((step.parse().ok()?, value.as_f64()?)))
                .collect(),
            Value::Array(values) => {
                if let Some(steps) = series.get("steps").and_then(Value::as_array) {
                    let times = recorded_at(value).filter(|times| times.len() < clock.len());
                    let at = |index: usize, step: &Value| match times.as_ref() {
                        Some(times) => {
                            let time = times.get(index)?;
                            let later = clock.partition_point(|known| known <= time);
                            Some(later.saturating_sub(1) as u64)
                        }
                        None => step.as_u64(),
                    };
                    let counted = steps.iter().zip(values).enumerate();
                    let found = counted.filter_map(|(index, (step, value))| {
                        Some((at(index, step)?, number::of_json(value)?))
                    });
                    return self.take_series(path, name, found.collect(), points, out);
                }
                let (start, interval) = (get("start_step").unwrap_or(0), get("step_interval").unwrap_or(1));
                let values = values.iter().enumerate();
                let found: Vec<(u64, f64)> = values
                    .filter_map(|(index, value)| Some((start + index as u64 * interval, value.as_f64()?)))
                    .collect();
                if found.len() < SHORTEST_SERIES {
                    return false;
                }
                found
            }
            _ => return false,
        };
        self.take_series(path, name, found, points, out)
    }

    /// `{"train_loss": [[0, 11.9], [1, 11.8]]}`: steps and values. Ludwig's are `triples` with the epoch before
    /// them, in a table for each kind of data: `"train_metrics": {"combined": {"loss": [[1, 3636, 1.02]]}}`.
    fn pairs(
        &mut self,
        path: &[&str],
        name: &str,
        value: &Value,
        triples: bool,
        points: &mut Points,
        out: &mut Decoded,
    ) -> bool {
        let name = qualified(path, name);
        let pair = |pair: &Value| match pair.as_array()?.as_slice() {
            [step, value] => Some((whole(step.as_f64()?)?, number::of_json(value)?)),
            [epoch, step, value] if triples && is_loss(self.roles.names(), &name) => {
                let (epoch, step) = (whole(epoch.as_f64()?)?, whole(step.as_f64()?)?);
                (epoch <= step).then_some((step, number::of_json(value)?))
            }
            _ => None,
        };
        let pairs = value.as_array().map_or(&[][..], Vec::as_slice);
        let with_epochs = pairs
            .first()
            .and_then(Value::as_array)
            .is_some_and(|first| first.len() > 2);
        let shortest = if with_epochs { 1 } else { SHORTEST_UNCOUNTED };
        let Some(found) = pairs
            .iter()
            .map(pair)
            .collect::<Option<Vec<_>>>()
            .filter(|found| found.len() >= shortest && found.is_sorted_by_key(|(step, _)| *step))
        else {
            return false;
        };
        self.take_series(path, &name, found, points, out)
    }

    /// Takes the steps and values of what has a name within the tables around it. Where the same name was
    /// told of the same steps already, these are of something else, and all the tables around it are part
    /// of its name.
    fn take_series(
        &mut self,
        path: &[&str],
        name: &str,
        found: Vec<(u64, f64)>,
        points: &mut Points,
        out: &mut Decoded,
    ) -> bool {
        if found.is_empty() {
            return false;
        }
        let mut name = singular(name);
        if let Some(Role::Value { quantity, .. }) = self.roles.known(&name) {
            let is_told = |step| {
                points
                    .get(step)
                    .is_some_and(|draft| draft.get(quantity).is_some())
            };
            if found.iter().any(|(step, _)| is_told(step)) {
                name = Cow::Owned(format!("{}/{name}", path.join("/")));
            }
        }
        if let Some(role) = self.roles.take(&name, out).filter(|role| *role != Role::Step) {
            for (step, value) in found {
                points.entry(step).or_default().set(role, value, out);
            }
        }
        true
    }
}

type Points = BTreeMap<u64, Draft>;

/// The first epoch with an evaluation, and how many there are from one to the next, where so many `epochs` had
/// so many `evaluations`: they begin with the fifth of every five, or with the first where only that explains
/// their number, or where epochs are told to count `from_zero`, so that `epoch % 5 == 0` holds of it.
fn every_so_many(epochs: usize, evaluations: usize, from_zero: bool) -> Option<(usize, usize)> {
    USUAL_INTERVALS.into_iter().find_map(|apart| {
        let begins_with_the_first = epochs.div_ceil(apart) == evaluations;
        let begins_with_the_last = epochs / apart == evaluations;
        let first = if begins_with_the_first && (from_zero || !begins_with_the_last) {
            0
        } else {
            apart - 1
        };
        (begins_with_the_first || begins_with_the_last).then_some((first, apart))
    })
}

/// True for what `AllenNLP` writes at the end of an epoch into a file of its own, `metrics_epoch_7.json`, and
/// at the end of all into `metrics.json`.
fn is_of_an_epoch(document: &Value) -> bool {
    let names = ["best_epoch", "training_epochs", "training_loss"];
    let counts = document.get("epoch").is_some_and(Value::is_u64);
    counts
        && names
            .iter()
            .all(|name| document.get(name).is_some_and(Value::is_number))
}

/// When each point of a series of Sacred was recorded, if its steps do but count them: `log_scalar` does so
/// for each metric where it is given no step.
fn recorded_at(series: &Value) -> Option<Vec<&str>> {
    let list = |name: &str| series.get(name)?.as_array();
    let steps = list("steps")?;
    let times: Vec<&str> = list("timestamps")?
        .iter()
        .map(Value::as_str)
        .collect::<Option<_>>()?;
    let mut counted = steps.iter().zip(0..);
    let counts = counted.all(|(step, count): (_, u64)| step.as_u64() == Some(count));
    (counts && times.len() == steps.len() && times.is_sorted()).then_some(times)
}

/// The rows of `{"1": {"loss": 2.5}, "2": {"loss": 2.4}}` with their numbers.
fn rows_by_number(fields: &Map<String, Value>) -> Option<Vec<(Option<u64>, &Value)>> {
    let row = |(name, value): (&'_ String, _)| Some((Some(number::of_name(name)?), value));
    let mut rows: Vec<(Option<u64>, &Value)> = fields.iter().map(row).collect::<Option<_>>()?;
    rows.sort_by_key(|(number, _)| *number);
    (rows.len() >= SHORTEST_SERIES && rows.iter().all(|(_, value)| value.is_object())).then_some(rows)
}

/// The rows of `{"columns": ["epoch", "loss"], "data": [[1, 2.5], [2, 2.4]]}`, as pandas writes a table, and W&B.
fn rows_of_table(fields: &Map<String, Value>) -> Option<Vec<Value>> {
    let list = |name: &str| fields.get(name)?.as_array();
    let names: Vec<&str> = list("columns")?
        .iter()
        .map(Value::as_str)
        .collect::<Option<_>>()?;
    let row = |row: &Value| {
        let cells = row.as_array().filter(|cells| cells.len() == names.len())?;
        let cells = names.iter().zip(cells);
        Some(
            cells
                .map(|(name, cell)| ((*name).to_owned(), cell.clone()))
                .collect(),
        )
    };
    list("data")?.iter().map(row).collect()
}

/// The name under which each of these rows says of which run it is the result: several runs, and no
/// step that goes on from row to row.
fn results<'a>(rows: &'a [Value], names: &Names) -> Option<&'a str> {
    const SETTINGS: [&str; 5] = ["config", "args", "hparams", "hyperparameters", "params"];
    let first = rows.first()?.as_object()?;
    let all = |name: &str| rows.iter().map(|row| row.get(name)).collect::<Option<Vec<_>>>();
    let told_apart = first.keys().find(|name| {
        let tells = SETTINGS.contains(&name.as_str()) || is_of_runs(name);
        let values = all(name).unwrap_or_default().into_iter();
        let values = values.map(|value| beside_the_rate(value, names));
        tells && 2 * values.collect::<BTreeSet<_>>().len() > rows.len()
    })?;
    let goes_on = first.keys().any(|name| {
        let counts = names.role_of(name).is_some_and(|fit| fit.role.tells_progress());
        let step = |value: &Value| match value.as_str() {
            // `epoch_7` says more than the `7` of a seed.
            Some(text) => number::of_name(text)
                .filter(|_| text.starts_with(|letter: char| letter.is_alphabetic()))
                .map(|number| number as f64),
            None => number::of_json(value).filter(|_| counts),
        };
        let steps = || all(name)?.into_iter().map(step).collect::<Option<Vec<_>>>();
        steps().is_some_and(|mut steps| {
            // Training and evaluation may have a row each.
            let goes_on = steps.is_sorted();
            steps.dedup();
            goes_on && 2 * steps.len() >= rows.len()
        })
    });
    (rows.len() >= SHORTEST_SERIES && !goes_on).then_some(told_apart)
}

/// What tells runs apart: of settings, all but the learning rate, which changes in the course of a run.
fn beside_the_rate(value: &Value, names: &Names) -> String {
    let rate = Role::of(Quantity::LearningRate);
    let is_rate = |name: &str| names.role_of(name).is_some_and(|fit| fit.role.same_slot(rate));
    let Some(settings) = value.as_object() else {
        return value.to_string();
    };
    let others = settings.iter().filter(|(name, _)| !is_rate(name));
    others.map(|(name, value)| format!("{name}={value} ")).collect()
}

/// Why a document with losses is no log of a run.
pub fn no_curve(content: &[u8], names: &Names) -> Option<String> {
    fn look<'a>(value: &'a Value, names: &Names, depth: usize) -> Option<&'a str> {
        match value {
            Value::Array(rows) => results(rows, names),
            Value::Object(fields) if depth > 0 => {
                fields.values().find_map(|value| look(value, names, depth - 1))
            }
            _ => None,
        }
    }
    let document = parse(content).ok()?;
    let told_apart = look(&document, names, DEPTH)?;
    Some(format!(
        "results of several runs, told apart by {told_apart}, without a step that goes on: there is no curve in it"
    ))
}

/// A JSON document, as Python writes it too, or prints it.
pub(super) fn parse(content: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(content)
        .or_else(|error| match python_literal::to_json(content) {
            Some(json) => serde_json::from_slice(&quote_bare_words(&json)),
            None => Err(error),
        })
        .or_else(|_| serde_json::from_slice(&quote_bare_words(content)))
        .map_err(|error| error.to_string())
}

/// The values of `{"0": 2.5, "1": 2.4, "2": 2.3}`, a column as pandas writes it.
fn values_by_number(fields: &Map<String, Value>) -> Option<Vec<(u64, f64)>> {
    let value = |(name, value): (&'_ String, &'_ Value)| Some((name.parse().ok()?, value.as_f64()?));
    let mut values: Vec<(u64, f64)> = fields.iter().map(value).collect::<Option<_>>()?;
    values.sort_unstable_by_key(|(number, _)| *number);
    (values.len() >= SHORTEST_UNCOUNTED).then_some(values)
}

/// Which data a value is about: that is what the innermost of the tables around it is called that says so,
/// `train`, `train_stats`, or `dtrain`.
pub(super) fn split_of<'a>(path: &[&'a str]) -> Option<&'a str> {
    const WHAT_IS_TOLD: [&str; 5] = ["stats", "statistics", "metrics", "history", "results"];
    let split = |table: &&'a str| {
        let told = table.rsplit_once(['_', ' ', '-']);
        let told = told.filter(|(_, what)| WHAT_IS_TOLD.iter().any(|known| what.eq_ignore_ascii_case(known)));
        let data = told.map_or(*table, |(data, _)| data);
        let is_split = |data: &&str| {
            let mut splits = SPLIT_FOLDERS.iter().chain(&["vali"]);
            splits.any(|split| data.eq_ignore_ascii_case(split))
        };
        // `dtrain` is the matrix of it.
        let of_matrix = || data.strip_prefix('d').filter(is_split);
        Some(data).filter(is_split).or_else(of_matrix)
    };
    path.iter().rev().find_map(split)
}

fn is_loss(names: &Names, name: &str) -> bool {
    let fit = names.role_of(&singular(name));
    fit.is_some_and(|fit| fit.role.is_loss())
}

/// `loss` of the table `val` is `val/loss`; names that say so themselves are left alone.
fn qualified(path: &[&str], name: &str) -> String {
    match split_of(path).or(path.last().copied()) {
        Some(table) if !name.to_lowercase().contains(&table.to_lowercase()) && table != "history" => {
            format!("{table}/{name}")
        }
        _ => name.to_owned(),
    }
}

/// Every setting of a configuration.
pub(super) fn settings_of(settings: &Map<String, Value>, hints: &mut Hints) {
    visit(settings, "", DEPTH, &mut |path, value| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return,
        };
        super::sidecar::setting(path, &text, hints);
    });
}

fn is_scalar(value: &Value) -> bool {
    match value {
        Value::Array(_) => number::of_json(value).is_some(),
        value => !value.is_object(),
    }
}

impl DocumentDecoder for JsonDocumentDecoder {
    fn document(&mut self, content: &[u8], out: &mut Decoded) -> Result<(), String> {
        self.value(&parse(content)?, out);
        Ok(())
    }

    fn columns(&self) -> Vec<Column> {
        self.roles.columns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::read_all;
    use crate::metric::Quantity;

    fn points(content: &str, quantity: Quantity) -> Vec<(u64, f64)> {
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "json");
        read.decoded.records.points(quantity).collect()
    }

    #[test]
    fn rows_columns_and_series() {
        let rows = r#"[{"step": 1, "loss": 3.0}, {"step": 2, "loss": NaN}, {"step": 3, "train": {"lr": 0.1}, "loss": 2.0}]"#;
        assert_eq!(points(rows, Quantity::TrainLoss).len(), 3);
        let export = r#"{"summary": {"loss": 1.0}, "config": {"iterations": 25000, "scheduler": "wsd", "warmup_steps": 300},
            "history": {"train": {"iter": [50, 100], "loss": [4.0, 3.5]}, "val": {"iter": [100, 200], "loss": [3.6, 3.2]}}}"#;
        assert_eq!(points(export, Quantity::TrainLoss), [(50, 4.0), (100, 3.5)]);
        assert_eq!(points(export, Quantity::EvalLoss), [(100, 3.6), (200, 3.2)]);
        let read = read_all(export.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.hints.total_steps(), Some(25_000));
        assert_eq!(read.decoded.hints.scheduler(), Some("wsd"));
        let golden = r#"{"lm loss": {"start_step": 1, "end_step": 10, "step_interval": 5, "values": {"1": 12.9, "5": 12.1, "10": "nan"}},
            "iteration-time": {"start_step": 1, "step_interval": 5, "values": {"1": "nan", "5": 0.5, "10": 0.6}}}"#;
        assert_eq!(points(golden, Quantity::TrainLoss), [(1, 12.9), (5, 12.1)]);
        assert_eq!(points(golden, Quantity::StepTime), [(5, 0.5), (10, 0.6)]);
        let short =
            r#"{"lm loss": {"start_step": 1, "end_step": 1, "step_interval": 1, "values": {"1": 29.29548}}}"#;
        assert_eq!(points(short, Quantity::TrainLoss), [(1, 29.29548)]);
    }

    #[test]
    fn histories_without_steps() {
        let keras = r#"{"loss": [2.5, 2.4, 2.3], "val_loss": [2.6, 2.5, 2.45], "accuracy": [0.1, 0.2, 0.3]}"#;
        assert_eq!(points(keras, Quantity::TrainLoss), [(0, 2.5), (1, 2.4), (2, 2.3)]);
        assert_eq!(points(keras, Quantity::EvalLoss)[2], (2, 2.45));
        let own = r#"{"config": {"lr": 0.1}, "train_losses": [3.5, 2.4, 2.3], "val_losses": [2.6, 2.5]}"#;
        assert_eq!(points(own, Quantity::TrainLoss).len(), 3);
        assert_eq!(points(own, Quantity::EvalLoss), []);
        let epochs = r#"{"epochs": [1, 2, 3], "train_loss": [3.5, 2.4, 2.3]}"#;
        assert_eq!(points(epochs, Quantity::TrainLoss)[0], (1, 3.5));
        let by_number = r#"{"10": {"loss": 2.3, "val_loss": 2.4}, "9": {"loss": 2.5}}"#;
        assert_eq!(points(by_number, Quantity::TrainLoss), [(9, 2.5), (10, 2.3)]);
        let sacred =
            r#"{"training.loss": {"steps": [10, 20], "timestamps": ["a", "b"], "values": [2.5, 2.4]}}"#;
        assert_eq!(points(sacred, Quantity::TrainLoss), [(10, 2.5), (20, 2.4)]);
        // Twice in each epoch, and once at its end.
        let by_time = r#"{"trainLoss": {"steps": [0, 1, 2, 3], "timestamps": ["01:45:30", "01:45:32.5", "01:45:34", "01:45:36"], "values": [2.5, 2.25, 2.0, 1.75]},
            "validLoss": {"steps": [0, 1], "timestamps": ["01:45:33", "01:45:36.1"], "values": [2.75, 2.5]}}"#;
        assert_eq!(points(by_time, Quantity::EvalLoss), [(1, 2.75), (3, 2.5)]);
        let diverged = r#"{"trainLoss": {"steps": [0, 1], "timestamps": ["a", "b"], "values": [1.9e+22, NaN]},
            "validLoss": {"steps": [0, 1], "timestamps": ["a", "b"], "values": [NaN, NaN]}}"#;
        for loss in [Quantity::TrainLoss, Quantity::EvalLoss] {
            let points = points(diverged, loss);
            assert!(points.len() == 2 && points[1].1.is_nan(), "{points:?}");
        }
    }

    #[test]
    fn what_a_value_is_about_may_stand_far_above_it() {
        let ludwig = r#"{"test": {"class": {"loss": [3.5, 3.25, 3.0]}}, "train": {"class": {"loss": [2.5, 2.25, 2.0]}},
            "validation": {"class": {"loss": [2.75, 2.5, 2.25]}}}"#;
        let rows = r#"{"metrics": {"train": [{"epoch": 0, "loss": 2.5}, {"epoch": 1, "loss": 2.25}, {"epoch": 2, "loss": 2.0}],
            "val": [{"epoch": 0, "loss": 2.75}, {"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 2.25}]}}"#;
        let pandas =
            r#"{"loss": {"0": 2.5, "1": 2.25, "2": 2.0}, "val_loss": {"0": 2.75, "1": 2.5, "2": 2.25}}"#;
        let epochs = r#"{"epoch_0": {"train_loss": 2.5, "val_loss": 2.75}, "epoch_1": {"train_loss": 2.25, "val_loss": 2.5},
            "epoch_2": {"train_loss": 2.0, "val_loss": 2.25}}"#;
        for document in [ludwig, rows, pandas, epochs] {
            assert_eq!(
                points(document, Quantity::TrainLoss),
                [(0, 2.5), (1, 2.25), (2, 2.0)]
            );
            assert_eq!(
                points(document, Quantity::EvalLoss),
                [(0, 2.75), (1, 2.5), (2, 2.25)]
            );
        }
    }

    #[test]
    fn allennlp_writes_a_document_for_each_epoch() {
        let content = "{\n\"best_epoch\": 1,\n\"training_start_epoch\": 0, \"training_epochs\": 3, \"epoch\": 3, \"training_loss\": 0.5, \"validation_loss\": 0.75,\n\"best_validation_loss\": 0.625\n}\n";
        assert_eq!(points(content, Quantity::TrainLoss), [(3, 0.5)]);
        assert_eq!(points(content, Quantity::EvalLoss), [(3, 0.75)]);
    }

    #[test]
    fn the_same_names_in_several_tables_are_several_series() {
        let ludwig = r#"{"epoch": 3, "test_stats": {"combined": {"loss": [3.5, 3.25, 3.0]}, "class": {"loss": [1.5, 1.25, 1.0]}},
            "train_stats": {"combined": {"loss": [2.5, 2.25, 2.0]}, "class": {"loss": [1.5, 1.25, 1.0]}},
            "vali_stats": {"combined": {"loss": [2.75, 2.5, 2.25]}, "class": {"loss": [1.5, 1.25, 1.0]}}}"#
            .replace("\"class\"", "\"quality\"");
        let triples = r#"{"test_metrics": {"combined": {"loss": [[1, 10, 3.5]]}}, "train_metrics": {"combined": {"loss": [[1, 10, 2.5]]}},
            "validation_metrics": {"combined": {"loss": [[1, 10, 2.75]]}}, "tune_checkpoint_num": 0}"#;
        assert_eq!(
            points(&ludwig, Quantity::TrainLoss),
            [(0, 2.5), (1, 2.25), (2, 2.0)]
        );
        assert_eq!(
            points(&ludwig, Quantity::EvalLoss),
            [(0, 2.75), (1, 2.5), (2, 2.25)]
        );
        assert_eq!(points(triples, Quantity::TrainLoss), [(10, 2.5)]);
        assert_eq!(points(triples, Quantity::EvalLoss), [(10, 2.75)]);
        // Three numbers elsewhere are no epoch, step and loss.
        for other in [
            r#"{"loss": [[1, 2, 3]], "train_loss": [3.0, 2.5, 2.25, 2.0]}"#,
            r#"{"train": {"loss": [[1, 2, 3]], "train_loss": [3.0, 2.5, 2.25, 2.0]}}"#,
        ] {
            assert_eq!(points(other, Quantity::TrainLoss).len(), 4, "{other}");
        }
        // What goes on in the next table is the same series.
        let parts = r#"{"one": {"fit": {"step": [1, 2, 3], "loss": [2.5, 2.25, 2.0]}}, "two": {"fit": {"step": [4, 5, 6], "loss": [1.5, 1.25, 1.0]}},
            "warm": {"fit": {"step": [1, 2, 3], "loss": [9.5, 9.25, 9.0]}}}"#;
        let losses = points(parts, Quantity::TrainLoss);
        assert_eq!((losses.len(), losses[0], losses[5]), (6, (1, 2.5), (6, 1.0)));
    }

    #[test]
    fn steps_and_values_in_pairs() {
        let content = r#"{"config": {"lr": 0.1}, "train_loss": [[0, 11.9], [1, 11.8], [2, 11.7]], "val_loss": [[0, 11.95], [2, 11.5], [4, 11.25]],
            "betas": [[0, 0.9], [0, 0.95]], "times": [1, 2, 3]}"#;
        assert_eq!(
            points(content, Quantity::TrainLoss),
            [(0, 11.9), (1, 11.8), (2, 11.7)]
        );
        assert_eq!(points(content, Quantity::EvalLoss)[2], (4, 11.25));
    }

    #[test]
    fn results_of_several_runs_are_no_points_of_one() {
        let named = r#"[{"name": "a", "val_loss": 1.25, "lr": 0.1}, {"name": "b", "val_loss": 1.5, "lr": 0.01},
            {"name": "c", "val_loss": 1.0, "lr": 0.3}]"#;
        let trained_as_long = r#"{"results": [{"model": "a", "epochs": 10, "loss": 1.25}, {"model": "b", "epochs": 10, "loss": 1.5},
            {"model": "c", "epochs": 10, "loss": 1.0}]}"#;
        let configured = r#"[{"config": {"width": 8}, "loss": 1.25}, {"config": {"width": 16}, "loss": 1.5},
            {"config": {"width": 32}, "loss": 1.0}]"#;
        for document in [named, trained_as_long, configured] {
            let names = Names::default();
            assert!(read_all(document.as_bytes(), &names).is_err(), "{document}");
            let why = crate::format::diagnose(&Sample::whole(document.as_bytes()), &names);
            assert!(why.starts_with("results of several runs"), "{why}");
        }
        // Names of what was saved, and rows that go on.
        let goes_on = r#"[{"name": "a", "step": 10, "loss": 1.5}, {"name": "b", "step": 20, "loss": 1.25},
            {"name": "c", "step": 30, "loss": 1.0}]"#;
        assert_eq!(points(goes_on, Quantity::TrainLoss).len(), 3);
        let named_for_epochs = r#"[{"name": "epoch_9", "loss": 1.5}, {"name": "epoch_10", "loss": 1.25}, {"name": "epoch_11", "loss": 1.0}]"#;
        let rates = r#"[{"params": {"lr": 0.1}, "loss": 1.5}, {"params": {"lr": 0.05}, "loss": 1.25}, {"params": {"lr": 0.01}, "loss": 1.0}]"#;
        for document in [named_for_epochs, rates] {
            assert_eq!(points(document, Quantity::TrainLoss).len(), 3, "{document}");
        }
        let repeated = r#"[{"name": "row1", "step": 0, "loss": 1.5}, {"name": "row2", "step": 10, "loss": 1.25},
            {"name": "row3", "step": 10, "loss": 1.25}, {"name": "row4", "step": 20, "loss": 1.0}]"#;
        assert_eq!(points(repeated, Quantity::TrainLoss).last(), Some(&(20, 1.0)));
    }

    #[test]
    fn a_large_vocabulary_is_no_log() {
        let mut vocabulary: String = (0..40_000).map(|word| format!("\"w{word}\": {word}, ")).collect();
        vocabulary.insert_str(0, "{\"model\": {\"step\": 9662, \"loss\": 22462, ");
        vocabulary.push_str("\"end\": 1}}");
        assert!(vocabulary.len() > crate::format::SAMPLE_BYTES);
        assert!(read_all(vocabulary.as_bytes(), &Names::default()).is_err());
        let history = vocabulary.replacen(
            "\"step\": 9662, \"loss\": 22462",
            "\"step\": [1, 2, 3], \"loss\": [4.5, 3.5, 2.5]",
            1,
        );
        assert_eq!(points(&history, Quantity::TrainLoss).len(), 3);
    }

    #[test]
    fn configurations_and_last_values_are_no_logs() {
        for content in [
            r#"{"loss": 1.8, "lr": 0.001, "step": 1110}"#,
            r#"{"learning_rate": 0.001, "betas": [0.9, 0.95], "max_steps": 1000}"#,
            r#"{"train": {"loss": 2.3}, "epoch": 4, "step": 3519}"#,
        ] {
            let pretty: Value = serde_json::from_str(content).unwrap();
            let pretty = serde_json::to_string_pretty(&pretty).unwrap();
            assert!(
                read_all(pretty.as_bytes(), &Names::default()).is_err(),
                "{content}"
            );
        }
    }

    #[test]
    fn what_trees_were_evaluated_on() {
        for (train, held_out) in [("validation_0", "validation_1"), ("dtrain", "dval")] {
            let trees = format!(
                r#"{{"{train}": {{"auc": [0.5, 0.6, 0.7], "logloss": [2.5, 2.4, 2.3]}}, "{held_out}": {{"auc": [0.5, 0.6, 0.7], "logloss": [2.6, 2.5, 2.4]}}}}"#
            );
            assert!(crate::format::shared_document::runs(trees.as_bytes(), &Names::default()).is_empty());
            assert_eq!(
                points(&trees, Quantity::TrainLoss),
                [(0, 2.5), (1, 2.4), (2, 2.3)]
            );
            assert_eq!(points(&trees, Quantity::EvalLoss), [(0, 2.6), (1, 2.5), (2, 2.4)]);
        }
    }

    #[test]
    fn losses_beside_accuracies() {
        let nested = r#"{"losses": {"train": [2.5, 2.4, 2.3], "val": [2.6, 2.5, 2.4]}, "accuracies": {"train": [0.1, 0.2, 0.3], "val": [0.1, 0.2, 0.3]}}"#;
        assert_eq!(
            points(nested, Quantity::TrainLoss),
            [(0, 2.5), (1, 2.4), (2, 2.3)]
        );
        assert_eq!(points(nested, Quantity::EvalLoss), [(0, 2.6), (1, 2.5), (2, 2.4)]);
    }

    #[test]
    fn evaluations_of_every_so_many_epochs() {
        let every = |evaluations: &str| {
            let history =
                format!(r#"{{"train_losses": [6, 5.5, 5, 4.5, 4, 3.5], "val_losses": [{evaluations}]}}"#);
            points(&history, Quantity::EvalLoss)
        };
        assert_eq!(every("5.5, 4.5, 3.5"), [(1, 5.5), (3, 4.5), (5, 3.5)]);
        assert!(every("5.5, 4.5, 4, 3.5").is_empty());
        // The same evaluations stay where they are while further epochs come, and others are left out.
        let steps = |epochs: usize, evaluations: usize| {
            let history = format!(
                r#"{{"train_losses": {:?}, "val_losses": {:?}}}"#,
                vec![2.5; epochs],
                vec![2.5; evaluations],
            );
            let points = points(&history, Quantity::EvalLoss);
            points.into_iter().map(|(step, _)| step).collect::<Vec<_>>()
        };
        for epochs in 15..20 {
            assert_eq!(steps(epochs, 3), [4, 9, 14], "{epochs}");
        }
        // Where there is one more they begin with the first.
        for epochs in 11..15 {
            assert_eq!(steps(epochs, 3), [0, 5, 10], "{epochs}");
        }
        for (first, evaluated) in [(0, [0, 5, 10]), (1, [5, 10, 15])] {
            let epochs: Vec<u64> = (first..first + 15).collect();
            let losses = vec![2.5; 15];
            let history =
                format!(r#"{{"epoch": {epochs:?}, "train_loss": {losses:?}, "val_loss": [2.5, 2.25, 2.0]}}"#);
            let found = points(&history, Quantity::EvalLoss).into_iter();
            assert!(found.map(|(step, _)| step).eq(evaluated), "{first}");
        }
        for (epochs, evaluations) in [(48, 8), (20, 5), (20, 3), (20, 19)] {
            assert!(steps(epochs, evaluations).is_empty(), "{evaluations} of {epochs}");
        }
    }

    #[test]
    fn rows_may_hold_one_value_each_or_cells_without_names() {
        for document in [
            r#"[{"key": "train_loss", "value": 2.5, "step": 1}, {"key": "train_loss", "value": 2.25, "step": 2}, {"key": "val_loss", "value": 2.75, "step": 2}]"#,
            r#"{"metrics": [{"metric": "loss", "variant": "train", "iter": 1, "value": 2.5}, {"metric": "loss", "variant": "train", "iter": 2, "value": 2.25}, {"metric": "loss", "variant": "val", "iter": 2, "value": 2.75}]}"#,
            r#"{"columns": ["epoch", "train_loss", "val_loss"], "index": [0, 1], "data": [[1, 2.5, null], [2, 2.25, 2.75]]}"#,
        ] {
            assert_eq!(
                points(document, Quantity::TrainLoss),
                [(1, 2.5), (2, 2.25)],
                "{document}"
            );
            assert_eq!(points(document, Quantity::EvalLoss), [(2, 2.75)], "{document}");
        }
        for other in [
            r#"[{"name": "price", "value": 2.5, "step": 1}, {"name": "rooms", "value": 2.25, "step": 2}]"#,
            r#"{"columns": ["prompt", "score"], "data": [["loss", 2.5], ["gain", 2.25]]}"#,
            r#"{"columns": ["loss"], "data": [[2.5, 1], [2.25, 2]]}"#,
        ] {
            assert!(read_all(other.as_bytes(), &Names::default()).is_err(), "{other}");
        }
    }

    #[test]
    fn what_python_prints_of_a_history() {
        let history = "{'loss': [2.5, np.float64(2.4), 2.3],\n 'val_loss': [2.6, nan, 2.4], 'lr': [[0.1], [0.1], [0.05]]}";
        assert_eq!(
            points(history, Quantity::TrainLoss),
            [(0, 2.5), (1, 2.4), (2, 2.3)]
        );
        assert_eq!(points(history, Quantity::EvalLoss).len(), 3);
        assert_eq!(
            points(history, Quantity::LearningRate),
            [(0, 0.1), (1, 0.1), (2, 0.05)]
        );
    }
}
