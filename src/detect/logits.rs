//! Logits that grow: of attention, and of the output layer.
//!
//! Attention (Wortsman et al., arXiv 2309.14322; Kimi K2): 100 is where QK-clip acts,
//! at 1,000 the loss deteriorates, every run above 10,000 diverged. What the last records
//! tell of the time when that will be is a warning when growth that slows down as it has
//! done gets there too within the run; else it is only noted, for many runs level off.
//!
//! Output (same paper): log Z drifts away from its early value late in training.
//! Experimental: no public run with the event was available to measure it on.

use std::collections::VecDeque;

use super::crossing::{GOOD_FIT, foresee, remember, when_slowing};
use super::robust::line;
use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;
use crate::statistics::median;
use crate::text;

/// Kind of the alert about attention logits.
pub const ATTENTION: &str = "attention_logit";
/// Kind of the alert about output logits.
pub const OUTPUT: &str = "output_logit";
const LEVELS: [(f64, Severity); 3] = [
    (1e4, Severity::Critical),
    (1e3, Severity::Warning),
    (1e2, Severity::Info),
];
/// Every published run whose attention logits passed this has diverged.
pub const DIVERGED: f64 = 1e4;
const FIT_POINTS: usize = 40;
/// Records kept of the attention logit.
const ATTENTION_POINTS: usize = 80;
/// Below this, growth means nothing yet: healthy runs reach 40.
const WORTH_A_LOOK: f64 = 50.0;
/// Records before the fit is looked at again.
const LOOK_EVERY: u32 = 5;
const CLEAR_SHARE: f64 = 0.7;
const CLEAR_POINTS: u32 = 50;
/// log Z this many times its early magnitude is drifting.
const DRIFT: f64 = 3.0;
/// Share of the limit from which it is worth looking ahead.
const WORTH_A_FORECAST: f64 = 0.6;
const SIGN_CHANGE: f64 = -10.0;
const EARLY_POINTS: usize = 50;
const ATTENTION_REMEDY: &str = "Add QK-norm or QK-clip (tau 100), or lower the learning rate; all published runs above 10,000 \
                                diverged (Wortsman et al. 2023).";
const OUTPUT_REMEDY: &str =
    "Output logits diverge late in training: add a z-loss of 1e-4 or weight decay on the head.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Logits {
    attention: VecDeque<(f64, f64)>,
    output: VecDeque<(f64, f64)>,
    early_output: Vec<f64>,
    since_look: u32,
    since_output_look: u32,
    raised: f64,
    foreseen: bool,
    attention_is_lost: bool,
    below: u32,
}

impl Detector for Logits {
    const WATCHES: &'static [Quantity] = &[Quantity::AttentionLogit, Quantity::LogPartition];

    fn observe(&mut self, row: &Row, context: &Context, alerts: &mut AlertLog) {
        if let Some(logit) = row.value(Quantity::AttentionLogit).filter(|logit| *logit > 0.0) {
            self.watch_attention(row.step(), logit, context, alerts);
        }
        if let Some(log_z) = row
            .value(Quantity::LogPartition)
            .filter(|log_z| log_z.is_finite())
        {
            self.watch_output(row.step(), log_z, context, alerts);
        }
    }

    fn rewound(&mut self, _step: u64) {
        self.attention.clear();
        self.output.clear();
    }
}

