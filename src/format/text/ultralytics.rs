//! YOLO on the console, from version 5 on: a header, then a bar that is redrawn until the
//! epoch ends. What counts is the full bar, or where what captured the console has lost that, the last one before
//! the next header: its losses are means of the epoch so far.
//!
//! ```text
//!       Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size
//!       1/100      6.96G      2.699      6.661      2.526         57        640: 100% ━━━━ 21/21 1.6it/s 13.1s
//! ```
//!
//! Versions 3 and 4 and YOLOv7 tell the sum of the parts as well, under `total`. A classifier has one header for
//! all epochs, and evaluates before it draws the full bar once more.
//!
//! ```text
//!     Epoch   GPU_mem  train_loss   test_loss    top1_acc    top5_acc
//!      1/10     1.22G        2.03        1.71       0.413       0.882: 100%|██████████| 148/148 [00:21<00:00,  6.97it/s]
//! ```

use super::{Fields, Grammar, Match};
use crate::format::number;

/// The grammar.
#[derive(Debug, Default)]
pub struct Ultralytics {
    /// What the columns behind the epoch hold.
    columns: Vec<Option<&'static str>>,
    /// The last epoch whose end was seen, and how many of its losses.
    ended: Option<(u64, usize)>,
    /// The last drawing of a bar that has not come to its end.
    drawn: Option<Drawn>,
    /// Epochs count from 0 and go to a last index.
    from_zero: bool,
}

/// A bar before its end, but behind the middle of its epoch.
#[derive(Debug)]
struct Drawn {
    epoch: u64,
    epochs: u64,
    losses: Vec<(&'static str, f64)>,
}

/// The losses as its `results.csv` names them, by the words of the header.
const LOSSES: &[(&str, &str)] = &[
    ("loss", "train/loss"),
    ("total", "train/loss"),
    ("train_loss", "train/loss"),
    ("test_loss", "test/loss"),
    ("box", "train/box_loss"),
    ("seg", "train/seg_loss"),
    ("pose", "train/pose_loss"),
    ("kobj", "train/kobj_loss"),
    ("obj", "train/obj_loss"),
    ("cls", "train/cls_loss"),
    ("dfl", "train/dfl_loss"),
    ("giou", "train/giou_loss"),
    ("l1", "train/l1_loss"),
];

impl Grammar for Ultralytics {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let mut words = line.split_ascii_whitespace();
        if line.contains("Epoch ") {
            let columns: Vec<_> = words
                .skip_while(|word| *word != "Epoch")
                .skip(1)
                .map(column)
                .collect();
            if columns.iter().all(Option::is_none) {
                return Match::No;
            }
            self.columns = columns;
            return self.hand_out_the_drawn(fields);
        }
        if line.starts_with("Starting training for") {
            self.drawn = None;
        }
        // A launcher may have put something before it.
        let Some((epoch, of)) = words.by_ref().find_map(number::counts) else {
            return Match::No;
        };
        let Some((done, batches)) = batches(line).filter(|_| !self.columns.is_empty()) else {
            return Match::No;
        };
        let columns = self.columns.iter().zip(words);
        let losses = columns
            .filter_map(|(name, word)| -> Option<(&'static str, f64)> { (*name).zip(number::parse(word)) });
        if done < batches {
            let is_new = self.ended.is_none_or(|(ended, _)| ended != epoch);
            if is_new && done >= batches - done {
                let losses = Vec::from_iter(losses);
                // The bar of the validation has none.
                if !losses.is_empty() {
                    self.drawn = Some(Drawn {
                        epoch,
                        epochs: of,
                        losses,
                    });
                }
            }
            return Match::No;
        }
        for (name, value) in losses {
            fields.values.push((name, value));
        }
        // What the bar has told before, and all of it where it is that of an evaluation.
        let known = self.ended.filter(|(ended, _)| *ended == epoch);
        let known = known.map_or(0, |(_, losses)| losses);
        if fields.values.len() <= known {
            return Match::No;
        }
        self.ended = Some((epoch, fields.values.len()));
        self.drawn = None;
        fields.values.drain(..known);
        self.record(epoch, of, fields)
    }
}

impl Ultralytics {
    /// The epoch of a bar whose end is not in the log, now that the next one begins.
    fn hand_out_the_drawn(&mut self, fields: &mut Fields) -> Match {
        let Some(drawn) = self.drawn.take() else {
            return Match::No;
        };
        fields.values.extend(drawn.losses);
        self.record(drawn.epoch, drawn.epochs, fields)
    }

