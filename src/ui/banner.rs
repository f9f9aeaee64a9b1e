//! The lines above the runs: what needs somebody now, the gravest first.

use std::collections::BTreeMap;
use std::sync::Arc;

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::app::App;
use super::noticed::{self, Outlook};
use crate::alert::{Alert, STALL, Severity};
use crate::names::Names;
use crate::snapshot::{AdviceKind, RunView, Snapshot, State};
use crate::text::{clip, printable, width};

/// Height of the view from which there is room for many lines, and how many these are.
const HIGH: u16 = 30;
const MANY_LINES: usize = 6;
/// Lines elsewhere, and where several runs are being lost.
const FEW_LINES: usize = 2;
const LINES_OF_TROUBLE: usize = 3;
/// Advice up to here is told run by run, more of it as a number.
const FEW: usize = 2;
/// Of as many runs that compete it is told which will probably win.
const MANY_RIVALS: usize = 8;

/// Columns for the name of a run before a message: more where the screen is wide.
pub fn name_width(columns: usize) -> usize {
    (columns / 4).clamp(24, 46)
}

/// A line of the banner, before it is known how much of it fits.
struct Item {
    mark: &'static str,
    name: String,
    message: String,
    /// Stands at the end whatever is cut.
    tail: String,
    style: Style,
    /// The whole line is of less importance.
    dimmed: bool,
}

impl Item {
    fn line(&self, app: &App, columns: usize) -> Line<'static> {
        let name = format!("{} ", self.name);
        let mark = format!("{:<2} ", self.mark);
        let room = columns.saturating_sub(width(&name) + width(&mark) + width(&self.tail));
        let line = Line::from(vec![
            Span::styled(mark, self.style),
            Span::styled(name, Style::new().add_modifier(Modifier::BOLD)),
            Span::styled(clip(&printable(&self.message), room) + &self.tail, self.style),
        ]);
        if self.dimmed {
            line.patch_style(app.theme.dimmed())
        } else {
            line
        }
    }
}

/// What there is room for in a view; at the end of the last line, how much there is no room for.
pub fn lines(app: &App, snapshot: &Snapshot, names: &Names, area: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(area.width);
    let alerts = alerts(app, snapshot, names, columns);
    let critical = alerts
        .iter()
        .filter(|(severity, _)| *severity == Severity::Critical);
    let rows = match critical.count() {
        _ if area.height > HIGH => MANY_LINES,
        0 | 1 => FEW_LINES,
        _ => LINES_OF_TROUBLE,
    };
    let (of_finished, alerts): (Vec<Item>, Vec<Item>) = alerts
        .into_iter()
        .map(|(_, item)| item)
        .partition(|item| item.dimmed);
    let items = alerts
        .into_iter()
        .chain(foreseen(app, snapshot, names, columns))
        .chain(of_finished);
    let items: Vec<Item> = items.collect();
    let hidden = items.len().saturating_sub(rows);
    let shown = items.len() - hidden;
    let mut lines = Vec::new();
    for (index, item) in items.iter().take(shown).enumerate() {
        if hidden == 0 || index + 1 < shown {
            lines.push(item.line(app, columns));
            continue;
        }
        let more = format!("  +{hidden} more: a");
        let mut line = item.line(app, columns.saturating_sub(width(&more)));
        let pad = columns.saturating_sub(line.width() + width(&more));
        line.push_span(Span::raw(" ".repeat(pad)));
        line.push_span(Span::styled(more, app.theme.dimmed()));
        lines.push(line);
    }
    lines
}

