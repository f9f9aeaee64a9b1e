mod counting;
mod held_out;

use super::*;
use crate::format::read_all;
use crate::metric::Names;

type Points = Vec<(u64, f64)>;

/// Train losses, evaluations, and the planned number of steps of three epochs of 30 batches.
fn three_epochs(text: &dyn Fn(u64) -> String) -> (Points, Points, Option<u64>) {
    let content: String = (1..4).map(text).collect();
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.format, "progress-bar", "{content}");
    let of = |quantity| read.decoded.records.points(quantity).collect();
    (
        of(Quantity::TrainLoss),
        of(Quantity::EvalLoss),
        read.decoded.total_steps,
    )
}

const EVALUATED: [(u64, f64); 3] = [(30, 2.1), (60, 2.2), (90, 2.3)];

fn drawing(description: &str, done: u64, of: u64, metrics: &str) -> String {
    format!("\r{description}: 50%|##   | {done}/{of} [00:10<00:10, 20.11it/s{metrics}]")
}

/// The drawings of a bar of 30 batches.
fn training(description: &str, epoch: u64) -> String {
    let done = [10, 20, 30].iter();
    let draw = |done: &u64| drawing(description, *done, 30, &format!(", loss=2.{epoch}{done}"));
    done.map(draw).collect::<String>() + "\n"
}

#[test]
fn a_few_lines_about_a_loss_of_their_own_are_not_the_log() {
    let mut content = String::new();
    for epoch in 0..12 {
        content +=
            &format!("\rEpoch {epoch}: 100%|███| 29/29 [00:02<00:00, 11.69it/s, loss=0.{epoch}66, v_num=]\n");
        if epoch % 4 == 3 {
            content += &format!(
                "  [Epoch {epoch}] losses at split → cluster_loss=0.0{epoch}, subcluster_loss=0.5835\n"
            );
        }
    }
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!((read.format, read.decoded.records.len()), ("progress-bar", 12));
}

#[test]
fn bars_are_told_from_tables() {
    let found = bar(" 12%|█▏        | 120/1000 [02:00<14:40,  1.00s/it, loss=3.21, lr=1e-4]").unwrap();
    assert_eq!(
        (found.done, found.total, found.metrics),
        (120, Some(1000), "loss=3.21, lr=1e-4")
    );
    let found = bar("Validation DataLoader 0: |          | 7/? [00:00<00:00, 105.42it/s]").unwrap();
    assert_eq!(
        (found.done, found.total, found.description),
        (7, None, "Validation DataLoader 0")
    );
    assert!(bar("| a | b | 1/2 [x]").is_none());
    // RWKV-LM shows a rate of its own among the metrics.
    let found =
        bar("Epoch 0:   9%|#  | 233/2520 [06:49<1:07:02,  1.76s/it, loss=3.170, REAL it/s=0.569]").unwrap();
    assert_eq!(found.metrics, "loss=3.170, REAL it/s=0.569");
}

#[test]
fn bars_that_are_told_line_by_line() {
    let line = |done: &str, loss: f64| {
        format!(
            "2025-06-14T06:20:11 - 0 - tqdm_loggable.tqdm_logging - tqdm_logging.py:139 - INFO :: Progress on:train {done}/70.0kit \
                 rate:1.2it/s remaining:1:05:15 elapsed:31:40 postfix:loss={loss}\n"
        )
    };
    let content = format!(
        "{}Progress on:eval 3.00it/184it rate:1.2it/s remaining:01:05 elapsed:31:40 postfix:loss=9\n{}{}{}",
        line("998it", 3.5),
        line("1.00kit", 3.25),
        line("1.01kit", 3.125),
        line("1.02kit", 3.0)
    );
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(
        (read.format, read.decoded.total_steps),
        ("progress-bar", Some(70_000))
    );
    assert_eq!(read.decoded.records.steps(), [998, 1000, 1010]);
    assert_eq!(read.decoded.records.value(1, Quantity::TrainLoss), Some(3.25));
}

#[test]
fn a_loss_in_the_description() {
    let drawing = |epoch: u64, batch: u64, loss: f64| {
        format!(
            "\rEpoch {epoch} | loss: {loss} | acc: 0.5:  {batch}0%|#  | {batch}/10 [00:00<00:01,  2.00it/s]"
        )
    };
    let content: String = (0..2)
        .flat_map(|epoch| {
            (1..=10).map(move |batch| drawing(epoch, batch, 4.5 - 0.125 * (10 * epoch + batch) as f64))
        })
        .collect();
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let records = &read.decoded.records;
    assert_eq!((read.format, records.len()), ("progress-bar", 20));
    assert_eq!(
        (records.steps()[10], records.value(10, Quantity::TrainLoss)),
        (11, Some(3.125))
    );
}
