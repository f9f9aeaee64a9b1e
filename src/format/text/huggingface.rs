//! Hugging Face Trainer on the console: Python dicts between redraws of a progress
//! bar, `{'loss': 3.5, 'grad_norm': 1.0, 'learning_rate': 5e-05, 'epoch': 0.01}`.
//!
//! The lines carry no step. Standard output is buffered when redirected, so the bar
//! may be far ahead of the dicts that follow it; but they come at equal intervals,
//! and the bar shows how far those have led.

use std::collections::VecDeque;

use super::wrapper::{Pieces, rank};
use super::{Fields, Grammar, Match};
use crate::format::hints::{Fact, Hints};
use crate::format::roles::whole;
use crate::format::{Sample, number};

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

/// How far the epochs that are logged may be off.
const ROUNDING: f64 = 0.005;

/// What a training of the sample has shown of the length of its epochs.
#[derive(Clone, Copy, Debug, Default)]
struct Training {
    /// Train records.
    lines: u64,
    /// The epoch of the last one.
    epoch: f64,
    /// Planned steps, as the bar or the summary has them.
    total: Option<f64>,
}

impl Training {
    /// The steps of an epoch where the records are so far apart: the plan is a whole number of
    /// epochs.
    fn epoch_length(&self, interval: u64) -> Option<f64> {
        const CLEAR: f64 = 0.05;
        let total = self.total?;
        let epochs = total * self.epoch / self.lines.saturating_mul(interval) as f64;
        let whole = epochs.round();
        let error = whole * ROUNDING / self.epoch;
        (whole >= 1.0 && error < CLEAR && (epochs - whole).abs() <= error).then(|| total / whole)
    }
}

/// One trainer of each node writes every record: those of the first to write count. A callback
/// may write them too (AutoTrain), with all digits of the epoch, before the trainer rounds it.
#[derive(Clone, Debug, Default)]
struct Writer {
    rank: Option<u32>,
    /// Loss, learning rate and epoch of the last record.
    told: Option<[f64; 3]>,
    /// Some were written already.
    repeats: bool,
}

impl Writer {
    /// True for a record that was written already, or that another rank writes as well.
    fn is_another(&mut self, line: &str) -> bool {
        if rank(line.as_bytes()).is_some_and(|rank| *self.rank.get_or_insert(rank) != rank) {
            return true;
        }
        let told = dict(line).and_then(|dict| {
            let value = |wanted| value_of(dict, wanted);
            Some([value("loss")?, value("learning_rate")?, value("epoch")?])
        });
        let is_repeated = self.told.zip(told).is_some_and(|([loss, rate, epoch], now)| {
            let has_all_digits = (epoch * 1e5).fract() != 0.0;
            has_all_digits
                && [loss, rate] == [now[0], now[1]]
                && (epoch * 100.0).round() == (now[2] * 100.0).round()
        });
        self.told = told;
        self.repeats |= is_repeated;
        is_repeated
    }
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

/// How the bar of training began. A trainer that goes on from a checkpoint draws its bar at 0
/// or not at all, then at the step that follows the checkpoint.
#[derive(Clone, Copy, Debug, Default)]
struct Bars {
    first: Option<u64>,
    /// The first step behind 0.
    begun: Option<u64>,
    last: u64,
    /// The largest distance between two bars since then.
    widest: u64,
    /// Distances since then.
    seen: u32,
}

impl Bars {
    fn see(&mut self, done: u64) {
        self.first.get_or_insert(done);
        match self.begun {
            None if done > 0 => self.begun = Some(done),
            Some(_) if done > self.last => {
                self.widest = self.widest.max(done - self.last);
                self.seen += 1;
            }
            _ => {}
        }
        self.last = done;
    }

