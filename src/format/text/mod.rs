//! Text logs: lines written for people, with metrics in them.
//!
//! A [`Grammar`] knows one trainer's lines. It finds the named numbers of a line;
//! this module gives them their roles and makes records of them. To add a trainer,
//! write one file with a grammar and add one line to the list of formats.

pub mod audiotools;
mod bare_counts;
pub mod basicsr;
pub mod blocks;
pub mod boosting;
pub mod build_nanogpt;
pub mod coqui;
pub mod corenet;
pub mod darknet;
pub mod darts;
pub mod deepxde;
pub mod dialect;
pub mod dllogger;
pub mod edsr;
pub mod ending;
pub mod epochs;
pub mod fairseq;
pub mod group_dro;
pub(in crate::format) mod held_out;
pub mod huggingface;
pub mod keras;
pub mod key_value;
mod layout;
pub mod llmc;
pub mod logger_table;
pub mod mace;
pub mod megatron;
pub mod modded_nanogpt;
pub mod nameless;
pub mod nanochat;
pub mod nanogpt;
pub mod nequip;
pub mod notebook;
mod outcomes;
mod passes;
pub mod pix2pix;
pub mod progress;
mod rounded;
pub mod scan;
mod sections;
mod share_done;
mod slashes;
pub mod small;
pub mod spacy;
pub mod step_blocks;
pub mod tacotron;
pub mod torchtitan;
pub mod ultralytics;
pub mod uncounted;
pub mod vits;
pub mod wrapper;

use super::delimited::is_table;
use super::hints::Hints;
use super::records::{Decoded, How};
use super::repeats::Repeats;
use super::roles::{Draft, Roles};
use super::running_time::RunningTime;
use super::{Claim, Column, Decoder, Format, LineDecoder, Precedence, Sample, encoding};
use crate::language;
use crate::metric::{Names, Quantity};
use layout::Layouts;
use rounded::Counter;
use wrapper::{LineClock, Pieces};

/// What a grammar found in a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields<'a> {
    /// The step, when the line says it.
    pub step: Option<u64>,
    /// What the step was rounded to: 1000 for `step:25K`, 0 where it is exact.
    pub rounded_to: f64,
    /// The planned number of steps, when the line says it.
    pub total: Option<u64>,
    /// The line says that the run is done.
    pub finished: bool,
    /// Another training begins behind the line.
    pub begins_anew: bool,
    /// Lines with the words of earlier ones may mean something else from here on.
    pub relearn: bool,
    /// What was handed over before was not the last word: the file is read again, by what
    /// [`Grammar::learnt`] tells.
    pub revises: bool,
    /// Seconds that a step takes, as a bar shows them.
    pub pace: Option<f64>,
    /// Named numbers.
    pub values: Vec<(&'a str, f64)>,
    /// Why something that looks like a metric is none.
    pub unusable: Option<&'static str>,
    /// What the line says follows from its words and numbers alone: neither from lines
    /// before it nor from how large a number is. Another line with the same words may
    /// then be read without asking the grammar.
    pub alone: bool,
    /// The same but for the step and the planned number of steps, which the grammar counts:
    /// the line is worth this many, see [`Grammar::count`].
    pub counts: Option<u64>,
}

impl Fields<'_> {
    /// A record, when there is a step and something to record at it.
    fn record(&self) -> Match {
        if self.step.is_some() && !self.values.is_empty() {
            Match::Record
        } else {
            Match::No
        }
    }
}

/// Whether a line belongs to a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// No metrics of this trainer.
    No,
    /// A record at the step of the line, or else at that of the last record.
    Record,
    /// A record at the step that the next record states.
    Ahead,
    /// Nothing to record, but the planned number of steps, or the step that was reached.
    Notice,
}

/// One trainer's lines. A grammar may remember things from line to line.
pub trait Grammar: Send {
    /// Finds the metrics of a line that has been freed of wrappers.
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match;

    /// No line follows for now: finds what was held back in case one did.
    fn finish(&mut self, fields: &mut Fields) -> Match {
        let _ = fields;
        Match::No
    }

    /// How many lines it has read of which it makes a record only when it knows what follows them.
    fn held_back(&self) -> usize {
        0
    }

    /// One that has learnt what this one has, at the start of the same file.
    fn learnt(&self) -> Option<Box<dyn Grammar>> {
        None
    }

    /// How many steps an epoch has, where the log says or shows it without saying how many
    /// epochs there will be.
    fn epoch_length(&self) -> Option<u64> {
        None
    }

