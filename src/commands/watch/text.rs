//! What happens, for people: a line for each event that somebody may want to act on.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::alert::Severity;
use crate::names::Names;
use crate::precision;
use crate::snapshot::{RunView, Snapshot, State};
use crate::text::{hang, in_ascii, printable, width};
use crate::ui::theme::Symbols;

/// Columns of the time of day and of the mark, with the blanks behind them.
const TIME: usize = 9;
const MARK: usize = 3;
/// Columns for the name of a run.
const NAME: usize = 24;

/// Writes events for people.
pub struct Text {
    /// Columns of the terminal; `None` where there is none.
    columns: fn() -> Option<usize>,
    unicode: bool,
    /// The forecast of each run that was told or known at the start: its loss and half its interval.
    told: HashMap<String, (f64, f64)>,
    /// Everything that existed has been read.
    ready: bool,
    /// The date that was written last.
    date: Option<jiff::civil::Date>,
}

/// What is written of an event.
struct Line {
    mark: &'static str,
    /// Id of the run that it is about.
    run: Option<String>,
    message: String,
}

impl Text {
    /// For a terminal of so many columns, which shows Unicode or ASCII only.
    pub fn new(columns: fn() -> Option<usize>, unicode: bool) -> Text {
        Text {
            columns,
            unicode,
            told: HashMap::new(),
            ready: false,
            date: None,
        }
    }

    /// The lines for events that a snapshot gave rise to.
    pub fn lines(&mut self, events: &[Value], snapshot: &Snapshot) -> Vec<String> {
        if events.is_empty() {
            return Vec::new();
        }
        let mut lines = Vec::new();
        for event in events {
            let told = match field(event, "event") {
                "alert" => self.alert(event, snapshot),
                "state" => self.state(event),
                "forecast" => self.forecast(event),
                "crossover" => Some(Line {
                    mark: self.symbols().crossing(),
                    run: Some(field(event, "ahead_at_end").to_owned()),
                    message: crossover(event),
                }),
                "advice" => Some(Line {
                    mark: self.symbols().advice(),
                    run: run_of(event),
                    message: match field(event, "change") {
                        "cleared" => "the advice no longer holds".to_owned(),
                        _ => field(event, "message").to_owned(),
                    },
                }),
                "problem" => Some(Line {
                    mark: Severity::Warning.mark(),
                    run: None,
                    message: format!("{}: {}", field(event, "path"), field(event, "message")),
                }),
                "delivery_failed" => Some(Line {
                    mark: Severity::Warning.mark(),
                    run: None,
                    message: field(event, "message").to_owned(),
                }),
                _ => None,
            };
            lines.extend(told);
        }
        let mut written = self.written(&lines, snapshot, snapshot.taken_at);
        // Events of the first look end with the word that all has been read.
        if !self.ready {
            self.ready = true;
            written.extend(self.heartbeat(snapshot, snapshot.taken_at));
        }
        written
    }

    /// How many runs are in which state, and which is the best.
    pub fn heartbeat(&mut self, snapshot: &Snapshot, now: f64) -> Vec<String> {
        let counts = State::ALL.into_iter().filter_map(|state| {
            let count = snapshot.runs.iter().filter(|run| run.state == state).count();
            (count > 0).then(|| format!("{count} {}", state.name()))
        });
        let counts: Vec<String> = counts.collect();
        let counts = match counts.as_slice() {
            [] => "no runs yet".to_owned(),
            counts => counts.join(", "),
        };
        let chance = |run: &RunView| snapshot.contest(&run.id).map(|contest| contest.chance);
        let likely = snapshot.runs.iter().filter_map(|run| Some((run, chance(run)?)));
        let best = likely.max_by(|(_, one), (_, other)| one.total_cmp(other));
        let best = best.map_or_else(String::new, |(run, chance)| {
            let name = Names::of(snapshot).short(&run.id, 2 * NAME);
            let forecast = run.primary().and_then(|loss| loss.forecast.as_ref());
            let forecast = forecast.map_or_else(String::new, |forecast| format!(", {}", forecast.in_words()));
            format!("; likely winner {name} (P {chance:.2}){forecast}")
        });
        let line = Line {
            mark: "",
            run: None,
            message: counts + &best,
        };
        self.written(&[line], snapshot, now)
    }

    fn symbols(&self) -> Symbols {
        if self.unicode {
            Symbols::Braille
        } else {
            Symbols::Ascii
        }
    }

    /// Notes are left out, and of what was there at the start what is over.
    fn alert(&self, event: &Value, snapshot: &Snapshot) -> Option<Line> {
        let severity = match field(event, "severity") {
            "critical" => Severity::Critical,
            "warning" => Severity::Warning,
            _ => return None,
        };
        let run = run_of(event)?;
        let message = field(event, "message");
        if field(event, "change") == "cleared" {
            return self.ready.then(|| Line {
                mark: "",
                run: Some(run),
                message: format!("over: {message}"),
            });
        }
        let needs_nobody = || {
            let mut runs = snapshot.runs.iter();
            let run = runs.find(|known| known.id == run);
            run.is_none_or(|run| {
                let opened = event.get("opened_at_step").and_then(Value::as_u64);
                let mut open = run.open_alerts();
                let is_open = open
                    .any(|alert| alert.kind == field(event, "kind") && Some(alert.opened_at_step) == opened);
                run.state == State::Finished || !is_open
            })
        };
        if !self.ready && needs_nobody() {
            return None;
        }
        Some(Line {
            mark: severity.mark(),
            run: Some(run),
            message: sentences(message, field(event, "remedy")),
        })
    }

