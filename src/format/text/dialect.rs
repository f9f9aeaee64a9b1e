//! Trainers whose lines are named numbers behind a mark of their own: what tells them
//! apart is which words a line must hold and what some of its names mean.

use super::scan::{NameFinder, named_numbers, push_value};
use super::share_done::ShareDone;
use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;
use crate::metric::{Quantity, Role};

/// One trainer's way of naming.
#[derive(Debug)]
pub struct Dialect {
    /// Every train line holds all of these.
    pub train: &'static [&'static str],
    /// Every evaluation line holds all of one of these.
    pub eval: &'static [&'static [&'static str]],
    /// Names of the counter, best first, in the order in which a line may have them.
    pub step: &'static [&'static str],
    /// Names that mean something else than the table of names says: (as written, instead).
    pub rename: &'static [(&'static str, &'static str)],
    /// The words before the planned number of steps, in a line of its own; empty when there
    /// is none.
    pub announces: &'static str,
    /// The words before the perplexity of an evaluation, whose logarithm is the loss, in a line
    /// of its own; empty when there is none.
    pub perplexity: &'static str,
    /// The name whose `28/99` counts from 0 to a last index, if there is one.
    pub index: &'static str,
    /// The words before the percentage of the run that is done; empty when there are none.
    pub share: &'static str,
    /// What a line holds that tells the learning rate of the step whose train line follows; empty when there is
    /// none.
    pub rate_ahead: &'static [&'static str],
    /// Names that repeat the last evaluation on every line: they count when they change.
    pub repeated: &'static [&'static str],
    /// What lines of an evaluation call a step is another count: it belongs to the last record.
    pub evaluates_behind: bool,
}

/// Defaults for the fields that few dialects need.
pub const PLAIN: Dialect = Dialect {
    train: &[],
    eval: &[],
    step: &["step"],
    rename: &[],
    announces: "",
    perplexity: "",
    index: "",
    share: "",
    rate_ahead: &[],
    repeated: &[],
    evaluates_behind: false,
};

/// NeMo 2: `global_step: 28 | reduced_train_loss: 2.778 | consumed_samples: 928`.
pub const NEMO: Dialect = Dialect {
    train: &["reduced_train_loss", "global_step"],
    step: &["global_step"],
    index: "iteration",
    repeated: &["val_loss", "validation_loss"],
    ..PLAIN
};

/// LitGPT: `Epoch 1 | iter 10 step 2 | loss train: 10.123, val: n/a | iter time: ..`.
/// Iterations are micro-batches; evaluation lines count those, so they have no step here: `iter 80: val loss
/// 5.1, val time: 3221.11ms`, and in 2023 `step 80: val loss 5.1`.
pub const LITGPT: Dialect = Dialect {
    train: &["iter ", "step ", "loss", "iter time:"],
    eval: &[
        &["iter ", "val loss ", "val time"],
        &["step ", ": val loss "],
        &["Final evaluation", "val loss"],
    ],
    rename: &[
        ("loss train", "loss"),
        ("val", "val loss"),
        ("iter", ""),
        ("time", ""),
    ],
    repeated: &["val loss"],
    evaluates_behind: true,
    ..PLAIN
};

/// MaxText: `completed step: 2, seconds: 10.228, .., loss: 12.980, lm_loss: 12.980`. Until 2025 it evaluated with
/// `average loss after step=50: eval_step_count=10, eval_loss=3.1, total_weights=..`.
pub const MAXTEXT: Dialect = Dialect {
    train: &["completed step:", "loss:"],
    eval: &[
        &["Completed eval after train step", "loss="],
        &["eval metrics after step:", "loss="],
        &["average loss after ", "eval_loss="],
    ],
    step: &["completed step", "step", "average loss after"],
    ..PLAIN
};

/// mlx-lm: `Iter 25: Train loss 1.593, Learning Rate 7.000e-05, .., Trained Tokens 9699`.
pub const MLX: Dialect = Dialect {
    train: &["Iter ", ": Train loss "],
    eval: &[&["Iter ", ": Val loss "]],
    announces: "Starting training..., iters: ",
    step: &["iter"],
    ..PLAIN
};

/// nanotron: `iteration: 327281 / 378950 | consumed_tokens: 85.8G | .. | lm_loss: 2.38`.
pub const NANOTRON: Dialect = Dialect {
    train: &["iteration:", "consumed_tokens:", "lm_loss:"],
    step: &["iteration"],
    ..PLAIN
};

