//! Counters without a name, in logs of scripts of one's own: `2500/20000 loss: 3.1`,
//! `[1,  2000] loss: 2.17`, `loss: 2.30  [   64/60000]`, `Epoch 1[16/5011]: loss: 0.7`, `100: loss: 5.1`.

use super::held_out::data_of;
use super::scan::Named;
use super::wrapper::{pieces, rank};
use crate::format::number;
use crate::format::roles::whole;

/// A counter and what it counts to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    /// Where it is.
    pub value: u64,
    /// Where it goes, when that is said.
    pub of: Option<u64>,
}

impl Count {
    /// The counter that a number with a name is.
    pub fn of(named: &Named) -> Option<Count> {
        whole(named.value)
            .filter(|_| named.value.fract() == 0.0)
            .map(|value| Count { value, of: named.of })
    }

    /// `16/5011`
    fn parse(text: &str) -> Option<Count> {
        number::counts(text).map(|(value, of)| Count { value, of: Some(of) })
    }
}

/// A counter without a name, and the epoch beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bare {
    /// The epoch, when it stands there too.
    pub epoch: Option<Count>,
    /// The counter.
    pub count: Count,
}

/// The counter of `Epoch 1[16/5011]: loss:0.7`, of `Epoch: [1/30] [16/5011]`, or of
/// `epoch: 1, 16/5011`, behind the epoch.
pub fn behind_epoch(behind: &str) -> Option<Count> {
    let rest = behind.trim_start_matches([' ', ']', ',']);
    match rest.strip_prefix(['[', '(']) {
        Some(inside) => Count::parse(inside.split_once([']', ')'])?.0),
        None => Count::parse(rest.split([' ', ',']).next()?).filter(|count| count.of.is_some()),
    }
}

/// The epoch of `Train 3, loss: 2.6`, `train (3/40) loss: 2.6` or `[ Valid | 003/100 ] loss = 1.9`.
pub fn of_phase(line: &str) -> Option<Count> {
    let rest = behind_the_logger(line.trim_start());
    let rest = rest.trim_start_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, rest) = rest.split_at_checked(letters)?;
    let known = ["train", "training", "val", "valid", "validation", "test", "eval"];
    if !known.iter().any(|known| word.eq_ignore_ascii_case(known)) {
        return None;
    }
    let counter = rest
        .split_once([',', ']', ')', ':'])
        .map_or(rest, |(counter, _)| counter);
    let counter = counter.trim_matches([' ', '|', '[', '(']);
    let (value, of) = match counter.split_once('/') {
        Some((value, of)) => (value.trim(), Some(of.trim().parse().ok()?)),
        None => (counter, None),
    };
    Some(Count {
        value: value.parse().ok()?,
        of,
    })
}

/// The counter that begins the line (`2500/20000 loss: 3.1`, `[2500/20000]`, `[2500]`, or
/// `[epoch, 2500]`) or ends it (`loss: 2.3  [   64/60000]`). It goes beyond its total only where
/// that is `known` from lines before.
pub fn at_either_end(line: &str, known: Option<u64>) -> Option<Bare> {
    at_the_beginning(line, known).or_else(|| {
        let (_, inside) = line.trim_end().strip_suffix(']')?.rsplit_once('[')?;
        let count = Count::parse(inside).filter(|count| Some(count.value) <= count.of)?;
        Some(Bare { epoch: None, count })
    })
}

