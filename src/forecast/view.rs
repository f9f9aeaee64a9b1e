//! A run under one plan that it may follow: what is known of its end if it does.

use std::borrow::Cow;

use super::hindsight::Hindsight;
use super::unlogged::{Possible, TEMPERED, normalised};
use super::{ProjectionPoint, Task};
use crate::fit::cohort::{Pool, Testimony};
use crate::fit::posterior::Moments;
use crate::fit::{Evidence, Mixture, Posterior};
use crate::law::relaxation::{Standing, standings};
use crate::schedule::{LearningRateCurve, Schedule};

/// Fits that are off by more than so many standard deviations have missed something.
const MISSED: f64 = 2.0;
/// A run under one plan.
pub(super) struct View<'a> {
    /// How likely the plan is.
    pub probability: f64,
    /// The run under this plan.
    pub task: &'a Task,
    /// How many siblings were heard.
    pub siblings: usize,
    curve: Cow<'a, LearningRateCurve>,
    evidence: &'a Evidence,
    posterior: Posterior<'a>,
    hindsight: Hindsight,
}

/// What a view shows of the way to the end.
pub(super) struct Sight {
    /// The projection, at the steps that were asked for.
    pub curve: Vec<ProjectionPoint>,
    /// The distribution of the loss at the last of them.
    pub end: Mixture,
}

impl<'a> View<'a> {
    /// The views of a run: under its plan, or, where its log shows none, under each of the
    /// `possible` ones, the likeliest first. How likely they are follows from how well each explains
    /// the loss so far. None where there is no posterior.
    pub fn all(task: &'a Task, evidence: &'a Evidence, possible: &'a [Possible]) -> Vec<View<'a>> {
        let found = |(task, evidence): (&'a Task, &'a Evidence)| {
            let pool = pool(task, evidence);
            let posterior = Posterior::new(evidence, pool.as_ref())?;
            Some((task, evidence, pool, posterior))
        };
        let mut views: Vec<(f64, _)> = if possible.is_empty() {
            found((task, evidence))
                .map(|view| (1.0, view))
                .into_iter()
                .collect()
        } else {
            let each = possible.iter().filter_map(|possible| {
                let evidence = possible.evidence.as_ref().unwrap_or(evidence);
                let view = found((&possible.task, evidence))?;
                Some((possible.log_probability + TEMPERED * view.3.log_evidence(), view))
            });
            normalised(each.collect())
        };
        views.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let mut hindsight = None;
        views
            .into_iter()
            .map(|(probability, (task, evidence, pool, posterior))| View {
                probability,
                task,
                siblings: pool.as_ref().map_or(0, |pool| pool.siblings),
                curve: task.curve(),
                evidence,
                posterior,
                // What the likeliest has missed the others may miss as well.
                hindsight: *hindsight.get_or_insert_with(|| Hindsight::new(task, evidence, pool.is_some())),
            })
            .collect()
    }

    /// The plan and how likely it is: `cosine to 5% (54%)`.
    pub fn in_words(&self) -> String {
        let shape = if self.task.plan.alternatives.is_empty() {
            self.task.plan.description.as_str()
        } else {
            "constant so far"
        };
        format!("{shape} ({:.0}%)", 100.0 * self.probability)
    }

    /// What the loss will be, seen from now.
    pub fn seen_from(&self, now: &Standing, then: &Standing) -> Mixture {
        let factors = self.hindsight.factors(now.step, then.step);
        self.posterior
            .at(now, then)
            .widened(&factors)
            .floored(self.task.floor())
    }

    /// How much higher the loss will be at an earlier end than at a later one.
    pub fn difference(&self, early: &Standing, late: &Standing) -> Mixture {
        let factors = self.hindsight.factors(self.task.last_step as f64, late.step);
        self.posterior.difference(early, late).widened(&factors)
    }

    /// Looks ahead to these steps, of which the first is now and the last the end.
    pub fn look(&self, steps: &[f64]) -> Option<Sight> {
        let ahead = standings(&self.curve, steps);
        let ([here, ..], [.., there]) = (ahead.as_slice(), ahead.as_slice()) else {
            return None;
        };
        let foreseen = self.seen_from(here, there);
        let (mean, variance) = (foreseen.mean(), foreseen.sd().powi(2));
        let end = self.among_alternatives(foreseen);
        // The plans that the run may follow lead apart the more the closer the end is.
        let way = |step: f64| ((step - here.step) / (there.step - here.step).max(1.0)).powi(2);
        let (lower, apart) = (end.mean() - mean, (end.sd().powi(2) - variance).max(0.0));
        let moments = self.posterior.moments(&ahead);
        let point = |(step, moments): (&f64, Moments)| ProjectionPoint {
            step: *step,
            mean: moments.mean + lower * way(*step),
            sd: (moments.sd * self.hindsight.factor(here.step, *step)).hypot((apart * way(*step)).sqrt()),
        };
        Some(Sight {
            curve: steps.iter().zip(moments).map(point).collect(),
            end,
        })
    }

    /// The loss at the end when the run may follow one of the alternatives to the plan that
    /// `foreseen` holds for.
    fn among_alternatives(&self, foreseen: Mixture) -> Mixture {
        let (plan, last_step) = (&self.task.plan, self.task.last_step);
        if plan.alternatives.is_empty() {
            return foreseen;
        }
        let under = |schedule: &Schedule| {
            let (curve, total) = plan.instead(schedule, last_step)?;
            match standings(&curve, &[last_step as f64, total as f64]).as_slice() {
                [here, there] => Some(self.seen_from(here, there)),
                _ => None,
            }
        };
        let others = plan.alternatives.iter();
        let mut possible: Vec<(f64, Mixture)> = others
            .filter_map(|(probability, schedule)| Some((*probability, under(schedule)?.condensed())))
            .collect();
        let other: f64 = possible.iter().map(|(probability, _)| probability).sum();
        possible.insert(0, (1.0 - other, foreseen.condensed()));
        Mixture::any_of(&possible)
    }

    /// The square of what the law misses by now, beyond chance: nothing says that it will be less
    /// at the end. A fine-tuning that learns its data by heart falls as no law of this kind does.
    pub fn missed_now(&self) -> f64 {
        let (Some(last), Some(here)) = (self.task.points.last(), self.evidence.now()) else {
            return 0.0;
        };
        let fitted = self.posterior.at(here, here);
        let chance = fitted.sd().powi(2) + last.variance;
        ((fitted.mean() - last.loss).powi(2) - MISSED.powi(2) * chance).max(0.0)
    }

    /// The first step of the loss (nats) at the end of an epoch, or what else is learnt by heart.
    pub fn step_by_heart(&self) -> f64 {
        self.posterior.by_heart()
    }

    /// How much of what the prior left open about the annealing from now to the end is still open;
    /// nothing where the schedule has nothing left to anneal.
    pub fn openness(&self, end: f64) -> f64 {
        const NOTHING_TO_ANNEAL: f64 = 0.02;
        let now = self.task.last_step as f64;
        let share = self.curve.rate(end) / self.curve.rate(now).max(f64::MIN_POSITIVE);
        match standings(&self.curve, &[now, end]).as_slice() {
            [here, there] if 1.0 - share > NOTHING_TO_ANNEAL => self.posterior.openness(here, there),
            _ => 0.0,
        }
    }
}

/// What the siblings say to this run.
pub(super) fn pool(task: &Task, evidence: &Evidence) -> Option<Pool> {
    let siblings: Vec<&Testimony> = task.siblings.iter().map(|member| &member.testimony).collect();
    Pool::new(&siblings, evidence)
}
