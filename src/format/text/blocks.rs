//! Trainers that write one metric a line under a heading: Composer, OLMo, the tables of
//! stable-baselines3.

use super::{Fields, Grammar, Match};
use crate::format::number;
use crate::format::roles::whole;

/// Composer's console (`[batch=189/3200]:`, then `Train loss/train/total: 2.3456` lines)
/// and its file (`[metric][batch=188]: loss/train/total: 2.3456`).
///
/// The console counts batches from 1, the file counts those already done: its batch 188
/// is the console's 189. A run whose length is told in epochs counts them within each,
/// `[epoch=2][batch=10/500]:`, and one in tokens or samples not at all, `[token=5242880/2621440000]:`: then the
/// line `Train time/batch: 9` below the heading does.
#[derive(Debug, Default)]
pub struct Composer {
    step: Option<u64>,
    eval: bool,
    /// The heading does not count the batches of the run.
    counts_otherwise: bool,
    /// Tokens or samples of the heading, and how many there will be.
    amount: Option<(u64, Option<u64>)>,
}

/// What a heading may count instead of batches.
const AMOUNTS: [&str; 3] = ["[token=", "[sample=", "[iteration="];

impl Grammar for Composer {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some(rest) = line.trim_start().strip_prefix("[metric]") {
            let Some((labels, metric)) = rest.split_once("]: ") else {
                return Match::No;
            };
            // Learning rates are logged when the batch is done, all else before.
            let done = u64::from(!metric.starts_with("lr-"));
            let Some(batch) = label(labels, "batch=").and_then(|(batch, _)| batch.checked_add(done)) else {
                return Match::No;
            };
            fields.step = Some(batch);
            return value(metric, fields);
        }
        // The file repeats the console behind a label of its own.
        let label_at = line.find('[').map_or("", |at| line.get(at..).unwrap_or_default());
        if label_at.starts_with("[stderr]") || label_at.starts_with("[stdout]") {
            return Match::No;
        }
        let heading = ["[epoch=", "[batch=", "[Eval "]
            .iter()
            .chain(&AMOUNTS)
            .find_map(|word| line.get(line.find(word)?..));
        if let Some(heading) = heading.filter(|heading| in_column(heading).ends_with(':')) {
            self.eval = heading.starts_with("[Eval ");
            if !self.eval {
                self.head(heading, fields);
            }
            return Match::Notice;
        }
        // Behind whatever a logger puts before it there is the tab.
        let text = match line.split_once('\t') {
            Some((_, text)) => text.trim_start(),
            None if line.starts_with(' ') => line.trim_start(),
            None => return Match::No,
        };
        let metric = text.strip_prefix("Train ").or_else(|| text.strip_prefix("Eval "));
        let done = metric.and_then(|metric| metric.strip_prefix("time/batch: "));
        if self.counts_otherwise
            && let Some(done) = done.and_then(|done| in_column(done).parse::<u64>().ok())
            && let Some(batch) = done.checked_add(1)
        {
            self.step = Some(batch);
            // All batches are alike, or nobody can say how many there will be.
            let batches = self.amount.and_then(|(amount, total)| {
                let product = total?.checked_mul(batch)?;
                (amount > 0 && product.is_multiple_of(amount)).then(|| product / amount)
            });
            fields.total = batches;
            return Match::Notice;
        }
        match (metric, self.step) {
            (Some(metric), Some(step)) => {
                fields.step = Some(step);
                value(in_column(metric), fields)
            }
            _ => Match::No,
        }
    }
}

impl Composer {
    /// Takes what a heading counts.
    fn head(&mut self, heading: &str, fields: &mut Fields) {
        self.amount = AMOUNTS.iter().find_map(|name| label(heading, name));
        let epoch = label(heading, "[epoch=").map_or(0, |(epoch, _)| epoch);
        self.counts_otherwise = self.amount.is_some() || epoch > 0;
        self.step = None;
        if let Some((batch, total)) = label(heading, "[batch=").filter(|_| self.amount.is_none()) {
            let length = if self.counts_otherwise { total } else { Some(0) };
            let before = length.and_then(|length| epoch.saturating_sub(1).checked_mul(length));
            self.step = before.and_then(|before| before.checked_add(batch));
            fields.total = total.filter(|_| !self.counts_otherwise);
        }
    }
}

