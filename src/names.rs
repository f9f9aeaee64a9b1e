//! Names of runs that fit into a column, and still tell the runs apart.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::snapshot::Snapshot;
use crate::text::{printable, shorten, shorten_path, width};

/// Shortens ids by what they have in common.
pub struct Names {
    /// For each id what is left of it without the folders and endings that all share.
    rests: BTreeMap<String, String>,
    /// The names at widths that were asked for.
    fitted: RefCell<HashMap<usize, HashMap<String, String>>>,
}

impl Names {
    /// The names of all runs, also of those that a filter hides: it shall not change the others.
    pub fn of(snapshot: &Snapshot) -> Names {
        Names::of_ids(snapshot.runs.iter().map(|run| run.id.as_str()))
    }

    fn of_ids<'a>(ids: impl Iterator<Item = &'a str>) -> Names {
        let ids: Vec<&str> = ids.collect();
        let (head, tail) = shared(&ids);
        let rest = |id: &str| {
            let end = id.len().saturating_sub(tail);
            let rest = id.get(head..end).filter(|rest| !rest.is_empty());
            printable(rest.unwrap_or(id))
        };
        Names {
            rests: ids.iter().map(|id| ((*id).to_owned(), rest(id))).collect(),
            fitted: RefCell::default(),
        }
    }

    /// The part of an id that tells it apart, at most `columns` wide.
    pub fn short(&self, id: &str, columns: usize) -> String {
        let Some(rest) = self.rests.get(id).filter(|_| self.rests.len() > 1) else {
            return shorten_path(&printable(id), columns);
        };
        if width(rest) <= columns {
            return rest.clone();
        }
        let mut fitted = self.fitted.borrow_mut();
        let names = fitted.entry(columns).or_insert_with(|| self.fit(columns));
        names.get(id).cloned().unwrap_or_else(|| shorten(rest, columns))
    }

    /// The whole id where it fits, else what tells it apart.
    pub fn title(&self, id: &str, columns: usize) -> String {
        let whole = printable(id);
        if width(&whole) <= columns {
            whole
        } else {
            self.short(id, columns)
        }
    }

    /// Columns that the longest of these names needs uncut.
    pub fn longest<'a>(&self, ids: impl Iterator<Item = &'a str>) -> usize {
        ids.map(|id| width(&self.short(id, usize::MAX)))
            .max()
            .unwrap_or(0)
    }

    /// All names, those that are too long without the words that most of them share. Where two come
    /// out alike, the words in which these two differ are kept at the cost of others.
    fn fit(&self, columns: usize) -> HashMap<String, String> {
        let mut names: Vec<Name> = self.rests.values().map(|rest| Name::of(rest)).collect();
        let names_with = names_with(names.iter());
        // What is the same but for its numbers, as rates are, tells equally much in all names.
        let mut most: HashMap<String, usize> = HashMap::new();
        for (word, count) in &names_with {
            let most = most.entry(letters(word)).or_default();
            *most = (*most).max(*count);
        }
        let count = names.len() as f64;
        // In coarse steps: a run more or less seldom changes the order.
        let rarity: HashMap<&str, u32> = names_with
            .keys()
            .map(|word| {
                let most = most.get(&letters(word)).copied().unwrap_or(1);
                (*word, (2.0 * (count / most as f64).log2()) as u32)
            })
            .collect();
        let mut short: Vec<String> = names.iter().map(|name| name.elided(columns, &rarity)).collect();
        // Each round keeps more words; after a few there is no room for what it would take.
        for _ in 0..4 {
            let mut alike = false;
            for group in same(&short).into_values().filter(|group| group.len() > 1) {
                alike |= tell_apart(&mut names, &group);
                for index in group {
                    if let (Some(name), Some(short)) = (names.get(index), short.get_mut(index)) {
                        *short = name.elided(columns, &rarity);
                    }
                }
            }
            if !alike {
                break;
            }
        }
        for group in same(&short).into_values().filter(|group| group.len() > 1) {
            for (number, index) in group.into_iter().enumerate() {
                if let Some(short) = short.get_mut(index) {
                    let number = format!("~{}", number + 1);
                    *short = shorten(short, columns.saturating_sub(number.len())) + &number;
                }
            }
        }
        self.rests.keys().cloned().zip(short).collect()
    }
}

