//! Reads the rows of a table.

use super::cells::{BLANKS, Cells, unframed};
use super::fits::Fits;
use super::header::Header;
use crate::format::counters::{OwnCounter, RowCounter, set_counter};
use crate::format::data_words::{Data, WordColumn, data};
use crate::format::encoding::without_mark;
use crate::format::json_lines::parts;
use crate::format::plain_number::{leading_number, short_count};
use crate::format::records::Decoded;
use crate::format::roles::Draft;
use crate::format::{Column, LineDecoder, encoding, number};
use crate::metric::{Names, Quantity, Role, counts_the_run};

pub(super) struct DelimitedDecoder {
    pub(super) header: Header,
    cells: Cells,
    header_line: Vec<u8>,
    last_step: Option<u64>,
    rows: RowCounter,
    /// Set where the name of the counter leaves open whether it counts the run.
    counter: Option<OwnCounter>,
    fits: Fits,
    names: Names,
    words: Words,
    /// A row has told its step or its epoch.
    counts: bool,
}

/// The column whose words say which data a row is about, although its name does not.
#[derive(Clone, Copy, Debug)]
enum Words {
    /// No row with a loss has come yet.
    Unknown,
    /// There is none.
    Nowhere,
    /// There is one, or may be.
    At(usize, WordColumn),
}

impl Words {
    /// The column that has a word for data in the first row with a loss.
    fn find(cells: &[String], columns: &[Option<Role>]) -> Words {
        let mut cells = cells.iter().zip(columns);
        let is_one = |(cell, role): (&String, &Option<Role>)| role.is_none() && data(cell).is_some();
        cells
            .position(is_one)
            .map_or(Words::Nowhere, |index| Words::At(index, WordColumn::default()))
    }
}

impl DelimitedDecoder {
    pub(super) fn new(header: Header) -> Self {
        DelimitedDecoder {
            cells: Cells::new(header.delimiter),
            names: header.roles.names().clone(),
            header,
            header_line: Vec::new(),
            last_step: None,
            rows: RowCounter::default(),
            counter: None,
            fits: Fits::default(),
            words: Words::Unknown,
            counts: false,
        }
        .with_counter()
    }

    fn with_counter(mut self) -> Self {
        let columns = self.header.roles.columns();
        let mut counters = columns.iter().filter(|column| column.role == Some(Role::Step));
        let open = counters.any(|column| !self.names.role_of(&column.name).is_some_and(counts_the_run));
        self.counter = open.then(OwnCounter::default);
        self
    }

    /// True when the line is a header: the first one, the same again in a log that
    /// was appended to, or a new one with further columns.
    pub(super) fn is_header(&mut self, line: &[u8]) -> bool {
        let starts_like_a_name = line.trim_ascii_start().first().is_some_and(|byte| {
            // A table written with its index has no name for that column.
            !byte.is_ascii()
                || byte.is_ascii_alphabetic()
                || matches!(byte, b'"' | b'_')
                || *byte == self.header.delimiter
        });
        if !starts_like_a_name {
            return false;
        }
        if line == self.header_line {
            return true;
        }
        match Header::parse(without_mark(line), self.header.delimiter, &self.names) {
            // A name by itself says nothing in a table of several columns.
            Some(header)
                if (header.columns.len() > 1 || self.header.columns.len() == 1)
                    && (header.roles.has_loss() || header.is_one_scalar()) =>
            {
                self.header = Header {
                    indexed: self.header.indexed,
                    ..header
                        .with_growing_total(self.header.total_grows)
                        .with_counting_index(self.header.index_counts)
                };
                self.header_line = line.to_vec();
                true
            }
            _ => false,
        }
    }

    /// True for the lines before the header.
    fn is_title(&self) -> bool {
        self.header.behind_a_title && self.header_line.is_empty()
    }

    fn part(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
        let mut draft = Draft::default();
        if let Some(comment) = line.strip_prefix(b"#") {
            out.ignored += 1;
            out.hints.scan(&encoding::text(comment));
        } else if line.trim_ascii().is_empty() {
            out.ignored += 1;
        } else if self.is_header(line) {
            self.fits.begins = self.fits.first.is_some();
            out.ignored += 1;
        } else if self.is_title() {
            out.ignored += 1;
        } else if self.plain_row(line, &mut draft, out).is_some() {
            self.finish(number, &draft, line, out);
        } else {
            self.row(number, line, out);
        }
    }

