//! How the gain of a falling learning rate arrives over the steps that follow.
//!
//! The excess loss that a learning rate sustains is `share x sharpness`, the share being
//! that of the first rate. The sharpness adapts to the rate (progressive sharpening:
//! Cohen et al., arXiv 2103.00065, observe that it settles where the rate allows), so
//! that in the end the rate sustains `share^power`; a decay that is short beside this
//! memory still acts with power 1. When the excess that is sustained falls, the excess
//! relaxes towards it in several bands at once, each with a memory of its own. Memories
//! count learning-rate time, `sum of rate / first rate`: at a tenth of the rate everything
//! happens ten times as slowly. So, in learning-rate time,
//!
//! `sharpness' = (share^(power - 1) - sharpness) / memory of the sharpness`
//! `excess_b' = (share sharpness - excess_b) / memory of band b`
//! `L = L0 + A progress^-alpha - sum over bands of gain_b (1 - excess_b)`
//!
//! The laws it is made from:
//!
//! - one band, power 1, memories in steps: the annealing momentum of Tissue, Wang and
//!   Wang (arXiv 2408.11029, Eq. 1);
//! - a power-law spectrum over the bands: the multi-power law (Luo et al., arXiv
//!   2503.12811, Eq. 2) with gamma = 0, because `(1 + x)^-beta` is a mixture of
//!   exponentials in the learning-rate area.
//!
//! Fitted jointly to all schedules of one model, learning-rate time leaves half to a
//! quarter of the error at the last step that memories in steps leave, and the adapting
//! sharpness leaves two thirds to half of what a fixed power leaves (groups of `curves`
//! with peaks of 5e-4 to 2e-3; at 1e-4 it makes no difference).

use super::prior::{REFERENCE_PEAK, plausible_peak};
use crate::schedule::LearningRateCurve;

/// Number of bands.
pub const BANDS: usize = 4;

/// Powers of the learning rate that are weighed against each other, once the sharpness
/// has adapted: evenly spaced from zero.
pub const POWERS: [f64; 5] = [0.0, 0.2, 0.4, 0.6, 0.8];

/// Memories at the reference peak, in steps at the first rate. Observed delays: 100 to
/// 1,100 steps (arXiv 2408.11029, Fig. 5), with a tail of many thousands.
const MEMORIES: [f64; BANDS] = [40.0, 200.0, 1000.0, 5000.0];

/// Memories shorten with this power of the peak: in `C rate^-gamma S` of the multi-power
/// law, gamma is 0.5 to 0.65 (arXiv 2503.12811, Table 7).
const SHORTENING: f64 = 0.5;

/// Usual shares of the bands in the gain of a full anneal.
pub const SHARES: [f64; BANDS] = [0.47, 0.08, 0.16, 0.29];

/// Progress counts each step as the learning rate to one of these powers, where S1 has 1:
/// joint fits of whole runs chose 0.7 to 0.85 at peaks of 5e-4 to 2e-3, 0.85 to 1 at 1e-4,
/// and about 0.5 with 1,000 tokens a batch.
pub const PROGRESS_POWERS: [f64; 3] = [0.3, 0.6, 0.9];

/// Progress by the power of the learning rate that it counts.
pub type Progress = [f64; PROGRESS_POWERS.len()];

/// Memory of the sharpness at the reference peak, in steps at the first rate.
const SHARPENING: f64 = 3000.0;

/// Memories in steps at the first rate.
#[derive(Clone, Copy, Debug)]
struct Memories {
    /// Of the excess in each band.
    bands: [f64; BANDS],
    /// Of the sharpness.
    sharpness: f64,
}

/// The memories for a run with this (plausible) peak.
fn memories(peak: f64) -> Memories {
    let shortening = (peak / REFERENCE_PEAK).powf(-SHORTENING);
    Memories {
        bands: MEMORIES.map(|memory| memory * shortening),
        sharpness: SHARPENING * shortening,
    }
}

/// By power, by band: how far the excess has relaxed, 0 before any annealing and 1 when
/// the rate has long been zero.
pub type Relaxed = [[f64; BANDS]; POWERS.len()];

/// Where a schedule has brought a run by a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// The step.
    pub step: f64,
    /// Sums of the learning rates so far, each to one of `PROGRESS_POWERS`.
    pub progress: Progress,
    /// How far the excess has relaxed.
    pub relaxed: Relaxed,
}

/// Progress, the excess that the rate sustains, and the sharpness that it meets, the last
/// two as shares of what they were at the first rate.
#[derive(Clone, Copy)]
struct State {
    progress: Progress,
    sharpness: [f64; POWERS.len()],
    excess: Relaxed,
}

