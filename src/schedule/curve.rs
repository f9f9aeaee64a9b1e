//! The learning rate over all steps, as the law sees it, and its sums.

/// A learning rate for every step, as treads on which it is constant.
///
/// Sums over the treads are closed forms, so S1 and S2 are exact sums over every
/// single step however long the run and however sparse the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LearningRateCurve {
    treads: Vec<Tread>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Tread {
    /// First step of the tread; the first tread of a curve starts at step 1.
    start: f64,
    rate: f64,
}

/// What the law needs to know of the learning rates up to one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnnealingSums {
    /// S1: sum of the learning rates of steps 1 to s (arXiv 2408.11029, Eq. 1).
    pub forward: f64,
    /// Exponential moving average of the learning rate with weight lambda, started
    /// at the first learning rate. `(1 - lambda) S2 = rate_0 - average` exactly.
    pub average: f64,
}

impl LearningRateCurve {
    /// A constant learning rate from the first step on.
    pub fn constant(rate: f64) -> Self {
        LearningRateCurve {
            treads: vec![Tread { start: 1.0, rate }],
        }
    }

    /// The learning rate changes to `rate` at `step`. Steps must not go back; steps
    /// before the first change have the rate of the first change.
    pub fn change(&mut self, step: f64, rate: f64) {
        match self.treads.last_mut() {
            None => self.treads.push(Tread { start: 1.0, rate }),
            Some(last) if last.rate == rate => {}
            Some(last) if step <= last.start => last.rate = rate,
            Some(_) => self.treads.push(Tread { start: step, rate }),
        }
    }

    /// The learning rate of every step from 1 to `last`.
    pub fn from_steps(last: u64, rate: impl Fn(u64) -> f64) -> Self {
        let mut curve = LearningRateCurve::default();
        for step in 1..=last {
            curve.change(step as f64, rate(step));
        }
        curve
    }

    /// The same curve up to `step`, its last rate carried on from there.
    pub fn until(&self, step: f64) -> LearningRateCurve {
        let treads = self.treads.iter().filter(|tread| tread.start <= step);
        LearningRateCurve {
            treads: treads.copied().collect(),
        }
    }

    /// True when no learning rate is known.
    pub fn is_empty(&self) -> bool {
        self.treads.is_empty()
    }

    /// The first learning rate, from which annealing is counted.
    pub fn first_rate(&self) -> f64 {
        self.treads.first().map_or(0.0, |tread| tread.rate)
    }

    /// The highest learning rate.
    pub fn peak(&self) -> f64 {
        self.treads.iter().map(|tread| tread.rate).fold(0.0, f64::max)
    }

    /// The learning rate at `step`.
    pub fn rate(&self, step: f64) -> f64 {
        let index = self.treads.partition_point(|tread| tread.start <= step);
        self.treads
            .get(index.saturating_sub(1))
            .map_or(0.0, |tread| tread.rate)
    }

    /// The last step up to which the rate stays within `share` of that at `step`; `None` when it does
    /// to the end.
    pub fn held_until(&self, step: f64, share: f64) -> Option<f64> {
        let rate = self.rate(step);
        let mut later = self.treads.iter().filter(|tread| tread.start > step);
        let left = |tread: &&Tread| (tread.rate - rate).abs() > share * rate.abs();
        later.find(left).map(|tread| tread.start - 1.0)
    }

    /// True when the rate was within `share` of that at `step` all the time before.
    pub fn was_held_until(&self, step: f64, share: f64) -> bool {
        let rate = self.rate(step);
        let mut before = self.treads.iter().filter(|tread| tread.start <= step);
        before.all(|tread| (tread.rate - rate).abs() <= share * rate.abs())
    }

    /// The same curve up to `step`, and from there on what it has from `from` on until `to`.
    pub fn spliced(&self, step: f64, from: f64, to: f64) -> LearningRateCurve {
        let mut spliced = self.until(step);
        spliced.change(step + 1.0, self.rate(from + 1.0));
        let later = self.treads.iter();
        for tread in later.filter(|tread| tread.start > from + 1.0 && tread.start <= to) {
            spliced.change(step + (tread.start - from), tread.rate);
        }
        spliced
    }

