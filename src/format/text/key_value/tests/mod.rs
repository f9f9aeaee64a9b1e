//! The behaviour of the fallback, by the lines of logs.

mod counting;
mod evaluations;
mod names;

use crate::format::read_all;
use crate::metric::{Names, Quantity};

type Points = Vec<(u64, f64)>;

fn points(content: &str) -> (Option<u64>, Points, Points) {
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.format, "key-value", "{content}");
    let of = |quantity| -> Vec<(u64, f64)> { read.decoded.records.points(quantity).collect() };
    (
        read.decoded.total_steps,
        of(Quantity::TrainLoss),
        of(Quantity::EvalLoss),
    )
}

/// Epochs with losses that fall by a tenth each: NN counts, TT and VV are losses, AA an accuracy.
fn falling(line: &str) -> String {
    (1..7_i32)
        .map(|at| {
            let train = 2.0 * 0.9_f64.powi(at);
            line.replace("MM", &(9 - at).to_string())
                .replace("NN", &at.to_string())
                .replace("TT", &format!("{train:.4}"))
                .replace("VV", &format!("{:.4}", train + 0.1))
                .replace("AA", &format!("{:.4}", 1.0 - 0.4 * train))
                + "\n"
        })
        .collect()
}

/// How many losses a log tells, and the last of each: of training, and of held-out data.
fn last_of(line: &str) -> [(usize, Option<(u64, f64)>); 2] {
    let (_, train, eval) = points(&falling(line));
    [train, eval].map(|all| (all.len(), all.last().copied()))
}

const BOTH: [(usize, Option<(u64, f64)>); 2] = [(6, Some((6, 1.0629))), (6, Some((6, 1.1629)))];

const TRAIN_ONLY: [(usize, Option<(u64, f64)>); 2] = [BOTH[0], (0, None)];
