//! Logs on other machines, through the system's OpenSSH client: `ssh://node/path`.
//!
//! The client runs one `sh` over there and is given commands on its standard input:
//! list the files, send the bytes of a file from a position on. Nothing is installed
//! and nothing is written there. Replies end with a line of their own and bytes come
//! in base64, so that a file that shrinks while it is sent cannot garble them.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{CONNECTING, Feed, FeedError, FeedOptions, make_room};
use crate::format::encoding::Utf16;
use crate::format::{refuse, sidecar};
use crate::source::discover::is_passed_over;
use crate::source::group::names::{beside_a_database, named_like_a_database};
use crate::source::packed::is_packed;

/// Where logs are on another machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `node` or `user@node`, as ssh takes it.
    destination: String,
    port: Option<u16>,
    /// Absolute, or relative to the home folder.
    path: String,
}

const SCHEME: &str = "ssh://";

impl Address {
    /// True when a command-line argument is meant as an address.
    pub fn is_one(root: &Path) -> bool {
        root.to_str().is_some_and(|root| root.starts_with(SCHEME))
    }

    /// Takes `ssh://[user@]node[:port]/path` apart; `/~/path` is below the home folder.
    ///
    /// # Errors
    /// When it is not of that form.
    pub fn parse(text: &str) -> Result<Address, FeedError> {
        let wrong = |what: &str| {
            FeedError::Address(format!(
                "{text}: {what}; write ssh://node/path or ssh://user@node:port/path"
            ))
        };
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| wrong("no address"))?;
        let (authority, path) = rest.split_once('/').ok_or_else(|| wrong("no path"))?;
        let (destination, port) = match authority.rsplit_once(':') {
            Some((destination, port)) if !port.contains(']') => {
                let port = port.parse().map_err(|_| wrong("the port is not a number"))?;
                (destination, Some(port))
            }
            _ => (authority, None),
        };
        let node = destination.rsplit('@').next().unwrap_or_default();
        // A name that begins with a dash would be taken for an option.
        if node.is_empty() || destination.starts_with('-') || path.contains('\0') {
            return Err(wrong("no machine"));
        }
        let path = match path.strip_prefix("~/") {
            Some(below_home) => below_home.to_owned(),
            None => format!("/{path}"),
        };
        Ok(Address {
            destination: destination.replace(['[', ']'], ""),
            port,
            path,
        })
    }
}

/// Bytes of a file asked for at once.
const PIECE_BYTES: u64 = 1 << 20;
/// Bytes before our position that must not have changed.
const ANCHOR_BYTES: u64 = 64;
/// Files larger than this are not fetched: no log is.
const LARGEST_FILE: u64 = 8 << 30;
/// At most this many files are mirrored.
const MOST_FILES: usize = 2000;
/// Pause after the first failure; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the other side runs. `ls -lin` and `find` are of POSIX, `base64` is everywhere.
const REMOTE_SCRIPT: &str = r#"
l() {
  if [ -d "$1" ]; then
    (cd "$1" && find . -name '.?*' -prune -o -type f -exec ls -lin {} + 2>/dev/null)
  else
    ls -linL "$1" 2>/dev/null
  fi
  echo .
}
t() { tail -c "+$2" "$1" 2>/dev/null | head -c "$3" | base64; echo .; }
"#;

/// Starts to mirror what is at an address into `folder`.
pub fn start(address: Address, name: String, folder: &Path, options: &FeedOptions) -> io::Result<Arc<Feed>> {
    let feed = Feed::new(name, folder.to_owned());
    feed.set_problem(Some(CONNECTING.to_owned()));
    let mirror = Mirror {
        address,
        feed: Arc::clone(&feed),
        options: options.clone(),
        files: BTreeMap::new(),
    };
    std::thread::Builder::new()
        .name("ssh".to_owned())
        .spawn(move || mirror.run())?;
    Ok(feed)
}

struct Mirror {
    address: Address,
    feed: Arc<Feed>,
    options: FeedOptions,
    files: BTreeMap<String, Mirrored>,
}

