//! Detectors against real events whose step is known, and against healthy runs.

use crate::common;

use losscast::alert::Severity;
use losscast::backtest::alerts::{RunScore, Totals, crossings, totals};
use losscast::cli::{Cli, Command};
use losscast::commands::backtest_alerts;

use clap::Parser;

fn scores(paths: &[std::path::PathBuf], expect: Option<&std::path::Path>) -> Vec<RunScore> {
    let mut arguments = vec!["losscast".into(), "backtest".into(), "--alerts".into()];
    arguments.extend(paths.iter().map(|path| path.as_os_str().to_owned()));
    if let Some(expect) = expect {
        arguments.extend(["--expect".into(), expect.as_os_str().to_owned()]);
    }
    let Some(Command::Backtest(settings)) = Cli::parse_from(arguments).command else {
        panic!("no backtest");
    };
    backtest_alerts::run(&settings).unwrap().runs().to_vec()
}

fn recall(total: &Totals) -> f64 {
    total.detected as f64 / total.events.max(1) as f64
}

#[test]
fn events_are_found_and_healthy_runs_left_alone() {
    let Some(shared) = common::shared() else {
        return;
    };
    let folder = shared.join("instability");
    let runs = scores(std::slice::from_ref(&folder), Some(&folder.join("MANIFEST.tsv")));
    let totals = totals(&runs);
    println!("{totals:#?}");
    let named: std::collections::HashSet<String> = common::manifest(&folder.join("MANIFEST.tsv"))
        .into_iter()
        .map(|row| row["file"].clone())
        .collect();
    let compared = runs.iter().filter(|run| !run.expected.is_empty()).count();
    assert!(compared * 10 >= named.len() * 9, "{compared} of {}", named.len());
    let spikes = &totals["loss_spike_recovers"];
    assert!(recall(spikes) >= 0.9, "{spikes:?}");
    for event in ["diverge", "nan", "lr_jump_divergence", "grad_explosion_then_nan"] {
        assert!(recall(&totals[event]) >= 0.9, "{event}: {:?}", totals[event]);
    }
    // One of the five logs says it in a sentence of DeepSpeed only, which no decoder reads yet.
    assert!(totals["loss_scale_collapse"].detected >= 4);
    let healthy = &totals["healthy"];
    assert!(healthy.points > 70_000);
    assert!(healthy.false_warnings as f64 <= 0.5 * healthy.points as f64 / 1e4);
    assert_eq!(healthy.false_criticals, 0);
    let all = &totals["all"];
    assert!(
        all.false_criticals as f64 <= 0.1 * all.criticals as f64,
        "{all:?}"
    );
}

/// Runs that are known to be healthy in the other folders: nearly silent.
#[test]
fn healthy_runs_of_other_kinds_are_left_alone() {
    let Some(shared) = common::shared() else {
        return;
    };
    let healthy = [
        "corpus/modded-nanogpt",
        "corpus/llmc/log124M",
        "corpus/modded-nanogpt-rwkv",
        "corpus/megatron-golden",
        "corpus/multipowerlaw",
        "corpus/nanochat",
        "curves",
    ];
    let runs = scores(&healthy.map(|folder| shared.join(folder)), None);
    let points: usize = runs.iter().map(|run| run.points).sum();
    let raised = |severity| {
        runs.iter()
            .flat_map(|run| &run.alerts)
            .filter(|alert| alert.severity == severity)
            .count()
    };
    let (warnings, criticals) = (raised(Severity::Warning), raised(Severity::Critical));
    println!("{points} points: {warnings} warnings, {criticals} criticals");
    assert!(points > 100_000);
    assert!(warnings as f64 <= 0.5 * points as f64 / 1e4, "{warnings}");
    assert_eq!(criticals, 0);
}

/// The bars of the issue, over every log that shows a crossing.
#[test]
fn crossings_of_attention_logits_are_foreseen() {
    let Some(shared) = common::shared() else {
        return;
    };
    let folders = ["realruns", "instability/tinylm"].map(|folder| shared.join(folder));
    let found = crossings(&scores(&folders, None));
    let attention = &found["attention_logit"];
    println!("{attention:?}");
    assert!(attention.crossed >= 15);
    assert!(attention.in_time * 10 >= attention.crossed * 8);
    assert!(attention.covered * 10 >= attention.foreseen * 8);
}
