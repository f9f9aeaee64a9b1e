//! From view to view, and from line to line.

use super::App;
use crate::snapshot::Snapshot;
use crate::ui::chart::Extent;
use crate::ui::files::{File, files};
use crate::ui::filter::Filter;
use crate::ui::keys::{VIEWS, View};
use crate::ui::noticed::noticed;

impl App {
    pub(super) fn go(&mut self, view: View) {
        if view != self.view {
            self.history.push(self.view);
            self.show(view);
        }
        self.help = false;
    }

    /// Shows a view. The overview is home: from there no way leads back.
    fn show(&mut self, view: View) {
        self.view = view;
        self.line = 0;
        if view == View::Overview {
            self.history.clear();
        }
    }

    pub(super) fn turn(&mut self, by: i32) {
        let at = VIEWS.iter().position(|(view, _)| *view == self.view).unwrap_or(0) as i32;
        let next = (at + by).rem_euclid(VIEWS.len() as i32) as usize;
        if let Some((view, _)) = VIEWS.get(next) {
            self.show(*view);
        }
    }

    pub(super) fn back(&mut self) {
        if self.help {
            self.help = false;
        } else if self.cursor.is_some() && self.view != View::Overview {
            self.cursor = None;
        } else if self.view == View::Overview && !self.filter.is_empty() {
            // The foot line promises it, whatever was visited before.
            self.filter = Filter::default();
        } else if self.view == View::Overview {
            self.notice = "this is the overview; q quits".to_owned();
        } else {
            let before = self.history.pop();
            self.show(before.unwrap_or(View::Overview));
        }
    }

    pub(super) fn open(&mut self, snapshot: &Snapshot) {
        match self.view {
            View::Overview | View::Compare => self.go(View::Detail),
            View::Alerts => {
                if let Some(noticed) = self.selected_noticed(snapshot) {
                    let run = noticed.run();
                    let span = Extent::of(run, self.loss(run));
                    let at = noticed.step().map(|step| span.share(step as f64));
                    self.selected = Some(run.id.clone());
                    self.cursor = at;
                    self.go(View::Detail);
                }
            }
            View::Files => {
                if let Some(File::Log(log)) = files(snapshot).get(self.line)
                    && snapshot.runs.iter().any(|run| run.id == log.run)
                {
                    self.selected = Some(log.run.clone());
                    self.go(View::Detail);
                } else {
                    self.notice = "no run is shown from this file".to_owned();
                }
            }
            View::Detail => {}
        }
    }

    pub(super) fn move_by(&mut self, by: isize, snapshot: &Snapshot) {
        if self.help {
            self.help_scroll = (isize::from(self.help_scroll as i16))
                .saturating_add(by)
                .clamp(0, 60) as u16;
            return;
        }
        let step = |at: usize, count: usize| {
            let last = count.saturating_sub(1);
            (at as isize).saturating_add(by).clamp(0, last as isize) as usize
        };
        match self.view {
            View::Alerts => self.line = step(self.line, noticed(self, snapshot).len()),
            View::Files => self.line = step(self.line, files(snapshot).len()),
            View::Overview | View::Detail | View::Compare => {
                let shown = self.shown(snapshot);
                let at = step(self.selected_index(&shown), shown.len());
                self.selected = shown.get(at).map(|run| run.id.clone());
            }
        }
    }
}
