//! What the integration tests share.

use std::path::PathBuf;

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
    println!("skipped: no shared test data at {}", path.display());
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
