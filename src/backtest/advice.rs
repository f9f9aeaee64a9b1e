//! How good the advice to stop is: runs that were started together, judged at each cut by their
//! forecasts, and what became of them.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::Case;
use crate::fit::Tabulated;
use crate::forecast::contest::{Entrant, Folders, rank, rivals};
use crate::metric::Quantity;

/// What came of the advice at one cut.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StopScore {
    /// Share of the runs that was seen; `None` for all cuts together.
    pub at: Option<f64>,
    /// Runs with at least one rival.
    pub runs: usize,
    /// Those that are stopped.
    pub stopped: usize,
    /// Those of the stopped that ended lowest, or as good as.
    pub wrongly: usize,
    /// How many of the stopped should be so by their chances.
    pub expected: f64,
    /// Share of all steps that the stops save.
    pub saved: f64,
}

/// Runs whose chances of ending lowest are alike.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ChanceScore {
    /// Lowest and highest chance.
    pub range: (f64, f64),
    /// Runs, at all cuts.
    pub n: usize,
    /// Mean of their chances.
    pub chance: f64,
    /// Share that ended lowest.
    pub came_true: f64,
}

/// What came of the advice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AdviceScore {
    /// By cut, and for all.
    pub stops: Vec<StopScore>,
    /// By chance.
    pub chances: Vec<ChanceScore>,
}

/// Bounds of the groups of chances.
const BOUNDS: [f64; 7] = [0.0, 0.02, 0.1, 0.3, 0.6, 0.9, 1.0];

/// A run at a cut.
struct Judged {
    at: f64,
    chance: f64,
    chance_as_good: f64,
    is_lowest: bool,
    is_as_good: bool,
}

/// Judges cases of runs that have come equally far: a run whose chance of ending within `tolerance` (a share
/// of the loss) of the lowest is below `stop_below` is stopped, wrongly if it does.
pub fn score(cases: &[Case], stop_below: f64, tolerance: f64) -> AdviceScore {
    // By the loss that stands for a run: that on held-out data where there is one.
    let with_eval: HashSet<&Path> = cases
        .iter()
        .filter(|case| case.quantity == Quantity::EvalLoss)
        .map(|case| case.path.as_path())
        .collect();
    let mut cuts: BTreeMap<u64, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        if case.quantity == Quantity::EvalLoss || !with_eval.contains(case.path.as_path()) {
            cuts.entry(case.at.to_bits()).or_default().push(case);
        }
    }
    let judged: Vec<Judged> = cuts.values().flat_map(|cases| judge(cases, tolerance)).collect();
    let mut ats: Vec<f64> = judged.iter().map(|run| run.at).collect();
    ats.sort_by(f64::total_cmp);
    ats.dedup();
    let stops = ats.into_iter().map(Some).chain([None]).map(|at| {
        let runs: Vec<&Judged> = judged
            .iter()
            .filter(|run| at.is_none_or(|at| run.at == at))
            .collect();
        let stopped = || runs.iter().filter(|run| run.chance_as_good < stop_below);
        // A sum of nothing is a negative zero.
        let sum = |of: fn(&Judged) -> f64| stopped().map(|run| of(run)).sum::<f64>() + 0.0;
        StopScore {
            at,
            runs: runs.len(),
            stopped: stopped().count(),
            wrongly: stopped().filter(|run| run.is_as_good).count(),
            expected: sum(|run| run.chance_as_good),
            saved: sum(|run| 1.0 - run.at) / runs.len().max(1) as f64,
        }
    });
    let chances = BOUNDS.windows(2).map(|bounds| {
        let range = (bounds[0], bounds[1]);
        let within: Vec<&Judged> = judged
            .iter()
            .filter(|run| run.chance >= range.0 && (run.chance < range.1 || range.1 >= 1.0))
            .collect();
        let n = within.len().max(1) as f64;
        ChanceScore {
            range,
            n: within.len(),
            chance: within.iter().map(|run| run.chance).sum::<f64>() / n,
            came_true: within.iter().filter(|run| run.is_lowest).count() as f64 / n,
        }
    });
    AdviceScore {
        stops: stops.collect(),
        chances: chances.filter(|group| group.n > 0).collect(),
    }
}

/// The runs of one cut that have rivals.
fn judge(cases: &[&Case], tolerance: f64) -> Vec<Judged> {
    let folders = Folders::of(cases.iter().map(|case| case.run.as_str()));
    let ends: Vec<Option<(f64, Tabulated)>> = cases
        .iter()
        .map(|case| {
            let forecast = case.forecast.as_ref().ok()?;
            Some((forecast.mean(), Tabulated::new(forecast)))
        })
        .collect();
    let entrants: Vec<Option<Entrant>> = cases
        .iter()
        .zip(&ends)
        .map(|(case, end)| entrant(case, end.as_ref()))
        .collect();
    let judged = cases.iter().enumerate().filter_map(|(place, case)| {
        let rank = rank(&entrants, place, &folders, tolerance)?;
        let actual = |(rival, _): (usize, &Entrant)| Some(cases.get(rival)?.actual);
        let lowest = rivals(&entrants, place, &folders)
            .filter_map(actual)
            .min_by(f64::total_cmp)?;
        Some(Judged {
            at: case.at,
            chance: rank.chance,
            chance_as_good: rank.chance_as_good,
            is_lowest: case.actual <= lowest,
            is_as_good: case.actual <= lowest + tolerance * lowest.abs(),
        })
    });
    judged.collect()
}

/// A case as a run that competes.
fn entrant<'a>(case: &'a Case, end: Option<&'a (f64, Tabulated)>) -> Option<Entrant<'a>> {
    let (final_loss, distribution) = end?;
    Some(Entrant {
        id: &case.run,
        cohort: None,
        quantity: case.quantity,
        first_loss: case.first,
        loss: case.baselines.last?,
        end: case.final_step,
        final_loss: *final_loss,
        distribution,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::Baselines;
    use crate::fit::Mixture;

    fn case(run: &str, at: f64, (mean, sd): (f64, f64), actual: f64) -> Case {
        Case {
            run: run.to_owned(),
            path: run.into(),
            quantity: Quantity::EvalLoss,
            at,
            cut_step: (1000.0 * at) as u64,
            final_step: 1000,
            first: 10.8,
            forecast: Ok(Mixture::normal(mean, sd)),
            actual,
            baselines: Baselines {
                last: Some(mean + 0.1),
                ..Baselines::default()
            },
        }
    }

    #[test]
    fn stops_are_counted_with_those_that_were_wrong() {
        let cases = [
            case("a", 0.5, (3.0, 0.01), 3.0),
            // Sure to lose, and does.
            case("b", 0.5, (3.2, 0.01), 3.2),
            // Sure to lose, and wins.
            case("c", 0.5, (3.1, 0.01), 2.9),
            // Nobody's rival.
            case("elsewhere/d", 0.5, (3.1, 0.01), 2.0),
        ];
        let score = score(&cases, 0.02, 0.001);
        let all = score.stops.last().unwrap();
        assert_eq!((all.runs, all.stopped, all.wrongly), (3, 2, 1));
        assert!((all.saved - 2.0 * 0.5 / 3.0).abs() < 1e-9);
        let lowest = score.chances.first().unwrap();
        assert_eq!((lowest.n, lowest.came_true), (2, 0.5));
    }
}
