//! Where logs come from: finding files, following them while they grow, and
//! turning their bytes into records.
//!
//! One thread reads. Watch events are hints only; the truth is what `stat` and
//! `read` say, so that file systems without events work as well, only later.

pub mod database;
pub mod discover;
pub mod feed;
pub mod file;
pub mod file_name;
pub mod group;
mod last_line;
pub mod log;
pub mod metric_files;
pub mod packed;
pub mod reader;
pub mod settings;
pub mod tail;
pub mod watch;

use std::path::PathBuf;

use crate::format::{Column, Decoded};
use crate::run::Identity;
use crate::snapshot::Loading;

/// Identifies a followed file for as long as losscast runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey(pub u32);

/// What the reader tells the engine.
#[derive(Clone, Debug)]
pub enum SourceEvent {
    /// A log was found (or its format is now known better).
    Found {
        /// The file.
        key: FileKey,
        /// What it is.
        identity: Identity,
    },
    /// What the names in the log were taken for.
    Columns {
        /// The file.
        key: FileKey,
        /// All names seen so far.
        columns: Vec<Column>,
    },
    /// The next piece of a log.
    Records {
        /// The file.
        key: FileKey,
        /// What was decoded.
        decoded: Box<Decoded>,
        /// When the file was last changed, seconds since the Unix epoch.
        modified: f64,
    },
    /// The file was truncated or replaced; what follows comes from its start.
    Restarted {
        /// The file.
        key: FileKey,
        /// What it held was moved aside, and is still a part of the log.
        moved_aside: bool,
    },
    /// The file is read again from its start: forget what it has said.
    Reread {
        /// The file.
        key: FileKey,
    },
    /// The log turned out to be a part of another one, which tells it all: forget it.
    Absorbed {
        /// The file.
        key: FileKey,
    },
    /// The file of a log was removed, or is there again.
    Removed {
        /// The file.
        key: FileKey,
        /// It is not there any more.
        removed: bool,
    },
    /// A file or folder cannot be read, or is not understood.
    Problem {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// A problem is gone.
    Solved {
        /// The file or folder.
        path: PathBuf,
    },
    /// How far the first reading has come.
    Loading(Loading),
    /// Everything that existed at the start has been read.
    CaughtUp,
}
