//! How fast a run goes, from whatever times its log has.

use std::collections::VecDeque;

use crate::format::running_time::RunningTime;
use crate::statistics::median;

/// Times below this are no seconds since the Unix epoch but something else.
const EARLIEST_EPOCH: f64 = 1e9;
/// Times above this are milliseconds.
const LATEST_EPOCH_SECONDS: f64 = 1e11;
const SAMPLES: usize = 128;
/// Seconds within which arrivals are one.
const ONE_LOOK: f64 = 1.0;

/// Steps against time.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    wall: VecDeque<(u64, f64)>,
    elapsed: VecDeque<(u64, f64)>,
    running: RunningTime,
    arrivals: VecDeque<(u64, f64)>,
    step_times: VecDeque<f64>,
    thin: u32,
}

impl Pace {
    /// Step `step` was logged at `time`, seconds (or milliseconds) since the Unix epoch.
    pub fn wall_time(&mut self, step: u64, time: f64) {
        let seconds = if time > LATEST_EPOCH_SECONDS {
            time / 1000.0
        } else {
            time
        };
        if seconds > EARLIEST_EPOCH && seconds.is_finite() {
            remember(&mut self.wall, step, seconds);
        } else if seconds.is_finite() && seconds >= 0.0 {
            self.elapsed(step, seconds);
        }
    }

    /// Step `step` was logged `seconds` after the start.
    pub fn elapsed(&mut self, step: u64, seconds: f64) {
        if !seconds.is_finite() || seconds < 0.0 {
            return;
        }
        let follows = self
            .running
            .last_step()
            .is_some_and(|last| last.checked_add(1) == Some(step));
        if self.running.runs(step, seconds) {
            remember(&mut self.elapsed, step, seconds);
            return;
        }
        // How long each record took tells the pace where every step has one.
        self.elapsed.clear();
        if follows {
            self.step_time(seconds);
        }
    }

    /// One step took `seconds`.
    pub fn step_time(&mut self, seconds: f64) {
        if seconds.is_finite() && seconds > 0.0 {
            // Every eighth is enough for a median over a while.
            self.thin = self.thin.wrapping_add(1);
            if self.step_times.len() < 8 || self.thin.is_multiple_of(8) {
                if self.step_times.len() >= SAMPLES {
                    self.step_times.pop_front();
                }
                self.step_times.push_back(seconds);
            }
        }
    }

    /// Step `step` was seen in the file at `time`; used when the log has no times. What comes at
    /// once comes in pieces, which say nothing of the pace.
    pub fn arrived(&mut self, step: u64, time: f64) {
        let at_once = |(_, last): &&mut (u64, f64)| (0.0..ONE_LOOK).contains(&(time - *last));
        match self.arrivals.back_mut().filter(at_once) {
            Some((last, _)) => *last = step,
            None => remember(&mut self.arrivals, step, time),
        }
    }

    /// The steps went back.
    pub fn rewind(&mut self) {
        self.wall.clear();
        self.elapsed.clear();
        self.arrivals.clear();
    }

    /// When the last record was logged, seconds since the Unix epoch, if the log says so.
    pub fn last_wall_time(&self) -> Option<f64> {
        self.wall.back().map(|(_, time)| *time)
    }

    /// The last step whose time since the start is known, and that time in seconds.
    pub fn last_elapsed(&self) -> Option<(u64, f64)> {
        self.elapsed.back().copied()
    }

    /// Recent seconds per step.
    ///
    /// Arrivals that we have watched for a while beat the times in the log, which may
    /// be those of another clock.
    pub fn seconds_per_step(&self) -> Option<f64> {
        if self.watched_for_long() {
            return live_slope(&self.arrivals);
        }
        [&self.wall, &self.elapsed]
            .into_iter()
            .find_map(slope)
            .or_else(|| {
                let mut times: Vec<f64> = self.step_times.iter().copied().collect();
                (!times.is_empty()).then(|| median(&mut times))
            })
            .or_else(|| live_slope(&self.arrivals))
    }

    fn watched_for_long(&self) -> bool {
        let seconds = self
            .arrivals
            .front()
            .zip(self.arrivals.back())
            .map_or(0.0, |((_, first), (_, last))| last - first);
        self.arrivals.len() >= 16 && seconds > 20.0
    }

    /// Usual number of steps between records with a time of their own.
    pub fn steps_between_records(&self) -> f64 {
        [&self.wall, &self.elapsed]
            .into_iter()
            .find_map(stride)
            .unwrap_or(1.0)
    }

    /// Usual number of steps between two looks that found something new: many where the log is
    /// buffered.
    pub fn steps_between_arrivals(&self) -> f64 {
        stride(&self.arrivals).unwrap_or(1.0)
    }
}

/// Mean number of steps between times, at least 1: `None` before there are two.
fn stride(times: &VecDeque<(u64, f64)>) -> Option<f64> {
    let gaps = times.len().checked_sub(1).filter(|gaps| *gaps > 0)?;
    let ((first, _), (last, _)) = times.front().zip(times.back())?;
    Some((last.saturating_sub(*first) as f64 / gaps as f64).max(1.0))
}

