//! `[alerts]`: what disturbs, and how.

use serde::Deserialize;

use crate::alert::Severity;
use crate::alert::deliver::{Body, TerminalSignal};
use crate::alert::rules::Mute;
use crate::detect::thresholds::Thresholds;

/// Settings of alerts; what the command line says goes before.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertSection {
    /// Lowest level that is told beyond the screen.
    pub level: Option<Severity>,
    /// What the terminal is made to do.
    #[serde(default)]
    pub notify: Vec<TerminalSignal>,
    /// Program and arguments to run.
    #[serde(default)]
    pub on_alert: Vec<String>,
    /// Address to post to.
    pub webhook: Option<String>,
    /// What is posted.
    #[serde(default)]
    pub webhook_body: Body,
    /// What is muted: by `run` (a pattern), by `kind`, or by both.
    #[serde(default)]
    pub mute: Vec<Mute>,
    /// Thresholds of the detectors.
    #[serde(default, deserialize_with = "thresholds")]
    pub thresholds: Thresholds,
}

fn thresholds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Thresholds, D::Error> {
    let thresholds = Thresholds::deserialize(deserializer)?;
    match thresholds.unusable() {
        Some(name) => Err(serde::de::Error::custom(format!(
            "`{name}` must be a number above 0"
        ))),
        None => Ok(thresholds),
    }
}
