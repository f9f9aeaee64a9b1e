//! When a growing signal will pass a threshold.

use std::collections::VecDeque;

use super::robust::{Line, line};
use crate::alert::Projection;
use crate::statistics::median;

/// Least R squared of a line that says anything.
pub const GOOD_FIT: f64 = 0.8;
/// Growth that feeds on itself may become this much faster than it was: a gradient that explodes
/// takes the logits with it.
const SPEEDS_UP: f64 = 3.0;
/// Growth may slow down by so much more: of 30 runs of ours one in ten took longer.
const SLOWS_DOWN: f64 = 2.0;
/// Standard errors on either side of an 80% interval.
const INTERVAL_ERRORS: f64 = 1.3;
/// Points whose mean is the present level.
const LEVEL_POINTS: usize = 5;

/// Keeps the last `room` points.
pub fn remember(points: &mut VecDeque<(f64, f64)>, room: usize, step: u64, value: f64) {
    if points.len() >= room {
        points.pop_front();
    }
    points.push_back((step as f64, value));
}

/// When the points reach `target`, which stands for `threshold`.
///
/// The most likely step is the median of what lines through the last 20, 40 and 80 points
/// say, against the step and against its logarithm (parameters grow like a power of the
/// step). The interval spans all of them, each with 1.3 standard errors of its slope, which
/// are doubled because neighbouring records resemble each other. Its early end allows for
/// growth that feeds on itself; its late end for growth that goes on to slow down as it has
/// done, which may never get there.
pub fn foresee(points: &VecDeque<(f64, f64)>, step: u64, target: f64, threshold: f64) -> Option<Projection> {
    let &(_, level) = points.back()?;
    let now = step as f64;
    let mut crossings: Vec<f64> = Vec::new();
    let (mut earliest, mut latest) = (f64::INFINITY, now);
    let recent = |count: usize| points.iter().copied().skip(points.len().saturating_sub(count));
    for count in [20, 40, 80] {
        if points.len() < count / 2 {
            break;
        }
        let trend = line(recent(count)).filter(|trend| trend.slope > 0.0 && trend.r_squared > GOOD_FIT);
        let slowing = line(recent(count).map(|(step, value)| (step.max(1.0).ln(), value)))
            .filter(|trend| trend.slope > 0.0 && trend.r_squared > GOOD_FIT);
        let used = points.len().min(count) as f64;
        if let Some(trend) = trend {
            // From the present level, so that a curved past does not shift the answer.
            let here = (trend.intercept + trend.slope * now).max(level);
            let error = 2.0 * INTERVAL_ERRORS * slope_error(trend, used);
            let at = |slope: f64| now + (target - here) / slope;
            crossings.push(at(trend.slope));
            earliest = earliest.min(at(trend.slope + error));
            latest = latest.max(if error < trend.slope {
                at(trend.slope - error)
            } else {
                f64::INFINITY
            });
        }
        if let Some(trend) = slowing {
            let here = (trend.intercept + trend.slope * now.max(1.0).ln()).max(level);
            let at = now * ((target - here) / trend.slope).exp();
            crossings.push(at);
            latest = latest.max(at);
            earliest = earliest.min(at);
        }
    }
    if crossings.len() < 2 {
        return None;
    }
    latest = latest.max(when_slowing(points, target).unwrap_or(f64::INFINITY));
    let likely = median(&mut crossings);
    let in_range = |at: f64| at.is_finite() && at < 1e15;
    in_range(likely).then_some(Projection {
        threshold,
        made_at_step: step,
        step: likely.ceil() as u64,
        earliest: (now + (earliest.min(likely).max(now) - now) / SPEEDS_UP).floor() as u64,
        latest: in_range(latest).then(|| (now + SLOWS_DOWN * (latest - now)).ceil() as u64),
    })
}

/// When the points reach `target` if their slope goes on to fall as it did between the older and
/// the newer half of them, exponentially; `None` if they never get there so.
pub fn when_slowing(points: &VecDeque<(f64, f64)>, target: f64) -> Option<f64> {
    let half = points.len() / 2;
    let before = line(points.iter().copied().take(half))?;
    let newer = || points.iter().copied().skip(half);
    let after = line(newer()).filter(|after| after.slope > 0.0)?;
    let mean = |points: &mut dyn Iterator<Item = f64>| {
        let (sum, count) = points.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        sum / f64::max(count, 1.0)
    };
    let &(now, _) = points.back()?;
    let middle_of_newer = mean(&mut newer().map(|(step, _)| step));
    let middle_of_older = mean(&mut points.iter().take(half).map(|(step, _)| *step));
    let level = mean(&mut points.iter().rev().take(LEVEL_POINTS).map(|(_, value)| *value));
    let need = target - level;
    if before.slope <= after.slope {
        return Some(now + need / after.slope);
    }
    let rate = (before.slope / after.slope).ln() / (middle_of_newer - middle_of_older);
    let slope = after.slope * (-rate * (now - middle_of_newer)).exp();
    // What is left to grow is slope / rate.
    let share = need * rate / slope;
    (share < 1.0).then(|| now - (1.0 - share).ln() / rate)
}

/// Standard error of the slope of a line through so many points.
fn slope_error(trend: Line, points: f64) -> f64 {
    let unexplained = (1.0 / trend.r_squared - 1.0).max(0.0);
    trend.slope * (unexplained / (points - 2.0).max(1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(value: impl Fn(f64) -> f64) -> VecDeque<(f64, f64)> {
        (0..80).map(f64::from).map(|step| (step, value(step))).collect()
    }

    #[test]
    fn growth_that_slows_down_gets_to_its_limit_and_no_further() {
        let limited = points(|step| 8.0 * (1.0 - (-step / 40.0).exp()));
        // 7.5 is reached at step 40 ln 16.
        let at = when_slowing(&limited, 7.5).unwrap();
        assert!((at - 110.9).abs() < 5.0, "{at}");
        assert_eq!(when_slowing(&limited, 9.0), None);
        assert_eq!(
            foresee(&limited, 79, 9.0, 9.0).and_then(|ahead| ahead.latest),
            None
        );
        let steady = points(|step| 0.1 * step);
        assert!((when_slowing(&steady, 10.0).unwrap() - 101.9).abs() < 0.5);
        let ahead = foresee(&steady, 79, 10.0, 10.0).unwrap();
        assert!(
            ahead.earliest < 100 && (100..=103).contains(&ahead.step),
            "{ahead:?}"
        );
        assert!(ahead.latest.is_some_and(|latest| latest > 103), "{ahead:?}");
    }
}
