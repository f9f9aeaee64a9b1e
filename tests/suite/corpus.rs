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
    records.points(quantity).collect()
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
        assert!(nearly(loss, last_loss), "{file}: {loss}");
    }
}

/// Equal to the digits that a manifest gives, or both not a number.
fn nearly(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-3 || (one.is_nan() && other.is_nan())
}

/// How a log is compared with the truth of its run.
struct Compared {
    log: &'static str,
    truth: &'static str,
    /// What the log calls step 0 when the truth calls it 0.
    offset: i64,
    /// Relative, or absolute below one: half the last digit that the format keeps.
    tolerance: f64,
    /// Its steps are its own: it logs between those of the truth, or lost a buffer when
    /// the process was killed.
    own_steps: bool,
}

const fn same(log: &'static str, truth: &'static str, tolerance: f64) -> Compared {
    Compared {
        log,
        truth,
        offset: 0,
        tolerance,
        own_steps: false,
    }
}

/// Every client's log has the values of the truth, and every point of it that belongs to
/// its own logging interval: nothing is lost, nothing invented.
#[test]
fn every_text_format_agrees_with_the_truth() {
    let Some(shared) = common::shared() else {
        return;
    };
    let runs = shared.join("realruns");
    let shifted = |compared: Compared, offset| Compared { offset, ..compared };
    let own_steps = |compared: Compared| Compared {
        own_steps: true,
        ..compared
    };
    let mut wrong = Vec::new();
    for compared in [
        same(
            "csv/fam-constant/log.csv",
            "jsonl/fam-constant/metrics.jsonl",
            1e-5,
        ),
        same("csv/fam-cosine/log.csv", "jsonl/fam-cosine/metrics.jsonl", 1e-5),
        same(
            "csv/grad-explosion/log.csv",
            "jsonl/grad-explosion/metrics.jsonl",
            1e-5,
        ),
        same("csv/kill-resume/log.csv", "jsonl/kill-resume/metrics.jsonl", 1e-5),
        same("csv/killed-dbs/log.csv", "jsonl/killed-dbs/metrics.jsonl", 1e-5),
        same("csv/long-cyclic/log.csv", "jsonl/long-cyclic/metrics.jsonl", 1e-5),
        same("csv/long-wsd/log.csv", "jsonl/long-wsd/metrics.jsonl", 1e-5),
        same(
            "csv/nan-fp16attn/log.csv",
            "jsonl/nan-fp16attn/metrics.jsonl",
            1e-5,
        ),
        same("csv/stall/log.csv", "jsonl/stall/metrics.jsonl", 1e-5),
        same(
            "csv/sweep-lr2e-3/log.csv",
            "jsonl/sweep-lr2e-3/metrics.jsonl",
            1e-5,
        ),
        same(
            "csv/sweep-lr3.2e-2/log.csv",
            "jsonl/sweep-lr3.2e-2/metrics.jsonl",
            1e-5,
        ),
        same(
            "csv/sweep-lr5e-4/log.csv",
            "jsonl/sweep-lr5e-4/metrics.jsonl",
            1e-5,
        ),
        same(
            "csv/sweep-lr8e-3/log.csv",
            "jsonl/sweep-lr8e-3/metrics.jsonl",
            1e-5,
        ),
        own_steps(same(
            "jsonl_buffered/kill-resume/log.jsonl",
            "jsonl/kill-resume/metrics.jsonl",
            1e-9,
        )),
        same(
            "pylogging/fam-wsd-linear/train.log",
            "jsonl/fam-wsd-linear/metrics.jsonl",
            6e-5,
        ),
        same(
            "pylogging/kill-resume/train.log",
            "jsonl/kill-resume/metrics.jsonl",
            6e-5,
        ),
        same(
            "stdout_nanogpt_style/spike-badbatch/out.txt",
            "jsonl/spike-badbatch/metrics.jsonl",
            6e-5,
        ),
        same(
            "stdout_nanogpt_style/killed-dbs/out.txt",
            "jsonl/killed-dbs/metrics.jsonl",
            6e-5,
        ),
        same(
            "stdout_megatron_style/fp16-scaler/slurm-4242.out",
            "jsonl/fp16-scaler/metrics.jsonl",
            1e-5,
        ),
        same(
            "dvclive/killed-dbs/dvclive/plots/metrics/loss.tsv",
            "jsonl/killed-dbs/metrics.jsonl",
            1e-5,
        ),
        same(
            "dvclive/killed-dbs/dvclive/plots/metrics/eval_loss.tsv",
            "jsonl/killed-dbs/metrics.jsonl",
            1e-5,
        ),
        same(
            "dvclive/sweep-lr8e-3/dvclive/plots/metrics/loss.tsv",
            "jsonl/sweep-lr8e-3/metrics.jsonl",
            1e-5,
        ),
        same(
            "hf_trainer/hf-cosine/slurm-10231.out",
            "hf_trainer/hf-cosine/truth.jsonl",
            6e-4,
        ),
        same(
            "hf_trainer/hf-cosine/out/trainer_state.json",
            "hf_trainer/hf-cosine/truth.jsonl",
            1e-9,
        ),
        same(
            "hf_trainer/hf-killresume/out/trainer_state.json",
            "hf_trainer/hf-killresume/truth.jsonl",
            1e-9,
        ),
        same(
            "hf_trainer/hf-killresume/slurm-10241.out",
            "hf_trainer/hf-killresume/truth.jsonl",
            6e-4,
        ),
        same(
            "trl_sft/sft-cosine/slurm-10242.out",
            "trl_sft/sft-cosine/truth.jsonl",
            6e-4,
        ),
        same(
            "trl_sft/sft-cosine/out/trainer_state.json",
            "trl_sft/sft-cosine/truth.jsonl",
            1e-9,
        ),
        same(
            "torchtune/tt-cosine/stdout.txt",
            "torchtune/tt-cosine/truth.jsonl",
            1e-9,
        ),
        same(
            "torchtune/tt-cosine/logs/log_1795473699.txt",
            "torchtune/tt-cosine/truth.jsonl",
            1e-9,
        ),
        same(
            "composer/cmp-cosine/stdout.txt",
            "composer/cmp-cosine/truth.jsonl",
            6e-5,
        ),
        same(
            "composer/cmp-cosine/logs/cmp-cosine/logs-rank0.txt",
            "composer/cmp-cosine/truth.jsonl",
            6e-5,
        ),
        same(
            "keras/keras-cosine/training.log",
            "keras/keras-cosine/truth.jsonl",
            1e-9,
        ),
        same(
            "keras/keras-cosine/stdout.txt",
            "keras/keras-cosine/truth.jsonl",
            6e-5,
        ),
        same(
            "lightning/pl-cosine/lightning_logs/version_0/metrics.csv",
            "lightning/pl-cosine/truth.jsonl",
            1e-9,
        ),
        // The bar shows the steps done.
        shifted(
            same(
                "lightning/pl-cosine/slurm-10232.out",
                "lightning/pl-cosine/truth.jsonl",
                6e-3,
            ),
            1,
        ),
        own_steps(same(
            "accelerate/acc-wsd/stdout.txt",
            "accelerate/acc-wsd/truth.jsonl",
            6e-5,
        )),
        // These have no truth but each other.
        same(
            "stable_baselines3/ppo-cartpole/progress.csv",
            "stable_baselines3/ppo-cartpole/progress.json",
            1e-9,
        ),
        same(
            "stable_baselines3/ppo-cartpole/stdout.txt",
            "stable_baselines3/ppo-cartpole/progress.json",
            6e-3,
        ),
        same(
            "stable_baselines3/ppo-cartpole/log.txt",
            "stable_baselines3/ppo-cartpole/progress.json",
            6e-3,
        ),
        // LitGPT's CSV counts from 0, its console from 1.
        shifted(
            same(
                "litgpt/lg-cosine/stdout.txt",
                "litgpt/lg-cosine/out/logs/csv/version_0/metrics.csv",
                6e-4,
            ),
            1,
        ),
    ] {
        if let Err(reason) = agrees(&runs, &compared) {
            wrong.push(format!("{}: {reason}", compared.log));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} disagree:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn agrees(runs: &Path, compared: &Compared) -> Result<(), String> {
    let log = read(&runs.join(compared.log))?;
    let truth = read(&runs.join(compared.truth))?;
    let mut compared_points = 0;
    for quantity in [TrainLoss, EvalLoss, Quantity::LearningRate, Quantity::GradNorm] {
        let expected: std::collections::BTreeMap<u64, f64> = values(&truth, quantity)
            .into_iter()
            .map(|(step, value)| (step.saturating_add_signed(compared.offset), value))
            .collect();
        let found = values(&log, quantity);
        if quantity == TrainLoss && !compared.own_steps {
            lost_points(&found, &expected)?;
        }
        for (step, value) in &found {
            let Some(truth) = expected.get(step) else {
                // Evaluations are numbered on their own by some clients.
                if compared.own_steps || quantity != TrainLoss {
                    continue;
                }
                return Err(format!("{quantity} at step {step} is invented"));
            };
            compared_points += 1;
            let equal = value == truth
                || (value.is_nan() && truth.is_nan())
                // Consoles print learning rates and norms with fewer digits.
                || (value - truth).abs() <= compared.tolerance * truth.abs().max(1.0)
                || (quantity != TrainLoss && (value - truth).abs() <= 0.06 * truth.abs().max(1e-4));
            if !equal {
                return Err(format!("{quantity} at step {step} is {value}, not {truth}"));
            }
        }
    }
    if compared_points < 9 {
        return Err(format!("only {compared_points} points compared"));
    }
    Ok(())
}

/// Points of the truth that the log's own interval should have and that are not there.
fn lost_points(
    found: &std::collections::BTreeMap<u64, f64>,
    expected: &std::collections::BTreeMap<u64, f64>,
) -> Result<(), String> {
    let steps: Vec<u64> = found.keys().copied().collect();
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
        return Ok(());
    };
    // Most neighbours are one interval apart; a first step may be logged beside it.
    let mut distances: Vec<u64> = steps.windows(2).map(|pair| pair[1] - pair[0]).collect();
    distances.sort_unstable();
    let interval = distances.get(distances.len() / 2).copied().unwrap_or(1);
    // The last step may be logged beside it as well.
    let phase = steps.get(steps.len() / 2).map_or(0, |step| step % interval);
    let lost = expected
        .keys()
        .filter(|step| (first..last).contains(step) && *step % interval == phase)
        .find(|step| !found.contains_key(step));
    lost.map_or(Ok(()), |step| Err(format!("step {step} is lost")))
}

/// What the manifest calls a format, and what it is read as; `None` is no run.
const FORMATS: &[(&str, Option<&str>)] = &[
    ("csv:", Some("csv")),
    ("algoperf", Some("csv")),
    ("Lightning CSVLogger", Some("csv")),
    ("Keras CSVLogger", Some("csv")),
    ("Ultralytics", Some("csv")),
    ("stable-baselines3 progress.csv", Some("csv")),
    ("W&B web UI CSV", Some("csv")),
    ("W&B API export JSON", Some("json")),
    ("Megatron golden", Some("json")),
    ("llm.c", Some("llm.c")),
    ("modded-nanogpt", Some("modded-nanogpt")),
    ("parameter-golf", Some("modded-nanogpt")),
    ("nanochat", Some("nanochat")),
    ("build-nanogpt", Some("build-nanogpt")),
    ("nanoGPT", Some("nanogpt")),
    ("Megatron", Some("megatron")),
    ("torchtitan", Some("torchtitan")),
    ("nanotron", Some("nanotron")),
    ("OLMo", Some("olmo")),
    ("Composer", Some("composer")),
    ("MaxText", Some("maxtext")),
    ("LitGPT", Some("litgpt")),
    ("mlx-lm", Some("mlx-lm")),
    ("fairseq", Some("fairseq")),
    ("minimind", Some("minimind")),
    ("mmengine text", Some("mmengine")),
    ("mmengine vis_data", Some("jsonl")),
    ("mm 0.x", Some("jsonl")),
    ("detectron2 metrics.json", Some("jsonl")),
    ("generic metrics.jsonl", Some("jsonl")),
    ("LLaMA-Factory", Some("jsonl")),
    ("ChatGLM-Efficient-Tuning", Some("jsonl")),
    ("DeiT/DINO", Some("metric-logger")),
    ("Keras progress-bar", Some("keras")),
    ("HF trainer_state.json", Some("trainer_state")),
    ("HF", Some("huggingface")),
    ("MLPerf :::MLLOG", Some("mllog")),
    ("JAX openpi", Some("key-value")),
    ("custom", Some("key-value")),
    ("key=value", Some("key-value")),
    ("loguru", Some("key-value")),
    ("wandb files/output.log", Some("key-value")),
    ("DeepSpeed-Chat", Some("key-value")),
    // Steps and learning rates, but no loss.
    ("DeepSpeed stdout", None),
    // Reinforcement learning without a loss.
    ("wandb legacy wandb-history", None),
    ("wandb legacy wandb-events", None),
    ("wandb files/config.yaml", None),
    ("json sidecar", None),
    ("Lightning hparams.yaml", None),
    ("nohup.out", None),
    ("DVCLive metrics.json", None),
];

/// Formats that are not read from bytes alone: stores, and one file per metric.
const STORES: &[&str] = &["tfevents", "wandb .wandb", "MLflow file store", "DVCLive tsv"];

/// Every file of the corpus is what its manifest says.
#[test]
fn no_file_of_the_corpus_is_taken_for_another_kind() {
    let Some(shared) = common::shared() else {
        return;
    };
    let corpus = shared.join("corpus");
    let mut wrong = Vec::new();
    for row in common::manifest(&corpus.join("MANIFEST.tsv")) {
        let (path, kind) = (&row["path"], &row["format"]);
        if STORES.iter().any(|store| kind.starts_with(store)) {
            continue;
        }
        let expected = FORMATS
            .iter()
            .find(|(prefix, _)| kind.starts_with(prefix))
            .unwrap_or_else(|| panic!("nothing is said of {kind}"))
            .1;
        let found = read(&corpus.join(path)).ok().map(|whole| whole.format);
        if found != expected {
            wrong.push(format!("{path}\t{kind}\tread as {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} misread:\n{}", wrong.len(), wrong.join("\n"));
}

use Quantity::{EvalLoss, TrainLoss};

/// Last points that the manifest states: file, loss, step (if stated), value to the digits
/// that are stated there.
#[rustfmt::skip]
const LAST_POINTS: &[(&str, Quantity, Option<u64>, &str)] = &[
    ("modded-nanogpt/track_1_short__2024-06-06_AdamW__f66d43d7-e449-4029-8adf-e8537bab49ea.log", EvalLoss, Some(9536), "3.2760"),
    ("modded-nanogpt/track_1_short__2024-10-09_SOAP__5bdc3988-496c-4232-b4ef-53764cb81c92.txt", EvalLoss, Some(6000), "3.2763"),
    ("modded-nanogpt/track_1_short__2024-10-29_Optimizers__8bfe4e35-c3fc-4b70-a984-3be937b71ff3.txt", EvalLoss, Some(5100), "3.2858"),
    ("modded-nanogpt/track_1_short__2024-10-29_Optimizers__95a9fd44-7c13-49c7-b324-3e7d9e23a499.txt", EvalLoss, Some(5100), "3.3406"),
    ("modded-nanogpt/track_1_short__2024-10-29_Optimizers__e21a2838-a0f2-46f2-a247-db0021165682.txt", EvalLoss, Some(5100), "3.2752"),
    ("modded-nanogpt/track_1_short__2026-02-10_ShortWindow__Short-Window_1_1.txt", EvalLoss, Some(1555), "3.2779"),
    ("modded-nanogpt/track_2_medium__2025-03-25_ArchOptTweaks__train_gpt-20250329.txt", EvalLoss, Some(6710), "2.9194"),
    ("nanogpt-speedrun/cf1ef5f9-9f79-4798-9360-2b174d8eb25f.txt", EvalLoss, Some(3584), "3.2714"),
    ("modded-nanogpt-rwkv/RWKV-6-2024-10-20-07-02-38.txt", EvalLoss, Some(5100), "3.2914"),
    ("modded-nanogpt-rwkv/RWKV-7-2024-10-21-14-51-20.txt", EvalLoss, Some(5100), "3.2715"),
    ("speedrunning-esm2/a0a3dc4e-6f27-43e0-96fb-b1c2372a164b.txt", EvalLoss, Some(100_000), "2.1044"),
    ("llmc/gpt2_train.11672255.log", TrainLoss, None, "nan"),
    ("llmc/gpt2_train.11679010.log", TrainLoss, None, "nan"),
    ("llmc/gpt2_train.11685414.log", EvalLoss, Some(19_560), "3.2648"),
    ("llmc/log124M/main.log", EvalLoss, Some(19_552), "3.2731"),
    ("nanochat/jonhenshaw__speedrun.log", TrainLoss, Some(2369), "3.2055"),
    ("nanochat/jonhenshaw__speedrun.log", EvalLoss, Some(2250), "0.9506"),
    ("build-nanogpt/log_1_epoch/nanogpt-train-1806877.out", EvalLoss, Some(19_072), "3.0663"),
    ("build-nanogpt/log_no_warmup/log.txt", EvalLoss, Some(19_072), "3.1681"),
    ("build-nanogpt/log_bigger/log.txt", EvalLoss, Some(19_072), "2.9147"),
    ("build-nanogpt/log_linear_lr/log.txt", EvalLoss, Some(19_072), "3.0843"),
    ("parameter-golf/track_10min_16mb__2026-03-17_NaiveBaseline__train.log", EvalLoss, Some(13_780), "2.0606"),
    ("parameter-golf/track_non_record_16mb__2026-03-18_Quasi10Bfrom50B_SP1024_9x512_KV4_4h_pgut3__train.log", EvalLoss, Some(329_430), "1.9837"),
    ("parameter-golf/track_non_record_16mb__2026-03-29_HNet_ByteVsSubword_Study__train_byte260_4h.log", EvalLoss, Some(85_242), "0.9181"),
    ("parameter-golf/track_non_record_16mb__2026-03-31_LegendreGPT__train.log", TrainLoss, Some(60_000), "2.0225"),
    ("algoperf/ext__baseline__study_1__wmt_jax__trial_1/measurements.csv", EvalLoss, Some(133_333), "1.500"),
    ("algoperf/ext__baseline__study_1__wmt_jax__trial_2/measurements.csv", EvalLoss, Some(133_333), "1.599"),
    ("algoperf/ext__baseline__study_1__wmt_jax__trial_3/measurements.csv", EvalLoss, Some(133_333), "1.4095"),
    ("algoperf/ext__baseline__study_1__wmt_jax__trial_4/measurements.csv", EvalLoss, Some(133_333), "1.4108"),
    ("algoperf/ext__baseline__study_1__wmt_jax__trial_5/measurements.csv", EvalLoss, None, "1.3614"),
    ("algoperf/ext__baseline__study_2__wmt_glu_tanh_jax__trial_3/measurements.csv", EvalLoss, None, "1.498"),
    ("algoperf/ext__caspr_adaptive__study_3__wmt_jax__trial_4/measurements.csv", EvalLoss, None, "1.4376"),
    ("algoperf/ext__generalized_adam__study_1__criteo1tb_jax__trial_1/measurements.csv", TrainLoss, Some(73), "inf"),
    ("algoperf/ext__shampoo_submission__study_1__librispeech_deepspeech_pytorch__trial_3/measurements.csv", TrainLoss, Some(500), "1405"),
    ("algoperf/ext__nadamp__study_1__librispeech_deepspeech_jax__trial_4/measurements.csv", TrainLoss, None, "3.24"),
    ("hf/cn-mini-phi3/ds_pretrain.log", TrainLoss, Some(1960), "4.2"),
    ("hf/eso-llava/sft.log", TrainLoss, None, "0.0002"),
    ("hf/clean-code-qwen/dpo.log", TrainLoss, Some(160), "0.6804"),
    ("hf/luojiu-7b/trainer_log.jsonl", TrainLoss, Some(8710), "1.3703"),
    ("hf/luojiu-7b/trainer_state.json", TrainLoss, Some(8710), "1.3703"),
    ("hf/chatglm-ccks-e25/trainer_log.jsonl", TrainLoss, Some(11_900), "0.0023"),
    ("hf/chatglm-ccks-e25/trainer_state.json", TrainLoss, Some(11_900), "0.0023"),
    ("hf/bashkir-asr/trainer_state.json", TrainLoss, Some(10_000), "0.858"),
    ("hf/viettel-2026/trainer_state.json", TrainLoss, Some(1028), "0.3535"),
    ("hf/whisper-japanese/trainer_state.json", TrainLoss, Some(5000), "0.0002"),
    ("bigscience/meg_ds_3d_gpt2_perf_n16-ds-off.out", TrainLoss, Some(62), "20.4387"),
    ("megatron-golden/gpt3_15b_8t_release__golden_values_dev_dgx_h100.json", TrainLoss, Some(50_860), "2.0734"),
    ("mlperf/v5.1__NVIDIA__theia_ngpu8_ngc25.09_nemo__llama31_8b__result_0.txt", TrainLoss, Some(11_519), "3.260"),
    ("mlperf/v5.1__NVIDIA__theia_ngpu8_ngc25.09_nemo__llama31_8b__result_0.txt", EvalLoss, None, "3.2839"),
    ("mlperf/v5.1__AMD__MI350X_EPYC_9575F_pytorch__llama31_8b__result_0.txt", EvalLoss, None, "3.2967"),
    ("mlperf/v5.1__MangoBoost__MI325X-LLMBoost-GPUBoost-2node__llama2_70b_lora__result_0.txt", TrainLoss, None, "1.311"),
    ("mlperf/v5.1__MangoBoost__MI325X-LLMBoost-GPUBoost-2node__llama2_70b_lora__result_0.txt", EvalLoss, None, "0.9221"),
    ("mlperf/v5.1__Dell__2xXE9685Lx8B200-SXM-180GB__llama31_8b__result_0.txt", TrainLoss, Some(6143), "3.1946"),
    ("mlperf/v5.1__Dell__2xXE9685Lx8B200-SXM-180GB__llama31_8b__result_0.txt", EvalLoss, None, "3.2806"),
    ("mlperf/v4.0__NVIDIA__eos_n64_ngc24.04_nemo__gpt3__result_0.txt", EvalLoss, None, "2.6888"),
    ("mlperf/v3.0__Intel-HabanaLabs__HLS-Gaudi2-N48-PT__gpt3__result_1.txt", EvalLoss, None, "2.6896"),
    ("spam-optimizer/logs/130m_test.out", EvalLoss, Some(7000), "3.3480"),
    ("wandb/ui-export/smollm3_lm_loss.csv", TrainLoss, Some(42_509), "2.329"),
    ("qwen3-non-moe/train.out", TrainLoss, Some(57_350), "13.5626"),
    ("qwen3-non-moe/train.out", EvalLoss, Some(57_000), "4.0668"),
    ("straggle-gpt2/rank0.log", TrainLoss, Some(8400), "3.3375"),
    ("minimind/pretrain.log", TrainLoss, Some(39_695), "2.16"),
    ("minimind/dpo.log", TrainLoss, Some(4292), "0.3476"),
    ("slm-training/metrics.jsonl", TrainLoss, Some(7760), "2.2009"),
    ("fairseq/hydra_train.log", TrainLoss, Some(4600), "3.922"),
    ("lightning/slm/version_0/metrics.csv", TrainLoss, Some(140_699), "3.565943479537964"),
    ("lightning/slm/version_0/metrics.csv", EvalLoss, Some(140_739), "3.570486068725586"),
    ("lightning/slm/version_8/metrics.csv", TrainLoss, Some(75_549), "4.575737476348877"),
    ("lightning/slm/version_5/metrics.csv", TrainLoss, Some(196_999), "3.913863182067871"),
    ("lightning/slm/version_5/metrics.csv", EvalLoss, Some(197_035), "3.604208469390869"),
    ("mmseg/None.log.json", TrainLoss, Some(40_000), "0.01715"),
    ("mmengine/20230605_200941/vis_data/scalars.json", TrainLoss, Some(789), "0.081515"),
    ("mmengine/20230605_200941/20230605_200941.log", TrainLoss, Some(789), "0.081515"),
    ("detectron2/metrics.json", TrainLoss, Some(3999), "1.037"),
    ("dino/train.out", TrainLoss, None, "2.55774"),
    ("openpi/train_aloha_folding.out", TrainLoss, Some(12_800), "0.0112"),
    ("keras/training_log.csv", TrainLoss, Some(29), "0.01536"),
    ("excerpts/nanogpt_215_nan.log", TrainLoss, Some(3060), "nan"),
    ("excerpts/megatron-llm_33_nan.log", TrainLoss, Some(3384), "0.70726"),
    ("excerpts/torchtitan_3393.log", TrainLoss, Some(21), "3.00867"),
    ("excerpts/olmo_692_zero_loss.log", TrainLoss, Some(3), "0.0"),
    ("excerpts/fairseq_512_loss_scale.log", TrainLoss, Some(10_198), "6.343"),
    ("excerpts/mlx-lm_620_diverge.log", TrainLoss, Some(200), "4.604"),
    ("excerpts/nanotron_390.log", TrainLoss, Some(327_284), "2.36"),
    ("excerpts/hf_pink_6_nan.log", TrainLoss, Some(12), "0.0"),
    ("excerpts/maxtext_4847.log", TrainLoss, Some(3), "12.979"),
    ("excerpts/litgpt_1607_final.log", TrainLoss, Some(610_200), "2.857"),
    ("excerpts/xtuner_187_nan.log", TrainLoss, Some(250), "2.4566"),
];

/// Points of a loss in file order.
fn points(whole: &Whole, quantity: Quantity) -> Vec<(u64, f64)> {
    whole.decoded.records.points(quantity).collect()
}

/// Equal to the digits that are stated.
fn to_its_digits(value: f64, stated: &str) -> bool {
    let expected: f64 = stated.parse().unwrap();
    if !expected.is_finite() {
        return value.is_nan() == expected.is_nan() && (value == expected || expected.is_nan());
    }
    let digits = stated.split_once('.').map_or(0, |(_, digits)| digits.len());
    (value - expected).abs() <= 0.51 * 10f64.powi(-i32::try_from(digits).unwrap())
}

/// The last step and loss are those of the manifest.
#[test]
fn the_corpus_ends_as_its_manifest_says() {
    let Some(shared) = common::shared() else {
        return;
    };
    let corpus = shared.join("corpus");
    let mut wrong = Vec::new();
    for (path, quantity, step, value) in LAST_POINTS {
        let last = read(&corpus.join(path)).map(|whole| points(&whole, *quantity).last().copied());
        match last {
            Ok(Some((at, found))) if step.is_none_or(|step| step == at) && to_its_digits(found, value) => {}
            other => wrong.push(format!(
                "{path}\t{quantity} should be {value} at {step:?}\t{other:?}"
            )),
        }
    }
    // The manifest states these in words that can be read.
    for row in common::manifest(&corpus.join("MANIFEST.tsv")) {
        let Some((_, stated)) = row["known"].split_once(", last step ") else {
            continue;
        };
        let Some((step, stated)) = stated.split_once(", final loss ") else {
            continue;
        };
        let value = stated.split(',').next().unwrap();
        let whole = read(&corpus.join(&row["path"])).unwrap();
        let (at, found) = points(&whole, TrainLoss).pop().unwrap();
        if at.to_string() != step || !to_its_digits(found, value) {
            wrong.push(format!("{}\t{value} at {step}\t{found} at {at}", row["path"]));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} disagree:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Counts and totals that the manifest states.
#[test]
fn the_corpus_has_as_many_points_and_steps_as_its_manifest_says() {
    let Some(shared) = common::shared() else {
        return;
    };
    let corpus = shared.join("corpus");
    for (path, quantity, count) in [
        ("slm-training/metrics.jsonl", TrainLoss, 398),
        ("straggle-gpt2/rank0.log", TrainLoss, 168),
        ("openpi/train_aloha_folding.out", TrainLoss, 293),
        ("wandb/ui-export/smollm3_lm_loss.csv", TrainLoss, 2270),
        (
            "megatron-golden/gpt3_15b_8t_release__golden_values_dev_dgx_h100.json",
            TrainLoss,
            10_173,
        ),
        (
            "mlperf/v5.1__NVIDIA__theia_ngpu8_ngc25.09_nemo__llama31_8b__result_0.txt",
            TrainLoss,
            360,
        ),
        (
            "mlperf/v5.1__Dell__2xXE9685Lx8B200-SXM-180GB__llama31_8b__result_0.txt",
            TrainLoss,
            192,
        ),
        (
            "mlperf/v5.1__MangoBoost__MI325X-LLMBoost-GPUBoost-2node__llama2_70b_lora__result_0.txt",
            TrainLoss,
            38,
        ),
        ("keras/stdout/train.out", TrainLoss, 900),
        ("lightning/slm/version_0/metrics.csv", EvalLoss, 10),
        ("lightning/slm/version_8/metrics.csv", EvalLoss, 0),
        ("hf/clean-code-qwen/dpo.log", TrainLoss, 16),
        ("hf/cn-mini-phi3/ds_pretrain.log", TrainLoss, 99),
        ("bigscience/meg_ds_3d_gpt2_perf_n16-ds-off.out", TrainLoss, 62),
    ] {
        let whole = read(&corpus.join(path)).unwrap();
        assert_eq!(points(&whole, quantity).len(), count, "{path}");
    }
    for (path, total) in [
        ("nanochat/jonhenshaw__speedrun.log", 21_400),
        (
            "parameter-golf/track_10min_16mb__2026-03-17_NaiveBaseline__train.log",
            20_000,
        ),
        (
            "mlperf/v5.1__NVIDIA__theia_ngpu8_ngc25.09_nemo__llama31_8b__result_0.txt",
            1_200_000,
        ),
        ("spam-optimizer/logs/130m_test.out", 20_000),
        ("qwen3-non-moe/train.out", 100_000),
        ("minimind/pretrain.log", 39_695),
        ("excerpts/mlx-lm_620_diverge.log", 2_596),
        ("hf/luojiu-7b/trainer_state.json", 8_712),
        ("dino/train.out", 156_200),
        ("llmc/gpt2_train.11685414.log", 19_560),
    ] {
        let decoded = read(&corpus.join(path)).unwrap().decoded;
        let stated = decoded.total_steps.or(decoded.hints.total_steps());
        assert_eq!(stated, Some(total), "{path}: {:?}", decoded.hints);
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
