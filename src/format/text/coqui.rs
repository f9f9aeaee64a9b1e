//! Coqui's trainer (TTS, STT): a heading with the step, then one metric a line with its mean:
//!
//! ```text
//!    --> TIME: 2023-01-01 10:00:00 -- STEP: 24/1000 -- GLOBAL_STEP: 1025
//!      | > loss: 5.11022  (5.20811)
//!      | > current_lr: 0.00020
//!   --> EVAL PERFORMANCE
//!      | > avg_loss: 5.01 (-0.1)
//! ```

use super::blocks::label;
use super::{Fields, Grammar, Match};
use crate::format::number;

/// What stands before the step in a heading.
const HEADING: &str = "-- GLOBAL_STEP: ";

/// The grammar.
#[derive(Debug, Default)]
pub struct Coqui {
    step: Option<u64>,
    evaluates: bool,
}

impl Grammar for Coqui {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if line.contains(HEADING) {
            self.step = label(line, HEADING).map(|(step, _)| step);
            self.evaluates = false;
            fields.step = self.step;
            return Match::Notice;
        }
        if line.contains("--> EVAL") || line.contains("> EVALUATION") {
            self.evaluates = true;
            return Match::No;
        }
        let (Some((_, metric)), Some(step)) = (line.split_once("| > "), self.step) else {
            return Match::No;
        };
        let Some((name, value)) = metric.split_once(':') else {
            return Match::No;
        };
        let value = value.trim().split(' ').next().unwrap_or_default();
        let Some(value) = number::parse(value) else {
            return Match::No;
        };
        // VITS has a loss of its discriminator, `loss_0`, and one of its generator, `loss_1`, with
        // their parts.
        let name = match (self.evaluates, name.trim()) {
            (true, "avg_loss" | "avg_loss_1") => "eval_loss",
            // Single batches of the evaluation.
            (true, _) | (false, "loss_gen" | "loss_disc") => return Match::No,
            (false, "loss_1") => "loss",
            (false, "current_lr_0") => "current_lr",
            (false, name) => name,
        };
        fields.step = Some(step);
        fields.values.push((name, value));
        Match::Record
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn blocks_of_training_and_of_evaluation() {
        let content = "\u{1b}[4m\u{1b}[1m > EPOCH: 0/1000\u{1b}[0m\n\n\u{1b}[1m   --> TIME: 2023-01-01 10:00:00 -- STEP: 0/1000 -- GLOBAL_STEP: 25\u{1b}[0m\n\
            \u{20}    | > loss: 5.25000  (5.5)\n     | > current_lr: 0.00020 \n     | > grad_norm: 1.5  (1.25)\n\n\
            \u{20}  --> TIME: 2023-01-01 10:01:00 -- STEP: 25/1000 -- GLOBAL_STEP: 50\n     | > loss: 5.00000  (5.25)\n\n\
            \u{1b}[1m > EVALUATION \u{1b}[0m\n\n\u{1b}[1m   --> STEP: 0\u{1b}[0m\n     | > loss: 9.5 (9.5)\n\n  --> EVAL PERFORMANCE\n     | > avg_loader_time: 0.004 (+0.0)\n     | > avg_loss:\u{1b}[92m 4.75 \u{1b}[0m(-0.1)\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let points = |quantity| -> Vec<(u64, f64)> { read.decoded.records.points(quantity).collect() };
        assert_eq!(read.format, "coqui");
        assert_eq!(points(Quantity::TrainLoss), [(25, 5.25), (50, 5.0)]);
        assert_eq!(points(Quantity::EvalLoss), [(50, 4.75)]);
        assert_eq!(points(Quantity::LearningRate), [(25, 2e-4)]);
        assert_eq!(points(Quantity::GradNorm), [(25, 1.5)]);
    }
}
