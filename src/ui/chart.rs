//! From runs to plots: what the detail view and the comparison have in common.

use ratatui::style::{Color, Style};

use super::app::{App, XAxis};
use super::plot::axis::Axis;
use super::plot::smooth::{smooth, width};
use super::plot::{Layer, Mark};
use super::theme::Theme;
use crate::forecast::{Forecast, ProjectionPoint};
use crate::snapshot::{CurvePoint, LossView, RunView};

/// The last step that a chart of this run must show.
fn last_step(run: &RunView, loss: Option<&LossView>) -> f64 {
    let planned = run.total_steps.map_or(0.0, |total| total as f64);
    let projected = loss
        .and_then(|loss| loss.curve.projection.last())
        .map_or(0.0, |point| point.step);
    (run.step as f64)
        .max(projected)
        .max(if projected > 0.0 { planned } else { 0.0 })
}

/// The part of an axis that a chart shows while nothing is zoomed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// Its beginning.
    pub from: f64,
    /// Its end.
    pub to: f64,
}

impl Extent {
    /// The steps that a chart of this run shows: all of them, unless its records begin so late that
    /// most of the chart would be empty.
    pub fn of(run: &RunView, loss: Option<&LossView>) -> Extent {
        let to = last_step(run, loss);
        let first = loss.and_then(|loss| loss.curve.points.first());
        let first = first.map_or(0.0, |point| point.step);
        let from = if first > 0.5 * to && first < to {
            first
        } else {
            0.0
        };
        Extent { from, to }
    }

    /// The same in the unit of an axis.
    pub fn scaled(self, per_step: f64) -> Extent {
        Extent {
            from: self.from * per_step,
            to: self.to * per_step,
        }
    }

    /// Where a step lies: 0 at the beginning and 1 at the end.
    pub fn share(self, step: f64) -> f64 {
        let length = (self.to - self.from).max(f64::MIN_POSITIVE);
        ((step - self.from) / length).clamp(0.0, 1.0)
    }

    /// Where what matters begins: the first steps of a run are so high that the rest would be flat, in
    /// so large a share of it.
    pub fn without_start(self, share: f64) -> f64 {
        if self.from > 0.0 {
            self.from
        } else {
            share * self.to
        }
    }
}

/// How a run's steps stand on the horizontal axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// What one step is on the axis.
    pub per_step: f64,
    /// The unit of the axis.
    pub unit: &'static str,
}

/// How the steps of a run stand on an axis of its own.
pub fn x_scale(app: &App, run: &RunView) -> Scale {
    let scale = x_scales(app, &[run]).into_iter().next();
    scale.unwrap_or(STEPS)
}

const STEPS: Scale = Scale {
    per_step: 1.0,
    unit: "step",
};

/// How the steps of some runs stand on one axis, in the order of the runs. The axis shows steps
/// where one of them cannot say more.
pub fn x_scales(app: &App, runs: &[&RunView]) -> Vec<Scale> {
    let per_step = |run: &&RunView| match app.x_axis {
        XAxis::Tokens => run.tokens_per_step,
        XAxis::Time => run.seconds_per_step,
        XAxis::Step => Some(STEPS.per_step),
    };
    let Some(per_step) = runs.iter().map(per_step).collect::<Option<Vec<f64>>>() else {
        return vec![STEPS; runs.len()];
    };
    let (divisor, unit) = match app.x_axis {
        XAxis::Tokens => (1.0, "tokens"),
        XAxis::Step => (1.0, STEPS.unit),
        XAxis::Time => {
            let ends = runs.iter().zip(&per_step);
            let ends = ends.map(|(run, seconds)| last_step(run, app.loss(run)) * seconds);
            time_unit(ends.fold(0.0, f64::max))
        }
    };
    let scale = |per_step: f64| Scale {
        per_step: per_step / divisor,
        unit,
    };
    per_step.into_iter().map(scale).collect()
}

