//! What only the content of files tells.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::source::discover::Candidate;

/// What was found in files that had to be looked into, so that it is done once.
#[derive(Debug, Default)]
pub struct Memory {
    /// Whether a log begins in the midst of a run.
    midway: HashMap<PathBuf, bool>,
}

impl Memory {
    pub(super) fn begins_midway(&mut self, candidate: &Candidate) -> bool {
        /// Distances between records from 0 to the first one that a fresh run may have.
        const FRESH: u64 = 4;
        if let Some(known) = self.midway.get(&candidate.path) {
            return *known;
        }
        let (head, _) = crate::source::tail::sample(&candidate.path, 1 << 16).unwrap_or_default();
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
