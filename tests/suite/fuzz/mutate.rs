//! Damage of every kind, made from a seed: the same seed makes the same damage.

use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, Crc};

/// A small generator of pseudo-random numbers (splitmix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, 0 when that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.next().checked_rem(limit as u64).unwrap_or(0) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// A range of at most `most` within `0..length`.
    fn range(&mut self, length: usize, most: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let size = self.below(most.min(length - start) + 1);
        start..start + size
    }
}

/// Bytes that mean something somewhere.
const TELLING: &[&[u8]] = &[
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\x08",
    b"\x1b[31m",
    b"\x1b[2K",
    b"\x1b]0;",
    b"\x7f",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"'",
    b"\\",
    b"\\u0000",
    b",",
    b":",
    b"=",
    b"|",
    b"%",
    b"/",
    b"<",
    b"> ",
    b"\t",
    b" ",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\0\0\0\0\x80",
    b"\0\0\xc0\x7f",
];

/// Numbers that are easily forgotten.
pub const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "1e308",
    "1e309",
    "-1e309",
    "1e-320",
    "nan",
    "NaN",
    "-nan",
    "inf",
    "-inf",
    "Infinity",
    "null",
    "None",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "9007199254740993",
    "1_000",
    "1,000",
    "0x10",
    "1.",
    ".5",
    "+3",
    "1e",
    "1e+",
    "--1",
    "1.2.3",
    "12.5%",
    "85.8G",
    "tensor(1.5)",
    "\"7\"",
    "'7'",
    "00012",
    "1e5",
    "123456789012345678901234567890",
    "0.000000000000000000000000000001",
    "true",
    "",
];

/// What launchers and terminals put around lines.
const WRAPPERS: &[(&str, &str)] = &[
    ("[rank3]:", ""),
    ("[default7]: ", ""),
    ("12: ", ""),
    ("(TaskRunner pid=77) ", ""),
    ("\x1b[36m(head, rank=2, pid=9)\x1b[0m ", ""),
    ("2026-05-18 16:04:46,338 - root - INFO - ", ""),
    ("[2025-09-05 16:09:51] ", ""),
    ("\x1b[1m", "\x1b[0m"),
    ("\r 25%|##5       | 10/40 [00:01<00:03,  9.00it/s]", ""),
    ("", "\r"),
    ("", "\x08\x08\x08\x08"),
    ("I0518 16:04:46.338 140 train.py:9] ", ""),
];

/// Damages bytes that have no structure, one to a few times.
pub fn bytes(dice: &mut Dice, content: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=dice.below(4) {
        let length = content.len();
        match dice.below(9) {
            0 if length > 0 => content[dice.below(length)] = dice.next() as u8,
            1 if length > 0 => {
                let at = dice.below(length);
                content[at] ^= 1 << dice.below(8);
            }
            2 => {
                let at = dice.below(length + 1);
                let telling = dice.pick(TELLING);
                content.splice(at..at, telling.iter().copied());
            }
            3 => drop(content.drain(dice.range(length, 64))),
            4 => {
                let range = dice.range(length, 256);
                let (copy, at) = (content[range].to_vec(), dice.below(length + 1));
                content.splice(at..at, copy);
            }
            5 => content.truncate(dice.below(length + 1)),
            6 => {
                let part = other[dice.range(other.len(), 512)].to_vec();
                let at = dice.below(length + 1);
                content.splice(at..at, part);
            }
            7 => {
                let range = dice.range(length, 16);
                content[range].fill(0);
            }
            _ => number(dice, content),
        }
    }
}

