//! What the user has chosen to see. Pure: an action and a snapshot in, a new state out.

mod chart;
mod heeding;
mod moving;
mod selection;
mod sort;
#[cfg(test)]
mod tests;
mod typing;

use std::collections::HashSet;
use std::sync::Arc;

use super::filter::Filter;
use super::keys::{Action, View};
use super::plot::smooth::AUTOMATIC;
use super::theme::{Symbols, Theme};
use crate::metric::Quantity;
use crate::snapshot::{LossView, RunView, Snapshot};
pub use chart::XAxis;
pub use sort::SortBy;
use sort::{HeldEnds, SORTS};

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
    /// The ends by which they are ordered.
    held_ends: HeldEnds,
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
    /// Lines between head and foot of the screen.
    pub body: u16,
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
            sort: SortBy::Attention,
            held_ends: HeldEnds::default(),
            reversed: false,
            filter: Filter::default(),
            typing: None,
            filter_before: Filter::default(),
            log_y: false,
            log_x: false,
            x_axis: XAxis::Step,
            smoothing: AUTOMATIC,
            raw: true,
            window: chart::ALL,
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
            body: 22,
            notice: String::new(),
        }
    }

    /// The loss of a run that is shown.
    pub fn loss<'a>(&self, run: &'a RunView) -> Option<&'a LossView> {
        self.metric
            .and_then(|wanted| run.loss(wanted))
            .or_else(|| run.primary())
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
                halves as isize * isize::from(self.body.saturating_sub(2) as i16 / 2).max(1),
                snapshot,
            ),
            Action::First => self.move_by(isize::MIN / 2, snapshot),
            Action::Last => self.move_by(isize::MAX / 2, snapshot),
            Action::MarkAll => self.marked = self.shown(snapshot).iter().map(|run| run.id.clone()).collect(),
            Action::UnmarkAll => {
                self.notice = format!("{} unmarked", self.marked.len());
                self.marked.clear();
            }
            Action::Mark | Action::Baseline if !self.shows_selection() => {
                self.notice = "choose a run in the overview".to_owned();
            }
            Action::Sort | Action::Reverse if !self.shows_selection() => {
                self.notice = "the list here has an order of its own; s sorts the overview".to_owned();
            }
            Action::Baseline => {
                let id = self.selected_run(snapshot).map(|run| run.id.clone());
                self.baseline = if self.baseline == id { None } else { id };
            }
            Action::Mark => self.mark(snapshot),
            Action::Sort => {
                let at = SORTS.iter().position(|sort| *sort == self.sort).unwrap_or(0);
                self.sort = SORTS.get((at + 1) % SORTS.len()).copied().unwrap_or(self.sort);
                self.notice = format!("sorted by {}", self.sort.name());
            }
            Action::Reverse => {
                self.reversed = !self.reversed;
                let order = if self.reversed { ", reversed" } else { "" };
                self.notice = format!("sorted by {}{order}", self.sort.name());
            }
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
            Action::Symbols => {
                self.symbols = self.symbols.next();
                self.notice = format!("symbols: {}", self.symbols.name());
            }
            Action::Theme => {
                self.theme = self.theme.next();
                self.notice = format!("colours: {}", self.theme.name);
            }
            _ if !self.shows_chart(snapshot) => self.notice = "no chart here".to_owned(),
            Action::Metric => self.turn_metric(snapshot),
            chart => self.update_chart(chart, snapshot),
        }
        Effect::Draw
    }
}
