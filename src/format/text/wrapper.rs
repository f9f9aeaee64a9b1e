//! What schedulers, launchers and terminals wrap around the lines of a log.

use std::borrow::Cow;

use super::progress::bar_end;
use crate::format::{encoding, number};

/// Splits a line into its pieces: progress bars redraw with carriage returns, and a
/// record may stand between two redraws.
#[derive(Debug, Default)]
pub struct Pieces {
    clean: String,
}

impl Pieces {
    /// Calls `each` with every piece, freed of escape sequences and overstrikes.
    pub fn each(&mut self, line: &[u8], mut each: impl FnMut(&str)) {
        let line = &*without_octal_escapes(line);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\r', line).chain([line.len()]) {
            let piece = line.get(start..end).unwrap_or_default();
            start = end + 1;
            if piece.is_empty() {
                continue;
            }
            match (is_free_of_control(piece), encoding::text(piece)) {
                (true, Cow::Borrowed(text)) => behind_a_bar(text, &mut each),
                (_, text) => {
                    self.clean.clear();
                    clean(&text, &mut self.clean);
                    behind_a_bar(&self.clean, &mut each);
                }
            }
        }
    }
}

/// The pieces of a sample, as [`Pieces`] splits its lines, freed of what a terminal would interpret: a log may be
/// a single line that is drawn again and again.
pub fn pieces(content: &[u8]) -> impl Iterator<Item = Cow<'_, str>> {
    content
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .filter(|piece| !piece.is_empty())
        .map(plain)
}

/// A piece without escape sequences and overstrikes.
fn plain(piece: &[u8]) -> Cow<'_, str> {
    let unescaped = without_octal_escapes(piece);
    if matches!(unescaped, Cow::Borrowed(_)) && is_free_of_control(piece) {
        return encoding::text(piece);
    }
    let mut out = String::with_capacity(unescaped.len());
    clean(&encoding::text(&unescaped), &mut out);
    Cow::Owned(out)
}

/// True for bytes without escape sequences and overstrikes.
fn is_free_of_control(bytes: &[u8]) -> bool {
    memchr::memchr3(0x1b, 0x08, 0, bytes).is_none()
}

/// A line with the control characters that syslog has written as `#` and three octal digits, which is how logs
/// of containers reach `SageMaker`: `[5]#011train-rmse:7.47`. What parts lines becomes a carriage return.
fn without_octal_escapes(line: &[u8]) -> Cow<'_, [u8]> {
    let mut marks = memchr::memchr_iter(b'#', line)
        .filter_map(|mark| Some((mark, octal_escape(line, mark)?)))
        .peekable();
    if marks.peek().is_none() {
        return Cow::Borrowed(line);
    }
    let mut out = Vec::with_capacity(line.len());
    let mut at = 0;
    for (mark, control) in marks {
        out.extend_from_slice(line.get(at..mark).unwrap_or_default());
        out.push(if control == b'\n' { b'\r' } else { control });
        at = mark + OCTAL_ESCAPE;
    }
    out.extend_from_slice(line.get(at..).unwrap_or_default());
    Cow::Owned(out)
}

/// Bytes of a control character as syslog writes it.
const OCTAL_ESCAPE: usize = "#011".len();

/// The control character that is written at `mark`. A counter may look the same, `Epoch #011: `, but stands
/// behind a blank, or before what ends a number.
fn octal_escape(line: &[u8], mark: usize) -> Option<u8> {
    let [b'#', b'0', high @ b'0'..=b'3', low @ b'0'..=b'7'] = line.get(mark..mark + OCTAL_ESCAPE)? else {
        return None;
    };
    let control = (high - b'0') * 8 + (low - b'0');
    let behind = line.get(mark + OCTAL_ESCAPE);
    let is_known = match control {
        0x1b => behind == Some(&b'['),
        b'\t' | b'\n' | b'\r' => {
            let is_behind_a_blank = mark
                .checked_sub(1)
                .is_none_or(|before| line.get(before) == Some(&b' '));
            let ends_a_number =
                behind.is_some_and(|byte| matches!(byte, b' ' | b':' | b',' | b'/' | b']' | b')' | b'|'));
            !is_behind_a_blank && !ends_a_number
        }
        _ => false,
    };
    is_known.then_some(control)
}

/// What is printed while a progress bar is drawn may stand right behind it.
fn behind_a_bar(text: &str, each: &mut impl FnMut(&str)) {
    let has = |byte| memchr::memchr(byte, text.as_bytes()).is_some();
    let is_likely = has(b'|')
        && has(b'[')
        && [&b"/s"[..], b"s/it"]
            .iter()
            .any(|rate| memchr::memmem::find(text.as_bytes(), rate).is_some());
    let end = if is_likely { bar_end(text) } else { None };
    match end.and_then(|end| text.split_at_checked(end)) {
        Some((bar, rest)) if !rest.trim().is_empty() => {
            each(bar);
            each(rest);
        }
        _ => each(text),
    }
}

