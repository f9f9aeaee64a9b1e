//! Gives the names of one file their roles, and keeps to it.

mod follow_on;

use std::collections::HashMap;

use super::{Column, Decoded};
use crate::metric::{
    Names, Quantity, Role, is_named_for_training, is_private, is_short_for_held_out, second_role,
};
use follow_on::Follow;

/// Which name of a file feeds which role.
///
/// A role is never fed from two names of one file, their case aside. When a name with a better claim
/// appears after values were taken from another, the file must be read again:
/// [`Roles::take`] reports that through `Decoded::remapped` and remembers it.
#[derive(Clone, Debug)]
pub struct Roles {
    names: Names,
    columns: Vec<Known>,
    index: HashMap<Box<str>, usize>,
    /// How often a quantity was recorded, see [`Roles::recorded`].
    recorded: [u64; Quantity::COUNT],
    /// The same when the file began to be read from its start.
    recorded_before: [u64; Quantity::COUNT],
}

#[derive(Clone, Debug)]
struct Known {
    name: String,
    role: Option<Role>,
    claim: Option<(Role, u16)>,
    used: bool,
    /// How often a name was met that would have had the better claim, had it not been so rare.
    contested: u64,
    /// For a loss: whether it follows on another name of its role, or another on it.
    follow: Follow,
    /// For a counter that is not the best of the file: what it was seen to be.
    other: Other,
}

impl Known {
    fn is_named_for_training(&self) -> bool {
        let is_train_loss = |(role, _): (Role, u16)| role.same_slot(Role::of(Quantity::TrainLoss));
        self.claim.is_some_and(is_train_loss) && is_named_for_training(&self.name)
    }
}

/// A counter that is not the best of its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Other {
    #[default]
    Unseen,
    /// Stands in for the best one where that is not.
    StandsIn,
    /// Stands beside the best one, and so counts something else.
    Beside,
}

