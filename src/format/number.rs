//! Every way in which logs spell a number.

use serde_json::Value;

/// Reads a number as logs spell it: `nan`, `-inf`, `Infinity`, `"2.31"`, `1,048,576`,
/// `85.8G`, `12.5%`, `tensor(1.23)`. `None` when it is no number; surrounding blanks
/// and quotes do not matter.
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim().trim_matches(['"', '\'']).trim();
    let text = unwrapped(text);
    if let Ok(value) = fast_float2::parse::<f64, _>(text) {
        return Some(value);
    }
    let lower = text.strip_suffix('%').unwrap_or(text);
    let (digits, factor) = match lower.as_bytes().last() {
        Some(b'K' | b'k') => (lower.get(..lower.len() - 1)?, 1e3),
        Some(b'M') => (lower.get(..lower.len() - 1)?, 1e6),
        Some(b'G' | b'B') => (lower.get(..lower.len() - 1)?, 1e9),
        Some(b'T') => (lower.get(..lower.len() - 1)?, 1e12),
        _ => (lower, 1.0),
    };
    if digits.contains(',') {
        let plain = thousands(digits)?;
        return fast_float2::parse::<f64, _>(plain)
            .ok()
            .map(|value| value * factor);
    }
    fast_float2::parse::<f64, _>(digits)
        .ok()
        .map(|value| value * factor)
}

/// What libraries of Python print around a number: `np.float32(2.5)`, `Array(2.5, dtype=float32)`.
fn unwrapped(text: &str) -> &str {
    const TYPES: [&str; 8] = [
        "tensor", "array", "Array", "float16", "bfloat16", "float32", "float64", "int64",
    ];
    let inside = text.split_once('(').and_then(|(name, inside)| {
        let name = name.rsplit('.').next()?;
        TYPES.contains(&name).then(|| inside.split([',', ')']).next())?
    });
    inside.unwrap_or(text)
}

/// The number of a cell, where schedulers write a list of one for each group of parameters: `[0.001]`,
/// or `[0.001, 0.001]`.
pub fn of_cell(text: &str) -> Option<f64> {
    let of_list = || {
        let text = text.trim().trim_matches(['"', '\'']);
        let mut all = text
            .strip_prefix('[')?
            .strip_suffix(']')?
            .split(',')
            .map(str::trim);
        let first = all.next()?;
        all.all(|other| other == first).then(|| parse(first))?
    };
    parse(text).or_else(of_list)
}

/// The number that a value of JSON is, or spells: JSON has no word for `NaN`. A list of one is that number.
pub fn of_json(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => parse(text),
        Value::Array(values) => match values.as_slice() {
            [value] if !value.is_array() => of_json(value),
            _ => None,
        },
        _ => None,
    }
}

/// What a counter says, and of how many, where it tells that: `3/100`, `[03/100]`, `Epoch 7`.
pub fn counter(text: &str) -> Option<(u64, Option<u64>)> {
    let text = text.trim().trim_matches(['"', '\'']);
    let text = text.trim_start_matches('[').trim_end_matches(']');
    match text.split_once('/') {
        Some((done, of)) => {
            let (done, of) = (of_name(done.trim())?, of.trim().parse().ok()?);
            // A year and a month are no count.
            (done <= of).then_some((done, Some(of)))
        }
        None => Some((of_name(text)?, None)),
    }
}

/// `7`, or `epoch_7`.
pub fn of_name(name: &str) -> Option<u64> {
    let digits = name.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let word = name.strip_suffix(digits)?.trim_end_matches(['_', '-', ' ']);
    let counts = ["", "epoch", "step", "iter", "iteration"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known));
    counts.then(|| digits.parse().ok())?
}

/// Two counts: `3/100`, blanks around them aside.
pub fn counts(text: &str) -> Option<(u64, u64)> {
    let (done, of) = text.split_once('/')?;
    Some((done.trim().parse().ok()?, of.trim().parse().ok()?))
}

/// A text and the digits that end it, of which there may be none.
pub fn digits_at_the_end(text: &str) -> (&str, &str) {
    let before = text.trim_end_matches(|digit: char| digit.is_ascii_digit());
    text.split_at(before.len())
}

/// True for the spellings of a value that is not there.
pub fn is_missing(text: &str) -> bool {
    let text = text.trim().trim_matches(['"', '\'']);
    text.is_empty()
        || ["none", "null", "na", "n/a", "-"]
            .iter()
            .any(|missing| text.eq_ignore_ascii_case(missing))
}

/// Takes the separators out of `1,048,576`; `None` when they do not stand where
/// thousands do.
fn thousands(text: &str) -> Option<String> {
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut groups = whole.split(',');
    let first = groups.next()?;
    if first.is_empty() || first.trim_start_matches(['+', '-']).len() > 3 {
        return None;
    }
    let mut plain = first.to_owned();
    for group in groups {
        if group.len() != 3 {
            return None;
        }
        plain.push_str(group);
    }
    if let Some(fraction) = fraction {
        plain.push('.');
        plain.push_str(fraction);
    }
    Some(plain)
}

