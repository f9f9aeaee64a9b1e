//! Megatron-LM and its descendants (Megatron-DeepSpeed, GPT-NeoX, Megatron Bridge):
//! `iteration 10/ 2000 | lm loss: 2.557783E+00 | grad norm: 0.154 |`.
//!
//! A loss that is not a number is not printed at all. A complete line without one, in
//! which no iteration was skipped, is therefore a record whose loss is NaN.

use super::held_out::is_of_training;
use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;

/// The grammar.
#[derive(Debug, Default)]
pub struct Megatron;

impl Grammar for Megatron {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some((before, rest)) = around_iteration(line) else {
            return Match::No;
        };
        if memchr::memchr(b'|', line.as_bytes()).is_none() {
            return Match::No;
        }
        let before = before.trim_end();
        let evaluated = [" loss at", " results at"]
            .iter()
            .find_map(|words| before.strip_suffix(words));
        if let Some(data) = evaluated {
            return validation(data, rest, fields);
        }
        let first = rest.split('|').next().unwrap_or_default();
        let Some((step, total)) = first.split_once('/') else {
            return Match::No;
        };
        let (Ok(step), total) = (step.trim().parse(), total.trim().parse().ok()) else {
            return Match::No;
        };
        fields.step = Some(step);
        fields.total = total;
        // GPT-NeoX puts a cell before the iteration.
        fields.values.extend(line.split('|').filter_map(cell));
        if line.trim_end().ends_with('|') && loss_was_left_out(&fields.values) {
            fields.values.push(("lm loss", f64::NAN));
            return Match::Record;
        }
        // Without a loss it depends on the number of skipped iterations what the line says.
        fields.alone = fields.values.iter().any(|(name, _)| name.ends_with("loss"));
        Match::Record
    }
}

/// What stands around the word before the counter. Some forks put a colon behind it, as scripts of one's own do
/// whose lines do not hold what every Megatron has.
fn around_iteration(line: &str) -> Option<(&str, &str)> {
    let at = |word: &str| memchr::memmem::find(line.as_bytes(), word.as_bytes());
    let around = |word| line.split_at_checked(at(word)?);
    let (before, rest) = match around("iteration: ") {
        Some(found) if at(" | elapsed time per iteration (").is_some() => found,
        _ => around("iteration ")?,
    };
    Some((
        before,
        rest.trim_start_matches("iteration").trim_start_matches(':'),
    ))
}

/// True for a train line that prints all but its loss. Where every iteration since the
/// last line was skipped there is no loss to print, and that is the loss scale's business,
/// unless it says that losses were not finite.
fn loss_was_left_out(values: &[(&str, f64)]) -> bool {
    let value = |wanted: &str| {
        values
            .iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| *value)
    };
    value("learning rate").is_some()
        && !values.iter().any(|(name, _)| name.ends_with("loss"))
        && (value("number of skipped iterations").is_some_and(|skipped| skipped == 0.0)
            || value("number of nan iterations").is_some_and(|lost| lost > 0.0))
}

/// `validation loss at iteration 1000 | lm loss value: 8.1E+00 | lm loss PPL: 3.4E+03 |`, GPT-NeoX's
/// `validation results at iteration 30 | lm_loss value: 2.8E+00 |`, `valid loss at ..` of DeepSpeed's fork, which
/// names its data, and `| LM loss: 4.4E+00 | LM PPL: 8.1E+01` of 2019. At the end the test data are evaluated as well:
/// `validation loss at iteration 5000 on test set | ..`.
fn validation<'a>(data: &str, rest: &'a str, fields: &mut Fields<'a>) -> Match {
    let mut cells = rest.split('|');
    let place = cells.next().unwrap_or_default();
    let is_of_other_data = |text: &str| {
        let mut words = text.split_whitespace();
        words.any(|word| word == "test" || is_of_training(word))
    };
    if is_of_other_data(data) || is_of_other_data(place) {
        return Match::No;
    }
    let step = number::parse(place.split_whitespace().next().unwrap_or_default()).and_then(whole);
    // What is part of a loss may stand before it.
    let told: Vec<(&str, f64)> = cells.filter_map(cell).collect();
    let value = ["loss value", "loss"]
        .iter()
        .find_map(|end| told.iter().find(|(name, _)| name.ends_with(end)));
    match (step, value) {
        (Some(step), Some((_, value))) => {
            fields.step = Some(step);
            fields.values.push(("validation loss", *value));
            Match::Record
        }
        _ => Match::No,
    }
}

