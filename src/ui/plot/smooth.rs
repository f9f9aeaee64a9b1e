//! Smoothing that does not lag: a triangular kernel centred on each point.

use crate::snapshot::CurvePoint;

/// Widths of the kernel as a share of the run, narrowest first.
pub const WIDTHS: [f64; 8] = [0.0, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16];
/// The width in which the program starts: index into [`WIDTHS`].
pub const AUTOMATIC: usize = 4;

/// Points from which on the widths are shares of the curve: 2% of these are 15 points. Of fewer points
/// the shares are larger, for as many to be averaged.
const FULL: f64 = 750.0;
/// By how much larger at most: the few points of an eval loss have little noise.
const MOST: f64 = 4.0;

/// Width of the kernel in steps for a share of a curve.
pub fn width(points: &[CurvePoint], share: f64) -> f64 {
    let span = points
        .last()
        .zip(points.first())
        .map_or(0.0, |(last, first)| last.step - first.step);
    let factor = (FULL / points.len().max(1) as f64).clamp(1.0, MOST);
    share * factor * span
}

/// The curve smoothed over `width` steps: two passes of a centred moving mean, each
/// weighted by the number of points. Points without a finite value are left out.
pub fn smooth(points: &[CurvePoint], width: f64) -> Vec<(f64, f64)> {
    let finite: Vec<(f64, f64, f64)> = points
        .iter()
        .filter(|point| point.mean.is_finite())
        .map(|point| (point.step, point.mean, f64::from(point.count.max(1))))
        .collect();
    let once = moving_mean(&finite, width / 4.0);
    let again: Vec<(f64, f64, f64)> = finite
        .iter()
        .zip(&once)
        .map(|((step, _, weight), mean)| (*step, *mean, *weight))
        .collect();
    let twice = moving_mean(&again, width / 4.0);
    finite
        .iter()
        .zip(twice)
        .map(|((step, ..), mean)| (*step, mean))
        .collect()
}

/// Weighted mean of the points within `reach` of each, but of as many on either side: where a run
/// falls steeply, as in the beginning, the mean must not lean to one. At the end it is of all that
/// went before within `reach`: of ever fewer it would become that of the last point alone.
fn moving_mean(points: &[(f64, f64, f64)], reach: f64) -> Vec<f64> {
    let mut sums = Vec::with_capacity(points.len() + 1);
    sums.push((0.0, 0.0));
    let mut total = (0.0, 0.0);
    for (_, value, weight) in points {
        total = (total.0 + value * weight, total.1 + weight);
        sums.push(total);
    }
    let last = points.last().map_or(0.0, |point| point.0);
    let (mut low, mut high) = (0, 0);
    (0..points.len())
        .map(|index| {
            let at = |index: usize| points.get(index).map_or(f64::INFINITY, |point| point.0);
            while at(low) < at(index) - reach {
                low += 1;
            }
            while high < points.len() && at(high) <= at(index) + reach {
                high += 1;
            }
            let before = index - low.min(index);
            let side = before.min(high.saturating_sub(index + 1));
            let is_near_end = at(index) + reach > last;
            let from = index - if is_near_end { before } else { side };
            let (start, end) = (sums.get(from), sums.get(index + side + 1));
            match (start, end) {
                (Some(start), Some(end)) if end.1 > start.1 => (end.0 - start.0) / (end.1 - start.1),
                _ => points.get(index).map_or(f64::NAN, |point| point.1),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: impl IntoIterator<Item = f64>) -> Vec<CurvePoint> {
        values
            .into_iter()
            .enumerate()
            .map(|(step, value)| CurvePoint {
                step: step as f64,
                mean: value,
                min: value,
                max: value,
                count: 1,
            })
            .collect()
    }

    #[test]
    fn a_straight_line_stays_where_it_is() {
        let line = points((0..200).map(|step| 3.0 - 0.01 * f64::from(step)));
        for ((step, smoothed), point) in smooth(&line, 40.0).iter().zip(&line) {
            let lag = if *step < 180.0 { 1e-9 } else { 0.01 * 10.0 };
            assert!((smoothed - point.mean).abs() < lag, "step {step}");
        }
    }

    #[test]
    fn few_points_are_smoothed_over_a_larger_share() {
        let reach = |count: usize| {
            let line = points((0..count).map(|_| 3.0));
            width(&line, 0.02) / count as f64
        };
        assert!((reach(3000) - 0.02).abs() < 1e-3);
        assert!((reach(300) * 300.0 - 15.0).abs() < 0.1);
        assert!(reach(20) * 20.0 < 2.0);
    }

    #[test]
    fn the_end_of_the_curve_is_not_its_last_sample() {
        let level = |last: f64| {
            let values = (0..200).map(|step| if step < 199 { 3.0 } else { last });
            smooth(&points(values), 40.0).last().copied().unwrap().1
        };
        assert!((level(4.0) - level(3.0)).abs() < 0.25);
    }

    #[test]
    fn noise_shrinks_and_gaps_are_left_out() {
        let noisy = points((0..400).map(|step| {
            if step == 100 {
                f64::NAN
            } else {
                3.0 + if step % 2 == 0 { 0.1 } else { -0.1 }
            }
        }));
        let smoothed = smooth(&noisy, 80.0);
        assert_eq!(smoothed.len(), 399);
        assert!(
            smoothed
                .iter()
                .skip(50)
                .take(300)
                .all(|(_, value)| (value - 3.0).abs() < 0.02)
        );
    }
}
