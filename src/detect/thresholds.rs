//! Thresholds that a user may set: the ones on which the number of warnings depends most.

use serde::Deserialize;

/// The values are shares: 0.1 is 10%. The defaults come from the instability study (section
/// 3.5) and from the highest values of healthy runs; `benches/alerts/cross_validate.py` shows
/// what they do in families of runs that had no part in choosing them.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Least rise of a loss spike above its level, and above what is usual in the run.
    pub loss_spike_rise: f64,
    /// Rise of a loss spike that needs no second record in a log that is not of every step.
    pub loss_spike_sure_rise: f64,
    /// Robust z that a loss spike without a gradient norm must have.
    pub loss_spike_z: f64,
    /// Rise above the best level that is a warning of divergence.
    pub divergence_rise: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            loss_spike_rise: 0.1,
            loss_spike_sure_rise: 0.5,
            loss_spike_z: 6.0,
            divergence_rise: 0.2,
        }
    }
}

impl Thresholds {
    /// The name of the first value that is not a positive number, if there is one.
    pub fn unusable(&self) -> Option<&'static str> {
        [
            ("loss_spike_rise", self.loss_spike_rise),
            ("loss_spike_sure_rise", self.loss_spike_sure_rise),
            ("loss_spike_z", self.loss_spike_z),
            ("divergence_rise", self.divergence_rise),
        ]
        .into_iter()
        .find(|(_, value)| !value.is_finite() || *value <= 0.0)
        .map(|(name, _)| name)
    }
}
