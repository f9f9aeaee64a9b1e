//! Progress bars of tqdm, and the metrics in their tails: `12%|#2  | 120/1000 [02:00<14:40,
//! 1.00s/it, loss=3.21, lr=1e-4]`.
//!
//! For trainers that print nothing else (Lightning, kohya's scripts, diffusers, Levanter).
//! A bar is redrawn many times for one step, and the first drawing of a step often shows
//! the metrics of the last one: what counts is the last drawing. So a step is taken when
//! the next one is drawn, and the very last one when it is drawn again, something else follows, or
//! nothing does.

use super::bare_counts::Count;
use super::dialect::holds_one_of;
use super::held_out::{Data, data_of, evaluated_loss};
use super::key_value::looks_back;
use super::passes::Rounds;
use super::scan::{NameFinder, named_numbers, push_value};
use super::{Fields, Grammar, Match};
use crate::format::counters::{EpochCounter, Place};
use crate::format::number::digits_at_the_end;
use crate::metric::{Fit, Quantity, Role};

/// A progress bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar<'a> {
    /// What stands before it.
    pub description: &'a str,
    /// Done so far.
    pub done: u64,
    /// Planned, when known.
    pub total: Option<u64>,
    /// The tail behind the rate: `loss=3.21, lr=1e-4`.
    pub metrics: &'a str,
}

/// Each kind of bar has one of these.
pub const MARKS: &[&str] = &["|", "Progress on:", "it ["];

/// The progress bar of a line, if it is one.
pub fn bar(line: &str) -> Option<Bar<'_>> {
    drawn(line).or_else(|| told(line)).or_else(|| endless(line))
}

/// True for a line that is a bar, drawn or told: it counts something of its own.
pub fn is_bar(line: &str) -> bool {
    let has_bar = memchr::memchr(b'|', line.as_bytes()).is_some();
    has_bar && bar(line).is_some() || !has_bar && endless(line).is_some()
}

/// A bar without an end: `Validation: 7it [00:01, 3.2it/s, loss=3.2]`.
fn endless(line: &str) -> Option<Bar<'_>> {
    let at = memchr::memmem::find(line.as_bytes(), b"it [")?;
    let (before, rest) = (line.get(..at)?, line.get(at + "it [".len()..)?);
    let digits = before.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (description, done) = before.split_at_checked(before.len() - digits)?;
    let inside = rest.split_once(']')?.0;
    let (_, rate) = inside.split_once(", ")?;
    Some(Bar {
        description: description.trim_end_matches([' ', ':']),
        done: number(done)?,
        total: None,
        metrics: behind_the_rate(rate)?,
    })
}

/// What tqdm-loggable writes where there is no terminal (Levanter): `Progress on:train
/// 19.0it/70.0it rate:76.8s/it remaining:1:05:15 elapsed:31:40 postfix:loss=3.2`.
fn told(line: &str) -> Option<Bar<'_>> {
    let rest = line.get(memchr::memmem::find(line.as_bytes(), b"Progress on:")?..)?;
    let (counts, rest) = rest.split_once(" rate:")?;
    let (description, counts) = counts.rsplit_once(' ')?;
    let (done, total) = counts.split_once('/')?;
    Some(Bar {
        description,
        done: number(done)?,
        total: number(total),
        metrics: rest.split_once(" postfix:")?.1,
    })
}

fn drawn(line: &str) -> Option<Bar<'_>> {
    let bytes = line.as_bytes();
    // `description: 12%|####  | 120/1000 [..]`, or `description: |   | 7/? [..]`.
    // The description may hold bars of its own: `loss: 3.2 | acc: 0.5:  12%|##  | ..`.
    let first = match memchr::memmem::find(bytes, b"%|") {
        Some(percent) => percent + 1,
        None => memchr::memchr(b'|', bytes)?,
    };
    let second = first + 1 + memchr::memchr(b'|', bytes.get(first + 1..)?)?;
    let before = line.get(..first)?.trim_end();
    let description = match before.strip_suffix('%') {
        Some(percent) => digits_at_the_end(percent).0,
        None => before,
    };
    let counts = line.get(second + 1..)?.trim_start();
    let (counts, rest) = counts.split_once(" [")?;
    let (done, total) = counts.split_once('/')?;
    let done = number(done)?;
    let inside = rest.rsplit_once(']').map_or(rest, |(inside, _)| inside);
    Some(Bar {
        description: description.trim_end_matches([' ', ':']),
        done,
        total: number(total),
        metrics: behind_the_rate(inside)?,
    })
}

/// What stands behind the rate of a bar.
fn behind_the_rate(inside: &str) -> Option<&str> {
    Some(inside.get(rate_end(inside)?..)?.trim_start_matches([',', ' ']))
}

/// Where the rate ends that stands behind the times in a bar: `1.26it/s`, `2.25s/it`, or of
/// something else than iterations: `64.57img/s`. It is the first: RWKV-LM shows another among the
/// metrics, `REAL it/s=0.569`.
fn rate_end(inside: &str) -> Option<usize> {
    let ends = ["it/s", "/it"]
        .iter()
        .filter_map(|rate| Some(inside.find(rate)? + rate.len()));
    let iterations = ends.min();
    let of_another_unit = || {
        let at = inside.find(", ")? + ", ".len();
        let rate = inside.get(at..)?.trim_start();
        let rate = rate.split([',', ']']).next()?;
        let numbered = rate.starts_with(|first: char| first.is_ascii_digit() || first == '?');
        let is_rate = numbered && (rate.ends_with("/s") || rate.contains("s/"));
        is_rate.then(|| rate.as_ptr() as usize - inside.as_ptr() as usize + rate.len())
    };
    iterations.or_else(of_another_unit)
}