/// What stands before a gap of blanks, behind which some loggers put the place in the source.
pub(super) fn in_column(text: &str) -> &str {
    text.split_once("   ").map_or(text, |(text, _)| text).trim_end()
}

/// OLMo and OLMo-core: a heading that ends in `[step=1/739328,epoch=0]`, then lines of
/// four blanks and `train/CrossEntropyLoss=12.18`.
#[derive(Debug, Default)]
pub struct Olmo {
    step: Option<u64>,
}

impl Grammar for Olmo {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some(at) = line.find("[step=")
            && let heading = line.get(at..).unwrap_or_default()
            && let Some((step, total)) =
                label(heading, "[step=").filter(|_| in_column(heading).ends_with(']'))
        {
            self.step = Some(step);
            fields.total = total;
            return Match::Notice;
        }
        let (Some((name, value)), Some(step)) = (indented(line), self.step) else {
            return Match::No;
        };
        fields.step = Some(step);
        fields.values.push((name, value));
        Match::Record
    }
}

/// The name and the number of `    train/CE loss=3.21`. What a logger puts before it may end
/// with blanks.
fn indented(line: &str) -> Option<(&str, f64)> {
    const INDENT: &str = "    ";
    let mut at = 0;
    loop {
        let before = at;
        at += line.get(at..)?.find(INDENT)?;
        let rest = line.get(at..)?;
        let text = rest.trim_start_matches(' ');
        let blanks = rest.len() - text.len();
        if (at > 0 || blanks == INDENT.len())
            && let Some((name, value)) = in_column(text).split_once('=')
            && let Some(value) = number::parse(value).filter(|_| !name.is_empty())
        {
            return Some((name, value));
        }
        at = (at + blanks).max(before + 1);
    }
}

/// NeMo-RL: a heading `===== Step 3/100 =====`, then what was made of it line by line,
/// `  • Loss: 0.0123`, `    • Validation loss: 0.5`.
#[derive(Debug, Default)]
pub struct NemoRl {
    step: Option<u64>,
}

impl Grammar for NemoRl {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        if let Some((before, _)) = line.split_once(" Step ")
            && before.ends_with("=====")
            && let Some((step, total)) = label(line, " Step ")
        {
            self.step = Some(step);
            fields.total = total;
            return Match::Notice;
        }
        let metric = line
            .split_once("• ")
            .and_then(|(_, metric)| metric.split_once(": "));
        let (Some((name, text)), Some(step)) = (metric, self.step) else {
            return Match::No;
        };
        let Some(found) = number::parse(text) else {
            return Match::No;
        };
        fields.step = Some(step);
        fields.values.push((name, found));
        Match::Record
    }
}

/// The tables that stable-baselines3 prints: `|    total_timesteps | 1024 |`.
#[derive(Debug, Default)]
pub struct StableBaselines {
    step: Option<u64>,
    section: Section,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Section {
    #[default]
    Other,
    Time,
    Train,
}

impl Grammar for StableBaselines {
    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let Some((name, cell)) = row_of_two(line) else {
            return Match::No;
        };
        if let Some(section) = name.strip_suffix('/').filter(|_| cell.is_empty()) {
            self.section = match section {
                "time" => Section::Time,
                "train" => Section::Train,
                _ => Section::Other,
            };
            return Match::No;
        }
        let Some(found) = number::parse(cell) else {
            return Match::No;
        };
        match (self.section, name) {
            (Section::Time, "total_timesteps" | "total timesteps") => {
                self.step = whole(found);
                Match::No
            }
            // Of several losses the best name counts.
            (Section::Train, _)
                if self.step.is_some() && (name == "learning_rate" || name.ends_with("loss")) =>
            {
                fields.step = self.step;
                fields.values.push((name, found));
                Match::Record
            }
            _ => Match::No,
        }
    }
}

