//! Finds the files that may be logs below the paths that the user gave.

use std::collections::{HashMap, HashSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::group::names::{is_wandb_run, rotatable, rotation};
use super::packed::unpacked_name;

/// Folders are searched this many levels deep.
const DEPTH: usize = 12;
/// At most this many files are looked at.
const MOST_FILES: usize = 20_000;

/// File name endings that are never logs. Everything else is judged by its content.
const NEVER_LOGS: &[&str] = &[
    "py",
    "pyc",
    "md",
    "rst",
    "yaml",
    "yml",
    "toml",
    "lock",
    "html",
    "htm",
    "css",
    "js",
    "ts",
    "c",
    "cc",
    "cpp",
    "cu",
    "cuh",
    "h",
    "hpp",
    "rs",
    "go",
    "sh",
    "sbatch",
    "pt",
    "pth",
    "ckpt",
    "distcp",
    "onnx",
    "pb",
    "npz",
    "bin",
    "safetensors",
    "gguf",
    "npy",
    "pkl",
    "h5",
    "hdf5",
    "msgpack",
    "parquet",
    "arrow",
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "pdf",
    "gz",
    "bz2",
    "xz",
    "zip",
    "tar",
    "zst",
    "so",
    "o",
    "a",
    "idx",
    "model",
    "spm",
    "vocab",
    "exe",
    "whl",
    "swp",
    "pid",
    "patch",
    "diff",
];

/// Folders that hold no logs and may hold very many files.
const NEVER_FOLDERS: &[&str] = &[
    "node_modules",
    "__pycache__",
    "site-packages",
    "venv",
    // Of data sets for vision, a file for each picture.
    "labels",
    "images",
];
/// What tools put into folders of things that can be made again (<https://bford.info/cachedir>):
/// Cargo's `target` has it, the target of a domain adaptation has not.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// A file that may be a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Where it is.
    pub path: PathBuf,
    /// Identifier for the user, unique among the candidates.
    pub id: String,
    /// True when the user named this very file.
    pub named: bool,
    /// Of a table that several runs share, the one that is meant.
    pub sharer: Option<Sharer>,
    /// Size in bytes when it was found.
    pub size: u64,
    /// Seconds since the Unix epoch at which it was last changed.
    pub modified: f64,
    /// Device and inode: another file may come to its name.
    pub inode: (u64, u64),
}

/// One of the runs that share a table or a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Sharer {
    /// What the table calls it, or its place in the document.
    pub run: String,
    /// What it is called among the runs of the folder.
    pub label: String,
}

/// What a search has found.
#[derive(Debug, Default)]
pub struct Found {
    /// Files that may be logs, in the order of their ids.
    pub candidates: Vec<Candidate>,
    /// Folders, for the watcher.
    pub folders: Vec<PathBuf>,
    /// Paths that cannot be read, and why.
    pub problems: Vec<(PathBuf, String)>,
}

/// Searches the given files and folders.
pub fn discover(roots: &[PathBuf]) -> Found {
    let roots: Vec<PathBuf> = roots.iter().map(|root| run_of_its_files(root)).collect();
    let roots = roots.as_slice();
    let mut found = Found::default();
    for root in roots {
        if let Some(store) = aim_store(root) {
            found.problems.push((store.to_owned(), AIM.to_owned()));
            continue;
        }
        match std::fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => {
                let before = found.candidates.len();
                search(root, &mut found);
                let mut own = found.candidates.split_off(before);
                drop_older_checkpoints(&mut own, |candidate| candidate.id.clone());
                found.candidates.append(&mut own);
            }
            Ok(metadata) => {
                if let Some(folder) = root.parent() {
                    let folder = if folder.as_os_str().is_empty() {
                        Path::new(".")
                    } else {
                        folder
                    };
                    found.folders.push(folder.to_owned());
                }
                let id = root.file_name().map_or_else(
                    || root.display().to_string(),
                    |name| name.to_string_lossy().into_owned(),
                );
                found
                    .candidates
                    .push(candidate(root.clone(), id, true, &metadata));
            }
            Err(error) => found.problems.push((root.clone(), explain_root(&error))),
        }
    }
    drop_older_checkpoints(&mut found.candidates, |candidate| {
        let path = candidate.path.to_string_lossy().into_owned();
        if candidate.named { path } else { String::new() }
    });
    let mut seen = HashSet::new();
    // One place may have been given twice, in different words.
    let place = |path: &Path| match roots {
        [_] => path.to_owned(),
        _ => path.canonicalize().unwrap_or(path.to_owned()),
    };
    found
        .candidates
        .retain(|candidate| seen.insert(place(&candidate.path)));
    make_unique(&mut found.candidates, roots);
    found.candidates.sort_by(|one, other| one.id.cmp(&other.id));
    found.folders.sort();
    found.folders.dedup();
    found
}

