//! How notices reach people: the terminal, a command, a webhook. All off until asked.
//!
//! Commands and webhooks run on a thread of their own; what fails is reported to the log
//! of losscast and to who shows it ([`Deliverer::failures`]), and never stops anything.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use super::notify::Notice;
use crate::text::printable;

/// A command that has not ended by then is ended.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// Notices that may wait; more are dropped, and that is said in the log.
const WAITING: usize = 64;
/// At the end, what is on its way may take so long.
const LAST_DELIVERIES: Duration = Duration::from_secs(5);

/// What a terminal is made to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum TerminalSignal {
    /// Ring the bell.
    Bell,
    /// Desktop notification, OSC 9 (iTerm2, kitty, Windows Terminal, wezterm).
    Osc9,
    /// Desktop notification, OSC 777 (urxvt, foot, Ghostty, wezterm).
    Osc777,
}

/// What the body of a webhook looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// The notice as JSON.
    #[default]
    Json,
    /// `{"text": ...}`, as Slack and Mattermost take it.
    Slack,
}

/// Where notices go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Channels {
    /// What the terminal is made to do.
    pub terminal: Vec<TerminalSignal>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Address.
    pub webhook: Option<String>,
    /// What is sent there.
    pub body: Body,
}

/// The bytes that make a terminal signal a notice; wrapped for tmux, which would keep
/// them to itself, when `in_tmux` (tmux needs `allow-passthrough on`).
pub fn terminal_bytes(signals: &[TerminalSignal], notice: &Notice, in_tmux: bool) -> Vec<u8> {
    // A semicolon separates fields, and control characters would end the sequence.
    let clean = |text: &str| printable(text).replace(';', ",");
    let title = clean(&format!("losscast: {} {}", notice.severity.name(), notice.run));
    let text = clean(&notice.message);
    let mut bytes = Vec::new();
    for signal in signals {
        let sequence = match signal {
            TerminalSignal::Bell => {
                bytes.push(0x07);
                continue;
            }
            TerminalSignal::Osc9 => format!("\x1b]9;{title}: {text}\x1b\\"),
            TerminalSignal::Osc777 => format!("\x1b]777;notify;{title};{text}\x1b\\"),
        };
        if in_tmux {
            bytes.extend_from_slice(b"\x1bPtmux;");
            bytes.extend_from_slice(sequence.replace('\x1b', "\x1b\x1b").as_bytes());
            bytes.extend_from_slice(b"\x1b\\");
        } else {
            bytes.extend_from_slice(sequence.as_bytes());
        }
    }
    bytes
}

/// The body of a webhook.
pub fn body(format: Body, notice: &Notice) -> Value {
    match format {
        Body::Json => json!({ "schema_version": 1, "event": "alert", "alert": notice }),
        Body::Slack => json!({
            "text": format!(
                "*{}* in `{}` at step {}: {}\n{}",
                notice.severity.name(),
                notice.run,
                notice.step,
                notice.message,
                notice.remedy
            ),
        }),
    }
}

/// Delivers to commands and webhooks.
pub struct Deliverer {
    channels: Channels,
    outbox: Option<SyncSender<Notice>>,
    /// What has failed; it ends when everything has been delivered.
    failed: Option<Receiver<String>>,
}

impl Deliverer {
    /// Starts its thread, if there is anything for it to do.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(channels: Channels) -> std::io::Result<Deliverer> {
        let (mut outbox, mut failed) = (None, None);
        if !channels.command.is_empty() || channels.webhook.is_some() {
            let (sender, inbox) = sync_channel(WAITING);
            let (report, failures) = sync_channel(WAITING);
            let own = channels.clone();
            let thread = std::thread::Builder::new().name("deliver".to_owned());
            thread.spawn(move || deliver_all(&own, &inbox, &report))?;
            (outbox, failed) = (Some(sender), Some(failures));
        }
        Ok(Deliverer {
            channels,
            outbox,
            failed,
        })
    }

    /// True when notices go elsewhere than to the terminal.
    pub fn has_elsewhere(&self) -> bool {
        self.outbox.is_some()
    }

    /// What has failed since the last call, in sentences.
    pub fn failures(&self) -> Vec<String> {
        self.failed.iter().flat_map(Receiver::try_iter).collect()
    }

    /// Hands a notice on, and returns the bytes that are for the terminal.
    pub fn send(&self, notice: &Notice) -> Vec<u8> {
        if let Some(outbox) = &self.outbox
            && outbox.try_send(notice.clone()).is_err()
        {
            tracing::warn!("too many notices are waiting; dropped: {}", notice.message);
        }
        let in_tmux = std::env::var_os("TMUX").is_some();
        terminal_bytes(&self.channels.terminal, notice, in_tmux)
    }
}

