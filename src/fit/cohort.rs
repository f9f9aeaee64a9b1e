//! What runs teach each other: a hierarchical normal model over the amplitudes.
//!
//! In every cell of the grid (exponent and powers) a run's amplitudes are taken as drawn
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

use super::design::{CELLS, Shape, exponent};
use super::evidence::{Evidence, log_weight};
use super::information::{Information, Matrix, Vector};
use crate::law::Prior;
use crate::law::relaxation::BANDS;

/// Spread between siblings at strength 1: asymptote, as a share of the loss. Repeats of
/// one run end within 0.05% of each other, joint fits over schedules leave 0.2%.
const L0_SPREAD: f64 = 1.2e-3;
/// The same for the reducible loss, as a share of it.
const AMPLITUDE_SPREAD: f64 = 0.02;
/// The same for all gains together and for each band, as shares of the prior.
const GAIN_SPREAD: f64 = 0.025;
const BAND_SPREAD: f64 = 0.05;
/// How loosely a run is bound to its siblings, as multiples of the spreads, and how
/// likely that is. Beside these, with the rest of the probability, it is on its own.
const BONDS: [(f64, f64); 3] = [(1.0, 0.6), (2.5, 0.3), (6.0, 0.07)];
const UNBOUND: f64 = 0.03;

/// By how much more siblings scatter where the constants were not seen to hold: runs of other
/// optimisers (Muon and its kin) at one learning rate may differ in the optimiser.
const LOOSE: f64 = 2.0;

/// Cells to which the others leave less than this (logarithm of a probability) are passed over.
const NEGLIGIBLE: f64 = -11.0;

/// All siblings together count for as much as this many of them: what the law gets wrong,
/// it gets wrong for all of them alike.
const VOICES: f64 = 2.0;

/// At most so many siblings speak, those that have most to say: more of them only make the
/// mean of the same voices a little surer.
const SPEAKERS: usize = 16;

/// What one run says about the amplitudes of its cohort, bond by bond and cell by cell.
/// It depends on this run alone, so it is computed once and heard by all siblings.
#[derive(Clone, Debug)]
pub struct Testimony {
    bonds: [Vec<Information>; BONDS.len()],
    /// How much it says, to be compared with what others say: the determinant of a precision.
    weight: f64,
}

impl Testimony {
    /// What this evidence says. `None` when there is too little.
    pub fn new(evidence: &Evidence) -> Option<Testimony> {
        if evidence.points() < super::solver::LEAST_POINTS {
            return None;
        }
        let wander = likeliest_wander(evidence)?;
        let prior = &evidence.prior;
        let usual_share = prior.amplitude.mean / prior.l0.mean.max(1e-9);
        let mut bonds = [const { Vec::new() }; BONDS.len()];
        for cell in 0..CELLS {
            let unit = common_units(cell, evidence);
            let said = evidence.said(wander, cell)?.scaled(&unit);
            let amplitude = usual_share * evidence.level * unit[1];
            for (opinions, (bond, _)) in bonds.iter_mut().zip(BONDS) {
                let bond = bond * looseness(prior);
                opinions.push(opinion(&said, &Spread::new(evidence.level, amplitude, bond))?);
            }
        }
        let middle = bonds.first()?.get(CELLS / 2)?;
        let weight = middle.precision.determinant();
        Some(Testimony { bonds, weight })
    }
}

/// How much more loosely siblings are bound than usual.
fn looseness(prior: &Prior) -> f64 {
    LOOSE.powf(1.0 - prior.known)
}

/// The wander that a run by itself makes most likely.
fn likeliest_wander(evidence: &Evidence) -> Option<usize> {
    let likelihood = |wander: usize| {
        (0..CELLS)
            .step_by(3)
            .filter_map(|cell| {
                let mut all = *evidence.said(wander, cell)?;
                all.add(&evidence.alone, 1.0);
                Some(all.resolve()?.log_evidence)
            })
            .fold(f64::NEG_INFINITY, f64::max)
    };
    (0..evidence.wanders())
        .map(|wander| (likelihood(wander), wander))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, wander)| wander)
}

/// How many times larger the amplitudes of a run are in the units that siblings have in common: the
/// reducible loss where progress is 1, gains as multiples of the usual ones.
fn common_units(cell: usize, evidence: &Evidence) -> Vector {
    let mut unit = Vector::repeat(evidence.prior.gain_share);
    let shape = Shape::of(cell);
    let progress = evidence.reference.get(shape.progress).copied().unwrap_or(1.0);
    unit[0] = 1.0;
    unit[1] = progress.powf(exponent(shape.exponent));
    unit
}

/// What a run says about its cohort when it scatters around it like this.
fn opinion(said: &Information, spread: &Spread) -> Option<Information> {
    let factor = (said.precision + spread.precision).cholesky()?;
    let pull = factor.solve(&spread.precision);
    let solved = factor.solve(&said.moment);
    Some(Information {
        precision: spread.precision - spread.precision * pull,
        moment: spread.precision * solved,
        log_evidence: said.log_evidence
            + 0.5 * (spread.log_determinant + said.moment.dot(&solved) - factor.determinant().ln()),
    })
}

/// How siblings scatter around their cohort.
struct Spread {
    precision: Matrix,
    /// Logarithm of the determinant of the precision.
    log_determinant: f64,
    covariance: Matrix,
}