    fn record(&mut self, epoch: u64, epochs: u64, fields: &mut Fields) -> Match {
        self.from_zero |= epoch == 0;
        fields.step = Some(epoch);
        fields.total = epochs.checked_add(u64::from(self.from_zero));
        fields.record()
    }
}

/// The `results.txt` of YOLOv5 up to 4.0, of YOLOv7 and of what was made from them: no header,
/// but always the same columns. Epoch, memory, three or more parts of the loss and their sum,
/// targets and image size, four measures, and three parts on held-out data.
///
/// ```text
///    149/149     1.97G   0.02443    0.1318 0.0001039    0.1563        99       640     0.951    0.9488     0.938    0.3538   0.06076   0.09969  0.001889
/// ```
#[derive(Debug, Default)]
pub struct ResultsTable {
    from_zero: bool,
}

impl Grammar for ResultsTable {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let mut words = line.split_ascii_whitespace();
        // A launcher may have put something before it.
        let Some((epoch, of)) = words.by_ref().find_map(number::counts) else {
            return Match::No;
        };
        let memory = words.next().and_then(|word| word.strip_suffix('G'));
        if memory.and_then(number::parse).is_none() {
            return Match::No;
        }
        let numbers: Vec<f64> = words.map_while(number::parse).collect();
        let Some((losses, [_, _, _, _, _, _, held_out @ ..])) = numbers.split_last_chunk::<9>() else {
            return Match::No;
        };
        let Some((loss, parts)) = losses.split_last() else {
            return Match::No;
        };
        let is_their_sum = (parts.iter().sum::<f64>() - loss).abs() <= 0.01 * loss.abs();
        if parts.len() < 3 || loss.is_finite() && !is_their_sum {
            return Match::No;
        }
        self.from_zero |= epoch == 0;
        fields.step = Some(epoch);
        fields.total = of.checked_add(u64::from(self.from_zero));
        fields.values.push(("train/loss", *loss));
        let held_out: f64 = held_out.iter().sum();
        // All zero where it was not evaluated.
        if held_out > 0.0 || held_out.is_nan() {
            fields.values.push(("val/loss", held_out));
        }
        fields.record()
    }
}

fn column(heading: &str) -> Option<&'static str> {
    let word = heading.strip_suffix("_loss").unwrap_or(heading);
    let is_known = |known: &str| known == word || known == heading;
    let (_, name) = LOSSES.iter().find(|(known, _)| is_known(known))?;
    Some(name)
}

