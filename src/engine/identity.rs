//! Several logs, one run: which of them stands for it, and what the others add.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Entry;
use crate::metric::Quantity;
use crate::run::Identity;
use crate::source::FileKey;

/// Formats by how much their values and steps can be trusted, the best first: exact
/// numbers with steps, then stores, then what was printed for people.
const PREFERENCE: &[&str] = &[
    "jsonl",
    "tensorboard",
    "wandb",
    "csv",
    "mlflow",
    "trackio",
    "swanlab",
    "trainer_state",
];

/// A log is behind another when it lacks this share of its steps...
const BEHIND: f64 = 0.9;
/// ...and has not been written for this many seconds longer.
const BEHIND_SECONDS: f64 = 120.0;

/// The logs of each run.
#[derive(Default)]
pub(super) struct Groups {
    /// The log that stands for each run.
    leaders: BTreeMap<String, FileKey>,
    /// Every file that is part of a log, and the run of it.
    files: BTreeMap<PathBuf, String>,
    updated_at: Option<u64>,
    leading: BTreeSet<FileKey>,
}

impl Groups {
    pub(super) fn found(&mut self, identity: &Identity) {
        self.files.insert(identity.path.clone(), identity.id.clone());
    }

    pub(super) fn leads(&self, key: FileKey) -> bool {
        self.leading.contains(&key)
    }

    /// Ids of the runs with files at or below `path`.
    pub(super) fn runs_below<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a str> + 'a {
        self.files
            .iter()
            .filter(move |(file, _)| file.starts_with(path))
            .map(|(_, run)| run.as_str())
    }

    /// Chooses the log that stands for each run and lets it borrow what it lacks.
    /// Returns the logs that stood for a run until now.
    pub(super) fn update(
        &mut self,
        entries: &mut BTreeMap<FileKey, Entry>,
        revision: u64,
        settled: bool,
    ) -> Vec<FileKey> {
        if self.updated_at == Some(revision) {
            return Vec::new();
        }
        self.updated_at = Some(revision);
        let mut runs: BTreeMap<&str, Vec<FileKey>> = BTreeMap::new();
        for (key, entry) in entries.iter() {
            runs.entry(&entry.run.identity.id).or_default().push(*key);
        }
        let runs: Vec<(String, Vec<FileKey>)> = runs
            .into_iter()
            .map(|(run, keys)| (run.to_owned(), keys))
            .collect();
        self.leaders
            .retain(|run, _| runs.binary_search_by(|(known, _)| known.cmp(run)).is_ok());
        let led = std::mem::take(&mut self.leading);
        for (run, keys) in runs {
            let known = self.leaders.get(&run).copied().filter(|_| settled);
            let Some(leader) = leader(entries, &keys, known) else {
                continue;
            };
            if self.leaders.insert(run, leader) != Some(leader)
                && let Some(entry) = entries.get_mut(&leader)
            {
                entry.changed = true;
            }
            self.leading.insert(leader);
            if keys.len() > 1 {
                borrow(entries, leader, &keys);
            }
        }
        led.difference(&self.leading).copied().collect()
    }
}

fn leader(entries: &BTreeMap<FileKey, Entry>, keys: &[FileKey], known: Option<FileKey>) -> Option<FileKey> {
    if let [only] = keys {
        return Some(*only);
    }
    let of = |key: &FileKey| entries.get(key);
    let train_points = |entry: &Entry| {
        let series = entry.run.own_series(Quantity::TrainLoss);
        series.map_or(0, crate::run::series::Series::points)
    };
    let most = keys.iter().filter_map(of).map(train_points).max()?;
    let last = keys
        .iter()
        .filter_map(of)
        .map(|entry| entry.run.last_step())
        .max()?;
    let newest = keys
        .iter()
        .filter_map(of)
        .map(|entry| entry.modified)
        .fold(f64::NEG_INFINITY, f64::max);
    // Of a log that counts epochs one that counts updates can take nothing, and the other way round.
    let knows_evaluations = |entry: &Entry| {
        let mut others = keys.iter().filter_map(of).map(|other| &other.run);
        others.any(|other| other.own_series(Quantity::EvalLoss).is_some() && entry.run.counts_like(other))
    };
    let merits = |key: &FileKey| {
        let entry = of(key)?;
        let behind =
            (entry.run.last_step() as f64) < BEHIND * last as f64 && entry.modified < newest - BEHIND_SECONDS;
        let points = train_points(entry);
        Some((points > 0, !behind, knows_evaluations(entry), points * 2 >= most))
    };
    let preference = |key: &FileKey| {
        let format = of(key).map_or("", |entry| entry.run.identity.format);
        let rank = PREFERENCE.iter().position(|name| *name == format);
        std::cmp::Reverse(rank.unwrap_or(PREFERENCE.len()))
    };
    let best = keys
        .iter()
        .max_by_key(|key| (merits(key), preference(key), std::cmp::Reverse(**key)))
        .copied()?;
    // No change of sides without need: every one costs the forecasts.
    known
        .filter(|known| merits(known) == merits(&best))
        .or(Some(best))
}

fn borrow(entries: &mut BTreeMap<FileKey, Entry>, leader: FileKey, keys: &[FileKey]) {
    let mut any_changed = false;
    for key in keys {
        if let Some(entry) = entries.get_mut(key) {
            any_changed |= entry.changed;
            if *key != leader {
                entry.changed = false;
            }
        }
    }
    if !any_changed {
        return;
    }
    let Some(mut entry) = entries.remove(&leader) else {
        return;
    };
    let others = keys
        .iter()
        .filter_map(|key| entries.get(key))
        .map(|entry| &entry.run);
    entry.run.borrow(others);
    entry.changed = true;
    entries.insert(leader, entry);
}
