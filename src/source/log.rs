//! One followed log: its files, read one after the other.

use std::collections::HashSet;
use std::path::Path;

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
}

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
        };
        followed.settle();
        followed
    }

    fn knows(&self, path: &Path) -> bool {
        self.files.iter().any(|file| file.path() == path)
    }

    /// True for a file that was read under the name it had before.
    fn was_read(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        self.rotated
            && std::fs::metadata(path)
                .is_ok_and(|metadata| self.read.contains(&(metadata.dev(), metadata.ino())))
    }

    fn settle(&mut self) {
        let several = self.files.len() > 1 && !self.rotated;
        for file in &mut self.files {
            file.set_one_of_several(several);
        }
    }

    fn start_over(&mut self, outlet: &Outlet) -> Result<(), Deaf> {
        for file in &mut self.files {
            file.start_over();
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

    fn update(&mut self, log: &Log, outlet: &Outlet) -> Result<(), Deaf> {
        self.rotated = log.kind == Kind::Rotated;
        if self.run != log.run {
            self.run.clone_from(&log.run);
            for file in &mut self.files {
                file.rename(&log.run, outlet)?;
            }
        }
        // The state of a later checkpoint takes the place of the one before.
        if let ([known], [found]) = (self.files.as_slice(), log.files.as_slice())
            && known.path() != found.path
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
        let fresh: Vec<Followed> = fresh
            .into_iter()
            .map(|file| Followed::new(self.key, &self.run, file))
            .collect();
        self.files.extend(fresh);
        self.settle();
        if !all_later {
            // A file from before the ones already read: everything in order, once more.
            self.files
                .sort_by_key(|file| position(file.path()).unwrap_or(usize::MAX));
            self.start_over(outlet)?;
        }
        Ok(())
    }

    /// A file is begun when the ones before it are read to their ends.
    fn turn(&mut self, turn: &Turn<'_>) -> Result<Step, Deaf> {
        for index in 0..self.files.len() {
            let Some(file) = self.files.get_mut(index) else {
                break;
            };
            let step = file.turn(turn.names, turn.outlet, turn.now, turn.last_word)?;
            if self.rotated {
                self.read.insert(file.inode());
            }
            match step {
                Step::UpToDate => {}
                Step::MoreToRead => return Ok(Step::MoreToRead),
                Step::StartedOver => {
                    self.start_over(turn.outlet)?;
                    return Ok(Step::MoreToRead);
                }
            }
        }
        Ok(Step::UpToDate)
    }
}
