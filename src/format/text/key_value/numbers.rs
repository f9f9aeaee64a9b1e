//! What the numbers of a line are: its counters, its losses, and what stands beside them.

use super::KeyValue;
use super::names::{
    LOSS, TRAIN, held_out_loss, is_epoch, is_mean, is_of_train, is_plural, loss_under_heading, scores,
    scores_with_numbers, tells_the_best,
};
use super::sentences::{LossAt, loss_on, losses_behind_values};
use super::stand_ins::{is_remark, loss_called, loss_instead};
use crate::format::text::bare_counts::{self, Bare, Count};
use crate::format::text::held_out::{
    Data, data_before, evaluated_loss, is_behind_a_score, is_of_training, push_loss,
};
use crate::format::text::scan::{Named, named_numbers};
use crate::format::text::{Fields, progress};
use crate::metric::{Fit, Quantity, Role, counts_the_run};

/// What the numbers of a line are.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) epoch: Option<Count>,
    /// The data that stands before the epoch.
    pub(super) epoch_data: Option<Data>,
    /// A counter without a name right behind the epoch.
    pub(super) unnamed: Option<Count>,
    /// Something is called an epoch, whatever its value.
    pub(super) names_epoch: bool,
    /// The best counter of steps: its rank, whether it counts the whole run, and its total.
    pub(super) step: Option<(u16, bool)>,
    pub(super) step_count: Option<Count>,
    /// A counter of iterations in front of that one.
    pub(super) outer: Option<u64>,
    /// That counter is called a batch: it counts within an epoch, or is a size.
    pub(super) is_batch: bool,
    /// The episode of an agent.
    pub(super) episode: Option<Count>,
    pub(super) step_total: Option<u64>,
    pub(super) has_loss: bool,
    pub(super) has_rate: bool,
    pub(super) evaluated: bool,
    /// Something that is named for its data alone has a unit: a time, or a share.
    pub(super) bare_with_unit: bool,
    /// Where the last number ends that is named for its data alone.
    pub(super) bare_until: usize,
    /// There is something in the line that is worth a record.
    pub(super) useful: bool,
}

impl Counters {
    /// Takes a counter of steps. Of several the best one's total holds.
    fn take_step<'a>(&mut self, named: &Named<'a>, name: &'a str, fit: Fit, fields: &mut Fields<'a>) {
        // Behind `step: 100` a `last ckpt step: 50` is another.
        if self.step.is_some() && is_no_place(named.words) {
            return;
        }
        if self.step.is_none_or(|(best, _)| fit.rank < best) {
            let iterations = self.step_count.filter(|count| count.of.is_none());
            self.outer = iterations.map(|count| count.value);
            self.is_batch = name.eq_ignore_ascii_case("batch");
            self.step = Some((fit.rank, counts_the_run(fit)));
            self.step_count = Count::of(named);
            self.step_total = named.of;
            fields.rounded_to = named.rounded_to;
        }
        fields.values.push((name, named.value));
    }
}

