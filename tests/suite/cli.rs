//! The command line as a user and a script meet it.

use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use serde_json::Value;

fn losscast() -> Command {
    let mut command = Command::cargo_bin("losscast").unwrap();
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn report(path: &Path) -> Value {
    let output = losscast()
        .arg("report")
        .arg(path)
        .args(["--format", "json"])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn find<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["runs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|run| run["id"] == id)
        .unwrap_or_else(|| panic!("no run {id}"))
}

#[test]
fn one_log_under_two_names_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a.csv");
    std::fs::copy("sample_logs/slimpajama-124m/wsd-lr1e-3.csv", &log).unwrap();
    std::os::unix::fs::symlink("a.csv", folder.path().join("latest.csv")).unwrap();
    for paths in [
        ["a.csv", "./a.csv"],
        ["a.csv", "latest.csv"],
        [".", "./"],
        [".", "a.csv"],
    ] {
        let output = losscast()
            .current_dir(folder.path())
            .arg("report")
            .args(paths)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && printed.matches(".csv").count() == 1,
            "{paths:?}: {printed}"
        );
    }
}

#[test]
fn the_last_values_alone_do_not_stand_for_a_run_with_a_history() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, content: &str| std::fs::write(folder.path().join(name), content).unwrap();
    for (name, summary) in [
        ("val_loss", "{\"step\": 20, \"val_loss\": 2.5}\n"),
        ("train_loss", "{\"step\": 20, \"train_loss\": 2.5}\n"),
    ] {
        put("metrics.csv", &format!("step,{name}\n10,3.5\n20,2.5\n"));
        put("summary.json", summary);
        let report = report(folder.path());
        let losses = &report["runs"][0]["losses"];
        assert_eq!(losses[0]["loss"]["points"], 2, "{report}");
    }
}

#[test]
fn what_is_said_of_test_data_gives_way_to_validation() {
    let folder = tempfile::tempdir().unwrap();
    for (split, loss) in [("train", 2.0), ("test", 9.0), ("validation", 3.0)] {
        let table = format!("epoch,{split}_loss\n0,{loss}\n1,{loss}\n2,{loss}\n");
        std::fs::write(folder.path().join(format!("metrics_{split}_1.csv")), table).unwrap();
    }
    let report = report(folder.path());
    let losses = report["runs"][0]["losses"].as_array().unwrap();
    let eval = losses.iter().find(|loss| loss["metric"] == "eval_loss").unwrap();
    assert_eq!(eval["loss"]["last"], 3.0, "{report}");
}

#[test]
fn a_mistyped_command_is_not_taken_for_a_path() {
    let told = predicate::str::contains("did you mean `losscast report`?");
    losscast()
        .args(["reprot", "sample_logs"])
        .assert()
        .code(1)
        .stderr(told);
    let told = predicate::str::contains("did you mean").not();
    losscast()
        .args(["rehearsals", "sample_logs"])
        .assert()
        .code(1)
        .stderr(told);
}

