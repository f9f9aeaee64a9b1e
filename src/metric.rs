//! Which logged name means which quantity.
//!
//! Every trainer names its metrics differently. This module owns the table of
//! names, in order of precedence, and nothing else: it never sees a value.

use std::collections::HashSet;
use std::fmt;

use crate::language;
use crate::pattern::LinePattern;

/// A quantity that losscast understands. Everything else in a log is listed by
/// `inspect` and otherwise left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Quantity {
    /// Training loss, in the unit of the log (nats per token for language models).
    TrainLoss,
    /// Loss on held-out data.
    EvalLoss,
    /// Learning rate of the optimiser step.
    LearningRate,
    /// Global gradient norm before clipping.
    GradNorm,
    /// Tokens seen since the start of the run.
    Tokens,
    /// Wall-clock time, seconds since the Unix epoch.
    WallTime,
    /// Seconds since the run started.
    Elapsed,
    /// Seconds that one step took.
    StepTime,
    /// Loss scale of mixed-precision training.
    LossScale,
    /// Largest attention logit of any head.
    AttentionLogit,
    /// Logarithm of the softmax partition function of the output layer.
    LogPartition,
    /// Steps that were skipped since the last record, because their gradient was not finite.
    SkippedSteps,
    /// Size of the activations: the largest, or a norm or root mean square of them.
    ActivationNorm,
    /// Norm of an update over the norm of the weights that it changes.
    UpdateRatio,
    /// Train loss as an evaluation estimates it, beside the loss of the steps.
    TrainEstimate,
    /// Samples seen since the start; stands in for nothing, kept for display.
    Samples,
    /// Fractional epoch; the step of last resort.
    Epoch,
}

/// Sub-folders in which clients keep train apart from held-out metrics of the same names.
pub const SPLIT_FOLDERS: [&str; 9] = [
    // CatBoost's.
    "learn",
    "train",
    "training",
    "val",
    "valid",
    "validation",
    "eval",
    "evaluation",
    "test",
];

/// Records keep a bit for each.
const _: () = assert!(Quantity::COUNT <= u32::BITS as usize);

impl Quantity {
    /// Number of quantities.
    pub const COUNT: usize = 17;

    /// All quantities, in the order of their discriminants.
    pub const ALL: [Quantity; Self::COUNT] = [
        Quantity::TrainLoss,
        Quantity::EvalLoss,
        Quantity::LearningRate,
        Quantity::GradNorm,
        Quantity::Tokens,
        Quantity::WallTime,
        Quantity::Elapsed,
        Quantity::StepTime,
        Quantity::LossScale,
        Quantity::AttentionLogit,
        Quantity::LogPartition,
        Quantity::SkippedSteps,
        Quantity::ActivationNorm,
        Quantity::UpdateRatio,
        Quantity::TrainEstimate,
        Quantity::Samples,
        Quantity::Epoch,
    ];

    /// Position in [`Quantity::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name shown to the user and used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Quantity::TrainLoss => "train_loss",
            Quantity::EvalLoss => "eval_loss",
            Quantity::LearningRate => "learning_rate",
            Quantity::GradNorm => "grad_norm",
            Quantity::Tokens => "tokens",
            Quantity::WallTime => "wall_time",
            Quantity::Elapsed => "elapsed_seconds",
            Quantity::StepTime => "seconds_per_step",
            Quantity::LossScale => "loss_scale",
            Quantity::AttentionLogit => "max_attention_logit",
            Quantity::LogPartition => "log_z",
            Quantity::SkippedSteps => "skipped_steps",
            Quantity::ActivationNorm => "activation_norm",
            Quantity::UpdateRatio => "update_to_weight",
            Quantity::TrainEstimate => "train_loss_estimate",
            Quantity::Samples => "samples",
            Quantity::Epoch => "epoch",
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one column, key or field of a log is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// The optimiser step.
    Step,
    /// The planned number of steps of the whole run.
    TotalSteps,
    /// A quantity, after multiplication by `scale` (milliseconds to seconds, say).
    Value {
        /// The quantity.
        quantity: Quantity,
        /// Factor that brings the logged value to the unit of [`Quantity`].
        scale: f64,
    },
}

impl Role {
    /// The role of a quantity logged in its own unit.
    pub const fn of(quantity: Quantity) -> Self {
        Role::Value { quantity, scale: 1.0 }
    }

    /// True when two roles compete for the same place, whatever their scale.
    pub fn same_slot(self, other: Role) -> bool {
        match (self, other) {
            (Role::Step, Role::Step) | (Role::TotalSteps, Role::TotalSteps) => true,
            (Role::Value { quantity: a, .. }, Role::Value { quantity: b, .. }) => a == b,
            _ => false,
        }
    }

    /// True for a train or an eval loss.
    pub const fn is_loss(self) -> bool {
        matches!(
            self,
            Role::Value {
                quantity: Quantity::TrainLoss | Quantity::EvalLoss,
                ..
            }
        )
    }

    /// True for what counts steps or epochs.
    pub const fn counts(self) -> bool {
        matches!(
            self,
            Role::Step
                | Role::Value {
                    quantity: Quantity::Epoch,
                    ..
                }
        )
    }

    /// True for what tells how far a run has come: steps, epochs, tokens or samples.
    pub const fn tells_progress(self) -> bool {
        let amount = matches!(
            self,
            Role::Value {
                quantity: Quantity::Tokens | Quantity::Samples,
                ..
            }
        );
        self.counts() || amount
    }

    /// The name shown by `inspect`.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Step => "step",
            Role::TotalSteps => "total_steps",
            Role::Value { quantity, .. } => quantity.name(),
        }
    }
}

const MILLISECONDS: f64 = 1e-3;

/// The names that stand in the table for those of all wholes of a loss: `train_loss_total`, `total train loss`.
const TOTAL_LOSS: &str = "total_loss";
const HELD_OUT_TOTAL_LOSS: &str = "val_total_loss";

