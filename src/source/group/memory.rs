//! What only the content of files tells.

use std::collections::BTreeMap;
use std::collections::hash_map::{Entry, HashMap};
use std::path::PathBuf;

use crate::format::records::Records;
use crate::format::shared_table::SharedTable;
use crate::metric::{Names, Quantity};
use crate::source::discover::Candidate;
use crate::statistics::median;

/// Bytes that are looked into.
const START: usize = 1 << 16;

/// What was found in files that had to be looked into, so that it is done once.
#[derive(Debug, Default)]
pub struct Memory {
    /// Whether a log begins in the midst of a run.
    midway: HashMap<PathBuf, bool>,
    /// Train losses by step at the start of a log.
    starts: Findings<BTreeMap<u64, f64>>,
    /// Where a log begins and ends.
    ends: Findings<Option<Ends>>,
    /// Who shares a table.
    shares: Findings<Sharers>,
}

/// What was found in each file, and the size that it had then.
#[derive(Debug)]
struct Findings<T>(HashMap<PathBuf, (u64, T)>);

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Findings(HashMap::new())
    }
}

impl<T> Findings<T> {
    /// What is found in a file, by `find` when nothing is known of it or `holds` says that what
    /// was found when it had that size holds no more.
    fn of(&mut self, file: &Candidate, holds: fn(&Candidate, u64) -> bool, find: impl FnOnce() -> T) -> &T {
        match self.0.entry(file.path.clone()) {
            Entry::Occupied(known) if holds(file, known.get().0) => &known.into_mut().1,
            entry => &entry.insert_entry((file.size, find())).into_mut().1,
        }
    }

    /// What has been found in a file.
    fn known(&self, file: &Candidate) -> Option<&T> {
        self.0.get(&file.path).map(|(_, found)| found)
    }
}

/// Where a log begins and ends: its steps, and the loss there.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: (u64, f64),
    last: (u64, f64),
}

/// The runs that share a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Sharers {
    /// Their names: none for a table that one run has to itself, or that is no table.
    pub(super) runs: Vec<String>,
    /// They have a name beyond this table: other panels tell more of them.
    pub(super) of_a_panel: bool,
}

/// A table larger than this belongs to one run.
const LARGEST_SHARED: u64 = 1 << 26;

impl Memory {
    pub(super) fn begins_midway(&mut self, candidate: &Candidate) -> bool {
        self.midway(candidate) == Some(true)
    }

    /// True when a log is known to begin where a run begins.
    pub(super) fn begins_afresh(&mut self, candidate: &Candidate) -> bool {
        self.midway(candidate) == Some(false)
    }

    fn midway(&mut self, candidate: &Candidate) -> Option<bool> {
        /// Distances between records from 0 to the first one that a fresh run may have.
        const FRESH: u64 = 4;
        if let Some(known) = self.midway.get(&candidate.path) {
            return Some(*known);
        }
        let mut steps = records_at_the_start(candidate)?.steps().to_vec();
        steps.dedup();
        let [first, second, ..] = steps.as_slice() else {
            return None;
        };
        let midway = *first > FRESH * second.abs_diff(*first).max(1);
        self.midway.insert(candidate.path.clone(), midway);
        Some(midway)
    }

    /// The runs that share a table. Looked at again when it has grown by an eighth.
    pub(super) fn sharers(&mut self, candidate: &Candidate) -> Sharers {
        let name = super::file_name(&candidate.path);
        if ![".csv", ".tsv"].iter().any(|ending| name.ends_with(ending)) || candidate.size > LARGEST_SHARED {
            return Sharers::default();
        }
        let find = || sharers(candidate).unwrap_or_default();
        self.shares.of(candidate, is_as_large, find).clone()
    }

    /// True when a log goes on where another one has ended, or at a checkpoint shortly before: in
    /// the midst of a run, at a step that the other has reached, with a loss as it had then.
    pub(super) fn continues(&mut self, earlier: &Candidate, later: &Candidate) -> bool {
        /// How far the later one may begin before or behind the end, as a share of the steps.
        const BEFORE: f64 = 0.5;
        const BEHIND: f64 = 0.02;
        /// Losses further apart than this, as a share, are not of one run.
        const APART: f64 = 0.1;
        if !self.begins_midway(later) {
            return false;
        }
        let (Some(earlier), Some(later)) = (self.ends(earlier), self.ends(later)) else {
            return false;
        };
        let (begins, ended) = (later.first.0 as f64, earlier.last.0 as f64);
        begins > earlier.first.0 as f64
            && begins >= (1.0 - BEFORE) * ended
            && begins <= (1.0 + BEHIND) * ended
            && (later.first.1 - earlier.last.1).abs() < APART * earlier.last.1.abs()
    }

    fn ends(&mut self, candidate: &Candidate) -> Option<Ends> {
        *self.ends.of(candidate, is_as_large, || ends(candidate))
    }

    /// True when two logs say quite different things about the same steps: no two clients
    /// of one run do. What both round or smooth differently is no difference.
    pub(super) fn contradict(&mut self, one: &Candidate, other: &Candidate) -> bool {
        /// Losses further apart than this, as a share of the smaller, differ.
        const APART: f64 = 0.2;
        let [one, other] = self.starts_of([one, other]);
        let apart: Vec<bool> = one
            .iter()
            .filter_map(|(step, one)| {
                let other = between(other, *step)?;
                let both = one.is_finite() && other.is_finite();
                let differ = (one - other).abs() > APART * one.abs().min(other.abs());
                Some(if both {
                    differ
                } else {
                    one.is_finite() || other.is_finite()
                })
            })
            .collect();
        mostly(&apart)
    }

