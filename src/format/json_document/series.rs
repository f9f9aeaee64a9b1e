//! Series: the values of one name, with their steps.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::arrays::columns_beside;
use super::names::{is_loss, qualified};
use super::{BARE, JsonDocumentDecoder, is_scalar};
use crate::format::json_lines::singular;
use crate::format::records::Decoded;
use crate::format::roles::{Draft, whole};
use crate::format::{exported_scalar, number};
use crate::metric::Role;

/// An array shorter than this is a setting (`betas: [0.9, 0.95]`).
pub(super) const SHORTEST_SERIES: usize = 2;

/// The same of a series that does not come with its steps.
pub(in crate::format) const SHORTEST_UNCOUNTED: usize = 3;

/// The epochs from one evaluation to the next that scripts choose. Not all numbers that would fit: one more
/// epoch would make the same evaluations those of another interval, or of none.
const USUAL_INTERVALS: [usize; 6] = [2, 5, 10, 20, 50, 100];

pub(super) type Points = BTreeMap<u64, Draft>;

/// The first epoch with an evaluation, and how many there are from one to the next, where so many `epochs` had
/// so many `evaluations`: they begin with the fifth of every five, or with the first where only that explains
/// their number, or where epochs are told to count `from_zero`, so that `epoch % 5 == 0` holds of it.
fn every_so_many(epochs: usize, evaluations: usize, from_zero: bool) -> Option<(usize, usize)> {
    USUAL_INTERVALS.into_iter().find_map(|apart| {
        let begins_with_the_first = epochs.div_ceil(apart) == evaluations;
        let begins_with_the_last = epochs / apart == evaluations;
        let first = if begins_with_the_first && (from_zero || !begins_with_the_last) {
            0
        } else {
            apart - 1
        };
        (begins_with_the_first || begins_with_the_last).then_some((first, apart))
    })
}

/// When each point of a series of Sacred was recorded, if its steps do but count them: `log_scalar` does so
/// for each metric where it is given no step.
pub(super) fn recorded_at(series: &Value) -> Option<Vec<&str>> {
    let list = |name: &str| series.get(name)?.as_array();
    let steps = list("steps")?;
    let times: Vec<&str> = list("timestamps")?
        .iter()
        .map(Value::as_str)
        .collect::<Option<_>>()?;
    let mut counted = steps.iter().zip(0..);
    let counts = counted.all(|(step, count): (_, u64)| step.as_u64() == Some(count));
    (counts && times.len() == steps.len() && times.is_sorted()).then_some(times)
}

/// The values of `{"0": 2.5, "1": 2.4, "2": 2.3}`, a column as pandas writes it.
fn values_by_number(fields: &Map<String, Value>) -> Option<Vec<(u64, f64)>> {
    let value = |(name, value): (&'_ String, &'_ Value)| Some((name.parse().ok()?, value.as_f64()?));
    let mut values: Vec<(u64, f64)> = fields.iter().map(value).collect::<Option<_>>()?;
    values.sort_unstable_by_key(|(number, _)| *number);
    (values.len() >= SHORTEST_UNCOUNTED).then_some(values)
}

impl JsonDocumentDecoder {
    /// `[[1654943296.2, 0, 5.5], [1654943313.7, 10, 5.25]]`: one scalar of TensorBoard, which the name of the
    /// file tells. They stay in their order: behind a resume the steps begin again.
    pub(super) fn exported_scalar(&mut self, rows: &[Value], out: &mut Decoded) -> bool {
        let Some(found) = exported_scalar::points(rows) else {
            return false;
        };
        let role = self.roles.take(exported_scalar::VALUE, out);
        if let Some(role) = role.filter(|role| *role != Role::Step) {
            for (step, value) in found {
                out.lines += 1;
                let mut draft = Draft::default();
                draft.set(role, value, out);
                draft.push(step, out);
            }
        }
        true
    }

