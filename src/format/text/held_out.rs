//! Words that say what data a loss was measured on.

use super::Fields;
use super::bare_counts::Count;
use super::scan::{Named, push_value};
use crate::format::number;
use crate::metric::{Fit, TEST_WORDS, TRAINING_WORDS, VALIDATION_WORDS, is_one_of};

/// Data that was not trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum Data {
    Validation,
    Test,
}

impl Data {
    /// A name for the loss on it.
    pub(super) fn loss(self) -> &'static str {
        match self {
            Data::Validation => "eval_loss",
            Data::Test => "test loss",
        }
    }
}

/// A name for a loss whose own does not tell what it was measured on: `Test: Loss 0.4`,
/// `DEV : loss 0.6`. A word before it says so, and none says that it is of training. What the name
/// says goes before what the line says: of `[eval] train_loss=4.4 val_loss=4.5` the first is an
/// evaluation too, but of what was trained on.
pub(super) fn evaluated_loss(line: &str, words: &str) -> Option<&'static str> {
    let at = (words.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    // TensorFlow's estimator has evaluated.
    let before = line.get(..at)?;
    let data = if memchr::memmem::find(line.as_bytes(), b"Saving dict for global step").is_some() {
        Data::Validation
    } else if before.ends_with("Evaluation metric '") {
        // GluonTS calls every metric so, those of training too: `Evaluation metric 'epoch_loss'=5.24`.
        return None;
    } else {
        data_before(before, words)?
    };
    let mut words = words.split(|letter: char| !letter.is_ascii_alphanumeric());
    let is_of_training = words.any(is_of_training);
    Some(if is_of_training {
        "eval_train_loss"
    } else {
        data.loss()
    })
}

/// True for a loss before which the last word for held-out data is part of the name of another number, which a
/// comma parts from it: `Validation Accuracy: 0.28, Avg Loss: 1.38`, unlike `Validation - acc: 0.28, loss: 1.38`.
pub(super) fn is_behind_a_score(line: &str, words: &str) -> bool {
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    let before = (words.as_ptr() as usize)
        .checked_sub(line.as_ptr() as usize)
        .and_then(|at| line.get(..at));
    let Some((before, score)) = before.and_then(|before| {
        let (before, score) = before.trim_end().strip_suffix(',')?.rsplit_once(',')?;
        Some((before, score.trim_start()))
    }) else {
        return false;
    };
    let name = score.trim_end_matches(|letter: char| letter.is_ascii_digit() || matches!(letter, '.' | '%'));
    let value = score.get(name.len()..).unwrap_or_default().trim_end_matches('%');
    let name = name.trim_end().trim_end_matches([':', '=']).trim_end();
    let mut letters = name.chars();
    number::parse(value).is_some()
        && letters.all(|letter| is_of_word(letter) || letter == ' ')
        && data_of(name.split(|letter| !is_of_word(letter))).is_some()
        && data_of(before.split(|letter| !is_of_word(letter))).is_none()
}

/// True for a word that says nothing but that something is of training.
pub(super) fn is_of_training(word: &str) -> bool {
    is_one_of(TRAINING_WORDS, word)
}

/// What the words of a text say that `name`, which follows it, was measured on, if not the data that is trained
/// on. Behind a word for training another holds only where the same name has stood under the first:
/// `Train: loss 0.4 | Val: loss 0.5`. Of `train: acc 0.8 | val: acc 0.7 | loss: 0.4` the last is of training.
pub(super) fn data_before(text: &str, name: &str) -> Option<Data> {
    /// What stands further before says nothing, or a line without an end would take for ever.
    const AT_MOST: usize = 1000;
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '/' | '-');
    let mut ends = text.len().saturating_sub(AT_MOST)..=text.len();
    let text = ends.find_map(|start| text.get(start..)).unwrap_or_default();
    let mut told: Option<Option<Data>> = None;
    let mut last = "";
    for word in text.split(|letter| !is_of_word(letter)) {
        let is_deviation = is_one_of(&["std", "standard"], std::mem::replace(&mut last, word));
        let start = (word.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let data = data_of(std::iter::once(word));
        if data.is_none() && !is_of_training(word) || is_deviation {
            continue;
        }
        let is_next = || text.get(..start).unwrap_or_default().contains(name);
        // A word for training holds wherever it stands.
        if told.is_none() || data.is_none() || is_next() {
            told = Some(data);
        }
    }
    told.flatten()
}

/// What words say that something was measured on, if they speak of data that was not trained on.
pub(in crate::format) fn data_of<'a>(words: impl Iterator<Item = &'a str>) -> Option<Data> {
    let mut data = None;
    for word in words {
        if is_of_training(word) {
            return None;
        }
        if is_one_of(VALIDATION_WORDS, word) {
            data = data.or(Some(Data::Validation));
        } else if is_one_of(TEST_WORDS, word) {
            data = data.or(Some(Data::Test));
        }
    }
    data
}

/// The batch of held-out data that a line is about, that data, and what it tells of it: `Test: [10/242]  Loss
/// 4.4 (4.6)`, `Val: [3][10/242]  ..`.
pub(super) fn batch_of_held_out(line: &str) -> Option<(Data, Count, &str)> {
    line.match_indices('[').find_map(|(at, _)| {
        let before = line.get(..at)?.trim_end().trim_end_matches(':');
        let before = before.strip_suffix("Epoch").map_or(before, str::trim_end);
        let word = before
            .rsplit(|letter: char| !letter.is_ascii_alphanumeric())
            .next();
        let data = data_of(word.into_iter())?;
        let (inside, rest) = line.get(at + 1..)?.split_once(']')?;
        let second = rest.trim_start().strip_prefix('[');
        let (inside, rest) = second
            .and_then(|second| second.split_once(']'))
            .unwrap_or((inside, rest));
        // `[  50/98 ( 51%)]`
        let counts = inside.split('(').next().unwrap_or(inside);
        let (value, of) = number::counts(counts.trim())?;
        Some((data, Count { value, of: Some(of) }, rest))
    })
}

/// Adds a loss under its name, or under that which [`evaluated_loss`] has for it.
pub(super) fn push_loss<'a>(
    fields: &mut Fields<'a>,
    name: &'a str,
    fit: Option<Fit>,
    named: &Named<'a>,
    evaluated: Option<&'static str>,
) {
    match evaluated {
        Some(loss) => fields.values.push((loss, named.value)),
        None => push_value(fields, name, fit, named),
    }
}
