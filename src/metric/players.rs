//! Whose loss it is, where several networks are trained against or beside each other.

use super::words::{canonical_words, end_of};

/// A player of adversarial training. The loss of each rises when the other gains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Player {
    /// What is trained for its own sake: its loss leads.
    Generator,
    /// Its opponent, which Wasserstein GANs call the critic.
    Discriminator,
}

const GENERATORS: &[&str] = &["g", "gen", "generator"];

/// Words for the part of a generator's loss that its opponent gives. It does not fall as the
/// generator gets better.
pub(super) const ADVERSARIAL: &[&str] = &["adv", "adversarial", "gan"];

const DISCRIMINATORS: &[&str] = &["d", "dis", "disc", "discriminator", CRITIC];

/// Also one that learns the value of states, from rewards.
pub(super) const CRITIC: &str = "critic";

/// True for the name of a learning rate, whatever it is one of: `lr`, `d_lr`, `optim/learning_rate`.
pub fn is_learning_rate(name: &str) -> bool {
    let words = canonical_words(name);
    words.split('_').any(|word| word == "lr") || words.contains("learning_rate")
}

/// The player whose loss or learning rate this may be: `Loss_G`, `g_loss`, `DLoss`, `Loss/D/loss`, `d_lr`,
/// `lr_generator`.
pub fn player(name: &str) -> Option<Player> {
    let words = canonical_words(name);
    if !is_learning_rate(name) && !words.contains("loss") {
        return None;
    }
    let is_one_of = |players: &[&str]| {
        let mut words = words.split('_').map(|word| word.trim_end_matches("loss"));
        words.any(|word| players.contains(&word))
    };
    match (is_one_of(GENERATORS), is_one_of(DISCRIMINATORS)) {
        (true, false) => Some(Player::Generator),
        (false, true) => Some(Player::Discriminator),
        _ => None,
    }
}

/// What an agent that learns from rewards is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentPart {
    /// What acts. Its loss says nothing of how good it is.
    Policy,
    /// What foresees the rewards, by which the policy is judged. Its loss says how well it does.
    ValueFunction,
}

pub(super) const POLICIES: &[&str] = &["policy", "actor", "pi", "pg"];

pub(super) const VALUE_FUNCTIONS: &[&str] = &["value", "vf", "v", "qf", "q", CRITIC];

/// The part of an agent whose loss this may be: `policy_loss`, `LossPi`, `train/loss_critic`, `vf_loss`.
pub fn agent_part(name: &str) -> Option<AgentPart> {
    if !name.to_ascii_lowercase().contains("loss") {
        return None;
    }
    let part = |name: &str| {
        let words = canonical_words(name);
        let mut words = words.split('_');
        words.find_map(|word| {
            let is_of = |parts: &[&str]| parts.contains(&word);
            let policy = is_of(POLICIES).then_some(AgentPart::Policy);
            policy.or_else(|| is_of(VALUE_FUNCTIONS).then_some(AgentPart::ValueFunction))
        })
    };
    // Of `default_policy/vf_loss` the end says it.
    part(end_of(name)).or_else(|| part(name))
}
