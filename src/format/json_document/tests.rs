use super::*;
use crate::format::read_all;
use crate::metric::Quantity;

fn points(content: &str, quantity: Quantity) -> Vec<(u64, f64)> {
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.format, "json");
    read.decoded.records.points(quantity).collect()
}

#[test]
fn rows_columns_and_series() {
    let rows = r#"[{"step": 1, "loss": 3.0}, {"step": 2, "loss": NaN}, {"step": 3, "train": {"lr": 0.1}, "loss": 2.0}]"#;
    assert_eq!(points(rows, Quantity::TrainLoss).len(), 3);
    let export = r#"{"summary": {"loss": 1.0}, "config": {"iterations": 25000, "scheduler": "wsd", "warmup_steps": 300},
            "history": {"train": {"iter": [50, 100], "loss": [4.0, 3.5]}, "val": {"iter": [100, 200], "loss": [3.6, 3.2]}}}"#;
    assert_eq!(points(export, Quantity::TrainLoss), [(50, 4.0), (100, 3.5)]);
    assert_eq!(points(export, Quantity::EvalLoss), [(100, 3.6), (200, 3.2)]);
    let read = read_all(export.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.hints.total_steps(), Some(25_000));
    assert_eq!(read.decoded.hints.scheduler(), Some("wsd"));
    let golden = r#"{"lm loss": {"start_step": 1, "end_step": 10, "step_interval": 5, "values": {"1": 12.9, "5": 12.1, "10": "nan"}},
            "iteration-time": {"start_step": 1, "step_interval": 5, "values": {"1": "nan", "5": 0.5, "10": 0.6}}}"#;
    assert_eq!(points(golden, Quantity::TrainLoss), [(1, 12.9), (5, 12.1)]);
    assert_eq!(points(golden, Quantity::StepTime), [(5, 0.5), (10, 0.6)]);
    let short =
        r#"{"lm loss": {"start_step": 1, "end_step": 1, "step_interval": 1, "values": {"1": 29.29548}}}"#;
    assert_eq!(points(short, Quantity::TrainLoss), [(1, 29.29548)]);
}

#[test]
fn histories_without_steps() {
    let keras = r#"{"loss": [2.5, 2.4, 2.3], "val_loss": [2.6, 2.5, 2.45], "accuracy": [0.1, 0.2, 0.3]}"#;
    assert_eq!(points(keras, Quantity::TrainLoss), [(0, 2.5), (1, 2.4), (2, 2.3)]);
    assert_eq!(points(keras, Quantity::EvalLoss)[2], (2, 2.45));
    let own = r#"{"config": {"lr": 0.1}, "train_losses": [3.5, 2.4, 2.3], "val_losses": [2.6, 2.5]}"#;
    assert_eq!(points(own, Quantity::TrainLoss).len(), 3);
    assert_eq!(points(own, Quantity::EvalLoss), []);
    let epochs = r#"{"epochs": [1, 2, 3], "train_loss": [3.5, 2.4, 2.3]}"#;
    assert_eq!(points(epochs, Quantity::TrainLoss)[0], (1, 3.5));
    let by_number = r#"{"10": {"loss": 2.3, "val_loss": 2.4}, "9": {"loss": 2.5}}"#;
    assert_eq!(points(by_number, Quantity::TrainLoss), [(9, 2.5), (10, 2.3)]);
    let sacred = r#"{"training.loss": {"steps": [10, 20], "timestamps": ["a", "b"], "values": [2.5, 2.4]}}"#;
    assert_eq!(points(sacred, Quantity::TrainLoss), [(10, 2.5), (20, 2.4)]);
    // Twice in each epoch, and once at its end.
    let by_time = r#"{"trainLoss": {"steps": [0, 1, 2, 3], "timestamps": ["01:45:30", "01:45:32.5", "01:45:34", "01:45:36"], "values": [2.5, 2.25, 2.0, 1.75]},
            "validLoss": {"steps": [0, 1], "timestamps": ["01:45:33", "01:45:36.1"], "values": [2.75, 2.5]}}"#;
    assert_eq!(points(by_time, Quantity::EvalLoss), [(1, 2.75), (3, 2.5)]);
    let diverged = r#"{"trainLoss": {"steps": [0, 1], "timestamps": ["a", "b"], "values": [1.9e+22, NaN]},
            "validLoss": {"steps": [0, 1], "timestamps": ["a", "b"], "values": [NaN, NaN]}}"#;
    for loss in [Quantity::TrainLoss, Quantity::EvalLoss] {
        let points = points(diverged, loss);
        assert!(points.len() == 2 && points[1].1.is_nan(), "{points:?}");
    }
}

