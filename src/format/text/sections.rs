//! Headings that say what the lines below them are about: `==TEST==`, `Validating...`, `Epoch 3 - val`.

use super::held_out::{Data, data_of, is_of_training};
use super::wrapper::pieces;

/// What the lines below a heading are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Section {
    /// What they say themselves.
    #[default]
    Any,
    Training,
    HeldOut(Data),
    /// What was told before: `==BEST TEST==`.
    Again,
}

/// The sections of a log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sections {
    at: Section,
    /// A loss has stood in a section of training.
    trained: bool,
    /// One did so in another again.
    returns: bool,
    /// Headings of something else since the last of training.
    others: u32,
    /// So many of them that the training goes on without a heading.
    goes_on: bool,
    /// One stood in the section at hand.
    has_loss: bool,
    /// One stood somewhere that is not about held-out data.
    trains: bool,
    /// Some heading was of held-out data.
    holds_out: bool,
}

impl Sections {
    /// What the sections of this log show, before its first line.
    pub fn of(content: &[u8]) -> Self {
        let mut sections = Sections::default();
        for line in pieces(content) {
            sections.behind(&line);
        }
        sections.again()
    }

    /// What was learnt, before the first line.
    pub fn again(self) -> Self {
        Sections {
            at: Section::Any,
            trained: false,
            others: 0,
            has_loss: false,
            ..self
        }
    }

    /// Takes a line; true for a heading.
    pub fn behind(&mut self, line: &str) -> bool {
        /// Validation, test and what was told before.
        const MOST_IN_A_ROW: u32 = 3;
        let Some(section) = between_rules(line, self.alternate()).or_else(|| alone(line)) else {
            self.take(line);
            return false;
        };
        self.others = if section == Section::Training {
            0
        } else {
            self.others.saturating_add(1)
        };
        self.goes_on |= self.others > MOST_IN_A_ROW;
        (self.at, self.has_loss) = (section, false);
        self.holds_out |= self.data().is_some();
        true
    }

    /// A line that is no heading.
    fn take(&mut self, line: &str) {
        let has = |part: &[u8]| memchr::memmem::find(line.as_bytes(), part).is_some();
        let has_loss = (has(b"oss") || has(b"OSS")) && line.bytes().any(|byte| byte.is_ascii_digit());
        if !has_loss || matches!(self.at, Section::HeldOut(_) | Section::Again) {
            return;
        }
        self.trains = true;
        if self.at == Section::Training && !self.has_loss {
            self.returns |= self.trained;
            (self.has_loss, self.trained) = (true, true);
        }
    }

    /// True where every line stands below a heading of its kind.
    fn alternate(&self) -> bool {
        self.returns && !self.goes_on
    }

    /// The held-out data that a line is about. Unless headings of training return, the section ends with
    /// the next line that counts steps or epochs.
    pub fn held_out(&mut self, counts: bool) -> Option<Data> {
        let Section::HeldOut(data) = self.at else {
            return None;
        };
        if counts && !self.alternate() {
            self.at = Section::Any;
            return None;
        }
        self.trains.then_some(data)
    }

    /// True for lines that repeat what was told.
    pub fn tells_again(&self) -> bool {
        self.at == Section::Again
    }

    /// The held-out data that a heading above has named.
    pub fn data(&self) -> Option<Data> {
        match self.at {
            Section::HeldOut(data) => Some(data),
            _ => None,
        }
    }

    /// True once some heading was of held-out data.
    pub fn hold_out(&self) -> bool {
        self.holds_out
    }

    /// True where no heading tells what a line is about.
    pub fn is_any(&self) -> bool {
        self.at == Section::Any
    }
}

const RULE: &str = "==";

fn is_between_rules(line: &str) -> bool {
    let line = line.trim();
    line.starts_with(RULE) && line.ends_with(RULE)
}

/// The section behind a heading between rules, which tells no value. Where those of training return, any that
/// is not of held-out data does so too.
fn between_rules(line: &str, returns: bool) -> Option<Section> {
    let heading = line.trim().trim_matches('=').trim();
    let tells_a_value = heading.bytes().any(|byte| byte.is_ascii_digit());
    if !is_between_rules(line) || heading.is_empty() || tells_a_value {
        return None;
    }
    if is_of_training(heading) {
        return Some(Section::Training);
    }
    if !returns {
        return None;
    }
    let mut words = heading.split(|letter: char| !letter.is_ascii_alphabetic());
    let is_again = |word: &str| {
        ["best", "final"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
    };
    Some(match data_of(words.clone()) {
        Some(_) if words.any(is_again) => Section::Again,
        Some(data) => Section::HeldOut(data),
        None => Section::Training,
    })
}

/// Words of headings that say nothing of the data.
const OTHER_WORDS: &[&str] = &[
    "set", "data", "dataset", "phase", "mode", "loop", "results", "metrics", "stats", "error", "running",
    "start", "starting", "begin", "on", "in", "the", "model",
];

/// The section behind a line that says nothing but what data follows, perhaps of which epoch:
/// `Validating...`, `[Val]`, `Epoch 3/40 - train`.
fn alone(line: &str) -> Option<Section> {
    const LONGEST: usize = 48;
    let line = line.trim();
    if line.len() > LONGEST {
        return None;
    }
    let (mut training, mut held_out, mut is_count) = (false, None, false);
    let words = line.split(|letter: char| !letter.is_alphanumeric());
    for word in words.filter(|word| !word.is_empty()) {
        let is = |known: &&str| word.eq_ignore_ascii_case(known);
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        let data = data_of(std::iter::once(word));
        if is_of_training(word) {
            training = true;
        } else if data.is_some() {
            held_out = held_out.or(data);
        } else if !(is_number && is_count || is(&"epoch") || OTHER_WORDS.iter().any(is)) {
            return None;
        }
        is_count = is(&"epoch") || is_number;
    }
    match (training, held_out) {
        (true, None) => Some(Section::Training),
        (false, Some(data)) => Some(Section::HeldOut(data)),
        _ => None,
    }
}