/// Names in their canonical spelling (see [`canonical`]), best first. When a
/// log has several names for one role, the one listed first wins.
///
/// Source: the trainers' own source and logs, `formats.md` and `instability.md`
/// section 4 of the project's design notes.
const NAMES: &[(Role, &[&str])] = &[
    (
        Role::Step,
        &[
            "global_step",
            "step_i",
            // ms-swift: `10/735`.
            "global_step_max_steps",
            "train_global_step",
            "trainer_global_step",
            "global_iter",
            "global_iteration",
            "globalstep",
            "gstep",
            "optimizer_step",
            "optimizer_steps",
            "opt_step",
            "learner_steps",
            "completed_steps",
            "steps_completed",
            "batches_done",
            "update_step",
            "train_update_step",
            "num_updates",
            "num_update",
            "step",
            "train_step",
            "steps",
            "current_steps",
            "current_step",
            "training_step",
            "train_iter",
            "step_idx",
            "step_num",
            "cur_step",
            "cur_iter",
            "curr_iter",
            "iteration",
            "training_iteration",
            "iter",
            "iters",
            "iterations",
            "itr",
            "it",
            "update",
            "batch",
            "batch_id",
            "batch_idx",
            "batch_num",
            "num_steps",
            "n_iter",
            "upd",
            "updates",
            "n_updates",
            // Steps in the environment of an agent.
            "time_total_timesteps",
            "total_timesteps",
            "env_steps",
            "misc_total_timesteps",
            "timesteps_so_far",
            "total_env_interacts",
            // StyleGAN and EDM: thousands of images.
            "progress_kimg",
            "progress_kimg_mean",
            "_step",
        ],
    ),
    (
        Role::TotalSteps,
        &[
            "total_steps",
            "max_steps",
            "total_iterations",
            "total_iters",
            "train_iters",
            "max_iters",
            "max_update",
            "num_training_steps",
        ],
    ),
    (
        Role::of(Quantity::TrainLoss),
        &[
            // Of a language model, and so the one to foresee whatever is added to it.
            "lm_loss",
            "train_lm_loss",
            "loss_metrics_global_avg_loss",
            "reduced_train_loss",
            "reduced_llm_loss",
            "train_loss_step",
            "loss",
            "train_loss",
            "training_loss",
            "loss_train",
            "loss_training",
            "loss_tr",
            "tr_loss",
            "average_loss",
            "mean_loss",
            "avg_loss",
            // Of a step, where a total may be the sum of all steps so far.
            "step_loss",
            "batch_loss",
            "train_loss_batch",
            "loss_batch",
            // The whole goes before the parts that are named for what they are.
            TOTAL_LOSS,
            "train_total_loss",
            "loss_train_total",
            "train_nll_loss",
            "nll_loss",
            "metrics_train_languagecrossentropy",
            "train_languagecrossentropy",
            "learning_loss",
            "loss_out",
            "trl",
            "train_ce_loss",
            "train_crossentropyloss",
            "train_cross_entropy_loss",
            "ce_loss",
            "ce",
            "cross_entropy",
            "train_samples_train_loss",
            "train_loss_epoch",
            "epoch_loss",
            "rmse_trn",
        ],
    ),
    (
        Role::of(Quantity::EvalLoss),
        &[
            // Where there is an `eval_loss` beside it, that is another evaluation.
            "val_loss",
            "valid_loss",
            "validation_loss",
            "eval_loss",
            "vali_loss",
            "va_loss",
            "loss_va",
            "vl_loss",
            "validation_lm_loss",
            "lm_loss_validation",
            "val_lm_loss",
            HELD_OUT_TOTAL_LOSS,
            "loss_eval_total",
            "tel",
            "loss_val",
            "loss_eval",
            "loss_valid",
            "loss_validation",
            "loss_evaluation",
            "eval_nll_loss",
            "valid_nll_loss",
            "eval_ce_loss",
            "validation_ce_loss",
            "heldout_loss",
            "dev_loss",
            "cv_loss",
            "valloss",
            "devloss",
            "vloss",
            "test_loss",
            "loss_test",
            "te_loss",
            "loss_te",
            "metrics_eval_languagecrossentropy",
            "eval_languagecrossentropy",
            "val_loss_epoch",
            "validation",
            "rmse_val",
        ],
    ),
    (
        Role::of(Quantity::LearningRate),
        &[
            "learning_rate",
            "learningrate",
            "lr",
            "train_learning_rate",
            "train_lr",
            "base_lr",
            "current_lr",
            "optim_lr",
            "optim_learning_rate",
            "learning_current_learning_rate",
            "current_learning_rate",
            "optim_lr_group_0",
            "lr_group_0",
            // YOLO warms the rate of the biases, which is group 0 or 2, up from above.
            "lr_pg1",
            "lr_pg0",
            "lr_0",
            "lr0",
            "x_lr1",
            "x_lr0",
            "lrate",
            "lr_used",
            "lr_last",
            "last_lr",
            "lrm",
        ],
    ),
    (
        Role::of(Quantity::GradNorm),
        &[
            "grad_norm",
            "gradient_norm",
            "train_grad_norm",
            "train_gradient_norm",
            "gnorm",
            "train_gnorm",
            "total_grad_norm",
            "optim_total_grad_norm",
            "optim_grad_norm",
            "l2_norm_grad_global",
            "grad_norm_total",
            "learning_raw_grad_norm",
            "learning_grad_norm",
            "global_grad_norm",
            "grad_norm_step",
            "norm",
            "grad",
        ],
    ),
    (
        Role::of(Quantity::Tokens),
        &[
            "tokens",
            "total_tokens",
            "tokens_seen",
            "num_tokens",
            "consumed_tokens",
            "train_tokens",
            "train_total_tokens",
            "optim_total_tokens",
            "num_input_tokens_seen",
            "train_num_tokens",
            "time_token",
            "tokens_processed",
            "trained_tokens",
            "throughput_total_tokens",
            "tokens_total",
            "n_tokens",
        ],
    ),
    (
        Role::of(Quantity::WallTime),
        &[
            "_timestamp",
            "timestamp",
            "wall_time",
            "walltime",
            "created_at",
            "ts",
            "time_ms",
            "create_time",
            "time",
            "date",
            "datetime",
        ],
    ),
    (
        Role::of(Quantity::Elapsed),
        &[
            "_runtime",
            "runtime",
            "elapsed",
            "elapsed_time",
            "elapsed_seconds",
            "train_time",
            "total_time",
            "time_total_s",
            "accumulated_submission_time",
            "wall",
        ],
    ),
    (
        Role::Value {
            quantity: Quantity::Elapsed,
            scale: MILLISECONDS,
        },
        &["train_time_ms", "elapsed_ms"],
    ),
    (
        Role::of(Quantity::StepTime),
        &[
            "step_time",
            "iter_time",
            "seconds_per_step",
            "iteration_time",
            "train_step_time",
            "train_step_timing_in_s",
            "seconds",
            "sec_per_step",
            "elapsed_time_per_iteration_s",
        ],
    ),
    (
        Role::Value {
            quantity: Quantity::StepTime,
            scale: MILLISECONDS,
        },
        &[
            "step_time_ms",
            "iter_time_ms",
            "dt_ms",
            "elapsed_time_per_iteration_ms",
        ],
    ),
    (
        Role::of(Quantity::LossScale),
        &[
            "loss_scale",
            "train_loss_scale",
            "scale",
            "grad_scale",
            "train_samples_loss_scale",
        ],
    ),
    (
        Role::of(Quantity::AttentionLogit),
        &[
            "max_attention_logit",
            "max_attn_logit",
            "train_max_attn_logit",
            "train_max_attention_logit",
            "attention_max_logit",
            "attn_max_logit",
            "learning_max_logits",
            "attn_logit_max",
            "attention_logit_max",
            "attn_max",
            "max_logit",
            "max_logits",
            "qk_max",
        ],
    ),
    (
        Role::of(Quantity::LogPartition),
        &[
            "log_z",
            "logz",
            "train_logz",
            "train_log_z",
            "output_logz",
            "output_log_z",
            "lse",
            "logsumexp",
        ],
    ),
    (
        Role::of(Quantity::SkippedSteps),
        &[
            "number_of_skipped_iterations",
            "skipped_iterations",
            "skipped_iters",
            "skipped_steps",
            "optim_step_skipped",
            "optim_skipped_step",
            "step_skipped",
            "skipped",
            "overflow",
        ],
    ),
    (
        Role::of(Quantity::ActivationNorm),
        &[
            "activation_norm",
            "actv_norm",
            "act_norm",
            "activations_norm",
            "activation_l2_norm",
            "activation_rms",
            "act_rms",
            "activations_rms",
            "residual_norm",
            "residual_rms",
            "resid_norm",
            "resid_rms",
            "hidden_norm",
            "hidden_rms",
            "final_hidden_norm",
            "max_activation",
            "activation_max",
            "max_abs_activation",
            "act_max",
            "activations_max",
            "train_activation_norm",
            "train_residual_norm",
        ],
    ),
    (
        Role::of(Quantity::UpdateRatio),
        &[
            "update_to_weight",
            "update_to_weight_ratio",
            "update_weight_ratio",
            "update_to_param_ratio",
            "update_param_ratio",
            "update_to_data_ratio",
            "update_ratio",
            "upd_ratio",
            "train_update_ratio",
            "optim_update_ratio",
            "optim_update_to_weight",
            "updates_ratio_total",
        ],
    ),
    (
        Role::of(Quantity::Samples),
        &[
            "consumed_samples",
            "samples",
            "samples_count",
            "samples_seen",
            "num_samples",
        ],
    ),
    (
        Role::of(Quantity::Epoch),
        &[
            "epoch",
            "epochs",
            "ep",
            "train_epoch",
            "trainer_epoch",
            "progress_or_epoch",
            // WandbMetricsLogger of Keras.
            "epoch_epoch",
            "epoch_no",
            "epoch_number",
            "epoch_num",
            "epoch_idx",
            "current_epoch",
            "cur_epoch",
        ],
    ),
];

