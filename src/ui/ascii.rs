//! The whole screen in ASCII, for terminals that show nothing else.

use ratatui::buffer::Buffer;

use crate::text::ascii;

/// Replaces what is not ASCII: names of runs may hold anything.
pub fn only(buffer: &mut Buffer) {
    let width = usize::from(buffer.area.width).max(1);
    for line in buffer.content.chunks_mut(width) {
        for at in 0..line.len() {
            let Some(cell) = line.get(at).filter(|cell| !cell.symbol().is_ascii()) else {
                continue;
            };
            let symbol = cell.symbol().chars().next().unwrap_or(' ');
            // `3.0904 ±.16` keeps its width as `3.0904+-.16`.
            let before = at.checked_sub(1).and_then(|before| line.get_mut(before));
            let before = before.filter(|before| symbol == '±' && before.symbol() == " ");
            let replaced = if let Some(before) = before {
                before.set_char('+');
                '-'
            } else {
                ascii(symbol)
            };
            if let Some(cell) = line.get_mut(at) {
                cell.set_char(replaced);
            }
        }
    }
}
