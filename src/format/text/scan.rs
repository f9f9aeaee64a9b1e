//! Finds named numbers in a line: `loss 3.2`, `lr: 1e-4`, `grad norm=0.3`, `step 5/100`.

use std::collections::HashMap;

use super::Fields;
use super::slashes::slashed;
use crate::format::{number, printed_history};
use crate::metric::{Fit, Names, Quantity, Role, is_part_of_the_loss, power_of_ten};

/// A number in a line and the words before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Named<'a> {
    /// The words directly before the number, at most three, without its separator.
    pub words: &'a str,
    /// The number.
    pub value: f64,
    /// For `5/100`: the 100.
    pub of: Option<u64>,
    /// What follows the number without a blank: `ms`, `%`, `s`, or nothing.
    pub unit: &'a str,
    /// What the number was rounded to: 1000 for `25K`, 0 where it is as exact as its digits.
    pub rounded_to: f64,
    /// The rest of the line.
    pub behind: &'a str,
}

/// Calls `each` for every number that has words before it, from left to right.
pub fn named_numbers<'a>(line: &'a str, mut each: impl FnMut(Named<'a>)) {
    let bytes = line.as_bytes();
    let mut at = 0;
    let mut words_from = 0;
    while at < bytes.len() {
        let before = bytes.get(..at).unwrap_or_default();
        let rest = bytes.get(at..).unwrap_or_default();
        let is_boundary =
            || before.last().is_none_or(|last| is_separator(*last)) || continues_a_name(before, rest);
        if !may_start_number(rest) || !is_boundary() {
            at += 1;
            continue;
        }
        // A list without blanks is one token to its end: each of its numbers needs but its beginning.
        let length = token_length(rest.get(..LONGEST_NUMBER).unwrap_or(rest));
        let token = line.get(at..at + length).unwrap_or_default();
        if is_unit_of_a_name(before, token, bytes.get(at + length..).unwrap_or_default()) {
            at += length;
            continue;
        }
        let range = || {
            let in_brackets = before.last() == Some(&b'[') && bytes.get(at + length) == Some(&b']');
            let is_of_batches = in_brackets && counts_batches(words_before(line, words_from, at));
            is_of_batches.then(|| end_of_range(token)).flatten()
        };
        let Some((value, used, rounded_to)) = leading_number(token).or_else(range) else {
            at += token_length(rest).max(1);
            continue;
        };
        if let Some(slashed) = slashed(line, words_from, at) {
            let behind = line.get(slashed.end..).unwrap_or_default();
            for (words, value) in slashed.values {
                each(Named {
                    words,
                    value,
                    of: None,
                    unit: "",
                    rounded_to: 0.0,
                    behind,
                });
            }
            at = slashed.end;
            words_from = at;
            continue;
        }
        let (of, of_length) = total(value, line.get(at + used..).unwrap_or_default(), before.last());
        // `Epoch (3/10)`
        let name_end = if of.is_some() && before.ends_with(b" (") {
            at - 1
        } else {
            at
        };
        let words = words_with_remark(line, words_from, at)
            .or_else(|| words_over_many(line, words_from, at))
            .unwrap_or_else(|| words_before(line, words_from, name_end));
        let end = at + used + of_length;
        let unit_length = bytes
            .get(end..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'%')
            .count();
        // `{val_loss:.4f}` in the source of a notebook, unlike the end of an object of JSON, `"loss":1.5}`.
        let is_format = matches!(bytes.get(end + unit_length), Some(b'}'))
            && before.last() == Some(&b':')
            && !before.ends_with(b"\":");
        if !words.is_empty() && !is_format {
            each(Named {
                words,
                value,
                of,
                unit: line.get(end..end + unit_length).unwrap_or_default(),
                rounded_to,
                behind: line.get(end + unit_length..).unwrap_or_default(),
            });
        }
        at = end + unit_length;
        words_from = at;
    }
}

/// Adds a number under its name, times in seconds. A time in a unit that is not known, or in
/// several (`1h 30m`), is left out.
pub fn push_value<'a>(fields: &mut Fields<'a>, name: &'a str, fit: Option<Fit>, named: &Named<'a>) {
    let time = fit.is_some_and(|fit| {
        matches!(
            fit.role,
            Role::Value {
                quantity: Quantity::StepTime | Quantity::Elapsed | Quantity::WallTime,
                ..
            }
        )
    });
    let loss = fit.is_some_and(|fit| fit.role.is_loss());
    match named.unit {
        // `Validation: 87.46%` is an accuracy.
        "%" if loss => {}
        unit if time && !unit.is_empty() => {
            let value = in_seconds(named.value, unit).filter(|_| !goes_on_in_another_unit(named.behind));
            fields.values.extend(value.map(|value| (name, value)));
        }
        _ => fields.values.push((name, named.value)),
    }
}

