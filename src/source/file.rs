//! One followed file: recognised once it can be, then decoded piece by piece.

use std::io;
use std::path::Path;

use super::discover::{Candidate, Sharer, explain, is_unreadably_packed};
use super::file_name;
use super::group::names::rotation;
use super::last_line;
use super::reader::{Deaf, Outlet};
use super::settings::Settings;
use super::tail::{LONGEST_LINE, Look, Tail, sample};
use super::{FileKey, SourceEvent};
use crate::format::delimited::Delimited;
use crate::format::encoding::{self, Utf16};
use crate::format::shared_table::{Share, SharedTable};
use crate::format::{
    Decoded, Decoder, DocumentDecoder, Format, LineDecoder, SAMPLE_BYTES, Sample, detect, refuse,
};
use crate::metric::{Names, Quantity};
use crate::run::Identity;

/// Bytes read in one turn: few enough to be fair and to stay in the cache.
const TURN_BYTES: usize = 1 << 18;
/// A last line without its end counts as complete after this many quiet seconds, unless those
/// before it go on where it ends.
const QUIET_SECONDS: f64 = 10.0;
/// The settings beside a log are looked at until nothing has come for so many seconds.
const SETTINGS_FOR: f64 = 3600.0;
/// A format that was judged by little is judged again after so many quiet seconds.
const SETTLED_SECONDS: f64 = 2.0;
/// What was not recognised and has changed since is looked at again after so many seconds, then after
/// twice as many each time...
const TRY_AGAIN: f64 = 1.0;
/// ...up to so many; and whenever it has grown by an eighth.
const TRY_AGAIN_AT_MOST: f64 = 60.0;
/// A document larger than this is not read.
const LARGEST_DOCUMENT: u64 = 1 << 30;
/// What cannot be parsed may be just being written; after this many seconds without
/// a change it is a problem.
const PATIENCE: f64 = 5.0;
/// Clients write the values of a step one by one: the last record counts as complete after this
/// many quiet seconds.
const WHOLE_AFTER: f64 = 0.2;
/// Bytes of binary records read in one turn; a record may be as large as a model's graph.
const FRAMES_TURN_BYTES: usize = 1 << 20;

/// What a turn has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The file has more to read right now.
    MoreToRead,
    /// Everything has been read.
    UpToDate,
    /// The same, but more of the last record may come at once: look again soon.
    Unsettled,
    /// What was read of this file no longer holds, and reading starts over at its
    /// beginning: so must the other files of the log.
    StartedOver,
}

/// A file that is followed.
pub struct Followed {
    key: FileKey,
    /// Id of the run that the file is part of.
    run: String,
    named: bool,
    /// Of a table that several runs share, the one that is followed.
    sharer: Option<Sharer>,
    /// One of several files of a log: it cannot be read again without the others.
    one_of_several: bool,
    /// The log goes on in another file that is to be begun.
    goes_on_elsewhere: bool,
    /// It goes on from files that were moved aside.
    goes_on_from_others: bool,
    /// What its records had since its start, as a mask by [`Quantity::index`].
    told: u16,
    /// Size when last looked at, for the progress of the first reading.
    pub size: u64,
    tail: Tail,
    reading: Option<Reading>,
    /// When recognition was last tried in vain.
    tried: Option<Tried>,
    failed: bool,
    /// The file is not there any more.
    gone: bool,
}

/// A look at a file that recognised nothing.
struct Tried {
    size: u64,
    modified: f64,
    at: f64,
    /// Not to be repeated for so many seconds.
    rest: f64,
}

struct Reading {
    format: &'static dyn Format,
    decoder: Decoder,
    /// Size of the file when its format was recognised.
    recognised_at: u64,
    pending: Vec<u8>,
    /// The end of what came before, where it is needed.
    before_pending: Vec<u8>,
    /// What is set beside the file.
    settings: Settings,
    lines: u64,
    columns_told: usize,
    /// A last line without its end was taken for complete.
    unfinished_taken: bool,
    /// It was looked at, and taken for torn.
    unfinished_torn: bool,
    /// The rest of an overlong line is being dropped.
    discarding: bool,
    /// The file is not in UTF-8.
    utf16: Option<Utf16>,
    document_done: Option<f64>,
    /// Position of damage that was told.
    damaged_at: Option<u64>,
}

impl Followed {
    /// Starts to follow a candidate.
    pub fn new(key: FileKey, run: &str, candidate: &Candidate) -> Self {
        Followed {
            key,
            run: run.to_owned(),
            named: candidate.named,
            sharer: candidate.sharer.clone(),
            one_of_several: false,
            goes_on_elsewhere: false,
            goes_on_from_others: false,
            told: 0,
            size: candidate.size,
            tail: Tail::new(candidate.path.clone()),
            reading: None,
            tried: None,
            failed: false,
            gone: false,
        }
    }

