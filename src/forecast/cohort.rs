//! Which runs belong together, and what each has to say.

use std::sync::Arc;

use crate::fit::FitPoint;
use crate::fit::cohort::Testimony;
use crate::law::Prior;
use crate::schedule::LearningRateCurve;

/// Peaks of siblings differ by at most this factor.
const SAME_PEAK: f64 = 1.25;
/// Losses of siblings at equal S1 differ by at most this share, while neither has
/// annealed much. How closely they really agree is for the fit to find out.
const SAME_LOSS: f64 = 0.015;
/// A learning rate above this share of the peak has not annealed much.
const UNANNEALED: f64 = 0.7;
/// Losses of relatives differ by at most this factor: nats per token and accuracies, or
/// different data altogether, teach each other nothing.
const SAME_SCALE: f64 = 1.6;

/// What makes two runs comparable.
#[derive(Clone, Debug)]
pub struct Profile {
    peak: f64,
    level: f64,
    /// Loss over S1 before much annealing.
    before: Vec<(f64, f64)>,
    /// A name given by the user: equal names are siblings, different ones strangers.
    name: Option<String>,
}

/// How two runs stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The same model and data, as far as can be told.
    Sibling,
    /// Alike enough that annealing pays alike.
    Relative,
    /// Nothing in common.
    Stranger,
}

impl Profile {
    /// The profile of points under a schedule; `None` without points or learning rate.
    pub fn new(points: &[FitPoint], curve: &LearningRateCurve, name: Option<String>) -> Option<Profile> {
        let peak = curve.peak();
        let level = points.last()?.loss;
        if !(peak > 0.0 && level > 0.0) {
            return None;
        }
        let sums = curve.sums(1.0, points.iter().map(|point| point.step));
        let before = points
            .iter()
            .zip(sums)
            .take_while(|(point, _)| curve.rate(point.step) >= UNANNEALED * peak)
            .map(|(point, sums)| (sums.forward, point.loss))
            .collect();
        Some(Profile {
            peak,
            level,
            before,
            name,
        })
    }

    /// How this run stands to another.
    pub fn relation(&self, other: &Profile) -> Relation {
        match (&self.name, &other.name) {
            (Some(one), Some(other)) if one == other => return Relation::Sibling,
            (None, None) => {}
            _ => return Relation::Stranger,
        }
        let factor = |one: f64, other: f64| (one / other).max(other / one);
        if factor(self.level, other.level) > SAME_SCALE {
            return Relation::Stranger;
        }
        if factor(self.peak, other.peak) <= SAME_PEAK && self.agrees(other) {
            return Relation::Sibling;
        }
        Relation::Relative
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
    pub fn new(
        points: &[FitPoint],
        companion: &[FitPoint],
        curve: &LearningRateCurve,
        name: Option<String>,
    ) -> Option<Member> {
        let profile = Profile::new(points, curve, name)?;
        let prior = Prior::at(profile.level, curve.peak());
        let testimony = Testimony::new(points, companion, curve, &prior)?;
        Some(Member { profile, testimony })
    }
}

/// The others from which a run learns.
#[derive(Clone, Debug, Default)]
pub struct Cohort {
    /// Of the same model and data.
    pub siblings: Vec<Arc<Member>>,
    /// Of the same laboratory.
    pub relatives: Vec<Arc<Member>>,
}

impl Cohort {
    /// Sorts the others by how they stand to a run.
    pub fn of(profile: &Profile, others: impl Iterator<Item = Arc<Member>>) -> Cohort {
        let mut cohort = Cohort::default();
        for other in others {
            match profile.relation(&other.profile) {
                Relation::Sibling => cohort.siblings.push(other),
                Relation::Relative => cohort.relatives.push(other),
                Relation::Stranger => {}
            }
        }
        cohort
    }
}
