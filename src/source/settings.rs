//! Finds the files beside a log that state the plan of its run.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::format::hints::Hints;
use crate::format::records::How;
use crate::format::sidecar;

/// In a folder with more entries than this the settings of one run are not looked for:
/// it holds many runs, or something else altogether.
const MOST_ENTRIES: usize = 64;
/// A log may lie this deep below the folder of its run.
const MOST_FOLDERS: usize = 4;

/// Folders in which clients put logs, below the folder of the run.
const INNER: &[&str] = &[
    "logs",
    "log",
    "files",
    "plots",
    "metrics",
    "train",
    "val",
    "csv",
    "tb",
    "tensorboard",
    "vis_data",
    "wandb",
];

/// Seconds between two looks at the settings beside a log that is followed.
pub(super) const LOOK_AGAIN: f64 = 5.0;

/// The settings beside a log that is followed: they may be written after its first lines, or be
/// half written by then.
#[derive(Debug, Default)]
pub struct Settings {
    hints: Hints,
    ending: Option<How>,
    stamps: Vec<Stamp>,
    looked_at: f64,
    told: bool,
}

/// By which a file that was changed is known: its size and when it was changed.
type Stamp = (PathBuf, u64, Option<SystemTime>);

impl Settings {
    /// What they state, until it was told.
    pub fn to_tell(&mut self, log: &Path, now: f64) -> Hints {
        if self.told {
            return Hints::default();
        }
        *self = Settings {
            stamps: stamps(log),
            hints: beside(log),
            ending: ending(log),
            looked_at: now,
            told: false,
        };
        self.hints.clone()
    }

    /// It was told.
    pub fn were_told(&mut self) {
        self.told = true;
    }

    /// True when they state something else than what was told. The log is then read again, so that
    /// what it says itself goes before.
    pub fn have_changed(&mut self, log: &Path, now: f64) -> bool {
        if !self.told || now < self.looked_at + LOOK_AGAIN {
            return false;
        }
        self.looked_at = now;
        let stamps = stamps(log);
        if stamps == self.stamps {
            return false;
        }
        self.stamps = stamps;
        beside(log) != self.hints || ending(log) != self.ending
    }

    /// How the run has ended, as far as that was stated when the settings were looked at.
    pub fn ending(&self) -> Option<How> {
        self.ending
    }
}

fn stamps(log: &Path) -> Vec<Stamp> {
    let stamp = |path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok()?;
        Some((path, metadata.len(), metadata.modified().ok()))
    };
    files(log)
        .into_iter()
        .chain(outcome(log))
        .filter_map(stamp)
        .collect()
}

/// The file beside its metrics in which Sacred keeps how a run fares. It is written every few seconds:
/// beside another log it would be looked at for nothing.
fn outcome(log: &Path) -> Option<PathBuf> {
    let is_of_sacred = log.file_name().is_some_and(|name| name == sidecar::METRICS);
    is_of_sacred.then(|| log.with_file_name(sidecar::OUTCOME))
}

/// How the run has ended, by the file beside its log.
fn ending(log: &Path) -> Option<How> {
    let path = outcome(log)?;
    let is_small = std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= sidecar::LARGEST);
    let content = if is_small { std::fs::read(path).ok() } else { None };
    sidecar::ending(&content?)
}

/// What the files beside a log, and above it where its client puts logs into folders of
/// their own, state about the plan of the run. The nearer file holds. What cannot be read
/// states nothing.
pub fn beside(log: &Path) -> Hints {
    let mut hints = Hints::default();
    for path in files(log) {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let small = std::fs::metadata(&path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= sidecar::LARGEST);
        if let (true, Ok(content)) = (small, std::fs::read(&path)) {
            hints.complete(&sidecar::read(&name, &content));
        }
    }
    hints
}

/// The files that may state settings of a log, the nearest first.
fn files(log: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folder = log.parent();
    for _ in 0..MOST_FOLDERS {
        let Some(here) = folder else { break };
        files.extend(sidecars(here));
        let inner = here.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            INNER.contains(&name.as_ref()) || name.starts_with("version_") || name.starts_with("checkpoint-")
        });
        folder = here.parent().filter(|_| inner);
    }
    files
}

/// Files of a folder that may state settings, in the order of their names.
fn sidecars(folder: &Path) -> Vec<PathBuf> {
    // A bare file name has the empty path for its folder.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let entries: Vec<PathBuf> = entries
        .take(MOST_ENTRIES + 1)
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    if entries.len() > MOST_ENTRIES {
        return Vec::new();
    }
    let mut found: Vec<PathBuf> = entries
        .into_iter()
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| sidecar::is_sidecar(&name.to_string_lossy()))
        })
        .collect();
    // Hydra's, and mmengine's.
    found.extend([".hydra/config.yaml", "vis_data/config.py"].map(|path| folder.join(path)));
    // A model card, if there is one, was written last and by hand.
    found.sort_by_key(|path| {
        (
            path.extension().is_some_and(|ending| ending == "md"),
            path.clone(),
        )
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::hints::Fact;

    #[test]
    fn the_nearer_settings_hold_and_strangers_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, content: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        put("run/args.yaml", "max_steps: 1000\nlearning_rate: 0.1\n");
        put(
            "run/.hydra/config.yaml",
            "trainer:\n  max_steps: 7\n  warmup_steps: 50\n",
        );
        put("run/lightning_logs/hparams.yaml", "max_steps: 9\n");
        put("run/logs/version_0/hparams.yaml", "learning_rate: 0.2\n");
        put("run/logs/version_0/metrics.csv", "");
        let hints = beside(&folder.path().join("run/logs/version_0/metrics.csv"));
        assert_eq!(hints.total_steps(), Some(7));
        assert_eq!(hints.number(Fact::PeakLearningRate), Some(0.2));
        assert_eq!(hints.warm_up_steps(), Some(50));
        put("other/deep/log.txt", "");
        put("other/config.json", "{\"max_steps\": 5}");
        assert!(beside(&folder.path().join("other/deep/log.txt")).is_empty());
        assert!(beside(Path::new("/nowhere/log.txt")).is_empty());
        put("work_dirs/20251129_051642/vis_data/scalars.json", "");
        put(
            "work_dirs/20251129_051642/vis_data/config.py",
            "max_epochs = 420\nmodel = dict(\n    depth=18)\ntrain_cfg = dict(by_epoch=True, max_epochs=420, val_interval=50)\n",
        );
        let hints = beside(
            &folder
                .path()
                .join("work_dirs/20251129_051642/vis_data/scalars.json"),
        );
        assert_eq!(hints.number(Fact::Epochs), Some(420.0));
    }
}
