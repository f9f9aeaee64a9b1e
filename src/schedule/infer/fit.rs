//! One shape with one ratio at the end, and the schedule that it stands for.

use crate::schedule::shape::{Decay, Schedule, Shape};

pub(super) const LARGEST_OTHER_RATIO: f64 = 0.95;

/// One shape with one ratio at the end, at its best.
#[derive(Clone, Copy)]
pub(super) struct Fit {
    /// Root mean square, as a share of the peak.
    pub(super) deviation: f64,
    /// Logarithm of its probability, up to a constant, and of what it was beforehand.
    pub(super) evidence: f64,
    pub(super) prior: f64,
    pub(super) decay: Decay,
    pub(super) stable: bool,
    pub(super) start: f64,
    pub(super) ratio: f64,
    /// Where it ends, and the last step of the run where that is another.
    pub(super) end: f64,
    pub(super) planned: Option<f64>,
    /// Highest learning rate, had there been no warm-up.
    pub(super) peak: f64,
    /// Standard deviations of the ratio, and of the logarithm of the total.
    pub(super) spread_of_ratio: f64,
    pub(super) spread_of_length: f64,
}

impl Fit {
    /// True when neither ratio nor length are in doubt.
    pub(super) fn is_exact(&self) -> bool {
        self.spread_of_ratio < 0.005 && self.spread_of_length < 0.002
    }

    /// The schedule so many standard deviations away from the best.
    pub(super) fn schedule(&self, away: f64) -> Schedule {
        let end = self.end * (away * self.spread_of_length).exp();
        let ratio = (self.ratio + away * self.spread_of_ratio).clamp(0.0, LARGEST_OTHER_RATIO);
        let schedule = Schedule {
            peak: Some(self.peak),
            ..schedule(self.stable, self.decay, ratio, self.start, end)
        };
        match self.planned {
            Some(planned) if planned.round() != end.round() => Schedule {
                decay_end: schedule.total_steps,
                total_steps: Some(planned.round() as u64),
                ..schedule
            },
            _ => schedule,
        }
    }
}

/// Trainers use round ratios; the logged rates carry rounding.
pub(super) fn round_ratio(ratio: f64) -> f64 {
    (ratio * 200.0).round() / 200.0
}

pub(super) fn schedule(stable: bool, decay: Decay, min_ratio: f64, start: f64, total: f64) -> Schedule {
    let min_ratio = round_ratio(min_ratio);
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
        total_steps: Some(total.round() as u64),
        warm_up: (!stable).then_some(start.round() as u64),
        ..Schedule::of(shape)
    }
}
