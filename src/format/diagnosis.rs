//! Why a file is not read, and what to do about it.

use super::sample::Sample;
use super::{delimited, has_frames, json_document, json_lines, text};
use crate::metric::{Names, Quantity, Role};

/// What is missing in a file that no format recognises, and what to do about it.
pub fn diagnose(sample: &Sample, names: &Names) -> String {
    const NAMED: usize = 12;
    let first = sample
        .lines()
        .find(|line| !line.trim_ascii().is_empty())
        .unwrap_or_default();
    if first.is_empty() {
        return "there is nothing in it yet".to_owned();
    }
    let no_curve = json_document::no_curve(sample.head, names);
    if let Some(why) = no_curve.or_else(|| delimited::no_curve(sample, names)) {
        return why;
    }
    let (kind, columns) = structured_columns(first, sample, names);
    if let Some(kind) = kind {
        let has = |role: Role| {
            columns
                .iter()
                .any(|column| names.role_of(column).is_some_and(|fit| fit.role.same_slot(role)))
        };
        let list: Vec<&str> = columns.iter().map(String::as_str).take(NAMED).collect();
        let more = columns.len().saturating_sub(NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let loss = has(Role::of(Quantity::TrainLoss)) || has(Role::of(Quantity::EvalLoss));
        let missing = if loss {
            "rows with a loss"
        } else {
            "a loss; name it with --loss NAME or --eval-loss NAME"
        };
        return format!("{kind} with {}{more}, but without {missing}", list.join(", "));
    }
    if let Some(hint) = unnamed(sample) {
        return hint;
    }
    let engine = [sample.head, sample.tail].iter().any(|part| {
        memchr::memmem::find(part, b"[logging.py:").is_some()
            || memchr::memmem::find(part, b"OVERFLOW!").is_some()
    });
    if engine {
        return "DeepSpeed's own lines have steps and learning rates but no loss: the training script must print it"
            .to_owned();
    }
    let mut lines = sample.lines().filter_map(|line| std::str::from_utf8(line).ok());
    if let Some(metric) = lines.find_map(text::boosting::no_loss) {
        return format!(
            "rounds of boosted trees with {metric}, which is not known to fall as a loss does: there is nothing to forecast; \
             have a loss evaluated as well, such as logloss or rmse"
        );
    }
    "no line has a step and a loss that a built-in format knows; describe its lines with [[format]] in losscast.toml"
        .to_owned()
}

/// How to name what a file of nothing but numbers holds.
fn unnamed(sample: &Sample) -> Option<String> {
    if let Some(found) = delimited::Unnamed::of(sample.head) {
        let step = found.counter.map(|step| format!("--step {step} "));
        let flags = format!("{}--loss {}", step.unwrap_or_default(), found.loss);
        return Some(format!(
            "numbers without a name; where they are losses, {flags} says so"
        ));
    }
    let (columns, first) = delimited::numbered_columns(sample).filter(|(columns, _)| *columns > 1)?;
    let (second, last) = (first + 1, first + columns - 1);
    Some(format!(
        "columns without names, which are known by their numbers from {first} to {last}: \
         --loss {second} says that the second is the loss, --step {first} that the first counts"
    ))
}

/// The names of a file that is made of rows, and what kind of file it is.
fn structured_columns(first: &[u8], sample: &Sample, names: &Names) -> (Option<&'static str>, Vec<String>) {
    if first.trim_ascii_start().starts_with(b"{")
        && let Some(serde_json::Value::Object(fields)) = json_lines::parse_line(first)
    {
        let mut found = Vec::new();
        json_lines::visit(&fields, "", 4, &mut |name, _| found.push(name.to_owned()));
        return (Some("JSON lines"), found);
    }
    // A line of prose with commas in it is no header.
    let is_name = |name: &String| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') && name.len() <= 64
    };
    match delimited::header_names(sample, names) {
        Some(found) if found.iter().all(is_name) => (Some("a table"), found),
        _ => (None, Vec::new()),
    }
}

/// Why a file cannot be a log at all, from its first bytes.
pub fn refuse(head: &[u8]) -> Option<&'static str> {
    const MAGIC: &[(&[u8], &str)] = &[
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b", "gzip-compressed; decompress it first"),
        (b"\x28\xb5\x2f\xfd", "zstd-compressed; decompress it first"),
        (b"\xfd7zXZ\x00", "xz-compressed; decompress it first"),
        (b"BZh", "bzip2-compressed; decompress it first"),
        (b"\x89PNG", "a picture"),
        (b"\x7fELF", "a program"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"%PDF", "a PDF document"),
    ];
    if has_frames(head) {
        return None;
    }
    for (magic, reason) in MAGIC {
        if head.starts_with(magic) {
            return Some(reason);
        }
    }
    // FLAML's log of its search.
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.starts_with(b"{\"record_id\": ") && memchr::memmem::find(line, b"\"learner\": ").is_some() {
        return Some("a list of trials, each of another model: no curve of one training");
    }
    if is_list_of_wandb_runs(line) {
        return Some("a list of runs as W&B exports it, a row for each: no curve of one training");
    }
    if head.starts_with(b"\x80") && matches!(head.get(1), Some(2..=5)) {
        return Some("a Python pickle");
    }
    let zeros = head.iter().take(4096).filter(|byte| **byte == 0).count();
    (zeros * 20 > head.len().min(4096)).then_some("binary data")
}

/// True for the header of W&B's table of runs: what each is called, whether it still goes on, and since
/// when there it is.
fn is_list_of_wandb_runs(header: &[u8]) -> bool {
    let mut cells = header.split(|byte| *byte == b',');
    let mut follows = |name: &[u8]| {
        cells.any(|cell| {
            let cell = cell.trim_ascii();
            cell.strip_prefix(b"\"")
                .and_then(|cell| cell.strip_suffix(b"\""))
                .unwrap_or(cell)
                == name
        })
    };
    follows(b"Name") && follows(b"State") && follows(b"Created")
}
