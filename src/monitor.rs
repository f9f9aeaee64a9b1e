//! The threads: one reads, one owns the engine, one fits. The screen only gets
//! snapshots.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::engine::{Engine, FitDone, FitJob, Options};
use crate::snapshot::Snapshot;
use crate::source::SourceEvent;
use crate::source::reader::{self, Message, Outlet, ReaderOptions, now};
use crate::source::watch::Watch;

/// Batches that may wait for the engine; then the reader waits. Few, so that the same memory is filled again while
/// it is still in the cache.
const WAITING_BATCHES: usize = 4;
/// Shortest time between two snapshots.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
/// States that depend on time alone are looked at this often.
const LOOK_AT_CLOCK: Duration = Duration::from_secs(1);
/// The engine takes in at most this much before it looks at anything else.
const TAKE_FOR: Duration = Duration::from_millis(30);

/// A running monitor. Dropping it stops its threads.
pub struct Monitor {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    stop: Arc<AtomicBool>,
    wake_reader: SyncSender<()>,
    wake_engine: SyncSender<Message>,
    engine: Option<JoinHandle<()>>,
}

impl Monitor {
    /// Starts to read and follow.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(reading: ReaderOptions, options: Options) -> std::io::Result<Monitor> {
        let (messages, inbox) = sync_channel(WAITING_BATCHES);
        let (publish, snapshots) = watch::channel(Arc::new(Snapshot {
            taken_at: now(),
            loading: Some(crate::snapshot::Loading::default()),
            ..Snapshot::default()
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let watch = Watch::new();
        let wake_reader = watch.waker();
        let roots = reading.roots.clone();
        spawn_reader(reading, watch, messages.clone(), Arc::clone(&stop))?;
        let wake_engine = messages.clone();
        let jobs = spawn_fitter(messages)?;
        let stopped = Arc::clone(&stop);
        let engine = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || {
                // Reference runs are read here, behind the first frame.
                let spare = options.clone();
                let options = learn(options, &roots).unwrap_or_else(|error| {
                    tracing::warn!(%error, "reference runs cannot be read");
                    spare
                });
                follow(Engine::new(options), &inbox, &jobs, &publish, &stopped);
            })?;
        Ok(Monitor {
            snapshots,
            stop,
            wake_reader,
            wake_engine,
            engine: Some(engine),
        })
    }

    /// The newest snapshot, always.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Where there is no room for the word, nobody is waiting for one.
        let _ = self.wake_reader.try_send(());
        let _ = self.wake_engine.try_send(Message::Stop);
        if let Some(engine) = self.engine.take() {
            let _ = engine.join();
        }
    }
}

/// Reads everything once, makes every fit, and returns the engine.
///
/// # Errors
/// When the system cannot start a thread.
pub fn read_once(reading: ReaderOptions, options: Options) -> std::io::Result<Engine> {
    let roots = reading.roots.clone();
    let mut engine = read_without_fits(reading, learn(options, &roots)?, |_| {})?;
    // First every run by itself; then again those whose siblings have something to say.
    for _ in 0..2 {
        let jobs: Vec<FitJob> = std::iter::from_fn(|| engine.next_job(f64::INFINITY)).collect();
        for done in fit_all(jobs) {
            engine.finish(done, now());
        }
    }
    Ok(engine)
}

/// Reads everything once, makes no fits, and returns the engine. `look` sees each event
/// before the engine does.
///
/// # Errors
/// When the system cannot start a thread.
pub fn read_without_fits(
    reading: ReaderOptions,
    options: Options,
    mut look: impl FnMut(&SourceEvent),
) -> std::io::Result<Engine> {
    let (messages, inbox) = sync_channel(WAITING_BATCHES);
    let reading = ReaderOptions {
        follow: false,
        ..reading
    };
    spawn_reader(reading, Watch::new(), messages, Arc::new(AtomicBool::new(false)))?;
    let mut engine = Engine::new(options);
    for message in inbox {
        if let Message::Source(event) = message {
            look(&event);
            engine.apply(event, now());
        }
    }
    Ok(engine)
}

