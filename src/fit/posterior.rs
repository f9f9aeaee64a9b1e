//! The posterior of the law: a grid over everything non-linear (exponent, annealing
//! kernel, size of the wander), with the exact normal distribution of the three
//! amplitudes in every cell.
//!
//! The result is a mixture of normals, from which the mean and the standard deviation
//! of the loss at any step follow without sampling and without local minima.

use nalgebra::{Matrix3, Vector3};

use super::discrepancy::{Wander, Whitener};
use super::{BestFit, FitPoint};
use crate::law::Prior;
use crate::law::kernel::{Kernel, MEMORIES, POWERS, kernels};
use crate::schedule::LearningRateCurve;

/// Standard deviations of the wander, as shares of the loss. Fits of finished runs
/// leave 0.1 to 0.3% (forecasting study, section 3.12).
const WANDERS: [f64; 4] = [4e-4, 1e-3, 2.5e-3, 6e-3];
/// Correlation length of the wander in ln(step).
const WANDER_LENGTH: f64 = 0.35;
/// Cells whose weight is below `exp(-CUT)` of the best cannot matter.
const CUT: f64 = 9.0;

/// Mean and standard deviation of the loss at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

/// A column of the regression, whitened, and the filter's state at its end.
struct Column {
    white: Vec<f64>,
    state: f64,
}

impl Column {
    fn dot(&self, other: &Column) -> f64 {
        self.white
            .iter()
            .zip(&other.white)
            .map(|(one, other)| one * other)
            .sum()
    }
}

#[derive(Clone, Debug)]
struct Cell {
    wander: usize,
    exponent: usize,
    kernel: usize,
    power: usize,
    weight: f64,
    mean: Vector3<f64>,
    covariance: Matrix3<f64>,
    /// States of the filter for the three columns and for the loss.
    states: Vector3<f64>,
    loss_state: f64,
}

/// The posterior distribution of the law.
pub struct Posterior {
    cells: Vec<Cell>,
    whiteners: Vec<Whitener>,
    exponents: Vec<f64>,
    kernels: Vec<Kernel>,
    reference_forward: f64,
    prior: Prior,
}

/// The regressors of all cells at some steps.
struct Regressors {
    /// `S1 / S1_ref`.
    forward: Vec<f64>,
    /// By power, by memory: how far `rate^power` has annealed, 0 to 1.
    annealed: Vec<Vec<Vec<f64>>>,
}

impl Regressors {
    fn at(curve: &LearningRateCurve, reference_forward: f64, steps: &[f64]) -> Regressors {
        let forward = curve
            .sums(1.0, steps.iter().copied())
            .into_iter()
            .map(|sums| sums.forward / reference_forward)
            .collect();
        let annealed = POWERS
            .iter()
            .map(|&power| {
                let curve = curve.to_power(power);
                let first = curve.first_rate();
                MEMORIES
                    .iter()
                    .map(|&memory| {
                        curve
                            .sums(memory, steps.iter().copied())
                            .into_iter()
                            .map(|sums| {
                                if first > 0.0 {
                                    (first - sums.average) / first
                                } else {
                                    0.0
                                }
                            })
                            .collect()
                    })
                    .collect()
            })
            .collect();
        Regressors { forward, annealed }
    }

    /// The annealing column of a kernel: minus what it has gained, per nat of a full anneal.
    fn gained(&self, power: usize, kernel: &Kernel) -> Vec<f64> {
        let mut gained = vec![0.0; self.forward.len()];
        let memories = self.annealed.get(power).map_or(&[][..], Vec::as_slice);
        for (weight, annealed) in kernel.weights.iter().zip(memories) {
            if *weight > 0.0 {
                for (sum, annealed) in gained.iter_mut().zip(annealed) {
                    *sum -= weight * annealed;
                }
            }
        }
        gained
    }
}

