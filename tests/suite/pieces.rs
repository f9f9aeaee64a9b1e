//! Logs that arrive in pieces, and a search or a look between any two of them: what is known in the
//! end is what one reading of the whole tells.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, SystemTime};

use losscast::engine::{Engine, Options};
use losscast::metric::{Names, Quantity};
use losscast::monitor::read_without_fits;
use losscast::snapshot::Snapshot;
use losscast::source::SourceEvent;
use losscast::source::reader::{Message, Outlet, Reader, ReaderOptions, now};
use losscast::source::watch::Watch;

/// A folder that is followed look by look.
struct Followed {
    folder: tempfile::TempDir,
    reader: Reader<'static>,
    inbox: Receiver<Message>,
    engine: Engine,
}

fn reading(root: &Path, follow: bool) -> ReaderOptions {
    ReaderOptions {
        roots: vec![root.to_owned()],
        names: Names::default(),
        grouping: losscast::config::GroupingSection::default(),
        feeds: Vec::new(),
        poll: Duration::from_secs(1),
        follow,
    }
}

impl Followed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (outlet, inbox) = sync_channel(1 << 16);
        // The reader borrows these for as long as the test runs.
        let options = Box::leak(Box::new(reading(folder.path(), true)));
        let outlet = Box::leak(Box::new(Outlet(outlet)));
        let mut followed = Followed {
            reader: Reader::new(options, Watch::new(), outlet),
            engine: Engine::new(Options::default()),
            folder,
            inbox,
        };
        followed.search();
        followed.engine.apply(SourceEvent::CaughtUp, now());
        followed
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Moves what was moved aside before by one number: `train.log.1` is free.
    fn make_room_aside(&self) {
        let aside = |number: u32| self.at(&format!("train.log.{number}"));
        let there = (1..5).rev().filter(|number| aside(*number).exists());
        there.for_each(|number| std::fs::rename(aside(number), aside(number + 1)).unwrap());
    }

    /// Looks at all files that are known.
    fn look(&mut self) {
        let going_on = AtomicBool::new(false);
        while self.reader.pass(&going_on, false).is_ok_and(|busy| busy) {}
        for message in self.inbox.try_iter() {
            if let Message::Source(event) = message {
                self.engine.apply(event, now());
            }
        }
    }

    /// Searches for files and looks at them.
    fn search(&mut self) {
        assert!(self.reader.discover().is_ok());
        self.look();
    }

    /// Appends to a file and looks at it.
    fn append(&mut self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.at(name);
        let is_new = !path.exists();
        append(&path, content.as_ref());
        if is_new {
            self.search();
        } else {
            self.look();
        }
    }

    /// A minute passes in which nothing is written.
    fn wait(&mut self) {
        let past = SystemTime::now() - Duration::from_secs(60);
        for entry in walkdir::WalkDir::new(self.folder.path()).into_iter().flatten() {
            if entry.file_type().is_file() {
                let file = File::options().append(true).open(entry.path()).unwrap();
                file.set_modified(past).unwrap();
            }
        }
        self.search();
    }

    /// What is known, against what one reading tells.
    fn is_as_read_once(&mut self) {
        self.wait();
        let once = read_without_fits(reading(self.folder.path(), false), Options::default(), |_| {});
        assert_eq!(known(&mut self.engine), known(&mut once.unwrap()));
    }

    fn snapshot(&mut self) -> std::sync::Arc<Snapshot> {
        self.engine.snapshot(now()).into()
    }
}

fn append(path: &Path, content: &[u8]) {
    use std::io::Write;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    file.write_all(content).unwrap();
}

