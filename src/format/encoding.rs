//! Text that is not plain UTF-8. PowerShell's `>` and `Tee-Object` write UTF-16, which begins
//! with a byte order mark. A machine that crashed, or a log that was truncated under its
//! writer, leaves zero bytes where text should be: holes. Everything after this module sees
//! UTF-8 without holes.

use std::borrow::Cow;

/// Decodes a UTF-16 file that is read in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Utf16 {
    big_endian: bool,
    /// The first bytes of a character whose rest has not come yet.
    held: Vec<u8>,
}

impl Utf16 {
    /// A decoder for a file that begins with these bytes, if they are those of UTF-16.
    pub fn of(head: &[u8]) -> Option<Utf16> {
        let big_endian = match head {
            // UTF-32 begins alike.
            [0xff, 0xfe, 0, 0, ..] => return None,
            [0xff, 0xfe, ..] => false,
            [0xfe, 0xff, ..] => true,
            _ => return None,
        };
        Some(Utf16 {
            big_endian,
            held: Vec::new(),
        })
    }

    /// Replaces what stands in `buffer` from `start` on by its UTF-8. What is torn is kept
    /// back for the next call; what is no text becomes replacement characters.
    pub fn decode(&mut self, buffer: &mut Vec<u8>, start: usize) {
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend(buffer.drain(start.min(buffer.len())..));
        let unit = |pair: &[u8]| match pair {
            [one, other] if self.big_endian => u16::from_be_bytes([*one, *other]),
            [one, other] => u16::from_le_bytes([*one, *other]),
            _ => 0,
        };
        let mut whole = bytes.len() - bytes.len() % 2;
        let last = bytes.get(whole.saturating_sub(2)..whole).map(unit);
        if last.is_some_and(|last| (0xd800..0xdc00).contains(&last)) {
            whole -= 2;
        }
        self.held = bytes.split_off(whole);
        let units = bytes.chunks_exact(2).map(unit);
        for character in char::decode_utf16(units) {
            let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
            if character != '\u{feff}' {
                buffer.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
}

/// A line, or a file, without the byte order mark that Windows writes before the first.
pub fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

/// Takes that mark out of the beginning of a file.
pub fn strip_mark(beginning: &mut Vec<u8>) {
    let mark = beginning.len() - without_mark(beginning).len();
    beginning.drain(..mark);
}

/// Bytes as text, with replacement characters for what is none, as [`String::from_utf8_lossy`] has it: what is
/// text as it stands, as nearly all is, takes a fraction of the time.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// A line without the carriage return of Windows. Other blanks at its ends may part cells.
pub fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A whole file as UTF-8 without holes, and without the mark that Windows writes before it.
pub fn utf8(content: &[u8]) -> Cow<'_, [u8]> {
    let content = without_mark(content);
    let mut decoded = match Utf16::of(content) {
        Some(mut utf16) => {
            let mut decoded = content.to_vec();
            utf16.decode(&mut decoded, 0);
            decoded
        }
        None if has_holes(content, &[]) => content.to_vec(),
        None => return Cow::Borrowed(content),
    };
    close_holes(&mut decoded, 0);
    Cow::Owned(decoded)
}

/// True for text with zero bytes in it: what is left of its beginning without them, or of its
/// end where there is nothing else in the beginning, is text.
pub fn has_holes(head: &[u8], tail: &[u8]) -> bool {
    const LOOKED_AT: usize = 4096;
    memchr::memchr(0, head).is_some()
        && [head, tail].iter().any(|part| {
            let rest = part.iter().filter(|byte| **byte != 0).take(LOOKED_AT);
            let (mut all, mut odd) = (0, 0);
            for byte in rest {
                all += 1;
                odd += usize::from(is_odd(*byte));
            }
            all > 0 && odd * 100 < all
        })
}

/// A control character that no log has in numbers.
fn is_odd(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\n' | b'\r' | b'\t' | 0x08 | 0x0c | 0x1b)
}

/// Takes the zero bytes out of what stands in `buffer` from `start` on.
pub fn close_holes(buffer: &mut Vec<u8>, start: usize) {
    let Some(first) = buffer.get(start..).and_then(|fresh| memchr::memchr(0, fresh)) else {
        return;
    };
    let rest = buffer.split_off(start + first);
    buffer.extend(rest.into_iter().filter(|byte| *byte != 0));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
        std::iter::once(0xfeff)
            .chain(text.encode_utf16())
            .flat_map(|unit| {
                if big_endian {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    }

    #[test]
    fn holes_are_left_out_of_text_and_nothing_is_taken_for_it() {
        assert_eq!(&*utf8(b"step 1\n\0\0\0\0\0\0\0\0step 2\n"), b"step 1\nstep 2\n");
        let mut with_hole = vec![0; 5000];
        with_hole.extend_from_slice(b"step 1\n");
        assert_eq!(&*utf8(&with_hole), b"step 1\n");
        assert!(has_holes(&[0; 512], b"step 1\n"));
        for binary in [&b"\0\0\0\0"[..], b"\x01\0\x02\0ab\x05\0", b"no hole"] {
            assert!(!has_holes(binary, b""), "{binary:?}");
        }
    }

    #[test]
    fn the_mark_of_windows_is_no_part_of_the_content() {
        assert_eq!(&*utf8(b"\xef\xbb\xbf{}"), b"{}");
        let mut head = b"\xef\xbb\xbf{}".to_vec();
        strip_mark(&mut head);
        assert_eq!(head, b"{}");
    }

    #[test]
    fn pieces_of_any_size_give_the_same_text() {
        let text = "step 1 loss 2.5 \u{1f600} é\r\nstep 2 loss 2.25\n";
        for big_endian in [false, true] {
            let bytes = utf16(text, big_endian);
            assert_eq!(&*utf8(&bytes), text.as_bytes());
            for size in 1..7 {
                let mut decoder = Utf16::of(&bytes).unwrap();
                let mut out = Vec::new();
                for piece in bytes.chunks(size) {
                    let start = out.len();
                    out.extend_from_slice(piece);
                    decoder.decode(&mut out, start);
                }
                assert_eq!(out, text.as_bytes(), "{size}");
            }
        }
        assert_eq!(&*utf8(text.as_bytes()), text.as_bytes());
    }
}
