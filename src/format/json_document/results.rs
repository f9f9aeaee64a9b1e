//! Results of several runs, which are no points of one.

use serde_json::Value;

use super::DEPTH;
use super::text::parse;
use crate::format::results::{Rows, no_curve as no_curve_by};
use crate::metric::{Names, Quantity, Role};

/// The name under which each of these rows says of which run it is the result: several runs, and no
/// step that goes on from row to row.
pub(super) fn results<'a>(rows: &'a [Value], names: &Names) -> Option<&'a str> {
    let columns: Vec<&str> = rows.first()?.as_object()?.keys().map(String::as_str).collect();
    let cells = |index: usize, most: usize| {
        let name = columns.get(index)?;
        let cell = |row: &Value| Some(text(row.get(name)?, names));
        rows.iter().take(most).map(cell).collect()
    };
    let rows = Rows {
        columns: &columns,
        cells,
        in_order: false,
    };
    rows.told_apart(names)
}

/// What tells runs apart: of settings, all but the learning rate, which changes in the course of a run.
fn text(value: &Value, names: &Names) -> String {
    let rate = Role::of(Quantity::LearningRate);
    let is_rate = |name: &str| names.role_of(name).is_some_and(|fit| fit.role.same_slot(rate));
    match value {
        Value::String(text) => text.clone(),
        Value::Object(settings) => {
            let others = settings.iter().filter(|(name, _)| !is_rate(name));
            others.map(|(name, value)| format!("{name}={value} ")).collect()
        }
        value => value.to_string(),
    }
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
    look(&document, names, DEPTH).map(no_curve_by)
}
