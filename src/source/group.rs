//! Which files are one log, and which logs are one run.
//!
//! A log is what one client wrote: a file, or several where it begins a new one at
//! every start (TensorBoard, W&B) or where old files are moved aside (`train.log.1`).
//! A run is what was trained: the logs of all clients that recorded it. Both are told
//! from folders and names; `losscast.toml` overrules.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::discover::Candidate;
use crate::config::GroupingSection;

/// What one client wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// Unique among the logs, and lasting while its files come and go.
    pub id: String,
    /// Id of the run that it is part of.
    pub run: String,
    /// How it is kept.
    pub kind: Kind,
    /// Its files, oldest first. Never empty.
    pub files: Vec<Candidate>,
}

/// How a log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In files that are read one after the other.
    Files,
    /// In one file that is moved aside from time to time.
    Rotated,
    /// In a database, together with other runs.
    Database,
    /// As a folder of MLflow's file store, one file per metric.
    MlflowRun(PathBuf),
}

/// What was found in files that had to be looked into, so that it is done once.
#[derive(Debug, Default)]
pub struct Memory {
    /// Whether a log begins in the midst of a run.
    midway: HashMap<PathBuf, bool>,
}

/// Finds the logs and runs among the files.
pub fn group(candidates: Vec<Candidate>, grouping: &GroupingSection, memory: &mut Memory) -> Vec<Log> {
    let scene = Scene::new(&candidates, memory);
    let mut logs: BTreeMap<String, Part> = BTreeMap::new();
    for candidate in candidates {
        let part = if grouping.splits(&candidate.id) {
            Some(Part::alone(&candidate))
        } else {
            scene.place(&candidate)
        };
        let Some(mut part) = part else {
            continue;
        };
        if let Some(run) = grouping.joined(&candidate.id) {
            part.forced = Some(run.to_owned());
            if part.kind == Kind::Files && !part.key.contains('\0') {
                // Text logs that were joined by hand follow one another.
                let ending = candidate.path.extension().map(|ending| ending.to_string_lossy());
                part.key = format!("{run}\0{}", ending.unwrap_or_default());
            }
        }
        let kind = part.kind.clone();
        let entry = logs.entry(part.key.clone()).or_insert(part);
        if kind == Kind::Rotated {
            entry.kind = kind;
        }
        entry.files.push(candidate);
    }
    let mut parts: Vec<Part> = logs.into_values().collect();
    for part in &mut parts {
        let order = part.order();
        part.files.sort_by_cached_key(|file| order(file));
    }
    join_successive_jobs(&mut parts);
    let runs = runs(&parts);
    let mut logs: Vec<Log> = parts
        .into_iter()
        .zip(runs)
        .map(|(part, run)| Log {
            id: part.key,
            run,
            kind: part.kind,
            files: part.files,
        })
        .collect();
    logs.sort_by(|one, other| (&one.run, &one.id).cmp(&(&other.run, &other.id)));
    logs
}

/// What tells logs of the same folder apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    /// Nothing: the folder is the run.
    None,
    /// A name that the client made up: a job number, W&B's run id, `version_3`. The
    /// class is that of all such names.
    Made { class: &'static str, name: String },
    /// A name that somebody chose.
    Chosen(String),
    /// Never joined with anything.
    Alone,
}

/// A log that is being put together.
#[derive(Clone, Debug)]
struct Part {
    key: String,
    kind: Kind,
    folder: Folder,
    label: Label,
    client: &'static str,
    forced: Option<String>,
    files: Vec<Candidate>,
}

/// The folder that stands for a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Folder {
    path: PathBuf,
    /// As the user sees it: below the folder that was given.
    shown: String,
    /// How many further levels belong to the folder that was given.
    depth: usize,
}

