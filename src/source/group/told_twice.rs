//! Runs that are told of in two places: by a console in `slurm/` and by what the trainer records in
//! `outputs/`, or by a table in `csv/` and by event files in `logs/fit/`. Names do not tell that these
//! are one; that they say the same does.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{ending, file_name, is_printed};
use super::{Kind, Label, Memory, Part};
use crate::source::discover::Candidate;
use crate::source::packed::unpacked_name;

/// Logs beyond which a folder is not searched for what is told twice: each has to be looked into.
const MOST_LOGS: usize = 128;

/// What a run is known by: its folder, and its name there.
type Key = (String, String);

/// Gives a file, and what says the same as it from the beginning to the end, the key of one run.
///
/// Of each client a run takes one log: repeated runs that say the same stay apart.
pub(super) fn join_told_twice(parts: &[Part], keys: &mut [Key], memory: &mut Memory) {
    let mut groups: BTreeMap<Key, Vec<&Part>> = BTreeMap::new();
    for (part, key) in parts.iter().zip(&*keys) {
        groups.entry(key.clone()).or_default().push(part);
    }
    let clients: BTreeSet<&str> = parts.iter().filter_map(client).collect();
    if groups.len() < 2 || clients.len() < 2 || parts.len() > MOST_LOGS {
        return;
    }
    let mut joined: BTreeMap<Key, Key> = BTreeMap::new();
    let told_by_files: Vec<Key> = groups
        .iter()
        .filter(|(_, parts)| weight(parts) < Weight::Client)
        .map(|(key, _)| key.clone())
        .collect();
    for told in told_by_files {
        let Some(own) = groups.get(&told) else { continue };
        if !files(own).any(|file| memory.begins_at(file).is_some()) {
            continue;
        }
        let own_clients: BTreeSet<&str> = own.iter().copied().filter_map(client).collect();
        let twin = groups.iter().find(|(key, others)| {
            let mut clients = others.iter().copied().filter_map(client);
            let none_twice = clients.all(|client| !own_clients.contains(client));
            let mut pairs = files(own).flat_map(|one| files(others).map(move |other| (one, other)));
            **key != told && none_twice && pairs.any(|(one, other)| memory.tell_the_same(one, other))
        });
        let Some((twin, others)) = twin.map(|(key, others)| (key.clone(), others)) else {
            continue;
        };
        // Of two of the same weight the one that comes first is meant.
        let place = |parts: &[&Part], key: &Key| (std::cmp::Reverse(weight(parts)), key.clone());
        let (leads, follows) = if place(others, &twin) < place(own, &told) {
            (twin, told)
        } else {
            (told, twin)
        };
        let following = groups.remove(&follows).unwrap_or_default();
        groups.entry(leads.clone()).or_default().extend(following);
        joined.insert(follows, leads);
    }
    for key in keys {
        while let Some(twin) = joined.get(key) {
            *key = twin.clone();
        }
    }
}

/// How much what tells of a run says of its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// What was printed, wherever that went.
    Console,
    /// What was recorded in a file.
    File,
    /// What a client records, in a folder of the run.
    Client,
}

/// That of the weightiest of what tells of a run.
fn weight(parts: &[&Part]) -> Weight {
    let weight = |part: &&Part| match client(part).filter(|_| part.client == "file") {
        Some(ending) if is_printed(ending) => Weight::Console,
        Some(_) => Weight::File,
        None => Weight::Client,
    };
    parts.iter().map(weight).max().unwrap_or(Weight::Console)
}

/// What wrote a log: a client, or for one that only its file tells of the ending of that. `None`
/// for what is told apart by other means.
fn client(part: &Part) -> Option<&str> {
    let by_itself = part.forced.is_none() && part.label != Label::Alone;
    if !by_itself || !matches!(part.kind, Kind::Files | Kind::Rotated) || part.client == "table" {
        return None;
    }
    if part.client != "file" {
        return Some(part.client);
    }
    Some(ending(unpacked_name(file_name(&part.files.first()?.path))))
}

/// The files of what a client wrote.
fn files<'a>(parts: &'a [&Part]) -> impl Iterator<Item = &'a Candidate> {
    let written = parts.iter().filter(|part| client(part).is_some());
    written.flat_map(|part| &part.files)
}
