//! SwanLab logs, `run-<id>.swanlab`: the framing of W&B's with another magic word and
//! one record per value.
//!
//! Source: `swanlab/proto` and `swanlab/sdk/internal/core_python/store` of swanlab 0.10.

use prost::Message;

use super::block_log::{BlockLog, Found};
use super::mlflow::{Metric, MetricDecoder};
use super::records::Decoded;
use super::{Claim, Column, Decoder, Format, FrameDecoder, Progress, Sample};
use crate::metric::Names;

/// The format.
pub struct SwanLab;

/// `:SWL` and the magic number 0xE1D6; a version follows.
const MAGIC: &[u8] = b":SWL\xd6\xe1";

/// True when a file starts like a SwanLab log.
pub fn begins(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(message, optional, tag = "10")]
    start: Option<Start>,
    #[prost(message, optional, tag = "13")]
    scalar: Option<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Start {
    #[prost(bytes = "vec", tag = "4")]
    name: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(message, optional, tag = "4")]
    timestamp: Option<Timestamp>,
    #[prost(message, optional, tag = "5")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanoseconds: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(double, tag = "1")]
    number: f64,
}

impl Scalar {
    fn metric(self) -> Option<Metric> {
        let milliseconds = |time: Timestamp| {
            let seconds = time.seconds.saturating_mul(1000);
            seconds.saturating_add(i64::from(time.nanoseconds / 1_000_000))
        };
        Some(Metric {
            key: String::from_utf8_lossy(&self.key).into_owned(),
            timestamp: Some(self.timestamp.map_or(0, milliseconds)),
            step: self.step,
            value: self.value?.number,
        })
    }
}

impl Format for SwanLab {
    fn name(&self) -> &'static str {
        "swanlab"
    }

    fn claim(&self, sample: &Sample, names: &Names) -> Option<Claim> {
        if !begins(sample.head) {
            return None;
        }
        let mut decoded = Decoded::default();
        let mut decoder = SwanLabDecoder::new(names, &[]);
        decoder.frames(sample.head, &mut decoded);
        decoder.finish(&mut decoded);
        Some(Claim {
            records: decoded.records.len(),
            certain: true,
            ..Claim::default()
        })
    }

    fn decoder(&self, sample: &Sample, names: &Names) -> Decoder {
        // A first look learns the keys, so that the best ones are taken at once.
        let mut scout = SwanLabDecoder::new(names, &[]);
        scout.frames(sample.head, &mut Decoded::default());
        Decoder::Frames(Box::new(SwanLabDecoder::new(names, &scout.columns())))
    }
}

struct SwanLabDecoder {
    log: BlockLog,
    metrics: MetricDecoder,
    number: u64,
}

impl SwanLabDecoder {
    fn new(names: &Names, known: &[Column]) -> Self {
        SwanLabDecoder {
            log: BlockLog::default(),
            metrics: MetricDecoder::new(names, known.iter().map(|column| column.name.as_str())),
            number: 0,
        }
    }
}

impl FrameDecoder for SwanLabDecoder {
    fn frames(&mut self, bytes: &[u8], out: &mut Decoded) -> Progress {
        let SwanLabDecoder { log, metrics, number } = self;
        let mut values = Vec::new();
        let progress = log.read(bytes, |found| {
            *number += 1;
            let record = match found {
                Found::Record(data) => Record::decode(data).map_err(|_| data),
                Found::Damaged(reason) => {
                    out.lines += 1;
                    return out.skip(*number, reason, b"");
                }
            };
            match record {
                Ok(Record {
                    scalar: Some(scalar), ..
                }) => values.extend(scalar.metric()),
                Ok(Record {
                    start: Some(start), ..
                }) => {
                    let name = String::from_utf8_lossy(&start.name).into_owned();
                    out.settings.push(("name".to_owned(), name));
                    out.lines += 1;
                    out.ignored += 1;
                }
                Ok(_) => {
                    out.lines += 1;
                    out.ignored += 1;
                }
                Err(data) => {
                    out.lines += 1;
                    out.skip(*number, "not a SwanLab record", data);
                }
            }
        });
        metrics.metrics(values, out);
        progress
    }

    fn finish(&mut self, out: &mut Decoded) {
        self.metrics.finish(out);
    }

    fn start_over(&mut self) {
        self.log = BlockLog::default();
        self.metrics.start_over();
        self.number = 0;
    }

    fn columns(&self) -> Vec<Column> {
        self.metrics.columns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::block_log::writer::BlockWriter;
    use crate::metric::Quantity;
    use proptest::prelude::*;

    fn file(values: &[(i64, f64, f64)]) -> Vec<u8> {
        let mut writer = BlockWriter::new(b":SWL\xd6\xe1\x02");
        for (step, loss, rate) in values {
            for (key, number) in [("loss", *loss), ("lr", *rate)] {
                let scalar = Scalar {
                    key: key.as_bytes().to_vec(),
                    step: *step,
                    timestamp: Some(Timestamp {
                        seconds: 1_700_000_000 + step,
                        nanoseconds: 0,
                    }),
                    value: Some(Value { number }),
                };
                let record = Record {
                    scalar: Some(scalar),
                    ..Record::default()
                };
                writer.record(&record.encode_to_vec());
            }
        }
        writer.bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_split_gives_the_same_records(
            values in prop::collection::vec((-5.0..5.0f64, 0.0..1.0f64), 1..900),
            mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let values: Vec<(i64, f64, f64)> =
                values.into_iter().enumerate().map(|(step, (loss, rate))| (step as i64, loss, rate)).collect();
            let bytes = file(&values);
            cuts.sort_by_key(|cut| cut.index(bytes.len()));
            let mut decoder = SwanLabDecoder::new(&Names::default(), &[]);
            let (mut out, mut start) = (Decoded::default(), 0);
            for end in cuts.iter().map(|cut| cut.index(bytes.len())).chain([bytes.len()]) {
                let end = end.max(start);
                start += decoder.frames(&bytes[start..end], &mut out).consumed;
            }
            decoder.finish(&mut out);
            prop_assert_eq!(out.skipped, 0);
            prop_assert_eq!(out.records.len(), values.len());
            for (column, quantity) in [(1, Quantity::TrainLoss), (2, Quantity::LearningRate)] {
                let seen: Vec<(u64, f64)> =
                    out.records.points(quantity).collect();
                let given: Vec<(u64, f64)> = values
                    .iter()
                    .map(|value| (value.0 as u64, if column == 1 { value.1 } else { value.2 }))
                    .collect();
                prop_assert_eq!(seen, given);
            }
        }
    }
}
