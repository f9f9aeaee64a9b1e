//! The posterior of the law: a grid over everything non-linear (exponent, power of the
//! learning rate, size of the wander), with the exact normal distribution of the
//! amplitudes in every cell.
//!
//! The result is a mixture of normals, from which any quantile of the loss at any step
//! follows without sampling and without local minima.

use nalgebra::{Cholesky, Const};

use super::FitPoint;
use super::cohort::Pool;
use super::design::{Ahead, AmplitudeMatrix, Amplitudes, CELLS, CellEquations, Design, EXPONENTS, exponent};
use super::design::{NormalEquations, SHARED, SIZE};
use super::discrepancy::Wander;
use super::mixture::{Mixture, Part};
use crate::law::Prior;
use crate::law::relaxation::{BANDS, POWERS};
use crate::schedule::LearningRateCurve;

/// Standard deviations of the wander, as shares of the loss. Fits of finished runs
/// leave 0.1 to 0.3% (forecasting study, section 3.12).
pub const WANDERS: [f64; 4] = [4e-4, 1e-3, 2.5e-3, 6e-3];
/// Correlation length of the wander in ln(step).
pub const WANDER_LENGTH: f64 = 0.35;
/// Cells whose weight is below `exp(-CUT)` of the best cannot matter.
const CUT: f64 = 8.0;
/// What no law explains at the last step, as a share of the drop still to come.
const MISFIT_OF_DROP: f64 = 0.04;

/// Mean and standard deviation of the loss at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

/// One cell of the grid that matters.
#[derive(Clone, Debug)]
struct Cell {
    wander: usize,
    exponent: usize,
    power: usize,
    weight: f64,
    mean: Amplitudes,
    covariance: AmplitudeMatrix,
    /// States of the filter for the columns and for the loss.
    states: Amplitudes,
    loss_state: f64,
}

/// The posterior distribution of the law.
pub struct Posterior {
    cells: Vec<Cell>,
    design: Design,
    wanders: Vec<NormalEquations>,
    prior: Prior,
}

/// A normal distribution of the amplitudes before the data: precision, precision times
/// mean, and what they add to the logarithm of the evidence.
#[derive(Clone, Copy, Debug)]
pub struct Belief {
    /// Inverse covariance.
    pub precision: AmplitudeMatrix,
    /// Inverse covariance times mean.
    pub moment: Amplitudes,
    /// `(ln det precision - mean' precision mean) / 2`
    pub log_normaliser: f64,
}

impl Belief {
    /// The belief with this mean and covariance; `None` when the covariance is singular.
    pub fn new(mean: Amplitudes, covariance: AmplitudeMatrix) -> Option<Belief> {
        let factor = covariance.cholesky()?;
        let moment = factor.solve(&mean);
        Some(Belief {
            precision: factor.inverse(),
            moment,
            log_normaliser: -0.5 * log_determinant(factor.l_dirty()) - 0.5 * mean.dot(&moment),
        })
    }

    /// What the prior believes; `forward_now` is `S1 / S1_ref` at the last point, where
    /// the prior of the reducible loss holds, and `alpha` the exponent.
    pub fn of_prior(prior: &Prior, forward_now: f64, alpha: f64) -> Option<Belief> {
        let scale = forward_now.powf(alpha);
        let mut mean = Amplitudes::zeros();
        let mut covariance = AmplitudeMatrix::zeros();
        mean[0] = prior.l0.mean;
        covariance[(0, 0)] = prior.l0.sd.powi(2);
        mean[1] = scale * prior.amplitude.mean;
        covariance[(1, 1)] = (scale * prior.amplitude.sd).powi(2);
        for (band, belief) in prior.bands.iter().enumerate() {
            mean[2 + band] = belief.mean;
            for other in 0..BANDS {
                covariance[(2 + band, 2 + other)] = prior.band_covariance(band, other);
            }
        }
        covariance[(SHARED, SHARED)] = prior.companion_l0.powi(2);
        covariance[(SHARED + 1, SHARED + 1)] = (scale * prior.companion_amplitude).powi(2);
        covariance[(SHARED + 2, SHARED + 2)] = (prior.companion_gain * prior.drop.mean).powi(2);
        Belief::new(mean, covariance)
    }