/// How many batches the bar behind the columns says are done, and of how many. Of several counts the last: the first
/// that is whole, or the others would hide it.
fn batches(line: &str) -> Option<(u64, u64)> {
    let (_, bar) = line.split_once(": ")?;
    let words = bar.split(|letter: char| letter.is_ascii_whitespace() || letter == '|');
    let mut counts = words.filter_map(number::counts).filter(|(_, of)| *of > 0);
    let first = counts.next()?;
    Some(
        std::iter::once(first)
            .chain(counts)
            .find(|(done, of)| done == of)
            .unwrap_or(first),
    )
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn the_table_of_results_has_no_header() {
        let content = "     0/149     1.97G   0.08443    0.1318   0.00104     0.217        99       640    0.0151    0.0488    0.0138   0.00538   0.07076   0.09969  0.001889\n\
            \u{20}    1/149     1.97G   0.07443    0.1218   0.00094     0.197        99       640     0.151    0.1488     0.138    0.0538         0         0         0\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!((read.format, records.steps()), ("yolo-results", &[0, 1][..]));
        assert_eq!(read.decoded.total_steps, Some(150));
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(0.197));
        let eval = records.value(0, Quantity::EvalLoss).unwrap();
        assert!((eval - 0.172339).abs() < 1e-9, "{eval}");
        assert_eq!(records.value(1, Quantity::EvalLoss), None);
        // That of faces has a part for their landmarks.
        let faces = "      4/29     1.75G    0.1052   0.07715         0    0.1273    0.3096       152       640   0.03162    0.1243    0.0146  0.002648   0.09844    0.0894         0\n\
            \u{20}     5/29     1.75G   0.09803    0.0769         0   0.07497    0.2499        28       640   0.07264    0.3003   0.07047   0.01495   0.09142    0.1006         0\n";
        let records = read_all(faces.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(0.2499));
        assert_eq!(records.value(1, Quantity::EvalLoss), Some(0.09142 + 0.1006));
    }

    #[test]
    fn the_sum_of_the_parts_is_the_loss_where_it_is_told() {
        let content = "     Epoch   gpu_mem      GIoU       obj       cls     total   targets  img_size\n\
            \u{20}      0/9     3.21G   0.03414   0.04552   0.03414    0.1138       112       640: 100%|███| 16/16 [00:12<00:00,  4.1it/s]\n\
            \u{20}    Epoch   gpu_mem      GIoU       obj       cls     total   targets  img_size\n\
            \u{20}      1/9     3.21G   0.03293   0.04391   0.03293    0.1098       112       640: 100%|███| 16/16 [00:12<00:00,  4.1it/s]\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let points: Vec<_> = read.decoded.records.points(Quantity::TrainLoss).collect();
        assert_eq!(
            (read.format, points),
            ("ultralytics", vec![(0, 0.1138), (1, 0.1098)])
        );
    }

    #[test]
    fn a_bar_whose_end_was_lost_counts_when_the_next_epoch_begins() {
        let header = "     Epoch   gpu_mem       box       obj       cls     total    labels  img_size\n";
        let bar = |epoch: u64, total: f64, done: u64| {
            format!(
                "      {epoch}/9     6.89G   0.04488   0.02574  0.006214   {total}       774       640:  50%|███▌   | {done}/14 [00:03<00:03,  2.27it/s]\n"
            )
        };
        let validation = "               Class      Images      Labels           P           R      mAP@.5:  50%|█████     | 1/2 [00:00<00:00,  2.3it/s]\n";
        let epochs = [
            header.to_owned() + &bar(0, 0.5, 14) + validation,
            header.to_owned() + &bar(1, 0.45, 3) + &bar(1, 0.4, 12) + validation,
            // Too little of an epoch says nothing of it.
            header.to_owned() + &bar(2, 0.35, 3) + validation,
            header.to_owned() + &bar(3, 0.3, 12) + &bar(3, 0.25, 14) + &bar(3, 0.25, 14),
            // The last one goes on.
            header.to_owned() + &bar(4, 0.2, 12),
        ];
        let read = read_all(epochs.concat().as_bytes(), &Names::default()).unwrap();
        let points: Vec<_> = read.decoded.records.points(Quantity::TrainLoss).collect();
        assert_eq!((read.format, read.decoded.total_steps), ("ultralytics", Some(10)));
        assert_eq!(points, [(0, 0.5), (1, 0.4), (3, 0.25)]);
        // What was cut off is no epoch of the training that starts then.
        let start = "Starting training for 10 epochs...\n".to_owned() + header + &bar(0, 0.5, 14);
        let read = read_all((epochs.concat() + &start).as_bytes(), &Names::default()).unwrap();
        let points: Vec<_> = read.decoded.records.points(Quantity::TrainLoss).collect();
        assert_eq!(points, [(0, 0.5), (1, 0.4), (3, 0.25), (0, 0.5)]);
    }

    #[test]
    fn a_classifier_draws_its_full_bar_again_when_it_has_evaluated() {
        let bars = |epoch: u32, train: f64, test: f64| {
            format!(
                "      {epoch}/40     0.35G       {train:.2}                                    :  50%|█████     | 50/100 [00:06<00:06,  8.1it/s]\r\
                 \u{20}     {epoch}/40     0.35G       {train:.2}                                    : 100%|██████████| 100/100 [00:12<00:00,  8.1it/s]\r\
                 \u{20}     {epoch}/40     0.35G       {train:.2}       {test:.2}       0.767        0.98: 100%|██████████| 100/100 [00:12<00:00,  8.1it/s]\n"
            )
        };
        let content = format!(
            "     Epoch   GPU_mem  train_loss   test_loss    top1_acc    top5_acc\n{}{}",
            bars(1, 2.25, 2.5),
            bars(2, 2.0, 1.75)
        );
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let points = |quantity| read.decoded.records.points(quantity).collect::<Vec<_>>();
        assert_eq!((read.format, read.decoded.total_steps), ("ultralytics", Some(40)));
        assert_eq!(points(Quantity::TrainLoss), [(1, 2.25), (2, 2.0)]);
        assert_eq!(points(Quantity::EvalLoss), [(1, 2.5), (2, 1.75)]);
    }

    #[test]
    fn the_full_bar_of_every_epoch_counts() {
        let eight = "Starting training for 2 epochs...\n\n\
            \u{20}     Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n\
            \u{20}       1/2      6.37G      1.313      1.365      1.567         35        640: 39% ━━━━╸─── 60/154 2.1it/s 29.3s<44.8sCorrupt JPEG data: premature end\n\
            \u{20}       1/2      6.37G      1.248       1.08      1.509         30        640: 100% ━━━━━━━━━━━━ 154/154 2.1it/s 1:14\n\
            \u{20}                Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100% ━━━━━━━━━━━━ 2/2 3.1it/s 24.5s\n\
            \u{20}                  all       2462       2541      0.904      0.402      0.392      0.226\n\n\
            \u{20}     Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n\
            \u{20}       2/2      6.57G       1.22     0.9006       1.51         26        640: 100% ━━━━━━━━━━━━ 154/154 2.0it/s 1:16\n";
        let five = "     Epoch   gpu_mem       box       obj       cls    labels  img_size\n\
            \u{20}      0/1     10.9G     1.248   0.05152   0.02421        80       640: 100%|██████████| 16/16 [00:27<00:00,  1.71s/it]\n\
            \u{20}               Class     Images     Labels          P          R     mAP@.5 mAP@.5:.95: 100%|██████████| 2/2 [00:03<00:00,  1.76s/it]\n\
            \u{20}     Epoch   gpu_mem       box       obj       cls    labels  img_size\n\
            \u{20}      1/1     10.9G      1.22   0.05152   0.02421        80       640: 100%|██████████| 16/16 [00:27<00:00,  1.71s/it]\n";
        for (content, first) in [(eight, 1), (five, 0)] {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let records = &read.decoded.records;
            assert_eq!(
                (read.format, records.steps()),
                ("ultralytics", &[first, first + 1][..])
            );
            assert_eq!(read.decoded.total_steps, Some(2));
            assert_eq!(records.value(0, Quantity::TrainLoss), Some(1.248));
            assert_eq!(records.value(1, Quantity::TrainLoss), Some(1.22));
        }
    }
}
