//! Learning rates that have lines of their own.

use super::{KeyValue, ParameterGroups};
use crate::format::number;
use crate::format::text::wrapper::pieces;
use crate::format::text::{Fields, Match};

impl KeyValue {
    /// A line without a loss may tell the learning rate of what follows, or of what stands above.
    pub(super) fn rate(&self, line: &str, fields: &mut Fields) -> Match {
        let (Some(place), Some((_, rate))) = (self.rate_lines, rate_alone(line)) else {
            return Match::No;
        };
        fields.values = vec![("lr", rate)];
        match place {
            RateLines::Ahead => Match::Ahead,
            RateLines::Behind => Match::Record,
        }
    }
}

/// Stands between the rate before and that of what follows.
const CHANGES_TO: &str = "->";

/// The learning rate of a line that tells nothing else, and what stands before it: `Current learning
/// rate: 0.00935`, `Updating learning rate to 5e-05`, `Epoch[0] Learning rate is 0.001`, `Adjusting learning
/// rate of group 0 to 1.0000e-03.`, `Learning rate: 0.00100 -> 0.00099`.
fn rate_alone(line: &str) -> Option<(&str, f64)> {
    let (before, value) = line
        .trim_end()
        .trim_end_matches(['.', ','])
        .rsplit_once([' ', ':', '='])?;
    let rate = number::parse(value).filter(|rate| *rate >= 0.0 && *rate < 10.0)?;
    let before = before.trim_end_matches([' ', ':', '=']);
    let was = before.strip_suffix(CHANGES_TO).and_then(|before| {
        let (name, rate) = before.trim_end().rsplit_once([' ', ':', '='])?;
        number::parse(rate).map(|_| name.trim_end_matches([' ', ':', '=']))
    });
    let name = [" to", " is"]
        .iter()
        .find_map(|word| before.strip_suffix(word))
        .or(was);
    let name = name.unwrap_or(before).to_ascii_lowercase();
    let name = name.strip_suffix(" of group 0").unwrap_or(&name);
    let named = ["learning rate", "learning_rate", "lr"]
        .iter()
        .find_map(|known| name.strip_suffix(known))?;
    let whole_word = !named.ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
    whole_word.then_some((before, rate))
}

/// What lines that tell nothing but a learning rate are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RateLines {
    /// What follows.
    Ahead,
    /// The losses above.
    Behind,
}

/// How such lines stand in a log, where they come again and again: once or twice they are settings. The record
/// ends with them where a loss stands above the first, unless they say that the rate changes.
pub(super) fn rate_lines(content: &[u8]) -> Option<RateLines> {
    const OFTEN: usize = 3;
    let mut met: std::collections::BTreeMap<String, (usize, RateLines)> = std::collections::BTreeMap::new();
    let mut parameters = ParameterGroups::default();
    let mut place = RateLines::Ahead;
    for line in pieces(content) {
        if parameters.holds(&line) {
            continue;
        }
        if let Some((before, _)) = rate_alone(&line) {
            let changes = before.ends_with(" to") || before.ends_with(CHANGES_TO);
            // A time before it differs from line to line.
            let words: String = before.chars().filter(|letter| letter.is_alphabetic()).collect();
            let first = if changes { RateLines::Ahead } else { place };
            met.entry(words).or_insert((0, first)).0 += 1;
        } else if line.contains("oss") && line.bytes().any(|byte| byte.is_ascii_digit()) {
            place = RateLines::Behind;
        }
    }
    let often = met.into_values().filter(|(count, _)| *count >= OFTEN);
    often.max_by_key(|(count, _)| *count).map(|(_, place)| place)
}
