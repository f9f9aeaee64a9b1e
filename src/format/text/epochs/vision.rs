//! Trainers of models of images.

use super::style::{Counted, Style, count, pair, train};
use crate::format::counters::Place;

/// DeiT, MAE, DINO, DETR: `Epoch: [0/100]  [   0/1562]  eta: ..  loss: 10.7 (10.7)`, and
/// the ImageNet example: `Epoch: [0][  10/5005]  Time  0.2 ( 0.3)  Loss 6.9 (6.9)`.
pub const METRIC_LOGGER: Style = Style {
    base: 0,
    find: |line| {
        // LAVIS puts `Train: data epoch: [0]  [ 50/250]` there.
        let behind = line
            .split_once("Epoch: [")
            .or_else(|| line.split_once("data epoch: ["));
        let Some((_, rest)) = behind else {
            return evaluated(line);
        };
        let (epoch, epochs, rest) = pair(rest, "]")?;
        let inside = rest.trim_start().strip_prefix('[')?;
        let (iteration, iterations, rest) = pair(inside, "]")?;
        // Some leave the length of an epoch out; then there must be nothing but the count.
        let bare = |inside: &str| inside.trim().bytes().all(|byte| byte.is_ascii_digit());
        if iterations.is_none() && !inside.split(']').next().is_some_and(bare) {
            return None;
        }
        train(epoch, epochs, iteration, iterations, rest)
    },
    rename: &[("time", "step_time"), ("data", "")],
};

/// The results of an evaluation: `* Acc@1 81.2 Acc@5 95.4 loss 0.86`, or DETR's `Averaged stats:
/// class_error: 60.1  loss: 5.3 (5.1)`, which has a learning rate when it is about the training.
pub(super) fn evaluated(line: &str) -> Option<Counted<'_>> {
    let line = line.trim_start();
    let rest = match line.strip_prefix("* Acc@1 ") {
        Some(rest) => rest,
        None => line
            .strip_prefix("Averaged stats: ")
            .filter(|rest| !rest.contains("lr: "))?,
    };
    Some(Counted {
        place: Place::default(),
        rest,
        eval: true,
    })
}

/// timm: `Train: 0 [  50/1251 (  4%)]  Loss: 6.95 (6.93)  Time: 0.351s, ..  LR: 1.0e-06`.
pub const TIMM: Style = Style {
    base: 0,
    find: |line| {
        let rest = line.split_once("Train: ")?.1;
        let (epoch, rest) = count(rest)?;
        let rest = rest.trim_start().strip_prefix('[')?;
        let (iteration, iterations, rest) = pair(rest, "]")?;
        iterations?;
        train(epoch, None, iteration, iterations, rest)
    },
    rename: &[("time", "step_time"), ("data", "")],
};

/// OpenPCDet: `Train:    1/3 ( 33%) [  49/323 ( 15%)]  Loss: 36.77 (81.7)  LR: 1.351e-04  .. Acc_iter
/// 50`. It counts iterations from 0, those that are done one higher.
pub const OPENPCDET: Style = Style {
    base: 1,
    find: |line| {
        let (epoch, epochs, rest) = pair(line.split_once("Train: ")?.1, "[")?;
        let (iteration, iterations, rest) = pair(rest, "]")?;
        epochs.and(iterations)?;
        train(epoch, epochs, iteration.checked_add(1)?, iterations, rest)
    },
    rename: &[("cost", ""), ("time", ""), ("batch time", "step_time")],
};

/// Swin and the many that began with its scripts: `Train: [0/300][10/1251]  eta 0:15:16 lr 0.000002
/// ..  loss 6.99 (6.98)  grad_norm 1.94 (1.94)`.
pub const SWIN: Style = Style {
    base: 0,
    find: |line| {
        let counted = counted_in_brackets(line)?;
        counted.place.epochs.and(Some(counted))
    },
    rename: &[("time", "step_time"), ("mem", "")],
};

/// SupContrast: `Train: [1][20/100]  BT 0.321 (0.331)  DT 0.012 (0.021)  loss 6.316 (6.316)`.
pub const SUPCONTRAST: Style = Style {
    base: 1,
    find: |line| {
        let counted = counted_in_brackets(line)?;
        (counted.place.epochs.is_none() && counted.place.iterations.is_some()).then_some(counted)
    },
    rename: &[("bt", "step_time"), ("dt", "")],
};

