//! What a sample of a table shows before its header is understood: its lines, and what stands in them.

use super::cells::{Cells, DELIMITERS};
use crate::format::json_lines::parts;
use crate::format::text::progress::is_bar;
use crate::format::{Sample, encoding, number};

/// True for a table: rows of as many cells as its header has names, with a number in each. Its words
/// are no lines of a log, which name their numbers between commas: `loss: 0.3, took, 3`.
pub(in crate::format) fn is_table(sample: &Sample) -> bool {
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

/// True for what may stand in a row of a table of numbers.
pub(super) fn is_value(cell: &str) -> bool {
    number::of_cell(cell).is_some()
        || number::parse_clock(cell).is_some()
        || number::counts(cell).is_some()
        || number::is_missing(cell)
}

/// The lines, which some writers end with carriage returns.
pub(super) fn lines<'a>(sample: &Sample<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    sample.lines().flat_map(parts)
}

/// The lines behind the header, without blank ones and comments.
pub(super) fn rows<'a>(sample: &Sample<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    lines(sample)
        .filter(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"))
        .skip(1)
}

/// The number of lines that name a loss and tell it, as no row of a table does. Bars of progress do not count, nor
/// does what is remarked about a row: `Better model found at epoch 0 with valid_loss value: 0.3`.
pub(in crate::format) fn told_losses<'a>(lines: impl Iterator<Item = &'a [u8]>) -> usize {
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
pub(super) fn has_numbers_only(sample: &Sample) -> bool {
    const ENOUGH: usize = 3;
    let lines = lines(sample).map(<[u8]>::trim_ascii);
    let mut rows = lines.filter(|line| !line.is_empty()).skip(1);
    let is_number = |line: &[u8]| std::str::from_utf8(line).is_ok_and(|line| number::parse(line).is_some());
    let numbers = rows.try_fold(0, |count, line| is_number(line).then_some(count + 1));
    numbers.is_some_and(|count| count >= ENOUGH)
}
