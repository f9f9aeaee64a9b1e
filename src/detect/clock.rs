//! What time it was at each record.

use crate::format::records::Row;
use crate::format::running_time::RunningTime;
use crate::metric::Quantity;

/// The time of each record, by one clock: where there are times of day, what else the record
/// says of time may be that of another one, and what falls again and again is none.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    has_time_of_day: bool,
    running: RunningTime,
}

impl Clock {
    /// Seconds, for differences.
    pub fn read(&mut self, row: &Row) -> Option<f64> {
        let time_of_day = row.value(Quantity::WallTime);
        self.has_time_of_day |= time_of_day.is_some();
        let elapsed = row.value(Quantity::Elapsed).filter(|_| !self.has_time_of_day);
        let elapsed = elapsed.filter(|seconds| self.running.runs(row.step(), *seconds));
        time_of_day.or(elapsed)
    }
}

/// The unit in which times are given, where it is a coarse one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unit {
    /// Index of the coarsest unit of which all times so far are multiples.
    index: usize,
}

impl Unit {
    /// Hours and minutes with a digit behind the point and without, seconds likewise (seconds).
    /// Finer ones are as good as exact.
    const COARSE: [f64; 6] = [3600.0, 360.0, 60.0, 6.0, 1.0, 0.1];

    /// Takes in a time.
    pub fn note(&mut self, time: f64) {
        while let Some(unit) = Self::COARSE.get(self.index) {
            let units = time / unit;
            if (units - units.round()).abs() < 1e-4 {
                break;
            }
            self.index += 1;
        }
    }

    /// Seconds, of which all times so far are multiples; 0 for times that are as good as exact.
    pub fn seconds(self) -> f64 {
        Self::COARSE.get(self.index).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::records::Records;

    #[test]
    fn how_long_each_record_took_is_no_time_of_it() {
        let read = |seconds: &dyn Fn(u64) -> f64| {
            let mut clock = Clock::default();
            let mut read = |step| {
                let mut batch = Records::default();
                batch.push(step, &[(Quantity::Elapsed, seconds(step))]);
                clock.read(&batch.row(0))
            };
            (0..100).filter_map(|step| read(10 * step)).count()
        };
        assert_eq!(read(&|step| 0.5 * step as f64), 100);
        assert!(read(&|step| 20.0 + (step * 7919 % 13) as f64) < 20);
    }

    #[test]
    fn the_unit_of_times_is_known_from_their_digits() {
        let mut unit = Unit::default();
        let mut after = |time: f64| {
            unit.note(time);
            unit.seconds()
        };
        assert_eq!(
            [
                after(7200.0),
                after(60.0),
                after(564.0),
                after(1.7e9),
                after(12.3),
                after(12.0)
            ],
            [3600.0, 60.0, 6.0, 1.0, 0.1, 0.1]
        );
        assert_eq!([after(f64::NAN), after(4.0)], [0.0, 0.0]);
        let mut exact = Unit::default();
        exact.note(1_795_500_123.456);
        assert_eq!(exact.seconds(), 0.0);
    }
}
