//! Loss spikes: a sudden rise above the level of the last records.
//!
//! The rise is the log of the loss above the median of the last 20 records, so that neither
//! a falling loss nor an old high hides one. Losses are heavy-tailed in ways that differ
//! from run to run (mixed batches, noisy sets, repeated outliers), so a run is judged by
//! its own rises: a spike exceeds the third largest of the last hundred by [`Thresholds::loss_spike_rise`], free of
//! any assumption about their distribution. On top of it come the rules of the study: a
//! rise of 10%, and either a robust z above 6, or above 3 with z of the log gradient norm
//! above 4 in the same record. With little history only a rise of [`Thresholds::loss_spike_sure_rise`] counts.
//!
//! One record alone is most often an outlier in the data: healthy logs of every step have
//! one in 1,000. It is noted, joins the rises that the run is judged by, and becomes a
//! warning with a second record as high within three. In a log that is not of every step a
//! record stands for many: there a rise of [`Thresholds::loss_spike_sure_rise`] is a warning at once, as is one
//! with a gradient norm that agrees. Not so the first record of an epoch, where epochs are counted
//! in whole numbers: many trainers print the mean over the epoch, which is that of few batches then.
//!
//! Clears when the loss has been back within 3% and two spreads for five points; becomes
//! critical when after 20 points and 1% of the run it is still half as high again and above
//! all that is usual, or for three points at more than twice where the run began.

use super::restart::Restart;
use super::robust::{Cadence, Level, Ordered, Recent, WINDOW};
use super::thresholds::Thresholds;
use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;
use crate::statistics::median;
use crate::text;

/// The kind of its alerts.
pub const KIND: &str = "loss_spike";
const Z_WITH_GRADIENT: f64 = 3.0;
const Z_OF_GRADIENT: f64 = 4.0;
/// Least rise of a gradient norm that agrees, as a share.
const GRADIENT_RISE: f64 = 0.3;
/// Learning rate, relative to what it was at the level, that raises a loss by itself when it
/// only returns to where it has been: a schedule that starts again.
const RESTARTED_RATE: f64 = 1.5;
/// Least spread of the log loss and the log gradient norm that is believed.
const FLOOR_LOSS: f64 = 0.002;
const FLOOR_GRADIENT: f64 = 0.05;
/// Records whose median is the level.
const RECENT: usize = 20;
/// Records before there is one; until then the largest stands in for it.
const LEAST_RECENT: usize = 10;
/// Records before anything can be said, in a log that has the beginning of its run.
const VERY_FEW: usize = 3;
/// A log whose first step is at least this begins in the middle.
const IN_THE_MIDDLE: u64 = 1000;
/// Rise, as a share, that needs no second record in a log of every step either.
const VERY_LARGE_RISE: f64 = 1.0;
/// In a log that is not of every step, so many times the usual rise (and so large a share)
/// needs no second record.
const FAR_ABOVE_USUAL: f64 = 3.0;
const FAR_RISE: f64 = 0.3;
/// Rise, as a share, that needs no second record where the gradient norm agrees.
const AGREED_RISE: f64 = 0.25;
/// A loss this many times where it began was never one that falls.
const NOT_A_FALLING_LOSS: f64 = 1.5;
/// Rises (or gradient norms) before anything can be called unusual.
const HISTORY: usize = 40;
/// Rises before there is a noise to speak of.
const SHORT_HISTORY: usize = 15;
/// Least rise, as a share, while the history is short.
const SHORT_RISE: f64 = 0.25;
/// One in so many rises may be larger than what is usual.
const TOLERATED_ONE_IN: usize = 50;
/// Standard deviations that nine tenths of a normal distribution lie below.
const NINE_TENTHS: f64 = 1.2816;
/// How much above the usual a spike must be, as a share of it.
const ABOVE_USUAL: f64 = 0.5;
/// Least rise, as a share of the loss that the run began with: near zero, ratios mean nothing.
const LEAST_RISE: f64 = 0.02;
/// Before this step a loss may do anything.
const FIRST_STEP: u64 = 40;
/// Points after a resume during which nothing is.
const QUIET_AFTER_REWIND: u32 = 60;
const BACK_SHARE: f64 = 0.03;
const BACK_POINTS: u32 = 5;
/// Points (or share of the run) after which a spike should be over.
const PATIENCE_POINTS: u32 = 20;
/// Records after the first within which a second one confirms the spike.
const CONFIRM_WITHIN: u32 = 3;
const PATIENCE_SHARE: f64 = 0.01;
/// Points after which a new level is accepted as normal.
const NEW_LEVEL_POINTS: u32 = 100;
/// Records of an epoch from which on its first one is an exception.
const RECORDS_OF_EPOCH: u64 = 8;
const REMEDY: &str = "If it is not back in about 200 steps, restart some 100 steps earlier and skip 200 to 500 batches (PaLM); \
                      a lower learning rate or gradient clipping helps against repeats.";
