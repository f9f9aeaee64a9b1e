//! Hugging Face Trainer on the console: Python dicts between redraws of a progress
//! bar, `{'loss': 3.5, 'grad_norm': 1.0, 'learning_rate': 5e-05, 'epoch': 0.01}`.
//!
//! The lines carry no step. Standard output is buffered when redirected, so the bar
//! may be far ahead of the dicts that follow it; but they come at equal intervals,
//! and the bar shows how far those have led.

use super::wrapper::Pieces;
use super::{Fields, Grammar, Match};
use crate::format::hints::{Fact, Hints};
use crate::format::roles::whole;
use crate::format::{Sample, number};

/// The grammar.
#[derive(Debug)]
pub struct HuggingFace {
    steps_per_line: u64,
    /// Step of the record before the first line.
    start: u64,
    /// The very first step is logged as well, before the regular ones.
    first_step_logged: bool,
    lines: u64,
    bar: Option<Bar>,
}

/// A progress bar: steps done and planned.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bar {
    done: u64,
    total: u64,
}

impl HuggingFace {
    /// A grammar that takes the interval between lines from the sample.
    pub fn new(sample: &Sample) -> Self {
        let mut bar = None;
        let mut first_bar = None;
        let mut epochs = Vec::new();
        let mut rates = Vec::new();
        let mut stated = Hints::default();
        let mut reached = 0;
        let mut pieces = Pieces::default();
        for line in sample.head.split(|byte| *byte == b'\n') {
            pieces.each(line, |piece| {
                bar = longer(bar, progress(piece));
                first_bar = first_bar.or(bar);
                if let Some(dict) = dict(piece).filter(|dict| dict.contains("'loss'")) {
                    let epoch = entries(dict)
                        .find(|(name, _)| *name == "epoch")
                        .map(|(_, epoch)| epoch);
                    epochs.push(epoch.unwrap_or(f64::NAN));
                    rates.extend(
                        entries(dict)
                            .find(|(name, _)| *name == "learning_rate")
                            .map(|(_, rate)| rate),
                    );
                    reached = bar.map_or(0, |bar| bar.done);
                } else if epochs.is_empty() && piece.contains("logging_steps") {
                    stated.scan(piece);
                }
            });
        }
        // A resumed run's bar starts where it left off.
        let start = first_bar.map_or(0, |bar| bar.done).min(reached);
        let start = if start > 1 { start } else { 0 };
        let first_step_logged = match epochs.as_slice() {
            [first, second, ..] if start == 0 => *first > 0.0 && *first < 0.25 * (second - first),
            _ => false,
        };
        if reached == 0 {
            return HuggingFace::without_bar(&rates, &stated);
        }
        let intervals = (epochs.len() - usize::from(first_step_logged).min(epochs.len())).max(1);
        let interval = reached.saturating_sub(start) as f64 / intervals as f64;
        HuggingFace {
            steps_per_line: (interval.round() as u64).max(1),
            start,
            first_step_logged,
            lines: 0,
            bar: None,
        }
    }

    /// Without a bar the interval is what the arguments say, or what the warm-up shows: it
    /// is linear, so a first rate that is a small part of the second was logged at step 1.
    fn without_bar(rates: &[f64], stated: &Hints) -> Self {
        let grammar = |steps_per_line, first_step_logged| HuggingFace {
            steps_per_line,
            start: 0,
            first_step_logged,
            lines: 0,
            bar: None,
        };
        let ratio = match rates {
            [first, second, ..] if *first > 0.0 => second / first,
            _ => 0.0,
        };
        let steps = ratio.round();
        let from_first = steps >= 3.0 && (ratio - steps).abs() < 0.01 * steps;
        match stated.count(Fact::LogInterval) {
            Some(interval) => grammar(interval, from_first && steps as u64 == interval),
            None if from_first => grammar(steps as u64, true),
            None => grammar(1, false),
        }
    }

    /// The step of the newest line.
    fn step(&self) -> u64 {
        let step = match (self.first_step_logged, self.lines) {
            (true, 0 | 1) => self.start + self.lines,
            (true, lines) => self.start + (lines - 1) * self.steps_per_line,
            (false, lines) => self.start + lines * self.steps_per_line,
        };
        self.bar.map_or(step, |bar| step.min(bar.total))
    }
}

impl Grammar for HuggingFace {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let bar = progress(line);
        self.bar = longer(self.bar, bar);
        fields.total = self.bar.map(|bar| bar.total);
        let Some(dict) = dict(line) else {
            return if bar.is_some() { Match::Notice } else { Match::No };
        };
        if dict.contains("'train_runtime'") && !dict.contains("'loss'") {
            return Match::Notice; // The summary: its train_loss is a mean over the run.
        }
        let before = fields.values.len();
        fields.values.extend(entries(dict));
        if fields.values.len() == before {
            return Match::No;
        }
        if fields.values.iter().any(|(name, _)| *name == "loss") {
            self.lines += 1;
        }
        fields.step = Some(self.step());
        if let Some((step, total)) = swift_counter(dict) {
            (fields.step, fields.total) = (Some(step), Some(total));
        } else if let Some((_, step)) = fields
            .values
            .iter()
            .find(|(name, _)| matches!(*name, "step" | "global_step"))
        {
            fields.step = whole(*step);
        }
        Match::Record
    }
}

