//! CycleGAN and pix2pix: the terms of every loss, and no sum.
//!
//! ```text
//! ================ Training Loss (Wed Aug 23 13:29:28 2023) ================
//! (epoch: 1, iters: 100, time: 0.092, data: 0.154) D_A: 0.508 G_A: 0.182 cycle_A: 1.943 idt_A: 0.142 D_B: 0.217 G_B: 0.487 cycle_B: 0.551 idt_B: 0.840
//! ```
//!
//! The terms of the generator come with their weights and add up to what it is trained on
//! (`loss_G` in the models of pytorch-CycleGAN-and-pix2pix); those of the discriminator begin
//! with a D.

use super::{Fields, Grammar, Match};
use crate::format::counters::{EpochCounter, Place};
use crate::format::number;
use crate::format::roles::whole;

/// The grammar.
#[derive(Debug)]
pub struct Pix2Pix {
    counter: EpochCounter,
}

impl Default for Pix2Pix {
    fn default() -> Self {
        Pix2Pix {
            counter: EpochCounter::from(1),
        }
    }
}

impl Grammar for Pix2Pix {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some((before, rest)) = line.split_once("epoch: ") else {
            if let Some(iterations) = iterations_by_the_end(line) {
                self.counter.end_epoch(iterations);
            }
            return Match::No;
        };
        // Some that were made from it leave out the brackets. Others write that way, but call a loss so.
        if !before.ends_with('(') && (rest.contains("oss") || !rest.contains(" D_")) {
            return Match::No;
        }
        let is_between = |letter: char| letter.is_ascii_whitespace() || matches!(letter, ',' | ')');
        let mut words = rest.split(is_between).filter(|word| !word.is_empty());
        let epoch = words.next().and_then(|epoch| epoch.parse().ok());
        let (mut iteration, mut seconds) = (None, None);
        let (mut generator, mut discriminator) = (None, None);
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            let (Some(name), Some(value)) = (name.strip_suffix(':'), number::parse(value)) else {
                return Match::No;
            };
            let add = |sum: &mut Option<f64>| *sum = Some(sum.unwrap_or_default() + value);
            match name {
                "iters" => iteration = whole(value),
                "time" => seconds = Some(value),
                "data" => {}
                name if name.starts_with(['D', 'd']) => add(&mut discriminator),
                _ => add(&mut generator),
            }
        }
        let (Some(epoch), Some(_), Some(generator)) = (epoch, iteration, generator) else {
            return Match::No;
        };
        let place = Place {
            epoch,
            epochs: None,
            iteration,
            iterations: None,
        };
        fields.step = Some(self.counter.step(place));
        fields.values.push(("loss_G", generator));
        fields.values.extend(discriminator.map(|sum| ("loss_D", sum)));
        fields
            .values
            .extend(seconds.map(|seconds| ("step_time", seconds)));
        fields.record()
    }

    fn epoch_length(&self) -> Option<u64> {
        self.counter.length()
    }
}

/// How many iterations the run has made by the end of an epoch: `saving the model at the end of epoch 1, iters 77`.
fn iterations_by_the_end(line: &str) -> Option<u64> {
    let (_, told) = line.split_once("saving the model at the end of epoch ")?;
    told.split_once(", iters ")?.1.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn an_epoch_is_as_long_as_the_line_at_its_end_says() {
        let line = |epoch: u64, iteration: u64| {
            format!(
                "(epoch: {epoch}, iters: {iteration}, time: 0.1, data: 0.1) G_GAN: 2.0 G_L1: 5.0 D_real: 0.5 \n"
            )
        };
        let content = [
            line(1, 20),
            line(1, 60),
            "saving the model at the end of epoch 1, iters 77\n".to_owned(),
            line(2, 3),
            "saving the model at the end of epoch 2, iters 154\n".to_owned(),
            line(3, 6),
        ];
        let read = read_all(content.concat().as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [20, 60, 80, 160]);
    }

    #[test]
    fn the_terms_of_the_generator_add_up() {
        let content = "================ Training Loss (Wed Aug 23 13:29:28 2023) ================\n\
            (epoch: 1, iters: 100, time: 0.092, data: 0.154) D_A: 0.508 G_A: 0.182 cycle_A: 1.943 idt_A: 0.125 D_B: 0.217 G_B: 0.5 cycle_B: 0.5 idt_B: 0.75 \n\
            (epoch: 1, iters: 200, time: 0.092, data: 0.154) D_A: 0.508 G_A: 0.25 cycle_A: 1.5 idt_A: 0.125 D_B: 0.217 G_B: 0.5 cycle_B: 0.5 idt_B: 0.75 \n\
            (epoch: 2, iters: 40, time: 0.092, data: 0.154) G_GAN: 0.5 G_L1: 1.5 D_real: 0.5 D_fake: 0.25 \n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!((read.format, records.steps()), ("pix2pix", &[100, 200, 240][..]));
        for (row, loss) in [(0, 4.0), (1, 3.625), (2, 2.0)] {
            assert_eq!(records.value(row, Quantity::TrainLoss), Some(loss));
        }
    }

    #[test]
    fn brackets_and_commas_differ() {
        for (open, close) in [("(", ", data: 0.154) , "), ("", " ")] {
            let content: String = [(1, 100), (1, 200), (2, 40)]
                .map(|(epoch, step)| {
                    format!("{open}epoch: {epoch}, iters: {step}, time: 12.195{close}G_GAN: 0.5 G_Lp: 1.5 D_real: 0.25\n")
                })
                .concat();
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let records = &read.decoded.records;
            assert_eq!((read.format, records.steps()), ("pix2pix", &[100, 200, 240][..]));
            assert_eq!(records.value(2, Quantity::TrainLoss), Some(2.0));
            assert_eq!(records.value(2, Quantity::StepTime), Some(12.195));
        }
        let another: String = (1..9)
            .map(|step| {
                format!("epoch: 1, iters: {step}, time: 0.5 D_loss: 0.25 G_loss: {step}.5 psnr: 20.5\n")
            })
            .collect();
        let read = read_all(another.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "key-value");
    }
}
