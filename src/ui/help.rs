//! The help, made from the key table.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::app::App;
use super::keys::GROUPS;
use crate::text::width;

const KEY_COLUMNS: usize = 16;
const COLUMN: u16 = 58;

/// Draws the help over what is there.
pub fn draw(app: &App, frame: &mut Frame, area: Rect) {
    let mut lines: Vec<Line> = Vec::new();
    for group in GROUPS {
        lines.push(Line::styled(group.title, app.theme.title()));
        for binding in group.bindings {
            let pad = " ".repeat(KEY_COLUMNS.saturating_sub(width(binding.shown)));
            lines.push(Line::from(vec![
                Span::raw(format!("  {}{pad}", binding.shown)),
                Span::styled(binding.help, app.theme.dimmed()),
            ]));
        }
    }
    lines.push(Line::styled("States", app.theme.title()));
    lines.push(Line::styled(
        "  R training   D finished   S stalled   X diverged",
        app.theme.dimmed(),
    ));
    lines.push(Line::styled(
        "  ~ the gain of the decay is a prior, not yet seen",
        app.theme.dimmed(),
    ));
    lines.push(Line::styled("Filter", app.theme.title()));
    lines.push(Line::styled(
        "  words, -not, state=training, loss<2.5, proj<2.4, lr>1e-3",
        app.theme.dimmed(),
    ));
    let height = area.height.saturating_sub(2);
    let columns = if lines.len() as u16 > height && area.width >= 2 * COLUMN + 4 {
        2
    } else {
        1
    };
    let box_width = (COLUMN * columns + 4).min(area.width);
    let box_height = (lines.len() as u16 / columns + 3).min(area.height);
    let place = Rect {
        x: area.x + (area.width - box_width) / 2,
        y: area.y + (area.height - box_height) / 2,
        width: box_width,
        height: box_height,
    };
    let more = if lines.len() as u16 > height * columns {
        " j k scroll "
    } else {
        ""
    };
    let block = Block::bordered()
        .title(" Keys ")
        .title_bottom(more)
        .border_style(app.theme.dimmed());
    let inner = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    if columns == 2 {
        let half = lines.len().div_ceil(2);
        let right = lines.split_off(half);
        let [left_area, right_area] = ratatui::layout::Layout::horizontal([
            ratatui::layout::Constraint::Fill(1),
            ratatui::layout::Constraint::Fill(1),
        ])
        .areas(inner);
        frame.render_widget(Paragraph::new(lines), left_area);
        frame.render_widget(Paragraph::new(right), right_area);
    } else {
        let most = (lines.len() as u16).saturating_sub(inner.height);
        frame.render_widget(
            Paragraph::new(lines).scroll((app.help_scroll.min(most), 0)),
            inner,
        );
    }
}