/// Names of losses in logs that call nothing a loss, the best first.
pub const STAND_INS: &[&str] = &[
    COST,
    "objective",
    "mse",
    "bce",
    "ce",
    "elbo",
    "bpd",
    "rmse",
    "l2",
    "huber",
    "mae",
    "l1",
    "error",
    "err",
];

/// Needs not fall by much.
pub const COST: &str = "cost";

/// What the sum of several losses is called beside its parts.
pub const TOTAL: &str = "total";

/// Parts of names that look like a loss but are not the objective.
const NOT_A_LOSS: &[&str] = &[
    "z_loss",
    "aux_loss",
    "kl_loss",
    "balanc",
    "ent_coef",
    "router",
    "perplex",
    "discrimin",
];

/// The same as beginnings of words: `semantic_loss` is no moving average.
const NOT_A_LOSS_WORDS: &[&str] = &[
    "best", "delta", "std", "min", "max", "scale", "ema", "mtp", "final", "initial", "target", "time",
];

/// True for a loss by its name that is not the objective.
fn is_another_loss(canonical: &str) -> bool {
    let begins = |word: &str| NOT_A_LOSS_WORDS.iter().any(|start| word.starts_with(start));
    // That of a policy, and not a cross entropy.
    let words = || canonical.split('_');
    let of_entropy = words().any(|word| ["entropy", "entloss"].contains(&word))
        && !words().any(|word| word.starts_with("cross"));
    of_entropy || NOT_A_LOSS.iter().any(|part| canonical.contains(part)) || words().any(begins)
}

/// Words that make of the `loss` behind them a part of the objective.
const PARTS: &[&str] = &[
    "kl",
    "z",
    "aux",
    "auxiliary",
    "balance",
    "balancing",
    "router",
    "mtp",
    "commitment",
    "discriminator",
    "critic",
    "entropy",
];

/// True for `kl loss`, two words: not the objective, although its last word names that.
pub fn is_part_of_the_loss(words: &str) -> bool {
    words.split_once(' ').is_some_and(|(part, loss)| {
        loss.eq_ignore_ascii_case("loss") && PARTS.iter().any(|known| part.eq_ignore_ascii_case(known))
    })
}

/// The same of the parts of an objective that go by their own names beside its total.
const KINDS_OF_PARTS: &[&str] = &[
    "bce",
    "bc",
    "box",
    "ce",
    "cls",
    "charb",
    "charbonnier",
    "commit",
    "consistency",
    "contrastive",
    "ctc",
    "cycle",
    "dfl",
    "dice",
    "distill",
    "distillation",
    "fft",
    "focal",
    "giou",
    "ic",
    "infonce",
    "kd",
    "kld",
    "l1",
    "lpips",
    "mel",
    "mlm",
    "mse",
    "nce",
    "nll",
    "nsp",
    "obj",
    "pde",
    "perceptual",
    "physics",
    "reg",
    "residual",
    "smoothness",
    "ssim",
    "style",
    "sup",
    "triplet",
    "tv",
    "unsup",
    "vgg",
    "vq",
];

/// True for a name that says nothing of a loss but which part of one it is: `KL`, `train_recon`, `val_box_loss`.
pub fn is_part_of_a_total(name: &str) -> bool {
    canonical_words(name).split('_').any(is_part)
}

fn is_part(word: &str) -> bool {
    [PARTS, RECONSTRUCTION, ADVERSARIAL, KINDS_OF_PARTS]
        .iter()
        .any(|parts| parts.contains(&word))
}

/// True for the total of the losses that the other name is one of: `val_total` beside `val_recon`.
pub fn is_total_of(total: &str, part: &str) -> bool {
    let (total, part) = (canonical_words(total), canonical_words(part));
    let is_of_part = |word: &&str| is_part(word) || *word == "loss";
    part.split('_').any(is_part)
        && total.split('_').any(|word| word == TOTAL)
        && (total.split('_').filter(|word| *word != TOTAL))
            .eq(part.split('_').filter(|word| !is_of_part(word)))
}

/// A player of adversarial training. The loss of each rises when the other gains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Player {
    /// What is trained for its own sake: its loss leads.
    Generator,
    /// Its opponent, which Wasserstein GANs call the critic.
    Discriminator,
}

/// What autoencoders are trained for, whatever players they have beside it.
const RECONSTRUCTION: &[&str] = &["rec", "recon", "reconstruction", "ae", "aeloss"];
const GENERATORS: &[&str] = &["g", "gen", "generator"];
/// Words for the part of a generator's loss that its opponent gives. It does not fall as the
/// generator gets better.
const ADVERSARIAL: &[&str] = &["adv", "adversarial", "gan"];
const DISCRIMINATORS: &[&str] = &["d", "dis", "disc", "discriminator", CRITIC];
/// Also one that learns the value of states, from rewards.
const CRITIC: &str = "critic";

/// True for the name of a learning rate, whatever it is one of: `lr`, `d_lr`, `optim/learning_rate`.
pub fn is_learning_rate(name: &str) -> bool {
    let words = canonical_words(name);
    words.split('_').any(|word| word == "lr") || words.contains("learning_rate")
}

/// The player whose loss or learning rate this may be: `Loss_G`, `g_loss`, `DLoss`, `Loss/D/loss`, `d_lr`,
/// `lr_generator`.
pub fn player(name: &str) -> Option<Player> {
    let words = canonical_words(name);
    if !is_learning_rate(name) && !words.contains("loss") {
        return None;
    }
    let is_one_of = |players: &[&str]| {
        let mut words = words.split('_').map(|word| word.trim_end_matches("loss"));
        words.any(|word| players.contains(&word))
    };
    match (is_one_of(GENERATORS), is_one_of(DISCRIMINATORS)) {
        (true, false) => Some(Player::Generator),
        (false, true) => Some(Player::Discriminator),
        _ => None,
    }
}

/// What an agent that learns from rewards is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentPart {
    /// What acts. Its loss says nothing of how good it is.
    Policy,
    /// What foresees the rewards, by which the policy is judged. Its loss says how well it does.
    ValueFunction,
}

const POLICIES: &[&str] = &["policy", "actor", "pi", "pg"];
const VALUE_FUNCTIONS: &[&str] = &["value", "vf", "v", "qf", "q", CRITIC];

