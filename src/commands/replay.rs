//! `losscast replay`: writes logs again over time, as their trainers would.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cli::Replay;
use crate::format::{Decoded, Decoder, SAMPLE_BYTES, Sample, stand_in};
use crate::metric::{Names, Quantity};
use crate::source::discover::discover;

/// Time between two writes.
const TICK: Duration = Duration::from_millis(50);
/// Steps between two rewrites of a document that does not say how often it is saved.
const SAVE_EVERY: u64 = 500;

/// Writes the logs of `settings` until all are done.
///
/// # Errors
/// When a source cannot be read, has no metrics, or the target cannot be written.
pub fn run(settings: &Replay) -> Result<()> {
    let mut logs = Vec::new();
    let found = discover(&settings.sources);
    if let Some((path, message)) = found.problems.first() {
        bail!("{}: {message}", path.display());
    }
    let paths: Vec<&Path> = found
        .candidates
        .iter()
        .map(|candidate| candidate.path.as_path())
        .collect();
    let common = common_folder(&paths);
    for candidate in &found.candidates {
        // Where names collide the id is the whole path; what tells the logs apart is its end.
        let id = Path::new(&candidate.id);
        let id = if id == candidate.path {
            id.strip_prefix(&common).unwrap_or(id)
        } else {
            id
        };
        // Nothing is ever written outside the target.
        let inside = id
            .components()
            .filter(|part| matches!(part, Component::Normal(_)));
        let target = settings.into.join(inside.collect::<PathBuf>());
        match Log::open(&candidate.path, &target, settings) {
            Ok(log) => logs.push(log),
            Err(error) if candidate.named => return Err(error),
            Err(error) => tracing::info!("left out: {error:#}"),
        }
    }
    if logs.is_empty() {
        bail!("no log with metrics found to replay; see `losscast inspect`");
    }
    let started = Instant::now();
    loop {
        let run_time = started.elapsed().as_secs_f64() * settings.speed;
        let mut done = true;
        for log in &mut logs {
            done &= log.write_until(run_time)?;
        }
        if done {
            return Ok(());
        }
        std::thread::sleep(TICK);
    }
}

/// The deepest folder that all of `paths` are in.
fn common_folder(paths: &[&Path]) -> PathBuf {
    let folder = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    let mut common = paths.first().map_or_else(PathBuf::new, |path| folder(path));
    for path in paths {
        while !path.starts_with(&common) && common.pop() {}
    }
    common
}

/// A log on its way.
struct Log {
    target: PathBuf,
    file: File,
    content: Vec<u8>,
    /// Ends of the pieces, with the seconds of run time at which they are written.
    pieces: Vec<(f64, Piece)>,
    written: usize,
    position: usize,
}

enum Piece {
    /// The bytes up to this position.
    Until(usize),
    /// The whole document, written anew.
    Document(String),
}

impl Log {
    fn open(source: &Path, target: &Path, settings: &Replay) -> Result<Log> {
        let content = std::fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
        let mut pieces = pieces(&content).with_context(|| format!("cannot replay {}", source.display()))?;
        let keep = (pieces.len() as f64 * settings.until).ceil() as usize;
        pieces.truncate(keep.max(1));
        // What stands at the beginning is written at once; the clock starts behind it.
        let head_start = pieces
            .get((pieces.len() as f64 * settings.start) as usize)
            .map_or(f64::MAX, |(time, _)| *time);
        for (time, _) in &mut pieces {
            *time -= head_start.min(1e300);
        }
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(target)
            .with_context(|| {
                format!(
                    "cannot create {}; replay never overwrites a file",
                    target.display()
                )
            })?;
        Ok(Log {
            target: target.to_owned(),
            file,
            content,
            pieces,
            written: 0,
            position: 0,
        })
    }

    /// Writes what is due at this run time. True when all is written.
    fn write_until(&mut self, run_time: f64) -> Result<bool> {
        let due = self.pieces.partition_point(|(time, _)| *time <= run_time);
        if due > self.written {
            self.write(due)
                .with_context(|| format!("cannot write {}", self.target.display()))?;
            self.written = due;
        }
        Ok(self.written >= self.pieces.len())
    }

    fn write(&mut self, due: usize) -> std::io::Result<()> {
        match self.pieces.get(due - 1) {
            Some((_, Piece::Until(end))) => {
                self.file
                    .write_all(self.content.get(self.position..*end).unwrap_or_default())?;
                self.position = *end;
            }
            Some((_, Piece::Document(text))) => {
                // In place, as the Trainer does.
                self.file.set_len(0)?;
                self.file.seek(SeekFrom::Start(0))?;
                self.file.write_all(text.as_bytes())?;
            }
            None => {}
        }
        self.file.flush()
    }
}

