use std::path::Path;

use super::*;

fn candidates(ids: &[&str]) -> Vec<Candidate> {
    ids.iter()
        .map(|id| Candidate {
            path: Path::new("/data/root").join(id),
            id: (*id).to_owned(),
            named: false,
            sharer: None,
            size: 1,
            modified: 0.0,
            inode: (0, 0),
        })
        .collect()
}

/// `run: files of each log`, one line per log.
fn grouped(ids: &[&str]) -> Vec<String> {
    described(group(
        candidates(ids),
        &GroupingSection::default(),
        &mut Memory::default(),
    ))
}

fn described(logs: Vec<Log>) -> Vec<String> {
    let mut lines: Vec<String> = logs
        .iter()
        .map(|log| {
            let files: Vec<&str> = log.files.iter().map(|file| file.id.as_str()).collect();
            format!("{}: {}", log.run, files.join(" "))
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn single_logs_keep_their_names() {
    assert_eq!(
        grouped(&["a/metrics.jsonl", "b/train.log", "exp1.csv", "exp2.csv"]),
        [
            "a/metrics.jsonl: a/metrics.jsonl",
            "b/train.log: b/train.log",
            "exp1.csv: exp1.csv",
            "exp2.csv: exp2.csv"
        ]
    );
}

#[test]
fn clients_of_one_folder_are_one_run() {
    assert_eq!(
        grouped(&[
            "acc/logs/tiny/events.out.tfevents.1.host.7.0",
            "acc/logs/tiny/179.3/events.out.tfevents.2.host.7.1",
            "acc/stdout.txt",
            "acc/truth.jsonl",
            "acc/wandb/offline-run-20261123_221451-abc/run-abc.wandb",
            "acc/wandb/offline-run-20261123_221451-abc/files/output.log",
        ]),
        [
            "acc: acc/logs/tiny/events.out.tfevents.1.host.7.0 acc/logs/tiny/179.3/events.out.tfevents.2.host.7.1",
            "acc: acc/stdout.txt",
            "acc: acc/truth.jsonl",
            "acc: acc/wandb/offline-run-20261123_221451-abc/files/output.log",
            "acc: acc/wandb/offline-run-20261123_221451-abc/run-abc.wandb",
        ]
    );
}

#[test]
fn files_of_single_epochs_are_one_log() {
    assert_eq!(
        grouped(&[
            "a/metrics_epoch_10.json",
            "a/metrics_epoch_9.json",
            "a/stderr.log",
            "a/gpt_epoch_1.json",
            "a/history_epoch_0.json",
            "a/history_epoch_10.json",
        ]),
        [
            "a/gpt_epoch_1.json: a/gpt_epoch_1.json",
            "a/history_epoch_0.json: a/history_epoch_0.json",
            "a/history_epoch_10.json: a/history_epoch_10.json",
            "a: a/metrics_epoch_9.json a/metrics_epoch_10.json",
            "a: a/stderr.log",
        ]
    );
}

#[test]
fn different_experiments_stay_apart() {
    assert_eq!(
        grouped(&[
            "runs/exp1/events.out.tfevents.1.h.1.0",
            "runs/exp2/events.out.tfevents.2.h.2.0",
            "slurm-1001.out",
            "slurm-1002.out",
            "wandb/run-20261123_221451-abc/run-abc.wandb",
            "wandb/run-20261124_221451-def/run-def.wandb",
            "wandb/run-20261125_221451-abc/run-abc.wandb",
        ]),
        [
            "abc: wandb/run-20261123_221451-abc/run-abc.wandb wandb/run-20261125_221451-abc/run-abc.wandb",
            "def: wandb/run-20261124_221451-def/run-def.wandb",
            "runs/exp1: runs/exp1/events.out.tfevents.1.h.1.0",
            "runs/exp2: runs/exp2/events.out.tfevents.2.h.2.0",
            "slurm-1001.out: slurm-1001.out",
            "slurm-1002.out: slurm-1002.out",
        ]
    );
}

#[test]
fn folders_of_one_name_below_several_roots_are_told_apart() {
    let mut found = candidates(&["tb/events.out.tfevents.1.h.1.0", "tb/events.out.tfevents.2.h.2.0"]);
    found[0].path = PathBuf::from("/data/a/x/tb/events.out.tfevents.1.h.1.0");
    found[1].path = PathBuf::from("/data/b/x/tb/events.out.tfevents.2.h.2.0");
    let logs = group(found, &GroupingSection::default(), &mut Memory::default());
    let runs: Vec<&str> = logs.iter().map(|log| log.run.as_str()).collect();
    assert_eq!(runs, ["a/x", "b/x"]);
}

#[test]
fn rotated_files_are_one_log_the_oldest_first() {
    assert_eq!(
        grouped(&["r/train.log", "r/train.log.1", "r/train.log.10", "r/train.log.2"]),
        ["r/train.log: r/train.log.10 r/train.log.2 r/train.log.1 r/train.log"]
    );
    assert_eq!(
        grouped(&["a.out", "a.out-20261124", "a.out-20261123", "b-20261123.log"]),
        [
            "a.out: a.out-20261123 a.out-20261124 a.out",
            "b-20261123.log: b-20261123.log"
        ]
    );
}

#[test]
fn same_stem_is_one_run_and_the_user_has_the_last_word() {
    let files = ["exp1.csv", "exp1.jsonl", "exp2.csv", "late.csv"];
    assert_eq!(
        grouped(&files),
        [
            "exp1: exp1.csv",
            "exp1: exp1.jsonl",
            "exp2.csv: exp2.csv",
            "late.csv: late.csv"
        ]
    );
    let section: GroupingSection = toml::from_str(
        "split = [\"exp1.*\"]\n[[join]]\nrun = \"all\"\nfiles = [\"exp2.csv\", \"late.csv\"]\n",
    )
    .unwrap();
    assert_eq!(
        described(group(candidates(&files), &section, &mut Memory::default())),
        [
            "all: exp2.csv late.csv",
            "exp1.csv: exp1.csv",
            "exp1.jsonl: exp1.jsonl"
        ]
    );
}

#[test]
fn what_stands_between_the_dots_of_a_name_tells_runs_apart() {
    assert_eq!(
        grouped(&[
            "a/gpt.11672114.log",
            "a/gpt.11672114.err",
            "a/gpt.11672255.log",
            "b/train.lr3e-4.log",
            "b/train.lr1e-3.log",
            "c/gpt.seed1.train.jsonl",
            "c/gpt.seed1.eval.jsonl",
            "c/gpt.seed2.log.json",
            "c/gpt.adam.log",
            "c/gpt.sgd.log",
            "d/pretrain.o1001",
            "d/pretrain.e1001",
            "d/pretrain.o1002",
        ]),
        [
            "a/gpt.11672114: a/gpt.11672114.err",
            "a/gpt.11672114: a/gpt.11672114.log",
            "a/gpt.11672255.log: a/gpt.11672255.log",
            "b/train.lr1e-3.log: b/train.lr1e-3.log",
            "b/train.lr3e-4.log: b/train.lr3e-4.log",
            "c/gpt.adam.log: c/gpt.adam.log",
            "c/gpt.seed1: c/gpt.seed1.eval.jsonl",
            "c/gpt.seed1: c/gpt.seed1.train.jsonl",
            "c/gpt.seed2.log.json: c/gpt.seed2.log.json",
            "c/gpt.sgd.log: c/gpt.sgd.log",
            "d/pretrain.1001: d/pretrain.e1001",
            "d/pretrain.1001: d/pretrain.o1001",
            "d/pretrain.o1002: d/pretrain.o1002",
        ]
    );
}

#[test]
fn jobs_that_go_on_where_others_ended_are_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, steps: std::ops::Range<u64>, above: f64| {
        let row = |step: u64| {
            let loss = above + 3.0 + 4.0 / (1.0 + step as f64).sqrt();
            format!("iter {step}: loss {loss:.4}, time 425.11ms, mfu 38.12%\n")
        };
        std::fs::write(folder.path().join(name), steps.map(row).collect::<String>()).unwrap();
    };
    let runs = || {
        let candidates = crate::source::discover::discover(&[folder.path().to_owned()]).candidates;
        described(group(
            candidates,
            &GroupingSection::default(),
            &mut Memory::default(),
        ))
    };
    write("slurm-1001.out", 0..1000, 0.0);
    write("slurm-1002.out", 900..1800, 0.0);
    write("slurm-1003.out", 1801..2500, 0.0);
    let joined = runs();
    let all = ": slurm-1001.out slurm-1002.out slurm-1003.out";
    assert!(joined.len() == 1 && joined[0].ends_with(all), "{joined:?}");
    // A run of its own from the start, one that begins elsewhere, and one with another loss.
    write("slurm-1002.out", 0..1800, 0.0);
    write("slurm-1003.out", 4000..4100, 0.0);
    write("slurm-1004.out", 4050..4200, 1.0);
    assert_eq!(runs().len(), 4);
}

/// The runs that are found in a folder.
fn runs_in(folder: &std::path::Path) -> Vec<String> {
    let candidates = crate::source::discover::discover(&[folder.to_owned()]).candidates;
    let logs = group(candidates, &GroupingSection::default(), &mut Memory::default());
    let runs: std::collections::BTreeSet<String> = logs.into_iter().map(|log| log.run).collect();
    runs.into_iter().collect()
}

fn loss_of(seed: u64, step: u64) -> f64 {
    3.0 + 4.0 / (1.0 + step as f64).sqrt() + ((step * seed) % 7) as f64 / 50.0
}

fn console_line(seed: u64, step: u64) -> String {
    format!(
        "iter {step}: loss {:.4}, time 425.11ms, mfu 38.12%\n",
        loss_of(seed, step)
    )
}

fn write_below(folder: &std::path::Path, name: &str, content: String) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// Losses at every so many steps, as JSON lines.
fn json_lines(seed: u64, first: u64, last: u64, every: usize) -> String {
    let line = |step| format!("{{\"step\": {step}, \"loss\": {:.4}}}\n", loss_of(seed, step));
    (first..=last).step_by(every).map(line).collect()
}

#[test]
fn the_trainer_of_hugging_face_restarts_in_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let launch = |place: &str, seed, first, last, every| {
        let name = format!("out/runs/{place}/events.out.tfevents.{first}.h.1.0");
        write_below(folder.path(), &name, json_lines(seed, first, last, every));
    };
    let state = |seed, last, every| {
        let history = json_lines(seed, every as u64, last, every)
            .trim_end()
            .replace('\n', ", ");
        let state = format!("{{\"log_history\": [{history}]}}");
        write_below(folder.path(), "out/trainer_state.json", state);
    };
    let runs = || {
        let runs = runs_in(folder.path());
        runs.iter()
            .map(|run| run.rsplit('/').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    // One that goes on at a checkpoint, and one that begins where only the state tells that it does.
    launch("May09_22-15-58_h", 1, 10, 1000, 10);
    launch("Nov23_22-16-38_h", 1, 910, 2000, 10);
    state(1, 2000, 10);
    assert_eq!(runs().len(), 1, "{:?}", runs());
    std::fs::remove_dir_all(folder.path().join("out")).unwrap();
    launch("May09_22-15-58_h", 1, 100, 400, 100);
    launch("Nov23_22-16-38_h", 1, 300, 600, 100);
    state(1, 600, 100);
    assert_eq!(runs().len(), 1, "{:?}", runs());
    // Other launches in the same folder, of which the last one is what the state tells.
    launch("Apr01_12-00-00_h", 3, 100, 700, 100);
    launch("Dec12_15-45-04_h", 2, 101, 303, 101);
    state(2, 303, 101);
    assert_eq!(
        runs(),
        [
            "Apr01_12-00-00_h",
            "Dec12_15-45-04_h",
            "May09_22-15-58_h",
            "Nov23_22-16-38_h"
        ]
    );
}

#[test]
fn a_version_that_begins_midway_continues_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let version = |number: u64, first: u64, last: u64| {
        let row = |step: u64| format!("{step},{:.4}\n", loss_of(number, step));
        let rows: String = (first..=last).step_by(50).map(row).collect();
        let name = format!("lightning_logs/version_{number}/metrics.csv");
        write_below(folder.path(), &name, format!("step,train_loss\n{rows}"));
    };
    version(0, 49, 849);
    version(5, 1049, 1449);
    version(8, 49, 449);
    // A longer epoch is no resume.
    version(9, 210, 2360);
    let joined = [
        "lightning_logs/version_8/metrics.csv",
        "lightning_logs/version_9/metrics.csv",
        "version_0",
    ];
    assert_eq!(runs_in(folder.path()), joined);
}

#[test]
fn what_wandb_keeps_of_a_run_is_one_run_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    for place in ["wandb/latest-run", "copied"] {
        let name = |name: &str| format!("{place}/{name}");
        write_below(
            folder.path(),
            &name("run-at98nitt.wandb"),
            json_lines(1, 1, 100, 1),
        );
        write_below(folder.path(), &name("files/output.log"), json_lines(1, 1, 50, 1));
        write_below(
            folder.path(),
            &name("files/wandb-summary.json"),
            json_lines(1, 100, 100, 1),
        );
        for root in [place.to_owned(), name("files")] {
            let found = runs_in(&folder.path().join(&root));
            assert_eq!(found.len(), 1, "{root}: {found:?}");
        }
    }
}

#[test]
fn what_clients_put_into_folders_of_their_own_is_of_the_run() {
    assert_eq!(
        grouped(&[
            "a/catboost_info/learn/events.out.tfevents",
            "a/catboost_info/learn_error.tsv",
            "a/catboost_info/test/events.out.tfevents",
            "a/catboost_info/test_error.tsv",
            "b/version_1/metrics.csv",
            "b/version_1/tf/events.out.tfevents.1.h.1.0",
        ]),
        [
            "a/catboost_info: a/catboost_info/learn/events.out.tfevents a/catboost_info/test/events.out.tfevents",
            "a/catboost_info: a/catboost_info/learn_error.tsv",
            "a/catboost_info: a/catboost_info/test_error.tsv",
            "b: b/version_1/metrics.csv",
            "b: b/version_1/tf/events.out.tfevents.1.h.1.0",
        ]
    );
}

#[test]
fn logs_that_somebody_named_start_by_start_are_one_run() {
    for names in [
        ["train_1.log", "train_2.log"],
        ["train.log", "train_resume.log"],
        ["log.txt", "log2.txt"],
        ["train_20260101_120000.log", "train_20260102_093000.log"],
        [
            "training_log_2026_1_1_12_00_00.txt",
            "training_log_2026_1_2_9_30_00.txt",
        ],
        ["gpt-777000.out", "gpt-777005.out"],
        ["10240.out", "10241.out"],
        ["train.log.old", "train.log"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, steps: std::ops::Range<u64>| {
            write_below(
                folder.path(),
                name,
                steps.map(|step| console_line(3, step)).collect(),
            );
        };
        write(names[0], 0..1000);
        write(names[1], 950..1400);
        assert_eq!(runs_in(folder.path()).len(), 1, "{names:?}");
    }
    // One that leaves far back is a branch, and one from the beginning another run.
    for begins in [700, 0] {
        let folder = tempfile::tempdir().unwrap();
        for (name, steps) in [("wsd_1.log", 0..1000), ("wsd_2.log", begins..1400)] {
            write_below(
                folder.path(),
                name,
                steps.map(|step| console_line(3, step)).collect(),
            );
        }
        assert_eq!(runs_in(folder.path()).len(), 2, "{begins}");
    }
}

#[test]
fn a_console_and_what_the_trainer_records_elsewhere_are_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let records = |seed: u64, until: u64| -> String {
        let row = |step: u64| format!("{{\"step\": {step}, \"loss\": {}}}\n", loss_of(seed, step));
        (0..until).step_by(10).map(row).collect()
    };
    let console = |seed: u64, until: u64| (0..until).map(|step| console_line(seed, step)).collect();
    write_below(folder.path(), "outputs/a/metrics.jsonl", records(3, 400));
    write_below(folder.path(), "slurm/gpt-a.out", console(3, 400));
    write_below(folder.path(), "outputs/b/metrics.jsonl", records(5, 400));
    assert_eq!(runs_in(folder.path()), ["outputs/a", "outputs/b/metrics.jsonl"]);
    // It goes on by itself: a branch, or another run of the same beginning.
    write_below(folder.path(), "slurm/gpt-a.out", console(3, 800));
    assert_eq!(runs_in(folder.path()).len(), 3);
}

#[test]
fn each_run_that_shares_a_document_has_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let losses = |seed: u64| {
        let losses: Vec<f64> = (0..20).map(|epoch| loss_of(seed, epoch)).collect();
        format!("{{\"train_loss\": {losses:?}}}")
    };
    let document = format!("{{\"vgg\": {}, \"resnet\": {}}}", losses(3), losses(5));
    write_below(folder.path(), "history.json", document.clone());
    write_below(folder.path(), "mnist.json", document);
    assert_eq!(
        runs_in(folder.path()),
        ["mnist/resnet", "mnist/vgg", "resnet", "vgg"]
    );
}

