//! The table that `spacy train` prints:
//!
//! ```text
//! E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  ENTS_P  ENTS_R  SCORE
//! ---  ------  ------------  --------  ------  ------  ------  ------
//!   0     200         13.19    462.49   46.15   48.39   44.12    0.46
//! ```

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
    let shared = |name: &str| ["TOK2VEC", "TRANS"].iter().any(|start| name.starts_with(start));
    let (loss, _) = losses()
        .find(|(_, name)| !shared(name))
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
}
