//! Everything that was noticed, in all runs: what, where, since when, what to do.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::app::App;
use super::format;
use super::overview::Names;
use crate::alert::{Alert, Projection};
use crate::detect::{
    activations, frozen_metric, gradient_surge, logits, loss_scale, non_finite, skipped_steps, update_ratio,
    vanishing_gradient,
};
use crate::metric::Quantity;
use crate::snapshot::{RunView, Snapshot};
use crate::text::{clip, printable, width};

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
        .filter(|alert| alert.kind == kind)
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

/// The message without the step, where it begins with the one that stands beside it.
fn without_step(alert: &Alert) -> String {
    let step = alert.raised_at_step;
    let rest = alert.message.strip_prefix(&format!("At step {step}"));
    let rest = rest.filter(|rest| rest.starts_with([':', ' ']));
    printable(rest.map_or(alert.message.as_str(), |rest| rest.trim_start_matches([':', ' '])))
}

/// Height of the view from which the curve of the selected alert is shown, and its least height.
const WITH_CHART: u16 = 34;
const CHART: u16 = 12;

/// Draws the list and the selected alert in full.
pub fn draw(app: &App, snapshot: &Snapshot, frame: &mut Frame, area: Rect) {
    let alerts = app.alerts(snapshot);
    if alerts.is_empty() {
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
    // Where there is room, the selected alert is shown on its curve.
    let chart_height = if area.height >= WITH_CHART {
        area.height
            .saturating_sub(alerts.len() as u16 + 8)
            .clamp(CHART, 2 * CHART)
    } else {
        0
    };
    let [list, chart, below] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(chart_height),
        Constraint::Length(7),
    ])
    .areas(area);
    let rows = usize::from(list.height).saturating_sub(1);
    let selected = app.line.min(alerts.len() - 1);
    let first = (selected + 1).saturating_sub(rows);
    let columns = usize::from(list.width);
    let name_width = super::overview::notice_name_width(columns);
    let title = format!(
        "{:<9}{:<name_width$} {:>9} {:>6}  WHAT",
        "LEVEL",
        super::with_position("RUN", selected, alerts.len(), rows),
        "STEP",
        "AGO"
    );
    let age = |at: Option<f64>| {
        at.map_or_else(String::new, |at| {
            format::brief_duration((snapshot.taken_at - at).max(0.0))
        })
    };
    let title = Line::styled(title, app.theme.dimmed().add_modifier(Modifier::BOLD));
    let lines = alerts
        .iter()
        .enumerate()
        .skip(first)
        .take(rows)
        .map(|(index, (run, alert))| {
            let closed = alert.cleared_at_step.is_some();
            let acknowledged = app.is_acknowledged(run, alert);
            let style = if closed || acknowledged {
                app.theme.dimmed()
            } else {
                app.theme.severity(alert.severity)
            };
            let mark = match (closed, acknowledged) {
                _ if app.is_muted(run, alert) => "muted   ",
                (true, _) => "over    ",
                (false, true) => "seen    ",
                (false, false) => alert.severity.name(),
            };
            let name = names.short(&run.id, name_width);
            let head = format!(
                "{mark:<9}{}{} {:>9} {:>6}  ",
                name,
                " ".repeat(name_width.saturating_sub(width(&name))),
                format::count(alert.raised_at_step),
                age(run.time_of(alert.raised_at_step))
            );
            let room = columns.saturating_sub(width(&head));
            let line = Line::from(vec![
                Span::styled(head, style),
                Span::styled(clip(&without_step(alert), room), style),
            ]);
            if index == selected {
                line.style(app.theme.selected)
            } else {
                line
            }
        });
    let lines: Vec<Line> = std::iter::once(title).chain(lines).collect();
    frame.render_widget(Paragraph::new(lines), list);
    if let Some((run, alert)) = alerts.get(selected) {
        if chart_height > 0 {
            super::detail::draw_curve(app, run, signal_of(alert.kind), frame, chart);
        }
        let cleared = alert.cleared_at_step.map_or_else(
            || "still open".to_owned(),
            |step| format!("over at step {}", format::count(step)),
        );
        let lines = vec![
            Line::raw(""),
            Line::styled(printable(&run.id), app.theme.title()),
            Line::styled(
                format!(
                    "{}: first sign at step {}, raised at {}, {cleared}",
                    alert.kind,
                    format::count(alert.first_sign_step),
                    format::count(alert.raised_at_step)
                ),
                app.theme.dimmed(),
            ),
            Line::styled(
                printable(&alert.message),
                app.theme.severity(alert.severity).add_modifier(Modifier::BOLD),
            ),
            Line::raw(alert.remedy),
            Line::styled(
                alert.projected.map_or_else(String::new, |projected| {
                    format!(
                        "Foreseen at step {}{}",
                        format::count(projected.made_at_step),
                        projection_text(&projected)
                    )
                }),
                app.theme.dimmed(),
            ),
        ];
        frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), below);
    }
}
