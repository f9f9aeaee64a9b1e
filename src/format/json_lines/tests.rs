use proptest::prelude::*;

use super::*;
use crate::format::hints::Fact;
use crate::format::read_all;
use crate::format::records::How;

fn loss_and_step(content: &str) -> Vec<(u64, Option<f64>)> {
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.format, "jsonl");
    read.decoded
        .records
        .rows()
        .map(|row| (row.step(), row.value(Quantity::TrainLoss)))
        .collect()
}

#[test]
fn a_loss_that_no_parser_holds_is_read_as_what_it_means() {
    let content = "{\"step\": 1, \"loss\": 2.5}\n{\"step\": 2, \"loss\": 1e999}\n{\"step\": 3, \"loss\": -1e999}\n{\"step\": 4, \"loss\": -nan(ind)}\n{\"step\": 5, \"loss\": 2.25e0}\n";
    let read = loss_and_step(content);
    let losses: Vec<String> = read.iter().map(|(_, loss)| format!("{loss:?}")).collect();
    assert_eq!(
        losses,
        ["Some(2.5)", "Some(inf)", "Some(-inf)", "Some(NaN)", "Some(2.25)"]
    );
}

#[test]
fn a_mean_among_the_statistics_of_a_loss() {
    let row = |loss| {
        format!(
            "{{\"Loss/loss\": {{\"num\": 327680, \"mean\": {loss}, \"std\": 0.5}}, \"timestamp\": 1697077632.5}}\n"
        )
    };
    let content: String = [2.5, 2.25, 2.125].map(row).concat();
    assert_eq!(
        loss_and_step(&content),
        [(0, Some(2.5)), (1, Some(2.25)), (2, Some(2.125))]
    );
}

#[test]
fn keys_of_many_trainers() {
    assert_eq!(
        loss_and_step("{\"step\": 1, \"loss\": 2.5}\n{\"step\": 2, \"loss\": \"2.25\"}\n"),
        [(1, Some(2.5)), (2, Some(2.25))]
    );
    assert_eq!(
        loss_and_step("{\"global_step\": 7, \"train\": {\"loss\": 3.0}}\n"),
        [(7, Some(3.0))]
    );
    assert_eq!(
        loss_and_step(
            "{\"current_steps\": 5, \"total_steps\": 2178, \"loss\": 2.3475, \"lr\": 1.83e-06, \"elapsed_time\": \"0:32:48\"}\n"
        ),
        [(5, Some(2.3475))]
    );
}

#[test]
fn what_a_header_states_is_there_after_a_second_reading() {
    let mut content = "{\"lr\": 1e-06, \"num_steps\": 5100, \"warmup_steps\": 10}\n".to_owned();
    for step in 0..40 {
        let row = |step: u64, loss: f64| format!("{{\"step\": {step}, \"loss\": {loss}}}\n");
        let loss = 3.0 - 0.01 * step as f64;
        content += &row(step, loss);
        if step % 3 == 2 {
            // Another process is behind.
            content += &row(step - 1, 1.001 * (loss + 0.01));
        }
    }
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps(), (0..40).collect::<Vec<u64>>());
    let hints = &read.decoded.hints;
    assert_eq!(
        (hints.total_steps(), hints.warm_up_steps()),
        (Some(5100), Some(10))
    );
}

#[test]
fn nothing_left_to_do_is_the_end() {
    let row =
        |step, left| format!("{{\"eta_seconds\": {left}, \"iteration\": {step}, \"total_loss\": 1.5}}\n");
    let rows = [row(19, 37.5), row(39, 0.0)].concat();
    let read = read_all(rows.as_bytes(), &Names::default()).unwrap();
    let endings: Vec<_> = read
        .decoded
        .endings
        .iter()
        .map(|ending| (ending.after, ending.how))
        .collect();
    assert_eq!(endings, [(2, How::Finished)]);
}