#[test]
fn the_json_of_the_report_keeps_its_contract() {
    let samples = fresh_samples();
    let report = report(samples.path());
    assert_eq!(report["schema_version"], 1);
    let runs = report["runs"].as_array().unwrap();
    assert!(runs.len() >= 12, "{} runs", runs.len());
    for run in runs {
        for key in [
            "id",
            "path",
            "format",
            "state",
            "metric",
            "step",
            "total_steps",
            "progress",
            "eta_seconds",
            "data_age_seconds",
            "loss",
            "learning_rate",
            "forecast",
            "forecast_reason",
            "law",
            "warnings",
            "skipped_lines",
            "segments",
        ] {
            assert!(run.get(key).is_some(), "{} lacks {key}", run["id"]);
        }
        assert!(
            run["forecast"].is_null() != run["forecast_reason"].is_null(),
            "{}",
            run["id"]
        );
    }
    let cosine = find(&report, "slimpajama-124m/cosine-lr1e-3.csv");
    assert_eq!(cosine["learning_rate"]["source"], "inferred");
    let forecast = &cosine["forecast"];
    let final_loss = forecast["final_loss"].as_f64().unwrap();
    assert_eq!(forecast["interval"]["level"], 0.8);
    assert!(forecast["interval"]["low"].as_f64().unwrap() < final_loss);
    // What the run really came to (mean train loss of its last 2,000 steps, not bundled): 3.08.
    assert!((final_loss - 3.08).abs() < 0.08, "{final_loss}");
    let diverged = find(&report, "llm.c-gpt2-124m-nan/train.log");
    assert_eq!(diverged["state"], "diverged");
    assert!(diverged["loss"]["last"].is_null() && diverged["forecast"].is_null());
    assert_eq!(diverged["warnings"][0]["kind"], "non_finite");
    let crossovers = report["crossovers"].as_array().unwrap();
    assert!(crossovers.iter().any(|crossover| {
        crossover["ahead_now"] == "slimpajama-124m/cosine-lr1e-3.csv"
            && crossover["ahead_at_end"] == "slimpajama-124m/wsd-lr1e-3.csv"
            && crossover["at_step"]
                .as_u64()
                .is_some_and(|step| (21_450..25_000).contains(&step))
    }));
}

/// The sample logs, as if they had just been written: of runs that are silent for a day nothing is expected.
fn fresh_samples() -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let (path, to) = (
                entry.as_ref().unwrap().path(),
                to.join(entry.unwrap().file_name()),
            );
            if path.is_dir() {
                copy(&path, &to);
            } else {
                std::fs::write(to, std::fs::read(path).unwrap()).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new("sample_logs"), folder.path());
    folder
}

