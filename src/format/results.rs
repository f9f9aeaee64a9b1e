//! Tables of results, with a row for each of several runs: no row comes after another, so there is no curve.

use std::cell::OnceCell;
use std::collections::HashSet;

use super::number;
use super::shared_table::is_of_runs;
use crate::metric::{Names, Quantity, Role, canonical};

/// How large a model is, which no training changes.
const SIZES: [&str; 15] = [
    "model_size",
    "num_params",
    "n_params",
    "num_parameters",
    "n_parameters",
    "param_count",
    "parameters",
    "num_layers",
    "n_layers",
    "num_heads",
    "n_heads",
    "hidden_size",
    "hidden_dim",
    "embedding_dim",
    "d_model",
];

/// What else is decided before a training begins, beside the names of runs.
const DECIDED: [&str; 7] = [
    "config",
    "args",
    "hparams",
    "hyperparameters",
    "params",
    "model_type",
    "activation",
];

/// What may be annealed in the course of a training too: where it is the first of the columns and never repeats,
/// each row is about one value of it.
const TRIED: [&str; 11] = [
    "lambda",
    "lam",
    "alpha",
    "beta",
    "gamma",
    "tau",
    "sigma",
    "temperature",
    "weight_decay",
    "dropout",
    "batch_size",
];

/// Rows of a table, as far as it takes to tell whose they are.
pub(super) struct Rows<'a, 'n, F> {
    /// What the columns are called.
    pub columns: &'a [&'n str],
    /// What stands in one column, row by row, of so many rows at most; `None` where some row has nothing there.
    pub cells: F,
    /// The columns stand in the order in which somebody has put them.
    pub in_order: bool,
}

impl<'n, F: Fn(usize, usize) -> Option<Vec<String>>> Rows<'_, 'n, F> {
    /// The column that tells which run each row is the result of, where they are results.
    pub fn told_apart(&self, names: &Names) -> Option<&'n str> {
        let rate = Role::of(Quantity::LearningRate);
        let goes_on = OnceCell::new();
        let goes_on = || *goes_on.get_or_init(|| self.goes_on(names));
        let mut columns = self.columns.iter().copied().enumerate();
        let (_, told_apart) = columns.find(|(index, name)| {
            let canonical = canonical(name);
            let is_one_of = |known: &[&str]| known.contains(&canonical.as_str());
            let all = || (self.cells)(*index, usize::MAX).filter(|cells| cells.len() > 1);
            let none_comes_twice = || all().is_some_and(|cells| different(&cells) == cells.len());
            let most_differ = || all().is_some_and(|cells| 2 * different(&cells) > cells.len());
            let is_rate = || names.role_of(name).is_some_and(|fit| fit.role.same_slot(rate));
            if is_one_of(&SIZES) {
                none_comes_twice()
            } else if is_one_of(&TRIED) {
                self.in_order && *index == 0 && none_comes_twice() && !goes_on()
            } else if is_one_of(&DECIDED) || is_of_runs(name) {
                most_differ() && !goes_on()
            } else {
                let rates = || (self.cells)(*index, LARGEST_GRID);
                is_rate() && rates().is_some_and(|rates| leaps(&rates)) && !goes_on()
            }
        })?;
        Some(told_apart)
    }

    /// True where a step, or what else tells progress, goes on from row to row.
    fn goes_on(&self, names: &Names) -> bool {
        let mut columns = self.columns.iter().copied().enumerate();
        columns.any(|(index, name)| {
            let counts = names.role_of(name).is_some_and(|fit| fit.role.tells_progress());
            let step = |cell: &String| {
                // `epoch_7` says more than the `7` of a seed.
                let named = || number::of_name(cell).map(|number| number as f64);
                if cell.starts_with(|letter: char| letter.is_alphabetic()) {
                    named()
                } else {
                    number::parse(cell).filter(|_| counts)
                }
            };
            let steps = || {
                (self.cells)(index, usize::MAX)?
                    .iter()
                    .map(step)
                    .collect::<Option<Vec<_>>>()
            };
            steps().is_some_and(|mut steps| {
                let rows = steps.len();
                // Training and evaluation may have a row each.
                let goes_on = steps.is_sorted();
                steps.dedup();
                goes_on && 2 * steps.len() >= rows
            })
        })
    }
}

/// Rates of a grid that are looked at.
const LARGEST_GRID: usize = 64;

fn different(cells: &[String]) -> usize {
    cells.iter().collect::<HashSet<_>>().len()
}

/// True for rates of a grid: each is twice the one before, or half of it, or further away, and they do not just fall
/// as a decay by steps does.
fn leaps(rates: &[String]) -> bool {
    const FEWEST: usize = 3;
    const LEAP: f64 = 1.99;
    let rates: Option<Vec<f64>> = rates.iter().map(|rate| number::parse(rate)).collect();
    let leaps = |pair: &[f64]| match pair {
        [one, other] => one.min(*other) > 0.0 && one.max(*other) >= LEAP * one.min(*other),
        _ => false,
    };
    rates.is_some_and(|rates| {
        let falls = rates.is_sorted_by(|before, after| before > after);
        rates.len() >= FEWEST && rates.windows(2).all(leaps) && !falls
    })
}

/// Why a table with losses is no log of a run.
pub(super) fn no_curve(told_apart: &str) -> String {
    format!(
        "results of several runs, told apart by {told_apart}, without a step that goes on: there is no curve in it"
    )
}
