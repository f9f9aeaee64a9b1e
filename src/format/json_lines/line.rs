//! What stands on a line beside an object.

/// What stands between the carriage returns of a line: terminals and some writers end
/// lines with them.
pub(in crate::format) fn parts(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b'\r')
        .enumerate()
        .filter(|(index, part)| *index == 0 || !part.is_empty())
        .map(|(_, part)| part)
}

/// The object of a line. A progress bar on the same terminal leaves its last drawing in
/// front of what is printed next.
pub(super) fn behind_a_bar(part: &[u8]) -> &[u8] {
    if part.trim_ascii_start().starts_with(b"{") {
        return part;
    }
    match memchr::memmem::find(part, b"{\"") {
        Some(at) if has_bar(part.get(..at).unwrap_or_default()) => part.get(at..).unwrap_or_default(),
        _ => &[],
    }
}

pub(super) fn has_bar(part: &[u8]) -> bool {
    std::str::from_utf8(part).is_ok_and(|part| crate::format::text::progress::bar(part).is_some())
}