#[derive(Debug)]
struct Mirrored {
    inode: u64,
    /// Bytes that we have.
    position: u64,
    local: PathBuf,
    /// Its beginning was looked at: it is no log.
    refused: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Listed {
    inode: u64,
    size: u64,
    path: String,
}

impl Mirror {
    fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        while !self.feed.stopped() {
            let failure = match Session::open(&self.address, &self.options.ssh) {
                Ok(mut session) => {
                    let failure = self.follow(&mut session, &mut pause);
                    session.explain(failure)
                }
                Err(error) => format!("cannot run `{}`: {error}", self.options.ssh.join(" ")),
            };
            if self.feed.stopped() || (!self.options.follow && self.feed.state().settled) {
                return;
            }
            self.feed.set_problem(Some(format!("{failure}; trying again")));
            if !self.options.follow {
                self.feed.set_problem(Some(failure));
                return self.feed.settle();
            }
            self.feed.sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Keeps the mirror up to date until the connection fails or nobody needs it.
    fn follow(&mut self, session: &mut Session, pause: &mut Duration) -> io::Error {
        if let Err(error) = session.begin() {
            return error;
        }
        while !self.feed.stopped() {
            match self.update(session) {
                Ok(0) if self.files.is_empty() => {
                    let message = "no such file or folder over there; waiting for it";
                    self.feed.set_problem(Some(message.to_owned()));
                }
                Ok(_) => self.feed.set_problem(None),
                Err(error) => return error,
            }
            *pause = FIRST_PAUSE;
            self.feed.settle();
            if !self.options.follow {
                break;
            }
            self.feed.sleep(self.options.poll);
        }
        io::Error::other("ended")
    }

    /// One look at all files; returns how many there are.
    fn update(&mut self, session: &mut Session) -> io::Result<usize> {
        let listed = session.list(&self.address.path)?;
        let count = listed.len();
        let wanted = listed.into_iter().filter(|file| self.is_wanted(file));
        let wanted: Vec<Listed> = wanted.take(MOST_FILES).collect();
        for file in wanted {
            if !self.feed.stopped() {
                self.fetch(session, &file)?;
            }
        }
        Ok(count)
    }

    /// False for what a search would pass over: the checkpoints of a run may be a thousand times
    /// as large as its logs.
    fn is_wanted(&self, file: &Listed) -> bool {
        if file.size > LARGEST_FILE {
            return false;
        }
        let Some(inside) = self.inside(&file.path) else {
            return false;
        };
        // What describes a run is no log, but is read too.
        let ending = Path::new(inside).extension().and_then(|ending| ending.to_str());
        let describes = sidecar::is_sidecar(inside)
            || ending.is_some_and(|ending| ["yaml", "yml", "toml"].contains(&ending));
        (describes && file.size <= sidecar::LARGEST) || !is_passed_over(Path::new(inside))
    }

    /// The path of a file below what is mirrored; empty for that itself.
    fn inside<'a>(&self, path: &'a str) -> Option<&'a str> {
        let inside = path.strip_prefix(self.address.path.trim_end_matches('/'))?;
        Some(inside.trim_start_matches('/'))
    }

    fn fetch(&mut self, session: &mut Session, file: &Listed) -> io::Result<()> {
        let Some(local) = self.local(&file.path) else {
            return Ok(());
        };
        let known = self.files.entry(file.path.clone()).or_insert(Mirrored {
            inode: file.inode,
            position: 0,
            local,
            refused: false,
        });
        if known.inode != file.inode {
            // Replaced over there: replaced here, so that the reader sees the same.
            known.inode = file.inode;
            known.position = 0;
            known.refused = false;
            std::fs::remove_file(&known.local)?;
        }
        if file.size < known.position {
            truncate(known)?;
        }
        if known.refused {
            return Ok(());
        }
        make_room(&known.local)?;
        let mut grown = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&known.local)?;
        while known.position < file.size {
            let anchor = known.position.min(ANCHOR_BYTES);
            let piece = session.read(&file.path, known.position - anchor, PIECE_BYTES + anchor)?;
            let (before, fresh) = piece.split_at_checked(anchor as usize).unwrap_or_default();
            if anchor > 0 && before != read_before(&mut grown, known.position, anchor)? {
                truncate(known)?;
                continue;
            }
            if fresh.is_empty() {
                break;
            }
            if known.position == 0 && is_no_log(&known.local, fresh) {
                known.refused = true;
                std::fs::remove_file(&known.local)?;
                break;
            }
            grown.seek(SeekFrom::Start(known.position))?;
            grown.write_all(fresh)?;
            known.position += fresh.len() as u64;
        }
        Ok(())
    }

    /// Where a file over there is kept here; `None` for a name that leads elsewhere.
    fn local(&self, path: &str) -> Option<PathBuf> {
        let inside = match self.inside(path)? {
            "" => Path::new(path).file_name()?.to_str()?,
            inside => inside,
        };
        let plain = Path::new(inside)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        (plain && !inside.is_empty()).then(|| self.feed.mirror.join(inside))
    }
}

/// True when the first bytes of a file show that it holds no metrics.
fn is_no_log(path: &Path, head: &[u8]) -> bool {
    let database = named_like_a_database(path) || beside_a_database(path);
    !database && !is_packed(head) && Utf16::of(head).is_none() && refuse(head).is_some()
}

fn truncate(known: &mut Mirrored) -> io::Result<()> {
    known.position = 0;
    File::create(&known.local).map(drop)
}

fn read_before(file: &mut File, position: u64, count: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(position - count))?;
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A running ssh.
struct Session {
    child: Child,
    commands: ChildStdin,
    replies: BufReader<ChildStdout>,
    /// The last lines on standard error.
    complaints: Arc<Mutex<VecDeque<String>>>,
    listener: Option<JoinHandle<()>>,
}

/// A line of a reply longer than this is no reply of ours.
const LONGEST_REPLY_LINE: u64 = 1 << 16;

