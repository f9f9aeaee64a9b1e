//! Which format a file is in.

use super::decoder::Decoder;
use super::registry::FORMATS;
use super::sample::Sample;
use super::{json_document, jupyter};
use crate::metric::Names;

/// How sure a format is that a file is its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Claim {
    /// Lines (or rows) of the sample that this format reads as records with a step and a loss.
    pub records: usize,
    /// A magic word or key proves it, however few records there are yet.
    pub certain: bool,
    /// What a fallback takes for the loss has a name of the log's own, and nothing is held out, or
    /// all is: another may read what is known to be the train loss.
    pub private: bool,
}

/// When a format is asked what it makes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precedence {
    /// Always: it knows one client's files.
    Specific,
    /// When no specific format has found more than a record: it reads a little of everything.
    Fallback,
    /// When no other format has found anything.
    LastResort,
}

/// One way of writing a log.
pub trait Format: Sync {
    /// Stable identifier, as in JSON output: `jsonl`, `llm.c`, `trainer_state`.
    fn name(&self) -> &'static str;

    /// When it is asked.
    fn precedence(&self) -> Precedence {
        Precedence::Specific
    }

    /// Looks at a sample; `None` when it cannot be this format.
    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim>;

    /// A decoder for a file that starts with this sample.
    fn decoder(&self, sample: &Sample, names: &Names) -> Decoder;
}

/// Records after which a specific format need not fear the fallback.
const ENOUGH_RECORDS: usize = 2;

/// The format of a file, and how many records of the sample it can read.
pub fn detect(sample: &Sample, names: &Names) -> Option<(&'static dyn Format, Claim)> {
    // What the user describes is believed wherever it is found.
    for pattern in &names.patterns {
        if let Some(claim) = pattern.claim(sample, names) {
            return Some((*pattern, claim));
        }
    }
    // Its lines are no log, whatever its source code looks like.
    if jupyter::begins(sample.head) {
        let claim = jupyter::Jupyter.claim(sample, names)?;
        return Some((&jupyter::Jupyter, claim));
    }
    let few = likely(sample, names);
    if let [only] = few[..] {
        return Some(only);
    }
    let few: Vec<&dyn Format> = few.into_iter().map(|(format, _)| format).collect();
    best_of(if few.is_empty() { FORMATS } else { &few[..] }, sample, names)
}

/// The best of these formats for a sample.
pub(super) fn best_of(
    formats: &[&'static dyn Format],
    sample: &Sample,
    names: &Names,
) -> Option<(&'static dyn Format, Claim)> {
    let mut best: Option<(&'static dyn Format, Claim)> = None;
    let one_document = json_document::spans_lines(sample.head);
    for format in formats {
        let settled = best.is_some_and(|(_, claim)| match format.precedence() {
            Precedence::Specific => claim.certain,
            // A specific format that reads a few records is right about them.
            Precedence::Fallback => claim.certain || claim.records >= ENOUGH_RECORDS && !claim.private,
            Precedence::LastResort => true,
        });
        if settled {
            break;
        }
        let Some(claim) = format.claim(sample, names) else {
            continue;
        };
        // What its lines look like means nothing.
        if one_document && matches!(format.decoder(sample, names), Decoder::Lines(_)) {
            continue;
        }
        let better =
            best.is_none_or(|(_, other)| (claim.certain, claim.records) > (other.certain, other.records));
        if better && (claim.records > 0 || claim.certain) {
            best = Some((*format, claim));
        }
    }
    best
}

/// The only formats worth asking about a large sample: those that read anything in the outer
/// parts of it, and what they claim of those, where one of them reads line after line. Empty when
/// that does not tell.
fn likely(sample: &Sample, names: &Names) -> Vec<(&'static dyn Format, Claim)> {
    const DENSE: usize = 32;
    let Some(part) = sample.outskirts() else {
        return Vec::new();
    };
    let specific = FORMATS
        .iter()
        .filter(|format| format.precedence() == Precedence::Specific);
    let mut claims = claims(specific.copied(), &part, names);
    if !claims.iter().any(|(_, claim)| claim.records >= DENSE) {
        claims.clear();
    }
    claims
}

/// The formats that read anything of a sample.
fn claims(
    formats: impl Iterator<Item = &'static dyn Format>,
    sample: &Sample,
    names: &Names,
) -> Vec<(&'static dyn Format, Claim)> {
    formats
        .filter_map(|format| Some((format, format.claim(sample, names)?)))
        .filter(|(_, claim)| claim.records > 0 || claim.certain)
        .collect()
}

/// What every format makes of a sample, those that win first: for `inspect`.
pub fn rivals(sample: &Sample, names: &Names) -> Vec<(&'static str, Claim)> {
    if jupyter::begins(sample.head) {
        return Vec::from_iter(detect(sample, names).map(|(format, claim)| (format.name(), claim)));
    }
    let patterns = names.patterns.iter().map(|pattern| *pattern as &dyn Format);
    let formats = FORMATS.iter().copied();
    let few = likely(sample, names);
    let mut found = match sample.outskirts() {
        // Of a large sample a part shows as much.
        Some(part) if !few.is_empty() => {
            let mut found = claims(patterns, &part, names);
            found.extend(few);
            found.extend(claims(
                formats.filter(|format| format.precedence() != Precedence::Specific),
                &part,
                names,
            ));
            found
        }
        _ => claims(patterns.chain(formats), sample, names),
    };
    found.sort_by_key(|(format, claim)| {
        let many = std::cmp::Reverse(claim.records);
        (!claim.certain, format.precedence(), many)
    });
    let named = found.into_iter().map(|(format, claim)| (format.name(), claim));
    named.collect()
}
