//! Which runs compete: those of which only the best is wanted in the end.
//!
//! Nobody says so. Runs in one folder belong together, and so do runs that have a folder each; a
//! cohort that the user names keeps to itself. Losses far apart are of different data or units, now or
//! in the beginning: that of an untrained model is the logarithm of its vocabulary. And rivals
//! are given about as many steps.

use std::collections::HashMap;

/// Losses further apart than this share of the higher one are not compared.
const COMPARABLE: f64 = 0.25;
/// A run of more than so many times the steps of another is an experiment of its own.
const LONGER: f64 = 1.25;

/// What tells of a run whether it competes with another.
#[derive(Clone, Copy, Debug)]
pub struct Entrant<'a> {
    /// Its id: a path below the folder that was given.
    pub id: &'a str,
    /// The cohort that the user has named for it.
    pub cohort: Option<&'a str>,
    /// The first loss in its log.
    pub first_loss: f64,
    /// Its loss now.
    pub loss: f64,
    /// Its last step, as it is planned.
    pub end: u64,
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
    pub fn relate(&self, one: &str, other: &str) -> bool {
        let shared = |id: &str| self.runs.get(folder(id)).is_some_and(|count| *count > 1);
        folder(one) == folder(other) || (!shared(one) && !shared(other))
    }

    /// True when of two runs only the better one is wanted.
    pub fn compete(&self, one: &Entrant, other: &Entrant) -> bool {
        let related = match (one.cohort, other.cohort) {
            (None, None) => self.relate(one.id, other.id),
            (one, other) => one == other,
        };
        let (shorter, longer) = (one.end.min(other.end), one.end.max(other.end));
        related
            && longer as f64 <= LONGER * shorter as f64
            && comparable(one.loss, other.loss)
            && comparable(one.first_loss, other.first_loss)
    }
}

fn folder(id: &str) -> &str {
    id.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// True for losses of like scale.
pub fn comparable(one: f64, other: f64) -> bool {
    one.is_finite() && other.is_finite() && (one - other).abs() < COMPARABLE * one.abs().max(other.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rivals_lie_together_are_given_as_many_steps_and_are_of_one_cohort() {
        let ids = ["sweep/a", "sweep/b", "other/c", "d"];
        let folders = Folders::of(ids.into_iter());
        let run = |id: &'static str| Entrant {
            id,
            cohort: None,
            first_loss: 10.8,
            loss: 3.0,
            end: 1000,
        };
        let compete = |one: Entrant, other: Entrant| {
            assert_eq!(folders.compete(&one, &other), folders.compete(&other, &one));
            folders.compete(&one, &other)
        };
        let (a, b) = (run("sweep/a"), run("sweep/b"));
        assert!(compete(a, b) && !compete(a, run("other/c")));
        // Folders with a run each are the folders of one experiment.
        assert!(compete(run("other/c"), run("d")));
        assert!(!compete(a, Entrant { end: 2000, ..b }));
        let other_data = Entrant { loss: 1.9, ..b };
        let other_vocabulary = Entrant { first_loss: 5.5, ..b };
        assert!(!compete(a, other_data) && !compete(a, other_vocabulary));
        let small = |id| Entrant {
            cohort: Some("small"),
            ..run(id)
        };
        assert!(!compete(a, small("sweep/b")) && compete(small("sweep/a"), small("other/c")));
    }
}
