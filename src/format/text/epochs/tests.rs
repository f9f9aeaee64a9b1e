use super::{EpochGrammar, Fields, Grammar, METRIC_LOGGER};
use crate::format::{Sample, read_all};
use crate::metric::{Names, Quantity};

#[test]
fn supcontrast_counts_epochs_from_one() {
    let content = "Train: [1][50/100]\tBT 0.321 (0.331)\tDT 0.012 (0.021)\tloss 6.5 (6.5)\n\
            Train: [1][100/100]\tBT 0.321 (0.331)\tDT 0.012 (0.021)\tloss 6.25 (6.4)\nepoch 1, total time 12.12\n\
            Train: [2][50/100]\tBT 0.321 (0.331)\tDT 0.012 (0.021)\tloss 6.0 (6.0)\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let points: Vec<_> = read.decoded.records.points(Quantity::TrainLoss).collect();
    assert_eq!(
        (read.format, points),
        ("supcontrast", vec![(50, 6.5), (100, 6.25), (150, 6.0)])
    );
}

#[test]
fn the_first_recipes_of_icefall_evaluate_in_parts() {
    let content = "INFO [train.py:584] (0/4) Epoch 0, batch 0, batch avg mmi loss 7.25, batch avg loss 7.5, total avg loss: 7.4410, batch size: 12\n\
            INFO [train.py:584] (0/4) Epoch 0, batch 50, batch avg mmi loss 6.25, batch avg loss 6.5, total avg loss: 7.0547, batch size: 12\n\
            INFO [train.py:644] (0/4) Epoch 0, valid mmi loss 5.25,valid att loss 6.25,valid loss 5.5, best valid loss: 4.5 best valid epoch: 0\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let points: Vec<_> = read.decoded.records.points(Quantity::EvalLoss).collect();
    assert_eq!((read.format, points), ("icefall", vec![(50, 5.5)]));
}

#[test]
fn wenet_puts_the_epoch_before_the_batch() {
    for (of, info) in [
        ("", "Epoch 0 CV info cv_loss 4.25"),
        (
            "| steps/sec 3.1| ",
            "Epoch 0 Step 200 CV info lr 1.0e-03 cv_loss 4.25 rank 0 acc 0.1",
        ),
        ("", "Epoch 0 Step 200 CV info lr 0.001 0 rank loss 4.25 acc 0.1"),
    ] {
        let content = format!(
            "DEBUG TRAIN {of}Batch 0/100 loss 6.5 loss_att 5.5 lr 0.00099 rank 0\nDEBUG TRAIN {of}Batch 0/200 loss 5.5 loss_att 4.5 lr 0.00098 rank 0\n\
                 DEBUG CV {of}Batch 0/100 loss 9.5 history loss 9.25 rank 0\nINFO {info}\n\
                 DEBUG TRAIN {of}Batch 1/100 loss 4.5 loss_att 3.5 lr 0.00097 rank 0\nDEBUG TRAIN {of}Batch 1/200 loss 4.0 loss_att 3.0 lr 0.00096 rank 0\n"
        );
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        let points = |quantity| records.points(quantity).collect::<Vec<_>>();
        assert_eq!((read.format, read.decoded.total_steps), ("wenet", None), "{info}");
        assert_eq!(
            points(Quantity::TrainLoss),
            [(100, 6.5), (200, 5.5), (300, 4.5), (400, 4.0)],
            "{info}"
        );
        assert_eq!(points(Quantity::EvalLoss), [(200, 4.25)], "{info}");
    }
}

#[test]
fn open_clip_evaluates_behind_an_epoch() {
    let content = "Train Epoch: 0 [   64/128 (50%)]\tLoss: 4.5\tLR: 0.0005\nTrain Epoch: 0 [  128/128 (100%)]\tLoss: 4.25\tLR: 0.0004\n\
            Eval Epoch: 1 [64 / 128]\tClip Loss: 9.5\n\
            Eval Epoch: 1 image_to_text_mean_rank: 12.1121\timage_to_text_R@1: 0.4321\tclip_val_loss: 4.75\tepoch: 1.0000\tnum_samples: 128.0000\n\
            Train Epoch: 1 [   64/128 (50%)]\tLoss: 4.0\tLR: 0.0003\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let points: Vec<_> = read.decoded.records.points(Quantity::EvalLoss).collect();
    assert_eq!((read.format, points), ("pytorch-example", vec![(128, 4.75)]));
}

