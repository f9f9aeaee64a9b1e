//! Files that change while they are followed.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use losscast::engine::Options;
use losscast::metric::{Names, Quantity};
use losscast::monitor::Monitor;
use losscast::snapshot::{RunView, Snapshot};
use losscast::source::reader::ReaderOptions;

pub fn follow(folder: &Path) -> Monitor {
    let reading = ReaderOptions {
        roots: vec![folder.to_owned()],
        names: Names::default(),
        grouping: losscast::config::GroupingSection::default(),
        feeds: Vec::new(),
        poll: Duration::from_millis(100),
        follow: true,
    };
    Monitor::start(reading, Options::default()).unwrap()
}

/// Waits until the snapshot is as wanted; fails with the last one after a while.
pub fn wait(monitor: &Monitor, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let started = Instant::now();
    loop {
        let snapshot = monitor.snapshots().borrow().clone();
        if wanted(&snapshot) {
            return snapshot;
        }
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "never {what}: {:?}",
            snapshot.runs
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

pub fn lines(steps: std::ops::Range<u64>) -> String {
    steps
        .map(|step| {
            format!(
                "{{\"step\": {step}, \"loss\": {:.4}}}\n",
                4.0 - 0.001 * step as f64
            )
        })
        .collect()
}

pub fn run<'a>(snapshot: &'a Snapshot, id: &str) -> Option<&'a Arc<RunView>> {
    snapshot.runs.iter().find(|run| run.id == id)
}

pub fn points(snapshot: &Snapshot, id: &str) -> u64 {
    run(snapshot, id)
        .and_then(|run| run.loss(Quantity::TrainLoss))
        .map_or(0, |loss| loss.points)
}

#[test]
fn appended_lines_and_torn_ones_arrive_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    append(&path, &lines(0..50));
    let monitor = follow(folder.path());
    wait(&monitor, "read", |snapshot| {
        points(snapshot, "metrics.jsonl") == 50
    });
    append(&path, "{\"step\": 50, \"loss\": 3.4");
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(
        points(&monitor.snapshots().borrow(), "metrics.jsonl"),
        50,
        "a torn line was used"
    );
    append(&path, "512}\n");
    let snapshot = wait(&monitor, "completed", |snapshot| {
        points(snapshot, "metrics.jsonl") == 51
    });
    assert_eq!(run(&snapshot, "metrics.jsonl").unwrap().losses[0].last, 3.4512);
}

#[test]
fn new_files_in_new_folders_become_runs() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = follow(folder.path());
    wait(&monitor, "caught up", |snapshot| snapshot.loading.is_none());
    std::fs::create_dir_all(folder.path().join("late/run")).unwrap();
    append(
        &folder.path().join("late/run/train.log"),
        "step:1/100 train_loss:4.0 train_time:10ms\n",
    );
    append(
        &folder.path().join("late/run/train.log"),
        "step:2/100 train_loss:3.9 train_time:20ms\n",
    );
    let snapshot = wait(&monitor, "found", |snapshot| {
        points(snapshot, "late/run/train.log") == 2
    });
    assert_eq!(snapshot.runs[0].format, "modded-nanogpt");
    assert_eq!(snapshot.runs[0].total_steps, Some(100));
}

#[test]
fn truncation_replacement_and_resume() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    append(&path, &lines(0..100));
    let monitor = follow(folder.path());
    wait(&monitor, "read", |snapshot| {
        points(snapshot, "metrics.jsonl") == 100
    });

    // A resume from a checkpoint: the overlap is superseded.
    append(&path, &lines(80..110));
    let snapshot = wait(&monitor, "resumed", |snapshot| {
        points(snapshot, "metrics.jsonl") == 110
    });
    assert_eq!(run(&snapshot, "metrics.jsonl").unwrap().segments, 2);
    assert!(
        !run(&snapshot, "metrics.jsonl").unwrap().losses[0]
            .curve
            .superseded
            .is_empty()
    );

    // Truncated and begun anew: the old content is gone.
    std::fs::write(&path, lines(0..5)).unwrap();
    let snapshot = wait(&monitor, "truncated", |snapshot| {
        points(snapshot, "metrics.jsonl") == 5
    });
    assert_eq!(run(&snapshot, "metrics.jsonl").unwrap().segments, 1);

    // Rotated: the new file goes on where the old one ended.
    std::fs::rename(&path, folder.path().join("metrics.jsonl.1")).unwrap();
    append(&path, &lines(5..9));
    let snapshot = wait(&monitor, "rotated", |snapshot| {
        points(snapshot, "metrics.jsonl") == 9
    });
    assert_eq!(run(&snapshot, "metrics.jsonl").unwrap().step, 8);

    // Replaced by a complete rewrite.
    let other = folder.path().join(".new");
    std::fs::write(&other, lines(0..20)).unwrap();
    std::fs::rename(&other, &path).unwrap();
    wait(&monitor, "replaced", |snapshot| {
        points(snapshot, "metrics.jsonl") == 20
    });
}

