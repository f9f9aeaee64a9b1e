//! What a sample tells of how the trainer was set up.

use std::collections::VecDeque;

use super::bar::{Bars, Redraws};
use super::dict::{dict, is_summary, planned, tells_epochs_exactly, value_of};
use super::epoch_length::{Lengths, Training};
use super::interval::{have_run_out, interval_of, most_common_distance, roundest};
use super::writer::Writer;
use super::{HuggingFace, Session};
use crate::format::Sample;
use crate::format::hints::{Fact, Hints};
use crate::format::text::wrapper::Pieces;

impl HuggingFace {
    /// A grammar that takes the interval between lines from the sample.
    pub fn new(sample: &Sample) -> Self {
        let (mut writer, mut trainings) = (Writer::default(), Vec::new());
        let grammar = HuggingFace::learn(sample, &mut writer, &mut trainings);
        let lengths = trainings.iter().map(|training| Training {
            lines: training.lines - u64::from(grammar.first_step_logged && training.lines > 0),
            ..*training
        });
        HuggingFace {
            repeats: writer.repeats,
            epoch_lengths: lengths
                .map(|training| training.epoch_length(grammar.steps_per_line))
                .collect(),
            ..grammar
        }
    }

    fn learn(sample: &Sample, writer: &mut Writer, trainings: &mut Vec<Training>) -> Self {
        let mut training = Training::default();
        let mut redraws = Redraws::default();
        let mut records: Vec<u64> = Vec::new();
        let (mut epochs, mut rates, mut reached) = (Vec::new(), Vec::new(), Vec::new());
        let mut lengths = Lengths::default();
        let mut stated = Hints::default();
        let mut bars = Bars::default();
        let mut start = None;
        let mut pieces = Pieces::default();
        let mut ended = None;
        for line in sample.head.split(|byte| *byte == b'\n') {
            pieces.each(line, |piece| {
                if dict(piece).is_some() && writer.is_another(piece) {
                    return;
                }
                if let Some(dict) = dict(piece) {
                    let bar = redraws.bar.filter(|_| ended.is_none());
                    if is_summary(dict) {
                        let exact = planned(dict).filter(|_| tells_epochs_exactly(dict));
                        training.total = bar.map(|bar| bar.total as f64).or(exact);
                        trainings.push(std::mem::take(&mut training));
                    } else if dict.contains("'loss'") {
                        training.lines += 1;
                        training.epoch = value_of(dict, "epoch").unwrap_or(f64::NAN);
                    }
                }
                if ended.is_some() {
                    return;
                }
                records.extend(redraws.look(piece));
                if let Some(bar) = redraws.bar {
                    bars.see(bar.done);
                    lengths.see(bar);
                }
                lengths.epoch = dict(piece)
                    .and_then(|dict| value_of(dict, "epoch"))
                    .or(lengths.epoch);
                match dict(piece) {
                    Some(dict) if dict.contains("'loss'") => {
                        epochs.push(value_of(dict, "epoch").unwrap_or(f64::NAN));
                        rates.extend(value_of(dict, "learning_rate"));
                        start = start.or(Some(bars.start()));
                        reached.push(redraws.bar.map_or(0, |bar| bar.done));
                    }
                    Some(dict) if is_summary(dict) => {
                        let steps = redraws.bar.map(|bar| bar.total as f64).or(planned(dict));
                        ended = steps.zip(value_of(dict, "epoch"));
                    }
                    None if epochs.is_empty()
                        && ["logging_steps", "optimization steps", "Num Epochs"]
                            .iter()
                            .any(|words| piece.contains(words)) =>
                    {
                        stated.scan(piece);
                    }
                    _ => {}
                }
            });
        }
        if let Some(bar) = redraws.bar.filter(|_| ended.is_none()) {
            training.total = Some(bar.total as f64);
            trainings.push(training);
        }
        let first_step_logged = match epochs.as_slice() {
            [first, second, ..] => *first > 0.0 && *first < 0.25 * (second - first),
            _ => false,
        };
        let advances = reached.windows(2).filter(|pair| pair.first() < pair.last());
        let prompt = reached.len() > 2 && advances.count() * 10 >= (reached.len() - 1) * 9;
        let start = start.unwrap_or(0);
        let grammar = |interval: u64| HuggingFace {
            prompt,
            ..HuggingFace::every(interval, first_step_logged && start == 0)
        };
        if let Some(interval) = most_common_distance(&records) {
            return grammar(interval);
        }
        if let Some(interval) = lengths
            .of_an_epoch(epochs.len())
            .and_then(|length| interval_of(&epochs, length))
        {
            return HuggingFace::every(interval, first_step_logged && start == 0);
        }
        let Some(end) = reached.last().copied().filter(|end| *end > 0) else {
            let per_epoch = stated
                .count(Fact::TotalSteps)
                .and_then(|total| Some(total as f64 / stated.number(Fact::Epochs)?))
                .or_else(|| ended.map(|(steps, epochs)| steps / epochs));
            return HuggingFace::without_bar(&rates, &epochs, per_epoch, &stated);
        };
        if prompt {
            let lines = (reached.len() - 1) as f64;
            let mean = end.saturating_sub(reached.first().copied().unwrap_or(0)) as f64 / lines;
            return grammar(roundest(mean, bars.widest as f64 / lines));
        }
        let over = redraws
            .bar
            .filter(|bar| bar.done == bar.total || have_run_out(&rates));
        if let Some(interval) = over
            .zip(lengths.epoch)
            .and_then(|(bar, epoch)| interval_of(&epochs, bar.total as f64 / epoch))
        {
            // A bar that came to a standstill in the log would tell too little.
            return grammar(interval);
        }
        let first = usize::from(first_step_logged && start == 0).min(epochs.len());
        let intervals = (epochs.len() - first).max(1);
        let interval = end.saturating_sub(start) as f64 / intervals as f64;
        grammar((interval.round() as u64).max(1))
    }

    fn every(steps_per_line: u64, first_step_logged: bool) -> Self {
        HuggingFace {
            steps_per_line,
            first_step_logged,
            prompt: false,
            session: Session::default(),
            redraws: Redraws::default(),
            writer: Writer::default(),
            repeats: false,
            epoch_lengths: VecDeque::new(),
        }
    }

    /// Without a bar the interval is what the arguments say, or what the epochs show where
    /// their length is known, or what the warm-up shows: it is linear, so a first rate that
    /// is a small part of the second was logged at step 1.
    fn without_bar(rates: &[f64], epochs: &[f64], per_epoch: Option<f64>, stated: &Hints) -> Self {
        let ratio = match rates {
            [first, second, ..] if *first > 0.0 => second / first,
            _ => 0.0,
        };
        let steps = ratio.round();
        let from_first = steps >= 3.0 && (ratio - steps).abs() < 0.01 * steps;
        match stated
            .count(Fact::LogInterval)
            .or_else(|| interval_of(epochs, per_epoch?))
        {
            Some(interval) => HuggingFace::every(interval, from_first && steps as u64 == interval),
            None if from_first => HuggingFace::every(steps as u64, true),
            None => HuggingFace::every(1, false),
        }
    }
}
