//! What the run is planned to be: its length, and how often it sees its data.

use super::Run;
use crate::format::hints::Fact;
use crate::format::records::Records;
use crate::format::roles::whole;
use crate::metric::Quantity;

impl Run {
    /// Planned number of steps, as the log states it, unless the run has gone on far beyond:
    /// then it is the number of something else.
    pub fn logged_total_steps(&self) -> Option<u64> {
        const BEYOND: u64 = 10;
        let last = self.branch.last_step;
        let total = self
            .logged_total_steps
            .filter(|total| last <= total.saturating_add(total / 20).saturating_add(BEYOND));
        match self.steps_in_time() {
            Some(steps) => Some(total.map_or(steps, |total| total.min(steps))),
            None => total,
        }
    }

    /// About how many steps the run makes where it ends by the clock (parameter-golf's ten
    /// minutes), to three digits until it is done; `None` where it does not, or has gone on
    /// beyond that.
    fn steps_in_time(&self) -> Option<u64> {
        const OBEYED: f64 = 1.02;
        let planned = self.hints.number(Fact::TotalSeconds)?;
        let (step, seconds) = self.branch.pace.last_elapsed()?;
        if step == 0 || seconds <= 0.0 || seconds > OBEYED * planned {
            return None;
        }
        if self.says_it_is_done() {
            return Some(self.branch.last_step);
        }
        let steps = step as f64 * planned / seconds;
        let unit = 10f64.powi((steps.log10().floor() as i32 - 2).max(0));
        Some(((steps / unit).round() * unit) as u64).map(|steps| steps.max(self.branch.last_step))
    }

    /// True when the run goes, or is to go, through its data more than once.
    pub fn sees_data_again(&self) -> bool {
        /// Of an epoch that is counted from one the first says nothing.
        const MORE_THAN_ONCE: f64 = 1.5;
        let planned = (self.branch.epochs_per_step.zip(self.logged_total_steps()))
            .map(|(per_step, steps)| per_step * steps as f64);
        let told = [self.hints.epochs(), self.branch.epoch, planned];
        told.into_iter().flatten().any(|epochs| epochs > MORE_THAN_ONCE)
    }

    /// The share of the run after which its data are no longer augmented, as it plans.
    pub fn augmented_share(&self) -> Option<f64> {
        let plain = self.hints.number(Fact::PlainEpochs)?;
        let share = 1.0 - plain / self.hints.epochs()?;
        (share > 0.0 && share < 1.0).then_some(share)
    }

    /// Takes the planned number of steps from what is stated, where no record says it. `last` is
    /// the last step that is known by now.
    pub(super) fn take_total_from_hints(&mut self, last: u64) {
        if self.logged_total_steps.is_none() || self.total_is_a_hint {
            // Only a number of what the log counts: steps, or epochs where a step is one. A
            // run that goes on beyond it shows that it was about something else, such as
            // the steps of an evaluation.
            let stated = match self.steps_are_epochs {
                Some(true) => self.hints.epochs().and_then(whole),
                _ => self.hints.counted_steps(),
            };
            self.logged_total_steps = stated.filter(|total| *total >= self.branch.last_step.max(last));
            self.total_is_a_hint = true;
        }
        self.context.total_steps = self.logged_total_steps;
    }

    /// Whether the steps of the log are its epochs.
    pub(super) fn note_what_counts(&mut self, records: &Records) {
        let (steps, epochs) = records.values(Quantity::Epoch, 0..records.len());
        for (&step, &epoch) in steps.iter().zip(epochs.iter()) {
            if epoch != step as f64 {
                self.steps_are_epochs = Some(false);
            } else if step > 1 {
                self.steps_are_epochs.get_or_insert(true);
            }
            // What the format knows of it is exact.
            let told = self.steps_of_epoch.map(|length| length as f64);
            if let Some(length) = self.epoch_length.note(step, epoch)
                && self.hints.number(Fact::StepsPerEpoch) == told
            {
                self.steps_of_epoch = Some(length);
                self.hints.put_epoch_length(length);
            }
        }
    }
}
