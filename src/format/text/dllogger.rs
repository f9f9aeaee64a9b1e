//! NVIDIA's `DLLogger`, in the file that it writes:
//! `DLLL {"timestamp": "1623711733.0", "step": [2, 79], "data": {"train.loss": 2.1}}`.
//!
//! The step is a list of epoch and iteration, or only the epoch for what is said of a whole
//! epoch; it is empty in the summary of the run.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Fields, Grammar, Match};
use crate::format::counters::OwnCounter;
use crate::format::number;
use crate::format::roles::whole;

/// The grammar.
#[derive(Debug, Default)]
pub struct DlLogger {
    counter: OwnCounter,
}

#[derive(Deserialize)]
struct Line<'a> {
    step: Value,
    #[serde(borrow)]
    data: HashMap<&'a str, Value>,
}

impl Grammar for DlLogger {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some((_, json)) = line.split_once("DLLL ") else {
            return Match::No;
        };
        // Rich puts the place in the code behind each line.
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<Line>();
        let Some(Ok(line)) = values.next() else {
            return Match::No;
        };
        let place: Vec<f64> = match &line.step {
            Value::Array(place) => place.iter().filter_map(number::of_json).collect(),
            other => number::of_json(other).into_iter().collect(),
        };
        fields.step = match (line.step.is_array(), &place[..]) {
            (true, [epoch, iteration, ..]) => {
                whole(*iteration).map(|step| self.counter.step_of_row(Some(*epoch), step))
            }
            // Of a whole epoch: at the step that it ended with.
            (true, _) => None,
            (false, [step]) => whole(*step),
            (false, _) => return Match::No,
        };
        let values = line.data.into_iter();
        fields
            .values
            .extend(values.filter_map(|(name, value)| Some((name, number::of_json(&value)?))));
        // In an order that is the same in every reading.
        fields.values.sort_unstable_by_key(|(name, _)| *name);
        if fields.values.is_empty() || (line.step.is_array() && place.is_empty()) {
            Match::No
        } else {
            Match::Record
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn iterations_of_epochs_and_what_is_said_of_an_epoch() {
        let content = "DLLL {\"timestamp\": \"1.0\", \"type\": \"LOG\", \"step\": \"PARAMETER\", \"data\": {\"lr\": 0.1}}\n\
            DLLL {\"timestamp\": \"2.0\", \"type\": \"LOG\", \"step\": [0, 0], \"data\": {\"train.loss\": 3.5, \"train.lr\": 0.1}}\n\
            DLLL {\"timestamp\": \"3.0\", \"type\": \"LOG\", \"step\": [0, 1], \"data\": {\"train.loss\": \"3.25\", \"train.lr\": 0.1}}\n\
            DLLL {\"timestamp\": \"4.0\", \"type\": \"LOG\", \"step\": [0], \"data\": {\"val.loss\": 3.0, \"val.top1\": 20.0}}\n\
            DLLL {\"timestamp\": \"5.0\", \"type\": \"LOG\", \"step\": [1, 0], \"data\": {\"train.loss\": 3.0, \"train.lr\": 0.1}}\n\
            DLLL {\"timestamp\": \"6.0\", \"type\": \"LOG\", \"step\": [], \"data\": {\"val.loss\": 2.0}}\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!((read.format, records.steps()), ("dllogger", &[0, 1, 1, 2][..]));
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(3.25));
        assert_eq!(records.value(2, Quantity::EvalLoss), Some(3.0));
        assert_eq!(records.value(3, Quantity::TrainLoss), Some(3.0));
    }
}
