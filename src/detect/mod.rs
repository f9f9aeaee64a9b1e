//! Detectors: what goes wrong in a run, seen in its records.
//!
//! A detector sees the records of one run in order and nothing else: no clock,
//! no file, no screen. The same records raise the same alerts, live or after
//! the fact. To add a detector, write one file and add one line to [`Detectors`].

pub mod activations;
pub mod clock;
pub mod crossing;
pub mod divergence;
pub mod evaluations;
pub mod frozen_metric;
pub mod gradient_surge;
pub mod late_record;
pub mod learning_rate;
pub mod logits;
pub mod loss_scale;
pub mod loss_spike;
pub mod non_finite;
pub mod overfitting;
pub mod plateau;
pub mod restart;
pub mod robust;
pub mod skipped_steps;
pub mod slowdown;
pub mod spike_rate;
pub mod thresholds;
pub mod update_ratio;
pub mod vanishing_gradient;

use std::ops::Range;

use crate::alert::AlertLog;
use crate::format::records::{Records, Row, Stretch};
use crate::metric::Quantity;
use thresholds::Thresholds;

/// What a detector may know besides the records.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Context {
    /// Planned number of steps, when known.
    pub total_steps: Option<u64>,
    /// The loss is no measure of success and need not fall, as where a run learns from rewards.
    pub loss_may_rise: bool,
    /// What the user has set.
    pub thresholds: Thresholds,
}

/// Watches the records of one run for one kind of trouble. What it has learnt can be kept aside, and gone back to.
pub trait Detector: Clone + Default + Send {
    /// What it looks at: a record without any of these says nothing to it, and is not
    /// shown to it.
    const WATCHES: &'static [Quantity];

    /// True for one that holds a loss that rises for a bad sign.
    const EXPECTS_THE_LOSS_TO_FALL: bool = false;

    /// What it watches, as a mask by [`Quantity::index`].
    const MASK: u32 = {
        let (mut mask, mut left) = (0, Self::WATCHES);
        while let [quantity, others @ ..] = left {
            mask |= 1 << quantity.index();
            left = others;
        }
        mask
    };

    /// Takes the next record. Raises, escalates and clears its own alerts.
    fn observe(&mut self, row: &Row, context: &Context, alerts: &mut AlertLog);

    /// The run went back to `step` (a resume, or a restart from a checkpoint): what
    /// was learned about the level of the metrics may no longer hold.
    fn rewound(&mut self, step: u64);

    /// Takes these records all at once, where none of them can raise or clear an alert: most are such, and to be
    /// shown each takes longer than what most detectors do with it. What it has learnt then is what
    /// [`Detector::observe`] would have. False where each has to be shown.
    fn pass(&mut self, _stretch: &Stretch<'_>, _alerts: &AlertLog) -> bool {
        false
    }

    /// True when some of these records say something to it.
    fn is_told_by(stretch: &Stretch<'_>, context: &Context) -> bool {
        let means_something = !Self::EXPECTS_THE_LOSS_TO_FALL || !context.loss_may_rise;
        stretch.present() & Self::MASK != 0 && means_something
    }
}

/// Records that detectors may pass at once: few enough that most stretches hold nothing of note.
const STRETCH: usize = 64;

/// Declares the detectors of a run.
macro_rules! detectors {
    ($($name:ident: $detector:ty,)*) => {
        /// One of each kind, for one run.
        #[derive(Clone, Debug, Default)]
        pub struct Detectors {
            $($name: $detector,)*
        }

        impl Detectors {
            /// Shows them these records: each record to one after the other as they are listed, for some ask what
            /// those before them have raised.
            pub fn observe(&mut self, records: &Records, rows: Range<usize>, context: &Context, alerts: &mut AlertLog) {
                for start in rows.clone().step_by(STRETCH) {
                    let stretch = records.stretch(start..rows.end.min(start + STRETCH));
                    $(
                        let $name = <$detector>::is_told_by(&stretch, context) && !self.$name.pass(&stretch, alerts);
                    )*
                    for row in stretch.rows() {
                        $(
                            if $name && row.present() & <$detector>::MASK != 0 {
                                self.$name.observe(&row, context, alerts);
                            }
                        )*
                    }
                }
            }

            /// The same, with no stretch that is passed.
            #[cfg(test)]
            fn observe_each(&mut self, records: &Records, context: &Context, alerts: &mut AlertLog) {
                for (index, row) in records.rows().enumerate() {
                    let alone = records.stretch(index..index + 1);
                    $(
                        if <$detector>::is_told_by(&alone, context) {
                            self.$name.observe(&row, context, alerts);
                        }
                    )*
                }
            }

            /// See [`Detector::rewound`].
            pub fn rewound(&mut self, step: u64) {
                $(self.$name.rewound(step);)*
            }
        }
    };
}

