//! A grid of dots finer than the cells of the terminal.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use crate::ui::theme::Symbols;

/// What dots are of, the weaker first: where both are in a cell only the stronger shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ink {
    /// Raw points and bands, behind the lines.
    Shade,
    /// Lines.
    Line,
}

/// Dots, each cell with one colour: that of what was drawn last with its ink.
pub struct Canvas {
    symbols: Symbols,
    columns: usize,
    rows: usize,
    cells: Vec<(u8, Color, Ink)>,
}

impl Canvas {
    /// An empty canvas for an area.
    pub fn new(area: Rect, symbols: Symbols) -> Self {
        let (columns, rows) = (usize::from(area.width), usize::from(area.height));
        Canvas {
            symbols,
            columns,
            rows,
            cells: vec![(0, Color::Reset, Ink::Shade); columns * rows],
        }
    }

    const fn dots_per_cell(&self) -> (usize, usize) {
        match self.symbols {
            Symbols::Braille => (2, 4),
            Symbols::Blocks | Symbols::Ascii => (1, 2),
        }
    }

    /// Dots from left to right.
    pub fn width(&self) -> usize {
        self.columns * self.dots_per_cell().0
    }

    /// Dots from top to bottom.
    pub fn height(&self) -> usize {
        self.rows * self.dots_per_cell().1
    }

    /// Sets the dot `x` from the left and `y` from the top.
    pub fn dot(&mut self, x: usize, y: usize, color: Color, ink: Ink) {
        let (across, down) = self.dots_per_cell();
        let (column, row) = (x / across, y / down);
        if column >= self.columns || row >= self.rows {
            return;
        }
        let bit = match (self.symbols, x % across, y % down) {
            (Symbols::Braille, 0, 3) => 0x40,
            (Symbols::Braille, 1, 3) => 0x80,
            (Symbols::Braille, 0, line) => 1 << line,
            (Symbols::Braille, _, line) => 8 << line,
            (_, _, line) => 1 << line,
        };
        if let Some(cell) = self.cells.get_mut(row * self.columns + column)
            && ink >= cell.2
        {
            let kept = if ink == cell.2 { cell.0 } else { 0 };
            *cell = (kept | bit, color, ink);
        }
    }

    /// Draws a straight line between two dots; what lies outside is left out.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), color: Color, ink: Ink) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil();
        // A segment far outside the canvas must not cost a long walk.
        let limit = 4.0 * (self.width() + self.height()) as f64;
        let steps = steps.clamp(1.0, limit) as usize;
        for index in 0..=steps {
            let share = index as f64 / steps as f64;
            let (x, y) = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            if x >= -0.5 && y >= -0.5 {
                self.dot(
                    x.round().max(0.0) as usize,
                    y.round().max(0.0) as usize,
                    color,
                    ink,
                );
            }
        }
    }

    /// Writes the dots into the buffer; empty cells stay as they are.
    pub fn render(&self, area: Rect, buffer: &mut Buffer) {
        let drawn = self.cells.iter().enumerate();
        for (index, (dots, color, ink)) in drawn.filter(|(_, (dots, ..))| *dots != 0) {
            let x = area.x.saturating_add((index % self.columns.max(1)) as u16);
            let y = area.y.saturating_add((index / self.columns.max(1)) as u16);
            if let Some(cell) = buffer.cell_mut((x, y)) {
                // Without colours brightness tells the line from what lies behind it.
                let style = if *ink == Ink::Shade && *color == Color::Reset {
                    Style::new().add_modifier(Modifier::DIM)
                } else {
                    Style::new().fg(*color)
                };
                cell.set_char(self.character(*dots)).set_style(style);
            }
        }
    }

    fn character(&self, dots: u8) -> char {
        match self.symbols {
            Symbols::Braille => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
            Symbols::Blocks => match dots {
                1 => '▀',
                2 => '▄',
                _ => '█',
            },
            Symbols::Ascii => match dots {
                1 => '\'',
                2 => '.',
                _ => ':',
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_not_thickened_by_what_lies_behind_it() {
        let area = Rect::new(0, 0, 1, 1);
        let drawn = |dots: &[(usize, Ink)]| {
            let mut canvas = Canvas::new(area, Symbols::Braille);
            for (row, ink) in dots {
                canvas.dot(0, *row, Color::Reset, *ink);
            }
            let mut buffer = Buffer::empty(area);
            canvas.render(area, &mut buffer);
            buffer
                .content
                .iter()
                .map(|cell| cell.symbol())
                .collect::<String>()
        };
        let (shade, line) = (Ink::Shade, Ink::Line);
        assert_eq!(drawn(&[(0, shade), (1, line), (2, shade)]), "⠂");
        assert_eq!(drawn(&[(0, line), (1, line)]), "⠃");
        assert_eq!(drawn(&[(0, shade), (1, shade)]), "⠃");
    }
}
