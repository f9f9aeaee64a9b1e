//! Steps, epochs and batches, and lines that count nothing.

use super::*;

#[test]
fn episodes_are_the_steps_where_nothing_else_counts() {
    let read = |row: &dyn Fn(u64) -> String| {
        let content: String = (1..6).map(row).collect();
        points(&content).1.last().copied()
    };
    let alone = |episode| format!("Episode {episode}0/100 loss 0.{episode} reward 12\n");
    assert_eq!(read(&alone), Some((50, 0.5)));
    let beside = |episode| format!("Episode {episode} | Step {episode}345 | Loss 0.{episode}\n");
    assert_eq!(read(&beside), Some((5345, 0.5)));
    let in_front = |count| format!("[{count}00/6000] Episode {} loss 0.{count}\n", count / 2);
    assert_eq!(read(&in_front), Some((500, 0.5)));
    let epochs = |epoch| format!("epoch {epoch} episode {epoch}6 loss 0.{epoch}\n");
    assert_eq!(read(&epochs), Some((5, 0.5)));
    let table: String = (1..6)
        .map(|epoch| format!("{epoch}6,{epoch},0.{epoch}\n"))
        .collect();
    let table = read_all(
        format!("episode,epoch,loss\n{table}").as_bytes(),
        &Names::default(),
    )
    .unwrap();
    assert_eq!(table.decoded.records.steps().last(), Some(&5));
}

#[test]
fn the_time_of_an_epoch_is_no_further_epoch() {
    let epoch = |line: &str| {
        let content: String = (1..6)
            .map(|epoch: u64| {
                let (train, eval) = (2.0 / epoch as f64, 2.5 / epoch as f64);
                line.replace("NN", &epoch.to_string())
                    .replace("TT", &train.to_string())
                    .replace("VV", &eval.to_string())
                    + "\n"
            })
            .collect();
        let records = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        let last = records.len() - 1;
        let of = |quantity| records.value(last, quantity);
        (
            records.steps().to_vec(),
            of(Quantity::TrainLoss),
            of(Quantity::EvalLoss),
            of(Quantity::Epoch),
        )
    };
    for line in [
        "Epoch NN train TT val VV epoch time 11",
        "Epoch NN: train=TT, val=VV, time per epoch: 11",
        "Epoch NN train loss TT val loss VV. Time for epoch: 12",
        "Epoch NN train loss TT val loss VV\nEpoch time: 12",
    ] {
        assert_eq!(
            epoch(line),
            (vec![1, 2, 3, 4, 5], Some(0.4), Some(0.5), Some(5.0)),
            "{line}"
        );
    }
}

#[test]
fn a_counter_is_glued_to_its_name() {
    let line = |epoch: u64, batch: u64| {
        format!("epoch {epoch} iteration{batch}, Loss: 2.{batch}, Train Steps/Sec: 1.55\n")
    };
    let places = [(0, 100), (0, 200), (1, 100), (1, 200)];
    let content: String = places.map(|(epoch, batch)| line(epoch, batch)).concat();
    let (_, train, _) = points(&content);
    let steps: Vec<u64> = train.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [100, 200, 300, 400]);
}

#[test]
fn a_range_of_batches_counts_to_its_end() {
    let row = |epoch, first, last| {
        format!(
            "2018-10-11 09:16:49,200 INFO - Epoch[{epoch}] Batch [{first}-{last}]\tSpeed: 25.77 samples/sec\tloss=0.5\n"
        )
    };
    let places = [(0, 0, 20), (0, 20, 40), (1, 0, 20), (1, 20, 40)];
    let content: String = places
        .map(|(epoch, first, last)| row(epoch, first, last))
        .concat();
    let (_, train, _) = points(&content);
    let steps: Vec<u64> = train.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [20, 40, 60, 80]);
}

#[test]
fn a_step_within_an_iteration_counts_on() {
    let row = |iteration, step| {
        format!(
            "2018-08-23 15:43:20,494 - log/train.log - INFO - iteration:{iteration} step:{step}/1044, NER loss:31.5\n"
        )
    };
    let places = [(1, 100), (1, 1000), (2, 56), (2, 956), (3, 3)];
    let content: String = places.iter().map(|(outer, inner)| row(outer, inner)).collect();
    let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
    assert_eq!(decoded.records.steps(), [100, 1000, 1100, 2000, 2091]);
    assert_eq!(decoded.total_steps, None);
}

#[test]
fn what_follows_the_end_of_a_training_tells_nothing_of_it() {
    let content = "0/20000 val_loss: 9.0072 val_bpb: 3.4870\n\
        2000/20000 train_loss: 3.0897 train_time: 3.4m tok/s: 7815743\n\
        4000/20000 train_loss: 2.8559 train_time: 7.6m tok/s: 6940698\n\
        4911/20000 val_loss: 2.8072 val_bpb: 1.0868\n\
        stopping_early: wallclock_cap train_time: 588052ms step: 4911/20000\n\
        quantized val_loss:2.83553169 val_bpb:1.09772268 eval_time:8714ms\n\
        ttt_sliding:done val_loss=2.787901 val_bpb=1.079283 elapsed=341.6s\n";
    let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
    assert_eq!(decoded.records.steps(), [0, 2000, 4000, 4911, 4911]);
    assert_eq!(decoded.records.value(4, Quantity::Elapsed), Some(588.052));
    let ends: Vec<_> = decoded.endings.iter().map(|end| (end.after, end.step)).collect();
    assert_eq!(ends, [(5, Some(4911))]);
}

#[test]
fn the_time_that_a_line_names_is_not_mixed_with_its_stamp() {
    let stamp = |step: u64| format!("2026-11-23 22:{step:02}:00,000 - INFO - step {step}");
    let read = |row: &dyn Fn(u64) -> String| {
        let content: String = (1..30).map(row).collect();
        read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records
    };
    let clock = read(&|step| {
        let wall = 60 * step + 7;
        format!("{0} | loss 2.5 | wall {wall}\n{0} | val_loss 2.6\n", stamp(step))
    });
    assert_eq!(clock.value(0, Quantity::Elapsed), Some(67.0));
    assert_eq!(clock.value(57, Quantity::Elapsed), None);
    // What falls again and again is no clock: the stamps are.
    let durations = read(&|step| format!("{} | loss 2.5 | time 0.{}\n", stamp(step), step % 3));
    let elapsed = |row| durations.value(row, Quantity::Elapsed).unwrap();
    assert_eq!(elapsed(28) - elapsed(27), 60.0);
}

