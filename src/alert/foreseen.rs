//! What the forecasts say and no record does: crossovers of a leader, and advice. It is news once it
//! has lasted, because a forecast moves, and again when it has been gone for as long.

use std::collections::BTreeMap;

use crate::snapshot::{Advice, AdviceKind, Crossover, Snapshot};

/// A crossover is told once it has been foreseen for so many seconds, this surely; it is
/// cleared when it has been no surer than this for as long.
const CROSSOVER_AFTER: f64 = 30.0;
const CROSSOVER_SURE: f64 = 0.8;
const CROSSOVER_DOUBTFUL: f64 = 0.6;
/// Advice is told once it has been the same for so many seconds.
const ADVICE_AFTER: f64 = 60.0;

/// What is foreseen.
#[derive(Clone, Debug, PartialEq)]
pub enum Foreseen {
    /// A run that leads will be passed, or one that will lead passes.
    Crossover(Crossover),
    /// Something is to be done with the run of this id.
    Advice(String, Advice),
}

/// What tells one from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Crossover(String, String),
    Advice(String, AdviceKind),
}

impl Foreseen {
    fn key(&self) -> Key {
        match self {
            Foreseen::Crossover(crossover) => {
                Key::Crossover(crossover.ahead_now.clone(), crossover.ahead_at_end.clone())
            }
            Foreseen::Advice(run, advice) => Key::Advice(run.clone(), advice.kind),
        }
    }

    /// True when it is sure enough to go on being foreseen, or to begin.
    fn holds(&self, known: bool) -> bool {
        match self {
            Foreseen::Crossover(crossover) if known => crossover.probability >= CROSSOVER_DOUBTFUL,
            Foreseen::Crossover(crossover) => crossover.probability >= CROSSOVER_SURE,
            Foreseen::Advice(..) => true,
        }
    }

    /// Seconds for which it has to be foreseen to be told, and to be gone to be cleared.
    fn after(&self) -> f64 {
        match self {
            Foreseen::Crossover(_) => CROSSOVER_AFTER,
            Foreseen::Advice(..) => ADVICE_AFTER,
        }
    }
}

/// What has become of something that is foreseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has lasted.
    Raised,
    /// It was raised, and is foreseen no more.
    Cleared,
}

impl Change {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Change::Raised => "raised",
            Change::Cleared => "cleared",
        }
    }
}

struct Known {
    foreseen: Foreseen,
    /// Seconds since the Unix epoch.
    since: f64,
    raised: bool,
    /// Since when it is foreseen no more, seconds since the Unix epoch.
    gone_since: Option<f64>,
}

/// What was foreseen in the last snapshot, and since when.
#[derive(Default)]
pub struct Foresight {
    known: BTreeMap<Key, Known>,
}

impl Foresight {
    /// What is new in a snapshot.
    pub fn news(&mut self, snapshot: &Snapshot) -> Vec<(Change, Foreseen)> {
        let crossovers = snapshot
            .crossovers
            .iter()
            .filter(|crossover| crossover.of_a_leader);
        let crossovers = crossovers.cloned().map(Foreseen::Crossover);
        let advice = snapshot.prospects.iter().filter_map(|prospect| {
            let advice = prospect.advice.clone()?;
            Some(Foreseen::Advice(prospect.run.clone(), advice))
        });
        let mut news = Vec::new();
        let mut before = std::mem::take(&mut self.known);
        let now = snapshot.taken_at;
        for foreseen in crossovers.chain(advice) {
            let key = foreseen.key();
            if !foreseen.holds(before.contains_key(&key)) {
                continue;
            }
            let known = before.remove(&key).map(|known| (known.since, known.raised));
            let (since, raised) = known.unwrap_or((now, false));
            let lasts = now - since >= foreseen.after();
            if lasts && !raised {
                news.push((Change::Raised, foreseen.clone()));
            }
            let known = Known {
                foreseen,
                since,
                raised: raised || lasts,
                gone_since: None,
            };
            self.known.insert(key, known);
        }
        for (key, gone) in before.into_iter().filter(|(_, gone)| gone.raised) {
            let gone_since = gone.gone_since.unwrap_or(now);
            // Other advice for the run has taken its place.
            let is_replaced = matches!(&key, Key::Advice(run, _) if self.advises(run));
            if is_replaced || now - gone_since >= gone.foreseen.after() {
                news.push((Change::Cleared, gone.foreseen));
            } else {
                let gone_since = Some(gone_since);
                self.known.insert(key, Known { gone_since, ..gone });
            }
        }
        news
    }

