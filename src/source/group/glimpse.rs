//! What the two ends of a log say: enough to tell which run it is of.

use std::collections::BTreeMap;

use crate::format::{has_frames, read_all, roles};
use crate::metric::{Names, Quantity};
use crate::source::discover::Candidate;
use crate::source::tail::sample;
use crate::statistics::median;

/// Bytes that are looked at, at each end of a log.
pub(super) const EACH_END: usize = 1 << 16;

/// What cannot be read in part is looked at as a whole up to this size.
pub(super) const LARGEST_WHOLE: u64 = 1 << 23;

/// Losses of one client that are further apart than this, as a share, are not of one run.
const EQUAL: f64 = 4e-3;
/// What single precision does to a loss, as a share.
const EXACT: f64 = 1e-5;

/// How many times as many steps of an epoch are steps of something else.
const OTHER_STEPS: f64 = 2.0;

/// What the two ends of a log say.
#[derive(Debug, Default)]
pub(super) struct Glimpse {
    /// Name of its format.
    format: &'static str,
    /// True when they are all of it.
    pub(super) whole: bool,
    /// True when it has any loss.
    pub(super) has_loss: bool,
    /// The first two steps, as they come.
    pub(super) first_steps: Option<[u64; 2]>,
    /// The last step.
    pub(super) last_step: Option<u64>,
    /// Step and level of the train loss at the beginning...
    pub(super) first: Option<(u64, f64)>,
    /// ...and at the end.
    pub(super) last: Option<(u64, f64)>,
    /// The train losses by step, of both ends.
    losses: BTreeMap<u64, f64>,
    /// The mean train loss of each epoch.
    by_epoch: BTreeMap<u64, f64>,
    /// Its steps are epochs.
    counts_epochs: bool,
    /// How they are rounded.
    rounding: Rounding,
}

impl Glimpse {
    /// Looks at a log.
    pub(super) fn of(candidate: &Candidate, names: &Names) -> Glimpse {
        Self::read(candidate, names).unwrap_or_else(|| Glimpse {
            whole: candidate.size <= EACH_END as u64,
            ..Glimpse::default()
        })
    }

    fn read(candidate: &Candidate, names: &Names) -> Option<Glimpse> {
        /// So many records make a level.
        const RECORDS: usize = 20;
        let (mut content, tail) = sample(&candidate.path, EACH_END).ok()?;
        let mut whole = tail.is_empty();
        let mut log = None;
        let in_one_piece = has_frames(&content) || begins_a_document(&content) || is_within_a_line(&tail);
        if !whole && in_one_piece && candidate.size <= LARGEST_WHOLE {
            log = std::fs::read(&candidate.path)
                .ok()
                .and_then(|content| read_all(&content, names).ok());
            whole = log.is_some();
        }
        if log.is_none() {
            if !tail.is_empty() && !has_frames(&content) {
                content.truncate(memchr::memrchr(b'\n', &content)? + 1);
                let whole_lines = memchr::memchr(b'\n', &tail).map_or(tail.len(), |end| end + 1);
                content.extend_from_slice(tail.get(whole_lines..)?);
            }
            log = read_all(&content, names).ok();
        }
        let records = log.as_ref()?.decoded.records.rows();
        let last_step = log.as_ref()?.decoded.records.steps().last().copied();
        let mut steps = Vec::new();
        let mut losses = Vec::new();
        let mut by_epoch: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
        let mut counts_epochs = true;
        let mut has_loss = false;
        for row in records {
            if steps.len() < 2 && steps.last() != Some(&row.step()) {
                steps.push(row.step());
            }
            has_loss |= row.value(Quantity::EvalLoss).is_some();
            let Some(loss) = row.value(Quantity::TrainLoss) else {
                continue;
            };
            losses.push((row.step(), loss));
            if let Some(epoch) = row.value(Quantity::Epoch).and_then(roles::whole) {
                let (sum, count) = by_epoch.entry(epoch).or_default();
                (*sum, *count) = (*sum + loss, *count + 1.0);
                counts_epochs &= epoch == row.step();
            }
        }
        let level = |some: &[(u64, f64)]| {
            let mut finite: Vec<f64> = some
                .iter()
                .map(|(_, loss)| *loss)
                .filter(|loss| loss.is_finite())
                .collect();
            median(&mut finite)
        };
        let first = losses
            .first()
            .map(|(step, _)| (*step, level(losses.get(..RECORDS).unwrap_or(&losses))));
        let last_few = losses
            .get(losses.len().saturating_sub(RECORDS)..)
            .unwrap_or_default();
        let last = losses.last().map(|(step, _)| (*step, level(last_few)));
        Some(Glimpse {
            format: log?.format,
            whole,
            has_loss: has_loss || !losses.is_empty(),
            first_steps: steps.try_into().ok(),
            last_step,
            first,
            last,
            rounding: Rounding::of(losses.iter().map(|(_, loss)| *loss)),
            losses: losses.into_iter().collect(),
            by_epoch: by_epoch
                .into_iter()
                .map(|(epoch, (sum, count))| (epoch, sum / count))
                .collect(),
            counts_epochs,
        })
    }