#[test]
fn a_line_announces_the_place_of_the_loss_below_it() {
    let content = "epoch: 1, 1/125 0.8%, 0.29s per iter, lr: 0.0001\n    recon loss: 9.174  ppl:9647.46\n\n\
        epoch: 1, 11/125 8.8%, 2.92s per iter, lr: 0.0003\n    recon loss: 9.075  ppl:8733.31\n\n\
        epoch: 2, 1/125 0.8%, 0.29s per iter, lr: 0.0001\n    recon loss: 7.174  ppl:964.46\n";
    let records = read_all(content.as_bytes(), &Names::default())
        .unwrap()
        .decoded
        .records;
    let points = |quantity| -> Points { records.points(quantity).collect() };
    assert_eq!(
        points(Quantity::TrainLoss),
        [(1, 9.174), (11, 9.075), (126, 7.174)]
    );
    assert_eq!(
        points(Quantity::LearningRate),
        [(1, 0.0001), (11, 0.0003), (126, 0.0001)]
    );
    let content: String = (1..=20)
        .map(|part| format!(" -- {part}0 / 2297 --\nmean loss: {part}.5\naccuracy: 0.5\n"))
        .collect();
    let content = format!("**** EPOCH 000 ****\n2018-11-30 00:30:00.504209\n{content}");
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert!(read.decoded.records.steps().iter().copied().eq(1..=20));
}

#[test]
fn a_rate_in_a_line_of_its_own_holds_for_what_follows() {
    let epoch = |epoch: u64| {
        format!(
            "Epoch {epoch}\nCurrent learning rate: 0.00{}\ntrain_loss 0.{epoch}5\nval_loss 0.{epoch}7\n",
            9 - epoch
        )
    };
    let content: String = (0..5).map(epoch).collect();
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let rates: Vec<(u64, f64)> = read.decoded.records.points(Quantity::LearningRate).collect();
    assert_eq!(rates.len(), 5);
    assert_eq!(
        rates.iter().map(|(_, rate)| *rate).collect::<Vec<_>>(),
        [0.009, 0.008, 0.007, 0.006, 0.005]
    );
    // Settings, once.
    let content = format!(
        "learning rate: 0.1\n{}",
        content.replace("Current learning rate", "Something")
    );
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert!(!read.decoded.records.has(Quantity::LearningRate));
}

#[test]
fn a_rate_behind_the_losses_is_theirs() {
    let rates = |epoch: &dyn Fn(u64) -> String| -> Vec<(u64, f64)> {
        let content: String = (1..6).map(epoch).collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        let rate = |row| records.value(row, Quantity::LearningRate);
        (0..records.len())
            .filter_map(|row| Some((*records.steps().get(row)?, rate(row)?)))
            .collect()
    };
    let behind =
        |epoch| format!("Epoch {epoch}/40\nTrain loss: 0.{epoch}5\nVal loss: 0.{epoch}7\nLR: 0.00{epoch}\n");
    let all = [(1, 0.001), (2, 0.002), (3, 0.003), (4, 0.004), (5, 0.005)];
    assert_eq!(rates(&behind), all);
    let changes =
        |epoch| format!("Epoch {epoch}/40 loss: 0.{epoch}5\nUpdating learning rate to 0.00{epoch}\n");
    assert_eq!(rates(&changes)[0], (2, 0.001));
}

#[test]
fn a_loss_may_have_its_epoch_in_brackets() {
    let content: String = (1..5)
        .map(|epoch| format!("Loss (epoch {epoch}): 0.{epoch}5\n"))
        .collect();
    assert_eq!(points(&content).1, [(1, 0.15), (2, 0.25), (3, 0.35), (4, 0.45)]);
}

#[test]
fn prose_about_an_epoch_does_not_take_the_plan() {
    let rows: String = (1..=30)
        .map(|row| format!("iter {0}/5000 loss {0}.5 lr 3e-4\n", 5 * row))
        .collect();
    for prose in ["Early stopping triggered at epoch 12\n", "Finished epoch 2\n"] {
        let read = read_all(format!("{rows}{prose}").as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.total_steps, Some(5000), "{prose}");
    }
    // In the midst of the log as well.
    let content = format!("{rows}Saved best model from epoch 3\niter 155/5000 loss 2.5 lr 3e-4\n");
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.total_steps, Some(5000));
    assert_eq!(read.decoded.records.steps().last(), Some(&155));
}

#[test]
fn a_bare_counter_stands_behind_the_loggers_name() {
    let row = |step: u64| {
        let said = format!("[{step:6}] | gnorm  0.31 lr  0.000250 | loss  {}.5", step / 5000);
        format!("INFO:tensorflow:{said}\nI1212 15:10:27.449019 128529813321536 train_trans.py:298] {said}\n")
    };
    let content: String = (1..5).map(|record| row(5000 * record)).collect();
    let records = read_all(content.as_bytes(), &Names::default())
        .unwrap()
        .decoded
        .records;
    assert_eq!(records.steps(), [5000, 10_000, 15_000, 20_000]);
    assert_eq!(records.value(3, Quantity::TrainLoss), Some(4.5));
}

#[test]
fn a_scripts_own_lines() {
    let content = "2026-11-23 22:35:33,545 - INFO - train.fam-wsd - step 0/4000 | loss 4.8594 | lr 1.500e-05 | grad_norm 1.263 | attn_max 3.65 | logz 4.860 | 389 tok/s\n\
        2026-11-23 22:35:33,690 - INFO - train.fam-wsd - step 10/4000 | loss 4.7298 | lr 1.650e-04 | grad_norm 1.429 | attn_max 3.79 | logz 4.853 | 72,844 tok/s\n\
        2026-11-23 22:35:34,666 - INFO - train.fam-wsd - eval | step 10 | val_loss 4.30923 | val_ppl 3.703\n\
        2026-11-23 22:35:35,690 - INFO - train.fam-wsd - step 20/4000 | loss 4.4298 | lr 1.650e-04 | grad_norm 1.429\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!((read.format, read.decoded.total_steps), ("key-value", Some(4000)));
    let records = &read.decoded.records;
    assert_eq!(records.steps(), [0, 10, 10, 20]);
    assert_eq!(records.value(1, Quantity::TrainLoss), Some(4.7298));
    assert_eq!(records.value(1, Quantity::LogPartition), Some(4.853));
    assert_eq!(records.value(2, Quantity::EvalLoss), Some(4.30923));
    let elapsed = records.value(3, Quantity::Elapsed).unwrap() - records.value(0, Quantity::Elapsed).unwrap();
    assert!((elapsed - 2.145).abs() < 1e-6);
}

