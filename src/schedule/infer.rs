//! Recognises the schedule from the part that has been logged.

use std::cmp::Ordering;

use super::shape::{Decay, Schedule, Shape};

/// Largest root mean square deviation, as a share of the peak, at which a shape
/// counts as recognised. Logs that round the rate stay below it.
const TOLERANCE: f64 = 4e-3;

/// Ratios that trainers end at, tried when the length must follow from the shape.
const USUAL_RATIOS: [f64; 3] = [0.0, 0.1, 0.01];

/// Least fall of the rate, as a share of the peak, that a decay must show: below it
/// shapes cannot be told apart.
const LEAST_FALL: f64 = 0.03;

/// The shape that the logged learning rates follow, if one of the known ones fits
/// and they have fallen far enough to tell.
///
/// `rates` are (step, learning rate) in order; warm-up is left out by the caller.
/// `total` is the planned number of steps; without it the shape must determine it.
/// A rate that has not moved is not recognised: it may start to decay any time.
pub fn infer(rates: &[(f64, f64)], peak: f64, warm_up: f64, total: Option<f64>) -> Option<Schedule> {
    let (last_step, last_rate) = *rates.last()?;
    if peak <= 0.0 || rates.len() < 8 || 1.0 - last_rate / peak < LEAST_FALL {
        return None;
    }
    let shares: Vec<(f64, f64)> = thin(rates).map(|(step, rate)| (step, rate / peak)).collect();
    // Where the rate leaves the peak: the start of the decay, if there is a stable phase.
    let decay_start = rates
        .iter()
        .take_while(|(_, rate)| *rate > peak * (1.0 - 1e-3))
        .last()
        .map_or(warm_up, |(step, _)| *step);
    let first_step = rates.first().map_or(warm_up, |(step, _)| *step);
    let stable = decay_start - first_step > 0.1 * (last_step - first_step);
    // A log that begins late may hide a warm-up that ended where it begins.
    let starts = if stable {
        vec![decay_start]
    } else {
        vec![warm_up, first_step]
    };
    let mut best: Option<(f64, Schedule)> = None;
    for start in starts {
        for decay in [Decay::Cosine, Decay::Linear, Decay::OneMinusSquareRoot] {
            // A fall from warm-up on is never 1-sqrt in practice.
            if !stable && decay == Decay::OneMinusSquareRoot {
                continue;
            }
            let against = |total: f64| (total, Deviation::of(&shares, decay, start, total));
            let found = match total {
                Some(total) if total > start => {
                    let deviation = Deviation::of(&shares, decay, start, total);
                    deviation
                        .best_ratio()
                        .map(|ratio| Fit::new(&deviation, ratio, total))
                }
                Some(_) => None,
                None => {
                    // Along a straight line any length goes with some ratio: assume zero.
                    let ratios: &[f64] = if decay == Decay::Linear {
                        &[0.0]
                    } else {
                        &USUAL_RATIOS
                    };
                    let coarse: Vec<(f64, Deviation)> = totals(start, last_step).map(against).collect();
                    // Each ratio with its best length, and then looked at closely: on the coarse
                    // grid a wrong ratio may seem to fit better.
                    let refined = ratios.iter().filter_map(|ratio| {
                        let fits = coarse
                            .iter()
                            .map(|(total, deviation)| Fit::new(deviation, *ratio, *total));
                        let near = fits.min_by(Fit::by_deviation)?.total;
                        let close = around(start, near, last_step).map(against);
                        let fits = close.map(|(total, deviation)| Fit::new(&deviation, *ratio, total));
                        fits.min_by(Fit::by_deviation)
                    });
                    refined.min_by(Fit::by_deviation)
                }
            };
            if let Some(fit) = found
                && best.as_ref().is_none_or(|(least, _)| fit.deviation < *least)
            {
                let schedule = schedule(stable, decay, fit.min_ratio, start, fit.total);
                best = Some((fit.deviation, schedule));
            }
        }
    }
    best.filter(|(deviation, _)| *deviation < TOLERANCE)
        .map(|(_, schedule)| schedule)
        .or_else(|| begun_before(rates, total?))
        .or_else(|| inverse_square_root(&shares, total))
}

