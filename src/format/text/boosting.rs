//! Boosted trees, one line a round: `XGBoost` (`[10]  train-logloss:0.45123  eval-logloss:0.47211`),
//! `LightGBM` (`[100]  training's binary_logloss: 0.250  valid_1's binary_logloss: 0.290`) and
//! `CatBoost` (`100:  learn: 0.3601  test: 0.3812  best: 0.3812 (100)  total: 5.81s`).

use super::held_out::data_of;
use super::{Fields, Grammar, Match};
use crate::format::number;

/// The grammar.
#[derive(Debug, Default)]
pub struct Boosting {
    /// The next line repeats the best round, at which the run ends.
    repeats_the_best: bool,
}

/// Metrics that fall, and are trained for: accuracies and rankings rise.
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

/// Shares of the samples that are classified wrongly. They fall as well, but hardly any more once
/// the loss still does: they are taken where there is nothing else.
const ERROR_RATES: &[&str] = &["error", "merror", "binary_error", "multi_error"];

/// What a round tells of one set.
#[derive(Clone, Copy, Debug)]
struct OfASet<'a> {
    set: Set<'a>,
    metric: &'a str,
    value: f64,
}

/// What a metric was measured on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Set<'a> {
    Training,
    HeldOut,
    /// The name that the user gave, or `XGBoost`.
    Named(&'a str),
}

impl Set<'_> {
    /// True for the first of several sets that may be the training data.
    fn may_be_of_training(self) -> bool {
        match self {
            Set::Training => true,
            Set::HeldOut => false,
            // Scikit-learn's interface counts the sets, and the training data is the first by
            // convention.
            Set::Named("validation_0") => true,
            Set::Named(name) => {
                !words_of(name).any(|word| HELD_OUT.contains(&word)) && data_of(words_of(name)).is_none()
            }
        }
    }
}

/// What sets of held-out data are called here besides: out of time, out of fold.
const HELD_OUT: &[&str] = &["oot", "oof"];

/// The words of the name of a set, also without what stands for a matrix: `dtrain`, `X_train`.
fn words_of(name: &str) -> impl Iterator<Item = &str> {
    let words = name.split(|letter: char| !letter.is_ascii_alphabetic());
    words.flat_map(|word| std::iter::once(word).chain(word.strip_prefix(['d', 'D', 'X'])))
}

/// True for the name of a set that was trained on.
fn is_of_training(name: &str) -> bool {
    words_of(name).any(|word| word.starts_with("train") || word == "trn")
}

impl Grammar for Boosting {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if std::mem::take(&mut self.repeats_the_best) {
            fields.finished = true;
            return Match::No;
        }
        self.repeats_the_best = line.contains("best iteration is:");
        let Some((round, told)) = round_of_trees(line).or_else(|| round_of_catboost(line)) else {
            return Match::No;
        };
        fields.step = Some(round);
        let known = |metrics: &[&str]| -> Vec<OfASet> {
            let told = told.iter().copied();
            told.filter(|told| metrics.contains(&told.metric)).collect()
        };
        let mut found = known(LOSSES);
        if found.is_empty() {
            found = known(ERROR_RATES);
        }
        // Of several metrics each set has the same.
        let metric = found.first().map(|told| told.metric);
        found.retain(|told| Some(told.metric) == metric);
        let several = found.len() > 1;
        let train = found.iter().position(|told| told.set == Set::Training);
        let first = found
            .first()
            .filter(|first| several && first.set.may_be_of_training());
        let train = train.or(first.map(|_| 0));
        // The last set is the one by which training is stopped.
        let held_out = (0..found.len()).rev().find(|index| Some(*index) != train);
        let [train, held_out] = [train, held_out].map(|index| found.get(index?));
        fields.values.extend(train.map(|told| ("train_loss", told.value)));
        fields
            .values
            .extend(held_out.map(|told| ("eval_loss", told.value)));
        fields.record()
    }
}

