//! losscast forecasts where training runs will end, from the logs they already write.
//!
//! Data flows one way:
//!
//! ```text
//! source -> format -> run -> schedule, law, fit -> forecast, detect -> alert -> ui and commands
//! ```

pub mod format;
pub mod metric;
pub mod text;
