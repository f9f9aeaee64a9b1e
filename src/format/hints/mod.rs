//! Facts about the planned run that a log or a file beside it states: its length, its
//! batch, its learning-rate schedule. Nothing here is a metric, and nothing is inferred:
//! every hint keeps the name under which it was written.

mod names;
mod scan;

use self::names::{FEWEST_TOKENS, ONLY_IN_CONFIGURATIONS, judge, lookup};
use crate::metric::canonical;

/// What a hint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fact {
    /// Planned number of optimiser steps.
    TotalSteps,
    /// Planned number of epochs.
    Epochs,
    /// Optimiser steps of one epoch.
    StepsPerEpoch,
    /// Planned number of tokens.
    TotalTokens,
    /// Steps of warm-up.
    WarmUpSteps,
    /// Warm-up as a share of all steps.
    WarmUpRatio,
    /// Warm-up in epochs.
    WarmUpEpochs,
    /// Step at which the decay of the learning rate ends.
    DecayEnd,
    /// Steps of the cool-down at the end.
    CoolDownSteps,
    /// Cool-down as a share of all steps.
    CoolDownRatio,
    /// Steps at the peak, between warm-up and cool-down.
    StableSteps,
    /// Highest learning rate.
    PeakLearningRate,
    /// Last learning rate.
    FinalLearningRate,
    /// Last learning rate as a share of the highest.
    FinalRatio,
    /// Name of the scheduler, in lower case, as the trainer calls it.
    Scheduler,
    /// Shape of the cool-down, in lower case, as the trainer calls it.
    CoolDownShape,
    /// Power of a polynomial decay.
    DecayPower,
    /// Further epochs, behind the planned ones, in which the rate falls to nothing.
    DecayEpochs,
    /// Epochs at the end for which data are no longer augmented.
    PlainEpochs,
    /// Tokens of one optimiser step.
    TokensPerStep,
    /// Samples of one optimiser step.
    BatchSize,
    /// Tokens of one sample.
    SequenceLength,
    /// Steps between two records.
    LogInterval,
    /// Seconds of training after which the run ends, wherever it is.
    TotalSeconds,
}

impl Fact {
    /// The name used in JSON and by `inspect`.
    pub const fn name(self) -> &'static str {
        match self {
            Fact::TotalSteps => "total_steps",
            Fact::Epochs => "epochs",
            Fact::StepsPerEpoch => "steps_per_epoch",
            Fact::TotalTokens => "total_tokens",
            Fact::WarmUpSteps => "warm_up_steps",
            Fact::WarmUpRatio => "warm_up_ratio",
            Fact::WarmUpEpochs => "warm_up_epochs",
            Fact::DecayEnd => "decay_end",
            Fact::CoolDownSteps => "cool_down_steps",
            Fact::CoolDownRatio => "cool_down_ratio",
            Fact::StableSteps => "stable_steps",
            Fact::PeakLearningRate => "peak_learning_rate",
            Fact::FinalLearningRate => "final_learning_rate",
            Fact::FinalRatio => "final_ratio",
            Fact::Scheduler => "scheduler",
            Fact::CoolDownShape => "cool_down_shape",
            Fact::DecayPower => "decay_power",
            Fact::DecayEpochs => "decay_epochs",
            Fact::PlainEpochs => "plain_epochs",
            Fact::TokensPerStep => "tokens_per_step",
            Fact::BatchSize => "batch_size",
            Fact::SequenceLength => "sequence_length",
            Fact::LogInterval => "log_interval",
            Fact::TotalSeconds => "total_seconds",
        }
    }

    /// True for a fact that is a word.
    const fn is_word(self) -> bool {
        matches!(self, Fact::Scheduler | Fact::CoolDownShape)
    }
}

/// The value of a hint.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A word, in lower case.
    Word(String),
}

/// One stated fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// What it is about.
    pub fact: Fact,
    /// The name it was written under.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// Rank of the name among the names of the fact; 0 is the best.
    rank: usize,
}

