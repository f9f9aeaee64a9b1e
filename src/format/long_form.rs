//! Tables in long form, one value a row: `{"name": "train/loss", "value": 2.5, "step": 10}`
//! or `step,tag,value` and rows below it. Exports of databases of metrics, and loggers that
//! write whatever they are given. Where the data is told beside the name, the two are one name:
//! `metric,variant` of ClearML, `phase,metric`, or Aim's `metric,context`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::data_words::{is_split, table_of};
use super::delimited::Cells;
use super::number;
use super::records::Decoded;
use super::roles::{Draft, Roles, whole};
use super::{Claim, Column, Decoder, DocumentDecoder, Format, LineDecoder, Sample};
use crate::metric::{Names, Quantity, Role};

/// The format.
pub struct LongForm;

/// Columns that say what a value is, and that hold it.
const NAME_COLUMNS: [&str; 6] = ["name", "metric", "tag", "key", "metric_name", "variable"];
const VALUE_COLUMNS: [&str; 3] = ["value", "metric_value", "val"];
/// Columns that say which data a value is about, or which of several of one name it is, beside those that
/// tables of other kinds have.
const VARIANT_COLUMNS: [&str; 5] = ["variant", "series", "context", "dataset", "data"];
/// What counts the rows, the best first.
const COUNTERS: [Role; 2] = [Role::Step, Role::of(Quantity::Epoch)];
/// Rows by which it is recognised.
const ENOUGH: usize = 2;

impl Format for LongForm {
    fn name(&self) -> &'static str {
        "long-form"
    }

    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim> {
        let mut rows = Rows::of(sample, names)?;
        let mut roles = Roles::new(names, []);
        let losses = sample
            .beginning()
            .lines()
            .filter_map(|line| rows.row(line))
            .filter(|row| roles.role(&row.name).0.is_some_and(Role::is_loss))
            .count();
        (losses >= ENOUGH).then_some(Claim {
            records: losses,
            ..Claim::default()
        })
    }

    fn decoder(&self, sample: &Sample, names: &Names) -> Decoder {
        let decoder = LongFormDecoder {
            rows: Rows::of(sample, names).unwrap_or_else(|| Rows::Json(names.clone())),
            roles: Roles::new(names, []),
        };
        if metric_by_metric(sample, names) {
            Decoder::Document(Box::new(decoder))
        } else {
            Decoder::Lines(Box::new(decoder))
        }
    }
}

/// True when one metric's rows stand behind another's, all of them: then the steps begin again,
/// though the run does not.
fn metric_by_metric(sample: &Sample, names: &Names) -> bool {
    let Some(mut rows) = Rows::of(sample, names) else {
        return false;
    };
    let mut last = 0;
    let mut falls = false;
    let mut of_head = BTreeSet::new();
    for row in sample
        .head
        .split(|byte| *byte == b'\n')
        .filter_map(|line| rows.row(line))
    {
        falls |= row.step < last;
        last = row.step;
        of_head.insert(row.name);
    }
    let mut of_tail = sample
        .tail
        .split(|byte| *byte == b'\n')
        .skip(1)
        .filter_map(|line| rows.row(line));
    falls || of_tail.any(|row| !of_head.contains(&row.name) && row.step < last)
}

/// True for the name of a column that says more of what a value is.
fn is_variant(name: &str) -> bool {
    is_split(name) || VARIANT_COLUMNS.contains(&name)
}

/// The whole name of what is called so and is of this variant: `loss` of `train` is `train/loss`, and so is
/// `train` of `loss`.
fn full_name(name: &str, variant: Option<&str>) -> String {
    let Some(variant) = variant else {
        return name.to_owned();
    };
    match (table_of(name), table_of(variant)) {
        (None, Some(table)) => format!("{table}/{name}"),
        (Some(table), None) => format!("{table}/{variant}"),
        _ => name.to_owned(),
    }
}

/// One value.
pub(super) struct Row {
    pub name: String,
    pub step: u64,
    pub value: f64,
    time: Option<f64>,
}

/// How the rows are written.
enum Rows {
    Json(Names),
    Cells {
        cells: Cells,
        columns: usize,
        name: usize,
        value: usize,
        variant: Option<usize>,
        step: usize,
        time: Option<usize>,
    },
}

