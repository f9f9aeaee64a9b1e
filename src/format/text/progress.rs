//! Progress bars of tqdm, and the metrics in their tails: `12%|#2  | 120/1000 [02:00<14:40,
//! 1.00s/it, loss=3.21, lr=1e-4]`.
//!
//! For trainers that print nothing else (Lightning, kohya's scripts, diffusers, Levanter).
//! A bar is redrawn many times for one step, and the first drawing of a step often shows
//! the metrics of the last one: what counts is the last drawing. So a step is taken when
//! the next one is drawn, and the very last one when it is drawn again, something else follows, or
//! nothing does.

use super::bare_counts::Count;
use super::held_out::evaluated_loss;
use super::key_value::looks_back;
use super::passes::Rounds;
use super::scan::{NameFinder, named_numbers, push_value};
use super::{Fields, Grammar, Match};
use crate::format::counters::{EpochCounter, Place};
use crate::format::number::digits_at_the_end;
use crate::metric::{Quantity, Role};

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
    let number = |text: &str| text.trim().parse().ok();
    let Some((_, counts)) = description.rsplit_once("poch") else {
        let (epoch, of) = description
            .trim_matches(['[', ']', '(', ')', ' '])
            .split_once('/')?;
        return Some((number(epoch)?, Some(number(of)?)));
    };
    let mut counts = counts
        .trim_start_matches(['[', '(', ' ', ':', '=', '#'])
        .split(['/', ' ', ']', ')', ':', ',']);
    let epoch = number(counts.next()?)?;
    let of = description.contains('/').then(|| number(counts.next()?));
    Some((epoch, of.flatten()))
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
    /// Steps of an epoch, where nobody says how many epochs there will be.
    epoch_length: Option<u64>,
    /// The step that is being drawn.
    drawn: Option<Drawn>,
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
    /// It was handed out already.
    taken: bool,
    /// That was because nothing followed.
    rested: bool,
}

/// Bars about other things than training.
const NOT_TRAINING: &[&str] = &[
    "valid", "eval", "test", "predict", "sanity", "sampl", "download", "map", "generat", "load",
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
        self.hand_out_the_last(true, fields)
    }

    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some(bar) = bar(line).filter(|bar| bar.done > 0) else {
            return match self.checkpoint(line, fields) {
                Match::No => match self.behind_the_last(line, fields) {
                    _ if self.evaluation(line, fields) => Match::Record,
                    told => told,
                },
                told => told,
            };
        };
        let description = bar.description.to_ascii_lowercase();
        if NOT_TRAINING.iter().any(|word| description.contains(word)) {
            return self.behind_the_last(line, fields);
        }
        let mut values = self.values(bar.metrics);
        let is_missing = |values: &Values, quantity: Quantity| values[quantity.index()].is_none();
        if is_missing(&values, Quantity::TrainLoss) && is_missing(&values, Quantity::EvalLoss) {
            // Some put everything into the description.
            values = self.values(bar.description);
            if is_missing(&values, Quantity::TrainLoss) {
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
                let before = before.replace(Drawn {
                    step,
                    values,
                    full,
                    taken: false,
                    rested: false,
                });
                match before {
                    Some(drawn) if !drawn.taken => self.hand_out(drawn, fields),
                    _ => Match::Notice,
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
            // The first of several, or the only one.
            let is_only = self.epoch_length.is_none() && step == bar.done;
            let may_be_whole = is_only && !OF_AN_EPOCH.iter().any(|word| description.contains(word));
            fields.total = bar.total.filter(|_| may_be_whole);
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
        // Lightning counts from 0 to one less than there are.
        let epochs = planned.map(|planned| planned.saturating_add(1 - base).max(passed.saturating_add(1)));
        fields.total = self
            .epoch_length
            .zip(epochs)
            .and_then(|(length, epochs)| length.checked_mul(epochs));
        step
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
        self.hand_out_the_last(false, fields)
    }

    /// Adds the loss of a line between two bars that is about held-out data, where bars tell none: `Test set:
    /// Average loss: 0.71`. True when there is one.
    fn evaluation(&mut self, line: &str, fields: &mut Fields) -> bool {
        let drawn = self.drawn.filter(|drawn| drawn.full && self.evaluated.is_none());
        let Some(drawn) = drawn.filter(|_| !looks_back(line)) else {
            return false;
        };
        let mut losses = Vec::new();
        named_numbers(line, |named| {
            let (_, fit) = self.names.find(named.words);
            let is_loss = fit.is_some_and(|fit| fit.role.is_loss()) && named.unit.is_empty();
            if let Some(loss) = is_loss.then(|| evaluated_loss(line, named.words)).flatten() {
                losses.push((loss, named.value));
            }
        });
        // Of several nobody knows which it is.
        let [loss] = losses[..] else {
            return false;
        };
        fields.step = Some(drawn.step);
        fields.values.push(loss);
        true
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