    /// True when both say different things about the same steps, as no two logs of one run do.
    pub(super) fn contradicts(&self, other: &Glimpse) -> bool {
        /// What different clients say of a loss is this close, as a share of the smaller: they may
        /// round it, or smooth it.
        const APART: f64 = 0.2;
        let differ = |one: f64, other: f64| match one.is_finite() && other.is_finite() {
            true => (one - other).abs() > APART * one.abs().min(other.abs()),
            false => one.is_finite() || other.is_finite(),
        };
        // A step of one is an epoch, or a line of the log, of the other an update.
        let ratio = self
            .steps_per_epoch()
            .zip(other.steps_per_epoch())
            .map(|(one, other)| one / other);
        let count_alike = self.counts_epochs == other.counts_epochs
            && ratio.is_none_or(|ratio| (OTHER_STEPS.recip()..=OTHER_STEPS).contains(&ratio));
        if !count_alike && !self.by_epoch.is_empty() && !other.by_epoch.is_empty() {
            let both = self.by_epoch.iter();
            let both = both.filter_map(|(epoch, loss)| Some((*loss, *other.by_epoch.get(epoch)?)));
            return mostly(both.map(|(one, other)| differ(one, other)));
        }
        // The same client says the same of the same step.
        if self.format == other.format {
            let unequal = |(one, other): (f64, f64)| !within(one, other, EQUAL * one.abs());
            if mostly(self.shared(other, 0).map(unequal)) {
                return true;
            }
        }
        let between = self
            .losses
            .iter()
            .filter_map(|(step, loss)| Some((*loss, other.between(*step)?)));
        mostly(between.map(|(one, other)| differ(one, other)))
    }

    /// Steps of an epoch, as far as the train losses show.
    fn steps_per_epoch(&self) -> Option<f64> {
        let (last, _) = self.by_epoch.last_key_value()?;
        let (step, _) = self.last?;
        Some(step as f64 / (last + 1) as f64).filter(|steps| *steps > 0.0)
    }

    /// True when both say the same of the steps that they share, but for their digits. A log of a
    /// few losses says so with all of them.
    pub(super) fn agrees_with(&self, other: &Glimpse) -> bool {
        const FEWEST: usize = 2;
        let equal = || {
            let shared = self.shared(other, 0);
            shared.map(|(one, another)| self.equal(one, another, other))
        };
        let all = self.losses.len().min(other.losses.len());
        mostly(equal()) || all >= FEWEST && equal().filter(|equal| *equal).count() == all
    }

    /// True when losses of this log and of another one are the same, but for their digits.
    fn equal(&self, one: f64, another: f64, other: &Glimpse) -> bool {
        let rounded_by = self.rounding.at(one).max(other.rounding.at(another));
        within(one, another, rounded_by + EXACT * one.abs())
    }

