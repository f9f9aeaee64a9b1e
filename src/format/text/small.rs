//! Trainers whose lines have a shape so plain that it must fit from end to end.

use super::scan::named_numbers;
use super::share_done::ShareDone;
use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::metric::Names;

/// llama2.c: `100 | loss 9.1234 | lr 1.000000e-04 | 120.53ms | mfu 12.34%`, and nanoGPT's
/// `step 250: train loss 3.9, val loss 3.8`.
#[derive(Debug, Default)]
pub struct Llama2c;

impl Grammar for Llama2c {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some(rest) = line.strip_prefix("step ")
            && let Some((step, rest)) = rest.split_once(": train loss ")
            && let Some((_, eval)) = rest.split_once(", val loss ")
        {
            fields.step = step.trim().parse().ok();
            let Some(value) = number::parse(eval.split([',', ' ']).next().unwrap_or_default()) else {
                return Match::No;
            };
            fields.values.push(("val loss", value));
            // Alone it is nanoGPT's.
            return if fields.step.is_some() {
                Match::Record
            } else {
                Match::No
            };
        }
        let Some((step, rest)) = line.split_once(" | loss ") else {
            return Match::No;
        };
        let mut cells = rest.split(" | ");
        let (Some(step), Some(loss), Some(rate)) = (
            bare_counter(step),
            cells.next(),
            cells.next().and_then(|cell| cell.trim().strip_prefix("lr ")),
        ) else {
            return Match::No;
        };
        let (Some(loss), Some(rate)) = (number::parse(loss), number::parse(rate)) else {
            return Match::No;
        };
        fields.step = Some(step);
        fields.values.extend([("loss", loss), ("lr", rate)]);
        Match::Record
    }
}

/// DeepLearning4J's listener: `ScoreIterationListener - Score at iteration 100 is 1.3935`. What it calls a score is the
/// value of the loss function.
#[derive(Debug)]
pub struct DeepLearning4J;

impl Grammar for DeepLearning4J {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let told = line
            .split_once("Score at iteration ")
            .and_then(|(_, told)| told.split_once(" is "));
        let Some((iteration, score)) = told else {
            return Match::No;
        };
        let Some(score) = score.split_whitespace().next().and_then(number::parse) else {
            return Match::No;
        };
        fields.step = iteration.parse().ok();
        fields.values.push(("loss", score));
        fields.alone = true;
        fields.record()
    }
}

/// The count that ends a text and has no name.
fn bare_counter(text: &str) -> Option<u64> {
    let (before, count) = number::digits_at_the_end(text);
    let word = before.trim_end_matches([' ', ':']).rsplit(' ').next();
    let is_named = || word.is_some_and(|word| Names::default().role_of(word).is_some());
    let stands_alone = before.is_empty() || before.ends_with([' ', ']', ':', '\t']);
    count.parse().ok().filter(|_| stands_alone && !is_named())
}

/// RWKV-LM's `train_log.txt`: epoch, loss, perplexity, learning rate, time, epoch. And what the bars
/// of RWKV-v4 are called: `miniE 2 s 1666 prog 40.00% : ppl 3.495054 loss 1.251349 lr
/// 1.386290e-04: 100%|####| 833/833 [..]`, where `s` counts the steps of the run. The perplexity proves
/// it: it is the exponential of the loss.
#[derive(Debug, Default)]
pub struct Rwkv {
    done: ShareDone,
}

impl Grammar for Rwkv {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let behind = |name: &str| line.split_once(name)?.1.split([' ', '%', ':']).next();
        let [step, loss, perplexity, rate] = if line.starts_with("miniE ") {
            [" s ", " loss ", " ppl ", " lr "].map(behind)
        } else {
            let mut words = line.split_ascii_whitespace();
            std::array::from_fn(|_| words.next())
        };
        // Python's floats: `0 1 0` is as likely of a table of anything.
        let with_point = |word: &&str| word.contains('.');
        let (Some(step), Some(loss), Some(perplexity), Some(rate)) = (
            step.and_then(|word| word.parse().ok()),
            loss.filter(with_point).and_then(number::parse),
            perplexity.filter(with_point).and_then(number::parse),
            rate.and_then(number::parse),
        ) else {
            return Match::No;
        };
        let proven = (loss.exp() / perplexity - 1.0).abs() < 1e-3;
        if !proven || !(0.0..1.0).contains(&rate) {
            return Match::No;
        }
        fields.step = Some(step);
        fields.total = behind(" prog ").and_then(|share| self.done.total(step, share));
        fields.values.extend([("loss", loss), ("lr", rate)]);
        Match::Record
    }
}

