//! One scalar of TensorBoard, as its page exports it: a table `Wall time,Step,Value` whose
//! only name for the value is in that of the file, `run-exp1_train-tag-train_loss.csv`.

use std::borrow::Cow;
use std::path::Path;

use crate::metric::Names;

/// What the first bytes of such a table are, but for the case and the quotes.
const HEADER: &str = "wall time,step,value";

/// The run and the tag that the file name states: the run may be missing.
pub fn run_and_tag(path: &Path) -> (Option<&str>, &str) {
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    match stem.split_once("-tag-").or_else(|| stem.split_once("_tag_")) {
        Some((run, tag)) => (Some(run.strip_prefix("run-").unwrap_or(run)), tag),
        None => (None, stem),
    }
}

/// `names`, and for such a table what its value is.
pub fn with_value<'a>(names: &'a Names, head: &[u8], path: &Path) -> Cow<'a, Names> {
    let head = String::from_utf8_lossy(head.get(..HEADER.len() + 8).unwrap_or_default());
    let head = head
        .trim_start_matches('\u{feff}')
        .replace('"', "")
        .to_lowercase();
    if !head.starts_with(HEADER) {
        return Cow::Borrowed(names);
    }
    let (_, tag) = run_and_tag(path);
    // A folder of files, each named for run and tag: `exp1_train_loss.csv`.
    let shorter = tag
        .match_indices(['_', '-'])
        .filter_map(|(at, _)| tag.get(at + 1..));
    let fit = std::iter::once(tag)
        .chain(shorter)
        .find_map(|tag| names.role_of(tag));
    match fit {
        Some(fit) => {
            let mut names = names.clone();
            names.declare("Value", fit.role);
            Cow::Owned(names)
        }
        None => Cow::Borrowed(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Sample, detect};
    use crate::metric::Role;

    #[test]
    fn the_name_of_the_file_says_what_the_value_is() {
        let content = b"Wall time,Step,Value\n1654943296.2150984,0,5.5\n1654943313.7791796,10,5.25\n";
        let role = |path: &str| {
            let names = with_value(&Names::default(), content, Path::new(path)).into_owned();
            let read = detect(&Sample::whole(content), &names).is_some();
            (read, names.role_of("Value").map(|fit| fit.role.name()))
        };
        assert_eq!(
            role("run-exp1_train-tag-train_loss.csv"),
            (true, Some("train_loss"))
        );
        assert_eq!(role("run-exp1-tag-eval_loss.csv"), (true, Some("eval_loss")));
        assert_eq!(role("exp1_val_loss.csv"), (true, Some("eval_loss")));
        assert_eq!(role("run-exp1-tag-learning_rate.csv").1, Some("learning_rate"));
        assert_eq!(role("exp1_success.csv"), (false, None));
        assert_eq!(
            Names::default().role_of("Value").map(|fit| fit.role),
            None::<Role>
        );
        assert_eq!(
            run_and_tag(Path::new("a/run-exp1-tag-x_loss.csv")),
            (Some("exp1"), "x_loss")
        );
    }
}
