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
//! The regressors of all exponents and powers stand side by side, so that one matrix
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
const REGRESSORS: usize = OTHER_GAIN + POWERS.len();
/// Without a companion.
const REGRESSORS_ALONE: usize = OTHER;

/// The loss and its companion over a schedule, as the regressors of a regression.
pub struct Design {
    steps: Vec<f64>,
    variances: Vec<f64>,
    /// One row per regressor, one column per point.
    regressors: DMatrix<f64>,
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
        let count = if companion.is_empty() {
            REGRESSORS_ALONE
        } else {
            REGRESSORS
        };
        let mut regressors = DMatrix::zeros(count, steps.len());
        for (index, ((point, other), relaxed)) in points.iter().zip(&relaxed).enumerate() {
            let scale = damping.get(index).copied().unwrap_or(1.0).recip();
            let mut at = regressors.column_mut(index);
            at[ONES] = scale;
            at[LOSS] = scale * point.loss;
            for (power, bands) in relaxed.iter().enumerate() {
                for (band, (relaxed, gain)) in bands.iter().zip(gains).enumerate() {
                    at[GAINS + power * BANDS + band] = -scale * gain * relaxed;
                }
            }
            let falling = falling(forward.get(index).copied().unwrap_or(1.0));
            for (exponent, value) in falling.iter().enumerate() {
                at[FORWARD + exponent] = scale * value;
            }
            if *other == 0.0 {
                continue;
            }
            at[OTHER] = scale;
            for (exponent, value) in falling.iter().enumerate() {
                at[OTHER_FORWARD + exponent] = scale * value;
            }
            for (power, bands) in relaxed.iter().enumerate() {
                let usual: f64 = bands
                    .iter()
                    .zip(SHARES)
                    .map(|(relaxed, share)| share * relaxed)
                    .sum();
                at[OTHER_GAIN + power] = -scale * usual;
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
            regressors,
            reference_forward,
            memories,
            gains,
        }
    }

    /// Whitens all regressors under a wander.
    pub fn equations(&self, wander: Wander) -> NormalEquations {
        let whitener = Whitener::new(wander, self.steps.iter().copied(), &self.variances);
        let mut white = self.regressors.clone();
        let states = whitener.whiten_all(&mut white);
        NormalEquations {
            gram: &white * white.transpose(),
            states,
            log_determinant: whitener.log_determinant + self.scales_log,
            whitener,
        }
    }

    /// The regressors at later steps.
    pub fn ahead(&self, curve: &LearningRateCurve, steps: &[f64]) -> Ahead {
        Ahead {
            falling: forward(curve, self.reference_forward, steps)
                .into_iter()
                .map(falling)
                .collect(),
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

/// S1 in multiples of the reference, to minus every exponent of the grid.
fn falling(forward: f64) -> [f64; EXPONENTS] {
    // Exponents are evenly spaced: two powers give all of them.
    let forward = forward.max(1e-12);
    let ratio = forward.powf(exponent(0) - exponent(1));
    let mut value = forward.powf(-exponent(0)) / ratio;
    [(); EXPONENTS].map(|()| {
        value *= ratio;
        value
    })
}

/// The regressors of an exponent and a power, in the order of the amplitudes.
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
        // What is not there, a companion, says nothing.
        let there = if self.states.len() > OTHER { SIZE } else { SHARED };
        CellEquations {
            gram: AmplitudeMatrix::from_fn(|row, column| {
                if row.max(column) < there {
                    self.gram[(at[row], at[column])]
                } else {
                    0.0
                }
            }),
            moment: Amplitudes::from_fn(|row, _| {
                if row < there {
                    self.gram[(at[row], LOSS)]
                } else {
                    0.0
                }
            }),
            square: self.gram[(LOSS, LOSS)],
        }
    }

    /// The filter's states at the last point: of the regressors of a cell, and of the loss.
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
    /// S1 to minus every exponent.
    falling: Vec<[f64; EXPONENTS]>,
    relaxed: Vec<Relaxed>,
    gains: [f64; BANDS],
}

impl Ahead {
    /// The row of the regression for the loss itself at the step with this index.
    pub fn row(&self, step: usize, exponent: usize, power: usize) -> Amplitudes {
        let falling = self.falling.get(step).and_then(|falling| falling.get(exponent));
        let mut row = Amplitudes::zeros();
        row[0] = 1.0;
        row[1] = falling.copied().unwrap_or(1.0);
        if let Some(bands) = self.relaxed.get(step).and_then(|relaxed| relaxed.get(power)) {
            for (band, (relaxed, gain)) in bands.iter().zip(self.gains).enumerate() {
                row[2 + band] = -gain * relaxed;
            }
        }
        row
    }
}
