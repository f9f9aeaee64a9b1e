//! One scalar of TensorBoard, as its page exports it: a table `Wall time,Step,Value`, or the same as
//! JSON without these names. The only name for the value is in that of the file,
//! `run-exp1_train-tag-train_loss.csv`.

use std::borrow::Cow;
use std::path::Path;

use serde_json::Value;

use super::number;
use super::roles::whole;
use crate::metric::{Names, SPLIT_FOLDERS};

/// What the first bytes of such a table are, but for the case and the quotes.
const HEADER: &str = "wall time,step,value";
/// The name of the value.
pub(super) const VALUE: &str = "Value";
/// No time before this, in seconds, is that of a training: in 2001 there was no such page.
const EARLIEST: f64 = 1e9;

/// The steps and values of what is exported as JSON: `[[1654943296.2, 0, 5.5], [1654943313.7, 10, 5.25]]`.
pub(super) fn points(rows: &[Value]) -> Option<Vec<(u64, f64)>> {
    let point = |row: &Value| match row.as_array()?.as_slice() {
        [time, step, value] if time.as_f64()? >= EARLIEST => {
            Some((whole(step.as_f64()?)?, number::of_json(value)?))
        }
        _ => None,
    };
    rows.first().and_then(point)?;
    rows.iter().map(point).collect()
}

/// True for the beginning of such a list.
fn begins_as_json(head: &[u8]) -> bool {
    let mut numbers = head
        .strip_prefix(b"[[")
        .unwrap_or_default()
        .splitn(3, |byte| *byte == b',');
    let mut next = || number::parse(std::str::from_utf8(numbers.next()?).ok()?);
    next().is_some_and(|time| time >= EARLIEST) && next().and_then(whole).is_some()
}

/// What the file name states. Keras and others write what they train on and what is held out to folders
/// of their own, `exp1/train` and `exp1/validation`: the last word of the run may be such a folder.
pub struct Exported<'a> {
    /// The run, which may have no name: `None` where the file is named for its tag alone.
    pub run: Option<&'a str>,
    /// The part of the data.
    split: Option<&'a str>,
    tag: &'a str,
}

/// What the name of the file at `path` states.
pub fn exported(path: &Path) -> Exported<'_> {
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let Some((run, tag)) = stem.split_once("-tag-").or_else(|| stem.split_once("_tag_")) else {
        return Exported {
            run: None,
            split: None,
            tag: stem,
        };
    };
    let run = run.strip_prefix("run-").unwrap_or(run);
    let (name, last) = run.rsplit_once(['_', '-', '.']).unwrap_or(("", run));
    // A tag that says it itself is of a run that is called so.
    let says_it = tag
        .split(['_', '-', '/', '.'])
        .any(|word| SPLIT_FOLDERS.contains(&word));
    let split = Some(last).filter(|last| SPLIT_FOLDERS.contains(last) && !says_it);
    Exported {
        run: Some(if split.is_some() { name } else { run }),
        split,
        tag,
    }
}

/// `names`, and for such a table what its value is.
pub fn with_value<'a>(names: &'a Names, head: &[u8], path: &Path) -> Cow<'a, Names> {
    let is_json = begins_as_json(head);
    let head = String::from_utf8_lossy(head.get(..HEADER.len() + 8).unwrap_or_default());
    let head = head
        .trim_start_matches('\u{feff}')
        .replace('"', "")
        .to_lowercase();
    if !head.starts_with(HEADER) && !is_json {
        return Cow::Borrowed(names);
    }
    let Exported { split, tag, .. } = exported(path);
    let of_split = split.and_then(|split| names.role_of(&format!("{split}/{tag}")));
    // A folder of files, each named for run and tag: `exp1_train_loss.csv`.
    let shorter = tag
        .match_indices(['_', '-'])
        .filter_map(|(at, _)| tag.get(at + 1..));
    let of_tag = || {
        let mut tags = std::iter::once(tag).chain(shorter);
        tags.find_map(|tag| names.role_of(tag))
    };
    match of_split.or_else(of_tag) {
        Some(fit) => {
            let mut names = names.clone();
            names.declare(VALUE, fit.role);
            Cow::Owned(names)
        }
        None => Cow::Borrowed(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Sample, detect, read_all};
    use crate::metric::{Quantity, Role};

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
            role("run-exp1_validation-tag-epoch_loss.csv").1,
            Some("eval_loss")
        );
        assert_eq!(role("run-train-tag-epoch_loss.csv").1, Some("train_loss"));
        let json = b"[[1654943296.2150984, 0, 5.5], [1654943313.7791796, 10, 5.25]]";
        let names = with_value(&Names::default(), json, Path::new("exp1_train_loss.json")).into_owned();
        let read = read_all(json, &names).unwrap();
        let points: Vec<(u64, f64)> = read.decoded.records.points(Quantity::TrainLoss).collect();
        assert_eq!(points, [(0, 5.5), (10, 5.25)]);
        let resumed = b"[[1654943296.2, 10, 5.5], [1654943313.7, 20, 5.25], [1654943400.1, 10, 5.4], [1654943410.5, 20, 5.1]]";
        let records = read_all(resumed, &names).unwrap().decoded.records;
        assert_eq!(records.steps(), [10, 20, 10, 20]);
        for (path, run) in [
            ("a/run-exp1-tag-x_loss.csv", Some("exp1")),
            ("run-exp1_train-tag-loss.csv", Some("exp1")),
            ("run-exp_test-tag-val_loss.csv", Some("exp_test")),
            ("run-validation-tag-epoch_loss.csv", Some("")),
            ("x_loss.csv", None),
        ] {
            assert_eq!(exported(Path::new(path)).run, run, "{path}");
        }
    }
}
