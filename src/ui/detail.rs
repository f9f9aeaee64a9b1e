//! One run: its curve, its forecast, its learning rate, its law and its troubles.

use std::cmp::Reverse;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Widget, Wrap};

use super::app::App;
use super::plot::{Label, Layer, Plot};
use super::{chart, format};
use crate::alert::{Alert, Severity};
use crate::forecast::scenario::Scenario;
use crate::metric::Quantity;
use crate::snapshot::{CurvePoint, DecayNow, LossView, RunView, ScheduleSource, Snapshot, State};
use crate::text::{clip, printable, width, wrap};

/// Draws the detail view of the selected run.
pub fn draw(app: &App, snapshot: &Snapshot, frame: &mut Frame, area: Rect) {
    let Some(run) = app.selected_run(snapshot) else {
        return super::overview::draw(app, snapshot, frame, area);
    };
    let side = if area.width >= 130 { 46 } else { 0 };
    let facts = if side == 0 {
        // On a low screen the chart comes first.
        let rows = usize::from((area.height / 4).min((area.height / 5).max(4)));
        foot_lines(app, snapshot, run, usize::from(area.width), rows)
    } else {
        Vec::new()
    };
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Fill(1),
        Constraint::Length(facts.len() as u16),
    ])
    .areas(area);
    frame.render_widget(
        Paragraph::new(head_lines(app, snapshot, run, usize::from(head.width))),
        head,
    );
    let [main, panel] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(side)]).areas(body);
    draw_charts(app, run, frame, main);
    if side > 0 {
        let panel = Rect {
            x: panel.x + 2,
            width: panel.width.saturating_sub(2),
            ..panel
        };
        draw_panel(app, panel_lines(app, snapshot, run), frame, panel);
    } else {
        frame.render_widget(Paragraph::new(facts), foot);
    }
}

/// Draws the facts, and shows where there are more of them than rows.
fn draw_panel(app: &App, lines: Vec<Line<'static>>, frame: &mut Frame, area: Rect) {
    let below = Rect {
        height: area.height.saturating_mul(2),
        ..area
    };
    let mut all = Buffer::empty(below);
    Paragraph::new(lines)
        .wrap(Wrap { trim: false })
        .render(below, &mut all);
    let cells = usize::from(area.width) * usize::from(area.height);
    let hidden = all.content.split_off(cells.min(all.content.len()));
    all.area = area;
    frame.buffer_mut().merge(&all);
    if hidden.iter().any(|cell| cell.symbol() != " ")
        && let Some(last) = area.rows().next_back()
    {
        let more = Paragraph::new("…").style(app.theme.dimmed());
        frame.render_widget(Clear, last);
        frame.render_widget(more, last);
    }
}

/// The open alerts that the user has not seen yet, the gravest first, the newest first of these.
fn unseen_alerts<'a>(app: &App, run: &'a RunView) -> Vec<&'a Alert> {
    let mut alerts: Vec<&Alert> = run
        .open_alerts()
        .filter(|alert| !app.is_acknowledged(run, alert))
        .collect();
    alerts.sort_by_key(|alert| Reverse((alert.severity, alert.raised_at_step)));
    alerts
}

/// What stands before the message of an alert.
const fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "!! ",
        Severity::Warning => "!  ",
        Severity::Info => "·  ",
    }
}

/// Where the run is and where it will end.
fn head_lines(app: &App, snapshot: &Snapshot, run: &RunView, columns: usize) -> Vec<Line<'static>> {
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
    let name = super::names::Names::of(snapshot).title(&run.id, room);
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

/// Everything that a run has a curve of, in the order in which the key goes through it: its losses,
/// the signals that an open alert is about, the other signals.
pub fn curves(run: &RunView) -> Vec<Quantity> {
    let (mut alarming, calm): (Vec<_>, Vec<_>) = run
        .signals
        .others
        .iter()
        .map(|(quantity, _)| *quantity)
        .partition(|quantity| {
            let mut alerts = run.open_alerts();
            alerts.any(|alert| super::alerts::signal_of(alert.kind) == Some(*quantity))
        });
    alarming.extend(calm);
    let losses = run.losses.iter().map(|loss| loss.quantity);
    losses.chain(alarming).collect()
}

