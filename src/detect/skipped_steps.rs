//! Steps that are skipped because gradients overflow.
//!
//! A scaler skips some twenty steps when it starts, and one now and then later (`DeepSpeed`
//! says so with each, Megatron counts them in its lines). Once 50 steps have gone by without
//! one, ten skipped of the last 50 are a warning (a fifth of the work is lost) and 40 are
//! critical: the bar advances and nothing is learned. So are 40 in all before that. Clears
//! after 50 steps without.

use std::collections::VecDeque;

use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::{Held, Row, Stretch};
use crate::metric::Quantity;

/// The kind of its alerts.
pub const KIND: &str = "skipped_steps";
/// Steps that are looked back on.
const WITHIN_STEPS: u64 = 50;
/// Skipped steps among them.
const MANY: u64 = 10;
const NEARLY_ALL: u64 = 40;
const REMEDY: &str = "Gradients overflow at every scale: use bf16, lower the learning rate, or go back to a checkpoint from before \
                      the first of them; at the lowest scale the trainer will give up soon.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct SkippedSteps {
    /// Steps with how many were skipped up to there.
    skipped: VecDeque<(u64, u64)>,
    within: u64,
    /// Skipped before the scaler had found its scale.
    searching: u64,
    settled: bool,
    first: Option<u64>,
    last_skip: Option<u64>,
}

impl Detector for SkippedSteps {
    const WATCHES: &'static [Quantity] = &Quantity::ALL;

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        let step = row.step();
        let first = *self.first.get_or_insert(step);
        let skipped = row
            .value(Quantity::SkippedSteps)
            .filter(counts_some)
            .map_or(0, |skipped| skipped as u64);
        if skipped == 0 {
            let calm = step.saturating_sub(self.last_skip.unwrap_or(first)) > WITHIN_STEPS;
            if calm && self.last_skip.is_some() {
                self.forget();
                alerts.clear(KIND, step);
            }
            self.settled |= calm;
            return;
        }
        self.last_skip = Some(step);
        self.skipped.push_back((step, skipped));
        self.within += skipped;
        while let Some((at, count)) = self.skipped.front().copied() {
            if step.saturating_sub(at) < WITHIN_STEPS {
                break;
            }
            self.skipped.pop_front();
            self.within -= count;
        }
        if !self.settled {
            self.searching += skipped;
        }
        // A line may tell of more steps than are looked back on.
        let within = self.within.min(WITHIN_STEPS);
        let severity = match (self.settled, within, self.searching) {
            (true, NEARLY_ALL.., _) | (false, _, NEARLY_ALL..) => Severity::Critical,
            (true, MANY.., _) => Severity::Warning,
            _ => return,
        };
        let message = if self.settled {
            format!("{within} of the last {WITHIN_STEPS} steps were skipped at step {step}")
        } else {
            format!(
                "{} steps were skipped up to step {step}, without a pause",
                self.searching
            )
        };
        let since = self.skipped.front().map_or(step, |(step, _)| *step);
        alerts.raise(
            Alert::at(step, KIND, severity)
                .since(since)
                .value(within as f64, MANY as f64)
                .says(message, REMEDY),
        );
    }

    fn pass(&mut self, stretch: &Stretch<'_>, _alerts: &AlertLog) -> bool {
        let some_may_be = match stretch.held(Quantity::SkippedSteps) {
            Held::Nowhere => false,
            Held::Everywhere(counts) => counts.iter().any(counts_some),
            Held::HereAndThere => true,
        };
        let (Some(begins), false) = (stretch.steps().first(), some_may_be || stretch.has_empty()) else {
            return false;
        };
        if self.last_skip.is_some() {
            return false;
        }
        let first = *self.first.get_or_insert(*begins);
        let mut steps = stretch.steps().iter();
        self.settled |= steps.any(|step| step.saturating_sub(first) > WITHIN_STEPS);
        true
    }

    fn rewound(&mut self, _step: u64) {
        *self = SkippedSteps::default();
    }
}

/// True for a number of steps.
fn counts_some(skipped: &f64) -> bool {
    (1.0..1e9).contains(skipped)
}

impl SkippedSteps {
    fn forget(&mut self) {
        self.skipped.clear();
        (self.within, self.searching) = (0, 0);
        self.last_skip = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    /// The first alert when these steps of so many are skipped.
    fn first(steps: u64, skips: impl Fn(u64) -> bool) -> Option<(u64, Severity)> {
        let mut detector = SkippedSteps::default();
        let mut alerts = AlertLog::default();
        for step in 0..steps {
            let mut records = Records::default();
            records.push(
                step,
                &[(Quantity::SkippedSteps, f64::from(u8::from(skips(step))))],
            );
            detector.observe(&records.row(0), &Context::default(), &mut alerts);
        }
        alerts
            .all()
            .first()
            .map(|alert| (alert.raised_at_step, alert.severity))
    }

    #[test]
    fn a_search_and_single_skips_are_normal_and_a_row_of_them_is_not() {
        assert_eq!(first(4000, |step| step < 24 || step % 400 == 0), None);
        assert_eq!(
            first(2000, |step| !(20..1000).contains(&step)),
            Some((1009, Severity::Critical))
        );
        // Every third step: a third of the work is lost.
        assert_eq!(
            first(2000, |step| step >= 1000 && step % 3 == 0),
            Some((1029, Severity::Warning))
        );
        assert_eq!(first(100, |_| true), Some((39, Severity::Critical)));
    }
}
