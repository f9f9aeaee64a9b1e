//! Activations that grow away from where they settled.
//!
//! Runs that diverge have output norms more than twice those of runs that converge by step
//! 1,000 (Rybakov et al., arXiv 2410.16682), and OPT-175B called a checkpoint healthy only
//! with a falling activation norm. But norms also grow in healthy runs, slowly and towards a
//! limit (up to 28 times, in one that we trained ourselves at a high rate). So what counts is
//! exponential growth: the level of the records 50 to 100 after the learning rate has stopped
//! to rise, where it is logged, is where the run settled; noted
//! when [`NOTED`] times that and projected to pass [`GROWN`] times within the run, a warning
//! when it passes. Clears below 70% of what is noted for 50 records. Logged values are the
//! largest, a norm or a root mean square: the ratio is the same.

use std::collections::VecDeque;

use super::crossing::{foresee, remember};
use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::{Held, Row, Stretch};
use crate::metric::Quantity;
use crate::statistics::median;
use crate::text;

/// The kind of its alerts.
pub const KIND: &str = "activation_growth";
/// Records before the level is taken, and after it.
const BEFORE: usize = 50;
const SETTLED: usize = 100;
const NOTED: f64 = 5.0;
/// Times the settled level.
pub const GROWN: f64 = 30.0;
const POINTS: usize = 80;
const LOOK_EVERY: u32 = 5;
const CLEAR_SHARE: f64 = 0.7;
const CLEAR_POINTS: u32 = 50;
const REMEDY: &str = "Activations grow without a limit: lower the learning rate, add normalisation to the outputs of the blocks, \
                      or restart from before the growth began; in fp16 they overflow at 65,504.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Activations {
    peak_rate: f64,
    early: Vec<f64>,
    level: Option<f64>,
    points: VecDeque<(f64, f64)>,
    since_look: u32,
    below: u32,
}

impl Detector for Activations {
    const WATCHES: &'static [Quantity] = &[Quantity::ActivationNorm, Quantity::LearningRate];

    fn observe(&mut self, row: &Row, context: &Context, alerts: &mut AlertLog) {
        // While the model warms up, nothing has settled.
        if let Some(rate) = row
            .value(Quantity::LearningRate)
            .filter(|rate| *rate > self.peak_rate)
        {
            self.peak_rate = rate;
            self.early.clear();
        }
        let value = row
            .value(Quantity::ActivationNorm)
            .filter(|value| value.is_finite() && *value > 0.0);
        let Some(value) = value else {
            return;
        };
        let step = row.step();
        let Some(level) = self.level else {
            self.early.push(value);
            if self.early.len() >= SETTLED {
                let mut settled = self.early.split_off(BEFORE);
                self.level = Some(median(&mut settled));
                self.early = Vec::new();
            }
            return;
        };
        remember(&mut self.points, POINTS, step, value.ln());
        let threshold = GROWN * level;
        self.below = if value < CLEAR_SHARE * NOTED * level {
            self.below + 1
        } else {
            0
        };
        if self.below == CLEAR_POINTS {
            alerts.clear(KIND, step);
        }
        self.since_look += 1;
        let crosses = value >= threshold && !alerts.has_crossed(KIND);
        if value < NOTED * level || (self.since_look < LOOK_EVERY && !crosses) {
            return;
        }
        self.since_look = 0;
        let run = context.total_steps.unwrap_or(2 * step).max(step);
        let projected = if value < threshold {
            foresee(&self.points, step, threshold.ln(), threshold).filter(|at| at.step <= run)
        } else {
            None
        };
        let severity = match projected {
            _ if value >= threshold => Severity::Warning,
            Some(_) => Severity::Info,
            None => return,
        };
        let when = projected.map_or_else(String::new, |at| {
            format!("; at this pace it is {GROWN:.0} times that near step {}", at.step)
        });
        let message = format!(
            "Activations are {} what they were early ({} at step {step}, {} then){when}",
            text::times(value / level),
            text::decimal(value, 3),
            text::decimal(level, 3)
        );
        alerts.raise(
            Alert::at(step, KIND, severity)
                .value(value, threshold)
                .foresees(projected)
                .crosses(value >= threshold)
                .says(message, REMEDY),
        );
    }

    fn pass(&mut self, stretch: &Stretch<'_>, _alerts: &AlertLog) -> bool {
        let Held::Everywhere(rates) = stretch.held(Quantity::LearningRate) else {
            return false;
        };
        stretch.held(Quantity::ActivationNorm) == Held::Nowhere
            && rates.iter().all(|rate| *rate <= self.peak_rate)
    }

    fn rewound(&mut self, _step: u64) {
        self.points.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    fn alerts(value: impl Fn(f64) -> f64) -> AlertLog {
        let mut detector = Activations::default();
        let mut alerts = AlertLog::default();
        for step in 0..2000u64 {
            let wobble = 1.0 + 0.05 * (step as f64 * 0.7).sin();
            let mut records = Records::default();
            records.push(step, &[(Quantity::ActivationNorm, value(step as f64) * wobble)]);
            let context = Context {
                total_steps: Some(2000),
                ..Context::default()
            };
            detector.observe(&records.row(0), &context, &mut alerts);
        }
        alerts
    }

    #[test]
    fn exponential_growth_is_foreseen_and_growth_to_a_limit_is_none() {
        let grows = alerts(|step| (0.003 * step).exp());
        let alert = &grows.all()[0];
        let projected = alert.projected.unwrap();
        // 30 times the level at step 75 is reached at step 75 + ln 30 / 0.003.
        assert!(projected.made_at_step < 800, "{projected:?}");
        assert!(
            (projected.earliest..=projected.latest.unwrap()).contains(&1209),
            "{projected:?}"
        );
        assert_eq!(alert.severity, Severity::Warning);
        assert_eq!(alerts(|step| 5.0 - 4.0 * (-step / 300.0).exp()).all(), []);
    }
}
