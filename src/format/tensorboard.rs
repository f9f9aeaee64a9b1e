//! TensorBoard event files: TFRecord frames around protobuf events.
//!
//! Frame: `u64 length | u32 masked CRC-32C of length | data | u32 masked CRC-32C of
//! data`, little endian. Source: `tensorflow/core/lib/io/record_writer.cc`,
//! `tensorflow/core/util/event.proto`. Scalars are plain (`simple_value`: PyTorch,
//! tensorboardX, TF1) or tensors of rank 0 (TF2, Keras, CLU).

use std::borrow::Cow;
use std::collections::HashMap;

use crc::{CRC_32_ISCSI, Crc, Table};
use prost::Message;

use super::records::Decoded;
use super::roles::{Draft, Roles};
use super::{Claim, Column, Decoder, Format, FrameDecoder, Progress, Sample};
use crate::metric::{self, Names, Quantity, Role};

/// The format.
pub struct TensorBoard;

static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// Length and its checksum.
const HEADER_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;
/// A record larger than this is not written by any client; its length is damaged.
const LARGEST_RECORD: u64 = 1 << 30;

fn masked(bytes: &[u8]) -> u32 {
    CRC32C.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// True when a file starts like an event file.
pub fn begins(head: &[u8]) -> bool {
    matches!(frame(head), Frame::Record { .. })
}

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<SummaryValue>,
}

#[derive(Clone, PartialEq, Message)]
struct SummaryValue {
    // Bytes, so that a tag that is not UTF-8 does not cost the whole record.
    #[prost(bytes = "vec", tag = "1")]
    tag: Vec<u8>,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    #[prost(message, optional, tag = "8")]
    tensor: Option<Tensor>,
}

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(int32, tag = "1")]
    data_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
    #[prost(bytes = "vec", tag = "4")]
    content: Vec<u8>,
    #[prost(float, repeated, tag = "5")]
    floats: Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    doubles: Vec<f64>,
    #[prost(int32, repeated, tag = "7")]
    ints: Vec<i32>,
    #[prost(int64, repeated, tag = "10")]
    longs: Vec<i64>,
    #[prost(int32, repeated, tag = "13")]
    halves: Vec<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct Shape {
    #[prost(message, repeated, tag = "2")]
    dimensions: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(int64, tag = "1")]
    size: i64,
}

impl Tensor {
    /// The value, when this is a single number. Types as in `types.proto`.
    fn scalar(&self) -> Option<f64> {
        let single = |shape: &Shape| shape.dimensions.iter().all(|dimension| dimension.size == 1);
        if !self.shape.as_ref().is_none_or(single) {
            return None;
        }
        let content = self.content.as_slice();
        match self.data_type {
            1 => of(content, f32::from_le_bytes)
                .or(self.floats.first().copied())
                .map(f64::from),
            2 => of(content, f64::from_le_bytes).or(self.doubles.first().copied()),
            3 => of(content, i32::from_le_bytes)
                .or(self.ints.first().copied())
                .map(f64::from),
            9 => of(content, i64::from_le_bytes)
                .or(self.longs.first().copied())
                .map(|long| long as f64),
            14 => self.half_bits(content).map(|bits| f64::from(bfloat16(bits))),
            19 => self.half_bits(content).map(half),
            _ => None,
        }
    }

    fn half_bits(&self, content: &[u8]) -> Option<u16> {
        of(content, u16::from_le_bytes).or_else(|| u16::try_from(*self.halves.first()?).ok())
    }
}

fn of<const N: usize, T>(content: &[u8], read: impl Fn([u8; N]) -> T) -> Option<T> {
    content.try_into().ok().map(read)
}

fn bfloat16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    sign * match exponent {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
    }
}

impl Format for TensorBoard {
    fn name(&self) -> &'static str {
        "tensorboard"
    }

    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim> {
        // The first record of every event file is short; its checksum proves what it is.
        if !begins(sample.head) {
            return None;
        }
        let mut decoder = EventDecoder::new(names);
        let mut decoded = Decoded::default();
        decoder.frames(sample.head, &mut decoded);
        decoder.finish(&mut decoded);
        Some(Claim {
            records: decoded.records.len(),
            certain: true,
            ..Claim::default()
        })
    }

    fn decoder(&self, sample: &Sample, names: &Names) -> Decoder {
        let mut decoder = EventDecoder::new(names);
        decoder.learn(sample.head);
        Decoder::Frames(Box::new(decoder))
    }
}

