//! Names of losses in logs that call nothing a loss.

use super::looks_back;
use super::names::{LOSS, TRAIN, is_mean, is_of_train, loss_under_heading, tells_the_best};
use super::numbers::TIMES;
use super::sentences::loss_at;
use crate::format::stand_in::{MOST_TIMES_A_PART, are_nearly_all, below_of, falls, speaks_of_rewards};
use crate::format::text::dialect::holds_one_of;
use crate::format::text::held_out::{Data, data_of, evaluated_loss, is_of_training};
use crate::format::text::scan::{NameFinder, Named, named_numbers};
use crate::format::text::wrapper::pieces;
use crate::metric::{STAND_INS, TOTAL, is_part_of_a_total};

/// The name of the loss in a log that calls nothing so: the best of those that fall, as a score, a time or a
/// price may not. What agents are rewarded with stands beside errors and costs that nobody trains on.
pub(super) fn stand_in(content: &[u8]) -> Option<&'static str> {
    if total_of_parts(content) {
        return Some(TOTAL);
    }
    let mut names = NameFinder::default();
    let mut told: Vec<Told> = STAND_INS.iter().map(|_| Told::default()).collect();
    for line in pieces(content) {
        let (mut is_other, mut has_stand_in) = (speaks_of_rewards(line.as_bytes()), false);
        let mut take = |loss_of: &dyn Fn(&str) -> Option<&'static str>, value: f64| {
            for (name, told) in STAND_INS.iter().zip(&mut told) {
                if let Some(loss) = loss_of(name) {
                    told.add(loss, value);
                    has_stand_in = true;
                }
            }
        };
        if let Some(at) = loss_at(&line) {
            is_other |= names_a_loss(&mut names, at.words);
            take(&|name| loss_called(name, at.words), at.value);
        }
        named_numbers(&line, |named| {
            is_other |= names_a_loss(&mut names, named.words)
                || loss_under_heading(&line, named.words, false).is_some();
            if !tells_the_best(named.words) {
                take(&|name| loss_instead(name, &line, &named), named.value);
            }
        });
        if is_other && (has_stand_in || !is_remark(&line)) {
            return None;
        }
    }
    let mut all = STAND_INS.iter().zip(&told);
    all.find(|(name, told)| told.falls(below_of(name)))
        .map(|(name, _)| *name)
}

/// What a name has told: on the data that is trained on, and on other data.
#[derive(Default)]
struct Told {
    train: Vec<f64>,
    evaluation: Vec<f64>,
}

impl Told {
    fn add(&mut self, loss: &str, value: f64) {
        let told = if is_of_train(loss) {
            &mut self.train
        } else {
            &mut self.evaluation
        };
        told.push(value);
    }

    /// True where it has arrived below where it began, which is `below` of that at most.
    fn falls(&self, below: f64) -> bool {
        falls(
            if self.train.is_empty() {
                &self.evaluation
            } else {
                &self.train
            },
            below,
        )
    }
}

/// True where `total: 2.2` stands beside its parts, `recon: 1.8 | kl: 0.4`, and no loss but those, and falls.
/// Whole numbers count something. A part that is known as a loss by itself is no more than the total, and not
/// much less: `ce: 2.0 | total: 80.5` is about something else.
fn total_of_parts(content: &[u8]) -> bool {
    let mut names = NameFinder::default();
    let mut told = Told::default();
    let (mut lines, mut comparable) = (0, 0);
    for line in pieces(content) {
        if !holds_one_of(&line, &["otal", "OTAL"]) {
            continue;
        }
        let (mut total, mut has_part, mut is_other) = (None, false, false);
        let mut largest: Option<f64> = None;
        named_numbers(&line, |named| {
            let loss = loss_instead(TOTAL, &line, &named).filter(|_| named.value.fract() != 0.0);
            total = total.or(loss.map(|loss| (loss, named.value)));
            let is_part = is_part_of_a_total(names.find(named.words).0);
            has_part |= is_part;
            let fit = names.find(named.words).1;
            if is_part && fit.is_some_and(|fit| fit.role.is_loss()) {
                largest = Some(largest.unwrap_or(named.value).max(named.value));
            }
            is_other |= !is_part && names_a_loss(&mut names, named.words);
        });
        if let Some((loss, value)) = total.filter(|_| has_part) {
            if is_other {
                return false;
            }
            told.add(loss, value);
            let is_comparable = |part: f64| (part..=MOST_TIMES_A_PART * part).contains(&value);
            lines += 1;
            comparable += usize::from(largest.is_none_or(is_comparable));
        }
    }
    told.falls(1.0) && are_nearly_all(comparable, lines)
}

/// True for a line that remarks on a loss which was told before: that it was the best so far, or that the model
/// was saved for it.
pub(super) fn is_remark(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    looks_back(line) || ["improve", "decrease"].iter().any(|word| lower.contains(word))
}

/// True for words that name a loss, or what is part of one.
fn names_a_loss(names: &mut NameFinder, words: &str) -> bool {
    let is_loss = names.find(words).1.is_some_and(|fit| fit.role.is_loss());
    is_loss || words.to_ascii_lowercase().contains(LOSS)
}

/// The loss that a number is where this is the name of one. What has a unit is a time, or a share.
pub(super) fn loss_instead(known: &str, line: &str, named: &Named) -> Option<&'static str> {
    let loss = loss_called(known, named.words)?;
    let behind = named.behind.trim_start();
    let unit = behind
        .split(|letter: char| !letter.is_ascii_alphabetic())
        .next()?;
    let is_clock = matches!(behind.as_bytes(), [b':', b'0'..=b'9', ..]);
    let has_unit = !named.unit.is_empty()
        || is_clock
        || behind.starts_with('%')
        || TIMES.iter().any(|known| unit.eq_ignore_ascii_case(known));
    let context = || evaluated_loss(line, named.words).filter(|_| loss == LOSS);
    (!has_unit).then(|| context().unwrap_or(loss))
}

/// The loss that is meant by words that end with this name, unless it is that of something else than the model:
/// `time cost`, `batch_cost`.
pub(super) fn loss_called(known: &str, words: &str) -> Option<&'static str> {
    let is_between = |letter: char| matches!(letter, ' ' | '_' | '/' | '-');
    let (before, name) = words.rsplit_once(is_between).unwrap_or(("", words));
    if !name.eq_ignore_ascii_case(known) {
        return None;
    }
    let before = || before.split(is_between).filter(|word| !word.is_empty());
    let is_mean = |word: &str| is_mean(word) || word.eq_ignore_ascii_case("total");
    match before().find(|word| !is_mean(word) && !is_of_training(word)) {
        None if before().any(is_of_training) => Some(TRAIN),
        None => Some(LOSS),
        Some(other) => data_of(std::iter::once(other)).map(Data::loss),
    }
}