/// The unit in which this many seconds are a number with few digits: its seconds and its name.
fn time_unit(seconds: f64) -> (f64, &'static str) {
    const UNITS: [(f64, &str); 3] = [(86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")];
    let mut fitting = UNITS.into_iter();
    let found = fitting.find(|(unit, _)| seconds >= 3.0 * unit);
    found.unwrap_or((1.0, "seconds"))
}

/// The part of the horizontal axis that is visible.
pub fn x_window(app: &App, span: Extent) -> Axis {
    let Extent { from, to } = span;
    let all = Axis::new(if app.log_x { from.max(to * 1e-3) } else { from }, to, app.log_x);
    Axis::new(all.value(app.window.0), all.value(app.window.1), app.log_x)
}

/// The value cursor on the axis.
pub fn cursor_at(app: &App, span: Extent) -> Option<f64> {
    app.cursor.map(|share| span.from + share * (span.to - span.from))
}

/// How a chart is shown, to follow its title, where that is not the usual way.
pub fn how_shown(app: &App, log_y: bool) -> String {
    let log = if log_y { " (log)" } else { "" };
    let zoomed = if app.is_zoomed() { ", zoomed (0 fits)" } else { "" };
    format!("{log}{zoomed}")
}

/// What a chart says that has nothing to show; `missing` where that is all there is.
pub fn nothing(app: &App, missing: &'static str) -> &'static str {
    if app.is_zoomed() {
        "nothing here; 0 fits the chart"
    } else {
        missing
    }
}

/// The smoothed curve of a loss, in steps.
pub fn smoothed(app: &App, loss: &LossView) -> Vec<(f64, f64)> {
    let points = &loss.curve.points;
    smooth(points, width(points, app.smoothing_share()))
}

/// The projection nearest to a step: its step, value and standard deviation.
pub fn projected_at(loss: &LossView, step: f64) -> Option<(u64, f64, f64)> {
    let forecast = loss.forecast.as_ref()?;
    let distance = |point: &&ProjectionPoint| (point.step - step).abs();
    let projection = loss.curve.projection.iter();
    let point = projection.min_by(|one, other| distance(one).total_cmp(&distance(other)))?;
    let at = point.step as u64;
    // The end is the forecast itself: it knows more than the curve that leads there.
    Some(if at >= forecast.at_step {
        (at, forecast.final_loss, forecast.sd)
    } else {
        (at, point.mean, point.sd)
    })
}

/// The raw points as columns from their smallest to their largest value.
pub fn raw(points: &[CurvePoint], scale: f64, color: Color) -> Layer {
    let columns = points
        .iter()
        .filter(|point| point.min.is_finite() && point.max.is_finite())
        .map(|point| (point.step * scale, point.min, point.max))
        .collect();
    Layer::Range {
        points: columns,
        color,
    }
}

/// A line in the scale of the axis.
pub fn line(points: &[(f64, f64)], scale: f64, color: Color, dotted: bool) -> Layer {
    let points = points
        .iter()
        .map(|(step, value)| (step * scale, *value))
        .collect();
    Layer::Line {
        points,
        color,
        dotted,
    }
}

/// The forecast: the band of the chosen interval, and the mean.
pub fn forecast(
    app: &App,
    loss: &LossView,
    scale: f64,
    color: Color,
    theme: &Theme,
    bands: bool,
) -> Vec<Layer> {
    let projection = &loss.curve.projection;
    let Some(end) = loss
        .forecast
        .as_ref()
        .filter(|_| app.forecast && !projection.is_empty())
    else {
        return Vec::new();
    };
    let mut layers = Vec::new();
    if bands {
        let reach = reach(app, end);
        let points = projection
            .iter()
            .map(|point| {
                let half = reach * point.sd;
                (point.step * scale, point.mean - half, point.mean + half)
            })
            .collect();
        layers.push(Layer::Band {
            points,
            color: theme.band,
        });
    }
    let mean: Vec<(f64, f64)> = projection.iter().map(|point| (point.step, point.mean)).collect();
    layers.push(line(&mean, scale, color, !bands));
    layers
}

/// The alerts of a run as marks.
pub fn marks(run: &RunView, scale: f64, theme: &Theme) -> Vec<Mark> {
    run.alerts
        .iter()
        .map(|alert| Mark {
            x: alert.raised_at_step as f64 * scale,
            symbol: if alert.cleared_at_step.is_some() {
                '·'
            } else {
                '!'
            },
            style: theme.severity(alert.severity),
        })
        .collect()
}

/// Value of a curve nearest to a step.
pub fn nearest(points: &[(f64, f64)], step: f64) -> Option<(f64, f64)> {
    let after = points.partition_point(|(at, _)| *at < step);
    let candidates = [after.checked_sub(1), Some(after)];
    candidates
        .into_iter()
        .flatten()
        .filter_map(|index| points.get(index).copied())
        .min_by(|one, other| (one.0 - step).abs().total_cmp(&(other.0 - step).abs()))
}

/// The half width of the chosen interval of a forecast.
pub fn half_width(app: &App, forecast: &Forecast) -> f64 {
    reach(app, forecast) * forecast.sd
}

/// The same in standard deviations, which holds all along the way to the end.
pub fn reach(app: &App, forecast: &Forecast) -> f64 {
    forecast.reach.get(app.level).copied().unwrap_or(1.0)
}

/// A style with this foreground.
pub fn colored(color: Color) -> Style {
    Style::new().fg(color)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_time_follows_the_length() {
        let units = [40.0, 400.0, 40_000.0, 400_000.0].map(|seconds| time_unit(seconds).1);
        assert_eq!(units, ["seconds", "minutes", "hours", "days"]);
    }
}