impl Rows {
    fn of(sample: &Sample, names: &Names) -> Option<Rows> {
        let mut lines = sample.head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let first = lines.find(|line| !line.is_empty())?;
        if first.starts_with(b"{") {
            return Some(Rows::Json(names.clone()));
        }
        [b',', b'\t', b';'].into_iter().find_map(|delimiter| {
            let mut cells = Cells::new(delimiter);
            let header: Vec<String> = cells
                .split(first)?
                .iter()
                .map(|cell| cell.to_lowercase())
                .collect();
            let find = |known: &[&str]| header.iter().position(|cell| known.contains(&cell.as_str()));
            let with_role = |wanted: Role| {
                header
                    .iter()
                    .position(|cell| names.role_of(cell).map(|fit| fit.role) == Some(wanted))
            };
            Some(Rows::Cells {
                columns: header.len(),
                name: find(&NAME_COLUMNS)?,
                value: find(&VALUE_COLUMNS)?,
                variant: header.iter().position(|cell| is_variant(cell)),
                step: COUNTERS.into_iter().find_map(with_role)?,
                time: with_role(Role::of(Quantity::WallTime)),
                cells,
            })
        })
    }

    fn row(&mut self, line: &[u8]) -> Option<Row> {
        match self {
            Rows::Json(names) => json_row(line, names),
            Rows::Cells {
                cells,
                columns,
                name,
                value,
                variant,
                step,
                time,
            } => {
                let cells = cells.split(line.trim_ascii())?;
                let number = |column: usize| number::parse(cells.get(column)?);
                let variant = variant.and_then(|variant| cells.get(variant));
                let name = cells.get(*name).filter(|_| cells.len() == *columns)?;
                Some(Row {
                    name: full_name(name, variant.map(String::as_str)),
                    step: number(*step).and_then(whole)?,
                    value: number(*value)?,
                    time: time.and_then(|time| number::parse_timestamp(cells.get(time)?).or(number(time))),
                })
            }
        }
    }
}

fn json_row(line: &[u8], names: &Names) -> Option<Row> {
    row_of(serde_json::from_slice::<Value>(line).ok()?.as_object()?, names)
}

/// The value that an object tells of.
pub(super) fn row_of(fields: &Map<String, Value>, names: &Names) -> Option<Row> {
    let find = |known: &[&str]| known.iter().find_map(|name| fields.get(*name));
    let with_role = |wanted: Role| {
        fields
            .iter()
            .filter(|(name, _)| names.role_of(name).map(|fit| fit.role) == Some(wanted))
            .find_map(|(_, value)| value.as_f64())
    };
    let variant = || {
        let (_, variant) = fields.iter().find(|(name, _)| is_variant(name))?;
        match variant {
            // Aim's: `"context": {"subset": "train"}`.
            Value::Object(inner) => inner.values().find_map(Value::as_str),
            variant => variant.as_str(),
        }
    };
    Some(Row {
        name: full_name(find(&NAME_COLUMNS)?.as_str()?, variant()),
        value: find(&VALUE_COLUMNS)?.as_f64()?,
        step: COUNTERS.into_iter().find_map(with_role).and_then(whole)?,
        time: with_role(Role::of(Quantity::WallTime)),
    })
}

struct LongFormDecoder {
    rows: Rows,
    roles: Roles,
}

impl LongFormDecoder {
    /// Sets what a row says; the step when it says something of use.
    fn take(
        &mut self,
        line: &[u8],
        draft: impl FnOnce(u64) -> Draft,
        out: &mut Decoded,
    ) -> Option<(u64, Draft)> {
        let row = self.rows.row(line)?;
        let role = self
            .roles
            .take(&row.name, out)
            .filter(|role| *role != Role::Step)?;
        let mut draft = draft(row.step);
        draft.set(role, row.value, out);
        if let Some(time) = row.time {
            draft.put(Quantity::WallTime, time);
        }
        Some((row.step, draft))
    }
}

impl LineDecoder for LongFormDecoder {
    // Every row says all of itself.
    fn start_over(&mut self) {}

    fn line(&mut self, _number: u64, line: &[u8], out: &mut Decoded) {
        match self.take(line, |_| Draft::default(), out) {
            Some((step, draft)) => draft.push(step, out),
            None => out.ignored += 1,
        }
    }

