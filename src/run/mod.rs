//! One run: what its log has said so far.

pub mod series;
