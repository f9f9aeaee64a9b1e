//! Remembers how the lines of a text log are laid out.
//!
//! A trainer prints the same words over and over; only the numbers between them change.
//! Once a grammar has read a line, it is known which number is what: a further line with
//! exactly those words needs no grammar. A line that differs in anything but its numbers
//! and the width of its blanks goes to the grammar.

use crate::format::json_layout::strip;
use crate::format::number;
use crate::format::plain_number::{digits, leading_number, short_count};
use crate::format::records::Decoded;
use crate::format::roles::{Draft, Roles, whole};
use crate::metric::{Quantity, Role};

use super::Fields;

/// The layouts seen lately, the latest first.
#[derive(Debug, Default)]
pub struct Layouts {
    known: Vec<Layout>,
    /// Lines that taught nothing; after too many of them nobody tries any more.
    failed: u32,
}

/// Train lines, evaluation lines, and perhaps a few more.
const MOST_LAYOUTS: usize = 4;
const MOST_FAILURES: u32 = 256;

#[derive(Clone, Debug)]
struct Layout {
    numbers: Vec<Number>,
    /// What follows the last number.
    end: Words,
    /// Its lines may hold a time of day.
    timed: bool,
    /// See [`Fields::counts`].
    counts: Option<u64>,
}

/// The words between two numbers. There are blanks around them or there are none, but
/// their width varies.
#[derive(Clone, Debug)]
struct Words {
    /// As they stood when they were learnt.
    whole: Box<[u8]>,
    blank_before: bool,
    words: Box<[u8]>,
    blank_after: bool,
}

impl Words {
    fn of(text: &[u8]) -> Self {
        let words = text.trim_ascii();
        Words {
            whole: text.into(),
            blank_before: skip_blanks(text).len() < text.len(),
            blank_after: text.trim_ascii_end().len() < text.len(),
            words: words.into(),
        }
    }

    /// True when a colon may stand between two digits, here or in the words themselves.
    fn may_part_a_time(&self) -> bool {
        let bare = |blank: bool, end: Option<&u8>| !blank && end == Some(&b':');
        let alone = self.words.len() == 1 && bare(self.blank_before || self.blank_after, self.words.first());
        let at_start =
            bare(self.blank_before, self.words.first()) && self.words.get(1).is_some_and(u8::is_ascii_digit);
        alone || at_start || self.holds_a_time()
    }

    /// True when a colon stands between two digits of the words, or behind the digit that
    /// they end with.
    fn holds_a_time(&self) -> bool {
        self.words
            .windows(3)
            .any(|three| matches!(three, [one, b':', two] if one.is_ascii_digit() && two.is_ascii_digit()))
            || (self.words.last() == Some(&b':')
                && self.words.iter().rev().nth(1).is_some_and(u8::is_ascii_digit))
    }

    /// What follows the words at the start of `text`.
    #[inline]
    fn strip<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        // Most often the blanks are as wide as they were.
        match strip(text, &self.whole) {
            Some(rest) if !matches!(rest.first(), Some(b' ' | b'\t')) => Some(rest),
            _ => self.strip_any_width(text),
        }
    }

    /// The same where the blanks have another width.
    fn strip_any_width<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let rest = skip_blanks(text);
        if (rest.len() < text.len()) != self.blank_before {
            return None;
        }
        let text = strip(rest, &self.words)?;
        if self.words.is_empty() {
            return Some(text);
        }
        let rest = skip_blanks(text);
        ((rest.len() < text.len()) == self.blank_after).then_some(rest)
    }
}

/// A number of a line and the words before it.
#[derive(Clone, Debug)]
struct Number {
    before: Words,
    meaning: Meaning,
}

