//! Trainers of models of speech.

use super::style::{Counted, Style, count, pair, train};
use crate::format::counters::Place;
use crate::format::number;

/// ESPnet: `3epoch:train:501-550batch: iter_time=.., loss=85.3, .., optim0_lr0=1.2e-05`.
pub const ESPNET: Style = Style {
    base: 1,
    find: |line| {
        // `1epoch results: [train] loss=480.4, .., [valid] loss=479.9, ..`, and ESPnet 3 writes
        // `epoch_summary:1epoch:valid: loss=479.9 ..`.
        let results = match line.split_once("epoch results: ") {
            Some((_, results)) => Some(results.split_once("[valid] ")?.1),
            None => line.split_once("epoch:valid: ").map(|(_, results)| results),
        };
        if let Some(rest) = results {
            return Some(Counted {
                place: Place::default(),
                rest,
                eval: true,
            });
        }
        let (before, rest) = line.split_once("epoch:train:")?;
        let epoch = number::digits_at_the_end(before).1.parse().ok()?;
        let (range, rest) = rest.split_once("batch:")?;
        let iteration = range.rsplit('-').next()?.parse().ok()?;
        train(epoch, None, iteration, None, rest)
    },
    rename: &[
        ("optim0_lr0", "lr"),
        ("lr_0", "lr"),
        ("train_time", ""),
        ("iter_time", ""),
    ],
};

/// icefall: `Epoch 1, batch 50, loss[loss=7.2, over 7000 frames.], .., lr: 2.25e-02`.
pub const ICEFALL: Style = Style {
    base: 1,
    find: |line| {
        let (epoch, rest) = count(line.split_once("Epoch ")?.1)?;
        let rest = rest.strip_prefix(", ")?;
        // The first recipes: `Epoch 7, valid mmi loss 1.8,valid att loss 1.9,valid loss 1.8, best valid loss: 1.8`.
        let valid = Some(rest).filter(|rest| rest.starts_with("valid "));
        let validation = rest.strip_prefix("validation: ");
        if let Some(rest) = validation.or(rest.strip_prefix("validation ")).or(valid) {
            let place = Place {
                epoch,
                ..Place::default()
            };
            return Some(Counted {
                place,
                rest,
                eval: true,
            });
        }
        let (iteration, rest) = count(rest.strip_prefix("batch ")?)?;
        train(epoch, None, iteration, None, rest)
    },
    rename: &[],
};

/// WeNet, CosyVoice and others that began with their executor: `DEBUG TRAIN | steps/sec 3.1| Batch 0/100 loss
/// 5.97 .. lr 0.001 .. rank 0`, where the epoch stands before the batch, and `Epoch 0 Step 1001 CV info lr 0.001
/// cv_loss 5.12 rank 0`. The batches of an evaluation, `CV Batch 0/100 loss 5.38`, are told whole behind them.
pub const WENET: Style = Style {
    base: 0,
    find: |line| {
        if let Some((_, info)) = line.split_once(" CV info ") {
            let loss = info.rfind("loss ").and_then(|at| info.get(at..))?;
            return Some(Counted {
                place: Place::default(),
                rest: loss,
                eval: true,
            });
        }
        let (_, rest) = line.split_once(" TRAIN ")?.1.split_once("Batch ")?;
        let (epoch, Some(iteration), _) = pair(rest, " ")? else {
            return None;
        };
        train(epoch, None, iteration, None, rest.split_once(' ')?.1)
    },
    rename: &[("rank", "")],
};
