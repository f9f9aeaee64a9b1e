use super::{decoded, run};
use crate::format::Decoded;
use crate::format::records::How;
use crate::metric::Quantity;
use crate::run::Run;
use crate::run::series::{Bucket, Series};

#[test]
fn a_resume_supersedes_every_series() {
    let mut run = run();
    run.apply(&decoded(0..=100));
    run.apply(&decoded(60..=80));
    assert_eq!(run.last_step(), 80);
    assert_eq!(run.segments(), 2);
    assert_eq!(run.series(Quantity::TrainLoss).unwrap().points(), 81);
    assert_eq!(run.series(Quantity::EvalLoss).unwrap().points(), 9);
    assert_eq!(run.series(Quantity::TrainLoss).unwrap().superseded().len(), 41);
}

#[test]
fn a_stray_record_is_no_resume() {
    let steps = |run: &Run| run.series(Quantity::TrainLoss).map(Series::points);
    // `step 15` between 149 and 151, with records of its own and of others behind it.
    let mut strayed = run();
    strayed.apply(&decoded(0..150));
    let mut stray = decoded([15]);
    stray.records.push(15, &[(Quantity::GradNorm, 1.0)]);
    stray.records.push(149, &[(Quantity::EvalLoss, 3.1)]);
    strayed.apply(&stray);
    assert_eq!((strayed.segments(), strayed.last_step()), (2, 149));
    strayed.apply(&decoded(151..160));
    assert_eq!((strayed.segments(), strayed.last_step()), (1, 159));
    assert_eq!((steps(&strayed), strayed.lines.skipped), (Some(159), 1));
    assert_eq!(strayed.series(Quantity::EvalLoss).unwrap().points(), 16);
    assert!(
        strayed
            .series(Quantity::TrainLoss)
            .unwrap()
            .superseded()
            .is_empty()
    );

    // A checkpoint that is one record behind, and a resume that catches up.
    for (resumed, then) in [(149, 151), (100, 101)] {
        let mut run = run();
        run.apply(&decoded(0..=150));
        run.apply(&decoded([resumed, then]));
        assert_eq!((run.segments(), run.lines.skipped), (2, 0));
    }
}

#[test]
fn a_further_training_has_nothing_of_the_one_before() {
    let points = |run: &Run| run.series(Quantity::TrainLoss).map(Series::points);
    // Its first step is no earlier than that of the first training.
    let mut run = run();
    run.apply(&decoded((50..=1000).step_by(50)));
    run.apply(&decoded((100..=500).step_by(100)));
    assert_eq!((points(&run), run.segments()), (Some(5), 2));
    // A training of one epoch, and another one.
    let mut run = super::tests::run();
    run.apply(&decoded([0]));
    let mut further = decoded(0..=2);
    further.trainings.push(0);
    run.apply(&further);
    assert_eq!((points(&run), run.segments()), (Some(3), 2));
}

#[test]
fn what_is_started_again_after_its_first_record_has_nothing_of_the_first_attempt() {
    let mut run = run();
    let mut attempts = decoded([1]);
    attempts.end(None, How::Perhaps("an error was raised in Python"));
    attempts.records.push(1, &[(Quantity::TrainLoss, 2.5)]);
    run.apply(&attempts);
    run.apply(&decoded(2..=5));
    let points = run.series(Quantity::TrainLoss).map(Series::points);
    assert_eq!((points, run.segments()), (Some(5), 2));
    let mut run = super::tests::run();
    let mut failed = Decoded::default();
    failed.records.push(1, &[(Quantity::TrainLoss, f64::NAN)]);
    run.apply(&failed);
    run.apply(&decoded(1..=5));
    let points = run.series(Quantity::TrainLoss).map(Series::points);
    assert_eq!((points, run.segments()), (Some(5), 2));
    // At once or in pieces.
    let mut run = super::tests::run();
    for step in 1..=5 {
        failed.records.push(step, &[(Quantity::TrainLoss, 3.0)]);
    }
    run.apply(&failed);
    let points = run.series(Quantity::TrainLoss).map(Series::points);
    assert_eq!((points, run.segments()), (Some(5), 2));
    // Two records of one step are none of two trainings.
    let mut run = super::tests::run();
    run.apply(&decoded([1, 1, 2]));
    assert_eq!(run.segments(), 1);
}

#[test]
fn the_losses_of_a_record_go_back_alike() {
    let mut run = run();
    for steps in [0..=5, 1..=10] {
        let mut decoded = Decoded::default();
        for step in steps {
            let losses = [(Quantity::TrainLoss, 3.0), (Quantity::EvalLoss, 3.1)];
            decoded.records.push(step * 100, &losses);
        }
        run.apply(&decoded);
    }
    let points = |loss| run.series(loss).map(crate::run::series::Series::points);
    assert_eq!(points(Quantity::TrainLoss), Some(10));
    assert_eq!(points(Quantity::EvalLoss), Some(10));
}