impl KeyValue {
    /// Finds the numbers of a line; the step, if it was stated, is left out.
    pub(super) fn collect<'a>(&mut self, line: &'a str, stated: bool, fields: &mut Fields<'a>) -> Counters {
        let mut found = Counters::default();
        let mut heads_losses = false;
        let has_total = memchr::memmem::find(line.as_bytes(), b"total loss").is_some();
        named_numbers(line, |named| {
            let headed =
                loss_under_heading(line, named.words, heads_losses).filter(|_| named.unit.is_empty());
            heads_losses = headed.is_some();
            if tells_the_best(named.words) {
                return;
            }
            let (name, fit) = self.names.find(named.words);
            if has_total && name.eq_ignore_ascii_case(LOSS) && is_of_brackets(line, name) {
                return;
            }
            // Nothing else is called a loss in this log.
            if self.stand_in.is_some() && fit.is_some_and(|fit| fit.role.is_loss()) && is_remark(line) {
                return;
            }
            if let Some(loss) = headed.filter(|_| fit.is_none()) {
                (found.has_loss, found.useful) = (true, true);
                found.evaluated |= loss != TRAIN;
                fields.values.push((loss, named.value));
                return;
            }
            let is_epoch = |name| is_epoch(name) || self.epochs_count && is_plural(named.words);
            match fit.map(|fit| fit.role) {
                Some(Role::Step) if stated => {}
                // `Batch: 2.7s` takes so long.
                Some(Role::Step) if TIMES.contains(&named.unit) || named.value.fract() != 0.0 => {}
                Some(Role::Step) => {
                    let Some(fit) = fit else { return };
                    found.take_step(&named, name, fit, fields);
                }
                // `Elapsed: 0:00:10` is no number of seconds.
                Some(Role::Value {
                    quantity: Quantity::StepTime | Quantity::Elapsed | Quantity::WallTime,
                    ..
                }) if matches!(named.behind.as_bytes(), [b':', b'0'..=b'9', ..]) => {}
                // The engines of DeepSpeed count all that they ever skipped.
                Some(Role::Value {
                    quantity: Quantity::SkippedSteps,
                    ..
                }) if name == "skipped" => {}
                // `Epoch 3 .. time for epoch: 12`
                Some(Role::Value {
                    quantity: Quantity::Epoch,
                    ..
                }) if found.epoch.is_some() && is_epoch(name) => {}
                // `training: 2.1, validation: 2.2` are both named for their data alone.
                Some(Role::Value {
                    quantity: Quantity::EvalLoss,
                    ..
                }) if held_out_loss(name).is_some()
                    && fields.values.iter().any(|(name, _)| is_of_training(name)) =>
                {
                    found.bare_until = line.len() - named.behind.len();
                    fields.values.push((name, named.value));
                }
                Some(Role::Value { quantity, .. }) => {
                    found.names_epoch |= quantity == Quantity::Epoch;
                    if quantity == Quantity::Epoch && found.epoch.is_none() && is_epoch(name) {
                        let before = line.len() - named.behind.len();
                        self.epochs_in_parts |= named.value.fract() != 0.0;
                        let told = line.get(..before).unwrap_or_default();
                        let is_part = self.epochs_in_parts && has_decimals(told);
                        let count = Count::of(&named).filter(|_| !is_part);
                        found.epoch = count.map(|count| Count {
                            of: count.of.or(self.bars.epochs),
                            ..count
                        });
                        found.epoch_data = data_before(told, named.words);
                        found.unnamed = bare_counts::behind_epoch(named.behind);
                    }
                    let train = quantity == Quantity::TrainLoss;
                    let is_told = train && !(self.behind_scores && is_behind_a_score(line, named.words));
                    let context = if is_told {
                        evaluated_loss(line, named.words)
                    } else {
                        None
                    };
                    found.has_loss |= train || quantity == Quantity::EvalLoss;
                    found.evaluated |= quantity == Quantity::EvalLoss || context.is_some();
                    found.has_rate |= quantity == Quantity::LearningRate;
                    found.useful |=
                        !matches!(quantity, Quantity::Epoch | Quantity::WallTime | Quantity::Samples);
                    push_loss(fields, name, fit, &named, context);
                }
                _ => {
                    if let Some(loss) = self.stand_in.and_then(|name| loss_instead(name, line, &named)) {
                        (found.has_loss, found.useful) = (true, true);
                        found.evaluated |= !is_of_train(loss);
                        fields.values.push((loss, named.value));
                        return;
                    }
                    if name.eq_ignore_ascii_case("episode") {
                        found.episode = Count::of(&named);
                    }
                    let is_bare = is_of_training(name) || held_out_loss(name).is_some();
                    if is_bare {
                        found.bare_with_unit |= !named.unit.is_empty();
                        found.bare_until = line.len() - named.behind.len();
                    }
                    fields.values.push((name, named.value));
                }
            }
        });
        // `Epoch: 12/12 (299/300) | Loss: 0.6 | Step: 3k`: behind the epoch stands the exact count.
        if fields.rounded_to > 1.0 && found.unnamed.is_some() {
            (found.step, found.step_count, found.step_total) = (None, None, None);
            fields.rounded_to = 0.0;
        }
        self.complete_losses(line, &mut found, fields);
        self.complete_counters(line, &mut found, fields);
        found
    }

    /// Finds the losses that the names of a line leave open: a sum of parts, and what is named for its data alone;
    /// and the learning rate that a bar has told.
    fn complete_losses(&mut self, line: &str, found: &mut Counters, fields: &mut Fields) {
        if !found.has_loss
            && found.epoch.or(found.step_count).is_some()
            && memchr::memmem::find(line.as_bytes(), b"oss").is_some()
        {
            for (loss, value) in losses_behind_values(line) {
                (found.has_loss, found.useful) = (true, true);
                found.evaluated |= loss != LOSS;
                fields.values.push((loss, value));
            }
        }
        if !found.has_loss
            && let Some(loss) = sum_of_parts(fields)
        {
            fields.values.push(("train_loss", loss));
            (found.has_loss, found.useful) = (true, true);
        }
        if found.evaluated {
            self.prefer_means(fields);
        }
        if found.has_loss
            && (found.epoch.is_some() || self.announced.is_some())
            && !found.has_rate
            && let Some(rate) = self.bars.rate.take()
        {
            fields.values.push(("lr", rate));
        }
        name_short_pair(found, fields);
        if found.has_loss && !found.evaluated && self.bare_evaluations && !found.bare_with_unit {
            name_evaluation(found, fields);
        }
        let is_counted = found.epoch.is_some() || found.step.is_some();
        if !found.has_loss && (is_counted || self.counts_bare && self.bare_count(line).is_some()) {
            self.name_bare_losses(line, found, fields);
        }
    }

    /// Finds the counters of a loss that the names of a line leave open: those without a name, and the episode of
    /// an agent that tells nothing else.
    fn complete_counters(&mut self, line: &str, found: &mut Counters, fields: &mut Fields) {
        // `1/22300 (epoch 0), train_loss = 7.8`
        if found.has_loss
            && found.epoch.is_some_and(|epoch| epoch.of.is_none())
            && found.step.is_none()
            && found.unnamed.is_none()
            && self.counts_bare
            && let Some(bare) = self.bare_count(line).filter(|bare| bare.epoch.is_none())
            && bare.count.of > Some(MOST_FOLDS)
        {
            found.step = Some((u16::MAX, false));
            (found.step_count, self.bare_total) = (Some(bare.count), bare.count.of);
        }
        // `[000500/50000] loss 0.05 | batch 16`: that is how large it is.
        let is_size = found.is_batch && found.step_total.is_none();
        if found.has_loss && found.epoch.is_none() && (found.step.is_none() || is_size) {
            if found.step.is_none() {
                found.epoch = bare_counts::of_phase(line);
                let epoch = found.epoch.map(|epoch| ("epoch", epoch.value as f64));
                fields.values.extend(epoch);
            }
            if self.counts_bare
                && found.epoch.is_none()
                && let Some(bare) = self.bare_count(line)
                && (found.step.is_none() || bare.count.of.is_some())
            {
                found.epoch = bare.epoch;
                // Below an epoch that was announced it counts within, and may do so above one.
                let within = bare.epoch.is_some() || self.announced.is_some() || self.may_count_rounds();
                found.step = Some((u16::MAX, !within));
                let total = bare.count.of.filter(|total| *total >= bare.count.value);
                (found.step_count, found.step_total) = (Some(bare.count), total);
                self.bare_total = bare.count.of;
                fields.step = Some(bare.count.value);
            }
            // Of an agent that tells nothing else.
            if found.step.is_none()
                && found.epoch.is_none()
                && self.announced.is_none()
                && let Some(episode) = found.episode
            {
                found.step = Some((u16::MAX, true));
                (found.step_count, found.step_total) = (Some(episode), episode.of);
                fields.step = Some(episode.value);
            }
        }
    }

    /// Takes what a bar of progress of an epoch tells of its training.
    pub(super) fn take_bar(&mut self, line: &str) {
        let Some(bar) = progress::bar(line) else {
            return;
        };
        let Some((_, Some(epochs))) = progress::epoch(bar.description) else {
            return;
        };
        self.bars.epochs = Some(epochs);
        named_numbers(bar.metrics, |named| {
            let (_, fit) = self.names.find(named.words);
            if fit.is_some_and(|fit| fit.role == Role::of(Quantity::LearningRate)) {
                self.bars.rate = Some(named.value);
            }
        });
    }

    /// Takes a loss behind its counter, or behind its data; true when the line has no step of the run.
    pub(super) fn take_loss_at<'a>(
        &mut self,
        told: Option<&LossAt<'a>>,
        line: &'a str,
        fields: &mut Fields<'a>,
    ) -> bool {
        let Some(told) = told else {
            let loss = loss_on(line);
            fields.values.extend(loss);
            return loss.is_some();
        };
        let (name, fit) = self.names.find(told.words);
        let stand_in = self.stand_in.and_then(|name| loss_called(name, told.words));
        let Some(name) = stand_in.or(fit.filter(|fit| fit.role.is_loss()).map(|_| name)) else {
            return false;
        };
        fields.values.push((name, told.value));
        let is_within = is_epoch(told.counter) || self.announced.is_some();
        fields.step = (!is_within).then_some(told.count);
        is_within
    }

    /// True where a loss is that of an epoch long over: `Val loss at epoch 25: 0.48` below the 30th, which is
    /// the best. Counting may begin anew, and one may count from 0.
    pub(super) fn is_over(&self, told: &LossAt) -> bool {
        const FIRST: u64 = 1;
        is_epoch(told.counter)
            && told.count > FIRST
            && (self.last_epoch).is_some_and(|last| told.count.saturating_add(1) < last)
    }

    /// The counter without a name of a line.
    fn bare_count(&self, line: &str) -> Option<Bare> {
        bare_counts::at_either_end(line, self.bare_total)
    }

    /// `Epoch 063: train=0.2603, val=0.2028, ppl=1.22`: losses that are named for their data
    /// alone. There is one for each, or the line speaks of a loss or of a perplexity.
    fn name_bare_losses(&mut self, line: &str, found: &mut Counters, fields: &mut Fields) {
        let values = || fields.values.iter().copied();
        let of =
            |known: &dyn Fn(&str) -> bool| values().find(|(name, _)| known(name)).map(|(_, value)| value);
        let Some(held_out) = of(&|name| held_out_loss(name).is_some()) else {
            return;
        };
        let lower = line.to_ascii_lowercase();
        let mentions = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        // Where it is seen that they fall, scores with numbers of their own say nothing of them.
        let speaks_of_scores = if found.epoch.is_some() {
            scores(&lower) > scores_with_numbers(&lower)
        } else {
            scores(&lower) > 0
        };
        // What follows has a name of its own: `train 0.4 val 0.5 epoch time 12`.
        let are_times = (lower.get(..found.bare_until)).is_none_or(|told| told.contains("time"));
        // Whole numbers are sizes, and what stands beside an epoch may as well be accuracies,
        // which grow.
        let is_pair = (found.epoch.is_none() || self.bare_losses_fall)
            && of(&is_of_training).is_some_and(|train| train.fract() != 0.0 || held_out.fract() != 0.0);
        let is_of_losses = is_pair && !found.bare_with_unit && !are_times && !speaks_of_scores;
        if !is_of_losses && !mentions(&["loss", "ppl", "perplexity"]) {
            return;
        }
        for (name, _) in &mut fields.values {
            if is_of_training(name) {
                *name = "train_loss";
            } else if let Some(loss) = held_out_loss(name) {
                *name = loss;
                found.evaluated = true;
            } else {
                continue;
            }
            (found.has_loss, found.useful) = (true, true);
        }
    }

    /// An evaluation has one mean: where `Validation Loss: 47.3` has `Average Validation Loss: 0.01` beside
    /// it, the first is a sum over the batches, and so is `Training Loss` beside `Average Training Loss`.
    fn prefer_means(&mut self, fields: &mut Fields) {
        let sum_of = |(name, mean): &(&str, f64)| {
            let (_, summed) = name.split_once(' ').filter(|(word, _)| is_mean(word))?;
            let mut others = fields.values.iter();
            let sum = others.position(|(other, _)| other.eq_ignore_ascii_case(summed))?;
            Some((sum, *mean))
        };
        let sums: Vec<(usize, f64)> = fields.values.iter().filter_map(sum_of).collect();
        let is_of_evaluation = |index: usize| {
            let fit = fields
                .values
                .get(index)
                .and_then(|(name, _)| self.names.find(name).1);
            fit.is_some_and(|fit| fit.role == Role::of(Quantity::EvalLoss))
        };
        if !sums.iter().map(|(sum, _)| *sum).any(is_of_evaluation) {
            return;
        }
        for (sum, mean) in &sums {
            if let Some((_, value)) = fields.values.get_mut(*sum) {
                *value = *mean;
            }
        }
    }
}

