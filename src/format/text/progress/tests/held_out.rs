use super::{EVALUATED, drawing, three_epochs, training};
use crate::format::read_all;
use crate::metric::{Names, Quantity};

#[test]
fn evaluations_may_stand_between_bars() {
    let epoch = |epoch: u64| -> String {
        let bar = |at: u64| {
            format!(
                "Loss=0.{epoch}{at} Batch_id={at} Accuracy=25.54: {at}0%|##   | {at}0/100 [00:10<00:10, 20.11it/s]\n"
            )
        };
        let bars: String = [2, 6, 10].map(bar).concat();
        format!(
            "EPOCH: {epoch}\n{bars}\nTest set: Average loss: 0.{epoch}, Accuracy: 7552/10000 (75.53%)\n\n"
        )
    };
    let content: String = (1..5).map(epoch).collect();
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let records = &read.decoded.records;
    let of = |quantity| -> Vec<(u64, f64)> { records.points(quantity).collect() };
    assert_eq!(of(Quantity::TrainLoss).len(), 12);
    assert_eq!(of(Quantity::TrainLoss).last(), Some(&(400, 0.41)));
    assert_eq!(
        of(Quantity::EvalLoss),
        [(100, 0.1), (200, 0.2), (300, 0.3), (400, 0.4)]
    );
}

#[test]
fn a_bar_of_held_out_data_is_an_evaluation() {
    for (heading, train, held_out, name) in [
        ("", "Epoch NN/40 [Train]", "Epoch NN/40 [Val]", "loss"),
        ("", "Epoch NN/40 [Train]", "Epoch NN/40 [Val]", "val_loss"),
        ("", "Epoch NN/40 - Training", "Epoch NN/40 - Validation", "Loss"),
        ("", "Epoch NN/40 (Train)", "Epoch NN/40 (Val)", "loss"),
        ("", "Train Epoch NN/40", "Val Epoch NN/40", "loss"),
        ("", "Epoch NN/40 train", "Epoch NN/40 - val set", "loss"),
        ("Epoch NN/40\n", "Train", "Val", "loss"),
        ("Epoch NN/40\n", "Training", "Evaluating", "loss"),
    ] {
        let of_epoch = |epoch: u64| {
            // The loss of the last batch shows only when the bar is drawn once more.
            let drawings: String = [(0, ""), (4, "5.5"), (8, "4.5"), (8, "2.")]
                .iter()
                .map(|(done, loss)| match *loss {
                    "" => drawing(held_out, *done, 8, ""),
                    "2." => drawing(held_out, *done, 8, &format!(", {name}=2.{epoch}")),
                    loss => drawing(held_out, *done, 8, &format!(", {name}={loss}")),
                })
                .collect();
            let text = heading.to_owned() + &training(train, epoch) + &drawings + "\n";
            text.replace("NN", &epoch.to_string())
        };
        let (train, eval, total) = three_epochs(&of_epoch);
        assert_eq!((train.len(), train.last()), (9, Some(&(90, 2.33))), "{held_out}");
        assert_eq!(
            (eval.as_slice(), total),
            (EVALUATED.as_slice(), Some(1200)),
            "{held_out}"
        );
    }
}

#[test]
fn a_word_for_held_out_data_in_a_name_makes_no_evaluation_of_a_bar() {
    for description in [
        "Epoch NN/40 (val acc: 0.3NN)",
        "Epoch NN/40, best val 0.31",
        "Epoch NN/40 | best_val=0.31",
        "Epoch NN/40 val_loss: 2.90 train",
        "[dev cuda:0] Epoch NN/40",
        "imagenet-val-split Epoch NN/40",
    ] {
        let of_epoch = |epoch: u64| training(description, epoch).replace("NN", &epoch.to_string());
        let (train, eval, total) = three_epochs(&of_epoch);
        assert_eq!(
            (train.len(), train.last()),
            (9, Some(&(90, 2.33))),
            "{description}"
        );
        assert_eq!((eval, total), (Vec::new(), Some(1200)), "{description}");
    }
}