impl Number {
    /// The count at the start of `text` and its length, where it is one and has few digits: to read those as any
    /// number takes several times as long.
    #[inline(always)]
    fn count(&self, text: &[u8]) -> Option<(u64, usize)> {
        let is_count = matches!(self.meaning, Meaning::Step | Meaning::Total);
        let (count, length) = is_count.then(|| short_count(text))??;
        let goes_on = matches!(text.get(length), Some(b'.' | b',' | b'+' | b'-' | b'e' | b'E'));
        (!goes_on).then_some((count, length))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Meaning {
    /// Nothing that is used.
    Nothing,
    /// Not used, but it must be a number.
    Number,
    Step,
    Total,
    /// A quantity, multiplied and divided as the grammar did.
    Value(Role, Unit),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Itself,
    Milliseconds,
    Minutes,
    Hours,
}

impl Unit {
    const ALL: [Unit; 4] = [Unit::Itself, Unit::Milliseconds, Unit::Minutes, Unit::Hours];

    fn apply(self, value: f64) -> f64 {
        match self {
            Unit::Itself => value,
            Unit::Milliseconds => value / 1000.0,
            Unit::Minutes => value * 60.0,
            Unit::Hours => value * 3600.0,
        }
    }
}

/// What a known layout read from a line, besides its values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Read {
    /// The planned number of steps.
    pub total: Option<u64>,
    /// The line may hold a time of day.
    pub timed: bool,
    /// See [`Fields::counts`].
    pub counts: Option<u64>,
}

impl Layouts {
    /// Reads a line through the first layout that fits it.
    pub fn read(&mut self, line: &[u8], draft: &mut Draft, out: &mut Decoded) -> Option<Read> {
        for index in 0..self.known.len() {
            let read = self
                .known
                .get(index)
                .and_then(|layout| layout.read(line, draft, out));
            if read.is_some() {
                if index > 0 {
                    self.known.swap(0, index);
                }
                return read;
            }
            *draft = Draft::default();
        }
        None
    }

    /// Learns the layout of a line that a grammar has read.
    pub fn learn(&mut self, line: &str, fields: &Fields, roles: &Roles) {
        if self.failed >= MOST_FAILURES {
            return;
        }
        match Layout::of(line, fields, roles) {
            Some(layout) => {
                self.failed = 0;
                self.known.insert(0, layout);
                self.known.truncate(MOST_LAYOUTS);
            }
            None => self.failed += 1,
        }
    }

    /// Forgets everything: the names have new roles.
    pub fn clear(&mut self) {
        self.known.clear();
    }
}

impl Layout {
    fn read(&self, line: &[u8], draft: &mut Draft, out: &mut Decoded) -> Option<Read> {
        let mut read = Read {
            total: None,
            timed: self.timed,
            counts: self.counts,
        };
        let mut rest = line;
        for number in &self.numbers {
            rest = number.before.strip(rest)?;
            let length = match (number.meaning, number.count(rest)) {
                (Meaning::Nothing, _) => token_length(rest)?,
                (Meaning::Step, Some((step, length))) => {
                    draft.step = Some(step);
                    length
                }
                (_, Some((total, length))) => {
                    read.total = Some(total);
                    length
                }
                (meaning, None) => {
                    let (value, length) = exact_number(rest)?;
                    // Grammars differ in what they take for a count, but for plain digits.
                    let count = || {
                        let digits = rest.get(..length)?.iter().all(u8::is_ascii_digit);
                        whole(value).filter(|_| digits)
                    };
                    match meaning {
                        Meaning::Step => draft.step = Some(count()?),
                        Meaning::Total => read.total = Some(count()?),
                        // It may stand for one that is not known: the grammar must say.
                        Meaning::Value(role, _) if value < 0.0 && role.is_loss() => return None,
                        Meaning::Value(role, unit) => draft.set(role, unit.apply(value), out),
                        Meaning::Nothing | Meaning::Number => {}
                    }
                    length
                }
            };
            rest = rest.get(length..)?;
        }
        self.end.strip(rest)?.is_empty().then_some(read)
    }

