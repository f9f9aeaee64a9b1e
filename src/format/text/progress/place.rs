//! The place of a bar in the run: its step over all epochs, and the planned number of steps.

use super::Progress;
use super::bar::Bar;
use super::description::{OF_AN_EPOCH, WHOLE_RUN, epoch};
use crate::format::counters::Place;
use crate::format::text::Fields;
use crate::format::text::bare_counts::Count;
use crate::format::text::key_value::looks_back;
use crate::format::text::scan::named_numbers;
use crate::metric::{Fit, Quantity, Role};

impl Progress {
    /// The step of a bar over all epochs. The planned number of steps is known where the bar says
    /// how many epochs there are, or is one of the whole run.
    pub(super) fn place(&mut self, bar: &Bar, description: &str, fields: &mut Fields) -> u64 {
        let Some((epoch, planned)) = epoch(bar.description) else {
            if WHOLE_RUN.iter().any(|word| description.contains(word)) {
                fields.total = bar.total;
                return bar.done;
            }
            let count = Count {
                value: bar.done,
                of: bar.total,
            };
            let step = self.rounds.step(count, true);
            self.epoch_length = self.rounds.length();
            self.epochs = self.planned_epochs(bar.metrics).or(self.epochs);
            // The first of several, or the only one.
            let is_only = self.epoch_length.is_none() && step == bar.done;
            let may_be_whole = is_only && !OF_AN_EPOCH.iter().any(|word| description.contains(word));
            fields.total = if may_be_whole {
                bar.total
            } else {
                let length = self.epoch_length.or(bar.total);
                length
                    .zip(self.epochs)
                    .and_then(|(length, epochs)| length.checked_mul(epochs))
            };
            return step;
        };
        let base = *self.first_epoch.get_or_insert(epoch.min(1));
        let passed = epoch.saturating_sub(base);
        if bar.total.is_none() {
            self.longest = self.longest.max(bar.done);
        }
        let step = self.counter.step(Place {
            epoch: passed,
            epochs: None,
            iteration: Some(bar.done),
            iterations: bar.total.map(|total| total.max(self.longest)),
        });
        self.epoch_length = self.counter.length();
        // Lightning counts from 0 to one less than there are: `Epoch 0/9`, but `Epochs 0/10`.
        let counts_last = base == 0 && !description.contains("epochs");
        let epochs = planned.map(|planned| planned.saturating_add(counts_last.into()));
        let epochs = epochs
            .or(self.epochs)
            .map(|epochs| epochs.max(passed.saturating_add(1)));
        fields.total = self
            .epoch_length
            .zip(epochs)
            .and_then(|(length, epochs)| length.checked_mul(epochs));
        step
    }

    /// How many epochs there will be, where a text counts them: `Epoch 3/40`.
    pub(super) fn planned_epochs(&mut self, text: &str) -> Option<u64> {
        memchr::memmem::find(text.as_bytes(), b"poch")?;
        let mut planned = None;
        named_numbers(text, |named| {
            let is_epoch = |fit: Fit| fit.role == Role::of(Quantity::Epoch);
            if self.names.find(named.words).1.is_some_and(is_epoch) {
                planned = named.of.or(planned);
            }
        });
        planned
    }

    /// Takes the epoch that a line of its own announces above the bars, which do not name it.
    pub(super) fn take_heading(&mut self, line: &str) {
        let heading = line.trim_start_matches(['-', '=', '*', '#', '[', ' ']);
        let heading = heading.to_ascii_lowercase();
        let Some((epoch, _)) = epoch(&heading).filter(|_| heading.starts_with("epoch") && !looks_back(line))
        else {
            return;
        };
        if *self.headings.get_or_insert(self.drawn.is_none()) {
            self.rounds.begin(epoch);
        }
    }
}
