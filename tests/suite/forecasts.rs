//! What a forecast promises: siblings teach, strangers do not drag, the same input gives
//! the same numbers, and on real curves the errors and intervals are what we say.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use losscast::engine::{Engine, Options};
use losscast::fit::FitPoint;
use losscast::forecast::cohort::{Member, Profile};
use losscast::forecast::{self, Outcome, Task};
use losscast::format::Decoded;
use losscast::law::Prior;
use losscast::law::relaxation::standings;
use losscast::metric::Quantity;
use losscast::run::Identity;
use losscast::schedule::{LearningRateCurve, Plan, RecordedRates, Schedule};
use losscast::snapshot::{Snapshot, State};
use losscast::source::{FileKey, SourceEvent};
use serde_json::Value;

use crate::common::shared;

const STEPS: u64 = 20_000;
const PEAK: f64 = 1e-3;

/// A run made from the law: gains as a multiple of the prior, an asymptote, a schedule.
struct Made {
    curve: LearningRateCurve,
    losses: Vec<(f64, f64)>,
}

fn made(spec: &str, l0: f64, gain: f64) -> Made {
    let schedule: Schedule = spec.parse().unwrap();
    let curve = LearningRateCurve::from_steps(STEPS, |step| {
        PEAK * schedule.share(step as f64, 300.0, STEPS as f64)
    });
    let steps: Vec<f64> = (2..=STEPS / 100).map(|index| index as f64 * 100.0).collect();
    let bands = Prior::at(3.0, PEAK).bands;
    let stood = standings(&curve, &steps);
    let sums = curve.sums(1.0, steps.iter().copied());
    let losses = steps
        .iter()
        .zip(sums)
        .zip(stood)
        .enumerate()
        .map(|(index, ((step, sums), stood))| {
            let gained: f64 = bands
                .iter()
                .zip(stood.relaxed[3])
                .map(|(band, relaxed)| gain * band.mean * relaxed)
                .sum();
            let noise = 0.002 * ((index * 7919 % 13) as f64 / 6.0 - 1.0);
            (*step, l0 + 0.9 * sums.forward.powf(-0.5) - gained + noise)
        })
        .collect();
    Made { curve, losses }
}

impl Made {
    fn points(&self, from: f64, until: f64) -> Vec<FitPoint> {
        self.losses
            .iter()
            .filter(|(step, _)| (from..=until).contains(step))
            .map(|(step, loss)| FitPoint {
                step: *step,
                loss: *loss,
                variance: 1e-5,
            })
            .collect()
    }

    fn profile(&self, until: f64, name: Option<&str>) -> Profile {
        let plan = self.plan(until as u64);
        let points = self.points(300.0, until);
        Profile::new(&points, &plan, until as u64, name.map(str::to_owned)).unwrap()
    }

    /// What a run that is over has to say.
    fn member(&self, name: Option<&str>) -> Arc<Member> {
        let task = self.task(STEPS, self.plan(STEPS), Vec::new());
        let evidence = task.evidence().unwrap();
        Arc::new(Member::new(self.profile(STEPS as f64, name), &task, &evidence).unwrap())
    }

    /// The same of one whose log shows no learning rate.
    fn member_without_rates(&self) -> Arc<Member> {
        let plan = Plan::unlogged(STEPS, STEPS);
        let profile = Profile::new(&self.points(300.0, STEPS as f64), &plan, STEPS, None).unwrap();
        let task = self.task(STEPS, plan, Vec::new());
        Arc::new(Member::new(profile, &task, &task.evidence().unwrap()).unwrap())
    }

    /// The forecast from the first half.
    fn half_way(&self, siblings: Vec<Arc<Member>>) -> Outcome {
        let task = self.task_half_way(siblings);
        forecast::run(&task, task.evidence().as_ref(), None)
    }

