//! What a file is: looked at again while it is unknown, or was judged by little.

use std::io;
use std::path::Path;

use super::{Followed, Reading, Step};
use crate::format::delimited::Delimited;
use crate::format::shared_table::{Share, SharedTable};
use crate::format::{Decoded, Decoder, Format, SAMPLE_BYTES, Sample, refuse, shared_document, stand_in};
use crate::metric::Names;
use crate::source::SourceEvent;
use crate::source::discover::is_unreadably_packed;
use crate::source::file_name;
use crate::source::reader::{Deaf, Outlet, Turn, UNRECOGNISED};
use crate::source::settings::Settings;
use crate::source::tail::sample;

use super::decode::split_lines;

/// A format that was judged by little is judged again after so many quiet seconds.
const SETTLED_SECONDS: f64 = 2.0;
/// What was not recognised and has changed since is looked at again after so many seconds, then after
/// twice as many each time...
const TRY_AGAIN: f64 = 1.0;
/// ...up to so many; and whenever it has grown by an eighth.
const TRY_AGAIN_AT_MOST: f64 = 60.0;

/// A look at a file that recognised nothing.
pub(super) struct Tried {
    size: u64,
    modified: f64,
    /// There was something in it, which may be text.
    is_text: bool,
    at: f64,
    /// Not to be repeated for so many seconds.
    rest: f64,
}

impl Followed {
    /// True when there is more by now than what the format was judged by, and that was little.
    pub(super) fn was_judged_by_little(&self, now: f64) -> bool {
        self.reading.as_ref().is_some_and(|reading| {
            let much_more = reading.recognised_at + reading.recognised_at / 4;
            (reading.recognised_at as usize) < SAMPLE_BYTES
                && self.size > much_more
                && now - self.tail.modified() > SETTLED_SECONDS
        })
    }

    /// True once a format was recognised.
    pub fn is_read(&self) -> bool {
        self.reading.is_some()
    }

    /// True for text in which no format finds anything.
    pub fn is_unrecognised_text(&self) -> bool {
        self.tried.as_ref().is_some_and(|tried| tried.is_text) && !self.is_read()
    }

    /// Recognises the format, when it is unknown or was judged by very little.
    pub(super) fn recognise(&mut self, turn: &Turn) -> Result<io::Result<Step>, Deaf> {
        let &Turn {
            names,
            outlet,
            now,
            last_word,
            ..
        } = turn;
        const DONE: Step = Step::UpToDate;
        let size = match std::fs::metadata(self.path()) {
            Ok(metadata) => metadata.len(),
            Err(_) => return Ok(Ok(DONE)), // Gone again; the next look will say so.
        };
        self.size = size;
        let modified = self.tail.modified();
        let due = match (&self.reading, &self.tried) {
            (Some(reading), _) => {
                let little = reading.recognised_at < SAMPLE_BYTES as u64;
                little && size >= 2 * reading.recognised_at || self.was_judged_by_little(now)
            }
            (None, None) => true,
            (None, Some(tried)) => {
                let rested = (now - tried.at).abs() >= tried.rest;
                let grown = size < tried.size || size >= tried.size + tried.size / 8;
                (size, modified) != (tried.size, tried.modified) && (last_word || rested || grown)
            }
        };
        if !due {
            return Ok(Ok(DONE));
        }
        let (mut head, mut tail) = match sample(self.path(), SAMPLE_BYTES) {
            Ok(sample) => sample,
            Err(error) => return Ok(Err(error)),
        };
        let share = || {
            let run = &self.sharer.as_ref()?.run;
            Some(SharedTable::beginning(&head, names)?.share(run))
        };
        let share = share();
        if let Some(mut share) = share.clone() {
            (head, tail) = (share.of(&head), share.of(&tail));
        }
        let sample = Sample {
            head: &head,
            tail: &tail,
        };
        let mut names = file_name::names_in(names, &head, self.tail.path());
        let refused = refuse(&head);
        let detected = if refused.is_some() {
            None
        } else {
            let detected = stand_in::recognise(&sample, &mut names).map(|(format, _)| format);
            // A panel may show no loss: another one does.
            let panel = || share.is_some().then_some(&Delimited as &dyn Format);
            detected.or_else(panel)
        };
        let Some(format) = detected else {
            if let Some(reading) = &mut self.reading {
                reading.recognised_at = size.max(1);
                return Ok(Ok(DONE));
            }
            let before = self.tried.as_ref().map(|tried| 2.0 * tried.rest);
            self.tried = Some(Tried {
                size,
                modified,
                is_text: size > 0 && refused.is_none(),
                at: now,
                rest: before.unwrap_or(TRY_AGAIN).min(TRY_AGAIN_AT_MOST),
            });
            self.unrecognised(outlet, refused, size)?;
            return Ok(Ok(DONE));
        };
        let run = self.sharer.as_ref().map(|sharer| sharer.run.as_str());
        if self.validated {
            names.to_mut().leave_tests();
        }
        if let Some(reading) = &mut self.reading {
            if reading.format.name() == format.name() {
                let (path, before) = (self.tail.path(), reading.recognised_at);
                let build = |sample: &Sample| decoder(format, sample, &names, path, share.clone(), run);
                reading.recognised_at = size.max(1);
                if before != 0 && reads_alike(build, &head, before) {
                    return Ok(Ok(DONE));
                }
                // More lines, or other columns, show more: a new decoder looks afresh.
                reading.decoder = build(&sample);
                reading.columns_told = 0;
                return Ok(Ok(if before == 0 {
                    DONE
                } else {
                    self.read_again(false, outlet)?
                }));
            }
            self.tail.start_over();
            if self.one_of_several {
                self.reading = None;
                return Ok(Ok(Step::StartedOver));
            }
            outlet.send(SourceEvent::Reread { key: self.key })?;
        }
        self.found(format, outlet)?;
        self.reading = Some(Reading {
            format,
            decoder: decoder(format, &sample, &names, self.tail.path(), share, run),
            recognised_at: size.max(1),
            pending: Vec::new(),
            before_pending: Vec::new(),
            settings: Settings::default(),
            lines: 0,
            records: 0,
            columns_told: 0,
            unfinished_taken: false,
            unfinished_torn: false,
            discarding: false,
            utf16: None,
            document_done: None,
            damaged_at: None,
        });
        // Opens the file again if it was closed by starting over.
        Ok(self.tail.look().map(|_| DONE))
    }

