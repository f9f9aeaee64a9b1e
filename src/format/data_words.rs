//! Words that say which data a row is about: `train` in one row of a table, `eval` in another.

use std::borrow::Cow;

use super::records::Decoded;
use super::text::held_out::{self, data_of};
use crate::metric::TRAINING_WORDS;

/// Names of a column that says which data a row is about.
pub(super) fn is_split(name: &str) -> bool {
    ["mode", "split", "phase", "stage", "partition", "subset", "type"]
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word))
}

/// The data that a word in a text is for, as the tables of metrics are called: `train`, `val` or `test`.
pub(super) fn table_of(text: &str) -> Option<&'static str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    Some(match (data(text)?, data_of(words)) {
        (Data::Training, _) => "train",
        (Data::HeldOut, Some(held_out::Data::Test)) => "test",
        (Data::HeldOut, _) => "val",
    })
}

/// Scikit-learn's interface of boosted trees counts the sets that it evaluates on: the first of several is the
/// training data, by convention.
pub(super) fn of_the_first_set<'a, 'b>(
    name: &'a str,
    mut all: impl Iterator<Item = &'b str>,
) -> Cow<'a, str> {
    // The tenth is not the first.
    fn of_set<'c>(name: &'c str, set: &str) -> Option<&'c str> {
        let metric = name.strip_prefix(set)?;
        (!metric.starts_with(|digit: char| digit.is_ascii_digit())).then_some(metric)
    }
    let mut several = || all.any(|other| of_set(other, "validation_1").is_some());
    match of_set(name, "validation_0") {
        Some(metric) if several() => Cow::Owned(format!("train{metric}")),
        _ => Cow::Borrowed(name),
    }
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// Data that is trained on.
    Training,
    /// Data that is not.
    HeldOut,
}

/// The data that a short text is a word for: `train`, `Validation`, `eval_step`.
pub(super) fn data(text: &str) -> Option<Data> {
    const LONGEST: usize = 32;
    if text.len() > LONGEST {
        return None;
    }
    let words = || text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let is_training = |word: &str| {
        TRAINING_WORDS
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
    };
    if words().any(is_training) {
        return Some(Data::Training);
    }
    data_of(words()).map(|_| Data::HeldOut)
}

/// A column of words whose name does not say that it is about data. It is as long as each of its
/// words is one for data, and some are for training: a word that stays is but a name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WordColumn {
    training: bool,
    held_out: bool,
    other: bool,
}

impl WordColumn {
    /// True while each of its words was one for data.
    pub fn may_tell(self) -> bool {
        !self.other
    }

    fn tells(self) -> bool {
        self.training && self.may_tell()
    }

    /// Takes in the word of a row with a loss; true when it says that the row is about held-out
    /// data. Where it shows that rows before were taken wrongly, the file must be read again.
    pub fn is_held_out(&mut self, word: &str, out: &mut Decoded) -> bool {
        let before = *self;
        let data = data(word);
        match data {
            Some(Data::Training) => self.training = true,
            Some(Data::HeldOut) => self.held_out = true,
            None => self.other = true,
        }
        out.remapped |= before.held_out && before.tells() != self.tells();
        data == Some(Data::HeldOut) && self.tells()
    }
}
