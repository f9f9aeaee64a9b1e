//! Numbers in columns without names, which are known by their numbers: the first is `1`. Where pandas names them
//! by itself, it begins with `0`, behind an index or without one.

use super::cells::{BLANKS, Cells, DELIMITERS};
use super::header::Header;
use super::sample::lines;
use crate::format::encoding::without_mark;
use crate::format::roles::Roles;
use crate::format::{Sample, number};
use crate::metric::Names;

/// Lines that are looked at, and the fewest that tell.
const LOOKED_AT: usize = 64;
const ENOUGH: usize = 3;

/// The columns that may be the counter and the loss of a file which names nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Unnamed {
    /// The column that counts evenly.
    pub counter: Option<&'static str>,
    /// The only other column.
    pub loss: &'static str,
}

impl Unnamed {
    /// Those of a file that begins so, where it leaves no choice.
    pub fn of(head: &[u8]) -> Option<Unnamed> {
        if list_of_numbers(head) {
            return Some(Unnamed {
                counter: None,
                loss: "1",
            });
        }
        let sample = Sample::whole(head).beginning();
        let rows = || lines(&sample).filter(|line| !line.trim_ascii().is_empty());
        let first = without_mark(rows().next()?);
        if named_by_pandas(first, &sample) == Some(1) {
            return Some(Unnamed {
                counter: None,
                loss: "0",
            });
        }
        let columns = columns_of_numbers(&sample)?;
        let count = |line| numbers(without_mark(line))?.1.first()?.parse().ok();
        let counts: Option<Vec<u64>> = rows().take(LOOKED_AT).map(count).collect();
        let counts = counts.is_some_and(|counts| grows_evenly(&counts));
        match (columns, counts) {
            (1, false) => Some(Unnamed {
                counter: None,
                loss: "1",
            }),
            (2, true) => Some(Unnamed {
                counter: Some("1"),
                loss: "2",
            }),
            _ => None,
        }
    }
}

/// True for the beginning of a list of numbers in JSON.
pub(in crate::format) fn list_of_numbers(head: &[u8]) -> bool {
    let Some(inner) = without_mark(head).trim_ascii_start().strip_prefix(b"[") else {
        return false;
    };
    let mut values = inner.split(|byte| b",]".contains(byte)).take(ENOUGH);
    let is_number = |value: &[u8]| {
        let text = std::str::from_utf8(value.trim_ascii());
        text.is_ok_and(|text| number::parse(text).is_some())
    };
    let numbers = values.try_fold(0, |count, value| is_number(value).then_some(count + 1));
    numbers == Some(ENOUGH)
}

/// True for counts that grow by the same from one to the next.
pub(super) fn grows_evenly(counts: &[u64]) -> bool {
    let apart = |pair: &[u64]| pair.last()?.checked_sub(*pair.first()?);
    let first = counts.windows(2).next().and_then(apart);
    counts.len() >= ENOUGH
        && first.is_some_and(|first| first > 0)
        && counts.windows(2).all(|pair| apart(pair) == first)
}

/// The cells of a line that holds nothing but numbers, and what parts them.
fn numbers(line: &[u8]) -> Option<(u8, Vec<String>)> {
    let line = line.trim_ascii();
    line.first()
        .filter(|byte| byte.is_ascii_digit() || b"+-.".contains(byte))?;
    let is_number = |cell: &String| number::parse(cell).is_some();
    let split = |delimiter| {
        let mut cells = Cells::new(delimiter);
        let cells = cells.split(line)?;
        (!cells.is_empty() && cells.iter().all(is_number)).then(|| (delimiter, cells.to_vec()))
    };
    DELIMITERS.into_iter().chain([BLANKS]).find_map(split)
}

/// How many columns there are where each line holds nothing but numbers, and the number of the first one.
pub(in crate::format) fn numbered_columns(sample: &Sample) -> Option<(usize, usize)> {
    let sample = sample.beginning();
    let first = lines(&sample).find(|line| !line.trim_ascii().is_empty())?;
    let by_pandas = named_by_pandas(without_mark(first), &sample);
    by_pandas
        .map(|columns| (columns, 0))
        .or_else(|| Some((columns_of_numbers(&sample)?, 1)))
}

fn columns_of_numbers(sample: &Sample) -> Option<usize> {
    let rows = lines(sample).filter(|line| !line.trim_ascii().is_empty());
    let widths = rows
        .take(LOOKED_AT)
        .map(|line| Some(numbers(without_mark(line))?.1.len()));
    let widths: Vec<usize> = widths.collect::<Option<_>>()?;
    let width = *widths.first()?;
    (widths.len() >= ENOUGH && widths.iter().all(|other| *other == width)).then_some(width)
}

/// The number of columns that pandas has named by their numbers, from 0 on: behind its index, `,0`, or alone above
/// values that are no whole numbers.
fn named_by_pandas(line: &[u8], sample: &Sample) -> Option<usize> {
    let mut names = line.trim_ascii().split(|byte| *byte == b',').peekable();
    let indexed = names.next_if(|name| name.is_empty()).is_some();
    let is_number = |(number, name): (usize, &[u8])| (name == number.to_string().as_bytes()).then_some(());
    let names: Vec<()> = names.enumerate().map(is_number).collect::<Option<_>>()?;
    let values = || lines(sample).skip(1).take(ENOUGH);
    let has_fraction = |line: &[u8]| line.contains(&b'.');
    let alone = || names.len() == 1 && values().count() == ENOUGH && values().all(has_fraction);
    (!names.is_empty() && (indexed || alone())).then_some(names.len())
}

