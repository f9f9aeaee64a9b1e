//! How the gain of a falling learning rate arrives over the steps that follow.
//!
//! Every kernel here is a mixture of exponential memories of `rate^power`:
//!
//! - one memory and power 1 is the annealing momentum of Tissue, Wang and Wang
//!   (arXiv 2408.11029, Eq. 1);
//! - a power below 1 lets the gain grow more slowly than the learning rate, which is
//!   what high learning rates show (public logs: 1.0 at 1e-4 down to 0.6 at 3e-3);
//! - a power-law kernel `(1 + x / scale)^-decay`, as in the multi-power law (Luo et al.,
//!   arXiv 2503.12811, Eq. 2, with steps in place of the learning-rate area), is the
//!   gamma mixture of exponentials `integral r^(decay-1) exp(-r scale) exp(-r x) dr`.

/// Memories in steps from which kernels are mixed.
pub const MEMORIES: [f64; 10] = [
    12.5, 25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0,
];

/// Powers of the learning rate.
pub const POWERS: [f64; 4] = [0.5, 0.7, 0.85, 1.0];

/// Decay of the power-law kernels; fits of the multi-power law found 0.4 to 0.9.
const POWER_LAW_DECAY: f64 = 0.6;

/// Scales of the power-law kernels in steps.
const POWER_LAW_SCALES: [f64; 3] = [12.5, 50.0, 200.0];

/// Weights of the memories, in the order of [`MEMORIES`], and the typical memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kernel {
    /// Weights of the memories; they sum to one.
    pub weights: [f64; MEMORIES.len()],
    /// The time in steps after which a good half of the gain has arrived.
    pub typical_memory: f64,
}

/// All kernels that are weighed against each other.
pub fn kernels() -> Vec<Kernel> {
    let single = (0..MEMORIES.len()).map(|index| {
        let mut weights = [0.0; MEMORIES.len()];
        weights[index] = 1.0;
        Kernel {
            weights,
            typical_memory: MEMORIES[index],
        }
    });
    let power_laws = POWER_LAW_SCALES.iter().map(|scale| {
        let mut weights =
            MEMORIES.map(|memory| (1.0 / memory).powf(POWER_LAW_DECAY) * (-scale / memory).exp());
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= total);
        Kernel {
            weights,
            // Half of the kernel is gone at (2^(1 / decay) - 1) scales; an exponential
            // has lost half after ln 2 memories.
            typical_memory: scale * (2f64.powf(1.0 / POWER_LAW_DECAY) - 1.0) / std::f64::consts::LN_2,
        }
    });
    single.chain(power_laws).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixtures_follow_the_power_law_they_stand_for() {
        for (kernel, scale) in kernels().iter().skip(MEMORIES.len()).zip(POWER_LAW_SCALES) {
            assert!((kernel.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for steps in [0.5 * scale, scale, 4.0 * scale] {
                let mixture: f64 = kernel
                    .weights
                    .iter()
                    .zip(MEMORIES)
                    .map(|(weight, memory)| weight * (-steps / memory).exp())
                    .sum();
                let wanted = (1.0 + steps / scale).powf(-POWER_LAW_DECAY);
                assert!(
                    (mixture - wanted).abs() < 0.12,
                    "{scale} {steps}: {mixture} {wanted}"
                );
            }
        }
    }
}
