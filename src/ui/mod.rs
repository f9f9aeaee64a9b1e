//! The screen. It reads a snapshot and the user's choices, and draws; it computes
//! nothing about runs.
//!
//! One screen is one file. To add one, write it and add a line to [`draw`] and to
//! the views of the key table.

pub mod alerts;
pub mod app;
mod ascii;
pub mod banner;
pub mod chart;
pub mod compare;
pub mod detail;
mod empty;
pub mod files;
pub mod filter;
pub mod format;
pub mod help;
pub mod keys;
pub mod natural;
pub mod noticed;
pub mod overview;
pub mod plot;
pub mod projection;
pub mod theme;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use crate::alert::Severity;
use crate::snapshot::{Snapshot, State};
use crate::text::{clip, printable, shorten, width};
use app::App;
use keys::{VIEWS, View};
use theme::Symbols;

/// Columns and lines below which there is nothing to see.
const LEAST_WIDTH: u16 = 20;
const LEAST_HEIGHT: u16 = 5;

/// Draws the whole screen.
pub fn draw(app: &App, snapshot: &Snapshot, frame: &mut Frame) {
    let area = frame.area();
    if area.width < LEAST_WIDTH || area.height < LEAST_HEIGHT {
        let text = format!("too small: {LEAST_WIDTH}x{LEAST_HEIGHT} needed");
        return frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
    }
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    frame.render_widget(Paragraph::new(head_line(app, snapshot, head)), head);
    match app.view {
        View::Overview => overview::draw(app, snapshot, frame, body),
        View::Detail => detail::draw(app, snapshot, frame, body),
        View::Compare => compare::draw(app, snapshot, frame, body),
        View::Alerts => alerts::draw(app, snapshot, frame, body),
        View::Files => files::draw(app, snapshot, frame, body),
    }
    frame.render_widget(Paragraph::new(foot_line(app, foot)), foot);
    if app.help {
        help::draw(app, frame, body);
    }
    if app.symbols == Symbols::Ascii {
        ascii::only(frame.buffer_mut());
    }
}

fn head_line(app: &App, snapshot: &Snapshot, area: Rect) -> Line<'static> {
    let theme = app.theme;
    let mut spans = vec![
        Span::styled(
            " losscast ",
            Style::new()
                .fg(theme.accent)
                .add_modifier(Modifier::BOLD | Modifier::REVERSED),
        ),
        Span::raw(format!(
            " {} ",
            shorten(&printable(&app.title), usize::from(area.width) / 4)
        )),
    ];
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    spans.extend(state_counts(
        app,
        snapshot,
        usize::from(area.width).saturating_sub(used),
    ));
    let mut right = Vec::new();
    if let Some(loading) = snapshot.loading {
        let share = if loading.bytes_total > 0 {
            loading.bytes_read as f64 / loading.bytes_total as f64
        } else {
            0.0
        };
        right.push(format!(
            "reading {} files {:.0}%",
            loading.files,
            share.min(1.0) * 100.0
        ));
    }
    if app.frozen.is_some() {
        right.push("FROZEN".to_owned());
    }
    let training = snapshot.runs.iter().filter(|run| run.state == State::Training);
    if let Some(newest) = training.map(|run| run.last_data_at).max_by(f64::total_cmp) {
        right.push(format!(
            "newest {} ago",
            format::brief_duration((snapshot.taken_at - newest).max(0.0))
        ));
    }
    let reversed = if app.reversed { " reversed" } else { "" };
    right.push(format!("by {}{reversed}", app.sort.name()));
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    let room = usize::from(area.width).saturating_sub(used + 2);
    // The age of the newest record is what a narrow screen can do without.
    if width(&right.join("  ")) > room {
        right.retain(|text| !text.starts_with("newest "));
    }
    while width(&right.join("  ")) > room && right.pop().is_some() {}
    let right = format!("{} ", right.join("  "));
    let gap = usize::from(area.width).saturating_sub(used + width(&right));
    if gap > 0 {
        spans.push(Span::raw(" ".repeat(gap)));
        spans.push(Span::styled(right, theme.dimmed()));
    }
    Line::from(spans)
}

/// How many runs are in which state, the gravest first: what comes last goes first where there is no room.
fn state_counts(app: &App, snapshot: &Snapshot, room: usize) -> Vec<Span<'static>> {
    let mut used = 0;
    let counts = State::ALL.into_iter().filter_map(|state| {
        let count = snapshot.runs.iter().filter(|run| run.state == state).count();
        let text = format!(" {count} {}", state.name());
        (count > 0).then(|| Span::styled(text, app.theme.state(state)))
    });
    counts
        .take_while(|count| {
            used += width(&count.content);
            used <= room
        })
        .collect()
}

