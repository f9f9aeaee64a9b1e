//! `losscast check`: one look at all runs, a line for each that needs somebody, and an exit code for
//! scripts: a cron job, the epilogue of a Slurm job, the step of a pipeline.

use std::io::{self, Write};

use serde_json::json;

use super::report::{SCHEMA_VERSION, advice_json, warning_json};
use crate::alert::rules::Rules;
use crate::alert::{ADVICE, Alert, Severity};
use crate::cli::Trouble;
use crate::snapshot::{Advice, Snapshot, State};
use crate::text::{hang, printable};

/// What a run that is over has left open is news for so many seconds.
const NEWS_SECONDS: f64 = 24.0 * 3600.0;

/// Columns before the name of a run, from which a long line goes on.
const HANG: usize = 10;

/// Something that needs somebody.
enum Finding<'a> {
    Alert(&'a Alert),
    Advice(&'a Advice),
}

impl Finding<'_> {
    fn trouble(&self) -> Trouble {
        match self {
            Finding::Alert(alert) if alert.severity == Severity::Critical => Trouble::Critical,
            Finding::Alert(_) => Trouble::Warning,
            Finding::Advice(_) => Trouble::Advice,
        }
    }
}

/// What was found.
pub struct Check<'a> {
    runs: usize,
    findings: Vec<(&'a str, Finding<'a>)>,
}

impl<'a> Check<'a> {
    /// Looks for `wanted` troubles: open alerts that the rules let through, and advice. Of runs that are over only
    /// what is critical counts, for a day: who has to know will by then.
    pub fn new(snapshot: &'a Snapshot, rules: &Rules, wanted: &[Trouble]) -> Check<'a> {
        let mut findings: Vec<(&str, Finding)> = Vec::new();
        for run in &snapshot.runs {
            let is_over = run.state == State::Finished;
            let is_old = is_over && snapshot.taken_at - run.last_data_at > NEWS_SECONDS;
            let least = if is_over {
                Severity::Critical
            } else {
                Severity::Warning
            };
            let told = |alert: &&Alert| {
                !is_old && alert.severity >= least && rules.allow(&run.id, alert.kind, alert.severity)
            };
            let alerts = run.open_alerts().filter(told).map(Finding::Alert);
            let advice = snapshot.advice(&run.id).filter(|_| !rules.mute(&run.id, ADVICE));
            let found = alerts.chain(advice.map(Finding::Advice));
            findings.extend(
                found
                    .filter(|finding| wanted.contains(&finding.trouble()))
                    .map(|finding| (run.id.as_str(), finding)),
            );
        }
        findings.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.trouble()));
        Check {
            runs: snapshot.runs.len(),
            findings,
        }
    }

    /// The gravest trouble that was found.
    pub fn gravest(&self) -> Option<Trouble> {
        self.findings.first().map(|(_, finding)| finding.trouble())
    }

    /// Writes a line for each finding, wrapped to the columns of a terminal, and how many there are.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn table(&self, columns: Option<usize>, out: &mut impl Write) -> io::Result<()> {
        for (run, finding) in &self.findings {
            let (what, message) = match finding {
                Finding::Alert(alert) => (alert.severity.name(), &alert.message),
                Finding::Advice(advice) => (advice.kind.name(), &advice.message),
            };
            let line = format!("{what:<9} {}: {}", printable(run), printable(message));
            writeln!(out, "{}", hang(&line, columns, HANG))?;
        }
        let count = |wanted: Trouble| {
            let found = self.findings.iter();
            found.filter(|(_, finding)| finding.trouble() == wanted).count()
        };
        writeln!(
            out,
            "runs {}, critical {}, advice {}, warnings {}",
            self.runs,
            count(Trouble::Critical),
            count(Trouble::Advice),
            count(Trouble::Warning)
        )
    }

    /// Writes the same as JSON.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let findings = self.findings.iter().map(|(run, finding)| {
            json!({
                "run": run,
                "trouble": finding.trouble(),
                "alert": match finding { Finding::Alert(alert) => Some(warning_json(alert)), _ => None },
                "advice": match finding { Finding::Advice(advice) => Some(advice_json(advice)), _ => None },
            })
        });
        let document = json!({
            "schema_version": SCHEMA_VERSION,
            "verdict": self.gravest(),
            "runs": self.runs,
            "findings": findings.collect::<Vec<_>>(),
        });
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)
    }
}
