//! Behaviour as seen from outside: real logs, live files, the commands, the screen.
//!
//! One binary for all of it: it links once, and what the tests share is used.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod cli;
mod clients;
mod common;
mod corpus;
mod databases;
mod delivery;
mod feeds;
mod forecasts;
mod fuzz;
mod inspect;
mod instability;
mod lines;
mod live;
mod pieces;
mod real_clients;
mod screens;
mod soak;
mod tail;
mod terminal;
mod variants;
mod wrappers;