/// Of a cross-validation: `[1/5] Epoch 3` counts no steps.
const MOST_FOLDS: u64 = 20;

/// True for a text that ends with a number which has decimals: `epoch 1.000`.
fn has_decimals(text: &str) -> bool {
    let whole = text.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let digits = whole.strip_suffix('.');
    whole.len() < text.len()
        && digits.is_some_and(|text| text.ends_with(|letter: char| letter.is_ascii_digit()))
}

/// True for a name right behind brackets: that of `discr (scale 0.5) loss: 1.987` is of the part before them.
fn is_of_brackets(line: &str, name: &str) -> bool {
    let at = (name.as_ptr() as usize).checked_sub(line.as_ptr() as usize);
    let before = at.and_then(|at| line.get(..at));
    before.is_some_and(|before| before.trim_end().ends_with(')'))
}

/// True for the name of a counter that is not the place of the line: of a checkpoint, or measured by the step.
fn is_no_place(words: &str) -> bool {
    const OTHERS: &[&str] = &[
        "last",
        "ckpt",
        "checkpoint",
        "saved",
        "avg",
        "average",
        "mean",
        "grad",
        "per",
        "for",
    ];
    let mut words = words.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.any(|word| OTHERS.iter().any(|other| word.eq_ignore_ascii_case(other)))
}

