//! fairseq and metaseq, all generations: `| epoch 010  2000 / 8223 loss=1.27 (1.50), ..`,
//! which counts within epochs; `| epoch 001:    200 / 1374 loss=14.351, .., num_updates=190`,
//! `| epoch 027 | loss 6.343 | .. | num_updates 10198`, and JSON whose numbers are strings,
//! `{"epoch": 1, "loss": "9.276", "num_updates": "200"}`.
//!
//! The mean over an epoch is a point only where nothing finer is printed.

use super::dialect::holds;
use super::scan::{NameFinder, named_numbers};
use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;
use crate::metric::{Quantity, Role};

/// The grammar.
#[derive(Debug, Default)]
pub struct Fairseq {
    names: NameFinder,
    /// Lines within epochs were seen.
    fine: bool,
    /// The last number of updates, where the log states it: evaluations may leave it out.
    updates: Option<u64>,
    /// Batches of an epoch, in a log that does not state the number of updates.
    length: Option<u64>,
    /// Of several held-out sets the first that is told of makes the curve.
    held_out: Option<Box<str>>,
}

impl Fairseq {
    /// The step of a line that does not state the number of updates.
    fn step(&mut self, place: Place) -> Option<u64> {
        if self.updates.is_some() {
            return self.updates;
        }
        self.length = place.batch.map(|(_, length)| length).or(self.length);
        let Some(length) = self.length else {
            return Some(place.epoch);
        };
        let batch = place.batch.map_or(length, |(batch, _)| batch);
        Some(
            place
                .epoch
                .saturating_sub(1)
                .saturating_mul(length)
                .saturating_add(batch),
        )
    }
}

impl Grammar for Fairseq {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let has = |part: &str| holds(line, &[part]);
        if !holds(line, &["epoch", "loss"]) {
            return Match::No;
        }
        let place = Place::of(line);
        if place.is_none() && !has("num_updates") {
            return Match::No;
        }
        let subset = held_out_subset(line);
        if let Some(subset) = subset
            && **self.held_out.get_or_insert_with(|| subset.into()) != *subset
        {
            return Match::No;
        }
        let eval = subset.is_some() || has("valid_loss") || has("| valid |");
        let within_epoch =
            has("num_updates=") || has("train_inner") || place.is_some_and(|place| place.batch.is_some());
        let fine = !eval && within_epoch;
        self.fine |= fine;
        let mean = !eval && !fine && self.fine;
        named_numbers(line, |named| {
            let word = named.words.rsplit(' ').next().unwrap_or_default();
            let word = word
                .strip_prefix("valid_")
                .or_else(|| word.strip_prefix("train_"))
                .or_else(|| word.strip_prefix(subset?)?.strip_prefix('_'))
                .unwrap_or(word);
            if word == "num_updates" {
                fields.step = whole(named.value);
                return;
            }
            if word.starts_with("best") {
                return;
            }
            let fit = self.names.find(word).1;
            match fit.map(|fit| fit.role) {
                // Its own counters of updates within an epoch, and of seconds.
                Some(Role::Step | Role::TotalSteps) => {}
                Some(role) if eval => {
                    let loss = role.same_slot(Role::of(Quantity::TrainLoss));
                    match word {
                        "loss" if loss => fields.values.push(("valid_loss", named.value)),
                        "nll_loss" if loss => fields.values.push(("valid_nll_loss", named.value)),
                        _ => {}
                    }
                }
                Some(role) if mean && !HOLDS_AT_THE_END.map(Role::of).contains(&role) => {}
                _ => fields.values.push((word, named.value)),
            }
        });
        self.updates = fields.step.or(self.updates);
        fields.step = fields.step.or_else(|| self.step(place?));
        fields.record()
    }

    fn epoch_length(&self) -> Option<u64> {
        self.length
    }
}

/// What the summary of an epoch tells of its end; the rest of it are means.
const HOLDS_AT_THE_END: [Quantity; 2] = [Quantity::LearningRate, Quantity::LossScale];

/// Where a line is that may leave the number of updates out.
#[derive(Clone, Copy, Debug)]
struct Place {
    epoch: u64,
    /// Batch within the epoch, and how many it has; `None` in a line about a whole epoch.
    batch: Option<(u64, u64)>,
}

impl Place {
    /// `| epoch 010  2000 / 8223 loss=1.27`, `| epoch 010 | train loss 1.44`, or `| epoch 010 |
    /// valid on 'valid' subset | valid loss 1.94`, but not a count within that validation.
    fn of(line: &str) -> Option<Place> {
        let rest = line.split_once("| epoch ")?.1;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (epoch, rest) = rest.split_at_checked(digits)?;
        let epoch = epoch.parse().ok()?;
        if let Some(cells) = rest.strip_prefix(" | ") {
            let is_summary = cells.starts_with("train loss ")
                || cells.starts_with("valid on '") && cells.contains("' subset | ");
            return is_summary.then_some(Place { epoch, batch: None });
        }
        let (counts, _) = rest.trim_start_matches(':').split_once(" loss=")?;
        let batch = Some(number::counts(counts)?);
        Some(Place { epoch, batch })
    }
}