    /// True when both tell the same from the beginning to the end, but for their digits.
    pub(super) fn tells_the_same_as(&self, other: &Glimpse) -> bool {
        /// The end of a log: the last so much of its steps. The log of another client may be so
        /// much behind.
        const END: f64 = 0.1;
        /// Losses that never change are alike in many runs.
        const FEWEST_LEVELS: usize = 5;
        let (Some((one_ends, _)), Some((other_ends, _))) = (self.last, other.last) else {
            return false;
        };
        let end = one_ends.min(other_ends) as f64;
        if one_ends.abs_diff(other_ends) as f64 > END * end {
            return false;
        }
        let the_same = |(one, another): (f64, f64)| self.equal(one, another, other);
        let mut levels: Vec<u64> = self.shared(other, 0).map(|(loss, _)| loss.to_bits()).collect();
        levels.sort_unstable();
        levels.dedup();
        let at_the_end = || self.shared(other, ((1.0 - END) * end) as u64);
        levels.len() >= FEWEST_LEVELS
            && at_the_end().next().is_some()
            && at_the_end().all(the_same)
            && mostly(self.shared(other, 0).map(the_same))
    }

    /// What both say of the same steps, from one on.
    fn shared<'a>(&'a self, other: &'a Glimpse, from: u64) -> impl Iterator<Item = (f64, f64)> + 'a {
        let losses = self.losses.range(from..);
        losses.filter_map(|(step, loss)| Some((*loss, *other.losses.get(step)?)))
    }

    /// The loss at a step, or between the steps around it.
    fn between(&self, step: u64) -> Option<f64> {
        let (before, low) = self.losses.range(..=step).next_back()?;
        let (after, high) = self.losses.range(step..).next()?;
        let share = (step - before) as f64 / (after - before).max(1) as f64;
        Some(low + share * (high - low))
    }
}

fn within(one: f64, other: f64, distance: f64) -> bool {
    (one - other).abs() <= distance || one.is_nan() && other.is_nan()
}

/// True for one document; JSON lines can be read in part.
fn begins_a_document(content: &[u8]) -> bool {
    let first = content.trim_ascii_start();
    let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.first().is_some_and(|first| b"{[".contains(first))
        && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err()
}

/// True for the end of a log that is no line of its own but part of a longer one: some trainers end
/// with all that they remember.
fn is_within_a_line(tail: &[u8]) -> bool {
    !tail.is_empty() && !tail.trim_ascii_end().contains(&b'\n')
}

/// How numbers are rounded.
#[derive(Clone, Copy, Debug, Default)]
struct Rounding {
    /// The digits behind the point, if they are few.
    decimals: Option<i32>,
    /// The digits from the first one that is not zero, if they are few.
    significant: Option<i32>,
}

impl Rounding {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Rounding {
        const MOST_DIGITS: i32 = 6;
        let are_multiples = |unit: &dyn Fn(f64) -> f64| {
            let mut scaled = values.clone().map(|value| value / unit(value));
            scaled.all(|scaled| {
                !scaled.is_finite() || (scaled - scaled.round()).abs() < 1e-6 * scaled.abs().max(1.0)
            })
        };
        let digits = || 1..=MOST_DIGITS;
        Rounding {
            decimals: digits().find(|digits| are_multiples(&|_| 10f64.powi(-digits))),
            significant: digits().find(|digits| are_multiples(&|value| last_digit(value, *digits))),
        }
    }

    /// By how much a value may differ from what was rounded; 0 where more digits are printed.
    fn at(self, value: f64) -> f64 {
        let of_decimals = self.decimals.map_or(0.0, |digits| 10f64.powi(-digits));
        let of_significant = self.significant.map_or(0.0, |digits| last_digit(value, digits));
        0.5 * of_decimals.max(of_significant)
    }
}

/// The unit of the last of so many digits of a value.
fn last_digit(value: f64, digits: i32) -> f64 {
    10f64.powf(value.abs().log10().floor() + 1.0 - f64::from(digits))
}

/// True when nine in ten of the steps that two logs share say so, and they are more than chance
/// brings together.
fn mostly(said: impl Iterator<Item = bool>) -> bool {
    const ENOUGH: usize = 5;
    let (mut all, mut yes) = (0, 0);
    for said in said {
        all += 1;
        yes += usize::from(said);
    }
    all >= ENOUGH && yes * 10 >= all * 9
}