/// What stands behind the seconds since the Unix epoch, where a line begins with them:
/// `1776142767.295 500/20000 train_loss: 3.25`; or behind the time that has passed and that which remains:
/// `[0:09:40<0:07:00] 500/20000 loss=3.25`.
fn behind_the_time(line: &str) -> &str {
    let behind_both = || {
        let (times, rest) = line.strip_prefix('[')?.split_once("] ")?;
        let (passed, remaining) = times.split_once('<')?;
        let are_times = [passed, remaining]
            .iter()
            .all(|time| number::parse_clock(time).is_some());
        are_times.then_some(rest.trim_start())
    };
    if let Some(rest) = behind_both() {
        return rest;
    }
    let seconds = |text: &str| {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        whole.len() == 10
            && [whole, part]
                .iter()
                .all(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match line.split_once(' ') {
        Some((first, rest)) if seconds(first) => rest.trim_start(),
        _ => line,
    }
}

/// What stands behind the prefix of Python's `logging` (`INFO:tensorflow:[  5000] | loss  5.56`)
/// or of absl (`I1212 15:10:27.449019 128529 train.py:298] [  5000] | loss  5.56`; some write the year too).
fn behind_the_logger(line: &str) -> &str {
    let python = || {
        let (level, rest) = line.split_once(':')?;
        let (name, rest) = rest.split_once(':')?;
        let is_name = |name: &str| {
            let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
            !name.is_empty() && name.bytes().all(inside)
        };
        (["INFO", "WARNING", "DEBUG"].contains(&level) && is_name(name)).then_some(rest)
    };
    let absl = || {
        let (date, rest) = line.strip_prefix('I')?.split_once(' ')?;
        let is_date = matches!(date.len(), 4 | 8) && date.bytes().all(|byte| byte.is_ascii_digit());
        is_date.then_some(rest)?.split_once("] ").map(|(_, rest)| rest)
    };
    python().or_else(absl).unwrap_or(line)
}

/// What stands behind labels, those of held-out data aside: `[proc 0][Train](100/5000) average loss: 0.4`.
fn behind_labels(line: &str) -> &str {
    let label = line.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match label {
        Some((label, rest))
            if label.starts_with(|first: char| first.is_ascii_alphabetic())
                && data_of(label.split(|letter: char| !letter.is_ascii_alphanumeric())).is_none() =>
        {
            behind_labels(rest.trim_start())
        }
        _ => line,
    }
}

fn at_the_beginning(line: &str, known: Option<u64>) -> Option<Bare> {
    let alone = |value| Count { value, of: None };
    let rest = behind_the_time(behind_the_logger(line.trim_start()).trim_start());
    let rest = behind_labels(rest);
    let (inside, behind, bracketed) = match rest.strip_prefix(['[', '(']) {
        Some(rest) => {
            let (inside, behind) = rest.split_once([']', ')'])?;
            (inside, behind, true)
        }
        None => {
            let (inside, behind) = rest.split_once([' ', '\t', ':', ',', '|'])?;
            (inside, behind, false)
        }
    };
    if bracketed && !inside.contains('/') {
        // `[100 | 12.34]` tells the seconds as well.
        let seconds = inside.split_once('|');
        let seconds = seconds.filter(|(_, seconds)| number::parse(seconds.trim()).is_some());
        let inside = seconds.map_or(inside, |(count, _)| count);
        let (epoch, count) = match inside.split_once(',') {
            Some((epoch, count)) => (Some(alone(epoch.trim().parse().ok()?)), count),
            None => (None, inside),
        };
        let count = alone(count.trim().parse().ok()?);
        return Some(Bare { epoch, count });
    }
    // `100: loss: 5.1`
    let is_number = !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_digit());
    if !bracketed && is_number && rest.get(inside.len()..)?.starts_with(": ") {
        let count = alone(inside.parse().ok()?);
        return Some(Bare { epoch: None, count });
    }
    // `[0: 49/500]`
    let of_epoch = || {
        let (epoch, count) = inside.split_once(':')?;
        let epoch = Some(alone(epoch.trim().parse().ok()?));
        let count = Count::parse(count.trim()).filter(|count| Some(count.value) <= count.of)?;
        Some(Bare { epoch, count })
    };
    if let Some(bare) = bracketed.then(of_epoch).flatten() {
        return Some(bare);
    }
    let count = Count::parse(inside)?;
    // `[0/25][50/198]`
    let within = || {
        let (inside, _) = behind.trim_start().strip_prefix('[')?.split_once(']')?;
        Count::parse(inside).filter(|within| Some(within.value) <= within.of)
    };
    if let Some(within) = bracketed.then(within).flatten() {
        return Some(Bare {
            epoch: Some(count),
            count: within,
        });
    }
    // A date (`11/26 10:15:00`) does not count anything.
    let next = behind.trim_start_matches([' ', ':']);
    let time_of_day = next.bytes().take_while(u8::is_ascii_digit).count();
    let is_date = time_of_day > 0 && next.as_bytes().get(time_of_day) == Some(&b':');
    let may_count = Some(count.value) <= count.of || known == count.of;
    (may_count && !is_date).then_some(Bare { epoch: None, count })
}

/// False when the counts at the ends of the lines stay, or go back and forth, as the numbers
/// of ranks do: `[0/8] loss: 2.1`. Many that begin their lines as a rank does, `100: loss: 5.1`, never go back.
pub fn grow(content: &[u8]) -> bool {
    const MANY: usize = 10;
    let (mut counts, mut may_be_ranks) = (Vec::new(), false);
    for line in pieces(content) {
        if let Some(bare) = at_either_end(&line, None) {
            may_be_ranks |= rank(line.as_bytes()).is_some();
            counts.push(bare.count.value);
        }
    }
    let pairs = || counts.iter().zip(counts.iter().skip(1));
    let grown = pairs().filter(|(before, after)| after > before).count();
    let fallen = pairs().filter(|(before, after)| after < before).count();
    grown > 2 * fallen && (!may_be_ranks || fallen == 0 && grown >= MANY)
}