    /// A second one for when the same file is read again from its start, where a sample taught it
    /// something: otherwise a new one will do. Asked for before the first line.
    fn again(&self) -> Option<Box<dyn Grammar>> {
        None
    }

    /// The step and the planned number of steps of a line with the words of one that was
    /// worth `lines`, see [`Fields::counts`]. It stands in for parsing the line.
    fn count(&mut self, lines: u64) -> (Option<u64>, Option<u64>) {
        let _ = lines;
        (None, None)
    }

    /// A line of training with a planned number of steps had the words of an earlier one, and
    /// this step: it was not parsed.
    fn passed(&mut self, step: u64) {
        let _ = step;
    }
}

/// Makes the grammar for a file that starts with this sample.
type NewGrammar = fn(&Sample) -> Box<dyn Grammar>;

/// A text format: a name and its grammar.
pub struct TextFormat {
    name: &'static str,
    /// A file without one of these is not of this format: looking for them costs far less
    /// than trying the grammar.
    marks: &'static [&'static str],
    /// The same of a file without any of these, when there are some.
    one_of: &'static [&'static str],
    grammar: NewGrammar,
    precedence: Precedence,
}

impl TextFormat {
    /// The lines of one trainer.
    pub const fn specific(name: &'static str, marks: &'static [&'static str], grammar: NewGrammar) -> Self {
        TextFormat {
            name,
            marks,
            one_of: &[],
            grammar,
            precedence: Precedence::Specific,
        }
    }

    /// Only for files that hold one of these as well.
    pub const fn with_one_of(self, one_of: &'static [&'static str]) -> Self {
        TextFormat { one_of, ..self }
    }

    /// A format that also reads lines which a specific grammar knows better: it is asked
    /// last, and believed only when steps grow.
    pub const fn fallback(name: &'static str, marks: &'static [&'static str], grammar: NewGrammar) -> Self {
        TextFormat {
            precedence: Precedence::Fallback,
            ..TextFormat::specific(name, marks, grammar)
        }
    }

    /// Lines that nothing else can read: asked when no other format has found anything.
    pub const fn last_resort(
        name: &'static str,
        marks: &'static [&'static str],
        grammar: NewGrammar,
    ) -> Self {
        TextFormat {
            precedence: Precedence::LastResort,
            ..TextFormat::specific(name, marks, grammar)
        }
    }

    /// True when the marks stand somewhere in the sample.
    fn is_possible(&self, sample: &Sample) -> bool {
        let stands = |mark: &&str| {
            [sample.head, sample.tail]
                .iter()
                .any(|part| memchr::memmem::find(part, mark.as_bytes()).is_some())
        };
        self.marks.iter().all(stands) && (self.one_of.is_empty() || self.one_of.iter().any(stands))
    }

    /// The sample in English, where it is in another language and may be of one's own script: trainers that
    /// others use too speak English.
    fn translated(&self, sample: &Sample) -> Option<Translated> {
        (self.precedence != Precedence::Specific).then(|| Translated::of(sample))?
    }
}

/// A sample that was translated.
struct Translated {
    head: String,
    tail: String,
}

impl Translated {
    /// The sample in English; `None` where it is so already.
    fn of(sample: &Sample) -> Option<Translated> {
        let (head, tail) = (encoding::text(sample.head), encoding::text(sample.tail));
        match (language::english(&head), language::english(&tail)) {
            (None, None) => None,
            (new_head, new_tail) => Some(Translated {
                head: new_head.unwrap_or_else(|| head.into_owned()),
                tail: new_tail.unwrap_or_else(|| tail.into_owned()),
            }),
        }
    }

    fn sample(&self) -> Sample<'_> {
        Sample {
            head: self.head.as_bytes(),
            tail: self.tail.as_bytes(),
        }
    }
}

/// A fallback needs this many records before it is believed.
const FALLBACK_RECORDS: usize = 3;