enum Frame<'a> {
    Record { data: &'a [u8], size: usize },
    Incomplete,
    Damaged(&'static str),
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    let field = |from: usize, to: usize| bytes.get(from..to);
    let (Some(length_bytes), Some(length_crc)) = (
        field(0, 8),
        field(8, HEADER_BYTES).and_then(|crc| of(crc, u32::from_le_bytes)),
    ) else {
        return Frame::Incomplete;
    };
    if masked(length_bytes) != length_crc {
        return Frame::Damaged("the checksum of a record's length does not match");
    }
    let length = of(length_bytes, u64::from_le_bytes).unwrap_or(u64::MAX);
    if length > LARGEST_RECORD {
        return Frame::Damaged("a record of more than 1 GB");
    }
    let end = HEADER_BYTES + length as usize;
    let (Some(data), Some(crc)) = (
        field(HEADER_BYTES, end),
        field(end, end + CHECKSUM_BYTES).and_then(|crc| of(crc, u32::from_le_bytes)),
    ) else {
        return Frame::Incomplete;
    };
    if masked(data) != crc {
        return Frame::Damaged("the checksum of a record does not match");
    }
    Frame::Record {
        data,
        size: end + CHECKSUM_BYTES,
    }
}

struct EventDecoder {
    names: Names,
    roles: Roles,
    /// Name of the folder the file is in.
    folder: String,
    /// Tags as they stand in the file, and what they are called in this folder.
    called: HashMap<Box<[u8]>, Box<str>>,
    /// Records decoded so far; the number of the current one.
    number: u64,
    draft: Draft,
}

impl EventDecoder {
    fn new(names: &Names) -> Self {
        EventDecoder {
            names: names.clone(),
            roles: Roles::new(names, []),
            folder: String::new(),
            called: HashMap::new(),
            number: 0,
            draft: Draft::default(),
        }
    }

    /// Learns the tags of the beginning of a file, so that the best one is taken at once.
    fn learn(&mut self, head: &[u8]) {
        let mut tags = Vec::new();
        let mut rest = head;
        while let Frame::Record { data, size } = frame(rest) {
            rest = rest.get(size..).unwrap_or_default();
            let summary = Event::decode(data).ok().and_then(|event| event.summary);
            for value in summary.map(|summary| summary.value).unwrap_or_default() {
                let tag = String::from_utf8_lossy(&value.tag).into_owned();
                if !tags.contains(&tag) && tags.len() < 4096 && number_of(&value).is_some() {
                    tags.push(tag);
                }
            }
        }
        let names = self.names.clone();
        let qualified: Vec<String> = tags.iter().map(|tag| self.qualified(tag).into_owned()).collect();
        self.roles = Roles::new(&names, qualified.iter().map(String::as_str));
    }

    /// `add_scalars` and Keras use one tag in several folders; only the folder's name
    /// tells the curves apart.
    fn qualified<'a>(&self, tag: &'a str) -> Cow<'a, str> {
        let folder = self.folder.as_str();
        let says_itself = tag
            .split_once('/')
            .is_some_and(|(split, _)| metric::SPLIT_FOLDERS.contains(&split));
        if says_itself || self.names.declares(tag) {
            return Cow::Borrowed(tag);
        }
        let curve = folder
            .strip_prefix(&tag.replace('/', "_"))
            .and_then(|rest| rest.strip_prefix('_'));
        if let Some(curve) = curve {
            let names = [folder.to_owned(), format!("{curve}/{tag}")];
            let mut known = names
                .into_iter()
                .filter(|name| self.names.role_of(name).is_some());
            if let Some(name) = known.next() {
                return Cow::Owned(name);
            }
        }
        if metric::SPLIT_FOLDERS.contains(&folder) {
            let name = format!("{folder}/{tag}");
            if self.names.role_of(&name).is_some() {
                return Cow::Owned(name);
            }
        }
        Cow::Borrowed(tag)
    }

    /// The role of a tag. A tag comes again with nearly every step, and what it is called is looked up once.
    fn role(&mut self, tag: &[u8], out: &mut Decoded) -> Option<Role> {
        /// Arbitrary tags must not fill the memory.
        const MOST_TAGS: usize = 4096;
        if let Some(name) = self.called.get(tag) {
            return self.roles.take_alone(name, out);
        }
        let name: Box<str> = self.qualified(&String::from_utf8_lossy(tag)).into();
        let role = self.roles.take_alone(&name, out);
        if self.called.len() < MOST_TAGS {
            self.called.insert(tag.into(), name);
        }
        role
    }

    fn event(&mut self, data: &[u8], out: &mut Decoded) {
        self.number += 1;
        out.lines += 1;
        let Ok(event) = Event::decode(data) else {
            return out.skip(self.number, "not an event", data);
        };
        let Ok(step) = u64::try_from(event.step) else {
            return out.ignored += 1;
        };
        let mut used = false;
        for value in event.summary.iter().flat_map(|summary| &summary.value) {
            let Some(number) = number_of(value) else {
                continue;
            };
            let role = self.role(&value.tag, out);
            // The event itself has the step.
            match role {
                Some(Role::Value { quantity, .. }) if quantity != Quantity::WallTime => {
                    if self.draft.step != Some(step) || self.draft.has(quantity) {
                        self.flush(out);
                        self.draft.step = Some(step);
                    }
                }
                Some(Role::TotalSteps) => {}
                _ => continue,
            }
            if let Some(role) = role {
                self.draft.set(role, number, out);
                self.draft.put(Quantity::WallTime, event.wall_time);
                used = true;
            }
        }
        out.ignored += u64::from(!used);
    }

    fn flush(&mut self, out: &mut Decoded) {
        let draft = std::mem::take(&mut self.draft);
        if let Some(step) = draft.step
            && !draft.is_empty()
        {
            draft.push(step, out);
        }
    }
}