/// The folder that Aim keeps its runs in.
const AIM_FOLDER: &str = ".aim";
const AIM: &str = "an Aim store, which losscast does not read; write the metrics of a run from Python \
                   (`aim.Repo(PATH).query_metrics(...)`, `metric.values.sparse_numpy()`) to a CSV or JSONL file with a step and a loss, \
                   or log to one beside Aim";

/// The Aim store that a path is, or lies in.
fn aim_store(path: &Path) -> Option<&Path> {
    path.ancestors()
        .find(|folder| folder.ends_with(AIM_FOLDER) && folder.join("meta").is_dir())
}

/// Says what an I/O error means and what to do.
pub fn explain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => {
            "permission denied; make it readable for this user".to_owned()
        }
        _ => error.to_string(),
    }
}

/// The same of a path that was given: what may be given instead.
pub fn explain_root(error: &std::io::Error) -> String {
    let what = explain(error);
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("{what}; give a log, a folder of logs, ssh://node/path, or - for standard input")
        }
        _ => what,
    }
}

fn search(root: &Path, found: &mut Found) {
    let mut files = 0;
    let mut to_do = vec![root.to_owned()];
    let mut linked: HashSet<PathBuf> = HashSet::new();
    while let Some(folder) = to_do.pop() {
        let walk = WalkDir::new(&folder)
            .max_depth(DEPTH)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || !ignored(entry));
        for entry in walk {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().unwrap_or(root).to_owned();
                    let message = error.io_error().map_or_else(|| error.to_string(), explain);
                    found.problems.push((path, message));
                    continue;
                }
            };
            if entry.file_type().is_dir() {
                let store = entry.path().join(AIM_FOLDER);
                if store.join("meta").is_dir() {
                    found.problems.push((store, AIM.to_owned()));
                }
                found.folders.push(entry.into_path());
                continue;
            }
            // A link is followed, unless it leads into the same tree: "latest" beside the run
            // itself.
            let Ok(metadata) = std::fs::metadata(entry.path()) else {
                continue;
            };
            if entry.path_is_symlink() && leads_into(entry.path(), root) {
                continue;
            }
            if metadata.is_dir() && entry.depth() > 0 {
                // Scratch space, often; each once, wherever links to it lie.
                let target = entry.path().canonicalize();
                to_do.extend(
                    target
                        .is_ok_and(|target| linked.insert(target))
                        .then(|| entry.path().to_owned()),
                );
                continue;
            }
            if !metadata.is_file() {
                continue;
            }
            files += 1;
            if files > MOST_FILES {
                let message = format!(
                    "more than {MOST_FILES} files; only the first are looked at. Name a folder further down"
                );
                found.problems.push((root.to_owned(), message));
                return;
            }
            let id = relative_id(entry.path(), root);
            found
                .candidates
                .push(candidate(entry.path().to_owned(), id, false, &metadata));
        }
    }
}

fn leads_into(link: &Path, root: &Path) -> bool {
    match (link.canonicalize(), root.canonicalize()) {
        // Nor out of it and in again.
        (Ok(target), Ok(root)) => target.starts_with(&root) || root.starts_with(target),
        _ => false,
    }
}

