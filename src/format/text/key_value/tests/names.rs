//! What names and sentences say of a loss.

use super::*;

#[test]
fn a_cost_is_the_loss_where_nothing_is_called_one() {
    let lines = |row: &dyn Fn(u64) -> String| {
        let content: String = (1..6).map(row).collect();
        read_all(content.as_bytes(), &Names::default()).map(|_| points(&content))
    };
    let all: Vec<(u64, f64)> = (1..6).map(|step| (step, 0.7 / step as f64)).collect();
    for line in [
        "Epoch NN cost VV",
        "Iteration NN: avg cost VV",
        "Cost after iteration NN: VV",
        "Cost after epoch NN: VV",
        "Epoch: 000NN cost= VV W= 0.3",
    ] {
        let row = |step: u64| {
            let value = (0.7 / step as f64).to_string();
            line.replace("NN", &step.to_string()).replace("VV", &value) + "\n"
        };
        let (_, train, eval) = lines(&row).unwrap();
        assert_eq!((train, eval.len()), (all.clone(), 0), "{line}");
    }
    let both = |epoch: u64| {
        format!(
            "Epoch {epoch}: training cost 0.{}, validation cost 1.{epoch}, time cost: 2.3\n",
            9 - epoch
        )
    };
    let (_, train, eval) = lines(&both).unwrap();
    assert_eq!((train[4], eval[4]), ((5, 0.4), (5, 1.5)));
    for other in [
        "Epoch NN time cost 12.NN",
        "Epoch NN cost 12.NNs",
        "Epoch NN batch_cost: 0.NN",
        "Epoch NN acc 0.5NN cost 12.NN s",
        "epoch NN ppl 9.NN total cost: 12.NN seconds",
        "Episode NN reward 3.NN cost 24.NN steps 200",
        "Epoch NN | bce 2.NN | cost 1NN",
        "Epoch NN cost 12.NN",
    ] {
        assert!(
            lines(&|epoch| other.replace("NN", &epoch.to_string()) + "\n").is_err(),
            "{other}"
        );
    }
    let (_, train, _) = lines(&|epoch| format!("epoch {epoch} loss 2.{epoch} cost 12.{epoch}\n")).unwrap();
    assert_eq!(train[4], (5, 2.5));
    let (_, train, eval) =
        lines(&|epoch| format!("Epoch {epoch}: train nll 2.{epoch}, val nll 2.6, cost 12.{epoch}\n"))
            .unwrap();
    assert_eq!((train[4], eval[4]), ((5, 2.5), (5, 2.6)));
}

#[test]
fn a_total_beside_its_parts_is_the_loss() {
    for line in [
        "step NN | total TT | kd 1.7 | ce 0.4 | lr 1e-3",
        "Epoch NN/40 | Total: TT | Recon: 1.7185 | KL: 0.4296",
        "Epoch: NN, Total_train_loss: TT, recon_loss: 1.7, kld_loss: 0.1",
        "step NN: total_loss=TT ce_loss=1.7 aux_loss=0.4",
        "Epoch: NN, loss_total: TT, loss_recon: 1.7, loss_kl: 0.4",
    ] {
        assert_eq!(last_of(line), TRAIN_ONLY, "{line}");
    }
    for line in [
        "Epoch NN train_total_loss: TT, train_recon_loss: 1.7, val_total_loss: VV, val_recon_loss: 1.6",
        "Epoch NN\n  train: total=TT recon=1.7 kl=0.1\n  val:   total=VV recon=1.7 kl=0.1",
    ] {
        assert_eq!(last_of(line), BOTH, "{line}");
    }
    let none = "step NN | total TTs | recon 12.5 | kl 3.5";
    assert!(read_all(falling(none).as_bytes(), &Names::default()).is_err());
    assert_eq!(last_of("step NN loss TT total 9.5 kl 0.4"), TRAIN_ONLY);
    // Far above the loss it is that of something else.
    assert_eq!(last_of("Epoch NN ce: TT Acc: AA total: MM0.5"), TRAIN_ONLY);
    let in_brackets = "step NN: sound total loss: TT, sound recon loss: 0.9 | discr (scale 1) loss: 0.5 | discr (stft) loss: 0.4";
    assert_eq!(last_of(in_brackets), TRAIN_ONLY);
    assert_eq!(last_of("Epoch 1 (step NN) loss: TT"), TRAIN_ONLY);
}

