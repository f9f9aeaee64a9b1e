//! A cosine that explains logged learning rates to their last digit.
//!
//! Where rates were logged with all their digits, shapes that come close are wrong, and only the
//! right one leaves nothing unexplained. It may begin a step beside the warm-up's end: a trainer
//! that logs after its scheduler's step never logs the peak, and one may count from 1.

use std::f64::consts::PI;

use super::fit::{LARGEST_OTHER_RATIO, round_ratio};
use super::logged::{ENDS, LONGEST, thin};
use super::search::least;
use crate::schedule::shape::{Decay, Schedule, Shape};

/// Root mean square deviation, as a share of the peak, that single precision may leave.
const EXACT: f64 = 2e-7;

/// A cosine through logged rates.
struct Cosine {
    start: f64,
    /// Whole steps from the peak to the end.
    length: f64,
    deviation: f64,
    peak: f64,
    ratio: f64,
}

/// The cosine, over a whole number of steps, that the logged rates follow exactly.
pub(super) fn cosine(rates: &[(f64, f64)], warm_up: f64) -> Option<Schedule> {
    let rates: Vec<(f64, f64)> = thin(rates).collect();
    let fits = [warm_up, warm_up - 1.0, warm_up + 1.0].map(|start| Cosine::of(&rates, start));
    let fits = fits.into_iter().flatten();
    let best = fits.min_by(|one, other| one.deviation.total_cmp(&other.deviation))?;
    let end = (best.start + best.length).round() as u64;
    // As many steps as the rate takes to fall, whatever the first of them is called.
    let total = (warm_up + best.length).round() as u64;
    Some(Schedule {
        peak: Some(best.peak),
        total_steps: Some(total),
        warm_up: Some(best.start.max(0.0).round() as u64),
        decay_end: (end != total).then_some(end),
        ..Schedule::of(Shape::Fall {
            decay: Decay::Cosine,
            min_ratio: round_ratio(best.ratio.max(0.0)),
        })
    })
}

impl Cosine {
    fn of(rates: &[(f64, f64)], start: f64) -> Option<Cosine> {
        /// Other lengths, as shares of the best, do not fit.
        const ANOTHER: [f64; 2] = [0.99, 1.01];
        /// Around the best of the first search it is searched again.
        const CLOSE: f64 = 1e-3;
        let seen = rates.last()?.0 - start;
        if seen <= 0.0 {
            return None;
        }
        let off = |length: f64| Cosine::over(rates, start, length).deviation;
        let by_logarithm = |logarithm: f64| off(logarithm.exp());
        let near = least(seen.ln(), (LONGEST * seen).ln(), ENDS, by_logarithm);
        let near = least(near - CLOSE, near + CLOSE, 1, by_logarithm);
        let length = near.exp().round();
        let cosine = Cosine::over(rates, start, length);
        let exact = cosine.deviation < EXACT && (-EXACT..LARGEST_OTHER_RATIO).contains(&cosine.ratio);
        (exact && ANOTHER.iter().all(|share| off(share * length) > EXACT)).then_some(cosine)
    }

    /// That of a given length which comes closest: it is linear in the peak and in the end.
    fn over(rates: &[(f64, f64)], start: f64, length: f64) -> Cosine {
        let share = |step: f64| 0.5 * (1.0 + (PI * ((step - start) / length).clamp(0.0, 1.0)).cos());
        let count = rates.len() as f64;
        let mean = |value: &dyn Fn(&(f64, f64)) -> f64| rates.iter().map(value).sum::<f64>() / count;
        let mean_share = mean(&|point| share(point.0));
        let mean_rate = mean(&|point| point.1);
        let square = mean(&|point| (share(point.0) - mean_share).powi(2));
        let product = mean(&|point| (share(point.0) - mean_share) * (point.1 - mean_rate));
        let height = product / square;
        let end = mean_rate - height * mean_share;
        let peak = end + height;
        let residual = mean(&|point| (point.1 - end - height * share(point.0)).powi(2));
        Cosine {
            start,
            length,
            deviation: residual.sqrt() / peak,
            peak,
            ratio: end / peak,
        }
    }
}