#[test]
fn ids_are_stable_across_calls() {
    let ids = || {
        report(Path::new("sample_logs"))["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| run["id"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(), ids());
}

#[test]
fn without_a_terminal_the_report_is_printed() {
    losscast()
        .arg(fresh_samples().path())
        .assert()
        .success()
        .stdout(predicate::str::contains("PROJECTED 80%").and(predicate::str::contains("Crossovers")));
}

#[test]
fn tables_that_runs_share_are_a_run_each() {
    let folder = tempfile::tempdir().unwrap();
    let panel = |metric: &str, value: &dyn Fn(usize) -> f64| {
        let header = format!("\"Step\",\"a - {metric}\",\"a - {metric}__MIN\",\"b, c - {metric}\"\n");
        let row = |step| format!("{step},{0},{0},{0}\n", value(step));
        header + &(0..50).map(row).collect::<String>()
    };
    let write = |name: &str, table: &str| std::fs::write(folder.path().join(name), table).unwrap();
    write(
        "wandb_export_1.csv",
        &panel("train/loss", &|step| 4.0 - step as f64 / 50.0),
    );
    write(
        "wandb_export_2.csv",
        &panel("lr", &|step| 1e-3 / (step + 1) as f64),
    );
    let rows = |seed| (0..9).map(move |epoch| format!("{seed},{epoch},{}\n", 4 - epoch / 3));
    let rows: String = rows(1).chain(rows(2)).collect();
    write("sweep.csv", &format!("seed,epoch,train_loss\n{rows}"));
    let report = report(folder.path());
    let ids: Vec<&str> = report["runs"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|run| run["id"].as_str())
        .collect();
    assert_eq!(ids, ["a", "b, c", "sweep/1", "sweep/2"]);
    let run = find(&report, "b, c");
    assert_eq!(
        (&run["step"], &run["segments"]),
        (&Value::from(49), &Value::from(1))
    );
    assert_eq!(run["learning_rate"]["last"], 1e-3 / 50.0);
    assert_eq!(find(&report, "sweep/2")["losses"][0]["loss"]["points"], 9);
}

#[test]
fn of_epochs_and_batches_the_log_with_evaluations_stands_for_the_run() {
    // NequIP writes one table a batch and one an epoch, which counts nothing else.
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, table: String| std::fs::write(folder.path().join(name), table).unwrap();
    let loss = |batch: u64| 3.0 / (1.0 + 0.02 * batch as f64);
    let batches = (0..640).map(|at| format!("{}, {}, {:.4}\n", at / 16 + 1, at % 16 + 1, loss(at)));
    let batches = format!("epoch, batch, loss\n{}", batches.collect::<String>());
    write("metrics_batch_train.csv", batches);
    let epochs = (1..=40).map(|epoch| {
        let loss = loss(16 * epoch - 8);
        format!("{epoch}, {epoch}.5, 0.005, {loss:.4}, {:.4}\n", loss + 0.1)
    });
    let header = "epoch, wall, LR, training_loss, validation_loss\n";
    write(
        "metrics_epoch.csv",
        header.to_owned() + &epochs.collect::<String>(),
    );
    let report = report(folder.path());
    let runs = report["runs"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[0]["step"]), (1, &Value::from(40)));
    assert_eq!(runs[0]["losses"].as_array().unwrap().len(), 2);
}

#[test]
fn a_log_of_steps_takes_the_evaluations_of_one_of_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, table: String| std::fs::write(folder.path().join(name), table).unwrap();
    let loss = |step: u64| 3.0 / (1.0 + 0.002 * step as f64);
    let steps = (1..=200).map(|at| {
        let (step, epoch) = (20 * at, (at - 1) / 10);
        format!("{step},{epoch},{:.4},{}\n", loss(step), 1e-3 - 1e-7 * step as f64)
    });
    write(
        "train_steps.csv",
        format!("step,epoch,loss,lr\n{}", steps.collect::<String>()),
    );
    let epochs = (0..20).map(|epoch| {
        let loss = loss(200 * epoch + 100);
        format!("{epoch},{loss:.4},{:.4}\n", loss + 0.1)
    });
    write(
        "epochs.csv",
        format!("epoch,train_loss,val_loss\n{}", epochs.collect::<String>()),
    );
    let report = report(folder.path());
    let runs = report["runs"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[0]["step"]), (1, &Value::from(4000)));
    let told: Vec<_> = runs[0]["losses"].as_array().unwrap().iter().collect();
    let points = told.iter().map(|told| told["loss"]["points"].as_u64().unwrap());
    assert_eq!(points.collect::<Vec<_>>(), [200, 20]);
}

#[test]
fn bad_input_is_named_and_never_stops_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
    write("empty.log", b"");
    write("binary.log", &[0u8, 159, 146, 150].repeat(4000));
    write("prose.log", b"Nothing to see here.\nReally.\n");
    write(
        "no-loss.jsonl",
        b"{\"step\": 1, \"accuracy\": 0.5}\n{\"step\": 2, \"accuracy\": 0.6}\n",
    );
    write("half.json", b"{\"log_history\": [{\"step\": 1, ");
    let mut long = b"{\"step\": 1, \"loss\": 2.5, \"note\": \"".to_vec();
    long.extend(std::iter::repeat_n(b'x', 10 << 20));
    long.extend(b"\"}\n{\"step\": 2, \"loss\": 2.4}\n");
    write("long.jsonl", &long);
    write("escape.jsonl", b"{\"step\": 1, \"loss\": 2.5, \"\x1b[2J\": 1}\n\x1b]0;owned\x07\n{\"step\": 2, \"loss\": NaN}\n{\"step\": 3, \"loss\": 2.25, \"t\": \"\xff\"}\n");
    write(
        "\u{1b}[31mred.csv",
        b"step,loss\n1,2\n2,inf\n3,-Infinity\n4,\"nan\"\n5,1.5\n",
    );
    let json = report(folder.path());
    assert_eq!(json["runs"].as_array().unwrap().len(), 3);
    assert_eq!(find(&json, "long.jsonl")["loss"]["points"], 2);
    let escape = find(&json, "escape.jsonl");
    assert_eq!(
        (&escape["loss"]["points"], &escape["skipped_lines"]),
        (&Value::from(3), &Value::from(1))
    );
    let problems = json["problems"].as_array().unwrap();
    for name in ["empty.log", "binary.log", "prose.log"] {
        assert!(
            problems
                .iter()
                .any(|problem| problem["path"].as_str().unwrap().ends_with(name)),
            "{name}"
        );
    }
    for command in [&["report"][..], &["inspect"][..], &[][..]] {
        let output = losscast().args(command).arg(folder.path()).output().unwrap();
        let raw = output
            .stdout
            .iter()
            .chain(&output.stderr)
            .find(|byte| **byte < 32 && **byte != b'\n');
        assert_eq!(raw, None, "{command:?} wrote a control character");
    }
}