/// torchtune: `Step 1 | loss:1.2345 lr:2e-05 tokens_per_second_per_gpu:1234.5`.
pub const TORCHTUNE: Dialect = Dialect {
    train: &["Step ", " | loss:", "lr:"],
    eval: &[&["Step ", " | val_loss:"]],
    ..PLAIN
};

/// Lingua: `step: 100  acc: 0  loss:  7.1234  grad: 1.20e+00  flops: 4.1e+14 ..`.
pub const LINGUA: Dialect = Dialect {
    train: &["step:", "acc:", "loss:", "grad:", "flops:"],
    ..PLAIN
};

/// OpenNMT: `Step 50/100000; acc: 7.4; ppl: 9000; xent: 9.1; lr: 0.0003;`.
pub const OPENNMT: Dialect = Dialect {
    train: &["Step ", "xent:", "acc:"],
    rename: &[("xent", "loss")],
    perplexity: "Validation perplexity: ",
    ..PLAIN
};

/// Marian: `Ep. 1 : Up. 1000 : Sen. 12,000 : Cost 8.1 : Time 10.2s : L.r. 3.0e-04`, and
/// `[valid] Ep. 1 : Up. 1000 : ce-mean-words : 1.63 : new best`.
pub const MARIAN: Dialect = Dialect {
    train: &["Ep. ", "Up. ", "Sen. ", "Cost "],
    eval: &[
        &["[valid] Ep. ", "Up. ", ": ce-mean-words :"],
        &["[valid] Ep. ", "Up. ", ": cross-entropy :"],
    ],
    step: &["up"],
    rename: &[
        ("Cost", "loss"),
        ("ce-mean-words", "validation loss"),
        // In another unit than the cost: it is taken where the mean over words is not told.
        ("cross-entropy", "validation cross-entropy"),
        ("Sen", "samples"),
        ("L.r", "lr"),
        ("Time", ""),
    ],
    ..PLAIN
};

/// DeepSpeed's pipeline engine: `[Rank 0] step=100, skipped=0, lr=[3e-05], mom=[(0.9, 0.95)]`, then `steps: 100
/// loss: 2.3456 iter time (s): 1.234`.
pub const DEEPSPEED: Dialect = Dialect {
    train: &["steps:", "loss:", "iter time (s):"],
    step: &["steps", "step"],
    rate_ahead: &[" step=", ", skipped=", ", lr=["],
    ..PLAIN
};

/// PaddleNLP: `loss: 10.98, learning_rate: 1e-05, global_step: 10, progress_or_epoch: 0.01`.
pub const PADDLE: Dialect = Dialect {
    train: &["loss: ", "learning_rate: ", "global_step: "],
    eval: &[&["eval_loss: ", "eval_runtime: "]],
    step: &["global_step"],
    ..PLAIN
};

/// detectron2: `eta: 0:10:11  iter: 19  total_loss: 2.72  loss_cls: 1.1  lr: 1.9e-06`. YOLOX,
/// which counts within epochs, puts commas between the same words.
pub const DETECTRON2: Dialect = Dialect {
    train: &["iter: ", "  total_loss: "],
    step: &["iter"],
    rename: &[("time", "step_time")],
    ..PLAIN
};

/// verl: `step:12 - actor/pg_loss:-0.02 - critic/score/mean:0.52`.
pub const VERL: Dialect = Dialect {
    train: &["step:", " - ", "actor/"],
    rename: &[
        ("actor/pg_loss", "loss"),
        ("actor/lr", "lr"),
        ("actor/grad_norm", "grad_norm"),
    ],
    ..PLAIN
};

/// Mistral's and Kyutai's scripts for fine-tuning: `train - INFO - step: 000039 - done (%): 13.0 -
/// loss: 0.817 - lr: 4.0e-06`, and `eval - INFO - step: 000100 - eval_perplexity: 3.2 - eval_loss: 1.2
/// - train_loss: 1.1`, which tells the last train loss again.
pub const MISTRAL: Dialect = Dialect {
    train: &["step: ", " - done (%): ", " - loss: "],
    eval: &[&["step: ", " - eval_loss: "]],
    rename: &[("train_loss", "")],
    share: "done (%): ",
    ..PLAIN
};

/// Reads the lines of a [`Dialect`].
#[derive(Debug)]
pub struct DialectGrammar {
    dialect: &'static Dialect,
    names: NameFinder,
    done: ShareDone,
    /// Last values of the repeated names.
    last: Vec<(&'static str, f64)>,
    /// A step and its learning rate, which a line has told ahead.
    rate: Option<(u64, f64)>,
}

impl DialectGrammar {
    /// A grammar for a dialect.
    pub fn new(dialect: &'static Dialect) -> Self {
        DialectGrammar {
            dialect,
            names: NameFinder::default(),
            done: ShareDone::default(),
            last: Vec::new(),
            rate: None,
        }
    }