/// A time that was told in this unit.
fn in_seconds(time: f64, unit: &str) -> Option<f64> {
    match unit {
        "ms" => Some(time / 1000.0),
        "s" => Some(time),
        "m" | "min" | "mins" => Some(time * 60.0),
        "h" | "hr" | "hrs" => Some(time * 3600.0),
        _ => None,
    }
}

/// True for what follows the hours of `1h 30m`.
fn goes_on_in_another_unit(behind: &str) -> bool {
    let behind = behind.trim_start();
    let rest = behind.trim_start_matches(|letter: char| letter.is_ascii_digit());
    rest.len() < behind.len() && rest.starts_with(['m', 's'])
}

/// Finds the name of a number among the words before it.
#[derive(Debug, Default)]
pub struct NameFinder {
    names: Names,
    known: HashMap<Box<str>, Found>,
}

/// A name found among words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Where the name starts.
    start: usize,
    /// Its role and rank in the table of names, if it has one.
    pub fit: Option<Fit>,
}

impl NameFinder {
    /// The name that ends `words`: the longest that has a role, else the last word, or all of them where
    /// that is but what something is counted in.
    pub fn find<'a>(&mut self, words: &'a str) -> (&'a str, Option<Fit>) {
        /// Prose must not fill the memory.
        const MOST_WORDS: usize = 4096;
        let found = match self.known.get(words) {
            Some(found) => *found,
            None => {
                let found = self.judge(words);
                if self.known.len() >= MOST_WORDS {
                    self.known.clear();
                }
                self.known.insert(words.into(), found);
                found
            }
        };
        (words.get(found.start..).unwrap_or(words), found.fit)
    }

    /// True for a line that holds the losses of many epochs: none is that of the line.
    pub fn finds_history(&self, line: &str) -> bool {
        printed_history::holds_one(line, &self.names)
    }

    fn judge(&self, words: &str) -> Found {
        // `Steps per epoch: 320` is the number of neither.
        let is_unit = |name: &str| {
            let before = words.get(..words.len() - name.len()).unwrap_or_default();
            before
                .split_whitespace()
                .next_back()
                .is_some_and(|word| word.eq_ignore_ascii_case("per"))
        };
        // `Loss (epoch 3): 0.5`
        if let Some((_, inside)) = words.rsplit_once('(')
            && !inside.contains(')')
            && let Some(fit) = self.names.role_of(inside).filter(|fit| fit.role.counts())
        {
            return Found {
                start: words.len() - inside.len(),
                fit: Some(fit),
            };
        }
        for name in suffixes(words) {
            if is_unit(name) {
                return Found { start: 0, fit: None };
            }
            // `Ep 1 (Iter 5): ..`
            let name = name.trim_start_matches(['(', '[', '{', '<']);
            if is_part_of_the_loss(name) {
                return Found {
                    start: words.len() - name.len(),
                    fit: None,
                };
            }
            if let Some(fit) = self.names.role_of(name) {
                return Found {
                    start: words.len() - name.len(),
                    fit: Some(fit),
                };
            }
        }
        // Nor is its name that of the unit.
        let last = suffixes(words).last().filter(|last| !is_unit(last));
        let last = last.unwrap_or(words);
        Found {
            start: words.len() - last.len(),
            fit: None,
        }
    }
}

/// The last one, two and three words of `words`, longest first: names are judged
/// by the longest that means something.
pub fn suffixes(words: &str) -> impl Iterator<Item = &str> {
    let starts = std::iter::once(0).chain(words.match_indices(' ').map(|(index, _)| index + 1));
    starts
        .filter_map(move |start| words.get(start..))
        .filter(|name| !name.is_empty())
}

