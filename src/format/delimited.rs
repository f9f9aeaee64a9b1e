//! CSV and its kin: a header, then rows.

use std::borrow::Cow;
use std::collections::HashSet;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::counters::{OwnCounter, RowCounter, set_counter, total_grows};
use super::data_words::{Data, WordColumn, data, is_split, of_the_first_set};
use super::encoding::{self, without_mark};
use super::hints::is_number_of_epochs;
use super::json_lines::parts;
use super::number;
use super::plain_number::{leading_number, short_count};
use super::records::Decoded;
use super::roles::{Draft, Roles};
use super::text::progress::is_bar;
use super::text::wrapper::without_colours;
use super::{Claim, Column, Decoder, Format, LineDecoder, Sample};
use crate::metric::{Names, Quantity, Role, counts_the_run};

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
        if header.lists_runs(sample) {
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
            behind_a_title: false,
        });
        Decoder::Lines(Box::new(DelimitedDecoder::new(header)))
    }
}

/// The names of the columns, when the file looks like a table with a header: what stands below a
/// line of prose with commas in it are no rows with numbers in as many cells.
pub(super) fn header_names(sample: &Sample, names: &Names) -> Option<Vec<String>> {
    let header = Header::find(sample, names)?;
    let mut cells = Cells::new(header.delimiter);
    let mut is_row = |line: &[u8]| {
        cells.split(line).is_some_and(|cells| {
            cells.len() == header.columns.len() && cells.iter().any(|cell| number::parse(cell).is_some())
        })
    };
    if rows(sample).next().is_some() && !rows(sample).any(&mut is_row) {
        return None;
    }
    let columns = header.roles.columns();
    Some(columns.into_iter().map(|column| column.name).collect())
}

/// True for a table: rows of as many cells as its header has names, with a number in each. Its words
/// are no lines of a log, which name their numbers between commas: `loss: 0.3, took, 3`.
pub(super) fn is_table(sample: &Sample) -> bool {
    const FEWEST_COLUMNS: usize = 3;
    let is_number = |cell: &String| number::parse(cell).is_some();
    let is_named = |cell: &String| {
        cell.rsplit_once([':', '=']).is_some_and(|(name, value)| {
            name.trim().starts_with(char::is_alphabetic) && number::parse(value.trim()).is_some()
        })
    };
    DELIMITERS.into_iter().any(|delimiter| {
        let mut cells = Cells::new(delimiter);
        let mut of_lines = lines(sample).filter(|line| !line.trim_ascii().is_empty());
        let header = of_lines.next().and_then(|line| cells.split(line));
        let named = header.filter(|cells| cells.len() >= FEWEST_COLUMNS && !cells.iter().any(is_number));
        let Some(columns) = named.map(<[String]>::len) else {
            return false;
        };
        let mut is_row = |line: &[u8]| {
            let cells = cells.split(line);
            cells.is_some_and(|cells| {
                let may_be_line = delimiter == b',' && cells.iter().any(is_named);
                cells.len() == columns && cells.iter().any(is_number) && !may_be_line
            })
        };
        of_lines.all(&mut is_row)
    })
}

struct Header {
    delimiter: u8,
    columns: Vec<Option<Role>>,
    roles: Roles,
    /// The column that says which data a row is about.
    split: Option<usize>,
    /// The column that repeats the planned number of epochs, and its name.
    epochs: Option<(usize, String)>,
    /// Rows begin with a number that has no heading, as pandas prints its tables.
    indexed: bool,
    /// What would be the planned number of steps by its name grows from row to row.
    total_grows: bool,
    /// Other lines stand before it.
    behind_a_title: bool,
}

const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];
/// Any number of blanks between the columns of a table printed for the eye.
const BLANKS: u8 = b' ';

impl Header {
    /// The first line that is neither blank nor a comment, when it can be a header.
    fn find(sample: &Sample, names: &Names) -> Option<Header> {
        let line = lines(sample).find(|line| {
            let line = line.trim_ascii();
            !line.is_empty() && !line.starts_with(b"#")
        })?;
        let line = without_mark(line);
        if line.starts_with(b"{") {
            return None;
        }
        let delimited = DELIMITERS
            .into_iter()
            .filter_map(|delimiter| Header::parse(line, delimiter, names))
            .filter(|header| header.columns.len() > 1 || has_numbers_only(sample))
            .max_by_key(|header| header.columns.iter().flatten().count());
        // Prose has commas too: a table may be printed below it.
        let is_known = |header: &Header| header.columns.iter().any(Option::is_some);
        let (known, unknown) = match delimited {
            Some(header) if is_known(&header) => (Some(header), None),
            other => (None, other),
        };
        known
            .or_else(|| Header::of_a_comment(sample, names))
            .or_else(|| Header::behind_a_title(sample, names))
            .or_else(|| Header::of_a_printed_table(sample, names))
            .or(unknown)
            .map(|header| {
                let total_grows = header.total_grows(sample);
                header.with_growing_total(total_grows)
            })
    }

