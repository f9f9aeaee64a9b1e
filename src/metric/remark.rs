//! What stands in brackets behind a name: a unit, a measure, a schedule or a power of ten.

use super::names::Names;
use super::objective::STAND_INS;
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
    let remark = canonical(remark);
    let fit = Names::built_in(&canonical(named), named.trim_end())?;
    let is_known = if fit.role.same_slot(Role::of(Quantity::LearningRate)) {
        SCHEDULES.iter().any(|part| remark.contains(part))
    } else {
        let known = [STAND_INS, UNITS, UNITS_IN_BRACKETS];
        fit.role.is_loss() && known.iter().any(|known| known.contains(&remark.as_str()))
    };
    is_known.then_some(fit)
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
