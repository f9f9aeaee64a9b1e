//! Collapse of the loss scale of fp16 training.
//!
//! Scalers start high and halve until nothing overflows: that search is normal, down to 1, and a
//! scale that leaps to the highest that has held, or above, is that of a fresh scaler, which
//! searches again. In the steady state a scale is doubled now and then and halved back, for
//! thousands of steps of healthy runs around 1 and below (fairseq's speech models). A scale that
//! falls below every value at which it has stood still, once it did so for long, is worth a note.
//! What is not normal is to halve fast: three halvings within 20 steps are a warning, six, or three
//! down to at most 1, critical: gradients overflow whatever the scale (GLM-130B saw this some 30
//! steps before its loss exploded; OPT-175B called a run healthy only above 1.0). Clears when the
//! scale has doubled again.

use std::collections::VecDeque;

use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;

/// The kind of its alerts.
pub const KIND: &str = "loss_scale_collapse";
/// Records without a halving that end the search at the start.
const SETTLED_AFTER: u32 = 50;
/// Step after which the search is over, for a log that begins in the middle.
const SEARCHED_BY: u64 = 100;
/// A scaler doubles: what grows by more between two records may be another, or they are further
/// apart than it waits.
const FRESH: f64 = 2.0;
/// A scale below this is the end of a collapse; fairseq prints it as 0.
const HOPELESS: f64 = 1e-2;
const HALVINGS: usize = 3;
const MANY_HALVINGS: usize = 6;
const WITHIN_STEPS: u64 = 20;
const LOWEST: f64 = 1.0;
const REMEDY: &str = "Gradients overflow: use bf16, lower the learning rate, or restart from a checkpoint whose scale was at \
                      least 1 (OPT-175B).";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct LossScale {
    /// Step and scale of the last record.
    last: Option<(u64, f64)>,
    calm: u32,
    settled: bool,
    halvings: VecDeque<Halving>,
    lowest: f64,
    /// Lowest scale that did not fall with the next record.
    held: Option<f64>,
    /// Highest such scale since the first search was over.
    highest: Option<f64>,
    /// It has not fallen for many records in a row.
    steady: bool,
}

/// The scale was halved between two steps.
#[derive(Clone, Copy, Debug)]
struct Halving {
    after: u64,
    by: u64,
}

impl Detector for LossScale {
    const WATCHES: &'static [Quantity] = &[Quantity::LossScale];

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        let Some(scale) = row
            .value(Quantity::LossScale)
            .filter(|scale| scale.is_finite() && *scale >= 0.0)
        else {
            return;
        };
        let step = row.step();
        let Some((after, last)) = self.last.replace((step, scale)) else {
            self.settled = step > SEARCHED_BY;
            if scale < HOPELESS {
                self.raise(step, scale, alerts);
            }
            return;
        };
        if scale < last {
            self.calm = 0;
            // A record may span several steps: count the halvings, not the records.
            let halvings = (last / scale.max(f64::MIN_POSITIVE))
                .log2()
                .round()
                .clamp(1.0, 64.0) as usize;
            let halving = Halving { after, by: step };
            self.halvings.extend(std::iter::repeat_n(halving, halvings));
        } else if scale > FRESH * last && self.highest.is_none_or(|highest| scale >= highest) {
            // It searches, but the scales that held are known still.
            self.calm = 0;
            self.settled = false;
            self.halvings.clear();
        } else {
            self.calm = self.calm.saturating_add(1);
            let calm = self.calm >= SETTLED_AFTER;
            self.steady |= calm;
            self.settled |= calm;
            if self.settled {
                self.highest = Some(self.highest.map_or(last, |highest| highest.max(last)));
            }
            self.held = Some(self.held.map_or(last, |held| held.min(last)));
        }
        while self
            .halvings
            .front()
            .is_some_and(|first| step.saturating_sub(first.by) > WITHIN_STEPS)
        {
            self.halvings.pop_front();
        }
        let hopeless = scale < HOPELESS;
        let doubled = !hopeless && scale >= 2.0 * self.lowest;
        if alerts.open(KIND).is_some() && doubled && self.halvings.is_empty() {
            alerts.clear(KIND, step);
        }
        self.settled |= scale <= LOWEST;
        let collapsing = self.settled && self.halvings.len() >= HALVINGS;
        let below_all = self.steady && self.held.is_some_and(|held| scale < held);
        if scale < last && (collapsing || below_all || hopeless) {
            self.raise(step, scale, alerts);
        }
    }

    fn rewound(&mut self, _step: u64) {
        *self = LossScale::default();
    }
}

