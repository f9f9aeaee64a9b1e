//! Loss spikes: a sudden rise above everything the recent log holds.
//!
//! Losses are heavy-tailed in ways that differ from run to run (mixed batches, noisy
//! sets, repeated outliers), so a run is judged by its own worst: a spike exceeds the
//! largest of the last 50 values by [`OVER_WORST`], free of any assumption about their
//! distribution. On top of it come the rules of the study: 10% above the trailing
//! median, and either robust z of the log loss above 6, or above 3 with z of the log
//! gradient norm above 4 in the same record.
//!
//! With little history (an excerpt, a sparse log, the start of a run) only a rise to
//! [`SHORT_RISE`] times the largest of the last 20 values counts, after step 50.
//!
//! One record alone is most often an outlier in the data: healthy logs of every step
//! have one in 1,000. It is noted, and becomes a warning with a second record as high,
//! with a gradient norm that agrees in a log that is not of every step, or at once when
//! it is [`SHORT_RISE`] times the worst.
//!
//! Clears when the loss has been back within 3% and two spreads for ten points;
//! becomes critical when it stays above all that was before for 20 points and 1% of
//! the run, or for three at more than twice where the run began.

use std::collections::VecDeque;

use super::restart::Restart;
use super::robust::{Cadence, Level, Window, middle};
use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;

/// The kind of its alerts.
pub const KIND: &str = "loss_spike";
const RISE: f64 = 0.10;
const Z_WITH_GRADIENT: f64 = 3.0;
const Z_OF_GRADIENT: f64 = 4.0;
const Z_ALONE: f64 = 6.0;
/// Least spread of the log loss and the log gradient norm that is believed.
const FLOOR_LOSS: f64 = 0.002;
const FLOOR_GRADIENT: f64 = 0.05;
/// Points before anything can be called unusual.
const HISTORY: usize = 60;
/// How far above the largest recent value, as a factor.
const OVER_WORST: f64 = 1.1;
/// Values among which the largest is sought.
const RECENT: usize = 50;
/// The same two for a run of which little is known.
const SHORT_RISE: f64 = 1.5;
const SHORT_RECENT: usize = 20;
/// Least rise, as a share of the loss that the run began with: near zero, ratios mean nothing.
const LEAST_RISE: f64 = 0.02;
/// Before this step a loss may do anything.
const FIRST_STEP: u64 = 40;
/// Points after a resume during which nothing is.
const QUIET_AFTER_REWIND: u32 = 60;
const BACK_SHARE: f64 = 0.03;
const BACK_POINTS: u32 = 10;
/// Points (or share of the run) after which a spike should be over.
const PATIENCE_POINTS: u32 = 20;
/// Records after the first within which a second one confirms the spike.
const CONFIRM_WITHIN: u32 = 3;
const PATIENCE_SHARE: f64 = 0.01;
/// Points after which a new level is accepted as normal.
const NEW_LEVEL_POINTS: u32 = 100;
const REMEDY: &str = "If it is not back in about 200 steps, restart some 100 steps earlier and skip 200 to 500 batches (PaLM); \
                      a lower learning rate or gradient clipping helps against repeats.";
const RESTART_KIND: &str = "restart";
const RESTART_REMEDY: &str = "Nothing, if it was planned; otherwise look at how the checkpoint was loaded.";

/// The detector.
#[derive(Debug, Default)]
pub struct LossSpike {
    loss: Window,
    gradient: Window,
    cadence: Cadence,
    quiet: u32,
    start: Vec<f64>,
    /// Median of the first values.
    start_level: f64,
    recent: VecDeque<f64>,
    open: Option<Open>,
    restart: Restart,
    has_train_loss: bool,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    baseline: f64,
    back_below: f64,
    since: u64,
    points: u32,
    back: u32,
    /// Largest value before it.
    worst: f64,
    confirmed: bool,
    /// Points in a row above that.
    above_worst: u32,
}

