//! Throughput that collapses.
//!
//! The median of the last 30 step times against the median of the run's own earlier ones.
//! Noted at twice, a warning at four times: medians pass over evaluations and
//! checkpoints. Clears below 1.3 times.
//!
//! A collapse need not wait for that: six records in a row at four times the usual, each
//! slower than all but two of the hundred before, are a warning at once. An evaluation, a
//! checkpoint or a pause makes one or two such records, a busy machine up to five in
//! healthy runs.
//!
//! A clock that counts whole seconds says how long steps took only from where several of them
//! have passed.

use super::clock::{Clock, Unit};
use super::robust::{Recent, WINDOW, Window};
use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;
use crate::statistics::median;
use crate::text;

const KIND: &str = "slowdown";
const RECENT: usize = 30;
const HISTORY: usize = 60;
const NOTED: f64 = 2.0;
const WARNING: f64 = 4.0;
const CLEAR: f64 = 1.3;
/// Slow records in a row that are a collapse.
const COLLAPSE: usize = 6;
/// One in so many usual step times may be as long.
const TOLERATED_ONE_IN: usize = 50;
/// Records between two looks.
const LOOK_EVERY: u32 = 10;
/// Units of a clock that have to pass between two looks at it: one more or less then makes a quarter,
/// which cannot make one level twice another.
const UNITS: f64 = 5.0;
/// Differences of step times up to this are of no consequence (seconds).
const LEAST_SECONDS: f64 = 0.05;
const REMEDY: &str = "Look at the data loader, at other jobs on the machine, at thermal limits and at the network; a failing node \
                      often slows down before it stops.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Slowdown {
    usual: Window,
    recent: Recent<RECENT>,
    last: Option<(u64, f64)>,
    clock: Clock,
    unit: Unit,
    since_look: u32,
    /// Records since it was raised, while it is open.
    open: Option<usize>,
}

impl Detector for Slowdown {
    const WATCHES: &'static [Quantity] = &[Quantity::StepTime, Quantity::Elapsed, Quantity::WallTime];

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        let step = row.step();
        let logged = row.value(Quantity::StepTime);
        let clock = self.clock.read(row);
        if let Some(time) = logged.or(clock) {
            self.unit.note(time);
        }
        // Other files of the same log are read after it and begin at the beginning again.
        if clock.is_some() && self.last.is_some_and(|(last_step, _)| step < last_step) {
            return;
        }
        let derived = clock.and_then(|time| {
            let too_soon = |(last_step, last_time): &(u64, f64)| {
                step > *last_step && (0.0..UNITS * self.unit.seconds()).contains(&(time - last_time))
            };
            if self.last.as_ref().is_some_and(too_soon) {
                return None;
            }
            let (last_step, last_time) = self.last.replace((step, time))?;
            (step > last_step).then(|| (time - last_time) / (step - last_step) as f64)
        });
        let Some(seconds) = logged
            .or(derived)
            .filter(|seconds| seconds.is_finite() && *seconds > 0.0)
        else {
            return;
        };
        // What leaves the recent ones becomes the usual.
        let leaving = self.recent.push(seconds);
        if let Some(leaving) = leaving.filter(|_| self.open.is_none()) {
            self.usual.push(leaving);
        }
        self.since_look += 1;
        self.open = self.open.map(|records| records + 1);
        if self.usual.count() < HISTORY {
            return;
        }
        let (fastest, collapsed) = self.collapse(seconds);
        if !collapsed && self.since_look < LOOK_EVERY {
            return;
        }
        self.since_look = 0;
        // The medians lie between the extremes: most looks end here.
        let longest = self.recent.last(RECENT).fold(0.0, f64::max);
        if self.open.is_none() && longest < NOTED * self.usual.min() && alerts.open(KIND).is_none() {
            return;
        }
        let usual = median(&mut self.usual.recent().last(WINDOW).collect::<Vec<_>>());
        let median = median(&mut self.recent.last(RECENT).collect::<Vec<_>>());
        let now = if collapsed { median.max(fastest) } else { median };
        if now < CLEAR * usual && self.open.is_none_or(|records| records >= RECENT) {
            self.open = None;
            alerts.clear(KIND, step);
        }
        // What is rounded may differ by a unit for next to nothing.
        let rounded_by = logged.map_or(0.0, |_| self.unit.seconds());
        if now < NOTED * usual || now - usual <= LEAST_SECONDS.max(rounded_by) {
            return;
        }
        self.open.get_or_insert(0);
        let severity = if now > WARNING * usual {
            Severity::Warning
        } else {
            Severity::Info
        };
        let message = format!(
            "Steps take {now:.2} s at step {step}, {} the usual {usual:.2} s",
            text::times(now / usual)
        );
        alerts.raise(
            Alert::at(step, KIND, severity)
                .value(now, NOTED * usual)
                .says(message, REMEDY),
        );
    }

    fn rewound(&mut self, _step: u64) {
        *self = Slowdown::default();
    }
}