/// Names the loss on held-out data beside a train loss: `loss 0.61 | val 0.58`.
fn name_evaluation(found: &mut Counters, fields: &mut Fields) {
    for (name, _) in &mut fields.values {
        if let Some(loss) = held_out_loss(name) {
            (*name, found.evaluated) = (loss, true);
        }
    }
}

/// Names the losses of a line that cuts their data short: `T_Loss 11.06 | V_Loss 12.1`, `loss_tr: 0.4, loss_te:
/// 0.5`. One of training and one of held-out data make each other out.
fn name_short_pair(found: &mut Counters, fields: &mut Fields) {
    let short = |name: &str| match loss_of(name)?.to_ascii_lowercase().as_str() {
        "t" | "tr" => Some(TRAIN),
        "v" | "va" | "vl" => Some(Data::Validation.loss()),
        "te" => Some(Data::Test.loss()),
        _ => None,
    };
    let found_short = || fields.values.iter().filter_map(|(name, _)| short(name));
    let is_pair = [true, false]
        .iter()
        .all(|train| found_short().any(|loss| (loss == TRAIN) == *train));
    // A letter alone may be of anything: `t_loss`.
    let is_cut = |name: &str| loss_of(name).is_some_and(|of| of.eq_ignore_ascii_case("tr"));
    let beside_another = found.evaluated && fields.values.iter().any(|(name, _)| is_cut(name));
    if !is_pair && !beside_another {
        return;
    }
    for (name, _) in &mut fields.values {
        if let Some(loss) = short(name) {
            *name = loss;
            found.evaluated |= loss != TRAIN;
        }
    }
    (found.has_loss, found.useful) = (true, true);
}

