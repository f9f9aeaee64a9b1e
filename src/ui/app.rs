//! What the user has chosen to see. Pure: an action and a snapshot in, a new state out.

use std::collections::HashSet;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::files::{File, files};
use super::filter::Filter;
use super::keys::{Action, VIEWS, View};
use super::names::Names;
use super::noticed::{Noticed, noticed};
use super::plot::smooth::{AUTOMATIC, WIDTHS};
use super::theme::{Symbols, Theme};
use crate::alert::Alert;
use crate::forecast::LEVELS;
use crate::metric::Quantity;
use crate::snapshot::{LossView, RunView, Snapshot, State};

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

/// Columns by which runs can be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// Name.
    Name,
    /// Present loss.
    Loss,
    /// Projected final loss.
    Projected,
    /// Progress.
    Progress,
    /// Open alerts.
    Alerts,
}

const SORTS: [SortBy; 5] = [
    SortBy::Name,
    SortBy::Projected,
    SortBy::Loss,
    SortBy::Progress,
    SortBy::Alerts,
];

/// Columns for the name of a run in the word about the last action.
const NOTICE_NAME: usize = 30;

/// Runs that are compared at most.
const MOST_COMPARED: usize = 12;

impl SortBy {
    /// True where the largest comes first unless the order is reversed.
    pub const fn descends(self) -> bool {
        matches!(self, SortBy::Progress | SortBy::Alerts)
    }

    /// The word in the header.
    pub const fn name(self) -> &'static str {
        match self {
            SortBy::Name => "name",
            SortBy::Loss => "loss",
            SortBy::Projected => "projection",
            SortBy::Progress => "progress",
            SortBy::Alerts => "alerts",
        }
    }
}

/// What the caller must do beyond drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Draw, if something changed.
    Draw,
    /// End the program.
    Quit,
    /// Stop until continued.
    Suspend,
    /// Clear the screen and draw everything.
    Redraw,
}

/// The chosen view of the data.
pub struct App {
    /// What the user asked to watch, for the title.
    pub title: String,
    /// The screen shown.
    pub view: View,
    history: Vec<View>,
    /// Help is shown over it.
    pub help: bool,
    /// First line of the help.
    pub help_scroll: u16,
    /// Id of the selected run.
    pub selected: Option<String>,
    /// Selected line of the alerts and of the files.
    pub line: usize,
    /// Ids of marked runs.
    pub marked: HashSet<String>,
    /// Id of the baseline.
    pub baseline: Option<String>,
    /// Order of the runs.
    pub sort: SortBy,
    /// Reversed order.
    pub reversed: bool,
    /// The filter that holds.
    pub filter: Filter,
    /// The filter being typed.
    pub typing: Option<String>,
    /// The filter that held before the typing began.
    filter_before: Filter,
    /// Logarithmic vertical axis.
    pub log_y: bool,
    /// Logarithmic horizontal axis.
    pub log_x: bool,
    /// The horizontal axis.
    pub x_axis: XAxis,
    /// Index into the smoothing widths.
    pub smoothing: usize,
    /// Raw points are shown.
    pub raw: bool,
    /// Visible part of the horizontal axis, as shares of all.
    pub window: (f64, f64),
    /// Value cursor, as a share of all.
    pub cursor: Option<f64>,
    /// All values are in range, spikes included.
    pub full_range: bool,
    /// Forecasts are shown.
    pub forecast: bool,
    /// Index into the levels of the forecast's interval.
    pub level: usize,
    /// The loss wanted, or in the detail view any curve, where a run has it.
    pub metric: Option<Quantity>,
    /// The display stands still.
    pub frozen: Option<Arc<Snapshot>>,
    /// Acknowledged alerts: run, kind, step.
    pub acknowledged: HashSet<(String, &'static str, u64)>,
    /// Kinds of alert muted in a run: run, kind.
    pub muted: HashSet<(String, &'static str)>,
    /// Symbols of charts.
    pub symbols: Symbols,
    /// Colours.
    pub theme: &'static Theme,
    /// Lines on the screen, for paging.
    pub page: u16,
    /// A word about the last action.
    pub notice: String,
}

impl App {
    /// The state in which the program starts.
    pub fn new(title: String, theme: &'static Theme, symbols: Symbols) -> Self {
        App {
            title,
            view: View::Overview,
            history: Vec::new(),
            help: false,
            help_scroll: 0,
            selected: None,
            line: 0,
            marked: HashSet::new(),
            baseline: None,
            sort: SortBy::Name,
            reversed: false,
            filter: Filter::default(),
            typing: None,
            filter_before: Filter::default(),
            log_y: false,
            log_x: false,
            x_axis: XAxis::Step,
            smoothing: AUTOMATIC,
            raw: true,
            window: (0.0, 1.0),
            cursor: None,
            full_range: false,
            forecast: true,
            level: 1,
            metric: None,
            frozen: None,
            acknowledged: HashSet::new(),
            muted: HashSet::new(),
            symbols,
            theme,
            page: 20,
            notice: String::new(),
        }
    }

    /// The loss of a run that is shown.
    pub fn loss<'a>(&self, run: &'a RunView) -> Option<&'a LossView> {
        self.metric
            .and_then(|wanted| run.loss(wanted))
            .or_else(|| run.primary())
    }