    /// The same where the log shows no learning rate.
    fn half_way_without_rates(&self, siblings: Vec<Arc<Member>>) -> Outcome {
        let task = self.task(STEPS / 2, Plan::unlogged(STEPS / 2, STEPS), siblings);
        forecast::run(&task, task.evidence().as_ref(), None)
    }

    fn task_half_way(&self, siblings: Vec<Arc<Member>>) -> Task {
        self.task(STEPS / 2, self.plan(STEPS / 2), siblings)
    }

    fn plan(&self, last_step: u64) -> Plan {
        let mut rates = RecordedRates::default();
        for step in 0..=STEPS {
            rates.push(step, self.curve.rate(step as f64));
        }
        Plan::known(&rates, last_step, STEPS)
    }

    fn task(&self, last_step: u64, plan: Plan, siblings: Vec<Arc<Member>>) -> Task {
        let points = self.points(2300.0, last_step as f64);
        let now = points.last().unwrap().loss;
        Task {
            points,
            companion: Vec::new(),
            smoothed: now,
            low_in_warm_up: None,
            smoothed_sd: 0.001,
            last_step,
            plan,
            level: 0.9,
            repeats: None,
            sees_data_again: false,
            augmented_share: None,
            siblings,
        }
    }

    fn end(&self) -> f64 {
        self.losses.last().unwrap().1
    }
}

#[test]
fn one_without_rates_ends_as_those_that_are_over_and_without_rates_too() {
    let spec = "cosine:min=0";
    let (one, other) = (made(spec, 2.1, 1.2), made(spec, 2.1, 1.2));
    let by_itself = one.half_way_without_rates(Vec::new()).forecast.unwrap();
    let taught = one.half_way_without_rates(vec![other.member_without_rates()]);
    let taught = taught.forecast.unwrap();
    let error = |final_loss: f64| (final_loss - one.end()).abs();
    assert!(
        error(taught.final_loss) < 0.5 * error(by_itself.final_loss),
        "{taught:?}"
    );
    assert!(taught.high - taught.low < 0.6 * (by_itself.high - by_itself.low));
    assert!(taught.low < one.end() && one.end() < taught.high, "{taught:?}");
    assert!(taught.basis.contains("learns from 1 sibling"));
    // One whose rates are known is no witness to plans, and strangers say nothing.
    assert!(
        !one.profile(STEPS as f64 / 2.0, None)
            .is_sibling(&other.member_without_rates().profile)
    );
    let stranger = made(spec, 2.4, 1.2).member_without_rates();
    assert!(!stranger.profile.is_sibling(&other.member_without_rates().profile));
}

#[test]
fn what_no_law_explains_now_is_not_promised_to_go_away() {
    // A fine-tuning learns its data by heart.
    let loss = |step: f64| 1.2 * (-step / 150.0).exp() + 1e-3;
    let points: Vec<FitPoint> = (5..75)
        .map(|index| f64::from(index) * 20.0)
        .map(|step| FitPoint {
            step,
            loss: loss(step),
            variance: 1e-8,
        })
        .collect();
    let mut rates = RecordedRates::default();
    (0..=3000).for_each(|step| rates.push(step, 2e-5));
    let task = Task {
        points,
        companion: Vec::new(),
        smoothed: loss(1480.0),
        low_in_warm_up: None,
        smoothed_sd: 1e-4,
        last_step: 1480,
        plan: Plan::known(&rates, 1480, 3000),
        level: 0.8,
        repeats: None,
        sees_data_again: false,
        augmented_share: None,
        siblings: Vec::new(),
    };
    let forecast = forecast::run(&task, task.evidence().as_ref(), None)
        .forecast
        .unwrap();
    let actual = loss(3000.0);
    assert!(
        (forecast.low..=forecast.high).contains(&actual),
        "{actual} {forecast:?}"
    );
}

