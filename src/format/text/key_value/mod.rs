//! Any other text log: numbers with names, among them a step or an epoch and a loss.
//!
//! The fallback. It reads what people print in their own scripts (`step 10/4000 |
//! loss 4.7 | lr 1e-4`, `global_step=50 train_loss=9.4`, `Epoch [1/5], Step [100/600],
//! Loss: 0.17`, or `Epoch 3/25` and below it `val Loss: 0.4`) and must see several such
//! lines with growing steps before it is believed.

mod evaluation;
mod names;
mod numbers;
mod place;
mod rates;
mod sample;
mod sentences;
mod stand_ins;
#[cfg(test)]
mod tests;
mod told_twice;

use super::bare_counts::{self, Count};
use super::held_out::Data;
use super::outcomes::{is_of_a_fold, tells_a_deviation};
use super::passes::{Batches, Evaluations, Nested, Rounds};
use super::scan::NameFinder;
use super::sections::Sections;
use super::wrapper::pieces;
use super::{Fields, Grammar, Match, keras, progress};
use crate::format::Sample;
use crate::format::counters::OwnCounter;
use crate::format::hints::{Fact, Hints};
use crate::metric::{Quantity, Role};
use evaluation::{EVALUATION, is_about_a_checkpoint};
use rates::{RateLines, rate_lines};
use sample::{
    announces_steps, bare_evaluations_are_losses, bare_losses_fall, epochs_count, losses_stand_behind_scores,
    names_held_out_data,
};
use sentences::loss_at;
use stand_ins::stand_in;
use told_twice::{At, ToldTwice, Trained};

/// The grammar.
#[derive(Debug, Default)]
pub struct KeyValue {
    names: NameFinder,
    counter: OwnCounter,
    /// Train losses have stood beside a counter and no epoch.
    counts_on: bool,
    announced: Option<Announced>,
    /// How many epochs there will be, as lines say that stand behind their batches.
    epochs: Option<u64>,
    /// The planned number of steps, where the log states that an epoch has fewer.
    steps_of_run: Option<u64>,
    /// Some lines of the log depend on what was announced before them.
    has_epochs: bool,
    batches: Batches,
    evaluations: Evaluations,
    parameters: ParameterGroups,
    rounds: Rounds,
    nested: Nested,
    /// Counters without a name at the ends of the lines grow.
    counts_bare: bool,
    /// Where the counter without a name goes, as the lines before say: it may go beyond.
    bare_total: Option<u64>,
    /// What stands beside an epoch, and is named for its data alone, falls: it is a loss.
    bare_losses_fall: bool,
    /// What stands beside a train loss, and is named for held-out data alone, is a loss too.
    bare_evaluations: bool,
    /// The loss of the line before, where its name says what it was measured on.
    loss_above: Option<f64>,
    /// Learning rates have lines of their own.
    rate_lines: Option<RateLines>,
    /// Nothing is called a loss: this word is the name of one, see [`stand_in`].
    stand_in: Option<&'static str>,
    /// `Epochs: 3` is the third, and not how many there will be.
    epochs_count: bool,
    /// Epochs come in parts: `epoch 1.000` is no count either.
    epochs_in_parts: bool,
    /// The epoch that a line spoke of last.
    last_epoch: Option<u64>,
    /// The name of a loss on held-out data that has stood beside the step.
    placed_evaluation: Option<Box<str>>,
    /// Lines announce evaluations with the step of the run.
    announces_steps: bool,
    /// The step of an evaluation that was announced: `Evaluating at step 50000...`.
    evaluates_at: Option<u64>,
    sections: Sections,
    told_twice: ToldTwice,
    trained: Trained,
    /// What tells something else of held-out data says nothing of the loss behind it, see
    /// [`losses_stand_behind_scores`].
    behind_scores: bool,
    /// Some line was about what came out of a fold.
    has_folds: bool,
    bars: Bars,
    /// The counts of the last bar of Keras that stood in no epoch.
    pass: Option<(u64, u64)>,
}

/// What bars of progress have told beside what they count, for lines that do not.
#[derive(Clone, Copy, Debug, Default)]
struct Bars {
    /// How many epochs there will be: `Epoch 4/5:  70%|###  | 350/500 [..]`.
    epochs: Option<u64>,
    /// The last learning rate: `loss=0.53, lr=3e-4`.
    rate: Option<f64>,
}

/// An epoch that a line of its own has announced.
#[derive(Clone, Copy, Debug)]
struct Announced {
    epoch: Count,
    /// The count within it.
    within: Option<Count>,
    /// What it goes through, when that is no training data: `Eval epoch: 4`.
    data: Option<Data>,
}

