//! Any other text log: numbers with names, among them a step or an epoch and a loss.
//!
//! The fallback. It reads what people print in their own scripts (`step 10/4000 |
//! loss 4.7 | lr 1e-4`, `global_step=50 train_loss=9.4`, `Epoch [1/5], Step [100/600],
//! Loss: 0.17`, or `Epoch 3/25` and below it `val Loss: 0.4`) and must see several such
//! lines with growing steps before it is believed.

use super::bare_counts::{self, Bare, Count};
use super::held_out::{Data, data_before, data_of, evaluated_loss, is_of_training, push_loss};
use super::passes::{Batches, Evaluations, Nested, Rounds};
use super::scan::{NameFinder, Named, named_numbers, suffixes};
use super::sections::Sections;
use super::wrapper::without_colours;
use super::{Fields, Grammar, Match, progress};
use crate::format::Sample;
use crate::format::counters::{OwnCounter, Place};
use crate::format::hints::{Fact, Hints};
use crate::format::number;
use crate::metric::{Quantity, Role, canonical, counts_the_run};

/// The grammar.
#[derive(Debug, Default)]
pub struct KeyValue {
    names: NameFinder,
    counter: OwnCounter,
    /// Train losses have stood beside a counter and no epoch.
    counts_on: bool,
    announced: Option<Announced>,
    /// How many epochs there will be, as lines say that stand behind their batches.
    epochs: Option<u64>,
    /// The planned number of steps, where the log states that an epoch has fewer.
    steps_of_run: Option<u64>,
    /// Some lines of the log depend on what was announced before them.
    has_epochs: bool,
    batches: Batches,
    evaluations: Evaluations,
    parameters: ParameterGroups,
    rounds: Rounds,
    nested: Nested,
    /// Counters without a name at the ends of the lines grow.
    counts_bare: bool,
    /// Where the counter without a name goes, as the lines before say: it may go beyond.
    bare_total: Option<u64>,
    /// What stands beside an epoch, and is named for its data alone, falls: it is a loss.
    bare_losses_fall: bool,
    /// What stands beside a train loss, and is named for held-out data alone, is a loss too.
    bare_evaluations: bool,
    /// The loss of the line before, where its name says what it was measured on.
    loss_above: Option<f64>,
    /// Learning rates have lines of their own.
    rate_lines: Option<RateLines>,
    /// Nothing is called a loss: this word is the name of one, see [`stand_in`].
    stand_in: Option<&'static str>,
    /// `Epochs: 3` is the third, and not how many there will be.
    epochs_count: bool,
    /// The epoch that a line spoke of last.
    last_epoch: Option<u64>,
    /// The name of a loss on held-out data that has stood beside the step.
    placed_evaluation: Option<Box<str>>,
    /// Lines announce evaluations with the step of the run.
    announces_steps: bool,
    /// The step of an evaluation that was announced: `Evaluating at step 50000...`.
    evaluates_at: Option<u64>,
    sections: Sections,
    bars: Bars,
}

/// What bars of progress have told beside what they count, for lines that do not.
#[derive(Clone, Copy, Debug, Default)]
struct Bars {
    /// How many epochs there will be: `Epoch 4/5:  70%|###  | 350/500 [..]`.
    epochs: Option<u64>,
    /// The last learning rate: `loss=0.53, lr=3e-4`.
    rate: Option<f64>,
}

/// An epoch that a line of its own has announced.
#[derive(Clone, Copy, Debug)]
struct Announced {
    epoch: Count,
    /// The count within it.
    within: Option<Count>,
    /// What it goes through, when that is no training data: `Eval epoch: 4`.
    data: Option<Data>,
}

/// What the numbers of a line are.
#[derive(Debug, Default)]
struct Counters {
    epoch: Option<Count>,
    /// The data that stands before the epoch.
    epoch_data: Option<Data>,
    /// A counter without a name right behind the epoch.
    unnamed: Option<Count>,
    /// Something is called an epoch, whatever its value.
    names_epoch: bool,
    /// The best counter of steps: its rank, whether it counts the whole run, and its total.
    step: Option<(u16, bool)>,
    step_count: Option<Count>,
    /// A counter of iterations in front of that one.
    outer: Option<u64>,
    /// That counter is called a batch: it counts within an epoch, or is a size.
    is_batch: bool,
    /// The episode of an agent.
    episode: Option<Count>,
    step_total: Option<u64>,
    has_loss: bool,
    has_rate: bool,
    evaluated: bool,
    /// Something that is named for its data alone has a unit: a time, or a share.
    bare_with_unit: bool,
    /// Where the last number ends that is named for its data alone.
    bare_until: usize,
    /// There is something in the line that is worth a record.
    useful: bool,
}

impl KeyValue {
    /// A grammar that has learnt from the sample how the log counts.
    pub fn new(sample: &Sample) -> Self {
        let (counts_bare, rate_lines) = (bare_counts::grow(sample.head), rate_lines(sample.head));
        let mentions = |part: &[u8]| memchr::memmem::find(sample.head, part).is_some();
        let stand_in = stand_in(sample.head);
        let has_epochs = mentions(b"poch") || mentions(b"POCH");
        let bare_losses_fall = bare_losses_fall(sample.head);
        let epochs_count = has_epochs && epochs_count(sample.head);
        let bare_evaluations = bare_evaluations_are_losses(sample.head);
        let sections = Sections::of(sample.head);
        let announces_steps = mentions(EVALUATION.as_bytes()) && announces_steps(sample.head);
        let fresh = || KeyValue {
            sections,
            counts_bare,
            bare_evaluations,
            bare_losses_fall,
            rate_lines,
            announces_steps,
            stand_in,
            epochs_count,
            ..KeyValue::default()
        };
        let mut grammar = fresh();
        if !has_epochs {
            return grammar;
        }
        grammar.learn(sample.head);
        if grammar.evaluations.told_whole() {
            // Parts of evaluations that came before had a hand in what was learnt.
            grammar = KeyValue {
                evaluations: grammar.evaluations.again(),
                ..fresh()
            };
            grammar.learn(sample.head);
        }
        grammar.at_the_start()
    }

    /// The same without what depends on where in the file it was learnt.
    fn at_the_start(&self) -> KeyValue {
        KeyValue {
            counter: self.counter.again(),
            sections: self.sections.again(),
            steps_of_run: self.steps_of_run,
            has_epochs: self.has_epochs,
            batches: self.batches.again(),
            evaluations: self.evaluations.again(),
            counts_bare: self.counts_bare,
            bare_losses_fall: self.bare_losses_fall,
            bare_evaluations: self.bare_evaluations,
            rate_lines: self.rate_lines,
            announces_steps: self.announces_steps,
            stand_in: self.stand_in,
            epochs_count: self.epochs_count,
            ..KeyValue::default()
        }
    }

    /// Reads the lines that show how epochs and batches are counted.
    fn learn(&mut self, content: &[u8]) {
        let mut plan = Hints::default();
        for line in content.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            if self.parse(&line, &mut Fields::default()) == Match::No && self.steps_of_run.is_none() {
                plan.scan(&line);
                let of_epoch = plan.count(Fact::StepsPerEpoch);
                self.steps_of_run = plan
                    .total_steps()
                    .filter(|total| of_epoch.is_some_and(|length| length < *total));
            }
        }
    }

    /// Finds the numbers of a line; the step, if it was stated, is left out.
    fn collect<'a>(&mut self, line: &'a str, stated: bool, fields: &mut Fields<'a>) -> Counters {
        let mut found = Counters::default();
        let mut heads_losses = false;
        named_numbers(line, |named| {
            let headed =
                loss_under_heading(line, named.words, heads_losses).filter(|_| named.unit.is_empty());
            heads_losses = headed.is_some();
            if tells_the_best(named.words) {
                return;
            }
            let (name, fit) = self.names.find(named.words);
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
                    // Behind `step: 100` a `last ckpt step: 50` is another.
                    if found.step.is_some() && is_no_place(named.words) {
                        return;
                    }
                    // Of several counters the best one's total holds.
                    if found.step.is_none_or(|(best, _)| fit.rank < best) {
                        let iterations = found.step_count.filter(|count| count.of.is_none());
                        found.outer = iterations.map(|count| count.value);
                        found.is_batch = name.eq_ignore_ascii_case("batch");
                        found.step = Some((fit.rank, counts_the_run(fit)));
                        found.step_count = Count::of(&named);
                        found.step_total = named.of;
                        fields.rounded_to = named.rounded_to;
                    }
                    fields.values.push((name, named.value));
                }
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
                        found.epoch = Count::of(&named).map(|count| Count {
                            of: count.of.or(self.bars.epochs),
                            ..count
                        });
                        let before = line.len() - named.behind.len();
                        found.epoch_data = line.get(..before).and_then(|text| data_before(text, named.words));
                        found.unnamed = bare_counts::behind_epoch(named.behind);
                    }
                    let train = quantity == Quantity::TrainLoss;
                    let context = if train {
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
            && found.epoch.is_some()
            && !found.has_rate
            && let Some(rate) = self.bars.rate.take()
        {
            fields.values.push(("lr", rate));
        }
        name_short_pair(&mut found, fields);
        if found.has_loss && !found.evaluated && self.bare_evaluations && !found.bare_with_unit {
            name_evaluation(&mut found, fields);
        }
        let is_counted = found.epoch.is_some() || found.step.is_some();
        if !found.has_loss && (is_counted || self.counts_bare && self.bare_count(line).is_some()) {
            self.name_bare_losses(line, &mut found, fields);
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
                // Below an epoch that was announced it counts within.
                let within = bare.epoch.is_some() || self.announced.is_some();
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
        found
    }

    /// Takes what a bar of progress of an epoch tells of its training.
    fn take_bar(&mut self, line: &str) {
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
    fn take_loss_at<'a>(
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
    fn is_over(&self, told: &LossAt) -> bool {
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

    /// The step of a line that has an epoch, or stands below one.
    fn place(&mut self, line: &str, found: &Counters, fields: &mut Fields) -> Option<Match> {
        let announced = self.announced.filter(|_| found.epoch.is_none());
        let epoch = found.epoch.or(announced.map(|announced| announced.epoch))?;
        let inner = found
            .step_count
            .filter(|_| found.step.is_some())
            .or(found.unnamed)
            .or_else(|| announced?.within);
        if !found.has_loss {
            // A line that announces an epoch, or says of it what is of no use here.
            if found.step.is_none() && found.epoch.is_some() {
                if !looks_back(line) && !self.is_about_the_announced(epoch) {
                    let (within, data) = (found.unnamed, found.epoch_data);
                    self.mark(Announced { epoch, within, data }, fields);
                }
                return Some(self.rate(line, fields));
            }
            found.epoch?;
        }
        // An evaluation that states the step beside the epoch does so for the run, unless the
        // steps of such lines start again: no other line needs to count within an epoch then.
        let states_a_step = found.evaluated && inner.is_some_and(|count| count.of.is_none());
        self.has_epochs |= !states_a_step || self.counter.starts_again();
        if self.steps_of_run.is_some() && inner.and_then(|count| count.of) == self.steps_of_run {
            self.counter.assume_on();
        }
        let place = Place {
            epoch: epoch.value,
            epochs: epoch.of,
            iteration: inner.map(|count| count.value),
            iterations: inner.and_then(|count| count.of),
        };
        if inner.is_none() && (self.counts_on || self.counter.counts_iterations()) {
            // About a whole epoch, at its last iteration; its loss is a mean over the epoch.
            if self.stands_behind() {
                self.end_of_epoch(epoch, fields);
            }
            fields
                .values
                .retain(|(name, _)| self.names.find(name).1.map(|fit| fit.role) != Some(TRAIN_LOSS));
            return Some(if found.evaluated { Match::Record } else { Match::No });
        }
        if inner.is_none()
            && let Some(matched) = self.batch(&place, found, fields)
        {
            return Some(matched);
        }
        if !found.useful {
            // Not about the training, whatever it counts.
            return Some(Match::No);
        }
        let (step, total) = self.counter.step(place);
        (fields.step, fields.total) = (Some(step), total);
        Some(Match::Record)
    }
}

impl KeyValue {
    /// True where lines about epochs stand behind their batches, which do not name them.
    fn stands_behind(&self) -> bool {
        self.counts_on && self.announced.is_none()
    }

    /// True below a heading that says how many epochs there will be, for a line that does not:
    /// `Epoch 00099: val_acc did not improve`, which may count from 0, below `Epoch 100/100`.
    fn is_about_the_announced(&self, epoch: Count) -> bool {
        self.announced.is_some_and(|Announced { epoch: known, .. }| {
            let behind = known.value.checked_sub(epoch.value);
            known.of.is_some() && epoch.of.is_none() && behind.is_some_and(|behind| behind <= 1)
        })
    }

    /// A line about nothing but an epoch stands above it, or behind its batches.
    fn mark(&mut self, announced: Announced, fields: &mut Fields) {
        if self.stands_behind() {
            self.end_of_epoch(announced.epoch, fields);
            return;
        }
        // The attempt before may have come no further than its first epoch.
        let falls_back = |known: Announced| announced.epoch.value < known.epoch.value;
        fields.begins_anew = self.announced.is_some_and(falls_back);
        self.announced = Some(announced);
    }

    /// A line without a loss may tell the learning rate of what follows, or of what stands above.
    fn rate(&self, line: &str, fields: &mut Fields) -> Match {
        let (Some(place), Some((_, rate))) = (self.rate_lines, rate_alone(line)) else {
            return Match::No;
        };
        fields.values = vec![("lr", rate)];
        match place {
            RateLines::Ahead => Match::Ahead,
            RateLines::Behind => Match::Record,
        }
    }

    /// Below `Eval epoch: 4` the `mean_loss: 1.89` of the whole pass is of held-out data, and so are
    /// losses below `==TEST==` or `Validating...`.
    fn hold_out(&mut self, found: &mut Counters, fields: &mut Fields) {
        let counts = found.epoch.is_some() || found.step.is_some();
        let of_pass = self.announced.filter(|_| !counts);
        let of_section = self.sections.held_out(counts);
        let data = of_section.or_else(|| of_pass?.data);
        let Some(data) = data.filter(|_| !found.evaluated) else {
            return;
        };
        for (name, _) in &mut fields.values {
            let is_train_loss = self.names.find(name).1.map(|fit| fit.role) == Some(TRAIN_LOSS);
            if is_train_loss && !name.to_ascii_lowercase().contains("train") {
                *name = data.loss();
                found.evaluated = true;
            }
        }
    }

    /// The batches before this line are those of an epoch.
    fn end_of_epoch(&mut self, epoch: Count, fields: &mut Fields) {
        self.rounds.end(epoch.value);
        self.epochs = epoch.of.or(self.epochs);
        fields.relearn = true;
    }

    /// The name of the loss on held-out data of a line.
    fn evaluation<'a>(&mut self, fields: &Fields<'a>) -> Option<&'a str> {
        let role = Some(Role::of(Quantity::EvalLoss));
        let mut names = fields.values.iter().map(|(name, _)| *name);
        names.find(|name| self.names.find(name).1.map(|fit| fit.role) == role)
    }

    /// True for an evaluation without a step in a log that states the steps of evaluations:
    /// of the quantised model (`quantized val_loss:2.83`), or of the best checkpoint.
    fn is_about_something_else(&mut self, fields: &Fields) -> bool {
        let evaluation = self.evaluation(fields);
        let placed = self.placed_evaluation.as_deref();
        placed.is_some_and(|placed| evaluation.is_some_and(|name| name.ends_with(placed)))
    }

    /// True for a line of details below a loss whose name says what it was measured on: of `Val loss: 3.50000`
    /// and below it `l1: 1.750 kl: 0.012 loss: 3.500` the second says nothing new: beside its parts the loss is the same to the last digit.
    fn is_a_detail(&mut self, line: &str, found: &Counters, fields: &Fields) -> bool {
        /// Half a unit of the last printed digit, and what the loss above was rounded by itself.
        const ROUNDING: f64 = 0.51;
        let above = self.loss_above.take();
        if fields.step.is_some() || found.epoch.is_some() || found.step.is_some() || !found.has_loss {
            return false;
        }
        let mut losses = fields.values.iter().filter_map(|(name, value)| {
            let fit = self.names.find(name).1.filter(|fit| fit.role.is_loss())?;
            Some((*name, fit.role, *value))
        });
        let Some((name, role, value)) = losses.next().filter(|_| losses.next().is_none()) else {
            return false;
        };
        if role != TRAIN_LOSS || name.to_ascii_lowercase().contains("train") {
            self.loss_above = Some(value);
            return false;
        }
        let printed = line.rsplit("oss").next().unwrap_or_default();
        let printed = printed
            .trim_start_matches([':', '=', ' '])
            .split(|letter: char| letter == ',' || letter.is_whitespace())
            .next();
        let decimals = printed
            .and_then(|printed| printed.split_once('.'))
            .map(|(_, decimals)| decimals)
            .filter(|decimals| decimals.bytes().all(|byte| byte.is_ascii_digit()));
        let is_the_same = |decimals: &str| {
            let unit = 10f64.powi(-(decimals.len().min(20) as i32));
            above.is_some_and(|above| (above - value).abs() < ROUNDING * unit)
        };
        fields.values.len() > 1 && decimals.is_some_and(is_the_same)
    }

    /// True for a line about a part of an evaluation.
    fn is_about_a_part(&mut self, found: &Counters) -> bool {
        let count = found.step_count.or(found.unnamed);
        match count {
            Some(count) if found.evaluated => return self.evaluations.is_part(count),
            Some(count) if found.has_loss => self.evaluations.train(count),
            None if found.evaluated && found.epoch.is_some() => self.evaluations.whole(),
            _ => {}
        }
        false
    }

    /// The step of an evaluation, where that was announced and the line itself tells none.
    fn announced_step(&mut self, line: &str, found: &Counters) -> Option<u64> {
        if found.has_loss {
            let at = self.evaluates_at.take();
            return at.filter(|_| found.evaluated && found.epoch.is_none() && found.step.is_none());
        }
        let announced = found
            .step_count
            .filter(|_| self.announces_steps && line.contains(EVALUATION));
        self.evaluates_at = announced.map(|count| count.value).or(self.evaluates_at);
        None
    }

    /// A line of an evaluation that was announced: it ends with its last batch, whose loss is what
    /// Paddle goes by.
    fn announced_evaluation(&mut self, found: &Counters, fields: &mut Fields) -> Match {
        let is_last = found
            .step_count
            .is_some_and(|count| count.of == Some(count.value));
        let mut is_loss = |name| self.names.find(name).1.map(|fit| fit.role) == Some(TRAIN_LOSS);
        let loss = fields.values.iter().find(|(name, _)| is_loss(name));
        let Some((_, loss)) = loss.copied().filter(|_| is_last) else {
            return Match::No;
        };
        *fields = Fields {
            values: vec![("eval_loss", loss)],
            ..Fields::default()
        };
        Match::Record
    }

    /// A line of an epoch without a counter may be about one of its batches.
    fn batch(&mut self, place: &Place, found: &Counters, fields: &mut Fields) -> Option<Match> {
        let names = &mut self.names;
        let mut is_train_loss = |name: &str| names.find(name).1.map(|fit| fit.role) == Some(TRAIN_LOSS);
        let loss = fields
            .values
            .iter()
            .map(|(name, _)| *name)
            .find(|name| is_train_loss(name));
        let Some(batch_loss) = &self.batches.loss else {
            if let Some(loss) = loss {
                self.batches.learn(place.epoch, loss);
            }
            return None;
        };
        if loss == Some(batch_loss) {
            fields.step = Some(self.batches.count(place.epoch));
            return Some(Match::Record);
        }
        // About the whole epoch, at its last batch.
        fields.values.retain(|(name, _)| !is_train_loss(name));
        fields.step = Some(self.batches.counted);
        Some(if found.evaluated { Match::Record } else { Match::No })
    }
}