impl Folder {
    fn of(candidate: &Candidate) -> Folder {
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

    fn name(&self) -> &str {
        self.path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
    }

    fn pop(&mut self) -> bool {
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

    fn title(&self) -> String {
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

impl Part {
    fn new(kind: Kind, folder: Folder, label: Label, client: &'static str, key: String) -> Self {
        Part {
            key,
            kind,
            folder,
            label,
            client,
            forced: None,
            files: Vec::new(),
        }
    }

    fn alone(candidate: &Candidate) -> Self {
        let kind = if is_database(candidate) {
            Kind::Database
        } else {
            Kind::Files
        };
        let folder = Folder::of(candidate);
        let key = candidate.path.to_string_lossy().into_owned();
        Part::new(kind, folder, Label::Alone, "file", key)
    }

    /// The order in which the files were begun.
    fn order(&self) -> impl Fn(&Candidate) -> Vec<Piece> + use<> {
        let rotated = self.kind == Kind::Rotated;
        move |file: &Candidate| {
            let name = file_name(&file.path);
            if rotated {
                // `train.log.3` is older than `train.log.1`, which is older than `train.log`.
                let place = rotation(name).map_or(u64::MAX, |(_, place)| place);
                return vec![Piece::Number(place)];
            }
            let mut order = natural(name);
            if name.ends_with(".wandb") || name.ends_with(".swanlab") {
                order = natural(&file.path.to_string_lossy());
            }
            order.extend(natural(&file.path.to_string_lossy()));
            order
        }
    }
}

/// Text and numbers of a name, so that 9 comes before 10.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Number(u64),
    Text(String),
}

fn natural(name: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest
            .find(|character: char| character.is_ascii_digit() != digits)
            .unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        pieces.push(match piece.parse() {
            Ok(number) if digits => Piece::Number(number),
            _ => Piece::Text(piece.to_owned()),
        });
        rest = after;
    }
    pieces
}

fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// Named like an SQLite database, or named by the user and one.
fn is_database(candidate: &Candidate) -> bool {
    named_like_a_database(&candidate.path)
        || (candidate.named && super::database::begins_like_one(&candidate.path) && candidate.size > 0)
}

/// The endings of SQLite databases.
fn named_like_a_database(path: &Path) -> bool {
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| ["db", "sqlite", "sqlite3", "db3"].contains(&ending))
}

/// What SQLite and its users keep beside a database.
fn beside_a_database(path: &Path) -> bool {
    let name = file_name(path);
    ["-wal", "-shm", "-journal"]
        .iter()
        .filter_map(|ending| name.strip_suffix(ending))
        .any(|name| named_like_a_database(Path::new(name)))
}

/// What a client logs about itself.
fn of_the_client(path: &Path) -> bool {
    let below = |name: &str| {
        path.ancestors()
            .skip(1)
            .take(3)
            .any(|folder| file_name(folder) == name)
    };
    match file_name(path) {
        "debug.log" | "debug-internal.log" | "debug-core.log" => below("wandb") || below("debug"),
        _ => false,
    }
}

/// Folders that a client or a habit puts between a run and its logs.
const CONTAINERS: &[&str] = &[
    "tb",
    "tbx",
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
const SHELVES: &[&str] = &[
    "runs",
    "logs",
    "log",
    "outputs",
    "output",
    "tensorboard",
    "csv",
    "wandb",
];

/// Names of files that say nothing about which run they are of.
const PLAIN_STEMS: &[&str] = &[
    "metrics",
    "metric",
    "train",
    "training",
    "log",
    "logs",
    "main",
    "progress",
    "stdout",
    "stderr",
    "console",
    "history",
    "results",
    "trainer_log",
    "trainer_state",
    "output",
    "out",
    "truth",
    "loss",
    "losses",
    "scalars",
    "train_log",
    "training_log",
    "train_metrics",
    "eval_metrics",
    "eval",
    "val",
    "valid",
    "validation",
    "test",
    "stats",
    "summary",
    "run",
    "nohup",
    "measurements",
    "eval_measurements",
    "monitor",
    "rank0",
    "logs-rank0",
    "metrics-rank0",
    "wandb-history",
    "log_history",
];

fn split_folder(name: &str) -> bool {
    [
        "train",
        "training",
        "val",
        "valid",
        "validation",
        "eval",
        "evaluation",
        "test",
    ]
    .contains(&name)
}

/// What is known of all files before each is placed.
struct Scene {
    /// Folders with event files, and the processes that wrote them.
    event_writers: HashMap<PathBuf, HashSet<String>>,
    /// Folders with a `trainer_state.json` in them or in a checkpoint in them.
    trainers: HashSet<PathBuf>,
    /// Folders `version_<n>` of Lightning, and the first version of the same run.
    versions: HashMap<PathBuf, String>,
    /// Folders known to be runs of MLflow's file store.
    mlflow_runs: std::cell::RefCell<HashMap<PathBuf, Option<String>>>,
}

impl Scene {
    fn new(candidates: &[Candidate], memory: &mut Memory) -> Self {
        let mut scene = Scene {
            versions: versions(candidates, memory),
            event_writers: HashMap::new(),
            trainers: HashSet::new(),
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
            } else if name == "trainer_state.json" {
                let checkpoint = folder
                    .file_name()
                    .is_some_and(|name| name.to_string_lossy().contains("checkpoint"));
                let run = if checkpoint { folder.parent() } else { Some(folder) };
                scene.trainers.extend(run.map(Path::to_owned));
            }
        }
        scene
    }

    /// The name of the MLflow run that a folder is.
    fn mlflow_run(&self, folder: &Path) -> Option<String> {
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

    fn place(&self, candidate: &Candidate) -> Option<Part> {
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
        let mut folder = Folder::of(candidate);
        let mut label = Label::None;
        if is_database(candidate) {
            let key = candidate.path.to_string_lossy().into_owned();
            leave_containers(&mut folder, self, &mut label);
            return Some(Part::new(Kind::Database, folder, Label::None, "database", key));
        }
        if is_event_file(name) {
            while self.nested_writer(&folder, name) && folder.pop() {}
            if split_folder(folder.name()) {
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
        if name == "trainer_state.json" && folder.name().contains("checkpoint") {
            // Its id is that of the run already; the next checkpoint is the same log.
            folder.path.pop();
        }
        let place = folder.path.clone();
        leave_containers(&mut folder, self, &mut label);
        let (base, kind) = match rotation(name) {
            Some((base, _)) => (base, Kind::Rotated),
            None => (name, Kind::Files),
        };
        if label == Label::None {
            label = stem_label(base);
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
    fn nested_writer(&self, folder: &Folder, name: &str) -> bool {
        folder
            .path
            .parent()
            .and_then(|above| self.event_writers.get(above))
            .is_some_and(|writers| writers.contains(&event_writer(name)))
    }

    /// The MLflow run a file belongs to, and the folder of the run that it is in.
    fn mlflow_folder(&self, path: &Path) -> Option<(PathBuf, String, String)> {
        const INSIDE: [&str; 6] = ["metrics", "params", "tags", "artifacts", "inputs", "outputs"];
        path.ancestors().skip(1).find_map(|folder| {
            let name = file_name(folder);
            let run = folder.parent()?;
            let title = INSIDE.contains(&name).then(|| self.mlflow_run(run)).flatten()?;
            Some((run.to_owned(), title, name.to_owned()))
        })
    }
}

fn mlflow_part(candidate: &Candidate, run: PathBuf, name: String) -> Part {
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
    Part::new(Kind::MlflowRun(run), folder, label, "mlflow", key)
}

fn is_event_file(name: &str) -> bool {
    name.contains("tfevents")
}

/// Host and process in `events.out.tfevents.<time>.<host>.<process>.<number>`.
fn event_writer(name: &str) -> String {
    let after = name.split_once("tfevents.").map_or("", |(_, after)| after);
    let mut parts: Vec<&str> = after.split('.').skip(1).collect();
    if parts.last() == Some(&"v2") {
        parts.pop();
    }
    if parts.len() > 2 {
        parts.pop();
    }
    parts.join(".")
}

/// What a file that was moved aside was called, and its place among its like: that of
/// `train.log.2` is before that of `train.log.1`, and both come before `train.log`.
/// `train.log-20261125` is by date.
fn rotation(name: &str) -> Option<(&str, u64)> {
    const MOST: u64 = 100_000;
    let numbered = || {
        let (base, number) = name.rsplit_once('.')?;
        let number: u64 = number.parse().ok()?;
        (1..MOST).contains(&number).then_some((base, u64::MAX - number))
    };
    let dated = || {
        let (base, date) = name.rsplit_once('-')?;
        let date = (date.len() >= 8).then(|| date.parse().ok()).flatten()?;
        Some((base, date))
    };
    numbered().or_else(dated).filter(|(base, _)| rotatable(base))
}

fn rotatable(name: &str) -> bool {
    [".log", ".out", ".txt", ".jsonl", ".csv", ".err", ".json"]
        .iter()
        .any(|ending| name.len() > ending.len() && name.ends_with(ending))
}

/// Goes up from where a client puts its file to the folder of the run.
fn leave_containers(folder: &mut Folder, scene: &Scene, label: &mut Label) {
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
        let above = folder.path.parent().map(file_name).unwrap_or_default();
        if name == "files" && wandb_run(above).is_some() {
            folder.pop();
        } else if let Some(id) = wandb_run(&name) {
            made_up("wandb", id);
            folder.pop();
        } else if version(&folder.path).is_some() {
            made_up("version", scene.versions.get(&folder.path).unwrap_or(&name));
            folder.pop();
        } else if above == "runs"
            && let Some(trainer) = folder.path.parent().and_then(Path::parent)
            && scene.trainers.contains(trainer)
        {
            // The Trainer begins `runs/<date>_<host>` at every start.
            folder.pop();
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
fn version(folder: &Path) -> Option<u32> {
    file_name(folder).strip_prefix("version_")?.parse().ok()
}

/// Lightning begins a new version at every start. One that begins in the midst of a
/// run was resumed from a checkpoint: it belongs to the version before.
fn versions(candidates: &[Candidate], memory: &mut Memory) -> HashMap<PathBuf, String> {
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

impl Memory {
    fn begins_midway(&mut self, candidate: &Candidate) -> bool {
        /// Distances between records from 0 to the first one that a fresh run may have.
        const FRESH: u64 = 4;
        if let Some(known) = self.midway.get(&candidate.path) {
            return *known;
        }
        let (head, _) = super::tail::sample(&candidate.path, 1 << 16).unwrap_or_default();
        let whole_lines = memchr::memrchr(b'\n', &head).map_or(head.len(), |end| end + 1);
        let content = if head.contains(&0) {
            head.as_slice()
        } else {
            head.get(..whole_lines).unwrap_or_default()
        };
        let Ok(log) = crate::format::read_all(content, &crate::metric::Names::default()) else {
            return false;
        };
        let mut steps = log.decoded.records.steps().to_vec();
        steps.dedup();
        let [first, second, ..] = steps.as_slice() else {
            return false;
        };
        let midway = *first > FRESH * second.abs_diff(*first).max(1);
        self.midway.insert(candidate.path.clone(), midway);
        midway
    }
}

/// The id in `run-20261123_223648-abc` or `offline-run-...`.
fn wandb_run(folder: &str) -> Option<&str> {
    let rest = folder
        .strip_prefix("offline-run-")
        .or_else(|| folder.strip_prefix("run-"))?;
    let (time, id) = rest.split_once('-')?;
    (time.len() == 15 && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')).then_some(id)
}

fn made(label: &Label) -> &str {
    match label {
        Label::Made { name, .. } => name,
        _ => "",
    }
}

fn stem_label(name: &str) -> Label {
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    let plain = stem.to_lowercase();
    if PLAIN_STEMS.contains(&plain.as_str()) {
        return Label::None;
    }
    // `slurm-10240.out`, `log_1795473699.txt`: a job number or a time.
    let number = stem.trim_start_matches(|character: char| !character.is_ascii_digit());
    let prefix = stem
        .strip_suffix(number)
        .unwrap_or_default()
        .trim_end_matches(['-', '_']);
    let job = number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    let known = ["slurm", "log", "job", "out", "train", "output"].contains(&prefix);
    if job && known {
        return Label::Made {
            class: "job",
            name: stem.to_owned(),
        };
    }
    Label::Chosen(stem.to_owned())
}

/// Consoles of successive jobs (`slurm-1.out`, `slurm-2.out`) are one log where the
/// folder is known to be one run by what else is in it.
fn join_successive_jobs(parts: &mut Vec<Part>) {
    let anchored: BTreeSet<PathBuf> = parts
        .iter()
        .filter(|part| matches!(part.label, Label::None) && part.client != "database")
        .filter(|part| {
            part.client == "tensorboard"
                || part
                    .files
                    .iter()
                    .any(|file| file_name(&file.path) == "trainer_state.json")
        })
        .map(|part| part.folder.path.clone())
        .collect();
    let mut first: HashMap<PathBuf, usize> = HashMap::new();
    let mut index = 0;
    while index < parts.len() {
        let part = &parts[index];
        let job = matches!(part.label, Label::Made { class: "job", .. });
        if !job || part.forced.is_some() || !anchored.contains(&part.folder.path) {
            index += 1;
            continue;
        }
        let folder = part.folder.path.clone();
        match first.get(&folder) {
            Some(&earlier) => {
                let later = parts.remove(index);
                if let Some(part) = parts.get_mut(earlier) {
                    part.files.extend(later.files);
                    part.kind = Kind::Files;
                    part.label = Label::None;
                    part.files
                        .sort_by_cached_key(|file| natural(file_name(&file.path)));
                }
            }
            None => {
                first.insert(folder, index);
                index += 1;
            }
        }
    }
}

/// The run of each log.
fn runs(parts: &[Part]) -> Vec<String> {
    let homes = homes(parts);
    // Names that a client made up tell runs apart only where there are several.
    let mut made_up: BTreeMap<(&Path, &str), BTreeSet<&str>> = BTreeMap::new();
    for (part, home) in parts.iter().zip(&homes) {
        if let Label::Made { class, name } = &part.label {
            made_up.entry((&home.path, class)).or_default().insert(name);
        }
    }
    let keys: Vec<(String, String)> = parts
        .iter()
        .zip(&homes)
        .map(|(part, home)| match (&part.forced, &part.label) {
            (Some(run), _) => ("\0forced".to_owned(), run.clone()),
            (None, Label::Alone) => (part.key.clone(), "\0alone".to_owned()),
            (None, Label::Made { class, name })
                if made_up
                    .get(&(home.path.as_path(), *class))
                    .is_some_and(|names| names.len() > 1) =>
            {
                (home.path.to_string_lossy().into_owned(), name.clone())
            }
            (None, Label::Chosen(stem)) => (home.path.to_string_lossy().into_owned(), format!("\0{stem}")),
            (None, _) => (home.path.to_string_lossy().into_owned(), String::new()),
        })
        .collect();
    let mut size: HashMap<&(String, String), usize> = HashMap::new();
    for key in &keys {
        *size.entry(key).or_default() += 1;
    }
    let mut shown: Vec<String> = Vec::with_capacity(parts.len());
    for ((part, home), key) in parts.iter().zip(&homes).zip(&keys) {
        let alone = size.get(key).is_none_or(|size| *size == 1);
        let by_folder = |name: &str| {
            if name.is_empty() {
                home.title()
            } else if home.shown.is_empty() {
                name.to_owned()
            } else {
                format!("{}/{name}", home.shown)
            }
        };
        shown.push(match (&part.forced, &part.label, part.client) {
            (Some(run), ..) => run.clone(),
            // A single file is known by its own name.
            (None, _, "file" | "database") if alone && part.files.len() <= 1 => part
                .files
                .first()
                .map_or_else(String::new, |file| file.id.clone()),
            (None, _, "file") if alone && part.kind == Kind::Rotated => {
                let newest = part.files.last();
                newest.map_or_else(String::new, |file| file.id.clone())
            }
            (None, Label::Chosen(stem), _) => by_folder(stem),
            (None, Label::Made { .. }, _) => by_folder(&key.1),
            _ => by_folder(""),
        });
    }
    tell_apart(shown, &keys)
}

/// Folders of the same name below different roots are told apart by as much of their
/// paths as that takes.
fn tell_apart(shown: Vec<String>, keys: &[(String, String)]) -> Vec<String> {
    let mut owners: BTreeMap<&str, BTreeSet<&(String, String)>> = BTreeMap::new();
    for (name, key) in shown.iter().zip(keys) {
        owners.entry(name).or_default().insert(key);
    }
    let mut longer: HashMap<&(String, String), String> = HashMap::new();
    for owners in owners.values().filter(|owners| owners.len() > 1) {
        let deepest = owners.iter().map(|(folder, _)| folder.matches('/').count()).max();
        let names = |components: usize| -> Vec<String> {
            owners
                .iter()
                .map(|(folder, label)| with_last_components(folder, label, components))
                .collect()
        };
        let enough = (2..=deepest.unwrap_or(0) + 1)
            .find(|components| {
                let names = names(*components);
                names.iter().collect::<BTreeSet<_>>().len() == names.len()
            })
            .unwrap_or(usize::MAX);
        longer.extend(owners.iter().copied().zip(names(enough)));
    }
    shown
        .iter()
        .zip(keys)
        .map(|(name, key)| longer.get(key).unwrap_or(name).clone())
        .collect()
}

fn with_last_components(folder: &str, label: &str, count: usize) -> String {
    let components: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let start = components.len().saturating_sub(count);
    let mut name = components.get(start..).unwrap_or_default().join("/");
    if start == 0 && folder.starts_with('/') {
        name.insert(0, '/');
    }
    match label.trim_start_matches('\0') {
        "" | "alone" => name,
        label => format!("{name}/{label}"),
    }
}

/// The folder of the run of each log: its own, or the one above where a client keeps
/// `logs/<project>/` in the folder of the run and there is only one such project.
fn homes(parts: &[Part]) -> Vec<Folder> {
    let plain: HashSet<&Path> = parts
        .iter()
        .filter(|part| part.label == Label::None && part.client == "file")
        .map(|part| part.folder.path.as_path())
        .collect();
    let above = |part: &Part| {
        let mut folder = part.folder.clone();
        let container = folder.pop() && CONTAINERS.contains(&folder.name()) && folder.pop();
        (container && plain.contains(folder.path.as_path())).then_some(folder)
    };
    let mut projects: HashMap<(PathBuf, &str), BTreeSet<&Path>> = HashMap::new();
    for part in parts {
        if let Some(home) = above(part) {
            projects
                .entry((home.path, part.client))
                .or_default()
                .insert(&part.folder.path);
        }
    }
    parts
        .iter()
        .map(|part| match above(part) {
            Some(home)
                if projects
                    .get(&(home.path.clone(), part.client))
                    .is_some_and(|projects| projects.len() == 1) =>
            {
                home
            }
            _ => part.folder.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(ids: &[&str]) -> Vec<Candidate> {
        ids.iter()
            .map(|id| Candidate {
                path: Path::new("/data/root").join(id),
                id: (*id).to_owned(),
                named: false,
                size: 1,
                modified: 0.0,
            })
            .collect()
    }

    /// `run: files of each log`, one line per log.
    fn grouped(ids: &[&str]) -> Vec<String> {
        described(group(
            candidates(ids),
            &GroupingSection::default(),
            &mut Memory::default(),
        ))
    }

    fn described(logs: Vec<Log>) -> Vec<String> {
        let mut lines: Vec<String> = logs
            .iter()
            .map(|log| {
                let files: Vec<&str> = log.files.iter().map(|file| file.id.as_str()).collect();
                format!("{}: {}", log.run, files.join(" "))
            })
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn single_logs_keep_their_names() {
        assert_eq!(
            grouped(&["a/metrics.jsonl", "b/train.log", "exp1.csv", "exp2.csv"]),
            [
                "a/metrics.jsonl: a/metrics.jsonl",
                "b/train.log: b/train.log",
                "exp1.csv: exp1.csv",
                "exp2.csv: exp2.csv"
            ]
        );
    }

    #[test]
    fn clients_of_one_folder_are_one_run() {
        assert_eq!(
            grouped(&[
                "acc/logs/tiny/events.out.tfevents.1.host.7.0",
                "acc/logs/tiny/179.3/events.out.tfevents.2.host.7.1",
                "acc/stdout.txt",
                "acc/truth.jsonl",
                "acc/wandb/offline-run-20261123_221451-abc/run-abc.wandb",
                "acc/wandb/offline-run-20261123_221451-abc/files/output.log",
            ]),
            [
                "acc: acc/logs/tiny/events.out.tfevents.1.host.7.0 acc/logs/tiny/179.3/events.out.tfevents.2.host.7.1",
                "acc: acc/stdout.txt",
                "acc: acc/truth.jsonl",
                "acc: acc/wandb/offline-run-20261123_221451-abc/files/output.log",
                "acc: acc/wandb/offline-run-20261123_221451-abc/run-abc.wandb",
            ]
        );
    }

    #[test]
    fn the_trainer_of_hugging_face_restarts_in_the_same_run() {
        assert_eq!(
            grouped(&[
                "r/out/trainer_state.json",
                "r/out/runs/Nov23_22-15-58_h/events.out.tfevents.10.h.1.0",
                "r/out/runs/Nov23_22-16-38_h/events.out.tfevents.20.h.2.0",
                "r/slurm-10240.out",
                "r/slurm-10241.out",
            ]),
            [
                "r: r/out/runs/Nov23_22-15-58_h/events.out.tfevents.10.h.1.0 \
                 r/out/runs/Nov23_22-16-38_h/events.out.tfevents.20.h.2.0",
                "r: r/out/trainer_state.json",
                "r: r/slurm-10240.out r/slurm-10241.out",
            ]
        );
    }

    #[test]
    fn different_experiments_stay_apart() {
        assert_eq!(
            grouped(&[
                "runs/exp1/events.out.tfevents.1.h.1.0",
                "runs/exp2/events.out.tfevents.2.h.2.0",
                "slurm-1001.out",
                "slurm-1002.out",
                "wandb/run-20261123_221451-abc/run-abc.wandb",
                "wandb/run-20261124_221451-def/run-def.wandb",
                "wandb/run-20261125_221451-abc/run-abc.wandb",
            ]),
            [
                "abc: wandb/run-20261123_221451-abc/run-abc.wandb wandb/run-20261125_221451-abc/run-abc.wandb",
                "def: wandb/run-20261124_221451-def/run-def.wandb",
                "runs/exp1: runs/exp1/events.out.tfevents.1.h.1.0",
                "runs/exp2: runs/exp2/events.out.tfevents.2.h.2.0",
                "slurm-1001.out: slurm-1001.out",
                "slurm-1002.out: slurm-1002.out",
            ]
        );
    }

    #[test]
    fn a_version_that_begins_midway_continues_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut found = Vec::new();
        for (version, first) in [(0, 49), (5, 1049), (8, 49)] {
            let id = format!("lightning_logs/version_{version}/metrics.csv");
            let path = folder.path().join(&id);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let rows: String = (0..9).map(|row| format!("{},2.5\n", first + 50 * row)).collect();
            std::fs::write(&path, format!("step,train_loss\n{rows}")).unwrap();
            found.push(Candidate {
                path,
                id,
                named: false,
                size: 1,
                modified: 0.0,
            });
        }
        assert_eq!(
            described(group(found, &GroupingSection::default(), &mut Memory::default())),
            [
                "lightning_logs/version_8/metrics.csv: lightning_logs/version_8/metrics.csv",
                "version_0: lightning_logs/version_0/metrics.csv lightning_logs/version_5/metrics.csv",
            ]
        );
    }

    #[test]
    fn folders_of_one_name_below_several_roots_are_told_apart() {
        let mut found = candidates(&["tb/events.out.tfevents.1.h.1.0", "tb/events.out.tfevents.2.h.2.0"]);
        found[0].path = PathBuf::from("/data/a/x/tb/events.out.tfevents.1.h.1.0");
        found[1].path = PathBuf::from("/data/b/x/tb/events.out.tfevents.2.h.2.0");
        let logs = group(found, &GroupingSection::default(), &mut Memory::default());
        let runs: Vec<&str> = logs.iter().map(|log| log.run.as_str()).collect();
        assert_eq!(runs, ["a/x", "b/x"]);
    }

    #[test]
    fn rotated_files_are_one_log_the_oldest_first() {
        assert_eq!(
            grouped(&["r/train.log", "r/train.log.1", "r/train.log.10", "r/train.log.2"]),
            ["r/train.log: r/train.log.10 r/train.log.2 r/train.log.1 r/train.log"]
        );
        assert_eq!(
            grouped(&["a.out", "a.out-20261124", "a.out-20261123", "b-20261123.log"]),
            [
                "a.out: a.out-20261123 a.out-20261124 a.out",
                "b-20261123.log: b-20261123.log"
            ]
        );
    }

    #[test]
    fn same_stem_is_one_run_and_the_user_has_the_last_word() {
        let files = ["exp1.csv", "exp1.jsonl", "exp2.csv", "late.csv"];
        assert_eq!(
            grouped(&files),
            [
                "exp1: exp1.csv",
                "exp1: exp1.jsonl",
                "exp2.csv: exp2.csv",
                "late.csv: late.csv"
            ]
        );
        let section: GroupingSection = toml::from_str(
            "split = [\"exp1.*\"]\n[[join]]\nrun = \"all\"\nfiles = [\"exp2.csv\", \"late.csv\"]\n",
        )
        .unwrap();
        assert_eq!(
            described(group(candidates(&files), &section, &mut Memory::default())),
            [
                "all: exp2.csv late.csv",
                "exp1.csv: exp1.csv",
                "exp1.jsonl: exp1.jsonl"
            ]
        );
    }
}
