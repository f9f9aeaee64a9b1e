//! Everything that was noticed or is foreseen, in all runs: what, where, since when, what to do.

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::app::App;
use super::noticed::{self, Noticed, noticed};
use super::{banner, format};
use crate::alert::{Alert, Projection, Severity, in_words};
use crate::detect::{
    activations, frozen_metric, gradient_surge, logits, loss_scale, non_finite, skipped_steps, update_ratio,
    vanishing_gradient,
};
use crate::metric::Quantity;
use crate::names::Names;
use crate::snapshot::{RunView, Snapshot, State};
use crate::text::{clip, printable, shorten_path, width, wrap};

/// Alerts about other signals than the loss: kind, signal, and whether the signal grows
/// towards a threshold.
const SIGNALS: [(&str, Quantity, bool); 10] = [
    (logits::ATTENTION, Quantity::AttentionLogit, true),
    (logits::OUTPUT, Quantity::LogPartition, true),
    (activations::KIND, Quantity::ActivationNorm, true),
    (update_ratio::KIND, Quantity::UpdateRatio, false),
    (loss_scale::KIND, Quantity::LossScale, false),
    (skipped_steps::KIND, Quantity::LossScale, false),
    (gradient_surge::KIND, Quantity::GradNorm, false),
    (vanishing_gradient::KIND, Quantity::GradNorm, false),
    (frozen_metric::KIND, Quantity::GradNorm, false),
    (non_finite::GRADIENT_KIND, Quantity::GradNorm, false),
];

/// Kind of the alert about a signal that grows towards a threshold.
fn kind_about(quantity: Quantity) -> Option<&'static str> {
    let mut growing = SIGNALS.iter().filter(|(_, _, grows)| *grows);
    growing
        .find(|(_, about, _)| *about == quantity)
        .map(|(kind, ..)| *kind)
}

/// The signal that an alert is about; `None` when it is about the loss, or about none.
pub fn signal_of(kind: &str) -> Option<Quantity> {
    let mut all = SIGNALS.iter();
    all.find(|(known, ..)| *known == kind)
        .map(|(_, quantity, _)| *quantity)
}

/// The value of a signal above which runs are lost, where one is known: of all runs, or from
/// the newest alert about it in this one.
pub fn threshold(run: &RunView, quantity: Quantity) -> Option<f64> {
    if quantity == Quantity::AttentionLogit {
        return Some(logits::DIVERGED);
    }
    let kind = kind_about(quantity)?;
    let alert = run.alerts.iter().rev().find(|alert| alert.kind == kind)?;
    Some(alert.threshold).filter(|threshold| threshold.is_finite())
}

/// The projected crossing of a signal, from the open alert about it.
pub fn projection(run: &RunView, quantity: Quantity) -> Option<Projection> {
    let kind = kind_about(quantity)?;
    run.open_alerts()
        .filter(|alert| alert.kind == kind && alert.crossed_at_step.is_none())
        .find_map(|alert| alert.projected)
        .filter(|projected| projected.latest.is_none_or(|latest| latest >= run.step))
}

/// A crossing in words, to follow a name.
pub fn projection_text(projected: &Projection) -> String {
    let latest = projected.latest.map_or_else(|| "never".to_owned(), format::count);
    format!(
        ", passes {} near step {} ({} to {latest})",
        format::count(projected.threshold as u64),
        format::count(projected.step),
        format::count(projected.earliest),
    )
}

/// Which early signals the log of a run offers, and what to log to be warned sooner.
pub fn early_signals(run: &RunView) -> Vec<String> {
    let has = |quantity| run.signals.others.iter().any(|(logged, _)| *logged == quantity);
    let points = run.losses.iter().map(|loss| loss.points).max().unwrap_or(0);
    let every = run.step as f64 / points.max(1) as f64;
    let mut lines = Vec::new();
    lines.push(match (has(Quantity::GradNorm), every < 1.5) {
        (true, true) => "gradient norm of every step: a few steps of warning".to_owned(),
        (true, false) => {
            format!("gradient norm every {every:.0} steps: seldom ahead of a spike; log it every step")
        }
        (false, _) => "no gradient norm: log it, every step".to_owned(),
    });
    lines.push(if has(Quantity::AttentionLogit) {
        "largest attention logit: 100 and more steps of warning".to_owned()
    } else {
        "log the largest attention logit: it warns 100 and more steps ahead".to_owned()
    });
    if has(Quantity::LogPartition) {
        lines.push("log Z: warns of diverging output logits".to_owned());
    }
    if has(Quantity::LossScale) {
        lines.push("loss scale: 10 to 30 steps of warning".to_owned());
    }
    lines
}

