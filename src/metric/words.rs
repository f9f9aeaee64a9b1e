//! The words of a name, however it is spelled.

use crate::language;

/// The last part of a name that is a path: `vf_loss` of `default_policy/vf_loss`.
pub(super) fn end_of(name: &str) -> &str {
    name.rsplit(['/', '.']).next().unwrap_or(name)
}

/// In English and lower case, with every run of separators (`_`, `-`, `/`, `.`, space, brackets) as one `_`.
///
/// A leading `_` is kept, because W&B's own counters (`_step`) carry one and rank
/// below a counter the user logged.
pub fn canonical(name: &str) -> String {
    // A W&B web export names its columns "run name - metric".
    let name = name.rsplit_once(" - ").map_or(name, |(_, metric)| metric);
    let english = language::english(name);
    let name = english.as_deref().unwrap_or(name);
    let mut out = String::with_capacity(name.len());
    for character in name.trim().chars() {
        if character.is_alphanumeric() {
            out.extend(character.to_lowercase());
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    if out.len() > 1 && out.ends_with('_') {
        out.pop();
    }
    out
}

/// The same for a name whose words are told apart by their first letters: `ValLoss`.
pub(super) fn canonical_words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 2);
    let mut after_small = false;
    for character in name.chars() {
        if after_small && character.is_uppercase() {
            words.push('_');
        }
        after_small = character.is_lowercase();
        words.push(character);
    }
    canonical(&words)
}

/// True for one of these words, in whatever letters.
pub fn is_one_of(known: &[&str], word: &str) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Where a word stands last among the words of a name.
pub(super) fn last_at(canonical: &str, word: &str) -> Option<usize> {
    let behind_others = canonical.rmatch_indices('_').map(|(at, _)| at + 1);
    let begins = |at: &usize| {
        let behind = canonical.get(*at..).and_then(|rest| rest.strip_prefix(word));
        behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('_'))
    };
    behind_others.chain([0]).find(begins)
}