fn relative_id(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

fn candidate(path: PathBuf, id: String, named: bool, metadata: &Metadata) -> Candidate {
    Candidate {
        path,
        id,
        named,
        sharer: None,
        size: metadata.len(),
        modified: super::tail::modified(metadata),
        inode: (metadata.dev(), metadata.ino()),
    }
}

fn ignored(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    if name.starts_with('.') {
        return true;
    }
    if entry.file_type().is_dir() {
        return NEVER_FOLDERS.contains(&name.as_ref())
            || entry.path().join(CACHE_TAG).exists()
            || is_a_copy_of_the_latest_run(entry.path());
    }
    never_a_log(entry.path()) || has_its_original_beside_it(entry.path())
}

/// The names of W&B's logs in a folder.
fn wandb_logs(folder: &Path) -> Vec<String> {
    let mut names = names_in(folder);
    names.retain(|name| name.ends_with(".wandb"));
    names
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.collect()
}

/// W&B keeps its log of a run beside the folder `files` of what came with it: who gives that means
/// the run.
fn run_of_its_files(root: &Path) -> PathBuf {
    let run = root.parent().filter(|_| root.ends_with("files"));
    let run = run.filter(|run| !wandb_logs(run).is_empty());
    run.unwrap_or(root).to_owned()
}

/// W&B links `latest-run` to a folder beside it; where a tree was copied, it is one more copy.
fn is_a_copy_of_the_latest_run(folder: &Path) -> bool {
    let Some(wandb) = folder.parent().filter(|_| folder.ends_with("wandb/latest-run")) else {
        return false;
    };
    let logs = wandb_logs(folder);
    let runs = names_in(wandb);
    let mut runs = runs.iter().filter(|name| is_wandb_run(name));
    runs.any(|run| {
        let run = wandb.join(run);
        logs.iter().any(|log| run.join(log).exists())
            || logs.is_empty() && holds_all_of(&run.join("files"), &folder.join("files"))
    })
}

/// True when a folder has each of the files in another one, and as many bytes of it.
fn holds_all_of(folder: &Path, other: &Path) -> bool {
    let size = |folder: &Path, name: &String| Some(std::fs::metadata(folder.join(name)).ok()?.len());
    let names = names_in(other);
    !names.is_empty() && names.iter().all(|name| size(folder, name) == size(other, name))
}

/// Named like what is never a log.
fn never_a_log(path: &Path) -> bool {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase());
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    (is_of_scores(name) || ending.is_some_and(|ending| NEVER_LOGS.contains(&ending.as_str())))
        && original(path).is_none()
        && !is_unreadably_packed(path)
}

/// Named like an evaluation of StyleGAN, which has a score for each snapshot and stands beside its log:
/// `metric-fid50k_full.jsonl`, `metric-ppl2_wend.jsonl`.
fn is_of_scores(name: &str) -> bool {
    const SCORES: [&str; 7] = ["fid", "kid", "is", "pr", "ppl", "eqt", "eqr"];
    let score = name
        .strip_prefix("metric-")
        .and_then(|name| name.strip_suffix(".jsonl"));
    score.is_some_and(|score| {
        let mut counts = SCORES.iter().filter_map(|known| score.strip_prefix(known));
        counts.any(|count| count.starts_with(|first: char| first.is_ascii_digit()))
    })
}

/// Named like a log that was compressed in a way that is not read: which is to be said, for a
/// part of a run may be missing without it.
pub(super) fn is_unreadably_packed(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let plain = ["xz", "bz2", "zst"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending)?.strip_suffix('.'));
    plain.is_some_and(|plain| rotation(plain).is_some() || rotatable(plain))
}

/// True when a search passes over a file, given by its path below where the search began.
pub(super) fn is_passed_over(path: &Path) -> bool {
    let folders = path.parent().into_iter().flat_map(Path::components);
    never_a_log(path)
        || folders
            .filter_map(|folder| folder.as_os_str().to_str())
            .any(|folder| NEVER_FOLDERS.contains(&folder))
}

/// What a compressed log was called.
fn original(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let plain = unpacked_name(name);
    (plain != name && (rotation(plain).is_some() || rotatable(plain))).then_some(plain)
}

