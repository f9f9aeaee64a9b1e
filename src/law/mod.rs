//! Laws of training loss: formulas, parameters, priors. No data, no fitting.

pub mod annealing;
pub mod kernel;
pub mod prior;

pub use annealing::{AnnealingLaw, LawView};
pub use prior::Prior;
