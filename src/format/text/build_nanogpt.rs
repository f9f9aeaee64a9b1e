//! build-nanogpt's `log.txt`: `250 train 6.123456`, `250 val 6.1`, `250 hella 0.25`.

use super::{Fields, Grammar, Match};
use crate::format::number;

/// The grammar.
#[derive(Debug, Default)]
pub struct BuildNanogpt;

impl Grammar for BuildNanogpt {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let mut words = line.split(' ');
        let (Some(Ok(step)), Some(name), Some(value), None) = (
            words.next().map(str::parse),
            words.next(),
            words.next(),
            words.next(),
        ) else {
            return Match::No;
        };
        let name = match name {
            "train" => "train loss",
            "val" => "val loss",
            _ => return Match::No,
        };
        let Some(value) = number::parse(value) else {
            return Match::No;
        };
        fields.step = Some(step);
        fields.values.push((name, value));
        Match::Record
    }
}
