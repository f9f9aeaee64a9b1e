//! Behaviour as seen from outside: real logs, live files, the commands, the screen.
//!
//! One binary for all of it: it links once, and what the tests share is used.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod cli;
mod common;
mod corpus;
mod inspect;
mod instability;
mod live;
mod screens;
mod terminal;
mod variants;
