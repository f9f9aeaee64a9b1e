//! A file that was truncated or replaced: whether what it holds now goes on with the run.

use super::Run;
use crate::format::Decoded;
use crate::format::records::Records;

/// A file that was truncated or replaced.
pub(super) struct Restarted {
    /// What it held was moved aside.
    pub(super) moved_aside: bool,
    /// What it says before its first record: while that is not there, nobody knows whether the run
    /// goes on.
    pub(super) preamble: Vec<Decoded>,
}

impl Restarted {
    /// A preamble in more pieces than this is none.
    pub(super) const MOST_PIECES: usize = 1000;
}

impl Run {
    /// The file was truncated or replaced. Whether its new content continues the run
    /// or repeats it shows with its first record.
    pub fn file_restarted(&mut self, moved_aside: bool) {
        self.restarted = Some(Restarted {
            moved_aside,
            preamble: Vec::new(),
        });
    }

    /// True for the first records of a restarted file when they are of another run: at an earlier
    /// step than all others, or where nothing is left of the ones before, at a step that was passed.
    pub(super) fn is_another(&self, records: &Records, moved_aside: bool) -> bool {
        let first = records.steps().first().copied();
        let leading = self.branch.leading();
        let goes_back = || {
            records
                .rows()
                .find(|row| leading.leads(row))
                .is_some_and(|row| leading.goes_back(&row))
        };
        first
            .zip(self.first_step)
            .is_some_and(|(first, known)| first <= known)
            || !moved_aside && goes_back()
    }

    /// Forgets everything: the file will be read again from its start.
    pub fn forget(&mut self) {
        *self = Run::new(self.identity.clone()).with(self.context.thresholds);
    }
}