#[test]
fn the_global_counter_beats_the_local_one() {
    let content = (1..5)
        .map(|step| format!("[2026-03-17 19:18:02][Epoch 001][Step 0050/1200] global_step={} train_loss=9.4 train_ppl=13200.12 lr=0.000036\n", step * 50))
        .collect::<String>();
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps(), [50, 100, 150, 200]);
    assert_eq!(read.decoded.total_steps, None);
}

#[test]
fn the_counter_may_stand_inside() {
    let content = "2025-01-14 12:57:48.009 | INFO     | __main__:main:508 - Eval loss at step 1000: 4.184157371520996,tokens_seen: 99962688\nEval loss at step 2000: 3.7,tokens_seen: 199921040\nEval loss at step 3000: 3.5,tokens_seen: 299932842\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps(), [1000, 2000, 3000]);
    assert_eq!(
        read.decoded.records.value(0, Quantity::EvalLoss),
        Some(4.184157371520996)
    );
    assert_eq!(
        read.decoded.records.value(0, Quantity::Tokens),
        Some(99_962_688.0)
    );
}

#[test]
fn the_number_of_a_phase_is_its_epoch() {
    let content: String = (0..4)
        .map(|epoch| {
            format!(
                "Train {epoch}, loss: 2.{epoch}, train acc: 0.5\nTest {epoch}, loss: 3.{epoch}, test acc: 0.25\n"
            )
        })
        .collect();
    let (_, train, eval) = points(&content);
    assert_eq!(train, [(0, 2.0), (1, 2.1), (2, 2.2), (3, 2.3)]);
    assert_eq!(eval, [(0, 3.0), (1, 3.1), (2, 3.2), (3, 3.3)]);
    let records = read_all(content.as_bytes(), &Names::default())
        .unwrap()
        .decoded
        .records;
    assert!(
        records
            .rows()
            .all(|row| row.value(Quantity::Epoch) == Some(row.step() as f64))
    );
}

#[test]
fn a_counter_of_the_run_is_no_batch_of_an_epoch() {
    let rows = |form: &str, from: u64, to: u64| -> String {
        (from..=to)
            .map(|step| form.replace("SS", &step.to_string()) + "\n")
            .collect()
    };
    let check = |content: &str, total| {
        let (stated, train, _) = points(content);
        let steps = train.iter().map(|(step, _)| *step);
        assert!(steps.eq(1..=7), "{content}{train:?}");
        assert_eq!(stated, total, "{content}");
    };
    for form in [
        "step SS/9 | loss: 5.SS",
        "Step [SS/9] | loss: 5.SS",
        "Iteration SS/9, Loss: 5.SS",
    ] {
        check(&format!("Steps per epoch: 3\n{}", rows(form, 1, 7)), Some(9));
    }
    // An evaluation that states both.
    let form = "E00 step SS/9000 | loss: 5.SS";
    let evaluation = "Epoch   1 | Step    4 | Val loss: 7.6 (best)\n";
    let content = format!(
        "Epochs: 3000\n{}{evaluation}{}",
        rows(form, 1, 4),
        rows(form, 5, 7)
    );
    check(&content, Some(9000));
    // Below the epochs, of which the second has not come yet.
    let plan = "Epochs: 30\nSteps per epoch: 300\n";
    check(&format!("{plan}Epoch 1\n{}", rows(form, 1, 7)), Some(9000));
}

#[test]
fn epochs_are_steps_where_nothing_finer_is_counted() {
    let lines = |line: &str| -> String {
        (1..5)
            .map(|epoch| line.replace("EE", &epoch.to_string()) + "\n")
            .collect()
    };
    for (line, total, train, eval) in [
        ("Epoch EE/40, Loss: 0.EE, Val Loss: 1.EE", Some(40), 4, 4),
        ("Epoch: EE| train loss: 0.EE", None, 4, 0),
        ("  [FT] ep=EE: loss=0.EE acc=94.1%", None, 4, 0),
        (
            "Epoch 00EE |             Train Loss: 0.EE | Token Acc: 0.04 |             Val Loss: 1.EE",
            None,
            4,
            4,
        ),
        ("Epoch [EE/40] - loss=0.EE - lr=1e-3", Some(40), 4, 0),
        (
            "Epoch EE/40\n----------\ntrain Loss: 0.EE Acc: 0.5\nval Loss: 1.EE Acc: 0.6\n",
            Some(40),
            4,
            4,
        ),
        (
            "[ Train | 00EE/040 ] loss = 0.EE, acc = 0.2\n[ Valid | 00EE/040 ] loss = 1.EE, acc = 0.3",
            Some(40),
            4,
            4,
        ),
        (
            "Train EE, loss: 0.EE, train acc: 0.4\nTest EE, loss: 1.EE, test acc: 0.2",
            None,
            4,
            4,
        ),
    ] {
        let (stated, one, other) = points(&lines(line));
        assert_eq!((stated, one.len(), other.len()), (total, train, eval), "{line}");
        assert_eq!(one.last(), Some(&(4, 0.4)), "{line}");
        assert!(other.is_empty() || other.last() == Some(&(4, 1.4)), "{line}");
    }
}

#[test]
fn batches_count_on_over_epochs_and_a_whole_epoch_adds_its_evaluation() {
    let mut content = String::new();
    for epoch in 1..4 {
        for step in [100, 200] {
            content += &format!(
                "2024-01-05 17:11:51,638 reid_baseline.train INFO: Epoch[{epoch}] Iteration[{step}/200] Loss: {epoch}.{step}, Acc: 0.012, Base Lr: 3.82e-05\n"
            );
        }
        content += &format!("Epoch {epoch} done. Train Loss: {epoch}.5, Val Loss: {epoch}.25\n");
    }
    let (total, train, eval) = points(&content);
    assert_eq!(total, None);
    assert_eq!(
        train,
        [
            (100, 1.1),
            (200, 1.2),
            (300, 2.1),
            (400, 2.2),
            (500, 3.1),
            (600, 3.2)
        ]
    );
    assert_eq!(eval, [(200, 1.25), (400, 2.25), (600, 3.25)]);
    let (_, train, eval) = points(
        "epoch 1 - iter 0/4 - loss 1.2 - samples/sec: 129\nepoch 1 - iter 3/4 - loss 1.1 - samples/sec: 129\n\
         EPOCH 1 done: loss 1.15 - lr 0.1000\nDEV : loss 0.69 - score 0.71\n\
         epoch 2 - iter 0/4 - loss 1.0 - samples/sec: 129\nepoch 2 - iter 3/4 - loss 0.9\n",
    );
    assert_eq!(train, [(0, 1.2), (3, 1.1), (4, 1.0), (7, 0.9)]);
    assert_eq!(eval, [(3, 0.69)]);
}

