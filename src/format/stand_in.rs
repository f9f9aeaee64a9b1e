//! What is the loss of a table or of a document that calls it otherwise: `train_mse`, `total` beside its
//! parts, or `train` beside `val`.

use std::borrow::Cow;

use super::delimited::Delimited;
use super::json_document::JsonDocument;
use super::json_lines::JsonLines;
use super::{Claim, Column, Decoded, Format, Sample, best_of, columns, decode, detect};
use crate::metric::{COST, Names, Quantity, Role, STAND_INS, TOTAL, is_total_of};

/// Formats that know a loss by its name alone. Those of text lines look at more.
const OF_NAMES: &[&'static dyn Format] = &[&JsonLines, &JsonDocument, &Delimited];

/// Where a loss has arrived, in parts of where it began.
pub(super) const CLEARLY_BELOW: f64 = 0.9;
/// The same where every value may be a share of what was right.
pub(super) const CLEARLY_BELOW_OF_SHARES: f64 = 0.5;

/// The format of a file and what it claims. What goes by another name than a loss there is called one in `names`.
pub fn recognise(sample: &Sample, names: &mut Cow<Names>) -> Option<(&'static dyn Format, Claim)> {
    let plain = detect(sample, names);
    let is_of_names = |format: &dyn Format| OF_NAMES.iter().any(|known| known.name() == format.name());
    if plain.is_some_and(|(format, _)| !is_of_names(format)) {
        return plain;
    }
    let told = beginning_of_names(sample);
    let mut called = |word: &'static str, is_loss: &dyn Fn(&Decoded, &[Column]) -> bool| {
        memchr::memmem::find(&told, word.as_bytes())?;
        let mut called = names.clone();
        called.to_mut().call_the_loss(word);
        let found = best_of(OF_NAMES, sample, &called).filter(|(_, claim)| claim.records > 0)?;
        let mut decoder = found.0.decoder(sample, &called);
        let decoded = decode(&mut decoder, sample.head).ok()?;
        is_loss(&decoded, &columns(&decoder)).then(|| {
            *names = Cow::Owned(called.into_owned());
            found
        })
    };
    if let Some(found) = called(TOTAL, &|_, columns| has_a_total(columns)) {
        return Some(found);
    }
    if plain.is_some() || speaks_of_rewards(&told) {
        return plain;
    }
    let falls_as = |word: &str| {
        let below = if word == COST { 1.0 } else { CLEARLY_BELOW };
        move |decoded: &Decoded, columns: &[Column]| {
            if !is_counted(sample, columns) {
                return false;
            }
            let train = values(decoded, Quantity::TrainLoss);
            let told = if train.is_empty() {
                values(decoded, Quantity::EvalLoss)
            } else {
                train
            };
            falls(&told, below)
        }
    };
    STAND_INS
        .iter()
        .find_map(|word| called(word, &falls_as(word)))
        .or_else(|| called("", &|decoded, _| both_fall(decoded)))
}

/// False for a list of objects that count nothing: as likely of results, of which some are smaller than others.
fn is_counted(sample: &Sample, columns: &[Column]) -> bool {
    let counters = [Role::Step, Role::of(Quantity::Epoch)];
    let counts = |column: &Column| column.role.is_some_and(|role| counters.contains(&role));
    !sample.head.trim_ascii_start().starts_with(b"[") || columns.iter().any(counts)
}