/// `Loaded best model from epoch 185 (val_loss=1.67)`, which tells nothing new.
fn is_about_a_checkpoint(line: &str) -> bool {
    let has = |word: &str| memchr::memmem::find(line.as_bytes(), word.as_bytes()).is_some();
    (has("best") || has("Best")) && (has("model") || has("checkpoint")) && !has("train")
}

/// `Saved best model from epoch 3`, `Early stopping triggered at epoch 12`.
pub(super) fn looks_back(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    let words = [
        "save",
        "saving",
        "checkpoint",
        "best",
        "early stop",
        "early-stop",
        "earlystop",
    ];
    words.iter().any(|word| line.contains(word))
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

/// What is measured on data and is no loss, nor a time.
const SCORES: &[&str] = &[
    "acc", "auc", "f1", "iou", "dice", "score", "bleu", "error", "reward", "return",
];

/// How many scores a text speaks of, in small letters.
fn scores(text: &str) -> usize {
    SCORES.iter().map(|score| text.matches(score).count()).sum()
}

/// How many of them name a number of their own: that of `acc train 0.9` does not.
fn scores_with_numbers(line: &str) -> usize {
    let mut count = 0;
    named_numbers(line, |named| {
        let name = suffixes(named.words).last().unwrap_or(named.words);
        if !is_of_training(name) && held_out_loss(name).is_none() {
            count += scores(named.words);
        }
    });
    count
}

/// The loss that is meant by a name that says nothing but that it is of held-out data.
fn held_out_loss(name: &str) -> Option<&'static str> {
    data_of(std::iter::once(name)).map(Data::loss)
}

/// The loss that is named for its data alone behind the word `loss`: `Loss train: 0.4, val: 0.5`, `Loss:
/// train=0.4, val=0.5`. That of held-out data stands behind another one, as `goes_on` says.
fn loss_under_heading(line: &str, words: &str, goes_on: bool) -> Option<&'static str> {
    let (heading, name) = words.rsplit_once(' ').unwrap_or(("", words));
    if goes_on {
        return held_out_loss(name).filter(|_| heading.is_empty());
    }
    if !is_of_training(name) {
        return None;
    }
    let at = (name.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    let before = line
        .get(..at)?
        .trim_end_matches([' ', ':', '=', '(', '[', '|', '-', '>']);
    let letters = before.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
    let heading = before.get(before.len() - letters..)?;
    ["loss", "losses"]
        .iter()
        .any(|known| heading.eq_ignore_ascii_case(known))
        .then_some(TRAIN)
}

/// True for a word that makes a mean of what is named behind it.
fn is_mean(word: &str) -> bool {
    ["average", "avg", "mean"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
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
const TIMES: &[&str] = &[
    "s", "sec", "secs", "second", "seconds", "ms", "us", "min", "mins", "minute", "minutes", "h", "hour",
    "hours",
];

const TRAIN_LOSS: Role = Role::of(Quantity::TrainLoss);

impl Grammar for KeyValue {
    fn again(&self) -> Option<Box<dyn Grammar>> {
        Some(Box::new(self.at_the_start()))
    }

    fn epoch_length(&self) -> Option<u64> {
        self.counter.epoch_length().or(self.rounds.length())
    }

    fn passed(&mut self, step: u64) {
        self.rounds.pass(step);
    }

    fn parse<'a>(&mut self, line: &'a str, fields: &mut Fields<'a>) -> Match {
        let is_heading = self.sections.behind(line);
        if self.parameters.holds(line)
            || self.sections.tells_again()
            || self.evaluations.announce(line)
            || !line.bytes().any(|byte| byte.is_ascii_digit())
        {
            return Match::No;
        }
        if progress::is_bar(line) {
            self.take_bar(line);
            return Match::No;
        }
        // The settings, as Python prints them.
        if is_settings(line) {
            return Match::No;
        }
        // The summaries of Hugging Face, of a run that logged no loss, and of GluonTS.
        let summaries: [&[u8]; 2] = [b"train_runtime", b"(occurred at epoch "];
        if summaries
            .iter()
            .any(|words| memchr::memmem::find(line.as_bytes(), words).is_some())
        {
            return Match::No;
        }
        let told = loss_at(line);
        let over = told.as_ref().filter(|told| self.is_over(told));
        let of_now = told.as_ref().filter(|_| over.is_none());
        let loss_within = self.take_loss_at(of_now, line, fields);
        let stated = fields.step.is_some();
        let mut found = self.collect(line, stated, fields);
        let epoch = found.epoch.map(|count| count.value);
        self.last_epoch = epoch.or(self.last_epoch);
        if over.is_some_and(|over| epoch == Some(over.count)) {
            return Match::No;
        }
        if loss_within {
            (found.has_loss, found.useful) = (true, true);
            found.evaluated |= self.evaluation(fields).is_some();
        }
        let announces_epoch = found.epoch.is_some() && !found.has_loss;
        if self.evaluations.goes_on(announces_epoch) {
            return self.announced_evaluation(&found, fields);
        }
        if !is_heading {
            self.hold_out(&mut found, fields);
        }
        if let Some(step) = self.announced_step(line, &found) {
            fields.step = Some(step);
            return Match::Record;
        }
        if self.is_a_detail(line, &found, fields)
            || self.is_about_a_part(&found)
            || found.evaluated && is_about_a_checkpoint(line)
        {
            return Match::No;
        }
        let counted_ahead = !stated && fields.step.is_some();
        let runs_on = found.step.is_some_and(|(_, runs_on)| runs_on);
        if !stated
            && !runs_on
            && let Some(matched) = self.place(line, &found, fields)
        {
            return matched;
        }
        fields.total = found.step_total;
        if let (Some(outer), Some(count), false) = (found.outer, found.step_count, stated)
            && found.useful
            && self.nested.may_be(outer, count)
        {
            // The total is that of an epoch, or may be.
            fields.total = None;
            fields.step = self.nested.step(outer, count);
            return Match::Record;
        }
        let mut is_within = false;
        if let Some(count) = found.step_count
            && !stated
            && !runs_on
            && !counted_ahead
            && count.of.is_some()
            && found.useful
            && !found.evaluated
        {
            let is_known = self.has_epochs && self.counter.may_start_again() || found.is_batch;
            let step = self.rounds.step(count, is_known);
            is_within = is_known || self.rounds.length().is_some();
            if is_within {
                fields.step = Some(step);
                let epochs = self.epochs.zip(count.of);
                fields.total = epochs.and_then(|(epochs, length)| epochs.checked_mul(length));
            }
        }
        // Where an epoch counts depends on the lines before, and a number that is none this
        // time may be one the next.
        fields.alone = !stated
            && !counted_ahead
            && found.step.is_some()
            && !self.has_epochs
            && !is_within
            && self.sections.is_any()
            && !found.names_epoch
            && fields.rounded_to == 0.0;
        if stated || (found.step.is_some() && found.useful) {
            if found.evaluated {
                self.placed_evaluation = self
                    .evaluation(fields)
                    .map(Into::into)
                    .or(self.placed_evaluation.take());
            }
            self.counts_on |= found.has_loss && !found.evaluated && found.epoch.is_none();
            Match::Record
        } else if found.evaluated && !self.is_about_something_else(fields) {
            fields.total = None;
            Match::Record
        } else {
            self.rate(line, fields)
        }
    }
}

/// The learning rate of a line that tells nothing else, and what stands before it: `Current learning
/// rate: 0.00935`, `Updating learning rate to 5e-05`, `Epoch[0] Learning rate is 0.001`, `Adjusting learning
/// rate of group 0 to 1.0000e-03.`
fn rate_alone(line: &str) -> Option<(&str, f64)> {
    let (before, value) = line
        .trim_end()
        .trim_end_matches(['.', ','])
        .rsplit_once([' ', ':', '='])?;
    let rate = number::parse(value).filter(|rate| *rate >= 0.0 && *rate < 10.0)?;
    let before = before.trim_end_matches([' ', ':', '=']);
    let name = [" to", " is"].iter().find_map(|word| before.strip_suffix(word));
    let name = name.unwrap_or(before).to_ascii_lowercase();
    let name = name.strip_suffix(" of group 0").unwrap_or(&name);
    let named = ["learning rate", "learning_rate", "lr"]
        .iter()
        .find_map(|known| name.strip_suffix(known))?;
    let whole_word = !named.ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_');
    whole_word.then_some((before, rate))
}

/// What lines that tell nothing but a learning rate are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RateLines {
    /// What follows.
    Ahead,
    /// The losses above.
    Behind,
}

/// How such lines stand in a log, where they come again and again: once or twice they are settings. The record
/// ends with them where a loss stands above the first, unless they say that the rate changes.
fn rate_lines(content: &[u8]) -> Option<RateLines> {
    const OFTEN: usize = 3;
    let mut met: std::collections::BTreeMap<String, (usize, RateLines)> = std::collections::BTreeMap::new();
    let mut parameters = ParameterGroups::default();
    let mut place = RateLines::Ahead;
    for line in content.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        if parameters.holds(&line) {
            continue;
        }
        if let Some((before, _)) = rate_alone(&line) {
            let changes = before.ends_with(" to");
            // A time before it differs from line to line.
            let words: String = before.chars().filter(|letter| letter.is_alphabetic()).collect();
            let first = if changes { RateLines::Ahead } else { place };
            met.entry(words).or_insert((0, first)).0 += 1;
        } else if line.contains("oss") && line.bytes().any(|byte| byte.is_ascii_digit()) {
            place = RateLines::Behind;
        }
    }
    let often = met.into_values().filter(|(count, _)| *count >= OFTEN);
    often.max_by_key(|(count, _)| *count).map(|(_, place)| place)
}

/// What announces an evaluation, at the step behind it.
const EVALUATION: &str = "valuating at ";

/// True when evaluations are announced at steps that grow: what counts within an epoch is no step of the run.
fn announces_steps(content: &[u8]) -> bool {
    const LEAST: usize = 2;
    let mut names = NameFinder::default();
    let mut steps = Vec::new();
    for line in content.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        if !line.contains(EVALUATION) {
            continue;
        }
        named_numbers(&line, |named| {
            let role = names.find(named.words).1.map(|fit| fit.role);
            if role == Some(Role::Step) {
                steps.push(named.value);
            }
        });
    }
    steps.len() >= LEAST && steps.is_sorted_by(|earlier, later| earlier < later)
}

/// Where a loss has arrived, in parts of where it began.
const CLEARLY_BELOW: f64 = 0.9;

/// True when what is named for its data alone, beside an epoch, falls again and again and ends
/// clearly below where it began: accuracies rise, and those that fall do so by little.
fn bare_losses_fall(content: &[u8]) -> bool {
    /// One after another.
    const FALLS: usize = 3;
    /// The same where every value may be a share.
    const CLEARLY_BELOW_OF_SHARES: f64 = 0.5;
    let mut names = NameFinder::default();
    let (mut all, mut are_shares) = (Vec::new(), true);
    for line in content.split(|byte| *byte == b'\n') {
        if [b"rain", b"RAIN"]
            .iter()
            .all(|word| memchr::memmem::find(line, *word).is_none())
        {
            continue;
        }
        let (mut train, mut held_out, mut has_epoch) = (None, None, false);
        named_numbers(&String::from_utf8_lossy(line), |named| {
            let (name, fit) = names.find(named.words);
            has_epoch |= fit.is_some_and(|fit| fit.role == Role::of(Quantity::Epoch));
            if held_out_loss(name).is_some() {
                held_out = Some(named.value);
            }
            if is_of_training(name) {
                train = Some(named.value);
            }
        });
        if let (Some(train), Some(held_out), true) = (train, held_out, has_epoch) {
            are_shares &= [train, held_out].iter().all(|value| (0.0..=1.0).contains(value));
            all.push(train);
        }
    }
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return false;
    };
    let clearly_below = if are_shares {
        CLEARLY_BELOW_OF_SHARES
    } else {
        CLEARLY_BELOW
    };
    *last < first * clearly_below
        && all
            .windows(FALLS + 1)
            .any(|row| row.is_sorted_by(|earlier, later| later < earlier))
}

