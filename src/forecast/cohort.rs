//! Which runs belong together, and what each has to say.

use crate::fit::cohort::Testimony;
use crate::fit::{Evidence, FitPoint};
use crate::law::prior::Prior;
use crate::schedule::LearningRateCurve;

/// Peaks of siblings differ by at most this factor.
const SAME_PEAK: f64 = 1.25;
/// Losses of siblings at equal S1 differ by at most this share, while neither has
/// annealed much. How closely they really agree is for the fit to find out.
const SAME_LOSS: f64 = 0.015;
/// A learning rate above this share of the peak has not annealed much.
const UNANNEALED: f64 = 0.85;
/// What makes two runs comparable.
#[derive(Clone, Debug)]
pub struct Profile {
    peak: f64,
    /// Loss over S1 before much annealing, without what this little is expected to have gained.
    before: Vec<(f64, f64)>,
    /// A name given by the user: equal names are siblings, different ones strangers.
    name: Option<String>,
}

impl Profile {
    /// The profile of points under a schedule; `None` without points or learning rate.
    pub fn new(points: &[FitPoint], curve: &LearningRateCurve, name: Option<String>) -> Option<Profile> {
        let peak = curve.peak();
        if !(peak > 0.0 && points.last()?.loss > 0.0) {
            return None;
        }
        let gained = |point: &FitPoint| {
            let annealed = (1.0 - curve.rate(point.step) / peak).max(0.0);
            annealed * Prior::at(point.loss, peak).drop.mean
        };
        let forward = curve.progress(1.0, points.iter().map(|point| point.step));
        let before = points
            .iter()
            .zip(forward)
            .take_while(|(point, _)| curve.rate(point.step) >= UNANNEALED * peak)
            .map(|(point, forward)| (forward, point.loss + gained(point)))
            .collect();
        Some(Profile { peak, before, name })
    }

    /// True when both seem to train the same model on the same data at the same peak.
    pub fn is_sibling(&self, other: &Profile) -> bool {
        match (&self.name, &other.name) {
            (Some(one), Some(other)) => one == other,
            (None, None) => {
                let factor = (self.peak / other.peak).max(other.peak / self.peak);
                factor <= SAME_PEAK && self.agrees(other)
            }
            _ => false,
        }
    }

    /// True when both have about the same loss at the latest S1 that both have passed.
    fn agrees(&self, other: &Profile) -> bool {
        let (Some(one_last), Some(other_last)) = (self.before.last(), other.before.last()) else {
            return false;
        };
        let at = one_last.0.min(other_last.0);
        let (Some(one), Some(other)) = (interpolate(&self.before, at), interpolate(&other.before, at)) else {
            return false;
        };
        (one - other).abs() <= SAME_LOSS * one.abs()
    }
}

/// The loss at an S1 inside the curve.
fn interpolate(points: &[(f64, f64)], at: f64) -> Option<f64> {
    let after = points.partition_point(|(forward, _)| *forward < at);
    let (right, right_loss) = *points.get(after)?;
    match after.checked_sub(1).and_then(|before| points.get(before)) {
        Some((left, left_loss)) if right > *left => {
            Some(left_loss + (right_loss - left_loss) * (at - left) / (right - left))
        }
        // The common stretch begins at the first point.
        None if right <= at * 1.02 => Some(right_loss),
        _ => None,
    }
}

/// A run as others see it.
#[derive(Clone, Debug)]
pub struct Member {
    /// What makes it comparable.
    pub profile: Profile,
    /// What it has to say.
    pub testimony: Testimony,
}

impl Member {
    /// What a run has to say to others; `None` when that is nothing.
    pub fn new(profile: Profile, evidence: &Evidence) -> Option<Member> {
        let testimony = Testimony::new(evidence)?;
        Some(Member { profile, testimony })
    }
}
