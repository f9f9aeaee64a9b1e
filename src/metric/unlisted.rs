//! The roles of names that no table can list.

use super::data::{TEST_WORDS, TRAINING_WORDS, VALIDATION_WORDS, is_data};
use super::objective::{
    NO_LONGER_A_LOSS, RECONSTRUCTION, SUMMARIES, WHOLE, is_another_loss, is_whole_loss, tells_of_a_loss_alone,
};
use super::players::{ADVERSARIAL, AgentPart, CRITIC, POLICIES, Player, VALUE_FUNCTIONS, agent_part, player};
use super::quantity::Quantity;
use super::rank::{Fit, LAST, PATTERN_RANK, UNKNOWN_END};
use super::remark::UNITS;
use super::role::Role;
use super::table::{HELD_OUT_TOTAL_LOSS, TOTAL_LOSS, in_table};
use super::words::{canonical, end_of, last_at};

/// Models and objectives that a loss is named for with the word in front.
const MODELS: &[&str] = &[
    "vae",
    "ae",
    "autoencoder",
    "lm",
    "mlm",
    "ce",
    "mse",
    "nll",
    "diffusion",
    "generator",
    "g",
    "gen",
    "reconstruction",
    "recon",
    "train",
    "model",
];

/// Parts of the names of optimisers, which name the learning rates they log.
const OPTIMISERS: &[&str] = &[
    "adam",
    "sgd",
    "lamb",
    "lion",
    "muon",
    "adafactor",
    "rmsprop",
    "sophia",
    "shampoo",
    "soap",
    "adagrad",
];

/// Beginnings of the names of activations that are logged by module, as Composer does
/// (`activations/max/model.blocks.0`): the first of them stands for all.
const BY_MODULE: &[&str] = &["activations_max_", "activations_l2_norm_", "activation_norm_"];

/// What stands before the name of a learning rate that is not the one of the step.
const OTHER_RATES: &[&str] = &[
    "initial", "init", "min", "max", "peak", "final", "end", "start", "warmup", "target", "loaded", "config",
    "args", "hparams",
];

/// Which data a name is about, as its words say.
#[derive(Clone, Copy)]
struct Told {
    /// It names data, of whatever kind.
    names_data: bool,
    held_out: bool,
    /// `eval_train_loss`: an evaluation of the training data. What stands next to the loss says it.
    evaluates_training: bool,
}

impl Told {
    fn of(canonical: &str) -> Told {
        let names_data_at = |words: &[&str]| words.iter().filter_map(|word| last_at(canonical, word)).max();
        let held_out_at = names_data_at(VALIDATION_WORDS).max(names_data_at(TEST_WORDS));
        let trained_at = names_data_at(TRAINING_WORDS);
        let evaluates_training = held_out_at.is_some() && trained_at > held_out_at;
        Told {
            names_data: held_out_at.is_some() || trained_at.is_some(),
            held_out: held_out_at.is_some() && !evaluates_training,
            evaluates_training,
        }
    }
}

/// Names that no table can list: `val/c4_loss`, `pretrain_loss`, `lr-AdamW/group0`.
pub(super) fn pattern_role(canonical: &str, name: &str) -> Option<Fit> {
    let told = Told::of(canonical);
    let role = if is_loss(canonical, name, told) {
        if is_another_loss(canonical) {
            return None;
        }
        Role::of(if told.held_out {
            Quantity::EvalLoss
        } else {
            Quantity::TrainLoss
        })
    } else if is_rate_of_a_part(canonical, name) {
        Role::of(Quantity::LearningRate)
    } else if let Some((of, _)) = canonical
        .rsplit_once("_learning_rate")
        .or_else(|| canonical.rsplit_once("_lr"))
        .filter(|(_, behind)| behind.is_empty())
    {
        // `epoch_learning_rate`, `g_lr`
        if of.split('_').any(|word| OTHER_RATES.contains(&word)) {
            return None;
        }
        Role::of(Quantity::LearningRate)
    } else if told.held_out && (canonical.ends_with("bpb") || canonical.ends_with("bpc")) {
        return Some(Fit {
            role: Role::of(Quantity::EvalLoss),
            // A loss in bits is taken where there is none in nats.
            rank: 2 * PATTERN_RANK,
        });
    } else if BY_MODULE.iter().any(|start| canonical.starts_with(start)) {
        Role::of(Quantity::ActivationNorm)
    } else {
        return None;
    };
    if is_whole_loss(canonical) && !told.evaluates_training {
        return in_table(if told.held_out {
            HELD_OUT_TOTAL_LOSS
        } else {
            TOTAL_LOSS
        });
    }
    Some(Fit {
        role,
        rank: PATTERN_RANK + rank(canonical, name, told),
    })
}

