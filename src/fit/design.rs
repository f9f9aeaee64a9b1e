//! The linear part of the law, for one loss and its companion.
//!
//! Given the exponent of S1 and the power of the learning rate, the loss is linear in
//! nine amplitudes:
//!
//! | index | amplitude |
//! |---|---|
//! | 0 | asymptote |
//! | 1 | reducible loss at the reference S1 |
//! | 2-5 | gains of the four bands |
//! | 6-8 | what the companion (train for eval, eval for train) has more of the first, second and the gains |
//!
//! All columns that any exponent or power needs stand side by side, so that one matrix
//! product gives the normal equations of every cell of the grid.

use nalgebra::{DMatrix, SMatrix, SVector};

use super::FitPoint;
use super::discrepancy::{Wander, Whitener};
use crate::law::prior::plausible_peak;
use crate::law::relaxation::{
    BANDS, Memories, POWERS, PROGRESS_POWER, Relaxed, SHARES, memories, relaxation,
};
use crate::schedule::LearningRateCurve;

/// Number of amplitudes.
pub const SIZE: usize = 5 + BANDS;
/// Amplitudes that runs of one cohort have in common: all but those of the companion.
pub const SHARED: usize = 2 + BANDS;

/// A vector of amplitudes.
pub type Amplitudes = SVector<f64, SIZE>;
/// A covariance or precision of amplitudes.
pub type AmplitudeMatrix = SMatrix<f64, SIZE, SIZE>;

/// Exponents of S1 on the grid.
pub const EXPONENTS: usize = 23;

/// Exponent of S1 with this index: 0.1 to 1.2.
pub fn exponent(index: usize) -> f64 {
    0.1 + 0.05 * index as f64
}

/// Cells of the grid over exponents and powers.
pub const CELLS: usize = EXPONENTS * POWERS.len();

/// The wander is this power of S1 larger in the past: early curves follow no law
/// closely, and what they did early says little about the end.
const DAMPING: f64 = 1.75;

const ONES: usize = 0;
const FORWARD: usize = 1;
const GAINS: usize = FORWARD + EXPONENTS;
const LOSS: usize = GAINS + POWERS.len() * BANDS;
const OTHER: usize = LOSS + 1;
const OTHER_FORWARD: usize = OTHER + 1;
const OTHER_GAIN: usize = OTHER_FORWARD + EXPONENTS;
const COLUMNS: usize = OTHER_GAIN + POWERS.len();

/// The loss and its companion over a schedule, as columns of a regression.
pub struct Design {
    steps: Vec<f64>,
    variances: Vec<f64>,
    columns: DMatrix<f64>,
    scales_log: f64,
    reference_forward: f64,
    memories: Memories,
    gains: [f64; BANDS],
}

/// The normal equations of all cells under one wander.
pub struct NormalEquations {
    gram: DMatrix<f64>,
    states: Vec<f64>,
    whitener: Whitener,
    log_determinant: f64,
}

/// The normal equations of one cell.
#[derive(Clone, Copy, Debug)]
pub struct CellEquations {
    /// `X' W X`
    pub gram: AmplitudeMatrix,
    /// `X' W y`
    pub moment: Amplitudes,
    /// `y' W y`
    pub square: f64,
}

impl Design {
    /// Lays out the columns. `reference_forward` is the S1 at which the reducible loss is
    /// counted, `gains` (nats) what the gains of the bands are multiples of. Both lists of
    /// points ascend.
    pub fn new(
        target: &[FitPoint],
        companion: &[FitPoint],
        curve: &LearningRateCurve,
        reference_forward: f64,
        gains: [f64; BANDS],
    ) -> Design {
        let mut points: Vec<(FitPoint, f64)> = target
            .iter()
            .map(|point| (*point, 0.0))
            .chain(companion.iter().map(|point| (*point, 1.0)))
            .collect();
        points.sort_by(|(one, _), (other, _)| one.step.total_cmp(&other.step));
        let steps: Vec<f64> = points.iter().map(|(point, _)| point.step).collect();
        let memories = memories(plausible_peak(curve.peak()));
        let forward = forward(curve, reference_forward, &steps);
        let relaxed = relaxation(curve, memories, &steps);
        let damping: Vec<f64> = forward
            .iter()
            .map(|forward| forward.max(1e-3).powf(-DAMPING))
            .collect();
        let mut columns = DMatrix::zeros(steps.len(), COLUMNS);
        for (row, ((point, other), relaxed)) in points.iter().zip(&relaxed).enumerate() {
            let scale = damping.get(row).copied().unwrap_or(1.0).recip();
            let base = forward.get(row).copied().unwrap_or(1.0);
            columns[(row, ONES)] = scale;
            columns[(row, LOSS)] = scale * point.loss;
            columns[(row, OTHER)] = scale * other;
            for index in 0..EXPONENTS {
                let value = scale * base.powf(-exponent(index));
                columns[(row, FORWARD + index)] = value;
                columns[(row, OTHER_FORWARD + index)] = other * value;
            }
            for (power, bands) in relaxed.iter().enumerate() {
                for (band, ((relaxed, share), gain)) in bands.iter().zip(SHARES).zip(gains).enumerate() {
                    columns[(row, GAINS + power * BANDS + band)] = -scale * gain * relaxed;
                    columns[(row, OTHER_GAIN + power)] -= scale * other * share * relaxed;
                }
            }
        }
        Design {
            variances: points
                .iter()
                .zip(&damping)
                .map(|((point, _), damping)| point.variance / (damping * damping))
                .collect(),
            scales_log: 2.0 * damping.iter().map(|damping| damping.ln()).sum::<f64>(),
            steps,
            columns,
            reference_forward,
            memories,
            gains,
        }
    }

