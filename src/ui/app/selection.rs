//! Which run is selected, and which are compared.

use std::sync::Arc;

use super::App;
use crate::snapshot::{RunView, Snapshot};
use crate::ui::alerts;
use crate::ui::keys::View;

/// Runs that are compared at most.
const MOST_COMPARED: usize = 12;

impl App {
    /// Position of the selected run among those shown.
    pub fn selected_index(&self, shown: &[&Arc<RunView>]) -> usize {
        let position = self
            .selected
            .as_ref()
            .and_then(|id| shown.iter().position(|run| run.id == *id));
        position.unwrap_or(0).min(shown.len().saturating_sub(1))
    }

    /// The selected run.
    pub fn selected_run<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a Arc<RunView>> {
        let shown = self.shown(snapshot);
        shown.get(self.selected_index(&shown)).copied()
    }

    /// The runs that are compared: the marked ones, else the selected and its neighbours.
    pub fn compared<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a Arc<RunView>> {
        let shown = self.shown(snapshot);
        let is_baseline = |run: &RunView| self.baseline.as_deref() == Some(run.id.as_str());
        let marked = shown.iter().filter(|run| self.marked.contains(&run.id)).copied();
        let (baseline, others): (Vec<&Arc<RunView>>, Vec<_>) = marked.partition(|run| is_baseline(run));
        // What the others are compared with is always among them.
        let marked: Vec<&Arc<RunView>> = baseline.into_iter().chain(others).take(MOST_COMPARED).collect();
        if !marked.is_empty() {
            return marked;
        }
        // Without marks: the runs beside the selected one, as far as they are alike.
        let Some(selected) = shown.get(self.selected_index(&shown)).copied() else {
            return Vec::new();
        };
        let folder = |run: &RunView| run.id.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let alone = shown.iter().filter(|run| folder(run) == folder(selected)).count() == 1;
        let level = |run: &RunView| self.loss(run).map_or(f64::NAN, |loss| loss.smoothed);
        let alike = |run: &RunView| (level(run) / level(selected) - 1.0).abs() < 0.25;
        shown
            .into_iter()
            .filter(|run| run.id == selected.id || (alike(run) && (alone || folder(run) == folder(selected))))
            .take(MOST_COMPARED)
            .collect()
    }

    /// How many of the marked runs that pass the filter are compared, and of how many.
    pub fn compared_of_marked(&self, snapshot: &Snapshot) -> (usize, usize) {
        let shown = self.shown(snapshot);
        let marked = shown.iter().filter(|run| self.marked.contains(&run.id)).count();
        (marked.min(MOST_COMPARED), marked)
    }

    /// True when the view shows which run is selected.
    pub(super) fn shows_selection(&self) -> bool {
        matches!(self.view, View::Overview | View::Detail | View::Compare)
    }

    /// True when the view shows a chart, where it has the room.
    pub(super) fn shows_chart(&self, snapshot: &Snapshot) -> bool {
        match self.view {
            View::Overview | View::Detail | View::Compare => true,
            View::Alerts => alerts::has_chart(self.body) && self.selected_noticed(snapshot).is_some(),
            View::Files => false,
        }
    }

    pub(super) fn mark(&mut self, snapshot: &Snapshot) {
        let Some(id) = self.selected_run(snapshot).map(|run| run.id.clone()) else {
            return;
        };
        if !self.marked.remove(&id) {
            self.marked.insert(id);
        }
        if self.view == View::Overview {
            self.move_by(1, snapshot);
        }
    }
}