impl Roles {
    /// Roles for a file in which these names are known to occur.
    pub fn new<'a>(names: &Names, known: impl IntoIterator<Item = &'a str>) -> Self {
        let mut roles = Roles {
            names: names.clone(),
            columns: Vec::new(),
            index: HashMap::new(),
            recorded: [0; Quantity::COUNT],
            recorded_before: [0; Quantity::COUNT],
        };
        for name in known {
            roles.learn(name);
        }
        roles
    }

    /// The role of a name; learns the name when it is new. The second value is true
    /// when the file must be read again because of it.
    pub fn role(&mut self, name: &str) -> (Option<Role>, bool) {
        self.meet(name, false)
    }

    /// The role of a name, which counts as used from its first value on when that stands `alone`.
    fn meet(&mut self, name: &str, alone: bool) -> (Option<Role>, bool) {
        let Some(index) = self.index.get(name).copied() else {
            let learnt = self.learn(name);
            let index = self.columns.len().saturating_sub(1);
            if let Some(known) = self.columns.last_mut().filter(|known| known.name == name) {
                known.used = alone;
                if known.follow != Follow::No {
                    return self.follow_on(index);
                }
            }
            return learnt;
        };
        let Some(known) = self.columns.get_mut(index) else {
            return (None, false);
        };
        known.used = true;
        if known.contested > 0 {
            known.contested += 1;
            return self.contest(index);
        }
        if known.follow != Follow::No {
            return self.follow_on(index);
        }
        (known.role, false)
    }

    /// Lines of text are torn and run into each other, which makes names: `Training loss` of
    /// one process cut in two by that of another is a `loss`, and that has the better claim.
    /// Where records are counted, such a name must not be rare among them.
    pub fn recorded(&mut self, draft: &Draft) {
        let mut present = draft.present();
        while present != 0 {
            if let Some(count) = self.recorded.get_mut(present.trailing_zeros() as usize) {
                *count += 1;
            }
            present &= present - 1;
        }
    }

    /// True for a name that has no role only because it is rare, or may yet follow on another.
    pub fn is_contested(&self, name: &str) -> bool {
        let known = self.index.get(name).and_then(|index| self.columns.get(*index));
        known.is_some_and(|known| known.contested > 0 || known.follow != Follow::No)
    }

    /// The role of a name that is known already.
    pub fn known(&self, name: &str) -> Option<Role> {
        let index = self.index.get(name)?;
        self.columns.get(*index)?.role
    }

    /// The role that a name would have if no other had it.
    pub fn claim(&self, name: &str) -> Option<Role> {
        match self.index.get(name).and_then(|index| self.columns.get(*index)) {
            Some(known) => known.claim.map(|(role, _)| role),
            None => self.names.role_of(name).map(|fit| fit.role),
        }
    }

    /// The role of a name beside which there is no step: it takes none from another name.
    pub fn take_what_is_left(&mut self, name: &str, out: &mut Decoded) -> Option<Role> {
        let is_new = !self.index.contains_key(name);
        if is_new && self.claim(name).is_some_and(|role| self.has(role)) {
            return None;
        }
        self.take(name, out)
    }

    /// The role of a name, for a record that goes to `out`.
    pub fn take(&mut self, name: &str, out: &mut Decoded) -> Option<Role> {
        let (role, remapped) = self.role(name);
        out.remapped |= remapped;
        role
    }

    /// The same for a name whose value stands alone, and is used whatever names follow.
    pub fn take_alone(&mut self, name: &str, out: &mut Decoded) -> Option<Role> {
        let (role, remapped) = self.meet(name, true);
        out.remapped |= remapped;
        role
    }

    /// True for a counter that gave way to a better one of the file: TensorFlow's estimator
    /// counts `step` while it trains and `global_step` when it evaluates.
    pub fn is_other_counter(&self, name: &str) -> bool {
        let known = self.index.get(name).and_then(|index| self.columns.get(*index));
        known.is_some_and(|known| {
            known.role.is_none() && known.claim.is_some_and(|(role, _)| role == Role::Step)
        })
    }

    /// Takes such a counter for the step of a record with a train loss that has none. One that
    /// was ever seen beside the best counter counts something else. True when it was taken.
    pub fn stand_in(
        &mut self,
        (name, value): (&str, f64),
        has_step: bool,
        draft: &mut Draft,
        out: &mut Decoded,
    ) -> bool {
        if !draft.has(Quantity::TrainLoss) {
            return false;
        }
        let Some(known) = self
            .index
            .get(name)
            .and_then(|index| self.columns.get_mut(*index))
        else {
            return false;
        };
        if has_step {
            out.remapped |= known.other == Other::StandsIn;
            known.other = Other::Beside;
        } else if known.other == Other::Unseen {
            known.other = Other::StandsIn;
        }
        let stands_in = known.other == Other::StandsIn;
        if stands_in {
            draft.step = whole(value);
        }
        stands_in
    }

    /// The names that were declared for this file.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// True when some name of the file has this role.
    pub fn has(&self, role: Role) -> bool {
        self.columns
            .iter()
            .any(|column| column.role.is_some_and(|taken| taken.same_slot(role)))
    }

    /// What would be the planned number of steps by its name counts those that were made: it is the
    /// step where there is no other. Returns the role that it has from here on.
    pub fn count_by_the_total(&mut self) -> Option<Role> {
        let role = (!self.has(Role::Step)).then_some(Role::Step);
        let total = self
            .columns
            .iter_mut()
            .find(|known| known.role == Some(Role::TotalSteps));
        if let Some(total) = total {
            total.role = role;
            total.claim = role.map(|role| (role, u16::MAX));
        }
        role
    }

    /// What has this name counts the steps, as nothing else of the file does.
    pub fn count_by(&mut self, name: &str) {
        let known = self
            .index
            .get(name)
            .and_then(|index| self.columns.get_mut(*index));
        if let Some(known) = known {
            known.role = Some(Role::Step);
            known.claim = Some((Role::Step, u16::MAX));
        }
    }

    /// True when something is measured on held-out data, or the name of the train loss is a
    /// known one.
    pub fn knows_the_loss(&self) -> bool {
        let is = |known: &Known, quantity| known.role.is_some_and(|role| role.same_slot(Role::of(quantity)));
        self.columns.iter().any(|known| {
            let private = known.claim.is_some_and(|(_, rank)| is_private(rank));
            is(known, Quantity::EvalLoss) || is(known, Quantity::TrainLoss) && !private
        })
    }

    /// True when some name of the file is a loss.
    pub fn has_loss(&self) -> bool {
        self.has(Role::of(Quantity::TrainLoss)) || self.has(Role::of(Quantity::EvalLoss))
    }

    /// All names seen, for `inspect`.
    pub fn columns(&self) -> Vec<Column> {
        self.columns
            .iter()
            .map(|known| Column {
                name: known.name.clone(),
                role: known.role,
            })
            .collect()
    }

    fn learn(&mut self, name: &str) -> (Option<Role>, bool) {
        /// A file of arbitrary keys must not fill the memory with names.
        const MOST_NAMES: usize = 4096;
        if self.columns.len() >= MOST_NAMES {
            return (None, false);
        }
        let claim = self.names.role_of(name).map(|fit| (fit.role, fit.rank));
        // Where data loading is timed per iteration, so is the iteration.
        let claim = match claim {
            Some((role, rank))
                if role.same_slot(Role::of(Quantity::WallTime))
                    && crate::metric::canonical(name) == "time"
                    && self.columns.iter().any(|known| known.name == "data_time") =>
            {
                Some((Role::of(Quantity::StepTime), rank))
            }
            claim => claim,
        };
        let is_short = is_short_for_held_out(name) && !self.names.declares(name);
        let claim = claim.filter(|_| !is_short || self.columns.iter().any(Known::is_named_for_training));
        let index = self.columns.len();
        self.index.insert(name.into(), index);
        self.columns.push(Known {
            name: name.to_owned(),
            role: None,
            claim,
            used: false,
            contested: 1,
            follow: Follow::No,
            other: Other::default(),
        });
        let is_of_training = self.columns.last().is_some_and(Known::is_named_for_training);
        let told = is_of_training && self.tell_what_is_short();
        let (role, remapped) = self.contest(index);
        (role, remapped || told)
    }

    /// Lets names claim what they may be short for, now that there is one beside them which tells it. True where
    /// there are such.
    fn tell_what_is_short(&mut self) -> bool {
        let waits = |known: &Known| known.claim.is_none() && is_short_for_held_out(&known.name);
        let mut told = false;
        while let Some(index) = self.columns.iter().position(waits)
            && let Some(known) = self.columns.get_mut(index)
            && let Some(fit) = self.names.role_of(&known.name)
        {
            known.claim = Some((fit.role, fit.rank));
            self.contest(index);
            told = true;
        }
        told
    }

    /// Gives a name the role that it claims, unless another has it with a better claim, or
    /// has been used so often that the name is but a rarity.
    fn contest(&mut self, index: usize) -> (Option<Role>, bool) {
        const MOST_OFTEN: u64 = 20;
        let Some(known) = self.columns.get(index) else {
            return (None, false);
        };
        let (name, claim, met) = (known.name.clone(), known.claim, known.contested);
        let mut role = claim.map(|(role, _)| role);
        let recorded = match role {
            Some(Role::Value { quantity, .. }) => self.recorded.get(quantity.index()).copied(),
            _ => None,
        };
        let recorded = recorded.unwrap_or_default();
        let mut remapped = false;
        let mut contested = 0;
        let mut follow = Follow::No;
        if let Some((wanted, rank)) = claim
            && let Some(holder) = self
                .columns
                .iter_mut()
                .find(|known| known.role.is_some_and(|held| held.same_slot(wanted)))
        {
            if holder.name.eq_ignore_ascii_case(&name) {
                // `Test loss` in one place, `Test Loss` in another.
            } else if holder.claim.is_some_and(|(_, held)| held <= rank) {
                role = second_role(&name);
                follow = Roles::may_follow(&name, wanted, holder);
            } else if holder.used && met * MOST_OFTEN < recorded {
                (role, contested) = (None, met);
            } else {
                remapped = holder.used;
                holder.role = second_role(&holder.name);
            }
        }
        if let Some(known) = self.columns.get_mut(index) {
            (known.role, known.contested, known.follow) = (role, contested, follow);
        }
        (role, remapped)
    }
}

