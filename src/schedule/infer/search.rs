//! The least value of a function of one number that costs something to compute.

/// Where to look for the least value of a function: on a grid, then by golden section.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    /// From here...
    pub(super) low: f64,
    /// ...to here...
    pub(super) high: f64,
    /// ...in so many steps.
    pub(super) places: usize,
}

impl Grid {
    fn width(&self) -> f64 {
        (self.high - self.low) / self.places as f64
    }

    /// The places of the grid.
    pub(super) fn all(self) -> impl Iterator<Item = f64> {
        (0..=self.places).map(move |index| self.low + self.width() * index as f64)
    }

    /// The place where a function is least, given its values on the grid.
    pub(super) fn least(self, on_grid: impl Iterator<Item = f64>, function: impl Fn(f64) -> f64) -> f64 {
        const GOLDEN: f64 = 0.618_033_988_749_894_8;
        const SECTIONS: usize = 18;
        let (best, lowest) = self
            .all()
            .zip(on_grid)
            .min_by(|one, other| one.1.total_cmp(&other.1))
            .unwrap_or((self.low, f64::NAN));
        let (mut from, mut to) = (
            (best - self.width()).max(self.low),
            (best + self.width()).min(self.high),
        );
        let inner = |from: f64, to: f64| (to - GOLDEN * (to - from), from + GOLDEN * (to - from));
        let (mut left, mut right) = inner(from, to);
        let (mut at_left, mut at_right) = (function(left), function(right));
        for _ in 0..SECTIONS {
            if at_left < at_right {
                (to, right, at_right) = (right, left, at_left);
                left = inner(from, to).0;
                at_left = function(left);
            } else {
                (from, left, at_left) = (left, right, at_right);
                right = inner(from, to).1;
                at_right = function(right);
            }
        }
        let (found, value) = if at_left < at_right {
            (left, at_left)
        } else {
            (right, at_right)
        };
        if value < lowest { found } else { best }
    }
}

/// The place from `low` to `high` where a function is least.
pub(super) fn least(low: f64, high: f64, places: usize, function: impl Fn(f64) -> f64) -> f64 {
    let grid = Grid { low, high, places };
    grid.least(grid.all().map(&function), &function)
}
