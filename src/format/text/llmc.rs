//! llm.c: its `main.log` (`s:250 trl:6.1 lr:0.000214 norm:1.23`) and its standard
//! output (`step  250/19560 | loss 6.123456 (+0.12z)| norm 1.2345 (-0.50z)| lr 2.14e-04`).

use super::scan::{NameFinder, named_numbers};
use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;

/// The grammar.
#[derive(Debug, Default)]
pub struct Llmc {
    names: NameFinder,
    on_screen: bool,
}

impl Grammar for Llmc {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some(rest) = line.strip_prefix("s:") {
            return log_line(rest, fields);
        }
        let has = |part: &str| memchr::memmem::find(line.as_bytes(), part.as_bytes()).is_some();
        if line.trim_start().starts_with("step") && has("| loss ") && has("z)|") && has("tok/s") {
            self.on_screen = true;
            return self.screen_line(line, fields);
        }
        if let (true, Some(value)) = (self.on_screen, line.strip_prefix("val loss ")) {
            if let Some(value) = number::parse(value) {
                fields.values.push(("val loss", value));
                return Match::Record;
            }
        } else if let Some(total) = line
            .strip_prefix("| max_steps ")
            .and_then(|cell| cell.split('|').nth(1))
        {
            fields.total = number::parse(total).and_then(whole);
            return Match::Notice;
        }
        Match::No
    }
}

/// `12 trl:10.06 lr:0.000012 norm:13.14`
fn log_line<'a>(rest: &'a str, fields: &mut Fields<'a>) -> Match {
    let mut tokens = rest.split_ascii_whitespace();
    let Some(Ok(step)) = tokens.next().map(str::parse) else {
        return Match::No;
    };
    fields.step = Some(step);
    fields.alone = true;
    // `eval` is an accuracy, not a loss.
    let values = tokens
        .filter_map(|token| token.split_once(':'))
        .filter(|(name, _)| *name != "eval");
    fields
        .values
        .extend(values.filter_map(|(name, value)| Some((name, number::parse(value)?))));
    if fields.values.is_empty() {
        Match::No
    } else {
        Match::Record
    }
}

impl Llmc {
    fn screen_line<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        named_numbers(line, |named| match self.names.find(named.words).0 {
            "step" => {
                fields.step = whole(named.value);
                fields.total = named.of;
            }
            name => fields.values.push((name, named.value)),
        });
        let time = line.split('|').find_map(|cell| cell.trim().strip_suffix(" ms"));
        if let Some(time) = time.and_then(number::parse) {
            fields.values.push(("step_time", time / 1000.0));
        }
        fields.alone = true;
        if fields.step.is_some() {
            Match::Record
        } else {
            Match::No
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn main_log() {
        let read = read_all(
            b"s:0 tel:11.0095\ns:0 trl:11.0116 lr:0.000001 norm:14.96\ns:250 eval:0.25\n",
            &Names::default(),
        )
        .unwrap();
        assert_eq!(read.format, "llm.c");
        assert_eq!(read.decoded.records.steps(), [0, 0]);
        assert_eq!(read.decoded.records.value(0, Quantity::EvalLoss), Some(11.0095));
        assert_eq!(read.decoded.records.value(1, Quantity::GradNorm), Some(14.96));
    }

    #[test]
    fn standard_output() {
        let content = "| max_steps             | 19560                                              |\n\
            step    1/19560 | loss 11.009500 (+nanz)| norm 15.1811 (+nanz)| lr 8.57e-07 | 1600.12 ms | 32.6% bf16 MFU | 327642 tok/s\n\
            val loss 11.009421\n\
            step    2/19560 | loss nan (+0.00z)| norm nan (-0.50z)| lr 1.71e-06 | 1566.03 ms | 33.0% bf16 MFU | 334785 tok/s\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!((read.format, read.decoded.total_steps), ("llm.c", Some(19_560)));
        assert_eq!(records.steps(), [1, 1, 2]);
        assert_eq!(records.value(0, Quantity::TrainLoss), Some(11.0095));
        assert_eq!(records.value(0, Quantity::StepTime), Some(1.60012));
        assert_eq!(records.value(1, Quantity::EvalLoss), Some(11.009421));
        assert!(records.value(2, Quantity::TrainLoss).is_some_and(f64::is_nan));
        assert!(records.value(2, Quantity::GradNorm).is_some_and(f64::is_nan));
        assert_eq!(records.value(2, Quantity::LearningRate), Some(1.71e-6));
    }
}
