//! Where each file belongs, given all others.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::folder::{Folder, leave_containers, version, wandb_run};
use super::names::{
    beside_a_database, event_writer, file_name, is_database, is_digits, is_event_file, natural,
    of_the_client, rotation, stem_label, without_epoch,
};
use super::{Kind, Label, Memory, Part, made};
use crate::format::exported_scalar::exported;
use crate::format::mlflow;
use crate::metric::SPLIT_FOLDERS;
use crate::source::discover::Candidate;
use crate::source::file_name::{held_out_in_folder_beside, training_beside};
use crate::source::metric_files::Store;
use crate::source::packed::unpacked_name;

/// What is known of all files before each is placed.
pub(super) struct Scene {
    /// Folders with event files, and the processes that wrote them.
    pub(super) event_writers: HashMap<PathBuf, HashSet<String>>,
    /// Folders with logs other than event files.
    pub(super) other_logs: HashSet<PathBuf>,
    /// Folders that a client begins at every start, and the name of the first one of the same run.
    pub(super) launches: HashMap<PathBuf, String>,
    /// Folders with W&B's log of a run and its `files`, and the id of that, whatever they are called.
    wandb_runs: HashMap<PathBuf, String>,
    /// Folders that W&B keeps of runs whose event files it copied, and the folder of these.
    synced: HashMap<PathBuf, Folder>,
    /// Folders known to be runs of MLflow's file store.
    pub(super) mlflow_runs: std::cell::RefCell<HashMap<PathBuf, Option<String>>>,
}

impl Scene {
    pub(super) fn new(candidates: &[Candidate], memory: &mut Memory) -> Self {
        let mut scene = Scene {
            launches: launches(candidates, memory),
            wandb_runs: HashMap::new(),
            synced: HashMap::new(),
            event_writers: HashMap::new(),
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
            let id = name
                .strip_prefix("run-")
                .and_then(|name| name.strip_suffix(".wandb"));
            let run = id.filter(|_| folder.join("files").is_dir());
            let run = run.map(|id| (folder.to_owned(), id.to_owned()));
            scene.wandb_runs.extend(run);
        }
        scene.synced = scene.synced_runs(candidates);
        scene
    }

    /// `wandb.init(sync_tensorboard=True)` brings each event file that a run writes into its own folder,
    /// with its name, which tells host, time and process.
    fn synced_runs(&self, candidates: &[Candidate]) -> HashMap<PathBuf, Folder> {
        let written = candidates.iter().filter_map(|candidate| {
            let name = file_name(&candidate.path);
            let tells_its_writer = is_event_file(name) && !event_writer(name).is_empty();
            tells_its_writer.then(|| (name, candidate, self.folder_of_wandb(&candidate.path)))
        });
        let (copies, originals): (Vec<_>, Vec<_>) =
            written.partition(|(_, _, copied_to)| copied_to.is_some());
        let originals: HashMap<&str, &Candidate> = originals
            .into_iter()
            .map(|(name, original, _)| (name, original))
            .collect();
        let folder = |(name, _, copied_to): (&str, _, Option<&Path>)| {
            let original = originals.get(name)?;
            Some((copied_to?.to_owned(), self.folder_of_events(original)))
        };
        copies.into_iter().filter_map(folder).collect()
    }

