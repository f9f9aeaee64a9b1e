//! Plans of a run whose log shows no learning rate.
//!
//! Nearly every learning rate falls towards the end, and most of its gain comes late. A power law in
//! steps, which is all that the steps alone suggest, ends too high: by 2% of the loss in the median
//! of the public runs of `benches/forecasts` when their learning rates are taken away. So the run may
//! follow each of the usual plans; the loss so far says how likely each is, and the forecast is a
//! mixture over them all.

use std::sync::Arc;

use super::Task;
use super::cohort::Member;
use crate::fit::{Evidence, Posterior};
use crate::schedule::shape::{Decay, Shape};
use crate::schedule::{Plan, RecordedRates, Schedule};

/// How much of what the loss says for one plan against another is believed: the law is not exact, and
/// what it misses differs from plan to plan by more than chance. With all of it the 90% interval held
/// 75 to 83% of the second halves of the runs of `benches/forecasts` without their learning rates; with
/// this, 88 to 96%.
pub(super) const TEMPERED: f64 = 0.15;
/// Plans whose weight is below `exp(-CUT)` of the likeliest are not looked at.
const CUT: f64 = 7.0;
/// What is usual anywhere counts for as much as what so many siblings have done.
const USUAL: f64 = 2.0;

/// One of the usual plans: its place among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assumption(usize);

/// One plan, and what the loss so far says under it.
pub(super) struct Possible {
    /// Logarithm of how likely it is before the loss is looked at, up to a constant.
    pub log_probability: f64,
    /// The run under this plan.
    pub task: Task,
    /// What its points say, where that differs from what they say under a rate that is held.
    pub evidence: Option<Evidence>,
}

/// The usual shapes, and how usual they are where no rate is logged.
fn usual() -> [(f64, Shape); 8] {
    let fall = |decay, min_ratio| Shape::Fall { decay, min_ratio };
    let stable = |decay_share| Shape::Stable {
        decay_share,
        decay: Decay::Linear,
        min_ratio: 0.0,
    };
    [
        (0.25, Shape::Constant),
        (0.15, fall(Decay::Cosine, 0.0)),
        (0.15, fall(Decay::Cosine, 0.1)),
        (0.15, fall(Decay::Linear, 0.0)),
        (0.06, stable(0.1)),
        (0.10, stable(0.2)),
        (0.08, stable(0.4)),
        (0.06, stable(0.6)),
    ]
}

/// A run of so many steps that has come to `last_step`, under a schedule of this shape.
fn plan(shape: Shape, total: u64, last_step: u64) -> Plan {
    let (rates, schedule) = (RecordedRates::default(), Schedule::of(shape));
    Plan::new(&rates, Some(&schedule), None, last_step, Some(total))
}

/// The usual plans of a run of so many steps that has come to `last_step`.
pub(super) fn plans(total: u64, last_step: u64) -> impl Iterator<Item = (Assumption, Plan)> {
    let numbered = usual().into_iter().enumerate();
    numbered.map(move |(index, (_, shape))| (Assumption(index), plan(shape, total, last_step)))
}

/// What the points of a run that is over say under each of them, and how likely each is then.
pub(super) fn explanations(task: &Task) -> Vec<(Assumption, f64, Evidence)> {
    let Some(total) = task.plan.total_steps else {
        return Vec::new();
    };
    let explained = plans(total, task.last_step).zip(usual());
    let explained = explained.filter_map(|((assumption, plan), (probability, _))| {
        let evidence = Task { plan, ..task.clone() }.evidence()?;
        let said = Posterior::new(&evidence, None)?.log_evidence();
        Some((probability.ln() + TEMPERED * said, (assumption, evidence)))
    });
    let explained = normalised(explained.collect()).into_iter();
    explained
        .map(|(probability, (assumption, evidence))| (assumption, probability, evidence))
        .collect()
}