#[test]
fn the_test_set_of_the_example_is_an_evaluation() {
    for result in [
        "\nTest set: Average loss: 0.2013, Accuracy: 9396/10000 (94%)\n",
        "====> Epoch: 1 Average loss: 2.25\n====> Test set loss: 0.2013",
    ] {
        let content = format!(
            "Train Epoch: 1 [0/60000 (0%)]\tLoss: 2.300039\nTrain Epoch: 1 [640/60000 (1%)]\tLoss: 2.213470\n{result}\nTrain Epoch: 2 [0/60000 (0%)]\tLoss: 0.2\n"
        );
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!(
            (read.format, records.steps()),
            ("pytorch-example", &[0, 640, 640, 60_000][..])
        );
        assert_eq!(records.value(2, Quantity::EvalLoss), Some(0.2013));
    }
}

#[test]
fn evaluations_of_the_metric_logger() {
    let epoch = "Epoch: [0]  [0/10]  eta: 1:22:16  lr: 0.1  loss: 7.5 (7.1)\nEpoch: [0]  [9/10]  eta: 0:00:01  lr: 0.1  loss: 6.5 (7.0)\n";
    for result in [
        "* Acc@1 1.434 Acc@5 5.468 loss 6.25\n",
        "Averaged stats: lr: 0.1  loss: 6.6 (7.5)\nTest:  [0/4]  eta: 0:00:01  loss: 6.0 (6.0)\nAveraged stats: class_error: 100.00  loss: 6.5 (6.25)  loss_ce: 1.5 (1.25)\n",
    ] {
        let read = read_all(format!("{epoch}{result}").as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!((read.format, records.steps()), ("metric-logger", &[0, 9, 9][..]));
        assert_eq!(records.value(2, Quantity::EvalLoss), Some(6.25));
    }
}

#[test]
fn a_pass_over_held_out_data_that_is_going_on_is_no_evaluation() {
    // One line of training, and ten of the first evaluation, whose parts have names of their own.
    let test = |batch: u32| {
        format!(
            "Test:  [{batch:3}/483]  eta: 0:13:07  class_error: 100.00  loss: 48.25 (48.5)  loss_ce: 4.75 (4.5)  time: 1.63  max mem: 5209\n"
        )
    };
    let content = "Epoch: [0]  [   0/1154]  eta: 0:26:39  lr: 0.000100  class_error: 88.89  loss: 41.75 (41.75)  loss_ce: 4.25 (4.25)  time: 1.38  data: 0.63  max mem: 1925\n"
        .to_owned()
        + &(0..10).map(|tens| test(10 * tens)).collect::<String>();
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let points = |quantity| read.decoded.records.points(quantity).collect::<Vec<_>>();
    assert_eq!(
        (read.format, points(Quantity::TrainLoss)),
        ("metric-logger", vec![(0, 41.75)])
    );
    assert!(points(Quantity::EvalLoss).is_empty());
}

#[test]
fn gnmt_counts_the_loss_of_a_token() {
    let batch = |data: &str, epoch: u32, batch: u32, of: u32, loss: f64| {
        format!(
            "0: {data} [{epoch}][{batch}/{of}]\tTime 0.144 (0.162)\tData 2.20e-04 (2.48e-02)\tTok/s 102633 (92412)\tLoss/tok {loss} (9.5)\tLR 3.607e-05\n"
        )
    };
    let content = batch("TRAIN", 0, 0, 20, 10.5)
        + &batch("TRAIN", 0, 10, 20, 9.5)
        + &batch("VALIDATION", 0, 0, 2, 9.25)
        + "0: Summary: Epoch: 0\tTraining Loss: 9.7512\tValidation Loss: 9.25\tTest BLEU: 1.12\n"
        + &batch("TRAIN", 1, 0, 20, 9.0);
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let records = &read.decoded.records;
    let points = |quantity| records.points(quantity).collect::<Vec<_>>();
    assert_eq!(
        (read.format, points(Quantity::TrainLoss)),
        ("gnmt", vec![(0, 10.5), (10, 9.5), (20, 9.0)])
    );
    assert_eq!(points(Quantity::EvalLoss), [(10, 9.25)]);
    let rates: Vec<_> = records.points(Quantity::LearningRate).collect();
    assert_eq!(rates.last(), Some(&(20, 3.607e-5)));
}

#[test]
fn lavis_tells_the_length_of_an_epoch_in_the_first_one() {
    let line = |batch: u64| {
        format!(
            "Train: data epoch: [0]  [{batch:3}/250]  eta: 0:12:54  lr: 0.000002  loss: 4.5  time: 3.7  data: 0.0\n"
        )
    };
    let content = format!(
        "Run config :  {{'task': 'videoqa', 'max_epoch': 10, 'batch_size_train': 1}}\n{}",
        [0, 50, 100].map(line).concat()
    );
    let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
    assert_eq!(decoded.records.steps(), [0, 50, 100]);
    let mut hints = decoded.hints.clone();
    decoded
        .restated
        .iter()
        .for_each(|(_, stated)| hints.merge(stated));
    assert_eq!(hints.counted_steps(), Some(2500));
}

#[test]
fn the_summary_of_espnet_holds_its_validation() {
    let epoch = |epoch: u64| {
        format!(
            "{epoch}epoch:train:1-500batch: loss=1.92 iter_time=0.02 optim0_lr0=0.0020\n\
                 {epoch}epoch:train:501-1000batch: loss=1.84 iter_time=0.02 optim0_lr0=0.0020\n\
                 epoch_summary:{epoch}epoch:train: loss=1.88 iter_time=0.02 optim0_lr0=0.0020\n\
                 epoch_summary:{epoch}epoch:valid: loss=1.{epoch} acc=0.9\n"
        )
    };
    let read = read_all((epoch(1) + &epoch(2)).as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.format, "espnet");
    let rows: Vec<_> = read.decoded.records.rows().collect();
    let losses = rows.iter().map(|row| (row.step(), row.value(Quantity::EvalLoss)));
    let expected = [
        (500, None),
        (1000, None),
        (1000, Some(1.1)),
        (1500, None),
        (2000, None),
        (2000, Some(1.2)),
    ];
    assert!(losses.eq(expected));
}

#[test]
fn the_last_running_mean_of_a_pass_is_its_loss() {
    let train = |epoch: u64, batch: u64| {
        format!("Epoch: [{epoch}][ {batch}/20]\tTime  0.2 ( 0.3)\tLoss 6.{batch}e+00 (6.95e+00)\n")
    };
    let test = |mark: &str, batch: u64, of: u64, mean: f64| {
        format!("{mark}: [ {batch}/{of}]\tTime  0.2 ( 0.3)\tLoss 5.5e+00 ({mean}e+00)\tAcc@1 1.0 (2.0)\n")
    };
    let pass_of = |means: &[(u64, f64)], of: u64| -> String {
        let lines = means.iter().map(|(batch, mean)| test("Test", *batch, of, *mean));
        lines.collect()
    };
    let evaluations = |content: &str| -> Vec<(u64, f64)> {
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "metric-logger");
        read.decoded.records.points(Quantity::EvalLoss).collect()
    };
    for mark in ["Test", "Val", "2020-01-01 INFO Validation"] {
        let epoch = |epoch: u64, mean: f64, behind: &str, summary: &str| {
            let pass =
                [(0, 5.75), (10, 5.5), (20, mean)].map(|(batch, mean)| test(mark, batch, 22, mean) + behind);
            format!(
                "{}{}{}{summary}",
                train(epoch, 0),
                train(epoch, 10),
                pass.concat()
            )
        };
        let run =
            |behind: &str, summary: &str| epoch(0, 5.25, behind, summary) + &epoch(1, 5.125, behind, summary);
        // A line follows that tells no loss, or several, or the next epoch does at once.
        let expected = [(10, 5.25), (30, 5.125)];
        assert_eq!(evaluations(&run("", " * Acc@1 59.0 Acc@5 80.0\n")), expected);
        assert_eq!(evaluations(&run("Prec@1 1.0 (2.0)\n", "")), expected);
        assert_eq!(evaluations(&run("", "")), [(20, 5.25), (30, 5.125)]);
        // The whole is told as well.
        let whole = "Test: Total time: 0:00:05\n* Acc@1 59.0 Acc@5 80.0 loss 5.375\n";
        assert_eq!(evaluations(&run("", whole)), [(10, 5.375), (30, 5.375)]);
    }
    // The last batch is told, out of turn.
    let content = train(0, 0) + &train(0, 10) + &pass_of(&[(0, 5.75), (10, 5.5), (13, 5.25)], 14);
    assert_eq!(evaluations(&content), [(10, 5.25)]);
    // At the end of the log the last line may be the last, and a pass has one mean.
    let content = train(0, 0) + &train(0, 10) + &pass_of(&[(0, 5.75), (10, 5.5), (20, 5.25)], 22);
    assert_eq!(evaluations(&content), [(10, 5.25)]);
    let content = content.clone() + "saved\n" + &test("Test", 21, 22, 5.125);
    assert_eq!(evaluations(&content), [(10, 5.25)]);
    // Test data are none where there are validation data, in whatever order.
    let one = |mark: &str, mean: f64| test(mark, 0, 2, 7.5) + &test(mark, 1, 2, mean);
    let epoch = |number: u64, passes: String| train(number, 0) + &train(number, 10) + &passes;
    for passes in [
        one("Val", 5.5) + &one("Test", 6.5),
        one("Test", 6.5) + &one("Val", 5.5),
        one("Val", 5.5) + &one("Val", 6.5),
    ] {
        let content = epoch(0, passes.clone()) + &epoch(1, passes);
        assert_eq!(evaluations(&content), [(10, 5.5), (30, 5.5)]);
    }
    // One that was broken off tells nothing.
    let content = train(0, 0) + &train(0, 10) + &test("Test", 0, 14, 5.75) + &train(1, 0);
    assert_eq!(evaluations(&content), []);
}

