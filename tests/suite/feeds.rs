//! Standard input and other machines. The other machine is a real `sshd` on loopback.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use losscast::config::GroupingSection;
use losscast::engine::Options;
use losscast::metric::Names;
use losscast::monitor::Monitor;
use losscast::source::feed::{FeedOptions, Feeds};
use losscast::source::reader::ReaderOptions;

use crate::common;
use crate::live::{append, lines, points, wait};

#[test]
fn standard_input_is_a_log_like_any_other() {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("losscast"))
        .args(["report", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = lines(0..300);
    let (first, second) = text.as_bytes().split_at(4321);
    stdin.write_all(first).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    stdin.write_all(second).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["runs"][0]["id"], "stdin");
    assert_eq!(report["runs"][0]["step"], 299);
}

/// An `sshd` of this user behind a proxy that can cut the connections.
struct Server {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(names: &[&str]) -> Option<PathBuf> {
    names.iter().map(PathBuf::from).find(|path| path.is_file())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Server {
    /// `None`, with a printed line, where there is no OpenSSH.
    fn start() -> Option<Server> {
        let sshd = program(&["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"]);
        let keygen = program(&["/usr/bin/ssh-keygen", "/usr/local/bin/ssh-keygen"]);
        let (Some(sshd), Some(keygen)) = (sshd, keygen) else {
            common::skipped("logs on other machines: no sshd here (Debian: openssh-server)");
            return None;
        };
        // Where sshd runs as root it wants this folder; the service creates it.
        let _ = std::fs::create_dir_all("/run/sshd");
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for key in ["host_key", "user_key"] {
            let made = Command::new(&keygen)
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(at(key))
                .status()
                .unwrap();
            assert!(made.success());
        }
        std::fs::copy(at("user_key.pub"), at("authorized_keys")).unwrap();
        let behind = free_port();
        let path = |name: &str| at(name).display().to_string();
        std::fs::write(
            at("sshd_config"),
            format!(
                "Port {behind}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\n\
                 UsePAM no\nPidFile none\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n",
                path("host_key"),
                path("authorized_keys")
            ),
        )
        .unwrap();
        std::fs::write(
            at("ssh_config"),
            format!(
                "IdentityFile {}\nIdentitiesOnly yes\nUserKnownHostsFile {}\nStrictHostKeyChecking no\nLogLevel ERROR\n",
                path("user_key"),
                path("known_hosts")
            ),
        )
        .unwrap();
        let child = Command::new(sshd)
            .args(["-D", "-f"])
            .arg(at("sshd_config"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let port = proxy(behind, Arc::clone(&connections));
        let server = Server {
            child,
            folder,
            port,
            connections,
        };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", behind)).is_err() {
            if started.elapsed() > Duration::from_secs(10) {
                common::skipped("logs on other machines: sshd does not start here");
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    fn cut(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    fn follow(&self, path: &Path) -> (Monitor, Feeds) {
        let mut roots = vec![PathBuf::from(format!(
            "ssh://127.0.0.1:{}{}",
            self.port,
            path.display()
        ))];
        let poll = Duration::from_millis(100);
        let feeds = Feeds::start(
            &mut roots,
            &FeedOptions {
                ssh: vec![
                    "ssh".to_owned(),
                    "-F".to_owned(),
                    self.folder.path().join("ssh_config").display().to_string(),
                ],
                poll,
                follow: true,
            },
        )
        .unwrap();
        let reading = ReaderOptions {
            roots,
            names: Names::default(),
            grouping: GroupingSection::default(),
            feeds: feeds.all(),
            poll,
            follow: true,
        };
        (Monitor::start(reading, Options::default()).unwrap(), feeds)
    }
}

fn proxy(to: u16, connections: Arc<Mutex<Vec<TcpStream>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else {
                continue;
            };
            let pairs = [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server.try_clone().unwrap(), client.try_clone().unwrap()),
            ];
            for (mut from, mut to) in pairs {
                std::thread::spawn(move || {
                    let mut buffer = [0; 8192];
                    while let Ok(count @ 1..) = from.read(&mut buffer) {
                        if to.write_all(&buffer[..count]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
            connections.lock().unwrap().extend([client, server]);
        }
    });
    port
}

#[test]
fn logs_on_another_machine_are_followed_through_lost_connections() {
    let Some(server) = Server::start() else {
        return;
    };
    let there = tempfile::tempdir().unwrap();
    let run = there.path().join("it's a run");
    std::fs::create_dir(&run).unwrap();
    let log = run.join("metrics.jsonl");
    append(&log, &lines(0..100));
    let (monitor, _feeds) = server.follow(there.path());
    let id = "it's a run/metrics.jsonl";
    wait(&monitor, "read", |snapshot| points(snapshot, id) == 100);
    append(&log, &lines(100..150));
    wait(&monitor, "grown", |snapshot| points(snapshot, id) == 150);

    server.cut();
    append(&log, &lines(150..200));
    wait(&monitor, "connected again", |snapshot| {
        points(snapshot, id) == 200 && snapshot.problems.is_empty()
    });

    // Moved aside and begun anew, then rewritten in place.
    std::fs::rename(&log, there.path().join("old.bin")).unwrap();
    append(&log, &lines(200..220));
    wait(&monitor, "rotated", |snapshot| points(snapshot, id) == 220);
    std::fs::write(&log, lines(0..30)).unwrap();
    wait(&monitor, "rewritten", |snapshot| points(snapshot, id) == 30);
}

/// A run's folder holds its checkpoints too, which are a thousand times as large.
#[test]
fn only_what_may_be_a_log_is_fetched() {
    let Some(server) = Server::start() else {
        return;
    };
    let there = tempfile::tempdir().unwrap();
    let run = there.path().join("run");
    std::fs::create_dir_all(run.join("checkpoint-10")).unwrap();
    append(&run.join("metrics.jsonl"), &lines(0..100));
    std::fs::write(run.join("config.yaml"), "max_steps: 500\n").unwrap();
    for name in ["checkpoint-10/model.safetensors", "optimizer.pt", "weights"] {
        std::fs::write(run.join(name), vec![0; 3 << 20]).unwrap();
    }
    let (monitor, feeds) = server.follow(there.path());
    wait(&monitor, "read", |snapshot| {
        points(snapshot, "run/metrics.jsonl") == 100
    });
    append(&run.join("metrics.jsonl"), &lines(100..110));
    wait(&monitor, "grown", |snapshot| {
        points(snapshot, "run/metrics.jsonl") == 110
    });
    let mirror = &feeds.all()[0].mirror;
    let mut fetched: Vec<String> = walkdir::WalkDir::new(mirror)
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    fetched.sort();
    assert_eq!(fetched, ["config.yaml", "metrics.jsonl"]);
}

#[test]
fn a_machine_that_cannot_be_reached_says_why() {
    if program(&["/usr/bin/ssh", "/usr/local/bin/ssh"]).is_none() {
        common::skipped("logs on other machines: no ssh here");
        return;
    }
    let port = free_port();
    let output = Command::new(assert_cmd::cargo::cargo_bin("losscast"))
        .args(["report", &format!("ssh://127.0.0.1:{port}/var/log")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("ssh://127.0.0.1") && said.contains("refused"),
        "{said}"
    );
}
