//! The names of one log: what the user declared, what the log turned out to call its loss, and all that is known beside.

use std::collections::HashSet;

use super::data::{is_data, is_tested};
use super::objective::SUMMARIES;
use super::quantity::Quantity;
use super::rank::{Fit, TESTED, UNSAID, WRAPPED};
use super::remark::{in_powers_of_ten, with_remark};
use super::role::Role;
use super::table::{WRAPPERS, in_table};
use super::unlisted::pattern_role;
use super::words::{canonical, canonical_words};
use crate::pattern::LinePattern;

/// Names the user declared on the command line, which beat the table, and the shapes of
/// lines that the user described.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    declared: Vec<(String, Role)>,
    /// A loss that is not said to be of training is of held-out data.
    held_out: bool,
    /// A loss on test data is not the held-out loss: that on validation data is.
    validated: bool,
    /// What the log calls its loss, where that is not its name: see [`Names::call_the_loss`].
    called: Option<&'static str>,
    /// Lines of the user's own formats. They live as long as the process, as the
    /// built-in formats do.
    pub patterns: Vec<&'static LinePattern>,
}

impl Names {
    /// Declares that `name` (spelled as in the log) has `role`.
    pub fn declare(&mut self, name: &str, role: Role) {
        self.declared.push((name.to_owned(), role));
    }

    /// The names that the user declared and that none of these is.
    pub fn missing_among<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        if self.declared.is_empty() {
            return Vec::new();
        }
        let there: HashSet<String> = names.map(canonical).collect();
        let declared = self.declared.iter().map(|(name, _)| name);
        declared
            .filter(|name| !there.contains(&canonical(name)))
            .cloned()
            .collect()
    }

    /// True for a name that the user declared.
    pub fn declares(&self, name: &str) -> bool {
        !self.declared.is_empty() && self.declared_role(&canonical(name)).is_some()
    }

    fn declared_role(&self, canonical: &str) -> Option<Role> {
        let is = |declared: &str| self::canonical(declared) == canonical;
        let found = self.declared.iter().find(|(declared, _)| is(declared));
        found.map(|(_, role)| *role)
    }

    /// The role of a logged name, or `None` when it has none.
    pub fn role_of(&self, name: &str) -> Option<Fit> {
        let canonical = canonical(name);
        if let Some(role) = self.declared_role(&canonical) {
            return Some(Fit { role, rank: 0 });
        }
        let mut fit = Names::built_in(&canonical, name).or_else(|| self.stand_in(name))?;
        if fit.role.same_slot(Role::of(Quantity::EvalLoss)) && is_tested(name) {
            if self.validated {
                return None;
            }
            fit.rank = fit.rank.saturating_add(TESTED);
        }
        let train_loss = fit.role.same_slot(Role::of(Quantity::TrainLoss));
        if self.held_out && train_loss && !canonical.contains("train") {
            return Some(Fit {
                role: Role::of(Quantity::EvalLoss),
                rank: fit.rank.saturating_add(UNSAID),
            });
        }
        Some(fit)
    }

    /// Says that these are names of a log about held-out data.
    pub fn hold_out(&mut self) {
        self.held_out = true;
    }

    /// Says that a loss is named for this word and its data alone, as `val_mse` is. Where the word is empty, it is
    /// named for its data.
    pub fn call_the_loss(&mut self, word: &'static str) {
        self.called = Some(word);
    }

    /// The loss that goes by another name in this log, as if it were called a loss.
    fn stand_in(&self, name: &str) -> Option<Fit> {
        let called = self.called?;
        let words = canonical_words(name);
        let is_beside = |word: &str| {
            is_data(word) || SUMMARIES.contains(&word) || word.bytes().all(|byte| byte.is_ascii_digit())
        };
        let is_called = if called.is_empty() {
            is_data(&words)
        } else {
            let mut others = words.split('_').filter(|word| *word != called);
            words.split('_').any(|word| word == called) && others.all(is_beside)
        };
        let full = format!("{words}_loss");
        is_called.then(|| Names::built_in(&full, &full))?
    }

    /// Says that the log tells of validation data.
    pub fn leave_tests(&mut self) {
        self.validated = true;
    }

    pub(super) fn built_in(canonical: &str, name: &str) -> Option<Fit> {
        if let Some(fit) = in_table(canonical) {
            return Some(fit);
        }
        let words = canonical_words(name);
        in_table(&words)
            .or_else(|| {
                // Loggers put their own words before the names they are given: `metrics/loss`,
                // but not `data_time`.
                let mut inner = name;
                while let Some((word, rest)) = inner.split_once(['/', '.'])
                    && WRAPPERS
                        .iter()
                        .any(|wrapper| word.trim().eq_ignore_ascii_case(wrapper))
                {
                    inner = rest;
                }
                let fit = (inner.len() < name.len()).then(|| in_table(&self::canonical(inner)))??;
                Some(Fit {
                    rank: fit.rank + WRAPPED,
                    ..fit
                })
            })
            .or_else(|| with_remark(name.trim()))
            .or_else(|| in_powers_of_ten(name.trim()))
            .or_else(|| pattern_role(&words, name))
    }

    /// Gives each role to the best of `names`; the others stay without one.
    pub fn assign<S: AsRef<str>>(&self, names: &[S]) -> Vec<Option<Role>> {
        let fits: Vec<Option<Fit>> = names.iter().map(|name| self.role_of(name.as_ref())).collect();
        fits.iter()
            .enumerate()
            .map(|(index, fit)| {
                let fit = (*fit)?;
                let beaten = fits.iter().enumerate().any(|(other, rival)| {
                    rival.is_some_and(|rival| {
                        rival.role.same_slot(fit.role) && (rival.rank, other) < (fit.rank, index)
                    })
                });
                (!beaten).then_some(fit.role)
            })
            .collect()
    }
}
