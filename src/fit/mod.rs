//! Fitting the law to a run: points, best fit, posterior.
//!
//! Pure numbers: no file, no clock, no screen. The same points give the same fit.

pub mod cohort;
pub mod design;
pub mod discrepancy;
pub mod evidence;
pub mod information;
pub mod linear;
pub mod mixture;
pub mod normal;
pub mod points;
pub mod posterior;
pub mod solver;
pub mod tabulated;

use thiserror::Error;

pub use evidence::Evidence;
pub use mixture::Mixture;
pub use points::FitPoint;
pub use posterior::Posterior;
pub use solver::{BestFit, FitOptions, Huber, best_fit};
pub use tabulated::Tabulated;

/// Why no law could be fitted.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum FitError {
    /// Too little data.
    #[error("{have} of {want} points after warm-up")]
    TooFewPoints {
        /// Points there are.
        have: usize,
        /// Points needed.
        want: usize,
    },
    /// The learning rate was zero throughout, or unusable.
    #[error("no learning rate above zero")]
    NoLearningRate,
    /// The solver found no finite parameters.
    #[error("the law does not fit this curve")]
    NoSolution,
}
