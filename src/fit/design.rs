//! The linear part of the law, for one loss and its companion.
//!
//! Given the exponent of progress and the powers of the learning rate, the loss is linear
//! in ten amplitudes:
//!
//! | index | amplitude |
//! |---|---|
//! | 0 | asymptote |
//! | 1 | reducible loss at the reference progress |
//! | 2-5 | gains of the four bands |
//! | 6 | what learning the data by heart has changed by the reference progress, or one step of it |
//! | 7-9 | what the companion (train for eval, eval for train) has more of the first, second and the gains |
//!
//! The regressors of all exponents and powers stand side by side, so that one matrix
//! product gives the normal equations of every cell of the grid.

use nalgebra::{DMatrix, SMatrix, SVector};

use super::FitPoint;
use super::discrepancy::{Wander, Whitener};
use crate::law::relaxation::{BANDS, POWERS, PROGRESS_POWERS, Progress, Relaxed, SHARES, Standing};
use crate::law::repeats::Repeats;

/// Number of amplitudes.
pub const SIZE: usize = 6 + BANDS;
/// Amplitudes that runs of one cohort have in common: all but what is learnt by heart and those of
/// the companion.
pub const SHARED: usize = 2 + BANDS;

/// A vector of amplitudes.
pub type Amplitudes = SVector<f64, SIZE>;
/// A covariance or precision of amplitudes.
pub type AmplitudeMatrix = SMatrix<f64, SIZE, SIZE>;

/// Exponents of progress on the grid.
pub const EXPONENTS: usize = 10;

/// Exponent of progress with this index: 0.1 to 1.
pub fn exponent(index: usize) -> f64 {
    0.1 + 0.1 * index as f64
}

/// Cells of the grid over everything that the loss is not linear in.
pub const CELLS: usize = EXPONENTS * POWERS.len() * PROGRESS_POWERS.len();

/// A cell of the grid, by the indices of what the loss is not linear in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Of the exponent of progress.
    pub exponent: usize,
    /// Of the power of the learning rate that the excess has in the end.
    pub power: usize,
    /// Of the power of the learning rate that progress counts.
    pub progress: usize,
}

impl Shape {
    /// That of a cell.
    pub const fn of(cell: usize) -> Shape {
        Shape {
            exponent: cell % EXPONENTS,
            power: cell / EXPONENTS % POWERS.len(),
            progress: cell / (EXPONENTS * POWERS.len()),
        }
    }
}

/// The wander is this power of progress larger in the past: early curves follow no law
/// closely, and what they did early says little about the end.
const DAMPING: f64 = 1.75;

const ONES: usize = 0;
const FORWARD: usize = 1;
/// All exponents of all kinds of progress.
const FALLING: usize = EXPONENTS * PROGRESS_POWERS.len();
const GAINS: usize = FORWARD + FALLING;
const LOSS: usize = GAINS + POWERS.len() * BANDS;
const BY_HEART: usize = LOSS + 1;
const OTHER: usize = BY_HEART + 1;
const OTHER_FORWARD: usize = OTHER + 1;
const OTHER_GAIN: usize = OTHER_FORWARD + FALLING;
const REGRESSORS: usize = OTHER_GAIN + POWERS.len();
/// Without a companion.
const REGRESSORS_ALONE: usize = OTHER;

/// A mean of the loss or of its companion, and where the schedule had brought the run.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// The mean.
    pub point: FitPoint,
    /// True when it is of the companion.
    pub companion: bool,
    /// Where the run stood.
    pub standing: Standing,
}

/// The loss and its companion over a schedule, as the regressors of a regression.
pub struct Design {
    steps: Vec<f64>,
    variances: Vec<f64>,
    /// One row per regressor, one column per observation.
    regressors: DMatrix<f64>,
    scales_log: f64,
    reference: Progress,
    gains: [f64; BANDS],
    heart: Heart,
}

