//! Losses that nobody counts: `loss: 2.31`, line after line, or `Train Loss: 0.5 | Val Loss: 0.6`.
//!
//! The lines themselves are the steps: those that say the most frequent train loss count one
//! each, and evaluations stand where they were printed. What repeats but never changes is a
//! setting, and a line with a counter that nothing else could read is left alone.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::held_out::{evaluated_loss, push_loss};
use super::key_value::looks_back;
use super::outcomes::{is_of_a_fold, tells_a_deviation};
use super::scan::{NameFinder, named_numbers};
use super::wrapper::{self, Pieces};
use super::{Fields, Grammar, Match, keras, progress};
use crate::format::Sample;
use crate::metric::{Quantity, Role};

/// Lines with the same loss before they are believed to be those of a training: more than the
/// models of a comparison, or than the ranks that may have said it once each.
const LEAST_LINES: u32 = 10;

/// The grammar.
#[derive(Debug, Default)]
pub struct Uncounted {
    names: NameFinder,
    /// The loss whose lines count; nothing is read without one.
    ticking: Option<Loss>,
    /// Name of a loss that does not say what it was measured on, where the one that ticks says that it is of
    /// training, and by which the best model is kept: it is of held-out data.
    evaluation: Option<Box<str>>,
    /// Who says it, where a launcher put ranks before the lines.
    rank: Option<Option<u32>>,
    steps: u64,
}

/// A loss by its name, and what it was measured on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Loss {
    name: Box<str>,
    held_out: bool,
}

/// What the lines of one loss have shown.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    lines: u32,
    changes: u32,
    last: f64,
    /// Some line said that the model is kept.
    keeps_best: bool,
}

impl Loss {
    fn says_training(&self) -> bool {
        self.name.to_ascii_lowercase().contains("train")
    }
}

impl Tally {
    fn take(&mut self, value: f64, line: &str) {
        self.keeps_best |= looks_back(line);
        self.changes += u32::from(self.lines == 0 || value != self.last);
        self.lines += 1;
        self.last = value;
    }

    fn is_training(&self) -> bool {
        self.lines >= LEAST_LINES && 2 * self.changes >= self.lines
    }
}

impl Uncounted {
    /// A grammar that has learnt from the sample which lines count.
    pub fn new(sample: &Sample) -> Self {
        let mut grammar = Uncounted::default();
        let mut tallies: HashMap<Loss, Tally> = HashMap::new();
        let mut pieces = Pieces::default();
        for line in sample.lines() {
            pieces.each(line, |piece| {
                let mut fields = Fields::default();
                if let Some((loss, value)) = grammar.collect(piece, &mut fields) {
                    tallies.entry(loss).or_default().take(value, piece);
                }
            });
        }
        let most = tallies
            .values()
            .map(|tally| tally.lines)
            .max()
            .unwrap_or_default();
        let is_often = |tally: &Tally| 2 * tally.lines >= most;
        let trains = tallies.iter().filter(|(_, tally)| tally.is_training());
        // Names decide between equals, so that the same file is always read alike.
        let first = trains.max_by_key(|(loss, tally)| {
            let is_of_training = loss.says_training() && is_often(tally);
            (!loss.held_out, is_of_training, tally.lines, Reverse(&loss.name))
        });
        grammar.ticking = first.map(|(loss, _)| loss.clone());
        if grammar.ticking.as_ref().is_some_and(Loss::says_training) {
            let keeps = |(loss, tally): &(&Loss, &Tally)| {
                !loss.held_out && !loss.says_training() && tally.keeps_best && is_often(tally)
            };
            let evaluations = tallies.iter().filter(keeps).map(|(loss, _)| &loss.name);
            grammar.evaluation = evaluations.min().cloned();
        }
        grammar
    }

