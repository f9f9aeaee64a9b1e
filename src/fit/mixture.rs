//! A mixture of normal distributions: what a posterior says of one number.

use std::collections::BTreeMap;

use crate::fit::normal::{self, distribution};

/// A mixture of normal distributions, possibly with a floor: what lies below it counts
/// as the floor itself, and takes no part in how far up the rest may reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    parts: Vec<Part>,
    floor: Floor,
}

/// What a number never falls to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// The floor itself.
    pub at: f64,
    /// From here on it is felt: the number falls more slowly than it seems to.
    pub felt_from: f64,
}

impl Floor {
    /// A number that may be any.
    pub const NONE: Floor = Floor {
        at: f64::NEG_INFINITY,
        felt_from: f64::NEG_INFINITY,
    };

    /// What `value` is above this floor: the same from where it is felt on, and below it, smoothly,
    /// `near^2 / (2 near - height)` in heights above the floor.
    pub fn kept_above(self, value: f64) -> f64 {
        let (near, height) = (self.felt_from - self.at, value - self.at);
        if height < near {
            // With nothing between, the floor itself.
            self.at + near * near / (2.0 * near - height)
        } else {
            value
        }
    }
}

/// A quantile is found when it moves by no more than this many standard deviations.
const CLOSE: f64 = 1e-9;
/// Halving alone comes as close as numbers do in about so many steps.
const MOST_ITERATIONS: usize = 60;

/// What lies above a floor when it is too little to reckon with.
const NEXT_TO_NOTHING: f64 = 1e-9;

/// One normal of a mixture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Its share; shares sum to one.
    pub weight: f64,
    /// Its mean.
    pub mean: f64,
    /// Its variance.
    pub variance: f64,
}

impl Mixture {
    /// A mixture of these parts, whose weights sum to one.
    pub fn new(parts: Vec<Part>) -> Mixture {
        let floor = Floor::NONE;
        Mixture { parts, floor }
    }

    /// A single normal distribution.
    pub fn normal(mean: f64, sd: f64) -> Mixture {
        Mixture::new(vec![Part {
            weight: 1.0,
            mean,
            variance: sd * sd,
        }])
    }

    /// The mean, kept above the floor.
    pub fn mean(&self) -> f64 {
        self.floor.kept_above(self.free_mean())
    }

    fn free_mean(&self) -> f64 {
        self.parts.iter().map(|part| part.weight * part.mean).sum()
    }

    /// The standard deviation, as if there were no floor.
    pub fn sd(&self) -> f64 {
        let mean = self.free_mean();
        let variance: f64 = self
            .parts
            .iter()
            .map(|part| part.weight * (part.variance + (part.mean - mean).powi(2)))
            .sum();
        variance.max(0.0).sqrt()
    }

    /// The same with an independent error of this variance added.
    pub fn blurred(&self, variance: f64) -> Mixture {
        let blurred = self.parts.iter().map(|part| Part {
            variance: part.variance + variance,
            ..*part
        });
        Mixture {
            parts: blurred.collect(),
            floor: self.floor,
        }
    }

    /// The same, lower by so much.
    pub fn lower_by(&self, fall: f64) -> Mixture {
        let lower = self.parts.iter().map(|part| Part {
            mean: part.mean - fall,
            ..*part
        });
        Mixture {
            parts: lower.collect(),
            floor: self.floor,
        }
    }

    /// The same about its mean, but as many times as wide as one of these factors says: all are
    /// as likely.
    pub fn widened(&self, factors: &[f64]) -> Mixture {
        let mean = self.free_mean();
        let share = 1.0 / factors.len().max(1) as f64;
        let widened = |factor: f64| {
            self.parts.iter().map(move |part| Part {
                weight: share * part.weight,
                mean: mean + factor * (part.mean - mean),
                variance: factor * factor * part.variance,
            })
        };
        Mixture {
            parts: factors.iter().flat_map(|factor| widened(*factor)).collect(),
            floor: self.floor,
        }
    }

    /// What holds when one of these does, each with its probability; they sum to one. The floor
    /// is that of the first.
    pub fn any_of(possible: &[(f64, Mixture)]) -> Mixture {
        let parts = possible.iter().flat_map(|(probability, mixture)| {
            mixture.parts.iter().map(move |part| Part {
                weight: probability * part.weight,
                ..*part
            })
        });
        Mixture {
            parts: parts.collect(),
            floor: possible.first().map_or(Floor::NONE, |(_, first)| first.floor),
        }
    }

