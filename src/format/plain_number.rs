//! Plain decimal numbers, read at the speed of the line.
//!
//! Nearly all of a log is numbers, and nearly all of those are a few digits with a point. They
//! are read eight digits at a time; every other spelling is for [`super::number`].

/// Powers of ten that f64 holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
const POWERS: [u64; 9] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];
/// Digits of which the quotient or product with an exact power is correctly rounded.
const MOST_DIGITS: usize = 15;

/// Reads a number in one pass. One of at most 15 digits is the quotient or product of two
/// exact floats and so comes out correctly rounded (Clinger 1990, the fast case); longer ones
/// go through the slow case. `None` for anything that is no plain number, or goes on as a word.
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
#[inline(always)]
pub(super) fn leading_number(value: &[u8]) -> Option<(f64, usize)> {
    let negative = value.first() == Some(&b'-');
    let start = usize::from(negative);
    let text = value.get(start..)?;
    let (mantissa, whole, fraction) = match short_decimal(text) {
        Some(short) => short,
        None => {
            let (mantissa, whole) = take_digits(0, text);
            match text.get(whole) {
                Some(b'.') => {
                    let (mantissa, fraction) = take_digits(mantissa, text.get(whole + 1..)?);
                    (mantissa, whole, Some(fraction))
                }
                _ => (mantissa, whole, None),
            }
        }
    };
    if whole == 0 || (whole > 1 && text.first() == Some(&b'0')) || fraction == Some(0) {
        return None;
    }
    let digits = whole + fraction.unwrap_or(0);
    let mut at = start + digits + usize::from(fraction.is_some());
    let mut exponent = -(fraction.unwrap_or(0) as i32);
    if matches!(value.get(at), Some(b'e' | b'E')) {
        let (power, length) = power_of_ten(value.get(at + 1..)?)?;
        exponent += power;
        at += 1 + length;
    }
    let exact = EXACT_POWERS.get(exponent.unsigned_abs() as usize);
    let Some(power) = exact.filter(|_| digits <= MOST_DIGITS) else {
        return long_number(value.get(..at)?);
    };
    // So few digits fit a signed integer, which is brought to a float by one instruction.
    let mantissa = mantissa.cast_signed() as f64;
    let magnitude = if exponent < 0 {
        mantissa / power
    } else {
        mantissa * power
    };
    Some((if negative { -magnitude } else { magnitude }, at))
}

/// A number with a point, all of whose digits are among the first eight bytes: the digits without the point as
/// one number, how many stand before the point, and how many behind it.
#[inline(always)]
fn short_decimal(text: &[u8]) -> Option<(u64, usize, Option<usize>)> {
    const POINT: u64 = (b'.' ^ b'0') as u64;
    let digits = from_digits(*text.first_chunk::<8>()?);
    let others = marks(digits);
    let whole = others.trailing_zeros() / 8;
    if !(1..7).contains(&whole) || (digits >> (8 * whole)) & 0xff != POINT {
        return None;
    }
    // No carry comes from a point: the next mark counts too.
    let end = (others & (others - 1)).trailing_zeros() / 8;
    if end == 8 && text.get(8).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let before = digits & ((1 << (8 * whole)) - 1);
    let behind = (digits >> 8) & !((1 << (8 * whole)) - 1);
    let fraction = (end - whole - 1) as usize;
    let whole = whole as usize;
    Some((joined(before | behind, whole + fraction), whole, Some(fraction)))
}

/// What stands behind the `e` of a number, and its length.
fn power_of_ten(text: &[u8]) -> Option<(i32, usize)> {
    let sign = text.first().copied();
    let signed = usize::from(matches!(sign, Some(b'-' | b'+')));
    let (power, length) = take_each(0, text.get(signed..)?, 0);
    let power = i32::try_from(power).ok().filter(|_| (1..5).contains(&length))?;
    Some((if sign == Some(b'-') { -power } else { power }, signed + length))
}

/// A number with many digits, or with a large exponent. Beyond the range of f64 others may
/// have their own opinion.
#[cold]
fn long_number(text: &[u8]) -> Option<(f64, usize)> {
    let number = fast_float2::parse::<f64, _>(text).ok()?;
    number.is_finite().then_some((number, text.len()))
}

/// The digits that `text` begins with as a number, and how many they are, where something else stands among the
/// first eight bytes.
#[inline(always)]
pub(super) fn short_count(text: &[u8]) -> Option<(u64, usize)> {
    let (count, length) = up_to_eight(*text.first_chunk()?);
    (1..8).contains(&length).then_some((count, length))
}

/// How many digits `text` begins with, of which eight are looked at.
#[inline]
pub(super) fn digits(text: &[u8]) -> usize {
    match text.first_chunk::<8>() {
        Some(eight) => marks(from_digits(*eight)).trailing_zeros() as usize / 8,
        None => text.iter().take_while(|byte| byte.is_ascii_digit()).count(),
    }
}

