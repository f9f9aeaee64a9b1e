//! On which data something was measured, as a name says it.

use super::words::{canonical, canonical_words};

/// Sub-folders in which clients keep train apart from held-out metrics of the same names.
pub const SPLIT_FOLDERS: [&str; 9] = [
    // CatBoost's.
    "learn",
    "train",
    "training",
    "val",
    "valid",
    "validation",
    "eval",
    "evaluation",
    "test",
];

/// True for a word that says on which data something was measured.
pub fn is_data(word: &str) -> bool {
    [TRAINING_WORDS, VALIDATION_WORDS, TEST_WORDS]
        .iter()
        .any(|words| words.contains(&word))
}

/// True for a name that says on which data something was measured: `train_mse`.
pub fn tells_of_data(name: &str) -> bool {
    canonical_words(name).split('_').any(is_data)
}

/// True for a loss on held-out data whose name may as well be short for something else, of a teacher or of a
/// language: it is told by a loss that is named for training beside it.
pub fn is_short_for_held_out(name: &str) -> bool {
    ["vl_loss", "te_loss", "loss_te"].contains(&canonical(name).as_str())
}

/// True for a name that says of something that it is of training: `tr_loss`, `Train Loss`.
pub fn is_named_for_training(name: &str) -> bool {
    let words = canonical_words(name);
    words
        .split('_')
        .any(|word| word == "tr" || TRAINING_WORDS.contains(&word))
}

/// True for what is measured on test data: at the end, and held out even from the choice of the best
/// step.
pub fn is_tested(name: &str) -> bool {
    canonical_words(name)
        .split('_')
        .any(|word| TEST_WORDS.contains(&word))
}

/// Words for data that is trained on.
pub const TRAINING_WORDS: &[&str] = &["train", "training", "trn"];

/// Words for data that is not, by which the best step is chosen.
pub const VALIDATION_WORDS: &[&str] = &[
    "val",
    "valid",
    "validation",
    "validate",
    "validating",
    "vld",
    "eval",
    "evals",
    "evaluation",
    "evaluate",
    "evaluating",
    "dev",
    "heldout",
    "held_out",
    "held-out",
    "holdout",
    "hold_out",
    "hold-out",
];

/// Words for data that was kept for the end.
pub const TEST_WORDS: &[&str] = &["test", "testing", "tst"];
