//! What was not understood: files that are no runs, and lines that were skipped.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::app::App;
use super::format;
use crate::snapshot::Snapshot;
use crate::text::{clip, printable, shorten, width};

/// Draws the list.
pub fn draw(app: &App, snapshot: &Snapshot, frame: &mut Frame, area: Rect) {
    let columns = usize::from(area.width);
    let mut lines: Vec<Line> = Vec::new();
    for (index, problem) in snapshot.problems.iter().enumerate() {
        let path = shorten(&printable(&problem.path.to_string_lossy()), columns * 2 / 5);
        let room = columns.saturating_sub(width(&path) + 2);
        let line = Line::from(vec![
            Span::styled(path, app.theme.title()),
            Span::raw("  "),
            Span::raw(clip(&printable(&problem.message), room)),
        ]);
        lines.push(if index == app.line {
            line.style(app.theme.selected)
        } else {
            line
        });
    }
    for run in snapshot
        .runs
        .iter()
        .filter(|run| run.skipped_lines > 0 || run.segments > 1)
    {
        lines.push(Line::styled(
            shorten(
                &format!(
                    "{}: {} lines skipped, {} segments; `losscast inspect` has the details",
                    printable(&run.id),
                    format::count(run.skipped_lines),
                    run.segments
                ),
                columns,
            ),
            app.theme.dimmed(),
        ));
    }
    if lines.is_empty() {
        lines.push(Line::styled(
            "Every file was understood and no line was skipped.",
            app.theme.dimmed(),
        ));
    }
    let first = app
        .line
        .saturating_sub(usize::from(area.height).saturating_sub(1));
    frame.render_widget(Paragraph::new(lines).scroll((first as u16, 0)), area);
}