#[test]
fn a_step_that_stands_alone_is_one_however_the_log_is_cut() {
    let rows = [
        (3, Quantity::EvalLoss),
        (0, Quantity::EvalLoss),
        (2, Quantity::TrainLoss),
        (4, Quantity::TrainLoss),
    ];
    let resumed = |piece: usize| {
        let mut run = run();
        for rows in rows.chunks(piece) {
            let mut decoded = Decoded::default();
            rows.iter()
                .for_each(|(step, loss)| decoded.records.push(*step, &[(*loss, 3.0)]));
            run.apply(&decoded);
        }
        run.branch.resumed_at.clone()
    };
    assert_eq!(resumed(1), resumed(rows.len()));
}

#[test]
fn a_late_evaluation_is_no_resume() {
    let mut run = run();
    run.apply(&decoded(0..=100));
    let mut late = Decoded::default();
    late.records.push(95, &[(Quantity::EvalLoss, 3.0)]);
    run.apply(&late);
    assert_eq!(run.segments(), 1);
    assert_eq!(run.series(Quantity::TrainLoss).unwrap().points(), 101);
}

#[test]
fn a_rewritten_file_replaces_the_run_and_a_rotated_one_continues_it() {
    let mut rewritten = run();
    rewritten.apply(&decoded(0..=100));
    rewritten.file_restarted(false);
    rewritten.apply(&decoded(0..=110));
    assert_eq!((rewritten.segments(), rewritten.last_step()), (1, 110));
    assert!(
        rewritten
            .series(Quantity::TrainLoss)
            .unwrap()
            .superseded()
            .is_empty()
    );

    // What the new job says before its first record is of the new run.
    let mut again = run();
    again.apply(&decoded(0..=100));
    again.file_restarted(false);
    let preamble = Decoded {
        total_steps: Some(900),
        ..Decoded::default()
    };
    again.apply(&preamble);
    again.apply(&decoded(0..=10));
    assert_eq!((again.last_step(), again.logged_total_steps()), (10, Some(900)));

    let mut rotated = run();
    rotated.apply(&decoded(0..=100));
    rotated.file_restarted(false);
    rotated.apply(&decoded(101..=110));
    assert_eq!(rotated.series(Quantity::TrainLoss).unwrap().points(), 111);
}

#[test]
fn trainings_from_scratch_in_one_log_are_counted() {
    let training = |losses: &[f64]| {
        let mut decoded = Decoded::default();
        for (epoch, loss) in (1..).zip(losses) {
            decoded.records.push(epoch, &[(Quantity::TrainLoss, *loss)]);
        }
        decoded
    };
    let mut run = run();
    for earlier in 0..3 {
        run.apply(&training(&[4.0, 3.0, 2.5, 2.25, 2.125]));
        assert_eq!(run.branch.earlier_trainings, earlier);
    }
    // What counts from the start again, with the loss where it was, goes on.
    run.apply(&training(&[2.1, 2.0, 1.9]));
    assert_eq!((run.branch.earlier_trainings, run.segments()), (2, 4));
    // So does what begins behind the first step.
    let mut behind = training(&[9.0, 4.0, 3.0]);
    behind.records = decoded([2, 3]).records;
    run.apply(&behind);
    assert_eq!((run.branch.earlier_trainings, run.segments()), (2, 5));
}

#[test]
fn the_evaluation_before_the_first_step_of_a_further_training_is_of_that() {
    let mut run = run();
    for training in 1..3_u32 {
        let mut decoded = Decoded::default();
        decoded
            .records
            .push(0, &[(Quantity::EvalLoss, 4.5 + f64::from(training))]);
        for step in 0..5 {
            decoded
                .records
                .push(step, &[(Quantity::TrainLoss, 4.5 - step as f64)]);
        }
        decoded.records.push(4, &[(Quantity::EvalLoss, 1.0)]);
        run.apply(&decoded);
    }
    let evaluations = run.series(Quantity::EvalLoss).unwrap();
    assert_eq!((evaluations.points(), run.segments()), (2, 2));
    assert_eq!(evaluations.buckets().first().map(Bucket::mean), Some(6.5));
}

#[test]
fn what_begins_behind_the_planned_end_is_another_training() {
    let training = |losses: [f64; 3], total: Option<u64>| {
        let mut decoded = Decoded::default();
        for (epoch, loss) in (1..).zip(losses) {
            decoded.records.push(epoch, &[(Quantity::TrainLoss, loss)]);
        }
        decoded.total_steps = total;
        decoded
    };
    for (total, earlier) in [(Some(3), 1), (Some(30), 0), (None, 0)] {
        let mut run = run();
        run.apply(&training([1.0, 2.0, 3.0], total));
        run.apply(&training([2.75, 2.5, 2.25], total));
        assert_eq!(run.branch.earlier_trainings, earlier, "{total:?}");
    }
}
