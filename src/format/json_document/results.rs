//! Results of several runs, which are no points of one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::DEPTH;
use super::series::SHORTEST_SERIES;
use super::text::parse;
use crate::format::number;
use crate::format::shared_table::is_of_runs;
use crate::metric::{Names, Quantity, Role};

/// The name under which each of these rows says of which run it is the result: several runs, and no
/// step that goes on from row to row.
pub(super) fn results<'a>(rows: &'a [Value], names: &Names) -> Option<&'a str> {
    const SETTINGS: [&str; 5] = ["config", "args", "hparams", "hyperparameters", "params"];
    let first = rows.first()?.as_object()?;
    let all = |name: &str| rows.iter().map(|row| row.get(name)).collect::<Option<Vec<_>>>();
    let told_apart = first.keys().find(|name| {
        let tells = SETTINGS.contains(&name.as_str()) || is_of_runs(name);
        let values = all(name).unwrap_or_default().into_iter();
        let values = values.map(|value| beside_the_rate(value, names));
        tells && 2 * values.collect::<BTreeSet<_>>().len() > rows.len()
    })?;
    let goes_on = first.keys().any(|name| {
        let counts = names.role_of(name).is_some_and(|fit| fit.role.tells_progress());
        let step = |value: &Value| match value.as_str() {
            // `epoch_7` says more than the `7` of a seed.
            Some(text) => number::of_name(text)
                .filter(|_| text.starts_with(|letter: char| letter.is_alphabetic()))
                .map(|number| number as f64),
            None => number::of_json(value).filter(|_| counts),
        };
        let steps = || all(name)?.into_iter().map(step).collect::<Option<Vec<_>>>();
        steps().is_some_and(|mut steps| {
            // Training and evaluation may have a row each.
            let goes_on = steps.is_sorted();
            steps.dedup();
            goes_on && 2 * steps.len() >= rows.len()
        })
    });
    (rows.len() >= SHORTEST_SERIES && !goes_on).then_some(told_apart)
}

/// What tells runs apart: of settings, all but the learning rate, which changes in the course of a run.
fn beside_the_rate(value: &Value, names: &Names) -> String {
    let rate = Role::of(Quantity::LearningRate);
    let is_rate = |name: &str| names.role_of(name).is_some_and(|fit| fit.role.same_slot(rate));
    let Some(settings) = value.as_object() else {
        return value.to_string();
    };
    let others = settings.iter().filter(|(name, _)| !is_rate(name));
    others.map(|(name, value)| format!("{name}={value} ")).collect()
}

/// Why a document with losses is no log of a run.
pub fn no_curve(content: &[u8], names: &Names) -> Option<String> {
    fn look<'a>(value: &'a Value, names: &Names, depth: usize) -> Option<&'a str> {
        match value {
            Value::Array(rows) => results(rows, names),
            Value::Object(fields) if depth > 0 => {
                fields.values().find_map(|value| look(value, names, depth - 1))
            }
            _ => None,
        }
    }
    let document = parse(content).ok()?;
    let told_apart = look(&document, names, DEPTH)?;
    Some(format!(
        "results of several runs, told apart by {told_apart}, without a step that goes on: there is no curve in it"
    ))
}