    /// The level of the interval that is shown: `80%`.
    pub fn level_in_words(&self) -> String {
        let level = LEVELS.get(self.level).copied().unwrap_or_default();
        format!("{:.0}%", level * 100.0)
    }

    /// Width of the smoothing as a share of a run with many points.
    pub fn smoothing_share(&self) -> f64 {
        WIDTHS.get(self.smoothing).copied().unwrap_or(0.0)
    }

    /// The runs that pass the filter, in order.
    pub fn shown<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a Arc<RunView>> {
        let mut runs: Vec<&Arc<RunView>> = snapshot
            .runs
            .iter()
            .filter(|run| self.filter.accepts(run))
            .collect();
        let loss = |run: &RunView| {
            self.loss(run)
                .map_or(f64::INFINITY, |loss| nan_last(loss.smoothed))
        };
        let projected = |run: &RunView| {
            let forecast = self.loss(run).and_then(|loss| loss.forecast.as_ref());
            forecast.map_or(f64::INFINITY, |forecast| nan_last(forecast.final_loss))
        };
        match self.sort {
            SortBy::Name => {}
            SortBy::Loss => runs.sort_by(|one, other| loss(one).total_cmp(&loss(other))),
            SortBy::Projected => runs.sort_by(|one, other| projected(one).total_cmp(&projected(other))),
            SortBy::Progress => {
                runs.sort_by(|one, other| {
                    other
                        .progress()
                        .unwrap_or(-1.0)
                        .total_cmp(&one.progress().unwrap_or(-1.0))
                });
            }
            SortBy::Alerts => runs.sort_by_key(|run| std::cmp::Reverse(concern(run))),
        }
        if self.reversed {
            runs.reverse();
        }
        runs
    }

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
        let marked: Vec<&Arc<RunView>> = shown
            .iter()
            .filter(|run| self.marked.contains(&run.id))
            .copied()
            .take(MOST_COMPARED)
            .collect();
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
                (over, finished, std::cmp::Reverse(alert.severity))
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
    fn mute(&mut self, snapshot: &Snapshot) {
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
        let what = format!("{} in {name}", alert.kind);
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

    /// Takes an action.
    pub fn update(&mut self, action: Action, snapshot: &Arc<Snapshot>) -> Effect {
        self.notice.clear();
        match action {
            Action::Quit => return Effect::Quit,
            Action::Suspend => return Effect::Suspend,
            Action::Redraw => return Effect::Redraw,
            Action::Help => self.help = !self.help,
            Action::Back => self.back(),
            Action::Open => self.open(snapshot),
            Action::View(view) => self.go(view),
            Action::NextView => self.turn(1),
            Action::PreviousView => self.turn(-1),
            Action::Move(by) => self.move_by(by as isize, snapshot),
            Action::Page(halves) => self.move_by(
                halves as isize * isize::from(self.page as i16 / 2).max(1),
                snapshot,
            ),
            Action::First => self.move_by(isize::MIN / 2, snapshot),
            Action::Last => self.move_by(isize::MAX / 2, snapshot),
            Action::MarkAll => self.marked = self.shown(snapshot).iter().map(|run| run.id.clone()).collect(),
            Action::UnmarkAll => self.marked.clear(),
            Action::Mark | Action::Baseline if !self.shows_selection() => {
                self.notice = "choose a run in the overview".to_owned();
            }
            Action::Baseline => {
                let id = self.selected_run(snapshot).map(|run| run.id.clone());
                self.baseline = if self.baseline == id { None } else { id };
            }
            Action::Mark => self.mark(snapshot),
            Action::Sort => {
                let at = SORTS.iter().position(|sort| *sort == self.sort).unwrap_or(0);
                self.sort = SORTS.get((at + 1) % SORTS.len()).copied().unwrap_or(SortBy::Name);
                self.notice = format!("sorted by {}", self.sort.name());
            }
            Action::Reverse => self.reversed = !self.reversed,
            Action::Filter => {
                self.typing = Some(self.filter.text().to_owned());
                self.filter_before = self.filter.clone();
            }
            Action::Freeze => {
                self.frozen = if self.frozen.is_some() {
                    None
                } else {
                    Some(Arc::clone(snapshot))
                };
            }
            Action::Acknowledge => self.acknowledge(snapshot),
            Action::Mute => self.mute(snapshot),
            Action::Metric => self.turn_metric(snapshot),
            Action::Symbols => self.symbols = self.symbols.next(),
            Action::Theme => self.theme = self.theme.next(),
            chart => self.update_chart(chart, snapshot),
        }
        Effect::Draw
    }

    fn update_chart(&mut self, action: Action, snapshot: &Snapshot) {
        match action {
            Action::LogY => self.log_y = !self.log_y,
            Action::LogX => self.log_x = !self.log_x,
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
            Action::Raw => self.raw = !self.raw,
            Action::Outliers => self.full_range = !self.full_range,
            Action::Forecast => self.forecast = !self.forecast,
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
            Action::Fit => self.window = (0.0, 1.0),
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
    fn turn_metric(&mut self, snapshot: &Snapshot) {
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
        let curves = super::detail::curves(run);
        let shown = super::detail::curve_shown(self, run);
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
        let last = super::chart::last_step(run, self.loss(run)).max(1.0);
        let mut steps: Vec<f64> = run
            .alerts
            .iter()
            .map(|alert| alert.raised_at_step as f64 / last)
            .collect();
        steps.sort_by(f64::total_cmp);
        let at = self.cursor.unwrap_or(if by > 0 { -1.0 } else { 2.0 });
        let next = if by > 0 {
            steps.iter().find(|step| **step > at + 1e-9)
        } else {
            steps.iter().rev().find(|step| **step < at - 1e-9)
        };
        match next {
            Some(step) => self.cursor = Some(step.clamp(0.0, 1.0)),
            None => self.notice = "no further event".to_owned(),
        }
    }

    fn go(&mut self, view: View) {
        if view != self.view {
            self.history.push(self.view);
            self.view = view;
            self.line = 0;
        }
        self.help = false;
    }

    fn turn(&mut self, by: i32) {
        let at = VIEWS.iter().position(|(view, _)| *view == self.view).unwrap_or(0) as i32;
        let next = (at + by).rem_euclid(VIEWS.len() as i32) as usize;
        if let Some((view, _)) = VIEWS.get(next) {
            self.view = *view;
            self.line = 0;
        }
    }

    fn back(&mut self) {
        if self.help {
            self.help = false;
        } else if self.cursor.is_some() && self.view != View::Overview {
            self.cursor = None;
        } else if self.view == View::Overview && !self.filter.is_empty() {
            // The foot line promises it, whatever was visited before.
            self.filter = Filter::default();
        } else {
            self.view = self.history.pop().unwrap_or(View::Overview);
        }
    }

    fn open(&mut self, snapshot: &Snapshot) {
        match self.view {
            View::Overview | View::Compare => self.go(View::Detail),
            View::Alerts => {
                if let Some(noticed) = self.selected_noticed(snapshot) {
                    let run = noticed.run();
                    let last = super::chart::last_step(run, self.loss(run)).max(1.0);
                    let at = noticed.step().map(|step| step as f64 / last);
                    self.selected = Some(run.id.clone());
                    self.cursor = at.map(|at| at.clamp(0.0, 1.0));
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

    fn move_by(&mut self, by: isize, snapshot: &Snapshot) {
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

    /// True when the view shows which run is selected.
    fn shows_selection(&self) -> bool {
        matches!(self.view, View::Overview | View::Detail | View::Compare)
    }

    fn mark(&mut self, snapshot: &Snapshot) {
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

    /// Acknowledges the selected alert, or those of the selected run; where that has been done,
    /// takes it back.
    fn acknowledge(&mut self, snapshot: &Snapshot) {
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
            1 => first.kind.to_owned(),
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

    /// A key while the filter is being typed. Enter ends the typing where the filter is one,
    /// Esc ends it with the filter that held before.
    pub fn type_filter(&mut self, key: KeyEvent) {
        self.notice.clear();
        let Some(text) = &mut self.typing else {
            return;
        };
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => text.clear(),
            KeyCode::Char('w') if control => {
                let words = text.trim_end();
                text.truncate(words.rfind(char::is_whitespace).map_or(0, |blank| blank + 1));
            }
            KeyCode::Char(character)
                if (key.modifiers - KeyModifiers::SHIFT).is_empty() && !character.is_control() =>
            {
                text.push(character);
            }
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Esc => {
                self.filter = std::mem::take(&mut self.filter_before);
                self.typing = None;
                return;
            }
            KeyCode::Enter => {
                match text.parse() {
                    Ok(filter) => {
                        self.filter = filter;
                        self.typing = None;
                    }
                    Err(error) => {
                        self.filter = self.filter_before.clone();
                        self.notice = error;
                    }
                }
                return;
            }
            _ => {}
        }
        // A filter that is not finished keeps the last good view.
        if let Ok(filter) = text.parse() {
            self.filter = filter;
        }
    }
}

fn nan_last(value: f64) -> f64 {
    if value.is_nan() { f64::INFINITY } else { value }
}

/// How many open alerts a run has of each severity, the gravest first, for sorting.
fn concern(run: &RunView) -> [usize; 3] {
    let mut counts = [0; 3];
    for alert in run.open_alerts() {
        counts[2 - alert.severity as usize] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::super::theme::DARK;
    use super::*;

    fn typing(before: &str) -> App {
        let mut app = App::new(String::new(), &DARK, Symbols::Ascii);
        app.filter = before.parse().unwrap();
        app.update(Action::Filter, &Arc::default());
        app
    }

    fn press(app: &mut App, keys: &[(KeyCode, KeyModifiers)]) {
        for (code, modifiers) in keys {
            app.type_filter(KeyEvent::new(*code, *modifiers));
        }
    }

    fn write(app: &mut App, text: &str) {
        let keys: Vec<_> = text
            .chars()
            .map(|key| (KeyCode::Char(key), KeyModifiers::NONE))
            .collect();
        press(app, &keys);
    }

    #[test]
    fn a_filter_is_edited_as_a_line_of_a_shell() {
        const CONTROL: KeyModifiers = KeyModifiers::CONTROL;
        let mut app = typing("");
        write(&mut app, "wsd lr>1 ");
        press(
            &mut app,
            &[
                (KeyCode::Char('x'), KeyModifiers::ALT),
                (KeyCode::Char('d'), CONTROL),
            ],
        );
        press(
            &mut app,
            &[
                (KeyCode::Char('\u{7}'), KeyModifiers::NONE),
                (KeyCode::Char('Z'), KeyModifiers::SHIFT),
            ],
        );
        assert_eq!(app.typing.as_deref(), Some("wsd lr>1 Z"));
        press(
            &mut app,
            &[(KeyCode::Char('w'), CONTROL), (KeyCode::Char('w'), CONTROL)],
        );
        assert_eq!(app.typing.as_deref(), Some("wsd "));
        press(&mut app, &[(KeyCode::Char('u'), CONTROL)]);
        assert_eq!((app.typing.as_deref(), app.filter.is_empty()), (Some(""), true));
    }

    #[test]
    fn leaving_the_typing_brings_back_the_filter_that_was_before() {
        let mut app = typing("wsd");
        write(&mut app, " cos");
        assert_eq!(app.filter.text(), "wsd cos");
        press(&mut app, &[(KeyCode::Esc, KeyModifiers::NONE)]);
        assert_eq!((app.filter.text(), app.typing.is_none()), ("wsd", true));
    }

    #[test]
    fn a_filter_that_is_none_is_refused_and_can_be_mended() {
        let mut app = typing("wsd");
        write(&mut app, " foo=1");
        press(&mut app, &[(KeyCode::Enter, KeyModifiers::NONE)]);
        assert_eq!(app.filter.text(), "wsd");
        assert_eq!(app.typing.as_deref(), Some("wsd foo=1"));
        assert!(app.notice.contains("`foo`"), "{}", app.notice);
    }

    #[test]
    fn esc_in_the_overview_clears_the_filter_whatever_was_visited() {
        let mut app = typing("wsd");
        press(&mut app, &[(KeyCode::Enter, KeyModifiers::NONE)]);
        let snapshot = Arc::default();
        for view in [View::Alerts, View::Overview] {
            app.update(Action::View(view), &snapshot);
        }
        app.update(Action::Back, &snapshot);
        assert_eq!((app.view, app.filter.is_empty()), (View::Overview, true));
    }
}
