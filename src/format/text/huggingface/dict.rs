//! The dicts that the trainer prints.

use crate::format::number;

/// The dict at the end of a training.
pub(super) fn is_summary(dict: &str) -> bool {
    dict.contains("'train_runtime'") && !dict.contains("'loss'")
}

/// The planned number of steps, from which the summary at the end of a training has its speed.
pub(super) fn planned(dict: &str) -> Option<f64> {
    Some((value_of(dict, "train_runtime")? * value_of(dict, "train_steps_per_second")?).round())
}

/// True where that speed, which is rounded, leaves the length of an epoch exact.
pub(super) fn tells_epochs_exactly(dict: &str) -> bool {
    const ROUNDING_OF_SPEED: f64 = 0.0005;
    let runtime = value_of(dict, "train_runtime");
    runtime
        .zip(value_of(dict, "epoch"))
        .is_some_and(|(runtime, epochs)| ROUNDING_OF_SPEED * runtime < 0.5 * epochs)
}

/// ms-swift says it all: `'global_step/max_steps': '10/735'`.
pub(super) fn swift_counter(dict: &str) -> Option<(u64, u64)> {
    let counts = dict.split_once("'global_step/max_steps': '")?.1;
    let (step, total) = counts.split_once('\'')?.0.split_once('/')?;
    Some((step.parse().ok()?, total.parse().ok()?))
}

/// The inside of the first `{'...}` of a line.
pub(super) fn dict(line: &str) -> Option<&str> {
    let start = memchr::memmem::find(line.as_bytes(), b"{'")?;
    let rest = line.get(start + 1..)?;
    let end = rest.find('}')?;
    let inside = rest.get(..end)?;
    let has = |keys: &[&str]| keys.iter().any(|key| inside.contains(key));
    // Others print dicts with a loss in them, but not with where it was reached.
    // Sets to evaluate on may have names: `eval_wiki_loss`.
    let is_evaluation = |name: &str| name.starts_with("eval_") && name.ends_with("_loss");
    let trained = has(&["'loss'", "'eval_loss'", "'train_runtime'"])
        || entries(inside).any(|(name, _)| is_evaluation(name));
    (trained && has(&["'epoch'", "'learning_rate'", "'global_step", "'step'"])).then_some(inside)
}

/// The value of an entry.
pub(super) fn value_of(dict: &str, wanted: &str) -> Option<f64> {
    named(dict)
        .filter(|(name, _)| *name == wanted)
        .find_map(|(_, value)| number::of_cell(value))
}

/// `'key': value` pairs whose value is a number, quoted or not.
pub(super) fn entries(dict: &str) -> impl Iterator<Item = (&str, f64)> {
    named(dict).filter_map(|(name, value)| Some((name, number::of_cell(value)?)))
}

/// The same with whatever value.
fn named(dict: &str) -> impl Iterator<Item = (&str, &str)> {
    dict.split(", '").filter_map(|entry| {
        let (name, value) = entry.split_once("':")?;
        Some((name.trim_start_matches(['\'', ' ']), value))
    })
}