/// Where the bar ends that a line begins with.
pub fn bar_end(line: &str) -> Option<usize> {
    let metrics = bar(line)?.metrics;
    let from = (metrics.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    let mut depth = 1;
    let closing = line.bytes().enumerate().skip(from).find(|(_, byte)| {
        depth += i32::from(*byte == b'[') - i32::from(*byte == b']');
        depth == 0
    });
    Some(closing?.0 + 1)
}

/// `120`, `20.0it`, `200kit`
fn number(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches("it");
    crate::format::number::parse(text).and_then(crate::format::roles::whole)
}

/// The epoch of `Epoch 3`, `Epoch: 3/10`, `Epoch [3/10]` or `3/10`, and what it counts to.
pub(super) fn epoch(description: &str) -> Option<(u64, Option<u64>)> {
    let number = |text: &str| text.trim().trim_end_matches('.').parse().ok();
    let Some((_, counts)) = description.rsplit_once("poch") else {
        let (epoch, of) = description
            .trim_matches(['[', ']', '(', ')', ' '])
            .split_once('/')?;
        return Some((number(epoch)?, Some(number(of)?)));
    };
    let mut counts = counts
        .trim_start_matches(['s', '[', '(', ' ', ':', '=', '#'])
        .split(['/', ' ', ']', ')', ':', ',']);
    let epoch = number(counts.next()?)?;
    let of = description.contains('/').then(|| number(counts.next()?));
    Some((epoch, of.flatten()))
}

/// True for the description of a bar whose steps are epochs.
fn is_of_epochs(description: &str) -> bool {
    let last = description.rsplit(' ').next();
    last.is_some_and(|word| ["epoch", "epochs"].contains(&word))
}

/// True for a description that begins with a word for held-out data, or holds one by itself or with nothing
/// but counts: `Val Epoch 3/5`, `Epoch 3/5 [Val]`. In `Epoch 3/5 (val acc: 0.33)` it is part of a name.
fn is_of_held_out(description: &str) -> bool {
    let is_word = |word: &str| data_of(std::iter::once(word)).is_some();
    let counts = |word: &str| {
        let is_number = |letter: char| letter.is_ascii_digit() || matches!(letter, '/' | '-' | '#');
        COUNTED.contains(&word) || word.chars().all(is_number)
    };
    let first = description.split([' ', ':']).next();
    let mut parts = description.split(['[', ']', '(', ')', '|', ',', ':', '=']);
    first.is_some_and(is_word)
        || parts.any(|part| {
            let words = || part.split_whitespace();
            words().any(is_word) && words().all(|word| is_word(word) || counts(word))
        })
}

/// The grammar.
#[derive(Debug, Default)]
pub struct Progress {
    names: NameFinder,
    /// The number of the first epoch: 0 or 1.
    first_epoch: Option<u64>,
    /// The steps of bars that name theirs.
    counter: EpochCounter,
    /// The last step of the longest bar without an end, or that went past its own.
    longest: u64,
    /// Bars that name no epoch: each may be one.
    rounds: Rounds,
    /// How many epochs there will be, where bars of epochs do not tell.
    epochs: Option<u64>,
    /// Steps of an epoch, where nobody says how many epochs there will be.
    epoch_length: Option<u64>,
    /// The step that is being drawn.
    drawn: Option<Drawn>,
    /// The pass over held-out data that is drawn since.
    pass: Option<Pass>,
    /// A pass over test data was followed by more training, so that such passes are evaluations. Behind the
    /// training one is about the finished model only, and tells nothing of its course.
    tests_between_epochs: bool,
    /// Lines that begin with an epoch stand above its bars: the first one did.
    headings: Option<bool>,
    /// A line has named an epoch since the last bar that was whole.
    names_epoch: bool,
    /// The last evaluation, which is carried along until the next one.
    evaluated: Option<f64>,
    /// Batches of a pass of AllenNLP over the training data.
    training: Option<u64>,
}

/// What a drawing says, by [`Quantity::index`].
type Values = [Option<f64>; Quantity::COUNT];

#[derive(Clone, Copy, Debug)]
struct Drawn {
    step: u64,
    values: Values,
    /// It is the last step of its bar.
    full: bool,
    /// Steps before it were drawn too: once more the whole bar is the same step.
    grown: bool,
    /// It was handed out already.
    taken: bool,
    /// That was because nothing followed.
    rested: bool,
    /// Something else followed it.
    followed: bool,
}

/// A pass over held-out data behind a step of training, as a bar of its own draws it, or a line tells of it
/// whole. The loss of a bar is a mean up to there: that of its last drawing counts, which shows once training
/// goes on.
#[derive(Clone, Copy, Debug)]
struct Pass {
    step: u64,
    data: Data,
    loss: f64,
    done: u64,
    total: Option<u64>,
    /// It was handed out already, because nothing followed.
    rested: bool,
}

impl Pass {
    /// Done and planned of what a line tells of: no bar goes beyond.
    const WHOLE: u64 = u64::MAX;

    /// True for a pass over all of the data, or about so: the last drawing of a bar that is wiped out may be
    /// missing.
    fn is_whole(&self) -> bool {
        const MOST: f64 = 0.9;
        self.total
            .is_none_or(|total| self.done as f64 >= MOST * total as f64)
    }

    /// True where another tells more of the same, or is of what counts more. Of several the first counts.
    fn gives_way_to(&self, other: &Pass) -> bool {
        let goes_on = self.total == other.total && self.done <= other.done;
        let is_told = other.done == Pass::WHOLE;
        let is_the_same = self.data == other.data && self.done != Pass::WHOLE;
        is_the_same && (goes_on || is_told) || self.data == Data::Test && other.data == Data::Validation
    }
}

/// Bars about other things than a pass over data...
const NO_PASS: &[&str] = &["predict", "sanity", "sampl", "download", "map", "generat", "load"];
/// ...and over such that is not trained on.
const HELD_OUT: &[&str] = &["valid", "eval", "test"];

/// What is counted of data, or a part of it is called.
const COUNTED: &[&str] = &[
    "epoch",
    "step",
    "batch",
    "iteration",
    "set",
    "data",
    "split",
    "loop",
    "phase",
];

/// The mark between the metrics and the bar of `AllenNLP`, which draws the passes over validation data as it
/// does the longer ones of training: `accuracy: 0.5, loss: 6.5403 ||:  15%|#4 | 318/2190 [..]`.
const ALLENNLP: &str = "||";

/// Words that describe a bar of the whole run. Others draw one for every epoch, and may not say so...
const WHOLE_RUN: &[&str] = &["step", "epochs", "progress"];
/// ...as these mostly do.
const OF_AN_EPOCH: &[&str] = &["train", "batch"];

impl Grammar for Progress {
    fn epoch_length(&self) -> Option<u64> {
        self.epoch_length
    }

    fn finish(&mut self, fields: &mut Fields) -> Match {
        match self.hand_out_the_last(true, fields) {
            Match::No => self.hand_out_the_pass(true, fields),
            told => told,
        }
    }

    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some(bar) = bar(line) else {
            self.names_epoch |= holds_one_of(line, &["poch", "POCH"]);
            self.epochs = self.planned_epochs(line).or(self.epochs);
            self.take_heading(line);
            return match self.checkpoint(line, fields) {
                Match::No => {
                    self.take_evaluation(line, fields);
                    self.behind_the_last(line, fields)
                }
                told => told,
            };
        };
        let description = bar.description.to_ascii_lowercase();
        // What stands behind a loss is measured as that is: `loss: 2.1 test_accuracy: 0.3`.
        let heading = description.split("loss").next().unwrap_or_default();
        let speaks_of = |words: &[&str]| words.iter().any(|word| heading.contains(word));
        let words = heading.split(|letter: char| !letter.is_ascii_alphanumeric());
        let data = data_of(words);
        let is_held_out = speaks_of(HELD_OUT) || data.is_some() && is_of_held_out(&description);
        if bar.done == 0 || is_held_out || speaks_of(NO_PASS) {
            if let Some(data) = data.filter(|_| bar.done > 0 && !speaks_of(NO_PASS)) {
                self.hold_out(data, &bar, fields);
            }
            if is_of_epochs(&description) {
                self.epochs = bar.total.or(self.epochs);
            }
            return self.behind_the_last(line, fields);
        }
        let mut values = self.values(bar.metrics);
        let is_missing = |values: &Values, quantity: Quantity| values[quantity.index()].is_none();
        if is_missing(&values, Quantity::TrainLoss) && is_missing(&values, Quantity::EvalLoss) {
            // Some put everything into the description.
            values = self.values(bar.description);
            if is_missing(&values, Quantity::TrainLoss) {
                if let Some(data) = data {
                    self.hold_out(data, &bar, fields);
                }
                if is_of_epochs(&description) {
                    self.epochs = bar.total.or(self.epochs);
                }
                return if bar.metrics.is_empty() {
                    Match::No
                } else {
                    Match::Notice
                };
            }
        }
        if let (Some(total), Some(loss)) = (bar.total, values[Quantity::TrainLoss.index()])
            && description.ends_with(ALLENNLP)
            && total < *self.training.get_or_insert(total)
        {
            return self.pass_of_held_out_data(bar.done == total, loss, fields);
        }
        let train_loss = values[Quantity::TrainLoss.index()].map(f64::to_bits);
        let is_another = |drawn: &Drawn| {
            let before = drawn.values[Quantity::TrainLoss.index()].map(f64::to_bits);
            drawn.full && !drawn.grown && drawn.followed && train_loss != before
        };
        if Some(bar.done) == bar.total {
            let is_of_epoch = std::mem::take(&mut self.names_epoch) || description.contains("batch");
            if is_of_epoch && self.drawn.as_ref().is_some_and(is_another) {
                // Of bars that were copied from a terminal only the last drawing is left.
                self.rounds.close();
            }
        }
        let step = self.place(&bar, &description, fields);
        // One without an end is known by those before it.
        let full = Some(bar.done) == bar.total.or(self.epoch_length);
        if let Some(drawn) = &self.drawn
            && full
            && drawn.step.checked_add(bar.done) == Some(step)
            && drawn.values[Quantity::TrainLoss.index()] == values[Quantity::TrainLoss.index()]
        {
            // Lightning draws the full bar of an epoch once more under the name of the next.
            return Match::No;
        }
        match &mut self.drawn {
            Some(drawn) if drawn.step == step => {
                let again = !drawn.taken && full;
                // An evaluation may be added to what was handed out.
                let holds = |quantity: Quantity| {
                    let [before, now] = [&drawn.values, &values].map(|values| values[quantity.index()]);
                    before.map(f64::to_bits) == now.map(f64::to_bits)
                        || before.is_none() && quantity == Quantity::EvalLoss
                };
                fields.revises = drawn.rested && !Quantity::ALL.into_iter().all(holds);
                drawn.rested = false;
                if drawn.taken {
                    // Only an evaluation can still come.
                    values[Quantity::TrainLoss.index()] = None;
                }
                drawn.values = values;
                drawn.taken |= again;
                let drawn = *drawn;
                if again || drawn.taken {
                    return self.hand_out(drawn, fields);
                }
                Match::Notice
            }
            before => {
                let grown = before.is_some_and(|before| !before.full);
                let before = before.replace(Drawn {
                    step,
                    values,
                    full,
                    grown,
                    taken: false,
                    rested: false,
                    followed: false,
                });
                let Some(before) = before else {
                    return Match::Notice;
                };
                let told = if before.taken {
                    Match::Notice
                } else {
                    self.hand_out(before, fields)
                };
                match self.hand_out_the_pass(false, fields) {
                    Match::No => told,
                    evaluated => evaluated,
                }
            }
        }
    }
}

