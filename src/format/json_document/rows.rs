//! Rows: the values of one step, with their names.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::names::{qualified, split_of};
use super::series::{Points, SHORTEST_SERIES};
use super::{DEPTH, JsonDocumentDecoder};
use crate::format::counters::RowCounter;
use crate::format::json_lines::visit;
use crate::format::records::Decoded;
use crate::format::roles::Draft;
use crate::format::stand_in::are_nearly_all;
use crate::format::{long_form, number};
use crate::metric::{Names, Quantity, Role, canonical};

/// The rows of `{"1": {"loss": 2.5}, "2": {"loss": 2.4}}` with their numbers.
pub(super) fn rows_by_number(fields: &Map<String, Value>) -> Option<Vec<(Option<u64>, &Value)>> {
    let row = |(name, value): (&'_ String, _)| Some((Some(number::of_name(name)?), value));
    let mut rows: Vec<(Option<u64>, &Value)> = fields.iter().map(row).collect::<Option<_>>()?;
    rows.sort_by_key(|(number, _)| *number);
    (rows.len() >= SHORTEST_SERIES && rows.iter().all(|(_, value)| value.is_object())).then_some(rows)
}

/// The rows of `{"columns": ["epoch", "loss"], "data": [[1, 2.5], [2, 2.4]]}`, as pandas writes a table, and W&B.
pub(super) fn rows_of_table(fields: &Map<String, Value>) -> Option<Vec<Value>> {
    let list = |name: &str| fields.get(name)?.as_array();
    let names: Vec<&str> = list("columns")?
        .iter()
        .map(Value::as_str)
        .collect::<Option<_>>()?;
    let row = |row: &Value| {
        let cells = row.as_array().filter(|cells| cells.len() == names.len())?;
        let cells = names.iter().zip(cells);
        Some(
            cells
                .map(|(name, cell)| ((*name).to_owned(), cell.clone()))
                .collect(),
        )
    };
    list("data")?.iter().map(row).collect()
}

/// The name of the number of epochs that all rows repeat: so many are planned, or were made each time, and it is
/// no place in the run.
fn planned_epochs<'a>(rows: &[(Option<u64>, &'a Value)]) -> Option<&'a str> {
    let (_, first) = rows.first().filter(|_| rows.len() > 1)?;
    let mut fields = first.as_object()?.iter();
    let stays = |name: &str, value: &Value| rows.iter().all(|(_, row)| row.get(name) == Some(value));
    let found = fields.find(|(name, value)| canonical(name) == "epochs" && stays(name, value));
    found.map(|(name, _)| name.as_str())
}

/// The rounds of rows, where these go on from row to row and nothing else counts: a model that is trained in many
/// places is put together once a round.
fn rounds(rows: &[(Option<u64>, &Value)], planned: Option<&str>, names: &Names) -> Vec<u64> {
    const ROUNDS: [&str; 4] = ["round", "rounds", "communication_round", "server_round"];
    let fields = rows.first().and_then(|(_, row)| row.as_object());
    let names_of = || fields.into_iter().flat_map(Map::keys);
    let Some(round) = names_of().find(|name| ROUNDS.contains(&canonical(name).as_str())) else {
        return Vec::new();
    };
    let counts = |name: &String| {
        let fit = names.role_of(name);
        planned != Some(name) && fit.is_some_and(|fit| fit.role.counts())
    };
    let found: Option<Vec<u64>> = rows.iter().map(|(_, row)| row.get(round)?.as_u64()).collect();
    let found =
        found.filter(|found| !names_of().any(counts) && found.is_sorted_by(|before, after| before < after));
    found.unwrap_or_default()
}

impl JsonDocumentDecoder {
    /// `[{"key": "train_loss", "value": 2.5, "step": 10}]`: one value a row.
    pub(super) fn long_form(&mut self, rows: &[Value], points: &mut Points, out: &mut Decoded) -> bool {
        let row = |row: &Value| long_form::row_of(row.as_object()?, self.roles.names());
        if rows.first().and_then(row).is_none() {
            return false;
        }
        let found: Vec<long_form::Row> = rows.iter().filter_map(row).collect();
        if found.len() < SHORTEST_SERIES || !are_nearly_all(found.len(), rows.len()) {
            return false;
        }
        for row in found {
            let role = self.roles.take(&row.name, out);
            if let Some(role) = role.filter(|role| *role != Role::Step) {
                points.entry(row.step).or_default().set(role, row.value, out);
            }
        }
        true
    }

    /// Rows, in their order, with their numbers where they have some.
    pub(super) fn rows<'a>(
        &mut self,
        path: &[&str],
        rows: impl IntoIterator<Item = (Option<u64>, &'a Value)>,
        points: &mut Points,
        out: &mut Decoded,
    ) {
        let split = split_of(path);
        let mut counter = RowCounter::default();
        let rows: Vec<(Option<u64>, &Value)> = rows.into_iter().collect();
        let planned = planned_epochs(&rows);
        let mut rounds = rounds(&rows, planned, self.roles.names()).into_iter();
        for (number, row) in rows {
            let number = number.or_else(|| rounds.next());
            let Some(fields) = row.as_object() else {
                return; // An array of something else.
            };
            out.lines += 1;
            let mut draft = Draft::default();
            let roles = &mut self.roles;
            visit(fields, "", DEPTH, &mut |name, value| {
                if planned == Some(name) {
                    return;
                }
                let counts = || roles.names().role_of(name).is_some_and(|fit| fit.role.counts());
                let name = match split {
                    Some(_) if !counts() => Cow::Owned(qualified(path, name)),
                    _ => Cow::Borrowed(name),
                };
                if let (Some(role), Some(value)) = (roles.take(&name, out), number::of_json(value)) {
                    draft.set(role, value, out);
                }
            });
            if draft.is_empty() {
                out.ignored += 1;
                continue;
            }
            let step = draft.step.or_else(|| {
                let counts_rows = !self.roles.has(Role::Step);
                let count = || counter.step(draft.get(Quantity::Epoch), |epoch| epoch);
                counts_rows.then(|| number.unwrap_or_else(count))
            });
            match step {
                // The rows of the other split have the same steps.
                Some(step) if split.is_some() => points.entry(step).or_default().take_in(&draft),
                Some(step) => draft.push(step, out),
                None => out.ignored += 1,
            }
        }
    }
}
