//! What decoders produce: columns of records, and an account of every line.

use std::borrow::Cow;
use std::ops::Range;

use super::hints::Hints;
use crate::metric::Quantity;

/// A batch of records of one file, in file order, stored by column.
///
/// Columns are as long as `steps`, or empty when no record of the batch has
/// the quantity. A record that lacks a quantity others have holds NaN there and
/// a zero bit in its mask, so a logged NaN and a missing value stay apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    steps: Vec<u64>,
    present: Vec<u32>,
    /// Which columns have values.
    begun: u32,
    columns: [Vec<f64>; Quantity::COUNT],
    /// How many records are expected.
    expected: usize,
}

impl Records {
    /// Room for about so many records: to grow into it step by step costs more than to fill it.
    pub fn expecting(records: usize) -> Self {
        Records {
            steps: Vec::with_capacity(records),
            present: Vec::with_capacity(records),
            expected: records,
            ..Records::default()
        }
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// True when the batch holds no record.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The step of each record.
    pub fn steps(&self) -> &[u64] {
        &self.steps
    }

    /// Adds one record. A quantity that comes twice keeps its last value.
    pub fn push(&mut self, step: u64, values: &[(Quantity, f64)]) {
        let mut all = [f64::NAN; Quantity::COUNT];
        let mut present = 0u32;
        for &(quantity, value) in values {
            all[quantity.index()] = value;
            present |= 1 << quantity.index();
        }
        self.push_row(step, present, &all);
    }

    /// Adds one record from all quantities and the mask of those that count.
    pub(super) fn push_row(&mut self, step: u64, present: u32, values: &[f64; Quantity::COUNT]) {
        let row = self.steps.len();
        self.steps.push(step);
        self.present.push(present);
        let mut fresh = present & !self.begun;
        while fresh != 0 {
            let column = &mut self.columns[fresh.trailing_zeros() as usize];
            column.reserve(self.expected.max(row));
            column.resize(row, f64::NAN);
            fresh &= fresh - 1;
        }
        self.begun |= present;
        let mut left = self.begun;
        while left != 0 {
            let index = left.trailing_zeros() as usize;
            let logged = present & (1 << index) != 0;
            self.columns[index].push(if logged { values[index] } else { f64::NAN });
            left &= left - 1;
        }
    }

    /// The value of `quantity` in record `row`: `None` when it was not logged there.
    pub fn value(&self, row: usize, quantity: Quantity) -> Option<f64> {
        let mask = self.present.get(row)?;
        if mask & (1 << quantity.index()) == 0 {
            return None;
        }
        self.columns[quantity.index()].get(row).copied()
    }

    /// Record number `index`; reading past the end yields a record without values.
    #[inline]
    pub fn row(&self, index: usize) -> Row<'_> {
        Row {
            step: self.steps.get(index).copied().unwrap_or_default(),
            present: self.present.get(index).copied().unwrap_or_default(),
            columns: &self.columns,
            index,
        }
    }

    /// The records `rows`, to be looked at together.
    pub fn stretch(&self, rows: Range<usize>) -> Stretch<'_> {
        let present = self.present.get(rows.clone()).unwrap_or_default();
        Stretch {
            records: self,
            common: present.iter().fold(u32::MAX, |common, present| common & present),
            present: present.iter().fold(0, |all, present| all | present),
            has_empty: present.contains(&0),
            rows,
        }
    }

    /// All records in file order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> + '_ {
        (0..self.len()).map(|index| self.row(index))
    }

    /// What rows tell of this quantity, with the step of each, in order.
    pub fn points(&self, quantity: Quantity) -> impl Iterator<Item = (u64, f64)> + '_ {
        self.rows()
            .filter_map(move |row| Some((row.step(), row.value(quantity)?)))
    }

    /// The steps and values of `quantity` in the records `rows` that have it.
    pub fn values(&self, quantity: Quantity, rows: Range<usize>) -> (Cow<'_, [u64]>, Cow<'_, [f64]>) {
        let bit = 1u32 << quantity.index();
        let steps = self.steps.get(rows.clone()).unwrap_or_default();
        let present = self.present.get(rows.clone()).unwrap_or_default();
        let column = self.columns[quantity.index()].get(rows).unwrap_or_default();
        if present.iter().fold(bit, |all, present| all & present) != 0 && !column.is_empty() {
            return (steps.into(), column.into());
        }
        let rows = steps.iter().zip(present).zip(column);
        let logged = rows.filter(|((_, present), _)| **present & bit != 0);
        let (steps, values): (Vec<u64>, Vec<f64>) = logged.map(|((step, _), value)| (*step, *value)).unzip();
        (steps.into(), values.into())
    }

    /// Which quantities some record of the batch has, as a mask by [`Quantity::index`].
    pub fn begun(&self) -> u32 {
        self.begun
    }

    /// True when some record of the batch has `quantity`.
    pub fn has(&self, quantity: Quantity) -> bool {
        !self.columns[quantity.index()].is_empty()
    }

    /// Takes a value out again: it was not logged in record `row` after all.
    pub fn take_out(&mut self, row: usize, quantity: Quantity) {
        if let Some(present) = self.present.get_mut(row) {
            *present &= !(1 << quantity.index());
        }
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.steps.clear();
        self.present.clear();
        self.begun = 0;
        for column in &mut self.columns {
            column.clear();
        }
    }
}

