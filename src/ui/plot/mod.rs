//! Our own plot: many series, bands, marks and a cursor on one grid of dots.

pub mod axis;
pub mod canvas;
mod labels;
pub mod smooth;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use super::theme::{Symbols, Theme};
use axis::Axis;
use canvas::{Canvas, Ink};

/// Something drawn in a plot, in the order given: later layers cover earlier ones.
#[derive(Clone, Debug)]
pub enum Layer {
    /// Lines between points.
    Line {
        /// The points, in order of x.
        points: Vec<(f64, f64)>,
        /// Colour.
        color: Color,
        /// Only every other dot.
        dotted: bool,
    },
    /// From the smallest to the largest value at each x, as a column.
    Range {
        /// (x, smallest, largest).
        points: Vec<(f64, f64, f64)>,
        /// Colour.
        color: Color,
    },
    /// A shaded area between two curves.
    Band {
        /// (x, lower, upper).
        points: Vec<(f64, f64, f64)>,
        /// Colour.
        color: Color,
    },
    /// The learning rate and the like: level until the next point.
    Steps {
        /// The points, in order of x.
        points: Vec<(f64, f64)>,
        /// Colour.
        color: Color,
    },
}

/// The values of a curve within an axis: those of its points there, or where it has none, those at the
/// edges that it crosses.
fn within(points: &[(f64, f64)], axis: Axis) -> Vec<f64> {
    let shown = points.iter().filter(|(x, _)| axis.contains(*x));
    let shown: Vec<f64> = shown.map(|(_, y)| *y).collect();
    if !shown.is_empty() {
        return shown;
    }
    let pairs = points.iter().zip(points.iter().skip(1));
    pairs
        .filter(|(from, to)| from.0 < axis.min && to.0 > axis.max)
        .flat_map(|(from, to)| {
            let at = |x: f64| from.1 + (x - from.0) / (to.0 - from.0) * (to.1 - from.1);
            [at(axis.min), at(axis.max)]
        })
        .collect()
}

impl Layer {
    fn values(&self, axis: Axis, full: bool) -> Vec<f64> {
        let shown = |x: f64| axis.contains(x);
        match self {
            Layer::Line { points, .. } | Layer::Steps { points, .. } => within(points, axis),
            Layer::Range { points, .. } if full => points
                .iter()
                .filter(|(x, ..)| shown(*x))
                .flat_map(|(_, low, high)| [*low, *high])
                .collect(),
            Layer::Range { points, .. } => points
                .iter()
                .filter(|(x, ..)| shown(*x))
                .map(|(_, low, high)| (low + high) / 2.0)
                .collect(),
            Layer::Band { points, .. } => {
                let edge = |of: fn(&(f64, f64, f64)) -> (f64, f64)| {
                    let edge: Vec<(f64, f64)> = points.iter().map(of).collect();
                    within(&edge, axis)
                };
                let mut values = edge(|(x, low, _)| (*x, *low));
                values.extend(edge(|(x, _, high)| (*x, *high)));
                values
            }
        }
    }
}

/// A text at a place of the plot.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Where, on the x axis.
    pub x: f64,
    /// The character on the top edge.
    pub symbol: char,
    /// Its style.
    pub style: Style,
}

/// A text at the end of a line.
#[derive(Clone, Debug)]
pub struct Label {
    /// The end of the line.
    pub at: (f64, f64),
    /// The text.
    pub text: String,
    /// Colour.
    pub color: Color,
}

/// A plot, ready to be drawn.
pub struct Plot<'a> {
    /// The horizontal axis.
    pub x: Axis,
    /// Vertical axis; `None` fits it to what is visible.
    pub y: Option<Axis>,
    /// Logarithmic vertical axis.
    pub log_y: bool,
    /// Show everything, not only where most values lie.
    pub full_range: bool,
    /// What is drawn.
    pub layers: &'a [Layer],
    /// Vertical line at "now".
    pub now: Option<f64>,
    /// Value cursor.
    pub cursor: Option<f64>,
    /// Events.
    pub marks: &'a [Mark],
    /// Labels at the right ends of lines.
    pub labels: &'a [Label],
    /// What the vertical axis shows, at the top left.
    pub title: &'a str,
    /// What is said where nothing of the layers is visible; empty: nothing.
    pub nothing: &'a str,
    /// Labels under the horizontal axis.
    pub x_labels: bool,
    /// The unit of the horizontal axis.
    pub x_unit: &'a str,
}

/// Columns for the labels of the vertical axis.
pub const GUTTER: u16 = 8;