#[test]
fn an_eval_loss_that_rises_while_the_train_loss_falls_is_not_promised_to_fall() {
    // A character model learns its little text by heart; the log says nothing of epochs.
    let learnt = |step: f64| 1e-4 * step;
    let law = |step: f64| 1.2 + 12.0 / step.sqrt();
    let at = |step: f64, loss: f64| FitPoint {
        step,
        loss,
        variance: 1e-5,
    };
    let steps = |every: u32| (1..=2500 / every).map(move |index| f64::from(index * every));
    let points: Vec<FitPoint> = steps(250)
        .map(|step| at(step, law(step) + learnt(step)))
        .collect();
    let companion = steps(50).map(|step| at(step, law(step) - learnt(step))).collect();
    let mut rates = RecordedRates::default();
    (0..=5000).for_each(|step| rates.push(step, 1e-3));
    let now = points.last().unwrap().loss;
    let task = Task {
        points,
        companion,
        smoothed: now,
        low_in_warm_up: None,
        smoothed_sd: 1e-3,
        last_step: 2500,
        plan: Plan::known(&rates, 2500, 5000),
        level: 0.8,
        repeats: None,
        sees_data_again: false,
        augmented_share: None,
        siblings: Vec::new(),
    };
    let outcome = forecast::run(&task, task.evidence().as_ref(), None);
    let forecast = outcome.forecast.unwrap();
    // 1.69 now, 1.87 at the end; a law that only falls says 1.5.
    let actual = law(5000.0) + learnt(5000.0);
    assert!(actual > now && forecast.final_loss > now, "{now} {forecast:?}");
    assert!(
        (forecast.final_loss - actual).abs() < 0.15,
        "{actual} {forecast:?}"
    );
}

#[test]
fn what_is_known_of_the_data_to_come_widens_the_interval() {
    let run = made("cosine:min=0.1", 2.7, 1.4);
    let width = |change: &dyn Fn(&mut Task)| {
        let mut task = run.task_half_way(Vec::new());
        change(&mut task);
        let forecast = forecast::run(&task, task.evidence().as_ref(), None)
            .forecast
            .unwrap();
        forecast.high - forecast.low
    };
    let alone = width(&|_| {});
    assert!(width(&|task| task.sees_data_again = true) > 1.2 * alone);
    // The augmentation ends while the run is on, or has ended.
    assert!(width(&|task| task.augmented_share = Some(0.9)) > 2.0 * alone);
    assert_eq!(width(&|task| task.augmented_share = Some(0.4)), alone);
}

#[test]
fn a_sibling_that_has_annealed_teaches_one_that_has_not() {
    let run = made("wsd:decay=0.2", 2.7, 1.4);
    let siblings = ["cosine:min=0.1", "wsd:decay=0.4"].map(|spec| made(spec, 2.7, 1.4).member(None));
    let profile = run.profile(10_000.0, None);
    assert!(
        siblings
            .iter()
            .all(|sibling| profile.is_sibling(&sibling.profile))
    );
    let alone = run.half_way(Vec::new()).forecast.unwrap();
    let taught = run.half_way(siblings.to_vec()).forecast.unwrap();
    assert!(alone.prior_based && !taught.prior_based, "{alone:?} {taught:?}");
    assert!(
        (taught.final_loss / run.end() - 1.0).abs() < 0.004,
        "{taught:?} {}",
        run.end()
    );
    assert!(taught.sd < alone.sd / 1.7, "{} {}", taught.sd, alone.sd);
    assert!(
        (taught.low..=taught.high).contains(&run.end()),
        "{taught:?} {}",
        run.end()
    );
    assert!(taught.basis.contains("2 siblings"), "{}", taught.basis);
}

#[test]
fn a_run_that_does_not_belong_does_not_drag() {
    let run = made("wsd:decay=0.2", 2.7, 1.0);
    let stranger = made("cosine:min=0.1", 3.1, 2.5);
    assert!(
        !run.profile(10_000.0, None)
            .is_sibling(&stranger.member(None).profile)
    );
    // Even when the user says that they belong together, the fit finds that they do not.
    let alone = run.half_way(Vec::new()).forecast.unwrap();
    let forced = run
        .half_way(vec![stranger.member(Some("one")); 3])
        .forecast
        .unwrap();
    let moved = (forced.final_loss - alone.final_loss).abs();
    assert!(moved < 0.5 * alone.sd, "{moved} {alone:?} {forced:?}");
    assert!(
        (forced.low..=forced.high).contains(&run.end()),
        "{forced:?} {}",
        run.end()
    );
}