/// All that is known of the runs.
fn known(engine: &mut Engine) -> String {
    let mut known = String::new();
    for (_, run, leads) in engine.logs() {
        let _ = writeln!(
            known,
            "{} {leads} {} of {:?} in {} {:?}",
            run.identity.id,
            run.last_step(),
            run.logged_total_steps(),
            run.segments(),
            run.lines,
        );
        for quantity in Quantity::ALL {
            if let Some(series) = run.own_series(quantity) {
                let _ = writeln!(known, "  {quantity:?} {series:?}");
            }
        }
        for alert in run.branch.alerts.all() {
            let _ = writeln!(known, "  {alert:?}");
        }
    }
    known
}

/// A TensorBoard event of one scalar, in its frame.
fn scalar(step: u8, tag: &str, value: f32) -> Vec<u8> {
    let field = |key: u8, content: &[u8]| [&[key, content.len() as u8], content].concat();
    let value = [
        field(0x0a, tag.as_bytes()),
        vec![0x15],
        value.to_le_bytes().to_vec(),
    ]
    .concat();
    let time = (1.7e9 + f64::from(step)).to_le_bytes();
    let summary = field(0x2a, &field(0x0a, &value));
    framed(&[&[0x09], &time[..], &[0x10, step], &summary].concat())
}

fn framed(data: &[u8]) -> Vec<u8> {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
    let masked = |bytes: &[u8]| {
        let checksum = crc.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8);
        checksum.to_le_bytes()
    };
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), data, &masked(data)].concat()
}

const EVENTS: &str = "events.out.tfevents.1700000000.host.1.0";

/// The record that an event file begins with.
fn beginning() -> Vec<u8> {
    framed(b"\x1a\x0dbrain.Event:2")
}

/// `add_scalars` keeps each curve in a file of its own.
/// The last bar of an epoch counts once nothing has followed for a while, and once.
#[test]
fn a_bar_at_its_end_counts_when_the_log_rests() {
    let bar = |epoch: u64, rest: &str| {
        format!(
            "Epoch {epoch}/9: 100%|####| 40/40 [00:06<00:00, 7.33it/s, loss=0.{}5{rest}]\n",
            10 - epoch
        )
    };
    for follows in [
        "Validation: 100%|####| 9/9 [00:06<00:00, 7.33it/s, loss=0.9]\n".to_owned(),
        // The same bar, with what is known of it by now.
        bar(4, ", val_loss=0.7"),
        bar(4, "1"),
        bar(5, ""),
        "\nmodel saved.\n".to_owned(),
    ] {
        let mut followed = Followed::new();
        followed.append(
            "train.log",
            (1..5).map(|epoch| bar(epoch, "")).collect::<String>(),
        );
        assert_eq!(followed.snapshot().runs[0].step, 120);
        followed.wait();
        assert_eq!(followed.snapshot().runs[0].step, 160);
        followed.is_as_read_once();
        followed.append("train.log", &follows);
        followed.is_as_read_once();
        followed.append(
            "train.log",
            (6..=9).map(|epoch| bar(epoch, "")).collect::<String>(),
        );
        followed.is_as_read_once();
        let state = &followed.snapshot().runs[0].state;
        assert!(format!("{state:?}").contains("Finished"), "{follows} {state:?}");
    }
}

#[test]
fn a_loss_in_a_file_of_its_own_is_not_missing() {
    let mut followed = Followed::new();
    let (main, loss) = (format!("run/{EVENTS}"), format!("run/loss_train/{EVENTS}"));
    followed.append(&main, beginning());
    followed.append(&loss, beginning());
    for steps in (0..100u8).collect::<Vec<_>>().chunks(3) {
        for step in steps {
            followed.append(&loss, scalar(*step, "loss", 2.0 - 0.01 * f32::from(*step)));
        }
        for step in steps {
            let (path, rate) = (followed.at(&main), scalar(*step, "lr", 1e-3));
            append(&path, &[rate, scalar(*step, "grad_norm", 0.5)].concat());
        }
        followed.look();
    }
    followed.wait();
    let alerts = &followed.snapshot().runs[0].alerts;
    assert!(alerts.is_empty(), "{alerts:?}");
}

