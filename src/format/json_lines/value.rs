//! The value of one field, by its role.

use serde_json::Value;

use crate::format::number;
use crate::metric::{Quantity, Role};

pub(super) enum Reading {
    Number(f64),
    /// `10/735`, or `Epoch 10`
    Counter(u64, Option<u64>),
    Missing,
    Unreadable,
}

pub(super) fn read(value: &Value, role: Role) -> Reading {
    match value {
        Value::Number(number) => number.as_f64().map_or(Reading::Unreadable, Reading::Number),
        Value::String(text) if number::is_missing(text) => Reading::Missing,
        Value::String(text) => {
            let time = matches!(
                role,
                Role::Value {
                    quantity: Quantity::WallTime | Quantity::Elapsed | Quantity::StepTime,
                    ..
                }
            );
            let clock = || number::parse_clock(text).or_else(|| number::parse_timestamp(text));
            match number::parse(text) {
                Some(number) => Reading::Number(number),
                None if role.counts() => number::counter(text)
                    .map_or(Reading::Unreadable, |(count, total)| {
                        Reading::Counter(count, total)
                    }),
                None if time => clock().map_or(Reading::Missing, Reading::Number),
                None => Reading::Unreadable,
            }
        }
        _ => Reading::Missing,
    }
}
