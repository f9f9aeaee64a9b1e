//! What schedulers, launchers, loggers and terminals put around lines comes off, wherever it
//! is: every format is read through every wrapper as it is without.

use losscast::format::{Decoded, Decoder, Sample, detect, read_all};
use losscast::metric::{Names, Quantity};

use crate::lines::LOGS;

/// What may stand before a line, and behind it. `#` is a number that grows with the lines.
#[rustfmt::skip]
const WRAPPERS: &[(&str, &str, &str)] = &[
    ("srun -l", "0: ", ""),
    ("srun -l, padded", " 12: ", ""),
    ("torchrun", "[rank0]:", ""),
    ("torch elastic", "[default0]:", ""),
    ("node and rank", "[0434:0]:", ""),
    ("pdsh", "node-01: ", ""),
    ("Ray", "(RayTrainWorker pid=123, ip=10.0.0.1) ", ""),
    ("Ray, coloured", "\x1b[36m(TaskRunner pid=457932)\x1b[0m ", ""),
    ("SkyPilot", "(head, rank=0, pid=1234) ", ""),
    ("docker compose", "trainer-1  | ", ""),
    ("stern", "trainer-0 main ", ""),
    ("kubectl --timestamps", "2024-01-01T12:00:#.123456789Z ", ""),
    ("docker --timestamps", "2024-01-01T12:00:#.123456789+00:00 ", ""),
    ("CRI", "2024-01-01T12:00:#.123456789Z stdout F ", ""),
    ("ts", "Jan 01 12:00:# ", ""),
    ("journald", "Jan 01 12:00:# host python[4321]: ", ""),
    ("syslog", "<14>1 2024-01-01T12:00:#Z host trainer 4321 - - ", ""),
    ("a time in brackets", "[2024-01-01 12:00:#] ", ""),
    ("time of day", "12:00:# ", ""),
    ("logging.basicConfig", "INFO:root:", ""),
    ("logging, a module", "INFO:__main__:", ""),
    ("logging with a time", "2024-01-01 12:00:#,123 - INFO - ", ""),
    ("logging with a name", "2024-01-01 12:00:#,123 - train.main - INFO - ", ""),
    ("logging with a place", "[2024-01-01 12:00:#,123] [INFO] [train.py:12:main] ", ""),
    ("hydra", "[2024-01-01 12:00:#,372][train_inner][INFO] - ", ""),
    ("absl", "I0811 21:54:#.531340 138304841739136 train.py:226] ", ""),
    ("loguru", "2024-01-01 12:00:#.009 | INFO     | __main__:main:508 - ", ""),
    ("rich", "[12:00:#] INFO     ", "                                             train.py:12"),
    ("colours", "\x1b[32m", "\x1b[0m"),
    ("a bar wiped before", "\r 12%|█▏        | 120/1000 [02:00<14:40,  1.00it/s]\r                                                  \r", ""),
    ("a bar in front", "\r 12%|█▏        | 120/1000 [02:00<14:40,  1.00it/s]", ""),
    ("a screen capture", "", "\r"),
    ("rank and logging", "[rank0]:2024-01-01 12:00:#,123 - INFO - ", ""),
    ("srun and logging", "3: [2024-01-01 12:00:#,123] [INFO] [train.py:12:main] ", ""),
    ("kubectl and colours", "2024-01-01T12:00:#.123456789Z \x1b[32mINFO\x1b[0m ", ""),
];

type Points = Vec<(u64, Option<f64>, Option<f64>, Option<f64>)>;

fn read(content: &str) -> Result<(&'static str, Points), String> {
    let whole = read_all(content.as_bytes(), &Names::default())?;
    let rows = whole.decoded.records.rows();
    let points = rows
        .map(|row| {
            (
                row.step(),
                row.value(Quantity::TrainLoss),
                row.value(Quantity::EvalLoss),
                row.value(Quantity::LearningRate),
            )
        })
        .collect();
    Ok((whole.format, points))
}

#[test]
fn wrappers_come_off_wherever_they_are() {
    let (mut wrong, mut all) = (Vec::new(), 0);
    for (format, lines) in LOGS {
        let bare = read(&(lines.join("\n") + "\n"));
        if bare.as_ref().map(|bare| bare.0) != Ok(*format) {
            wrong.push(format!("{format} as it is: {bare:?}"));
            continue;
        }
        for (wrapper, before, behind) in WRAPPERS {
            if *format == "huggingface" && before.contains("it/s]") {
                continue; // Its bar tells the step.
            }
            let content: String = lines
                .iter()
                .enumerate()
                .map(|(number, line)| {
                    let before = before.replace('#', &format!("{:02}", 10 + number));
                    format!("{before}{line}{behind}\n")
                })
                .collect();
            let wrapped = read(&content);
            all += 1;
            if wrapped.as_ref().map(|(_, points)| points) != bare.as_ref().map(|(_, points)| points) {
                wrong.push(format!("{format} in {wrapper}: {wrapped:?}, not {bare:?}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {all} misread:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// A file is read again when a name with a better claim appears, or when what is set beside it changes.
#[test]
fn what_is_read_again_says_the_same() {
    for (format, lines) in LOGS {
        let content = lines.join("\n");
        let sample = Sample {
            head: content.as_bytes(),
            tail: &[],
        };
        let (found, _) = detect(&sample, &Names::default()).unwrap();
        let Decoder::Lines(mut decoder) = found.decoder(&sample, &Names::default()) else {
            continue;
        };
        let mut read = || {
            decoder.start_over();
            let mut decoded = Decoded::default();
            for (number, line) in (1..).zip(lines.iter()) {
                decoder.line(number, line.as_bytes(), &mut decoded);
            }
            // A value that is not there is none of the numbers, and unlike itself.
            format!("{decoded:?}")
        };
        let first = read();
        assert_eq!(first, read(), "{format}");
    }
}