    /// Stalls and divergence have alerts, which say more.
    fn state(&self, event: &Value) -> Option<Line> {
        let state = field(event, "state");
        let told = self.ready && ["finished", "training"].contains(&state);
        told.then(|| Line {
            mark: "",
            run: run_of(event),
            message: format!("{state}: {}", field(event, "reason")),
        })
    }

    /// A forecast is news where it lies outside the interval of the one that was told.
    fn forecast(&mut self, event: &Value) -> Option<Line> {
        let forecast = event.get("loss")?.get("forecast")?;
        let number = |value: Option<&Value>| value.and_then(Value::as_f64);
        let interval = forecast.get("interval")?;
        let low = number(interval.get("low"))?;
        let high = number(interval.get("high"))?;
        let (now, half) = (number(forecast.get("final_loss"))?, (high - low) / 2.0);
        let run = run_of(event)?;
        let Some((before, reach)) = self.told.get(&run).copied() else {
            self.told.insert(run, (now, half));
            return None;
        };
        if (now - before).abs() <= reach {
            return None;
        }
        self.told.insert(run.clone(), (now, half));
        Some(Line {
            mark: "",
            run: Some(run),
            message: format!(
                "now projected to end at {}, before at {}",
                precision::with_interval(now, half),
                precision::value(before, reach)
            ),
        })
    }

    fn written(&mut self, lines: &[Line], snapshot: &Snapshot, now: f64) -> Vec<String> {
        if lines.is_empty() {
            return Vec::new();
        }
        let names = Names::of(snapshot);
        let time = Timestamp::from_second(now as i64).unwrap_or_default();
        let time = time.to_zoned(TimeZone::system());
        let mut written = Vec::new();
        if self
            .date
            .replace(time.date())
            .is_some_and(|before| before != time.date())
        {
            written.push(format!("-- {} --", time.date()));
        }
        let columns = (self.columns)();
        for line in lines {
            let head = format!("{} {:<2} ", time.strftime("%H:%M:%S"), line.mark);
            let (name, indent) = match &line.run {
                Some(run) => {
                    let name = names.short(run, NAME);
                    let pad = " ".repeat(NAME.saturating_sub(width(&name)) + 1);
                    (name + &pad, TIME + MARK + NAME + 1)
                }
                None => (String::new(), TIME + MARK),
            };
            let line = hang(
                &format!("{head}{name}{}", printable(&line.message)),
                columns,
                indent,
            );
            written.push(if self.unicode { line } else { in_ascii(&line) });
        }
        written
    }
}

fn field<'a>(event: &'a Value, name: &str) -> &'a str {
    event.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn run_of(event: &Value) -> Option<String> {
    event.get("run").and_then(Value::as_str).map(str::to_owned)
}

/// What happened, and what to do.
fn sentences(message: &str, remedy: &str) -> String {
    if remedy.is_empty() {
        message.to_owned()
    } else {
        format!("{message}. {remedy}")
    }
}

fn crossover(event: &Value) -> String {
    let rival = field(event, "ahead_now");
    if field(event, "change") == "cleared" {
        return format!("is no longer projected to pass {rival}");
    }
    let step = event.get("at_step").and_then(Value::as_u64);
    let step = step.map_or_else(String::new, |step| {
        format!(" near step {}", crate::text::count(step))
    });
    let probability = event
        .get("probability")
        .and_then(Value::as_f64)
        .unwrap_or_default();
    format!("passes {rival}{step} (P {probability:.2})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text() -> Text {
        Text::new(|| Some(80), true)
    }

    fn alert(change: &str, severity: &str) -> Value {
        json!({
            "event": "alert", "change": change, "severity": severity, "kind": "loss_spike", "run": "sweep/lr1.csv",
            "message": "Loss jumped from 2.2416 to 5.0981 at step 31219 (+127%)", "remedy": "Restart some steps earlier.",
        })
    }

    fn forecast(final_loss: f64) -> Value {
        json!({
            "event": "forecast", "run": "sweep/lr1.csv",
            "loss": {"forecast": {"final_loss": final_loss, "interval": {"low": final_loss - 0.1, "high": final_loss + 0.1}}},
        })
    }

    #[test]
    fn an_event_is_a_line_that_fits_and_says_what_to_do() {
        let mut text = text();
        let snapshot = Snapshot::default();
        text.lines(&[json!({"event": "ready"})], &snapshot);
        let lines = text.lines(&[alert("raised", "critical"), alert("raised", "info")], &snapshot);
        let [line] = lines.as_slice() else {
            panic!("{lines:?}");
        };
        assert!(line.lines().all(|line| width(line) <= 80), "{line}");
        assert!(line.contains(" !! sweep/lr1.csv  "), "{line}");
        assert!(line.ends_with("earlier.") && line.lines().count() > 1, "{line}");
        let over = text.lines(&[alert("cleared", "warning")], &snapshot);
        assert!(over[0].contains("over: Loss jumped"), "{over:?}");
    }

    #[test]
    fn a_forecast_is_news_once_it_has_left_its_interval() {
        let mut text = text();
        let snapshot = Snapshot::default();
        text.lines(&[forecast(3.0), json!({"event": "ready"})], &snapshot);
        assert!(text.lines(&[forecast(3.05)], &snapshot).is_empty());
        assert_eq!(text.lines(&[forecast(3.15)], &snapshot).len(), 1);
        assert!(text.lines(&[forecast(3.1)], &snapshot).is_empty());
    }

    #[test]
    fn what_is_over_when_the_watch_begins_is_not_told_but_how_things_stand_is() {
        let mut text = text();
        let events = [alert("raised", "warning"), alert("cleared", "warning")];
        let lines = text.lines(&events, &Snapshot::default());
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with("no runs yet"), "{lines:?}");
    }
}
