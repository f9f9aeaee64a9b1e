//! The `losscast` command: arguments in, exit code out.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Context, Result};
use clap::Parser;

use losscast::alert::deliver::Deliverer;
use losscast::alert::history::History;
use losscast::alert::notify::Notifier;
use losscast::cli::{Alerting, Cli, Command, Output, Reading, Screen, Source, StreamFormat, Trouble};
use losscast::commands::check::Check;
use losscast::commands::{backtest, backtest_alerts, inspect, replay, report, watch};
use losscast::engine::{Engine, Options};
use losscast::monitor::{Monitor, read_once};
use losscast::snapshot::{Problem, Snapshot};
use losscast::source::discover::{explain, explain_root};
use losscast::source::reader::now;
use losscast::text::in_ascii;

/// Something that was asked for could not be read.
const UNREADABLE: u8 = 1;

/// True where there is a screen to draw on: a terminal that can do more than print.
fn has_a_screen() -> bool {
    let can_only_print = std::env::var_os("TERM").is_some_and(|kind| kind.is_empty() || kind == "dumb");
    io::stdout().is_terminal() && !can_only_print
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when standard error is gone as well.
            let _ = writeln!(io::stderr(), "losscast: {error:#}");
            ExitCode::from(UNREADABLE)
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    if let Some((word, command)) = cli.meant() {
        anyhow::bail!(
            "{}: no such file or folder; did you mean `losscast {command}`?",
            losscast::text::printable(word)
        );
    }
    match cli.command {
        None if has_a_screen() => open(&cli.reading, &cli.screen, &cli.alerting),
        None => print_report(&cli.reading, Output::Table),
        Some(Command::Report { reading, format }) => print_report(&reading, format),
        Some(Command::Inspect { reading, format }) => print_account(&reading, format),
        Some(Command::Check {
            reading,
            fail_on,
            format,
        }) => print_check(&reading, &fail_on, format),
        Some(Command::Watch {
            reading,
            alerting,
            format,
        }) => follow(&reading, &alerting, format),
        Some(Command::Backtest(settings)) => print_backtest(&settings),
        Some(Command::Replay(settings)) => replay::run(&settings).map(|()| ExitCode::SUCCESS),
    }
}