#[test]
fn a_step_that_is_cut_by_a_look_is_one_record() {
    let nan_from = |step: u8, value: f32| if step < 60 { value } else { f32::NAN };
    let mut followed = Followed::new();
    let events = format!("run/{EVENTS}");
    followed.append(&events, beginning());
    for step in 0..80 {
        followed.append(&events, scalar(step, "lr", 1e-3));
        followed.append(&events, scalar(step, "grad_norm", nan_from(step, 0.5)));
        followed.append(&events, scalar(step, "loss", nan_from(step, 2.0)));
    }
    followed.is_as_read_once();
    let kinds: Vec<&str> = followed.snapshot().runs[0]
        .alerts
        .iter()
        .map(|alert| alert.kind)
        .collect();
    assert_eq!(kinds, ["non_finite"]);

    // MLflow keeps each metric in a file of its own.
    let mut followed = Followed::new();
    let run = format!("mlruns/0/{}", "a".repeat(32));
    append(
        &followed.at(&format!("{run}/meta.yaml")),
        b"run_id: aaaa\nrun_name: one\n",
    );
    for step in 0..80 {
        for (key, value) in [
            ("grad_norm", nan_from(step, 0.5)),
            ("loss", nan_from(step, 2.0)),
            ("lr", 1e-3),
        ] {
            let line = format!("{} {value} {step}\n", 1_700_000_000_000 + 1000 * u64::from(step));
            followed.append(&format!("{run}/metrics/{key}"), line);
        }
    }
    followed.is_as_read_once();
    let kinds: Vec<&str> = followed.snapshot().runs[0]
        .alerts
        .iter()
        .map(|alert| alert.kind)
        .collect();
    assert_eq!(kinds, ["non_finite"]);
}

/// Lines of different lengths come to different steps in as many bytes.
#[test]
fn a_store_of_many_values_is_read_step_by_step() {
    let mut followed = Followed::new();
    let run = format!("mlruns/0/{}", "a".repeat(32));
    append(
        &followed.at(&format!("{run}/meta.yaml")),
        b"run_id: aaaa\nrun_name: one\n",
    );
    for (key, digits) in [("grad_norm", 1), ("loss", 15), ("lr", 3)] {
        let line = |step: u64| {
            let value = 1.0 + 1.0 / (1.0 + step as f64);
            format!("{} {value:.digits$} {step}\n", 1_700_000_000_000 + 1000 * step)
        };
        let lines: String = (0..8000).map(line).collect();
        append(&followed.at(&format!("{run}/metrics/{key}")), lines.as_bytes());
    }
    followed.wait();
    let run = &followed.snapshot().runs[0];
    assert!(
        run.alerts.iter().all(|alert| alert.kind != "non_finite"),
        "{:?}",
        run.alerts
    );
    assert_eq!(run.step, 7999);
}

/// Lines of a text log, one per step.
fn text(steps: std::ops::Range<u64>) -> String {
    let line = |step: u64| {
        format!(
            "step {step}/2000 | loss {:.4} | lr 1e-3\n",
            3.0 + 3.0 / (1.0 + step as f64)
        )
    };
    steps.map(line).collect()
}

/// A job is killed, another one goes on in a file of its own, and the last words of the first come
/// from a buffer.
#[test]
fn late_records_of_an_earlier_file_do_not_undo_a_later_one() {
    let mut followed = Followed::new();
    followed.append("slurm-1001.out", text(0..100));
    followed.append("slurm-1002.out", text(95..300));
    followed.search();
    followed.append("slurm-1001.out", text(100..103));
    followed.append("slurm-1002.out", text(300..310));
    let points = |snapshot: &Snapshot| snapshot.runs[0].loss(Quantity::TrainLoss).unwrap().points;
    assert_eq!(points(&followed.snapshot()), 310);
    followed.is_as_read_once();
    assert_eq!(
        (followed.snapshot().runs.len(), points(&followed.snapshot())),
        (1, 310)
    );

    // The same with event files, whose last record may be held back.
    let mut followed = Followed::new();
    let events = |start: u32| format!("run/events.out.tfevents.{start}.host.1.0");
    let losses = |steps: std::ops::Range<u8>| -> Vec<u8> {
        steps.flat_map(|step| scalar(step, "loss", 2.0)).collect()
    };
    followed.append(&events(1_700_000_000), [beginning(), losses(0..50)].concat());
    followed.append(&events(1_700_000_100), [beginning(), losses(40..90)].concat());
    followed.append(&events(1_700_000_000), losses(50..53));
    followed.append(&events(1_700_000_100), losses(90..95));
    followed.is_as_read_once();
    let points = followed.snapshot().runs[0]
        .loss(Quantity::TrainLoss)
        .unwrap()
        .points;
    assert_eq!(points, 95);
}

