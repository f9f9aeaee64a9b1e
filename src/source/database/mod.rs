//! Databases of runs: polled for rows newer than the last one seen.

pub mod snapshot;
pub mod store;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use snapshot::{Snapshot, SnapshotError, Stamp};
use store::{Batch, FEWEST_ROWS, MOST_ROWS, RunDecoder, Store};

use super::discover::{Candidate, explain};
use super::file::{Step, has_settled};
use super::group::Log;
use super::reader::{Deaf, Follow, Outlet, Turn, now};
use super::{FileKey, SourceEvent};
use crate::format::Decoded;
use crate::format::passes::Passes;
use crate::format::records::How;
use crate::run::Identity;
use crate::text::printable;

/// A database that is written at every attempt is tried this often in one turn, or
/// this often when there will be no other turn.
const ATTEMPTS: u32 = 4;
const LAST_ATTEMPTS: u32 = 500;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);

/// A followed database.
pub struct DatabaseLog {
    path: PathBuf,
    /// Id of the file, and of the run that its folder is.
    id: String,
    home: String,
    named: bool,
    size: u64,
    store: Option<Store>,
    runs: BTreeMap<String, KnownRun>,
    /// The last row that was read.
    last: Option<(i64, String)>,
    snapshot: Option<Snapshot>,
    /// Rows to read at once: few where there is little time between two writes.
    most_rows: i64,
    /// How the files looked when everything had been read.
    done: Option<Stamp>,
    passes: Passes,
    problem: bool,
}

struct KnownRun {
    key: FileKey,
    /// As its client calls it; others may be called the same.
    name: String,
    decoder: RunDecoder,
    columns_told: usize,
    /// What is set, as it was told.
    settings: Decoded,
    /// When its last rows were read, seconds since the Unix epoch.
    read_at: f64,
    /// How it has ended, and as what that was told.
    ending: Option<How>,
    told_ending: Option<How>,
}

impl DatabaseLog {
    /// Starts to follow a database.
    pub fn new(log: &Log, file: &Candidate) -> Self {
        DatabaseLog {
            path: file.path.clone(),
            id: file.id.clone(),
            home: log.run.clone(),
            named: file.named,
            size: file.size,
            store: None,
            runs: BTreeMap::new(),
            last: None,
            snapshot: None,
            most_rows: MOST_ROWS,
            done: None,
            passes: Passes::default(),
            problem: false,
        }
    }

    fn tell(&mut self, message: String, outlet: &Outlet) -> Result<Step, Deaf> {
        if !self.problem {
            self.problem = true;
            outlet.send(SourceEvent::Problem {
                path: self.path.clone(),
                message,
            })?;
        }
        Ok(Step::UpToDate)
    }

