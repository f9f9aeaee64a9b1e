//! The table that the Hugging Face trainer draws in a notebook, as it stands in logs of
//! notebooks that were run from the command line:
//!
//! ```text
//!  [1787/2844 11:52:49 < 7:02:06, 0.04 it/s, Epoch 1.88/3]
//! Step    Training Loss   Validation Loss   Wer
//! 500     1.110035        1.069532          0.568444
//! ```

use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;

/// The grammar.
#[derive(Debug, Default)]
pub struct Notebook {
    /// What the columns behind the first hold, while a table goes on.
    columns: Vec<Option<&'static str>>,
}

impl Grammar for Notebook {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some(total) = planned(line) {
            fields.total = Some(total);
            return Match::Notice;
        }
        let mut cells = line.split('\t').map(str::trim);
        let first = cells.next().unwrap_or_default();
        if matches!(first, "Step" | "Epoch") {
            self.columns = cells.map(column).collect();
            return Match::No;
        }
        let Some(step) = first
            .parse()
            .ok()
            .and_then(whole)
            .filter(|_| !self.columns.is_empty())
        else {
            self.columns.clear();
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
        Match::Record
    }
}

/// The steps planned, of the bar above the table.
fn planned(line: &str) -> Option<u64> {
    let inside = line.trim().strip_prefix('[')?.strip_suffix(']')?;
    let (counts, rest) = inside.split_once(' ')?;
    let (done, total) = counts.split_once('/')?;
    let (done, total): (u64, u64) = (done.parse().ok()?, total.parse().ok()?);
    (done <= total && rest.contains("Epoch ")).then_some(total)
}

fn column(heading: &str) -> Option<&'static str> {
    match heading {
        "Training Loss" => Some("loss"),
        "Validation Loss" => Some("eval_loss"),
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
}
