//! The posterior of the law: a grid over the non-linear parameters, with the exact
//! normal distribution of the linear ones in every cell.
//!
//! The result is a mixture of normals, from which the mean and the standard
//! deviation of the loss at any step follow without sampling.

use super::linear::{self, Amplitudes, Observation};
use super::solver::memory_grid;
use super::{BestFit, FitPoint};
use crate::law::Prior;
use crate::law::annealing::Regressors;
use crate::law::prior::Normal;
use crate::schedule::LearningRateCurve;

/// The likelihood counts one in this many points: residuals of real runs are
/// correlated over hundreds of steps, so the points are not independent.
const TEMPER: f64 = 3.0;

/// Mean and standard deviation of the loss at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

struct Cell {
    alpha: f64,
    memory: usize,
    weight: f64,
    amplitudes: Amplitudes,
}

/// The posterior distribution of the law.
pub struct Posterior {
    cells: Vec<Cell>,
    memories: Vec<f64>,
    reference_forward: f64,
    prior: Prior,
}

impl Posterior {
    /// Computes the posterior. `best` supplies robust weights and the scale of the
    /// residuals; `None` when no cell of the grid has a finite solution.
    pub fn new(
        points: &[FitPoint],
        curve: &LearningRateCurve,
        best: &BestFit,
        prior: Prior,
    ) -> Option<Posterior> {
        let precisions = precisions(points, best);
        let memories = memory_grid();
        let alphas: Vec<f64> = (0..24).map(|index| 0.12 + 0.05 * f64::from(index)).collect();
        let reference_forward = best.law.reference_forward;
        let mut cells = Vec::with_capacity(memories.len() * alphas.len());
        for (memory, steps) in memories.iter().enumerate() {
            let at = Regressors::at(
                curve,
                *steps,
                reference_forward,
                points.iter().map(|point| point.step),
            );
            let observations: Vec<Observation> = at
                .iter()
                .zip(points)
                .zip(&precisions)
                .map(|((at, point), precision)| Observation {
                    at: *at,
                    loss: point.loss,
                    precision: *precision,
                })
                .collect();
            let log_memory_prior = log_density(prior.log_memory, steps.ln());
            for &alpha in &alphas {
                let Some(amplitudes) = linear::solve(&observations, alpha, &prior) else {
                    continue;
                };
                if amplitudes.mean[1] <= 0.0 {
                    continue; // A loss that rises by itself is not this law.
                }
                let log_weight = amplitudes.log_evidence
                    + log_memory_prior
                    + log_density(prior.alpha, alpha)
                    + gain_mass(&amplitudes);
                cells.push(Cell {
                    alpha,
                    memory,
                    weight: log_weight,
                    amplitudes,
                });
            }
        }
        normalise(&mut cells)?;
        Some(Posterior {
            cells,
            memories,
            reference_forward,
            prior,
        })
    }

    /// Mean and standard deviation of the expected loss at ascending `steps`.
    pub fn moments(&self, curve: &LearningRateCurve, steps: &[f64]) -> Vec<Moments> {
        let mut first = vec![0.0; steps.len()];
        let mut second = vec![0.0; steps.len()];
        for (memory, value) in self.memories.iter().enumerate() {
            let at = Regressors::at(curve, *value, self.reference_forward, steps.iter().copied());
            for cell in self.cells.iter().filter(|cell| cell.memory == memory) {
                for ((at, first), second) in at.iter().zip(&mut first).zip(&mut second) {
                    let row = linear::row(*at, cell.alpha);
                    let mean = row.dot(&cell.amplitudes.mean);
                    let variance = row.dot(&(cell.amplitudes.covariance * row));
                    *first += cell.weight * mean;
                    *second += cell.weight * (variance + mean * mean);
                }
            }
        }
        first
            .into_iter()
            .zip(second)
            .map(|(mean, second)| Moments {
                mean,
                sd: (second - mean * mean).max(0.0).sqrt(),
            })
            .collect()
    }

    /// Gain of a full anneal (nats).
    pub fn drop(&self) -> Moments {
        let (mut mean, mut second) = (0.0, 0.0);
        for cell in &self.cells {
            let value = cell.amplitudes.mean[2];
            mean += cell.weight * value;
            second += cell.weight * (cell.amplitudes.covariance[(2, 2)] + value * value);
        }
        Moments {
            mean,
            sd: (second - mean * mean).max(0.0).sqrt(),
        }
    }

    /// True while the gain of annealing is known from the prior rather than from the
    /// run: the data have not narrowed it to half of what was believed before.
    pub fn gain_is_prior(&self) -> bool {
        self.drop().sd > 0.5 * self.prior.drop.sd
    }
}

/// Inverse variances, robust against spikes, at the scale the residuals really have.
fn precisions(points: &[FitPoint], best: &BestFit) -> Vec<f64> {
    let standardised: Vec<f64> = points
        .iter()
        .zip(&best.residuals)
        .map(|(point, residual)| residual / point.variance.sqrt())
        .collect();
    let spread = 1.4826 * crate::run::series::median(standardised.iter().map(|value| value.abs()).collect());
    let inflation = spread.max(1.0);
    points
        .iter()
        .zip(standardised)
        .map(|(point, standardised)| {
            let robust = (1.35 * inflation / standardised.abs().max(1e-12)).min(1.0);
            robust / (point.variance * inflation * inflation * TEMPER)
        })
        .collect()
}

fn log_density(belief: Normal, value: f64) -> f64 {
    -0.5 * ((value - belief.mean) / belief.sd).powi(2)
}

/// Logarithm of the probability that the gain of annealing is positive, by a
/// logistic approximation of the normal distribution function.
fn gain_mass(amplitudes: &Amplitudes) -> f64 {
    let sd = amplitudes.covariance[(2, 2)].max(1e-18).sqrt();
    -(-1.702 * amplitudes.mean[2] / sd).min(500.0).exp().ln_1p()
}

/// Turns log weights into weights that sum to one; drops cells that cannot matter.
fn normalise(cells: &mut Vec<Cell>) -> Option<()> {
    let top = cells.iter().map(|cell| cell.weight).max_by(f64::total_cmp)?;
    cells.retain(|cell| cell.weight > top - 12.0);
    let mut total = 0.0;
    for cell in cells.iter_mut() {
        cell.weight = (cell.weight - top).exp();
        total += cell.weight;
    }
    for cell in cells.iter_mut() {
        cell.weight /= total;
    }
    (total.is_finite() && total > 0.0).then_some(())
}
