//! One quantity of one run over its steps, in bounded memory.
//!
//! Points are gathered into buckets of equally many points. When the buckets are
//! full, neighbours are merged and every bucket henceforth takes twice as many.
//! A bucket keeps the smallest and the largest value beside the mean, so that a
//! spike of a single step is never lost.

use crate::statistics::median;

/// Neighbouring points of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Step of the first point.
    pub first_step: u64,
    /// Step of the last point.
    pub last_step: u64,
    /// Points, finite or not.
    pub count: u32,
    /// Finite points.
    pub finite: u32,
    /// Sum of the steps of the finite points, counted from `first_step`.
    step_sum: f64,
    /// Sum of the finite values.
    sum: f64,
    /// Smallest finite value, or +infinity.
    pub min: f64,
    /// Largest finite value, or -infinity.
    pub max: f64,
    /// Sum of squared differences of successive finite values.
    difference_squares: f64,
    /// Number of such differences.
    differences: u32,
}

impl Bucket {
    fn new(step: u64) -> Self {
        Bucket {
            first_step: step,
            last_step: step,
            count: 0,
            finite: 0,
            step_sum: 0.0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            difference_squares: 0.0,
            differences: 0,
        }
    }

    /// Takes in a point. `last_finite` is the finite value before it.
    fn take(&mut self, step: u64, value: f64, last_finite: &mut f64) {
        self.last_step = step;
        self.count += 1;
        if !value.is_finite() {
            return;
        }
        self.finite += 1;
        self.sum += value;
        // Signed, for which there is an instruction.
        self.step_sum += step.saturating_sub(self.first_step).cast_signed() as f64;
        // Neither is NaN, so plain comparisons do.
        self.min = if value < self.min { value } else { self.min };
        self.max = if value > self.max { value } else { self.max };
        let difference = value - *last_finite;
        if difference.is_finite() {
            self.difference_squares += difference * difference;
            self.differences += 1;
        }
        *last_finite = value;
    }

    /// Mean of the finite values; NaN when there is none.
    pub fn mean(&self) -> f64 {
        self.sum / f64::from(self.finite)
    }

    /// Mean step of the finite values, or the middle of the bucket.
    pub fn mean_step(&self) -> f64 {
        if self.finite == 0 {
            return (self.first_step as f64 + self.last_step as f64) / 2.0;
        }
        self.first_step as f64 + self.step_sum / f64::from(self.finite)
    }

    /// Variance of the noise around the trend, from successive differences
    /// (von Neumann's estimator: half their mean square).
    pub fn noise_variance(&self) -> Option<f64> {
        (self.differences > 0).then(|| self.difference_squares / (2.0 * f64::from(self.differences)))
    }

    fn merge(&self, later: &Bucket) -> Bucket {
        let shift = later.first_step.saturating_sub(self.first_step) as f64;
        Bucket {
            first_step: self.first_step,
            last_step: self.last_step.max(later.last_step),
            count: self.count + later.count,
            finite: self.finite + later.finite,
            step_sum: self.step_sum + later.step_sum + shift * f64::from(later.finite),
            sum: self.sum + later.sum,
            min: self.min.min(later.min),
            max: self.max.max(later.max),
            difference_squares: self.difference_squares + later.difference_squares,
            differences: self.differences + later.differences,
        }
    }

    /// The bucket as a chart wants it.
    pub fn curve_point(&self) -> CurvePoint {
        CurvePoint {
            step: self.mean_step(),
            mean: self.mean(),
            min: self.min,
            max: self.max,
            count: self.count,
        }
    }
}

/// A bucket of neighbouring points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Mean step.
    pub step: f64,
    /// Mean of the finite values; NaN when there is none.
    pub mean: f64,
    /// Smallest finite value.
    pub min: f64,
    /// Largest finite value.
    pub max: f64,
    /// Values in the bucket.
    pub count: u32,
}

