//! The folder that stands for a run, and the folders that clients put between it and
//! their files.

use std::path::{Path, PathBuf};

use super::Label;
use super::names::file_name;
use super::scene::Scene;
use crate::source::discover::Candidate;

/// The folder that stands for a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// As the user sees it: below the folder that was given.
    pub(super) shown: String,
    /// How many further levels belong to the folder that was given.
    pub(super) depth: usize,
}

impl Folder {
    pub(super) fn of(candidate: &Candidate) -> Folder {
        let path = candidate.path.parent().map_or_else(PathBuf::new, Path::to_owned);
        // A named file may be part of a larger layout just as well as a found one.
        let below = candidate.id.matches('/').count();
        let depth = if candidate.named { 4 } else { below };
        let shown = candidate
            .id
            .rsplit_once('/')
            .map_or(String::new(), |(folder, _)| folder.to_owned());
        Folder { path, shown, depth }
    }

    pub(super) fn name(&self) -> &str {
        self.path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
    }

    pub(super) fn pop(&mut self) -> bool {
        if self.depth == 0 || !self.path.pop() {
            return false;
        }
        self.depth -= 1;
        self.shown = self
            .shown
            .rsplit_once('/')
            .map_or(String::new(), |(folder, _)| folder.to_owned());
        true
    }

    pub(super) fn title(&self) -> String {
        if self.shown.is_empty() {
            let absolute = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
            absolute
                .file_name()
                .map_or_else(|| ".".to_owned(), |name| name.to_string_lossy().into_owned())
        } else {
            self.shown.clone()
        }
    }
}

/// Folders that a client or a habit puts between a run and its logs.
pub(super) const CONTAINERS: &[&str] = &[
    "tb",
    "tbx",
    "tf",
    "tensorboard",
    "tensorboard_logs",
    "tensorboard_log",
    "tb_logs",
    "wandb",
    "logs",
    "log",
    "out",
    "output",
    "outputs",
    "csv",
    "csv_logs",
    "lightning_logs",
    "vis_data",
    "dvclive",
    "plots",
    "mlruns",
    "swanlog",
    "runs",
    "stdout",
];

/// Containers that also hold many runs: they are left only where they lie in a run.
pub(super) const SHELVES: &[&str] = &[
    "runs",
    "logs",
    "log",
    "outputs",
    "output",
    "tensorboard",
    "csv",
    "wandb",
];

/// Goes up from where a client puts its file to the folder of the run.
pub(super) fn leave_containers(folder: &mut Folder, scene: &Scene, label: &mut Label) {
    let mut made_up = |class, name: &str| {
        if *label == Label::None {
            *label = Label::Made {
                class,
                name: name.to_owned(),
            };
        }
    };
    loop {
        let name = folder.name().to_owned();
        let above = folder.path.parent();
        if let Some(id) = above
            .filter(|_| name == "files")
            .and_then(|above| scene.wandb_run(above))
        {
            made_up("wandb", id);
            folder.pop();
        } else if let Some(id) = scene.wandb_run(&folder.path) {
            made_up("wandb", id);
            match scene.synced(&folder.path) {
                Some(events) => *folder = events.clone(),
                None => {
                    folder.pop();
                }
            }
        } else if let Some(first) = scene.launches.get(&folder.path) {
            made_up("launch", first);
            folder.pop();
        } else if version(&folder.path).is_some() {
            made_up("launch", &name);
            folder.pop();
        } else if SHELVES.contains(&name.as_str()) {
            // A shelf at the top, or with nothing of the run above it, is left as well:
            // whether that joins anything is decided by what else lies there.
            if !folder.pop() {
                return;
            }
        } else if !(CONTAINERS.contains(&name.as_str()) && folder.pop()) {
            return;
        }
        if folder.depth == 0 {
            return;
        }
    }
}

/// The number of a folder `version_<n>`.
pub(super) fn version(folder: &Path) -> Option<u32> {
    file_name(folder).strip_prefix("version_")?.parse().ok()
}

/// The id in `run-20261123_223648-abc` or `offline-run-...`.
pub(super) fn wandb_run(folder: &str) -> Option<&str> {
    let rest = folder
        .strip_prefix("offline-run-")
        .or_else(|| folder.strip_prefix("run-"))?;
    let (time, id) = rest.split_once('-')?;
    (time.len() == 15 && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')).then_some(id)
}
