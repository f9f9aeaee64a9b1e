//! Files beside a log that state the plan of a run: trainer arguments, hyper-parameters,
//! the configuration of Hydra, W&B, Ultralytics or torchtitan, the model card.
//!
//! YAML is read as text, key by key: what trainers dump holds Python objects, which no
//! loader takes, and only plain settings matter here.

use serde_json::Value;

use super::hints::{Fact, Hints, Place};
use super::records::How;

/// True for a file name (with its folder for `.hydra/config.yaml`) under which such
/// settings are kept.
pub fn is_sidecar(name: &str) -> bool {
    let name = name.to_lowercase();
    if OPTIONS.contains(&name.as_str()) {
        return true;
    }
    let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
    let stem = stem.rsplit('/').next().unwrap_or(stem);
    if stem == "readme" {
        return ending == "md";
    }
    let settings = [
        "config",
        "args",
        "hparams",
        "params",
        "arguments",
        "flags",
        "settings",
        "cfg",
        "hyperparam",
        "options",
    ];
    // `opt.yaml` is YOLOv5's.
    let told =
        ["opt", "catboost_training"].contains(&stem) || settings.iter().any(|word| stem.contains(word));
    // A tokenizer's, a generation's or an adapter's settings are not those of the training.
    let other = [
        "tokenizer",
        "generation",
        "adapter",
        "preprocessor",
        "special_tokens",
        "quant",
    ];
    told && ["json", "yaml", "yml", "toml"].contains(&ending) && !other.iter().any(|word| stem.contains(word))
}

/// The options of pix2pix, CycleGAN and what descends from them.
const OPTIONS: [&str; 2] = ["opt.txt", "train_opt.txt"];

/// The file of Sacred's metrics...
pub const METRICS: &str = "metrics.json";
/// ...and the one beside it that tells how the run fares.
pub const OUTCOME: &str = "run.json";

/// How a run has ended, by the content of that file.
pub fn ending(content: &[u8]) -> Option<How> {
    let run: Value = serde_json::from_slice(content).ok()?;
    run.get("experiment")?;
    match run.get("status")?.as_str()? {
        "COMPLETED" => Some(How::Finished),
        "FAILED" => Some(How::PROCESS_FAILED),
        "INTERRUPTED" => Some(How::Perhaps("it was interrupted")),
        _ => None,
    }
}

/// Largest file that is read as a sidecar.
pub const LARGEST: u64 = 1 << 20;

/// What a file states about the plan of the run beside it. Files that are not what their
/// name says state nothing.
pub fn read(name: &str, content: &[u8]) -> Hints {
    let mut hints = Hints::default();
    let text = String::from_utf8_lossy(content);
    let lower = name.to_lowercase();
    if lower.ends_with(".json") {
        if let Ok(Value::Object(settings)) = serde_json::from_str(&text) {
            super::json_document::settings_of(&settings, &mut hints);
        }
    } else if lower.ends_with(".toml") {
        if let Ok(table) = text.parse::<toml::Table>() {
            toml_settings("", &table, &mut hints);
        }
    } else if lower.ends_with(".md") {
        // A model card lists "- learning_rate: 5e-05".
        for line in text.lines() {
            if let Some((name, value)) = line.strip_prefix("- ").and_then(|item| item.split_once(": ")) {
                setting(name.trim_matches('*'), value, &mut hints);
            }
        }
    } else if lower.ends_with(".txt") {
        options(&text, &mut hints);
    } else if lower.ends_with(".py") {
        // mmengine prints the same at the beginning of its log.
        text.lines().for_each(|line| hints.scan(line));
    } else {
        yaml_settings(&text, &mut hints);
    }
    hints
}

/// Takes in one setting, its path joined by `/` (or `.`): of a file, or one that a client
/// recorded.
pub fn setting(path: &str, value: &str, hints: &mut Hints) {
    let mut parts = path.rsplit(['/', '.']);
    let (leaf, parent) = (parts.next().unwrap_or(path), parts.next().unwrap_or_default());
    let schedule = parent.contains("sched") || parent.contains("lr_policy");
    if schedule && ["name", "type", "_name", "_target_", "class_name", "decay_type"].contains(&leaf) {
        hints.state("lr_scheduler_type", value, Place::Configuration);
        return;
    }
    // W&B and others wrap every setting: `max_steps: {value: 1000}`.
    let leaf = if leaf == "value" && !parent.is_empty() {
        parent
    } else {
        leaf
    };
    // Ultralytics has two schedules, nanoGPT one and none; in what Ultralytics gives to trackers
    // every step is an epoch.
    let scheduler = match (leaf, value.to_ascii_lowercase().as_str()) {
        ("cos_lr", "false") => Some("linear"),
        ("decay_lr", "false") => Some("constant"),
        ("cos_lr" | "decay_lr", "true") => Some("cosine"),
        _ => None,
    };
    if let Some(name) = scheduler {
        hints.state("lr_scheduler_type", name, Place::Configuration);
        return;
    }
    if leaf == "close_mosaic" {
        hints.put_epoch_length(1);
    }
    // `trainer_state.json` and model configurations count other things in epochs and steps.
    if leaf == "max_duration" {
        duration(value, hints);
    }
    hints.state(leaf, value, Place::Configuration);
}

