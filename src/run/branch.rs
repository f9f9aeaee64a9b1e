//! What the records of a run say, on the branch that counts: a resume at an earlier step
//! supersedes what was recorded from there on.

use std::ops::Range;

use super::pace::Pace;
use super::series::{Bucket, Series};
use crate::alert::{Alert, AlertLog, FAILURE, Severity};
use crate::detect::{Context, Detectors};
use crate::format::records::{Ending, How, Records, Row};
use crate::metric::Quantity;
use crate::schedule::RecordedRates;

/// Buckets kept for a loss.
const LOSS_BUCKETS: usize = 2048;
/// Buckets kept for every other quantity.
const OTHER_BUCKETS: usize = 512;

const FAILURE_REMEDY: &str = "Read the end of the log and the stderr of every rank; restart from the last checkpoint once the \
                              cause is known.";

/// Whether the run has said that it is done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Finish {
    /// It has not.
    #[default]
    Open,
    /// It has, at this step.
    At(u64),
    /// It has, and gone on: what it says means something else.
    Meaningless,
}

/// What the records say.
#[derive(Clone)]
pub struct Branch {
    /// Learning rates.
    pub rates: RecordedRates,
    /// Alerts raised by the records.
    pub alerts: AlertLog,
    /// Step at which each later segment began.
    pub resumed_at: Vec<u64>,
    /// Trainings from scratch that the log tells of before the one that counts.
    pub earlier_trainings: usize,
    /// An evaluation behind the last train loss: its step and its loss.
    evaluated: Option<(u64, f64)>,
    /// Speed and time.
    pub pace: Pace,
    /// How fast the run goes through its data (epochs per step), when the log counts parts of
    /// epochs.
    pub epochs_per_step: Option<f64>,
    /// The last epoch that was logged.
    pub(super) epoch: Option<f64>,
    pub(super) series: [Option<Series>; Quantity::COUNT],
    pub(super) last_step: u64,
    pub(super) finished: Finish,
    detectors: Box<Detectors>,
    failed_at: Option<u64>,
    /// What the log has said last, if it is something that often ends runs.
    pub(crate) last_words: Option<&'static str>,
}

impl Default for Branch {
    fn default() -> Self {
        Branch {
            rates: RecordedRates::default(),
            alerts: AlertLog::default(),
            resumed_at: Vec::new(),
            earlier_trainings: 0,
            evaluated: None,
            pace: Pace::default(),
            epochs_per_step: None,
            epoch: None,
            series: Default::default(),
            last_step: 0,
            finished: Finish::Open,
            detectors: Box::default(),
            failed_at: None,
            last_words: None,
        }
    }
}

impl Branch {
    /// The series of a quantity, once it has a point.
    pub fn series(&self, quantity: Quantity) -> Option<&Series> {
        self.series[quantity.index()].as_ref()
    }

    /// The loss that leads the log as far as it has been kept.
    pub(super) fn leading(&self) -> Leading {
        let last = |loss| self.series(loss).and_then(Series::last_step);
        Leading {
            has_train_loss: self.series(Quantity::TrainLoss).is_some(),
            last_train: last(Quantity::TrainLoss),
            last_eval: last(Quantity::EvalLoss),
        }
    }

    /// Mean number of steps between records of the loss that leads the log.
    pub fn steps_between_losses(&self) -> Option<f64> {
        let train = self.series(Quantity::TrainLoss);
        train
            .or(self.series(Quantity::EvalLoss))
            .and_then(Series::steps_between_points)
    }

    fn note_epoch(&mut self, step: u64, epoch: f64) {
        // Rounded, and sometimes counted from 1, where it is whole.
        const LEAST: f64 = 0.05;
        self.epoch = Some(epoch);
        let counts_parts = epoch.fract() != 0.0 || self.epochs_per_step.is_some();
        if counts_parts && epoch.is_finite() && epoch >= LEAST && step > 0 {
            self.epochs_per_step = Some(epoch / step as f64);
        }
    }

