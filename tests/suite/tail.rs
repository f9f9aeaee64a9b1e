//! What file systems, trainers and administrators do to a log while it is followed.
//! Each test does it to a live file and loses no point.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::live::{append, follow, lines, points, run, wait};

const ID: &str = "metrics.jsonl";

fn folder_with(steps: std::ops::Range<u64>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(ID);
    append(&path, &lines(steps));
    (folder, path)
}

#[test]
fn bytes_that_come_one_by_one_with_torn_characters() {
    let (folder, path) = folder_with(0..10);
    let monitor = follow(folder.path());
    wait(&monitor, "read", |snapshot| points(snapshot, ID) == 10);
    let text = "{\"step\": 10, \"note\": \"π → ∞ 学习\", \"loss\": 3.25}\n{\"step\": 11, \"loss\": 3.125}\n";
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    for byte in text.as_bytes() {
        file.write_all(&[*byte]).unwrap();
        std::thread::sleep(Duration::from_millis(3));
    }
    let snapshot = wait(&monitor, "complete", |snapshot| points(snapshot, ID) == 12);
    let run = run(&snapshot, ID).unwrap();
    assert_eq!((run.losses[0].last, run.skipped_lines), (3.125, 0));
}

#[test]
fn utf_16_as_powershell_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.log");
    let line = |step: u64| format!("INFO step {step}/100 loss 2.{step} lr 1e-4 é😀\r\n");
    let utf16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let mut file = File::create(&path).unwrap();
    file.write_all(&[0xff, 0xfe]).unwrap();
    file.write_all(&utf16(&(10..20).map(line).collect::<String>()))
        .unwrap();
    let monitor = follow(folder.path());
    let id = "train.log";
    wait(&monitor, "read", |snapshot| points(snapshot, id) == 10);
    for bytes in utf16(&(20..30).map(line).collect::<String>()).chunks(37) {
        file.write_all(bytes).unwrap();
        std::thread::sleep(Duration::from_millis(10));
    }
    let snapshot = wait(&monitor, "followed", |snapshot| points(snapshot, id) == 20);
    let run = run(&snapshot, id).unwrap();
    assert_eq!((run.losses[0].last, run.skipped_lines), (2.29, 0));
}

/// A file system over a network may show the size of what was written before its content,
/// and a crash may leave a hole for good.
#[test]
fn holes_that_are_filled_later_or_never() {
    let (folder, path) = folder_with(0..10);
    let monitor = follow(folder.path());
    wait(&monitor, "read", |snapshot| points(snapshot, ID) == 10);
    let late = lines(10..20);
    let end = std::fs::metadata(&path).unwrap().len();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(end + late.len() as u64).unwrap();
    std::thread::sleep(Duration::from_millis(400));
    file.write_all_at(late.as_bytes(), end).unwrap();
    wait(&monitor, "filled", |snapshot| points(snapshot, ID) == 20);
    file.set_len(std::fs::metadata(&path).unwrap().len() + 3000)
        .unwrap();
    std::thread::sleep(Duration::from_millis(400));
    append(&path, &lines(20..30));
    let snapshot = wait(&monitor, "past the hole", |snapshot| points(snapshot, ID) == 30);
    assert_eq!(run(&snapshot, ID).unwrap().skipped_lines, 0);
}

#[test]
fn a_rotation_with_older_files_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    append(&at("metrics.jsonl.2"), &lines(0..50));
    append(&at("metrics.jsonl.1"), &lines(50..80));
    append(&at(ID), &lines(80..100));
    let monitor = follow(folder.path());
    wait(&monitor, "read in order", |snapshot| points(snapshot, ID) == 100);
    for generation in 0..3 {
        let next = 100 + 10 * generation;
        append(&at(ID), &lines(next..next + 5));
        std::fs::remove_file(at("metrics.jsonl.2")).unwrap();
        std::fs::rename(at("metrics.jsonl.1"), at("metrics.jsonl.2")).unwrap();
        std::fs::rename(at(ID), at("metrics.jsonl.1")).unwrap();
        append(&at(ID), &lines(next + 5..next + 10));
        let snapshot = wait(&monitor, "rotated", |snapshot| points(snapshot, ID) == next + 10);
        assert_eq!(run(&snapshot, ID).unwrap().segments, 1);
    }
    // What was moved aside is not taken for something new when folders are searched again.
    std::thread::sleep(Duration::from_secs(6));
    append(&at(ID), &lines(130..131));
    let snapshot = wait(&monitor, "still one run", |snapshot| points(snapshot, ID) == 131);
    assert_eq!(snapshot.runs.len(), 1);
    assert_eq!(run(&snapshot, ID).unwrap().segments, 1);
}