#[test]
fn times_have_units() {
    for (time, seconds) in [
        ("564000ms", Some(564.0)),
        ("564s", Some(564.0)),
        ("9.5m", Some(570.0)),
        ("2h", Some(7200.0)),
        ("1h 30m", None),
        ("3fortnights", None),
    ] {
        let content: String = (1..5)
            .map(|step| format!("{step}000/20000 train_loss: 2.85 train_time: {time} tok/s: 6967320\n"))
            .collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let elapsed = read.decoded.records.value(3, Quantity::Elapsed);
        assert_eq!(elapsed, seconds, "{time}");
    }
}

#[test]
fn a_full_counter_that_starts_again_goes_on() {
    let mut content = String::new();
    for epoch in 0..3 {
        for batch in 1..4 {
            content += &format!("batch {batch}/3 loss: {epoch}.{batch} Batch: 2.7s\n");
        }
        content += &format!("Epoch {epoch}, Val Loss: {epoch}.75\n");
    }
    let (_, train, _) = points(&content);
    assert_eq!((train.len(), train.last()), (9, Some(&(9, 2.3))));
}

#[test]
fn a_full_counter_of_the_run_that_starts_again_is_another_training() {
    // Layouts read some of the lines, or none since each has a word of its own.
    for word in ["", "WORD"] {
        let training: String = (1..=10)
            .map(|step| {
                let own = word.repeat(step);
                format!("step {step}0/100 loss: {step}.5 {own}\n")
            })
            .collect();
        let (total, train, _) = points(&training.repeat(2));
        let steps: Vec<u64> = train.iter().map(|(step, _)| *step).collect();
        assert_eq!(total, Some(100));
        assert_eq!(steps, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100].repeat(2));
    }
}

#[test]
fn the_options_of_an_optimizer_are_no_records() {
    let mut content = "PolyWarmupAdamW (\n".to_owned();
    for (group, rate) in ["6e-05", "0.0", "0.0006000000000000001", "0.0006000000000000001"]
        .iter()
        .enumerate()
    {
        content += &format!(
            "Parameter Group {group}\n    amsgrad: False\n    eps: 1e-08\n    lr: {rate}\n    weight_decay: 0.01\n\n"
        );
    }
    content += ")\n";
    for step in 1..9 {
        content += &format!(
            "2021-10-29 10:03:13,704 - train.py - INFO: Iter: {step}00; Elasped: 0:04:32; LR: {step}.0e-06; cls_loss: 0.{step}607\n"
        );
    }
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let records = &read.decoded.records;
    assert_eq!(records.len(), 8);
    assert_eq!(records.value(0, Quantity::LearningRate), Some(1e-6));
}

#[test]
fn the_sum_over_an_epoch_is_no_point_of_the_loss_of_iterations() {
    let mut content = String::new();
    for step in 0..40 {
        content += &format!("DLL - Iteration {step} | train_acc : 0.42 % | train_loss : 2.{step:02}\n");
    }
    content += "DLL - train epoch 000 | train_acc : 0.69 % | train_time : 0:04:15 | train_loss : 2268.8\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!((read.format, read.decoded.records.len()), ("key-value", 40));
    assert_eq!(read.decoded.records.steps().last(), Some(&39));
}

#[test]
fn a_counter_behind_the_epoch_needs_no_name() {
    for line in [
        "Epoch EE[BB/300]: loss:0.71410, lr:0.001",
        "Epoch: [EE/9], (BB/300) loss 0.71410",
    ] {
        let lines = (1..4).flat_map(|epoch| [100, 200].map(|batch| (epoch, batch)));
        let content: String = lines
            .map(|(epoch, batch)| {
                line.replace("EE", &format!("{epoch}"))
                    .replace("BB", &format!("{batch}"))
                    + "\n"
            })
            .collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(
            read.decoded.records.steps(),
            [100, 200, 400, 500, 700, 800],
            "{line}"
        );
    }
}

#[test]
fn batches_that_nobody_counts_are_counted() {
    let mut content = String::new();
    for epoch in 1..4 {
        for batch in 10..40 {
            content +=
                &format!("2025-03-02 05:16:20,962 - INFO - Epoch {epoch} - Batch loss: {epoch}.{batch}\n");
        }
        content += &format!("2025-03-02 05:17:20,962 - INFO - Epoch {epoch} - Average Train Loss: 9.5\n");
        content += &format!("2025-03-02 05:18:20,962 - INFO - Epoch {epoch} - Validation loss: {epoch}.5\n");
    }
    let (_, train, eval) = points(&content);
    assert_eq!((train.len(), train.last()), (90, Some(&(90, 3.39))));
    assert_eq!(eval, [(30, 1.5), (60, 2.5), (90, 3.5)]);
}