/// The part of an agent whose loss this may be: `policy_loss`, `LossPi`, `train/loss_critic`, `vf_loss`.
pub fn agent_part(name: &str) -> Option<AgentPart> {
    if !name.to_ascii_lowercase().contains("loss") {
        return None;
    }
    let part = |name: &str| {
        let words = canonical_words(name);
        let mut words = words.split('_');
        words.find_map(|word| {
            let is_of = |parts: &[&str]| parts.contains(&word);
            let policy = is_of(POLICIES).then_some(AgentPart::Policy);
            policy.or_else(|| is_of(VALUE_FUNCTIONS).then_some(AgentPart::ValueFunction))
        })
    };
    // Of `default_policy/vf_loss` the end says it.
    part(end_of(name)).or_else(|| part(name))
}

/// The last part of a name that is a path: `vf_loss` of `default_policy/vf_loss`.
fn end_of(name: &str) -> &str {
    name.rsplit(['/', '.']).next().unwrap_or(name)
}

/// Words behind `loss` that leave it the objective.
const SUMMARIES: &[&str] = &[
    "total", "mean", "avg", "average", "sum", "all", "local", "global", "step", "batch", "epoch", "value",
    "metric",
];

/// Words behind the full name of a loss that make it something else: `train_loss_weight`.
const NO_LONGER_A_LOSS: &[&str] = &[
    "weight",
    "weights",
    "coef",
    "factor",
    "ratio",
    "rate",
    "num",
    "count",
    "diff",
    "change",
    "var",
    "patience",
    "threshold",
];

/// Words that say of a loss that it is the whole of its parts.
const WHOLE: &[&str] = &["total", "full", "overall"];

/// True for a name that tells nothing but that it is a loss, of which data, and what was done to it:
/// `loss_train_avg`.
fn tells_of_a_loss_alone(canonical: &str) -> bool {
    let words = || canonical.split('_');
    let is_of_loss = |word: &str| word == "loss" || SUMMARIES.contains(&word) || WHOLE.contains(&word);
    words().any(|word| word == "loss") && words().all(|word| is_of_loss(word) || is_data(word))
}

/// True for such a name of the whole of a loss: `total_train_loss`, `val_loss_total`, and no `total_box_loss`. A
/// sum is as likely that of all tokens.
fn is_whole_loss(canonical: &str) -> bool {
    let has = |wanted: &dyn Fn(&str) -> bool| canonical.split('_').any(wanted);
    tells_of_a_loss_alone(canonical) && has(&|word| WHOLE.contains(&word)) && !has(&|word| word == "sum")
}

/// True for a word that says on which data something was measured.
pub fn is_data(word: &str) -> bool {
    [TRAINING_WORDS, VALIDATION_WORDS, TEST_WORDS]
        .iter()
        .any(|words| words.contains(&word))
}

/// True for a name that says on which data something was measured: `train_mse`.
pub fn tells_of_data(name: &str) -> bool {
    canonical_words(name).split('_').any(is_data)
}

/// What a loss is counted in, which may stand behind its name.
const UNITS: &[&str] = &[
    "nats",
    "nats_per_byte",
    "nats_per_token",
    "per_byte",
    "per_token",
    "per_sample",
    "per_batch",
];

/// The same in brackets, beside the measures of [`STAND_INS`].
const UNITS_IN_BRACKETS: &[&str] = &["ev", "mev", "a_u", "bits", "db"];

/// Parts of the names of schedules of a learning rate, which may stand behind it in brackets.
const SCHEDULES: &[&str] = &[
    "decay",
    "cosine",
    "step",
    "piecewise",
    "linear",
    "constant",
    "plateau",
    "polynomial",
    "exponential",
    "cyclic",
    "onecycle",
];

/// A loss with its unit, or how it is measured, in brackets: `Train Loss (MSE)`, `loss [a.u.]`. A learning rate
/// with its schedule: `lr(CosineAnnealingDecay)`.
fn with_remark(name: &str) -> Option<Fit> {
    let (named, remark) = name.strip_suffix([')', ']'])?.rsplit_once(['(', '['])?;
    let remark = canonical(remark);
    let fit = Names::built_in(&canonical(named), named.trim_end())?;
    let is_known = if fit.role.same_slot(Role::of(Quantity::LearningRate)) {
        SCHEDULES.iter().any(|part| remark.contains(part))
    } else {
        let known = [STAND_INS, UNITS, UNITS_IN_BRACKETS];
        fit.role.is_loss() && known.iter().any(|known| known.contains(&remark.as_str()))
    };
    is_known.then_some(fit)
}

/// The power of ten that values are told in: `1e-3`, `x1e-3`.
pub fn power_of_ten(text: &str) -> Option<f64> {
    let exponent: i32 = text.trim_start_matches('x').strip_prefix("1e")?.parse().ok()?;
    (exponent.abs() <= 12).then(|| 10_f64.powi(exponent))
}

/// A name with the power of ten in brackets that its values are told in: verl's `train/lr(1e-3)`.
fn in_powers_of_ten(name: &str) -> Option<Fit> {
    let (name, power) = name.strip_suffix(')')?.rsplit_once('(')?;
    let power = power_of_ten(power)?;
    let fit = Names::built_in(&canonical(name), name.trim_end())?;
    match fit.role {
        Role::Value { quantity, scale } => Some(Fit {
            role: Role::Value {
                quantity,
                scale: scale * power,
            },
            ..fit
        }),
        Role::Step | Role::TotalSteps => None,
    }
}

/// Models and objectives that a loss is named for with the word in front.
const MODELS: &[&str] = &[
    "vae",
    "ae",
    "autoencoder",
    "lm",
    "mlm",
    "ce",
    "mse",
    "nll",
    "diffusion",
    "generator",
    "g",
    "gen",
    "reconstruction",
    "recon",
    "train",
    "model",
];

/// Parts of the names of optimisers, which name the learning rates they log.
const OPTIMISERS: &[&str] = &[
    "adam",
    "sgd",
    "lamb",
    "lion",
    "muon",
    "adafactor",
    "rmsprop",
    "sophia",
    "shampoo",
    "soap",
    "adagrad",
];

/// In English and lower case, with every run of separators (`_`, `-`, `/`, `.`, space, brackets) as one `_`.
///
/// A leading `_` is kept, because W&B's own counters (`_step`) carry one and rank
/// below a counter the user logged.
pub fn canonical(name: &str) -> String {
    // A W&B web export names its columns "run name - metric".
    let name = name.rsplit_once(" - ").map_or(name, |(_, metric)| metric);
    let english = language::english(name);
    let name = english.as_deref().unwrap_or(name);
    let mut out = String::with_capacity(name.len());
    for character in name.trim().chars() {
        if character.is_alphanumeric() {
            out.extend(character.to_lowercase());
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    if out.len() > 1 && out.ends_with('_') {
        out.pop();
    }
    out
}

/// The same for a name whose words are told apart by their first letters: `ValLoss`.
fn canonical_words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 2);
    let mut after_small = false;
    for character in name.chars() {
        if after_small && character.is_uppercase() {
            words.push('_');
        }
        after_small = character.is_lowercase();
        words.push(character);
    }
    canonical(&words)
}

/// How well a name fits a role: lower is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The role.
    pub role: Role,
    /// Rank among the names of that role; 0 is the best.
    pub rank: u16,
}

/// True for a counter whose name says that it counts the whole run: `global_step`, not
/// `step` or `iter`, which may start again with every epoch.
pub fn counts_the_run(fit: Fit) -> bool {
    fit.role == Role::Step && in_table("step").is_some_and(|plain| fit.rank % WRAPPED < plain.rank)
}