#[test]
fn a_rewritten_trainer_state_grows_without_segments() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trainer_state.json");
    let state = |steps: u64| {
        let rows: Vec<String> = (1..=steps)
            .map(|step| format!("{{\"step\": {step}, \"loss\": 2.5, \"learning_rate\": 1e-4}}"))
            .collect();
        format!("{{\"max_steps\": 100, \"log_history\": [{}]}}", rows.join(","))
    };
    std::fs::write(&path, state(10)).unwrap();
    let monitor = follow(folder.path());
    wait(&monitor, "read", |snapshot| {
        points(snapshot, "trainer_state.json") == 10
    });
    let whole = state(30);
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        points(&monitor.snapshots().borrow(), "trainer_state.json"),
        10,
        "half a document was used"
    );
    std::fs::write(&path, &whole).unwrap();
    let snapshot = wait(&monitor, "rewritten", |snapshot| {
        points(snapshot, "trainer_state.json") == 30
    });
    assert_eq!(run(&snapshot, "trainer_state.json").unwrap().segments, 1);
}

#[test]
fn a_forecast_appears_while_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.csv");
    let rows = |steps: std::ops::Range<u64>| -> String {
        steps
            .map(|step| {
                let share = 1.0 - step as f64 / 1000.0;
                format!(
                    "{step},{:.6},{:.4},1000\n",
                    1e-3 * share.max(0.0),
                    2.5 + 3.0 / (1.0 + step as f64 * 0.02)
                )
            })
            .collect()
    };
    append(&path, "step,lr,loss,total_steps\n");
    append(&path, &rows(1..400));
    let monitor = follow(folder.path());
    let forecast = |snapshot: &Snapshot| {
        Some(
            run(snapshot, "run.csv")?
                .losses
                .first()?
                .forecast
                .clone()?
                .final_loss,
        )
    };
    let first = wait(&monitor, "forecast", |snapshot| forecast(snapshot).is_some());
    append(&path, &rows(400..800));
    let second = wait(&monitor, "forecast again", |snapshot| {
        points(snapshot, "run.csv") == 799 && forecast(snapshot) != forecast(&first)
    });
    assert_eq!(
        run(&second, "run.csv").unwrap().schedule_source.name(),
        "inferred"
    );
    assert!((forecast(&second).unwrap() - 2.65).abs() < 0.1);
}

/// The settings beside a log may be written after its first lines, or be half written by then.
#[test]
fn settings_that_come_late_are_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("run/metrics.jsonl");
    let settings = folder.path().join("run/config.json");
    std::fs::create_dir_all(folder.path().join("run")).unwrap();
    std::fs::write(&settings, "{\"max_steps\": 77").unwrap();
    append(&log, &lines(0..20));
    let monitor = follow(folder.path());
    let id = "run/metrics.jsonl";
    let snapshot = wait(&monitor, "read", |snapshot| points(snapshot, id) == 20);
    assert_eq!(run(&snapshot, id).unwrap().total_steps, None);
    std::fs::write(&settings, "{\"max_steps\": 777, \"warmup_steps\": 50}").unwrap();
    append(&log, &lines(20..30));
    wait(&monitor, "taken up", |snapshot| {
        points(snapshot, id) == 30 && run(snapshot, id).unwrap().total_steps == Some(777)
    });
}

