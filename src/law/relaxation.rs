//! How the gain of a falling learning rate arrives over the steps that follow.
//!
//! The excess loss that a learning rate sustains is taken as `rate^power`; when the rate
//! falls, the excess relaxes towards its new level in several bands at once, each with a
//! memory of its own. Memories count learning-rate time, `sum of rate / first rate`: at a
//! tenth of the rate everything relaxes ten times as slowly. So
//!
//! `L = L0 + A S1^-alpha - sum over bands of gain_b (1 - average_b / rate_0^power)`
//!
//! This is one family with the laws it is made from:
//!
//! - one band, power 1, memories in steps: the annealing momentum of Tissue, Wang and
//!   Wang (arXiv 2408.11029, Eq. 1);
//! - a power-law spectrum over the bands: the multi-power law (Luo et al., arXiv
//!   2503.12811, Eq. 2) with gamma = 0, because `(1 + x)^-beta` is a mixture of
//!   exponentials in the learning-rate area;
//! - a power below 1: the gain grows more slowly than the rate, as high rates show.
//!
//! Fitted jointly to all schedules of one model, learning-rate time leaves half to a
//! quarter of the error at the last step that memories in steps leave (six groups of
//! `curves`, two of `multipowerlaw`, two of `realruns`).

use super::prior::REFERENCE_PEAK;
use crate::schedule::LearningRateCurve;

/// Number of bands.
pub const BANDS: usize = 4;

/// Powers of the learning rate that are weighed against each other. Joint fits chose
/// 1 at a peak of 1e-4, 0.7 at 1e-3, 0.4 at 3e-3.
pub const POWERS: [f64; 6] = [0.25, 0.4, 0.55, 0.7, 0.85, 1.0];

/// Memories at the reference peak, in steps at the first rate. Observed delays: 100 to
/// 1,100 steps (arXiv 2408.11029, Fig. 5), with a tail of many thousands.
const MEMORIES: [f64; BANDS] = [40.0, 200.0, 1000.0, 5000.0];

/// Memories shorten with this power of the peak: in `C rate^-gamma S` of the multi-power
/// law, gamma is 0.5 to 0.65 (arXiv 2503.12811, Table 7).
const SHORTENING: f64 = 0.5;

/// Usual shares of the bands in the gain of a full anneal.
pub const SHARES: [f64; BANDS] = [0.35, 0.25, 0.25, 0.15];

/// The memories of the bands for a run with this (plausible) peak, in steps at the peak.
pub fn memories(peak: f64) -> [f64; BANDS] {
    MEMORIES.map(|memory| memory * (peak / REFERENCE_PEAK).powf(-SHORTENING))
}

/// By power, by band: how far the excess has relaxed, 0 before any annealing and 1 when
/// the rate has long been zero.
pub type Relaxed = [[f64; BANDS]; POWERS.len()];

/// How far the excess has relaxed at each of `steps`, which must ascend. `memories` are
/// in steps at the first rate. One pass; exact for every step of every tread.
pub fn relaxation(curve: &LearningRateCurve, memories: [f64; BANDS], steps: &[f64]) -> Vec<Relaxed> {
    let first = curve.first_rate();
    if first <= 0.0 {
        return vec![Relaxed::default(); steps.len()];
    }
    let mut treads = curve.treads().peekable();
    let (mut start, mut share) = (1.0, 1.0);
    let mut state = Relaxed::default();
    steps
        .iter()
        .map(|step| {
            while let Some((next, rate)) = treads.next_if(|(next, _)| next <= step) {
                state = relax(state, share, next - start, memories);
                (start, share) = (next, rate / first);
            }
            relax(state, share, (step - start + 1.0).max(0.0), memories)
        })
        .collect()
}

/// The state after `steps` at a constant share of the first rate.
fn relax(state: Relaxed, share: f64, steps: f64, memories: [f64; BANDS]) -> Relaxed {
    let share = share.max(0.0);
    let kept = memories.map(|memory| (-share * steps / memory).exp());
    let mut relaxed = state;
    for (bands, power) in relaxed.iter_mut().zip(POWERS) {
        let goal = if share == 1.0 {
            0.0
        } else {
            1.0 - share.powf(power)
        };
        for (band, kept) in bands.iter_mut().zip(kept) {
            *band = goal + (*band - goal) * kept;
        }
    }
    relaxed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Schedule;

    /// The closed forms against the recursion over every step.
    #[test]
    fn treads_equal_the_recursion_over_every_step() {
        let schedule: Schedule = "wsd:decay=0.4,shape=sqrt".parse().unwrap();
        let rate = |step: u64| 1e-3 * schedule.share(step as f64, 0.0, 2000.0);
        let curve = LearningRateCurve::from_steps(2000, rate);
        let memories = memories(1e-3);
        let steps: Vec<f64> = (1..=2000).map(f64::from).collect();
        let closed = relaxation(&curve, memories, &steps);
        let mut averages = [[1.0; BANDS]; POWERS.len()];
        for step in 1..=2000u64 {
            let share = rate(step) / curve.first_rate();
            for (bands, power) in averages.iter_mut().zip(POWERS) {
                for (average, memory) in bands.iter_mut().zip(memories) {
                    let kept = (-share / memory).exp();
                    *average = kept * *average + (1.0 - kept) * share.powf(power);
                }
            }
            let expected = averages[3].map(|average| 1.0 - average);
            for (found, expected) in closed[step as usize - 1][3].iter().zip(expected) {
                assert!((found - expected).abs() < 1e-9, "{step}: {found} {expected}");
            }
        }
    }

    #[test]
    fn nothing_relaxes_at_a_constant_rate_and_all_of_it_after_a_long_anneal() {
        let constant = LearningRateCurve::constant(1e-3);
        assert_eq!(
            relaxation(&constant, memories(1e-3), &[5000.0])[0],
            Relaxed::default()
        );
        let mut dropped = LearningRateCurve::constant(1e-3);
        dropped.change(1000.0, 1e-4);
        let relaxed = relaxation(&dropped, memories(1e-3), &[1e7])[0];
        let full = 1.0 - 0.1f64.powf(POWERS[5]);
        assert!(relaxed[5].iter().all(|band| (band - full).abs() < 1e-9));
    }
}
