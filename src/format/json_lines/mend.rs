//! Lines that are nearly JSON: bare words, control characters, Python's literals.

use std::borrow::Cow;

use serde_json::Value;

use crate::format::python_literal;

/// Parses one line, mending bare NaN and Infinity when that is what is wrong.
pub(in crate::format) fn parse_line(line: &[u8]) -> Option<Value> {
    let line = line.trim_ascii();
    if !line.starts_with(b"{") {
        return None;
    }
    if python_literal::is_dict(line) {
        // A flat one is a line of text: a bar may be drawn between such.
        memchr::memchr(b'{', line.get(1..)?)?;
        let json = python_literal::to_json(line)?;
        let value: Value = serde_json::from_slice(&quote_bare_words(&json)).ok()?;
        let is_nested = value.as_object()?.values().any(Value::is_object);
        return is_nested.then_some(value);
    }
    serde_json::from_slice(line)
        .ok()
        .or_else(|| serde_json::from_slice(&quote_bare_words(line)).ok())
        .or_else(|| {
            // Invalid UTF-8 in one string must not cost the line its numbers.
            match String::from_utf8_lossy(line) {
                Cow::Owned(text) => serde_json::from_slice(&quote_bare_words(text.as_bytes())).ok(),
                Cow::Borrowed(_) => None,
            }
        })
}

/// Makes JSON of what other writers call JSON: puts quotes around `NaN`, `Infinity`, `-Infinity`, `nan`, `inf`
/// outside strings, and blanks in the place of raw control characters inside them.
pub(in crate::format) fn quote_bare_words(json: &[u8]) -> Vec<u8> {
    const WORDS: [&[u8]; 8] = [
        b"-Infinity",
        b"Infinity",
        b"-NaN",
        b"NaN",
        b"-nan",
        b"nan",
        b"-inf",
        b"inf",
    ];
    let mut out = Vec::with_capacity(json.len() + 16);
    let mut at = 0;
    let mut in_string = false;
    while let Some(&byte) = json.get(at) {
        let rest = json.get(at..).unwrap_or_default();
        if in_string {
            if byte == b'\\' {
                out.extend(rest.iter().take(2));
                at += 2;
                continue;
            }
            in_string = byte != b'"';
            // A raw control character is not JSON either; it must not cost the line.
            if byte.is_ascii_control() {
                out.push(b' ');
                at += 1;
                continue;
            }
        } else if byte == b'"' {
            in_string = true;
        } else if matches!(byte, b'-' | b'I' | b'N' | b'n' | b'i')
            && let Some(word) = WORDS.iter().find(|word| rest.starts_with(word))
        {
            out.push(b'"');
            out.extend_from_slice(word);
            out.push(b'"');
            at += word.len();
            // `nan(ind)`, as the C library of Windows prints it.
            let payload = json.get(at..).unwrap_or_default();
            if payload.starts_with(b"(") {
                at += payload
                    .iter()
                    .position(|&byte| byte == b')')
                    .map_or(0, |end| end + 1);
            }
            continue;
        } else if byte == b'-' || byte.is_ascii_digit() {
            let length = rest
                .iter()
                .take_while(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
                .count()
                .max(1);
            let number = rest.get(..length).unwrap_or_default();
            // `1e999` is a number in JSON, but no parser can hold it.
            match fast_float2::parse::<f64, _>(number) {
                Ok(value) if value.is_infinite() => {
                    out.extend_from_slice(if value > 0.0 { b"\"inf\"" } else { b"\"-inf\"" });
                }
                _ => out.extend_from_slice(number),
            }
            at += length;
            continue;
        }
        out.push(byte);
        at += 1;
    }
    out
}