/// True when what is named for held-out data alone, beside a step and its train loss, is always about as
/// large as that loss, and falls with it: an accuracy rises. Beside an epoch, of which there are few, it falls
/// clearly.
fn bare_evaluations_are_losses(content: &[u8]) -> bool {
    const AS_LARGE: std::ops::Range<f64> = 0.5..2.0;
    const LEAST: usize = 2;
    let mut names = NameFinder::default();
    let (mut seen, mut are_alike, mut first, mut last, mut counts_epochs) = (0, true, None, None, false);
    for line in content.split(|byte| *byte == b'\n') {
        if memchr::memmem::find(line, b"oss").is_none() {
            continue;
        }
        let (mut loss, mut evaluation, mut is_other, mut has_epoch) = (None, None, false, false);
        named_numbers(&String::from_utf8_lossy(line), |named| {
            let (name, fit) = names.find(named.words);
            match fit.map(|fit| fit.role) {
                Some(TRAIN_LOSS) => loss = loss.or(Some(named.value)),
                Some(role) => {
                    is_other |= role.is_loss();
                    has_epoch |= role == Role::of(Quantity::Epoch);
                }
                None if held_out_loss(name).is_some() => evaluation = Some(named.value),
                None => is_other |= is_of_training(name),
            }
        });
        if let (Some(loss), Some(evaluation), false) = (loss, evaluation, is_other) {
            seen += 1;
            are_alike &= AS_LARGE.contains(&(evaluation / loss));
            counts_epochs |= has_epoch;
            last = Some((loss, evaluation));
            first = first.or(last);
        }
    }
    let below = if counts_epochs { CLEARLY_BELOW } else { 1.0 };
    let fall = first
        .zip(last)
        .is_some_and(|(first, last)| last.0 < first.0 && last.1 < first.1 * below);
    are_alike && seen >= LEAST && fall
}

/// An optimizer of PyTorch, as it prints itself: the options of each group of its parameters
/// stand on lines of their own below its heading, set in.
#[derive(Debug, Default)]
struct ParameterGroups {
    inside: bool,
}

impl ParameterGroups {
    /// True for the lines of a group.
    fn holds(&mut self, line: &str) -> bool {
        let begins = line.trim_start().starts_with("Parameter Group ");
        let goes_on = self.inside && line.starts_with([' ', '\t']) && line.contains(": ");
        self.inside = begins || goes_on;
        self.inside
    }
}

/// A dictionary or a `Namespace` of settings: no number of it is a loss.
fn is_settings(line: &str) -> bool {
    let start = line.trim_start();
    (start.starts_with("{'") || start.starts_with("Namespace("))
        && memchr::memmem::find(line.as_bytes(), b"oss").is_none()
}

/// The name of a counter of epochs, and not of how many there are.
fn is_epoch(name: &str) -> bool {
    let name = canonical(name);
    let ends = ["epoch", "epoch_no", "epoch_number"];
    ends.iter().any(|end| name.ends_with(end)) || name == "ep"
}

/// True for the words `Epochs`, and no more.
fn is_plural(words: &str) -> bool {
    words.eq_ignore_ascii_case("epochs")
}

/// True when `Epochs: 3` stands beside a loss, and the next such line tells of the next.
fn epochs_count(content: &[u8]) -> bool {
    let mut names = NameFinder::default();
    let mut all = Vec::new();
    for line in content.split(|byte| *byte == b'\n') {
        if [b"pochs", b"POCHS"]
            .iter()
            .all(|word| memchr::memmem::find(line, *word).is_none())
        {
            continue;
        }
        let (mut epochs, mut has_loss) = (None, false);
        named_numbers(&String::from_utf8_lossy(&without_colours(line)), |named| {
            if is_plural(named.words) {
                epochs = epochs.or(Some(named.value));
            }
            has_loss |= names.find(named.words).1.is_some_and(|fit| fit.role.is_loss());
        });
        all.extend(epochs.filter(|_| has_loss));
    }
    let next = |row: &[f64]| matches!(row, [before, after] if *after == before + 1.0);
    all.len() > 1 && all.windows(2).all(next)
}

/// The names of a train loss that has another one, or none, in the log: whether or not it says that it is of
/// training.
const TRAIN: &str = "train_loss";
const LOSS: &str = "loss";

fn is_of_train(loss: &str) -> bool {
    loss == TRAIN || loss == LOSS
}

/// Names of losses where nothing is called one, the best first.
const STAND_INS: &[&str] = &[
    COST,
    "objective",
    "mse",
    "bce",
    "ce",
    "elbo",
    "bpd",
    "rmse",
    "mae",
    "error",
];

/// Needs not fall by much.
const COST: &str = "cost";

/// The name of the loss in a log that calls nothing so: the best of those that fall, as a score, a time or a
/// price may not. What agents are rewarded with stands beside errors and costs that nobody trains on.
fn stand_in(content: &[u8]) -> Option<&'static str> {
    const LEAST: usize = 2;
    let mut names = NameFinder::default();
    let mut told: Vec<Vec<f64>> = vec![Vec::new(); STAND_INS.len()];
    for line in content.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        let mut is_other = speaks_of_rewards(&line);
        let mut take = |is_train: &dyn Fn(&str) -> bool, value: f64| {
            for (name, told) in STAND_INS.iter().zip(&mut told) {
                if is_train(name) {
                    told.push(value);
                }
            }
        };
        if let Some(at) = loss_at(&line) {
            is_other |= names_a_loss(&mut names, at.words);
            take(
                &|name| loss_called(name, at.words).is_some_and(is_of_train),
                at.value,
            );
        }
        named_numbers(&line, |named| {
            is_other |= names_a_loss(&mut names, named.words)
                || loss_under_heading(&line, named.words, false).is_some();
            if !tells_the_best(named.words) {
                take(
                    &|name| loss_instead(name, &line, &named).is_some_and(is_of_train),
                    named.value,
                );
            }
        });
        if is_other {
            return None;
        }
    }
    let falls = |name: &str, told: &[f64]| {
        let clearly = if name == COST { 1.0 } else { CLEARLY_BELOW };
        let ends = told.first().zip(told.last());
        told.len() >= LEAST && ends.is_some_and(|(first, last)| *last < first - first.abs() * (1.0 - clearly))
    };
    let mut all = STAND_INS.iter().zip(&told);
    all.find(|(name, told)| falls(name, told)).map(|(name, _)| *name)
}

/// True for words that name a loss, or what is part of one.
fn names_a_loss(names: &mut NameFinder, words: &str) -> bool {
    let is_loss = names.find(words).1.is_some_and(|fit| fit.role.is_loss());
    is_loss || words.to_ascii_lowercase().contains(LOSS)
}

fn speaks_of_rewards(line: &str) -> bool {
    let has = |part: &&str| memchr::memmem::find(line.as_bytes(), part.as_bytes()).is_some();
    ["eward", "EWARD", "return", "Return", "RETURN"].iter().any(has)
}

/// The loss that a number is where this is the name of one. What has a unit is a time, or a share.
fn loss_instead(known: &str, line: &str, named: &Named) -> Option<&'static str> {
    let loss = loss_called(known, named.words)?;
    let behind = named.behind.trim_start();
    let unit = behind
        .split(|letter: char| !letter.is_ascii_alphabetic())
        .next()?;
    let is_clock = matches!(behind.as_bytes(), [b':', b'0'..=b'9', ..]);
    let has_unit = !named.unit.is_empty()
        || is_clock
        || behind.starts_with('%')
        || TIMES.iter().any(|known| unit.eq_ignore_ascii_case(known));
    let context = || evaluated_loss(line, named.words).filter(|_| loss == LOSS);
    (!has_unit).then(|| context().unwrap_or(loss))
}

/// The loss that is meant by words that end with this name, unless it is that of something else than the model:
/// `time cost`, `batch_cost`.
fn loss_called(known: &str, words: &str) -> Option<&'static str> {
    let is_between = |letter: char| matches!(letter, ' ' | '_' | '/' | '-');
    let (before, name) = words.rsplit_once(is_between).unwrap_or(("", words));
    if !name.eq_ignore_ascii_case(known) {
        return None;
    }
    let before = || before.split(is_between).filter(|word| !word.is_empty());
    let is_mean = |word: &str| is_mean(word) || word.eq_ignore_ascii_case("total");
    match before().find(|word| !is_mean(word) && !is_of_training(word)) {
        None if before().any(is_of_training) => Some(TRAIN),
        None => Some(LOSS),
        Some(other) => data_of(std::iter::once(other)).map(Data::loss),
    }
}

/// A loss behind the counter that it was measured at.
struct LossAt<'a> {
    /// The words that its name ends.
    words: &'a str,
    counter: &'a str,
    count: u64,
    value: f64,
}

/// `Eval loss at step 1000: 4.18`, `Cost after iteration 100: 0.64`, `The loss of epoch 3 is 0.4`: the counter
/// stands between the name and the value. Without its name (`loss at 404 1.79`) nobody knows what it counts.
fn loss_at(line: &str) -> Option<LossAt<'_>> {
    let (words, rest) = [" at ", " after ", " for ", " of ", " ("]
        .iter()
        .find_map(|between| {
            line.match_indices(between).find_map(|(at, _)| {
                let words = words_of_a_loss(line.get(..at)?)?;
                Some((words, line.get(at + between.len()..)?))
            })
        })?;
    let (counter, rest) = rest.split_once(' ')?;
    let is_counter = ["step", "iteration", "iter", "update", "epoch"]
        .iter()
        .any(|known| counter.eq_ignore_ascii_case(known));
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let count = rest.get(..digits).filter(|_| is_counter)?.parse().ok()?;
    let value = rest.get(digits..)?.trim_start_matches([')', ':', '=', ' ']);
    let value = value.strip_prefix("is ").unwrap_or(value).trim_start();
    let value = value.split([',', ' ', ';', '|']).next()?.trim_end_matches('.');
    Some(LossAt {
        words,
        counter,
        count,
        value: number::parse(value)?,
    })
}

/// `Loss on the validation set: 3.45`
fn loss_on(line: &str) -> Option<(&'static str, f64)> {
    let (loss, rest) = line.split_once(" on ")?;
    let (data, value) = rest.split_once([':', '='])?;
    let value = number::parse(value.trim_start().split([',', ' ', ';', '|']).next()?)?;
    words_of_a_loss(loss)?;
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric();
    let words = data.split(|letter| !is_of_word(letter));
    Some((data_of(words)?.loss(), value))
}