#[test]
fn what_is_learnt_late_holds_for_all_of_the_log() {
    let batch = "Test: [9/10]\tLoss 5.5e+00 (5.25e+00)";
    let cases = [
        (batch, "* Acc@1 59.0 Acc@5 80.0 loss 5.375"),
        (batch, "Val: [9/10]\tLoss 5.5e+00 (5.375e+00)"),
    ];
    for (first, later) in cases {
        let mut grammar: Box<dyn Grammar> = Box::new(EpochGrammar::new(&METRIC_LOGGER, &Sample::of(b"")));
        let told = |grammar: &mut Box<dyn Grammar>, line: &'static str| {
            let mut fields = Fields::default();
            grammar.parse(line, &mut fields);
            (fields.values.first().map(|(_, loss)| *loss), fields.revises)
        };
        assert_eq!(told(&mut grammar, first), (Some(5.25), false));
        assert!(told(&mut grammar, later).1);
        let mut anew = grammar.learnt().unwrap();
        assert_eq!(told(&mut anew, first), (None, false));
        assert_eq!(told(&mut anew, later), (Some(5.375), false));
    }
    // The mean that was taken for that of the pass was not the last.
    let mut grammar = EpochGrammar::new(&METRIC_LOGGER, &Sample::of(b""));
    for (line, revises) in [
        ("Test: [0/10]\tLoss 5.5e+00 (5.5e+00)", false),
        ("Test: [8/10]\tLoss 5.5e+00 (5.25e+00)", false),
        ("Test: [9/10]\tLoss 5.5e+00 (5.125e+00)", true),
    ] {
        let mut fields = Fields::default();
        grammar.parse(line, &mut fields);
        assert_eq!(fields.revises, revises, "{line}");
        grammar.finish(&mut fields);
    }
}

