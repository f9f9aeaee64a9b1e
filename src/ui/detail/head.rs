//! Where the run is and where it will end, and the alerts that are open.

use std::cmp::Reverse;

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::curve::{curve_shown, finite, signal};
use crate::alert::{Alert, Severity};
use crate::snapshot::{RunView, Snapshot, State};
use crate::text::{clip, printable, width};
use crate::ui::app::App;
use crate::ui::{chart, format};

/// The open alerts that the user has not seen yet, the gravest first, the newest first of these.
pub(super) fn unseen_alerts<'a>(app: &App, run: &'a RunView) -> Vec<&'a Alert> {
    let mut alerts: Vec<&Alert> = run
        .open_alerts()
        .filter(|alert| !app.is_acknowledged(run, alert))
        .collect();
    alerts.sort_by_key(|alert| Reverse((alert.severity, alert.raised_at_step)));
    alerts
}

/// What stands before the message of an alert.
pub(super) const fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "!! ",
        Severity::Warning => "!  ",
        Severity::Info => "·  ",
    }
}

/// Where the run is and where it will end.
pub(super) fn head_lines(
    app: &App,
    snapshot: &Snapshot,
    run: &RunView,
    columns: usize,
) -> Vec<Line<'static>> {
    let theme = app.theme;
    let loss = app.loss(run);
    let total = run
        .total_steps
        .map_or_else(String::new, |total| format!("/{}", format::count(total)));
    let done = run.progress().map_or_else(String::new, |progress| {
        format!(" ({:.0}%)", (progress * 100.0).floor())
    });
    let eta = run.eta_seconds.map_or_else(String::new, |eta| {
        format!("  eta {}", format::brief_duration(eta))
    });
    let position = format!("  step {}{total}{done}{eta}", format::count(run.step));
    let room = columns.saturating_sub(position.len() + 14).max(12);
    let name = crate::ui::names::Names::of(snapshot).title(&run.id, room);
    let first = Line::from(vec![
        Span::styled(name, theme.title()),
        Span::raw("  "),
        Span::styled(run.state.name(), theme.state(run.state)),
        Span::raw(position),
    ]);
    let Some(loss) = loss else {
        return vec![first];
    };
    let mut second = vec![
        Span::styled(format!("{} ", loss.quantity), theme.dimmed()),
        Span::styled(
            format::loss(loss.smoothed),
            Style::new().add_modifier(Modifier::BOLD),
        ),
        Span::styled(format!("  last {}", format::loss(loss.last)), theme.dimmed()),
    ];
    match &loss.forecast {
        Some(forecast) if run.state == State::Finished => {
            second.push(Span::styled("  final ", theme.dimmed()));
            second.push(Span::styled(
                format::loss(forecast.final_loss),
                Style::new().add_modifier(Modifier::BOLD),
            ));
        }
        Some(forecast) => {
            let half = chart::half_width(app, forecast);
            second.push(Span::styled("  projected ", theme.dimmed()));
            second.push(Span::styled(
                format!(
                    "{} {}",
                    format::loss(forecast.final_loss),
                    format::half_width(half)
                ),
                Style::new().fg(theme.forecast).add_modifier(Modifier::BOLD),
            ));
            let level = app.level_in_words();
            let interval = format!(
                " {level} [{}, {}]",
                format::loss(forecast.final_loss - half),
                format::loss(forecast.final_loss + half)
            );
            let prior = if forecast.prior_based {
                " (prior-based)"
            } else {
                ""
            };
            // The interval repeats what stands after ±: it goes first when there is no room.
            let used: usize = second.iter().map(|span| width(&span.content)).sum();
            let rest = if used + width(&interval) + width(prior) <= columns {
                format!("{interval}{prior}")
            } else {
                format!(" ({level}){prior}")
            };
            second.push(Span::styled(rest, theme.dimmed()));
        }
        None => {
            let used: usize = second.iter().map(|span| width(&span.content)).sum();
            if run.state == State::Diverged {
                let text = format!("  {}", printable(&run.state_reason));
                let text = clip(&text, columns.saturating_sub(used));
                second.push(Span::styled(text, theme.state(run.state)));
                return vec![first, Line::from(second)];
            }
            let full = format!("  no forecast: {}", printable(&loss.forecast_reason));
            // The whole reason stands below the chart where it does not fit here.
            let text = if used + width(&full) <= columns {
                full
            } else {
                format!("  no forecast: {}", printable(loss.brief_reason()))
            };
            second.push(Span::styled(text, theme.dimmed()));
        }
    }
    vec![first, Line::from(second)]
}

/// What the cursor points at.
pub(super) fn cursor_line(app: &App, run: &RunView) -> Option<String> {
    let loss = app.loss(run)?;
    let last = chart::last_step(run, Some(loss));
    let step = chart::cursor_at(app, 0.0, last)?;
    if let Some((quantity, points)) = curve_shown(app, run).and_then(|shown| signal(run, shown)) {
        let (at, value) = chart::nearest(&finite(points), step)?;
        let at = format::count(at as u64);
        return Some(format!("cursor {at}: {quantity} {}", format::short(value)));
    }
    if step > run.step as f64 {
        let forecast = loss.forecast.as_ref()?;
        let (at, value, sd) = chart::projected_at(loss, step)?;
        return Some(format!(
            "cursor {}: projected {} {} ({})",
            format::count(at),
            format::loss(value),
            format::half_width(chart::reach(app, forecast) * sd),
            app.level_in_words()
        ));
    }
    let smoothed = chart::smoothed(app, loss);
    let (at, value) = chart::nearest(&smoothed, step)?;
    let points: Vec<(f64, f64)> = loss
        .curve
        .points
        .iter()
        .map(|point| (point.step, point.mean))
        .collect();
    let raw = chart::nearest(&points, at).map_or(f64::NAN, |(_, raw)| raw);
    let rates = &run.signals.learning_rate;
    let rate = rates
        .get(rates.partition_point(|(from, _)| *from <= at).saturating_sub(1))
        .map(|(_, rate)| *rate);
    let rate = rate.map_or_else(String::new, |rate| format!("  lr {rate:.2e}"));
    Some(format!(
        "cursor {}: loss {} raw {}{rate}",
        format::count(at as u64),
        format::loss(value),
        format::loss(raw)
    ))
}
