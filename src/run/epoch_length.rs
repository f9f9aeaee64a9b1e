//! How many steps an epoch has, where the log counts both.

/// Whole epochs beside steps that go on over them: each epoch that ends tells.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EpochLength {
    /// The first record: its epoch and step.
    first: Option<(u64, u64)>,
    /// The epoch at hand and its last step.
    current: Option<(u64, u64)>,
    /// The first epoch that has ended, and its last step.
    ended: Option<(u64, u64)>,
    /// The last one.
    last_ended: Option<(u64, u64)>,
    /// Fewest and most steps from the end of an epoch to that of the next.
    between_ends: Option<(u64, u64)>,
    /// Fewest steps from a record to the next.
    distance: Option<u64>,
}

/// So many epochs of the same length are no chance.
const EPOCHS_ALIKE: u64 = 2;

/// So many where that is a multiple of the distance of the records: those of a counter of the run
/// that is logged every 50 steps end in multiples of 50, however long they are.
const EPOCHS_ALIKE_ON_A_GRID: u64 = 10;

impl EpochLength {
    /// Takes the step and the epoch of the next record. Returns the steps of an epoch when one has
    /// ended: the mean of all so far, rounded; a little too few where its last steps were not
    /// logged.
    pub(super) fn note(&mut self, step: u64, epoch: f64) -> Option<u64> {
        if epoch.fract() != 0.0 || !(0.0..1e9).contains(&epoch) {
            *self = EpochLength::default();
            return None;
        }
        let epoch = epoch as u64;
        let Some((known, last)) = self.current else {
            self.first = Some((epoch, step));
            self.current = Some((epoch, step));
            return None;
        };
        if epoch < known || step < last {
            *self = EpochLength::default();
            return self.note(step, epoch as f64);
        }
        self.current = Some((epoch, step));
        if step > last {
            let distance = step - last;
            self.distance = Some(self.distance.map_or(distance, |least| least.min(distance)));
        }
        if epoch == known {
            return None;
        }
        let (first_epoch, first_step) = self.first?;
        let (ended, end) = *self.ended.get_or_insert((known, last));
        if let Some((before, end_before)) = self.last_ended.replace((known, last)) {
            // Where epochs were left out, their mean.
            let length = (last - end_before) / (known - before);
            let (fewest, most) = self.between_ends.unwrap_or((length, length));
            self.between_ends = Some((fewest.min(length), most.max(length)));
        }
        // What is logged at the same places of every epoch tells it exactly.
        if let Some((fewest, most)) = self.between_ends
            && fewest == most
            && known - ended >= self.epochs_alike(most)
        {
            return Some(most).filter(|length| *length > 1);
        }
        // From the beginning, where the log has that: its epochs count from 0 or 1, and its first
        // step lies in the first half of the first. Steps count from 0 or from 1: what divides evenly,
        // unless the log has both the step 0 and the one with which the next epoch begins.
        let epochs = known - first_epoch + 1;
        let is_of_every_step = first_step == 0 && step - last == 1;
        let steps = last.saturating_add(u64::from(is_of_every_step));
        let mean = steps.saturating_add(u64::from(steps % epochs != 0)) / epochs;
        let length = if first_epoch <= 1 && first_step <= end / 2 {
            mean
        } else {
            (last - end).checked_div(known - ended)?
        };
        Some(length).filter(|length| *length > 1)
    }

    /// How many epochs of this length are no chance.
    fn epochs_alike(&self, length: u64) -> u64 {
        let on_a_grid = self
            .distance
            .is_some_and(|distance| length.is_multiple_of(distance));
        if on_a_grid {
            EPOCHS_ALIKE_ON_A_GRID
        } else {
            EPOCHS_ALIKE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(records: &[(u64, f64)]) -> Vec<u64> {
        let mut counter = EpochLength::default();
        records
            .iter()
            .filter_map(|(step, epoch)| counter.note(*step, *epoch))
            .collect()
    }

    #[test]
    fn every_epoch_that_ends_tells_how_long_they_are() {
        // Lightning: steps and epochs from 0, the last step of an epoch logged.
        assert_eq!(
            lengths(&[(49, 0.0), (99, 0.0), (149, 1.0), (199, 1.0), (249, 2.0)]),
            [99, 100]
        );
        // Every step is, and those of the first epoch alone tell how long it is.
        let rows = (0..20).map(|step| (step, (step / 10) as f64));
        assert_eq!(lengths(&rows.collect::<Vec<_>>()), [10]);
        // From 1, and not every step logged.
        assert_eq!(
            lengths(&[(50, 1.0), (100, 1.0), (150, 2.0), (190, 2.0), (250, 3.0)]),
            [100, 95]
        );
        // mmengine logs the same places of every epoch, and not its last step.
        let rows = (0..4).flat_map(|epoch| [50, 100, 150].map(|at| (188 * epoch + at, (epoch + 1) as f64)));
        assert_eq!(lengths(&rows.collect::<Vec<_>>()), [150, 169, 188]);
        // The counter of the run is logged every 50 steps: two epochs of 200 in a row are chance.
        let rows = (1..=15).map(|count| (50 * count, ((50 * count - 1) / 188 + 1) as f64));
        assert_eq!(lengths(&rows.collect::<Vec<_>>()), [150, 175, 183]);
        // Many are none: those of 200 that begin at their first step.
        let rows = (0..13).flat_map(|epoch| [0, 50, 100, 150].map(|at| (200 * epoch + at, epoch as f64)));
        let rows = lengths(&rows.collect::<Vec<_>>());
        assert_eq!((rows[2], rows.last()), (183, Some(&200)));
        // The middle of a run, though its first epoch is the second.
        assert_eq!(
            lengths(&[(950, 9.0), (1000, 9.0), (1100, 10.0), (1150, 11.0)]),
            [100]
        );
        assert_eq!(
            lengths(&[(150, 1.0), (200, 1.0), (250, 2.0), (300, 2.0), (350, 3.0)]),
            [100]
        );
        // Parts of epochs, and steps that are the epochs.
        assert_eq!(lengths(&[(50, 0.5), (100, 1.0), (150, 1.5), (200, 2.0)]), [0; 0]);
        assert_eq!(lengths(&[(0, 0.0), (1, 1.0), (2, 2.0)]), [0; 0]);
    }
}