#[test]
fn what_a_value_is_about_may_stand_far_above_it() {
    let ludwig = r#"{"test": {"class": {"loss": [3.5, 3.25, 3.0]}}, "train": {"class": {"loss": [2.5, 2.25, 2.0]}},
            "validation": {"class": {"loss": [2.75, 2.5, 2.25]}}}"#;
    let rows = r#"{"metrics": {"train": [{"epoch": 0, "loss": 2.5}, {"epoch": 1, "loss": 2.25}, {"epoch": 2, "loss": 2.0}],
            "val": [{"epoch": 0, "loss": 2.75}, {"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 2.25}]}}"#;
    let pandas = r#"{"loss": {"0": 2.5, "1": 2.25, "2": 2.0}, "val_loss": {"0": 2.75, "1": 2.5, "2": 2.25}}"#;
    let epochs = r#"{"epoch_0": {"train_loss": 2.5, "val_loss": 2.75}, "epoch_1": {"train_loss": 2.25, "val_loss": 2.5},
            "epoch_2": {"train_loss": 2.0, "val_loss": 2.25}}"#;
    for document in [ludwig, rows, pandas, epochs] {
        assert_eq!(
            points(document, Quantity::TrainLoss),
            [(0, 2.5), (1, 2.25), (2, 2.0)]
        );
        assert_eq!(
            points(document, Quantity::EvalLoss),
            [(0, 2.75), (1, 2.5), (2, 2.25)]
        );
    }
}

#[test]
fn allennlp_writes_a_document_for_each_epoch() {
    let content = "{\n\"best_epoch\": 1,\n\"training_start_epoch\": 0, \"training_epochs\": 3, \"epoch\": 3, \"training_loss\": 0.5, \"validation_loss\": 0.75,\n\"best_validation_loss\": 0.625\n}\n";
    assert_eq!(points(content, Quantity::TrainLoss), [(3, 0.5)]);
    assert_eq!(points(content, Quantity::EvalLoss), [(3, 0.75)]);
}

#[test]
fn the_same_names_in_several_tables_are_several_series() {
    let ludwig = r#"{"epoch": 3, "test_stats": {"combined": {"loss": [3.5, 3.25, 3.0]}, "class": {"loss": [1.5, 1.25, 1.0]}},
            "train_stats": {"combined": {"loss": [2.5, 2.25, 2.0]}, "class": {"loss": [1.5, 1.25, 1.0]}},
            "vali_stats": {"combined": {"loss": [2.75, 2.5, 2.25]}, "class": {"loss": [1.5, 1.25, 1.0]}}}"#
        .replace("\"class\"", "\"quality\"");
    let triples = r#"{"test_metrics": {"combined": {"loss": [[1, 10, 3.5]]}}, "train_metrics": {"combined": {"loss": [[1, 10, 2.5]]}},
            "validation_metrics": {"combined": {"loss": [[1, 10, 2.75]]}}, "tune_checkpoint_num": 0}"#;
    assert_eq!(
        points(&ludwig, Quantity::TrainLoss),
        [(0, 2.5), (1, 2.25), (2, 2.0)]
    );
    assert_eq!(
        points(&ludwig, Quantity::EvalLoss),
        [(0, 2.75), (1, 2.5), (2, 2.25)]
    );
    assert_eq!(points(triples, Quantity::TrainLoss), [(10, 2.5)]);
    assert_eq!(points(triples, Quantity::EvalLoss), [(10, 2.75)]);
    // Three numbers elsewhere are no epoch, step and loss.
    for other in [
        r#"{"loss": [[1, 2, 3]], "train_loss": [3.0, 2.5, 2.25, 2.0]}"#,
        r#"{"train": {"loss": [[1, 2, 3]], "train_loss": [3.0, 2.5, 2.25, 2.0]}}"#,
    ] {
        assert_eq!(points(other, Quantity::TrainLoss).len(), 4, "{other}");
    }
    // What goes on in the next table is the same series.
    let parts = r#"{"one": {"fit": {"step": [1, 2, 3], "loss": [2.5, 2.25, 2.0]}}, "two": {"fit": {"step": [4, 5, 6], "loss": [1.5, 1.25, 1.0]}},
            "warm": {"fit": {"step": [1, 2, 3], "loss": [9.5, 9.25, 9.0]}}}"#;
    let losses = points(parts, Quantity::TrainLoss);
    assert_eq!((losses.len(), losses[0], losses[5]), (6, (1, 2.5), (6, 1.0)));
}

