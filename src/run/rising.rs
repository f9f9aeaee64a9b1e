//! Runs whose train loss may rise while they learn, as their names tell.

use crate::format::Column;
use crate::metric::{AgentPart, Quantity, Role, agent_part, canonical, player};

/// True for the names of reinforcement learning. Preferences (DPO) have rewards as well, of what
/// was chosen and rejected, but a loss that falls.
pub(super) fn learns_from_rewards(columns: &[Column]) -> bool {
    let mentions = |words: &[&str]| {
        let mut names = columns.iter().map(|column| column.name.to_ascii_lowercase());
        names.any(|name| words.iter().any(|word| name.contains(word)))
    };
    let has_returns = columns.iter().any(|column| {
        let name = canonical(&column.name);
        name.split('_').any(|word| word == "return")
    });
    let of_episodes = has_returns && mentions(&["episode", "rollout"]);
    (mentions(&["reward", "ep_rew", "episode_return"]) || of_episodes)
        && !mentions(&["chosen", "rejected", "margin"])
}

/// True where a policy is trained beside a value function: what that must foresee changes with the
/// policy.
pub(super) fn is_an_agent(columns: &[Column]) -> bool {
    let has = |part| {
        columns
            .iter()
            .any(|column| agent_part(&column.name) == Some(part))
    };
    has(AgentPart::Policy) && has(AgentPart::ValueFunction)
}

/// True when the train loss is that of one player against another: it rises when the other gains.
pub(super) fn is_adversarial(columns: &[Column]) -> bool {
    let players = || {
        columns
            .iter()
            .filter_map(|column| Some((player(&column.name)?, column.role)))
    };
    let train = Role::of(Quantity::TrainLoss);
    let leads = |role: Option<Role>| role.is_some_and(|role| role.same_slot(train));
    let leader = players().find(|(_, role)| leads(*role));
    leader.is_some_and(|(leader, _)| players().any(|(other, _)| other != leader))
}
