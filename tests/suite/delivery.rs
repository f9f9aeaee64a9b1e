//! Alerts on their way to people: the real program, real servers, commands and terminals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::live::append;

const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with a run, and a state of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("runs")).unwrap();
        let place = Place { folder };
        place.log(0..80, "");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Appends records of a run that learns, or with what is given for a loss.
    fn log(&self, steps: std::ops::Range<u64>, loss: &str) {
        let lines: String = steps
            .map(|step| {
                let own = format!("{:.4}", 4.0 - 0.01 * step as f64);
                let loss = if loss.is_empty() { &own } else { loss };
                format!("{{\"step\": {step}, \"loss\": {loss}}}\n")
            })
            .collect();
        append(&self.path("runs/metrics.jsonl"), &lines);
    }

    fn watch(&self, arguments: &[&str]) -> Watch {
        let mut child = Command::new(env!("CARGO_BIN_EXE_losscast"))
            .args(["watch", "--format", "jsonl", "--poll", "0.2", "--log-file"])
            .arg(self.path("losscast.log"))
            .args(arguments)
            .arg(self.path("runs"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env_remove("TMUX")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = said(child.stdout.take().unwrap());
        Watch { child, lines }
    }

    /// Waits for the content of a file to be as wanted.
    fn wait_for(&self, name: &str, wanted: impl Fn(&str) -> bool) -> String {
        let started = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
            if wanted(&text) {
                return text;
            }
            assert!(started.elapsed() < PATIENCE, "{name}: {text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn said(stdout: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Every line is whole, also the last one before the end.
            let value = serde_json::from_str(&line).expect("a line of JSON");
            if sender.send(value).is_err() {
                return;
            }
        }
    });
    receiver
}

struct Watch {
    child: Child,
    lines: Receiver<Value>,
}

impl Watch {
    fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        let mut seen = Vec::new();
        while let Some(left) = PATIENCE.checked_sub(started.elapsed()) {
            match self.lines.recv_timeout(left) {
                Ok(line) if wanted(&line) => return line,
                Ok(line) => seen.push(line),
                Err(_) => break,
            }
        }
        panic!("never {what}: {seen:#?}");
    }

    fn ready(self) -> Watch {
        self.wait_for("ready", |line| line["event"] == "ready");
        self
    }

    fn alert(&self, kind: &str) -> Value {
        self.wait_for(kind, |line| line["event"] == "alert" && line["kind"] == kind)
    }

    /// As systemd stops it; returns how long it took.
    fn stop(mut self) -> Duration {
        let asked = Instant::now();
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        asked.elapsed()
    }

    fn ended(mut self) -> bool {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            if started.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What a server does with a request.
#[derive(Clone, Copy)]
enum Answer {
    Accept,
    Refuse,
    Hang,
}

/// A server on this machine; the bodies of what was posted to it.
fn server(answer: Answer) -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook?token=secret", listener.local_addr().unwrap());
    let (sender, bodies) = channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            let Some(request) = request(&stream) else { continue };
            let _ = sender.send(request);
            let mut stream = stream;
            match answer {
                Answer::Accept => {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                }
                Answer::Refuse => {
                    let _ = stream.write_all(b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n");
                }
                Answer::Hang => held.push(stream),
            }
        }
    });
    (address, bodies)
}

/// First line and body of a request.
fn request(stream: &TcpStream) -> Option<(String, Value)> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, serde_json::from_slice(&body).ok()?))
}

/// A command that appends its environment and its standard input to a file.
fn recorder(place: &Place) -> String {
    let script = place.path("record.sh");
    std::fs::write(
        &script,
        "#!/bin/sh\nprintf '%s %s %s ' \"$LOSSCAST_SEVERITY\" \"$LOSSCAST_KIND\" \"$LOSSCAST_STEP\" >> \"$1\"\ncat >> \"$1\"\necho >> \"$1\"\n",
    )
    .unwrap();
    format!("sh '{}' '{}'", script.display(), place.path("told").display())
}