impl KeyValue {
    /// A grammar that has learnt from the sample how the log counts.
    pub fn new(sample: &Sample) -> Self {
        let (counts_bare, rate_lines) = (bare_counts::grow(sample.head), rate_lines(sample.head));
        let mentions = |part: &[u8]| memchr::memmem::find(sample.head, part).is_some();
        let stand_in = stand_in(sample.head);
        let has_epochs = mentions(b"poch") || mentions(b"POCH");
        let speaks_of_held_out_data = names_held_out_data(sample.head);
        let bare_losses_fall = speaks_of_held_out_data && bare_losses_fall(sample.head);
        let epochs_count = has_epochs && epochs_count(sample.head);
        let bare_evaluations = speaks_of_held_out_data && bare_evaluations_are_losses(sample.head);
        let sections = Sections::of(sample.head);
        let told_twice = ToldTwice::of(sample.head, sections);
        let behind_scores = speaks_of_held_out_data && losses_stand_behind_scores(sample.head);
        let announces_steps = mentions(EVALUATION.as_bytes()) && announces_steps(sample.head);
        let fresh = || KeyValue {
            sections,
            told_twice,
            behind_scores,
            counts_bare,
            bare_evaluations,
            bare_losses_fall,
            rate_lines,
            announces_steps,
            stand_in,
            epochs_count,
            ..KeyValue::default()
        };
        let mut grammar = fresh();
        if !has_epochs {
            return grammar;
        }
        grammar.learn(sample.head);
        if grammar.evaluations.told_whole() {
            // Parts of evaluations that came before had a hand in what was learnt.
            grammar = KeyValue {
                evaluations: grammar.evaluations.again(),
                ..fresh()
            };
            grammar.learn(sample.head);
        }
        grammar.at_the_start()
    }

    /// The same without what depends on where in the file it was learnt.
    fn at_the_start(&self) -> KeyValue {
        KeyValue {
            counter: self.counter.again(),
            sections: self.sections.again(),
            told_twice: self.told_twice,
            behind_scores: self.behind_scores,
            steps_of_run: self.steps_of_run,
            has_epochs: self.has_epochs,
            batches: self.batches.again(),
            evaluations: self.evaluations.again(),
            rounds: self.rounds.again(),
            counts_bare: self.counts_bare,
            bare_losses_fall: self.bare_losses_fall,
            bare_evaluations: self.bare_evaluations,
            rate_lines: self.rate_lines,
            announces_steps: self.announces_steps,
            stand_in: self.stand_in,
            epochs_count: self.epochs_count,
            epochs_in_parts: self.epochs_in_parts,
            ..KeyValue::default()
        }
    }

    /// Reads the lines that show how epochs and batches are counted.
    fn learn(&mut self, content: &[u8]) {
        let mut plan = Hints::default();
        for line in pieces(content) {
            if self.parse(&line, &mut Fields::default()) == Match::No && self.steps_of_run.is_none() {
                plan.scan(&line);
                let of_epoch = plan.count(Fact::StepsPerEpoch);
                self.steps_of_run = plan
                    .total_steps()
                    .filter(|total| of_epoch.is_some_and(|length| length < *total));
            }
        }
    }
}

impl Grammar for KeyValue {
    fn again(&self) -> Option<Box<dyn Grammar>> {
        Some(Box::new(self.at_the_start()))
    }

    fn learnt(&self) -> Option<Box<dyn Grammar>> {
        self.again()
    }

    fn epoch_length(&self) -> Option<u64> {
        self.counter.epoch_length().or(self.rounds.length())
    }

