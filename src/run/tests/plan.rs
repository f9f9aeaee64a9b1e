use super::{decoded, run};
use crate::format::Decoded;
use crate::format::hints::Fact;
use crate::format::records::How;
use crate::metric::Quantity;

#[test]
fn a_stated_total_that_the_run_goes_beyond_is_dropped() {
    let mut run = run();
    let mut first = decoded(0..=20);
    first.hints.put_number(Fact::TotalSteps, "max_iters", 32.0);
    run.apply(&first);
    assert_eq!(run.logged_total_steps, Some(32));
    run.apply(&decoded(21..=40));
    assert_eq!(run.logged_total_steps, None);
    let mut better = decoded(41..=50);
    better.total_steps = Some(100);
    run.apply(&better);
    assert_eq!(run.logged_total_steps, Some(100));
    run.apply(&decoded(51..=60));
    assert_eq!(run.logged_total_steps, Some(100));
}

#[test]
fn a_run_that_ends_by_the_clock_makes_as_many_steps_as_it_has_time_for() {
    let mut run = run();
    let mut first = Decoded {
        total_steps: Some(20_000),
        ..Decoded::default()
    };
    for step in (0..=4000u64).step_by(50) {
        let values = [
            (Quantity::TrainLoss, 3.0),
            (Quantity::Elapsed, 0.0435 * step as f64),
        ];
        first.records.push(step, &values);
    }
    run.apply(&first);
    assert_eq!(run.logged_total_steps(), Some(20_000));
    run.hints
        .put_number(Fact::TotalSeconds, "max_wallclock_seconds", 600.0);
    assert_eq!(run.logged_total_steps(), Some(13_800));
    let mut end = Decoded::default();
    end.end(Some(4000), How::Finished);
    run.apply(&end);
    assert_eq!(run.logged_total_steps(), Some(4000));
    // A limit that is not kept is none.
    run.hints
        .put_number(Fact::TotalSeconds, "max_wallclock_seconds", 60.0);
    assert_eq!(run.logged_total_steps(), Some(20_000));
}

#[test]
fn another_program_in_the_same_log_has_a_plan_of_its_own() {
    let program = |steps: u64, total: f64, stated: bool| {
        let mut decoded = Decoded::default();
        if stated {
            let plan = decoded.plan(true);
            plan.put_number(Fact::TotalSteps, "max_steps", total);
            plan.put_number(Fact::FinalRatio, "min_lr_ratio", 0.5);
        }
        for step in 0..=steps {
            decoded.records.push(step, &[(Quantity::TrainLoss, 3.0)]);
        }
        decoded
    };
    let mut first = program(100, 200.0, true);
    (first.restated[0].1).put_number(Fact::WarmUpSteps, "warmup_steps", 10.0);
    let mut run = run();
    run.apply(&first);
    assert_eq!(
        (run.logged_total_steps(), run.hints.warm_up_steps()),
        (Some(200), Some(10))
    );
    // A restart that states nothing keeps the plan.
    run.apply(&program(50, 0.0, false));
    assert_eq!(
        (run.logged_total_steps(), run.hints.warm_up_steps()),
        (Some(200), Some(10))
    );
    // Another one, in the same piece as the end of the one before.
    let mut both = Decoded::default();
    both.records.push(51, &[(Quantity::TrainLoss, 3.0)]);
    both.plan(true).put_number(Fact::TotalSteps, "max_steps", 80.0);
    both.records.push(51, &[(Quantity::LossScale, 64.0)]);
    for step in 0..=40u64 {
        both.records.push(step, &[(Quantity::TrainLoss, 3.0)]);
    }
    run.apply(&both);
    assert_eq!(
        (run.logged_total_steps(), run.hints.warm_up_steps()),
        (Some(80), None)
    );
    assert_eq!(run.hints.number(Fact::FinalRatio), None);
}

#[test]
fn a_plan_before_the_first_step_again_begins_anew() {
    for (stated, segments) in [(true, 2), (false, 1)] {
        let mut run = run();
        run.apply(&decoded(1..=1));
        let mut again = Decoded::default();
        if stated {
            again.plan(true).put_number(Fact::Epochs, "max_epoch", 50.0);
        }
        for step in 1..=3u64 {
            again.records.push(step, &[(Quantity::TrainLoss, 2.0)]);
        }
        run.apply(&again);
        assert_eq!(run.segments(), segments);
        let points = run.series(Quantity::TrainLoss).unwrap().points();
        assert_eq!(points, if stated { 3 } else { 4 });
    }
}

#[test]
fn stated_epochs_are_the_total_of_a_run_whose_steps_are_epochs() {
    for (per_step, total) in [(1.0, Some(90)), (0.5, None)] {
        let mut run = run();
        let mut first = decoded(0..=20);
        for step in 0..=20u64 {
            first
                .records
                .push(step, &[(Quantity::Epoch, step as f64 * per_step)]);
        }
        first.hints.put_number(Fact::Epochs, "epochs", 90.0);
        run.apply(&first);
        assert_eq!(run.logged_total_steps, total);
    }
}
