//! What is believed about the parameters before a run has shown anything.
//!
//! Gains are absolute (nats): the same formula holds for 25M to 360M parameters at
//! losses near 3 and for byte-level models of 100k parameters at losses near 1.5, while
//! as shares of the loss they differ by a factor of four. Where the loss is so small that
//! it cannot be nats per token, the gain is bounded by a share of the loss.
//!
//! Frozen on 2026-11-28, but for how knowledge fades beyond the peaks and levels where it was gained (2026-12-01).
//! Chosen on `multipowerlaw` (18 runs), `curves` (119) and the
//! healthy `realruns` (20) together; published values are named with each constant. Then held
//! against 310 public runs of 17 other families: those of `AdamW` at usual peaks were forecast
//! as well as these; for the spread between laboratories (OLMo's batches of millions of tokens),
//! for peaks of 0.01 to 0.05 (Muon, the modded-nanogpt records) and for losses below one
//! nat the constants were too sure, and were changed. The growth of the
//! gain with the peak, its bound and the shape of the tails (`forecast::hindsight`) were chosen
//! on all of these.

use super::relaxation::{BANDS, SHARES};
use super::repeats::Repeats;

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
    /// Gain of a full anneal (nats), all bands together.
    pub drop: Normal,
    /// Gain of each band (nats) when the others are as expected.
    pub bands: [Normal; BANDS],
    /// The expected gain as a share of the usual one at this level and peak, which siblings have in common.
    pub gain_share: f64,
    /// Exponent of S1. Published: 0.42 to 0.76 (arXiv 2408.11029, 2503.12811); refits of
    /// public logs: 0.45 to 0.80.
    pub alpha: Normal,
    /// Power of the learning rate that anneals once the sharpness has adapted.
    pub power: Normal,
    /// Power of the learning rate that progress counts.
    pub progress: Normal,
    /// The other loss (train for eval, eval for train) less this one: asymptote.
    pub companion_l0: f64,
    /// The same: reducible loss now.
    pub companion_amplitude: f64,
    /// The same: gain of a full anneal, as a share of it.
    pub companion_gain: f64,
    /// What learning the data by heart has changed by now (nats), up or down: standard deviation; where it
    /// shows at the ends of epochs, that of the first of its steps.
    pub by_heart: f64,
    /// The epochs at whose ends it shows; elsewhere it grows with every step of the run.
    pub epochs: Option<Repeats>,
    /// Standard deviation of what no law of this kind explains at the last step, as a
    /// share of the loss.
    pub misfit: f64,
    /// How surely the constants hold: one where they were seen to, less the further away from there.
    pub known: f64,
    /// What forecasts from this prior are off by, as a multiple of the variance that they
    /// state: one where the constants were seen to hold.
    pub doubt: f64,
}

/// Peak learning rate for which the constants hold.
pub const REFERENCE_PEAK: f64 = 5e-4;
/// Gain of a full anneal that is given all the time it needs, from that peak (nats).
/// What a decay of usual length gains is about half: 0.117 nats for the last 20%
/// of 25,000 steps (47 branches), 0.07 to 0.15 published.
const DROP: f64 = 0.22;
/// It grows with this power of the peak. Of 47 branches at 1e-4 to 3e-3: 0.39, but short decays
/// at 1e-4 gain more and at 1e-3 less than that says, here and in the unseen families.
const DROP_GROWTH: f64 = 0.33;
/// It is hardly more than this share of the loss.
const DROP_BOUND: f64 = 0.45;
/// Standard deviation of the gain between labs, as a share of it. The gain from which the end would have been
/// forecast exactly, in multiples of the one that is meant here: 1.02 in four families of one laboratory (0.1M
/// tokens a batch), 0.93 (multi-power law), 1.04 (1k tokens a batch), 0.78 (OLMo), 0.67 (law of annealing,
/// 100M), 0.64 (`TinyStories`, 32k tokens a batch), 0.64 (FineWeb-Edu). Neither batch nor noise tells which.
const DROP_SPREAD: f64 = 0.21;
/// Standard deviation of each band on its own, as a share of it.
const BAND_SPREAD: f64 = 0.22;
/// The same where the peak tells nothing: optimisers that scale their updates (Muon) count
/// another way, and multipliers are logged as learning rates too.
const UNKNOWN_SPREAD: f64 = 0.6;
/// There it is hardly more than this share of the loss.
const UNKNOWN_BOUND: f64 = 0.12;
/// Peaks between which the formula was seen to hold.
const KNOWN_PEAKS: (f64, f64) = (3e-5, 6e-3);
/// Beyond them the formula may still hold, the less the further away: so far in the logarithm it is as likely
/// as 1 to e. At 0.01 it has failed 45 runs of pixels (where it was trusted by a third, 27% of 180 forecasts
/// had their end above the 80% interval), and at 0.02 and 0.05 Muon.
const REACH_OF_PEAKS: f64 = 0.3;
/// It is hardly more than so many times what the loss has lately lost while the steps grew e-fold: both
/// come from what is left to learn. Decays of usual length have gained 0.2 to 1.9 times that in
/// seven families of language models (115 runs), half of what is meant here, and 0.3 to 0.6 times
/// of pixels of small pictures, where all of it is a twentieth of what these gain.
const DROP_PER_FALL: f64 = 8.0;
/// Of what this bound takes off, this share is left as a standard deviation: a loss that a large
/// learning rate keeps from falling at all may gain much.
const DOUBT_OF_THE_FALL: f64 = 0.3;
/// What the rate of a run has taken of the loss comes back with this standard deviation, as a share of it.
const DOUBT_OF_THE_LOST: f64 = 0.5;
/// Misfit at a peak of 1e-3 as a share of the loss; it grows with the root of the peak
/// (joint fits leave 0.002 nats at 5e-4 to 2e-3).
const MISFIT: f64 = 3e-4;

