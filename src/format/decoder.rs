//! How files are decoded, by the way they grow.

use super::encoding;
use super::records::Decoded;
use crate::metric::Role;

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

    /// No more comes for now: what was held back, in case more of it came, is handed over. Should more
    /// come after all, it is told apart.
    fn finish(&mut self, _out: &mut Decoded) {}

    /// What each name seen so far was taken for.
    fn columns(&self) -> Vec<Column>;

    /// The file is read again from its start: what was learnt about its names holds, where it
    /// was in the file does not.
    fn start_over(&mut self);

    /// Whether lines may be read through layouts learnt from others. They change nothing
    /// but the speed, which is what the tests ask.
    fn use_layouts(&mut self, _wanted: bool) {}
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

    /// Hands over the record that the log ends with. Until then more of it may come: clients write
    /// the values of a step one by one.
    fn finish(&mut self, _out: &mut Decoded) {}

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

/// Decodes all of a file, from its start.
pub(super) fn decode(decoder: &mut Decoder, content: &[u8]) -> Result<Decoded, String> {
    let mut decoded = Decoded::default();
    match decoder {
        Decoder::Lines(decoder) => {
            decoder.start_over();
            let content = content.strip_suffix(b"\n").unwrap_or(content);
            for line in content.split(|byte| *byte == b'\n') {
                decoded.lines += 1;
                decoder.line(decoded.lines, encoding::without_return(line), &mut decoded);
            }
            decoder.finish(&mut decoded);
        }
        Decoder::Document(decoder) => decoder.document(content, &mut decoded)?,
        Decoder::Frames(decoder) => {
            decoder.start_over();
            let progress = decoder.frames(content, &mut decoded);
            decoder.finish(&mut decoded);
            if let Some(reason) = progress.damage {
                decoded.skip(decoded.lines + 1, reason, b"");
            }
        }
    }
    Ok(decoded)
}

/// What each name that a decoder has seen was taken for.
pub(super) fn columns(decoder: &Decoder) -> Vec<Column> {
    match decoder {
        Decoder::Lines(decoder) => decoder.columns(),
        Decoder::Document(decoder) => decoder.columns(),
        Decoder::Frames(decoder) => decoder.columns(),
    }
}
