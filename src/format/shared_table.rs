//! A table that several runs share: each is read as if the table were its own.
//!
//! Either each run has columns of its own, named `<run> - <metric>`, as W&B exports a panel, or
//! each has rows of its own, which a column such as `run`, `model` or `seed` tells apart.

use std::collections::BTreeMap;

use super::delimited::Cells;
use super::encoding::{without_mark, without_return};
use super::number;
use super::records::Decoded;
use super::roles::Roles;
use super::{Column, LineDecoder};
use crate::metric::{Names, Quantity, Role};

/// Between the run and the metric in the columns of a panel.
const RUN_AND_METRIC: &str = " - ";
/// Columns of a panel that are no metric: the range of what was averaged into a point.
const RANGE: [&str; 2] = ["__MIN", "__MAX"];
/// Columns that tell whose a row is.
const RUN_COLUMNS: [&str; 22] = [
    "run",
    "run_id",
    "run_name",
    "runid",
    "exp",
    "exp_name",
    "experiment",
    "experiment_name",
    "trial",
    "trial_id",
    "model",
    "model_name",
    "arch",
    "config",
    "config_name",
    "method",
    "algorithm",
    "optimizer",
    "seed",
    "fold",
    "client",
    "client_id",
];
/// Rows that a run of its own has at least; tables of results have one for each.
const LEAST_ROWS: usize = 3;
/// More are no runs that anyone would look at side by side.
pub(super) const MOST_RUNS: usize = 200;

/// True for the name of a value that tells whose a row is, where each run has one.
pub(super) fn is_of_runs(name: &str) -> bool {
    name.eq_ignore_ascii_case("name") || tells_whose(name)
}

