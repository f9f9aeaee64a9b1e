//! Trainers of language models.

use super::style::{Counted, Style, count, pair, train};
use crate::format::counters::Place;

/// minimind: `Epoch:[1/1](10/39695), loss: 8.5371, .., lr: 0.00050000`.
pub const MINIMIND: Style = Style {
    base: 1,
    find: |line| {
        let rest = line.split_once("Epoch:[")?.1;
        let (epoch, epochs, rest) = pair(rest, "]")?;
        let (iteration, iterations, rest) = pair(rest.trim_start().strip_prefix('(')?, ")")?;
        train(epoch, epochs, iteration, iterations, rest)
    },
    rename: &[],
};

/// GNMT as NVIDIA trains it: `TRAIN [0][10/1885]  Time 0.144 (0.162)  Data 2.20e-04 (2.48e-02)  Tok/s 102633
/// (92412)  Loss/tok 9.5620 (10.0079)  LR 3.607e-05`, `VALIDATION [0][0/80]  ..`, and behind an epoch `Summary:
/// Epoch: 0  Training Loss: 4.5123  Validation Loss: 3.9125  Test BLEU: 18.12`.
pub const GNMT: Style = Style {
    base: 0,
    find: |line| {
        let Some((_, rest)) = line.split_once("TRAIN [") else {
            let (_, rest) = line.split_once("Summary: Epoch: ")?.1.split_once("Validation ")?;
            return Some(Counted {
                place: Place::default(),
                rest,
                eval: true,
            });
        };
        let (epoch, rest) = count(rest)?;
        let (iteration, iterations, rest) = pair(rest.strip_prefix("][")?, "]")?;
        train(epoch, None, iteration, Some(iterations?), rest)
    },
    rename: &[("time", "step_time"), ("data", "")],
};
