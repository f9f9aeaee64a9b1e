//! What the charts show: curves, axes, window and cursor.

use super::App;
use crate::forecast::LEVELS;
use crate::metric::Quantity;
use crate::snapshot::Snapshot;
use crate::ui::chart::Extent;
use crate::ui::keys::{Action, View};
use crate::ui::plot::smooth::{AUTOMATIC, WIDTHS};

/// What the horizontal axis shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XAxis {
    /// Optimiser steps.
    Step,
    /// Tokens seen.
    Tokens,
    /// Time since the start at the recent pace.
    Time,
}

const fn on_or_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

const fn scale_in_words(logarithmic: bool) -> &'static str {
    if logarithmic { "logarithmic" } else { "linear" }
}

/// The window of a chart that shows everything.
pub(super) const ALL: (f64, f64) = (0.0, 1.0);

impl App {
    /// The level of the interval that is shown: `80%`.
    pub fn level_in_words(&self) -> String {
        let level = LEVELS.get(self.level).copied().unwrap_or_default();
        format!("{:.0}%", level * 100.0)
    }

    /// True while the charts show a part of what there is.
    pub fn is_zoomed(&self) -> bool {
        self.window != ALL
    }

    /// Width of the smoothing as a share of a run with many points.
    pub fn smoothing_share(&self) -> f64 {
        WIDTHS.get(self.smoothing).copied().unwrap_or(0.0)
    }

    pub(super) fn update_chart(&mut self, action: Action, snapshot: &Snapshot) {
        match action {
            Action::LogY => {
                self.log_y = !self.log_y;
                self.notice = format!("y axis: {}", scale_in_words(self.log_y));
            }
            Action::LogX => {
                self.log_x = !self.log_x;
                self.notice = format!("x axis: {}", scale_in_words(self.log_x));
            }
            Action::XAxis => self.turn_x_axis(snapshot),
            Action::Smooth(by) => {
                let wanted = self.smoothing as i64 + i64::from(by);
                self.smoothing = wanted.clamp(0, WIDTHS.len() as i64 - 1) as usize;
                self.notice = match self.smoothing {
                    0 => "smoothing: none".to_owned(),
                    AUTOMATIC => "smoothing: auto".to_owned(),
                    _ => {
                        let of_auto = WIDTHS.get(AUTOMATIC).copied().unwrap_or(1.0);
                        format!("smoothing: auto x {}", self.smoothing_share() / of_auto)
                    }
                };
            }
            Action::Raw => {
                self.raw = !self.raw;
                self.notice = format!("raw points: {}", on_or_off(self.raw));
            }
            Action::Outliers => {
                self.full_range = !self.full_range;
                let range = if self.full_range {
                    "all values"
                } else {
                    "without outliers"
                };
                self.notice = format!("y axis: {range}");
            }
            Action::Forecast => {
                self.forecast = !self.forecast;
                self.notice = format!("forecast: {}", on_or_off(self.forecast));
            }
            Action::Interval => {
                self.level = (self.level + 1) % LEVELS.len();
                self.notice = format!("± and the band: {}", self.level_in_words());
            }
            Action::Zoom(by) => self.zoom(by),
            Action::Pan(by) => {
                let (from, to) = self.window;
                let shift = (f64::from(by) * 0.2 * (to - from)).clamp(-from, 1.0 - to);
                self.window = (from + shift, to + shift);
                if shift == 0.0 {
                    self.notice = "nothing further this way; + zooms in".to_owned();
                }
            }
            Action::Fit => self.window = ALL,
            Action::Cursor(by) => {
                let (from, to) = self.window;
                let at = self.cursor.unwrap_or((from + to) / 2.0) + f64::from(by) * (to - from) / 200.0;
                self.cursor = Some(at.clamp(from, to));
            }
            Action::CursorOff => self.cursor = None,
            Action::Event(by) => self.seek_event(by, snapshot),
            _ => {}
        }
    }

