//! build-nanogpt's `log.txt` (`250 train 6.123456`, `250 val 6.1`, `250 hella 0.25`) and its
//! standard output (`step   250 | loss: 6.123456 | lr 2.1e-04 | norm: 1.2 | dt: 225.5ms`).

use super::dialect::holds;
use super::scan::{NameFinder, named_numbers};
use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;

/// The grammar.
#[derive(Debug, Default)]
pub struct BuildNanogpt {
    names: NameFinder,
    on_screen: bool,
}

impl Grammar for BuildNanogpt {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if holds(line, &["step ", " | loss: ", " | norm: ", " | dt: "]) {
            self.on_screen = true;
            named_numbers(line, |named| match (self.names.find(named.words).0, named.unit) {
                ("step", _) => fields.step = whole(named.value),
                ("dt", "ms") => fields.values.push(("step_time", named.value / 1000.0)),
                (name, _) => fields.values.push((name, named.value)),
            });
            fields.alone = true;
            // Not in its own source, which has the words without the numbers.
            let has_loss = fields.values.iter().any(|(name, _)| *name == "loss");
            return if fields.step.is_some() && has_loss {
                Match::Record
            } else {
                Match::No
            };
        }
        // It carries no step, and belongs to the line that follows.
        let validation = line.split_once("validation loss: ").and_then(|(_, behind)| {
            let value = behind.split_whitespace().next()?;
            number::parse(value)
        });
        if let Some(value) = validation {
            fields.values.push(("validation loss", value));
            return Match::Ahead;
        }
        if self.on_screen {
            return Match::No;
        }
        let mut words = line.split(' ');
        let (Some(Ok(step)), Some(name), Some(value), None) = (
            words.next().map(str::parse),
            words.next(),
            words.next(),
            words.next(),
        ) else {
            return Match::No;
        };
        let name = match name {
            "train" => "train loss",
            "val" => "val loss",
            _ => return Match::No,
        };
        let Some(value) = number::parse(value) else {
            return Match::No;
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
    fn an_evaluation_belongs_to_the_step_that_follows() {
        let content = "validation loss: 10.9524\nstep     0 | loss: 10.955029 | lr 8.3916e-07 | norm: 15.3591 | dt: 22542.50ms | tok/sec: 23256.87\nvalidation loss: 9.5\nHellaSwag accuracy: 2463/10042=0.2453\nstep   250 | loss: 9.6 | lr 2.1e-04 | norm: 1.2 | dt: 225.50ms | tok/sec: 2.0\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "build-nanogpt");
        assert_eq!(read.decoded.records.steps(), [0, 0, 250, 250]);
        assert_eq!(read.decoded.records.value(2, Quantity::EvalLoss), Some(9.5));
        let file = read_all(
            b"0 val 10.95\n0 hella 0.24\n0 train 10.96\n1 train 10.5\n",
            &Names::default(),
        )
        .unwrap();
        assert_eq!(file.format, "build-nanogpt");
        assert_eq!(file.decoded.records.steps(), [0, 0, 1]);
    }
}