    /// Keeps these records as series.
    pub(super) fn keep(&mut self, records: &Records, rows: Range<usize>) {
        for quantity in Quantity::ALL {
            if !records.has(quantity) {
                continue;
            }
            let (steps, values) = records.values(quantity, rows.clone());
            let points = || steps.iter().copied().zip(values.iter().copied());
            match quantity {
                Quantity::Samples => continue,
                Quantity::Epoch => {
                    points().for_each(|(step, epoch)| self.note_epoch(step, epoch));
                    continue;
                }
                Quantity::WallTime => {
                    points().for_each(|(step, time)| self.pace.wall_time(step, time));
                    continue;
                }
                Quantity::Elapsed => {
                    points().for_each(|(step, time)| self.pace.elapsed(step, time));
                    continue;
                }
                Quantity::StepTime => {
                    values.iter().for_each(|seconds| self.pace.step_time(*seconds));
                    continue;
                }
                Quantity::LearningRate => points().for_each(|(step, rate)| self.rates.push(step, rate)),
                _ => {}
            }
            let buckets = match quantity {
                Quantity::TrainLoss | Quantity::EvalLoss => LOSS_BUCKETS,
                _ => OTHER_BUCKETS,
            };
            if !values.is_empty() {
                let series = &mut self.series[quantity.index()];
                series
                    .get_or_insert_with(|| Series::new(buckets))
                    .extend(&steps, &values);
            }
        }
        self.note_evaluation(records, rows);
    }

    /// Remembers an evaluation that no train loss follows for now.
    fn note_evaluation(&mut self, records: &Records, rows: Range<usize>) {
        for row in rows.rev().map(|index| records.row(index)) {
            if row.has(Quantity::TrainLoss) {
                self.evaluated = None;
                return;
            }
            if let Some(loss) = row.value(Quantity::EvalLoss) {
                self.evaluated = Some((row.step(), loss));
                return;
            }
        }
    }

    /// True where `row`, which goes back, is the first record of a training from scratch: at the first step, and with
    /// a loss that is nearer to the one in the beginning than to the one that was reached, unless the training
    /// before it was over. A program that resumes may count its steps from 0 again.
    fn begins_from_scratch(&self, row: &Row, total: Option<u64>) -> bool {
        /// Of fewer the first is as good as the last.
        const LEAST: u64 = 2;
        let loss = self.leading().loss();
        let Some((series, value)) = self.series(loss).zip(row.value(loss)) else {
            return false;
        };
        let first = series.buckets().first().map_or(f64::NAN, Bucket::mean);
        let reached = series.last_value();
        let next =
            series.last_step().unwrap_or_default() as f64 + series.steps_between_points().unwrap_or_default();
        let is_over = matches!(self.finished, Finish::At(_))
            || !reached.is_finite()
            || total.is_some_and(|total| next >= total as f64);
        let is_back = is_over || (value - first).abs() < (value - reached).abs();
        series.begins_with(row.step()) && series.points() >= LEAST && is_back
    }

    /// Shows these records to the detectors.
    pub(super) fn watch(&mut self, records: &Records, rows: Range<usize>, context: &Context) {
        if !rows.is_empty() {
            self.last_words = None;
        }
        let leading = self.leading();
        for row in rows.clone().map(|index| records.row(index)) {
            let step = row.step();
            self.last_step = self.last_step.max(step);
            if self.failed_at.is_some_and(|failed| step != failed) {
                self.failed_at = None;
                self.alerts.clear(FAILURE, step);
            }
            if let Finish::At(done) = self.finished
                && step > done
                && leading.leads(&row)
            {
                self.finished = Finish::Meaningless;
            }
        }
        self.detectors.observe(records, rows, context, &mut self.alerts);
    }

    /// The run says that it is over. Records that follow show that it goes on.
    pub(super) fn end(&mut self, ending: &Ending) {
        let step = ending.step.unwrap_or_default().max(self.last_step);
        let what = match ending.how {
            How::Failed(what) => what,
            How::Perhaps(what) => {
                self.last_words = Some(what);
                return;
            }
            How::Finished => {
                if matches!(self.finished, Finish::Open) {
                    self.finished = Finish::At(step);
                }
                return;
            }
        };
        self.failed_at = Some(step);
        self.alerts.raise(
            Alert::at(step, FAILURE, Severity::Critical)
                .says(format!("At step {step} {what}"), FAILURE_REMEDY),
        );
    }

    /// True when the loss that leads the log began at `step`, or nearly so.
    pub(super) fn begins_by(&self, step: u64) -> bool {
        let leading = self.series(self.leading().loss());
        leading.is_some_and(|series| series.begins_by(step))
    }

