//! DeepXDE, which tells the terms of its losses one by one and no sum. Its console:
//!
//! ```text
//! Step      Train loss                        Test loss                         Test metric
//! 0         [4.84e-01, 1.85e-02, 9.66e-02]    [4.55e-01, 1.85e-02, 9.66e-02]    []
//! ```
//!
//! and its `loss.dat`, of `numpy.savetxt`: the step, the terms on the points of training, as many on
//! those of the test, and metrics. How many of each there are is not stated:
//!
//! ```text
//! # step, loss_train, loss_test, metrics_test
//! 0.000000000000000000e+00 4.264295196533203125e+01 5.845882743597030640e-02 4.823628234863281250e+01 5.845882743597030640e-02 8.462527394294738770e-01
//! ```

use super::{Fields, Grammar, Match};
use crate::format::roles::whole;
use crate::format::{Sample, number};

/// One of these stands above the numbers.
pub const HEADERS: &[&str] = &[HEADER_OF_A_TABLE, "Test metric"];
const HEADER_OF_A_TABLE: &str = "# step, loss_train, loss_test";
/// The headings on the console, in their order.
const HEADINGS: &[&str] = &["Step", "Train loss", "Test loss", "Test metric"];

/// The grammar.
#[derive(Debug, Default)]
pub struct DeepXde {
    /// The headings of the console stand in the log.
    has_headings: bool,
    /// How many terms a loss has in a table without brackets, by how many columns that has.
    terms: Option<(usize, usize)>,
}

impl DeepXde {
    /// A grammar that has learnt from the rows of a table what its columns are.
    pub fn new(sample: &Sample) -> Self {
        let lines = || sample.lines().filter_map(|line| std::str::from_utf8(line).ok());
        let table = lines().skip_while(|line| !line.contains(HEADER_OF_A_TABLE));
        let rows: Vec<Vec<f64>> = table.filter_map(row).collect();
        DeepXde {
            has_headings: lines().any(has_headings),
            terms: number_of_terms(&rows).zip(rows.first().map(Vec::len)),
        }
    }
}

impl Grammar for DeepXde {
    fn again(&self) -> Option<Box<dyn Grammar>> {
        Some(Box::new(DeepXde { ..*self }))
    }

    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        // Whatever a launcher has put before it, three lists end the line.
        let mut lists = line.rsplitn(4, '[').skip(1);
        let (step, train, test) = if let (true, Some(test), Some(train), Some(before)) =
            (self.has_headings, lists.next(), lists.next(), lists.next())
        {
            let (_, step) = number::digits_at_the_end(before.trim_end());
            (step.parse().ok(), sum(train), sum(test))
        } else if let (Some((terms, columns)), Some(row)) = (self.terms, row(line))
            && columns == row.len()
        {
            let sum = |from: usize| row.get(from..from + terms).map(|terms| terms.iter().sum());
            (row.first().copied().and_then(whole), sum(1), sum(1 + terms))
        } else {
            return Match::No;
        };
        let (Some(train), Some(test)) = (train, test) else {
            return Match::No;
        };
        fields.step = step;
        fields.values.extend([("train_loss", train), ("test_loss", test)]);
        fields.record()
    }
}

/// True for a line with all headings of the console.
fn has_headings(line: &str) -> bool {
    let mut headings = HEADINGS.iter();
    let found = headings.try_fold(line, |rest, heading| Some(rest.split_once(heading)?.1));
    found.is_some()
}

/// The sum of the terms in a list, behind its bracket.
fn sum(list: &str) -> Option<f64> {
    let list = list.trim_end().strip_suffix(']')?;
    let terms = list.split([',', ' ']).filter(|term| !term.is_empty());
    let terms: Vec<f64> = terms.map(number::parse).collect::<Option<_>>()?;
    (!terms.is_empty()).then(|| terms.iter().sum())
}

/// The cells of a row that holds nothing but numbers.
fn row(line: &str) -> Option<Vec<f64>> {
    let cells: Vec<f64> = line
        .split_ascii_whitespace()
        .map(number::parse)
        .collect::<Option<_>>()?;
    (cells.len() > 2).then_some(cells)
}

