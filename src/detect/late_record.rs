//! Records that came late: the run stood still before them.
//!
//! While a run is silent only the clock can tell (the engine raises a stall then). This
//! detector finds the same in the times of the log, so that a finished file tells of it
//! too. A gap counts when it lasts a minute and two hundred times the usual interval
//! between records, or five minutes and ten times; and three times the longest gap
//! before, so that a slow writer's rhythm is learned. Gaps around evaluations are
//! compared among themselves, from the third evaluation on. The alert is over with the
//! record that raises it.

use super::clock::Clock;
use super::robust::Window;
use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, STALL, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;
use crate::statistics::median;

/// Intervals before anything can be called late.
const HISTORY: usize = 20;
/// Gaps with an evaluation before one can be told from a stall. One evaluation may be in two.
const EVALUATIONS: u32 = 4;
const LEAST_SECONDS: f64 = 60.0;
const INTERVALS: f64 = 200.0;
const LONG_SECONDS: f64 = 300.0;
const LONG_INTERVALS: f64 = 10.0;
const LONGER_THAN_BEFORE: f64 = 3.0;
const REMEDY: &str =
    "It goes on. If it happens again, look at storage, the data loader and the network at that time.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct LateRecord {
    last: Option<(u64, f64)>,
    clock: Clock,
    /// Steps between the last two records.
    stride: u64,
    intervals: Window,
    /// Longest gap so far without and with an evaluation.
    longest: [f64; 2],
    evaluations: u32,
    evaluated: bool,
}

impl Detector for LateRecord {
    const WATCHES: &'static [Quantity] = &[Quantity::WallTime, Quantity::Elapsed, Quantity::EvalLoss];

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        let evaluates = row.has(Quantity::EvalLoss);
        let Some(time) = self.clock.read(row).filter(|time| time.is_finite()) else {
            self.evaluated |= evaluates;
            return;
        };
        let step = row.step();
        // Other files of the same log are read after it and begin at the beginning again.
        if self.last.is_some_and(|(last_step, _)| step < last_step) {
            return;
        }
        let Some((last_step, last_time)) = self.last.replace((step, time)) else {
            return;
        };
        let evaluated = std::mem::replace(&mut self.evaluated, evaluates) || evaluates;
        let gap = time - last_time;
        // Times of another clock, or in another unit, after a restart.
        if step == last_step || gap <= 0.0 {
            return;
        }
        // A log that is written more rarely from now on has further apart steps as well.
        let stride = std::mem::replace(&mut self.stride, step - last_step);
        let as_often = self.stride <= 2 * stride;
        // The smallest interval is at most the usual one: most records end here.
        let longest = self.longest.get(usize::from(evaluated)).copied().unwrap_or(0.0);
        if as_often
            && self.intervals.count() >= HISTORY
            && gap >= LEAST_SECONDS
            && gap >= LONG_INTERVALS * self.intervals.min()
            && gap > LONGER_THAN_BEFORE * longest
            && (!evaluated || self.evaluations >= EVALUATIONS)
        {
            let mut intervals: Vec<f64> = self.intervals.recent().last(super::robust::WINDOW).collect();
            let usual = median(&mut intervals);
            if gap > INTERVALS * usual || (gap >= LONG_SECONDS && gap > LONG_INTERVALS * usual) {
                let message = format!(
                    "No record for {gap:.0} seconds between steps {last_step} and {step}, usually one every {usual:.2} seconds"
                );
                alerts.raise(
                    Alert::at(step, STALL, Severity::Warning)
                        .since(last_step)
                        .value(gap, LEAST_SECONDS.max(INTERVALS * usual))
                        .says(message, REMEDY),
                );
                alerts.clear(STALL, step);
            }
        }
        if let Some(longest) = self.longest.get_mut(usize::from(evaluated)) {
            *longest = longest.max(gap);
        }
        self.evaluations += u32::from(evaluated);
        self.intervals.push(gap);
    }

    fn rewound(&mut self, _step: u64) {
        // What lies between two sessions is no stall.
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    /// The stalls found in records at these steps and times; `true` for an evaluation.
    fn stalls(records: impl Iterator<Item = (u64, f64, bool)>) -> Vec<u64> {
        let mut detector = LateRecord::default();
        let mut alerts = AlertLog::default();
        for (step, time, evaluates) in records {
            let mut batch = Records::default();
            let loss = if evaluates {
                Quantity::EvalLoss
            } else {
                Quantity::TrainLoss
            };
            batch.push(step, &[(loss, 2.0), (Quantity::Elapsed, time)]);
            detector.observe(&batch.row(0), &Context::default(), &mut alerts);
        }
        assert!(alerts.open(STALL).is_none());
        alerts.all().iter().map(|alert| alert.raised_at_step).collect()
    }

    #[test]
    fn a_gap_far_longer_than_usual_is_a_stall() {
        let time = |step: u64| 0.1 * step as f64 + if step >= 140 { 75.0 } else { 0.0 };
        assert_eq!(stalls((0..200).map(|step| (step, time(step), false))), [140]);
    }

    #[test]
    fn evaluations_and_slow_writers_are_none() {
        // Every fiftieth record evaluates and takes two minutes.
        let evaluated = (0..400u64).map(|step| {
            let evaluations = step / 50;
            (
                step,
                0.1 * step as f64 + 120.0 * evaluations as f64,
                step % 50 == 0,
            )
        });
        assert_eq!(stalls(evaluated), [0u64; 0]);
        // A writer that flushes once every two minutes.
        assert_eq!(
            stalls((0..50).map(|step| (step, 120.0 * step as f64, false))),
            [0u64; 0]
        );
    }
}
