//! What the name of a file says of the names in it.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::format::delimited::Unnamed;
use crate::format::exported_scalar;
use crate::metric::{
    Names, Quantity, Role, SPLIT_FOLDERS, TEST_WORDS, VALIDATION_WORDS, canonical, is_one_of,
};

/// `names` as they hold in the file at `path`, which begins with `head`.
pub fn names_in<'a>(names: &'a Names, head: &[u8], path: &Path) -> Cow<'a, Names> {
    let mut names = exported_scalar::with_value(names, head, path);
    // JoeyNMT's `validations.txt` says only `Loss`.
    let is_named = |known: &str| path.file_name().is_some_and(|name| name == known);
    let of_validations = is_named("validations.txt") || is_named(CATBOOST_TEST);
    if of_validations || is_of_an_evaluation(head, path) || training_beside(path).is_some() {
        names.to_mut().hold_out();
    }
    let catboost = [
        (CATBOOST_LEARN, Quantity::TrainLoss),
        (CATBOOST_TEST, Quantity::EvalLoss),
    ];
    let catboost = catboost.into_iter().find(|(table, _)| is_named(table));
    if let Some((_, quantity)) = catboost
        && let Some(loss) = loss_of_catboost(head)
    {
        names.to_mut().declare(loss, Role::of(quantity));
    }
    if let Some(loss) = loss_of_the_name(names.as_ref(), path)
        && let Some(unnamed) = Unnamed::of(head)
    {
        let names = names.to_mut();
        if let Some(counter) = unnamed.counter {
            names.declare(counter, Role::Step);
        }
        names.declare(unnamed.loss, loss);
    }
    names
}

/// The loss that a file is named for, `train_loss.csv` or `losses_train.csv`, or the end of its name.
fn loss_of_the_name(names: &Names, path: &Path) -> Option<Role> {
    let stem = path.file_stem()?.to_str()?.to_lowercase();
    if !stem.contains("loss") {
        return None;
    }
    let stem = stem.replace("losses", "loss");
    let ends = stem
        .match_indices(['_', '-'])
        .filter_map(|(at, _)| stem.get(at + 1..));
    let mut roles = std::iter::once(stem.as_str())
        .chain(ends)
        .filter_map(|name| Some(names.role_of(name)?.role));
    roles.find(|role| role.is_loss())
}

/// The tables of `CatBoost`.
const CATBOOST_LEARN: &str = "learn_error.tsv";
const CATBOOST_TEST: &str = "test_error.tsv";

/// What `CatBoost` trains for, among the measures of its tables, without their parameters.
const OBJECTIVES: &[&str] = &[
    "Logloss",
    "CrossEntropy",
    "MultiClass",
    "MultiClassOneVsAll",
    "MultiLogloss",
    "MultiCrossEntropy",
    "Focal",
    "RMSE",
    "MultiRMSE",
    "MultiRMSEWithMissingValues",
    "RMSEWithUncertainty",
    "MAE",
    "MAPE",
    "Quantile",
    "MultiQuantile",
    "GroupQuantile",
    "LogLinQuantile",
    "Expectile",
    "Poisson",
    "Tweedie",
    "Huber",
    "Lq",
    "LogCosh",
    "Cox",
    "SurvivalAft",
    "QueryRMSE",
    "QuerySoftMax",
    "QueryCrossEntropy",
    "PairLogit",
    "PairLogitPairwise",
];

/// Measures of `CatBoost` that rise.
const SCORES: &[&str] = &[
    "Accuracy",
    "BalancedAccuracy",
    "Precision",
    "Recall",
    "PrecisionAt",
    "RecallAt",
    "F",
    "F1",
    "TotalF1",
    "MCC",
    "Kappa",
    "WKappa",
    "AUC",
    "QueryAUC",
    "PRAUC",
    "NormalizedGini",
    "R2",
    "NDCG",
    "DCG",
    "FilteredDCG",
    "MAP",
    "MRR",
    "ERR",
    "PFound",
    "AverageGain",
    "QueryAverage",
    "LogLikelihoodOfPrediction",
];