/// What a name tells where another one has the role that it claims: of `loss` and `train_loss` the
/// first is that of the steps, and the second stands beside the evaluations.
pub fn second_role(name: &str) -> Option<Role> {
    (canonical(name) == "train_loss").then_some(Role::of(Quantity::TrainEstimate))
}

/// True for a loss on held-out data whose name may as well be short for something else, of a teacher or of a
/// language: it is told by a loss that is named for training beside it.
pub fn is_short_for_held_out(name: &str) -> bool {
    ["vl_loss", "te_loss", "loss_te"].contains(&canonical(name).as_str())
}

/// True for a name that says of something that it is of training: `tr_loss`, `Train Loss`.
pub fn is_named_for_training(name: &str) -> bool {
    let words = canonical_words(name);
    words
        .split('_')
        .any(|word| word == "tr" || TRAINING_WORDS.contains(&word))
}

/// True for the rank of a name of which no more is known than that it speaks of a loss:
/// `cluster_loss`.
pub fn is_private(rank: u16) -> bool {
    rank >= PATTERN_RANK + UNKNOWN_END
}

/// How much later a name comes behind the word of a logger, so that it is behind all that the table knows without.
const WRAPPED: u16 = 200;
const PATTERN_RANK: u16 = 1000;
/// Rank, among names that follow a pattern, of those whose end says nothing either.
const UNKNOWN_END: u16 = 500;
/// Rank of those that lead only where there is nothing else.
const LAST: u16 = UNKNOWN_END + 1;

/// How much later a name of test data comes than those of validation data, whatever these are.
const TESTED: u16 = 3 * PATTERN_RANK;
/// How much later a name comes that does not say of which data it is, than those that do.
const UNSAID: u16 = 2 * TESTED;

/// True for what is measured on test data: at the end, and held out even from the choice of the best
/// step.
pub fn is_tested(name: &str) -> bool {
    canonical_words(name)
        .split('_')
        .any(|word| TEST_WORDS.contains(&word))
}

/// Names the user declared on the command line, which beat the table, and the shapes of
/// lines that the user described.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    declared: Vec<(String, Role)>,
    /// A loss that is not said to be of training is of held-out data.
    held_out: bool,
    /// A loss on test data is not the held-out loss: that on validation data is.
    validated: bool,
    /// What the log calls its loss, where that is not its name: see [`Names::call_the_loss`].
    called: Option<&'static str>,
    /// Lines of the user's own formats. They live as long as the process, as the
    /// built-in formats do.
    pub patterns: Vec<&'static LinePattern>,
}

impl Names {
    /// Declares that `name` (spelled as in the log) has `role`.
    pub fn declare(&mut self, name: &str, role: Role) {
        self.declared.push((name.to_owned(), role));
    }

    /// The names that the user declared and that none of these is.
    pub fn missing_among<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        if self.declared.is_empty() {
            return Vec::new();
        }
        let there: HashSet<String> = names.map(canonical).collect();
        let declared = self.declared.iter().map(|(name, _)| name);
        declared
            .filter(|name| !there.contains(&canonical(name)))
            .cloned()
            .collect()
    }

    /// True for a name that the user declared.
    pub fn declares(&self, name: &str) -> bool {
        !self.declared.is_empty() && self.declared_role(&canonical(name)).is_some()
    }

    fn declared_role(&self, canonical: &str) -> Option<Role> {
        let is = |declared: &str| self::canonical(declared) == canonical;
        let found = self.declared.iter().find(|(declared, _)| is(declared));
        found.map(|(_, role)| *role)
    }

    /// The role of a logged name, or `None` when it has none.
    pub fn role_of(&self, name: &str) -> Option<Fit> {
        let canonical = canonical(name);
        if let Some(role) = self.declared_role(&canonical) {
            return Some(Fit { role, rank: 0 });
        }
        let mut fit = Names::built_in(&canonical, name).or_else(|| self.stand_in(name))?;
        if fit.role.same_slot(Role::of(Quantity::EvalLoss)) && is_tested(name) {
            if self.validated {
                return None;
            }
            fit.rank = fit.rank.saturating_add(TESTED);
        }
        let train_loss = fit.role.same_slot(Role::of(Quantity::TrainLoss));
        if self.held_out && train_loss && !canonical.contains("train") {
            return Some(Fit {
                role: Role::of(Quantity::EvalLoss),
                rank: fit.rank.saturating_add(UNSAID),
            });
        }
        Some(fit)
    }

    /// Says that these are names of a log about held-out data.
    pub fn hold_out(&mut self) {
        self.held_out = true;
    }

    /// Says that a loss is named for this word and its data alone, as `val_mse` is. Where the word is empty, it is
    /// named for its data.
    pub fn call_the_loss(&mut self, word: &'static str) {
        self.called = Some(word);
    }

    /// The loss that goes by another name in this log, as if it were called a loss.
    fn stand_in(&self, name: &str) -> Option<Fit> {
        let called = self.called?;
        let words = canonical_words(name);
        let is_beside = |word: &str| {
            is_data(word) || SUMMARIES.contains(&word) || word.bytes().all(|byte| byte.is_ascii_digit())
        };
        let is_called = if called.is_empty() {
            is_data(&words)
        } else {
            let mut others = words.split('_').filter(|word| *word != called);
            words.split('_').any(|word| word == called) && others.all(is_beside)
        };
        let full = format!("{words}_loss");
        is_called.then(|| Names::built_in(&full, &full))?
    }

    /// Says that the log tells of validation data.
    pub fn leave_tests(&mut self) {
        self.validated = true;
    }

    fn built_in(canonical: &str, name: &str) -> Option<Fit> {
        if let Some(fit) = in_table(canonical) {
            return Some(fit);
        }
        let words = canonical_words(name);
        in_table(&words)
            .or_else(|| {
                // Loggers put their own words before the names they are given: `metrics/loss`,
                // but not `data_time`.
                let mut inner = name;
                while let Some((word, rest)) = inner.split_once(['/', '.'])
                    && WRAPPERS
                        .iter()
                        .any(|wrapper| word.trim().eq_ignore_ascii_case(wrapper))
                {
                    inner = rest;
                }
                let fit = (inner.len() < name.len()).then(|| in_table(&self::canonical(inner)))??;
                Some(Fit {
                    rank: fit.rank + WRAPPED,
                    ..fit
                })
            })
            .or_else(|| with_remark(name.trim()))
            .or_else(|| in_powers_of_ten(name.trim()))
            .or_else(|| pattern_role(&words, name))
    }

    /// Gives each role to the best of `names`; the others stay without one.
    pub fn assign<S: AsRef<str>>(&self, names: &[S]) -> Vec<Option<Role>> {
        let fits: Vec<Option<Fit>> = names.iter().map(|name| self.role_of(name.as_ref())).collect();
        fits.iter()
            .enumerate()
            .map(|(index, fit)| {
                let fit = (*fit)?;
                let beaten = fits.iter().enumerate().any(|(other, rival)| {
                    rival.is_some_and(|rival| {
                        rival.role.same_slot(fit.role) && (rival.rank, other) < (fit.rank, index)
                    })
                });
                (!beaten).then_some(fit.role)
            })
            .collect()
    }
}

/// Words for data that is trained on.
pub const TRAINING_WORDS: &[&str] = &["train", "training", "trn"];

