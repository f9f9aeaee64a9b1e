//! What schedulers, launchers and terminals wrap around the lines of a log.

use std::borrow::Cow;

use crate::format::number;

/// Splits a line into its pieces: progress bars redraw with carriage returns, and a
/// record may stand between two redraws.
#[derive(Debug, Default)]
pub struct Pieces {
    clean: String,
}

impl Pieces {
    /// Calls `each` with every piece, freed of escape sequences and overstrikes.
    pub fn each(&mut self, line: &[u8], mut each: impl FnMut(&str)) {
        for piece in line.split(|byte| *byte == b'\r') {
            if piece.is_empty() {
                continue;
            }
            let plain = !piece
                .iter()
                .any(|byte| *byte == 0x1b || *byte == 0x08 || *byte == 0);
            match (plain, String::from_utf8_lossy(piece)) {
                (true, Cow::Borrowed(text)) => each(text),
                (_, text) => {
                    self.clean.clear();
                    clean(&text, &mut self.clean);
                    each(&self.clean);
                }
            }
        }
    }
}

/// Takes out escape sequences and applies backspaces.
fn clean(text: &str, out: &mut String) {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.next() {
                // Control sequence: ends with a letter or one of @ [ \ ] ^ _ ` { | } ~.
                Some('[') => while characters.next().is_some_and(|part| !('@'..='~').contains(&part)) {},
                // Operating system command: ends with BEL or the string terminator.
                Some(']') => {
                    while let Some(part) = characters.next() {
                        if part == '\u{7}' || (part == '\u{1b}' && characters.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\u{8}' => {
                out.pop();
            }
            '\0' => {}
            character => out.push(character),
        }
    }
}

/// The rank that a launcher put before a line: `[rank3]:` and `[default3]:` of torchrun,
/// `3: ` of srun, `(Worker rank=3, pid=7)` of Ray and SkyPilot.
pub fn rank(line: &str) -> Option<u32> {
    let line = line.trim_start();
    let number = |text: &str| {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        text.get(..digits)?.parse().ok()
    };
    match line.as_bytes().first()? {
        b'[' => {
            let (label, _) = line.get(1..)?.split_once("]:")?;
            let digits = ["rank", "default", "Rank "]
                .iter()
                .find_map(|word| label.strip_prefix(word))
                .or_else(|| label.split_once(':').map(|(_, local)| local))?;
            digits.parse().ok()
        }
        b'(' => {
            let (label, _) = line.get(1..)?.split_once(") ")?;
            if label.len() > 120 {
                return None;
            }
            number(label.split_once("rank=").or_else(|| label.split_once("pid="))?.1)
        }
        b'0'..=b'9' => {
            let (digits, rest) = line.split_once(':')?;
            if digits.len() > 5 || !rest.starts_with(' ') {
                return None;
            }
            digits.parse().ok()
        }
        _ => None,
    }
}

/// The time that a line begins with, seconds on a clock of unknown offset: only
/// differences mean something. Looks for `2026-05-18 16:04:46,338` among the first
/// bytes, behind rank labels and brackets.
pub fn line_time(line: &str) -> Option<f64> {
    const SEARCHED: usize = 64;
    let bytes = line.as_bytes();
    let head = bytes.get(..SEARCHED).unwrap_or(bytes);
    let start = memchr::memmem::find_iter(head, b"20")
        .find(|start| is_date(head.get(*start..).unwrap_or_default()))?;
    let mut end = start + 19;
    if matches!(bytes.get(end), Some(b',' | b'.')) {
        let digits = bytes
            .get(end + 1..)?
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits > 0 {
            end += 1 + digits.min(9);
        }
    }
    number::parse_local_time(line.get(start..end)?)
}

/// `dddd-dd-dd?dd:dd:dd`
fn is_date(bytes: &[u8]) -> bool {
    const SHAPE: &[u8] = b"dddd-dd-dd dd:dd:dd";
    bytes.len() >= SHAPE.len()
        && bytes.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            b' ' => matches!(byte, b' ' | b'T'),
            other => byte == other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(line: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        Pieces::default().each(line, |piece| found.push(piece.to_owned()));
        found
    }

    #[test]
    fn wrappers_come_off() {
        assert_eq!(
            pieces(b"\x1b[36mstep: 14\x1b[0m  loss: 3.2"),
            ["step: 14  loss: 3.2"]
        );
        assert_eq!(
            pieces(b" 10%|# | 1/10\r{'loss': 2.0}\r 20%|## | 2/10"),
            [" 10%|# | 1/10", "{'loss': 2.0}", " 20%|## | 2/10"]
        );
        assert_eq!(pieces(b"9/10\x08\x08\x08\x0810/10 loss"), ["10/10 loss"]);
        assert_eq!(pieces(b"\x1b]0;title\x07text\xff"), ["text\u{fffd}"]);
    }

    #[test]
    fn ranks_are_read_off_their_labels() {
        for (line, label) in [
            ("[rank3]:[titan] step: 1", Some(3)),
            ("[default7]: iteration 1", Some(7)),
            (" 12: :::MLLOG {}", Some(12)),
            ("(head, rank=2, pid=77) step 1", Some(2)),
            ("\u{1b}(TaskRunner pid=9) x", None),
            ("(TaskRunner pid=9) step:1", Some(9)),
            ("[2026-05-18 16:04:47] x", None),
            ("step 3: loss", None),
            ("12:30:01 step 3", None),
        ] {
            assert_eq!(rank(line), label, "{line}");
        }
    }

    #[test]
    fn times_are_found_behind_labels() {
        let difference = line_time("[rank0]:[titan] 2026-05-18 16:04:47,456 - x").unwrap()
            - line_time("[rank0]:[titan] 2026-05-18 16:04:46,338 - x").unwrap();
        assert!((difference - 1.118).abs() < 1e-6);
        assert!(line_time(" [2025-09-05 16:09:51] iteration 1").is_some());
        assert_eq!(line_time("step 2026 loss 3"), None);
    }
}