/// logrotate's `compress`.
#[test]
fn a_rotation_that_compresses() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let pack = |content: &[u8], name: &str| {
        let file = File::create(at(name)).unwrap();
        let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        packed.write_all(content).unwrap();
        packed.finish().unwrap();
    };
    pack(lines(0..50).as_bytes(), "metrics.jsonl.2.gz");
    pack(lines(50..80).as_bytes(), "metrics.jsonl.1.gz");
    append(&at(ID), &lines(80..100));
    let monitor = follow(folder.path());
    wait(&monitor, "read in order", |snapshot| points(snapshot, ID) == 100);
    for generation in 0..2 {
        let next = 100 + 10 * generation;
        append(&at(ID), &lines(next..next + 5));
        std::fs::rename(at("metrics.jsonl.1.gz"), at("metrics.jsonl.2.gz")).unwrap();
        std::fs::rename(at(ID), at("metrics.jsonl.1")).unwrap();
        append(&at(ID), &lines(next + 5..next + 10));
        pack(
            &std::fs::read(at("metrics.jsonl.1")).unwrap(),
            "metrics.jsonl.1.gz",
        );
        std::fs::remove_file(at("metrics.jsonl.1")).unwrap();
        wait(&monitor, "rotated", |snapshot| points(snapshot, ID) == next + 10);
    }
    // What was compressed is not taken for something new when folders are searched again.
    std::thread::sleep(Duration::from_secs(6));
    append(&at(ID), &lines(120..121));
    let snapshot = wait(&monitor, "still one run", |snapshot| points(snapshot, ID) == 121);
    assert_eq!(snapshot.runs.len(), 1);
    assert_eq!(run(&snapshot, ID).unwrap().segments, 1);
}

/// logrotate's `copytruncate`: the copy holds what was read already.
#[test]
fn a_rotation_by_copy_and_truncation() {
    let (folder, path) = folder_with(0..60);
    let monitor = follow(folder.path());
    wait(&monitor, "read", |snapshot| points(snapshot, ID) == 60);
    std::fs::copy(&path, folder.path().join("metrics.jsonl.1")).unwrap();
    File::create(&path).unwrap();
    append(&path, &lines(60..70));
    wait(&monitor, "truncated", |snapshot| points(snapshot, ID) == 70);
    std::thread::sleep(Duration::from_secs(6));
    append(&path, &lines(70..75));
    let snapshot = wait(&monitor, "grown", |snapshot| points(snapshot, ID) == 75);
    assert_eq!(run(&snapshot, ID).unwrap().segments, 1);
}

#[test]
fn a_file_that_is_deleted_and_comes_back() {
    let (folder, path) = folder_with(0..40);
    let monitor = follow(folder.path());
    wait(&monitor, "read", |snapshot| points(snapshot, ID) == 40);
    std::fs::remove_file(&path).unwrap();
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(
        points(&monitor.snapshots().borrow(), ID),
        40,
        "a deleted log was forgotten"
    );
    append(&path, &lines(40..60));
    wait(&monitor, "back", |snapshot| points(snapshot, ID) == 60);
}

#[test]
fn a_clock_that_goes_back() {
    let (folder, path) = folder_with(0..20);
    let monitor = follow(folder.path());
    wait(&monitor, "read", |snapshot| points(snapshot, ID) == 20);
    for hour in 1..4u64 {
        append(&path, &lines(10 + hour * 10..20 + hour * 10));
        let past = SystemTime::now() - Duration::from_secs(3600 * hour);
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .set_modified(past)
            .unwrap();
        wait(&monitor, "grown", |snapshot| {
            points(snapshot, ID) == 20 + hour * 10
        });
    }
}

#[test]
fn a_folder_that_appears_later() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("not/yet");
    let monitor = follow(&root);
    wait(&monitor, "told that it is missing", |snapshot| {
        snapshot.problems.iter().any(|problem| problem.path == root)
    });
    std::fs::create_dir_all(&root).unwrap();
    append(&root.join(ID), &lines(0..30));
    wait(&monitor, "found", |snapshot| {
        points(snapshot, ID) == 30 && snapshot.problems.is_empty()
    });
}

