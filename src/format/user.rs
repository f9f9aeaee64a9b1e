//! A format that the user describes in `losscast.toml`. It is believed wherever one of
//! its lines is found.

use super::number;
use super::records::Decoded;
use super::roles::Draft;
use super::text::wrapper::Pieces;
use super::{Claim, Column, Decoder, Format, LineDecoder, Sample};
use crate::metric::{Names, Role};
use crate::pattern::LinePattern;

impl Format for LinePattern {
    fn name(&self) -> &'static str {
        self.name
    }

    fn claim(&self, sample: &Sample, _names: &Names) -> Option<Claim> {
        let mut pieces = Pieces::default();
        let mut records = 0;
        for line in sample.lines() {
            pieces.each(line, |piece| {
                records += usize::from(self.find(piece, |_, _, _| {}))
            });
        }
        (records > 0).then_some(Claim {
            records,
            certain: true,
            ..Claim::default()
        })
    }

    fn decoder(&self, _sample: &Sample, _names: &Names) -> Decoder {
        Decoder::Lines(Box::new(UserDecoder {
            pattern: self.clone(),
            pieces: Pieces::default(),
            last_step: None,
            rows: 0,
        }))
    }
}

struct UserDecoder {
    pattern: LinePattern,
    pieces: Pieces,
    last_step: Option<u64>,
    rows: u64,
}

impl LineDecoder for UserDecoder {
    fn start_over(&mut self) {
        (self.last_step, self.rows) = (None, 0);
    }

    fn line(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
        let mut pieces = std::mem::take(&mut self.pieces);
        let mut found = false;
        pieces.each(line, |piece| {
            let mut draft = Draft::default();
            let mut wrong = None;
            let matched = self.pattern.find(piece, |name, role, text| {
                match number::parse(text).or_else(|| number::parse_clock(text)) {
                    Some(value) => draft.set(role, value, out),
                    None if number::is_missing(text) => {}
                    None => wrong = Some(format!("the group `{name}` caught `{text}`, which is no number")),
                }
            });
            if !matched {
                return;
            }
            found = true;
            if let Some(reason) = wrong {
                out.skip(number, &reason, line);
            }
            if draft.is_empty() {
                return;
            }
            let has_step = self.pattern.groups().any(|(_, role)| role == Role::Step);
            // Without a step the records are counted.
            let step = draft.step.or(self.last_step).or((!has_step).then_some(self.rows));
            if let Some(step) = step {
                if has_step {
                    self.last_step = Some(step);
                }
                self.rows += 1;
                draft.push(step, out);
            } else {
                out.skip(number, "no step yet", line);
            }
        });
        self.pieces = pieces;
        if !found {
            out.ignored += 1;
        }
    }

    fn columns(&self) -> Vec<Column> {
        let mut columns: Vec<Column> = Vec::new();
        for (name, role) in self.pattern.groups() {
            if !columns.iter().any(|column| column.name == name) {
                columns.push(Column {
                    name: name.to_owned(),
                    role: Some(role),
                });
            }
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::read_all;
    use crate::metric::Quantity;

    #[test]
    fn five_lines_teach_a_format() {
        let pattern = LinePattern::new(
            "ours",
            &[
                r"it (?<step>\d+) of (?<total>\d+).*objective=(?<loss>\S+) eta=(?<lr>\S+)".to_owned(),
                r"checked: objective (?<eval_loss>\S+)".to_owned(),
            ],
        )
        .unwrap();
        let mut names = Names::default();
        names.patterns.push(Box::leak(Box::new(pattern)));
        let content = "hello\n\u{1b}[1mit 1 of 100 | objective=3.5 eta=1e-3\u{1b}[0m\nchecked: objective 3.4\nit 2 of 100 | objective=oops eta=1e-3\nit 3 of 100 | objective=nan eta=1e-3\n";
        let read = read_all(content.as_bytes(), &names).unwrap();
        assert_eq!((read.format, read.decoded.total_steps), ("ours", Some(100)));
        let records = &read.decoded.records;
        assert_eq!(records.steps(), [1, 1, 2, 3]);
        assert_eq!(records.value(0, Quantity::TrainLoss), Some(3.5));
        assert_eq!(records.value(1, Quantity::EvalLoss), Some(3.4));
        assert_eq!(records.value(2, Quantity::LearningRate), Some(1e-3));
        assert!(records.value(3, Quantity::TrainLoss).is_some_and(f64::is_nan));
        assert_eq!(read.decoded.skipped, 1);
        assert!(read.decoded.bad_lines[0].reason.contains("`oops`"));
    }
}
