//! BasicSR, what it was made from and what is built on it (ESRGAN, MMSR, SR3, Real-ESRGAN, HAT).
//!
//! ```text
//! 25-02-12 09:47:06.338 - INFO: <epoch:  0, iter:     200, lr:1.000e-04> l_g_pix: 4.4571e-03 l_g_fea: 1.3021e+00
//! 25-02-12 09:47:06.338 - INFO: <epoch:  2, iter:   4,000> l_pix: 7.4747e-03
//! [EDSR..][epoch:  0, iter: 135,500, lr:(2.000e-04,)] [eta: 19:29:20, time (data): 0.972 (0.064)] l_pix: 2.0200e-02
//! ```

use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;

/// The grammar.
#[derive(Debug, Default)]
pub struct BasicSr;

/// The losses that stand for the model, best first; the others are those of a discriminator, or
/// parts.
const LOSSES: [&str; 4] = ["l_total", "l_g_total", "l_pix", "l_g_pix"];

/// What the planned number of steps is called among the options, which are printed at the start.
const TOTALS: [&str; 3] = ["total_iter", "niter", "n_iter"];

impl Grammar for BasicSr {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some((name, value)) = line.split_once(": ")
            && TOTALS.contains(&name.trim())
        {
            fields.total = number::parse(value.trim()).and_then(whole);
            return Match::Notice;
        }
        let Some((counters, losses)) = parts(line) else {
            return Match::No;
        };
        let (step, rates) = match counters.split_once(", lr:") {
            Some((step, rates)) => (step, rates.trim_start_matches('(').split([',', ')']).next()),
            None => (counters, None),
        };
        let mut words = losses.split_ascii_whitespace();
        let mut values: Vec<(&str, f64)> = Vec::new();
        while let Some(word) = words.next() {
            // An evaluation has the same counters before its `psnr:`.
            let name = word
                .strip_suffix(':')
                .filter(|name| name.starts_with("l_") || name.contains("loss"));
            let value = name.and_then(|_| number::parse(words.next()?));
            values.extend(name.zip(value));
        }
        let known = LOSSES
            .iter()
            .find_map(|wanted| values.iter().find(|(name, _)| name == wanted));
        let Some((_, loss)) = known.or(values.first()) else {
            return Match::No;
        };
        // Thousands are parted by commas.
        fields.step = step.trim().replace(',', "").parse().ok();
        fields.values.push(("loss", *loss));
        let rate = rates.and_then(number::parse);
        fields.values.extend(rate.map(|rate| ("lr", rate)));
        fields.record()
    }
}

/// The counters behind the epoch, and what follows them and the time that is left.
fn parts(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line
        .split_once("[epoch:")
        .or_else(|| line.split_once("<epoch:"))?;
    let (counters, rest) = rest.split_once([']', '>'])?;
    let (_, counters) = counters.split_once(", iter:")?;
    Some((counters, rest.rsplit_once(']').map_or(rest, |(_, losses)| losses)))
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn the_loss_of_the_model_among_those_of_the_discriminator() {
        let row = |step: &str, losses: &str| {
            format!(
                "2025-02-12 09:47:06,338 INFO: [QBase..][epoch:  0, iter: {step}, lr:(2.000e-04,1.0e-04,)] [eta: 19:29:20, time (data): 11.972 (6.364)] {losses}\n"
            )
        };
        for losses in [
            "l_pix: 2.0200e-02 ",
            "l_d_real: 6.5e-01 out_d_real: 1.0e-01 l_g_pix: 2.0200e-02 l_g_gan: 1.5e-01 ",
        ] {
            let content = [row("    900", losses), row("135,500", losses)].concat();
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let records = &read.decoded.records;
            assert_eq!((read.format, records.steps()), ("basicsr", &[900, 135_500][..]));
            assert_eq!(records.value(1, Quantity::TrainLoss), Some(0.0202));
            assert_eq!(records.value(1, Quantity::LearningRate), Some(2e-4));
        }
    }

    #[test]
    fn those_before_it_leave_out_the_time_that_is_left() {
        let pixels = "l_pix: 5.1789e-03 ";
        for (counters, losses, rate) in [
            ("[epoch: 19, iter: STEP, lr:(1.723e-04,)]", pixels, Some(1.723e-4)),
            (
                "<epoch: 19, iter: STEP, lr:1.723e-04>",
                "l_g_pix: 5.1789e-03 l_g_fea: 2.67e+00 D_real: 2.3e+01",
                Some(1.723e-4),
            ),
            ("<epoch: 19, iter: STEP>", pixels, None),
        ] {
            let row = |step: &str, losses: &str| {
                format!(
                    "23-05-06 20:55:29.814 - INFO: {} {losses}\n",
                    counters.replace("STEP", step)
                )
            };
            let content = [
                "    niter: 600000\n",
                &row("    900", losses),
                &row("  1,000", losses),
                &row("  1,000", "psnr: 2.3e+01 "),
            ]
            .concat();
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let records = &read.decoded.records;
            assert_eq!((read.format, records.steps()), ("basicsr", &[900, 1000][..]));
            assert_eq!(read.decoded.total_steps, Some(600_000));
            assert_eq!(records.value(1, Quantity::TrainLoss), Some(5.1789e-3));
            assert_eq!(records.value(1, Quantity::LearningRate), rate);
        }
    }
}