/// The text that holds the names of a file, in small letters: the header of a table, or the beginning of what has
/// a name with every value.
fn beginning_of_names(sample: &Sample) -> Vec<u8> {
    let head = sample.beginning().head.trim_ascii_start();
    let is_object = matches!(head.first(), Some(b'{' | b'['));
    let end = memchr::memchr2(b'\n', b'\r', head).filter(|_| !is_object);
    head.get(..end.unwrap_or(head.len()))
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// True where the total of several losses, which is taken for the loss, stands beside one of them.
fn has_a_total(columns: &[Column]) -> bool {
    let mut losses = columns
        .iter()
        .filter(|column| column.role.is_some_and(Role::is_loss));
    losses.any(|total| columns.iter().any(|part| is_total_of(&total.name, &part.name)))
}

fn values(decoded: &Decoded, quantity: Quantity) -> Vec<f64> {
    let rows = decoded.records.rows();
    rows.filter_map(|row| row.value(quantity))
        .filter(|value| value.is_finite())
        .collect()
}

/// True for what has arrived below where it began, at so many parts of it at most.
pub(super) fn falls(told: &[f64], below: f64) -> bool {
    const LEAST: usize = 2;
    let ends = told.first().zip(told.last());
    told.len() >= LEAST && ends.is_some_and(|(first, last)| *last < first - first.abs() * (1.0 - below))
}

/// True where what is named for training and what is named for held-out data fall both, as no accuracies do.
fn both_fall(decoded: &Decoded) -> bool {
    let both = [Quantity::TrainLoss, Quantity::EvalLoss].map(|quantity| values(decoded, quantity));
    let are_shares = both.iter().flatten().all(|value| (0.0..=1.0).contains(value));
    let below = if are_shares {
        CLEARLY_BELOW_OF_SHARES
    } else {
        CLEARLY_BELOW
    };
    both.iter().all(|told| falls(told, below))
}

/// True for a text about an agent: what it is rewarded with stands beside errors and costs that nobody trains on.
pub(super) fn speaks_of_rewards(text: &[u8]) -> bool {
    let has = |part: &&str| memchr::memmem::find(text, part.as_bytes()).is_some();
    ["eward", "EWARD", "return", "Return", "RETURN"].iter().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::read_all;

    /// The last train and eval loss of a log.
    fn losses(content: &str) -> Option<(Option<f64>, Option<f64>)> {
        let read = read_all(content.as_bytes(), &Names::default()).ok()?;
        let last = |quantity| values(&read.decoded, quantity).last().copied();
        Some((last(Quantity::TrainLoss), last(Quantity::EvalLoss)))
    }

    #[test]
    fn a_total_beside_its_parts_is_the_loss() {
        let both = Some((Some(1.5), Some(2.5)));
        for log in [
            "epoch,train_total,train_recon,train_pde,val_total,val_recon\n1,2.5,2,1,3.5,3\n2,1.5,1,0.5,2.5,2\n",
            "{\"epoch\":1,\"train\":{\"total\":1.5,\"kl\":1},\"val\":{\"total\":2.5,\"kl\":2}}\n",
            "{\"train\":{\"total\":[3.5,2.5,1.5],\"kl\":[2,1,1]},\"val\":{\"total\":[3.5,3,2.5]}}",
            "epoch,train_total,train_sup,train_adv,val_loss\n1,2.5,2,1,3.5\n2,1.5,1,0.5,2.5\n",
        ] {
            assert_eq!(losses(log), both, "{log}");
        }
        // Not of time, of samples, or where nothing says of what.
        for log in [
            "epoch,total,correct\n1,512,40\n2,511.5,50\n3,500,60\n",
            "{\"epoch\":1,\"time\":{\"total\":1.5,\"data\":1}}\n{\"epoch\":2,\"time\":{\"total\":1.4,\"data\":1}}\n",
        ] {
            assert_eq!(losses(log), None, "{log}");
        }
        let beside = "epoch,loss,total,kl\n1,2.5,5,1\n2,1.5,4,1\n";
        assert_eq!(losses(beside), Some((Some(1.5), None)));
    }

    #[test]
    fn an_error_that_falls_is_the_loss_where_nothing_else_is() {
        for log in [
            "epoch,train_mse,val_mse,val_ADE\n1,2.5,3.5,1\n2,1.5,2.5,1\n",
            "Epoch,Train RMSE,Valid RMSE\n1,2.5,3.5\n2,1.5,2.5\n",
            "{\"train_mse\":[3.5,2.5,1.5],\"val_mse\":[4.5,3.5,2.5]}",
            "{\"training\":{\"l2\":[3.5,2.5,1.5]},\"valid_1\":{\"l2\":[4.5,3.5,2.5]}}",
            "epoch,train,val\n1,2.5,3.5\n2,1.5,2.5\n",
        ] {
            assert_eq!(losses(log), Some((Some(1.5), Some(2.5))), "{log}");
        }
        assert_eq!(losses("epoch,cost\n1,1.6\n2,1.5\n"), Some((Some(1.5), None)));
        for log in [
            "epoch,train_mse,val_mse\n1,1.5,1.5\n2,2.5,2.5\n",
            "episode,reward,mse\n1,1.5,2.5\n2,2.5,1.5\n",
            "epoch,train,val\n1,0.5,0.4\n2,0.7,0.6\n",
            "epoch,train,val\n1,0.99,0.98\n2,0.7,0.8\n",
        ] {
            assert_eq!(losses(log), None, "{log}");
        }
        let list = |row: &dyn Fn(u32) -> String| {
            let rows: Vec<String> = (1..9).map(|index| format!("{{{}}}", row(index))).collect();
            format!("[{}]", rows.join(",\n"))
        };
        let results = |index| format!("\"m\":{index},\"rmse\":{}", 9.5 / f64::from(index));
        assert_eq!(losses(&list(&results)), None);
        let of_epochs = |index| format!("\"epoch\":{index},\"rmse\":{}", 9.5 / f64::from(index));
        assert_eq!(losses(&list(&of_epochs)), Some((Some(9.5 / 8.0), None)));
        let scored = "epoch,loss,train_mse\n1,2.5,9\n2,1.5,8\n";
        assert_eq!(losses(scored), Some((Some(1.5), None)));
    }
}