fn remember(times: &mut VecDeque<(u64, f64)>, step: u64, time: f64) {
    if times.back().is_some_and(|(last, _)| *last == step) {
        times.pop_back();
    } else if times.len() >= SAMPLES {
        times.pop_front();
    }
    times.push_back((step, time));
}

/// Seconds per step over the remembered stretch: in the mean, and between most times.
fn paces(times: &VecDeque<(u64, f64)>) -> Option<(f64, f64)> {
    // Where a clock counts whole seconds, several steps are at one time.
    let mut later = times.iter().copied().collect::<Vec<_>>();
    later.dedup_by_key(|(_, time)| *time);
    let pairs = later.iter().zip(later.iter().skip(1));
    let rising = pairs.filter(|((from, start), (to, end))| to > from && end > start);
    let spans = rising.map(|((from, start), (to, end))| (end - start, (to - from) as f64));
    let (mut seconds, mut steps, mut each) = (0.0, 0.0, Vec::new());
    for (took, made) in spans {
        seconds += took;
        steps += made;
        each.push(took / made);
    }
    (each.len() >= 2).then(|| (seconds / steps, median(&mut each)))
}

/// Seconds per step over the remembered stretch. Pauses, as for an evaluation, are part of the time to the end, but a
/// single long one is not.
fn slope(times: &VecDeque<(u64, f64)>) -> Option<f64> {
    let (mean, typical) = paces(times)?;
    Some(if mean > 2.0 * typical { typical } else { mean })
}

/// The same of arrivals, where a log that is written anew, or copied, makes many steps in no time.
fn live_slope(times: &VecDeque<(u64, f64)>) -> Option<f64> {
    let (mean, typical) = paces(times)?;
    let is_steady = (0.5 * typical..=2.0 * typical).contains(&mean);
    Some(if is_steady { mean } else { typical })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_long_pause_does_not_slow_the_pace() {
        let mut pace = Pace::default();
        for step in 0..100u64 {
            let pause = if step >= 50 { 3600.0 } else { 0.0 };
            pace.wall_time(step * 10, 1.7e9 + step as f64 * 5.0 + pause);
        }
        assert!((pace.seconds_per_step().unwrap() - 0.5).abs() < 1e-9);
        assert!((pace.steps_between_records() - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_clock_of_whole_seconds_has_a_pace_though_most_steps_take_none() {
        let mut pace = Pace::default();
        (0..100u64).for_each(|step| pace.elapsed(step, (0.3 * step as f64).floor()));
        let seconds = pace.seconds_per_step().unwrap();
        assert!((seconds - 0.3).abs() < 0.01, "{seconds}");
    }

    #[test]
    fn what_falls_again_and_again_is_how_long_a_step_took() {
        let mut pace = Pace::default();
        (0..50u64).for_each(|epoch| pace.elapsed(epoch, 20.0 + (epoch % 3) as f64));
        assert_eq!(pace.seconds_per_step(), Some(21.0));
        let mut sparse = Pace::default();
        (0..50u64).for_each(|record| sparse.elapsed(100 * record, 0.2 + 0.1 * (record % 3) as f64));
        assert_eq!(sparse.seconds_per_step(), None);
        // The steps of a damaged log.
        (0..5u64).for_each(|record| sparse.elapsed(u64::MAX, record as f64));
    }

    #[test]
    fn what_arrives_at_once_was_not_one_record() {
        let mut pace = Pace::default();
        (1..20u64).for_each(|look| pace.arrived(90 * look, 1.7e9 + 5.0 * look as f64));
        assert_eq!(pace.steps_between_records(), 1.0);
        assert_eq!(pace.steps_between_arrivals(), 90.0);
    }

    #[test]
    fn what_is_copied_at_once_is_not_the_pace() {
        let mut pace = Pace::default();
        // A log of 800 lines, in pieces, and then a step every two seconds.
        (1..=8u64).for_each(|piece| pace.arrived(100 * piece, 1.7e9 + 0.01 * piece as f64));
        assert_eq!(pace.seconds_per_step(), None);
        (1..=3u64).for_each(|step| pace.arrived(800 + step, 1.7e9 + 2.0 * step as f64));
        let seconds = pace.seconds_per_step().unwrap();
        assert!((seconds - 2.0).abs() < 0.1, "{seconds}");
        // The same into a log that is watched.
        pace.arrived(1600, 1.7e9 + 8.0);
        (1..=3u64).for_each(|step| pace.arrived(1600 + step, 1.7e9 + 8.0 + 2.0 * step as f64));
        let seconds = pace.seconds_per_step().unwrap();
        assert!((seconds - 2.0).abs() < 0.1, "{seconds}");
    }

    #[test]
    fn milliseconds_and_small_numbers_are_told_apart() {
        let mut pace = Pace::default();
        pace.wall_time(1, 1.7e12);
        assert_eq!(pace.last_wall_time(), Some(1.7e9));
        let mut pace = Pace::default();
        (0..5).for_each(|step| pace.wall_time(step, 2.0 * step as f64));
        assert_eq!(pace.last_wall_time(), None);
        assert_eq!(pace.seconds_per_step(), Some(2.0));
    }
}