/// ms-swift says it all: `'global_step/max_steps': '10/735'`.
fn swift_counter(dict: &str) -> Option<(u64, u64)> {
    let counts = dict.split_once("'global_step/max_steps': '")?.1;
    let (step, total) = counts.split_once('\'')?.0.split_once('/')?;
    Some((step.parse().ok()?, total.parse().ok()?))
}

/// Of two bars the newer, unless it is that of an evaluation, which is shorter.
fn longer(old: Option<Bar>, new: Option<Bar>) -> Option<Bar> {
    match (old, new) {
        (Some(old), Some(new)) if new.total < old.total => Some(old),
        (old, new) => new.or(old),
    }
}

/// The inside of the first `{'...}` of a line.
fn dict(line: &str) -> Option<&str> {
    let start = memchr::memmem::find(line.as_bytes(), b"{'")?;
    let rest = line.get(start + 1..)?;
    let end = rest.find('}')?;
    let inside = rest.get(..end)?;
    let trained = ["'loss'", "'eval_loss'", "'train_runtime'"]
        .iter()
        .any(|key| inside.contains(key));
    trained.then_some(inside)
}

/// `'key': value` pairs whose value is a number, quoted or not.
fn entries(dict: &str) -> impl Iterator<Item = (&str, f64)> {
    dict.split(", '").filter_map(|entry| {
        let (name, value) = entry.split_once("':")?;
        Some((name.trim_start_matches(['\'', ' ']), number::parse(value)?))
    })
}

/// `120/1000 [02:00<14:40, ...` of a progress bar: steps done and planned.
fn progress(line: &str) -> Option<Bar> {
    let bar = memchr::memmem::rfind(line.as_bytes(), b"| ")?;
    // The bar of training has no description, those of data preparation do.
    let before = line.get(..line.find('%')?)?.trim_start();
    if before.is_empty() || !before.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let counts = line.get(bar + 2..)?.trim_start();
    let (done, rest) = counts.split_once('/')?;
    let (total, after) = rest.split_once(' ')?;
    if !after.starts_with('[') {
        return None;
    }
    Some(Bar {
        done: done.parse().ok()?,
        total: total.parse().ok().filter(|total| *total > 0)?,
    })
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn steps_come_from_the_bar() {
        let content = "\r  0%|          | 0/40 [00:00<?, ?it/s]\r 25%|##5       | 10/40 [00:01<00:03,  9.00it/s]{'loss': 3.5039, 'learning_rate': 7.4e-06, 'epoch': 0.01}\n\
            \r 50%|#####     | 20/40 [00:02<00:02,  9.00it/s]\r                                       \r{'loss': '2.312', 'grad_norm': '1.05', 'epoch': '0.02'}\n\
            {'eval_loss': 2.5, 'eval_runtime': 12.3, 'epoch': 0.02}\n\
            {'train_runtime': 4849.001, 'train_loss': 0.684, 'epoch': 1.0}\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!((read.format, read.decoded.total_steps), ("huggingface", Some(40)));
        let records = &read.decoded.records;
        assert_eq!(records.steps(), [10, 20, 20]);
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(2.312));
        assert_eq!(records.value(2, Quantity::EvalLoss), Some(2.5));
    }

    #[test]
    fn without_a_bar_the_warm_up_tells_the_interval() {
        let content = "{'loss': 10.5, 'learning_rate': 3.90625e-07, 'epoch': 0.0}\n{'loss': 9.8, 'learning_rate': 7.8125e-06, 'epoch': 0.01}\n{'loss': 8.7, 'learning_rate': 1.5625e-05, 'epoch': 0.02}\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [1, 20, 40]);
        let content = "TrainingArguments(logging_steps=5, lr_scheduler_type=SchedulerType.COSINE, max_steps=100,)\n{'loss': 10.5, 'epoch': 0.0}\n{'loss': 9.8, 'epoch': 0.01}\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [5, 10]);
        assert_eq!(read.decoded.hints.scheduler(), Some("cosine"));
        let content = "{'loss': 1.5, 'epoch': 0.01, 'global_step/max_steps': '10/735', 'percentage': '1.36%'}\n{'loss': 1.4, 'epoch': 0.02, 'global_step/max_steps': '20/735'}\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(
            (read.decoded.records.steps(), read.decoded.total_steps),
            (&[10, 20][..], Some(735))
        );
    }

    #[test]
    fn lines_that_arrive_in_a_burst_keep_their_distance() {
        let mut content = "100%|##########| 200/200 [00:10<00:00, 20.00it/s]".to_owned();
        for line in 0..20 {
            content.push_str(&format!(
                "{{'loss': '{}', 'grad_norm': '1.0', 'epoch': '0.1'}}\n",
                5.0 - 0.1 * f64::from(line)
            ));
        }
        let content = content.replacen("100%", "  0%|          | 0/200 [00:00<?, ?it/s]\r100%", 1);
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps().last(), Some(&200));
        assert_eq!(read.decoded.records.steps().first(), Some(&10));
    }

    #[test]
    fn a_masked_nan_comes_through_as_it_is() {
        let line = "{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 0.00012, 'epoch': 0.0}\n".repeat(3);
        let read = read_all(line.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.value(0, Quantity::TrainLoss), Some(0.0));
        assert!(
            read.decoded
                .records
                .value(0, Quantity::GradNorm)
                .is_some_and(f64::is_nan)
        );
    }
}