impl Progress {
    /// The step of a bar over all epochs. The planned number of steps is known where the bar says
    /// how many epochs there are, or is one of the whole run.
    fn place(&mut self, bar: &Bar, description: &str, fields: &mut Fields) -> u64 {
        let Some((epoch, planned)) = epoch(bar.description) else {
            if WHOLE_RUN.iter().any(|word| description.contains(word)) {
                fields.total = bar.total;
                return bar.done;
            }
            let count = Count {
                value: bar.done,
                of: bar.total,
            };
            let step = self.rounds.step(count, true);
            self.epoch_length = self.rounds.length();
            self.epochs = self.planned_epochs(bar.metrics).or(self.epochs);
            // The first of several, or the only one.
            let is_only = self.epoch_length.is_none() && step == bar.done;
            let may_be_whole = is_only && !OF_AN_EPOCH.iter().any(|word| description.contains(word));
            fields.total = if may_be_whole {
                bar.total
            } else {
                let length = self.epoch_length.or(bar.total);
                length
                    .zip(self.epochs)
                    .and_then(|(length, epochs)| length.checked_mul(epochs))
            };
            return step;
        };
        let base = *self.first_epoch.get_or_insert(epoch.min(1));
        let passed = epoch.saturating_sub(base);
        if bar.total.is_none() {
            self.longest = self.longest.max(bar.done);
        }
        let step = self.counter.step(Place {
            epoch: passed,
            epochs: None,
            iteration: Some(bar.done),
            iterations: bar.total.map(|total| total.max(self.longest)),
        });
        self.epoch_length = self.counter.length();
        // Lightning counts from 0 to one less than there are: `Epoch 0/9`, but `Epochs 0/10`.
        let counts_last = base == 0 && !description.contains("epochs");
        let epochs = planned.map(|planned| planned.saturating_add(counts_last.into()));
        let epochs = epochs
            .or(self.epochs)
            .map(|epochs| epochs.max(passed.saturating_add(1)));
        fields.total = self
            .epoch_length
            .zip(epochs)
            .and_then(|(length, epochs)| length.checked_mul(epochs));
        step
    }

