//! What the names of files say.

use std::path::Path;

use super::Label;
use crate::format::number::digits_at_the_end;
use crate::metric::{TRAINING_WORDS, VALIDATION_WORDS};
use crate::source::discover::Candidate;

/// Text and numbers of a name, so that 9 comes before 10.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Piece {
    Number(u64),
    Text(String),
}

pub(super) fn natural(name: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest
            .find(|character: char| character.is_ascii_digit() != digits)
            .unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        pieces.push(match piece.parse() {
            Ok(number) if digits => Piece::Number(number),
            _ => Piece::Text(piece.to_owned()),
        });
        rest = after;
    }
    pieces
}

pub(super) fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// Named like an SQLite database, or named by the user and one.
pub(super) fn is_database(candidate: &Candidate) -> bool {
    named_like_a_database(&candidate.path)
        || (candidate.named
            && crate::source::database::begins_like_one(&candidate.path)
            && candidate.size > 0)
}

/// Named like W&B's folder of a run.
pub(in crate::source) fn is_wandb_run(folder: &str) -> bool {
    super::folder::wandb_run(folder).is_some()
}

/// The endings of SQLite databases.
pub(in crate::source) fn named_like_a_database(path: &Path) -> bool {
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ["db", "sqlite", "sqlite3", "db3"].contains(&ending))
}

/// What SQLite and its users keep beside a database.
pub(in crate::source) fn beside_a_database(path: &Path) -> bool {
    let name = file_name(path);
    ["-wal", "-shm", "-journal"]
        .iter()
        .filter_map(|ending| name.strip_suffix(ending))
        .any(|name| named_like_a_database(Path::new(name)))
}

/// What a client logs about itself.
pub(super) fn of_the_client(path: &Path) -> bool {
    let below = |name: &str| {
        path.ancestors()
            .skip(1)
            .take(3)
            .any(|folder| file_name(folder) == name)
    };
    match file_name(path) {
        "debug.log" | "debug-internal.log" | "debug-core.log" => below("wandb") || below("debug"),
        _ => false,
    }
}

/// Names of files that say nothing about which run they are of.
pub(super) const PLAIN_STEMS: &[&str] = &[
    "metrics",
    "metric",
    "train",
    "training",
    "log",
    "logs",
    "main",
    "progress",
    "stdout",
    "stderr",
    "console",
    "history",
    "results",
    "trainer_log",
    "trainer_state",
    "output",
    "out",
    "truth",
    "loss",
    "losses",
    "train_loss",
    "training_loss",
    "val_loss",
    "valid_loss",
    "validation_loss",
    "eval_loss",
    "test_loss",
    "lr",
    "learning_rate",
    "scalars",
    "train_log",
    "training_log",
    "train_logs",
    "training_logs",
    "train_history",
    "training_history",
    "train_metrics",
    "training_metrics",
    "training_progress",
    "training_statistics",
    "eval_metrics",
    "eval",
    "val",
    "valid",
    "validation",
    "test",
    "stats",
    "summary",
    "run",
    "logging",
    "nohup",
    "measurements",
    "eval_measurements",
    "monitor",
    "rank0",
    "logs-rank0",
    "metrics-rank0",
    "wandb-history",
    "validations",
    "learn_error",
    "test_error",
    "log_history",
];

pub(super) fn is_event_file(name: &str) -> bool {
    name.contains("tfevents")
}

/// Host and process in `events.out.tfevents.<time>.<host>.<process>.<number>`.
pub(super) fn event_writer(name: &str) -> String {
    let after = name.split_once("tfevents.").map_or("", |(_, after)| after);
    let mut parts: Vec<&str> = after.split('.').skip(1).collect();
    if parts.last() == Some(&"v2") {
        parts.pop();
    }
    if parts.len() > 2 {
        parts.pop();
    }
    parts.join(".")
}