/// Open alerts that the user has not seen, a line for each run, the gravest first; those of runs that are over are
/// dimmed.
fn alerts(app: &App, snapshot: &Snapshot, names: &Names, columns: usize) -> Vec<(Severity, Item)> {
    let open = |(run, alert): &(&Arc<RunView>, &Alert)| {
        alert.cleared_at_step.is_none()
            && alert.severity >= Severity::Warning
            && !app.is_acknowledged(run, alert)
    };
    let all = app.alerts(snapshot).into_iter().filter(open);
    // The gravest of a run stands for all that it has.
    let mut by_run: Vec<(&RunView, &Alert, usize)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (run, alert) in all {
        match places
            .get(run.id.as_str())
            .and_then(|place| by_run.get_mut(*place))
        {
            Some((.., more)) => *more += 1,
            None => {
                places.insert(&run.id, by_run.len());
                by_run.push((run, alert, 0));
            }
        }
    }
    // What stops together, a whole cluster perhaps, is one piece of news.
    let is_silent = |alert: &Alert| alert.kind == STALL;
    let silent = by_run.iter().filter(|(_, alert, _)| is_silent(alert));
    let silent = silent.map(|(run, ..)| names.short(&run.id, name_width(columns)));
    let silent: Vec<String> = silent.collect();
    let mut told = false;
    let mut items = Vec::new();
    for (run, alert, more) in by_run {
        let style = app.theme.severity(alert.severity);
        let mark = alert.severity.mark();
        if is_silent(alert) && silent.len() > 1 {
            if !std::mem::replace(&mut told, true) {
                let item = Item {
                    mark,
                    name: format!("{} runs are silent:", silent.len()),
                    message: silent.join(", "),
                    tail: String::new(),
                    style,
                    dimmed: false,
                };
                items.push((alert.severity, item));
            }
            continue;
        }
        let is_over = run.state == State::Finished;
        let item = Item {
            mark,
            name: names.short(&run.id, name_width(columns)),
            message: alert.message.clone(),
            tail: match more {
                0 => String::new(),
                more => format!(" (+{more})"),
            },
            style: if is_over { app.theme.dimmed() } else { style },
            dimmed: is_over,
        };
        let severity = if is_over { Severity::Info } else { alert.severity };
        items.push((severity, item));
    }
    items
}

/// Advice, then who will pass those that lead now.
fn foreseen(app: &App, snapshot: &Snapshot, names: &Names, columns: usize) -> Vec<Item> {
    let outlook = Outlook::of(app, snapshot);
    let style = Style::new().fg(app.theme.forecast);
    let name = |run: &RunView| names.short(&run.id, name_width(columns));
    let item = |mark, name: String, message: String| Item {
        mark,
        name,
        message,
        tail: String::new(),
        style,
        dimmed: false,
    };
    let advice = app.symbols.advice();
    let mut items = Vec::new();
    if outlook.advice.len() <= FEW {
        let told = outlook.advice.iter();
        items.extend(told.map(|(run, prospect, given)| {
            item(
                advice,
                name(run),
                noticed::advice_text(run, prospect, given, names),
            )
        }));
    }
    let winners = outlook.winners(MANY_RIVALS);
    let mut many = (outlook.advice.len() > FEW).then(|| numbers(&outlook));
    if winners.is_empty() {
        items.extend(many.take().map(|many| item(advice, "Advice:".to_owned(), many)));
    }
    items.extend(winners.into_iter().map(|(run, contest)| {
        let advised = many.take().map_or_else(String::new, |many| format!("; {many}"));
        let message = format!(
            "is the likely winner of {} runs (P {:.2}){advised}",
            contest.runs, contest.chance
        );
        item(advice, name(run), message)
    }));
    let crossing = app.symbols.crossing();
    let passed = outlook.leaders_passed().into_iter();
    items.extend(passed.map(|(run, crossover, more)| {
        let name = name(run);
        let tail = match more {
            0 => String::new(),
            more => format!(" (+{more} more)"),
        };
        let used = width(&name) + width(&tail) + 4;
        let message = noticed::passes_text(&[crossover], names, columns.saturating_sub(used));
        Item {
            tail,
            ..item(crossing, name, message)
        }
    }));
    items
}

/// How many runs are advised to do what: `51 advised to stop`.
fn numbers(outlook: &Outlook) -> String {
    let count = |wanted: &[AdviceKind]| {
        let given = outlook.advice.iter();
        given
            .filter(|(_, _, advice)| wanted.contains(&advice.kind))
            .count()
    };
    let stop = count(&[AdviceKind::StopOutclassed, AdviceKind::StopNoGain]);
    let decay = count(&[AdviceKind::DecayNow]);
    let told = [(stop, "to stop"), (decay, "to decay now")];
    let told = told.iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told
        .map(|(count, what)| format!("{count} advised {what}"))
        .collect();
    told.join(", ")
}