#[test]
fn what_is_said_of_a_saved_model_is_no_other_loss() {
    for line in [
        "Epoch NN/40 | Train MSE: TT | Val MSE: VV\nVal loss improved from 2.4 to VV",
        "Epoch NN: train_rmse=TT val_rmse=VV\nValidation loss decreased (2.4 --> VV).  Saving model ...",
        "Epoch NN/40 Train MAE: TT Val MAE: VV\nModel saved (loss: VV)",
        "Epoch NN/40 Train MSE: TT Val MSE: VV\nNew best val loss: VV",
    ] {
        assert_eq!(last_of(line), BOTH, "{line}");
    }
    let [train, eval] = last_of("Epoch NN/400 | Val MSE VV | Val xi 0.0326");
    assert_eq!((train.0, eval), (0, BOTH[1]));
    assert_eq!(last_of("Epoch NN loss TT mse 0.9 best 0.3"), TRAIN_ONLY);
}

#[test]
fn the_kind_or_the_unit_of_a_loss_may_stand_in_brackets() {
    for line in [
        "Epoch NN/40 | Train Loss (MSE): TT | Val Loss (MSE): VV",
        "Epoch NN/40 | Train loss (eV): TT | Val loss (eV): VV",
        "Epoch NN/40 | Train Loss [MSE]: TT | Val Loss [MSE]: VV",
        "Epoch NN/40 loss[train]: TT loss[val]: VV",
        "Epoch: [NN][TRAINING SUMMARY] average loss (per batch): TT\nEpoch: [NN][TESTING SUMMARY] average loss (per batch): VV",
    ] {
        assert_eq!(last_of(line), BOTH, "{line}");
    }
}

#[test]
fn the_steps_of_training_go_before_those_of_the_evaluation() {
    let line = "Epoch:  NN/40 Train steps: 100 Val steps: 20 13.21s loss: TT acc: 26.5 val_loss: VV";
    assert_eq!(
        last_of(line),
        [(6, Some((600, 1.0629))), (6, Some((600, 1.1629)))]
    );
}

#[test]
fn losses_behind_arrows_and_counters() {
    let losses = |row: &dyn Fn(u64) -> String| {
        let content: String = (1..5).map(row).collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = read.decoded.records;
        let last = records.steps().len() - 1;
        (records.steps().to_vec(), records.value(last, Quantity::TrainLoss))
    };
    let arrow = |step| format!("Iter {step}: Train Loss --> {step}.5, Val Loss --> 2.5\n");
    assert_eq!(losses(&arrow), (vec![1, 2, 3, 4], Some(4.5)));
    let at = |step| format!("2017-08-18 02:43:53,914:\tLoss at step {step}: {step}.5\n");
    assert_eq!(losses(&at), (vec![1, 2, 3, 4], Some(4.5)));
    let parts = |step| format!("Iter {step}, Loss: {step}.5, Semantic loss: 1.25, IC loss: 0.25\n");
    assert_eq!(losses(&parts), (vec![1, 2, 3, 4], Some(4.5)));
}

#[test]
fn numbered_parts_of_a_loss_are_summed() {
    let epoch = |epoch: u64| {
        format!(
            "Fri 02 Jan 2026 19:00:50 INFO  epoch {epoch} training [time: 0.67s, train_loss1: 2{epoch}0.5, train_loss2: 3.25, train_loss3: 1, train_loss5: 7]\n\
             Fri 02 Jan 2026 19:00:51 INFO  epoch {epoch} evaluating [time: 0.40s, valid_score: 0.382900]\n"
        )
    };
    let content: String = (0..4).map(epoch).collect();
    let (_, train, eval) = points(&content);
    assert_eq!(train, [(0, 204.75), (1, 214.75), (2, 224.75), (3, 234.75)]);
    assert_eq!(eval, []);
}

#[test]
fn signs_before_a_name_or_a_number_are_none_of_it() {
    let content = "[NEW BEST] Epoch #0: train_loss=6.9, val_loss=7.5\nEpoch #1: train_loss=6.2, val_loss=6.5\nEpoch #2: train_loss=5.2, val_loss=6.6\n\
        Loaded best model from epoch 1 (val_loss=6.5)\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps(), [0, 1, 2]);
    let content = "Ep 1 (Iter 000000): Train loss 10.9, Val loss 11\nEp 1 (Iter 000005): Train loss 9.1, Val loss 9.4\nEp 2 (Iter 000010): Train loss 7.9, Val loss 8.0\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps(), [0, 5, 10]);
}