    /// True when two logs say the same of the same steps, but for their digits: of one run.
    pub(super) fn agree(&mut self, one: &Candidate, other: &Candidate) -> bool {
        /// Losses this close, as a share, are equal: some print four digits.
        const EQUAL: f64 = 1e-3;
        let [one, other] = self.starts_of([one, other]);
        let equal: Vec<bool> = one
            .iter()
            .filter_map(|(step, one)| Some((one - other.get(step)?).abs() <= EQUAL * one.abs()))
            .collect();
        mostly(&equal)
    }

    /// The train losses by step at the starts of two logs.
    fn starts_of(&mut self, logs: [&Candidate; 2]) -> [&BTreeMap<u64, f64>; 2] {
        static NONE: BTreeMap<u64, f64> = BTreeMap::new();
        for log in logs {
            self.start_of(log);
        }
        logs.map(|log| self.starts.known(log).unwrap_or(&NONE))
    }

    /// True for a log that is there and has no loss, as that of an attempt which failed.
    pub(super) fn says_nothing(&mut self, candidate: &Candidate) -> bool {
        self.start_of(candidate).is_empty() && candidate.path.exists()
    }

    /// The train losses by step at the start of a log, which is read again as long as it grows.
    fn start_of(&mut self, candidate: &Candidate) -> &BTreeMap<u64, f64> {
        let is_the_same = |file: &Candidate, size: u64| file.size.min(START as u64) == size.min(START as u64);
        self.starts.of(candidate, is_the_same, || {
            let records = records_at_the_start(candidate);
            let rows = records.iter().flat_map(Records::rows);
            rows.filter_map(|row| Some((row.step(), row.value(Quantity::TrainLoss)?)))
                .collect()
        })
    }
}

/// True unless a file has grown by more than an eighth since it had this size, or begun anew.
fn is_as_large(candidate: &Candidate, size: u64) -> bool {
    (size..=size + size / 8).contains(&candidate.size)
}

/// True when nine in ten of the steps that two logs share say so, and they are more than chance
/// brings together.
fn mostly(said: &[bool]) -> bool {
    const ENOUGH: usize = 5;
    said.len() >= ENOUGH && said.iter().filter(|said| **said).count() * 10 >= said.len() * 9
}

/// The loss at a step, or between the steps around it.
fn between(losses: &BTreeMap<u64, f64>, step: u64) -> Option<f64> {
    let (before, low) = losses.range(..=step).next_back()?;
    let (after, high) = losses.range(step..).next()?;
    let share = (step - before) as f64 / (after - before).max(1) as f64;
    Some(low + share * (high - low))
}

/// Looks at both ends of a log, at so many records of each.
fn ends(candidate: &Candidate) -> Option<Ends> {
    const RECORDS: usize = 20;
    let (mut content, tail) = crate::source::tail::sample(&candidate.path, START).ok()?;
    content.truncate(memchr::memrchr(b'\n', &content)? + 1);
    let whole_lines = memchr::memchr(b'\n', &tail).map_or(tail.len(), |end| end + 1);
    content.extend_from_slice(tail.get(whole_lines..)?);
    let log = crate::format::read_all(&content, &Names::default()).ok()?;
    let losses: Vec<(u64, f64)> = log
        .decoded
        .records
        .rows()
        .filter_map(|row| Some((row.step(), row.value(Quantity::TrainLoss)?)))
        .filter(|(_, loss)| loss.is_finite())
        .collect();
    let level = |some: &[(u64, f64)]| {
        let mut losses: Vec<f64> = some.iter().map(|(_, loss)| *loss).collect();
        median(&mut losses)
    };
    let beginning = losses.get(..RECORDS.min(losses.len()))?;
    let end = losses.get(losses.len().saturating_sub(RECORDS)..)?;
    Some(Ends {
        first: (beginning.first()?.0, level(beginning)),
        last: (end.last()?.0, level(end)),
    })
}

fn sharers(candidate: &Candidate) -> Option<Sharers> {
    let names = Names::default();
    let (head, _) = crate::source::tail::sample(&candidate.path, START).ok()?;
    let table = SharedTable::beginning(&head, &names)?;
    let of_a_panel = table.is_panel();
    let content = if of_a_panel {
        head
    } else {
        std::fs::read(&candidate.path).ok()?
    };
    let runs = table.runs(&content, &names);
    Some(Sharers { runs, of_a_panel })
}

/// The records in the first bytes of a log, but for one that is cut off; `None` when it is
/// no log.
fn records_at_the_start(candidate: &Candidate) -> Option<Records> {
    let (head, _) = crate::source::tail::sample(&candidate.path, START).unwrap_or_default();
    let whole_lines = memchr::memrchr(b'\n', &head).map_or(head.len(), |end| end + 1);
    let content = if head.contains(&0) {
        head.as_slice()
    } else {
        head.get(..whole_lines)?
    };
    let log = crate::format::read_all(content, &Names::default()).ok()?;
    Some(log.decoded.records)
}
