//! Reads the next piece of a file that was recognised, and decodes it.

use std::io;
use std::path::Path;

use super::{Followed, HeldOut, QUIET_SECONDS, Reading, Step, has_settled};
use crate::format::encoding::{self, Utf16};
use crate::format::records::Records;
use crate::format::{Column, Decoded, Decoder, DocumentDecoder, LineDecoder};
use crate::metric::{Quantity, Role, is_tested};
use crate::source::SourceEvent;
use crate::source::last_line;
use crate::source::reader::{Deaf, Outlet, Turn};
use crate::source::settings::Settings;
use crate::source::tail::{LONGEST_LINE, Look};

/// Bytes read in one turn: few enough to be fair and to stay in the cache.
const TURN_BYTES: usize = 1 << 18;
/// Bytes of binary records read in one turn; a record may be as large as a model's graph.
const FRAMES_TURN_BYTES: usize = 1 << 20;
/// A document larger than this is not read.
const LARGEST_DOCUMENT: u64 = 1 << 30;
/// What cannot be parsed may be just being written; after this many seconds without
/// a change it is a problem.
const PATIENCE: f64 = 5.0;

impl Followed {
    pub(super) fn read_lines(&mut self, turn: &Turn, look: Look) -> Result<Step, Failure> {
        let &Turn {
            outlet,
            now,
            last_word,
            ..
        } = turn;
        let Some(Reading {
            decoder: Decoder::Lines(decoder),
            pending,
            before_pending,
            settings,
            lines,
            unfinished_taken,
            unfinished_torn,
            discarding,
            utf16,
            records,
            ..
        }) = &mut self.reading
        else {
            return Ok(Step::UpToDate);
        };
        let before = pending.len();
        let mut count = 0;
        if look != Look::Same {
            let at_start = self.tail.position() == 0;
            count = self.tail.read(pending, TURN_BYTES).map_err(Failure::Io)?;
            if at_start && count > 0 {
                *utf16 = Utf16::of(pending.get(before..).unwrap_or_default());
            }
            match utf16 {
                Some(utf16) => utf16.decode(pending, before),
                // A file system may show the size of what was written before its content.
                None if count < TURN_BYTES => {
                    let fresh = pending.get(before..).unwrap_or_default();
                    let unwritten = fresh.iter().rev().take_while(|byte| **byte == 0).count();
                    pending.truncate(pending.len() - unwritten);
                    self.tail.give_back(unwritten);
                    count -= unwritten;
                }
                None => {}
            }
            encoding::close_holes(pending, before);
        }
        *unfinished_torn &= count == 0;
        if count > 0 && *unfinished_taken {
            let continued = !matches!(pending.get(before), Some(b'\n' | b'\r'));
            *unfinished_taken = false;
            if continued {
                // The last line was not complete after all, and has been used: read again.
                return Ok(self.read_again(true, outlet)?);
            }
            // Its line end only closes what was counted already.
            let end = memchr::memchr(b'\n', pending).map_or(pending.len(), |end| end + 1);
            pending.drain(..end);
        }
        let mut decoded = beginning(settings, pending, self.tail.path(), now);
        decoded.records = Records::expecting(*records);
        let consumed = split_lines(pending, lines, discarding, decoder.as_mut(), &mut decoded);
        if consumed > 0 {
            let from = consumed.saturating_sub(last_line::LOOK_BACK);
            before_pending.extend_from_slice(pending.get(from..consumed).unwrap_or_default());
            let known = before_pending.len().saturating_sub(last_line::LOOK_BACK);
            before_pending.drain(..known);
        }
        pending.drain(..consumed);
        if pending.len() > LONGEST_LINE {
            decoded.skip(*lines + 1, "longer than 64 MB", pending);
            decoded.lines += 1;
            pending.clear();
            *discarding = true;
        }
        let at_end = count < TURN_BYTES;
        let rests = at_end && (last_word || now - self.tail.modified() > QUIET_SECONDS);
        if rests && !pending.is_empty() && !*discarding && !*unfinished_torn {
            if pending.len() > last_line::LOOK_BACK || last_line::is_whole(pending, before_pending) {
                *lines += 1;
                decoded.lines += 1;
                decoder.line(*lines, pending, &mut decoded);
                pending.clear();
                *unfinished_taken = true;
            } else {
                *unfinished_torn = true;
            }
        }
        if rests && pending.is_empty() {
            decoder.finish(&mut decoded);
        }
        if self.passes.again(decoded.remapped) {
            return Ok(self.read_again(false, outlet)?);
        }
        if at_end {
            self.passes.settle();
        }
        // Lines are about as long as those before.
        *records = decoded.records.len() + decoded.records.len() / 16;
        self.tell(decoded, outlet)?;
        Ok(if at_end { Step::UpToDate } else { Step::MoreToRead })
    }