/// A rotation has written the compressed log, and will remove the log itself.
fn has_its_original_beside_it(path: &Path) -> bool {
    original(path).is_some_and(|plain| path.with_file_name(plain).exists())
}

/// Hugging Face writes `trainer_state.json` into every `checkpoint-N` and, at the
/// end, beside them: each is the whole log so far. Only the newest one counts; it
/// bears the id of the run's folder, so that the run keeps its identity. `place` is where a
/// candidate lies among the others.
fn drop_older_checkpoints(candidates: &mut Vec<Candidate>, place: impl Fn(&Candidate) -> String) {
    let mut newest: HashMap<String, (u64, usize)> = HashMap::new();
    let mut drop = vec![false; candidates.len()];
    for index in 0..candidates.len() {
        let Some((run, number)) = candidates
            .get(index)
            .and_then(|candidate| checkpoint(&place(candidate)))
        else {
            continue;
        };
        match newest.get(&run) {
            Some((best, _)) if *best >= number => drop[index] = true,
            other => {
                if let Some((_, older)) = other {
                    drop[*older] = true;
                }
                newest.insert(run.clone(), (number, index));
            }
        }
    }
    for (run, (_, index)) in newest {
        if let Some(candidate) = candidates.get_mut(index)
            && !candidate.named
        {
            candidate.id = run;
        }
    }
    let mut kept = drop.into_iter();
    candidates.retain(|_| !kept.next().unwrap_or(false));
}

/// For `run/checkpoint-500/trainer_state.json`: (`run/trainer_state.json`, 500).
fn checkpoint(id: &str) -> Option<(String, u64)> {
    let folder = id.strip_suffix("trainer_state.json")?;
    let trimmed = folder.trim_end_matches('/');
    let (run, last) = trimmed.rsplit_once('/').unwrap_or(("", trimmed));
    let Some(number) = last
        .strip_prefix("checkpoint-")
        .and_then(|number| number.parse().ok())
    else {
        let number = if last == "last-checkpoint" {
            u64::MAX - 1
        } else {
            u64::MAX
        };
        let run = if last == "last-checkpoint" { run } else { trimmed };
        return Some((join(run), number));
    };
    Some((join(run), number))
}

fn join(run: &str) -> String {
    if run.is_empty() {
        "trainer_state.json".to_owned()
    } else {
        format!("{run}/trainer_state.json")
    }
}

/// Two roots may hold files of the same relative path: then the ids of all files in folders
/// begin with the name of their root, or with its path where that is not enough either.
fn make_unique(candidates: &mut [Candidate], roots: &[PathBuf]) {
    if are_unique(candidates) {
        return;
    }
    let name = |root: &PathBuf| root.file_name().map(|name| name.to_string_lossy().into_owned());
    let names: HashSet<String> = roots.iter().filter_map(name).collect();
    let by_name = names.len() == roots.len();
    for candidate in candidates.iter_mut().filter(|candidate| !candidate.named) {
        let root = roots.iter().find(|root| candidate.path.starts_with(root));
        let shown = root.filter(|_| by_name).and_then(name);
        let shown = shown.or_else(|| Some(root?.to_string_lossy().into_owned()));
        if let Some(shown) = shown {
            candidate.id = format!("{}/{}", shown.trim_end_matches('/'), candidate.id);
        }
    }
    if !are_unique(candidates) {
        for candidate in candidates {
            candidate.id = candidate.path.to_string_lossy().into_owned();
        }
    }
}

