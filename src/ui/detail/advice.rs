//! What to do with the run.

use ratatui::style::Style;
use ratatui::text::Line;

use crate::forecast::scenario::Scenario;
use crate::precision;
use crate::snapshot::{DecayNow, LossView, RunView, Snapshot};
use crate::text::printable;
use crate::ui::app::App;
use crate::ui::{format, projection};

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
    if let Some(contest) = snapshot.contest_for(&run.id, loss.quantity) {
        lines.push(fact(
            "ends lowest",
            format!(
                "P {:.2}, now {} of {} runs",
                contest.chance,
                ordinal(contest.lower + 1),
                contest.runs
            ),
        ));
        lines.push(fact("best rival", contest.best_rival.clone()));
        let half = projection::half_width(app, loss);
        lines.push(fact("behind it", precision::difference(contest.behind, half)));
    }
    lines
}

/// Where the run ends if its decay begins now, and what waiting gains.
fn decay_text(run: &RunView, decay: &DecayNow) -> String {
    let pace = run.seconds_per_step;
    let time = pace.map_or_else(String::new, |pace| {
        format!(" ({})", format::brief_duration(pace * decay.saved_steps() as f64))
    });
    format!(
        "{}; waiting gains {} for {} steps{time}",
        decay.ends.in_words(),
        precision::with_interval(decay.gain_of_waiting, decay.gain_sd),
        format::count(decay.saved_steps()),
    )
}

/// What comes of possible plans, in whole sentences: first of a decay that begins now.
pub(super) fn plan_texts(run: &RunView, loss: &LossView) -> Vec<String> {
    let now = loss.decay_now.iter().map(|decay| decay_text(run, decay));
    now.chain(loss.scenarios.iter().map(Scenario::in_words)).collect()
}

/// `1st`, `2nd`, `23rd`.
pub(super) fn ordinal(place: usize) -> String {
    let ending = match (place % 10, place % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{place}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_in_speech() {
        let places = [1, 2, 3, 4, 11, 12, 21, 102, 113].map(ordinal);
        assert_eq!(
            places,
            [
                "1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "102nd", "113th"
            ]
        );
    }
}
