//! Takes in the log, piece by piece.

use std::collections::BTreeMap;
use std::ops::Range;

use super::restart::Restarted;
use super::stray::Doubt;
use super::{Run, stray};
use crate::format::Decoded;
use crate::format::hints::Hints;
use crate::format::records::{Ending, How, Records};

/// Keeps what a client says about a run, as text that can be shown, within bounds.
fn remember(known: &mut BTreeMap<String, String>, said: &[(String, String)]) {
    const MOST_ENTRIES: usize = 512;
    const MOST_CHARACTERS: usize = 200;
    for (name, value) in said {
        let name = crate::text::printable(name);
        if known.len() < MOST_ENTRIES || known.contains_key(&name) {
            let value: String = value.chars().take(MOST_CHARACTERS).collect();
            known.insert(name, crate::text::printable(&value));
        }
    }
}

impl Run {
    /// Takes the next piece of the log.
    pub fn apply(&mut self, decoded: &Decoded) {
        self.take_restart(decoded);
        self.take_account(decoded);
        let last = decoded.records.steps().last().copied().unwrap_or_default();
        self.take_statements(decoded, last);
        let mut endings = decoded.endings.iter().peekable();
        let mut restated = decoded.restated.iter().peekable();
        let mut trainings = decoded.trainings.iter().copied().peekable();
        let records = &*self.fillers.take_out(&decoded.records);
        let mut start = 0;
        while start < records.len() {
            while let Some(ending) = endings.next_if(|ending| ending.after <= start) {
                self.end(ending);
            }
            while trainings.next_if(|at| *at <= start).is_some() {
                self.may_begin_anew = true;
            }
            let first = records.row(start);
            while let Some((after, stated)) = restated.next_if(|(after, _)| *after <= start) {
                self.restate(stated, records, *after..start, last);
            }
            let leads = self.branch.leading().leads(&first);
            // What was started again after a failure may not have come beyond where it began.
            let failed = std::mem::take(&mut self.failed);
            let begins_anew = leads && (std::mem::take(&mut self.may_begin_anew) || failed);
            if let Some(doubt) = self.doubt.take_if(|_| leads) {
                self.settle(doubt, first.step());
            }
            let mut followers = start;
            // Nor does one that has failed at once say that it did.
            let begins_anew = begins_anew || leads && self.branch.has_failed_at_once();
            let another = self.restated.states_a_length() && self.branch.begins_by(first.step());
            let begins_anew = begins_anew || leads && another;
            let repeats = begins_anew && self.branch.leading().last() == Some(first.step());
            if repeats || self.branch.leading().goes_back(&first) {
                self.doubt = self.doubt(first.step());
                self.branch.rewind(&first, self.logged_total_steps);
                if another {
                    let total_is_told = decoded.total_after.is_some_and(|after| after >= start);
                    self.adopt_the_plan_of_another(total_is_told, last);
                }
                followers += 1;
            }
            self.first_step.get_or_insert(first.step());
            let mut end = self.branch.leading().unbroken_from(records, start);
            end = trainings.peek().map_or(end, |at| end.min(*at));
            end = endings.peek().map_or(end, |ending| end.min(ending.after));
            if self.branch.fails_at_once(&first) {
                end = start + 1;
            }
            end = self.weigh_doubt(records, start..end, followers);
            self.since_doubt = self.since_doubt.saturating_add((end - start) as u64);
            self.branch.keep(records, start..end);
            self.branch.watch(records, start..end, &self.context);
            if self.leads_in(records, start..end) {
                self.restated = Hints::default();
            }
            start = end;
        }
        for (after, stated) in restated {
            self.restate(stated, records, *after..records.len(), last);
        }
        self.may_begin_anew |= trainings.next().is_some();
        endings.for_each(|ending| self.end(ending));
    }

