//! What every run has to say to its siblings, and whether they have heard it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::forecast::cohort::{Member, Profile};
use crate::metric::Quantity;
use crate::source::FileKey;

/// A statement of one run, with a number that grows whenever it has changed.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Who says it.
    pub key: FileKey,
    /// Which statement it is.
    pub serial: u64,
    /// What is said.
    pub member: Arc<Member>,
}

/// The newest statements of all runs.
#[derive(Default)]
pub(super) struct Statements {
    members: BTreeMap<(u8, FileKey), Statement>,
    serial: u64,
}

impl Statements {
    /// Begins with what finished runs elsewhere have said.
    pub fn with(references: &[(Quantity, Arc<Member>)]) -> Statements {
        let mut statements = Statements::default();
        // Keys from the top: files that are followed are counted from zero.
        for (key, (quantity, member)) in (0..u32::MAX).rev().zip(references) {
            statements.put(FileKey(key), *quantity, Some(Arc::clone(member)));
        }
        statements
    }

    /// Everything that is said, with the run that says it.
    pub fn all(&self) -> impl Iterator<Item = (u8, &Statement)> {
        self.members
            .iter()
            .map(|((quantity, _), statement)| (*quantity, statement))
    }

    /// Takes in what a run says of a loss now, or that it says nothing any more.
    pub fn put(&mut self, key: FileKey, quantity: Quantity, member: Option<Arc<Member>>) {
        self.serial += 1;
        let place = (quantity.index() as u8, key);
        match member {
            Some(member) => {
                let serial = self.serial;
                self.members.insert(place, Statement { key, serial, member });
            }
            None => {
                self.members.remove(&place);
            }
        }
    }

    /// Forgets a run.
    pub fn forget(&mut self, key: FileKey) {
        self.members.retain(|(_, of), _| *of != key);
        self.serial += 1;
    }

    /// Changes with every statement.
    pub fn revision(&self) -> u64 {
        self.serial
    }

    /// What all other runs say of a loss.
    pub fn others(&self, key: FileKey, quantity: Quantity) -> Vec<Statement> {
        let place = quantity.index() as u8;
        self.members
            .range((place, FileKey(0))..=(place, FileKey(u32::MAX)))
            .map(|(_, statement)| statement)
            .filter(|statement| statement.key != key)
            .cloned()
            .collect()
    }
}

/// The statements of those that are siblings of a run.
pub(super) fn siblings<'a>(
    profile: Option<&'a Profile>,
    statements: &'a [Statement],
) -> impl Iterator<Item = &'a Statement> {
    statements
        .iter()
        .filter(move |statement| profile.is_some_and(|profile| profile.is_sibling(&statement.member.profile)))
}

/// Which statements of siblings there are, as a list that can be compared.
pub(super) fn heard(profile: Option<&Profile>, statements: &[Statement]) -> Vec<(FileKey, u64)> {
    siblings(profile, statements)
        .map(|statement| (statement.key, statement.serial))
        .collect()
}