    /// True when the first loss, the only one so far, was none.
    pub(super) fn has_failed_at_once(&self) -> bool {
        let leading = self.series(self.leading().loss());
        leading.is_some_and(|series| (series.points(), series.non_finite()) == (1, 1))
    }

    /// True for a first loss that is none.
    pub(super) fn fails_at_once(&self, row: &Row) -> bool {
        let losses = [Quantity::TrainLoss, Quantity::EvalLoss];
        let is_first = losses.iter().all(|loss| self.series(*loss).is_none());
        let mut values = losses.iter().filter_map(|loss| row.value(*loss));
        is_first && values.next().is_some_and(|loss| !loss.is_finite())
    }

    /// Goes back to the step of `row`: what was recorded from there on is superseded. So many steps are planned in
    /// `total`.
    pub(super) fn rewind(&mut self, row: &Row, total: Option<u64>) {
        let step = row.step();
        let begins_anew = self.begins_by(step);
        self.earlier_trainings += usize::from(self.begins_from_scratch(row, total));
        // One that was made before the first step of what begins here is of that.
        let reached = self.leading().last();
        let evaluated = self.evaluated.take();
        let evaluated = evaluated.filter(|(at, _)| *at <= step && Some(*at) < reached);
        for quantity in Quantity::ALL {
            if let Some(series) = &mut self.series[quantity.index()] {
                // A further training begins as the first did, and has nothing of it: what stands
                // in its first record is alike in that.
                let anew = begins_anew && row.has(quantity);
                series.rewind(if anew { 0 } else { step });
                if let Some((at, loss)) = evaluated.filter(|_| quantity == Quantity::EvalLoss) {
                    series.extend(&[at], &[loss]);
                }
            }
        }
        self.rates.rewind(step);
        self.pace.rewind();
        if matches!(self.finished, Finish::At(_)) {
            self.finished = Finish::Open;
        }
        self.last_step = step;
        self.resumed_at.push(step);
        let open: Vec<&'static str> = self
            .alerts
            .all()
            .iter()
            .filter(|alert| alert.cleared_at_step.is_none())
            .map(|alert| alert.kind)
            .collect();
        for kind in open {
            self.alerts.clear(kind, step);
        }
        self.detectors.rewound(step);
    }
}

/// The loss that leads a log, which is the train loss once it has one: where it steps back, the
/// run was resumed or started again. Other quantities may be logged late without meaning that.
#[derive(Clone, Copy)]
pub(super) struct Leading {
    pub(super) has_train_loss: bool,
    last_train: Option<u64>,
    last_eval: Option<u64>,
}

impl Leading {
    /// True for a record with the loss that leads.
    pub(super) fn leads(&self, row: &Row) -> bool {
        row.has(self.loss())
    }

    /// The loss that leads.
    fn loss(&self) -> Quantity {
        if self.has_train_loss {
            Quantity::TrainLoss
        } else {
            Quantity::EvalLoss
        }
    }

    /// The step that it has reached.
    pub(super) fn last(&self) -> Option<u64> {
        if self.has_train_loss {
            self.last_train
        } else {
            self.last_eval
        }
    }

    pub(super) fn goes_back(&self, row: &Row) -> bool {
        self.leads(row) && self.last().is_some_and(|last| row.step() < last)
    }

    /// Takes in that a record has been kept.
    pub(super) fn pass(&mut self, row: &Row) {
        if row.has(Quantity::TrainLoss) {
            (self.has_train_loss, self.last_train) = (true, Some(row.step()));
        }
        if row.has(Quantity::EvalLoss) {
            self.last_eval = Some(row.step());
        }
    }

    /// The end of the records from `start` on of which none but the first may go back: a series
    /// that was rewound to it may keep a bucket that reaches beyond.
    pub(super) fn unbroken_from(mut self, records: &Records, start: usize) -> usize {
        let steps = records.steps().get(start..).unwrap_or_default();
        let known = self.last_train.max(self.last_eval);
        if steps.first().copied() >= known && steps.is_sorted() {
            return records.len();
        }
        let goes_back = |index: &usize| {
            let row = records.row(*index);
            let goes_back = *index > start && self.goes_back(&row);
            self.pass(&row);
            goes_back
        };
        (start..records.len()).find(goes_back).unwrap_or(records.len())
    }
}
