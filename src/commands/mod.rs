//! The commands that need no screen.

pub mod backtest;
pub mod backtest_alerts;
pub mod check;
pub mod inspect;
pub mod replay;
pub mod report;
pub mod watch;