#[test]
fn batches_count_on_over_epochs_that_are_told_behind_them() {
    let read = |epochs: u64, batches: &[u64], counter: &str, end: &str| {
        let mut content = String::new();
        for epoch in 1..=epochs {
            for batch in batches {
                content += &format!("{counter} {batch}/150, loss=3.{epoch}{batch}\n");
            }
            content += &(end.replace("EE", &epoch.to_string()) + "\n");
        }
        let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
        let mut steps: Vec<u64> = decoded.records.steps().to_vec();
        steps.dedup();
        (steps, decoded.total_steps)
    };
    let end = "Epoch [EE/30], Train Loss: 3.EE, Val Loss: 3.1";
    let steps = vec![50, 150, 200, 300, 350, 450];
    assert_eq!(read(3, &[50, 150], "Batch", end), (steps, Some(4500)));
    // The counter never shows that it is full, or does not even fall.
    let end = "Epoch EE completed in 32.1s";
    let steps = vec![0, 100, 150, 250, 300, 400];
    assert_eq!(read(3, &[0, 100], "Batch", end), (steps, None));
    let end = "Epoch EE: loss=3.7238, acc=0.1231, lr=0.10000\n  Best so far: epoch 1, acc 37.68%";
    assert_eq!(read(4, &[100], "  step", end), (vec![100, 250, 400, 550], None));
    // Layouts have read all but the first batch.
    let round = |epoch: u64, batches: &[u64]| -> String {
        let lines = batches
            .iter()
            .map(|batch| format!("step {batch}/100 loss: 3.{batch}\n"));
        lines.collect::<String>() + &format!("Epoch {epoch} completed in 32.1s\n")
    };
    let (_, train, _) = points(&(round(1, &[1, 50, 100]) + &round(2, &[50, 100])));
    let steps: Vec<u64> = train.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [1, 50, 100, 150, 200]);
    // A batch is none of the run, though nothing tells yet of an epoch.
    let (steps, total) = read(1, &[50, 100, 150], "Batch", "");
    assert_eq!((steps, total), (vec![50, 100, 150], None));
    // What goes on over epochs counts the run.
    let iterations: String = (1..9)
        .map(|iteration| format!("iter {iteration}/50 loss 3.{iteration}\nEpoch {iteration} took 3 s\n"))
        .collect();
    let decoded = read_all(iterations.as_bytes(), &Names::default())
        .unwrap()
        .decoded;
    assert_eq!((decoded.total_steps, decoded.records.len()), (Some(50), 8));
    assert!(decoded.records.steps().iter().copied().eq(1..9));
}

#[test]
fn another_training_begins_behind_the_last_epoch_of_the_one_before() {
    for line in ["step NN loss 2.NN", "iter NN/30, loss: 2.NN"] {
        let epoch = |epoch: u64| -> String {
            let batches = [10, 20, 30].map(|batch| line.replace("NN", &batch.to_string()) + "\n");
            batches.concat() + &format!("Epoch {epoch} val loss 2.{epoch}\n")
        };
        // Those of a cross-validation stop early.
        let trainings = [3, 1, 1, 2, 3];
        let content = trainings.map(|epochs| (1..=epochs).map(epoch).collect::<String>());
        let (_, train, eval) = points(&content.concat());
        let steps = trainings.map(|epochs| (1..=3 * epochs).map(|step| 10 * step).collect::<Vec<u64>>());
        let read: Vec<u64> = train.iter().map(|(step, _)| *step).collect();
        assert_eq!(read, steps.concat(), "{line}");
        assert_eq!(eval.iter().map(|(step, _)| *step).max(), Some(90));
    }
}

#[test]
fn a_line_without_the_number_of_epochs_is_no_heading_below_one_with_it() {
    let content: String = (1..=5)
        .map(|epoch| {
            format!(
                "Epoch {epoch}/5\nEpoch 0000{}: val_acc did not improve\n294s - loss: 2.{epoch} - val_loss: 2.2\n",
                epoch - 1
            )
        })
        .collect();
    let (total, train, _) = points(&content);
    assert_eq!((total, train.len(), train.last()), (Some(5), 5, Some(&(5, 2.5))));
}

#[test]
fn bars_tell_how_many_epochs_there_are_and_the_rate() {
    let epoch = |epoch: u64| {
        format!(
            "Epoch {epoch}/5:  70%|###  | 350/500 [00:35<00:15, 10.11it/s, loss=0.7, lr=0.00{epoch}]\nEpoch {epoch}: train loss 2.{epoch} val loss 3.{epoch}\n"
        )
    };
    let content: String = (1..5).map(epoch).collect();
    let (total, train, eval) = points(&content);
    assert_eq!((total, train[3], eval[3]), (Some(5), (4, 2.4), (4, 3.4)));
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let records = &read.decoded.records;
    let rates = records.values(Quantity::LearningRate, 0..records.len()).1;
    assert_eq!(rates[..], [1e-3, 2e-3, 3e-3, 4e-3]);
}

#[test]
fn totals_may_be_told_in_words() {
    for line in [
        "Epoch NN of 40 | train loss 2.NN | val loss 3.NN",
        "Epoch NN from 40: loss 2.NN",
        "Epoch: [NN | 40] loss 2.NN",
        "Epoch (NN/40): train loss 2.NN",
        "Эпоха NN из 40, loss: 2.NN",
        "[0:09:NN<0:07:00] NN/40  58.0% loss=2.NN",
    ] {
        let content: String = (11..15)
            .map(|at| line.replace("NN", &at.to_string()) + "\n")
            .collect();
        let (total, train, _) = points(&content);
        assert_eq!((total, train.last()), (Some(40), Some(&(14, 2.14))), "{line}");
    }
    let (_, train, _) = points(
        &(11..15)
            .map(|at| format!("itr {at} loss 2.{at}\n"))
            .collect::<String>(),
    );
    assert_eq!(train.last(), Some(&(14, 2.14)));
}

#[test]
fn schedulers_of_pytorch_tell_the_rate_of_the_next_epoch() {
    let epoch = |epoch: u64| {
        format!(
            "Epoch {epoch}/40 train loss 2.{epoch} val loss 3.{epoch}\nAdjusting learning rate of group 0 to {epoch}.0000e-03.\n"
        )
    };
    let content: String = (1..6).map(epoch).collect();
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let records = &read.decoded.records;
    let rates = records.values(Quantity::LearningRate, 0..records.len()).1;
    assert_eq!(rates[..], [1e-3, 2e-3, 3e-3, 4e-3]);
}

#[test]
fn the_size_of_a_batch_is_no_counter() {
    let line = |step| format!("[{step:06}/50000] X4K    | loss 0.0488 | VRAM 9.8/15.9GB (62%) | batch 16\n");
    let content: String = [0, 500, 1000, 1500].map(line).concat();
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps(), [0, 500, 1000, 1500]);
    assert_eq!(read.decoded.total_steps, Some(50_000));
}

