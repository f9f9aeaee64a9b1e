//! What is believed about the parameters before a run has shown anything.
//!
//! Wide on purpose: published and measured values differ between labs by more than
//! within one (`drop` is 3% of the loss for 25M to 400M parameters at batches of
//! 0.5M tokens, up to 10% at high learning rates, 15% for tiny models at batches of
//! 1k tokens). Amplitudes are relative to the level of the loss, so that the prior
//! holds for nats per token, bits per byte and other units alike.

/// A normal prior for one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

/// Priors of the annealing law for a run at a given level of loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// Asymptote (nats).
    pub l0: Normal,
    /// Reducible loss now (nats).
    pub amplitude: Normal,
    /// Gain of a full anneal (nats).
    pub drop: Normal,
    /// Exponent of S1. Published: 0.42 to 0.76; refits of public logs: 0.45 to 0.80.
    pub alpha: Normal,
    /// Natural logarithm of the memory in steps. Refits of public logs: 100 to 2000.
    pub log_memory: Normal,
}

/// Gain of a full anneal as a share of the loss: mean and standard deviation.
const DROP_SHARE: Normal = Normal {
    mean: 0.06,
    sd: 0.045,
};

impl Prior {
    /// The prior for a run whose loss is now about `level`.
    pub fn at_level(level: f64) -> Prior {
        let level = level.abs().max(1e-3);
        Prior {
            l0: Normal {
                mean: 0.9 * level,
                sd: 0.5 * level,
            },
            amplitude: Normal {
                mean: 0.12 * level,
                sd: 0.3 * level,
            },
            drop: Normal {
                mean: DROP_SHARE.mean * level,
                sd: DROP_SHARE.sd * level,
            },
            alpha: Normal { mean: 0.52, sd: 0.13 },
            log_memory: Normal { mean: 6.0, sd: 0.9 },
        }
    }
}
