//! Spikes that come often: the third within a tenth of the run.
//!
//! One spike may be a batch; several are the optimiser (GLM-130B, OLMo 2): each that
//! recovers makes the next one no less likely. Clears when a fifth of the run has
//! passed without one.

use super::loss_spike;
use super::{Context, Detector};
use crate::alert::{Alert, AlertLog, Severity};
use crate::format::records::Row;
use crate::metric::Quantity;

const KIND: &str = "spike_rate";
const SPIKES: usize = 3;
const SHARE: f64 = 0.1;
const CLEAR_SHARE: f64 = 0.2;
const REMEDY: &str = "Lower the learning rate or beta2, clip harder, or check embedding decay and epsilon: skipping data does not \
                      help against spikes that keep coming.";

/// The detector.
#[derive(Clone, Debug, Default)]
pub struct SpikeRate {
    /// Steps of the last spikes, oldest first.
    spikes: [Option<u64>; SPIKES],
    total: u64,
}

impl Detector for SpikeRate {
    const WATCHES: &'static [Quantity] = &Quantity::ALL;

    fn observe(&mut self, row: &Row, _context: &Context, alerts: &mut AlertLog) {
        let step = row.step();
        let newest = alerts
            .open(loss_spike::KIND)
            .filter(|spike| spike.severity >= Severity::Warning)
            .map(|spike| spike.raised_at_step);
        if let Some(newest) = newest
            && self.spikes.last().copied().flatten() != Some(newest)
        {
            self.spikes.rotate_left(1);
            if let Some(slot) = self.spikes.last_mut() {
                *slot = Some(newest);
            }
            self.total += 1;
            self.judge(step, alerts);
            return;
        }
        let quiet = self.spikes.last().copied().flatten();
        if quiet.is_some_and(|last| step.saturating_sub(last) as f64 > CLEAR_SHARE * step as f64) {
            self.spikes = [None; SPIKES];
            alerts.clear(KIND, step);
        }
    }

    fn rewound(&mut self, _step: u64) {
        self.spikes = [None; SPIKES];
    }
}

impl SpikeRate {
    fn judge(&self, step: u64, alerts: &mut AlertLog) {
        let Some(first) = self.spikes.first().copied().flatten() else {
            return;
        };
        let within = step.saturating_sub(first);
        if within as f64 > SHARE * step as f64 {
            return;
        }
        let message = format!(
            "{SPIKES} loss spikes within {within} steps, {} in all",
            self.total
        );
        alerts.raise(
            Alert::at(step, KIND, Severity::Warning)
                .since(first)
                .value(SPIKES as f64, SHARE * step as f64)
                .says(message, REMEDY),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;
    use crate::metric::Quantity;

    /// Steps at which spikes at these steps are called frequent.
    fn frequent(spikes: &[u64]) -> Vec<u64> {
        let mut detector = SpikeRate::default();
        let mut alerts = AlertLog::default();
        for step in 0..10_000u64 {
            if spikes.contains(&step) {
                alerts.raise(
                    Alert::at(step, loss_spike::KIND, Severity::Warning)
                        .value(9.0, 3.0)
                        .says(String::new(), ""),
                );
            }
            let mut records = Records::default();
            records.push(step, &[(Quantity::TrainLoss, 2.0)]);
            detector.observe(&records.row(0), &Context::default(), &mut alerts);
            alerts.clear(loss_spike::KIND, step);
        }
        let found = alerts.all().iter().filter(|alert| alert.kind == KIND);
        found.map(|alert| alert.raised_at_step).collect()
    }

    #[test]
    fn the_third_spike_within_a_tenth_of_the_run_is_one_too_many() {
        assert_eq!(frequent(&[5000, 5100, 5200]), [5200]);
        assert_eq!(frequent(&[1000, 3000, 9000]), [0u64; 0]);
    }
}
