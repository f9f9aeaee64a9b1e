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