#[test]
fn a_progress_bar_may_stand_in_front() {
    let bar = |step| format!("\r {step}%|#         | {step}/100 [00:0{step}<00:10,  9.00it/s]");
    let content: String = (1..6)
        .map(|step| bar(step - 1) + &bar(step) + &format!("{{\"step\": {step}, \"loss\": 2.{step}}}\n"))
        .collect();
    let read = loss_and_step(&content);
    assert_eq!((read.len(), read.last()), (5, Some(&(5, Some(2.5)))));
}

#[test]
fn a_counter_may_be_a_fraction() {
    let content = "{\"loss\": 2.5, \"epoch\": 0.01, \"global_step/max_steps\": \"1/438\"}\n{\"loss\": 2.25, \"global_step/max_steps\": \"5/438\", \"percentage\": \"1.14%\"}\n";
    assert_eq!(loss_and_step(content), [(1, Some(2.5)), (5, Some(2.25))]);
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.total_steps, Some(438));
}

#[test]
fn iterations_within_epochs_count_on() {
    let row = |epoch, iter| {
        format!(
            "{{\"mode\": \"train\", \"epoch\": {epoch}, \"iter\": {iter}, \"lr\": 0.1, \"loss\": {epoch}.{iter}}}\n"
        )
    };
    let mut content = "{}\n".to_owned();
    for epoch in 1..4 {
        content += &(row(epoch, 50) + &row(epoch, 100));
        // More batches than the training has, in the first epoch of which nothing shows yet
        // that they are counted from the start again.
        content += &format!("{{\"mode\": \"val\", \"epoch\": {epoch}, \"iter\": 1601, \"loss\": 0.5}}\n");
    }
    let steps: Vec<u64> = loss_and_step(&content).iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [50, 100, 100, 150, 200, 200, 250, 300, 300]);
}

#[test]
fn a_word_for_data_tells_whatever_its_name() {
    let row = |event: &str, step: u32| {
        format!("{{\"event\": \"{event}\", \"step\": {step}, \"loss\": 2.{step}, \"run\": \"test\"}}\n")
    };
    let train = |from: u32, to: u32| -> String { (from..to).map(|step| row("train", step)).collect() };
    let evaluated = |content: &str| -> Vec<u64> {
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "jsonl");
        let rows = read.decoded.records.rows();
        rows.filter(|row| row.has(Quantity::EvalLoss))
            .map(|row| row.step())
            .collect()
    };
    for word in ["eval", "Validation", "eval_step"] {
        let start = train(1, 9);
        let content = [start, row(word, 8), train(9, 12), row(word, 11)].concat();
        assert_eq!(evaluated(&content), [8, 11], "{word}");
    }
    let settings = "{\"event\": \"config\", \"lr\": 1e-6}\n".to_owned();
    assert_eq!(evaluated(&[settings, row("eval", 0), train(1, 9)].concat()), [0]);
    let other = row("restart", 9);
    assert!(evaluated(&[train(1, 9), row("eval", 8), other].concat()).is_empty());
}

#[test]
fn the_planned_epochs_stand_beside_the_epoch() {
    let row = |epoch| format!("{{\"epoch\": {epoch}, \"total_epochs\": 100, \"train_loss\": 8.{epoch}}}\n");
    let content: String = (1..5).map(row).collect();
    let hints = read_all(content.as_bytes(), &Names::default())
        .unwrap()
        .decoded
        .hints;
    assert_eq!(
        (hints.count(Fact::Epochs), hints.total_steps()),
        (Some(100), None)
    );
}

#[test]
fn bare_nan_is_read_and_text_that_contains_it_is_left_alone() {
    let rows = loss_and_step(
        "{\"step\": 1, \"loss\": NaN, \"note\": \"NaN: \\\"inf\"}\n{\"step\": 2, \"loss\": -Infinity}\n",
    );
    assert!(rows[0].1.is_some_and(f64::is_nan));
    assert_eq!(rows[1].1, Some(f64::NEG_INFINITY));
}

