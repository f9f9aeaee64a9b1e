//! The commands that need no screen.

pub mod backtest;
pub mod inspect;
pub mod replay;
pub mod report;
