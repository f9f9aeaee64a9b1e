//! The facts under or beside the chart.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::advice::{advice_facts, decay_text, scenario_text};
use super::head::{cursor_line, mark, unseen_alerts};
use crate::snapshot::{LossView, RunView, ScheduleSource, Snapshot, State};
use crate::text::{clip, printable, trainings, width, wrap};
use crate::ui::app::App;
use crate::ui::{chart, format};

/// What the fitted law says, in as far as it means something.
fn law_facts(run: &RunView, loss: &LossView) -> Vec<(&'static str, String)> {
    let Some(law) = loss.law else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    if loss.determines(&law) {
        facts.push(("L0", format!("{:.3}", law.l0)));
        facts.push(("A", format!("{:.3}", law.a)));
        facts.push(("α", format!("{:.3}", law.alpha)));
        if run.knows_rates() {
            facts.push(("C", format!("{:.3}", law.c)));
            facts.push(("λ", format!("{:.4}", law.lambda)));
            facts.push(("anneal", format!("-{:.3}", law.full_anneal_drop)));
        }
    } else {
        facts.push(("L0", "not determined by this run yet".to_owned()));
    }
    facts.push(("residual", format!("{:.4}", law.residual_sd)));
    facts
}

/// The facts under the chart on a narrow screen, as many as there are rows.
pub(super) fn foot_lines(
    app: &App,
    snapshot: &Snapshot,
    run: &RunView,
    columns: usize,
    rows: usize,
) -> Vec<Line<'static>> {
    let theme = app.theme;
    let cut = |text: String| clip(&printable(&text), columns);
    let mut lines = Vec::new();
    if let Some(cursor) = cursor_line(app, run) {
        lines.push(Line::styled(cut(cursor), Style::new().fg(theme.accent)));
    }
    let alerts = unseen_alerts(app, run);
    let shown = alerts.len().min(rows.div_ceil(2));
    for (index, alert) in alerts.iter().take(shown).enumerate() {
        let more = match alerts.len() - shown {
            hidden if hidden > 0 && index + 1 == shown => format!("  +{hidden} more: a"),
            _ => String::new(),
        };
        let message = format!("{}{}", mark(alert.severity), printable(&alert.message));
        let message = clip(&message, columns.saturating_sub(width(&more)));
        lines.push(Line::from(vec![
            Span::styled(message, theme.severity(alert.severity)),
            Span::styled(more, theme.dimmed()),
        ]));
    }
    if let Some(advice) = snapshot.advice(&run.id) {
        let text = format!("> {}: {}", advice.kind.name(), advice.message);
        let lines_of_it = wrap(&printable(&text), columns).into_iter();
        let style = Style::new().fg(theme.forecast);
        lines.extend(lines_of_it.map(|line| Line::styled(line, style)));
    }
    if let Some(loss) = app.loss(run) {
        // Where the plan is not known scenarios are the answer: before the law, after alerts.
        lines.extend(
            loss.scenarios
                .iter()
                .map(|scenario| Line::raw(cut(scenario_text(scenario)))),
        );
        let decay = loss.decay_now.iter();
        let decay = decay.flat_map(|decay| wrap(&decay_text(run, decay), columns));
        lines.extend(decay.map(Line::raw));
        let law = law_facts(run, loss);
        if !law.is_empty() {
            let law: String = law
                .iter()
                .map(|(name, value)| format!(" {name} {value}"))
                .collect();
            lines.push(Line::styled(cut(format!("law{law}")), theme.dimmed()));
        }
        match &loss.forecast {
            Some(forecast) => {
                let basis = wrap(&printable(&forecast.basis), columns).into_iter();
                lines.extend(basis.map(|line| Line::styled(line, theme.dimmed())));
            }
            None if loss.brief_reason() != loss.forecast_reason => {
                let reason = wrap(&printable(&loss.forecast_reason), columns).into_iter();
                lines.extend(reason.map(|line| Line::styled(line, theme.dimmed())));
            }
            None => {}
        }
    }
    let cut_short = lines.len() > rows;
    lines.truncate(rows);
    if let Some(last) = lines.last_mut().filter(|_| cut_short) {
        let text = clip(&format!("{last} …"), columns);
        *last = Line::styled(text, last.style);
    }
    lines
}

