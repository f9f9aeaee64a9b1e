//! W&B transaction logs, `run-<id>.wandb`, online and offline.
//!
//! Blocks of protobuf records: the run with its configuration, one history record per
//! log call, summaries, and much else that is not read. Values are JSON texts.
//! Source: `wandb/proto/wandb_internal.proto`.

use std::collections::BTreeMap;

use prost::Message;

use super::block_log::{BlockLog, Found};
use super::number;
use super::records::{Decoded, How};
use super::roles::{Draft, Roles, whole};
use super::{Claim, Column, Decoder, Format, FrameDecoder, Progress, Sample};
use crate::metric::{Names, Role};

/// The format.
pub struct Wandb;

/// `:W&B`, the magic number 0xBEE1 and the version.
const MAGIC: &[u8] = b":W&B\xe1\xbe\x00";

/// True when a file starts like a W&B log.
pub fn begins(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(message, optional, tag = "2")]
    history: Option<History>,
    #[prost(message, optional, tag = "3")]
    summary: Option<Updates>,
    #[prost(message, optional, tag = "5")]
    config: Option<Updates>,
    #[prost(message, optional, tag = "17")]
    run: Option<Run>,
    #[prost(message, optional, tag = "18")]
    exit: Option<Exit>,
}

/// The process has ended.
#[derive(Clone, PartialEq, Message)]
struct Exit {
    #[prost(int32, tag = "1")]
    code: i32,
}

/// The name of the number of a call, by which it is known in a row.
const CALL: &str = "_step";

/// The code that stands for an interruption from the keyboard.
const INTERRUPTED: i32 = 255;

#[derive(Clone, PartialEq, Message)]
struct History {
    #[prost(message, repeated, tag = "1")]
    items: Vec<Item>,
    #[prost(message, optional, tag = "2")]
    step: Option<HistoryStep>,
}

#[derive(Clone, PartialEq, Message)]
struct HistoryStep {
    #[prost(int64, tag = "1")]
    number: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Updates {
    #[prost(message, repeated, tag = "1")]
    update: Vec<Item>,
}

/// The Python client of old fills `key`, the present one `nested_key`.
#[derive(Clone, PartialEq, Message)]
struct Item {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    nested_key: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "16")]
    value_json: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Run {
    #[prost(message, optional, tag = "4")]
    config: Option<Updates>,
    #[prost(bytes = "vec", tag = "8")]
    display_name: Vec<u8>,
}

impl Item {
    fn name(&self) -> String {
        if self.key.is_empty() {
            let parts: Vec<_> = self
                .nested_key
                .iter()
                .map(|part| String::from_utf8_lossy(part))
                .collect();
            parts.join(".")
        } else {
            String::from_utf8_lossy(&self.key).into_owned()
        }
    }

    /// The value, when it is a number: `NaN` and `Infinity` come bare or in quotes.
    fn number(&self) -> Option<f64> {
        let text = self.value_json.trim_ascii();
        let text = text
            .strip_prefix(b"\"")
            .and_then(|text| text.strip_suffix(b"\""))
            .unwrap_or(text);
        match text.first()? {
            b'{' | b'[' | b't' | b'f' => None,
            _ => number::parse(std::str::from_utf8(text).ok()?),
        }
    }
}

impl Format for Wandb {
    fn name(&self) -> &'static str {
        "wandb"
    }

    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim> {
        if !begins(sample.head) {
            return None;
        }
        let mut decoder = WandbDecoder::new(names, []);
        let mut decoded = Decoded::default();
        decoder.frames(sample.head, &mut decoded);
        Some(Claim {
            records: decoded.records.len(),
            certain: true,
            ..Claim::default()
        })
    }

    fn decoder(&self, sample: &Sample, names: &Names) -> Decoder {
        // A first look learns the names, so that the best ones are taken at once.
        let mut scout = WandbDecoder::new(names, []);
        scout.frames(sample.head, &mut Decoded::default());
        let known: Vec<String> = scout.columns().into_iter().map(|column| column.name).collect();
        let known = known.iter().map(String::as_str);
        Decoder::Frames(Box::new(WandbDecoder::new(names, known)))
    }
}

struct WandbDecoder {
    log: BlockLog,
    reader: HistoryReader,
}

