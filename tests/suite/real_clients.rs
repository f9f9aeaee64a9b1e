//! The real clients write while losscast reads: are killed, resumed, and compared with
//! the JSON lines that were written beside them.
//!
//! `LOSSCAST_PYTHON` names a Python that has them; `.ci/run` makes one.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use losscast::metric::{Names, Quantity};
use losscast::source::FileKey;
use losscast::source::reader::{Message, Outlet, ReaderOptions, run};
use losscast::source::watch::Watch;

use crate::clients::{Points, Seen, take};
use crate::common;

/// Seconds between two log calls.
const PAUSE: f64 = 0.1;

/// A client, the folder it logs into, and how many of the last log calls may be
/// missing: while it runs, and after it was killed. Measured in `clients.md`.
struct Client {
    name: &'static str,
    folder: &'static str,
    behind: usize,
    lost: usize,
}

const CLIENTS: [Client; 6] = [
    Client {
        name: "tensorboard",
        folder: "of_tensorboard",
        behind: 20,
        lost: 2,
    },
    // Writes pages of 4 KiB: some 25 log calls.
    Client {
        name: "tensorboard_x",
        folder: "of_tensorboardX",
        behind: 60,
        lost: 40,
    },
    // Writes every 15 s at the latest, in blocks of 32 KiB.
    Client {
        name: "wandb",
        folder: "of_wandb",
        behind: 200,
        lost: 200,
    },
    Client {
        name: "mlflow_file",
        folder: "of_mlflow_file",
        behind: 20,
        lost: 1,
    },
    Client {
        name: "mlflow_sqlite",
        folder: "of_mlflow_sqlite",
        behind: 40,
        lost: 1,
    },
    // Commits every half second.
    Client {
        name: "trackio",
        folder: "of_trackio",
        behind: 40,
        lost: 20,
    },
];

fn python() -> Option<PathBuf> {
    let python = std::env::var_os("LOSSCAST_PYTHON").map(PathBuf::from)?;
    python.is_file().then_some(python)
}