#[test]
fn a_command_and_a_webhook_hear_of_a_lost_run_and_a_restart_does_not_ring_again() {
    let place = Place::new();
    let (address, bodies) = server(Answer::Accept);
    let command = recorder(&place);
    let arguments = ["--on-alert", &command, "--webhook", &address];
    let watch = place.watch(&arguments).ready();
    place.log(80..84, "NaN");
    let alert = watch.alert("non_finite");
    assert_eq!(alert["raised_at_step"], 80);
    let (first, body) = bodies.recv_timeout(PATIENCE).unwrap();
    assert!(first.starts_with("POST /hook?token=secret "), "{first}");
    assert_eq!(body["alert"]["kind"], "non_finite");
    assert_eq!(body["alert"]["run"], "metrics.jsonl");
    let told = place.wait_for("told", |text| text.ends_with("}\n"));
    assert!(told.contains("non_finite"), "{told}");
    let json = told
        .lines()
        .next()
        .and_then(|line| line.split_once('{'))
        .unwrap()
        .1;
    let notice: Value = serde_json::from_str(&format!("{{{json}")).unwrap();
    assert_eq!(notice["alert"]["raised_at_step"], 80);
    watch.stop();
    let before = std::fs::read_to_string(place.path("told")).unwrap();
    // The alert is still open, and is known.
    let watch = place.watch(&arguments).ready();
    place.log(84..90, "NaN");
    std::thread::sleep(Duration::from_secs(2));
    watch.stop();
    assert_eq!(std::fs::read_to_string(place.path("told")).unwrap(), before);
}

#[test]
fn slack_gets_a_text_and_what_is_muted_is_not_told() {
    let place = Place::new();
    let (address, bodies) = server(Answer::Accept);
    std::fs::write(
        place.path("losscast.toml"),
        format!(
            "[alerts]\nwebhook = \"{address}\"\nwebhook_body = \"slack\"\nlevel = \"critical\"\n\
             [[alerts.mute]]\nrun = \"quiet*\"\nkind = \"non_finite\"\n"
        ),
    )
    .unwrap();
    std::fs::write(
        place.path("runs/quiet.jsonl"),
        std::fs::read(place.path("runs/metrics.jsonl")).unwrap(),
    )
    .unwrap();
    let config = place.path("losscast.toml");
    let watch = place.watch(&["--config", config.to_str().unwrap()]).ready();
    append(
        &place.path("runs/quiet.jsonl"),
        "{\"step\": 80, \"loss\": NaN}\n{\"step\": 81, \"loss\": NaN}\n",
    );
    watch.alert("non_finite");
    place.log(80..84, "NaN");
    let (_, body) = bodies.recv_timeout(PATIENCE).unwrap();
    let text = body["text"].as_str().unwrap();
    assert!(text.starts_with("*critical* in `metrics.jsonl`"), "{text}");
    assert!(bodies.recv_timeout(Duration::from_secs(1)).is_err());
    watch.stop();
}

#[test]
fn deliveries_that_fail_are_reported_and_stop_nothing() {
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let (broken, _bodies) = server(Answer::Refuse);
    let place = Place::new();
    for (arguments, reason) in [
        (["--webhook", refused.as_str()], "webhook"),
        (["--webhook", broken.as_str()], "500"),
        (["--on-alert", "sh -c 'exit 3'"], "exit status: 3"),
    ] {
        let place = Place::new();
        let watch = place.watch(&arguments).ready();
        place.log(80..84, "NaN");
        let failed = watch.wait_for("a failure", |line| line["event"] == "delivery_failed");
        let message = failed["message"].as_str().unwrap();
        assert!(
            message.contains(reason) && !message.contains("secret"),
            "{message}"
        );
        // It goes on: what follows is told.
        place.log(84..120, "");
        watch.wait_for("the end of the alert", |line| line["change"] == "cleared");
        watch.stop();
        let log = std::fs::read_to_string(place.path("losscast.log")).unwrap();
        assert!(log.contains(message), "{log}");
    }
    // A server that never answers keeps neither the stream nor the end of the program waiting.
    let (hanging, bodies) = server(Answer::Hang);
    let watch = place.watch(&["--webhook", &hanging]).ready();
    place.log(80..84, "NaN");
    bodies.recv_timeout(PATIENCE).unwrap();
    place.log(84..120, "");
    watch.wait_for("the end of the alert", |line| line["change"] == "cleared");
    assert!(watch.stop() < Duration::from_secs(9));
}