    /// The sums at each of `steps`, which must be in ascending order. Between whole
    /// steps the sums are interpolated by the same closed forms.
    ///
    /// `memory` is `1 / (1 - lambda)` in steps.
    pub fn sums(&self, memory: f64, steps: impl IntoIterator<Item = f64>) -> Vec<AnnealingSums> {
        let log_lambda = log_lambda(memory);
        let before = AnnealingSums {
            forward: 0.0,
            average: self.first_rate(),
        };
        self.accumulate(before, steps, |before, rate, steps| {
            advance(before, rate, steps, log_lambda)
        })
    }

    /// Sum of the learning rates of steps 1 to s, each to this power, at each of `steps`,
    /// which must be in ascending order. S1 has power 1.
    pub fn progress(&self, power: f64, steps: impl IntoIterator<Item = f64>) -> Vec<f64> {
        self.accumulate(0.0, steps, |before, rate, steps| {
            before + rate.max(0.0).powf(power) * steps
        })
    }

    /// Carries a state from the first step to each of `steps`, which must be in ascending
    /// order: `advance` takes it over a number of steps at a constant rate.
    pub fn accumulate<S: Copy>(
        &self,
        first: S,
        steps: impl IntoIterator<Item = f64>,
        advance: impl Fn(S, f64, f64) -> S,
    ) -> Vec<S> {
        let mut treads = self.treads.iter().peekable();
        // The state up to the step before the current tread.
        let mut before = first;
        let Some(mut tread) = treads.next().copied() else {
            return steps.into_iter().map(|_| first).collect();
        };
        steps
            .into_iter()
            .map(|step| {
                while let Some(next) = treads.next_if(|next| next.start <= step) {
                    before = advance(before, tread.rate, next.start - tread.start);
                    tread = *next;
                }
                advance(before, tread.rate, (step - tread.start + 1.0).max(0.0))
            })
            .collect()
    }
}

/// `ln(lambda)` for a memory of `1 / (1 - lambda)` steps.
fn log_lambda(memory: f64) -> f64 {
    (-1.0 / memory.max(1.0)).ln_1p()
}

fn advance(before: AnnealingSums, rate: f64, steps: f64, log_lambda: f64) -> AnnealingSums {
    AnnealingSums {
        forward: before.forward + rate * steps,
        average: rate + (before.average - rate) * (steps * log_lambda).exp(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_decay_that_begins_earlier_has_the_same_rates() {
        let rate = |step: u64| {
            if step <= 800 {
                1e-3
            } else {
                1e-3 * (1000.0 - step as f64) / 200.0
            }
        };
        let curve = LearningRateCurve::from_steps(1000, rate);
        let held = curve.held_until(500.0, 1e-3);
        assert_eq!(held, Some(800.0));
        assert!(curve.was_held_until(800.0, 1e-3) && !curve.was_held_until(900.0, 1e-3));
        let earlier = curve.spliced(500.0, 800.0, 1000.0);
        for step in [1.0, 400.0, 500.0] {
            assert_eq!(earlier.rate(step), 1e-3);
        }
        for step in [501.0, 600.0, 700.0] {
            assert_eq!(earlier.rate(step), curve.rate(step + 300.0));
        }
        assert_eq!(LearningRateCurve::constant(1e-3).held_until(5.0, 1e-3), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// The closed forms against the paper's recursion, Eq. 1 and 5.
        #[test]
        fn sums_equal_the_recursion_over_every_step(
            changes in prop::collection::vec((1u64..60, 0.0..1e-2f64), 1..20),
            memory in 1.5..500.0f64,
        ) {
            let mut curve = LearningRateCurve::default();
            let mut step = 1u64;
            let mut rates = vec![0.0];
            for (length, rate) in &changes {
                curve.change(step as f64, *rate);
                rates.extend(std::iter::repeat_n(*rate, *length as usize));
                step += length;
            }
            let lambda = 1.0 - 1.0 / memory;
            let (mut s1, mut momentum, mut s2) = (0.0, 0.0, 0.0);
            let sums = curve.sums(memory, (1..rates.len()).map(|step| step as f64));
            for step in 1..rates.len() {
                s1 += rates[step];
                if step > 1 {
                    momentum = lambda * momentum + (rates[step - 1] - rates[step]);
                    s2 += momentum;
                }
                let sums = sums[step - 1];
                prop_assert!((sums.forward - s1).abs() < 1e-12);
                prop_assert!((memory * (curve.first_rate() - sums.average) - s2).abs() < 1e-9);
            }
        }
    }
}