impl Plot<'_> {
    /// Draws the plot.
    pub fn render(&self, area: Rect, buffer: &mut Buffer, theme: &Theme, symbols: Symbols) {
        let bottom = u16::from(self.x_labels) * 2;
        if area.width < GUTTER + 4 || area.height < bottom + 2 {
            return;
        }
        // The title has a line of its own where there is one to spare: it covers no curve.
        let head = u16::from(!self.title.is_empty() && area.height >= bottom + 3);
        let title_line = area.y;
        let area = Rect {
            y: area.y + head,
            height: area.height - head,
            ..area
        };
        let inner = Rect {
            x: area.x + GUTTER,
            y: area.y,
            width: area.width - GUTTER,
            height: area.height - bottom,
        };
        let title = crate::text::clip(self.title, usize::from(inner.width.saturating_sub(1)));
        buffer.set_string(inner.x + 1, title_line, title, theme.dimmed());
        let values = self.visible();
        if values.is_empty() && !self.nothing.is_empty() {
            let nothing = crate::text::clip(self.nothing, usize::from(inner.width));
            let start = inner.x + inner.width.saturating_sub(crate::text::width(&nothing) as u16) / 2;
            buffer.set_string(start, inner.y + inner.height / 2, nothing, theme.dimmed());
            return;
        }
        let y = self.y.unwrap_or_else(|| self.fit_y(values));
        self.draw_axes(area, inner, y, buffer, theme, symbols);
        let mut canvas = Canvas::new(inner, symbols);
        for layer in self.layers {
            draw_layer(&mut canvas, layer, self.x, y);
        }
        canvas.render(inner, buffer);
        self.draw_verticals(inner, buffer, theme, symbols);
        labels::draw(self, inner, y, buffer);
    }

    /// The values that can be seen.
    fn visible(&self) -> Vec<f64> {
        self.layers
            .iter()
            .flat_map(|layer| layer.values(self.x, self.full_range))
            .filter(|value| value.is_finite() && (!self.log_y || *value > 0.0))
            .collect()
    }

    /// The range of these values: without the outermost hundredth, unless all of it was asked for.
    fn fit_y(&self, mut values: Vec<f64>) -> Axis {
        if values.is_empty() {
            return Axis::new(0.0, 1.0, false);
        }
        values.sort_by(f64::total_cmp);
        let cut = if self.full_range || values.len() < 50 {
            0
        } else {
            values.len() / 100
        };
        let low = values.get(cut).copied().unwrap_or(0.0);
        let high = values.get(values.len() - 1 - cut).copied().unwrap_or(1.0);
        let margin = if self.log_y { 0.0 } else { 0.04 * (high - low) };
        Axis::new(low - margin, high + margin, self.log_y)
    }

    fn draw_axes(
        &self,
        area: Rect,
        inner: Rect,
        y: Axis,
        buffer: &mut Buffer,
        theme: &Theme,
        symbols: Symbols,
    ) {
        let (horizontal, vertical, corner) = symbols.rules();
        for row in inner.y..inner.bottom() {
            set(buffer, inner.x - 1, row, vertical, theme.dimmed());
        }
        let ticks = y.ticks(usize::from(inner.height / 3).clamp(2, 8));
        for tick in &ticks {
            let row = (1.0 - y.position(*tick)) * f64::from(inner.height.saturating_sub(1));
            if row.is_finite() && row >= -0.01 {
                let row = inner.y + (row.round() as u16).min(inner.height - 1);
                let text = y.label(*tick, &ticks);
                let width = usize::from(GUTTER) - 2;
                buffer.set_string(area.x, row, format!("{text:>width$.width$}"), theme.dimmed());
            }
        }
        if !self.x_labels {
            return;
        }
        for column in inner.x..inner.right() {
            set(buffer, column, inner.bottom(), horizontal, theme.dimmed());
        }
        set(buffer, inner.x - 1, inner.bottom(), corner, theme.dimmed());
        self.draw_x_labels(inner, buffer, theme);
    }

    fn draw_x_labels(&self, inner: Rect, buffer: &mut Buffer, theme: &Theme) {
        let ticks = self.x.ticks(usize::from(inner.width / 12).clamp(2, 12));
        let row = inner.bottom() + 1;
        // Beside the axis: it takes no place of a tick.
        let unit = format!("{:>columns$}", self.x_unit, columns = usize::from(GUTTER) - 1);
        buffer.set_string(inner.x.saturating_sub(GUTTER), row, unit, theme.dimmed());
        let mut free_from = inner.x;
        for tick in &ticks {
            let position = self.x.position(*tick) * f64::from(inner.width.saturating_sub(1));
            if !position.is_finite() {
                continue;
            }
            let text = self.x.label(*tick, &ticks);
            let start = (inner.x + position.round() as u16)
                .saturating_sub(text.len() as u16 / 2)
                .min(inner.right().saturating_sub(text.len() as u16))
                .max(inner.x);
            if start >= free_from {
                buffer.set_string(start, row, &text, theme.dimmed());
                free_from = start + text.len() as u16 + 2;
            }
        }
    }

    fn column(&self, inner: Rect, x: f64) -> Option<u16> {
        let position = self.x.position(x);
        (0.0..=1.0)
            .contains(&position)
            .then(|| inner.x + (position * f64::from(inner.width.saturating_sub(1))).round() as u16)
    }

    fn draw_verticals(&self, inner: Rect, buffer: &mut Buffer, theme: &Theme, symbols: Symbols) {
        let (_, vertical, _) = symbols.rules();
        let lines = [
            (self.now, theme.dimmed(), '┊'),
            (self.cursor, Style::new().fg(theme.accent), '│'),
        ];
        for (x, style, symbol) in lines {
            let Some(column) = x.and_then(|x| self.column(inner, x)) else {
                continue;
            };
            let symbol = if symbols == Symbols::Ascii {
                vertical
            } else {
                symbol
            };
            for row in inner.y..inner.bottom() {
                let empty = buffer.cell((column, row)).is_none_or(|cell| cell.symbol() == " ");
                if empty {
                    set(buffer, column, row, symbol, style);
                }
            }
        }
        for mark in self.marks {
            if let Some(column) = self.column(inner, mark.x) {
                set(buffer, column, inner.y, mark.symbol, mark.style);
            }
        }
    }
}

