//! The learning rate of a whole run: what was logged, and what is to come.

use serde::Serialize;

use super::infer::{infer, infer_by_epoch};
use super::{LearningRateCurve, RecordedRates, Schedule};

/// Treads on which the future is sampled; the law changes by far less than its
/// misfit between two of them.
const FUTURE_TREADS: usize = 512;

/// Where the learning rates of the remaining steps come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleSource {
    /// The log covers the whole run.
    Logged,
    /// The user declared it.
    Declared,
    /// A known shape fits the logged part.
    Inferred,
    /// Nothing is known: the last learning rate is carried on.
    AssumedConstant,
}

impl ScheduleSource {
    /// The word shown to the user.
    pub const fn name(self) -> &'static str {
        match self {
            ScheduleSource::Logged => "logged",
            ScheduleSource::Declared => "declared",
            ScheduleSource::Inferred => "inferred",
            ScheduleSource::AssumedConstant => "assumed constant",
        }
    }
}

/// A learning rate that a declared schedule does not explain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contradiction {
    /// First step after warm-up.
    pub since: u64,
    /// Step of the last logged rate...
    pub step: u64,
    /// ...which is this...
    pub logged: f64,
    /// ...and would be this.
    pub declared: f64,
}

/// The learning rate of every step from the first to the last.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The learning rates, warm-up counted at the peak. Empty when the run logs none
    /// and none was declared.
    pub curve: LearningRateCurve,
    /// Where those after the last logged step come from.
    pub source: ScheduleSource,
    /// The schedule in words.
    pub description: String,
    /// The last step, when known.
    pub total_steps: Option<u64>,
    /// True when `total_steps` follows from the shape of the schedule alone.
    pub total_inferred: bool,
    /// First step after warm-up.
    pub warm_up_end: u64,
    /// The learning rates to come, sampled: (step, learning rate).
    pub future: Vec<(f64, f64)>,
    /// What else the logged learning rates may be the beginning of, with its probability.
    pub alternatives: Vec<(f64, Schedule)>,
}

