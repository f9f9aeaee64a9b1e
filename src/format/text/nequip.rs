//! The tables that NequIP and Allegro print after every epoch, each below its heading:
//!
//! ```text
//!   Train      #    Epoch      wal       LR       loss_f       loss_e         loss        f_mae
//! ! Train               2   12.748    0.005        0.119       0.0156        0.135        0.245
//! ! Validation          2   12.748    0.005       0.0919      0.00095       0.0928        0.217
//! ```
//!
//! The losses of single batches above them are not marked with `!`.

use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;

/// The grammar.
#[derive(Debug, Default)]
pub struct Nequip {
    /// What the columns of the table are, `None` for those that are not used.
    columns: Vec<Option<Cell>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell {
    Epoch,
    /// Seconds since the start.
    Elapsed,
    Rate,
    Loss,
}

impl Cell {
    fn of(name: &str) -> Option<Cell> {
        match name {
            "Epoch" => Some(Cell::Epoch),
            "wal" | "wall" => Some(Cell::Elapsed),
            "LR" => Some(Cell::Rate),
            "loss" => Some(Cell::Loss),
            _ => None,
        }
    }
}

impl Grammar for Nequip {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some((_, names)) = line.split_once(" # ") {
            let columns: Vec<Option<Cell>> = names.split_ascii_whitespace().map(Cell::of).collect();
            if [Cell::Epoch, Cell::Loss]
                .iter()
                .all(|cell| columns.contains(&Some(*cell)))
            {
                self.columns = columns;
            }
            return Match::No;
        }
        let Some((_, row)) = line.split_once("! ") else {
            return Match::No;
        };
        let loss = match row.split_ascii_whitespace().next() {
            Some("Train") => "loss",
            Some("Validation" | "Initial") => "eval_loss",
            Some("Stop") => {
                fields.finished = true;
                return Match::Notice;
            }
            _ => return Match::No,
        };
        let cells: Vec<f64> = row.split_ascii_whitespace().filter_map(number::parse).collect();
        if cells.len() != self.columns.len() {
            return Match::No;
        }
        for (column, value) in self.columns.iter().zip(cells) {
            match column {
                Some(Cell::Epoch) => {
                    fields.step = whole(value);
                    fields.values.push(("epoch", value));
                }
                Some(Cell::Elapsed) => fields.values.push(("elapsed", value)),
                Some(Cell::Rate) => fields.values.push(("lr", value)),
                Some(Cell::Loss) => fields.values.push((loss, value)),
                None => {}
            }
        }
        fields.record()
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn rows_of_an_epoch_stand_below_their_heading() {
        let content = "validation\n# Epoch batch         loss       loss_f       loss_e\n      0     1          3.1        0.988         2.11\n\n\n\
            \x20 Initialization     #    Epoch      wal       LR       loss_f       loss_e         loss\n\
            ! Initial Validation          0    1.590    0.005        0.988         2.11          3.1\n\
            Wall time: 1.59\n! Best model        0    3.096\n\n\
            training\n# Epoch batch         loss       loss_f       loss_e\n      1    16        0.217        0.178       0.0382\n\n\n\
            \x20 Train      #    Epoch      wal       LR       loss_f       loss_e         loss\n\
            ! Train               1    8.080    0.005         0.46        0.365        0.825\n\
            ! Validation          1    8.080    0.005        0.162       0.0567        0.219\n\
            Wall time: 8.08\n! Best model        1    0.219\n\
            \x20 Train      #    Epoch      wal       LR       loss_f       loss_e         loss\n\
            ! Train               2   12.748    0.005        0.119       0.0156        0.135\n\
            ! Validation          2   12.748    0.005       0.0919      0.00095       0.0928\n\
            ! Stop training: max epochs\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        let points = |quantity| -> Vec<(u64, f64)> { records.points(quantity).collect() };
        assert_eq!(read.format, "nequip");
        assert_eq!(points(Quantity::TrainLoss), [(1, 0.825), (2, 0.135)]);
        assert_eq!(points(Quantity::EvalLoss), [(0, 3.1), (1, 0.219), (2, 0.0928)]);
        assert_eq!(read.decoded.endings.len(), 1);
        assert_eq!(points(Quantity::LearningRate).last(), Some(&(2, 0.005)));
    }
}