/// All that is stated about the plan of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hints {
    stated: Vec<Hint>,
}

/// The name of an epoch's length that the counters of the log show.
const COUNTED: &str = "steps of an epoch, as the log counts them";

/// True for a name of the planned number of epochs that cannot be that of their counter.
pub fn is_number_of_epochs(name: &str) -> bool {
    let is_long = || {
        canonical(name)
            .strip_suffix("_epochs")
            .is_some_and(|first| !first.is_empty())
    };
    let known = || lookup(&canonical(name)).is_some_and(|(fact, ..)| fact == Fact::Epochs);
    name.ends_with("pochs") && is_long() && known()
}

/// Where a statement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a configuration: a name alone says enough.
    Configuration,
    /// Among the lines of a log, where `lr: 0.1` is a record and no plan.
    Log,
}

impl Hints {
    /// Takes in a statement; returns true when it is a hint.
    pub fn state(&mut self, name: &str, value: &str, place: Place) -> bool {
        let canonical = canonical(name);
        let trimmed = canonical.trim_start_matches('_');
        let Some((fact, rank, known)) = lookup(trimmed) else {
            return false;
        };
        if place == Place::Log && ONLY_IN_CONFIGURATIONS.contains(&known) {
            return false;
        }
        let Some((fact, value)) = judge(fact, value) else {
            return false;
        };
        if known == "max_tokens" && matches!(value, Value::Number(tokens) if tokens < FEWEST_TOKENS) {
            return false;
        }
        self.put(Hint {
            fact,
            name: name.trim().to_owned(),
            value,
            rank,
        });
        true
    }

    /// Takes in a fact that a format knows the meaning of.
    pub fn put_number(&mut self, fact: Fact, name: &str, value: f64) {
        if value.is_finite() {
            self.put(Hint {
                fact,
                name: name.to_owned(),
                value: Value::Number(value),
                rank: 0,
            });
        }
    }

    /// Takes in a number that stands in a table under a name for the planned number of epochs:
    /// `total_epochs`, and not `epochs`, which may count them.
    pub fn put_epochs_of_row(&mut self, name: &str, value: f64) {
        if is_number_of_epochs(name) && value > 0.0 {
            self.put_number(Fact::Epochs, name, value);
        }
    }

    /// Takes in how many of the steps that the log counts make an epoch.
    pub fn put_epoch_length(&mut self, steps: u64) {
        self.put_number(Fact::StepsPerEpoch, COUNTED, steps as f64);
    }

    /// How many of the steps that the log counts make an epoch, where it shows that.
    pub fn epoch_length(&self) -> Option<u64> {
        let counted = self.get(Fact::StepsPerEpoch).filter(|hint| hint.name == COUNTED);
        counted.and(self.count(Fact::StepsPerEpoch))
    }

    /// The planned number of the steps that the log counts: as stated, or as epochs times what
    /// the log shows of their length.
    pub fn counted_steps(&self) -> Option<u64> {
        let epochs = || self.epoch_length().and(self.total_steps());
        self.count(Fact::TotalSteps).or_else(epochs)
    }

    /// True when something is stated of how long the run is to be.
    pub fn states_a_length(&self) -> bool {
        [Fact::TotalSteps, Fact::Epochs, Fact::TotalTokens]
            .iter()
            .any(|fact| self.get(*fact).is_some())
    }

    /// Takes in what holds where nothing else is stated. `name` says why.
    pub fn assume(&mut self, fact: Fact, name: &str, word: &str) {
        self.put(Hint {
            fact,
            name: name.to_owned(),
            value: Value::Word(word.to_owned()),
            rank: usize::MAX,
        });
    }

    /// Of two statements of one fact the better named holds, and of equals the later.
    fn put(&mut self, hint: Hint) {
        match self.stated.iter_mut().find(|known| known.fact == hint.fact) {
            Some(known) if known.rank < hint.rank => {}
            Some(known) => *known = hint,
            None => self.stated.push(hint),
        }
    }

