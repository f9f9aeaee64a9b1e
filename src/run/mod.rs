//! One run: what its log has said so far.
//!
//! A run takes records in file order and keeps them as series in bounded memory.
//! It knows no file and no clock; times come with the records.

mod apply;
mod borrowed;
pub mod branch;
mod epoch_length;
mod fillers;
pub mod pace;
mod plan;
mod restart;
mod rising;
pub mod series;
mod stray;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::alert::{Alert, Severity};
use crate::detect::thresholds::Thresholds;
use crate::detect::{Context, divergence, non_finite};
use crate::format::hints::Hints;
use crate::format::records::BAD_LINE_EXAMPLES;
use crate::format::{BadLine, Column};
use crate::metric::Quantity;
use borrowed::{Borrowed, SLACK_STEPS};
use branch::{Branch, Finish};
use epoch_length::EpochLength;
use fillers::Fillers;
use restart::Restarted;
use rising::{is_adversarial, is_an_agent, learns_from_rewards};
use series::Series;
use stray::Doubt;

/// Quantities that are shown as charts of their own.
pub const SIGNALS: [Quantity; 7] = [
    Quantity::GradNorm,
    Quantity::AttentionLogit,
    Quantity::LogPartition,
    Quantity::ActivationNorm,
    Quantity::UpdateRatio,
    Quantity::LossScale,
    Quantity::TrainEstimate,
];

/// What a file is and how it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Stable identifier shown to the user.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// Name of the format.
    pub format: &'static str,
}

/// An account of the lines of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineCount {
    /// Lines read, of any kind.
    pub lines: u64,
    /// Lines without metrics.
    pub ignored: u64,
    /// Lines that could not be used.
    pub skipped: u64,
    /// The first of them.
    pub bad_lines: Vec<BadLine>,
}

impl LineCount {
    /// Keeps a bad line as an example when it is among the first.
    fn show(&mut self, bad: BadLine) {
        if self.bad_lines.len() < BAD_LINE_EXAMPLES {
            self.bad_lines.push(bad);
        }
    }
}

/// Everything kept of one run.
pub struct Run {
    /// What it is.
    pub identity: Identity,
    /// The names found in the log and what they were taken for.
    pub columns: Vec<Column>,
    /// The account of its lines.
    pub lines: LineCount,
    /// Planned number of steps, as the log states it.
    logged_total_steps: Option<u64>,
    /// Settings that the client recorded.
    pub settings: BTreeMap<String, String>,
    /// What the client holds for the outcome.
    pub summary: BTreeMap<String, String>,
    /// What the log, or a file beside it, states about the plan.
    pub hints: Hints,
    /// Whether a step of this log is an epoch; `None` while nothing tells.
    steps_are_epochs: Option<bool>,
    /// What its records say, on the branch that counts.
    pub branch: Branch,
    borrowed: Borrowed,
    first_step: Option<u64>,
    context: Context,
    /// The file was restarted, and no record has come since.
    restarted: Option<Restarted>,
    /// A further training may begin with the next record of the leading loss.
    may_begin_anew: bool,
    /// The log has said what ends runs, and no record has come since.
    failed: bool,
    /// The last record went back, and the next one tells why.
    doubt: Option<Doubt>,
    /// Records taken in since there was one before.
    since_doubt: u64,
    /// The planned number of steps comes from `hints`.
    total_is_a_hint: bool,
    /// What was stated of the plan since the last record of the leading loss.
    restated: Hints,
    /// Tells the steps of an epoch...
    epoch_length: EpochLength,
    /// ...which were these, when last told.
    steps_of_epoch: Option<u64>,
    fillers: Fillers,
}

impl Run {
    /// A run of which nothing is known yet.
    pub fn new(identity: Identity) -> Self {
        Run {
            identity,
            columns: Vec::new(),
            lines: LineCount::default(),
            logged_total_steps: None,
            settings: BTreeMap::new(),
            summary: BTreeMap::new(),
            hints: Hints::default(),
            steps_are_epochs: None,
            branch: Branch::default(),
            borrowed: Borrowed::default(),
            first_step: None,
            context: Context::default(),
            restarted: None,
            may_begin_anew: false,
            failed: false,
            doubt: None,
            since_doubt: u64::MAX,
            total_is_a_hint: false,
            restated: Hints::default(),
            epoch_length: EpochLength::default(),
            steps_of_epoch: None,
            fillers: Fillers::default(),
        }
    }