/// The loss in a table of `CatBoost`, which calls it as the user does (`iter  RMSE`, `iter
/// MultiClass`). What the user measures besides stands before it (`eval_metric`) and behind it.
fn loss_of_catboost(head: &[u8]) -> Option<&str> {
    let header = std::str::from_utf8(head.split(|byte| *byte == b'\n').next()?).ok()?;
    let measures = header.trim_end().strip_prefix("iter\t")?.split('\t');
    let is_one_of = |known: &[&str], measure: &str| {
        let name = measure.split(':').next().unwrap_or(measure);
        known.iter().any(|known| name.eq_ignore_ascii_case(known))
    };
    let mut objectives = measures.clone().filter(|measure| is_one_of(OBJECTIVES, measure));
    let mut unknown = measures.filter(|measure| !is_one_of(SCORES, measure));
    objectives.next().or_else(|| unknown.next())
}

/// True for a file with nothing but the name of a loss on held-out data for a name, `val_loss.csv`,
/// where nothing in it says itself that it is of such data. A log is as likely of a trial run.
fn is_of_an_evaluation(head: &[u8], path: &Path) -> bool {
    let part = |part: Option<&OsStr>| part.and_then(OsStr::to_str).map(canonical).unwrap_or_default();
    let (stem, ending) = (part(path.file_stem()), part(path.extension()));
    let is_named = stem.split_once('_').is_some_and(|(word, other)| {
        [(word, other), (other, word)]
            .iter()
            .any(|(data, loss)| is_held_out(data) && ["loss", "losses"].contains(loss))
    });
    let says_it_itself = || {
        let head = canonical(&String::from_utf8_lossy(head));
        head.split('_').any(is_held_out)
    };
    is_named && ending != "log" && !says_it_itself()
}

/// How a file is called that is named for the data that is trained on.
const TRAINING: &[&str] = &["train", "training", "trn", "Train", "Training", "TRAIN"];
/// Those that are as likely of a trial run.
const TRIALS: &[&str] = &["dev", "test"];
/// Names of the tables of a training, which say no more than that.
const LOGS: &[&str] = &[
    "log", "logs", "loss", "losses", "metrics", "history", "progress", "steps",
];

/// The log of the training beside the log at `path`, which is named for held-out data, or lies in a folder
/// that is: `train.log` for `val.log`, `trainLoss.csv` for `valLoss.csv`, `log.csv` for `val_log.csv` and
/// `eval.csv`, `train/log.csv` for `val/log.csv`. Alone, `test.log` is as likely of a trial run.
pub fn training_beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let found = |names: Vec<String>| {
        let mut beside = names.into_iter().map(|name| path.with_file_name(name));
        beside.find(|training| training.exists())
    };
    let named = counterparts(name);
    found(named.trained).or_else(|| {
        let training = found(named.plain).or_else(|| in_sibling_folder(path, true))?;
        (!tells_learning_rates(path)).then_some(training)
    })
}

/// The log of held-out data for which the one at `path` is that of the training, where they lie in folders:
/// `val/log.csv` for `train/log.csv`.
pub fn held_out_in_folder_beside(path: &Path) -> Option<PathBuf> {
    in_sibling_folder(path, false).filter(|held_out| !tells_learning_rates(held_out))
}

/// The file with the name of that at `path`, which lies in a folder for one part of the data, in that for
/// another: of training where this one is of `held_out` data, and the other way round.
fn in_sibling_folder(path: &Path, held_out: bool) -> Option<PathBuf> {
    let (folder, name) = (path.parent()?, path.file_name()?);
    let word = folder.file_name()?.to_str()?;
    let says_what = path
        .file_stem()
        .and_then(OsStr::to_str)
        .is_some_and(|stem| is_one_of(LOGS, stem));
    let may_be = |word: &&str| says_what || !is_one_of(TRIALS, word);
    let is_own = is_one_of(&SPLIT_FOLDERS, word) && is_held_out(word) == held_out;
    if !is_own || !may_be(&word) {
        return None;
    }
    let others = SPLIT_FOLDERS
        .into_iter()
        .filter(|word| is_held_out(word) != held_out);
    let mut siblings = others
        .filter(may_be)
        .map(|word| folder.with_file_name(word).join(name));
    siblings.find(|sibling| sibling.exists())
}

