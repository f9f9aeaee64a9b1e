//! A script's own log in which the step has a line of its own and the metrics stand below it:
//!
//! ```text
//! ===== Iteration 100/6000 =====
//! Train results:
//!     Loss : 3.41
//! Val results:
//!     Loss : 3.52
//! ```

use super::bare_counts::{Count, at_either_end};
use super::held_out::{Data, data_of, evaluated_loss};
use super::scan::{NameFinder, Named, named_numbers, push_value};
use super::wrapper::rank;
use super::{Fields, Grammar, Match, progress};
use crate::metric::{Quantity, Role};

/// The grammar.
#[derive(Debug, Default)]
pub struct StepBlocks {
    names: NameFinder,
    step: Option<u64>,
    /// What the last heading without a number has said of the lines below it.
    about_held_out_data: bool,
}

impl Grammar for StepBlocks {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if !line.bytes().any(|byte| byte.is_ascii_digit()) {
            let heading = line.trim().trim_end_matches(':');
            if line.trim().len() > heading.len() {
                let words = heading.split(|letter: char| !letter.is_ascii_alphabetic());
                self.about_held_out_data = data_of(words) == Some(Data::Validation);
            }
            return Match::No;
        }
        if progress::is_bar(line) {
            return Match::No;
        }
        let (mut counts, mut counted, mut useful) = (false, None, false);
        named_numbers(line, |named| {
            let (name, fit) = self.names.find(named.words);
            match fit.map(|fit| fit.role) {
                Some(Role::Step) => {
                    // `checkpoint saved at step 100` announces nothing.
                    counts = true;
                    if named.words == name || stands_alone(line, &named) {
                        counted = counted.or(Count::of(&named));
                    }
                }
                Some(Role::Value { quantity, .. }) => {
                    let loss = quantity == Quantity::TrainLoss;
                    useful |= !matches!(
                        quantity,
                        Quantity::Epoch | Quantity::WallTime | Quantity::Elapsed | Quantity::StepTime
                    );
                    match evaluated_loss(line, named.words).filter(|_| loss) {
                        Some(evaluated) if evaluated == Data::Test.loss() => {}
                        Some(evaluated) => fields.values.push((evaluated, named.value)),
                        None if loss && self.about_held_out_data => {
                            fields.values.push(("eval_loss", named.value));
                        }
                        None => push_value(fields, name, fit, &named),
                    }
                }
                _ => {}
            }
        });
        match (counted, self.step) {
            (Some(count), _) if !useful => {
                self.step = Some(count.value);
                self.about_held_out_data = false;
                (fields.step, fields.total) = (self.step, count.of);
                Match::Notice
            }
            // A line that has both is a log of another kind.
            (None, Some(step)) if useful && !counts && !fields.values.is_empty() && !is_counted(line) => {
                fields.step = Some(step);
                Match::Record
            }
            _ => Match::No,
        }
    }
}

/// True for a line with a counter that has no name, unless that may be the rank which wrote it: `3: Loss: 3.41`.
fn is_counted(line: &str) -> bool {
    at_either_end(line, None).is_some() && rank(line.as_bytes()).is_none()
}

/// `######## Learning iteration 1000/1200 ########`: a counter of the run, and nothing else but rules.
fn stands_alone(line: &str, named: &Named) -> bool {
    let decoration = |letter: char| !letter.is_ascii_alphanumeric();
    named.of.is_some()
        && line.trim_start_matches(decoration).starts_with(named.words)
        && named.behind.trim_start_matches(decoration).is_empty()
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn metrics_below_their_step() {
        let blocks: [fn(u64, f64) -> String; 3] = [
            |step, loss| format!("Step {step}\n  train loss: {loss}\n  val loss: {}\n", loss + 0.5),
            |step, loss| {
                let eval = loss + 0.5;
                format!(
                    "==== Iteration {step}/6000 ====\nTrain results:\n  Loss : {loss}\n  Accuracy : 0.5\n\nVal results:\n  Loss : {eval}\n\n"
                )
            },
            |step, loss| {
                format!(
                    "[2024-01-01 10:00:00] Step: {step}\n[2024-01-01 10:00:01] Loss: {loss}\n[2024-01-01 10:00:01] Eval loss: {}\n",
                    loss + 0.5
                )
            },
        ];
        for block in blocks {
            let content: String = (1..6).map(|step| block(step * 100, 8.0 / step as f64)).collect();
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!(read.format, "step-blocks", "{content}");
            let points = |quantity| -> Vec<(u64, f64)> { read.decoded.records.points(quantity).collect() };
            assert_eq!(points(Quantity::TrainLoss)[..2], [(100, 8.0), (200, 4.0)]);
            assert_eq!(points(Quantity::EvalLoss)[..2], [(100, 8.5), (200, 4.5)]);
        }
    }

    #[test]
    fn iterations_of_rsl_rl() {
        // Of two versions; the losses stand in another order.
        for (value, surrogate) in [
            ("Mean value_function loss", "Mean surrogate loss"),
            ("Value function loss", "Surrogate loss"),
        ] {
            let block = |step: u64| {
                let mut losses = [format!("{value}: 0.1{step}"), format!("{surrogate}: -0.0055")];
                losses.rotate_left(usize::from(value.starts_with("Value")));
                let [one, other] = losses;
                format!(
                    "################################################################################\n\
                     \x20                    \x1b[1m Learning iteration {step}/1200 \x1b[0m                     \n\n\
                     \x20          Computation: 226426 steps/s (collection: 0.414s, learning 0.165s)\n\
                     \x20          Mean action noise std: 1.07\n          {one}\n          {other}\n\
                     \x20            Mean entropy loss: 2.9040\n                   Mean reward: 100.00\n\
                     --------------------------------------------------------------------------------\n\
                     \x20               Total timesteps: 98402304\n                Iteration time: 0.58s\n\
                     \x20                   Total time: 580.00s\n                           ETA: 174.1s\n\n"
                )
            };
            let content: String = (1000..1004).map(block).collect();
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!(
                (read.format, read.decoded.total_steps),
                ("step-blocks", Some(1200))
            );
            let records = &read.decoded.records;
            let (steps, losses) = records.values(Quantity::TrainLoss, 0..records.len());
            assert_eq!(
                (&steps[..], &losses[..]),
                (
                    &[1000, 1001, 1002, 1003][..],
                    &[0.11000, 0.11001, 0.11002, 0.11003][..]
                )
            );
        }
    }

    #[test]
    fn a_checkpoint_between_other_lines_is_no_block() {
        let content: String = (1..20)
            .map(|step| {
                format!(
                    "step {step} loss {}.5\nSaving checkpoint at step {step}\nval loss 3.5\n",
                    30 - step
                )
            })
            .collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "key-value");
    }
}
