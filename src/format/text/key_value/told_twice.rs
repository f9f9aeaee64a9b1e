//! Lines of one shape that stand twice at a place of the run: once about the training, once about held-out data.

use super::TRAIN_LOSS;
use super::names::is_epoch;
use crate::format::text::held_out::evaluated_loss;
use crate::format::text::scan::{NameFinder, named_numbers};
use crate::format::text::sections::Sections;
use crate::format::text::wrapper::{pieces, rank};
use crate::metric::{Quantity, Role};
use std::collections::HashSet;

/// What tells the lines about held-out data from those about the training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ToldTwice {
    /// They stand below a heading: `testing in eval mode..`.
    pub(super) below_headings: bool,
    /// They tell no learning rate.
    pub(super) without_rate: bool,
}

/// Where in the run a line says that it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct At {
    pub(super) epoch: Option<u64>,
    pub(super) step: Option<u64>,
}

/// Where the lines below headings of held-out data stand, beside those about the training.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trained {
    last: Option<At>,
    /// An evaluation was told before any of them.
    evaluated: bool,
}

impl Trained {
    /// A line about the training.
    pub(super) fn pass(&mut self, at: At) {
        self.last = Some(at);
    }

    /// True for a line below a heading that does not count on: it stands where the training does, or is the only one
    /// before that.
    pub(super) fn is_at(&mut self, at: At) -> bool {
        match self.last {
            Some(last) => last == at,
            None => !std::mem::replace(&mut self.evaluated, true),
        }
    }
}

/// What a line tells of the train loss, by its names alone.
struct Told {
    name: String,
    loss: f64,
    at: At,
    has_rate: bool,
}

/// Lines of a kind that must be seen, and lines after which no more are looked at.
const LEAST: usize = 2;
const MOST: usize = 1000;

impl ToldTwice {
    /// What the lines of a log show.
    pub(super) fn of(content: &[u8], sections: Sections) -> Self {
        let mentions = |words: &[&str]| {
            let mut words = words.iter();
            words.any(|word| memchr::memmem::find(content, word.as_bytes()).is_some())
        };
        if !sections.hold_out() && !mentions(&["lr", "LR", "rate"]) {
            return ToldTwice::default();
        }
        let mut names = NameFinder::default();
        let mut sections = Sections::default();
        let (mut below, mut told) = (Below::default(), Vec::new());
        for line in pieces(content) {
            if sections.behind(&line) {
                below.begins();
                continue;
            }
            let has_loss = ["oss", "OSS"].iter().any(|word| line.contains(word));
            // Ranks tell the same place each.
            if !has_loss || rank(line.as_bytes()).is_some() {
                continue;
            }
            if let Some(line) = Told::of(&line, &mut names) {
                below.take(&line, sections.data().is_some());
                told.push(line);
            }
            if told.len() >= MOST {
                break;
            }
        }
        let below_headings = below.shows();
        ToldTwice {
            below_headings,
            without_rate: !below_headings && only_one_has_rate(&told),
        }
    }
}

impl Told {
    fn of(line: &str, names: &mut NameFinder) -> Option<Self> {
        let mut told: Option<(String, f64)> = None;
        let (mut at, mut has_rate, mut is_other) = (At::default(), false, false);
        named_numbers(line, |named| {
            let (name, fit) = names.find(named.words);
            let count = || (named.value.fract() == 0.0 && named.value >= 0.0).then_some(named.value as u64);
            match fit.map(|fit| fit.role) {
                Some(TRAIN_LOSS) => {
                    is_other |= evaluated_loss(line, named.words).is_some();
                    told.get_or_insert_with(|| (name.to_owned(), named.value));
                }
                Some(Role::Step) => at.step = at.step.or(count()),
                Some(Role::Value { quantity, .. }) => {
                    has_rate |= quantity == Quantity::LearningRate;
                    is_other |= quantity == Quantity::EvalLoss;
                    if quantity == Quantity::Epoch && is_epoch(name) {
                        at.epoch = at.epoch.or(count());
                    }
                }
                _ => {}
            }
        });
        let (name, loss) = told.filter(|_| !is_other && at != At::default())?;
        Some(Told {
            name,
            loss,
            at,
            has_rate,
        })
    }
}

/// Lines below headings of held-out data, as they come.
#[derive(Default)]
struct Below {
    trained: Trained,
    /// The loss of the last line of training, and where that stands.
    last: Option<(String, At)>,
    /// The section at hand is still one of held-out data.
    goes_on: bool,
    /// Lines below headings that stand where the last one of training did.
    again: usize,
    /// Lines of training do so too.
    trains_again: bool,
}

impl Below {
    fn begins(&mut self) {
        self.goes_on = true;
    }

    fn take(&mut self, told: &Told, is_held_out: bool) {
        let is_same = self
            .last
            .as_ref()
            .is_some_and(|(name, at)| *name == told.name && *at == told.at);
        self.goes_on &= is_held_out;
        if self.goes_on && self.trained.is_at(told.at) {
            self.again += usize::from(is_same);
            return;
        }
        self.goes_on = false;
        self.trains_again |= is_same;
        self.trained.pass(told.at);
        self.last = Some((told.name.clone(), told.at));
    }

    fn shows(&self) -> bool {
        self.again >= LEAST && !self.trains_again
    }
}

/// True where some lines tell the learning rate, and others the same loss at the same steps without it, which has
/// other values there.
fn only_one_has_rate(told: &[Told]) -> bool {
    /// The training may not have come to the step of the last evaluation.
    const MOST_AHEAD: usize = 1;
    let Some(first) = told.iter().find(|told| told.has_rate) else {
        return false;
    };
    let of = |has_rate: bool| {
        let told = told.iter();
        told.filter(move |told| told.has_rate == has_rate && told.name == first.name)
    };
    let is_whole = |told: &Told| told.at.step.is_some();
    let places = |has_rate| of(has_rate).map(|told| told.at).collect::<HashSet<At>>();
    let (trained, evaluated) = (places(true), places(false));
    let are_single = of(true).count() == trained.len() && of(false).count() == evaluated.len();
    let losses: HashSet<(At, u64)> = of(true).map(|told| (told.at, told.loss.to_bits())).collect();
    let repeats = of(false).filter(|told| losses.contains(&(told.at, told.loss.to_bits())));
    are_single
        && told.iter().all(is_whole)
        && trained.len() >= LEAST
        && (LEAST..=trained.len() + MOST_AHEAD).contains(&evaluated.len())
        && evaluated.difference(&trained).count() <= MOST_AHEAD
        && repeats.count() < LEAST
}