fn is_separator(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t' | b':' | b'=' | b'(' | b'[' | b'\'' | b'"' | b'|' | b',' | b'#'
    )
}

/// A number may stand directly behind these too: `Epoch12 loss=`, `ep_003`, `iteration100,`, and the colon of
/// Chinese.
fn continues_a_name(before: &[u8], rest: &[u8]) -> bool {
    const COUNTERS: [&[u8]; 5] = [b"epoch", b"ep", b"iteration", b"iter", b"step"];
    let glued = before
        .strip_suffix(b"-")
        .or(before.strip_suffix(b"_"))
        .filter(|_| rest.first().is_some_and(u8::is_ascii_digit));
    let before = glued.unwrap_or(before);
    let is_behind_a_counter = COUNTERS.iter().any(|counter| {
        let split = before.split_at_checked(before.len().saturating_sub(counter.len()));
        split.is_some_and(|(other, word)| {
            let behind = rest.iter().find(|byte| !byte.is_ascii_digit());
            word.eq_ignore_ascii_case(counter)
                && !other.last().is_some_and(u8::is_ascii_alphanumeric)
                // In a path or a longer name it counts nothing.
                && (glued.is_none() || other.last().is_none_or(|last| is_separator(*last)))
                && behind.is_none_or(|byte| matches!(byte, b' ' | b'\t' | b',' | b':' | b'|' | b'/' | b']'))
        })
    });
    is_behind_a_counter || before.ends_with("：".as_bytes())
}

fn may_start_number(rest: &[u8]) -> bool {
    matches!(
        rest,
        [b'0'..=b'9', ..]
            | [b'+' | b'-' | b'.', b'0'..=b'9' | b'.', ..]
            | [b'-', b'n' | b'N' | b'i' | b'I', ..]
            | [b'n' | b'N', b'a' | b'A', b'n' | b'N', ..]
            | [b'i' | b'I', b'n' | b'N', b'f' | b'F', ..]
    )
}

/// True for a power of ten in the name of the number behind it: `lr(1e-3):0.29`.
fn is_unit_of_a_name(before: &[u8], token: &str, behind: &[u8]) -> bool {
    let is_named = || {
        let name = before.strip_suffix(b"(").map(<[u8]>::trim_ascii_end);
        name.and_then(<[u8]>::last).is_some_and(u8::is_ascii_alphabetic)
    };
    let has_value = || {
        let behind = behind.strip_prefix(b")").map(<[u8]>::trim_ascii_start);
        let value = behind.and_then(|behind| behind.strip_prefix(b":").or_else(|| behind.strip_prefix(b"=")));
        value.is_some_and(|value| may_start_number(value.trim_ascii_start()))
    };
    power_of_ten(token).is_some() && is_named() && has_value()
}

/// Bytes that a number has at most, with what tells that it is none.
const LONGEST_NUMBER: usize = 128;

fn token_length(rest: &[u8]) -> usize {
    rest.iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b',')))
        .unwrap_or(rest.len())
}

/// The number that a token starts with, its length, and what it was rounded to. Letters
/// directly behind it are a unit, unless they make it something else altogether (`3rd`, `nanms`).
fn leading_number(token: &str) -> Option<(f64, usize, f64)> {
    let word = token.trim_start_matches(['+', '-']);
    if word.starts_with(|first: char| first.is_ascii_alphabetic()) {
        let letters = word.bytes().take_while(u8::is_ascii_alphabetic).count();
        let length = token.len() - word.len() + letters;
        let whole = ["nan", "inf", "infinity"].iter().any(|name| {
            word.get(..letters)
                .is_some_and(|word| word.eq_ignore_ascii_case(name))
        });
        let ends = !word
            .as_bytes()
            .get(letters)
            .is_some_and(u8::is_ascii_alphanumeric);
        return (whole && ends).then(|| Some((number::parse(token.get(..length)?)?, length, 0.0)))?;
    }
    // Thousands separators: `1,048,576`, but not the comma of a list.
    let grouped = token
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.'))
        .count();
    let grouped = token.get(..grouped)?.trim_end_matches([',', '.']);
    if grouped.contains(',')
        && let Some(value) = number::parse(grouped)
    {
        return Some((value, grouped.len(), 0.0));
    }
    let (value, length) = fast_float2::parse_partial::<f64, _>(token.as_bytes()).ok()?;
    // A version (1.2.3), an address or a date is no number.
    let next = token.as_bytes().get(length).copied();
    let odd = match next {
        Some(b'.') => token.as_bytes().get(length + 1).is_some_and(u8::is_ascii_digit),
        Some(b'-' | b'+') => true,
        _ => false,
    };
    let (value, length, rounded_to) = match next {
        Some(suffix @ (b'K' | b'M' | b'G' | b'B' | b'T' | b'k'))
            if !token
                .as_bytes()
                .get(length + 1)
                .is_some_and(u8::is_ascii_alphanumeric) =>
        {
            let unit = number::parse(&format!("1{}", char::from(suffix)))?;
            let digits = token.get(..length).unwrap_or_default();
            let decimals = digits.split_once('.').map_or(0, |(_, behind)| behind.len());
            let rounded_to = unit * 0.1_f64.powi(i32::try_from(decimals).unwrap_or(i32::MAX));
            (
                number::parse(&format!("{value}{}", char::from(suffix)))?,
                length + 1,
                rounded_to,
            )
        }
        _ => (value, length, 0.0),
    };
    (!odd).then_some((value, length, rounded_to))
}