/// The two cells of `| loss | 36 |`, whatever a launcher has put around it.
pub(super) fn row_of_two(line: &str) -> Option<(&str, &str)> {
    let mut cells = line.rsplitn(4, '|');
    let (behind, cell, name, before) = (cells.next()?.trim(), cells.next()?, cells.next()?, cells.next()?);
    // Rich puts the place in the code behind each line.
    let ended = behind.is_empty() || behind.contains(".py:");
    let more_cells = before.trim_start().starts_with('|');
    (ended && !more_cells).then(|| (name.trim(), cell.trim()))
}

/// `12/3400` or `12` behind a word.
pub(super) fn label(text: &str, word: &str) -> Option<(u64, Option<u64>)> {
    let counts = text.split_once(word)?.1;
    let end = counts
        .find(|letter: char| !letter.is_ascii_digit() && letter != '/')
        .unwrap_or(counts.len());
    let counts = counts.get(..end)?;
    match counts.split_once('/') {
        Some((step, total)) => Some((step.parse().ok()?, total.parse().ok())),
        None => Some((counts.parse().ok()?, None)),
    }
}

/// `loss/train/total: 2.3456`
fn value<'a>(metric: &'a str, fields: &mut Fields<'a>) -> Match {
    let Some((name, text)) = metric.rsplit_once(": ") else {
        return Match::No;
    };
    // Composer's own clock says nothing that the batch does not.
    if name.starts_with("time/") && name != "time/token" {
        return Match::No;
    }
    match number::parse(text) {
        Some(found) => {
            fields.values.push((name.trim(), found));
            Match::Record
        }
        None => Match::No,
    }
}

#[cfg(test)]
mod tests {
    use crate::format::{Whole, read_all};
    use crate::metric::{Names, Quantity};

    fn read(content: &str) -> Whole {
        read_all(content.as_bytes(), &Names::default()).unwrap()
    }

    fn points(whole: &Whole, quantity: Quantity) -> Vec<(u64, f64)> {
        whole.decoded.records.points(quantity).collect()
    }

    #[test]
    fn composer_counts_epochs_or_tokens() {
        let block = |heading: String, done: u64, loss: f64| {
            format!(
                "{heading}\n\t Train time/epoch: 0\n\t Train time/batch: {done}\n\t Train loss/train/total: {loss}\n"
            )
        };
        let evaluation = "[Eval batch=20/20] Eval on eval data:\n\t Eval metrics/eval/CrossEntropy: 4.5\n";
        let of_epochs = |count: u64| {
            format!(
                "[epoch={}][batch={}/50]:",
                (count - 1) / 5 + 1,
                (count - 1) % 5 * 10 + 10
            )
        };
        let of_tokens = |count: u64| format!("[token={}/20480]:", 1024 * count);
        for (heading, total) in [
            (&of_epochs as &dyn Fn(u64) -> String, None),
            (&of_tokens, Some(200)),
        ] {
            let blocks: String = (1..=12)
                .map(|count| block(heading(count), 10 * count - 1, 9.0 / count as f64))
                .collect();
            let read = read_all(format!("{blocks}{evaluation}").as_bytes(), &Names::default()).unwrap();
            let records = &read.decoded.records;
            let steps: Vec<u64> = records
                .points(Quantity::TrainLoss)
                .map(|(step, _)| step)
                .collect();
            assert_eq!(steps, (1..=12).map(|count| 10 * count).collect::<Vec<_>>());
            assert_eq!((read.format, read.decoded.total_steps), ("composer", total));
            let evaluated: Vec<_> = records.points(Quantity::EvalLoss).collect();
            assert_eq!(evaluated, [(120, 4.5)]);
        }
    }

