//! One run: its curve, its forecast, its learning rate, its law and its troubles.

mod advice;
mod charts;
mod curve;
mod facts;
mod head;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph, Widget, Wrap};

use super::app::App;
use crate::snapshot::Snapshot;
use charts::draw_charts;
pub use charts::{draw_chart, draw_curve};
pub use curve::{curve_shown, curves};
use facts::{foot_lines, panel_lines};
use head::{head_lines, standing};

/// Height of the view below which the chart needs the line about rivals.
const WITH_STANDING: u16 = 12;

/// Draws the detail view of the selected run.
pub fn draw(app: &App, snapshot: &Snapshot, frame: &mut Frame, area: Rect) {
    let Some(run) = app.selected_run(snapshot) else {
        return super::overview::draw(app, snapshot, frame, area);
    };
    let side = if area.width >= 130 { 46 } else { 0 };
    let facts = if side == 0 {
        foot_lines(app, snapshot, run, usize::from(area.width), area.height)
    } else {
        Vec::new()
    };
    let columns = usize::from(area.width);
    let mut lines = head_lines(app, snapshot, run, columns);
    if area.height >= WITH_STANDING {
        lines.extend(standing(app, snapshot, run, columns).map(Line::raw));
    }
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(lines.len() as u16),
        Constraint::Fill(1),
        Constraint::Length(facts.len() as u16),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(lines), head);
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