/// Composer's `400ba`, `2ep`.
fn duration(value: &str, hints: &mut Hints) {
    let value = value.trim().trim_matches(['"', '\'']);
    for (unit, fact) in [
        ("ba", Fact::TotalSteps),
        ("ep", Fact::Epochs),
        ("tok", Fact::TotalTokens),
        ("T", Fact::TotalTokens),
    ] {
        if let Some(number) = value.strip_suffix(unit).and_then(super::number::parse) {
            hints.put_number(fact, "max_duration", number);
        }
    }
}

fn toml_settings(path: &str, table: &toml::Table, hints: &mut Hints) {
    for (name, value) in table {
        let inner = format!("{path}/{name}");
        match value {
            toml::Value::Table(table) => toml_settings(&inner, table, hints),
            toml::Value::String(text) => setting(&inner, text, hints),
            toml::Value::Integer(number) => setting(&inner, &number.to_string(), hints),
            toml::Value::Float(number) => setting(&inner, &number.to_string(), hints),
            toml::Value::Boolean(word) => setting(&inner, &word.to_string(), hints),
            _ => {}
        }
    }
}

/// What `name: value  [default: ..]` lines state of the length of a run: its epochs are told in two parts.
fn options(text: &str, hints: &mut Hints) {
    let in_two_parts = text.contains("niter_decay:");
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let value = value.split_ascii_whitespace().next().unwrap_or_default();
        match name.trim() {
            // Alone it may count iterations.
            "niter" if in_two_parts => hints.state("n_epochs", value, Place::Configuration),
            name @ ("n_epochs" | "n_epochs_decay" | "niter_decay" | "lr_policy") => {
                hints.state(name, value, Place::Configuration)
            }
            _ => false,
        };
    }
}