#[test]
fn a_pager_that_is_not_there_is_told_before_the_watch() {
    let place = Place::new();
    place.log(0..80, "");
    let mut command = assert_cmd::Command::cargo_bin("losscast").unwrap();
    command
        .args(["watch", "--on-alert", "/no/such/program"])
        .arg(place.path("runs"));
    let told = predicates::str::contains("/no/such/program");
    command.timeout(PATIENCE).assert().code(1).stderr(told);
}

#[test]
fn a_flood_of_alerts_becomes_a_few_notices() {
    let place = Place::new();
    let command = recorder(&place);
    let watch = place
        .watch(&["--on-alert", &command, "--alert-level", "info"])
        .ready();
    for round in 0..5 {
        let at = 80 + round * 40;
        place.log(at..at + 3, "NaN");
        place.log(at + 3..at + 40, "");
        watch.wait_for("the end of an alert", |line| line["change"] == "cleared");
    }
    let told = place.wait_for("told", |text| text.ends_with("}\n"));
    watch.stop();
    let notices = told.lines().count();
    assert!((1..=2).contains(&notices), "{told}");
}

#[test]
fn a_closed_output_ends_the_stream_but_not_the_deliveries() {
    let place = Place::new();
    let mut watch = place.watch(&[]).ready();
    // Nobody reads any more: the end of the pipe is closed.
    drop(std::mem::replace(&mut watch.lines, channel().1));
    for step in (80..120).step_by(4) {
        place.log(step..step + 4, "NaN");
        std::thread::sleep(Duration::from_millis(50));
    }
    place.log(120..180, "");
    place.log(180..184, "NaN");
    assert!(watch.ended());
    let place = Place::new();
    let command = recorder(&place);
    let mut watch = place.watch(&["--on-alert", &command]).ready();
    drop(std::mem::replace(&mut watch.lines, channel().1));
    place.log(80..84, "NaN");
    place.wait_for("told", |text| text.contains("non_finite"));
    place.log(84..140, "");
    std::thread::sleep(Duration::from_secs(1));
    place.log(140..144, "NaN");
    std::thread::sleep(Duration::from_secs(1));
    assert!(watch.stop() < Duration::from_secs(6));
}

