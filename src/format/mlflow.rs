//! MLflow's metrics, whether from its file store or from its database: one value of
//! one key at a time.

use super::records::{Decoded, How};
use super::roles::{Draft, Roles, whole};
use super::{Column, number};
use crate::metric::{Names, Quantity, Role};

/// One logged value.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its key.
    pub key: String,
    /// Milliseconds since the Unix epoch, if known.
    pub timestamp: Option<i64>,
    /// Step; 0 when the user gave none.
    pub step: i64,
    /// Value, finite or not.
    pub value: f64,
}

impl Metric {
    /// When it was logged, as far as that is known.
    pub fn time(&self) -> (Option<i64>, i64) {
        (self.timestamp, self.step)
    }
}

/// A line of the file store: `timestamp value step`, without the step in old files.
pub fn parse_line(key: &str, line: &[u8]) -> Option<Metric> {
    let line = std::str::from_utf8(line).ok()?;
    let mut fields = line.split_ascii_whitespace();
    let timestamp = fields.next()?.parse().ok()?;
    let value = number::parse(fields.next()?)?;
    let step = fields.next().map_or(Some(0), |step| step.parse().ok())?;
    Some(Metric {
        key: key.to_owned(),
        timestamp: Some(timestamp),
        step,
        value,
    })
}

/// The file of the file store that tells of a run itself.
pub const META: &str = "meta.yaml";

/// The value of a field of that file.
pub fn field(meta: &str, name: &str) -> Option<String> {
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
    let value = meta.lines().find_map(value)?;
    Some(value.trim_matches(['\'', '"']).to_owned())
}

/// How a run has ended by its status, which is a number in the file store and a word in the
/// database. `None` while it is running or scheduled.
pub fn ending(status: &str) -> Option<How> {
    match status {
        "3" | "FINISHED" => Some(How::Finished),
        "4" | "FAILED" => Some(How::PROCESS_FAILED),
        "5" | "KILLED" => Some(How::Perhaps("it was told to stop")),
        _ => None,
    }
}

/// A value of the database, which has no room for what is not finite.
pub fn database_value(value: f64, is_nan: bool) -> f64 {
    if is_nan {
        f64::NAN
    } else if value.abs() >= f64::MAX {
        f64::INFINITY.copysign(value)
    } else {
        value
    }
}

/// Joins single values to records.
pub struct MetricDecoder {
    roles: Roles,
    draft: Draft,
}

impl MetricDecoder {
    /// A decoder for a run with these keys.
    pub fn new<'a>(names: &Names, keys: impl IntoIterator<Item = &'a str>) -> Self {
        MetricDecoder {
            roles: Roles::new(names, keys),
            draft: Draft::default(),
        }
    }

    /// Takes in the next values, in any order within what was logged at once.
    pub fn metrics(&mut self, mut metrics: Vec<Metric>, out: &mut Decoded) {
        // Values of one step lie apart, in files of their own or sorted by key.
        metrics.sort_by_key(Metric::time);
        for metric in &metrics {
            out.lines += 1;
            let Ok(step) = u64::try_from(metric.step) else {
                out.ignored += 1;
                continue;
            };
            let Some(role @ Role::Value { quantity, .. }) = self.roles.take_alone(&metric.key, out) else {
                out.ignored += 1;
                continue;
            };
            if self.draft.step != Some(step) || self.draft.has(quantity) {
                self.finish(out);
                self.draft.step = Some(step);
            }
            self.draft.set(role, metric.value, out);
            if let Some(timestamp) = metric.timestamp {
                self.draft.put(Quantity::WallTime, timestamp as f64 / 1000.0);
            }
        }
    }

    /// Hands over the last record. Until then more of it may come.
    pub fn finish(&mut self, out: &mut Decoded) {
        let draft = std::mem::take(&mut self.draft);
        if let Some(step) = draft.step
            && !draft.is_empty()
        {
            draft.push(step, out);
        }
    }

    /// The values will come again from the first.
    pub fn start_over(&mut self) {
        self.draft = Draft::default();
    }

    /// Takes in a parameter of the run.
    pub fn parameter(&self, key: &str, value: &str, out: &mut Decoded) {
        let role = self.roles.names().role_of(key).map(|fit| fit.role);
        if role == Some(Role::TotalSteps)
            && let Some(total) = number::parse(value).and_then(whole).filter(|total| *total > 0)
        {
            out.total_steps = Some(total);
        }
        out.settings.push((key.to_owned(), value.to_owned()));
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
    fn values_of_one_step_become_one_record() {
        let lines = [
            ("loss", "1700000000000 2.5 0"),
            ("loss", "1700000001000 nan 1"),
            ("eval_loss", "1700000001000 inf 1"),
            ("lr", "1700000000000 0.001 0"),
        ];
        let metrics = lines
            .iter()
            .map(|(key, line)| parse_line(key, line.as_bytes()).unwrap())
            .collect();
        let mut decoder = MetricDecoder::new(&Names::default(), []);
        let mut out = Decoded::default();
        decoder.metrics(metrics, &mut out);
        decoder.finish(&mut out);
        assert_eq!(out.records.steps(), [0, 1]);
        assert_eq!(out.records.value(0, Quantity::LearningRate), Some(0.001));
        assert!(out.records.value(1, Quantity::TrainLoss).is_some_and(f64::is_nan));
        assert_eq!(out.records.value(1, Quantity::EvalLoss), Some(f64::INFINITY));
        assert_eq!(database_value(-f64::MAX, false), f64::NEG_INFINITY);
    }
}
