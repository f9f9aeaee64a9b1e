//! Hugging Face Trainer on the console: Python dicts between redraws of a progress
//! bar, `{'loss': 3.5, 'grad_norm': 1.0, 'learning_rate': 5e-05, 'epoch': 0.01}`.
//!
//! The lines carry no step. Standard output is buffered when redirected, so the bar
//! may be far ahead of the dicts that follow it; but they come at equal intervals,
//! and the bar shows how far those have led.

mod bar;
mod dict;
mod epoch_length;
mod interval;
mod learning;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::VecDeque;

use super::{Fields, Grammar, Match};
use crate::format::roles::whole;
use bar::{Bar, Bars, Redraws, pace, progress};
use dict::{dict, entries, is_summary, swift_counter, value_of};
use writer::Writer;

/// The grammar.
#[derive(Clone, Debug)]
pub struct HuggingFace {
    steps_per_line: u64,
    /// The very first step is logged as well, before the regular ones.
    first_step_logged: bool,
    /// A record is written as soon as its step is made: the bar shows it. Otherwise records
    /// wait in a buffer, and the bar runs ahead of them.
    prompt: bool,
    session: Session,
    redraws: Redraws,
    writer: Writer,
    /// Records are written more than once: each must be looked at.
    repeats: bool,
    /// Steps of an epoch in the training at hand and in those that follow, where they are known.
    epoch_lengths: VecDeque<Option<f64>>,
}

/// What is known since the trainer was last started.
#[derive(Clone, Debug, Default)]
struct Session {
    /// Step of the record before the first line, once known.
    start: Option<u64>,
    lines: u64,
    /// Step of the last line.
    last: Option<u64>,
    /// Epoch of the last train record.
    epoch: Option<f64>,
    bars: Bars,
    /// Step at which the first record was made.
    first_record: Option<u64>,
    /// Another training has ended before in the same log, and its bar is still there.
    after_another: bool,
}

impl HuggingFace {
    /// The bar of this training.
    fn bar(&self) -> Option<Bar> {
        let of_another = |bar: &Bar| self.session.after_another && bar.done == bar.total;
        self.redraws.bar.filter(|bar| !of_another(bar))
    }

    /// Takes in what a line has done to the bar.
    fn bar_was(&mut self, before: Option<Bar>) {
        if self.redraws.went_back(before) {
            self.session = Session::default();
            self.writer = Writer::default();
        }
        if let Some(bar) = self.bar() {
            self.session.bars.see(bar.done);
        }
    }

    /// The step of a line that is worth this many. An evaluation without a train record before
    /// it stands at the end of the last training.
    fn advance(&mut self, worth: u64) -> Option<u64> {
        self.session.lines += worth;
        if worth > 0 {
            self.session.last = Some(self.step());
        }
        self.session.last
    }

    /// The step of an evaluation at the end of an epoch, which lies between two train records. One
    /// with the epoch of the record before it may be the one that is made every so many steps.
    fn end_of_epoch(&self, dict: &str) -> Option<u64> {
        let epoch = value_of(dict, "epoch").filter(|epoch| *epoch > 0.0 && epoch.fract() == 0.0)?;
        if self.session.epoch == Some(epoch) {
            return None;
        }
        let length = self.epoch_lengths.front().copied().flatten()?;
        let last = self.session.last.unwrap_or_default();
        let next = last.saturating_add(self.steps_per_line);
        whole((epoch * length).round()).filter(|step| (last + 1..=next).contains(step))
    }

    /// The step of the newest train record.
    fn step(&mut self) -> u64 {
        let interval = self.steps_per_line.max(1);
        let (prompt, bar) = (self.prompt, self.bar());
        let session = &mut self.session;
        let first_record = session.first_record;
        let start = *session.start.get_or_insert_with(|| match first_record {
            // The first step is logged only by a run that starts at it.
            Some(1) => 0,
            Some(first) => first.saturating_sub(interval),
            None => session.bars.start(),
        });
        // Records are made at multiples of the interval, wherever the bar was seen.
        let start = start - start % interval;
        let first_step_logged = start == 0
            && interval > 1
            && (first_record == Some(1) || (first_record.is_none() && self.first_step_logged));
        let counted = match (first_step_logged, session.lines) {
            (true, 0 | 1) => start + session.lines,
            (true, lines) => start.saturating_add((lines - 1).saturating_mul(interval)),
            (false, lines) => start.saturating_add(lines.saturating_mul(interval)),
        };
        let Some(bar) = bar else {
            return counted;
        };
        if !prompt || (first_step_logged && session.lines < 2) {
            return counted.min(bar.total);
        }
        let drawn = bar.done.div_ceil(interval).saturating_mul(interval);
        drawn
            .max(session.last.unwrap_or(start).saturating_add(interval))
            .min(bar.total)
    }
}

impl Grammar for HuggingFace {
    fn again(&self) -> Option<Box<dyn Grammar>> {
        Some(Box::new(self.clone()))
    }

    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if dict(line).is_some() && self.writer.is_another(line) {
            return Match::No;
        }
        let before = self.redraws.bar;
        let record = self.redraws.look(line);
        let bar = progress(line);
        self.bar_was(before);
        self.session.first_record = self.session.first_record.or(record);
        fields.total = self.bar().map(|bar| bar.total);
        let Some(dict) = dict(line) else {
            fields.step = bar
                .filter(|bar| self.redraws.bar == Some(*bar))
                .map(|bar| bar.done);
            fields.pace = fields.step.and_then(|_| pace(line));
            return if bar.is_some() { Match::Notice } else { Match::No };
        };
        if is_summary(dict) {
            // Its train_loss is a mean over the run. A further training starts anew.
            self.session = Session {
                after_another: true,
                ..Session::default()
            };
            self.epoch_lengths.pop_front();
            return Match::Notice;
        }
        let before = fields.values.len();
        fields.values.extend(entries(dict));
        if fields.values.len() == before {
            return Match::No;
        }
        let worth = u64::from(fields.values.iter().any(|(name, _)| *name == "loss"));
        let end_of_epoch = self.end_of_epoch(dict).filter(|_| worth == 0);
        fields.step = end_of_epoch.or(self.advance(worth));
        if worth > 0 {
            self.session.epoch = value_of(dict, "epoch");
        }
        // Where no bar can be, one rank writes and no step is written, all but the count is in
        // the numbers, or the epochs.
        let no_bar = !line.as_bytes().contains(&b'|');
        let is_placed = self.epoch_lengths.iter().any(Option::is_some);
        fields.counts =
            (no_bar && !is_placed && !self.repeats && self.writer.rank.is_none() && !dict.contains("step"))
                .then_some(worth);
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

    fn count(&mut self, lines: u64) -> (Option<u64>, Option<u64>) {
        // All that a line does besides its numbers.
        let before = self.redraws.bar;
        if lines > 0 {
            self.redraws.record();
        }
        self.bar_was(before);
        (self.advance(lines), self.bar().map(|bar| bar.total))
    }
}