/// Part of a run after this share of it is hardly its beginning: the log of a resumed run.
const LATE: f64 = 0.05;

/// Where warm-up may have ended before the log began, as shares of the run.
const WARM_UPS: [f64; 5] = [0.0, 0.01, 0.02, 0.05, 0.1];

/// A cosine whose peak was before the log began: the rate is linear in the cosine, with the
/// peak and the end as coefficients.
fn begun_before(rates: &[(f64, f64)], total: f64) -> Option<Schedule> {
    let ((first_step, first_rate), (_, last_rate)) = (*rates.first()?, *rates.last()?);
    if first_step < LATE * total {
        return None;
    }
    let to_zero = Schedule {
        shape: Shape::Fall {
            decay: Decay::Cosine,
            min_ratio: 0.0,
        },
        total_steps: None,
        warm_up: None,
        peak: None,
    };
    let fit = |warm_up: f64| {
        let points: Vec<(f64, f64)> = thin(rates)
            .map(|(step, rate)| (to_zero.share(step, warm_up, total), rate))
            .collect();
        let count = points.len() as f64;
        let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / count;
        let (mean_share, mean_rate) = (mean(|point| point.0), mean(|point| point.1));
        let (mut square, mut product) = (0.0, 0.0);
        for (share, rate) in &points {
            square += (share - mean_share).powi(2);
            product += (share - mean_share) * (rate - mean_rate);
        }
        let height = product / square;
        let end = mean_rate - height * mean_share;
        let peak = end + height;
        let residual = |(share, rate): &(f64, f64)| (rate - end - height * share).powi(2);
        let deviation = (points.iter().map(residual).sum::<f64>() / count).sqrt() / peak;
        (deviation, peak, end / peak, warm_up)
    };
    let (_, peak, ratio, warm_up) = WARM_UPS
        .iter()
        .map(|share| fit(share * total))
        .filter(|(deviation, peak, ratio, _)| {
            let plausible = (-0.02..0.5).contains(ratio) && first_rate - last_rate > LEAST_FALL * peak;
            *peak > first_rate && plausible && *deviation < TOLERANCE
        })
        .min_by(|one, other| one.0.total_cmp(&other.0))?;
    let fall = schedule(false, Decay::Cosine, ratio.max(0.0), warm_up, total);
    Some(Schedule {
        peak: Some(peak),
        ..fall
    })
}

/// `sqrt(w / step)`, where the logged rates follow it.
fn inverse_square_root(shares: &[(f64, f64)], total: Option<f64>) -> Option<Schedule> {
    let (last_step, last_share) = *shares.last()?;
    let warm_up = last_share * last_share * last_step;
    let schedule = Schedule {
        shape: Shape::InverseSquareRoot,
        total_steps: total.map(|total| total.round() as u64),
        warm_up: Some(warm_up.round() as u64),
        peak: None,
    };
    let square: f64 = shares
        .iter()
        .map(|(step, share)| (schedule.share(*step, warm_up, last_step) - share).powi(2))
        .sum();
    ((square / shares.len() as f64).sqrt() < TOLERANCE).then_some(schedule)
}

fn schedule(stable: bool, decay: Decay, min_ratio: f64, start: f64, total: f64) -> Schedule {
    // Trainers use round ratios; the logged rates carry rounding.
    let min_ratio = (min_ratio * 200.0).round() / 200.0;
    let shape = if stable {
        Shape::Stable {
            decay_share: 1.0 - start / total,
            decay,
            min_ratio,
        }
    } else {
        Shape::Fall { decay, min_ratio }
    };
    Schedule {
        shape,
        total_steps: Some(total.round() as u64),
        warm_up: (!stable).then_some(start.round() as u64),
        peak: None,
    }
}

