//! A run that is a folder with one growing file per metric: MLflow's file store, DVCLive.

use std::path::{Path, PathBuf};

use super::discover::{Candidate, explain};
use super::file::{Step, has_settled};
use super::group::Log;
use super::reader::{Deaf, Follow, Outlet, Turn};
use super::settings;
use super::tail::{Look, Tail};
use super::{FileKey, SourceEvent};
use crate::format::Decoded;
use crate::format::dvclive;
use crate::format::mlflow::{self, Metric, MetricDecoder};
use crate::format::passes::Passes;
use crate::format::records::How;
use crate::run::Identity;
use crate::text::printable;

/// Bytes read of each file in one turn.
const TURN_BYTES: usize = 1 << 17;
/// What is set is looked at until no metric has come for so many seconds.
const SETTINGS_FOR: f64 = 60.0;
/// A parameter is a word or two; a file of more than this is none.
const LARGEST_PARAMETER: u64 = 1 << 16;

/// Who wrote the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// MLflow.
    Mlflow,
    /// DVCLive.
    Dvclive,
}

impl Store {
    const fn name(self) -> &'static str {
        match self {
            Store::Mlflow => "mlflow",
            Store::Dvclive => "dvclive",
        }
    }

    /// Where the files of the metrics are, within the folder of a run.
    pub const fn metrics(self) -> &'static str {
        match self {
            Store::Mlflow => "metrics",
            Store::Dvclive => "plots/metrics",
        }
    }

    /// The name of the metric in a file of that folder: `train/loss` is a file in a folder.
    fn key(self, file: &Path) -> String {
        match self {
            Store::Mlflow => file.to_string_lossy().into_owned(),
            Store::Dvclive => file.with_extension("").to_string_lossy().into_owned(),
        }
    }

    /// How the run in a folder has ended, where that is written down.
    fn ending(self, folder: &Path) -> Option<How> {
        match self {
            Store::Mlflow => {
                let meta = std::fs::read_to_string(folder.join(mlflow::META)).ok()?;
                mlflow::ending(&mlflow::field(&meta, "status")?)
            }
            Store::Dvclive => None,
        }
    }

    fn lines(self) -> Lines {
        match self {
            Store::Mlflow => Lines::Mlflow,
            Store::Dvclive => Lines::Dvclive(dvclive::Lines::default()),
        }
    }
}

/// How the lines of a file are read.
enum Lines {
    Mlflow,
    Dvclive(dvclive::Lines),
}

/// A followed run.
pub struct MetricFiles {
    key: FileKey,
    store: Store,
    run: String,
    folder: PathBuf,
    metrics: Vec<MetricFile>,
    decoder: Option<MetricDecoder>,
    /// What is set, as it was told.
    settings: Decoded,
    settings_looked_at: f64,
    /// How it has ended, as it was told.
    ending: Option<How>,
    ending_looked_at: f64,
    /// Values that are later than what is still to be read of other files.
    waiting: Vec<Metric>,
    columns_told: usize,
    passes: Passes,
    problem: Option<PathBuf>,
}

struct MetricFile {
    key: String,
    lines: Lines,
    tail: Tail,
    size: u64,
    /// The beginning of a line that is not complete yet.
    pending: Vec<u8>,
}

impl MetricFiles {
    /// Starts to follow the run in `folder`.
    pub fn new(key: FileKey, log: &Log, folder: &Path, store: Store) -> Self {
        let mut run = MetricFiles {
            key,
            store,
            run: log.run.clone(),
            folder: folder.to_owned(),
            metrics: Vec::new(),
            decoder: None,
            settings: Decoded::default(),
            settings_looked_at: f64::NEG_INFINITY,
            ending: None,
            ending_looked_at: f64::NEG_INFINITY,
            waiting: Vec::new(),
            columns_told: 0,
            passes: Passes::default(),
            problem: None,
        };
        run.take_up(&log.files);
        run
    }

    fn take_up(&mut self, files: &[Candidate]) {
        let folder = self.folder.join(self.store.metrics());
        for file in files {
            match self
                .metrics
                .iter_mut()
                .find(|metric| metric.tail.path() == file.path)
            {
                Some(known) => known.size = known.size.max(file.size),
                None => self.metrics.push(MetricFile {
                    key: self
                        .store
                        .key(file.path.strip_prefix(&folder).unwrap_or(&file.path)),
                    lines: self.store.lines(),
                    tail: Tail::new(file.path.clone()),
                    size: file.size,
                    pending: Vec::new(),
                }),
            }
        }
    }