#[test]
fn a_broken_line_is_counted_and_the_others_are_read() {
    let read = read_all(b"{\"step\":1,\"loss\":2}\n{\"step\":2,\"lo\n{\"step\":3,\"loss\":\xff}\n{\"step\":4,\"loss\":1,\"s\":\"\xff\"}\n", &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps(), [1, 4]);
    assert_eq!(read.decoded.skipped, 2);
    assert_eq!(read.decoded.bad_lines[0].line, 2);
}

#[test]
fn a_header_states_the_plan_and_takes_no_column_from_the_rows() {
    let mut content =
        "{\"event\": \"config\", \"lr\": 1e-06, \"num_steps\": 51, \"warmup_steps\": 10}\n".to_owned();
    let rows = |from: u32, to: u32| -> String {
        (from..to)
            .map(|step| format!("{{\"event\": \"step\", \"step\": {step}, \"train/loss\": 0.{step}, \"train/lr\": {step}e-7}}\n"))
            .collect()
    };
    content += &rows(0, 5);
    // It comes again when the run goes on.
    content += "{\"event\": \"config\", \"lr\": 1e-06, \"num_steps\": 51, \"warmup_steps\": 10}\n";
    content += &rows(5, 9);
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    let records = &read.decoded.records;
    assert_eq!(records.steps(), (0..9).collect::<Vec<u64>>());
    assert_eq!(records.value(3, Quantity::LearningRate), Some(3e-7));
    assert_eq!(read.decoded.hints.total_steps(), Some(51));
    assert_eq!(read.decoded.hints.warm_up_steps(), Some(10));
}

