//! A consistent picture of an SQLite database that its writer never notices.
//!
//! Opening a live database the usual way takes locks, which make a writer wait, and
//! may write: the last connection to leave checkpoints the write-ahead log. Nothing of
//! that is done here. Where nobody is writing, the file is read in place without
//! locks, and what was read counts only if no byte of it changed meanwhile. Where a
//! write-ahead log or a rollback journal holds part of the truth, both files are
//! copied, and SQLite recovers the copy.

use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use thiserror::Error;

/// What of the database's files can be seen to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    database: FileStamp,
    /// SQLite counts the transactions of a rollback journal in the file's header.
    counter: [u8; 4],
    /// With a write-ahead log it does not count.
    counts: bool,
    wal: Option<FileStamp>,
    /// A write-ahead log that begins anew has another header.
    wal_header: [u8; 32],
    journal: Option<FileStamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FileStamp {
    size: u64,
    modified: (i64, i64),
    inode: u64,
}

impl FileStamp {
    fn of(metadata: &Metadata) -> Self {
        FileStamp {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            inode: metadata.ino(),
        }
    }

    fn seconds(&self) -> f64 {
        self.modified.0 as f64 + self.modified.1 as f64 * 1e-9
    }
}

/// `<database><ending>`, as SQLite names its companions.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

impl Stamp {
    /// Looks at the files.
    ///
    /// # Errors
    /// When the database itself cannot be read.
    pub fn of(path: &Path) -> io::Result<Stamp> {
        let companion = |ending| {
            let metadata = std::fs::metadata(beside(path, ending)).ok()?;
            (metadata.len() > 0).then(|| FileStamp::of(&metadata))
        };
        let mut file = std::fs::File::open(path)?;
        // A database that was just created may be empty, and its header then zero.
        let mut header = [0u8; 28];
        let _ = file.read(&mut header)?;
        let [.., c0, c1, c2, c3] = header;
        let mut wal_header = [0u8; 32];
        if let Ok(mut wal) = std::fs::File::open(beside(path, "-wal")) {
            let _ = wal.read(&mut wal_header)?;
        }
        Ok(Stamp {
            database: FileStamp::of(&file.metadata()?),
            counter: [c0, c1, c2, c3],
            counts: header.get(18) != Some(&2),
            wal: companion("-wal"),
            wal_header,
            journal: companion("-journal"),
        })
    }

    /// True when `later` differs by nothing but what was added to the write-ahead log:
    /// what was copied in between is whole, up to some transaction.
    fn only_log_grew(&self, later: &Stamp) -> bool {
        let size = |stamp: &Stamp| stamp.wal.as_ref().map_or(0, |wal| wal.size);
        self.database == later.database
            && self.counter == later.counter
            && self.wal_header == later.wal_header
            && self.journal == later.journal
            && size(self) <= size(later)
    }

    /// Seconds since the Unix epoch of the last change.
    pub fn modified(&self) -> f64 {
        self.wal
            .iter()
            .map(FileStamp::seconds)
            .fold(self.database.seconds(), f64::max)
    }

    /// Bytes to read.
    pub fn size(&self) -> u64 {
        self.database.size + self.wal.as_ref().map_or(0, |wal| wal.size)
    }
}

/// Why there is no picture.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// It is being written right now.
    #[error("being written")]
    Busy,
    /// The files cannot be read or copied.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// SQLite cannot read them.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// An open picture.
pub struct Snapshot {
    /// To query it.
    pub connection: Connection,
    /// What the files looked like.
    pub stamp: Stamp,
    path: PathBuf,
    /// The copy that is read, if it is one.
    copy: Option<TempDir>,
}

/// A file changed less than this many seconds ago may change again without a new time
/// stamp: the kernel's clock for them ticks every 4 ms or 10 ms.
const CLOCK_TICK: f64 = 0.02;
/// A rollback journal this old was left behind by a writer that died.
const JOURNAL_LEFT_BEHIND: f64 = 2.0;

impl Snapshot {
    /// Opens a picture of the database as it is now.
    ///
    /// # Errors
    /// [`SnapshotError::Busy`] when a later attempt will do.
    pub fn open(path: &Path, now: f64) -> Result<Snapshot, SnapshotError> {
        let stamp = Stamp::of(path)?;
        let age = now - stamp.database.seconds();
        if !stamp.counts && (0.0..CLOCK_TICK).contains(&age) {
            return Err(SnapshotError::Busy);
        }
        if let Some(journal) = &stamp.journal
            && now - journal.seconds() < JOURNAL_LEFT_BEHIND
        {
            return Err(SnapshotError::Busy);
        }
        if stamp.wal.is_none() && stamp.journal.is_none() {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
                | OpenFlags::SQLITE_OPEN_URI
                | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(immutable_uri(path)?, flags)?;
            return Ok(Snapshot::new(connection, stamp, path, None)?);
        }
        let folder = tempfile::Builder::new().prefix("losscast-").tempdir()?;
        let copy = folder.path().join("copy.db");
        std::fs::copy(path, &copy)?;
        for ending in ["-wal", "-journal"] {
            match std::fs::copy(beside(path, ending), beside(&copy, ending)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !stamp.only_log_grew(&Stamp::of(path)?) {
            return Err(SnapshotError::Busy);
        }
        let connection = Connection::open(&copy)?;
        Ok(Snapshot::new(connection, stamp, path, Some(folder))?)
    }

    fn new(
        connection: Connection,
        stamp: Stamp,
        path: &Path,
        copy: Option<TempDir>,
    ) -> rusqlite::Result<Snapshot> {
        // The file comes from elsewhere: nothing in its schema may act.
        connection.execute_batch(
            "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0",
        )?;
        Ok(Snapshot {
            connection,
            stamp,
            path: path.to_owned(),
            copy,
        })
    }

    /// True when everything read so far belongs to one state of the database.
    pub fn holds(&self) -> bool {
        self.copy.is_some() || Stamp::of(&self.path).is_ok_and(|stamp| stamp == self.stamp)
    }
}

/// The path as a URI that tells SQLite to take no locks and write nothing.
fn immutable_uri(path: &Path) -> io::Result<String> {
    let path = std::path::absolute(path)?;
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    Ok(uri)
}
