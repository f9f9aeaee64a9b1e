//! Weighted linear least squares for the three amplitudes of the law, with a
//! Gaussian prior: conjugate, exact, no iterations.

use nalgebra::{Matrix3, Vector3};

use crate::law::Prior;
use crate::law::annealing::Regressors;

/// The normal distribution of (l0, amplitude, drop) given the data and the
/// non-linear parameters.
#[derive(Clone, Copy, Debug)]
pub struct Amplitudes {
    /// Mean.
    pub mean: Vector3<f64>,
    /// Covariance.
    pub covariance: Matrix3<f64>,
    /// Logarithm of the marginal likelihood, up to a constant of the data.
    pub log_evidence: f64,
}

/// One observation: regressors, value and precision (inverse variance).
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// The schedule's part.
    pub at: Regressors,
    /// The observed loss.
    pub loss: f64,
    /// Inverse variance, times any robust weight.
    pub precision: f64,
}

/// The row of the design matrix: `L = row . (l0, amplitude, drop)`.
pub fn row(at: Regressors, alpha: f64) -> Vector3<f64> {
    Vector3::new(1.0, at.forward.powf(-alpha), -at.annealed)
}

/// Solves for the amplitudes at a given `alpha`. `None` when the system is singular.
pub fn solve(observations: &[Observation], alpha: f64, prior: &Prior) -> Option<Amplitudes> {
    let beliefs = [prior.l0, prior.amplitude, prior.drop];
    let mut precision = Matrix3::zeros();
    let mut moment = Vector3::zeros();
    let mut log_prior = 0.0;
    let mut square = 0.0;
    for (index, belief) in beliefs.iter().enumerate() {
        let weight = 1.0 / (belief.sd * belief.sd);
        precision[(index, index)] = weight;
        moment[index] = weight * belief.mean;
        square += weight * belief.mean * belief.mean;
        log_prior += 0.5 * weight.ln();
    }
    for observation in observations {
        let row = row(observation.at, alpha);
        let weight = observation.precision;
        precision += weight * row * row.transpose();
        moment += weight * observation.loss * row;
        square += weight * observation.loss * observation.loss;
    }
    let factor = precision.cholesky()?;
    let mean = factor.solve(&moment);
    let log_determinant = 2.0
        * factor
            .l_dirty()
            .diagonal()
            .iter()
            .map(|value| value.ln())
            .sum::<f64>();
    let log_evidence = log_prior - 0.5 * log_determinant - 0.5 * (square - moment.dot(&mean));
    (log_evidence.is_finite() && mean.iter().all(|value| value.is_finite())).then(|| Amplitudes {
        mean,
        covariance: factor.inverse(),
        log_evidence,
    })
}