/// The plans that a run may follow, where its log shows no learning rate but how long it will be.
pub(super) fn possible(task: &Task) -> Vec<Possible> {
    let Some(total) = task.plan.total_steps.filter(|_| task.blind()) else {
        return Vec::new();
    };
    let over = |sibling: &&Arc<Member>| sibling.shows_no_plan();
    let siblings: Vec<&Arc<Member>> = task.siblings.iter().filter(over).collect();
    if siblings.is_empty() {
        alone(task, total)
    } else {
        among(&siblings, task, total)
    }
}

/// True while a schedule of this shape has held its peak.
fn has_held(shape: &Shape, task: &Task, total: u64) -> bool {
    let schedule = Schedule::of(shape.clone());
    schedule.share(task.last_step as f64, 0.0, total as f64) >= 1.0
}

/// The plans of a run that nobody teaches. Shapes that have held the peak so far are one: what they
/// foresee tells them apart.
fn alone(task: &Task, total: u64) -> Vec<Possible> {
    let (held, fallen): (Vec<_>, Vec<_>) = usual()
        .into_iter()
        .partition(|(_, shape)| has_held(shape, task, total));
    let under = |shape: Shape, alternatives: Vec<(f64, Schedule)>| {
        let plan = plan(shape, total, task.last_step);
        let plan = Plan { alternatives, ..plan };
        Task { plan, ..task.clone() }
    };
    let all_held: f64 = held.iter().map(|(probability, _)| probability).sum();
    let others = held
        .into_iter()
        .filter(|(_, shape)| *shape != Shape::Constant)
        .map(|(probability, shape)| {
            let schedule = Schedule {
                total_steps: Some(total),
                ..Schedule::of(shape)
            };
            (probability / all_held, schedule)
        });
    // Without any rate a run is looked at as if one was held.
    let held = Possible {
        log_probability: all_held.ln(),
        task: under(Shape::Constant, others.collect()),
        evidence: None,
    };
    let fallen = fallen.into_iter().filter_map(|(probability, shape)| {
        let task = under(shape, Vec::new());
        Some(Possible {
            log_probability: probability.ln(),
            evidence: Some(task.evidence()?),
            task,
        })
    });
    std::iter::once(held).chain(fallen).collect()
}

/// The plans of a run with siblings that are over: the more of them have followed one, the likelier it is
/// (the urn of Blackwell and MacQueen, Ann. Statist. 1, 1973).
fn among(siblings: &[&Arc<Member>], task: &Task, total: u64) -> Vec<Possible> {
    let of_siblings = |assumption: Assumption| -> f64 {
        let followed = siblings.iter().filter_map(|sibling| sibling.followed(assumption));
        followed.sum()
    };
    let all = USUAL + siblings.len() as f64;
    let under = |((assumption, plan), (usual, shape)): ((Assumption, Plan), (f64, Shape))| {
        let probability = (USUAL * usual + of_siblings(assumption)) / all;
        let task = Task { plan, ..task.clone() };
        let evidence = if has_held(&shape, &task, total) {
            None
        } else {
            Some(task.evidence()?)
        };
        Some(Possible {
            log_probability: probability.ln(),
            task,
            evidence,
        })
    };
    plans(total, task.last_step)
        .zip(usual())
        .filter_map(under)
        .collect()
}

/// Log weights as weights that sum to one, without those that are next to nothing.
pub(super) fn normalised<T>(mut weighted: Vec<(f64, T)>) -> Vec<(f64, T)> {
    let top = weighted
        .iter()
        .map(|(log_weight, _)| *log_weight)
        .fold(f64::NEG_INFINITY, f64::max);
    weighted.retain(|(log_weight, _)| *log_weight > top - CUT);
    let total: f64 = weighted
        .iter()
        .map(|(log_weight, _)| (log_weight - top).exp())
        .sum();
    weighted
        .into_iter()
        .map(|(log_weight, item)| ((log_weight - top).exp() / total, item))
        .collect()
}