    /// True when the planned number of steps, by its name, grows from row to row.
    fn total_grows(&self, sample: &Sample) -> bool {
        let is_total = |role: &Option<Role>| *role == Some(Role::TotalSteps);
        let Some(column) = self.columns.iter().position(is_total) else {
            return false;
        };
        let column = column + usize::from(self.indexed);
        let mut cells = Cells::new(self.delimiter);
        total_grows(rows(sample).filter_map(|line| number::parse(cells.split(line)?.get(column)?)))
    }

    /// A total that grows with the run is no plan: so many steps have been made.
    fn with_growing_total(mut self, grows: bool) -> Header {
        if grows {
            self.total_grows = true;
            let role = self.roles.count_by_the_total();
            let totals = self
                .columns
                .iter_mut()
                .filter(|column| **column == Some(Role::TotalSteps));
            totals.for_each(|column| *column = role);
        }
        self
    }

    /// The header that `numpy.savetxt` and many scripts write as a comment: `# step loss lr`.
    fn of_a_comment(sample: &Sample, names: &Names) -> Option<Header> {
        let is_comment = |line: &&[u8]| line.is_empty() || line.starts_with(b"#");
        let comments = lines(sample).map(<[u8]>::trim_ascii).take_while(is_comment);
        let line = comments.last()?;
        let hashes = line.iter().take_while(|byte| **byte == b'#').count();
        let line = line.get(hashes..).unwrap_or_default().trim_ascii();
        let delimiters = DELIMITERS.into_iter().chain([BLANKS]);
        delimiters
            .filter_map(|delimiter| Header::parse(line, delimiter, names))
            .filter(|header| header.roles.has_loss())
            .max_by_key(|header| header.columns.iter().flatten().count())
    }

    /// A header that a few lines stand before: `sep=,`, or the name of the experiment. It names a counter and
    /// a loss, and numbers stand right below it. Tabs below other lines are those of a notebook.
    fn behind_a_title(sample: &Sample, names: &Names) -> Option<Header> {
        const LONGEST_TITLE: usize = 10;
        let lines: Vec<&[u8]> = lines(sample)
            .filter(|line| !line.iter().all(|byte| b" -:|".contains(byte)))
            .take(LONGEST_TITLE + 2)
            .collect();
        let headers = lines.windows(2).skip(1).flat_map(|pair| {
            let parsed = |delimiter| Some((Header::parse(pair.first()?, delimiter, names)?, pair.last()?));
            DELIMITERS
                .into_iter()
                .filter(|delimiter| *delimiter != b'\t')
                .filter_map(parsed)
        });
        let mut found = headers.filter(|(header, row)| {
            let counts = header.columns.iter().flatten().any(|role| role.counts());
            let mut cells = Cells::new(header.delimiter);
            let is_row = |cells: &[String]| {
                cells.len() == header.columns.len() && cells.iter().all(|cell| is_value(cell))
            };
            counts && header.roles.has_loss() && cells.split(row).is_some_and(is_row)
        });
        found.next().map(|(header, _)| Header {
            behind_a_title: true,
            ..header
        })
    }

    /// The header of a table printed in columns, as fastai does, which may stand anywhere
    /// among other lines: it names a counter and a loss, and numbers stand below them.
    fn of_a_printed_table(sample: &Sample, names: &Names) -> Option<Header> {
        let lines: Vec<&[u8]> = lines(sample)
            .filter(|line| !line.trim_ascii().is_empty())
            .collect();
        let mut cells = Cells::new(BLANKS);
        for (index, line) in lines.iter().enumerate() {
            let Some(header) = Header::parse(&unframed(line), BLANKS, names) else {
                continue;
            };
            // Bars of progress may stand between.
            let row = lines.iter().skip(index + 1).take(200).find_map(|next| {
                let cells = cells.split(&unframed(next))?;
                let indexed = cells.len() == header.columns.len() + 1
                    && cells.first().is_some_and(|first| first.parse::<u32>().is_ok());
                let is_row = (indexed || cells.len() == header.columns.len())
                    && cells.iter().all(|cell| is_value(cell));
                is_row.then_some(indexed)
            });
            if let Some(indexed) = row {
                return Some(Header { indexed, ..header });
            }
        }
        None
    }

