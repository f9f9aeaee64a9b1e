//! The terminal: takes it over, gives it back whatever happens, and runs the loop of
//! keys, snapshots and signals.

use std::io::{self, Stdout, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use crossterm::event::{Event, EventStream, KeyEventKind};
use crossterm::{cursor, execute, terminal};
use futures_util::StreamExt;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::alert::deliver::Deliverer;
use crate::alert::notify::Notifier;
use crate::snapshot::Snapshot;
use crate::ui::app::{App, Effect};
use crate::ui::keys::{self, Action};
use crate::ui::theme::{DARK, MONO, Symbols, Theme};

/// How the screen is to look.
pub struct Options {
    /// What is watched, for the title.
    pub title: String,
    /// ASCII characters only.
    pub ascii: bool,
    /// The theme; `None` for the default.
    pub theme: Option<&'static Theme>,
}

/// New data is drawn at most this often; keys are answered at once.
const FRAME: Duration = Duration::from_millis(100);
/// What a key did is told for so long.
const NOTICE: Duration = Duration::from_secs(3);
/// Ages on the screen are brought up to date, and the terminal is looked for, this often.
const CLOCK: Duration = Duration::from_secs(5);

/// Shows snapshots until the user quits.
///
/// # Errors
/// When the terminal cannot be used.
pub async fn run(
    options: Options,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    mut notifier: Notifier,
    deliverer: Deliverer,
) -> Result<()> {
    let mut app = App::new(
        options.title,
        options.theme.unwrap_or_else(default_theme),
        symbols(options.ascii),
    );
    let _guard = Guard::take().context("cannot use the terminal")?;
    let mut screen = Terminal::new(CrosstermBackend::new(io::stdout())).context("cannot use the terminal")?;
    let mut keys = EventStream::new();
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut continued = signal(SignalKind::from_raw(SIGCONT))?;
    let mut clock = interval(CLOCK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut snapshot = snapshots.borrow_and_update().clone();
    recall(&mut app, &snapshot, &notifier);
    let mut draw_at = Some(Instant::now());
    // What a key did is told until then.
    let mut notice_until: Option<Instant> = None;
    // The first frame waits for nothing.
    let mut drawn = Instant::now().checked_sub(FRAME).unwrap_or_else(Instant::now);
    loop {
        tokio::select! {
            biased;
            _ = terminate.recv() => return Ok(()),
            _ = hang_up.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = continued.recv() => {
                Guard::enter()?;
                screen.clear()?;
                draw_at = Some(Instant::now());
            }
            event = keys.next() => {
                let Some(event) = event else { return Ok(()) };
                let shown = shown(&app, &snapshot);
                let seen = (app.acknowledged.len(), app.muted.len());
                let effect = handle(&mut app, event.context("cannot read keys")?, &shown);
                if (app.acknowledged.len(), app.muted.len()) != seen {
                    remember(&app, &snapshot, &mut notifier);
                }
                notice_until = (!app.notice.is_empty()).then(|| Instant::now() + NOTICE);
                match effect {
                    Some(Effect::Quit) => return Ok(()),
                    Some(Effect::Suspend) => suspend()?,
                    Some(Effect::Redraw) => { screen.clear()?; draw_at = Some(Instant::now()); }
                    Some(Effect::Draw) => draw_at = Some(Instant::now()),
                    None => {}
                }
            }
            () = sleep_until(draw_at.unwrap_or(drawn)), if draw_at.is_some() => {
                draw_at = None;
                drawn = Instant::now();
                let shown = shown(&app, &snapshot);
                draw(&mut screen, &mut app, &shown)?;
            }
            () = sleep_until(notice_until.unwrap_or(drawn)), if notice_until.is_some() => {
                notice_until = None;
                // A filter that is refused is still there to be mended.
                if app.typing.is_none() && !app.notice.is_empty() {
                    app.notice.clear();
                    draw_at = Some(Instant::now());
                }
            }
            changed = snapshots.changed() => {
                changed.context("the reader has stopped; see --log-file")?;
                snapshot = snapshots.borrow_and_update().clone();
                if !app.muted.is_empty() {
                    remember(&app, &snapshot, &mut notifier);
                }
                for notice in notifier.take(&snapshot) {
                    let bytes = deliverer.send(&notice);
                    io::stdout().write_all(&bytes)?;
                    io::stdout().flush()?;
                }
                recall(&mut app, &snapshot, &notifier);
                if let Some(failure) = deliverer.failures().pop() {
                    app.notice = failure;
                }
                if app.frozen.is_none() {
                    draw_at = Some(draw_at.unwrap_or(drawn + FRAME).max(drawn + FRAME).min(Instant::now() + FRAME));
                }
            }
            _ = clock.tick() => {
                if is_gone() {
                    return Ok(());
                }
                // Ages are part of the picture only while something is training.
                let live = snapshot.runs.iter().any(|run| run.state == crate::snapshot::State::Training);
                if live && app.frozen.is_none() {
                    snapshot = Arc::new(Snapshot { taken_at: crate::source::reader::now(), ..Snapshot::clone(&snapshot) });
                    draw_at = Some(Instant::now());
                }
            }
        }
    }
}

/// Whether the terminal has hung up: a connection that broke or a window that closed. Not every such program gets the
/// signal (a child of `su` or `setsid` does not), and the thread that waits for keys takes the end of its input for a
/// key still to come, again and again.
fn is_gone() -> bool {
    let output = io::stdout();
    let mut outputs = [PollFd::new(output.as_fd(), PollFlags::empty())];
    let looked = poll(&mut outputs, PollTimeout::ZERO);
    let is_closed = |output: &PollFd<'_>| output.any().unwrap_or(false);
    looked.is_ok() && outputs.iter().any(is_closed)
}

/// What the user has acknowledged is not told again, after a restart either, unless that
/// was taken back.
fn remember(app: &App, snapshot: &Snapshot, notifier: &mut Notifier) {
    for run in &snapshot.runs {
        for alert in &run.alerts {
            notifier.acknowledge(run, alert, app.is_acknowledged(run, alert));
        }
    }
}

/// What the user has acknowledged before stays acknowledged.
fn recall(app: &mut App, snapshot: &Snapshot, notifier: &Notifier) {
    for run in &snapshot.runs {
        for alert in &run.alerts {
            if notifier.was_acknowledged(run, alert) && !app.is_muted(run, alert) {
                app.acknowledged
                    .insert((run.id.clone(), alert.kind, alert.opened_at_step));
            }
        }
    }
}

/// The snapshot that is on the screen.
fn shown(app: &App, newest: &Arc<Snapshot>) -> Arc<Snapshot> {
    app.frozen.clone().unwrap_or_else(|| Arc::clone(newest))
}

fn handle(app: &mut App, event: Event, snapshot: &Arc<Snapshot>) -> Option<Effect> {
    match event {
        Event::Resize(..) => Some(Effect::Draw),
        Event::Key(key) if key.kind != KeyEventKind::Release => {
            let action = keys::action(key);
            if app.typing.is_some() && action != Some(Action::Quit)
                || (app.typing.is_some() && key.code == crossterm::event::KeyCode::Char('q'))
            {
                app.type_filter(key);
                return Some(Effect::Draw);
            }
            match action {
                Some(action) => Some(app.update(action, snapshot)),
                // Any key shows that the word about the last one has been read.
                None => (!std::mem::take(&mut app.notice).is_empty()).then_some(Effect::Draw),
            }
        }
        _ => None,
    }
}

fn draw(screen: &mut Terminal<CrosstermBackend<Stdout>>, app: &mut App, snapshot: &Snapshot) -> Result<()> {
    execute!(io::stdout(), terminal::BeginSynchronizedUpdate)?;
    app.hold_order(snapshot);
    app.body = screen.size()?.height.saturating_sub(2);
    screen.draw(|frame| crate::ui::draw(app, snapshot, frame))?;
    execute!(io::stdout(), terminal::EndSynchronizedUpdate)?;
    Ok(())
}

fn default_theme() -> &'static Theme {
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        &MONO
    } else {
        &DARK
    }
}

