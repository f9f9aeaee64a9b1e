//! What runs teach each other: a hierarchical normal model over the amplitudes.
//!
//! In every cell of the grid (exponent, power) a run's amplitudes are taken as drawn
//! around those of its cohort, `theta_i ~ N(mu, Sigma)`. Everything stays normal, so what
//! a run says about `mu` follows by integrating its own amplitudes out:
//!
//! `J = P - P (G + P)^-1 P`, `h = P (G + P)^-1 m`, with `P = Sigma^-1`
//!
//! (Gelman et al., Bayesian Data Analysis, chapter 15). Siblings share model, data and
//! peak, and hence all amplitudes; gains are counted in multiples of their prior. How
//! tightly a run is bound to its siblings is a further dimension of the grid, down to
//! "not at all", so that a run which does not belong is not dragged along.
//!
//! Runs that share less (the same laboratory, other sizes or peaks) do not speak: letting
//! them teach only how annealing pays was tried, and made forecasts worse in all three
//! families, because what a cosine alone says of its gains is biased by its trend.

use nalgebra::{SMatrix, SVector};

use super::FitPoint;
use super::design::exponent;
use super::design::{AmplitudeMatrix, Amplitudes, CELLS, CellEquations, Design, EXPONENTS, NormalEquations};
use super::design::{SHARED, SIZE};
use super::discrepancy::Wander;
use super::posterior::{Belief, WANDER_LENGTH, WANDERS};
use crate::law::Prior;
use crate::law::relaxation::{BANDS, POWERS};
use crate::schedule::LearningRateCurve;

type Vector = SVector<f64, SHARED>;
type Matrix = SMatrix<f64, SHARED, SHARED>;

/// Spread between siblings at strength 1: asymptote, as a share of the loss. Repeats of
/// one run end within 0.05% of each other, joint fits over schedules leave 0.2%.
const L0_SPREAD: f64 = 2e-3;
/// The same for the reducible loss, as a share of it.
const AMPLITUDE_SPREAD: f64 = 0.03;
/// The same for all gains together and for each band, as shares of the prior.
const GAIN_SPREAD: f64 = 0.06;
const BAND_SPREAD: f64 = 0.1;
/// How loosely a run is bound to its siblings, as multiples of the spreads, and how
/// likely that is. Beside these, with the rest of the probability, it is on its own.
const BONDS: [(f64, f64); 3] = [(1.0, 0.45), (2.5, 0.3), (6.0, 0.15)];
const UNBOUND: f64 = 0.1;

/// Cells to which the others leave less than this (logarithm of a probability) are passed over.
const NEGLIGIBLE: f64 = -11.0;

/// All siblings together count for as much as this many of them: what the law gets wrong,
/// it gets wrong for all of them alike.
const VOICES: f64 = 2.0;

/// What one run says about the amplitudes, cell by cell. It depends on this run alone.
#[derive(Clone, Debug)]
pub struct Testimony {
    cells: Vec<Cell>,
    /// Level of the loss.
    level: f64,
    /// Reducible loss at S1 = 1 is known best around this S1.
    forward: f64,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    gram: Matrix,
    moment: Vector,
    /// What the companion's share of the integral, the points and the noise add.
    log_constant: f64,
}

impl Testimony {
    /// What these points say. `None` when there is too little.
    pub fn new(
        target: &[FitPoint],
        companion: &[FitPoint],
        curve: &LearningRateCurve,
        prior: &Prior,
    ) -> Option<Testimony> {
        let last = target.last()?;
        let forward = curve
            .sums(1.0, [last.step])
            .first()
            .map_or(0.0, |sums| sums.forward);
        if target.len() < super::solver::LEAST_POINTS || !(forward > 0.0 && forward.is_finite()) {
            return None;
        }
        let level = last.loss.abs().max(1e-3);
        let gains = prior.bands.map(|band| band.mean.max(1e-12));
        let design = Design::new(target, companion, curve, 1.0);
        let beliefs: Option<Vec<Belief>> = (0..EXPONENTS)
            .map(|index| Belief::of_prior(prior, forward, exponent(index)))
            .collect();
        let beliefs = beliefs?;
        // The wander that this run by itself makes most likely.
        let mut best: Option<(f64, NormalEquations)> = None;
        for share in WANDERS {
            let equations = design.equations(Wander {
                sd: share * level,
                length: WANDER_LENGTH,
            });
            let likelihood = (0..POWERS.len())
                .step_by(2)
                .flat_map(|power| {
                    beliefs
                        .iter()
                        .enumerate()
                        .map(move |(index, belief)| (power, index, belief))
                })
                .filter_map(|(power, index, belief)| belief.update(&equations.cell(index, power)))
                .map(|updated| updated.log_evidence)
                .fold(f64::NEG_INFINITY, f64::max)
                - 0.5 * equations.log_determinant();
            if best.as_ref().is_none_or(|(most, _)| likelihood > *most) {
                best = Some((likelihood, equations));
            }
        }
        let (_, equations) = best?;
        let constant = -0.5 * equations.log_determinant();
        let mut cells = Vec::with_capacity(CELLS);
        for power in 0..POWERS.len() {
            for (index, belief) in beliefs.iter().enumerate() {
                cells.push(Cell::new(&equations.cell(index, power), belief, gains, constant)?);
            }
        }
        Some(Testimony {
            cells,
            level,
            forward,
        })
    }
}

