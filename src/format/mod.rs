//! Log formats: how bytes become records.
//!
//! A format knows one way of writing metrics. It recognises its own files from
//! their content, never from their name, and decodes them. It does no I/O and
//! keeps no clock: the `source` module gives it bytes in order.
//!
//! To add a format, write one file with a [`Format`] and add one line to
//! [`FORMATS`].

mod block_log;
pub mod counters;
mod data_words;
mod decoder;
pub mod delimited;
mod diagnosis;
pub mod dvclive;
pub mod encoding;
pub mod exported_scalar;
pub mod hints;
pub mod json_document;
mod json_layout;
pub mod json_lines;
pub mod jupyter;
pub mod long_form;
pub mod mlflow;
pub mod mllog;
pub mod number;
pub mod passes;
mod plain_number;
mod printed_history;
mod python_literal;
mod recognition;
pub mod records;
mod registry;
mod repeats;
mod results;
pub mod roles;
pub mod running_time;
mod sample;
pub mod shared_document;
pub mod shared_table;
pub mod sidecar;
pub mod stand_in;
pub mod swanlab;
pub mod tensorboard;
#[cfg(test)]
mod tests;
pub mod text;
pub mod trackio;
pub mod trainer_state;
pub mod user;
pub mod wandb;
mod whole;

pub use decoder::{Column, Decoder, DocumentDecoder, FrameDecoder, LineDecoder, Progress};
pub use diagnosis::{diagnose, refuse};
pub use recognition::{Claim, Format, Precedence, detect, rivals};
pub use records::{BadLine, Decoded, Records};
pub use registry::FORMATS;
pub use sample::{SAMPLE_BYTES, Sample};
pub use whole::{Whole, read_all};

/// True for a file of binary records that a format here reads.
pub fn has_frames(head: &[u8]) -> bool {
    tensorboard::begins(head) || wandb::begins(head) || swanlab::begins(head)
}
