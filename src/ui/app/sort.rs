//! The order of the runs, and which are shown.

use std::sync::Arc;

use super::App;
use crate::snapshot::{RunView, Snapshot};

/// Columns by which runs can be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// Name.
    Name,
    /// Present loss.
    Loss,
    /// Projected final loss.
    Projected,
    /// Progress.
    Progress,
    /// Open alerts.
    Alerts,
}

pub(super) const SORTS: [SortBy; 5] = [
    SortBy::Name,
    SortBy::Projected,
    SortBy::Loss,
    SortBy::Progress,
    SortBy::Alerts,
];

impl SortBy {
    /// True where the largest comes first unless the order is reversed.
    pub const fn descends(self) -> bool {
        matches!(self, SortBy::Progress | SortBy::Alerts)
    }

    /// The word in the header.
    pub const fn name(self) -> &'static str {
        match self {
            SortBy::Name => "name",
            SortBy::Loss => "loss",
            SortBy::Projected => "projection",
            SortBy::Progress => "progress",
            SortBy::Alerts => "alerts",
        }
    }
}

fn nan_last(value: f64) -> f64 {
    if value.is_nan() { f64::INFINITY } else { value }
}

/// How many open alerts a run has of each severity, the gravest first, for sorting.
fn concern(run: &RunView) -> [usize; 3] {
    let mut counts = [0; 3];
    for alert in run.open_alerts() {
        counts[2 - alert.severity as usize] += 1;
    }
    counts
}

impl App {
    /// The runs that pass the filter, in order.
    pub fn shown<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a Arc<RunView>> {
        let mut runs: Vec<&Arc<RunView>> = snapshot
            .runs
            .iter()
            .filter(|run| self.filter.accepts(run))
            .collect();
        let loss = |run: &RunView| {
            self.loss(run)
                .map_or(f64::INFINITY, |loss| nan_last(loss.smoothed))
        };
        let projected = |run: &RunView| {
            let forecast = self.loss(run).and_then(|loss| loss.forecast.as_ref());
            forecast.map_or(f64::INFINITY, |forecast| nan_last(forecast.final_loss))
        };
        match self.sort {
            SortBy::Name => {}
            SortBy::Loss => runs.sort_by(|one, other| loss(one).total_cmp(&loss(other))),
            SortBy::Projected => runs.sort_by(|one, other| projected(one).total_cmp(&projected(other))),
            SortBy::Progress => {
                runs.sort_by(|one, other| {
                    other
                        .progress()
                        .unwrap_or(-1.0)
                        .total_cmp(&one.progress().unwrap_or(-1.0))
                });
            }
            SortBy::Alerts => runs.sort_by_key(|run| std::cmp::Reverse(concern(run))),
        }
        if self.reversed {
            runs.reverse();
        }
        runs
    }
}