#[test]
fn a_counter_that_begins_the_line_needs_no_name() {
    for line in [
        "NN/20000 train_loss: 2.NN train_time: 0.8m tok/s: 8216992\nNN/20000 val_loss: 2.NN val_bpb: 1.1101",
        "[NN/20000] train loss 2.NN\n[NN/20000] val loss 2.NN",
        "1776142767.NN NN/20000 train_loss: 2.NN train_time: 0.8m\n1776142767.NN NN/20000 val_loss: 2.NN val_bpb: 1.1101",
    ] {
        let mut content: String = (10..15)
            .map(|step| line.replace("NN", &step.to_string()) + "\n")
            .collect();
        content += "diagnostic quantized val_loss:9.35058660 val_bpb:1.07405660 eval_time:63234ms\n";
        let (total, train, eval) = points(&content);
        assert_eq!((total, train.len(), eval.len()), (Some(20_000), 5, 5), "{line}");
        assert_eq!((train[0], eval[4]), ((10, 2.1), (14, 2.14)), "{line}");
    }
    let dated: String = (10..15)
        .map(|minute| format!("11/26 10:{minute}:00 loss: 2.{minute}\n"))
        .collect();
    assert!(read_all(dated.as_bytes(), &Names::default()).is_err());
    let ranked: String = (10..15).map(|at| format!("[0/8] loss: 2.{at}\n")).collect();
    assert!(read_all(ranked.as_bytes(), &Names::default()).is_err());
}

#[test]
fn a_counter_that_goes_beyond_its_total_counts_on() {
    let line = |step: u64| format!("[{step:>6}/1000  ] loss=5.{step} lr=0.002000 gnorm=15.16\n");
    let content: String = (1..40).map(|at| line(at * 50)).collect();
    let (_, train, _) = points(&content);
    assert_eq!((train.len(), train.last()), (39, Some(&(1950, 5.195))));
}

#[test]
fn counters_of_tutorials_stand_without_a_name() {
    let pairs: String = (0..8)
        .map(|at| format!("[{}, {:5}] loss: 2.{at}\n", at / 4 + 1, (at % 4 + 1) * 2000))
        .collect();
    let (_, train, _) = points(&pairs);
    assert_eq!((train[3], train[4]), ((8000, 2.3), (10_000, 2.4)));
    let behind: String = (0..8)
        .map(|at| {
            let heading = if at % 4 == 0 {
                format!("Epoch {}\n-------\n", at / 4 + 1)
            } else {
                String::new()
            };
            format!("{heading}loss: 2.{at}00000  [{:5}/60000]\n", (at % 4) * 6400)
        })
        .collect();
    let (_, train, _) = points(&behind);
    assert_eq!((train[3], train[4]), ((19_200, 2.3), (60_000, 2.4)));
    let alone: String = (0..8).map(|at| format!("[{}] loss: 2.{at}\n", at * 10)).collect();
    assert_eq!(points(&alone).1[7], (70, 2.7));
}

#[test]
fn what_is_measured_by_the_step_is_no_counter() {
    for line in [
        "Step NN | Loss: 2.NN | Compression Ratio: 0.51 | Time per step: 0.310s",
        "[Step NN] | Loss: 2.NN | LR : 0.00001 | Duration for 1 Step: 3.21 sec",
        "step NN loss 2.NN Avg Step: 3.2",
        "step: NN, loss: 2.NN, tokens per step 524288",
        "step: NN | loss: 2.NN | last ckpt step: 5",
        "iter: NN | loss: 2.NN | grad step: 5",
        "Epoch... (1/10 | Step: NN | Loss: 2.NN | Learning Rate: 0.0001 | Time per step: 0.31)",
    ] {
        let content: String = (10..20)
            .map(|step| line.replace("NN", &step.to_string()) + "\n")
            .collect();
        let (_, train, _) = points(&content);
        assert_eq!((train.len(), train[9]), (10, (19, 2.19)), "{line}");
    }
    // The counter of the run goes before that within an epoch, whatever stands before its name.
    for line in [
        "Iter: KK Total step: NN loss: 2.NN",
        "Batch KK | loss 2.NN | overall step NN",
        "[batch KK] loss 2.NN cumulative step: NN",
    ] {
        let content: String = (10..40)
            .map(|step| {
                let within = (step % 10).to_string();
                line.replace("NN", &step.to_string()).replace("KK", &within) + "\n"
            })
            .collect();
        let (_, train, _) = points(&content);
        assert_eq!((train.len(), train[29]), (30, (39, 2.39)), "{line}");
    }
}

#[test]
fn the_plural_counts_epochs_where_it_changes() {
    for line in [
        "Epochs: NN | Train Loss: TT | Train Accuracy: AA | Val Loss: VV | Val Accuracy: AA",
        "\u{1b}[33mEpochs: \u{1b}[37mNN/40\u{1b}[0m Loss: \u{1b}[37mTT\u{1b}[0m Val_Loss: VV",
    ] {
        assert_eq!(last_of(line), BOTH, "{line}");
    }
    let content = format!("Epochs: 200\n{}", falling("Epoch NN loss TT"));
    assert_eq!(points(&content).1.len(), 6);
    // Of how many epochs a run is makes no step, nor do those of several runs.
    for plan in [["5", "5", "5"], ["5", "10", "20"], ["3", "2", "1"]] {
        let rows = plan.iter().zip(1..);
        let content: String = rows
            .map(|(epochs, at)| format!("Epochs: {epochs} | Train Loss: 0.{at}\n"))
            .collect();
        assert!(
            read_all(content.as_bytes(), &Names::default()).is_err(),
            "{content}"
        );
    }
}

#[test]
fn epochs_are_written_in_many_ways() {
    for line in [
        "Epoch (NN/40): loss TT val_loss VV",
        "Epoch-NN loss TT val_loss VV",
        "Epoch_NN loss TT val_loss VV",
        "ep00NN loss=TT val_loss=VV",
        "[Ep. NN/40] loss TT val_loss VV",
        "Epoch No.: NN loss TT val_loss VV",
        "Epoch number NN loss TT val_loss VV",
    ] {
        assert_eq!(last_of(line), BOTH, "{line}");
    }
    // In the names of files they count nothing.
    let line = "Epoch NN loss TT val_loss VV\nsaved ckpt/epoch_3 model_ep-3 of step-7 loss";
    assert_eq!(last_of(line), BOTH);
}

#[test]
fn a_counter_of_another_name_counts_where_it_stands_alone() {
    let mut content: String = (1..9)
        .map(|line| format!("INFO:tensorflow:loss = 1.{line}, step = {line}00 (162.563 sec)\n"))
        .collect();
    content +=
        "INFO:tensorflow:Saving dict for global step 800: eval_loss = 0.7, global_step = 800, loss = 0.72\n";
    let (_, train, eval) = points(&content);
    assert_eq!((train.len(), train.last()), (8, Some(&(800, 1.8))));
    assert_eq!(eval, [(800, 0.72)]);
}

