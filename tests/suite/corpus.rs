//! Real logs of many trainers, against what is known of them.

use crate::common;

use std::path::Path;

use losscast::format::{Whole, read_all};
use losscast::metric::{Names, Quantity};

fn read(path: &Path) -> Result<Whole, String> {
    read_all(&std::fs::read(path).unwrap(), &Names::default())
}

/// All (step, value) of a quantity, in order of steps, the last value of a step winning.
fn values(whole: &Whole, quantity: Quantity) -> std::collections::BTreeMap<u64, f64> {
    let records = &whole.decoded.records;
    records
        .rows()
        .filter_map(|row| Some((row.step(), row.value(quantity)?)))
        .collect()
}

#[test]
fn sample_logs_are_all_understood() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_logs");
    for (file, format, last_step, last_loss, total) in [
        ("llm.c-gpt2-124m/main.log", "llm.c", 19_552, 3.2813, None),
        (
            "llm.c-gpt2-124m-nan/train.log",
            "llm.c",
            901,
            f64::NAN,
            Some(19_560),
        ),
        (
            "modded-nanogpt/modern-arch.txt",
            "modded-nanogpt",
            5_100,
            3.2686,
            Some(5_100),
        ),
        (
            "huggingface-chatglm/trainer_state.json",
            "trainer_state",
            11_900,
            0.0023,
            Some(11_900),
        ),
        (
            "detectron2/metrics.json",
            "jsonl",
            3_999,
            1.037_456_462_159_752_8,
            None,
        ),
        ("multipowerlaw-100m/wsd-24k.csv", "csv", 23_904, 2.9514, None),
        (
            "tiny-lm/fp16-lr0.1.megatron.log",
            "megatron",
            391,
            2.828_34,
            Some(1_300),
        ),
        (
            "bigscience-176b/first-spike.log",
            "megatron",
            31_251,
            2.235_667,
            Some(115_311),
        ),
    ] {
        let whole = read(&samples.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(whole.format, format, "{file}");
        assert_eq!(whole.decoded.records.steps().last(), Some(&last_step), "{file}");
        assert_eq!(whole.decoded.total_steps, total, "{file}");
        assert_eq!(whole.decoded.skipped, 0, "{file}: {:?}", whole.decoded.bad_lines);
        let (_, loss) = values(&whole, Quantity::TrainLoss).pop_last().unwrap();
        assert!(same(loss, last_loss), "{file}: {loss}");
    }
}

/// Equal to the digits that a manifest gives, or both not a number.
fn same(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-3 || (one.is_nan() && other.is_nan())
}

/// The same run written in several formats has the same values.
#[test]
fn every_text_format_agrees_with_the_truth() {
    let Some(shared) = common::shared() else {
        return;
    };
    let runs = shared.join("realruns");
    for (file, run, tolerance) in [
        ("csv/fam-cosine", "fam-cosine", 1e-5),
        ("csv/kill-resume", "kill-resume", 1e-5),
        ("csv/nan-fp16attn", "nan-fp16attn", 1e-5),
        ("csv/sweep-lr8e-3", "sweep-lr8e-3", 1e-5),
        ("pylogging/fam-wsd-linear", "fam-wsd-linear", 1e-4),
        ("pylogging/kill-resume", "kill-resume", 1e-4),
        ("stdout_nanogpt_style/spike-badbatch", "spike-badbatch", 1e-4),
        ("stdout_megatron_style/fp16-scaler", "fp16-scaler", 1e-5),
        ("jsonl_buffered/kill-resume", "kill-resume", 1e-9),
    ] {
        let truth = read(&runs.join("jsonl").join(run).join("metrics.jsonl")).unwrap();
        let truth = values(&truth, Quantity::TrainLoss);
        let folder = runs.join(file);
        let log = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| read(path).is_ok());
        let whole = read(&log.unwrap_or_else(|| panic!("{file}: nothing readable"))).unwrap();
        let read = values(&whole, Quantity::TrainLoss);
        let mut compared = 0;
        for (step, value) in &read {
            let Some(expected) = truth.get(step) else {
                continue;
            };
            compared += 1;
            let same = (value.is_nan() && expected.is_nan())
                || (value - expected).abs() <= tolerance * expected.abs().max(1.0);
            assert!(same, "{file} step {step}: {value} is not {expected}");
        }
        assert!(
            compared * 10 >= read.len() * 9 && compared > 100,
            "{file}: {compared} of {}",
            read.len()
        );
    }
}

