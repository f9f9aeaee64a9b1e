//! What real clients wrote, read from their folders, beside the truth in JSON lines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use losscast::config::GroupingSection;
use losscast::metric::{Names, Quantity};
use losscast::source::reader::{Message, Outlet, ReaderOptions, run};
use losscast::source::watch::Watch;
use losscast::source::{FileKey, SourceEvent};

use crate::common;

/// The surviving points of each quantity of a log.
pub type Points = BTreeMap<Quantity, BTreeMap<u64, f64>>;

/// A log as the reader saw it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub run: String,
    pub format: &'static str,
    pub points: Points,
    pub total_steps: Option<u64>,
    pub settings: BTreeMap<String, String>,
}

/// Reads everything below a folder once, with the reader that the program uses.
pub fn read_folder(folder: &Path) -> (Vec<Seen>, Vec<(PathBuf, String)>) {
    let options = ReaderOptions {
        roots: vec![folder.to_owned()],
        names: Names::default(),
        grouping: GroupingSection::default(),
        feeds: Vec::new(),
        poll: Duration::from_secs(1),
        follow: false,
    };
    let (send, receive) = sync_channel(16);
    let reader = std::thread::spawn(move || {
        run(
            &options,
            Watch::new(),
            &Outlet(send),
            &Arc::new(AtomicBool::new(false)),
        );
    });
    let mut logs: BTreeMap<FileKey, Seen> = BTreeMap::new();
    let mut problems = Vec::new();
    for message in receive {
        let Message::Source(event) = message else {
            continue;
        };
        take(event, &mut logs, &mut problems);
    }
    reader.join().unwrap();
    (logs.into_values().collect(), problems)
}

pub fn take(event: SourceEvent, logs: &mut BTreeMap<FileKey, Seen>, problems: &mut Vec<(PathBuf, String)>) {
    match event {
        SourceEvent::Found { key, identity } => {
            let seen = logs.entry(key).or_default();
            seen.run = identity.id;
            seen.format = identity.format;
        }
        SourceEvent::Reread { key } => {
            if let Some(seen) = logs.get_mut(&key) {
                seen.points.clear();
            }
        }
        SourceEvent::Records { key, decoded, .. } => {
            let seen = logs.entry(key).or_default();
            seen.total_steps = decoded.total_steps.or(seen.total_steps);
            seen.settings.extend(decoded.settings.iter().cloned());
            for row in decoded.records.rows() {
                for (quantity, value) in row.values() {
                    // The later value wins.
                    seen.points.entry(quantity).or_default().insert(row.step(), value);
                }
            }
        }
        SourceEvent::Problem { path, message } => problems.push((path, message)),
        _ => {}
    }
}

const COMPARED: [Quantity; 6] = [
    Quantity::TrainLoss,
    Quantity::EvalLoss,
    Quantity::LearningRate,
    Quantity::GradNorm,
    Quantity::AttentionLogit,
    Quantity::LossScale,
];

/// What every client was given; the rest some were not.
const GIVEN_TO_ALL: [Quantity; 4] = [
    Quantity::TrainLoss,
    Quantity::EvalLoss,
    Quantity::LearningRate,
    Quantity::GradNorm,
];

/// Equal to the digits that both keep: the truth has six, event files are float32.
fn same(one: f64, other: f64) -> bool {
    (one.is_nan() && other.is_nan())
        || one == other
        || (one - other).abs() <= 2e-5 * one.abs().max(other.abs())
}

/// What differs between a log and the truth.
#[derive(Debug, Default)]
pub struct Difference {
    pub compared: usize,
    pub wrong: Vec<String>,
    pub invented: Vec<String>,
    pub lost: Vec<String>,
}

/// Compares at the steps that the client was given: every `every`-th from its first.
pub fn differences(seen: &Points, truth: &Points) -> Difference {
    let mut difference = Difference::default();
    for quantity in COMPARED {
        let (Some(own), Some(truth)) = (seen.get(&quantity), truth.get(&quantity)) else {
            if seen.contains_key(&quantity) {
                difference.invented.push(format!("all of {quantity}"));
            } else if truth.contains_key(&quantity) && GIVEN_TO_ALL.contains(&quantity) {
                difference.lost.push(format!("all of {quantity}"));
            }
            continue;
        };
        for (step, value) in own {
            match truth.get(step) {
                Some(expected) if same(*value, *expected) => difference.compared += 1,
                Some(expected) => difference
                    .wrong
                    .push(format!("{quantity} {step}: {value} is not {expected}")),
                None => difference.invented.push(format!("{quantity} {step}")),
            }
        }
        let every = cadence(own);
        let (Some(first), Some(last)) = (own.keys().next(), own.keys().last()) else {
            continue;
        };
        let expected: BTreeSet<u64> = truth
            .keys()
            .copied()
            .filter(|step| (first..=last).contains(&step) && (step - first) % every == 0)
            .collect();
        for step in expected.iter().filter(|step| !own.contains_key(step)) {
            difference.lost.push(format!("{quantity} {step}"));
        }
    }
    difference
}