/// `key: value` lines; a key without a value is the section of the deeper ones below it.
fn yaml_settings(text: &str, hints: &mut Hints) {
    const DEEPEST: usize = 16;
    let mut sections: Vec<(usize, &str)> = Vec::new();
    for line in text.lines() {
        let content = line.trim_start();
        if content.starts_with(['#', '-']) || content.is_empty() {
            continue;
        }
        let indent = line.len() - content.len();
        let Some((name, value)) = content.split_once(':') else {
            continue;
        };
        while sections.last().is_some_and(|(deep, _)| *deep >= indent) {
            sections.pop();
        }
        let value = value.split(" #").next().unwrap_or_default().trim();
        let name = name.trim_matches(['"', '\'', ' ']);
        if value.is_empty() || value.starts_with("!!python") || value.starts_with('&') {
            if sections.len() < DEEPEST {
                sections.push((indent, name));
            }
            continue;
        }
        let parent = sections.last().map_or("", |(_, section)| section);
        setting(&format!("{parent}/{name}"), value, hints);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_many_kinds() {
        let ultralytics = read(
            "args.yaml",
            b"epochs: 10\nlr0: 0.01\nlrf: 0.01\ncos_lr: true\nwarmup_epochs: 3.0\n",
        );
        assert_eq!(ultralytics.number(Fact::Epochs), Some(10.0));
        assert_eq!(
            (ultralytics.scheduler(), ultralytics.min_ratio()),
            (Some("cosine"), Some(0.01))
        );
        let linear = read("args.yaml", b"epochs: 8\nclose_mosaic: 10\ncos_lr: false\n");
        assert_eq!(
            (linear.scheduler(), linear.counted_steps()),
            (Some("linear"), Some(8))
        );

        let nanogpt = read(
            "config.yaml",
            b"decay_lr:\n    value: true\nlr_decay_iters:\n    value: 5000\nmin_lr:\n    value: 0.0001\nlearning_rate:\n    value: 0.001\n",
        );
        assert_eq!(
            (nanogpt.scheduler(), nanogpt.min_ratio()),
            (Some("cosine"), Some(0.1))
        );

        let wandb = read(
            "files/config.yaml",
            b"_wandb:\n    value:\n        t:\n            \"1\":\n                - 1\nlr:\n    value: 0.0008\nnum_training_steps:\n    desc: null\n    value: 20000\nscheduler:\n    value: cosine\nwarmup_steps:\n    value: 1000\n",
        );
        assert_eq!(
            (wandb.total_steps(), wandb.warm_up_steps()),
            (Some(20_000), Some(1000))
        );
        assert_eq!(
            (wandb.scheduler(), wandb.number(Fact::PeakLearningRate)),
            (Some("cosine"), Some(0.0008))
        );

        let titan = read(
            "train_config.toml",
            b"[training]\nsteps = 10000\nseq_len = 8192\n[lr_scheduler]\nwarmup_steps = 200\ndecay_ratio = 0.8\ndecay_type = \"linear\"\n[optimizer]\nlr = 3e-4\n",
        );
        assert_eq!(
            (titan.total_steps(), titan.warm_up_steps()),
            (Some(10_000), Some(200))
        );
        assert_eq!(
            (titan.scheduler(), titan.number(Fact::CoolDownRatio)),
            (Some("linear"), Some(0.8))
        );

        let args = read("training_args.json", br#"{"max_steps": 2000, "lr_scheduler_type": "warmup_stable_decay", "lr_scheduler_kwargs": {"num_decay_steps": 360}, "warmup_ratio": 0.05}"#);
        assert_eq!(
            (args.total_steps(), args.warm_up_steps()),
            (Some(2000), Some(100))
        );
        assert_eq!(args.count(Fact::CoolDownSteps), Some(360));

        let hydra = read(".hydra/config.yaml", b"trainer:\n  max_steps: 1_000\n  max_epochs: -1\nscheduler:\n  _target_: torch.optim.lr_scheduler.CosineAnnealingLR\n  eta_min: 0.0\n");
        assert_eq!(
            (hydra.total_steps(), hydra.scheduler()),
            (Some(1000), Some("cosineannealinglr"))
        );

        let composer = read("config.yaml", b"max_duration: 400ba\nscheduler:\n  name: cosine_with_warmup\n  t_warmup: 100ba\n  alpha_f: 0.1\nglobal_train_batch_size: 16\n");
        assert_eq!(
            (composer.total_steps(), composer.min_ratio()),
            (Some(400), Some(0.1))
        );

        let card = read("README.md", b"### Training hyperparameters\n\n- learning_rate: 5e-05\n- lr_scheduler_type: linear\n- lr_scheduler_warmup_ratio: 0.1\n- num_epochs: 3\n");
        assert_eq!(
            (card.scheduler(), card.number(Fact::WarmUpRatio)),
            (Some("linear"), Some(0.1))
        );
    }

    #[test]
    fn stylegan_plans_thousands_of_images() {
        let options =
            br#"{"G_opt_kwargs": {"lr": 0.002}, "batch_size": 8, "total_kimg": 3000, "kimg_per_tick": 4}"#;
        assert_eq!(read("training_options.json", options).total_steps(), Some(3000));
    }

    #[test]
    fn epochs_in_two_parts_are_summed() {
        for (name, content) in [
            ("opt.txt", &b"------------ Options -------------\nbatchSize: 1\nniter: 100\nniter_decay: 50\nniter_fix_global: 0\n"[..]),
            ("train_opt.txt", b"                 n_epochs: 120                           \t[default: 100]\n           n_epochs_decay: 30   \n"),
        ] {
            assert!(is_sidecar(name), "{name}");
            assert_eq!(read(name, content).epochs(), Some(150.0), "{name}");
        }
        assert!(read("opt.txt", b"niter: 100\n").is_empty());
    }

    #[test]
    fn names_of_sidecars() {
        for name in [
            "training_options.json",
            "hparams.yaml",
            ".hydra/config.yaml",
            "args.json",
            "flags_0.json",
            "files/config.yaml",
            "README.md",
        ] {
            assert!(is_sidecar(name), "{name}");
        }
        for name in [
            "tokenizer_config.json",
            "trainer_state.json",
            "metrics.json",
            "log.txt",
            "generation_config.json",
        ] {
            assert!(!is_sidecar(name), "{name}");
        }
    }

    #[test]
    fn nonsense_states_nothing() {
        for name in ["a.json", "a.yaml", "a.toml", "README.md"] {
            assert!(read(name, b"\xff\xfe{{{ : :: - \n\t: x").is_empty(), "{name}");
        }
    }
}