detectors! {
    non_finite: non_finite::NonFinite,
    loss_spike: loss_spike::LossSpike,
    divergence: divergence::Divergence,
    gradient_surge: gradient_surge::GradientSurge,
    logits: logits::Logits,
    activations: activations::Activations,
    update_ratio: update_ratio::UpdateRatio,
    loss_scale: loss_scale::LossScale,
    skipped_steps: skipped_steps::SkippedSteps,
    frozen_metric: frozen_metric::FrozenMetric,
    learning_rate: learning_rate::LearningRate,
    slowdown: slowdown::Slowdown,
    late_record: late_record::LateRecord,
    spike_rate: spike_rate::SpikeRate,
    plateau: plateau::Plateau,
    overfitting: overfitting::Overfitting,
    vanishing_gradient: vanishing_gradient::VanishingGradient,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Records of a log: what they hold, and a value in so many, counted from one of them, that is out of the
    /// ordinary.
    fn records(held: &[(Quantity, f64)], odd: f64, every: usize, noise: &[f64]) -> Records {
        let mut records = Records::default();
        for (index, noise) in noise.iter().enumerate() {
            let is_odd = index % every == every / 2;
            let values: Vec<(Quantity, f64)> = held
                .iter()
                .enumerate()
                .filter(|(place, _)| !(is_odd && odd == 0.5 && *place == 0))
                .map(|(place, (quantity, level))| {
                    let usual = level * (1.0 + 0.03 * noise) * 0.9999_f64.powi(index as i32);
                    let value = if is_odd && place == every % held.len() {
                        odd * level
                    } else {
                        usual
                    };
                    (*quantity, value)
                })
                .collect();
            records.push(7 * index as u64, &values);
        }
        records
    }

    proptest! {
        #[test]
        fn what_is_passed_leaves_what_each_record_would_have(
            beside in prop::sample::subsequence(
                vec![
                    (Quantity::GradNorm, 0.4),
                    (Quantity::LearningRate, 1e-3),
                    (Quantity::LossScale, 65536.0),
                    (Quantity::StepTime, 0.3),
                    (Quantity::SkippedSteps, 0.5),
                    (Quantity::EvalLoss, 2.9),
                    (Quantity::ActivationNorm, 7.0),
                    (Quantity::UpdateRatio, 1e-3),
                ],
                0..6,
            ),
            odd in prop::sample::select(vec![0.0, 0.5, 1.0, 3.0, 1e-7, 1e5, f64::NAN, f64::INFINITY, -1.0]),
            every in prop::sample::select(vec![1, 2, 70, 150, 1000]),
            noise in prop::collection::vec(-1.0..1.0f64, 1..700),
            loss_may_rise in any::<bool>(),
        ) {
            let held = [&[(Quantity::TrainLoss, 3.0)][..], &beside].concat();
            let records = records(&held, odd, every, &noise);
            let context = Context { loss_may_rise, ..Context::default() };
            let (mut passing, mut alerts) = (Detectors::default(), AlertLog::default());
            let half = noise.len() / 2;
            passing.observe(&records, 0..half, &context, &mut alerts);
            passing.observe(&records, half..noise.len(), &context, &mut alerts);
            let (mut each, mut alerts_of_each) = (Detectors::default(), AlertLog::default());
            each.observe_each(&records, &context, &mut alerts_of_each);
            prop_assert_eq!(format!("{alerts:?}"), format!("{alerts_of_each:?}"));
            prop_assert_eq!(format!("{passing:?}"), format!("{each:?}"));
        }
    }
}
