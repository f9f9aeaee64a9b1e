//! Fuzzing of every reader, from files to what is shown, on stable Rust.
//!
//! `LOSSCAST_FUZZ=90` fuzzes for 90 seconds, shared by all formats, instead of a few;
//! `LOSSCAST_FUZZ_SEED=7` takes another path. What made a reader fail is kept in
//! `target/fuzz`. Half of the damage respects the structure of a format (lines, framed
//! records with right checksums, columns of a table), so that it gets beyond the
//! outermost check; the share that still gave records is printed.

mod mutate;
mod seeds;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use losscast::config::GroupingSection;
use losscast::engine::{Engine, Options};
use losscast::format::{
    Column, Decoded, Decoder, FORMATS, Format, Sample, detect, diagnose, read_all, refuse, rivals,
};
use losscast::metric::Names;
use losscast::monitor::read_once;
use losscast::run::Identity;
use losscast::source::reader::ReaderOptions;
use losscast::source::{FileKey, SourceEvent};
use rusqlite::Connection;

use mutate::{Dice, NUMBERS};
use seeds::Seed;

/// Longer than this for a file of a few kilobytes is a hang.
const LONGEST: Duration = Duration::from_secs(20);

/// Panics of losscast itself on any thread, which others may have caught.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn watch_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // The threads of the harness are named by their tests; what falls there is caught.
            if std::thread::current()
                .name()
                .is_none_or(|name| !name.contains("::"))
            {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            before(panic);
        }));
    });
}

fn setting(name: &str, usual: u64) -> u64 {
    let set = std::env::var(name).ok().and_then(|value| value.parse().ok());
    set.unwrap_or(usual)
}

/// Runs `each` on fresh dice for its share of the time; returns rounds and how many of
/// them gave records. `each` leaves what it made in the buffer, to be kept when it fails.
fn fuzz(target: &str, share: Duration, mut each: impl FnMut(&mut Dice, &mut Vec<u8>) -> usize) -> (u64, u64) {
    let seed = setting("LOSSCAST_FUZZ_SEED", 1);
    let (started, mut rounds, mut fruitful) = (Instant::now(), 0, 0);
    while started.elapsed() < share || rounds < 3 {
        let mut dice = Dice::new(seed.wrapping_mul(0x1_0000_0001).wrapping_add(rounds));
        let mut content = Vec::new();
        let (panics, began) = (PANICS.load(Ordering::SeqCst), Instant::now());
        let result = catch_unwind(AssertUnwindSafe(|| each(&mut dice, &mut content)));
        let slow = began.elapsed() > LONGEST;
        if result.is_err() || slow || PANICS.load(Ordering::SeqCst) > panics {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
            std::fs::create_dir_all(&folder).unwrap();
            let kept = folder.join(format!("{}-{seed}-{rounds}", target.replace(' ', "-")));
            std::fs::write(&kept, &content).unwrap();
            let what = if slow {
                "took too long over"
            } else {
                "panicked over"
            };
            panic!(
                "{target} {what} round {rounds} of seed {seed}, kept in {}",
                kept.display()
            );
        }
        rounds += 1;
        fruitful += u64::from(result.is_ok_and(|records| records > 0));
    }
    (rounds, fruitful)
}

/// Everything that is done with a batch of records, up to what is shown.
fn show(decoded: Vec<Decoded>, columns: Vec<Column>, format: &'static str, fits: bool) {
    let mut engine = Engine::new(Options::default());
    let key = FileKey(0);
    let identity = Identity {
        id: "run".to_owned(),
        path: PathBuf::from("run"),
        format,
    };
    engine.apply(SourceEvent::Found { key, identity }, 1.7e9);
    engine.apply(SourceEvent::Columns { key, columns }, 1.7e9);
    for decoded in decoded {
        let records = SourceEvent::Records {
            key,
            decoded: Box::new(decoded),
            modified: 1.7e9,
        };
        engine.apply(records, 1.7e9 + 1.0);
    }
    engine.apply(SourceEvent::CaughtUp, 1.7e9 + 1.0);
    if fits {
        while let Some(job) = engine.next_job(f64::INFINITY) {
            engine.finish(job.run(), 1.7e9 + 2.0);
        }
    }
    present(&mut engine);
}