    /// True when something is to be done with this run now.
    fn advises(&self, run: &str) -> bool {
        let mut known = self.known.iter();
        known.any(|(key, known)| {
            known.gone_since.is_none() && matches!(key, Key::Advice(advised, _) if advised == run)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Quantity;
    use crate::snapshot::Prospect;

    fn changes(foresight: &mut Foresight, snapshot: &Snapshot) -> Vec<Change> {
        let news = foresight.news(snapshot);
        news.into_iter().map(|(change, _)| change).collect()
    }

    #[test]
    fn a_crossover_is_told_once_it_has_lasted_and_again_when_it_is_gone() {
        let snapshot = |taken_at: f64, probability: Option<f64>, of_a_leader: bool| Snapshot {
            taken_at,
            crossovers: probability
                .map(|probability| Crossover {
                    ahead_now: "cosine".to_owned(),
                    ahead_at_end: "wsd".to_owned(),
                    quantity: Quantity::EvalLoss,
                    at_step: Some(9000),
                    probability,
                    gap: 0.02,
                    of_a_leader,
                    passes_a_leader: of_a_leader,
                })
                .into_iter()
                .collect(),
            ..Snapshot::default()
        };
        let mut foresight = Foresight::default();
        let mut told = |snapshot: &Snapshot| changes(&mut foresight, snapshot);
        assert!(told(&snapshot(0.0, Some(0.9), true)).is_empty());
        assert_eq!(told(&snapshot(31.0, Some(0.85), true)), [Change::Raised]);
        // Less sure, but surer than not: nothing new.
        assert!(told(&snapshot(60.0, Some(0.7), true)).is_empty());
        // Gone for a moment only, then for as long as it takes to be raised.
        assert!(told(&snapshot(90.0, Some(0.55), true)).is_empty());
        assert!(told(&snapshot(100.0, Some(0.65), true)).is_empty());
        assert!(told(&snapshot(110.0, Some(0.55), true)).is_empty());
        assert!(told(&snapshot(130.0, None, true)).is_empty());
        assert_eq!(told(&snapshot(140.0, None, true)), [Change::Cleared]);
        // It must last again; and among those who do not lead nobody cares.
        assert!(told(&snapshot(150.0, Some(0.9), true)).is_empty());
        assert!(told(&snapshot(170.0, None, true)).is_empty());
        assert!(told(&snapshot(180.0, Some(0.9), false)).is_empty());
        assert!(told(&snapshot(240.0, Some(0.9), false)).is_empty());
    }

    #[test]
    fn advice_is_told_once_it_has_lasted_and_other_advice_anew() {
        let snapshot = |taken_at: f64, kind: Option<AdviceKind>| Snapshot {
            taken_at,
            prospects: vec![Prospect {
                run: "cosine".to_owned(),
                contest: None,
                other_contest: None,
                advice: kind.map(|kind| Advice {
                    kind,
                    probability: 0.99,
                    saved_steps: 500,
                    saved_seconds: None,
                    message: "others end lower".to_owned(),
                }),
            }],
            ..Snapshot::default()
        };
        let mut foresight = Foresight::default();
        let mut told = |snapshot: &Snapshot| changes(&mut foresight, snapshot);
        let (stop, decay) = (AdviceKind::StopOutclassed, AdviceKind::DecayNow);
        assert!(told(&snapshot(0.0, Some(stop))).is_empty());
        assert_eq!(told(&snapshot(61.0, Some(stop))), [Change::Raised]);
        assert!(told(&snapshot(70.0, Some(stop))).is_empty());
        // A snapshot without it says nothing yet.
        assert!(told(&snapshot(75.0, None)).is_empty());
        assert!(told(&snapshot(78.0, Some(stop))).is_empty());
        assert_eq!(told(&snapshot(80.0, Some(decay))), [Change::Cleared]);
        assert_eq!(told(&snapshot(141.0, Some(decay))), [Change::Raised]);
        assert!(told(&snapshot(150.0, None)).is_empty());
        assert_eq!(told(&snapshot(211.0, None)), [Change::Cleared]);
    }
}