/// A callback of Keras writes a table, another one event files.
#[test]
fn a_table_and_the_event_files_of_one_training_are_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let table = |seed: u64| -> String {
        let row = |epoch: u64| format!("{epoch},{}\n", loss_of(seed, epoch));
        "epoch,loss\n".to_owned() + &(0..20).map(row).collect::<String>()
    };
    let records = |seed: u64| -> String {
        let row = |epoch: u64| {
            format!(
                "{{\"epoch\": {epoch}, \"loss\": {}}}\n",
                loss_of(seed, epoch) as f32
            )
        };
        (0..20).map(row).collect()
    };
    for (model, seed) in [("vgg", 3), ("resnet", 5)] {
        write_below(folder.path(), &format!("csv/{model}_history.csv"), table(seed));
        write_below(
            folder.path(),
            &format!("fit/{model}/metrics.jsonl"),
            records(seed),
        );
    }
    assert_eq!(runs_in(folder.path()).len(), 2);
    // Another training of the same length.
    write_below(folder.path(), "csv/mobilenet_history.csv", table(7));
    assert_eq!(runs_in(folder.path()).len(), 3);
}

/// `wandb.init(sync_tensorboard=True)`, with the event files beside the log of W&B.
#[test]
fn what_wandb_takes_from_event_files_is_of_their_run() {
    let events = "events.out.tfevents.1690076260.host.1260.0";
    let wandb = "wandb/run-20230723_093735-mxaehod4";
    assert_eq!(
        grouped(&[
            &format!("logs/ppo/{events}"),
            "logs/ppo/log.csv",
            &format!("{wandb}/files/{events}"),
            &format!("{wandb}/files/output.log"),
            &format!("{wandb}/files/wandb-summary.json"),
            &format!("{wandb}/run-mxaehod4.wandb"),
            "wandb/run-20230724_093735-61qqbz3a/run-61qqbz3a.wandb",
        ]),
        [
            format!("logs/ppo: logs/ppo/{events}"),
            "logs/ppo: logs/ppo/log.csv".to_owned(),
            format!("logs/ppo: {wandb}/files/output.log"),
            format!("logs/ppo: {wandb}/files/wandb-summary.json"),
            format!("logs/ppo: {wandb}/run-mxaehod4.wandb"),
            "root: wandb/run-20230724_093735-61qqbz3a/run-61qqbz3a.wandb".to_owned(),
        ]
    );
}