/// When what is learnt by heart shows.
#[derive(Clone, Copy)]
enum Heart {
    /// It grows with every step of the weights.
    Always,
    /// At the ends of epochs; counted from the last observation.
    AtEnds { epochs: Repeats, last: f64 },
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
    /// Lays out the regressors. `reference` is the progress at which the reducible loss is
    /// counted, `gains` (nats) what the gains of the bands are multiples of, `epochs` those at whose
    /// ends shows what is learnt by heart. The observations ascend.
    pub fn new(
        observations: &[Observation],
        reference: Progress,
        gains: [f64; BANDS],
        epochs: Option<Repeats>,
    ) -> Design {
        let last = observations.last().map_or(0.0, |last| last.point.step);
        let heart = epochs.map_or(Heart::Always, |epochs| Heart::AtEnds { epochs, last });
        let damping: Vec<f64> = observations
            .iter()
            .map(|observation| {
                // Any kind of progress would do: that nearest to S1.
                let [.., forward] = shares(&observation.standing.progress, &reference);
                forward.max(1e-3).powf(-DAMPING)
            })
            .collect();
        let alone = observations.iter().all(|observation| !observation.companion);
        let count = if alone { REGRESSORS_ALONE } else { REGRESSORS };
        let mut regressors = DMatrix::zeros(count, observations.len());
        for (index, (observation, damping)) in observations.iter().zip(&damping).enumerate() {
            let (scale, relaxed) = (damping.recip(), &observation.standing.relaxed);
            let mut at = regressors.column_mut(index);
            at[ONES] = scale;
            at[LOSS] = scale * observation.point.loss;
            for (power, bands) in relaxed.iter().enumerate() {
                for (band, (relaxed, gain)) in bands.iter().zip(gains).enumerate() {
                    at[GAINS + power * BANDS + band] = -scale * gain * relaxed;
                }
            }
            let shares = shares(&observation.standing.progress, &reference);
            let falling = shares.map(falling);
            for (index, value) in falling.iter().flatten().enumerate() {
                at[FORWARD + index] = scale * value;
            }
            if !observation.companion {
                at[BY_HEART] = scale * heart.learnt(observation.point.step, &shares);
                continue;
            }
            at[OTHER] = scale;
            for (index, value) in falling.iter().flatten().enumerate() {
                at[OTHER_FORWARD + index] = scale * value;
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
            steps: observations
                .iter()
                .map(|observation| observation.point.step)
                .collect(),
            variances: observations
                .iter()
                .zip(&damping)
                .map(|(observation, damping)| observation.point.variance / (damping * damping))
                .collect(),
            scales_log: 2.0 * damping.iter().map(|damping| damping.ln()).sum::<f64>(),
            regressors,
            reference,
            gains,
            heart,
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

    /// The regressors where a run will stand later.
    pub fn ahead(&self, standing: &Standing) -> Ahead {
        let shares = shares(&standing.progress, &self.reference);
        Ahead {
            falling: shares.map(falling),
            by_heart: self.heart.learnt(standing.step, &shares),
            relaxed: standing.relaxed,
            gains: self.gains,
        }
    }
}

/// Progress in multiples of the reference.
fn shares(progress: &Progress, reference: &Progress) -> Progress {
    std::array::from_fn(|index| progress[index] / reference[index])
}

impl Heart {
    /// What is learnt by heart by a step where progress is `shares`, as a multiple of its amplitude: the
    /// level of now is that of the other amplitudes.
    fn learnt(self, step: f64, shares: &Progress) -> f64 {
        // With every step of the weights: with S1.
        let [.., nearest_to_s1] = shares;
        match self {
            Heart::Always => *nearest_to_s1,
            Heart::AtEnds { epochs, last } if step <= last => epochs.made(step, last),
            Heart::AtEnds { epochs, last } => -epochs.to_come(last, step),
        }
    }
}

/// Progress in multiples of the reference, to minus every exponent of the grid.
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

/// The regressors of a cell, in the order of the amplitudes.
fn indices(shape: Shape) -> [usize; SIZE] {
    let gain = GAINS + shape.power * BANDS;
    let falling = shape.progress * EXPONENTS + shape.exponent;
    [
        ONES,
        FORWARD + falling,
        gain,
        gain + 1,
        gain + 2,
        gain + 3,
        BY_HEART,
        OTHER,
        OTHER_FORWARD + falling,
        OTHER_GAIN + shape.power,
    ]
}

impl NormalEquations {
    /// The equations of one cell.
    pub fn cell(&self, shape: Shape) -> CellEquations {
        let at = indices(shape);
        // What is not there, a companion, says nothing.
        let there = if self.states.len() > OTHER {
            SIZE
        } else {
            SHARED + 1
        };
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
    pub fn states(&self, shape: Shape) -> (Amplitudes, f64) {
        let state = |index: usize| self.states.get(index).copied().unwrap_or(0.0);
        let at = indices(shape);
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

/// The regressors at a step after the last observation.
pub struct Ahead {
    /// Progress of every kind to minus every exponent.
    falling: [[f64; EXPONENTS]; PROGRESS_POWERS.len()],
    by_heart: f64,
    relaxed: Relaxed,
    gains: [f64; BANDS],
}

impl Ahead {
    /// The row of the regression for the loss itself.
    pub fn row(&self, shape: Shape) -> Amplitudes {
        let mut row = Amplitudes::zeros();
        row[0] = 1.0;
        let falling = self.falling.get(shape.progress);
        row[1] = falling
            .and_then(|falling| falling.get(shape.exponent))
            .copied()
            .unwrap_or(1.0);
        row[SHARED] = self.by_heart;
        if let Some(bands) = self.relaxed.get(shape.power) {
            for (band, (relaxed, gain)) in bands.iter().zip(self.gains).enumerate() {
                row[2 + band] = -gain * relaxed;
            }
        }
        row
    }
}
