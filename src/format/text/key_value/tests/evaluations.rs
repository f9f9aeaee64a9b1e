//! What is told of held-out data.

use super::*;

#[test]
fn batches_of_a_validation_that_is_told_whole_are_no_steps() {
    let epoch = |epoch: u64| {
        format!(
            "epoch:[  {epoch}/25 ] train step:0    loss: 4.{epoch} lr: 0.010000 batch_cost: 7.44212 sec, ips: 8.5 instance/sec.\n\
             epoch:[  {epoch}/25 ] train step:100  loss: 3.{epoch} lr: 0.010000 batch_cost: 1.94236 sec, ips: 32.9 instance/sec.\n\
             END epoch:{epoch}   train loss_avg: 3.94312  top1_avg: 0.10801 avg_batch_cost: 6.85139 sec, avg_ips: 47.6 instance/sec.\n\
             epoch:[  {epoch}/25 ] val step:0    loss: 3.27431 top1: 0.12500 batch_cost: 4.21128 sec, ips: 15.1 instance/sec.\n\
             epoch:[  {epoch}/25 ] val step:120  loss: 3.27431 top1: 0.12500 batch_cost: 4.21128 sec, ips: 15.1 instance/sec.\n\
             END epoch:{epoch}   val loss_avg: 2.{epoch} top1_avg: 0.14896 avg_batch_cost: 0.03663 sec, avg_ips: 60.8 instance/sec.\n"
        )
    };
    let content: String = (1..=3).map(epoch).collect();
    let (_, train, eval) = points(&content);
    assert_eq!(
        train,
        [
            (0, 4.1),
            (100, 3.1),
            (200, 4.2),
            (300, 3.2),
            (400, 4.3),
            (500, 3.3)
        ]
    );
    assert_eq!(eval, [(100, 2.1), (300, 2.2), (500, 2.3)]);
}

#[test]
fn the_best_loss_is_none_of_the_epoch_that_it_names() {
    let epoch = |epoch: u64| format!("Epoch {epoch} train loss 2.{epoch} val loss 3.{epoch}\n");
    let all =
        |behind: &dyn Fn(u64) -> String| -> String { (1..9).map(|at| epoch(at) + &behind(at)).collect() };
    let at_the_end = all(&|_| String::new()) + "Best val loss at epoch 5: 0.48\n";
    let each = all(&|at| format!("Lowest val loss at epoch {}: 0.4{at}\n", at.saturating_sub(1)));
    for content in [at_the_end, each] {
        let (_, train, eval) = points(&content);
        assert_eq!((train.len(), train[7]), (8, (8, 2.8)), "{content}");
        assert_eq!((eval.len(), eval[7]), (8, (8, 3.8)), "{content}");
    }
    let steps: String = (1..9)
        .map(|at| format!("iter {at}0: train loss 2.{at}, val loss 3.{at}\n"))
        .collect();
    let (_, _, eval) = points(&(steps + "Best val loss at epoch 3: 0.40\n"));
    assert_eq!((eval.len(), eval[7]), (8, (80, 3.8)));
}

#[test]
fn a_standard_deviation_is_no_data() {
    let line = |at| format!("Iteration {at}, Mean: 0.5, Std Dev: 0.1, Loss: 1.{at}\n");
    let content: String = (1..5).map(line).collect();
    let (_, train, eval) = points(&content);
    assert_eq!((train.len(), train[3], eval), (4, (4, 1.4), vec![]));
}

#[test]
fn abbreviated_data_and_two_evaluations() {
    for line in [
        "Epoch EE - Loss_tr: 2.EE, Loss_val: 3.EE",
        "Epoch: EE, loss_tr: 2.EE, tr_acc: 0.301, va_loss 3.EE, va_acc 0.340",
        "Epoch EE | Train Loss: 2.EE | Val Loss: 3.EE | Eval Loss: 4.EE",
        "Epoch EE training: 2.EE, validation: 3.EE, loss",
    ] {
        let content: String = (1..5)
            .map(|epoch| line.replace("EE", &epoch.to_string()) + "\n")
            .collect();
        let (_, train, eval) = points(&content);
        assert_eq!((train[3], eval[3]), ((4, 2.4), (4, 3.4)), "{line}");
    }
}

