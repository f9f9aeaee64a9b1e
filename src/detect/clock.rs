//! What time it was at each record.

use crate::format::records::Row;
use crate::metric::Quantity;

/// The time of each record, by one clock: where there are times of day, what else the record
/// says of time may be that of another one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    has_time_of_day: bool,
}

impl Clock {
    /// Seconds, for differences.
    pub fn read(&mut self, row: &Row) -> Option<f64> {
        let time_of_day = row.value(Quantity::WallTime);
        self.has_time_of_day |= time_of_day.is_some();
        time_of_day.or(row.value(Quantity::Elapsed).filter(|_| !self.has_time_of_day))
    }
}
