//! Which runs belong together, and what each has to say.

use super::Task;
use super::unlogged::{self, Assumption};
use crate::fit::cohort::Testimony;
use crate::fit::{Evidence, FitPoint};
use crate::law::prior::Prior;
use crate::schedule::{LearningRateCurve, Plan};

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
    /// One, or one for each plan that a run may follow whose log shows no learning rate.
    faces: Vec<Face>,
    /// A name given by the user: equal names are siblings, different ones strangers.
    name: Option<String>,
}

impl Profile {
    /// The profile of points that follow a plan and have come to `last_step`; `None` without points, or
    /// where neither a learning rate nor the number of steps is known.
    pub fn new(points: &[FitPoint], plan: &Plan, last_step: u64, name: Option<String>) -> Option<Profile> {
        let faces: Vec<Face> = if plan.curve.is_empty() {
            unlogged::plans(plan.total_steps?, last_step)
                .filter_map(|(assumption, plan)| Face::new(points, &plan.curve, Some(assumption)))
                .collect()
        } else {
            Face::new(points, &plan.curve, None).into_iter().collect()
        };
        (!faces.is_empty()).then_some(Profile { faces, name })
    }

    /// True when both seem to train the same model on the same data at the same peak.
    pub fn is_sibling(&self, other: &Profile) -> bool {
        let agree = || {
            let mut pairs = self
                .faces
                .iter()
                .flat_map(|one| other.faces.iter().map(move |other| (one, other)));
            pairs.any(|(one, other)| one.agrees(other))
        };
        match (&self.name, &other.name) {
            (Some(one), Some(other)) => one == other,
            (None, None) => agree(),
            _ => false,
        }
    }
}

/// A run under one plan.
#[derive(Clone, Debug)]
struct Face {
    /// The plan, where it is one that its log does not show.
    assumed: Option<Assumption>,
    peak: f64,
    /// Loss over S1 before much annealing, and the most that so little may have gained.
    before: Vec<(f64, [f64; 2])>,
}

impl Face {
    fn new(points: &[FitPoint], curve: &LearningRateCurve, assumed: Option<Assumption>) -> Option<Face> {
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
            .map(|(point, forward)| (forward, [point.loss, gained(point)]))
            .collect();
        Some(Face {
            assumed,
            peak,
            before,
        })
    }

    /// True when both have about the same peak, and the same loss at the latest S1 that both have passed.
    fn agrees(&self, other: &Face) -> bool {
        let factor = (self.peak / other.peak).max(other.peak / self.peak);
        if factor > SAME_PEAK || self.assumed != other.assumed {
            return false;
        }
        let (Some(one_last), Some(other_last)) = (self.before.last(), other.before.last()) else {
            return false;
        };
        let at = one_last.0.min(other_last.0);
        let (Some([one, one_gained]), Some([other, other_gained])) =
            (interpolate(&self.before, at), interpolate(&other.before, at))
        else {
            return false;
        };
        // What one has gained more than the other may show, or not yet.
        let gained = other_gained - one_gained;
        let apart = one - other;
        let missing = (apart - gained.max(0.0)).max(gained.min(0.0) - apart);
        missing <= SAME_LOSS * one.abs()
    }
}

/// The loss and its gain at an S1 inside the curve.
fn interpolate(points: &[(f64, [f64; 2])], at: f64) -> Option<[f64; 2]> {
    let after = points.partition_point(|(forward, _)| *forward < at);
    let (right, at_right) = *points.get(after)?;
    match after.checked_sub(1).and_then(|before| points.get(before)) {
        Some((left, at_left)) if right > *left => {
            let share = (at - left) / (right - left);
            Some([0, 1].map(|index| at_left[index] + (at_right[index] - at_left[index]) * share))
        }
        // The common stretch begins at the first point.
        None if right <= at * 1.02 => Some(at_right),
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
    /// How likely it is that it has followed each of the plans that it may have followed, where its log
    /// shows none.
    followed: Vec<(Assumption, f64)>,
}

impl Member {
    /// What a run has to say to others, whose own points say `evidence`; `None` when that is nothing. A
    /// run without learning rates has to be over: how it ends tells what they were.
    pub fn new(profile: Profile, task: &Task, evidence: &Evidence) -> Option<Member> {
        if !task.blind() {
            let testimony = Testimony::new(evidence)?;
            return Some(Member {
                profile,
                testimony,
                followed: Vec::new(),
            });
        }
        if !task.is_over() {
            return None;
        }
        let mut plans = unlogged::explanations(task);
        let followed = plans
            .iter()
            .map(|(assumption, probability, _)| (*assumption, *probability));
        let followed = followed.collect();
        plans.sort_by(|(_, one, _), (_, other, _)| other.total_cmp(one));
        let (_, _, evidence) = plans.first()?;
        Some(Member {
            profile,
            testimony: Testimony::new(evidence)?,
            followed,
        })
    }

    /// True where its log does not show what plan it has followed.
    pub fn shows_no_plan(&self) -> bool {
        !self.followed.is_empty()
    }

    /// How likely it is that it has followed this plan, which its log does not show.
    pub fn followed(&self, assumption: Assumption) -> Option<f64> {
        let mut followed = self.followed.iter();
        Some(followed.find(|(plan, _)| *plan == assumption)?.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a little annealing gains is not known: nothing, or all of it at once.
    #[test]
    fn one_that_has_begun_to_anneal_is_still_a_sibling() {
        const PEAK: f64 = 3e-3;
        let profile = |rate: f64, loss: f64| {
            let mut curve = LearningRateCurve::constant(PEAK);
            curve.change(500.0, rate * PEAK);
            let point = |step: f64, loss: f64| FitPoint {
                step,
                loss,
                variance: 1e-5,
            };
            let points = [point(400.0, 3.0), point(1000.0, loss), point(1100.0, loss)];
            Face::new(&points, &curve, None).unwrap()
        };
        let steady = profile(1.0, 2.0);
        for gained in [0.0, 0.04] {
            assert!(steady.agrees(&profile(0.86, 2.0 - gained)), "{gained}");
        }
        assert!(!steady.agrees(&profile(1.0, 1.96)));
        assert!(!steady.agrees(&profile(0.86, 2.04)));
    }
}
