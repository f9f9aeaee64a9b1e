//! Boosted trees, one line a round: `XGBoost` (`[10]  train-logloss:0.45123  eval-logloss:0.47211`),
//! `LightGBM` (`[100]  training's binary_logloss: 0.250  valid_1's binary_logloss: 0.290`) and
//! `CatBoost` (`100:  learn: 0.3601  test: 0.3812  best: 0.3812 (100)  total: 5.81s`).

use super::{Fields, Grammar, Match};
use crate::format::number;

/// The grammar.
#[derive(Debug, Default)]
pub struct Boosting {
    /// The next line repeats the best round, at which the run ends.
    repeats_the_best: bool,
}

/// Metrics that fall: accuracies and rankings rise.
const LOSSES: &[&str] = &[
    "logloss",
    "binary_logloss",
    "multi_logloss",
    "mlogloss",
    "cross_entropy",
    "rmse",
    "rmsle",
    "mae",
    "mape",
    "l1",
    "l2",
    "mse",
    "huber",
    "quantile",
    "poisson",
];

impl Grammar for Boosting {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if std::mem::take(&mut self.repeats_the_best) {
            fields.finished = true;
            return Match::No;
        }
        self.repeats_the_best = line.contains("best iteration is:");
        let mut cells = line.split('\t').map(str::trim);
        let Some(round) = cells.next() else {
            return Match::No;
        };
        // A launcher may have put something before it.
        let of_trees = round
            .strip_suffix(']')
            .and_then(|round| round.rsplit_once('['))
            .and_then(|(_, round)| round.parse().ok());
        let of_catboost = || {
            let round = round.strip_suffix(':')?;
            round.rsplit(' ').next()?.parse().ok()
        };
        let found = match of_trees {
            Some(round) => {
                fields.step = Some(round);
                cells.filter_map(of_a_set).collect::<Vec<_>>()
            }
            None => {
                fields.step = of_catboost();
                let values = cells.filter_map(|cell| {
                    let (name, value) = cell.split_once(": ")?;
                    Some((name == "learn", number::parse(value)?))
                        .filter(|_| ["learn", "test"].contains(&name))
                });
                values.collect()
            }
        };
        // The last set is the one by which training is stopped.
        let train = found.iter().find(|(train, _)| *train);
        let held_out = found.iter().rfind(|(train, _)| !*train);
        fields.values.extend(train.map(|(_, loss)| ("train_loss", *loss)));
        fields
            .values
            .extend(held_out.map(|(_, loss)| ("eval_loss", *loss)));
        fields.record()
    }
}

/// Whether it is the training set, and its loss: `train-logloss:0.45`, with a deviation behind it
/// in a cross-validation (`train-rmse:0.45+0.01`), or `valid_1's l2: 0.29`, or `cv_agg's valid l2: 0.29`.
fn of_a_set(cell: &str) -> Option<(bool, f64)> {
    let (name, value) = cell.split_once(':')?;
    let (set, metric) = name.split_once("'s ").or_else(|| name.rsplit_once('-'))?;
    let (set, metric) = metric.rsplit_once(' ').unwrap_or((set, metric));
    let metric = metric.split_once('@').map_or(metric, |(metric, _)| metric);
    let value = value.trim();
    let value = value
        .find(['+', ' '])
        .and_then(|end| value.get(..end))
        .unwrap_or(value);
    LOSSES
        .contains(&metric.trim())
        .then(|| Some((set.starts_with("train"), number::parse(value)?)))?
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn losses_of_all_three() {
        for (content, step, train, eval) in [
            (
                "[0]\ttrain-auc:0.61\ttrain-logloss:0.65\teval-logloss:0.66\n[10]\ttrain-auc:0.71\ttrain-logloss:0.45\teval-logloss:0.47\n",
                10,
                0.45,
                0.47,
            ),
            (
                "[0]\ttrain-rmse:1.65+0.02\ttest-rmse:1.66+0.03\n[1]\ttrain-rmse:1.5+0.02\ttest-rmse:1.6+0.03\n",
                1,
                1.5,
                1.6,
            ),
            (
                "[100]\tcv_agg's train l2: 0.42 + 2.2e-06\tcv_agg's valid l2: 0.5 + 2.26e-06\n[200]\tcv_agg's train l2: 0.34 + 2.2e-06\tcv_agg's valid l2: 0.44 + 2.2e-06\n",
                200,
                0.34,
                0.44,
            ),
            (
                "[LightGBM] [Info] Total Bins 2550\n[100]\ttraining's binary_logloss: 0.25\tvalid_1's binary_logloss: 0.29\n[200]\ttraining's binary_logloss: 0.21\tvalid_1's binary_logloss: 0.27\n",
                200,
                0.21,
                0.27,
            ),
            (
                "Learning rate set to 0.05\n0:\tlearn: 0.66\ttest: 0.67\tbest: 0.67 (0)\ttotal: 58.1ms\tremaining: 58.1s\n100:\tlearn: 0.36\ttest: 0.38\tbest: 0.38 (100)\ttotal: 5.8s\tremaining: 51.2s\n",
                100,
                0.36,
                0.38,
            ),
        ] {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!(read.format, "boosting", "{content}");
            let last = read.decoded.records.row(1);
            assert_eq!(last.step(), step);
            assert_eq!(last.value(Quantity::TrainLoss), Some(train));
            assert_eq!(last.value(Quantity::EvalLoss), Some(eval));
        }
    }
}