#[test]
fn a_link_that_moves_on_to_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    for (run, steps) in [("one", 0..30), ("two", 0..10)] {
        std::fs::create_dir(folder.path().join(run)).unwrap();
        append(&folder.path().join(run).join(ID), &lines(steps));
    }
    let link = folder.path().join("latest");
    symlink("one", &link).unwrap();
    let monitor = follow(&link);
    wait(&monitor, "read", |snapshot| points(snapshot, ID) == 30);
    let next = folder.path().join("next");
    symlink("two", &next).unwrap();
    std::fs::rename(&next, &link).unwrap();
    wait(&monitor, "the other run", |snapshot| points(snapshot, ID) == 10);
    append(&folder.path().join("two").join(ID), &lines(10..20));
    wait(&monitor, "its growth", |snapshot| points(snapshot, ID) == 20);
}

/// Root may read everything, so this runs once more as nobody where it must.
#[test]
fn permission_lost_and_regained() {
    const INSIDE: &str = "LOSSCAST_TEST_AS_NOBODY";
    let (folder, path) = folder_with(0..30);
    let set = |mode: u32| std::fs::set_permissions(&path, Permissions::from_mode(mode));
    set(0o000).unwrap();
    if File::open(&path).is_ok() {
        assert!(std::env::var_os(INSIDE).is_none(), "nobody may read everything");
        let test = std::env::current_exe().unwrap();
        let place = tempfile::tempdir().unwrap();
        std::fs::set_permissions(place.path(), Permissions::from_mode(0o777)).unwrap();
        let copy = place.path().join("suite");
        std::fs::copy(test, &copy).unwrap();
        let status = std::process::Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&copy)
            .args(["--exact", "tail::permission_lost_and_regained"])
            .env(INSIDE, "1")
            .env("TMPDIR", place.path())
            .current_dir(place.path())
            .status();
        match status {
            Ok(status) => assert!(status.success()),
            Err(error) => crate::common::skipped(&format!(
                "lost permissions: run by root, and no setpriv ({error})"
            )),
        }
        return;
    }
    let monitor = follow(folder.path());
    wait(&monitor, "told", |snapshot| {
        snapshot
            .problems
            .iter()
            .any(|problem| problem.message.contains("permission denied"))
    });
    set(0o644).unwrap();
    wait(&monitor, "regained", |snapshot| {
        points(snapshot, ID) == 30 && snapshot.problems.is_empty()
    });
    set(0o000).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    set(0o644).unwrap();
    append(&path, &lines(30..40));
    wait(&monitor, "read on", |snapshot| points(snapshot, ID) == 40);
}

/// Unmounts when the test ends, however it ends.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(&self.0)
            .status();
    }
}

#[test]
fn a_disk_that_fills_tears_a_line_and_no_more() {
    // A small file system of our own where we may mount one; the same bytes by hand elsewhere.
    let disk = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "losscast-test"])
        .arg(disk.path())
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let _mounted = mounted.then(|| Mounted(disk.path().to_owned()));
    let path = disk.path().join(ID);
    let filler = disk.path().join("filler.bin");
    append(&path, &lines(0..100));
    let monitor = follow(disk.path());
    wait(&monitor, "read", |snapshot| points(snapshot, ID) == 100);
    let mut torn = 0;
    if mounted {
        let mut fill = File::create(&filler).unwrap();
        while fill.write_all(&[0; 512]).is_ok() {}
        // The trainer goes on: whatever still fits is written, then nothing.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        for step in 100..400 {
            if file.write_all(lines(step..step + 1).as_bytes()).is_err() {
                torn = step;
                break;
            }
        }
        assert!(torn > 0, "the disk never filled");
        std::fs::remove_file(&filler).unwrap();
    } else {
        append(&path, &lines(100..150));
        append(&path, "{\"step\": 150, \"lo");
        torn = 150;
    }
    append(&path, &lines(torn + 1..torn + 51));
    let snapshot = wait(&monitor, "going on", |snapshot| {
        run(snapshot, ID).is_some_and(|run| run.step == torn + 50)
    });
    let run = run(&snapshot, ID).unwrap();
    // At most the torn line and the one glued to it are lost, and that is said.
    assert!(run.loss(losscast::metric::Quantity::TrainLoss).unwrap().points + 2 >= torn + 51);
    assert!(run.skipped_lines <= 1);
}

