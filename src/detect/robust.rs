//! Trailing windows and robust statistics for the detectors.

use crate::statistics::median;

/// Points of the trailing window (instability study, section 3.1).
pub const WINDOW: usize = 100;

/// The last `N` values.
#[derive(Clone, Copy, Debug)]
pub struct Recent<const N: usize> {
    values: [f64; N],
    next: usize,
    length: usize,
}

impl<const N: usize> Default for Recent<N> {
    fn default() -> Self {
        Recent {
            values: [0.0; N],
            next: 0,
            length: 0,
        }
    }
}

impl<const N: usize> Recent<N> {
    /// Takes in a value; returns the oldest when it leaves because there are `N`.
    pub fn push(&mut self, value: f64) -> Option<f64> {
        let leaving = std::mem::replace(self.values.get_mut(self.next)?, value);
        self.next = if self.next + 1 == N { 0 } else { self.next + 1 };
        if self.length < N {
            self.length += 1;
            return None;
        }
        Some(leaving)
    }

    /// Puts something else in the place of every value.
    pub fn map(&mut self, each: impl Fn(f64) -> f64) {
        for value in &mut self.values {
            *value = each(*value);
        }
    }

    /// Number of values.
    pub fn count(&self) -> usize {
        self.length
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        (self.next, self.length) = (0, 0);
    }

    /// The oldest value.
    pub fn oldest(&self) -> Option<f64> {
        let at = if self.length < N { 0 } else { self.next };
        self.values.get(at).copied().filter(|_| self.length > 0)
    }

    /// The value taken in last.
    pub fn newest(&self) -> Option<f64> {
        let at = self.next.checked_sub(1).unwrap_or(N - 1);
        self.values.get(at).copied().filter(|_| self.length > 0)
    }

    /// The last `count` values, oldest first.
    pub fn last(&self, count: usize) -> impl Iterator<Item = f64> + '_ {
        // Until all places are taken the next one is behind them.
        let (newer, older) = self.values.split_at_checked(self.next).unwrap_or_default();
        let older = if self.length < N { &[] } else { older };
        let skipped = self.length.saturating_sub(count);
        older.iter().chain(newer).copied().skip(skipped)
    }

    /// How many values are at most `bound`.
    pub fn count_at_most(&self, bound: f64) -> usize {
        let values = self.values.get(..self.length).unwrap_or_default();
        values.iter().filter(|value| **value <= bound).count()
    }

    /// Median and scaled median absolute deviation of the logarithms of positive values.
    pub fn log_level(&self) -> Level {
        Level::of(self.last(N).map(f64::ln).collect())
    }
}

/// The last values, with their smallest at hand. Pushing costs a few nanoseconds;
/// medians are computed only when a cheap test against the smallest value passes.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    recent: Recent<WINDOW>,
    min: f64,
    /// How many of the values are the smallest: constant metrics would else be searched
    /// anew with every value that leaves.
    at_min: usize,
}

impl Default for Window {
    fn default() -> Self {
        Window {
            recent: Recent::default(),
            min: f64::INFINITY,
            at_min: 0,
        }
    }
}

impl Window {
    /// Takes in a finite value; the oldest leaves when the window is full.
    pub fn push(&mut self, value: f64) {
        if self.recent.push(value) == Some(self.min) {
            self.at_min = self.at_min.saturating_sub(1);
            if self.at_min == 0 && value > self.min {
                self.min = self.recent.last(WINDOW).fold(f64::INFINITY, f64::min);
                self.at_min = self
                    .recent
                    .last(WINDOW)
                    .filter(|value| *value == self.min)
                    .count();
                return;
            }
        }
        if value < self.min {
            self.min = value;
            self.at_min = 0;
        }
        self.at_min += usize::from(value == self.min);
    }

    /// The values in order.
    pub fn recent(&self) -> &Recent<WINDOW> {
        &self.recent
    }

    /// Values in the window.
    pub fn count(&self) -> usize {
        self.recent.count()
    }

    /// The smallest value: never above the median, so it makes a sound cheap test.
    pub fn min(&self) -> f64 {
        self.min
    }

    /// False when `value` is surely not above `factor` times the median: for far fewer values
    /// than half it is.
    pub fn may_be_above_median(&self, value: f64, factor: f64) -> bool {
        let bound = value / factor * (1.0 + 1e-9);
        bound >= self.min && self.recent.count_at_most(bound) * 2 >= self.count()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Window::default();
    }
}