/// One record of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    step: u64,
    present: u32,
    /// Those of the batch, by [`Quantity::index`].
    columns: &'a [Vec<f64>; Quantity::COUNT],
    /// Its place in them.
    index: usize,
}

impl Row<'_> {
    /// The step of the record.
    #[inline]
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The value of `quantity`: `None` when it was not logged here.
    #[inline]
    pub fn value(&self, quantity: Quantity) -> Option<f64> {
        let column = &self.columns[quantity.index()];
        self.has(quantity).then(|| column.get(self.index).copied())?
    }

    /// The quantities logged here, as a mask by [`Quantity::index`].
    #[inline]
    pub fn present(&self) -> u32 {
        self.present
    }

    /// The quantities logged here and their values, in the order of [`Quantity::ALL`].
    pub fn values(&self) -> impl Iterator<Item = (Quantity, f64)> + '_ {
        let mut left = self.present;
        std::iter::from_fn(move || {
            let quantity = *Quantity::ALL.get(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some((quantity, self.value(quantity)?))
        })
    }

    /// True when the record has a loss.
    pub fn has_loss(&self) -> bool {
        self.has(Quantity::TrainLoss) || self.has(Quantity::EvalLoss)
    }

    /// True when the record has `quantity`, whatever its value.
    #[inline]
    pub fn has(&self, quantity: Quantity) -> bool {
        self.present & (1 << quantity.index()) != 0
    }
}

/// Consecutive records of a batch.
#[derive(Clone, Debug)]
pub struct Stretch<'a> {
    records: &'a Records,
    rows: Range<usize>,
    /// What all of them have, and what some have, as masks by [`Quantity::index`].
    common: u32,
    present: u32,
    has_empty: bool,
}

/// Which records of a stretch hold a quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Held<'a> {
    /// None.
    Nowhere,
    /// All, with these values.
    Everywhere(&'a [f64]),
    /// Some.
    HereAndThere,
}

impl<'a> Held<'a> {
    /// The values, of which there are none where no record holds any; `None` where only some do.
    pub fn alike(self) -> Option<&'a [f64]> {
        match self {
            Held::Everywhere(values) => Some(values),
            Held::Nowhere => Some(&[]),
            Held::HereAndThere => None,
        }
    }
}

impl<'a> Stretch<'a> {
    /// The step of each record, of which there is one at least.
    pub fn steps(&self) -> &'a [u64] {
        self.records.steps.get(self.rows.clone()).unwrap_or_default()
    }

    /// The quantities that some record has, as a mask by [`Quantity::index`].
    pub fn present(&self) -> u32 {
        self.present
    }

    /// True when some record has no quantity at all.
    pub fn has_empty(&self) -> bool {
        self.has_empty
    }

    /// Which of them hold `quantity`.
    pub fn held(&self, quantity: Quantity) -> Held<'a> {
        let bit = 1 << quantity.index();
        match self.records.columns[quantity.index()].get(self.rows.clone()) {
            _ if self.present & bit == 0 => Held::Nowhere,
            Some(values) if self.common & bit != 0 => Held::Everywhere(values),
            _ => Held::HereAndThere,
        }
    }

    /// The records, one by one.
    pub fn rows(&self) -> impl Iterator<Item = Row<'a>> {
        let records = self.records;
        self.rows.clone().map(|index| records.row(index))
    }
}

/// A line that should have been a record and was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// 1-based line number, or 0 for a document without lines.
    pub line: u64,
    /// Why, in a few words.
    pub reason: String,
    /// The beginning of the line, with control characters made visible.
    pub excerpt: String,
}

/// How many bad lines are kept as examples.
pub const BAD_LINE_EXAMPLES: usize = 5;
const EXCERPT_CHARACTERS: usize = 120;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// What has happened, in a few words.
    Failed(&'static str),
    /// As it was meant to.
    Finished,
    /// What has happened ends runs, unless more records follow: they often go on after it.
    Perhaps(&'static str),
}

impl How {
    /// What a client says of a process that has failed.
    pub const PROCESS_FAILED: How = How::Failed("its process ended with an error");
}

/// A line by which the run says that it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Records of the batch that stand before it.
    pub after: usize,
    /// The step that was reached, where it is beyond that of the last record.
    pub step: Option<u64>,
    /// In which way.
    pub how: How,
}

