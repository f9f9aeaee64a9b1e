//! One followed file: recognised once it can be, then decoded piece by piece.

mod decode;
mod recognise;

use std::io;
use std::path::Path;

use super::discover::{Candidate, Sharer, explain};
use super::group::names::rotation;
use super::reader::{Deaf, Outlet, Turn};
use super::settings::Settings;
use super::tail::{Look, Tail};
use super::{FileKey, SourceEvent};
use crate::format::encoding::Utf16;
use crate::format::passes::Passes;
use crate::format::{Decoder, Format};
use crate::metric::Quantity;
use crate::run::Identity;

use decode::Failure;
#[cfg(test)]
pub(crate) use decode::split_lines;
use recognise::Tried;

/// A last line without its end counts as complete after this many quiet seconds, unless those
/// before it go on where it ends.
const QUIET_SECONDS: f64 = 10.0;
/// The settings beside a log are looked at until nothing has come for so many seconds.
const SETTINGS_FOR: f64 = 3600.0;
/// Clients write the values of a step one by one: the last record counts as complete after this
/// many quiet seconds.
const WHOLE_AFTER: f64 = 0.2;

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

/// Held-out data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeldOut {
    /// That by which the best step is chosen.
    Validation,
    /// That on which what came of it is tested.
    Test,
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
    told: u32,
    /// The data on which its held-out loss is measured.
    held_out: Option<HeldOut>,
    /// Some file of the log tells of validation data.
    validated: bool,
    /// Size when last looked at, for the progress of the first reading.
    pub size: u64,
    tail: Tail,
    reading: Option<Reading>,
    passes: Passes,
    /// When recognition was last tried in vain.
    tried: Option<Tried>,
    failed: bool,
    /// The file is not there any more.
    gone: bool,
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
    /// Records that the next piece of it may hold.
    records: usize,
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
            held_out: None,
            validated: false,
            size: candidate.size,
            tail: Tail::new(candidate.path.clone()),
            reading: None,
            passes: Passes::default(),
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

    /// True when the file tells of validation data.
    pub fn validates(&self) -> bool {
        self.held_out == Some(HeldOut::Validation)
    }

    /// Says that some file of the log tells of validation data: a loss on test data is a score beside
    /// that. True when this file was read otherwise.
    pub fn set_validated(&mut self) -> bool {
        let known = std::mem::replace(&mut self.validated, true);
        !known && self.held_out == Some(HeldOut::Test)
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

    /// Reads and decodes the next piece.
    pub fn turn(&mut self, turn: &Turn) -> Result<Step, Deaf> {
        let outlet = turn.outlet;
        match self.try_turn(turn)? {
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

    fn try_turn(&mut self, turn: &Turn) -> Result<io::Result<Step>, Deaf> {
        let &Turn { outlet, now, .. } = turn;
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
        if std::mem::take(&mut self.gone) {
            self.tell_presence(outlet)?;
        }
        let unseen = self.reading.is_none() && self.tried.is_none();
        if look != Look::Same || unseen || self.was_judged_by_little(now) {
            match self.recognise(turn)? {
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
            Decoder::Lines(_) => self.read_lines(turn, look),
            Decoder::Document(_) => self.read_document(turn, look),
            Decoder::Frames(_) => self.read_frames(turn, look),
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
            self.tell_presence(outlet)?;
        }
        Ok(Step::UpToDate)
    }

    /// Tells whether a log that is known is still there. Of one in several files only the last is looked at.
    fn tell_presence(&self, outlet: &Outlet) -> Result<(), Deaf> {
        let known = self.reading.is_some() && !self.one_of_several;
        if !known {
            return Ok(());
        }
        outlet.send(SourceEvent::Removed {
            key: self.key,
            removed: self.gone,
        })
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

/// True when the last record of what was `modified` then is complete, as far as can be told: not by
/// a clock that is far ahead.
pub(super) fn has_settled(modified: f64, now: f64, last_word: bool) -> bool {
    last_word || (now - modified).abs() > WHOLE_AFTER
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
