//! One growing file: where we are in it, and whether it is still the same file.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::packed::Packed;
use crate::format::encoding::{Utf16, close_holes, has_holes, strip_mark};
use crate::format::{has_frames, jupyter};

/// Bytes at the start of a file, and just before our position, that must not change.
const ANCHOR_BYTES: usize = 256;
/// How much of a notebook is looked at to see whether it shows a training.
const MOST_OF_A_NOTEBOOK: u64 = 256 << 20;
/// A line longer than this is discarded and counted.
pub const LONGEST_LINE: usize = 64 << 20;

/// What a look at the file has found.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    /// There are bytes to read.
    Grown,
    /// Nothing new.
    Same,
    /// It was truncated, replaced or rewritten: reading starts over at its beginning.
    Restarted,
    /// It is not there; it may come back.
    Gone,
}

/// A file that is followed by its path.
pub struct Tail {
    path: PathBuf,
    file: Option<File>,
    /// Its content, where it is compressed.
    packed: Option<Packed>,
    device_and_inode: (u64, u64),
    position: u64,
    head: Vec<u8>,
    before_position: Vec<u8>,
    changed: (u64, i64, i64),
    modified: f64,
}

/// When a file was last changed, seconds since the Unix epoch.
pub fn modified(metadata: &Metadata) -> f64 {
    metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0.0, |duration| duration.as_secs_f64())
}