fn set(buffer: &mut Buffer, x: u16, y: u16, symbol: char, style: Style) {
    if let Some(cell) = buffer.cell_mut((x, y)) {
        cell.set_char(symbol).set_style(style);
    }
}

fn draw_layer(canvas: &mut Canvas, layer: &Layer, x: Axis, y: Axis) {
    let (width, height) = (
        canvas.width().saturating_sub(1) as f64,
        canvas.height().saturating_sub(1) as f64,
    );
    let across = |value: f64| x.position(value) * width;
    // A value outside the range shows at the edge, so that no spike goes unseen.
    let down = |value: f64| (1.0 - y.position(value).clamp(-0.01, 1.01)) * height;
    match layer {
        Layer::Line {
            points,
            color,
            dotted,
        } => {
            let placed: Vec<(f64, f64)> = points.iter().map(|(px, py)| (across(*px), down(*py))).collect();
            for pair in placed.windows(2) {
                if let [from, to] = pair
                    && from.0.is_finite()
                    && to.0.is_finite()
                    && from.1.is_finite()
                    && to.1.is_finite()
                    && to.0 >= 0.0
                    && from.0 <= width
                {
                    if *dotted {
                        dotted_line(canvas, *from, *to, *color);
                    } else {
                        canvas.line(*from, *to, *color, Ink::Line);
                    }
                }
            }
            if let [only] = placed.as_slice()
                && only.0.is_finite()
                && only.1.is_finite()
            {
                canvas.line(*only, *only, *color, Ink::Line);
            }
        }
        Layer::Steps { points, color } => {
            for pair in points.windows(2) {
                if let [from, to] = pair {
                    let corner = (across(to.0), down(from.1));
                    let start = (across(from.0).max(0.0), down(from.1));
                    if corner.0 >= 0.0 && start.0 <= width && corner.1.is_finite() {
                        canvas.line(start, (corner.0.min(width), corner.1), *color, Ink::Line);
                        canvas.line(corner, (corner.0, down(to.1)), *color, Ink::Line);
                    }
                }
            }
        }
        Layer::Range { points, color } => {
            for (px, low, high) in points {
                let column = across(*px);
                let (top, bottom) = (down(*high).max(0.0), down(*low).min(height));
                if (0.0..=width).contains(&column) && top.is_finite() && bottom.is_finite() {
                    canvas.line((column, top), (column, bottom), *color, Ink::Shade);
                }
            }
        }
        Layer::Band { points, color } => band(canvas, points, *color, &across, &down),
    }
}

fn dotted_line(canvas: &mut Canvas, from: (f64, f64), to: (f64, f64), color: Color) {
    let mut column = from.0.max(0.0).ceil();
    while column <= to.0.min(canvas.width() as f64) {
        let share = if to.0 > from.0 {
            (column - from.0) / (to.0 - from.0)
        } else {
            0.0
        };
        if column as usize % 3 != 2 {
            let at = (column, from.1 + share * (to.1 - from.1));
            canvas.line(at, at, color, Ink::Line);
        }
        column += 1.0;
    }
}

/// Shades between two curves: every other dot, so that what lies behind stays visible.
fn band(
    canvas: &mut Canvas,
    points: &[(f64, f64, f64)],
    color: Color,
    across: &dyn Fn(f64) -> f64,
    down: &dyn Fn(f64) -> f64,
) {
    for pair in points.windows(2) {
        let [from, to] = pair else {
            continue;
        };
        let (left, right) = (across(from.0), across(to.0));
        if !left.is_finite() || !right.is_finite() {
            continue;
        }
        let mut column = left.max(0.0).ceil();
        while column <= right.min(canvas.width() as f64) {
            let share = if right > left {
                (column - left) / (right - left)
            } else {
                0.0
            };
            let top = down(from.2 + share * (to.2 - from.2));
            let bottom = down(from.1 + share * (to.1 - from.1));
            if top.is_finite() && bottom.is_finite() {
                let rows = top.max(0.0).round() as usize..=bottom.max(0.0).round() as usize;
                for row in rows.take(canvas.height()) {
                    if (row + column as usize).is_multiple_of(2) {
                        canvas.dot(column as usize, row, color, Ink::Shade);
                    }
                }
            }
            column += 1.0;
        }
    }
}