    /// True when a repeated value is news. Repetitions may have fewer digits than the
    /// evaluation itself.
    fn is_news(&mut self, name: &'static str, value: f64) -> bool {
        const DIGITS: f64 = 6e-4;
        match self.last.iter_mut().find(|(known, _)| *known == name) {
            Some((_, last)) if (*last - value).abs() <= DIGITS || (last.is_nan() && value.is_nan()) => false,
            Some((_, last)) => {
                *last = value;
                true
            }
            None => {
                self.last.push((name, value));
                true
            }
        }
    }
}

/// True when a line holds all of the words.
pub fn holds(line: &str, words: &[&str]) -> bool {
    words
        .iter()
        .all(|word| memchr::memmem::find(line.as_bytes(), word.as_bytes()).is_some())
}

/// True when a line holds one of the words.
pub fn holds_one_of(line: &str, words: &[&str]) -> bool {
    words
        .iter()
        .any(|word| memchr::memmem::find(line.as_bytes(), word.as_bytes()).is_some())
}

impl Grammar for DialectGrammar {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let dialect = self.dialect;
        let eval = dialect.eval.iter().any(|words| holds(line, words));
        if !dialect.announces.is_empty()
            && let Some((_, total)) = line.split_once(dialect.announces)
        {
            let total = total.split([' ', ',']).next().unwrap_or_default();
            fields.total = number::parse(total).and_then(whole);
            return Match::Notice;
        }
        if !dialect.perplexity.is_empty()
            && let Some((_, perplexity)) = line.split_once(dialect.perplexity)
        {
            let Some(perplexity) = number::parse(perplexity.trim()) else {
                return Match::No;
            };
            fields.values.push(("validation loss", perplexity.ln()));
            return Match::Record;
        }
        let tells_rate = !dialect.rate_ahead.is_empty() && holds(line, dialect.rate_ahead);
        if !eval && !tells_rate && !holds(line, dialect.train) {
            return Match::No;
        }
        let mut step_rank = usize::MAX;
        named_numbers(line, |named| {
            let (name, fit) = self.names.find(named.words);
            let last_word = named.words.rsplit(' ').next().unwrap_or_default();
            let called = |wanted: &str| {
                [name, named.words, last_word]
                    .iter()
                    .any(|word| word.trim_end_matches('.').eq_ignore_ascii_case(wanted))
            };
            if let Some(rank) = dialect.step.iter().position(|wanted| called(wanted)) {
                if rank < step_rank && !(eval && dialect.evaluates_behind) {
                    step_rank = rank;
                    fields.step = whole(named.value);
                    fields.total = named.of.or(fields.total);
                }
                return;
            }
            if !dialect.index.is_empty() && called(dialect.index) {
                fields.total = named.of.and_then(|last| last.checked_add(1));
                return;
            }
            match dialect.rename.iter().find(|(from, _)| called(from)) {
                Some((_, "")) => {}
                Some((_, to)) => fields.values.push((to, named.value)),
                None => push_value(fields, name, fit, &named),
            }
        });
        if tells_rate {
            let mut values = fields.values.drain(..);
            let rate = values.find(|(name, _)| *name == "lr");
            self.rate = fields.step.take().zip(rate.map(|(_, rate)| rate));
            return Match::No;
        }
        if let Some((_, rate)) = self.rate.take_if(|(step, _)| fields.step == Some(*step)) {
            fields.values.push(("lr", rate));
        }
        for repeated in dialect.repeated {
            let carried = fields
                .values
                .iter()
                .position(|(name, _)| name.eq_ignore_ascii_case(repeated));
            let Some((index, (_, value))) =
                carried.and_then(|index| Some((index, *fields.values.get(index)?)))
            else {
                continue;
            };
            if !self.is_news(repeated, value) && !eval {
                fields.values.remove(index);
            }
        }
        if eval {
            let train = Role::of(Quantity::TrainLoss);
            for (name, _) in &mut fields.values {
                if self
                    .names
                    .find(name)
                    .1
                    .is_some_and(|fit| fit.role.same_slot(train))
                {
                    *name = "validation loss";
                }
            }
        }
        if !dialect.share.is_empty()
            && let (Some(step), Some((_, behind))) = (fields.step, line.split_once(dialect.share))
        {
            let percent = behind.split(' ').next().unwrap_or_default();
            fields.total = self.done.total(step, percent);
        }
        fields.alone =
            dialect.repeated.is_empty() && dialect.share.is_empty() && dialect.rate_ahead.is_empty();
        if fields.values.is_empty() {
            Match::No
        } else {
            Match::Record
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    type Row = (u64, Option<f64>, Option<f64>);

    fn read(content: &str) -> (&'static str, Option<u64>, Vec<Row>) {
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let rows = read.decoded.records.rows().map(|row| {
            (
                row.step(),
                row.value(Quantity::TrainLoss),
                row.value(Quantity::EvalLoss),
            )
        });
        (read.format, read.decoded.total_steps, rows.collect())
    }

    #[test]
    fn marian_evaluates_in_the_unit_of_its_cost_where_it_can() {
        let lines = |step: u32, evaluations: &[&str]| {
            let cost = format!(
                "Ep. 1 : Up. {step} : Sen. 12,000 : Cost 4.5 * 12,321 : Time 32.11s : L.r. 3.0e-04\n"
            );
            let evaluations = evaluations
                .iter()
                .map(|told| format!("[valid] Ep. 1 : Up. {step} : {told} : new best\n"));
            cost + &evaluations.collect::<String>()
        };
        let evaluations = |told: &[&str]| {
            let (format, _, rows) = read(&(lines(500, told) + &lines(1000, told)));
            assert_eq!(format, "marian");
            let points = rows.into_iter().filter_map(|(step, _, loss)| Some((step, loss?)));
            points.collect::<Vec<_>>()
        };
        let (sum, mean) = ("cross-entropy : 88.5", "ce-mean-words : 4.25");
        assert_eq!(
            evaluations(&[sum, mean, "bleu : 12.1"]),
            [(500, 4.25), (1000, 4.25)]
        );
        assert_eq!(evaluations(&[mean, sum]), [(500, 4.25), (1000, 4.25)]);
        assert_eq!(evaluations(&[sum]), [(500, 88.5), (1000, 88.5)]);
    }

    #[test]
    fn deepspeed_tells_the_learning_rate_ahead() {
        let content = "[2026-11-30 08:00:08,604] [INFO] [logging.py:96:log_dist] [Rank 0] step=10, skipped=0, lr=[3e-05, 4e-05], mom=[(0.9, 0.95)]\n\
            steps: 10 loss: 7.5 iter time (s): 0.820 samples/sec: 321.123\n\
            [2026-11-30 08:00:16,945] [INFO] [logging.py:96:log_dist] [Rank 0] step=20, skipped=2, lr=[6e-05, 8e-05], mom=[(0.9, 0.95)]\n\
            steps: 20 loss: 7.25 iter time (s): 0.806 samples/sec: 321.123\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let points = |quantity| read.decoded.records.points(quantity).collect::<Vec<_>>();
        assert_eq!(read.format, "deepspeed");
        assert_eq!(points(Quantity::TrainLoss), [(10, 7.5), (20, 7.25)]);
        assert_eq!(points(Quantity::LearningRate), [(10, 3e-5), (20, 6e-5)]);
        assert_eq!(points(Quantity::SkippedSteps), []);
    }

    #[test]
    fn one_line_of_each() {
        for (format, content, expected) in [
            (
                "nemo",
                "0: Training epoch 0, iteration 28/99 | lr: 5.6e-06 | global_batch_size: 32 | global_step: 28 | reduced_train_loss: 2.778 | train_step_timing in s: 0.189 | consumed_samples: 928 | val_loss: 2.861\n\
                 0: Training epoch 0, iteration 29/99 | lr: 5.6e-06 | global_step: 29 | reduced_train_loss: 2.7 | consumed_samples: 960 | val_loss: 2.861\n",
                vec![(28, Some(2.778), Some(2.861)), (29, Some(2.7), None)],
            ),
            (
                "litgpt",
                "Epoch 1 | iter 10 step 2 | loss train: 10.123, val: n/a | iter time: 112.20 ms (step) remaining time: 0:01:54\n\
                 iter 15: val loss 1.7258, val time: 3778.02 ms\n\
                 Epoch 1 | iter 20 step 4 | loss train: 9.5, val: 1.726 | iter time: 112.20 ms (step) remaining time: 0:01:54\n\
                 Final evaluation | val loss: 1.5 | val ppl: 4.5\n",
                vec![
                    (2, Some(10.123), None),
                    (2, None, Some(1.7258)),
                    (4, Some(9.5), None),
                    (4, None, Some(1.5)),
                ],
            ),
            (
                "maxtext",
                "I0811 21:55:06.119312 138304841739136 metric_logger.py:226] completed step: 2, seconds: 10.228, TFLOP/s/device: 350.869, Tokens/s/device: 19222.175, total_weights: 1572864, loss: 12.980, lm_loss: 12.970, perplexity: 433463.719\n\
                 I0811 21:55:07.1 1 x.py:1] Completed eval after train step 2, loss=3.210, perplexity=24.779\n",
                vec![(2, Some(12.97), None), (2, None, Some(3.21))],
            ),
            (
                "maxtext",
                "completed step: 1, seconds: 10.228, loss: 12.5\ncompleted step: 2, seconds: 10.228, loss: 12.25\naverage loss after step=2: eval_step_count=10, eval_loss=6.5, total_weights=1024000.0\n\
                 completed step: 3, seconds: 10.228, loss: 12.0\naverage loss after 3: eval_loss=6.25, total_weights=1024000.0\n",
                vec![
                    (1, Some(12.5), None),
                    (2, Some(12.25), None),
                    (2, None, Some(6.5)),
                    (3, Some(12.0), None),
                    (3, None, Some(6.25)),
                ],
            ),
            (
                "litgpt",
                "iter 76 step 19: loss 6.25, iter time: 801.47ms (optimizer.step)\niter 80 step 20: loss 6.0, iter time: 801.47ms (optimizer.step)\n\
                 step 80: val loss 5.5, val time: 3221.11ms\n",
                vec![
                    (19, Some(6.25), None),
                    (20, Some(6.0), None),
                    (20, None, Some(5.5)),
                ],
            ),
            (
                "lingua",
                "0: INFO    25-01-01 00:00:00.000000 - 0:01:00 - step: 100  acc: 0  loss:  7.1234  grad: 1.20e+00  flops: 4.1e+14  wps: 5.1e+04  iter:  0.51  data:  0.01  lr: 3.00e-04  mem: 45%  pow: 650.0 W\n",
                vec![(100, Some(7.1234), None)],
            ),
            (
                "opennmt",
                "[2024-01-01 10:00:00,000 INFO] Step 50/100000; acc: 7.4; ppl: 9000.1; xent: 9.1; lr: 0.00030; sents: 100;\n\
                 [2024-01-01 10:00:01,000 INFO] Train perplexity: 20.5\n[2024-01-01 10:00:01,000 INFO] Validation perplexity: 1\n",
                vec![(50, Some(9.1), None), (50, None, Some(0.0))],
            ),
            (
                "marian",
                "[2020-01-01 10:00:00] Ep. 1 : Up. 1000 : Sen. 12,000 : Cost 8.10000 * 1,234 : Time 10.2s : 2000.1 words/s : L.r. 3.0e-04\n",
                vec![(1000, Some(8.1), None)],
            ),
            (
                "deepspeed",
                "steps: 100 loss: 2.3456 iter time (s): 1.234 samples/sec: 51.868\n",
                vec![(100, Some(2.3456), None)],
            ),
            (
                "paddlenlp",
                "[2024-01-01 00:00:00,000] [    INFO] - loss: 10.98, learning_rate: 1e-05, global_step: 10, interval_runtime: 3.2, progress_or_epoch: 0.01\n",
                vec![(10, Some(10.98), None)],
            ),
            (
                "mistral-finetune",
                "2024-12-19 09:24:15 (CET) - 0:03:12 - train - INFO - step: 000039 - done (%): 13.0 - loss: 2.444 - lr: 4.0e-06 - peak_alloc_mem (GB): 26.1 - ETA: >2024-12-31 06:50:16\n\
                 2024-12-19 09:24:30 (CET) - 0:03:12 - eval - INFO - step: 000040 - eval_perplexity: 10.1 - eval_loss: 2.313 - train_loss: 2.4\n\
                 2024-12-19 09:24:30 (CET) - 0:03:12 - train - INFO - step: 000041 - done (%): 13.7 - loss: 2.375 - lr: 4.0e-06 - peak_alloc_mem (GB): 26.1\n",
                vec![
                    (39, Some(2.444), None),
                    (40, None, Some(2.313)),
                    (41, Some(2.375), None),
                ],
            ),
            (
                "detectron2",
                "[01/01 10:00:00 d2.utils.events]:  eta: 0:10:11  iter: 19  total_loss: 2.72  loss_cls: 1.1  loss_box_reg: 0.6  time: 0.15  data_time: 0.01  lr: 1.9e-06  max_mem: 2000M\n",
                vec![(19, Some(2.72), None)],
            ),
        ] {
            let (name, total, rows) = read(content);
            assert_eq!((name, rows), (format, expected), "{content}");
            match format {
                "nemo" => assert_eq!(total, Some(100)),
                "mistral-finetune" => assert_eq!(total, Some(300)),
                _ => {}
            }
        }
    }
}