/// Google's CLU (T5X, AXLearn, AlgoPerf): `.. logging_writer.py:48] [100] grad_norm=10.3,
/// loss=11.6913`.
#[derive(Debug, Default)]
pub struct Clu;

impl Grammar for Clu {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some((_, rest)) = line.split_once("logging_writer.py:") else {
            return Match::No;
        };
        let Some((step, metrics)) = rest.split_once("] [").and_then(|(_, rest)| rest.split_once("] ")) else {
            return Match::No;
        };
        fields.step = step.parse().ok();
        named_numbers(metrics, |named| fields.values.push((named.words, named.value)));
        fields.record()
    }
}

/// XLM and TransCoder: `INFO - 10/04/19 14:41:25 - 0:11:11 -    1135 -   56.12 sent/s -  2143.80
/// words/s - MLM-en:  7.7416 || MLM-fr:  7.5 -  - model LR: 3.8795e-06`. The loss is that of the first
/// objective.
#[derive(Debug, Default)]
pub struct Xlm;

impl Grammar for Xlm {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some((before, rest)) = line.split_once(" sent/s - ") else {
            return Match::No;
        };
        let mut before = before.rsplit(" - ").skip(1);
        fields.step = before.next().and_then(|step| step.trim().parse().ok());
        let named = |cell: &str, name: &str| {
            let (found, value) = cell.split_once(':')?;
            let value = value.split_ascii_whitespace().next()?;
            found.contains(name).then(|| number::parse(value))?
        };
        let mut cells = rest.split(" - ").skip(1);
        let loss = cells
            .next()
            .and_then(|objectives| named(objectives.split(" || ").next()?, "-"));
        fields.values.extend(loss.map(|loss| ("loss", loss)));
        let rate = cells.find_map(|cell| named(cell, "LR"));
        fields.values.extend(rate.map(|rate| ("lr", rate)));
        fields.record()
    }
}

/// Sockeye: `E=0 B=50 s/sec=1797.10 tok/sec=30691.04 u/sec=3.75 ppl=1484.76`, with a counter of batches
/// that goes on over epochs, or `Epoch[0] Batch [50] .. perplexity=1484.76`; and `Checkpoint [1]
/// Validation-ppl=110.49`. A loss is the logarithm of the perplexity, which is a mean since the last
/// checkpoint.
#[derive(Debug, Default)]
pub struct Sockeye;

impl Grammar for Sockeye {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some((_, line)) = line.split_once("sockeye.training] ") else {
            return Match::No;
        };
        let behind = |name: &str| line.split_once(name)?.1.split([']', '\t', ' ']).next();
        // A perplexity that is none has no logarithm that is a loss.
        let loss = |names: [&str; 2]| {
            let perplexity = names.into_iter().find_map(behind).and_then(number::parse);
            let perplexity = perplexity.filter(|value| value.is_finite() && *value > 0.0);
            perplexity.map(f64::ln)
        };
        if line.starts_with("Checkpoint ") {
            if let Some(loss) = loss(["Validation-ppl=", "Validation-perplexity="]) {
                fields.values.push(("eval_loss", loss));
                return Match::Record;
            }
            let rate = behind("Learning-rate=").and_then(number::parse);
            fields.values.extend(rate.map(|rate| ("lr", rate)));
            return if rate.is_some() { Match::Ahead } else { Match::No };
        }
        let batch = [" B=", " Batch ["].into_iter().find_map(behind);
        fields.step = batch.and_then(|batch| batch.parse().ok());
        let loss = loss(["\tppl=", "\tperplexity="]);
        fields.values.extend(loss.map(|loss| ("loss", loss)));
        fields.record()
    }
}

