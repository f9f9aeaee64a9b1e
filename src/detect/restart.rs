//! Runs that start anew without saying so.

/// Notices that a run starts anew: after progress, the loss and the gradient norm of a
/// record are those of the very first one (within 5% and 25%).
///
/// Lost weights lead elsewhere: a broken model is worse than a fresh one, or about as
/// good as one that knows only how often each token occurs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Restart {
    first: Option<(f64, Option<f64>)>,
}

const SAME_LOSS: f64 = 0.05;
const SAME_GRADIENT: f64 = 0.25;
/// Fall, as a share of the first loss, that is progress.
const PROGRESS: f64 = 0.2;

impl Restart {
    /// Takes the loss and the gradient norm of the next record; `recent` is the largest of the
    /// losses just before it, for among noisy ones some come near to the first by chance.
    pub fn noticed(&mut self, loss: f64, gradient: Option<f64>, recent: impl Fn() -> f64) -> bool {
        let (first, first_gradient) = *self.first.get_or_insert((loss, gradient));
        let near = |value: f64, target: f64, share: f64| (value - target).abs() <= share * target.abs();
        // Near zero a loss is often where it was: there has been progress only when all are lower.
        near(loss, first, SAME_LOSS)
            && first_gradient
                .zip(gradient)
                .is_some_and(|(first, now)| near(now, first, SAME_GRADIENT))
            && recent() < first - PROGRESS * first.abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_record_come_back_is_a_restart_and_nothing_else_is() {
        let mut restart = Restart::default();
        assert!(!restart.noticed(31.1, Some(60.2), || f64::NAN));
        assert!(!restart.noticed(5.9, Some(0.5), || 31.1));
        // The loss alone may come back by accident, or without a gradient norm.
        assert!(!restart.noticed(31.0, Some(900.0), || 0.9));
        assert!(!restart.noticed(31.0, None, || 0.9));
        assert!(restart.noticed(31.0, Some(57.6), || 0.9));
    }

    #[test]
    fn a_loss_that_wanders_about_zero_is_where_it_began_without_a_restart() {
        let mut restart = Restart::default();
        assert!(!restart.noticed(-0.0228, Some(0.157), || f64::NAN));
        assert!(!restart.noticed(-0.0230, Some(0.163), || -0.0160));
        assert!(!restart.noticed(-0.0230, Some(0.163), || 0.0020));
        assert!(restart.noticed(-0.0230, Some(0.163), || -3.1));
    }
}