impl Plan {
    /// Puts together what is known.
    ///
    /// `last_step` is the last step seen, `total_steps` the planned number from the
    /// log or the user. The declared schedule applies to the future only when the
    /// log has learning rates, else to all steps. What the trainer `stated` serves where
    /// nothing was declared and the logged rates do not tell, unless they contradict it.
    pub fn new(
        recorded: &RecordedRates,
        declared: Option<&Schedule>,
        stated: Option<&Schedule>,
        last_step: u64,
        total_steps: Option<u64>,
    ) -> Plan {
        let declared_total = declared.and_then(|schedule| schedule.total_steps);
        let stated_total = stated.and_then(|schedule| schedule.total_steps);
        let total_steps = declared_total
            .or(total_steps)
            .or(stated_total.filter(|total| *total > last_step));
        let stated_warm_up = stated.and_then(|schedule| schedule.warm_up);
        let warm_up_end = match declared.and_then(|schedule| schedule.warm_up) {
            Some(warm_up) => warm_up,
            None if recorded.is_warming_up() => stated_warm_up.unwrap_or(last_step).min(last_step),
            None => recorded.warm_up_end().unwrap_or(0),
        };
        if let (true, Some(schedule)) = (recorded.is_empty(), declared.or(stated)) {
            return Plan::declared_alone(schedule, last_step, total_steps, warm_up_end);
        }
        let mut plan = Plan {
            curve: recorded.curve(),
            source: ScheduleSource::AssumedConstant,
            description: "unknown".to_owned(),
            total_steps,
            total_inferred: false,
            warm_up_end,
            future: Vec::new(),
            alternatives: Vec::new(),
        };
        let Some(rate) = recorded.last_rate() else {
            return plan;
        };
        let peak = recorded.peak().unwrap_or(rate);
        let complete = total_steps.is_some_and(|total| last_step + 1 >= total);
        let after_warm_up = {
            let mut rates = held(recorded.steps_and_rates());
            rates.retain(|(step, _)| *step >= warm_up_end as f64);
            rates
        };
        let warm_up = warm_up_end as f64;
        let total = total_steps.map(|total| total as f64);
        let wanted = complete || declared.is_none();
        let by_epoch = || {
            let (rates, steps) = recorded.by_epoch().filter(|_| total.is_none())?;
            infer_by_epoch(&rates, steps)
        };
        let found = wanted
            .then(|| by_epoch().or_else(|| infer(&after_warm_up, peak, warm_up, total)))
            .flatten();
        let ran_out = total_steps.is_none() && recorded.has_run_out();
        // What is stated holds where the logged rates leave it possible.
        let stated = stated.filter(|stated| match (&found, total) {
            (Some(found), Some(total)) => {
                let warm_up = stated.warm_up.map_or(warm_up, |steps| steps as f64);
                found.allows(stated, &after_warm_up, peak, warm_up, total)
            }
            (Some(_), None) => false,
            (None, _) => !ran_out && plan.agrees(stated, last_step, rate / peak),
        });
        if complete {
            plan.source = ScheduleSource::Logged;
            plan.description = found.map_or_else(
                || "logged to the end".to_owned(),
                |found| found.schedule.to_string(),
            );
        } else if let Some(declared) = declared {
            plan.follow(declared, ScheduleSource::Declared, last_step, peak);
        } else if let Some(stated) = stated {
            plan.follow(stated, ScheduleSource::Declared, last_step, peak);
            plan.description = format!("{stated}, as the trainer states");
        } else if let Some(found) = found {
            plan.total_inferred = total_steps.is_none();
            // What the rates leave open by rounding, the steps that were made do not.
            let inferred = found.schedule.total_steps.map(|total| total.max(last_step));
            plan.total_steps = total_steps.or(inferred);
            if plan.total_steps.is_some_and(|total| last_step + 1 >= total) {
                plan.follow(&found.schedule, ScheduleSource::Logged, last_step, peak);
            } else {
                plan.follow(&found.schedule, ScheduleSource::Inferred, last_step, peak);
                plan.alternatives = found.others;
                plan.name_the_doubt();
            }
        } else if ran_out {
            plan.source = ScheduleSource::Logged;
            plan.description = "logged until it ran out".to_owned();
            plan.total_steps = Some(last_step + 1);
            plan.total_inferred = true;
        } else {
            plan.description = "the last learning rate, carried on".to_owned();
            if let Some(total) = total_steps.filter(|total| *total > last_step) {
                plan.future = vec![(last_step as f64, rate), (total as f64, rate)];
            }
        }
        plan
    }

    /// The plan of a run whose learning rates are known to its last step, as seen from
    /// `last_step`.
    pub fn known(all: &RecordedRates, last_step: u64, total_steps: u64) -> Plan {
        let curve = all.curve();
        let future = future_treads(last_step, total_steps)
            .map(|step| (step, curve.rate(step)))
            .collect();
        Plan {
            source: ScheduleSource::Logged,
            description: "known to the end".to_owned(),
            total_steps: Some(total_steps),
            total_inferred: false,
            warm_up_end: all.warm_up_end().unwrap_or(0),
            future,
            curve,
            alternatives: Vec::new(),
        }
    }

    /// The plan of a run whose log shows no learning rate, but how many steps there will be.
    pub fn unlogged(last_step: u64, total_steps: u64) -> Plan {
        Plan::new(
            &RecordedRates::default(),
            None,
            None,
            last_step,
            Some(total_steps),
        )
    }

    /// True when the rate no longer holds: it ends lower than it has been, by much.
    pub fn has_decayed(&self) -> bool {
        /// Share of the peak below which it is so.
        const DECAYED: f64 = 0.2;
        let peak = self.curve.peak();
        self.curve.rate(f64::INFINITY) < DECAYED * peak
    }