/// The values of one record while it is being put together.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The step, if the record has one.
    pub step: Option<u64>,
    values: [f64; Quantity::COUNT],
    present: u32,
}

impl Draft {
    /// Sets what a role stands for.
    #[inline]
    pub fn set(&mut self, role: Role, value: f64, out: &mut Decoded) {
        match role {
            Role::Step => self.step = whole(value),
            Role::TotalSteps => out.total_steps = whole(value).filter(|total| *total > 0).or(out.total_steps),
            Role::Value {
                quantity: Quantity::WallTime,
                ..
            } => {
                if let Some(seconds) = since_epoch(value) {
                    self.put(Quantity::WallTime, seconds);
                } else if !self.has(Quantity::Elapsed) {
                    self.put(Quantity::Elapsed, value);
                }
            }
            Role::Value { quantity, scale } => self.put(quantity, value * scale),
        }
    }

    /// Sets a quantity in its own unit.
    pub fn put(&mut self, quantity: Quantity, value: f64) {
        self.values[quantity.index()] = value;
        self.present |= 1 << quantity.index();
    }

    /// The value of a quantity, if set.
    pub fn get(&self, quantity: Quantity) -> Option<f64> {
        (self.present & (1 << quantity.index()) != 0).then(|| self.values[quantity.index()])
    }

