//! Remembers how the lines of a JSON log are laid out.
//!
//! A trainer writes the same keys in the same order over and over. Once a line has
//! been parsed, the bytes between its values are known; a further line that has
//! exactly those bytes needs no parser, only its numbers are read. A line that
//! differs in any way goes to the parser.

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

    /// Learns the layout of a line that the parser has accepted.
    pub fn learn(&mut self, line: &[u8], role: &mut dyn FnMut(&str) -> Option<Role>) {
        if let Some(layout) = Layout::of(line, role) {
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
    fn of(line: &[u8], role: &mut dyn FnMut(&str) -> Option<Role>) -> Option<Layout> {
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
            let role = role(key);
            if text && role.is_some() {
                return None;
            }
            let length = if text {
                text_length(value)?
            } else {
                plain_length(value)?
            };
            fields.push(Field {
                before: line.get(before_start..at)?.into(),
                role,
                text,
            });
            at += length;
            before_start = at;
        }
        let end: Box<[u8]> = line.get(before_start..)?.into();
        let closed = end.trim_ascii() == b"}";
        (closed && !fields.is_empty()).then_some(Layout { fields, end })
    }
}

/// What follows `words` at the start of `text`. Compares eight bytes at a time: the words
/// are short, and a call for each of them would cost more than the comparison.
#[inline]
pub(super) fn strip<'a>(text: &'a [u8], words: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(words.len())?;
    let ((one, one_rest), (other, other_rest)) = (head.as_chunks::<8>(), words.as_chunks::<8>());
    let eights = one
        .iter()
        .zip(other)
        .all(|(one, other)| u64::from_ne_bytes(*one) == u64::from_ne_bytes(*other));
    let ones = one_rest.iter().zip(other_rest).all(|(one, other)| one == other);
    (eights && ones).then_some(rest)
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

/// Powers of ten that f64 holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Reads a number of at most 15 digits in one pass. Such a number is the quotient or
/// product of two exact floats and so comes out correctly rounded (Clinger 1990, the
/// fast case); nearly every number in a log is one. `None` for anything else.
pub(super) fn short_number(value: &[u8]) -> Option<(f64, usize)> {
    let (number, length) = leading_number(value)?;
    // What follows must end the number.
    let ended = !matches!(
        value.get(length),
        None | Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'+' | b'-')
    );
    ended.then_some((number, length))
}

/// As [`short_number`], whatever follows.
pub(super) fn leading_number(value: &[u8]) -> Option<(f64, usize)> {
    const MOST_DIGITS: usize = 15;
    let negative = value.first() == Some(&b'-');
    let mut at = usize::from(negative);
    let start = at;
    let mut mantissa = 0u64;
    let digit = |at: usize| {
        value
            .get(at)
            .map(|byte| byte.wrapping_sub(b'0'))
            .filter(|digit| *digit < 10)
    };
    while let Some(next) = digit(at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(next));
        at += 1;
    }
    let mut digits = at - start;
    if digits == 0 || (digits > 1 && value.get(start) == Some(&b'0')) {
        return None;
    }
    let mut exponent = 0i32;
    if value.get(at) == Some(&b'.') {
        let point = at + 1;
        at = point;
        while let Some(next) = digit(at) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(next));
            at += 1;
        }
        if at == point {
            return None;
        }
        digits += at - point;
        exponent = -i32::try_from(at - point).ok()?;
    }
    if digits > MOST_DIGITS {
        return None;
    }
    if matches!(value.get(at), Some(b'e' | b'E')) {
        let sign = value.get(at + 1).copied();
        let signed = matches!(sign, Some(b'-' | b'+'));
        let first = at + 1 + usize::from(signed);
        let mut power = 0i32;
        at = first;
        while let Some(next) = digit(at) {
            power = power.saturating_mul(10).saturating_add(i32::from(next));
            at += 1;
        }
        if at == first {
            return None;
        }
        exponent = exponent.saturating_add(if sign == Some(b'-') { -power } else { power });
    }
    let power = *EXACT_POWERS.get(exponent.unsigned_abs() as usize)?;
    let magnitude = if exponent < 0 {
        mantissa as f64 / power
    } else {
        mantissa as f64 * power
    };
    Some((if negative { -magnitude } else { magnitude }, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn short_numbers_are_exact(
            text in prop_oneof![
                any::<f64>().prop_map(|value| format!("{value}")),
                (-1e6..1e6f64, 0usize..9).prop_map(|(value, digits)| format!("{value:.digits$}")),
                (1e-9..1e9f64, 0usize..9).prop_map(|(value, digits)| format!("{value:.digits$e}")),
                "-?[0-9]{1,17}(\\.[0-9]{0,17})?([eE][+-]?[0-9]{0,3})?",
            ],
        ) {
            let line = format!("{text},");
            if let Some((number, length)) = short_number(line.as_bytes()) {
                prop_assert_eq!(length, text.len());
                prop_assert_eq!(serde_json::from_str::<f64>(&text).unwrap(), number);
            }
        }
    }
}