struct HistoryReader {
    roles: Roles,
    number: u64,
    last_step: Option<u64>,
    axis: Axis,
    /// The newest summary; told once a batch, because it comes with every record.
    summary: BTreeMap<String, String>,
}

/// Whether the training step that the run logs is the axis of its losses, or the number that W&B
/// gives to each call: a callback may log its step once, or that of a trainer which never trains.
#[derive(Default)]
struct Axis {
    /// The last record that was judged: those of a file that is read again are known.
    judged: u64,
    /// Rows with a loss.
    losses: u64,
    /// Rows with the training step, with or without a loss.
    named: u64,
    first: Option<u64>,
    /// The training step is not that of the first row that has it.
    moved: bool,
    /// The number of the call stands for the step.
    by_calls: bool,
}

impl Axis {
    fn judge(&mut self, number: u64, draft: &Draft) {
        if number <= self.judged {
            return;
        }
        self.judged = number;
        self.losses += u64::from(draft.has_loss());
        if let Some(step) = draft.step {
            self.named += 1;
            self.moved |= *self.first.get_or_insert(step) != step;
        }
    }

    /// True when what was read by one axis is to be read by the other.
    fn changes(&mut self) -> bool {
        // A train loss, an evaluation and the outcome may be of one step.
        const FEWEST: u64 = 4;
        let is_rare = self.named * 2 < self.losses;
        let by_calls = self.losses >= FEWEST && (is_rare || !self.moved);
        std::mem::replace(&mut self.by_calls, by_calls) != by_calls
    }
}

impl WandbDecoder {
    fn new<'a>(names: &Names, known: impl IntoIterator<Item = &'a str>) -> Self {
        WandbDecoder {
            log: BlockLog::default(),
            reader: HistoryReader {
                roles: Roles::new(names, known),
                number: 0,
                last_step: None,
                axis: Axis::default(),
                summary: BTreeMap::new(),
            },
        }
    }
}

impl HistoryReader {
    fn found(&mut self, found: Found, out: &mut Decoded) {
        self.number += 1;
        out.lines += 1;
        let data = match found {
            Found::Record(data) => data,
            Found::Damaged(reason) => return out.skip(self.number, reason, b""),
        };
        let Ok(record) = Record::decode(data) else {
            return out.skip(self.number, "not a W&B record", data);
        };
        let Some(history) = record.history else {
            out.ignored += 1;
            match record.exit.as_ref().map(|exit| exit.code) {
                Some(0) => out.end(None, How::Finished),
                None | Some(INTERRUPTED) => {}
                Some(_) => out.end(None, How::PROCESS_FAILED),
            }
            let config = record.run.iter().filter_map(|run| run.config.as_ref());
            for item in config.chain(&record.config).flat_map(|config| &config.update) {
                self.setting(item, out);
            }
            if let Some(run) = record.run.filter(|run| !run.display_name.is_empty()) {
                let name = String::from_utf8_lossy(&run.display_name).into_owned();
                out.settings.push(("name".to_owned(), name));
            }
            for item in record.summary.iter().flat_map(|summary| &summary.update) {
                let value = String::from_utf8_lossy(&item.value_json).into_owned();
                self.summary.insert(item.name(), value);
            }
            return;
        };
        let mut draft = Draft::default();
        let mut call = history.step.and_then(|step| u64::try_from(step.number).ok());
        for item in &history.items {
            let Some(value) = item.number() else {
                continue;
            };
            if item.name() == CALL {
                call = whole(value);
            }
            if let Some(role) = self.roles.take(&item.name(), out) {
                draft.set(role, value, out);
            }
        }
        self.push(&draft, call, out);
    }

    fn push(&mut self, draft: &Draft, call: Option<u64>, out: &mut Decoded) {
        if draft.step.is_some() {
            self.last_step = draft.step;
        }
        if out.remapped {
            // Which name the step has is only known when the file is read again.
            self.axis = Axis::default();
        } else if call.is_some() {
            self.axis.judge(self.number, draft);
        }
        // A row without the training step belongs to the last one that had it.
        let named = self.last_step.filter(|_| !self.axis.by_calls);
        let step = named.or(call);
        match step {
            Some(step) if !draft.is_empty() => draft.push(step, out),
            _ => out.ignored += 1,
        }
    }