/// At most 160 of the rates, evenly.
fn thin(rates: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> + '_ {
    let stride = rates.len().div_ceil(160).max(1);
    rates.iter().copied().step_by(stride).chain(rates.last().copied())
}

/// Lengths to try: from "it ends now" to "a tenth is done", close enough that
/// [`TOLERANCE`] decides.
fn totals(start: f64, last_step: f64) -> impl Iterator<Item = f64> {
    (0..240).map(move |index| start + (last_step - start) * 1.01f64.powi(index))
}

/// Lengths around one of these.
fn around(start: f64, total: f64, last_step: f64) -> impl Iterator<Item = f64> {
    (-50..=50).map(move |index| (start + (total - start) * (1.0 + 2e-4 * f64::from(index))).max(last_step))
}

/// A length and a ratio at the end, and how far the shape then lies from the logged rates.
struct Fit {
    /// Root mean square, as a share of the peak.
    deviation: f64,
    min_ratio: f64,
    total: f64,
}

impl Fit {
    fn new(deviation: &Deviation, min_ratio: f64, total: f64) -> Fit {
        Fit {
            deviation: deviation.at(min_ratio),
            min_ratio,
            total,
        }
    }

    fn by_deviation(&self, other: &Fit) -> Ordering {
        self.deviation.total_cmp(&other.deviation)
    }
}

/// How far a shape of a given length lies from the logged rates, whatever its ratio at the end.
/// The share is linear in the ratio, `r + (1 - r) d`, so the square is a parabola in it.
struct Deviation {
    count: f64,
    constant: f64,
    linear: f64,
    square: f64,
}

impl Deviation {
    fn of(shares: &[(f64, f64)], decay: Decay, start: f64, total: f64) -> Deviation {
        let to_zero = Schedule {
            shape: Shape::Fall {
                decay,
                min_ratio: 0.0,
            },
            total_steps: None,
            warm_up: None,
            peak: None,
        };
        let mut sums = Deviation {
            count: shares.len() as f64,
            constant: 0.0,
            linear: 0.0,
            square: 0.0,
        };
        for (step, share) in shares {
            let low = to_zero.share(*step, start, total);
            // Before the start the rate owes nothing to the ratio.
            let (above, slope) = (share - low, if *step >= start { 1.0 - low } else { 0.0 });
            sums.constant += above * above;
            sums.linear += above * slope;
            sums.square += slope * slope;
        }
        sums
    }

    /// Root mean square at this ratio.
    fn at(&self, ratio: f64) -> f64 {
        let sum = self.constant - 2.0 * ratio * self.linear + ratio * ratio * self.square;
        (sum.max(0.0) / self.count).sqrt()
    }

    /// The ratio that fits best.
    fn best_ratio(&self) -> Option<f64> {
        (self.square > 0.0).then(|| (self.linear / self.square).clamp(0.0, 0.95))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let inferred = infer(&rates, 3e-4, 200.0, Some(4000.0)).unwrap_or_else(|| panic!("{spec}"));
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
    fn a_resumed_run_has_peaked_before_its_log_begins() {
        let whole = logged("cosine:min=0.1", 2000.0, 100_000.0, 58_000.0);
        let rounded = |rate: f64| (rate * 1e6).round() / 1e6;
        let rates: Vec<(f64, f64)> = whole
            .into_iter()
            .filter(|(step, _)| *step >= 47_700.0)
            .map(|(step, rate)| (step, rounded(rate)))
            .collect();
        let first = rates.first().unwrap().1;
        let inferred = infer(&rates, first, 47_700.0, Some(100_000.0)).unwrap();
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
        let total = infer(&rates, 3e-4, 300.0, None).unwrap().total_steps.unwrap();
        assert!(total.abs_diff(50_000) < 100, "{total}");
    }

    #[test]
    fn a_stable_phase_promises_nothing() {
        let rates = logged("wsd:decay=0.2", 200.0, 4000.0, 3000.0);
        assert_eq!(infer(&rates, 3e-4, 200.0, Some(4000.0)), None);
    }
}