fn number_of(value: &SummaryValue) -> Option<f64> {
    value
        .simple_value
        .map(f64::from)
        .or_else(|| value.tensor.as_ref()?.scalar())
}

impl FrameDecoder for EventDecoder {
    fn frames(&mut self, bytes: &[u8], out: &mut Decoded) -> Progress {
        let mut consumed = 0;
        let damage = loop {
            match frame(bytes.get(consumed..).unwrap_or_default()) {
                Frame::Record { data, size } => {
                    self.event(data, out);
                    consumed += size;
                }
                Frame::Incomplete => break None,
                Frame::Damaged(reason) => break Some(reason),
            }
        };
        Progress { consumed, damage }
    }

    fn finish(&mut self, out: &mut Decoded) {
        self.flush(out);
    }

    fn start_over(&mut self) {
        self.number = 0;
        self.draft = Draft::default();
    }

    fn within(&mut self, folder: &str) {
        let plain: Vec<String> = self
            .roles
            .columns()
            .into_iter()
            .map(|column| column.name)
            .collect();
        self.folder = folder.to_owned();
        self.called.clear();
        let qualified: Vec<String> = plain.iter().map(|tag| self.qualified(tag).into_owned()).collect();
        self.roles = Roles::new(&self.names, qualified.iter().map(String::as_str));
    }