/// The message without the step that stands beside it.
fn without_step(alert: &Alert) -> String {
    let step = alert.raised_at_step;
    let message = alert.message.as_str();
    let said = [format!(" at step {step}"), format!("At step {step}")];
    let cut = said.iter().find_map(|said| {
        let (before, after) = message.split_once(said.as_str())?;
        let whole_number = !after.starts_with(|next: char| next.is_ascii_digit());
        let sentence_goes_on = !before.is_empty() || after.starts_with([':', ' ']);
        (whole_number && sentence_goes_on).then(|| {
            format!("{before}{after}")
                .trim_start_matches([':', ' '])
                .to_owned()
        })
    });
    printable(&cut.unwrap_or_else(|| message.to_owned()))
}

/// Alerts of one kind that are all over, in one sentence.
fn folded(alerts: &[&Alert]) -> String {
    let first = alerts.last().map_or(0, |alert| alert.raised_at_step);
    let kind = in_words(alerts.first().map_or("", |alert| alert.kind));
    format!(
        "{kind}: {} times since step {}, all over",
        alerts.len(),
        format::count(first)
    )
}

/// Height of the view from which the curve of the selected alert is shown, and its least height.
const WITH_CHART: u16 = 34;
const CHART: u16 = 12;

/// True when a view of this height shows the curve of the selected alert.
pub const fn has_chart(height: u16) -> bool {
    height >= WITH_CHART
}

/// Draws the list and the selected alert in full.
pub fn draw(app: &App, snapshot: &Snapshot, frame: &mut Frame, area: Rect) {
    let noticed = noticed(app, snapshot);
    if noticed.is_empty() {
        let nothing = || {
            let filter = printable(app.filter.text());
            let runs = if app.filter.is_empty() {
                String::new()
            } else {
                format!(" in the runs that pass the filter `{filter}`")
            };
            format!(
                "Nothing has been noticed{runs}. Spikes, divergence, gradient surges, growing logits and stalls \
                 would appear here."
            )
        };
        let text = super::all_hidden(app, snapshot).unwrap_or_else(nothing);
        return super::draw_sentence(app, &text, frame, area);
    }
    let names = Names::of(snapshot);
    let selected = app.line.min(noticed.len() - 1);
    let columns = usize::from(area.width);
    let longest = names.longest(noticed.iter().map(|noticed| noticed.run().id.as_str()));
    let list = List {
        app,
        snapshot,
        names: &names,
        name_width: longest
            .min(banner::name_width(columns))
            .max(width(&super::with_position("RUN", selected, noticed.len(), 0))),
        columns,
    };
    let most = usize::from(area.height.saturating_sub(BELOW + 1));
    let (lines, place) = list.lines(&noticed, selected, most);
    // Where there is room, the run of the selected line is shown with its curve.
    let chart_height = if has_chart(area.height) {
        area.height
            .saturating_sub(lines.len().min(usize::from(area.height)) as u16 + 1 + BELOW)
            .clamp(CHART, 2 * CHART)
    } else {
        0
    };
    let [above, chart, below] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(chart_height),
        Constraint::Length(BELOW),
    ])
    .areas(area);
    let rows = usize::from(above.height).saturating_sub(1);
    let title = super::with_position("RUN", selected, noticed.len(), rows);
    let name_width = list.name_width;
    let title = format!("LEVEL {title:<name_width$} {:>7} {:>6}  WHAT", "STEP", "AGO");
    let title = Line::styled(title, app.theme.dimmed().add_modifier(Modifier::BOLD));
    // All of the selected one is in sight.
    let first = place.end.saturating_sub(rows).min(place.start);
    let shown = lines.into_iter().skip(first).take(rows);
    let lines: Vec<Line> = std::iter::once(title).chain(shown).collect();
    frame.render_widget(Paragraph::new(lines), above);
    if let Some(noticed) = noticed.get(selected) {
        if chart_height > 0 {
            let signal = match noticed {
                Noticed::Alerts(_, alerts) => alerts.first().and_then(|alert| signal_of(alert.kind)),
                _ => None,
            };
            super::detail::draw_curve(app, noticed.run(), signal, frame, chart);
        }
        let lines = in_full(app, noticed, usize::from(below.width));
        frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), below);
    }
}

