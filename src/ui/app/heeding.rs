//! Alerts as the user heeds them: which is selected, seen or muted.

use std::sync::Arc;

use super::App;
use crate::alert::gravity::Subject;
use crate::alert::{Alert, in_words};
use crate::names::Names;
use crate::snapshot::{RunView, Snapshot, State};
use crate::ui::keys::View;
use crate::ui::noticed::{Noticed, noticed};

/// Columns for the name of a run in the word about the last action.
const NOTICE_NAME: usize = 30;

impl App {
    /// All alerts, those that need attention first.
    pub fn alerts<'a>(&self, snapshot: &'a Snapshot) -> Vec<(&'a Arc<RunView>, &'a Alert)> {
        let mut alerts: Vec<(&Arc<RunView>, &Alert)> = self
            .shown(snapshot)
            .into_iter()
            .flat_map(|run| run.alerts.iter().map(move |alert| (run, alert)))
            .collect();
        // What is acknowledged keeps its place: the next key is then for the same alert.
        alerts.sort_by(|(run, alert), (other_run, other)| {
            let rank = |run: &RunView, alert: &Alert| {
                let over = alert.cleared_at_step.is_some();
                // Nothing can be done any more for a run that has finished.
                let finished = run.state == State::Finished;
                (
                    over,
                    finished,
                    std::cmp::Reverse(alert.severity),
                    Subject::of(alert.kind),
                )
            };
            let time = |run: &RunView, alert: &Alert| {
                let at = run.time_of(alert.raised_at_step);
                at.unwrap_or(run.last_data_at)
            };
            rank(run, alert)
                .cmp(&rank(other_run, other))
                .then(time(other_run, other).total_cmp(&time(run, alert)))
                .then(other.raised_at_step.cmp(&alert.raised_at_step))
        });
        alerts
    }

    /// What the selected line of the alerts view is about.
    pub fn selected_noticed<'a>(&self, snapshot: &'a Snapshot) -> Option<Noticed<'a>> {
        let mut lines = noticed(self, snapshot);
        let last = lines.len().checked_sub(1)?;
        Some(lines.swap_remove(self.line.min(last)))
    }

    /// The alerts on the selected line of the alerts view; none where it is about something else.
    fn selected_alerts<'a>(&self, snapshot: &'a Snapshot) -> Vec<(&'a Arc<RunView>, &'a Alert)> {
        match self.selected_noticed(snapshot) {
            Some(Noticed::Alerts(run, alerts)) => alerts.into_iter().map(|alert| (run, alert)).collect(),
            _ => Vec::new(),
        }
    }

    /// True when the user wants to hear no more of this kind from this run.
    pub fn is_muted(&self, run: &RunView, alert: &Alert) -> bool {
        self.muted.contains(&(run.id.clone(), alert.kind))
    }

    /// Mutes the kind of the selected alert in its run, or lets it be heard again.
    pub(super) fn mute(&mut self, snapshot: &Snapshot) {
        if self.view != View::Alerts {
            self.notice = "choose an alert in the alerts view to mute its kind".to_owned();
            return;
        }
        let chosen = self.selected_alerts(snapshot);
        let Some((run, alert)) = chosen.first() else {
            self.notice = "no alert here to mute".to_owned();
            return;
        };
        let name = Names::of(snapshot).short(&run.id, NOTICE_NAME);
        let what = format!("{} in {name}", in_words(alert.kind));
        let key = (run.id.clone(), alert.kind);
        if self.muted.remove(&key) {
            self.notice = format!("heard again: {what}");
        } else {
            self.muted.insert(key);
            self.notice = format!("muted {what}; K again hears it");
        }
    }

    /// True when the user has seen this alert and said so, or muted its kind.
    pub fn is_acknowledged(&self, run: &RunView, alert: &Alert) -> bool {
        self.is_muted(run, alert)
            || self
                .acknowledged
                .contains(&(run.id.clone(), alert.kind, alert.opened_at_step))
    }

    /// Acknowledges the selected alert, or those of the selected run; where that has been done,
    /// takes it back.
    pub(super) fn acknowledge(&mut self, snapshot: &Snapshot) {
        let chosen: Vec<(&Arc<RunView>, &Alert)> = match self.view {
            View::Alerts => self.selected_alerts(snapshot),
            _ if !self.shows_selection() => Vec::new(),
            _ => {
                let run = self.selected_run(snapshot).into_iter();
                run.flat_map(|run| run.open_alerts().map(move |alert| (run, alert)))
                    .collect()
            }
        };
        let heard: Vec<_> = chosen
            .into_iter()
            .filter(|(run, alert)| !self.is_muted(run, alert))
            .collect();
        let (Some((run, first)), count) = (heard.first(), heard.len()) else {
            self.notice = "no alert here to acknowledge".to_owned();
            return;
        };
        let what = match count {
            1 => in_words(first.kind),
            _ => format!("{count} alerts"),
        };
        let name = Names::of(snapshot).short(&run.id, NOTICE_NAME);
        let what = format!("{what} of {name}");
        let all_seen = heard.iter().all(|(run, alert)| self.is_acknowledged(run, alert));
        let keys = heard
            .iter()
            .map(|(run, alert)| (run.id.clone(), alert.kind, alert.opened_at_step));
        if all_seen {
            keys.for_each(|key| {
                self.acknowledged.remove(&key);
            });
            self.notice = format!("taken back: {what}");
        } else {
            self.acknowledged.extend(keys);
            self.notice = format!("seen: {what}; A again takes it back");
        }
    }
}
