//! NVIDIA's Tacotron 2 and its kin: `Train loss 7082 0.412546 Grad Norm 1.326766 1.15s/it` and
//! `Validation loss 7500: 0.435`, the counter before the loss.

use super::{Fields, Grammar, Match};
use crate::format::number;

/// The grammar.
#[derive(Debug, Default)]
pub struct Tacotron;

impl Grammar for Tacotron {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let (rest, name) = match (
            line.split_once("Train loss "),
            line.split_once("Validation loss "),
        ) {
            (Some((_, rest)), _) => (rest, "train_loss"),
            (None, Some((_, rest))) => (rest, "validation loss"),
            (None, None) => return Match::No,
        };
        let mut words = rest.split_ascii_whitespace();
        let step = words
            .next()
            .and_then(|step| step.trim_end_matches(':').parse().ok());
        let loss = words.next().and_then(number::parse);
        let (Some(step), Some(loss)) = (step, loss) else {
            return Match::No;
        };
        fields.step = Some(step);
        fields.values.push((name, loss));
        if let Some((_, rest)) = rest.split_once("Grad Norm ") {
            let norm = rest.split_ascii_whitespace().next().and_then(number::parse);
            fields.values.extend(norm.map(|norm| ("grad_norm", norm)));
        }
        Match::Record
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn the_counter_is_not_the_loss() {
        let row = |step| format!("Train loss {step} 0.{step} Grad Norm 1.5 1.15s/it\n");
        let content = format!(
            "Epoch: 0\n{}Validation loss 12: 0.75  \n{}",
            row(11) + &row(12),
            row(13)
        );
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!(
            (read.format, records.steps()),
            ("tacotron2", &[11, 12, 12, 13][..])
        );
        assert_eq!(records.value(3, Quantity::TrainLoss), Some(0.13));
        assert_eq!(records.value(3, Quantity::GradNorm), Some(1.5));
        assert_eq!(records.value(2, Quantity::EvalLoss), Some(0.75));
    }
}
