//! The points that a law is fitted to: means over disjoint stretches of steps.

use crate::run::series::Series;

/// A mean over neighbouring logged points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitPoint {
    /// Mean step.
    pub step: f64,
    /// Mean loss.
    pub loss: f64,
    /// Variance of that mean from the noise of single points, and from what no law
    /// of this kind explains.
    pub variance: f64,
}

/// Stretches are this share of their step wide, so that the steep beginning is
/// followed closely and the long end is not overcrowded.
const RELATIVE_WIDTH: f64 = 0.02;
/// At most about this many stretches.
const MOST_STRETCHES: f64 = 160.0;
/// Standard deviation of what a law leaves unexplained, as a share of the loss:
/// 0.1% is what the best of them reach on finished curves.
const MISFIT_SHARE: f64 = 1e-3;

/// First step that is fitted: the law holds some time after warm-up only. Fitting
/// from the tenth part of the elapsed steps on beat a fixed start on public logs;
/// for long runs the wait is capped.
pub fn first_step(warm_up_end: u64, last_step: u64) -> u64 {
    let after = last_step.saturating_sub(warm_up_end) as f64;
    warm_up_end + (0.1 * after).min(500.0_f64.max(0.05 * after)).ceil() as u64
}

/// Gathers a series from `from` on into at most a few hundred points.
pub fn gather(series: &Series, from: u64) -> Vec<FitPoint> {
    let last = series.last_step().unwrap_or(from) as f64;
    let widest = ((last - from as f64) / MOST_STRETCHES).max(1.0);
    let noise = series.noise_variance().unwrap_or(0.0);
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
    fn a_short_run_keeps_its_points() {
        let mut series = Series::new(4096);
        for step in (0..4000u64).step_by(250) {
            series.push(step, 3.0);
        }
        assert_eq!(gather(&series, 300).len(), 14);
    }
}