#[test]
fn a_thousand_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |number: usize| folder.path().join(format!("run{number}.jsonl"));
    for number in 0..1000 {
        append(&path(number), &lines(0..12));
    }
    let monitor = follow(folder.path());
    let all = |steps: u64| {
        move |snapshot: &losscast::snapshot::Snapshot| {
            snapshot.runs.len() == 1000 && snapshot.runs.iter().all(|run| run.step == steps - 1)
        }
    };
    wait(&monitor, "all read", all(12));
    for number in 0..1000 {
        append(&path(number), &lines(12..14));
    }
    wait(&monitor, "all grown", all(14));
}

/// A file that is written through another folder sends no events to the one that is
/// watched: as on a network file system, only looking helps.
#[test]
fn growth_without_events_is_seen_by_polling() {
    let (folder, path) = folder_with(0..20);
    let elsewhere = tempfile::tempdir_in(folder.path().parent().unwrap()).unwrap();
    let same_file = elsewhere.path().join("linked");
    std::fs::hard_link(&path, &same_file).unwrap();
    let monitor = follow(folder.path());
    wait(&monitor, "read", |snapshot| points(snapshot, ID) == 20);
    append(&same_file, &lines(20..40));
    wait(&monitor, "seen", |snapshot| points(snapshot, ID) == 40);
}

#[test]
fn restarts_in_further_files_are_the_same_run() {
    let Some(shared) = crate::common::shared() else {
        return;
    };
    let events = shared.join("realruns/tensorboard/kill-resume/tb");
    let (whole, _) = crate::clients::read_folder(&events);
    let losses = whole[0].points[&losscast::metric::Quantity::TrainLoss].len() as u64;
    let mut files: Vec<PathBuf> = std::fs::read_dir(events)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let folder = tempfile::tempdir().unwrap();
    let run_folder = folder.path().join("job/tb");
    std::fs::create_dir_all(&run_folder).unwrap();
    let target = |file: &Path| run_folder.join(file.file_name().unwrap());
    let (first, second) = (
        std::fs::read(&files[0]).unwrap(),
        std::fs::read(&files[1]).unwrap(),
    );
    std::fs::write(target(&files[0]), &first).unwrap();
    let monitor = follow(folder.path());
    let snapshot = wait(&monitor, "read", |snapshot| {
        run(snapshot, "job").is_some_and(|run| run.step >= 2230)
    });
    assert_eq!(run(&snapshot, "job").unwrap().segments, 1);
    // Half a record, then the rest of it.
    std::fs::write(target(&files[1]), &second[..30_001]).unwrap();
    wait(&monitor, "resumed", |snapshot| {
        run(snapshot, "job").is_some_and(|run| run.segments == 2)
    });
    let mut file = OpenOptions::new().append(true).open(target(&files[1])).unwrap();
    file.write_all(&second[30_001..]).unwrap();
    let snapshot = wait(&monitor, "finished", |snapshot| {
        run(snapshot, "job").is_some_and(|run| run.step == 3999)
    });
    let run = run(&snapshot, "job").unwrap();
    assert_eq!((snapshot.runs.len(), run.segments), (1, 2));
    assert_eq!(run.losses[0].points, losses);
    assert!(!run.losses[0].curve.superseded.is_empty());
}

/// Whether a version was resumed shows only with its first records; until then it is
/// a run of its own.
#[test]
fn a_resumed_version_joins_its_run_when_that_shows() {
    let folder = tempfile::tempdir().unwrap();
    let at = |version: u32| {
        let place = folder
            .path()
            .join(format!("job/lightning_logs/version_{version}"));
        std::fs::create_dir_all(&place).unwrap();
        place.join("metrics.csv")
    };
    let rows = |from: u64, count: u64| -> String {
        (0..count)
            .map(|row| format!("{},{:.3}\n", from + 50 * row, 4.0 - 0.001 * row as f64))
            .collect()
    };
    append(&at(0), &format!("step,train_loss\n{}", rows(49, 40)));
    append(&at(1), "step,train_loss\n");
    let monitor = follow(folder.path());
    wait(&monitor, "the first", |snapshot| {
        snapshot.runs.iter().any(|run| run.losses[0].points == 40)
    });
    append(&at(1), &rows(1049, 60));
    let snapshot = wait(&monitor, "joined", |snapshot| {
        snapshot.runs.len() == 1 && snapshot.runs[0].step == 1049 + 50 * 59
    });
    assert_eq!(
        (snapshot.runs[0].id.as_str(), snapshot.runs[0].segments),
        ("job", 2)
    );
    assert_eq!(snapshot.runs[0].losses[0].points, 20 + 60);
}