    fn parse(line: &[u8], delimiter: u8, names: &Names) -> Option<Header> {
        let mut cells = Cells::new(delimiter);
        let wide = if delimiter == BLANKS {
            wide_columns(line)
        } else {
            Vec::new()
        };
        let cells = if wide.is_empty() {
            cells.split(line)?
        } else {
            &wide[..]
        };
        let is_name = |cell: &String| !cell.is_empty() && number::parse(cell).is_none() && cell.len() < 200;
        let one_word = delimiter == BLANKS && cells.len() < 2;
        if one_word || cells.iter().filter(|cell| is_name(cell)).count() * 2 <= cells.len() {
            return None;
        }
        if delimiter == BLANKS {
            // Prose has blanks as well.
            let identifier = |cell: &String| {
                let inside = |byte: u8| {
                    byte.is_ascii_alphanumeric()
                        || matches!(byte, b'_' | b'/' | b'-' | b'.' | b' ' | b'(' | b')')
                };
                is_name(cell) && cell.bytes().all(inside)
            };
            if !cells.iter().all(identifier) {
                return None;
            }
        }
        let all = || cells.iter().map(String::as_str);
        let told: Vec<Cow<str>> = all().map(|name| of_the_first_set(name, all())).collect();
        let mut roles = Roles::new(names, told.iter().map(AsRef::as_ref));
        if cells.len() < 2 && !roles.has_loss() {
            return None;
        }
        let columns: Vec<Option<Role>> = told.iter().map(|name| roles.role(name).0).collect();
        if delimiter == BLANKS {
            // The first of the names is the counter.
            let counts = columns.first().copied().flatten().is_some_and(Role::counts);
            if !counts || !roles.has_loss() {
                return None;
            }
        }
        Some(Header {
            delimiter,
            split: cells.iter().position(|name| is_split(name)),
            epochs: cells
                .iter()
                .position(|name| is_number_of_epochs(name))
                .and_then(|index| Some((index, cells.get(index)?.clone()))),
            columns,
            roles,
            indexed: false,
            total_grows: false,
            behind_a_title: false,
        })
    }

    /// True for a time, a step and something that is known: one scalar of `TensorBoard`.
    fn is_one_scalar(&self) -> bool {
        matches!(
            self.columns[..],
            [
                Some(Role::Value {
                    quantity: Quantity::WallTime,
                    ..
                }),
                Some(Role::Step),
                Some(_)
            ]
        )
    }

    /// True when a column counts steps or epochs or tells the time.
    fn has_counter(&self) -> bool {
        self.columns.iter().flatten().any(|role| {
            let is_time = matches!(
                role,
                Role::Value {
                    quantity: Quantity::WallTime | Quantity::Elapsed,
                    ..
                }
            );
            role.tells_progress() || is_time
        })
    }

    /// True when each row is of another run, which it names, as in W&B's table of runs.
    fn lists_runs(&self, sample: &Sample) -> bool {
        const NAMES: [&str; 6] = ["name", "id", "run", "run_id", "run_name", "experiment"];
        let columns = self.roles.columns();
        let mut cells = Cells::new(self.delimiter);
        let is_word = |cell: &String| number::parse(cell).is_none() && !number::is_missing(cell);
        columns.iter().enumerate().any(|(index, column)| {
            let mut seen = HashSet::new();
            NAMES.iter().any(|name| column.name.eq_ignore_ascii_case(name))
                && rows(sample).all(|line| {
                    let cell = cells.split(line).and_then(|cells| cells.get(index));
                    cell.is_some_and(|cell| is_word(cell) && seen.insert(cell.clone()))
                })
                && seen.len() > 1
        })
    }

    /// True when rows hold words.
    fn has_prose(&self, sample: &Sample) -> bool {
        let mut cells = Cells::new(self.delimiter);
        let is_prose = |cell: &String| {
            !number::is_missing(cell)
                && number::parse(cell).is_none()
                && number::parse_clock(cell).is_none()
                && data(cell).is_none()
        };
        rows(sample).any(|line| {
            cells.split(line).is_some_and(|cells| {
                // The same header may come again.
                cells.iter().any(is_prose) && cells.iter().any(|cell| number::parse(cell).is_some())
            })
        })
    }
}

/// True for what may stand in a row of a table of numbers.
fn is_value(cell: &str) -> bool {
    number::of_cell(cell).is_some()
        || number::parse_clock(cell).is_some()
        || number::counts(cell).is_some()
        || number::is_missing(cell)
}

/// The lines, which some writers end with carriage returns.
fn lines<'a>(sample: &Sample<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    sample.lines().flat_map(parts)
}

/// The lines behind the header, without blank ones and comments.
fn rows<'a>(sample: &Sample<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    lines(sample)
        .filter(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"))
        .skip(1)
}

/// The number of lines that name a loss and tell it, as no row of a table does. Bars of progress do not count, nor
/// does what is remarked about a row: `Better model found at epoch 0 with valid_loss value: 0.3`.
pub(super) fn told_losses<'a>(lines: impl Iterator<Item = &'a [u8]>) -> usize {
    const REMARKS: [&str; 4] = ["best", "better", "improved", "decreased"];
    let tells = |line: &&[u8]| {
        let line = encoding::text(line).to_lowercase();
        let value = line.split_once("loss").map(|(_, value)| value);
        value.is_some_and(|value| value.contains(|digit: char| digit.is_ascii_digit()))
            && !REMARKS.iter().any(|remark| line.contains(remark))
            && !is_bar(&line)
    };
    lines.filter(tells).count()
}

/// True when every line but the first is a number: a loss alone is a table only then.
fn has_numbers_only(sample: &Sample) -> bool {
    const ENOUGH: usize = 3;
    let lines = lines(sample).map(<[u8]>::trim_ascii);
    let mut rows = lines.filter(|line| !line.is_empty()).skip(1);
    let is_number = |line: &[u8]| std::str::from_utf8(line).is_ok_and(|line| number::parse(line).is_some());
    let numbers = rows.try_fold(0, |count, line| is_number(line).then_some(count + 1));
    numbers.is_some_and(|count| count >= ENOUGH)
}

