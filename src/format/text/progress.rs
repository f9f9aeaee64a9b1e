//! Progress bars of tqdm, and the metrics in their tails: `12%|#2  | 120/1000 [02:00<14:40,
//! 1.00s/it, loss=3.21, lr=1e-4]`.
//!
//! For trainers that print nothing else (Lightning, kohya's scripts, diffusers, Levanter).
//! A bar is redrawn many times for one step: the first drawing of a step that shows
//! metrics counts.

use super::scan::{NameFinder, named_numbers, push_value};
use super::{Fields, Grammar, Match};
use crate::metric::{Quantity, Role};

/// A progress bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar<'a> {
    /// What stands before it.
    pub description: &'a str,
    /// Done so far.
    pub done: u64,
    /// Planned, when known.
    pub total: Option<u64>,
    /// The tail behind the rate: `loss=3.21, lr=1e-4`.
    pub metrics: &'a str,
}

/// The progress bar of a line, if it is one.
pub fn bar(line: &str) -> Option<Bar<'_>> {
    let bytes = line.as_bytes();
    // `description: 12%|####  | 120/1000 [..]`, or `description: |   | 7/? [..]`.
    let first = memchr::memchr(b'|', bytes)?;
    let second = first + 1 + memchr::memchr(b'|', bytes.get(first + 1..)?)?;
    let before = line.get(..first)?.trim_end();
    let description = match before.strip_suffix('%') {
        Some(percent) => percent.trim_end_matches(|digit: char| digit.is_ascii_digit()),
        None => before,
    };
    let counts = line.get(second + 1..)?.trim_start();
    let (counts, rest) = counts.split_once(" [")?;
    let (done, total) = counts.split_once('/')?;
    let done = number(done)?;
    let inside = rest.rsplit_once(']').map_or(rest, |(inside, _)| inside);
    if !inside.contains("it/s") && !inside.contains("/it") {
        return None;
    }
    let rate = inside
        .find("it/s")
        .map(|at| at + 4)
        .or(inside.find("/it").map(|at| at + 3))?;
    Some(Bar {
        description: description.trim_end_matches([' ', ':']),
        done,
        total: number(total),
        metrics: inside.get(rate..)?.trim_start_matches([',', ' ']),
    })
}

/// `120`, `20.0it`, `200kit`
fn number(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches("it");
    crate::format::number::parse(text).and_then(crate::format::roles::whole)
}

/// The grammar.
#[derive(Debug, Default)]
pub struct Progress {
    names: NameFinder,
    last: Option<u64>,
    /// Values of the last drawing, to see what is news.
    evaluated: Option<f64>,
}

impl Grammar for Progress {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some(bar) = bar(line).filter(|bar| bar.done > 0 && !bar.metrics.is_empty()) else {
            return Match::No;
        };
        let about_data = [
            "valid", "eval", "test", "predict", "sanity", "sampl", "download", "map",
        ]
        .iter()
        .any(|word| bar.description.to_ascii_lowercase().contains(word));
        if about_data {
            return Match::No;
        }
        // `Epoch 3:` counts within epochs.
        let epoch = bar
            .description
            .rsplit_once("poch ")
            .and_then(|(_, epoch)| epoch.trim().split(['/', ' ']).next()?.parse::<u64>().ok())
            .unwrap_or(0);
        let step = epoch
            .saturating_mul(bar.total.unwrap_or(0))
            .saturating_add(bar.done);
        let drawn = self.last == Some(step);
        let mut loss = false;
        let mut evaluated = self.evaluated;
        named_numbers(bar.metrics, |named| {
            let (name, fit) = self.names.find(named.words);
            match fit.map(|fit| fit.role) {
                Some(Role::Step | Role::TotalSteps) | None => {}
                Some(role) if role.same_slot(Role::of(Quantity::EvalLoss)) => {
                    // Carried along until the next evaluation.
                    if evaluated.is_none_or(|last| last.to_bits() != named.value.to_bits()) {
                        evaluated = Some(named.value);
                        fields.values.push((name, named.value));
                    }
                }
                Some(_) if drawn => {}
                Some(role) => {
                    loss |= role.same_slot(Role::of(Quantity::TrainLoss));
                    push_value(fields, name, fit, &named);
                }
            }
        });
        self.evaluated = evaluated;
        if fields.values.is_empty() || !(loss || evaluated.is_some()) {
            return Match::No;
        }
        self.last = Some(step);
        fields.step = Some(step);
        if epoch == 0 {
            fields.total = bar.total;
        }
        Match::Record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::read_all;
    use crate::metric::Names;

    #[test]
    fn bars_are_told_from_tables() {
        let found = bar(" 12%|█▏        | 120/1000 [02:00<14:40,  1.00s/it, loss=3.21, lr=1e-4]").unwrap();
        assert_eq!(
            (found.done, found.total, found.metrics),
            (120, Some(1000), "loss=3.21, lr=1e-4")
        );
        let found = bar("Validation DataLoader 0: |          | 7/? [00:00<00:00, 105.42it/s]").unwrap();
        assert_eq!(
            (found.done, found.total, found.description),
            (7, None, "Validation DataLoader 0")
        );
        assert!(bar("| a | b | 1/2 [x]").is_none());
    }

    #[test]
    fn one_point_a_step() {
        let content = "\rEpoch 0:   0%|          | 0/4 [00:00<?, ?it/s]\rEpoch 0:  25%|##5       | 1/4 [00:00<00:01,  2.00it/s, v_num=0, train_loss=4.830]\
            \rEpoch 0:  25%|##5       | 1/4 [00:00<00:01,  2.00it/s, v_num=0, train_loss=4.830]\rEpoch 0:  50%|#####     | 2/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.5]\
            \rValidation DataLoader 0:  50%|#####     | 1/2 [00:00<00:00, 99.0it/s, val_loss=9.0]\rEpoch 0:  75%|###     | 3/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.2, val_loss=4.1]\
            \rEpoch 0: 100%|###     | 4/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.0, val_loss=4.1]\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!((read.format, read.decoded.total_steps), ("progress-bar", Some(4)));
        assert_eq!(read.decoded.records.steps(), [1, 2, 3, 4]);
        assert_eq!(read.decoded.records.value(2, Quantity::EvalLoss), Some(4.1));
        assert_eq!(read.decoded.records.value(3, Quantity::EvalLoss), None);
    }
}