impl Posterior {
    /// Computes the posterior. `best` supplies robust weights; `None` when no cell of
    /// the grid has a finite solution.
    pub fn new(
        points: &[FitPoint],
        curve: &LearningRateCurve,
        best: &BestFit,
        prior: Prior,
    ) -> Option<Posterior> {
        let reference_forward = best.law.reference_forward;
        let steps: Vec<f64> = points.iter().map(|point| point.step).collect();
        let at = Regressors::at(curve, reference_forward, &steps);
        let variances = variances(points, best);
        let level = points.last()?.loss.abs().max(1e-3);
        let whiteners: Vec<Whitener> = WANDERS
            .iter()
            .map(|share| {
                let wander = Wander {
                    sd: share * level,
                    length: WANDER_LENGTH,
                };
                Whitener::new(wander, steps.iter().copied(), &variances)
            })
            .collect();
        let mut posterior = Posterior {
            cells: Vec::new(),
            whiteners: Vec::new(),
            exponents: (0..26).map(|index| 0.1 + 0.05 * f64::from(index)).collect(),
            kernels: kernels(),
            reference_forward,
            prior,
        };
        let powers: Vec<Vec<f64>> = posterior
            .exponents
            .iter()
            .map(|alpha| at.forward.iter().map(|forward| forward.powf(-alpha)).collect())
            .collect();
        // Where nothing has annealed, all kernels are one.
        let anneals = at
            .annealed
            .iter()
            .flatten()
            .flatten()
            .any(|annealed| annealed.abs() > 1e-6);
        let gains: Vec<(usize, usize, Vec<f64>)> = (0..POWERS.len())
            .flat_map(|power| (0..posterior.kernels.len()).map(move |kernel| (power, kernel)))
            .map(|(power, kernel)| (power, kernel, at.gained(power, &posterior.kernels[kernel])))
            .collect();
        for (wander, whitener) in whiteners.iter().enumerate() {
            let column = |values: &[f64]| {
                let (white, state) = whitener.whiten(values.iter().copied());
                Column { white, state }
            };
            let ones = column(&vec![1.0; steps.len()]);
            let losses: Vec<f64> = points.iter().map(|point| point.loss).collect();
            let loss = column(&losses);
            let powers: Vec<Column> = powers.iter().map(|values| column(values)).collect();
            let (one_one, one_loss, loss_loss) = (ones.dot(&ones), ones.dot(&loss), loss.dot(&loss));
            let of_powers: Vec<[f64; 3]> = powers
                .iter()
                .map(|power| [power.dot(&ones), power.dot(power), power.dot(&loss)])
                .collect();
            for (power, kernel, values) in &gains {
                let log_kernel = posterior.log_prior_of_kernel(*power, *kernel);
                let gain = column(values);
                let of_gain = [gain.dot(&ones), gain.dot(&gain), gain.dot(&loss)];
                for (exponent, (base, of_power)) in powers.iter().zip(&of_powers).enumerate() {
                    let cross = if anneals { base.dot(&gain) } else { 0.0 };
                    let gram = Matrix3::new(
                        one_one,
                        of_power[0],
                        of_gain[0],
                        of_power[0],
                        of_power[1],
                        cross,
                        of_gain[0],
                        cross,
                        of_gain[1],
                    );
                    let moment = Vector3::new(one_loss, of_power[2], of_gain[2]);
                    let Some(solution) = solve(gram, moment, loss_loss, &prior) else {
                        continue;
                    };
                    let (mean, covariance, log_evidence) = solution;
                    if mean[1] <= 0.0 {
                        continue; // A loss that rises by itself is not this law.
                    }
                    let alpha = posterior.exponents.get(exponent).copied().unwrap_or(0.5);
                    posterior.cells.push(Cell {
                        wander,
                        exponent,
                        kernel: *kernel,
                        power: *power,
                        weight: log_evidence - 0.5 * whitener.log_determinant
                            + log_kernel
                            + prior.alpha.log_density(alpha)
                            + gain_mass(mean[2], covariance[(2, 2)]),
                        mean,
                        covariance,
                        states: Vector3::new(ones.state, base.state, gain.state),
                        loss_state: loss.state,
                    });
                }
            }
        }
        posterior.whiteners = whiteners;
        normalise(&mut posterior.cells)?;
        Some(posterior)
    }

    fn log_prior_of_kernel(&self, power: usize, kernel: usize) -> f64 {
        let memory = self
            .kernels
            .get(kernel)
            .map_or(1.0, |kernel| kernel.typical_memory);
        let power = POWERS.get(power).copied().unwrap_or(1.0);
        self.prior.log_memory.log_density(memory.ln()) + self.prior.power.log_density(power)
    }