    fn introduce(&self, outlet: &Outlet) -> Result<(), Deaf> {
        outlet.send(SourceEvent::Found {
            key: self.key,
            identity: Identity {
                id: printable(&self.run),
                path: self.folder.clone(),
                format: self.store.name(),
            },
        })
    }

    fn begin(&mut self, turn: &Turn<'_>) -> Result<(), Deaf> {
        let keys = self.metrics.iter().map(|metric| metric.key.as_str());
        let decoder = MetricDecoder::new(turn.names, keys);
        self.decoder = Some(decoder);
        self.introduce(turn.outlet)
    }

    /// Tells what is set, when it is something else than what was told: it may be written, or be
    /// complete, only after the first metrics.
    fn tell_settings(&mut self, turn: &Turn<'_>) -> Result<(), Deaf> {
        let Some(decoder) = &self.decoder else {
            return Ok(());
        };
        let was_looked_at = self.settings_looked_at.is_finite();
        let is_over = turn.now - self.modified() > SETTINGS_FOR;
        if was_looked_at && (is_over || turn.now < self.settings_looked_at + settings::LOOK_AGAIN) {
            return Ok(());
        }
        self.settings_looked_at = turn.now;
        let mut decoded = Decoded::default();
        match self.store {
            Store::Mlflow => parameters(&self.folder.join("params"), decoder, &mut decoded),
            Store::Dvclive => decoded.hints = settings::beside(&self.folder.join("metrics.json")),
        }
        if decoded == self.settings {
            return Ok(());
        }
        self.settings = decoded.clone();
        turn.outlet.send(SourceEvent::Records {
            key: self.key,
            decoded: Box::new(decoded),
            modified: self.modified(),
        })
    }

    /// How the run has ended, when that is something else than what was told.
    fn news_of_its_end(&mut self, now: f64) -> Option<How> {
        if now < self.ending_looked_at + settings::LOOK_AGAIN {
            return None;
        }
        self.ending_looked_at = now;
        let ending = self.store.ending(&self.folder);
        let known = std::mem::replace(&mut self.ending, ending);
        ending.filter(|_| ending != known)
    }

    fn modified(&self) -> f64 {
        self.metrics
            .iter()
            .map(|metric| metric.tail.modified())
            .fold(0.0, f64::max)
    }

    fn start_over(&mut self, outlet: &Outlet) -> Result<Step, Deaf> {
        for metric in &mut self.metrics {
            metric.tail.start_over();
            metric.pending.clear();
            metric.lines = self.store.lines();
        }
        if let Some(decoder) = &mut self.decoder {
            decoder.start_over();
        }
        self.waiting.clear();
        self.columns_told = 0;
        self.settings = Decoded::default();
        self.settings_looked_at = f64::NEG_INFINITY;
        self.ending = None;
        self.ending_looked_at = f64::NEG_INFINITY;
        outlet.send(SourceEvent::Reread { key: self.key })?;
        Ok(Step::MoreToRead)
    }
}

/// Takes in the parameters of an MLflow run, one file each.
fn parameters(folder: &Path, decoder: &MetricDecoder, decoded: &mut Decoded) {
    for entry in walkdir::WalkDir::new(folder).into_iter().flatten() {
        let small = entry
            .metadata()
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LARGEST_PARAMETER);
        if let Some(value) = small.then(|| std::fs::read(entry.path()).ok()).flatten() {
            let name = entry.file_name().to_string_lossy();
            decoder.parameter(&name, String::from_utf8_lossy(&value).trim(), decoded);
        }
    }
}