/// A line of a table printed for the eye, without its colours and the frame around its cells: `│ 1 │ 2.20 │`.
fn unframed(line: &[u8]) -> Cow<'_, [u8]> {
    const FRAME: [char; 3] = ['|', '│', '┃'];
    let plain = without_colours(line);
    let Ok(text) = std::str::from_utf8(&plain) else {
        return plain;
    };
    let inside = |text: &str| -> Option<String> {
        let cells = text.trim().strip_prefix(FRAME)?.strip_suffix(FRAME)?.split(FRAME);
        // An empty cell keeps its place.
        let cells = cells
            .map(str::trim)
            .map(|cell| if cell.is_empty() { "-" } else { cell });
        Some(cells.collect::<Vec<_>>().join("  "))
    };
    match inside(text) {
        Some(cells) => Cow::Owned(cells.into_bytes()),
        None => plain,
    }
}

/// Names with blanks in them, which two blanks or more part: `Epoch   Train Loss   Val Loss`.
/// Nothing when there are none.
fn wide_columns(line: &[u8]) -> Vec<String> {
    let line = encoding::text(line);
    let names: Vec<String> = line
        .split("  ")
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    if names.iter().any(|name| name.contains(' ')) && names.len() > 1 {
        names
    } else {
        Vec::new()
    }
}

