//! The help: what the marks mean, how to filter, and the keys, from the key table.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::app::App;
use super::keys::GROUPS;
use super::theme::Symbols;
use crate::snapshot::State;
use crate::text::{ascii, width, wrap};

/// Columns for a mark or keys, before what they mean.
const TERM: usize = 12;
/// Least and most columns of a column of the help.
const LEAST_COLUMN: u16 = 38;
const COLUMN: u16 = 56;

/// A title and its lines: a mark or keys, and what they mean.
type Section = (&'static str, Vec<(String, String)>);

fn marks(symbols: Symbols) -> Section {
    let line = |mark: &str, meaning: &str| (mark.to_owned(), meaning.to_owned());
    (
        "Marks",
        vec![
            line("!! ! .", "critical, warning, note"),
            line("!3", "three alerts are open"),
            line(symbols.advice(), "advice: stop, or decay now"),
            line(symbols.crossing(), "will pass another run, with probability P"),
            line("R D S X", "training, done (finished), stalled, diverged"),
            line("~", "prior-based: what the decay gains is usual, not yet seen"),
            line("by attention", "alerts, advice, then the projected loss"),
            line("early", "too few points for a forecast"),
            line("P LOW", "probability to end lowest of those that compete"),
            line("3.21 ev", "a loss of evaluation"),
            line(
                "3.1-3.3 if",
                "the log does not show the plan: see the detail view",
            ),
            line("* B", "marked, baseline"),
        ],
    )
}

fn filters() -> Section {
    let line = |filter: &str, meaning: &str| (filter.to_owned(), meaning.to_owned());
    let states = State::ALL.map(State::name).join(" ");
    (
        "Filter",
        vec![
            line("wsd -seed2", "with wsd, without seed2 in the name"),
            line("wsd|cos", "one or the other"),
            line("state=", &states),
            line("loss<2.5", "also proj step progress lr; < <= = >= >"),
            line("alert:", "with an open alert"),
        ],
    )
}

/// Names of keys for which ASCII has no arrow.
fn in_ascii(keys: &str) -> String {
    let named = [('↓', "Down"), ('↑', "Up"), ('←', "Left"), ('→', "Right")];
    let name = |key: char| named.iter().find(|(arrow, _)| *arrow == key);
    keys.chars()
        .map(|key| name(key).map_or_else(|| ascii(key).to_string(), |(_, name)| (*name).to_owned()))
        .collect()
}

fn sections(symbols: Symbols) -> Vec<Section> {
    let keys = GROUPS.iter().map(|group| {
        let lines = group.bindings.iter().map(|binding| {
            let shown = match symbols {
                Symbols::Ascii => in_ascii(binding.shown),
                _ => binding.shown.to_owned(),
            };
            (shown, binding.help.to_owned())
        });
        (group.title, lines.collect())
    });
    [marks(symbols), filters()].into_iter().chain(keys).collect()
}

fn lines(app: &App, columns: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (title, section) in sections(app.symbols) {
        lines.push(Line::styled(title, app.theme.title()));
        for (term, meaning) in section {
            let indent = TERM.max(width(&term) + 1);
            let meaning = wrap(&meaning, columns.saturating_sub(indent + 1).max(8));
            for (index, part) in meaning.into_iter().enumerate() {
                let term = if index == 0 { term.as_str() } else { "" };
                let pad = " ".repeat(indent.saturating_sub(width(term)));
                lines.push(Line::from(vec![
                    Span::raw(format!(" {term}{pad}")),
                    Span::styled(part, app.theme.dimmed()),
                ]));
            }
        }
    }
    lines
}

/// Draws the help over what is there, in as many columns as it needs and there is room for.
pub fn draw(app: &App, frame: &mut Frame, area: Rect) {
    let rows = usize::from(area.height.saturating_sub(2)).max(1);
    let most = (area.width.saturating_sub(2) / LEAST_COLUMN).max(1);
    let fitting = (1..=most).map(|count| {
        let each = (area.width.saturating_sub(2) / count).min(COLUMN);
        (count, each, lines(app, usize::from(each).saturating_sub(1)))
    });
    let mut fitting: Vec<_> = fitting.collect();
    let needed = fitting
        .iter()
        .position(|(count, _, lines)| lines.len() <= rows * usize::from(*count));
    let place = needed.unwrap_or(fitting.len() - 1);
    let (count, each, lines) = fitting.swap_remove(place);
    let height = lines.len().div_ceil(usize::from(count)).min(rows);
    let most = lines.len().saturating_sub(height * usize::from(count));
    let (width, height) = ((each * count + 2).min(area.width), height as u16 + 2);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height.saturating_sub(height)) / 2,
        width,
        height: height.min(area.height),
    };
    let more = if most > 0 { " j k: more " } else { "" };
    let block = Block::bordered()
        .title(" Help ")
        .title_bottom(more)
        .border_style(app.theme.dimmed());
    let inner = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    let mut rest = lines.into_iter().skip(usize::from(app.help_scroll).min(most));
    let areas = Layout::horizontal(vec![Constraint::Fill(1); usize::from(count)]).split(inner);
    for area in areas.iter() {
        let column: Vec<Line> = rest.by_ref().take(usize::from(area.height)).collect();
        frame.render_widget(Paragraph::new(column), *area);
    }
}
