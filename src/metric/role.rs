//! What a column, a key or a field of a log is.

use super::quantity::Quantity;

/// What one column, key or field of a log is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// The optimiser step.
    Step,
    /// The planned number of steps of the whole run.
    TotalSteps,
    /// A quantity, after multiplication by `scale` (milliseconds to seconds, say).
    Value {
        /// The quantity.
        quantity: Quantity,
        /// Factor that brings the logged value to the unit of [`Quantity`].
        scale: f64,
    },
}

impl Role {
    /// The role of a quantity logged in its own unit.
    pub const fn of(quantity: Quantity) -> Self {
        Role::Value { quantity, scale: 1.0 }
    }

    /// True when two roles compete for the same place, whatever their scale.
    pub fn same_slot(self, other: Role) -> bool {
        match (self, other) {
            (Role::Step, Role::Step) | (Role::TotalSteps, Role::TotalSteps) => true,
            (Role::Value { quantity: a, .. }, Role::Value { quantity: b, .. }) => a == b,
            _ => false,
        }
    }

    /// True for a train or an eval loss.
    pub const fn is_loss(self) -> bool {
        matches!(
            self,
            Role::Value {
                quantity: Quantity::TrainLoss | Quantity::EvalLoss,
                ..
            }
        )
    }

    /// True for what counts steps or epochs.
    pub const fn counts(self) -> bool {
        matches!(
            self,
            Role::Step
                | Role::Value {
                    quantity: Quantity::Epoch,
                    ..
                }
        )
    }

    /// True for what tells how far a run has come: steps, epochs, tokens or samples.
    pub const fn tells_progress(self) -> bool {
        let amount = matches!(
            self,
            Role::Value {
                quantity: Quantity::Tokens | Quantity::Samples,
                ..
            }
        );
        self.counts() || amount
    }

    /// The name shown by `inspect`.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Step => "step",
            Role::TotalSteps => "total_steps",
            Role::Value { quantity, .. } => quantity.name(),
        }
    }
}
