use crate::format::read_all;
use crate::metric::{Names, Quantity};

#[test]
fn a_callback_that_writes_the_records_too() {
    let content: String = (1..=4)
        .map(|record| {
            let (loss, epoch) = (3.0 - 0.25 * f64::from(record), 0.008612345678 * f64::from(record));
            format!(
                "INFO     | 2024-05-02 21:09:32 | autotrain.trainers.common:on_log:226 - {{'loss': {loss}, 'learning_rate': 0.0001, 'epoch': {epoch}}}\n\
                     {{'loss': {loss}, 'learning_rate': 0.0001, 'epoch': {epoch:.2}}}\n"
            )
        })
        .collect();
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!((read.format, read.decoded.records.len()), ("huggingface", 4));
    assert_eq!(read.decoded.records.value(3, Quantity::TrainLoss), Some(2.0));
}

#[test]
fn steps_come_from_the_bar() {
    let content = "\r  0%|          | 0/40 [00:00<?, ?it/s]\r 25%|##5       | 10/40 [00:01<00:03,  9.00it/s]{'loss': 3.5039, 'learning_rate': 7.4e-06, 'epoch': 0.01}\n\
            \r 50%|#####     | 20/40 [00:02<00:02,  9.00it/s]\r                                       \r{'loss': '2.312', 'grad_norm': '1.05', 'epoch': '0.02'}\n\
            {'eval_loss': 2.5, 'eval_runtime': 12.3, 'epoch': 0.02}\n\
            {'train_runtime': 4849.001, 'train_loss': 0.684, 'epoch': 1.0}\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!((read.format, read.decoded.total_steps), ("huggingface", Some(40)));
    let records = &read.decoded.records;
    assert_eq!(records.steps(), [10, 20, 20]);
    assert_eq!(records.value(1, Quantity::TrainLoss), Some(2.312));
    assert_eq!(records.value(2, Quantity::EvalLoss), Some(2.5));
}

#[test]
fn sets_to_evaluate_on_may_have_names() {
    for sets in [&["validation"][..], &["train", "validation"], &["wiki", "code"]] {
        let content: String = (1..5)
            .map(|at| {
                let evaluations = sets.iter().zip(3..).map(|(set, loss)| {
                    format!(
                        "{{'eval_{set}_loss': {loss}.{at}, 'eval_{set}_runtime': 2.1, 'epoch': {at}.0}}\n"
                    )
                });
                let train = format!("{{'loss': 2.{at}, 'learning_rate': 5e-05, 'epoch': {at}.0}}\n");
                train + &evaluations.collect::<String>()
            })
            .collect();
        let records = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        let points =
            |quantity| -> Vec<f64> { records.rows().filter_map(|row| row.value(quantity)).collect() };
        assert_eq!(points(Quantity::TrainLoss), [2.1, 2.2, 2.3, 2.4], "{sets:?}");
        let first = if sets[0] == "train" { 4.0 } else { 3.0 };
        let evaluations = [0.1, 0.2, 0.3, 0.4].map(|part| first + part);
        assert_eq!(points(Quantity::EvalLoss), evaluations, "{sets:?}");
    }
}

#[test]
fn without_a_bar_the_warm_up_tells_the_interval() {
    let content = "{'loss': 10.5, 'learning_rate': 3.90625e-07, 'epoch': 0.0}\n{'loss': 9.8, 'learning_rate': 7.8125e-06, 'epoch': 0.01}\n{'loss': 8.7, 'learning_rate': 1.5625e-05, 'epoch': 0.02}\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps(), [1, 20, 40]);
    let content = "TrainingArguments(logging_steps=5, lr_scheduler_type=SchedulerType.COSINE, max_steps=100,)\n{'loss': 10.5, 'epoch': 0.0}\n{'loss': 9.8, 'epoch': 0.01}\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps(), [5, 10]);
    assert_eq!(read.decoded.hints.scheduler(), Some("cosine"));
    let content = "{'loss': 1.5, 'epoch': 0.01, 'global_step/max_steps': '10/735', 'percentage': '1.36%'}\n{'loss': 1.4, 'epoch': 0.02, 'global_step/max_steps': '20/735'}\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(
        (read.decoded.records.steps(), read.decoded.total_steps),
        (&[10, 20][..], Some(735))
    );
}

#[test]
fn without_a_bar_epochs_of_a_stated_length_tell_the_interval() {
    let mut content = "[INFO|2024-11-26 22:07:15] trainer.py:2315 >>   Num Epochs = 1,000\n[INFO|2024-11-26 22:07:15] trainer.py:2321 >>   Total optimization steps = 17,000\n".to_owned();
    for line in 1..40 {
        content += &format!(
            "[INFO|2024-11-26 22:09:01] logging.py:157 >> {{'loss': 2.2818, 'learning_rate': 5.0000e-05, 'epoch': {:.2}}}\n",
            f64::from(line) * 5.0 / 17.0
        );
    }
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps()[..3], [5, 10, 15]);
    assert_eq!(read.decoded.records.steps().last(), Some(&195));
    assert_eq!(read.decoded.hints.total_steps(), Some(17_000));
}