/// True for words that end with one for batches: `Batch`, `train iters`.
fn counts_batches(words: &str) -> bool {
    const BATCHES: [&str; 7] = ["batch", "batches", "iter", "iters", "iteration", "step", "steps"];
    let word = words.rsplit(|letter: char| !letter.is_ascii_alphabetic()).next();
    word.is_some_and(|word| BATCHES.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// The end of the batches that a line is about, `Batch [20-40]`, as [`leading_number`] has it.
fn end_of_range(token: &str) -> Option<(f64, usize, f64)> {
    let (first, last) = token.split_once('-')?;
    let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
    (first < last).then_some((last.into(), token.len(), 0.0))
}

/// `/ 100` behind a number, or ` of 100`, or ` | 100]` where it stands in brackets; and its length.
fn total(value: f64, rest: &str, before: Option<&u8>) -> (Option<u64>, usize) {
    let trimmed = rest.trim_start_matches(' ');
    if let Some(after) = trimmed.strip_prefix('/') {
        return number_behind(rest, after);
    }
    let in_brackets = before == Some(&b'[');
    let word = || {
        let behind = ["of ", "from "]
            .iter()
            .find_map(|word| trimmed.strip_prefix(word));
        behind.filter(|_| trimmed.len() < rest.len())
    };
    let bar = || trimmed.strip_prefix('|').filter(|_| in_brackets);
    let Some(after) = word().or_else(bar) else {
        return (None, 0);
    };
    let (total, length) = number_behind(rest, after);
    let behind = rest.get(length..).unwrap_or_default();
    let ends = if in_brackets {
        behind.trim_start().starts_with(']')
    } else {
        // No date, time or version: `from 2026-11-30`.
        let goes_on = behind.strip_prefix(['-', ':', '.', '/']);
        !goes_on.is_some_and(|more| more.starts_with(|letter: char| letter.is_ascii_digit()))
    };
    if ends && total.is_some_and(|total| value <= total as f64) {
        (total, length)
    } else {
        (None, 0)
    }
}

/// The number at the start of `after`, and where it ends in the text that `after` is the end of.
fn number_behind(rest: &str, after: &str) -> (Option<u64>, usize) {
    let digits_at = after.len() - after.trim_start_matches(' ').len();
    let digits = after.get(digits_at..).unwrap_or_default();
    let length = digits
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b',')
        .count();
    let text = digits.get(..length).unwrap_or_default().trim_end_matches(',');
    let total = text.replace(',', "").parse().ok();
    match total {
        Some(total) => (Some(total), rest.len() - after.len() + digits_at + text.len()),
        None => (None, 0),
    }
}

/// The words that end where the number's separator begins.
fn words_before(line: &str, from: usize, number: usize) -> &str {
    let before = line.get(from..number).unwrap_or_default();
    let before = before.trim_end_matches([' ', '\t', '\'', '"']);
    // `Epoch [3/10]` and `Epoch #3`, and `loss:np.float64(2.5)` or `loss=tensor(2.5)`.
    let before = before.strip_suffix(['[', '#']).unwrap_or(before);
    let before = constructor(before).unwrap_or(before);
    let before = before.trim_end_matches([' ', '\t', '\'', '"']);
    let before = before
        .strip_suffix("::")
        .or_else(|| before.strip_suffix([':', '=', '：']))
        .unwrap_or(before)
        .trim_end_matches([' ', '\t', '\'', '"']);
    // `Train Loss --> 2.47`
    let before = before
        .strip_suffix("->")
        .map_or(before, |before| before.trim_end_matches(['-', ' ']));
    // MindSpore: `epoch: 1 step: 1875, loss is 0.15`.
    let before = before.strip_suffix(" is").unwrap_or(before);
    // `Train Loss [MSE]: 2.2`, `loss[train]: 2.2`
    let remark_from = before.strip_suffix(']').and_then(|before| {
        let (name, remark) = before.rsplit_once('[')?;
        let is_remark = remark
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'.');
        let is_named = name.trim_end().ends_with(|last: char| last.is_ascii_alphabetic());
        (is_remark && is_named).then_some(name.len())
    });
    let mut start = before.len();
    let mut blanks = 0;
    for (index, byte) in before.bytes().enumerate().rev() {
        match byte {
            // `INFO - step`: a lone dash separates.
            b'-' if index > 0 && before.get(index - 1..index + 2) == Some(" - ") => break,
            b' ' => {
                blanks += 1;
                let double = index > 0 && before.as_bytes().get(index - 1) == Some(&b' ');
                if blanks == 3 || double {
                    break;
                }
            }
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b'.' | b'-' | b'@') => {
                start = index
            }
            b'[' | b']' if remark_from.is_some_and(|from| index >= from) => start = index,
            // A closing bracket belongs to names such as `time (ms)`.
            b')' | b'(' => start = index,
            byte if byte.is_ascii() => break,
            // Behind the first byte of a letter of another alphabet: `训练损失`.
            _ => match before.get(index..).and_then(|rest| rest.chars().next()) {
                Some(letter) if letter.is_alphabetic() => start = index,
                Some(_) => break,
                None => {}
            },
        }
    }
    before
        .get(start..)
        .unwrap_or_default()
        .trim_start_matches(['-', '/', '.', ' ', ')'])
}