    pub(super) fn read_frames(&mut self, turn: &Turn, look: Look) -> Result<Step, Failure> {
        let &Turn {
            outlet,
            now,
            last_word,
            ..
        } = turn;
        let Some(Reading {
            decoder: Decoder::Frames(decoder),
            pending,
            settings,
            damaged_at,
            ..
        }) = &mut self.reading
        else {
            return Ok(Step::UpToDate);
        };
        let mut count = 0;
        if look != Look::Same {
            count = self.tail.read(pending, FRAMES_TURN_BYTES).map_err(Failure::Io)?;
        }
        let at_end = count < FRAMES_TURN_BYTES;
        let mut decoded = beginning(settings, pending, self.tail.path(), now);
        let progress = decoder.frames(pending, &mut decoded);
        pending.drain(..progress.consumed);
        let more = !at_end && progress.damage.is_none();
        let is_whole = self.goes_on_elsewhere || has_settled(self.tail.modified(), now, last_word);
        if !more && is_whole {
            decoder.finish(&mut decoded);
        }
        if self.passes.again(decoded.remapped) {
            return Ok(self.read_again(false, outlet)?);
        }
        if at_end {
            self.passes.settle();
        }
        let mut message = None;
        if let Some(reason) = progress.damage {
            // Perhaps its writer is in the middle of it: these bytes are read anew.
            let unread = std::mem::take(pending);
            self.tail.give_back(unread.len());
            let at = self.tail.position();
            if (last_word || now - self.tail.modified() > PATIENCE) && *damaged_at != Some(at) {
                *damaged_at = Some(at);
                decoded.skip(decoded.lines + 1, reason, unread.get(..64).unwrap_or(&unread));
                message = Some(format!(
                    "damaged at byte {at}: {reason}; what follows cannot be read. Copy the file again if it was copied"
                ));
            }
        }
        self.tell(decoded, outlet)?;
        if let Some(message) = message {
            self.problem(outlet, message)?;
        }
        Ok(match (more, is_whole) {
            (true, _) => Step::MoreToRead,
            (false, true) => Step::UpToDate,
            (false, false) => Step::Unsettled,
        })
    }

    /// Tells of the columns, when there are others than before, and of what was decoded.
    fn tell(&mut self, decoded: Decoded, outlet: &Outlet) -> Result<(), Deaf> {
        let Some(reading) = &mut self.reading else {
            return Ok(());
        };
        let columns = match &reading.decoder {
            Decoder::Lines(decoder) => decoder.columns(),
            Decoder::Frames(decoder) => decoder.columns(),
            Decoder::Document(decoder) => decoder.columns(),
        };
        if columns.len() != reading.columns_told {
            reading.columns_told = columns.len();
            let evaluates = |column: &&Column| column.role == Some(Role::of(Quantity::EvalLoss));
            self.held_out = columns
                .iter()
                .find(evaluates)
                .map(|column| match is_tested(&column.name) {
                    true => HeldOut::Test,
                    false => HeldOut::Validation,
                });
            outlet.send(SourceEvent::Columns {
                key: self.key,
                columns,
            })?;
        }
        if decoded.lines + decoded.skipped > 0 || !decoded.records.is_empty() {
            reading.settings.were_told();
            self.told |= decoded.records.begun();
            outlet.send(SourceEvent::Records {
                key: self.key,
                decoded: Box::new(decoded),
                modified: self.tail.modified(),
            })?;
        }
        Ok(())
    }

