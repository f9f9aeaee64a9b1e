//! The order of names in which people count: `lr2e-4` before `lr10e-4`, `seed9` before `seed10`.

use std::cmp::Ordering;

/// A name as a sequence of words and numbers, to be ordered by.
#[derive(Debug)]
pub struct Natural<'a> {
    name: &'a str,
    parts: Vec<Part<'a>>,
}

#[derive(Debug, PartialEq)]
enum Part<'a> {
    Number(f64),
    Text(&'a str),
}

impl<'a> Natural<'a> {
    /// The parts of a name.
    pub fn of(name: &'a str) -> Natural<'a> {
        let mut parts = Vec::new();
        let mut rest = name;
        while !rest.is_empty() {
            let length = number(rest.as_bytes());
            let value = rest.get(..length).and_then(|text| text.parse().ok());
            let length = match value {
                Some(value) => {
                    parts.push(Part::Number(value));
                    length
                }
                None => {
                    let digit = rest.find(|character: char| character.is_ascii_digit());
                    let length = digit.unwrap_or(rest.len()).max(1);
                    parts.push(Part::Text(rest.get(..length).unwrap_or(rest)));
                    length
                }
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        Natural { name, parts }
    }
}

/// Bytes of the number at the beginning of a text: digits, with decimals and a power of ten.
fn number(text: &[u8]) -> usize {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut end = digits(0);
    if end == 0 {
        return 0;
    }
    if text.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let power = digits(end + 1 + sign);
        if power > 0 {
            end += 1 + sign + power;
        }
    }
    end
}

impl Ord for Natural<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let pairs = self.parts.iter().zip(&other.parts);
        let differs = pairs.map(|pair| match pair {
            (Part::Number(one), Part::Number(other)) => one.total_cmp(other),
            (Part::Text(one), Part::Text(other)) => one.cmp(other),
            (Part::Number(_), Part::Text(_)) => Ordering::Less,
            (Part::Text(_), Part::Number(_)) => Ordering::Greater,
        });
        differs
            .fold(Ordering::Equal, Ordering::then)
            .then(self.parts.len().cmp(&other.parts.len()))
            .then(self.name.cmp(other.name))
    }
}

impl PartialOrd for Natural<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Natural<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Natural<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_in_names_count() {
        let mut names = [
            "lr10e-4-seed2",
            "lr2e-4-seed10",
            "lr2e-4-seed9",
            "lr1e-3",
            "lr0.0003",
            "lr",
            "a.log",
        ];
        names.sort_by(|one, other| Natural::of(one).cmp(&Natural::of(other)));
        assert_eq!(
            names,
            [
                "a.log",
                "lr",
                "lr2e-4-seed9",
                "lr2e-4-seed10",
                "lr0.0003",
                "lr1e-3",
                "lr10e-4-seed2"
            ]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_names_have_one_order(one in "[0-9a-e.+é-]{0,12}", other in "[0-9a-e.+é-]{0,12}", third in "[0-9a-e.+é-]{0,12}") {
            let (one, other, third) = (Natural::of(&one), Natural::of(&other), Natural::of(&third));
            prop_assert_eq!(one.cmp(&other), other.cmp(&one).reverse());
            if one <= other && other <= third {
                prop_assert!(one <= third);
            }
        }
    }
}