/// A name with a remark that has numbers in it: `Training Loss (avg over last 25 batches): 1.2`.
fn words_with_remark(line: &str, from: usize, number: usize) -> Option<&str> {
    let before = line.get(from..number)?.trim_end_matches(' ');
    let before = before.strip_suffix([':', '='])?.trim_end_matches(' ');
    if !before.ends_with(')') || before.contains('(') {
        return None;
    }
    let open = line.get(..from)?.rfind('(')?;
    let is_closed = line.get(open..from)?.contains(')');
    let name = words_before(line, 0, open);
    if is_closed || !name.ends_with(|last: char| last.is_ascii_alphabetic()) {
        return None;
    }
    let start = (name.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    line.get(start..from + before.len())
}

/// A name and over how many it is a mean: `Mean test loss of 796 batches: 1.43`.
fn words_over_many(line: &str, from: usize, number: usize) -> Option<&str> {
    let many = line.get(from..number)?.trim_end_matches(' ');
    let many = many.strip_suffix([':', '='])?.strip_prefix(' ')?;
    let is_word = !many.is_empty() && many.bytes().all(|byte| byte.is_ascii_alphabetic());
    let (name, count) = line.get(..from)?.rsplit_once(' ')?;
    let is_count = is_word && count.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.strip_suffix(" of").or_else(|| name.strip_suffix(" over"))?;
    // `step 3 of 796 loss: 1.43`
    let is_name = is_count && name.ends_with(|last: char| last.is_ascii_alphabetic());
    is_name.then(|| words_before(line, 0, name.len()))
}

/// What stands before the call that makes a value of the number which follows.
fn constructor(before: &str) -> Option<&str> {
    let call = before.strip_suffix('(')?;
    let rest =
        call.trim_end_matches(|letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_'));
    let assigned = rest.trim_end_matches(' ').ends_with([':', '=']);
    let named = rest.len() < call.len();
    // `loss tensor(2.5, device='cuda:0')`
    (named && assigned || call.len() - rest.len() == 6 && call.ends_with(" tensor")).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<(String, f64)> {
        let mut found = Vec::new();
        named_numbers(line, |named| found.push((named.words.to_owned(), named.value)));
        found
    }

    fn pair(name: &str, value: f64) -> (String, f64) {
        (name.to_owned(), value)
    }

    #[test]
    fn separators_of_all_kinds() {
        assert_eq!(
            found("iter 10: loss 9.4251, time 425.11ms, mfu 38.12%"),
            [
                pair("iter", 10.0),
                pair("loss", 9.4251),
                pair("time", 425.11),
                pair("mfu", 38.12)
            ]
        );
        assert_eq!(
            found("step: 14  loss:  3.24405  grad_norm:  0.8319  tps: 7,282")[..4],
            [
                pair("step", 14.0),
                pair("loss", 3.24405),
                pair("grad_norm", 0.8319),
                pair("tps", 7282.0)
            ]
        );
        let cells = found("| learning rate: 2.999833E-05 | lm loss: 2.557783E+00 | grad norm: nan |");
        assert_eq!(
            cells[..2],
            [pair("learning rate", 2.999833e-5), pair("lm loss", 2.557783)]
        );
        assert!(cells[2].0 == "grad norm" && cells[2].1.is_nan());
    }

    #[test]
    fn brackets_and_constructors() {
        assert_eq!(
            found("Epoch [3/10], Step[100/600], loss:np.float64(0.5) grad=tensor(1.5, device='cuda:0')")[..4],
            [
                pair("Epoch", 3.0),
                pair("Step", 100.0),
                pair("loss", 0.5),
                pair("grad", 1.5)
            ]
        );
        assert_eq!(found("time (ms): 12.5")[0], pair("time (ms)", 12.5));
        assert_eq!(
            found("Batch 25, Training Loss (avg over last 25 batches): 1.5").last(),
            Some(&pair("Training Loss (avg over last 25 batches)", 1.5))
        );
        for (line, name) in [
            ("Mean test loss of 796 batches: 1.5.", "Mean test loss"),
            ("step 3 of 796 loss: 1.5", "loss"),
        ] {
            assert_eq!(found(line).last(), Some(&pair(name, 1.5)));
        }
    }

    #[test]
    fn a_power_of_ten_in_a_name_is_no_value() {
        assert_eq!(
            found("step:10 - train/loss:5.5 - train/lr(1e-3):0.25"),
            [
                pair("step", 10.0),
                pair("train/loss", 5.5),
                pair("train/lr(1e-3)", 0.25)
            ]
        );
        assert_eq!(
            found("lr (1e-4) loss: 0.5"),
            [pair("lr (", 1e-4), pair("loss", 0.5)]
        );
    }

    #[test]
    fn ranges_count_only_where_they_are_of_batches() {
        assert_eq!(
            found("Epoch[0] Batch [20-40] layers [0-11] heads=[1-4] loss=1.5"),
            [pair("Epoch", 0.0), pair("Batch", 40.0), pair("loss", 1.5)]
        );
    }

    #[test]
    fn a_long_list_without_blanks_is_read_once() {
        let list: Vec<String> = (0..200_000).map(|value| format!("{value}.0")).collect();
        let line = format!("{{\"_step\":[{}],\"loss\":2.5,", list.join(","));
        let started = std::time::Instant::now();
        assert_eq!(found(&line).last(), Some(&pair("loss", 2.5)));
        // Looking to the end of the list for each of its numbers takes minutes.
        assert!(started.elapsed().as_secs() < 10);
    }

    #[test]
    fn an_epoch_without_a_blank_and_other_alphabets() {
        assert_eq!(
            found("Epoch12 loss = 0.5, myepoch3 x, epoch7a 1.5"),
            [pair("Epoch", 12.0), pair("loss", 0.5), pair("epoch7a", 1.5)]
        );
        assert_eq!(
            found("轮次：3 · 训练损失: 0.5，验证损失：0.75"),
            [pair("轮次", 3.0), pair("训练损失", 0.5), pair("验证损失", 0.75)]
        );
    }

    #[test]
    fn totals_units_and_what_is_no_number() {
        let mut named = Vec::new();
        named_numbers(
            "iteration       10/    2000 | dt: 639.21ms | v1.2.3 | loss 2.5",
            |found| named.push(found),
        );
        assert_eq!(
            (named[0].words, named[0].value, named[0].of),
            ("iteration", 10.0, Some(2000))
        );
        assert_eq!((named[1].words, named[1].unit), ("dt", "ms"));
        assert_eq!(named.last().map(|last| last.words), Some("loss"));
        assert_eq!(
            found("step:0/6000 val_loss:10.8258 train_time:195ms step_avg:nanms").len(),
            3
        );
    }

    #[test]
    fn nothing_panics_on_odd_text() {
        for line in [
            "",
            "é 1",
            "loss: é3",
            "a/",
            "1/",
            "loss=-",
            "nan",
            "((((1",
            "x: .",
            "é=1 ü: 2/ 3",
        ] {
            found(line);
        }
    }
}
