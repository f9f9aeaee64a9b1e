//! Divergence: the loss has left its best level upward and stays away.
//!
//! The median of the last 20 points is compared with the best one so far. A rise counts
//! when it is more than five standard errors. Noted when it has been above 5% for 60 points
//! and 3% of the run; a warning when above 20% for ten points in a row, for smaller ones that
//! came back were seen in healthy runs of adaptive optimisers; critical when more than 30% for
//! twice as long as is noted, or when above the loss that the run started with. A spike that
//! is open tells of the rise itself. The best of very many levels is low by chance, and losses near
//! zero move by large shares of themselves: a rise counts only from 2% of the first loss on, and
//! warns only when it exceeds by half the rises before that came back. Clears when the best
//! level is nearly reached again (a quarter of the way).
//!
//! Data that is seen again is remembered: the loss drops where an epoch begins and climbs within
//! it, far below where it was. So what was reached within a drop (5% within 40 points) is no level to
//! measure a rise from: until the run is twice as long it must be undone altogether.
//!
//! Where the log evaluates, it says whether the run got worse: an evaluation within a rise that is
//! the best so far, beyond their noise, shows that the data have changed, and the level is measured
//! anew. A note waits for the next evaluation, a warning does not, and what is critical is left alone.
//! Where evaluations have fallen to one low after another since the loss rises, as in a curriculum, however
//! far it rises is no divergence while they stay there.
//!
//! A loss of a thousand times those that the run began with has exploded: a warning however
//! early that is, for there may be no further record, and critical with a second one.

use super::evaluations::{Evaluations, Verdict};
use super::loss_spike;
use super::restart::Restart;
use super::robust::{Bounded, Recent, WINDOW};
use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;
use crate::statistics::median;
use crate::text;

/// The kind of its alerts.
pub const KIND: &str = "divergence";
/// Points whose median is the level.
const WIDTH: usize = 20;
const RISE: f64 = 0.05;
const CLEAR_RISE: f64 = 0.0125;
const CRITICAL_RISE: f64 = 0.30;
/// Standard errors of the difference of two levels that a rise must exceed.
const STANDARD_ERRORS: f64 = 5.0;
/// Median of the distances between successive values, in standard deviations of a normal
/// distribution.
const MEDIAN_DISTANCE: f64 = 0.954;
/// Least rise, as a share of the loss that the run began with: near zero, ratios mean nothing.
const LEAST_RISE: f64 = 0.02;
/// A rise is a warning when it is so many times the largest that was told and came back.
const BEYOND: f64 = 1.5;
/// Fall, as a share, that is a drop when it comes within two widths.
const DROP: f64 = 0.05;
/// Points in a row above a rise before it is noted, and the share of the run that they span.
const POINTS_BEFORE_NOTE: u32 = 60;
const SHARE_BEFORE_NOTE: f64 = 0.03;
/// Points in a row before it is a warning.
const POINTS_BEFORE_WARNING: u32 = 10;
/// Points in all before a warning: the beginning may have a hump.
const FEW_POINTS: u32 = 60;
/// Points in all before a rise above the first level means anything.
const SETTLED: u32 = 100;
/// A loss that is so many times what was told is told anew.
const NOTABLY: f64 = 1.1;
/// Records that the run began with, and how many times the largest of them is an explosion.
const BEGINNING: u32 = 3;
const EXPLOSION: f64 = 1000.0;
/// A loss that begins lower, as the policy loss of reinforcement learning does, counts as this high.
const LOWEST_BEGINNING: f64 = 0.01;
/// Learning rate, relative to that of the best block, above which a higher loss is
/// what a restart of the schedule does.
const RESTARTED_RATE: f64 = 1.5;
const REMEDY: &str = "Compare with a sibling run; restart from a checkpoint before the best step with a lower learning rate, \
                      and check what changed in the data there.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct Divergence {
    /// Bounded by what [`Best::bounds`] says.
    last: Bounded<WIDTH, 3>,
    /// Those at levels that had not risen, for their noise.
    recent: Recent<WINDOW>,
    points: u32,
    /// The largest loss of the first records.
    beginning: f64,
    /// Where the loss exploded, while it is so.
    exploded: Option<u64>,
    first: Option<f64>,
    best: Option<Best>,
    /// Best levels one and two widths ago, the older first.
    earlier: [f64; 2],
    /// The falls of the best level that count, oldest first.
    drops: Vec<Fall>,
    above_since: Option<u64>,
    /// Points in a row above what is noted, and above what is a warning.
    noted: u32,
    warned: u32,
    /// Points since the last one within a spike.
    since_spike: u32,
    evaluations: Evaluations,
    /// An evaluation since the loss has risen is no better than before.
    confirmed: bool,
    rate: f64,
    has_sign: bool,
    restart: Restart,
    /// The largest rise, as a share, since the loss was last back...
    peak: f64,
    /// ...and of all that came back.
    came_back: f64,
}

