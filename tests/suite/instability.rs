//! Detectors against real events whose step is known, and against healthy runs.

use crate::common;

use std::collections::BTreeMap;

use losscast::alert::{Alert, Severity};
use losscast::format::read_all;
use losscast::metric::Names;
use losscast::run::{Identity, Run};

/// All alerts of a log, its logged steps, and the number of logged points.
fn alerts(path: &std::path::Path) -> Option<(Vec<Alert>, Vec<u64>)> {
    let whole = read_all(&std::fs::read(path).ok()?, &Names::default()).ok()?;
    let mut run = Run::new(Identity {
        id: String::new(),
        path: path.to_owned(),
        format: whole.format,
    });
    run.apply(&whole.decoded);
    Some((run.alerts.all().to_vec(), whole.decoded.records.steps().to_vec()))
}

/// Kinds of alert that tell of an event of this type.
fn kinds(event: &str) -> &'static [&'static str] {
    match event {
        e if e.starts_with("loss_spike") => &["loss_spike", "gradient_surge", "divergence", "non_finite"],
        e if e.starts_with("nan") => &["non_finite", "loss_scale_collapse"],
        e if e.starts_with("grad") => &[
            "gradient_surge",
            "non_finite",
            "loss_spike",
            "divergence",
            "non_finite_gradient",
        ],
        e if e.starts_with("loss_scale") => &["loss_scale_collapse", "non_finite", "loss_spike"],
        e if e.starts_with("attention") => &["attention_logit"],
        _ => &["divergence", "loss_spike", "gradient_surge", "non_finite"],
    }
}

#[test]
fn events_are_found_and_healthy_runs_left_alone() {
    let Some(shared) = common::shared() else {
        return;
    };
    let folder = shared.join("instability");
    let mut found: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    let (mut healthy_points, mut false_warnings, mut false_criticals) = (0usize, 0usize, 0usize);
    for row in common::manifest(&folder.join("MANIFEST.tsv")) {
        let Some((alerts, steps)) = alerts(&folder.join(&row["file"])) else {
            println!("not read: {}", row["file"]);
            continue;
        };
        let event = row["event_type"].as_str();
        if event == "none" || event.starts_with("benign") {
            let raised = |severity| alerts.iter().filter(|alert| alert.severity == severity).count();
            healthy_points += steps.len();
            false_warnings += raised(Severity::Warning);
            false_criticals += raised(Severity::Critical);
            for alert in alerts.iter().filter(|alert| alert.severity > Severity::Info) {
                println!(
                    "false: {} {} {}",
                    row["file"],
                    alert.severity.name(),
                    alert.message
                );
            }
            continue;
        }
        if event.starts_with("planned") || event == "resume_discontinuity" || event == "hang" {
            continue;
        }
        let begin: u64 = row["begin_step"].parse().unwrap();
        let warnable: u64 = row["first_warnable_step"].parse().unwrap_or(begin);
        let at = steps.partition_point(|step| *step < begin);
        let first = steps[steps.partition_point(|step| *step < warnable).saturating_sub(10)];
        let last = steps[(at + 5.max(steps.len() / 100)).min(steps.len() - 1)];
        let hit = alerts.iter().any(|alert| {
            kinds(event).contains(&alert.kind) && (first..=last).contains(&alert.raised_at_step)
        });
        let class = event.split('_').take(2).collect::<Vec<_>>().join("_");
        let count = found.entry(class).or_default();
        count.0 += u32::from(hit);
        count.1 += 1;
        if !hit {
            println!("missed: {} {event} at {begin}", row["file"]);
        }
    }
    let per_10k = |count: usize| count as f64 * 1e4 / healthy_points as f64;
    println!("{found:#?}");
    println!(
        "healthy: {healthy_points} points, {:.2} warnings and {:.2} criticals per 10,000",
        per_10k(false_warnings),
        per_10k(false_criticals)
    );
    let recall = |class: &str| {
        found
            .get(class)
            .map_or(0.0, |(hit, of)| f64::from(*hit) / f64::from(*of))
    };
    assert!(recall("loss_spike") >= 0.85, "{}", recall("loss_spike"));
    assert!(per_10k(false_warnings) <= 2.0 && per_10k(false_criticals) <= 2.5);
}