struct DelimitedDecoder {
    header: Header,
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

/// Several fits of one model in one table of epochs, each below a header of its own, as fastai
/// prints and appends them. Epochs count from the beginning again, but the model goes on.
#[derive(Clone, Copy, Debug, Default)]
struct Fits {
    /// First epoch and loss of the table.
    first: Option<(u64, f64)>,
    /// The last ones.
    last: (u64, f64),
    /// A header has just come.
    begins: bool,
    /// Epochs of the fits before.
    before: u64,
}

impl Fits {
    /// The epoch of the model.
    fn count(&mut self, epoch: u64, loss: Option<f64>) -> u64 {
        let (first, first_loss) = *self.first.get_or_insert((epoch, loss.unwrap_or(f64::NAN)));
        let (last, last_loss) = self.last;
        if std::mem::take(&mut self.begins) && epoch == first {
            // What starts as badly as the first fit did is another model.
            let goes_on = loss.is_some_and(|loss| {
                loss <= first_loss && (loss - last_loss).abs() <= (loss - first_loss).abs()
            });
            self.before = if goes_on { last + 1 - first } else { 0 };
        }
        let counted = epoch.saturating_add(self.before);
        self.last = (counted, loss.unwrap_or(last_loss));
        counted
    }
}

impl DelimitedDecoder {
    fn new(header: Header) -> Self {
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
    fn is_header(&mut self, line: &[u8]) -> bool {
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
                    ..header.with_growing_total(self.header.total_grows)
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

    fn row(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
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
        if draft.is_empty() {
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

/// Splits a line into its cells, keeping its buffers.
#[derive(Clone)]
pub(super) struct Cells {
    delimiter: u8,
    /// For quoted cells; made when there is one, for making it takes longer than most lines.
    reader: Option<Box<Reader>>,
    cells: Vec<String>,
}

impl Cells {
    pub(super) fn new(delimiter: u8) -> Self {
        Cells {
            delimiter,
            reader: None,
            cells: Vec::new(),
        }
    }

    /// The cells, trimmed; `None` when a quote is left open.
    pub(super) fn split(&mut self, line: &[u8]) -> Option<&[String]> {
        if self.delimiter == BLANKS {
            self.cells.clear();
            let words = line
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty());
            // fastai before 2019 puts the time in parentheses below no name.
            let words = words.filter(|word| !(word.starts_with(b"(") && word.ends_with(b")")));
            self.cells
                .extend(words.map(|word| encoding::text(word).into_owned()));
            return Some(&self.cells);
        }
        if memchr::memchr(b'"', line).is_none() {
            let mut count = 0;
            for cell in line.split(|byte| *byte == self.delimiter) {
                match self.cells.get_mut(count) {
                    Some(slot) => {
                        slot.clear();
                        slot.push_str(&encoding::text(cell.trim_ascii()));
                    }
                    None => self.cells.push(encoding::text(cell.trim_ascii()).into_owned()),
                }
                count += 1;
            }
            self.cells.truncate(count);
            return Some(&self.cells);
        }
        self.split_quoted(line)
    }

    fn split_quoted(&mut self, line: &[u8]) -> Option<&[String]> {
        let delimiter = self.delimiter;
        let build = || Box::new(ReaderBuilder::new().delimiter(delimiter).build());
        let reader = self.reader.get_or_insert_with(build);
        reader.reset();
        let mut bytes = vec![0; line.len() + 1];
        let mut ends = vec![0; line.len() + 1];
        let terminated: Vec<u8> = line.iter().copied().chain([b'\n']).collect();
        let (result, _, _, count) = reader.read_record(&terminated, &mut bytes, &mut ends);
        if result != ReadRecordResult::Record {
            return None;
        }
        let mut start = 0;
        self.cells.clear();
        for end in ends.iter().take(count) {
            let cell = bytes.get(start..*end).unwrap_or_default();
            self.cells.push(encoding::text(cell.trim_ascii()).into_owned());
            start = *end;
        }
        Some(&self.cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::read_all;
    use proptest::prelude::*;

    type Row = (u64, Option<f64>, Option<f64>);

    fn rows(content: &str) -> Vec<Row> {
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "csv");
        let row = |row: crate::format::records::Row| {
            (
                row.step(),
                row.value(Quantity::TrainLoss),
                row.value(Quantity::EvalLoss),
            )
        };
        read.decoded.records.rows().map(row).collect()
    }

    #[test]
    fn a_column_of_words_for_data_tells_whatever_its_name() {
        let content = "event,step,loss,perplexity,lr\ntrain,100,2.25,,1e-4\ntrain,120,2.125,,1e-4\n\
            eval,120,2.5,8.5,\ntrain,140,2.0,,1e-4\n";
        let expected = [
            (100, Some(2.25), None),
            (120, Some(2.125), None),
            (120, None, Some(2.5)),
            (140, Some(2.0), None),
        ];
        assert_eq!(rows(content), expected);
        // The evaluation may come first, when nothing shows yet that there is training.
        let content = "kind,step,loss\nvalidation,0,2.5\ntrain,10,2.25\n";
        assert_eq!(rows(content), [(0, None, Some(2.5)), (10, Some(2.25), None)]);
        // A word that stays is a name, and one for something else may be for anything.
        for other in ["test", "late"] {
            let content = format!("label,step,loss\ntest,1,2.5\n{other},2,2.25\n");
            assert_eq!(rows(&content), [(1, Some(2.5), None), (2, Some(2.25), None)]);
        }
        let content = "event,step,loss\ntrain,1,2.5\neval,1,2.75\nrestart,2,2.25\n";
        assert_eq!(
            rows(content).iter().filter(|(_, _, eval)| eval.is_some()).count(),
            0
        );
    }

    #[test]
    fn the_planned_epochs_stand_in_a_column() {
        let content = "run,epoch,total_epochs,train_loss,best\n1,0,3000,3.5,yes\n1,200,3000,2.25,yes\n";
        let hints = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .hints;
        assert_eq!(hints.count(crate::format::hints::Fact::Epochs), Some(3000));
    }

    #[test]
    fn carriage_returns_may_end_the_rows() {
        for end in ["\r", "\r\r", "\r\n", "\r\r\n"] {
            let content =
                ["epoch,loss,val_loss", "0,1.5,1.2", "1,0.5,0.6", "2,0.25,"].map(|row| row.to_owned() + end);
            let expected = [
                (0, Some(1.5), Some(1.2)),
                (1, Some(0.5), Some(0.6)),
                (2, Some(0.25), None),
            ];
            assert_eq!(rows(&content.concat()), expected, "{end:?}");
        }
        // Behind a cell that is not used.
        let content = "step,loss,note\n1,1.5,a\r2,0.5,b\n3,0.25,c\n";
        let told: Vec<u64> = rows(content).iter().map(|(step, ..)| *step).collect();
        assert_eq!(told, [1, 2, 3]);
        // Not even among those of one row.
        let torn = rows("step,note,loss\n1,a\r2.5\n2,c,1.5\n");
        assert_eq!(torn, [(2, Some(1.5), None)]);
    }

    #[test]
    fn a_list_of_runs_is_no_curve() {
        let table = |rows: &str| format!("_step,train_loss,name,id\n{rows}");
        let refused = |table: &str| read_all(table.as_bytes(), &Names::default()).is_err();
        assert!(refused(&table("35,0.05,warm,s4221lzx\n43,0.04,cold,rm2zewfq\n")));
        assert!(!refused(&table("35,0.05,warm,s4221lzx\n43,0.04,warm,s4221lzx\n")));
    }

    #[test]
    fn tables_are_printed_in_columns_as_fastai_does() {
        let content = "Training...\nepoch     train_loss  valid_loss  error_rate  time    \n\
            Epoch 1/2 : |----| 0.00% [0/50 00:00<?]\n\
            0         0.907861    0.303510    0.108254    00:23     \n\
            1         0.528300    0.256100    0.081867    00:23     \nsaved model of epoch 1\n";
        assert_eq!(
            rows(content),
            [
                (0, Some(0.907861), Some(0.30351)),
                (1, Some(0.5283), Some(0.2561))
            ]
        );
        let content = "Epoch  Train Loss  Val Loss\n-----------------------------\n    1       0.907     0.303\n    2       0.528     0.256\n";
        assert_eq!(
            rows(content),
            [(1, Some(0.907), Some(0.303)), (2, Some(0.528), Some(0.256))]
        );
        // Before 2019 the time stood below no name.
        let content = "Total time: 01:36\nepoch  train_loss  valid_loss  accuracy\n1      0.115773    0.074130    0.974975  (00:24)\n2      0.071310    0.050290    0.983317  (00:24)\n";
        assert_eq!(
            rows(content),
            [
                (1, Some(0.115773), Some(0.07413)),
                (2, Some(0.07131), Some(0.05029))
            ]
        );
    }

    #[test]
    fn printed_tables_may_have_frames() {
        let expected = [
            (1, Some(2.25), Some(2.5)),
            (2, Some(2.0), None),
            (3, Some(1.75), Some(2.0)),
        ];
        let rule = "+-------+------------+----------+\n";
        let header = "| Epoch | Train Loss | Val Loss |\n";
        let rows_of = |bar: &str| {
            [
                "|     1 |     2.2500 |   2.5000 |\n",
                "|     2 |     2.0000 |          |\n",
                "|     3 |     1.7500 |   2.0000 |\n",
            ]
            .map(|row| row.replace('|', bar))
        };
        let [first, second, third] = rows_of("|");
        let once = format!("Using device: cuda\n{rule}{header}{rule}{first}{second}{third}{rule}");
        assert_eq!(rows(&once), expected);
        let top = format!("{rule}{header}{rule}");
        assert_eq!(
            rows(&format!(
                "{top}{first}{rule}{top}{second}{rule}{top}{third}{rule}"
            )),
            expected
        );
        let rich = format!(
            "      Training Progress      \n┏━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━┓\n{}┡━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━┩\n{}└───────┴────────────┴──────────┘\n",
            header.replace('|', "┃"),
            rows_of("│").concat()
        );
        assert_eq!(rows(&rich), expected);
    }

    #[test]
    fn a_table_that_sums_up_the_lines_of_a_log_does_not_stand_for_them() {
        let framed = "+-------+------------+\n| Epoch | Train Loss |\n+-------+------------+\n|    20 |     1.2035 |\n|    19 |     1.2213 |\n+-------+------------+\n";
        let plain = "Summary\nepoch  loss\n20  1.2035\n19  1.2213\n";
        let claims = |content: String| {
            let sample = Sample::whole(content.as_bytes());
            Delimited.claim(&sample, &Names::default()).is_some()
        };
        let told =
            |line: &str| -> String { (1..=20).map(|epoch| format!("Epoch {epoch}{line}\n")).collect() };
        for table in [framed, plain] {
            for line in [": train loss 2.4 val loss 2.5", ", train loss 2.4, val loss 2.5"] {
                assert!(!claims(told(line) + table), "{line} {table}");
                assert!(!claims(table.to_owned() + &told(line)), "{table} {line}");
            }
            // Bars and remarks stand for no rows.
            for line in [
                ": 100%|####| 50/50 [00:10<00:00, 4.98it/s, loss=2.34]",
                ": better model found with valid_loss value: 0.3",
            ] {
                assert!(claims(told(line) + table), "{line} {table}");
            }
        }
    }

    #[test]
    fn a_short_table_below_a_title_does_not_stand_for_the_lines_of_a_log() {
        let table = "Results of the last run:\nepoch,loss,val_loss\n9,2.1,2.3\n10,2.0,2.2\n";
        let claims = |told: &str| {
            let content = table.to_owned() + told;
            let sample = Sample::whole(content.as_bytes());
            Delimited.claim(&sample, &Names::default()).is_some()
        };
        assert!(claims(""));
        assert!(!claims(
            "Epoch 1/3, loss: 5.0\nEpoch 2/3, loss: 4.5\nEpoch 3/3, loss: 4.25\n"
        ));
    }

    #[test]
    fn prose_with_commas_above_a_printed_table_is_no_header() {
        let content = "training (one 128-token chunk per step, 500 steps/epoch):\n\
            epoch    step      loss      perp     time\n-----    -----    ------    ------    -----\n    \
            1     500    2.1751    8.8026    13.2s\n    2    1000    2.0469    7.7442    12.4s\n";
        assert_eq!(
            rows(content),
            [(500, Some(2.1751), None), (1000, Some(2.0469), None)]
        );
    }

    #[test]
    fn several_fits_of_one_model_go_on_and_another_model_begins_anew() {
        let fit = |losses: &[f64]| -> String {
            let row = |(epoch, loss): (usize, &f64)| format!("{epoch},{loss},{loss},00:12\n");
            let rows: String = losses.iter().enumerate().map(row).collect();
            "epoch,train_loss,valid_loss,time\n".to_owned() + &rows
        };
        let steps = |content: &str| -> Vec<u64> { rows(content).iter().map(|row| row.0).collect() };
        let tuned = fit(&[0.9]) + &fit(&[0.5, 0.4, 0.35]) + &fit(&[0.36, 0.3]);
        assert_eq!(steps(&tuned), [0, 1, 2, 3, 4, 5]);
        assert_eq!(steps(&(fit(&[0.9, 0.5]) + &fit(&[0.95, 0.5]))), [0, 1, 0, 1]);
    }

    #[test]
    fn a_loss_alone_is_a_table_of_numbers() {
        assert_eq!(
            rows("train_loss\n3.5\n2.5\n1.5\n"),
            [(0, Some(3.5), None), (1, Some(2.5), None), (2, Some(1.5), None)]
        );
        for content in ["loss\n3.5\n2.5\nof rank 1\n", "loss\n3.5\n"] {
            assert!(
                read_all(content.as_bytes(), &Names::default()).is_err(),
                "{content}"
            );
        }
    }

    #[test]
    fn prose_is_no_table() {
        let content = "epoch and loss are shown\nstep loss lr\nno numbers here\n12 of 40\n";
        assert!(read_all(content.as_bytes(), &Names::default()).is_err());
    }

    #[test]
    fn sparse_rows_and_missing_cells() {
        assert_eq!(
            rows("step,lr,train_loss,val_loss\n0,,,10.9\n50,7e-5,8.1,\n100,NA,nan,None\n")[..2],
            [(0, None, Some(10.9)), (50, Some(8.1), None)]
        );
    }

    #[test]
    fn other_delimiters_padding_and_quotes() {
        assert_eq!(rows("step\ttrain loss\n1\t2.5\n"), [(1, Some(2.5), None)]);
        assert_eq!(
            rows("   epoch ,  train_loss , val_loss\n  0 , 3.0 , 3.1\n  1 , 2.0 , 2.1\n")[1],
            (1, Some(2.0), Some(2.1))
        );
        assert_eq!(
            rows(
                "\"Step\",\"run, one - train/lm_loss\",\"run, one - train/lm_loss__MIN\"\n\"4\",\"12.17\",\"12.17\"\n"
            ),
            [(4, Some(12.17), None)]
        );
    }

    #[test]
    fn a_column_may_say_which_data_a_row_is_about() {
        assert_eq!(
            rows("epoch,phase,loss\n0,train,3.0\n0,val,3.1\n1,train,2.0\n"),
            [(0, Some(3.0), None), (0, None, Some(3.1)), (1, Some(2.0), None)]
        );
    }

    #[test]
    fn a_header_may_leave_its_first_column_without_a_name() {
        let read = read_all(b",loss,val_loss\n0,2.0,2.5\n1,1.5,2.25\n", &Names::default()).unwrap();
        assert_eq!(
            (read.decoded.records.steps(), read.decoded.skipped),
            (&[0, 1][..], 0)
        );
    }

    #[test]
    fn batches_count_on_over_epochs() {
        assert_eq!(
            rows("epoch,batch,loss\n1,10,3.0\n1,20,2.5\n2,10,2.0\n2,20,1.5\n")[2..],
            [(30, Some(2.0), None), (40, Some(1.5), None)]
        );
    }

    #[test]
    fn a_list_of_results_is_no_log() {
        let list = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\na1b2c3d\t0.9979\t44.0\tkeep\tbaseline\nb2c3d4e\t0.9932\t44.2\tkeep\tlr 0.04\n";
        assert!(read_all(list.as_bytes(), &Names::default()).is_err());
        let result = "model_name,loss,f1,timestamp\nbest_model,1.2828,0.4906,2026-08-01 16:51:10\n";
        assert!(read_all(result.as_bytes(), &Names::default()).is_err());
        assert_eq!(rows("step,loss\n1,2\n").len(), 1);
    }

    #[test]
    fn a_header_in_the_middle_is_no_row() {
        assert_eq!(
            rows("step,loss\n1,2\nstep,loss\n2,1\nstep,loss,val_loss\n3,1,4\n").last(),
            Some(&(3, Some(1.0), Some(4.0)))
        );
    }

    #[test]
    fn torn_rows_are_skipped_and_counted() {
        let read = read_all(b"step,loss\n1,2\n2\n3,oops\n4,1\n", &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [1, 4]);
        assert_eq!(read.decoded.skipped, 2);
    }

    proptest! {
        /// Rows of plain numbers are read as all others are.
        #[test]
        fn plain_rows_change_nothing(
            cells in prop::collection::vec(
                prop_oneof![
                    "-?[0-9]{1,3}(\\.[0-9]{1,6})?(e-?[0-9])?",
                    prop::sample::select(vec!["", " ", "nan", "-inf", "NA", "1,0", "x", " 2", "1_0", "+3", ".5", "\"4\""]).prop_map(str::to_owned),
                ],
                1..40,
            ),
        ) {
            let content: Vec<String> = cells.chunks(4).map(|row| row.join(",")).collect();
            let sample = Sample::whole(b"step,loss,lr,other\n");
            let decoder = || DelimitedDecoder::new(Header::find(&sample, &Names::default()).unwrap());
            let (mut fast, mut slow) = (decoder(), decoder());
            let (mut with, mut without) = (Decoded::default(), Decoded::default());
            for (number, line) in content.iter().enumerate() {
                fast.line(number as u64, line.as_bytes(), &mut with);
                if line.trim().is_empty() || slow.is_header(line.as_bytes()) {
                    without.ignored += 1;
                } else {
                    slow.row(number as u64, line.as_bytes(), &mut without);
                }
            }
            prop_assert_eq!(format!("{with:?}"), format!("{without:?}"));
        }
    }

    #[test]
    fn a_total_that_grows_is_no_plan() {
        let table = |header: &str, row: &dyn Fn(u64) -> String| {
            let rows: String = (1..20).map(row).collect();
            let decoded = crate::format::read_all(format!("{header}\n{rows}").as_bytes(), &Names::default())
                .unwrap()
                .decoded;
            (decoded.records.steps().to_vec(), decoded.total_steps)
        };
        let counted: Vec<u64> = (1..20).map(|row| 2000 * row).collect();
        // The table of Baselines' DDPG.
        let agent = table(
            "total/episodes,total/epochs,total/steps,train/loss_actor,train/loss_critic",
            &|row| format!("{},{row},{},-{row}.5,0.{row}\n", 9 * row, 2000 * row),
        );
        assert_eq!(agent, (counted.clone(), None));
        let beside = table("step,total_steps,loss", &|row| {
            format!("{},{row},0.{row}\n", 2000 * row)
        });
        assert_eq!(beside, (counted.clone(), None));
        let planned = table("step,total_steps,loss", &|row| {
            format!("{},90000,0.{row}\n", 2000 * row)
        });
        assert_eq!(planned, (counted, Some(90_000)));
    }

    #[test]
    fn a_header_may_be_a_comment_and_a_comma_decimal() {
        let commented =
            "# written by numpy\n# iter train_loss valid_loss lr\n10 2.5 2.6 0.001\n20 2.4 2.5 0.001\n";
        assert_eq!(
            rows(commented),
            [(10, Some(2.5), Some(2.6)), (20, Some(2.4), Some(2.5))]
        );
        let german = "epoch;loss;val_loss\n1;2,512;2,6\n2;2,4;2,532\n";
        assert_eq!(
            rows(german),
            [(1, Some(2.512), Some(2.6)), (2, Some(2.4), Some(2.532))]
        );
    }

    fn told(table: &str) -> Decoded {
        let read = crate::format::read_all(table.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "csv", "{table}");
        read.decoded
    }

    #[test]
    fn a_counter_may_say_of_how_many() {
        let expected = [
            (1, Some(2.5), Some(2.6)),
            (2, Some(2.4), Some(2.5)),
            (3, Some(2.3), Some(2.4)),
        ];
        for table in [
            "epoch,train_loss,val_loss\n1/60,2.5,2.6\n2/60,2.4,2.5\n3/60,2.3,2.4\n",
            "epoch,train_loss,val_loss\n[01/60],2.5,2.6\n[02/60],2.4,2.5\n[03/60],2.3,2.4\n",
            "   Epoch  Train_loss  Valid_loss\n    1/60     2.5     2.6\n    2/60     2.4     2.5\n    3/60     2.3     2.4\n",
        ] {
            let (read, decoded) = (rows(table), told(table));
            assert_eq!((read.as_slice(), decoded.skipped), (&expected[..], 0), "{table}");
            assert_eq!(decoded.hints.epochs(), Some(60.0), "{table}");
        }
        let decoded = told("step,loss\n10/2000,2.5\n20/2000,2.4\n");
        assert_eq!(
            (decoded.records.steps(), decoded.total_steps),
            (&[10, 20][..], Some(2000))
        );
        let read = rows("Epoch,Train Loss,Val Loss\nEpoch 4,2.5,2.6\nEpoch 5,2.4,2.5\n");
        assert_eq!(read, [(4, Some(2.5), Some(2.6)), (5, Some(2.4), Some(2.5))]);
    }

    #[test]
    fn a_row_about_those_above_is_none_of_them() {
        let decoded = told("epoch,train_loss,val_loss\n1,2.5,2.6\n2,2.4,2.5\nbest,2.4,2.5\nTest,,2.7\n");
        assert_eq!((decoded.records.steps(), decoded.skipped), (&[1, 2][..], 0));
    }

    #[test]
    fn lines_before_the_header() {
        for title in [
            "sep=,\n",
            "Experiment: resnet,,\n",
            "Training time: 12.2 seconds\nFinal accuracy: 0.8\n",
        ] {
            let table = format!("{title}epoch,train_loss,val_loss\n1,2.5,2.6\n2,2.4,2.5\n");
            let (read, decoded) = (rows(&table), told(&table));
            let expected = [(1, Some(2.5), Some(2.6)), (2, Some(2.4), Some(2.5))];
            assert_eq!((read.as_slice(), decoded.skipped), (&expected[..], 0), "{title}");
        }
    }

    #[test]
    fn a_rate_in_brackets_and_sets_that_are_counted() {
        let decoded = told("epoch,loss,lr\n1,2.5,[0.001]\n2,2.4,\"[0.0005, 0.0005]\"\n");
        let rates: Vec<_> = decoded.records.points(Quantity::LearningRate).collect();
        assert_eq!((rates, decoded.skipped), (vec![(1, 0.001), (2, 0.0005)], 0));
        let read = rows(",validation_0-logloss,validation_1-logloss\n0,2.5,2.6\n1,2.4,2.5\n");
        assert_eq!(read, [(0, Some(2.5), Some(2.6)), (1, Some(2.4), Some(2.5))]);
        let read = rows(",validation_0-logloss,validation_10-logloss\n0,2.5,2.6\n1,2.4,2.5\n");
        assert_eq!(read, [(0, None, Some(2.5)), (1, None, Some(2.4))]);
    }
}
