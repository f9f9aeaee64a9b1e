//! What the law leaves unexplained, and which is not white noise: a slow wander.
//!
//! Residuals of real runs are correlated over a fixed share of the run, not over a
//! fixed number of steps. They are modelled as an Ornstein-Uhlenbeck process in the
//! logarithm of the step: stationary, Markov, so that a Kalman filter whitens any
//! column of the regression in one pass and says at its end what of the wander will
//! still be there later.

use nalgebra::DMatrix;

/// The process: standard deviation (nats), and correlation length in ln(step).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wander {
    /// Stationary standard deviation (nats).
    pub sd: f64,
    /// Correlation length, as a difference of the logarithms of two steps.
    pub length: f64,
}

/// The filter for given steps and noise variances: gains that serve every column.
#[derive(Clone, Debug)]
pub struct Whitener {
    wander: Wander,
    passes: Vec<Pass>,
    last_log_step: f64,
    last_variance: f64,
    /// Sum of the logarithms of the innovations' variances.
    pub log_determinant: f64,
}

#[derive(Clone, Copy, Debug)]
struct Pass {
    carry: f64,
    gain: f64,
    scale: f64,
}

impl Whitener {
    /// Prepares the filter. `steps` ascend; `variances` are those of the white noise.
    pub fn new(wander: Wander, steps: impl Iterator<Item = f64>, variances: &[f64]) -> Whitener {
        let stationary = wander.sd * wander.sd;
        let mut passes = Vec::with_capacity(variances.len());
        let mut log_determinant = 0.0;
        let mut before = f64::NEG_INFINITY;
        let mut variance = stationary;
        for (step, noise) in steps.zip(variances) {
            let log_step = step.max(1.0).ln();
            let carry = (-(log_step - before) / wander.length).exp();
            let predicted = carry * carry * variance + stationary * (1.0 - carry * carry);
            let innovation = predicted + noise;
            let gain = predicted / innovation;
            variance = predicted * (1.0 - gain);
            before = log_step;
            log_determinant += innovation.ln();
            passes.push(Pass {
                carry,
                gain,
                scale: 1.0 / innovation.sqrt(),
            });
        }
        Whitener {
            wander,
            passes,
            last_log_step: before,
            last_variance: variance,
            log_determinant,
        }
    }

    /// Whitens every row of a matrix in place, one column per point; returns the states at
    /// the end. All rows take each pass together, which is several times as fast as one row
    /// after the other: a row by itself waits for its own last state at every point.
    pub fn whiten_all(&self, rows: &mut DMatrix<f64>) -> Vec<f64> {
        let mut states = vec![0.0; rows.nrows()];
        for (pass, mut point) in self.passes.iter().zip(rows.column_iter_mut()) {
            for (value, state) in point.iter_mut().zip(&mut states) {
                let predicted = pass.carry * *state;
                let innovation = *value - predicted;
                *state = predicted + pass.gain * innovation;
                *value = innovation * pass.scale;
            }
        }
        states
    }

    /// What is left at `step` of a state at the last point, and the variance of the
    /// wander there.
    pub fn ahead(&self, step: f64) -> (f64, f64) {
        let carry = (-(step.max(1.0).ln() - self.last_log_step).max(0.0) / self.wander.length).exp();
        let stationary = self.wander.sd * self.wander.sd;
        let variance = carry * carry * self.last_variance + stationary * (1.0 - carry * carry);
        (carry, variance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::DVector;

    /// The filter against the dense covariance it stands for.
    #[test]
    fn whitening_equals_the_dense_solution() {
        let steps = [100.0, 150.0, 220.0, 400.0, 900.0];
        let noise = [0.01, 0.02, 0.01, 0.03, 0.01];
        let wander = Wander { sd: 0.2, length: 0.7 };
        let covariance = DMatrix::from_fn(5, 5, |row, column| {
            let distance = (f64::ln(steps[row]) - f64::ln(steps[column])).abs();
            0.04 * (-distance / 0.7).exp() + if row == column { noise[row] } else { 0.0 }
        });
        let values = [1.0, -0.5, 0.3, 2.0, 0.7];
        let dense = DVector::from_row_slice(&values);
        let whitener = Whitener::new(wander, steps.into_iter(), &noise);
        let mut white = DMatrix::from_row_slice(1, 5, &values);
        let state = whitener.whiten_all(&mut white)[0];
        let factor = covariance.clone().cholesky().unwrap();
        let quadratic = dense.dot(&factor.solve(&dense));
        assert!((white.iter().map(|value| value * value).sum::<f64>() - quadratic).abs() < 1e-9);
        assert!((whitener.log_determinant - covariance.determinant().ln()).abs() < 1e-9);
        let (carry, variance) = whitener.ahead(1500.0);
        let cross = DVector::from_fn(5, |row, _| 0.04 * (-(1500f64 / steps[row]).ln() / 0.7).exp());
        assert!((carry * state - cross.dot(&factor.solve(&dense))).abs() < 1e-9);
        assert!((variance - (0.04 - cross.dot(&factor.solve(&cross)))).abs() < 1e-9);
    }
}