/// In how many names each word stands.
fn names_with<'a: 'b, 'b>(names: impl Iterator<Item = &'b Name<'a>>) -> HashMap<&'a str, usize> {
    let mut counts = HashMap::new();
    for name in names {
        let distinct: HashSet<&str> = name.words.iter().map(|word| word.text).collect();
        for word in distinct {
            *counts.entry(word).or_default() += 1;
        }
    }
    counts
}

/// A word without its numbers: `lr` of `lr0.001` and of `lr1e-3`.
fn letters(word: &str) -> String {
    let mut after_digit = false;
    word.chars()
        .filter(|character| {
            let exponent = after_digit && *character == 'e';
            after_digit = character.is_ascii_digit();
            character.is_alphabetic() && !exponent
        })
        .collect()
}

/// Which names are the same, in order.
fn same(names: &[String]) -> BTreeMap<String, Vec<usize>> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, name) in names.iter().enumerate() {
        groups.entry(name.clone()).or_default().push(index);
    }
    groups
}

/// Marks the words in which some names differ as the ones to keep; false when there are no more.
fn tell_apart(names: &mut [Name], group: &[usize]) -> bool {
    let having = names_with(group.iter().filter_map(|index| names.get(*index)));
    let mut found = false;
    for index in group {
        let words = names.get_mut(*index).into_iter().flat_map(|name| &mut name.words);
        for word in words {
            let differs = having.get(word.text).is_some_and(|count| *count < group.len());
            found |= differs && !word.tells;
            word.tells |= differs;
        }
    }
    found
}

/// How many bytes all ids begin and end with, up to a separator.
fn shared(ids: &[&str]) -> (usize, usize) {
    let Some((first, others)) = ids.split_first().filter(|(_, others)| !others.is_empty()) else {
        return (0, 0);
    };
    let (mut prefix, mut suffix) = (first.len(), first.len());
    for id in others {
        let (own, other) = (first.bytes(), id.bytes());
        prefix = prefix.min(own.zip(other).take_while(|(one, other)| one == other).count());
        let (own, other) = (first.bytes().rev(), id.bytes().rev());
        suffix = suffix.min(own.zip(other).take_while(|(one, other)| one == other).count());
    }
    // Cut at a separator only: half a word helps nobody.
    let head = first
        .get(..prefix)
        .and_then(|head| head.rfind(['/', '_', '-']))
        .map_or(0, |at| at + 1);
    let tail = first
        .get(first.len() - suffix..)
        .and_then(|tail| tail.find(['/', '.']))
        .map_or(0, |at| suffix - at);
    let shortest = ids.iter().map(|id| id.len()).min().unwrap_or(0);
    if head + tail < shortest {
        (head, tail)
    } else {
        (0, 0)
    }
}

/// A name in words.
struct Name<'a> {
    words: Vec<Word<'a>>,
}

struct Word<'a> {
    /// The separator before it, if any.
    before: &'a str,
    text: &'a str,
    /// It is what tells this name from one that looks the same without it.
    tells: bool,
}