    #[test]
    fn composer_console_and_file_agree() {
        let console = read(
            "[batch=1/400]:\n\t Train time/batch: 0\n\t Train loss/train/total: 4.8632\n\t Train lr-DecoupledAdamW/group0: 0.0001\n\
             [Eval batch=1/10] Eval on eval data:\n\t Eval metrics/eval/LanguageCrossEntropy: 4.8\n\
             [batch=50/400]:\n\t Train loss/train/total: 3.5202\n",
        );
        assert_eq!(
            (console.format, console.decoded.total_steps),
            ("composer", Some(400))
        );
        assert_eq!(points(&console, Quantity::TrainLoss), [(1, 4.8632), (50, 3.5202)]);
        assert_eq!(points(&console, Quantity::EvalLoss), [(1, 4.8)]);
        let file = read(
            "[hyperparameter]: num_nodes: 1 \n[metric][batch=0]: time/batch: 0 \n[metric][batch=0]: loss/train/total: 4.8632 \n\
             [stderr]: \t Train loss/train/total: 4.8632\n[metric][batch=49]: loss/train/total: 3.5202 \n",
        );
        assert_eq!(file.format, "composer");
        assert_eq!(points(&file, Quantity::TrainLoss), [(1, 4.8632), (50, 3.5202)]);
    }

    #[test]
    fn olmo_blocks() {
        let olmo = read(
            "2024-08-06 09:59:26.181 host:0  olmo.train:908  INFO    [step=1/739328,epoch=0]\n    optim/total_grad_norm=231.7\n    train/CrossEntropyLoss=12.18\n    throughput/total_tokens=1,048,576\n\
             2024-08-06 10:00:05.520 host:0  olmo.train:908  INFO    [step=2/739328,epoch=0]\n    train/CrossEntropyLoss=1.7872662283480167e-06\n    eval/pile/CrossEntropyLoss=3.5\n",
        );
        assert_eq!((olmo.format, olmo.decoded.total_steps), ("olmo", Some(739_328)));
        assert_eq!(
            points(&olmo, Quantity::TrainLoss),
            [(1, 12.18), (2, 1.787_266_228_348_016_7e-6)]
        );
        assert_eq!(points(&olmo, Quantity::GradNorm), [(1, 231.7)]);
        assert_eq!(points(&olmo, Quantity::Tokens), [(1, 1_048_576.0)]);
        assert_eq!(points(&olmo, Quantity::EvalLoss), [(2, 3.5)]);
    }

    #[test]
    fn blocks_of_nemo_rl() {
        let block = |step: u64, loss: f64| {
            format!(
                "(pid=12) ========================= Step {step}/100 =========================\n▶ Taking a training step...\n\n\
                 📊 Validation Results:\n    • Validation loss: {}\n\n📊 Training Results:\n  • Loss: {loss}\n  • Avg Reward: 0.10\n\n\
                 ⏱️  Timing:\n  • Total step time: 10.00s\n  • generation: 4.00s (40.0%)\n",
                loss + 1.0
            )
        };
        let read = read(&(block(1, 2.5) + &block(2, 2.25)));
        assert_eq!((read.format, read.decoded.total_steps), ("nemo-rl", Some(100)));
        assert_eq!(points(&read, Quantity::TrainLoss), [(1, 2.5), (2, 2.25)]);
        assert_eq!(points(&read, Quantity::EvalLoss), [(1, 3.5), (2, 3.25)]);
    }

    #[test]
    fn tables_of_stable_baselines() {
        let table = read(
            "----------\n| rollout/           |          |\n|    ep_rew_mean     | 22       |\n| time/              |          |\n|    total_timesteps | 1024     |\n| train/   |   |\n|    learning_rate    | 0.000292   |\n|    loss | 36 |\n|    value_loss | 79 |\n----------\n",
        );
        assert_eq!(table.format, "stable-baselines3");
        assert_eq!(points(&table, Quantity::TrainLoss), [(1024, 36.0)]);
        assert_eq!(points(&table, Quantity::LearningRate), [(1024, 0.000_292)]);
        let agent = read(
            "----------\n| time/              |          |\n|    total_timesteps | 1024     |\n| train/   |   |\n|    actor_loss | -36 |\n|    critic_loss | 7.5 |\n|    ent_coef_loss | 79 |\n|    learning_rate    | 0.000292   |\n----------\n",
        );
        assert_eq!(agent.format, "stable-baselines3");
        assert_eq!(points(&agent, Quantity::TrainLoss), [(1024, 7.5)]);
    }
}
