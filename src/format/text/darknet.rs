//! Darknet (YOLO up to v4), one line a batch: `6000: 0.121626, 0.752329 avg, 0.000010 rate,
//! 0.196614 seconds, 6000 images`. The lines about regions, whose `-nan` is as it should be, say
//! nothing of the loss.

use super::{Fields, Grammar, Match};
use crate::format::number;

/// The grammar.
#[derive(Debug, Default)]
pub struct Darknet;

impl Grammar for Darknet {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let found = || {
            // Whatever stands before it.
            let (before, rest) = line.split_once(" avg")?;
            let (before, mean) = before.rsplit_once(',')?;
            number::parse(mean)?;
            let (before, loss) = before.rsplit_once(':')?;
            let step = number::digits_at_the_end(before).1.parse().ok()?;
            Some((step, number::parse(loss)?, rest))
        };
        let Some((step, loss, rest)) = found() else {
            return Match::No;
        };
        fields.step = Some(step);
        fields.values.push(("loss", loss));
        for cell in rest.split(',').map(str::trim) {
            let (value, unit) = cell.split_once(' ').unwrap_or((cell, ""));
            let name = match unit.trim() {
                "rate" => "lr",
                "seconds" => "step_time",
                _ => continue,
            };
            fields
                .values
                .extend(number::parse(value).map(|value| (name, value)));
        }
        Match::Record
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn batches_of_both_spellings() {
        let row = |step, mean| {
            format!(
                "Region 106 Avg IOU: -nan, Class: -nan, Obj: -nan, No Obj: 0.465438, .5R: -nan, count: 0\n \
                 {step}: {step}.125, 0.752329 {mean}, 0.000010 rate, 0.196614 seconds, {step} images\nLoaded: 0.000033 seconds\n"
            )
        };
        for mean in ["avg", "avg loss"] {
            let content: String = (1..5).map(|step| row(step, mean)).collect();
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let records = &read.decoded.records;
            assert_eq!((read.format, records.steps()), ("darknet", &[1, 2, 3, 4][..]));
            assert_eq!(records.value(3, Quantity::TrainLoss), Some(4.125));
            assert_eq!(records.value(3, Quantity::LearningRate), Some(1e-5));
        }
    }
}