impl Session {
    fn open(address: &Address, ssh: &[String]) -> io::Result<Session> {
        let (program, arguments) = ssh
            .split_first()
            .ok_or_else(|| io::Error::other("no command given"))?;
        let mut command = Command::new(program);
        // Nobody can answer a question: the screen belongs to losscast.
        command.args(arguments).args([
            "-T",
            "-oBatchMode=yes",
            "-oConnectTimeout=15",
            "-oServerAliveInterval=10",
            "-oServerAliveCountMax=3",
        ]);
        if let Some(port) = address.port {
            command.arg("-p").arg(port.to_string());
        }
        let mut child = command
            .arg("--")
            .arg(&address.destination)
            .arg("exec sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("no pipe to it");
        let commands = child.stdin.take().ok_or_else(missing)?;
        let replies = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let complaints = Arc::new(Mutex::new(VecDeque::new()));
        let mut listener = None;
        if let Some(stderr) = child.stderr.take() {
            let complaints = Arc::clone(&complaints);
            listener = Some(std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let mut kept = complaints.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.push_back(line);
                    if kept.len() > 4 {
                        kept.pop_front();
                    }
                }
            }));
        }
        Ok(Session {
            child,
            commands,
            replies,
            complaints,
            listener,
        })
    }

    /// Hands over the script. A shell that greets is heard out before the first reply.
    fn begin(&mut self) -> io::Result<()> {
        self.command(&format!("{REMOTE_SCRIPT}\necho; echo losscast-ready"))?;
        while self.line()? != "losscast-ready" {}
        Ok(())
    }

    fn command(&mut self, command: &str) -> io::Result<()> {
        writeln!(self.commands, "{command}")?;
        self.commands.flush()
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        let count = (&mut self.replies)
            .take(LONGEST_REPLY_LINE)
            .read_until(b'\n', &mut line)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8_lossy(&line);
        Ok(line.trim_end_matches(['\n', '\r']).to_owned())
    }

    fn list(&mut self, path: &str) -> io::Result<Vec<Listed>> {
        self.command(&format!("l {}", quoted(path)))?;
        let mut files = Vec::new();
        loop {
            let line = self.line()?;
            if line == "." {
                return Ok(files);
            }
            files.extend(listed(&line).map(|file| match file.path.strip_prefix("./") {
                Some(inside) => Listed {
                    path: format!("{}/{inside}", path.trim_end_matches('/')),
                    ..file
                },
                None => file,
            }));
        }
    }

    fn read(&mut self, path: &str, from: u64, count: u64) -> io::Result<Vec<u8>> {
        self.command(&format!("t {} {} {count}", quoted(path), from + 1))?;
        let mut bytes = Vec::new();
        loop {
            let line = self.line()?;
            if line == "." {
                return Ok(bytes);
            }
            STANDARD
                .decode_vec(line.as_bytes(), &mut bytes)
                .map_err(|_| io::Error::other("the other side does not answer in base64"))?;
        }
    }

    /// What to tell the user: ssh's own words say most.
    fn explain(mut self, error: io::Error) -> String {
        drop(self.commands);
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A master connection that stays behind may hold the pipe open for long.
        for _ in 0..20 {
            if self.listener.as_ref().is_none_or(JoinHandle::is_finished) {
                break;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        let said = complaints.iter().rev().find(|line| !line.trim().is_empty());
        match said {
            Some(said) if said.contains("Permission denied") => {
                format!("{said} Logging in must work without a question: set up a key, or run `ssh-add`")
            }
            Some(said) => said.clone(),
            None => format!("the connection failed: {error}"),
        }
    }
}

/// Quotes for `sh`: the name of a file may hold anything.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A line of `ls -lin`: inode, mode, links, owner, group, size, three of time, name.
fn listed(line: &str) -> Option<Listed> {
    let mut rest = line.trim_start();
    let mut fields = Vec::new();
    for _ in 0..9 {
        let (field, after) = rest.split_once(' ')?;
        fields.push(field);
        rest = after.trim_start_matches(' ');
    }
    Some(Listed {
        inode: fields.first()?.parse().ok()?,
        size: fields.get(5)?.parse().ok()?,
        path: rest.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let address = Address::parse("ssh://me@node:2222/data/run 1/log.jsonl").unwrap();
        assert_eq!(address.destination, "me@node");
        assert_eq!(address.port, Some(2222));
        assert_eq!(address.path, "/data/run 1/log.jsonl");
        assert_eq!(Address::parse("ssh://node/~/runs").unwrap().path, "runs");
        for wrong in [
            "ssh://node",
            "ssh:///path",
            "ssh://-oProxyCommand=x/path",
            "ssh://node:ssh/path",
        ] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn listings_are_understood_and_names_are_quoted() {
        let line = " 131 -rw-r--r-- 1 0 0 4096 Nov 25 17:40 /data/it's a log.txt";
        let file = listed(line).unwrap();
        assert_eq!((file.inode, file.size), (131, 4096));
        assert_eq!(file.path, "/data/it's a log.txt");
        assert_eq!(quoted(&file.path), r"'/data/it'\''s a log.txt'");
        assert_eq!(listed("total 12"), None);
    }
}
