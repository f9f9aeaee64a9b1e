//! Lines that tell in percent how much of the run is done: what that makes of its length.

use crate::format::number;
use crate::format::roles::whole;

/// The planned number of steps of a log that does not state it, but how much of it is done.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShareDone {
    total: Option<u64>,
    /// The last step that was told of as nothing yet: what is done may be counted from there, as
    /// where it is a share of a time and the first steps are not timed.
    start: u64,
}

impl ShareDone {
    /// The total is stated, or was estimated.
    pub fn know(&mut self, total: Option<u64>) {
        self.total = total.or(self.total);
    }

    /// The total that `percent`, as it is printed, makes of `step`, where what is known so far
    /// contradicts it.
    pub fn total(&mut self, step: u64, percent: &str) -> Option<u64> {
        let decimals = percent.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let rounding = 0.5 * 0.1_f64.powi(i32::try_from(decimals).unwrap_or(i32::MAX));
        let share = number::parse(percent)?;
        if share == 0.0 {
            self.start = step;
        }
        if share <= 10.0 * rounding || share > 100.0 {
            return None;
        }
        let start = self.start.min(step);
        let total = |share: f64| start as f64 + (step - start) as f64 * 100.0 / share;
        let fits = |known: u64| {
            let known = known as f64;
            known + 1.0 >= total(share + rounding) && known - 1.0 <= total(share - rounding)
        };
        if self.total.is_some_and(fits) {
            return None;
        }
        self.know(whole(total(share)));
        self.total
    }
}
