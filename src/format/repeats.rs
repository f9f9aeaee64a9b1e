//! Records that are written more than once: by every rank of a job, or once in a line
//! and again in a summary.

use std::collections::VecDeque;

use super::records::Decoded;
use super::roles::Draft;
use crate::metric::Quantity;

/// Remembers the last records, to see which are repetitions.
#[derive(Debug, Default)]
pub struct Repeats {
    /// Step, what was logged, and the rank that wrote it.
    labelled: VecDeque<(u64, u32, u32)>,
    /// More than one rank has written.
    several: bool,
    train: Recent,
    eval: Recent,
    /// Writers that do not say which they are have repeated each other.
    unlabelled: bool,
}

/// Ranks write nearly at the same time: a repetition is among the last few records.
const REMEMBERED: usize = 256;

impl Repeats {
    /// What is known of the writers of a log, which is read again from its start.
    pub fn again(&self) -> Repeats {
        Repeats {
            several: self.several,
            unlabelled: self.unlabelled,
            ..Repeats::default()
        }
    }

    /// True when the record holds something new; what it repeats is taken out of it.
    ///
    /// Of several ranks that write the same step the first to do so counts. Without
    /// ranks a loss is a repetition when the same step had the same value just before, or as
    /// [`Repeats::leave_out`] says.
    pub fn is_news(&mut self, step: u64, draft: &mut Draft, rank: Option<u32>, out: &mut Decoded) -> bool {
        if let Some(rank) = rank {
            let what = draft.present();
            if let Some((_, _, last)) = self.labelled.back()
                && !self.several
            {
                if *last == rank {
                    // As long as one rank writes alone its last record is all that matters.
                    self.labelled.clear();
                } else {
                    self.several = true;
                }
            }
            let repeated = self
                .labelled
                .iter()
                .any(|(known, kind, writer)| *known == step && *kind == what && *writer != rank);
            if repeated {
                return false;
            }
            self.labelled.push_back((step, what, rank));
            if self.labelled.len() > REMEMBERED {
                self.labelled.pop_front();
            }
        }
        let mut removed = false;
        for (quantity, last) in [
            (Quantity::TrainLoss, &self.train),
            (Quantity::EvalLoss, &self.eval),
        ] {
            if draft
                .get(quantity)
                .is_some_and(|value| last.just_said(step, value))
            {
                draft.remove(quantity);
                removed = true;
            }
        }
        removed |= self.leave_out(step, draft, out);
        !removed || draft.has_loss()
    }

    /// Takes losses out of the record that another process has written; true when there were
    /// some.
    ///
    /// Two processes that write to one log do not say which they are, but the one behind goes
    /// back to a recent step, with nearly its loss, and the one ahead goes on where it was, again
    /// and again. Once that is known the file must be read again.
    pub fn leave_out(&mut self, step: u64, draft: &mut Draft, out: &mut Decoded) -> bool {
        const ENOUGH: u32 = 3;
        let mut removed = false;
        for (quantity, last) in [
            (Quantity::TrainLoss, &mut self.train),
            (Quantity::EvalLoss, &mut self.eval),
        ] {
            let Some(value) = draft.get(quantity) else {
                continue;
            };
            last.said = Some((step, value));
            if self.unlabelled && last.knows(step, value, Recent::AT_MOST) {
                draft.remove(quantity);
                removed = true;
            } else if !self.unlabelled && last.goes_back(step) && last.knows(step, value, Recent::NEARLY) {
                last.behind += 1;
            } else {
                // Behind a resume come all the steps up to where the log had been.
                let alone = std::mem::take(&mut last.behind) == 1;
                last.returned += u32::from(alone && last.goes_on(step));
                last.note(step, value);
            }
        }
        if !self.unlabelled && self.train.returned >= ENOUGH {
            self.unlabelled = true;
            out.remapped = true;
        }
        if out.remapped {
            // Only how the log is written is still of use.
            *self = Repeats {
                several: self.several,
                unlabelled: self.unlabelled,
                ..Repeats::default()
            };
        }
        removed
    }
}

/// Steps and values of the last losses.
#[derive(Debug, Default)]
struct Recent {
    /// In the order in which they came, round and round.
    known: [(u64, f64); Recent::KEPT],
    /// Where the next one goes, and how many there are.
    next: usize,
    count: usize,
    /// The very last one, also where it went back to one of those.
    said: Option<(u64, f64)>,
    /// How many went back to steps that are known, since one that did not.
    behind: u32,
    /// How often the log went on after that where it had been.
    returned: u32,
}

impl Recent {
    /// How many: one process may be this far behind another.
    const KEPT: usize = 16;
    /// By how much the losses of two processes differ where they are nearly the same...
    const NEARLY: f64 = 5e-3;
    /// ...and where they differ most.
    const AT_MOST: f64 = 5e-2;
    /// By how much two ways to print one loss differ.
    const ROUNDED: f64 = 1e-6;

