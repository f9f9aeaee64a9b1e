//! Text logs: lines written for people, with metrics in them.
//!
//! A [`Grammar`] knows one trainer's lines. It finds the named numbers of a line;
//! this module gives them their roles and makes records of them. To add a trainer,
//! write one file with a grammar and add one line to the list of formats.

pub mod build_nanogpt;
pub mod huggingface;
pub mod key_value;
pub mod llmc;
pub mod megatron;
pub mod modded_nanogpt;
pub mod nanochat;
pub mod nanogpt;
pub mod scan;
pub mod torchtitan;
pub mod wrapper;

use super::records::Decoded;
use super::roles::{Draft, Roles};
use super::{Claim, Column, Decoder, Format, LineDecoder, Sample};
use crate::metric::{Names, Quantity};
use wrapper::Pieces;

/// What a grammar found in a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields<'a> {
    /// The step, when the line says it.
    pub step: Option<u64>,
    /// The planned number of steps, when the line says it.
    pub total: Option<u64>,
    /// Named numbers.
    pub values: Vec<(&'a str, f64)>,
}

impl Fields<'_> {
    fn clear(&mut self) {
        self.step = None;
        self.total = None;
        self.values.clear();
    }
}

/// Whether a line belongs to a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// No metrics of this trainer.
    No,
    /// A record at the step of the line, or else at that of the last record.
    Record,
    /// Nothing to record, but the planned number of steps.
    Notice,
}

/// One trainer's lines. A grammar may remember things from line to line.
pub trait Grammar: Send {
    /// Finds the metrics of a line that has been freed of wrappers.
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match;
}

/// A text format: a name and its grammar.
pub struct TextFormat {
    /// Stable identifier.
    pub name: &'static str,
    /// A fresh grammar for a file that begins like the sample.
    pub grammar: fn(&Sample) -> Box<dyn Grammar>,
    /// A fallback may also read lines that a specific grammar knows better: it is
    /// asked last, and believed only when steps grow.
    pub fallback: bool,
}

/// A fallback needs this many records before it is believed.
const FALLBACK_RECORDS: usize = 3;

impl Format for TextFormat {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_fallback(&self) -> bool {
        self.fallback
    }

    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim> {
        let mut decoder = TextDecoder::new(self, sample, names);
        let mut decoded = Decoded::default();
        for (number, line) in sample.lines().enumerate() {
            decoder.line(number as u64, line, &mut decoded);
        }
        let steps: Vec<u64> = decoded
            .records
            .rows()
            // A loss that is not a number is left out by some trainers, from the first line on.
            .filter(|row| !self.fallback || row.has(Quantity::TrainLoss) || row.has(Quantity::EvalLoss))
            .map(|row| row.step())
            .collect();
        let records = steps.len();
        if self.fallback {
            let growing = steps
                .windows(2)
                .filter(|pair| pair.first() <= pair.last())
                .count();
            if records < FALLBACK_RECORDS || growing * 10 < (records - 1) * 8 {
                return None;
            }
        }
        Some(Claim {
            records,
            certain: false,
        })
    }

    fn decoder(&self, sample: &Sample, names: &Names) -> Decoder {
        let mut decoder = TextDecoder::new(self, sample, names);
        let mut decoded = Decoded::default();
        for (number, line) in sample.lines().enumerate() {
            decoder.line(number as u64, line, &mut decoded);
        }
        let known: Vec<String> = decoder.columns().into_iter().map(|column| column.name).collect();
        let mut fresh = TextDecoder::new(self, sample, names);
        fresh.roles = Roles::new(names, known.iter().map(String::as_str));
        Decoder::Lines(Box::new(fresh))
    }
}

struct TextDecoder {
    grammar: Box<dyn Grammar>,
    roles: Roles,
    pieces: Pieces,
    last_step: Option<u64>,
    pending: Option<Draft>,
}

impl TextDecoder {
    fn new(format: &TextFormat, sample: &Sample, names: &Names) -> Self {
        TextDecoder {
            grammar: (format.grammar)(sample),
            roles: Roles::new(names, []),
            pieces: Pieces::default(),
            last_step: None,
            pending: None,
        }
    }

    /// True when the piece held a record.
    fn piece(&mut self, piece: &str, out: &mut Decoded) -> bool {
        let mut fields = Fields::default();
        fields.clear();
        match self.grammar.parse(piece, &mut fields) {
            Match::No => return false,
            Match::Notice => {
                out.total_steps = fields.total.or(out.total_steps);
                return false;
            }
            Match::Record => {}
        }
        out.total_steps = fields.total.or(out.total_steps);
        let mut draft = Draft::default();
        for (name, value) in &fields.values {
            if let Some(role) = self.roles.take(name, out) {
                draft.set(role, *value, out);
            }
        }
        if draft.is_empty() {
            return false;
        }
        if !draft.has(Quantity::Elapsed)
            && !draft.has(Quantity::WallTime)
            && let Some(time) = wrapper::line_time(piece)
        {
            draft.put(Quantity::Elapsed, time);
        }
        match fields.step.or(draft.step).or(self.last_step) {
            Some(step) => {
                self.last_step = Some(step);
                if let Some(waiting) = self.pending.take() {
                    waiting.push(step, out);
                }
                draft.push(step, out);
            }
            // An evaluation before the first step belongs to the step that follows.
            None => self.pending = Some(draft),
        }
        true
    }
}

impl LineDecoder for TextDecoder {
    fn line(&mut self, _number: u64, line: &[u8], out: &mut Decoded) {
        let mut pieces = std::mem::take(&mut self.pieces);
        let mut found = false;
        pieces.each(line, |piece| found |= self.piece(piece, out));
        self.pieces = pieces;
        if !found {
            out.ignored += 1;
        }
    }

    fn columns(&self) -> Vec<Column> {
        self.roles.columns()
    }
}
