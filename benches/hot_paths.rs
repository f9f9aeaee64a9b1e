//! What must stay cheap: one refit of a very long run, one more record, decoding.
//!
//! `cargo bench --bench hot_paths`

#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use losscast::detect::{Context, Detectors};
use losscast::engine::cohort::Statement;
use losscast::engine::{Engine, FitJob, Options};
use losscast::fit::cohort::{Pool, Testimony};
use losscast::fit::{Evidence, FitOptions, Huber, Posterior, solver};
use losscast::format::{Decoded, read_all};
use losscast::law::Prior;
use losscast::metric::{Names, Quantity};
use losscast::run::{Identity, Run};
use losscast::source::{FileKey, SourceEvent};

fn main() {
    divan::main();
}

/// A noisy run that follows the law, up to `steps` of a planned 1,250,000.
fn records(steps: std::ops::Range<u64>) -> Decoded {
    let mut decoded = Decoded {
        total_steps: Some(1_250_000),
        ..Decoded::default()
    };
    let mut state = 0x2545_f491_4f6c_dd1du64;
    for step in steps {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let noise = (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
        let share = step as f64 / 1_250_000.0;
        let rate = 3e-4 * (0.55 + 0.45 * (std::f64::consts::PI * share).cos());
        let loss = 2.5 + 6.0 / (1.0 + step as f64 / 50.0).powf(0.4) - 200.0 * (3e-4 - rate) + 0.1 * noise;
        decoded.records.push(
            step,
            &[
                (Quantity::TrainLoss, loss),
                (Quantity::LearningRate, rate),
                (Quantity::GradNorm, 0.5 + 0.2 * noise),
            ],
        );
    }
    decoded.lines = decoded.records.len() as u64;
    decoded
}

/// The posterior alone: one run, and one with eight siblings.
#[divan::bench(args = [0, 8], sample_count = 50)]
fn posterior(bencher: Bencher, siblings: usize) {
    let task = job(100_000).task();
    let testimony = Testimony::new(&task.evidence().unwrap()).unwrap();
    let heard: Vec<&Testimony> = (0..siblings).map(|_| &testimony).collect();
    bencher.bench(|| {
        let evidence = task.evidence().unwrap();
        let pool = Pool::new(&heard, &evidence);
        Posterior::new(&evidence, pool.as_ref()).is_some()
    });
}

/// What a run has to say to its siblings.
#[divan::bench(sample_count = 50)]
fn testimony(bencher: Bencher) {
    let evidence = job(100_000).task().evidence().unwrap();
    bencher.bench(|| Testimony::new(&evidence).unwrap());
}

/// All that fifty siblings need for a forecast of each: what each has to say, what all
/// others say to it, and its own posterior.
#[divan::bench(sample_count = 10)]
fn cohort_of_fifty(bencher: Bencher) {
    let task = job(100_000).task();
    bencher.bench(|| {
        let evidence: Vec<Evidence> = (0..50).map(|_| task.evidence().unwrap()).collect();
        let testimonies: Vec<Testimony> = evidence
            .iter()
            .map(|evidence| Testimony::new(evidence).unwrap())
            .collect();
        evidence
            .iter()
            .enumerate()
            .filter(|(own, evidence)| {
                let others: Vec<&Testimony> = testimonies
                    .iter()
                    .enumerate()
                    .filter_map(|(index, testimony)| (index != *own).then_some(testimony))
                    .collect();
                Posterior::new(evidence, Pool::new(&others, evidence).as_ref()).is_some()
            })
            .count()
    });
}

/// The displayed best fit alone.
#[divan::bench(sample_count = 50)]
fn best_fit(bencher: Bencher) {
    let task = job(100_000).task();
    let options = FitOptions {
        memories: solver::memory_grid(),
        huber: Huber::StandardDeviations(1.35),
        prior: Some(Prior::at(task.smoothed, task.plan.curve.peak())),
    };
    bencher.bench(|| solver::best_fit(&task.points, &task.plan.curve, &options).unwrap());
}

fn identity() -> Identity {
    Identity {
        id: "run".to_owned(),
        path: "run".into(),
        format: "json-lines",
    }
}

fn job(steps: u64) -> FitJob {
    let mut engine = Engine::new(Options::default());
    let key = FileKey(0);
    engine.apply(
        SourceEvent::Found {
            key,
            identity: identity(),
        },
        0.0,
    );
    let decoded = Box::new(records(0..steps));
    let modified = 0.0;
    engine.apply(
        SourceEvent::Records {
            key,
            decoded,
            modified,
        },
        0.0,
    );
    engine.apply(SourceEvent::CaughtUp, 0.0);
    engine.next_job(0.0).unwrap()
}

/// One refit: law, posterior, projection.
#[divan::bench(args = [10_000, 100_000, 1_000_000], sample_count = 20)]
fn refit(bencher: Bencher, steps: u64) {
    let job = job(steps);
    bencher.with_inputs(|| job.clone()).bench_values(FitJob::run);
}

/// The refits of fifty siblings, each with all that the others say: what `report` does,
/// on one core of those that it takes.
#[divan::bench(sample_count = 5)]
fn refit_of_fifty(bencher: Bencher) {
    let job = job(100_000);
    let member = job.clone().run().member.unwrap();
    let others: Vec<Statement> = (1..50)
        .map(|key| Statement {
            key: FileKey(key),
            serial: 0,
            member: Arc::clone(&member),
        })
        .collect();
    let jobs: Vec<FitJob> = (0..50).map(|_| job.clone().among(others.clone())).collect();
    bencher.with_inputs(|| jobs.clone()).bench_values(|jobs| {
        jobs.into_iter()
            .map(FitJob::run)
            .filter(|done| done.outcome.siblings == 49)
            .count()
    });
}

/// A thousand more records, detectors included, after so many.
#[divan::bench(args = [10_000, 1_000_000], sample_count = 20)]
fn thousand_records_after(bencher: Bencher, steps: u64) {
    let before = records(0..steps);
    let more = records(steps..steps + 1000);
    bencher
        .counter(ItemsCount::new(1000u32))
        .with_inputs(|| {
            let mut run = Run::new(identity());
            run.apply(&before);
            run
        })
        .bench_refs(|run| run.apply(&more));
}

/// All detectors on records with every signal, in a bad stretch: logits that grow, a
/// loss scale, a gradient norm and a loss that keep detectors from their short cuts.
#[divan::bench(sample_count = 50)]
fn thousand_records_for_detectors(bencher: Bencher) {
    let rows = |steps: std::ops::Range<u64>| {
        let mut decoded = Decoded::default();
        for step in steps {
            let wobble = (step as f64 * 0.7).sin();
            decoded.records.push(
                step,
                &[
                    (Quantity::TrainLoss, 3.0 + 0.5 * wobble + 0.0005 * step as f64),
                    (Quantity::EvalLoss, 3.0 + 0.0005 * step as f64),
                    (Quantity::LearningRate, 1e-3),
                    (Quantity::GradNorm, 1.0 + 6.0 * wobble.abs()),
                    (Quantity::AttentionLogit, 50.0 * (0.0002 * step as f64).exp()),
                    (Quantity::LogPartition, 5.0 + 0.01 * step as f64),
                    (Quantity::LossScale, 65536.0),
                    (Quantity::StepTime, 0.1),
                ],
            );
        }
        decoded
    };
    let (before, more) = (rows(0..5000), rows(5000..6000));
    bencher
        .counter(ItemsCount::new(1000u32))
        .with_inputs(|| {
            let mut alerts = losscast::alert::AlertLog::default();
            let mut detectors = Detectors::default();
            detectors.observe(
                &before.records,
                0..before.records.len(),
                &Context::default(),
                &mut alerts,
            );
            (detectors, alerts)
        })
        .bench_refs(|(detectors, alerts)| {
            detectors.observe(&more.records, 0..more.records.len(), &Context::default(), alerts);
        });
}

fn decode(bencher: Bencher, line: impl Fn(u64) -> String) {
    let content: Vec<u8> = (0..50_000).flat_map(|step| line(step).into_bytes()).collect();
    bencher
        .counter(BytesCount::new(content.len()))
        .bench(|| read_all(&content, &Names::default()).unwrap());
}

#[divan::bench(sample_count = 20)]
fn decode_json_lines(bencher: Bencher) {
    decode(bencher, |step| {
        format!(
            "{{\"step\": {step}, \"loss\": {:.6}, \"learning_rate\": 0.0003, \"grad_norm\": 0.4321}}\n",
            4.0 / (1.0 + step as f64).powf(0.1)
        )
    });
}

#[divan::bench(sample_count = 20)]
fn decode_csv(bencher: Bencher) {
    decode(bencher, |step| match step {
        0 => "step,loss,lr,grad_norm\n".to_owned(),
        step => format!(
            "{step},{:.6},0.0003,0.4321\n",
            4.0 / (1.0 + step as f64).powf(0.1)
        ),
    });
}

#[divan::bench(sample_count = 20)]
fn decode_megatron(bencher: Bencher) {
    decode(bencher, |step| {
        format!(
            " iteration {step:>8}/  100000 | consumed samples: {step:>12} | elapsed time per iteration (ms): 1234.5 | learning rate: 3.000E-04 | global batch size:   512 | lm loss: {:.6E} | loss scale: 1.0 | grad norm: 0.432 | number of skipped iterations:   0 | number of nan iterations:   0 |\n",
            4.0 / (1.0 + step as f64).powf(0.1)
        )
    });
}

#[divan::bench(sample_count = 20)]
fn decode_llm_c(bencher: Bencher) {
    decode(bencher, |step| {
        format!(
            "s:{step} trl:{:.4} lr:0.000300 norm:0.43\n",
            4.0 / (1.0 + step as f64).powf(0.1)
        )
    });
}
