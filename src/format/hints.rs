//! Facts about the planned run that a log or a file beside it states: its length, its
//! batch, its learning-rate schedule. Nothing here is a metric, and nothing is inferred:
//! every hint keeps the name under which it was written.

use super::number;
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
    /// Tokens of one optimiser step.
    TokensPerStep,
    /// Samples of one optimiser step.
    BatchSize,
    /// Tokens of one sample.
    SequenceLength,
    /// Steps between two records.
    LogInterval,
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
            Fact::TokensPerStep => "tokens_per_step",
            Fact::BatchSize => "batch_size",
            Fact::SequenceLength => "sequence_length",
            Fact::LogInterval => "log_interval",
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

/// Names in their canonical spelling, best first. Sources: the trainers' argument
/// parsers and configuration classes, as listed in the project's notes on formats.
const NAMES: &[(Fact, &[&str])] = &[
    (
        Fact::TotalSteps,
        &[
            "max_steps",
            "total_steps",
            "num_training_steps",
            "total_training_steps",
            "total_optimization_steps",
            "max_train_steps",
            "train_iters",
            "max_iters",
            "max_iter",
            "solver_max_iter",
            "max_update",
            "max_updates",
            "num_iterations",
            "total_iterations",
            "max_global_steps",
            "training_steps",
            "total_num_steps",
            "opt_learning_rate_training_steps",
            "calculated_number_of_iterations_from_target_data_param_ratio",
            "number_of_iterations",
            "train_steps",
            "trainer_max_steps",
            "iterations",
            "num_train_steps",
            "num_steps",
            "nb_steps",
            "steps",
            "iters",
        ],
    ),
    (
        Fact::Epochs,
        &[
            "num_train_epochs",
            "max_epochs",
            "max_epoch",
            "num_epochs",
            "num_epoch",
            "n_epochs",
            "total_epochs",
            "epochs",
        ],
    ),
    (
        Fact::StepsPerEpoch,
        &[
            "steps_per_epoch",
            "num_batches_per_epoch",
            "iters_per_epoch",
            "batches_per_epoch",
            "num_update_steps_per_epoch",
        ],
    ),
    (
        Fact::TotalTokens,
        &[
            "max_tokens",
            "train_tokens",
            "total_tokens",
            "max_train_tokens",
            "total_tokens_planned",
            "token_budget",
        ],
    ),
    (
        Fact::WarmUpSteps,
        &[
            "warmup_steps",
            "warm_up_steps",
            "num_warmup_steps",
            "lr_warmup_steps",
            "lr_warmup_iters",
            "warmup_iters",
            "warmup_updates",
            "warmup_iterations",
            "num_warmup_iters",
            "n_warmup_steps",
            "opt_learning_rate_warmup_steps",
            "solver_warmup_iters",
            "warmup_step",
            "lr_scheduler_warmup_steps",
            "warmup",
        ],
    ),
    (
        Fact::WarmUpRatio,
        &[
            "warmup_ratio",
            "lr_scheduler_warmup_ratio",
            "warmup_fraction",
            "lr_warmup_fraction",
            "warmup_steps_fraction",
            "warmup_percent",
            "warmup_frac",
            "pct_start",
        ],
    ),
    (
        Fact::WarmUpEpochs,
        &["warmup_epochs", "warmup_epoch", "num_warmup_epochs"],
    ),
    (
        Fact::DecayEnd,
        &[
            "lr_decay_iters",
            "lr_decay_steps",
            "opt_learning_rate_decay_steps",
            "learning_rate_schedule_steps",
            "learning_rate_decay_steps",
            "total_num_update",
            "decay_steps",
        ],
    ),
    (
        Fact::CoolDownSteps,
        &[
            "lr_wsd_decay_iters",
            "num_decay_steps",
            "cooldown_iters",
            "cooldown_steps",
            "warmdown_iters",
            "warmdown_steps",
            "num_cooldown_steps",
            "wsd_decay_steps",
            "lr_decay_cooldown_steps",
        ],
    ),
    (
        Fact::CoolDownRatio,
        &[
            "wsd_fract_decay",
            "cooldown_frac",
            "cooldown_fraction",
            "cooldown_ratio",
            "warmdown_ratio",
            "warmdown_frac",
            "decay_ratio",
            "decay_frac",
            "decay_fraction",
            "wsd_decay_ratio",
            "wsd_decay_steps_fraction",
        ],
    ),
    (
        Fact::StableSteps,
        &["num_stable_steps", "stable_steps", "lr_stable_iters"],
    ),
    (
        Fact::PeakLearningRate,
        &[
            "learning_rate",
            "max_lr",
            "peak_lr",
            "max_learning_rate",
            "peak_learning_rate",
            "opt_base_learning_rate",
            "optimizer_lr",
            "optim_lr",
            "base_learning_rate",
            "base_lr",
            "solver_base_lr",
            "lr0",
            "lr",
        ],
    ),
    (
        Fact::FinalLearningRate,
        &[
            "min_lr",
            "lr_min",
            "min_learning_rate",
            "opt_end_learning_rate",
            "end_learning_rate",
            "final_learning_rate",
            "eta_min",
            "end_lr",
            "lr_end",
            "final_lr",
            "cos_final_lr",
            "stop_min_lr",
        ],
    ),
    (
        Fact::FinalRatio,
        &[
            "min_lr_ratio",
            "min_lr_rate",
            "lr_min_ratio",
            "final_lr_fraction",
            "final_lr_frac",
            "learning_rate_final_fraction",
            "cosine_learning_rate_final_fraction",
            "min_ratio",
            "end_lr_ratio",
            "min_lr_factor",
            "alpha_f",
            "lrf",
        ],
    ),
    (
        Fact::Scheduler,
        &[
            "lr_scheduler_type",
            "lr_decay_style",
            "lr_scheduler",
            "lr_schedule_type",
            "learning_rate_decay_style",
            "opt_learning_rate_decay_schedule",
            "scheduler_type",
            "scheduler_name",
            "lr_scheduler_name",
            "lr_schedule",
            "lr_policy",
            "scheduler",
            "schedule",
        ],
    ),
    (
        Fact::CoolDownShape,
        &[
            "lr_wsd_decay_style",
            "wsd_decay_style",
            "decay_type",
            "cooldown_type",
            "cooldown_style",
        ],
    ),
    (
        Fact::TokensPerStep,
        &[
            "tokens_per_iteration_will_be",
            "tokens_per_iteration",
            "tokens_per_step",
            "tokens_optimizer_step",
            "tokens_per_batch",
            "train_batch_tokens",
            "global_batch_tokens",
        ],
    ),
    (
        Fact::BatchSize,
        &[
            "global_batch_size",
            "total_train_batch_size_w_parallel_distributed_accumulation",
            "effective_batch_size",
            "total_train_batch_size",
            "total_batch_size",
            "global_train_batch_size",
        ],
    ),
    (
        Fact::SequenceLength,
        &[
            "seq_length",
            "sequence_length",
            "seq_len",
            "max_seq_len",
            "max_seq_length",
            "max_sequence_length",
            "block_size",
            "context_length",
            "train_seq_len",
            "max_target_length",
            "cutoff_len",
            "n_ctx",
            "ctx",
        ],
    ),
    (
        Fact::LogInterval,
        &["logging_steps", "log_interval", "log_every", "log_freq"],
    ),
];