/// A long preamble, then few lines beside it.
#[test]
fn a_log_is_recognised_when_its_metrics_come_late() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.log");
    let building =
        |index: u32| format!("[{index}/9000] Building CXX object foo.dir/file_{index}.cpp.o -O3 -fPIC\n");
    append(&path, &(0..9000).map(building).collect::<String>());
    let monitor = follow(folder.path());
    wait(&monitor, "looked at", |snapshot| snapshot.loading.is_none());
    append(&path, &lines(0..40));
    wait(&monitor, "recognised", |snapshot| {
        points(snapshot, "train.log") == 40
    });
}

/// What a log is read by was chosen when there were a few lines of it.
#[test]
fn more_lines_show_more_of_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.log");
    let epoch = |epoch: u32| {
        format!(
            "Epoch: {epoch}/30\nTime Taken: 3{epoch}.36s - LR: {:.2e}\nTrain Loss: {:.4} - Train Perplexity: 543.44\n\
             Valid Loss: {:.4} - Valid Perplexity: 459.54\n{}\n",
            1e-4 - 1e-6 * f64::from(epoch),
            7.0 - 0.1 * f64::from(epoch),
            7.1 - 0.1 * f64::from(epoch),
            "-".repeat(80)
        )
    };
    let header = "use_experimental: True\nnum_layers: 12\nlr: 0.0001\nnum_epochs: 30\n";
    let text = format!("{header}{}", (1..=20).map(epoch).collect::<String>());
    let monitor = follow(folder.path());
    for line in text.lines() {
        append(&path, &format!("{line}\n"));
        std::thread::sleep(Duration::from_millis(10));
    }
    wait(&monitor, "read again", |snapshot| {
        let run = run(snapshot, "train.log");
        points(snapshot, "train.log") == 20 && run.is_some_and(|run| run.learning_rate == Some(8e-5))
    });
}

/// A job that dies in the middle of a number leaves less than the number.
#[test]
fn a_torn_last_line_counts_neither_now_nor_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.log");
    let line = |step: u32| format!("step {step}/900 | loss 3.{step:04} | lr 3.000e-04\n");
    append(&path, &(0..50).map(line).collect::<String>());
    let monitor = follow(folder.path());
    wait(&monitor, "read", |snapshot| points(snapshot, "train.log") == 50);
    append(&path, "step 50/900 | loss 3");
    let file = OpenOptions::new().append(true).open(&path).unwrap();
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(60);
    file.set_modified(long_ago).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(points(&monitor.snapshots().borrow(), "train.log"), 50);
    append(&path, ".0050 | lr 3.000e-04\n");
    wait(&monitor, "completed", |snapshot| {
        points(snapshot, "train.log") == 51
    });
}

/// What was moved aside is still of the run when the rest is read again.
#[test]
fn a_rotated_log_keeps_its_history_when_settings_change() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("metrics.jsonl");
    append(&log, &lines(0..50));
    let monitor = follow(folder.path());
    let id = "metrics.jsonl";
    wait(&monitor, "read", |snapshot| points(snapshot, id) == 50);
    std::fs::rename(&log, folder.path().join("metrics.jsonl.1")).unwrap();
    append(&log, &lines(50..60));
    wait(&monitor, "rotated", |snapshot| points(snapshot, id) == 60);
    std::fs::write(folder.path().join("config.json"), "{\"max_steps\": 777}").unwrap();
    append(&log, &lines(60..70));
    wait(&monitor, "taken up", |snapshot| {
        points(snapshot, id) == 70 && run(snapshot, id).unwrap().total_steps == Some(777)
    });
}

/// What is compressed is judged by all of it at once.
#[test]
fn a_compressed_log_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.log.gz");
    let file = std::fs::File::create(&path).unwrap();
    let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    packer.write_all(lines(0..4000).as_bytes()).unwrap();
    let file = packer.finish().unwrap();
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(60);
    file.set_modified(long_ago).unwrap();
    let monitor = follow(folder.path());
    let id = "train.log.gz";
    wait(&monitor, "read", |snapshot| points(snapshot, id) == 4000);
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(
            points(&monitor.snapshots().borrow(), id),
            4000,
            "it was read again"
        );
    }
}
