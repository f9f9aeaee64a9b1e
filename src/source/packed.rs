//! A log that was compressed when it was moved aside (`train.log.1.gz`), read as what it was.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// How a gzip file begins (RFC 1952, section 2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The content of a gzip file, from its start.
pub struct Packed {
    content: MultiGzDecoder<BufReader<File>>,
    /// Bytes of the content that were read.
    position: u64,
    /// The content has come to its end.
    ended: bool,
}

/// True for the first bytes of a gzip file.
pub fn is_packed(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

impl Packed {
    /// The content of an open file, when it is compressed. From then on the place in the file
    /// is that of the content.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn of(file: &File) -> io::Result<Option<Packed>> {
        let mut head = [0; MAGIC.len()];
        let count = file.read_at(&mut head, 0)?;
        if !is_packed(head.get(..count).unwrap_or_default()) {
            return Ok(None);
        }
        let mut file = file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Some(Packed {
            content: MultiGzDecoder::new(BufReader::new(file)),
            position: 0,
            ended: false,
        }))
    }

    /// False when the content ends at `position`, so far as is known.
    pub fn has_more_than(&self, position: u64) -> bool {
        !self.ended || self.position > position
    }

    /// Bytes of the content that were read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Reads up to `limit` bytes onto the end of `buffer` and returns how many. Of a file that
    /// is cut off, or still being written, what is there.
    ///
    /// # Errors
    /// Errors of the file system, and damage.
    pub fn read(&mut self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        let before = buffer.len();
        let result = Read::by_ref(&mut self.content)
            .take(limit as u64)
            .read_to_end(buffer);
        let count = buffer.len() - before;
        self.position += count as u64;
        self.ended = count < limit;
        match result {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(io::Error::new(
                error.kind(),
                format!("damaged gzip at byte {} of its content: {error}", self.position),
            )),
            _ => Ok(count),
        }
    }

    /// Passes over the content up to `position`.
    ///
    /// # Errors
    /// As [`Packed::read`].
    pub fn skip_to(&mut self, position: u64) -> io::Result<()> {
        let mut passed = Vec::new();
        while self.position < position && !self.ended {
            passed.clear();
            let limit = usize::try_from(position - self.position).map_or(1 << 20, |rest| rest.min(1 << 20));
            self.read(&mut passed, limit)?;
        }
        Ok(())
    }
}

/// The ending of a compressed file.
const ENDING: &str = "gz";

/// The name without the ending of a compressed file.
pub fn unpacked_name(name: &str) -> &str {
    let shorter = name.strip_suffix(ENDING).and_then(|name| name.strip_suffix('.'));
    shorter.unwrap_or(name)
}

/// Named like a compressed file.
pub fn is_named_packed(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == ENDING)
}