/// Names that mean a plan only where everything is a plan: in a configuration file.
const ONLY_IN_CONFIGURATIONS: &[&str] = &[
    "steps",
    "iters",
    "iterations",
    "num_steps",
    "total_tokens",
    "warmup",
    "lr",
    "ctx",
    "schedule",
    "scheduler",
    "train_steps",
    "total_steps",
    "warmup_step",
    "total_iterations",
    "max_tokens",
];

/// Parts of the names of schedulers; anything else under such a name is none.
const SCHEDULERS: &[&str] = &[
    "cosine",
    "linear",
    "constant",
    "wsd",
    "warmup_stable_decay",
    "warmup-stable-decay",
    "trapez",
    "inv",
    "rsqrt",
    "sqrt",
    "polynomial",
    "poly",
    "step",
    "exponential",
    "exp",
    "onecycle",
    "one_cycle",
    "noam",
    "cyclic",
    "infinite",
    "plateau",
    "tri_stage",
];

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
            .and_then(super::roles::whole)
            .filter(|count| *count > 0)
    }

    /// The planned number of steps: as stated, or as epochs times their length.
    pub fn total_steps(&self) -> Option<u64> {
        self.count(Fact::TotalSteps).or_else(|| {
            let epochs = self.number(Fact::Epochs)?;
            super::roles::whole(epochs * self.number(Fact::StepsPerEpoch)?)
        })
    }

    /// Steps of warm-up: as stated, or as a share of all steps.
    pub fn warm_up_steps(&self) -> Option<u64> {
        let of_all = |ratio: f64| super::roles::whole(ratio * self.total_steps()? as f64);
        match self.number(Fact::WarmUpSteps) {
            Some(steps) if steps > 0.0 && steps < 1.0 => of_all(steps),
            // Zero is the default of trainers that are given a ratio instead.
            Some(steps) if steps > 0.0 => super::roles::whole(steps),
            stated => match self.number(Fact::WarmUpRatio) {
                Some(ratio) if ratio > 0.0 => of_all(ratio),
                _ => stated.and_then(super::roles::whole),
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

/// The fact that a canonical name stands for: the name itself, or its end behind the
/// sections of a configuration (`trainer_args_max_steps` is not one, but
/// `training/max_steps` is, which arrives here without its section).
fn lookup(canonical: &str) -> Option<(Fact, usize, &'static str)> {
    NAMES.iter().find_map(|(fact, names)| {
        let rank = names.iter().position(|name| *name == canonical)?;
        Some((*fact, rank, *names.get(rank)?))
    })
}

fn judge(fact: Fact, text: &str) -> Option<(Fact, Value)> {
    let text = text.trim().trim_matches(['"', '\'', '`']).trim();
    if fact.is_word() {
        let word = text.to_lowercase();
        let word = word.rsplit(['.', ':']).next().unwrap_or(&word).trim();
        let word: String = word.chars().take(60).collect();
        let known = SCHEDULERS.iter().any(|name| word.contains(name));
        return known.then_some((fact, Value::Word(word)));
    }
    let value = quantity(text)?;
    let (least, most) = match fact {
        Fact::WarmUpSteps => (0.0, 1e9),
        Fact::WarmUpRatio | Fact::CoolDownRatio => (0.0, 1.0),
        Fact::FinalRatio => (0.0, 1.0),
        Fact::PeakLearningRate => (1e-12, 1e3),
        Fact::FinalLearningRate => (0.0, 1e3),
        Fact::WarmUpEpochs => (0.0, 1e6),
        // More is the size of some buffer.
        Fact::SequenceLength => (1.0, 1e6),
        // -1 stands for "not given" nearly everywhere.
        _ => (f64::MIN_POSITIVE, 1e18),
    };
    if !(least..=most).contains(&value) {
        return None;
    }
    // nanochat and build-nanogpt state their batch in tokens.
    let fact = if fact == Fact::BatchSize && value >= 16_384.0 {
        Fact::TokensPerStep
    } else {
        fact
    };
    Some((fact, Value::Number(value)))
}

/// A number as configurations spell it: `1_000`, `3e-4`, `400ba`, `10ep` is none.
fn quantity(text: &str) -> Option<f64> {
    if let Some(value) = number::parse(text) {
        return Some(value);
    }
    let plain = text.replace('_', "");
    let plain = plain.strip_suffix("ba").unwrap_or(&plain);
    number::parse(plain)
}

/// Parts of names, without their first letter, whose case varies: a line with none of
/// these is not looked at.
const SIGNS: &[&[u8]] = &[
    b"tep", b"ter", b"poch", b"arm", b"ecay", b"lr", b"LR", b"earning", b"ched", b"atch", b"eq", b"lock",
    b"pdate", b"ooldown", b"ontext", b"oken",
];

impl Hints {
    /// Looks for statements in a line of a log that holds no metrics: arguments printed
    /// one a line, a command line, a dictionary, a table of settings.
    pub fn scan(&mut self, line: &str) {
        const LONGEST: usize = 64 * 1024;
        if line.len() > LONGEST || !line.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
            return;
        }
        let bytes = line.as_bytes();
        if !SIGNS
            .iter()
            .any(|sign| memchr::memmem::find(bytes, sign).is_some())
        {
            return;
        }
        if let Some((total, warm_up)) = torchtitan(line) {
            self.put_number(Fact::TotalSteps, "total steps", total);
            if let Some(warm_up) = warm_up {
                self.put_number(Fact::WarmUpSteps, "warmup", warm_up);
            }
            return;
        }
        if let Some((name, value)) = maxtext(line) {
            self.state(name, value, Place::Configuration);
            return;
        }
        for word in words(line) {
            let name = line.get(word.0..word.1).unwrap_or_default();
            self.statement_at(line, name, word.1);
        }
        self.long_names(line);
    }

    /// `name` ends at `end`: what follows may be its value.
    fn statement_at(&mut self, line: &str, name: &str, end: usize) {
        let canonical = canonical(name);
        let canonical = canonical.trim_start_matches('_');
        if lookup(canonical).is_none() {
            return;
        }
        let Some(rest) = line.get(end..) else { return };
        let flag = line
            .get(..end - name.len())
            .is_some_and(|before| before.ends_with("--"));
        let Some(value) = value_behind(rest, flag) else {
            return;
        };
        let place = if flag { Place::Configuration } else { Place::Log };
        // In a dictionary or an argument dump a short name is a plan as well: arguments are
        // printed one a line, in columns.
        let column = rest.starts_with("   ") && rest.trim_end().ends_with(value);
        let dump = rest.starts_with("'") || rest.starts_with("\"") || rest.contains("....") || column;
        self.state(name, value, if dump { Place::Configuration } else { place });
    }

    /// `Total optimization steps = 2,000`: a name of several words and a value, the
    /// whole line.
    fn long_names(&mut self, line: &str) {
        let cell = line.trim().trim_matches('|').trim();
        let parts = cell
            .split_once(" = ")
            .or_else(|| cell.split_once(": "))
            .or_else(|| cell.split_once(" | "));
        let Some((name, value)) = parts else { return };
        // Behind a logger's prefix only the last of its parts is the name.
        let name = name.rsplit([']', '-', '|', '>']).next().unwrap_or(name).trim();
        if name.contains(' ') && name.len() < 80 {
            let value = value.split_whitespace().next().unwrap_or_default();
            self.state(name, value, Place::Configuration);
        }
    }
}

/// The identifiers of a line, as byte ranges.
fn words(line: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let bytes = line.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'.');
        while at < bytes.len() && !bytes.get(at).is_some_and(u8::is_ascii_alphabetic) {
            at += 1;
        }
        let start = at;
        while bytes.get(at).is_some_and(|byte| inside(*byte)) {
            at += 1;
        }
        let trimmed = line.get(start..at)?.trim_end_matches(['.', '-', '/']);
        (start < at).then_some((start, start + trimmed.len()))
    })
}