/// tinygrad's examples, which name their numbers behind them: `    2 101.78 s run, 11.8750 loss,
/// 0.000000000001 LR, 1454.57 GB used,  17039.35 GFLOPS`.
#[derive(Debug, Default)]
pub struct Tinygrad;

impl Grammar for Tinygrad {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some((before, cells)) = line.split_once(" run, ") else {
            return Match::No;
        };
        let mut words = before.split_ascii_whitespace().rev();
        let scale = match words.next() {
            Some("s") => 1.0,
            Some("ms") => 1e-3,
            _ => return Match::No,
        };
        let seconds = words.next().and_then(number::parse);
        fields.step = words.next().and_then(|step| step.parse().ok());
        fields
            .values
            .extend(seconds.map(|seconds| ("step_time", seconds * scale)));
        for cell in cells.split(", ") {
            let Some((value, name)) = cell.trim_start().split_once(' ') else {
                continue;
            };
            let value = number::parse(value);
            fields.values.extend(match (name, value) {
                ("loss", Some(loss)) => Some(("loss", loss)),
                ("LR", Some(rate)) => Some(("lr", rate)),
                _ => None,
            });
        }
        let has = |wanted: &str| fields.values.iter().any(|(name, _)| *name == wanted);
        if has("step_time") && has("loss") {
            fields.record()
        } else {
            Match::No
        }
    }
}

/// Flower's server: `fit progress: (1, 2.0275, {'accuracy': 0.3238}, 5.769)` is the round, the loss on
/// the server's own data, which no client trains on, its other metrics, and the seconds so far.
#[derive(Debug, Default)]
pub struct Flower;

impl Grammar for Flower {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some((_, rest)) = line.split_once("num_rounds=") {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            fields.total = rest.get(..digits).and_then(|rounds| rounds.parse().ok());
            return Match::Notice;
        }
        if line.contains("Run finished ") && line.contains(" round(s) in ") {
            fields.finished = true;
            return Match::Notice;
        }
        let cells = if let Some((_, cells)) = line.split_once("fit progress: (") {
            cells.split_once(", ")
        } else {
            let initial = line.split_once("initial parameters (loss, other metrics): ");
            initial.map(|(_, cells)| ("0", cells))
        };
        let Some((round, cells)) = cells else {
            return Match::No;
        };
        fields.step = round.trim().parse().ok();
        let loss = cells.split(',').next().and_then(number::parse);
        fields.values.extend(loss.map(|loss| ("eval_loss", loss)));
        let seconds = cells
            .rsplit_once("}, ")
            .map(|(_, rest)| rest.trim_end_matches(')'));
        let seconds = seconds.and_then(number::parse);
        fields.values.extend(seconds.map(|seconds| ("elapsed", seconds)));
        fields.record()
    }
}

/// ColBERT: `[Mar 29, 22:30:04] 624 5.457503729277139`, the time, the step, and a running mean of
/// the loss with all its digits.
#[derive(Debug, Default)]
pub struct ColBert;

