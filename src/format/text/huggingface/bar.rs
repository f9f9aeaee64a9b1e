//! The progress bar of the training, and what it betrays of the records.

use super::dict::dict;
use crate::format::number;

/// How the bar of training began. A trainer that goes on from a checkpoint draws its bar at 0
/// or not at all, then at the step that follows the checkpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bars {
    first: Option<u64>,
    /// The first step behind 0.
    begun: Option<u64>,
    last: u64,
    /// The largest distance between two bars since then.
    pub(super) widest: u64,
    /// Distances since then.
    seen: u32,
}

impl Bars {
    pub(super) fn see(&mut self, done: u64) {
        self.first.get_or_insert(done);
        match self.begun {
            None if done > 0 => self.begun = Some(done),
            Some(_) if done > self.last => {
                self.widest = self.widest.max(done - self.last);
                self.seen += 1;
            }
            _ => {}
        }
        self.last = done;
    }

    /// The step of the checkpoint, 0 for a run that began at its beginning.
    pub(super) fn start(&self) -> u64 {
        let Some(begun) = self.begun else { return 0 };
        let resumed = match self.first {
            Some(0) => self.seen >= 2 && begun > 2 * self.widest + 1,
            _ => begun > 1,
        };
        if resumed { begun - 1 } else { 0 }
    }
}

/// Follows the bar. To write a record the trainer wipes the bar and draws it again: a bar
/// behind blanks tells the step of a record, however late the record itself arrives.
#[derive(Clone, Debug, Default)]
pub(super) struct Redraws {
    pub(super) bar: Option<Bar>,
    /// Another bar, which may be that of a training that follows.
    other: Option<Bar>,
    /// A train record has come.
    recorded: bool,
    wiped: bool,
}

impl Redraws {
    /// Looks at a piece of the log; returns the step of a record that the bar betrays.
    pub(super) fn look(&mut self, piece: &str) -> Option<u64> {
        let Some(bar) = progress(piece) else {
            let blank = piece.trim().is_empty();
            if dict(piece).is_some_and(|dict| dict.contains("'loss'")) {
                self.record();
            }
            // The record itself may stand between wiping and drawing.
            self.wiped = (blank && piece.len() > 8) || (self.wiped && dict(piece).is_some());
            return None;
        };
        let wiped = std::mem::take(&mut self.wiped);
        match self.bar {
            Some(old) if bar.total < old.total || (bar.total > old.total && self.recorded) => {
                let shorter = |other: &Bar| bar.total < other.total && other.done < other.total;
                self.other = self.other.filter(shorter).or(Some(bar));
            }
            _ => self.bar = Some(bar),
        }
        (wiped && self.bar == Some(bar) && bar.done > 0).then_some(bar.done)
    }

    /// A train record was written: it belongs to the bar that is being drawn, unless that
    /// is one of an evaluation, which is shorter. Data may be prepared before the training.
    pub(super) fn record(&mut self) {
        self.recorded = true;
        if let Some(other) = self.other.take()
            && self.bar.is_none_or(|bar| {
                other.total > bar.total || (bar.done >= bar.total && other.done < other.total)
            })
        {
            self.bar = Some(other);
        }
    }

    /// True when the bar of training has gone back: the trainer was started again.
    pub(super) fn went_back(&self, before: Option<Bar>) -> bool {
        match (before, self.bar) {
            (Some(before), Some(bar)) => bar.done < before.done,
            _ => false,
        }
    }
}

/// A progress bar: steps done and planned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) done: u64,
    pub(super) total: u64,
}

/// `120/1000 [02:00<14:40, ...` of a progress bar: steps done and planned.
pub(super) fn progress(line: &str) -> Option<Bar> {
    let bar = memchr::memmem::rfind(line.as_bytes(), b"| ")?;
    // The bar of training has no description, those of data preparation do.
    let before = line.get(..line.find('%')?)?.trim_start();
    if before.is_empty() || !before.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let counts = line.get(bar + 2..)?.trim_start();
    let (done, rest) = counts.split_once('/')?;
    let (total, after) = rest.split_once(' ')?;
    if !after.starts_with('[') {
        return None;
    }
    Some(Bar {
        done: done.parse().ok()?,
        total: total.parse().ok().filter(|total| *total > 0)?,
    })
}

/// Seconds a step, from `, 13.86s/it]` or `, 1.20it/s]` at the end of a bar.
pub(super) fn pace(line: &str) -> Option<f64> {
    let rate = line.get(line.find('[')?..)?.split_once(", ")?.1;
    let rate = rate.split([',', ']']).next()?.trim();
    match rate.strip_suffix("s/it") {
        Some(seconds) => number::parse(seconds),
        None => number::parse(rate.strip_suffix("it/s")?)
            .filter(|rate| *rate > 0.0)
            .map(f64::recip),
    }
}