#[test]
fn the_parts_of_a_name_name_those_of_its_value() {
    let lines = |line: &str| -> String {
        (1..5)
            .map(|at| {
                let line = line.replace("EE", &at.to_string());
                line.replace("TT", &format!("0.4{at}"))
                    .replace("VV", &format!("0.6{at}"))
                    + "\n"
            })
            .collect()
    };
    for line in [
        "Epoch EE train/val loss: TT/VV",
        "Epoch EE: 12.302 [sec]\tMean train/val loss: TT/VV\tTrain/val acc: 27.34 %/28.24 %",
        "EPOCH EE\nTrain loss / Val loss : TT / VV",
        "Epoch EE loss (train/val): TT / VV",
        "Epoch EE train acc/loss: 0.2417/TT val acc/loss: 0.2948/VV",
        "Epoch EE | train loss/acc = TT/0.263, valid loss/acc = VV/0.296",
        "Epoch EE of 40 generator train/val loss: TT/VV spatial discriminator train/val loss: 1.5e+00/1.6e+00",
    ] {
        let (_, train, eval) = points(&lines(line));
        assert_eq!((train.len(), train[3], eval.len()), (4, (4, 0.44), 4), "{line}");
        assert_eq!(eval[3], (4, 0.64), "{line}");
    }
}

#[test]
fn a_pair_for_train_and_held_out_data_is_of_losses() {
    let lines = |line: &str| -> String {
        (1..5)
            .map(|row| {
                line.replace("SS", &format!("{row}00"))
                    .replace("LL", &format!("{}.5", 9 - row))
                    + "\n"
            })
            .collect()
    };
    for (line, total) in [
        (
            "[  SS/5000]   6.7%   train=LL   val=LL1   elapsed=17s   ETA=405s  best!",
            Some(5000),
        ),
        ("step SS |   train=LL   val=LL1   elapsed=17s", None),
        ("step SS: train LL val LL1", None),
        ("step SS: train LL, test LL1", None),
    ] {
        let (stated, train, eval) = points(&lines(line));
        assert_eq!((stated, train.len(), eval.len()), (total, 4, 4), "{line}");
        assert_eq!(
            (train.last(), eval.last()),
            (Some(&(400, 5.5)), Some(&(400, 5.51))),
            "{line}"
        );
    }
    for line in [
        "step SS: train 5000 val 200",
        "step SS: train LL% val LL%",
        "step SS: train LLs val LLs",
        "step SS: train LL val LL (accuracy)",
    ] {
        assert!(
            read_all(lines(line).as_bytes(), &Names::default()).is_err(),
            "{line}"
        );
    }
}

