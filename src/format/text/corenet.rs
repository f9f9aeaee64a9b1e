//! Apple's CoreNet, and CVNets before it:
//!
//! ```text
//! LOGS    - Epoch:  59 [   13814/10000000], loss: {'classification': 1.03, 'total_loss': 1.84}, LR: [1e-06, 1e-06], ..
//! LOGS    - *** Validation summary for epoch 59
//! \t loss={'classification': 1.68, 'total_loss': 1.69} || top1=..
//! LOGS    - Training took 01:14:34.28
//! ```
//!
//! The counter is that of the iterations of the run. Lines like the first that stand behind the
//! summary of the training of their epoch count samples of a validation.

use super::blocks::in_column;
use super::{Fields, Grammar, Match};
use crate::format::number;

/// The number of iterations where epochs are what is limited.
const NO_LIMIT: u64 = 10_000_000;

/// The grammar.
#[derive(Debug, Default)]
pub struct CoreNet {
    /// The epoch that was trained to its end.
    trained: Option<u64>,
    /// The next loss without a counter is that of a validation.
    validated: bool,
    /// It was interrupted: then it tells as well how long it took.
    interrupted: bool,
}

impl Grammar for CoreNet {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if self.validated
            && let Some(loss) = line.split_once("\t loss=").and_then(|(_, rest)| loss(rest))
        {
            self.validated = false;
            fields.values.push(("val_loss", loss));
            return Match::Record;
        }
        if let Some((_, rest)) = line.split_once("*** Training summary for epoch ") {
            self.trained = in_column(rest).parse().ok();
            self.validated = false;
        } else if let Some((_, rest)) = line.split_once("*** Validation summary for epoch ") {
            // What is told of averaged weights has a remark behind the number.
            self.validated = in_column(rest).parse::<u64>().is_ok();
        } else if line.contains(" - Training epoch ") {
            // After a restart perhaps the same one once more.
            self.trained = None;
        }
        self.interrupted |= line.contains("Keyboard interruption") || line.contains("xception occur");
        if line.contains(" - Training took ") {
            fields.finished = !self.interrupted;
            return Match::Notice;
        }
        let progress = Progress::of(line).filter(|progress| Some(progress.epoch) != self.trained);
        let Some(progress) = progress else {
            return Match::No;
        };
        (self.validated, self.interrupted) = (false, false);
        fields.step = Some(progress.step);
        fields.total = Some(progress.total).filter(|total| *total < NO_LIMIT);
        fields
            .values
            .extend([("loss", progress.loss), ("lr", progress.rate)]);
        Match::Record
    }
}

/// A line about a batch.
struct Progress {
    epoch: u64,
    step: u64,
    total: u64,
    loss: f64,
    /// The learning rate of the first group of parameters.
    rate: f64,
}

impl Progress {
    fn of(line: &str) -> Option<Progress> {
        let (epoch, rest) = line.split_once(" - Epoch: ")?.1.split_once('[')?;
        let (counts, rest) = rest.split_once("], loss: ")?;
        let (step, total) = number::counts(counts)?;
        let rates = rest.split_once(", LR: ")?.1.trim_start_matches('[');
        Some(Progress {
            epoch: epoch.trim().parse().ok()?,
            step,
            total,
            loss: loss(rest)?,
            rate: number::parse(rates.split([',', ']']).next()?)?,
        })
    }
}