#[test]
fn what_cannot_be_read_is_an_error_with_a_reason() {
    losscast()
        .args(["report", "/no/such/place"])
        .assert()
        .code(1)
        .stderr(
            predicate::str::contains("/no/such/place")
                .and(predicate::str::contains("no such file or folder")),
        );
    let empty = tempfile::tempdir().unwrap();
    losscast()
        .arg("report")
        .arg(empty.path())
        .assert()
        .code(1)
        .stderr(predicate::str::contains("no log with a loss"));
    std::fs::write(
        empty.path().join("log.txt"),
        "recon 0.5 after one\nrecon 0.25 after two\n",
    )
    .unwrap();
    losscast()
        .arg("report")
        .arg(empty.path())
        .assert()
        .code(1)
        .stdout(predicate::str::contains("log.txt: no metrics recognised"));
    let many = tempfile::tempdir().unwrap();
    for index in 10..25 {
        let path = many.path().join(format!("log{index}.txt"));
        std::fs::write(path, "recon 0.5 after one\nrecon 0.25 after two\n").unwrap();
    }
    losscast()
        .arg("report")
        .arg(many.path())
        .assert()
        .code(1)
        .stdout(predicate::str::contains("(and 3 more such files)").count(1));
    // Beside a run it need not be a log.
    std::fs::write(empty.path().join("loss.csv"), "step,loss\n1,2.5\n2,2.25\n").unwrap();
    losscast()
        .arg("report")
        .arg(empty.path())
        .assert()
        .success()
        .stdout(predicate::str::contains("log.txt").not());
    losscast()
        .args(["report", "sample_logs", "--schedule", "cosinus"])
        .assert()
        .code(2)
        .stderr(
            predicate::str::contains("unknown shape `cosinus`")
                .and(predicate::str::contains("cosine:total=")),
        );
}

#[test]
fn a_table_before_its_first_row_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("metrics.csv");
    std::fs::write(&log, "epoch,train_loss,val_loss,iou\n").unwrap();
    let mut command = losscast();
    let told = command.arg("report").arg(&log).assert().code(1);
    told.stderr(predicate::str::contains("no rows with a loss yet"));
}

/// An event of `TensorBoard` with one scalar, in its frame.
fn event(step: u8, tag: &str, value: f32) -> Vec<u8> {
    let field = |head: u8, content: &[u8]| [&[head, content.len() as u8], content].concat();
    let scalar = [&field(0x0a, tag.as_bytes())[..], &[0x15], &value.to_le_bytes()].concat();
    let time = 1.7e9 + f64::from(step);
    let summary = field(0x2a, &field(0x0a, &scalar));
    let data = [&[0x09][..], &time.to_le_bytes(), &[0x10, step], &summary].concat();
    let checksum = |bytes: &[u8]| {
        let sum = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(bytes);
        sum.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
    };
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &checksum(&length), &data, &checksum(&data)].concat()
}

