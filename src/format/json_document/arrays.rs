//! Arrays side by side, which belong together by their lengths and names.

use serde_json::{Map, Value};

use super::names::{is_loss, qualified, split_of};
use super::series::{Points, SHORTEST_UNCOUNTED};
use super::{JsonDocumentDecoder, is_scalar};
use crate::format::number;
use crate::format::records::Decoded;
use crate::format::roles::whole;
use crate::metric::{Names, canonical};

/// The columns of rows that stand beside as many losses: `{"loss": [2.5, 2.4, 2.3],
/// "stats": [{"step": 0, "lr": 0.1}, {"step": 1, "lr": 0.1}, {"step": 2, "lr": 0.1}]}`.
pub(super) fn columns_beside(
    path: &[&str],
    fields: &Map<String, Value>,
    names: &Names,
) -> Vec<(String, Vec<Value>)> {
    let rows = |values: &Vec<Value>| values.first().is_some_and(Value::is_object);
    let tables: Vec<&Vec<Value>> = fields
        .values()
        .filter_map(Value::as_array)
        .filter(|values| rows(values))
        .collect();
    if tables.is_empty() {
        return Vec::new();
    }
    let is_curve = |(name, value): (&String, &Value)| {
        let values = value.as_array().filter(|values| values.iter().all(is_scalar))?;
        let is_curve = values.len() >= SHORTEST_UNCOUNTED && is_loss(names, &qualified(path, name));
        is_curve.then_some(values.len())
    };
    let lengths: Vec<usize> = fields.iter().filter_map(is_curve).collect();
    let mut columns: Vec<(String, Vec<Value>)> = Vec::new();
    for rows in tables.into_iter().filter(|rows| lengths.contains(&rows.len())) {
        let Some(first) = rows.first().and_then(Value::as_object) else {
            continue;
        };
        for name in first.keys() {
            if fields.contains_key(name) || columns.iter().any(|(known, _)| known == name) {
                continue;
            }
            let cell = |row: &Value| row.get(name).cloned().unwrap_or_default();
            let values: Vec<Value> = rows.iter().map(cell).collect();
            // What begins again counts within an epoch, or stands still for the parts of a batch.
            let counts = names.role_of(name).is_some_and(|fit| fit.role.counts());
            let goes_on = |values: &[Value]| {
                let steps: Option<Vec<f64>> = values.iter().map(number::of_json).collect();
                steps.is_some_and(|steps| steps.is_sorted_by(|before, after| before < after))
            };
            if !counts || goes_on(&values) {
                columns.push((name.clone(), values));
            }
        }
    }
    columns
}

/// What a name says of the data, in its first or its last word, and the rest of it: `step` of `train` in
/// `step_train`.
fn parted(name: &str) -> Option<(String, String)> {
    let name = canonical(name);
    let is_data = |word: &str| split_of(&[word]).is_some();
    let behind = name.rsplit_once('_').filter(|(_, data)| is_data(data));
    let before = || {
        let (data, rest) = name.split_once('_')?;
        is_data(data).then_some((rest, data))
    };
    let (rest, data) = behind.or_else(before)?;
    Some((data.to_owned(), rest.to_owned()))
}

impl JsonDocumentDecoder {
    /// Arrays with a counter of their own for each part of the data: `step_train` beside `loss_train`, and
    /// `step_val` beside `loss_val`. What is of no part, such as the rates, goes by the only counter that is as
    /// long. True where some loss was one of them.
    pub(super) fn columns_of_parts(
        &mut self,
        path: &[&str],
        arrays: &[(&String, &Vec<Value>)],
        points: &mut Points,
        out: &mut Decoded,
    ) -> bool {
        let role = |name: &str| self.roles.names().role_of(name).map(|fit| fit.role);
        let counter = |(name, steps): &(&String, &'_ Vec<Value>)| {
            let (data, rest) = parted(name)?;
            role(&rest)
                .is_some_and(|role| role.counts())
                .then_some((data, steps.len()))
        };
        let counters: Vec<_> = arrays
            .iter()
            .filter_map(|array| Some((counter(array)?, array.1)))
            .collect();
        let several = counters
            .first()
            .is_some_and(|((first, _), _)| counters.iter().any(|((data, _), _)| data != first));
        if !several {
            return false;
        }
        let others: Vec<_> = arrays.iter().filter(|array| counter(array).is_none()).collect();
        let mut has_loss = false;
        for &(name, values) in others {
            let data = parted(name).map(|(data, _)| data);
            let mut fitting = counters.iter().filter(|((counted, length), _)| {
                *length == values.len() && data.as_ref().is_none_or(|data| data == counted)
            });
            let (Some((_, steps)), None) = (fitting.next(), fitting.next()) else {
                continue;
            };
            let point =
                |(step, value)| Some((number::of_json(step).and_then(whole)?, number::of_json(value)?));
            let found = steps.iter().zip(values).filter_map(point).collect();
            has_loss |= is_loss(self.roles.names(), name);
            self.take_series(path, name, found, points, out);
        }
        has_loss
    }
}
