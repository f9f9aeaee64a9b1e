//! The posterior of the law: a grid over everything non-linear (exponent, powers of the
//! learning rate, size of the wander), with the exact normal distribution of the
//! amplitudes in every cell.
//!
//! The result is a mixture of normals, from which any quantile of the loss at any step
//! follows without sampling and without local minima.

use super::cohort::Pool;
use super::design::{Ahead, AmplitudeMatrix, Amplitudes, SHARED, Shape};
use super::evidence::{Evidence, prior_covariance};
use super::information::{Information, Resolved, Vector};
use super::mixture::{Mixture, Part};
use crate::law::Prior;
use crate::law::relaxation::{BANDS, Standing};

/// Cells whose weight is below `exp(-CUT)` of the best cannot matter.
const CUT: f64 = 8.0;
/// The logarithm of how much likelier it must be that the loss rises by itself for the law not to hold.
const FAR_LIKELIER: f64 = 3.0;
/// What no law explains at the last step, as a share of the drop still to come.
const MISFIT_OF_DROP: f64 = 0.012;

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
    shape: Shape,
    weight: f64,
    mean: Amplitudes,
    covariance: AmplitudeMatrix,
    /// States of the filter for the columns and for the loss.
    states: Amplitudes,
    loss_state: f64,
}

/// The loss in a cell at a step to come.
struct Prospect {
    /// What multiplies the amplitudes.
    row: Amplitudes,
    /// What is added.
    added: f64,
    /// What is still there of the wander of now.
    carry: f64,
    /// The variance of what the wander does until then.
    wander: f64,
}

/// A cell that may matter.
struct Candidate {
    wander: usize,
    cell: usize,
    weight: f64,
    belief: Information,
}

/// The posterior distribution of the law.
pub struct Posterior<'a> {
    cells: Vec<Cell>,
    evidence: &'a Evidence,
    log_evidence: f64,
}

