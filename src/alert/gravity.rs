//! Which of several alerts says most about a run.

use std::cmp::Reverse;

use super::{Alert, FAILURE, SCHEDULE, STALL, Severity};
use crate::detect::{divergence, non_finite};

/// What an alert is about, what says most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The loss itself is lost.
    Loss,
    /// A sign in the records.
    Sign,
    /// The job around the run: that it has ended is often the last consequence.
    Job,
}

impl Subject {
    /// The subject of alerts of a kind.
    pub fn of(kind: &str) -> Subject {
        match kind {
            non_finite::KIND | divergence::KIND => Subject::Loss,
            FAILURE | STALL | SCHEDULE => Subject::Job,
            _ => Subject::Sign,
        }
    }
}

/// A place in an order: the gravest first, then what says most, then the newest.
pub type Gravity = (Reverse<Severity>, Subject, Reverse<u64>);

impl Alert {
    /// Its place among the alerts of a run.
    pub fn gravity(&self) -> Gravity {
        (
            Reverse(self.severity),
            Subject::of(self.kind),
            Reverse(self.raised_at_step),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_loss_says_more_than_the_newer_end_of_its_job() {
        let mut alerts = [
            Alert::at(900, FAILURE, Severity::Critical),
            Alert::at(950, "loss_spike", Severity::Warning),
            Alert::at(1, non_finite::KIND, Severity::Critical),
            Alert::at(800, "loss_scale_collapse", Severity::Critical),
        ];
        alerts.sort_by_key(Alert::gravity);
        let kinds = alerts.each_ref().map(|alert| alert.kind);
        assert_eq!(
            kinds,
            [non_finite::KIND, "loss_scale_collapse", FAILURE, "loss_spike"]
        );
    }
}
