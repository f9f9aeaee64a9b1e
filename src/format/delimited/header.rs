//! The header of a table: where it stands, and what its columns are.

use std::borrow::Cow;

use super::cells::{BLANKS, Cells, DELIMITERS, unframed, wide_columns};
use super::sample::{has_numbers_only, is_value, lines, rows};
use super::unnamed::grows_evenly;
use crate::format::counters::total_grows;
use crate::format::data_words::{is_split, of_the_first_set};
use crate::format::encoding::without_mark;
use crate::format::hints::is_number_of_epochs;
use crate::format::roles::Roles;
use crate::format::{Sample, number};
use crate::metric::{Names, Quantity, Role};

/// The names of the columns, when the file looks like a table with a header: what stands below a
/// line of prose with commas in it are no rows with numbers in as many cells.
pub(in crate::format) fn header_names(sample: &Sample, names: &Names) -> Option<Vec<String>> {
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

pub(super) struct Header {
    pub(super) delimiter: u8,
    pub(super) columns: Vec<Option<Role>>,
    pub(super) roles: Roles,
    /// The column that says which data a row is about.
    pub(super) split: Option<usize>,
    /// The column that repeats the planned number of epochs, and its name.
    pub(super) epochs: Option<(usize, String)>,
    /// Rows begin with a number that has no heading, as pandas prints its tables.
    pub(super) indexed: bool,
    /// What would be the planned number of steps by its name grows from row to row.
    pub(super) total_grows: bool,
    /// The index that pandas writes before the rows, without a name, is the step.
    pub(super) index_counts: bool,
    /// Other lines stand before it.
    pub(super) behind_a_title: bool,
    /// The line of it, where its names are numbers, as those that pandas gives.
    pub(super) numbers: Option<Box<[u8]>>,
}

impl Header {
    /// The first line that is neither blank nor a comment, when it can be a header.
    pub(super) fn find(sample: &Sample, names: &Names) -> Option<Header> {
        let line = lines(sample).find(|line| {
            let line = line.trim_ascii();
            !line.is_empty() && !line.starts_with(b"#")
        })?;
        let line = without_mark(line);
        if line.starts_with(b"{") {
            return None;
        }
        if let Some(header) = Header::of_numbers(line, sample, names) {
            let index_counts = header.index_counts(sample);
            return Some(header.with_counting_index(index_counts));
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
                let (total_grows, index_counts) = (header.total_grows(sample), header.index_counts(sample));
                header
                    .with_growing_total(total_grows)
                    .with_counting_index(index_counts)
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
    pub(super) fn with_growing_total(mut self, grows: bool) -> Header {
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

    /// The name of the index that pandas writes before the rows, which has none.
    fn index_name(&self) -> Option<String> {
        let first = self.roles.columns().into_iter().next()?.name;
        (first.is_empty() || first == "Unnamed: 0").then_some(first)
    }

    /// True when nothing else counts, and the index grows from row to row by the same, which is more than one.
    fn index_counts(&self, sample: &Sample) -> bool {
        const LOOKED_AT: usize = 64;
        if self.indexed
            || self.columns.iter().flatten().any(|role| role.counts())
            || self.index_name().is_none()
        {
            return false;
        }
        let mut cells = Cells::new(self.delimiter);
        let index = |line| cells.split(line)?.first()?.parse().ok();
        let numbers: Vec<u64> = rows(sample).take(LOOKED_AT).map_while(index).collect();
        let by_more_than_one = |pair: &[u64]| pair.first().map(|first| first + 1) < pair.last().copied();
        grows_evenly(&numbers) && numbers.windows(2).all(by_more_than_one)
    }

    /// The index as the step, where it counts.
    pub(super) fn with_counting_index(mut self, counts: bool) -> Header {
        if let (true, Some(name)) = (counts, self.index_name())
            && let Some(first) = self.columns.first_mut()
        {
            self.index_counts = true;
            self.roles.count_by(&name);
            *first = Some(Role::Step);
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

    pub(super) fn parse(line: &[u8], delimiter: u8, names: &Names) -> Option<Header> {
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
        // The index that pandas writes has no name.
        let unnamed = usize::from(cells.len() > 1 && cells.first().is_some_and(String::is_empty));
        let named = cells.iter().filter(|cell| is_name(cell)).count();
        if one_word || named * 2 <= cells.len() - unnamed {
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
            index_counts: false,
            behind_a_title: false,
            numbers: None,
        })
    }

    /// True for a time, a step and something that is known: one scalar of `TensorBoard`.
    pub(super) fn is_one_scalar(&self) -> bool {
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
    pub(super) fn has_counter(&self) -> bool {
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
}
