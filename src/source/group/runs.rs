//! Which logs are one run, and what it is called.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::folder::{CONTAINERS, Folder};
use super::names::{ending, file_name, is_of_a_rank, lineage, natural};
use super::told_twice::join_told_twice;
use super::{Kind, Label, Memory, Part, made};
use crate::source::discover::Candidate;
use crate::source::file_name::training_beside;

/// Consoles of successive jobs (`slurm-1.out`, `slurm-2.out`) are one log where the
/// folder is known to be one run by what else is in it, or where each goes on with what the one
/// before it has left.
pub(super) fn join_successive_jobs(parts: &mut Vec<Part>, memory: &mut Memory) {
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
    let is_job =
        |part: &mut Part| matches!(part.label, Label::Made { class: "job", .. }) && part.forced.is_none();
    let mut jobs: Vec<Part> = parts.extract_if(.., is_job).collect();
    jobs.sort_by_cached_key(|job| (job.folder.path.clone(), natural(&job.key)));
    let mut joined: Vec<Part> = Vec::new();
    for job in jobs {
        let anchored = anchored.contains(&job.folder.path);
        let goes_on = |earlier: &&mut Part| {
            let (Some(before), Some(later)) = (earlier.files.last(), job.files.first()) else {
                return false;
            };
            earlier.folder.path == job.folder.path
                && (memory.continues(before, later) || anchored && !memory.begins_afresh(later))
        };
        match joined.last_mut().filter(goes_on) {
            Some(earlier) => {
                earlier.files.extend(job.files);
                earlier.kind = Kind::Files;
                earlier
                    .files
                    .sort_by_cached_key(|file| natural(file_name(&file.path)));
                if anchored {
                    earlier.label = Label::None;
                }
            }
            None => joined.push(job),
        }
    }
    parts.extend(joined);
    join_resumed(parts, memory);
}

/// Logs that somebody named, start by start, are one log where each goes on where the one before
/// it has ended.
fn join_resumed(parts: &mut Vec<Part>, memory: &mut Memory) {
    let mut lineages: BTreeMap<(PathBuf, String, String), Vec<Part>> = BTreeMap::new();
    let named = |part: &mut Part| {
        let by_name = matches!(part.label, Label::Chosen(_) | Label::None);
        by_name && part.client == "file" && part.kind == Kind::Files && part.forced.is_none()
    };
    for part in parts.extract_if(.., named) {
        let name = part.files.first().map_or("", |file| file_name(&file.path));
        let key = (part.folder.path.clone(), lineage(name), ending(name).to_owned());
        lineages.entry(key).or_default().push(part);
    }
    for mut lineage in lineages.into_values() {
        if lineage.len() > 1 {
            lineage.sort_by_cached_key(|part| {
                let begins = part.files.first().and_then(|file| memory.begins_at(file));
                (
                    begins,
                    part.files.first().map(|file| natural(file_name(&file.path))),
                )
            });
        }
        let mut joined: Vec<Part> = Vec::new();
        for part in lineage {
            let goes_on = |earlier: &&mut Part| match (earlier.files.last(), part.files.first()) {
                (Some(before), Some(later)) => memory.resumes(before, later),
                _ => false,
            };
            match joined.last_mut().filter(goes_on) {
                Some(earlier) => earlier.files.extend(part.files),
                None => joined.push(part),
            }
        }
        parts.extend(joined);
    }
}

/// Numbered files that each begin at the beginning were not moved aside while a run went on: they
/// are of a launch each.
pub(super) fn part_launches(parts: &mut Vec<Part>, memory: &mut Memory) {
    let begins_again = |part: &mut Part| {
        part.kind == Kind::Rotated
            && part.files.len() > 1
            && part.files.iter().all(|file| memory.begins_afresh(file))
    };
    let launched: Vec<Part> = parts.extract_if(.., begins_again).collect();
    for part in launched {
        parts.extend(part.files.iter().map(|file| Part {
            key: file.path.to_string_lossy().into_owned(),
            kind: Kind::Files,
            label: Label::Chosen(file_name(&file.path).to_owned()),
            files: vec![file.clone()],
            ..part.clone()
        }));
    }
}