/// The facts beside the chart on a wide screen.
pub(super) fn panel_lines(app: &App, snapshot: &Snapshot, run: &RunView) -> Vec<Line<'static>> {
    let theme = app.theme;
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut section = |title: &str, body: Vec<Line<'static>>| {
        if !body.is_empty() {
            lines.push(Line::styled(title.to_owned(), theme.title()));
            lines.extend(body);
            lines.push(Line::raw(""));
        }
    };
    let fact = |name: &str, value: String| {
        Line::from(vec![
            Span::styled(format!("{name:<13} "), theme.dimmed()),
            Span::raw(printable(&value)),
        ])
    };
    if let Some(cursor) = cursor_line(app, run) {
        section("Cursor", vec![Line::raw(cursor)]);
    }
    if let Some(loss) = app.loss(run) {
        section("Forecast", forecast_facts(app, run, loss, &fact));
        section("Advice", advice_facts(app, snapshot, run, loss, &fact));
        let law = law_facts(run, loss).into_iter();
        section("Law", law.map(|(name, value)| fact(name, value)).collect());
    }
    let mut alerts = Vec::new();
    for alert in unseen_alerts(app, run) {
        alerts.push(Line::styled(
            format!("{}{}", mark(alert.severity), printable(&alert.message)),
            theme.severity(alert.severity),
        ));
        alerts.push(Line::styled(alert.remedy.to_owned(), theme.dimmed()));
    }
    section("Alerts", alerts);
    section(
        "Run",
        vec![
            fact("format", run.format.to_owned()),
            fact("state", run.state_reason.clone()),
            fact(
                "total steps",
                run.total_steps.map_or_else(
                    || "unknown".to_owned(),
                    |total| format!("{} ({})", format::count(total), run.total_steps_source),
                ),
            ),
            fact(
                "schedule",
                match run.schedule_source {
                    ScheduleSource::AssumedConstant => run.schedule.clone(),
                    source => format!("{} ({})", run.schedule, source.name()),
                },
            ),
            match trainings(run.earlier_trainings) {
                Some(trainings) => fact("shown", trainings),
                None => fact("segments", run.segments.to_string()),
            },
            fact("skipped", format!("{} lines", run.skipped_lines)),
        ],
    );
    let early = crate::ui::alerts::early_signals(run).into_iter();
    section("Early signals", early.map(Line::raw).collect());
    lines
}

fn forecast_facts(
    app: &App,
    run: &RunView,
    loss: &LossView,
    fact: &dyn Fn(&str, String) -> Line<'static>,
) -> Vec<Line<'static>> {
    let scenarios = loss
        .scenarios
        .iter()
        .map(|scenario| Line::raw(scenario_text(scenario)));
    let Some(forecast) = &loss.forecast else {
        return std::iter::once(Line::raw(printable(&loss.forecast_reason)))
            .chain(scenarios)
            .collect();
    };
    if run.state == State::Finished {
        return vec![
            fact("final", format::loss(forecast.final_loss)),
            fact("at step", format::count(forecast.at_step)),
        ];
    }
    let half = chart::half_width(app, forecast);
    let mut lines = vec![
        fact(
            "final",
            format!(
                "{} {} ({})",
                format::loss(forecast.final_loss),
                format::half_width(half),
                app.level_in_words()
            ),
        ),
        fact("at step", format::count(forecast.at_step)),
        fact("still to fall", format::loss(loss.smoothed - forecast.final_loss)),
    ];
    if let Some(eta) = run.eta_seconds {
        lines.push(fact("in", crate::text::duration(eta)));
    }
    lines.push(fact("rests on", forecast.basis.clone()));
    lines.extend(scenarios);
    lines
}
