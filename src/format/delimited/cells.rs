//! The cells of a line, and how they are parted.

use std::borrow::Cow;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::format::encoding;
use crate::format::text::wrapper::without_colours;

pub(super) const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Any number of blanks between the columns of a table printed for the eye.
pub(super) const BLANKS: u8 = b' ';

/// A line of a table printed for the eye, without its colours and the frame around its cells: `│ 1 │ 2.20 │`.
pub(super) fn unframed(line: &[u8]) -> Cow<'_, [u8]> {
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
pub(super) fn wide_columns(line: &[u8]) -> Vec<String> {
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

/// Splits a line into its cells, keeping its buffers.
#[derive(Clone)]
pub(in crate::format) struct Cells {
    delimiter: u8,
    /// For quoted cells; made when there is one, for making it takes longer than most lines.
    reader: Option<Box<Reader>>,
    cells: Vec<String>,
}

impl Cells {
    pub(in crate::format) fn new(delimiter: u8) -> Self {
        Cells {
            delimiter,
            reader: None,
            cells: Vec::new(),
        }
    }

    /// The cells, trimmed; `None` when a quote is left open.
    pub(in crate::format) fn split(&mut self, line: &[u8]) -> Option<&[String]> {
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
