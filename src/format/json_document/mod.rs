//! A log that is one JSON document: rows in an array, columns in an object of arrays
//! (exports of W&B runs), or series as maps from step to value (Megatron's golden values).

mod arrays;
mod names;
mod results;
mod rows;
mod series;
#[cfg(test)]
mod tests;
mod text;

use serde_json::{Map, Value};

use super::data_words::of_the_first_set;
use super::delimited::list_of_numbers;
use super::hints::Hints;
use super::json_lines::visit;
use super::records::Decoded;
use super::roles::Roles;
use super::{Claim, Column, Decoder, DocumentDecoder, Format, Sample, number};
use crate::metric::Names;
pub(super) use names::split_of;
pub use results::no_curve;
use results::results;
use rows::{rows_by_number, rows_of_table};
pub(super) use series::SHORTEST_UNCOUNTED;
use series::{Points, recorded_at};
use text::has_losses;
pub(super) use text::{parse, spans_lines};

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
        let bare = list_of_numbers(head) && names.declares(BARE);
        (!one_row && closed && (bare || has_losses(sample.head))).then_some(Claim {
            records: 1,
            ..Claim::default()
        })
    }

    fn decoder(&self, _sample: &Sample, names: &Names) -> Decoder {
        Decoder::Document(Box::new(JsonDocumentDecoder::new(names)))
    }
}

pub(super) struct JsonDocumentDecoder {
    roles: Roles,
}

/// What a list of numbers without a name is called, as the first column of a table without names is.
const BARE: &str = "1";

/// Objects nested deeper than this are not looked into.
const DEPTH: usize = 5;

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
            Value::Array(rows) if self.exported_scalar(rows, out) => {}
            Value::Array(values) if path.is_empty() && self.bare_list(values, points, out) => {}
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