/// Lightning tests into an event file of its own, at the last step or at step 0.
#[test]
fn a_loss_on_test_data_in_a_later_file_does_not_go_on_from_the_validation() {
    let events = |start: u32| format!("version_0/events.out.tfevents.{start}.host.1.0");
    for (validation, tested_at, tested_before) in [
        ("val_loss", 100, false),
        ("val/loss_epoch", 0, false),
        ("val_loss_epoch", 0, true),
    ] {
        let mut followed = Followed::new();
        let [training, test] = [1_700_000_000, if tested_before { 1 } else { 1_700_000_100 }].map(events);
        let score = [
            scalar(tested_at, "test_loss", 9.0),
            scalar(tested_at, "epoch", 1.0),
        ]
        .concat();
        if tested_before {
            followed.append(&test, [beginning(), score.clone()].concat());
        }
        followed.append(&training, beginning());
        for step in 0..100 {
            followed.append(
                &training,
                scalar(step, "train_loss_step", 3.0 - 0.01 * f32::from(step)),
            );
            if step % 20 == 19 {
                followed.append(&training, scalar(step, validation, 4.0 - 0.01 * f32::from(step)));
            }
        }
        followed.look();
        if !tested_before {
            followed.append(&test, [beginning(), score].concat());
        }
        followed.is_as_read_once();
        let snapshot = followed.snapshot();
        let run = &snapshot.runs[0];
        let held_out = run.loss(Quantity::EvalLoss).unwrap();
        assert_eq!((snapshot.runs.len(), run.segments, held_out.points), (1, 1, 5));
        assert!(held_out.last < 4.0, "{validation} {}", held_out.last);
    }
}

/// Python's `RotatingFileHandler` moves files of one size.
#[test]
fn files_of_one_size_that_are_moved_aside_are_one_run() {
    let mut followed = Followed::new();
    for file in 0..5u64 {
        followed.append("train.log", text(40 * file..40 + 40 * file));
        followed.search();
        if file == 4 {
            break;
        }
        followed.make_room_aside();
        std::fs::rename(followed.at("train.log"), followed.at("train.log.1")).unwrap();
    }
    for step in 200..205 {
        followed.append("train.log", text(step..step + 1));
        followed.search();
    }
    let runs = &followed.snapshot().runs;
    let points: Vec<u64> = runs
        .iter()
        .map(|run| run.loss(Quantity::TrainLoss).unwrap().points)
        .collect();
    assert_eq!(points, [205]);
}

/// logrotate's `copytruncate`, with searches between the copy and the truncation.
#[test]
fn a_copy_that_was_seen_before_the_truncation_is_no_run() {
    let mut followed = Followed::new();
    for file in 0..4u64 {
        followed.append("train.log", text(40 * file..40 + 40 * file));
        followed.search();
        if file == 3 {
            break;
        }
        followed.make_room_aside();
        std::fs::copy(followed.at("train.log"), followed.at("train.log.1")).unwrap();
        followed.search();
        File::create(followed.at("train.log")).unwrap();
        followed.search();
    }
    let runs = &followed.snapshot().runs;
    let points: Vec<u64> = runs
        .iter()
        .map(|run| run.loss(Quantity::TrainLoss).unwrap().points)
        .collect();
    assert_eq!(points, [160]);
}