impl Cell {
    /// Integrates the companion's amplitudes out under their prior and counts gains in
    /// multiples of the prior.
    fn new(data: &CellEquations, belief: &Belief, gains: [f64; BANDS], constant: f64) -> Option<Cell> {
        const OWN: usize = SIZE - SHARED;
        let own = data.gram.fixed_view::<OWN, OWN>(SHARED, SHARED)
            + belief.precision.fixed_view::<OWN, OWN>(SHARED, SHARED);
        let cross = data.gram.fixed_view::<SHARED, OWN>(0, SHARED).into_owned();
        let own_moment = data.moment.fixed_rows::<OWN>(SHARED).into_owned();
        let factor = own.cholesky()?;
        let solved = factor.solve(&cross.transpose());
        let gram = data.gram.fixed_view::<SHARED, SHARED>(0, 0) - cross * solved;
        let moment = data.moment.fixed_rows::<SHARED>(0) - cross * factor.solve(&own_moment);
        let square = data.square - own_moment.dot(&factor.solve(&own_moment));
        let scale = Vector::from_fn(|row, _| match row {
            0 | 1 => 1.0,
            band => gains.get(band - 2).copied().unwrap_or(1.0),
        });
        let before = belief
            .precision
            .fixed_view::<OWN, OWN>(SHARED, SHARED)
            .determinant();
        Some(Cell {
            gram: Matrix::from_fn(|row, column| gram[(row, column)] * scale[row] * scale[column]),
            moment: moment.component_mul(&scale),
            log_constant: constant + 0.5 * (before / factor.determinant()).ln() - 0.5 * square,
        })
    }

    /// Adds what this run says about its cohort when it scatters around it with this
    /// precision, with this weight; returns what that adds to the log evidence, up to the
    /// determinant of the precision.
    fn speak(&self, precision: &Matrix, weight: f64, about: &mut Opinion) -> Option<f64> {
        let factor = (self.gram + precision).cholesky()?;
        let pull = factor.solve(precision);
        about.precision += (precision - precision * pull) * weight;
        let solved = factor.solve(&self.moment);
        about.moment += precision * solved * weight;
        let log_evidence =
            0.5 * self.moment.dot(&solved) - 0.5 * factor.determinant().ln() + self.log_constant;
        Some(weight * log_evidence)
    }
}

/// A normal distribution of the cohort's amplitudes, as precision and precision times mean.
#[derive(Clone, Copy, Debug)]
struct Opinion {
    precision: Matrix,
    moment: Vector,
}

/// What all others say, ready for one run.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Per bond (the last: unbound), per cell.
    bonds: Vec<Vec<Informed>>,
    /// How many speak.
    pub siblings: usize,
}

#[derive(Clone, Copy, Debug)]
struct Informed {
    mean: Vector,
    covariance: Matrix,
    log_weight: f64,
}

/// Spread of siblings around their cohort.
fn sibling_covariance(level: f64, amplitude: f64, bond: f64) -> Matrix {
    let variance = |spread: f64| (bond * spread).powi(2);
    Matrix::from_fn(|row, column| match (row, column) {
        (0, 0) => variance(L0_SPREAD * level),
        (1, 1) => variance(AMPLITUDE_SPREAD * amplitude),
        (0 | 1, _) | (_, 0 | 1) => 0.0,
        _ if row == column => variance(GAIN_SPREAD) + variance(BAND_SPREAD),
        _ => variance(GAIN_SPREAD),
    })
}

impl Pool {
    /// Gathers what siblings say for a run with this prior, whose last point lies at S1
    /// `forward`. `None` when nobody speaks.
    pub fn new(siblings: &[&Testimony], prior: &Prior, level: f64, forward: f64) -> Option<Pool> {
        if siblings.is_empty() {
            return None;
        }
        let mut bonds = Vec::with_capacity(BONDS.len() + 1);
        for (bond, share) in BONDS {
            let cells: Option<Vec<Informed>> = (0..CELLS)
                .map(|cell| inform(siblings, prior, level, forward, bond, cell))
                .collect();
            bonds.push(weighted(cells?, share));
        }
        let alone = (0..CELLS).map(|cell| uninformed(prior, forward, cell)).collect();
        bonds.push(weighted(alone, UNBOUND));
        Some(Pool {
            bonds,
            siblings: siblings.len(),
        })
    }