/// Reads the finished runs that the options name, and keeps what they have to say. Files
/// below the roots are left out: they are read anyway.
fn learn(options: Options, roots: &[PathBuf]) -> std::io::Result<Options> {
    if options.reference_paths.is_empty() {
        return Ok(options);
    }
    let reading = ReaderOptions {
        roots: options.reference_paths.clone(),
        names: options.names.clone(),
        grouping: options.config.grouping.clone(),
        feeds: Vec::new(),
        poll: Duration::from_secs(2),
        follow: false,
    };
    let alone = Options {
        reference_paths: Vec::new(),
        ..options.clone()
    };
    let whole = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let roots: Vec<PathBuf> = roots.iter().map(|root| whole(root)).collect();
    let elsewhere = |path: &Path| !roots.iter().any(|root| whole(path).starts_with(root));
    let said = read_once(reading, alone)?
        .members()
        .into_iter()
        .filter(|(path, _, _)| elsewhere(path))
        .map(|(_, quantity, member)| (quantity, member));
    Ok(Options {
        references: Arc::new(said.collect()),
        ..options
    })
}

/// Makes fits on all cores; the order of the results is that of the jobs.
fn fit_all(jobs: Vec<FitJob>) -> Vec<FitDone> {
    let workers = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(jobs.len().max(1));
    let share = jobs.len().div_ceil(workers).max(1);
    std::thread::scope(|scope| {
        let handles: Vec<_> = jobs
            .chunks(share)
            .map(|jobs| scope.spawn(move || jobs.iter().cloned().map(fit_safely).collect::<Vec<_>>()))
            .collect();
        handles
            .into_iter()
            .flat_map(|handle| handle.join().unwrap_or_default())
            .collect()
    })
}

/// A fit that panics is a failed fit, not the end of the program.
fn fit_safely(job: FitJob) -> FitDone {
    let spare = job.clone();
    catch_unwind(AssertUnwindSafe(|| job.run()))
        .unwrap_or_else(|_| spare.failed("internal error while fitting; please report it"))
}

fn spawn_reader(
    reading: ReaderOptions,
    watch: Watch,
    messages: SyncSender<Message>,
    stop: Arc<AtomicBool>,
) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("reader".to_owned())
        .spawn(move || reader::run(&reading, watch, &Outlet(messages), &stop))
        .map(drop)
}

fn spawn_fitter(messages: SyncSender<Message>) -> std::io::Result<SyncSender<FitJob>> {
    let (jobs, inbox) = sync_channel::<FitJob>(1);
    std::thread::Builder::new()
        .name("fit".to_owned())
        .spawn(move || {
            for job in inbox {
                if messages.send(Message::Fit(Box::new(fit_safely(job)))).is_err() {
                    return;
                }
            }
        })?;
    Ok(jobs)
}

/// The loop of the engine's thread.
fn follow(
    mut engine: Engine,
    inbox: &Receiver<Message>,
    jobs: &SyncSender<FitJob>,
    publish: &watch::Sender<Arc<Snapshot>>,
    stop: &AtomicBool,
) {
    let mut published = (u64::MAX, Instant::now() - PUBLISH_EVERY);
    let mut waiting: Option<FitJob> = None;
    while !stop.load(Ordering::Relaxed) {
        let pending = engine.revision() != published.0;
        let patience = if pending {
            PUBLISH_EVERY.saturating_sub(published.1.elapsed())
        } else {
            LOOK_AT_CLOCK
        };
        match inbox.recv_timeout(patience) {
            Ok(message) => take_in(&mut engine, message, inbox),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        waiting = waiting.or_else(|| engine.next_job(now()));
        if let Some(job) = waiting.take() {
            match jobs.try_send(job) {
                Ok(()) => {}
                Err(TrySendError::Full(job)) => waiting = Some(job),
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
        if published.1.elapsed() >= PUBLISH_EVERY {
            let snapshot = engine.snapshot(now());
            if snapshot.revision != published.0 {
                published = (snapshot.revision, Instant::now());
                if publish.send(Arc::new(snapshot)).is_err() {
                    return;
                }
            } else {
                published.1 = Instant::now();
            }
        }
    }
}

fn take_in(engine: &mut Engine, first: Message, inbox: &Receiver<Message>) {
    let started = Instant::now();
    let mut next = Some(first);
    while let Some(message) = next {
        match message {
            Message::Source(event) => engine.apply(event, now()),
            Message::Fit(done) => engine.finish(*done, now()),
            Message::Stop => return,
        }
        next = if started.elapsed() < TAKE_FOR {
            inbox.try_recv().ok()
        } else {
            None
        };
    }
}
