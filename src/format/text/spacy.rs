//! The table that `spacy train` prints:
//!
//! ```text
//! E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  ENTS_P  ENTS_R  SCORE
//! ---  ------  ------------  --------  ------  ------  ------  ------
//!   0     200         13.19    462.49   46.15   48.39   44.12    0.46
//! ```
//!
//! and what the scripts print that update a pipeline themselves: `Losses {'ner': 462.49}`.

use super::scan::{NameFinder, named_numbers};
use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;

/// The grammar.
#[derive(Debug, Default)]
pub struct Spacy {
    /// Columns of the table, and that of its loss.
    table: Option<(usize, usize)>,
}

impl Grammar for Spacy {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some(table) = header(line) {
            self.table = Some(table);
            return Match::No;
        }
        let Some((columns, loss)) = self.table else {
            return Match::No;
        };
        // A launcher may have put something before it.
        let words = line.split_ascii_whitespace().rev().take(columns);
        let cells: Option<Vec<f64>> = words.map(number::parse).collect();
        let mut cells = cells.unwrap_or_default();
        cells.reverse();
        let (true, [epoch, step, ..]) = (cells.len() == columns, &cells[..]) else {
            return Match::No;
        };
        fields.step = whole(*step);
        fields.values.push(("epoch", *epoch));
        fields.values.extend(cells.get(loss).map(|loss| ("loss", *loss)));
        Match::Record
    }
}

/// Components of pipelines, as the dictionary of their losses names them.
pub const COMPONENTS: &[&str] = &[
    "'ner': ",
    "'textcat': ",
    "'textcat_multilabel': ",
    "'tagger': ",
    "'parser': ",
    "'spancat': ",
    "'entity_linker': ",
    "'morphologizer': ",
    "'tok2vec': ",
    "'transformer': ",
];

/// A dictionary of losses for each pass over the data: `Losses {'ner': 462.49}`, `Epoch 1/40, Losses: {'textcat':
/// 2.23}`, or alone below `Starting iteration 0`. Where the line does not say which pass it was, each counts one.
#[derive(Debug, Default)]
pub struct Losses {
    names: NameFinder,
    passes: u64,
    /// A line has announced a pass.
    announced: bool,
}

impl Grammar for Losses {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some((before, losses)) = line.split_once('{') else {
            self.announced |= ["poch", "teration"].iter().any(|word| line.contains(word));
            return Match::No;
        };
        let name = before.trim_end().trim_end_matches([':', '=']).trim_end();
        let is_named = ["oss", "osses"].iter().any(|end| name.ends_with(end));
        let is_alone = name.is_empty() && self.announced;
        let Some(loss) = loss_of_the_first(losses).filter(|_| is_named || is_alone) else {
            return Match::No;
        };
        self.passes += 1;
        fields.step = Some(self.passes);
        named_numbers(before, |named| {
            let (_, fit) = self.names.find(named.words);
            if fit.is_some_and(|fit| fit.role.counts()) {
                fields.step = whole(named.value).or(fields.step);
                fields.total = named.of;
            }
        });
        fields.values.push(("loss", loss));
        Match::Record
    }
}

/// The loss of the first component which is trained for its own sake: `'tok2vec': 0.0, 'ner': 462.49}`.
fn loss_of_the_first(losses: &str) -> Option<f64> {
    let (inside, _) = losses.split_once('}')?;
    let mut all = Vec::new();
    for part in inside.split(", ") {
        let known = COMPONENTS.iter().find(|known| part.starts_with(**known))?;
        all.push((*known, number::parse(part.get(known.len()..)?)?));
    }
    let own = all
        .iter()
        .find(|(name, _)| !is_shared(name.trim_start_matches('\'')));
    own.or(all.first()).map(|(_, loss)| *loss)
}

/// True for a component that learns from the losses of others.
fn is_shared(name: &str) -> bool {
    let start = |known: &str| {
        name.get(..known.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(known))
    };
    start("TOK2VEC") || start("TRANS")
}

/// The number of columns, and which is the loss: that of the first component which is
/// trained for its own sake.
fn header(line: &str) -> Option<(usize, usize)> {
    let line = line.get(line.find("E    #")?..)?;
    let mut cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
    if cells.next() != Some("E") || cells.next() != Some("#") {
        return None;
    }
    let names: Vec<&str> = cells.collect();
    let losses = || {
        let named = names.iter().enumerate();
        named.filter_map(|(index, name)| Some((index + 2, name.strip_prefix("LOSS ")?)))
    };
    let (loss, _) = losses()
        .find(|(_, name)| !is_shared(name))
        .or_else(|| losses().next())?;
    Some((names.len() + 2, loss))
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn the_loss_of_the_first_component_below_its_heading() {
        let content = "ℹ Pipeline: ['tok2vec', 'ner']\nℹ Initial learn rate: 0.001\n\
            E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  ENTS_P  ENTS_R  SCORE \n\
            ---  ------  ------------  --------  ------  ------  ------  ------\n\
            \u{20} 0       0          0.00    143.29    0.00    0.00    0.00    0.00\n\
            \u{20} 7     200         13.19    462.49   46.15   48.39   44.12    0.46\n\
            ✔ Saved pipeline to output directory\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!((read.format, records.steps()), ("spacy", &[0, 200][..]));
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(462.49));
        assert_eq!(records.value(1, Quantity::Epoch), Some(7.0));
    }

    #[test]
    fn dictionaries_of_losses_are_told_for_each_pass() {
        for (line, total) in [
            ("Losses {'tok2vec': 0.0, 'ner': LL}\n", None),
            ("Starting iteration NN\n{'ner': LL}\n", None),
            ("Epoch NN/40, Losses: {'textcat': LL}\n", Some(40)),
        ] {
            let row = |pass: u64| {
                line.replace("NN", &pass.to_string())
                    .replace("LL", &format!("{}.25", 9 - pass))
            };
            let content: String = (1..5).map(row).collect();
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let losses: Vec<(u64, f64)> = read.decoded.records.points(Quantity::TrainLoss).collect();
            assert_eq!(losses, [(1, 8.25), (2, 7.25), (3, 6.25), (4, 5.25)], "{line}");
            assert_eq!(read.decoded.total_steps, total, "{line}");
        }
    }
}
