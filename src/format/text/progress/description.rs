//! What stands before a bar, and so what it is about.

use crate::format::text::held_out::data_of;

/// The epoch of `Epoch 3`, `Epoch: 3/10`, `Epoch [3/10]` or `3/10`, and what it counts to.
pub(in crate::format::text) fn epoch(description: &str) -> Option<(u64, Option<u64>)> {
    let number = |text: &str| text.trim().trim_end_matches('.').parse().ok();
    let Some((_, counts)) = description.rsplit_once("poch") else {
        let (epoch, of) = description
            .trim_matches(['[', ']', '(', ')', ' '])
            .split_once('/')?;
        return Some((number(epoch)?, Some(number(of)?)));
    };
    let mut counts = counts
        .trim_start_matches(['s', '[', '(', ' ', ':', '=', '#'])
        .split(['/', ' ', ']', ')', ':', ',']);
    let epoch = number(counts.next()?)?;
    let of = description.contains('/').then(|| number(counts.next()?));
    Some((epoch, of.flatten()))
}

/// True for the description of a bar whose steps are epochs.
pub(super) fn is_of_epochs(description: &str) -> bool {
    let last = description.rsplit(' ').next();
    last.is_some_and(|word| ["epoch", "epochs"].contains(&word))
}

/// True for a description that begins with a word for held-out data, or holds one by itself or with nothing
/// but counts: `Val Epoch 3/5`, `Epoch 3/5 [Val]`. In `Epoch 3/5 (val acc: 0.33)` it is part of a name.
pub(super) fn is_of_held_out(description: &str) -> bool {
    let is_word = |word: &str| data_of(std::iter::once(word)).is_some();
    let counts = |word: &str| {
        let is_number = |letter: char| letter.is_ascii_digit() || matches!(letter, '/' | '-' | '#');
        COUNTED.contains(&word) || word.chars().all(is_number)
    };
    let first = description.split([' ', ':']).next();
    let mut parts = description.split(['[', ']', '(', ')', '|', ',', ':', '=']);
    first.is_some_and(is_word)
        || parts.any(|part| {
            let words = || part.split_whitespace();
            words().any(is_word) && words().all(|word| is_word(word) || counts(word))
        })
}

/// Bars about other things than a pass over data...
pub(super) const NO_PASS: &[&str] = &["predict", "sanity", "sampl", "download", "map", "generat", "load"];

/// ...and over such that is not trained on.
pub(super) const HELD_OUT: &[&str] = &["valid", "eval", "test"];

/// What is counted of data, or a part of it is called.
const COUNTED: &[&str] = &[
    "epoch",
    "step",
    "batch",
    "iteration",
    "set",
    "data",
    "split",
    "loop",
    "phase",
];

/// The mark between the metrics and the bar of `AllenNLP`, which draws the passes over validation data as it
/// does the longer ones of training: `accuracy: 0.5, loss: 6.5403 ||:  15%|#4 | 318/2190 [..]`.
pub(super) const ALLENNLP: &str = "||";

/// Words that describe a bar of the whole run. Others draw one for every epoch, and may not say so...
pub(super) const WHOLE_RUN: &[&str] = &["step", "epochs", "progress"];

/// ...as these mostly do.
pub(super) const OF_AN_EPOCH: &[&str] = &["train", "batch"];
