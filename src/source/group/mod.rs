//! Which files are one log, and which logs are one run.
//!
//! A log is what one client wrote: a file, or several where it begins a new one at
//! every start (TensorBoard, W&B) or where old files are moved aside (`train.log.1`).
//! A run is what was trained: the logs of all clients that recorded it. Both are told
//! from folders and names; `losscast.toml` overrules.

mod folder;
mod glimpse;
mod memory;
pub(in crate::source) mod names;
mod runs;
mod scene;
#[cfg(test)]
mod tests;
mod told_twice;

use std::collections::BTreeMap;
use std::path::PathBuf;

use self::folder::Folder;
pub use self::memory::Memory;
use self::names::{Piece, file_name, is_database, natural, rotation, stem_label};
use self::runs::{join_successive_jobs, part_contradicting, part_launches, runs};
use self::scene::Scene;

use super::discover::{Candidate, Sharer};
use super::metric_files::Store;
use super::packed::unpacked_name;
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
    /// As a folder with one file per metric.
    MetricFiles(PathBuf, Store),
}

/// Finds the logs and runs among the files.
pub fn group(candidates: Vec<Candidate>, grouping: &GroupingSection, memory: &mut Memory) -> Vec<Log> {
    memory.searched();
    let scene = Scene::new(&candidates, memory);
    let mut logs: BTreeMap<String, Part> = BTreeMap::new();
    let shared = |candidate: Candidate| shares(candidate, memory);
    for candidate in candidates.into_iter().flat_map(shared) {
        let part = if let Some(sharer) = &candidate.sharer {
            Some(Part::share(&candidate, sharer))
        } else if grouping.splits(&candidate.id) {
            Some(Part::alone(&candidate))
        } else {
            scene.place(&candidate)
        };
        let Some(mut part) = part else {
            continue;
        };
        if candidate.sharer.is_none()
            && let Some(run) = grouping.joined(&candidate.id)
        {
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
    part_launches(&mut parts, memory);
    for part in &mut parts {
        let order = part.order();
        part.files.sort_by_cached_key(|file| order(file));
    }
    join_successive_jobs(&mut parts, memory);
    part_contradicting(&mut parts, memory);
    let runs = runs(&parts, memory);
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

/// A candidate for each run that shares a file; what no several runs share by itself.
fn shares(candidate: Candidate, memory: &mut Memory) -> Vec<Candidate> {
    let sharers = memory.sharers(&candidate);
    if sharers.runs.is_empty() {
        return vec![candidate];
    }
    // Panels tell of the same runs, other tables of their own.
    let table = match stem_label(unpacked_name(file_name(&candidate.path))) {
        Label::Chosen(stem) if !sharers.of_a_panel => format!("{stem}/"),
        _ => String::new(),
    };
    let share = |sharer: Sharer| Candidate {
        sharer: Some(Sharer {
            label: format!("{table}{}", sharer.label),
            run: sharer.run,
        }),
        ..candidate.clone()
    };
    sharers.runs.into_iter().map(share).collect()
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

    /// What a run has of a table that it shares.
    fn share(candidate: &Candidate, sharer: &Sharer) -> Self {
        let key = format!("{}\0{}", candidate.path.display(), sharer.run);
        let label = Label::Chosen(sharer.label.clone());
        Part::new(Kind::Files, Folder::of(candidate), label, "table", key)
    }

    /// The order in which the files were begun.
    fn order(&self) -> impl Fn(&Candidate) -> Vec<Piece> + use<> {
        let rotated = self.kind == Kind::Rotated;
        move |file: &Candidate| {
            let name = file_name(&file.path);
            if rotated {
                // `train.log.3` is older than `train.log.1`, which is older than `train.log`.
                let place = rotation(unpacked_name(name)).map_or(u64::MAX, |(_, place)| place);
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

fn made(label: &Label) -> &str {
    match label {
        Label::Made { name, .. } => name,
        _ => "",
    }
}
