//! What the name of a file says of the names in it.

use std::borrow::Cow;
use std::path::Path;

use crate::format::exported_scalar;
use crate::metric::Names;

/// `names` as they hold in the file at `path`, which begins with `head`.
pub fn names_in<'a>(names: &'a Names, head: &[u8], path: &Path) -> Cow<'a, Names> {
    let mut names = exported_scalar::with_value(names, head, path);
    if has_training_beside(path) {
        names.to_mut().hold_out();
    }
    names
}

/// Words that say what a file is about, and those for its counterpart.
const HELD_OUT: &[&str] = &["val", "valid", "validation", "eval", "evaluation", "dev", "test"];
const TRAINING: &[&str] = &["train", "training", "Train", "Training", "TRAIN"];

/// True when the log at `path` is named for held-out data and that of the training lies beside
/// it: `val.log` and `train.log`. Alone, `test.log` is as likely of a trial run.
fn has_training_beside(path: &Path) -> bool {
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
            return counterparts.any(|name| path.with_file_name(name).exists());
        }
        end = start.saturating_sub(1);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

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
