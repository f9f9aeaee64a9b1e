//! A cosine that explains logged learning rates to their last digit.
//!
//! Where rates were logged with all their digits, shapes that come close are wrong, and only the
//! right one leaves nothing unexplained. It may begin a step beside the warm-up's end: a trainer
//! that logs after its scheduler's step never logs the peak, and one may count from 1. And where not every
//! step is logged the warm-up may end between two records.

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
    /// Steps from the peak to the end.
    length: f64,
    deviation: f64,
    peak: f64,
    ratio: f64,
}

/// The cosine, over a whole number of steps, that the logged rates follow exactly.
pub(super) fn cosine(rates: &[(f64, f64)], warm_up: f64) -> Option<Schedule> {
    let gap = rates.get(1)?.0 - rates.first()?.0;
    let rates: Vec<(f64, f64)> = thin(rates).collect();
    let closest = |starts: [f64; 3]| {
        let fits = starts.into_iter().filter_map(|start| Cosine::of(&rates, start));
        fits.min_by(|one, other| one.deviation.total_cmp(&other.deviation))
    };
    let beside = |start: f64| [start, start - 1.0, start + 1.0];
    let (best, warm_up) = match closest(beside(warm_up)) {
        Some(best) => (best, warm_up),
        None => {
            let start = between_records(&rates, (warm_up - gap).max(0.0), warm_up)?.round();
            (closest(beside(start))?, start)
        }
    };
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

/// The start between two records from which a cosine comes closest to the rates; `None` where every step is
/// logged, where digits were rounded away and where no cosine is near.
fn between_records(rates: &[(f64, f64)], before: f64, after: f64) -> Option<f64> {
    const NEAR: f64 = 3e-3;
    const STARTS: usize = 6;
    if after - before <= 2.0 || rates.iter().all(|(_, rate)| is_rounded(*rate)) {
        return None;
    }
    let closest = |start: f64| Cosine::closest(rates, start).map_or(f64::INFINITY, |cosine| cosine.deviation);
    (closest(after) < NEAR).then(|| least(before, after, STARTS, closest))
}

/// True for a number of few digits.
fn is_rounded(number: f64) -> bool {
    let few_digits = format!("{number:.5e}");
    few_digits.parse() == Ok(number)
}

impl Cosine {
    fn of(rates: &[(f64, f64)], start: f64) -> Option<Cosine> {
        /// Other lengths, as shares of the best, do not fit.
        const ANOTHER: [f64; 2] = [0.99, 1.01];
        let cosine = Cosine::over(rates, start, Cosine::closest(rates, start)?.length.round());
        let off = |length: f64| Cosine::over(rates, start, length).deviation;
        let exact = cosine.deviation < EXACT && (-EXACT..LARGEST_OTHER_RATIO).contains(&cosine.ratio);
        (exact && ANOTHER.iter().all(|share| off(share * cosine.length) > EXACT)).then_some(cosine)
    }

    /// The one from this start that comes closest, over steps that need not be whole.
    fn closest(rates: &[(f64, f64)], start: f64) -> Option<Cosine> {
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
        Some(Cosine::over(rates, start, near.exp()))
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