    /// Whitens all columns under a wander.
    pub fn equations(&self, wander: Wander) -> NormalEquations {
        let whitener = Whitener::new(wander, self.steps.iter().copied(), &self.variances);
        let mut white = self.columns.clone();
        let states = whitener.whiten_all(&mut white);
        NormalEquations {
            gram: white.tr_mul(&white),
            states,
            log_determinant: whitener.log_determinant + self.scales_log,
            whitener,
        }
    }

    /// The regressors at later steps.
    pub fn ahead(&self, curve: &LearningRateCurve, steps: &[f64]) -> Ahead {
        Ahead {
            forward: forward(curve, self.reference_forward, steps),
            relaxed: relaxation(curve, self.memories, steps),
            gains: self.gains,
        }
    }
}

fn forward(curve: &LearningRateCurve, reference: f64, steps: &[f64]) -> Vec<f64> {
    curve
        .progress(PROGRESS_POWER, steps.iter().copied())
        .into_iter()
        .map(|progress| progress / reference)
        .collect()
}

/// The columns of an exponent and a power, in the order of the amplitudes.
fn indices(exponent: usize, power: usize) -> [usize; SIZE] {
    let gain = GAINS + power * BANDS;
    [
        ONES,
        FORWARD + exponent,
        gain,
        gain + 1,
        gain + 2,
        gain + 3,
        OTHER,
        OTHER_FORWARD + exponent,
        OTHER_GAIN + power,
    ]
}

impl NormalEquations {
    /// The equations of one cell.
    pub fn cell(&self, exponent: usize, power: usize) -> CellEquations {
        let at = indices(exponent, power);
        CellEquations {
            gram: AmplitudeMatrix::from_fn(|row, column| self.gram[(at[row], at[column])]),
            moment: Amplitudes::from_fn(|row, _| self.gram[(at[row], LOSS)]),
            square: self.gram[(LOSS, LOSS)],
        }
    }

    /// The filter's states at the last point: of the columns of a cell, and of the loss.
    pub fn states(&self, exponent: usize, power: usize) -> (Amplitudes, f64) {
        let state = |index: usize| self.states.get(index).copied().unwrap_or(0.0);
        let at = indices(exponent, power);
        (Amplitudes::from_fn(|row, _| state(at[row])), state(LOSS))
    }

    /// What is left of a state at a later step, and the variance of the wander there.
    pub fn ahead(&self, step: f64) -> (f64, f64) {
        self.whitener.ahead(step)
    }

    /// Logarithm of the determinant of the covariance of the points.
    pub fn log_determinant(&self) -> f64 {
        self.log_determinant
    }
}

/// The regressors at steps after the last point.
pub struct Ahead {
    forward: Vec<f64>,
    relaxed: Vec<Relaxed>,
    gains: [f64; BANDS],
}

impl Ahead {
    /// The row of the regression for the loss itself at the step with this index.
    pub fn row(&self, step: usize, exponent_index: usize, power: usize) -> Amplitudes {
        let forward = self.forward.get(step).copied().unwrap_or(1.0);
        let mut row = Amplitudes::zeros();
        row[0] = 1.0;
        row[1] = forward.powf(-exponent(exponent_index));
        if let Some(bands) = self.relaxed.get(step).and_then(|relaxed| relaxed.get(power)) {
            for (band, (relaxed, gain)) in bands.iter().zip(self.gains).enumerate() {
                row[2 + band] = -gain * relaxed;
            }
        }
        row
    }
}
