//! Several runs on one axis, with what separates them.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::app::App;
use super::chart::Extent;
use super::plot::axis::Axis;
use super::plot::{Label, Plot};
use super::{chart, format, projection};
use crate::names::Names;
use crate::precision;
use crate::snapshot::{LossView, RunView, Snapshot};
use crate::text::{clip, width};

/// Where on the horizontal axis the losses are compared.
struct Place {
    /// The axis.
    span: Extent,
    /// The unit of the axis.
    unit: &'static str,
    /// Where the cursor stands on the axis.
    cursor: Option<f64>,
    /// The last step that all runs have made: the place where there is no cursor.
    common: u64,
    /// The run that has made no more, where there is no cursor and others have made more.
    limited_by: Option<usize>,
}

impl Place {
    fn of(app: &App, runs: &[Compared], unit: &'static str, span: Extent) -> Place {
        let steps = || runs.iter().map(|one| one.run.step);
        let common = steps().min().unwrap_or(0);
        let cursor = chart::cursor_at(app, span);
        let differ = cursor.is_none() && steps().any(|step| step > common);
        Place {
            span,
            unit,
            cursor,
            common,
            limited_by: steps().position(|step| step == common).filter(|_| differ),
        }
    }

    fn title(&self) -> String {
        match self.cursor {
            Some(at) if self.unit != "step" => format!("AT {}", format::short(at)),
            Some(at) if at < 1e6 => format!("AT {}", format::count(at as u64)),
            Some(at) => format!("AT {}", format::short(at)),
            None => format!("AT {}", format::short(self.common as f64)),
        }
    }

    /// The loss of a run there: what it was, or what it is projected to be.
    fn level(&self, one: &Compared) -> Option<f64> {
        let step = self.cursor.map_or(self.common as f64, |at| at / one.scale);
        if step <= one.run.step as f64 {
            return one.loss.smoothed_at(step as u64);
        }
        let forecast = one.loss.forecast.as_ref()?;
        let within = step < forecast.at_step as f64 + 1.0;
        let (_, value, _) = chart::projected_at(one.loss, step).filter(|_| within)?;
        Some(value)
    }
}

struct Compared<'a> {
    run: &'a RunView,
    loss: &'a LossView,
    smoothed: Vec<(f64, f64)>,
    scale: f64,
}

/// Draws the comparison.
pub fn draw(app: &App, snapshot: &Snapshot, frame: &mut Frame, area: Rect) {
    let chosen = app.compared(snapshot).into_iter();
    let chosen: Vec<(&RunView, &LossView)> = chosen
        .filter_map(|run| Some((run.as_ref(), app.loss(run)?)))
        .collect();
    let scales = chart::x_scales(app, &chosen.iter().map(|(run, _)| *run).collect::<Vec<_>>());
    let unit = scales.first().map_or("step", |scale| scale.unit);
    let runs: Vec<Compared> = chosen
        .into_iter()
        .zip(scales)
        .map(|((run, loss), scale)| Compared {
            run,
            loss,
            smoothed: chart::smoothed(app, loss),
            scale: scale.per_step,
        })
        .collect();
    if runs.is_empty() {
        let nothing = || "Nothing to compare. Mark runs with Space in the overview.".to_owned();
        let text = super::all_hidden(app, snapshot).unwrap_or_else(nothing);
        return super::draw_sentence(app, &text, frame, area);
    }
    let spans = || {
        let spans = runs.iter();
        spans.map(|one| Extent::of(one.run, Some(one.loss)).scaled(one.scale))
    };
    let span = Extent {
        from: spans().map(|span| span.from).fold(f64::INFINITY, f64::min),
        to: spans().map(|span| span.to).fold(1.0, f64::max),
    };
    let place = Place::of(app, &runs, unit, span);
    let columns = usize::from(area.width);
    let crossings = crossing_lines(app, snapshot, &runs, columns);
    let rows = (runs.len() as u16 + 1).min(area.height / 2);
    let crossing_rows = (crossings.len() as u16).min(area.height / 5);
    let [plot, table, below] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(rows),
        Constraint::Length(crossing_rows),
    ])
    .areas(area);
    draw_plot(app, snapshot, &runs, &place, frame, plot);
    let lines = table_lines(app, snapshot, &runs, &place, columns);
    frame.render_widget(Paragraph::new(lines), table);
    frame.render_widget(Paragraph::new(crossings), below);
}