impl Format for TextFormat {
    fn name(&self) -> &'static str {
        self.name
    }

    fn precedence(&self) -> Precedence {
        self.precedence
    }

    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim> {
        let translated = self.translated(sample);
        let sample = translated.as_ref().map_or(*sample, Translated::sample);
        let believed_at_once = self.precedence == Precedence::Specific;
        if !self.is_possible(&sample) || !believed_at_once && is_table(&sample) {
            return None;
        }
        let mut decoder = TextDecoder::new(self, &sample, names);
        let decoded = decoder.try_out(&sample);
        let steps: Vec<u64> = decoded
            .records
            .rows()
            // A loss that is not a number is left out by some trainers, from the first line on.
            .filter(|row| believed_at_once || row.has(Quantity::TrainLoss) || row.has(Quantity::EvalLoss))
            .map(|row| row.step())
            .collect();
        // Where nothing is told of the training they are no log of one.
        let held_back = if steps.is_empty() {
            0
        } else {
            decoder.grammar.held_back()
        };
        let records = steps.len() + held_back;
        let trains = decoded.records.has(Quantity::TrainLoss);
        if !believed_at_once {
            // A further training in the same log starts as the first did.
            let growing = steps
                .windows(2)
                .filter(|pair| pair.first() <= pair.last() || pair.last() == steps.first())
                .count();
            if records < FALLBACK_RECORDS || growing * 10 < (steps.len() - 1) * 8 {
                return None;
            }
        }
        Some(Claim {
            records,
            certain: false,
            private: !(believed_at_once || trains && decoder.roles.knows_the_loss()),
        })
    }

    fn decoder(&self, sample: &Sample, names: &Names) -> Decoder {
        let translated = self.translated(sample);
        let sample = translated.as_ref().map_or(*sample, Translated::sample);
        let grammar = (self.grammar)(&sample);
        // To learn from the sample once more would take as long as to read it.
        let tried = grammar.again().unwrap_or_else(|| (self.grammar)(&sample));
        let mut decoder = TextDecoder::with(tried, self.grammar, Roles::new(names, []));
        decoder.try_out(&sample);
        let known = decoder.columns().into_iter().map(|column| column.name);
        let known: Vec<String> = known.filter(|name| !decoder.roles.is_contested(name)).collect();
        let roles = Roles::new(names, known.iter().map(String::as_str));
        let mut fresh = TextDecoder::with(grammar, self.grammar, roles);
        fresh.translates = translated.is_some();
        Decoder::Lines(Box::new(fresh))
    }
}

struct TextDecoder {
    grammar: Box<dyn Grammar>,
    /// The same for when the file is read again from its start.
    spare: Box<dyn Grammar>,
    new_grammar: NewGrammar,
    roles: Roles,
    pieces: Pieces,
    repeats: Repeats,
    /// `None` when layouts are not wanted.
    layouts: Option<Layouts>,
    /// Its lines are in another language.
    translates: bool,
    clock: LineClock,
    named_time: RunningTime,
    names_durations: bool,
    /// Some record had a time, or a duration.
    records_are_timed: bool,
    /// Seconds that a step takes, as a bar has shown them since the last record.
    pace: Option<f64>,
    /// The line at hand is one piece of plain text.
    plain: bool,
    counter: Counter,
    last_step: Option<u64>,
    /// What the hints were told, see [`Grammar::epoch_length`].
    epoch_length: Option<u64>,
    /// The step that was reached since, as a bar shows it.
    reached: Option<u64>,
    pending: Option<Draft>,
    /// What the next line would have told was handed over before it came.
    told_ahead: bool,
    /// Lines that may still be searched for statements about the plan.
    searchable: u32,
}

/// Lines without metrics that are searched for statements about the plan: arguments are
/// printed at the start, and again at every restart, but a log may hold any amount of noise.
const MOST_SEARCHED: u32 = 50_000;

impl TextDecoder {
    fn new(format: &TextFormat, sample: &Sample, names: &Names) -> Self {
        let grammar = (format.grammar)(sample);
        TextDecoder::with(grammar, format.grammar, Roles::new(names, []))
    }

    /// At the start of the file.
    fn with(grammar: Box<dyn Grammar>, new_grammar: NewGrammar, roles: Roles) -> Self {
        let anew = || new_grammar(&Sample { head: &[], tail: &[] });
        TextDecoder {
            spare: grammar.again().unwrap_or_else(anew),
            grammar,
            new_grammar,
            roles,
            pieces: Pieces::default(),
            repeats: Repeats::default(),
            layouts: Some(Layouts::default()),
            translates: false,
            clock: LineClock::default(),
            named_time: RunningTime::default(),
            names_durations: false,
            records_are_timed: false,
            pace: None,
            plain: false,
            counter: Counter::default(),
            last_step: None,
            epoch_length: None,
            reached: None,
            pending: None,
            told_ahead: false,
            searchable: MOST_SEARCHED,
        }
    }

    /// Reads a sample, without looking for anything but records.
    fn try_out(&mut self, sample: &Sample) -> Decoded {
        self.searchable = 0;
        let mut decoded = Decoded::default();
        for (number, line) in sample.lines().enumerate() {
            self.line(number as u64, line, &mut decoded);
        }
        self.finish(&mut decoded);
        decoded
    }