/// Words for data that is not, by which the best step is chosen.
pub const VALIDATION_WORDS: &[&str] = &[
    "val",
    "valid",
    "validation",
    "validate",
    "validating",
    "vld",
    "eval",
    "evals",
    "evaluation",
    "evaluate",
    "evaluating",
    "dev",
    "heldout",
    "held_out",
    "held-out",
    "holdout",
    "hold_out",
    "hold-out",
];

/// Words for data that was kept for the end.
pub const TEST_WORDS: &[&str] = &["test", "testing", "tst"];

/// True for one of these words, in whatever letters.
pub fn is_one_of(known: &[&str], word: &str) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Where a word stands last among the words of a name.
fn last_at(canonical: &str, word: &str) -> Option<usize> {
    let behind_others = canonical.rmatch_indices('_').map(|(at, _)| at + 1);
    let begins = |at: &usize| {
        let behind = canonical.get(*at..).and_then(|rest| rest.strip_prefix(word));
        behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('_'))
    };
    behind_others.chain([0]).find(begins)
}

/// What loggers put before the names that they are given.
const WRAPPERS: &[&str] = &[
    "metrics", "metric", "scalars", "logs", "data", "payload", "values", "history",
    // Of Rust's tracing, and of loguru.
    "fields", "record", "extra",
];

fn in_table(canonical: &str) -> Option<Fit> {
    NAMES.iter().find_map(|(role, names)| {
        let rank = names.iter().position(|candidate| *candidate == canonical)?;
        Some(Fit {
            role: *role,
            rank: u16::try_from(rank + 1).unwrap_or(PATTERN_RANK),
        })
    })
}

/// Beginnings of the names of activations that are logged by module, as Composer does
/// (`activations/max/model.blocks.0`): the first of them stands for all.
const BY_MODULE: &[&str] = &["activations_max_", "activations_l2_norm_", "activation_norm_"];

/// What stands before the name of a learning rate that is not the one of the step.
const OTHER_RATES: &[&str] = &[
    "initial", "init", "min", "max", "peak", "final", "end", "start", "warmup", "target", "loaded", "config",
    "args", "hparams",
];

