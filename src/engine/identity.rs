//! Several logs, one run: which of them stands for it, and what the others add.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Entry;
use crate::metric::{Quantity, Role, canonical};
use crate::run::series::Series;
use crate::run::{Identity, Run};
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
    let points = |entry: &Entry, loss: Quantity| entry.run.own_series(loss).map_or(0, Series::points);
    let most_of = |loss| keys.iter().filter_map(of).map(|entry| points(entry, loss)).max();
    // The train loss tells, or the loss on held-out data where no log has one.
    let losses = [Quantity::TrainLoss, Quantity::EvalLoss].into_iter();
    let mut told = losses.filter_map(|loss| Some((loss, most_of(loss)?)));
    let (loss, most) = told
        .find(|(_, most)| *most > 0)
        .unwrap_or((Quantity::TrainLoss, 0));
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
        // W&B keeps the last value of everything beside the history: that is less.
        let is_history = !entry.run.identity.path.ends_with("wandb-summary.json");
        let mut losses = [Quantity::TrainLoss, Quantity::EvalLoss].into_iter();
        let has_history = is_history && losses.any(|loss| entry.run.own_series(loss).is_some());
        let points = points(entry, loss);
        // What has a single point is less beside a console, whatever it has of evaluations.
        let has_both = points > 1 && knows_evaluations(entry);
        Some((has_history, points > 0, !behind, has_both, points * 2 > most))
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

/// True when what a log says of held-out data is said of test data.
fn is_of_test_data(run: &Run) -> bool {
    let says_so = |name: &str| canonical(name).split('_').any(|word| word == "test");
    let file = run.identity.path.file_stem().and_then(|name| name.to_str());
    let eval_loss = Some(Role::of(Quantity::EvalLoss));
    let mut losses = run.columns.iter().filter(|column| column.role == eval_loss);
    file.is_some_and(says_so) || losses.any(|column| says_so(&column.name))
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
    let others = keys.iter().filter_map(|key| entries.get(key));
    let mut others: Vec<&Run> = others.map(|entry| &entry.run).collect();
    // Test data are for the end; what is told of validation data comes first.
    others.sort_by_key(|run| is_of_test_data(run));
    entry.run.borrow(others.into_iter());
    entry.changed = true;
    entries.insert(leader, entry);
}

#[cfg(test)]
mod tests {
    use crate::engine::{Engine, Options};
    use crate::format::Decoded;
    use crate::format::records::How;
    use crate::metric::Quantity;
    use crate::run::Identity;
    use crate::source::{FileKey, SourceEvent};

    #[test]
    fn the_last_values_of_a_run_never_stand_for_its_history() {
        let mut engine = Engine::new(Options::default());
        let logs = [
            ("run-a/files/wandb-summary.json", "jsonl", Quantity::TrainLoss),
            ("run-a/run-a.wandb", "wandb", Quantity::EvalLoss),
        ];
        for (index, (path, format, loss)) in logs.into_iter().enumerate() {
            let key = FileKey(index as u32);
            let identity = Identity {
                id: "run-a".to_owned(),
                path: path.into(),
                format,
            };
            engine.apply(SourceEvent::Found { key, identity }, 0.0);
            let mut decoded = Box::<Decoded>::default();
            decoded.lines = 1;
            decoded.records.push(1, &[(loss, 2.5)]);
            if format == "wandb" {
                decoded.end(None, How::Failed("its process ended with an error"));
            }
            engine.apply(
                SourceEvent::Records {
                    key,
                    decoded,
                    modified: 0.0,
                },
                0.0,
            );
        }
        engine.apply(SourceEvent::CaughtUp, 0.0);
        let snapshot = engine.snapshot(0.0);
        let run = snapshot.runs.first().unwrap();
        assert_eq!((run.format, run.alerts.len()), ("wandb", 1));
    }
}