/// Everything a decoder has to say about the bytes it was given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The records.
    pub records: Records,
    /// Lines seen, of any kind.
    pub lines: u64,
    /// Lines that hold no metrics and are not expected to (banners, samples).
    pub ignored: u64,
    /// Lines that looked like metrics and could not be used.
    pub skipped: u64,
    /// The first few skipped lines.
    pub bad_lines: Vec<BadLine>,
    /// The planned number of steps, when the log states it.
    pub total_steps: Option<u64>,
    /// Records of the batch that stand before that statement, where it is known.
    pub total_after: Option<usize>,
    /// Settings of the run that its client recorded: names and values as written.
    pub settings: Vec<(String, String)>,
    /// What the client holds for the outcome of the run: names and values as written.
    pub summary: Vec<(String, String)>,
    /// What the log states about the plan of the run.
    pub hints: Hints,
    /// What is stated of the plan behind records of the log, and how many of the batch stand
    /// before it: a further program may have been started.
    pub restated: Vec<(usize, Hints)>,
    /// Records before which a further training may begin.
    pub trainings: Vec<usize>,
    /// What the run says of its end, in file order.
    pub endings: Vec<Ending>,
    /// A name with a better claim to a role appeared after records were already
    /// decoded with another: the file must be read again from its start.
    pub remapped: bool,
}

impl Decoded {
    /// Counts a skipped line and keeps it as an example when it is among the first.
    pub fn skip(&mut self, line: u64, reason: &str, content: &[u8]) {
        self.skipped += 1;
        if self.bad_lines.len() < BAD_LINE_EXAMPLES {
            self.bad_lines.push(BadLine {
                line,
                reason: reason.to_owned(),
                excerpt: excerpt(content),
            });
        }
    }

    /// The run says that it is over: at its last record, or beyond it at `step`.
    pub fn end(&mut self, step: Option<u64>, how: How) {
        let after = self.records.len();
        self.endings.push(Ending { after, step, how });
    }

    /// A line says how many steps are planned, if it does.
    pub fn state_total(&mut self, total: Option<u64>) {
        if total.is_some() {
            (self.total_steps, self.total_after) = (total, Some(self.records.len()));
        }
    }

    /// Where what is stated of the plan from here on belongs. `begun` says that records stand
    /// before it.
    pub fn plan(&mut self, begun: bool) -> &mut Hints {
        let after = self.records.len();
        if !begun {
            return &mut self.hints;
        }
        if self.restated.last().is_none_or(|(known, _)| *known != after) {
            self.restated.push((after, Hints::default()));
        }
        self.restated
            .last_mut()
            .map_or(&mut self.hints, |(_, hints)| hints)
    }

    /// Empties it for the next piece of the file.
    pub fn clear(&mut self) {
        self.records.clear();
        self.lines = 0;
        self.ignored = 0;
        self.skipped = 0;
        self.bad_lines.clear();
        self.total_steps = None;
        self.total_after = None;
        self.settings.clear();
        self.summary.clear();
        self.hints = Hints::default();
        self.restated.clear();
        self.trainings.clear();
        self.endings.clear();
        self.remapped = false;
    }
}

fn excerpt(content: &[u8]) -> String {
    let head = content.get(..EXCERPT_CHARACTERS * 4).unwrap_or(content);
    let text: String = String::from_utf8_lossy(head)
        .chars()
        .take(EXCERPT_CHARACTERS)
        .collect();
    crate::text::printable(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_and_nan_stay_apart() {
        let mut records = Records::default();
        records.push(1, &[(Quantity::TrainLoss, 2.0)]);
        records.push(2, &[(Quantity::GradNorm, 0.5)]);
        records.push(
            3,
            &[
                (Quantity::TrainLoss, f64::NAN),
                (Quantity::TrainLoss, f64::INFINITY),
            ],
        );
        records.push(4, &[(Quantity::TrainLoss, f64::NAN)]);
        assert_eq!(records.steps(), &[1, 2, 3, 4]);
        assert_eq!(records.value(0, Quantity::TrainLoss), Some(2.0));
        assert_eq!(records.value(0, Quantity::GradNorm), None);
        assert_eq!(records.value(1, Quantity::TrainLoss), None);
        assert_eq!(records.value(1, Quantity::GradNorm), Some(0.5));
        assert_eq!(records.value(2, Quantity::TrainLoss), Some(f64::INFINITY));
        assert!(records.value(3, Quantity::TrainLoss).is_some_and(f64::is_nan));
        assert_eq!(records.value(4, Quantity::TrainLoss), None);
        assert!(records.has(Quantity::GradNorm) && !records.has(Quantity::Tokens));
    }
}
