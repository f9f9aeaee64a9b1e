//! Days of small appends over rotations, without the waiting in between.
//!
//! `LOSSCAST_SOAK=1000000` makes as many appends as a trainer that logs every 86 ms
//! makes in a day.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::mpsc::{Receiver, sync_channel};

use losscast::config::GroupingSection;
use losscast::engine::{Engine, Options};
use losscast::metric::{Names, Quantity};
use losscast::source::discover::discover;
use losscast::source::group::{Memory, group};
use losscast::source::log::FollowedLog;
use losscast::source::reader::{Follow, Keys, Message, Outlet, Turn};

/// Resident memory of this process in MB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<f64>().ok())
        .map_or(0.0, |kilobytes| kilobytes / 1024.0)
}

fn drain(receive: &Receiver<Message>, engine: &mut Engine) {
    while let Ok(message) = receive.try_recv() {
        if let Message::Source(event) = message {
            engine.apply(event, 0.0);
        }
    }
}

#[test]
fn many_small_appends_over_rotations_lose_nothing_and_leak_nothing() {
    let appends: u64 = std::env::var("LOSSCAST_SOAK")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let rotate_every = appends / 40;
    let open = || OpenOptions::new().create(true).append(true).open(&path).unwrap();
    let mut file = open();
    let (send, receive) = sync_channel(64);
    let (outlet, keys, names) = (Outlet(send), Keys::default(), Names::default());
    let mut memory = Memory::default();
    let mut search = || {
        let found = discover(&[folder.path().to_owned()]);
        group(found.candidates, &GroupingSection::default(), &mut memory)
    };
    let turn = Turn {
        names: &names,
        outlet: &outlet,
        now: 0.0,
        last_word: false,
        keys: &keys,
    };
    let mut log = FollowedLog::new(keys.fresh(), &search()[0]);
    let mut engine = Engine::new(Options::default());
    let mut settled = 0.0;
    for step in 0..appends {
        let line = format!(
            "{{\"step\": {step}, \"loss\": {:.5}}}\n",
            2.0 + 1.0 / (step + 1) as f64
        );
        // Now and then a line comes in two pieces.
        let (first, second) = line.split_at(if step % 7 == 0 { 11 } else { line.len() });
        for piece in [first, second] {
            file.write_all(piece.as_bytes()).unwrap();
            if !piece.is_empty() {
                assert!(log.turn(&turn).is_ok());
                drain(&receive, &mut engine);
            }
        }
        if (step + 1) % rotate_every == 0 {
            // As logrotate does, which keeps three old files.
            for old in (1..3).rev() {
                let at = |number: u32| folder.path().join(format!("metrics.jsonl.{number}"));
                let _ = std::fs::rename(at(old), at(old + 1));
            }
            std::fs::rename(&path, folder.path().join("metrics.jsonl.1")).unwrap();
            file = open();
            assert!(log.turn(&turn).is_ok());
            let found = search();
            assert_eq!(found.len(), 1);
            assert!(log.update(&found[0], &outlet).is_ok());
            drain(&receive, &mut engine);
        }
        if step == appends / 4 {
            settled = resident();
        }
    }
    let run = engine.runs().next().unwrap();
    let series = run.series(Quantity::TrainLoss).unwrap();
    assert_eq!(
        (series.points(), run.last_step(), run.segments()),
        (appends, appends - 1, 1)
    );
    assert_eq!(run.lines.skipped, 0);
    let grown = resident() - settled;
    // Other tests run beside this one in the same process: only a leak is this large.
    assert!(grown < 150.0, "{grown} MB more");
}