const RESTART_KIND: &str = "restart";
const RESTART_REMEDY: &str = "Nothing, if it was planned; otherwise look at how the checkpoint was loaded.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct LossSpike {
    /// The last losses outside spikes.
    recent: Ordered<RECENT>,
    /// The learning rates at them.
    rates: Recent<RECENT>,
    rate: f64,
    peak_rate: f64,
    /// The last hundred of them, with a single high one here and there, each over its level:
    /// the logarithm is the rise, and is taken when it is needed. Rises themselves where
    /// the loss has a sign.
    rises: Recent<WINDOW>,
    gradient: Recent<WINDOW>,
    cadence: Cadence,
    quiet: u32,
    start: Vec<f64>,
    first_step: Option<u64>,
    epoch: Option<f64>,
    records_of_epoch: u64,
    /// Epochs are printed with their fractions, whose digits hold for many records too.
    has_fractions: bool,
    /// The record at hand is the first of an epoch, where epochs have many.
    begins_epoch: bool,
    /// Median of the first values.
    start_level: f64,
    /// A loss that was not positive: its logarithm means nothing.
    has_sign: bool,
    open: Option<Open>,
    restart: Restart,
    has_train_loss: bool,
    thresholds: Thresholds,
}

/// The rises of the last hundred records outside spikes.
#[derive(Clone, Copy, Debug)]
struct Usual {
    /// The largest, but for outliers.
    largest: f64,
    median: f64,
    /// As of a normal distribution; of the upper side where that is wider, for losses of
    /// two kinds of batches have a small median deviation and many high values.
    spread: f64,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    baseline: f64,
    back_below: f64,
    /// Above this the loss is higher than any usual one.
    usual_below: f64,
    since: u64,
    points: u32,
    back: u32,
    /// A rise of this loss is a bad sign.
    meaningful: bool,
    confirmed: bool,
    /// Points in a row above `usual_below`.
    above_usual: u32,
}

impl Detector for LossSpike {
    const WATCHES: &'static [Quantity] = &[Quantity::TrainLoss, Quantity::EvalLoss, Quantity::LearningRate];
    const EXPECTS_THE_LOSS_TO_FALL: bool = true;

    fn observe(&mut self, row: &Row, context: &Context, alerts: &mut AlertLog) {
        self.thresholds = context.thresholds;
        if let Some(rate) = row.value(Quantity::LearningRate).filter(|rate| rate.is_finite()) {
            self.peak_rate = self.peak_rate.max(self.rate);
            self.rate = rate;
        }
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
        self.first_step.get_or_insert(step);
        self.note_epoch(row.value(Quantity::Epoch));
        if self.cadence.changed(step) && self.open.is_none() {
            self.forget_level();
        }
        self.quiet = self.quiet.saturating_sub(1);
        if loss <= 0.0 && !self.has_sign {
            self.has_sign = true;
            self.rises.map(f64::ln);
        }
        if self.start.len() < 20 {
            self.start.push(loss);
            self.start_level = median(&mut self.start.clone());
        }
        let before = self.recent.recent().newest().unwrap_or(f64::NAN);
        let recent = &self.recent;
        let largest = || recent.ascending().last().copied().unwrap_or(f64::NAN);
        if self.restart.noticed(loss, gradient, largest) {
            self.starts_anew(step, loss, before, alerts);
        }
        let level = self.level();
        if self.open.is_some() {
            self.follow(step, loss, context, alerts);
            if self.open.is_some() {
                return; // What happens in a spike is no baseline.
            }
        } else if let Some(level) = level {
            let over = self.over_level(loss, level);
            let spike = !self.is_usual(over) && {
                let rise = self.rise(over);
                let spike = self.is_spike(step, loss, level, rise, gradient);
                if spike {
                    self.raise(step, loss, level, rise, gradient, alerts);
                }
                spike
            };
            self.rises.push(over);
            if spike {
                return;
            }
        }
        self.recent.push(loss);
        self.rates.push(self.rate);
        if let Some(gradient) = gradient.filter(|gradient| *gradient > 0.0) {
            self.gradient.push(gradient);
        }
    }

    fn rewound(&mut self, _step: u64) {
        self.forget_level();
        self.open = None;
        self.quiet = QUIET_AFTER_REWIND;
        (self.epoch, self.records_of_epoch) = (None, 0);
        self.cadence = Cadence::default();
    }
}

impl LossSpike {
    fn forget_level(&mut self) {
        self.recent.clear();
        self.rates.clear();
        self.rises.clear();
        self.gradient.clear();
    }

