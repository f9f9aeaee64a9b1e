//! What was already told, kept on disk so that a restart does not ring again.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Severity;

/// Entries kept; the older ones are dropped when the file is opened.
const KEPT: usize = 5000;

/// One alert of one log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The log file.
    pub path: PathBuf,
    /// Kind of the alert.
    pub kind: String,
    /// Step at which it was first said.
    #[serde(alias = "raised_at_step")]
    pub opened_at_step: u64,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    key: Key,
    severity: Severity,
    acknowledged: bool,
}

/// The alerts that were told or acknowledged.
#[derive(Debug, Default)]
pub struct History {
    told: HashMap<Key, (Severity, bool)>,
    file: Option<File>,
}

impl History {
    /// Where it is kept: `$XDG_STATE_HOME/losscast/alerts.jsonl`, or below `~/.local/state`.
    pub fn default_path() -> Option<PathBuf> {
        let state = std::env::var_os("XDG_STATE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")))?;
        Some(state.join("losscast/alerts.jsonl"))
    }

    /// Opens the history, or begins one. Lines that cannot be read are left out.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: &Path) -> io::Result<History> {
        let mut entries: Vec<Entry> = Vec::new();
        match File::open(path) {
            Ok(file) => {
                for line in BufReader::new(file).lines() {
                    entries.extend(serde_json::from_str::<Entry>(&line?));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        if entries.len() > KEPT {
            entries.drain(..entries.len() - KEPT);
            let shorter = path.with_extension("jsonl.new");
            let mut file = File::create(&shorter)?;
            for entry in &entries {
                serde_json::to_writer(&mut file, entry)?;
                writeln!(file)?;
            }
            std::fs::rename(&shorter, path)?;
        }
        let mut told: HashMap<Key, (Severity, bool)> = HashMap::new();
        for entry in entries {
            let known = told.entry(entry.key).or_insert((entry.severity, false));
            known.0 = known.0.max(entry.severity);
            known.1 = entry.acknowledged;
        }
        Ok(History {
            told,
            file: Some(OpenOptions::new().create(true).append(true).open(path)?),
        })
    }

    /// True when the alert was told at this level or above, or acknowledged.
    pub fn knows(&self, key: &Key, severity: Severity) -> bool {
        self.told
            .get(key)
            .is_some_and(|(told, acknowledged)| *acknowledged || *told >= severity)
    }

    /// True when the alert was acknowledged.
    pub fn acknowledged(&self, key: &Key) -> bool {
        self.told.get(key).is_some_and(|(_, acknowledged)| *acknowledged)
    }

    /// Remembers that the alert was told at this level, and whether it is acknowledged: the
    /// last word holds. A history that cannot be written is kept in memory.
    pub fn remember(&mut self, key: Key, severity: Severity, acknowledged: bool) {
        let entry = Entry {
            key,
            severity,
            acknowledged,
        };
        if let Some(file) = &mut self.file
            && let Ok(mut line) = serde_json::to_string(&entry)
        {
            line.push('\n');
            if let Err(error) = file.write_all(line.as_bytes()) {
                tracing::warn!("the history of alerts cannot be written: {error}");
                self.file = None;
            }
        }
        let known = self.told.entry(entry.key).or_insert((severity, false));
        known.0 = known.0.max(severity);
        known.1 = acknowledged;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_known_after_a_restart_but_not_at_a_higher_level() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/alerts.jsonl");
        let key = |step| Key {
            path: PathBuf::from("/runs/a.csv"),
            kind: "loss_spike".to_owned(),
            opened_at_step: step,
        };
        let mut history = History::open(&path).unwrap();
        history.remember(key(7), Severity::Warning, false);
        history.remember(key(8), Severity::Warning, true);
        history.remember(key(10), Severity::Warning, true);
        history.remember(key(10), Severity::Warning, false);
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"torn li")
            .unwrap();
        let again = History::open(&path).unwrap();
        assert!(again.knows(&key(7), Severity::Warning));
        assert!(!again.knows(&key(7), Severity::Critical));
        assert!(again.knows(&key(8), Severity::Critical));
        assert!(!again.knows(&key(9), Severity::Info));
        assert!(!again.acknowledged(&key(10)), "it was taken back");
    }
}
