//! Reads the rows of a file.

use serde_json::Value;

use super::DEPTH;
use super::fields::visit;
use super::line::{behind_a_bar, has_bar, parts};
use super::mend::parse_line;
use super::row::{Row, has_loss, is_record, sums_up};
use super::value::{Reading, read};
use crate::format::counters::{OwnCounter, RowCounter, set_counter, total_grows};
use crate::format::data_words::{Data, WordColumn, data, is_split};
use crate::format::json_layout::{Layouts, Outcome};
use crate::format::records::{Decoded, How};
use crate::format::repeats::Repeats;
use crate::format::roles::{Draft, Roles};
use crate::format::{Column, LineDecoder, Sample, number};
use crate::metric::{Names, Quantity, Role, counts_the_run};

pub(super) struct JsonDecoder {
    roles: Roles,
    layouts: Layouts,
    /// Set where the name of the counter leaves open whether it counts the run.
    counter: Option<OwnCounter>,
    last_step: Option<u64>,
    rows: RowCounter,
    has_rows: bool,
    repeats: Repeats,
    /// The fields that hold words in rows with a loss.
    words: Vec<(String, WordColumn)>,
}

/// ms-swift ends its log with the state of the trainer, which repeats all rows before.
const WHOLE_HISTORY: &str = "log_history";

/// What detectron2 expects the rest of the run to take: nothing in the last record alone.
const TIME_LEFT: &str = "eta_seconds";

impl JsonDecoder {
    pub(super) fn new(sample: &Sample, names: &Names) -> Self {
        let mut roles = Roles::new(names, []);
        let rows = sample.lines().filter_map(|line| match parse_line(line) {
            Some(Value::Object(fields)) if !fields.contains_key(WHOLE_HISTORY) => Some(fields),
            _ => None,
        });
        // Those with a loss first: they show which of the counters of the file is the step.
        let (with_loss, others): (Vec<_>, Vec<_>) = rows.partition(|fields| has_loss(&roles, fields));
        for fields in with_loss.iter().chain(&others) {
            if is_record(&roles, fields) {
                visit(fields, "", DEPTH, &mut |name, _| {
                    roles.role(name);
                });
            }
        }
        let columns = roles.columns();
        let counts_the_run = columns.iter().any(|column| {
            column.role == Some(Role::Step) && names.role_of(&column.name).is_some_and(counts_the_run)
        });
        let mut totals = Vec::new();
        for fields in &with_loss {
            visit(fields, "", DEPTH, &mut |name, value| {
                let is_total = roles.known(name) == Some(Role::TotalSteps);
                totals.extend(number::of_json(value).filter(|_| is_total));
            });
        }
        let known: Vec<String> = columns.into_iter().map(|column| column.name).collect();
        // Learnt, but not yet used: a better name may still come without a second reading.
        let mut roles = Roles::new(names, known.iter().map(String::as_str));
        if total_grows(totals) {
            roles.count_by_the_total();
        }
        JsonDecoder {
            counter: (!counts_the_run).then(OwnCounter::default),
            roles,
            layouts: Layouts::default(),
            last_step: None,
            rows: RowCounter::default(),
            has_rows: false,
            repeats: Repeats::default(),
            words: Vec::new(),
        }
    }