    /// Reads the next rows from one state of the database.
    fn read(&mut self, turn: &Turn<'_>) -> Result<Option<News>, SnapshotError> {
        let snapshot = match self.snapshot.take() {
            Some(snapshot) => snapshot,
            None => Snapshot::open(&self.path, now())?,
        };
        match self.query(&snapshot, turn) {
            // What was read while somebody wrote counts for nothing, errors included.
            result if !snapshot.holds() => {
                drop(result);
                self.most_rows = (self.most_rows / 4).max(FEWEST_ROWS);
                Err(SnapshotError::Busy)
            }
            Ok(news) => {
                self.snapshot = Some(snapshot);
                self.most_rows = (self.most_rows * 2).min(MOST_ROWS);
                Ok(news)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn query(&self, snapshot: &Snapshot, turn: &Turn<'_>) -> rusqlite::Result<Option<News>> {
        let connection = &snapshot.connection;
        let Some(store) = Store::of(connection)? else {
            return Ok(None);
        };
        let rewritten = match &self.last {
            Some((id, digest)) => store.digest(connection, *id)?.as_ref() != Some(digest),
            None => false,
        };
        let after = self
            .last
            .as_ref()
            .filter(|_| !rewritten)
            .map_or(i64::MIN, |(id, _)| *id);
        let batch = store.rows(connection, after, self.most_rows)?;
        let mut news = News {
            store,
            rewritten,
            names: Vec::new(),
            decoders: BTreeMap::new(),
            settings: BTreeMap::new(),
            endings: store.endings(connection)?,
            batch,
        };
        if news.batch.rows.keys().any(|uid| !self.runs.contains_key(uid)) {
            news.names = store.runs(connection)?;
        }
        let nothing = Decoded::default();
        for uid in news.batch.rows.keys() {
            let known = self.runs.get(uid);
            let mut decoded = Decoded::default();
            if let Some(run) = known {
                // More may be set, or something else, when the run is on its way.
                store.settings(connection, uid, &run.decoder, &mut decoded)?;
            } else {
                let decoder = store.decoder(connection, turn.names, uid)?;
                store.settings(connection, uid, &decoder, &mut decoded)?;
                news.decoders.insert(uid.clone(), decoder);
            }
            if decoded != *known.map_or(&nothing, |run| &run.settings) {
                news.settings.insert(uid.clone(), decoded);
            }
        }
        Ok(Some(news))
    }

    /// Passes on what was read.
    fn deliver(&mut self, news: News, turn: &Turn<'_>) -> Result<Step, Deaf> {
        self.store = Some(news.store);
        if news.rewritten {
            self.forget(turn.outlet)?;
        }
        let any_new = !news.decoders.is_empty();
        for (uid, decoder) in news.decoders {
            let stored = news.names.iter().find(|run| run.uid == uid);
            let run = KnownRun {
                key: turn.keys.fresh(),
                name: stored.map_or_else(String::new, |run| run.name.clone()),
                decoder,
                columns_told: 0,
                settings: Decoded::default(),
                read_at: turn.now,
                ending: None,
                told_ending: None,
            };
            self.runs.insert(uid, run);
        }
        if any_new {
            self.introduce(news.store, turn.outlet)?;
        }
        for (uid, run) in &mut self.runs {
            run.ending = news.endings.get(uid).copied();
        }
        let modified = self
            .snapshot
            .as_ref()
            .map_or(turn.now, |snapshot| snapshot.stamp.modified());
        let Batch { rows, last, full } = news.batch;
        let mut settings = news.settings;
        for (uid, rows) in rows {
            let Some(run) = self.runs.get_mut(&uid) else {
                continue;
            };
            let told = settings.remove(&uid);
            if let Some(told) = &told {
                run.settings.clone_from(told);
            }
            let mut decoded = told.unwrap_or_default();
            run.decoder.decode(rows, &mut decoded);
            run.read_at = turn.now;
            if self.passes.again(decoded.remapped) {
                self.forget(turn.outlet)?;
                return Ok(Step::MoreToRead);
            }
            let columns = run.decoder.columns();
            if columns.len() != run.columns_told {
                run.columns_told = columns.len();
                turn.outlet.send(SourceEvent::Columns {
                    key: run.key,
                    columns,
                })?;
            }
            turn.outlet.send(SourceEvent::Records {
                key: run.key,
                decoded: Box::new(decoded),
                modified,
            })?;
        }
        self.last = last.or(self.last.take());
        if full {
            return Ok(Step::MoreToRead);
        }
        self.passes.settle();
        self.done = self.snapshot.take().map(|snapshot| snapshot.stamp);
        self.finish(turn)
    }

    /// Passes on the last record of each run, once it is complete.
    fn finish(&mut self, turn: &Turn<'_>) -> Result<Step, Deaf> {
        let modified = self.done.as_ref().map_or(turn.now, Stamp::modified);
        for run in self.runs.values_mut() {
            let mut decoded = Decoded::default();
            // Other runs may be written all the time.
            if has_settled(modified.min(run.read_at), turn.now, turn.last_word) {
                run.decoder.finish(&mut decoded);
                let told = std::mem::replace(&mut run.told_ending, run.ending);
                if let Some(how) = run.ending.filter(|how| told != Some(*how)) {
                    decoded.end(None, how);
                }
            }
            if !decoded.records.is_empty() || !decoded.endings.is_empty() {
                turn.outlet.send(SourceEvent::Records {
                    key: run.key,
                    decoded: Box::new(decoded),
                    modified,
                })?;
            }
        }
        Ok(Step::UpToDate)
    }

    /// Tells which runs there are. The only run of a database may be the one that its
    /// folder is; several are told apart by their names.
    fn introduce(&self, store: Store, outlet: &Outlet) -> Result<(), Deaf> {
        let only = self.runs.len() == 1 && self.home != self.id;
        let mut called: HashMap<&str, usize> = HashMap::new();
        for run in self.runs.values() {
            *called.entry(&run.name).or_default() += 1;
        }
        for (uid, run) in &self.runs {
            let short: String = uid.chars().take(8).collect();
            let id = match run.name.as_str() {
                _ if only => self.home.clone(),
                "" => format!("{}/{short}", self.id),
                name if called.get(name).is_some_and(|count| *count > 1) => {
                    format!("{}/{name}-{short}", self.id)
                }
                name => format!("{}/{name}", self.id),
            };
            outlet.send(SourceEvent::Found {
                key: run.key,
                identity: Identity {
                    id: printable(&id),
                    path: self.path.clone(),
                    format: store.format(),
                },
            })?;
        }
        Ok(())
    }

    /// All rows will come again.
    fn forget(&mut self, outlet: &Outlet) -> Result<(), Deaf> {
        self.last = None;
        self.done = None;
        for run in self.runs.values_mut() {
            run.decoder.start_over();
            run.settings = Decoded::default();
            run.told_ending = None;
            outlet.send(SourceEvent::Reread { key: run.key })?;
        }
        Ok(())
    }
}

/// Rows and what is needed to understand them.
struct News {
    store: Store,
    /// The rows read before are not there any more.
    rewritten: bool,
    names: Vec<store::StoredRun>,
    decoders: BTreeMap<String, RunDecoder>,
    settings: BTreeMap<String, Decoded>,
    endings: BTreeMap<String, How>,
    batch: Batch,
}

impl Follow for DatabaseLog {
    fn size(&self) -> u64 {
        self.size
    }

    fn bytes_read(&self) -> u64 {
        if self.done.is_some() { self.size } else { 0 }
    }

    fn keys(&self) -> Vec<FileKey> {
        self.runs.values().map(|run| run.key).collect()
    }

    fn update(&mut self, log: &Log, outlet: &Outlet) -> Result<(), Deaf> {
        if self.home != log.run {
            self.home.clone_from(&log.run);
            if let Some(store) = self.store {
                self.introduce(store, outlet)?;
            }
        }
        Ok(())
    }

    fn turn(&mut self, turn: &Turn<'_>) -> Result<Step, Deaf> {
        match Stamp::of(&self.path) {
            Ok(stamp) if self.done.as_ref() == Some(&stamp) => return self.finish(turn),
            Ok(stamp) => self.size = stamp.size(),
            // It may come back; what was read stays.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Step::UpToDate),
            Err(error) => return self.tell(explain(&error), turn.outlet),
        }
        let attempts = if turn.last_word { LAST_ATTEMPTS } else { ATTEMPTS };
        for attempt in 0..attempts {
            if attempt > 0 {
                std::thread::sleep(BETWEEN_ATTEMPTS);
            }
            match self.read(turn) {
                Err(SnapshotError::Busy) => {}
                Err(error) => {
                    self.done = Stamp::of(&self.path).ok();
                    let advice = "it may be damaged; `sqlite3 FILE 'PRAGMA integrity_check'` tells";
                    return self.tell(
                        format!("cannot be read as a database: {error}; {advice}"),
                        turn.outlet,
                    );
                }
                Ok(None) => {
                    self.done = Stamp::of(&self.path).ok();
                    if self.named && self.size > 0 {
                        let message = "an SQLite database without a table of metrics that is known; \
                                       those of MLflow and Trackio are read";
                        return self.tell(message.to_owned(), turn.outlet);
                    }
                    return Ok(Step::UpToDate);
                }
                Ok(Some(news)) => {
                    if std::mem::take(&mut self.problem) {
                        let path = self.path.clone();
                        turn.outlet.send(SourceEvent::Solved { path })?;
                    }
                    return self.deliver(news, turn);
                }
            }
        }
        Ok(Step::UpToDate)
    }
}

/// True when a file begins as SQLite databases do, or is empty as one that was just created.
pub fn begins_like_one(path: &Path) -> bool {
    use std::io::Read;
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let mut head = [0u8; 16];
    std::fs::File::open(path)
        .and_then(|mut file| file.read(&mut head))
        .is_ok_and(|read| read == 0 || &head == MAGIC)
}
