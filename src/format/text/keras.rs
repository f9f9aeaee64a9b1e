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
    /// The full bar of this epoch has shown its evaluation: nothing of it is drawn any more.
    is_over: bool,
    /// How often the full bar of this epoch was drawn, and that of the epochs before at most.
    drawn: u32,
    drawn_before: u32,
    /// Full bars of one epoch were drawn with different losses: the last one counts.
    redraws: bool,
    /// The last full bar of the epoch, which may be drawn once more.
    held: Option<Held>,
}

/// What a full bar has shown.
#[derive(Clone, Copy, Debug)]
struct Held {
    epoch: u64,
    loss: f64,
    rate: Option<f64>,
}

impl Keras {
    /// Hands out what was held back.
    fn hand_out(&mut self, fields: &mut Fields) -> Match {
        let Some(held) = self.held.take() else {
            return Match::Notice;
        };
        fields.step = Some(held.epoch);
        fields.values.push(("loss", held.loss));
        fields
            .values
            .extend(held.rate.map(|rate| ("learning_rate", rate)));
        Match::Record
    }
}

impl Grammar for Keras {
    fn learnt(&self) -> Option<Box<dyn Grammar>> {
        Some(Box::new(Keras {
            redraws: self.redraws,
            ..Keras::default()
        }))
    }

    fn finish(&mut self, fields: &mut Fields) -> Match {
        self.hand_out(fields)
    }

    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let text = line.trim();
        if let Some((epoch, epochs)) = text.strip_prefix("Epoch ").and_then(number::counts) {
            // The attempt before may have come no further than its first epoch.
            let epoch = epoch.checked_sub(1);
            let falls_back = epoch < self.epoch || epoch == self.epoch && self.taken.is_some();
            fields.begins_anew = epoch.is_some() && falls_back;
            if fields.begins_anew {
                self.held = None; // Of an attempt that came no further.
            }
            self.epoch = epoch;
            self.epochs = Some(epochs);
            self.taken = None;
            self.is_over = false;
            self.drawn_before = self.drawn_before.max(std::mem::take(&mut self.drawn));
            fields.total = self.epochs;
            return self.hand_out(fields);
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
        // No epoch before was drawn as often, where some are known.
        let is_further = self.drawn_before > 0 && self.drawn >= self.drawn_before;
        let was_over = self.is_over || is_further;
        self.is_over |= evaluates;
        self.drawn += 1;
        match self.taken {
            // `model.evaluate` goes through other data, be there as many, when all epochs are done.
            Some((_, batches)) if (batches != of || was_over) && !evaluates => {
                fields.values.clear();
                if !self.evaluates {
                    fields.values.push(("val_loss", loss));
                }
                let told = self.hand_out(fields);
                if fields.values.is_empty() {
                    return told;
                }
            }
            // The full bar is often drawn twice, the second time with the evaluation.
            Some((taken, _)) if taken.to_bits() == loss.to_bits() && self.held.is_none() => {
                fields.values.retain(|(name, _)| *name != "loss");
                if fields.values.is_empty() {
                    return Match::No;
                }
            }
            before => {
                fields.revises = before.is_some() && !self.redraws;
                self.redraws |= fields.revises;
                self.taken = Some((loss, of));
                self.held = None;
                if self.redraws && !evaluates {
                    let rate = fields.values.iter().find(|(name, _)| *name == "learning_rate");
                    let rate = rate.map(|(_, rate)| *rate);
                    self.held = Some(Held { epoch, loss, rate });
                    fields.values.clear();
                    return Match::Notice;
                }
            }
        }
        fields.step = Some(epoch);
        Match::Record
    }
}

/// The counts of a bar that shows a loss.
pub(super) fn bar(text: &str) -> Option<(u64, u64)> {
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
    fn an_evaluation_of_as_many_batches_is_no_epoch() {
        let read = |content: &str| {
            read_all(content.as_bytes(), &Names::default())
                .unwrap()
                .decoded
                .records
        };
        let bar = "7/7 [=====] - 2s 210ms/step - loss";
        let records = read(&format!(
            "Epoch 1/2\n{bar}: 0.5 - val_loss: 0.6\nEpoch 2/2\n{bar}: 0.4 - val_loss: 0.5\n{bar}: 0.3 - acc: 0.7\nLoss: 0.3\n"
        ));
        let points = |quantity| -> Vec<(u64, f64)> { records.points(quantity).collect() };
        assert_eq!(points(Quantity::TrainLoss), [(0, 0.5), (1, 0.4)]);
        assert_eq!(points(Quantity::EvalLoss), [(0, 0.6), (1, 0.5)]);
        // Where epochs show no evaluation of their own, it is the one that there is.
        let records = read(&format!(
            "Epoch 1/2\n{bar}: 0.5\nEpoch 2/2\n{bar}: 0.4\n{bar}: 0.3\n"
        ));
        let points = |quantity| -> Vec<(u64, f64)> { records.points(quantity).collect() };
        assert_eq!(points(Quantity::TrainLoss), [(0, 0.5), (1, 0.4)]);
        assert_eq!(points(Quantity::EvalLoss), [(1, 0.3)]);
    }

    #[test]
    fn bars_of_evaluations_alone_are_no_training() {
        let bars: String = (1..14)
            .map(|batches| {
                format!("{batches}/{batches} ━━━ 1s 9ms/step - accuracy: 0.6 - loss: 0.{batches:02}\n")
            })
            .collect();
        assert!(read_all(bars.as_bytes(), &Names::default()).is_err());
    }

    #[test]
    fn a_bar_that_something_else_parts_is_one_epoch() {
        let content = "Epoch 1/2\n7/7 ━━━ 0s 521ms/step - loss: 1.2\nUserWarning: a generator ran out\n\
            7/7 ━━━ 12s 1s/step - loss: 1.1 - val_loss: 0.9\nEpoch 2/2\n7/7 ━━━ 6s 1s/step - loss: 0.8 - val_loss: 0.7\n";
        let records = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        let points: Vec<(u64, f64)> = records.points(Quantity::TrainLoss).collect();
        assert_eq!(points, [(0, 1.1), (1, 0.8)]);
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
