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
            if let Err(error) = copy(&mut io::stdin().lock(), &mut file) {
                writer.set_problem(Some(format!("cannot go on: {error}")));
            }
            writer.settle();
        })?;
    Ok(feed)
}

fn copy(input: &mut impl Read, file: &mut File) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => file.write_all(buffer.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
