//! The runs as they compete, for each loss that they log.

use std::sync::Arc;

use super::Options;
use crate::forecast::contest::{Entrant, Folders};
use crate::metric::Quantity;
use crate::snapshot::{LossView, RunView};

/// The losses for which runs compete.
pub const LOSSES: [Quantity; 2] = [Quantity::EvalLoss, Quantity::TrainLoss];

/// The runs that compete, each at its place in the snapshot.
pub struct Entrants<'a> {
    /// Where the runs lie.
    pub folders: Folders<'a>,
    by_loss: [Vec<Option<Entrant<'a>>>; 2],
}

impl<'a> Entrants<'a> {
    /// Those of a snapshot.
    pub fn of(runs: &'a [Arc<RunView>], options: &'a Options) -> Entrants<'a> {
        let cohort = |run: &'a RunView| {
            options
                .config
                .of_run(&run.id, |section| section.cohort.as_deref())
        };
        let cohorts: Vec<Option<&str>> = runs.iter().map(|run| cohort(run)).collect();
        let for_loss = |quantity| {
            let runs = runs.iter().zip(&cohorts);
            let entrants = runs.map(|(run, cohort)| entrant(run, run.loss(quantity)?, *cohort));
            entrants.collect()
        };
        Entrants {
            folders: Folders::of(runs.iter().map(|run| run.id.as_str())),
            by_loss: LOSSES.map(for_loss),
        }
    }

    /// Those for a loss.
    pub fn for_loss(&self, quantity: Quantity) -> &[Option<Entrant<'a>>] {
        let place = LOSSES.iter().position(|loss| *loss == quantity);
        place
            .and_then(|place| self.by_loss.get(place))
            .map_or(&[], Vec::as_slice)
    }

    /// True when of the runs at these two places only the one with the lower loss is wanted.
    pub fn compete(&self, quantity: Quantity, one: usize, other: usize) -> bool {
        let entrants = self.for_loss(quantity);
        let entrant = |place: usize| entrants.get(place).and_then(Option::as_ref);
        let pair = entrant(one).zip(entrant(other));
        pair.is_some_and(|(one, other)| self.folders.compete(one, other))
    }
}

/// A run as one that competes for a loss; `None` where nobody can say where it will end.
fn entrant<'a>(run: &'a RunView, loss: &'a LossView, cohort: Option<&'a str>) -> Option<Entrant<'a>> {
    let forecast = loss.forecast.as_ref()?;
    forecast.final_loss.is_finite().then_some(())?;
    Some(Entrant {
        id: &run.id,
        cohort,
        quantity: loss.quantity,
        first_loss: loss.curve.points.first()?.max,
        loss: loss.smoothed,
        end: forecast.at_step,
        final_loss: forecast.final_loss,
        distribution: &forecast.distribution,
    })
}