    /// Where a declared schedule is not that of the logged rates: what it would be at the last of them,
    /// when that lies more than a twentieth of the peak off, and so all the while that the rate has been
    /// held (at most a twentieth of the run: one that is set anew each epoch lags behind).
    pub fn contradicted(
        declared: &Schedule,
        recorded: &RecordedRates,
        total_steps: Option<u64>,
    ) -> Option<Contradiction> {
        const CLEAR: f64 = 0.05;
        let (step, logged) = recorded.last_step().zip(recorded.last_rate())?;
        let warm_up = declared.warm_up.or(recorded.warm_up_end())?;
        let peak = declared.peak.or(recorded.peak())?;
        let total = declared.total_steps.or(total_steps)? as f64;
        let at = |step: f64| peak * declared.share(step, warm_up as f64, total);
        let now = step as f64;
        let held_since = recorded.held_since()? as f64;
        let begin = held_since.max(now - CLEAR * total) - 1.0;
        let is_clear = |step: f64| (at(step) - logged).abs() > CLEAR * peak;
        (step > warm_up && [begin, now, now + 1.0].into_iter().all(is_clear)).then(|| Contradiction {
            since: warm_up,
            step,
            logged,
            declared: at(now),
        })
    }

    fn declared_alone(schedule: &Schedule, last_step: u64, total_steps: Option<u64>, warm_up: u64) -> Plan {
        let total = total_steps.unwrap_or(last_step).max(1);
        let warm_up = schedule.warm_up.unwrap_or(warm_up);
        let peak = schedule.peak.unwrap_or(1.0);
        let rate = |step: f64| peak * schedule.share(step, warm_up as f64, total as f64);
        let mut plan = Plan {
            curve: LearningRateCurve::default(),
            source: ScheduleSource::Declared,
            description: schedule.to_string(),
            total_steps,
            total_inferred: false,
            warm_up_end: warm_up,
            future: Vec::new(),
            alternatives: Vec::new(),
        };
        let treads = (total as usize).min(8 * FUTURE_TREADS);
        for index in 0..treads {
            let width = total as f64 / treads as f64;
            plan.curve
                .change(1.0 + index as f64 * width, rate((index as f64 + 0.5) * width));
        }
        plan.future = future_treads(last_step, total)
            .map(|step| (step, rate(step)))
            .collect();
        plan
    }

    /// True when a schedule explains the last logged learning rate.
    fn agrees(&self, schedule: &Schedule, last_step: u64, share: f64) -> bool {
        let warm_up = schedule.warm_up.unwrap_or(self.warm_up_end) as f64;
        self.total_steps
            .filter(|total| *total > last_step)
            .is_some_and(|total| {
                let expected = schedule.share(last_step as f64, warm_up, total as f64);
                (expected - share).abs() < 0.05
            })
    }

    fn follow(&mut self, schedule: &Schedule, source: ScheduleSource, last_step: u64, peak: f64) {
        self.source = source;
        self.description = schedule.to_string();
        let Some(total) = self.total_steps.filter(|total| *total > last_step) else {
            return;
        };
        self.future = self.ahead(schedule, last_step, total, peak);
        for (step, rate) in &self.future {
            self.curve.change(step + 1.0, *rate);
        }
    }

    /// Adds to the description what the schedule may be instead, where that is not unlikely.
    fn name_the_doubt(&mut self) {
        const NOT_UNLIKELY: f64 = 0.1;
        let mut others: Vec<(f64, String)> = self
            .alternatives
            .iter()
            .map(|(probability, schedule)| (*probability, schedule.to_string()))
            .collect();
        // Many differ by less than is told of them.
        others.retain(|(_, other)| *other != self.description);
        let doubt: f64 = others.iter().map(|(probability, _)| probability).sum();
        let likeliest = others.iter().max_by(|one, other| one.0.total_cmp(&other.0));
        if let Some((_, other)) = likeliest.filter(|_| doubt > NOT_UNLIKELY) {
            self.description += &format!("; {:.0}%: another, as {other}", 100.0 * doubt);
        }
    }

