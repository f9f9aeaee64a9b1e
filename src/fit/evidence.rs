//! What the points of a run say about its amplitudes: for every wander, in every cell of
//! the grid, with those of the companion integrated out.
//!
//! It depends on this run alone. The posterior adds a belief to it, and siblings hear of it.

use nalgebra::{SMatrix, SVector};

use super::FitPoint;
use super::design::{AmplitudeMatrix, Amplitudes, CELLS, CellEquations, Design, NormalEquations};
use super::design::{Observation, SHARED, SIZE, Shape, exponent};
use super::discrepancy::Wander;
use super::information::{Information, Matrix, Vector};
use crate::law::Prior;
use crate::law::relaxation::{POWERS, PROGRESS_POWERS, Progress, Standing, standings};
use crate::schedule::LearningRateCurve;

/// Standard deviations of the wander, as shares of the loss. Fits of finished pre-training
/// leave 0.1 to 0.3% (forecasting study, section 3.12), fine-tunings and vision models several percent.
const WANDERS: [f64; 5] = [4.5e-4, 1.5e-3, 4.5e-3, 1.5e-2, 4.5e-2];
/// Correlation length of the wander in ln(step).
const WANDER_LENGTH: f64 = 0.55;

/// Standard deviation of what is not learnt by heart (nats).
const NOTHING_BY_HEART: f64 = 1e-6;

/// Number of amplitudes that are the run's own.
const OWN: usize = SIZE - SHARED;

/// What a run's points say.
pub struct Evidence {
    pub(super) design: Design,
    pub(super) wanders: Vec<NormalEquations>,
    pub(super) prior: Prior,
    /// Level of the loss at the last point.
    pub(super) level: f64,
    /// Progress at the last point, where the reducible loss is counted.
    pub(super) reference: Progress,
    observations: Vec<Observation>,
    /// What would be believed without any points.
    pub(super) alone: Information,
    /// By wander, by cell.
    said: Vec<Vec<Information>>,
}

impl Evidence {
    /// Gathers what the points of a loss and of its companion (train for eval, eval for
    /// train) say; both lists ascend. `None` without points or learning rate.
    pub fn new(
        target: &[FitPoint],
        companion: &[FitPoint],
        curve: &LearningRateCurve,
        prior: Prior,
    ) -> Option<Evidence> {
        let own = target.iter().map(|point| (*point, false));
        let other = companion.iter().map(|point| (*point, true));
        let mut points: Vec<(FitPoint, bool)> = own.chain(other).collect();
        points.sort_by(|(one, _), (other, _)| one.step.total_cmp(&other.step));
        let steps: Vec<f64> = points.iter().map(|(point, _)| point.step).collect();
        let observations = points
            .into_iter()
            .zip(standings(curve, &steps))
            .map(|((point, companion), standing)| Observation {
                point,
                companion,
                standing,
            })
            .collect();
        Evidence::of(observations, prior)
    }

    /// What there was to say when the run had come to `step`, under the prior for the loss
    /// that it had then.
    pub fn until(&self, step: f64, prior: impl Fn(f64) -> Prior) -> Option<Evidence> {
        let count = self
            .observations
            .partition_point(|observation| observation.point.step <= step);
        let observations = self.observations.get(..count)?.to_vec();
        let level = last(&observations)?.point.loss;
        Evidence::of(observations, prior(level))
    }

    fn of(observations: Vec<Observation>, prior: Prior) -> Option<Evidence> {
        let reference = observations.last()?.standing.progress;
        let newest = last(&observations)?.point.loss;
        let level = newest.abs().max(1e-3);
        let companion = observations
            .iter()
            .rev()
            .find(|observation| observation.companion);
        let prior = companion.map_or(prior, |companion| prior.beside(newest, companion.point.loss));
        if !reference
            .iter()
            .all(|progress| *progress > 0.0 && progress.is_finite())
        {
            return None;
        }
        let design = Design::new(&observations, reference, prior.gains(), prior.epochs);
        let wanders: Vec<NormalEquations> = WANDERS
            .iter()
            .map(|share| {
                design.equations(Wander {
                    sd: share * level,
                    length: WANDER_LENGTH,
                })
            })
            .collect();
        let has_own = prior.by_heart > 0.0 || observations.iter().any(|observation| observation.companion);
        let said = wanders
            .iter()
            .map(|equations| {
                (0..CELLS)
                    .map(|cell| {
                        let data = equations.cell(Shape::of(cell));
                        let mut said = if has_own {
                            without_own(&data, &prior)
                        } else {
                            of_target(&data)
                        };
                        said.log_evidence -= 0.5 * equations.log_determinant();
                        said
                    })
                    .collect()
            })
            .collect();
        Some(Evidence {
            design,
            wanders,
            prior,
            level,
            reference,
            observations,
            alone: prior_information(&prior)?,
            said,
        })
    }

    /// Number of points, those of the companion included.
    pub fn count(&self) -> usize {
        self.observations.len()
    }

    /// Number of points of the loss itself.
    pub(super) fn points(&self) -> usize {
        let own = self
            .observations
            .iter()
            .filter(|observation| !observation.companion);
        own.count()
    }