#[test]
fn a_counter_that_goes_on_over_epochs_is_the_step() {
    let content: String = (1..20)
        .map(|step| {
            format!(
                "[TRAIN] epoch: {}, iter: {}/120000, loss: 2.6943, lr: 0.001, ETA 1:02:03\n",
                1 + step / 7,
                step * 50
            )
        })
        .collect();
    let (total, train, _) = points(&content);
    assert_eq!((total, train.len()), (Some(120_000), 19));
    assert_eq!(train.last(), Some(&(950, 2.6943)));
}

#[test]
fn a_counter_in_lines_of_no_use_takes_no_other_counters_place() {
    let content: String = (1..6)
        .map(|step| format!("[Step {step}/100] Loss: 5.{step} | Tokens/s: 378.7\n[timer.py:264:stop] epoch=0/micro_step={step}/global_step={step}, RunningAvgSamplesPerSec=6.7\n"))
        .collect();
    let (total, train, _) = points(&content);
    assert_eq!((total, train.len(), train[0]), (Some(100), 5, (1, 5.1)));
}

#[test]
fn prose_and_source_are_no_logs() {
    for text in [
        "In step 3 we found a loss of 2.5 euros.\nThen came step 1.\n",
        "print(f\"step {step} loss {loss:.4f}\")\nfor step in range(10):\n    loss = 0\n",
        "usage: train.py [-h] [--max_steps 100] [--loss 3]\n",
    ] {
        assert!(read_all(text.as_bytes(), &Names::default()).is_err(), "{text}");
    }
}

/// Twelve batches of three epochs each, and the line behind them.
fn footed(batch: &str, foot: &str) -> (Option<u64>, Vec<u64>, Points) {
    let epoch = |epoch: u64| {
        let batches: String = (1..=10)
            .map(|part: u64| batch.replace("NN", &(50 * part).to_string()) + &format!(" {}.5\n", 9 - epoch))
            .collect();
        batches + &foot.replace("EE", &epoch.to_string())
    };
    let content: String = (1..4).map(epoch).collect();
    let (total, train, eval) = points(&content);
    (total, train.into_iter().map(|(step, _)| step).collect(), eval)
}

#[test]
fn a_line_behind_the_batches_of_an_epoch_tells_which_it_was() {
    let steps: Vec<u64> = (1..=30).map(|part| 50 * part).collect();
    let expected: Points = vec![(500, 1.1), (1000, 1.2), (1500, 1.3)];
    let foot = "Epoch EE: train loss 1.2, val loss 1.EE\n";
    for batch in ["Batch NN, Loss:", "[NN/500] loss:", "[NN] loss:"] {
        let (total, train, eval) = footed(batch, foot);
        assert_eq!(
            (total, train, eval),
            (None, steps.clone(), expected.clone()),
            "{batch}"
        );
    }
    let (total, train, _) = footed("  Step NN, Loss:", "Epoch EE/40, Avg Loss: 1.2\n");
    assert_eq!((total, train), (Some(40 * 500), steps));
    // A counter of the run goes on behind such a line.
    let content: String = (1..9)
        .map(|part: u64| {
            let foot = if part.is_multiple_of(2) {
                "Epoch 1: val loss 1.2\n"
            } else {
                ""
            };
            format!("Step {} loss {}.5\n{foot}", 50 * part, 9 - part)
        })
        .collect();
    let (_, train, _) = points(&(content.clone() + &content));
    assert_eq!(train.last().map(|(step, _)| *step), Some(400));
}

#[test]
fn lines_that_are_drawn_again_count_by_the_batch_and_not_by_rounded_thousands() {
    // Tacotron of Real-Time-Voice-Cloning, WaveRNN.
    let lines = |epoch: u64| -> String {
        let line = |batch: u64| {
            let step = 500 * (epoch - 1) + batch;
            let loss = 9 - step / 200;
            format!(
                "\r{{| Epoch: {epoch}/3 ({batch}/500) | Loss: {loss}.5 | 1.2 steps/s | Step: {}k | }}",
                step / 1000
            )
        };
        (1..=500).map(line).collect()
    };
    let content: String = (1..=3).map(lines).collect();
    let (total, train, _) = points(&(content + "\n"));
    assert_eq!(total, Some(1500));
    assert!(train.into_iter().map(|(step, _)| step).eq(1..=1500));
}

#[test]
fn batches_of_held_out_data_may_count_anew_within_the_epoch() {
    let epoch = |epoch: u64| {
        let batches: String = (0..10)
            .map(|part: u64| {
                format!(
                    "[GPU0] Epoch {epoch} | Iter {} | Train Loss {}.{part}\n",
                    100 * part,
                    9 - epoch
                )
            })
            .collect();
        batches + &format!("[GPU0] Epoch {epoch} | Iter 0 | Eval Loss 1.{epoch}\n")
    };
    let content: String = (1..4).map(epoch).collect();
    let (_, train, eval) = points(&content);
    let steps: Vec<u64> = train.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, (0..30).map(|part| 100 * part).collect::<Vec<u64>>());
    assert_eq!(eval, [(900, 1.1), (1900, 1.2), (2900, 1.3)]);
}

#[test]
fn numbers_that_grow_at_the_beginning_of_the_lines_count_steps() {
    for (line, total) in [
        ("[NN | 12.34] loss=LL avg=2.10", None),
        (
            "I1130 08:00:00.123 139 train_gpu.py:312] [NN] | gnorm 1.2 lr 0.000060 | loss LL | pplx  9.1",
            None,
        ),
        (
            "I1130 08:00:00.123 139 utils.py:512] \x1b[35m[NN]\x1b[0m training_loss = LL",
            None,
        ),
        (
            "I20261130 08:00:08 12321 dinov2 helpers.py:103] Training  [    NN/5000]  eta: 1:06:32  lr: 0.0004 \
             (0.0004)  total_loss: LL (7.6)",
            Some(5000),
        ),
        ("NN: loss: LL", None),
        ("[proc 0][Train](NN/5000) average loss: LL", Some(5000)),
    ] {
        let row = |part: u64| {
            line.replace("NN", &(100 * part).to_string())
                .replace("LL", &format!("{}.5", 20 - part))
                + "\n"
        };
        let content: String = (1..=12).map(row).collect();
        let (planned, train, _) = points(&content);
        let expected: Points = (1..=12).map(|part| (100 * part, 20.5 - part as f64)).collect();
        assert_eq!((planned, train), (total, expected), "{line}");
    }
    // Labels of ranks come again.
    let ranks: String = (0..40)
        .map(|line| format!("{}: loss: {}.5\n", line % 8, 50 - line))
        .collect();
    let read = read_all(ranks.as_bytes(), &Names::default());
    assert!(read.map_or(true, |read| read.format != "key-value"));
}

