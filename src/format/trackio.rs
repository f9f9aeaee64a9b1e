//! Trackio's metrics: one JSON object per log call, in a database.

use serde_json::Value;

use super::json_lines::{parse_line, visit};
use super::records::Decoded;
use super::roles::{Draft, Roles, whole};
use super::{Column, number};
use crate::metric::{Names, Quantity, Role};

/// Decodes the rows of one run.
pub struct RowDecoder {
    roles: Roles,
    last_step: Option<u64>,
}

/// Objects nested deeper than this are not looked into.
const DEPTH: usize = 6;

impl RowDecoder {
    /// A decoder for a run with these keys.
    pub fn new<'a>(names: &Names, keys: impl IntoIterator<Item = &'a str>) -> Self {
        RowDecoder {
            roles: Roles::new(names, keys),
            last_step: None,
        }
    }

    /// Takes in a row: Trackio's counter, its time stamp, and what was logged.
    pub fn row(
        &mut self,
        number: u64,
        counter: Option<i64>,
        timestamp: &str,
        json: &[u8],
        out: &mut Decoded,
    ) {
        out.lines += 1;
        let Some(Value::Object(fields)) = parse_line(json) else {
            return out.skip(number, "not a JSON object", json);
        };
        let mut draft = Draft::default();
        visit(&fields, "", DEPTH, &mut |name, value| {
            if let Some(value) = number::of_json(value)
                && let Some(role) = self.roles.take(name, out)
            {
                draft.set(role, value, out);
            }
        });
        if draft.is_empty() {
            return out.ignored += 1;
        }
        if draft.step.is_some() {
            self.last_step = draft.step;
        }
        // A row without the training step belongs to the last one that had it.
        let step = draft
            .step
            .or(self.last_step)
            .or_else(|| u64::try_from(counter?).ok());
        let Some(step) = step else {
            return out.ignored += 1;
        };
        if let Some(time) = number::parse_timestamp(timestamp) {
            draft.put(Quantity::WallTime, time);
        }
        draft.push(step, out);
    }

    /// Takes in the configuration of the run.
    pub fn config(&self, json: &[u8], out: &mut Decoded) {
        let Some(Value::Object(fields)) = parse_line(json) else {
            return;
        };
        visit(&fields, "", DEPTH, &mut |name, value| {
            let role = self.roles.names().role_of(name).map(|fit| fit.role);
            if role == Some(Role::TotalSteps)
                && let Some(total) = number::of_json(value).and_then(whole).filter(|total| *total > 0)
            {
                out.total_steps = Some(total);
            }
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            out.settings.push((name.to_owned(), text));
        });
    }

    /// The rows will come again from the first.
    pub fn start_over(&mut self) {
        self.last_step = None;
    }

    /// What each key seen so far was taken for.
    pub fn columns(&self) -> Vec<Column> {
        self.roles.columns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_carry_their_step_or_take_the_counter() {
        let mut decoder = RowDecoder::new(&Names::default(), []);
        let mut out = Decoded::default();
        let row = br#"{"train": {"loss": "NaN"}, "lr": 0.001}"#;
        decoder.row(1, Some(7), "2026-11-25T10:00:00+00:00", row, &mut out);
        decoder.row(2, Some(8), "", b"[]", &mut out);
        assert_eq!(out.records.steps(), [7]);
        assert!(out.records.value(0, Quantity::TrainLoss).is_some_and(f64::is_nan));
        assert_eq!(out.skipped, 1);
        decoder.config(br#"{"max_steps": 400, "optimizer": "adamw"}"#, &mut out);
        assert_eq!(out.total_steps, Some(400));
    }
}
