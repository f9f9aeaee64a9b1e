//! Logits that grow: of attention, and of the output layer.
//!
//! Attention (Wortsman et al., arXiv 2309.14322; Kimi K2): 100 is where QK-clip acts,
//! at 1,000 the loss deteriorates, every run above 10,000 diverged. A log-linear fit
//! over the last 40 records says when that will be.
//!
//! Output (same paper): log Z drifts away from its early value late in training.
//! Experimental: no public run with the event was available to measure it on.

use std::collections::VecDeque;

use super::robust::{Line, line};
use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;

const ATTENTION: &str = "attention_logit";
const OUTPUT: &str = "output_logit";
const LEVELS: [(f64, Severity); 3] = [
    (1e4, Severity::Critical),
    (1e3, Severity::Warning),
    (1e2, Severity::Info),
];
const DIVERGED: f64 = 1e4;
const FIT_POINTS: usize = 40;
const GOOD_FIT: f64 = 0.8;
/// A crossing within this share of the run so far is near.
const NEAR_SHARE: f64 = 0.1;
/// Records before the fit is looked at again.
const LOOK_EVERY: u32 = 5;
const CLEAR_SHARE: f64 = 0.7;
const CLEAR_POINTS: u32 = 50;
/// log Z this many times its early magnitude is drifting.
const DRIFT: f64 = 3.0;
const SIGN_CHANGE: f64 = -10.0;
const EARLY_POINTS: usize = 50;
const ATTENTION_REMEDY: &str = "Add QK-norm or QK-clip (tau 100), or lower the learning rate; all published runs above 10,000 \
                                diverged (Wortsman et al. 2023).";
const OUTPUT_REMEDY: &str =
    "Output logits diverge late in training: add a z-loss of 1e-4 or weight decay on the head.";

/// The detector.
#[derive(Debug, Default)]
pub struct Logits {
    attention: VecDeque<(f64, f64)>,
    output: VecDeque<(f64, f64)>,
    early_output: Vec<f64>,
    since_look: u32,
    raised: f64,
    below: u32,
}

impl Detector for Logits {
    fn observe(&mut self, row: Row<'_>, context: &Context, alerts: &mut AlertLog) {
        if let Some(logit) = row.value(Quantity::AttentionLogit).filter(|logit| *logit > 0.0) {
            self.watch_attention(row.step(), logit, context, alerts);
        }
        if let Some(log_z) = row
            .value(Quantity::LogPartition)
            .filter(|log_z| log_z.is_finite())
        {
            self.watch_output(row.step(), log_z, alerts);
        }
    }

    fn rewound(&mut self, _step: u64) {
        self.attention.clear();
        self.output.clear();
    }
}

impl Logits {
    fn watch_attention(&mut self, step: u64, logit: f64, context: &Context, alerts: &mut AlertLog) {
        remember(&mut self.attention, step, logit.min(f64::MAX).ln());
        self.below = if logit < CLEAR_SHARE * self.raised {
            self.below + 1
        } else {
            0
        };
        if self.below >= CLEAR_POINTS {
            alerts.clear(ATTENTION, step);
            self.raised = 0.0;
        }
        self.since_look += 1;
        let crossed = LEVELS.into_iter().find(|(level, _)| logit >= *level);
        let higher = crossed.filter(|(level, _)| *level > self.raised);
        if higher.is_none() && (logit < 30.0 || self.since_look < LOOK_EVERY) {
            return;
        }
        self.since_look = 0;
        let trend = line(self.attention.iter().copied())
            .filter(|trend| self.attention.len() >= 10 && trend.slope > 0.0);
        let crossing = trend
            .filter(|trend| trend.r_squared > GOOD_FIT)
            .and_then(|trend| crossing(trend, step));
        let run = context.total_steps.unwrap_or(step).max(step) as f64;
        let near = crossing.is_some_and(|at| (at - step as f64) < NEAR_SHARE * run) && logit >= 50.0;
        let (level, severity) = match higher {
            Some((level, Severity::Info)) if near => (level, Severity::Warning),
            // At 100 only growth is worth a word.
            Some((level, Severity::Info)) if trend.is_some() => (level, Severity::Info),
            Some((_, Severity::Info)) => return,
            Some(level) => level,
            None if near
                && self.raised < LEVELS[1].0
                && alerts
                    .open(ATTENTION)
                    .is_none_or(|open| open.severity < Severity::Warning) =>
            {
                (LEVELS[2].0, Severity::Warning)
            }
            None => return,
        };
        self.raised = self.raised.max(level);
        self.below = 0;
        let when = crossing
            .filter(|_| logit < DIVERGED)
            .map_or_else(String::new, |at| {
                format!("; at this pace it crosses 10,000 near step {at:.0}")
            });
        alerts.raise(Alert {
            kind: ATTENTION,
            severity,
            raised_at_step: step,
            first_sign_step: self.attention.front().map_or(step, |(first, _)| *first as u64),
            cleared_at_step: None,
            projected: None,
            value: logit,
            threshold: level,
            message: format!("Largest attention logit is {logit:.0} at step {step}{when}"),
            remedy: ATTENTION_REMEDY,
        });
    }

    fn watch_output(&mut self, step: u64, log_z: f64, alerts: &mut AlertLog) {
        if self.early_output.len() < EARLY_POINTS {
            self.early_output.push(log_z);
            return;
        }
        remember(&mut self.output, step, log_z);
        if self.early_output.len() == EARLY_POINTS {
            // The early magnitude, kept as the one further entry.
            let early = super::robust::middle(&mut self.early_output).abs().max(1.0);
            self.early_output.push(early);
        }
        let early = self.early_output.last().copied().unwrap_or(1.0);
        let drifted = log_z.abs() > DRIFT * early || log_z < SIGN_CHANGE;
        if !drifted {
            if alerts.open(OUTPUT).is_some() && log_z.abs() < CLEAR_SHARE * DRIFT * early {
                alerts.clear(OUTPUT, step);
            }
            return;
        }
        let away = line(self.output.iter().copied())
            .is_some_and(|trend| trend.r_squared > GOOD_FIT && trend.slope.signum() == log_z.signum());
        if away && alerts.open(OUTPUT).is_none() {
            alerts.raise(Alert {
                kind: OUTPUT,
                severity: Severity::Warning,
                raised_at_step: step,
                first_sign_step: self.output.front().map_or(step, |(first, _)| *first as u64),
                cleared_at_step: None,
                projected: None,
                value: log_z,
                threshold: DRIFT * early,
                message: format!(
                    "log Z has drifted to {log_z:.1} at step {step}, from about {early:.1} early in the run"
                ),
                remedy: OUTPUT_REMEDY,
            });
        }
    }
}

fn remember(points: &mut VecDeque<(f64, f64)>, step: u64, value: f64) {
    if points.len() >= FIT_POINTS {
        points.pop_front();
    }
    points.push_back((step as f64, value));
}

/// The step at which the line of log logits reaches 10,000.
fn crossing(trend: Line, step: u64) -> Option<f64> {
    let at = (DIVERGED.ln() - trend.intercept) / trend.slope;
    (at.is_finite() && at > step as f64).then_some(at)
}