/// True for a table whose header names a learning rate: of held-out data there is none.
fn tells_learning_rates(path: &Path) -> bool {
    const HEADER: u64 = 4096;
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(HEADER).read_to_end(&mut head));
    let head = String::from_utf8_lossy(&head);
    let names = Names::default();
    let is_rate = |name: &str| {
        let role = names.role_of(name.trim_matches(['"', ' '])).map(|fit| fit.role);
        role == Some(Role::of(Quantity::LearningRate))
    };
    let header = head.lines().next().unwrap_or_default();
    read.is_ok() && header.split([',', ';', '\t', ':', '{', ' ']).any(is_rate)
}

/// What the log of the training may be called beside one of held-out data.
#[derive(Default)]
struct Counterparts {
    /// It is named for the data that is trained on.
    trained: Vec<String>,
    /// It is not named for any data.
    plain: Vec<String>,
}

fn counterparts(name: &str) -> Counterparts {
    let separates = |letter: char| !letter.is_ascii_alphanumeric();
    let (stem, _) = name.rsplit_once('.').unwrap_or((name, ""));
    let mut end = name.len();
    for word in name.rsplit(separates) {
        let start = end - word.len();
        // In `valLoss` a capital letter parts it from the next.
        let mut humps = word.char_indices().skip(1);
        let hump = humps.find(|(_, letter)| letter.is_ascii_uppercase());
        let first = hump
            .and_then(|(hump, _)| word.get(..hump))
            .filter(|first| is_held_out(first));
        let held_out = first.unwrap_or(word);
        if !is_held_out(held_out) {
            end = start.saturating_sub(1);
            continue;
        }
        let before = name.get(..start).unwrap_or_default();
        let after = name.get(start + held_out.len()..).unwrap_or_default();
        let trained = TRAINING.iter().map(|word| format!("{before}{word}{after}"));
        return Counterparts {
            trained: trained.collect(),
            plain: if is_of_a_table(name) && first.is_none() {
                without_data(held_out, stem, before, after)
            } else {
                Vec::new()
            },
        };
    }
    Counterparts::default()
}

/// The name without the word for its data, which stands between `before` and `after`.
fn without_data(word: &str, stem: &str, before: &str, after: &str) -> Vec<String> {
    if word.len() == stem.len() {
        return LOGS.iter().map(|log| format!("{log}{after}")).collect();
    }
    let shorter = match after.strip_prefix(['_', '-']) {
        Some(after) => format!("{before}{after}"),
        None => format!("{}{after}", before.trim_end_matches(['_', '-'])),
    };
    let says_what = shorter
        .split('.')
        .next()
        .is_some_and(|stem| is_one_of(LOGS, stem));
    let is_meant = says_what || !is_one_of(TRIALS, word);
    Some(shorter).filter(|_| is_meant).into_iter().collect()
}

/// True for the name of a table or of records: what is printed is as likely of another program.
fn is_of_a_table(name: &str) -> bool {
    let ending = Path::new(name)
        .extension()
        .and_then(OsStr::to_str)
        .unwrap_or_default();
    is_one_of(&["csv", "tsv", "jsonl", "ndjson"], ending)
}

