//! The texts at the ends of lines: each where it covers little of the curves.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::axis::Axis;
use super::{Label, Plot};
use crate::text::width;

/// Draws the labels of a plot over what is there.
pub(super) fn draw(plot: &Plot, inner: Rect, y: Axis, buffer: &mut Buffer) {
    let drawn = buffer.clone();
    let mut taken: Vec<u16> = Vec::new();
    // From the top down: labels that make way for each other keep their order.
    let mut labels: Vec<&Label> = plot.labels.iter().collect();
    labels.sort_by(|one, other| other.at.1.total_cmp(&one.at.1));
    for Label { at, text, color } in labels {
        let (across, position) = (plot.x.position(at.0), y.position(at.1));
        if !position.is_finite() || !across.is_finite() || across < 0.0 {
            continue;
        }
        let text: String = text.chars().take(usize::from(inner.width) / 2).collect();
        let columns = width(&text) as u16;
        let end = (across.min(1.0) * f64::from(inner.width.saturating_sub(1))).round() as u16;
        let rightmost = inner.right().saturating_sub(columns);
        let start = (inner.x + end + 1).min(rightmost);
        let height = f64::from(inner.height.saturating_sub(1));
        let wanted = inner.y + ((1.0 - position.clamp(0.0, 1.0)) * height).round() as u16;
        let Some(row) = best_row(&drawn, inner, wanted, start..start + columns, &taken) else {
            continue;
        };
        taken.push(row);
        buffer.set_string(start, row, &text, Style::new().fg(*color));
    }
}

/// The row for a text that is to stand at `wanted`, and has no label yet: a row further away is as bad as
/// a cell that is covered.
fn best_row(
    drawn: &Buffer,
    inner: Rect,
    wanted: u16,
    columns: std::ops::Range<u16>,
    taken: &[u16],
) -> Option<u16> {
    let covered = |row: u16| {
        let cells = columns.clone().filter_map(|column| drawn.cell((column, row)));
        cells.filter(|cell| cell.symbol() != " ").count()
    };
    let cost = |row: u16| {
        let distance = usize::from(row.abs_diff(wanted));
        (covered(row) + distance, distance)
    };
    (inner.y..inner.bottom())
        .filter(|row| !taken.contains(row))
        .min_by_key(|row| cost(*row))
}
