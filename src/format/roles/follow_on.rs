//! Names for one role of which one follows on the other: `Train MSE Loss` in a first training and `Train MAE Loss` in
//! the next, or a loss that is named otherwise before the first step. The role goes to the later one once that
//! has been met more often, for the end of a log counts; unless the first comes back.

use super::{Known, Roles};
use crate::metric::{Role, is_tested, second_role};

/// What a name without a role that it claims was seen to be, beside the one that has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Follow {
    /// Nothing of the kind.
    #[default]
    No,
    /// Met so many times, since the other was recorded so many times.
    Met { times: u64, behind: Option<u64> },
    /// It had the role until another followed on.
    Followed,
}

impl Follow {
    const UNMET: Follow = Follow::Met {
        times: 0,
        behind: None,
    };
}

impl Roles {
    /// The file is read again from its start.
    pub fn read_again(&mut self) {
        self.recorded_before = self.recorded;
        for known in &mut self.columns {
            if known.follow != Follow::No && known.follow != Follow::Followed {
                known.follow = Follow::UNMET;
            }
        }
    }

    /// What a name is that another has taken the role of: one for a loss may follow on.
    pub(super) fn may_follow(name: &str, wanted: Role, holder: &Known) -> Follow {
        let measures_else = is_tested(name) && !is_tested(&holder.name);
        if wanted.is_loss() && second_role(name).is_none() && !measures_else {
            Follow::UNMET
        } else {
            Follow::No
        }
    }

    /// The role of a name that may follow on another, or was followed by one; and whether the file must be read
    /// again for it.
    pub(super) fn follow_on(&mut self, index: usize) -> (Option<Role>, bool) {
        let Some(known) = self.columns.get_mut(index) else {
            return (None, false);
        };
        let Some((wanted @ Role::Value { quantity, .. }, _)) = known.claim else {
            return (known.role, false);
        };
        let count = |counts: &[u64]| counts.get(quantity.index()).copied().unwrap_or_default();
        let read = count(&self.recorded) - count(&self.recorded_before);
        match &mut known.follow {
            Follow::No => return (known.role, false),
            Follow::Followed if read == 0 => return (None, false),
            // The later one has been recorded before it: they alternate.
            Follow::Followed => {}
            Follow::Met { times, behind } => {
                *times += 1;
                let behind = *behind.get_or_insert(read);
                if read != behind {
                    known.follow = Follow::No;
                    return (None, false);
                }
                if behind == 0 || *times <= behind {
                    return (None, false);
                }
            }
        }
        let comes_back = known.follow == Follow::Followed;
        (known.follow, known.role) = (Follow::No, Some(wanted));
        let others = self.columns.iter_mut().enumerate();
        let holder = others
            .filter(|(other, _)| *other != index)
            .map(|(_, known)| known)
            .find(|known| known.role.is_some_and(|held| held.same_slot(wanted)));
        if let Some(holder) = holder {
            holder.role = None;
            holder.follow = if comes_back { Follow::No } else { Follow::Followed };
        }
        (Some(wanted), true)
    }
}

#[cfg(test)]
mod tests {
    use crate::format::read_all;
    use crate::metric::{Names, Quantity};

    /// Steps and train losses of a log.
    fn losses(content: &str) -> Vec<(u64, f64)> {
        let records = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        let rows = records.rows();
        rows.filter_map(|row| Some((row.step(), row.value(Quantity::TrainLoss)?)))
            .collect()
    }

    fn epochs(loss: &str, epochs: u64) -> String {
        (1..=epochs)
            .map(|epoch| format!("Epoch {epoch}: Train {loss} Loss: {:.2}\n", 1.0 / epoch as f64))
            .collect()
    }

    #[test]
    fn the_longer_of_two_trainings_with_names_of_their_own_counts() {
        let content = epochs("MSE", 10) + &epochs("MAE", 40);
        let told = losses(&content);
        assert_eq!((told.len(), told.last().copied()), (40, Some((40, 0.03))));
        // The second is short so far.
        let told = losses(&(epochs("MSE", 10) + &epochs("MAE", 5)));
        assert_eq!((told.len(), told.last().copied()), (10, Some((10, 0.1))));
    }

    #[test]
    fn the_role_stays_with_a_name_that_comes_back() {
        let batch = |step: u64| format!("step {step}: mean val loss: 2.{step}\n");
        let content = [
            epochs("MSE", 4),
            epochs("MAE", 9),
            (1..9).map(batch).collect(),
            epochs("MSE", 5),
        ];
        assert_eq!(losses(&content.concat()).len(), 9);
    }

    #[test]
    fn a_name_from_before_the_first_step_gives_way() {
        let step = |step: u64| {
            let evaluation = format!("  step {step}: val NLL 1.{step}\n");
            format!(
                "  step {step}  loss 2.{step}\n{}",
                if step.is_multiple_of(3) { &*evaluation } else { "" }
            )
        };
        let content = format!(
            "  before: TinyStories val NLL: 1.6\n{}",
            (1..9).map(step).collect::<String>()
        );
        let records = read_all(content.as_bytes(), &Names::default())
            .unwrap()
            .decoded
            .records;
        let told = records.rows().filter_map(|row| row.value(Quantity::EvalLoss));
        assert_eq!(told.collect::<Vec<f64>>(), [1.3, 1.6]);
    }
}
