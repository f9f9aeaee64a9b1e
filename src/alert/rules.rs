//! Which alerts disturb: level, mute, rate limit.

use globset::{Glob, GlobMatcher};
use serde::Deserialize;

use super::Severity;

/// Something that is not to disturb.
#[derive(Clone, Debug, Default)]
pub struct Mute {
    /// Runs it holds for; all without one.
    pub run: Option<GlobMatcher>,
    /// Kind it holds for; all without one.
    pub kind: Option<String>,
}

impl<'de> Deserialize<'de> for Mute {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Text {
            run: Option<String>,
            kind: Option<String>,
        }
        let text = Text::deserialize(deserializer)?;
        if text.run.is_none() && text.kind.is_none() {
            return Err(serde::de::Error::custom(
                "a mute needs `run` (a pattern), `kind`, or both",
            ));
        }
        let glob = |pattern: String| Glob::new(&pattern).map(|glob| glob.compile_matcher());
        Ok(Mute {
            run: text.run.map(glob).transpose().map_err(serde::de::Error::custom)?,
            kind: text.kind,
        })
    }
}

impl Mute {
    fn holds(&self, run: &str, kind: &str) -> bool {
        self.run.as_ref().is_none_or(|pattern| pattern.is_match(run))
            && self.kind.as_deref().is_none_or(|muted| muted == kind)
    }
}

/// Least time between two notices of one run, but for a higher level: seconds.
pub const LEAST_INTERVAL: f64 = 60.0;
/// Notices of one run within an hour; more are only shown on the screen.
pub const PER_HOUR: usize = 6;

/// The rules.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What is below this level stays on the screen.
    pub least: Severity,
    /// What is muted.
    pub mutes: Vec<Mute>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            least: Severity::Warning,
            mutes: Vec::new(),
        }
    }
}

impl Rules {
    /// True when an alert of this kind and level may disturb.
    pub fn allow(&self, run: &str, kind: &str, severity: Severity) -> bool {
        severity >= self.least && !self.mute(run, kind)
    }

    /// True when this kind is muted for this run.
    pub fn mute(&self, run: &str, kind: &str) -> bool {
        self.mutes.iter().any(|mute| mute.holds(run, kind))
    }
}

/// The recent notices of one run, to keep a bad hour from becoming a flood.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    recent: Vec<(f64, Severity)>,
}

impl Pace {
    /// True when a notice of this level may go out at `now` (seconds); it then counts.
    /// A level higher than all within the hour always may.
    pub fn admit(&mut self, now: f64, severity: Severity) -> bool {
        self.recent.retain(|(at, _)| now - at < 3600.0);
        let highest = self.recent.iter().map(|(_, severity)| *severity).max();
        let higher = highest.is_none_or(|highest| severity > highest);
        let soon = self.recent.iter().any(|(at, _)| now - at < LEAST_INTERVAL);
        if !higher && (soon || self.recent.len() >= PER_HOUR) {
            return false;
        }
        self.recent.push((now, severity));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_a_few_notices_and_a_higher_level_always_passes() {
        let mut pace = Pace::default();
        let admitted = (0..3600)
            .filter(|second| pace.admit(f64::from(*second), Severity::Warning))
            .count();
        assert_eq!(admitted, PER_HOUR);
        assert!(pace.admit(3600.0, Severity::Critical));
        assert!(!pace.admit(3601.0, Severity::Critical));
    }
}