/// What a name says that its loss is of: `V` of `V_Loss`, `tr` of `loss_tr`, `t` of `tl`.
fn loss_of(name: &str) -> Option<&str> {
    let is_loss = |word: &str| word.eq_ignore_ascii_case("loss");
    match name.split_once(['_', ' ']) {
        Some((of, loss)) if is_loss(loss) => Some(of),
        Some((loss, of)) if is_loss(loss) && of.len() > 1 => Some(of),
        Some(_) => None,
        None => name.strip_suffix('l').filter(|of| of.len() == 1),
    }
}

/// The loss of a line that tells its parts by their numbers, as RecBole does: `train_loss1: 210.1,
/// train_loss2: 3.4321`.
fn sum_of_parts(fields: &Fields) -> Option<f64> {
    let (mut parts, mut sum) = (0, 0.0);
    for (name, value) in &fields.values {
        let number = name.strip_prefix("train_loss").map(str::parse::<u32>);
        if number == Some(Ok(parts + 1)) {
            parts += 1;
            sum += value;
        }
    }
    (parts > 1).then_some(sum)
}

/// Units that make a number a time.
pub(super) const TIMES: &[&str] = &[
    "s", "sec", "secs", "second", "seconds", "ms", "us", "min", "mins", "minute", "minutes", "h", "hour",
    "hours",
];