#[derive(Clone, Copy, Debug)]
struct Best {
    loss: f64,
    step: u64,
    rate: f64,
}

/// A fall of the best level within few points.
#[derive(Clone, Copy, Debug)]
struct Fall {
    /// Best level before it.
    before: f64,
    /// Number of points at its end.
    end: u32,
}

impl Fall {
    /// True until there are twice as many points as at its end.
    fn counts(&self, points: u32) -> bool {
        points / 2 < self.end
    }
}

impl Best {
    /// A level at or below the first is as good; at or below the second the run is back, and
    /// only above the third it has risen.
    fn bounds(&self) -> [f64; 3] {
        [
            self.loss,
            self.loss + CLEAR_RISE * self.loss,
            self.loss * (1.0 + RISE),
        ]
    }
}

impl Detector for Divergence {
    const WATCHES: &'static [Quantity] = &[Quantity::TrainLoss, Quantity::EvalLoss, Quantity::LearningRate];
    const EXPECTS_THE_LOSS_TO_FALL: bool = true;

    fn observe(&mut self, row: &Row, context: &Context, alerts: &mut AlertLog) {
        if let Some(rate) = row.value(Quantity::LearningRate) {
            self.rate = rate;
        }
        self.evaluate(row, alerts);
        let Some(loss) = row.value(Quantity::TrainLoss).filter(|loss| loss.is_finite()) else {
            return;
        };
        let last = &self.last;
        let largest = || last.ascending().last().copied().unwrap_or(f64::NAN);
        if self.restart.noticed(loss, row.value(Quantity::GradNorm), largest) {
            alerts.clear(KIND, row.step());
            *self = Divergence {
                rate: self.rate,
                restart: self.restart,
                ..Divergence::default()
            };
        }
        // Where a loss passes through zero, shares of it mean nothing.
        self.has_sign |= loss <= 0.0;
        self.points = self.points.saturating_add(1);
        if self.points <= BEGINNING {
            self.beginning = self.beginning.max(loss);
        }
        if !self.has_sign && loss > EXPLOSION * self.beginning.max(LOWEST_BEGINNING) {
            // No level of a run.
            return self.explodes(row.step(), loss, alerts);
        }
        self.exploded = None;
        self.last.push(loss);
        if self.points.is_multiple_of(WIDTH as u32) {
            let [_, newer] = self.earlier;
            self.earlier = [newer, self.best.map_or(0.0, |best| best.loss)];
        }
        if self.last.count() < WIDTH || self.has_sign {
            return;
        }
        self.judge(row.step(), loss, context, alerts);
    }

    fn rewound(&mut self, step: u64) {
        self.last.clear();
        self.recent.clear();
        self.earlier = [0.0; 2];
        self.exploded = None;
        self.evaluations.rewound(step);
        self.drops.clear();
        self.not_above();
        if self.best.is_some_and(|best| best.step >= step) {
            self.best = None;
        }
    }
}

impl Divergence {
    fn explodes(&mut self, step: u64, loss: f64, alerts: &mut AlertLog) {
        let severity = match self.exploded {
            Some(_) => Severity::Critical,
            None => Severity::Warning,
        };
        let since = *self.exploded.get_or_insert(step);
        let message = format!(
            "Loss has exploded: it is {} at step {step}, and was {} in the beginning",
            text::loss(loss),
            text::loss(self.beginning)
        );
        alerts.raise(
            Alert::at(step, KIND, severity)
                .since(since)
                .value(loss, EXPLOSION * self.beginning)
                .says(message, REMEDY),
        );
    }

    /// Takes the evaluation of a record, if it holds one.
    fn evaluate(&mut self, row: &Row, alerts: &mut AlertLog) {
        let last = &self.last;
        let level = || last.median();
        let risen = self.noted >= WIDTH as u32;
        let verdict = self.evaluations.take(row, level, risen);
        // The level is a median, which is costly to find for every record.
        if row.has(Quantity::EvalLoss) && last.count() >= WIDTH {
            self.evaluations.follow(row, level());
        }
        self.confirmed |= risen && verdict == Some(Verdict::NoBetter);
        if !risen || verdict != Some(Verdict::Better) {
            return;
        }
        // No mixture of data explains as much.
        let critical = alerts
            .open(KIND)
            .is_some_and(|open| open.severity == Severity::Critical)
            || self
                .best
                .is_some_and(|best| level() > best.loss * (1.0 + CRITICAL_RISE));
        if !critical {
            alerts.clear(KIND, row.step());
            self.peak = 0.0;
            self.best = None;
            self.drops.clear();
            self.not_above();
        }
    }

