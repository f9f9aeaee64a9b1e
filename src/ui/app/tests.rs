use super::*;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::ui::theme::DARK;

fn typing(before: &str) -> App {
    let mut app = App::new(String::new(), &DARK, Symbols::Ascii);
    app.filter = before.parse().unwrap();
    app.update(Action::Filter, &Arc::default());
    app
}

fn press(app: &mut App, keys: &[(KeyCode, KeyModifiers)]) {
    for (code, modifiers) in keys {
        app.type_filter(KeyEvent::new(*code, *modifiers));
    }
}

fn write(app: &mut App, text: &str) {
    let keys: Vec<_> = text
        .chars()
        .map(|key| (KeyCode::Char(key), KeyModifiers::NONE))
        .collect();
    press(app, &keys);
}

#[test]
fn a_filter_is_edited_as_a_line_of_a_shell() {
    const CONTROL: KeyModifiers = KeyModifiers::CONTROL;
    let mut app = typing("");
    write(&mut app, "wsd lr>1 ");
    press(
        &mut app,
        &[
            (KeyCode::Char('x'), KeyModifiers::ALT),
            (KeyCode::Char('d'), CONTROL),
        ],
    );
    press(
        &mut app,
        &[
            (KeyCode::Char('\u{7}'), KeyModifiers::NONE),
            (KeyCode::Char('Z'), KeyModifiers::SHIFT),
        ],
    );
    assert_eq!(app.typing.as_deref(), Some("wsd lr>1 Z"));
    press(
        &mut app,
        &[(KeyCode::Char('w'), CONTROL), (KeyCode::Char('w'), CONTROL)],
    );
    assert_eq!(app.typing.as_deref(), Some("wsd "));
    press(&mut app, &[(KeyCode::Char('u'), CONTROL)]);
    assert_eq!((app.typing.as_deref(), app.filter.is_empty()), (Some(""), true));
}

#[test]
fn leaving_the_typing_brings_back_the_filter_that_was_before() {
    let mut app = typing("wsd");
    write(&mut app, " cos");
    assert_eq!(app.filter.text(), "wsd cos");
    press(&mut app, &[(KeyCode::Esc, KeyModifiers::NONE)]);
    assert_eq!((app.filter.text(), app.typing.is_none()), ("wsd", true));
}

#[test]
fn a_filter_that_is_none_is_refused_and_can_be_mended() {
    let mut app = typing("wsd");
    write(&mut app, " foo=1");
    press(&mut app, &[(KeyCode::Enter, KeyModifiers::NONE)]);
    assert_eq!(app.filter.text(), "wsd");
    assert_eq!(app.typing.as_deref(), Some("wsd foo=1"));
    assert!(app.notice.contains("`foo`"), "{}", app.notice);
}

#[test]
fn esc_in_the_overview_clears_the_filter_whatever_was_visited() {
    let mut app = typing("wsd");
    press(&mut app, &[(KeyCode::Enter, KeyModifiers::NONE)]);
    let snapshot = Arc::default();
    for view in [View::Alerts, View::Overview] {
        app.update(Action::View(view), &snapshot);
    }
    app.update(Action::Back, &snapshot);
    assert_eq!((app.view, app.filter.is_empty()), (View::Overview, true));
}

#[test]
fn esc_ends_in_the_overview() {
    let mut app = App::new(String::new(), &DARK, Symbols::Ascii);
    let snapshot = Arc::default();
    for view in [View::Alerts, View::Compare, View::Overview] {
        app.update(Action::View(view), &snapshot);
    }
    app.update(Action::Back, &snapshot);
    assert_eq!(app.view, View::Overview);
    app.update(Action::View(View::Alerts), &snapshot);
    app.update(Action::View(View::Files), &snapshot);
    let mut way = Vec::new();
    for _ in 0..3 {
        app.update(Action::Back, &snapshot);
        way.push(app.view);
    }
    assert_eq!(way, [View::Alerts, View::Overview, View::Overview]);
}