/// What stands before the filter that is typed.
const FILTER: &str = " filter ";

fn foot_line(app: &App, area: Rect) -> Line<'static> {
    let theme = app.theme;
    if let Some(text) = &app.typing {
        let typed = format!("{}_  ", printable(text));
        let (hint, style) = if app.notice.is_empty() {
            ("Enter keep  Esc leave  ^U clear", theme.dimmed())
        } else {
            (app.notice.as_str(), theme.severity(Severity::Warning))
        };
        let room = usize::from(area.width).saturating_sub(width(FILTER) + width(&typed));
        return Line::from(vec![
            Span::styled(FILTER, theme.title()),
            Span::raw(typed),
            Span::styled(clip(&printable(hint), room), style),
        ]);
    }
    // What the last key has done is worth the whole line until the next one.
    if !app.notice.is_empty() {
        let text = clip(&app.notice, usize::from(area.width).saturating_sub(2));
        return Line::styled(format!(" {text}"), Style::new().fg(theme.accent));
    }
    let mut spans = Vec::new();
    for (index, (view, name)) in VIEWS.iter().enumerate() {
        let style = if *view == app.view {
            theme.title().add_modifier(Modifier::UNDERLINED)
        } else {
            theme.dimmed()
        };
        spans.push(Span::styled(format!(" {}", index + 1), theme.dimmed()));
        spans.push(Span::styled(format!(" {name}"), style));
    }
    let used: usize = spans.iter().map(|span| width(&span.content)).sum();
    let room = usize::from(area.width).saturating_sub(used + 3);
    let hints = if !app.filter.is_empty() {
        let clears = if app.view == View::Overview {
            "  (Esc clears)"
        } else {
            ""
        };
        clip(&format!("filter: {}{clears}", printable(app.filter.text())), room)
    } else {
        let cursor = match app.symbols {
            Symbols::Ascii => "Left/Right cursor",
            _ => "←→ cursor",
        };
        let hints: &[&str] = match app.view {
            View::Overview => &["? help", "q quit", "Enter open", "Space mark", "/ filter"],
            View::Detail => &["? help", "Esc back", "+- zoom", cursor, "[] smooth"],
            View::Compare => &["? help", "Esc back", "+- zoom", "b baseline"],
            View::Alerts => &["? help", "Enter go to step", "A acknowledge"],
            View::Files => &["? help", "Enter open run"],
        };
        whole_hints(hints, room)
    };
    let gap = usize::from(area.width).saturating_sub(used + width(&hints) + 1);
    spans.push(Span::raw(" ".repeat(gap)));
    spans.push(Span::styled(hints, theme.dimmed()));
    Line::from(spans)
}

/// A sentence in place of what a view would show.
fn draw_sentence(app: &App, text: &str, frame: &mut Frame, area: Rect) {
    let [_, middle] = Layout::vertical([Constraint::Percentage(40), Constraint::Fill(1)]).areas(area);
    let sentence = Paragraph::new(text).style(app.theme.dimmed()).centered();
    frame.render_widget(sentence.wrap(Wrap { trim: true }), middle);
}

/// What is said where there are runs, but the filter hides all of them.
fn all_hidden(app: &App, snapshot: &Snapshot) -> Option<String> {
    let hidden = !snapshot.runs.is_empty() && app.shown(snapshot).is_empty();
    let place = if app.view == View::Overview {
        ""
    } else {
        " in the overview"
    };
    hidden.then(|| {
        format!(
            "No run passes the filter `{}`. Esc{place} clears it.",
            printable(app.filter.text())
        )
    })
}

/// A title of a list, with the line that is selected where the list has more lines than rows.
fn with_position(title: &str, selected: usize, lines: usize, rows: usize) -> String {
    if lines > rows {
        format!("{title} {} of {lines}", selected + 1)
    } else {
        title.to_owned()
    }
}

/// As many hints as there is room for, none cut.
fn whole_hints(hints: &[&str], room: usize) -> String {
    const GAP: &str = "  ";
    let mut used = 0;
    let fitting = hints.iter().take_while(|hint| {
        used += width(hint) + GAP.len();
        used <= room + GAP.len()
    });
    fitting.copied().collect::<Vec<&str>>().join(GAP)
}
