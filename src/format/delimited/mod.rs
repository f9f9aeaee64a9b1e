//! CSV and its kin: a header, then rows.

mod cells;
mod decoder;
mod fits;
mod header;
mod results;
mod sample;
#[cfg(test)]
mod tests;
mod unnamed;

use super::records::Decoded;
use super::roles::Roles;
use super::{Claim, Decoder, Format, LineDecoder, Sample};
use crate::metric::{Names, Quantity};
use cells::BLANKS;
pub(super) use cells::Cells;
use decoder::DelimitedDecoder;
use header::Header;
pub(super) use header::header_names;
pub(super) use results::no_curve;
pub(super) use sample::{is_table, told_losses};
use sample::{lines, rows};
pub use unnamed::Unnamed;
pub(super) use unnamed::{list_of_numbers, numbered_columns};

/// The format.
pub struct Delimited;

impl Format for Delimited {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim> {
        let sample = &sample.beginning();
        let header = Header::find(sample, names)?;
        if !header.roles.has_loss() && !header.is_one_scalar() {
            return None;
        }
        if !header.has_counter() && header.has_prose(sample) {
            // A list of results, one row for each experiment.
            return None;
        }
        let counts = header.columns.iter().flatten().any(|role| role.tells_progress());
        if !counts && rows(sample).count() == 1 {
            // The result of one experiment, or a log that will show with its next row what it is.
            return None;
        }
        if header.no_curve(sample).is_some() {
            return None;
        }
        let among_others = header.delimiter == BLANKS || header.behind_a_title;
        let mut decoder = DelimitedDecoder::new(header);
        let mut decoded = Decoded::default();
        for (number, line) in sample.lines().enumerate() {
            decoder.line(number as u64, line, &mut decoded);
        }
        let steps = decoded.records.steps();
        let stands_still = steps.len() > 1 && steps.iter().all(|step| steps.first() == Some(step));
        if stands_still && decoder.header.has_prose(sample) {
            // The same, of experiments that all went as far.
            return None;
        }
        let records = decoded
            .records
            .rows()
            .filter(|row| {
                decoder.header.is_one_scalar() || row.has(Quantity::TrainLoss) || row.has(Quantity::EvalLoss)
            })
            .count();
        if among_others && told_losses(lines(sample)) > records {
            // A table among the lines of a log, which sums up some of them.
            return None;
        }
        // A header alone says enough: the rows will come.
        Some(Claim {
            records: records.max(usize::from(decoded.records.is_empty())),
            ..Claim::default()
        })
    }

    fn decoder(&self, sample: &Sample, names: &Names) -> Decoder {
        let header = Header::find(sample, names).unwrap_or_else(|| Header {
            delimiter: b',',
            columns: Vec::new(),
            roles: Roles::new(names, []),
            split: None,
            epochs: None,
            indexed: false,
            total_grows: false,
            index_counts: false,
            behind_a_title: false,
            numbers: None,
        });
        Decoder::Lines(Box::new(DelimitedDecoder::new(header)))
    }
}
