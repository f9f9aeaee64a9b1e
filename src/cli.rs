//! The command line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::alert::Severity;
use crate::alert::deliver::{Body, Channels, TerminalSignal};
use crate::alert::rules::Rules;
use crate::config::{AlertSection, Config, ConfigError, GroupingSection};
use crate::engine::Options;
use crate::metric::{Names, Quantity, Role};
use crate::schedule::Schedule;
use crate::source::feed::{FeedError, FeedOptions, Feeds};
use crate::source::reader::ReaderOptions;
use crate::ui::theme::{THEMES, Theme};

/// Forecasts where training runs will end, from the logs they already write.
///
/// `losscast PATH...` opens a terminal view of all runs below the paths, live.
/// When standard output is not a terminal it prints the report instead.
#[derive(Debug, Parser)]
#[command(
    name = "losscast",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
#[command(after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do; without it, the terminal view opens.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to read, and what the log does not say.
    #[command(flatten)]
    pub reading: Reading,
    /// How the terminal view looks.
    #[command(flatten)]
    pub screen: Screen,
    /// Who hears of alerts, and how.
    #[command(flatten)]
    pub alerting: Alerting,
}

impl Cli {
    /// The first path and the command that was meant, where it is not there and reads like one.
    pub fn meant(&self) -> Option<(&str, String)> {
        /// Similarity from which a word is taken for a slip.
        const ALIKE: f64 = 0.8;
        let word = self.reading.source.paths.first()?.to_str()?;
        if self.command.is_some() || std::path::Path::new(word).exists() {
            return None;
        }
        let names: Vec<String> = <Self as clap::CommandFactory>::command()
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
            .collect();
        let alike = |name: &String| strsim::jaro_winkler(word, name);
        let meant = names
            .into_iter()
            .filter(|name| alike(name) >= ALIKE)
            .max_by(|one, other| alike(one).total_cmp(&alike(other)));
        Some((word, meant?))
    }
}

const EXIT_CODES: &str = "Exit codes: 0 all well; 1 something asked for could not be read; 2 wrong usage; of `check` also \
                          3 a warning, 4 a critical alert, 5 advice.";

/// The commands beside the terminal view.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print what is known of every run, once
    Report {
        /// What to read, and what the log does not say.
        #[command(flatten)]
        reading: Reading,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Output::Table)]
        format: Output,
    },
    /// Explain what was understood of each file: format, columns, lines, schedule
    Inspect {
        /// What to read, and what the log does not say.
        #[command(flatten)]
        reading: Reading,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Output::Table)]
        format: Output,
    },
    /// Tell by the exit code whether a run needs somebody: 3 a warning, 4 a critical alert, 5 advice
    /// to stop or to begin the decay; the gravest of 4, 5, 3 counts
    Check {
        /// What to read, and what the log does not say.
        #[command(flatten)]
        reading: Reading,
        /// What counts
        #[arg(
            long,
            value_name = "WHAT",
            value_enum,
            value_delimiter = ',',
            default_value = "warning,advice,critical"
        )]
        fail_on: Vec<Trouble>,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Output::Table)]
        format: Output,
    },
    /// Follow the runs without a screen: alerts and forecasts as a stream of lines
    Watch {
        /// What to read, and what the log does not say.
        #[command(flatten)]
        reading: Reading,
        /// Who hears of alerts, and how.
        #[command(flatten)]
        alerting: Alerting,
        /// How the lines are written: on a terminal as text, elsewhere as JSON, unless one is chosen
        #[arg(long, value_enum)]
        format: Option<StreamFormat>,
    },
    /// Write a log again over time, as its trainer would, to see losscast at work
    Replay(Replay),
    /// Forecast finished runs again from their beginnings, and score the forecasts
    Backtest(Backtest),
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Aligned text for people.
    Table,
    /// JSON for programs.
    Json,
}

/// What may be wrong with a run, the gravest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trouble {
    /// A warning is open.
    Warning,
    /// It is advised to stop it, or to begin its decay.
    Advice,
    /// A critical alert is open.
    Critical,
}