impl<'a> Posterior<'a> {
    /// Computes the posterior from what the points of a run say and what other runs say.
    /// `None` when no cell of the grid has a finite solution.
    pub fn new(evidence: &'a Evidence, pool: Option<&Pool>) -> Option<Posterior<'a>> {
        let candidates = match pool {
            Some(pool) => candidates(evidence, pool.beliefs()),
            None => candidates(evidence, evidence.alone()),
        };
        let mut cells = candidates
            .into_iter()
            .map(|candidate| Cell::new(evidence, &candidate))
            .collect::<Option<Vec<Cell>>>()?;
        let log_evidence = normalise(&mut cells)?;
        Some(Posterior {
            cells,
            evidence,
            log_evidence,
        })
    }

    /// Logarithm of the probability of the points under this schedule, up to a constant that is the
    /// same for all schedules.
    pub fn log_evidence(&self) -> f64 {
        self.log_evidence
    }

    /// The loss in a cell at a step.
    fn prospect(&self, cell: &Cell, ahead: &Ahead, step: f64) -> Prospect {
        let (carry, wander) = self
            .evidence
            .wanders
            .get(cell.wander)
            .map_or((0.0, 0.0), |equations| equations.ahead(step));
        Prospect {
            row: ahead.row(cell.shape) - carry * cell.states,
            added: carry * cell.loss_state,
            carry,
            wander,
        }
    }

    /// Mean and variance of the loss in a cell at a step.
    fn project(&self, cell: &Cell, ahead: &Ahead, step: f64) -> (f64, f64) {
        let Prospect {
            row, added, wander, ..
        } = self.prospect(cell, ahead, step);
        let mean = row.dot(&cell.mean) + added;
        (mean, row.dot(&(cell.covariance * row)) + wander)
    }

    /// Mean and standard deviation of the loss where the run will stand; the first is now.
    pub fn moments(&self, standings: &[Standing]) -> Vec<Moments> {
        let mut now = None;
        standings
            .iter()
            .map(|standing| {
                let ahead = self.evidence.design.ahead(standing);
                let (mut mean, mut second) = (0.0, 0.0);
                for cell in &self.cells {
                    let (value, variance) = self.project(cell, &ahead, standing.step);
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

    /// The distribution of the loss where the run will stand, seen from where it stands now.
    pub fn at(&self, now: &Standing, then: &Standing) -> Mixture {
        let design = &self.evidence.design;
        let (here, there) = (design.ahead(now), design.ahead(then));
        let mut level = 0.0;
        let parts: Vec<Part> = self
            .cells
            .iter()
            .map(|cell| {
                level += cell.weight * self.project(cell, &here, now.step).0;
                let (mean, variance) = self.project(cell, &there, then.step);
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

    /// The distribution of how much higher the loss is at an earlier end that the run may have than
    /// at a later one: what is not known of the law is the same for both, so this is known far better
    /// than either. The wander goes on from the one to the other.
    pub fn difference(&self, early: &Standing, late: &Standing) -> Mixture {
        let design = &self.evidence.design;
        let (at_early, at_late) = (design.ahead(early), design.ahead(late));
        let mut level = 0.0;
        let parts = self.cells.iter().map(|cell| {
            let early = self.prospect(cell, &at_early, early.step);
            let late = self.prospect(cell, &at_late, late.step);
            level += cell.weight * (late.row.dot(&cell.mean) + late.added);
            let apart = early.row - late.row;
            let kept = if early.carry > 0.0 {
                late.carry / early.carry
            } else {
                0.0
            };
            Part {
                weight: cell.weight,
                mean: apart.dot(&cell.mean) + early.added - late.added,
                variance: apart.dot(&(cell.covariance * apart))
                    + (late.wander + (1.0 - 2.0 * kept) * early.wander).max(0.0),
            }
        });
        let mixture = Mixture::new(parts.collect());
        let misfit = self.misfit_variance(level + mixture.mean(), level);
        mixture.blurred(misfit)
    }

    fn misfit_variance(&self, now: f64, then: f64) -> f64 {
        (MISFIT_OF_DROP * (now - then)).powi(2) + (self.evidence.prior.misfit * then).powi(2)
    }

    /// The amplitude of what is learnt by heart (nats): its mean.
    pub fn by_heart(&self) -> f64 {
        let parts = self.cells.iter().map(|cell| cell.weight * cell.mean[SHARED]);
        parts.sum()
    }

    /// How much of what the prior left open about the annealing from now to then is
    /// still open: the ratio of the standard deviations, 1 when the run says nothing.
    pub fn openness(&self, now: &Standing, then: &Standing) -> f64 {
        let design = &self.evidence.design;
        let (here, there) = (design.ahead(now), design.ahead(then));
        let before = prior_covariance(&self.evidence.prior);
        let (mut mean, mut second, mut prior) = (0.0, 0.0, 0.0);
        for cell in &self.cells {
            let mut row = there.row(cell.shape) - here.row(cell.shape);
            (row[0], row[1], row[SHARED]) = (0.0, 0.0, 0.0);
            let value = row.dot(&cell.mean);
            mean += cell.weight * value;
            second += cell.weight * (row.dot(&(cell.covariance * row)) + value * value);
            let gains = row.fixed_rows::<SHARED>(0).into_owned();
            prior += cell.weight * gains.dot(&(before * gains));
        }
        ((second - mean * mean).max(0.0) / prior.max(1e-30)).sqrt()
    }
}

/// The cells that matter under these beliefs about each.
fn candidates(evidence: &Evidence, beliefs: impl Iterator<Item = (usize, Information)>) -> Vec<Candidate> {
    let gains = gains(&evidence.prior);
    let (mut top, mut rising) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    let mut candidates = Vec::new();
    for (cell, belief) in beliefs {
        for wander in 0..evidence.wanders() {
            let Some(said) = evidence.said(wander, cell) else {
                continue;
            };
            let mut all = belief;
            all.add(said, 1.0);
            let Some(resolved) = all.resolve() else {
                continue;
            };
            let weight = resolved.log_evidence + gain_mass(&resolved, &gains);
            if resolved.mean[1] <= 0.0 {
                rising = rising.max(weight);
                continue;
            }
            // Most cells are far below the best: their covariance is never needed.
            if weight.is_nan() || weight < top - CUT {
                continue;
            }
            top = top.max(weight);
            candidates.push(Candidate {
                wander,
                cell,
                weight,
                belief,
            });
        }
    }
    // A loss that rises by itself is not this law, unless it falls at the ends of epochs.
    if rising > top + FAR_LIKELIER && evidence.prior.epochs.is_none() {
        return Vec::new();
    }
    candidates.retain(|candidate| candidate.weight > top - CUT);
    candidates
}

impl Cell {
    fn new(evidence: &Evidence, candidate: &Candidate) -> Option<Cell> {
        let shape = Shape::of(candidate.cell);
        let (mean, covariance) =
            evidence.all_amplitudes(&candidate.belief, candidate.wander, candidate.cell)?;
        let (states, loss_state) = evidence.wanders.get(candidate.wander)?.states(shape);
        Some(Cell {
            wander: candidate.wander,
            shape,
            weight: candidate.weight,
            mean,
            covariance,
            states,
            loss_state,
        })
    }
}

/// What all bands together gain (nats) from amplitudes that are multiples of the prior.
fn gains(prior: &Prior) -> Vector {
    let mut gains = Vector::zeros();
    gains.fixed_rows_mut::<BANDS>(2).copy_from_slice(&prior.gains());
    gains
}

/// Logarithm of the probability that the gain of annealing is positive, by a
/// logistic approximation of the normal distribution function.
fn gain_mass(resolved: &Resolved, gains: &Vector) -> f64 {
    let sd = resolved.variance_of(gains).max(1e-18).sqrt();
    -(-1.702 * gains.dot(&resolved.mean) / sd).min(500.0).exp().ln_1p()
}

/// Turns log weights into weights that sum to one; returns the logarithm of what they summed to.
fn normalise(cells: &mut [Cell]) -> Option<f64> {
    let top = cells.iter().map(|cell| cell.weight).max_by(f64::total_cmp)?;
    let mut total = 0.0;
    for cell in &mut *cells {
        cell.weight = (cell.weight - top).exp();
        total += cell.weight;
    }
    for cell in &mut *cells {
        cell.weight /= total;
    }
    (total.is_finite() && total > 0.0).then(|| top + total.ln())
}