    pub(super) fn row(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
        let Some(cells) = self.cells.split(line) else {
            return out.skip(number, "a cell without its closing quote", line);
        };
        let cells = cells.get(usize::from(self.header.indexed)..).unwrap_or_default();
        // The rule below the header of a table in Markdown.
        if cells
            .iter()
            .all(|cell| cell.bytes().all(|byte| matches!(byte, b'-' | b':')))
        {
            return out.ignored += 1;
        }
        if cells.len() != self.header.columns.len() {
            if self.header.delimiter == BLANKS {
                // Whatever else a console shows.
                return out.ignored += 1;
            }
            let reason = format!(
                "{} cells where the header has {}",
                cells.len(),
                self.header.columns.len()
            );
            return out.skip(number, &reason, line);
        }
        let is_number = |cell: &String| {
            number::parse(cell).is_some() || number::counts(cell).is_some() || number::is_missing(cell)
        };
        if self.header.delimiter == BLANKS && !cells.first().is_some_and(is_number) {
            return out.ignored += 1;
        }
        let mut draft = Draft::default();
        let mut wrong = None;
        for (cell, role) in cells.iter().zip(&self.header.columns) {
            let Some(role) = *role else {
                continue;
            };
            if number::is_missing(cell) {
                continue;
            }
            let is_time = matches!(
                role,
                Role::Value {
                    quantity: Quantity::WallTime | Quantity::Elapsed,
                    ..
                }
            );
            let time = || number::parse_timestamp(cell).or_else(|| number::parse_clock(cell));
            let found = if self.header.delimiter == b';' {
                number::of_cell(&cell.replacen(',', ".", 1))
            } else {
                number::of_cell(cell)
            };
            match found.or_else(|| if is_time { time() } else { None }) {
                Some(value) => draft.set(role, value, out),
                None if is_time => {}
                None => match number::counter(cell).filter(|_| role.counts()) {
                    Some(counter) => set_counter(role, counter, &mut draft, out),
                    // What is the best, or the mean, of the rows above.
                    None if role.counts() && self.counts && cell.starts_with(char::is_alphabetic) => {
                        return out.ignored += 1;
                    }
                    None => wrong = Some(format!("`{cell}` is no {}", role.name())),
                },
            }
        }
        if let Some(reason) = wrong {
            out.skip(number, &reason, line);
        }
        if let Some((index, name)) = &self.header.epochs
            && let Some(epochs) = cells.get(*index).and_then(|cell| number::parse(cell))
        {
            out.hints.put_epochs_of_row(name, epochs);
        }
        let split = self.header.split.and_then(|index| cells.get(index));
        let mut held_out = split.is_some_and(|split| data(split) == Some(Data::HeldOut));
        if split.is_none() && draft.has_loss() {
            if matches!(self.words, Words::Unknown) {
                self.words = Words::find(cells, &self.header.columns);
            }
            if let Words::At(index, column) = &mut self.words {
                held_out = cells
                    .get(*index)
                    .is_some_and(|word| column.is_held_out(word, out));
                if !column.may_tell() {
                    self.words = Words::Nowhere;
                }
            }
        }
        if held_out {
            draft.about_held_out_data(self.last_step);
        }
        self.finish(number, &draft, line, out);
    }

    /// Reads a row of plain numbers and empty cells; `None` when it holds anything else.
    fn plain_row(&self, line: &[u8], draft: &mut Draft, out: &mut Decoded) -> Option<()> {
        let words = self.header.split.is_some() || !matches!(self.words, Words::Nowhere);
        if words || self.header.columns.is_empty() || self.header.delimiter == BLANKS {
            return None;
        }
        let mut rest = line;
        let last = self.header.columns.len() - 1;
        let ends = |byte: Option<&u8>| byte.is_none_or(|byte| *byte == self.header.delimiter);
        for (index, role) in self.header.columns.iter().enumerate() {
            let counted = matches!(role, Some(Role::Step))
                .then(|| short_count(rest))
                .flatten();
            let counted = counted.filter(|(_, length)| ends(rest.get(*length)));
            let number = || role.and_then(|role| Some((role, leading_number(rest)?)));
            let number = if counted.is_none() { number() } else { None };
            let end = match (counted, number) {
                (Some((step, length)), _) => {
                    draft.step = Some(step);
                    length
                }
                (None, Some((role, (value, length)))) if ends(rest.get(length)) => {
                    draft.set(role, value, out);
                    length
                }
                _ => {
                    let end = memchr::memchr2(self.header.delimiter, b'\r', rest).unwrap_or(rest.len());
                    if !ends(rest.get(end)) {
                        return None;
                    }
                    if let (Some(role), false) = (role, end == 0) {
                        draft.set(*role, fast_float2::parse::<f64, _>(rest.get(..end)?).ok()?, out);
                    }
                    end
                }
            };
            // There are as many cells as columns.
            if (end < rest.len()) != (index < last) {
                return None;
            }
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        Some(())
    }

    fn finish(&mut self, number: u64, draft: &Draft, line: &[u8], out: &mut Decoded) {
        if draft.is_empty() || self.header.numbers.as_deref() == Some(line) {
            return out.ignored += 1;
        }
        self.counts |= draft.step.is_some() || draft.has(Quantity::Epoch);
        let has_step = self.header.roles.has(Role::Step);
        let without_step = || {
            if has_step {
                return self.last_step;
            }
            let loss = draft.get(Quantity::TrainLoss).or(draft.get(Quantity::EvalLoss));
            let count = |epoch| self.fits.count(epoch, loss);
            Some(self.rows.step(draft.get(Quantity::Epoch), count))
        };
        let mut counted = draft.step;
        if let (Some(counter), Some(step)) = (&mut self.counter, counted) {
            counted = Some(counter.step_of_row(draft.get(Quantity::Epoch), step));
        }
        let Some(step) = counted.or_else(without_step) else {
            return out.skip(number, "no step", line);
        };
        self.last_step = Some(step);
        draft.push(step, out);
    }
}

impl LineDecoder for DelimitedDecoder {
    fn start_over(&mut self) {
        self.counter = self.counter.take().map(|_| OwnCounter::default());
        self.last_step = None;
        self.rows = RowCounter::default();
        self.fits = Fits::default();
        self.header_line.clear();
        self.counts = false;
    }

    fn line(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
        // As nearly all lines are: with a digit begins neither a comment nor a header.
        let is_row = line.first().is_some_and(u8::is_ascii_digit) && !self.is_title();
        let mut draft = Draft::default();
        if is_row && self.plain_row(line, &mut draft, out).is_some() {
            return self.finish(number, &draft, line, out);
        }
        let printed = self.header.delimiter == BLANKS;
        if !printed && memchr::memchr(b'\r', line).is_none() {
            return if is_row {
                self.row(number, line, out)
            } else {
                self.part(number, line, out)
            };
        }
        for part in parts(line) {
            if printed {
                self.part(number, &unframed(part), out);
            } else {
                self.part(number, part, out);
            }
        }
    }

    fn columns(&self) -> Vec<Column> {
        self.header.roles.columns()
    }
}