/// A clock reading such as `0:32:48` or `1 day, 2:03:04`, in seconds.
pub fn parse_clock(text: &str) -> Option<f64> {
    let text = text.trim();
    let (days, clock) = match text.split_once(", ") {
        Some((days, clock)) => (days.split_whitespace().next()?.parse::<f64>().ok()?, clock),
        None => (0.0, text),
    };
    if !clock.contains(':') {
        return spelled_out(clock);
    }
    let mut seconds = 0.0;
    let mut parts = 0;
    for part in clock.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
        parts += 1;
    }
    (parts == 2 || parts == 3).then_some(days * 86_400.0 + seconds)
}

/// `46m 13s`, `1d 2h 3m`: numbers with the first letters of their units, the largest first.
fn spelled_out(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 4] = [("d", 86_400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
    let mut seconds = 0.0;
    let mut smaller: &[(&str, f64)] = &UNITS;
    for part in text.split_whitespace() {
        let (index, number, length) = smaller
            .iter()
            .enumerate()
            .find_map(|(index, (unit, length))| Some((index, part.strip_suffix(unit)?, *length)))?;
        seconds += number.parse::<f64>().ok().filter(|number| *number >= 0.0)? * length;
        smaller = smaller.get(index + 1..).unwrap_or_default();
    }
    (smaller.len() < UNITS.len()).then_some(seconds)
}

/// A point in time with an offset (`2024-01-01T00:00:00Z`), seconds since the epoch.
pub fn parse_timestamp(text: &str) -> Option<f64> {
    let timestamp: jiff::Timestamp = text.trim().parse().ok()?;
    Some(timestamp.as_millisecond() as f64 / 1000.0)
}

/// A local time without an offset, seconds since an unknown but fixed moment: only
/// differences mean something.
pub fn parse_local_time(text: &str) -> Option<f64> {
    let time: jiff::civil::DateTime = text.trim().replace(',', ".").parse().ok()?;
    let timestamp = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(timestamp.as_millisecond() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_durations() {
        for (text, seconds) in [
            ("0:32:48", Some(1968.0)),
            ("1 day, 2:03:04", Some(93_784.0)),
            ("6s", Some(6.0)),
            ("46m 13s", Some(2773.0)),
            ("1d 2h 3m", Some(93_780.0)),
            ("13s 46m", None),
            ("s", None),
            ("", None),
        ] {
            assert_eq!(parse_clock(text), seconds, "{text}");
        }
    }

    #[test]
    fn every_spelling() {
        for (text, value) in [
            ("3.5", 3.5),
            ("7.334521E-01", 0.7334521),
            ("'2.31'", 2.31),
            (" 1,048,576 ", 1_048_576.0),
            ("85.8G", 85.8e9),
            ("113.4k", 113.4e3),
            ("12.5%", 12.5),
            ("-inf", f64::NEG_INFINITY),
            ("Infinity", f64::INFINITY),
            ("tensor(1.23)", 1.23),
            ("tensor(1.5, device='cuda:0')", 1.5),
            ("np.float32(1.5)", 1.5),
            ("Array(1.5, dtype=float32)", 1.5),
        ] {
            assert_eq!(parse(text), Some(value), "{text}");
        }
        for text in ["nan", "NaN", "NAN", "-nan", "\"nan\""] {
            assert!(parse(text).is_some_and(f64::is_nan), "{text}");
        }
        for text in ["", "abc", "1,04", "nanms", "1.2.3", "K", "best(3)", "[2.5]"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_list_of_the_same_is_one_number() {
        for (text, value) in [
            ("[0.5]", Some(0.5)),
            ("[0.5, 0.5]", Some(0.5)),
            ("[0.5, 0.25]", None),
            ("[]", None),
        ] {
            assert_eq!(of_cell(text), value, "{text}");
            let of_one = value.filter(|_| !text.contains(','));
            assert_eq!(of_json(&serde_json::from_str(text).unwrap()), of_one, "{text}");
        }
    }

    #[test]
    fn counters() {
        for (text, value) in [
            ("3/100", Some((3, Some(100)))),
            ("[03/100]", Some((3, Some(100)))),
            ("Epoch 7", Some((7, None))),
            ("Epoch 7/9", Some((7, Some(9)))),
            ("best", None),
            ("val 7", None),
            ("2.5/3", None),
            ("2024/1", None),
        ] {
            assert_eq!(counter(text), value, "{text}");
        }
    }

    #[test]
    fn clocks() {
        assert_eq!(parse_clock("0:32:48"), Some(1968.0));
        assert_eq!(parse_clock("9 days, 21:39:23"), Some(855_563.0));
        assert_eq!(parse_clock("step"), None);
        let difference = parse_local_time("2026-05-18 16:04:47,456").unwrap()
            - parse_local_time("2026-05-18 16:04:46,338").unwrap();
        assert!((difference - 1.118).abs() < 1e-6);
    }
}