/// What a file that was moved aside was called, and its place among its like: that of
/// `train.log.2` is before that of `train.log.1` or `train.log.old`, and these come before `train.log`.
/// `train.log-20261125` is by date.
pub(in crate::source) fn rotation(name: &str) -> Option<(&str, u64)> {
    const MOST: u64 = 100_000;
    let numbered = || {
        let (base, number) = name.rsplit_once('.')?;
        let number: u64 = number.parse().ok()?;
        (1..MOST).contains(&number).then_some((base, u64::MAX - number))
    };
    let dated = || {
        let (base, date) = name.rsplit_once('-')?;
        let date = (date.len() >= 8).then(|| date.parse().ok()).flatten()?;
        Some((base, date))
    };
    let old = || Some((name.strip_suffix(".old")?, u64::MAX - 1));
    let place = numbered().or_else(dated).or_else(old);
    place.filter(|(base, _)| rotatable(base))
}

pub(in crate::source) fn rotatable(name: &str) -> bool {
    [".log", ".out", ".txt", ".jsonl", ".csv", ".err", ".json"]
        .iter()
        .any(|ending| name.len() > ending.len() && name.ends_with(ending))
}

/// The name of a file that `AllenNLP` writes for each epoch, without the number of that: the files of all of them
/// are one log, `metrics_epoch_0.json`, `metrics_epoch_1.json`. Those of others may hold many records each.
pub(super) fn without_epoch(name: &str) -> &str {
    match digits_at_the_end(name.strip_suffix(".json").unwrap_or_default()) {
        ("metrics_epoch_", number) if !number.is_empty() => "metrics_epoch",
        _ => name,
    }
}

/// Parts of names, between dots, that say what of a run a file holds, and not of which.
fn says_what(part: &str) -> bool {
    const WRITERS: [&str; 8] = [
        "hf",
        "megatron",
        "deepspeed",
        "wandb",
        "tensorboard",
        "tb",
        "mlflow",
        "trainer",
    ];
    const KINDS: [&str; 12] = [
        "txt", "text", "err", "error", "csv", "tsv", "json", "jsonl", "ndjson", "dat", "ipynb", "db",
    ];
    let is_rank = || part.strip_prefix("rank").is_some_and(is_digits);
    PLAIN_STEMS.contains(&part) || KINDS.contains(&part) || WRITERS.contains(&part) || is_rank()
}

pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// True for such a name, and for one of words that say what its rows are and what of a run they tell:
/// `metrics_batch_train`, `validation_log`, `train_steps`.
fn is_plain(stem: &str) -> bool {
    const ROWS: [&str; 8] = [
        "epoch",
        "epochs",
        "batch",
        "batches",
        "step",
        "steps",
        "iteration",
        "initialization",
    ];
    let says_it = |word: &str| {
        [&ROWS, TRAINING_WORDS, VALIDATION_WORDS]
            .iter()
            .any(|words| words.contains(&word))
    };
    let mut words = stem.split(['_', '-']);
    PLAIN_STEMS.contains(&stem)
        || words.clone().any(says_it) && words.all(|word| says_it(word) || PLAIN_STEMS.contains(&word))
}

/// The name without its endings (`.log`, `.log.json`, `.train.jsonl`). What stands between dots
/// may tell runs apart: `gpt.seed1.log`, `gpt.1001.out`.
fn without_endings(name: &str) -> &str {
    let mut stem = name;
    while let Some((shorter, ending)) = stem.rsplit_once('.')
        && !shorter.is_empty()
        && says_what(&ending.to_lowercase())
    {
        stem = shorter;
    }
    stem
}

/// The logs of all ranks are of one run: `log_rank0`, `rank_0`, `workerlog.0`.
fn without_rank(stem: &str) -> &str {
    let (before, rank) = digits_at_the_end(stem);
    if rank.is_empty() {
        return stem;
    }
    let word = before.trim_end_matches(['_', '-', '.']);
    if word.eq_ignore_ascii_case("rank") || word == "workerlog" {
        return "rank0";
    }
    let named = ["rank", "RANK"].iter().find_map(|rank| word.strip_suffix(rank));
    named
        .map(|name| name.trim_end_matches(['_', '-', '.']))
        .filter(|name| name.len() < word.len() - "rank".len())
        .unwrap_or(stem)
}

