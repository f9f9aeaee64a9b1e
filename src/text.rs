//! Makes text that came from outside safe to show.

use unicode_width::UnicodeWidthChar;

/// Replaces every control character, so that nothing from a log reaches the
/// terminal as a command. Tabs become a blank, the rest a visible substitute.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\t' => ' ',
            '\u{1b}' => '␛',
            character if is_unsafe(character) => '\u{fffd}',
            character => character,
        })
        .collect()
}

/// Control characters, and the invisible ones that reorder or hide text.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The character of ASCII that stands for one beyond it.
pub fn ascii(character: char) -> char {
    match character {
        character if character.is_ascii() => character,
        '±' => '+',
        // What was cut out may be anything, as in a pattern of a shell.
        '…' => '*',
        '·' | '•' => '.',
        '←' => '<',
        '→' => '>',
        '↑' | '▲' => '^',
        '↓' | '▼' => 'v',
        '×' => 'x',
        'α' => 'a',
        'λ' => 'l',
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        '–' | '—' | '─' | '━' => '-',
        '│' | '┃' => '|',
        '\u{2500}'..='\u{257f}' => '+',
        '\u{2580}'..='\u{259f}' => '#',
        '\u{2800}' => ' ',
        '\u{2801}'..='\u{28ff}' => '.',
        _ => '?',
    }
}

/// The same of a text: `3.0904 ±.16` as `3.0904+-.16`, which is as wide.
pub fn in_ascii(text: &str) -> String {
    text.replace(" ±", "+-").chars().map(ascii).collect()
}

/// Says which of several trainings in one log is shown, behind `earlier` ones; `None` for the only one.
pub fn trainings(earlier: usize) -> Option<String> {
    let all = earlier.checked_add(1).filter(|_| earlier > 0)?;
    let ones = if earlier == 1 { "one" } else { "ones" };
    Some(format!(
        "training {all} of {all} in this log; {earlier} earlier {ones} from scratch"
    ))
}

/// A duration in the two units that matter: `3d 4h`, `2h 10m`, `14m`, `5s`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "-".to_owned();
    }
    if seconds > 0.0 && seconds < 0.05 {
        return "<0.1s".to_owned();
    }
    if (0.0..0.95).contains(&seconds) {
        return format!("{seconds:.1}s");
    }
    let seconds = seconds.clamp(0.0, 1e12).round() as u64;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h {minutes:02}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

/// Steps, with the seconds that they take where these are known: `8,760 steps (2h 04m)`.
pub fn steps(steps: u64, seconds: Option<f64>) -> String {
    let time = seconds.map_or_else(String::new, |seconds| format!(" ({})", duration(seconds)));
    format!("{} steps{time}", count(steps))
}

/// A loss in a sentence.
pub fn loss(value: f64) -> String {
    decimal(value, 4)
}

/// A number in a sentence: so many decimals, and four significant digits where these say little.
pub fn decimal(value: f64, decimals: usize) -> String {
    let magnitude = value.abs();
    if magnitude >= 1e5 || (magnitude > 0.0 && magnitude < 0.01) {
        return format!("{value:.3e}");
    }
    format!("{value:.decimals$}")
}

/// A probability with the digits that tell.
pub fn probability(value: f64) -> String {
    if value < 0.001 {
        "<0.001".to_owned()
    } else {
        format!("{value:.3}")
    }
}

/// A whole number with separators: `31,240`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Above this ratio nobody asks how much it is.
const FAR: f64 = 1000.0;

/// How many times as much, in a sentence: `5.3 times`.
pub fn times(ratio: f64) -> String {
    if ratio > FAR {
        return format!("over {FAR} times");
    }
    format!("{ratio:.1} times")
}

/// How much more that is: `+45%`.
pub fn change(ratio: f64) -> String {
    if ratio > FAR {
        return times(ratio);
    }
    format!("{:+.0}%", (ratio - 1.0) * 100.0)
}

/// Columns that `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    text.chars().filter_map(UnicodeWidthChar::width).sum()
}

/// Shortens `text` to `columns`, cutting the middle.
pub fn shorten(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let tail_columns = (columns - 1) / 2;
    let head_columns = columns - 1 - tail_columns;
    let mut head = take_columns(text.chars(), head_columns);
    let tail: String = take_columns(text.chars().rev(), tail_columns)
        .chars()
        .rev()
        .collect();
    head.push('…');
    head.push_str(&tail);
    head
}

/// Shortens the name of a run: its file name says more than its folders.
pub fn shorten_path(path: &str, columns: usize) -> String {
    if width(path) <= columns {
        return path.to_owned();
    }
    match path.rsplit_once('/') {
        Some((folder, name)) if width(name) + 3 < columns => {
            format!("{}/{name}", clip(folder, columns - width(name) - 1))
        }
        Some((_, name)) => shorten(name, columns),
        None => shorten(path, columns),
    }
}