/// Several groups of parameters have a learning rate each; one is that of the run.
#[test]
fn a_name_with_a_better_claim_leaves_nothing_of_the_one_before() {
    let mut followed = Followed::new();
    let events = format!("run/{EVENTS}");
    followed.append(&events, beginning());
    for step in 0..20 {
        for (tag, value) in [("val_source_loss", 3.0), ("val_loss", 2.0), ("loss", 1.0)] {
            followed.append(&events, scalar(step, tag, value));
        }
    }
    followed.is_as_read_once();
    let eval = followed.snapshot().runs[0]
        .loss(Quantity::EvalLoss)
        .unwrap()
        .clone();
    assert_eq!((eval.points, eval.last), (20, 2.0));
}

/// A log that is written through a buffer of some kilobytes.
#[test]
fn a_buffer_is_no_end() {
    let mut followed = Followed::new();
    followed.append("train.log", text(0..10));
    for look in 0..20 {
        followed.append("train.log", text(10 + 95 * look..105 + 95 * look));
    }
    let run = &followed.snapshot().runs[0];
    assert_eq!((run.step, run.total_steps), (1909, Some(2000)));
    assert_eq!(
        run.state,
        losscast::snapshot::State::Training,
        "{}",
        run.state_reason
    );
}

/// A copy of a folder may bring the newer job first.
#[test]
fn a_job_that_shows_late_what_it_goes_on_from_joins_it() {
    let mut followed = Followed::new();
    followed.append("slurm-1002.out", text(100..300));
    for step in (0..100).step_by(10) {
        followed.append("slurm-1001.out", text(step..step + 10));
        followed.search();
    }
    followed.is_as_read_once();
    assert_eq!(followed.snapshot().runs.len(), 1);
}

#[test]
fn a_truncated_log_that_begins_later_is_another_run() {
    let mut followed = Followed::new();
    followed.append("train.log", text(0..100));
    File::create(followed.at("train.log")).unwrap();
    followed.look();
    followed.append("train.log", text(10..40));
    followed.is_as_read_once();
    // What was moved aside is still a part of it.
    std::fs::rename(followed.at("train.log"), followed.at("train.log.1")).unwrap();
    followed.append("train.log", text(30..60));
    followed.is_as_read_once();
    let run = &followed.snapshot().runs[0];
    assert_eq!(
        (run.loss(Quantity::TrainLoss).unwrap().points, run.segments),
        (50, 2)
    );
}

#[test]
fn runs_of_one_name_in_a_database_are_told_apart() {
    let mut followed = Followed::new();
    let database = rusqlite::Connection::open(followed.at("x.db")).unwrap();
    let table = "CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id TEXT, timestamp TEXT, run_name TEXT, step INTEGER, \
                 metrics TEXT)";
    database.execute(table, []).unwrap();
    for run in ["one", "two"] {
        for step in 0..30 {
            let row = "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) VALUES (?1, '', 'same', ?2, ?3)";
            database.execute(row, (run, step, r#"{"loss": 2.5}"#)).unwrap();
            followed.search();
        }
    }
    let ids: Vec<String> = followed
        .snapshot()
        .runs
        .iter()
        .map(|run| run.id.clone())
        .collect();
    assert_eq!(ids, ["x.db/same-one", "x.db/same-two"]);
}

#[test]
fn what_is_deleted_has_no_problem() {
    let mut followed = Followed::new();
    followed.append("run.log", "nothing of interest\n".repeat(50));
    assert_eq!(followed.snapshot().problems.len(), 1);
    std::fs::remove_file(followed.at("run.log")).unwrap();
    followed.search();
    assert!(followed.snapshot().problems.is_empty());
    followed.append("run.log", "nothing of interest\n");
    followed.search();
    assert_eq!(followed.snapshot().problems.len(), 1);
}
