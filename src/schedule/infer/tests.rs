use super::*;
use std::f64::consts::PI;

use crate::schedule::shape::Shape;

fn logged(spec: &str, warm_up: f64, total: f64, until: f64) -> Vec<(f64, f64)> {
    let schedule: Schedule = spec.parse().unwrap();
    (0..)
        .map(|index| warm_up + 10.0 * f64::from(index))
        .take_while(|step| *step <= until)
        .map(|step| (step, 3e-4 * schedule.share(step, warm_up, total)))
        .collect()
}

#[test]
fn known_shapes_are_recognised_from_a_part() {
    for (spec, until) in [
        ("cosine:min=0.1", 2000.0),
        ("cosine", 1500.0),
        ("linear:min=0", 1000.0),
        ("wsd:decay=0.2,shape=linear", 3400.0),
        ("wsd:decay=0.3,shape=sqrt", 3400.0),
        ("inverse-sqrt", 2000.0),
    ] {
        let rates = logged(spec, 200.0, 4000.0, until);
        let inferred = infer(&rates, 3e-4, 200.0, Some(4000.0))
            .unwrap_or_else(|| panic!("{spec}"))
            .schedule;
        let truth: Schedule = spec.parse().unwrap();
        for step in [2000.0, 3000.0, 3600.0, 4000.0] {
            let difference = inferred.share(step, 200.0, 4000.0) - truth.share(step, 200.0, 4000.0);
            assert!(
                difference.abs() < 0.02,
                "{spec} at {step}: {difference} ({inferred})"
            );
        }
    }
}

#[test]
fn a_warm_up_that_ends_between_two_records_hides_no_exact_cosine() {
    for (warm_up, min_ratio) in [(150.0, 0.4), (137.0, 0.27), (101.0, 0.0)] {
        let share = |step: f64| 0.5 * (1.0 + (PI * (step - warm_up) / (10_000.0 - warm_up)).cos());
        let rate = |step: f64| 3e-4 * (min_ratio + (1.0 - min_ratio) * share(step));
        let logged = (2..=50).map(|index| 100.0 * f64::from(index));
        let rates: Vec<(f64, f64)> = logged.map(|step| (step, rate(step))).collect();
        let peak = rates[0].1;
        let inferred = infer(&rates, peak, 200.0, None).unwrap();
        assert!(inferred.others.is_empty());
        let schedule = inferred.schedule;
        assert_eq!(
            (schedule.total_steps, schedule.warm_up),
            (Some(10_000), Some(warm_up as u64)),
            "{schedule}"
        );
        assert!(
            (schedule.share(7000.0, warm_up, 10_000.0) - rate(7000.0) / 3e-4).abs() < 1e-4,
            "{schedule}"
        );
    }
}

#[test]
fn a_resumed_run_has_peaked_before_its_log_begins() {
    let whole = logged("cosine:min=0.1", 2000.0, 100_000.0, 58_000.0);
    let rounded = |rate: f64| (rate * 1e6).round() / 1e6;
    let rates: Vec<(f64, f64)> = whole
        .into_iter()
        .filter(|(step, _)| *step >= 47_700.0)
        .map(|(step, rate)| (step, rounded(rate)))
        .collect();
    let first = rates.first().unwrap().1;
    let inferred = infer(&rates, first, 0.0, Some(100_000.0)).unwrap().schedule;
    let peak = inferred.peak.unwrap();
    for step in [70_000.0, 100_000.0] {
        let truth: Schedule = "cosine:min=0.1".parse().unwrap();
        let truth = 3e-4 * truth.share(step, 2000.0, 100_000.0);
        let found = peak * inferred.share(step, inferred.warm_up.unwrap() as f64, 100_000.0);
        assert!(
            (found - truth).abs() < 0.03 * 3e-4,
            "{step}: {found} {truth} ({inferred})"
        );
    }
}

#[test]
fn the_length_follows_from_the_shape_late_in_the_run() {
    let rates = logged("cosine:min=0.1", 300.0, 50_000.0, 45_000.0);
    let inferred = infer(&rates, 3e-4, 300.0, None).unwrap();
    let total = inferred.schedule.total_steps.unwrap();
    assert!(total.abs_diff(50_000) < 100, "{total}");
}

#[test]
fn the_beginning_of_a_cosine_tells_its_length_and_its_end() {
    let rates = logged("cosine:min=0.1", 300.0, 10_000.0, 2_500.0);
    let inferred = infer(&rates, 3e-4, 300.0, None).unwrap();
    assert_eq!(
        inferred.schedule,
        "cosine:min=0.1,total=10000,warmup=300,peak=3e-4".parse().unwrap()
    );
}

#[test]
fn the_beginning_of_a_polynomial_and_of_a_fall_under_its_warm_up() {
    let rates = logged("poly:power=0.9,min=0.01", 300.0, 10_000.0, 5_000.0);
    let inferred = infer(&rates, 3e-4, 300.0, None).unwrap().schedule;
    assert!(
        matches!(
            inferred.shape,
            Shape::Fall {
                decay: Decay::Polynomial(_),
                ..
            }
        ),
        "{inferred}"
    );
    assert!(inferred.total_steps.unwrap().abs_diff(10_000) < 200, "{inferred}");
    for (spec, until) in [("cosine", 3000.0), ("cosine:min=0.1", 5000.0)] {
        let mut rates = logged(spec, 0.0, 10_000.0, until);
        rates.retain(|(step, _)| *step >= 500.0);
        let inferred = infer(&rates, rates[0].1, 500.0, None).unwrap().schedule;
        let total = inferred.total_steps.unwrap();
        assert!(total.abs_diff(10_000) < 150, "{spec}: {inferred}");
        let peak = inferred.peak.unwrap();
        assert!((peak / 3e-4 - 1.0).abs() < 2e-3, "{spec}: {peak}");
    }
}

