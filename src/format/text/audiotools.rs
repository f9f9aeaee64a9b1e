//! The screens of audiotools, by which the descript-audio-codec and others are trained: a box with the
//! step, and below it tables of the last values and their means.
//!
//! ```text
//! ┃            Iteration 1000            ┃
//!                  train
//!  key                │ value      │ mean
//! ╶───────────────────┼────────────┼───────────╴
//!  loss               │  76.766022 │  84.894968
//!  other/learning_rate│   0.000100 │   0.000100
//!                  val
//!  loss               │   0.823981 │   0.851631
//!  ⠋ Iteration (train) 1001/2500000  0:01:11 / -:--:--
//! ```

use super::held_out::{Data, data_of};
use super::{Fields, Grammar, Match};
use crate::format::number;

/// The grammar.
#[derive(Debug, Default)]
pub struct AudioTools {
    step: Option<u64>,
    /// What was not trained on, where the table is about that.
    held_out: Option<Data>,
}

impl Grammar for AudioTools {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some((_, bar)) = line.split_once("Iteration (train)") {
            let counts = first_word(bar).and_then(number::counts);
            fields.total = counts.map(|(_, total)| total);
            return Match::Notice;
        }
        if let Some((_, inside)) = line.split_once('┃') {
            let count = inside
                .split_once("Iteration ")
                .and_then(|(_, count)| first_word(count));
            self.step = count.and_then(|count| count.parse().ok()).or(self.step);
            return Match::No;
        }
        let mut cells = line.split('│');
        let (Some(name), Some(_), Some(mean), None) =
            (cells.next(), cells.next(), cells.next(), cells.next())
        else {
            for heading in line.split_ascii_whitespace() {
                let data = data_of(std::iter::once(heading));
                if data.is_some() || heading == "train" {
                    self.held_out = data;
                }
            }
            return Match::No;
        };
        let name = name.split_ascii_whitespace().next_back().unwrap_or_default();
        let name = match (name, self.held_out) {
            ("loss", Some(data)) => data.loss(),
            ("loss", None) => "loss",
            ("other/grad_norm", None) => "grad_norm",
            ("other/learning_rate", None) => "learning_rate",
            _ => return Match::No,
        };
        fields.step = self.step;
        let mean = first_word(mean).and_then(number::parse);
        fields.values.extend(mean.map(|mean| (name, mean)));
        fields.record()
    }
}

fn first_word(text: &str) -> Option<&str> {
    text.split_ascii_whitespace().next()
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn tables_below_a_box_with_the_step() {
        let screen = |step: u32| {
            let table = |name: &str, loss: f64| {
                format!(
                    "                     {name}                    \n                 ╷            ╷           \n\
                     \x20key              │ value      │ mean      \n╶────────────────┼────────────┼──────────╴\n\
                     \x20 loss            │ 173.424698 │ {loss}    \n  mel/loss        │   3.112324 │   3.112324\n\
                     \x20 other/grad_norm │ 227.150085 │ 2.5       \n  other/learning_rate │ 0.0001 │ 0.0001\n"
                )
            };
            format!(
                "[10:20:34] ┏━━━━━━━━━━━━━━━━━━━━━━━━━━┓\n           ┃      Iteration {step}        ┃   \n           ┗━━━━━━━━━━━━━━━━━━━━━━━━━━┛\n\
                 {}{}           ⠋ Iteration (train) {}/2500000   0:01:11 / -:--:--\n           ⠋ Iteration (val)   0/21   0:00:00 / -:--:--\n",
                table("train", f64::from(8000 - step)),
                table("val", f64::from(4000 - step)),
                step + 1
            )
        };
        let content: String = [0, 1000, 2000].map(screen).concat();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(
            (read.format, read.decoded.total_steps),
            ("audiotools", Some(2_500_000))
        );
        let points = |quantity| -> Vec<(u64, f64)> { read.decoded.records.points(quantity).collect() };
        assert_eq!(
            points(Quantity::TrainLoss),
            [(0, 8000.0), (1000, 7000.0), (2000, 6000.0)]
        );
        assert_eq!(
            points(Quantity::EvalLoss),
            [(0, 4000.0), (1000, 3000.0), (2000, 2000.0)]
        );
        assert_eq!(points(Quantity::GradNorm).len(), 3);
    }
}