/// The curve in the main chart: the one that the user wants, where this run has it.
pub fn curve_shown(app: &App, run: &RunView) -> Option<Quantity> {
    let wanted = app.metric.filter(|wanted| curves(run).contains(wanted));
    wanted.or_else(|| app.loss(run).map(|loss| loss.quantity))
}

/// A signal and its points.
type Signal<'a> = (Quantity, &'a [CurvePoint]);

/// The signal of this quantity, where the run logs it.
fn signal(run: &RunView, wanted: Quantity) -> Option<Signal<'_>> {
    let mut others = run.signals.others.iter();
    let found = others.find(|(quantity, _)| *quantity == wanted);
    found.map(|(quantity, points)| (*quantity, points.as_slice()))
}

/// The points of a signal that can be drawn: step and value.
fn finite(points: &[CurvePoint]) -> Vec<(f64, f64)> {
    points
        .iter()
        .filter(|point| point.mean.is_finite())
        .map(|point| (point.step, point.mean))
        .collect()
}

/// The chosen curve above, the learning rate below, and the other signals where there is room.
fn draw_charts(app: &App, run: &RunView, frame: &mut Frame, area: Rect) {
    let all = curves(run);
    let main = curve_shown(app, run);
    let signals: Vec<Signal> = all
        .iter()
        .filter(|quantity| Some(**quantity) != main)
        .filter_map(|quantity| signal(run, *quantity))
        .collect();
    let has_rates = !run.signals.learning_rate.is_empty() || !run.signals.planned_learning_rate.is_empty();
    let rate_height = if has_rates && area.height >= 14 {
        (area.height / 5).clamp(5, 9)
    } else {
        0
    };
    let signal_height = if area.height >= 34 { 6u16 } else { 0 };
    let shown = if signal_height > 0 {
        signals.len().min(3) as u16
    } else {
        0
    };
    let mut constraints = vec![Constraint::Fill(1)];
    constraints.extend((0..shown).map(|_| Constraint::Length(signal_height)));
    constraints.push(Constraint::Length(rate_height));
    let areas = Layout::vertical(constraints).split(area);
    if let Some(area) = areas.first() {
        let place = all.iter().position(|quantity| Some(*quantity) == main);
        let place = place.filter(|_| all.len() > 1);
        let place = place.map_or_else(String::new, |at| format!(" ({}/{})", at + 1, all.len()));
        let x_labels = rate_height == 0;
        match main.and_then(|quantity| signal(run, quantity)) {
            Some(signal) => draw_signal(app, run, signal, &place, x_labels, frame, *area),
            None => draw_loss(app, run, &place, x_labels, frame, *area),
        }
    }
    for (area, signal) in areas.iter().skip(1).zip(signals).take(usize::from(shown)) {
        draw_signal(app, run, signal, "", false, frame, *area);
    }
    if rate_height > 0
        && let Some(area) = areas.last()
    {
        draw_rate(app, run, frame, *area);
    }
}

/// The loss chart alone, as the overview shows it.
pub fn draw_chart(app: &App, run: &RunView, frame: &mut Frame, area: Rect) {
    draw_loss(app, run, "", true, frame, area);
}

/// The chart of one signal of a run, or of its loss.
pub fn draw_curve(app: &App, run: &RunView, wanted: Option<Quantity>, frame: &mut Frame, area: Rect) {
    match wanted.and_then(|quantity| signal(run, quantity)) {
        Some(signal) => draw_signal(app, run, signal, "", true, frame, area),
        None => draw_loss(app, run, "", true, frame, area),
    }
}

