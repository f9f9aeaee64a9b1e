//! losscast forecasts where training runs will end, from the logs they already write.
//!
//! Data flows one way:
//!
//! ```text
//! source -> format -> run -> schedule, law, fit -> forecast, detect -> alert -> ui and commands
//! ```

pub mod alert;
pub mod backtest;
pub mod cli;
pub mod commands;
pub mod config;
pub mod detect;
pub mod engine;
pub mod fit;
pub mod forecast;
pub mod format;
pub mod language;
pub mod law;
pub mod metric;
pub mod monitor;
pub mod names;
pub mod pattern;
pub mod precision;
pub mod run;
pub mod schedule;
pub mod snapshot;
pub mod source;
pub mod statistics;
pub mod terminal;
pub mod text;
pub mod ui;
