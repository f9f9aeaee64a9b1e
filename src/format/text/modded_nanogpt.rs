//! modded-nanogpt and its forks: `step:12/6000 train_loss:10.0687 train_time:1796ms`.
//!
//! The file begins with the script's own source; digits are required, so that its
//! f-strings are no data. Lines after the run (`final_...`) carry no step.

use super::{Fields, Grammar, Match};
use crate::format::number;

/// The grammar.
#[derive(Debug, Default)]
pub struct ModdedNanogpt;

impl Grammar for ModdedNanogpt {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some(at) = memchr::memmem::find(line.as_bytes(), b"step:") else {
            return Match::No;
        };
        let own_word = at == 0
            || line
                .as_bytes()
                .get(at - 1)
                .is_some_and(|byte| matches!(byte, b' ' | b'\t' | b']' | b':'));
        if !own_word || line.contains("stopping_early") {
            return Match::No;
        }
        let mut tokens = line.get(at..).unwrap_or_default().split_ascii_whitespace();
        let first = tokens
            .next()
            .and_then(|token| token.strip_prefix("step:"))
            .and_then(|counts| counts.split_once('/'));
        let Some((Ok(step), Ok(total))) = first.map(|(step, total)| (step.parse(), total.parse())) else {
            return Match::No;
        };
        fields.step = Some(step);
        fields.total = Some(total);
        for (name, value) in tokens.filter_map(|token| token.split_once(':')) {
            if let Some(field) = field(name, value) {
                fields.values.push(field);
            }
        }
        fields.alone = true;
        if fields.values.is_empty() {
            Match::No
        } else {
            Match::Record
        }
    }
}

fn field<'a>(name: &'a str, value: &str) -> Option<(&'a str, f64)> {
    if let Some(milliseconds) = value.strip_suffix("ms") {
        return Some((name, number::parse(milliseconds)? / 1000.0));
    }
    Some((name, number::parse(value.strip_suffix('s').unwrap_or(value))?))
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn every_vintage_and_no_source_code() {
        let content = "print0(f\"step:{step}/{args.num_iterations} val_loss:{val_loss:.4f} train_time:{t:.0f}ms\")\n\
            ====\n\
            step:0/6000 val_loss:10.8258 train_time:195ms step_avg:nanms\n\
            step:12/6000 train_loss:10.0687 train_time:1796ms step_avg:nanms\n\
            step:125/6000 val_loss:4.67334 train_time:22.955s step_avg:183.64ms\n\
            warmup_step:1/20\n\
            stopping_early: wallclock_cap train_time:600094ms step:126/6000\n\
            final_int8_zlib_roundtrip_exact val_loss:9.9 val_bpb:1.2\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(
            (read.format, read.decoded.total_steps),
            ("modded-nanogpt", Some(6000))
        );
        let records = &read.decoded.records;
        assert_eq!(records.steps(), [0, 12, 125]);
        assert_eq!(records.value(0, Quantity::EvalLoss), Some(10.8258));
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(10.0687));
        assert_eq!(records.value(1, Quantity::Elapsed), Some(1.796));
        assert_eq!(records.value(2, Quantity::Elapsed), Some(22.955));
    }
}