    /// How many epochs there will be, where a text counts them: `Epoch 3/40`.
    fn planned_epochs(&mut self, text: &str) -> Option<u64> {
        memchr::memmem::find(text.as_bytes(), b"poch")?;
        let mut planned = None;
        named_numbers(text, |named| {
            let is_epoch = |fit: Fit| fit.role == Role::of(Quantity::Epoch);
            if self.names.find(named.words).1.is_some_and(is_epoch) {
                planned = named.of.or(planned);
            }
        });
        planned
    }

    /// Takes the epoch that a line of its own announces above the bars, which do not name it.
    fn take_heading(&mut self, line: &str) {
        let heading = line.trim_start_matches(['-', '=', '*', '#', '[', ' ']);
        let heading = heading.to_ascii_lowercase();
        let Some((epoch, _)) = epoch(&heading).filter(|_| heading.starts_with("epoch") && !looks_back(line))
        else {
            return;
        };
        if *self.headings.get_or_insert(self.drawn.is_none()) {
            self.rounds.begin(epoch);
        }
    }

    /// Takes a drawing of a bar of held-out data.
    fn hold_out(&mut self, data: Data, bar: &Bar, fields: &mut Fields) {
        let losses = [Quantity::EvalLoss, Quantity::TrainLoss];
        let mut loss_of = |text: &str| {
            let values = self.values(text);
            losses.iter().find_map(|quantity| values[quantity.index()])
        };
        let loss = loss_of(bar.metrics).or_else(|| loss_of(bar.description));
        if let Some(loss) = loss {
            self.take_pass(data, loss, (bar.done, bar.total), fields);
        }
    }

    /// Takes a pass over held-out data, where the bars of training tell of none.
    fn take_pass(&mut self, data: Data, loss: f64, counts: (u64, Option<u64>), fields: &mut Fields) {
        let Some(drawn) = self.drawn.filter(|_| self.evaluated.is_none()) else {
            return;
        };
        let (done, total) = counts;
        let pass = Pass {
            step: drawn.step,
            data,
            loss,
            done,
            total,
            rested: self.pass.is_some_and(|pass| pass.rested),
        };
        if self.pass.is_none_or(|before| before.gives_way_to(&pass)) {
            let is_news = self
                .pass
                .is_some_and(|before| before.loss.to_bits() != loss.to_bits());
            fields.revises = pass.rested && is_news;
            self.pass = Some(pass);
        }
    }

    /// The loss of the pass over held-out data; `rests` where nothing follows for now.
    fn hand_out_the_pass(&mut self, rests: bool, fields: &mut Fields) -> Match {
        let Some(mut pass) = self.pass.take() else {
            return Match::No;
        };
        let is_over = if rests {
            Some(pass.done) == pass.total && (pass.data == Data::Validation || self.tests_between_epochs)
        } else {
            pass.is_whole()
        };
        let told = is_over && !pass.rested;
        if told {
            fields.step = Some(pass.step);
            fields.values.push((pass.data.loss(), pass.loss));
            self.tests_between_epochs |= pass.data == Data::Test;
        }
        pass.rested |= told;
        self.pass = Some(pass).filter(|_| rests);
        if told { Match::Record } else { Match::No }
    }

    /// A pass over held-out data behind an epoch: at its end the mean loss is that of all of them.
    fn pass_of_held_out_data(&mut self, ends: bool, loss: f64, fields: &mut Fields) -> Match {
        let told_before = self
            .evaluated
            .is_some_and(|last| last.to_bits() == loss.to_bits());
        if !ends || told_before {
            return self.hand_out_the_last(false, fields);
        }
        self.evaluated = Some(loss);
        fields.step = self.drawn.map(|drawn| drawn.step);
        fields.values.push((Quantity::EvalLoss.name(), loss));
        Match::Record
    }

    /// The last step of a bar, which something else follows.
    fn behind_the_last(&mut self, line: &str, fields: &mut Fields) -> Match {
        if line.trim().is_empty() {
            return Match::No;
        }
        if let Some(drawn) = &mut self.drawn {
            drawn.followed = true;
        }
        self.hand_out_the_last(false, fields)
    }

    /// Takes the loss of a line between two bars that is about held-out data: `Test set: Average loss: 0.71`,
    /// `Epoch 3 val_loss: 0.71`.
    fn take_evaluation(&mut self, line: &str, fields: &mut Fields) {
        if self.drawn.is_none() || self.evaluated.is_some() || looks_back(line) {
            return;
        }
        let mut losses = Vec::new();
        named_numbers(line, |named| {
            let (name, fit) = self.names.find(named.words);
            let is_loss = fit.is_some_and(|fit| fit.role.is_loss()) && named.unit.is_empty();
            let name = evaluated_loss(line, named.words).unwrap_or(name);
            let is_held_out = |fit: Fit| fit.role == Role::of(Quantity::EvalLoss);
            if is_loss && self.names.find(name).1.is_some_and(is_held_out) {
                losses.push((name, named.value));
            }
        });
        // Of several nobody knows which it is.
        if let [(name, loss)] = losses[..] {
            let words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
            let data = data_of(words).unwrap_or(Data::Validation);
            self.take_pass(data, loss, (Pass::WHOLE, Some(Pass::WHOLE)), fields);
        }
    }

    /// The last step of a bar, unless it was handed out before.
    fn hand_out_the_last(&mut self, rested: bool, fields: &mut Fields) -> Match {
        match &mut self.drawn {
            Some(drawn) if drawn.full && !drawn.taken => {
                (drawn.taken, drawn.rested) = (true, rested);
                let drawn = *drawn;
                self.hand_out(drawn, fields)
            }
            _ => Match::No,
        }
    }

