//! How good the advice to stop is: runs that were started together, judged at each cut by their
//! forecasts, and what became of them.

use std::collections::BTreeMap;

use super::Case;
use crate::fit::Tabulated;
use crate::fit::tabulated::chance_of_lowest;
use crate::forecast::contest::{Entrant, Folders};
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
    let mut cuts: BTreeMap<u64, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        let has_eval = || {
            cases
                .iter()
                .any(|other| other.path == case.path && other.quantity == Quantity::EvalLoss)
        };
        if case.quantity == Quantity::EvalLoss || !has_eval() {
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
        let saved: f64 = stopped().map(|run| 1.0 - run.at).sum();
        StopScore {
            at,
            runs: runs.len(),
            stopped: stopped().count(),
            wrongly: stopped().filter(|run| run.is_as_good).count(),
            expected: stopped().map(|run| run.chance_as_good).sum(),
            saved: saved / runs.len().max(1) as f64,
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
    let entered: Vec<(Entrant, &Case, Tabulated)> = cases
        .iter()
        .filter_map(|case| {
            let forecast = case.forecast.as_ref().ok()?;
            let entrant = Entrant {
                id: &case.run,
                cohort: None,
                first_loss: case.first,
                loss: case.baselines.last?,
                end: case.final_step,
            };
            Some((entrant, *case, Tabulated::new(forecast)))
        })
        .collect();
    let judged = entered
        .iter()
        .enumerate()
        .filter_map(|(index, (entrant, case, own))| {
            let rivals: Vec<&(Entrant, &Case, Tabulated)> = entered
                .iter()
                .enumerate()
                .filter(|(other, (rival, other_case, _))| {
                    *other != index && other_case.quantity == case.quantity && folders.compete(entrant, rival)
                })
                .map(|(_, entered)| entered)
                .collect();
            let lowest = rivals
                .iter()
                .map(|(_, rival, _)| rival.actual)
                .min_by(f64::total_cmp)?;
            let margin = tolerance * lowest.abs();
            let ends: Vec<&Tabulated> = rivals.iter().map(|(_, _, end)| end).collect();
            Some(Judged {
                at: case.at,
                chance: chance_of_lowest(own, &ends, 0.0),
                chance_as_good: chance_of_lowest(own, &ends, margin),
                is_lowest: case.actual <= lowest,
                is_as_good: case.actual <= lowest + margin,
            })
        });
    judged.collect()
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
