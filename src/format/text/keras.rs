//! Keras on the console: `Epoch 3/100`, then a bar that is redrawn until the epoch ends:
//! `10/10 [=====] - 2s 210ms/step - loss: 0.52 - val_loss: 0.6`.
//!
//! What counts is the last bar of an epoch. Epochs are counted from 0, as Keras's own
//! CSV log and TensorBoard callback do.

use super::scan::named_numbers;
use super::{Fields, Grammar, Match};
use crate::format::number;

/// The grammar.
#[derive(Debug, Default)]
pub struct Keras {
    epoch: Option<u64>,
    epochs: Option<u64>,
    /// The loss that was already taken for this epoch, and its batches.
    taken: Option<(f64, u64)>,
    /// Epochs end with an evaluation.
    evaluates: bool,
}

impl Grammar for Keras {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let text = line.trim();
        if let Some((epoch, epochs)) = text.strip_prefix("Epoch ").and_then(number::counts) {
            // The attempt before may have come no further than its first epoch.
            let epoch = epoch.checked_sub(1);
            let falls_back = epoch < self.epoch || epoch == self.epoch && self.taken.is_some();
            fields.begins_anew = epoch.is_some() && falls_back;
            self.epoch = epoch;
            self.epochs = Some(epochs);
            self.taken = None;
            fields.total = self.epochs;
            return Match::Notice;
        }
        let (Some(epoch), Some((done, of))) = (self.epoch, bar(text)) else {
            return Match::No;
        };
        if done != of {
            return Match::No;
        }
        named_numbers(text, |named| match named.words.rsplit(' ').next() {
            Some("loss") => fields.values.push(("loss", named.value)),
            Some("val_loss") => fields.values.push(("val_loss", named.value)),
            Some("lr" | "learning_rate") => fields.values.push(("learning_rate", named.value)),
            _ => {}
        });
        let loss = fields
            .values
            .iter()
            .find(|(name, _)| *name == "loss")
            .map(|(_, loss)| *loss);
        let Some(loss) = loss else { return Match::No };
        let evaluates = fields.values.iter().any(|(name, _)| *name == "val_loss");
        self.evaluates |= evaluates;
        match self.taken {
            // `model.evaluate` goes through other data when all epochs are done.
            Some((_, batches)) if batches != of && !evaluates => {
                fields.values.clear();
                if self.evaluates {
                    return Match::No;
                }
                fields.values.push(("val_loss", loss));
            }
            // The full bar is often drawn twice, the second time with the evaluation.
            Some((taken, _)) if taken.to_bits() == loss.to_bits() => {
                fields.values.retain(|(name, _)| *name != "loss");
                if fields.values.is_empty() {
                    return Match::No;
                }
            }
            _ => self.taken = Some((loss, of)),
        }
        fields.step = Some(epoch);
        Match::Record
    }
}

/// The counts of a bar that shows a loss.
fn bar(text: &str) -> Option<(u64, u64)> {
    if !text.contains(" - loss: ") {
        return None;
    }
    let end = text.find([' ', '['])?;
    number::counts(text.get(..end)?)
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn an_evaluation_afterwards_is_no_epoch() {
        let content = "Epoch 1/2\n10/10 [=====] - 2s 210ms/step - loss: 0.52\nEpoch 2/2\n10/10 [=====] - 2s 210ms/step - loss: 0.42\n\
            5/5 [=====] - 0s 2ms/step - loss: 0.55 - accuracy: 0.7\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!(records.steps(), [0, 1, 1]);
        assert_eq!(records.value(2, Quantity::TrainLoss), None);
        assert_eq!(records.value(2, Quantity::EvalLoss), Some(0.55));
    }

    #[test]
    fn another_training_begins_where_the_epochs_do() {
        // One that has come no further than the first is repeated.
        let content = "Epoch 1/2\n17/17 [=====] - 300s 1s/step - loss: nan\nTraceback\nEpoch 1/2\n\
            17/17 [=====] - 300s 1s/step - loss: 1.4\nEpoch 2/2\n17/17 [=====] - 300s 1s/step - loss: 1.3\n";
        let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
        assert_eq!(decoded.trainings, [1]);
        for (bar, steps) in [
            ("17/17 [=====] - 300s 1s/step", [0, 0, 1, 2]),
            ("300s", [1, 1, 2, 3]),
        ] {
            let content = format!(
                "Epoch 1/3\n{bar} - loss: nan\nEpoch 2/3\nTraceback\nEpoch 1/3\n{bar} - loss: 1.4\n\
                Epoch 2/3\n{bar} - loss: 1.3\nEpoch 3/3\n{bar} - loss: 1.1\n"
            );
            let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
            assert_eq!(decoded.records.steps(), steps, "{bar}");
            assert_eq!(decoded.trainings, [1], "{bar}");
        }
    }

    #[test]
    fn the_last_bar_of_an_epoch_counts() {
        let old = "Epoch 1/2\n 1/10 [==>...] - ETA: 0s - loss: 0.90\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}10/10 [=====] - 2s 210ms/step - loss: 0.52 - accuracy: 0.71 - val_loss: 0.6 - val_accuracy: 0.7\n\
            Epoch 2/2\n10/10 [=====] - 2s 210ms/step - loss: 0.42 - accuracy: 0.71 - val_loss: 0.5 - val_accuracy: 0.7\n";
        let new = "Epoch 1/2\n\r\u{1b}[1m 1/10\u{1b}[0m \u{1b}[37m━━\u{1b}[0m 4s/step - loss: 0.9\r\u{1b}[1m10/10\u{1b}[0m ━━ 2s 18ms/step - loss: 0.52 - acc: 0.5\r10/10 ━━ 2s 18ms/step - loss: 0.52 - acc: 0.5 - val_loss: 0.6 - learning_rate: 2.0000e-04\n\
            Epoch 2/2\n10/10 - 3s - 30ms/step - loss: 0.42 - val_loss: 0.5\n";
        for content in [old, new] {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!((read.format, read.decoded.total_steps), ("keras", Some(2)));
            let points = |quantity| -> Vec<(u64, f64)> { read.decoded.records.points(quantity).collect() };
            assert_eq!(points(Quantity::TrainLoss), [(0, 0.52), (1, 0.42)]);
            assert_eq!(points(Quantity::EvalLoss), [(0, 0.6), (1, 0.5)]);
        }
    }
}
