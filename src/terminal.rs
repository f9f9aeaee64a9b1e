//! The terminal.
use crate::snapshot::Snapshot;
use std::sync::Arc;
/// Options.
pub struct Options {
    /// Title.
    pub title: String,
    /// Ascii.
    pub ascii: bool,
    /// Theme.
    pub theme: Option<String>,
}
/// Runs.
///
/// # Errors
/// Never.
pub async fn run(
    _options: Options,
    _snapshots: tokio::sync::watch::Receiver<Arc<Snapshot>>,
) -> anyhow::Result<()> {
    Ok(())
}
