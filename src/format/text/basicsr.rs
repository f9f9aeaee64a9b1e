//! BasicSR and what is built on it (Real-ESRGAN, SwinIR's trainer, HAT): `[EDSR..][epoch:  0, iter:
//! 135,500, lr:(2.000e-04,)] [eta: 19:29:20, time (data): 0.972 (0.064)] l_pix: 2.0200e-02`.

use super::{Fields, Grammar, Match};
use crate::format::number;

/// The grammar.
#[derive(Debug, Default)]
pub struct BasicSr;

/// The losses that stand for the model, best first; the others are those of a discriminator, or
/// parts.
const LOSSES: [&str; 4] = ["l_total", "l_g_total", "l_pix", "l_g_pix"];

impl Grammar for BasicSr {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let found = || {
            let (_, rest) = line.split_once(", iter:")?;
            let (step, rest) = rest.split_once(", lr:(")?;
            let (rates, rest) = rest.split_once(")]")?;
            let (_, losses) = rest.split_once("] ")?;
            // Thousands are parted by commas.
            let step = step.trim().replace(',', "").parse().ok()?;
            Some((step, number::parse(rates.split(',').next()?)?, losses))
        };
        let Some((step, rate, losses)) = found() else {
            return Match::No;
        };
        let mut words = losses.split_ascii_whitespace();
        let mut values: Vec<(&str, f64)> = Vec::new();
        while let Some(word) = words.next() {
            let name = word.strip_suffix(':');
            let value = name.and_then(|_| number::parse(words.next()?));
            values.extend(name.zip(value));
        }
        let known = LOSSES
            .iter()
            .find_map(|wanted| values.iter().find(|(name, _)| name == wanted));
        let Some((_, loss)) = known.or(values.first()) else {
            return Match::No;
        };
        fields.step = Some(step);
        fields.values.extend([("loss", *loss), ("lr", rate)]);
        Match::Record
    }
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
}
