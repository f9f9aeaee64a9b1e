//! What stands in brackets behind a name: a unit, a measure, a schedule or a power of ten.

use super::data::is_data;
use super::names::Names;
use super::objective::{NO_LONGER_A_LOSS, STAND_INS, is_another_loss, is_part_of_a_total};
use super::quantity::Quantity;
use super::rank::Fit;
use super::role::Role;
use super::words::canonical;

/// What a loss is counted in, which may stand behind its name.
pub(super) const UNITS: &[&str] = &[
    "nats",
    "nats_per_byte",
    "nats_per_token",
    "per_byte",
    "per_token",
    "per_sample",
    "per_batch",
];

/// The same in brackets, beside the measures of [`STAND_INS`].
const UNITS_IN_BRACKETS: &[&str] = &["ev", "mev", "a_u", "bits", "db"];

/// Parts of the names of schedules of a learning rate, which may stand behind it in brackets.
const SCHEDULES: &[&str] = &[
    "decay",
    "cosine",
    "step",
    "piecewise",
    "linear",
    "constant",
    "plateau",
    "polynomial",
    "exponential",
    "cyclic",
    "onecycle",
];

/// A loss with its unit, or how it is measured, in brackets: `Train Loss (MSE)`, `loss [a.u.]`. A learning rate
/// with its schedule: `lr(CosineAnnealingDecay)`.
pub(super) fn with_remark(name: &str) -> Option<Fit> {
    let (named, remark) = name.strip_suffix([')', ']'])?.rsplit_once(['(', '['])?;
    let (bracket, remark) = (remark, canonical(remark));
    let fit = Names::built_in(&canonical(named), named.trim_end())?;
    let is_known = if fit.role.same_slot(Role::of(Quantity::LearningRate)) {
        SCHEDULES.iter().any(|part| remark.contains(part))
    } else {
        let known = [STAND_INS, UNITS, UNITS_IN_BRACKETS];
        let is_named = || known.iter().any(|known| known.contains(&remark.as_str())) || is_acronym(bracket);
        fit.role.is_loss() && is_named()
    };
    is_known.then_some(fit)
}

/// True for what a loss may be called by its initials, `Training Loss (NLML)`, that says of neither its data nor which
/// part of the objective it is. A letter or two may be a player's, or a unit.
fn is_acronym(remark: &str) -> bool {
    let remark_in_words = canonical(remark);
    (3..=8).contains(&remark.len())
        && remark.bytes().all(|byte| byte.is_ascii_uppercase())
        && !is_data(&remark_in_words)
        && !is_another_loss(&remark_in_words)
        && !is_part_of_a_total(&remark_in_words)
        && !NO_LONGER_A_LOSS.contains(&remark_in_words.as_str())
}

/// The power of ten that values are told in: `1e-3`, `x1e-3`.
pub fn power_of_ten(text: &str) -> Option<f64> {
    let exponent: i32 = text.trim_start_matches('x').strip_prefix("1e")?.parse().ok()?;
    (exponent.abs() <= 12).then(|| 10_f64.powi(exponent))
}

/// A name with the power of ten in brackets that its values are told in: verl's `train/lr(1e-3)`.
pub(super) fn in_powers_of_ten(name: &str) -> Option<Fit> {
    let (name, power) = name.strip_suffix(')')?.rsplit_once('(')?;
    let power = power_of_ten(power)?;
    let fit = Names::built_in(&canonical(name), name.trim_end())?;
    match fit.role {
        Role::Value { quantity, scale } => Some(Fit {
            role: Role::Value {
                quantity,
                scale: scale * power,
            },
            ..fit
        }),
        Role::Step | Role::TotalSteps => None,
    }
}