    /// `[2.5, 2.25, 2.0]`, where it was declared what that is.
    pub(super) fn bare_list(&mut self, values: &[Value], points: &mut Points, out: &mut Decoded) -> bool {
        let is_list = values.len() >= SHORTEST_UNCOUNTED && values.iter().all(is_scalar);
        if !is_list || !self.roles.names().declares(BARE) {
            return false;
        }
        let values = values.iter().map(number::of_json).enumerate();
        let found = values.filter_map(|(step, value)| Some((step as u64, value?)));
        self.take_series(&[], BARE, found.collect(), points, out)
    }

    /// An object of equally long arrays, one of them the step or the epoch, or without one
    /// when there is a loss: histories of Keras and of scripts of one's own. A shorter one of a loss that
    /// comes after every so many of the others is `val_losses` of every fifth epoch, see [`every_so_many`].
    pub(super) fn columns_of(
        &mut self,
        path: &[&str],
        fields: &Map<String, Value>,
        points: &mut Points,
        out: &mut Decoded,
    ) -> bool {
        let beside = columns_beside(path, fields, self.roles.names());
        let arrays: Vec<(&String, &Vec<Value>)> = fields
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_array()?)))
            .chain(beside.iter().map(|(name, values)| (name, values)))
            .filter(|(_, values)| values.len() >= SHORTEST_SERIES && values.iter().all(is_scalar))
            .collect();
        if self.columns_of_parts(path, &arrays, points, out) {
            return true;
        }
        let counter = arrays
            .iter()
            .filter_map(|(name, values)| {
                let fit = self.roles.names().role_of(name)?;
                fit.role
                    .counts()
                    .then_some((fit.role != Role::Step, fit.rank, *values))
            })
            .min_by_key(|(by_epoch, rank, _)| (*by_epoch, *rank));
        let steps: Vec<Option<u64>> = match counter {
            Some((_, _, steps)) => steps
                .iter()
                .map(|step| number::of_json(step).and_then(whole))
                .collect(),
            None => {
                let losses = arrays.iter().filter(|(name, values)| {
                    is_loss(self.roles.names(), &qualified(path, name))
                        && values.iter().any(|value| number::of_json(value).is_some())
                });
                let length = losses.map(|(_, values)| values.len()).max().unwrap_or(0);
                if length < SHORTEST_UNCOUNTED {
                    return false;
                }
                (0..length as u64).map(Some).collect()
            }
        };
        for (name, values) in arrays {
            let name = qualified(path, name);
            let may_be_rare = values.len() >= SHORTEST_UNCOUNTED && is_loss(self.roles.names(), &name);
            let place = match values.len() {
                length if length == steps.len() => Some((0, 1)),
                length if may_be_rare => {
                    let from_zero = counter.is_some() && steps.first() == Some(&Some(0));
                    every_so_many(steps.len(), length, from_zero)
                }
                _ => None,
            };
            let Some((first, apart)) = place else {
                continue; // It counts otherwise.
            };
            let counted = steps.iter().skip(first).step_by(apart).zip(values);
            let found = counted.filter_map(|(step, value)| Some(((*step)?, number::of_json(value)?)));
            self.take_series(path, &name, found.collect(), points, out);
        }
        true
    }

    /// `{"start_step": 1, "step_interval": 5, "values": {"1": 12.9, "5": 12.1}}`, and Sacred's
    /// `{"steps": [10, 20], "values": [2.5, 2.4]}`. A series of Sacred that only counts its own points goes by the
    /// `clock`, which says when each step was.
    pub(super) fn series(
        &mut self,
        path: &[&str],
        name: &str,
        value: &Value,
        clock: &[&str],
        points: &mut Points,
        out: &mut Decoded,
    ) -> bool {
        let Some(series) = value.as_object() else {
            return false;
        };
        if let Some(found) = values_by_number(series) {
            return self.take_series(path, &qualified(path, name), found, points, out);
        }
        let Some(values) = series.get("values").or_else(|| series.get("data")) else {
            return false;
        };
        let get = |name: &str| series.get(name).and_then(Value::as_u64);
        let found: Vec<(u64, f64)> = match values {
            // The string "nan" stands for no value here, a bare NaN is one.
            Value::Object(values) => values
                .iter()
                .filter_map(|(step, value)| Some((step.parse().ok()?, value.as_f64()?)))
                .collect(),
            Value::Array(values) => {
                if let Some(steps) = series.get("steps").and_then(Value::as_array) {
                    let times = recorded_at(value).filter(|times| times.len() < clock.len());
                    let at = |index: usize, step: &Value| match times.as_ref() {
                        Some(times) => {
                            let time = times.get(index)?;
                            let later = clock.partition_point(|known| known <= time);
                            Some(later.saturating_sub(1) as u64)
                        }
                        None => step.as_u64(),
                    };
                    let counted = steps.iter().zip(values).enumerate();
                    let found = counted.filter_map(|(index, (step, value))| {
                        Some((at(index, step)?, number::of_json(value)?))
                    });
                    return self.take_series(path, name, found.collect(), points, out);
                }
                let (start, interval) = (get("start_step").unwrap_or(0), get("step_interval").unwrap_or(1));
                let values = values.iter().enumerate();
                let found: Vec<(u64, f64)> = values
                    .filter_map(|(index, value)| Some((start + index as u64 * interval, value.as_f64()?)))
                    .collect();
                if found.len() < SHORTEST_SERIES {
                    return false;
                }
                found
            }
            _ => return false,
        };
        self.take_series(path, name, found, points, out)
    }

    /// `{"train_loss": [[0, 11.9], [1, 11.8]]}`: steps and values. Ludwig's are `triples` with the epoch before
    /// them, in a table for each kind of data: `"train_metrics": {"combined": {"loss": [[1, 3636, 1.02]]}}`.
    pub(super) fn pairs(
        &mut self,
        path: &[&str],
        name: &str,
        value: &Value,
        triples: bool,
        points: &mut Points,
        out: &mut Decoded,
    ) -> bool {
        let name = qualified(path, name);
        let pair = |pair: &Value| match pair.as_array()?.as_slice() {
            [step, value] => Some((whole(step.as_f64()?)?, number::of_json(value)?)),
            [epoch, step, value] if triples && is_loss(self.roles.names(), &name) => {
                let (epoch, step) = (whole(epoch.as_f64()?)?, whole(step.as_f64()?)?);
                (epoch <= step).then_some((step, number::of_json(value)?))
            }
            _ => None,
        };
        let pairs = value.as_array().map_or(&[][..], Vec::as_slice);
        let with_epochs = pairs
            .first()
            .and_then(Value::as_array)
            .is_some_and(|first| first.len() > 2);
        let shortest = if with_epochs { 1 } else { SHORTEST_UNCOUNTED };
        let Some(found) = pairs
            .iter()
            .map(pair)
            .collect::<Option<Vec<_>>>()
            .filter(|found| found.len() >= shortest && found.is_sorted_by_key(|(step, _)| *step))
        else {
            return false;
        };
        self.take_series(path, &name, found, points, out)
    }

    /// Takes the steps and values of what has a name within the tables around it. Where the same name was
    /// told of the same steps already, these are of something else, and all the tables around it are part
    /// of its name.
    pub(super) fn take_series(
        &mut self,
        path: &[&str],
        name: &str,
        found: Vec<(u64, f64)>,
        points: &mut Points,
        out: &mut Decoded,
    ) -> bool {
        if found.is_empty() {
            return false;
        }
        let mut name = singular(name);
        if let Some(Role::Value { quantity, .. }) = self.roles.known(&name) {
            let is_told = |step| {
                points
                    .get(step)
                    .is_some_and(|draft| draft.get(quantity).is_some())
            };
            if found.iter().any(|(step, _)| is_told(step)) {
                name = Cow::Owned(format!("{}/{name}", path.join("/")));
            }
        }
        if let Some(role) = self.roles.take(&name, out).filter(|role| *role != Role::Step) {
            for (step, value) in found {
                points.entry(step).or_default().set(role, value, out);
            }
        }
        true
    }
}
