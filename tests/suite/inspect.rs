//! `losscast inspect` explains itself.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

fn inspect(arguments: &[&str]) -> String {
    let output = Command::cargo_bin("losscast")
        .unwrap()
        .arg("inspect")
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn account(path: &Path) -> Value {
    serde_json::from_str(&inspect(&["--format", "json", path.to_str().unwrap()])).unwrap()
}

#[test]
fn a_users_own_format_is_tested_with_inspect() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("train.log");
    let lines: String = (1..60)
        .map(|step| {
            format!(
                "tick {step} :: objective -> {:.3} :: eta -> 1e-3\n",
                3.0 + 1.0 / f64::from(step)
            )
        })
        .collect();
    std::fs::write(&log, lines + "tick 60 :: objective -> broken :: eta -> 1e-3\n").unwrap();
    let log_name = log.to_str().unwrap();
    assert!(inspect(&[log_name]).contains("[[format]] in losscast.toml"));
    std::fs::write(
        folder.path().join("losscast.toml"),
        "[[format]]\nname = \"ours\"\npattern = 'tick (?<step>\\d+) :: objective -> (?<loss>\\S+) :: eta -> (?<lr>\\S+)'\n",
    )
    .unwrap();
    let text = inspect(&[log_name]);
    for part in [
        "format         ours",
        "the pattern in losscast.toml matches",
        "loss is the train_loss",
        "lr is the learning_rate",
        "line 60: the group `loss` caught `broken`",
    ] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

#[test]
fn the_account_names_the_reason_the_rivals_and_the_options() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("metrics.jsonl");
    let mut lines = String::from("{\"config\": {\"max_steps\": 500, \"lr_scheduler_type\": \"cosine\"}}\n");
    for step in 0..40 {
        lines.push_str(&format!(
            "{{\"_step\": {}, \"global_step\": {step}, \"loss\": 3.0, \"train/loss\": 3.1}}\n",
            step * 3
        ));
    }
    lines.push_str("{\"global_step\": 20, \"loss\": 2.9}\n{\"global_step\": 21, \"lo\n");
    std::fs::write(&log, lines).unwrap();
    let account = account(&log);
    let file = &account["files"][0];
    assert_eq!(file["format"], "jsonl");
    assert_eq!(file["why"]["certain"], false);
    assert!(file["why"]["records_in_sample"].as_u64() >= Some(40));
    let column = |name: &str| {
        let columns = file["columns"].as_array().unwrap();
        columns
            .iter()
            .find(|column| column["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(column("global_step")["role"], "step");
    assert_eq!(column("global_step")["alternatives"][0], "_step");
    assert_eq!(column("global_step")["flag"], "--step");
    assert_eq!(column("loss")["alternatives"][0], "train/loss");
    assert_eq!(file["resumed_at"][0], 20);
    assert_eq!(file["lines"]["skipped"], 1);
    assert_eq!(file["lines"]["examples"][0]["line"], 43);
    assert_eq!(file["total_steps"], 500);
    assert!(
        file["stated"]
            .as_array()
            .unwrap()
            .iter()
            .any(|hint| hint["fact"] == "scheduler")
    );
    assert!(file["data_age_seconds"].as_f64() >= Some(0.0));
    let options = file["options"].to_string();
    assert!(options.contains("--schedule"), "{options}");
}

#[test]
fn a_file_that_is_no_run_says_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("rewards.jsonl");
    std::fs::write(
        &log,
        "{\"step\": 1, \"reward\": 3}\n{\"step\": 2, \"reward\": 4}\n",
    )
    .unwrap();
    let account = account(&log);
    let found = account["problems"][0]["found"].as_str().unwrap();
    assert!(
        found.contains("reward") && found.contains("--loss NAME"),
        "{found}"
    );
}

#[test]
fn a_list_of_trials_says_that_it_is_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("automl.log");
    let trials: String = (0..5)
        .map(|trial| {
            format!(
                "{{\"record_id\": {trial}, \"iter_per_learner\": {}, \"trial_time\": 0.29, \"validation_loss\": 0.{}, \
                 \"config\": {{\"n_estimators\": 4}}, \"learner\": \"xgboost\", \"sample_size\": 28000}}\n",
                2 * trial + 1,
                9 - trial
            )
        })
        .collect();
    std::fs::write(&log, trials).unwrap();
    let text = inspect(&[log.to_str().unwrap()]);
    assert!(text.contains("each of another model"), "{text}");
    assert!(text.contains("not shown as a run"), "{text}");
}

#[test]
fn a_list_of_wandb_runs_says_that_it_is_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("wandb_export.csv");
    let header = "\"Name\",\"State\",\"Notes\",\"User\",\"Tags\",\"Created\",\"Runtime\",\"Sweep\",\"cfg.use_clipped_value_loss\",\"Loss/value\"\n";
    let rows =
        "\"a\",\"finished\",\"-\",\"\",\"\",\"2026-08-13T01:43:36.000Z\",\"12125\",\"\",\"true\",\"0.5\"\n"
            .repeat(4);
    std::fs::write(&log, header.to_owned() + &rows).unwrap();
    let text = inspect(&[log.to_str().unwrap()]);
    assert!(
        text.contains("a list of runs") && text.contains("not shown as a run"),
        "{text}"
    );
}

#[test]
fn of_very_many_names_without_a_use_some_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("metrics.jsonl");
    let others: String = (0..500).map(|word| format!(", \"word{word}\": 1")).collect();
    std::fs::write(
        &log,
        format!("{{\"step\": 1, \"loss\": 2.5{others}}}\n").repeat(3),
    )
    .unwrap();
    let text = inspect(&[log.to_str().unwrap()]);
    assert!(text.contains(" and 400 more"), "{text}");
}

/// A table whose loss has no number yet: one account, which does not contradict itself.
#[test]
fn a_column_taken_for_a_loss_without_values_is_told_in_one_account() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("metrics.csv");
    std::fs::write(&log, "step,loss\nfoo,bar\n").unwrap();
    let text = inspect(&[log.to_str().unwrap()]);
    assert!(text.contains("loss is the train_loss"), "{text}");
    assert!(
        text.contains("not shown      no rows with a loss yet: 1 skipped, the first for ")
            && !text.contains("not shown as a run"),
        "{text}"
    );
    assert!(
        text.contains("what was taken for a loss has no value") && !text.contains("no name was taken"),
        "{text}"
    );
}

#[test]
fn what_inspect_says_does_not_send_to_inspect() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("notes.log");
    std::fs::write(&log, "nothing here\nthat anybody measured\n").unwrap();
    let text = inspect(&[log.to_str().unwrap()]);
    assert!(
        text.contains("no metrics recognised") && text.contains("found: "),
        "{text}"
    );
    assert!(!text.contains("losscast inspect"), "{text}");
}

#[test]
fn a_forecast_is_told_with_the_level_of_its_interval() {
    let log = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/sample_logs/slimpajama-124m/wsd-lr1e-3.csv"
    );
    let text = inspect(&[log]);
    let forecast = text
        .lines()
        .find(|line| line.trim_start().starts_with("forecast"));
    assert!(
        forecast.is_some_and(|line| line.contains(" ±") && line.contains(" (80%) at step ")),
        "{text}"
    );
}
