//! The points that a law is fitted to: means over disjoint stretches of steps.

use crate::run::series::Series;
use crate::statistics::median;

/// A mean over neighbouring logged points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitPoint {
    /// Mean step.
    pub step: f64,
    /// Mean loss.
    pub loss: f64,
    /// Variance of that mean from the noise of single points, and from what no law
    /// of this kind explains; larger for a point that stands out among its neighbours.
    pub variance: f64,
}

/// Stretches are this share of their step wide, so that the steep beginning is
/// followed closely and the long end is not overcrowded.
const RELATIVE_WIDTH: f64 = 0.02;
/// At most about this many stretches.
const MOST_STRETCHES: f64 = 160.0;
/// Standard deviation of what a law leaves unexplained from point to point, as a share
/// of the loss.
const MISFIT_SHARE: f64 = 3.5e-4;

/// First step that is fitted: the law holds some time after warm-up only. The first
/// quarter of the elapsed steps is left out, up to 2,000 steps, but never less than a
/// fifth: long runs showed transients of that length.
pub fn first_step(warm_up_end: u64, last_step: u64) -> u64 {
    let after = last_step.saturating_sub(warm_up_end) as f64;
    warm_up_end + (0.25 * after).min(2000.0_f64.max(0.2 * after)).ceil() as u64
}

/// Variance of a single point from step `from` on around the trend. Where every point is kept, second
/// differences leave the trend out (for a straight line they are zero; for white noise
/// their variance is six times its own).
pub fn noise_variance(series: &Series, from: u64) -> f64 {
    let single: Vec<f64> = series
        .buckets()
        .iter()
        .filter(|bucket| bucket.first_step >= from && bucket.finite > 0 && bucket.count == 1)
        .map(|bucket| bucket.mean())
        .collect();
    let few = series.points() < 2 * single.len() as u64 + 8;
    let mut seconds: Vec<f64> = single
        .windows(3)
        .filter_map(|three| match three {
            [one, two, three] => Some((one - 2.0 * two + three).abs()),
            _ => None,
        })
        .collect();
    if few && seconds.len() >= 3 {
        return (1.4826 * median(&mut seconds)).powi(2) / 6.0;
    }
    series.noise_variance().unwrap_or(0.0)
}

/// Points on either side that a point is compared with.
const NEIGHBOURS: usize = 4;
/// Robust standard deviations from its neighbours at which a point counts less.
const OUTLIER: f64 = 3.0;

/// Raises the variance of points that stand out among their neighbours: spikes.
fn doubt_outliers(points: &mut [FitPoint]) {
    let deviations: Vec<f64> = (0..points.len())
        .map(|index| {
            let around = points
                .get(index.saturating_sub(NEIGHBOURS)..(index + NEIGHBOURS + 1).min(points.len()))
                .unwrap_or_default();
            let center = median(&mut around.iter().map(|point| point.loss).collect::<Vec<_>>());
            points.get(index).map_or(0.0, |point| point.loss - center)
        })
        .collect();
    let mut sizes: Vec<f64> = deviations.iter().map(|deviation| deviation.abs()).collect();
    let spread = 1.4826 * median(&mut sizes);
    for (point, deviation) in points.iter_mut().zip(deviations) {
        let scale = point.variance.sqrt().max(spread);
        let excess = deviation.abs() / (OUTLIER * scale);
        if excess > 1.0 {
            point.variance *= excess * excess;
        }
    }
}

/// The lowest mean of a series before `until`.
pub fn lowest_before(series: &Series, until: u64) -> Option<f64> {
    let early = |point: &FitPoint| point.step < until as f64;
    let points = gather(series, 0).into_iter().filter(early);
    points.map(|point| point.loss).min_by(f64::total_cmp)
}

/// Gathers a series from `from` on into at most a few hundred points.
pub fn gather(series: &Series, from: u64) -> Vec<FitPoint> {
    let last = series.last_step().unwrap_or(from) as f64;
    let widest = ((last - from as f64) / MOST_STRETCHES).max(1.0);
    let noise = noise_variance(series, from);
    let mut points = Vec::new();
    let mut stretch = Stretch::default();
    for bucket in series
        .buckets()
        .iter()
        .filter(|bucket| bucket.first_step >= from && bucket.finite > 0)
    {
        let width = widest
            .min(RELATIVE_WIDTH * bucket.first_step as f64)
            .max(widest / 8.0);
        if stretch.count > 0.0 && bucket.last_step as f64 - stretch.first > width {
            points.extend(stretch.close(noise));
        }
        stretch.add(
            bucket.first_step as f64,
            bucket.mean_step(),
            bucket.mean(),
            f64::from(bucket.finite),
        );
    }
    points.extend(stretch.close(noise));
    doubt_outliers(&mut points);
    points
}

#[derive(Default)]
struct Stretch {
    first: f64,
    count: f64,
    step_sum: f64,
    loss_sum: f64,
}

impl Stretch {
    fn add(&mut self, first: f64, step: f64, loss: f64, count: f64) {
        if self.count == 0.0 {
            self.first = first;
        }
        self.count += count;
        self.step_sum += step * count;
        self.loss_sum += loss * count;
    }

    fn close(&mut self, noise: f64) -> Option<FitPoint> {
        let Stretch {
            count,
            step_sum,
            loss_sum,
            ..
        } = std::mem::take(self);
        if count <= 0.0 {
            return None;
        }
        let loss = loss_sum / count;
        Some(FitPoint {
            step: step_sum / count,
            loss,
            variance: noise / count + (MISFIT_SHARE * loss).powi(2),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_noisy_run_becomes_a_few_hundred_points() {
        let mut series = Series::new(4096);
        for step in 0..300_000u64 {
            series.push(step, 3.0 + if step % 2 == 0 { 0.04 } else { -0.04 });
        }
        let points = gather(&series, first_step(300, 300_000));
        assert!((60..400).contains(&points.len()), "{}", points.len());
        assert!(points.windows(2).all(|pair| pair[0].step < pair[1].step));
        assert!(points.iter().all(|point| (point.loss - 3.0).abs() < 0.01));
    }

    #[test]
    fn a_spike_counts_little() {
        let mut series = Series::new(4096);
        for step in (0..4000u64).step_by(50) {
            let spike = if step == 3000 { 4.0 } else { 0.0 };
            series.push(
                step,
                3.0 + 0.01 * ((step / 50 * 7919 % 13) as f64 / 6.0 - 1.0) + spike,
            );
        }
        let points = gather(&series, 1000);
        let doubted: Vec<f64> = points
            .iter()
            .filter(|point| point.variance > 100.0 * points[0].variance)
            .map(|point| point.step)
            .collect();
        assert_eq!(doubted, [3000.0]);
    }

    #[test]
    fn the_lowest_loss_of_the_warm_up_is_that_before_its_end() {
        let mut series = Series::new(4096);
        for step in (0..4000u64).step_by(250) {
            series.push(
                step,
                if step == 500 {
                    2.0
                } else {
                    3.0 - 1e-3 * step as f64
                },
            );
        }
        assert_eq!(lowest_before(&series, 1000), Some(2.0));
        assert_eq!(lowest_before(&series, 0), None);
    }

    #[test]
    fn a_short_run_keeps_its_points() {
        let mut series = Series::new(4096);
        for step in (0..4000u64).step_by(250) {
            series.push(step, 3.0);
        }
        assert_eq!(gather(&series, 300).len(), 14);
    }
}