    /// Finds the numbers of a line and the first loss among them, unless the line counts.
    fn collect<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Option<(Loss, f64)> {
        if memchr::memmem::find(line.as_bytes(), b"oss").is_none()
            || progress::is_bar(line)
            || keras::bar(line.trim()).is_some()
            || self.names.finds_history(line)
            || tells_a_deviation(line)
        {
            return None;
        }
        let rank = wrapper::rank(line.as_bytes());
        let mut counts = false;
        let mut first = None;
        named_numbers(line, |named| {
            let (name, fit) = self.names.find(named.words);
            let Some(Role::Value { quantity, .. }) = fit.map(|fit| fit.role) else {
                counts |= fit.is_some_and(|fit| fit.role == Role::Step);
                return;
            };
            counts |= quantity == Quantity::Epoch;
            let train = quantity == Quantity::TrainLoss;
            let is_loss = train || quantity == Quantity::EvalLoss;
            // `Calculating loss: 8%`
            if is_loss && named.unit == "%" {
                return;
            }
            let evaluated = if train {
                evaluated_loss(line, named.words)
            } else {
                None
            };
            if is_loss {
                first.get_or_insert_with(|| {
                    let loss = Loss {
                        name: name.into(),
                        held_out: !train || evaluated.is_some(),
                    };
                    (loss, named.value)
                });
            }
            push_loss(fields, name, fit, &named, evaluated);
        });
        counts |= first.as_ref().is_some_and(|(loss, _)| loss.held_out) && is_of_a_fold(line);
        // Of several ranks the first that says a loss counts.
        first.filter(|_| !counts && *self.rank.get_or_insert(rank) == rank)
    }
}

impl Grammar for Uncounted {
    fn again(&self) -> Option<Box<dyn Grammar>> {
        Some(Box::new(Uncounted {
            ticking: self.ticking.clone(),
            evaluation: self.evaluation.clone(),
            ..Uncounted::default()
        }))
    }

    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if self.ticking.is_none() {
            return Match::No;
        }
        match self.collect(line, fields) {
            Some((loss, _)) if self.ticking.as_ref() == Some(&loss) => {
                (fields.step, fields.total) = self.count(1);
                // Whether a line with a rank counts depends on more than its words.
                fields.counts = (!wrapper::may_have_rank(line.as_bytes())).then_some(1);
                Match::Record
            }
            Some((loss, _)) if loss.held_out => Match::Record,
            Some((loss, _)) if self.evaluation.as_ref() == Some(&loss.name) => {
                for (name, _) in &mut fields.values {
                    if **name == *loss.name {
                        *name = "eval_loss";
                    }
                }
                Match::Record
            }
            _ => Match::No,
        }
    }

    fn count(&mut self, lines: u64) -> (Option<u64>, Option<u64>) {
        self.steps += lines;
        (Some(self.steps), None)
    }
}

#[cfg(test)]
mod tests {
    use crate::format::{Whole, read_all};
    use crate::metric::{Names, Quantity};

    fn read(lines: impl Iterator<Item = String>) -> Option<Whole> {
        let content: String = lines.map(|line| line + "\n").collect();
        read_all(content.as_bytes(), &Names::default()).ok()
    }

    #[test]
    fn what_came_out_of_folds_is_no_curve() {
        let fold = |at: u64| {
            format!(
                "Fold {at} before - val_loss: 0.5{at}, val_accuracy: 77.{at}%\nval_loss\t0.5{at}±0.01\nkept_loss\t0.3{at}±0.02"
            )
        };
        assert!(read((10..40).map(fold)).is_none());
        let line = |at: u64| format!("Fold {} | train loss 2.{at} | val loss 3.{at}", at / 20);
        let read = read((10..40).map(line)).unwrap();
        assert_eq!(read.decoded.records.rows().count(), 30);
    }

    #[test]
    fn lines_with_commas_below_prose_are_no_table() {
        let lines = (10..30).map(|line| format!("loss: 2.{line}, took, {line}"));
        let prose = "Loading data, building model, starting training".to_owned();
        let read = read(std::iter::once(prose).chain(lines)).unwrap();
        assert_eq!(read.decoded.records.rows().count(), 20);
    }