/// A bounded series of points in order of their steps.
#[derive(Clone, Debug)]
pub struct Series {
    buckets: Vec<Bucket>,
    capacity: usize,
    points_per_bucket: u32,
    points: u64,
    last_step: Option<u64>,
    last_value: f64,
    last_finite: f64,
    non_finite: u64,
    superseded: Vec<Bucket>,
}

/// Strides within which a series begins.
const BEGINNING: f64 = 2.0;

const SUPERSEDED_BUCKETS: usize = 512;

impl Series {
    /// A series that keeps at most `capacity` buckets (an even number of at least 2).
    pub fn new(capacity: usize) -> Self {
        Series {
            buckets: Vec::new(),
            capacity: capacity.max(2) & !1,
            points_per_bucket: 1,
            points: 0,
            last_step: None,
            last_value: f64::NAN,
            last_finite: f64::NAN,
            non_finite: 0,
            superseded: Vec::new(),
        }
    }

    /// Adds points. One whose step goes back supersedes those from its step on.
    pub fn extend(&mut self, mut steps: &[u64], mut values: &[f64]) {
        while let Some(&step) = steps.first() {
            if self.last_step.is_some_and(|last| step < last) {
                self.rewind(step);
            }
            let points_per_bucket = self.make_room(step);
            let Some(bucket) = self.buckets.last_mut() else {
                return;
            };
            // A copy, so that it stays in registers while it fills.
            let mut filling = *bucket;
            let room = points_per_bucket.saturating_sub(filling.count).max(1) as usize;
            let ahead = steps.get(..room).unwrap_or(steps);
            let mut pairs = ahead.iter().zip(ahead.get(1..).unwrap_or_default());
            let falls = pairs.position(|(before, after)| after < before);
            let taken = falls.map_or(ahead.len(), |index| index + 1);
            let (now, later) = steps.split_at_checked(taken).unwrap_or_default();
            let (these, rest) = values.split_at_checked(taken).unwrap_or_default();
            for (step, value) in now.iter().zip(these) {
                filling.take(*step, *value, &mut self.last_finite);
            }
            let added = u64::from(filling.count - bucket.count);
            self.points += added;
            self.non_finite += added - u64::from(filling.finite - bucket.finite);
            self.last_step = now.last().copied().or(self.last_step);
            self.last_value = these.last().copied().unwrap_or(self.last_value);
            *bucket = filling;
            (steps, values) = (later, rest);
        }
    }

    /// Adds a point, see [`Series::extend`].
    #[cfg(test)]
    pub fn push(&mut self, step: u64, value: f64) {
        self.extend(&[step], &[value]);
    }

    /// Sees that the last bucket can take another point; returns how many it takes in all.
    fn make_room(&mut self, step: u64) -> u32 {
        let full = |series: &Series| {
            let last = series.buckets.last();
            last.is_none_or(|bucket| bucket.count >= series.points_per_bucket)
        };
        if full(self) && self.buckets.len() >= self.capacity {
            self.halve();
        }
        if full(self) {
            self.buckets.push(Bucket::new(step));
        }
        self.points_per_bucket
    }

    fn halve(&mut self) {
        halve(&mut self.buckets);
        self.points_per_bucket = self.points_per_bucket.saturating_mul(2);
    }

    /// Drops the points from `step` on: a resume has superseded them. A bucket that
    /// straddles `step` stays whole. The dropped part remains visible through
    /// [`Series::superseded`].
    pub fn rewind(&mut self, step: u64) {
        let keep = self.buckets.partition_point(|bucket| bucket.first_step < step);
        for bucket in self.buckets.drain(keep..) {
            self.points = self.points.saturating_sub(u64::from(bucket.count));
            self.superseded.push(bucket);
        }
        while self.superseded.len() > SUPERSEDED_BUCKETS {
            halve(&mut self.superseded);
        }
        // The last kept bucket may be short; it takes further points all the same.
        self.last_step = self.buckets.last().map(|bucket| bucket.last_step);
        self.last_finite = f64::NAN;
        self.last_value = self.buckets.last().map_or(f64::NAN, Bucket::mean);
    }

