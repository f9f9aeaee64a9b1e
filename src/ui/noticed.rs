//! What was noticed and what is foreseen, as lines to choose from: alerts, advice and crossovers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::app::App;
use super::format;
use crate::alert::Alert;
use crate::names::Names;
use crate::precision;
use crate::snapshot::{Advice, AdviceKind, Contest, Crossover, Prospect, RunView, Snapshot};
use crate::text;

/// One piece of news about a run.
pub enum Noticed<'a> {
    /// An alert, or several of one kind that are all over, the newest first.
    Alerts(&'a Arc<RunView>, Vec<&'a Alert>),
    /// What to do with the run.
    Advice(&'a Arc<RunView>, &'a Prospect, &'a Advice),
    /// The runs that this one will pass, the surest first.
    Passes(&'a Arc<RunView>, Vec<&'a Crossover>),
}

impl<'a> Noticed<'a> {
    /// The run that it is about.
    pub fn run(&self) -> &'a Arc<RunView> {
        match self {
            Noticed::Alerts(run, _) | Noticed::Advice(run, ..) | Noticed::Passes(run, _) => run,
        }
    }

    /// The step to look at, where there is one.
    pub fn step(&self) -> Option<u64> {
        match self {
            Noticed::Alerts(_, alerts) => alerts.first().map(|alert| alert.raised_at_step),
            Noticed::Advice(..) => None,
            Noticed::Passes(_, passed) => passed.iter().filter_map(|crossover| crossover.at_step).min(),
        }
    }
}

/// Everything about the runs that pass the filter: alerts, those that need attention first, then
/// advice, the surest first, then crossovers, those of leaders first.
pub fn noticed<'a>(app: &App, snapshot: &'a Snapshot) -> Vec<Noticed<'a>> {
    let mut lines: Vec<Noticed> = Vec::new();
    // What is over and came again and again would bury the rest.
    let mut folds: HashMap<(&str, &str), usize> = HashMap::new();
    for (run, alert) in app.alerts(snapshot) {
        let over = alert.cleared_at_step.is_some();
        let fold = folds.get(&(run.id.as_str(), alert.kind)).filter(|_| over);
        match fold.and_then(|index| lines.get_mut(*index)) {
            Some(Noticed::Alerts(_, alerts)) => alerts.push(alert),
            _ => {
                if over {
                    folds.insert((&run.id, alert.kind), lines.len());
                }
                lines.push(Noticed::Alerts(run, vec![alert]));
            }
        }
    }
    let Outlook { advice, passes, .. } = Outlook::of(app, snapshot);
    let advice = advice
        .into_iter()
        .map(|(run, prospect, advice)| Noticed::Advice(run, prospect, advice));
    let passes = passes
        .into_iter()
        .map(|(run, passed)| Noticed::Passes(run, passed));
    lines.extend(advice.chain(passes));
    lines
}

/// What the forecasts say of the runs that pass the filter.
pub struct Outlook<'a> {
    /// What to do with which run, the surest first.
    pub advice: Vec<(&'a Arc<RunView>, &'a Prospect, &'a Advice)>,
    /// Who passes whom, those of leaders first.
    pub passes: Vec<(&'a Arc<RunView>, Vec<&'a Crossover>)>,
    shown: HashMap<&'a str, &'a Arc<RunView>>,
    snapshot: &'a Snapshot,
}