impl<'a> Name<'a> {
    /// Splits a name at its separators. Numbers stay whole: `0.001`, `1e-3`.
    fn of(name: &'a str) -> Name<'a> {
        let mut words = Vec::new();
        let (mut from, mut before) = (0, "");
        let digit = |at: Option<usize>| {
            let byte = at.and_then(|at| name.as_bytes().get(at));
            byte.is_some_and(u8::is_ascii_digit)
        };
        for (at, separator) in name.match_indices(['/', '_', '-', '.']) {
            let of_number = digit(Some(at + 1))
                && match separator {
                    "." => digit(at.checked_sub(1)),
                    "-" => name[..at].ends_with(['e', 'E']) && digit(at.checked_sub(2)),
                    _ => false,
                };
            if !of_number {
                words.push(Word {
                    before,
                    text: &name[from..at],
                    tells: false,
                });
                (from, before) = (at + 1, separator);
            }
        }
        words.push(Word {
            before,
            text: &name[from..],
            tells: false,
        });
        Name { words }
    }

    /// The name without as many words as it takes to fit: what most names share goes first, and of
    /// that the longest.
    fn elided(&self, columns: usize, rarity: &HashMap<&str, u32>) -> String {
        let mut kept = vec![true; self.words.len()];
        let whole = self.with(&kept);
        if width(&whole) <= columns {
            return whole;
        }
        let repeated = |index: usize, word: &Word| {
            let mut before = self.words.iter().take(index);
            before.any(|earlier| earlier.text == word.text)
        };
        let mut order: Vec<(usize, &Word)> = self.words.iter().enumerate().collect();
        order.sort_by_key(|(index, word)| {
            let says_something = !repeated(*index, word);
            let length = std::cmp::Reverse(width(word.text));
            (says_something, word.tells, rarity.get(word.text).copied(), length)
        });
        // One word stays, whatever its length.
        order.pop();
        let mut gone = 0;
        for (index, _) in &order {
            kept[*index] = false;
            gone += 1;
            if width(&self.with(&kept)) <= columns {
                break;
            }
        }
        // A long word may have made room for short ones that went before it.
        for (index, _) in order.iter().take(gone).rev() {
            kept[*index] = true;
            kept[*index] = width(&self.with(&kept)) <= columns;
        }
        shorten(&self.with(&kept), columns)
    }

    /// The words that are kept, with a mark where some are not.
    fn with(&self, kept: &[bool]) -> String {
        let mut text = String::new();
        let mut in_gap = false;
        for (word, kept) in self.words.iter().zip(kept) {
            if *kept {
                text.push_str(word.before);
                text.push_str(word.text);
            } else if !in_gap {
                text.push_str(word.before);
                text.push('…');
            }
            in_gap = !kept;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(ids: &[&str], columns: usize) -> Vec<String> {
        let names = Names::of_ids(ids.iter().copied());
        ids.iter().map(|id| names.short(id, columns)).collect()
    }

    const SWEEP: [&str; 5] = [
        "cos-10-124m_12x768_slimpajama_lr0.0001_cos_T25000-s0.6",
        "cos-10-124m_12x768_slimpajama_lr0.001_cos_T25000-s0.6",
        "ann-124m_12x768_slimpajama_lr0.001_wsd_T25000-s0.6",
        "ann-124m_12x768_slimpajama_lr1e-3_wsd_T50000-s0.3",
        "sl_8x512_slimpajama_lr0.001_wsd_T50000-s0.6",
    ];

    #[test]
    fn what_most_names_share_gives_way_to_what_tells_them_apart() {
        let short = short(&SWEEP, 40);
        assert_eq!(short[0], "cos-10-124m_…_lr0.0001_cos_T25000-s0.6");
        assert_eq!(short[1], "cos-10-124m_…_lr0.001_cos_T25000-s0.6");
    }

    #[test]
    fn names_stay_apart_at_any_width() {
        for columns in [8, 12, 16, 20, 24, 30, 46] {
            let short = short(&SWEEP, columns);
            let distinct: HashSet<&String> = short.iter().collect();
            assert_eq!(distinct.len(), SWEEP.len(), "{short:?}");
            assert!(short.iter().all(|name| width(name) <= columns), "{short:?}");
        }
        let nothing_to_split = ["学习率千分之一余弦退火一亿参数", "学习率千分之二余弦退火一亿参数"];
        let short = short(&nothing_to_split, 10);
        assert!(short[0] != short[1] && width(&short[0]) <= 10, "{short:?}");
    }

    #[test]
    fn names_outlive_the_coming_and_going_of_a_run() {
        let mut ids = Vec::new();
        for rate in ["3e-4", "0.001", "0.002", "0.004"] {
            for schedule in ["cosine", "wsd"] {
                ids.extend(["T25000", "T50000"].map(|total| {
                    format!("llama-124m_slimpajama_lr{rate}_{schedule}_{total}_bfloat16_seed1.csv")
                }));
            }
        }
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let all = short(&ids, 24);
        assert_eq!(all[0], "lr3e-4_cosine_T25000_…");
        for gone in 0..ids.len() {
            let rest = |names: &[&str]| {
                let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
                names.remove(gone);
                names
            };
            let fewer = rest(&ids);
            let fewer: Vec<&str> = fewer.iter().map(String::as_str).collect();
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            assert_eq!(short(&fewer, 24), rest(&all));
        }
    }

    #[test]
    fn what_a_name_says_twice_goes_first() {
        let ids = [
            "wsd-0.1_lr0.001_linear-0.1",
            "wsd-0.2_lr0.001_linear-0.2",
            "cos_lr0.001",
        ];
        assert_eq!(short(&ids, 24)[0], "wsd-0.1_lr0.001_linear-…");
    }

    #[test]
    fn the_folder_tells_where_all_files_are_called_alike() {
        let ids = [
            "2024-11-05_baseline_run/logs/train.log",
            "2024-11-05_longer-decay_run/logs/train.log",
            "2024-11-06_other.log",
        ];
        let short = short(&ids, 24);
        assert!(
            short[0].contains("baseline") && short[1].contains("decay"),
            "{short:?}"
        );
    }
}
