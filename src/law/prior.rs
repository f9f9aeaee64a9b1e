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

impl Normal {
    /// Logarithm of the density, up to a constant.
    pub fn log_density(self, value: f64) -> f64 {
        -0.5 * ((value - self.mean) / self.sd).powi(2)
    }
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
    /// Power of the learning rate that anneals. Refits of public logs: 1.0 at a peak of
    /// 1e-4 down to 0.57 at 3e-3.
    pub power: Normal,
}

/// Peak learning rate for which the shares below hold.
const REFERENCE_PEAK: f64 = 5e-4;
/// Gain of a full anneal from that peak, as a share of the loss.
const DROP_SHARE: f64 = 0.049;
/// It grows with this power of the peak.
const DROP_GROWTH: f64 = 0.35;
/// Standard deviation of the gain, as a share of its mean, between labs.
const DROP_SPREAD: f64 = 0.45;
/// Peaks beyond which nothing is known: multipliers are logged as learning rates too.
const KNOWN_PEAKS: (f64, f64) = (3e-5, 2e-2);

impl Prior {
    /// The prior for a run whose loss is now about `level` and whose learning rate
    /// peaks at `peak`.
    pub fn at(level: f64, peak: f64) -> Prior {
        let level = level.abs().max(1e-3);
        let known = (KNOWN_PEAKS.0..=KNOWN_PEAKS.1).contains(&peak);
        let (relative, spread) = if known {
            (peak / REFERENCE_PEAK, DROP_SPREAD)
        } else {
            (1.5, 0.75)
        };
        let drop = DROP_SHARE * level * relative.powf(DROP_GROWTH);
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
                mean: drop,
                sd: spread * drop,
            },
            alpha: Normal { mean: 0.52, sd: 0.13 },
            log_memory: Normal { mean: 6.0, sd: 0.9 },
            power: Normal {
                mean: (0.80 - 0.135 * (relative * REFERENCE_PEAK / 1e-3).ln()).clamp(0.5, 1.0),
                sd: 0.2,
            },
        }
    }
}