#[test]
fn what_rounding_hides_stays_possible() {
    let truth: Schedule = "cosine:min=0.1,total=10000,warmup=300".parse().unwrap();
    let mut rates = logged("cosine:min=0.1", 300.0, 10_000.0, 2_000.0);
    for (_, rate) in &mut rates {
        *rate = (*rate * 1e6).round() / 1e6;
    }
    let inferred = infer(&rates, 3e-4, 300.0, None).unwrap();
    let at_the_end = |schedule: &Schedule| {
        let total = schedule.total_steps.unwrap() as f64;
        (total, schedule.share(total, 300.0, total))
    };
    let (lengths, ratios): (Vec<f64>, Vec<f64>) = inferred
        .others
        .iter()
        .map(|(_, schedule)| at_the_end(schedule))
        .chain([at_the_end(&inferred.schedule)])
        .unzip();
    let spans = |values: &[f64], value: f64| {
        values.iter().any(|other| *other <= value) && values.iter().any(|other| *other >= value)
    };
    let (length, ratio) = at_the_end(&truth);
    assert!(spans(&lengths, length) && spans(&ratios, ratio), "{inferred:?}");
    let others: f64 = inferred.others.iter().map(|(probability, _)| probability).sum();
    assert!((0.1..1.0).contains(&others), "{others}");
}

#[test]
fn a_decay_may_end_a_record_after_the_run() {
    // Ultralytics, 100 epochs: the rates of all but the first.
    let rates: Vec<(f64, f64)> = (3..=50)
        .map(|epoch| {
            (
                f64::from(epoch),
                1e-3 * (1.0 - 0.99 * f64::from(epoch - 1) / 100.0),
            )
        })
        .collect();
    let inferred = infer(&rates, rates[0].1, 3.0, Some(100.0)).unwrap();
    assert_eq!(
        inferred.schedule.to_string(),
        "linear to 1% at step 101 over 100 steps"
    );
}

#[test]
fn a_decay_may_end_before_the_run() {
    let rates = logged("cosine:min=0.1,end=3000", 200.0, 4000.0, 2_000.0);
    let inferred = infer(&rates, 3e-4, 200.0, Some(4000.0)).unwrap();
    assert_eq!(
        inferred.schedule.to_string(),
        "cosine to 10% at step 3000 over 4000 steps"
    );
}

#[test]
fn rates_with_all_their_digits_leave_no_doubt() {
    // CosineAnnealingLR(T_max=200, eta_min=1e-6), logged after its step.
    let rate = |epoch: i32| 1e-6 + 0.5 * (9e-3 - 1e-6) * (1.0 + (f64::from(epoch) * PI / 200.0).cos());
    let ahead: Vec<(f64, f64)> = (0..32).map(|epoch| (f64::from(epoch), rate(epoch + 1))).collect();
    let inferred = infer(&ahead, ahead[0].1, 0.0, None).unwrap();
    assert_eq!(
        (inferred.schedule.total_steps, inferred.others.len()),
        (Some(200), 0)
    );
    assert!((inferred.schedule.peak.unwrap() / 9e-3 - 1.0).abs() < 1e-6);
    let from_one: Vec<(f64, f64)> = (1..32).map(|epoch| (f64::from(epoch), rate(epoch - 1))).collect();
    let inferred = infer(&from_one, 9e-3, 0.0, None).unwrap();
    assert_eq!(inferred.schedule.total_steps, Some(200));
    // Six digits of single precision leave doubt, and so does a line.
    let rounded: Vec<(f64, f64)> = ahead
        .iter()
        .map(|(step, rate)| (*step, (rate * 1e7).round() / 1e7))
        .collect();
    assert!(
        !infer(&rounded, rounded[0].1, 0.0, None)
            .unwrap()
            .others
            .is_empty()
    );
}

#[test]
fn rates_of_a_single_step_are_no_schedule() {
    let falling = |step: fn(i32) -> f64| -> Vec<(f64, f64)> {
        (0..12)
            .map(|index| (step(index), 1e-3 - 5e-5 * f64::from(index)))
            .collect()
    };
    for total in [None, Some(0.0), Some(1.0), Some(1e18)] {
        for rates in [
            falling(|_| 0.0),
            falling(|_| 7.0),
            falling(|index| f64::from(index / 6)),
        ] {
            if let Some(inferred) = infer(&rates, 1e-3, 0.0, total) {
                assert!(
                    inferred.deviation.is_finite(),
                    "{rates:?} {total:?}: {inferred:?}"
                );
            }
        }
    }
}

#[test]
fn a_stable_phase_promises_nothing() {
    let rates = logged("wsd:decay=0.2", 200.0, 4000.0, 3000.0);
    assert_eq!(infer(&rates, 3e-4, 200.0, Some(4000.0)), None);
}