    fn columns(&self) -> Vec<Column> {
        self.roles.columns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framed(data: &[u8]) -> Vec<u8> {
        let length = (data.len() as u64).to_le_bytes();
        let mut bytes = length.to_vec();
        bytes.extend(masked(&length).to_le_bytes());
        bytes.extend(data);
        bytes.extend(masked(data).to_le_bytes());
        bytes
    }

    fn scalar(tag: &str, value: f32, as_tensor: bool) -> SummaryValue {
        let tensor = Tensor {
            data_type: 1,
            content: value.to_le_bytes().to_vec(),
            ..Tensor::default()
        };
        SummaryValue {
            tag: tag.as_bytes().to_vec(),
            simple_value: (!as_tensor).then_some(value),
            tensor: as_tensor.then_some(tensor),
        }
    }

    fn file(events: &[(i64, Vec<SummaryValue>)]) -> Vec<u8> {
        let mut bytes = framed(&[
            0x1a, 13, b'b', b'r', b'a', b'i', b'n', b'.', b'E', b'v', b'e', b'n', b't', b':', b'2',
        ]);
        for (step, value) in events {
            let event = Event {
                wall_time: 1.7e9,
                step: *step,
                summary: Some(Summary { value: value.clone() }),
            };
            bytes.extend(framed(&event.encode_to_vec()));
        }
        bytes
    }

    /// Every record, in order: its step and its values by their bits.
    fn rows(decoded: &Decoded) -> Vec<(u64, Vec<(Quantity, u64)>)> {
        let bits = |(quantity, value): (Quantity, f64)| (quantity, value.to_bits());
        let rows = decoded.records.rows();
        rows.map(|row| (row.step(), row.values().map(bits).collect()))
            .collect()
    }

    /// Feeds the bytes as they would be read when the file grows to each of `ends`.
    fn read(bytes: &[u8], ends: &[usize]) -> (Decoded, Option<&'static str>) {
        let Decoder::Frames(mut decoder) = TensorBoard.decoder(
            &Sample::whole(bytes.get(..bytes.len().min(4096)).unwrap()),
            &Names::default(),
        ) else {
            panic!("another kind of decoder");
        };
        let (mut out, mut start, mut damage) = (Decoded::default(), 0, None);
        for end in ends.iter().copied().chain([bytes.len()]) {
            let end = end.max(start);
            let progress = decoder.frames(&bytes[start..end], &mut out);
            start += progress.consumed;
            damage = progress.damage;
        }
        decoder.finish(&mut out);
        (out, damage)
    }

    fn events() -> impl Strategy<Value = Vec<(i64, Vec<SummaryValue>)>> {
        let tag = prop_oneof![
            Just("train/loss"),
            Just("val/loss"),
            Just("train/lr"),
            Just("mfu")
        ];
        let value = (tag, any::<f32>(), any::<bool>());
        let event = (0i64..50, prop::collection::vec(value, 0..4));
        prop::collection::vec(event, 0..30).prop_map(|events| {
            let scalars = |values: Vec<(&str, f32, bool)>| {
                values
                    .into_iter()
                    .map(|(tag, value, as_tensor)| scalar(tag, value, as_tensor))
                    .collect()
            };
            events
                .into_iter()
                .map(|(step, values)| (step, scalars(values)))
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_split_gives_the_same_records(
            events in events(),
            mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let bytes = file(&events);
            cuts.sort_by_key(|cut| cut.index(bytes.len()));
            let ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            let (whole, damage) = read(&bytes, &[]);
            prop_assert_eq!(damage, None);
            let (pieces, damage) = read(&bytes, &ends);
            prop_assert_eq!(damage, None);
            prop_assert_eq!(rows(&whole), rows(&pieces));
            prop_assert_eq!(whole.lines, events.len() as u64 + 1);
        }

        #[test]
        fn damage_is_noticed_and_survived(
            events in events(),
            at in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let mut bytes = file(&events);
            let whole = read(&bytes, &[]).0.lines;
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let (out, damage) = read(&bytes, &[]);
            prop_assert!(damage.is_some());
            prop_assert!(out.lines < whole);
        }
    }

    #[test]
    fn small_floats_are_understood() {
        assert_eq!(bfloat16(0x3fc0), 1.5);
        assert_eq!(half(0x3e00), 1.5);
        assert_eq!(half(0xfc00), f64::NEG_INFINITY);
        assert!(half(0x7e00).is_nan());
        assert_eq!(half(0x0001), 2f64.powi(-24));
    }

    #[test]
    fn one_tag_in_folders_of_its_own_is_told_apart_by_them() {
        for (tag, folder, quantity) in [
            ("loss", "loss_train", Quantity::TrainLoss),
            ("loss", "loss_val", Quantity::EvalLoss),
            ("loss", "validation", Quantity::EvalLoss),
            ("loss", "train", Quantity::TrainLoss),
            ("loss", "run-7", Quantity::TrainLoss),
            ("Loss/epoch", "Loss_epoch_train", Quantity::TrainLoss),
            ("Loss/epoch", "Loss_epoch_valid", Quantity::EvalLoss),
        ] {
            let events: Vec<_> = (0..3).map(|step| (step, vec![scalar(tag, 2.0, false)])).collect();
            let bytes = file(&events);
            let Decoder::Frames(mut decoder) = TensorBoard.decoder(&Sample::whole(&bytes), &Names::default())
            else {
                panic!("another kind of decoder");
            };
            decoder.within(folder);
            let mut out = Decoded::default();
            decoder.frames(&bytes, &mut out);
            decoder.finish(&mut out);
            assert!(out.records.has(quantity), "{folder}");
            assert!(!out.remapped, "{folder}");
        }
    }

    #[test]
    fn a_tag_that_says_its_part_of_the_data_needs_no_folder() {
        let bytes = file(&[(
            0,
            vec![
                scalar("train/box_loss", 2.0, false),
                scalar("val/box_loss", 3.0, false),
            ],
        )]);
        let Decoder::Frames(mut decoder) = TensorBoard.decoder(&Sample::whole(&bytes), &Names::default())
        else {
            panic!("another kind of decoder");
        };
        decoder.within("train");
        decoder.frames(&bytes, &mut Decoded::default());
        let names: Vec<String> = decoder.columns().into_iter().map(|column| column.name).collect();
        assert_eq!(names, ["train/box_loss", "val/box_loss"]);
    }
}