    fn not_above(&mut self) {
        self.above_since = None;
        (self.noted, self.warned) = (0, 0);
        self.confirmed = false;
    }

    /// The loss is back. What has come back once is usual in this run.
    fn clear(&mut self, step: u64, alerts: &mut AlertLog) {
        alerts.clear(KIND, step);
        self.came_back = self.came_back.max(std::mem::take(&mut self.peak));
    }

    /// The best level has fallen to this.
    fn falls(&mut self, best: f64) {
        let [before, _] = self.earlier;
        if before <= best * (1.0 + DROP) {
            return;
        }
        let end = self.points;
        let last = self.drops.last_mut();
        if let Some(drop) = last.filter(|drop| end <= drop.end + 2 * WIDTH as u32) {
            drop.end = end;
            return;
        }
        self.drops.retain(|drop| drop.counts(end));
        self.drops.push(Fall { before, end });
    }

    /// The level above which nothing is left of any drop that counts; 0 without one.
    fn undone(&self) -> f64 {
        let counting = self.drops.iter().filter(|drop| drop.counts(self.points));
        counting.map(|drop| drop.before).fold(0.0, f64::max)
    }

    /// Standard error of the difference between the median of the last values and the best one.
    fn error(&self, values: &[f64], level: f64) -> f64 {
        let mut deviations: Vec<f64> = values.iter().map(|value| (value - level).abs()).collect();
        let before = self.recent.last(WINDOW);
        let successive = before.zip(self.recent.last(WINDOW).skip(1));
        let mut distances: Vec<f64> = successive.map(|(one, next)| (next - one).abs()).collect();
        let now = 1.4826 * median(&mut deviations);
        let then = median(&mut distances) / MEDIAN_DISTANCE;
        1.25 * now.hypot(then.max(0.0)) / (WIDTH as f64).sqrt()
    }