    #[test]
    fn lines_are_steps_where_nothing_counts() {
        for line in [
            "loss: 2.NN",
            "Loss 2.NN acc 0.5",
            "2024-05-01 10:00:00,123 INFO loss=2.NN lr=0.1",
            "average loss = 2.NN, time = 3.2s",
            "loss: tensor(2.NN, device='cuda:0', grad_fn=<NllLossBackward0>)",
        ] {
            let read = read((10..30).map(|number| line.replace("NN", &number.to_string()))).unwrap();
            let records = &read.decoded.records;
            assert_eq!((read.format, records.len()), ("uncounted", 20), "{line}");
            assert_eq!(
                (records.steps()[19], records.value(19, Quantity::TrainLoss)),
                (20, Some(2.29)),
                "{line}"
            );
        }
    }

    #[test]
    fn evaluations_stand_where_they_were_printed() {
        let lines = (10..30).flat_map(|number| {
            let evaluation = (number % 10 == 9).then(|| format!("Validation loss: 3.{number}"));
            std::iter::once(format!("Training loss: 2.{number}")).chain(evaluation)
        });
        let records = read(lines).unwrap().decoded.records;
        let (steps, losses) = records.values(Quantity::EvalLoss, 0..records.len());
        let evaluations: Vec<(u64, f64)> = steps.iter().copied().zip(losses.iter().copied()).collect();
        assert_eq!(evaluations, [(10, 3.19), (20, 3.29)]);
    }

    #[test]
    fn rows_of_a_table_that_describes_files_are_no_lines_of_a_log() {
        let row = |number: usize| {
            format!("run{number}.csv\tMIT\t{number}90\t60M parameters; final val_loss 3.{number}")
        };
        let header = "path\tlicence\tbytes\tknown".to_owned();
        assert!(read(std::iter::once(header).chain((10..40).map(row))).is_none());
    }

    #[test]
    fn the_best_model_is_kept_by_what_is_held_out() {
        let lines = (10..30).flat_map(|at| {
            let better = if at % 2 == 0 {
                ", Performance is better... saving the model"
            } else {
                ""
            };
            [format!("train loss = 0.{at}"), format!("loss: 1.{at}{better}")]
        });
        let records = read(lines).unwrap().decoded.records;
        for (quantity, whole) in [(Quantity::TrainLoss, 0.0), (Quantity::EvalLoss, 1.0)] {
            let points: Vec<(u64, f64)> = records.points(quantity).collect();
            assert_eq!((points.len(), points[19]), (20, (20, whole + 0.29)));
        }
    }

    #[test]
    fn a_torn_line_takes_no_role_from_its_kind() {
        let line = |number: usize| match number {
            50 => "Training loss: 2.Training loss: 2.50, lr: 0.001".to_owned(),
            60 => "Training\n loss: 2.60, lr: 0.001".to_owned(),
            _ => format!("Training loss: 2.{number}, lr: 0.001"),
        };
        let records = read((10..90).map(line)).unwrap().decoded.records;
        let (_, losses) = records.values(Quantity::TrainLoss, 0..records.len());
        assert!(losses.len() >= 78, "{}", losses.len());
    }

    #[test]
    fn of_several_ranks_the_first_counts() {
        for (first, second) in [("[rank0]: ", "[rank1]: "), ("(T pid=7) ", "(T pid=8) ")] {
            let lines =
                (10..30).flat_map(|at| [format!("{first}loss: 2.{at}"), format!("{second}loss: 9.{at}")]);
            let records = read(lines).unwrap().decoded.records;
            let losses: Vec<f64> = records
                .rows()
                .filter_map(|row| row.value(Quantity::TrainLoss))
                .collect();
            assert_eq!((losses.len(), records.steps().last()), (20, Some(&20)), "{first}");
            assert!(losses.iter().all(|loss| *loss < 3.0), "{first}");
        }
    }

    #[test]
    fn settings_comparisons_and_counters_are_left_alone() {
        for (line, lines) in [
            ("loss: 0.5", 40),
            ("model NN: loss 0.NN", 8),
            ("Calculating loss: NN%", 40),
            ("Calculating loss:   NN%|##  | NN/99 [00:00<00:08,  1.47it/s]", 40),
        ] {
            let lines = (10..10 + lines).map(|number| line.replace("NN", &number.to_string()));
            assert!(read(lines).is_none(), "{line}");
        }
    }
}