/// Puts another number in the place of one.
fn number(dice: &mut Dice, content: &mut Vec<u8>) {
    let digits: Vec<usize> = (0..content.len())
        .filter(|at| content[*at].is_ascii_digit() && (*at == 0 || !content[*at - 1].is_ascii_digit()))
        .collect();
    let Some(start) = digits.get(dice.below(digits.len())).copied() else {
        return;
    };
    let size = content[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-'))
        .count();
    content.splice(start..start + size, dice.pick(NUMBERS).bytes());
}

/// Damages text line by line: what is left of it is still a log.
pub fn lines(dice: &mut Dice, content: &mut Vec<u8>, other: &[u8]) {
    let mut lines: Vec<Vec<u8>> = content.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..=dice.below(6) {
        let at = dice.below(lines.len());
        match dice.below(9) {
            0 => number(dice, &mut lines[at]),
            1 => drop(lines.remove(at)),
            2 => lines.insert(at, lines[at].clone()),
            3 => {
                let to = dice.below(lines.len());
                lines.swap(at, to);
            }
            4 => {
                let (before, after) = WRAPPERS[dice.below(WRAPPERS.len())];
                // One line, or all of them, as a launcher does it.
                let all = dice.one_in(2);
                for (index, line) in lines.iter_mut().enumerate() {
                    if all || index == at {
                        *line = [before.as_bytes(), line, after.as_bytes()].concat();
                    }
                }
            }
            5 => {
                let whole: Vec<&[u8]> = other.split(|byte| *byte == b'\n').collect();
                lines.insert(at, dice.pick(&whole).to_vec());
            }
            6 => {
                let cut = dice.below(lines[at].len() + 1);
                lines[at].truncate(cut);
            }
            7 => {
                // The run goes back, or starts again.
                let from = lines[at.min(lines.len() - 1)..].to_vec();
                let to = dice.below(lines.len());
                lines.splice(to..to, from);
            }
            _ => bytes(dice, &mut lines[at], other),
        }
        if lines.is_empty() {
            break;
        }
    }
    *content = lines.join(&b'\n');
    content.truncate(1 << 20);
}

fn masked_crc32c(data: &[u8]) -> [u8; 4] {
    let sum = Crc::<u32>::new(&CRC_32_ISCSI).checksum(data);
    sum.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// The records of a TensorBoard event file.
pub fn event_records(content: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let mut rest = content;
    while let Some((length, after)) = rest.split_first_chunk::<8>() {
        let length = u64::from_le_bytes(*length) as usize;
        let Some(data) = after.get(4..4 + length.min(after.len())) else {
            break;
        };
        records.push(data.to_vec());
        rest = after.get(length + 8..).unwrap_or_default();
    }
    records
}

/// An event file with these records, all checksums right.
pub fn event_file(records: &[Vec<u8>]) -> Vec<u8> {
    let mut content = Vec::new();
    for record in records {
        let length = (record.len() as u64).to_le_bytes();
        content.extend(length);
        content.extend(masked_crc32c(&length));
        content.extend(record);
        content.extend(masked_crc32c(record));
    }
    content
}

const BLOCK: usize = 32 * 1024;

/// The records of a log in blocks, behind a header of seven bytes.
pub fn block_records(content: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut at = 7;
    while at + 7 <= content.len() {
        if BLOCK - at % BLOCK < 7 {
            at += BLOCK - at % BLOCK;
            continue;
        }
        let size = usize::from(u16::from_le_bytes([content[at + 4], content[at + 5]]));
        let kind = content[at + 6];
        let Some(data) = content.get(at + 7..at + 7 + size).filter(|_| kind > 0) else {
            break;
        };
        record.extend(data);
        if kind == 1 || kind == 4 {
            records.push(std::mem::take(&mut record));
        }
        at += 7 + size;
    }
    records
}

/// A log in blocks with this header and these records, all checksums right.
pub fn block_file(header: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
    let sum = Crc::<u32>::new(&CRC_32_ISO_HDLC);
    let mut content = header.to_vec();
    for record in records {
        let (mut rest, mut first) = (record.as_slice(), true);
        loop {
            let left = BLOCK - content.len() % BLOCK;
            if left < 7 {
                content.extend(std::iter::repeat_n(0, left));
                continue;
            }
            let (data, later) = rest.split_at(rest.len().min(left - 7));
            let kind = match (first, later.is_empty()) {
                (true, true) => 1u8,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            let mut digest = sum.digest();
            digest.update(&[kind]);
            digest.update(data);
            content.extend(digest.finalize().to_le_bytes());
            content.extend((data.len() as u16).to_le_bytes());
            content.push(kind);
            content.extend(data);
            (rest, first) = (later, false);
            if later.is_empty() {
                break;
            }
        }
    }
    content
}

/// Damages records, not their frames.
pub fn records(dice: &mut Dice, records: &mut Vec<Vec<u8>>) {
    for _ in 0..=dice.below(5) {
        if records.is_empty() {
            return;
        }
        let at = dice.below(records.len());
        match dice.below(7) {
            0 => drop(records.remove(at)),
            1 => records.insert(at, records[at].clone()),
            2 => {
                let to = dice.below(records.len());
                records.swap(at, to);
            }
            3 => {
                // Large ones are written in several chunks.
                let copy = records[at].repeat(1 + dice.below(40));
                records[at] = copy;
            }
            _ => {
                let other = records[dice.below(records.len())].clone();
                bytes(dice, &mut records[at], &other);
            }
        }
    }
}

/// Damages the values of a document that stays one; nothing happens to what is none.
pub fn document(dice: &mut Dice, content: &mut Vec<u8>) {
    let Ok(mut document) = serde_json::from_slice::<serde_json::Value>(content) else {
        return;
    };
    for _ in 0..=dice.below(4) {
        value(dice, &mut document);
    }
    *content = serde_json::to_vec(&document).unwrap();
}

fn value(dice: &mut Dice, at: &mut serde_json::Value) {
    use serde_json::{Value, json};
    let deeper = !dice.one_in(6);
    match at {
        Value::Array(items) if deeper && !items.is_empty() => {
            let index = dice.below(items.len());
            match dice.below(8) {
                0 => drop(items.remove(index)),
                1 => items.insert(index, items[index].clone()),
                2 => items.rotate_left(index),
                _ => value(dice, &mut items[index]),
            }
        }
        Value::Object(fields) if deeper && !fields.is_empty() => {
            let index = dice.below(fields.len());
            let key = fields.keys().nth(index).cloned().unwrap_or_default();
            match dice.below(8) {
                0 => drop(fields.remove(&key)),
                _ => value(dice, &mut fields[&key]),
            }
        }
        other => {
            let odd = [
                json!(null),
                json!([]),
                json!({}),
                json!(true),
                json!(-1),
                json!(u64::MAX),
                json!(1e308),
                json!(0.5),
            ];
            *other = if dice.one_in(2) {
                json!(dice.pick(NUMBERS))
            } else {
                odd[dice.below(odd.len())].clone()
            };
        }
    }
}