    /// The belief after the data of a cell.
    pub fn update(&self, data: &CellEquations) -> Option<Updated> {
        let factor = (self.precision + data.gram).cholesky()?;
        let moment = self.moment + data.moment;
        let mean = factor.solve(&moment);
        let log_evidence = self.log_normaliser - 0.5 * log_determinant(factor.l_dirty())
            + 0.5 * (moment.dot(&mean) - data.square);
        (log_evidence.is_finite() && mean.iter().all(|value| value.is_finite())).then_some(Updated {
            mean,
            log_evidence,
            factor,
        })
    }
}

/// A belief after data.
#[derive(Clone, Debug)]
pub struct Updated {
    /// Mean of the amplitudes.
    pub mean: Amplitudes,
    /// Logarithm of the probability of the data, up to their own constants.
    pub log_evidence: f64,
    /// Factor of the precision; the covariance is its inverse.
    factor: Cholesky<f64, Const<SIZE>>,
}

/// Logarithm of the determinant of a matrix from its Cholesky factor.
fn log_determinant(factor: &AmplitudeMatrix) -> f64 {
    2.0 * factor.diagonal().iter().map(|value| value.ln()).sum::<f64>()
}

impl Posterior {
    /// Computes the posterior of a loss, with the points of its companion where there are
    /// any and what other runs say. `None` when no cell of the grid has a finite solution.
    pub fn new(
        target: &[FitPoint],
        companion: &[FitPoint],
        curve: &LearningRateCurve,
        prior: Prior,
        pool: Option<&Pool>,
    ) -> Option<Posterior> {
        let last = target
            .iter()
            .chain(companion)
            .map(|point| point.step)
            .fold(0.0, f64::max);
        let reference = curve.sums(1.0, [last]).first().map_or(0.0, |sums| sums.forward);
        let level = target.last().or(companion.last())?.loss.abs().max(1e-3);
        if !(reference > 0.0 && reference.is_finite()) {
            return None;
        }
        let design = Design::new(target, companion, curve, reference);
        let wanders: Vec<NormalEquations> = WANDERS
            .iter()
            .map(|share| {
                design.equations(Wander {
                    sd: share * level,
                    length: WANDER_LENGTH,
                })
            })
            .collect();
        let mut cells = Vec::with_capacity(WANDERS.len() * CELLS);
        let mut top = f64::NEG_INFINITY;
        let alone = Belief::of_prior(&prior, 1.0, 0.0)?;
        let gains = prior.bands.map(|band| band.mean.max(1e-12));
        for bond in 0..pool.map_or(1, Pool::bonds) {
            for cell in 0..CELLS {
                let (exponent_index, power) = (cell % EXPONENTS, cell / EXPONENTS);
                let (belief, log_weight) = match pool {
                    Some(pool) => match pool.belief(bond, cell, &alone, gains, reference) {
                        Some(told) => told,
                        None => continue,
                    },
                    None => (
                        alone,
                        prior.alpha.log_density(exponent(exponent_index))
                            + prior.power.log_density(POWERS.get(power).copied().unwrap_or(1.0)),
                    ),
                };
                for (wander, equations) in wanders.iter().enumerate() {
                    let data = equations.cell(exponent_index, power);
                    let Some(updated) = belief.update(&data) else {
                        continue;
                    };
                    // A loss that rises by itself is not this law.
                    if updated.mean[1] <= 0.0 {
                        continue;
                    }
                    let weight = updated.log_evidence - 0.5 * equations.log_determinant()
                        + log_weight
                        + gain_mass(&updated);
                    // Most cells are far below the best: their covariance is never needed.
                    if weight < top - CUT {
                        continue;
                    }
                    top = top.max(weight);
                    let (states, loss_state) = equations.states(exponent_index, power);
                    cells.push(Cell {
                        wander,
                        exponent: exponent_index,
                        power,
                        weight,
                        mean: updated.mean,
                        covariance: updated.factor.inverse(),
                        states,
                        loss_state,
                    });
                }
            }
        }
        normalise(&mut cells)?;
        Some(Posterior {
            cells,
            design,
            wanders,
            prior,
        })
    }