#[test]
fn records_that_end_with_all_that_a_trainer_remembers_tell_the_same_as_its_console() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, seed: u64| {
        let rows = (1..=3000).map(|step| {
            let loss = 0.3 * loss_of(seed, step);
            format!("{{\"loss\": {loss:.8}, \"global_step/max_steps\": \"{step}/3000\"}}\n")
        });
        let remembered: String = (1..=3000)
            .map(|step| format!("{{\"step\": {step}, \"lr\": 1e-05}}, "))
            .collect();
        let state = format!("{{\"global_step\": 3000, \"log_history\": [{remembered}{{}}]}}\n");
        write_below(folder.path(), name, rows.collect::<String>() + &state);
    };
    // Four digits of each, whatever they are worth.
    let printed = |step: u64| {
        let loss = 0.3 * loss_of(3, step);
        let decimals = if loss < 1.0 { 4 } else { 3 };
        format!("{{'loss': '{loss:.decimals$}', 'global_step/max_steps': '{step}/3000'}}\n")
    };
    write_below(folder.path(), "train.log", (1..=3000).map(printed).collect());
    write("v0-20260425-045155/logging.jsonl", 3);
    assert_eq!(runs_in(folder.path()), ["v0-20260425-045155"]);
    // Another attempt.
    write("v1-20260426-045155/logging.jsonl", 5);
    assert_eq!(runs_in(folder.path()).len(), 2);
}

