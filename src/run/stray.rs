//! Records that stand alone at a step where the run is not.
//!
//! Two processes that write to one log tear each other's lines, and `step 1500` becomes
//! `step 15`. That looks like a resume from step 15, until the next record goes on where the log
//! was before. So what was known at a step back is kept until then.

use super::Run;
use super::branch::Branch;
use crate::format::records::{BadLine, Records, Row};

/// A record that went back, and may yet turn out to be a stray one.
pub(super) struct Doubt {
    /// The step that it went back to.
    step: u64,
    /// The step that the log had reached.
    reached: u64,
    /// What was known then.
    before: Box<Branch>,
    /// The records since, but for those at its step.
    since: Records,
}

/// Records that may follow a stray one before the loss does that shows what it was.
const MOST_SINCE: usize = 64;
/// Keeping what is known costs as much as taking in some hundred records.
pub(super) const LEAST_BETWEEN: u64 = 100;
/// A resume that is this many strides behind is never so short that the next record is beyond
/// what was reached.
const LEAST_STRIDES: u64 = 2;

impl Doubt {
    pub(super) fn new(step: u64, reached: u64, before: Branch) -> Self {
        Doubt {
            step,
            reached,
            before: Box::new(before),
            since: Records::default(),
        }
    }

    /// Remembers a record that follows; false when there are too many.
    pub(super) fn remembers(&mut self, row: &Row) -> bool {
        if row.step() != self.step {
            let values: Vec<_> = row.values().collect();
            self.since.push(row.step(), &values);
        }
        self.since.len() <= MOST_SINCE
    }

    /// The next loss stands at `next`: true when the log goes on where it was.
    fn is_stray(&self, next: u64) -> bool {
        let stride = next.saturating_sub(self.reached);
        stride > 0 && self.reached.saturating_sub(self.step) > stride.saturating_mul(LEAST_STRIDES)
    }
}

impl Run {
    /// Settles a doubt, now that the next loss stands at `next`.
    pub(super) fn settle(&mut self, doubt: Doubt, next: u64) {
        if !doubt.is_stray(next) {
            return;
        }
        self.branch = *doubt.before;
        self.lines.skipped += 1;
        self.lines.show(BadLine {
            line: 0,
            reason: format!(
                "step {} stands alone between steps {} and {next}, as in a torn line",
                doubt.step, doubt.reached
            ),
            excerpt: String::new(),
        });
        let since = 0..doubt.since.len();
        self.branch.keep(&doubt.since, since.clone());
        self.branch.watch(&doubt.since, since, &self.context);
    }
}