impl LossScale {
    fn raise(&mut self, step: u64, scale: f64, alerts: &mut AlertLog) {
        self.lowest = scale;
        let halvings = self.halvings.len();
        let hopeless = scale < HOPELESS || (halvings >= HALVINGS && scale <= LOWEST);
        let severity = if hopeless || halvings >= MANY_HALVINGS {
            Severity::Critical
        } else if halvings >= HALVINGS {
            Severity::Warning
        } else {
            Severity::Info
        };
        let counted = self.halvings.front().map_or_else(String::new, |first| {
            let word = if halvings == 1 { "halving" } else { "halvings" };
            format!(", {halvings} {word} since step {}", first.after)
        });
        // A power of two is shown as it is, but not with all the zeros of a small one.
        let shown = if scale < HOPELESS && scale > 0.0 {
            format!("{scale:.3e}")
        } else {
            scale.to_string()
        };
        let message = format!("Loss scale fell to {shown} at step {step}{counted}");
        alerts.raise(
            Alert::at(step, KIND, severity)
                .since(self.halvings.front().map_or(step, |first| first.by))
                .value(scale, LOWEST)
                .says(message, REMEDY),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    /// Severity and step of what is raised over these scales.
    fn raised(scales: impl IntoIterator<Item = (u64, f64)>) -> Vec<(Severity, u64)> {
        let mut detector = LossScale::default();
        let mut alerts = AlertLog::default();
        for (step, scale) in scales {
            let mut batch = Records::default();
            batch.push(step, &[(Quantity::LossScale, scale)]);
            detector.observe(&batch.row(0), &Context::default(), &mut alerts);
        }
        let all = alerts.all().iter();
        all.map(|alert| (alert.severity, alert.raised_at_step)).collect()
    }

    /// The scale of every 200th step, which is halved by an overflow and doubled again.
    fn wandering() -> impl Iterator<Item = (u64, f64)> {
        let cycle = [
            4.0, 2.0, 2.0, 1.0, 0.5, 0.5, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 4.0, 8.0, 8.0,
        ];
        let scales = [32.0, 64.0, 64.0, 32.0, 16.0, 8.0].into_iter();
        (1..)
            .map(|record| 200 * record)
            .zip(scales.chain(cycle.into_iter().cycle().take(300)))
    }

    #[test]
    fn a_scale_of_zero_is_told_without_counting_halvings() {
        let (mut detector, mut alerts) = (LossScale::default(), AlertLog::default());
        for step in 1..200 {
            let mut batch = Records::default();
            batch.push(
                step,
                &[(Quantity::LossScale, if step < 100 { 64.0 } else { 0.0 })],
            );
            detector.observe(&batch.row(0), &Context::default(), &mut alerts);
        }
        let said = alerts.all().first().map(|alert| alert.message.clone());
        assert!(
            said.as_ref().is_some_and(
                |said| !said.contains(" 0 halvings") && said.starts_with("Loss scale fell to 0 at")
            ),
            "{said:?}"
        );
    }

    #[test]
    fn a_scale_that_wanders_is_no_collapse() {
        assert_eq!(raised(wandering()), []);
    }

    #[test]
    fn a_fresh_scaler_searches_again() {
        // fairseq tells of each halving, at the last step that it has told of.
        let search = [64.0, 32.0, 16.0, 8.0, 4.0].map(|scale| (60_000, scale));
        assert_eq!(raised(search.map(|(_, scale)| (1, scale))), []);
        assert_eq!(raised(wandering().chain([(60_000, 8.0)]).chain(search)), []);
    }

    #[test]
    fn growth_between_distant_records_is_no_fresh_scaler() {
        // A record every 4000 steps, by which a scale may have doubled twice.
        let every = |scales: Vec<f64>| (1..).map(|record| 4000 * record).zip(scales);
        let calm = || vec![1024.0; 60].into_iter();
        let wanders = [512.0, 256.0, 128.0, 512.0, 512.0];
        let told = raised(every(calm().chain(wanders).chain([256.0, 128.0, 64.0]).collect()));
        assert_eq!(told, [(Severity::Info, 4000 * 61), (Severity::Info, 4000 * 68)]);
        // Nor does growth beyond all before make it forget what was low.
        let higher = [4096.0, 4096.0, 2048.0, 1024.0];
        assert_eq!(raised(every(calm().chain(higher).collect())), []);
        let told = raised(every(calm().chain(higher).chain([512.0, 256.0, 128.0]).collect()));
        assert_eq!(told, [(Severity::Info, 4000 * 65)]);
    }

    #[test]
    fn a_scale_that_halves_and_halves_collapses() {
        let calm = || (0..100).map(|step| (step, 1024.0));
        assert_eq!(raised(calm().chain([(100, 512.0)])), [(Severity::Info, 100)]);
        let falls = (100..112).map(|step| (step, 1024.0 * 0.5f64.powi(step as i32 - 99)));
        assert_eq!(raised(calm().chain(falls)), [(Severity::Critical, 102)]);
        let thrice = (100..103).map(|step| (step, 1024.0 * 0.5f64.powi(step as i32 - 99)));
        assert_eq!(raised(calm().chain(thrice)), [(Severity::Warning, 102)]);
        // Part of a log, in the middle of a run.
        let part = (378..382).map(|step| (step, 64.0 * 0.5f64.powi(step as i32 - 378)));
        assert_eq!(raised(part), [(Severity::Warning, 381)]);
    }
}
