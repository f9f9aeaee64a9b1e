//! What the integration tests share.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;

/// Says in one line, once, what is not tested here and why. Goes past the harness,
/// which keeps what passing tests print to itself.
pub fn skipped(what: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap().insert(what.to_owned()) {
        let line = format!("skipped: {what}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
}

/// The folder with the shared test data: `LOSSCAST_SHARED`, or `../shared` beside the
/// checkout. Prints a line and returns `None` when there is none, so that a plain
/// clone still passes.
pub fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("LOSSCAST_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    if path.join("README.md").exists() {
        return Some(path);
    }
    skipped(&format!(
        "what needs the shared test data: none at {}",
        path.display()
    ));
    None
}

/// The rows of a MANIFEST.tsv below the shared folder, by column name.
pub fn manifest(path: &std::path::Path) -> Vec<std::collections::HashMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split('\t'));
    let header: Vec<&str> = lines.next().unwrap().collect();
    lines
        .map(|row| {
            header
                .iter()
                .map(|name| (*name).to_owned())
                .zip(row.map(str::to_owned))
                .collect()
        })
        .collect()
}
