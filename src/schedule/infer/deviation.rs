//! How well a shape explains logged learning rates.

use super::TRIFLE;
use super::fit::LARGEST_OTHER_RATIO;
use crate::schedule::shape::{Decay, Schedule, Shape};

/// How far a shape of a given length lies from the logged rates, whatever its ratio at the end.
///
/// Where exactly, within the steps between two rates, the fall begins, and how far above the
/// highest logged rate the peak lies, is not known: both are fitted along, held back a little.
/// The share is linear in the ratio, `r + (1 - r) d`, and nearly so in these two, so products
/// of four vectors are all that is needed.
pub(super) struct Deviation {
    count: f64,
    /// Products of every two of: the logged share, the shape down to zero, what a ratio of one
    /// would add to it, and what an earlier start would.
    products: [[f64; 4]; 4],
}

impl Deviation {
    /// That of a shape, from its start to its end, with so many steps between two rates, which
    /// are `scale` times as high as they are logged.
    pub(super) fn of(
        shares: &[(f64, f64)],
        scale: f64,
        decay: Decay,
        start: f64,
        total: f64,
        stride: f64,
    ) -> Deviation {
        let min_ratio = 0.0;
        let to_zero = Schedule::of(Shape::Fall { decay, min_ratio });
        let mut products = [[0.0; 4]; 4];
        for (step, share) in shares {
            let low = to_zero.share(*step, start, total);
            // Before the start the rate owes nothing to the ratio.
            let above = if *step >= start { 1.0 - low } else { 0.0 };
            let earlier = to_zero.share(*step, start - stride, total) - low;
            let vectors = [scale * share, low, above, earlier];
            for (row, one) in products.iter_mut().zip(vectors) {
                for (product, other) in row.iter_mut().zip(vectors) {
                    *product += one * other;
                }
            }
        }
        Deviation {
            count: shares.len() as f64,
            products,
        }
    }

    /// The product of two sums of the vectors.
    fn product(&self, one: [f64; 4], other: [f64; 4]) -> f64 {
        let rows = self.products.iter().zip(one);
        rows.map(|(row, weight)| {
            let row = row.iter().zip(other);
            weight * row.map(|(product, weight)| product * weight).sum::<f64>()
        })
        .sum()
    }

    /// Root mean square at this ratio.
    pub(super) fn at(&self, ratio: f64) -> f64 {
        /// Strides by which a fall may begin earlier or later, and the share of the peak that
        /// none of the logged rates shows.
        const EARLIER: f64 = 0.7;
        const HIGHER: f64 = 5e-4;
        const MOST_HIGHER: f64 = 5e-3;
        const MOST_LOWER: f64 = 1e-3;
        let (off, earlier, higher) = (
            [1.0, -1.0, -ratio, 0.0],
            [0.0, 0.0, 0.0, 1.0],
            [0.0, 1.0, ratio, 0.0],
        );
        let held_back = |spread: f64| (TRIFLE / spread).powi(2);
        let [a, b, c] = [
            self.product(earlier, earlier) + held_back(EARLIER),
            self.product(earlier, higher),
            self.product(higher, higher) + held_back(HIGHER),
        ];
        let (one, other) = (self.product(off, earlier), self.product(off, higher));
        // Where they would be free, a line would do for the flank of a cosine.
        let begins = ((c * one - b * other) / (a * c - b * b)).clamp(-1.0, 1.0);
        let rises = ((other - b * begins) / c).clamp(-MOST_LOWER, MOST_HIGHER);
        let begins = ((one - b * rises) / a).clamp(-1.0, 1.0);
        let explained = 2.0 * (begins * one + rises * other)
            - (a * begins * begins + 2.0 * b * begins * rises + c * rises * rises);
        ((self.product(off, off) - explained).max(0.0) / self.count).sqrt()
    }

    /// The ratio that fits best, and how fast the mean square grows with the square of the
    /// distance from it.
    pub(super) fn best_ratio(&self) -> Option<(f64, f64)> {
        let (above, off) = ([0.0, 0.0, 1.0, 0.0], [1.0, -1.0, 0.0, 0.0]);
        let square = self.product(above, above);
        let ratio = (self.product(off, above) / square).clamp(0.0, LARGEST_OTHER_RATIO);
        (square > 0.0).then_some((ratio, square / self.count))
    }
}