/// True for a word that says that a file is about held-out data.
fn is_held_out(word: &str) -> bool {
    is_one_of(VALIDATION_WORDS, word) || is_one_of(TEST_WORDS, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_names_may_be_in_a_file_named_for_its_loss() {
        let told = |content: &str, file: &str, column: &str| {
            let names = Names::default();
            let names = names_in(&names, content.as_bytes(), Path::new(file)).into_owned();
            names.role_of(column).map(|fit| fit.role.name())
        };
        let counted = "0,3.5\n10,2.5\n20,2.25\n30,2.0\n";
        assert_eq!(told(counted, "runs/losses_train.csv", "2"), Some("train_loss"));
        assert_eq!(told(counted, "exp1_val_loss.csv", "2"), Some("eval_loss"));
        assert_eq!(told("3.5\n2.5\n2.25\n", "loss.txt", "1"), Some("train_loss"));
        for (content, file) in [
            (counted, "rewards.csv"),
            ("0,3.5\n10,2.5\n15,2.25\n", "train_loss.csv"),
        ] {
            assert_eq!(told(content, file, "2"), None, "{file}");
        }
    }

    #[test]
    fn catboost_measures_more_than_its_loss() {
        let roles = |file: &str, measures: &[&str]| -> Vec<Option<&str>> {
            let header = format!("iter\t{}\n0\t1.5\t0.25\n", measures.join("\t"));
            let names = names_in(&Names::default(), header.as_bytes(), Path::new(file)).into_owned();
            let roles = names.assign(measures).into_iter();
            roles.map(|role| role.map(Role::name)).collect()
        };
        let (learn, test) = ("catboost_info/learn_error.tsv", "catboost_info/test_error.tsv");
        for (measures, loss) in [
            (&["MultiClass", "Accuracy"][..], Some(0)),
            (&["TotalF1", "MultiClass"], Some(1)),
            (&["TotalF1:average=Macro", "Quantile:alpha=0.9"], Some(1)),
            (&["AUC", "Logloss", "CrossEntropy"], Some(1)),
            (&["PFound", "OfMyOwn"], Some(1)),
            (&["AUC", "NDCG:type=Base"], None),
        ] {
            for (file, quantity) in [(learn, "train_loss"), (test, "eval_loss")] {
                let found = roles(file, measures);
                let at = found.iter().position(|role| *role == Some(quantity));
                assert_eq!(at, loss, "{measures:?}");
                assert_eq!(
                    found.iter().flatten().count(),
                    loss.iter().count(),
                    "{measures:?}"
                );
            }
        }
        assert_eq!(roles("other.tsv", &["MultiClass", "Accuracy"]), [None, None]);
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
        for name in ["val_loss.csv", "Valid_loss.txt", "test_loss.csv", "eval_loss.csv"] {
            assert_eq!(role(name, "loss"), Some("eval_loss"), "{name}");
        }
        for name in [
            "train_val_loss.csv",
            "train_loss_eval.txt",
            "test_focal_loss.txt",
            "test_loss.log",
        ] {
            assert_eq!(role(name, "loss"), Some("train_loss"), "{name}");
        }
        for name in ["log.csv", "trainLoss.csv", "train/progress.csv"] {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            std::fs::write(path(name), "").unwrap();
        }
        for name in ["eval.csv", "val_log.csv", "validLoss.csv", "val/progress.csv"] {
            assert_eq!(role(name, "loss"), Some("eval_loss"), "{name}");
        }
        for name in ["gpt2.csv", "log.csv"] {
            std::fs::write(path(name), "step,loss\n").unwrap();
        }
        std::fs::write(path("dev.csv"), "step,loss,lr\n").unwrap();
        assert_eq!(role("gpt2_val.csv", "loss"), Some("eval_loss"));
        for name in [
            "evaluator.csv",
            "eval.out",
            "evalLog.csv",
            "val/other.csv",
            // A trial run.
            "test_gpt2.csv",
            "dev.csv",
        ] {
            assert_eq!(role(name, "loss"), Some("train_loss"), "{name}");
        }
        let (both, path) = (b"epoch,loss,val_loss\n1,2.5,2.75\n", path("val_loss.csv"));
        let names = names_in(&Names::default(), both, &path).into_owned();
        let roles: Vec<&str> = names
            .assign(&["loss", "val_loss"])
            .into_iter()
            .flatten()
            .map(Role::name)
            .collect();
        assert_eq!(roles, ["train_loss", "eval_loss"]);
        for name in [
            "train.log",
            "value.log",
            "test-2.txt",
            "loss.csv",
            "train_loss.csv",
        ] {
            assert_eq!(role(name, "loss"), Some("train_loss"), "{name}");
        }
    }
}