impl Grammar for ColBert {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some((date, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else {
            return Match::No;
        };
        let time = date.split_once(", ").map_or("", |(_, time)| time);
        let is_time =
            time.len() == "22:30:04".len() && time.bytes().filter(|byte| *byte == b':').count() == 2;
        let mut words = rest.split_ascii_whitespace();
        let (Some(step), Some(loss), None) = (words.next(), words.next(), words.next()) else {
            return Match::No;
        };
        fields.step = step.parse().ok().filter(|_| is_time);
        let loss = number::parse(loss).filter(|_| loss.contains('.') || loss == "nan");
        fields.values.extend(loss.map(|loss| ("loss", loss)));
        fields.record()
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn scores_of_deeplearning4j_are_losses() {
        let line = |step: u64| {
            format!(
                "06:38:16.402 [main] INFO o.d.o.l.ScoreIterationListener - Score at iteration {step} is 1.{step}\n"
            )
        };
        let content = format!(
            "06:36:51.403 [main] INFO Backend - Loaded\n{}{}",
            line(0),
            line(100)
        );
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(
            (read.format, read.decoded.records.steps()),
            ("deeplearning4j", &[0, 100][..])
        );
        assert_eq!(read.decoded.records.value(1, Quantity::TrainLoss), Some(1.1));
    }

    #[test]
    fn one_line_of_each() {
        for (format, content, step, loss) in [
            (
                "llama2.c",
                "step 0: train loss 10.4, val loss 10.5\n0 | loss 10.3751 | lr 0.000000e+00 | 5243.12ms | mfu -100.00%\n100 | loss 9.1234 | lr 5.0e-05 | 120.53ms | mfu 12.34%\n",
                100,
                9.1234,
            ),
            (
                "rwkv",
                "NEW RUN 2024-01-01\n0 3.912023 50.0000 0.00060000 2024-01-01 10:00:00.1 0\n1 3.218876 25.0000 0.00059000 2024-01-01 11:00:00.1 1\n",
                1,
                3.218876,
            ),
            (
                "rwkv",
                "miniE 1 s 832 prog 19.98% : ppl 5.420000 loss 1.690096 lr 3.33e-04: 99%|####| 832/833 [03:21<00:00,  4.13it/s]\r\
                 miniE 1 s 832 prog 19.98% : ppl 5.420000 loss 1.690096 lr 3.33e-04: 99%|####| 832/833 [03:21<00:00,  4.13it/s]\r\
                 miniE 2 s 1666 prog 40.00% : ppl 3.495054 loss 1.251349 lr 1.386290e-04: 100%|####| 833/833 [03:17<00:00,  4.21it/s]\n",
                1666,
                1.251349,
            ),
            (
                "clu",
                "I0315 20:56:21.411760 140544972699392 logging_writer.py:48] [100] global_step=100, grad_norm=10.3496, loss=11.6913\n",
                100,
                11.6913,
            ),
            (
                "xlm",
                "INFO - 10/04/19 14:41:25 - 0:11:11 -    1135 -   56.12 sent/s -  2143.80 words/s - MLM-en:  7.7416 -  - model LR: 3.8795e-06\n\
                 INFO - 10/04/19 14:41:27 - 0:11:14 -    1140 -   56.10 sent/s -  2092.52 words/s - MLM-en:  7.6028 || MT-en-fr: 9.5 - model LR: 3.8962e-06\n",
                1140,
                7.6028,
            ),
            (
                "sockeye",
                "[INFO:sockeye.training] E=0 B=50\ts/sec=228.85 tok/sec=4378.85 u/sec=0.51\tppl=1847.134433 \n\
                 [INFO:sockeye.training] E=1 B=100\ts/sec=1797.10 tok/sec=30691.04 u/sec=3.75\tppl=7.38905609893065 \n",
                100,
                2.0,
            ),
            (
                "sockeye",
                "[INFO:sockeye.training] Epoch[0] Batch [50]\tSpeed: 228.85 samples/sec 4378.85 tokens/sec 0.51 updates/sec\tperplexity=1847.134433\n\
                 [INFO:sockeye.training] Epoch[1] Batch [100]\tSpeed: 228.85 samples/sec 4378.85 tokens/sec 0.51 updates/sec\tperplexity=7.38905609893065\n",
                100,
                2.0,
            ),
            (
                "tinygrad",
                "    1 93.44 s run, 11.8750 loss, 0.000000000001 LR, 642.43 GB used,  19644.30 GFLOPS\n    2 781.78 ms run, 1.5 ms python, 11.5 loss, 0.000000000001 LR, 1454.57 GB used,  17039.35 GFLOPS\n",
                2,
                11.5,
            ),
            (
                "colbert",
                "#> Starting...\n[Mar 29, 22:22:18] #> Got 9 queries. All QIDs are unique.\n\n[Mar 29, 22:30:04] 624 5.457503729277139\n\
                 #>>>    8.01 7.00 \t\t|\t\t 0.49\n[Mar 29, 22:30:05] 625 5.45\n",
                625,
                5.45,
            ),
        ] {
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!(read.format, format);
            let last = read.decoded.records.len() - 1;
            assert_eq!(read.decoded.records.steps().last(), Some(&step));
            assert_eq!(read.decoded.records.value(last, Quantity::TrainLoss), Some(loss));
        }
    }

    #[test]
    fn a_checkpoint_of_sockeye_is_an_evaluation() {
        let batch = |batch| {
            format!(
                "[INFO:sockeye.training] E=0 B={batch}\ts/sec=228.85 tok/sec=4378.85 u/sec=0.51\tppl=20.5 \n"
            )
        };
        let content = format!(
            "{}[INFO:sockeye.training] Checkpoint [1]\tUpdates=100 Epoch=0 Samples=1846088 Time-cost=1132.570 Updates/sec=3.532\n\
             [INFO:sockeye.training] Checkpoint [1]\tTrain-ppl=169.942550\n\
             [INFO:sockeye.training] Checkpoint [1]\tValidation-ppl=7.38905609893065\tValidation-bleu=0.037374\n\
             [INFO:sockeye.training] Checkpoint [1]\tLearning-rate=0.000100\n{}",
            batch(100),
            batch(150)
        );
        let records = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        assert_eq!(records.steps(), [100, 100, 150, 150]);
        assert_eq!(records.value(1, Quantity::EvalLoss), Some(2.0));
        assert_eq!(records.value(2, Quantity::LearningRate), Some(1e-4));
    }

    #[test]
    fn perplexities_that_are_none_are_no_losses() {
        let batch = |batch, perplexity| {
            format!(
                "[INFO:sockeye.training] E=0 B={batch}\ts/sec=228.85 tok/sec=4378.85 u/sec=0.51\tppl={perplexity} \n"
            )
        };
        let content = format!(
            "{}{}{}{}[INFO:sockeye.training] Checkpoint [1]\tValidation-ppl=inf\n{}",
            batch(50, "20.5"),
            batch(100, "-3"),
            batch(150, "inf"),
            batch(200, "0"),
            batch(250, "7.38905609893065")
        );
        let records = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        assert_eq!(records.steps(), [50, 250]);
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(2.0));
        assert!(!records.has(Quantity::EvalLoss));
    }

    #[test]
    fn flower_evaluates_after_every_round() {
        let content = "INFO :      Starting Flower ServerApp, config: num_rounds=30, no round_timeout\n\
            INFO :      initial parameters (loss, other metrics): 2.3028839167695456, {'cen_accuracy': 0.0937}\n\
            INFO :      [ROUND 1]\n\
            INFO :      aggregate_fit: received 5 results and 0 failures\n\
            INFO :      fit progress: (1, 2.0274660648248446, {'cen_accuracy': 0.3238}, 5.769022958003916)\n\
            INFO :      [ROUND 2]\n\
            INFO :      fit progress: (2, 1.75, {}, 11.5)\n\
            INFO :      Run finished 30 round(s) in 173.07s\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!((read.format, read.decoded.total_steps), ("flower", Some(30)));
        assert_eq!(records.steps(), [0, 1, 2]);
        let losses = [0, 1, 2].map(|row| records.value(row, Quantity::EvalLoss));
        assert_eq!(
            losses,
            [2.302_883_916_769_545_6, 2.027_466_064_824_844_6, 1.75].map(Some)
        );
        assert_eq!(records.value(2, Quantity::Elapsed), Some(11.5));
        assert_eq!(read.decoded.endings.len(), 1);
    }

    #[test]
    fn the_share_that_is_done_gives_the_total() {
        let line = |step: u32, share: &str| {
            format!(
                "miniE 2 s {step} prog {share}% : ppl 3.495054 loss 1.251349 lr 1.38e-04: 100%|#| 833/833 [03:17<00:00,  4.21it/s]\n"
            )
        };
        let content = line(1666, "40.00") + &line(2499, "60.00");
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(
            (read.decoded.records.len(), read.decoded.total_steps),
            (2, Some(4165))
        );
    }

    #[test]
    fn a_table_of_counts_is_not_rwkvs() {
        let counts = "0 0 1 0\n1 0 1 0\n2 0 1 0\n3 0 1 0\n";
        assert!(read_all(counts.as_bytes(), &Names::default()).is_err());
    }
}