    /// The same with fewer parts: those that are nearly alike, by a 24th of the standard
    /// deviation and a quarter of their own, are one, with the mean and the variance of them
    /// together.
    #[must_use]
    pub fn condensed(&self) -> Mixture {
        const MEANS: f64 = 24.0;
        const WIDTHS: f64 = 4.0;
        let (mean, sd) = (self.free_mean(), self.sd().max(f64::MIN_POSITIVE));
        let place = |part: &Part| {
            let width = 0.5 * (part.variance / (sd * sd)).max(1e-12).ln();
            let of = |value: f64| value.round() as i64;
            (of(MEANS * (part.mean - mean) / sd), of(WIDTHS * width))
        };
        // Sums of the weights, the means and the squares about the mean of all.
        let mut sums: BTreeMap<(i64, i64), (f64, f64, f64)> = BTreeMap::new();
        for part in &self.parts {
            let from = part.mean - mean;
            let (weight, first, second) = sums.entry(place(part)).or_default();
            *weight += part.weight;
            *first += part.weight * from;
            *second += part.weight * (part.variance + from * from);
        }
        let part = |(weight, first, second): (f64, f64, f64)| {
            let from = first / weight;
            Part {
                weight,
                mean: mean + from,
                variance: (second / weight - from * from).max(0.0),
            }
        };
        let sums = sums.into_values().filter(|(weight, ..)| *weight > 0.0);
        Mixture {
            parts: sums.map(part).collect(),
            floor: self.floor,
        }
    }

    /// The same with a floor.
    pub fn floored(self, floor: Floor) -> Mixture {
        Mixture { floor, ..self }
    }

    /// The probability of a value of at most `value`.
    pub fn below(&self, value: f64) -> f64 {
        if value < self.floor.at {
            return 0.0;
        }
        self.parts
            .iter()
            .map(|part| part.weight * distribution((value - part.mean) / part.variance.max(1e-30).sqrt()))
            .sum()
    }

    /// The probability of a value above `value`, as if there were no floor, and the density there.
    fn above(&self, value: f64) -> (f64, f64) {
        self.parts.iter().fold((0.0, 0.0), |(above, density), part| {
            let sd = part.variance.max(1e-30).sqrt();
            let z = (part.mean - value) / sd;
            (
                above + part.weight * distribution(z),
                density + part.weight * normal::density(z) / sd,
            )
        })
    }

    /// The value below which lies this probability. Above the median what lies above the floor
    /// counts alone: a loss that is about to reach 0 may always end a little above.
    pub fn quantile(&self, probability: f64) -> f64 {
        let (mean, sd, floor) = (self.free_mean(), self.sd(), self.floor.at);
        let kept = if floor.is_finite() {
            self.above(floor).0
        } else {
            1.0
        };
        if probability > 0.5 && kept < NEXT_TO_NOTHING {
            // So far out a normal distribution falls off like an exponential one.
            let tail = sd * sd / (floor - mean);
            let far = floor - tail * (1.0 - probability).max(1e-12).ln();
            return far.max(self.mean());
        }
        let probability = if probability > 0.5 {
            1.0 - (1.0 - probability) * kept
        } else {
            probability
        };
        // Chebyshev: no quantile of interest is farther out than this.
        let reach = sd / probability.min(1.0 - probability).clamp(1e-9, 0.5).sqrt();
        let (mut low, mut high) = (mean - reach, mean + reach);
        let mut value = mean + sd * normal::quantile(probability);
        // Newton's method, which halves what is left where it would leave it.
        for _ in 0..MOST_ITERATIONS {
            let (above, density) = self.above(value);
            let excess = above - (1.0 - probability);
            if excess > 0.0 {
                low = value;
            } else {
                high = value;
            }
            let next = value + excess / density;
            let next = if next > low && next < high {
                next
            } else {
                0.5 * (low + high)
            };
            let step = (next - value).abs();
            value = next;
            if step <= CLOSE * sd {
                break;
            }
        }
        if probability > 0.5 {
            self.floor.kept_above(value)
        } else {
            value.max(floor)
        }
    }