/// Reports hold no control character, whatever the log held.
fn present(engine: &mut Engine) {
    let snapshot = engine.snapshot(1.7e9 + 3.0);
    let (mut json, mut table) = (Vec::new(), Vec::new());
    losscast::commands::report::json(&snapshot, &mut json).unwrap();
    losscast::commands::report::table(&snapshot, Some(80), &mut table).unwrap();
    serde_json::from_slice::<serde_json::Value>(&json).unwrap();
    for text in [json, table] {
        let text = String::from_utf8(text).unwrap();
        let bad = text
            .chars()
            .find(|character| character.is_control() && *character != '\n');
        assert_eq!(bad, None, "a control character is shown");
    }
}

/// Decodes content as one format, in pieces; returns the batches.
fn decode(
    format: &dyn Format,
    content: &[u8],
    names: &Names,
    layouts: bool,
    dice: &mut Dice,
) -> (Vec<Decoded>, Vec<Column>) {
    let sample = Sample::whole(content);
    let mut batches = Vec::new();
    let columns = match format.decoder(&sample, names) {
        Decoder::Lines(mut decoder) => {
            decoder.use_layouts(layouts);
            let mut decoded = Decoded::default();
            for (number, line) in content.split(|byte| *byte == b'\n').enumerate() {
                decoded.lines += 1;
                decoder.line(number as u64 + 1, line, &mut decoded);
                if dice.one_in(50) {
                    batches.push(std::mem::take(&mut decoded));
                }
            }
            batches.push(decoded);
            decoder.columns()
        }
        Decoder::Document(mut decoder) => {
            let mut decoded = Decoded::default();
            let _ = decoder.document(content, &mut decoded);
            batches.push(decoded);
            decoder.columns()
        }
        Decoder::Frames(mut decoder) => {
            // As a file that grows: what was not consumed comes again.
            let (mut from, mut to) = (0, 0);
            while to < content.len() {
                to = (to + 1 + dice.below(content.len())).min(content.len());
                let mut decoded = Decoded::default();
                let progress = decoder.frames(&content[from..to], &mut decoded);
                assert!(progress.consumed <= to - from);
                from += progress.consumed;
                batches.push(decoded);
                if progress.damage.is_some() {
                    break;
                }
            }
            let mut last = Decoded::default();
            decoder.finish(&mut last);
            batches.push(last);
            decoder.columns()
        }
    };
    (batches, columns)
}

/// Damages a seed in a way that suits its format.
fn damage(format: &str, dice: &mut Dice, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut content = seed.to_vec();
    let framed = content.len() > 8 && dice.below(4) > 0;
    match format {
        "tensorboard" if framed => {
            let mut records = mutate::event_records(&content);
            mutate::records(dice, &mut records);
            content = mutate::event_file(&records);
        }
        "wandb" | "swanlab" if framed => {
            let mut records = mutate::block_records(&content);
            mutate::records(dice, &mut records);
            content = mutate::block_file(&seed[..7], &records);
        }
        "json" | "trainer_state" if framed => mutate::document(dice, &mut content),
        "tensorboard" | "wandb" | "swanlab" => mutate::bytes(dice, &mut content, other),
        _ if dice.one_in(4) => mutate::bytes(dice, &mut content, other),
        _ => mutate::lines(dice, &mut content, other),
    }
    content
}