#[test]
fn runs_that_are_alike_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    let console = |share: f64, until: u64| -> String {
        let line = |step: u64| {
            format!(
                "iter {step}: loss {:.4}, time 425.11ms\n",
                share * loss_of(3, step)
            )
        };
        (0..until).map(line).collect()
    };
    // Two seeds over the same data, in files of other endings.
    write_below(folder.path(), "train_seed42.log", console(1.0, 400));
    write_below(folder.path(), "train_seed2024.txt", console(1.001, 400));
    assert_eq!(runs_in(folder.path()).len(), 2);
    // Fine-tunings from one checkpoint, whose first records are at other steps.
    let folder = tempfile::tempdir().unwrap();
    for (name, first) in [
        ("ft_lr1e-4.log", 143_010),
        ("ft_lr1e-5.log", 143_020),
        ("ft_lr1e-6.log", 143_050),
    ] {
        let lines = (first..145_000).step_by(10).map(|step| console_line(3, step));
        write_below(folder.path(), name, lines.collect());
    }
    assert_eq!(runs_in(folder.path()).len(), 3);
    // A fork that another job trains on.
    let folder = tempfile::tempdir().unwrap();
    for (name, steps) in [
        ("baseline-10240.out", 0..10_000),
        ("lowlr-10251.out", 6000..10_000),
    ] {
        write_below(
            folder.path(),
            name,
            steps.step_by(10).map(|step| console_line(3, step)).collect(),
        );
    }
    assert_eq!(runs_in(folder.path()).len(), 2);
}

