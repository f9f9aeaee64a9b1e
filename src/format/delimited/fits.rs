//! Several fits of one model in one table.

/// Several fits of one model in one table of epochs, each below a header of its own, as fastai
/// prints and appends them. Epochs count from the beginning again, but the model goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fits {
    /// First epoch and loss of the table.
    pub(super) first: Option<(u64, f64)>,
    /// The last ones.
    last: (u64, f64),
    /// A header has just come.
    pub(super) begins: bool,
    /// Epochs of the fits before.
    before: u64,
}

impl Fits {
    /// The epoch of the model.
    pub(super) fn count(&mut self, epoch: u64, loss: Option<f64>) -> u64 {
        let (first, first_loss) = *self.first.get_or_insert((epoch, loss.unwrap_or(f64::NAN)));
        let (last, last_loss) = self.last;
        if std::mem::take(&mut self.begins) && epoch == first {
            // What starts as badly as the first fit did is another model.
            let goes_on = loss.is_some_and(|loss| {
                loss <= first_loss && (loss - last_loss).abs() <= (loss - first_loss).abs()
            });
            self.before = if goes_on { last + 1 - first } else { 0 };
        }
        let counted = epoch.saturating_add(self.before);
        self.last = (counted, loss.unwrap_or(last_loss));
        counted
    }
}
