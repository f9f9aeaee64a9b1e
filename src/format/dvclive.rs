//! DVCLive's metrics: a table with a header for each, `step<TAB>loss` or
//! `timestamp<TAB>step<TAB>loss`, in `plots/metrics`, the name in its path.

use super::mlflow::Metric;
use super::number;

/// Reads the lines of one table.
#[derive(Debug, Default)]
pub struct Lines {
    /// Where the cells are, once the header was read.
    columns: Option<Columns>,
    /// Rows so far.
    rows: i64,
}

#[derive(Clone, Copy, Debug)]
struct Columns {
    timestamp: Option<usize>,
    step: Option<usize>,
    value: usize,
}

impl Columns {
    fn of(header: &str) -> Columns {
        let named = |name: &str| header.split('\t').position(|cell| cell.trim() == name);
        let (timestamp, step) = (named("timestamp"), named("step"));
        let cells = header.split('\t').count();
        let value = (0..cells).find(|cell| ![timestamp, step].contains(&Some(*cell)));
        Columns {
            timestamp,
            step,
            value: value.unwrap_or_default(),
        }
    }
}

impl Lines {
    /// The value in a line; `Some(None)` for the header, `None` where there should be one.
    pub fn parse(&mut self, key: &str, line: &[u8]) -> Option<Option<Metric>> {
        let line = std::str::from_utf8(line).ok()?.trim_end_matches('\r');
        let Some(columns) = self.columns else {
            self.columns = Some(Columns::of(line));
            return Some(None);
        };
        let cell = |index: usize| line.split('\t').nth(index).map(str::trim);
        let value = number::parse(cell(columns.value)?)?;
        let row = self.rows;
        self.rows += 1;
        let logged = match columns.step {
            Some(step) => cell(step)?.parse().ok()?,
            None => row,
        };
        Some(Some(Metric {
            key: key.to_owned(),
            timestamp: columns.timestamp.and_then(|index| cell(index)?.parse().ok()),
            // Whoever never calls `next_step` stays at 0.
            step: if logged == 0 { row } else { logged },
            value,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_where_step_and_value_are() {
        for (table, steps) in [
            ("step\tloss\n49\t2.31\n99\t2.29\n", [49, 99]),
            (
                "timestamp\tstep\tloss\n1700000000000\t0\t2.31\n1700000001000\t1\t2.29\n",
                [0, 1],
            ),
            ("step\tloss\n0\t2.31\n0\t2.29\n", [0, 1]),
        ] {
            let mut lines = Lines::default();
            let metrics: Vec<Metric> = table
                .lines()
                .filter_map(|line| lines.parse("train/loss", line.as_bytes()).unwrap())
                .collect();
            let read: Vec<(i64, f64)> = metrics.iter().map(|metric| (metric.step, metric.value)).collect();
            assert_eq!(read, [(steps[0], 2.31), (steps[1], 2.29)], "{table}");
        }
    }
}
