//! The table that a trainer draws in a notebook: as lines of text in the logs of notebooks
//! that were run from the command line, and as the notebook's HTML is read (see
//! [`jupyter`](crate::format::jupyter)).
//!
//! ```text
//!  [1787/2844 11:52:49 < 7:02:06, 0.04 it/s, Epoch 1.88/3]
//! Step    Training Loss   Validation Loss   Wer
//! 500     1.110035        1.069532          0.568444
//! ```
//!
//! Hugging Face's trainer counts steps or epochs in it; fastai counts epochs from 0:
//!
//! ```text
//! epoch   train_loss   valid_loss   accuracy   time
//! 0       0.171234     0.023456     0.993234   00:42
//! ```

use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;

/// The grammar.
#[derive(Debug, Default)]
pub struct Notebook {
    /// What the columns behind the first hold, while a table goes on.
    columns: Vec<Option<&'static str>>,
    /// What the first column counts.
    counts_epochs: bool,
    /// The steps and epochs planned, of the last bar.
    planned: Option<Planned>,
    /// The table has a row.
    has_rows: bool,
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    steps: u64,
    /// All of them were done.
    is_done: bool,
    epochs: Option<u64>,
}

impl Grammar for Notebook {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some(planned) = planned(line) {
            self.planned = Some(planned);
            fields.total = Some(planned.steps);
            return Match::Notice;
        }
        let mut cells = line.split('\t').map(str::trim);
        let first = cells.next().unwrap_or_default();
        if matches!(first, "Step" | "Epoch" | "epoch") {
            self.columns = cells.map(column).collect();
            self.counts_epochs = first != "Step";
            self.has_rows = false;
            return Match::No;
        }
        let Some(step) = first
            .parse()
            .ok()
            .and_then(whole)
            .filter(|_| !self.columns.is_empty())
        else {
            // The header and the rows of HTML stand apart.
            if !line.trim().is_empty() {
                self.columns.clear();
            } else if self.has_rows
                && let Some(planned) = self.planned.take_if(|planned| planned.is_done)
            {
                let epochs = planned.epochs.filter(|_| self.counts_epochs);
                (fields.step, fields.finished) = (Some(epochs.unwrap_or(planned.steps)), true);
                return Match::Notice;
            }
            return Match::No;
        };
        for (name, cell) in self.columns.iter().zip(cells) {
            if let (Some(name), Some(value)) = (name, number::parse(cell)) {
                fields.values.push((name, value));
            }
        }
        if fields.values.is_empty() {
            return Match::No;
        }
        fields.step = Some(step);
        self.has_rows = true;
        if self.counts_epochs
            && let Some(planned) = self.planned
        {
            fields.total = planned.epochs.filter(|epochs| step <= *epochs);
        }
        Match::Record
    }
}

/// What is planned, of the bar above the table.
fn planned(line: &str) -> Option<Planned> {
    let inside = line.trim().strip_prefix('[')?.strip_suffix(']')?;
    let (counts, rest) = inside.trim_start().split_once(' ')?;
    let (done, total) = counts.split_once('/')?;
    let (done, steps): (u64, u64) = (done.parse().ok()?, total.parse().ok()?);
    let (_, epochs) = rest.split_once("Epoch ")?.1.split_once('/')?;
    (done <= steps).then(|| Planned {
        steps,
        is_done: done == steps,
        epochs: epochs.parse().ok(),
    })
}

fn column(heading: &str) -> Option<&'static str> {
    match heading {
        "Training Loss" | "train_loss" => Some("loss"),
        "Validation Loss" | "valid_loss" => Some("eval_loss"),
        "Learning Rate" => Some("learning_rate"),
        "Grad Norm" => Some("grad_norm"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn a_table_between_other_lines() {
        let content = "Unsloth: Will smartly offload gradients to save VRAM!\n [60/90 09:26 < 04:43, 0.1 it/s, Epoch 1/2]\n\
            Step\tTraining Loss\tValidation Loss\tWer\n10\t2.361331\tNo log\t0.5\n20\t1.537237\t1.518947\t0.4\n\
            /usr/lib/x.py:71: FutureWarning: 30\n30\t1.1\t1.2\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!((read.format, records.steps()), ("notebook", &[10, 20][..]));
        assert_eq!(read.decoded.total_steps, Some(90));
        assert_eq!(records.value(0, Quantity::TrainLoss), Some(2.361331));
        assert_eq!(records.value(0, Quantity::EvalLoss), None);
        assert_eq!(records.value(1, Quantity::EvalLoss), Some(1.518947));
    }

    #[test]
    fn epochs_of_both_trainers() {
        let hugging_face = " [68559/68559 1:36:33, Epoch 3/3]\n\nEpoch\tTraining Loss\tValidation Loss\n\n1\t1.37\t1.371592\n2\t1.36\t1.3\n";
        let read = read_all(hugging_face.as_bytes(), &Names::default()).unwrap();
        assert_eq!(
            (read.decoded.records.steps(), read.decoded.total_steps),
            (&[1, 2][..], Some(3))
        );
        let fastai = "Downloading\nepoch\ttrain_loss\tvalid_loss\taccuracy\ttime\n\n0\t0.171\t0.023456\t0.99\t00:42\n\n1\t0.091\t0.013456\t0.99\t00:42\nDone\n";
        let read = read_all(fastai.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!(records.steps(), [0, 1]);
        assert_eq!(records.value(1, Quantity::EvalLoss), Some(0.013456));
    }
}