#[test]
fn logs_may_be_in_other_languages() {
    let read = |lines: &str| {
        let content: String = (11..15)
            .map(|at| lines.replace("NN", &at.to_string()) + "\n")
            .collect();
        points(&content)
    };
    for (lines, total, evaluated) in [
        ("第 NN/40 轮, 损失: 2.NN, 验证损失: 4.NN", Some(40), true),
        ("第NN轮, 平均损失：2.NN", None, false),
        (
            "迭代次数：NN/5000，当前损失：2.NN，迭代速度：1.234 秒/十次，约需要12.345秒",
            Some(5000),
            false,
        ),
        (
            "[EPOCH NN] 平均总损失：2.NN | 扩散损失：1.79 | ID损失：0.006",
            None,
            false,
        ),
        ("Epoch NN/40 - 訓練損失: 2.NN - 驗證損失: 4.NN", Some(40), true),
        ("Época [NN/40], Pérdida: 2.NN", Some(40), false),
        (
            "Época NN/40\nEntrenamiento - Pérdida: 2.NN, Precisión: 0.2\nValidación - Pérdida: 4.NN, Precisión: 0.2",
            Some(40),
            true,
        ),
        (
            "Époque NN/40 - Perte entraînement : 2.NN - Perte validation : 4.NN",
            Some(40),
            true,
        ),
        (
            "Epoche NN: Trainingsverlust = 2.NN, Validierungsverlust = 4.NN",
            None,
            true,
        ),
        (
            "**Época NN/40**\nPerda de Treino: 2.NN | Acurácia de Treino: 0.2\nPerda de Validação: 4.NN | Acurácia de Validação: 0.2",
            Some(40),
            true,
        ),
        (
            "Epoca NN/40 - Perdita: 2.NN - Perdita di validazione: 4.NN",
            Some(40),
            true,
        ),
        (
            "Эпоха NN/40\nПотери на обучении: 2.NN\nПотери на валидации: 4.NN",
            Some(40),
            true,
        ),
        ("エポック:  NN/40, 損失: 2.NN, 検証損失: 4.NN", Some(40), true),
        (
            "에포크 NN/40\n훈련 손실: 2.NN, 훈련 정확도: 0.2\n검증 손실: 4.NN, 검증 정확도: 0.2",
            Some(40),
            true,
        ),
        ("Epok NN/40 - Kayıp: 2.NN - Doğrulama Kaybı: 4.NN", Some(40), true),
    ] {
        let (stated, train, eval) = read(lines);
        assert_eq!(
            (stated, train.len(), train.last()),
            (total, 4, Some(&(14, 2.14))),
            "{lines}"
        );
        assert_eq!(eval.last().copied(), evaluated.then_some((14, 4.14)), "{lines}");
    }
}

#[test]
fn losses_may_be_named_for_their_data_alone() {
    let lines = |line: &str| -> String {
        (1..5)
            .map(|epoch| line.replace("EE", &epoch.to_string()) + "\n")
            .collect()
    };
    let (_, train, eval) = points(&lines("Epoch 00EE: train=0.2603, val=0.EE028, ppl=1.22"));
    assert_eq!((train.len(), eval[3]), (4, (4, 0.4028)));
    for accuracies in [
        "Epoch 00EE: train=0.2603, val=0.EE028",
        "Epoch 00EE: train=EE5.26, val=1EE.28",
    ] {
        assert!(read_all(lines(accuracies).as_bytes(), &Names::default()).is_err());
    }
    // Accuracies grow, losses fall.
    let content: String = ["35.0026", "21.1222", "14.9218", "13.1448"]
        .iter()
        .zip(1..)
        .map(|(train, epoch)| {
            format!(
                "[pretrain] epoch   {epoch}/40  train={train}  heldout={epoch}.8717  lr=1.50e-04  (best)\n"
            )
        })
        .collect();
    let (total, train, eval) = points(&content);
    assert_eq!((total, train.len(), train[3]), (Some(40), 4, (4, 13.1448)));
    assert_eq!(eval[3], (4, 4.8717));
    // However much of a log is there, what falls by little may be accuracies.
    let of = |all: &[&str]| -> String {
        let rows = all.iter().zip(1..);
        rows.map(|(train, epoch)| format!("Epoch {epoch}: train={train}, val=0.94\n"))
            .collect()
    };
    for accuracies in [
        &["0.95", "0.94", "0.93", "0.945"][..],
        &["0.95", "0.94", "0.93"],
        &["0.95", "0.94", "0.93", "0.92", "0.80"],
        &["95.5", "94.5", "93.5", "92.5"],
    ] {
        let content = of(accuracies);
        assert!(
            read_all(content.as_bytes(), &Names::default()).is_err(),
            "{content}"
        );
    }
    let (_, train, _) = points(&of(&["0.95", "0.7", "0.5", "0.4", "0.41"]));
    assert_eq!((train.len(), train[4]), (5, (5, 0.41)));
}