    /// The step of the newest of them.
    fn last(&self) -> Option<u64> {
        (self.count > 0).then(|| self.known[self.next.wrapping_sub(1) % Self::KEPT].0)
    }

    fn goes_back(&self, step: u64) -> bool {
        self.last().is_some_and(|last| step < last)
    }

    fn goes_on(&self, step: u64) -> bool {
        self.last().is_some_and(|last| step > last)
    }

    fn knows(&self, step: u64, value: f64, tolerance: f64) -> bool {
        let mut places = (1..=self.count).map(|back| self.next.wrapping_sub(back) % Self::KEPT);
        places.any(|place| {
            let (known, before) = self.known[place];
            known == step && same(before, value, tolerance)
        })
    }

    fn just_said(&self, step: u64, value: f64) -> bool {
        self.said
            .is_some_and(|(known, before)| known == step && same(before, value, Self::ROUNDED))
    }

    fn note(&mut self, step: u64, value: f64) {
        // A resume supersedes what was said from there on.
        while self.goes_back(step) {
            self.next = self.next.wrapping_sub(1);
            self.count -= 1;
        }
        self.known[self.next % Self::KEPT] = (step, value);
        self.next = self.next.wrapping_add(1);
        self.count = Self::KEPT.min(self.count + 1);
    }
}

fn same(one: f64, other: f64, tolerance: f64) -> bool {
    one.to_bits() == other.to_bits()
        || (one - other).abs() <= tolerance * one.abs()
        || (one.is_nan() && other.is_nan())
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    #[test]
    fn every_rank_writes_and_one_counts() {
        let mut content = String::new();
        for step in 1..20 {
            for rank in [3, 0, 2, 1] {
                content.push_str(&format!(
                    "[rank{rank}]:[titan] 2026-05-18 16:04:46,338 - root - INFO - step: {step}  loss:  {}  memory:  9.46GiB(64.99%)  tps: 7,282\n",
                    3.0 + f64::from(rank) * 0.1
                ));
            }
        }
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), (1..20).collect::<Vec<u64>>());
        assert_eq!(read.decoded.records.value(18, Quantity::TrainLoss), Some(3.3));
    }

    #[test]
    fn the_loss_of_all_ranks_counts() {
        let line = |rank: u32, step: u32| {
            let (of_all, own) = (9.0 / f64::from(step), 9.5 / f64::from(step + rank));
            format!(
                "[XTuner][RANK {rank}][2025-08-29 09:17:01][INFO] Step {step}/100 lr: 0.000020 total_loss: {own:.3} reduced_llm_loss: {of_all:.3} grad_norm: 13.9\n"
            )
        };
        // One rank is a step behind another.
        let ranks = [2, 0, 1].map(|rank| (1..20).map(move |step| (4 * step + rank * 3, rank, step)));
        let mut lines: Vec<(u32, u32, u32)> = ranks.into_iter().flatten().collect();
        lines.sort_unstable();
        let content: String = lines.iter().map(|(_, rank, step)| line(*rank, *step)).collect();
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), (1..20).collect::<Vec<u64>>());
        assert_eq!(read.decoded.records.value(2, Quantity::TrainLoss), Some(3.0));
    }

    #[test]
    fn a_summary_repeats_no_point() {
        let content = "global_step=50 train_loss=9.4 lr=1e-4\nglobal_step=100 train_loss=9.1 lr=1e-4\nglobal_step=150 train_loss=9.0 lr=1e-4\n\
            [Epoch 1] global_step=150 train_loss=9.0\n";
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        assert_eq!(read.decoded.records.steps(), [50, 100, 150]);
    }

    #[test]
    fn two_processes_write_to_one_log_without_saying_which_they_are() {
        let line = |step: u32, loss: f64| format!("{{\"step\": {step}, \"loss\": {loss}, \"lr\": 1e-5}}\n");
        let loss = |step: u32| 2.0 - 0.002 * f64::from(step);
        // Side by side, later one behind the other.
        let mut content = String::new();
        for step in 1..60 {
            content += &line(step * 10, loss(step));
            let behind = step - step / 20;
            // One of them is farther off.
            let off = if step == 50 { 0.04 } else { 2e-4 };
            content += &line(behind * 10, loss(behind) + off);
        }
        let read = read_all(content.as_bytes(), &Names::default()).unwrap();
        let steps: Vec<u64> = (1..60).map(|step| step * 10).collect();
        assert_eq!(read.decoded.records.steps(), steps);
        // A resume overlaps by many steps, or has other losses.
        for (back, differs) in [(30, 0.0), (5, 0.05), (2, 0.0)] {
            let mut content: String = (1..60).map(|step| line(step, loss(step))).collect();
            content.extend((60 - back..90).map(|step| line(step, loss(step) + differs)));
            let read = read_all(content.as_bytes(), &Names::default()).unwrap();
            assert_eq!(read.decoded.records.len(), 59 + 30 + back as usize);
        }
    }
}