fn draw_plot(
    app: &App,
    snapshot: &Snapshot,
    runs: &[Compared],
    place: &Place,
    frame: &mut Frame,
    area: Rect,
) {
    let span = place.span;
    let mut layers = Vec::new();
    let mut labels = Vec::new();
    for (index, one) in runs.iter().enumerate() {
        let color = app.theme.series(index);
        layers.push(chart::line(&one.smoothed, one.scale, color, false));
        layers.extend(chart::forecast(app, one.loss, one.scale, color, app.theme, false));
        let projected = one.loss.curve.projection.last().filter(|_| app.forecast);
        let projected = projected.map(|point| (point.step, point.mean));
        if let Some((step, value)) = projected.or_else(|| one.smoothed.last().copied()) {
            labels.push(Label {
                at: (step * one.scale, value),
                text: marker(index).to_string(),
                color,
            });
        }
    }
    let now = runs
        .iter()
        .map(|one| one.run.step as f64 * one.scale)
        .fold(0.0, f64::max);
    let quantity = runs
        .first()
        .map_or_else(String::new, |one| one.loss.quantity.to_string());
    let mut title = match app.compared_of_marked(snapshot) {
        (shown, marked) if shown < marked => format!("{quantity}, {shown} of {marked} marked runs"),
        _ => quantity,
    };
    if let Some(index) = place.limited_by {
        title.push_str(&format!("; AT: the last step of {}", marker(index)));
    }
    if runs.len() == 1 {
        title.push_str("; Space in the overview marks others");
    }
    title.push_str(&chart::how_shown(app, app.log_y));
    Plot {
        x: chart::x_window(app, span),
        y: range(app, runs, span),
        log_y: app.log_y,
        full_range: app.full_range,
        layers: &layers,
        now: (now < span.to).then_some(now),
        cursor: chart::cursor_at(app, span),
        marks: &[],
        labels: &labels,
        title: &title,
        nothing: chart::nothing(app, "no finite loss"),
        x_labels: true,
        x_unit: place.unit,
    }
    .render(area, frame.buffer_mut(), app.theme, app.symbols);
}

/// Where the curves differ: without the steep first twentieth.
fn range(app: &App, runs: &[Compared], span: Extent) -> Option<Axis> {
    if app.full_range {
        return None;
    }
    let window = chart::x_window(app, span);
    let from = if app.window.0 <= 0.0 {
        span.without_start(0.08)
    } else {
        window.min
    };
    let mut values: Vec<f64> = Vec::new();
    for one in runs {
        let visible = |step: f64| step * one.scale >= from && step * one.scale <= window.max;
        values.extend(
            one.smoothed
                .iter()
                .filter(|(step, _)| visible(*step))
                .map(|(_, value)| *value),
        );
        if app.forecast {
            values.extend(
                one.loss
                    .curve
                    .projection
                    .iter()
                    .filter(|point| visible(point.step))
                    .map(|point| point.mean),
            );
        }
    }
    values.retain(|value| value.is_finite());
    if values.len() < 8 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let low = values.first().copied()?;
    let high = values.get(values.len() - 1 - values.len() / 50).copied()?;
    let margin = 0.05 * (high - low);
    Some(Axis::new(low - margin, high + margin, app.log_y))
}

/// The letter that stands for a run at the end of its line and in the table.
fn marker(index: usize) -> char {
    char::from(b'A' + (index % 26) as u8)
}

/// Columns of the table beside the name of the run.
const FIXED_COLUMNS: usize = 59;

/// The projected end of a run.
fn end(one: &Compared) -> Option<f64> {
    one.run.end_of(one.loss)
}

/// The run that the others are compared with: the chosen one, else the one that is projected to end
/// lowest, or where none is, that is lowest now.
fn base<'a, 'b>(app: &App, runs: &'a [Compared<'b>]) -> Option<&'a Compared<'b>> {
    let mut chosen = runs.iter();
    let chosen = chosen.find(|one| app.baseline.as_deref() == Some(one.run.id.as_str()));
    let lowest = |level: &dyn Fn(&Compared) -> Option<f64>| {
        let levels = runs.iter().filter_map(|one| Some((one, level(one)?)));
        let lowest = levels.min_by(|(_, one), (_, other)| one.total_cmp(other));
        lowest.map(|(one, _)| one)
    };
    chosen
        .or_else(|| lowest(&end))
        .or_else(|| lowest(&|one| Some(one.loss.smoothed)))
}