impl MetricFile {
    /// Adds the values of the lines that are new. Returns the time of the last of them when there is
    /// more to read.
    fn read(
        &mut self,
        decoded: &mut Decoded,
        values: &mut Vec<Metric>,
    ) -> std::io::Result<Option<(Option<i64>, i64)>> {
        let known = values.len();
        let count = self.tail.read(&mut self.pending, TURN_BYTES)?;
        let end = memchr::memrchr(b'\n', &self.pending).map_or(0, |end| end + 1);
        let complete = self.pending.get(..end).unwrap_or_default();
        for line in complete.split(|byte| *byte == b'\n') {
            if line.trim_ascii().is_empty() {
                continue;
            }
            match &mut self.lines {
                Lines::Mlflow => match mlflow::parse_line(&self.key, line) {
                    Some(metric) => values.push(metric),
                    None => decoded.skip(0, "not `timestamp value step`", line),
                },
                Lines::Dvclive(lines) => match lines.parse(&self.key, line) {
                    Some(metric) => values.extend(metric),
                    None => decoded.skip(0, "not the step and the value that the header promises", line),
                },
            }
        }
        self.pending.drain(..end);
        let last = values.get(known..).and_then(<[Metric]>::last);
        Ok((count == TURN_BYTES).then(|| last.map_or((None, i64::MIN), Metric::time)))
    }
}

impl Follow for MetricFiles {
    fn size(&self) -> u64 {
        self.metrics.iter().map(|metric| metric.size).sum()
    }

    fn bytes_read(&self) -> u64 {
        self.metrics.iter().map(|metric| metric.tail.position()).sum()
    }

    fn keys(&self) -> Vec<FileKey> {
        vec![self.key]
    }

    fn update(&mut self, log: &Log, outlet: &Outlet) -> Result<(), Deaf> {
        self.take_up(&log.files);
        if self.run != log.run {
            self.run.clone_from(&log.run);
            self.introduce(outlet)?;
        }
        Ok(())
    }

    fn turn(&mut self, turn: &Turn<'_>) -> Result<Step, Deaf> {
        if self.decoder.is_none() {
            self.begin(turn)?;
        }
        self.tell_settings(turn)?;
        let mut decoded = Decoded::default();
        // How far the files with more to read have come.
        let mut read_until: Option<(Option<i64>, i64)> = None;
        let mut restarted = false;
        let mut failed = None;
        for metric in &mut self.metrics {
            match metric.tail.look() {
                Ok(Look::Restarted) => restarted = true,
                Ok(Look::Grown) => match metric.read(&mut decoded, &mut self.waiting) {
                    Ok(Some(until)) => read_until = Some(read_until.map_or(until, |known| known.min(until))),
                    Ok(None) => {}
                    Err(error) => failed = Some((metric.tail.path().to_owned(), error)),
                },
                Ok(Look::Same | Look::Gone) => {}
                Err(error) => failed = Some((metric.tail.path().to_owned(), error)),
            }
        }
        if restarted {
            return self.start_over(turn.outlet);
        }
        if let Some((path, error)) = &failed
            && self.problem.is_none()
        {
            self.problem = Some(path.clone());
            turn.outlet.send(SourceEvent::Problem {
                path: path.clone(),
                message: explain(error),
            })?;
        } else if failed.is_none()
            && let Some(path) = self.problem.take()
        {
            turn.outlet.send(SourceEvent::Solved { path })?;
        }
        let modified = self.modified();
        let is_whole = has_settled(modified, turn.now, turn.last_word);
        let in_time = |value: &mut Metric| read_until.is_none_or(|until| value.time() < until);
        let values = self.waiting.extract_if(.., in_time).collect();
        let is_all = read_until.is_none() && is_whole;
        let ending = if is_all {
            self.news_of_its_end(turn.now)
        } else {
            None
        };
        if let Some(decoder) = &mut self.decoder {
            decoder.metrics(values, &mut decoded);
            if is_all {
                decoder.finish(&mut decoded);
            }
            if let Some(how) = ending {
                decoded.end(None, how);
            }
            if self.passes.again(decoded.remapped) {
                return self.start_over(turn.outlet);
            }
            let columns = decoder.columns();
            if columns.len() != self.columns_told {
                self.columns_told = columns.len();
                turn.outlet.send(SourceEvent::Columns {
                    key: self.key,
                    columns,
                })?;
            }
        }
        if decoded.lines + decoded.skipped > 0 || !decoded.records.is_empty() || ending.is_some() {
            turn.outlet.send(SourceEvent::Records {
                key: self.key,
                decoded: Box::new(decoded),
                modified,
            })?;
        }
        if read_until.is_none() {
            self.passes.settle();
        }
        Ok(match (read_until, is_whole) {
            (Some(_), _) => Step::MoreToRead,
            (None, true) => Step::UpToDate,
            (None, false) => Step::Unsettled,
        })
    }
}
