//! What is the loss of a table or of a document that calls it otherwise: `train_mse`, `total` beside its
//! parts, or `train` beside `val`.

use std::borrow::Cow;

use super::decoder::{columns, decode};
use super::delimited::Delimited;
use super::json_document::JsonDocument;
use super::json_lines::JsonLines;
use super::recognition::best_of;
use super::{Claim, Column, Decoded, Format, Sample, detect};
use crate::metric::{COST, Names, Quantity, Role, STAND_INS, TOTAL, is_data, is_total_of, tells_of_data};

/// Formats that know a loss by its name alone. Those of text lines look at more.
const OF_NAMES: &[&'static dyn Format] = &[&JsonLines, &JsonDocument, &Delimited];

const LOSSES: [Quantity; 2] = [Quantity::TrainLoss, Quantity::EvalLoss];

/// Where a loss has arrived, in parts of where it began.
pub(super) const CLEARLY_BELOW: f64 = 0.9;
/// The same where every value may be a share of what was right.
const CLEARLY_BELOW_OF_SHARES: f64 = 0.5;

/// How often a total holds one of its parts at most. What is larger by far is a count or a time.
pub(super) const MOST_TIMES_A_PART: f64 = 20.0;

/// Names of losses that are as often those of something else: what is paid, a penalty on the weights, requests
/// that failed.
const OFTEN_OF_SOMETHING_ELSE: &[&str] = &[COST, "l1", "l2", "error", "err"];

/// The format of a file and what it claims. What goes by another name than a loss there is called one in `names`.
pub fn recognise(sample: &Sample, names: &mut Cow<Names>) -> Option<(&'static dyn Format, Claim)> {
    let plain = detect(sample, names);
    let is_of_names = |format: &dyn Format| OF_NAMES.iter().any(|known| known.name() == format.name());
    if plain.is_some_and(|(format, _)| !is_of_names(format)) {
        return plain;
    }
    let told = beginning_of_names(sample);
    let has = |word: &str| memchr::memmem::find(&told, word.as_bytes()).is_some();
    let total = has(TOTAL)
        .then(|| Reading::calling(TOTAL, sample, names))
        .flatten();
    let beside = || plain.and_then(|plain| Reading::of(plain, sample, names));
    let mut found = total.filter(|reading| reading.is_counted(sample) && reading.is_of_totals(beside));
    // `Training` and `Validation` beside an epoch, of which the second is known as the name of a loss by itself.
    if found.is_none() && beside().is_some_and(|reading| reading.tells_of_data_alone()) {
        found = Reading::calling("", sample, names).filter(|reading| reading.tells_of_both(sample));
    }
    if found.is_none() && plain.is_none() && !speaks_of_rewards(&told) {
        let mut stand_ins = STAND_INS.iter().filter(|word| has(word));
        found = stand_ins
            .find_map(|word| {
                Reading::calling(word, sample, names).filter(|reading| reading.stands_in(word, sample))
            })
            .or_else(|| Reading::calling("", sample, names).filter(|reading| reading.tells_of_both(sample)));
    }
    let Some(reading) = found else {
        return plain;
    };
    *names = Cow::Owned(reading.names);
    Some(reading.found)
}

/// What the beginning of a file tells by one of the formats.
struct Reading {
    found: (&'static dyn Format, Claim),
    names: Names,
    decoded: Decoded,
    columns: Vec<Column>,
}

impl Reading {
    fn of(found: (&'static dyn Format, Claim), sample: &Sample, names: &Names) -> Option<Reading> {
        let mut decoder = found.0.decoder(sample, names);
        let decoded = decode(&mut decoder, sample.head).ok()?;
        Some(Reading {
            found,
            names: names.clone(),
            decoded,
            columns: columns(&decoder),
        })
    }

    /// What is told where the loss is called this.
    fn calling(word: &'static str, sample: &Sample, names: &Names) -> Option<Reading> {
        let mut names = names.clone();
        names.call_the_loss(word);
        let found = best_of(OF_NAMES, sample, &names).filter(|(_, claim)| claim.records > 0)?;
        Reading::of(found, sample, &names)
    }

    fn values(&self, quantity: Quantity) -> Vec<f64> {
        values(&self.decoded, quantity)
    }

    /// The losses on the data that is trained on, or on other data where there are none of them.
    fn main_losses(&self) -> Vec<f64> {
        let train = self.values(Quantity::TrainLoss);
        if train.is_empty() {
            self.values(Quantity::EvalLoss)
        } else {
            train
        }
    }

    fn losses(&self) -> impl Iterator<Item = &Column> {
        let is_loss = |column: &&Column| column.role.is_some_and(Role::is_loss);
        self.columns.iter().filter(is_loss)
    }

    /// True where the total of several losses, which is taken for the loss, stands beside one of them, and
    /// may be their sum. What was a loss beside it by its own name must be able to be a part of it.
    fn is_of_totals(&self, beside: impl FnOnce() -> Option<Reading>) -> bool {
        let is_total = |loss: &&Column| {
            let mut parts = self.columns.iter();
            parts.any(|part| is_total_of(&loss.name, &part.name))
        };
        let totals: Vec<Role> = self
            .losses()
            .filter(is_total)
            .filter_map(|total| total.role)
            .collect();
        let of = |quantity| totals.iter().any(|role| role.same_slot(Role::of(quantity)));
        let mut told = LOSSES.into_iter().filter(|quantity| of(*quantity)).peekable();
        let falls = told
            .peek()
            .is_some_and(|quantity| has_fallen(&self.values(*quantity), 1.0));
        falls
            && !told.any(|quantity| are_counts(&self.values(quantity)))
            && beside().is_none_or(|parts| LOSSES.into_iter().all(|loss| self.may_hold(&parts, loss)))
    }

    /// True where nearly all losses are as large as those that would be told in their place, and not larger
    /// by far.
    fn may_hold(&self, parts: &Reading, loss: Quantity) -> bool {
        let points = |reading: &'_ Reading| -> Vec<f64> {
            let points = reading.decoded.records.points(loss);
            points.map(|(_, value)| value).collect()
        };
        let mut pairs: Vec<(f64, f64)> = points(self).into_iter().zip(points(parts)).collect();
        pairs.retain(|(total, part)| total.is_finite() && part.is_finite());
        let holds =
            |(total, part): &&(f64, f64)| total >= part && total.abs() <= part.abs() * MOST_TIMES_A_PART;
        are_nearly_all(pairs.iter().filter(holds).count(), pairs.len())
    }

    /// True where what this word names is the loss: it counts steps or epochs, and falls. Where both training
    /// and held-out data have it, it fell once, and may have risen since.
    fn stands_in(&self, word: &str, sample: &Sample) -> bool {
        let below = below_of(word);
        let told = self.main_losses();
        let is_clear = !OFTEN_OF_SOMETHING_ELSE.contains(&word) || self.tells_of_a_loss_alone();
        let of_both = LOSSES.into_iter().all(|loss| !self.values(loss).is_empty());
        let falls = if of_both { has_fallen } else { falls };
        is_clear && self.is_counted(sample) && !are_counts(&told) && falls(&told, below)
    }

    /// True where a loss is named for its data, or nothing is told beside it but when it was told, and with
    /// which learning rate.
    fn tells_of_a_loss_alone(&self) -> bool {
        const BESIDE: [Quantity; 4] = [
            Quantity::WallTime,
            Quantity::Elapsed,
            Quantity::StepTime,
            Quantity::LearningRate,
        ];
        let is_beside = |role: Role| BESIDE.iter().any(|quantity| role.same_slot(Role::of(*quantity)));
        let may_stand = |role: Role| role.is_loss() || role.counts() || is_beside(role);
        self.losses().any(|loss| tells_of_data(&loss.name))
            || (self.columns.iter()).all(|column| column.role.is_some_and(may_stand))
    }

    /// True where no loss is called one: each is named for its data.
    fn tells_of_data_alone(&self) -> bool {
        self.losses().all(|loss| is_data(&loss.name.to_ascii_lowercase()))
    }

    /// True where what is named for training and what is named for held-out data fall both, as no accuracies do.
    fn tells_of_both(&self, sample: &Sample) -> bool {
        let both = LOSSES.map(|loss| self.values(loss));
        let are_shares = both.iter().flatten().all(|value| (0.0..=1.0).contains(value));
        let below = clearly_below(are_shares);
        self.is_counted(sample) && both.iter().all(|told| !are_counts(told) && falls(told, below))
    }

    /// True where steps or epochs are counted, or a document lists the history of a loss, which it names for its
    /// data. Rows of anything else are as likely results, of which some are smaller than others.
    fn is_counted(&self, sample: &Sample) -> bool {
        let is_history = self.found.0.name() == JsonDocument.name()
            && sample.head.trim_ascii_start().starts_with(b"{")
            && self.losses().any(|loss| tells_of_data(&loss.name));
        is_history || (self.columns.iter()).any(|column| column.role.is_some_and(Role::counts))
    }
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

fn values(decoded: &Decoded, quantity: Quantity) -> Vec<f64> {
    let points = decoded.records.points(quantity);
    points
        .map(|(_, value)| value)
        .filter(|value| value.is_finite())
        .collect()
}

/// Where a loss has arrived, in parts of where it began, where every value may be a share of what was right.
pub(super) fn clearly_below(are_shares: bool) -> f64 {
    if are_shares {
        CLEARLY_BELOW_OF_SHARES
    } else {
        CLEARLY_BELOW
    }
}

/// The same for what goes by this name instead of that of a loss.
pub(super) fn below_of(stand_in: &str) -> f64 {
    if stand_in == COST { 1.0 } else { CLEARLY_BELOW }
}

/// True for nine of ten.
pub(super) fn are_nearly_all(some: usize, all: usize) -> bool {
    some * 10 >= all * 9
}

/// True for what has arrived below where it began, at so many parts of it at most.
pub(super) fn falls(told: &[f64], below: f64) -> bool {
    const LEAST: usize = 2;
    let ends = told.first().zip(told.last());
    told.len() >= LEAST && ends.is_some_and(|(first, last)| *last < first - first.abs() * (1.0 - below))
}

/// True for what was so far below where it began at some time.
fn has_fallen(told: &[f64], below: f64) -> bool {
    let lowest = told.iter().copied().reduce(f64::min);
    let ends = told.first().copied().zip(lowest);
    ends.is_some_and(|(first, lowest)| falls(&[first, lowest], below))
}

/// True for whole numbers, which count something: samples, or seconds.
fn are_counts(told: &[f64]) -> bool {
    told.iter().all(|value| value.fract() == 0.0)
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
            "{\"epoch\":1,\"train\":{\"total\":2.5,\"kl\":2},\"val\":{\"total\":3.5,\"kl\":2}}\n{\"epoch\":2,\"train\":{\"total\":1.5,\"kl\":1},\"val\":{\"total\":2.5,\"kl\":2}}\n",
            "{\"train\":{\"total\":[3.5,2.5,1.5],\"kl\":[2,1,1]},\"val\":{\"total\":[3.5,3,2.5]}}",
            "epoch,train_total,train_sup,train_adv,val_loss\n1,2.5,2,1,3.5\n2,1.5,1,0.5,2.5\n",
        ] {
            assert_eq!(losses(log), both, "{log}");
        }
        // Not of time, of samples, or where nothing says of what.
        for log in [
            "epoch,total,correct\n1,512,40\n2,511.5,50\n3,500,60\n",
            "epoch,total,reg\n0,100.5,0\n1,103.5,1\n2,106.5,2\n",
            "step,total,obj\n0,36,0\n1,33,1\n2,30,2\n",
            "month,total,style\n0,99.5,0\n1,98.5,1\n2,97.5,2\n",
            "{\"epoch\":1,\"time\":{\"total\":1.5,\"data\":1}}\n{\"epoch\":2,\"time\":{\"total\":1.4,\"data\":1}}\n",
        ] {
            assert_eq!(losses(log), None, "{log}");
        }
        // It holds a loss that would be told in its place.
        for (log, both) in [
            (
                "epoch,ce,total,correct,val_loss\n1,2.5,50000,9,3.5\n2,1.5,50000,9,2.5\n",
                both,
            ),
            (
                "epoch,ce,total,val_loss\n1,2.5,512.5,3.5\n2,1.5,500.5,2.5\n",
                both,
            ),
            ("epoch,ce,total,val_loss\n1,2.5,0.75,3.5\n2,1.5,0.5,2.5\n", both),
            (
                "{\"epoch\":1,\"train\":{\"ce\":2.5,\"total\":50000}}\n{\"epoch\":2,\"train\":{\"ce\":1.5,\"total\":50000}}\n",
                Some((Some(1.5), None)),
            ),
            (
                "epoch,ce,total\n1,2,2.5\n2,1,1.25\n3,8,9.5\n",
                Some((Some(9.5), None)),
            ),
        ] {
            assert_eq!(losses(log), both, "{log}");
        }
        let beside = "epoch,loss,total,kl\n1,2.5,5,1\n2,1.5,4,1\n";
        assert_eq!(losses(beside), Some((Some(1.5), None)));
    }

    #[test]
    fn columns_may_be_named_for_their_data_alone() {
        for header in [
            "Epoch,Training,Validation",
            "epoch,train,validation",
            "epoch,training,val",
        ] {
            let falling = format!("{header}\n1,2.5,3.5\n2,2.0,3.0\n3,1.5,2.5\n");
            assert_eq!(losses(&falling), Some((Some(1.5), Some(2.5))), "{header}");
            let rising = format!("{header}\n1,71.5,70.5\n2,82.5,80.5\n3,91.25,88.5\n");
            assert!(
                losses(&rising).is_none_or(|(train, _)| train.is_none()),
                "{header}"
            );
        }
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
        let diverged = "epoch,train_mse,val_mse\n1,2.5,3.5\n2,1.5,2.5\n3,6.5,7.5\n";
        assert_eq!(losses(diverged), Some((Some(6.5), Some(7.5))));
        for log in [
            "epoch,train_mse,val_mse\n1,1.5,1.5\n2,2.5,2.5\n",
            "episode,reward,mse\n1,1.5,2.5\n2,2.5,1.5\n",
            "epoch,train,val\n1,0.5,0.4\n2,0.7,0.6\n",
            "epoch,train,val\n1,0.99,0.98\n2,0.7,0.8\n",
            "epoch,train,val\n1,80.0,79\n2,60,58\n",
            // Nothing is counted.
            "k,mse\n1,50.5\n2,25.25\n3,12.5\n",
            "n_samples,train,test\n100,9.5,12.5\n200,4.5,6.5\n300,3.5,4.5\n",
            "{\"ts\":1700000000,\"error\":0.5}\n{\"ts\":1700000060,\"error\":0.25}\n",
            "{\"sizes\":[10,20,40],\"error\":[0.5,0.25,0.125]}",
            "{\"train\":[9,8,3],\"val\":[7,5,2]}",
            // Of weights, or of an agent.
            "epoch,l2,accuracy\n0,0.5,0.5\n1,0.25,0.75\n",
            "[{\"step\":1,\"cost\":0.5,\"tokens\":100},{\"step\":2,\"cost\":0.4,\"tokens\":90},{\"step\":3,\"cost\":0.3,\"tokens\":90}]",
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
