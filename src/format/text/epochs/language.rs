//! Trainers of language models.

use super::style::{Style, pair, train};

/// minimind: `Epoch:[1/1](10/39695), loss: 8.5371, .., lr: 0.00050000`.
pub const MINIMIND: Style = Style {
    base: 1,
    find: |line| {
        let rest = line.split_once("Epoch:[")?.1;
        let (epoch, epochs, rest) = pair(rest, "]")?;
        let (iteration, iterations, rest) = pair(rest.trim_start().strip_prefix('(')?, ")")?;
        train(epoch, epochs, iteration, iterations, rest)
    },
    rename: &[],
};
