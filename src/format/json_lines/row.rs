//! What an object is: a record, settings, or a summary.

use serde_json::Value;

use super::DEPTH;
use super::fields::visit;
use crate::format::number;
use crate::format::roles::Roles;
use crate::metric::{Quantity, Role};

pub(super) type Row = serde_json::Map<String, Value>;

/// True for a row with a step, an epoch or a loss. Others hold settings, or go on with the row before.
pub(super) fn is_record(roles: &Roles, fields: &Row) -> bool {
    let is_known = roles.has(Role::Step) || roles.has(Role::of(Quantity::Epoch));
    let counts = |name: &str| {
        let role = if is_known {
            roles.known(name)
        } else {
            roles.claim(name)
        };
        role.is_some_and(Role::counts)
    };
    any(fields, &counts) || has_loss(roles, fields)
}

pub(super) fn has_loss(roles: &Roles, fields: &Row) -> bool {
    any(fields, &|name| roles.claim(name).is_some_and(Role::is_loss))
}

/// True when a number of a row has such a name.
fn any(fields: &Row, is_one: &dyn Fn(&str) -> bool) -> bool {
    let mut found = false;
    visit(fields, "", DEPTH, &mut |name, value| {
        found = found || number::of_json(value).is_some() && is_one(name);
    });
    found
}

/// True for what Hugging Face's trainer says when it is done: its `train_loss` is a mean over
/// the whole run, not a point.
pub(in crate::format) fn sums_up(fields: &Row) -> bool {
    fields.contains_key("train_runtime") && !fields.contains_key("loss")
}
