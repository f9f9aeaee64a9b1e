//! The order of the runs, and which are shown.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use super::App;
use crate::alert::Severity;
use crate::snapshot::{RunView, Snapshot, State};
use crate::ui::natural::Natural;
use crate::ui::projection;

/// What runs can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// What needs somebody first, then the projected final loss.
    Attention,
    /// Projected final loss.
    Projected,
    /// Probability to end lowest.
    Chance,
    /// Present loss.
    Loss,
    /// Time to the end.
    Eta,
    /// Progress.
    Progress,
    /// Open alerts.
    Alerts,
    /// Name.
    Name,
}

pub(super) const SORTS: [SortBy; 8] = [
    SortBy::Attention,
    SortBy::Projected,
    SortBy::Chance,
    SortBy::Loss,
    SortBy::Eta,
    SortBy::Progress,
    SortBy::Alerts,
    SortBy::Name,
];

impl SortBy {
    /// True where the largest comes first unless the order is reversed.
    pub const fn descends(self) -> bool {
        matches!(self, SortBy::Progress | SortBy::Alerts | SortBy::Chance)
    }

    /// The word in the header.
    pub const fn name(self) -> &'static str {
        match self {
            SortBy::Attention => "attention",
            SortBy::Projected => "projection",
            SortBy::Chance => "P LOW",
            SortBy::Loss => "loss",
            SortBy::Eta => "ETA",
            SortBy::Progress => "progress",
            SortBy::Alerts => "alerts",
            SortBy::Name => "name",
        }
    }
}

/// The ends by which runs are ordered, held for a while: runs that are alike would change places with
/// every fit.
#[derive(Debug, Default)]
pub struct HeldEnds {
    ends: HashMap<String, f64>,
    /// When all were taken anew, seconds since the Unix epoch.
    at: f64,
}

impl HeldEnds {
    /// Seconds for which an end is held, unless it moves by more than its uncertainty.
    const HOLD: f64 = 10.0;

    /// Takes in ends: id, mean and half the width of the interval.
    fn update<'a>(&mut self, now: f64, ends: impl Iterator<Item = (&'a str, Option<f64>, f64)>) {
        let all = !(0.0..Self::HOLD).contains(&(now - self.at));
        let mut before = std::mem::take(&mut self.ends);
        for (id, end, half) in ends {
            let held = before.remove(id).filter(|_| !all);
            if let Some(end) = end {
                let end = held.filter(|held| (end - held).abs() <= half).unwrap_or(end);
                self.ends.insert(id.to_owned(), end);
            }
        }
        if all {
            self.at = now;
        }
    }
}

/// How many open alerts a run has of each severity, the gravest counting most, for sorting.
fn concern(run: &RunView) -> f64 {
    const FEWER_THAN: f64 = 1e4;
    let weight = |severity: Severity| FEWER_THAN.powi(severity as i32);
    run.open_alerts().map(|alert| weight(alert.severity)).sum()
}

impl App {
    /// Holds the order of runs that are alike, and lets go of what has moved.
    pub fn hold_order(&mut self, snapshot: &Snapshot) {
        let mut held = std::mem::take(&mut self.held_ends);
        let ends = snapshot.runs.iter().filter_map(|run| {
            let loss = self.loss(run)?;
            let half = projection::half_width(self, loss);
            Some((run.id.as_str(), run.end_of(loss), half))
        });
        held.update(snapshot.taken_at, ends);
        self.held_ends = held;
    }

    /// How much a run needs somebody: 0 most.
    fn need(&self, run: &RunView, snapshot: &Snapshot) -> u8 {
        // Nothing can be done any more for a run that has finished.
        if run.state == State::Finished {
            return 3;
        }
        let unseen = run
            .open_alerts()
            .filter(|alert| !self.is_acknowledged(run, alert));
        match unseen.map(|alert| alert.severity).max() {
            Some(Severity::Critical) => 0,
            Some(Severity::Warning) => 1,
            _ if snapshot.advice(&run.id).is_some() => 2,
            _ => 3,
        }
    }

    /// What a run is sorted by, the smallest first; `None` where that is not known.
    fn sorted_by(&self, run: &RunView, snapshot: &Snapshot) -> Option<f64> {
        let held = || self.held_ends.ends.get(&run.id).copied();
        let value = match self.sort {
            SortBy::Attention | SortBy::Projected => held().or_else(|| run.end_of(self.loss(run)?)),
            SortBy::Chance => {
                let quantity = self.loss(run)?.quantity;
                let contest = snapshot.contest_for(&run.id, quantity);
                contest.map(|contest| -contest.chance)
            }
            SortBy::Loss => self.loss(run).map(|loss| loss.smoothed),
            SortBy::Eta => run.eta_seconds,
            SortBy::Progress => run.progress().map(|progress| -progress),
            SortBy::Alerts => Some(-concern(run)),
            SortBy::Name => None,
        };
        value.filter(|value| !value.is_nan())
    }

    /// The runs that pass the filter, in order.
    pub fn shown<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a Arc<RunView>> {
        let passing = snapshot.runs.iter().filter(|run| self.filter.accepts(run));
        let mut runs: Vec<(u8, Option<f64>, Natural, &Arc<RunView>)> = passing
            .map(|run| {
                let need = if self.sort == SortBy::Attention {
                    self.need(run, snapshot)
                } else {
                    0
                };
                (need, self.sorted_by(run, snapshot), Natural::of(&run.id), run)
            })
            .collect();
        let turned = |order: Ordering| if self.reversed { order.reverse() } else { order };
        runs.sort_by(|one, other| {
            let by_value = match (one.1, other.1) {
                (Some(one), Some(other)) => turned(one.total_cmp(&other)),
                // What is not known comes last in any order.
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            };
            let by_name = one.2.cmp(&other.2);
            let by_name = if self.sort == SortBy::Name {
                turned(by_name)
            } else {
                by_name
            };
            turned(one.0.cmp(&other.0)).then(by_value).then(by_name)
        });
        runs.into_iter().map(|(.., run)| run).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(held: &HeldEnds) -> Vec<&str> {
        let mut runs: Vec<(&str, f64)> = held.ends.iter().map(|(id, end)| (id.as_str(), *end)).collect();
        runs.sort_by(|one, other| one.1.total_cmp(&other.1));
        runs.into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn runs_that_are_alike_do_not_change_places_with_every_fit() {
        let mut held = HeldEnds::default();
        let mut seen = |now: f64, a: f64, b: f64| {
            let ends = [("a", Some(a), 0.02), ("b", Some(b), 0.02)];
            held.update(1e9 + now, ends.into_iter());
            order(&held).join("")
        };
        assert_eq!(seen(0.0, 3.000, 3.005), "ab");
        assert_eq!(seen(1.0, 3.006, 3.004), "ab");
        // What differs by more than is uncertain is news.
        assert_eq!(seen(2.0, 3.006, 2.9), "ba");
        assert_eq!(seen(3.0, 3.006, 3.007), "ab");
        assert_eq!(seen(4.0, 3.010, 3.001), "ab");
        // And so is what has been so for a while.
        assert_eq!(seen(14.0, 3.010, 3.001), "ba");
    }
}
