//! The home screen: every run in a line, and the selected one as a chart.

use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::app::{App, SortBy};
use super::{banner, chart, detail, empty, format, projection};
use crate::alert::Severity;
use crate::metric::Quantity;
use crate::names::Names;
use crate::snapshot::{End, LossView, RunView, Snapshot, State};
use crate::text::{clip, printable, shorten, width};

/// A column: title, width, whether its text is right-aligned, and how badly it is needed.
struct Column {
    title: String,
    width: usize,
    right: bool,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Mark,
    Name,
    State,
    Progress,
    Eta,
    Loss,
    /// A loss that says itself when it is one of evaluation.
    MarkedLoss,
    Quantity,
    Trend,
    Projected,
    Chance,
    Baseline,
    Alerts,
    PeakRate,
    Schedule,
}

/// Lines that the chart under the table needs to be worth its place.
const LEAST_CHART: u16 = 8;

/// Draws the overview.
pub fn draw(app: &App, snapshot: &Snapshot, frame: &mut Frame, area: Rect) {
    let shown = app.shown(snapshot);
    if shown.is_empty() {
        return empty::draw(app, snapshot, frame, area);
    }
    let table = (shown.len() as u16).saturating_add(1);
    let names = Names::of(snapshot);
    let notices = banner::lines(app, snapshot, &names, area);
    let notice_lines = notices.len() as u16;
    let room = area.height.saturating_sub(notice_lines);
    let with_chart = room >= LEAST_CHART + 6;
    let table = if with_chart {
        table.min(room - LEAST_CHART)
    } else {
        table.min(room)
    };
    let [notice_area, table_area, chart_area] = Layout::vertical([
        Constraint::Length(notice_lines),
        Constraint::Length(table),
        Constraint::Fill(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(notices), notice_area);
    draw_table(app, snapshot, &shown, &names, frame, table_area);
    if with_chart
        && chart_area.height >= LEAST_CHART - 1
        && let Some(run) = app.selected_run(snapshot)
    {
        let [rule, chart] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(chart_area);
        draw_rule(app, &names, run, frame, rule);
        detail::draw_chart(app, run, frame, chart);
    }
}

fn draw_rule(app: &App, names: &Names, run: &RunView, frame: &mut Frame, area: Rect) {
    let (horizontal, ..) = app.symbols.rules();
    let name = names.title(&run.id, usize::from(area.width) / 2);
    let basis = app
        .loss(run)
        .and_then(|loss| loss.forecast.as_ref())
        .map_or("", |forecast| forecast.basis.as_str());
    let head = format!("{horizontal}{horizontal} {name} ");
    let room = usize::from(area.width).saturating_sub(width(&head) + 4);
    let basis = if basis.is_empty() {
        String::new()
    } else {
        format!(" {} ", clip(basis, room.saturating_sub(2)))
    };
    let fill = usize::from(area.width).saturating_sub(width(&head) + width(&basis) + 2);
    let line = Line::from(vec![
        Span::styled(head, app.theme.title()),
        Span::styled(horizontal.to_string().repeat(fill), app.theme.dimmed()),
        Span::styled(basis, app.theme.dimmed()),
        Span::styled(horizontal.to_string().repeat(2), app.theme.dimmed()),
    ]);
    frame.render_widget(Paragraph::new(line), area);
}

/// What the runs of a table have in common, and so which columns it needs.
struct Needs {
    /// Columns of the longest name.
    name: usize,
    /// Columns of the longest schedule.
    schedule: usize,
    /// Eval losses stand beside train losses.
    mixed: bool,
    /// Runs compete.
    compete: bool,
}

/// Columns for the name that other columns give way to; fewer where all names are short.
const NAME: usize = 26;
/// Columns of the progress, and where there is little room.
const PROGRESS: usize = 14;
const BRIEF_PROGRESS: usize = 10;
/// Columns of the sparkline, and where there is room.
const TREND: usize = 14;
const WIDE_TREND: usize = 24;
/// What follows a loss of evaluation beside losses of training, and these.
const EVAL_MARK: &str = " ev";
const NO_MARK: &str = "   ";
/// Columns for the schedule of a run.
const SCHEDULE: std::ops::RangeInclusive<usize> = 16..=64;

/// The columns that there is room for.
fn columns(app: &App, total: usize, needs: &Needs) -> Vec<Column> {
    let column = |title: &str, width, right, kind| Column {
        title: title.to_owned(),
        width,
        right,
        kind,
    };
    let projected = format!("PROJECTED {}", app.level_in_words());
    let mut columns = vec![
        column("", 2, false, Kind::Mark),
        column("RUN", 0, false, Kind::Name),
        column("S", 1, false, Kind::State),
        column("PROGRESS", PROGRESS, false, Kind::Progress),
        column("ETA", 6, true, Kind::Eta),
        column("LOSS", 7, true, Kind::Loss),
        column("OF", 5, false, Kind::Quantity),
        column("TREND", TREND, false, Kind::Trend),
        column(&projected, 17, false, Kind::Projected),
        column("P LOW", 6, true, Kind::Chance),
        column("VS BASE", 8, true, Kind::Baseline),
        column("!", 4, false, Kind::Alerts),
    ];
    if app.baseline.is_none() {
        columns.retain(|column| column.kind != Kind::Baseline);
    }
    if !needs.mixed {
        columns.retain(|column| column.kind != Kind::Quantity);
    }
    if !needs.compete {
        columns.retain(|column| column.kind != Kind::Chance);
    }
    let rest = |columns: &[Column]| {
        let fixed: usize = columns.iter().map(|column| column.width + 1).sum();
        total.saturating_sub(fixed)
    };
    // What goes first when there is no room; run, loss, projection and alerts stay.
    for kind in [
        Kind::Trend,
        Kind::Quantity,
        Kind::Baseline,
        Kind::Eta,
        Kind::Chance,
        Kind::Progress,
    ] {
        let enough = |columns: &[Column]| rest(columns) >= needs.name.min(NAME);
        if !enough(&columns) && kind == Kind::Chance {
            let progress = columns.iter_mut().find(|column| column.kind == Kind::Progress);
            progress
                .into_iter()
                .for_each(|column| column.width = BRIEF_PROGRESS);
        }
        if enough(&columns) {
            break;
        }
        columns.retain(|column| column.kind != kind);
        if kind == Kind::Quantity && needs.mixed {
            // Without the column that tells them apart the losses do so themselves.
            for column in &mut columns {
                if column.kind == Kind::Loss {
                    (column.kind, column.width) = (Kind::MarkedLoss, column.width + EVAL_MARK.len());
                }
            }
        }
    }
    // What comes in where names leave room.
    let spare = |columns: &[Column]| rest(columns).saturating_sub(needs.name);
    if spare(&columns) >= WIDE_TREND - TREND
        && let Some(trend) = columns.iter_mut().find(|column| column.kind == Kind::Trend)
    {
        trend.width = WIDE_TREND;
    }
    let rate = column("PEAK LR", 7, true, Kind::PeakRate);
    if spare(&columns) > rate.width {
        columns.push(rate);
    }
    let room = spare(&columns)
        .saturating_sub(1)
        .min(needs.schedule)
        .min(*SCHEDULE.end());
    if room >= *SCHEDULE.start() {
        columns.push(column("SCHEDULE", room, false, Kind::Schedule));
    }
    let name = rest(&columns).min(needs.name).max(6);
    for column in &mut columns {
        if column.kind == Kind::Name {
            column.width = name;
        }
    }
    columns
}

fn draw_table(
    app: &App,
    snapshot: &Snapshot,
    shown: &[&Arc<RunView>],
    names: &Names,
    frame: &mut Frame,
    area: Rect,
) {
    let quantities = || shown.iter().filter_map(|run| Some(app.loss(run)?.quantity));
    let mixed = quantities().any(|quantity| Some(quantity) != quantities().next());
    let compete = snapshot
        .prospects
        .iter()
        .any(|prospect| prospect.contest.is_some());
    let selected = app.selected_index(shown);
    let rows = usize::from(area.height.saturating_sub(1));
    let title = super::with_position("RUN▲", selected, shown.len(), rows);
    let needs = Needs {
        name: names
            .longest(shown.iter().map(|run| run.id.as_str()))
            .max(width(&title)),
        schedule: shown.iter().map(|run| width(&run.schedule)).max().unwrap_or(0),
        mixed,
        compete,
    };
    let columns = columns(app, usize::from(area.width), &needs);
    let first = (selected + 1)
        .saturating_sub(rows)
        .max(selected.saturating_sub(rows / 2))
        .min(shown.len().saturating_sub(rows));
    let titles = columns
        .iter()
        .map(|column| {
            let mark = if sorts(column.kind) == Some(app.sort) {
                let (smallest_first, largest_first) = app.symbols.order();
                let descends = app.sort.descends() != app.reversed;
                String::from(if descends { largest_first } else { smallest_first })
            } else {
                String::new()
            };
            let title = format!("{}{mark}", column.title);
            if column.kind == Kind::Name {
                fit(&super::with_position(&title, selected, shown.len(), rows), column)
            } else {
                fit(&title, column)
            }
        })
        .collect::<Vec<_>>()
        .join(" ");
    let mut lines = vec![Line::styled(
        titles,
        app.theme.dimmed().add_modifier(Modifier::BOLD),
    )];
    for (index, run) in shown.iter().enumerate().skip(first).take(rows) {
        let mut spans = Vec::new();
        for column in &columns {
            let (text, style) = cell(app, snapshot, run, column, names);
            spans.push(Span::styled(fit(&text, column), style));
            spans.push(Span::raw(" "));
        }
        let line = Line::from(spans);
        lines.push(if index == selected {
            app.theme.select(line)
        } else {
            line
        });
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// The order that goes by a column.
fn sorts(kind: Kind) -> Option<SortBy> {
    match kind {
        Kind::Name => Some(SortBy::Name),
        Kind::Progress => Some(SortBy::Progress),
        Kind::Loss | Kind::MarkedLoss => Some(SortBy::Loss),
        Kind::Projected => Some(SortBy::Projected),
        Kind::Chance => Some(SortBy::Chance),
        Kind::Eta => Some(SortBy::Eta),
        Kind::Alerts => Some(SortBy::Alerts),
        _ => None,
    }
}

/// Pads or cuts a text to the width of its column.
fn fit(text: &str, column: &Column) -> String {
    let text = shorten(text, column.width);
    let pad = " ".repeat(column.width.saturating_sub(width(&text)));
    if column.right {
        format!("{pad}{text}")
    } else {
        format!("{text}{pad}")
    }
}

fn cell(app: &App, snapshot: &Snapshot, run: &RunView, column: &Column, names: &Names) -> (String, Style) {
    let theme = app.theme;
    let loss = app.loss(run);
    let plain = Style::new().fg(theme.text);
    match column.kind {
        Kind::Mark => {
            let mark = if app.marked.contains(&run.id) { '*' } else { ' ' };
            let base = if app.baseline.as_deref() == Some(run.id.as_str()) {
                'B'
            } else {
                ' '
            };
            (format!("{mark}{base}"), Style::new().fg(theme.accent))
        }
        Kind::Name => (names.short(&run.id, column.width), plain),
        Kind::State => (state_letter(run.state).to_owned(), theme.state(run.state)),
        Kind::Progress => (
            progress(app, snapshot, run, column.width),
            if run.state == State::Training {
                plain
            } else {
                theme.dimmed()
            },
        ),
        Kind::Eta => (
            run.eta_seconds
                .map_or_else(|| "-".to_owned(), format::brief_duration),
            theme.dimmed(),
        ),
        Kind::Loss | Kind::MarkedLoss => (
            loss.map_or_else(String::new, |loss| {
                let mark = match (column.kind, loss.quantity) {
                    (Kind::MarkedLoss, Quantity::EvalLoss) => EVAL_MARK,
                    (Kind::MarkedLoss, _) => NO_MARK,
                    _ => "",
                };
                format::loss(loss.smoothed) + mark
            }),
            plain.add_modifier(Modifier::BOLD),
        ),
        Kind::Quantity => (
            loss.map_or_else(String::new, |loss| match loss.quantity {
                Quantity::EvalLoss => "eval".to_owned(),
                _ => "train".to_owned(),
            }),
            theme.dimmed(),
        ),
        Kind::Trend => (
            loss.map_or_else(String::new, |loss| trend(app, loss, column.width)),
            Style::new().fg(theme.accent),
        ),
        Kind::Projected => projected(app, run, loss),
        Kind::Chance => {
            let contest = loss.and_then(|loss| snapshot.contest_for(&run.id, loss.quantity));
            (
                contest.map_or_else(String::new, |contest| format!("{:.2}", contest.chance)),
                plain,
            )
        }
        Kind::Baseline => (versus_baseline(app, snapshot, run, loss), plain),
        Kind::Alerts => alerts(app, run),
        Kind::PeakRate => (
            run.peak_learning_rate
                .map_or_else(|| "-".to_owned(), format::short),
            theme.dimmed(),
        ),
        Kind::Schedule => (clip(&printable(&run.schedule), column.width), theme.dimmed()),
    }
}

fn state_letter(state: State) -> &'static str {
    match state {
        State::Training => "R",
        State::Finished => "D",
        State::Stalled => "S",
        State::Diverged => "X",
    }
}

fn progress(app: &App, snapshot: &Snapshot, run: &RunView, columns: usize) -> String {
    if run.silent {
        let age = format::coarse_duration(snapshot.taken_at - run.last_data_at);
        let silent = format!("silent {age}");
        let done = run.progress();
        let done = done.map(|progress| format!("{:.0}% {silent}", (progress * 100.0).floor()));
        return done.filter(|text| width(text) <= columns).unwrap_or(silent);
    }
    let (done, todo) = app.symbols.bar();
    let is_done = run.state == State::Finished;
    let Some(progress) = run.progress() else {
        let word = if is_done { "done" } else { "step" };
        return format!("{word} {}", format::short(run.step as f64));
    };
    let bar = columns.saturating_sub(5);
    let filled = (progress * bar as f64).round() as usize;
    let line: String = std::iter::repeat_n(done, filled)
        .chain(std::iter::repeat_n(todo, bar - filled.min(bar)))
        .collect();
    if is_done {
        return format!("{line} done");
    }
    format!("{line}{:>4.0}%", (progress * 100.0).floor())
}

/// The smoothed curve over the last quarter of the run.
fn trend(app: &App, loss: &LossView, columns: usize) -> String {
    let smoothed = chart::smoothed(app, loss);
    let from = smoothed.last().map_or(0.0, |(step, _)| 0.75 * step);
    let first = smoothed.partition_point(|(step, _)| *step < from);
    let values: Vec<f64> = smoothed.iter().skip(first).map(|(_, value)| *value).collect();
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (
        finite().fold(f64::INFINITY, f64::min),
        finite().fold(f64::NEG_INFINITY, f64::max),
    );
    let levels = app.symbols.levels();
    (0..columns.min(values.len()))
        .map(|column| {
            let from = column * values.len() / columns.min(values.len());
            let to = ((column + 1) * values.len() / columns.min(values.len())).max(from + 1);
            let part = values.get(from..to).unwrap_or_default();
            let mean = part.iter().sum::<f64>() / part.len().max(1) as f64;
            let height = if high > low {
                (mean - low) / (high - low)
            } else {
                0.0
            };
            let level = (height * (levels.len() - 1) as f64)
                .round()
                .clamp(0.0, (levels.len() - 1) as f64);
            levels.get(level as usize).copied().unwrap_or(' ')
        })
        .collect()
}

fn projected(app: &App, run: &RunView, loss: Option<&LossView>) -> (String, Style) {
    let theme = app.theme;
    let Some(loss) = loss else {
        return (String::new(), Style::new());
    };
    let Some(end) = projection::in_brief(app, run, loss) else {
        let style = match run.state {
            State::Diverged => theme.state(State::Diverged),
            _ => theme.dimmed(),
        };
        return (loss.brief_reason().to_owned(), style);
    };
    if run.state == State::Finished {
        return (end, theme.dimmed());
    }
    let prior = match run.end(loss) {
        End::Projected(forecast) if forecast.prior_based => " ~",
        _ => "",
    };
    let style = Style::new().fg(theme.forecast).add_modifier(Modifier::BOLD);
    (end + prior, style)
}

fn versus_baseline(app: &App, snapshot: &Snapshot, run: &RunView, loss: Option<&LossView>) -> String {
    let baseline = app
        .baseline
        .as_ref()
        .and_then(|id| snapshot.runs.iter().find(|run| run.id == *id));
    let Some(base) = baseline else {
        return String::new();
    };
    if base.id == run.id {
        return ".".to_owned();
    }
    let difference = loss
        .zip(app.loss(base))
        .and_then(|(own, other)| projection::difference(app, (run, own), (base, other)));
    difference.unwrap_or_else(|| "-".to_owned())
}

fn alerts(app: &App, run: &RunView) -> (String, Style) {
    let open: Vec<Severity> = run
        .open_alerts()
        .filter(|alert| !app.is_acknowledged(run, alert) && alert.severity > Severity::Info)
        .map(|alert| alert.severity)
        .collect();
    match open.iter().max() {
        Some(worst) => (format!("!{}", open.len()), app.theme.severity(*worst)),
        None => (String::new(), Style::new()),
    }
}
