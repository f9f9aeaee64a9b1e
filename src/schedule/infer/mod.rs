//! Recognises the schedule from the part that has been logged.
//!
//! A prefix is often the beginning of more than one schedule: a straight line goes with any
//! ratio at the end, and the top of a cosine that was printed with three digits with many
//! lengths. So every shape that fits is kept with its probability. How far it may lie from
//! the logged rates is not known, for nobody knows how they were rounded: with the scale of
//! the deviations integrated out its likelihood is `(d^2)^(-n/2)`, for a root mean square
//! deviation d of n rates (Gelman et al., Bayesian Data Analysis, section 3.2). Around its
//! best length and ratio it is taken for a normal distribution (Laplace's approximation).

mod deviation;
mod exact;
mod fit;
mod logged;
mod origin;
mod search;
#[cfg(test)]
mod tests;
mod unseen;

use super::shape::{Decay, Schedule};
use fit::Fit;
use logged::Logged;
use origin::{Origin, origins, unusual, usual};
use unseen::{begun_before, inverse_square_root};

/// Largest root mean square deviation, as a share of the peak, at which a shape
/// counts as recognised. Logs that round the rate stay below it.
const TOLERANCE: f64 = 4e-3;

/// Deviations below this, as a share of the peak, say nothing: schedulers differ by such
/// trifles as when a step begins.
const TRIFLE: f64 = 5e-5;

/// A deviation at which nothing of the logged rates is left unexplained.
const EXACT: f64 = 3.0 * TRIFLE;

/// Least fall of the rate, as a share of the peak, that a decay must show: below it
/// shapes cannot be told apart.
const LEAST_FALL: f64 = 0.03;

/// Less probable possibilities are left out.
const LEAST_PROBABILITY: f64 = 0.02;

/// What logged learning rates may be the beginning of.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// The most probable schedule.
    pub schedule: Schedule,
    /// How far it lies from the logged rates: root mean square, as a share of the peak.
    pub deviation: f64,
    /// What else it may be, each with its probability.
    pub others: Vec<(f64, Schedule)>,
}

impl Inferred {
    fn surely(schedule: Schedule) -> Inferred {
        Inferred {
            schedule,
            deviation: 0.0,
            others: Vec::new(),
        }
    }

    /// True when another schedule explains the logged rates about as well.
    pub fn allows(
        &self,
        other: &Schedule,
        rates: &[(f64, f64)],
        peak: f64,
        warm_up: f64,
        total: f64,
    ) -> bool {
        let off = |(step, rate): &(f64, f64)| (rate / peak - other.share(*step, warm_up, total)).powi(2);
        let square = rates.iter().map(off).sum::<f64>() / rates.len().max(1) as f64;
        square.sqrt() < (ABOUT_AS_WELL * self.deviation).max(LIKE_ANY)
    }
}

/// Times the deviation of the best that is about as good, and a deviation that is as good as any:
/// trainers skip a step here and there.
const ABOUT_AS_WELL: f64 = 2.0;

const LIKE_ANY: f64 = 2e-3;

/// The schedules that the logged learning rates may be the beginning of, if one of the known
/// shapes fits and they have fallen far enough to tell.
///
/// `rates` are (step, learning rate) in order; warm-up is left out by the caller.
/// `total` is the planned number of steps; without it the shape must determine it.
/// A rate that has not moved is not recognised: it may start to decay any time.
pub fn infer(rates: &[(f64, f64)], peak: f64, warm_up: f64, total: Option<f64>) -> Option<Inferred> {
    let (last_step, _) = *rates.last()?;
    if !has_fallen(rates, peak) {
        return None;
    }
    if total.is_none()
        && let Some(schedule) = exact::cosine(rates, warm_up)
    {
        return Some(Inferred::surely(schedule));
    }
    let logged = Logged::new(rates, peak, warm_up);
    let fitting = |begins: &[(Origin, Decay)]| -> Vec<Fit> {
        let fits = begins
            .iter()
            .flat_map(|(origin, decay)| logged.fits(origin, *decay, total));
        fits.filter(|fit| fit.deviation < TOLERANCE && fit.evidence.is_finite())
            .collect()
    };
    let origins = origins(rates, peak, warm_up);
    let mut fits = fitting(&usual(&origins));
    // What explains the rates to the last digit leaves nothing to look for.
    if !fits.iter().any(|fit| fit.deviation < EXACT) {
        fits.extend(fitting(&unusual(&origins, warm_up)));
    }
    fits.sort_by(|one, other| other.evidence.total_cmp(&one.evidence));
    if let Some(best) = fits.first() {
        return Some(Inferred {
            schedule: best.schedule(0.0),
            deviation: best.deviation,
            others: possibilities(&fits, last_step),
        });
    }
    total
        .and_then(|total| begun_before(rates, total))
        .or_else(|| inverse_square_root(&logged.shares, total))
        .map(Inferred::surely)
}

/// All that the fits leave possible but for the centre of the first, with its probability.
fn possibilities(fits: &[Fit], last_step: f64) -> Vec<(f64, Schedule)> {
    /// A third of a normal distribution each, at these standard deviations, has its variance.
    const THIRDS: [f64; 3] = [0.0, -1.224_745, 1.224_745];
    let most = fits.first().map_or(0.0, |fit| fit.evidence);
    let weights: Vec<f64> = fits.iter().map(|fit| (fit.evidence - most).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut possible = Vec::new();
    for (index, (fit, weight)) in fits.iter().zip(weights).enumerate() {
        let probability = weight / sum;
        let parts: &[f64] = if fit.is_exact() { &[0.0] } else { &THIRDS };
        for at in parts {
            let is_the_best = index == 0 && *at == 0.0;
            let schedule = fit.schedule(*at);
            let ahead = schedule.total_steps.is_some_and(|total| total as f64 > last_step);
            let share = probability / parts.len() as f64;
            if !is_the_best && ahead && share > LEAST_PROBABILITY {
                possible.push((share, schedule));
            }
        }
    }
    possible
}

/// The schedule that learning rates follow exactly which are changed once in so many steps, given
/// one after the other: their plan is one of epochs.
pub fn infer_by_epoch(rates: &[f64], steps_per_epoch: f64) -> Option<Inferred> {
    let rates: Vec<(f64, f64)> = (0..).map(f64::from).zip(rates.iter().copied()).collect();
    let peak = rates.first()?.1;
    if !has_fallen(&rates, peak) {
        return None;
    }
    let by_epoch = exact::cosine(&rates, 0.0)?;
    let in_steps =
        |epochs: Option<u64>| epochs.map(|epochs| (epochs as f64 * steps_per_epoch).round() as u64);
    Some(Inferred::surely(Schedule {
        total_steps: in_steps(by_epoch.total_steps),
        warm_up: in_steps(by_epoch.warm_up),
        decay_end: in_steps(by_epoch.decay_end),
        ..by_epoch
    }))
}

/// True when there are enough rates, fallen far enough, to tell shapes apart.
fn has_fallen(rates: &[(f64, f64)], peak: f64) -> bool {
    const FEWEST: usize = 8;
    let last = rates.last().map_or(0.0, |(_, rate)| *rate);
    peak > 0.0 && rates.len() >= FEWEST && 1.0 - last / peak >= LEAST_FALL
}
