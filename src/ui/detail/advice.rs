//! What to do with the run.

use ratatui::style::Style;
use ratatui::text::Line;

use crate::forecast::scenario::Scenario;
use crate::snapshot::{DecayNow, LossView, RunView, Snapshot};
use crate::text::printable;
use crate::ui::app::App;
use crate::ui::format;

/// What to do with the run, and what that rests on.
pub(super) fn advice_facts(
    app: &App,
    snapshot: &Snapshot,
    run: &RunView,
    loss: &LossView,
    fact: &dyn Fn(&str, String) -> Line<'static>,
) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(advice) = snapshot.advice(&run.id) {
        let text = format!("{}: {}", advice.kind.name(), advice.message);
        lines.push(Line::styled(
            printable(&text),
            Style::new().fg(app.theme.forecast),
        ));
    }
    if let Some(contest) = snapshot.contest(&run.id) {
        lines.push(fact(
            "ends lowest",
            format!("P {:.2}, of {} runs", contest.chance, contest.runs),
        ));
        lines.push(fact("best rival", contest.best_rival.clone()));
        lines.push(fact("behind it", format::difference(contest.behind)));
    }
    lines.extend(
        loss.decay_now
            .as_ref()
            .map(|decay| Line::raw(decay_text(run, decay))),
    );
    lines
}

/// Where the run ends if its decay begins now, and what waiting gains.
pub(super) fn decay_text(run: &RunView, decay: &DecayNow) -> String {
    let pace = run.seconds_per_step;
    let time = pace.map_or_else(String::new, |pace| {
        format!(" ({})", format::brief_duration(pace * decay.saved_steps() as f64))
    });
    format!(
        "{}; waiting gains {} {} for {} steps{time}",
        scenario_text(&decay.ends),
        format::loss(decay.gain_of_waiting),
        format::half_width(decay.gain_sd),
        format::count(decay.saved_steps()),
    )
}

/// A possible plan and where it would end.
pub(super) fn scenario_text(scenario: &Scenario) -> String {
    format!(
        "{} [{}, {}] at {} if {}",
        format::loss(scenario.final_loss),
        format::loss(scenario.low),
        format::loss(scenario.high),
        format::count(scenario.at_step),
        scenario.name
    )
}
