//! Tables of results, which are no curves: their rows are those of several runs.

use std::collections::HashSet;

use super::cells::Cells;
use super::header::Header;
use super::sample::rows;
use crate::format::data_words::data;
use crate::format::results::{Rows, no_curve as no_curve_by};
use crate::format::{Sample, number};
use crate::metric::{Names, Quantity, Role, is_tested};

/// Why a table with losses is no log of a run.
pub(in crate::format) fn no_curve(sample: &Sample, names: &Names) -> Option<String> {
    let sample = &sample.beginning();
    let header = Header::find(sample, names)?;
    header.roles.has_loss().then(|| header.no_curve(sample))?
}

impl Header {
    /// Why these rows are those of several runs, where they are.
    pub(super) fn no_curve(&self, sample: &Sample) -> Option<String> {
        if let Some(column) = self.names_runs(sample) {
            return Some(no_curve_by(&column));
        }
        let columns = self.roles.columns();
        let columns: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let width = columns.len() + usize::from(self.indexed);
        let cells = |index: usize, most: usize| {
            let mut cells = Cells::new(self.delimiter);
            let mut column = Vec::new();
            for line in rows(sample).take(most) {
                // The same header may come again, and the last row may be in the making.
                let Some(row) = cells.split(line).filter(|row| row.len() == width) else {
                    continue;
                };
                let cell = row.get(index + usize::from(self.indexed))?;
                column.push(Some(cell.clone()).filter(|cell| !number::is_missing(cell))?);
            }
            Some(column)
        };
        let results = Rows {
            columns: &columns,
            cells,
            in_order: true,
        };
        if let Some(column) = results.told_apart(self.roles.names()) {
            return Some(no_curve_by(column));
        }
        let evaluated = "results on validation and on test data, without a step and a train loss: there is no curve in it";
        self.evaluates(sample).then(|| evaluated.to_owned())
    }

    /// The column in which each row names another run, as W&B's table of runs has it.
    fn names_runs(&self, sample: &Sample) -> Option<String> {
        const NAMES: [&str; 6] = ["name", "id", "run", "run_id", "run_name", "experiment"];
        let columns = self.roles.columns();
        let mut cells = Cells::new(self.delimiter);
        let is_word = |cell: &String| number::parse(cell).is_none() && !number::is_missing(cell);
        let (_, found) = columns.into_iter().enumerate().find(|(index, column)| {
            let mut seen = HashSet::new();
            NAMES.iter().any(|name| column.name.eq_ignore_ascii_case(name))
                && rows(sample).all(|line| {
                    let cell = cells.split(line).and_then(|cells| cells.get(*index));
                    cell.is_some_and(|cell| is_word(cell) && seen.insert(cell.clone()))
                })
                && seen.len() > 1
        })?;
        Some(found.name)
    }

    /// True for few rows with a loss on validation data and one on test data, which nothing counts and no train
    /// loss stands beside: a model for each fold was evaluated, and their mean and deviation may follow.
    fn evaluates(&self, sample: &Sample) -> bool {
        const MOST: usize = 12;
        let names = self.roles.names();
        let columns = self.roles.columns();
        let losses = columns.iter().filter(|column| {
            let fit = names.role_of(&column.name);
            fit.is_some_and(|fit| fit.role.is_loss())
        });
        let trains = columns
            .iter()
            .any(|column| column.role == Some(Role::of(Quantity::TrainLoss)));
        let (tested, others): (Vec<_>, Vec<_>) = losses.partition(|column| is_tested(&column.name));
        let counts = self.has_counter() || self.index_counts;
        let few = || (1..=MOST).contains(&rows(sample).take(MOST + 1).count());
        !counts && !trains && !tested.is_empty() && !others.is_empty() && few()
    }

    /// True when rows hold words.
    pub(super) fn has_prose(&self, sample: &Sample) -> bool {
        let mut cells = Cells::new(self.delimiter);
        let is_prose = |cell: &String| {
            !number::is_missing(cell)
                && number::parse(cell).is_none()
                && number::parse_clock(cell).is_none()
                && data(cell).is_none()
        };
        rows(sample).any(|line| {
            cells.split(line).is_some_and(|cells| {
                // The same header may come again.
                cells.iter().any(is_prose) && cells.iter().any(|cell| number::parse(cell).is_some())
            })
        })
    }
}
