//! The tables of `OpenAI`'s logger, which its diffusion models, baselines and what grew out of
//! them print and write to `log.txt`. Their rows are sorted by name, so the step comes last:
//!
//! ```text
//! ------------------------
//! | grad_norm | 0.0782   |
//! | loss      | 0.0134   |
//! | step      | 5.04e+03 |
//! ------------------------
//! ```

use super::blocks::row_of_two;
use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;

/// What is kept of a table until it ends.
const KEPT: &[&str] = &[
    "loss",
    "train_loss",
    "eval_loss",
    "val_loss",
    "test_loss",
    "grad_norm",
    "lr",
    "learning_rate",
    "samples",
    "epoch",
];

/// What begins and ends a table, which is as wide as a name and a number.
const RULE: &str = "------------";

/// The grammar.
#[derive(Debug, Default)]
pub struct LoggerTable {
    step: Option<u64>,
    /// Steps have three digits.
    rounded_to: f64,
    values: Vec<(&'static str, f64)>,
}

impl Grammar for LoggerTable {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        // Whatever a launcher has put before it.
        if line.contains(RULE) {
            fields.values.extend(std::mem::take(&mut self.values));
            fields.step = self.step.take();
            fields.rounded_to = self.rounded_to;
            return fields.record();
        }
        let Some((name, cell)) = row_of_two(line) else {
            return Match::No;
        };
        let Some(found) = number::parse(cell) else {
            return Match::No;
        };
        if matches!(name, "step" | "steps" | "iteration" | "iter") {
            self.step = whole(found);
            self.rounded_to = rounded_to(cell);
        } else if let Some(name) = KEPT.iter().find(|kept| **kept == name) {
            self.values.push((name, found));
        }
        Match::No
    }
}

/// What `5.04e+03` was rounded to: 10.
fn rounded_to(cell: &str) -> f64 {
    let Some((digits, exponent)) = cell.split_once(['e', 'E']) else {
        return 0.0;
    };
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let exponent = exponent.parse::<i32>().unwrap_or(0);
    let decimals = i32::try_from(decimals).unwrap_or(0);
    10_f64.powi(exponent.saturating_sub(decimals).clamp(0, 18))
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn a_table_is_a_record_at_its_last_row() {
        let table = |step: &str, loss: f64| {
            format!(
                "------------------------\n| grad_norm | 0.5      |\n| loss      | {loss}   |\n| loss_q0   | 0.035    |\n\
                 | mse       | 0.0134   |\n| samples   | 8.07e+04 |\n| step      | {step} |\n------------------------\n"
            )
        };
        let steps = ["0", "400", "800", "1.2e+03", "1.6e+03", "2e+03"];
        let content: String = steps.iter().map(|step| table(step, 0.25)).collect();
        let read = read_all(
            format!("creating model and diffusion...\n{content}").as_bytes(),
            &Names::default(),
        )
        .unwrap();
        let records = &read.decoded.records;
        assert_eq!(
            (read.format, records.steps()),
            ("logger-table", &[0, 400, 800, 1200, 1600, 2000][..])
        );
        assert_eq!(records.value(5, Quantity::TrainLoss), Some(0.25));
        assert_eq!(records.value(5, Quantity::GradNorm), Some(0.5));
    }
}
