//! Remembers how the lines of a JSON log are laid out.
//!
//! A trainer writes the same keys in the same order over and over. Once a line has
//! been parsed, the bytes between its values are known; a further line that has
//! exactly those bytes needs no parser, only its numbers are read. A line that
//! differs in any way goes to the parser.

use super::plain_number::short_number;
use super::records::Decoded;
use super::roles::Draft;
use crate::metric::Role;

/// Whether a line could be read through a known layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was read into the draft.
    Read,
    /// It must be parsed.
    Unknown,
}

/// The layouts seen lately, the latest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Layouts {
    known: Vec<Layout>,
}

/// Train rows, eval rows, and perhaps a few more.
const MOST_LAYOUTS: usize = 4;

#[derive(Clone, Debug)]
struct Layout {
    fields: Vec<Field>,
    /// The bytes after the last value.
    end: Box<[u8]>,
}

#[derive(Clone, Debug)]
struct Field {
    /// The bytes before the value.
    before: Box<[u8]>,
    role: Option<Role>,
    /// The value is a string, which has no role.
    text: bool,
}

impl Layouts {
    /// Reads a line through the first layout that fits it.
    pub fn read(&mut self, line: &[u8], draft: &mut Draft, out: &mut Decoded) -> Outcome {
        for index in 0..self.known.len() {
            let fits = self
                .known
                .get(index)
                .is_some_and(|layout| layout.read(line, draft, out));
            if fits {
                if index > 0 {
                    self.known.swap(0, index);
                }
                return Outcome::Read;
            }
            *draft = Draft::default();
        }
        Outcome::Unknown
    }

    /// Learns the layout of a line that the parser has accepted. `tells` says of a name and its
    /// text that lines with another text are to be read in another way.
    pub fn learn(
        &mut self,
        line: &[u8],
        role: &mut dyn FnMut(&str) -> Option<Role>,
        tells: &dyn Fn(&str, &str) -> bool,
    ) {
        if let Some(layout) = Layout::of(line, role, tells) {
            self.known.insert(0, layout);
            self.known.truncate(MOST_LAYOUTS);
        }
    }
}

impl Layout {
    fn read(&self, line: &[u8], draft: &mut Draft, out: &mut Decoded) -> bool {
        let total = out.total_steps;
        let read = self.try_read(line, draft, out);
        if !read {
            out.total_steps = total;
        }
        read
    }

    fn try_read(&self, line: &[u8], draft: &mut Draft, out: &mut Decoded) -> bool {
        let mut rest = line;
        for field in &self.fields {
            let Some(value) = strip(rest, &field.before) else {
                return false;
            };
            let length = match (field.text, field.role) {
                (true, _) => text_length(value),
                (false, None) => plain_length(value),
                (false, Some(role)) => match number_length(value) {
                    Some((Some(number), length)) => {
                        draft.set(role, number, out);
                        Some(length)
                    }
                    Some((None, length)) => Some(length),
                    None => None,
                },
            };
            let Some(after) = length.and_then(|length| value.get(length..)) else {
                return false;
            };
            rest = after;
        }
        rest == &*self.end
    }