#[test]
fn the_same_records_give_the_same_numbers_however_they_arrive() {
    let run = made("cosine:min=0.1", 2.7, 1.2);
    let records: Vec<(u64, [(Quantity, f64); 2])> = run
        .losses
        .iter()
        .filter(|(step, _)| *step <= 12_000.0)
        .map(|(step, loss)| {
            let rate = run.curve.rate(*step);
            (
                *step as u64,
                [(Quantity::EvalLoss, *loss), (Quantity::LearningRate, rate)],
            )
        })
        .collect();
    let forecast = |pieces: usize| {
        let options = Options {
            total_steps: Some(STEPS),
            ..Options::default()
        };
        let mut engine = Engine::new(options);
        let key = FileKey(0);
        let identity = Identity {
            id: "run".to_owned(),
            path: "run".into(),
            format: "jsonl",
        };
        engine.apply(SourceEvent::Found { key, identity }, 0.0);
        engine.apply(SourceEvent::CaughtUp, 0.0);
        for (index, piece) in records.chunks(records.len().div_ceil(pieces)).enumerate() {
            let mut decoded = Decoded::default();
            piece
                .iter()
                .for_each(|(step, values)| decoded.records.push(*step, values));
            let decoded = Box::new(decoded);
            let now = 20.0 * index as f64;
            engine.apply(
                SourceEvent::Records {
                    key,
                    decoded,
                    modified: now,
                },
                now,
            );
            while let Some(job) = engine.next_job(now) {
                engine.finish(job.run(), now);
            }
        }
        let snapshot = engine.snapshot(1e6);
        snapshot.runs[0].primary().unwrap().forecast.clone().unwrap()
    };
    assert_eq!(forecast(1), forecast(1000));
}

#[test]
fn a_sibling_that_has_diverged_teaches_nothing() {
    let run = made("cosine:min=0.1", 2.7, 1.2);
    // Both have come as far; the other one has left its course a while ago.
    let healthy: Vec<(f64, f64)> = run
        .losses
        .iter()
        .copied()
        .filter(|(step, _)| *step <= 16_000.0)
        .collect();
    let lost = |(step, loss): &(f64, f64)| (*step, loss + 6.0 * ((step - 5000.0) / 2000.0).clamp(0.0, 1.0));
    let lost: Vec<(f64, f64)> = healthy.iter().map(lost).collect();
    let forecast = |logs: &[&[(f64, f64)]]| {
        let options = Options {
            total_steps: Some(STEPS),
            ..Options::default()
        };
        let mut engine = Engine::new(options);
        for (place, log) in (0..).zip(logs) {
            let key = FileKey(place);
            let identity = Identity {
                id: format!("run{place}"),
                path: format!("run{place}").into(),
                format: "jsonl",
            };
            engine.apply(SourceEvent::Found { key, identity }, 0.0);
            let mut decoded = Decoded::default();
            for (step, loss) in *log {
                let rate = run.curve.rate(*step);
                let values = [
                    (Quantity::EvalLoss, *loss),
                    (Quantity::TrainLoss, *loss),
                    (Quantity::LearningRate, rate),
                ];
                decoded.records.push(*step as u64, &values);
            }
            let decoded = Box::new(decoded);
            engine.apply(
                SourceEvent::Records {
                    key,
                    decoded,
                    modified: 0.0,
                },
                0.0,
            );
        }
        engine.apply(SourceEvent::CaughtUp, 0.0);
        for now in [0.0, 100.0, 200.0] {
            while let Some(job) = engine.next_job(now) {
                engine.finish(job.run(), now);
            }
        }
        engine.snapshot(300.0)
    };
    let with_lost = forecast(&[&healthy, &lost]);
    assert_eq!(
        with_lost.runs[1].state,
        State::Diverged,
        "{}",
        with_lost.runs[1].state_reason
    );
    let projected = |snapshot: &Snapshot| snapshot.runs[0].primary().unwrap().forecast.clone().unwrap();
    assert_eq!(projected(&with_lost), projected(&forecast(&[&healthy])));
}

