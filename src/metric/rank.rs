//! How well a name fits a role.

use super::quantity::Quantity;
use super::role::Role;
use super::table::in_table;
use super::words::canonical;

/// How well a name fits a role: lower is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The role.
    pub role: Role,
    /// Rank among the names of that role; 0 is the best.
    pub rank: u16,
}

/// True for a counter whose name says that it counts the whole run: `global_step`, not
/// `step` or `iter`, which may start again with every epoch.
pub fn counts_the_run(fit: Fit) -> bool {
    fit.role == Role::Step && in_table("step").is_some_and(|plain| fit.rank % WRAPPED < plain.rank)
}

/// What a name tells where another one has the role that it claims: of `loss` and `train_loss` the
/// first is that of the steps, and the second stands beside the evaluations.
pub fn second_role(name: &str) -> Option<Role> {
    (canonical(name) == "train_loss").then_some(Role::of(Quantity::TrainEstimate))
}

/// True for the rank of a name of which no more is known than that it speaks of a loss:
/// `cluster_loss`.
pub fn is_private(rank: u16) -> bool {
    rank >= PATTERN_RANK + UNKNOWN_END
}

/// How much later a name comes behind the word of a logger, so that it is behind all that the table knows without.
pub(super) const WRAPPED: u16 = 200;

pub(super) const PATTERN_RANK: u16 = 1000;

/// Rank, among names that follow a pattern, of those whose end says nothing either.
pub(super) const UNKNOWN_END: u16 = 500;

/// Rank of those that lead only where there is nothing else.
pub(super) const LAST: u16 = UNKNOWN_END + 1;

/// How much later a name of test data comes than those of validation data, whatever these are.
pub(super) const TESTED: u16 = 3 * PATTERN_RANK;

/// How much later a name comes that does not say of which data it is, than those that do.
pub(super) const UNSAID: u16 = 2 * TESTED;