/// The metric by which a round of `XGBoost` or `LightGBM` is measured, when none is known to fall.
pub fn no_loss(line: &str) -> Option<&str> {
    let (_, told) = round_of_trees(line)?;
    let falls = |metric: &str| LOSSES.contains(&metric) || ERROR_RATES.contains(&metric);
    if told.iter().any(|told| falls(told.metric)) {
        return None;
    }
    told.last().map(|told| told.metric)
}

/// The number of the round, which a launcher may have put something before, and what it tells.
fn round_of_trees(line: &str) -> Option<(u64, Vec<OfASet<'_>>)> {
    let (round, cells) = line.split_once('\t')?;
    let (_, round) = round.trim().strip_suffix(']')?.rsplit_once('[')?;
    let told = cells.split('\t').filter_map(|cell| of_a_set(cell.trim()));
    Some((round.parse().ok()?, told.collect()))
}

/// The same of `CatBoost`, which does not name its loss.
fn round_of_catboost(line: &str) -> Option<(u64, Vec<OfASet<'_>>)> {
    let (round, cells) = line.split_once('\t')?;
    let round = round.trim().strip_suffix(':')?.rsplit(' ').next()?;
    let told = cells.split('\t').filter_map(|cell| {
        let (set, value) = cell.trim().split_once(": ")?;
        let told = OfASet {
            set: if set == "learn" {
                Set::Training
            } else {
                Set::HeldOut
            },
            metric: LOSSES.first()?,
            value: number::parse(value)?,
        };
        ["learn", "test"].contains(&set).then_some(told)
    });
    Some((round.parse().ok()?, told.collect()))
}

/// `train-logloss:0.45`, with a deviation behind it in a cross-validation (`train-rmse:0.45+0.01`),
/// or `valid_1's l2: 0.29`, or `cv_agg's valid l2: 0.29`.
fn of_a_set(cell: &str) -> Option<OfASet<'_>> {
    let (name, value) = cell.split_once(':')?;
    // `LightGBM` calls the training data so, wherever it is among the sets.
    let of_lightgbm = name.split_once("'s ").map(|(set, metric)| {
        let (set, metric) = metric.rsplit_once(' ').unwrap_or((set, metric));
        (Set::HeldOut, set, metric)
    });
    let of_xgboost = || {
        name.rsplit_once('-')
            .map(|(set, metric)| (Set::Named(set), set, metric))
    };
    let (kind, set, metric) = of_lightgbm.or_else(of_xgboost)?;
    let metric = metric.split_once('@').map_or(metric, |(metric, _)| metric);
    let value = value.trim();
    let value = value
        .find(['+', ' '])
        .and_then(|end| value.get(..end))
        .unwrap_or(value);
    Some(OfASet {
        set: if is_of_training(set) { Set::Training } else { kind },
        metric: metric.trim(),
        value: number::parse(value)?,
    })
}