/// Lines for the selected piece of news in full.
const BELOW: u16 = 7;

/// How the list is written.
struct List<'a> {
    app: &'a App,
    snapshot: &'a Snapshot,
    names: &'a Names,
    name_width: usize,
    columns: usize,
}

impl List<'_> {
    /// The lines of the list, and which of them are those of the selected piece of news: it is told in full, and so
    /// are all where `rows` suffice for that.
    fn lines(&self, noticed: &[Noticed], selected: usize, rows: usize) -> (Vec<Line<'static>>, Range<usize>) {
        /// No more lines are taken by one that is selected.
        const MOST: usize = 4;
        let in_full = (noticed.len() <= rows).then(|| {
            let all = noticed.iter().map(|noticed| self.entry(noticed, usize::MAX));
            all.collect::<Vec<_>>()
        });
        let in_full = in_full.filter(|all| all.iter().map(Vec::len).sum::<usize>() <= rows);
        let entries = in_full.unwrap_or_else(|| {
            let entry = |(index, noticed)| self.entry(noticed, if index == selected { MOST } else { 1 });
            noticed.iter().enumerate().map(entry).collect()
        });
        let (mut lines, mut place) = (Vec::new(), 0..0);
        for (index, entry) in entries.into_iter().enumerate() {
            let start = lines.len();
            if index == selected {
                place = start..start + entry.len();
                lines.extend(entry.into_iter().map(|line| self.app.theme.select(line)));
            } else {
                lines.extend(entry);
            }
        }
        (lines, place)
    }

    /// One piece of news in at most so many lines: its mark, its run, when, and what.
    fn entry(&self, noticed: &Noticed, most: usize) -> Vec<Line<'static>> {
        let run = noticed.run();
        let (mark, style, ago) = match noticed {
            Noticed::Alerts(_, alerts) => {
                let alert = alerts.first();
                let severity = alert.map_or(Severity::Info, |alert| alert.severity);
                let over = alert.is_some_and(|alert| alert.cleared_at_step.is_some());
                let muted = alert.is_some_and(|alert| self.app.is_muted(run, alert));
                let seen = alert.is_some_and(|alert| self.app.is_acknowledged(run, alert));
                let mark = match (over, seen) {
                    _ if muted => "muted",
                    (true, _) => "over",
                    (false, true) => "seen",
                    (false, false) => severity.mark(),
                };
                let style = if over || seen || run.state == State::Finished {
                    self.app.theme.dimmed()
                } else {
                    self.app.theme.severity(severity)
                };
                let at = alert.and_then(|alert| run.time_of(alert.raised_at_step));
                let ago = at.map(|at| format::brief_duration((self.snapshot.taken_at - at).max(0.0)));
                (mark, style, ago)
            }
            Noticed::Advice(..) => (
                self.app.symbols.advice(),
                Style::new().fg(self.app.theme.forecast),
                None,
            ),
            Noticed::Passes(..) => (
                self.app.symbols.crossing(),
                Style::new().fg(self.app.theme.forecast),
                None,
            ),
        };
        let name = self.names.short(&run.id, self.name_width);
        let pad = " ".repeat(self.name_width.saturating_sub(width(&name)));
        let step = noticed.step().map_or_else(String::new, format::count);
        let ago = ago.unwrap_or_default();
        let head = format!("{mark:<5} {name}{pad} {step:>7} {ago:>6}  ");
        let indent = width(&head);
        let room = self.columns.saturating_sub(indent);
        let what = match noticed {
            Noticed::Alerts(_, alerts) => match alerts.as_slice() {
                [alert] => without_step(alert),
                alerts => folded(alerts),
            },
            Noticed::Advice(_, prospect, advice) => {
                printable(&noticed::advice_text(run, prospect, advice, self.names))
            }
            Noticed::Passes(_, passed) => {
                noticed::passes_text(passed, self.names, room.saturating_mul(most.min(2)))
            }
        };
        let mut parts = wrap(&what, room.max(8));
        if parts.len() > most {
            let rest = parts.split_off(most - 1).join(" ");
            parts.push(clip(&rest, room));
        }
        let mut head = Some(head);
        parts
            .into_iter()
            .map(|part| {
                let head = head.take().unwrap_or_else(|| " ".repeat(indent));
                Line::from(vec![Span::styled(head, style), Span::styled(part, style)])
            })
            .collect()
    }
}