#[test]
fn runs_of_an_mlflow_store_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    for run in ["0a1b2c3d4e5f", "9a8b7c6d5e4f"] {
        let inside = format!("mlruns/0/{run}");
        write_below(
            folder.path(),
            &format!("{inside}/meta.yaml"),
            format!("run_id: {run}\n"),
        );
        let metric = (0..9).map(|step| format!("{} {} {step}\n", 1_700_000_000 + step, loss_of(3, step)));
        write_below(folder.path(), &format!("{inside}/metrics/loss"), metric.collect());
    }
    assert_eq!(runs_in(folder.path()).len(), 2);
}

#[test]
fn no_job_is_dropped_for_what_comes_before_its_first_loss() {
    let folder = tempfile::tempdir().unwrap();
    for job in [777_000, 777_001, 777_002] {
        let preamble: String = (0..4000)
            .map(|line| format!("loading shard {line} of the vocabulary\n"))
            .collect();
        let losses: String = (0..100).map(|step| console_line(job, step)).collect();
        let evals: String = (0..9)
            .map(|step| format!("step {}: val loss {:.4}\n", 100 * step, loss_of(job, step)))
            .collect();
        let content = [preamble, losses, evals][..][(job - 777_000) as usize..].concat();
        write_below(folder.path(), &format!("slurm-{job}.out"), content);
    }
    assert_eq!(runs_in(folder.path()).len(), 3);
}

