//! Statistics that every part uses, whatever its values are.

/// Median, of an even number of values the upper of the two in the middle; reorders the values.
/// NaN for none.
pub fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// The slope of a straight line through `(x, y)` and its standard error, by least squares; `None` where
/// fewer than three points, or no two with different x, leave it open.
pub fn slope(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (middle, level) = (mean(|(x, _)| *x), mean(|(_, y)| *y));
    let spread: f64 = points.iter().map(|(x, _)| (x - middle).powi(2)).sum();
    if points.len() < 3 || spread <= 0.0 {
        return None;
    }
    let common: f64 = points.iter().map(|(x, y)| (x - middle) * (y - level)).sum();
    let slope = common / spread;
    let left = |(x, y): &(f64, f64)| (y - level - slope * (x - middle)).powi(2);
    let residual: f64 = points.iter().map(left).sum();
    Some((slope, (residual / (count - 2.0) / spread).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope_and_no_error() {
        let line: Vec<(f64, f64)> = (0..9).map(|x| (f64::from(x), 3.0 - 0.5 * f64::from(x))).collect();
        let (fall, error) = slope(&line).unwrap();
        assert!((fall + 0.5).abs() < 1e-12 && error < 1e-12);
        // About a line: the error of the slope is that of the text books.
        let bent: Vec<(f64, f64)> = vec![(0.0, 0.0), (1.0, 2.0), (2.0, 1.0), (3.0, 3.0)];
        let (rise, error) = slope(&bent).unwrap();
        assert!((rise - 0.8).abs() < 1e-12 && (error - 0.18_f64.sqrt()).abs() < 1e-12);
        assert_eq!(slope(&[(1.0, 2.0), (1.0, 3.0), (1.0, 4.0)]), None);
        assert_eq!(slope(&line[..2]), None);
    }
}