#[test]
fn an_epoch_stands_before_a_colon_in_the_brackets_of_its_batch() {
    let batch = |at: u64| {
        let (epoch, batch) = (at / 4, at % 4 * 100);
        let test = format!("[{epoch}: {batch}/400] \x1b[94mtest\x1b[0m loss: {at}.7 accuracy: 0.5\n");
        let train = format!("[{epoch}: {batch}/400] train loss: {}.5 accuracy: 0.5\n", 20 - at);
        if batch == 0 { train + &test } else { train }
    };
    let content: String = (0..12).map(batch).collect();
    let (_, train, eval) = points(&content);
    assert!(
        train
            .into_iter()
            .map(|(step, _)| step)
            .eq((0..12).map(|at| 100 * at))
    );
    assert_eq!(eval, [(0, 0.7), (400, 4.7), (800, 8.7)]);
}

#[test]
fn clocks_beside_batches_are_no_records_of_the_training() {
    // The BERT tutorial of Chris McCormick.
    let epoch = |epoch: u64| {
        format!(
            "======== Epoch {epoch} / 4 ========\nTraining...\n  Batch    40  of    241.    Elapsed: 0:00:10.\n  \
             Batch   240  of    241.    Elapsed: 0:01:00.\n\n  Average training loss: 0.{}0\n  Training epcoh \
             took: 0:00:53\n\nRunning Validation...\n  Accuracy: 0.86\n  Validation Loss: 0.{}5\n  Validation \
             took: 0:00:02\n",
            9 - epoch,
            9 - epoch
        )
    };
    let content: String = (1..5).map(epoch).collect();
    let (total, train, eval) = points(&content);
    assert_eq!(total, Some(4));
    assert_eq!(train, [(1, 0.8), (2, 0.7), (3, 0.6), (4, 0.5)]);
    assert_eq!(eval, [(1, 0.85), (2, 0.75), (3, 0.65), (4, 0.55)]);
}

#[test]
fn parts_of_epochs_beside_a_counter_are_no_epochs() {
    let lines = |epoch: &dyn Fn(u64) -> String| {
        let line = |part: u64| {
            format!(
                "{}/5000 (epoch {}), train_loss = {}.5, time/batch = 0.21s\n",
                100 * part,
                epoch(part),
                40 - part
            )
        };
        let content: String = (1..=30).map(line).collect();
        let (total, train, _) = points(&content);
        let steps: Vec<u64> = train.into_iter().map(|(step, _)| step).collect();
        (total, steps)
    };
    let expected: (Option<u64>, Vec<u64>) = (Some(5000), (1..=30).map(|part| 100 * part).collect());
    assert_eq!(lines(&|part| format!("{}.{}00", part / 10, part % 10)), expected);
    assert_eq!(lines(&|part| (part / 10).to_string()), expected);
}

#[test]
fn a_heading_tells_how_many_epochs_there_are_for_the_lines_below_it() {
    let content: String = (1..6)
        .map(|epoch| format!("epoch {epoch}/40\nepoch {epoch} average loss: {}.5\n", 9 - epoch))
        .collect();
    assert_eq!(points(&content).0, Some(40));
    // What stands there counts within an epoch, whose length the second one shows.
    let content: String = (1..4)
        .flat_map(|epoch| {
            let losses = (1..=10).map(move |part| format!("iter {}: loss {epoch}.5\n", 50 * part));
            let evaluation = format!("Validation loss: {}.7\n", 9 - epoch);
            std::iter::once(format!("Epoch {epoch}/40\n"))
                .chain(losses)
                .chain([evaluation])
        })
        .collect();
    let (total, train, eval) = points(&content);
    assert_eq!(
        (total, train.last().map(|(step, _)| *step)),
        (Some(20_000), Some(1500))
    );
    assert_eq!(eval, [(500, 8.7), (1000, 7.7), (1500, 6.7)]);
}

#[test]
fn a_loss_may_have_its_epoch_and_iteration_before_its_value() {
    let line = |at: u64| {
        let (epoch, iteration) = (1 + at / 10, 50 * (at % 10) + 49);
        format!(
            "loss in epoch {epoch} iteration {iteration}: {}.206979484505532\n",
            40 - at
        )
    };
    let content: String = (0..30).map(line).collect();
    let (_, train, _) = points(&content);
    assert!(
        train
            .into_iter()
            .map(|(step, _)| step)
            .eq((0..30).map(|at| 50 * at + 49))
    );
    let content: String = (1..5)
        .map(|epoch| format!("loss in epoch {epoch}: 0.{epoch}5\n"))
        .collect();
    assert_eq!(points(&content).1, [(1, 0.15), (2, 0.25), (3, 0.35), (4, 0.45)]);
}

#[test]
fn an_arrow_stands_before_the_rate_of_what_follows() {
    let epoch = |epoch: u64| {
        let rates = (9 - epoch, 8 - epoch);
        format!(
            "Epoch {epoch} | Train Loss: 0.{}5\nLearning rate: 0.00{} -> 0.00{}\n",
            9 - epoch,
            rates.0,
            rates.1
        )
    };
    let content: String = (1..6).map(epoch).collect();
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let rates: Vec<(u64, f64)> = read.decoded.records.points(Quantity::LearningRate).collect();
    assert_eq!(rates, [(2, 0.007), (3, 0.006), (4, 0.005), (5, 0.004)]);
}

#[test]
fn every_other_batch_counted_from_one_makes_no_longer_epoch() {
    let lines: String = (1..=5)
        .flat_map(|epoch| (1..10).step_by(2).map(move |batch| (epoch, batch)))
        .map(|(epoch, batch)| format!("Epoch {epoch} Batch {batch} Loss {}.5\n", 9 - epoch))
        .collect();
    let (_, train, _) = points(&lines);
    assert_eq!((train.len(), train.last()), (25, Some(&(45, 4.5))));
}