struct Writer {
    child: Child,
    clients: Vec<String>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Writer {
    /// Starts to log; returns once the clients are set up.
    fn start(python: &Path, folder: &Path, steps: std::ops::RangeInclusive<u64>, attempt: u32) -> Writer {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/write.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder)
            .args([
                steps.start().to_string(),
                steps.end().to_string(),
                PAUSE.to_string(),
                attempt.to_string(),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let clients = loop {
            let line = lines.next().expect("the writer did not start").unwrap();
            if let Some(clients) = line.strip_prefix("clients ") {
                break clients.split(' ').map(str::to_owned).collect();
            }
        };
        // The rest must be read, or the writer would wait.
        std::thread::spawn(move || for _ in lines.map_while(Result::ok) {});
        Writer { child, clients }
    }
}

type Logs = Arc<Mutex<BTreeMap<FileKey, Seen>>>;

fn follow(folder: &Path) -> (Logs, Arc<AtomicBool>) {
    let options = ReaderOptions {
        roots: vec![folder.to_owned()],
        names: Names::default(),
        // All clients tell of one training: those that would join another stand alone.
        grouping: toml::from_str("split = ['jsonl/**']").unwrap(),
        feeds: Vec::new(),
        poll: Duration::from_millis(500),
        follow: true,
    };
    let (send, receive) = sync_channel(16);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    std::thread::spawn(move || run(&options, Watch::new(), &Outlet(send), &stopped));
    let logs = Logs::default();
    let seen = Arc::clone(&logs);
    std::thread::spawn(move || {
        let mut problems = Vec::new();
        for message in receive {
            if let Message::Source(event) = message {
                take(event, &mut seen.lock().unwrap(), &mut problems);
            }
        }
    });
    (logs, stop)
}

fn points(logs: &Logs, folder: &str) -> Points {
    let logs = logs.lock().unwrap();
    let of_client = |seen: &&Seen| {
        let inside = seen.run == folder || seen.run.starts_with(&format!("{folder}/"));
        inside && seen.format != "key-value"
    };
    logs.values()
        .find(of_client)
        .map(|seen| seen.points.clone())
        .unwrap_or_default()
}

fn same(one: f64, other: f64) -> bool {
    (one.is_nan() && other.is_nan())
        || one == other
        || (one - other).abs() <= 1e-6 * one.abs().max(other.abs())
}

/// Fails when a value differs or was never logged; returns how many steps are missing.
fn compare(seen: &Points, truth: &Points, client: &str) -> usize {
    let mut missing = 0;
    for quantity in [
        Quantity::TrainLoss,
        Quantity::EvalLoss,
        Quantity::LearningRate,
        Quantity::GradNorm,
    ] {
        let empty = BTreeMap::new();
        let (seen, truth) = (
            seen.get(&quantity).unwrap_or(&empty),
            truth.get(&quantity).unwrap_or(&empty),
        );
        for (step, value) in seen {
            let expected = truth.get(step);
            assert!(
                expected.is_some_and(|expected| same(*value, *expected)),
                "{client}: {quantity} at {step} is {value}, not {expected:?}"
            );
        }
        missing = missing.max(truth.keys().filter(|step| !seen.contains_key(step)).count());
    }
    missing
}

/// The points up to the last step: what a comparison with a snapshot taken earlier needs.
fn until(points: &Points, last: u64) -> Points {
    points
        .iter()
        .map(|(quantity, series)| (*quantity, series.range(..=last).map(|(s, v)| (*s, *v)).collect()))
        .collect()
}

/// The last step that was logged whole: pages may cut a log call.
fn last_whole(points: &Points) -> u64 {
    last(points).unwrap_or(0).saturating_sub(1)
}

fn last(points: &Points) -> Option<u64> {
    points.get(&Quantity::TrainLoss)?.keys().last().copied()
}

#[test]
fn real_clients_are_read_live_killed_and_resumed() {
    let Some(python) = python() else {
        common::skipped("real clients: LOSSCAST_PYTHON names no Python that has them; .ci/run makes one");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (logs, stop) = follow(folder.path());
    let mut writer = Writer::start(&python, folder.path(), 0..=100_000, 0);
    let clients: Vec<&Client> = CLIENTS
        .iter()
        .filter(|client| {
            let used = writer.clients.iter().any(|name| name == client.name);
            if !used {
                common::skipped(&format!("real clients: {} is not installed", client.name));
            }
            used
        })
        .collect();
    assert!(clients.len() >= 2, "hardly any client: {:?}", writer.clients);

    // Half a minute of logging.
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(100));
    }
    println!(
        "{:<14} {:>12} {:>12} {:>12}",
        "client", "behind live", "lost killed", "lost at end"
    );
    let mut table: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for client in &clients {
        let seen = points(&logs, client.folder);
        let truth = points(&logs, "jsonl");
        // The JSON lines are written last, and may be read a moment later.
        let upto = last_whole(&seen).min(last_whole(&truth));
        let gaps = compare(&until(&seen, upto), &until(&truth, upto), client.name);
        assert_eq!(gaps, 0, "{} has gaps up to step {upto}", client.name);
        let behind = compare(&until(&seen, last_whole(&truth)), &truth, client.name);
        table.entry(client.name).or_default().push(behind.to_string());
        assert!(
            behind <= client.behind,
            "{} is {behind} calls behind",
            client.name
        );
    }

    writer.child.kill().unwrap();
    writer.child.wait().unwrap();
    let killed_at = last(&points(&logs, "jsonl")).unwrap();
    // W&B's own process goes on to write for a while what it was given.
    std::thread::sleep(Duration::from_secs(6));
    let truth = points(&logs, "jsonl");
    let mut after_kill = BTreeMap::new();
    for client in &clients {
        let seen = points(&logs, client.folder);
        // The kill may have come between two clients: one may be a call ahead of the truth.
        let known = last(&truth).unwrap();
        let ahead = last(&seen).unwrap_or(0).saturating_sub(known);
        assert!(
            ahead <= 1,
            "{} is {ahead} calls ahead of what was logged",
            client.name
        );
        let seen = until(&seen, known);
        let upto = last_whole(&seen);
        let gaps = compare(&until(&seen, upto), &until(&truth, upto), client.name);
        assert_eq!(gaps, 0, "{} has gaps after the kill", client.name);
        let lost = compare(&seen, &truth, client.name);
        table.entry(client.name).or_default().push(lost.to_string());
        assert!(lost <= client.lost, "{} lost {lost} calls", client.name);
        after_kill.insert(client.name, upto);
    }

    // Resumed from a checkpoint five seconds back, and brought to its end.
    let resumed_at = killed_at.saturating_sub(50);
    let mut writer = Writer::start(&python, folder.path(), resumed_at..=resumed_at + 150, 1);
    let status = writer.child.wait().unwrap();
    assert!(status.success());
    let settled = Instant::now();
    let end = resumed_at + 150;
    while settled.elapsed() < Duration::from_secs(20)
        && clients
            .iter()
            .any(|client| last(&points(&logs, client.folder)) != Some(end))
    {
        std::thread::sleep(Duration::from_millis(200));
    }
    let truth = points(&logs, "jsonl");
    for client in &clients {
        let seen = points(&logs, client.folder);
        let lost = compare(&seen, &truth, client.name);
        // What the client itself never wrote, between its last words and the checkpoint.
        let gap = resumed_at.saturating_sub(after_kill[client.name] + 1) as usize;
        table.entry(client.name).or_default().push(lost.to_string());
        assert_eq!(last(&seen), Some(end), "{} did not reach the end", client.name);
        assert!(lost <= gap, "{} lost {lost}, and never wrote {gap}", client.name);
    }
    for (client, cells) in table {
        println!("{client:<14} {:>12} {:>12} {:>12}", cells[0], cells[1], cells[2]);
    }
    let runs: std::collections::BTreeSet<String> = logs
        .lock()
        .unwrap()
        .values()
        .map(|seen| seen.run.clone())
        .collect();
    assert_eq!(runs.len(), clients.len() + 1, "every client is one run: {runs:?}");
    stop.store(true, Ordering::Relaxed);
}