impl Drop for Deliverer {
    fn drop(&mut self) {
        self.outbox = None;
        // What is on its way may arrive; what hangs must not keep the program from ending.
        let started = Instant::now();
        while let (Some(failed), Some(left)) = (&self.failed, LAST_DELIVERIES.checked_sub(started.elapsed()))
        {
            match failed.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        if self.failed.is_some() {
            tracing::warn!("ended before the last notices had been delivered");
        }
    }
}

fn deliver_all(channels: &Channels, inbox: &Receiver<Notice>, report: &SyncSender<String>) {
    let failed = |message: String| {
        tracing::warn!("{message}");
        // Nobody need look at them.
        let _ = report.try_send(message);
    };
    for notice in inbox {
        if let Some((program, arguments)) = channels.command.split_first()
            && let Err(reason) = run(program, arguments, &notice, COMMAND_TIMEOUT)
        {
            failed(format!("--on-alert {}: {reason}", printable(program)));
        }
        if let Some(address) = &channels.webhook
            && let Err(reason) = post(address, &body(channels.body, &notice))
        {
            // The address may hold a secret: it is not repeated.
            failed(format!("webhook: {}", printable(&reason)));
        }
    }
}

/// Runs a command with the notice in its environment and, as JSON, on its standard input.
///
/// # Errors
/// A sentence that says what went wrong.
pub fn run(program: &str, arguments: &[String], notice: &Notice, timeout: Duration) -> Result<(), String> {
    // The environment can hold no NUL.
    let text = |text: &str| text.replace('\0', " ");
    let mut child = Command::new(program)
        .args(arguments)
        .env("LOSSCAST_RUN", text(&notice.run))
        .env("LOSSCAST_PATH", &notice.path)
        .env("LOSSCAST_KIND", notice.kind)
        .env("LOSSCAST_SEVERITY", notice.severity.name())
        .env("LOSSCAST_STEP", notice.step.to_string())
        .env("LOSSCAST_RAISED_AT_STEP", notice.raised_at_step.to_string())
        .env("LOSSCAST_MESSAGE", text(&notice.message))
        .env("LOSSCAST_REMEDY", notice.remedy)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut input) = child.stdin.take() {
        // Less than a pipe holds, so this waits for nobody; a command need not read it.
        let _ = input.write_all(body(Body::Json, notice).to_string().as_bytes());
    }
    let started = Instant::now();
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("failed ({status})")),
            None if started.elapsed() >= timeout => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("ended after {} s without a result", timeout.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Posts JSON.
///
/// # Errors
/// A sentence that says what went wrong.
pub fn post(address: &str, body: &Value) -> Result<(), String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(WEBHOOK_TIMEOUT))
        .build()
        .into();
    agent
        .post(address)
        .send_json(body)
        .map(drop)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Severity;
    use std::io::Read;

    fn notice() -> Notice {
        Notice {
            run: "a/b".to_owned(),
            path: "a/b.csv".into(),
            step: 12,
            kind: "loss_spike",
            severity: Severity::Warning,
            raised_at_step: 11,
            first_sign_step: 10,
            message: "Loss \x1b]0;owned\x07 jumped; $(touch /tmp/x)".to_owned(),
            remedy: "Wait.",
        }
    }

    #[test]
    fn a_message_cannot_leave_its_sequence() {
        let bytes = terminal_bytes(
            &[TerminalSignal::Bell, TerminalSignal::Osc9, TerminalSignal::Osc777],
            &notice(),
            false,
        );
        let count = |byte: u8| bytes.iter().filter(|other| **other == byte).count();
        assert_eq!((count(0x1b), count(0x07), count(b';')), (4, 1, 4));
        let wrapped = terminal_bytes(&[TerminalSignal::Osc9], &notice(), true);
        assert!(wrapped.starts_with(b"\x1bPtmux;\x1b\x1b]9;") && wrapped.ends_with(b"\x1b\x1b\\\x1b\\"));
    }

    #[test]
    fn a_command_gets_the_notice_and_no_shell_sees_it() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let script = format!(
            "cat > '{}'; printf '|%s|%s' \"$LOSSCAST_KIND\" \"$LOSSCAST_MESSAGE\" >> '{0}'",
            out.display()
        );
        run(
            "sh",
            &["-c".to_owned(), script],
            &notice(),
            Duration::from_secs(10),
        )
        .unwrap();
        let text = std::fs::read_to_string(out).unwrap();
        assert!(
            text.contains("\"kind\":\"loss_spike\"") && text.ends_with("$(touch /tmp/x)"),
            "{text}"
        );
        let failed = run("false", &[], &notice(), Duration::from_secs(10));
        assert!(failed.unwrap_err().contains("failed"));
        let slow = run("sleep", &["20".to_owned()], &notice(), Duration::from_millis(50));
        assert!(slow.unwrap_err().contains("ended"));
    }

    #[test]
    fn a_webhook_is_posted_to() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/hook", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            let mut buffer = [0; 4096];
            while !request.contains("\"text\"") || !request.ends_with('}') {
                let read = stream.read(&mut buffer).unwrap();
                request.push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
            request
        });
        post(&address, &body(Body::Slack, &notice())).unwrap();
        assert!(server.join().unwrap().contains("POST /hook"));
    }
}