/// Cuts a log into the pieces in which its trainer wrote it.
fn pieces(content: &[u8]) -> Result<Vec<(f64, Piece)>> {
    let mut names = Cow::Owned(Names::default());
    let tail_start = content
        .len()
        .saturating_sub(SAMPLE_BYTES)
        .max(SAMPLE_BYTES.min(content.len()));
    let sample = Sample {
        head: content.get(..SAMPLE_BYTES).unwrap_or(content),
        tail: content.get(tail_start..).unwrap_or_default(),
    };
    let Some((format, _)) = stand_in::recognise(&sample, &mut names) else {
        bail!("no metrics recognised");
    };
    match format.decoder(&sample, &names) {
        Decoder::Lines(mut decoder) => {
            let mut clock = Clock::default();
            let mut pieces = Vec::new();
            let mut start = 0;
            let ends = memchr::memchr_iter(b'\n', content)
                .map(|end| end + 1)
                .chain([content.len()]);
            for (number, end) in ends.enumerate() {
                let line = content.get(start..end).unwrap_or_default();
                if line.is_empty() {
                    continue;
                }
                let mut decoded = Decoded::default();
                decoder.line(
                    number as u64 + 1,
                    line.strip_suffix(b"\n").unwrap_or(line),
                    &mut decoded,
                );
                pieces.push((clock.time(&decoded), Piece::Until(end)));
                start = end;
            }
            Ok(pieces)
        }
        Decoder::Document(_) => documents(content),
        Decoder::Frames(mut decoder) => {
            // Written in pages that cut records, as tensorboardX does.
            const PAGE: usize = 4096;
            let mut clock = Clock::default();
            let (mut pieces, mut start, mut end) = (Vec::new(), 0, 0);
            while end < content.len() {
                end = (end + PAGE).min(content.len());
                let mut decoded = Decoded::default();
                start += decoder
                    .frames(content.get(start..end).unwrap_or_default(), &mut decoded)
                    .consumed;
                pieces.push((clock.time(&decoded), Piece::Until(end)));
            }
            Ok(pieces)
        }
    }
}

/// The states of a Hugging Face `trainer_state.json`, one per save.
fn documents(content: &[u8]) -> Result<Vec<(f64, Piece)>> {
    let state: Value = serde_json::from_slice(content).context("not a JSON document")?;
    let history = state
        .get("log_history")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let step = |row: &Value| row.get("step").and_then(Value::as_u64).unwrap_or_default();
    let save = state
        .get("save_steps")
        .and_then(Value::as_u64)
        .filter(|steps| *steps > 0)
        .unwrap_or(SAVE_EVERY);
    let last = history.last().map_or(0, step);
    let mut pieces = Vec::new();
    for save in (1..=last / save + 1).map(|index| (index * save).min(last)) {
        let rows: Vec<Value> = history.iter().filter(|row| step(row) <= save).cloned().collect();
        let mut state = state.clone();
        if let Some(fields) = state.as_object_mut() {
            fields.insert("log_history".to_owned(), Value::Array(rows));
            fields.insert("global_step".to_owned(), Value::from(save));
        }
        pieces.push((
            save as f64,
            Piece::Document(serde_json::to_string_pretty(&state)?),
        ));
    }
    Ok(pieces)
}

/// The time of each record since the first: logged, or one second a step.
#[derive(Default)]
struct Clock {
    first: Option<(u64, f64)>,
    now: f64,
}

/// A pause longer than this is shortened to it: nobody wants to watch a night.
const LONGEST_PAUSE: f64 = 600.0;

impl Clock {
    fn time(&mut self, decoded: &Decoded) -> f64 {
        let Some(last) = decoded.records.len().checked_sub(1) else {
            return self.now;
        };
        let row = decoded.records.row(last);
        let logged = [Quantity::WallTime, Quantity::Elapsed]
            .into_iter()
            .find_map(|quantity| row.value(quantity));
        let (first_step, first_time) = *self.first.get_or_insert((row.step(), logged.unwrap_or(0.0)));
        let time = match logged {
            Some(time) if time.is_finite() => time - first_time,
            _ => row.step().saturating_sub(first_step) as f64,
        };
        if time > self.now + LONGEST_PAUSE {
            // The clock of the log jumps; ours goes on from here.
            self.first = Some((first_step, first_time + (time - self.now - LONGEST_PAUSE)));
            self.now += LONGEST_PAUSE;
        } else {
            self.now = self.now.max(time);
        }
        self.now
    }
}