/// The name of other data than those it trains on: `| valid on 'valid' subset |`,
/// `[time][dev-other][INFO] - {..`, or metaseq's `| valid | {"epoch": 1, "valid/cc_loss": ..`.
fn held_out_subset(line: &str) -> Option<&str> {
    if let Some((_, values)) = line.split_once("| valid | {") {
        let subset = values.split_once("_loss\"")?.0.rsplit('"').next()?;
        return subset.starts_with("valid/").then_some(subset);
    }
    if let Some((_, rest)) = line.split_once("| valid on '") {
        return Some(rest.split_once('\'')?.0);
    }
    let (before, _) = line.split_once("][INFO] - {")?;
    let subset = before.rsplit('[').next()?;
    let named = subset
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (named && !subset.is_empty() && !subset.starts_with("train")).then_some(subset)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_held_out_set_may_have_any_name() {
        let log: String = (1..6)
            .map(|epoch| {
                format!(
                    "[2023-11-22 05:07:12,770][train_inner][INFO] - {{\"epoch\": {epoch}, \"loss\": \"6.{epoch}\", \"num_updates\": \"{epoch}00\"}}\n\
                     [2023-11-22 05:07:12,770][dev-other][INFO] - {{\"epoch\": {epoch}, \"dev-other_loss\": \"7.{epoch}\", \"dev-other_num_updates\": \"{epoch}00\"}}\n\
                     [2023-11-22 05:07:35,385][dev-clean][INFO] - {{\"epoch\": {epoch}, \"dev-clean_loss\": \"8.{epoch}\", \"dev-clean_num_updates\": \"{epoch}00\"}}\n"
                )
            })
            .collect();
        let records = read_all(log.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        let (steps, losses) = records.values(Quantity::EvalLoss, 0..records.len());
        assert_eq!(
            (steps.to_vec(), losses.first()),
            (vec![100, 200, 300, 400, 500], Some(&7.1))
        );
    }

    #[test]
    fn metaseq_names_its_held_out_data_in_every_key() {
        let log: String = (1..4)
            .map(|count| {
                format!(
                    "2026-11-30 08:00:08 | INFO | train_inner | {{\"epoch\": 1, \"loss\": \"6.{count}\", \"num_updates\": \"{count}0\"}}\n\
                     2026-11-30 08:06:40 | INFO | valid | {{\"epoch\": 1, \"valid/cc_loss\": \"4.{count}\", \"valid/cc_ppl\": \"85.6\", \"valid/cc_num_updates\": \"{count}0\"}}\n\
                     2026-11-30 08:06:40 | INFO | valid | {{\"epoch\": 1, \"valid/books_loss\": \"5.{count}\", \"valid/books_num_updates\": \"{count}0\"}}\n"
                )
            })
            .collect();
        assert_eq!(
            points(&log, Quantity::EvalLoss),
            ("fairseq", Some(30), vec![(10, 4.1), (20, 4.2), (30, 4.3)])
        );
    }

    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn three_generations() {
        for content in [
            "| epoch 001:    200 / 1374 loss=14.351, ppl=20899.56, wps=49604, ups=0, num_updates=190, lr=4.8e-06, gnorm=3.901, loss_scale=0.062, wall=1061\n\
             | epoch 001 | loss 6.343 | nll_loss 4.984 | ppl 31.65 | num_updates 190 | lr 4.8e-06 | gnorm 0.390 | loss_scale 0.062\n\
             | epoch 001 | valid on 'valid' subset | valid_loss 8.30118 | valid_nll_loss 7.15366 | valid_ppl 142.39 | num_updates 190 | best 4.46376\n",
            "2020-08-01 12:39:39 | INFO | train_inner | epoch 001:   3615 / 6547 loss=14.351, num_updates=190, lr=9e-06, gnorm=3.901, loss_scale=1399\n\
             2020-08-01 12:39:39 | INFO | train | epoch 001 | loss 7 | nll_loss 6 | num_updates 190 | lr 9e-06 | gnorm 3.9\n\
             2020-08-01 12:39:39 | INFO | valid | epoch 001 | valid on 'valid' subset | loss 8.30118 | nll_loss 7.1 | num_updates 190 | best_loss 8.1\n",
            "[2022-04-08 18:48:05,372][train_inner][INFO] - {\"epoch\": 1, \"update\": 0.416, \"loss\": \"14.351\", \"loss_0\": \"6.679\", \"num_updates\": \"190\", \"lr\": \"3.125e-06\", \"gnorm\": \"3.901\"}\n\
             [2022-04-08 18:48:05,372][train][INFO] - {\"epoch\": 1, \"train_loss\": \"7\", \"train_num_updates\": \"9999\"}\n\
             [2022-04-08 18:58:04,035][valid][INFO] - {\"epoch\": 1, \"valid_loss\": \"8.30118\", \"valid_loss_0\": \"6.2\", \"valid_num_updates\": \"190\"}\n",
        ] {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!(read.format, "fairseq", "{content}");
            let records = &read.decoded.records;
            let losses = |quantity| records.values(quantity, 0..records.len());
            let one = |value: f64| (vec![190].into(), vec![value].into());
            assert_eq!(losses(Quantity::TrainLoss), one(14.351), "{content}");
            assert_eq!(losses(Quantity::GradNorm), one(3.901), "{content}");
            assert_eq!(losses(Quantity::EvalLoss), one(8.30118), "{content}");
        }
    }

    type Points = Vec<(u64, f64)>;

    fn points(content: &str, quantity: Quantity) -> (&'static str, Option<u64>, Points) {
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        let (steps, values) = records.values(quantity, 0..records.len());
        let points = steps.iter().copied().zip(values.iter().copied()).collect();
        (read.format, records.steps().last().copied(), points)
    }

    #[test]
    fn an_evaluation_without_its_step_follows_the_updates_made() {
        let content = "| epoch 001:   2000 / 2737 loss=7.234, nll_loss=6.086, num_updates=2001, lr=0.000204, gnorm=1.242, wall=5048\n\
            | epoch 001 | loss 7.033 | nll_loss 6.0 | ppl 63.94 | num_updates 2737 | lr 0.000201 | gnorm 1.241 | wall 5195\n\
            | epoch 001 | valid on 'valid' subset | valid_loss 6.37204 | valid_nll_loss 5.14732 | valid_ppl 35.44\n\
            | epoch 001 | valid on 'test' subset | valid_loss 9.5 | valid_nll_loss 8.5 | valid_ppl 99.5\n\
            | epoch 002 | loss 6.033 | nll_loss 4.9 | ppl 33.94 | num_updates 5474 | lr 0.000201 | gnorm 1.241 | wall 5195\n";
        assert_eq!(
            points(content, Quantity::EvalLoss),
            ("fairseq", Some(5474), vec![(2737, 6.37204)])
        );
        assert_eq!(points(content, Quantity::TrainLoss).2, [(2001, 7.234)]);
    }

    #[test]
    fn the_first_versions_count_within_epochs() {
        let content = "| epoch 010  2000 / 8223 loss=1.27 (1.50), wps=962, wpb=908, bsz=32, lr=0.001, clip=100%, gnorm=2.1427\n\
            | epoch 010  8000 / 8223 loss=1.33 (1.45), wps=961, wpb=905, bsz=32, lr=0.001, clip=100%, gnorm=2.1133\n\
            | epoch 010 | train loss 1.44 | train ppl 2.72 | s/checkpoint    7747 | bsz    32 | lr 0.001000 | clip 100% | gnorm 2.1113\n\
            | epoch 010 | valid on 'valid' subset  1000 / 1311 loss=1.60\n\
            | epoch 010 | valid on 'valid' subset | valid loss 1.94 | valid ppl 3.83\n\
            | epoch 011  1000 / 8223 loss=1.89 (1.38), wps=963, wpb=918, bsz=32, lr=0.001, clip=100%, gnorm=2.0860\n";
        assert_eq!(
            points(content, Quantity::TrainLoss),
            (
                "fairseq",
                Some(83_230),
                vec![(76_007, 1.27), (82_007, 1.33), (83_230, 1.89)]
            )
        );
        assert_eq!(points(content, Quantity::EvalLoss).2, [(82_230, 1.94)]);
        let epochs = "| epoch 001 | train loss 5.5 | train ppl 45 | lr 0.25 | gnorm 2.1\n\
            | epoch 001 | valid on 'valid' subset | valid loss 5.25 | valid ppl 38\n\
            | epoch 002 | train loss 4.5 | train ppl 22 | lr 0.25 | gnorm 2.1\n\
            | epoch 002 | valid on 'valid' subset | valid loss 4.25 | valid ppl 19\n";
        assert_eq!(points(epochs, Quantity::TrainLoss).2, [(1, 5.5), (2, 4.5)]);
        assert_eq!(points(epochs, Quantity::EvalLoss).2, [(1, 5.25), (2, 4.25)]);
    }
}