fn is_held_out(path: &Path) -> bool {
    let is_named = |word: &&str| file_name(path).contains(*word);
    ["eval", "val", "test"].iter().any(is_named) || training_beside(path).is_some()
}

/// Logs with plain names in one folder (`train.jsonl`, `log.txt`) are of one run, unless
/// they contradict one another: then each that does has its own.
pub(super) fn part_contradicting(parts: &mut [Part], memory: &mut Memory) {
    let mut folders: BTreeMap<PathBuf, Vec<usize>> = BTreeMap::new();
    for (index, part) in parts.iter().enumerate() {
        let plain = matches!(part.label, Label::None | Label::Made { class: "job", .. });
        let plain = plain && part.client == "file" && part.forced.is_none();
        // A log of several files has begun more than once; one of held-out data may call its
        // loss just that; each rank has a loss of its own.
        let single = part.files.len() == 1;
        let aside = |file: &Candidate| is_held_out(&file.path) || is_of_a_rank(file_name(&file.path));
        if plain && single && !part.files.iter().any(aside) {
            folders.entry(part.folder.path.clone()).or_default().push(index);
        }
    }
    for members in folders.values().filter(|members| members.len() > 1) {
        let mut stayed: Vec<(Label, Candidate)> = Vec::new();
        for index in members {
            let Some((part, file)) = parts
                .get_mut(*index)
                .and_then(|part| part.files.first().cloned().map(|file| (part, file)))
            else {
                continue;
            };
            // Names of jobs tell them apart already.
            let are_two = |label: &Label| {
                !made(label).is_empty() && !made(&part.label).is_empty() && *label != part.label
            };
            let mut known = stayed.iter().filter(|(label, _)| !are_two(label));
            if known.any(|(_, known)| memory.contradict(known, &file)) {
                part.label = Label::Chosen(file_name(&file.path).to_owned());
            } else {
                stayed.push((part.label.clone(), file));
            }
        }
    }
}

/// True for a text log, or a client's own, without a loss: that of an attempt which failed.
fn says_nothing(part: &Part, memory: &mut Memory) -> bool {
    let by_itself = matches!(part.kind, Kind::Files | Kind::Rotated);
    by_itself && part.files.iter().all(|file| memory.says_nothing(file))
}