/// Loss below which it is hardly one of a language model (nats per token or byte).
const LEAST_KNOWN_LEVEL: f64 = 1.15;
/// Below it may still be, the less the further away: the same as of the peaks.
const REACH_OF_LEVELS: f64 = 0.15;

/// Standard deviation of the asymptote, as a share of the loss.
const L0_SPREAD: f64 = 0.5;
/// The same of the difference between the asymptotes of both losses...
const COMPANION_L0: f64 = 0.1;
/// ...of which this share falls as the reducible loss does.
const COMPANION_FALL: f64 = 0.15;
/// Standard deviation of what learning by heart changes by the end of a run, as a share of the loss:
/// in fine-tunings over several epochs the eval loss has risen by 5 to 30% then.
const BY_HEART: f64 = 0.3;

/// The doubt at a peak, and at a level of the loss, where the constants were not seen to hold: there
/// the law is further off than it says.
const DOUBT_OF_A_PEAK: f64 = 2.0;
const DOUBT_OF_A_LEVEL: f64 = 6.0;

/// Before this step the law is further off than it says: a language model first learns how frequent each
/// token is, then what follows what, then to copy (Olsson et al., arXiv 2209.11895), and each of these takes the
/// loss down in its turn. Of 83 forecasts from 200 to 500 steps the 90% interval held 63, and all 20
/// that it missed were too high.
const EARLY: f64 = 800.0;
/// The doubt of the beginning is not more than this: logs that count epochs have few steps at any time.
const MOST_EARLY_DOUBT: f64 = 6.0;

/// A peak of exactly this is no learning rate but the unit of one of which the shape alone is known:
/// schedules without a peak have it, and the multipliers that some schedulers log.
const SHAPE_ALONE: f64 = 1.0;

/// The nearest peak for which something is known.
pub fn plausible_peak(peak: f64) -> f64 {
    if peak == SHAPE_ALONE {
        return REFERENCE_PEAK;
    }
    // Not `clamp`, which keeps NaN.
    peak.max(KNOWN_PEAKS.0).min(KNOWN_PEAKS.1)
}

impl Prior {
    /// The prior for a run whose loss is now about `level` and whose learning rate
    /// peaks at `peak`.
    pub fn at(level: f64, peak: f64) -> Prior {
        let level = level.abs().max(1e-3);
        let peak_is_known = knowledge((peak / plausible_peak(peak)).ln(), REACH_OF_PEAKS);
        let level_is_known = knowledge((LEAST_KNOWN_LEVEL / level).ln().max(0.0), REACH_OF_LEVELS);
        let known = peak_is_known * level_is_known;
        let doubt_of_the_peak = DOUBT_OF_A_PEAK + (1.0 - DOUBT_OF_A_PEAK) * peak_is_known;
        let doubt = DOUBT_OF_A_LEVEL + (doubt_of_the_peak - DOUBT_OF_A_LEVEL) * level_is_known;
        let peak = plausible_peak(peak);
        let free = DROP * (peak / REFERENCE_PEAK).powf(DROP_GROWTH);
        let bounded = |share: f64| smooth_minimum(free, share * level);
        // One of two: as it was seen, or unknown.
        let (seen, unknown) = (bounded(DROP_BOUND), bounded(UNKNOWN_BOUND));
        let drop = known * seen + (1.0 - known) * unknown;
        let squares = known * ((DROP_SPREAD * seen).powi(2) + seen * seen)
            + (1.0 - known) * ((UNKNOWN_SPREAD * unknown).powi(2) + unknown * unknown);
        let spread = (squares - drop * drop).max(0.0).sqrt() / drop;
        let band = |share: f64| Normal {
            mean: share * drop,
            sd: BAND_SPREAD * share * drop,
        };
        let alone: f64 = SHARES.iter().map(|share| (BAND_SPREAD * share).powi(2)).sum();
        Prior {
            l0: Normal {
                mean: 0.9 * level,
                sd: L0_SPREAD * level,
            },
            amplitude: Normal {
                mean: 0.12 * level,
                sd: 0.3 * level,
            },
            drop: Normal {
                mean: drop,
                sd: drop * (spread * spread + alone).sqrt(),
            },
            bands: SHARES.map(band),
            gain_share: 1.0,
            alpha: Normal { mean: 0.55, sd: 0.14 },
            power: Normal { mean: 0.4, sd: 0.13 },
            progress: Normal { mean: 0.73, sd: 0.22 },
            companion_l0: COMPANION_L0 * level,
            companion_amplitude: COMPANION_FALL * COMPANION_L0 * level,
            companion_gain: 0.15,
            by_heart: 0.0,
            epochs: None,
            known,
            doubt,
            misfit: MISFIT * (peak / 1e-3).sqrt().clamp(0.4, 1.5),
        }
    }