fn tells_whose(name: &str) -> bool {
    RUN_COLUMNS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// How a table is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedTable {
    delimiter: u8,
    header: Vec<String>,
    by: By,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum By {
    /// The columns of each run, and their metrics; the first column is of them all.
    Columns(BTreeMap<String, Vec<(usize, String)>>),
    /// The columns that tell whose a row is.
    Rows(Vec<usize>),
}

impl SharedTable {
    /// The table that begins so, when its header says that it may be shared.
    pub fn beginning(head: &[u8], names: &Names) -> Option<SharedTable> {
        let line = row(head.split(|byte| *byte == b'\n').next()?);
        [b',', b'\t', b';'].into_iter().find_map(|delimiter| {
            let header = Cells::new(delimiter).split(line)?.to_vec();
            let by = by_columns(&header, names).or_else(|| by_rows(&header, names))?;
            Some(SharedTable {
                delimiter,
                header,
                by,
            })
        })
    }

    /// True when the header alone names the runs.
    pub fn is_panel(&self) -> bool {
        matches!(self.by, By::Columns(_))
    }

    /// The runs that share it, in the order in which they come: none where there is only one, or
    /// where rows of the same name do not make a run.
    pub fn runs(&self, content: &[u8], names: &Names) -> Vec<String> {
        let runs: Vec<String> = match &self.by {
            By::Columns(runs) => runs.keys().cloned().collect(),
            By::Rows(columns) => self.runs_of_rows(columns, content, names),
        };
        if (2..=MOST_RUNS).contains(&runs.len()) {
            runs
        } else {
            Vec::new()
        }
    }

    fn runs_of_rows(&self, columns: &[usize], content: &[u8], names: &Names) -> Vec<String> {
        struct Rows {
            first: usize,
            count: usize,
            falls: usize,
            last: f64,
        }
        let Some(counter) = self.header.iter().position(|name| is_counter(name, names)) else {
            return Vec::new();
        };
        let mut cells = Cells::new(self.delimiter);
        let mut runs: BTreeMap<String, Rows> = BTreeMap::new();
        for (index, line) in content.split(|byte| *byte == b'\n').enumerate().skip(1) {
            let Some(cells) = cells.split(row(line)) else {
                continue;
            };
            let step = cells.get(counter).and_then(|cell| number::parse(cell));
            let (Some(run), Some(step)) = (name_of(cells, columns), step) else {
                continue;
            };
            let rows = runs.entry(run).or_insert(Rows {
                first: index,
                count: 0,
                falls: 0,
                last: step,
            });
            rows.count += 1;
            rows.falls += usize::from(step < rows.last);
            rows.last = step;
            if runs.len() > MOST_RUNS {
                return Vec::new();
            }
        }
        // A run counts on; where its steps begin again and again, the column tells something else.
        let is_run = |rows: &Rows| rows.falls * 20 <= rows.count;
        let count: usize = runs.values().map(|rows| rows.count).sum();
        if count < LEAST_ROWS * runs.len() || !runs.values().all(is_run) {
            return Vec::new();
        }
        let mut runs: Vec<(usize, String)> = runs.into_iter().map(|(run, rows)| (rows.first, run)).collect();
        runs.sort_unstable();
        runs.into_iter().map(|(_, run)| run).collect()
    }

    /// The share of one run.
    pub fn share(&self, run: &str) -> Share {
        let columns = match &self.by {
            By::Columns(runs) => runs.get(run).cloned().unwrap_or_default(),
            By::Rows(_) => Vec::new(),
        };
        Share {
            table: self.clone(),
            run: run.to_owned(),
            columns,
            cells: Cells::new(self.delimiter),
        }
    }
}

/// A line as its cells are read from it.
fn row(line: &[u8]) -> &[u8] {
    without_mark(without_return(line))
}

fn is_counter(name: &str, names: &Names) -> bool {
    names.role_of(name).is_some_and(|fit| fit.role.tells_progress())
}

fn by_columns(header: &[String], names: &Names) -> Option<By> {
    let (counter, metrics) = header.split_first()?;
    let is_time = names
        .role_of(counter)
        .is_some_and(|fit| fit.role.same_slot(Role::of(Quantity::Elapsed)));
    if !is_counter(counter, names) && !is_time {
        return None;
    }
    let mut runs: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    for (index, name) in metrics.iter().enumerate() {
        let (run, metric) = name.rsplit_once(RUN_AND_METRIC)?;
        if RANGE.iter().any(|range| metric.ends_with(range)) {
            continue;
        }
        let metrics = runs.entry(run.trim().to_owned()).or_default();
        metrics.push((index + 1, metric.trim().to_owned()));
    }
    let known =
        |(_, metric): &(usize, String)| names.role_of(metric).is_some_and(|fit| fit.role != Role::Step);
    runs.values().flatten().any(known).then_some(By::Columns(runs))
}

fn by_rows(header: &[String], names: &Names) -> Option<By> {
    let has_loss = Roles::new(names, header.iter().map(String::as_str)).has_loss();
    let columns: Vec<usize> = (0..header.len())
        .filter(|index| header.get(*index).is_some_and(|name| tells_whose(name)))
        .collect();
    (has_loss && !columns.is_empty()).then_some(By::Rows(columns))
}

/// The run that a row is of.
fn name_of(cells: &[String], columns: &[usize]) -> Option<String> {
    let parts: Option<Vec<&str>> = columns
        .iter()
        .map(|column| cells.get(*column).map(String::as_str))
        .collect();
    let name = parts?.join(" ");
    (!name.trim().is_empty()).then_some(name)
}

/// What one run has of a table.
#[derive(Clone)]
pub struct Share {
    table: SharedTable,
    run: String,
    /// Its columns and their metrics, where it has some.
    columns: Vec<(usize, String)>,
    cells: Cells,
}

impl Share {
    /// A line of the table as it is in that of the run; `None` when it has nothing of it.
    fn line(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let line = row(line);
        let cells = self.cells.split(line)?;
        let is_header = cells == self.table.header.as_slice();
        match &self.table.by {
            By::Rows(columns) => {
                let own = is_header || name_of(cells, columns).as_deref() == Some(&self.run);
                own.then(|| line.to_vec())
            }
            By::Columns(_) => {
                let delimiter = char::from(self.table.delimiter);
                let mut shared = String::from(cells.first()?.as_str());
                let mut any = is_header;
                for (column, metric) in &self.columns {
                    shared.push(delimiter);
                    let cell = if is_header { metric } else { cells.get(*column)? };
                    any |= !number::is_missing(cell);
                    shared.push_str(cell);
                }
                any.then(|| shared.into_bytes())
            }
        }
    }

    /// What the run has of a piece of the table.
    pub fn of(&mut self, content: &[u8]) -> Vec<u8> {
        let mut share = Vec::new();
        for line in content.split(|byte| *byte == b'\n') {
            if let Some(line) = self.line(line) {
                share.extend_from_slice(&line);
                share.push(b'\n');
            }
        }
        share
    }

    /// Shows to `decoder` what the run has.
    pub fn decoder(self, decoder: Box<dyn LineDecoder>) -> Box<dyn LineDecoder> {
        Box::new(ShareDecoder { share: self, decoder })
    }
}

struct ShareDecoder {
    share: Share,
    decoder: Box<dyn LineDecoder>,
}

impl LineDecoder for ShareDecoder {
    fn start_over(&mut self) {
        self.decoder.start_over();
    }

    fn line(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
        match self.share.line(line) {
            Some(line) => self.decoder.line(number, &line, out),
            None => out.ignored += 1,
        }
    }

    fn columns(&self) -> Vec<Column> {
        self.decoder.columns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(table: &str) -> Vec<(String, String)> {
        let names = Names::default();
        let Some(shared) = SharedTable::beginning(table.as_bytes(), &names) else {
            return Vec::new();
        };
        let runs = shared.runs(table.as_bytes(), &names);
        let share = |run: String| {
            let share = String::from_utf8(shared.share(&run).of(table.as_bytes())).unwrap();
            (run, share)
        };
        runs.into_iter().map(share).collect()
    }

    #[test]
    fn a_panel_of_several_runs() {
        let table = "\"Step\",\"warm, long - train/loss\",\"warm, long - train/loss__MIN\",\"b - c - train/loss\"\n\
                     \"1\",\"2.5\",\"2.5\",\"\"\n\"2\",\"2.25\",\"2.25\",\"3.5\"\n";
        let expected = [
            ("b - c", "Step,train/loss\n2,3.5\n"),
            ("warm, long", "Step,train/loss\n1,2.5\n2,2.25\n"),
        ];
        assert_eq!(
            shares(table),
            expected.map(|(run, share)| (run.to_owned(), share.to_owned()))
        );
        // One run has the table to itself; and what no run has is no panel.
        assert!(shares("\"Step\",\"a - train/loss\",\"a - train/loss__MIN\"\n1,2.5,2.5\n").is_empty());
        assert!(shares("step,loss - train,lr\n1,2.5,0.1\n").is_empty());
    }

    #[test]
    fn rows_of_several_runs() {
        let row = |run: &str, epoch: usize| format!("{run},{epoch},{:.1}\n", 3.0 - epoch as f64 / 10.0);
        let rows = |run: &str| (1..=4).map(|epoch| row(run, epoch)).collect::<String>();
        let table = format!("model,epoch,loss\n{}{}", rows("vgg"), rows("resnet"));
        let of = |run: &str| (run.to_owned(), format!("model,epoch,loss\n{}", rows(run)));
        assert_eq!(shares(&table), [of("vgg"), of("resnet")]);
        // Clients that train in turns, round by round.
        let turns = |client: u32, round: u32| format!("{round},{client},{client}.5\n");
        let in_turns: String = (1..=3)
            .flat_map(|round| [7, 9].map(|client| turns(client, round)))
            .collect();
        let clients = shares(&format!("epoch,client_id,loss\n{in_turns}"));
        let of = |client| {
            let rows: String = (1..=3).map(|round| turns(client, round)).collect();
            (client.to_string(), format!("epoch,client_id,loss\n{rows}"))
        };
        assert_eq!(clients, [of(7), of(9)]);
        // Its first column may have no name.
        let indexed = |table: &str| {
            table
                .lines()
                .map(|line| format!("\t{}\n", line.replace(',', "\t")))
                .collect::<String>()
        };
        let runs: Vec<String> = shares(&indexed(&table)).into_iter().map(|(run, _)| run).collect();
        assert_eq!(runs, ["vgg", "resnet"]);
        // Of one run alone; results, a row for each; a column that names what every run has.
        assert!(shares(&format!("model,epoch,loss\n{}", rows("vgg"))).is_empty());
        let results = format!("model,epoch,loss\n{}{}", row("vgg", 4), row("resnet", 4));
        assert!(shares(&results).is_empty());
        let often: String = (0..3).map(|_| rows("vgg") + &rows("resnet")).collect();
        assert!(shares(&format!("model,epoch,loss\n{often}")).is_empty());
    }
}