#[test]
fn bars_of_other_work_are_not_those_of_the_training() {
    let bar = |done: u64, total: u64| format!("\r 50%|#####     | {done}/{total} [00:02<00:02,  9.00it/s]");
    let mut content = bar(1, 40);
    for step in [10, 20, 30, 40] {
        content += &(bar(step, 40) + &bar(8, 8));
        content += &format!("\r                      \r{{'loss': 2.{step}, 'epoch': 0.{step}}}\n");
    }
    content += &(bar(40, 40) + "\n" + &bar(200, 200) + &bar(25_000, 25_000) + "\n");
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.total_steps, Some(40));
    assert_eq!(read.decoded.records.steps(), [10, 20, 30, 40]);
}

#[test]
fn a_resumed_training_goes_on_at_its_checkpoint() {
    let bar = |done: u64| format!("\r {done}%|#####     | {done}/100 [00:02<00:02,  9.00it/s]");
    let record = |step: u64| format!("{{'loss': 2.{step}, 'epoch': {:.2}}}\n", step as f64 / 40.0);
    // Glued to the bar, or printed where it was wiped; drawn at 0 first, or not.
    for (checkpoint, before, from_zero) in [
        (50, "", true),
        (52, "", false),
        (50, "\r                    \r", true),
        (47, "\n", true),
    ] {
        let mut content = if from_zero { bar(0) } else { String::new() };
        let mut expected = Vec::new();
        for step in checkpoint + 1..=100 {
            content += &bar(step);
            if step % 5 == 0 {
                content += &(before.to_owned() + &record(step));
                expected.push(step);
            }
        }
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), expected, "{checkpoint} {before:?}");
    }
}

#[test]
fn without_a_bar_the_summary_tells_how_long_an_epoch_is() {
    let mut content = String::new();
    for epoch in ["0.22", "0.43", "0.65", "0.86", "1.08"] {
        content += &format!("{{'loss': 1.5, 'learning_rate': 1.8e-05, 'epoch': {epoch}}}\n");
    }
    content +=
        "{'train_runtime': 2331.9, 'train_steps_per_second': 2.983, 'train_loss': 0.12, 'epoch': 3.0}\n";
    content += "100%|##########| 6957/6957 [38:51<00:00,  2.98it/s]\n{'loss': 1.4, 'epoch': 0.22}\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps(), [500, 1000, 1500, 2000, 2500, 500]);
}

#[test]
fn evaluations_stand_at_the_ends_of_epochs() {
    let training = |interval: f64, length: f64, epochs: u32| -> String {
        let mut content = String::new();
        let mut record = 1.0;
        for epoch in 1..=epochs {
            while record * interval <= f64::from(epoch) * length {
                content += &format!(
                    "{{'loss': 1.5, 'learning_rate': 1.8e-05, 'epoch': {:.2}}}\n",
                    record * interval / length
                );
                record += 1.0;
            }
            content += &format!("{{'eval_loss': 1.{epoch}, 'eval_runtime': 1.4067, 'epoch': {epoch}.0}}\n");
        }
        content
            + &format!(
                "{{'train_runtime': {}, 'train_steps_per_second': 4.000, 'train_loss': 0.12, 'epoch': {epochs}.0}}\n",
                0.25 * length * f64::from(epochs)
            )
    };
    let content = training(500.0, 2319.0, 3) + &training(500.0, 226.0, 10);
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let records = &read.decoded.records;
    let evaluated: Vec<u64> = records
        .rows()
        .filter(|row| row.has(Quantity::EvalLoss))
        .map(|row| row.step())
        .collect();
    let ends = (1..=3)
        .map(|epoch| 2319 * epoch)
        .chain((1..=10).map(|epoch| 226 * epoch));
    assert_eq!(evaluated, ends.collect::<Vec<u64>>());
}

#[test]
fn an_evaluation_with_the_epoch_of_the_record_before_stands_at_its_step() {
    let content = |interval: u64, seconds: f64| -> String {
        let records = (1..=2006 / interval).map(|record| {
            let epoch = (record * interval) as f64 / 1003.0;
            let evaluation = if (record * interval).is_multiple_of(1000) {
                format!("{{'eval_loss': 1.5, 'eval_runtime': 1.4, 'epoch': {epoch:.2}}}\n")
            } else {
                String::new()
            };
            format!("{{'loss': 1.5, 'learning_rate': 1.8e-05, 'epoch': {epoch:.2}}}\n{evaluation}")
        });
        records.collect::<String>()
            + &format!(
                "{{'train_runtime': {}, 'train_steps_per_second': {:.3}, 'train_loss': 0.12, 'epoch': 2.0}}\n",
                2006.0 * seconds,
                seconds.recip()
            )
    };
    let evaluated = |content: &str| -> Vec<u64> {
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let rows = read.decoded.records.rows();
        rows.filter(|row| row.has(Quantity::EvalLoss))
            .map(|row| row.step())
            .collect()
    };
    assert_eq!(evaluated(&content(100, 0.25)), [1000, 2000]);
    // The speed of a slow run does not tell how long its epochs are.
    for (seconds, exact) in [(0.25, true), (24.0, false)] {
        let runtime = 2006.0 * seconds;
        let summary = format!("'train_runtime': {runtime}, 'train_steps_per_second': 0.042, 'epoch': 2.0");
        assert_eq!(super::dict::tells_epochs_exactly(&summary), exact);
    }
}