    /// A configuration value: kept as it is, and asked whether it says how long the run is.
    fn setting(&mut self, item: &Item, out: &mut Decoded) {
        let name = item.name();
        if name.starts_with("_wandb") {
            return;
        }
        let role = self.roles.names().role_of(&name).map(|fit| fit.role);
        if role == Some(Role::TotalSteps)
            && let Some(total) = item.number().and_then(whole).filter(|total| *total > 0)
        {
            out.total_steps = Some(total);
        }
        let value = String::from_utf8_lossy(&item.value_json).into_owned();
        out.settings.push((name, value));
    }
}

impl FrameDecoder for WandbDecoder {
    fn frames(&mut self, bytes: &[u8], out: &mut Decoded) -> Progress {
        let WandbDecoder { log, reader } = self;
        let progress = log.read(bytes, |found| reader.found(found, out));
        out.summary.extend(std::mem::take(&mut reader.summary));
        out.remapped |= reader.axis.changes();
        progress
    }

    fn start_over(&mut self) {
        self.log = BlockLog::default();
        self.reader.number = 0;
        self.reader.last_step = None;
    }

    fn columns(&self) -> Vec<Column> {
        self.reader.roles.columns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::block_log::writer::BlockWriter;
    use crate::metric::Quantity;
    use proptest::prelude::*;

    fn item(name: &str, json: &str, nested: bool) -> Item {
        Item {
            key: if nested {
                Vec::new()
            } else {
                name.as_bytes().to_vec()
            },
            nested_key: if nested {
                vec![name.as_bytes().to_vec()]
            } else {
                Vec::new()
            },
            value_json: json.as_bytes().to_vec(),
        }
    }

    fn file(rows: &[(u64, f64, usize, bool)]) -> Vec<u8> {
        let mut writer = BlockWriter::new(MAGIC);
        let config = Updates {
            update: vec![
                item("max_steps", "5000", false),
                item("optimizer", "\"adamw\"", true),
            ],
        };
        let run = Run {
            config: Some(config),
            display_name: b"brave-moon-1".to_vec(),
        };
        writer.record(
            &Record {
                run: Some(run),
                ..Record::default()
            }
            .encode_to_vec(),
        );
        for (step, loss, padding, nested) in rows {
            let value = if loss.is_nan() {
                "NaN".to_owned()
            } else {
                loss.to_string()
            };
            let items = vec![
                item("train/loss", &value, *nested),
                item("_step", &step.to_string(), *nested),
                // A histogram: large, and not a number.
                item(
                    "weights",
                    &format!("{{\"bins\": \"{}\"}}", "x".repeat(*padding)),
                    *nested,
                ),
            ];
            let history = History { items, step: None };
            writer.record(
                &Record {
                    history: Some(history),
                    ..Record::default()
                }
                .encode_to_vec(),
            );
        }
        writer.bytes
    }

    fn read(bytes: &[u8], ends: &[usize]) -> Decoded {
        let mut decoder = WandbDecoder::new(&Names::default(), []);
        let (mut out, mut start) = (Decoded::default(), 0);
        for end in ends.iter().copied().chain([bytes.len()]) {
            let end = end.max(start);
            start += decoder.frames(&bytes[start..end], &mut out).consumed;
        }
        out
    }

    fn rows() -> impl Strategy<Value = Vec<(u64, f64, usize, bool)>> {
        let loss = prop_oneof![9 => -10.0..10.0f64, 1 => Just(f64::NAN)];
        let padding = prop_oneof![6 => 0usize..200, 1 => 10_000usize..80_000];
        prop::collection::vec((0u64..1000, loss, padding, any::<bool>()), 0..20)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_split_gives_the_same_records(
            rows in rows(),
            mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let bytes = file(&rows);
            cuts.sort_by_key(|cut| cut.index(bytes.len()));
            let ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            let whole = read(&bytes, &[]);
            let steps: Vec<u64> = rows.iter().map(|row| row.0).collect();
            prop_assert_eq!(whole.records.steps(), steps.as_slice());
            for (index, row) in rows.iter().enumerate() {
                let value = whole.records.value(index, Quantity::TrainLoss).unwrap();
                prop_assert!(value == row.1 || (value.is_nan() && row.1.is_nan()));
            }
            prop_assert_eq!(whole.total_steps, Some(5000));
            prop_assert_eq!(whole.skipped, 0);
            let pieces = read(&bytes, &ends);
            prop_assert_eq!(pieces.records.steps(), whole.records.steps());
            prop_assert_eq!((pieces.lines, pieces.skipped), (whole.lines, 0));
        }

        /// Damage costs the rest of its block and a record that reaches into it, no more.
        #[test]
        fn damage_is_noticed_and_survived(
            rows in rows(),
            at in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let mut bytes = file(&rows);
            let whole = read(&bytes, &[]);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let out = read(&bytes, &[]);
            // What is left is a part of what there was, in its order.
            let mut left = whole.records.steps().iter();
            for step in out.records.steps() {
                prop_assert!(left.any(|known| known == step));
            }
            // Blocks before the damaged one are whole, and so are those well behind it.
            let block = at / 32_768;
            let cut = &bytes[..block * 32_768];
            prop_assert!(out.records.len() >= read(cut, &[]).records.len());
        }
    }

    /// A file with a row for each call: its number, the training step if it is logged, the loss.
    fn calls(rows: &[(u64, Option<u64>, Option<f64>)]) -> Vec<u8> {
        let mut writer = BlockWriter::new(MAGIC);
        for (call, step, loss) in rows {
            let mut items = vec![item("_step", &call.to_string(), true)];
            items.extend(step.map(|step| item("trainer/global_step", &step.to_string(), true)));
            items.extend(loss.map(|loss| item("val/loss", &loss.to_string(), true)));
            let history = Some(History { items, step: None });
            let record = Record {
                history,
                ..Record::default()
            };
            writer.record(&record.encode_to_vec());
        }
        writer.bytes
    }

    /// The steps of a file that is read again for as long as that is asked for.
    fn steps(bytes: &[u8], piece: usize) -> Vec<u64> {
        let mut decoder = WandbDecoder::new(&Names::default(), []);
        for _ in 0..10 {
            decoder.start_over();
            let (mut out, mut start, mut end) = (Decoded::default(), 0, 0);
            while end < bytes.len() && !out.remapped {
                end = (end + piece).min(bytes.len());
                start += decoder.frames(&bytes[start..end], &mut out).consumed;
            }
            if !out.remapped {
                return out.records.steps().to_vec();
            }
        }
        panic!("it is read again and again");
    }

    #[test]
    fn a_training_step_that_is_rare_or_never_moves_is_not_the_axis() {
        let losses = |step: fn(u64) -> Option<u64>| -> Vec<_> {
            let row = |call| (call, step(call), Some(1.0 / (call + 1) as f64));
            (0..9).map(row).collect()
        };
        let by_calls: Vec<u64> = (0..9).collect();
        for piece in [usize::MAX / 2, 100] {
            let rare = losses(|call| (call == 8).then_some(0));
            assert_eq!(steps(&calls(&rare), piece), by_calls);
            assert_eq!(steps(&calls(&losses(|_| Some(0))), piece), by_calls);
            let moves = losses(|call| Some(10 * (call / 5)));
            assert_eq!(
                steps(&calls(&moves), piece),
                [0, 0, 0, 0, 0, 10, 10, 10, 10],
                "{piece}"
            );
            // Steps and losses in turn: a loss is of the step before it.
            let in_turn: Vec<_> = (0..12)
                .map(|call| match call % 2 {
                    0 => (call, Some(100 * call), None),
                    _ => (call, None, Some(1.0)),
                })
                .collect();
            assert_eq!(
                steps(&calls(&in_turn), piece),
                [0, 200, 400, 600, 800, 1000],
                "{piece}"
            );
        }
    }

    #[test]
    fn settings_and_summary_are_kept() {
        let mut writer = BlockWriter::new(MAGIC);
        let summary = Updates {
            update: vec![item("best", "2.5", true)],
        };
        writer.record(
            &Record {
                summary: Some(summary),
                ..Record::default()
            }
            .encode_to_vec(),
        );
        let mut bytes = file(&[]);
        let out = read(&bytes, &[]);
        assert!(
            out.settings
                .contains(&("name".to_owned(), "brave-moon-1".to_owned()))
        );
        assert!(
            out.settings
                .contains(&("optimizer".to_owned(), "\"adamw\"".to_owned()))
        );
        bytes = writer.bytes;
        assert_eq!(read(&bytes, &[]).summary, [("best".to_owned(), "2.5".to_owned())]);
    }
}
