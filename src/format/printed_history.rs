//! Histories that a script prints as lists, at the end of a log or as they grow: `{'loss': [2.31, 1.98, ..],
//! 'val_loss': [..]}`, `train_loss = [2.31, 1.98, ..]`, `Losses: [..]`. Each value is that of an epoch.
//!
//! Only of a log that says nothing else of its losses: where lines do, the lists repeat it.

use serde_json::{Map, Value};

use super::json_document::{JsonDocumentDecoder, SHORTEST_UNCOUNTED};
use super::json_lines::singular;
use super::stand_in::falls;
use super::text::scan::suffixes;
use super::{Claim, Column, Decoded, Decoder, DocumentDecoder, Format, Precedence, Sample, number};
use crate::metric::{Names, Role, is_private};

/// The format.
pub struct PrintedHistory;

/// Letters before a list that are looked at for its name.
const LONGEST_NAME: usize = 64;
/// Words before the name that make it no other: a `class loss` is that of a class.
const WORDS_BEFORE: [&str; 8] = ["final", "full", "all", "epoch", "mean", "average", "avg", "the"];
/// What a name ends with that only says that there are several.
const WORDS_BEHIND: [&str; 5] = ["history", "hist", "list", "per epoch", "per_epoch"];

impl Format for PrintedHistory {
    fn name(&self) -> &'static str {
        "printed-history"
    }

    fn precedence(&self) -> Precedence {
        Precedence::LastResort
    }

    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim> {
        if is_json(sample.head) {
            return None;
        }
        let told = [sample.head, sample.tail].map(String::from_utf8_lossy);
        let lists = told.iter().flat_map(|text| lists(text, names));
        let records = lists
            .filter(|list| list.role.is_loss() && is_history(&list.values))
            .map(|list| list.values.len())
            .max()?;
        Some(Claim {
            records,
            ..Claim::default()
        })
    }

    fn decoder(&self, _sample: &Sample, names: &Names) -> Decoder {
        Decoder::Document(Box::new(PrintedHistoryDecoder {
            names: names.clone(),
            histories: JsonDocumentDecoder::new(names),
        }))
    }
}

/// True for the beginning of JSON, whose lists may be of anything, as those of an evaluation are.
fn is_json(head: &[u8]) -> bool {
    let mut letters = head.iter().filter(|byte| !byte.is_ascii_whitespace());
    matches!(
        (letters.next(), letters.next()),
        (Some(b'{' | b'['), Some(b'"' | b'{' | b'['))
    )
}

/// True for losses of one epoch after the other: they fall, and count nothing.
fn is_history(values: &[f64]) -> bool {
    falls(values, 1.0) && values.iter().any(|value| value.fract() != 0.0)
}

/// True for a line that holds the list of a loss: none of its numbers is that of the line.
pub(super) fn holds_one(line: &str, names: &Names) -> bool {
    memchr::memchr(b'[', line.as_bytes()).is_some() && lists(line, names).any(|list| list.role.is_loss())
}

/// Numbers in brackets, and the name before them.
struct List {
    name: String,
    role: Role,
    values: Vec<f64>,
}

/// The lists of a text whose names have a role.
fn lists<'a>(text: &'a str, names: &'a Names) -> impl Iterator<Item = List> + 'a {
    memchr::memchr_iter(b'[', text.as_bytes()).filter_map(|open| {
        let (name, role) = name_before(text.get(..open)?, names)?;
        let values = numbers(text.get(open + 1..)?)?;
        Some(List { name, role, values })
    })
}

/// The name that stands before a list, of one where it is that of several, and its role.
fn name_before(before: &str, names: &Names) -> Option<(String, Role)> {
    // No further back than a name may reach: a line of brackets alone would take time in the square of its length.
    let letters = before.char_indices().rev().take(LONGEST_NAME);
    let from = letters.last().map_or(0, |(at, _)| at);
    let line = before.get(from..)?.rsplit(['\n', '\r']).next()?;
    let words = line.trim_end_matches([' ', '\t', ':', '=']);
    // The list within a list has no name of its own.
    if words.ends_with('[') {
        return None;
    }
    let words = match words.strip_suffix(['\'', '"']) {
        Some(quoted) => quoted.rsplit(['\'', '"']).next()?,
        None => words
            .rsplit([',', '{', '(', '|', ';', ':', ']', '='])
            .next()?
            .trim(),
    };
    let behind = WORDS_BEHIND.iter().find_map(|word| words.strip_suffix(word));
    let words = singular(behind.unwrap_or(words).trim_end_matches(['_', ' ']));
    let (name, fit) = suffixes(&words).find_map(|name| Some((name, names.role_of(name)?)))?;
    let mut before = words.strip_suffix(name)?.split_whitespace();
    let last = before.next_back().unwrap_or_default();
    let is_whole = !last.ends_with(char::is_alphanumeric)
        || WORDS_BEFORE.iter().any(|word| last.eq_ignore_ascii_case(word));
    let is_known = fit.role != Role::Step && !is_private(fit.rank);
    (is_whole && is_known).then(|| (name.to_owned(), fit.role))
}