    fn of(line: &str, fields: &Fields, roles: &Roles) -> Option<Layout> {
        let bytes = line.as_bytes();
        let mut numbers = Vec::new();
        let mut tokens: Vec<(usize, Option<f64>)> = Vec::new();
        let (mut at, mut words_from) = (0, 0);
        while at < bytes.len() {
            let boundary = at == 0
                || !bytes
                    .get(at - 1)
                    .is_some_and(|before| before.is_ascii_alphanumeric() || matches!(before, b'_' | b'.'));
            let length = if boundary {
                token_length(bytes.get(at..)?)
            } else {
                None
            };
            let Some(length) = length else {
                at += 1;
                continue;
            };
            let words = bytes.get(words_from..at)?;
            // `loss:--nan` now may be `loss:-0.5` the next time, whose sign is no word.
            if matches!(words, [.., before, b'+' | b'-'] if !before.is_ascii_alphanumeric()) {
                return None;
            }
            numbers.push(Number {
                before: Words::of(words),
                meaning: Meaning::Nothing,
            });
            // What is no number this time may be one the next, but for a date.
            let token = std::str::from_utf8(bytes.get(at..at + length)?).ok()?;
            if number::parse(token).is_none() && !is_date(token) {
                return None;
            }
            let value = exact_number(bytes.get(at..)?)
                .filter(|(_, exact)| *exact == length)
                .map(|(value, _)| value);
            tokens.push((at, value));
            at += length;
            words_from = at;
        }
        let end = Words::of(bytes.get(words_from..)?);
        let behind_a_number = numbers.iter().skip(1).map(|number| &number.before);
        let mut layout = Layout {
            timed: behind_a_number.chain([&end]).any(Words::may_part_a_time)
                || numbers.first().is_some_and(|number| number.before.holds_a_time()),
            counts: fields.counts,
            numbers,
            end,
        };
        // The step that the grammar found, and the total.
        let said = fields.counts.is_none();
        if let Some(step) = fields.step.filter(|_| said) {
            layout.give(&tokens, Meaning::Step, step as f64, Unit::Itself, None)?;
        }
        if let Some(total) = fields.total.filter(|_| said) {
            layout.give(&tokens, Meaning::Total, total as f64, Unit::Itself, None)?;
        }
        let start = bytes.as_ptr() as usize;
        for (name, value) in &fields.values {
            // A name that is part of the line stands before its number.
            let behind = (name.as_ptr() as usize)
                .checked_sub(start)
                .filter(|offset| *offset < bytes.len())
                .map(|offset| offset + name.len());
            let Some(role) = roles.known(name) else {
                // That the line counts may hang on it.
                if fields.counts.is_some() {
                    layout.give(&tokens, Meaning::Number, *value, Unit::Itself, behind)?;
                }
                continue;
            };
            let meaning = match role {
                Role::Step if fields.step.is_some() => continue,
                Role::Step => Meaning::Step,
                Role::TotalSteps => Meaning::Total,
                role => Meaning::Value(role, Unit::Itself),
            };
            // Only times are brought to another unit, and only a number that changes by it
            // shows to which.
            let units = if is_time(role) {
                if *value == 0.0 || !value.is_finite() {
                    return None;
                }
                &Unit::ALL[..]
            } else {
                &Unit::ALL[..1]
            };
            units.iter().find_map(|unit| {
                let meaning = match meaning {
                    Meaning::Value(role, _) => Meaning::Value(role, *unit),
                    other => other,
                };
                layout.give(&tokens, meaning, *value, *unit, behind)
            })?;
        }
        // A number that cannot be a step this time may be one the next.
        let stepless = fields.counts.is_none()
            && !layout
                .numbers
                .iter()
                .any(|number| number.meaning == Meaning::Step);
        let unused = layout.numbers.iter().zip(&tokens);
        let doubtful = unused
            .filter(|(number, _)| number.meaning == Meaning::Nothing)
            .filter_map(|(_, (_, value))| *value)
            .any(|value| stepless && whole(value).is_none());
        (!doubtful).then_some(layout)
    }