/// True for the log of one of several ranks.
pub(super) fn is_of_a_rank(name: &str) -> bool {
    let stem = without_endings(name);
    without_rank(stem) != stem
}

/// The ending of a name: what stands behind its last dot.
pub(super) fn ending(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// True for the ending of a file that holds what a program prints, as against what it records.
pub(super) fn is_printed(ending: &str) -> bool {
    let of_a_queue = |ending: &str| ending.strip_prefix('o').is_some_and(is_digits);
    ["out", "err", "log", "txt", "ipynb", ""].contains(&ending) || of_a_queue(ending)
}

pub(super) fn stem_label(name: &str) -> Label {
    /// Digits at least of a job's number, and of a time.
    const LEAST_DIGITS: usize = 4;
    const LEAST_DIGITS_OF_A_TIME: usize = 8;
    let stem = without_rank(without_endings(name));
    let plain = stem.to_lowercase();
    if is_plain(&plain) {
        return Label::None;
    }
    // `slurm-10240.out`, `log_1795473699.txt`, `gpt.10240.log`, `gpt.o10240`: a job number or a time.
    let (prefix, number) = launch(stem);
    let known = ["slurm", "job", ""].contains(&prefix) || PLAIN_STEMS.contains(&prefix);
    let (before, last) = stem.rsplit_once('.').unwrap_or(("", ""));
    let of_a_queue = last.strip_prefix(['o', 'e']).unwrap_or(last);
    let is_job = |number: &str| number.len() >= LEAST_DIGITS && is_digits(number);
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let is_time = digits >= LEAST_DIGITS_OF_A_TIME && is_printed(ending(name));
    let name = if is_job(of_a_queue) {
        // Its output and its errors are of one job.
        let plain = PLAIN_STEMS.contains(&before);
        if plain {
            of_a_queue.to_owned()
        } else {
            format!("{before}.{of_a_queue}")
        }
    } else if known && (is_job(number) || is_time) || prefix == "slurm" && is_digits(number) {
        stem.to_owned()
    } else {
        return Label::Chosen(stem.to_owned());
    };
    Label::Made { class: "job", name }
}

/// A name, and the number of a job or the time of a start behind it: `gpt-10240`, `train_20261125_120000`,
/// `training_log_2026_11_25_12_00_00`. The number is empty where there is none.
fn launch(stem: &str) -> (&str, &str) {
    let of_a_number = |character: char| character.is_ascii_digit() || "_-T".contains(character);
    let number = stem.trim_start_matches(|character: char| !character.is_ascii_digit());
    if !number.chars().all(of_a_number) {
        return (stem, "");
    }
    let prefix = stem.strip_suffix(number).unwrap_or_default();
    (prefix.trim_end_matches(['-', '_']), number)
}

/// What the logs of one run have in common when somebody names them by hand, start by start:
/// `train_1` and `train_2`, `train` and `train_resume`.
pub(super) fn lineage(name: &str) -> String {
    const WORDS: [&str; 8] = [
        "resume",
        "resumed",
        "restart",
        "restarted",
        "continue",
        "continued",
        "cont",
        "part",
    ];
    let mut stem = without_rank(without_endings(name)).to_lowercase();
    loop {
        let shorter =
            stem.trim_end_matches(|character: char| character.is_ascii_digit() || "_-.".contains(character));
        let word = WORDS.iter().find_map(|word| shorter.strip_suffix(word));
        let shorter = word
            .filter(|before| before.ends_with(['_', '-', '.']))
            .unwrap_or(shorter);
        if shorter.len() == stem.len() || shorter.is_empty() {
            return stem;
        }
        stem = shorter.to_owned();
    }
}