    fn passed(&mut self, step: u64) {
        self.rounds.pass(step);
    }

    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let is_heading = self.sections.behind(line);
        if self.parameters.holds(line)
            || self.sections.tells_again()
            || self.evaluations.announce(line)
            || !line.bytes().any(|byte| byte.is_ascii_digit())
        {
            return Match::No;
        }
        if progress::is_bar(line) {
            self.take_bar(line);
            return Match::No;
        }
        if self.is_pass_of_no_epoch(line) {
            return Match::No;
        }
        // The settings, as Python prints them.
        if is_settings(line) {
            return Match::No;
        }
        // The summaries of Hugging Face, of a run that logged no loss, and of GluonTS.
        let summaries: [&[u8]; 2] = [b"train_runtime", b"(occurred at epoch "];
        if summaries
            .iter()
            .any(|words| memchr::memmem::find(line.as_bytes(), words).is_some())
        {
            return Match::No;
        }
        let told = loss_at(line);
        let over = told.as_ref().filter(|told| self.is_over(told));
        let of_now = told.as_ref().filter(|_| over.is_none());
        let loss_within = self.take_loss_at(of_now, line, fields);
        let stated = fields.step.is_some();
        let mut found = self.collect(line, stated, fields);
        let epoch = found.epoch.map(|count| count.value);
        self.last_epoch = epoch.or(self.last_epoch);
        let is_counted = stated || found.epoch.is_some() || found.step.is_some();
        if over.is_some_and(|over| epoch == Some(over.count)) || !is_counted && self.names.finds_history(line)
        {
            return Match::No;
        }
        if found.has_loss && !is_counted && self.is_an_outcome(line, found.evaluated) {
            return Match::No;
        }
        if loss_within {
            (found.has_loss, found.useful) = (true, true);
            found.evaluated |= self.evaluation(fields).is_some();
        }
        let announces_epoch = found.epoch.is_some() && !found.has_loss;
        if self.evaluations.goes_on(announces_epoch) {
            return self.announced_evaluation(&found, fields);
        }
        if !is_heading {
            self.hold_out(&mut found, fields);
        }
        if let Some(step) = self.announced_step(line, &found) {
            fields.step = Some(step);
            return Match::Record;
        }
        if self.is_a_detail(line, &found, fields)
            || self.is_about_a_part(&found)
            || found.evaluated && is_about_a_checkpoint(line)
        {
            return Match::No;
        }
        let counted_ahead = !stated && fields.step.is_some();
        let runs_on = found.step.is_some_and(|(_, runs_on)| runs_on);
        if !stated
            && !runs_on
            && let Some(matched) = self.place(line, &found, fields)
        {
            return matched;
        }
        fields.total = found.step_total;
        if let (Some(outer), Some(count), false) = (found.outer, found.step_count, stated)
            && found.useful
            && self.nested.may_be(outer, count)
        {
            // The total is that of an epoch, or may be.
            fields.total = None;
            fields.step = self.nested.step(outer, count);
            return Match::Record;
        }
        let mut is_within = false;
        if let Some(count) = found.step_count
            && !stated
            && !runs_on
            && (count.of.is_some() || self.may_count_rounds())
            && found.useful
            && !found.evaluated
        {
            let is_known = self.may_count_rounds() || found.is_batch;
            let step = self.rounds.step(count, is_known);
            is_within = is_known || self.rounds.length().is_some();
            if is_within {
                fields.step = Some(step);
                let epochs = self.epochs.zip(count.of.or(self.rounds.length()));
                fields.total = epochs.and_then(|(epochs, length)| epochs.checked_mul(length));
            }
        }
        // Where an epoch counts depends on the lines before, and a number that is none this
        // time may be one the next.
        fields.alone = !stated
            && !counted_ahead
            && found.step.is_some()
            && !self.has_epochs
            && !is_within
            && self.sections.is_any()
            && !self.told_twice.below_headings
            && !found.names_epoch
            && fields.rounded_to == 0.0;
        if stated || (found.step.is_some() && found.useful) {
            if found.evaluated {
                self.placed_evaluation = self
                    .evaluation(fields)
                    .map(Into::into)
                    .or(self.placed_evaluation.take());
            }
            self.counts_on |= found.has_loss && !found.evaluated && found.epoch.is_none();
            Match::Record
        } else if found.evaluated && !self.is_about_something_else(fields) {
            fields.total = None;
            Match::Record
        } else {
            self.rate(line, fields)
        }
    }
}

impl KeyValue {
    /// True for what came out of trainings that are told elsewhere. Below an epoch that was announced a loss with its
    /// deviation is that of the epoch, unless the log tells of folds.
    fn is_an_outcome(&mut self, line: &str, is_evaluated: bool) -> bool {
        let is_of_a_fold = is_evaluated && is_of_a_fold(line);
        self.has_folds |= is_of_a_fold;
        let is_told_once = self.has_folds || self.announced.is_none();
        is_of_a_fold || is_told_once && tells_a_deviation(line)
    }

    /// True where a counter beside no epoch may start again behind each, of which other lines tell.
    fn may_count_rounds(&self) -> bool {
        self.has_epochs && self.counter.may_start_again() && !self.rounds.run_on()
    }

    /// True for a bar of Keras that is full and was not seen to fill, where no epoch was told:
    /// `model.evaluate` has gone through some data, and nothing was trained.
    fn is_pass_of_no_epoch(&mut self, line: &str) -> bool {
        let text = line.trim_start();
        if self.announced.is_some()
            || self.last_epoch.is_some()
            || !text.starts_with(|first: char| first.is_ascii_digit())
        {
            return false;
        }
        let Some((done, of)) = keras::bar(text) else {
            return false;
        };
        let before = self.pass.replace((done, of));
        done == of && !before.is_some_and(|(before, planned)| planned == of && before < done)
    }
}

const TRAIN_LOSS: Role = Role::of(Quantity::TrainLoss);

/// An optimizer of PyTorch, as it prints itself: the options of each group of its parameters
/// stand on lines of their own below its heading, set in.
#[derive(Debug, Default)]
struct ParameterGroups {
    inside: bool,
}

impl ParameterGroups {
    /// True for the lines of a group.
    fn holds(&mut self, line: &str) -> bool {
        let begins = line.trim_start().starts_with("Parameter Group ");
        let goes_on = self.inside && line.starts_with([' ', '\t']) && line.contains(": ");
        self.inside = begins || goes_on;
        self.inside
    }
}

/// A dictionary or a `Namespace` of settings: no number of it is a loss.
fn is_settings(line: &str) -> bool {
    let start = line.trim_start();
    (start.starts_with("{'") || start.starts_with("Namespace("))
        && memchr::memmem::find(line.as_bytes(), b"oss").is_none()
}

/// `Saved best model from epoch 3`, `Early stopping triggered at epoch 12`.
pub(in crate::format::text) fn looks_back(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let words = [
        "save",
        "saving",
        "checkpoint",
        "best",
        "early stop",
        "early-stop",
        "earlystop",
    ];
    words.iter().any(|word| line.contains(word))
}