/// The most usual distance between steps.
fn cadence(points: &BTreeMap<u64, f64>) -> u64 {
    let steps: Vec<u64> = points.keys().copied().collect();
    let mut count: BTreeMap<u64, usize> = BTreeMap::new();
    for pair in steps.windows(2) {
        *count.entry(pair[1] - pair[0]).or_default() += 1;
    }
    count
        .into_iter()
        .max_by_key(|(distance, count)| (*count, *distance))
        .map_or(1, |(distance, _)| distance)
}

/// Pictures of a database soon after the start: of MLflow's four steps, of Trackio's
/// the tables alone.
const TAKEN_EARLY: [&str; 2] = ["mlflow_sqlite/live-snap.snap", "trackio/live-snap.snap"];

/// Points that a client itself never wrote to the disk: a killed W&B loses its last
/// seconds, so the pieces before and after the resume do not meet.
const LOST_BY_THE_CLIENT: [&str; 2] = ["wandb/kill-resume", "swanlab/kill-resume"];

#[test]
fn every_client_agrees_with_the_truth() {
    let Some(shared) = common::shared() else {
        return;
    };
    let runs = shared.join("realruns");
    let truths = runs.join("jsonl");
    let mut bad = Vec::new();
    let mut compared_logs = 0;
    println!(
        "{:<40} {:>9} {:>6} {:>9} {:>6}",
        "log", "compared", "wrong", "invented", "lost"
    );
    for row in common::manifest(&runs.join("MANIFEST.tsv")) {
        let (path, client) = (&row["path"], row["client"].as_str());
        let stores = [
            "tensorboard",
            "tensorboardX",
            "tensorboard_addscalars",
            "wandb",
            "swanlab",
            "mlflow_file",
            "mlflow_sqlite",
            "trackio",
        ];
        if !stores.contains(&client) {
            continue;
        }
        let name = path.split_once('/').unwrap().1;
        let truth = truths.join(name.trim_end_matches(".snap"));
        if !truth.exists() {
            println!("{path:<40} no truth");
            continue;
        }
        let (truth, _) = read_folder(&truth);
        let (seen, problems) = read_folder(&runs.join(path));
        let log = seen
            .iter()
            .filter(|log| !log.points.is_empty())
            .find(|log| !["key-value", "jsonl"].contains(&log.format));
        let early = TAKEN_EARLY.contains(&path.as_str());
        let Some(log) = log else {
            if early && client == "trackio" {
                println!("{path:<40} no rows yet; problems: {}", problems.len());
                assert!(problems.is_empty(), "{problems:?}");
                continue;
            }
            println!("{path:<40} not read: {problems:?}");
            bad.push(format!("{path}: not read"));
            continue;
        };
        let difference = differences(&log.points, &truth[0].points);
        compared_logs += 1;
        println!(
            "{path:<40} {:>9} {:>6} {:>9} {:>6}",
            difference.compared,
            difference.wrong.len(),
            difference.invented.len(),
            difference.lost.len()
        );
        let expected = early || LOST_BY_THE_CLIENT.contains(&path.as_str());
        let lost = !difference.lost.is_empty() && !expected;
        let few = difference.compared < if early { 16 } else { 50 };
        if !difference.wrong.is_empty() || !difference.invented.is_empty() || lost || few {
            let first = |list: &[String]| list.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
            bad.push(format!(
                "{path}: wrong {}, invented {}, lost {}",
                first(&difference.wrong),
                first(&difference.invented),
                first(&difference.lost)
            ));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert!(compared_logs >= 20, "only {compared_logs} logs compared");
}

/// What several clients recorded of one training is one run, with nothing doubled.
#[test]
fn clients_of_one_folder_are_one_run() {
    let Some(shared) = common::shared() else {
        return;
    };
    for (path, last_step) in [
        ("hf_trainer/hf-cosine", 2000),
        ("hf_trainer/hf-killresume", 1800),
        ("accelerate/acc-wsd", 1999),
        ("torchtune/tt-cosine", 700),
        ("lightning/pl-cosine", 2000),
        ("litgpt/lg-cosine", 1499),
        ("trl_sft/sft-cosine", 400),
        ("stable_baselines3/ppo-cartpole", 20480),
    ] {
        let folder = shared.join("realruns").join(path);
        let (logs, _) = read_folder(&folder);
        assert!(logs.len() > 1, "{path} was recorded by one client only");
        let reading = ReaderOptions {
            roots: vec![folder],
            names: Names::default(),
            grouping: GroupingSection::default(),
            feeds: Vec::new(),
            poll: Duration::from_secs(1),
            follow: false,
        };
        let mut engine = losscast::monitor::read_once(reading, losscast::engine::Options::default()).unwrap();
        let snapshot = engine.snapshot(0.0);
        let runs: Vec<&str> = snapshot.runs.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(runs.len(), 1, "{path}: {runs:?}");
        let run = &snapshot.runs[0];
        assert_eq!(run.step, last_step, "{path}");
        let most = logs
            .iter()
            .filter_map(|log| log.points.get(&Quantity::TrainLoss))
            .map(BTreeMap::len)
            .max()
            .unwrap_or(0) as u64;
        let points = run.loss(Quantity::TrainLoss).unwrap().points;
        assert!(
            points <= most,
            "{path}: {points} points, where no log has more than {most}"
        );
    }
}