    /// Mean and standard deviation of the expected loss at ascending `steps` after the
    /// last point.
    pub fn moments(&self, curve: &LearningRateCurve, steps: &[f64]) -> Vec<Moments> {
        let at = Regressors::at(curve, self.reference_forward, steps);
        let mut first = vec![0.0; steps.len()];
        let mut second = vec![0.0; steps.len()];
        let mut gained: Vec<Option<Vec<f64>>> = vec![None; POWERS.len() * self.kernels.len()];
        let mut powers: Vec<Option<Vec<f64>>> = vec![None; self.exponents.len()];
        let ahead: Vec<Vec<(f64, f64)>> = self
            .whiteners
            .iter()
            .map(|whitener| steps.iter().map(|step| whitener.ahead(*step)).collect())
            .collect();
        for cell in &self.cells {
            let (Some(kernel), Some(alpha), Some(ahead)) = (
                self.kernels.get(cell.kernel),
                self.exponents.get(cell.exponent),
                ahead.get(cell.wander),
            ) else {
                continue;
            };
            let gained = gained[cell.power * self.kernels.len() + cell.kernel]
                .get_or_insert_with(|| at.gained(cell.power, kernel));
            let powers = powers[cell.exponent]
                .get_or_insert_with(|| at.forward.iter().map(|forward| forward.powf(-alpha)).collect());
            for (index, (carry, wander)) in ahead.iter().enumerate() {
                let row = Vector3::new(1.0, powers[index], gained[index]) - *carry * cell.states;
                let mean = row.dot(&cell.mean) + carry * cell.loss_state;
                let variance = row.dot(&(cell.covariance * row)) + wander;
                first[index] += cell.weight * mean;
                second[index] += cell.weight * (variance + mean * mean);
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
            let value = cell.mean[2];
            mean += cell.weight * value;
            second += cell.weight * (cell.covariance[(2, 2)] + value * value);
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

/// The normal distribution of (l0, amplitude, drop) and the logarithm of its evidence.
fn solve(
    gram: Matrix3<f64>,
    moment: Vector3<f64>,
    square: f64,
    prior: &Prior,
) -> Option<(Vector3<f64>, Matrix3<f64>, f64)> {
    let beliefs = [prior.l0, prior.amplitude, prior.drop];
    let (mut precision, mut moment, mut square) = (gram, moment, square);
    let mut log_prior = 0.0;
    for (index, belief) in beliefs.iter().enumerate() {
        let weight = 1.0 / (belief.sd * belief.sd);
        precision[(index, index)] += weight;
        moment[index] += weight * belief.mean;
        square += weight * belief.mean * belief.mean;
        log_prior += 0.5 * weight.ln();
    }
    let factor = precision.cholesky()?;
    let mean = factor.solve(&moment);
    let log_determinant: f64 = 2.0
        * factor
            .l_dirty()
            .diagonal()
            .iter()
            .map(|value| value.ln())
            .sum::<f64>();
    let log_evidence = log_prior - 0.5 * log_determinant - 0.5 * (square - moment.dot(&mean));
    (log_evidence.is_finite() && mean.iter().all(|value| value.is_finite()))
        .then(|| (mean, factor.inverse(), log_evidence))
}

/// Variances of the white noise of the points, larger where a point is an outlier.
fn variances(points: &[FitPoint], best: &BestFit) -> Vec<f64> {
    let standardised: Vec<f64> = points
        .iter()
        .zip(&best.residuals)
        .map(|(point, residual)| residual.abs() / point.variance.sqrt())
        .collect();
    let spread = (1.4826 * crate::run::series::median(standardised.clone())).max(1.0);
    points
        .iter()
        .zip(standardised)
        .map(|(point, standardised)| point.variance * (standardised / (3.0 * spread)).max(1.0).powi(2))
        .collect()
}

/// Logarithm of the probability that the gain of annealing is positive, by a
/// logistic approximation of the normal distribution function.
fn gain_mass(mean: f64, variance: f64) -> f64 {
    let sd = variance.max(1e-18).sqrt();
    -(-1.702 * mean / sd).min(500.0).exp().ln_1p()
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
