//! Which logged name means which quantity.
//!
//! Every trainer names its metrics differently. This module owns the table of
//! names, in order of precedence, and nothing else: it never sees a value.

mod data;
mod names;
mod objective;
mod players;
mod quantity;
mod rank;
mod remark;
mod role;
mod table;
#[cfg(test)]
mod tests;
mod unlisted;
mod words;

pub use data::{
    SPLIT_FOLDERS, TEST_WORDS, TRAINING_WORDS, VALIDATION_WORDS, is_data, is_named_for_training,
    is_short_for_held_out, is_tested, tells_of_data,
};
pub use names::Names;
pub use objective::{COST, STAND_INS, TOTAL, is_part_of_a_total, is_part_of_the_loss, is_total_of};
pub use players::{AgentPart, Player, agent_part, is_learning_rate, player};
pub use quantity::Quantity;
pub use rank::{Fit, counts_the_run, is_private, second_role};
pub use remark::power_of_ten;
pub use role::Role;
pub use words::{canonical, is_one_of};
