//! The fields of an object, with their paths.

use std::borrow::Cow;

use serde_json::Value;

use crate::format::number;
use crate::metric::is_learning_rate;

/// The name of one loss, where the name is that of several: `train_losses`, `losses/train`.
pub(in crate::format) fn singular(name: &str) -> Cow<'_, str> {
    if name.contains("osses") {
        Cow::Owned(name.replace("losses", "loss").replace("Losses", "Loss"))
    } else {
        Cow::Borrowed(name)
    }
}

/// Calls `each` for every value that is neither an object nor a list, with its path joined by `/`: a list of
/// one number is that number, and so is one of the same learning rates.
pub(in crate::format) fn visit(
    fields: &serde_json::Map<String, Value>,
    prefix: &str,
    depth: usize,
    each: &mut dyn FnMut(&str, &Value),
) {
    for (name, value) in fields {
        let path = if prefix.is_empty() {
            Cow::Borrowed(name.as_str())
        } else {
            Cow::Owned(format!("{prefix}/{name}"))
        };
        match value {
            Value::Object(inner) if depth > 0 => visit(inner, &singular(&path), depth - 1, each),
            Value::Array(values) => {
                // Schedulers write a rate for each group of parameters; several losses are of several things.
                let alike =
                    || is_learning_rate(name) && values.iter().all(|value| values.first() == Some(value));
                if let Some(value) = values.first().filter(|value| number::of_json(value).is_some())
                    && (values.len() == 1 || alike())
                {
                    each(&path, value);
                }
            }
            Value::Object(_) => {}
            value => each(&path, value),
        }
    }
}