impl Header {
    /// The columns of a table that begins with this line, where some of their numbers were declared.
    pub(super) fn of_numbers(line: &[u8], sample: &Sample, names: &Names) -> Option<Header> {
        let (delimiter, columns, is_header) = if named_by_pandas(line, sample).is_some() {
            let columns = line.trim_ascii().split(|byte| *byte == b',');
            let columns = columns.map(|name| String::from_utf8_lossy(name).into_owned());
            (b',', columns.collect::<Vec<_>>(), true)
        } else {
            let (delimiter, cells) = numbers(line)?;
            let columns = (1..=cells.len()).map(|number| number.to_string());
            (delimiter, columns.collect(), false)
        };
        if !columns.iter().any(|column| names.declares(column)) {
            return None;
        }
        let mut roles = Roles::new(names, columns.iter().map(String::as_str));
        roles.has_loss().then(|| Header {
            delimiter,
            split: None,
            epochs: None,
            columns: columns.iter().map(|name| roles.role(name).0).collect(),
            roles,
            indexed: false,
            total_grows: false,
            index_counts: false,
            behind_a_title: false,
            numbers: is_header.then(|| line.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{diagnose, read_all};
    use crate::metric::{Quantity, Role};

    /// The train losses, where these columns are declared.
    fn points(content: &str, step: Option<&str>, loss: &str) -> Vec<(u64, f64)> {
        let mut names = Names::default();
        step.into_iter().for_each(|step| names.declare(step, Role::Step));
        names.declare(loss, Role::of(Quantity::TrainLoss));
        let records = read_all(content.as_bytes(), &names).unwrap().decoded.records;
        records.points(Quantity::TrainLoss).collect()
    }

    #[test]
    fn columns_are_declared_by_their_numbers() {
        for content in [
            "0,3.5\n10,2.5\n20,2.25\n30,2.0\n",
            "0 3.5\n10 2.5\n20 2.25\n30 2.0\n",
        ] {
            let why = diagnose(&Sample::whole(content.as_bytes()), &Names::default());
            assert!(why.contains("--step 1 --loss 2"), "{why}");
            let expected = [(0, 3.5), (10, 2.5), (20, 2.25), (30, 2.0)];
            assert_eq!(points(content, Some("1"), "2"), expected);
        }
        let expected = [(0, 3.5), (1, 2.5), (2, 2.25)];
        for (content, loss) in [
            ("3.5\n2.5\n2.25\n", "1"),
            ("[3.5, 2.5, 2.25]", "1"),
            ("0.25,3.5\n0.5,2.5\n0.25,2.25\n", "2"),
            // With a name that pandas gave.
            ("0\n3.5\n2.5\n2.25\n", "0"),
            (",0\n0,3.5\n1,2.5\n2,2.25\n", "0"),
            (",0,1\n0,0.5,3.5\n1,0.25,2.5\n2,0.5,2.25\n", "1"),
        ] {
            assert!(
                read_all(content.as_bytes(), &Names::default()).is_err(),
                "{content}"
            );
            assert_eq!(points(content, None, loss), expected, "{content}");
            let why = diagnose(&Sample::whole(content.as_bytes()), &Names::default());
            assert!(why.contains("--loss"), "{why}");
        }
    }

    #[test]
    fn a_list_of_numbers_may_be_too_large_to_be_seen_whole() {
        let list = format!("[{}3.5, 2.5]", "4.123456789, ".repeat(60_000));
        assert_eq!(points(&list, None, "1").last(), Some(&(60_001, 2.5)));
    }

    #[test]
    fn there_is_no_choice_beside_an_even_count_or_alone() {
        let unnamed = |content: &str| Unnamed::of(content.as_bytes()).map(|it| (it.counter, it.loss));
        assert_eq!(unnamed("0,3.5\n10,2.5\n20,2.25\n"), Some((Some("1"), "2")));
        assert_eq!(unnamed("3.5\n2.5\n2.25\n"), Some((None, "1")));
        assert_eq!(unnamed("[3.5,\n 2.5, 2.25]"), Some((None, "1")));
        assert_eq!(unnamed("0\n3.5\n2.5\n2.25\n"), Some((None, "0")));
        assert_eq!(unnamed(",0\n0,3.5\n1,2.5\n2,2.25\n"), Some((None, "0")));
        for other in [
            "0,3.5\n10,2.5\n15,2.25\n",
            "0,3.5,1\n1,2.5,1\n2,2.25,1\n",
            "0.5,0.25\n0.25,0.125\n0.125,0.0625\n",
            "step,loss\n1,2\n2,3\n",
            "1\n2\n3\n",
            "0,1\n1,2\n",
            "[[1, 2], [3, 4], [5, 6]]",
            "[1, 2]",
            "",
        ] {
            assert_eq!(unnamed(other), None, "{other}");
        }
    }
}