/// True for the name of a loss, by its end or by what may stand behind the word.
fn is_loss(canonical: &str, name: &str, told: Told) -> bool {
    let last = canonical.rsplit('_').next();
    // `val CE`, `train_xent`: too short to be names of losses without their data.
    let is_cross_entropy = || told.names_data && last.is_some_and(|end| ["ce", "xent"].contains(&end));
    canonical.ends_with("loss")
        || canonical.ends_with("crossentropy")
        || canonical.ends_with("cross_entropy")
        || last == Some("nll")
        || is_cross_entropy()
        || says_what_was_done(canonical)
        || says_of_which_data(canonical, name)
        || says_of_which_model(canonical)
        || is_one_of_several(canonical, name)
}

/// `loss_mean`, `train_loss_total`, `loss (avg over 100 batches)`, `loss so far`: what is done to a loss may
/// stand behind it.
fn says_what_was_done(canonical: &str) -> bool {
    canonical.rsplit_once("loss_").is_some_and(|(_, behind)| {
        let (done, over) = behind.split_once('_').unwrap_or((behind, ""));
        behind == "so_far"
            || UNITS.contains(&behind)
            || (SUMMARIES.contains(&done) && (over.is_empty() || over.starts_with("over_")))
    })
}

/// `loss_train_avg`, `mse_loss (train)`: what is done to a loss, and its data. Without brackets a `val` may be
/// the last value of a meter.
fn says_of_which_data(canonical: &str, name: &str) -> bool {
    tells_of_a_loss_alone(canonical)
        || name.ends_with([')', ']'])
            && canonical
                .rsplit_once('_')
                .is_some_and(|(loss, data)| loss.ends_with("loss") && is_data(data))
}

/// `loss_vae`: a loss named for its model.
fn says_of_which_model(canonical: &str) -> bool {
    canonical.strip_prefix("loss_").is_some_and(|model| {
        [MODELS, POLICIES, VALUE_FUNCTIONS]
            .iter()
            .any(|known| known.contains(&model))
    })
}

/// `avg_loss_tgt`: the full name of a loss, and which of several it is. With blanks it is prose.
fn is_one_of_several(canonical: &str, name: &str) -> bool {
    canonical.rsplit_once('_').is_some_and(|(loss, which)| {
        let is_loss = || in_table(loss).is_some_and(|fit| fit.role.is_loss());
        // `valid loss/mse`
        let last = name.rsplit(' ').next().unwrap_or(name);
        let is_one_word = last.to_ascii_lowercase().contains("loss");
        is_one_word
            && loss.ends_with("_loss")
            && is_loss()
            && !NO_LONGER_A_LOSS.contains(&which)
            && which.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

/// `lr-AdamW/group0`, `lr/generator`: the learning rate of a group of parameters, or of a player.
fn is_rate_of_a_part(canonical: &str, name: &str) -> bool {
    ["lr_", "learning_rate_"].iter().any(|rate| {
        let of = canonical.strip_prefix(rate);
        of.is_some_and(|of| of.ends_with("group0") || OPTIMISERS.iter().any(|name| of.contains(name)))
            || of.is_some() && player(name).is_some()
    })
}

/// The rank of a name among those that follow a pattern. Of `policy/total_loss` and `policy/value_loss`
/// the one whose end the table knows, and of `hard_loss_metric` and `full_loss_metric` the whole.
fn rank(canonical: &str, name: &str, told: Told) -> u16 {
    let end = end_of(name);
    let has_one_of = |known: &[&str]| canonical.split('_').any(|word| known.contains(&word));
    let is_whole = has_one_of(WHOLE);
    let unknown = if is_whole { UNKNOWN_END - 1 } else { UNKNOWN_END };
    match player(name) {
        Some(Player::Generator) if is_whole => UNKNOWN_END - 3,
        // `soundstream total loss`
        None if canonical.ends_with(TOTAL_LOSS) => UNKNOWN_END - 3,
        _ if has_one_of(RECONSTRUCTION) => UNKNOWN_END - 2,
        Some(Player::Discriminator) if !canonical.contains(CRITIC) => LAST + 1,
        _ if has_one_of(ADVERSARIAL) => LAST,
        Some(Player::Generator) => UNKNOWN_END - 1,
        // What was trained on is told by each step.
        _ if told.evaluates_training => LAST,
        // What a policy is trained on says nothing of how good it is; the value function's says how
        // well it foresees the rewards.
        _ if canonical.contains("surrogate") || agent_part(end) == Some(AgentPart::Policy) => LAST,
        _ => in_table(&self::canonical(end)).map_or(unknown, |fit| fit.rank),
    }
}
