//! Where the run is and where it will end, and the alerts that are open.

use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::advice::ordinal;
use super::curve::{curve_shown, finite, signal};
use crate::alert::Alert;
use crate::names::Names;
use crate::precision;
use crate::snapshot::{End, RunView, Snapshot, State};
use crate::text::{clip, printable, width};
use crate::ui::app::App;
use crate::ui::{chart, format, noticed, projection};

/// The open alerts that the user has not seen yet, the gravest first.
pub(super) fn unseen_alerts<'a>(app: &App, run: &'a RunView) -> Vec<&'a Alert> {
    let mut alerts: Vec<&Alert> = run
        .open_alerts()
        .filter(|alert| !app.is_acknowledged(run, alert))
        .collect();
    alerts.sort_by_key(|alert| alert.gravity());
    alerts
}

/// An alert as a line: its mark and its message.
pub(super) fn alert_line(alert: &Alert) -> String {
    format!("{:<2} {}", alert.severity.mark(), printable(&alert.message))
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
    let silent = if run.silent {
        let age = format::coarse_duration(snapshot.taken_at - run.last_data_at);
        format!(", silent {age}")
    } else {
        String::new()
    };
    let room = columns.saturating_sub(silent.len() + position.len() + 14).max(12);
    let name = Names::of(snapshot).title(&run.id, room);
    let first = Line::from(vec![
        Span::styled(name, theme.title()),
        Span::raw("  "),
        Span::styled(run.state.name(), theme.state(run.state)),
        Span::raw(silent + &position),
    ]);
    let Some(loss) = loss else {
        return vec![first];
    };
    let mut second = vec![
        Span::styled(format!("{} smoothed ", loss.quantity), theme.dimmed()),
        Span::styled(
            format::loss(loss.smoothed),
            Style::new().add_modifier(Modifier::BOLD),
        ),
        Span::styled(format!(", last {}", format::loss(loss.last)), theme.dimmed()),
    ];
    let half = projection::half_width(app, loss);
    let foreseen = Style::new().fg(theme.forecast).add_modifier(Modifier::BOLD);
    match run.end(loss) {
        End::Reached(end) => {
            second.push(Span::styled("  final ", theme.dimmed()));
            second.push(Span::styled(
                precision::value(end, half),
                Style::new().add_modifier(Modifier::BOLD),
            ));
        }
        End::ByPlan(low, high) => {
            second.push(Span::styled("  projected ", theme.dimmed()));
            second.push(Span::styled(precision::range(low, high), foreseen));
            second.push(Span::styled(", by plan", theme.dimmed()));
        }
        End::Projected(forecast) => {
            second.push(Span::styled("  projected ", theme.dimmed()));
            second.push(Span::styled(
                precision::with_interval(forecast.final_loss, half),
                foreseen,
            ));
            let level = app.level_in_words();
            let interval = format!(
                " {level} [{}, {}]",
                precision::value(forecast.final_loss - half, half),
                precision::value(forecast.final_loss + half, half)
            );
            let prior = if forecast.prior_based {
                " (prior-based)"
            } else {
                ""
            };
            // The interval repeats what stands after ±: it goes first when there is no room.
            let brief = if forecast.prior_based { " ~" } else { "" };
            let rests = [
                format!("{interval}{prior}"),
                format!(" ({level}){prior}"),
                format!(" ({level}){brief}"),
                brief.to_owned(),
            ];
            let room = columns.saturating_sub(columns_of(&second));
            let rest = rests.into_iter().find(|rest| width(rest) <= room);
            let rest = rest.unwrap_or_else(|| brief.to_owned());
            second.push(Span::styled(rest, theme.dimmed()));
        }
        End::Unknown => {
            let used = columns_of(&second);
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
    // The end of the line is what it is read for: what stands before gives way to it.
    if columns_of(&second) > columns {
        second.remove(2);
    }
    if columns_of(&second) > columns
        && let Some(name) = second.first_mut()
    {
        name.content = "smoothed ".into();
    }
    vec![first, Line::from(second)]
}

fn columns_of(spans: &[Span]) -> usize {
    spans.iter().map(|span| width(&span.content)).sum()
}

/// The run among its rivals: its place, how likely it is to end lowest, whom it passes and who passes it.
pub(super) fn standing(app: &App, snapshot: &Snapshot, run: &RunView, columns: usize) -> Option<String> {
    const GAP: &str = "; ";
    let names = Names::of(snapshot);
    let mut parts: Vec<String> = Vec::new();
    let contest = snapshot.contest_for(&run.id, app.loss(run)?.quantity);
    parts.extend(contest.map(|contest| {
        let place = ordinal(contest.lower + 1);
        format!("{place} of {}, P LOW {:.2}", contest.runs, contest.chance)
    }));
    let used = |parts: &[String]| parts.iter().map(|part| width(part) + GAP.len()).sum::<usize>();
    let likely = || {
        snapshot
            .crossovers
            .iter()
            .filter(|crossover| crossover.is_likely())
    };
    let passed: Vec<_> = likely()
        .filter(|crossover| crossover.ahead_at_end == run.id)
        .collect();
    if !passed.is_empty() {
        let room = columns.saturating_sub(used(&parts));
        parts.push(noticed::passes_text(&passed, &names, room));
    }
    let mut passing = likely().filter(|crossover| crossover.ahead_now == run.id);
    if let Some(other) = passing.next() {
        let step = other
            .at_step
            .map_or_else(String::new, |step| format!(" near step {}", format::count(step)));
        let name = names.short(&other.ahead_at_end, RIVAL);
        let more = match passing.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        parts.push(format!("passed by {name}{step}{more}"));
    }
    // Who is near, where there is room for it.
    if let Some((contest, loss)) = contest.zip(app.loss(run)) {
        let half = projection::half_width(app, loss);
        let (apart, how) = match contest.behind {
            behind if behind > 0.0 => (behind, "behind"),
            behind => (-behind, "ahead of"),
        };
        let rival = names.short(&contest.best_rival, RIVAL);
        let near = format!("{} {how} {rival}", precision::value(apart, half));
        if used(&parts) + width(&near) <= columns {
            parts.insert(1, near);
        }
    }
    (!parts.is_empty()).then(|| clip(&parts.join(GAP), columns))
}

/// Columns for the name of a rival.
const RIVAL: usize = 24;

/// What the cursor points at.
pub(super) fn cursor_line(app: &App, run: &RunView) -> Option<String> {
    let loss = app.loss(run)?;
    let step = chart::cursor_at(app, chart::Extent::of(run, Some(loss)))?;
    if let Some((quantity, points)) = curve_shown(app, run).and_then(|shown| signal(run, shown)) {
        let (at, value) = chart::nearest(&finite(points), step)?;
        let at = format::count(at as u64);
        return Some(format!("cursor step {at}: {quantity} {}", format::short(value)));
    }
    if step > run.step as f64 {
        let forecast = loss.forecast.as_ref()?;
        let (at, value, sd) = chart::projected_at(loss, step)?;
        return Some(format!(
            "cursor step {}: projected {} ({})",
            format::count(at),
            precision::with_interval(value, chart::reach(app, forecast) * sd),
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
        "cursor step {}: loss {} raw {}{rate}",
        format::count(at as u64),
        format::loss(value),
        format::loss(raw)
    ))
}
