//! Log formats: how bytes become records.
//!
//! A format knows one way of writing metrics. It recognises its own files from
//! their content, never from their name, and decodes them. It does no I/O and
//! keeps no clock: the `source` module gives it bytes in order.
//!
//! To add a format, write one file with a [`Format`] and add one line to
//! [`FORMATS`].

mod block_log;
pub mod delimited;
mod json_layout;
pub mod json_lines;
pub mod mlflow;
pub mod number;
pub mod records;
pub mod roles;
pub mod swanlab;
pub mod tensorboard;
pub mod text;
pub mod trackio;
pub mod trainer_state;
pub mod wandb;

use crate::metric::{Names, Role};
pub use records::{BadLine, Decoded, Records};
use text::TextFormat;

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

    /// A small part of the beginning: enough where every line is alike.
    pub fn beginning(&self) -> Sample<'a> {
        const ENOUGH: usize = 32 * 1024;
        let cut = self
            .head
            .get(..ENOUGH)
            .and_then(|head| memchr::memrchr(b'\n', head));
        match cut {
            Some(end) => Sample::whole(self.head.get(..end).unwrap_or_default()),
            None => *self,
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

    /// True for a format that reads a little of everything: it is asked only when no
    /// other has found records.
    fn is_fallback(&self) -> bool {
        false
    }

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
    /// The file grows by binary records that say how long they are.
    Frames(Box<dyn FrameDecoder>),
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

/// Decodes a file that grows by binary records.
pub trait FrameDecoder: Send {
    /// Decodes the whole records at the start of `bytes`, which continue where the last
    /// call stopped to consume, and counts them as lines.
    fn frames(&mut self, bytes: &[u8], out: &mut Decoded) -> Progress;

    /// The next bytes will be those at the start of the file. Names stay learnt.
    fn start_over(&mut self);

    /// Says in which folder the file is, where that matters to what its names mean.
    fn within(&mut self, _folder: &str) {}

    /// What each name seen so far was taken for.
    fn columns(&self) -> Vec<Column>;
}

/// How far a [`FrameDecoder`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are done with.
    pub consumed: usize,
    /// Why the bytes that follow cannot be read, when they are damaged rather than
    /// incomplete.
    pub damage: Option<&'static str>,
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
pub const FORMATS: &[&dyn Format] = &[
    &tensorboard::TensorBoard,
    &wandb::Wandb,
    &swanlab::SwanLab,
    &trainer_state::TrainerState,
    &json_lines::JsonLines,
    &delimited::Delimited,
    &TextFormat {
        name: "megatron",
        grammar: |_| Box::new(text::megatron::Megatron),
        fallback: false,
    },
    &TextFormat {
        name: "torchtitan",
        grammar: |_| Box::<text::torchtitan::Torchtitan>::default(),
        fallback: false,
    },
    &TextFormat {
        name: "nanochat",
        grammar: |_| Box::<text::nanochat::Nanochat>::default(),
        fallback: false,
    },
    &TextFormat {
        name: "modded-nanogpt",
        grammar: |_| Box::new(text::modded_nanogpt::ModdedNanogpt),
        fallback: false,
    },
    &TextFormat {
        name: "llm.c",
        grammar: |_| Box::<text::llmc::Llmc>::default(),
        fallback: false,
    },
    &TextFormat {
        name: "huggingface",
        grammar: |sample| Box::new(text::huggingface::HuggingFace::new(sample)),
        fallback: false,
    },
    &TextFormat {
        name: "nanogpt",
        grammar: |_| Box::<text::nanogpt::Nanogpt>::default(),
        fallback: false,
    },
    &TextFormat {
        name: "build-nanogpt",
        grammar: |_| Box::new(text::build_nanogpt::BuildNanogpt),
        fallback: false,
    },
    &TextFormat {
        name: "key-value",
        grammar: |_| Box::<text::key_value::KeyValue>::default(),
        fallback: true,
    },
];

/// Records after which a specific format need not fear the fallback.
const ENOUGH_RECORDS: usize = 2;

/// The format of a file, and how many records of the sample it can read.
pub fn detect(sample: &Sample, names: &Names) -> Option<(&'static dyn Format, Claim)> {
    let mut best: Option<(&'static dyn Format, Claim)> = None;
    for format in FORMATS {
        // A specific format that reads a few records is right about them.
        let settled = best.is_some_and(|(_, claim)| claim.certain || claim.records >= ENOUGH_RECORDS);
        if settled && (format.is_fallback() || best.is_some_and(|(_, claim)| claim.certain)) {
            break;
        }
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
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b", "gzip-compressed; decompress it first"),
        (b"\x28\xb5\x2f\xfd", "zstd-compressed; decompress it first"),
        (b"\x89PNG", "a picture"),
        (b"\x7fELF", "a program"),
        (b"\x93NUMPY", "a NumPy array"),
        (b"%PDF", "a PDF document"),
    ];
    if tensorboard::begins(head) || wandb::begins(head) || swanlab::begins(head) {
        return None;
    }
    for (magic, reason) in MAGIC {
        if head.starts_with(magic) {
            return Some(reason);
        }
    }
    if head.starts_with(b"\x80") && matches!(head.get(1), Some(2..=5)) {
        return Some("a Python pickle");
    }
    let zeros = head.iter().take(4096).filter(|byte| **byte == 0).count();
    (zeros * 20 > head.len().min(4096)).then_some("binary data")
}

/// A whole log, read at once.
#[derive(Debug)]
pub struct Whole {
    /// Name of its format.
    pub format: &'static str,
    /// All its records and the account of its lines.
    pub decoded: Decoded,
    /// What its names were taken for.
    pub columns: Vec<Column>,
}

/// Recognises and reads a whole log that is already in memory.
///
/// # Errors
/// A sentence that says why it is no log.
pub fn read_all(content: &[u8], names: &Names) -> Result<Whole, String> {
    if let Some(reason) = refuse(content) {
        return Err(reason.to_owned());
    }
    let head = content.get(..SAMPLE_BYTES).unwrap_or(content);
    let tail_from = content.len().saturating_sub(SAMPLE_BYTES).max(head.len());
    let sample = Sample {
        head,
        tail: content.get(tail_from..).unwrap_or_default(),
    };
    let (format, _) = detect(&sample, names).ok_or_else(|| "no metrics recognised".to_owned())?;
    let mut decoder = format.decoder(&sample, names);
    loop {
        let mut decoded = Decoded::default();
        match &mut decoder {
            Decoder::Lines(decoder) => {
                let content = content.strip_suffix(b"\n").unwrap_or(content);
                for line in content.split(|byte| *byte == b'\n') {
                    decoded.lines += 1;
                    decoder.line(
                        decoded.lines,
                        line.strip_suffix(b"\r").unwrap_or(line),
                        &mut decoded,
                    );
                }
            }
            Decoder::Document(decoder) => decoder.document(content, &mut decoded)?,
            Decoder::Frames(decoder) => {
                decoder.start_over();
                let progress = decoder.frames(content, &mut decoded);
                if let Some(reason) = progress.damage {
                    decoded.skip(decoded.lines + 1, reason, b"");
                }
            }
        }
        if !decoded.remapped {
            let columns = match &decoder {
                Decoder::Lines(decoder) => decoder.columns(),
                Decoder::Document(decoder) => decoder.columns(),
                Decoder::Frames(decoder) => decoder.columns(),
            };
            return Ok(Whole {
                format: format.name(),
                decoded,
                columns,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Whatever a file holds, reading it ends without a panic, for every format.
        #[test]
        fn arbitrary_bytes_are_survived(
            content in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..600),
                "(step|iter|loss|s|lr|trl|:| |/|\\||[0-9.,eE+-]|nan|\n|\r|\\{|\\}|'|\"){0,120}".prop_map(String::into_bytes),
            ],
        ) {
            let names = Names::default();
            let sample = Sample::whole(&content);
            for format in FORMATS {
                let _ = format.claim(&sample, &names);
                let mut decoded = Decoded::default();
                match format.decoder(&sample, &names) {
                    Decoder::Lines(mut decoder) => {
                        for (number, line) in content.split(|byte| *byte == b'\n').enumerate() {
                            decoder.line(number as u64, line, &mut decoded);
                        }
                    }
                    Decoder::Document(mut decoder) => drop(decoder.document(&content, &mut decoded)),
                    Decoder::Frames(mut decoder) => drop(decoder.frames(&content, &mut decoded)),
                }
            }
        }
    }
}