#[test]
fn a_loss_on_held_out_data_may_stand_beside_the_loss() {
    let lines = |line: &str| -> String {
        (1..5)
            .map(|at| {
                line.replace("MM", &(9 - at).to_string())
                    .replace("NN", &at.to_string())
                    + "\n"
            })
            .collect()
    };
    for line in [
        "[dpo] step NN0 | loss 0.6MM | lr 5.00e-6 | acc 75.0% | val 0.5MM",
        "step NN0 | T_Loss 0.6MM | T_acc 0.111 | V_Loss 0.5MM | V_acc. 0.2",
    ] {
        let (_, train, eval) = points(&lines(line));
        assert_eq!((train.len(), train[3]), (4, (40, 0.65)), "{line}");
        assert_eq!((eval.len(), eval[3]), (4, (40, 0.55)), "{line}");
    }
    for accuracy in [
        "step NN0 | loss 0.NN | val 0.8NN",
        "step NN0 | loss 2.NN | val 2NN%",
        "step NN0 | loss 0.6MM | val 0.5NN",
    ] {
        assert_eq!(points(&lines(accuracy)).2, [], "{accuracy}");
    }
    let rises: String = (1..9)
        .map(|at| format!("step {at}0 | loss 0.6{} | val 0.5{at}\n", 9 - at))
        .collect();
    let (_, train, eval) = points(&rises);
    assert_eq!((train.len(), eval), (8, vec![]));
}

#[test]
fn scores_with_names_of_their_own_say_nothing_of_bare_losses() {
    for line in [
        "Epoch NN/40 | Train: TT | Val: VV | Val Acc: AA",
        "Epoch NN/40 | Train: TT | Val: VV | Time: 12.3s | acc=AA",
        "epNN train TT val VV val_acc AA",
    ] {
        assert_eq!(last_of(line), BOTH, "{line}");
    }
    for other in [
        "Epoch NN acc: train TT val VV",
        "Epoch NN train acc TT val acc VV",
    ] {
        assert!(
            read_all(falling(other).as_bytes(), &Names::default()).is_err(),
            "{other}"
        );
    }
}

#[test]
fn the_word_loss_heads_those_named_for_their_data() {
    for line in [
        "EPOCH NN:\nLOSS train TT valid VV",
        "Epoch NN Loss train: TT, val: VV; OA train: 25.1, val: 30.2",
        "Epoch NN/40 |  loss train: TT  |  eval: VV",
        "Epoch NN/40:\n  Loss: train=TT, val=VV\n  mIoU: AA",
    ] {
        assert_eq!(last_of(line), BOTH, "{line}");
    }
    let line = "Epoch NN Loss train: TT, val: 70.NN%";
    assert_eq!(last_of(line), TRAIN_ONLY);
}

#[test]
fn sentences_tell_the_loss_behind_its_epoch() {
    for line in [
        "Training loss at epoch NN: TT",
        "Average loss for epoch NN: TT",
        "Loss for epoch NN: TT, took 3.2s",
        "Loss after Epoch NN is TT. Running time: 12.78",
        "train loss after epoch NN =  TT",
        "The loss of epoch NN is TT",
        "loss at step NN is TT",
        "Training loss (for one batch) at step NN: TT\nSeen so far: 12864 samples",
    ] {
        assert_eq!(last_of(line), TRAIN_ONLY, "{line}");
    }
    let batch =
        |epoch: u64, step: u64| format!("Training loss (for one batch) at step {step}: 0.{epoch}{step}\n");
    let epoch = |epoch: u64| {
        format!(
            "\nStart of epoch {epoch}\n{}{}",
            batch(epoch, 100),
            batch(epoch, 200)
        )
    };
    let steps: Vec<u64> = points(&(epoch(0) + &epoch(1)))
        .1
        .iter()
        .map(|(step, _)| *step)
        .collect();
    assert_eq!(steps, [100, 200, 300, 400]);
}

#[test]
fn other_names_stand_in_for_the_loss_where_they_fall() {
    for line in [
        "Epoch [NN/40]  Train MSE: TT, Val MSE: VV  |  Val RMSE: 1.3, Val MAE: 1.2",
        "Epoch NN: train RMSE TT, val RMSE VV, val MAE AA",
        "Epoch NN objective TT validation objective VV",
    ] {
        assert_eq!(last_of(line), BOTH, "{line}");
    }
    assert_eq!(last_of(">epoch=NN, lrate=0.500, error=TT"), TRAIN_ONLY);
    assert_eq!(last_of("Epoch NN MSE TT\nTest: MSE VV"), BOTH);
    for other in [
        "Epoch NN error: 3.NN",
        "Epoch NN error code: TT",
        "Epoch NN mse TTms",
        "Epoch NN cost: TT seconds",
        "Epoch NN cost: AA",
        "Epoch NN ELBO: AA",
        "Epoch NN ELBO: -TT",
        "Epoch NN error: TT%",
        "Epoch NN error: TT mean reward: 12.5",
        "Epoch NN cost: TT return: 12.5",
        "Epoch NN best MSE: TT",
        "Epoch NN z_loss: 0.1 MSE: TT",
    ] {
        assert!(
            read_all(falling(other).as_bytes(), &Names::default()).map_or(true, |read| {
                let records = read.decoded.records;
                records.values(Quantity::TrainLoss, 0..records.len()).1.is_empty()
            }),
            "{other}"
        );
    }
    assert_eq!(last_of("Epoch NN MSE VV loss TT"), TRAIN_ONLY);
}

