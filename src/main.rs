//! The `losscast` command.

fn main() {}
