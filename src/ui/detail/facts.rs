//! The facts under or beside the chart.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::advice::{advice_facts, plan_texts};
use super::head::{alert_line, cursor_line, unseen_alerts};
use crate::precision;
use crate::snapshot::{End, LossView, RunView, ScheduleSource, Snapshot};
use crate::text::{clip, printable, trainings, width, wrap};
use crate::ui::app::App;
use crate::ui::{format, projection};

/// What the fitted law says, in as far as it means something.
fn law_facts(run: &RunView, loss: &LossView) -> Vec<(&'static str, String)> {
    let Some(law) = loss.law else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    if loss.determines(&law) {
        let short = |number: f64| precision::significant(number, 2);
        facts.push(("L0", precision::significant(law.l0, 3)));
        facts.push(("A", short(law.a)));
        facts.push(("α", short(law.alpha)));
        if run.knows_rates() {
            facts.push(("C", short(law.c)));
            // What matters of it is how far it is from 1.
            facts.push(("λ", precision::significant(law.lambda, 4)));
            facts.push(("anneal", short(-law.full_anneal_drop)));
        }
    } else {
        facts.push(("L0", "not determined by this run yet".to_owned()));
    }
    facts.push(("residual", precision::significant(law.residual_sd, 2)));
    facts
}

/// The law says little to who wants to know where a run ends: below this height of the view it gives way
/// to the chart.
const WITH_LAW: u16 = 28;
/// Rows of facts, as a share of the height of the view, at most; and so many rows on a low screen, where the
/// chart comes first.
const MOST_FACTS: u16 = 5;
const FEW_FACTS: u16 = 4;
/// The same where plans are the answer.
const MOST_PLANS: u16 = 3;

/// Rows for the facts under the chart in a view of this height.
pub(super) fn foot_rows(app: &App, run: &RunView, height: u16) -> usize {
    let loss = app.loss(run);
    let plans = loss.is_some_and(|loss| loss.plans().next().is_some());
    usize::from(if plans {
        height / MOST_PLANS
    } else {
        (height / FEW_FACTS).min((height / MOST_FACTS).max(FEW_FACTS))
    })
}

/// The facts under the chart on a narrow screen, in a view of this height.
pub(super) fn foot_lines(
    app: &App,
    snapshot: &Snapshot,
    run: &RunView,
    columns: usize,
    height: u16,
) -> Vec<Line<'static>> {
    let theme = app.theme;
    let rows = foot_rows(app, run, height);
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
        let message = clip(&alert_line(alert), columns.saturating_sub(width(&more)));
        lines.push(Line::from(vec![
            Span::styled(message, theme.severity(alert.severity)),
            Span::styled(more, theme.dimmed()),
        ]));
    }
    if let Some(advice) = snapshot.advice(&run.id) {
        let mark = app.symbols.advice();
        let text = format!("{mark} {}: {}", advice.kind.name(), advice.message);
        let lines_of_it = wrap(&printable(&text), columns).into_iter();
        let style = Style::new().fg(theme.forecast);
        lines.extend(lines_of_it.map(|line| Line::styled(line, style)));
    }
    if let Some(loss) = app.loss(run) {
        // Where the plan is not known scenarios are the answer: before the law, after alerts.
        lines.extend(
            plan_texts(run, loss)
                .iter()
                .flat_map(|plan| wrap(&printable(plan), columns))
                .map(Line::raw),
        );
        let law = law_facts(run, loss);
        if height >= WITH_LAW && !law.is_empty() {
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
        let plans = plan_texts(run, loss).into_iter();
        section("Plans", plans.map(|plan| Line::raw(printable(&plan))).collect());
        section("Advice", advice_facts(app, snapshot, run, loss, &fact));
        let law = law_facts(run, loss).into_iter();
        section("Law", law.map(|(name, value)| fact(name, value)).collect());
    }
    let mut alerts = Vec::new();
    for alert in unseen_alerts(app, run) {
        alerts.push(Line::styled(alert_line(alert), theme.severity(alert.severity)));
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
    let half = projection::half_width(app, loss);
    if let End::Reached(end) = run.end(loss) {
        return vec![
            fact("final", precision::value(end, half)),
            fact("at step", format::count(run.step)),
        ];
    }
    let Some(forecast) = &loss.forecast else {
        return vec![Line::raw(printable(&loss.forecast_reason))];
    };
    let end = match run.end(loss) {
        End::ByPlan(low, high) => format!("{}, by plan", precision::range(low, high)),
        _ => {
            let end = precision::with_interval(forecast.final_loss, half);
            format!("{end} ({})", app.level_in_words())
        }
    };
    let still = run.end_of(loss).map(|end| loss.smoothed - end);
    let mut lines = vec![
        fact("final", end),
        fact("at step", format::count(forecast.at_step)),
        fact("still to fall", precision::value(still.unwrap_or(f64::NAN), half)),
    ];
    if let Some(eta) = run.eta_seconds {
        lines.push(fact("in", crate::text::duration(eta)));
    }
    lines.push(fact("rests on", forecast.basis.clone()));
    lines
}
