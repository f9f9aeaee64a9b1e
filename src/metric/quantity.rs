//! The quantities that losscast understands.

use std::fmt;

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