#[test]
fn steps_and_values_in_pairs() {
    let content = r#"{"config": {"lr": 0.1}, "train_loss": [[0, 11.9], [1, 11.8], [2, 11.7]], "val_loss": [[0, 11.95], [2, 11.5], [4, 11.25]],
            "betas": [[0, 0.9], [0, 0.95]], "times": [1, 2, 3]}"#;
    assert_eq!(
        points(content, Quantity::TrainLoss),
        [(0, 11.9), (1, 11.8), (2, 11.7)]
    );
    assert_eq!(points(content, Quantity::EvalLoss)[2], (4, 11.25));
}

#[test]
fn rows_beside_as_many_losses_tell_their_steps() {
    let content = r#"{"config": {"lr": 0.5}, "loss": [2.5, 2.25, 2.0],
        "stats": [{"step": 10, "lr": 0.125}, {"step": 20, "lr": 0.25}, {"step": 30, "lr": 0.5}]}"#;
    assert_eq!(
        points(content, Quantity::TrainLoss),
        [(10, 2.5), (20, 2.25), (30, 2.0)]
    );
    assert_eq!(
        points(content, Quantity::LearningRate),
        [(10, 0.125), (20, 0.25), (30, 0.5)]
    );
    // Steps that begin again in each epoch do not count the run, but the rates are told all the same.
    let again = content.replace("\"step\": 30", "\"step\": 10");
    assert_eq!(
        points(&again, Quantity::TrainLoss),
        [(0, 2.5), (1, 2.25), (2, 2.0)]
    );
    assert_eq!(points(&again, Quantity::LearningRate)[2], (2, 0.5));
    // More rows than losses are about something else.
    let others = content.replace("[2.5, 2.25, 2.0]", "[2.5, 2.25, 2.0, 1.75]");
    assert_eq!(points(&others, Quantity::TrainLoss)[3], (3, 1.75));
}

#[test]
fn each_part_of_the_data_has_its_counter() {
    let content = r#"{"step_train": [0, 5, 10, 15], "loss_train": [2.5, 2.25, 2.0, 1.75],
        "lr": [0.5, 0.25, 0.125, 0.0625], "step_val": [5, 10, 15], "loss_val": [2.75, 2.5, 2.25]}"#;
    assert_eq!(
        points(content, Quantity::TrainLoss),
        [(0, 2.5), (5, 2.25), (10, 2.0), (15, 1.75)]
    );
    assert_eq!(
        points(content, Quantity::EvalLoss),
        [(5, 2.75), (10, 2.5), (15, 2.25)]
    );
    assert_eq!(points(content, Quantity::LearningRate)[3], (15, 0.0625));
}

#[test]
fn a_number_of_epochs_that_never_changes_is_no_place() {
    let rounds = r#"[{"round": 1, "epochs": 10, "avg_loss": 2.5}, {"round": 2, "epochs": 10, "avg_loss": 1.75},
        {"round": 3, "epochs": 10, "avg_loss": 1.25}]"#;
    assert_eq!(
        points(rounds, Quantity::TrainLoss),
        [(1, 2.5), (2, 1.75), (3, 1.25)]
    );
    let counted = rounds.replace("round", "unknown");
    assert_eq!(
        points(&counted, Quantity::TrainLoss),
        [(0, 2.5), (1, 1.75), (2, 1.25)]
    );
    let growing = r#"[{"epochs": 1, "loss": 2.5}, {"epochs": 2, "loss": 1.75}, {"epochs": 3, "loss": 1.25}]"#;
    assert_eq!(
        points(growing, Quantity::TrainLoss),
        [(1, 2.5), (2, 1.75), (3, 1.25)]
    );
}