#[test]
fn the_trackers_of_ultralytics_count_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "epochs: 50\ncos_lr: false\nclose_mosaic: 10\nlr0: 0.01\nlrf: 0.1\n";
    let metrics = folder.path().join("dvclive/plots/metrics/train");
    std::fs::create_dir_all(&metrics).unwrap();
    std::fs::write(folder.path().join("dvclive/params.yaml"), settings).unwrap();
    let rows: String = (0..50)
        .map(|epoch| format!("{epoch}\t1.{}\n", 90 - epoch))
        .collect();
    std::fs::write(
        metrics.join("box_loss.tsv"),
        "step\tbox_loss\n".to_owned() + &rows,
    )
    .unwrap();
    let run = report(&folder.path().join("dvclive"));
    let run = &run["runs"][0];
    assert_eq!(
        (&run["total_steps"], &run["state"]),
        (&50.into(), &"finished".into())
    );

    let train = folder.path().join("train");
    std::fs::create_dir_all(&train).unwrap();
    std::fs::write(train.join("args.yaml"), settings).unwrap();
    let events: Vec<u8> = (1..26)
        .flat_map(|epoch| {
            let rate = 0.01 * (1.0 - 0.018 * f32::from(epoch));
            let loss = event(epoch, "train/box_loss", 1.9 - 0.01 * f32::from(epoch));
            [loss, event(epoch, "lr/pg0", rate)].concat()
        })
        .collect();
    std::fs::write(train.join("events.out.tfevents.1.host.2.0"), events).unwrap();
    let run = report(&train);
    let run = &run["runs"][0];
    assert_eq!(run["total_steps"], 50);
    let schedule = run["learning_rate"]["schedule"].as_str().unwrap();
    assert!(schedule.starts_with("linear to 10% over 50 steps"), "{schedule}");
}

#[test]
fn a_declared_schedule_and_declared_names_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.csv");
    let rows: String = (1..300)
        .map(|tick| format!("{tick},{:.5}\n", 2.0 + 2.0 / f64::from(tick).sqrt()))
        .collect();
    std::fs::write(&path, format!("tick,objective\n{rows}")).unwrap();
    let output = losscast()
        .arg("report")
        .arg(&path)
        .args([
            "--format",
            "json",
            "--step",
            "tick",
            "--loss",
            "objective",
            "--schedule",
            "linear:total=600,peak=1e-3",
        ])
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let run = &report["runs"][0];
    assert_eq!(
        (&run["step"], &run["total_steps"]),
        (&Value::from(299), &Value::from(600))
    );
    assert_eq!(run["learning_rate"]["source"], "declared");
    let basis = run["forecast"]["basis"].as_str().unwrap();
    assert!(basis.contains("declared schedule"), "{basis}");
    assert_eq!(run["forecast"]["at_step"], 600);
}

#[test]
fn a_run_that_ended_before_its_planned_end_is_worth_what_it_reached() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.log");
    let rows: String = (1..=200)
        .map(|step| {
            format!(
                "step {step}/400 | loss {:.4} | lr 1e-3\n",
                2.0 + 1.0 / f64::from(step).sqrt()
            )
        })
        .collect();
    let forecast = |log: &str| {
        std::fs::write(&path, log).unwrap();
        let output = losscast()
            .args(["report", "--format", "json"])
            .arg(&path)
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let run = &report["runs"][0];
        (run["state"].clone(), run["forecast"]["at_step"].clone())
    };
    assert_eq!(forecast(&rows), (Value::from("training"), Value::from(400)));
    let ended = rows + "Training completed.\n";
    assert_eq!(forecast(&ended), (Value::from("finished"), Value::from(200)));
}

#[test]
fn a_declared_name_that_no_log_has_is_told() {
    losscast()
        .args([
            "report",
            "sample_logs/slimpajama-124m/wsd-lr1e-3.csv",
            "--lr",
            "learning_rat",
        ])
        .assert()
        .code(1)
        .stdout(predicate::str::contains("wsd-lr1e-3.csv"))
        .stderr(predicate::str::contains("no log has `learning_rat`"));
}