    pub(super) fn slow(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
        let Some(value) = parse_line(line) else {
            return out.skip(number, "not a JSON object", line);
        };
        let Value::Object(fields) = value else {
            return out.ignored += 1;
        };
        if fields.contains_key(WHOLE_HISTORY) {
            return out.ignored += 1;
        }
        if sums_up(&fields) {
            out.end(None, How::Finished);
            return out.ignored += 1;
        }
        let is_record = is_record(&self.roles, &fields);
        if !is_record && !self.has_rows {
            // Settings are written before the first record, if at all.
            crate::format::json_document::settings_of(&fields, &mut out.hints);
            return out.ignored += 1;
        }
        let mut draft = Draft::default();
        let mut wrong: Option<String> = None;
        let mut other = None;
        visit(&fields, "", DEPTH, &mut |name, value| {
            let role = if is_record {
                self.roles.take(name, out)
            } else {
                self.roles.take_what_is_left(name, out)
            };
            let Some(role) = role else {
                if let Some(epochs) = value.as_f64() {
                    out.hints.put_epochs_of_row(name, epochs);
                }
                if other.is_none() && self.roles.is_other_counter(name) {
                    other = value.as_f64().map(|value| (name.to_owned(), value));
                }
                return;
            };
            match read(value, role) {
                Reading::Number(number) => draft.set(role, number, out),
                Reading::Counter(count, total) => set_counter(role, (count, total), &mut draft, out),
                Reading::Missing => {}
                Reading::Unreadable => wrong = Some(format!("`{name}` is not a number")),
            }
        });
        if let Some(reason) = wrong {
            out.skip(number, &reason, line);
        }
        let has_step = draft.step.is_some();
        let stood_in =
            other.is_some_and(|(name, value)| self.roles.stand_in((&name, value), has_step, &mut draft, out));
        let about_eval = self.is_about_held_out_data(&fields, draft.has_loss(), out);
        if about_eval {
            draft.about_held_out_data(self.last_step);
        }
        let beside_epoch = draft.has(Quantity::Epoch) && self.last_step.is_some();
        if about_eval
            && self
                .counter
                .is_some_and(|counter| counter.starts_again() || beside_epoch && counter.may_start_again())
        {
            // It counts batches of the evaluation, or does so for all that is known yet.
            draft.step = self.last_step;
        } else {
            self.count(&mut draft);
        }
        self.finish(&mut draft, out);
        let left = fields.get(TIME_LEFT);
        if left.and_then(Value::as_f64) == Some(0.0) {
            out.end(None, How::Finished);
        }
        if !stood_in && left.is_none() && !about_eval {
            let words = &self.words;
            let may_tell = |name: &str| {
                words
                    .iter()
                    .any(|(known, column)| known == name && column.may_tell())
            };
            // What a row is about may change in a word: such a layout is that of rows with the same.
            let tells = |name: &str, word: &str| is_split(name) || data(word).is_some() || may_tell(name);
            self.layouts
                .learn(line, &mut |name| self.roles.known(name), &tells);
        }
    }

    /// True when a word of the row says that it is about data that was not trained on.
    fn is_about_held_out_data(&mut self, fields: &Row, has_loss: bool, out: &mut Decoded) -> bool {
        /// A file of arbitrary keys must not fill the memory with names.
        const MOST_COLUMNS: usize = 64;
        let mut held_out = false;
        for (name, value) in fields {
            let Some(word) = value.as_str() else { continue };
            if is_split(name) {
                held_out |= data(word) == Some(Data::HeldOut);
            } else if has_loss && self.roles.known(name).is_none() {
                let known = self.words.iter().position(|(known, _)| known == name);
                if known.is_none() && self.words.len() < MOST_COLUMNS {
                    self.words.push((name.clone(), WordColumn::default()));
                }
                let column = match known {
                    Some(index) => self.words.get_mut(index),
                    None => self.words.last_mut().filter(|(known, _)| known == name),
                };
                held_out |= column.is_some_and(|(_, column)| column.is_held_out(word, out));
            }
        }
        held_out
    }

    /// Makes a counter of iterations within epochs one of the run.
    fn count(&mut self, draft: &mut Draft) {
        if let (Some(counter), Some(step)) = (&mut self.counter, draft.step) {
            draft.step = Some(counter.step_of_row(draft.get(Quantity::Epoch), step));
        }
    }

    fn finish(&mut self, draft: &mut Draft, out: &mut Decoded) {
        if draft.is_empty() {
            out.ignored += 1;
            return;
        }
        self.has_rows = true;
        let step = draft.step.or(self.last_step).or_else(|| {
            let counts_rows = !self.roles.has(Role::Step);
            counts_rows.then(|| self.rows.step(draft.get(Quantity::Epoch), |epoch| epoch))
        });
        let Some(step) = step else {
            out.ignored += 1;
            return;
        };
        if self.roles.has(Role::Step) {
            self.last_step = Some(step);
        }
        if self.repeats.leave_out(step, draft, out) && !draft.has_loss() {
            out.ignored += 1;
            return;
        }
        draft.push(step, out);
    }
}

impl LineDecoder for JsonDecoder {
    fn start_over(&mut self) {
        self.counter = self.counter.take().map(|_| OwnCounter::default());
        self.layouts = Layouts::default();
        (self.last_step, self.has_rows) = (None, false);
        self.rows = RowCounter::default();
    }

    fn line(&mut self, number: u64, line: &[u8], out: &mut Decoded) {
        let mut draft = Draft::default();
        match self.layouts.read(line, &mut draft, out) {
            Outcome::Read => {
                self.count(&mut draft);
                self.finish(&mut draft, out);
            }
            Outcome::Unknown => {
                for part in parts(line) {
                    let object = behind_a_bar(part);
                    if part.trim_ascii().is_empty() || (object.is_empty() && has_bar(part)) {
                        out.ignored += 1;
                    } else {
                        self.slow(number, if object.is_empty() { part } else { object }, out);
                    }
                }
            }
        }
    }

    fn columns(&self) -> Vec<Column> {
        self.roles.columns()
    }
}