impl Detector for LossSpike {
    fn observe(&mut self, row: Row<'_>, context: &Context, alerts: &mut AlertLog) {
        let train = row.value(Quantity::TrainLoss);
        self.has_train_loss |= train.is_some();
        let loss = if self.has_train_loss {
            train
        } else {
            row.value(Quantity::EvalLoss)
        };
        let gradient = row
            .value(Quantity::GradNorm)
            .filter(|gradient| gradient.is_finite());
        let Some(loss) = loss.filter(|loss| loss.is_finite()) else {
            return;
        };
        let step = row.step();
        if self.cadence.changed(step) && self.open.is_none() {
            self.loss.clear();
            self.gradient.clear();
        }
        self.quiet = self.quiet.saturating_sub(1);
        if self.start.len() < 20 {
            self.start.push(loss);
            self.start_level = middle(&mut self.start.clone());
        }
        let before = self.recent.back().copied().unwrap_or(f64::NAN);
        if self.restart.noticed(loss, gradient, before) {
            self.starts_anew(step, loss, before, alerts);
        }
        if self.open.is_some() {
            self.follow(step, loss, context, alerts);
            if self.open.is_some() {
                self.remember(loss);
                return; // What happens in a spike is no baseline.
            }
        } else if self.is_spike(step, loss, gradient) {
            let agrees = self.cadence.stride() > 1 && self.gradient_surges(gradient);
            self.raise(step, loss, agrees, alerts);
            self.remember(loss);
            return;
        }
        self.remember(loss);
        self.loss.push(loss);
        if let Some(gradient) = gradient.filter(|gradient| *gradient > 0.0) {
            self.gradient.push(gradient);
        }
    }

    fn rewound(&mut self, _step: u64) {
        self.loss.clear();
        self.gradient.clear();
        self.recent.clear();
        self.open = None;
        self.quiet = QUIET_AFTER_REWIND;
        self.cadence = Cadence::default();
    }
}

impl LossSpike {
    fn remember(&mut self, loss: f64) {
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(loss);
    }

    /// What was usual is so no more. Noted, and over at once: a fresh model is no trouble.
    fn starts_anew(&mut self, step: u64, loss: f64, before: f64, alerts: &mut AlertLog) {
        alerts.clear(KIND, step);
        let message = format!(
            "Loss and gradient norm went from {before:.4} back to {loss:.4}, where the run began: it seems to start anew"
        );
        alerts.raise(
            Alert::at(step, RESTART_KIND, Severity::Info)
                .value(loss, before)
                .says(message, RESTART_REMEDY),
        );
        alerts.clear(RESTART_KIND, step);
        *self = LossSpike {
            restart: self.restart,
            has_train_loss: self.has_train_loss,
            ..LossSpike::default()
        };
    }

    /// The largest of the last `count` values.
    fn worst(&self, count: usize) -> f64 {
        let last = self.recent.iter().rev().take(count);
        last.copied().fold(f64::NEG_INFINITY, f64::max)
    }

    fn is_spike(&self, step: u64, loss: f64, gradient: Option<f64>) -> bool {
        if self.quiet > 0 || step < FIRST_STEP {
            return false;
        }
        // Most records end here: one of the last few values is about as large.
        let least = LEAST_RISE * self.start_level.abs();
        let mut last = self.recent.iter().rev().take(SHORT_RECENT);
        if last.any(|recent| loss - recent < least) {
            return false;
        }
        let short = self.worst(SHORT_RECENT);
        if short > 0.0 && loss > SHORT_RISE * short {
            return true;
        }
        let worst = self.worst(RECENT);
        if self.loss.len() < HISTORY || loss <= worst + (OVER_WORST - 1.0) * worst.abs() {
            return false;
        }
        // The median is at least the smallest value, so this misses nothing.
        let low = self.loss.min();
        if low > 0.0 && loss < low * (1.0 + RISE) {
            return false;
        }
        let (z, rise) = if low > 0.0 {
            let Some(level) = self.loss.log_level() else {
                return false;
            };
            (level.z(loss.ln(), FLOOR_LOSS), loss / level.median.exp() - 1.0)
        } else {
            let level = self.loss.level();
            let scale = level.median.abs().max(level.spread).max(1e-9);
            (level.z(loss, FLOOR_LOSS * scale), (loss - level.median) / scale)
        };
        if rise < RISE {
            return false;
        }
        z > Z_ALONE || (z > Z_WITH_GRADIENT && self.gradient_surges(gradient))
    }

