//! One run: what its log has said so far.
//!
//! A run takes records in file order and keeps them as series in bounded memory.
//! It knows no file and no clock; times come with the records.

pub mod branch;
mod epoch_length;
mod fillers;
pub mod pace;
pub mod series;
mod stray;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use crate::alert::{Alert, Severity};
use crate::detect::thresholds::Thresholds;
use crate::detect::{Context, divergence, non_finite};
use crate::format::hints::{Fact, Hints};
use crate::format::records::{BAD_LINE_EXAMPLES, Ending, How, Records};
use crate::format::roles::whole;
use crate::format::{BadLine, Column, Decoded};
use crate::metric::{AgentPart, Quantity, Role, agent_part, canonical, player};
use crate::schedule::RecordedRates;
use branch::{Branch, Finish};
use epoch_length::EpochLength;
use fillers::Fillers;
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

/// Steps by which the logs of one run may differ at its beginning.
const SLACK_STEPS: f64 = 100.0;

/// What comes from other logs of the same run.
#[derive(Default)]
struct Borrowed {
    series: [Option<Series>; Quantity::COUNT],
    rates: bool,
    total_steps: bool,
    /// Where one of them says that the run was done.
    finished_at: Option<u64>,
}

/// A file that was truncated or replaced.
struct Restarted {
    /// What it held was moved aside.
    moved_aside: bool,
    /// What it says before its first record: while that is not there, nobody knows whether the run
    /// goes on.
    preamble: Vec<Decoded>,
}

impl Restarted {
    /// A preamble in more pieces than this is none.
    const MOST_PIECES: usize = 1000;
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

    /// True when another log of the same run can fill what this one lacks: it counts
    /// the same steps, or the same epochs, and has no learning rates at other steps.
    pub fn counts_like(&self, other: &Run) -> bool {
        let has_rates = |run: &Run| !run.borrowed.rates && !run.branch.rates.is_empty();
        let loses_rates = !has_rates(self) && has_rates(other);
        self.steps_in_one_of(other)
            .is_some_and(|times| times == 1.0 || !loses_rates)
    }

    /// How many steps of this log are one of another log of the same run, where both have come
    /// about as far.
    fn steps_in_one_of(&self, other: &Run) -> Option<f64> {
        /// What logs show of the length of an epoch may be off by less.
        const OTHER_DATA: f64 = 2.0;
        let (own, others) = (self.branch.last_step as f64, other.branch.last_step as f64);
        let lengths = self.steps_of_an_epoch().zip(other.steps_of_an_epoch());
        // Each counts the batches of its own data, those of the training and of the validation, or one of them
        // its epochs alone.
        let by_epochs = lengths
            .map(|(own, other)| own / other)
            .filter(|times| *times >= OTHER_DATA || *times <= OTHER_DATA.recip());
        by_epochs.into_iter().chain([1.0]).find(|times| {
            let others = others * times;
            others >= 0.5 * own - SLACK_STEPS && others <= 1.1 * own + SLACK_STEPS
        })
    }

    /// How many of the steps that it counts an epoch has, where that is known.
    fn steps_of_an_epoch(&self) -> Option<f64> {
        let counts_epochs = self.steps_are_epochs == Some(true);
        let length = || self.hints.epoch_length().map(|length| length as f64);
        counts_epochs.then_some(1.0).or_else(length)
    }

    /// What is told of an epoch was measured at its end: where another log counts nothing but epochs, of
    /// `times` steps, and the first as 0, that is one later than it says, unless it has evaluated before the
    /// first.
    fn offset_of_epochs(&self, other: &Run, times: f64) -> f64 {
        /// The last steps of an epoch need not be logged.
        const NOT_LOGGED: f64 = 0.25;
        let from_zero = other.steps_are_epochs == Some(true) && other.first_step == Some(0);
        let over = (other.branch.last_step as f64 + 1.0 - NOT_LOGGED) * times;
        let is_later = times > 1.0 && from_zero && over <= self.branch.last_step as f64;
        f64::from(u8::from(is_later))
    }