#[test]
fn steps_count_on_over_epochs() {
    for (format, content, steps, loss) in [
        (
            "minimind",
            "Epoch:[1/2](10/100), loss: 8.5, lr: 0.0005, epoch_time: 1.0min\nEpoch:[2/2](10/100), loss: 7.5, lr: 0.0004, epoch_time: 1.0min\n",
            vec![10, 110],
            7.5,
        ),
        (
            "metric-logger",
            "Epoch: [0/100]  [   0/1562]  eta: 3:32:02  loss: 10.77 (10.9)  lr: 0.1 (0.2)  time: 8.1  data: 4.4\nEpoch: [1/100]  [  10/1562]  eta: 3:32:02  loss: 9.5 (10.77)  lr: 0.1\n",
            vec![0, 1572],
            9.5,
        ),
        (
            "swin",
            "[2022-09-01 12:55:52 t] (main.py 213): INFO Train: [0/300][10/1251]\teta 1:22:16 lr 0.000001\t wd 0.0500\ttime 3.9462 (3.9462)\tloss 7.0023 (7.1)\tgrad_norm 1.9 (1.9)\tmem 9010MB\n\
                 [2022-09-01 12:57:56 t] (main.py 268): INFO Test: [0/98]\tTime 3.1 (3.1)\tLoss 6.8 (6.8)\tAcc@1 1.2 (1.2)\tMem 9010MB\n\
                 [2022-09-01 12:58:56 t] (main.py 213): INFO Train: [1/300][0/1251]\teta 1:22:16 lr 0.000051\ttime 3.9 (3.9)\tloss 6.5 (6.8)\n",
            vec![10, 1251],
            6.5,
        ),
        (
            "metric-logger",
            "Epoch: [0][  10/5005]\tTime  0.200 ( 0.300)\tData  0.1 ( 0.1)\tLoss 6.9e+00 (6.95e+00)\tAcc@1   0.00 (  0.10)\nEpoch: [1][   0/5005]\tTime  0.2 ( 0.3)\tLoss 5.5 (5.6)\n",
            vec![10, 5005],
            5.5,
        ),
        (
            "metric-logger",
            "INFO - 09/02/20 14:18:08 - 0:00:30 - Epoch: [0][50]\tTime 5.399 (5.399)\tData 0.725 (0.725)\tLoss 4.2811 (4.5)\tLr: 0.0000\nINFO - 09/02/20 14:20:08 - 0:02:30 - Epoch: [1][20]\tTime 5.3 (5.3)\tData 0.7 (0.7)\tLoss 3.5 (3.6)\tLr: 0.1\n",
            vec![50, 70],
            3.5,
        ),
        (
            "timm",
            "Train: 0 [  50/1251 (  4%)]  Loss: 6.95 (6.93)  Time: 0.351s,  364.67/s  (0.4s, 300/s)  LR: 1.000e-06  Data: 0.01 (0.02)\nTrain: 2 [   0/1251 (  0%)]  Loss: 6.5 (6.5)  Time: 0.3s  LR: 1.0e-05\n",
            vec![50, 2502],
            6.5,
        ),
        (
            "openpcdet",
            "2023-01-05 16:34:37,748   INFO  Train:    1/3 ( 33%) [   0/323 (  0%)]  Loss: 516.7 (517.)  LR: 1.000e-04  Time cost: 00:04/21:46 [00:04/1:05:18]  Acc_iter 1           Data time: 0.87(0.87)  Forward time: 3.18(3.18)  Batch time: 4.04(4.04)\n\
                 2023-01-05 16:34:49,377   INFO  Train:    2/3 ( 67%) [  49/323 ( 15%)]  Loss: 36.77 (81.7)  LR: 1.351e-04  Time cost: 00:15/01:25 [00:15/04:48]  Acc_iter 373          Data time: 0.00(0.02)  Forward time: 0.31(0.29)  Batch time: 0.31(0.31)\n",
            vec![1, 373],
            36.77,
        ),
        (
            "mmengine",
            "10/30 22:18:02 - mmengine - INFO - Epoch(train) [1][200/735]  lr: 1.9870e-04  eta: 2:46:39  time: 2.8906  data_time: 0.0042  memory: 10762  loss: 2.7522  grad_norm: 3.0608\n2023/06/05 20:18:15 - mmengine - INFO - Epoch(train)  [11][3/735]  lr: 4.0e-03  loss: 0.35\n",
            vec![200, 7353],
            0.35,
        ),
        (
            "mmengine",
            "2021-01-01 10:00:00,000 - mmseg - INFO - Iter [50/40000]\tlr: 9.9e-03, eta: 5:00:00, time: 0.5, loss: 1.2\n2021-01-01 10:00:10,000 - mmseg - INFO - Iter [100/40000]\tlr: 9.9e-03, eta: 5:00:00, time: 0.5, loss: 1.1\n",
            vec![50, 100],
            1.1,
        ),
        (
            "pytorch-example",
            "| epoch   1 |   200/ 3052 batches | lr 20.00 | ms/batch 148.77 | loss  5.92 | ppl   371.31\n| epoch   2 |   200/ 3052 batches | lr 20.00 | ms/batch 148.77 | loss  5.02 | ppl   150\n",
            vec![200, 3252],
            5.02,
        ),
        (
            "espnet",
            "[host] 2024-01-01 00:00:00,000 (trainer:762) INFO: 1epoch:train:1-50batch: iter_time=0.1, loss_ctc=90.1, loss=85.3, grad_norm=3.1, optim0_lr0=1.2e-05, train_time=1.2\n[host] 2024-01-01 00:00:00,000 (trainer:762) INFO: 2epoch:train:1-50batch: iter_time=0.1, loss=80.3, optim0_lr0=1.2e-05\n",
            vec![50, 100],
            80.3,
        ),
        (
            "icefall",
            "2023-01-01 10:00:00,000 INFO [train.py:895] Epoch 1, batch 50, loss[loss=7.2, over 7000.00 frames. ], tot_loss[loss=7.6, over 90000.00 frames. ], batch size: 20, lr: 2.25e-02\n2023-01-01 10:01:00,000 INFO [train.py:895] Epoch 1, batch 100, loss[loss=6.2, over 7000.00 frames. ], tot_loss[loss=7.6, over 90000.00 frames. ], batch size: 20, lr: 2.25e-02\n",
            vec![50, 100],
            6.2,
        ),
    ] {
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, format, "{content}");
        assert_eq!(read.decoded.records.steps(), steps, "{content}");
        let last = steps.len() - 1;
        assert_eq!(
            read.decoded.records.value(last, Quantity::TrainLoss),
            Some(loss),
            "{content}"
        );
    }
}

#[test]
fn epochs_count_from_one_where_batches_do() {
    let line = |epoch: u64, batch: u64| {
        format!("Epoch: [{epoch}][{batch}/4]\tTime 0.8 DataTime 0.5, loss 3.{batch}\n")
    };
    let steps = |first: u64, batches: std::ops::RangeInclusive<u64>| {
        let lines = (first..first + 2).flat_map(|epoch| batches.clone().map(move |batch| line(epoch, batch)));
        let content: String = lines.collect();
        let records = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        records.steps().to_vec()
    };
    assert_eq!(steps(1, 1..=4), [1, 2, 3, 4, 5, 6, 7, 8]);
    // From 0, or the log of a run that was resumed.
    assert_eq!(steps(1, 0..=3), [4, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!(steps(0, 1..=4), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(steps(5, 1..=4), [21, 22, 23, 24, 25, 26, 27, 28]);
}