    fn gradient_surges(&self, gradient: Option<f64>) -> bool {
        let level = self
            .gradient
            .log_level()
            .filter(|_| self.gradient.len() >= HISTORY);
        let surge = |(gradient, level): (f64, Level)| {
            level.z(gradient.max(1e-30).ln(), FLOOR_GRADIENT) > Z_OF_GRADIENT
        };
        gradient.zip(level).is_some_and(surge)
    }

    fn raise(&mut self, step: u64, loss: f64, agrees: bool, alerts: &mut AlertLog) {
        let level = if self.loss.is_empty() {
            Level {
                median: middle(&mut self.recent.iter().copied().collect::<Vec<_>>()),
                spread: 0.0,
            }
        } else {
            self.loss.level()
        };
        let worst = self.worst(RECENT);
        let warning =
            (agrees || loss > SHORT_RISE * worst.max(self.worst(SHORT_RECENT))) && level.median > 0.0;
        self.open = Some(Open {
            worst,
            above_worst: 0,
            confirmed: false,
            baseline: level.median,
            back_below: level.median + BACK_SHARE * level.median.abs() + 2.0 * level.spread,
            since: step,
            points: 0,
            back: 0,
        });
        let severity = if warning {
            Severity::Warning
        } else {
            Severity::Info
        };
        let message = format!(
            "Loss jumped from {:.4} to {loss:.4} at step {step} ({:+.0}%)",
            level.median,
            (loss / level.median - 1.0) * 100.0
        );
        alerts.raise(
            Alert::at(step, KIND, severity)
                .value(loss, level.median * (1.0 + RISE))
                .says(message, REMEDY),
        );
    }

    fn follow(&mut self, step: u64, loss: f64, context: &Context, alerts: &mut AlertLog) {
        let known_start = self.start.len() >= 20;
        let start = self.start_level;
        let Some(open) = &mut self.open else {
            return;
        };
        open.points += 1;
        open.above_worst = if loss > open.worst {
            open.above_worst + 1
        } else {
            0
        };
        // As far above the worst as a spike must be: of several records one is always a little above.
        let again = loss > OVER_WORST * open.worst && open.points <= CONFIRM_WITHIN && open.baseline > 0.0;
        if again || loss > SHORT_RISE * open.worst.max(0.0) && open.baseline > 0.0 {
            open.confirmed = true;
        }
        open.back = if loss <= open.back_below { open.back + 1 } else { 0 };
        if open.back >= BACK_POINTS {
            alerts.reword(
                KIND,
                format!(
                    "Loss spike at step {}: recovered within {} steps",
                    open.since,
                    step.saturating_sub(open.since)
                ),
            );
            alerts.clear(KIND, step);
            self.open = None;
            return;
        }
        let late = step.saturating_sub(open.since) as f64
            > PATIENCE_SHARE * context.total_steps.unwrap_or(step) as f64;
        let not_back = open.points >= PATIENCE_POINTS && late && loss > open.baseline * (1.0 + RISE);
        let stays = not_back && open.above_worst >= PATIENCE_POINTS;
        let lost = known_start && loss > 2.0 * start && open.above_worst >= 3;
        if stays || lost || open.confirmed {
            let message = format!(
                "Loss jumped at step {} and is {loss:.4} at step {step}, {:.0}% above the {:.4} before",
                open.since,
                (loss / open.baseline - 1.0) * 100.0,
                open.baseline
            );
            alerts.raise(
                Alert::at(
                    step,
                    KIND,
                    if (stays || lost) && open.baseline > 0.0 {
                        Severity::Critical
                    } else {
                        Severity::Warning
                    },
                )
                .since(open.since)
                .value(loss, open.baseline * (1.0 + RISE))
                .says(message, REMEDY),
            );
        }
        if open.points >= NEW_LEVEL_POINTS {
            // Not a spike any more but the level the run is at; divergence watches that.
            alerts.clear(KIND, step);
            self.open = None;
            self.loss.clear();
            self.gradient.clear();
        }
    }
}
