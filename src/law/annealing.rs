//! The scaling law with learning-rate annealing (Tissue, Wang and Wang, arXiv 2408.11029):
//!
//! `L(s) = L0 + A S1^-alpha - C S2`, Eq. 1, with S1 the sum of the learning rates and
//! S2 the sum of the annealing momentum `m_i = lambda m_(i-1) + (rate_(i-1) - rate_i)`.
//!
//! Because `(1 - lambda) S2 = rate_0 - average`, where `average` is the exponential
//! moving average of the learning rate, the law is linear in its three amplitudes
//! once alpha and lambda are set. We write it as
//!
//! `L = l0 + amplitude (S1 / S1_ref)^-alpha - drop (rate_0 - average) / rate_0`
//!
//! whose amplitudes are in nats and do not depend on the unit of the learning rate:
//! `drop` is what a full anneal from the first rate recovers.

use crate::schedule::{AnnealingSums, LearningRateCurve};

/// The law with all its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnnealingLaw {
    /// Asymptote at constant learning rate (nats).
    pub l0: f64,
    /// Reducible loss at `reference_forward` (nats).
    pub amplitude: f64,
    /// Exponent of S1.
    pub alpha: f64,
    /// Loss recovered by a full anneal from the first rate (nats).
    pub drop: f64,
    /// `1 / (1 - lambda)` in steps.
    pub memory: f64,
    /// S1 at which `amplitude` holds.
    pub reference_forward: f64,
    /// The first learning rate, from which annealing is counted.
    pub first_rate: f64,
}

/// The parameters of the law, in the units of its paper.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LawView {
    /// L0, the asymptote at constant learning rate (nats). Weakly identified: never a floor.
    pub l0: f64,
    /// A, for S1 in learning rate times steps.
    pub a: f64,
    /// alpha, the exponent of S1.
    pub alpha: f64,
    /// C, for S2 as in the paper.
    pub c: f64,
    /// lambda, the decay of the annealing momentum per step.
    pub lambda: f64,
    /// Loss recovered by a full anneal from the peak learning rate (nats).
    pub full_anneal_drop: f64,
    /// Standard deviation of the residuals of the fitted points (nats).
    pub residual_sd: f64,
}

/// What the law needs of the schedule at one step: its two regressors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regressors {
    /// `S1 / S1_ref`
    pub forward: f64,
    /// `(rate_0 - average) / rate_0`: 0 before any annealing, 1 after a full one.
    pub annealed: f64,
}

impl Regressors {
    /// The regressors at ascending `steps` of a schedule.
    pub fn at(
        curve: &LearningRateCurve,
        memory: f64,
        reference_forward: f64,
        steps: impl IntoIterator<Item = f64>,
    ) -> Vec<Regressors> {
        let first_rate = curve.first_rate();
        curve
            .sums(memory, steps)
            .into_iter()
            .map(|AnnealingSums { forward, average }| Regressors {
                forward: forward / reference_forward,
                annealed: if first_rate > 0.0 {
                    (first_rate - average) / first_rate
                } else {
                    0.0
                },
            })
            .collect()
    }
}

impl AnnealingLaw {
    /// The loss that the law gives.
    pub fn loss(&self, at: Regressors) -> f64 {
        self.l0 + self.amplitude * at.forward.powf(-self.alpha) - self.drop * at.annealed
    }

    /// The loss at ascending `steps` of a schedule.
    pub fn curve(&self, schedule: &LearningRateCurve, steps: &[f64]) -> Vec<f64> {
        Regressors::at(
            schedule,
            self.memory,
            self.reference_forward,
            steps.iter().copied(),
        )
        .into_iter()
        .map(|at| self.loss(at))
        .collect()
    }

    /// The parameters as the paper writes them.
    pub fn view(&self, residual_sd: f64) -> LawView {
        let lambda = 1.0 - 1.0 / self.memory;
        LawView {
            l0: self.l0,
            a: self.amplitude * self.reference_forward.powf(self.alpha),
            alpha: self.alpha,
            c: if self.first_rate > 0.0 {
                self.drop / (self.memory * self.first_rate)
            } else {
                0.0
            },
            lambda,
            full_anneal_drop: self.drop,
            residual_sd,
        }
    }
}
