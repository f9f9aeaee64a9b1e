//! fairseq and metaseq, all three generations: `| epoch 001:    200 / 1374 loss=14.351, ..,
//! num_updates=190`, `| epoch 027 | loss 6.343 | .. | num_updates 10198`, and JSON whose
//! numbers are strings, `{"epoch": 1, "loss": "9.276", "num_updates": "200"}`.
//!
//! The mean over an epoch is a point only where nothing finer is printed.

use super::scan::{NameFinder, named_numbers};
use super::{Fields, Grammar, Match};
use crate::format::roles::whole;
use crate::metric::{Quantity, Role};

/// The grammar.
#[derive(Debug, Default)]
pub struct Fairseq {
    names: NameFinder,
    /// Lines within epochs were seen.
    fine: bool,
    /// Of several held-out sets the first that is told of makes the curve.
    held_out: Option<Box<str>>,
}

impl Grammar for Fairseq {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let has = |part: &str| memchr::memmem::find(line.as_bytes(), part.as_bytes()).is_some();
        if !["num_updates", "epoch", "loss"].iter().all(|word| has(word)) {
            return Match::No;
        }
        let subset = held_out_subset(line);
        if let Some(subset) = subset
            && **self.held_out.get_or_insert_with(|| subset.into()) != *subset
        {
            return Match::No;
        }
        let eval = subset.is_some()
            || has("| valid on ")
            || has("valid_loss")
            || has("][valid]")
            || has("| valid |");
        let fine = !eval && (has("num_updates=") || has("train_inner"));
        self.fine |= fine;
        if !eval && !fine && self.fine {
            return Match::No;
        }
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
                _ => fields.values.push((word, named.value)),
            }
        });
        fields.record()
    }
}

/// The name of other data than those it trains on: `[time][dev-other][INFO] - {..`.
fn held_out_subset(line: &str) -> Option<&str> {
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

    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn three_generations() {
        for content in [
            "| epoch 001:    200 / 1374 loss=14.351, ppl=20899.56, wps=49604, ups=0, num_updates=190, lr=4.8e-06, gnorm=3.901, loss_scale=0.062, wall=1061\n\
             | epoch 001 | loss 6.343 | nll_loss 4.984 | ppl 31.65 | num_updates 10198 | lr 0.000626286 | gnorm 0.390 | loss_scale 0.500\n\
             | epoch 001 | valid on 'valid' subset | valid_loss 8.30118 | valid_nll_loss 7.15366 | valid_ppl 142.39 | num_updates 190 | best 4.46376\n",
            "2020-08-01 12:39:39 | INFO | train_inner | epoch 001:   3615 / 6547 loss=14.351, num_updates=190, lr=9e-06, gnorm=3.901, loss_scale=1399\n\
             2020-08-01 12:39:39 | INFO | train | epoch 001 | loss 7 | nll_loss 6 | num_updates 9999 | lr 9e-06 | gnorm 3.9\n\
             2020-08-01 12:39:39 | INFO | valid | epoch 001 | valid on 'valid' subset | loss 8.30118 | nll_loss 7.1 | num_updates 190 | best_loss 8.1\n",
            "[2022-04-08 18:48:05,372][train_inner][INFO] - {\"epoch\": 1, \"update\": 0.416, \"loss\": \"14.351\", \"loss_0\": \"6.679\", \"num_updates\": \"190\", \"lr\": \"3.125e-06\", \"gnorm\": \"3.901\"}\n\
             [2022-04-08 18:48:05,372][train][INFO] - {\"epoch\": 1, \"train_loss\": \"7\", \"train_num_updates\": \"9999\"}\n\
             [2022-04-08 18:58:04,035][valid][INFO] - {\"epoch\": 1, \"valid_loss\": \"8.30118\", \"valid_loss_0\": \"6.2\", \"valid_num_updates\": \"190\"}\n",
        ] {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!(read.format, "fairseq", "{content}");
            let records = &read.decoded.records;
            assert_eq!(records.steps(), [190, 190], "{content}");
            assert_eq!(records.value(0, Quantity::TrainLoss), Some(14.351), "{content}");
            assert_eq!(records.value(0, Quantity::GradNorm), Some(3.901), "{content}");
            assert_eq!(records.value(1, Quantity::EvalLoss), Some(8.30118), "{content}");
        }
    }
}