/// A line without escape sequences.
pub fn without_colours(line: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(0x1b, line).is_none() {
        return Cow::Borrowed(line);
    }
    let mut plain = String::with_capacity(line.len());
    clean(&encoding::text(line), &mut plain);
    Cow::Owned(plain.into_bytes())
}

/// Takes out escape sequences and applies backspaces.
fn clean(text: &str, out: &mut String) {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.next() {
                // Control sequence: ends with a letter or one of @ [ \ ] ^ _ ` { | } ~.
                Some('[') => while characters.next().is_some_and(|part| !('@'..='~').contains(&part)) {},
                // Operating system command: ends with BEL or the string terminator.
                Some(']') => {
                    while let Some(part) = characters.next() {
                        if part == '\u{7}' || (part == '\u{1b}' && characters.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\u{8}' => {
                out.pop();
            }
            '\0' => {}
            character => out.push(character),
        }
    }
}

/// The rank that a launcher put before a line: `[rank3]:` and `[default3]:` of torchrun,
/// `3: ` of srun, `[XTuner][RANK 3]`, `(Worker rank=3, pid=7)` of Ray and SkyPilot.
pub fn rank(line: &[u8]) -> Option<u32> {
    const LONGEST: usize = 120;
    if !may_have_rank(line) {
        return None;
    }
    let head = line.get(blanks(line)..)?;
    let first = head.first()?;
    let number = |text: &[u8]| {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
    };
    let after = |text: &[u8], word: &[u8]| {
        let at = memchr::memmem::find(text, word)?;
        number(text.get(at + word.len()..)?)
    };
    match first {
        b'[' => {
            // `[rank3]:`, `[default3]:`, `[0434:3]:`
            let label = head.get(1..head.len().min(24))?;
            // `[XTuner][RANK 3][2025-08-29 09:17:01]`
            if let Some(rank) = after(label, b"][RANK ") {
                return Some(rank);
            }
            let label = label.get(..memchr::memchr(b']', label)?)?;
            if head.get(label.len() + 2) != Some(&b':') {
                return None;
            }
            let digits = label
                .iter()
                .rev()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            let (word, digits) = label.split_at_checked(label.len() - digits)?;
            let known = matches!(word, b"rank" | b"default" | b"Rank ")
                || word
                    .strip_suffix(b":")
                    .is_some_and(|node| node.iter().all(u8::is_ascii_digit));
            if known { number(digits) } else { None }
        }
        b'(' => {
            let label = head.get(..head.len().min(LONGEST))?;
            let label = label.get(..memchr::memmem::find(label, b") ")?)?;
            after(label, b"rank=").or_else(|| after(label, b"pid="))
        }
        _ => {
            let digits = head.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (digits <= 5 && head.get(digits..)?.starts_with(b": "))
                .then(|| number(head))
                .flatten()
        }
    }
}

/// True for a line that begins as one with a rank would. Which rank that is, or whether it is one
/// at all, may then depend on a number.
pub fn may_have_rank(line: &[u8]) -> bool {
    matches!(line.get(blanks(line)), Some(b'[' | b'(' | b'0'..=b'9'))
}

fn blanks(line: &[u8]) -> usize {
    line.iter().take_while(|byte| **byte == b' ').count()
}

/// True for a line that is one piece, without anything that a terminal would interpret.
pub fn is_plain(line: &[u8]) -> bool {
    is_free_of_control(line)
        && memchr::memchr(b'\r', line).is_none()
        && matches!(without_octal_escapes(line), Cow::Borrowed(_))
}

/// Reads the times of lines, which are mostly in the same minute as the last.
#[derive(Clone, Debug, Default)]
pub struct LineClock {
    /// `2026-05-18 16:04` as it was written, and the time it stands for.
    minute: [u8; MINUTE],
    time: f64,
    known: bool,
}

const MINUTE: usize = 16;

impl LineClock {
    /// The time that a line begins with, seconds on a clock of unknown
    /// offset: only differences mean something.
    pub fn read(&mut self, line: &[u8]) -> Option<f64> {
        let start = date_start(line)?;
        let minute = line.get(start..start + MINUTE)?;
        if !self.known || minute != self.minute {
            let text = std::str::from_utf8(minute).ok()?;
            self.time = number::parse_local_time(&format!("{text}:00"))?;
            self.minute.copy_from_slice(minute);
            self.known = true;
        }
        let digit = |at: usize| {
            line.get(start + at)
                .map(|byte| f64::from(byte.wrapping_sub(b'0')))
        };
        let mut seconds = digit(17)? * 10.0 + digit(18)?;
        if seconds >= 60.0 {
            return None;
        }
        if matches!(line.get(start + 19), Some(b',' | b'.')) {
            // Milliseconds are fine enough, as everywhere.
            let mut unit = 0.1;
            for at in 20..23 {
                let Some(value) = digit(at).filter(|value| *value < 10.0) else {
                    break;
                };
                seconds += value * unit;
                unit *= 0.1;
            }
        }
        Some(self.time + seconds)
    }
}

/// Where among the first bytes of a line, behind rank labels and brackets, a time like
/// `2026-05-18 16:04:46` stands.
fn date_start(line: &[u8]) -> Option<usize> {
    const SEARCHED: usize = 64;
    let head = line.get(..SEARCHED).unwrap_or(line);
    memchr::memchr_iter(b'2', head).find(|start| is_date(line.get(*start..).unwrap_or_default()))
}

/// `dddd-dd-dd?dd:dd:dd`
fn is_date(bytes: &[u8]) -> bool {
    const SHAPE: &[u8] = b"dddd-dd-dd dd:dd:dd";
    bytes.len() >= SHAPE.len()
        && bytes.starts_with(b"20")
        && bytes.iter().zip(SHAPE).all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            b' ' => matches!(byte, b' ' | b'T'),
            other => byte == other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(line: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        Pieces::default().each(line, |piece| found.push(piece.to_owned()));
        found
    }

    #[test]
    fn wrappers_come_off() {
        assert_eq!(
            pieces(b"\x1b[36mstep: 14\x1b[0m  loss: 3.2"),
            ["step: 14  loss: 3.2"]
        );
        assert_eq!(
            pieces(b" 10%|# | 1/10\r{'loss': 2.0}\r 20%|## | 2/10"),
            [" 10%|# | 1/10", "{'loss': 2.0}", " 20%|## | 2/10"]
        );
        assert_eq!(
            pieces(b" 10%|# | 1/10 [00:01<00:09, 1.00it/s, lr=[0.1]]step 1 loss 2.0"),
            [
                " 10%|# | 1/10 [00:01<00:09, 1.00it/s, lr=[0.1]]",
                "step 1 loss 2.0"
            ]
        );
        assert_eq!(pieces(b"9/10\x08\x08\x08\x0810/10 loss"), ["10/10 loss"]);
        assert_eq!(pieces(b"\x1b]0;title\x07text\xff"), ["text\u{fffd}"]);
    }

    #[test]
    fn control_characters_that_syslog_wrote_in_octal_come_back() {
        assert_eq!(pieces(b"[5]#011train-rmse:7.47"), ["[5]\ttrain-rmse:7.47"]);
        assert_eq!(pieces(b"#033[32mstep 1#033[0m loss 2.5#012"), ["step 1 loss 2.5"]);
        for counter in ["Epoch #011: loss 2.5", "Epoch#012, loss 2.5", "Epoch [#010/100]"] {
            assert_eq!(pieces(counter.as_bytes()), [counter]);
        }
    }

    #[test]
    fn ranks_are_read_off_their_labels() {
        for (line, label) in [
            ("[rank3]:[titan] step: 1", Some(3)),
            ("[default7]: iteration 1", Some(7)),
            (" 12: :::MLLOG {}", Some(12)),
            ("(head, rank=2, pid=77) step 1", Some(2)),
            ("\u{1b}(TaskRunner pid=9) x", None),
            ("(TaskRunner pid=9) step:1", Some(9)),
            (
                "[XTuner][RANK 12][2025-08-29 09:17:01][INFO] Step 1/100",
                Some(12),
            ),
            ("[2026-05-18 16:04:47] x", None),
            ("step 3: loss", None),
            ("12:30:01 step 3", None),
        ] {
            assert_eq!(rank(line.as_bytes()), label, "{line}");
        }
    }

    #[test]
    fn times_are_found_behind_labels() {
        let mut clock = LineClock::default();
        let mut line_time = |line: &str| clock.read(line.as_bytes());
        let difference = line_time("[rank0]:[titan] 2026-05-18 16:04:47,456 - x").unwrap()
            - line_time("[rank0]:[titan] 2026-05-18 16:04:46,338 - x").unwrap();
        assert!((difference - 1.118).abs() < 1e-6);
        assert!(line_time(" [2025-09-05 16:09:51] iteration 1").is_some());
        assert_eq!(line_time("step 2026 loss 3"), None);
    }
}
