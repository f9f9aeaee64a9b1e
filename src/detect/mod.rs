//! Detectors: what goes wrong in a run, seen in its records.
//!
//! A detector sees the records of one run in order and nothing else: no clock,
//! no file, no screen. The same records raise the same alerts, live or after
//! the fact. To add a detector, write one file and add one line to [`detectors`].

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

use crate::alert::AlertLog;
use crate::format::records::{Records, Row};
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

/// Watches the records of one run for one kind of trouble.
pub trait Detector: Duplicate + Send {
    /// What it looks at: a record without any of these says nothing to it, and is not
    /// shown to it.
    fn watches(&self) -> &'static [Quantity];

    /// True for one that holds a loss that rises for a bad sign.
    fn expects_the_loss_to_fall(&self) -> bool {
        false
    }

    /// Takes the next record. Raises, escalates and clears its own alerts.
    fn observe(&mut self, row: &Row, context: &Context, alerts: &mut AlertLog);

    /// The run went back to `step` (a resume, or a restart from a checkpoint): what
    /// was learned about the level of the metrics may no longer hold.
    fn rewound(&mut self, step: u64);
}

/// What a detector has learnt can be kept aside, and gone back to.
pub trait Duplicate {
    /// The same detector in the same state.
    fn duplicate(&self) -> Box<dyn Detector>;
}

impl<D: Detector + Clone + 'static> Duplicate for D {
    fn duplicate(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}

/// A detector of one run, and which records it is shown.
pub struct Watcher {
    detector: Box<dyn Detector>,
    /// What it watches, as a mask by [`Quantity::index`].
    mask: u32,
}

impl Clone for Watcher {
    fn clone(&self) -> Self {
        Watcher {
            detector: self.detector.duplicate(),
            mask: self.mask,
        }
    }
}

impl Watcher {
    fn new(detector: Box<dyn Detector>) -> Self {
        let watched = detector.watches().iter();
        Watcher {
            mask: watched.fold(0, |mask, quantity| mask | 1 << quantity.index()),
            detector,
        }
    }

    /// True when some record of the batch says something to it.
    pub fn watches_any(&self, records: &Records, context: &Context) -> bool {
        let means_something = !context.loss_may_rise || !self.detector.expects_the_loss_to_fall();
        means_something && records.begun() & self.mask != 0
    }

    /// Shows it the next record, see [`Detector::observe`].
    pub fn observe(&mut self, row: &Row, context: &Context, alerts: &mut AlertLog) {
        if row.present() & self.mask != 0 {
            self.detector.observe(row, context, alerts);
        }
    }

    /// See [`Detector::rewound`].
    pub fn rewound(&mut self, step: u64) {
        self.detector.rewound(step);
    }
}

/// A fresh set of all detectors, for one run.
pub fn detectors() -> Vec<Watcher> {
    let all: Vec<Box<dyn Detector>> = vec![
        Box::<non_finite::NonFinite>::default(),
        Box::<loss_spike::LossSpike>::default(),
        Box::<divergence::Divergence>::default(),
        Box::<gradient_surge::GradientSurge>::default(),
        Box::<logits::Logits>::default(),
        Box::<activations::Activations>::default(),
        Box::<update_ratio::UpdateRatio>::default(),
        Box::<loss_scale::LossScale>::default(),
        Box::<skipped_steps::SkippedSteps>::default(),
        Box::<frozen_metric::FrozenMetric>::default(),
        Box::<learning_rate::LearningRate>::default(),
        Box::<slowdown::Slowdown>::default(),
        Box::<late_record::LateRecord>::default(),
        Box::<spike_rate::SpikeRate>::default(),
        Box::<plateau::Plateau>::default(),
        Box::<overfitting::Overfitting>::default(),
        Box::<vanishing_gradient::VanishingGradient>::default(),
    ];
    all.into_iter().map(Watcher::new).collect()
}