#[test]
fn a_log_without_a_name_is_of_the_attempt_that_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, seed: u64, losses: bool| {
        let row = |step: u64| {
            if losses {
                console_line(seed, step)
            } else {
                "Traceback\n".to_owned()
            }
        };
        write_below(folder.path(), name, (0..100).map(row).collect());
    };
    let attempt = |time: u32, id: &str| format!("wandb/run-20261123_00000{time}-{id}/files/output.log");
    let runs = || runs_in(folder.path());
    write("train.log", 3, true);
    write(&attempt(1, "aaa"), 3, false);
    write(&attempt(2, "bbb"), 3, true);
    // The one that failed at once is none.
    assert_eq!(runs().len(), 1, "{:?}", runs());
    write(&attempt(3, "ccc"), 5, true);
    assert_eq!(runs().len(), 3, "{:?}", runs());
    assert!(runs().contains(&"bbb".to_owned()) && !runs().contains(&"train.log".to_owned()));
}

#[test]
fn logs_that_contradict_one_another_are_two_runs() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, line: &dyn Fn(u64) -> String| {
        let lines: String = (1..=40).map(line).collect();
        std::fs::write(folder.path().join(name), lines).unwrap();
    };
    let runs = || runs_in(folder.path()).len();
    let loss = |step: u64| 3.0 + 4.0 / (step as f64).sqrt();
    write("train.jsonl", &|step| {
        format!("{{\"step\":{step},\"loss\":{:.4}}}\n", loss(step))
    });
    // The same run on the console, smoothed and rarer.
    write("log.txt", &|step| {
        format!(
            "iter {}: loss {:.2}, time 425.11ms, mfu 38.12%\n",
            2 * step,
            1.02 * loss(2 * step)
        )
    });
    assert_eq!(runs(), 1);
    write("log.txt", &|step| {
        format!(
            "iter {}: loss {:.2}, time 425.11ms, mfu 38.12%\n",
            2 * step,
            2.0 + loss(2 * step)
        )
    });
    assert_eq!(runs(), 2);
    // A loss of held-out data may be anything.
    std::fs::rename(folder.path().join("log.txt"), folder.path().join("eval.txt")).unwrap();
    assert_eq!(runs(), 1);
}