impl Spread {
    fn new(level: f64, amplitude: f64, bond: f64) -> Spread {
        let variance = |spread: f64| (bond * spread).powi(2);
        let (l0, amplitude) = (
            variance(L0_SPREAD * level),
            variance(AMPLITUDE_SPREAD * amplitude),
        );
        let (common, own) = (variance(GAIN_SPREAD), variance(BAND_SPREAD));
        // The inverse of `own I + common 1 1'` (Sherman and Morrison).
        let all = own + BANDS as f64 * common;
        let entry = |l0: f64, amplitude: f64, diagonal: f64, other: f64| {
            Matrix::from_fn(|row, column| match (row, column) {
                (0, 0) => l0,
                (1, 1) => amplitude,
                (0 | 1, _) | (_, 0 | 1) => 0.0,
                _ if row == column => diagonal + other,
                _ => other,
            })
        };
        Spread {
            precision: entry(l0.recip(), amplitude.recip(), own.recip(), -common / (own * all)),
            log_determinant: -(l0 * amplitude * all).ln() - (BANDS as f64 - 1.0) * own.ln(),
            covariance: entry(l0, amplitude, own, common),
        }
    }
}

/// What all others say, ready for one run.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Per bond, per cell.
    bonds: Vec<Vec<Informed>>,
    /// What is believed, per cell, of a run that is bound to nobody.
    unbound: Vec<(usize, Information)>,
    /// How many speak.
    pub siblings: usize,
}

/// What is believed of a run in a cell before its own points.
#[derive(Clone, Copy, Debug)]
struct Informed {
    mean: Vector,
    covariance: Matrix,
    log_weight: f64,
}

impl Pool {
    /// Gathers what siblings say to the run with this evidence. `None` when nobody speaks.
    pub fn new(siblings: &[&Testimony], evidence: &Evidence) -> Option<Pool> {
        if siblings.is_empty() {
            return None;
        }
        let mut speakers = siblings.to_vec();
        if speakers.len() > SPEAKERS {
            speakers.sort_by(|one, other| other.weight.total_cmp(&one.weight));
            speakers.truncate(SPEAKERS);
        }
        let prior = &evidence.prior;
        let log_weights: Vec<f64> = (0..CELLS).map(|cell| log_weight(prior, cell)).collect();
        let weight = (VOICES / speakers.len() as f64).min(1.0);
        let mut bonds = Vec::with_capacity(BONDS.len() + 1);
        for (index, (bond, share)) in BONDS.into_iter().enumerate() {
            let bond = bond * looseness(prior);
            let mut cells = Vec::with_capacity(CELLS);
            for (cell, log_weight) in log_weights.iter().enumerate() {
                let unit = common_units(cell, evidence);
                let mut opinion = evidence.alone.scaled(&unit);
                opinion.log_evidence -= unit.map(f64::ln).sum();
                for testimony in &speakers {
                    opinion.add(testimony.bonds.get(index)?.get(cell)?, weight);
                }
                let resolved = opinion.resolve()?;
                let amplitude = prior.amplitude.mean * unit[1];
                let spread = Spread::new(evidence.level, amplitude, bond).covariance;
                cells.push(Informed {
                    mean: resolved.mean,
                    covariance: resolved.covariance() + spread,
                    log_weight: resolved.log_evidence + log_weight,
                });
            }
            // Only differences between cells of one bond are about the shape of the law: how well
            // the others fit each other is no reason to bind this run to them.
            let shift = shift_to(share, cells.iter().map(|cell| cell.log_weight));
            for (cell, informed) in cells.iter_mut().enumerate() {
                informed.log_weight += shift;
                // In the units of the run itself.
                let unit = common_units(cell, evidence);
                informed.mean.component_div_assign(&unit);
                informed.covariance = Matrix::from_fn(|row, column| {
                    informed.covariance[(row, column)] / (unit[row] * unit[column])
                });
            }
            bonds.push(cells);
        }
        let shift = shift_to(UNBOUND, log_weights.iter().copied());
        let mut unbound: Vec<(usize, Information)> = evidence.alone().collect();
        for (_, belief) in &mut unbound {
            belief.log_evidence += shift;
        }
        Some(Pool {
            bonds,
            unbound,
            siblings: siblings.len(),
        })
    }

    /// What is believed of a run before its own data: cells of the grid, one after the
    /// other for every bond. Cells to which the others leave next to nothing are left out.
    pub fn beliefs(&self) -> impl Iterator<Item = (usize, Information)> {
        let bound = self.bonds.iter().flat_map(|cells| {
            cells
                .iter()
                .enumerate()
                .filter(|(_, informed)| informed.log_weight >= NEGLIGIBLE)
                .filter_map(|(cell, informed)| {
                    let mut belief = Information::normal(&informed.mean, informed.covariance)?;
                    belief.log_evidence += informed.log_weight;
                    Some((cell, belief))
                })
        });
        bound.chain(self.unbound.iter().copied())
    }
}

/// What brings probabilities, given by their logarithms, to this sum: it is added to each.
fn shift_to(share: f64, log_weights: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = log_weights.clone().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = log_weights.map(|weight| (weight - top).exp()).sum();
    share.ln() - top - total.ln()
}
