//! Which runs compete, because only the best of them is wanted in the end, and how they stand.
//!
//! Nobody says so. Runs in one folder belong together, and so do those of a folder each below the same
//! one; a cohort that the user names keeps to itself. Losses far apart are of different data or units, now
//! or in the beginning: that of an untrained model is the logarithm of its vocabulary. And rivals
//! are given about as many steps.
//!
//! The ends of the runs count as independent. What the law misses moves siblings alike, so between
//! two of them it is surer than this says which is the better one. Of many that are alike each
//! has little chance to be the lowest, which is no reason to give it up: that takes one rival that will be
//! lower.

use std::collections::HashMap;

use crate::fit::Tabulated;
use crate::fit::tabulated::chance_of_lowest;
use crate::metric::Quantity;

/// Losses further apart than this share of the higher one are not compared.
const COMPARABLE: f64 = 0.25;
/// The same of first losses, which are logged after more steps or fewer.
const COMPARABLE_AT_FIRST: f64 = 0.4;
/// A run of more than so many times the steps of another is an experiment of its own.
const LONGER: f64 = 1.25;

/// A run that may compete with others.
#[derive(Clone, Copy, Debug)]
pub struct Entrant<'a> {
    /// Its id: a path below the folder that was given.
    pub id: &'a str,
    /// The cohort that the user has named for it.
    pub cohort: Option<&'a str>,
    /// The loss that stands for it.
    pub quantity: Quantity,
    /// The first one in its log.
    pub first_loss: f64,
    /// Its loss now.
    pub loss: f64,
    /// Its last step, as it is planned.
    pub end: u64,
    /// Mean of the projected loss there.
    pub final_loss: f64,
    /// The distribution of it.
    pub distribution: &'a Tabulated,
}

/// How a run stands among its rivals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rank {
    /// Probability that it ends lowest.
    pub chance: f64,
    /// Probability that it ends no higher than its best rival by more than a margin.
    pub chance_as_good: f64,
    /// Its rivals.
    pub rivals: usize,
    /// How many of them are projected to end lower.
    pub lower: usize,
    /// The rival that is projected to end lowest, by its place among the entrants.
    pub best: usize,
    /// How much higher (nats) it is projected to end than that.
    pub behind: f64,
}

/// The rivals of the entrant at this place, with theirs.
pub fn rivals<'a, 'b>(
    entrants: &'a [Option<Entrant<'b>>],
    place: usize,
    folders: &'a Folders,
) -> impl Iterator<Item = (usize, &'a Entrant<'b>)> {
    let own = entrants.get(place).and_then(Option::as_ref);
    let all = entrants.iter().enumerate();
    let others = all.filter_map(|(other, entrant)| Some((other, entrant.as_ref()?)));
    others.filter(move |(other, rival)| *other != place && own.is_some_and(|own| folders.compete(own, rival)))
}

/// The rank of the entrant at this place; `None` without a rival. Differences of `tolerance`, a share of
/// the loss, are none.
pub fn rank(entrants: &[Option<Entrant>], place: usize, folders: &Folders, tolerance: f64) -> Option<Rank> {
    let own = entrants.get(place)?.as_ref()?;
    let rivals: Vec<(usize, &Entrant)> = rivals(entrants, place, folders).collect();
    let by_end = |one: &&(usize, &Entrant), other: &&(usize, &Entrant)| {
        one.1.final_loss.total_cmp(&other.1.final_loss)
    };
    let (best, best_rival) = *rivals.iter().min_by(by_end)?;
    let margin = tolerance * best_rival.final_loss.abs();
    let distributions: Vec<&Tabulated> = rivals.iter().map(|(_, rival)| rival.distribution).collect();
    let ends_lower = |rival: &&(usize, &Entrant)| rival.1.final_loss < own.final_loss;
    Some(Rank {
        chance: chance_of_lowest(own.distribution, &distributions, 0.0),
        chance_as_good: chance_of_lowest(own.distribution, &[best_rival.distribution], margin),
        rivals: rivals.len(),
        lower: rivals.iter().filter(ends_lower).count(),
        best,
        behind: own.final_loss - best_rival.final_loss,
    })
}

/// The folders of runs.
#[derive(Debug, Default)]
pub struct Folders<'a> {
    runs: HashMap<&'a str, usize>,
}