/// One piece of news with all that is known about it.
fn in_full(app: &App, noticed: &Noticed, columns: usize) -> Vec<Line<'static>> {
    let dimmed = app.theme.dimmed();
    let foreseen = Style::new().fg(app.theme.forecast).add_modifier(Modifier::BOLD);
    let mut lines = vec![
        Line::raw(""),
        Line::styled(printable(&noticed.run().id), app.theme.title()),
    ];
    match noticed {
        Noticed::Alerts(_, alerts) => lines.extend(
            alerts
                .first()
                .map(|alert| alert_in_full(app, alert))
                .into_iter()
                .flatten(),
        ),
        Noticed::Advice(_, _, advice) => {
            let text = format!("{}: {}", advice.kind.name(), advice.message);
            lines.push(Line::styled(printable(&text), foreseen));
        }
        Noticed::Passes(_, passed) => {
            let room = usize::from(BELOW) - lines.len();
            let shown = if passed.len() > room { room - 1 } else { room };
            lines.extend(passed.iter().take(shown).map(|crossover| {
                let step = crossover
                    .at_step
                    .map_or_else(String::new, |step| format!(" near step {}", format::count(step)));
                let tail = format!(
                    "{step}, ends {:.3} lower, P {:.2}",
                    crossover.gap, crossover.probability
                );
                let room = columns.saturating_sub(width(&tail) + "passes ".len());
                let name = shorten_path(&printable(&crossover.ahead_now), room);
                Line::from(vec![
                    Span::styled(format!("passes {name}"), foreseen),
                    Span::raw(tail),
                ])
            }));
            if passed.len() > shown {
                let more = format!("and {} more", passed.len() - shown);
                lines.push(Line::styled(more, dimmed));
            }
        }
    }
    lines
}

/// An alert in full: its steps, its message, what to do, and what was foreseen.
fn alert_in_full(app: &App, alert: &Alert) -> Vec<Line<'static>> {
    let cleared = alert.cleared_at_step.map_or_else(
        || "still open".to_owned(),
        |step| format!("over at step {}", format::count(step)),
    );
    let foreseen = alert.projected.map_or_else(String::new, |projected| {
        let crossed = alert.crossed_at_step.map_or_else(
            || projection_text(&projected),
            |step| {
                format!(
                    " that it passes {}: it has at step {}",
                    format::count(projected.threshold as u64),
                    format::count(step)
                )
            },
        );
        let made_at = format::count(projected.made_at_step);
        format!("Foreseen at step {made_at}{crossed}")
    });
    let raised = format::count(alert.raised_at_step);
    let signs = if alert.first_sign_step == alert.raised_at_step {
        format!("raised at step {raised}")
    } else {
        let first = format::count(alert.first_sign_step);
        format!("first sign at step {first}, raised at {raised}")
    };
    vec![
        Line::styled(
            format!("{}: {signs}, {cleared}", in_words(alert.kind)),
            app.theme.dimmed(),
        ),
        Line::styled(
            without_step(alert),
            app.theme.severity(alert.severity).add_modifier(Modifier::BOLD),
        ),
        Line::raw(alert.remedy),
        Line::styled(foreseen, app.theme.dimmed()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_stands_once_and_only_where_it_is_the_same() {
        let said = |message: &str| {
            without_step(&Alert::at(308, "kind", Severity::Info).says(message.to_owned(), ""))
        };
        assert_eq!(
            said("Loss spike at step 308: recovered within 5 steps"),
            "Loss spike: recovered within 5 steps"
        );
        assert_eq!(said("At step 308: it failed"), "it failed");
        assert_eq!(said("Loss spike at step 3086"), "Loss spike at step 3086");
    }

    #[test]
    fn what_came_again_and_again_is_one_line() {
        let alerts = [3086, 2000, 1204].map(|step| Alert::at(step, "loss_spike", Severity::Warning));
        let alerts: Vec<&Alert> = alerts.iter().collect();
        assert_eq!(folded(&alerts), "loss spike: 3 times since step 1,204, all over");
    }
}
