//! How many digits of a number mean something: the interval to two significant digits, the value to
//! the same decimals. JSON keeps all digits.

/// More decimals than these are told as a power of ten.
const MOST_DECIMALS: i32 = 6;
/// Numbers from here on are told as a power of ten.
const LARGE: f64 = 1e5;
/// Decimals of a loss of which no interval is known.
const UNKNOWN: usize = 4;

/// How a number is written.
#[derive(Clone, Copy)]
enum Digits {
    /// So many decimals.
    Decimals(usize),
    /// No decimals, and only multiples of this.
    Multiples(f64),
    /// As a power of ten: too large or too small for a plain number.
    Power,
}

impl Digits {
    /// Those of a number with an interval of this half width.
    fn of(value: f64, half: f64) -> Digits {
        let place = place_of_second_digit(half);
        match place {
            _ if value.abs() >= LARGE || half >= LARGE => Digits::Power,
            None => Digits::Decimals(UNKNOWN),
            Some(place) if -place > MOST_DECIMALS => Digits::Power,
            Some(place) if place > 0 => Digits::Multiples(10f64.powi(place)),
            Some(place) => Digits::Decimals(place.unsigned_abs() as usize),
        }
    }

    fn write(self, value: f64) -> String {
        let text = match self {
            Digits::Decimals(decimals) => format!("{value:.decimals$}"),
            Digits::Multiples(unit) => format!("{:.0}", (value / unit).round() * unit),
            Digits::Power => format!("{value:.2e}"),
        };
        // What is rounded to nothing has no sign.
        let is_zero = !text.contains(|character: char| ('1'..='9').contains(&character));
        match text.strip_prefix('-') {
            Some(rest) if is_zero && value.is_finite() => rest.to_owned(),
            _ => text,
        }
    }
}

/// The power of ten that the second significant digit of a width counts, once it is rounded to two:
/// `None` of what is no width.
fn place_of_second_digit(half: f64) -> Option<i32> {
    if !half.is_finite() || half <= 0.0 {
        return None;
    }
    let rounded = format!("{half:.1e}");
    let (_, exponent) = rounded.split_once('e')?;
    exponent.parse::<i32>().ok().map(|exponent| exponent - 1)
}

/// Half the width of an interval: `±.014`.
pub fn half_width(half: f64) -> String {
    if !half.is_finite() {
        return "±?".to_owned();
    }
    let text = Digits::of(0.0, half).write(half);
    let text = match text.strip_prefix('0') {
        Some(rest) if rest.starts_with('.') => rest,
        _ => &text,
    };
    format!("±{text}")
}

/// A number that is known as well as its interval, of this half width, says.
pub fn value(value: f64, half: f64) -> String {
    if value.is_finite() {
        Digits::of(value, half).write(value)
    } else {
        "-".to_owned()
    }
}

/// Both: `3.106 ±.014`.
pub fn with_interval(number: f64, half: f64) -> String {
    format!("{} {}", value(number, half), half_width(half))
}

/// A difference with its sign, of numbers of which the less known has an interval of this half width.
pub fn difference(difference: f64, half: f64) -> String {
    let text = value(difference, half);
    if difference > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

/// Both ends of a range that nothing is known within: `3.131–3.288`.
pub fn range(low: f64, high: f64) -> String {
    let half = 0.5 * (high - low);
    format!("{}–{}", value(low, half), value(high, half))
}

/// So many significant digits, without zeros at the end.
pub fn significant(number: f64, digits: i32) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let place = number.abs().log10().floor() as i32 + 1 - digits;
    let text = value(number, 10f64.powi(place + 1));
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_the_decimals_of_its_interval_and_that_has_two_digits() {
        let shown = [
            (3.106_34, 0.0142),
            (2.6334, 0.489),
            (1.1366, 1.13),
            (3.28604, 0.00213),
            (3.1, 0.0996),
            (1234.6, 56.2),
            (1234.6, 562.0),
        ]
        .map(|(value, half)| with_interval(value, half));
        assert_eq!(
            shown,
            [
                "3.106 ±.014",
                "2.63 ±.49",
                "1.1 ±1.1",
                "3.2860 ±.0021",
                "3.10 ±.10",
                "1235 ±56",
                "1230 ±560"
            ]
        );
    }

    #[test]
    fn numbers_of_any_size_stay_short() {
        for value in [0.0, 3e-9, 2.5e-4, 7.1, 9e4, 3e19] {
            for share in [1e-7, 1e-3, 0.4, 3.0] {
                let text = with_interval(value, share * value);
                assert!(text.chars().count() <= 20, "{text}");
            }
        }
        assert_eq!(with_interval(3.1, f64::NAN), "3.1000 ±?");
        assert_eq!(value(f64::NAN, 0.1), "-");
    }

    #[test]
    fn nothing_has_no_sign() {
        assert_eq!(difference(-0.000_04, 0.012), "0.000");
        assert_eq!(difference(0.031, 0.012), "+0.031");
        assert_eq!(difference(-0.031, 0.012), "-0.031");
    }

    #[test]
    fn a_range_has_two_digits_of_its_own_half_width() {
        assert_eq!(range(3.13082, 3.28757), "3.131–3.288");
    }

    #[test]
    fn a_number_by_itself_has_significant_digits() {
        let shown = [3.1637, 0.0733, 0.98, 5.535, -0.277, 0.0].map(|number| significant(number, 2));
        assert_eq!(shown, ["3.2", "0.073", "0.98", "5.5", "-0.28", "0"]);
    }
}
