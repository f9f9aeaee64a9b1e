//! Where each file belongs, given all others.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::folder::{Folder, leave_containers, version};
use super::names::{
    beside_a_database, event_writer, file_name, is_database, is_digits, is_event_file, of_the_client,
    rotation, stem_label,
};
use super::{Kind, Label, Memory, Part, made};
use crate::format::exported_scalar::run_and_tag;
use crate::metric::SPLIT_FOLDERS;
use crate::source::discover::Candidate;
use crate::source::file_name::training_beside;
use crate::source::metric_files::Store;
use crate::source::packed::unpacked_name;

/// What is known of all files before each is placed.
pub(super) struct Scene {
    /// Folders with event files, and the processes that wrote them.
    pub(super) event_writers: HashMap<PathBuf, HashSet<String>>,
    /// Folders with logs other than event files.
    pub(super) other_logs: HashSet<PathBuf>,
    /// Folders with a `trainer_state.json` in them or in a checkpoint in them.
    pub(super) trainers: HashSet<PathBuf>,
    /// Folders `version_<n>` of Lightning, and the first version of the same run.
    pub(super) versions: HashMap<PathBuf, String>,
    /// Folders known to be runs of MLflow's file store.
    pub(super) mlflow_runs: std::cell::RefCell<HashMap<PathBuf, Option<String>>>,
}

impl Scene {
    pub(super) fn new(candidates: &[Candidate], memory: &mut Memory) -> Self {
        let mut scene = Scene {
            versions: versions(candidates, memory),
            event_writers: HashMap::new(),
            trainers: HashSet::new(),
            other_logs: HashSet::new(),
            mlflow_runs: std::cell::RefCell::default(),
        };
        for candidate in candidates {
            let (name, folder) = (file_name(&candidate.path), candidate.path.parent());
            let Some(folder) = folder else {
                continue;
            };
            if is_event_file(name) {
                let writers = scene.event_writers.entry(folder.to_owned()).or_default();
                writers.insert(event_writer(name));
                continue;
            }
            scene.other_logs.insert(folder.to_owned());
            if name == "trainer_state.json" {
                let checkpoint = is_checkpoint(file_name(folder));
                let run = if checkpoint { folder.parent() } else { Some(folder) };
                scene.trainers.extend(run.map(Path::to_owned));
            }
        }
        scene
    }

    /// The name of the MLflow run that a folder is.
    pub(super) fn mlflow_run(&self, folder: &Path) -> Option<String> {
        let mut known = self.mlflow_runs.borrow_mut();
        known
            .entry(folder.to_owned())
            .or_insert_with(|| {
                let text = std::fs::read_to_string(folder.join("meta.yaml")).ok()?;
                let field = |name: &str| {
                    let line = text.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim().trim_matches(['\'', '"']).to_owned())
                };
                let uid = field("run_id:").or_else(|| field("run_uuid:"))?;
                let short: String = uid.chars().take(8).collect();
                // Names may repeat; ids do not.
                Some(match field("run_name:").filter(|name| !name.is_empty()) {
                    Some(name) => format!("{name}-{short}"),
                    None => short,
                })
            })
            .clone()
    }

    pub(super) fn place(&self, candidate: &Candidate) -> Option<Part> {
        let name = file_name(&candidate.path);
        if beside_a_database(&candidate.path) || (!candidate.named && of_the_client(&candidate.path)) {
            return None;
        }
        if let Some((run, name, inside)) = self.mlflow_folder(&candidate.path) {
            return match inside.as_str() {
                "metrics" => Some(mlflow_part(candidate, run, name)),
                "params" | "tags" | "inputs" | "outputs" => None,
                _ => Some(Part::alone(candidate)),
            };
        }
        if let Some(run) = dvclive_run(&candidate.path) {
            return Some(dvclive_part(candidate, run));
        }
        let mut folder = Folder::of(candidate);
        let mut label = Label::None;
        if is_database(candidate) {
            let key = candidate.path.to_string_lossy().into_owned();
            leave_containers(&mut folder, self, &mut label);
            return Some(Part::new(Kind::Database, folder, Label::None, "database", key));
        }
        if is_event_file(name) {
            while self.nested_writer(&folder, name) && folder.pop() {}
            // The half of a run, unless it holds all of one: Ultralytics calls its first run `train`.
            if SPLIT_FOLDERS.contains(&folder.name()) && !self.other_logs.contains(&folder.path) {
                folder.pop();
            }
            leave_containers(&mut folder, self, &mut label);
            let key = format!("{}\0tensorboard\0{}", folder.path.display(), made(&label));
            return Some(Part::new(Kind::Files, folder, label, "tensorboard", key));
        }
        for (ending, client) in [(".wandb", "wandb"), (".swanlab", "swanlab")] {
            if !name.ends_with(ending) {
                continue;
            }
            leave_containers(&mut folder, self, &mut label);
            if let Label::Made { class, .. } = &mut label {
                *class = client;
            }
            let key = format!("{}\0{client}\0{}", folder.path.display(), made(&label));
            return Some(Part::new(Kind::Files, folder, label, client, key));
        }
        if name == "trainer_state.json" && is_checkpoint(folder.name()) {
            // Its id is that of the run already; the next checkpoint is the same log.
            folder.path.pop();
        }
        let place = folder.path.clone();
        leave_containers(&mut folder, self, &mut label);
        let name = unpacked_name(name);
        let (base, kind) = match rotation(name) {
            Some((base, _)) => (base, Kind::Rotated),
            None => (name, Kind::Files),
        };
        if label == Label::None {
            // What is said of held-out data is of the run whose training is logged beside it.
            let training = training_beside(&candidate.path);
            let base = training.as_deref().unwrap_or(base);
            label = match run_and_tag(Path::new(base)) {
                // One scalar of a run, which its page exported.
                (Some(run), _) if !run.is_empty() => Label::Chosen(run.to_owned()),
                // mmengine names its records, and their folder, by the time it started.
                _ if file_name(&place) == "vis_data"
                    || base.split_once('.').map_or(base, |(stem, _)| stem) == folder.name() =>
                {
                    Label::None
                }
                _ => stem_label(base),
            };
        }
        let place = match &label {
            // The versions of one run are one log.
            Label::Made {
                class: "version",
                name,
            } => place.with_file_name(name),
            _ => place,
        };
        let key = place.join(base).to_string_lossy().into_owned();
        Some(Part::new(kind, folder, label, "file", key))
    }

    /// Event files in a folder of their own that a writer of the folder above made:
    /// `add_scalars`, `add_hparams`, Composer's evaluations.
    pub(super) fn nested_writer(&self, folder: &Folder, name: &str) -> bool {
        folder
            .path
            .parent()
            .and_then(|above| self.event_writers.get(above))
            .is_some_and(|writers| writers.contains(&event_writer(name)))
    }

    /// The MLflow run a file belongs to, and the folder of the run that it is in.
    pub(super) fn mlflow_folder(&self, path: &Path) -> Option<(PathBuf, String, String)> {
        const INSIDE: [&str; 6] = ["metrics", "params", "tags", "artifacts", "inputs", "outputs"];
        path.ancestors().skip(1).find_map(|folder| {
            let name = file_name(folder);
            let run = folder.parent()?;
            let title = INSIDE.contains(&name).then(|| self.mlflow_run(run)).flatten()?;
            Some((run.to_owned(), title, name.to_owned()))
        })
    }
}