    fn columns(&self) -> Vec<Column> {
        self.roles.columns()
    }
}

impl DocumentDecoder for LongFormDecoder {
    fn document(&mut self, content: &[u8], out: &mut Decoded) -> Result<(), String> {
        let mut drafts: BTreeMap<u64, Draft> = BTreeMap::new();
        for line in content.split(|byte| *byte == b'\n') {
            out.lines += 1;
            let known = |step| drafts.remove(&step).unwrap_or_default();
            match self.take(line, known, out) {
                Some((step, draft)) => {
                    drafts.insert(step, draft);
                }
                None => out.ignored += 1,
            }
        }
        for (step, draft) in drafts {
            draft.push(step, out);
        }
        Ok(())
    }

    fn columns(&self) -> Vec<Column> {
        self.roles.columns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Whole, read_all};

    fn read(content: &str) -> Whole {
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "long-form");
        read
    }

    fn points(whole: &Whole, quantity: Quantity) -> Vec<(u64, f64)> {
        whole.decoded.records.points(quantity).collect()
    }

    #[test]
    fn values_that_come_as_they_are_logged() {
        let json = "{\"name\": \"train/loss\", \"value\": 2.5, \"step\": 10, \"timestamp\": 1700000000}\n\
                    {\"name\": \"lr\", \"value\": 0.001, \"step\": 10}\n\
                    {\"name\": \"train/loss\", \"value\": 2.25, \"step\": 20}\n\
                    {\"name\": \"note\", \"value\": \"saved\", \"step\": 20}\n";
        let json = read(json);
        assert_eq!(points(&json, Quantity::TrainLoss), [(10, 2.5), (20, 2.25)]);
        assert_eq!(points(&json, Quantity::LearningRate), [(10, 0.001)]);
        let table = read("step,tag,value\n10,loss,2.5\n10,val_loss,2.75\n20,loss,2.25\n");
        assert_eq!(points(&table, Quantity::TrainLoss), [(10, 2.5), (20, 2.25)]);
        assert_eq!(points(&table, Quantity::EvalLoss), [(10, 2.75)]);
    }

    #[test]
    fn the_data_may_stand_beside_the_name() {
        for (line, order) in [
            ("metric,variant,iteration,value\n", "loss,DATA,STEP,VALUE\n"),
            ("metric,variant,iteration,value\n", "DATA,loss,STEP,VALUE\n"),
            (
                "timestamp,step,phase,metric,value\n",
                "1700000000,STEP,DATA,loss,VALUE\n",
            ),
            (
                "metric,context,step,value\n",
                "loss,\"{\"\"subset\"\": \"\"DATA\"\"}\",STEP,VALUE\n",
            ),
            ("epoch,split,metric,value\n", "STEP,DATA,loss,VALUE\n"),
            // Keras of R.
            ("epoch,value,metric,data\n", "STEP,VALUE,loss,DATA\n"),
            (
                "",
                "{\"metric\": \"loss\", \"split\": \"DATA\", \"step\": STEP, \"value\": VALUE}\n",
            ),
            (
                "",
                "{\"name\": \"loss\", \"context\": {\"subset\": \"DATA\"}, \"step\": STEP, \"value\": VALUE}\n",
            ),
        ] {
            let row = |(data, step, value): (&str, &str, &str)| {
                let row = order.replace("DATA", data).replace("STEP", step);
                row.replace("VALUE", value)
            };
            let rows = [
                ("train", "1", "2.5"),
                ("val", "1", "2.75"),
                ("train", "2", "2.25"),
            ]
            .map(row);
            let table = read(&(line.to_owned() + &rows.concat()));
            assert_eq!(
                points(&table, Quantity::TrainLoss),
                [(1, 2.5), (2, 2.25)],
                "{order}"
            );
            assert_eq!(points(&table, Quantity::EvalLoss), [(1, 2.75)], "{order}");
        }
    }

    #[test]
    fn one_metric_behind_the_other_is_one_run() {
        let table = read("metric,step,value\nloss,10,2.5\nloss,20,2.25\nlr,10,0.1\nlr,20,0.05\nacc,20,1\n");
        let records = &table.decoded.records;
        assert_eq!(records.steps(), [10, 20]);
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(2.25));
        assert_eq!(records.value(1, Quantity::LearningRate), Some(0.05));
    }
}
