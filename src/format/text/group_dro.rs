//! `group_DRO` and what grew out of it: headings say what an account below them is about.
//!
//! ```text
//! Epoch [0]:
//! Training:
//! Average incurred loss: 0.323
//! Average sample loss: 0.321
//!   y = 0, place = 1  [n = 184]: loss = 0.521  exp loss = 0.614  ..
//!
//! Validation:
//! Average incurred loss: 0.602
//! Average sample loss: 0.590
//! ```
//!
//! Of the training there may be several accounts in an epoch. How many batches stand between them is
//! not told: each counts as a step. The second loss is what is trained for, and what the tables beside
//! the log call `avg_actual_loss`; those of the groups are parts of it.

use super::held_out::{Data, data_of};
use super::{Fields, Grammar, Match};
use crate::format::counters::{EpochCounter, Place};
use crate::format::number;

/// The grammar.
#[derive(Debug, Default)]
pub struct GroupDro {
    epoch: u64,
    /// Accounts of the training in this epoch.
    accounts: u64,
    counter: EpochCounter,
    /// What was not trained on, where that is what follows.
    held_out: Option<Data>,
}

impl Grammar for GroupDro {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let first_word = |text: &str| text.split_ascii_whitespace().next().and_then(number::parse);
        if let Some((_, loss)) = line.split_once("Average sample loss: ") {
            let Some(loss) = first_word(loss) else {
                return Match::No;
            };
            if let Some(data) = self.held_out {
                fields.values.push((data.loss(), loss));
                return Match::Record;
            }
            self.accounts += 1;
            fields.step = Some(self.counter.step(Place {
                epoch: self.epoch,
                iteration: Some(self.accounts),
                ..Place::default()
            }));
            fields
                .values
                .extend([("loss", loss), ("epoch", self.epoch as f64)]);
            return Match::Record;
        }
        let epoch = line
            .split_once("Epoch [")
            .and_then(|(_, rest)| rest.split_once("]:"));
        if let Some(epoch) = epoch.and_then(|(epoch, _)| epoch.parse().ok()) {
            (self.epoch, self.accounts) = (epoch, 0);
            return Match::No;
        }
        for heading in line
            .split_ascii_whitespace()
            .filter_map(|word| word.strip_suffix(':')?.rsplit(':').next())
        {
            let data = data_of(std::iter::once(heading));
            if data.is_some() || heading == "Training" {
                self.held_out = data;
            }
        }
        Match::No
    }

    fn epoch_length(&self) -> Option<u64> {
        self.counter.length()
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn an_account_belongs_to_its_heading() {
        let account = |loss: f64| {
            format!(
                "Average incurred loss: 9.5  \nAverage sample loss: {loss}  \nAverage acc: 0.870  \n\
                 \x20 y = 0, place = 1  [n = 3498]:\tloss = 7.5  exp loss = 7.25  adjusted loss = 7.25  acc = 0.990\n\n"
            )
        };
        let epoch = |epoch: u32| {
            let loss = f64::from(8 - epoch);
            format!(
                "Epoch [{epoch}]:\nTraining:\n{}{}\nValidation:\n{}Current lr: 0.000100\n\n",
                account(loss),
                account(loss - 0.5),
                account(loss + 0.25)
            )
        };
        let content = format!("N epochs: 300\nSeed: 0\n\n{}{}", epoch(0), epoch(1));
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "group-dro");
        let points = |quantity| -> Vec<(u64, f64)> { read.decoded.records.points(quantity).collect() };
        assert_eq!(
            points(Quantity::TrainLoss),
            [(1, 8.0), (2, 7.5), (3, 7.0), (4, 6.5)]
        );
        assert_eq!(points(Quantity::EvalLoss), [(2, 8.25), (4, 7.25)]);
        let mut hints = read.decoded.hints.clone();
        read.decoded
            .restated
            .iter()
            .for_each(|(_, stated)| hints.merge(stated));
        assert_eq!(hints.counted_steps(), Some(600));
    }
}