/// `name: value`, or `name value` as in 2020.
fn cell(text: &str) -> Option<(&str, f64)> {
    let text = text.trim();
    let (name, value) = text.rsplit_once(':').or_else(|| text.rsplit_once(' '))?;
    let value = number::parse(value.trim())?;
    let name = name.trim();
    (!name.is_empty() && !name.contains('/')).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn evaluations_of_gpt_neox() {
        let content = " validation results at iteration 90 | lm_loss value: 2.305954E+00 | lm_loss_ppl value: 1.003375E+01 | \n \
             samples/sec: 371.848 | iteration      100/     800 | elapsed time per iteration (ms): 688.5 | learning rate: 8.838E-04 | lm_loss: 2.869912E+00 | loss scale: 4096.0 | number of skipped iterations:   0 |\n\
             samples/sec: 371.848 | iteration      200/     800 | elapsed time per iteration (ms): 688.5 | learning rate: 8.838E-04 | lm_loss: 2.25E+00 | loss scale: 4096.0 | number of skipped iterations:   0 |\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!((read.format, records.steps()), ("megatron", &[90, 100, 200][..]));
        assert_eq!(records.value(0, Quantity::EvalLoss), Some(2.305954));
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(2.869912));
    }

    #[test]
    fn a_colon_may_stand_behind_the_iteration() {
        let content = " iteration:       10/    5000 | consumed samples:          640 | elapsed time per iteration (ms): 811.4 | learning rate: 3.0E-05 | lm loss: 7.5E+00 | loss scale: 1.0 | grad norm: 1.988 | number of skipped iterations:   0 |\n\
            \u{20}iteration:       20/    5000 | consumed samples:         1280 | elapsed time per iteration (ms): 821.1 | learning rate: 6.0E-05 | lm loss: 7.25E+00 | loss scale: 1.0 | grad norm: 1.735 | number of skipped iterations:   0 |\n\
            \u{20}validation loss at iteration 20 | lm loss value: 7.75E+00 | lm loss PPL: 8.552381E+01 | \n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let points = |quantity| read.decoded.records.points(quantity).collect::<Vec<_>>();
        assert_eq!((read.format, read.decoded.total_steps), ("megatron", Some(5000)));
        assert_eq!(points(Quantity::TrainLoss), [(10, 7.5), (20, 7.25)]);
        assert_eq!(points(Quantity::EvalLoss), [(20, 7.75)]);
    }

    #[test]
    fn evaluations_name_their_data() {
        let train = |step: u32| {
            format!(
                " iteration {step:8}/     300 | learning rate: 8.838E-04 | lm loss: 2.75E+00 | loss scale: 4096.0 | number of skipped iterations:   0 |\n"
            )
        };
        for evaluation in [
            "valid loss at iteration 200 | lm loss value: 4.25E+00 | lm loss PPL: 8.3E+01 |",
            " validation loss at iteration 200 | LM loss: 4.25E+00 | LM PPL: 8.3E+01",
            "[INFO] [RANK 0]  validation loss at iteration 200 | loss: 4.25E+00 | PPL: 8.3E+01",
            " validation loss at iteration 200 | moe loss: 1.0E-02 | lm loss value: 4.25E+00 |\n average train loss at iteration 200 | lm loss value: 9.5E+00 |",
        ] {
            let content = format!(
                "{}{}{evaluation}\n{} validation loss at iteration 300 on test set | lm loss value: 9.5E+00 | lm loss PPL: 8.3E+01 | \n",
                train(100),
                train(200),
                train(300)
            );
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let points: Vec<_> = read.decoded.records.points(Quantity::EvalLoss).collect();
            assert_eq!(
                (read.format, points),
                ("megatron", vec![(200, 4.25)]),
                "{evaluation}"
            );
        }
    }

    #[test]
    fn lines_of_several_generations() {
        let content = " [2025-09-05 16:09:51] iteration       10/    2000 | consumed samples:         1280 | elapsed time per iteration (ms): 10720.6 | learning rate: 2.999833E-05 | global batch size:   128 | lm loss: 2.557783E+00 | loss scale: 1.0 | grad norm: 0.154 | number of skipped iterations:   0 |\n\
             ------\n validation loss at iteration 10 | lm loss value: 8.123456E+00 | lm loss PPL: 3.37E+03 | \n\
             [default7]: iteration    31215/  115311 | consumed tokens:  97834074112 | elapsed time per iteration (s): 105.90 | lm loss: NAN | grad norm: nan |\n\
              iteration    31216/  115311 | learning rate: 6.676E-06 | loss scale: 1.0 | grad norm: 0.7 | number of skipped iterations:   0 |\n\
              iteration    31217/  115311 | learning rate: 6.676E-06 | loss scale: 1.0 | number of skipped iterations:   1 |\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "megatron");
        let records = &read.decoded.records;
        assert_eq!(records.steps(), [10, 10, 31215, 31216, 31217]);
        assert_eq!(records.value(0, Quantity::TrainLoss), Some(2.557783));
        assert!(
            records
                .value(0, Quantity::StepTime)
                .is_some_and(|time| (time - 10.7206).abs() < 1e-9)
        );
        assert_eq!(records.value(1, Quantity::EvalLoss), Some(8.123456));
        assert!(records.value(2, Quantity::TrainLoss).is_some_and(f64::is_nan));
        assert_eq!(records.value(2, Quantity::Tokens), Some(97_834_074_112.0));
        assert!(records.value(3, Quantity::TrainLoss).is_some_and(f64::is_nan));
        assert_eq!(records.value(4, Quantity::TrainLoss), None);
        assert_eq!(read.decoded.total_steps, Some(115_311));
    }
}
