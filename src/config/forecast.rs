//! `[forecast]`: how forecasts are made.

use std::path::PathBuf;

use serde::Deserialize;

/// Settings of all forecasts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastSection {
    /// Files or folders of finished runs to learn from, relative to the configuration.
    #[serde(default)]
    pub reference: Vec<PathBuf>,
}