#[test]
fn results_of_several_runs_are_no_points_of_one() {
    let named = r#"[{"name": "a", "val_loss": 1.25, "lr": 0.1}, {"name": "b", "val_loss": 1.5, "lr": 0.01},
            {"name": "c", "val_loss": 1.0, "lr": 0.3}]"#;
    let trained_as_long = r#"{"results": [{"model": "a", "epochs": 10, "loss": 1.25}, {"model": "b", "epochs": 10, "loss": 1.5},
            {"model": "c", "epochs": 10, "loss": 1.0}]}"#;
    let configured = r#"[{"config": {"width": 8}, "loss": 1.25}, {"config": {"width": 16}, "loss": 1.5},
            {"config": {"width": 32}, "loss": 1.0}]"#;
    let sizes = r#"[{"num_params": 100, "tokens": 10, "loss": 1.25}, {"num_params": 200, "tokens": 20, "loss": 1.5},
            {"num_params": 400, "tokens": 40, "loss": 1.0}]"#;
    for document in [named, trained_as_long, configured, sizes] {
        let names = Names::default();
        assert!(read_all(document.as_bytes(), &names).is_err(), "{document}");
        let why = crate::format::diagnose(&Sample::whole(document.as_bytes()), &names);
        assert!(why.starts_with("results of several runs"), "{why}");
    }
    // Names of what was saved, and rows that go on.
    let goes_on = r#"[{"name": "a", "step": 10, "loss": 1.5}, {"name": "b", "step": 20, "loss": 1.25},
            {"name": "c", "step": 30, "loss": 1.0}]"#;
    assert_eq!(points(goes_on, Quantity::TrainLoss).len(), 3);
    let named_for_epochs = r#"[{"name": "epoch_9", "loss": 1.5}, {"name": "epoch_10", "loss": 1.25}, {"name": "epoch_11", "loss": 1.0}]"#;
    let rates = r#"[{"params": {"lr": 0.1}, "loss": 1.5}, {"params": {"lr": 0.05}, "loss": 1.25}, {"params": {"lr": 0.01}, "loss": 1.0}]"#;
    for document in [named_for_epochs, rates] {
        assert_eq!(points(document, Quantity::TrainLoss).len(), 3, "{document}");
    }
    let repeated = r#"[{"name": "row1", "step": 0, "loss": 1.5}, {"name": "row2", "step": 10, "loss": 1.25},
            {"name": "row3", "step": 10, "loss": 1.25}, {"name": "row4", "step": 20, "loss": 1.0}]"#;
    assert_eq!(points(repeated, Quantity::TrainLoss).last(), Some(&(20, 1.0)));
}

#[test]
fn a_large_vocabulary_is_no_log() {
    let mut vocabulary: String = (0..40_000).map(|word| format!("\"w{word}\": {word}, ")).collect();
    vocabulary.insert_str(0, "{\"model\": {\"step\": 9662, \"loss\": 22462, ");
    vocabulary.push_str("\"end\": 1}}");
    assert!(vocabulary.len() > crate::format::SAMPLE_BYTES);
    assert!(read_all(vocabulary.as_bytes(), &Names::default()).is_err());
    let history = vocabulary.replacen(
        "\"step\": 9662, \"loss\": 22462",
        "\"step\": [1, 2, 3], \"loss\": [4.5, 3.5, 2.5]",
        1,
    );
    assert_eq!(points(&history, Quantity::TrainLoss).len(), 3);
}

#[test]
fn configurations_and_last_values_are_no_logs() {
    for content in [
        r#"{"loss": 1.8, "lr": 0.001, "step": 1110}"#,
        r#"{"learning_rate": 0.001, "betas": [0.9, 0.95], "max_steps": 1000}"#,
        r#"{"train": {"loss": 2.3}, "epoch": 4, "step": 3519}"#,
    ] {
        let pretty: Value = serde_json::from_str(content).unwrap();
        let pretty = serde_json::to_string_pretty(&pretty).unwrap();
        assert!(
            read_all(pretty.as_bytes(), &Names::default()).is_err(),
            "{content}"
        );
    }
}

#[test]
fn what_trees_were_evaluated_on() {
    for (train, held_out) in [("validation_0", "validation_1"), ("dtrain", "dval")] {
        let trees = format!(
            r#"{{"{train}": {{"auc": [0.5, 0.6, 0.7], "logloss": [2.5, 2.4, 2.3]}}, "{held_out}": {{"auc": [0.5, 0.6, 0.7], "logloss": [2.6, 2.5, 2.4]}}}}"#
        );
        assert!(crate::format::shared_document::runs(trees.as_bytes(), &Names::default()).is_empty());
        assert_eq!(
            points(&trees, Quantity::TrainLoss),
            [(0, 2.5), (1, 2.4), (2, 2.3)]
        );
        assert_eq!(points(&trees, Quantity::EvalLoss), [(0, 2.6), (1, 2.5), (2, 2.4)]);
    }
}

