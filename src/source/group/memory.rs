//! What only the content of files tells.

use std::collections::hash_map::{Entry, HashMap};
use std::path::PathBuf;

use super::glimpse::{EACH_END, Glimpse, LARGEST_WHOLE};
use super::names::{ending, file_name};
use crate::format::json_document::JsonDocument;
use crate::format::shared_table::SharedTable;
use crate::format::{Format, Sample, detect, shared_document};
use crate::metric::Names;
use crate::source::discover::{Candidate, Sharer};
use crate::source::tail::sample;

/// What was found in files that had to be looked into, so that it is done once.
#[derive(Debug, Default)]
pub struct Memory {
    /// Names of metrics that the user declared.
    names: Names,
    /// Searches so far.
    searches: u64,
    /// What the two ends of a log say.
    glimpses: Findings<Glimpse>,
    /// Who shares a file.
    shares: Findings<Sharers>,
}

/// What was found in each file, and how the file was then.
#[derive(Debug)]
struct Findings<T>(HashMap<PathBuf, (Seen, T)>);

/// How a file was when it was looked into, and what was seen of it since.
#[derive(Debug)]
struct Seen {
    inode: (u64, u64),
    size: u64,
    /// The last search that has seen it, and its size then.
    last: (u64, u64),
}

impl Seen {
    /// True while what was found in the file holds: unless it is another file, has begun anew, has
    /// grown by more than an eighth, or has grown and then stopped.
    fn holds(&mut self, file: &Candidate, search: u64) -> bool {
        let (before, size) = self.last;
        if before != search {
            self.last = (search, file.size);
        }
        let stopped = before != search && size == file.size && size != self.size;
        let as_large = (self.size..=self.size + self.size / 8).contains(&file.size);
        self.inode == file.inode && as_large && !stopped
    }
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Findings(HashMap::new())
    }
}

impl<T> Findings<T> {
    /// What is found in a file, by `find` when nothing is known of it or what was found holds no
    /// more.
    fn of(&mut self, file: &Candidate, search: u64, find: impl FnOnce() -> T) -> &T {
        let known = self.0.get_mut(&file.path);
        let holds = known.is_some_and(|(seen, _)| seen.holds(file, search));
        match self.0.entry(file.path.clone()) {
            Entry::Occupied(known) if holds => &known.into_mut().1,
            entry => {
                let seen = Seen {
                    inode: file.inode,
                    size: file.size,
                    last: (search, file.size),
                };
                &entry.insert_entry((seen, find())).into_mut().1
            }
        }
    }

    /// What has been found in a file.
    fn known(&self, file: &Candidate) -> Option<&T> {
        self.0.get(&file.path).map(|(_, found)| found)
    }
}

/// The runs that share a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Sharers {
    /// The runs, with their names: none for what one run has to itself.
    pub(super) runs: Vec<Sharer>,
    /// They have a name beyond this table: other panels tell more of them.
    pub(super) of_a_panel: bool,
}

/// What is larger than this belongs to one run.
const LARGEST_SHARED: u64 = 1 << 26;
const LARGEST_SHARED_DOCUMENT: u64 = LARGEST_WHOLE;

impl Memory {
    /// Logs are read with these names of metrics.
    pub fn with(names: Names) -> Memory {
        Memory {
            names,
            ..Memory::default()
        }
    }

