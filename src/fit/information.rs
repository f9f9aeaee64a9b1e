//! Normal distributions and normal likelihoods in information form, where learning is
//! addition.

use nalgebra::{Cholesky, Const, SMatrix, SVector};

use super::design::SHARED;

/// The amplitudes that runs of one cohort have in common.
pub type Vector = SVector<f64, SHARED>;
/// A covariance or precision of these.
pub type Matrix = SMatrix<f64, SHARED, SHARED>;

/// A belief about amplitudes, or what points say of them:
/// `exp(log_evidence - (x' precision x) / 2 + moment' x)`, up to powers of 2 pi.
#[derive(Clone, Copy, Debug)]
pub struct Information {
    /// Inverse covariance.
    pub precision: Matrix,
    /// Inverse covariance times mean.
    pub moment: Vector,
    /// Logarithm of the factor in front.
    pub log_evidence: f64,
}

/// The normal distribution that information amounts to.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Its mean.
    pub mean: Vector,
    /// Logarithm of its mass: of the probability of all that went into it.
    pub log_evidence: f64,
    factor: Cholesky<f64, Const<SHARED>>,
}

impl Information {
    /// A normal distribution of mass one; `None` when the covariance is singular.
    pub fn normal(mean: &Vector, covariance: Matrix) -> Option<Information> {
        let factor = covariance.cholesky()?;
        let moment = factor.solve(mean);
        Some(Information {
            precision: factor.inverse(),
            moment,
            log_evidence: -0.5 * (log_determinant(&factor) + mean.dot(&moment)),
        })
    }

    /// Adds other information, counted this often.
    pub fn add(&mut self, other: &Information, weight: f64) {
        self.precision += other.precision * weight;
        self.moment += other.moment * weight;
        self.log_evidence += other.log_evidence * weight;
    }

    /// The same about amplitudes that are counted in units so many times smaller.
    pub fn scaled(&self, factors: &Vector) -> Information {
        Information {
            precision: Matrix::from_fn(|row, column| {
                self.precision[(row, column)] / (factors[row] * factors[column])
            }),
            moment: self.moment.component_div(factors),
            log_evidence: self.log_evidence,
        }
    }

    /// The distribution; `None` when the precision is not positive.
    pub fn resolve(&self) -> Option<Resolved> {
        let factor = self.precision.cholesky()?;
        let mean = factor.solve(&self.moment);
        let log_evidence = self.log_evidence + 0.5 * (self.moment.dot(&mean) - log_determinant(&factor));
        log_evidence.is_finite().then_some(Resolved {
            mean,
            log_evidence,
            factor,
        })
    }
}

impl Resolved {
    /// The covariance.
    pub fn covariance(&self) -> Matrix {
        self.factor.inverse()
    }

    /// The variance of this combination of amplitudes.
    pub fn variance_of(&self, weights: &Vector) -> f64 {
        weights.dot(&self.factor.solve(weights))
    }
}

/// Logarithm of the determinant of a matrix from its Cholesky factor.
fn log_determinant(factor: &Cholesky<f64, Const<SHARED>>) -> f64 {
    // One logarithm of the product: six factors neither overflow nor vanish.
    2.0 * factor.l_dirty().diagonal().iter().product::<f64>().ln()
}