impl<'a> Outlook<'a> {
    /// Looks for it.
    pub fn of(app: &App, snapshot: &'a Snapshot) -> Outlook<'a> {
        let shown: HashMap<&str, &Arc<RunView>> = app
            .shown(snapshot)
            .into_iter()
            .map(|run| (run.id.as_str(), run))
            .collect();
        let mut advice: Vec<(&Arc<RunView>, &Prospect, &Advice)> = snapshot
            .prospects
            .iter()
            .filter_map(|prospect| {
                let run = shown.get(prospect.run.as_str())?;
                Some((*run, prospect, prospect.advice.as_ref()?))
            })
            .collect();
        advice.sort_by(|(_, _, one), (_, _, other)| other.probability.total_cmp(&one.probability));
        let mut passes: Vec<(&Arc<RunView>, Vec<&Crossover>)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for crossover in &snapshot.crossovers {
            let winner = shown.get(crossover.ahead_at_end.as_str());
            let Some(winner) = winner.filter(|_| crossover.is_likely()) else {
                continue;
            };
            if !shown.contains_key(crossover.ahead_now.as_str()) {
                continue;
            }
            let place = *places.entry(&winner.id).or_insert(passes.len());
            match passes.get_mut(place) {
                Some((_, passed)) => passed.push(crossover),
                None => passes.push((winner, vec![crossover])),
            }
        }
        Outlook {
            advice,
            passes,
            shown,
            snapshot,
        }
    }

    /// The runs that lead now and will be passed: of those that pass one the likeliest to end lowest, its crossover,
    /// and how many more there are.
    pub fn leaders_passed(&self) -> Vec<(&'a Arc<RunView>, &'a Crossover, usize)> {
        let chance = |id: &str| self.snapshot.contest(id).map_or(0.0, |contest| contest.chance);
        let mut leaders: Vec<(&Arc<RunView>, &Crossover, usize)> = Vec::new();
        for (run, passed) in &self.passes {
            for crossover in passed.iter().filter(|crossover| crossover.passes_a_leader) {
                let mut known = leaders.iter_mut();
                match known.find(|(_, known, _)| known.ahead_now == crossover.ahead_now) {
                    Some((best, known, more)) => {
                        *more += 1;
                        if chance(&run.id) > chance(&best.id) {
                            (*best, *known) = (run, crossover);
                        }
                    }
                    None => leaders.push((run, crossover, 0)),
                }
            }
        }
        leaders
    }

    /// Where at least so many runs compete, the one that is likeliest to end lowest.
    pub fn winners(&self, least: usize) -> Vec<(&'a Arc<RunView>, &'a Contest)> {
        let mut winners: BTreeMap<[&str; 2], (&str, &Contest)> = BTreeMap::new();
        for prospect in &self.snapshot.prospects {
            let contest = prospect.contest.as_ref().filter(|contest| contest.runs >= least);
            let Some(contest) = contest else { continue };
            // All that compete have the lowest as their best rival, and the lowest has the next: these two stand for
            // the contest.
            let rival = contest.best_rival.as_str();
            let next = self.snapshot.contest(rival);
            let mut both = [rival, next.map_or(rival, |next| next.best_rival.as_str())];
            both.sort_unstable();
            let known = winners.entry(both).or_insert((&prospect.run, contest));
            if contest.chance > known.1.chance {
                *known = (&prospect.run, contest);
            }
        }
        let winners = winners.into_values();
        winners
            .filter_map(|(run, contest)| Some((*self.shown.get(run)?, contest)))
            .collect()
    }
}

/// Columns for the name of another run in a sentence.
const RIVAL: usize = 30;

/// Advice in brief: the numbers first, since it is the end that a narrow screen cuts.
pub fn advice_text(run: &RunView, prospect: &Prospect, advice: &Advice, names: &Names) -> String {
    let saves = format!("saves {}", text::steps(advice.saved_steps, advice.saved_seconds));
    let decay = run.primary().and_then(|loss| loss.decay_now.as_ref());
    let why = match (advice.kind, &prospect.contest, decay) {
        (AdviceKind::StopOutclassed, Some(contest), _) => format!(
            "P {} to match {}, {:.3} behind; {saves}",
            text::probability(contest.chance_as_good),
            names.short(&contest.best_rival, RIVAL),
            contest.behind
        ),
        (AdviceKind::DecayNow, _, Some(decay)) => format!(
            "waiting gains {}, nothing with P {}; {saves}",
            precision::with_interval(decay.gain_of_waiting, decay.gain_sd),
            text::probability(advice.probability)
        ),
        _ => format!(
            "the rest gains nothing with P {}; {saves}",
            text::probability(advice.probability)
        ),
    };
    format!("{}: {why}", advice.kind.name())
}

/// What a run passes, and when: one run by its name, many by their number.
pub fn passes_text(passed: &[&Crossover], names: &Names, columns: usize) -> String {
    let steps = || passed.iter().filter_map(|crossover| crossover.at_step);
    let step = match (steps().min(), steps().max()) {
        (Some(first), Some(last)) if first < last => {
            format!(" near {}-{}", format::count(first), format::count(last))
        }
        (Some(step), _) => format!(" near step {}", format::count(step)),
        _ => String::new(),
    };
    if let [only] = passed {
        let probability = format!(", P {:.2}", only.probability);
        let room = |tail: &str| columns.saturating_sub(text::width(tail) + "passes ".len());
        // The step and the probability are the news: the rest gives way to them.
        let mut tail = format!("{step}, ends {:.3} lower{probability}", only.gap);
        if room(&tail) < RIVAL {
            tail = step + &probability;
        }
        // In coarse widths: for each one all names are fitted.
        let room = room(&tail).clamp(12, 48) / 4 * 4;
        let name = names.short(&only.ahead_now, room);
        return format!("passes {name}{tail}");
    }
    let least = passed
        .iter()
        .map(|crossover| crossover.probability)
        .fold(1.0, f64::min);
    format!("passes {} runs{step}, P {least:.2} and more", passed.len())
}