/// How many terms a loss has: both losses have the same ones, which differ little, or not at all where
/// the same points are trained on and tested. Those that were not tested are 0.
fn number_of_terms(rows: &[Vec<f64>]) -> Option<usize> {
    let most = (rows.first()?.len() - 1) / 2;
    let mean_difference = |terms: usize| {
        let pairs = rows.iter().flat_map(|row| {
            let (train, behind) = row.split_at_checked(1 + terms).unwrap_or_default();
            train.iter().skip(1).zip(behind)
        });
        let (mut sum, mut count) = (0.0, 0_u32);
        for (train, test) in pairs.filter(|(_, test)| **test > 0.0) {
            // One that is 0 in training is another term.
            sum += (test / train.max(f64::MIN_POSITIVE)).ln().abs();
            count += 1;
        }
        if count > 0 {
            sum / f64::from(count)
        } else {
            f64::INFINITY
        }
    };
    (1..=most).min_by(|one, other| mean_difference(*one).total_cmp(&mean_difference(*other)))
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    /// Steps, sums of the terms, and the same of the test.
    fn read(content: &str) -> (Vec<u64>, Vec<f64>, Vec<f64>) {
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "deepxde");
        let records = &read.decoded.records;
        let all = |quantity| records.rows().filter_map(|row| row.value(quantity)).collect();
        (
            records.steps().to_vec(),
            all(Quantity::TrainLoss),
            all(Quantity::EvalLoss),
        )
    }

    #[test]
    fn lists_of_terms_are_summed() {
        let content = "Compiling model...\n'compile' took 0.526573 s\n\nTraining model...\n\n\
            Step      Train loss                        Test loss                         Test metric   \n\
            0         [5.00e-01, 1.25e-01, 2.50e-01]    [2.50e-01, 1.25e-01, 2.50e-01]    []  \n\
            1000      [2.50e-01, 1.25e-01, 1.25e-01]    [5.00e-01, 1.25e-01, 1.25e-01]    [1.00e+00]  \n\n\
            Best model at step 1000:\n  train loss: 5.00e-01\n  test loss: 7.50e-01\n  test metric: [1.00e+00]\n";
        assert_eq!(
            read(content),
            (vec![0, 1000], vec![0.875, 0.5], vec![0.625, 0.75])
        );
    }

    #[test]
    fn other_tables_with_a_train_loss_are_read_by_their_names() {
        let table = "Epoch   Train loss   Train acc   Val loss   Val acc\n\
            1   2.5000   0.510   2.7500   0.490\n2   2.2500   0.520   2.5000   0.500\n3   2.0000   0.530   2.2500   0.510\n";
        let report = |epoch: u64| {
            format!(
                "Epoch {epoch}/3\nTrain loss  : {}\n           precision  recall  f1-score  support\n\n\
                 0       0.95      0.93      0.94        50\n1       0.91      0.90      0.92        60\n",
                2.75 - 0.25 * epoch as f64
            )
        };
        let reports: String = (1..4).map(report).collect();
        for content in [table, &reports] {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let rows = read.decoded.records.rows();
            let losses: Vec<f64> = rows.filter_map(|row| row.value(Quantity::TrainLoss)).collect();
            assert_eq!(losses, [2.5, 2.25, 2.0], "{}", read.format);
        }
    }

    #[test]
    fn columns_show_how_many_terms_there_are() {
        // An equation, a boundary and a metric; terms of data that are not tested; and one of data alone.
        for (rows, train, test) in [
            (
                ["42 0.0625 48 0.0625 0.75", "0.25 0.125 0.5 0.125 0.03125"],
                [42.0625, 0.375],
                [48.0625, 0.625],
            ),
            (
                ["0.5 0.25 64 729 0.5 0.25 0 0", "8 2 0.25 31 8 2 0 0"],
                [793.75, 41.25],
                [0.75, 10.0],
            ),
            (
                ["0.375 0.5 0.0625 0.875", "0.0625 0.125 0.015625 0.75"],
                [0.375, 0.0625],
                [0.5, 0.125],
            ),
        ] {
            let [first, second] = rows;
            let content =
                format!("# step, loss_train, loss_test, metrics_test\n0.0e+00 {first}\n1.0e+03 {second}\n");
            let (steps, train_losses, test_losses) = read(&content);
            assert_eq!((steps, train_losses), (vec![0, 1000], train.to_vec()));
            assert_eq!(test_losses, test);
        }
    }
}