/// Names that no table can list: `val/c4_loss`, `pretrain_loss`, `lr-AdamW/group0`.
fn pattern_role(canonical: &str, name: &str) -> Option<Fit> {
    let names_data_at = |words: &[&str]| words.iter().filter_map(|word| last_at(canonical, word)).max();
    let held_out_at = names_data_at(VALIDATION_WORDS).max(names_data_at(TEST_WORDS));
    // `eval_train_loss`: an evaluation of the training data. What stands next to the loss says it.
    let evaluates_training = held_out_at.is_some() && names_data_at(TRAINING_WORDS) > held_out_at;
    let held_out = held_out_at.is_some() && !evaluates_training;
    // `loss_mean`, `train_loss_total`, `loss (avg over 100 batches)`, `loss so far`: what is done to a loss may
    // stand behind it.
    let named_for_loss = canonical.rsplit_once("loss_").is_some_and(|(_, behind)| {
        let (done, over) = behind.split_once('_').unwrap_or((behind, ""));
        behind == "so_far"
            || UNITS.contains(&behind)
            || (SUMMARIES.contains(&done) && (over.is_empty() || over.starts_with("over_")))
    });
    // `loss_vae`: a loss named for its model.
    let named_for_model = canonical.strip_prefix("loss_").is_some_and(|model| {
        [MODELS, POLICIES, VALUE_FUNCTIONS]
            .iter()
            .any(|known| known.contains(&model))
    });
    // `val CE`, `train_xent`: too short to be names of losses without their data.
    let is_cross_entropy = (held_out_at.is_some() || names_data_at(TRAINING_WORDS).is_some())
        && canonical
            .rsplit('_')
            .next()
            .is_some_and(|end| ["ce", "xent"].contains(&end));
    // `loss_train_avg`, `mse_loss (train)`: what is done to a loss, and its data. Without brackets a `val` may be
    // the last value of a meter.
    let told_with_data = tells_of_a_loss_alone(canonical)
        || name.ends_with([')', ']'])
            && canonical
                .rsplit_once('_')
                .is_some_and(|(loss, data)| loss.ends_with("loss") && is_data(data));
    // `avg_loss_tgt`: the full name of a loss, and which of several it is. With blanks it is prose.
    let one_of_several = canonical.rsplit_once('_').is_some_and(|(loss, which)| {
        let is_loss = in_table(loss).is_some_and(|fit| fit.role.is_loss());
        // `valid loss/mse`
        let last = name.rsplit(' ').next().unwrap_or(name);
        let is_one_word = last.to_ascii_lowercase().contains("loss");
        is_one_word
            && loss.ends_with("_loss")
            && is_loss
            && !NO_LONGER_A_LOSS.contains(&which)
            && which.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    let role = if named_for_loss
        || told_with_data
        || named_for_model
        || one_of_several
        || canonical.ends_with("loss")
        || canonical.ends_with("crossentropy")
        || canonical.ends_with("cross_entropy")
        || canonical.rsplit('_').next() == Some("nll")
        || is_cross_entropy
    {
        if is_another_loss(canonical) {
            return None;
        }
        Role::of(if held_out {
            Quantity::EvalLoss
        } else {
            Quantity::TrainLoss
        })
    } else if ["lr_", "learning_rate_"].iter().any(|rate| {
        let of = canonical.strip_prefix(rate);
        of.is_some_and(|of| of.ends_with("group0") || OPTIMISERS.iter().any(|name| of.contains(name)))
            || of.is_some() && player(name).is_some()
    }) {
        Role::of(Quantity::LearningRate)
    } else if let Some((of, _)) = canonical
        .rsplit_once("_learning_rate")
        .or_else(|| canonical.rsplit_once("_lr"))
        .filter(|(_, behind)| behind.is_empty())
    {
        // `epoch_learning_rate`, `g_lr`
        if of.split('_').any(|word| OTHER_RATES.contains(&word)) {
            return None;
        }
        Role::of(Quantity::LearningRate)
    } else if held_out && (canonical.ends_with("bpb") || canonical.ends_with("bpc")) {
        return Some(Fit {
            role: Role::of(Quantity::EvalLoss),
            // A loss in bits is taken where there is none in nats.
            rank: 2 * PATTERN_RANK,
        });
    } else if BY_MODULE.iter().any(|start| canonical.starts_with(start)) {
        Role::of(Quantity::ActivationNorm)
    } else {
        return None;
    };
    if is_whole_loss(canonical) && !evaluates_training {
        return in_table(if held_out { HELD_OUT_TOTAL_LOSS } else { TOTAL_LOSS });
    }
    // Of `policy/total_loss` and `policy/value_loss` the one whose end the table knows, and of
    // `hard_loss_metric` and `full_loss_metric` the whole.
    let end = end_of(name);
    let has_one_of = |known: &[&str]| canonical.split('_').any(|word| known.contains(&word));
    let is_whole = has_one_of(WHOLE);
    let unknown = if is_whole { UNKNOWN_END - 1 } else { UNKNOWN_END };
    let rank = match player(name) {
        Some(Player::Generator) if is_whole => UNKNOWN_END - 3,
        // `soundstream total loss`
        None if canonical.ends_with(TOTAL_LOSS) => UNKNOWN_END - 3,
        _ if has_one_of(RECONSTRUCTION) => UNKNOWN_END - 2,
        Some(Player::Discriminator) if !canonical.contains(CRITIC) => LAST + 1,
        _ if has_one_of(ADVERSARIAL) => LAST,
        Some(Player::Generator) => UNKNOWN_END - 1,
        // What was trained on is told by each step.
        _ if evaluates_training => LAST,
        // What a policy is trained on says nothing of how good it is; the value function's says how
        // well it foresees the rewards.
        _ if canonical.contains("surrogate") || agent_part(end) == Some(AgentPart::Policy) => LAST,
        _ => in_table(&self::canonical(end)).map_or(unknown, |fit| fit.rank),
    };
    Some(Fit {
        role,
        rank: PATTERN_RANK + rank,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str) -> Option<&'static str> {
        Names::default().role_of(name).map(|fit| fit.role.name())
    }

    #[test]
    fn spelling_does_not_matter() {
        for name in ["train/loss", "Train Loss", "train-loss", "TRAIN_LOSS"] {
            assert_eq!(role(name), Some("train_loss"), "{name}");
        }
        assert_eq!(role("wsd-run-7 - train/lm_loss"), Some("train_loss"));
        assert_eq!(role("optim/LR (group 0)"), Some("learning_rate"));
        assert_eq!(role("val/c4_loss"), Some("eval_loss"));
        assert_eq!(role("lr-AdamW/pg1"), Some("learning_rate"));
        assert_eq!(role("lr-DecoupledAdamW/group0"), Some("learning_rate"));
        assert_eq!(role("metrics/train/loss"), Some("train_loss"));
        assert_eq!(role("metrics/optim/learning_rate"), Some("learning_rate"));
        assert_eq!(role("train/loss_mean"), Some("train_loss"));
        assert_eq!(role("val_loss_total"), Some("eval_loss"));
        assert_eq!(role("Training Loss (avg over last 100)"), Some("train_loss"));
        assert_eq!(role("x/lr0"), Some("learning_rate"));
        assert_eq!(role("train_mean_nll"), Some("train_loss"));
        assert_eq!(role("test/nll"), Some("eval_loss"));
        assert_eq!(role("validation_loss_nats_per_byte"), Some("eval_loss"));
    }

    #[test]
    fn words_decide_and_not_letters_within_them() {
        assert_eq!(role("semantic loss"), Some("train_loss"));
        assert_eq!(role("discriminator_loss"), None);
        assert_eq!(role("avg_loss_tgt"), Some("train_loss"));
        assert_eq!(role("Avg_Loss_A"), Some("train_loss"));
        assert_eq!(role("val_loss_src"), Some("eval_loss"));
        assert_eq!(role("train_loss_weight"), None);
        assert_eq!(role("loss_bbox"), None);
        let parts = Names::default().assign(&["hard_loss_metric", "full_loss_metric"]);
        assert_eq!(parts.iter().position(Option::is_some), Some(1));
        assert_eq!(role("ema_loss"), None);
        assert_eq!(role("ValLoss"), Some("eval_loss"));
        assert_eq!(role("TrainLoss"), Some("train_loss"));
        assert_eq!(role("epoch_learning_rate"), Some("learning_rate"));
        assert_eq!(role("d_lr"), Some("learning_rate"));
        assert_eq!(role("max_lr"), None);
        let names = [
            "train_loss_nats_per_byte",
            "validation_bpb",
            "validation_loss_nats_per_byte",
        ];
        let roles = Names::default().assign(&names);
        assert_eq!(
            roles.iter().map(Option::is_some).collect::<Vec<_>>(),
            [true, false, true]
        );
    }

    #[test]
    fn losses_on_held_out_data_have_many_names() {
        for name in [
            "Validate Loss",
            "Evaluation loss",
            "validating loss",
            "held-out loss",
            "holdout loss",
            "cv loss",
            "vld_loss",
            "tst_loss",
            "valloss",
            "vloss",
            "val CE",
            "val xent",
            "val bpc",
        ] {
            assert_eq!(role(name), Some("eval_loss"), "{name}");
        }
        assert_eq!(
            (role("trn_loss"), role("train_xent")),
            (Some("train_loss"), Some("train_loss"))
        );
        assert_eq!(role("▁ce"), None);
    }

    #[test]
    fn the_word_next_to_the_loss_says_what_it_was_measured_on() {
        let role_of = |names: [&str; 3]| {
            let roles = Names::default().assign(&names);
            let names: Vec<&str> = roles.iter().map(|role| role.map_or("-", Role::name)).collect();
            names.join(" ")
        };
        for [train, held_out] in [
            ["eval_train_loss", "eval_val_loss"],
            ["eval_train_loss", "eval_validation_loss"],
            ["Eval/Train loss", "Eval/Dev loss"],
            ["test_training_loss", "test_heldout_loss"],
        ] {
            assert_eq!(role_of(["loss", train, held_out]), "train_loss - eval_loss");
            assert_eq!(role(train), Some("train_loss"), "{train}");
        }
        assert_eq!(role("train/eval_loss"), Some("eval_loss"));
        assert_eq!(role("latest_loss"), Some("train_loss"));
    }

    #[test]
    fn a_loggers_own_word_is_not_part_of_a_name_that_begins_with_it() {
        assert_eq!(role("data/loss"), Some("train_loss"));
        assert_eq!(role("data_time"), None);
        assert_eq!(role("history.val_loss"), Some("eval_loss"));
        assert_eq!(role("metric_time"), None);
    }

    #[test]
    fn auxiliary_losses_are_not_the_objective() {
        for name in [
            "z_loss",
            "moe/aux_loss",
            "load_balancing_loss",
            "mtp_1 loss",
            "best_loss",
            "TimeLoss",
        ] {
            assert_eq!(role(name), None, "{name}");
        }
    }

    #[test]
    fn of_two_players_the_generator_leads() {
        for names in [
            ["D loss", "G loss"],
            ["Loss/D/loss/mean", "Loss/G/loss/mean"],
            ["Loss_D", "Loss_G"],
            ["train/disc_loss", "train/gen_loss"],
            ["critic_loss", "generator_loss"],
            ["DLoss", "GLoss"],
        ] {
            let roles = Names::default().assign(&names);
            assert_eq!(roles, [None, Some(Role::of(Quantity::TrainLoss))], "{names:?}");
            let players = names.map(player);
            assert_eq!(
                players,
                [Some(Player::Discriminator), Some(Player::Generator)],
                "{names:?}"
            );
        }
        for names in [
            ["g_adv_loss", "g_loss_total"],
            ["gen_l1_loss", "gen_total_loss"],
            ["gan_loss", "loss_G"],
            ["adversarial_loss", "pixel_loss"],
            ["d_loss", "adv_loss"],
        ] {
            let roles = Names::default().assign(&names);
            assert_eq!(roles, [None, Some(Role::of(Quantity::TrainLoss))], "{names:?}");
        }
        for rates in [
            ["d_lr", "g_lr"],
            ["disc_learning_rate", "gen_learning_rate"],
            ["lr/discriminator", "lr/generator"],
        ] {
            let roles = Names::default().assign(&rates);
            assert_eq!(roles, [None, Some(Role::of(Quantity::LearningRate))], "{rates:?}");
        }
        assert_eq!(role("lr_generator"), Some("learning_rate"));
        assert_eq!(role("lr_decay"), None);
        assert_eq!(role("d_loss"), Some("train_loss"));
        assert_eq!(
            (player("loss"), player("D(x)"), player("id_loss")),
            (None, None, None)
        );
    }

    #[test]
    fn of_an_agent_the_value_function_leads() {
        for names in [
            ["train/loss_actor", "train/loss_critic"],
            ["policy_loss", "value_loss"],
            ["loss/policy_loss", "loss/value_loss"],
            ["LossPi", "LossV"],
            ["entloss", "loss_vf_loss"],
            ["ent_coef_loss", "qf1_loss"],
        ] {
            let roles = Names::default().assign(&names);
            assert_eq!(roles, [None, Some(Role::of(Quantity::TrainLoss))], "{names:?}");
        }
        let roles = Names::default().assign(&["policy_loss", "value_loss", "loss"]);
        assert_eq!(roles.iter().position(Option::is_some), Some(2));
        assert_eq!(role("policy_loss"), Some("train_loss"));
        assert_eq!(
            agent_part("default_policy/vf_loss"),
            Some(AgentPart::ValueFunction)
        );
        assert_eq!(agent_part("critic/loss"), Some(AgentPart::ValueFunction));
        assert_eq!((agent_part("loss"), agent_part("policy_entropy")), (None, None));
    }

    #[test]
    fn the_better_name_wins_whatever_the_order() {
        let names = Names::default();
        let roles = |columns: &[&str]| {
            names
                .assign(columns)
                .iter()
                .map(|role| role.map_or("-", Role::name))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            roles(&["_step", "train/global_step", "loss"]),
            "- step train_loss"
        );
        assert_eq!(
            roles(&["train_loss_epoch", "train_loss_step", "step"]),
            "- train_loss step"
        );
        assert_eq!(roles(&["global_step", "loss", "train/loss"]), "step train_loss -");
        assert_eq!(roles(&["d_loss_batch", "g_loss_batch"]), "- train_loss");
        assert_eq!(
            roles(&["_step", "epoch/epoch", "epoch/loss"]),
            "step epoch train_loss"
        );
    }

    #[test]
    fn what_is_tested_comes_after_what_is_validated() {
        let leads = |names: [&str; 2]| Names::default().assign(&names).iter().position(Option::is_some);
        for validation in ["val_loss", "val_loss_epoch", "valid_loss_epoch", "val/c4_loss"] {
            assert_eq!(leads(["test_loss", validation]), Some(1), "{validation}");
        }
        assert_eq!(leads(["test/acc", "test/loss"]), Some(1));
    }

    #[test]
    fn a_declared_name_beats_the_table() {
        let mut names = Names::default();
        names.declare("objective/main", Role::of(Quantity::TrainLoss));
        assert_eq!(
            names.assign(&["loss", "objective/main"]),
            vec![None, Some(Role::of(Quantity::TrainLoss))]
        );
        assert!(names.declares("Objective/Main") && !names.declares("loss"));
        assert!(names.missing_among(["objective_main"].into_iter()).is_empty());
        assert_eq!(names.missing_among(["loss"].into_iter()), ["objective/main"]);
    }

    #[test]
    fn the_whole_of_a_loss_goes_before_its_parts() {
        for names in [
            ["train_recon_loss", "train_total_loss"],
            ["val_recon_loss", "val_total_loss"],
            ["loss_recon", "loss_total"],
            ["val_loss_recon", "val_loss_total"],
            ["loss/ce", "loss/total"],
            ["nll_loss", "total_loss"],
            ["total_loss", "lm_loss"],
            ["validation/ce", "validation/total_loss"],
            ["recon_loss", "Total_train_loss"],
            ["total_box_loss", "total_loss"],
            ["total_loss", "loss"],
            ["total_loss", "avg_loss"],
            // The sum of all batches, or of all tokens.
            ["total_loss", "batch_loss"],
            ["total_loss_sum", "nll_loss"],
        ] {
            let roles = Names::default().assign(&names);
            assert_eq!(roles.iter().position(Option::is_some), Some(1), "{names:?}");
        }
        assert!(is_total_of("val_total", "val_recon_loss") && is_total_of("Total", "KL"));
        assert!(!is_total_of("train_total", "val_recon") && !is_total_of("time/total", "time/data"));
        assert_eq!(
            (role("total"), role("train_total"), role("total_time")),
            (None, None, Some("elapsed_seconds"))
        );
    }

    #[test]
    fn a_loss_may_go_by_another_name() {
        let mut names = Names::default();
        names.call_the_loss("mse");
        let role = |name: &str| names.role_of(name).map(|fit| fit.role.name());
        for name in ["mse", "train_mse", "TrainMSE", "mse/train", "avg mse"] {
            assert_eq!(role(name), Some("train_loss"), "{name}");
        }
        assert_eq!(
            (role("valid_1_mse"), role("Val MSE")),
            (Some("eval_loss"), Some("eval_loss"))
        );
        assert_eq!(
            (role("val_mse_x"), role("rmse"), role("mse_weight")),
            (None, None, None)
        );
    }

    #[test]
    fn a_loss_may_say_in_brackets_how_it_is_measured() {
        for name in [
            "Train Loss (MSE)",
            "train_loss [a.u.]",
            "Loss (L1)",
            "MSE loss (train)",
            "Loss_Train_Avg",
        ] {
            assert_eq!(role(name), Some("train_loss"), "{name}");
        }
        assert_eq!(
            (role("Val Loss (MSE)"), role("loss_dev")),
            (Some("eval_loss"), Some("eval_loss"))
        );
        assert_eq!((role("Time [s]"), role("loss (kl)")), (None, None));
        assert_eq!(role("valid loss/mse"), Some("eval_loss"));
        assert_eq!(role("lr(CosineAnnealingDecay)"), Some("learning_rate"));
        assert_eq!((role("lr (max)"), role("lr_cosine")), (None, None));
        assert_eq!(role("stage/traing_loss_val"), None);
    }

    #[test]
    fn a_power_of_ten_in_brackets_is_the_unit() {
        for (name, quantity, power) in [
            ("train/lr(1e-3)", Quantity::LearningRate, 1e-3),
            ("lr (x1e-4)", Quantity::LearningRate, 1e-4),
            ("loss(1e2)", Quantity::TrainLoss, 1e2),
        ] {
            let Some(Role::Value {
                quantity: found,
                scale,
            }) = Names::default().role_of(name).map(|fit| fit.role)
            else {
                panic!("{name} has no role");
            };
            assert!(found == quantity && (scale / power - 1.0).abs() < 1e-12, "{name}");
        }
        assert_eq!((role("step(1e3)"), role("lr(1e-3")), (None, None));
    }

    #[test]
    fn a_counter_has_many_names() {
        let roles = Names::default().assign(&["epoch_num", "step", "optimizer_steps", "env_steps"]);
        let names: Vec<&str> = roles.iter().map(|role| role.map_or("-", Role::name)).collect();
        assert_eq!(names, ["epoch", "-", "step", "-"]);
        for name in ["completed_steps", "step_idx", "batches_done", "env_steps"] {
            assert_eq!(role(name), Some("step"), "{name}");
        }
        // As often settings: of a diffusion, of spiking neurons, of the optimiser, of the whole run.
        for name in ["timesteps", "num_timesteps", "gradient_steps", "train_steps"] {
            assert_eq!(role(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_goes_before_the_same_below_a_loggers_word() {
        let names = ["extra/loss", "fields/step", "loss", "metrics/global_step", "step"];
        let roles = Names::default().assign(&names);
        let names: Vec<&str> = roles.iter().map(|role| role.map_or("-", Role::name)).collect();
        assert_eq!(names, ["-", "-", "train_loss", "-", "step"]);
        assert!(
            Names::default()
                .role_of("record/extra/global_step")
                .is_some_and(counts_the_run)
        );
    }
}
