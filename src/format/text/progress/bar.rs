//! A progress bar as text: what it counts, and the metrics in its tail.

use crate::format::number::digits_at_the_end;

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
pub(super) fn told(line: &str) -> Option<Bar<'_>> {
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

pub(super) fn drawn(line: &str) -> Option<Bar<'_>> {
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
pub(super) fn number(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches("it");
    crate::format::number::parse(text).and_then(crate::format::roles::whole)
}