#[test]
fn a_better_name_that_comes_late_feeds_the_whole_file() {
    // Far beyond the sample that the roles are first judged by.
    let mut content = String::new();
    for step in 0..20_000 {
        content.push_str(&format!(
            "{{\"_step\": {}, \"loss\": 2.0, \"padding\": \"{}\"}}\n",
            step * 3,
            "x".repeat(30)
        ));
    }
    content.push_str("{\"_step\": 1, \"global_step\": 60000, \"loss\": 2.0}\n");
    let read = read_all(content.as_bytes(), &Names::default()).unwrap();
    assert_eq!(read.decoded.records.steps().last(), Some(&60_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// Reading through a learnt layout gives what the parser gives.
    #[test]
    fn layouts_change_nothing(
        lines in prop::collection::vec(
            prop_oneof![
                (0u64..1000, -1e3..1e3f64, 0.0..1e-2f64).prop_map(|(step, loss, lr)| format!("{{\"step\": {step}, \"loss\": {loss:.4}, \"lr\": {lr:e}, \"tag\": \"a,b}}\"}}")),
                (0u64..1000, "[a-z\"\\\\,{}: ]{0,8}").prop_map(|(step, tag)| format!("{{\"step\": {step}, \"loss\": NaN, \"lr\": null, \"tag\": {}}}", serde_json::to_string(&tag).unwrap())),
                (0u64..1000, -9.0..9.0f64).prop_map(|(step, loss)| format!("{{\"step\":{step},\"eval/loss\":{loss}}}")),
                Just("{\"step\": 3, \"loss\": \"2.5\", \"lr\": 1e-3, \"tag\": {\"loss\": 9}}".to_owned()),
                "[ -~]{0,40}",
            ],
            1..40,
        )
    ) {
        let content = lines.join("\n");
        let sample = Sample::whole(content.as_bytes());
        let names = Names::default();
        let mut fast = JsonDecoder::new(&sample, &names);
        let mut slow = JsonDecoder::new(&sample, &names);
        let (mut with, mut without) = (Decoded::default(), Decoded::default());
        for (number, line) in lines.iter().enumerate() {
            fast.line(number as u64, line.as_bytes(), &mut with);
            if line.trim().is_empty() {
                without.ignored += 1;
            } else {
                slow.slow(number as u64, line.as_bytes(), &mut without);
            }
        }
        prop_assert_eq!(format!("{with:?}"), format!("{without:?}"));
    }
}

#[test]
fn losses_in_a_table_of_their_own() {
    for row in [
        r#"{"epoch": 1, "losses": {"train": 2.5, "val": 2.25}, "accuracy": {"train": 0.3, "val": 0.4}}"#,
        r#"{"epoch": 1, "losses": {"train": 2.5, "val": 2.25}, "metrics": {"train": 0.3, "val": 0.4}}"#,
        "{'epoch': 1, 'losses': {'train': 2.5, 'val': 2.25}, 'accuracy': {'train': 0.3, 'val': None}}",
    ] {
        assert_eq!(
            loss_and_step(&format!("{row}\n{row}\n")),
            [(1, Some(2.5)), (1, Some(2.5))],
            "{row}"
        );
    }
}

#[test]
fn a_total_that_grows_is_no_plan() {
    let log = |row: &dyn Fn(u32) -> String| {
        let rows = (1..6).map(|index| format!("{{{},\"loss\":{}}}\n", row(index * 10), 6 - index));
        read_all(rows.collect::<String>().as_bytes(), &Names::default()).unwrap()
    };
    for (row, total) in [
        (
            &(|step| format!("\"total_iters\":{step}")) as &dyn Fn(u32) -> String,
            None,
        ),
        (&|step| format!("\"step\":{step},\"total_iters\":{step}"), None),
        (&|step| format!("\"step\":{step},\"total_iters\":90"), Some(90)),
    ] {
        let decoded = log(row).decoded;
        assert_eq!(
            (decoded.total_steps, decoded.records.steps()),
            (total, &[10, 20, 30, 40, 50][..])
        );
    }
}

#[test]
fn a_log_of_text_may_print_dicts() {
    let claims = |line: &str| {
        let told: String = (1..=5)
            .map(|step| format!("{line}\n{{'step': {step}, 'metrics': {{'loss': {step}.5, 'acc': 0.5}}}}\n"))
            .collect();
        let content = format!("{{'model': {{'loss': 0.5, 'lr': 0.1}}, 'step': 5000}}\n{told}{line}\n");
        let sample = Sample::whole(content.as_bytes());
        JsonLines.claim(&sample, &Names::default()).is_some()
    };
    assert!(claims("100%|####| 50/50 [00:10<00:00, 4.98it/s, loss=2.34]"));
    assert!(claims("Saved to checkpoint-50"));
    assert!(!claims("step 1 loss: 5.000"));
}

#[test]
fn lists_of_losses_are_no_losses() {
    let content = "{\"epoch\": 1, \"loss\": 2.5, \"val_loss\": [0.0, 0.0]}\n{\"epoch\": 2, \"loss\": [2.4], \"val_loss\": [0.0, 0.0]}\n";
    assert_eq!(loss_and_step(content), [(1, Some(2.5)), (2, Some(2.4))]);
    let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
    assert_eq!(
        (decoded.skipped, decoded.records.has(Quantity::EvalLoss)),
        (0, false)
    );
}

#[test]
fn counters_of_how_many_and_rates_in_brackets() {
    let content = "{\"epoch\": \"1/60\", \"loss\": 2.5, \"lr\": [0.1, 0.1]}\n{\"epoch\": \"2/60\", \"loss\": 2.4, \"lr\": [0.05, 0.05]}\n";
    assert_eq!(loss_and_step(content), [(1, Some(2.5)), (2, Some(2.4))]);
    let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
    assert_eq!((decoded.skipped, decoded.hints.epochs()), (0, Some(60.0)));
    let rates: Vec<_> = decoded.records.points(Quantity::LearningRate).collect();
    assert_eq!(rates, [(1, 0.1), (2, 0.05)]);
}