    /// The same for a run whose loss has lately lost `fall` (nats) while its steps grew e-fold.
    pub fn falling(self, fall: f64) -> Prior {
        /// Less of the gain cannot be told from none.
        const LEAST: f64 = 0.02;
        let bound = (DROP_PER_FALL * fall).max(LEAST * self.drop.mean);
        let bounded = smooth_minimum(self.drop.mean, bound);
        let share = bounded / self.drop.mean;
        let doubt = DOUBT_OF_THE_FALL * (self.drop.mean - bounded);
        Prior {
            drop: Normal {
                mean: bounded,
                sd: (share * self.drop.sd).hypot(doubt),
            },
            bands: self.bands.map(|band| Normal {
                mean: share * band.mean,
                sd: share * band.sd,
            }),
            gain_share: share * self.gain_share,
            ..self
        }
    }

    /// The same for a run whose loss is `lost` (nats) above what it was at lower rates, in its warm-up: so much, at
    /// least, comes back when the rate falls again.
    pub fn regaining(self, lost: f64) -> Prior {
        let lost = lost.max(0.0);
        let share = 1.0 + lost / self.drop.mean;
        Prior {
            drop: Normal {
                mean: share * self.drop.mean,
                sd: self.drop.sd.hypot(DOUBT_OF_THE_LOST * lost),
            },
            bands: self.bands.map(|band| Normal {
                mean: share * band.mean,
                sd: share * band.sd,
            }),
            gain_share: share * self.gain_share,
            ..self
        }
    }

    /// The same for a run that has made so many steps.
    pub fn after(self, steps: f64) -> Prior {
        let early = (EARLY / steps.max(1.0)).powi(2).min(MOST_EARLY_DOUBT);
        Prior {
            doubt: self.doubt.max(early),
            ..self
        }
    }

    /// The same for a run that learns its data by heart and has this share of its steps behind it.
    pub fn learning_by_heart(self, share: f64) -> Prior {
        Prior {
            by_heart: BY_HEART * share * self.l0.sd / L0_SPREAD,
            ..self
        }
    }

    /// The same for a run whose loss, about `level` in the beginning, has stepped down where its epochs ended.
    pub fn stepping(self, epochs: Repeats, level: f64) -> Prior {
        Prior {
            by_heart: Repeats::spread(level.abs()),
            epochs: Some(epochs),
            ..self
        }
    }

    /// The same for a loss that is now about `level` beside a companion that is about `other`: what
    /// they have in common is the less, the further they lie apart.
    pub fn beside(self, level: f64, other: f64) -> Prior {
        let apart = (other - level).abs();
        Prior {
            companion_l0: self.companion_l0.max(apart),
            companion_amplitude: self.companion_amplitude.max(COMPANION_FALL * apart),
            companion_gain: self.companion_gain.max(apart / level.abs().max(1e-3)),
            ..self
        }
    }

    /// Expected gain of each band (nats), above zero.
    pub fn gains(&self) -> [f64; BANDS] {
        self.bands.map(|band| band.mean.max(1e-12))
    }

    /// Covariance of the gains of two bands (nats squared).
    pub fn band_covariance(&self, one: usize, other: usize) -> f64 {
        let (Some(first), Some(second)) = (self.bands.get(one), self.bands.get(other)) else {
            return 0.0;
        };
        let own = if one == other { first.sd * second.sd } else { 0.0 };
        let alone: f64 = self.bands.iter().map(|band| band.sd * band.sd).sum();
        let common = ((self.drop.sd.powi(2) - alone) / self.drop.mean.powi(2)).max(0.0);
        own + common * first.mean * second.mean
    }
}