    /// The same with every step moved by an offset, and then so many times as far from the start.
    #[must_use]
    pub fn stretched(&self, offset: f64, times: f64) -> Series {
        let farther = |step: u64| ((step as f64 + offset) * times).round() as u64;
        let mut stretched = self.clone();
        let buckets = stretched.buckets.iter_mut();
        for bucket in buckets.chain(&mut stretched.superseded) {
            bucket.first_step = farther(bucket.first_step);
            bucket.last_step = farther(bucket.last_step);
            bucket.step_sum *= times;
        }
        stretched.last_step = stretched.last_step.map(farther);
        stretched
    }

    /// The buckets in order of steps.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Buckets that a resume has superseded.
    pub fn superseded(&self) -> &[Bucket] {
        &self.superseded
    }

    /// Points that count, finite or not.
    pub fn points(&self) -> u64 {
        self.points
    }

    /// Points whose value is not finite.
    pub fn non_finite(&self) -> u64 {
        self.non_finite
    }

    /// Step of the last point.
    pub fn last_step(&self) -> Option<u64> {
        self.last_step
    }

    /// Mean number of steps between points: `None` before there are two.
    pub fn steps_between_points(&self) -> Option<f64> {
        let first = self.buckets.first()?.first_step;
        let gaps = self.points.checked_sub(1).filter(|gaps| *gaps > 0)?;
        Some(self.last_step?.saturating_sub(first) as f64 / gaps as f64)
    }

    /// True when `step` is among the first of the series.
    pub fn begins_by(&self, step: u64) -> bool {
        let first = self.buckets.first().map_or(0, |bucket| bucket.first_step);
        let stride = self.steps_between_points().unwrap_or(1.0);
        step as f64 <= first as f64 + BEGINNING * stride
    }

    /// True when the series has nothing before `step`.
    pub fn begins_with(&self, step: u64) -> bool {
        self.buckets.first().is_some_and(|first| step <= first.first_step)
    }

    /// The last value, finite or not.
    pub fn last_value(&self) -> f64 {
        self.last_value
    }

    /// Typical variance of the noise around the trend: the median over the buckets,
    /// so that spikes do not count. `None` before there are two points.
    pub fn noise_variance(&self) -> Option<f64> {
        let mut variances: Vec<f64> = self.buckets.iter().filter_map(Bucket::noise_variance).collect();
        if variances.is_empty() {
            return None;
        }
        let median = median(&mut variances);
        // The median of squared differences of single points is below their mean by
        // the ratio of a chi-square of one degree; fuller buckets need less.
        let typical = f64::from(self.points_per_bucket);
        let bias = if typical < 2.0 {
            0.455
        } else {
            (1.0 - 2.0 / (9.0 * typical)).powi(3)
        };
        Some(median / bias)
    }

    /// The present level: see [`recent_mean`].
    pub fn recent_mean(&self) -> f64 {
        recent_mean(self.buckets.iter().map(Bucket::curve_point), self.points)
    }
}

/// The share of the points whose mean is the present level...
pub const RECENT_SHARE: f64 = 0.01;
/// ...and the fewest of them.
pub const RECENT_LEAST: u64 = 10;

/// Mean of the last hundredth of `total` points, of ten at least where there are many, spikes
/// trimmed. NaN when nothing there is finite.
pub fn recent_mean(points: impl DoubleEndedIterator<Item = CurvePoint>, total: u64) -> f64 {
    let wanted = ((total as f64 * RECENT_SHARE) as u64).max(RECENT_LEAST.min(total / 8 + 1));
    let mut gathered = 0;
    let mut recent: Vec<(f64, f64)> = Vec::new();
    for point in points.rev() {
        if gathered >= wanted {
            break;
        }
        gathered += u64::from(point.count);
        if point.mean.is_finite() {
            recent.push((point.mean, f64::from(point.count)));
        }
    }
    trimmed_mean(&mut recent)
}