#[test]
fn inspect_says_what_became_of_each_column_and_line() {
    losscast()
        .args(["inspect", "sample_logs/slimpajama-124m/wsd-lr1e-3.csv"])
        .assert()
        .success()
        .stdout(
            predicate::str::contains("format         csv")
                .and(predicate::str::contains("lr is the learning_rate"))
                .and(predicate::str::contains("val_loss is the eval_loss"))
                .and(predicate::str::contains("0 skipped"))
                .and(predicate::str::contains("stable, then linear")),
        );
}

#[test]
fn replay_writes_the_log_again_and_never_over_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_logs/multipowerlaw-100m/wsd-24k.csv");
    let replay = || {
        let mut command = losscast();
        command
            .arg("replay")
            .arg(&source)
            .arg("--into")
            .arg(folder.path())
            .args(["--speed", "100000x"]);
        command
    };
    replay().assert().success();
    let written = std::fs::read(folder.path().join("wsd-24k.csv")).unwrap();
    assert_eq!(written, std::fs::read(&source).unwrap());
    replay()
        .assert()
        .code(1)
        .stderr(predicate::str::contains("never overwrites"));
}

#[test]
fn replay_keeps_logs_of_one_name_apart() {
    let folder = tempfile::tempdir().unwrap();
    let line = |loss: f64| format!("{{\"step\": 1, \"loss\": {loss}}}\n{{\"step\": 2, \"loss\": {loss}}}\n");
    let mut command = losscast();
    command.arg("replay");
    for (run, loss) in [("one", 2.5), ("two", 3.5)] {
        let path = folder.path().join("runs").join(run);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("metrics.jsonl"), line(loss)).unwrap();
        command.arg(path);
    }
    let into = folder.path().join("into");
    command.arg("--into").arg(&into).args(["--speed", "100000x"]);
    command.assert().success();
    for (run, loss) in [("one", 2.5), ("two", 3.5)] {
        let written = std::fs::read_to_string(into.join(run).join("metrics.jsonl")).unwrap();
        assert_eq!(written, line(loss));
    }
}