    /// The step of the checkpoint, 0 for a run that began at its beginning.
    fn start(&self) -> u64 {
        let Some(begun) = self.begun else { return 0 };
        let resumed = match self.first {
            Some(0) => self.seen >= 2 && begun > 2 * self.widest + 1,
            _ => begun > 1,
        };
        if resumed { begun - 1 } else { 0 }
    }
}

/// Follows the bar. To write a record the trainer wipes the bar and draws it again: a bar
/// behind blanks tells the step of a record, however late the record itself arrives.
#[derive(Clone, Debug, Default)]
struct Redraws {
    bar: Option<Bar>,
    /// Another bar, which may be that of a training that follows.
    other: Option<Bar>,
    /// A train record has come.
    recorded: bool,
    wiped: bool,
}

impl Redraws {
    /// Looks at a piece of the log; returns the step of a record that the bar betrays.
    fn look(&mut self, piece: &str) -> Option<u64> {
        let Some(bar) = progress(piece) else {
            let blank = piece.trim().is_empty();
            if dict(piece).is_some_and(|dict| dict.contains("'loss'")) {
                self.record();
            }
            // The record itself may stand between wiping and drawing.
            self.wiped = (blank && piece.len() > 8) || (self.wiped && dict(piece).is_some());
            return None;
        };
        let wiped = std::mem::take(&mut self.wiped);
        match self.bar {
            Some(old) if bar.total < old.total || (bar.total > old.total && self.recorded) => {
                let shorter = |other: &Bar| bar.total < other.total && other.done < other.total;
                self.other = self.other.filter(shorter).or(Some(bar));
            }
            _ => self.bar = Some(bar),
        }
        (wiped && self.bar == Some(bar) && bar.done > 0).then_some(bar.done)
    }

    /// A train record was written: it belongs to the bar that is being drawn, unless that
    /// is one of an evaluation, which is shorter. Data may be prepared before the training.
    fn record(&mut self) {
        self.recorded = true;
        if let Some(other) = self.other.take()
            && self.bar.is_none_or(|bar| {
                other.total > bar.total || (bar.done >= bar.total && other.done < other.total)
            })
        {
            self.bar = Some(other);
        }
    }

    /// True when the bar of training has gone back: the trainer was started again.
    fn went_back(&self, before: Option<Bar>) -> bool {
        match (before, self.bar) {
            (Some(before), Some(bar)) => bar.done < before.done,
            _ => false,
        }
    }
}

/// What the bars tell of the length of an epoch where they are drawn now and then, such as with
/// every evaluation: then they stand where the records before them do.
#[derive(Debug, Default)]
struct Lengths {
    /// The last epoch that was told.
    epoch: Option<f64>,
    bar: Option<Bar>,
    bars: usize,
    /// The steps of an epoch, as the last bar has it, and that all have it so.
    length: Option<f64>,
    agree: bool,
}

impl Lengths {
    fn see(&mut self, bar: Bar) {
        const ALIKE: f64 = 0.02;
        if self.bar == Some(bar) || bar.done == 0 {
            return;
        }
        self.bar = Some(bar);
        self.bars += 1;
        let length = self
            .epoch
            .filter(|epoch| *epoch > 0.0)
            .map(|epoch| bar.done as f64 / epoch);
        let alike = |one: f64, other: f64| (one - other).abs() < ALIKE * other;
        self.agree = match (length, self.length) {
            (Some(length), Some(before)) => self.agree && alike(length, before),
            // The whole run is a whole number of epochs.
            (Some(length), None) => {
                let epochs = bar.total as f64 / length;
                epochs > 0.5 && alike(epochs, epochs.round())
            }
            (None, _) => false,
        };
        self.length = length;
    }

