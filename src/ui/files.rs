//! Every file: those that could not be read, and why; then the logs, what each was taken for and
//! which run it is of.

use std::path::{Path, PathBuf};

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::app::App;
use super::format;
use crate::snapshot::{LogView, Problem, Snapshot};
use crate::text::{clip, printable, shorten_path, trainings, width};

/// Lines for the selected file.
const DETAIL: u16 = 7;
/// Width from which there is room for the run and the number of lines.
const WIDE: usize = 120;
const FORMAT: usize = 18;
const RUN: usize = 36;

/// One line of the list.
#[derive(Clone, Copy)]
pub enum File<'a> {
    /// It could not be read.
    Unread(&'a Problem),
    /// It is read.
    Log(&'a LogView),
}

impl File<'_> {
    fn path(&self) -> &Path {
        match self {
            File::Unread(problem) => &problem.path,
            File::Log(log) => &log.path,
        }
    }
}

/// All files, in the order in which they are shown.
pub fn files(snapshot: &Snapshot) -> Vec<File<'_>> {
    let unread = snapshot.problems.iter().map(File::Unread);
    let logs = snapshot.logs.iter().map(|log| File::Log(log));
    unread.chain(logs).collect()
}

/// Draws the list, and the selected file in full.
pub fn draw(app: &App, snapshot: &Snapshot, frame: &mut Frame, area: Rect) {
    let files = files(snapshot);
    if files.is_empty() {
        return super::draw_sentence(app, "No file has been found yet.", frame, area);
    }
    let [list, detail] = Layout::vertical([Constraint::Fill(1), Constraint::Length(DETAIL)]).areas(area);
    let columns = usize::from(list.width);
    let rows = usize::from(list.height).saturating_sub(1);
    let selected = app.line.min(files.len() - 1);
    let first = (selected + 1).saturating_sub(rows);
    let shared = shared_folder(&files);
    let cells = |file: &str, format: &str, run: &str, numbers: [&str; 4]| {
        let [step, lines, skipped, age] = numbers;
        let format = clip(format, FORMAT);
        let end = if columns >= WIDE {
            let run = shorten_path(run, RUN);
            format!("  {format:<FORMAT$} {run:<RUN$} {step:>9} {lines:>9} {skipped:>8} {age:>6}")
        } else {
            format!("  {format:<FORMAT$} {step:>9} {skipped:>8} {age:>6}")
        };
        let room = columns.saturating_sub(width(&end));
        let file = shorten_path(file, room);
        format!("{file}{}{end}", " ".repeat(room.saturating_sub(width(&file))))
    };
    let titles = ["STEP", "LINES", "SKIPPED", "AGE"];
    let title = Line::styled(
        cells(
            &super::with_position("FILE", selected, files.len(), rows),
            "FORMAT",
            "RUN",
            titles,
        ),
        app.theme.dimmed().add_modifier(Modifier::BOLD),
    );
    let shown = files.iter().enumerate().skip(first).take(rows);
    let shown = shown.map(|(index, file)| {
        let path = file.path();
        let name = printable(&path.strip_prefix(&shared).unwrap_or(path).to_string_lossy());
        let line = match file {
            File::Unread(problem) => {
                let name = shorten_path(&name, columns * 2 / 5);
                let room = columns.saturating_sub(width(&name) + 2);
                Line::from(vec![
                    Span::styled(name, app.theme.severity(crate::alert::Severity::Warning)),
                    Span::raw("  "),
                    Span::raw(clip(&printable(&problem.message), room)),
                ])
            }
            File::Log(log) => {
                let age = format::brief_duration((snapshot.taken_at - log.last_data_at).max(0.0));
                let numbers = [
                    format::short(log.step as f64),
                    format::short(log.lines as f64),
                    format::short(log.skipped as f64),
                    age,
                ];
                let removed = log.removed_at.map(|at| removed(snapshot, at));
                let text = cells(
                    &name,
                    removed.as_deref().unwrap_or(log.format),
                    &printable(&log.run),
                    numbers.each_ref().map(String::as_str),
                );
                if removed.is_some() {
                    Line::styled(text, app.theme.severity(crate::alert::Severity::Warning))
                } else if log.leads {
                    Line::raw(text)
                } else {
                    Line::styled(text, app.theme.dimmed())
                }
            }
        };
        if index == selected {
            app.theme.select(line)
        } else {
            line
        }
    });
    let lines: Vec<Line> = std::iter::once(title).chain(shown).collect();
    frame.render_widget(Paragraph::new(lines), list);
    let about = std::iter::once(Line::raw("")).chain(about(app, snapshot, &files[selected]));
    frame.render_widget(
        Paragraph::new(about.collect::<Vec<Line>>()).wrap(Wrap { trim: true }),
        detail,
    );
}

/// How long a file has been gone: `removed 5s ago`.
fn removed(snapshot: &Snapshot, at: f64) -> String {
    format!(
        "removed {} ago",
        format::brief_duration((snapshot.taken_at - at).max(0.0))
    )
}

/// The selected file in sentences.
fn about(app: &App, snapshot: &Snapshot, file: &File) -> Vec<Line<'static>> {
    let path = Line::styled(printable(&file.path().to_string_lossy()), app.theme.title());
    let log = match file {
        File::Unread(problem) => {
            let message = printable(&problem.message);
            return vec![
                path,
                Line::raw(message),
                Line::raw("`losscast inspect` shows what was found"),
            ];
        }
        File::Log(log) => log,
    };
    let run = printable(&log.run);
    let role = if log.leads {
        format!("the run {run} is shown from this file")
    } else {
        format!("it is of the run {run}, which is shown from another file")
    };
    let columns: Vec<String> = log
        .columns
        .iter()
        .map(|(name, role)| format!("{name} is the {role}"))
        .collect();
    let gone = log
        .removed_at
        .map_or_else(String::new, |at| format!("; {}", removed(snapshot, at)));
    let mut lines = vec![
        path,
        Line::raw(format!("read as {}; {role}{gone}", log.format)),
        Line::styled(printable(&columns.join(", ")), app.theme.dimmed()),
    ];
    lines.extend(trainings(log.earlier_trainings).map(Line::raw));
    if let Some(first) = log.first_skipped.as_ref().filter(|_| log.skipped > 0) {
        lines.push(Line::raw(format!(
            "{} skipped; {}; `losscast inspect` shows more",
            format::count(log.skipped),
            printable(first)
        )));
    }
    lines
}

/// The folder that all files lie in.
fn shared_folder(files: &[File]) -> PathBuf {
    let mut folders = files.iter().filter_map(|file| file.path().parent());
    let Some(mut shared) = folders.next() else {
        return PathBuf::new();
    };
    for folder in folders {
        while !folder.starts_with(shared) {
            shared = shared.parent().unwrap_or(Path::new(""));
        }
    }
    shared.to_owned()
}