/// The run of each log.
pub(super) fn runs(parts: &[Part], memory: &mut Memory) -> Vec<String> {
    let homes = homes(parts, memory);
    // Names that a client made up tell runs apart only where there are several.
    let mut made_up: BTreeMap<(&Path, &str), BTreeMap<&str, Vec<&Part>>> = BTreeMap::new();
    for (part, home) in parts.iter().zip(&homes) {
        if let Label::Made { class, name } = &part.label {
            let names = made_up.entry((&home.path, class)).or_default();
            names.entry(name).or_default().push(part);
        }
    }
    for names in made_up.values_mut().filter(|names| names.len() > 1) {
        names.retain(|_, parts| !parts.iter().all(|part| says_nothing(part, memory)));
    }
    // A log without such a name is of the run that says the same.
    let mut named_by_another = |part: &Part, home: &Folder| {
        let own = part.files.first().filter(|_| part.label == Label::None)?;
        let of_home = made_up
            .iter()
            .filter(|((folder, _), names)| *folder == home.path && names.len() > 1);
        let mut named = of_home.flat_map(|(_, names)| names);
        let agreeing = named.find(|(_, parts)| {
            let mut files = parts.iter().flat_map(|part| &part.files);
            files.any(|file| memory.agree(own, file))
        });
        agreeing.map(|(name, _)| (*name).to_owned())
    };
    let adopted: Vec<Option<String>> = parts
        .iter()
        .zip(&homes)
        .map(|(part, home)| named_by_another(part, home))
        .collect();
    let mut keys: Vec<(String, String)> = parts
        .iter()
        .zip(&homes)
        .zip(adopted)
        .map(|((part, home), adopted)| {
            let folder = home.path.to_string_lossy().into_owned();
            let several = |class: &&'static str| {
                let names = made_up.get(&(home.path.as_path(), *class));
                names.is_some_and(|names| names.len() > 1)
            };
            match (&part.forced, &part.label) {
                (Some(run), _) => ("\0forced".to_owned(), run.clone()),
                (None, Label::Alone) => (part.key.clone(), "\0alone".to_owned()),
                (None, Label::Made { class, name }) if several(class) => (folder, name.clone()),
                (None, Label::Chosen(stem)) => (folder, format!("\0{stem}")),
                (None, _) => (folder, adopted.unwrap_or_default()),
            }
        })
        .collect();
    let own_keys = keys.clone();
    join_told_twice(parts, &mut keys, memory);
    let mut size: HashMap<&(String, String), usize> = HashMap::new();
    for key in &keys {
        *size.entry(key).or_default() += 1;
    }
    // The errors of a job that has none do not change its name.
    let is_job = |part: &Part| matches!(part.label, Label::Made { class: "job", .. });
    let silent: Vec<bool> = parts
        .iter()
        .zip(&keys)
        .map(|(part, key)| size[key] > 1 && is_job(part) && says_nothing(part, memory))
        .collect();
    for (key, _) in keys.iter().zip(&silent).filter(|(_, silent)| **silent) {
        size.entry(key).and_modify(|size| *size -= 1);
    }
    let mut shown: Vec<String> = Vec::with_capacity(parts.len());
    for ((part, home), key) in parts.iter().zip(&homes).zip(&keys) {
        let alone = size[key] <= 1;
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
            (None, Label::Alone, _) => by_folder(""),
            (None, Label::Made { .. } | Label::None, _) => by_folder(&key.1),
        });
    }
    // What joined another run, or says nothing, goes by the name of the others.
    let follows: Vec<bool> = own_keys
        .iter()
        .zip(&keys)
        .zip(&silent)
        .map(|((own, key), silent)| own != key || *silent)
        .collect();
    let mut names: HashMap<&(String, String), String> = HashMap::new();
    for ((key, name), follows) in keys.iter().zip(&shown).zip(&follows) {
        if !follows {
            names.entry(key).or_insert_with(|| name.clone());
        }
    }
    for ((key, name), follows) in keys.iter().zip(&mut shown).zip(&follows) {
        if let Some(of_the_run) = names.get(key).filter(|_| *follows) {
            name.clone_from(of_the_run);
        }
    }
    tell_apart(shown, &keys)
}

/// Folders of the same name below different roots are told apart by as much of their
/// paths as that takes.
pub(super) fn tell_apart(shown: Vec<String>, keys: &[(String, String)]) -> Vec<String> {
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

pub(super) fn with_last_components(folder: &str, label: &str, count: usize) -> String {
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
pub(super) fn homes(parts: &[Part], memory: &mut Memory) -> Vec<Folder> {
    let mut plain: HashMap<&Path, Vec<&Candidate>> = HashMap::new();
    for part in parts
        .iter()
        .filter(|part| part.label == Label::None && part.client == "file")
        .filter(|part| !says_nothing(part, memory))
    {
        let files = plain.entry(part.folder.path.as_path()).or_default();
        files.extend(part.files.first());
    }
    // A log of another run may lie above as well.
    let mut is_of_another = |part: &Part, above: &[&Candidate]| {
        let file = part.files.first();
        file.is_some_and(|file| above.iter().any(|other| memory.contradict(other, file)))
    };
    let above: Vec<Option<Folder>> = parts
        .iter()
        .map(|part| {
            let mut folder = part.folder.clone();
            let container = folder.pop() && CONTAINERS.contains(&folder.name()) && folder.pop();
            let logs = plain.get(folder.path.as_path()).filter(|_| container)?;
            (!is_of_another(part, logs)).then_some(folder)
        })
        .collect();
    let mut projects: HashMap<(PathBuf, &str), BTreeSet<&Path>> = HashMap::new();
    for (part, home) in parts.iter().zip(&above) {
        if let Some(home) = home {
            projects
                .entry((home.path.clone(), part.client))
                .or_default()
                .insert(&part.folder.path);
        }
    }
    parts
        .iter()
        .zip(above)
        .map(|(part, above)| match above {
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