fn are_unique(candidates: &[Candidate]) -> bool {
    let mut seen: HashSet<&str> = HashSet::new();
    candidates.iter().all(|candidate| seen.insert(&candidate.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }

    #[test]
    fn an_aim_store_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join(".aim");
        std::fs::create_dir_all(store.join("meta/chunks")).unwrap();
        std::fs::write(store.join("meta/chunks/000004.log"), "x").unwrap();
        std::fs::write(folder.path().join("train.jsonl"), "{}\n").unwrap();
        for (root, files) in [
            (folder.path().to_owned(), 1),
            (store.clone(), 0),
            (store.join("run_metadata.sqlite"), 0),
        ] {
            let found = discover(&[root]);
            assert_eq!(found.candidates.len(), files);
            assert_eq!(found.problems, [(store.clone(), AIM.to_owned())]);
        }
    }

    #[test]
    fn logs_are_found_and_the_rest_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            "a/metric-fid50k_full.jsonl",
            "a/metric-ppl2_wend.jsonl",
            "a/metric-pretraining.jsonl",
            "a/metrics.jsonl",
            "a/model.safetensors",
            "b/train.log",
            "b/.git/x.log",
            "c/odd-name",
        ] {
            touch(&folder.path().join(path));
        }
        let found = discover(&[folder.path().to_owned()]);
        let ids: Vec<&str> = found
            .candidates
            .iter()
            .map(|candidate| candidate.id.as_str())
            .collect();
        assert_eq!(
            ids,
            [
                "a/metric-pretraining.jsonl",
                "a/metrics.jsonl",
                "b/train.log",
                "c/odd-name"
            ]
        );
    }

    #[test]
    fn roots_with_files_of_the_same_names_keep_theirs_together() {
        let folder = tempfile::tempdir().unwrap();
        let root = |name: &str| folder.path().join(name);
        for path in [
            "one/train.log",
            "one/val.log",
            "one/checkpoint-5/trainer_state.json",
            "two/train.log",
            "two/valid.log",
            "two/checkpoint-9/trainer_state.json",
            "three/two/train.log",
        ] {
            touch(&root(path));
        }
        let ids = |roots: &[&str]| -> Vec<String> {
            let roots: Vec<PathBuf> = roots.iter().map(|name| root(name)).collect();
            let found = discover(&roots).candidates;
            found.into_iter().map(|candidate| candidate.id).collect()
        };
        assert_eq!(
            ids(&["one", "two"]),
            [
                "one/train.log",
                "one/trainer_state.json",
                "one/val.log",
                "two/train.log",
                "two/trainer_state.json",
                "two/valid.log"
            ]
        );
        assert!(ids(&["two", "three/two"]).iter().all(|id| id.starts_with('/')));
        assert_eq!(ids(&["three", "three/two"]).len(), 1);
        let states = [
            "one/checkpoint-5/trainer_state.json",
            "two/checkpoint-9/trainer_state.json",
        ];
        assert_eq!(ids(&states).len(), 2);
    }

    #[test]
    fn only_the_newest_checkpoint_state_is_the_run() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            "r/checkpoint-500/trainer_state.json",
            "r/checkpoint-1000/trainer_state.json",
        ] {
            touch(&folder.path().join(path));
        }
        let one = |folder: &Path| {
            let found = discover(&[folder.to_owned()]);
            assert_eq!(found.candidates.len(), 1, "{found:?}");
            found.candidates.into_iter().next().unwrap()
        };
        let before = one(folder.path());
        assert!(before.path.ends_with("r/checkpoint-1000/trainer_state.json"));
        touch(&folder.path().join("r/trainer_state.json"));
        let after = one(folder.path());
        assert_eq!(after.path, folder.path().join("r/trainer_state.json"));
        assert_eq!(before.id, after.id);
    }

    #[test]
    fn a_copy_of_the_latest_run_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let wandb = folder.path().join("wandb");
        for path in [
            "latest-run/files/output.log",
            "run-20211019_161302-3v1gxofa/files/output.log",
        ] {
            touch(&wandb.join(path));
        }
        let count = || discover(&[folder.path().to_owned()]).candidates.len();
        assert_eq!(count(), 1);
        // Of a run that is not there, by its log.
        std::fs::write(wandb.join("latest-run/files/output.log"), "another").unwrap();
        assert_eq!(count(), 2);
    }

    #[test]
    fn a_missing_path_says_so() {
        let found = discover(&[PathBuf::from("/nowhere/at/all")]);
        assert!(found.problems[0].1.starts_with("no such file or folder;"));
    }
}