    fn judge(&mut self, step: u64, loss: f64, context: &Context, alerts: &mut AlertLog) {
        let [as_good, back, not_risen] = self.last.median_is_within();
        // A loss that has risen is noisier: that is no reason not to tell of it.
        if not_risen {
            self.recent.push(loss);
        }
        let Some(best) = self.best.filter(|_| !as_good) else {
            let best = Best {
                loss: self.last.median(),
                step,
                rate: self.rate,
            };
            self.first.get_or_insert(best.loss);
            self.last.set_bounds(best.bounds());
            self.falls(best.loss);
            self.best = Some(best);
            self.not_above();
            self.clear(step, alerts);
            return;
        };
        if back {
            self.clear(step, alerts);
        }
        let restarted = best.rate > 0.0 && self.rate > RESTARTED_RATE * best.rate;
        // Most records end here.
        if not_risen || restarted {
            return self.not_above();
        }
        let values = self.last.ascending();
        let level = values.get(WIDTH / 2).copied().unwrap_or(best.loss);
        let first = self.first.unwrap_or(level);
        let low = values.get(WIDTH / 4).copied().unwrap_or(level);
        let least = (RISE * best.loss).max(STANDARD_ERRORS * self.error(&values, level));
        let limit = (best.loss + least.max(LEAST_RISE * first)).max(self.undone());
        if level <= limit {
            return self.not_above();
        }
        let since = *self.above_since.get_or_insert(step);
        let rise = (level - best.loss) / best.loss.max(f64::MIN_POSITIVE);
        self.noted += 1;
        self.peak = self.peak.max(rise);
        // Where batches are of two kinds the median leaps from one to the other: the lower
        // quarter must have risen too.
        if alerts.open(loss_spike::KIND).is_some() {
            self.since_spike = 0;
        }
        self.since_spike = self.since_spike.saturating_add(1);
        let of_a_spike = self.since_spike <= WIDTH as u32;
        let warns = rise > context.thresholds.divergence_rise.max(BEYOND * self.came_back)
            && low > best.loss * (1.0 + RISE)
            && self.points > FEW_POINTS;
        self.warned = if warns && !of_a_spike { self.warned + 1 } else { 0 };
        let run = context.total_steps.unwrap_or(step).max(step) as f64;
        let share = step.saturating_sub(since) as f64 / run.max(1.0);
        let lasting = |times: u32| {
            self.noted >= POINTS_BEFORE_NOTE * times && share >= SHARE_BEFORE_NOTE * f64::from(times)
        };
        let above_start = level > first && warns && self.points > SETTLED && self.noted >= POINTS_BEFORE_NOTE;
        let severity = if above_start || (lasting(2) && rise > CRITICAL_RISE) {
            Severity::Critical
        } else if self.warned >= POINTS_BEFORE_WARNING {
            Severity::Warning
        } else if lasting(1) && (self.confirmed || !self.evaluations.awaited(step)) {
            Severity::Info
        } else {
            return;
        };
        let known = alerts.open(KIND).filter(|open| open.severity >= severity);
        // What was told is kept true, but not record by record.
        let is_told = known.is_some_and(|open| level < NOTABLY * open.value);
        if is_told || self.evaluations.fall_on(step) {
            return;
        }
        let message = format!(
            "Loss has risen from {} (step {}) to {} and stays there since step {since}",
            text::loss(best.loss),
            best.step,
            text::loss(level)
        );
        if known.is_some() {
            return alerts.restate(KIND, level, message);
        }
        alerts.raise(
            Alert::at(step, KIND, severity)
                .since(since)
                .value(level, limit)
                .says(message, REMEDY),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    /// Severity and step of what is raised over these losses.
    fn raised(losses: impl IntoIterator<Item = f64>) -> Vec<(Severity, u64)> {
        let mut detector = Divergence::default();
        let mut alerts = AlertLog::default();
        for (step, loss) in (0..).zip(losses) {
            let mut batch = Records::default();
            batch.push(step, &[(Quantity::TrainLoss, loss)]);
            detector.observe(&batch.row(0), &Context::default(), &mut alerts);
        }
        let all = alerts.all().iter();
        all.map(|alert| (alert.severity, alert.raised_at_step)).collect()
    }

    /// Between -1 and 1, in no order.
    fn noise(step: u32) -> f64 {
        f64::from(step * 7919 % 101) / 50.0 - 1.0
    }

    #[test]
    fn the_climb_within_an_epoch_of_remembered_data_is_no_divergence_and_one_beyond_it_is() {
        // Stanford Alpaca: three epochs of 400 steps.
        let epochs = |step: u32| match step {
            0..400 => 1.1,
            400..800 => 0.65,
            _ => 0.28 + 0.0004 * f64::from(step - 800),
        };
        let losses = |step: u32| epochs(step) + 0.03 * noise(step);
        assert_eq!(raised((0..1200).map(losses)), []);
        let beyond = |step: u32| losses(step) + if step > 1000 { 0.6 } else { 0.0 };
        let told = raised((0..1200).map(beyond));
        assert!(
            matches!(told[..], [(Severity::Warning | Severity::Critical, 1000..1050)]),
            "{told:?}"
        );
    }

    #[test]
    fn a_low_level_by_chance_is_none_to_measure_a_rise_from() {
        // SFT by nanochat: the losses of single batches, between 0.4 and 1.4.
        let losses = |step: u32| {
            let low = if (65..85).contains(&step) { 0.25 } else { 0.0 };
            0.87 + 0.4 * noise(step) - low
        };
        assert_eq!(raised((0..650).map(losses)), []);
    }

    #[test]
    fn a_rise_like_one_that_came_back_is_no_warning() {
        let losses = |step: u32| {
            let wave = if step % 400 > 340 { 0.4 } else { 0.0 };
            2.0 / (1.0 + 0.001 * f64::from(step)) + wave + 0.02 * noise(step)
        };
        let warnings = raised((0..2000).map(losses));
        let warnings = warnings
            .iter()
            .filter(|(severity, _)| *severity >= Severity::Warning);
        assert_eq!(warnings.count(), 1);
    }

    /// Severity, step and end of what is raised where the loss rises by `rise` at step 400 of 1500,
    /// evaluated every hundred steps.
    fn raised_beside(rise: f64, evaluation: impl Fn(u64) -> f64) -> Vec<(Severity, u64, Option<u64>)> {
        let mut detector = Divergence::default();
        let mut alerts = AlertLog::default();
        for step in 0..1500u64 {
            let mixture = if step < 400 { 1.0 } else { 1.0 + rise };
            let beginning = if step < 30 { 1.0 } else { 0.0 };
            let train = mixture * falling(step) + beginning + 0.02 * noise(step as u32);
            let mut batch = Records::default();
            batch.push(step, &[(Quantity::TrainLoss, train)]);
            if step % 100 == 99 {
                batch.push(step, &[(Quantity::EvalLoss, evaluation(step))]);
            }
            for row in batch.rows() {
                detector.observe(&row, &Context::default(), &mut alerts);
            }
        }
        let all = alerts.all().iter();
        all.map(|alert| (alert.severity, alert.raised_at_step, alert.cleared_at_step))
            .collect()
    }

    fn falling(step: u64) -> f64 {
        3.0 - 0.0002 * step as f64
    }

    #[test]
    fn a_rise_while_the_evaluations_fall_is_another_mixture_of_data() {
        assert_eq!(raised_beside(0.15, falling), []);
        let told = raised_beside(0.25, falling);
        assert!(
            matches!(told[..], [(Severity::Warning, 400..450, Some(499))]),
            "{told:?}"
        );
        // It waits for the evaluation of step 499.
        let stays = |step: u64| falling(step.min(390));
        assert_eq!(raised_beside(0.15, stays), [(Severity::Info, 500, None)]);
    }

    #[test]
    fn an_evaluation_that_is_low_by_chance_takes_back_no_divergence() {
        // The lowest so far come within the rise, at steps 499 and 799.
        let errors = [0.02, -0.03, 0.03, 0.0, -0.05, 0.03, 0.0, -0.055, 0.02];
        let noisy = |step: u64| {
            let error = errors.get(step as usize / 100).unwrap_or(&0.0);
            falling(step.min(390)) * (1.0 + error)
        };
        let told = raised_beside(0.15, noisy);
        assert!(matches!(told[..], [(Severity::Info, 500..700, None)]), "{told:?}");
        let told = raised_beside(0.25, noisy);
        assert!(
            matches!(told[..], [(Severity::Warning, 400..500, None)]),
            "{told:?}"
        );
        // There is nothing to compare the first one with.
        let late = |step: u64| if step < 400 { f64::NAN } else { falling(390) };
        let told = raised_beside(0.25, late);
        assert!(
            matches!(told[..], [(Severity::Warning, 400..500, None)]),
            "{told:?}"
        );
    }

    #[test]
    fn a_rise_under_which_the_evaluations_go_on_falling_is_no_divergence() {
        /// Severities of what is raised where the loss climbs from the start to many times what it was.
        fn raised_in_a_curriculum(evaluation: impl Fn(u64) -> f64) -> Vec<Severity> {
            let mut detector = Divergence::default();
            let mut alerts = AlertLog::default();
            for step in 0..1500u64 {
                let mut record = vec![(Quantity::TrainLoss, 0.01 + 0.0001 * step as f64)];
                if step % 10 == 0 {
                    record.push((Quantity::EvalLoss, evaluation(step)));
                }
                let mut batch = Records::default();
                batch.push(step, &record);
                detector.observe(&batch.row(0), &Context::default(), &mut alerts);
            }
            alerts.all().iter().map(|alert| alert.severity).collect()
        }
        let falls = |step: u64| 3.0 / (1.0 + 0.01 * step as f64);
        assert_eq!(raised_in_a_curriculum(falls), []);
        // They fall no more, but stay where they are.
        assert_eq!(raised_in_a_curriculum(|step| falls(step.min(800))), []);
        let worsens = |step: u64| falls(step.min(800)) + 0.001 * step.saturating_sub(800) as f64;
        for evaluation in [&worsens as &dyn Fn(u64) -> f64, &|_| 3.0, &|_| f64::NAN] {
            let told = raised_in_a_curriculum(evaluation);
            assert_eq!(told.iter().max(), Some(&Severity::Critical));
        }
    }

    #[test]
    fn no_evaluation_takes_back_what_is_critical() {
        let told = raised_beside(0.5, falling);
        assert!(
            matches!(told[..], [(Severity::Critical, 400..500, None)]),
            "{told:?}"
        );
    }

    #[test]
    fn an_explosion_is_told_within_ten_records() {
        let losses = [
            0.597,
            0.586,
            14.85,
            28.5,
            6.94,
            646.0,
            1467.0,
            2.79,
            3555.0,
            1_461_271.8,
            2.687_551e24,
        ];
        assert_eq!(raised(losses.into_iter().take(10)), [(Severity::Warning, 9)]);
        assert_eq!(raised(losses), [(Severity::Critical, 9)]);
        // That of GRPO begins near zero.
        let policy = [1e-9, -2e-9, 6e-9, 1.6e-3, 2.5e-3, 0.5];
        assert_eq!(raised(policy), []);
    }
}