    /// Where the run stood at the last point of the loss.
    pub fn now(&self) -> Option<&Standing> {
        last(&self.observations).map(|observation| &observation.standing)
    }

    /// Number of wanders that are weighed against each other.
    pub(super) fn wanders(&self) -> usize {
        self.said.len()
    }

    /// What the points say in a cell under a wander.
    pub(super) fn said(&self, wander: usize, cell: usize) -> Option<&Information> {
        self.said.get(wander)?.get(cell)
    }

    /// What would be believed in every cell without any points and without other runs.
    pub(super) fn alone(&self) -> impl Iterator<Item = (usize, Information)> {
        (0..CELLS).map(|cell| {
            let mut belief = self.alone;
            belief.log_evidence += log_weight(&self.prior, cell);
            (cell, belief)
        })
    }

    /// Mean and covariance of all amplitudes in a cell, the companion's included, after
    /// this belief about the others.
    pub(super) fn all_amplitudes(
        &self,
        belief: &Information,
        wander: usize,
        cell: usize,
    ) -> Option<(Amplitudes, AmplitudeMatrix)> {
        let data = self.wanders.get(wander)?.cell(Shape::of(cell));
        let (mut precision, mut moment) = (data.gram, data.moment);
        let mut shared = precision.fixed_view_mut::<SHARED, SHARED>(0, 0);
        shared += belief.precision;
        let mut shared = moment.fixed_rows_mut::<SHARED>(0);
        shared += belief.moment;
        for (index, precision_before) in own_precision(&self.prior).iter().enumerate() {
            precision[(SHARED + index, SHARED + index)] += precision_before;
        }
        let factor = precision.cholesky()?;
        Some((factor.solve(&moment), factor.inverse()))
    }
}

/// The last observation of the loss itself, or else of the companion.
fn last(observations: &[Observation]) -> Option<&Observation> {
    let own = |observation: &&Observation| !observation.companion;
    observations.iter().rev().find(own).or(observations.last())
}

/// Logarithm of the prior probability of a cell.
pub fn log_weight(prior: &Prior, cell: usize) -> f64 {
    let shape = Shape::of(cell);
    let power = |powers: &[f64], index: usize| powers.get(index).copied().unwrap_or(1.0);
    prior.alpha.log_density(exponent(shape.exponent))
        + prior.power.log_density(power(&POWERS, shape.power))
        + prior
            .progress
            .log_density(power(&PROGRESS_POWERS, shape.progress))
}

/// What a prior believes of the amplitudes: the asymptote in nats, the reducible loss at
/// the last point in nats, gains as multiples of what is expected.
fn prior_information(prior: &Prior) -> Option<Information> {
    let mut mean = Vector::repeat(1.0);
    (mean[0], mean[1]) = (prior.l0.mean, prior.amplitude.mean);
    Information::normal(&mean, prior_covariance(prior))
}

/// Covariance of the same.
pub fn prior_covariance(prior: &Prior) -> Matrix {
    let gains = prior.gains();
    Matrix::from_fn(|row, column| match (row, column) {
        (0, 0) => prior.l0.sd.powi(2),
        (1, 1) => prior.amplitude.sd.powi(2),
        (0 | 1, _) | (_, 0 | 1) => 0.0,
        _ => {
            let gain = |index: usize| gains.get(index - 2).copied().unwrap_or(1.0);
            prior.band_covariance(row - 2, column - 2) / (gain(row) * gain(column))
        }
    })
}

/// Precisions of what is believed of the amplitudes that are the run's own; all have a mean of zero.
fn own_precision(prior: &Prior) -> SVector<f64, OWN> {
    SVector::from([
        prior.by_heart.max(NOTHING_BY_HEART).powi(-2),
        prior.companion_l0.powi(-2),
        prior.companion_amplitude.powi(-2),
        (prior.companion_gain * prior.drop.mean).powi(-2),
    ])
}

fn of_target(data: &CellEquations) -> Information {
    Information {
        precision: data.gram.fixed_view::<SHARED, SHARED>(0, 0).into_owned(),
        moment: data.moment.fixed_rows::<SHARED>(0).into_owned(),
        log_evidence: -0.5 * data.square,
    }
}

/// Integrates the amplitudes that are the run's own out under their prior (the Schur complement).
fn without_own(data: &CellEquations, prior: &Prior) -> Information {
    let before = own_precision(prior);
    let own: SMatrix<f64, OWN, OWN> =
        data.gram.fixed_view::<OWN, OWN>(SHARED, SHARED) + SMatrix::from_diagonal(&before);
    let mut said = of_target(data);
    // The prior makes this positive whatever the points are.
    let Some(factor) = own.cholesky() else {
        return said;
    };
    let cross = data.gram.fixed_view::<SHARED, OWN>(0, SHARED).into_owned();
    let own_moment = data.moment.fixed_rows::<OWN>(SHARED).into_owned();
    let solved = factor.solve(&own_moment);
    said.precision -= cross * factor.solve(&cross.transpose());
    said.moment -= cross * solved;
    said.log_evidence += 0.5 * (own_moment.dot(&solved) + (before.product() / factor.determinant()).ln());
    said
}
