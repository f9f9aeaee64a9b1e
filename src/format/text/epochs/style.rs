//! How trainers count: the parts that their lines are made of.

use crate::format::counters::Place;

/// A line of a trainer that counts this way.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a> {
    /// Where it stands.
    pub place: Place,
    /// What follows the counters.
    pub rest: &'a str,
    /// It is about held-out data.
    pub eval: bool,
}

/// One trainer's way of counting.
pub struct Style {
    /// Number of the first epoch.
    pub base: u64,
    /// Finds the counters of a line.
    pub find: for<'a> fn(&'a str) -> Option<Counted<'a>>,
    /// Names that mean something else than the table of names says.
    pub rename: &'static [(&'static str, &'static str)],
}

pub(super) fn train(
    epoch: u64,
    epochs: Option<u64>,
    iteration: u64,
    iterations: Option<u64>,
    rest: &str,
) -> Option<Counted<'_>> {
    Some(Counted {
        place: Place {
            epoch,
            epochs,
            iteration: Some(iteration),
            iterations,
        },
        rest,
        eval: false,
    })
}

/// A whole number, behind blanks.
pub(super) fn count(text: &str) -> Option<(u64, &str)> {
    let text = text.trim_start();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text.get(..digits)?.parse().ok()?, text.get(digits..)?))
}

/// `3/100 (4%)` or `3` up to `end`.
pub(super) fn pair<'a>(text: &'a str, end: &str) -> Option<(u64, Option<u64>, &'a str)> {
    let (inside, rest) = if end.is_empty() {
        (text, "")
    } else {
        text.split_once(end)?
    };
    let (first, after) = count(inside)?;
    let second = after.trim_start().strip_prefix('/').and_then(count);
    Some((first, second.map(|(second, _)| second), rest))
}
