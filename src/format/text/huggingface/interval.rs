//! The steps between two records, from what is known of several.

use crate::format::roles::whole;

/// How far the epochs that are logged may be off.
pub(super) const ROUNDING: f64 = 0.005;

/// True for learning rates that have come down to nothing, as at the end of a training.
pub(super) fn have_run_out(rates: &[f64]) -> bool {
    const NOTHING: f64 = 1e-3;
    let peak = rates.iter().copied().fold(0.0, f64::max);
    rates
        .last()
        .is_some_and(|last| peak > 0.0 && *last <= NOTHING * peak)
}

/// The steps between lines, from the epochs that lie between them, which are rounded.
pub(super) fn interval_of(epochs: &[f64], per_epoch: f64) -> Option<u64> {
    let (first, last) = (epochs.first()?, epochs.last()?);
    let lines = epochs.len().checked_sub(1).filter(|lines| *lines > 0)? as f64;
    let between = (last - first) / lines * per_epoch;
    (between >= 0.5).then(|| roundest(between, (2.0 * ROUNDING / lines * per_epoch).min(0.1 * between)))
}

/// The count within `error` of `value` that people are likeliest to choose: the one with the
/// most zeros at its end, or else a five before them.
pub(super) fn roundest(value: f64, error: f64) -> u64 {
    let nearest = whole(value).unwrap_or(1).max(1);
    let mut unit = 10_u64.pow(9);
    while unit > 1 {
        for unit in [unit, unit / 2] {
            let multiple = whole(value / unit as f64).unwrap_or(0).saturating_mul(unit);
            if multiple > 0 && (multiple as f64 - value).abs() <= error {
                return multiple;
            }
        }
        unit /= 10;
    }
    nearest
}

/// The distance that lies between most neighbours.
pub(super) fn most_common_distance(steps: &[u64]) -> Option<u64> {
    let mut distances: Vec<u64> = steps
        .windows(2)
        .filter_map(|pair| pair.last()?.checked_sub(*pair.first()?))
        .filter(|distance| *distance > 0)
        .collect();
    distances.sort_unstable();
    let runs = distances.chunk_by(|one, other| one == other);
    runs.max_by_key(|run| run.len())
        .filter(|_| distances.len() >= 2)
        .and_then(|run| run.first().copied())
}