#[test]
fn a_word_for_data_holds_up_to_the_next() {
    let lines = |line: &str| -> String {
        (1..5)
            .map(|epoch| {
                let line = line.replace("EE", &epoch.to_string());
                line.replace("TT", &format!("0.4{epoch}"))
                    .replace("VV", &format!("0.6{epoch}"))
                    + "\n"
            })
            .collect()
    };
    for line in [
        "Epoch EE/40 | Train: Loss TT | Val: Loss VV",
        "Epoch EE - training: loss=TT - validation: loss=VV",
        "Epoch EE train - loss: TT valid - loss: VV",
        "Epoch EE | TRAIN | loss TT | VAL | loss VV",
        "Epoch EE: train[loss=TT acc=0.287] val[loss=VV acc=0.303]",
        "Epoch EE [Train] loss: TT - acc: 0.2542 | [Valid] loss: VV - acc: 0.3045",
        "Epoch EE: Train CE TT, Val CE VV",
        "Epoch EE: train acc: 0.8 loss: TT, val acc: 0.7 loss: VV",
        "Epoch EE: Val: loss VV | Train: loss TT",
    ] {
        let (_, train, eval) = points(&lines(line));
        assert_eq!((train.len(), train[3], eval.len()), (4, (4, 0.44), 4), "{line}");
        assert_eq!(eval[3], (4, 0.64), "{line}");
    }
    for line in [
        "Epoch EE: train acc: 0.8, val acc: 0.7, loss: TT",
        "Epoch EE: train: 0.8, val: 0.7, loss: TT",
    ] {
        let (_, train, eval) = points(&lines(line));
        assert_eq!((train[3], eval), ((4, 0.44), vec![]), "{line}");
    }
}

#[test]
fn a_heading_says_what_the_lines_below_it_are_about() {
    let lines = |epoch: &str| -> String {
        (1..5)
            .map(|at| {
                let lines = epoch.replace("EE", &at.to_string());
                lines
                    .replace("TT", &format!("0.4{at}"))
                    .replace("VV", &format!("0.6{at}"))
                    + "\n"
            })
            .collect()
    };
    for epoch in [
        "Epoch EE/40\nTrain:\n  Loss: TT\n  Acc: 0.9\nVal:\n  Loss: VV",
        "Epoch EE/40\nTraining...\n loss: TT\nValidating...\n loss: VV",
        "Epoch EE/40\nTRAIN\nLoss: TT\nVALID\nLoss: VV",
        "Epoch EE [train]\nLoss: TT\nEpoch EE [val]\nLoss: VV",
        "Epoch EE - train\n loss: TT\nEpoch EE - val\n loss: VV",
        " Training : \n  [epoch EE/40]--> Accuracy: 25.1%, --> Avg loss: TT\n Validation : \n  [epoch EE/40]--> Accuracy: 28.5%, --> Avg loss: VV",
        "Epoch EE loss TT\nTest Error:\n Accuracy: 63%, Avg loss: VV",
    ] {
        let (_, train, eval) = points(&lines(epoch));
        assert_eq!((train.len(), train[3], eval.len()), (4, (4, 0.44), 4), "{epoch}");
        assert_eq!(eval[3], (4, 0.64), "{epoch}");
    }
    // What goes on behind an evaluation is the training, and a message is no heading of its own.
    for epoch in [
        "Validating...\nEpoch EE loss TT\nEvaluating...",
        "Training...\nEvaluating...\nEpoch EE: loss TT, accuracy 0.8",
    ] {
        let (_, train, eval) = points(&lines(epoch));
        assert_eq!((train.len(), train[3], eval), (4, (4, 0.44), vec![]), "{epoch}");
    }
}

#[test]
fn every_metric_of_gluonts_is_called_one_of_an_evaluation() {
    let epoch = |epoch: u64| {
        format!(
            "INFO:root:Epoch[{epoch}] Learning rate is 0.00{}\n\
             INFO:root:Number of parameters in DeepARTrainingNetwork: 26844\n\
             INFO:root:Epoch[{epoch}] Elapsed time 2.440 seconds\n\
             INFO:root:Epoch[{epoch}] Evaluation metric 'epoch_loss'=5.{epoch}\n\
             INFO:root:Epoch[{epoch}] Evaluation metric 'validation_epoch_loss'=6.{epoch}\n",
            4 - epoch
        )
    };
    let content: String = (0..4).map(epoch).collect();
    let content = content + "INFO:root:Final loss: 5.0 (occurred at epoch 0)\n";
    let (_, train, eval) = points(&content);
    assert_eq!(train, [(0, 5.0), (1, 5.1), (2, 5.2), (3, 5.3)]);
    assert_eq!(eval, [(0, 6.0), (1, 6.1), (2, 6.2), (3, 6.3)]);
    let records = read_all(content.as_bytes(), &Names::default())
        .unwrap()
        .decoded
        .records;
    let rates = records.points(Quantity::LearningRate);
    assert!(rates.eq([(0, 0.004), (1, 0.003), (2, 0.002), (3, 0.001)]));
}