    /// Sets what is set in another draft of the same step.
    pub fn take_in(&mut self, other: &Draft) {
        for quantity in Quantity::ALL {
            if let Some(value) = other.get(quantity) {
                self.put(quantity, value);
            }
        }
    }

    /// Which quantities are set, as a mask by [`Quantity::index`].
    pub fn present(&self) -> u32 {
        self.present
    }

    /// Takes a quantity out again.
    pub fn remove(&mut self, quantity: Quantity) {
        self.present &= !(1 << quantity.index());
    }

    /// True when a quantity was set.
    pub fn has(&self, quantity: Quantity) -> bool {
        self.get(quantity).is_some()
    }

    /// True when a loss was set.
    pub fn has_loss(&self) -> bool {
        self.has(Quantity::TrainLoss) || self.has(Quantity::EvalLoss)
    }

    /// True when nothing but perhaps a step was set.
    pub fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// The record is about held-out data although its names do not say so: its loss is an
    /// evaluation, and a counter that went back counts batches of the evaluation.
    pub fn about_held_out_data(&mut self, last_step: Option<u64>) {
        if let Some(loss) = self.get(Quantity::TrainLoss) {
            self.remove(Quantity::TrainLoss);
            if !self.has(Quantity::EvalLoss) {
                self.put(Quantity::EvalLoss, loss);
            }
        }
        if last_step.is_some_and(|last| self.step.is_some_and(|step| step < last)) {
            self.step = last_step;
        }
    }

    /// Adds the record at `step`.
    pub fn push(&self, step: u64, out: &mut Decoded) {
        out.records.push_row(step, self.present, &self.values);
    }
}

/// A point in time in seconds since the epoch, logged in seconds or smaller units. What is
/// too small for one is the time since the start under an ambiguous name (`time`).
fn since_epoch(value: f64) -> Option<f64> {
    [1.0, 1e-3, 1e-6, 1e-9]
        .iter()
        .map(|unit| value * unit)
        .find(|seconds| (3e8..1e10).contains(seconds))
}

/// A number that counts something, as steps do.
pub fn whole(value: f64) -> Option<u64> {
    // As `round`, which is a call; signed, for which there are instructions.
    let nearest = |value: f64| {
        let below = value as i64;
        below.cast_unsigned() + u64::from(value - below as f64 >= 0.5)
    };
    (0.0..9e15).contains(&value).then(|| nearest(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_short_for_held_out_data_is_told_by_its_neighbour() {
        let eval = |names: &[&str]| {
            let mut roles = Roles::new(&Names::default(), names.iter().copied());
            names
                .iter()
                .find(|name| roles.role(name).0 == Some(Role::of(Quantity::EvalLoss)))
                .map(|name| (*name).to_owned())
        };
        assert_eq!(eval(&["epoch", "loss", "te_loss"]), None);
        assert_eq!(eval(&["epoch", "loss", "vl_loss", "ll_loss"]), None);
        assert_eq!(eval(&["epoch", "tr_loss", "vl_loss"]).as_deref(), Some("vl_loss"));
        assert_eq!(eval(&["te_loss", "tr_loss"]).as_deref(), Some("te_loss"));
        assert_eq!(
            eval(&["train_loss", "te_loss", "val_loss"]).as_deref(),
            Some("val_loss")
        );
    }
}