fn range(app: &App, run: &RunView) -> (f64, f64, &'static str) {
    let scale = chart::x_scale(app, run);
    let last = chart::last_step(run, app.loss(run)) * scale.per_step;
    (scale.per_step, last, scale.unit)
}

/// The chart of the loss; `place`, where it stands among the curves of the run, follows its name.
fn draw_loss(app: &App, run: &RunView, place: &str, x_labels: bool, frame: &mut Frame, area: Rect) {
    let theme = app.theme;
    let Some(loss) = app.loss(run) else {
        return;
    };
    let (scale, last, unit) = range(app, run);
    let smoothed = chart::smoothed(app, loss);
    let mut layers: Vec<Layer> = Vec::new();
    if app.raw {
        layers.push(chart::raw(&loss.curve.superseded, scale, theme.dim));
        layers.push(chart::raw(&loss.curve.points, scale, theme.raw));
    }
    layers.extend(chart::forecast(app, loss, scale, theme.forecast, theme, true));
    layers.push(chart::line(&smoothed, scale, theme.accent, false));
    if app.forecast {
        layers.push(chart::line(&loss.curve.fitted, scale, theme.fitted, true));
    }
    let mut labels = Vec::new();
    if let Some((forecast, end)) = loss
        .forecast
        .as_ref()
        .zip(loss.curve.projection.last())
        .filter(|_| app.forecast)
    {
        let half = chart::half_width(app, forecast);
        let text = format!(
            "{} {}",
            format::loss(forecast.final_loss),
            format::half_width(half)
        );
        labels.push(Label {
            at: (end.step * scale, forecast.final_loss),
            text,
            color: theme.forecast,
        });
    }
    let log = if app.log_y { " (log)" } else { "" };
    let title = format!("{}{log}{place}", loss.quantity);
    Plot {
        x: chart::x_window(app, 0.0, last),
        y: robust_range(app, loss, scale, last),
        log_y: app.log_y,
        full_range: app.full_range,
        layers: &layers,
        now: (!loss.curve.projection.is_empty()).then_some(run.step as f64 * scale),
        cursor: chart::cursor_at(app, 0.0, last),
        marks: &chart::marks(run, scale, theme),
        labels: &labels,
        title: &title,
        x_labels,
        x_unit: unit,
    }
    .render(area, frame.buffer_mut(), theme, app.symbols);
}

/// The first steps of a run are so high that the rest would be flat: unless all was
/// asked for, the range is that of the smoothed curve after them, and of the forecast.
fn robust_range(app: &App, loss: &LossView, scale: f64, last: f64) -> Option<super::plot::axis::Axis> {
    if app.full_range {
        return None;
    }
    let window = chart::x_window(app, 0.0, last);
    let smoothed = chart::smoothed(app, loss);
    let skip = if app.window.0 <= 0.0 { 0.04 * last } else { 0.0 };
    let visible = |step: f64| step * scale >= window.min.max(skip) && step * scale <= window.max;
    let mut values: Vec<f64> = smoothed
        .iter()
        .filter(|(step, _)| visible(*step))
        .map(|(_, value)| *value)
        .collect();
    if values.len() < 8 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let top = values.get(values.len() - 1 - values.len() / 100).copied()?;
    let mut bottom = values.first().copied()?;
    if let Some(end) = loss.forecast.as_ref().filter(|_| app.forecast) {
        let reach = chart::reach(app, end);
        for point in loss.curve.projection.iter().filter(|point| visible(point.step)) {
            bottom = bottom.min(point.mean - reach * point.sd);
        }
    }
    let noise = raw_spread(loss, &visible);
    let margin = 0.06 * (top - bottom) + 1.5 * noise;
    Some(super::plot::axis::Axis::new(
        bottom - margin,
        top + margin,
        app.log_y,
    ))
}