#[test]
fn headings_between_rules_tell_what_was_not_trained_on() {
    let line = |epoch: u64, loss: f64| {
        format!(
            "A--------->B\nEPOCH:: {epoch}, Loss: {loss}, Cycle Loss:, 0.000000, MSE: 0.237475, rot_MSE: 90.06\n"
        )
    };
    let content: String = (0..4)
        .map(|epoch| {
            let (train, test) = (1.0 / (epoch + 1) as f64, 2.0 / (epoch + 1) as f64);
            let lines = [train, test, 0.25].map(|loss| line(epoch, loss));
            format!(
                "==TRAIN==\n{}==TEST==\n{}==BEST TEST==\n{}",
                lines[0], lines[1], lines[2]
            )
        })
        .collect();
    let (_, train, eval) = points(&format!("{content}==FINAL TEST==\n{}", line(9, 0.5)));
    assert_eq!(train, [(0, 1.0), (1, 0.5), (2, 1.0 / 3.0), (3, 0.25)]);
    assert_eq!(eval, [(0, 2.0), (1, 1.0), (2, 2.0 / 3.0), (3, 0.5)]);
    // Where none is of training, what follows may be.
    let content: String = (0..4)
        .map(|epoch| {
            format!("Epoch {epoch}, Loss: 0.{epoch}5\n== Validation ==\nEpoch {epoch}, val_loss: 0.5\n")
        })
        .collect();
    let (_, train, _) = points(&content);
    assert_eq!(train, [(0, 0.05), (1, 0.15), (2, 0.25), (3, 0.35)]);
}

#[test]
fn a_training_goes_on_below_other_headings_where_its_own_does_not_return() {
    let losses = |heading: &str, told: &str| -> (usize, usize) {
        let epoch = |epoch: u64| {
            let loss = 0.5 + 1.0 / epoch as f64;
            let lines = format!("Epoch {epoch} loss: {loss}\n");
            let is_last = epoch.is_multiple_of(3);
            lines
                + &if is_last {
                    told.replace("VV", &loss.to_string())
                } else {
                    String::new()
                }
        };
        let content: String = heading.to_owned() + &(1..=15).map(epoch).collect::<String>();
        // A training that was begun twice has a second heading.
        let (once, twice) = (points(&content), points(&(content.clone() + &content)));
        assert_eq!(
            (twice.1.len(), twice.2.len()),
            (2 * once.1.len(), 2 * once.2.len()),
            "{told}"
        );
        (once.1.len(), once.2.len())
    };
    for (told, evaluations) in [
        ("===== Best val loss: VV =====\n", 0),
        ("===== New best val_loss =====\n", 0),
        ("=== Val loss: VV ===\n", 5),
        ("=== Validation ===\nval loss: VV acc: 0.5\n", 5),
    ] {
        assert_eq!(losses("=== Training ===\n", told), (15, evaluations), "{told}");
    }
    let content: String = (1..9)
        .map(|epoch| format!("Epoch {epoch} loss: 2.{epoch}\n"))
        .collect();
    let content = format!("=== Training ===\n{content}").replace("2.3\n", "2.3\n== New best val_loss ==\n");
    assert_eq!(points(&content).1.len(), 8);
}