    /// A search has found files again.
    pub(super) fn searched(&mut self) {
        self.searches += 1;
    }

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
        let [first, second] = self.glimpse(candidate).first_steps?;
        Some(first > FRESH * second.abs_diff(first).max(1))
    }

    /// What the two ends of a log say.
    fn glimpse(&mut self, candidate: &Candidate) -> &Glimpse {
        let names = &self.names;
        self.glimpses
            .of(candidate, self.searches, || Glimpse::of(candidate, names))
    }

    fn glimpses(&mut self, logs: [&Candidate; 2]) -> Option<[&Glimpse; 2]> {
        for log in logs {
            self.glimpse(log);
        }
        let [one, other] = logs.map(|log| self.glimpses.known(log));
        Some([one?, other?])
    }

    /// The runs that share a file.
    pub(super) fn sharers(&mut self, candidate: &Candidate) -> Sharers {
        let find = match ending(file_name(&candidate.path)) {
            "csv" | "tsv" if candidate.size <= LARGEST_SHARED => of_a_table,
            "json" if candidate.size <= LARGEST_SHARED_DOCUMENT => of_a_document,
            _ => return Sharers::default(),
        };
        let names = &self.names;
        let find = || find(candidate, names).unwrap_or_default();
        self.shares.of(candidate, self.searches, find).clone()
    }

    /// The first step of a log.
    pub(super) fn begins_at(&mut self, candidate: &Candidate) -> Option<u64> {
        Some(self.glimpse(candidate).first?.0)
    }

    /// True when a log begins in the midst of a run, and not before the half of what another log has
    /// told of it: whoever writes both begins the later one at a start.
    pub(super) fn takes_up(&mut self, earlier: &Candidate, later: &Candidate) -> bool {
        if !self.begins_midway(later) {
            return false;
        }
        let Some([earlier, later]) = self.glimpses([earlier, later]) else {
            return false;
        };
        let (Some([start, _]), Some(end), Some([begins, _])) =
            (earlier.first_steps, earlier.last_step, later.first_steps)
        else {
            return false;
        };
        begins > start && begins >= start.midpoint(end)
    }

    /// True when a log goes on where another one has ended, or at a checkpoint before: in the midst
    /// of a run, at a step that the other has reached, with a loss as it had then.
    pub(super) fn continues(&mut self, earlier: &Candidate, later: &Candidate) -> bool {
        /// As a share of the steps of the earlier one.
        const BEFORE: f64 = 0.5;
        self.goes_on(earlier, later, BEFORE)
    }

    /// The same, at a checkpoint shortly before: what goes back further may be a branch.
    pub(super) fn resumes(&mut self, earlier: &Candidate, later: &Candidate) -> bool {
        const BEFORE: f64 = 0.1;
        self.goes_on(earlier, later, BEFORE)
    }

    fn goes_on(&mut self, earlier: &Candidate, later: &Candidate, before: f64) -> bool {
        /// How far the later one may begin behind the end, as a share of the steps.
        const BEHIND: f64 = 0.02;
        /// Losses further apart than this, as a share, are not of one run.
        const APART: f64 = 0.1;
        if !self.begins_midway(later) {
            return false;
        }
        let Some([earlier, later]) = self.glimpses([earlier, later]) else {
            return false;
        };
        let (Some(start), Some(end), Some(goes_on)) = (earlier.first, earlier.last, later.first) else {
            return false;
        };
        let (begins, ended) = (goes_on.0 as f64, end.0 as f64);
        begins > start.0 as f64
            && begins >= ended - before * (ended - start.0 as f64)
            && begins <= (1.0 + BEHIND) * ended
            && (goes_on.1 - end.1).abs() < APART * end.1.abs()
    }

    /// True when two logs say different things about the same steps, as no two logs of one run do.
    /// What different clients round or smooth differently is no difference.
    pub(super) fn contradict(&mut self, one: &Candidate, other: &Candidate) -> bool {
        self.glimpses([one, other])
            .is_some_and(|[one, other]| one.contradicts(other))
    }

    /// True when two logs say the same of the steps that they share, but for their digits.
    pub(super) fn agree(&mut self, one: &Candidate, other: &Candidate) -> bool {
        self.glimpses([one, other])
            .is_some_and(|[one, other]| one.agrees_with(other))
    }

    /// True when two logs tell the same story from the beginning to the end, but for their digits.
    pub(super) fn tell_the_same(&mut self, one: &Candidate, other: &Candidate) -> bool {
        self.glimpses([one, other])
            .is_some_and(|[one, other]| one.tells_the_same_as(other))
    }

    /// True for a log that is there and has no loss, as that of an attempt which failed.
    pub(super) fn says_nothing(&mut self, candidate: &Candidate) -> bool {
        let glimpse = self.glimpse(candidate);
        glimpse.whole && !glimpse.has_loss && candidate.path.exists()
    }
}

fn of_a_document(candidate: &Candidate, names: &Names) -> Option<Sharers> {
    let content = std::fs::read(&candidate.path).ok()?;
    let (format, _) = detect(&Sample::of(&content), names)?;
    let is_any = format.name() == JsonDocument.name();
    let runs = is_any.then(|| shared_document::runs(&content, names))?;
    let sharer = |run: shared_document::Run| Sharer {
        run: run.place,
        label: run.name,
    };
    Some(Sharers {
        runs: runs.into_iter().map(sharer).collect(),
        of_a_panel: false,
    })
}

fn of_a_table(candidate: &Candidate, names: &Names) -> Option<Sharers> {
    let (head, _) = sample(&candidate.path, EACH_END).ok()?;
    let table = SharedTable::beginning(&head, names)?;
    let of_a_panel = table.is_panel();
    let content = if of_a_panel {
        head
    } else {
        std::fs::read(&candidate.path).ok()?
    };
    let sharer = |run: String| Sharer {
        label: run.clone(),
        run,
    };
    let runs = table.runs(&content, names).into_iter().map(sharer).collect();
    Some(Sharers { runs, of_a_panel })
}