/// True for words that tell what was the best so far, or the last, and nothing new.
fn tells_the_best(words: &str) -> bool {
    let mut all = words.split(|letter: char| !letter.is_ascii_alphabetic());
    let is = |word: &str| {
        ["lowest", "smallest", "min", "minimum", "minimal", "previous"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
    };
    words.contains("best") || words.contains("Best") || all.any(is)
}

/// The last words of a text that ends with the name of a loss, or with a remark behind one: `Training loss (for
/// one batch)`. The best of them is told again.
fn words_of_a_loss(text: &str) -> Option<&str> {
    const MOST_WORDS: usize = 2;
    let remark = text.strip_suffix(')').and_then(|text| text.rsplit_once('('));
    let text = remark.map_or(text, |(text, _)| text).trim_end_matches(' ');
    let is_loss = ["loss", COST].iter().any(|known| {
        let start = text.len().checked_sub(known.len());
        start
            .and_then(|start| text.get(start..))
            .is_some_and(|name| name.eq_ignore_ascii_case(known))
    });
    let mut blanks = 0;
    let is_outside = |letter: char| {
        blanks += usize::from(letter == ' ');
        blanks == MOST_WORDS || !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | ' ')
    };
    let words = text.rsplit(is_outside).next()?;
    let sentence = text.rsplit([',', ';', '|']).next()?;
    (is_loss && !tells_the_best(sentence)).then_some(words.trim_start())
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn a_cost_is_the_loss_where_nothing_is_called_one() {
        let lines = |row: &dyn Fn(u64) -> String| {
            let content: String = (1..6).map(row).collect();
            read_all(content.as_bytes(), &Names::default()).map(|_| points(&content))
        };
        let all: Vec<(u64, f64)> = (1..6).map(|step| (step, 0.7 / step as f64)).collect();
        for line in [
            "Epoch NN cost VV",
            "Iteration NN: avg cost VV",
            "Cost after iteration NN: VV",
            "Cost after epoch NN: VV",
            "Epoch: 000NN cost= VV W= 0.3",
        ] {
            let row = |step: u64| {
                let value = (0.7 / step as f64).to_string();
                line.replace("NN", &step.to_string()).replace("VV", &value) + "\n"
            };
            let (_, train, eval) = lines(&row).unwrap();
            assert_eq!((train, eval.len()), (all.clone(), 0), "{line}");
        }
        let both = |epoch: u64| {
            format!(
                "Epoch {epoch}: training cost 0.{}, validation cost 1.{epoch}, time cost: 2.3\n",
                9 - epoch
            )
        };
        let (_, train, eval) = lines(&both).unwrap();
        assert_eq!((train[4], eval[4]), ((5, 0.4), (5, 1.5)));
        for other in [
            "Epoch NN time cost 12.NN",
            "Epoch NN cost 12.NNs",
            "Epoch NN batch_cost: 0.NN",
            "Epoch NN acc 0.5NN cost 12.NN s",
            "epoch NN ppl 9.NN total cost: 12.NN seconds",
            "Episode NN reward 3.NN cost 24.NN steps 200",
            "Epoch NN | bce 2.NN | cost 1NN",
            "Epoch NN cost 12.NN",
        ] {
            assert!(
                lines(&|epoch| other.replace("NN", &epoch.to_string()) + "\n").is_err(),
                "{other}"
            );
        }
        let (_, train, _) =
            lines(&|epoch| format!("epoch {epoch} loss 2.{epoch} cost 12.{epoch}\n")).unwrap();
        assert_eq!(train[4], (5, 2.5));
        let (_, train, eval) =
            lines(&|epoch| format!("Epoch {epoch}: train nll 2.{epoch}, val nll 2.6, cost 12.{epoch}\n"))
                .unwrap();
        assert_eq!((train[4], eval[4]), ((5, 2.5), (5, 2.6)));
    }

    #[test]
    fn episodes_are_the_steps_where_nothing_else_counts() {
        let read = |row: &dyn Fn(u64) -> String| {
            let content: String = (1..6).map(row).collect();
            points(&content).1.last().copied()
        };
        let alone = |episode| format!("Episode {episode}0/100 loss 0.{episode} reward 12\n");
        assert_eq!(read(&alone), Some((50, 0.5)));
        let beside = |episode| format!("Episode {episode} | Step {episode}345 | Loss 0.{episode}\n");
        assert_eq!(read(&beside), Some((5345, 0.5)));
        let in_front = |count| format!("[{count}00/6000] Episode {} loss 0.{count}\n", count / 2);
        assert_eq!(read(&in_front), Some((500, 0.5)));
        let epochs = |epoch| format!("epoch {epoch} episode {epoch}6 loss 0.{epoch}\n");
        assert_eq!(read(&epochs), Some((5, 0.5)));
        let table: String = (1..6)
            .map(|epoch| format!("{epoch}6,{epoch},0.{epoch}\n"))
            .collect();
        let table = read_all(
            format!("episode,epoch,loss\n{table}").as_bytes(),
            &Names::default(),
        )
        .unwrap();
        assert_eq!(table.decoded.records.steps().last(), Some(&5));
    }

    #[test]
    fn the_time_of_an_epoch_is_no_further_epoch() {
        let epoch = |line: &str| {
            let content: String = (1..6)
                .map(|epoch: u64| {
                    let (train, eval) = (2.0 / epoch as f64, 2.5 / epoch as f64);
                    line.replace("NN", &epoch.to_string())
                        .replace("TT", &train.to_string())
                        .replace("VV", &eval.to_string())
                        + "\n"
                })
                .collect();
            let records = read_all(content.as_bytes(), &Names::default())
                .unwrap()
                .decoded
                .records;
            let last = records.len() - 1;
            let of = |quantity| records.value(last, quantity);
            (
                records.steps().to_vec(),
                of(Quantity::TrainLoss),
                of(Quantity::EvalLoss),
                of(Quantity::Epoch),
            )
        };
        for line in [
            "Epoch NN train TT val VV epoch time 11",
            "Epoch NN: train=TT, val=VV, time per epoch: 11",
            "Epoch NN train loss TT val loss VV. Time for epoch: 12",
            "Epoch NN train loss TT val loss VV\nEpoch time: 12",
        ] {
            assert_eq!(
                epoch(line),
                (vec![1, 2, 3, 4, 5], Some(0.4), Some(0.5), Some(5.0)),
                "{line}"
            );
        }
    }

    #[test]
    fn losses_behind_arrows_and_counters() {
        let losses = |row: &dyn Fn(u64) -> String| {
            let content: String = (1..5).map(row).collect();
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let records = read.decoded.records;
            let last = records.steps().len() - 1;
            (records.steps().to_vec(), records.value(last, Quantity::TrainLoss))
        };
        let arrow = |step| format!("Iter {step}: Train Loss --> {step}.5, Val Loss --> 2.5\n");
        assert_eq!(losses(&arrow), (vec![1, 2, 3, 4], Some(4.5)));
        let at = |step| format!("2017-08-18 02:43:53,914:\tLoss at step {step}: {step}.5\n");
        assert_eq!(losses(&at), (vec![1, 2, 3, 4], Some(4.5)));
        let parts = |step| format!("Iter {step}, Loss: {step}.5, Semantic loss: 1.25, IC loss: 0.25\n");
        assert_eq!(losses(&parts), (vec![1, 2, 3, 4], Some(4.5)));
    }

    #[test]
    fn batches_of_a_validation_that_is_told_whole_are_no_steps() {
        let epoch = |epoch: u64| {
            format!(
                "epoch:[  {epoch}/25 ] train step:0    loss: 4.{epoch} lr: 0.010000 batch_cost: 7.44212 sec, ips: 8.5 instance/sec.\n\
                 epoch:[  {epoch}/25 ] train step:100  loss: 3.{epoch} lr: 0.010000 batch_cost: 1.94236 sec, ips: 32.9 instance/sec.\n\
                 END epoch:{epoch}   train loss_avg: 3.94312  top1_avg: 0.10801 avg_batch_cost: 6.85139 sec, avg_ips: 47.6 instance/sec.\n\
                 epoch:[  {epoch}/25 ] val step:0    loss: 3.27431 top1: 0.12500 batch_cost: 4.21128 sec, ips: 15.1 instance/sec.\n\
                 epoch:[  {epoch}/25 ] val step:120  loss: 3.27431 top1: 0.12500 batch_cost: 4.21128 sec, ips: 15.1 instance/sec.\n\
                 END epoch:{epoch}   val loss_avg: 2.{epoch} top1_avg: 0.14896 avg_batch_cost: 0.03663 sec, avg_ips: 60.8 instance/sec.\n"
            )
        };
        let content: String = (1..=3).map(epoch).collect();
        let (_, train, eval) = points(&content);
        assert_eq!(
            train,
            [
                (0, 4.1),
                (100, 3.1),
                (200, 4.2),
                (300, 3.2),
                (400, 4.3),
                (500, 3.3)
            ]
        );
        assert_eq!(eval, [(100, 2.1), (300, 2.2), (500, 2.3)]);
    }

    #[test]
    fn numbered_parts_of_a_loss_are_summed() {
        let epoch = |epoch: u64| {
            format!(
                "Fri 02 Jan 2026 19:00:50 INFO  epoch {epoch} training [time: 0.67s, train_loss1: 2{epoch}0.5, train_loss2: 3.25, train_loss3: 1, train_loss5: 7]\n\
                 Fri 02 Jan 2026 19:00:51 INFO  epoch {epoch} evaluating [time: 0.40s, valid_score: 0.382900]\n"
            )
        };
        let content: String = (0..4).map(epoch).collect();
        let (_, train, eval) = points(&content);
        assert_eq!(train, [(0, 204.75), (1, 214.75), (2, 224.75), (3, 234.75)]);
        assert_eq!(eval, []);
    }

    #[test]
    fn a_counter_is_glued_to_its_name() {
        let line = |epoch: u64, batch: u64| {
            format!("epoch {epoch} iteration{batch}, Loss: 2.{batch}, Train Steps/Sec: 1.55\n")
        };
        let places = [(0, 100), (0, 200), (1, 100), (1, 200)];
        let content: String = places.map(|(epoch, batch)| line(epoch, batch)).concat();
        let (_, train, _) = points(&content);
        let steps: Vec<u64> = train.iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, [100, 200, 300, 400]);
    }

    #[test]
    fn a_range_of_batches_counts_to_its_end() {
        let row = |epoch, first, last| {
            format!(
                "2018-10-11 09:16:49,200 INFO - Epoch[{epoch}] Batch [{first}-{last}]\tSpeed: 25.77 samples/sec\tloss=0.5\n"
            )
        };
        let places = [(0, 0, 20), (0, 20, 40), (1, 0, 20), (1, 20, 40)];
        let content: String = places
            .map(|(epoch, first, last)| row(epoch, first, last))
            .concat();
        let (_, train, _) = points(&content);
        let steps: Vec<u64> = train.iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, [20, 40, 60, 80]);
    }

    #[test]
    fn a_step_within_an_iteration_counts_on() {
        let row = |iteration, step| {
            format!(
                "2018-08-23 15:43:20,494 - log/train.log - INFO - iteration:{iteration} step:{step}/1044, NER loss:31.5\n"
            )
        };
        let places = [(1, 100), (1, 1000), (2, 56), (2, 956), (3, 3)];
        let content: String = places.iter().map(|(outer, inner)| row(outer, inner)).collect();
        let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
        assert_eq!(decoded.records.steps(), [100, 1000, 1100, 2000, 2091]);
        assert_eq!(decoded.total_steps, None);
    }

    #[test]
    fn what_follows_the_end_of_a_training_tells_nothing_of_it() {
        let content = "0/20000 val_loss: 9.0072 val_bpb: 3.4870\n\
            2000/20000 train_loss: 3.0897 train_time: 3.4m tok/s: 7815743\n\
            4000/20000 train_loss: 2.8559 train_time: 7.6m tok/s: 6940698\n\
            4911/20000 val_loss: 2.8072 val_bpb: 1.0868\n\
            stopping_early: wallclock_cap train_time: 588052ms step: 4911/20000\n\
            quantized val_loss:2.83553169 val_bpb:1.09772268 eval_time:8714ms\n\
            ttt_sliding:done val_loss=2.787901 val_bpb=1.079283 elapsed=341.6s\n";
        let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
        assert_eq!(decoded.records.steps(), [0, 2000, 4000, 4911, 4911]);
        assert_eq!(decoded.records.value(4, Quantity::Elapsed), Some(588.052));
        let ends: Vec<_> = decoded.endings.iter().map(|end| (end.after, end.step)).collect();
        assert_eq!(ends, [(5, Some(4911))]);
    }

    #[test]
    fn the_time_that_a_line_names_is_not_mixed_with_its_stamp() {
        let stamp = |step: u64| format!("2026-11-23 22:{step:02}:00,000 - INFO - step {step}");
        let read = |row: &dyn Fn(u64) -> String| {
            let content: String = (1..30).map(row).collect();
            read_all(content.as_bytes(), &Names::default())
                .unwrap()
                .decoded
                .records
        };
        let clock = read(&|step| {
            let wall = 60 * step + 7;
            format!("{0} | loss 2.5 | wall {wall}\n{0} | val_loss 2.6\n", stamp(step))
        });
        assert_eq!(clock.value(0, Quantity::Elapsed), Some(67.0));
        assert_eq!(clock.value(57, Quantity::Elapsed), None);
        // What falls again and again is no clock: the stamps are.
        let durations = read(&|step| format!("{} | loss 2.5 | time 0.{}\n", stamp(step), step % 3));
        let elapsed = |row| durations.value(row, Quantity::Elapsed).unwrap();
        assert_eq!(elapsed(28) - elapsed(27), 60.0);
    }

    #[test]
    fn a_line_announces_the_place_of_the_loss_below_it() {
        let content = "epoch: 1, 1/125 0.8%, 0.29s per iter, lr: 0.0001\n    recon loss: 9.174  ppl:9647.46\n\n\
            epoch: 1, 11/125 8.8%, 2.92s per iter, lr: 0.0003\n    recon loss: 9.075  ppl:8733.31\n\n\
            epoch: 2, 1/125 0.8%, 0.29s per iter, lr: 0.0001\n    recon loss: 7.174  ppl:964.46\n";
        let records = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        let points = |quantity| -> Points { records.points(quantity).collect() };
        assert_eq!(
            points(Quantity::TrainLoss),
            [(1, 9.174), (11, 9.075), (126, 7.174)]
        );
        assert_eq!(
            points(Quantity::LearningRate),
            [(1, 0.0001), (11, 0.0003), (126, 0.0001)]
        );
        let content: String = (1..=20)
            .map(|part| format!(" -- {part}0 / 2297 --\nmean loss: {part}.5\naccuracy: 0.5\n"))
            .collect();
        let content = format!("**** EPOCH 000 ****\n2018-11-30 00:30:00.504209\n{content}");
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert!(read.decoded.records.steps().iter().copied().eq(1..=20));
    }

    #[test]
    fn a_rate_in_a_line_of_its_own_holds_for_what_follows() {
        let epoch = |epoch: u64| {
            format!(
                "Epoch {epoch}\nCurrent learning rate: 0.00{}\ntrain_loss 0.{epoch}5\nval_loss 0.{epoch}7\n",
                9 - epoch
            )
        };
        let content: String = (0..5).map(epoch).collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let rates: Vec<(u64, f64)> = read.decoded.records.points(Quantity::LearningRate).collect();
        assert_eq!(rates.len(), 5);
        assert_eq!(
            rates.iter().map(|(_, rate)| *rate).collect::<Vec<_>>(),
            [0.009, 0.008, 0.007, 0.006, 0.005]
        );
        // Settings, once.
        let content = format!(
            "learning rate: 0.1\n{}",
            content.replace("Current learning rate", "Something")
        );
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert!(!read.decoded.records.has(Quantity::LearningRate));
    }

    #[test]
    fn a_rate_behind_the_losses_is_theirs() {
        let rates = |epoch: &dyn Fn(u64) -> String| -> Vec<(u64, f64)> {
            let content: String = (1..6).map(epoch).collect();
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let records = &read.decoded.records;
            let rate = |row| records.value(row, Quantity::LearningRate);
            (0..records.len())
                .filter_map(|row| Some((*records.steps().get(row)?, rate(row)?)))
                .collect()
        };
        let behind = |epoch| {
            format!("Epoch {epoch}/40\nTrain loss: 0.{epoch}5\nVal loss: 0.{epoch}7\nLR: 0.00{epoch}\n")
        };
        let all = [(1, 0.001), (2, 0.002), (3, 0.003), (4, 0.004), (5, 0.005)];
        assert_eq!(rates(&behind), all);
        let changes =
            |epoch| format!("Epoch {epoch}/40 loss: 0.{epoch}5\nUpdating learning rate to 0.00{epoch}\n");
        assert_eq!(rates(&changes)[0], (2, 0.001));
    }

    #[test]
    fn the_best_loss_is_none_of_the_epoch_that_it_names() {
        let epoch = |epoch: u64| format!("Epoch {epoch} train loss 2.{epoch} val loss 3.{epoch}\n");
        let all =
            |behind: &dyn Fn(u64) -> String| -> String { (1..9).map(|at| epoch(at) + &behind(at)).collect() };
        let at_the_end = all(&|_| String::new()) + "Best val loss at epoch 5: 0.48\n";
        let each = all(&|at| format!("Lowest val loss at epoch {}: 0.4{at}\n", at.saturating_sub(1)));
        for content in [at_the_end, each] {
            let (_, train, eval) = points(&content);
            assert_eq!((train.len(), train[7]), (8, (8, 2.8)), "{content}");
            assert_eq!((eval.len(), eval[7]), (8, (8, 3.8)), "{content}");
        }
        let steps: String = (1..9)
            .map(|at| format!("iter {at}0: train loss 2.{at}, val loss 3.{at}\n"))
            .collect();
        let (_, _, eval) = points(&(steps + "Best val loss at epoch 3: 0.40\n"));
        assert_eq!((eval.len(), eval[7]), (8, (80, 3.8)));
    }

    #[test]
    fn a_loss_may_have_its_epoch_in_brackets() {
        let content: String = (1..5)
            .map(|epoch| format!("Loss (epoch {epoch}): 0.{epoch}5\n"))
            .collect();
        assert_eq!(points(&content).1, [(1, 0.15), (2, 0.25), (3, 0.35), (4, 0.45)]);
    }

    #[test]
    fn a_standard_deviation_is_no_data() {
        let line = |at| format!("Iteration {at}, Mean: 0.5, Std Dev: 0.1, Loss: 1.{at}\n");
        let content: String = (1..5).map(line).collect();
        let (_, train, eval) = points(&content);
        assert_eq!((train.len(), train[3], eval), (4, (4, 1.4), vec![]));
    }

    #[test]
    fn abbreviated_data_and_two_evaluations() {
        for line in [
            "Epoch EE - Loss_tr: 2.EE, Loss_val: 3.EE",
            "Epoch: EE, loss_tr: 2.EE, tr_acc: 0.301, va_loss 3.EE, va_acc 0.340",
            "Epoch EE | Train Loss: 2.EE | Val Loss: 3.EE | Eval Loss: 4.EE",
            "Epoch EE training: 2.EE, validation: 3.EE, loss",
        ] {
            let content: String = (1..5)
                .map(|epoch| line.replace("EE", &epoch.to_string()) + "\n")
                .collect();
            let (_, train, eval) = points(&content);
            assert_eq!((train[3], eval[3]), ((4, 2.4), (4, 3.4)), "{line}");
        }
    }

    #[test]
    fn prose_about_an_epoch_does_not_take_the_plan() {
        let rows: String = (1..=30)
            .map(|row| format!("iter {0}/5000 loss {0}.5 lr 3e-4\n", 5 * row))
            .collect();
        for prose in ["Early stopping triggered at epoch 12\n", "Finished epoch 2\n"] {
            let read = read_all(format!("{rows}{prose}").as_bytes(), &Names::default()).unwrap();
            assert_eq!(read.decoded.total_steps, Some(5000), "{prose}");
        }
        // In the midst of the log as well.
        let content = format!("{rows}Saved best model from epoch 3\niter 155/5000 loss 2.5 lr 3e-4\n");
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.total_steps, Some(5000));
        assert_eq!(read.decoded.records.steps().last(), Some(&155));
    }

    #[test]
    fn a_bare_counter_stands_behind_the_loggers_name() {
        let row = |step: u64| {
            let said = format!("[{step:6}] | gnorm  0.31 lr  0.000250 | loss  {}.5", step / 5000);
            format!(
                "INFO:tensorflow:{said}\nI1212 15:10:27.449019 128529813321536 train_trans.py:298] {said}\n"
            )
        };
        let content: String = (1..5).map(|record| row(5000 * record)).collect();
        let records = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        assert_eq!(records.steps(), [5000, 10_000, 15_000, 20_000]);
        assert_eq!(records.value(3, Quantity::TrainLoss), Some(4.5));
    }

    #[test]
    fn a_scripts_own_lines() {
        let content = "2026-11-23 22:35:33,545 - INFO - train.fam-wsd - step 0/4000 | loss 4.8594 | lr 1.500e-05 | grad_norm 1.263 | attn_max 3.65 | logz 4.860 | 389 tok/s\n\
            2026-11-23 22:35:33,690 - INFO - train.fam-wsd - step 10/4000 | loss 4.7298 | lr 1.650e-04 | grad_norm 1.429 | attn_max 3.79 | logz 4.853 | 72,844 tok/s\n\
            2026-11-23 22:35:34,666 - INFO - train.fam-wsd - eval | step 10 | val_loss 4.30923 | val_ppl 3.703\n\
            2026-11-23 22:35:35,690 - INFO - train.fam-wsd - step 20/4000 | loss 4.4298 | lr 1.650e-04 | grad_norm 1.429\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!((read.format, read.decoded.total_steps), ("key-value", Some(4000)));
        let records = &read.decoded.records;
        assert_eq!(records.steps(), [0, 10, 10, 20]);
        assert_eq!(records.value(1, Quantity::TrainLoss), Some(4.7298));
        assert_eq!(records.value(1, Quantity::LogPartition), Some(4.853));
        assert_eq!(records.value(2, Quantity::EvalLoss), Some(4.30923));
        let elapsed =
            records.value(3, Quantity::Elapsed).unwrap() - records.value(0, Quantity::Elapsed).unwrap();
        assert!((elapsed - 2.145).abs() < 1e-6);
    }

    #[test]
    fn the_global_counter_beats_the_local_one() {
        let content = (1..5)
            .map(|step| format!("[2026-03-17 19:18:02][Epoch 001][Step 0050/1200] global_step={} train_loss=9.4 train_ppl=13200.12 lr=0.000036\n", step * 50))
            .collect::<String>();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [50, 100, 150, 200]);
        assert_eq!(read.decoded.total_steps, None);
    }

    #[test]
    fn signs_before_a_name_or_a_number_are_none_of_it() {
        let content = "[NEW BEST] Epoch #0: train_loss=6.9, val_loss=7.5\nEpoch #1: train_loss=6.2, val_loss=6.5\nEpoch #2: train_loss=5.2, val_loss=6.6\n\
            Loaded best model from epoch 1 (val_loss=6.5)\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [0, 1, 2]);
        let content = "Ep 1 (Iter 000000): Train loss 10.9, Val loss 11\nEp 1 (Iter 000005): Train loss 9.1, Val loss 9.4\nEp 2 (Iter 000010): Train loss 7.9, Val loss 8.0\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [0, 5, 10]);
    }

    #[test]
    fn a_word_for_data_holds_up_to_the_next() {
        let lines = |line: &str| -> String {
            (1..5)
                .map(|epoch| {
                    let line = line.replace("EE", &epoch.to_string());
                    line.replace("TT", &format!("0.4{epoch}"))
                        .replace("VV", &format!("0.6{epoch}"))
                        + "\n"
                })
                .collect()
        };
        for line in [
            "Epoch EE/40 | Train: Loss TT | Val: Loss VV",
            "Epoch EE - training: loss=TT - validation: loss=VV",
            "Epoch EE train - loss: TT valid - loss: VV",
            "Epoch EE | TRAIN | loss TT | VAL | loss VV",
            "Epoch EE: train[loss=TT acc=0.287] val[loss=VV acc=0.303]",
            "Epoch EE [Train] loss: TT - acc: 0.2542 | [Valid] loss: VV - acc: 0.3045",
            "Epoch EE: Train CE TT, Val CE VV",
            "Epoch EE: train acc: 0.8 loss: TT, val acc: 0.7 loss: VV",
            "Epoch EE: Val: loss VV | Train: loss TT",
        ] {
            let (_, train, eval) = points(&lines(line));
            assert_eq!((train.len(), train[3], eval.len()), (4, (4, 0.44), 4), "{line}");
            assert_eq!(eval[3], (4, 0.64), "{line}");
        }
        for line in [
            "Epoch EE: train acc: 0.8, val acc: 0.7, loss: TT",
            "Epoch EE: train: 0.8, val: 0.7, loss: TT",
        ] {
            let (_, train, eval) = points(&lines(line));
            assert_eq!((train[3], eval), ((4, 0.44), vec![]), "{line}");
        }
    }

    #[test]
    fn a_heading_says_what_the_lines_below_it_are_about() {
        let lines = |epoch: &str| -> String {
            (1..5)
                .map(|at| {
                    let lines = epoch.replace("EE", &at.to_string());
                    lines
                        .replace("TT", &format!("0.4{at}"))
                        .replace("VV", &format!("0.6{at}"))
                        + "\n"
                })
                .collect()
        };
        for epoch in [
            "Epoch EE/40\nTrain:\n  Loss: TT\n  Acc: 0.9\nVal:\n  Loss: VV",
            "Epoch EE/40\nTraining...\n loss: TT\nValidating...\n loss: VV",
            "Epoch EE/40\nTRAIN\nLoss: TT\nVALID\nLoss: VV",
            "Epoch EE [train]\nLoss: TT\nEpoch EE [val]\nLoss: VV",
            "Epoch EE - train\n loss: TT\nEpoch EE - val\n loss: VV",
            " Training : \n  [epoch EE/40]--> Accuracy: 25.1%, --> Avg loss: TT\n Validation : \n  [epoch EE/40]--> Accuracy: 28.5%, --> Avg loss: VV",
            "Epoch EE loss TT\nTest Error:\n Accuracy: 63%, Avg loss: VV",
        ] {
            let (_, train, eval) = points(&lines(epoch));
            assert_eq!((train.len(), train[3], eval.len()), (4, (4, 0.44), 4), "{epoch}");
            assert_eq!(eval[3], (4, 0.64), "{epoch}");
        }
        // What goes on behind an evaluation is the training, and a message is no heading of its own.
        for epoch in [
            "Validating...\nEpoch EE loss TT\nEvaluating...",
            "Training...\nEvaluating...\nEpoch EE: loss TT, accuracy 0.8",
        ] {
            let (_, train, eval) = points(&lines(epoch));
            assert_eq!((train.len(), train[3], eval), (4, (4, 0.44), vec![]), "{epoch}");
        }
    }

    #[test]
    fn the_parts_of_a_name_name_those_of_its_value() {
        let lines = |line: &str| -> String {
            (1..5)
                .map(|at| {
                    let line = line.replace("EE", &at.to_string());
                    line.replace("TT", &format!("0.4{at}"))
                        .replace("VV", &format!("0.6{at}"))
                        + "\n"
                })
                .collect()
        };
        for line in [
            "Epoch EE train/val loss: TT/VV",
            "Epoch EE: 12.302 [sec]\tMean train/val loss: TT/VV\tTrain/val acc: 27.34 %/28.24 %",
            "EPOCH EE\nTrain loss / Val loss : TT / VV",
            "Epoch EE loss (train/val): TT / VV",
            "Epoch EE train acc/loss: 0.2417/TT val acc/loss: 0.2948/VV",
            "Epoch EE | train loss/acc = TT/0.263, valid loss/acc = VV/0.296",
            "Epoch EE of 40 generator train/val loss: TT/VV spatial discriminator train/val loss: 1.5e+00/1.6e+00",
        ] {
            let (_, train, eval) = points(&lines(line));
            assert_eq!((train.len(), train[3], eval.len()), (4, (4, 0.44), 4), "{line}");
            assert_eq!(eval[3], (4, 0.64), "{line}");
        }
    }

    #[test]
    fn the_counter_may_stand_inside() {
        let content = "2025-01-14 12:57:48.009 | INFO     | __main__:main:508 - Eval loss at step 1000: 4.184157371520996,tokens_seen: 99962688\nEval loss at step 2000: 3.7,tokens_seen: 199921040\nEval loss at step 3000: 3.5,tokens_seen: 299932842\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [1000, 2000, 3000]);
        assert_eq!(
            read.decoded.records.value(0, Quantity::EvalLoss),
            Some(4.184157371520996)
        );
        assert_eq!(
            read.decoded.records.value(0, Quantity::Tokens),
            Some(99_962_688.0)
        );
    }

    type Points = Vec<(u64, f64)>;

    fn points(content: &str) -> (Option<u64>, Points, Points) {
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.format, "key-value", "{content}");
        let of = |quantity| -> Vec<(u64, f64)> { read.decoded.records.points(quantity).collect() };
        (
            read.decoded.total_steps,
            of(Quantity::TrainLoss),
            of(Quantity::EvalLoss),
        )
    }

    #[test]
    fn every_metric_of_gluonts_is_called_one_of_an_evaluation() {
        let epoch = |epoch: u64| {
            format!(
                "INFO:root:Epoch[{epoch}] Learning rate is 0.00{}\n\
                 INFO:root:Number of parameters in DeepARTrainingNetwork: 26844\n\
                 INFO:root:Epoch[{epoch}] Elapsed time 2.440 seconds\n\
                 INFO:root:Epoch[{epoch}] Evaluation metric 'epoch_loss'=5.{epoch}\n\
                 INFO:root:Epoch[{epoch}] Evaluation metric 'validation_epoch_loss'=6.{epoch}\n",
                4 - epoch
            )
        };
        let content: String = (0..4).map(epoch).collect();
        let content = content + "INFO:root:Final loss: 5.0 (occurred at epoch 0)\n";
        let (_, train, eval) = points(&content);
        assert_eq!(train, [(0, 5.0), (1, 5.1), (2, 5.2), (3, 5.3)]);
        assert_eq!(eval, [(0, 6.0), (1, 6.1), (2, 6.2), (3, 6.3)]);
        let records = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        let rates = records.points(Quantity::LearningRate);
        assert!(rates.eq([(0, 0.004), (1, 0.003), (2, 0.002), (3, 0.001)]));
    }

    #[test]
    fn the_number_of_a_phase_is_its_epoch() {
        let content: String = (0..4)
            .map(|epoch| {
                format!(
                    "Train {epoch}, loss: 2.{epoch}, train acc: 0.5\nTest {epoch}, loss: 3.{epoch}, test acc: 0.25\n"
                )
            })
            .collect();
        let (_, train, eval) = points(&content);
        assert_eq!(train, [(0, 2.0), (1, 2.1), (2, 2.2), (3, 2.3)]);
        assert_eq!(eval, [(0, 3.0), (1, 3.1), (2, 3.2), (3, 3.3)]);
        let records = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        assert!(
            records
                .rows()
                .all(|row| row.value(Quantity::Epoch) == Some(row.step() as f64))
        );
    }

    #[test]
    fn headings_between_rules_tell_what_was_not_trained_on() {
        let line = |epoch: u64, loss: f64| {
            format!(
                "A--------->B\nEPOCH:: {epoch}, Loss: {loss}, Cycle Loss:, 0.000000, MSE: 0.237475, rot_MSE: 90.06\n"
            )
        };
        let content: String = (0..4)
            .map(|epoch| {
                let (train, test) = (1.0 / (epoch + 1) as f64, 2.0 / (epoch + 1) as f64);
                let lines = [train, test, 0.25].map(|loss| line(epoch, loss));
                format!(
                    "==TRAIN==\n{}==TEST==\n{}==BEST TEST==\n{}",
                    lines[0], lines[1], lines[2]
                )
            })
            .collect();
        let (_, train, eval) = points(&format!("{content}==FINAL TEST==\n{}", line(9, 0.5)));
        assert_eq!(train, [(0, 1.0), (1, 0.5), (2, 1.0 / 3.0), (3, 0.25)]);
        assert_eq!(eval, [(0, 2.0), (1, 1.0), (2, 2.0 / 3.0), (3, 0.5)]);
        // Where none is of training, what follows may be.
        let content: String = (0..4)
            .map(|epoch| {
                format!("Epoch {epoch}, Loss: 0.{epoch}5\n== Validation ==\nEpoch {epoch}, val_loss: 0.5\n")
            })
            .collect();
        let (_, train, _) = points(&content);
        assert_eq!(train, [(0, 0.05), (1, 0.15), (2, 0.25), (3, 0.35)]);
    }

    #[test]
    fn a_training_goes_on_below_other_headings_where_its_own_does_not_return() {
        let losses = |heading: &str, told: &str| -> (usize, usize) {
            let epoch = |epoch: u64| {
                let loss = 0.5 + 1.0 / epoch as f64;
                let lines = format!("Epoch {epoch} loss: {loss}\n");
                let is_last = epoch.is_multiple_of(3);
                lines
                    + &if is_last {
                        told.replace("VV", &loss.to_string())
                    } else {
                        String::new()
                    }
            };
            let content: String = heading.to_owned() + &(1..=15).map(epoch).collect::<String>();
            // A training that was begun twice has a second heading.
            let (once, twice) = (points(&content), points(&(content.clone() + &content)));
            assert_eq!(
                (twice.1.len(), twice.2.len()),
                (2 * once.1.len(), 2 * once.2.len()),
                "{told}"
            );
            (once.1.len(), once.2.len())
        };
        for (told, evaluations) in [
            ("===== Best val loss: VV =====\n", 0),
            ("===== New best val_loss =====\n", 0),
            ("=== Val loss: VV ===\n", 5),
            ("=== Validation ===\nval loss: VV acc: 0.5\n", 5),
        ] {
            assert_eq!(losses("=== Training ===\n", told), (15, evaluations), "{told}");
        }
        let content: String = (1..9)
            .map(|epoch| format!("Epoch {epoch} loss: 2.{epoch}\n"))
            .collect();
        let content =
            format!("=== Training ===\n{content}").replace("2.3\n", "2.3\n== New best val_loss ==\n");
        assert_eq!(points(&content).1.len(), 8);
    }

    #[test]
    fn an_evaluation_stands_at_the_step_at_which_it_was_announced() {
        let evaluation = |count: u64| {
            format!(
                "[02.20.20 10:0{count}:01] Evaluating at step {count}0000...\n\
                 [02.20.20 10:0{count}:31] Saved checkpoint: ./save/step_{count}0000.pth.tar\n\
                 [02.20.20 10:0{count}:31] New best checkpoint at step {count}0000...\n\
                 [02.20.20 10:0{count}:31] Dev NLL: 0{}.50, F1: 61.00, EM: 57.00\n",
                8 - count
            )
        };
        let epochs = [(1, [1, 2]), (2, [3, 4])].map(|(epoch, counts)| {
            let evaluations: String = counts.map(evaluation).concat();
            format!("[02.20.20 10:00:02] Starting epoch {epoch}...\n{evaluations}")
        });
        let (_, train, eval) = points(&epochs.concat());
        assert_eq!(train, []);
        assert_eq!(eval, [(10_000, 7.5), (20_000, 6.5), (30_000, 5.5), (40_000, 4.5)]);
        // Within an epoch it is none of the run.
        for lines in [
            "Epoch NN | train_loss: 2.NN\nEvaluating at iter 500\nval_loss: 3.NN\n",
            "Epoch NN\ntrain_loss: 2.NN\nEvaluating at epoch NN iter 100\nval_loss: 3.NN\n",
        ] {
            let content: String = (1..9)
                .map(|epoch| lines.replace("NN", &epoch.to_string()))
                .collect();
            let (_, train, eval) = points(&content);
            assert_eq!((train.len(), train[7]), (8, (8, 2.8)), "{lines}");
            assert_eq!((eval.len(), eval[7]), (8, (8, 3.8)), "{lines}");
        }
    }

    #[test]
    fn a_pair_for_train_and_held_out_data_is_of_losses() {
        let lines = |line: &str| -> String {
            (1..5)
                .map(|row| {
                    line.replace("SS", &format!("{row}00"))
                        .replace("LL", &format!("{}.5", 9 - row))
                        + "\n"
                })
                .collect()
        };
        for (line, total) in [
            (
                "[  SS/5000]   6.7%   train=LL   val=LL1   elapsed=17s   ETA=405s  best!",
                Some(5000),
            ),
            ("step SS |   train=LL   val=LL1   elapsed=17s", None),
            ("step SS: train LL val LL1", None),
            ("step SS: train LL, test LL1", None),
        ] {
            let (stated, train, eval) = points(&lines(line));
            assert_eq!((stated, train.len(), eval.len()), (total, 4, 4), "{line}");
            assert_eq!(
                (train.last(), eval.last()),
                (Some(&(400, 5.5)), Some(&(400, 5.51))),
                "{line}"
            );
        }
        for line in [
            "step SS: train 5000 val 200",
            "step SS: train LL% val LL%",
            "step SS: train LLs val LLs",
            "step SS: train LL val LL (accuracy)",
        ] {
            assert!(
                read_all(lines(line).as_bytes(), &Names::default()).is_err(),
                "{line}"
            );
        }
    }

    #[test]
    fn a_counter_of_the_run_is_no_batch_of_an_epoch() {
        let rows = |form: &str, from: u64, to: u64| -> String {
            (from..=to)
                .map(|step| form.replace("SS", &step.to_string()) + "\n")
                .collect()
        };
        let check = |content: &str, total| {
            let (stated, train, _) = points(content);
            let steps = train.iter().map(|(step, _)| *step);
            assert!(steps.eq(1..=7), "{content}{train:?}");
            assert_eq!(stated, total, "{content}");
        };
        for form in [
            "step SS/9 | loss: 5.SS",
            "Step [SS/9] | loss: 5.SS",
            "Iteration SS/9, Loss: 5.SS",
        ] {
            check(&format!("Steps per epoch: 3\n{}", rows(form, 1, 7)), Some(9));
        }
        // An evaluation that states both.
        let form = "E00 step SS/9000 | loss: 5.SS";
        let evaluation = "Epoch   1 | Step    4 | Val loss: 7.6 (best)\n";
        let content = format!(
            "Epochs: 3000\n{}{evaluation}{}",
            rows(form, 1, 4),
            rows(form, 5, 7)
        );
        check(&content, Some(9000));
        // Below the epochs, of which the second has not come yet.
        let plan = "Epochs: 30\nSteps per epoch: 300\n";
        check(&format!("{plan}Epoch 1\n{}", rows(form, 1, 7)), Some(9000));
    }

    #[test]
    fn epochs_are_steps_where_nothing_finer_is_counted() {
        let lines = |line: &str| -> String {
            (1..5)
                .map(|epoch| line.replace("EE", &epoch.to_string()) + "\n")
                .collect()
        };
        for (line, total, train, eval) in [
            ("Epoch EE/40, Loss: 0.EE, Val Loss: 1.EE", Some(40), 4, 4),
            ("Epoch: EE| train loss: 0.EE", None, 4, 0),
            ("  [FT] ep=EE: loss=0.EE acc=94.1%", None, 4, 0),
            (
                "Epoch 00EE |             Train Loss: 0.EE | Token Acc: 0.04 |             Val Loss: 1.EE",
                None,
                4,
                4,
            ),
            ("Epoch [EE/40] - loss=0.EE - lr=1e-3", Some(40), 4, 0),
            (
                "Epoch EE/40\n----------\ntrain Loss: 0.EE Acc: 0.5\nval Loss: 1.EE Acc: 0.6\n",
                Some(40),
                4,
                4,
            ),
            (
                "[ Train | 00EE/040 ] loss = 0.EE, acc = 0.2\n[ Valid | 00EE/040 ] loss = 1.EE, acc = 0.3",
                Some(40),
                4,
                4,
            ),
            (
                "Train EE, loss: 0.EE, train acc: 0.4\nTest EE, loss: 1.EE, test acc: 0.2",
                None,
                4,
                4,
            ),
        ] {
            let (stated, one, other) = points(&lines(line));
            assert_eq!((stated, one.len(), other.len()), (total, train, eval), "{line}");
            assert_eq!(one.last(), Some(&(4, 0.4)), "{line}");
            assert!(other.is_empty() || other.last() == Some(&(4, 1.4)), "{line}");
        }
    }

    #[test]
    fn batches_count_on_over_epochs_and_a_whole_epoch_adds_its_evaluation() {
        let mut content = String::new();
        for epoch in 1..4 {
            for step in [100, 200] {
                content += &format!(
                    "2024-01-05 17:11:51,638 reid_baseline.train INFO: Epoch[{epoch}] Iteration[{step}/200] Loss: {epoch}.{step}, Acc: 0.012, Base Lr: 3.82e-05\n"
                );
            }
            content += &format!("Epoch {epoch} done. Train Loss: {epoch}.5, Val Loss: {epoch}.25\n");
        }
        let (total, train, eval) = points(&content);
        assert_eq!(total, None);
        assert_eq!(
            train,
            [
                (100, 1.1),
                (200, 1.2),
                (300, 2.1),
                (400, 2.2),
                (500, 3.1),
                (600, 3.2)
            ]
        );
        assert_eq!(eval, [(200, 1.25), (400, 2.25), (600, 3.25)]);
        let (_, train, eval) = points(
            "epoch 1 - iter 0/4 - loss 1.2 - samples/sec: 129\nepoch 1 - iter 3/4 - loss 1.1 - samples/sec: 129\n\
             EPOCH 1 done: loss 1.15 - lr 0.1000\nDEV : loss 0.69 - score 0.71\n\
             epoch 2 - iter 0/4 - loss 1.0 - samples/sec: 129\nepoch 2 - iter 3/4 - loss 0.9\n",
        );
        assert_eq!(train, [(0, 1.2), (3, 1.1), (4, 1.0), (7, 0.9)]);
        assert_eq!(eval, [(3, 0.69)]);
    }

    #[test]
    fn the_line_above_says_what_the_loss_of_an_epoch_is_of() {
        for (train, test) in [
            ("mean_loss: 1.EE44985961914062", "mean_loss: 2.EE2718235651652"),
            (
                "Mean training loss: 1.EE44.",
                "Mean test loss of 796 batches: 2.EE27182.\n\tTop1: 50.00%",
            ),
        ] {
            let content: String = (1..5)
                .map(|epoch| {
                    let lines = format!(
                        "[03.24.23|09:56:11] Training epoch: EE\n[03.24.23|09:56:31] \t{train}\n[03.24.23|09:56:31] Time consumption:\n\
                        [03.24.23|09:57:51] Eval epoch: EE\n[03.24.23|09:58:13] \t{test}\n[03.24.23|09:58:13] \tTop5: 99.00%\n"
                    );
                    lines.replace("EE", &epoch.to_string())
                })
                .collect();
            let (_, train, eval) = points(&content);
            let rounded = |points: &[(u64, f64)]| -> Vec<(u64, f64)> {
                let two = |value: f64| (value * 10.0).trunc() / 10.0;
                points.iter().map(|(step, value)| (*step, two(*value))).collect()
            };
            assert_eq!(rounded(&train), [(1, 1.1), (2, 1.2), (3, 1.3), (4, 1.4)]);
            assert_eq!(rounded(&eval), [(1, 2.1), (2, 2.2), (3, 2.3), (4, 2.4)]);
        }
    }

    #[test]
    fn times_have_units() {
        for (time, seconds) in [
            ("564000ms", Some(564.0)),
            ("564s", Some(564.0)),
            ("9.5m", Some(570.0)),
            ("2h", Some(7200.0)),
            ("1h 30m", None),
            ("3fortnights", None),
        ] {
            let content: String = (1..5)
                .map(|step| format!("{step}000/20000 train_loss: 2.85 train_time: {time} tok/s: 6967320\n"))
                .collect();
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            let elapsed = read.decoded.records.value(3, Quantity::Elapsed);
            assert_eq!(elapsed, seconds, "{time}");
        }
    }

    #[test]
    fn batches_of_an_evaluation_are_no_steps() {
        let mut whole = String::new();
        let mut announced = String::new();
        for epoch in 1..4 {
            announced += &format!("Epoch {epoch}/3\n");
            for batch in [50, 100] {
                whole += &format!("Epoch [{epoch}/3] Step [{batch}/100] Loss: {epoch}.{batch}\n");
                announced += &format!("step {batch}/100 - loss: {epoch}.{batch} - 12ms/step\n");
            }
            announced += "Eval begin...\n";
            for batch in [10, 40] {
                whole += &format!("Val Epoch [{epoch}/3] Step [{batch}/40] Val Loss: 9.{batch}\n");
                announced += &format!("step {batch}/40 - loss: 9.{batch} - 5ms/step\n");
            }
            whole += &format!("Epoch {epoch}: Val Loss: {epoch}.75\n");
            announced += "Eval samples: 640\n";
        }
        let steps = |points: &Points| points.iter().map(|(step, _)| *step).collect::<Vec<_>>();
        let (_, train, eval) = points(&whole);
        assert_eq!(steps(&train), [50, 100, 150, 200, 250, 300]);
        assert_eq!(eval, [(100, 1.75), (200, 2.75), (300, 3.75)]);
        let (total, train, eval) = points(&announced);
        assert_eq!(
            (total, steps(&train)),
            (Some(300), vec![50, 100, 150, 200, 250, 300])
        );
        // That of the last batch.
        assert_eq!(eval, [(100, 9.4), (200, 9.4), (300, 9.4)]);
    }

    #[test]
    fn a_full_counter_that_starts_again_goes_on() {
        let mut content = String::new();
        for epoch in 0..3 {
            for batch in 1..4 {
                content += &format!("batch {batch}/3 loss: {epoch}.{batch} Batch: 2.7s\n");
            }
            content += &format!("Epoch {epoch}, Val Loss: {epoch}.75\n");
        }
        let (_, train, _) = points(&content);
        assert_eq!((train.len(), train.last()), (9, Some(&(9, 2.3))));
    }

    #[test]
    fn a_full_counter_of_the_run_that_starts_again_is_another_training() {
        // Layouts read some of the lines, or none since each has a word of its own.
        for word in ["", "WORD"] {
            let training: String = (1..=10)
                .map(|step| {
                    let own = word.repeat(step);
                    format!("step {step}0/100 loss: {step}.5 {own}\n")
                })
                .collect();
            let (total, train, _) = points(&training.repeat(2));
            let steps: Vec<u64> = train.iter().map(|(step, _)| *step).collect();
            assert_eq!(total, Some(100));
            assert_eq!(steps, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100].repeat(2));
        }
    }

    #[test]
    fn the_options_of_an_optimizer_are_no_records() {
        let mut content = "PolyWarmupAdamW (\n".to_owned();
        for (group, rate) in ["6e-05", "0.0", "0.0006000000000000001", "0.0006000000000000001"]
            .iter()
            .enumerate()
        {
            content += &format!(
                "Parameter Group {group}\n    amsgrad: False\n    eps: 1e-08\n    lr: {rate}\n    weight_decay: 0.01\n\n"
            );
        }
        content += ")\n";
        for step in 1..9 {
            content += &format!(
                "2021-10-29 10:03:13,704 - train.py - INFO: Iter: {step}00; Elasped: 0:04:32; LR: {step}.0e-06; cls_loss: 0.{step}607\n"
            );
        }
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        assert_eq!(records.len(), 8);
        assert_eq!(records.value(0, Quantity::LearningRate), Some(1e-6));
    }

    #[test]
    fn the_sum_over_an_epoch_is_no_point_of_the_loss_of_iterations() {
        let mut content = String::new();
        for step in 0..40 {
            content += &format!("DLL - Iteration {step} | train_acc : 0.42 % | train_loss : 2.{step:02}\n");
        }
        content +=
            "DLL - train epoch 000 | train_acc : 0.69 % | train_time : 0:04:15 | train_loss : 2268.8\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!((read.format, read.decoded.records.len()), ("key-value", 40));
        assert_eq!(read.decoded.records.steps().last(), Some(&39));
    }

    #[test]
    fn a_counter_behind_the_epoch_needs_no_name() {
        for line in [
            "Epoch EE[BB/300]: loss:0.71410, lr:0.001",
            "Epoch: [EE/9], (BB/300) loss 0.71410",
        ] {
            let lines = (1..4).flat_map(|epoch| [100, 200].map(|batch| (epoch, batch)));
            let content: String = lines
                .map(|(epoch, batch)| {
                    line.replace("EE", &format!("{epoch}"))
                        .replace("BB", &format!("{batch}"))
                        + "\n"
                })
                .collect();
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!(
                read.decoded.records.steps(),
                [100, 200, 400, 500, 700, 800],
                "{line}"
            );
        }
    }

    #[test]
    fn batches_that_nobody_counts_are_counted() {
        let mut content = String::new();
        for epoch in 1..4 {
            for batch in 10..40 {
                content += &format!(
                    "2025-03-02 05:16:20,962 - INFO - Epoch {epoch} - Batch loss: {epoch}.{batch}\n"
                );
            }
            content += &format!("2025-03-02 05:17:20,962 - INFO - Epoch {epoch} - Average Train Loss: 9.5\n");
            content +=
                &format!("2025-03-02 05:18:20,962 - INFO - Epoch {epoch} - Validation loss: {epoch}.5\n");
        }
        let (_, train, eval) = points(&content);
        assert_eq!((train.len(), train.last()), (90, Some(&(90, 3.39))));
        assert_eq!(eval, [(30, 1.5), (60, 2.5), (90, 3.5)]);
    }

    #[test]
    fn batches_count_on_over_epochs_that_are_told_behind_them() {
        let read = |epochs: u64, batches: &[u64], counter: &str, end: &str| {
            let mut content = String::new();
            for epoch in 1..=epochs {
                for batch in batches {
                    content += &format!("{counter} {batch}/150, loss=3.{epoch}{batch}\n");
                }
                content += &(end.replace("EE", &epoch.to_string()) + "\n");
            }
            let decoded = read_all(content.as_bytes(), &Names::default()).unwrap().decoded;
            let mut steps: Vec<u64> = decoded.records.steps().to_vec();
            steps.dedup();
            (steps, decoded.total_steps)
        };
        let end = "Epoch [EE/30], Train Loss: 3.EE, Val Loss: 3.1";
        let steps = vec![50, 150, 200, 300, 350, 450];
        assert_eq!(read(3, &[50, 150], "Batch", end), (steps, Some(4500)));
        // The counter never shows that it is full, or does not even fall.
        let end = "Epoch EE completed in 32.1s";
        let steps = vec![0, 100, 150, 250, 300, 400];
        assert_eq!(read(3, &[0, 100], "Batch", end), (steps, None));
        let end = "Epoch EE: loss=3.7238, acc=0.1231, lr=0.10000\n  Best so far: epoch 1, acc 37.68%";
        assert_eq!(read(4, &[100], "  step", end), (vec![100, 250, 400, 550], None));
        // Layouts have read all but the first batch.
        let round = |batches: &[u64]| -> String {
            let lines = batches
                .iter()
                .map(|batch| format!("step {batch}/100 loss: 3.{batch}\n"));
            lines.collect::<String>() + "Epoch 1 completed in 32.1s\n"
        };
        let (_, train, _) = points(&(round(&[1, 50, 100]) + &round(&[50, 100])));
        let steps: Vec<u64> = train.iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, [1, 50, 100, 150, 200]);
        // A batch is none of the run, though nothing tells yet of an epoch.
        let (steps, total) = read(1, &[50, 100, 150], "Batch", "");
        assert_eq!((steps, total), (vec![50, 100, 150], None));
        // What goes on over epochs counts the run.
        let iterations: String = (1..9)
            .map(|iteration| format!("iter {iteration}/50 loss 3.{iteration}\nEpoch {iteration} took 3 s\n"))
            .collect();
        let decoded = read_all(iterations.as_bytes(), &Names::default())
            .unwrap()
            .decoded;
        assert_eq!((decoded.total_steps, decoded.records.len()), (Some(50), 8));
        assert!(decoded.records.steps().iter().copied().eq(1..9));
    }

    #[test]
    fn a_line_without_the_number_of_epochs_is_no_heading_below_one_with_it() {
        let content: String = (1..=5)
            .map(|epoch| {
                format!(
                    "Epoch {epoch}/5\nEpoch 0000{}: val_acc did not improve\n294s - loss: 2.{epoch} - val_loss: 2.2\n",
                    epoch - 1
                )
            })
            .collect();
        let (total, train, _) = points(&content);
        assert_eq!((total, train.len(), train.last()), (Some(5), 5, Some(&(5, 2.5))));
    }

    #[test]
    fn logs_may_be_in_other_languages() {
        let read = |lines: &str| {
            let content: String = (11..15)
                .map(|at| lines.replace("NN", &at.to_string()) + "\n")
                .collect();
            points(&content)
        };
        for (lines, total, evaluated) in [
            ("第 NN/40 轮, 损失: 2.NN, 验证损失: 4.NN", Some(40), true),
            ("第NN轮, 平均损失：2.NN", None, false),
            (
                "迭代次数：NN/5000，当前损失：2.NN，迭代速度：1.234 秒/十次，约需要12.345秒",
                Some(5000),
                false,
            ),
            (
                "[EPOCH NN] 平均总损失：2.NN | 扩散损失：1.79 | ID损失：0.006",
                None,
                false,
            ),
            ("Epoch NN/40 - 訓練損失: 2.NN - 驗證損失: 4.NN", Some(40), true),
            ("Época [NN/40], Pérdida: 2.NN", Some(40), false),
            (
                "Época NN/40\nEntrenamiento - Pérdida: 2.NN, Precisión: 0.2\nValidación - Pérdida: 4.NN, Precisión: 0.2",
                Some(40),
                true,
            ),
            (
                "Époque NN/40 - Perte entraînement : 2.NN - Perte validation : 4.NN",
                Some(40),
                true,
            ),
            (
                "Epoche NN: Trainingsverlust = 2.NN, Validierungsverlust = 4.NN",
                None,
                true,
            ),
            (
                "**Época NN/40**\nPerda de Treino: 2.NN | Acurácia de Treino: 0.2\nPerda de Validação: 4.NN | Acurácia de Validação: 0.2",
                Some(40),
                true,
            ),
            (
                "Epoca NN/40 - Perdita: 2.NN - Perdita di validazione: 4.NN",
                Some(40),
                true,
            ),
            (
                "Эпоха NN/40\nПотери на обучении: 2.NN\nПотери на валидации: 4.NN",
                Some(40),
                true,
            ),
            ("エポック:  NN/40, 損失: 2.NN, 検証損失: 4.NN", Some(40), true),
            (
                "에포크 NN/40\n훈련 손실: 2.NN, 훈련 정확도: 0.2\n검증 손실: 4.NN, 검증 정확도: 0.2",
                Some(40),
                true,
            ),
            ("Epok NN/40 - Kayıp: 2.NN - Doğrulama Kaybı: 4.NN", Some(40), true),
        ] {
            let (stated, train, eval) = read(lines);
            assert_eq!(
                (stated, train.len(), train.last()),
                (total, 4, Some(&(14, 2.14))),
                "{lines}"
            );
            assert_eq!(eval.last().copied(), evaluated.then_some((14, 4.14)), "{lines}");
        }
    }

    #[test]
    fn bars_tell_how_many_epochs_there_are_and_the_rate() {
        let epoch = |epoch: u64| {
            format!(
                "Epoch {epoch}/5:  70%|###  | 350/500 [00:35<00:15, 10.11it/s, loss=0.7, lr=0.00{epoch}]\nEpoch {epoch}: train loss 2.{epoch} val loss 3.{epoch}\n"
            )
        };
        let content: String = (1..5).map(epoch).collect();
        let (total, train, eval) = points(&content);
        assert_eq!((total, train[3], eval[3]), (Some(5), (4, 2.4), (4, 3.4)));
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        let rates = records.values(Quantity::LearningRate, 0..records.len()).1;
        assert_eq!(rates[..], [1e-3, 2e-3, 3e-3, 4e-3]);
    }

    #[test]
    fn totals_may_be_told_in_words() {
        for line in [
            "Epoch NN of 40 | train loss 2.NN | val loss 3.NN",
            "Epoch NN from 40: loss 2.NN",
            "Epoch: [NN | 40] loss 2.NN",
            "Epoch (NN/40): train loss 2.NN",
            "Эпоха NN из 40, loss: 2.NN",
            "[0:09:NN<0:07:00] NN/40  58.0% loss=2.NN",
        ] {
            let content: String = (11..15)
                .map(|at| line.replace("NN", &at.to_string()) + "\n")
                .collect();
            let (total, train, _) = points(&content);
            assert_eq!((total, train.last()), (Some(40), Some(&(14, 2.14))), "{line}");
        }
        let (_, train, _) = points(
            &(11..15)
                .map(|at| format!("itr {at} loss 2.{at}\n"))
                .collect::<String>(),
        );
        assert_eq!(train.last(), Some(&(14, 2.14)));
    }

    #[test]
    fn schedulers_of_pytorch_tell_the_rate_of_the_next_epoch() {
        let epoch = |epoch: u64| {
            format!(
                "Epoch {epoch}/40 train loss 2.{epoch} val loss 3.{epoch}\nAdjusting learning rate of group 0 to {epoch}.0000e-03.\n"
            )
        };
        let content: String = (1..6).map(epoch).collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let records = &read.decoded.records;
        let rates = records.values(Quantity::LearningRate, 0..records.len()).1;
        assert_eq!(rates[..], [1e-3, 2e-3, 3e-3, 4e-3]);
    }

    #[test]
    fn the_size_of_a_batch_is_no_counter() {
        let line =
            |step| format!("[{step:06}/50000] X4K    | loss 0.0488 | VRAM 9.8/15.9GB (62%) | batch 16\n");
        let content: String = [0, 500, 1000, 1500].map(line).concat();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [0, 500, 1000, 1500]);
        assert_eq!(read.decoded.total_steps, Some(50_000));
    }

    #[test]
    fn a_counter_that_begins_the_line_needs_no_name() {
        for line in [
            "NN/20000 train_loss: 2.NN train_time: 0.8m tok/s: 8216992\nNN/20000 val_loss: 2.NN val_bpb: 1.1101",
            "[NN/20000] train loss 2.NN\n[NN/20000] val loss 2.NN",
            "1776142767.NN NN/20000 train_loss: 2.NN train_time: 0.8m\n1776142767.NN NN/20000 val_loss: 2.NN val_bpb: 1.1101",
        ] {
            let mut content: String = (10..15)
                .map(|step| line.replace("NN", &step.to_string()) + "\n")
                .collect();
            content += "diagnostic quantized val_loss:9.35058660 val_bpb:1.07405660 eval_time:63234ms\n";
            let (total, train, eval) = points(&content);
            assert_eq!((total, train.len(), eval.len()), (Some(20_000), 5, 5), "{line}");
            assert_eq!((train[0], eval[4]), ((10, 2.1), (14, 2.14)), "{line}");
        }
        let dated: String = (10..15)
            .map(|minute| format!("11/26 10:{minute}:00 loss: 2.{minute}\n"))
            .collect();
        assert!(read_all(dated.as_bytes(), &Names::default()).is_err());
        let ranked: String = (10..15).map(|at| format!("[0/8] loss: 2.{at}\n")).collect();
        assert!(read_all(ranked.as_bytes(), &Names::default()).is_err());
    }

    #[test]
    fn a_counter_that_goes_beyond_its_total_counts_on() {
        let line = |step: u64| format!("[{step:>6}/1000  ] loss=5.{step} lr=0.002000 gnorm=15.16\n");
        let content: String = (1..40).map(|at| line(at * 50)).collect();
        let (_, train, _) = points(&content);
        assert_eq!((train.len(), train.last()), (39, Some(&(1950, 5.195))));
    }

    #[test]
    fn counters_of_tutorials_stand_without_a_name() {
        let pairs: String = (0..8)
            .map(|at| format!("[{}, {:5}] loss: 2.{at}\n", at / 4 + 1, (at % 4 + 1) * 2000))
            .collect();
        let (_, train, _) = points(&pairs);
        assert_eq!((train[3], train[4]), ((8000, 2.3), (10_000, 2.4)));
        let behind: String = (0..8)
            .map(|at| {
                let heading = if at % 4 == 0 {
                    format!("Epoch {}\n-------\n", at / 4 + 1)
                } else {
                    String::new()
                };
                format!("{heading}loss: 2.{at}00000  [{:5}/60000]\n", (at % 4) * 6400)
            })
            .collect();
        let (_, train, _) = points(&behind);
        assert_eq!((train[3], train[4]), ((19_200, 2.3), (60_000, 2.4)));
        let alone: String = (0..8).map(|at| format!("[{}] loss: 2.{at}\n", at * 10)).collect();
        assert_eq!(points(&alone).1[7], (70, 2.7));
    }

    #[test]
    fn what_is_measured_by_the_step_is_no_counter() {
        for line in [
            "Step NN | Loss: 2.NN | Compression Ratio: 0.51 | Time per step: 0.310s",
            "[Step NN] | Loss: 2.NN | LR : 0.00001 | Duration for 1 Step: 3.21 sec",
            "step NN loss 2.NN Avg Step: 3.2",
            "step: NN, loss: 2.NN, tokens per step 524288",
            "step: NN | loss: 2.NN | last ckpt step: 5",
            "iter: NN | loss: 2.NN | grad step: 5",
            "Epoch... (1/10 | Step: NN | Loss: 2.NN | Learning Rate: 0.0001 | Time per step: 0.31)",
        ] {
            let content: String = (10..20)
                .map(|step| line.replace("NN", &step.to_string()) + "\n")
                .collect();
            let (_, train, _) = points(&content);
            assert_eq!((train.len(), train[9]), (10, (19, 2.19)), "{line}");
        }
        // The counter of the run goes before that within an epoch, whatever stands before its name.
        for line in [
            "Iter: KK Total step: NN loss: 2.NN",
            "Batch KK | loss 2.NN | overall step NN",
            "[batch KK] loss 2.NN cumulative step: NN",
        ] {
            let content: String = (10..40)
                .map(|step| {
                    let within = (step % 10).to_string();
                    line.replace("NN", &step.to_string()).replace("KK", &within) + "\n"
                })
                .collect();
            let (_, train, _) = points(&content);
            assert_eq!((train.len(), train[29]), (30, (39, 2.39)), "{line}");
        }
    }

    #[test]
    fn an_evaluation_of_the_training_data_is_no_loss_on_held_out_data() {
        let of = |train: &str, evaluation: &str| {
            let content: String = (1..5)
                .map(|at| {
                    let lines = format!("{train}{evaluation}");
                    lines.replace("NN", &at.to_string())
                })
                .collect();
            points(&content)
        };
        for evaluation in [
            "  eval | train_loss 4.8NN | val_loss 5.0NN\n",
            "  [eval] step NN00: train_loss=4.8NN dev_loss=5.0NN\n",
            "[Validation] Train loss: 4.8NN, Validation loss: 5.0NN\n",
            "[EVAL] epoch 1 complete - Train_loss=4.8NN | Valid_loss=5.0NN\n",
        ] {
            for train in ["step NN00 | loss 4.9NN\n", "step NN00 | train_loss 4.9NN\n"] {
                let (_, train, eval) = of(train, evaluation);
                assert_eq!((train.len(), train[3]), (4, (400, 4.94)), "{evaluation}");
                assert_eq!((eval.len(), eval[3]), (4, (400, 5.04)), "{evaluation}");
            }
        }
        // Where nothing else tells of it, it is the train loss.
        let (_, train, eval) = of("", "INFO Epoch NN [EVAL] Train_loss=1.3NN Valid_loss=1.4NN\n");
        assert_eq!((train[3], eval[3]), ((4, 1.34), (4, 1.44)));
    }

    #[test]
    fn losses_may_be_named_for_their_data_alone() {
        let lines = |line: &str| -> String {
            (1..5)
                .map(|epoch| line.replace("EE", &epoch.to_string()) + "\n")
                .collect()
        };
        let (_, train, eval) = points(&lines("Epoch 00EE: train=0.2603, val=0.EE028, ppl=1.22"));
        assert_eq!((train.len(), eval[3]), (4, (4, 0.4028)));
        for accuracies in [
            "Epoch 00EE: train=0.2603, val=0.EE028",
            "Epoch 00EE: train=EE5.26, val=1EE.28",
        ] {
            assert!(read_all(lines(accuracies).as_bytes(), &Names::default()).is_err());
        }
        // Accuracies grow, losses fall.
        let content: String = ["35.0026", "21.1222", "14.9218", "13.1448"]
            .iter()
            .zip(1..)
            .map(|(train, epoch)| {
                format!("[pretrain] epoch   {epoch}/40  train={train}  heldout={epoch}.8717  lr=1.50e-04  (best)\n")
            })
            .collect();
        let (total, train, eval) = points(&content);
        assert_eq!((total, train.len(), train[3]), (Some(40), 4, (4, 13.1448)));
        assert_eq!(eval[3], (4, 4.8717));
        // However much of a log is there, what falls by little may be accuracies.
        let of = |all: &[&str]| -> String {
            let rows = all.iter().zip(1..);
            rows.map(|(train, epoch)| format!("Epoch {epoch}: train={train}, val=0.94\n"))
                .collect()
        };
        for accuracies in [
            &["0.95", "0.94", "0.93", "0.945"][..],
            &["0.95", "0.94", "0.93"],
            &["0.95", "0.94", "0.93", "0.92", "0.80"],
            &["95.5", "94.5", "93.5", "92.5"],
        ] {
            let content = of(accuracies);
            assert!(
                read_all(content.as_bytes(), &Names::default()).is_err(),
                "{content}"
            );
        }
        let (_, train, _) = points(&of(&["0.95", "0.7", "0.5", "0.4", "0.41"]));
        assert_eq!((train.len(), train[4]), (5, (5, 0.41)));
    }

    #[test]
    fn a_loss_on_held_out_data_may_stand_beside_the_loss() {
        let lines = |line: &str| -> String {
            (1..5)
                .map(|at| {
                    line.replace("MM", &(9 - at).to_string())
                        .replace("NN", &at.to_string())
                        + "\n"
                })
                .collect()
        };
        for line in [
            "[dpo] step NN0 | loss 0.6MM | lr 5.00e-6 | acc 75.0% | val 0.5MM",
            "step NN0 | T_Loss 0.6MM | T_acc 0.111 | V_Loss 0.5MM | V_acc. 0.2",
        ] {
            let (_, train, eval) = points(&lines(line));
            assert_eq!((train.len(), train[3]), (4, (40, 0.65)), "{line}");
            assert_eq!((eval.len(), eval[3]), (4, (40, 0.55)), "{line}");
        }
        for accuracy in [
            "step NN0 | loss 0.NN | val 0.8NN",
            "step NN0 | loss 2.NN | val 2NN%",
            "step NN0 | loss 0.6MM | val 0.5NN",
        ] {
            assert_eq!(points(&lines(accuracy)).2, [], "{accuracy}");
        }
        let rises: String = (1..9)
            .map(|at| format!("step {at}0 | loss 0.6{} | val 0.5{at}\n", 9 - at))
            .collect();
        let (_, train, eval) = points(&rises);
        assert_eq!((train.len(), eval), (8, vec![]));
    }

    /// Epochs with losses that fall by a tenth each: NN counts, TT and VV are losses, AA an accuracy.
    fn falling(line: &str) -> String {
        (1..7_i32)
            .map(|at| {
                let train = 2.0 * 0.9_f64.powi(at);
                line.replace("MM", &(9 - at).to_string())
                    .replace("NN", &at.to_string())
                    .replace("TT", &format!("{train:.4}"))
                    .replace("VV", &format!("{:.4}", train + 0.1))
                    .replace("AA", &format!("{:.4}", 1.0 - 0.4 * train))
                    + "\n"
            })
            .collect()
    }

    /// How many losses a log tells, and the last of each: of training, and of held-out data.
    fn last_of(line: &str) -> [(usize, Option<(u64, f64)>); 2] {
        let (_, train, eval) = points(&falling(line));
        [train, eval].map(|all| (all.len(), all.last().copied()))
    }

    const BOTH: [(usize, Option<(u64, f64)>); 2] = [(6, Some((6, 1.0629))), (6, Some((6, 1.1629)))];
    const TRAIN_ONLY: [(usize, Option<(u64, f64)>); 2] = [BOTH[0], (0, None)];

    #[test]
    fn the_plural_counts_epochs_where_it_changes() {
        for line in [
            "Epochs: NN | Train Loss: TT | Train Accuracy: AA | Val Loss: VV | Val Accuracy: AA",
            "\u{1b}[33mEpochs: \u{1b}[37mNN/40\u{1b}[0m Loss: \u{1b}[37mTT\u{1b}[0m Val_Loss: VV",
        ] {
            assert_eq!(last_of(line), BOTH, "{line}");
        }
        let content = format!("Epochs: 200\n{}", falling("Epoch NN loss TT"));
        assert_eq!(points(&content).1.len(), 6);
        // Of how many epochs a run is makes no step, nor do those of several runs.
        for plan in [["5", "5", "5"], ["5", "10", "20"], ["3", "2", "1"]] {
            let rows = plan.iter().zip(1..);
            let content: String = rows
                .map(|(epochs, at)| format!("Epochs: {epochs} | Train Loss: 0.{at}\n"))
                .collect();
            assert!(
                read_all(content.as_bytes(), &Names::default()).is_err(),
                "{content}"
            );
        }
    }

    #[test]
    fn scores_with_names_of_their_own_say_nothing_of_bare_losses() {
        for line in [
            "Epoch NN/40 | Train: TT | Val: VV | Val Acc: AA",
            "Epoch NN/40 | Train: TT | Val: VV | Time: 12.3s | acc=AA",
            "epNN train TT val VV val_acc AA",
        ] {
            assert_eq!(last_of(line), BOTH, "{line}");
        }
        for other in [
            "Epoch NN acc: train TT val VV",
            "Epoch NN train acc TT val acc VV",
        ] {
            assert!(
                read_all(falling(other).as_bytes(), &Names::default()).is_err(),
                "{other}"
            );
        }
    }

    #[test]
    fn a_heading_says_what_the_loss_below_it_is_of() {
        for line in [
            "Epoch NN loss TT\nTest Error: \n Accuracy: 75.9%, Avg loss: VV \n",
            "Epoch NN loss TT\nValidation Error:\nAvg loss: VV",
            "Epoch NN loss TT\nEvaluating...\n  loss = VV",
            "Epoch NN loss TT\nLoss on the validation set: VV",
        ] {
            assert_eq!(last_of(line), BOTH, "{line}");
        }
        let line = "Evaluating...\nEpoch NN loss TT\nTraining:\n  rate 0.1";
        assert_eq!(last_of(line), TRAIN_ONLY);
    }

    #[test]
    fn the_word_loss_heads_those_named_for_their_data() {
        for line in [
            "EPOCH NN:\nLOSS train TT valid VV",
            "Epoch NN Loss train: TT, val: VV; OA train: 25.1, val: 30.2",
            "Epoch NN/40 |  loss train: TT  |  eval: VV",
            "Epoch NN/40:\n  Loss: train=TT, val=VV\n  mIoU: AA",
        ] {
            assert_eq!(last_of(line), BOTH, "{line}");
        }
        let line = "Epoch NN Loss train: TT, val: 70.NN%";
        assert_eq!(last_of(line), TRAIN_ONLY);
    }

    #[test]
    fn sentences_tell_the_loss_behind_its_epoch() {
        for line in [
            "Training loss at epoch NN: TT",
            "Average loss for epoch NN: TT",
            "Loss for epoch NN: TT, took 3.2s",
            "Loss after Epoch NN is TT. Running time: 12.78",
            "train loss after epoch NN =  TT",
            "The loss of epoch NN is TT",
            "loss at step NN is TT",
            "Training loss (for one batch) at step NN: TT\nSeen so far: 12864 samples",
        ] {
            assert_eq!(last_of(line), TRAIN_ONLY, "{line}");
        }
        let batch = |epoch: u64, step: u64| {
            format!("Training loss (for one batch) at step {step}: 0.{epoch}{step}\n")
        };
        let epoch = |epoch: u64| {
            format!(
                "\nStart of epoch {epoch}\n{}{}",
                batch(epoch, 100),
                batch(epoch, 200)
            )
        };
        let steps: Vec<u64> = points(&(epoch(0) + &epoch(1)))
            .1
            .iter()
            .map(|(step, _)| *step)
            .collect();
        assert_eq!(steps, [100, 200, 300, 400]);
    }

    #[test]
    fn what_was_the_best_is_no_record() {
        let line = "Epoch NN train loss TT val loss VV\n";
        for best in [
            "Best val loss at epoch 3: 0.48",
            "Lowest val loss at epoch 3: 0.48",
            "Minimum loss for epoch 3 is 0.48",
            "The best loss of epoch 3 is 0.48",
            "Best loss on the validation set: 0.48",
        ] {
            let content: String = [7, 8, 9]
                .map(|at| falling(line).replace("Epoch ", &format!("Epoch {at}")) + best + "\n")
                .concat();
            let (_, train, eval) = points(&content);
            assert_eq!((train.len(), train[17]), (18, (96, 1.0629)), "{best}");
            assert_eq!((eval.len(), eval[17]), (18, (96, 1.1629)), "{best}");
        }
        // Nor what was measured some epochs ago, unless counting begins anew.
        let behind = "Epoch 2NN train loss TT\nVal loss at epoch 14: 0.48";
        assert_eq!(last_of(behind), [(6, Some((26, 1.0629))), (0, None)]);
        let anew = falling("Loss at epoch NN: TT").repeat(2);
        assert!(points(&anew).1.len() >= 6);
    }

    #[test]
    fn other_names_stand_in_for_the_loss_where_they_fall() {
        for line in [
            "Epoch [NN/40]  Train MSE: TT, Val MSE: VV  |  Val RMSE: 1.3, Val MAE: 1.2",
            "Epoch NN: train RMSE TT, val RMSE VV, val MAE AA",
            "Epoch NN objective TT validation objective VV",
        ] {
            assert_eq!(last_of(line), BOTH, "{line}");
        }
        assert_eq!(last_of(">epoch=NN, lrate=0.500, error=TT"), TRAIN_ONLY);
        assert_eq!(last_of("Epoch NN MSE TT\nTest: MSE VV"), BOTH);
        for other in [
            "Epoch NN error: 3.NN",
            "Epoch NN error code: TT",
            "Epoch NN mse TTms",
            "Epoch NN cost: TT seconds",
            "Epoch NN cost: AA",
            "Epoch NN ELBO: AA",
            "Epoch NN ELBO: -TT",
            "Epoch NN error: TT%",
            "Epoch NN error: TT mean reward: 12.5",
            "Epoch NN cost: TT return: 12.5",
            "Epoch NN best MSE: TT",
            "Epoch NN z_loss: 0.1 MSE: TT",
        ] {
            assert!(
                read_all(falling(other).as_bytes(), &Names::default()).map_or(true, |read| {
                    let records = read.decoded.records;
                    records.values(Quantity::TrainLoss, 0..records.len()).1.is_empty()
                }),
                "{other}"
            );
        }
        assert_eq!(last_of("Epoch NN MSE VV loss TT"), TRAIN_ONLY);
    }

    #[test]
    fn data_cut_short_makes_a_pair_of_losses() {
        for line in [
            "Ep NN/40 | tr_loss=TT f1=AA | va_loss=VV f1=AA",
            "Epoch NN tr_loss=TT vl_loss=VV",
            "Epoch NN loss_tr: TT | loss_te:VV",
            "Epoch NN - Loss_tr: TT, Loss_val: VV",
            "ep NN/40 tl TT vl VV ta AA va AA",
        ] {
            assert_eq!(last_of(line), BOTH, "{line}");
        }
        for alone in ["Epoch NN t_loss AA train_loss TT", "Epoch NN tl AA train_loss TT"] {
            assert_eq!(last_of(alone), TRAIN_ONLY, "{alone}");
        }
        let line = "Epoch NN train_loss TT val_loss VV t_loss AA";
        assert_eq!(last_of(line), BOTH);
    }

    #[test]
    fn what_is_named_for_held_out_data_alone_falls_with_the_loss_beside_an_epoch() {
        for line in [
            "Epoch NN loss TT, val VV",
            "Epoch NN Train loss TT, acc AA | Val VV, acc AA",
        ] {
            assert_eq!(last_of(line), BOTH, "{line}");
        }
        assert_eq!(last_of("Epoch NN loss TT, val AA"), TRAIN_ONLY);
    }

    #[test]
    fn epochs_are_written_in_many_ways() {
        for line in [
            "Epoch (NN/40): loss TT val_loss VV",
            "Epoch-NN loss TT val_loss VV",
            "Epoch_NN loss TT val_loss VV",
            "ep00NN loss=TT val_loss=VV",
            "[Ep. NN/40] loss TT val_loss VV",
            "Epoch No.: NN loss TT val_loss VV",
            "Epoch number NN loss TT val_loss VV",
        ] {
            assert_eq!(last_of(line), BOTH, "{line}");
        }
        // In the names of files they count nothing.
        let line = "Epoch NN loss TT val_loss VV\nsaved ckpt/epoch_3 model_ep-3 of step-7 loss";
        assert_eq!(last_of(line), BOTH);
    }

    #[test]
    fn a_mean_beside_a_sum_is_the_loss() {
        let lines = |line: &str| -> String {
            (1..5)
                .map(|at| line.replace("NN", &at.to_string()) + "\n")
                .collect()
        };
        let (_, train, eval) = points(&lines(
            "Epoch [NN/9] - Training Loss: 186NN.0 - Average Training Loss: 0.09NN - Validation Loss: 4NN.3 - Average Validation Loss: 0.01NN",
        ));
        assert_eq!((train[3], eval[3]), ((4, 0.094), (4, 0.014)));
        // A mean over what was trained on so far says less than each step.
        let (_, train, _) = points(&lines(
            "Epoch [NN/9] - Loss: 2.NN - Avg Loss: 3.0 - Val Loss: 2.5",
        ));
        assert_eq!(train[3], (4, 2.4));
    }

    #[test]
    fn details_below_a_named_loss_are_no_points() {
        let content: String = (1..6)
            .map(|at| {
                format!(
                    "\nEpoch {at}\nVal loss:   3.{at}0000\nl1: 1.750 kl: 0.012 loss: 3.{at}00 \nTrain loss: 2.{at}0000\nl1: 1.600 kl: 0.010 loss: 2.{at}00 \n"
                )
            })
            .collect();
        let (_, train, eval) = points(&content);
        assert_eq!((train.len(), train[4]), (5, (5, 2.5)));
        assert_eq!((eval.len(), eval[4]), (5, (5, 3.5)));
        // Losses may be small, or about as large as each other.
        for lines in [
            "val_loss: 0.00024N\nloss: 0.00021N\n",
            "val_loss: 0.6931N\nloss: 0.6931N\n",
            "val_loss: 0.6929N acc: 0.5\nloss: 0.6933N acc: 0.5\n",
        ] {
            let content: String = (1..6)
                .map(|at| format!("Epoch {at}\n{lines}").replace('N', &at.to_string()))
                .collect();
            let (_, train, eval) = points(&content);
            assert_eq!((train.len(), eval.len()), (5, 5), "{lines}");
        }
    }

    #[test]
    fn a_counter_of_another_name_counts_where_it_stands_alone() {
        let mut content: String = (1..9)
            .map(|line| format!("INFO:tensorflow:loss = 1.{line}, step = {line}00 (162.563 sec)\n"))
            .collect();
        content += "INFO:tensorflow:Saving dict for global step 800: eval_loss = 0.7, global_step = 800, loss = 0.72\n";
        let (_, train, eval) = points(&content);
        assert_eq!((train.len(), train.last()), (8, Some(&(800, 1.8))));
        assert_eq!(eval, [(800, 0.72)]);
    }

    #[test]
    fn a_counter_that_goes_on_over_epochs_is_the_step() {
        let content: String = (1..20)
            .map(|step| {
                format!(
                    "[TRAIN] epoch: {}, iter: {}/120000, loss: 2.6943, lr: 0.001, ETA 1:02:03\n",
                    1 + step / 7,
                    step * 50
                )
            })
            .collect();
        let (total, train, _) = points(&content);
        assert_eq!((total, train.len()), (Some(120_000), 19));
        assert_eq!(train.last(), Some(&(950, 2.6943)));
    }

    #[test]
    fn a_counter_in_lines_of_no_use_takes_no_other_counters_place() {
        let content: String = (1..6)
            .map(|step| format!("[Step {step}/100] Loss: 5.{step} | Tokens/s: 378.7\n[timer.py:264:stop] epoch=0/micro_step={step}/global_step={step}, RunningAvgSamplesPerSec=6.7\n"))
            .collect();
        let (total, train, _) = points(&content);
        assert_eq!((total, train.len(), train[0]), (Some(100), 5, (1, 5.1)));
    }

    #[test]
    fn prose_and_source_are_no_logs() {
        for text in [
            "In step 3 we found a loss of 2.5 euros.\nThen came step 1.\n",
            "print(f\"step {step} loss {loss:.4f}\")\nfor step in range(10):\n    loss = 0\n",
            "usage: train.py [-h] [--max_steps 100] [--loss 3]\n",
        ] {
            assert!(read_all(text.as_bytes(), &Names::default()).is_err(), "{text}");
        }
    }
}