#[test]
fn an_evaluation_stands_at_the_step_at_which_it_was_announced() {
    let evaluation = |count: u64| {
        format!(
            "[02.20.20 10:0{count}:01] Evaluating at step {count}0000...\n\
             [02.20.20 10:0{count}:31] Saved checkpoint: ./save/step_{count}0000.pth.tar\n\
             [02.20.20 10:0{count}:31] New best checkpoint at step {count}0000...\n\
             [02.20.20 10:0{count}:31] Dev NLL: 0{}.50, F1: 61.00, EM: 57.00\n",
            8 - count
        )
    };
    let epochs = [(1, [1, 2]), (2, [3, 4])].map(|(epoch, counts)| {
        let evaluations: String = counts.map(evaluation).concat();
        format!("[02.20.20 10:00:02] Starting epoch {epoch}...\n{evaluations}")
    });
    let (_, train, eval) = points(&epochs.concat());
    assert_eq!(train, []);
    assert_eq!(eval, [(10_000, 7.5), (20_000, 6.5), (30_000, 5.5), (40_000, 4.5)]);
    // Within an epoch it is none of the run.
    for lines in [
        "Epoch NN | train_loss: 2.NN\nEvaluating at iter 500\nval_loss: 3.NN\n",
        "Epoch NN\ntrain_loss: 2.NN\nEvaluating at epoch NN iter 100\nval_loss: 3.NN\n",
    ] {
        let content: String = (1..9)
            .map(|epoch| lines.replace("NN", &epoch.to_string()))
            .collect();
        let (_, train, eval) = points(&content);
        assert_eq!((train.len(), train[7]), (8, (8, 2.8)), "{lines}");
        assert_eq!((eval.len(), eval[7]), (8, (8, 3.8)), "{lines}");
    }
}

#[test]
fn batches_of_an_evaluation_are_no_steps() {
    let mut whole = String::new();
    let mut announced = String::new();
    for epoch in 1..4 {
        announced += &format!("Epoch {epoch}/3\n");
        for batch in [50, 100] {
            whole += &format!("Epoch [{epoch}/3] Step [{batch}/100] Loss: {epoch}.{batch}\n");
            announced += &format!("step {batch}/100 - loss: {epoch}.{batch} - 12ms/step\n");
        }
        announced += "Eval begin...\n";
        for batch in [10, 40] {
            whole += &format!("Val Epoch [{epoch}/3] Step [{batch}/40] Val Loss: 9.{batch}\n");
            announced += &format!("step {batch}/40 - loss: 9.{batch} - 5ms/step\n");
        }
        whole += &format!("Epoch {epoch}: Val Loss: {epoch}.75\n");
        announced += "Eval samples: 640\n";
    }
    let steps = |points: &Points| points.iter().map(|(step, _)| *step).collect::<Vec<_>>();
    let (_, train, eval) = points(&whole);
    assert_eq!(steps(&train), [50, 100, 150, 200, 250, 300]);
    assert_eq!(eval, [(100, 1.75), (200, 2.75), (300, 3.75)]);
    let (total, train, eval) = points(&announced);
    assert_eq!(
        (total, steps(&train)),
        (Some(300), vec![50, 100, 150, 200, 250, 300])
    );
    // That of the last batch.
    assert_eq!(eval, [(100, 9.4), (200, 9.4), (300, 9.4)]);
}

#[test]
fn an_evaluation_of_the_training_data_is_no_loss_on_held_out_data() {
    let of = |train: &str, evaluation: &str| {
        let content: String = (1..5)
            .map(|at| {
                let lines = format!("{train}{evaluation}");
                lines.replace("NN", &at.to_string())
            })
            .collect();
        points(&content)
    };
    for evaluation in [
        "  eval | train_loss 4.8NN | val_loss 5.0NN\n",
        "  [eval] step NN00: train_loss=4.8NN dev_loss=5.0NN\n",
        "[Validation] Train loss: 4.8NN, Validation loss: 5.0NN\n",
        "[EVAL] epoch 1 complete - Train_loss=4.8NN | Valid_loss=5.0NN\n",
    ] {
        for train in ["step NN00 | loss 4.9NN\n", "step NN00 | train_loss 4.9NN\n"] {
            let (_, train, eval) = of(train, evaluation);
            assert_eq!((train.len(), train[3]), (4, (400, 4.94)), "{evaluation}");
            assert_eq!((eval.len(), eval[3]), (4, (400, 5.04)), "{evaluation}");
        }
    }
    // Where nothing else tells of it, it is the train loss.
    let (_, train, eval) = of("", "INFO Epoch NN [EVAL] Train_loss=1.3NN Valid_loss=1.4NN\n");
    assert_eq!((train[3], eval[3]), ((4, 1.34), (4, 1.44)));
}

#[test]
fn a_heading_says_what_the_loss_below_it_is_of() {
    for line in [
        "Epoch NN loss TT\nTest Error: \n Accuracy: 75.9%, Avg loss: VV \n",
        "Epoch NN loss TT\nValidation Error:\nAvg loss: VV",
        "Epoch NN loss TT\nEvaluating...\n  loss = VV",
        "Epoch NN loss TT\nLoss on the validation set: VV",
    ] {
        assert_eq!(last_of(line), BOTH, "{line}");
    }
    let line = "Evaluating...\nEpoch NN loss TT\nTraining:\n  rate 0.1";
    assert_eq!(last_of(line), TRAIN_ONLY);
}