    /// True when the piece held a record.
    fn piece(&mut self, piece: &str, out: &mut Decoded) -> bool {
        if piece.starts_with("wandb: ") {
            // W&B sums up the run at its end: no record of it.
            self.aside(piece, self.reached, out);
            return false;
        }
        let mut fields = Fields::default();
        let matched = self.grammar.parse(piece, &mut fields);
        // The file is read again, with nothing held back where there is more.
        if fields.revises {
            out.remapped = true;
            if let Some(learnt) = self.grammar.learnt() {
                self.spare = learnt;
            }
        }
        self.found(matched, fields, piece, out)
    }

    /// Takes what the grammar has found in a piece; true when that was a record.
    fn found(&mut self, matched: Match, mut fields: Fields, piece: &str, out: &mut Decoded) -> bool {
        if fields.finished {
            out.end(fields.step, How::Finished);
        }
        if fields.begins_anew {
            out.trainings.push(out.records.len());
        }
        if let Some(layouts) = self.layouts.as_mut().filter(|_| fields.relearn) {
            layouts.clear();
        }
        if let Some(why) = fields.unusable {
            out.skip(0, why, piece.as_bytes());
        }
        match matched {
            Match::No => {
                self.aside(piece, self.reached, out);
                return false;
            }
            Match::Notice => {
                out.state_total(fields.total);
                self.reached = fields.step.or(self.reached);
                self.pace = fields.pace.or(self.pace);
                self.aside(piece, self.reached, out);
                return false;
            }
            Match::Record | Match::Ahead => {}
        }
        let mut draft = Draft::default();
        let mut other = None;
        for (name, value) in &fields.values {
            if let Some(role) = self.roles.take(name, out) {
                draft.set(role, *value, out);
            } else if self.roles.is_contested(name) {
                // It may win the role by being met often enough, which a layout does not count.
                (fields.alone, fields.counts) = (false, None);
            } else if other.is_none() && self.roles.is_other_counter(name) {
                other = Some((*name, *value));
            }
        }
        let has_step = draft.step.or(fields.step).is_some();
        if other.is_some_and(|other| self.roles.stand_in(other, has_step, &mut draft, out)) {
            fields.alone = false;
        }
        if draft.is_empty() {
            self.aside(piece, fields.step, out);
            return false;
        }
        // `stopping_early: wallclock_cap train_time: 588052ms step: 4911/20000`
        let ending = ending::ending(piece);
        if let Some(layouts) = &mut self.layouts
            && self.plain
            && ending.is_none()
            && (fields.alone || fields.counts.is_some())
            && !out.remapped
        {
            layouts.learn(piece, &fields, &self.roles);
        }
        out.state_total(fields.total);
        if draft.has(Quantity::TrainLoss) && fields.total.is_none() {
            let length = self.grammar.epoch_length();
            if let Some(length) = length.filter(|_| length != self.epoch_length) {
                out.plan(self.last_step.is_some()).put_epoch_length(length);
                self.epoch_length = Some(length);
            }
        }
        if matched == Match::Ahead {
            self.roles.recorded(&draft);
            self.pending = Some(draft);
            return true;
        }
        draft.step = fields.step.or(draft.step);
        if fields.rounded_to > 1.0 {
            draft.step = draft.step.map(|step| {
                self.counter
                    .exact(step, fields.rounded_to, draft.has(Quantity::TrainLoss))
            });
        }
        let is_news = self.add(&mut draft, piece.as_bytes(), true, out);
        if let (Some(step), Some(how)) = (self.last_step, ending) {
            out.end(Some(step), how);
        }
        is_news
    }

    /// Adds what a line said; false when it repeats what is known.
    fn add(&mut self, draft: &mut Draft, line: &[u8], timed: bool, out: &mut Decoded) -> bool {
        let step = draft.step.or(self.last_step);
        if let Some(step) = step
            && !self.repeats.is_news(step, draft, wrapper::rank(line), out)
        {
            return false;
        }
        if let (Some(step), Some(time)) = (step, draft.get(Quantity::Elapsed)) {
            self.names_durations |= !self.named_time.runs(step, time);
        }
        // Two clocks must not be mixed.
        let names_time = self.named_time.last_step().is_some() && !self.names_durations;
        if timed
            && !names_time
            && !draft.has(Quantity::WallTime)
            && let Some(time) = self.clock.read(line)
        {
            draft.put(Quantity::Elapsed, time);
        }
        self.records_are_timed |= [Quantity::Elapsed, Quantity::WallTime, Quantity::StepTime]
            .iter()
            .any(|time| draft.has(*time));
        if let Some(seconds) = self.pace.take().filter(|_| !self.records_are_timed) {
            draft.put(Quantity::StepTime, seconds);
        }
        self.roles.recorded(draft);
        match step {
            Some(step) => {
                if draft.has(Quantity::TrainLoss) {
                    self.counter.at(step);
                }
                (self.last_step, self.reached) = (Some(step), None);
                if let Some(waiting) = self.pending.take() {
                    waiting.push(step, out);
                }
                draft.push(step, out);
            }
            // An evaluation before the first step belongs to the step that follows.
            None => self.pending = Some(draft.clone()),
        }
        true
    }

