mod plan;
mod resumes;

use proptest::prelude::*;

use super::*;
use crate::format::Decoded;
use crate::format::records::How;
use crate::metric::Names;

fn run() -> Run {
    Run::new(Identity {
        id: "run".to_owned(),
        path: PathBuf::from("run.jsonl"),
        format: "jsonl",
    })
}

fn decoded(steps: impl IntoIterator<Item = u64>) -> Decoded {
    let mut decoded = Decoded::default();
    for step in steps {
        decoded.records.push(
            step,
            &[(Quantity::TrainLoss, 3.0), (Quantity::LearningRate, 1e-3)],
        );
        if step % 10 == 0 {
            decoded.records.push(step, &[(Quantity::EvalLoss, 3.1)]);
        }
    }
    decoded
}

#[test]
fn a_run_that_says_it_is_done_is_done_until_it_goes_on() {
    let done = |steps: std::ops::RangeInclusive<u64>| {
        let mut decoded = decoded(steps);
        decoded.end(None, How::Finished);
        decoded.records.push(100, &[(Quantity::EvalLoss, 3.0)]);
        decoded
    };
    let mut run = run();
    run.apply(&done(0..=100));
    assert!(run.says_it_is_done());
    // Trained further, from the checkpoint before the last, and done again.
    run.apply(&decoded(90..=99));
    assert!(!run.says_it_is_done());
    run.apply(&done(100..=100));
    assert!(run.says_it_is_done());
    // A log that says so after every epoch means that epoch.
    run.apply(&decoded(101..=110));
    run.apply(&done(111..=120));
    assert!(!run.says_it_is_done());
}

#[test]
fn a_run_that_is_done_with_a_loss_that_is_none_is_lost() {
    let mut run = run();
    run.apply(&decoded(0..=100));
    let mut last = Decoded::default();
    last.records.push(101, &[(Quantity::TrainLoss, f64::NAN)]);
    run.apply(&last);
    assert_eq!(run.divergence(), None);
    let mut end = Decoded::default();
    end.end(None, How::Finished);
    run.apply(&end);
    assert_eq!(run.divergence().map(|alert| alert.kind), Some("non_finite"));
}

#[test]
fn logs_that_count_the_batches_of_their_own_data_meet_by_their_epochs() {
    let log = |length: u64, quantity: Quantity| {
        let mut log = run();
        let mut decoded = Decoded::default();
        for epoch in 0..40u64 {
            decoded.records.push(
                length * (epoch + 1),
                &[(quantity, 3.0), (Quantity::Epoch, epoch as f64)],
            );
        }
        log.apply(&decoded);
        log
    };
    let mut train = log(37, Quantity::TrainLoss);
    for (length, last) in [(9, 40 * 37), (37, 40 * 37), (74, 40 * 37)] {
        let held_out = log(length, Quantity::EvalLoss);
        train.borrow(std::iter::once(&held_out));
        let series = train.series(Quantity::EvalLoss).unwrap();
        assert_eq!(
            (series.points(), series.last_step()),
            (40, Some(last)),
            "{length}"
        );
        assert_eq!(series.buckets()[0].first_step, 37);
    }
}

#[test]
fn a_train_loss_that_stopped_early_does_not_stand_for_the_run() {
    let mut run = run();
    let mut decoded = decoded(0..100);
    run.apply(&decoded);
    assert_eq!(run.losses(), [Quantity::TrainLoss, Quantity::EvalLoss]);
    decoded.records.clear();
    for step in (200..3000).step_by(200) {
        decoded.records.push(step, &[(Quantity::EvalLoss, 3.0)]);
    }
    run.apply(&decoded);
    assert_eq!(run.losses(), [Quantity::EvalLoss, Quantity::TrainLoss]);
}

#[test]
fn the_loss_of_a_run_that_learns_from_rewards_or_from_an_opponent_may_rise() {
    let alerts = |names: &[&str]| {
        let roles = Names::default().assign(names);
        let column = |(name, role): (&&str, _)| Column {
            name: (*name).to_owned(),
            role,
        };
        let mut run = run();
        run.learn(names.iter().zip(roles).map(column).collect());
        let mut decoded = Decoded::default();
        for step in 0..400u64 {
            let loss = if step < 200 { 0.1 } else { 50.0 };
            decoded.records.push(step, &[(Quantity::TrainLoss, loss)]);
        }
        run.apply(&decoded);
        run.branch.alerts.all().len()
    };
    assert_eq!(alerts(&["rollout/ep_rew_mean", "train/loss"]), 0);
    assert!(alerts(&["rewards/chosen", "rewards/margins", "loss"]) > 0);
    assert_eq!(alerts(&["D loss", "G loss"]), 0);
    assert_eq!(alerts(&["Critic_Loss", "Actor_Loss"]), 0);
    assert_eq!(alerts(&["policy_loss", "value_loss", "loss"]), 0);
    assert_eq!(alerts(&["episode", "return", "loss", "value_loss"]), 0);
    assert!(alerts(&["critic_loss"]) > 0);
    assert!(alerts(&["loss", "D loss", "G loss"]) > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// However the log is cut into pieces, with resumes, late evaluations and failures in it.
    #[test]
    fn pieces_make_the_same_run_as_the_whole(
        rows in prop::collection::vec((0u64..40, 0u8..8, any::<bool>()), 1..200),
        piece in 1usize..20,
    ) {
        let mut step = 0u64;
        let mut records = Vec::new();
        for (stride, kind, fails) in rows {
            // Most records go on; a few are late, or go back.
            step = if stride < 36 { step + stride % 4 } else { step.saturating_sub(stride) };
            let value = 3.0 + (step % 7) as f64;
            let quantities = match kind {
                0 => vec![(Quantity::EvalLoss, value)],
                1 => vec![(Quantity::GradNorm, value), (Quantity::Tokens, step as f64)],
                _ => vec![(Quantity::TrainLoss, value), (Quantity::LearningRate, 1e-3)],
            };
            records.push((step, quantities, fails && stride == 7));
        }
        let read = |piece: usize| {
            let mut run = run();
            for piece in records.chunks(piece) {
                let mut decoded = Decoded::default();
                for (step, values, fails) in piece {
                    if *fails {
                        let fails = [How::Finished, How::Failed("it failed")];
                        decoded.end(Some(*step), fails[(step % 2) as usize]);
                    }
                    decoded.records.push(*step, values);
                }
                run.apply(&decoded);
            }
            run
        };
        let (whole, pieces, single) = (read(usize::MAX), read(piece), read(1));
        for other in [pieces, single] {
            prop_assert_eq!(&whole.branch.resumed_at, &other.branch.resumed_at);
            prop_assert_eq!(whole.branch.last_step, other.branch.last_step);
            prop_assert_eq!(whole.says_it_is_done(), other.says_it_is_done());
            prop_assert_eq!(format!("{:?}", whole.branch.alerts.all()), format!("{:?}", other.branch.alerts.all()));
            for quantity in Quantity::ALL {
                let buckets = |run: &Run| run.series(quantity).map(|series| series.buckets().to_vec());
                prop_assert_eq!(buckets(&whole), buckets(&other));
            }
        }
    }
}