fn open(reading: &Reading, screen: &Screen, alerting: &Alerting) -> Result<ExitCode> {
    start_log(&reading.source)?;
    let options = engine_options(reading)?;
    let (reader, _feeds) = reading.reader(true, &options)?;
    make_sure_of_one(&reader.roots)?;
    let monitor = Monitor::start(reader, options).context("cannot start")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let options = losscast::terminal::Options {
        title: title(&reading.source.reader(true).roots),
        ascii: screen.ascii,
        theme: screen.theme,
    };
    let (notifier, deliverer) = alerts(reading, alerting)?;
    runtime.block_on(losscast::terminal::run(
        options,
        monitor.snapshots(),
        notifier,
        deliverer,
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Who is told of alerts. A history that cannot be kept is no reason not to start.
fn alerts(reading: &Reading, alerting: &Alerting) -> Result<(Notifier, Deliverer)> {
    let (rules, channels) = alerting.resolve(&reading.source.config()?.alerts)?;
    let history = History::default_path().map_or_else(History::default, |path| {
        History::open(&path).unwrap_or_else(|error| {
            tracing::warn!("the history of alerts {}: {error}", path.display());
            History::default()
        })
    });
    channels.check().map_err(anyhow::Error::msg)?;
    let deliverer = Deliverer::start(channels).context("cannot start")?;
    Ok((Notifier::new(rules, history), deliverer))
}

fn follow(reading: &Reading, alerting: &Alerting, format: Option<StreamFormat>) -> Result<ExitCode> {
    start_log(&reading.source)?;
    let options = engine_options(reading)?;
    let (reader, _feeds) = reading.reader(true, &options)?;
    make_sure_of_one(&reader.roots)?;
    let (notifier, deliverer) = alerts(reading, alerting)?;
    let monitor = Monitor::start(reader, options).context("cannot start")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    let usual = if io::stdout().is_terminal() {
        StreamFormat::Text
    } else {
        StreamFormat::Jsonl
    };
    let writing = match format.unwrap_or(usual) {
        StreamFormat::Jsonl => watch::Writing::Jsonl,
        StreamFormat::Text => watch::Writing::Text(watch::Text::new(terminal_width, shows_unicode())),
    };
    let mut out = io::stdout().lock();
    runtime.block_on(watch::run(
        monitor.snapshots(),
        notifier,
        deliverer,
        writing,
        &mut out,
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Nothing to follow is an error at once, as a slip of the keyboard is; what is missing beside
/// something may still come.
fn make_sure_of_one(roots: &[PathBuf]) -> Result<()> {
    let opened = roots.iter().map(|root| (root, std::fs::metadata(root)));
    let (found, missing): (Vec<_>, Vec<_>) = opened.partition(|(_, opened)| opened.is_ok());
    match missing.into_iter().next() {
        Some((root, Err(error))) if found.is_empty() => {
            anyhow::bail!("{}: {}", root.display(), explain_root(&error))
        }
        _ => Ok(()),
    }
}

fn title(roots: &[PathBuf]) -> String {
    let names: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
    names.join(" ")
}

fn print_report(reading: &Reading, format: Output) -> Result<ExitCode> {
    let read = read(reading)?;
    match format {
        Output::Table => print_text(|out| report::table(&read.snapshot, terminal_width(), out))?,
        Output::Json => report::json(&read.snapshot, &mut io::stdout().lock())?,
    }
    Ok(read.verdict())
}

/// Writes text, in ASCII to a terminal that shows nothing else.
fn print_text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Result<()> {
    let mut text = Vec::new();
    write(&mut text)?;
    let mut out = io::stdout().lock();
    if shows_unicode() {
        out.write_all(&text)?;
    } else {
        out.write_all(in_ascii(&String::from_utf8_lossy(&text)).as_bytes())?;
    }
    Ok(())
}

/// False for a terminal whose locale is not UTF-8.
fn shows_unicode() -> bool {
    !io::stdout().is_terminal() || losscast::terminal::speaks_unicode()
}

/// Columns of the terminal that standard output is; `None` where it is none.
fn terminal_width() -> Option<usize> {
    let size = || crossterm::terminal::size().ok();
    io::stdout()
        .is_terminal()
        .then(size)
        .flatten()
        .map(|(columns, _)| usize::from(columns))
}

fn print_check(reading: &Reading, fail_on: &[Trouble], format: Output) -> Result<ExitCode> {
    let (rules, _) = Alerting::default().resolve(&reading.source.config()?.alerts)?;
    let read = read(reading)?;
    let check = Check::new(&read.snapshot, &rules, fail_on);
    match format {
        Output::Table => print_text(|out| check.table(terminal_width(), out))?,
        Output::Json => check.json(&mut io::stdout().lock())?,
    }
    // What could not be read is complained of in any case.
    let verdict = read.verdict();
    Ok(check
        .gravest()
        .map_or(verdict, |gravest| ExitCode::from(gravest.exit_code())))
}

fn print_account(reading: &Reading, format: Output) -> Result<ExitCode> {
    let names = reading.source.names();
    let read = read(reading)?;
    match format {
        Output::Table => {
            print_text(|out| inspect::table(&read.engine, &read.snapshot, &names, terminal_width(), out))?
        }
        Output::Json => inspect::json(&read.engine, &read.snapshot, &names, &mut io::stdout().lock())?,
    }
    Ok(read.verdict())
}

fn print_backtest(settings: &losscast::cli::Backtest) -> Result<ExitCode> {
    start_log(&settings.source)?;
    make_sure_of_one(&settings.source.reader(false).roots)?;
    if settings.alerts {
        return print_alert_backtest(settings);
    }
    let result = backtest::run(settings)?;
    let mut out = io::stdout().lock();
    match settings.format {
        Output::Table => backtest::table(&result, &mut out)?,
        Output::Json => backtest::json(&result, &mut out)?,
    }
    Ok(if result.is_empty() {
        ExitCode::from(UNREADABLE)
    } else {
        ExitCode::SUCCESS
    })
}

fn print_alert_backtest(settings: &losscast::cli::Backtest) -> Result<ExitCode> {
    let result = backtest_alerts::run(settings)?;
    let mut out = io::stdout().lock();
    match settings.format {
        Output::Table => backtest_alerts::table(&result, &mut out)?,
        Output::Json => backtest_alerts::json(&result, &mut out)?,
    }
    Ok(if result.is_empty() {
        ExitCode::from(UNREADABLE)
    } else {
        ExitCode::SUCCESS
    })
}

/// What the engine needs to know; reference runs that are not there are an error at once.
fn engine_options(reading: &Reading) -> Result<Options> {
    let options = reading.engine()?;
    for path in &options.reference_paths {
        std::fs::metadata(path)
            .map_err(|error| anyhow::anyhow!("reference {}: {}", path.display(), explain(&error)))?;
    }
    Ok(options)
}

/// Everything as it was read once.
struct Findings {
    engine: Engine,
    snapshot: Snapshot,
    /// Each root as it is read, and as the user named it: those of a feed differ.
    roots: Vec<(PathBuf, PathBuf)>,
    /// Names of metrics that the user gave and no log has.
    missing: Vec<String>,
}

/// Reads everything once.
fn read(reading: &Reading) -> Result<Findings> {
    start_log(&reading.source)?;
    let options = engine_options(reading)?;
    let (reader, _feeds) = reading.reader(false, &options)?;
    let names = reading.source.reader(false).roots;
    let roots: Vec<(PathBuf, PathBuf)> = reader.roots.iter().cloned().zip(names).collect();
    let mut engine = read_once(reader, options).context("cannot start")?;
    let mut snapshot = engine.snapshot(now());
    name_feeds(&mut snapshot, &roots);
    let columns = engine.runs().flat_map(|run| &run.columns);
    let columns = columns.map(|column| column.name.as_str());
    let missing = reading.source.names().missing_among(columns);
    Ok(Findings {
        engine,
        snapshot,
        roots,
        missing,
    })
}

/// What is wrong with the mirror of a feed is told of the feed, unless that says itself what is wrong with it.
fn name_feeds(snapshot: &mut Snapshot, roots: &[(PathBuf, PathBuf)]) {
    let told: Vec<PathBuf> = snapshot
        .problems
        .iter()
        .map(|problem| problem.path.clone())
        .collect();
    let feed_of = |mirror: &Path| roots.iter().find(|(path, name)| path == mirror && path != name);
    snapshot
        .problems
        .retain(|problem| feed_of(&problem.path).is_none_or(|(_, name)| !told.contains(name)));
    for problem in &mut snapshot.problems {
        if let Some((_, name)) = feed_of(&problem.path) {
            problem.path.clone_from(name);
        }
    }
}

impl Findings {
    /// A file that was named must have become a run, a folder must hold at least one, and a name
    /// must be that of a metric.
    fn verdict(&self) -> ExitCode {
        let mut code = ExitCode::SUCCESS;
        let mut complain = |message: String| {
            let _ = writeln!(io::stderr(), "losscast: {message}");
            code = ExitCode::from(UNREADABLE);
        };
        for name in &self.missing {
            complain(format!(
                "no log has `{}`; `losscast inspect` lists the names that are there",
                losscast::text::printable(name)
            ));
        }
        for (path, name) in &self.roots {
            let is_unread = [path, name].iter().any(|path| self.engine.has_problem(path));
            if !is_unread && (self.engine.has_run_below(path) || self.is_read_as_another(path)) {
                continue;
            }
            complain(format!("{}: {}", name.display(), self.why_not(path, name)));
        }
        code
    }

    /// Why no run was found at a root.
    fn why_not(&self, path: &Path, name: &Path) -> String {
        let of_it = |problem: &&Problem| problem.path == *path || problem.path == *name;
        if let Some(known) = self.snapshot.problems.iter().find(of_it) {
            return known.message.clone();
        }
        let nothing = "no log with a loss was found in it";
        let below = |problem: &&Problem| problem.path.starts_with(path);
        let mut problems = self.snapshot.problems.iter().filter(below);
        let Some(first) = problems.next() else {
            return nothing.to_owned();
        };
        let file = first.path.strip_prefix(path).unwrap_or(&first.path).display();
        let more = match problems.count() {
            0 => String::new(),
            more => format!(" (and {more} more files: `losscast inspect` tells)"),
        };
        format!("{nothing}; {file}: {}{more}", first.message)
    }

    /// True for another spelling of a path that holds a run: that is read once.
    fn is_read_as_another(&self, path: &Path) -> bool {
        let Ok(real) = path.canonicalize() else {
            return false;
        };
        let mut others = self
            .roots
            .iter()
            .map(|(other, _)| other)
            .filter(|other| *other != path);
        others.any(|other| {
            self.engine.has_run_below(other)
                && other.canonicalize().is_ok_and(|other| real.starts_with(other))
        })
    }
}

/// Messages of losscast itself go to a file, never to the screen.
fn start_log(source: &Source) -> Result<()> {
    let Some(path) = &source.log_file else {
        return Ok(());
    };
    let file = std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        .init();
    Ok(())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind);
        kind.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}