    /// Mean and variance of the loss in a cell at a step, and the part of the variance
    /// that is the wander.
    fn project(&self, cell: &Cell, ahead: &Ahead, index: usize, step: f64) -> (f64, f64) {
        let (carry, wander) = self
            .wanders
            .get(cell.wander)
            .map_or((0.0, 0.0), |equations| equations.ahead(step));
        let row = ahead.row(index, cell.exponent, cell.power) - carry * cell.states;
        let mean = row.dot(&cell.mean) + carry * cell.loss_state;
        (mean, row.dot(&(cell.covariance * row)) + wander)
    }

    /// Mean and standard deviation of the loss at ascending `steps` from the last point on.
    pub fn moments(&self, curve: &LearningRateCurve, steps: &[f64]) -> Vec<Moments> {
        let ahead = self.design.ahead(curve, steps);
        let mut now = None;
        steps
            .iter()
            .enumerate()
            .map(|(index, step)| {
                let (mut mean, mut second) = (0.0, 0.0);
                for cell in &self.cells {
                    let (value, variance) = self.project(cell, &ahead, index, *step);
                    mean += cell.weight * value;
                    second += cell.weight * (variance + value * value);
                }
                let now = *now.get_or_insert(mean);
                let variance = (second - mean * mean).max(0.0) + self.misfit_variance(now, mean);
                Moments {
                    mean,
                    sd: variance.sqrt(),
                }
            })
            .collect()
    }

    /// The distribution of the loss at the last of two ascending steps, the first being
    /// the last point.
    pub fn at(&self, curve: &LearningRateCurve, now: f64, step: f64) -> Mixture {
        let ahead = self.design.ahead(curve, &[now, step]);
        let mut level = 0.0;
        let parts: Vec<Part> = self
            .cells
            .iter()
            .map(|cell| {
                level += cell.weight * self.project(cell, &ahead, 0, now).0;
                let (mean, variance) = self.project(cell, &ahead, 1, step);
                Part {
                    weight: cell.weight,
                    mean,
                    variance,
                }
            })
            .collect();
        let mixture = Mixture::new(parts);
        let misfit = self.misfit_variance(level, mixture.mean());
        mixture.blurred(misfit)
    }

    fn misfit_variance(&self, now: f64, then: f64) -> f64 {
        (MISFIT_OF_DROP * (now - then)).powi(2) + (self.prior.misfit * then).powi(2)
    }

    /// How much of what the prior left open about the annealing between two steps is
    /// still open: the ratio of the standard deviations, 1 when the run says nothing.
    pub fn openness(&self, curve: &LearningRateCurve, now: f64, then: f64) -> f64 {
        let ahead = self.design.ahead(curve, &[now, then]);
        let Some(belief) = Belief::of_prior(&self.prior, 1.0, 0.0) else {
            return 1.0;
        };
        let Some(before) = belief.precision.try_inverse() else {
            return 1.0;
        };
        let (mut mean, mut second, mut prior) = (0.0, 0.0, 0.0);
        for cell in &self.cells {
            let mut row = ahead.row(1, cell.exponent, cell.power) - ahead.row(0, cell.exponent, cell.power);
            (row[0], row[1]) = (0.0, 0.0);
            let value = row.dot(&cell.mean);
            mean += cell.weight * value;
            second += cell.weight * (row.dot(&(cell.covariance * row)) + value * value);
            prior += cell.weight * row.dot(&(before * row));
        }
        ((second - mean * mean).max(0.0) / prior.max(1e-30)).sqrt()
    }
}

/// Logarithm of the probability that the gain of annealing is positive, by a
/// logistic approximation of the normal distribution function.
fn gain_mass(updated: &Updated) -> f64 {
    let mut sum = Amplitudes::zeros();
    sum.rows_mut(2, BANDS).fill(1.0);
    let sd = sum.dot(&updated.factor.solve(&sum)).max(1e-18).sqrt();
    -(-1.702 * sum.dot(&updated.mean) / sd).min(500.0).exp().ln_1p()
}

/// Turns log weights into weights that sum to one; drops cells that cannot matter.
fn normalise(cells: &mut Vec<Cell>) -> Option<()> {
    let top = cells.iter().map(|cell| cell.weight).max_by(f64::total_cmp)?;
    cells.retain(|cell| cell.weight > top - CUT);
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

const _: () = assert!(SIZE == SHARED + 3);