/// The value that follows a name, behind its separator.
fn value_behind(rest: &str, flag: bool) -> Option<&str> {
    let rest = rest.trim_start_matches(['\'', '"']);
    let after = rest.trim_start_matches(' ');
    let blanks = rest.len() - after.len();
    let after = if let Some(after) = after.strip_prefix([':', '=']) {
        let after = after.trim_start();
        // `name : float = 0.1`
        let annotated = ["int", "float", "str"]
            .iter()
            .find_map(|kind| after.strip_prefix(kind)?.trim_start().strip_prefix('='));
        annotated.unwrap_or(after)
    } else if after.starts_with("...") {
        after.trim_start_matches('.')
    } else if after.starts_with('|') || blanks >= 2 || (flag && blanks == 1) {
        after.trim_start_matches('|')
    } else {
        return None;
    };
    let after = after.trim_start().trim_start_matches(['\'', '"']);
    let length = after
        .bytes()
        .position(|byte| {
            !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'+' | b'-' | b',' | b':'))
        })
        .unwrap_or(after.len());
    let value = after.get(..length)?.trim_end_matches([',', '.', ':']);
    // `a=1,b=2`: a comma that is no thousands separator ends the value.
    let value = match value.split_once(',') {
        Some((first, _)) if number::parse(value).is_none() => first,
        _ => value,
    };
    (!value.is_empty()).then_some(value)
}

