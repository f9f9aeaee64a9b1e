//! What the name of a file says of the names in it.

use std::borrow::Cow;
use std::path::Path;

use crate::format::exported_scalar;
use crate::metric::{Names, Quantity, Role};

/// `names` as they hold in the file at `path`, which begins with `head`.
pub fn names_in<'a>(names: &'a Names, head: &[u8], path: &Path) -> Cow<'a, Names> {
    let mut names = exported_scalar::with_value(names, head, path);
    // JoeyNMT's `validations.txt` says only `Loss`.
    let of_validations = path.file_name().is_some_and(|name| name == "validations.txt");
    if of_validations || training_beside(path).is_some() {
        names.to_mut().hold_out();
    }
    if let Some((loss, quantity)) = catboost(head, path) {
        names.to_mut().declare(loss, Role::of(quantity));
    }
    names
}

/// The loss in a table of CatBoost's, which calls it as the user does (`iter  RMSE`, `iter
/// MultiClass`): the objective is the first of the measures.
fn catboost<'a>(head: &'a [u8], path: &Path) -> Option<(&'a str, Quantity)> {
    let quantity = match path.file_name()?.to_str()? {
        "learn_error.tsv" => Quantity::TrainLoss,
        "test_error.tsv" => Quantity::EvalLoss,
        _ => return None,
    };
    let header = std::str::from_utf8(head.split(|byte| *byte == b'\n').next()?).ok()?;
    let loss = header.trim_end().strip_prefix("iter\t")?.split('\t').next()?;
    Some((loss, quantity))
}

/// Words that say what a file is about, and those for its counterpart.
const HELD_OUT: &[&str] = &["val", "valid", "validation", "eval", "evaluation", "dev", "test"];
const TRAINING: &[&str] = &["train", "training", "Train", "Training", "TRAIN"];

/// The name of the log of the training beside the log at `path`, which is named for held-out data:
/// `train.log` for `val.log`. Alone, `test.log` is as likely of a trial run.
pub fn training_beside(path: &Path) -> Option<String> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let separates = |letter: char| !letter.is_ascii_alphanumeric();
    let mut end = name.len();
    for word in name.rsplit(separates) {
        let start = end - word.len();
        if HELD_OUT.iter().any(|known| word.eq_ignore_ascii_case(known)) {
            let (before, after) = (name.get(..start), name.get(end..));
            let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
            let mut counterparts = TRAINING.iter().map(|word| format!("{before}{word}{after}"));
            return counterparts.find(|name| path.with_file_name(name).exists());
        }
        end = start.saturating_sub(1);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_measure_of_catboost_is_its_loss() {
        let role = |file: &str, name: &str| {
            let names = names_in(
                &Names::default(),
                b"iter\tMultiClass\tAccuracy\n0\t1.5\t0.25\n",
                Path::new(file),
            )
            .into_owned();
            names.role_of(name).map(|fit| fit.role.name())
        };
        assert_eq!(
            role("catboost_info/learn_error.tsv", "MultiClass"),
            Some("train_loss")
        );
        assert_eq!(
            role("catboost_info/test_error.tsv", "MultiClass"),
            Some("eval_loss")
        );
        assert_eq!(role("catboost_info/test_error.tsv", "Accuracy"), None);
        assert_eq!(role("other.tsv", "MultiClass"), None);
    }

    #[test]
    fn a_loss_beside_the_training_log_is_of_held_out_data() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let role = |file: &str, name: &str| {
            let names = names_in(&Names::default(), b"", &path(file)).into_owned();
            names.role_of(name).map(|fit| fit.role.name())
        };
        assert_eq!(role("val.log", "loss"), Some("train_loss"));
        for name in ["train.log", "metrics_batch_train.csv", "Train-1.txt"] {
            std::fs::write(path(name), "").unwrap();
        }
        for name in ["val.log", "valid.log", "metrics_batch_val.csv", "Test-1.txt"] {
            assert_eq!(role(name, "loss"), Some("eval_loss"), "{name}");
            assert_eq!(role(name, "train_loss"), Some("train_loss"), "{name}");
            assert_eq!(role(name, "lr"), Some("learning_rate"), "{name}");
        }
        for name in ["train.log", "value.log", "test-2.txt"] {
            assert_eq!(role(name, "loss"), Some("train_loss"), "{name}");
        }
    }
}