    /// Takes what comes behind a restart of the file: whether the run goes on shows with the first record.
    fn take_restart(&mut self, decoded: &Decoded) {
        if decoded.records.is_empty() {
            if let Some(restarted) = &mut self.restarted
                && restarted.preamble.len() < Restarted::MOST_PIECES
            {
                restarted.preamble.push(decoded.clone());
            }
        } else if let Some(restarted) = self.restarted.take()
            && self.is_another(&decoded.records, restarted.moved_aside)
        {
            let columns = std::mem::take(&mut self.columns);
            self.forget();
            self.learn(columns);
            restarted.preamble.iter().for_each(|piece| self.apply(piece));
        }
    }

    /// Takes the account of the lines of a piece.
    fn take_account(&mut self, decoded: &Decoded) {
        self.lines.lines += decoded.lines;
        self.lines.ignored += decoded.ignored;
        self.lines.skipped += decoded.skipped;
        decoded
            .bad_lines
            .iter()
            .for_each(|bad| self.lines.show(bad.clone()));
    }

    /// Takes what a piece states about the run. `last` is the last step that is known by now.
    fn take_statements(&mut self, decoded: &Decoded, last: u64) {
        self.hints.merge(&decoded.hints);
        for (name, value) in &decoded.settings {
            crate::format::sidecar::setting(name, value, &mut self.hints);
        }
        self.note_what_counts(&decoded.records);
        if decoded.total_steps.is_some() {
            self.logged_total_steps = decoded.total_steps;
        }
        self.total_is_a_hint &= decoded.total_steps.is_none();
        self.take_total_from_hints(last);
        remember(&mut self.settings, &decoded.settings);
        remember(&mut self.summary, &decoded.summary);
    }

    /// Another program has a plan of its own; how the log counts is its own too.
    fn adopt_the_plan_of_another(&mut self, total_is_told: bool, last: u64) {
        let length = self.hints.epoch_length();
        self.hints = std::mem::take(&mut self.restated);
        if let Some(steps) = length {
            self.hints.put_epoch_length(steps);
        }
        self.steps_of_epoch = None;
        if !total_is_told {
            self.logged_total_steps = None;
        }
        self.take_total_from_hints(last);
    }

    /// Where these rows end that may be taken at once: in doubt before the next that leads. The doubt stays
    /// while there are few `followers`.
    fn weigh_doubt(&mut self, records: &Records, rows: Range<usize>, followers: usize) -> usize {
        let Some(mut doubt) = self.doubt.take() else {
            return rows.end;
        };
        // A first train loss leads from the next one on.
        let mut leading = self.branch.leading();
        leading.pass(&records.row(rows.start));
        let leads = |index: &usize| {
            let row = records.row(*index);
            let leads = leading.leads(&row);
            leading.pass(&row);
            leads
        };
        let end = (rows.start + 1..rows.end).find(leads).unwrap_or(rows.end);
        let few = (followers..end).all(|index| doubt.remembers(&records.row(index)));
        self.doubt = few.then_some(doubt);
        end
    }

    /// More is stated of the plan, behind records and before those of `rows`.
    fn restate(&mut self, stated: &Hints, records: &Records, rows: Range<usize>, last: u64) {
        // Its first overflows stand between what another program states and its first loss.
        if !self.leads_in(records, rows) {
            self.restated.merge(stated);
        }
        self.hints.merge(stated);
        self.take_total_from_hints(last);
    }

    /// True when some of these records has the leading loss.
    fn leads_in(&self, records: &Records, mut rows: Range<usize>) -> bool {
        let leading = self.branch.leading();
        rows.any(|index| leading.leads(&records.row(index)))
    }

    /// The run says that it is over.
    fn end(&mut self, ending: &Ending) {
        self.branch.end(ending);
        self.failed |= !matches!(ending.how, How::Finished);
        if matches!(ending.how, How::Failed(_)) {
            self.doubt = None;
        }
    }

    /// What is known before a record goes back to `step`; `None` where that comes too often.
    fn doubt(&mut self, step: u64) -> Option<Doubt> {
        if self.since_doubt < stray::LEAST_BETWEEN {
            return None;
        }
        self.since_doubt = 0;
        Some(Doubt::new(
            step,
            self.branch.leading().last()?,
            self.branch.clone(),
        ))
    }
}
