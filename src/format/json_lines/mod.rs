//! JSON lines with arbitrary keys: one object per line.
//!
//! Covers metrics.jsonl of any script, W&B history, LLaMA-Factory, detectron2,
//! mmengine, Lingua and many more. Python writes `NaN` and `Infinity` bare, which
//! JSON does not allow: such lines are mended before they are parsed.

mod decoder;
mod fields;
mod line;
mod mend;
mod row;
#[cfg(test)]
mod tests;
mod value;

use super::delimited::told_losses;
use super::records::Decoded;
use super::{Claim, Decoder, Format, LineDecoder, Sample, python_literal};
use crate::metric::{Names, Quantity};
use decoder::JsonDecoder;
pub(super) use fields::{singular, visit};
use line::behind_a_bar;
pub(super) use line::parts;
pub(super) use mend::{parse_line, quote_bare_words};
pub(super) use row::sums_up;

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

/// Objects nested deeper than this are not looked into.
const DEPTH: usize = 6;
