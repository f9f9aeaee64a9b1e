//! The names under which trainers state their plan, and what may stand behind them.

use super::{Fact, Value};
use crate::format::number;

/// Names in their canonical spelling, best first. Sources: the trainers' argument
/// parsers and configuration classes, as listed in the project's notes on formats.
pub(super) const NAMES: &[(Fact, &[&str])] = &[
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
            "n_train_iters",
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
            "max_duration",
            "num_steps",
            "nb_steps",
            "iteration_count",
            "total_kimg",
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
            "total_epoch",
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
            "n_warmup_iters",
            "opt_learning_rate_warmup_steps",
            "solver_warmup_iters",
            "warmup_step",
            "lr_scheduler_warmup_steps",
            "t_warmup",
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
            "f_warmdown_iters",
            "decay_ratio",
            "decay_frac",
            "decay_fraction",
            "wsd_decay_ratio",
            "wsd_decay_steps_fraction",
        ],
    ),
    (
        Fact::StableSteps,
        &[
            "num_stable_steps",
            "stable_steps",
            "lr_stable_iters",
            "hold_steps",
        ],
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
            "final_lr_scale",
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
    (Fact::DecayEpochs, &["n_epochs_decay", "niter_decay"]),
    (Fact::PlainEpochs, &["close_mosaic", "no_aug_epochs"]),
    (Fact::DecayPower, &["lr_power", "poly_power", "poly_exp", "power"]),
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
    (Fact::TotalSeconds, &["max_wallclock_seconds"]),
    (
        Fact::LogInterval,
        &["logging_steps", "log_interval", "log_every", "log_freq"],
    ),
];

/// Names that mean a plan only where everything is a plan: in a configuration file.
pub(super) const ONLY_IN_CONFIGURATIONS: &[&str] = &[
    "power",
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
pub(super) const SCHEDULERS: &[&str] = &[
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

/// The fact that a canonical name stands for: the name itself, or its end behind the
/// sections of a configuration (`trainer_args_max_steps` is not one, but
/// `training/max_steps` is, which arrives here without its section).
pub(super) fn lookup(canonical: &str) -> Option<(Fact, usize, &'static str)> {
    NAMES.iter().find_map(|(fact, names)| {
        let rank = names.iter().position(|name| *name == canonical)?;
        Some((*fact, rank, *names.get(rank)?))
    })
}

/// `max_tokens` of fewer are those of a batch, or of an answer.
pub(super) const FEWEST_TOKENS: f64 = 1e7;

pub(super) fn judge(fact: Fact, text: &str) -> Option<(Fact, Value)> {
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
        // More is tokens.
        Fact::WarmUpSteps => (0.0, 1e7),
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

/// A number as configurations spell it: `1_000`, `3e-4`, `400ba`, `2*10172`; `10ep` is none.
pub(super) fn quantity(text: &str) -> Option<f64> {
    const MOST_FACTORS: usize = 8;
    if text.split('*').nth(MOST_FACTORS).is_some() {
        return None;
    }
    let factors = text.split('*').map(|factor| one_number(factor.trim()));
    factors.product()
}

fn one_number(text: &str) -> Option<f64> {
    if let Some(value) = number::parse(text) {
        return Some(value);
    }
    let plain = text.replace('_', "");
    let plain = plain.strip_suffix("ba").unwrap_or(&plain);
    number::parse(plain)
}
