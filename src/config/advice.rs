//! `[advice]`: when to advise to stop a run or to begin its decay.

use serde::Deserialize;

/// Settings of all advice.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdviceSection {
    /// A run is to be stopped when the probability that it ends as low as its best rival, or within the
    /// tolerance of that, is below this; 0 never.
    #[serde(deserialize_with = "share")]
    pub stop_below: f64,
    /// Differences below this share of the loss are none.
    #[serde(deserialize_with = "share")]
    pub tolerance: f64,
}

impl Default for AdviceSection {
    fn default() -> Self {
        AdviceSection {
            // Domhan, Springenberg and Hutter (IJCAI 2015) stop below 0.05; a run costs more here.
            stop_below: 0.02,
            // Twice what another seed changes.
            tolerance: 0.001,
        }
    }
}

fn share<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if (0.0..1.0).contains(&share) {
        Ok(share)
    } else {
        Err(serde::de::Error::custom("must lie between 0 and 1"))
    }
}