/// Typical half width of the raw points around their mean.
fn raw_spread(loss: &LossView, visible: &dyn Fn(f64) -> bool) -> f64 {
    let mut spreads: Vec<f64> = loss
        .curve
        .points
        .iter()
        .filter(|point| visible(point.step) && point.max.is_finite() && point.min.is_finite())
        .map(|point| (point.max - point.min) / 2.0)
        .collect();
    if spreads.is_empty() {
        return 0.0;
    }
    let middle = spreads.len() / 2;
    *spreads.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Share of the threshold above which it is drawn: below, the signal itself would be flat.
const WORTH_A_THRESHOLD: f64 = 0.003;

fn draw_signal(
    app: &App,
    run: &RunView,
    (quantity, points): Signal,
    place: &str,
    x_labels: bool,
    frame: &mut Frame,
    area: Rect,
) {
    let theme = app.theme;
    let (scale, last, unit) = range(app, run);
    let means = finite(points);
    let layers = [
        chart::raw(points, scale, theme.raw),
        chart::line(&means, scale, theme.fitted, false),
    ];
    let mut title = quantity.to_string();
    if let Some((_, value)) = means.last() {
        title.push_str(&format!(" {}", format::short(*value)));
    }
    if points.last().is_some_and(|point| !point.mean.is_finite()) {
        title.push_str(", last NaN");
    }
    title.push_str(place);
    // Growth towards a threshold is exponential: it is shown on a log axis, with the
    // threshold and the way there.
    let threshold = super::alerts::threshold(run, quantity).filter(|threshold| {
        points
            .last()
            .is_some_and(|point| point.mean > WORTH_A_THRESHOLD * threshold)
    });
    let mut ahead = Vec::new();
    if let Some(threshold) = threshold {
        let first = means.first().map_or(0.0, |(step, _)| *step);
        ahead.push(vec![
            (first, threshold),
            (last / scale.max(f64::MIN_POSITIVE), threshold),
        ]);
    }
    if let Some(projected) = super::alerts::projection(run, quantity)
        && let Some(from) = means.last()
    {
        title.push_str(&super::alerts::projection_text(&projected));
        if projected.step as f64 > from.0 && threshold.is_some() {
            ahead.push(vec![*from, (projected.step as f64, projected.threshold)]);
        }
    }
    let mut layers = Vec::from(layers);
    layers.extend(
        ahead
            .iter()
            .map(|way| chart::line(way, scale, theme.forecast, true)),
    );
    Plot {
        x: chart::x_window(app, 0.0, last),
        y: None,
        log_y: app.log_y || threshold.is_some(),
        full_range: app.full_range || threshold.is_some(),
        layers: &layers,
        now: None,
        cursor: chart::cursor_at(app, 0.0, last),
        marks: &chart::marks(run, scale, theme),
        labels: &[],
        title: &title,
        x_labels,
        x_unit: unit,
    }
    .render(area, frame.buffer_mut(), theme, app.symbols);
}

fn draw_rate(app: &App, run: &RunView, frame: &mut Frame, area: Rect) {
    let theme = app.theme;
    let (scale, last, unit) = range(app, run);
    let scaled = |points: &[(f64, f64)]| {
        points
            .iter()
            .map(|(step, rate)| (step * scale, *rate))
            .collect::<Vec<_>>()
    };
    let layers = [
        Layer::Steps {
            points: scaled(&run.signals.learning_rate),
            color: theme.good,
        },
        chart::line(&run.signals.planned_learning_rate, scale, theme.forecast, true),
    ];
    let peak = run.peak_learning_rate.unwrap_or(0.0);
    let title = format!("learning rate: {} ({})", run.schedule, run.schedule_source.name());
    Plot {
        x: chart::x_window(app, 0.0, last),
        y: (peak > 0.0).then(|| super::plot::axis::Axis::new(0.0, peak * 1.15, false)),
        log_y: false,
        full_range: true,
        layers: &layers,
        now: None,
        cursor: chart::cursor_at(app, 0.0, last),
        marks: &[],
        labels: &[],
        title: &title,
        x_labels: true,
        x_unit: unit,
    }
    .render(area, frame.buffer_mut(), theme, app.symbols);
}

/// What the cursor points at.
fn cursor_line(app: &App, run: &RunView) -> Option<String> {
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

/// What the fitted law says, in as far as it means something.
fn law_facts(run: &RunView, loss: &LossView) -> Vec<(&'static str, String)> {
    let Some(law) = loss.law else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    if loss.determines(&law) {
        facts.push(("L0", format!("{:.3}", law.l0)));
        facts.push(("A", format!("{:.3}", law.a)));
        facts.push(("α", format!("{:.3}", law.alpha)));
        if run.knows_rates() {
            facts.push(("C", format!("{:.3}", law.c)));
            facts.push(("λ", format!("{:.4}", law.lambda)));
            facts.push(("anneal", format!("-{:.3}", law.full_anneal_drop)));
        }
    } else {
        facts.push(("L0", "not determined by this run yet".to_owned()));
    }
    facts.push(("residual", format!("{:.4}", law.residual_sd)));
    facts
}

/// The facts under the chart on a narrow screen, as many as there are rows.
fn foot_lines(
    app: &App,
    snapshot: &Snapshot,
    run: &RunView,
    columns: usize,
    rows: usize,
) -> Vec<Line<'static>> {
    let theme = app.theme;
    let cut = |text: String| clip(&printable(&text), columns);
    let mut lines = Vec::new();
    if let Some(cursor) = cursor_line(app, run) {
        lines.push(Line::styled(cut(cursor), Style::new().fg(theme.accent)));
    }
    let alerts = unseen_alerts(app, run);
    let shown = alerts.len().min(rows.div_ceil(2));
    for (index, alert) in alerts.iter().take(shown).enumerate() {
        let more = match alerts.len() - shown {
            hidden if hidden > 0 && index + 1 == shown => format!("  +{hidden} more: a"),
            _ => String::new(),
        };
        let message = format!("{}{}", mark(alert.severity), printable(&alert.message));
        let message = clip(&message, columns.saturating_sub(width(&more)));
        lines.push(Line::from(vec![
            Span::styled(message, theme.severity(alert.severity)),
            Span::styled(more, theme.dimmed()),
        ]));
    }
    if let Some(advice) = snapshot.advice(&run.id) {
        let text = format!("> {}: {}", advice.kind.name(), advice.message);
        let lines_of_it = wrap(&printable(&text), columns).into_iter();
        let style = Style::new().fg(theme.forecast);
        lines.extend(lines_of_it.map(|line| Line::styled(line, style)));
    }
    if let Some(loss) = app.loss(run) {
        // Where the plan is not known scenarios are the answer: before the law, after alerts.
        lines.extend(
            loss.scenarios
                .iter()
                .map(|scenario| Line::raw(cut(scenario_text(scenario)))),
        );
        let decay = loss.decay_now.iter();
        let decay = decay.flat_map(|decay| wrap(&decay_text(run, decay), columns));
        lines.extend(decay.map(Line::raw));
        let law = law_facts(run, loss);
        if !law.is_empty() {
            let law: String = law
                .iter()
                .map(|(name, value)| format!(" {name} {value}"))
                .collect();
            lines.push(Line::styled(cut(format!("law{law}")), theme.dimmed()));
        }
        match &loss.forecast {
            Some(forecast) => {
                let basis = wrap(&printable(&forecast.basis), columns).into_iter();
                lines.extend(basis.map(|line| Line::styled(line, theme.dimmed())));
            }
            None if loss.brief_reason() != loss.forecast_reason => {
                let reason = wrap(&printable(&loss.forecast_reason), columns).into_iter();
                lines.extend(reason.map(|line| Line::styled(line, theme.dimmed())));
            }
            None => {}
        }
    }
    let cut_short = lines.len() > rows;
    lines.truncate(rows);
    if let Some(last) = lines.last_mut().filter(|_| cut_short) {
        let text = clip(&format!("{last} …"), columns);
        *last = Line::styled(text, last.style);
    }
    lines
}

/// The facts beside the chart on a wide screen.
fn panel_lines(app: &App, snapshot: &Snapshot, run: &RunView) -> Vec<Line<'static>> {
    let theme = app.theme;
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut section = |title: &str, body: Vec<Line<'static>>| {
        if !body.is_empty() {
            lines.push(Line::styled(title.to_owned(), theme.title()));
            lines.extend(body);
            lines.push(Line::raw(""));
        }
    };
    let fact = |name: &str, value: String| {
        Line::from(vec![
            Span::styled(format!("{name:<13} "), theme.dimmed()),
            Span::raw(printable(&value)),
        ])
    };
    if let Some(cursor) = cursor_line(app, run) {
        section("Cursor", vec![Line::raw(cursor)]);
    }
    if let Some(loss) = app.loss(run) {
        section("Forecast", forecast_facts(app, run, loss, &fact));
        section("Advice", advice_facts(app, snapshot, run, loss, &fact));
        let law = law_facts(run, loss).into_iter();
        section("Law", law.map(|(name, value)| fact(name, value)).collect());
    }
    let mut alerts = Vec::new();
    for alert in unseen_alerts(app, run) {
        alerts.push(Line::styled(
            format!("{}{}", mark(alert.severity), printable(&alert.message)),
            theme.severity(alert.severity),
        ));
        alerts.push(Line::styled(alert.remedy.to_owned(), theme.dimmed()));
    }
    section("Alerts", alerts);
    section(
        "Run",
        vec![
            fact("format", run.format.to_owned()),
            fact("state", run.state_reason.clone()),
            fact(
                "total steps",
                run.total_steps.map_or_else(
                    || "unknown".to_owned(),
                    |total| format!("{} ({})", format::count(total), run.total_steps_source),
                ),
            ),
            fact(
                "schedule",
                match run.schedule_source {
                    ScheduleSource::AssumedConstant => run.schedule.clone(),
                    source => format!("{} ({})", run.schedule, source.name()),
                },
            ),
            fact("segments", run.segments.to_string()),
            fact("skipped", format!("{} lines", run.skipped_lines)),
        ],
    );
    let early = super::alerts::early_signals(run).into_iter();
    section("Early signals", early.map(Line::raw).collect());
    lines
}