    fn unrecognised(&self, outlet: &Outlet, refused: Option<&'static str>, size: u64) -> Result<(), Deaf> {
        let ending = self
            .path()
            .extension()
            .map(|ending| ending.to_string_lossy().to_lowercase());
        let like_a_log =
            ending.is_some_and(|ending| ["log", "out", "jsonl", "csv", "tsv"].contains(&ending.as_str()));
        if !self.named && !like_a_log && !is_unreadably_packed(self.path()) {
            return Ok(());
        }
        let message = match refused {
            Some(reason) => format!("not read: {reason}"),
            None if size == 0 => "empty so far".to_owned(),
            None => UNRECOGNISED.to_owned(),
        };
        self.problem(outlet, message)
    }
}

/// A decoder that knows where its file is, and whose share of it counts.
fn decoder(
    format: &dyn Format,
    sample: &Sample,
    names: &Names,
    path: &Path,
    share: Option<Share>,
    run: Option<&str>,
) -> Decoder {
    match (format.decoder(sample, names), share) {
        (Decoder::Document(decoder), None) => Decoder::Document(match run {
            Some(place) => shared_document::share(place, decoder),
            None => decoder,
        }),
        (Decoder::Lines(decoder), Some(share)) => Decoder::Lines(share.decoder(decoder)),
        (Decoder::Frames(mut decoder), _) => {
            if let Some(folder) = path.parent().and_then(Path::file_name) {
                decoder.within(&folder.to_string_lossy());
            }
            Decoder::Frames(decoder)
        }
        (decoder, _) => decoder,
    }
}

/// True when a decoder that saw all of the `head` of a file reads no more in it than one that saw its
/// first bytes.
fn reads_alike(build: impl Fn(&Sample) -> Decoder, head: &[u8], first: u64) -> bool {
    let first = usize::try_from(first).unwrap_or(usize::MAX).min(head.len());
    let read = |seen: &[u8]| {
        let sample = Sample {
            head: seen,
            tail: &[],
        };
        let Decoder::Lines(mut decoder) = build(&sample) else {
            return None;
        };
        let mut decoded = Decoded::default();
        split_lines(head, &mut 0, &mut false, decoder.as_mut(), &mut decoded);
        Some((decoded, decoder.columns()))
    };
    read(head.get(..first).unwrap_or(head)) == read(head)
}