/// How much is still known so far (`away`) from where something is, of which `reach` is the measure: nothing
/// where there is no saying how far.
fn knowledge(away: f64, reach: f64) -> f64 {
    let share = (-(away / reach).powi(2)).exp();
    if share.is_nan() { 0.0 } else { share }
}

/// The less of two positive numbers, without a corner where they are the same.
pub(super) fn smooth_minimum(one: f64, other: f64) -> f64 {
    one * other / (one.powi(3) + other.powi(3)).cbrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_that_lie_far_apart_are_hardly_the_same_one() {
        let prior = Prior::at(2.0, 1e-3);
        assert_eq!(prior.beside(2.0, 2.1), prior);
        // The train loss of a detector, ten times as large as that of its evaluations.
        let small = Prior::at(0.01, 1e-3).beside(0.01, 0.1);
        assert!((small.companion_l0 - 0.09).abs() < 1e-9 && (small.companion_gain - 9.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_believed_changes_little_where_little_changes() {
        for (one, other) in [
            (Prior::at(1.3, 0.005_99), Prior::at(1.3, 0.006_01)),
            (Prior::at(1.3, 0.02), Prior::at(1.3, 0.0201)),
            (Prior::at(1.005, 1e-3), Prior::at(0.995, 1e-3)),
            (Prior::at(0.7, 1e-3), Prior::at(0.69, 1e-3)),
        ] {
            let alike = |one: f64, other: f64| (one / other).ln().abs() < 0.1;
            assert!(
                alike(one.drop.mean, other.drop.mean)
                    && alike(one.drop.sd, other.drop.sd)
                    && alike(one.doubt, other.doubt),
                "{one:?} {other:?}"
            );
        }
        // Multiples of the usual peaks, and pixels rather than words.
        assert!(Prior::at(3.0, 0.05).known < 0.01 && Prior::at(0.2, 1e-3).known < 0.01);
    }

    #[test]
    fn what_a_rate_has_taken_comes_back_and_more() {
        let prior = Prior::at(4.5, 0.1);
        let regaining = prior.regaining(2.0);
        assert!((regaining.drop.mean - prior.drop.mean - 2.0).abs() < 1e-9);
        assert!(regaining.drop.sd > 1.0);
        let bands: f64 = regaining.bands.iter().map(|band| band.mean).sum();
        assert!((bands - regaining.drop.mean).abs() < 1e-9);
        assert_eq!(prior.regaining(-1.0).drop, prior.drop);
    }

    #[test]
    fn the_gains_of_all_laboratories_are_likely() {
        let drop = Prior::at(3.2, 5e-4).drop;
        for gain in [1.02_f64, 0.93, 1.04, 0.78, 0.67, 0.64, 0.64] {
            let away = (gain - 1.0).abs() * drop.mean / drop.sd;
            assert!(away < 1.645, "{gain}: {away}");
        }
    }

    #[test]
    fn little_is_known_at_a_rate_two_thirds_higher_than_any_that_was_seen() {
        assert!(Prior::at(3.2, 1e-2).known < 0.1, "{}", Prior::at(3.2, 1e-2).known);
        // Of a sweep over rates, the next is believed nearly the same.
        assert!(Prior::at(3.2, 6.5e-3).known > 0.9);
    }

    #[test]
    fn the_first_hundreds_of_steps_follow_no_law_closely() {
        let doubt = |steps: f64| Prior::at(2.5, 1e-3).after(steps).doubt;
        assert!(doubt(200.0) > doubt(400.0) && doubt(400.0) > 2.0);
        assert_eq!(doubt(1000.0), 1.0);
        // What is doubted anyway is doubted no less.
        assert!(Prior::at(0.1, 1e-3).after(1000.0).doubt > 0.99 * DOUBT_OF_A_LEVEL);
    }

    #[test]
    fn a_loss_that_hardly_falls_gains_little_by_annealing() {
        let prior = Prior::at(3.2, 1e-2);
        let usual = prior.falling(0.15);
        assert!(usual.drop.mean > 0.9 * prior.drop.mean && usual.drop.sd < prior.drop.sd);
        // Pixels of small pictures, after half of 150,000 steps: a decay gains 0.007 nats.
        let flat = prior.falling(0.011);
        assert!(flat.drop.mean < 0.1 && flat.drop.mean - 2.0 * flat.drop.sd < 0.007);
        for fall in [0.0, -0.2] {
            let still = prior.falling(fall);
            assert!(still.gains().iter().all(|gain| *gain > 0.0));
            let common = still.band_covariance(0, 1);
            assert!(common.is_finite() && common > 0.0);
        }
    }
}