impl<'a> Folders<'a> {
    /// Those of the runs with these ids.
    pub fn of(ids: impl Iterator<Item = &'a str>) -> Folders<'a> {
        let mut runs: HashMap<&str, usize> = HashMap::new();
        for id in ids {
            *runs.entry(folder(id)).or_default() += 1;
        }
        Folders { runs }
    }

    /// True when two runs belong together by where they lie.
    fn relate(&self, one: &str, other: &str) -> bool {
        let shared = |id: &str| self.runs.get(folder(id)).is_some_and(|count| *count > 1);
        folder(one) == folder(other) || (!shared(one) && !shared(other))
    }

    /// True when of two runs only the better one is wanted.
    pub fn compete(&self, one: &Entrant, other: &Entrant) -> bool {
        // Whose folders lie in different ones is of another project.
        let (own, others) = (folder(one.id), folder(other.id));
        let near = own == others || folder(own) == folder(others);
        let related = match (one.cohort, other.cohort) {
            (None, None) => near && self.relate(one.id, other.id),
            (one, other) => one == other,
        };
        let (shorter, longer) = (one.end.min(other.end), one.end.max(other.end));
        related
            && one.quantity == other.quantity
            && longer as f64 <= LONGER * shorter as f64
            && comparable(one.loss, other.loss)
            && within(COMPARABLE_AT_FIRST, one.first_loss, other.first_loss)
    }
}

fn folder(id: &str) -> &str {
    id.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// True for losses of like scale.
fn comparable(one: f64, other: f64) -> bool {
    within(COMPARABLE, one, other)
}

fn within(share: f64, one: f64, other: f64) -> bool {
    one.is_finite() && other.is_finite() && (one - other).abs() < share * one.abs().max(other.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::Mixture;

    fn entrant<'a>(id: &'a str, final_loss: f64, distribution: &'a Tabulated) -> Entrant<'a> {
        Entrant {
            id,
            cohort: None,
            quantity: Quantity::EvalLoss,
            first_loss: 10.8,
            loss: 3.0,
            end: 1000,
            final_loss,
            distribution,
        }
    }

    fn normal(mean: f64) -> Tabulated {
        Tabulated::new(&Mixture::normal(mean, 0.01))
    }

    #[test]
    fn rivals_lie_together_are_given_as_many_steps_and_are_of_one_cohort() {
        let ids = [
            "sweep/a",
            "sweep/b",
            "other/c",
            "d",
            "runs/e/log",
            "runs/f/log",
            "old/g/log",
        ];
        let folders = Folders::of(ids.into_iter());
        let table = normal(3.0);
        let run = |id: &'static str| entrant(id, 3.0, &table);
        let compete = |one: Entrant, other: Entrant| {
            assert_eq!(folders.compete(&one, &other), folders.compete(&other, &one));
            folders.compete(&one, &other)
        };
        let (a, b) = (run("sweep/a"), run("sweep/b"));
        assert!(compete(a, b) && !compete(a, run("other/c")));
        // Folders with a run each are the folders of one experiment, if they lie in one.
        assert!(compete(run("runs/e/log"), run("runs/f/log")));
        assert!(!compete(run("runs/e/log"), run("old/g/log")));
        assert!(!compete(a, Entrant { end: 2000, ..b }));
        let other_data = Entrant { loss: 1.9, ..b };
        let other_vocabulary = Entrant { first_loss: 5.5, ..b };
        let other_loss = Entrant {
            quantity: Quantity::TrainLoss,
            ..b
        };
        assert!(
            [other_data, other_vocabulary, other_loss]
                .iter()
                .all(|b| !compete(a, *b))
        );
        let small = |id| Entrant {
            cohort: Some("small"),
            ..run(id)
        };
        assert!(!compete(a, small("sweep/b")) && compete(small("sweep/a"), small("other/c")));
    }

    #[test]
    fn it_takes_one_better_rival_to_give_a_run_up_not_many_that_are_alike() {
        let ids: Vec<String> = (0..300).map(|seed| format!("seed{seed}")).collect();
        let folders = Folders::of(ids.iter().map(String::as_str));
        let (alike, worse) = (normal(3.0), normal(3.1));
        let mut entrants: Vec<Option<Entrant>> =
            ids.iter().map(|id| Some(entrant(id, 3.0, &alike))).collect();
        let of_many = rank(&entrants, 7, &folders, 0.001).unwrap();
        assert!(
            of_many.chance < 0.01 && of_many.chance_as_good > 0.5,
            "{of_many:?}"
        );
        entrants[7] = Some(entrant(&ids[7], 3.1, &worse));
        let behind = rank(&entrants, 7, &folders, 0.001).unwrap();
        assert!(behind.chance_as_good < 1e-3 && behind.rivals == 299, "{behind:?}");
        assert_eq!((of_many.lower, behind.lower), (0, 299));
        assert_eq!(rank(&entrants[..1], 0, &folders, 0.001), None);
    }
}
