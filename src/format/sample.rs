//! The parts of a file that recognition looks at.

use super::jupyter;

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

    /// The ends of a file that is at hand; all of a notebook, whose pictures may lie anywhere.
    pub fn of(content: &'a [u8]) -> Self {
        if jupyter::begins(content) {
            return Sample::whole(content);
        }
        let head = content.get(..SAMPLE_BYTES).unwrap_or(content);
        let tail_from = content.len().saturating_sub(SAMPLE_BYTES).max(head.len());
        Sample {
            head,
            tail: content.get(tail_from..).unwrap_or_default(),
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

    /// The first and the last part of the sample, or `None` when it is hardly larger.
    pub(super) fn outskirts(&self) -> Option<Sample<'a>> {
        const EACH: usize = 32 * 1024;
        let (head, tail) = (self.head.get(..EACH)?, self.tail);
        let tail = tail.len().checked_sub(EACH).and_then(|start| tail.get(start..))?;
        Some(Sample { head, tail })
    }

    /// The complete lines of both ends. The torn lines at the cuts are left out, but for the
    /// complete redraws of a progress bar in them: it may be a single line of a megabyte.
    pub fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let head = match memchr::memrchr2(b'\n', b'\r', self.head) {
            Some(end) if !self.tail.is_empty() => self.head.get(..end).unwrap_or_default(),
            _ => self.head,
        };
        let tail = match memchr::memchr2(b'\n', b'\r', self.tail) {
            Some(start) => self.tail.get(start + 1..).unwrap_or_default(),
            None => &[],
        };
        head.split(|byte| *byte == b'\n')
            .chain(tail.split(|byte| *byte == b'\n'))
    }
}