/// Weighted mean of the values within six median deviations of their median.
fn trimmed_mean(values: &mut [(f64, f64)]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let mut plain: Vec<f64> = values.iter().map(|(value, _)| *value).collect();
    let center = median(&mut plain);
    plain
        .iter_mut()
        .for_each(|value| *value = (*value - center).abs());
    let spread = median(&mut plain);
    let limit = if spread > 0.0 {
        6.0 * 1.4826 * spread
    } else {
        f64::INFINITY
    };
    let (mut sum, mut weight) = (0.0, 0.0);
    for (value, count) in values.iter().filter(|(value, _)| (value - center).abs() <= limit) {
        sum += value * count;
        weight += count;
    }
    sum / weight
}

fn halve(buckets: &mut Vec<Bucket>) {
    *buckets = buckets
        .chunks(2)
        .filter_map(|pair| match pair {
            [one] => Some(*one),
            [first, second] => Some(first.merge(second)),
            _ => None,
        })
        .collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_one_step_spike_survives_thinning() {
        let mut series = Series::new(64);
        for step in 0..100_000u64 {
            series.push(step, if step == 54_321 { 60.0 } else { 3.0 });
        }
        assert!(series.buckets().len() <= 64);
        let max = series
            .buckets()
            .iter()
            .map(|bucket| bucket.max)
            .fold(0.0, f64::max);
        assert_eq!(max, 60.0);
        assert_eq!(series.points(), 100_000);
        assert!((series.recent_mean() - 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_resume_supersedes_the_overlap_and_keeps_it_visible() {
        let mut series = Series::new(64);
        (0..50).for_each(|step| series.push(step, 2.0));
        series.rewind(30);
        assert_eq!(series.last_step(), Some(29));
        assert_eq!(series.superseded().len(), 20);
        (30..40).for_each(|step| series.push(step, 1.0));
        assert_eq!(series.points(), 40);
        assert_eq!(series.last_step(), Some(39));
    }

    #[test]
    fn noise_is_measured_around_the_trend_and_despite_spikes() {
        let mut series = Series::new(128);
        let mut state = 1u64;
        for step in 0..20_000u64 {
            let uniform = (0..12).map(|_| next(&mut state)).sum::<f64>() - 6.0;
            let spike = if step % 1000 == 0 { 5.0 } else { 0.0 };
            series.push(
                step,
                3.0 + 5.0 / (1.0 + step as f64 * 0.01) + 0.04 * uniform + spike,
            );
        }
        let sd = series.noise_variance().unwrap().sqrt();
        assert!((sd - 0.04).abs() < 0.004, "{sd}");
    }

    fn next(state: &mut u64) -> f64 {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 11) as f64 / (1u64 << 53) as f64
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn thinning_loses_no_point_and_no_extreme(
            values in prop::collection::vec(prop_oneof![9 => -1e3..1e3f64, 1 => Just(f64::NAN)], 1..600),
        ) {
            let mut series = Series::new(16);
            for (step, value) in values.iter().enumerate() {
                series.push(step as u64, *value);
            }
            let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
            prop_assert!(series.buckets().len() <= 16);
            prop_assert_eq!(series.buckets().iter().map(|bucket| u64::from(bucket.count)).sum::<u64>(), values.len() as u64);
            prop_assert_eq!(series.non_finite(), (values.len() - finite.len()) as u64);
            let max = series.buckets().iter().map(|bucket| bucket.max).fold(f64::NEG_INFINITY, f64::max);
            prop_assert_eq!(max, finite.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            let sum: f64 = series.buckets().iter().filter(|b| b.finite > 0).map(|b| b.mean() * f64::from(b.finite)).sum();
            prop_assert!((sum - finite.iter().sum::<f64>()).abs() < 1e-6);
        }
    }
}