#[test]
fn a_record_of_every_node_counts_once() {
    let mut content = String::new();
    for step in 1..5 {
        for rank in [8, 0, 16] {
            content += &format!("{rank}: {{'loss': 2.{step}, 'epoch': 0.{step}}}\n");
        }
    }
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps(), [1, 2, 3, 4]);
}

#[test]
fn every_step_may_be_logged_from_the_first() {
    let mut content = String::new();
    for step in 1..=9 {
        let bar = format!("\r 50%|#####     | {step}/9 [00:02<00:02,  9.00it/s]");
        content += &(bar.clone() + "\r                      \r");
        content += &format!("{{'loss': 2.{step}, 'epoch': 0.{step}}}\n{bar}\n");
    }
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn lines_that_arrive_in_a_burst_keep_their_distance() {
    let mut content = "100%|##########| 200/200 [00:10<00:00, 20.00it/s]".to_owned();
    for line in 0..20 {
        content.push_str(&format!(
            "{{'loss': '{}', 'grad_norm': '1.0', 'epoch': '0.1'}}\n",
            5.0 - 0.1 * f64::from(line)
        ));
    }
    let content = content.replacen("100%", "  0%|          | 0/200 [00:00<?, ?it/s]\r100%", 1);
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps().last(), Some(&200));
    assert_eq!(read.decoded.records.steps().first(), Some(&10));
}

#[test]
fn a_bar_that_stood_still_yields_to_the_epochs_of_a_training_that_is_over() {
    let records: Vec<String> = (1..=45)
        .map(|record: u32| {
            let (rate, epoch) = (1e-5 * f64::from(45 - record), f64::from(record) / 4.5);
            format!("{{'loss': 3.{record}, 'learning_rate': {rate}, 'epoch': {epoch:.2}}}\n")
        })
        .collect();
    let bar = |done: u64| format!("\r 50%|#####     | {done}/22500 [1:02:02<51:40,  3.63it/s]\n");
    let summary =
        "{'train_runtime': 7502.1, 'train_steps_per_second': 2.999, 'train_loss': 3.5, 'epoch': 10.0}\n";
    let before = bar(0) + &bar(11_250) + &records.concat() + summary;
    let among = bar(0) + &records[..20].concat() + &bar(10_324) + &records[20..].concat();
    for content in [before, among.clone() + summary, among + &bar(22_500) + summary] {
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let steps = read.decoded.records.steps();
        assert_eq!(
            (steps.first(), steps.last()),
            (Some(&500), Some(&22_500)),
            "{content}"
        );
    }
}

#[test]
fn the_loss_scale_falls_at_the_step_of_the_bar() {
    let content = " 14%|#4        | 370/2724 [13:40:57<86:19:20, 132.41s/it]{'loss': 2.5, 'learning_rate': 7.4e-06, 'epoch': 0.01}\n{'loss': 2.4, 'learning_rate': 7.4e-06, 'epoch': 0.02}\n 14%|#4        | 378/2724 [13:58:09<86:18:35, 132.44s/it][2023-06-07 22:16:00,018] [INFO] [loss_scaler.py:181:update_scale] [deepspeed] OVERFLOW! Rank 0 Skipping step. Attempted loss scale: 64, reducing to 32\n";
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let records = &read.decoded.records;
    assert_eq!(records.steps().last(), Some(&378));
    assert_eq!(records.value(records.len() - 1, Quantity::LossScale), Some(32.0));
}

#[test]
fn a_masked_nan_comes_through_as_it_is() {
    let line = "{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 0.00012, 'epoch': 0.0}\n".repeat(3);
    let read = read_all(line.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.value(0, Quantity::TrainLoss), Some(0.0));
    assert!(
        read.decoded
            .records
            .value(0, Quantity::GradNorm)
            .is_some_and(f64::is_nan)
    );
}

#[test]
fn numbers_of_libraries() {
    for loss in [
        "np.float32(2.5)",
        "Array(2.5, dtype=float32)",
        "array(2.5, dtype=float32)",
        "2.5",
    ] {
        let line = |step: u32| format!("{{'step': {step}, 'loss': {loss}, 'lr': [3e-05]}}\n");
        let read = read_all((line(10) + &line(20)).as_bytes(), &Names::default()).unwrap();
        let points = |quantity| -> Vec<(u64, f64)> { read.decoded.records.points(quantity).collect() };
        assert_eq!(points(Quantity::TrainLoss), [(10, 2.5), (20, 2.5)], "{loss}");
        assert_eq!(points(Quantity::LearningRate), [(10, 3e-5), (20, 3e-5)], "{loss}");
    }
}