impl Trouble {
    /// The exit code that tells of it.
    pub const fn exit_code(self) -> u8 {
        match self {
            Trouble::Warning => 3,
            Trouble::Critical => 4,
            Trouble::Advice => 5,
        }
    }
}

/// How a stream is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StreamFormat {
    /// What somebody wants to know, for people.
    Text,
    /// All that happens, one JSON object a line.
    Jsonl,
}

/// Who hears of alerts, and how; all of it is off until asked.
#[derive(Clone, Debug, Default, Args)]
pub struct Alerting {
    /// Program to run for each alert, with its arguments; no shell is involved. The alert is in its
    /// environment (LOSSCAST_RUN, LOSSCAST_KIND, ...) and, as JSON, on its standard input
    #[arg(long, value_name = "CMD")]
    pub on_alert: Option<String>,
    /// Address to post each alert to
    #[arg(long, value_name = "URL")]
    pub webhook: Option<String>,
    /// What is posted
    #[arg(long, value_enum)]
    pub webhook_body: Option<Body>,
    /// Let the terminal ring or show a desktop notification: bell, osc9, osc777
    #[arg(long, value_name = "HOW", value_enum, value_delimiter = ',')]
    pub notify: Vec<TerminalSignal>,
    /// Lowest level of alert that is told beyond the screen
    #[arg(long, value_name = "LEVEL", value_enum)]
    pub alert_level: Option<Severity>,
}

impl Alerting {
    /// The rules and the channels, with what the configuration adds.
    ///
    /// # Errors
    /// When the command cannot be taken apart into a program and its arguments.
    pub fn resolve(&self, section: &AlertSection) -> anyhow::Result<(Rules, Channels)> {
        let command = match &self.on_alert {
            Some(text) => {
                shell_words::split(text).map_err(|error| anyhow::anyhow!("--on-alert `{text}`: {error}"))?
            }
            None => section.on_alert.clone(),
        };
        let rules = Rules {
            least: self.alert_level.or(section.level).unwrap_or(Severity::Warning),
            mutes: section.mute.clone(),
        };
        let channels = Channels {
            terminal: if self.notify.is_empty() {
                section.notify.clone()
            } else {
                self.notify.clone()
            },
            command,
            webhook: self.webhook.clone().or_else(|| section.webhook.clone()),
            body: self.webhook_body.unwrap_or(section.webhook_body),
        };
        Ok((rules, channels))
    }
}

/// Which files to read, and how.
#[derive(Clone, Debug, Args)]
pub struct Source {
    /// Files or folders, ssh://node/path, or - for standard input; folders are searched, the
    /// default is the current one
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// One more folder, as TensorBoard users type it
    #[arg(long, value_name = "DIR", hide = true)]
    pub logdir: Vec<PathBuf>,
    /// Name of the step in an unusual log
    #[arg(long, value_name = "NAME")]
    pub step: Option<String>,
    /// Name of the train loss in an unusual log
    #[arg(long, value_name = "NAME")]
    pub loss: Option<String>,
    /// Name of the eval loss in an unusual log
    #[arg(long, value_name = "NAME")]
    pub eval_loss: Option<String>,
    /// Name of the learning rate in an unusual log
    #[arg(long, value_name = "NAME")]
    pub lr: Option<String>,
    /// Seconds between two looks at the files where the system sends no events
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    pub poll: f64,
    /// Configuration; without it, a `losscast.toml` beside the runs or in the current folder
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The command for ssh:// paths, with options if need be
    #[arg(long, value_name = "COMMAND", default_value = "ssh")]
    pub ssh: String,
    /// Write a log of losscast itself to this file
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

/// What to read, and what the log does not say.
#[derive(Clone, Debug, Args)]
pub struct Reading {
    /// Which files to read, and how.
    #[command(flatten)]
    pub source: Source,
    /// Learning-rate schedule of the runs, such as `cosine:total=50000,min=0.1` or `wsd:decay=0.2,shape=sqrt`
    #[arg(long, value_name = "SPEC")]
    pub schedule: Option<Schedule>,
    /// Planned number of steps, where the log does not say
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub total_steps: Option<u64>,
    /// Finished runs to learn from: files or folders, besides those of the configuration
    #[arg(long, value_name = "PATH")]
    pub reference: Vec<PathBuf>,
    /// The loss that stands for a run
    #[arg(long, value_enum)]
    pub metric: Option<Metric>,
    /// Level of the forecast interval
    #[arg(long, value_name = "SHARE", default_value_t = 0.8, value_parser = level)]
    pub interval: f64,
}

/// The losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Metric {
    /// Training loss.
    Train,
    /// Loss on held-out data.
    Eval,
}