    /// Takes in all statements of `other`; on equal names they replace those known.
    pub fn merge(&mut self, other: &Hints) {
        for hint in &other.stated {
            self.put(hint.clone());
        }
    }

    /// Takes in the statements of `other` about facts that nothing is known of yet.
    pub fn complete(&mut self, other: &Hints) {
        for hint in &other.stated {
            if !self.stated.iter().any(|known| known.fact == hint.fact) {
                self.stated.push(hint.clone());
            }
        }
    }

    /// Everything that was stated.
    pub fn all(&self) -> &[Hint] {
        &self.stated
    }

    /// True when nothing was stated.
    pub fn is_empty(&self) -> bool {
        self.stated.is_empty()
    }

    /// The statement about a fact.
    pub fn get(&self, fact: Fact) -> Option<&Hint> {
        self.stated.iter().find(|hint| hint.fact == fact)
    }

    /// A fact that is a number.
    pub fn number(&self, fact: Fact) -> Option<f64> {
        match self.get(fact)?.value {
            Value::Number(number) => Some(number),
            Value::Word(_) => None,
        }
    }

    /// A fact that is a word.
    pub fn word(&self, fact: Fact) -> Option<&str> {
        match &self.get(fact)?.value {
            Value::Word(word) => Some(word),
            Value::Number(_) => None,
        }
    }

    /// A fact that counts something.
    pub fn count(&self, fact: Fact) -> Option<u64> {
        self.number(fact)
            .and_then(crate::format::roles::whole)
            .filter(|count| *count > 0)
    }

    /// The planned number of steps: as stated, or as epochs times their length.
    pub fn total_steps(&self) -> Option<u64> {
        self.count(Fact::TotalSteps).or_else(|| {
            let epochs = self.epochs()?;
            crate::format::roles::whole(epochs * self.number(Fact::StepsPerEpoch)?)
        })
    }

    /// The planned number of epochs, with those in which the rate falls where they are told apart.
    pub fn epochs(&self) -> Option<f64> {
        Some(self.number(Fact::Epochs)? + self.number(Fact::DecayEpochs).unwrap_or(0.0))
    }

    /// Steps of warm-up: as stated, or as a share of all steps.
    pub fn warm_up_steps(&self) -> Option<u64> {
        let of_all = |ratio: f64| crate::format::roles::whole(ratio * self.total_steps()? as f64);
        match self.number(Fact::WarmUpSteps) {
            Some(steps) if steps > 0.0 && steps < 1.0 => of_all(steps),
            // Zero is the default of trainers that are given a ratio instead.
            Some(steps) if steps > 0.0 => crate::format::roles::whole(steps),
            stated => match self.number(Fact::WarmUpRatio) {
                Some(ratio) if ratio > 0.0 => of_all(ratio),
                _ => stated.and_then(crate::format::roles::whole),
            },
        }
    }

    /// Tokens of one optimiser step: as stated, or as batch times sequence length.
    pub fn tokens_per_step(&self) -> Option<f64> {
        self.number(Fact::TokensPerStep)
            .or_else(|| Some(self.number(Fact::BatchSize)? * self.number(Fact::SequenceLength)?))
    }

    /// The last learning rate as a share of the highest.
    pub fn min_ratio(&self) -> Option<f64> {
        self.number(Fact::FinalRatio).or_else(|| {
            let peak = self.number(Fact::PeakLearningRate).filter(|peak| *peak > 0.0)?;
            let last = self.number(Fact::FinalLearningRate).filter(|last| *last >= 0.0)?;
            (last <= peak).then_some(last / peak)
        })
    }

    /// The name of the scheduler, in lower case.
    pub fn scheduler(&self) -> Option<&str> {
        self.word(Fact::Scheduler)
    }
}