#[test]
fn lines_below_a_bar_tell_of_evaluations() {
    for line in [
        "Validation Loss: 2.NN\n",
        "Val Loss: 2.NN, Val Acc: 61.2%\n",
        "Epoch NN val_loss: 2.NN\n",
        "2026-11-30 10:00:00 - INFO - Val Loss: 2.NN\n",
        "  Train Loss: 2.5\n  Val Loss: 2.NN\n  Val Acc: 51.2%\n",
        "Test Loss: 2.NN\n",
    ] {
        let of_epoch = |epoch: u64| {
            let bar = training("Epoch NN/40", epoch);
            let held_out = drawing("Validating", 8, 8, ", acc=0.5") + "\n";
            (bar + &held_out + line).replace("NN", &epoch.to_string())
        };
        let (train, eval, total) = three_epochs(&of_epoch);
        assert_eq!((train.len(), total), (9, Some(1200)), "{line}");
        assert_eq!(eval, EVALUATED, "{line}");
    }
    // That of the model at the end of its training is none of it.
    let at_the_end = |epoch: u64| {
        let bar = training("Epoch NN/3", epoch).replace("NN", &epoch.to_string());
        bar + if epoch == 3 { "Test Loss: 0.8\n" } else { "" }
    };
    assert_eq!(three_epochs(&at_the_end).1, []);
}

#[test]
fn a_score_on_test_data_behind_the_loss_makes_no_test_of_a_bar() {
    let described = |epoch: u64| {
        let done = [10, 20, 30].iter().map(|done| 30 * (epoch - 1) + done);
        let description = |done| format!("loss:   2.{done} test_accuracy: 27.12%");
        done.map(|done| drawing(&description(done), done, 90, ""))
            .collect()
    };
    let (train, eval, total) = three_epochs(&described);
    assert_eq!(
        (train.last(), eval, total),
        (Some(&(90, 2.9)), Vec::new(), Some(90))
    );
}

#[test]
fn what_lightning_draws_twice_and_what_it_says_of_checkpoints() {
    let mut content = String::new();
    for epoch in 0..3 {
        if epoch > 0 {
            content += &format!(
                "\rEpoch {epoch}: 100%|██████████| 198/198 [02:36<00:00,  1.26it/s, loss=1.{epoch}5, v_num=14]"
            );
        }
        content += &format!(
            "\rEpoch {epoch}:  51%|█████     | 100/198 [01:29<01:27,  1.12it/s, loss=1.{next}1, v_num=14]\
                 \rEpoch {epoch}: 100%|██████████| 198/198 [02:36<00:00,  1.26it/s, loss=1.{next}5, v_num=14]Epoch {epoch}, global step {step}: 'val_loss' reached 0.{epoch}5 (best 0.15), saving model to 'x'\n",
            next = epoch + 1,
            step = 168 * (epoch + 1),
        );
    }
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let records = &read.decoded.records;
    let points = |quantity: Quantity| -> Vec<(u64, f64)> { records.points(quantity).collect() };
    let steps: Vec<u64> = points(Quantity::TrainLoss).iter().map(|point| point.0).collect();
    assert_eq!(
        (read.format, steps),
        ("progress-bar", vec![100, 198, 298, 396, 496, 594])
    );
    assert_eq!(
        points(Quantity::EvalLoss),
        [(198, 0.05), (396, 0.15), (594, 0.25)]
    );
}

#[test]
fn allennlp_draws_validation_as_it_does_training() {
    let drawing = |loss: f64, done: u64, of: u64| {
        format!("em: 0.0157, loss: {loss} ||:  15%|#4        | {done}/{of} [03:04<73:08:45, 122.19s/it]\n")
    };
    let content: String = (0..3)
        .map(|epoch| {
            let loss = 6.5 - f64::from(epoch);
            let begins = |of: u64| format!("\n  0%|          | 0/{of} [00:00<?, ?it/s]\n");
            let training = begins(2190) + &drawing(loss, 318, 2190) + &drawing(loss - 0.25, 2190, 2190);
            training + &begins(265) + &drawing(loss, 96, 265) + &drawing(loss + 0.25, 265, 265)
        })
        .collect();
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let points = |quantity: Quantity| -> Vec<(u64, f64)> { read.decoded.records.points(quantity).collect() };
    assert_eq!(
        points(Quantity::TrainLoss),
        [
            (318, 6.5),
            (2190, 6.25),
            (2508, 5.5),
            (4380, 5.25),
            (4698, 4.5),
            (6570, 4.25)
        ]
    );
    assert_eq!(
        points(Quantity::EvalLoss),
        [(2190, 6.75), (4380, 5.75), (6570, 4.75)]
    );
}