/// Shortens a sentence to `columns`, cutting its end.
pub fn clip(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut head = take_columns(text.chars(), columns.saturating_sub(1));
    if columns > 0 {
        head.push('…');
    }
    head
}

/// Breaks a sentence between words into lines of at most `columns`.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(clip(word, columns)),
        }
    }
    lines
}

/// A line that goes on below itself, indented, where it is longer than a terminal of so many columns is wide. No word is
/// cut: what is to be copied stays whole.
pub fn hang(text: &str, columns: Option<usize>, indent: usize) -> String {
    let Some(columns) = columns.filter(|columns| width(text) > *columns) else {
        return text.to_owned();
    };
    let mut used = 0;
    let mut hung = String::with_capacity(text.len() + 8 * indent);
    // The head of the line may be aligned with blanks.
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 && used + 1 + width(word) > columns && used > indent && !word.is_empty() {
            hung.truncate(hung.trim_end_matches(' ').len());
            hung.push('\n');
            hung.push_str(&" ".repeat(indent));
            used = indent;
        } else if index > 0 {
            hung.push(' ');
            used += 1;
        }
        hung.push_str(word);
        used += width(word);
    }
    hung
}

fn take_columns(characters: impl Iterator<Item = char>, columns: usize) -> String {
    let mut used = 0;
    characters
        .take_while(|character| {
            used += character.width().unwrap_or(0);
            used <= columns
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_lose_their_power() {
        let shown = printable("a\u{1b}[31mred\u{7}\r\nb\u{202e}c\t.");
        assert!(!shown.chars().any(is_unsafe), "{shown:?}");
        assert!(shown.starts_with('a') && shown.ends_with("c ."));
    }

    #[test]
    fn losses_have_digits_at_every_scale() {
        let shown = [0.000_341_2, 0.0203, -1.25, 0.0, 2.687_551e24].map(loss);
        assert_eq!(shown, ["3.412e-4", "0.0203", "-1.2500", "0.0000", "2.688e24"]);
    }

    #[test]
    fn ratios_beyond_measure_are_told_in_words() {
        assert_eq!(
            (times(5.34), times(5.3e12)),
            ("5.3 times".to_owned(), "over 1000 times".to_owned())
        );
        assert_eq!(
            (change(1.45), change(f64::INFINITY)),
            ("+45%".to_owned(), "over 1000 times".to_owned())
        );
        assert_eq!(
            (decimal(12.5, 3), decimal(23_439_058_000_000.0, 3)),
            ("12.500".to_owned(), "2.344e13".to_owned())
        );
    }

    #[test]
    fn wrapping_loses_no_word_and_keeps_the_width() {
        let text = "annealing law, schedule inferred; learns from 2 siblings";
        let lines = wrap(text, 20);
        assert!(lines.iter().all(|line| width(line) <= 20), "{lines:?}");
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn a_line_that_is_too_long_goes_on_below_itself_between_words() {
        let line = "warning   lr1/a-rather-long-name.csv: Loss has risen and stays there";
        let hung = hang(line, Some(40), 10);
        let lines: Vec<&str> = hung.lines().collect();
        assert_eq!(lines[0], "warning   lr1/a-rather-long-name.csv:");
        assert_eq!(lines[1], "          Loss has risen and stays there");
        assert_eq!(hang(line, None, 10), line);
        let word = "x".repeat(60);
        assert!(hang(&format!("a {word} b"), Some(40), 2).contains(&word));
    }

    #[test]
    fn ascii_keeps_the_width_of_a_number_and_its_interval() {
        assert_eq!(in_ascii("3.0904 ±.16 …│é"), "3.0904+-.16 *|?");
    }

    #[test]
    fn shortening_keeps_both_ends_and_the_width() {
        let name = "ann124-0.2_12x768_slimpajama_lr0.001_wsd-linear-0.2_T50000";
        let short = shorten(name, 20);
        assert_eq!(width(&short), 20);
        assert!(short.starts_with("ann124") && short.ends_with("T50000"));
        assert_eq!(width(&shorten("漢字漢字漢字", 5)), 5);
        assert_eq!(shorten("abc", 0), "");
        assert_eq!(
            shorten_path("slimpajama-124m/wsd-lr1e-3.csv", 24),
            "slimpaja…/wsd-lr1e-3.csv"
        );
        assert_eq!(
            shorten_path("slimpajama-124m/wsd-lr1e-3.csv", 16),
            "wsd-lr1e-3.csv"
        );
    }
}