    /// The path that is followed.
    pub fn path(&self) -> &Path {
        self.tail.path()
    }

    /// Bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        if self.reading.is_none() && self.tried.is_some() {
            self.size
        } else {
            self.tail.position().min(self.size)
        }
    }

    /// The first bytes of what was read.
    pub fn head(&self) -> &[u8] {
        self.tail.head()
    }

    /// Device and inode of the file that is being read.
    pub fn inode(&self) -> (u64, u64) {
        self.tail.inode()
    }

    /// Says whether other files belong to the same log.
    pub fn set_one_of_several(&mut self, several: bool) {
        self.one_of_several = several;
    }

    /// Says whether the log goes on in another file that is to be begun: what this one has comes first.
    pub fn set_goes_on_elsewhere(&mut self, elsewhere: bool) {
        self.goes_on_elsewhere = elsewhere;
    }

    /// Says whether the log goes on in this file from others that were moved aside: what they had is
    /// not to be lost when this one is read again.
    pub fn set_goes_on_from_others(&mut self, others: bool) {
        self.goes_on_from_others = others;
    }

    /// True while the file is being written.
    pub fn is_alive(&self, now: f64) -> bool {
        now - self.tail.modified() <= QUIET_SECONDS
    }

    /// True when some of the file was read.
    pub fn is_begun(&self) -> bool {
        self.reading.is_some() && self.tail.position() > 0
    }

    /// True when this file and another one of the log have told of the same loss: then one follows
    /// the other, and they do not grow side by side.
    pub fn shares_a_loss(&self, other: &Followed) -> bool {
        let losses = [Quantity::TrainLoss, Quantity::EvalLoss];
        let mask = losses.iter().fold(0, |mask, loss| mask | 1 << loss.index());
        self.told & other.told & mask != 0
    }

    /// Whether what has been written since the last look will go on growing for a while: `None` when
    /// nothing was.
    pub fn is_growing(&self, now: f64) -> Option<bool> {
        Some(now - self.tail.unread_since()? <= QUIET_SECONDS)
    }

    /// The file turned out to be part of another run.
    pub fn rename(&mut self, run: &str, outlet: &Outlet) -> Result<(), Deaf> {
        if self.run == run {
            return Ok(());
        }
        run.clone_into(&mut self.run);
        match &self.reading {
            Some(reading) => self.found(reading.format, outlet),
            None => Ok(()),
        }
    }

    /// The file will be read again from its start, by a new decoder: what it is taken for stays.
    pub fn start_over(&mut self) {
        self.rewind();
        if let Some(reading) = &mut self.reading {
            reading.recognised_at = 0;
        }
    }

    /// The file will be read again from its start by the decoder that has learnt its names.
    pub fn rewind(&mut self) {
        self.told = 0;
        self.tail.start_over();
        if let Some(reading) = &mut self.reading {
            reading.start_over();
        }
    }

    fn found(&self, format: &'static dyn Format, outlet: &Outlet) -> Result<(), Deaf> {
        outlet.send(SourceEvent::Found {
            key: self.key,
            identity: Identity {
                id: crate::text::printable(&self.run),
                path: self.path().to_owned(),
                format: format.name(),
            },
        })
    }

    /// The records of this file no longer hold: it is read again, alone if it can be. `anew` by a new
    /// decoder, otherwise by the one that has learnt its names.
    fn read_again(&mut self, anew: bool, outlet: &Outlet) -> Result<Step, Deaf> {
        if anew {
            self.start_over();
        } else {
            self.rewind();
        }
        if self.one_of_several || self.goes_on_from_others {
            return Ok(Step::StartedOver);
        }
        outlet.send(SourceEvent::Reread { key: self.key })?;
        Ok(Step::MoreToRead)
    }

    /// Reads and decodes the next piece. `last_word` says that no further turn will
    /// come, so that nothing may be held back for later.
    pub fn turn(&mut self, names: &Names, outlet: &Outlet, now: f64, last_word: bool) -> Result<Step, Deaf> {
        match self.try_turn(names, outlet, now, last_word)? {
            Ok(step) => {
                if self.failed {
                    self.failed = false;
                    outlet.send(SourceEvent::Solved {
                        path: self.path().to_owned(),
                    })?;
                }
                Ok(step)
            }
            Err(error) => {
                if !self.failed {
                    self.failed = true;
                    self.problem(outlet, explain(&error))?;
                }
                Ok(Step::UpToDate)
            }
        }
    }

    fn try_turn(
        &mut self,
        names: &Names,
        outlet: &Outlet,
        now: f64,
        last_word: bool,
    ) -> Result<io::Result<Step>, Deaf> {
        let inode = self.tail.inode();
        let look = match self.tail.look() {
            Ok(look) => look,
            Err(error) => return Ok(Err(error)),
        };
        match look {
            Look::Gone => return self.gone(outlet).map(Ok),
            Look::Grown if self.reading.is_none() && !self.path().exists() => {
                return self.gone(outlet).map(Ok);
            }
            Look::Restarted if self.one_of_several && self.reading.is_some() => {
                self.start_over();
                return Ok(Ok(Step::StartedOver));
            }
            Look::Restarted => self.restart(inode, outlet)?,
            Look::Same | Look::Grown => {}
        }
        self.gone = false;
        let unseen = self.reading.is_none() && self.tried.is_none();
        if look != Look::Same || unseen || self.was_judged_by_little(now) {
            match self.recognise(names, outlet, now, last_word)? {
                Ok(Step::UpToDate | Step::Unsettled) => {}
                Ok(step) => return Ok(Ok(step)),
                Err(error) => return Ok(Err(error)),
            }
        }
        let Some(reading) = &mut self.reading else {
            return Ok(Ok(Step::UpToDate));
        };
        let is_lively = now - self.tail.modified() < SETTINGS_FOR;
        if is_lively && reading.settings.have_changed(self.tail.path(), now) {
            return Ok(Ok(self.read_again(true, outlet)?));
        }
        let result = match &mut reading.decoder {
            Decoder::Lines(_) => self.read_lines(outlet, now, look, last_word),
            Decoder::Document(_) => self.read_document(outlet, now, look, last_word),
            Decoder::Frames(_) => self.read_frames(outlet, now, look, last_word),
        };
        match result {
            Ok(step) => Ok(Ok(step)),
            Err(Failure::Deaf) => Err(Deaf),
            Err(Failure::Io(error)) => Ok(Err(error)),
        }
    }

    /// What is not there has no problem.
    fn gone(&mut self, outlet: &Outlet) -> Result<Step, Deaf> {
        if !std::mem::replace(&mut self.gone, true) {
            self.tried = None;
            outlet.send(SourceEvent::Solved {
                path: self.path().to_owned(),
            })?;
        }
        Ok(Step::UpToDate)
    }

    fn problem(&self, outlet: &Outlet, message: String) -> Result<(), Deaf> {
        outlet.send(SourceEvent::Problem {
            path: self.path().to_owned(),
            message,
        })
    }

    /// The content that was read, of the file with this device and inode, is not there any more.
    fn restart(&mut self, inode: (u64, u64), outlet: &Outlet) -> Result<(), Deaf> {
        self.tried = None;
        if let Some(reading) = &mut self.reading {
            reading.start_over();
            // The new content may be of another kind; the old format is kept if it fits.
            reading.recognised_at = 0;
            outlet.send(SourceEvent::Restarted {
                key: self.key,
                moved_aside: is_moved_aside(self.tail.path(), inode),
            })?;
        }
        Ok(())
    }

    /// True when there is more by now than what the format was judged by, and that was little.
    fn was_judged_by_little(&self, now: f64) -> bool {
        self.reading.as_ref().is_some_and(|reading| {
            let much_more = reading.recognised_at + reading.recognised_at / 4;
            (reading.recognised_at as usize) < SAMPLE_BYTES
                && self.size > much_more
                && now - self.tail.modified() > SETTLED_SECONDS
        })
    }

    /// Recognises the format, when it is unknown or was judged by very little.
    fn recognise(
        &mut self,
        names: &Names,
        outlet: &Outlet,
        now: f64,
        last_word: bool,
    ) -> Result<io::Result<Step>, Deaf> {
        const DONE: Step = Step::UpToDate;
        let size = match std::fs::metadata(self.path()) {
            Ok(metadata) => metadata.len(),
            Err(_) => return Ok(Ok(DONE)), // Gone again; the next look will say so.
        };
        self.size = size;
        let modified = self.tail.modified();
        let due = match (&self.reading, &self.tried) {
            (Some(reading), _) => {
                let little = reading.recognised_at < SAMPLE_BYTES as u64;
                little && size >= 2 * reading.recognised_at || self.was_judged_by_little(now)
            }
            (None, None) => true,
            (None, Some(tried)) => {
                let rested = (now - tried.at).abs() >= tried.rest;
                let grown = size < tried.size || size >= tried.size + tried.size / 8;
                (size, modified) != (tried.size, tried.modified) && (last_word || rested || grown)
            }
        };
        if !due {
            return Ok(Ok(DONE));
        }
        let (mut head, mut tail) = match sample(self.path(), SAMPLE_BYTES) {
            Ok(sample) => sample,
            Err(error) => return Ok(Err(error)),
        };
        let share = || {
            let run = &self.sharer.as_ref()?.run;
            Some(SharedTable::beginning(&head, names)?.share(run))
        };
        let share = share();
        if let Some(mut share) = share.clone() {
            (head, tail) = (share.of(&head), share.of(&tail));
        }
        let sample = Sample {
            head: &head,
            tail: &tail,
        };
        let names = &file_name::names_in(names, &head, self.tail.path());
        let refused = refuse(&head);
        let detected = if refused.is_some() {
            None
        } else {
            let detected = detect(&sample, names).map(|(format, _)| format);
            // A panel may show no loss: another one does.
            let panel = || share.is_some().then_some(&Delimited as &dyn Format);
            detected.or_else(panel)
        };
        let Some(format) = detected else {
            if let Some(reading) = &mut self.reading {
                reading.recognised_at = size.max(1);
                return Ok(Ok(DONE));
            }
            let before = self.tried.as_ref().map(|tried| 2.0 * tried.rest);
            self.tried = Some(Tried {
                size,
                modified,
                at: now,
                rest: before.unwrap_or(TRY_AGAIN).min(TRY_AGAIN_AT_MOST),
            });
            self.unrecognised(outlet, refused, size)?;
            return Ok(Ok(DONE));
        };
        if let Some(reading) = &mut self.reading {
            if reading.format.name() == format.name() {
                let (path, before) = (self.tail.path(), reading.recognised_at);
                let build = |sample: &Sample| decoder(format, sample, names, path, share.clone());
                reading.recognised_at = size.max(1);
                if before != 0 && reads_alike(build, &head, before) {
                    return Ok(Ok(DONE));
                }
                // More lines, or other columns, show more: a new decoder looks afresh.
                reading.decoder = build(&sample);
                reading.columns_told = 0;
                return Ok(Ok(if before == 0 {
                    DONE
                } else {
                    self.read_again(false, outlet)?
                }));
            }
            self.tail.start_over();
            if self.one_of_several {
                self.reading = None;
                return Ok(Ok(Step::StartedOver));
            }
            outlet.send(SourceEvent::Reread { key: self.key })?;
        }
        self.found(format, outlet)?;
        self.reading = Some(Reading {
            format,
            decoder: decoder(format, &sample, names, self.tail.path(), share),
            recognised_at: size.max(1),
            pending: Vec::new(),
            before_pending: Vec::new(),
            settings: Settings::default(),
            lines: 0,
            columns_told: 0,
            unfinished_taken: false,
            unfinished_torn: false,
            discarding: false,
            utf16: None,
            document_done: None,
            damaged_at: None,
        });
        // Opens the file again if it was closed by starting over.
        Ok(self.tail.look().map(|_| DONE))
    }

    fn unrecognised(&self, outlet: &Outlet, refused: Option<&'static str>, size: u64) -> Result<(), Deaf> {
        let ending = self
            .path()
            .extension()
            .map(|ending| ending.to_string_lossy().to_lowercase());
        let like_a_log =
            ending.is_some_and(|ending| ["log", "out", "jsonl", "csv", "tsv"].contains(&ending.as_str()));
        if !self.named && !like_a_log && !is_unreadably_packed(self.path()) {
            return Ok(());
        }
        let message = match refused {
            Some(reason) => format!("not read: {reason}"),
            None if size == 0 => "empty so far; watching it".to_owned(),
            None => "no metrics recognised; `losscast inspect` shows what was looked for, --step and --loss name the \
                     columns of an unusual log"
                .to_owned(),
        };
        self.problem(outlet, message)
    }

    fn read_lines(
        &mut self,
        outlet: &Outlet,
        now: f64,
        look: Look,
        last_word: bool,
    ) -> Result<Step, Failure> {
        let Some(Reading {
            decoder: Decoder::Lines(decoder),
            pending,
            before_pending,
            settings,
            lines,
            unfinished_taken,
            unfinished_torn,
            discarding,
            columns_told,
            utf16,
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
        let quiet = now - self.tail.modified() > QUIET_SECONDS;
        if at_end && !pending.is_empty() && !*discarding && (quiet || last_word) && !*unfinished_torn {
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
        if decoded.remapped {
            return Ok(self.read_again(false, outlet)?);
        }
        let columns = decoder.columns();
        if columns.len() != *columns_told {
            *columns_told = columns.len();
            outlet.send(SourceEvent::Columns {
                key: self.key,
                columns,
            })?;
        }
        if decoded.lines > 0 {
            settings.were_told();
            self.told |= decoded.records.begun();
            outlet.send(SourceEvent::Records {
                key: self.key,
                decoded: Box::new(decoded),
                modified: self.tail.modified(),
            })?;
        }
        Ok(if at_end { Step::UpToDate } else { Step::MoreToRead })
    }

    fn read_frames(
        &mut self,
        outlet: &Outlet,
        now: f64,
        look: Look,
        last_word: bool,
    ) -> Result<Step, Failure> {
        let Some(Reading {
            decoder: Decoder::Frames(decoder),
            pending,
            settings,
            columns_told,
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
        if decoded.remapped {
            return Ok(self.read_again(false, outlet)?);
        }
        let columns = decoder.columns();
        if columns.len() != *columns_told {
            *columns_told = columns.len();
            outlet.send(SourceEvent::Columns {
                key: self.key,
                columns,
            })?;
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
        if decoded.lines + decoded.skipped > 0 || !decoded.records.is_empty() {
            settings.were_told();
            self.told |= decoded.records.begun();
            outlet.send(SourceEvent::Records {
                key: self.key,
                decoded: Box::new(decoded),
                modified: self.tail.modified(),
            })?;
        }
        if let Some(message) = message {
            self.problem(outlet, message)?;
        }
        Ok(match (more, is_whole) {
            (true, _) => Step::MoreToRead,
            (false, true) => Step::UpToDate,
            (false, false) => Step::Unsettled,
        })
    }

    fn read_document(
        &mut self,
        outlet: &Outlet,
        now: f64,
        look: Look,
        last_word: bool,
    ) -> Result<Step, Failure> {
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

impl Reading {
    fn start_over(&mut self) {
        self.pending.clear();
        self.lines = 0;
        self.columns_told = 0;
        self.discarding = false;
        self.unfinished_taken = false;
        self.unfinished_torn = false;
        self.document_done = None;
        self.damaged_at = None;
        self.before_pending.clear();
        self.settings = Settings::default();
        match &mut self.decoder {
            Decoder::Lines(decoder) => decoder.start_over(),
            Decoder::Frames(decoder) => decoder.start_over(),
            Decoder::Document(_) => {}
        }
    }
}

/// A decoder that knows where its file is, and whose share of it counts.
fn decoder(
    format: &dyn Format,
    sample: &Sample,
    names: &Names,
    path: &Path,
    share: Option<Share>,
) -> Decoder {
    match (format.decoder(sample, names), share) {
        (Decoder::Lines(decoder), Some(share)) => Decoder::Lines(share.decoder(decoder)),
        (Decoder::Frames(mut decoder), _) => {
            if let Some(folder) = path.parent().and_then(Path::file_name) {
                decoder.within(&folder.to_string_lossy());
            }
            Decoder::Frames(decoder)
        }
        (decoder, _) => decoder,
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

/// True when the last record of what was `modified` then is complete, as far as can be told: not by
/// a clock that is far ahead.
pub(super) fn has_settled(modified: f64, now: f64, last_word: bool) -> bool {
    last_word || (now - modified).abs() > WHOLE_AFTER
}

enum Failure {
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

/// True when a decoder that saw all of the `head` of a file reads no more in it than one that saw its
/// first bytes.
fn reads_alike(build: impl Fn(&Sample) -> Decoder, head: &[u8], first: u64) -> bool {
    let first = usize::try_from(first).unwrap_or(usize::MAX).min(head.len());
    let read = |seen: &[u8]| {
        let sample = Sample {
            head: seen,
            tail: &[],
        };
        let Decoder::Lines(mut decoder) = build(&sample) else {
            return None;
        };
        let mut decoded = Decoded::default();
        split_lines(head, &mut 0, &mut false, decoder.as_mut(), &mut decoded);
        Some((decoded, decoder.columns()))
    };
    read(head.get(..first).unwrap_or(head)) == read(head)
}

/// True when the file with this device and inode, which had this path, was moved aside.
fn is_moved_aside(path: &Path, inode: (u64, u64)) -> bool {
    use std::os::unix::fs::MetadataExt;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.parent().map(std::fs::read_dir);
    beside.into_iter().flatten().flatten().flatten().any(|entry| {
        rotation(&entry.file_name().to_string_lossy()).is_some_and(|(base, _)| base == name)
            && entry
                .metadata()
                .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == inode)
    })
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
