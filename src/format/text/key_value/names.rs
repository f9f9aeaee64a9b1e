//! What a name, or the words before it, say of a number.

use crate::format::text::held_out::{Data, data_of, is_of_training};
use crate::format::text::scan::{named_numbers, suffixes};
use crate::metric::canonical;

/// What is measured on data and is no loss, nor a time.
const SCORES: &[&str] = &[
    "acc", "auc", "f1", "iou", "dice", "score", "bleu", "error", "reward", "return",
];

/// How many scores a text speaks of, in small letters.
pub(super) fn scores(text: &str) -> usize {
    SCORES.iter().map(|score| text.matches(score).count()).sum()
}

/// How many of them name a number of their own: that of `acc train 0.9` does not.
pub(super) fn scores_with_numbers(line: &str) -> usize {
    let mut count = 0;
    named_numbers(line, |named| {
        let name = suffixes(named.words).last().unwrap_or(named.words);
        if !is_of_training(name) && held_out_loss(name).is_none() {
            count += scores(named.words);
        }
    });
    count
}

/// The loss that is meant by a name that says nothing but that it is of held-out data.
pub(super) fn held_out_loss(name: &str) -> Option<&'static str> {
    data_of(std::iter::once(name)).map(Data::loss)
}

/// The loss that is named for its data alone behind the word `loss`: `Loss train: 0.4, val: 0.5`, `Loss:
/// train=0.4, val=0.5`. That of held-out data stands behind another one, as `goes_on` says.
pub(super) fn loss_under_heading(line: &str, words: &str, goes_on: bool) -> Option<&'static str> {
    let (heading, name) = words.rsplit_once(' ').unwrap_or(("", words));
    if goes_on {
        return held_out_loss(name).filter(|_| heading.is_empty());
    }
    if !is_of_training(name) {
        return None;
    }
    let at = (name.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    let before = line
        .get(..at)?
        .trim_end_matches([' ', ':', '=', '(', '[', '|', '-', '>']);
    let letters = before.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
    let heading = before.get(before.len() - letters..)?;
    ["loss", "losses"]
        .iter()
        .any(|known| heading.eq_ignore_ascii_case(known))
        .then_some(TRAIN)
}

/// True for a word that makes a mean of what is named behind it.
pub(super) fn is_mean(word: &str) -> bool {
    ["average", "avg", "mean"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

/// The name of a counter of epochs, and not of how many there are.
pub(super) fn is_epoch(name: &str) -> bool {
    let name = canonical(name);
    let ends = ["epoch", "epoch_no", "epoch_number"];
    ends.iter().any(|end| name.ends_with(end)) || name == "ep"
}

/// True for the words `Epochs`, and no more.
pub(super) fn is_plural(words: &str) -> bool {
    words.eq_ignore_ascii_case("epochs")
}

/// The names of a train loss that has another one, or none, in the log: whether or not it says that it is of
/// training.
pub(super) const TRAIN: &str = "train_loss";

pub(super) const LOSS: &str = "loss";

pub(super) fn is_of_train(loss: &str) -> bool {
    loss == TRAIN || loss == LOSS
}

/// True for words that tell what was the best so far, or the last, and nothing new.
pub(super) fn tells_the_best(words: &str) -> bool {
    let mut all = words.split(|letter: char| !letter.is_ascii_alphabetic());
    let is = |word: &str| {
        ["lowest", "smallest", "min", "minimum", "minimal", "previous"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
    };
    words.contains("best") || words.contains("Best") || all.any(is)
}