impl Tail {
    /// Follows `path`, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Tail {
            path,
            file: None,
            packed: None,
            device_and_inode: (0, 0),
            position: 0,
            head: Vec::new(),
            before_position: Vec::new(),
            changed: (0, 0, 0),
            modified: 0.0,
        }
    }

    /// The path that is followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// When the file was last changed, seconds since the Unix epoch.
    pub fn modified(&self) -> f64 {
        self.modified
    }

    /// Looks at the file: one `stat`, and a few bytes read when it has changed.
    ///
    /// # Errors
    /// Errors of the file system other than a missing file.
    pub fn look(&mut self) -> io::Result<Look> {
        let metadata = match std::fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.look_at_removed();
            }
            Err(error) => return Err(error),
        };
        let identity = (metadata.dev(), metadata.ino());
        let changed = (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        if self.file.is_none() {
            return self.open();
        }
        if identity != self.device_and_inode {
            // The old file is read to its end before the new one is taken up.
            if self.old_file_has_more()? {
                return Ok(Look::Grown);
            }
            self.start_over();
            self.open()?;
            return Ok(Look::Restarted);
        }
        if let Some(packed) = &self.packed {
            if changed == self.changed {
                let more = packed.has_more_than(self.position);
                return Ok(if more { Look::Grown } else { Look::Same });
            }
            // It was still being written.
            self.start_over();
            self.open()?;
            return Ok(Look::Restarted);
        }
        if changed == self.changed && metadata.len() == self.position {
            return Ok(Look::Same);
        }
        let new_content = changed != self.changed;
        self.changed = changed;
        self.modified = modified(&metadata);
        if metadata.len() < self.position || (new_content && !self.anchors_hold()?) {
            self.start_over();
            self.open()?;
            return Ok(Look::Restarted);
        }
        Ok(if metadata.len() > self.position {
            Look::Grown
        } else {
            Look::Same
        })
    }

    fn look_at_removed(&mut self) -> io::Result<Look> {
        // Renamed or deleted: its last bytes can still be read through the handle.
        Ok(if self.old_file_has_more()? {
            Look::Grown
        } else {
            Look::Gone
        })
    }

    fn old_file_has_more(&self) -> io::Result<bool> {
        if let Some(packed) = &self.packed {
            return Ok(packed.has_more_than(self.position));
        }
        match &self.file {
            Some(file) => Ok(file.metadata()?.len() > self.position),
            None => Ok(false),
        }
    }

    fn open(&mut self) -> io::Result<Look> {
        // The handle tells what was opened; the path may lead elsewhere by now.
        let file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        self.packed = Packed::of(&file)?;
        self.file = Some(file);
        self.device_and_inode = (metadata.dev(), metadata.ino());
        self.changed = (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        self.modified = modified(&metadata);
        Ok(if metadata.len() > 0 {
            Look::Grown
        } else {
            Look::Same
        })
    }

    /// Starts reading from the beginning again.
    pub fn start_over(&mut self) {
        self.position = 0;
        self.head.clear();
        self.before_position.clear();
        self.file = None;
        self.packed = None;
    }

    /// True when the bytes already read are still there. A file rewritten in place
    /// (Lightning rewrites its CSV when a column appears) may have grown all the same.
    fn anchors_hold(&mut self) -> io::Result<bool> {
        let Some(file) = &mut self.file else {
            return Ok(true);
        };
        let mut buffer = [0u8; ANCHOR_BYTES];
        let ends = [
            (0, &self.head),
            (
                self.position.saturating_sub(self.before_position.len() as u64),
                &self.before_position,
            ),
        ];
        for (offset, expected) in ends {
            let Some(buffer) = buffer.get_mut(..expected.len()) else {
                continue;
            };
            file.seek(SeekFrom::Start(offset))?;
            match file.read_exact(buffer) {
                Ok(()) if buffer == expected.as_slice() => {}
                Ok(()) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Takes back the last `count` bytes that were read: they will be read again.
    pub fn give_back(&mut self, count: usize) {
        self.position = self.position.saturating_sub(count as u64);
        let keep = self.before_position.len().saturating_sub(count);
        self.before_position.truncate(keep);
        self.head
            .truncate(usize::try_from(self.position).unwrap_or(usize::MAX));
    }

    /// The first bytes of what was read, by which it can be known again.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// When what has not been read was written, in seconds since the Unix epoch: `None` where all has
    /// been read.
    pub fn unread_since(&self) -> Option<f64> {
        let metadata = self.file.as_ref()?.metadata().ok()?;
        // What is compressed does not grow.
        let more = self.packed.is_none() && metadata.len() > self.position;
        more.then(|| modified(&metadata))
    }

    /// Device and inode of the file that is being read.
    pub fn inode(&self) -> (u64, u64) {
        self.device_and_inode
    }

    /// Reads up to `limit` further bytes onto the end of `buffer` and returns how many.
    ///
    /// # Errors
    /// Errors of the file system.
    pub fn read(&mut self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        let Some(file) = &mut self.file else {
            return Ok(0);
        };
        let before = buffer.len();
        let result = match &mut self.packed {
            Some(packed) => {
                if packed.position() > self.position
                    && let Some(again) = Packed::of(file)?
                {
                    *packed = again;
                    packed.skip_to(self.position)?;
                }
                packed.read(buffer, limit)
            }
            None => {
                file.seek(SeekFrom::Start(self.position))?;
                Read::by_ref(file).take(limit as u64).read_to_end(buffer)
            }
        };
        let count = match result {
            Ok(count) => count,
            Err(error) => {
                buffer.truncate(before);
                return Err(error);
            }
        };
        self.position += count as u64;
        let fresh = buffer.get(before..).unwrap_or_default();
        if self.head.len() < ANCHOR_BYTES {
            self.head
                .extend(fresh.iter().take(ANCHOR_BYTES - self.head.len()));
        }
        if fresh.len() >= ANCHOR_BYTES {
            self.before_position.clear();
        }
        self.before_position
            .extend(fresh.iter().skip(fresh.len().saturating_sub(ANCHOR_BYTES)));
        let excess = self.before_position.len().saturating_sub(ANCHOR_BYTES);
        self.before_position.drain(..excess);
        Ok(count)
    }
}

/// Reads the first and the last bytes of a file, for recognising its format.
///
/// # Errors
/// Errors of the file system.
pub fn sample(path: &Path, each: usize) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut head = Vec::new();
    if let Some(mut packed) = Packed::of(&file)? {
        // Its end cannot be read without all before it.
        packed.read(&mut head, each)?;
        strip_mark(&mut head);
        if let Some(mut utf16) = Utf16::of(&head) {
            utf16.decode(&mut head, 0);
        }
        return Ok((head, Vec::new()));
    }
    Read::by_ref(&mut file).take(each as u64).read_to_end(&mut head)?;
    strip_mark(&mut head);
    let mut tail = Vec::new();
    if jupyter::begins(&head) {
        // Its pictures may lie before and behind what it says of a training.
        file.take(MOST_OF_A_NOTEBOOK).read_to_end(&mut head)?;
        return Ok((head, tail));
    }
    if size > 2 * each as u64 {
        // An even place: UTF-16 is cut between its units.
        let start = (size - each as u64) & !1;
        file.seek(SeekFrom::Start(start))?;
        file.take(size - start).read_to_end(&mut tail)?;
    } else if size > each as u64 {
        file.take(each as u64).read_to_end(&mut head)?;
    }
    if let Some(mut utf16) = Utf16::of(&head) {
        utf16.clone().decode(&mut tail, 0);
        utf16.decode(&mut head, 0);
    }
    if !has_frames(&head) && has_holes(&head, &tail) {
        close_holes(&mut head, 0);
        close_holes(&mut tail, 0);
    }
    Ok((head, tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    struct Followed {
        tail: Tail,
        seen: Vec<u8>,
        restarts: usize,
    }

    impl Followed {
        fn new(path: &Path) -> Self {
            Followed {
                tail: Tail::new(path.to_owned()),
                seen: Vec::new(),
                restarts: 0,
            }
        }

        fn poll(&mut self) {
            for _ in 0..8 {
                match self.tail.look().unwrap() {
                    Look::Restarted => {
                        self.restarts += 1;
                        self.seen.clear();
                        self.tail.read(&mut self.seen, 1 << 20).unwrap();
                    }
                    Look::Grown => {
                        self.tail.read(&mut self.seen, 1 << 20).unwrap();
                    }
                    Look::Same | Look::Gone => return,
                }
            }
        }
    }

    fn append(path: &Path, text: &str) {
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn a_sample_of_a_file_has_its_last_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.json");
        for size in [100, 101] {
            std::fs::write(&path, format!("{}]", "1".repeat(size - 1))).unwrap();
            let (head, tail) = sample(&path, 40).unwrap();
            assert_eq!((head.len(), tail.last()), (40, Some(&b']')), "{size}");
        }
    }

    #[test]
    fn appends_truncation_and_replacement() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut followed = Followed::new(&path);
        followed.poll();
        append(&path, "one\n");
        followed.poll();
        append(&path, "tw");
        followed.poll();
        append(&path, "o\n");
        followed.poll();
        assert_eq!(
            (followed.seen.as_slice(), followed.restarts),
            (&b"one\ntwo\n"[..], 0)
        );

        std::fs::write(&path, "new\n").unwrap();
        followed.poll();
        assert_eq!((followed.seen.as_slice(), followed.restarts), (&b"new\n"[..], 1));

        let other = folder.path().join("other");
        std::fs::write(&other, "replaced\n").unwrap();
        std::fs::rename(&other, &path).unwrap();
        followed.poll();
        assert_eq!(
            (followed.seen.as_slice(), followed.restarts),
            (&b"replaced\n"[..], 2)
        );
    }

    #[test]
    fn what_was_compressed_is_read_as_what_it_was() {
        use flate2::{Compression, write::GzEncoder};
        let pack = |text: &str| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(text.as_bytes()).unwrap();
            packed.finish().unwrap()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.1.gz");
        let text: String = (0..20_000)
            .map(|line| format!("step {line} loss 2.5\n"))
            .collect();
        let whole = pack(&text);
        // While it is being written, as far as it goes; then all of it, two members as one.
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let mut followed = Followed::new(&path);
        followed.poll();
        assert!(text.as_bytes().starts_with(&followed.seen) && followed.seen.len() > 1000);
        std::fs::write(&path, [whole, pack("the end\n")].concat()).unwrap();
        followed.poll();
        assert_eq!(followed.seen, format!("{text}the end\n").into_bytes());
        followed.tail.give_back(4);
        assert_eq!(followed.tail.look().unwrap(), Look::Grown);
        let mut again = Vec::new();
        followed.tail.read(&mut again, 100).unwrap();
        assert_eq!(again, b"end\n");
        assert_eq!(followed.tail.look().unwrap(), Look::Same);
        assert_eq!(sample(&path, 100).unwrap().0, &text.as_bytes()[..100]);
    }

    #[test]
    fn a_rotated_file_is_read_to_its_end_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        append(&path, "one\n");
        let mut followed = Followed::new(&path);
        followed.poll();
        append(&path, "two\n");
        std::fs::rename(&path, folder.path().join("log.1")).unwrap();
        let look = followed.tail.look().unwrap();
        assert_eq!(look, Look::Grown);
        followed.tail.read(&mut followed.seen, 1 << 20).unwrap();
        assert_eq!(followed.seen, b"one\ntwo\n");
        assert_eq!(followed.tail.look().unwrap(), Look::Gone);
        append(&path, "three\n");
        followed.poll();
        assert_eq!(
            (followed.seen.as_slice(), followed.restarts),
            (&b"three\n"[..], 1)
        );
    }

    #[test]
    fn a_sample_has_no_byte_order_mark() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trainer_state.json");
        std::fs::write(&path, b"\xef\xbb\xbf{}").unwrap();
        assert_eq!(sample(&path, 100).unwrap().0, b"{}");
    }

    #[test]
    fn a_file_rewritten_in_place_with_a_new_header_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        append(&path, "step,loss\n1,2.0\n");
        let mut followed = Followed::new(&path);
        followed.poll();
        std::fs::write(&path, "step,loss,val_loss\n1,2.0,\n2,,1.9\n3,1.5,\n").unwrap();
        followed.poll();
        assert_eq!(followed.restarts, 1);
        assert!(followed.seen.starts_with(b"step,loss,val_loss"));
    }
}
