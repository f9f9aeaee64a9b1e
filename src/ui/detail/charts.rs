//! The charts of a run: its loss, its learning rate and its signals.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};

use super::curve::{Signal, curve_shown, curves, finite, signal};
use crate::metric::Quantity;
use crate::precision;
use crate::snapshot::{End, LossView, RunView};
use crate::statistics::median;
use crate::ui::app::App;
use crate::ui::chart::Extent;
use crate::ui::plot::axis::Axis;
use crate::ui::plot::{Label, Layer, Plot};
use crate::ui::{chart, format};

/// The chosen curve above, the learning rate below, and the other signals where there is room.
pub(super) fn draw_charts(app: &App, run: &RunView, frame: &mut Frame, area: Rect) {
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
    let signal_height = if area.height >= 32 { 6u16 } else { 0 };
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

/// What a step is on the axis, what the axis shows, and its unit.
fn range(app: &App, run: &RunView) -> (f64, Extent, &'static str) {
    let scale = chart::x_scale(app, run);
    let span = Extent::of(run, app.loss(run)).scaled(scale.per_step);
    (scale.per_step, span, scale.unit)
}

/// The chart of the loss; `place`, where it stands among the curves of the run, follows its name.
fn draw_loss(app: &App, run: &RunView, place: &str, x_labels: bool, frame: &mut Frame, area: Rect) {
    let theme = app.theme;
    let Some(loss) = app.loss(run) else {
        return;
    };
    let (scale, span, unit) = range(app, run);
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
        let known = precision::with_interval(forecast.final_loss, chart::half_width(app, forecast));
        let text = match run.end(loss) {
            End::ByPlan(..) => format!("{known} if constant"),
            _ => known,
        };
        labels.push(Label {
            at: (end.step * scale, forecast.final_loss),
            text,
            color: theme.forecast,
        });
    }
    let how = chart::how_shown(app, app.log_y);
    let title = format!("{}{place}{how}", loss.quantity);
    Plot {
        x: chart::x_window(app, span),
        y: robust_range(app, loss, scale, span),
        log_y: app.log_y,
        full_range: app.full_range,
        layers: &layers,
        now: (!loss.curve.projection.is_empty()).then_some(run.step as f64 * scale),
        cursor: chart::cursor_at(app, span),
        marks: &chart::marks(run, scale, theme),
        labels: &labels,
        title: &title,
        nothing: chart::nothing(app, "no finite loss"),
        x_labels,
        x_unit: unit,
    }
    .render(area, frame.buffer_mut(), theme, app.symbols);
}

/// The first steps of a run are so high that the rest would be flat: unless all was
/// asked for, the range is that of the smoothed curve after them, and of the forecast.
fn robust_range(app: &App, loss: &LossView, scale: f64, span: Extent) -> Option<Axis> {
    if app.full_range {
        return None;
    }
    let window = chart::x_window(app, span);
    let smoothed = chart::smoothed(app, loss);
    let skip = if app.window.0 <= 0.0 {
        span.without_start(0.04)
    } else {
        0.0
    };
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
    Some(Axis::new(bottom - margin, top + margin, app.log_y))
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
    median(&mut spreads)
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
    let (scale, span, unit) = range(app, run);
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
    let threshold = crate::ui::alerts::threshold(run, quantity).filter(|threshold| {
        points
            .last()
            .is_some_and(|point| point.mean > WORTH_A_THRESHOLD * threshold)
    });
    let mut ahead = Vec::new();
    if let Some(threshold) = threshold {
        let first = means.first().map_or(0.0, |(step, _)| *step);
        ahead.push(vec![
            (first, threshold),
            (span.to / scale.max(f64::MIN_POSITIVE), threshold),
        ]);
    }
    if let Some(projected) = crate::ui::alerts::projection(run, quantity)
        && let Some(from) = means.last()
    {
        title.push_str(&crate::ui::alerts::projection_text(&projected));
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
    let log_y = app.log_y || threshold.is_some();
    title.push_str(&chart::how_shown(app, log_y));
    Plot {
        x: chart::x_window(app, span),
        y: None,
        log_y,
        full_range: app.full_range || threshold.is_some(),
        layers: &layers,
        now: None,
        cursor: chart::cursor_at(app, span),
        marks: &chart::marks(run, scale, theme),
        labels: &[],
        title: &title,
        nothing: chart::nothing(app, "no finite value"),
        x_labels,
        x_unit: unit,
    }
    .render(area, frame.buffer_mut(), theme, app.symbols);
}

fn draw_rate(app: &App, run: &RunView, frame: &mut Frame, area: Rect) {
    let theme = app.theme;
    let (scale, span, unit) = range(app, run);
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
        x: chart::x_window(app, span),
        y: (peak > 0.0).then(|| Axis::new(0.0, peak * 1.15, false)),
        log_y: false,
        full_range: true,
        layers: &layers,
        now: None,
        cursor: chart::cursor_at(app, span),
        marks: &[],
        labels: &[],
        title: &title,
        nothing: "",
        x_labels: true,
        x_unit: unit,
    }
    .render(area, frame.buffer_mut(), theme, app.symbols);
}