fn read_files(
    format: &'static dyn Format,
    seeds: &[Seed],
    names: &Names,
    dice: &mut Dice,
    kept: &mut Vec<u8>,
) -> usize {
    let seed = &seeds[dice.below(seeds.len())];
    let other = &seeds[dice.below(seeds.len())];
    *kept = damage(format.name(), dice, &seed.content, &other.content);
    let content = kept.as_slice();
    let sample = Sample::whole(content);
    // Recognising it, and saying why it is not recognised, asks every format.
    if dice.one_in(8) {
        let _ = (refuse(content), rivals(&sample, names), diagnose(&sample, names));
        let _ = read_all(content, names);
        let _ = detect(&sample, names);
    }
    // As its own format, whatever it has become.
    let _ = format.claim(&sample, names);
    let (batches, columns) = decode(format, content, names, true, dice);
    let by_lines = matches!(format.decoder(&sample, names), Decoder::Lines(_));
    if by_lines && dice.one_in(4) {
        // Remembered layouts are a matter of speed alone.
        let records = |batches: &[Decoded]| {
            let rows = batches.iter().flat_map(|batch| batch.records.rows());
            rows.map(|row| format!("{} {:?}", row.step(), row.values().collect::<Vec<_>>()))
                .collect::<Vec<_>>()
        };
        // Layouts do not mind how wide blanks are, where some grammars do.
        let mut narrow = content.to_vec();
        narrow.dedup_by(|one, before| [*one, *before].iter().all(|byte| matches!(byte, b' ' | b'\t')));
        let (learnt, _) = decode(format, &narrow, names, true, dice);
        let (plain, _) = decode(format, &narrow, names, false, dice);
        let (with, without) = (records(&learnt), records(&plain));
        let differs = (0..with.len().max(without.len())).find(|at| with.get(*at) != without.get(*at));
        if let Some(at) = differs {
            panic!(
                "layouts change record {at}: {:?} and {:?}",
                with.get(at),
                without.get(at)
            );
        }
    }
    let count = batches.iter().map(|batch| batch.records.len()).sum();
    show(batches, columns, format.name(), dice.one_in(40));
    // Now and then as a file, beside another one.
    if dice.one_in(100) {
        let folder = tempfile::tempdir().unwrap();
        let name = seed.path.file_name().unwrap_or_default();
        std::fs::write(folder.path().join(name), content).unwrap();
        std::fs::write(folder.path().join("beside.log"), &other.content).unwrap();
        read_folder(folder.path(), names);
    }
    count
}

/// Reads a folder as `losscast report` does; returns the number of points.
fn read_folder(folder: &Path, names: &Names) -> usize {
    let reading = ReaderOptions {
        roots: vec![folder.to_owned()],
        names: names.clone(),
        grouping: GroupingSection::default(),
        feeds: Vec::new(),
        poll: Duration::from_secs(1),
        follow: false,
    };
    let mut engine = read_once(reading, Options::default()).unwrap();
    present(&mut engine);
    let quantities = losscast::metric::Quantity::ALL;
    let points = |run: &losscast::run::Run| {
        let series = quantities.iter().filter_map(|quantity| run.own_series(*quantity));
        series.map(|series| series.points() as usize).sum::<usize>()
    };
    engine.runs().map(points).sum()
}

const MLFLOW: &str = "
    CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), start_time BIGINT);
    CREATE TABLE params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));
    CREATE TABLE metrics (key, value, timestamp, run_uuid, step, is_nan);
    INSERT INTO runs VALUES ('aaaa', 'first', 1), ('bbbb', 'second', 2);
    INSERT INTO params VALUES ('max_steps', '500', 'aaaa');
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
        INSERT INTO metrics SELECT 'loss', 4.0 - 0.01 * i, 1700000000000 + i, 'aaaa', i, 0 FROM n;";
const TRACKIO: &str = "
    CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp, run_id, run_name, step, metrics);
    CREATE TABLE configs (id INTEGER PRIMARY KEY, run_id, run_name, config, created_at);
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
        INSERT INTO metrics (timestamp, run_id, run_name, step, metrics)
        SELECT '2026-01-01T00:00:' || (10 + i), 'r', 'run', i, '{\"loss\": ' || (4.0 - 0.01 * i) || ', \"lr\": 1e-3}' FROM n;";

/// A value of any type for a column.
fn any_value(dice: &mut Dice) -> String {
    match dice.below(6) {
        0 => "NULL".to_owned(),
        1 => dice.next().cast_signed().to_string(),
        2 => format!("{:e}", f64::from_bits(dice.next()))
            .replace("inf", "9e999")
            .replace("NaN", "NULL"),
        3 => format!("x'{:016x}'", dice.next()),
        4 => format!("'{}'", dice.pick(NUMBERS).replace('\'', "''")),
        _ => "char(27, 91, 51, 49, 109, 0, 8, 55296, 1114111)".to_owned(),
    }
}