    /// Number of bonds that are weighed against each other.
    pub fn bonds(&self) -> usize {
        self.bonds.len()
    }

    /// What is believed of a run before its own data in a cell under a bond, and the log
    /// weight of both; `None` where the others leave nothing to weigh. `alone` is what
    /// would be believed without the others, `reference_forward` the S1 of the run's own
    /// reducible loss.
    pub fn belief(
        &self,
        bond: usize,
        cell: usize,
        alone: &Belief,
        gains: [f64; BANDS],
        reference_forward: f64,
    ) -> Option<(Belief, f64)> {
        let informed = self.bonds.get(bond)?.get(cell)?;
        if informed.log_weight < NEGLIGIBLE {
            return None;
        }
        let alpha = exponent(cell % EXPONENTS);
        let scale = Vector::from_fn(|row, _| match row {
            0 => 1.0,
            1 => reference_forward.powf(-alpha),
            band => gains.get(band - 2).copied().unwrap_or(1.0),
        });
        let mut covariance: AmplitudeMatrix = alone.precision.try_inverse()?;
        let mut mean: Amplitudes = covariance * alone.moment;
        for row in 0..SHARED {
            mean[row] = informed.mean[row] * scale[row];
            for column in 0..SHARED {
                covariance[(row, column)] = informed.covariance[(row, column)] * scale[row] * scale[column];
            }
        }
        Some((Belief::new(mean, covariance)?, informed.log_weight))
    }
}

/// Shares this much probability out over the cells. Only differences between cells of one
/// bond are about exponent and power: how well the others fit each other is no reason to
/// bind this run to them.
fn weighted(mut cells: Vec<Informed>, share: f64) -> Vec<Informed> {
    let top = cells
        .iter()
        .map(|cell| cell.log_weight)
        .fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = cells.iter().map(|cell| (cell.log_weight - top).exp()).sum();
    let shift = share.ln() - top - total.ln();
    cells.iter_mut().for_each(|cell| cell.log_weight += shift);
    cells
}

/// What the prior says in one cell: gains as multiples of it, the reducible loss at S1 = 1.
fn uninformed(prior: &Prior, forward: f64, cell: usize) -> Informed {
    let alpha = exponent(cell % EXPONENTS);
    let power = POWERS.get(cell / EXPONENTS).copied().unwrap_or(1.0);
    let amplitude_now = forward.powf(alpha);
    let mut covariance = Matrix::zeros();
    let mut mean = Vector::repeat(1.0);
    mean[0] = prior.l0.mean;
    covariance[(0, 0)] = prior.l0.sd.powi(2);
    mean[1] = amplitude_now * prior.amplitude.mean;
    covariance[(1, 1)] = (amplitude_now * prior.amplitude.sd).powi(2);
    for (row, first) in prior.bands.iter().enumerate() {
        for (column, second) in prior.bands.iter().enumerate() {
            covariance[(2 + row, 2 + column)] =
                prior.band_covariance(row, column) / (first.mean * second.mean);
        }
    }
    Informed {
        mean,
        covariance,
        log_weight: prior.alpha.log_density(alpha) + prior.power.log_density(power),
    }
}

/// The belief about a run in one cell after all others have spoken.
fn inform(
    siblings: &[&Testimony],
    prior: &Prior,
    level: f64,
    forward: f64,
    bond: f64,
    cell: usize,
) -> Option<Informed> {
    let alpha = exponent(cell % EXPONENTS);
    let before = uninformed(prior, forward, cell);
    let precision = before.covariance.try_inverse()?;
    let mut opinion = Opinion {
        precision,
        moment: precision * before.mean,
    };
    let mut log_evidence = 0.0;
    let weight = (VOICES / siblings.len() as f64).min(1.0);
    let usual_share = prior.amplitude.mean / prior.l0.mean.max(1e-9);
    for testimony in siblings {
        let amplitude = usual_share * testimony.level * testimony.forward.powf(alpha);
        let spread = sibling_covariance(testimony.level, amplitude, bond).try_inverse()?;
        let said = testimony.cells.get(cell)?.speak(&spread, weight, &mut opinion)?;
        log_evidence += 0.5 * weight * spread.determinant().ln() + said;
    }
    let factor = opinion.precision.cholesky()?;
    let covariance = factor.inverse();
    let mean = covariance * opinion.moment;
    log_evidence += 0.5 * (precision.determinant() / factor.determinant()).ln()
        + 0.5 * (opinion.moment.dot(&mean) - before.mean.dot(&(precision * before.mean)));
    let own_spread = sibling_covariance(level, prior.amplitude.mean * forward.powf(alpha), bond);
    Some(Informed {
        mean,
        covariance: covariance + own_spread,
        log_weight: before.log_weight + log_evidence,
    })
}
