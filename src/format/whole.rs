//! A whole log, read at once.

use std::borrow::Cow;

use super::decoder::{Column, columns, decode};
use super::diagnosis::refuse;
use super::passes::Passes;
use super::records::Decoded;
use super::sample::Sample;
use super::{encoding, has_frames, stand_in};
use crate::metric::Names;

/// A whole log, read at once.
#[derive(Debug)]
pub struct Whole {
    /// Name of its format.
    pub format: &'static str,
    /// All its records and the account of its lines.
    pub decoded: Decoded,
    /// What its names were taken for.
    pub columns: Vec<Column>,
}

/// Recognises and reads a whole log that is already in memory.
///
/// # Errors
/// A sentence that says why it is no log.
pub fn read_all(content: &[u8], names: &Names) -> Result<Whole, String> {
    let content = if has_frames(content) {
        Cow::Borrowed(content)
    } else {
        encoding::utf8(content)
    };
    let content = &*content;
    if let Some(reason) = refuse(content) {
        return Err(reason.to_owned());
    }
    let sample = Sample::of(content);
    let mut names = Cow::Borrowed(names);
    let (format, _) =
        stand_in::recognise(&sample, &mut names).ok_or_else(|| "no metrics recognised".to_owned())?;
    let mut decoder = format.decoder(&sample, &names);
    let mut passes = Passes::default();
    loop {
        let decoded = decode(&mut decoder, content)?;
        if !passes.again(decoded.remapped) {
            return Ok(Whole {
                format: format.name(),
                decoded,
                columns: columns(&decoder),
            });
        }
    }
}