/// Runs a command in a terminal until its output holds `wanted`.
fn in_a_terminal(command: portable_pty::CommandBuilder, place: &Place, wanted: &[&[u8]]) -> Vec<u8> {
    let pair = portable_pty::native_pty_system()
        .openpty(portable_pty::PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        })
        .unwrap();
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let (sender, pieces) = channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 65536];
        while let Ok(count @ 1..) = reader.read(&mut bytes) {
            if sender.send(bytes[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let (mut said, started, mut lost) = (Vec::new(), Instant::now(), false);
    let holds = |said: &[u8], wanted: &[u8]| said.windows(wanted.len()).any(|part| part == wanted);
    while started.elapsed() < PATIENCE && !wanted.iter().all(|part| holds(&said, part)) {
        if let Ok(piece) = pieces.recv_timeout(Duration::from_millis(100)) {
            said.extend(piece);
        }
        if !lost && holds(&said, b"metrics") {
            lost = true;
            std::thread::sleep(Duration::from_secs(1));
            place.log(80..84, "NaN");
        }
    }
    child.kill().unwrap();
    let _ = child.wait();
    said
}

fn assert_holds(said: &[u8], wanted: &[&[u8]]) {
    for part in wanted {
        assert!(
            said.windows(part.len()).any(|window| window == *part),
            "no {:?} in {:?}",
            String::from_utf8_lossy(part),
            String::from_utf8_lossy(said)
        );
    }
}

#[test]
fn the_terminal_rings_and_shows_notifications() {
    let place = Place::new();
    let mut command = portable_pty::CommandBuilder::new(env!("CARGO_BIN_EXE_losscast"));
    command.args(["--poll", "0.2", "--notify", "bell,osc9,osc777"]);
    command.arg(place.path("runs"));
    command.env("TERM", "xterm-256color");
    command.env("XDG_STATE_HOME", place.path("state"));
    command.env_remove("TMUX");
    let wanted: [&[u8]; 3] = [b"\x07", b"\x1b]9;losscast: ", b"\x1b]777;notify;losscast: "];
    assert_holds(&in_a_terminal(command, &place, &wanted), &wanted);
}

/// tmux keeps such sequences to itself unless they are wrapped; the terminal outside it must
/// receive them bare.
#[test]
fn notifications_pass_through_a_real_tmux() {
    let is_there = Command::new("tmux").arg("-V").output().is_ok();
    if !is_there {
        println!("skipped: there is no tmux here");
        return;
    }
    let place = Place::new();
    let config = place.path("tmux.conf");
    std::fs::write(&config, "set -g allow-passthrough on\nset -g status off\n").unwrap();
    let socket = place.path("tmux.sock");
    let mut command = portable_pty::CommandBuilder::new("tmux");
    command.args([
        "-S",
        socket.to_str().unwrap(),
        "-f",
        config.to_str().unwrap(),
        "new-session",
    ]);
    command.arg(format!(
        "XDG_STATE_HOME='{}' '{}' --poll 0.2 --notify osc9,osc777 '{}'",
        place.path("state").display(),
        env!("CARGO_BIN_EXE_losscast"),
        place.path("runs").display()
    ));
    command.env("TERM", "xterm-256color");
    command.env_remove("TMUX");
    let wanted: [&[u8]; 2] = [b"\x1b]9;losscast: ", b"\x1b]777;notify;losscast: "];
    let said = in_a_terminal(command, &place, &wanted);
    let kill_server = ["-S", socket.to_str().unwrap(), "kill-server"];
    let _ = Command::new("tmux").args(kill_server).output();
    assert_holds(&said, &wanted);
}

#[test]
fn nothing_is_told_unless_asked() {
    let place = Place::new();
    let mut watch = place.watch(&[]).ready();
    place.log(80..84, "NaN");
    watch.alert("non_finite");
    let mut errors = watch.child.stderr.take().unwrap();
    watch.stop();
    let mut text = String::new();
    errors.read_to_string(&mut text).unwrap();
    assert_eq!(text, "");
}

#[test]
fn a_crossover_that_lasts_is_told_once_to_who_wants_notes() {
    use losscast::alert::Severity;
    use losscast::alert::history::History;
    use losscast::alert::notify::Notifier;
    use losscast::alert::rules::Rules;

    let told = |least: Severity| {
        let rules = Rules {
            least,
            ..Rules::default()
        };
        let mut notifier = Notifier::new(rules, History::default());
        let mut snapshot = losscast::snapshot::Snapshot::clone(&crate::screens::samples());
        let mut told = Vec::new();
        for _ in 0..4 {
            told.extend(notifier.take(&snapshot));
            snapshot.taken_at += 61.0;
        }
        told.retain(|notice| notice.kind == "crossover");
        told
    };
    let notices = told(Severity::Info);
    let [notice] = notices.as_slice() else {
        panic!("{notices:?}");
    };
    assert_eq!(notice.run, "slimpajama-124m/cosine-lr1e-3.csv");
    assert!(
        notice
            .message
            .starts_with("slimpajama-124m/wsd-long-decay-lr1e-3.csv is projected to pass it at about step 2"),
        "{notice:?}"
    );
    assert!(told(Severity::Warning).is_empty());
}