/// Files that are no runs must not become any, and the manifest's facts must hold.
#[test]
fn the_corpus_is_read_as_its_manifest_says() {
    let Some(shared) = common::shared() else {
        return;
    };
    let corpus = shared.join("corpus");
    for file in [
        "hf/chatglm-nohup/nohup.out",
        "wandb/legacy/wandb-events.jsonl",
        "lightning/slm/version_0/hparams.yaml",
        "spam-optimizer/wandb/run-20241225_211606-j4c3wv1h/files/config.yaml",
        "deepspeed-chat/step1_sft_opt-1.3b.log",
        "algoperf/ext__baseline__study_1__wmt_jax__trial_1/hparams.json",
    ] {
        assert!(read(&corpus.join(file)).is_err(), "{file} was taken for a run");
    }
    for (file, format, step, loss) in [
        ("slm-training/metrics.jsonl", "jsonl", 7_760, 2.2009),
        (
            "build-nanogpt/log_1_epoch/nanogpt-train-1806877.out",
            "key-value",
            19_072,
            3.0833,
        ),
        (
            "build-nanogpt/log_bigger/log.txt",
            "build-nanogpt",
            19_072,
            2.9412,
        ),
        ("nanochat/jonhenshaw__speedrun.log", "nanochat", 2_369, 3.2055),
        ("hf/luojiu-7b/trainer_log.jsonl", "jsonl", 8_710, 1.3703),
        ("hf/luojiu-7b/trainer_state.json", "trainer_state", 8_710, 1.3703),
        ("straggle-gpt2/rank0.log", "key-value", 8_400, 3.3375),
        ("openpi/train_aloha_folding.out", "key-value", 12_800, 0.0112),
        ("excerpts/torchtitan_3393.log", "torchtitan", 21, 3.0087),
        ("excerpts/nanogpt_215_nan.log", "nanogpt", 3_060, f64::NAN),
        ("wandb/ui-export/smollm3_lm_loss.csv", "csv", 42_509, 2.329),
        ("lightning/slm/version_8/metrics.csv", "csv", 75_549, 4.5757),
        (
            "mmengine/20230605_200941/vis_data/scalars.json",
            "jsonl",
            789,
            0.0815,
        ),
        ("llmc/gpt2_train.11685414.log", "llm.c", 19_560, 3.2534),
    ] {
        let whole = read(&corpus.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(whole.format, format, "{file}");
        let losses: Vec<(u64, f64)> = whole
            .decoded
            .records
            .rows()
            .filter_map(|row| Some((row.step(), row.value(Quantity::TrainLoss)?)))
            .collect();
        let (last_step, last) = losses.last().copied().unwrap();
        assert_eq!(last_step, step, "{file}");
        assert!(same(last, loss), "{file}: {last}");
    }
}

/// The console of the Trainer carries no steps; they must come out right all the same.
#[test]
fn hugging_face_console_lines_find_their_steps() {
    let Some(shared) = common::shared() else {
        return;
    };
    for (log, state) in [
        (
            "hf_trainer/hf-cosine/slurm-10231.out",
            "hf_trainer/hf-cosine/out/trainer_state.json",
        ),
        (
            "trl_sft/sft-cosine/slurm-10242.out",
            "trl_sft/sft-cosine/out/trainer_state.json",
        ),
    ] {
        let console = values(
            &read(&shared.join("realruns").join(log)).unwrap(),
            Quantity::TrainLoss,
        );
        let state = values(
            &read(&shared.join("realruns").join(state)).unwrap(),
            Quantity::TrainLoss,
        );
        assert_eq!(
            console.keys().collect::<Vec<_>>(),
            state.keys().collect::<Vec<_>>(),
            "{log}"
        );
        for (step, loss) in &state {
            assert!((console[step] / loss - 1.0).abs() < 1e-3, "{log} step {step}");
        }
    }
}
