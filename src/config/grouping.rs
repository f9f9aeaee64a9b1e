//! `[grouping]`: which files are one run, where their names do not say.

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Deserializer};

/// Files to keep apart and files to join.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupingSection {
    /// Patterns of files that are runs of their own.
    #[serde(default, deserialize_with = "globs")]
    split: GlobSet,
    /// Files that are one run.
    #[serde(default)]
    join: Vec<Join>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    /// The id of the run.
    run: String,
    /// Patterns of its files.
    #[serde(deserialize_with = "globs")]
    files: GlobSet,
}

impl GroupingSection {
    /// True when the file is a run of its own.
    pub fn splits(&self, id: &str) -> bool {
        self.split.is_match(id)
    }

    /// The run that the file was given to.
    pub fn joined(&self, id: &str) -> Option<&str> {
        self.join
            .iter()
            .find(|join| join.files.is_match(id))
            .map(|join| join.run.as_str())
    }
}

fn globs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GlobSet, D::Error> {
    let patterns: Vec<String> = Vec::deserialize(deserializer)?;
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(&pattern).map_err(serde::de::Error::custom)?);
    }
    set.build().map_err(serde::de::Error::custom)
}
