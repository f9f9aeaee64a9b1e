//! Where falls of the learning rate may have begun, and which are tried from there.

use crate::schedule::shape::{Decay, POWER};

/// How often a rate that seems to have been held at its peak really was.
const STABLE_PRIOR: f64 = 0.2;

/// How often a fall is a polynomial, and how often it is counted from the first step although the
/// rate was warmed up, beside the usual falls.
const POLYNOMIAL_PRIOR: f64 = 0.2;

const OVER_WARM_UP_PRIOR: f64 = 0.2;

/// Where a fall may have begun.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    /// From this step...
    pub(super) from: f64,
    /// ...to this one.
    pub(super) to: f64,
    /// After the rate was held at its peak.
    pub(super) stable: bool,
    /// How often falls begin there.
    pub(super) prior: f64,
}

/// The falls that most trainers know.
pub(super) fn usual(origins: &[Origin]) -> Vec<(Origin, Decay)> {
    let with_decays = |origin: &Origin| {
        // A fall from warm-up on is never 1-sqrt in practice.
        let decays: &[Decay] = if origin.stable {
            &[Decay::Cosine, Decay::Linear, Decay::OneMinusSquareRoot]
        } else {
            &[Decay::Cosine, Decay::Linear]
        };
        decays.iter().map(|decay| (*origin, *decay)).collect::<Vec<_>>()
    };
    origins.iter().flat_map(with_decays).collect()
}

/// The falls that some know: that of segmentation, and those that are counted from the first step,
/// with the warm-up laid over them.
pub(super) fn unusual(origins: &[Origin], warm_up: f64) -> Vec<(Origin, Decay)> {
    let from_the_first_step = Origin {
        from: 0.0,
        to: 0.0,
        stable: false,
        prior: OVER_WARM_UP_PRIOR,
    };
    let polynomials = origins.iter().filter(|origin| !origin.stable).map(|origin| {
        let prior = origin.prior * POLYNOMIAL_PRIOR;
        (Origin { prior, ..*origin }, Decay::Polynomial(POWER))
    });
    // A line is the same wherever it is counted from.
    let over_warm_up = (warm_up > 0.0).then_some((from_the_first_step, Decay::Cosine));
    polynomials.chain(over_warm_up).collect()
}

pub(super) fn origins(rates: &[(f64, f64)], peak: f64, warm_up: f64) -> Vec<Origin> {
    let (first_step, last_step) = match (rates.first(), rates.last()) {
        (Some((first, _)), Some((last, _))) => (*first, *last),
        _ => return Vec::new(),
    };
    let at = |step: f64| Origin {
        from: step,
        to: step,
        stable: false,
        prior: 1.0,
    };
    let mut origins = vec![at(warm_up)];
    // A log that begins late may hide a warm-up that ended where it begins.
    if first_step > warm_up {
        origins.push(at(first_step));
    }
    // Where the rate leaves the peak: the start of the decay, if there is a stable phase.
    let held = rates.iter().take_while(|(_, rate)| *rate > peak * (1.0 - 1e-3));
    if let Some((held_until, _)) = held.last()
        && held_until - first_step > 0.1 * (last_step - first_step)
    {
        origins.push(Origin {
            from: first_step,
            to: *held_until,
            stable: true,
            prior: STABLE_PRIOR,
        });
    }
    origins
}
