//! Learning rates that are not what the run itself has shown them to be.
//!
//! Two things are certain enough for a warning: a rate that leaps to more than twice the
//! highest so far after it has stopped rising (a warm restart returns to the peak and
//! does not pass it), and a resume at a rate that differs by half from the one logged for
//! the same step before. Clears when the rate is back at the former peak, or after a
//! hundred records at the new one.

use std::collections::VecDeque;

use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::{Held, Row, Stretch};
use crate::metric::Quantity;
use crate::text;

const KIND: &str = "learning_rate";
const LEAP: f64 = 2.0;
/// Records without a new peak that end the warm-up.
const SETTLED_AFTER: u32 = 50;
const DIFFERENT: f64 = 1.5;
const REMEMBERED: usize = 4096;
const CLEAR_AFTER: u32 = 100;
const REMEDY: &str = "Check the schedule and what was restored at the resume: a rate that is too high can undo the run within steps.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct LearningRate {
    peak: f64,
    since_peak: u32,
    logged: VecDeque<(u64, f64)>,
    resumed: bool,
    open: Option<(f64, u32)>,
}

impl Detector for LearningRate {
    const WATCHES: &'static [Quantity] = &[Quantity::LearningRate];

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        let Some(rate) = row
            .value(Quantity::LearningRate)
            .filter(|rate| rate.is_finite() && *rate > 0.0)
        else {
            return;
        };
        let step = row.step();
        if let Some((limit, records)) = &mut self.open {
            *records += 1;
            if rate <= *limit || *records >= CLEAR_AFTER {
                alerts.clear(KIND, step);
                self.open = None;
            }
        }
        if std::mem::take(&mut self.resumed) {
            self.compare(step, rate, alerts);
        }
        if rate > LEAP * self.peak && self.peak > 0.0 && self.since_peak >= SETTLED_AFTER {
            let times = text::times(rate / self.peak);
            let what =
                format!("Learning rate leapt to {rate:.3e} at step {step}, {times} the highest before");
            self.raise(step, rate, self.peak, what, alerts);
        }
        if rate > self.peak {
            self.peak = rate;
            self.since_peak = 0;
        } else {
            self.since_peak = self.since_peak.saturating_add(1);
        }
        if self.logged.len() >= REMEMBERED {
            self.logged.pop_front();
        }
        self.logged.push_back((step, rate));
    }

    fn pass(&mut self, stretch: &Stretch<'_>, _alerts: &AlertLog) -> bool {
        let Held::Everywhere(rates) = stretch.held(Quantity::LearningRate) else {
            return false;
        };
        let is_usual = rates.iter().all(|rate| *rate > 0.0 && *rate <= self.peak);
        if self.open.is_some() || self.resumed || !is_usual {
            return false;
        }
        self.since_peak = self.since_peak.saturating_add(rates.len() as u32);
        let excess = (self.logged.len() + rates.len()).saturating_sub(REMEMBERED);
        self.logged.drain(..excess.min(self.logged.len()));
        self.logged
            .extend(stretch.steps().iter().copied().zip(rates.iter().copied()));
        true
    }

    fn rewound(&mut self, step: u64) {
        // From its first step on, a run begins anew: nothing binds it to what was before.
        if self.logged.front().is_none_or(|(first, _)| step <= *first) {
            *self = LearningRate::default();
            return;
        }
        self.resumed = true;
        self.open = None;
    }
}

impl LearningRate {
    /// Compares the first rate after a resume with the one logged for that step before.
    fn compare(&mut self, step: u64, rate: f64, alerts: &mut AlertLog) {
        let at = self.logged.partition_point(|(logged, _)| *logged < step);
        // Records are sparse: the rate was between those around the step.
        let earlier = at.checked_sub(1).and_then(|at| self.logged.get(at));
        let around = self.logged.get(at).into_iter().chain(earlier).copied();
        let before = around.max_by(|one, other| one.1.total_cmp(&other.1));
        self.logged.truncate(at);
        // A new warm-up is a choice; a rate that is too high is a mistake.
        if let Some((_, before)) = before.filter(|(_, before)| rate > DIFFERENT * before) {
            let what = format!(
                "Resumed at step {step} with a learning rate of {rate:.3e}, where it was {before:.3e} before"
            );
            self.raise(step, rate, before, what, alerts);
        }
    }

    fn raise(&mut self, step: u64, rate: f64, before: f64, message: String, alerts: &mut AlertLog) {
        self.open = Some((before, 0));
        alerts.raise(
            Alert::at(step, KIND, Severity::Warning)
                .value(rate, before)
                .says(message, REMEDY),
        );
    }
}
