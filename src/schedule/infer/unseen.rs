//! Schedules whose peak is not in the log.

use super::fit::schedule;
use super::logged::thin;
use super::{LEAST_FALL, TOLERANCE};
use crate::schedule::shape::{Decay, Schedule, Shape};

/// Part of a run after this share of it is hardly its beginning: the log of a resumed run.
pub(super) const LATE: f64 = 0.05;

/// Where warm-up may have ended before the log began, as shares of the run.
const WARM_UPS: [f64; 5] = [0.0, 0.01, 0.02, 0.05, 0.1];

/// A cosine whose peak was before the log began: the rate is linear in the cosine, with the
/// peak and the end as coefficients.
pub(super) fn begun_before(rates: &[(f64, f64)], total: f64) -> Option<Schedule> {
    let ((first_step, first_rate), (_, last_rate)) = (*rates.first()?, *rates.last()?);
    if first_step < LATE * total {
        return None;
    }
    let to_zero = Schedule::of(Shape::Fall {
        decay: Decay::Cosine,
        min_ratio: 0.0,
    });
    let fit = |warm_up: f64| {
        let points: Vec<(f64, f64)> = thin(rates)
            .map(|(step, rate)| (to_zero.share(step, warm_up, total), rate))
            .collect();
        let count = points.len() as f64;
        let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / count;
        let (mean_share, mean_rate) = (mean(|point| point.0), mean(|point| point.1));
        let (mut square, mut product) = (0.0, 0.0);
        for (share, rate) in &points {
            square += (share - mean_share).powi(2);
            product += (share - mean_share) * (rate - mean_rate);
        }
        let height = product / square;
        let end = mean_rate - height * mean_share;
        let peak = end + height;
        let residual = |(share, rate): &(f64, f64)| (rate - end - height * share).powi(2);
        let deviation = (points.iter().map(residual).sum::<f64>() / count).sqrt() / peak;
        (deviation, peak, end / peak, warm_up)
    };
    let (_, peak, ratio, warm_up) = WARM_UPS
        .iter()
        .map(|share| fit(share * total))
        .filter(|(deviation, peak, ratio, _)| {
            let plausible = (-0.02..0.5).contains(ratio) && first_rate - last_rate > LEAST_FALL * peak;
            *peak > first_rate && plausible && *deviation < TOLERANCE
        })
        .min_by(|one, other| one.0.total_cmp(&other.0))?;
    let fall = schedule(false, Decay::Cosine, ratio.max(0.0), warm_up, total);
    Some(Schedule {
        peak: Some(peak),
        ..fall
    })
}

/// `sqrt(w / step)`, where the logged rates follow it.
pub(super) fn inverse_square_root(shares: &[(f64, f64)], total: Option<f64>) -> Option<Schedule> {
    let (last_step, last_share) = *shares.last()?;
    let warm_up = last_share * last_share * last_step;
    let schedule = Schedule {
        total_steps: total.map(|total| total.round() as u64),
        warm_up: Some(warm_up.round() as u64),
        ..Schedule::of(Shape::InverseSquareRoot)
    };
    let square: f64 = shares
        .iter()
        .map(|(step, share)| (schedule.share(*step, warm_up, last_step) - share).powi(2))
        .sum();
    ((square / shares.len() as f64).sqrt() < TOLERANCE).then_some(schedule)
}