    /// The steps of an epoch, where a few bars agree on it among so many records.
    fn of_an_epoch(&self, records: usize) -> Option<f64> {
        self.length.filter(|_| self.agree && self.bars * 3 < records)
    }
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

/// True for learning rates that have come down to nothing, as at the end of a training.
fn have_run_out(rates: &[f64]) -> bool {
    const NOTHING: f64 = 1e-3;
    let peak = rates.iter().copied().fold(0.0, f64::max);
    rates
        .last()
        .is_some_and(|last| peak > 0.0 && *last <= NOTHING * peak)
}

/// The steps between lines, from the epochs that lie between them, which are rounded.
fn interval_of(epochs: &[f64], per_epoch: f64) -> Option<u64> {
    let (first, last) = (epochs.first()?, epochs.last()?);
    let lines = epochs.len().checked_sub(1).filter(|lines| *lines > 0)? as f64;
    let between = (last - first) / lines * per_epoch;
    (between >= 0.5).then(|| roundest(between, (2.0 * ROUNDING / lines * per_epoch).min(0.1 * between)))
}

/// The count within `error` of `value` that people are likeliest to choose: the one with the
/// most zeros at its end, or else a five before them.
fn roundest(value: f64, error: f64) -> u64 {
    let nearest = whole(value).unwrap_or(1).max(1);
    let mut unit = 10_u64.pow(9);
    while unit > 1 {
        for unit in [unit, unit / 2] {
            let multiple = whole(value / unit as f64).unwrap_or(0).saturating_mul(unit);
            if multiple > 0 && (multiple as f64 - value).abs() <= error {
                return multiple;
            }
        }
        unit /= 10;
    }
    nearest
}

/// The distance that lies between most neighbours.
fn most_common_distance(steps: &[u64]) -> Option<u64> {
    let mut distances: Vec<u64> = steps
        .windows(2)
        .filter_map(|pair| pair.last()?.checked_sub(*pair.first()?))
        .filter(|distance| *distance > 0)
        .collect();
    distances.sort_unstable();
    let runs = distances.chunk_by(|one, other| one == other);
    runs.max_by_key(|run| run.len())
        .filter(|_| distances.len() >= 2)
        .and_then(|run| run.first().copied())
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

/// The dict at the end of a training.
fn is_summary(dict: &str) -> bool {
    dict.contains("'train_runtime'") && !dict.contains("'loss'")
}

/// The planned number of steps, from which the summary at the end of a training has its speed.
fn planned(dict: &str) -> Option<f64> {
    Some((value_of(dict, "train_runtime")? * value_of(dict, "train_steps_per_second")?).round())
}

/// True where that speed, which is rounded, leaves the length of an epoch exact.
fn tells_epochs_exactly(dict: &str) -> bool {
    const ROUNDING_OF_SPEED: f64 = 0.0005;
    let runtime = value_of(dict, "train_runtime");
    runtime
        .zip(value_of(dict, "epoch"))
        .is_some_and(|(runtime, epochs)| ROUNDING_OF_SPEED * runtime < 0.5 * epochs)
}

/// ms-swift says it all: `'global_step/max_steps': '10/735'`.
fn swift_counter(dict: &str) -> Option<(u64, u64)> {
    let counts = dict.split_once("'global_step/max_steps': '")?.1;
    let (step, total) = counts.split_once('\'')?.0.split_once('/')?;
    Some((step.parse().ok()?, total.parse().ok()?))
}

/// The inside of the first `{'...}` of a line.
fn dict(line: &str) -> Option<&str> {
    let start = memchr::memmem::find(line.as_bytes(), b"{'")?;
    let rest = line.get(start + 1..)?;
    let end = rest.find('}')?;
    let inside = rest.get(..end)?;
    let has = |keys: &[&str]| keys.iter().any(|key| inside.contains(key));
    // Others print dicts with a loss in them, but not with where it was reached.
    // Sets to evaluate on may have names: `eval_wiki_loss`.
    let is_evaluation = |name: &str| name.starts_with("eval_") && name.ends_with("_loss");
    let trained = has(&["'loss'", "'eval_loss'", "'train_runtime'"])
        || entries(inside).any(|(name, _)| is_evaluation(name));
    (trained && has(&["'epoch'", "'learning_rate'", "'global_step", "'step'"])).then_some(inside)
}

/// The value of an entry.
fn value_of(dict: &str, wanted: &str) -> Option<f64> {
    named(dict)
        .filter(|(name, _)| *name == wanted)
        .find_map(|(_, value)| number::of_cell(value))
}

/// `'key': value` pairs whose value is a number, quoted or not.
fn entries(dict: &str) -> impl Iterator<Item = (&str, f64)> {
    named(dict).filter_map(|(name, value)| Some((name, number::of_cell(value)?)))
}

/// The same with whatever value.
fn named(dict: &str) -> impl Iterator<Item = (&str, &str)> {
    dict.split(", '").filter_map(|entry| {
        let (name, value) = entry.split_once("':")?;
        Some((name.trim_start_matches(['\'', ' ']), value))
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

/// Seconds a step, from `, 13.86s/it]` or `, 1.20it/s]` at the end of a bar.
fn pace(line: &str) -> Option<f64> {
    let rate = line.get(line.find('[')?..)?.split_once(", ")?.1;
    let rate = rate.split([',', ']']).next()?.trim();
    match rate.strip_suffix("s/it") {
        Some(seconds) => number::parse(seconds),
        None => number::parse(rate.strip_suffix("it/s")?)
            .filter(|rate| *rate > 0.0)
            .map(f64::recip),
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn a_callback_that_writes_the_records_too() {
        let content: String = (1..=4)
            .map(|record| {
                let (loss, epoch) = (3.0 - 0.25 * f64::from(record), 0.008612345678 * f64::from(record));
                format!(
                    "INFO     | 2024-05-02 21:09:32 | autotrain.trainers.common:on_log:226 - {{'loss': {loss}, 'learning_rate': 0.0001, 'epoch': {epoch}}}\n\
                     {{'loss': {loss}, 'learning_rate': 0.0001, 'epoch': {epoch:.2}}}\n"
                )
            })
            .collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!((read.format, read.decoded.records.len()), ("huggingface", 4));
        assert_eq!(read.decoded.records.value(3, Quantity::TrainLoss), Some(2.0));
    }

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
    fn sets_to_evaluate_on_may_have_names() {
        for sets in [&["validation"][..], &["train", "validation"], &["wiki", "code"]] {
            let content: String = (1..5)
                .map(|at| {
                    let evaluations = sets.iter().zip(3..).map(|(set, loss)| {
                        format!(
                            "{{'eval_{set}_loss': {loss}.{at}, 'eval_{set}_runtime': 2.1, 'epoch': {at}.0}}\n"
                        )
                    });
                    let train = format!("{{'loss': 2.{at}, 'learning_rate': 5e-05, 'epoch': {at}.0}}\n");
                    train + &evaluations.collect::<String>()
                })
                .collect();
            let records = read_all(content.as_bytes(), &Names::default())
                .unwrap()
                .decoded
                .records;
            let points =
                |quantity| -> Vec<f64> { records.rows().filter_map(|row| row.value(quantity)).collect() };
            assert_eq!(points(Quantity::TrainLoss), [2.1, 2.2, 2.3, 2.4], "{sets:?}");
            let first = if sets[0] == "train" { 4.0 } else { 3.0 };
            let evaluations = [0.1, 0.2, 0.3, 0.4].map(|part| first + part);
            assert_eq!(points(Quantity::EvalLoss), evaluations, "{sets:?}");
        }
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
    fn without_a_bar_epochs_of_a_stated_length_tell_the_interval() {
        let mut content = "[INFO|2024-11-26 22:07:15] trainer.py:2315 >>   Num Epochs = 1,000\n[INFO|2024-11-26 22:07:15] trainer.py:2321 >>   Total optimization steps = 17,000\n".to_owned();
        for line in 1..40 {
            content += &format!(
                "[INFO|2024-11-26 22:09:01] logging.py:157 >> {{'loss': 2.2818, 'learning_rate': 5.0000e-05, 'epoch': {:.2}}}\n",
                f64::from(line) * 5.0 / 17.0
            );
        }
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps()[..3], [5, 10, 15]);
        assert_eq!(read.decoded.records.steps().last(), Some(&195));
        assert_eq!(read.decoded.hints.total_steps(), Some(17_000));
    }

    #[test]
    fn bars_of_other_work_are_not_those_of_the_training() {
        let bar =
            |done: u64, total: u64| format!("\r 50%|#####     | {done}/{total} [00:02<00:02,  9.00it/s]");
        let mut content = bar(1, 40);
        for step in [10, 20, 30, 40] {
            content += &(bar(step, 40) + &bar(8, 8));
            content += &format!("\r                      \r{{'loss': 2.{step}, 'epoch': 0.{step}}}\n");
        }
        content += &(bar(40, 40) + "\n" + &bar(200, 200) + &bar(25_000, 25_000) + "\n");
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.total_steps, Some(40));
        assert_eq!(read.decoded.records.steps(), [10, 20, 30, 40]);
    }

    #[test]
    fn a_resumed_training_goes_on_at_its_checkpoint() {
        let bar = |done: u64| format!("\r {done}%|#####     | {done}/100 [00:02<00:02,  9.00it/s]");
        let record = |step: u64| format!("{{'loss': 2.{step}, 'epoch': {:.2}}}\n", step as f64 / 40.0);
        // Glued to the bar, or printed where it was wiped; drawn at 0 first, or not.
        for (checkpoint, before, from_zero) in [
            (50, "", true),
            (52, "", false),
            (50, "\r                    \r", true),
            (47, "\n", true),
        ] {
            let mut content = if from_zero { bar(0) } else { String::new() };
            let mut expected = Vec::new();
            for step in checkpoint + 1..=100 {
                content += &bar(step);
                if step % 5 == 0 {
                    content += &(before.to_owned() + &record(step));
                    expected.push(step);
                }
            }
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!(read.decoded.records.steps(), expected, "{checkpoint} {before:?}");
        }
    }

    #[test]
    fn without_a_bar_the_summary_tells_how_long_an_epoch_is() {
        let mut content = String::new();
        for epoch in ["0.22", "0.43", "0.65", "0.86", "1.08"] {
            content += &format!("{{'loss': 1.5, 'learning_rate': 1.8e-05, 'epoch': {epoch}}}\n");
        }
        content +=
            "{'train_runtime': 2331.9, 'train_steps_per_second': 2.983, 'train_loss': 0.12, 'epoch': 3.0}\n";
        content += "100%|##########| 6957/6957 [38:51<00:00,  2.98it/s]\n{'loss': 1.4, 'epoch': 0.22}\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [500, 1000, 1500, 2000, 2500, 500]);
    }

    #[test]
    fn evaluations_stand_at_the_ends_of_epochs() {
        let training = |interval: f64, length: f64, epochs: u32| -> String {
            let mut content = String::new();
            let mut record = 1.0;
            for epoch in 1..=epochs {
                while record * interval <= f64::from(epoch) * length {
                    content += &format!(
                        "{{'loss': 1.5, 'learning_rate': 1.8e-05, 'epoch': {:.2}}}\n",
                        record * interval / length
                    );
                    record += 1.0;
                }
                content +=
                    &format!("{{'eval_loss': 1.{epoch}, 'eval_runtime': 1.4067, 'epoch': {epoch}.0}}\n");
            }
            content
                + &format!(
                    "{{'train_runtime': {}, 'train_steps_per_second': 4.000, 'train_loss': 0.12, 'epoch': {epochs}.0}}\n",
                    0.25 * length * f64::from(epochs)
                )
        };
        let content = training(500.0, 2319.0, 3) + &training(500.0, 226.0, 10);
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        let evaluated: Vec<u64> = records
            .rows()
            .filter(|row| row.has(Quantity::EvalLoss))
            .map(|row| row.step())
            .collect();
        let ends = (1..=3)
            .map(|epoch| 2319 * epoch)
            .chain((1..=10).map(|epoch| 226 * epoch));
        assert_eq!(evaluated, ends.collect::<Vec<u64>>());
    }

    #[test]
    fn an_evaluation_with_the_epoch_of_the_record_before_stands_at_its_step() {
        let content = |interval: u64, seconds: f64| -> String {
            let records = (1..=2006 / interval).map(|record| {
                let epoch = (record * interval) as f64 / 1003.0;
                let evaluation = if (record * interval).is_multiple_of(1000) {
                    format!("{{'eval_loss': 1.5, 'eval_runtime': 1.4, 'epoch': {epoch:.2}}}\n")
                } else {
                    String::new()
                };
                format!("{{'loss': 1.5, 'learning_rate': 1.8e-05, 'epoch': {epoch:.2}}}\n{evaluation}")
            });
            records.collect::<String>()
                + &format!(
                    "{{'train_runtime': {}, 'train_steps_per_second': {:.3}, 'train_loss': 0.12, 'epoch': 2.0}}\n",
                    2006.0 * seconds,
                    seconds.recip()
                )
        };
        let evaluated = |content: &str| -> Vec<u64> {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let rows = read.decoded.records.rows();
            rows.filter(|row| row.has(Quantity::EvalLoss))
                .map(|row| row.step())
                .collect()
        };
        assert_eq!(evaluated(&content(100, 0.25)), [1000, 2000]);
        // The speed of a slow run does not tell how long its epochs are.
        for (seconds, exact) in [(0.25, true), (24.0, false)] {
            let runtime = 2006.0 * seconds;
            let summary =
                format!("'train_runtime': {runtime}, 'train_steps_per_second': 0.042, 'epoch': 2.0");
            assert_eq!(super::tells_epochs_exactly(&summary), exact);
        }
    }

    #[test]
    fn a_record_of_every_node_counts_once() {
        let mut content = String::new();
        for step in 1..5 {
            for rank in [8, 0, 16] {
                content += &format!("{rank}: {{'loss': 2.{step}, 'epoch': 0.{step}}}\n");
            }
        }
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [1, 2, 3, 4]);
    }

    #[test]
    fn every_step_may_be_logged_from_the_first() {
        let mut content = String::new();
        for step in 1..=9 {
            let bar = format!("\r 50%|#####     | {step}/9 [00:02<00:02,  9.00it/s]");
            content += &(bar.clone() + "\r                      \r");
            content += &format!("{{'loss': 2.{step}, 'epoch': 0.{step}}}\n{bar}\n");
        }
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
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
    fn a_bar_that_stood_still_yields_to_the_epochs_of_a_training_that_is_over() {
        let records: Vec<String> = (1..=45)
            .map(|record: u32| {
                let (rate, epoch) = (1e-5 * f64::from(45 - record), f64::from(record) / 4.5);
                format!("{{'loss': 3.{record}, 'learning_rate': {rate}, 'epoch': {epoch:.2}}}\n")
            })
            .collect();
        let bar = |done: u64| format!("\r 50%|#####     | {done}/22500 [1:02:02<51:40,  3.63it/s]\n");
        let summary =
            "{'train_runtime': 7502.1, 'train_steps_per_second': 2.999, 'train_loss': 3.5, 'epoch': 10.0}\n";
        let before = bar(0) + &bar(11_250) + &records.concat() + summary;
        let among = bar(0) + &records[..20].concat() + &bar(10_324) + &records[20..].concat();
        for content in [before, among.clone() + summary, among + &bar(22_500) + summary] {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let steps = read.decoded.records.steps();
            assert_eq!(
                (steps.first(), steps.last()),
                (Some(&500), Some(&22_500)),
                "{content}"
            );
        }
    }

    #[test]
    fn the_loss_scale_falls_at_the_step_of_the_bar() {
        let content = " 14%|#4        | 370/2724 [13:40:57<86:19:20, 132.41s/it]{'loss': 2.5, 'learning_rate': 7.4e-06, 'epoch': 0.01}\n{'loss': 2.4, 'learning_rate': 7.4e-06, 'epoch': 0.02}\n 14%|#4        | 378/2724 [13:58:09<86:18:35, 132.44s/it][2023-06-07 22:16:00,018] [INFO] [loss_scaler.py:181:update_scale] [deepspeed] OVERFLOW! Rank 0 Skipping step. Attempted loss scale: 64, reducing to 32\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!(records.steps().last(), Some(&378));
        assert_eq!(records.value(records.len() - 1, Quantity::LossScale), Some(32.0));
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

    #[test]
    fn numbers_of_libraries() {
        for loss in [
            "np.float32(2.5)",
            "Array(2.5, dtype=float32)",
            "array(2.5, dtype=float32)",
            "2.5",
        ] {
            let line = |step: u32| format!("{{'step': {step}, 'loss': {loss}, 'lr': [3e-05]}}\n");
            let read = read_all((line(10) + &line(20)).as_bytes(), &Names::default()).unwrap();
            let points = |quantity| -> Vec<(u64, f64)> { read.decoded.records.points(quantity).collect() };
            assert_eq!(points(Quantity::TrainLoss), [(10, 2.5), (20, 2.5)], "{loss}");
            assert_eq!(points(Quantity::LearningRate), [(10, 3e-5), (20, 3e-5)], "{loss}");
        }
    }
}