fn table_lines(
    app: &App,
    snapshot: &Snapshot,
    runs: &[Compared],
    place: &Place,
    columns: usize,
) -> Vec<Line<'static>> {
    let names = Names::of(snapshot);
    let longest = runs.iter().map(|one| width(&names.short(&one.run.id, columns)));
    let longest = longest.max().unwrap_or(0);
    let name_width = longest.min(columns.saturating_sub(FIXED_COLUMNS)).max(12);
    let base = base(app, runs);
    let at = |one: &Compared| place.level(one);
    let base_index = runs
        .iter()
        .position(|one| base.is_some_and(|base| base.run.id == one.run.id));
    let versus = base_index.map_or_else(|| "DIFF".to_owned(), |index| format!("VS {}", marker(index)));
    let title = format!(
        "  {:<name_width$} {:>8} {:>10} {:>10} {:>14} {:>10}",
        "RUN",
        "PEAK LR",
        place.title(),
        versus,
        format!("PROJECTED {}", app.level_in_words()),
        versus
    );
    let mut lines = vec![Line::styled(
        title,
        app.theme.dimmed().add_modifier(Modifier::BOLD),
    )];
    for (index, one) in runs.iter().enumerate() {
        let is_base = base.is_some_and(|base| base.run.id == one.run.id);
        let delta = |difference: Option<String>| match difference {
            _ if is_base => "base".to_owned(),
            difference => difference.unwrap_or_else(|| "-".to_owned()),
        };
        let apart_now = at(one).zip(base.and_then(at));
        let apart_now = apart_now.map(|(own, base)| precision::difference(own - base, f64::NAN));
        let apart_then =
            base.and_then(|base| projection::difference(app, (one.run, one.loss), (base.run, base.loss)));
        let name = names.short(&one.run.id, name_width);
        let projected = projection::in_brief(app, one.run, one.loss).unwrap_or_else(|| "-".to_owned());
        let text = format!(
            "{}{} {:>8} {:>10} {:>10} {:>14} {:>10}",
            name,
            " ".repeat(name_width.saturating_sub(width(&name))),
            one.run
                .peak_learning_rate
                .map_or_else(|| "-".to_owned(), format::short),
            at(one).map_or_else(|| "-".to_owned(), format::loss),
            delta(apart_now),
            projected,
            delta(apart_then),
        );
        let selected = app.selected.as_deref() == Some(one.run.id.as_str());
        let line = Line::from(vec![
            Span::styled(
                format!("{} ", marker(index)),
                Style::new()
                    .fg(app.theme.series(index))
                    .add_modifier(Modifier::BOLD),
            ),
            Span::raw(text),
        ]);
        lines.push(if selected { app.theme.select(line) } else { line });
    }
    lines
}

fn crossing_lines(app: &App, snapshot: &Snapshot, runs: &[Compared], columns: usize) -> Vec<Line<'static>> {
    let names = Names::of(snapshot);
    let compared = |id: &str| runs.iter().position(|one| one.run.id == id);
    snapshot
        .crossovers
        .iter()
        .filter(|crossover| crossover.is_likely())
        .filter_map(|crossover| {
            let (ahead, behind) = (
                compared(&crossover.ahead_at_end)?,
                compared(&crossover.ahead_now)?,
            );
            let step = crossover.at_step.map_or_else(
                || "before the end".to_owned(),
                |step| format!("near step {}", format::count(step)),
            );
            let tail = format!(" {step}, P {:.2}", crossover.probability);
            let mark = app.symbols.crossing();
            let each = columns.saturating_sub(width(mark) + width(&tail) + " A  passes B ".len()) / 2;
            let each = each.clamp(8, 46);
            let text = format!(
                "{mark} {} {} passes {} {}{tail}",
                marker(ahead),
                names.short(&crossover.ahead_at_end, each),
                marker(behind),
                names.short(&crossover.ahead_now, each),
            );
            Some(Line::styled(
                clip(&text, columns),
                Style::new().fg(app.theme.forecast),
            ))
        })
        .collect()
}
