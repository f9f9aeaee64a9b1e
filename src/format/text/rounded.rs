//! Steps that a log rounds, as LeRobot does: `step:800`, `step:1K`, `step:1K`, .. `step:25K`.
//!
//! Records are made at equal intervals. Those before the rounding show the interval, so a
//! rounded step is the one before it and an interval more, as long as that rounds to it.

/// Follows the steps of train records.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    last: Option<u64>,
    interval: u64,
    /// The step that comes next was rounded: it shows no interval.
    rounded: bool,
}

impl Counter {
    /// A train record was made at this step.
    pub fn at(&mut self, step: u64) {
        if !std::mem::take(&mut self.rounded)
            && let Some(last) = self.last
            && step > last
        {
            self.interval = step - last;
        }
        self.last = Some(step);
    }

    /// The step that was rounded to `step`. Only train records count an interval.
    pub fn exact(&mut self, step: u64, rounded_to: f64, counts: bool) -> u64 {
        self.rounded = counts;
        let Some(last) = self.last else { return step };
        let next = last.saturating_add(if counts { self.interval } else { 0 });
        if (next as f64 - step as f64).abs() <= rounded_to / 2.0 {
            next
        } else {
            step
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::Names;

    #[test]
    fn steps_rounded_to_thousands_keep_their_distance() {
        let rounded = |step: u64| match step {
            1000.. => format!("{:.0}K", step as f64 / 1000.0),
            _ => step.to_string(),
        };
        let content: String = (1..130)
            .map(|line| {
                let step = rounded(line * 200);
                format!("INFO 2024-08-06 10:00:01 train.py:182 step:{step} smpl:9K ep:3 loss:{line}.5 grdn:1.2 lr:1.0e-04\n")
            })
            .collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let expected: Vec<u64> = (1..130).map(|line| line * 200).collect();
        assert_eq!(read.decoded.records.steps(), expected);
    }
}
