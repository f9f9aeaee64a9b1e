//! Losses that are told in sentences: `Eval loss at step 1000: 4.18`.

use super::names::{LOSS, tells_the_best};
use crate::format::number;
use crate::format::text::held_out::{Data, data_of};
use crate::metric::{COST, is_part_of_the_loss};

/// A loss behind the counter that it was measured at.
pub(super) struct LossAt<'a> {
    /// The words that its name ends.
    pub(super) words: &'a str,
    pub(super) counter: &'a str,
    pub(super) count: u64,
    pub(super) value: f64,
}

/// `Eval loss at step 1000: 4.18`, `Cost after iteration 100: 0.64`, `The loss of epoch 3 is 0.4`: the counter
/// stands between the name and the value. Without its name (`loss at 404 1.79`) nobody knows what it counts.
pub(super) fn loss_at(line: &str) -> Option<LossAt<'_>> {
    let (words, rest) = [" at ", " after ", " for ", " of ", " in ", " ("]
        .iter()
        .find_map(|between| {
            line.match_indices(between).find_map(|(at, _)| {
                let words = words_of_a_loss(line.get(..at)?)?;
                Some((words, line.get(at + between.len()..)?))
            })
        })?;
    let (counter, count, rest) = counted(rest)?;
    // `loss in epoch 1 iteration 49: 2.2`
    let within = counted(rest.trim_start_matches([',', ' ']));
    let rest = within.map_or(rest, |(_, _, rest)| rest);
    let value = rest.trim_start_matches([')', ':', '=', ' ']);
    let value = value.strip_prefix("is ").unwrap_or(value).trim_start();
    let value = value.split([',', ' ', ';', '|']).next()?.trim_end_matches('.');
    Some(LossAt {
        words,
        counter,
        count,
        value: number::parse(value)?,
    })
}

/// A counter that a text begins with, its value, and what follows.
fn counted(text: &str) -> Option<(&str, u64, &str)> {
    let (counter, rest) = text.split_once(' ')?;
    let is_counter = ["step", "iteration", "iter", "update", "epoch"]
        .iter()
        .any(|known| counter.eq_ignore_ascii_case(known));
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let count = rest.get(..digits).filter(|_| is_counter)?.parse().ok()?;
    Some((counter, count, rest.get(digits..)?))
}

/// `Loss on the validation set: 3.45`
pub(super) fn loss_on(line: &str) -> Option<(&'static str, f64)> {
    let (loss, rest) = line.split_once(" on ")?;
    let (data, value) = rest.split_once([':', '='])?;
    let value = number::parse(value.trim_start().split([',', ' ', ';', '|']).next()?)?;
    words_of_a_loss(loss)?;
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric();
    let words = data.split(|letter| !is_of_word(letter));
    Some((data_of(words)?.loss(), value))
}

/// The losses of a line whose names stand behind their values: `Epoch 3 @ 10:27 PM : 0.9816 C.E. Loss, 94% Accuracy`.
pub(super) fn losses_behind_values(line: &str) -> impl Iterator<Item = (&'static str, f64)> {
    let parts = line.split([',', '|', ';']);
    parts.filter_map(|part| {
        let told = part.rsplit([':', '=', '@']).next()?.trim();
        let (value, name) = told.split_once(' ')?;
        let is_of_name =
            |letter: char| letter.is_ascii_alphabetic() || matches!(letter, '.' | ' ' | '-' | '_');
        let is_loss = words_of_a_loss(name).is_some() && name.chars().all(is_of_name);
        // A whole number counts something.
        let value =
            number::parse(value).filter(|_| is_loss && value.contains('.') && !is_part_of_the_loss(name))?;
        let data = data_of(name.split(|letter: char| !letter.is_ascii_alphabetic()));
        Some((data.map_or(LOSS, Data::loss), value))
    })
}

/// The last words of a text that ends with the name of a loss, or with a remark behind one: `Training loss (for
/// one batch)`. The best of them is told again.
fn words_of_a_loss(text: &str) -> Option<&str> {
    const MOST_WORDS: usize = 2;
    let remark = text.strip_suffix(')').and_then(|text| text.rsplit_once('('));
    let text = remark.map_or(text, |(text, _)| text).trim_end_matches(' ');
    let is_loss = ["loss", COST].iter().any(|known| {
        let start = text.len().checked_sub(known.len());
        start
            .and_then(|start| text.get(start..))
            .is_some_and(|name| name.eq_ignore_ascii_case(known))
    });
    let mut blanks = 0;
    let is_outside = |letter: char| {
        blanks += usize::from(letter == ' ');
        blanks == MOST_WORDS || !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | ' ')
    };
    let words = text.rsplit(is_outside).next()?;
    let sentence = text.rsplit([',', ';', '|']).next()?;
    (is_loss && !tells_the_best(sentence)).then_some(words.trim_start())
}
