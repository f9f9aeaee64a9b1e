//! What only many lines of a log together can say: whether something falls, grows or returns.

use super::TRAIN_LOSS;
use super::evaluation::EVALUATION;
use super::names::{held_out_loss, is_plural};
use crate::format::stand_in::{CLEARLY_BELOW, clearly_below};
use crate::format::text::dialect::holds_one_of;
use crate::format::text::held_out::{evaluated_loss, is_behind_a_score, is_of_training};
use crate::format::text::scan::{NameFinder, named_numbers};
use crate::format::text::wrapper::pieces;
use crate::metric::{Quantity, Role, TEST_WORDS, VALIDATION_WORDS};

/// True when evaluations are announced at steps that grow: what counts within an epoch is no step of the run.
pub(super) fn announces_steps(content: &[u8]) -> bool {
    const LEAST: usize = 2;
    let mut names = NameFinder::default();
    let mut steps = Vec::new();
    for line in pieces(content) {
        if !line.contains(EVALUATION) {
            continue;
        }
        named_numbers(&line, |named| {
            let role = names.find(named.words).1.map(|fit| fit.role);
            if role == Some(Role::Step) {
                steps.push(named.value);
            }
        });
    }
    steps.len() >= LEAST && steps.is_sorted_by(|earlier, later| earlier < later)
}

/// True when a word for held-out data stands anywhere, be it within another: to look for them is far cheaper
/// than to look for all named numbers.
pub(super) fn names_held_out_data(content: &[u8]) -> bool {
    let content = content.to_ascii_lowercase();
    let stands = |word: &&str| memchr::memmem::find(&content, word.as_bytes()).is_some();
    VALIDATION_WORDS.iter().chain(TEST_WORDS).any(stands)
}

/// True when what is named for its data alone, beside an epoch, falls again and again and ends
/// clearly below where it began: accuracies rise, and those that fall do so by little.
pub(super) fn bare_losses_fall(content: &[u8]) -> bool {
    /// One after another.
    const FALLS: usize = 3;
    let mut names = NameFinder::default();
    let (mut all, mut are_shares) = (Vec::new(), true);
    for line in pieces(content) {
        if !holds_one_of(&line, &["rain", "RAIN"]) {
            continue;
        }
        let (mut train, mut held_out, mut has_epoch) = (None, None, false);
        named_numbers(&line, |named| {
            let (name, fit) = names.find(named.words);
            has_epoch |= fit.is_some_and(|fit| fit.role == Role::of(Quantity::Epoch));
            if held_out_loss(name).is_some() {
                held_out = Some(named.value);
            }
            if is_of_training(name) {
                train = Some(named.value);
            }
        });
        if let (Some(train), Some(held_out), true) = (train, held_out, has_epoch) {
            are_shares &= [train, held_out].iter().all(|value| (0.0..=1.0).contains(value));
            all.push(train);
        }
    }
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return false;
    };
    *last < first * clearly_below(are_shares)
        && all
            .windows(FALLS + 1)
            .any(|row| row.is_sorted_by(|earlier, later| later < earlier))
}

/// True when what is named for held-out data alone, beside a step and its train loss, is always about as
/// large as that loss, and falls with it: an accuracy rises. Beside an epoch, of which there are few, it falls
/// clearly.
pub(super) fn bare_evaluations_are_losses(content: &[u8]) -> bool {
    const AS_LARGE: std::ops::Range<f64> = 0.5..2.0;
    const LEAST: usize = 2;
    let mut names = NameFinder::default();
    let (mut seen, mut are_alike, mut first, mut last, mut counts_epochs) = (0, true, None, None, false);
    for line in pieces(content) {
        if memchr::memmem::find(line.as_bytes(), b"oss").is_none() {
            continue;
        }
        let (mut loss, mut evaluation, mut is_other, mut has_epoch) = (None, None, false, false);
        named_numbers(&line, |named| {
            let (name, fit) = names.find(named.words);
            match fit.map(|fit| fit.role) {
                Some(TRAIN_LOSS) => loss = loss.or(Some(named.value)),
                Some(role) => {
                    is_other |= role.is_loss();
                    has_epoch |= role == Role::of(Quantity::Epoch);
                }
                None if held_out_loss(name).is_some() => evaluation = Some(named.value),
                None => is_other |= is_of_training(name),
            }
        });
        if let (Some(loss), Some(evaluation), false) = (loss, evaluation, is_other) {
            seen += 1;
            are_alike &= AS_LARGE.contains(&(evaluation / loss));
            counts_epochs |= has_epoch;
            last = Some((loss, evaluation));
            first = first.or(last);
        }
    }
    let below = if counts_epochs { CLEARLY_BELOW } else { 1.0 };
    let fall = first
        .zip(last)
        .is_some_and(|(first, last)| last.0 < first.0 && last.1 < first.1 * below);
    are_alike && seen >= LEAST && fall
}

/// True where a loss without a word for its data stands behind a score on held-out data, beside a counter, and
/// none stands anywhere else: `epoch 3, validation accuracy 0.28, loss 1.38` tells of the training then.
pub(super) fn losses_stand_behind_scores(content: &[u8]) -> bool {
    let mut names = NameFinder::default();
    let mut seen = false;
    for line in pieces(content) {
        if memchr::memmem::find(line.as_bytes(), b"oss").is_none() {
            continue;
        }
        let (mut counts, mut behind, mut elsewhere) = (false, false, false);
        named_numbers(&line, |named| {
            match names.find(named.words).1.map(|fit| fit.role) {
                Some(TRAIN_LOSS) if is_behind_a_score(&line, named.words) => behind = true,
                Some(TRAIN_LOSS) => elsewhere |= evaluated_loss(&line, named.words).is_none(),
                Some(role) => counts |= role == Role::Step || role == Role::of(Quantity::Epoch),
                None => {}
            }
        });
        if elsewhere || behind && !counts {
            return false;
        }
        seen |= behind;
    }
    seen
}

/// True when `Epochs: 3` stands beside a loss, and the next such line tells of the next.
pub(super) fn epochs_count(content: &[u8]) -> bool {
    let mut names = NameFinder::default();
    let mut all = Vec::new();
    for line in pieces(content) {
        if !holds_one_of(&line, &["pochs", "POCHS"]) {
            continue;
        }
        let (mut epochs, mut has_loss) = (None, false);
        named_numbers(&line, |named| {
            if is_plural(named.words) {
                epochs = epochs.or(Some(named.value));
            }
            has_loss |= names.find(named.words).1.is_some_and(|fit| fit.role.is_loss());
        });
        all.extend(epochs.filter(|_| has_loss));
    }
    let next = |row: &[f64]| matches!(row, [before, after] if *after == before + 1.0);
    all.len() > 1 && all.windows(2).all(next)
}
