//! Names with a slash for values with as many: `train/val loss: 0.48/0.60`, `acc/loss: 0.84/0.48`.

use super::held_out::{Data, data_of, is_of_training};
use crate::format::number;
use crate::metric::{Player, is_part_of_the_loss, player};

/// Numbers between slashes, each with the part of the name that is its own.
pub(super) struct Slashed<'a> {
    pub values: Vec<(&'a str, f64)>,
    /// Where the last number ends.
    pub end: usize,
}

/// The numbers that begin at `number`, where one of them is a loss. What stands before `from` is no part of
/// their name.
pub(super) fn slashed(line: &str, from: usize, number: usize) -> Option<Slashed<'_>> {
    let before = line.get(from..number)?;
    if !before.contains('/') {
        return None;
    }
    let name = before.trim_end_matches([' ', '\t', ':', '=']);
    let ends = [",", "|", ";", ":", "\t", "]", "[", "  ", " - "];
    let starts = ends.iter().filter_map(|end| Some(name.rfind(end)? + end.len()));
    let name = name.get(starts.max().unwrap_or(0)..)?;
    let parts: Vec<&str> = name
        .split('/')
        .map(|part| part.trim_matches([' ', '(', ')']))
        .collect();
    let (numbers, end) = numbers(line, number);
    if numbers.len() != parts.len() {
        return None;
    }
    let named = names_of_data(name, &parts).or_else(|| is_of_two(&parts).then_some(parts))?;
    Some(Slashed {
        values: named.into_iter().zip(numbers).collect(),
        end,
    })
}

/// The numbers between slashes from `at` on, and where they end.
fn numbers(line: &str, mut at: usize) -> (Vec<f64>, usize) {
    let (mut all, mut end) = (Vec::new(), at);
    while let Some(rest) = line.get(at..) {
        let is_of_number = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '+' | '-');
        let length = rest.find(|letter| !is_of_number(letter)).unwrap_or(rest.len());
        let Some(value) = rest.get(..length).and_then(number::parse) else {
            break;
        };
        all.push(value);
        end = at + length;
        let Some(next) = line
            .get(end..)
            .and_then(|rest| rest.trim_start().strip_prefix('/'))
        else {
            break;
        };
        at = line.len() - next.trim_start().len();
    }
    (all, end)
}

fn is_loss(part: &str) -> bool {
    part.rsplit([' ', '_'])
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("loss"))
}

/// True for a loss beside a score, `acc/loss`, or beside that on other data, `Train loss / Val loss`. Of the parts
/// of a loss, or of it now and at its best, nothing says which counts.
fn is_of_two(parts: &[&str]) -> bool {
    let data = |part: &str| data_of(part.split([' ', '_']));
    match parts {
        [one, other] if is_loss(one) && is_loss(other) => data(one).is_some() != data(other).is_some(),
        [one, other] => is_loss(one) && is_score(other) || is_score(one) && is_loss(other),
        _ => false,
    }
}

fn is_score(part: &str) -> bool {
    const SCORES: [&str; 7] = ["acc", "accuracy", "top1", "f1", "iou", "dice", "auc"];
    let word = part.rsplit([' ', '_']).next();
    word.is_some_and(|word| SCORES.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// Names for one loss on several data: `Mean train/val loss`, `loss (train/val)`.
fn names_of_data(name: &str, parts: &[&str]) -> Option<Vec<&'static str>> {
    let word = |part: &str, last: bool| -> Option<&'static str> {
        let mut words = part.split([' ', '(']);
        let word = if last { words.next_back() } else { words.next() }?;
        if is_of_training(word) {
            return Some("train_loss");
        }
        data_of(std::iter::once(word)).map(Data::loss)
    };
    let (first, last) = (parts.first()?, parts.last()?);
    let loss_leads = is_loss(first.split(['(']).next()?.trim_end());
    if !loss_leads && !is_loss(last) || is_loss(first) {
        return None;
    }
    let count = parts.len();
    let of_data = parts.iter().enumerate();
    let names: Option<Vec<_>> = of_data
        .map(|(at, part)| word(part, loss_leads || at + 1 < count))
        .collect();
    let is_other = player(name) == Some(Player::Discriminator) || is_part_of_the_loss(name);
    names.map(|names| if is_other { vec![OTHER; names.len()] } else { names })
}

/// A name without a meaning, for what is not the loss of the run.
const OTHER: &str = "other";
