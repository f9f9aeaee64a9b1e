//! Names of losses in logs that call nothing a loss.

use super::names::{LOSS, TRAIN, is_mean, is_of_train, loss_under_heading, tells_the_best};
use super::numbers::TIMES;
use super::sample::CLEARLY_BELOW;
use super::sentences::loss_at;
use crate::format::text::held_out::{Data, data_of, evaluated_loss, is_of_training};
use crate::format::text::scan::{NameFinder, Named, named_numbers};

/// Names of losses where nothing is called one, the best first.
const STAND_INS: &[&str] = &[
    COST,
    "objective",
    "mse",
    "bce",
    "ce",
    "elbo",
    "bpd",
    "rmse",
    "mae",
    "error",
];

/// Needs not fall by much.
pub(super) const COST: &str = "cost";

/// The name of the loss in a log that calls nothing so: the best of those that fall, as a score, a time or a
/// price may not. What agents are rewarded with stands beside errors and costs that nobody trains on.
pub(super) fn stand_in(content: &[u8]) -> Option<&'static str> {
    const LEAST: usize = 2;
    let mut names = NameFinder::default();
    let mut told: Vec<Vec<f64>> = vec![Vec::new(); STAND_INS.len()];
    for line in content.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        let mut is_other = speaks_of_rewards(&line);
        let mut take = |is_train: &dyn Fn(&str) -> bool, value: f64| {
            for (name, told) in STAND_INS.iter().zip(&mut told) {
                if is_train(name) {
                    told.push(value);
                }
            }
        };
        if let Some(at) = loss_at(&line) {
            is_other |= names_a_loss(&mut names, at.words);
            take(
                &|name| loss_called(name, at.words).is_some_and(is_of_train),
                at.value,
            );
        }
        named_numbers(&line, |named| {
            is_other |= names_a_loss(&mut names, named.words)
                || loss_under_heading(&line, named.words, false).is_some();
            if !tells_the_best(named.words) {
                take(
                    &|name| loss_instead(name, &line, &named).is_some_and(is_of_train),
                    named.value,
                );
            }
        });
        if is_other {
            return None;
        }
    }
    let falls = |name: &str, told: &[f64]| {
        let clearly = if name == COST { 1.0 } else { CLEARLY_BELOW };
        let ends = told.first().zip(told.last());
        told.len() >= LEAST && ends.is_some_and(|(first, last)| *last < first - first.abs() * (1.0 - clearly))
    };
    let mut all = STAND_INS.iter().zip(&told);
    all.find(|(name, told)| falls(name, told)).map(|(name, _)| *name)
}

/// True for words that name a loss, or what is part of one.
fn names_a_loss(names: &mut NameFinder, words: &str) -> bool {
    let is_loss = names.find(words).1.is_some_and(|fit| fit.role.is_loss());
    is_loss || words.to_ascii_lowercase().contains(LOSS)
}

fn speaks_of_rewards(line: &str) -> bool {
    let has = |part: &&str| memchr::memmem::find(line.as_bytes(), part.as_bytes()).is_some();
    ["eward", "EWARD", "return", "Return", "RETURN"].iter().any(has)
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
