//! The keys. One table drives what they do and what the help screen says.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Leave the program.
    Quit,
    /// Stop the program until it is continued.
    Suspend,
    /// Show or hide the help.
    Help,
    /// One layer out.
    Back,
    /// Open what is selected.
    Open,
    /// Go to a view.
    View(View),
    /// The next view.
    NextView,
    /// The previous view.
    PreviousView,
    /// Move the selection by lines.
    Move(i32),
    /// Move the selection by pages; the number is in half pages.
    Page(i32),
    /// First line.
    First,
    /// Last line.
    Last,
    /// Mark or unmark the selected run.
    Mark,
    /// Mark all runs shown.
    MarkAll,
    /// Unmark all.
    UnmarkAll,
    /// Make the selected run the baseline, or none.
    Baseline,
    /// Sort by the next column.
    Sort,
    /// Reverse the order.
    Reverse,
    /// Filter by typing.
    Filter,
    /// Logarithmic vertical axis.
    LogY,
    /// Logarithmic horizontal axis.
    LogX,
    /// Steps, tokens or time.
    XAxis,
    /// Less or more smoothing.
    Smooth(i32),
    /// Raw points on or off.
    Raw,
    /// Zoom in or out.
    Zoom(i32),
    /// Shift the view.
    Pan(i32),
    /// Show everything.
    Fit,
    /// Move the value cursor.
    Cursor(i32),
    /// Remove the value cursor.
    CursorOff,
    /// Robust or full vertical range.
    Outliers,
    /// Forecast on or off.
    Forecast,
    /// Level of the band.
    Interval,
    /// To the next or the previous event.
    Event(i32),
    /// Acknowledge the selected alert.
    Acknowledge,
    /// Mute the kind of the selected alert in its run, for as long as losscast runs.
    Mute,
    /// Train or eval loss.
    Metric,
    /// Freeze the display.
    Freeze,
    /// Symbols of charts.
    Symbols,
    /// Colours.
    Theme,
    /// Draw everything again.
    Redraw,
}

/// The screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// All runs.
    Overview,
    /// One run.
    Detail,
    /// Several runs on one axis.
    Compare,
    /// What was noticed.
    Alerts,
    /// What was not understood.
    Files,
}

/// All views, in the order of their numbers.
pub const VIEWS: [(View, &str); 5] = [
    (View::Overview, "overview"),
    (View::Detail, "detail"),
    (View::Compare, "compare"),
    (View::Alerts, "alerts"),
    (View::Files, "files"),
];

/// A key and its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Char(char),
    Control(char),
    Code(KeyCode),
    Shift(KeyCode),
}

impl Key {
    fn matches(self, event: KeyEvent) -> bool {
        let control = event.modifiers.contains(KeyModifiers::CONTROL);
        let shift = event.modifiers.contains(KeyModifiers::SHIFT);
        match self {
            Key::Char(wanted) => event.code == KeyCode::Char(wanted) && !control,
            Key::Control(wanted) => event.code == KeyCode::Char(wanted) && control,
            Key::Code(code) => event.code == code && !control && !shift,
            Key::Shift(code) => event.code == code && shift,
        }
    }
}

/// A line of the key table.
pub struct Binding {
    keys: &'static [(Key, Action)],
    /// The keys as the help shows them.
    pub shown: &'static str,
    /// What they do.
    pub help: &'static str,
}

impl Binding {
    /// The actions of its keys.
    pub fn actions(&self) -> impl Iterator<Item = Action> {
        self.keys.iter().map(|(_, action)| *action)
    }
}

/// A group of the key table.
pub struct Group {
    /// Its title.
    pub title: &'static str,
    /// Its lines.
    pub bindings: &'static [Binding],
}

macro_rules! keys {
    ($shown:literal, $help:literal, $($key:expr => $action:expr),+ $(,)?) => {
        Binding { keys: &[$(($key, $action)),+], shown: $shown, help: $help }
    };
}

use Key::{Char, Code, Control, Shift};