#[test]
fn a_log_of_epochs_and_one_of_updates_are_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let loss = |update: u64| 3.0 + 4.0 / (update as f64).sqrt();
    let write = |name: &str, of_epochs: f64| {
        let epochs = (1..=12).map(|epoch| format!("{epoch}\t{}\n", of_epochs * loss(16 * epoch - 8)));
        write_below(
            folder.path(),
            name,
            format!("EPOCH\tTRAIN_LOSS\n{}", epochs.collect::<String>()),
        );
    };
    let updates =
        (1..=192).map(|update| format!("{}, {update}, {:.4}\n", (update - 1) / 16 + 1, loss(update)));
    let updates = format!("epoch, step, loss\n{}", updates.collect::<String>());
    for (of_epochs, of_updates) in [
        ("loss.tsv", "training.csv"),
        ("metrics_epoch.tsv", "metrics_batch_train.csv"),
    ] {
        write_below(folder.path(), of_updates, updates.clone());
        write(of_epochs, 1.0);
        assert_eq!(runs_in(folder.path()).len(), 1, "{of_epochs}");
        write(of_epochs, 1.5);
        assert_eq!(runs_in(folder.path()).len(), 2, "{of_epochs}");
        std::fs::remove_file(folder.path().join(of_epochs)).unwrap();
        std::fs::remove_file(folder.path().join(of_updates)).unwrap();
    }
}

#[test]
fn logs_that_count_an_epoch_in_other_steps_meet_by_their_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let write = |scale: f64| {
        let loss = |epoch: u32| 2.0 + 6.0 / f64::from(1 + epoch);
        let table = (0..12).map(|epoch| format!("{epoch},37,{}\n", loss(epoch)));
        let table = format!("epoch,batch,loss\n{}", table.collect::<String>());
        let account = |epoch| {
            let loss = scale * loss(epoch);
            format!(
                "Epoch [{epoch}]:\nTraining:\nAverage sample loss: {loss:.3}\nValidation:\nAverage sample loss: 9.5\n"
            )
        };
        write_below(folder.path(), "train.csv", table);
        write_below(folder.path(), "log.txt", (0..12).map(account).collect::<String>());
    };
    write(1.0);
    assert_eq!(runs_in(folder.path()).len(), 1);
    write(1.5);
    assert_eq!(runs_in(folder.path()).len(), 2);
}

#[test]
fn what_is_held_out_may_lie_in_a_file_or_a_folder_beside_the_training() {
    for names in [
        ["log.csv", "eval.csv"],
        ["trainLoss.csv", "valLoss.csv"],
        ["train/progress.csv", "val/progress.csv"],
        ["training_steps_log.csv", "validation_log.csv"],
        [
            "run-train-tag-epoch_loss.csv",
            "run-validation-tag-epoch_loss.csv",
        ],
    ] {
        let folder = tempfile::tempdir().unwrap();
        for (name, offset) in names.into_iter().zip([0.0, 0.3]) {
            let header = if name.contains("-tag-") {
                "Wall time,Step,Value\n"
            } else {
                "time,step,loss\n"
            };
            let row = |step: u32| {
                format!(
                    "{}.5,{step},{}\n",
                    1_700_000_000 + step,
                    offset + 9.0 / f64::from(step)
                )
            };
            let rows: String = (1..=20).map(row).collect();
            write_below(folder.path(), name, format!("{header}{rows}"));
        }
        assert_eq!(runs_in(folder.path()).len(), 1, "{names:?}");
    }
    assert_eq!(grouped(&["train/a.csv", "val/b.csv"]).len(), 2);
}