/// `1.84, ..`, or the total of `{'classification': 1.03, 'total_loss': 1.84}`.
fn loss(text: &str) -> Option<f64> {
    let text = text.split_once("'total_loss': ").map_or(text, |(_, total)| total);
    number::parse(text.split([',', '}', ' ']).next()?)
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::format::records::How;
    use crate::metric::{Names, Quantity};

    #[test]
    fn validations_stand_below_their_headings() {
        let content = "2024-08-08 14:02:09 - \x1b[34m\x1b[1mLOGS   \x1b[0m - Epoch:   0 [       0/10000000], loss: {'classification': 197.316, 'neural_augmentation': 0.3109, 'total_loss': 197.627}, LR: [1e-06, 1e-06], Avg. batch load time: 174.258, Elapsed time: 179.02\n\
            2024-08-08 14:02:47 - \x1b[34m\x1b[1mLOGS   \x1b[0m - *** Training summary for epoch 0\n\
            \t loss={'classification': 95.796, 'neural_augmentation': 0.3386, 'total_loss': 96.1346}\n\
            2024-08-08 14:03:10 - \x1b[34m\x1b[1mLOGS   \x1b[0m - Epoch:   0 [    8016/   33154], loss: {'classification': 4.6655, 'neural_augmentation': 0.0, 'total_loss': 4.6655}, multiclass_classification_pr(pred=logits): {'ODS-F1': [0.2]}, LR: [1e-06, 1e-06], Elapsed time: 9.0\n\
            2024-08-08 14:05:58 - \x1b[34m\x1b[1mLOGS   \x1b[0m - *** Validation summary for epoch 0\n\
            \t loss={'classification': 20.8184, 'neural_augmentation': 0.0, 'total_loss': 20.8184} || multiclass_classification_pr(pred=logits)={'ODS-F1': [0.2031]}\n\
            2024-08-08 14:06:12 - \x1b[34m\x1b[1mLOGS   \x1b[0m - Epoch:   1 [     114/10000000], loss: {'classification': 22.1613, 'neural_augmentation': 0.2993, 'total_loss': 22.4606}, LR: [1.2e-05, 1.2e-05], Avg. batch load time: 1.0\n\
            2024-08-08 14:07:04 - \x1b[34m\x1b[1mLOGS   \x1b[0m - *** Validation summary for epoch 1\n\
            \t loss=8.6554 || top1=0.7\n\
            2024-08-08 14:07:06 - \x1b[34m\x1b[1mLOGS   \x1b[0m - Training took 00:04:57.98\n";
        let interrupted = content.replace(
            "2024-08-08 14:07:06 -",
            "2024-08-08 14:07:06 - LOGS    - Keyboard interruption. Exiting from early training\n2024-08-08 14:07:06 -",
        );
        let ends = |content: &str| {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            read.decoded.endings.iter().map(|end| end.how).collect::<Vec<_>>()
        };
        assert_eq!(ends(content), [How::Finished]);
        assert_eq!(ends(&interrupted), [How::Perhaps("it was interrupted")]);
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let points = |quantity| -> Vec<(u64, f64)> { read.decoded.records.points(quantity).collect() };
        assert_eq!((read.format, read.decoded.total_steps), ("corenet", None));
        assert_eq!(points(Quantity::TrainLoss), [(0, 197.627), (114, 22.4606)]);
        assert_eq!(points(Quantity::EvalLoss), [(0, 20.8184), (114, 8.6554)]);
        assert_eq!(points(Quantity::LearningRate), [(0, 1e-6), (114, 1.2e-5)]);
    }

    #[test]
    fn an_epoch_may_be_trained_once_more() {
        let line = |step: u64| {
            format!(
                "2024-07-18 06:53:40 - LOGS    - Epoch:   0 [{step:8}/10000000], loss: 3.{step}, LR: [1e-06, 1e-06], Elapsed time: 1.0\n"
            )
        };
        let attempt = format!(
            "2024-07-18 06:53:28 - INFO    - Training epoch 0\n{}{}\
             2024-07-18 06:54:00 - LOGS    - *** Training summary for epoch 0\n\
             \t loss=3.5\n\
             2024-07-18 06:54:28 - INFO    - Validation epoch 0\n{}",
            line(1),
            line(50),
            line(1000),
        );
        let content = format!("{attempt}2024-07-18 06:55:00 - INFO    - Training epoch 1\n{attempt}");
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [1, 50, 1, 50]);
    }
}