pub(super) fn mlflow_part(candidate: &Candidate, run: PathBuf, name: String) -> Part {
    let mut folder = Folder::of(candidate);
    while folder.path != run && folder.pop() {}
    // `<folder>/mlruns/<experiment>/<run>`.
    let mut experiment = folder.clone();
    if experiment.pop() && experiment.pop() {
        folder = experiment;
    }
    if folder.name() == "mlruns" {
        folder.pop();
    }
    let label = Label::Made {
        class: "mlflow",
        name,
    };
    let key = run.to_string_lossy().into_owned();
    Part::new(
        Kind::MetricFiles(run, Store::Mlflow),
        folder,
        label,
        "mlflow",
        key,
    )
}

/// True for the name of a folder with a state of a run, and not with a run: `checkpoint-500`, but
/// not `llama-checkpoints`.
fn is_checkpoint(name: &str) -> bool {
    let which = |which: &str| is_digits(which) || ["best", "last", "final", "latest"].contains(&which);
    let behind = name
        .strip_prefix("checkpoint")
        .and_then(|rest| rest.strip_prefix(['-', '_']));
    let before = name
        .strip_suffix("checkpoint")
        .and_then(|rest| rest.strip_suffix(['-', '_']));
    name == "checkpoint" || behind.or(before).is_some_and(which)
}

/// The folder of the run that a table of DVCLive belongs to.
fn dvclive_run(path: &Path) -> Option<&Path> {
    let in_metrics = |folder: &&Path| folder.ends_with(Store::Dvclive.metrics());
    let table = path.extension().is_some_and(|extension| extension == "tsv");
    let metrics = path.ancestors().skip(1).find(in_metrics).filter(|_| table)?;
    metrics.parent()?.parent()
}

fn dvclive_part(candidate: &Candidate, run: &Path) -> Part {
    let mut folder = Folder::of(candidate);
    while folder.path != run && folder.pop() {}
    if folder.name() == "dvclive" {
        folder.pop();
    }
    let kind = Kind::MetricFiles(run.to_owned(), Store::Dvclive);
    let key = run.to_string_lossy().into_owned();
    Part::new(kind, folder, Label::None, "dvclive", key)
}

/// Lightning begins a new version at every start. One that begins in the midst of a
/// run was resumed from a checkpoint: it belongs to the version before.
pub(super) fn versions(candidates: &[Candidate], memory: &mut Memory) -> HashMap<PathBuf, String> {
    let mut folders: BTreeMap<(&Path, u32), bool> = BTreeMap::new();
    for candidate in candidates {
        let Some(folder) = candidate.path.parent() else {
            continue;
        };
        if let (Some(number), Some(above)) = (version(folder), folder.parent()) {
            let midway = memory.begins_midway(candidate);
            *folders.entry((above, number)).or_default() |= midway;
        }
    }
    let mut roots = HashMap::new();
    let mut before: Option<(&Path, String)> = None;
    for ((above, number), midway) in folders {
        let name = format!("version_{number}");
        let root = match before {
            Some((folder, root)) if folder == above && midway => root,
            _ => name.clone(),
        };
        roots.insert(above.join(name), root.clone());
        before = Some((above, root));
    }
    roots
}