fn read_database(schema: &str, names: &Names, dice: &mut Dice, kept: &mut Vec<u8>) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let connection = Connection::open(&path).unwrap();
    let _ = connection.pragma_update(None, "synchronous", "OFF");
    connection.execute_batch(schema).unwrap();
    const COLUMNS: &[&str] = &[
        "key",
        "value",
        "timestamp",
        "run_uuid",
        "step",
        "is_nan",
        "run_id",
        "run_name",
        "metrics",
        "id",
    ];
    for _ in 0..=dice.below(4) {
        let (column, value) = (dice.pick(COLUMNS), any_value(dice));
        let statement = match dice.below(12) {
            0 => format!("ALTER TABLE metrics DROP COLUMN {column}"),
            1 => "DROP TABLE runs".to_owned(),
            2 => "DROP TABLE params".to_owned(),
            3 => format!(
                "UPDATE runs SET {} = {value}",
                dice.pick(&["run_uuid", "name", "start_time"])
            ),
            4 => format!("UPDATE params SET value = {value}"),
            5 => format!(
                "UPDATE metrics SET metrics = substr(metrics, 1, {}) || {value}",
                dice.below(20)
            ),
            6 => format!("DELETE FROM metrics WHERE rowid % {} = 0", 2 + dice.below(5)),
            _ => format!(
                "UPDATE metrics SET {column} = {value} WHERE rowid % {} = 0",
                1 + dice.below(5)
            ),
        };
        // What does not fit this table is left out.
        let _ = connection.execute_batch(&statement);
    }
    drop(connection);
    let mut content = std::fs::read(&path).unwrap();
    if dice.one_in(3) {
        let other = content.clone();
        mutate::bytes(dice, &mut content, &other);
        std::fs::write(&path, &content).unwrap();
    }
    *kept = content;
    read_folder(folder.path(), names)
}

/// The file store of MLflow: a file for each metric, three numbers in a line.
fn read_mlflow_files(names: &Names, dice: &mut Dice, kept: &mut Vec<u8>) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("0/0123456789abcdef0123456789abcdef");
    std::fs::create_dir_all(run.join("metrics/train")).unwrap();
    std::fs::create_dir_all(run.join("params")).unwrap();
    let values: String = (0..30)
        .map(|step| {
            format!(
                "{} {} {step}\n",
                1_700_000_000_000u64 + step,
                4.0 - 0.01 * step as f64
            )
        })
        .collect();
    for name in [
        "meta.yaml",
        "metrics/loss",
        "metrics/train/lr",
        "params/max_steps",
    ] {
        let mut content = match name {
            "meta.yaml" => {
                b"run_id: 0123456789abcdef0123456789abcdef\nrun_name: a run\nstart_time: 1700000000000\n"
                    .to_vec()
            }
            "params/max_steps" => b"100".to_vec(),
            _ => values.clone().into_bytes(),
        };
        if dice.one_in(2) {
            mutate::lines(dice, &mut content, values.as_bytes());
        }
        kept.extend(&content);
        std::fs::write(run.join(name), &content).unwrap();
    }
    read_folder(folder.path(), names)
}

#[test]
fn no_damage_makes_a_reader_fail() {
    watch_panics();
    let names = seeds::names();
    let seeds = seeds::all(&names);
    let patterns = names
        .patterns
        .iter()
        .map(|pattern| *pattern as &'static dyn Format);
    let formats: Vec<&'static dyn Format> = patterns.chain(FORMATS.iter().copied()).collect();
    let others = 3;
    let share = Duration::from_secs(setting("LOSSCAST_FUZZ", 6)) / (seeds.len() + others) as u32;
    let unseeded: Vec<&str> = formats
        .iter()
        .map(|format| format.name())
        .filter(|name| !seeds.contains_key(name))
        .collect();
    assert_eq!(unseeded, [""; 0], "formats without a log to start from");
    let mut told = Vec::new();
    for (name, seeds) in &seeds {
        let format = *formats.iter().find(|format| format.name() == *name).unwrap();
        let (rounds, fruitful) = fuzz(name, share, |dice, kept| {
            read_files(format, seeds, &names, dice, kept)
        });
        told.push((*name, rounds, fruitful));
    }
    let stores: [(&'static str, &str); 2] = [("mlflow database", MLFLOW), ("trackio database", TRACKIO)];
    for (name, schema) in stores {
        let (rounds, fruitful) = fuzz(name, share, |dice, kept| {
            read_database(schema, &names, dice, kept)
        });
        told.push((name, rounds, fruitful));
    }
    let (rounds, fruitful) = fuzz("mlflow files", share, |dice, kept| {
        read_mlflow_files(&names, dice, kept)
    });
    told.push(("mlflow files", rounds, fruitful));
    for (name, rounds, fruitful) in told {
        println!("{name}: {rounds} rounds, {fruitful} with records");
        // Damage that leaves nothing to read tests nothing.
        assert!(fruitful > 0 || rounds < 20, "{name}: no round gave records");
    }
}
