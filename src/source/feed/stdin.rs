//! Standard input: `ssh node tail -F log | losscast -`.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;

use super::{Feed, STDIN};

/// Starts to copy standard input into a file in `folder`.
pub fn start(folder: &Path) -> io::Result<Arc<Feed>> {
    let mirror = folder.join("stdin");
    let mut file = File::create(&mirror)?;
    let feed = Feed::new(STDIN.to_owned(), mirror);
    let writer = Arc::clone(&feed);
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            writer.set_problem(match copy(&mut io::stdin().lock(), &mut file) {
                Ok(0) => Some("standard input was empty".to_owned()),
                Ok(_) => None,
                Err(error) => Some(format!("cannot go on: {error}")),
            });
            writer.settle();
        })?;
    Ok(feed)
}

/// Copies all that comes; returns how many bytes that was.
fn copy(input: &mut impl Read, file: &mut File) -> io::Result<u64> {
    let mut buffer = vec![0; 1 << 16];
    let mut copied = 0;
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(count) => {
                file.write_all(buffer.get(..count).unwrap_or_default())?;
                copied += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
