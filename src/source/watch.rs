//! Hints from the operating system that something changed.
//!
//! Hints only make reading sooner. Network file systems send none, so the reader
//! polls whatever happens here.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use notify::event::ModifyKind;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// At most this many folders are watched; inotify has a limit per user.
const MOST_FOLDERS: usize = 4096;

/// Wakes the reader when a watched folder changes.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    watched: Vec<PathBuf>,
    wake: Receiver<()>,
    waker: SyncSender<()>,
    /// Files or folders came, went or were renamed since this was last asked.
    rearranged: Arc<AtomicBool>,
}

impl Watch {
    /// A watch without folders. When the system offers no events it merely waits.
    pub fn new() -> Self {
        // One pending wake is enough: the reader looks at everything that is due.
        let (waker, wake) = sync_channel(1);
        let on_event = waker.clone();
        let rearranged = Arc::new(AtomicBool::new(false));
        let arrange = Arc::clone(&rearranged);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else {
                return;
            };
            if matches!(
                event.kind,
                EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
            ) {
                arrange.store(true, Ordering::Relaxed);
            }
            if !event.kind.is_access() {
                // A full channel means that a wake is pending already.
                let _ = on_event.try_send(());
            }
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, "no file system events; polling only");
        }
        Watch {
            watcher: watcher.ok(),
            watched: Vec::new(),
            wake,
            waker,
            rearranged,
        }
    }

    /// Something that ends a [`Watch::wait`] from another thread.
    pub fn waker(&self) -> SyncSender<()> {
        self.waker.clone()
    }

    /// True when files or folders came, went or were renamed since the last call.
    pub fn take_rearranged(&self) -> bool {
        self.rearranged.swap(false, Ordering::Relaxed)
    }

    /// Watches these folders too.
    pub fn folders(&mut self, folders: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for folder in folders {
            if self.watched.len() >= MOST_FOLDERS || self.watched.contains(folder) {
                continue;
            }
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => self.watched.push(folder.clone()),
                Err(error) => tracing::warn!(folder = %folder.display(), %error, "not watched; polling it"),
            }
        }
    }

    /// Waits for a hint, at most `timeout`. True when one came.
    pub fn wait(&self, timeout: Duration) -> bool {
        match self.wake.recv_timeout(timeout) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}