/// `Config param steps: 5000`: MaxText prints its whole configuration, one a line.
fn maxtext(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once("Config param ")?.1.split_once(": ")?;
    Some((name, value.trim()))
}

/// `Training starts at step 1, ..., total steps 10000 (warmup 200)`
fn torchtitan(line: &str) -> Option<(f64, Option<f64>)> {
    let after = line.split_once("total steps ")?.1;
    let total = number::parse(after.split([' ', ',', '(']).next()?)?;
    let warm_up = line
        .split_once("(warmup ")
        .and_then(|(_, rest)| number::parse(rest.split(')').next()?));
    Some((total, warm_up))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(lines: &str) -> Hints {
        let mut hints = Hints::default();
        lines.lines().for_each(|line| hints.scan(line));
        hints
    }

    #[test]
    fn dumps_of_many_trainers() {
        let megatron = scan(
            "  lr .............................. 6e-05\n  min_lr .......... 6e-06\n  lr_decay_style .......... cosine\n  \
             train_iters ........ 115311\n  lr_warmup_iters ...... 2000\n  seq_length ....... 2048\n  global_batch_size ... 2048\n  lr_decay_iters ..... None\n",
        );
        assert_eq!(megatron.total_steps(), Some(115_311));
        assert_eq!(megatron.warm_up_steps(), Some(2000));
        assert_eq!(megatron.scheduler(), Some("cosine"));
        assert_eq!(megatron.tokens_per_step(), Some(2048.0 * 2048.0));
        assert!(
            megatron
                .min_ratio()
                .is_some_and(|ratio| (ratio - 0.1).abs() < 1e-9)
        );

        let galore = scan(
            "2025-01-14 12:51:29.418 | INFO     | __main__:main:213 - lr                             0.0008\n\
             2025-01-14 12:51:29.418 | INFO     | __main__:main:213 - scheduler                      cosine\n\
             2025-01-14 12:51:29.418 | INFO     | __main__:main:213 - warmup_steps                   1000\n\
             2025-01-14 12:51:29.418 | INFO     | __main__:main:213 - num_training_steps             20000\n\
             2025-01-14 12:51:29.418 | INFO     | __main__:main:213 - max_train_tokens               None\n",
        );
        assert_eq!(
            (galore.total_steps(), galore.warm_up_steps()),
            (Some(20_000), Some(1000))
        );
        assert_eq!(
            (galore.scheduler(), galore.number(Fact::PeakLearningRate)),
            (Some("cosine"), Some(0.0008))
        );

        let nanogpt = scan("Overriding: max_iters = 5000\ntokens per iteration will be: 491,520\n");
        assert_eq!(
            (nanogpt.total_steps(), nanogpt.tokens_per_step()),
            (Some(5000), Some(491_520.0))
        );

        let command = scan(
            "+ torchrun train.py --learning_rate 3e-4 --lr_scheduler_type=cosine --max_steps 1000 --warmup_ratio 0.03\n",
        );
        assert_eq!(
            (command.total_steps(), command.warm_up_steps()),
            (Some(1000), Some(30))
        );
        assert_eq!(command.number(Fact::PeakLearningRate), Some(3e-4));

        let trainer = scan(
            "  Num Epochs = 3\n  Total train batch size (w. parallel, distributed & accumulation) = 64\n  Total optimization steps = 2,000\n",
        );
        assert_eq!(
            (trainer.total_steps(), trainer.number(Fact::Epochs)),
            (Some(2000), Some(3.0))
        );
        assert_eq!(trainer.number(Fact::BatchSize), Some(64.0));

        let fairseq = scan(
            "INFO - {'optimization': {'max_epoch': 0, 'max_update': 400000, 'lr': [0.0005]}, 'lr_scheduler': {'_name': 'polynomial_decay', 'warmup_updates': 32000, 'total_num_update': 400000}}",
        );
        assert_eq!(
            (fairseq.total_steps(), fairseq.warm_up_steps()),
            (Some(400_000), Some(32_000))
        );

        let source = scan(
            "    num_iterations : int = 5100 # number of iterations to run\n    warmdown_iters : int = 1450\n",
        );
        assert_eq!(source.total_steps(), Some(5100));
        assert_eq!(source.count(Fact::CoolDownSteps), Some(1450));

        let table = scan(
            "| max_steps             | 19560                                              |\n| LR scheduler          | cosine         |\n| warmup iterations     | 700 |\n| final LR fraction     | 0.000000e+00 |\n",
        );
        assert_eq!(
            (table.total_steps(), table.warm_up_steps()),
            (Some(19_560), Some(700))
        );
        assert_eq!(
            (table.scheduler(), table.min_ratio()),
            (Some("cosine"), Some(0.0))
        );

        let titan = scan(
            "Training starts at step 1, with local batch size 8, global batch size 64, sequence length 8192, total steps 10000 (warmup 200)",
        );
        assert_eq!(
            (titan.total_steps(), titan.warm_up_steps()),
            (Some(10_000), Some(200))
        );
    }

    #[test]
    fn maxtext_prints_its_configuration() {
        let hints = scan("Config param num_epoch: 2\nConfig param steps: 5000\nConfig param lr: 3e-4");
        assert_eq!(hints.total_steps(), Some(5000));
        assert_eq!(hints.count(Fact::Epochs), Some(2));
        // Unset: as long as the schedule, which is printed under its own name.
        assert_eq!(scan("Config param steps: -1").total_steps(), None);
    }

    #[test]
    fn records_and_prose_state_no_plan() {
        for line in [
            "step 10 | lr: 0.1 | steps: 3",
            "In the warm-up: we saw steps: 5 and iterations: 7",
            "max_steps: None, warmup_steps: -1, num_train_epochs: unknown",
        ] {
            assert!(scan(line).is_empty(), "{line}: {:?}", scan(line));
        }
    }
}