#[test]
fn data_cut_short_makes_a_pair_of_losses() {
    for line in [
        "Ep NN/40 | tr_loss=TT f1=AA | va_loss=VV f1=AA",
        "Epoch NN tr_loss=TT vl_loss=VV",
        "Epoch NN loss_tr: TT | loss_te:VV",
        "Epoch NN - Loss_tr: TT, Loss_val: VV",
        "ep NN/40 tl TT vl VV ta AA va AA",
    ] {
        assert_eq!(last_of(line), BOTH, "{line}");
    }
    for alone in ["Epoch NN t_loss AA train_loss TT", "Epoch NN tl AA train_loss TT"] {
        assert_eq!(last_of(alone), TRAIN_ONLY, "{alone}");
    }
    let line = "Epoch NN train_loss TT val_loss VV t_loss AA";
    assert_eq!(last_of(line), BOTH);
}

#[test]
fn what_is_named_for_held_out_data_alone_falls_with_the_loss_beside_an_epoch() {
    for line in [
        "Epoch NN loss TT, val VV",
        "Epoch NN Train loss TT, acc AA | Val VV, acc AA",
    ] {
        assert_eq!(last_of(line), BOTH, "{line}");
    }
    assert_eq!(last_of("Epoch NN loss TT, val AA"), TRAIN_ONLY);
}

#[test]
fn a_loss_may_stand_before_its_name() {
    assert_eq!(
        last_of("Epoch NN @ 10:27 PM : TT C.E. Loss, 94.28% Accuracy"),
        TRAIN_ONLY
    );
    assert_eq!(last_of("Epoch NN: TT train loss, VV validation loss"), BOTH);
    for line in ["Epoch NN: TT seconds, 3 losses", "Epoch NN : TT best loss"] {
        let content = falling(line);
        assert!(read_all(content.as_bytes(), &Names::default()).is_err(), "{line}");
    }
}

#[test]
fn a_loss_may_have_its_initials_in_brackets() {
    assert_eq!(
        last_of("Run 1/8, Epoch NN/20, Training Loss (NLML): TT, Training RMSE: 0.05"),
        TRAIN_ONLY
    );
    assert_eq!(
        last_of("Epoch NN/20, Training Loss: TT, Loss (KL): 0.05, Loss (EMA): 0.7"),
        TRAIN_ONLY
    );
}

#[test]
fn an_object_of_json_may_stand_behind_a_prefix() {
    let line =
        r#"json_stats: {"name":"resnet","lr":0.1,"max_epoch":20,"epoch":NN,"steps_of":[60,120],"loss":TT}"#;
    assert_eq!(last_of(line), TRAIN_ONLY);
}

#[test]
fn a_smooth_distance_is_the_loss_where_nothing_is_called_one() {
    assert_eq!(
        last_of("Epoch[NN] Speed: 36.2 samples/sec Train-Acc=AA Train-SmoothL1=TT"),
        TRAIN_ONLY
    );
}

#[test]
fn the_loss_function_goes_before_the_average_of_all_so_far() {
    // NVIDIA's SSD: the average begins with a thousandth of the loss, and so climbs.
    let line = |iteration: u32, loss: f64, average: f64| {
        format!(
            "Iteration: {iteration:6}, Loss function: {loss:.3}, Average Loss: {average:.3}, avg. samples / sec: 4564.58\n"
        )
    };
    let content = line(0, 22.981, 0.023)
        + &line(20, 20.534, 0.446)
        + &line(40, 19.165, 0.837)
        + &line(60, 13.82, 1.108);
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let points: Vec<_> = read.decoded.records.points(Quantity::TrainLoss).collect();
    assert_eq!(points, [(0, 22.981), (20, 20.534), (40, 19.165), (60, 13.82)]);
}
