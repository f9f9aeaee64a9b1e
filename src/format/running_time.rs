//! Whether a `time` that a log gives runs on, or says how long each record took.

/// So many falls are no resumes any more.
const MOST_FALLS: u32 = 2;
/// So many rises in a row are those of a clock.
const RISES_OF_A_CLOCK: u32 = 16;

/// Follows the times of a log.
#[derive(Clone, Debug, Default)]
pub struct RunningTime {
    last: Option<(u64, f64)>,
    falls: u32,
    rises: u32,
}

impl RunningTime {
    /// The last step that had a time.
    pub fn last_step(&self) -> Option<u64> {
        self.last.map(|(step, _)| step)
    }

    /// Step `step` has this time: false once times have fallen several times while steps rose,
    /// as no clock does.
    pub fn runs(&mut self, step: u64, seconds: f64) -> bool {
        let fell = self
            .last
            .is_some_and(|(last, before)| step > last && seconds < before);
        self.rises = if fell { 0 } else { self.rises.saturating_add(1) };
        if self.rises >= RISES_OF_A_CLOCK {
            self.falls = 0;
        }
        self.falls += u32::from(fell);
        self.last = Some((step, seconds));
        self.falls <= MOST_FALLS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resumed_clock_runs_and_durations_do_not() {
        let mut clock = RunningTime::default();
        assert!((0..500u64).all(|step| clock.runs(step, (step % 50) as f64)));
        let mut durations = RunningTime::default();
        let runs = |step: u64| durations.runs(step, 0.2 + 0.01 * (step % 3) as f64);
        assert_eq!((0..100).map(runs).filter(|runs| *runs).count(), 9);
    }
}
