//! Learning-rate schedules: logged, declared, inferred.
//!
//! This module knows learning rates and steps only. What they do to the loss is
//! the law's business.

pub mod curve;
pub mod infer;
pub mod plan;
pub mod recorded;
pub mod shape;

pub use curve::{AnnealingSums, LearningRateCurve};
pub use plan::{Plan, ScheduleSource};
pub use recorded::RecordedRates;
pub use shape::Schedule;