    /// The other loss; in the detail view the next of all curves that the run has.
    pub(super) fn turn_metric(&mut self, snapshot: &Snapshot) {
        let run = self.selected_run(snapshot).filter(|_| self.view == View::Detail);
        let Some(run) = run else {
            let next = match self.metric {
                Some(Quantity::EvalLoss) => Quantity::TrainLoss,
                _ => Quantity::EvalLoss,
            };
            self.metric = Some(next);
            self.notice = format!("showing {next} where it is logged");
            return;
        };
        let curves = crate::ui::detail::curves(run);
        let shown = crate::ui::detail::curve_shown(self, run);
        let at = curves.iter().position(|curve| Some(*curve) == shown);
        let next = at.map_or(0, |at| (at + 1) % curves.len().max(1));
        self.notice = match curves.get(next) {
            Some(curve) if Some(*curve) != shown => format!("showing {curve}"),
            _ => "the log has no other curve".to_owned(),
        };
        self.metric = curves.get(next).copied().or(self.metric);
    }

    /// The next of what the horizontal axis can show for the runs on the screen.
    fn turn_x_axis(&mut self, snapshot: &Snapshot) {
        let runs: Vec<_> = match self.view {
            View::Compare => self.compared(snapshot),
            View::Alerts => self
                .selected_noticed(snapshot)
                .map(|noticed| noticed.run())
                .into_iter()
                .collect(),
            _ => self.selected_run(snapshot).into_iter().collect(),
        };
        let possible = |axis: &XAxis| match axis {
            XAxis::Step => true,
            XAxis::Tokens => runs.iter().all(|run| run.tokens_per_step.is_some()),
            XAxis::Time => runs.iter().all(|run| run.seconds_per_step.is_some()),
        };
        let after = match self.x_axis {
            XAxis::Step => [XAxis::Tokens, XAxis::Time, XAxis::Step],
            XAxis::Tokens => [XAxis::Time, XAxis::Step, XAxis::Tokens],
            XAxis::Time => [XAxis::Step, XAxis::Tokens, XAxis::Time],
        };
        let next = after.into_iter().find(possible).unwrap_or(XAxis::Step);
        self.notice = match next {
            XAxis::Step if self.x_axis == XAxis::Step && runs.len() > 1 => {
                "these logs share neither tokens nor times"
            }
            XAxis::Step if self.x_axis == XAxis::Step => "the log has neither tokens nor times",
            XAxis::Step => "x axis: steps",
            XAxis::Tokens => "x axis: tokens",
            XAxis::Time => "x axis: time",
        }
        .to_owned();
        self.x_axis = next;
    }

    fn zoom(&mut self, by: i32) {
        let (from, to) = self.window;
        let center = self
            .cursor
            .filter(|at| *at >= from && *at <= to)
            .unwrap_or((from + to) / 2.0);
        let factor = if by > 0 { 0.7 } else { 1.0 / 0.7 };
        let half = ((to - from) * factor / 2.0).clamp(0.002, 0.5);
        let from = (center - half).clamp(0.0, 1.0 - 2.0 * half);
        let window = (from, from + 2.0 * half);
        if window == self.window {
            self.notice = if by > 0 {
                "nearest already"
            } else {
                "all is shown already"
            }
            .to_owned();
        }
        self.window = window;
    }

    /// Moves the cursor to the next or previous alert or resume of the selected run.
    fn seek_event(&mut self, by: i32, snapshot: &Snapshot) {
        let Some(run) = self.selected_run(snapshot) else {
            return;
        };
        let span = Extent::of(run, self.loss(run));
        let mut steps: Vec<f64> = run
            .alerts
            .iter()
            .map(|alert| span.share(alert.raised_at_step as f64))
            .collect();
        steps.sort_by(f64::total_cmp);
        let at = self.cursor.unwrap_or(if by > 0 { -1.0 } else { 2.0 });
        let next = if by > 0 {
            steps.iter().find(|step| **step > at + 1e-9)
        } else {
            steps.iter().rev().find(|step| **step < at - 1e-9)
        };
        match next {
            Some(step) => self.cursor = Some(*step),
            None => self.notice = "no further event".to_owned(),
        }
    }
}
