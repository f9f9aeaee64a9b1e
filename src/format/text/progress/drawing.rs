//! The step that is being drawn: when it counts, and what it hands out.

use super::Progress;
use crate::format::text::scan::{named_numbers, push_value};
use crate::format::text::{Fields, Match};
use crate::metric::{Quantity, Role};

/// What a drawing says, by [`Quantity::index`].
pub(super) type Values = [Option<f64>; Quantity::COUNT];

#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    pub(super) step: u64,
    pub(super) values: Values,
    /// It is the last step of its bar.
    pub(super) full: bool,
    /// Steps before it were drawn too: once more the whole bar is the same step.
    pub(super) grown: bool,
    /// It was handed out already.
    pub(super) taken: bool,
    /// That was because nothing followed.
    pub(super) rested: bool,
    /// Something else followed it.
    pub(super) followed: bool,
}

impl Progress {
    /// Takes a drawing of a step, and hands out the one that was drawn before, or what this drawing adds to what
    /// was handed out.
    pub(super) fn draw(&mut self, step: u64, mut values: Values, full: bool, fields: &mut Fields) -> Match {
        match &mut self.drawn {
            Some(drawn) if drawn.step == step => {
                let again = !drawn.taken && full;
                // An evaluation may be added to what was handed out.
                let holds = |quantity: Quantity| {
                    let [before, now] = [&drawn.values, &values].map(|values| values[quantity.index()]);
                    before.map(f64::to_bits) == now.map(f64::to_bits)
                        || before.is_none() && quantity == Quantity::EvalLoss
                };
                fields.revises = drawn.rested && !Quantity::ALL.into_iter().all(holds);
                drawn.rested = false;
                if drawn.taken {
                    // Only an evaluation can still come.
                    values[Quantity::TrainLoss.index()] = None;
                }
                drawn.values = values;
                drawn.taken |= again;
                let drawn = *drawn;
                if again || drawn.taken {
                    return self.hand_out(drawn, fields);
                }
                Match::Notice
            }
            before => {
                let grown = before.is_some_and(|before| !before.full);
                let before = before.replace(Drawn {
                    step,
                    values,
                    full,
                    grown,
                    taken: false,
                    rested: false,
                    followed: false,
                });
                let Some(before) = before else {
                    return Match::Notice;
                };
                let told = if before.taken {
                    Match::Notice
                } else {
                    self.hand_out(before, fields)
                };
                match self.hand_out_the_pass(false, fields) {
                    Match::No => told,
                    evaluated => evaluated,
                }
            }
        }
    }

    /// The last step of a bar, which something else follows.
    pub(super) fn behind_the_last(&mut self, line: &str, fields: &mut Fields) -> Match {
        if line.trim().is_empty() {
            return Match::No;
        }
        if let Some(drawn) = &mut self.drawn {
            drawn.followed = true;
        }
        self.hand_out_the_last(false, fields)
    }

    /// The last step of a bar, unless it was handed out before.
    pub(super) fn hand_out_the_last(&mut self, rested: bool, fields: &mut Fields) -> Match {
        match &mut self.drawn {
            Some(drawn) if drawn.full && !drawn.taken => {
                (drawn.taken, drawn.rested) = (true, rested);
                let drawn = *drawn;
                self.hand_out(drawn, fields)
            }
            _ => Match::No,
        }
    }

    /// The quantities named in a part of the bar.
    pub(super) fn values(&mut self, text: &str) -> Values {
        let mut values = [None; Quantity::COUNT];
        named_numbers(text, |named| {
            let (name, fit) = self.names.find(named.words);
            let mut one = Fields::default();
            push_value(&mut one, name, fit, &named);
            if let (Some(Role::Value { quantity, scale }), Some((_, value))) =
                (fit.map(|fit| fit.role), one.values.first())
            {
                values[quantity.index()].get_or_insert(value * scale);
            }
        });
        values
    }

    pub(super) fn hand_out(&mut self, drawn: Drawn, fields: &mut Fields<'_>) -> Match {
        fields.step = Some(drawn.step);
        for quantity in Quantity::ALL {
            let Some(value) = drawn.values[quantity.index()] else {
                continue;
            };
            if quantity == Quantity::EvalLoss {
                if self
                    .evaluated
                    .is_some_and(|last| last.to_bits() == value.to_bits())
                {
                    continue;
                }
                self.evaluated = Some(value);
            } else if drawn.taken && drawn.values[Quantity::TrainLoss.index()].is_none() {
                continue;
            }
            fields.values.push((quantity.name(), value));
        }
        if fields.values.is_empty() {
            Match::Notice
        } else {
            Match::Record
        }
    }
}