    /// W&B's folder of a run that a file lies in.
    fn folder_of_wandb<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        path.ancestors()
            .skip(1)
            .find(|folder| wandb_run(file_name(folder)).is_some() || self.wandb_runs.contains_key(*folder))
    }

    /// Where the event files lie that W&B copied into its folder of a run.
    pub(super) fn synced(&self, folder: &Path) -> Option<&Folder> {
        self.synced.get(folder)
    }

    /// The folder of the run that event files are of.
    fn folder_of_events(&self, candidate: &Candidate) -> Folder {
        let mut folder = Folder::of(candidate);
        while self.nested_writer(&folder, file_name(&candidate.path)) && folder.pop() {}
        // The half of a run, unless it holds all of one: Ultralytics calls its first run `train`.
        if SPLIT_FOLDERS.contains(&folder.name()) && !self.other_logs.contains(&folder.path) {
            folder.pop();
        }
        folder
    }

    /// The id of the run of W&B that a folder is.
    pub(super) fn wandb_run<'a>(&'a self, folder: &'a Path) -> Option<&'a str> {
        wandb_run(file_name(folder)).or_else(|| self.wandb_runs.get(folder).map(String::as_str))
    }

    /// The name of the MLflow run that a folder is.
    pub(super) fn mlflow_run(&self, folder: &Path) -> Option<String> {
        let mut known = self.mlflow_runs.borrow_mut();
        known
            .entry(folder.to_owned())
            .or_insert_with(|| {
                let text = std::fs::read_to_string(folder.join(mlflow::META)).ok()?;
                let field = |name: &str| mlflow::field(&text, name);
                let uid = field("run_id").or_else(|| field("run_uuid"))?;
                let short: String = uid.chars().take(8).collect();
                // Names may repeat; ids do not.
                Some(match field("run_name").filter(|name| !name.is_empty()) {
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
            let copied_to = self.folder_of_wandb(&candidate.path);
            if copied_to.is_some_and(|run| self.synced.contains_key(run)) {
                return None;
            }
            folder = self.folder_of_events(candidate);
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
        // What is said of held-out data is of the run whose training is logged beside it.
        let training = training_beside(&candidate.path);
        let is_apart = |training: &PathBuf| training.parent() != candidate.path.parent();
        if training.as_ref().is_some_and(is_apart) || held_out_in_folder_beside(&candidate.path).is_some() {
            folder.pop();
        }
        leave_containers(&mut folder, self, &mut label);
        let name = unpacked_name(name);
        let (base, kind) = match rotation(name) {
            Some((base, _)) => (base, Kind::Rotated),
            None => (name, Kind::Files),
        };
        if label == Label::None {
            let base = training.as_deref().map_or(base, file_name);
            let base = without_epoch(base);
            label = match exported(Path::new(base)).run {
                // One scalar of a run, which its page exported.
                Some("") => Label::None,
                Some(run) => Label::Chosen(run.to_owned()),
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
            // The launches of one run are one log.
            Label::Made {
                class: "launch",
                name,
            } => place.with_file_name(name),
            _ => place,
        };
        let key = place.join(without_epoch(base)).to_string_lossy().into_owned();
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

/// The folder of the run whose state a `trainer_state.json` is.
fn trainer_of(state: &Path) -> Option<&Path> {
    let folder = state.parent()?;
    let checkpoint = is_checkpoint(file_name(folder));
    if checkpoint { folder.parent() } else { Some(folder) }
}

/// Lightning begins `version_<n>` at every start, and the Trainer of Hugging Face
/// `runs/<date>_<host>` beside its state. A launch that takes up the one before it, or that tells
/// what the state tells too, is of the same run.
fn launches(candidates: &[Candidate], memory: &mut Memory) -> HashMap<PathBuf, String> {
    let is_state = |candidate: &&Candidate| file_name(&candidate.path) == "trainer_state.json";
    let states: HashMap<&Path, &Candidate> = candidates
        .iter()
        .filter(is_state)
        .filter_map(|state| Some((trainer_of(&state.path)?, state)))
        .collect();
    let state_beside = |folder: &Path| {
        let runs = folder.parent().filter(|above| file_name(above) == "runs")?;
        states.get(runs.parent()?).copied()
    };
    let mut folders: BTreeMap<&Path, Vec<&Candidate>> = BTreeMap::new();
    for candidate in candidates {
        let is_launch = |folder: &&Path| version(folder).is_some() || state_beside(folder).is_some();
        if let Some(folder) = candidate.path.parent().filter(is_launch) {
            folders.entry(folder).or_default().push(candidate);
        }
    }
    // The number of a version, or the time in the name of an event file, tells which came first.
    let mut folders: Vec<(&Path, Vec<&Candidate>)> = folders.into_iter().collect();
    folders.sort_by_cached_key(|(folder, files)| {
        let first = files.iter().map(|file| file_name(&file.path)).min();
        let began = version(folder).map_or(first, |_| Some(file_name(folder)));
        (folder.parent(), natural(began.unwrap_or_default()))
    });
    let mut roots = HashMap::new();
    let mut of_states: HashMap<&Path, String> = HashMap::new();
    let mut before: Option<(&Path, &[&Candidate], String)> = None;
    for (folder, files) in &folders {
        let taken_up = before.filter(|(earlier, logs, _)| {
            let mut pairs = logs
                .iter()
                .flat_map(|log| files.iter().map(move |file| (log, file)));
            earlier.parent() == folder.parent() && pairs.any(|(log, file)| memory.takes_up(log, file))
        });
        let mut root = taken_up.map_or_else(|| file_name(folder).to_owned(), |(_, _, root)| root);
        let state = state_beside(folder).filter(|state| files.iter().any(|file| memory.agree(state, file)));
        if let Some(state) = state {
            root = of_states.entry(&state.path).or_insert(root).clone();
        }
        roots.insert((*folder).to_owned(), root.clone());
        before = Some((folder, files, root));
    }
    roots
}
