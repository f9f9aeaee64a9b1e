//! A distribution as a table, for those who ask it often.

use super::Mixture;

/// How far the table reaches to both sides of the mean, in standard deviations.
const REACH: f64 = 6.0;
/// Intervals of the table.
const INTERVALS: u32 = 96;

/// The probabilities of at most so much, at evenly spaced values.
#[derive(Clone, Debug, PartialEq)]
pub struct Tabulated {
    first: f64,
    spacing: f64,
    below: Vec<f64>,
}

impl Tabulated {
    /// The table of a distribution.
    pub fn new(distribution: &Mixture) -> Tabulated {
        let (mean, sd) = (distribution.mean(), distribution.sd().max(1e-12));
        let spacing = 2.0 * REACH * sd / f64::from(INTERVALS);
        let first = mean - REACH * sd;
        let value = |index: u32| first + f64::from(index) * spacing;
        Tabulated {
            first,
            spacing,
            below: (0..=INTERVALS)
                .map(|index| distribution.below(value(index)))
                .collect(),
        }
    }

    /// The probability of at most `value`.
    pub fn below(&self, value: f64) -> f64 {
        let place = (value - self.first) / self.spacing;
        if place < 0.0 {
            return 0.0;
        }
        if place >= f64::from(INTERVALS) {
            return 1.0;
        }
        let (index, share) = (place.floor() as usize, place.fract());
        match self.below.get(index..).unwrap_or_default() {
            [before, after, ..] => before + share * (after - before),
            _ => 1.0,
        }
    }

    /// The middles of the intervals of the table, with the probability of each.
    pub fn masses(&self) -> impl Iterator<Item = (f64, f64)> {
        let middles = (0..INTERVALS).map(|index| self.first + (f64::from(index) + 0.5) * self.spacing);
        let steps = self.below.windows(2).map(|pair| match pair {
            [before, after] => after - before,
            _ => 0.0,
        });
        middles.zip(steps)
    }
}

/// The probability that a number with this distribution is the lowest, or above it by no more than
/// `margin`, when all are independent.
pub fn chance_of_lowest(own: &Tabulated, others: &[&Tabulated], margin: f64) -> f64 {
    let (mut lowest, mut all) = (0.0, 0.0);
    for (value, mass) in own.masses() {
        let above: f64 = others
            .iter()
            .map(|other| 1.0 - other.below(value - margin))
            .product();
        lowest += mass * above;
        all += mass;
    }
    if all > 0.0 { lowest / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::mixture::Floor;
    use crate::fit::normal;

    fn normal(mean: f64, sd: f64) -> Tabulated {
        Tabulated::new(&Mixture::normal(mean, sd))
    }

    #[test]
    fn a_table_says_what_its_distribution_says() {
        let mixture = Mixture::any_of(&[(0.7, Mixture::normal(3.0, 0.1)), (0.3, Mixture::normal(3.4, 0.4))]);
        let table = Tabulated::new(&mixture);
        for value in [1.0, 2.8, 3.0, 3.13, 3.5, 4.2, 9.0] {
            let apart = (table.below(value) - mixture.below(value)).abs();
            assert!(apart < 5e-3, "{value}: {apart}");
        }
        let floored = Tabulated::new(&Mixture::normal(0.01, 0.2).floored(Floor {
            at: 0.0,
            felt_from: 0.0,
        }));
        assert_eq!(floored.below(-0.1), 0.0);
        assert_eq!(floored.below(f64::INFINITY), 1.0);
    }

    #[test]
    fn the_chances_of_all_add_up_and_those_of_two_are_known() {
        // Of two normals: the distribution function of the gap over the joint standard deviation.
        let (one, two) = (normal(3.0, 0.03), normal(3.02, 0.04));
        let exact = normal::distribution(0.02 / 0.05);
        assert!((chance_of_lowest(&one, &[&two], 0.0) - exact).abs() < 2e-3);
        let handicapped = normal::distribution(0.03 / 0.05);
        assert!((chance_of_lowest(&two, &[&one], 0.05) - handicapped).abs() < 2e-3);
        let three = [one, two, normal(2.97, 0.001)];
        let sum: f64 = (0..3)
            .map(|index| {
                let others: Vec<&Tabulated> = (0..3)
                    .filter(|other| *other != index)
                    .map(|other| &three[other])
                    .collect();
                chance_of_lowest(&three[index], &others, 0.0)
            })
            .sum();
        assert!((sum - 1.0).abs() < 0.01, "{sum}");
        assert!(chance_of_lowest(&normal(5.0, 0.1), &[&normal(3.0, 0.1)], 0.0) < 1e-9);
        assert_eq!(chance_of_lowest(&normal(5.0, 0.1), &[], 0.0), 1.0);
    }
}
