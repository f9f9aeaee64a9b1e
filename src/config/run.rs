//! `[[run]]`: what is known of the runs whose id matches a pattern.

use globset::{Glob, GlobMatcher};
use serde::{Deserialize, Deserializer};

use crate::schedule::Schedule;

/// What is known of some runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSection {
    /// Pattern of run ids, such as `*wsd*`.
    #[serde(rename = "match", deserialize_with = "glob")]
    pattern: GlobMatcher,
    /// Learning-rate schedule, as for `--schedule`.
    #[serde(default, deserialize_with = "schedule")]
    pub schedule: Option<Schedule>,
    /// Planned number of steps.
    #[serde(default)]
    pub total_steps: Option<u64>,
    /// Runs with the same name here are fitted together.
    #[serde(default)]
    pub cohort: Option<String>,
}

impl RunSection {
    /// True when the section is about this run.
    pub fn matches(&self, id: &str) -> bool {
        self.pattern.is_match(id)
    }
}

fn glob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GlobMatcher, D::Error> {
    let pattern = String::deserialize(deserializer)?;
    let glob = Glob::new(&pattern).map_err(serde::de::Error::custom)?;
    Ok(glob.compile_matcher())
}

fn schedule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Schedule>, D::Error> {
    let spec = String::deserialize(deserializer)?;
    spec.parse().map(Some).map_err(serde::de::Error::custom)
}