impl Logits {
    fn watch_attention(&mut self, step: u64, logit: f64, context: &Context, alerts: &mut AlertLog) {
        if !self.attention_is_lost {
            remember(&mut self.attention, ATTENTION_POINTS, step, logit.min(1e300).ln());
        }
        self.below = if logit < CLEAR_SHARE * self.raised {
            self.below + 1
        } else {
            0
        };
        if self.below >= CLEAR_POINTS {
            alerts.clear(ATTENTION, step);
            self.raised = 0.0;
            self.foreseen = false;
            self.attention_is_lost = false;
        }
        self.since_look += 1;
        let crossed = LEVELS.into_iter().find(|(level, _)| logit >= *level);
        let higher = crossed.filter(|(level, _)| *level > self.raised);
        if higher.is_none() && (logit < WORTH_A_LOOK || self.foreseen || self.since_look < LOOK_EVERY) {
            return;
        }
        self.since_look = 0;
        let run = context.total_steps.unwrap_or(2 * step).max(step);
        let projected = if logit < DIVERGED {
            foresee(&self.attention, step, DIVERGED.ln(), DIVERGED)
        } else {
            None
        };
        let near = projected.filter(|projected| projected.step <= run);
        let growing = || line(self.attention.iter().copied()).is_some_and(|trend| trend.slope > 0.0);
        let firm =
            near.is_some() && when_slowing(&self.attention, DIVERGED.ln()).is_some_and(|at| at <= run as f64);
        let ahead = if firm { Severity::Warning } else { Severity::Info };
        let (level, severity) = match (higher, near) {
            (Some((level, Severity::Info)), Some(_)) => (level, ahead),
            // At 100 only growth is worth a word.
            (Some((level, Severity::Info)), None) if growing() => (level, Severity::Info),
            (Some((_, Severity::Info)), None) => return,
            (Some(level), _) => level,
            (None, Some(_)) => (
                DIVERGED,
                if logit >= LEVELS[2].0 {
                    ahead
                } else {
                    Severity::Info
                },
            ),
            (None, None) => return,
        };
        self.foreseen |= firm;
        if higher.is_some() {
            self.raised = self.raised.max(level);
        }
        self.attention_is_lost = logit >= DIVERGED;
        self.below = 0;
        let when = near.map_or_else(String::new, |at| {
            let latest = at
                .latest
                .map_or_else(|| "never".to_owned(), |latest| latest.to_string());
            format!(
                "; at this pace it passes 10,000 near step {} ({} to {latest})",
                at.step, at.earliest
            )
        });
        let message = format!("Largest attention logit is {logit:.0} at step {step}{when}");
        alerts.raise(
            Alert::at(step, ATTENTION, severity)
                .since(self.attention.front().map_or(step, |(first, _)| *first as u64))
                .value(logit, level)
                .foresees(near)
                .crosses(logit >= DIVERGED)
                .says(message, ATTENTION_REMEDY),
        );
    }

    fn watch_output(&mut self, step: u64, log_z: f64, context: &Context, alerts: &mut AlertLog) {
        if self.early_output.len() < EARLY_POINTS {
            self.early_output.push(log_z);
            return;
        }
        remember(&mut self.output, FIT_POINTS, step, log_z.abs());
        if self.early_output.len() == EARLY_POINTS {
            // The early magnitude, kept as the one further entry.
            let early = median(&mut self.early_output).abs().max(1.0);
            self.early_output.push(early);
        }
        let early = self.early_output.last().copied().unwrap_or(1.0);
        let limit = if log_z < 0.0 { -SIGN_CHANGE } else { DRIFT * early };
        let drifted = log_z.abs() > limit;
        if alerts.open(OUTPUT).is_some() && log_z.abs() < CLEAR_SHARE * limit {
            alerts.clear(OUTPUT, step);
        }
        self.since_output_look += 1;
        let crosses = drifted && !alerts.has_crossed(OUTPUT);
        if log_z.abs() < WORTH_A_FORECAST * limit || (self.since_output_look < LOOK_EVERY && !crosses) {
            return;
        }
        self.since_output_look = 0;
        let away = line(self.output.iter().copied())
            .is_some_and(|trend| trend.r_squared > GOOD_FIT && trend.slope > 0.0);
        if !away {
            return;
        }
        let run = context.total_steps.unwrap_or(2 * step).max(step);
        let projected = foresee(&self.output, step, limit, limit).filter(|at| !drifted && at.step <= run);
        let severity = match projected {
            _ if drifted => Severity::Warning,
            Some(_) => Severity::Info,
            None => return,
        };
        let when = projected.map_or_else(String::new, |at| {
            format!("; at this pace its size passes {limit:.0} near step {}", at.step)
        });
        let message = format!(
            "log Z has drifted to {} at step {step}, from about {} early in the run{when}",
            text::decimal(log_z, 1),
            text::decimal(early, 1)
        );
        alerts.raise(
            Alert::at(step, OUTPUT, severity)
                .since(self.output.front().map_or(step, |(first, _)| *first as u64))
                .value(log_z, limit)
                .foresees(projected)
                .crosses(drifted)
                .says(message, OUTPUT_REMEDY),
        );
    }
}
