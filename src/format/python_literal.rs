//! What Python prints of its dicts and lists, as JSON: `{'loss': [np.float64(2.5), 2.25], 'best': None}`.

/// The most bytes in the brackets of a number: `tensor(2.5, device='cuda:0', grad_fn=<NllLossBackward0>)`.
const LONGEST_CALL: usize = 128;

/// The same as JSON, but for `nan` and `inf`; `None` for what is no dict of Python.
pub(super) fn to_json(text: &[u8]) -> Option<Vec<u8>> {
    if !is_dict(text) {
        return None;
    }
    let mut json = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'\'' | b'"' => string(byte, after, &mut json),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => word(rest, &mut json),
            b'(' | b')' => {
                // A tuple.
                json.push(if byte == b'(' { b'[' } else { b']' });
                after
            }
            _ => {
                json.push(byte);
                after
            }
        };
    }
    Some(json)
}

/// True for what begins with a string in single quotes, as the first key of a dict.
pub(super) fn is_dict(text: &[u8]) -> bool {
    let is_inside = |byte: &&u8| !byte.is_ascii_whitespace() && !b"{[".contains(byte);
    text.iter().find(is_inside) == Some(&b'\'')
}

/// Takes a string, whose opening quote is gone; returns what follows it.
fn string<'a>(quote: u8, mut text: &'a [u8], json: &mut Vec<u8>) -> &'a [u8] {
    json.push(b'"');
    while let Some((&byte, after)) = text.split_first() {
        text = after;
        match (byte, after.first()) {
            (b'\\', Some(escaped)) => {
                if *escaped != b'\'' {
                    json.push(byte);
                }
                json.push(*escaped);
                text = after.get(1..).unwrap_or_default();
            }
            (b'"', _) if quote != byte => json.extend(b"\\\""),
            _ if byte == quote => break,
            _ => json.push(byte),
        }
    }
    json.push(b'"');
    text
}

/// Takes a word, or the number in the brackets behind it; returns what follows.
fn word<'a>(text: &'a [u8], json: &mut Vec<u8>) -> &'a [u8] {
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.".contains(byte);
    let length = text.iter().take_while(|byte| inside(byte)).count();
    let (word, rest) = text.split_at(length);
    let close = rest.strip_prefix(b"(").and_then(|rest| {
        let inside = rest.get(..LONGEST_CALL.min(rest.len()))?;
        let at = memchr::memchr2(b'(', b')', inside)?;
        (inside.get(at) == Some(&b')')).then_some(at)
    });
    if let Some(close) = close {
        let values = rest.get(1..=close).unwrap_or_default();
        let number = values.split(|byte| *byte == b',').next().unwrap_or_default();
        json.extend_from_slice(number);
        return rest.get(close + 2..).unwrap_or_default();
    }
    json.extend_from_slice(match word {
        b"None" => b"null",
        b"True" => b"true",
        b"False" => b"false",
        word => word,
    });
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Option<String> {
        to_json(text.as_bytes()).map(|json| String::from_utf8(json).unwrap())
    }

    #[test]
    fn what_python_prints() {
        for (python, expected) in [
            (
                "{'loss': [2.5, nan], 'best': None}",
                "{\"loss\": [2.5, nan], \"best\": null}",
            ),
            (
                "{'a': np.float64(2.5), 'b': Array(1.5, dtype=float32)}",
                "{\"a\": 2.5, \"b\": 1.5}",
            ),
            ("{'a': f(g(1), 2)}", "{\"a\": f[1, 2]}"),
            (
                "{'it\\'s': 'a \"b\"', \"c\": (True, 1)}",
                "{\"it's\": \"a \\\"b\\\"\", \"c\": [true, 1]}",
            ),
        ] {
            assert_eq!(json(python).as_deref(), Some(expected), "{python}");
        }
        let open = format!("{{'a': a({}2)}}", "1, ".repeat(LONGEST_CALL));
        assert_eq!(json(&open).map(|json| json.len()), Some(open.len()));
        for other in ["{\"loss\": 2.5}", "[2024-01-01] loss", "", "{", "{'"] {
            let read = json(other);
            assert_eq!(read.is_some(), other == "{'", "{other}");
        }
    }
}