fn forecast_facts(
    app: &App,
    run: &RunView,
    loss: &LossView,
    fact: &dyn Fn(&str, String) -> Line<'static>,
) -> Vec<Line<'static>> {
    let scenarios = loss
        .scenarios
        .iter()
        .map(|scenario| Line::raw(scenario_text(scenario)));
    let Some(forecast) = &loss.forecast else {
        return std::iter::once(Line::raw(printable(&loss.forecast_reason)))
            .chain(scenarios)
            .collect();
    };
    if run.state == State::Finished {
        return vec![
            fact("final", format::loss(forecast.final_loss)),
            fact("at step", format::count(forecast.at_step)),
        ];
    }
    let half = chart::half_width(app, forecast);
    let mut lines = vec![
        fact(
            "final",
            format!(
                "{} {} ({})",
                format::loss(forecast.final_loss),
                format::half_width(half),
                app.level_in_words()
            ),
        ),
        fact("at step", format::count(forecast.at_step)),
        fact("still to fall", format::loss(loss.smoothed - forecast.final_loss)),
    ];
    if let Some(eta) = run.eta_seconds {
        lines.push(fact("in", crate::text::duration(eta)));
    }
    lines.push(fact("rests on", forecast.basis.clone()));
    lines.extend(scenarios);
    lines
}

/// What to do with the run, and what that rests on.
fn advice_facts(
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
fn decay_text(run: &RunView, decay: &DecayNow) -> String {
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
fn scenario_text(scenario: &Scenario) -> String {
    format!(
        "{} [{}, {}] at {} if {}",
        format::loss(scenario.final_loss),
        format::loss(scenario.low),
        format::loss(scenario.high),
        format::count(scenario.at_step),
        scenario.name
    )
}