/// Where the schedule has brought a run by each of `steps`, which must ascend. One pass;
/// exact for every step of every tread.
pub fn standings(curve: &LearningRateCurve, steps: &[f64]) -> Vec<Standing> {
    let first = curve.first_rate();
    let memories = memories(plausible_peak(curve.peak()));
    let state = State {
        progress: [0.0; PROGRESS_POWERS.len()],
        sharpness: [1.0; POWERS.len()],
        excess: [[1.0; BANDS]; POWERS.len()],
    };
    let states = curve.accumulate(state, steps.iter().copied(), |mut state, rate, steps| {
        for (progress, power) in state.progress.iter_mut().zip(PROGRESS_POWERS) {
            *progress += rate.max(0.0).powf(power) * steps;
        }
        let share = if first > 0.0 { rate / first } else { 0.0 };
        relax(state, share, steps, memories)
    });
    steps
        .iter()
        .zip(states)
        .map(|(step, state)| Standing {
            step: *step,
            progress: state.progress,
            relaxed: state.excess.map(|bands| bands.map(|excess| 1.0 - excess)),
        })
        .collect()
}

/// The state after `steps` at a constant share of the first rate: the closed form of
/// `sharpness' = (share^(power - 1) - sharpness) share / memory` and
/// `excess' = (share sharpness - excess) share / memory of the band`.
fn relax(mut state: State, share: f64, steps: f64, memories: Memories) -> State {
    if share <= 0.0 || steps <= 0.0 {
        return state;
    }
    let time = share * steps;
    let adapted = -(-time / memories.sharpness).exp_m1();
    let kept = memories.bands.map(|memory| (-time / memory).exp());
    // The powers are evenly spaced from zero: one root gives all of them.
    let root = share.powf(POWERS[1]);
    let mut goal = 1.0;
    for (sharpness, bands) in state.sharpness.iter_mut().zip(&mut state.excess) {
        let lag = share * *sharpness - goal;
        for ((excess, kept), memory) in bands.iter_mut().zip(kept).zip(memories.bands) {
            let pace = memories.sharpness / (memories.sharpness - memory);
            *excess = goal + (*excess - goal) * kept + lag * pace * (1.0 - adapted - kept);
        }
        *sharpness -= lag / share * adapted;
        goal *= root;
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Schedule;

    /// The closed forms against the differential equations, by Runge and Kutta's method.
    #[test]
    fn treads_equal_the_integral_over_every_step() {
        let schedule: Schedule = "wsd:decay=0.4,shape=sqrt".parse().unwrap();
        let rate = |step: u64| 1e-3 * schedule.share(step as f64, 0.0, 2000.0);
        let curve = LearningRateCurve::from_steps(2000, rate);
        let memories = memories(1e-3);
        let steps: Vec<f64> = (1..=2000).map(f64::from).collect();
        let closed = standings(&curve, &steps);
        let (power, band) = (2, 1);
        let (mut sharpness, mut excess) = (1.0, 1.0);
        for step in 1..=2000u64 {
            let share = rate(step) / curve.first_rate();
            let slope = |(sharpness, excess): (f64, f64)| {
                let settled = share.powf(POWERS[power] - 1.0);
                (
                    (settled - sharpness) * share / memories.sharpness,
                    (share * sharpness - excess) * share / memories.bands[band],
                )
            };
            if share > 0.0 {
                let first = slope((sharpness, excess));
                let second = slope((sharpness + first.0 / 2.0, excess + first.1 / 2.0));
                let third = slope((sharpness + second.0 / 2.0, excess + second.1 / 2.0));
                let fourth = slope((sharpness + third.0, excess + third.1));
                sharpness += (first.0 + 2.0 * (second.0 + third.0) + fourth.0) / 6.0;
                excess += (first.1 + 2.0 * (second.1 + third.1) + fourth.1) / 6.0;
            }
            let found = closed[step as usize - 1].relaxed[power][band];
            assert!((found - (1.0 - excess)).abs() < 1e-8, "{step}: {found} {excess}");
        }
    }

    #[test]
    fn nothing_relaxes_at_a_constant_rate_and_all_of_it_after_a_long_anneal() {
        let constant = LearningRateCurve::constant(1e-3);
        assert_eq!(standings(&constant, &[5000.0])[0].relaxed, Relaxed::default());
        let mut dropped = LearningRateCurve::constant(1e-3);
        dropped.change(1000.0, 1e-4);
        let relaxed = standings(&dropped, &[1e7])[0].relaxed;
        for (power, bands) in POWERS.iter().zip(relaxed) {
            let full = 1.0 - 0.1f64.powf(*power);
            assert!(bands.iter().all(|band| (band - full).abs() < 1e-9));
        }
    }

    #[test]
    fn progress_counts_every_step_as_a_power_of_its_learning_rate() {
        let rate = |step: u64| 1e-3 * (1.0 - step as f64 / 1000.0);
        let mut curve = LearningRateCurve::constant(rate(0));
        (1..1000).for_each(|step| curve.change(step as f64, rate(step)));
        let [standing] = standings(&curve, &[1000.0])[..] else {
            panic!("one step, one standing");
        };
        for (progress, power) in standing.progress.iter().zip(PROGRESS_POWERS) {
            let sum: f64 = (1..=1000).map(|step| rate(step.min(999)).powf(power)).sum();
            assert!((progress / sum - 1.0).abs() < 1e-9, "{power}: {progress} {sum}");
        }
    }
}