#[test]
fn details_below_a_named_loss_are_no_points() {
    let content: String = (1..6)
        .map(|at| {
            format!(
                "\nEpoch {at}\nVal loss:   3.{at}0000\nl1: 1.750 kl: 0.012 loss: 3.{at}00 \nTrain loss: 2.{at}0000\nl1: 1.600 kl: 0.010 loss: 2.{at}00 \n"
            )
        })
        .collect();
    let (_, train, eval) = points(&content);
    assert_eq!((train.len(), train[4]), (5, (5, 2.5)));
    assert_eq!((eval.len(), eval[4]), (5, (5, 3.5)));
    // Losses may be small, or about as large as each other.
    for lines in [
        "val_loss: 0.00024N\nloss: 0.00021N\n",
        "val_loss: 0.6931N\nloss: 0.6931N\n",
        "val_loss: 0.6929N acc: 0.5\nloss: 0.6933N acc: 0.5\n",
    ] {
        let content: String = (1..6)
            .map(|at| format!("Epoch {at}\n{lines}").replace('N', &at.to_string()))
            .collect();
        let (_, train, eval) = points(&content);
        assert_eq!((train.len(), eval.len()), (5, 5), "{lines}");
    }
}

#[test]
fn what_was_the_best_is_no_record() {
    let line = "Epoch NN train loss TT val loss VV\n";
    for best in [
        "Best val loss at epoch 3: 0.48",
        "Lowest val loss at epoch 3: 0.48",
        "Minimum loss for epoch 3 is 0.48",
        "The best loss of epoch 3 is 0.48",
        "Best loss on the validation set: 0.48",
    ] {
        let content: String = [7, 8, 9]
            .map(|at| falling(line).replace("Epoch ", &format!("Epoch {at}")) + best + "\n")
            .concat();
        let (_, train, eval) = points(&content);
        assert_eq!((train.len(), train[17]), (18, (96, 1.0629)), "{best}");
        assert_eq!((eval.len(), eval[17]), (18, (96, 1.1629)), "{best}");
    }
    // Nor what was measured some epochs ago, unless counting begins anew.
    let behind = "Epoch 2NN train loss TT\nVal loss at epoch 14: 0.48";
    assert_eq!(last_of(behind), [(6, Some((26, 1.0629))), (0, None)]);
    let anew = falling("Loss at epoch NN: TT").repeat(2);
    assert!(points(&anew).1.len() >= 6);
}

#[test]
fn a_mean_beside_a_sum_is_the_loss() {
    let lines = |line: &str| -> String {
        (1..5)
            .map(|at| line.replace("NN", &at.to_string()) + "\n")
            .collect()
    };
    let (_, train, eval) = points(&lines(
        "Epoch [NN/9] - Training Loss: 186NN.0 - Average Training Loss: 0.09NN - Validation Loss: 4NN.3 - Average Validation Loss: 0.01NN",
    ));
    assert_eq!((train[3], eval[3]), ((4, 0.094), (4, 0.014)));
    // A mean over what was trained on so far says less than each step.
    let (_, train, _) = points(&lines(
        "Epoch [NN/9] - Loss: 2.NN - Avg Loss: 3.0 - Val Loss: 2.5",
    ));
    assert_eq!(train[3], (4, 2.4));
}

#[test]
fn the_line_above_says_what_the_loss_of_an_epoch_is_of() {
    for (train, test) in [
        ("mean_loss: 1.EE44985961914062", "mean_loss: 2.EE2718235651652"),
        (
            "Mean training loss: 1.EE44.",
            "Mean test loss of 796 batches: 2.EE27182.\n\tTop1: 50.00%",
        ),
    ] {
        let content: String = (1..5)
            .map(|epoch| {
                let lines = format!(
                    "[03.24.23|09:56:11] Training epoch: EE\n[03.24.23|09:56:31] \t{train}\n[03.24.23|09:56:31] Time consumption:\n\
                    [03.24.23|09:57:51] Eval epoch: EE\n[03.24.23|09:58:13] \t{test}\n[03.24.23|09:58:13] \tTop5: 99.00%\n"
                );
                lines.replace("EE", &epoch.to_string())
            })
            .collect();
        let (_, train, eval) = points(&content);
        let rounded = |points: &[(u64, f64)]| -> Vec<(u64, f64)> {
            let two = |value: f64| (value * 10.0).trunc() / 10.0;
            points.iter().map(|(step, value)| (*step, two(*value))).collect()
        };
        assert_eq!(rounded(&train), [(1, 1.1), (2, 1.2), (3, 1.3), (4, 1.4)]);
        assert_eq!(rounded(&eval), [(1, 2.1), (2, 2.2), (3, 2.3), (4, 2.4)]);
    }
}

