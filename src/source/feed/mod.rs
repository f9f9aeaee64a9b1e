//! Logs that are not files here: standard input and other machines.
//!
//! A feed is mirrored into files of a temporary folder, which are then followed like
//! any other log. So everything that needs to read twice, or to look at both ends,
//! works for feeds as well.

mod ssh;
mod stdin;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use thiserror::Error;

pub use ssh::Address;

/// What standard input is called on the command line.
pub const STDIN: &str = "-";

/// A feed and how it is doing.
#[derive(Debug)]
pub struct Feed {
    /// As the user named it.
    pub name: String,
    /// The file or folder that mirrors it.
    pub mirror: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Why nothing comes, when nothing does.
    problem: Option<String>,
    /// Everything that there was at the start is in the mirror.
    settled: bool,
    /// Nobody reads the mirror any more.
    stopped: bool,
}

impl Feed {
    fn new(name: String, mirror: PathBuf) -> Arc<Feed> {
        Arc::new(Feed {
            name,
            mirror,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked cannot leave half a state behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing comes, when nothing does.
    pub fn problem(&self) -> Option<String> {
        self.state().problem.clone()
    }

    fn set_problem(&self, problem: Option<String>) {
        self.state().problem = problem;
    }

    fn settle(&self) {
        self.state().settled = true;
    }

    fn stopped(&self) -> bool {
        self.state().stopped
    }

    /// Waits until everything that there was at the start has come, or until it is
    /// clear that it will not.
    pub fn wait_until_settled(&self) {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        while !self.state().settled {
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Sleeps, unless it is stopped meanwhile.
    fn sleep(&self, duration: Duration) {
        const LOOK_EVERY: Duration = Duration::from_millis(50);
        let until = Instant::now() + duration;
        while Instant::now() < until && !self.stopped() {
            std::thread::sleep(LOOK_EVERY.min(duration));
        }
    }
}

/// What is told of a feed before it is known whether anything comes.
pub const CONNECTING: &str = "connecting…";

/// Why a feed cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FeedError {
    /// The address cannot be understood.
    #[error("{0}")]
    Address(String),
    /// There is no room for its mirror.
    #[error("cannot mirror it in {folder}")]
    Mirror {
        /// The folder for temporary files.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// All feeds of the command line. They end, and their mirrors go, when it is dropped.
#[derive(Debug, Default)]
pub struct Feeds {
    feeds: Vec<Arc<Feed>>,
    _folder: Option<TempDir>,
}

/// How feeds are read.
#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// The command that connects to another machine, with its options.
    pub ssh: Vec<String>,
    /// Time between two looks at another machine.
    pub poll: Duration,
    /// Keep following, or stop once everything has come.
    pub follow: bool,
}

impl Feeds {
    /// Starts to mirror those of the roots that are feeds, and puts their mirrors in
    /// their places.
    ///
    /// # Errors
    /// When an address is wrong or there is no room.
    pub fn start(roots: &mut [PathBuf], options: &FeedOptions) -> Result<Feeds, FeedError> {
        let is_feed = |root: &PathBuf| root.as_os_str() == STDIN || Address::is_one(root);
        if !roots.iter().any(is_feed) {
            return Ok(Feeds::default());
        }
        let room = |source| FeedError::Mirror {
            folder: std::env::temp_dir(),
            source,
        };
        let folder = tempfile::Builder::new()
            .prefix("losscast-")
            .tempdir()
            .map_err(room)?;
        let mut feeds = Vec::new();
        for root in roots.iter_mut().filter(|root| is_feed(root)) {
            let name = root.to_string_lossy().into_owned();
            // A second mention of standard input is the same one.
            if let Some(known) = feeds.iter().find(|feed: &&Arc<Feed>| feed.name == name) {
                root.clone_from(&known.mirror);
                continue;
            }
            let place = folder.path().join(feeds.len().to_string());
            std::fs::create_dir_all(&place).map_err(room)?;
            let feed = if name == STDIN {
                stdin::start(&place).map_err(room)?
            } else {
                ssh::start(Address::parse(&name)?, name, &place, options).map_err(room)?
            };
            root.clone_from(&feed.mirror);
            feeds.push(feed);
        }
        Ok(Feeds {
            feeds,
            _folder: Some(folder),
        })
    }

    /// The feeds, for the reader.
    pub fn all(&self) -> Vec<Arc<Feed>> {
        self.feeds.clone()
    }
}

impl Drop for Feeds {
    fn drop(&mut self) {
        for feed in &self.feeds {
            feed.state().stopped = true;
        }
    }
}

/// Creates the folders above a file of the mirror.
fn make_room(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)
}
