//! A filter while it is typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::App;

impl App {
    /// A key while the filter is being typed. Enter ends the typing where the filter is one,
    /// Esc ends it with the filter that held before.
    pub fn type_filter(&mut self, key: KeyEvent) {
        self.notice.clear();
        let Some(text) = &mut self.typing else {
            return;
        };
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => text.clear(),
            KeyCode::Char('w') if control => {
                let words = text.trim_end();
                text.truncate(words.rfind(char::is_whitespace).map_or(0, |blank| blank + 1));
            }
            KeyCode::Char(character)
                if (key.modifiers - KeyModifiers::SHIFT).is_empty() && !character.is_control() =>
            {
                text.push(character);
            }
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Esc => {
                self.filter = std::mem::take(&mut self.filter_before);
                self.typing = None;
                return;
            }
            KeyCode::Enter => {
                match text.parse() {
                    Ok(filter) => {
                        self.filter = filter;
                        self.typing = None;
                    }
                    Err(error) => {
                        self.filter = self.filter_before.clone();
                        self.notice = error;
                    }
                }
                return;
            }
            _ => {}
        }
        // A filter that is not finished keeps the last good view.
        if let Ok(filter) = text.parse() {
            self.filter = filter;
        }
    }
}
