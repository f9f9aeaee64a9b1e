//! One followed log: its files, read one after the other.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::FileKey;
use super::SourceEvent;
use super::discover::Candidate;
use super::file::{Followed, Step};
use super::group::{Kind, Log};
use super::reader::{Deaf, Follow, Outlet, Turn};

/// A log in one file or several.
pub struct FollowedLog {
    key: FileKey,
    run: String,
    files: Vec<Followed>,
    /// Files are moved aside: a new one at the old name goes on where it stopped.
    rotated: bool,
    /// Device and inode of everything that was read under any name.
    read: HashSet<(u64, u64)>,
    /// How everything that was read begins: a copy that was made before a truncation
    /// is known by that.
    heads: Vec<Vec<u8>>,
    /// The files as they were found, in order.
    found: Vec<Candidate>,
    /// What comes late in an earlier file is not read in its place before (seconds since the Unix
    /// epoch)...
    late_from: f64,
    /// ...and after that not for so many seconds.
    late_rest: f64,
}

/// Seconds between two readings of all files for what came late in one; twice as many each time.
const LATE_REST: f64 = 60.0;
/// A beginning shorter than this says nothing.
const TELLING_BYTES: usize = 16;

impl FollowedLog {
    /// Starts to follow a log.
    pub fn new(key: FileKey, log: &Log) -> Self {
        let mut followed = FollowedLog {
            key,
            run: log.run.clone(),
            files: log
                .files
                .iter()
                .map(|file| Followed::new(key, &log.run, file))
                .collect(),
            rotated: log.kind == Kind::Rotated,
            read: HashSet::new(),
            heads: Vec::new(),
            found: log.files.clone(),
            late_from: f64::NEG_INFINITY,
            late_rest: LATE_REST,
        };
        followed.settle();
        followed
    }

    fn knows(&self, path: &Path) -> bool {
        self.files.iter().any(|file| file.path() == path)
    }

    /// True for a file that was read already, under the name it had before or before
    /// it was copied.
    fn was_read(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        if !self.rotated {
            return false;
        }
        let known = std::fs::metadata(path)
            .is_ok_and(|metadata| self.read.contains(&(metadata.dev(), metadata.ino())));
        known || {
            let (beginning, _) = super::tail::sample(path, 256).unwrap_or_default();
            self.heads
                .iter()
                .any(|head| head.len() >= TELLING_BYTES && beginning.starts_with(head))
        }
    }

    /// Remembers what has been read, so as to know it again.
    fn remember(&mut self) {
        let Some(file) = self.files.last() else {
            return;
        };
        self.read.insert(file.inode());
        let head = file.head();
        match self.heads.last_mut() {
            Some(known) if head == known.as_slice() => {}
            Some(known) if head.starts_with(known) => *known = head.to_vec(),
            _ => self.heads.push(head.to_vec()),
        }
    }

    fn settle(&mut self) {
        let several = self.files.len() > 1 && !self.rotated;
        for file in &mut self.files {
            file.set_one_of_several(several);
        }
    }

    /// True when some of the log was moved aside after it had been read.
    fn was_moved_aside(&self) -> bool {
        self.rotated && self.files.len() == 1 && (self.read.len() > 1 || self.heads.len() > 1)
    }

    /// Follows the files that were found, as if none had been read.
    fn take_up_found(&mut self) {
        self.read.clear();
        self.heads.clear();
        let files = self.found.iter();
        self.files = files
            .map(|file| Followed::new(self.key, &self.run, file))
            .collect();
        self.settle();
    }

    /// True when a file was read as if its loss on test data, for which a trainer begins a file of its
    /// own, went on from one on validation data. From here on none is.
    fn takes_tests_for_validation(&mut self) -> bool {
        let validates = self.files.len() > 1 && self.files.iter().any(Followed::validates);
        let files = self.files.iter_mut().filter(|_| validates);
        files
            .filter_map(|file| file.set_validated().then_some(()))
            .count()
            > 0
    }

    /// Reads all files again, `anew` by new decoders, otherwise by those that have learnt their names.
    fn start_over(&mut self, anew: bool, outlet: &Outlet) -> Result<(), Deaf> {
        if self.was_moved_aside() {
            // That is read again too.
            self.take_up_found();
        }
        for file in &mut self.files {
            if anew {
                file.start_over();
            } else {
                file.rewind();
            }
        }
        outlet.send(SourceEvent::Reread { key: self.key })
    }
}