/// The last `N` values, also in ascending order: their median is at hand with every one.
#[derive(Clone, Copy, Debug)]
pub struct Ordered<const N: usize> {
    recent: Recent<N>,
    /// Filled up with infinity.
    ascending: [f64; N],
}

impl<const N: usize> Default for Ordered<N> {
    fn default() -> Self {
        Ordered {
            recent: Recent::default(),
            ascending: [f64::INFINITY; N],
        }
    }
}

impl<const N: usize> Ordered<N> {
    /// Takes in a finite value; the oldest leaves when there are `N`.
    pub fn push(&mut self, value: f64) {
        let leaving = self.recent.push(value).unwrap_or(f64::INFINITY);
        // Without branches, for where a value belongs cannot be predicted: from the one that
        // leaves on all move down, then each place takes the middle of its value, the one below
        // and the new one.
        let mut below = f64::NEG_INFINITY;
        let mut here = self.ascending.first().copied().unwrap_or(f64::INFINITY);
        for index in 0..N {
            let above = if index + 1 < N {
                self.ascending[index + 1]
            } else {
                f64::INFINITY
            };
            let kept = if here < leaving { here } else { above };
            let least = if value < kept { value } else { kept };
            self.ascending[index] = if below > least { below } else { least };
            (below, here) = (kept, above);
        }
    }

    /// The values in the order in which they came.
    pub fn recent(&self) -> &Recent<N> {
        &self.recent
    }

    /// Number of values.
    pub fn count(&self) -> usize {
        self.recent.count()
    }

    /// The values in ascending order.
    pub fn ascending(&self) -> &[f64] {
        self.ascending.get(..self.count()).unwrap_or_default()
    }

    /// The median, as [`median()`] finds it. NaN for none.
    pub fn median(&self) -> f64 {
        self.ascending()
            .get(self.count() / 2)
            .copied()
            .unwrap_or(f64::NAN)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Ordered::default();
    }
}

/// The last `N` values, and how many of them are at or below each of `B` bounds: on which side
/// of a bound their median lies is known without looking for it.
#[derive(Clone, Copy, Debug)]
pub struct Bounded<const N: usize, const B: usize> {
    recent: Recent<N>,
    bounds: [f64; B],
    within: [usize; B],
}

impl<const N: usize, const B: usize> Default for Bounded<N, B> {
    fn default() -> Self {
        Bounded {
            recent: Recent::default(),
            bounds: [f64::NEG_INFINITY; B],
            within: [0; B],
        }
    }
}

impl<const N: usize, const B: usize> Bounded<N, B> {
    /// Takes in a value.
    pub fn push(&mut self, value: f64) {
        // Nothing is at or below a bound of minus infinity, nor is a value that is not a number.
        let leaving = self.recent.push(value).unwrap_or(f64::NAN);
        for (within, bound) in self.within.iter_mut().zip(&self.bounds) {
            *within += usize::from(value <= *bound);
            *within -= usize::from(leaving <= *bound);
        }
    }

    /// Sets other bounds.
    pub fn set_bounds(&mut self, bounds: [f64; B]) {
        self.bounds = bounds;
        self.within = bounds.map(|bound| self.recent.count_at_most(bound));
    }

    /// How many values there are, at most `N`.
    pub fn count(&self) -> usize {
        self.recent.count()
    }

    /// For each bound, whether the median is at or below it.
    pub fn median_is_within(&self) -> [bool; B] {
        self.within.map(|within| within > self.count() / 2)
    }

    /// The values, smallest first.
    pub fn ascending(&self) -> Vec<f64> {
        let mut values: Vec<f64> = self.recent.last(N).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    /// The value in the middle; NaN for none.
    pub fn median(&self) -> f64 {
        let mut values: [f64; N] = self.recent.values;
        median(values.get_mut(..self.count()).unwrap_or_default())
    }

    /// Forgets the values.
    pub fn clear(&mut self) {
        self.recent.clear();
        self.within = [0; B];
    }
}

/// Where values lie and how far they spread, unmoved by outliers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// Median.
    pub median: f64,
    /// 1.4826 times the median absolute deviation: the standard deviation if normal.
    pub spread: f64,
}

impl Level {
    /// The level of values.
    pub fn of(mut values: Vec<f64>) -> Level {
        let center = median(&mut values);
        for value in &mut values {
            *value = (*value - center).abs();
        }
        Level {
            median: center,
            spread: 1.4826 * median(&mut values),
        }
    }

