//! Log formats: how bytes become records.
//!
//! A format knows one way of writing metrics. It recognises its own files from
//! their content, never from their name, and decodes them. It does no I/O and
//! keeps no clock: the `source` module gives it bytes in order.
//!
//! To add a format, write one file with a [`Format`] and add one line to
//! [`FORMATS`].

pub mod records;

use crate::metric::{Names, Role};
pub use records::{BadLine, Decoded, Records};

/// The parts of a file that recognition looks at.
///
/// A log may begin with thousands of lines of source code or banners, so the
/// end of the file counts as much as its beginning.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The first bytes, at most [`SAMPLE_BYTES`].
    pub head: &'a [u8],
    /// The last bytes, at most [`SAMPLE_BYTES`]; empty when `head` is the whole file.
    pub tail: &'a [u8],
}

/// How much of each end of a file is looked at.
pub const SAMPLE_BYTES: usize = 256 * 1024;

impl<'a> Sample<'a> {
    /// A file that is small enough to be seen whole.
    pub fn whole(content: &'a [u8]) -> Self {
        Sample {
            head: content,
            tail: &[],
        }
    }

    /// The complete lines of both ends. The torn lines at the cuts are left out.
    pub fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let head = match memchr::memrchr(b'\n', self.head) {
            Some(end) if !self.tail.is_empty() => self.head.get(..end).unwrap_or_default(),
            _ => self.head,
        };
        let tail = match memchr::memchr(b'\n', self.tail) {
            Some(start) => self.tail.get(start + 1..).unwrap_or_default(),
            None => &[],
        };
        head.split(|byte| *byte == b'\n')
            .chain(tail.split(|byte| *byte == b'\n'))
    }
}

/// How sure a format is that a file is its own.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Claim {
    /// Lines (or rows) of the sample that this format reads as records with a step and a loss.
    pub records: usize,
    /// A magic word or key proves it, however few records there are yet.
    pub certain: bool,
}

/// One way of writing a log.
pub trait Format: Sync {
    /// Stable identifier, as in JSON output: `jsonl`, `llm.c`, `trainer_state`.
    fn name(&self) -> &'static str;

    /// Looks at a sample; `None` when it cannot be this format.
    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim>;

    /// A decoder for a file that starts with this sample.
    fn decoder(&self, sample: &Sample, names: &Names) -> Decoder;
}

/// A format's decoder, by the way its file grows.
pub enum Decoder {
    /// The file grows by lines.
    Lines(Box<dyn LineDecoder>),
    /// The file is one document, rewritten as a whole.
    Document(Box<dyn DocumentDecoder>),
}

/// Decodes a file that grows by lines.
pub trait LineDecoder: Send {
    /// Decodes one complete line, given without its line feed. `number` counts from 1.
    ///
    /// Implementations count the line in `out` as ignored or skipped, or push its
    /// records; `out.lines` is counted by the caller.
    fn line(&mut self, number: u64, line: &[u8], out: &mut Decoded);

    /// What each name seen so far was taken for.
    fn columns(&self) -> Vec<Column>;
}

/// Decodes a file that is one document.
pub trait DocumentDecoder: Send {
    /// Decodes the whole document, or says why it cannot. A document caught while
    /// its writer rewrites it fails here and is tried again later.
    fn document(&mut self, content: &[u8], out: &mut Decoded) -> Result<(), String>;

    /// What each name seen so far was taken for.
    fn columns(&self) -> Vec<Column>;
}

/// A name found in a log and what it was taken for.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The name as logged.
    pub name: String,
    /// Its role, or `None` when it is not used.
    pub role: Option<Role>,
}

/// All formats, the most specific first: on equal claims the earlier one wins.
pub const FORMATS: &[&dyn Format] = &[];

/// The format of a file, and how many records of the sample it can read.
pub fn detect(sample: &Sample, names: &Names) -> Option<(&'static dyn Format, Claim)> {
    let mut best: Option<(&'static dyn Format, Claim)> = None;
    for format in FORMATS {
        let Some(claim) = format.claim(sample, names) else {
            continue;
        };
        let better =
            best.is_none_or(|(_, other)| (claim.certain, claim.records) > (other.certain, other.records));
        if better && (claim.records > 0 || claim.certain) {
            best = Some((*format, claim));
        }
    }
    best
}

/// Why a file cannot be a log at all, from its first bytes.
pub fn refuse(head: &[u8]) -> Option<&'static str> {
    const MAGIC: &[(&[u8], &str)] = &[
        (
            b":W&B",
            "a W&B transaction log; this version reads text, JSON and CSV",
        ),
        (
            b"SQLite format 3\0",
            "an SQLite database; this version reads text, JSON and CSV",
        ),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b", "gzip-compressed; decompress it first"),
        (b"\x28\xb5\x2f\xfd", "zstd-compressed; decompress it first"),
        (b"\x89PNG", "a picture"),
        (b"\x7fELF", "a program"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"%PDF", "a PDF document"),
    ];
    for (magic, reason) in MAGIC {
        if head.starts_with(magic) {
            return Some(reason);
        }
    }
    if head.starts_with(b"\x80") && matches!(head.get(1), Some(2..=5)) {
        return Some("a Python pickle");
    }
    if head
        .get(24..)
        .is_some_and(|rest| rest.windows(12).take(64).any(|window| window == b"brain.Event:"))
    {
        return Some("a TensorBoard event file; this version reads text, JSON and CSV");
    }
    let zeros = head.iter().take(4096).filter(|byte| **byte == 0).count();
    (zeros * 20 > head.len().min(4096)).then_some("binary data")
}