/// Appends the digits at the start of `text` to `number`, wrapping around when there are too
/// many; returns how many there were.
#[inline(always)]
fn take_digits(number: u64, text: &[u8]) -> (u64, usize) {
    let Some(eight) = text.first_chunk::<8>() else {
        return take_each(number, text, 0);
    };
    let (value, count) = up_to_eight(*eight);
    let number = number.wrapping_mul(POWERS[count]).wrapping_add(value);
    if count < 8 {
        return (number, count);
    }
    take_each(number, text, count)
}

/// The same digit by digit, from `count` on.
#[inline(never)]
fn take_each(mut number: u64, text: &[u8], mut count: usize) -> (u64, usize) {
    while let Some(digit) = text.get(count).map(|byte| byte.wrapping_sub(b'0'))
        && digit < 10
    {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        count += 1;
    }
    (number, count)
}

/// The number that the digits at the start of eight bytes make, and how many they are.
///
/// All eight are looked at together: a byte that is no digit shows in its highest bit, and
/// neighbouring digits, then pairs, then fours are joined (Lemire, "Number parsing at a
/// gigabyte per second", 2021, section 6).
#[inline(always)]
fn up_to_eight(bytes: [u8; 8]) -> (u64, usize) {
    let digits = from_digits(bytes);
    let count = marks(digits).trailing_zeros() as usize / 8;
    if count == 0 {
        return (0, 0);
    }
    (joined(digits, count), count)
}

const EACH: u64 = 0x0101_0101_0101_0101;

/// The values of eight digits, the first in the lowest byte.
#[inline(always)]
fn from_digits(bytes: [u8; 8]) -> u64 {
    u64::from_le_bytes(bytes) ^ (EACH * u64::from(b'0'))
}

/// The highest bit of every byte that is no digit. Only the lowest mark counts: those above it may come from a
/// carry.
#[inline(always)]
fn marks(digits: u64) -> u64 {
    (digits.wrapping_add(EACH * (0x80 - 10)) | digits) & (EACH * 0x80)
}

/// The number that the first digits make, at least one of them.
#[inline(always)]
fn joined(digits: u64, count: usize) -> u64 {
    const FOURS: u64 = 0x0000_00ff_0000_00ff;
    // The first digit is the lowest byte: zeros go before it.
    let digits = digits << (64 - 8 * count);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & FOURS).wrapping_mul(100 + (1_000_000 << 32));
    let high = ((pairs >> 16) & FOURS).wrapping_mul(1 + (10_000 << 32));
    low.wrapping_add(high) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn plain_numbers_are_exact(
            text in prop_oneof![
                any::<f64>().prop_map(|value| format!("{value}")),
                (-1e6..1e6f64, 0usize..9).prop_map(|(value, digits)| format!("{value:.digits$}")),
                (1e-9..1e9f64, 0usize..9).prop_map(|(value, digits)| format!("{value:.digits$e}")),
                "-?[0-9]{1,17}(\\.[0-9]{0,17})?([eE][+-]?[0-9]{0,3})?",
            ],
        ) {
            // However much of the line is left behind the number.
            for line in [format!("{text},"), format!("{text}, \"grad_norm\": 1.25}}")] {
                if let Some((number, length)) = short_number(line.as_bytes()) {
                    prop_assert_eq!(length, text.len());
                    prop_assert_eq!(serde_json::from_str::<f64>(&text).unwrap(), number);
                }
            }
        }
    }

    #[test]
    fn digits_are_counted_and_joined() {
        assert_eq!(
            (
                digits(b"42/9000000"),
                digits(b"12345678"),
                digits(b"42"),
                digits(b"")
            ),
            (2, 8, 2, 0)
        );
        assert_eq!(short_count(b"42/9000000"), Some((42, 2)));
        assert_eq!(short_count(b"1234567:"), Some((1_234_567, 7)));
        for text in ["12345678:", "/9000000", "42", ""] {
            assert_eq!(short_count(text.as_bytes()), None, "{text}");
        }
        // A byte beyond ASCII behind the digits is none.
        assert_eq!(leading_number("2.5\u{b5}s later".as_bytes()), Some((2.5, 3)));
    }

    #[test]
    fn the_usual_numbers_are_plain() {
        for text in [
            "0",
            "-1",
            "12345678",
            "123456789012",
            "2.5",
            "0.000301",
            "2.5123456789012345",
            "8.436871",
            "8.4368715",
            "123456.7",
            "1234567.8",
            "0.5e-3",
            "1e-5",
            "3.0E+05",
        ] {
            let line = format!("{text}, and more");
            assert_eq!(
                short_number(line.as_bytes()),
                Some((text.parse().unwrap(), text.len()))
            );
        }
        for text in [
            "",
            "-",
            ".5",
            "1.",
            "01",
            "1e",
            "1.2.3",
            "nan",
            "2022-01-01",
            "12s",
            "1e999",
        ] {
            assert_eq!(short_number(format!("{text} ").as_bytes()), None, "{text}");
        }
    }
}
