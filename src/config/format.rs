//! `[[format]]`: a log format of the user's own.

use serde::{Deserialize, Deserializer};

use crate::pattern::LinePattern;

/// One format: its name, and how its lines look.
#[derive(Clone, Debug)]
pub struct FormatSection {
    /// What its lines are recognised by. It lives as long as the process, as the built-in
    /// formats do.
    pub pattern: &'static LinePattern,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Name shown by `inspect`.
    name: String,
    /// A regular expression with named groups, or several.
    pattern: OneOrMany,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for FormatSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let sources = match written.pattern {
            OneOrMany::One(source) => vec![source],
            OneOrMany::Many(sources) => sources,
        };
        let pattern = LinePattern::new(&written.name, &sources).map_err(serde::de::Error::custom)?;
        Ok(FormatSection {
            pattern: Box::leak(Box::new(pattern)),
        })
    }
}