#[cfg(test)]
mod tests {
    use crate::format::{Sample, diagnose, read_all};
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
                "[0]\tvalidation_0-rmse:1.5\tvalidation_1-rmse:1.625\n[250]\tvalidation_0-rmse:1.25\tvalidation_1-rmse:1.5\n",
                250,
                1.25,
                1.5,
            ),
            (
                "[0]\tfold-rmse:1.5\tfold-mae:1.125\toof-rmse:1.625\toof-mae:1.25\n[1]\tfold-rmse:1.25\tfold-mae:1.0\toof-rmse:1.5\toof-mae:1.125\n",
                1,
                1.25,
                1.5,
            ),
            (
                "[LightGBM] [Info] Total Bins 2550\n[100]\ttraining's binary_logloss: 0.25\tvalid_1's binary_logloss: 0.29\n[200]\ttraining's binary_logloss: 0.21\tvalid_1's binary_logloss: 0.27\n",
                200,
                0.21,
                0.27,
            ),
            (
                "[0]\ttrain-error:0.202381\teval-error:0.21\n[1]\ttrain-error:0.190476\teval-error:0.2\n",
                1,
                0.190_476,
                0.2,
            ),
            (
                "[0]\ttrain-merror:0.6\ttrain-mlogloss:1.5\teval-merror:0.7\teval-mlogloss:1.6\n[1]\ttrain-merror:0.5\ttrain-mlogloss:1.25\teval-merror:0.6\teval-mlogloss:1.5\n",
                1,
                1.25,
                1.5,
            ),
            (
                "Learning rate set to 0.05\n0:\tlearn: 0.66\ttest: 0.67\tbest: 0.67 (0)\ttotal: 58.1ms\tremaining: 58.1s\n100:\tlearn: 0.36\ttest: 0.38\tbest: 0.38 (100)\ttotal: 5.8s\tremaining: 51.2s\n",
                100,
                0.36,
                0.38,
            ),
        ] {
            // As syslog writes it, and as it was.
            let escaped = content.replace('\t', "#011");
            assert_eq!(
                read_all(escaped.as_bytes(), &Names::default())
                    .unwrap()
                    .decoded
                    .records,
                read_all(content.as_bytes(), &Names::default())
                    .unwrap()
                    .decoded
                    .records,
            );
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!(read.format, "boosting", "{content}");
            let last = read.decoded.records.row(1);
            assert_eq!(last.step(), step);
            assert_eq!(last.value(Quantity::TrainLoss), Some(train));
            assert_eq!(last.value(Quantity::EvalLoss), Some(eval));
        }
    }

    #[test]
    fn sets_of_held_out_data_are_none_of_training() {
        for row in [
            "valid-rmse:0.75\ttest-rmse:0.5",
            "eval_0-rmse:0.75\teval_1-rmse:0.5",
            "validation_0-rmse:0.5",
            "valid_0's l2: 0.75\tvalid_1's l2: 0.5",
        ] {
            let content = format!("[0]\t{row}\n[1]\t{row}\n");
            let records = read_all(content.as_bytes(), &Names::default())
                .unwrap()
                .decoded
                .records;
            assert_eq!(records.value(0, Quantity::EvalLoss), Some(0.5), "{row}");
            assert!(!records.has(Quantity::TrainLoss), "{row}");
        }
    }

    #[test]
    fn names_of_sets_say_what_they_are_of() {
        for (sets, train, eval) in [
            (["dvalid", "dtrain"], Some(0.5), 0.75),
            (["dtrain", "dvalid"], Some(0.75), 0.5),
            (["X_val", "X_train"], Some(0.5), 0.75),
            (["oot", "trn"], Some(0.5), 0.75),
            (["mine", "holdout"], Some(0.75), 0.5),
            (["dvalid", "dtest"], None, 0.5),
            (["ddev", "dtest"], None, 0.5),
            (["holdout", "oot"], None, 0.5),
        ] {
            let [first, second] = sets;
            let row = format!("{first}-rmse:0.75\t{second}-rmse:0.5");
            let content = format!("[0]\t{row}\n[1]\t{row}\n");
            let records = read_all(content.as_bytes(), &Names::default())
                .unwrap()
                .decoded
                .records;
            assert_eq!(records.value(0, Quantity::TrainLoss), train, "{row}");
            assert_eq!(records.value(0, Quantity::EvalLoss), Some(eval), "{row}");
        }
    }

    #[test]
    fn what_rises_is_said_to_be_no_loss() {
        let content = "[0]\tvalidation_0-auc:0.47946\tvalidation_1-auc:0.46\n[1]\tvalidation_0-auc:0.48431\tvalidation_1-auc:0.47\n";
        assert!(read_all(content.as_bytes(), &Names::default()).is_err());
        let told = diagnose(&Sample::whole(content.as_bytes()), &Names::default());
        assert!(told.contains("auc"), "{told}");
    }
}