    /// The layout of a flat object whose values are numbers, words or strings
    /// without a role; `None` for anything else.
    fn of(
        line: &[u8],
        role: &mut dyn FnMut(&str) -> Option<Role>,
        tells: &dyn Fn(&str, &str) -> bool,
    ) -> Option<Layout> {
        let mut fields = Vec::new();
        let mut before_start = 0;
        let mut at = 0;
        while let Some(offset) = memchr::memchr2(b'"', b'}', line.get(at..)?) {
            at += offset;
            if line.get(at) == Some(&b'}') {
                break;
            }
            // A key.
            let key_start = at + 1;
            let key_length = text_length(line.get(at..)?)?;
            let key = std::str::from_utf8(line.get(key_start..at + key_length - 1)?).ok()?;
            at += key_length;
            at += line.get(at..)?.iter().position(|byte| *byte == b':')? + 1;
            at += line
                .get(at..)?
                .iter()
                .position(|byte| !byte.is_ascii_whitespace())?;
            // Its value.
            let value = line.get(at..)?;
            let text = value.first() == Some(&b'"');
            // The key of an object is no name of a value: `{"loss": {"mean": 2.5}}`.
            let length = if text {
                text_length(value)?
            } else {
                plain_length(value)?
            };
            let role = role(key);
            if text && role.is_some() {
                return None;
            }
            let word = || std::str::from_utf8(value.get(1..length - 1)?).ok();
            if text && word().is_some_and(|word| tells(key, word)) {
                // It belongs to the bytes that stay.
                at += length;
                continue;
            }
            fields.push(Field {
                before: line.get(before_start..at)?.into(),
                role,
                text,
            });
            at += length;
            before_start = at;
        }
        let end: Box<[u8]> = line.get(before_start..)?.into();
        let closed = line.get(at..)?.trim_ascii() == b"}";
        (closed && !fields.is_empty()).then_some(Layout { fields, end })
    }
}

/// What follows `words` at the start of `text`. Compares eight bytes at a time, the last of
/// them once more: the words are short, and a call for each of them would cost more than the
/// comparison.
#[inline]
pub(super) fn strip<'a>(text: &'a [u8], words: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(words.len())?;
    let same = if let (Some(head_end), Some(words_end)) = (head.last_chunk::<8>(), words.last_chunk::<8>()) {
        let (eights, _) = head.as_chunks::<8>();
        let (others, _) = words.as_chunks::<8>();
        head_end == words_end && eights.iter().zip(others).all(|(one, other)| one == other)
    } else if let (Some(head_end), Some(words_end)) = (head.last_chunk::<4>(), words.last_chunk::<4>()) {
        head_end == words_end && head.first_chunk::<4>() == words.first_chunk::<4>()
    } else {
        head.iter().zip(words).all(|(one, other)| one == other)
    };
    same.then_some(rest)
}

/// Length of a string with its quotes; `None` when it has an escape or no end.
fn text_length(value: &[u8]) -> Option<usize> {
    let inner = value.strip_prefix(b"\"")?;
    let end = memchr::memchr2(b'"', b'\\', inner)?;
    // A control character or broken UTF-8 is for the parser to judge.
    let clean = inner.get(..end)?.iter().all(|byte| (0x20..0x80).contains(byte));
    (inner.get(end) == Some(&b'"') && clean).then_some(end + 2)
}

/// Length of a number or word.
fn plain_length(value: &[u8]) -> Option<usize> {
    let length = value
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')))?;
    is_scalar(value.get(..length)?).then_some(length)
}

/// What JSON, or Python, allows as a number or word.
fn is_scalar(text: &[u8]) -> bool {
    match text.first() {
        Some(b'0'..=b'9' | b'-') => {
            is_number(text) || matches!(text, b"-Infinity" | b"-NaN" | b"-nan" | b"-inf")
        }
        _ => matches!(
            text,
            b"null" | b"true" | b"false" | b"NaN" | b"Infinity" | b"nan" | b"inf"
        ),
    }
}

/// JSON's grammar of numbers.
fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = text.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = fraction.get(length..).unwrap_or_default();
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', digits @ ..] => digits,
            digits => digits,
        };
        let length = digits(exponent);
        return length > 0 && length == exponent.len();
    }
    rest.is_empty()
}

/// The number at the start of `value`, none for `null`, and its length.
fn number_length(value: &[u8]) -> Option<(Option<f64>, usize)> {
    if let Some((number, length)) = short_number(value) {
        return Some((Some(number), length));
    }
    let length = plain_length(value)?;
    let text = value.get(..length)?;
    if matches!(text, b"null" | b"true" | b"false") {
        return Some((None, length));
    }
    let number = fast_float2::parse::<f64, _>(text).ok()?;
    // Beyond the range of f64 the parser has its own opinion.
    (number.is_finite() || !text.iter().any(u8::is_ascii_digit)).then_some((Some(number), length))
}