impl Follow for FollowedLog {
    fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    fn bytes_read(&self) -> u64 {
        self.files.iter().map(Followed::bytes_read).sum()
    }

    fn keys(&self) -> Vec<FileKey> {
        vec![self.key]
    }

    fn update(&mut self, log: &Log, outlet: &Outlet) -> Result<(), Deaf> {
        self.rotated = log.kind == Kind::Rotated;
        self.found.clone_from(&log.files);
        if self.run != log.run {
            self.run.clone_from(&log.run);
            for file in &mut self.files {
                file.rename(&log.run, outlet)?;
            }
        }
        // The state of a later checkpoint takes the place of the one before.
        if let ([known], [found]) = (self.files.as_slice(), log.files.as_slice())
            && known.path() != found.path
            && !self.rotated
        {
            self.files = vec![Followed::new(self.key, &self.run, found)];
            return outlet.send(SourceEvent::Reread { key: self.key });
        }
        let fresh: Vec<&Candidate> = log
            .files
            .iter()
            .filter(|file| !self.knows(&file.path) && !self.was_read(&file.path))
            .collect();
        for known in &mut self.files {
            if let Some(found) = log.files.iter().find(|file| file.path == known.path()) {
                known.size = known.size.max(found.size);
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let position = |path: &Path| log.files.iter().position(|file| file.path == path);
        let last_known = self.files.last().and_then(|file| position(file.path()));
        let all_later = fresh.iter().all(|file| position(&file.path) > last_known);
        if all_later {
            let fresh = fresh.into_iter();
            self.files
                .extend(fresh.map(|file| Followed::new(self.key, &self.run, file)));
            self.settle();
            return Ok(());
        }
        // A file from before the ones already read: everything in order, once more.
        self.take_up_found();
        outlet.send(SourceEvent::Reread { key: self.key })
    }

    /// A file is begun when the ones before it are read to their ends. What comes late in one of
    /// them is read in its place, with all that follows, once it has stopped growing; as it comes
    /// where it is the only one that grows.
    fn turn(&mut self, turn: &Turn<'_>) -> Result<Step, Deaf> {
        let moved_aside = self.was_moved_aside();
        let mut unsettled = false;
        for index in 0..self.files.len() {
            let Some((file, later)) = self.files.get_mut(index..).and_then(<[_]>::split_first_mut) else {
                break;
            };
            if !self.rotated && later.iter().any(|later| later.shares_a_loss(file)) {
                let is_overtaken = turn.last_word || later.iter().any(|later| later.is_alive(turn.now));
                match file.is_growing(turn.now) {
                    Some(true) if !is_overtaken => {}
                    Some(false) if !turn.last_word && turn.now >= self.late_from => {
                        self.late_from = turn.now + self.late_rest;
                        self.late_rest *= 2.0;
                        self.start_over(true, turn.outlet)?;
                        return Ok(Step::MoreToRead);
                    }
                    Some(_) => continue,
                    None => {}
                }
            }
            file.set_goes_on_from_others(self.rotated && index > 0 || moved_aside);
            file.set_goes_on_elsewhere(later.iter().any(|later| !later.is_begun()));
            let step = file.turn(turn)?;
            match step {
                Step::UpToDate => {}
                Step::Unsettled => unsettled = true,
                Step::MoreToRead => return Ok(Step::MoreToRead),
                Step::StartedOver => {
                    self.start_over(false, turn.outlet)?;
                    return Ok(Step::MoreToRead);
                }
            }
            if self.takes_tests_for_validation() {
                self.start_over(true, turn.outlet)?;
                return Ok(Step::MoreToRead);
            }
        }
        self.remember();
        if self.rotated {
            // What was moved aside does not grow any more; its name will be another's.
            let aside = self.files.len().saturating_sub(1);
            for file in self.files.drain(..aside) {
                self.read.insert(file.inode());
            }
        }
        Ok(if unsettled {
            Step::Unsettled
        } else {
            Step::UpToDate
        })
    }

    fn unrecognised(&self) -> Option<Vec<PathBuf>> {
        let is_read = self.files.iter().any(Followed::is_read);
        let unrecognised = self.files.iter().filter(|file| file.is_unrecognised_text());
        (!is_read).then(|| unrecognised.map(|file| file.path().to_owned()).collect())
    }
}
