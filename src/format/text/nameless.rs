//! A counter and a number without a name, as lectures print them: `  10000/ 200000: 2.1391`,
//! `step 100: 2.45`, `Iteration     10: 7.65592`.

use super::scan::NameFinder;
use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::metric::{Quantity, Role};

/// The grammar.
#[derive(Debug, Default)]
pub struct Nameless {
    names: NameFinder,
}

impl Grammar for Nameless {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some((counter, value)) = line.trim().split_once(':') else {
            return Match::No;
        };
        let value = value.trim();
        // What has no decimals counts something.
        let Some(loss) = number::parse(value).filter(|_| value.contains('.')) else {
            return Match::No;
        };
        let digits = counter.find(|letter: char| letter.is_ascii_digit());
        let Some((word, counts)) = digits.and_then(|at| counter.split_at_checked(at)) else {
            return Match::No;
        };
        let (step, total) = match counts.split_once('/') {
            // `Epoch 1/40 - InfoNCE: 2.1756`
            Some((step, total)) => {
                let total = total.trim_end_matches(|letter: char| !letter.is_ascii_digit());
                (step, total.trim_start().parse().ok())
            }
            None => (counts, None),
        };
        let word = word.trim();
        let (name, fit) = self.names.find(word);
        let counts_steps = name == word
            && match fit.map(|fit| fit.role) {
                Some(Role::Step) => true,
                Some(Role::Value { quantity, .. }) => quantity == Quantity::Epoch,
                _ => false,
            };
        if !(counts_steps || word.is_empty() && total.is_some()) {
            return Match::No;
        }
        fields.step = step.trim().parse().ok();
        fields.total = total;
        fields.values.push(("loss", loss));
        fields.record()
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn the_number_behind_the_counter_is_the_loss() {
        for (content, total) in [
            (
                "12297 parameters\n      0/ 200000: 3.3239\n  10000/ 200000: 2.0322\n  20000/ 200000: 2.5675\n",
                Some(200_000),
            ),
            (
                "Iteration      0: 3.3239\nIteration  10000: 2.0322\nIteration  20000: 2.5675\n",
                None,
            ),
            (
                "Epoch 0/40000 - InfoNCE: 3.3239\nEpoch 10000/40000 - InfoNCE: 2.0322\nEpoch 20000/40000 - \
                 InfoNCE: 2.5675\n",
                Some(40_000),
            ),
        ] {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let records = &read.decoded.records;
            assert_eq!(
                (read.format, records.steps()),
                ("nameless", &[0, 10_000, 20_000][..])
            );
            assert_eq!(read.decoded.total_steps, total);
            assert_eq!(records.value(1, Quantity::TrainLoss), Some(2.0322));
        }
        // Ratios and clocks are no losses.
        for content in [
            "1/8: 3\n2/8: 4\n3/8: 5\n",
            "10:15.1\n10:16.2\n10:17.3\n",
            "Rank 0: 0.5\nRank 1: 0.6\nRank 2: 0.7\n",
        ] {
            assert!(
                read_all(content.as_bytes(), &Names::default()).is_err(),
                "{content}"
            );
        }
    }
}