    /// Gives a meaning to the one number that has this value; `None` when there is none,
    /// or more than one.
    fn give(
        &mut self,
        tokens: &[(usize, Option<f64>)],
        meaning: Meaning,
        value: f64,
        unit: Unit,
        behind: Option<usize>,
    ) -> Option<()> {
        let equal = |token: Option<f64>| {
            token.is_some_and(|token| {
                let token = unit.apply(token);
                // `-0` is where a count of 0 may stand, as any other 0 is.
                token == value || (token.is_nan() && value.is_nan())
            })
        };
        let mut matching = tokens
            .iter()
            .enumerate()
            .filter(|(_, (_, token))| equal(*token))
            .map(|(index, (at, _))| (index, *at));
        let index = match behind {
            // The first number behind the name, if it is the value.
            Some(behind) => {
                let next = tokens.iter().position(|(at, _)| *at >= behind)?;
                matching.find(|(index, _)| *index == next)?.0
            }
            None => {
                let first = matching.next()?.0;
                if matching.next().is_some() {
                    return None;
                }
                first
            }
        };
        let slot = self.numbers.get_mut(index)?;
        if slot.meaning != Meaning::Nothing && slot.meaning != meaning {
            return None;
        }
        slot.meaning = meaning;
        Some(())
    }
}

fn is_time(role: Role) -> bool {
    matches!(
        role,
        Role::Value {
            quantity: Quantity::StepTime | Quantity::Elapsed | Quantity::WallTime,
            ..
        }
    )
}

/// `2026-05-18`
fn is_date(token: &str) -> bool {
    let parts: Vec<&str> = token.split('-').collect();
    let digits = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    parts.iter().all(digits) && matches!(parts.as_slice(), [year, _, _] if year.len() == 4)
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text
        .iter()
        .position(|byte| !matches!(byte, b' ' | b'\t'))
        .unwrap_or(text.len());
    text.get(blanks..).unwrap_or_default()
}

/// Length of the number-like token at the start of `text`: digits with whatever stands
/// between them (`2026-11-23`, `1.650e-04`, `7,282`), or the words for no number.
fn token_length(text: &[u8]) -> Option<usize> {
    let word = word_length(text);
    if word.is_some() {
        return word;
    }
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let starts = matches!(
        text.get(sign..),
        Some([b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..])
    );
    if !starts {
        return None;
    }
    let (mut at, mut end) = (sign, sign);
    loop {
        let run = digits(text.get(at..)?);
        if run > 0 {
            at += run;
            end = at;
        }
        match text.get(at) {
            // `0..5` and `0.-5` are no numbers, and grammars differ in what they make of them.
            Some(b'.' | b'+' | b'-') if at > sign && text.get(at - 1) == Some(&b'.') => break,
            Some(b'0'..=b'9') => {}
            Some(b'.' | b',' | b'+' | b'-' | b'e' | b'E') => at += 1,
            _ => break,
        }
    }
    Some(end)
}

/// Length of `nan`, `-inf`, `Infinity` and the like, as whole words.
fn word_length(text: &[u8]) -> Option<usize> {
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    if !matches!(text.get(sign), Some(b'n' | b'N' | b'i' | b'I')) {
        return None;
    }
    let letters = text
        .get(sign..)?
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count();
    let word = text.get(sign..sign + letters)?;
    ["nan", "inf", "infinity"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
        .then_some(sign + letters)
}

/// The plain number at the start of `text` and its length; `None` for anything that a
/// grammar might read in another way.
#[inline(always)]
fn exact_number(text: &[u8]) -> Option<(f64, usize)> {
    if let Some((value, length)) = leading_number(text) {
        // The token goes on to the last digit that only such characters part from it.
        let behind = text.get(length..).unwrap_or_default();
        let next = behind
            .iter()
            .find(|byte| !matches!(byte, b'.' | b',' | b'+' | b'-' | b'e' | b'E'));
        if !next.is_some_and(u8::is_ascii_digit) {
            return Some((value, length));
        }
    }
    let length = token_length(text)?;
    let token = std::str::from_utf8(text.get(..length)?).ok()?;
    Some((fast_float2::parse::<f64, _>(token).ok()?, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::text::{Grammar, TextDecoder, TextFormat};
    use crate::format::{FORMATS, LineDecoder, Sample};
    use crate::metric::Names;
    use proptest::prelude::*;

    /// Lines of trainers whose grammars allow layouts, with numbers to come.
    const SHAPES: &[&str] = &[
        " iteration {s}/ 2000 | consumed samples: {s} | elapsed time per iteration (ms): {a} | learning rate: {b} | lm loss: {c} | loss scale: {d} | grad norm: {a} | number of skipped iterations:   {s} |",
        "iter {s}: loss {a}, time {b}ms, mfu {c}%",
        "step {s}: train loss {a}, val loss {b}",
        "[rank0]:[titan] 2026-05-18 16:04:46,338 - root - INFO - step: {s}  loss: {a}  grad_norm: {b}  memory:  9.46GiB(64.99%)  tps: 7,282",
        "step {s}/21400 ({a}%) | loss: {b} | lrm: {c} | dt: {d}ms | tok/sec: 820,214 | total time: {a}m",
        "step:{s}/6000 train_loss:{a} train_time:{b}ms step_avg:{c}ms",
        "2026-11-23 22:35:{s},545 - INFO - train - step {s}/4000 | loss {a} | lr {b} | grad_norm {c} | {d} tok/s",
        "s:{s} trl:{a} lr:{b} norm:{c}",
        "{'loss': {a}, 'grad_norm': {b}, 'learning_rate': {c}, 'epoch': {d}}",
        "{'loss': '{a}', 'learning_rate': '{b}', 'epoch': '{c}'}",
        "{'eval_loss': {a}, 'eval_runtime': {b}, 'epoch': {c}}",
        "step {s}/19560 | loss {a} (+0.12z)| norm {b} (-0.50z)| lr {c} | {d} ms | 45.6% bf16 MFU | 2278901 tok/s",
        "Step {s} | loss:{a} lr:{b} tokens_per_second_per_gpu:{c} grad_norm:{d} ",
        "completed step: {s}, seconds: {a}, TFLOP/s/device: {b}, loss: {c}, lm_loss: {d}",
    ];

    fn number() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => (-1e3..1e3f64, 0usize..7).prop_map(|(value, digits)| format!("{value:.digits$}")),
            2 => (1e-9..1e3f64).prop_map(|value| format!("{value:.6E}")),
            1 => prop::sample::select(vec!["nan", "NAN", "inf", "-inf", "1,234", "1.5K", "0", "n/a", "1e3"]).prop_map(str::to_owned),
            1 => (0u32..30).prop_map(|value| format!("{value:>6}")),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(192))]
        /// Reading through a learnt layout gives what the grammar gives.
        #[test]
        fn layouts_change_nothing(
            shape in prop::sample::select(SHAPES),
            rows in prop::collection::vec((0u32..3000, number(), number(), number(), number()), 2..24),
        ) {
            let lines: Vec<String> = rows
                .iter()
                .map(|(step, a, b, c, d)| {
                    shape
                        .replace("{s}", &step.to_string())
                        .replace("{a}", a)
                        .replace("{b}", b)
                        .replace("{c}", c)
                        .replace("{d}", d)
                })
                .collect();
            let names = Names::default();
            let sample = Sample::whole(b"");
            for format in FORMATS {
                let read = |layouts: bool| {
                    let crate::format::Decoder::Lines(mut decoder) = format.decoder(&sample, &names) else {
                        return String::new();
                    };
                    decoder.use_layouts(layouts);
                    let mut out = Decoded::default();
                    for (number, line) in lines.iter().enumerate() {
                        decoder.line(number as u64, line.as_bytes(), &mut out);
                    }
                    // Names that a layout passes over are met less often: whether a better name is but a
                    // rarity, for which nothing is read again, may come out differently.
                    out.remapped = false;
                    format!("{out:?}")
                };
                prop_assert_eq!(read(true), read(false), "{}", format.name());
            }
        }
    }

    #[test]
    fn another_zero_is_not_taken_for_a_step_of_minus_zero() {
        let lines = [
            "step: -0  acc: 0  loss:  7.1  tps: 5",
            "step: 110  acc: 0  loss:  7.0  tps: 5",
        ];
        let format = TextFormat::specific("signed", &[], |_| {
            Box::<crate::format::text::torchtitan::Torchtitan>::default()
        });
        let mut decoder = TextDecoder::new(&format, &Sample::whole(b""), &Names::default());
        let mut out = Decoded::default();
        for (number, line) in lines.iter().enumerate() {
            decoder.line(number as u64, line.as_bytes(), &mut out);
        }
        assert_eq!(out.records.steps().last(), Some(&110));
    }

    /// A grammar that counts how often it is asked.
    struct Counting(std::sync::Arc<std::sync::atomic::AtomicUsize>);

    impl Grammar for Counting {
        fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> crate::format::text::Match {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            crate::format::text::torchtitan::Torchtitan::default().parse(line, fields)
        }
    }

    #[test]
    fn grammars_are_asked_for_new_lines_only() {
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let format = TextFormat::specific("counted", &[], |_| {
            Box::<crate::format::text::torchtitan::Torchtitan>::default()
        });
        let mut decoder = TextDecoder::new(&format, &Sample::whole(b""), &Names::default());
        decoder.grammar = Box::new(Counting(std::sync::Arc::clone(&asked)));
        let mut out = Decoded::default();
        for step in 1..100u32 {
            let line = format!(
                "[titan] 2026-05-18 16:04:46,338 - root - INFO - step: {step:2}  loss: {:8.5}  memory:  9.46GiB(64.99%)  tps: 7,{step:03}",
                9.5 / f64::from(step)
            );
            decoder.line(step.into(), line.as_bytes(), &mut out);
        }
        assert_eq!(out.records.len(), 99);
        assert!(asked.load(std::sync::atomic::Ordering::Relaxed) <= 2);
    }
}