/// The promise of the README on data that anyone with the shared folder can check.
#[test]
fn real_curves_are_forecast_as_well_as_we_say() {
    let Some(shared) = shared() else {
        return;
    };
    for (cohort, median, mean, coverage) in [("off", 0.002, 0.003, 0.82), ("on", 0.002, 0.003, 0.80)] {
        let output = Command::new(env!("CARGO_BIN_EXE_losscast"))
            .args([
                "backtest",
                "--at",
                "0.3,0.5,0.7,0.9",
                "--format",
                "json",
                "--cohort",
                cohort,
            ])
            .arg(shared.join("corpus/multipowerlaw"))
            .output()
            .unwrap();
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        let summary = result["summary"].as_array().unwrap();
        let all = summary.iter().find(|row| row["at"].is_null()).unwrap();
        assert_eq!(all["n"], 72);
        assert!(all["median_relative_error"].as_f64().unwrap() <= median, "{all}");
        assert!(all["mean_relative_error"].as_f64().unwrap() <= mean, "{all}");
        assert!(all["coverage"]["90"].as_f64().unwrap() >= coverage, "{all}");
    }
}

/// Without its learning rates a run's decay is foreseen all the same: the runs of `sample_logs` end
/// lower than a power law in steps says, and within the interval.
#[test]
fn a_decay_is_foreseen_where_no_learning_rate_is_logged() {
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_logs");
    let output = Command::new(env!("CARGO_BIN_EXE_losscast"))
        .args(["backtest", "--at", "0.5,0.7,0.9", "--format", "json"])
        .args(["--schedule", "unlogged"])
        .args([logs.join("slimpajama-124m"), logs.join("multipowerlaw-100m")])
        .output()
        .unwrap();
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    // The train losses of the first are single batches.
    let mut cases = result["cases"].as_array().unwrap().clone();
    cases.retain(|case| case["metric_role"] == "eval" || case["path"].as_str().unwrap().contains("100m"));
    let number = |case: &Value, name: &str| case[name].as_f64().unwrap();
    let errors = |of: &dyn Fn(&Value) -> f64| -> f64 {
        let errors = cases.iter().map(|case| (of(case) - number(case, "actual")).abs());
        errors.sum::<f64>() / cases.len() as f64
    };
    let ours = errors(&|case| number(case, "forecast"));
    let power = errors(&|case| case["baselines"]["power"].as_f64().unwrap());
    assert!(ours < 0.75 * power, "{ours} {power}");
    let held = |case: &&Value| -> bool {
        let actual = number(case, "actual");
        (number(case, "low90")..=number(case, "high90")).contains(&actual)
    };
    let held = cases.iter().filter(held).count();
    assert!(10 * held >= 8 * cases.len(), "{held} of {}", cases.len());
}

#[test]
fn ten_of_thousands_of_steps_without_a_learning_rate_tell_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.csv");
    let rows: String = (1..=12)
        .map(|step| format!("{step},{},7000\n", 10.0 - 0.3 * f64::from(step)))
        .collect();
    std::fs::write(&path, format!("step,loss,max_steps\n{rows}")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_losscast"))
        .args(["report", "--format", "json"])
        .arg(&path)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let loss = &report["runs"][0]["losses"][0];
    assert_eq!(report["runs"][0]["total_steps"], 7000);
    assert!(loss["forecast"].is_null(), "{loss}");
    let reason = loss["forecast_reason"].as_str().unwrap();
    assert!(reason.starts_with("too early"), "{reason}");
}