    /// What Lightning says when it keeps a checkpoint, of the step that was reached: `Epoch 0,
    /// global step 168: 'val_loss' reached 0.59559 (best 0.59559), saving model to ..`.
    fn checkpoint<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let told = line
            .split_once(", global step ")
            .and_then(|(_, rest)| rest.split_once(": '")?.1.split_once("' reached "));
        let Some((name, value)) = told else {
            return Match::No;
        };
        let (_, fit) = self.names.find(name);
        let is_eval_loss = fit.is_some_and(|fit| fit.role == Role::of(Quantity::EvalLoss));
        let value = value.split(' ').next().and_then(crate::format::number::parse);
        let Some(value) = value.filter(|_| is_eval_loss) else {
            return Match::No;
        };
        fields.step = self.drawn.map(|drawn| drawn.step);
        fields.values.push((Quantity::EvalLoss.name(), value));
        Match::Record
    }

    /// The quantities named in a part of the bar.
    fn values(&mut self, text: &str) -> Values {
        let mut values = [None; Quantity::COUNT];
        named_numbers(text, |named| {
            let (name, fit) = self.names.find(named.words);
            let mut one = Fields::default();
            push_value(&mut one, name, fit, &named);
            if let (Some(Role::Value { quantity, scale }), Some((_, value))) =
                (fit.map(|fit| fit.role), one.values.first())
            {
                values[quantity.index()].get_or_insert(value * scale);
            }
        });
        values
    }

    fn hand_out(&mut self, drawn: Drawn, fields: &mut Fields<'_>) -> Match {
        fields.step = Some(drawn.step);
        for quantity in Quantity::ALL {
            let Some(value) = drawn.values[quantity.index()] else {
                continue;
            };
            if quantity == Quantity::EvalLoss {
                if self
                    .evaluated
                    .is_some_and(|last| last.to_bits() == value.to_bits())
                {
                    continue;
                }
                self.evaluated = Some(value);
            } else if drawn.taken && drawn.values[Quantity::TrainLoss.index()].is_none() {
                continue;
            }
            fields.values.push((quantity.name(), value));
        }
        if fields.values.is_empty() {
            Match::Notice
        } else {
            Match::Record
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::read_all;
    use crate::metric::Names;

    #[test]
    fn evaluations_may_stand_between_bars() {
        let epoch = |epoch: u64| -> String {
            let bar = |at: u64| {
                format!(
                    "Loss=0.{epoch}{at} Batch_id={at} Accuracy=25.54: {at}0%|##   | {at}0/100 [00:10<00:10, 20.11it/s]\n"
                )
            };
            let bars: String = [2, 6, 10].map(bar).concat();
            format!(
                "EPOCH: {epoch}\n{bars}\nTest set: Average loss: 0.{epoch}, Accuracy: 7552/10000 (75.53%)\n\n"
            )
        };
        let content: String = (1..5).map(epoch).collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        let of = |quantity| -> Vec<(u64, f64)> { records.points(quantity).collect() };
        assert_eq!(of(Quantity::TrainLoss).len(), 12);
        assert_eq!(of(Quantity::TrainLoss).last(), Some(&(400, 0.41)));
        assert_eq!(
            of(Quantity::EvalLoss),
            [(100, 0.1), (200, 0.2), (300, 0.3), (400, 0.4)]
        );
    }

    #[test]
    fn another_training_begins_below_the_heading_of_its_first_epoch() {
        for epochs in [1, 2] {
            let epoch = |epoch: u64| format!("Epoch {epoch}/{epochs}\n{}", training("Train", epoch));
            let training: String = (1..=epochs).map(epoch).collect();
            let read = read_all(training.repeat(3).as_bytes(), &Names::default()).unwrap();
            let steps: Vec<u64> = (1..=3 * epochs).map(|step| 10 * step).collect();
            assert_eq!(read.decoded.records.steps(), steps.repeat(3), "{epochs}");
        }
    }

    type Points = Vec<(u64, f64)>;

    /// Train losses, evaluations, and the planned number of steps of three epochs of 30 batches.
    fn three_epochs(text: &dyn Fn(u64) -> String) -> (Points, Points, Option<u64>) {
        let content: String = (1..4).map(text).collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "progress-bar", "{content}");
        let of = |quantity| read.decoded.records.points(quantity).collect();
        (
            of(Quantity::TrainLoss),
            of(Quantity::EvalLoss),
            read.decoded.total_steps,
        )
    }

    fn drawing(description: &str, done: u64, of: u64, metrics: &str) -> String {
        format!("\r{description}: 50%|##   | {done}/{of} [00:10<00:10, 20.11it/s{metrics}]")
    }

    /// The drawings of a bar of 30 batches.
    fn training(description: &str, epoch: u64) -> String {
        let done = [10, 20, 30].iter();
        let draw = |done: &u64| drawing(description, *done, 30, &format!(", loss=2.{epoch}{done}"));
        done.map(draw).collect::<String>() + "\n"
    }

    const EVALUATED: [(u64, f64); 3] = [(30, 2.1), (60, 2.2), (90, 2.3)];

    #[test]
    fn a_bar_of_held_out_data_is_an_evaluation() {
        for (heading, train, held_out, name) in [
            ("", "Epoch NN/40 [Train]", "Epoch NN/40 [Val]", "loss"),
            ("", "Epoch NN/40 [Train]", "Epoch NN/40 [Val]", "val_loss"),
            ("", "Epoch NN/40 - Training", "Epoch NN/40 - Validation", "Loss"),
            ("", "Epoch NN/40 (Train)", "Epoch NN/40 (Val)", "loss"),
            ("", "Train Epoch NN/40", "Val Epoch NN/40", "loss"),
            ("", "Epoch NN/40 train", "Epoch NN/40 - val set", "loss"),
            ("Epoch NN/40\n", "Train", "Val", "loss"),
            ("Epoch NN/40\n", "Training", "Evaluating", "loss"),
        ] {
            let of_epoch = |epoch: u64| {
                // The loss of the last batch shows only when the bar is drawn once more.
                let drawings: String = [(0, ""), (4, "5.5"), (8, "4.5"), (8, "2.")]
                    .iter()
                    .map(|(done, loss)| match *loss {
                        "" => drawing(held_out, *done, 8, ""),
                        "2." => drawing(held_out, *done, 8, &format!(", {name}=2.{epoch}")),
                        loss => drawing(held_out, *done, 8, &format!(", {name}={loss}")),
                    })
                    .collect();
                let text = heading.to_owned() + &training(train, epoch) + &drawings + "\n";
                text.replace("NN", &epoch.to_string())
            };
            let (train, eval, total) = three_epochs(&of_epoch);
            assert_eq!((train.len(), train.last()), (9, Some(&(90, 2.33))), "{held_out}");
            assert_eq!(
                (eval.as_slice(), total),
                (EVALUATED.as_slice(), Some(1200)),
                "{held_out}"
            );
        }
    }

    #[test]
    fn a_word_for_held_out_data_in_a_name_makes_no_evaluation_of_a_bar() {
        for description in [
            "Epoch NN/40 (val acc: 0.3NN)",
            "Epoch NN/40, best val 0.31",
            "Epoch NN/40 | best_val=0.31",
            "Epoch NN/40 val_loss: 2.90 train",
            "[dev cuda:0] Epoch NN/40",
            "imagenet-val-split Epoch NN/40",
        ] {
            let of_epoch = |epoch: u64| training(description, epoch).replace("NN", &epoch.to_string());
            let (train, eval, total) = three_epochs(&of_epoch);
            assert_eq!(
                (train.len(), train.last()),
                (9, Some(&(90, 2.33))),
                "{description}"
            );
            assert_eq!((eval, total), (Vec::new(), Some(1200)), "{description}");
        }
    }

    #[test]
    fn lines_below_a_bar_tell_of_evaluations() {
        for line in [
            "Validation Loss: 2.NN\n",
            "Val Loss: 2.NN, Val Acc: 61.2%\n",
            "Epoch NN val_loss: 2.NN\n",
            "2026-11-30 10:00:00 - INFO - Val Loss: 2.NN\n",
            "  Train Loss: 2.5\n  Val Loss: 2.NN\n  Val Acc: 51.2%\n",
            "Test Loss: 2.NN\n",
        ] {
            let of_epoch = |epoch: u64| {
                let bar = training("Epoch NN/40", epoch);
                let held_out = drawing("Validating", 8, 8, ", acc=0.5") + "\n";
                (bar + &held_out + line).replace("NN", &epoch.to_string())
            };
            let (train, eval, total) = three_epochs(&of_epoch);
            assert_eq!((train.len(), total), (9, Some(1200)), "{line}");
            assert_eq!(eval, EVALUATED, "{line}");
        }
        // That of the model at the end of its training is none of it.
        let at_the_end = |epoch: u64| {
            let bar = training("Epoch NN/3", epoch).replace("NN", &epoch.to_string());
            bar + if epoch == 3 { "Test Loss: 0.8\n" } else { "" }
        };
        assert_eq!(three_epochs(&at_the_end).1, []);
    }

    #[test]
    fn epochs_may_be_told_outside_of_their_bars() {
        let outer = |epoch: u64| {
            let metrics = if epoch == 1 { "" } else { ", best=0.5" };
            drawing("Epochs", epoch - 1, 40, metrics) + "\n" + &training("Batches", epoch)
        };
        assert_eq!(three_epochs(&outer).2, Some(1200));
        let within = |epoch: u64| training("", epoch).replace("loss", &format!("epoch={epoch}/40, loss"));
        assert_eq!(three_epochs(&within).2, Some(1200));
        let described = |epoch: u64| {
            let description =
                |done: u64| format!("Epochs {}/40. Running Loss:    2.{epoch}{done}", epoch - 1);
            let done = [10, 20, 30].iter();
            done.map(|done| drawing(&description(*done), *done, 30, ""))
                .collect()
        };
        let (train, _, total) = three_epochs(&described);
        assert_eq!((train.last(), total), (Some(&(90, 2.33)), Some(1200)));
    }

    #[test]
    fn the_last_drawings_that_a_terminal_keeps_are_epochs() {
        let of_epoch = |heading: &'static str, train: &'static str, held_out: &'static str| {
            move |epoch: u64| {
                let train = drawing(train, 30, 30, &format!(", loss - 3.{epoch}")).replace('\r', "");
                let held_out = drawing(held_out, 8, 8, &format!(", loss - 2.{epoch}")).replace('\r', "\n");
                (heading.to_owned() + &train + &held_out + "\n").replace("NN", &epoch.to_string())
            }
        };
        let expected: Points = vec![(30, 3.1), (60, 3.2), (90, 3.3)];
        let named = of_epoch("", "Epoch NN/40 [Train]", "Epoch NN/40 [Val]");
        assert_eq!(
            three_epochs(&named),
            (expected.clone(), EVALUATED.to_vec(), Some(1200))
        );
        let headed = of_epoch("\nEpoch: NN\n", "train", "valid");
        assert_eq!(three_epochs(&headed), (expected, EVALUATED.to_vec(), None));
    }

    #[test]
    fn a_whole_bar_that_is_drawn_again_is_no_epoch() {
        let last_step = |content: String| {
            let read = read_all(content.as_bytes(), &Names::default()).ok()?;
            read.decoded.records.steps().last().copied()
        };
        let again = "Epoch 1 done\n".to_owned() + &drawing("Training", 30, 30, ", loss=2.9") + "\n";
        assert_eq!(last_step(training("Training", 1) + &again), Some(30));
        // Those of several trainings.
        let whole = |run: u64| drawing("Training", 30, 30, &format!(", loss=2.{run}")) + "\nRun finished\n";
        assert_ne!(last_step((1..5).map(whole).collect()), Some(120));
    }

    #[test]
    fn a_score_on_test_data_behind_the_loss_makes_no_test_of_a_bar() {
        let described = |epoch: u64| {
            let done = [10, 20, 30].iter().map(|done| 30 * (epoch - 1) + done);
            let description = |done| format!("loss:   2.{done} test_accuracy: 27.12%");
            done.map(|done| drawing(&description(done), done, 90, ""))
                .collect()
        };
        let (train, eval, total) = three_epochs(&described);
        assert_eq!(
            (train.last(), eval, total),
            (Some(&(90, 2.9)), Vec::new(), Some(90))
        );
    }

    #[test]
    fn a_bar_of_images_that_other_output_interrupts_does_not_go_back() {
        let mut content = String::new();
        for epoch in 1..4 {
            for _ in 0..2 {
                content += &format!(
                    "Epoch {epoch}/40:  21%|██▌       | 96/465 [00:01<00:05, 64.57img/s, loss (batch)=0.951]INFO: Validation Dice score: 0.2\n"
                );
            }
            content += &format!(
                "Epoch {epoch}/40: 100%|██████████| 465/465 [00:08<00:00, 57.20img/s, loss (batch)=0.{epoch}]\n"
            );
        }
        let log = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &log.decoded.records;
        let steps = [96, 465, 561, 930, 1026, 1395];
        assert_eq!((log.format, records.steps()), ("progress-bar", steps.as_slice()));
        assert_eq!(log.decoded.total_steps, Some(40 * 465));
    }

    #[test]
    fn what_lightning_draws_twice_and_what_it_says_of_checkpoints() {
        let mut content = String::new();
        for epoch in 0..3 {
            if epoch > 0 {
                content += &format!(
                    "\rEpoch {epoch}: 100%|██████████| 198/198 [02:36<00:00,  1.26it/s, loss=1.{epoch}5, v_num=14]"
                );
            }
            content += &format!(
                "\rEpoch {epoch}:  51%|█████     | 100/198 [01:29<01:27,  1.12it/s, loss=1.{next}1, v_num=14]\
                 \rEpoch {epoch}: 100%|██████████| 198/198 [02:36<00:00,  1.26it/s, loss=1.{next}5, v_num=14]Epoch {epoch}, global step {step}: 'val_loss' reached 0.{epoch}5 (best 0.15), saving model to 'x'\n",
                next = epoch + 1,
                step = 168 * (epoch + 1),
            );
        }
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        let points = |quantity: Quantity| -> Vec<(u64, f64)> { records.points(quantity).collect() };
        let steps: Vec<u64> = points(Quantity::TrainLoss).iter().map(|point| point.0).collect();
        assert_eq!(
            (read.format, steps),
            ("progress-bar", vec![100, 198, 298, 396, 496, 594])
        );
        assert_eq!(
            points(Quantity::EvalLoss),
            [(198, 0.05), (396, 0.15), (594, 0.25)]
        );
    }

    #[test]
    fn a_few_lines_about_a_loss_of_their_own_are_not_the_log() {
        let mut content = String::new();
        for epoch in 0..12 {
            content += &format!(
                "\rEpoch {epoch}: 100%|███| 29/29 [00:02<00:00, 11.69it/s, loss=0.{epoch}66, v_num=]\n"
            );
            if epoch % 4 == 3 {
                content += &format!(
                    "  [Epoch {epoch}] losses at split → cluster_loss=0.0{epoch}, subcluster_loss=0.5835\n"
                );
            }
        }
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!((read.format, read.decoded.records.len()), ("progress-bar", 12));
    }

    #[test]
    fn bars_are_told_from_tables() {
        let found = bar(" 12%|█▏        | 120/1000 [02:00<14:40,  1.00s/it, loss=3.21, lr=1e-4]").unwrap();
        assert_eq!(
            (found.done, found.total, found.metrics),
            (120, Some(1000), "loss=3.21, lr=1e-4")
        );
        let found = bar("Validation DataLoader 0: |          | 7/? [00:00<00:00, 105.42it/s]").unwrap();
        assert_eq!(
            (found.done, found.total, found.description),
            (7, None, "Validation DataLoader 0")
        );
        assert!(bar("| a | b | 1/2 [x]").is_none());
        // RWKV-LM shows a rate of its own among the metrics.
        let found =
            bar("Epoch 0:   9%|#  | 233/2520 [06:49<1:07:02,  1.76s/it, loss=3.170, REAL it/s=0.569]")
                .unwrap();
        assert_eq!(found.metrics, "loss=3.170, REAL it/s=0.569");
    }

    #[test]
    fn bars_that_are_told_line_by_line() {
        let line = |done: &str, loss: f64| {
            format!(
                "2025-06-14T06:20:11 - 0 - tqdm_loggable.tqdm_logging - tqdm_logging.py:139 - INFO :: Progress on:train {done}/70.0kit \
                 rate:1.2it/s remaining:1:05:15 elapsed:31:40 postfix:loss={loss}\n"
            )
        };
        let content = format!(
            "{}Progress on:eval 3.00it/184it rate:1.2it/s remaining:01:05 elapsed:31:40 postfix:loss=9\n{}{}{}",
            line("998it", 3.5),
            line("1.00kit", 3.25),
            line("1.01kit", 3.125),
            line("1.02kit", 3.0)
        );
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(
            (read.format, read.decoded.total_steps),
            ("progress-bar", Some(70_000))
        );
        assert_eq!(read.decoded.records.steps(), [998, 1000, 1010]);
        assert_eq!(read.decoded.records.value(1, Quantity::TrainLoss), Some(3.25));
    }

    #[test]
    fn one_point_a_step() {
        let content = "\rEpoch 0:   0%|          | 0/4 [00:00<?, ?it/s]\rEpoch 0:  25%|##5       | 1/4 [00:00<00:01,  2.00it/s, v_num=0, train_loss=4.830]\
            \rEpoch 0:  25%|##5       | 1/4 [00:00<00:01,  2.00it/s, v_num=0, train_loss=4.700]\rEpoch 0:  50%|#####     | 2/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.5]\
            \rValidation DataLoader 0:  50%|#####     | 1/2 [00:00<00:00, 99.0it/s, val_loss=9.0]\rEpoch 0:  75%|###     | 3/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.2, val_loss=4.1]\
            \rEpoch 0: 100%|###     | 4/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.2, val_loss=4.1]\rEpoch 0: 100%|###     | 4/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.0, val_loss=4.1]\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!((read.format, read.decoded.total_steps), ("progress-bar", None));
        assert_eq!(read.decoded.records.steps(), [1, 2, 3, 4]);
        assert_eq!(read.decoded.records.value(0, Quantity::TrainLoss), Some(4.7));
        assert_eq!(read.decoded.records.value(2, Quantity::EvalLoss), Some(4.1));
        assert_eq!(read.decoded.records.value(3, Quantity::EvalLoss), None);
        assert_eq!(read.decoded.records.value(3, Quantity::TrainLoss), Some(4.0));
    }

    #[test]
    fn a_loss_in_the_description() {
        let drawing = |epoch: u64, batch: u64, loss: f64| {
            format!(
                "\rEpoch {epoch} | loss: {loss} | acc: 0.5:  {batch}0%|#  | {batch}/10 [00:00<00:01,  2.00it/s]"
            )
        };
        let content: String = (0..2)
            .flat_map(|epoch| {
                (1..=10).map(move |batch| drawing(epoch, batch, 4.5 - 0.125 * (10 * epoch + batch) as f64))
            })
            .collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!((read.format, records.len()), ("progress-bar", 20));
        assert_eq!(
            (records.steps()[10], records.value(10, Quantity::TrainLoss)),
            (11, Some(3.125))
        );
    }

    #[test]
    fn allennlp_draws_validation_as_it_does_training() {
        let drawing = |loss: f64, done: u64, of: u64| {
            format!(
                "em: 0.0157, loss: {loss} ||:  15%|#4        | {done}/{of} [03:04<73:08:45, 122.19s/it]\n"
            )
        };
        let content: String = (0..3)
            .map(|epoch| {
                let loss = 6.5 - f64::from(epoch);
                let begins = |of: u64| format!("\n  0%|          | 0/{of} [00:00<?, ?it/s]\n");
                let training = begins(2190) + &drawing(loss, 318, 2190) + &drawing(loss - 0.25, 2190, 2190);
                training + &begins(265) + &drawing(loss, 96, 265) + &drawing(loss + 0.25, 265, 265)
            })
            .collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let points =
            |quantity: Quantity| -> Vec<(u64, f64)> { read.decoded.records.points(quantity).collect() };
        assert_eq!(
            points(Quantity::TrainLoss),
            [
                (318, 6.5),
                (2190, 6.25),
                (2508, 5.5),
                (4380, 5.25),
                (4698, 4.5),
                (6570, 4.25)
            ]
        );
        assert_eq!(
            points(Quantity::EvalLoss),
            [(2190, 6.75), (4380, 5.75), (6570, 4.75)]
        );
    }

    #[test]
    fn bars_of_several_epochs_count_on() {
        let read = |first: u64, of: &str| {
            let drawing = |epoch: u64, batch: u64| {
                format!(
                    "\rEpoch {epoch}{of}: {batch}0%|#  | {batch}/10 [00:00<00:01,  2.00it/s, loss={}.5]",
                    90 - 10 * epoch - batch
                )
            };
            let content: String = (0..3)
                .flat_map(|epoch| (1..=10).map(move |batch| drawing(first + epoch, batch)))
                .collect();
            let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
            let steps = decoded.records.steps();
            (steps[0], steps[steps.len() - 1], decoded.total_steps)
        };
        assert_eq!(read(0, ""), (1, 30, None));
        assert_eq!(epoch("Epoch: 3"), Some((3, None)));
        assert_eq!(epoch("001/200"), Some((1, Some(200))));
        assert_eq!(epoch("Steps"), None);
        assert_eq!(read(0, "/7"), (1, 30, Some(80)));
        assert_eq!(read(1, "/8"), (1, 30, Some(80)));
    }

    #[test]
    fn bars_without_an_end_or_past_it_count_on() {
        let read = |content: &str| {
            let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
            let records = &decoded.records;
            let last = records.value(records.len() - 1, Quantity::TrainLoss);
            (records.steps().to_vec(), last, decoded.total_steps)
        };
        let drawing = |epoch: u64, batch: u64| {
            let loss = 90 - 10 * epoch - batch / 100;
            format!("Epoch {epoch}: : {batch}it [00:06, 139.33it/s, v_num=1, train_loss={loss}.5]\n")
        };
        // An epoch may be a little longer than the one before.
        let lengths = [(0, 910), (1, 912), (2, 910)];
        let content: String = lengths
            .iter()
            .flat_map(|(epoch, length)| [drawing(*epoch, 400), drawing(*epoch, *length)])
            .collect();
        let steps = vec![400, 910, 1310, 1822, 2222];
        assert_eq!(read(&content), (steps, Some(66.5), None));
        // tqdm draws no bar once it has come past its end.
        let epochs: String = (0..4)
            .map(|epoch| {
                format!(
                    "epoch: {epoch}/199:  44%|####    | 400/896 [00:03<00:01, 139.33it/s, loss=0.5{epoch}]\r\
                     epoch: {epoch}/199: : 910it [00:06, 139.33it/s, loss=0.4{epoch}]\neval psnr: 16.88\n"
                )
            })
            .collect();
        let steps = vec![400, 910, 1310, 1820, 2220, 2730, 3130, 3640];
        assert_eq!(read(&epochs), (steps, Some(0.43), Some(200 * 910)));
        let last_drawings = epochs.replace('\r', "\n");
        let last_drawings: String = last_drawings
            .split_inclusive('\n')
            .filter(|line| !line.contains("/896"))
            .collect();
        let steps = vec![910, 1820, 2730, 3640];
        assert_eq!(read(&last_drawings), (steps, Some(0.43), Some(200 * 910)));
    }

    #[test]
    fn the_last_step_of_a_bar_counts_once_something_else_follows() {
        let steps = |behind: &str| {
            let drawing = |step| format!("steps: {step}/4 [00:01<00:01,  1.31s/it, avr_loss=0.{step}]");
            let content: String = (1..=4)
                .map(|step| drawing(step).replacen(": ", ": 25%|#  | ", 1) + "\n")
                .collect();
            let decoded = read_all((content + behind).as_bytes(), &Names::default())
                .unwrap()
                .decoded;
            decoded.records.steps().to_vec()
        };
        assert_eq!(steps(""), [1, 2, 3, 4]);
        assert_eq!(steps("model saved.\n"), [1, 2, 3, 4]);
        assert_eq!(
            steps("Validation: 10%|#  | 1/9 [00:01<00:01,  1.31s/it, loss=9]\n"),
            [1, 2, 3, 4]
        );
    }

    #[test]
    fn a_bar_of_the_run_that_starts_again_is_another_training() {
        let drawing =
            |step| format!("steps:  25%|#  | {step}/4 [00:01<00:01,  1.31s/it, avr_loss=0.{step}]\n");
        let training: String = (1..=4).map(drawing).collect::<String>() + "model saved.\n";
        let decoded = read_all(training.repeat(2).as_bytes(), &Names::default())
            .unwrap()
            .decoded;
        assert_eq!(
            (decoded.records.steps(), decoded.total_steps),
            ([1, 2, 3, 4, 1, 2, 3, 4].as_slice(), Some(4))
        );
    }

    #[test]
    fn an_epoch_is_no_whole_run() {
        let read = |description: &str, epochs: u64| {
            let drawing = |epoch: u64, batch: u64| {
                let loss = 90 - 10 * epoch - batch;
                format!("\r{description} {batch}0%|#  | {batch}/10 [00:00<00:01,  2.00it/s, loss={loss}.5]")
            };
            let content: String = (0..epochs)
                .flat_map(|epoch| (1..=10).map(move |batch| drawing(epoch, batch)))
                .collect();
            let content = format!("num_epochs: 5\n{content}\n");
            let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
            let mut run = crate::run::Run::new(crate::run::Identity {
                id: String::new(),
                path: std::path::PathBuf::new(),
                format: "progress-bar",
            });
            run.apply(&decoded);
            (
                run.last_step(),
                run.segments(),
                decoded.total_steps,
                run.logged_total_steps(),
            )
        };
        // What is stated of the epochs tells the end, once bars are known to be epochs.
        assert_eq!(read("Training:", 3), (30, 1, None, Some(50)));
        assert_eq!(read("Training:", 1), (10, 1, None, None));
        // One that says nothing is the whole run until there is a second one.
        assert_eq!(read("", 1), (10, 1, Some(10), Some(10)));
        assert_eq!(read("Epoch [2][0/100]", 1), (20, 1, None, Some(50)));
        assert_eq!(read("Training progress:", 1), (10, 1, Some(10), Some(10)));
    }
}
