//! Laws of training loss: formulas, parameters, priors. No data, no fitting.

pub mod annealing;
pub mod prior;
pub mod relaxation;
pub mod repeats;

pub use annealing::{AnnealingLaw, LawView};
pub use prior::Prior;