/// How the terminal view looks.
#[derive(Clone, Debug, Args)]
pub struct Screen {
    /// Draw with ASCII characters only
    #[arg(long)]
    pub ascii: bool,
    /// Colours: dark, light or mono (NO_COLOR means mono)
    #[arg(long, value_name = "NAME", value_parser = theme)]
    pub theme: Option<&'static Theme>,
}

/// Settings of `replay`.
#[derive(Clone, Debug, Args)]
pub struct Replay {
    /// Logs to write again: files, or a folder of them
    #[arg(value_name = "SRC", required = true)]
    pub sources: Vec<PathBuf>,
    /// Folder to write them into; it is created, and existing files are not overwritten
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
    /// How much faster than the run itself: `200x`. Logs without times take one step a second
    #[arg(long, value_name = "FACTOR", default_value = "100x", value_parser = speed)]
    pub speed: f64,
    /// Write this share of each log at once before the clock starts
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub start: f64,
    /// Stop after this share of each log
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = share)]
    pub until: f64,
}

/// Settings of `backtest`.
#[derive(Clone, Debug, Args)]
pub struct Backtest {
    /// Which files to read, and how.
    #[command(flatten)]
    pub source: Source,
    /// Show what the detectors raise in the runs, instead of forecasts
    #[arg(long)]
    pub alerts: bool,
    /// With `--alerts`: the events that the runs are known to hold (a MANIFEST.tsv with file, event_type, begin_step)
    #[arg(long, value_name = "FILE", requires = "alerts")]
    pub expect: Option<PathBuf>,
    /// Show what would have come of the advice to stop: runs in one folder count as started together
    #[arg(long, conflicts_with = "alerts")]
    pub advice: bool,
    /// Shares of the run at which it is cut
    #[arg(long, value_name = "SHARES", value_delimiter = ',', default_value = "0.2,0.3,0.5,0.7,0.9", value_parser = inner_share)]
    pub at: Vec<f64>,
    /// Whether a forecast is told the learning rates and the length to come, or must infer them
    #[arg(long, value_enum, default_value_t = Knowledge::Known)]
    pub schedule: Knowledge,
    /// Whether a forecast learns from the other runs given
    #[arg(long, value_enum, default_value_t = Switch::Off)]
    pub cohort: Switch,
    /// What the other runs are: over, or started together and equally far
    #[arg(long, value_enum, default_value_t = Stage::Finished)]
    pub others: Stage,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub format: Output,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// How far other runs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// They are over.
    Finished,
    /// They have come as far as the run itself.
    Live,
}

/// What a forecast is told of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Knowledge {
    /// All of it.
    Known,
    /// What the log shows up to the cut.
    Inferred,
    /// The length alone, as if the log had no learning rate.
    Unlogged,
}

impl Source {
    /// What the reader needs to know.
    pub fn reader(&self, follow: bool) -> ReaderOptions {
        ReaderOptions {
            roots: self.roots(),
            names: self.names(),
            grouping: GroupingSection::default(),
            feeds: Vec::new(),
            poll: Duration::try_from_secs_f64(self.poll).unwrap_or(Duration::from_secs(2)),
            follow,
        }
    }

    fn roots(&self) -> Vec<PathBuf> {
        let mut roots: Vec<PathBuf> = self.paths.iter().chain(&self.logdir).cloned().collect();
        if roots.is_empty() {
            roots.push(PathBuf::from("."));
        }
        roots
    }

    /// What `losscast.toml` says.
    ///
    /// # Errors
    /// When it is there and cannot be used.
    pub fn config(&self) -> Result<Config, ConfigError> {
        Config::find(self.config.as_deref(), &self.roots())
    }