    /// A line that is no record may state the plan, or a change of the loss scale.
    fn aside(&mut self, piece: &str, step: Option<u64>, out: &mut Decoded) {
        if let Some(step) = step.or(self.last_step)
            && let Some(how) = ending::ending(piece)
        {
            out.end(Some(step), how);
        }
        if self.searchable == 0 {
            return;
        }
        self.searchable -= 1;
        if let (Some(step), Some(scale)) = (step.or(self.last_step), loss_scale(piece)) {
            out.records.push(
                step,
                &[(Quantity::LossScale, scale), (Quantity::SkippedSteps, 1.0)],
            );
            return;
        }
        let mut stated = Hints::default();
        stated.scan(piece);
        if !stated.all().is_empty() {
            out.plan(self.last_step.is_some()).merge(&stated);
        }
    }
}

/// The new loss scale that DeepSpeed or fairseq announces between two records:
/// `Attempted loss scale: 65536, reducing to 32768`, `setting loss scale to: 0.25`.
fn loss_scale(line: &str) -> Option<f64> {
    memchr::memmem::find(line.as_bytes(), b"loss scale")?;
    let after = line
        .split_once("reducing to ")
        .or_else(|| line.split_once("setting loss scale to: "))?
        .1;
    let end = after.find([' ', ',']).unwrap_or(after.len());
    super::number::parse(after.get(..end)?)
}

impl LineDecoder for TextDecoder {
    fn start_over(&mut self) {
        let anew = (self.new_grammar)(&Sample { head: &[], tail: &[] });
        let spare = std::mem::replace(&mut self.spare, anew);
        let mut roles = std::mem::replace(&mut self.roles, Roles::new(&Names::default(), []));
        roles.read_again();
        *self = TextDecoder {
            repeats: self.repeats.again(),
            layouts: self.layouts.as_ref().map(|_| Layouts::default()),
            translates: self.translates,
            names_durations: self.names_durations,
            ..TextDecoder::with(spare, self.new_grammar, roles)
        };
    }

    fn line(&mut self, _number: u64, line: &[u8], out: &mut Decoded) {
        let translated = || language::english(&encoding::text(line));
        let translated = self.translates.then(translated).flatten();
        let line = translated.as_deref().map_or(line, str::as_bytes);
        let mut draft = Draft::default();
        if let Some(layouts) = &mut self.layouts
            && let Some(read) = layouts.read(line, &mut draft, out)
        {
            let mut total = read.total;
            if let Some(lines) = read.counts {
                (draft.step, total) = self.grammar.count(lines);
            } else if let (Some(step), Some(_), false) = (draft.step, total, draft.has(Quantity::EvalLoss)) {
                self.grammar.passed(step);
            }
            out.state_total(total);
            if !self.add(&mut draft, line, read.timed, out) {
                out.ignored += 1;
            }
            return;
        }
        self.plain = wrapper::is_plain(line);
        let mut pieces = std::mem::take(&mut self.pieces);
        let mut found = false;
        pieces.each(line, |piece| found |= self.piece(piece, out));
        self.pieces = pieces;
        let told_ahead = std::mem::take(&mut self.told_ahead);
        if !found && !told_ahead {
            out.ignored += 1;
        }
        if out.remapped
            && let Some(layouts) = &mut self.layouts
        {
            layouts.clear();
        }
    }

    fn finish(&mut self, out: &mut Decoded) {
        let mut fields = Fields::default();
        if let matched @ Match::Record = self.grammar.finish(&mut fields) {
            self.told_ahead = self.found(matched, fields, "", out);
        }
    }

    fn use_layouts(&mut self, wanted: bool) {
        self.layouts = wanted.then(Layouts::default);
    }

    fn columns(&self) -> Vec<Column> {
        self.roles.columns()
    }
}