#[test]
fn an_evaluation_below_its_heading_may_stand_at_the_step_of_the_training() {
    let line = |epoch: u64, loss: f64| format!("epoch: {epoch},  loss is: {loss}, acc is: 0.5\n");
    let epoch = |epoch: u64| {
        let (train, eval) = (
            line(epoch, 2.5 - epoch as f64 / 4.0),
            line(epoch, 3.0 - epoch as f64 / 4.0),
        );
        format!("{train}testing in eval mode……\n{eval}Now on with it……\n")
    };
    let untrained = format!("testing in eval mode……\n{}", line(0, 3.5));
    let content = untrained + &(0..4).map(epoch).collect::<String>();
    let (_, train, eval) = points(&content);
    assert_eq!(train, [(0, 2.5), (1, 2.25), (2, 2.0), (3, 1.75)]);
    assert_eq!(eval, [(0, 3.5), (0, 3.0), (1, 2.75), (2, 2.5), (3, 2.25)]);
    // Without an epoch too, where lines are read by their layout.
    let step =
        |step: u64| format!("step: {step} loss: 2.{step}\nEvaluating...\nstep: {step} loss: 3.{step}\n");
    let (_, train, eval) = points(&(1..9).map(step).collect::<String>());
    assert_eq!(
        (train.len(), train[7], eval.len(), eval[7]),
        (8, (8, 2.8), 8, (8, 3.8))
    );
}

#[test]
fn a_step_that_goes_on_ends_what_a_heading_began() {
    let epoch = |epoch: u64| format!("Evaluating...\naccuracy 0.5\nepoch: {epoch} loss: 2.{epoch}\n");
    let (_, train, eval) = points(&(1..9).map(epoch).collect::<String>());
    assert_eq!((train.len(), train[7], eval), (8, (8, 2.8), vec![]));
}

#[test]
fn of_lines_at_the_same_steps_only_those_with_a_learning_rate_are_of_the_training() {
    let train = |step: u64| format!("Pass 0  Iteration {step}  learning_rate = 0.01 loss = 2.{step} * 1\n");
    let other = |step: u64, loss: u64| {
        format!(
            "{}Pass 0  Iteration {step} loss = {loss}.{step} * 1\n",
            " ".repeat(60)
        )
    };
    let content: String = (1..9).map(|at| other(at, 3) + &train(at)).collect();
    let (_, losses, eval) = points(&content);
    assert_eq!(
        (losses.len(), losses[7], eval.len(), eval[7]),
        (8, (8, 2.8), 8, (8, 3.8))
    );
    // What tells the same again is no evaluation.
    let content: String = (1..9).map(|at| train(at) + &other(at, 2)).collect();
    assert_eq!(points(&content).2, vec![]);
}

#[test]
fn a_score_on_held_out_data_says_nothing_of_the_loss_behind_it() {
    for score in ["evaluation 0.2", "Validation Accuracy: 0.2"] {
        let line =
            |epoch: u64| format!("Epoch {epoch}/50, {score}{epoch}, Avg Loss: 1.{epoch}, lr: 0.0003\n");
        let (_, train, eval) = points(&(1..9).map(line).collect::<String>());
        assert_eq!((train.len(), train[7], eval), (8, (8, 1.8), vec![]), "{score}");
    }
}

#[test]
fn a_heading_of_held_out_data_says_what_all_behind_it_is_of() {
    for heading in ["Validation - acc: 0.2, loss", "Validation Accuracy: 0.2, Loss"] {
        let line =
            |at: u64| format!("Epoch {at}, Train - acc: 0.2, loss: 1.{at}\nEpoch {at}, {heading}: 2.{at}\n");
        let (_, train, eval) = points(&(1..9).map(line).collect::<String>());
        assert_eq!((train.len(), eval.len(), eval[7]), (8, 8, (8, 2.8)), "{heading}");
    }
}