#[test]
fn losses_beside_accuracies() {
    let nested = r#"{"losses": {"train": [2.5, 2.4, 2.3], "val": [2.6, 2.5, 2.4]}, "accuracies": {"train": [0.1, 0.2, 0.3], "val": [0.1, 0.2, 0.3]}}"#;
    assert_eq!(
        points(nested, Quantity::TrainLoss),
        [(0, 2.5), (1, 2.4), (2, 2.3)]
    );
    assert_eq!(points(nested, Quantity::EvalLoss), [(0, 2.6), (1, 2.5), (2, 2.4)]);
}

#[test]
fn evaluations_of_every_so_many_epochs() {
    let every = |evaluations: &str| {
        let history =
            format!(r#"{{"train_losses": [6, 5.5, 5, 4.5, 4, 3.5], "val_losses": [{evaluations}]}}"#);
        points(&history, Quantity::EvalLoss)
    };
    assert_eq!(every("5.5, 4.5, 3.5"), [(1, 5.5), (3, 4.5), (5, 3.5)]);
    assert!(every("5.5, 4.5, 4, 3.5").is_empty());
    // The same evaluations stay where they are while further epochs come, and others are left out.
    let steps = |epochs: usize, evaluations: usize| {
        let history = format!(
            r#"{{"train_losses": {:?}, "val_losses": {:?}}}"#,
            vec![2.5; epochs],
            vec![2.5; evaluations],
        );
        let points = points(&history, Quantity::EvalLoss);
        points.into_iter().map(|(step, _)| step).collect::<Vec<_>>()
    };
    for epochs in 15..20 {
        assert_eq!(steps(epochs, 3), [4, 9, 14], "{epochs}");
    }
    // Where there is one more they begin with the first.
    for epochs in 11..15 {
        assert_eq!(steps(epochs, 3), [0, 5, 10], "{epochs}");
    }
    for (first, evaluated) in [(0, [0, 5, 10]), (1, [5, 10, 15])] {
        let epochs: Vec<u64> = (first..first + 15).collect();
        let losses = vec![2.5; 15];
        let history =
            format!(r#"{{"epoch": {epochs:?}, "train_loss": {losses:?}, "val_loss": [2.5, 2.25, 2.0]}}"#);
        let found = points(&history, Quantity::EvalLoss).into_iter();
        assert!(found.map(|(step, _)| step).eq(evaluated), "{first}");
    }
    for (epochs, evaluations) in [(48, 8), (20, 5), (20, 3), (20, 19)] {
        assert!(steps(epochs, evaluations).is_empty(), "{evaluations} of {epochs}");
    }
}

#[test]
fn rows_may_hold_one_value_each_or_cells_without_names() {
    for document in [
        r#"[{"key": "train_loss", "value": 2.5, "step": 1}, {"key": "train_loss", "value": 2.25, "step": 2}, {"key": "val_loss", "value": 2.75, "step": 2}]"#,
        r#"{"metrics": [{"metric": "loss", "variant": "train", "iter": 1, "value": 2.5}, {"metric": "loss", "variant": "train", "iter": 2, "value": 2.25}, {"metric": "loss", "variant": "val", "iter": 2, "value": 2.75}]}"#,
        r#"{"columns": ["epoch", "train_loss", "val_loss"], "index": [0, 1], "data": [[1, 2.5, null], [2, 2.25, 2.75]]}"#,
    ] {
        assert_eq!(
            points(document, Quantity::TrainLoss),
            [(1, 2.5), (2, 2.25)],
            "{document}"
        );
        assert_eq!(points(document, Quantity::EvalLoss), [(2, 2.75)], "{document}");
    }
    for other in [
        r#"[{"name": "price", "value": 2.5, "step": 1}, {"name": "rooms", "value": 2.25, "step": 2}]"#,
        r#"{"columns": ["prompt", "score"], "data": [["loss", 2.5], ["gain", 2.25]]}"#,
        r#"{"columns": ["loss"], "data": [[2.5, 1], [2.25, 2]]}"#,
    ] {
        assert!(read_all(other.as_bytes(), &Names::default()).is_err(), "{other}");
    }
}

#[test]
fn what_python_prints_of_a_history() {
    let history =
        "{'loss': [2.5, np.float64(2.4), 2.3],\n 'val_loss': [2.6, nan, 2.4], 'lr': [[0.1], [0.1], [0.05]]}";
    assert_eq!(
        points(history, Quantity::TrainLoss),
        [(0, 2.5), (1, 2.4), (2, 2.3)]
    );
    assert_eq!(points(history, Quantity::EvalLoss).len(), 3);
    assert_eq!(
        points(history, Quantity::LearningRate),
        [(0, 0.1), (1, 0.1), (2, 0.05)]
    );
}