    /// The same with these thresholds for its detectors.
    #[must_use]
    pub fn with(mut self, thresholds: Thresholds) -> Self {
        self.context.thresholds = thresholds;
        self
    }

    /// The series of a quantity, once it has a point.
    pub fn series(&self, quantity: Quantity) -> Option<&Series> {
        self.own_series(quantity)
            .or(self.borrowed.series[quantity.index()].as_ref())
    }

    /// The series of a quantity that this log has itself.
    pub fn own_series(&self, quantity: Quantity) -> Option<&Series> {
        self.branch.series(quantity)
    }

    /// True when the run says that it is done, in this log or in another.
    pub fn says_it_is_done(&self) -> bool {
        match self.branch.finished {
            Finish::At(_) => true,
            Finish::Open => {
                let elsewhere = self.borrowed.finished_at;
                elsewhere.is_some_and(|step| self.branch.last_step as f64 <= step as f64 + SLACK_STEPS)
            }
            Finish::Meaningless => false,
        }
    }

    /// First step seen.
    pub fn first_step(&self) -> Option<u64> {
        self.first_step
    }

    /// Last step seen.
    pub fn last_step(&self) -> u64 {
        self.branch.last_step
    }

    /// Pieces the run consists of.
    pub fn segments(&self) -> usize {
        self.branch.resumed_at.len() + 1
    }

    /// Takes in what names were taken for. The files of one log may have different ones.
    pub fn learn(&mut self, columns: Vec<Column>) {
        for column in columns {
            match self.columns.iter_mut().find(|known| known.name == column.name) {
                Some(known) => known.role = column.role,
                None => self.columns.push(column),
            }
        }
        self.context.loss_may_rise =
            learns_from_rewards(&self.columns) || is_an_agent(&self.columns) || is_adversarial(&self.columns);
    }

    /// Losses that the run logs, the one that stands for it first: the train loss,
    /// unless the log has it too seldom to be of use.
    pub fn losses(&self) -> Vec<Quantity> {
        const ENOUGH: u64 = 5;
        let points = |quantity| self.series(quantity).map_or(0, Series::points);
        let (train, eval) = (points(Quantity::TrainLoss), points(Quantity::EvalLoss));
        let mut losses = Vec::new();
        if train > 0 {
            losses.push(Quantity::TrainLoss);
        }
        if eval > 0 {
            losses.push(Quantity::EvalLoss);
        }
        // One that was logged at the beginning only has no more to say.
        let reached = |quantity| self.series(quantity).and_then(Series::last_step).unwrap_or(0);
        let stale = reached(Quantity::TrainLoss).saturating_mul(2) < reached(Quantity::EvalLoss);
        if train < 20 && eval > train || stale && eval >= ENOUGH {
            losses.reverse();
        }
        losses
    }

    /// The open alert that says the run is lost, if there is one. Of a run that is done, the last
    /// loss says it alone: no further one comes to confirm it.
    pub fn divergence(&self) -> Option<&Alert> {
        let is_done = self.says_it_is_done();
        let is_lost = |alert: &Alert| match alert.kind {
            non_finite::KIND => is_done || alert.severity == Severity::Critical,
            divergence::KIND => alert.severity == Severity::Critical,
            _ => false,
        };
        let mut open = self.branch.alerts.all().iter().rev();
        open.find(|alert| alert.cleared_at_step.is_none() && is_lost(alert))
    }

    /// True when the loss has left its course, rather than its numbers.
    pub fn has_diverged(&self) -> bool {
        self.divergence()
            .is_some_and(|alert| alert.kind == divergence::KIND)
    }

    /// Tokens per step, where the log counts tokens.
    pub fn tokens_per_step(&self) -> Option<f64> {
        let tokens = self.series(Quantity::Tokens)?;
        let step = tokens.last_step().filter(|step| *step > 0)?;
        let per_step = tokens.last_value() / step as f64;
        (per_step.is_finite() && per_step > 0.0).then_some(per_step)
    }
}