#[test]
fn finished_runs_elsewhere_are_learnt_from() {
    let folder = tempfile::tempdir().unwrap();
    for (name, lines) in [("live/now.csv", 380), ("done/before.csv", 1000)] {
        let source = std::fs::read_to_string("sample_logs/slimpajama-124m/cosine-lr1e-3.csv").unwrap();
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let head: Vec<&str> = source.lines().take(lines).collect();
        std::fs::write(path, head.join("\n") + "\n").unwrap();
    }
    let report = |reference: &[&str]| -> Value {
        let output = losscast()
            .current_dir(folder.path())
            .args(["report", "live", "--format", "json", "--total-steps", "25000"])
            .args(reference)
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let (alone, taught) = (report(&[]), report(&["--reference", "done"]));
    assert_eq!(taught["runs"].as_array().unwrap().len(), 1);
    let sd = |report: &Value| report["runs"][0]["forecast"]["sd"].as_f64().unwrap();
    assert!(sd(&taught) < sd(&alone), "{} {}", sd(&taught), sd(&alone));
    let basis = taught["runs"][0]["forecast"]["basis"].as_str().unwrap();
    assert!(basis.contains("1 sibling"), "{basis}");
    losscast()
        .current_dir(folder.path())
        .args(["report", "live", "--reference", "nowhere"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("nowhere"));
}

#[test]
fn a_backtest_of_nothing_is_an_error_alone() {
    for of_alerts in [&[][..], &["--alerts"]] {
        losscast()
            .args(["backtest", "no-such-folder"])
            .args(of_alerts)
            .assert()
            .code(1)
            .stdout("")
            .stderr(predicate::str::contains("no-such-folder"));
    }
}

/// Puts the first rows of sample runs, up to a step, into a folder.
fn cut_samples(folder: &Path, names: &[&str], step: u64) {
    for name in names {
        let log = std::fs::read_to_string(format!("sample_logs/slimpajama-124m/{name}.csv")).unwrap();
        let seen = |line: &&str| {
            let first = line.split(',').next().unwrap();
            first.parse::<u64>().map_or(true, |at| at <= step)
        };
        let kept: Vec<&str> = log.lines().filter(seen).collect();
        std::fs::write(folder.join(format!("{name}.csv")), kept.join("\n") + "\n").unwrap();
    }
}

#[test]
fn a_run_that_others_will_pass_is_to_be_stopped_but_never_one_whose_decay_nobody_knows() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["cosine-lr1e-3", "wsd-long-decay-lr1e-3", "wsd-lr1e-3"];
    cut_samples(folder.path(), &names, 19_000);
    let check = |options: &[&str]| {
        let mut command = losscast();
        command.arg("check").arg(folder.path());
        let output = command
            .args(["--total-steps", "25000"])
            .args(options)
            .output()
            .unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    // The run that holds its rate lies far behind now, and would end lower than the cosine.
    let (code, printed) = check(&[]);
    assert!((code, printed.lines().count()) == (0, 1), "{printed}");
    cut_samples(folder.path(), &names, 22_000);
    let settings = |text: &str| std::fs::write(folder.path().join("losscast.toml"), text).unwrap();
    settings("[advice]\nstop_below = 0.05\n");
    let (code, printed) = check(&[]);
    assert_eq!(code, 5, "{printed}");
    assert!(
        printed.starts_with("stop      cosine-lr1e-3.csv: P 0.0"),
        "{printed}"
    );
    assert_eq!(check(&["--fail-on", "critical,warning"]).0, 0);
    let (code, printed) = check(&["--format", "json"]);
    let document: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((code, &document["verdict"]), (5, &Value::from("advice")));
    assert_eq!(document["findings"][0]["advice"]["kind"], "stop-outclassed");
    // Runs that are named as other cohorts do not compete; and who wants no advice says so.
    for text in [
        "[advice]\nstop_below = 0.05\n[[run]]\nmatch = \"cosine*\"\ncohort = \"alone\"\n",
        "[advice]\nstop_below = 0.05\n[[alerts.mute]]\nkind = \"advice\"\n",
        "[advice]\nstop_below = 0\n",
    ] {
        settings(text);
        assert_eq!(check(&[]).0, 0, "{text}");
    }
}

#[test]
fn a_check_tells_the_gravest_trouble_by_its_exit_code() {
    let check = |path: &str| {
        let output = losscast().arg("check").arg(path).output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, printed) = check("sample_logs/llm.c-gpt2-124m-nan");
    assert!(code == 4 && printed.starts_with("critical"), "{printed}");
    assert_eq!(check("sample_logs/llm.c-gpt2-124m").0, 0);
    assert_eq!(check("nowhere").0, 1);
}

#[test]
fn an_empty_standard_input_and_a_theme_that_there_is_not_are_told_as_such() {
    losscast()
        .args(["report", "-"])
        .write_stdin("")
        .assert()
        .code(1)
        .stderr("losscast: -: standard input was empty\n");
    losscast()
        .args(["--theme", "pink"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("dark, light, mono"));
    losscast()
        .args(["report", "--config", "/no/such.toml", "sample_logs"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("os error").count(1));
    for command in ["report", "check", "inspect", "watch"] {
        let told = losscast().args([command, "/no/such/place"]).assert().code(1);
        told.stderr(predicate::str::contains(
            "/no/such/place: no such file or folder; give a log",
        ));
    }
}

#[test]
fn watch_writes_for_programs_in_a_pipe_and_for_people_when_told_to() {
    let first_line = |more: &[&str]| {
        let mut watch = std::process::Command::new(env!("CARGO_BIN_EXE_losscast"))
            .args(["watch", "sample_logs/llm.c-gpt2-124m-nan"])
            .args(more)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = watch.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
        watch.kill().unwrap();
        watch.wait().unwrap();
        line
    };
    assert!(first_line(&[]).starts_with('{'));
    assert!(first_line(&["--format", "jsonl"]).starts_with('{'));
    let text = first_line(&["--format", "text"]);
    assert!(text.contains("Loss is NaN since step 1. The weights"), "{text}");
}
