//! The framing of LevelDB's log, as W&B and SwanLab use it.
//!
//! The file is cut into blocks of 32 KiB. A record is one chunk, or several when it
//! does not fit into its block: `u32 checksum | u16 length | u8 kind | data`, little
//! endian. A block's last bytes are left empty when no header fits. Unlike LevelDB
//! these clients use the plain CRC-32 of zlib over kind and data.
//! Source: `wandb/sdk/internal/datastore.py`, LevelDB `doc/log_format.md`.

use crc::{CRC_32_ISO_HDLC, Crc, Table};

use super::Progress;

static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

const BLOCK_BYTES: usize = 32 * 1024;
const CHUNK_HEADER_BYTES: usize = 7;
/// Bytes before the first chunk: a magic word and a version. They are part of the first block.
pub const FILE_HEADER_BYTES: usize = 7;
/// A record larger than this is given up.
const LARGEST_RECORD: usize = 256 << 20;

/// What was found.
pub enum Found<'a> {
    /// A whole record.
    Record(&'a [u8]),
    /// Something that cannot be used; reading goes on behind it.
    Damaged(&'static str),
}

/// Where reading is in such a file.
#[derive(Debug, Default)]
pub struct BlockLog {
    /// Position in the file of the next byte to consume.
    offset: u64,
    /// The first chunks of a record whose last one has not come yet.
    record: Option<Vec<u8>>,
}

enum Chunk<'a> {
    /// Kind, data, and bytes taken from the file.
    Whole(u8, &'a [u8], usize),
    /// Nothing to use in these bytes.
    Padding(usize),
    /// The rest of the block is lost: these many bytes.
    Lost(usize, &'static str),
    Incomplete,
    Damaged(&'static str),
}

impl BlockLog {
    /// Reads on from where it stopped.
    pub fn read(&mut self, bytes: &[u8], mut each: impl FnMut(Found)) -> Progress {
        let mut consumed = 0;
        let damage = loop {
            let rest = bytes.get(consumed..).unwrap_or_default();
            let size = match self.chunk(rest) {
                Chunk::Whole(kind, data, size) => {
                    self.assemble(kind, data, &mut each);
                    size
                }
                Chunk::Padding(size) => size,
                Chunk::Lost(size, reason) => {
                    self.record = None;
                    each(Found::Damaged(reason));
                    size
                }
                Chunk::Incomplete => break None,
                Chunk::Damaged(reason) => break Some(reason),
            };
            consumed += size;
            self.offset += size as u64;
        };
        Progress { consumed, damage }
    }

    fn chunk<'a>(&self, bytes: &'a [u8]) -> Chunk<'a> {
        if self.offset < FILE_HEADER_BYTES as u64 {
            let size = FILE_HEADER_BYTES - self.offset as usize;
            return if bytes.len() < size {
                Chunk::Incomplete
            } else {
                Chunk::Padding(size)
            };
        }
        let left = BLOCK_BYTES - (self.offset % BLOCK_BYTES as u64) as usize;
        if left < CHUNK_HEADER_BYTES {
            return if bytes.len() < left {
                Chunk::Incomplete
            } else {
                Chunk::Padding(left)
            };
        }
        let Some((header, data)) = bytes.split_first_chunk::<CHUNK_HEADER_BYTES>() else {
            return Chunk::Incomplete;
        };
        // Damage costs no more than its block, once there is another one behind it.
        let more = bytes.len() > left;
        let [crc0, crc1, crc2, crc3, length0, length1, kind] = *header;
        if header.iter().all(|byte| *byte == 0) {
            return if more {
                Chunk::Padding(left)
            } else {
                Chunk::Incomplete
            };
        }
        let lost = |reason| {
            if more {
                Chunk::Lost(left, reason)
            } else {
                Chunk::Damaged(reason)
            }
        };
        let length = usize::from(u16::from_le_bytes([length0, length1]));
        if CHUNK_HEADER_BYTES + length > left || !(1..=4).contains(&kind) {
            return lost("the header of a record is damaged");
        }
        let Some(data) = data.get(..length) else {
            return Chunk::Incomplete;
        };
        let mut digest = CRC32.digest();
        digest.update(&[kind]);
        digest.update(data);
        if digest.finalize() != u32::from_le_bytes([crc0, crc1, crc2, crc3]) {
            return lost("the checksum of a record does not match");
        }
        Chunk::Whole(kind, data, CHUNK_HEADER_BYTES + length)
    }

    fn assemble(&mut self, kind: u8, data: &[u8], each: &mut impl FnMut(Found)) {
        const FULL: u8 = 1;
        const FIRST: u8 = 2;
        const LAST: u8 = 4;
        if matches!(kind, FULL | FIRST) && self.record.take().is_some() {
            each(Found::Damaged("a record without its end"));
        }
        match kind {
            FULL => each(Found::Record(data)),
            FIRST => self.record = Some(data.to_vec()),
            _ => {
                let Some(mut record) = self.record.take() else {
                    return each(Found::Damaged("a record without its beginning"));
                };
                record.extend_from_slice(data);
                if record.len() > LARGEST_RECORD {
                    each(Found::Damaged("a record of more than 256 MB"));
                } else if kind == LAST {
                    each(Found::Record(&record));
                } else {
                    self.record = Some(record);
                }
            }
        }
    }
}

/// Writes what is read here, for tests.
#[cfg(test)]
pub mod writer {
    use super::*;

    pub struct BlockWriter {
        pub bytes: Vec<u8>,
    }

    impl BlockWriter {
        pub fn new(magic: &[u8]) -> Self {
            BlockWriter {
                bytes: magic.to_vec(),
            }
        }

        pub fn record(&mut self, mut data: &[u8]) {
            let mut first = true;
            loop {
                let left = BLOCK_BYTES - self.bytes.len() % BLOCK_BYTES;
                if left < CHUNK_HEADER_BYTES {
                    self.bytes.resize(self.bytes.len() + left, 0);
                    continue;
                }
                let (now, later) = data.split_at(data.len().min(left - CHUNK_HEADER_BYTES));
                let kind = match (first, later.is_empty()) {
                    (true, true) => 1u8,
                    (true, false) => 2,
                    (false, false) => 3,
                    (false, true) => 4,
                };
                let mut digest = CRC32.digest();
                digest.update(&[kind]);
                digest.update(now);
                self.bytes.extend(digest.finalize().to_le_bytes());
                self.bytes.extend((now.len() as u16).to_le_bytes());
                self.bytes.push(kind);
                self.bytes.extend(now);
                if later.is_empty() {
                    return;
                }
                (data, first) = (later, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::writer::BlockWriter;
    use super::*;

    #[test]
    fn a_damaged_block_costs_no_other() {
        let mut writer = BlockWriter::new(b"1234567");
        for number in 0..4000u32 {
            writer.record(&[number.to_le_bytes(), [7; 4], [8; 4], [9; 4]].concat());
        }
        let mut bytes = writer.bytes;
        let count = |bytes: &[u8]| {
            let (mut records, mut damaged) = (0, 0);
            BlockLog::default().read(bytes, |found| match found {
                Found::Record(_) => records += 1,
                Found::Damaged(_) => damaged += 1,
            });
            (records, damaged)
        };
        assert_eq!(count(&bytes), (4000, 0));
        let at = 32_768 + 1000;
        bytes[at] ^= 0x40;
        let (records, damaged) = count(&bytes);
        assert!((2500..4000).contains(&records), "{records}");
        assert!(damaged >= 1);
        // The same damage at the end of the file may be a write that is not finished.
        let progress = BlockLog::default().read(&bytes[..at + 50], |_| {});
        assert!(progress.damage.is_some() && progress.consumed > 32_768);
    }
}