    /// Fills what this log lacks from the other logs of the same run.
    pub fn borrow<'a>(&mut self, others: impl Iterator<Item = &'a Run>) {
        if self.borrowed.rates {
            self.branch.rates = RecordedRates::default();
        }
        if self.borrowed.total_steps {
            self.logged_total_steps = None;
        }
        self.borrowed = Borrowed::default();
        for other in others {
            let times = self.steps_in_one_of(other);
            let own_step = |step: u64| (step as f64 * times.unwrap_or(1.0)).round() as u64;
            let offset = times.map_or(0.0, |times| self.offset_of_epochs(other, times));
            if self.logged_total_steps.is_none() && other.logged_total_steps.is_some() {
                self.logged_total_steps = other.logged_total_steps.map(own_step);
                self.borrowed.total_steps = true;
            }
            let Some(times) = times else {
                continue;
            };
            if let Finish::At(step) = other.branch.finished {
                let done = step.max(other.branch.last_step).saturating_add(offset as u64);
                self.borrowed.finished_at = Some(own_step(done));
            }
            if times == 1.0 && self.branch.rates.is_empty() && !other.branch.rates.is_empty() {
                self.branch.rates = other.branch.rates.clone();
                self.borrowed.rates = true;
            }
            for (index, series) in other.branch.series.iter().enumerate() {
                let lacking = self.branch.series[index].is_none() && self.borrowed.series[index].is_none();
                if let Some(series) = series.as_ref().filter(|_| lacking) {
                    self.borrowed.series[index] = Some(series.stretched(offset, times));
                }
            }
        }
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

    /// Planned number of steps, as the log states it, unless the run has gone on far beyond:
    /// then it is the number of something else.
    pub fn logged_total_steps(&self) -> Option<u64> {
        const BEYOND: u64 = 10;
        let last = self.branch.last_step;
        let total = self
            .logged_total_steps
            .filter(|total| last <= total.saturating_add(total / 20).saturating_add(BEYOND));
        match self.steps_in_time() {
            Some(steps) => Some(total.map_or(steps, |total| total.min(steps))),
            None => total,
        }
    }

    /// About how many steps the run makes where it ends by the clock (parameter-golf's ten
    /// minutes), to three digits until it is done; `None` where it does not, or has gone on
    /// beyond that.
    fn steps_in_time(&self) -> Option<u64> {
        const OBEYED: f64 = 1.02;
        let planned = self.hints.number(Fact::TotalSeconds)?;
        let (step, seconds) = self.branch.pace.last_elapsed()?;
        if step == 0 || seconds <= 0.0 || seconds > OBEYED * planned {
            return None;
        }
        if self.says_it_is_done() {
            return Some(self.branch.last_step);
        }
        let steps = step as f64 * planned / seconds;
        let unit = 10f64.powi((steps.log10().floor() as i32 - 2).max(0));
        Some(((steps / unit).round() * unit) as u64).map(|steps| steps.max(self.branch.last_step))
    }

    /// True when the run goes, or is to go, through its data more than once.
    pub fn sees_data_again(&self) -> bool {
        /// Of an epoch that is counted from one the first says nothing.
        const MORE_THAN_ONCE: f64 = 1.5;
        let planned = (self.branch.epochs_per_step.zip(self.logged_total_steps()))
            .map(|(per_step, steps)| per_step * steps as f64);
        let told = [self.hints.epochs(), self.branch.epoch, planned];
        told.into_iter().flatten().any(|epochs| epochs > MORE_THAN_ONCE)
    }

    /// The share of the run after which its data are no longer augmented, as it plans.
    pub fn augmented_share(&self) -> Option<f64> {
        let plain = self.hints.number(Fact::PlainEpochs)?;
        let share = 1.0 - plain / self.hints.epochs()?;
        (share > 0.0 && share < 1.0).then_some(share)
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

    /// The file was truncated or replaced. Whether its new content continues the run
    /// or repeats it shows with its first record.
    pub fn file_restarted(&mut self, moved_aside: bool) {
        self.restarted = Some(Restarted {
            moved_aside,
            preamble: Vec::new(),
        });
    }

    /// True for the first records of a restarted file when they are of another run: at an earlier
    /// step than all others, or where nothing is left of the ones before, at a step that was passed.
    fn is_another(&self, records: &Records, moved_aside: bool) -> bool {
        let first = records.steps().first().copied();
        let leading = self.branch.leading();
        let goes_back = || {
            records
                .rows()
                .find(|row| leading.leads(row))
                .is_some_and(|row| leading.goes_back(&row))
        };
        first
            .zip(self.first_step)
            .is_some_and(|(first, known)| first <= known)
            || !moved_aside && goes_back()
    }

    /// Forgets everything: the file will be read again from its start.
    pub fn forget(&mut self) {
        *self = Run::new(self.identity.clone()).with(self.context.thresholds);
    }

    /// Takes the next piece of the log.
    pub fn apply(&mut self, decoded: &Decoded) {
        if decoded.records.is_empty() {
            if let Some(restarted) = &mut self.restarted
                && restarted.preamble.len() < Restarted::MOST_PIECES
            {
                restarted.preamble.push(decoded.clone());
            }
        } else if let Some(restarted) = self.restarted.take()
            && self.is_another(&decoded.records, restarted.moved_aside)
        {
            let columns = std::mem::take(&mut self.columns);
            self.forget();
            self.learn(columns);
            restarted.preamble.iter().for_each(|piece| self.apply(piece));
        }
        self.lines.lines += decoded.lines;
        self.lines.ignored += decoded.ignored;
        self.lines.skipped += decoded.skipped;
        decoded
            .bad_lines
            .iter()
            .for_each(|bad| self.lines.show(bad.clone()));
        self.hints.merge(&decoded.hints);
        for (name, value) in &decoded.settings {
            crate::format::sidecar::setting(name, value, &mut self.hints);
        }
        self.note_what_counts(&decoded.records);
        if decoded.total_steps.is_some() {
            self.logged_total_steps = decoded.total_steps;
        }
        self.total_is_a_hint &= decoded.total_steps.is_none();
        let last = decoded.records.steps().last().copied().unwrap_or_default();
        self.take_total_from_hints(last);
        remember(&mut self.settings, &decoded.settings);
        remember(&mut self.summary, &decoded.summary);
        let mut endings = decoded.endings.iter().peekable();
        let mut restated = decoded.restated.iter().peekable();
        let mut trainings = decoded.trainings.iter().copied().peekable();
        let records = &*self.fillers.take_out(&decoded.records);
        let mut start = 0;
        while start < records.len() {
            while let Some(ending) = endings.next_if(|ending| ending.after <= start) {
                self.end(ending);
            }
            while trainings.next_if(|at| *at <= start).is_some() {
                self.may_begin_anew = true;
            }
            let first = records.row(start);
            while let Some((after, stated)) = restated.next_if(|(after, _)| *after <= start) {
                self.restate(stated, records, *after..start, last);
            }
            let leads = self.branch.leading().leads(&first);
            // What was started again after a failure may not have come beyond where it began.
            let failed = std::mem::take(&mut self.failed);
            let begins_anew = leads && (std::mem::take(&mut self.may_begin_anew) || failed);
            if let Some(doubt) = self.doubt.take_if(|_| leads) {
                self.settle(doubt, first.step());
            }
            let mut followers = start;
            // Nor does one that has failed at once say that it did.
            let begins_anew = begins_anew || leads && self.branch.has_failed_at_once();
            let another = self.restated.states_a_length() && self.branch.begins_by(first.step());
            let begins_anew = begins_anew || leads && another;
            let repeats = begins_anew && self.branch.leading().last() == Some(first.step());
            if repeats || self.branch.leading().goes_back(&first) {
                self.doubt = self.doubt(first.step());
                self.branch.rewind(&first);
                if another {
                    // Another program, with a plan of its own; how the log counts is its own too.
                    let length = self.hints.epoch_length();
                    self.hints = std::mem::take(&mut self.restated);
                    if let Some(steps) = length {
                        self.hints.put_epoch_length(steps);
                    }
                    self.steps_of_epoch = None;
                    if decoded.total_after.is_none_or(|after| after < start) {
                        self.logged_total_steps = None;
                    }
                    self.take_total_from_hints(last);
                }
                followers += 1;
            }
            self.first_step.get_or_insert(first.step());
            let leading = self.branch.leading();
            let mut end = leading.unbroken_from(records, start);
            end = trainings.peek().map_or(end, |at| end.min(*at));
            end = endings.peek().map_or(end, |ending| end.min(ending.after));
            if self.branch.fails_at_once(&first) {
                end = start + 1;
            }
            if let Some(mut doubt) = self.doubt.take() {
                // A first train loss leads from the next one on.
                let mut leading = leading;
                leading.pass(&first);
                let leads = |index: &usize| {
                    let row = records.row(*index);
                    let leads = leading.leads(&row);
                    leading.pass(&row);
                    leads
                };
                end = (start + 1..end).find(leads).unwrap_or(end);
                let few = (followers..end).all(|index| doubt.remembers(&records.row(index)));
                self.doubt = few.then_some(doubt);
            }
            self.since_doubt = self.since_doubt.saturating_add((end - start) as u64);
            self.branch.keep(records, start..end);
            self.branch.watch(records, start..end, &self.context);
            if self.leads_in(records, start..end) {
                self.restated = Hints::default();
            }
            start = end;
        }
        for (after, stated) in restated {
            self.restate(stated, records, *after..records.len(), last);
        }
        self.may_begin_anew |= trainings.next().is_some();
        endings.for_each(|ending| self.end(ending));
    }

    /// More is stated of the plan, behind records and before those of `rows`.
    fn restate(&mut self, stated: &Hints, records: &Records, rows: Range<usize>, last: u64) {
        // Its first overflows stand between what another program states and its first loss.
        if !self.leads_in(records, rows) {
            self.restated.merge(stated);
        }
        self.hints.merge(stated);
        self.take_total_from_hints(last);
    }

    /// True when some of these records has the leading loss.
    fn leads_in(&self, records: &Records, mut rows: Range<usize>) -> bool {
        let leading = self.branch.leading();
        rows.any(|index| leading.leads(&records.row(index)))
    }

    /// Takes the planned number of steps from what is stated, where no record says it. `last` is
    /// the last step that is known by now.
    fn take_total_from_hints(&mut self, last: u64) {
        if self.logged_total_steps.is_none() || self.total_is_a_hint {
            // Only a number of what the log counts: steps, or epochs where a step is one. A
            // run that goes on beyond it shows that it was about something else, such as
            // the steps of an evaluation.
            let stated = match self.steps_are_epochs {
                Some(true) => self.hints.epochs().and_then(whole),
                _ => self.hints.counted_steps(),
            };
            self.logged_total_steps = stated.filter(|total| *total >= self.branch.last_step.max(last));
            self.total_is_a_hint = true;
        }
        self.context.total_steps = self.logged_total_steps;
    }

    /// Whether the steps of the log are its epochs.
    fn note_what_counts(&mut self, records: &Records) {
        let (steps, epochs) = records.values(Quantity::Epoch, 0..records.len());
        for (&step, &epoch) in steps.iter().zip(epochs.iter()) {
            if epoch != step as f64 {
                self.steps_are_epochs = Some(false);
            } else if step > 1 {
                self.steps_are_epochs.get_or_insert(true);
            }
            // What the format knows of it is exact.
            let told = self.steps_of_epoch.map(|length| length as f64);
            if let Some(length) = self.epoch_length.note(step, epoch)
                && self.hints.number(Fact::StepsPerEpoch) == told
            {
                self.steps_of_epoch = Some(length);
                self.hints.put_epoch_length(length);
            }
        }
    }

    /// The run says that it is over.
    fn end(&mut self, ending: &Ending) {
        self.branch.end(ending);
        self.failed |= !matches!(ending.how, How::Finished);
        if matches!(ending.how, How::Failed(_)) {
            self.doubt = None;
        }
    }

    /// What is known before a record goes back to `step`; `None` where that comes too often.
    fn doubt(&mut self, step: u64) -> Option<Doubt> {
        if self.since_doubt < stray::LEAST_BETWEEN {
            return None;
        }
        self.since_doubt = 0;
        Some(Doubt::new(
            step,
            self.branch.leading().last()?,
            self.branch.clone(),
        ))
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

    /// Tokens per step, where the log counts tokens.
    pub fn tokens_per_step(&self) -> Option<f64> {
        let tokens = self.series(Quantity::Tokens)?;
        let step = tokens.last_step().filter(|step| *step > 0)?;
        let per_step = tokens.last_value() / step as f64;
        (per_step.is_finite() && per_step > 0.0).then_some(per_step)
    }
}

/// True for the names of reinforcement learning. Preferences (DPO) have rewards as well, of what
/// was chosen and rejected, but a loss that falls.
fn learns_from_rewards(columns: &[Column]) -> bool {
    let mentions = |words: &[&str]| {
        let mut names = columns.iter().map(|column| column.name.to_ascii_lowercase());
        names.any(|name| words.iter().any(|word| name.contains(word)))
    };
    let has_returns = columns.iter().any(|column| {
        let name = canonical(&column.name);
        name.split('_').any(|word| word == "return")
    });
    let of_episodes = has_returns && mentions(&["episode", "rollout"]);
    (mentions(&["reward", "ep_rew", "episode_return"]) || of_episodes)
        && !mentions(&["chosen", "rejected", "margin"])
}

/// True where a policy is trained beside a value function: what that must foresee changes with the
/// policy.
fn is_an_agent(columns: &[Column]) -> bool {
    let has = |part| {
        columns
            .iter()
            .any(|column| agent_part(&column.name) == Some(part))
    };
    has(AgentPart::Policy) && has(AgentPart::ValueFunction)
}

/// True when the train loss is that of one player against another: it rises when the other gains.
fn is_adversarial(columns: &[Column]) -> bool {
    let players = || {
        columns
            .iter()
            .filter_map(|column| Some((player(&column.name)?, column.role)))
    };
    let train = Role::of(Quantity::TrainLoss);
    let leads = |role: Option<Role>| role.is_some_and(|role| role.same_slot(train));
    let leader = players().find(|(_, role)| leads(*role));
    leader.is_some_and(|(leader, _)| players().any(|(other, _)| other != leader))
}

/// Keeps what a client says about a run, as text that can be shown, within bounds.
fn remember(known: &mut BTreeMap<String, String>, said: &[(String, String)]) {
    const MOST_ENTRIES: usize = 512;
    const MOST_CHARACTERS: usize = 200;
    for (name, value) in said {
        let name = crate::text::printable(name);
        if known.len() < MOST_ENTRIES || known.contains_key(&name) {
            let value: String = value.chars().take(MOST_CHARACTERS).collect();
            known.insert(name, crate::text::printable(&value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Names;
    use proptest::prelude::*;

    fn run() -> Run {
        Run::new(Identity {
            id: "run".to_owned(),
            path: PathBuf::from("run.jsonl"),
            format: "jsonl",
        })
    }

    fn decoded(steps: impl IntoIterator<Item = u64>) -> Decoded {
        let mut decoded = Decoded::default();
        for step in steps {
            decoded.records.push(
                step,
                &[(Quantity::TrainLoss, 3.0), (Quantity::LearningRate, 1e-3)],
            );
            if step % 10 == 0 {
                decoded.records.push(step, &[(Quantity::EvalLoss, 3.1)]);
            }
        }
        decoded
    }

    #[test]
    fn a_resume_supersedes_every_series() {
        let mut run = run();
        run.apply(&decoded(0..=100));
        run.apply(&decoded(60..=80));
        assert_eq!(run.last_step(), 80);
        assert_eq!(run.segments(), 2);
        assert_eq!(run.series(Quantity::TrainLoss).unwrap().points(), 81);
        assert_eq!(run.series(Quantity::EvalLoss).unwrap().points(), 9);
        assert_eq!(run.series(Quantity::TrainLoss).unwrap().superseded().len(), 41);
    }

    #[test]
    fn a_stray_record_is_no_resume() {
        let steps = |run: &Run| run.series(Quantity::TrainLoss).map(Series::points);
        // `step 15` between 149 and 151, with records of its own and of others behind it.
        let mut strayed = run();
        strayed.apply(&decoded(0..150));
        let mut stray = decoded([15]);
        stray.records.push(15, &[(Quantity::GradNorm, 1.0)]);
        stray.records.push(149, &[(Quantity::EvalLoss, 3.1)]);
        strayed.apply(&stray);
        assert_eq!((strayed.segments(), strayed.last_step()), (2, 149));
        strayed.apply(&decoded(151..160));
        assert_eq!((strayed.segments(), strayed.last_step()), (1, 159));
        assert_eq!((steps(&strayed), strayed.lines.skipped), (Some(159), 1));
        assert_eq!(strayed.series(Quantity::EvalLoss).unwrap().points(), 16);
        assert!(
            strayed
                .series(Quantity::TrainLoss)
                .unwrap()
                .superseded()
                .is_empty()
        );

        // A checkpoint that is one record behind, and a resume that catches up.
        for (resumed, then) in [(149, 151), (100, 101)] {
            let mut run = run();
            run.apply(&decoded(0..=150));
            run.apply(&decoded([resumed, then]));
            assert_eq!((run.segments(), run.lines.skipped), (2, 0));
        }
    }

    #[test]
    fn a_further_training_has_nothing_of_the_one_before() {
        let points = |run: &Run| run.series(Quantity::TrainLoss).map(Series::points);
        // Its first step is no earlier than that of the first training.
        let mut run = run();
        run.apply(&decoded((50..=1000).step_by(50)));
        run.apply(&decoded((100..=500).step_by(100)));
        assert_eq!((points(&run), run.segments()), (Some(5), 2));
        // A training of one epoch, and another one.
        let mut run = super::tests::run();
        run.apply(&decoded([0]));
        let mut further = decoded(0..=2);
        further.trainings.push(0);
        run.apply(&further);
        assert_eq!((points(&run), run.segments()), (Some(3), 2));
    }

    #[test]
    fn what_is_started_again_after_its_first_record_has_nothing_of_the_first_attempt() {
        let mut run = run();
        let mut attempts = decoded([1]);
        attempts.end(None, How::Perhaps("an error was raised in Python"));
        attempts.records.push(1, &[(Quantity::TrainLoss, 2.5)]);
        run.apply(&attempts);
        run.apply(&decoded(2..=5));
        let points = run.series(Quantity::TrainLoss).map(Series::points);
        assert_eq!((points, run.segments()), (Some(5), 2));
        let mut run = super::tests::run();
        let mut failed = Decoded::default();
        failed.records.push(1, &[(Quantity::TrainLoss, f64::NAN)]);
        run.apply(&failed);
        run.apply(&decoded(1..=5));
        let points = run.series(Quantity::TrainLoss).map(Series::points);
        assert_eq!((points, run.segments()), (Some(5), 2));
        // At once or in pieces.
        let mut run = super::tests::run();
        for step in 1..=5 {
            failed.records.push(step, &[(Quantity::TrainLoss, 3.0)]);
        }
        run.apply(&failed);
        let points = run.series(Quantity::TrainLoss).map(Series::points);
        assert_eq!((points, run.segments()), (Some(5), 2));
        // Two records of one step are none of two trainings.
        let mut run = super::tests::run();
        run.apply(&decoded([1, 1, 2]));
        assert_eq!(run.segments(), 1);
    }

    #[test]
    fn a_run_that_says_it_is_done_is_done_until_it_goes_on() {
        let done = |steps: std::ops::RangeInclusive<u64>| {
            let mut decoded = decoded(steps);
            decoded.end(None, How::Finished);
            decoded.records.push(100, &[(Quantity::EvalLoss, 3.0)]);
            decoded
        };
        let mut run = run();
        run.apply(&done(0..=100));
        assert!(run.says_it_is_done());
        // Trained further, from the checkpoint before the last, and done again.
        run.apply(&decoded(90..=99));
        assert!(!run.says_it_is_done());
        run.apply(&done(100..=100));
        assert!(run.says_it_is_done());
        // A log that says so after every epoch means that epoch.
        run.apply(&decoded(101..=110));
        run.apply(&done(111..=120));
        assert!(!run.says_it_is_done());
    }

    #[test]
    fn a_run_that_is_done_with_a_loss_that_is_none_is_lost() {
        let mut run = run();
        run.apply(&decoded(0..=100));
        let mut last = Decoded::default();
        last.records.push(101, &[(Quantity::TrainLoss, f64::NAN)]);
        run.apply(&last);
        assert_eq!(run.divergence(), None);
        let mut end = Decoded::default();
        end.end(None, How::Finished);
        run.apply(&end);
        assert_eq!(run.divergence().map(|alert| alert.kind), Some("non_finite"));
    }

    #[test]
    fn a_stated_total_that_the_run_goes_beyond_is_dropped() {
        let mut run = run();
        let mut first = decoded(0..=20);
        first.hints.put_number(Fact::TotalSteps, "max_iters", 32.0);
        run.apply(&first);
        assert_eq!(run.logged_total_steps, Some(32));
        run.apply(&decoded(21..=40));
        assert_eq!(run.logged_total_steps, None);
        let mut better = decoded(41..=50);
        better.total_steps = Some(100);
        run.apply(&better);
        assert_eq!(run.logged_total_steps, Some(100));
        run.apply(&decoded(51..=60));
        assert_eq!(run.logged_total_steps, Some(100));
    }

    #[test]
    fn a_run_that_ends_by_the_clock_makes_as_many_steps_as_it_has_time_for() {
        let mut run = run();
        let mut first = Decoded {
            total_steps: Some(20_000),
            ..Decoded::default()
        };
        for step in (0..=4000u64).step_by(50) {
            let values = [
                (Quantity::TrainLoss, 3.0),
                (Quantity::Elapsed, 0.0435 * step as f64),
            ];
            first.records.push(step, &values);
        }
        run.apply(&first);
        assert_eq!(run.logged_total_steps(), Some(20_000));
        run.hints
            .put_number(Fact::TotalSeconds, "max_wallclock_seconds", 600.0);
        assert_eq!(run.logged_total_steps(), Some(13_800));
        let mut end = Decoded::default();
        end.end(Some(4000), How::Finished);
        run.apply(&end);
        assert_eq!(run.logged_total_steps(), Some(4000));
        // A limit that is not kept is none.
        run.hints
            .put_number(Fact::TotalSeconds, "max_wallclock_seconds", 60.0);
        assert_eq!(run.logged_total_steps(), Some(20_000));
    }

    #[test]
    fn the_losses_of_a_record_go_back_alike() {
        let mut run = run();
        for steps in [0..=5, 1..=10] {
            let mut decoded = Decoded::default();
            for step in steps {
                let losses = [(Quantity::TrainLoss, 3.0), (Quantity::EvalLoss, 3.1)];
                decoded.records.push(step * 100, &losses);
            }
            run.apply(&decoded);
        }
        let points = |loss| run.series(loss).map(crate::run::series::Series::points);
        assert_eq!(points(Quantity::TrainLoss), Some(10));
        assert_eq!(points(Quantity::EvalLoss), Some(10));
    }

    #[test]
    fn another_program_in_the_same_log_has_a_plan_of_its_own() {
        let program = |steps: u64, total: f64, stated: bool| {
            let mut decoded = Decoded::default();
            if stated {
                let plan = decoded.plan(true);
                plan.put_number(Fact::TotalSteps, "max_steps", total);
                plan.put_number(Fact::FinalRatio, "min_lr_ratio", 0.5);
            }
            for step in 0..=steps {
                decoded.records.push(step, &[(Quantity::TrainLoss, 3.0)]);
            }
            decoded
        };
        let mut first = program(100, 200.0, true);
        (first.restated[0].1).put_number(Fact::WarmUpSteps, "warmup_steps", 10.0);
        let mut run = run();
        run.apply(&first);
        assert_eq!(
            (run.logged_total_steps(), run.hints.warm_up_steps()),
            (Some(200), Some(10))
        );
        // A restart that states nothing keeps the plan.
        run.apply(&program(50, 0.0, false));
        assert_eq!(
            (run.logged_total_steps(), run.hints.warm_up_steps()),
            (Some(200), Some(10))
        );
        // Another one, in the same piece as the end of the one before.
        let mut both = Decoded::default();
        both.records.push(51, &[(Quantity::TrainLoss, 3.0)]);
        both.plan(true).put_number(Fact::TotalSteps, "max_steps", 80.0);
        both.records.push(51, &[(Quantity::LossScale, 64.0)]);
        for step in 0..=40u64 {
            both.records.push(step, &[(Quantity::TrainLoss, 3.0)]);
        }
        run.apply(&both);
        assert_eq!(
            (run.logged_total_steps(), run.hints.warm_up_steps()),
            (Some(80), None)
        );
        assert_eq!(run.hints.number(Fact::FinalRatio), None);
    }

    #[test]
    fn a_plan_before_the_first_step_again_begins_anew() {
        for (stated, segments) in [(true, 2), (false, 1)] {
            let mut run = run();
            run.apply(&decoded(1..=1));
            let mut again = Decoded::default();
            if stated {
                again.plan(true).put_number(Fact::Epochs, "max_epoch", 50.0);
            }
            for step in 1..=3u64 {
                again.records.push(step, &[(Quantity::TrainLoss, 2.0)]);
            }
            run.apply(&again);
            assert_eq!(run.segments(), segments);
            let points = run.series(Quantity::TrainLoss).unwrap().points();
            assert_eq!(points, if stated { 3 } else { 4 });
        }
    }

    #[test]
    fn logs_that_count_the_batches_of_their_own_data_meet_by_their_epochs() {
        let log = |length: u64, quantity: Quantity| {
            let mut log = run();
            let mut decoded = Decoded::default();
            for epoch in 0..40u64 {
                decoded.records.push(
                    length * (epoch + 1),
                    &[(quantity, 3.0), (Quantity::Epoch, epoch as f64)],
                );
            }
            log.apply(&decoded);
            log
        };
        let mut train = log(37, Quantity::TrainLoss);
        for (length, last) in [(9, 40 * 37), (37, 40 * 37), (74, 40 * 37)] {
            let held_out = log(length, Quantity::EvalLoss);
            train.borrow(std::iter::once(&held_out));
            let series = train.series(Quantity::EvalLoss).unwrap();
            assert_eq!(
                (series.points(), series.last_step()),
                (40, Some(last)),
                "{length}"
            );
            assert_eq!(series.buckets()[0].first_step, 37);
        }
    }

    #[test]
    fn stated_epochs_are_the_total_of_a_run_whose_steps_are_epochs() {
        for (per_step, total) in [(1.0, Some(90)), (0.5, None)] {
            let mut run = run();
            let mut first = decoded(0..=20);
            for step in 0..=20u64 {
                first
                    .records
                    .push(step, &[(Quantity::Epoch, step as f64 * per_step)]);
            }
            first.hints.put_number(Fact::Epochs, "epochs", 90.0);
            run.apply(&first);
            assert_eq!(run.logged_total_steps, total);
        }
    }

    #[test]
    fn a_train_loss_that_stopped_early_does_not_stand_for_the_run() {
        let mut run = run();
        let mut decoded = decoded(0..100);
        run.apply(&decoded);
        assert_eq!(run.losses(), [Quantity::TrainLoss, Quantity::EvalLoss]);
        decoded.records.clear();
        for step in (200..3000).step_by(200) {
            decoded.records.push(step, &[(Quantity::EvalLoss, 3.0)]);
        }
        run.apply(&decoded);
        assert_eq!(run.losses(), [Quantity::EvalLoss, Quantity::TrainLoss]);
    }

    #[test]
    fn the_loss_of_a_run_that_learns_from_rewards_or_from_an_opponent_may_rise() {
        let alerts = |names: &[&str]| {
            let roles = Names::default().assign(names);
            let column = |(name, role): (&&str, _)| Column {
                name: (*name).to_owned(),
                role,
            };
            let mut run = run();
            run.learn(names.iter().zip(roles).map(column).collect());
            let mut decoded = Decoded::default();
            for step in 0..400u64 {
                let loss = if step < 200 { 0.1 } else { 50.0 };
                decoded.records.push(step, &[(Quantity::TrainLoss, loss)]);
            }
            run.apply(&decoded);
            run.branch.alerts.all().len()
        };
        assert_eq!(alerts(&["rollout/ep_rew_mean", "train/loss"]), 0);
        assert!(alerts(&["rewards/chosen", "rewards/margins", "loss"]) > 0);
        assert_eq!(alerts(&["D loss", "G loss"]), 0);
        assert_eq!(alerts(&["Critic_Loss", "Actor_Loss"]), 0);
        assert_eq!(alerts(&["policy_loss", "value_loss", "loss"]), 0);
        assert_eq!(alerts(&["episode", "return", "loss", "value_loss"]), 0);
        assert!(alerts(&["critic_loss"]) > 0);
        assert!(alerts(&["loss", "D loss", "G loss"]) > 0);
    }

    #[test]
    fn a_step_that_stands_alone_is_one_however_the_log_is_cut() {
        let rows = [
            (3, Quantity::EvalLoss),
            (0, Quantity::EvalLoss),
            (2, Quantity::TrainLoss),
            (4, Quantity::TrainLoss),
        ];
        let resumed = |piece: usize| {
            let mut run = run();
            for rows in rows.chunks(piece) {
                let mut decoded = Decoded::default();
                rows.iter()
                    .for_each(|(step, loss)| decoded.records.push(*step, &[(*loss, 3.0)]));
                run.apply(&decoded);
            }
            run.branch.resumed_at.clone()
        };
        assert_eq!(resumed(1), resumed(rows.len()));
    }

    #[test]
    fn a_late_evaluation_is_no_resume() {
        let mut run = run();
        run.apply(&decoded(0..=100));
        let mut late = Decoded::default();
        late.records.push(95, &[(Quantity::EvalLoss, 3.0)]);
        run.apply(&late);
        assert_eq!(run.segments(), 1);
        assert_eq!(run.series(Quantity::TrainLoss).unwrap().points(), 101);
    }

    #[test]
    fn a_rewritten_file_replaces_the_run_and_a_rotated_one_continues_it() {
        let mut rewritten = run();
        rewritten.apply(&decoded(0..=100));
        rewritten.file_restarted(false);
        rewritten.apply(&decoded(0..=110));
        assert_eq!((rewritten.segments(), rewritten.last_step()), (1, 110));
        assert!(
            rewritten
                .series(Quantity::TrainLoss)
                .unwrap()
                .superseded()
                .is_empty()
        );

        // What the new job says before its first record is of the new run.
        let mut again = run();
        again.apply(&decoded(0..=100));
        again.file_restarted(false);
        let preamble = Decoded {
            total_steps: Some(900),
            ..Decoded::default()
        };
        again.apply(&preamble);
        again.apply(&decoded(0..=10));
        assert_eq!((again.last_step(), again.logged_total_steps()), (10, Some(900)));

        let mut rotated = run();
        rotated.apply(&decoded(0..=100));
        rotated.file_restarted(false);
        rotated.apply(&decoded(101..=110));
        assert_eq!(rotated.series(Quantity::TrainLoss).unwrap().points(), 111);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// However the log is cut into pieces, with resumes, late evaluations and failures in it.
        #[test]
        fn pieces_make_the_same_run_as_the_whole(
            rows in prop::collection::vec((0u64..40, 0u8..8, any::<bool>()), 1..200),
            piece in 1usize..20,
        ) {
            let mut step = 0u64;
            let mut records = Vec::new();
            for (stride, kind, fails) in rows {
                // Most records go on; a few are late, or go back.
                step = if stride < 36 { step + stride % 4 } else { step.saturating_sub(stride) };
                let value = 3.0 + (step % 7) as f64;
                let quantities = match kind {
                    0 => vec![(Quantity::EvalLoss, value)],
                    1 => vec![(Quantity::GradNorm, value), (Quantity::Tokens, step as f64)],
                    _ => vec![(Quantity::TrainLoss, value), (Quantity::LearningRate, 1e-3)],
                };
                records.push((step, quantities, fails && stride == 7));
            }
            let read = |piece: usize| {
                let mut run = run();
                for piece in records.chunks(piece) {
                    let mut decoded = Decoded::default();
                    for (step, values, fails) in piece {
                        if *fails {
                            let fails = [How::Finished, How::Failed("it failed")];
                            decoded.end(Some(*step), fails[(step % 2) as usize]);
                        }
                        decoded.records.push(*step, values);
                    }
                    run.apply(&decoded);
                }
                run
            };
            let (whole, pieces, single) = (read(usize::MAX), read(piece), read(1));
            for other in [pieces, single] {
                prop_assert_eq!(&whole.branch.resumed_at, &other.branch.resumed_at);
                prop_assert_eq!(whole.branch.last_step, other.branch.last_step);
                prop_assert_eq!(whole.says_it_is_done(), other.says_it_is_done());
                prop_assert_eq!(format!("{:?}", whole.branch.alerts.all()), format!("{:?}", other.branch.alerts.all()));
                for quantity in Quantity::ALL {
                    let buckets = |run: &Run| run.series(quantity).map(|series| series.buckets().to_vec());
                    prop_assert_eq!(buckets(&whole), buckets(&other));
                }
            }
        }
    }
}
