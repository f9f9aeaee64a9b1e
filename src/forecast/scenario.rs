//! What would come of schedules that are possible while the real one is not known.
//!
//! In a stable phase the log cannot say when, or whether, the decay will come. Instead of
//! one number that pretends to know, there are a few, each under a plan that is stated.

use crate::fit::Mixture;
use crate::law::relaxation::{Standing, standings};
use crate::precision;
use crate::schedule::LearningRateCurve;
use crate::text;

/// The loss at the end of one possible plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The plan in words.
    pub name: String,
    /// Its last step.
    pub at_step: u64,
    /// Mean of the projected loss there.
    pub final_loss: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Scenario {
    /// The loss, the step and the plan: `3.131 ±.016 at 25,000 if constant to the end`.
    pub fn in_words(&self) -> String {
        let known = precision::with_interval(self.final_loss, 0.5 * (self.high - self.low));
        format!("{known} at {} if {}", text::count(self.at_step), self.name)
    }

    /// The scenario of a plan under which the loss at its last step is distributed like this.
    pub fn new(name: String, at_step: u64, end: &Mixture, level: f64) -> Scenario {
        let (low, high) = end.interval(level);
        Scenario {
            name,
            at_step,
            final_loss: end.mean(),
            low,
            high,
        }
    }
}

/// Treads on which a decay is sampled.
const TREADS: u32 = 128;
/// Share of all steps that decays usually take (arXiv 2405.18392: 10 to 20%).
pub(super) const USUAL_DECAY: f64 = 0.2;

/// The scenarios of a run at `last_step` that holds its learning rate, with `total` steps
/// planned, if that is known. `project` tells the loss where a run will stand, seen from
/// where it stands now.
pub fn scenarios(
    project: impl Fn(&Standing, &Standing) -> Mixture,
    curve: &LearningRateCurve,
    last_step: u64,
    total: Option<u64>,
    level: f64,
) -> Vec<Scenario> {
    let now = last_step as f64;
    let usual_start = |end: f64| end * (1.0 - USUAL_DECAY);
    let soonest = now / (1.0 - USUAL_DECAY);
    let plans: Vec<(String, f64, Option<f64>)> = match total.map(|total| total as f64) {
        Some(end) if now < usual_start(end) => vec![
            ("constant to the end".to_owned(), end, None),
            (
                "linear decay to zero over the last 20%".to_owned(),
                end,
                Some(usual_start(end)),
            ),
            (
                "linear decay to zero from now to the end".to_owned(),
                end,
                Some(now),
            ),
        ],
        Some(end) => vec![
            ("constant to the end".to_owned(), end, None),
            (
                "linear decay to zero from now to the end".to_owned(),
                end,
                Some(now),
            ),
        ],
        None => vec![
            (
                "the decay begins now, linear to zero over the last 20%".to_owned(),
                soonest,
                Some(now),
            ),
            (
                "twice as long, then linear to zero over the last 20%".to_owned(),
                2.0 * soonest,
                Some(usual_start(2.0 * soonest)),
            ),
        ],
    };
    plans
        .into_iter()
        .filter_map(|(name, end, decay_from)| {
            let end = end.round();
            let curve = decay_from.map_or_else(|| curve.clone(), |start| decayed(curve, start, end));
            let ahead = standings(&curve, &[now, end]);
            let end_of_it = project(ahead.first()?, ahead.last()?);
            Some(Scenario::new(name, end as u64, &end_of_it, level))
        })
        .collect()
}

/// The curve up to `start`, then linear to zero at `end`.
pub(super) fn decayed(curve: &LearningRateCurve, start: f64, end: f64) -> LearningRateCurve {
    let mut decayed = curve.until(start);
    let rate = curve.rate(start);
    for tread in 0..TREADS {
        let progress = f64::from(tread) / f64::from(TREADS);
        let middle = progress + 0.5 / f64::from(TREADS);
        decayed.change(start + 1.0 + progress * (end - start), rate * (1.0 - middle));
    }
    decayed
}
