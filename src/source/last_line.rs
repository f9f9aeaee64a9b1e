//! Whether a last line without its end is there in full.
//!
//! Many logs end without a line feed for good: exports, captured output. Others are being
//! written, and what is there of the last line is its beginning. Lines of a log are alike, so
//! the lines before it tell.

/// How much of what was read before is looked at.
pub(super) const LOOK_BACK: usize = 1 << 13;

/// True unless a line may be the beginning of one like those `before` it: these go on where it
/// ends, or its last number has fewer digits than they have there.
pub(super) fn is_whole(line: &[u8], before: &[u8]) -> bool {
    let (shape, digits) = shape(line);
    before
        .split(|byte| *byte == b'\n')
        .map(self::shape)
        .filter(|(other, _)| other.starts_with(&shape))
        .all(|(other, others)| other.len() == shape.len() && digits.are_as_many_as(others))
}

/// The digits that a line ends with.
#[derive(Clone, Copy)]
struct Digits {
    count: usize,
    of_a_fraction: bool,
    /// It ends with a letter, as a number that is not finite does.
    is_a_word: bool,
}

impl Digits {
    fn at_the_end_of(line: &[u8]) -> Digits {
        let count = line.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let before = line.len() - count;
        Digits {
            count,
            is_a_word: line.last().is_some_and(u8::is_ascii_alphabetic),
            of_a_fraction: count > 0 && before > 0 && line.get(before - 1) == Some(&b'.'),
        }
    }

    /// Fewer digits of a fraction may be all: zeros at the end are often not printed.
    fn are_as_many_as(self, others: Digits) -> bool {
        let zeros = if self.of_a_fraction {
            (others.count / 3).max(1)
        } else {
            0
        };
        self.is_a_word || self.count + zeros >= others.count
    }
}

/// A line with every number, whether finite or not, as one mark, and the digits that it ends with.
fn shape(line: &[u8]) -> (Vec<u8>, Digits) {
    const NUMBER: u8 = b'0';
    let line = line.trim_ascii();
    let mut shape = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((first, after)) = rest.split_first() {
        let in_a_word = shape.last().is_some_and(|last: &u8| last.is_ascii_alphabetic());
        let word = [b"nan", b"inf"].iter().find(|word| {
            let found = rest
                .get(..word.len())
                .is_some_and(|word_here| word_here.eq_ignore_ascii_case(**word));
            found && !in_a_word && !rest.get(word.len()).is_some_and(u8::is_ascii_alphabetic)
        });
        if let Some(word) = word {
            shape.push(NUMBER);
            rest = rest.get(word.len()..).unwrap_or_default();
        } else if first.is_ascii_digit() {
            let of_a_number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
            let end = rest
                .iter()
                .position(|byte| !of_a_number(byte))
                .unwrap_or(rest.len());
            shape.push(NUMBER);
            rest = rest.get(end..).unwrap_or_default();
        } else {
            shape.push(*first);
            rest = after;
        }
    }
    (shape, Digits::at_the_end_of(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_before_tell_whether_the_last_one_is_whole() {
        let log = b"step 1 | loss 3.1234 | 12ms\nstep 2 | loss 3.0234 | 12ms\nval loss 3.2211\n";
        for whole in [
            "step 3 | loss 2.9 | 9ms",
            "step 3 | loss nan | 9ms",
            "val loss 3.198",
            "training done",
            "val loss NaN",
        ] {
            assert!(is_whole(whole.as_bytes(), log), "{whole}");
        }
        for torn in [
            "st",
            "step 3",
            "step 3 | loss 2.9",
            "step 3 | loss 2.9123 | 12",
            "val loss 3",
            "val loss",
        ] {
            assert!(!is_whole(torn.as_bytes(), log), "{torn}");
        }
        let json = b"{\"step\": 1, \"loss\": 2.75}\n";
        assert!(is_whole(b"{\"step\": 2, \"loss\": 2.5}", json));
        assert!(!is_whole(b"{\"step\": 2, \"loss\": 2.5", json));
        let table = b"step,loss\n\"42507\",\"2.334315\"\n";
        assert!(!is_whole(b"1,2.5e-0", b"0,2.5e-05\n") && is_whole(b"1,2.5e-05", b"0,2.5e-05\n"));
        assert!(is_whole(b"\"42509\",\"2.329498\"", table) && !is_whole(b"\"42509\",\"2.3", table));
    }
}
