//! A document as text.

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::format::encoding::without_mark;
use crate::format::json_lines::quote_bare_words;
use crate::format::python_literal;

/// True for the beginning of one JSON value that goes over several lines and has nothing
/// behind it: a vocabulary with a line for each word, say.
pub(in crate::format) fn spans_lines(content: &[u8]) -> bool {
    let content = content.trim_ascii();
    if !matches!(content.first(), Some(b'{' | b'[')) || !content.contains(&b'\n') {
        return false;
    }
    let mut values = serde_json::Deserializer::from_slice(content).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => values.byte_offset() == content.len(),
        Some(Err(error)) => error.is_eof(),
        None => false,
    }
}

/// True when something is named for a loss and is no integer, as all the words of a
/// tokenizer's vocabulary are.
pub(super) fn has_losses(content: &[u8]) -> bool {
    memchr::memmem::find_iter(content, b"loss").any(|at| {
        let behind = content.get(at + b"loss".len()..).unwrap_or_default();
        let behind = behind.strip_prefix(b"es").unwrap_or(behind);
        let behind = behind.strip_prefix(b"\"").unwrap_or_default();
        let Some(value) = behind.trim_ascii_start().strip_prefix(b":") else {
            return false;
        };
        let value = value.trim_ascii_start();
        let end = value.iter().position(|byte| !byte.is_ascii_digit());
        end == Some(0)
            || end
                .and_then(|end| value.get(end))
                .is_some_and(|byte| matches!(byte, b'.' | b'e' | b'E'))
    })
}

/// A JSON document, as Python writes it too, or prints it.
pub(in crate::format) fn parse(content: &[u8]) -> Result<Value, String> {
    let content = without_mark(content);
    serde_json::from_slice(content)
        .or_else(|error| match python_literal::to_json(content) {
            Some(json) => serde_json::from_slice(&quote_bare_words(&json)),
            None => Err(error),
        })
        .or_else(|_| serde_json::from_slice(&quote_bare_words(content)))
        .map_err(|error| error.to_string())
}
