//! Colours by role, and the symbols that charts are drawn with.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;

use crate::alert::Severity;
use crate::snapshot::State;

/// The colours of the screen. No meaning rests on colour alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Theme {
    /// Name, as on the command line.
    pub name: &'static str,
    /// Ordinary text.
    pub text: Color,
    /// Less important text, axes.
    pub dim: Color,
    /// Titles and keys.
    pub accent: Color,
    /// The selected row.
    pub selected: Style,
    /// Raw points behind the curve.
    pub raw: Color,
    /// The forecast.
    pub forecast: Color,
    /// The 80% band of the forecast.
    pub band: Color,
    /// The fitted law.
    pub fitted: Color,
    /// All well.
    pub good: Color,
    /// Look at it.
    pub warning: Color,
    /// Being lost.
    pub critical: Color,
    /// Series of different runs, as many as are compared.
    pub series: [Color; 12],
}

/// For terminals with a dark background.
pub const DARK: Theme = Theme {
    name: "dark",
    text: Color::Reset,
    dim: Color::Indexed(243),
    accent: Color::Indexed(75),
    selected: Style::new()
        .fg(Color::Indexed(255))
        .bg(Color::Indexed(237))
        .add_modifier(Modifier::BOLD),
    raw: Color::Indexed(239),
    forecast: Color::Indexed(215),
    band: Color::Indexed(94),
    fitted: Color::Indexed(109),
    good: Color::Indexed(114),
    warning: Color::Indexed(221),
    critical: Color::Indexed(203),
    series: [
        Color::Indexed(75),
        Color::Indexed(215),
        Color::Indexed(114),
        Color::Indexed(176),
        Color::Indexed(80),
        Color::Indexed(221),
        Color::Indexed(210),
        Color::Indexed(147),
        Color::Indexed(250),
        Color::Indexed(137),
        Color::Indexed(71),
        Color::Indexed(33),
    ],
};

/// For terminals with a light background.
pub const LIGHT: Theme = Theme {
    name: "light",
    text: Color::Reset,
    dim: Color::Indexed(245),
    accent: Color::Indexed(25),
    selected: Style::new()
        .fg(Color::Indexed(232))
        .bg(Color::Indexed(254))
        .add_modifier(Modifier::BOLD),
    raw: Color::Indexed(250),
    forecast: Color::Indexed(166),
    band: Color::Indexed(223),
    fitted: Color::Indexed(66),
    good: Color::Indexed(28),
    warning: Color::Indexed(136),
    critical: Color::Indexed(160),
    series: [
        Color::Indexed(25),
        Color::Indexed(166),
        Color::Indexed(28),
        Color::Indexed(91),
        Color::Indexed(30),
        Color::Indexed(136),
        Color::Indexed(125),
        Color::Indexed(61),
        Color::Indexed(240),
        Color::Indexed(94),
        Color::Indexed(64),
        Color::Indexed(33),
    ],
};

/// Without colours.
pub const MONO: Theme = Theme {
    name: "mono",
    text: Color::Reset,
    dim: Color::Reset,
    accent: Color::Reset,
    selected: Style::new().add_modifier(Modifier::REVERSED),
    raw: Color::Reset,
    forecast: Color::Reset,
    band: Color::Reset,
    fitted: Color::Reset,
    good: Color::Reset,
    warning: Color::Reset,
    critical: Color::Reset,
    series: [Color::Reset; 12],
};

/// All themes, in the order in which the key goes through them.
pub const THEMES: [&Theme; 3] = [&DARK, &LIGHT, &MONO];

impl Theme {
    /// The theme of this name.
    pub fn named(name: &str) -> Option<&'static Theme> {
        THEMES.into_iter().find(|theme| theme.name == name)
    }

    /// The theme after this one.
    pub fn next(&self) -> &'static Theme {
        let at = THEMES
            .iter()
            .position(|theme| theme.name == self.name)
            .unwrap_or(0);
        THEMES.get((at + 1) % THEMES.len()).copied().unwrap_or(&DARK)
    }

    /// A line that is selected: what has no colour of its own takes that which goes with the background.
    pub fn select<'a>(&self, mut line: Line<'a>) -> Line<'a> {
        for span in &mut line.spans {
            if span.style.fg == Some(Color::Reset) {
                span.style.fg = None;
            }
        }
        line.style(self.selected)
    }

    /// Less important text.
    pub fn dimmed(&self) -> Style {
        if self.dim == Color::Reset {
            Style::new().add_modifier(Modifier::DIM)
        } else {
            Style::new().fg(self.dim)
        }
    }

    /// Titles.
    pub fn title(&self) -> Style {
        Style::new().fg(self.accent).add_modifier(Modifier::BOLD)
    }

    /// How a severity looks.
    pub fn severity(&self, severity: Severity) -> Style {
        match severity {
            Severity::Info => self.dimmed(),
            Severity::Warning => Style::new().fg(self.warning),
            Severity::Critical => Style::new().fg(self.critical).add_modifier(Modifier::BOLD),
        }
    }

    /// How a state looks.
    pub fn state(&self, state: State) -> Style {
        match state {
            State::Training => Style::new().fg(self.good),
            State::Finished => self.dimmed(),
            State::Stalled => Style::new().fg(self.warning),
            State::Diverged => Style::new().fg(self.critical).add_modifier(Modifier::BOLD),
        }
    }

    /// The colour of the series number `index`.
    pub fn series(&self, index: usize) -> Color {
        self.series
            .get(index % self.series.len())
            .copied()
            .unwrap_or(self.text)
    }
}

/// What charts and bars are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbols {
    /// Braille patterns, two by four dots in a cell.
    Braille,
    /// Half blocks, two dots in a cell.
    Blocks,
    /// Plain ASCII.
    Ascii,
}

impl Symbols {
    /// The symbols after these.
    pub const fn next(self) -> Symbols {
        match self {
            Symbols::Braille => Symbols::Blocks,
            Symbols::Blocks => Symbols::Ascii,
            Symbols::Ascii => Symbols::Braille,
        }
    }

    /// The word for them.
    pub const fn name(self) -> &'static str {
        match self {
            Symbols::Braille => "braille",
            Symbols::Blocks => "blocks",
            Symbols::Ascii => "ASCII",
        }
    }

    /// Characters for a sparkline, lowest first.
    pub const fn levels(self) -> &'static [char] {
        match self {
            Symbols::Ascii => &['_', '.', '-', '=', '^'],
            _ => &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
        }
    }

    /// Characters of a progress bar: done, to do.
    pub const fn bar(self) -> (char, char) {
        match self {
            Symbols::Ascii => ('#', '-'),
            _ => ('━', '─'),
        }
    }

    /// The mark of a column that is sorted by: smallest first, largest first.
    pub const fn order(self) -> (char, char) {
        match self {
            Symbols::Ascii => ('^', 'v'),
            _ => ('▲', '▼'),
        }
    }

    /// A horizontal and a vertical rule, and the corner of the axes.
    pub const fn rules(self) -> (char, char, char) {
        match self {
            Symbols::Ascii => ('-', '|', '+'),
            _ => ('─', '│', '└'),
        }
    }

    /// The mark of a line with advice.
    pub const fn advice(self) -> &'static str {
        match self {
            Symbols::Ascii => "#",
            _ => "◆",
        }
    }

    /// The mark of a line about runs whose order will change.
    pub const fn crossing(self) -> &'static str {
        match self {
            Symbols::Ascii => "><",
            _ => "⇅",
        }
    }
}