/// The key table.
pub const GROUPS: &[Group] = &[
    Group {
        title: "Go",
        bindings: &[
            keys!("j k ↓ ↑", "down, up", Char('j') => Action::Move(1), Char('k') => Action::Move(-1), Code(KeyCode::Down) => Action::Move(1), Code(KeyCode::Up) => Action::Move(-1)),
            keys!("g G", "first, last", Char('g') => Action::First, Char('G') => Action::Last, Code(KeyCode::Home) => Action::First, Code(KeyCode::End) => Action::Last),
            keys!("^d ^u PgDn PgUp", "pages", Control('d') => Action::Page(1), Control('u') => Action::Page(-1), Code(KeyCode::PageDown) => Action::Page(2), Code(KeyCode::PageUp) => Action::Page(-2)),
            keys!("Enter", "open", Code(KeyCode::Enter) => Action::Open),
            keys!("Esc", "back, up to the overview", Code(KeyCode::Esc) => Action::Back, Code(KeyCode::Backspace) => Action::Back),
            keys!("1 2 3 4 5", "overview, detail, compare, alerts, files", Char('1') => Action::View(View::Overview), Char('2') => Action::View(View::Detail), Char('3') => Action::View(View::Compare), Char('4') => Action::View(View::Alerts), Char('5') => Action::View(View::Files)),
            keys!("Tab", "next view", Code(KeyCode::Tab) => Action::NextView, Code(KeyCode::BackTab) => Action::PreviousView, Shift(KeyCode::BackTab) => Action::PreviousView),
            keys!("a", "alerts", Char('a') => Action::View(View::Alerts)),
            keys!("? F1", "help", Char('?') => Action::Help, Code(KeyCode::F(1)) => Action::Help),
            keys!("q ^c", "quit", Char('q') => Action::Quit, Control('c') => Action::Quit),
        ],
    },
    Group {
        title: "Runs",
        bindings: &[
            keys!("/ f", "filter", Char('/') => Action::Filter, Char('f') => Action::Filter),
            keys!("s S", "sort, reverse", Char('s') => Action::Sort, Char('S') => Action::Reverse),
            keys!("Space", "mark", Char(' ') => Action::Mark),
            keys!("^a x", "mark all, none", Control('a') => Action::MarkAll, Char('x') => Action::UnmarkAll),
            keys!("C", "compare marked", Char('C') => Action::View(View::Compare)),
            keys!("b", "baseline", Char('b') => Action::Baseline),
            keys!("A", "acknowledge alert", Char('A') => Action::Acknowledge),
            keys!("K", "mute this kind of alert in its run", Char('K') => Action::Mute),
            keys!("v", "train, eval loss; detail: any curve", Char('v') => Action::Metric),
        ],
    },
    Group {
        title: "Chart",
        bindings: &[
            keys!("y Y", "log y, log x", Char('y') => Action::LogY, Char('Y') => Action::LogX),
            keys!("X", "x: step tokens time", Char('X') => Action::XAxis),
            keys!("[ ]", "smoothing", Char('[') => Action::Smooth(-1), Char(']') => Action::Smooth(1)),
            keys!("r", "raw points", Char('r') => Action::Raw),
            keys!("+ -", "zoom", Char('+') => Action::Zoom(1), Char('=') => Action::Zoom(1), Char('-') => Action::Zoom(-1)),
            keys!("h l 0", "pan, fit", Char('h') => Action::Pan(-1), Char('l') => Action::Pan(1), Char('0') => Action::Fit),
            keys!("← →", "cursor (Shift: faster)", Code(KeyCode::Left) => Action::Cursor(-1), Code(KeyCode::Right) => Action::Cursor(1), Shift(KeyCode::Left) => Action::Cursor(-10), Shift(KeyCode::Right) => Action::Cursor(10)),
            keys!("c", "cursor off", Char('c') => Action::CursorOff),
            keys!("e E", "next, previous event", Char('e') => Action::Event(1), Char('E') => Action::Event(-1)),
            keys!("o", "outliers: robust, full", Char('o') => Action::Outliers),
            keys!("F i", "forecast, interval", Char('F') => Action::Forecast, Char('i') => Action::Interval),
        ],
    },
    Group {
        title: "Screen",
        bindings: &[
            keys!("Z", "freeze", Char('Z') => Action::Freeze),
            keys!("M T", "symbols, colours", Char('M') => Action::Symbols, Char('T') => Action::Theme),
            keys!("^l ^z", "redraw, suspend", Control('l') => Action::Redraw, Control('z') => Action::Suspend),
        ],
    },
];

/// What a key event means.
pub fn action(event: KeyEvent) -> Option<Action> {
    GROUPS
        .iter()
        .flat_map(|group| group.bindings)
        .flat_map(|binding| binding.keys)
        .find(|(key, _)| key.matches(event))
        .map(|(_, action)| *action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings() {
        let all: Vec<(Key, Action)> = GROUPS
            .iter()
            .flat_map(|group| group.bindings)
            .flat_map(|binding| binding.keys)
            .copied()
            .collect();
        for (index, (key, action)) in all.iter().enumerate() {
            for (other, meaning) in all.iter().skip(index + 1) {
                assert!(
                    key != other || action == meaning,
                    "{key:?} means {action:?} and {meaning:?}"
                );
            }
        }
    }

    #[test]
    fn modifiers_tell_keys_apart() {
        let key = |code, modifiers| action(KeyEvent::new(code, modifiers));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Action::Quit));
        assert_eq!(
            key(KeyCode::Char('c'), KeyModifiers::NONE),
            Some(Action::CursorOff)
        );
        assert_eq!(key(KeyCode::Char('G'), KeyModifiers::SHIFT), Some(Action::Last));
        assert_eq!(key(KeyCode::Right, KeyModifiers::SHIFT), Some(Action::Cursor(10)));
        assert_eq!(key(KeyCode::Char('u'), KeyModifiers::NONE), None);
    }
}