impl Slowdown {
    /// The fastest of the last few records, of which `newest` is one, and whether all of them
    /// are far too slow.
    fn collapse(&self, newest: f64) -> (f64, bool) {
        // No smaller than the fastest, nor that than the median: most records end here.
        if newest < WARNING * self.usual.min() {
            return (newest, false);
        }
        let fastest = self.recent.last(COLLAPSE).fold(f64::INFINITY, f64::min);
        let mut usual: Vec<f64> = self.usual.recent().last(WINDOW).collect();
        usual.sort_unstable_by(f64::total_cmp);
        let at = |index: usize| usual.get(index).copied().unwrap_or(f64::INFINITY);
        let tolerated = usual.len() / TOLERATED_ONE_IN;
        let slow = fastest > WARNING * at(usual.len() / 2) && fastest > at(usual.len() - 1 - tolerated);
        (fastest, slow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    /// The slowdowns found with these step times: raised at, and cleared at.
    fn slowdowns(seconds: impl Fn(u64) -> f64) -> Vec<(u64, Option<u64>)> {
        found(Quantity::StepTime, seconds)
    }

    fn found(quantity: Quantity, time: impl Fn(u64) -> f64) -> Vec<(u64, Option<u64>)> {
        let mut detector = Slowdown::default();
        let mut alerts = AlertLog::default();
        for step in 0..600 {
            let mut batch = Records::default();
            batch.push(step, &[(quantity, time(step))]);
            detector.observe(&batch.row(0), &Context::default(), &mut alerts);
        }
        let all = alerts.all().iter();
        all.map(|alert| (alert.raised_at_step, alert.cleared_at_step))
            .collect()
    }

    #[test]
    fn a_collapse_is_found_within_six_records_and_a_hiccup_is_none() {
        let wobble = |step: u64| 0.1 + 0.01 * (step % 7) as f64;
        let slow = |from: u64, until: u64| {
            move |step: u64| {
                if (from..until).contains(&step) {
                    0.9
                } else {
                    wobble(step)
                }
            }
        };
        let [(raised, Some(cleared))] = slowdowns(slow(300, 400))[..] else {
            panic!("{:?}", slowdowns(slow(300, 400)));
        };
        assert_eq!(raised, 305);
        assert!((410..450).contains(&cleared), "{cleared}");
        assert_eq!(slowdowns(slow(300, 304)), []);
        // Every eighth record evaluates.
        let evaluates = |step: u64| if step.is_multiple_of(8) { 2.0 } else { wobble(step) };
        assert_eq!(slowdowns(evaluates), []);
    }

    #[test]
    fn whole_seconds_are_no_slowdown() {
        // Some steps take longer than others, and from step 300 on a little longer.
        let elapsed = |slow: f64| {
            move |step: u64| {
                let wobble = 0.4 * (step % 5) as f64;
                let slower = slow * step.saturating_sub(300) as f64;
                (1.4 * step as f64 + wobble + slower).floor()
            }
        };
        assert_eq!(found(Quantity::Elapsed, elapsed(0.2)), []);
        let slow = found(Quantity::Elapsed, elapsed(2.8));
        assert!(matches!(slow[..], [(300..450, None)]), "{slow:?}");
        // Several steps a second.
        assert_eq!(found(Quantity::Elapsed, |step| (0.4 * step as f64).floor()), []);
        // Each step time is rounded.
        assert_eq!(slowdowns(|step| if step < 300 { 1.0 } else { 2.0 }), []);
        let slow = slowdowns(|step| if step < 300 { 1.0 } else { 3.0 });
        assert!(matches!(slow[..], [(300..350, None)]), "{slow:?}");
    }
}