    /// The central interval that holds with probability `level`.
    pub fn interval(&self, level: f64) -> (f64, f64) {
        (self.quantile(0.5 - 0.5 * level), self.quantile(0.5 + 0.5 * level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(weight: f64, mean: f64) -> Part {
        Part {
            weight,
            mean,
            variance: 0.01,
        }
    }

    #[test]
    fn a_floor_gathers_what_would_lie_below_it_but_the_mean_stays_above() {
        let zero = Floor {
            at: 0.0,
            felt_from: 0.05,
        };
        let floored = |mean: f64, sd: f64| Mixture::normal(mean, sd).floored(zero);
        assert_eq!(
            (floored(0.1, 0.2).mean(), floored(0.1, 0.2).quantile(0.1)),
            (0.1, 0.0)
        );
        assert_eq!(
            floored(3.0, 0.1).interval(0.9),
            Mixture::normal(3.0, 0.1).interval(0.9)
        );
        // A half normal has 90% below 1.6449 sd; far below the floor the tail is exponential.
        assert!((floored(0.0, 0.2).quantile(0.9) - 0.2 * 1.644_854).abs() < 1e-5);
        let mut last = f64::INFINITY;
        for mean in [0.0, -0.5, -0.59, -0.61, -3.0] {
            let under = floored(mean, 0.1);
            let (low, high) = under.interval(0.9);
            assert!(low == 0.0 && 0.0 < under.mean() && under.mean() < last, "{mean}");
            assert!(high >= under.mean(), "{mean}: {high}");
            last = under.mean();
        }
    }

    #[test]
    fn condensing_changes_little_but_the_number_of_parts() {
        let parts = (0..5000).map(|index| {
            let place = f64::from(index) / 5000.0;
            Part {
                weight: 1.0 / 5000.0,
                mean: 3.0 + 0.1 * (7.0 * place).sin() + 0.3 * place.powi(8),
                variance: (0.002 + 0.03 * place * place).powi(2),
            }
        });
        let mixture = Mixture::new(parts.collect());
        let condensed = mixture.condensed();
        assert!(condensed.parts.len() < 1000, "{}", condensed.parts.len());
        assert!((condensed.mean() - mixture.mean()).abs() < 1e-12);
        assert!((condensed.sd() - mixture.sd()).abs() < 1e-12);
        for probability in [0.05, 0.1, 0.5, 0.9, 0.95] {
            let moved = condensed.quantile(probability) - mixture.quantile(probability);
            assert!(moved.abs() < 1e-3 * mixture.sd(), "{probability}: {moved}");
        }
    }

    #[test]
    fn widening_keeps_the_mean_and_scales_the_deviation() {
        let mixture = Mixture::new(vec![part(0.7, 3.0), part(0.3, 4.0)]);
        let wide = mixture.widened(&[2.0]);
        assert!((wide.mean() - mixture.mean()).abs() < 1e-12);
        assert!((wide.sd() - 2.0 * mixture.sd()).abs() < 1e-12);
        let either = mixture.widened(&[1.0, 7.0_f64.sqrt()]);
        assert!((either.mean() - mixture.mean()).abs() < 1e-12);
        assert!((either.sd() - 2.0 * mixture.sd()).abs() < 1e-12);
    }

    #[test]
    fn one_part_is_a_normal() {
        let normal = Mixture::normal(2.0, 0.5);
        let (low, high) = normal.interval(0.8);
        assert!((low - (2.0 - 0.5 * 1.281_551_6)).abs() < 1e-5, "{low}");
        assert!((high - (2.0 + 0.5 * 1.281_551_6)).abs() < 1e-5, "{high}");
        assert!((normal.blurred(0.75).sd() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_lopsided_mixture_has_a_lopsided_interval() {
        let mixture = Mixture::new(vec![part(0.9, 3.0), part(0.1, 4.0)]);
        assert!((mixture.mean() - 3.1).abs() < 1e-12);
        let (low, high) = mixture.interval(0.9);
        assert!(3.1 - low < 0.35 && high - 3.1 > 0.8, "{low} {high}");
        assert!((mixture.below(mixture.quantile(0.3)) - 0.3).abs() < 1e-6);
    }
}