    /// The learning rates that follow `last_step` under a schedule.
    fn ahead(&self, schedule: &Schedule, last_step: u64, total: u64, peak: f64) -> Vec<(f64, f64)> {
        let peak = schedule.peak.unwrap_or(peak);
        let warm_up = schedule.warm_up.unwrap_or(self.warm_up_end) as f64;
        let rate = |step: f64| peak * schedule.share(step, warm_up, total as f64);
        let treads = future_treads(last_step, total);
        treads.map(|step| (step, rate(step))).collect()
    }

    /// The learning rates of the whole run, seen from `last_step`, if it follows one of the
    /// alternatives, and its last step.
    pub fn instead(&self, alternative: &Schedule, last_step: u64) -> Option<(LearningRateCurve, u64)> {
        let total = alternative.total_steps.filter(|total| *total > last_step)?;
        let mut curve = self.curve.until(last_step as f64);
        for (step, rate) in self.ahead(alternative, last_step, total, self.curve.peak()) {
            curve.change(step + 1.0, rate);
        }
        Some((curve, total))
    }
}

/// Adds the end of every stretch on which the rate was held: a stable phase is a
/// single change, however long.
fn held(rates: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let gaps = rates
        .windows(2)
        .filter_map(|pair| Some(pair.last()?.0 - pair.first()?.0));
    let stride = gaps.filter(|gap| *gap > 0.0).fold(f64::INFINITY, f64::min);
    let mut points = Vec::with_capacity(rates.len() * 2);
    for pair in rates.windows(2) {
        if let [(step, rate), (next, _)] = pair {
            points.push((*step, *rate));
            if next - step > 1.5 * stride {
                points.push((next - stride, *rate));
            }
        }
    }
    points.extend(rates.last());
    points
}