    pub(super) fn read_document(&mut self, turn: &Turn, look: Look) -> Result<Step, Failure> {
        let &Turn {
            outlet,
            now,
            last_word,
            ..
        } = turn;
        let Some(Reading {
            decoder: Decoder::Document(decoder),
            settings,
            document_done,
            ..
        }) = &mut self.reading
        else {
            return Ok(Step::UpToDate);
        };
        let modified = self.tail.modified();
        if look == Look::Same && *document_done == Some(modified) {
            return Ok(Step::UpToDate);
        }
        if self.size > LARGEST_DOCUMENT {
            self.problem(outlet, "a single document of more than 1 GB; not read".to_owned())?;
            return Ok(Step::UpToDate);
        }
        // A document is told as a whole.
        *settings = Settings::default();
        let mut content = Vec::new();
        self.tail.start_over();
        self.tail.look().map_err(Failure::Io)?;
        while self.tail.read(&mut content, 64 << 20).map_err(Failure::Io)? > 0 {}
        let mut decoded = Decoded {
            hints: settings.to_tell(self.tail.path(), now),
            ..Decoded::default()
        };
        match decode_document(decoder.as_mut(), &encoding::utf8(&content), &mut decoded) {
            Ok(()) => {
                *document_done = Some(self.tail.modified());
                if let Some(how) = settings.ending() {
                    decoded.end(None, how);
                }
                settings.were_told();
                let columns = decoder.columns();
                outlet.send(SourceEvent::Reread { key: self.key })?;
                outlet.send(SourceEvent::Columns {
                    key: self.key,
                    columns,
                })?;
                outlet.send(SourceEvent::Records {
                    key: self.key,
                    decoded: Box::new(decoded),
                    modified: self.tail.modified(),
                })?;
            }
            // Probably being rewritten right now: the old content stays until it parses.
            Err(reason) => {
                if last_word || now - modified > PATIENCE {
                    *document_done = Some(self.tail.modified());
                    self.problem(outlet, format!("cannot be read as a whole: {reason}"))?;
                }
            }
        }
        Ok(Step::UpToDate)
    }
}

fn decode_document(
    decoder: &mut dyn DocumentDecoder,
    content: &[u8],
    out: &mut Decoded,
) -> Result<(), String> {
    decoder.document(content, out)?;
    if out.remapped {
        out.clear();
        decoder.document(content, out)?;
    }
    Ok(())
}

/// Why a piece was not read.
pub(super) enum Failure {
    Deaf,
    Io(io::Error),
}

impl From<Deaf> for Failure {
    fn from(_: Deaf) -> Self {
        Failure::Deaf
    }
}

/// What will be decoded: what is set beside the file comes first, with the first of its content.
fn beginning(settings: &mut Settings, content: &[u8], path: &Path, now: f64) -> Decoded {
    let mut decoded = Decoded::default();
    if !content.is_empty() {
        decoded.hints = settings.to_tell(path, now);
    }
    decoded
}

/// Hands every complete line to the decoder; returns the bytes consumed.
///
/// A line ends with a line feed. Progress bars redraw with carriage returns alone,
/// some scripts for a whole run: once there is one with something behind it, the
/// part before it is complete as well.
pub(crate) fn split_lines(
    bytes: &[u8],
    lines: &mut u64,
    discarding: &mut bool,
    decoder: &mut dyn LineDecoder,
    out: &mut Decoded,
) -> usize {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        let line = bytes.get(start..end).unwrap_or_default();
        start = end + 1;
        if std::mem::take(discarding) {
            continue;
        }
        *lines += 1;
        out.lines += 1;
        decoder.line(*lines, encoding::without_return(line), out);
    }
    let rest = bytes.get(start..).unwrap_or_default();
    let before_last = rest.len().saturating_sub(1);
    if let Some(end) = memchr::memrchr(b'\r', rest.get(..before_last).unwrap_or_default())
        && !*discarding
    {
        *lines += 1;
        out.lines += 1;
        decoder.line(*lines, rest.get(..end).unwrap_or_default(), out);
        start += end + 1;
    }
    start
}