    /// The names of metrics, with those that were declared, and the user's own formats.
    pub fn names(&self) -> Names {
        let mut names = Names::default();
        let declared = [
            (&self.step, Role::Step),
            (&self.loss, Role::of(Quantity::TrainLoss)),
            (&self.eval_loss, Role::of(Quantity::EvalLoss)),
            (&self.lr, Role::of(Quantity::LearningRate)),
        ];
        for (name, role) in declared {
            if let Some(name) = name {
                names.declare(name, role);
            }
        }
        // A configuration that cannot be used stops the command elsewhere.
        if let Ok(config) = self.config() {
            names.patterns = config.formats.iter().map(|section| section.pattern).collect();
        }
        names
    }
}

impl Reading {
    /// What the reader needs to know, with what the configuration says of the files. The
    /// feeds among them are mirrored as long as the second result lives.
    ///
    /// # Errors
    /// When a feed cannot be set up.
    pub fn reader(&self, follow: bool, options: &Options) -> Result<(ReaderOptions, Feeds), FeedError> {
        let mut reader = self.source.reader(follow);
        reader.grouping = options.config.grouping.clone();
        let feeding = FeedOptions {
            ssh: self.source.ssh.split_whitespace().map(str::to_owned).collect(),
            poll: reader.poll,
            follow,
        };
        let feeds = Feeds::start(&mut reader.roots, &feeding)?;
        reader.feeds = feeds.all();
        Ok((reader, feeds))
    }

    /// What the engine needs to know.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn engine(&self) -> Result<Options, ConfigError> {
        let config = self.source.config()?;
        Ok(Options {
            names: self.source.names(),
            reference_paths: self
                .reference
                .iter()
                .chain(&config.forecast.reference)
                .cloned()
                .collect(),
            config: Arc::new(config),
            schedule: self.schedule.clone(),
            total_steps: self.total_steps,
            level: self.interval,
            metric: self.metric.map(|metric| match metric {
                Metric::Train => Quantity::TrainLoss,
                Metric::Eval => Quantity::EvalLoss,
            }),
            references: Arc::default(),
        })
    }
}

fn theme(name: &str) -> Result<&'static Theme, String> {
    Theme::named(name).ok_or_else(|| {
        let names = THEMES.map(|theme| theme.name).join(", ");
        format!("there are {names}")
    })
}

fn number(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .ok_or_else(|| format!("`{text}` is not a number"))
}

fn level(text: &str) -> Result<f64, String> {
    let level = number(text)?;
    (level > 0.0 && level < 1.0)
        .then_some(level)
        .ok_or_else(|| "must lie between 0 and 1, such as 0.8".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = number(text)?;
    (0.0..=1.0)
        .contains(&share)
        .then_some(share)
        .ok_or_else(|| "must lie between 0 and 1".to_owned())
}

fn inner_share(text: &str) -> Result<f64, String> {
    let share = number(text)?;
    (share > 0.0 && share < 1.0)
        .then_some(share)
        .ok_or_else(|| "must lie between 0 and 1, such as 0.3".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = number(text)?;
    (0.05..=3600.0)
        .contains(&seconds)
        .then_some(seconds)
        .ok_or_else(|| "must lie between 0.05 and 3600".to_owned())
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = number(text.strip_suffix('x').unwrap_or(text))?;
    (speed > 0.0)
        .then_some(speed)
        .ok_or_else(|| "must be more than 0, such as 200x".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn paths_need_no_command() {
        let cli = Cli::parse_from([
            "losscast",
            "runs/",
            "--total-steps",
            "5000",
            "--schedule",
            "wsd:decay=0.2",
        ]);
        assert!(cli.command.is_none());
        assert_eq!(cli.reading.source.paths, [PathBuf::from("runs/")]);
        let cli = Cli::parse_from(["losscast", "report", "runs/", "--format", "json"]);
        assert!(matches!(
            cli.command,
            Some(Command::Report {
                format: Output::Json,
                ..
            })
        ));
    }
}