/// `Train: [0/300][10/1251]  ..`, or without the number of epochs.
fn counted_in_brackets(line: &str) -> Option<Counted<'_>> {
    let (epoch, epochs, rest) = pair(line.split_once("Train: [")?.1, "]")?;
    let (iteration, iterations, rest) = pair(rest.strip_prefix('[')?, "]")?;
    train(epoch, epochs, iteration, iterations, rest)
}

/// mmengine and mm 0.x: `Epoch(train) [1][200/735]  lr: 1.9870e-04  .. loss: 2.7522`,
/// `Iter(train) [  100/40000]`, `Epoch [1][50/7330]  lr: ..`, `Iter [50/40000]  lr: ..`.
pub const MMENGINE: Style = Style {
    base: 1,
    find: |line| {
        let rest = line.split_once(" - ")?.1;
        let at = rest.find("Epoch").or_else(|| rest.find("Iter"))?;
        let rest = rest.get(at..)?;
        let by_epoch = rest.starts_with("Epoch");
        let rest = rest.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
        let (eval, rest) = match rest.strip_prefix('(') {
            Some(mode) => {
                let (mode, rest) = mode.split_once(')')?;
                (mode != "train", rest)
            }
            None => (false, rest),
        };
        let rest = rest.trim_start().strip_prefix('[')?;
        let (epoch, epochs, rest) = pair(rest, "]")?;
        let place = if by_epoch {
            let (iteration, iterations, _) = pair(rest.strip_prefix('[')?, "]")?;
            Place {
                epoch,
                epochs: None,
                iteration: Some(iteration),
                iterations,
            }
        } else {
            Place {
                epoch: 1,
                epochs: Some(1),
                iteration: Some(epoch),
                iterations: epochs,
            }
        };
        Some(Counted { place, rest, eval })
    },
    rename: &[("time", "step_time"), ("data_time", "")],
};

/// PyTorch's examples: `Train Epoch: 1 [640/60000 (1%)]  Loss: 2.1`, then
/// `Test set: Average loss: 0.2`, or `====> Test set loss: 182.5` of the VAE; and its word model:
/// `| epoch   1 |   200/ 3052 batches | lr 20.00 | ms/batch 148.77 | loss  5.92 |`.
pub const PYTORCH_EXAMPLE: Style = Style {
    base: 1,
    find: |line| {
        if let Some((_, rest)) = line.split_once("Test set") {
            return Some(Counted {
                place: Place::default(),
                rest,
                eval: true,
            });
        }
        // open_clip: `Eval Epoch: 1 image_to_text_mean_rank: 12.1 clip_val_loss: 4.79`, and before it the
        // batches, `Eval Epoch: 1 [256 / 5000]`.
        if let Some((_, rest)) = line.split_once("Eval Epoch: ") {
            let (_, rest) = count(rest)?;
            return (!rest.trim_start().starts_with('[')).then(|| Counted {
                place: Place::default(),
                rest,
                eval: true,
            });
        }
        if let Some((_, rest)) = line.split_once("Train Epoch: ") {
            let (epoch, rest) = count(rest)?;
            let (iteration, iterations, rest) = pair(rest.trim_start().strip_prefix('[')?, "]")?;
            return train(epoch, None, iteration, iterations, rest);
        }
        let behind = |words| line.split_once(words).map(|(_, rest)| rest);
        let ended = behind("| end of epoch ");
        let (epoch, rest) = count(ended.or_else(|| behind("| epoch "))?)?;
        let rest = rest.trim_start().strip_prefix('|')?;
        if ended.is_some() {
            let place = Place {
                epoch,
                ..Place::default()
            };
            return Some(Counted {
                place,
                rest,
                eval: false,
            });
        }
        let (cell, rest) = rest.split_once("batches")?;
        let (iteration, iterations, _) = pair(cell, "")?;
        train(epoch, None, iteration, iterations, rest)
    },
    rename: &[("ms/batch", "step_time_ms"), ("time", "")],
};
