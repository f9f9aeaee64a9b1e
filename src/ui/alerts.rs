//! Everything that was noticed, in all runs: what, where, since when, what to do.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::app::App;
use super::format;
use super::overview::Names;
use crate::snapshot::Snapshot;
use crate::text::{clip, printable, width};

/// Draws the list and the selected alert in full.
pub fn draw(app: &App, snapshot: &Snapshot, frame: &mut Frame, area: Rect) {
    let alerts = app.alerts(snapshot);
    if alerts.is_empty() {
        let text = "Nothing has been noticed. Spikes, divergence, gradient surges, growing logits and stalls would appear here.";
        let [_, middle] = Layout::vertical([Constraint::Percentage(40), Constraint::Fill(1)]).areas(area);
        return frame.render_widget(
            Paragraph::new(text)
                .style(app.theme.dimmed())
                .centered()
                .wrap(Wrap { trim: true }),
            middle,
        );
    }
    let names = Names::of(snapshot);
    let [list, below] = Layout::vertical([Constraint::Fill(1), Constraint::Length(6)]).areas(area);
    let rows = usize::from(list.height);
    let selected = app.line.min(alerts.len() - 1);
    let first = (selected + 1).saturating_sub(rows);
    let columns = usize::from(list.width);
    let lines: Vec<Line> = alerts
        .iter()
        .enumerate()
        .skip(first)
        .take(rows)
        .map(|(index, (run, alert))| {
            let closed = alert.cleared_at_step.is_some();
            let style = if closed {
                app.theme.dimmed()
            } else {
                app.theme.severity(alert.severity)
            };
            let mark = match (closed, app.is_acknowledged(run, alert)) {
                (true, _) => "over    ",
                (false, true) => "seen    ",
                (false, false) => alert.severity.name(),
            };
            let name = names.short(&run.id, 24);
            let head = format!("{mark:<9}{name:<24} {:>9}  ", format::count(alert.raised_at_step));
            let room = columns.saturating_sub(width(&head));
            let line = Line::from(vec![
                Span::styled(head, style),
                Span::styled(clip(&printable(&alert.message), room), style),
            ]);
            if index == selected {
                line.style(app.theme.selected)
            } else {
                line
            }
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), list);
    if let Some((run, alert)) = alerts.get(selected) {
        let cleared = alert.cleared_at_step.map_or_else(
            || "still open".to_owned(),
            |step| format!("over at step {}", format::count(step)),
        );
        let lines = vec![
            Line::raw(""),
            Line::styled(printable(&run.id), app.theme.title()),
            Line::styled(
                format!(
                    "{}: first sign at step {}, raised at {}, {cleared}",
                    alert.kind,
                    format::count(alert.first_sign_step),
                    format::count(alert.raised_at_step)
                ),
                app.theme.dimmed(),
            ),
            Line::styled(
                printable(&alert.message),
                app.theme.severity(alert.severity).add_modifier(Modifier::BOLD),
            ),
            Line::raw(alert.remedy),
        ];
        frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), below);
    }
}