    /// How many spreads `value` lies above the median; the spread is at least `floor`.
    pub fn z(&self, value: f64, floor: f64) -> f64 {
        (value - self.median) / self.spread.max(floor)
    }
}

/// A straight line through points by least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Value at x = 0.
    pub intercept: f64,
    /// Rise per unit of x.
    pub slope: f64,
    /// Share of the variance that the line explains.
    pub r_squared: f64,
}

/// Fits a line; `None` for fewer than three points or without spread in x.
pub fn line(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Line> {
    let count = points.clone().count() as f64;
    if count < 3.0 {
        return None;
    }
    let mean_x = points.clone().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.clone().map(|(_, y)| y).sum::<f64>() / count;
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in points {
        xx += (x - mean_x) * (x - mean_x);
        xy += (x - mean_x) * (y - mean_y);
        yy += (y - mean_y) * (y - mean_y);
    }
    if xx <= 0.0 || yy <= 0.0 {
        return None;
    }
    let slope = xy / xx;
    Some(Line {
        intercept: mean_y - slope * mean_x,
        slope,
        r_squared: xy * xy / (xx * yy),
    })
}

/// Notices when the distance between logged steps changes by more than three times:
/// statistics of single steps and of every hundredth do not mix.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cadence {
    last_step: Option<u64>,
    stride: u64,
}

impl Cadence {
    /// Takes the step of the next point; true when the baseline must start anew.
    pub fn changed(&mut self, step: u64) -> bool {
        let Some(last) = self.last_step.replace(step) else {
            return false;
        };
        let stride = step.saturating_sub(last);
        if stride == 0 {
            return false;
        }
        let known = std::mem::replace(&mut self.stride, stride);
        known > 0 && (stride > 3 * known || known > 3 * stride)
    }

    /// Steps between the last two points.
    pub fn stride(&self) -> u64 {
        self.stride
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_knows_its_values_and_the_smallest() {
        let mut window = Window::default();
        let mut all = Vec::new();
        for index in 0..437u32 {
            let value = f64::from(index * 7919 % 101) + 1.0;
            window.push(value);
            all.push(value);
            let tail = &all[all.len().saturating_sub(WINDOW)..];
            assert_eq!(window.min(), tail.iter().copied().fold(f64::INFINITY, f64::min));
            assert!(window.recent().last(WINDOW).eq(tail.iter().copied()));
            let ends = (window.recent().oldest(), window.recent().newest());
            assert_eq!(ends, (tail.first().copied(), tail.last().copied()));
            assert!(
                window
                    .recent()
                    .last(3)
                    .eq(tail.iter().copied().skip(tail.len().saturating_sub(3)))
            );
        }
    }

    #[test]
    fn ordered_values_are_the_last_ones() {
        let mut ordered = Ordered::<7>::default();
        let mut all = Vec::new();
        for index in 0..500u32 {
            let value = f64::from(index * 7919 % 23) - f64::from(index % 3);
            ordered.push(value);
            all.push(value);
            let mut tail = all[all.len().saturating_sub(7)..].to_vec();
            assert_eq!(ordered.recent().newest(), tail.last().copied());
            assert_eq!(ordered.recent().oldest(), tail.first().copied());
            tail.sort_by(f64::total_cmp);
            assert_eq!(ordered.ascending(), tail);
            assert_eq!(ordered.median(), median(&mut tail));
        }
    }

    #[test]
    fn the_side_of_the_median_is_known() {
        let mut window = Bounded::<7, 2>::default();
        let mut all = Vec::new();
        for index in 0..500u32 {
            if index % 50 == 40 {
                window.set_bounds([f64::from(index * 31 % 23), f64::from(index % 11)]);
            }
            if index == 300 {
                window.clear();
                all.clear();
            }
            let value = f64::from(index * 7919 % 23) - f64::from(index % 3);
            window.push(value);
            all.push(value);
            let mut tail = all[all.len().saturating_sub(7)..].to_vec();
            let median = median(&mut tail);
            tail.sort_by(f64::total_cmp);
            assert_eq!((window.median(), window.ascending()), (median, tail));
            assert_eq!(
                window.median_is_within(),
                window.bounds.map(|bound| median <= bound)
            );
        }
    }

    #[test]
    fn a_change_of_cadence_is_noticed_once() {
        let mut cadence = Cadence::default();
        let steps = (0..100u64).chain((200..1000).step_by(100));
        let changes: Vec<u64> = steps.filter(|step| cadence.changed(*step)).collect();
        assert_eq!(changes, [200]);
    }
}