    fn note_epoch(&mut self, epoch: Option<f64>) {
        self.has_fractions |= epoch.is_some_and(|epoch| epoch.fract() != 0.0);
        let is_next = epoch.is_some() && epoch != self.epoch;
        self.begins_epoch = is_next && !self.has_fractions && self.records_of_epoch >= RECORDS_OF_EPOCH;
        if is_next {
            (self.epoch, self.records_of_epoch) = (epoch, 0);
        }
        self.records_of_epoch += 1;
    }

    /// What was usual is so no more. Noted, and over at once: a fresh model is no trouble.
    fn starts_anew(&mut self, step: u64, loss: f64, before: f64, alerts: &mut AlertLog) {
        alerts.clear(KIND, step);
        let message = format!(
            "Loss and gradient norm went from {} back to {}, where the run began: it seems to start anew",
            text::loss(before),
            text::loss(loss)
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

    /// Median of the last records.
    fn level(&self) -> Option<f64> {
        let in_the_middle = self.first_step.is_some_and(|first| first >= IN_THE_MIDDLE);
        match self.recent.count() {
            0 => None,
            ..VERY_FEW if !in_the_middle => None,
            // The beginning may fall fast: the largest.
            ..LEAST_RECENT if !in_the_middle => self.recent.ascending().last().copied(),
            _ => Some(self.recent.median()),
        }
    }

    /// `loss` over its level; for a loss with a sign how far it lies above, as a share of
    /// its level or of where it began.
    fn over_level(&self, loss: f64, level: f64) -> f64 {
        if self.has_sign {
            let scale = level.abs().max(self.start_level.abs()).max(1e-9);
            return (loss - level) / scale;
        }
        loss / level
    }

    /// How far a loss lies above its level, in logarithms unless it has a sign.
    fn rise(&self, over: f64) -> f64 {
        if self.has_sign { over } else { over.ln() }
    }

    /// True when a rise is too small for a spike beyond all rounding: nearly always.
    fn is_usual(&self, over: f64) -> bool {
        !self.has_sign && over < (1.0 + self.thresholds.loss_spike_rise) * (1.0 - 1e-9)
    }

    /// What rises are usual, so far as is known.
    fn usual(&self) -> Usual {
        let mut rises: Vec<f64> = self.rises.last(WINDOW).map(|over| -self.rise(over)).collect();
        rises.sort_unstable_by(f64::total_cmp);
        let at = |index: usize| rises.get(index).map_or(0.0, |rise| -*rise);
        let median = at(rises.len() / 2);
        Usual {
            largest: at(rises.len() / TOLERATED_ONE_IN).max(0.0),
            median,
            spread: Level::of(rises.clone())
                .spread
                .max((at(rises.len() / 10) - median) / NINE_TENTHS),
        }
    }

    fn is_spike(&self, step: u64, loss: f64, level: f64, rise: f64, gradient: Option<f64>) -> bool {
        // Most records end here.
        if rise < self.thresholds.loss_spike_rise.ln_1p() || self.quiet > 0 || step < FIRST_STEP {
            return false;
        }
        if loss - level < LEAST_RISE * self.start_level.abs() {
            return false;
        }
        let usual = self.usual();
        if rise < self.limit(usual.largest) {
            return false;
        }
        if self.rises.count() < SHORT_HISTORY {
            return true;
        }
        let z = (rise - usual.median) / usual.spread.max(FLOOR_LOSS);
        z > self.thresholds.loss_spike_z || (z > Z_WITH_GRADIENT && self.gradient_surges(gradient))
    }

    /// The rise that is a spike.
    fn limit(&self, usual: f64) -> f64 {
        let (least, share) = match self.rises.count() {
            ..SHORT_HISTORY => (self.thresholds.loss_spike_sure_rise.ln_1p(), 1.0),
            SHORT_HISTORY..HISTORY => (SHORT_RISE.ln_1p(), 1.0),
            _ => (self.thresholds.loss_spike_rise.ln_1p(), ABOVE_USUAL),
        };
        (usual * (1.0 + share)).max(usual + least)
    }

    fn gradient_surges(&self, gradient: Option<f64>) -> bool {
        let level = (self.gradient.count() >= HISTORY).then(|| self.gradient.log_level());
        let surge = |(gradient, level): (f64, Level)| {
            let log = gradient.max(1e-30).ln();
            level.z(log, FLOOR_GRADIENT) > Z_OF_GRADIENT && log - level.median > GRADIENT_RISE.ln_1p()
        };
        gradient.zip(level).is_some_and(surge)
    }

    fn raise(
        &mut self,
        step: u64,
        loss: f64,
        level: f64,
        rise: f64,
        gradient: Option<f64>,
        alerts: &mut AlertLog,
    ) {
        let Usual {
            largest: usual,
            spread,
            ..
        } = self.usual();
        let large = rise > self.thresholds.loss_spike_sure_rise.ln_1p()
            || (self.rises.count() >= HISTORY && rise > FAR_RISE.ln_1p().max(FAR_ABOVE_USUAL * usual));
        let agrees = rise > AGREED_RISE.ln_1p() && self.gradient_surges(gradient);
        let certain = if self.cadence.stride() > 1 {
            large || agrees
        } else {
            rise > VERY_LARGE_RISE.ln_1p() || (large && agrees)
        };
        let rate_then = self.rates.oldest().filter(|rate| *rate > 0.0);
        let restarted =
            rate_then.is_some_and(|then| self.rate > RESTARTED_RATE * then) && self.rate <= self.peak_rate;
        let meaningful = !self.has_sign && !restarted && level < NOT_A_FALLING_LOSS * self.start_level;
        let severity = if certain && meaningful && !self.begins_epoch {
            Severity::Warning
        } else {
            Severity::Info
        };
        self.open = Some(Open {
            baseline: level,
            back_below: level + (BACK_SHARE + 2.0 * spread) * level.abs(),
            usual_below: level * self.limit(usual).exp(),
            since: step,
            points: 0,
            back: 0,
            meaningful,
            confirmed: false,
            above_usual: 0,
        });
        let message = format!(
            "Loss jumped from {} to {} at step {step} ({})",
            text::loss(level),
            text::loss(loss),
            text::change(loss / level)
        );
        alerts.raise(
            Alert::at(step, KIND, severity)
                .value(loss, level * (1.0 + self.thresholds.loss_spike_rise))
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
        open.above_usual = if loss > open.usual_below {
            open.above_usual + 1
        } else {
            0
        };
        open.confirmed |= open.above_usual > 0 && open.points <= CONFIRM_WITHIN;
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
        let not_back = open.points >= PATIENCE_POINTS
            && late
            && loss > open.baseline * (1.0 + self.thresholds.loss_spike_sure_rise);
        let stays = not_back && open.above_usual >= PATIENCE_POINTS;
        let lost = known_start && loss > 2.0 * start && open.above_usual >= 3;
        if open.meaningful && (stays || lost || open.confirmed) {
            let severity = if stays || lost {
                Severity::Critical
            } else {
                Severity::Warning
            };
            let message = format!(
                "Loss jumped from {} at step {} and is {} at step {step} ({})",
                text::loss(open.baseline),
                open.since,
                text::loss(loss),
                text::change(loss / open.baseline)
            );
            alerts.raise(
                Alert::at(step, KIND, severity)
                    .since(open.since)
                    .value(loss, open.baseline * (1.0 + self.thresholds.loss_spike_rise))
                    .says(message, REMEDY),
            );
        }
        if open.points >= NEW_LEVEL_POINTS {
            // Not a spike any more but the level the run is at; divergence watches that.
            alerts.clear(KIND, step);
            self.open = None;
            self.forget_level();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    /// The gravest severity among the spikes of these records, in epochs of ten that count as `epoch`.
    fn gravest(losses: impl Fn(u64) -> f64, epoch: Option<f64>) -> Option<Severity> {
        let mut records = Records::default();
        for record in 0..100u64 {
            let mut values = vec![(Quantity::TrainLoss, losses(record))];
            if let Some(epoch) = epoch {
                values.push((Quantity::Epoch, epoch * (record / 10) as f64));
            }
            records.push(record * 10, &values);
        }
        let (mut spike, mut alerts) = (LossSpike::default(), AlertLog::default());
        for row in records.rows() {
            spike.observe(&row, &Context::default(), &mut alerts);
        }
        alerts.all().iter().map(|alert| alert.severity).max()
    }

    #[test]
    fn the_first_record_of_an_epoch_may_be_a_mean_of_few_batches() {
        let noise = |record: u64| 2.0 + 0.01 * (record % 3) as f64;
        let spike = |records: std::ops::Range<u64>| {
            move |record| noise(record) + if records.contains(&record) { 3.0 } else { 0.0 }
        };
        assert_eq!(gravest(spike(50..51), Some(1.0)), Some(Severity::Info));
        assert_eq!(gravest(spike(50..51), None), Some(Severity::Warning));
        assert_eq!(gravest(spike(51..52), Some(1.0)), Some(Severity::Warning));
        // Hugging Face prints the hundredths of an epoch.
        assert_eq!(gravest(spike(50..51), Some(0.01)), Some(Severity::Warning));
        // A second record as high confirms it.
        assert_eq!(gravest(spike(50..52), Some(1.0)), Some(Severity::Warning));
    }
}
