//! `losscast.toml`: what the user says about the runs once, beside them.
//!
//! ```toml
//! [forecast]
//! reference = ["../finished"]
//!
//! [[format]]
//! name = "ours"
//! pattern = '(?<step>\d+) of (?<total_steps>\d+): objective (?<loss>\S+)'
//!
//! [[run]]
//! match = "wsd-*"
//! schedule = "wsd:total=50000,decay=0.2"
//! cohort = "124m"
//!
//! [grouping]
//! split = ["logs/*.out"]
//!
//! [[grouping.join]]
//! run = "gpt2-main"
//! files = ["slurm-1.out", "slurm-2.out"]
//! ```
//!
//! Every section has a file of its own here. Unknown keys are errors, so that a
//! misspelt one is not silently ignored.

mod advice;
mod alerts;
mod forecast;
mod format;
mod grouping;
mod run;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

pub use advice::AdviceSection;
pub use alerts::AlertSection;
pub use forecast::ForecastSection;
pub use format::FormatSection;
pub use grouping::GroupingSection;
pub use run::RunSection;

/// The name of the file that is looked for.
pub const FILE_NAME: &str = "losscast.toml";

/// Everything that `losscast.toml` says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How forecasts are made.
    #[serde(default)]
    pub forecast: ForecastSection,
    /// When to stop a run, or to begin its decay.
    #[serde(default)]
    pub advice: AdviceSection,
    /// What disturbs, and how.
    #[serde(default)]
    pub alerts: AlertSection,
    /// Which files are one run, where their names do not say.
    #[serde(default)]
    pub grouping: GroupingSection,
    /// Log formats of the user's own; they are asked before the built-in ones.
    #[serde(default, rename = "format")]
    pub formats: Vec<FormatSection>,
    /// What is known of some of the runs; the first section that matches a run and
    /// states a thing holds.
    #[serde(default, rename = "run")]
    pub runs: Vec<RunSection>,
}

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be; the message has line and column.
    #[error("{path}: {message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
}

impl Config {
    /// Reads the named file, or the first `losscast.toml` in one of the roots, beside a
    /// root that is a file, or in the current folder. None found is no error.
    ///
    /// # Errors
    /// When a file is there and cannot be read or understood.
    pub fn find(named: Option<&Path>, roots: &[PathBuf]) -> Result<Config, ConfigError> {
        let beside = |root: &PathBuf| {
            let folder = if root.is_dir() {
                Some(root.as_path())
            } else {
                root.parent()
            };
            folder.map(|folder| folder.join(FILE_NAME))
        };
        let path = match named {
            Some(path) => Some(path.to_owned()),
            None => roots
                .iter()
                .filter_map(beside)
                .chain([PathBuf::from(FILE_NAME)])
                .find(|path| path.is_file()),
        };
        path.map_or_else(|| Ok(Config::default()), |path| Config::read(&path))
    }

    fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let mut config: Config = toml::from_str(&text).map_err(|error| ConfigError::Invalid {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        // Paths in the file are meant from where the file is.
        let folder = path.parent().unwrap_or(Path::new("."));
        for reference in &mut config.forecast.reference {
            *reference = folder.join(&*reference);
        }
        Ok(config)
    }

    /// The first value that a section matching the run states.
    pub fn of_run<'a, T>(&'a self, id: &str, value: impl Fn(&'a RunSection) -> Option<T>) -> Option<T> {
        self.runs
            .iter()
            .filter(|section| section.matches(id))
            .find_map(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
        Config::find(None, &[folder.path().to_owned()])
    }

    #[test]
    fn runs_are_matched_by_pattern_and_the_first_statement_holds() {
        let config = read(
            "[[run]]\nmatch = \"*wsd*\"\nschedule = \"wsd:decay=0.2\"\n\
             [[run]]\nmatch = \"*\"\ntotal_steps = 5000\ncohort = \"all\"\n",
        )
        .unwrap();
        let decay = |id: &str| config.of_run(id, |run| run.schedule.as_ref()).is_some();
        assert!(decay("a/wsd-1.csv"));
        assert!(!decay("a/cosine.csv"));
        assert_eq!(config.of_run("a/wsd-1.csv", |run| run.total_steps), Some(5000));
    }

    #[test]
    fn a_format_is_a_pattern_with_named_groups() {
        let config = read("[[format]]\nname = \"ours\"\npattern = '(?<step>\\d+): (?<loss>\\S+)'\n").unwrap();
        assert_eq!(config.formats[0].pattern.name, "ours");
        let error = read("[[format]]\nname = \"ours\"\npattern = '(?<step>\\d+): (?<reward>\\S+)'\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("`reward`") && error.contains("line 1"), "{error}");
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let error = read("[[run]]\nmatch = \"*\"\nschedul = \"cosine\"\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("losscast.toml") && error.contains("schedul") && error.contains('3'),
            "{error}"
        );
        let error = read("[[run]]\nmatch = \"*\"\nschedule = \"cosin\"\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("cosin"), "{error}");
    }
}
