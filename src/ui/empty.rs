//! What is said where there is no run to show, and why there is none.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::app::App;
use crate::snapshot::Snapshot;
use crate::source::feed::CONNECTING;
use crate::text::printable;

/// Reasons that are told; the view of the files has the others.
const MOST_REASONS: usize = 3;

/// Draws it in the middle of the screen.
pub fn draw(app: &App, snapshot: &Snapshot, frame: &mut Frame, area: Rect) {
    super::draw_sentence(app, &text(app, snapshot), frame, area);
}

fn text(app: &App, snapshot: &Snapshot) -> String {
    if let Some(hidden) = super::all_hidden(app, snapshot) {
        return hidden;
    }
    if snapshot.loading.is_some() {
        return "Reading...".to_owned();
    }
    let problems = &snapshot.problems;
    if !problems.is_empty() && problems.iter().all(|problem| problem.message == CONNECTING) {
        let places = problems
            .iter()
            .map(|problem| printable(&problem.path.to_string_lossy()));
        return format!("{}: {CONNECTING}", places.collect::<Vec<_>>().join(", "));
    }
    let mut lines = vec![format!(
        "No logs with a loss found in {} yet; watching.",
        printable(&app.title)
    )];
    lines.extend(problems.iter().take(MOST_REASONS).map(|problem| {
        let path = printable(&problem.path.to_string_lossy());
        format!("{path}: {}", printable(&problem.message))
    }));
    if problems.len() > MOST_REASONS {
        let more = problems.len() - MOST_REASONS;
        lines.push(format!("and {more} more files: press 5"));
    }
    lines.join("\n")
}