fn future_treads(last_step: u64, total: u64) -> impl Iterator<Item = f64> {
    let steps = total.saturating_sub(last_step);
    let treads = (steps as usize).clamp(1, FUTURE_TREADS);
    (0..=treads).map(move |index| last_step as f64 + steps as f64 * index as f64 / treads as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(spec: &str, total: u64, until: u64) -> RecordedRates {
        let schedule: Schedule = spec.parse().unwrap();
        let mut rates = RecordedRates::default();
        for step in 0..=until {
            let warming = ((step + 1) as f64 / 100.0).min(1.0);
            rates.push(
                step,
                1e-3 * warming * schedule.share(step as f64, 100.0, total as f64),
            );
        }
        rates
    }

    #[test]
    fn a_recognised_cosine_is_carried_to_its_end() {
        let plan = Plan::new(
            &recorded("cosine:min=0.1", 5000, 2000),
            None,
            None,
            2000,
            Some(5000),
        );
        assert_eq!(plan.source, ScheduleSource::Inferred);
        assert!(
            (plan.curve.rate(5000.0) - 1e-4).abs() < 2e-6,
            "{}",
            plan.curve.rate(5000.0)
        );
        assert!(
            plan.description.starts_with("cosine to 10%"),
            "{}",
            plan.description
        );
    }

    #[test]
    fn a_rate_that_is_changed_once_an_epoch_has_a_plan_in_epochs() {
        let mut rates = RecordedRates::default();
        for step in (4..345).step_by(5) {
            let share = 0.5 * (1.0 + (std::f64::consts::PI * (step / 32) as f64 / 50.0).cos());
            rates.push(step, f64::from((1e-3 * (0.01 + 0.99 * share)) as f32));
        }
        let plan = Plan::new(&rates, None, None, 344, None);
        assert_eq!(plan.total_steps, Some(1600), "{plan:?}");
        assert_eq!(plan.source, ScheduleSource::Inferred);
    }

    #[test]
    fn a_run_without_a_stated_end_is_over_when_its_rate_has_run_out() {
        for spec in ["wsd:decay=0.2", "linear"] {
            let plan = Plan::new(&recorded(spec, 5000, 5000), None, None, 5000, None);
            assert!(
                plan.total_steps.is_some_and(|total| total.abs_diff(5000) < 30),
                "{spec}: {plan:?}"
            );
            assert_eq!(plan.source, ScheduleSource::Logged, "{spec}");
        }
    }

    #[test]
    fn a_run_is_never_shorter_than_its_steps() {
        let plan = Plan::new(&recorded("linear", 5000, 5000), None, None, 5014, None);
        assert_eq!(plan.total_steps, Some(5014), "{plan:?}");
    }

    #[test]
    fn nothing_is_promised_in_a_stable_phase() {
        let plan = Plan::new(&recorded("wsd", 5000, 2000), None, None, 2000, Some(5000));
        assert_eq!(plan.source, ScheduleSource::AssumedConstant);
        let declared: Schedule = "wsd:decay=0.2".parse().unwrap();
        let plan = Plan::new(
            &recorded("wsd", 5000, 2000),
            Some(&declared),
            None,
            2000,
            Some(5000),
        );
        assert_eq!(plan.source, ScheduleSource::Declared);
        assert!((plan.curve.rate(4500.0) - 5e-4).abs() < 1e-5);
        assert!(plan.curve.rate(5000.0) < 1e-5);
    }

    #[test]
    fn what_the_trainer_states_serves_unless_the_log_contradicts_it() {
        let wsd: Schedule = "wsd:decay=0.2,total=5000".parse().unwrap();
        let plan = Plan::new(&recorded("wsd", 5000, 2000), None, Some(&wsd), 2000, None);
        assert_eq!(
            (plan.source, plan.total_steps),
            (ScheduleSource::Declared, Some(5000))
        );
        assert!((plan.curve.rate(4500.0) - 5e-4).abs() < 1e-5);
        let linear: Schedule = "linear:total=5000".parse().unwrap();
        let plan = Plan::new(&recorded("wsd", 5000, 2000), None, Some(&linear), 2000, None);
        assert_eq!(plan.source, ScheduleSource::AssumedConstant);
    }

    #[test]
    fn a_rate_that_is_low_has_decayed_and_one_that_holds_has_not() {
        let plan = |last: u64| {
            let mut rates = recorded("wsd", 5000, 3000);
            for step in 3001..=last {
                rates.push(step, 1e-3 * (1.0 - 0.3 * (step - 3000) as f64 / 300.0).max(0.1));
            }
            Plan::new(&rates, None, None, last, None)
        };
        assert!(!plan(3000).has_decayed());
        assert!(plan(6000).has_decayed());
    }

    #[test]
    fn a_declared_schedule_that_the_logged_rates_contradict_is_noticed() {
        let declared: Schedule = "cosine:total=5000,min=0.1".parse().unwrap();
        let noticed = |spec: &str| Plan::contradicted(&declared, &recorded(spec, 5000, 3000), None);
        assert_eq!(noticed("cosine:min=0.1"), None);
        assert_eq!(noticed("cosine:min=0.12"), None);
        let mut each_epoch = RecordedRates::default();
        for step in 0..3000_u64 {
            let share = declared.share((step - step % 200) as f64, 0.0, 5000.0);
            each_epoch.push(step, 1e-3 * share);
        }
        assert_eq!(Plan::contradicted(&declared, &each_epoch, None), None);
        let found = noticed("wsd").unwrap();
        assert_eq!((found.step, found.logged), (3000, 1e-3));
        assert!((found.declared - 4.2e-4).abs() < 1e-5, "{found:?}");
        // While the rate is warmed up nothing can be said.
        assert_eq!(
            Plan::contradicted(&declared, &recorded("wsd", 5000, 80), None),
            None
        );
    }

    #[test]
    fn a_finished_log_is_its_own_schedule() {
        let plan = Plan::new(&recorded("cosine", 3000, 2999), None, None, 2999, Some(3000));
        assert_eq!(plan.source, ScheduleSource::Logged);
        assert!(plan.future.is_empty());
    }

    #[test]
    fn a_declared_schedule_serves_a_log_without_rates() {
        let declared: Schedule = "linear:total=1000,warmup=100".parse().unwrap();
        let plan = Plan::new(&RecordedRates::default(), Some(&declared), None, 400, None);
        assert_eq!(plan.total_steps, Some(1000));
        assert!((plan.curve.rate(550.0) - 0.5).abs() < 0.01);
    }
}
