//! The real program in a real pseudo-terminal.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::live::append;

struct Session {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<vt100::Parser>>,
    closed: Arc<AtomicBool>,
    started: Instant,
}

impl Session {
    fn start(folder: &Path, rows: u16, columns: u16) -> Session {
        Session::start_in(folder, rows, columns, true)
    }

    /// Without `controlling` no signal tells the program that its terminal is gone.
    fn start_in(folder: &Path, rows: u16, columns: u16, controlling: bool) -> Session {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_losscast"));
        command.arg(folder);
        command.args(["--poll", "0.2"]);
        command.env("TERM", "xterm-256color");
        command.cwd(env!("CARGO_MANIFEST_DIR"));
        command.set_controlling_tty(controlling);
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let mut output = pair.master.try_clone_reader().unwrap();
        let shown = Arc::clone(&screen);
        let closed = Arc::new(AtomicBool::new(false));
        let is_closed = Arc::clone(&closed);
        std::thread::spawn(move || {
            let mut bytes = [0; 65536];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().unwrap().process(&bytes[..count]);
                if is_closed.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Session {
            master: pair.master,
            keys,
            child,
            screen,
            closed,
            started,
        }
    }

    fn contents(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Duration {
        let from = Instant::now();
        while !wanted(&self.contents()) {
            assert!(
                from.elapsed() < Duration::from_secs(30),
                "never {what}:\n{}",
                self.contents()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        self.started.elapsed()
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn resize(&self, rows: u16, columns: u16) {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.master.resize(size).unwrap();
        self.screen.lock().unwrap().screen_mut().set_size(rows, columns);
    }

    /// The terminal is as it was: main screen, cursor shown, no mouse or paste mode.
    fn ended(mut self) -> u32 {
        let from = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.exit_code();
            }
            assert!(from.elapsed() < Duration::from_secs(10), "does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        std::thread::sleep(Duration::from_millis(100));
        let parser = self.screen.lock().unwrap();
        let screen = parser.screen();
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        assert!(!screen.bracketed_paste());
        code
    }
}

fn log(steps: std::ops::Range<u64>) -> String {
    steps
        .map(|step| {
            format!(
                "step {step} | loss {:.5} | lr 1.0e-3\n",
                2.0 + 3.0 / (1.0 + step as f64).sqrt()
            )
        })
        .collect()
}

#[test]
fn keys_resizing_and_a_growing_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.log"), log(0..200)).unwrap();
    let mut session = Session::start(folder.path(), 24, 80);
    session.wait("shows the run", |screen| {
        screen.contains("a.log") && screen.contains("step 199")
    });
    session.press("\r");
    session.wait("opens it", |screen| screen.contains("learning rate"));
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(folder.path().join("a.log"))
        .unwrap();
    file.write_all(log(200..301).as_bytes()).unwrap();
    session.wait("grows", |screen| screen.contains("step 300"));
    session.resize(50, 160);
    session.wait("uses the new size", |screen| {
        screen.lines().any(|line| line.chars().count() > 120)
    });
    std::fs::write(folder.path().join("b.log"), log(0..50)).unwrap();
    session.press("1");
    session.wait("finds the new file", |screen| screen.contains("2 training"));
    session.press("/b.l");
    session.wait("filters", |screen| {
        !screen.lines().skip(1).any(|line| line.contains("a.log"))
    });
    session.press("\r?");
    session.wait("helps", |screen| screen.contains(" Help "));
    session.press("\x1bq");
    std::thread::sleep(Duration::from_millis(200));
    session.press("q");
    assert_eq!(session.ended(), 0);
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in ["TERM", "HUP", "INT"] {
        let session = Session::start(Path::new("sample_logs"), 24, 80);
        session.wait("is up", |screen| screen.contains("llm.c-gpt2"));
        let id = session.child.process_id().unwrap().to_string();
        let kill = std::process::Command::new("kill")
            .args(["-s", signal, &id])
            .status();
        assert!(kill.unwrap().success());
        session.ended();
    }
}

#[test]
fn a_terminal_that_is_gone_ends_the_program_without_a_signal_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.log"), log(0..200)).unwrap();
    let session = Session::start_in(folder.path(), 24, 80, false);
    session.wait("shows the run", |screen| screen.contains("step 199"));
    let Session {
        master,
        keys,
        mut child,
        closed,
        ..
    } = session;
    drop((master, keys));
    // What is drawn last ends the thread that reads, and closes the terminal.
    closed.store(true, Ordering::Relaxed);
    append(&folder.path().join("a.log"), &log(200..250));
    let from = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if from.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_screen_is_there_before_a_large_folder_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let large = log(0..400_000);
    for name in ["1.log", "2.log", "3.log"] {
        std::fs::write(folder.path().join(name), &large).unwrap();
    }
    let mut session = Session::start(folder.path(), 24, 80);
    let first = session.wait("draws", |screen| screen.contains("losscast"));
    let all = session.wait("reads everything", |screen| {
        screen.matches("step 400k").count() == 3
    });
    println!("first frame after {first:?}, everything after {all:?}");
    assert!(first < all);
    session.press("q");
    assert_eq!(session.ended(), 0);
}