/// The numbers of a list, whose opening bracket is gone, as Python or numpy writes them: `2.5, np.float64(2.4),
/// tensor(2.3, device='cuda:0')]` or `2.5 2.4 2.3]`. `None` where there are but few, or something else.
fn numbers(text: &str) -> Option<Vec<f64>> {
    let mut values = Vec::new();
    let (mut from, mut depth) = (0, 0_u32);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            b'[' => return None,
            b']' | b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => {
                let number = text.get(from..at)?;
                if !number.is_empty() {
                    values.push(number::parse(number)?);
                }
                from = at + 1;
                if byte == b']' {
                    return (values.len() >= SHORTEST_UNCOUNTED).then_some(values);
                }
            }
            _ => {}
        }
    }
    None
}

struct PrintedHistoryDecoder {
    names: Names,
    histories: JsonDocumentDecoder,
}

impl DocumentDecoder for PrintedHistoryDecoder {
    fn document(&mut self, content: &[u8], out: &mut Decoded) -> Result<(), String> {
        let text = String::from_utf8_lossy(content);
        // Of what is printed as it grows the last list is the whole.
        let columns: Map<String, Value> = lists(&text, &self.names)
            .map(|list| (list.name, list.values.into()))
            .collect();
        self.histories.value(&Value::Object(columns), out);
        Ok(())
    }

    fn columns(&self) -> Vec<Column> {
        self.histories.columns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::read_all;
    use crate::metric::Quantity;

    #[test]
    fn lists_with_the_names_of_losses_are_a_history() {
        for lists in [
            "{'loss': [2.5, 2.25, 2.0], 'accuracy': [0.5, 0.75, 1], 'val_loss': [3.5, 3.25, 3.0]}",
            "History: {'train_loss': [np.float64(2.5), np.float64(2.25), np.float64(2.0)],\n 'val_loss': [3.5,\n  3.25, 3.0]}",
            "defaultdict(<class 'list'>, {'train_loss': [2.5, 2.25, 2.0], 'val_loss': [3.5, 3.25, 3.0]})",
            "train_loss = [2.5, 2.25, 2.0]\nval_loss = [3.5, 3.25, 3.0]",
            "train losses: [2.5, 2.25, 2.0]\nval losses: [3.5, 3.25, 3.0]",
            "train_loss_history = [2.5, 2.25, 2.0]\nFinal val losses per epoch: [3.5, 3.25, 3.0]",
            "2024-05-01 10:00:00,123 - INFO - train losses: [2.5, 2.25, 2.0]\n2024-05-01 10:00:00,123 - INFO - valid losses: [3.5, 3.25, 3.0]",
            "Losses: [2.5 2.25 2.0]\nval_losses [tensor(3.5, device='cuda:0'), tensor(3.25), tensor(3.0)]",
            // They are printed as they grow.
            "train losses [2.5, 2.25, 2.125]\nval losses [3.5, 3.25, 3.125]\ntrain losses [2.5, 2.25, 2.0]\nval losses [3.5, 3.25, 3.0]",
        ] {
            let content = format!("Loading 3 files\nTraining on cuda:0\n{lists}\nDone in 12.5 s\n");
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!(read.format, "printed-history", "{lists}");
            let points = |quantity| read.decoded.records.points(quantity).collect::<Vec<_>>();
            let train = points(Quantity::TrainLoss);
            assert_eq!(train, [(0, 2.5), (1, 2.25), (2, 2.0)], "{lists}");
            let eval = points(Quantity::EvalLoss);
            assert_eq!(eval, [(0, 3.5), (1, 3.25), (2, 3.0)], "{lists}");
        }
    }

    #[test]
    fn other_lists_are_none() {
        for lists in [
            "losses: [3, 2, 1]",
            "head losses: [3.5, 2.5, 1.5]",
            "loss_weights: [0.5, 0.25, 0.125]",
            "losses in the league were [3.5, 2.5, 1.5] points",
            "loss: [2.5, 2.25]",
            "loss: [2.5, 2.25, ..., 2.0]",
            "val_loss: [0.5, 0.75, 0.875]",
            "accuracy: [0.5, 0.25, 0.125]",
            "{\"losses\": [0.5, 0.25, 0.125]}\n{\"losses\": [0.75, 0.25, 0.125]}",
        ] {
            assert!(read_all(lists.as_bytes(), &Names::default()).is_err(), "{lists}");
        }
        // In time that is linear in their number.
        let brackets = "loss ".to_owned() + &"[".repeat(1 << 18);
        assert!(read_all(brackets.as_bytes(), &Names::default()).is_err());
    }

    #[test]
    fn where_lines_tell_of_the_losses_lists_add_nothing() {
        let lists = "{'loss': [2.5, 2.25, 2.125, 2.0], 'val_loss': [3.5, 3.25, 3.125, 3.0]}\n";
        for line in [
            "Epoch EE: loss: 2.EE - val_loss: 3.EE\n",
            "epoch EE train loss 2.EE val loss 3.EE\n",
            "step EE loss 2.EE\n",
        ] {
            let lines: String = (1..5)
                .map(|epoch: u64| line.replace("EE", &epoch.to_string()))
                .collect();
            let content = lines + "Final losses: [2.5, 2.25, 2.125, 2.0]\n" + lists;
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!(
                read.decoded.records.points(Quantity::TrainLoss).count(),
                4,
                "{line}"
            );
            assert_eq!(read.decoded.records.steps().last(), Some(&4), "{line}");
        }
    }
}