/// Braille where the terminal speaks UTF-8.
fn symbols(ascii: bool) -> Symbols {
    if ascii || !speaks_unicode() {
        Symbols::Ascii
    } else {
        Symbols::Braille
    }
}

/// True where the locale says that text is UTF-8.
pub fn speaks_unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    locale.is_some_and(|locale| locale.to_uppercase().replace('-', "").contains("UTF8"))
}

const SIGCONT: i32 = nix::sys::signal::Signal::SIGCONT as i32;

/// Gives the terminal back and stops, as ctrl-z does to any program. The loop takes
/// the terminal again when it is continued.
fn suspend() -> Result<()> {
    Guard::leave()?;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(0), nix::sys::signal::Signal::SIGTSTP)
        .context("cannot suspend")?;
    Ok(())
}

/// Holds the terminal; dropping it gives the terminal back.
struct Guard;

impl Guard {
    fn take() -> io::Result<Guard> {
        Self::enter()?;
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // A worker that panics is reported as a failed fit; only the thread that
            // owns the screen may give it back.
            if std::thread::current().name() == Some("main") {
                let _ = Guard::leave();
                before(panic);
            } else {
                tracing::error!("{panic}");
            }
        }));
        Ok(Guard)
    }

    fn enter() -> io::Result<()> {
        terminal::enable_raw_mode()?;
        execute!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)
    }

    fn leave() -> io::Result<()> {
        let shown = execute!(
            io::stdout(),
            terminal::EndSynchronizedUpdate,
            terminal::LeaveAlternateScreen,
            cursor::Show
        );
        let raw = terminal::disable_raw_mode();
        io::stdout().flush()?;
        shown.and(raw)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = Guard::leave();
    }
}
