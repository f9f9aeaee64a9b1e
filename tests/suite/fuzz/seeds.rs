//! What the fuzzers start from: real logs, and small files made here where none may be
//! copied.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use losscast::format::{Sample, detect};
use losscast::metric::Names;
use losscast::pattern::LinePattern;

use super::mutate::{block_file, event_file};
use crate::common::shared;
use crate::lines::LOGS;

/// A file to start from.
pub struct Seed {
    pub path: PathBuf,
    pub content: Vec<u8>,
}

/// Bytes taken of each file: damage does its work at any size.
const MOST_BYTES: usize = 24 * 1024;
/// Files of each format.
const MOST_FILES: usize = 24;

/// Small files of formats that a plain clone has no log of.
const SMALL: &[(&str, &str)] = &[
    (
        "a.jsonl",
        "{\"step\": 7, \"loss\": 2.5, \"lr\": 1e-4, \"time\": 1700000000.5}\n{\"step\": 8, \"eval_loss\": NaN}\n{\"step\": 9, \"loss\": 2.4, \"grad\": {\"norm\": 0.5}}\n",
    ),
    (
        "b.csv",
        "step,loss,val_loss,lr\n1,2.0,,1e-3\n2,,\"1.9\",\n3,1.8,NA,1e-3\n",
    ),
    (
        "e.log",
        "\r 25%|##5       | 10/40 [00:01<00:03,  9.00it/s]{'loss': 3.5039, 'learning_rate': 7.4e-06, 'epoch': 0.01}\n\r 50%|##5       | 20/40 [00:01<00:03,  9.00it/s, loss=2.0]\n{'loss': 3.4, 'learning_rate': 7.4e-06, 'epoch': 0.02}\n{'eval_loss': 2.0, 'epoch': 0.02}\n",
    ),
    (
        "f.log",
        "Epoch 1/100\n 1/10 [==>...] - ETA: 0s - loss: 0.90\x08\x08\x0810/10 [=====] - 2s 210ms/step - loss: 0.52 - val_loss: 0.6\nEpoch 2/100\n10/10 [=====] - 2s 210ms/step - loss: 0.42 - val_loss: 0.5\n",
    ),
    (
        "l.log",
        "s:0 tel:11.0\ns:1 trl:10.9 lr:0.000300 norm:1.5\ns:2 trl:10.8 lr:0.000300 norm:1.5\n",
    ),
    (
        "train_log.txt",
        "NEW RUN 2024-01-01\n0 3.912023 50.0000 0.00060000 2024-01-01 10:00:00.1 0\n1 3.218876 25.0000 0.00059000 2024-01-01 11:00:00.1 1\n",
    ),
    (
        "o.json",
        "[{\"step\": 1, \"loss\": 3.0}, {\"step\": 2, \"loss\": NaN}, {\"step\": 3, \"train\": {\"lr\": 0.1}, \"loss\": 2.0}]",
    ),
    (
        "p.log",
        "\rEpoch 0:   0%|          | 0/4 [00:00<?, ?it/s]\rEpoch 0:  25%|##5       | 1/4 [00:00<00:01,  2.00it/s, v_num=0, train_loss=4.830]\rEpoch 0:  50%|#####     | 2/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.5]\rValidation DataLoader 0:  50%|#####     | 1/2 [00:00<00:00, 99.0it/s, val_loss=9.0]\rEpoch 0:  75%|###     | 3/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.2, val_loss=4.1]\rEpoch 0: 100%|###     | 4/4 [00:01<00:01,  2.00it/s, v_num=0, train_loss=4.0, val_loss=4.1]\n",
    ),
    (
        "q.log",
        "[2022-09-01 12:55:52 t] (main.py 213): INFO Train: [0/300][10/1251]\teta 1:22:16 lr 0.000001\ttime 3.9 (3.9)\tloss 7.0023 (7.1)\n[2022-09-01 12:55:52 t] (main.py 213): INFO Train: [0/300][20/1251]\teta 1:22:16 lr 0.000001\ttime 3.9 (3.9)\tloss 6.0023 (7.1)\n",
    ),
    (
        "r.log",
        " [60/90 09:26 < 04:43, 0.1 it/s, Epoch 1/2]\nStep\tTraining Loss\tValidation Loss\tWer\n10\t2.361331\tNo log\t0.5\n20\t1.537237\t1.518947\t0.4\nx\n",
    ),
    (
        "s.log",
        "========================= Step 1/100 =========================\n📊 Training Results:\n  • Loss: 2.5\n========================= Step 2/100 =========================\n📊 Training Results:\n  • Loss: 2.25\n",
    ),
    (
        "t.csv",
        "step,tag,value\n10,loss,2.5\n10,val_loss,2.75\n20,loss,2.25\n",
    ),
    (
        "u.jsonl",
        "{\"name\": \"loss\", \"value\": 2.5, \"step\": 10}\n{\"name\": \"loss\", \"value\": 2.25, \"step\": 20}\n{\"name\": \"lr\", \"value\": 0.1, \"step\": 10}\n",
    ),
    (
        "v.log",
        "      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n        1/2      6.37G      1.313      1.365      1.567         35        640: 39% ━━━ 60/154 2.1it/s\n        1/2      6.37G      1.248       1.08      1.509         30        640: 100% ━━━ 154/154 2.1it/s 1:14\n                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100% ━━━ 77/77 3.1it/s\n        2/2      6.37G      1.24       1.08      1.509         30        640: 100% ━━━ 154/154 2.1it/s 1:14\n",
    ),
    (
        "x.log",
        "E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  SCORE \n---  ------  ------------  --------  ------  ------\n  0       0          0.00    143.29    0.00    0.00\n  7     200         13.19    462.49   46.15    0.46\n 14     400          3.19    162.49   56.15    0.56\n",
    ),
    (
        "y.log",
        "INFO :      Starting Flower ServerApp, config: num_rounds=3, no round_timeout\nINFO :      initial parameters (loss, other metrics): 2.3, {'accuracy': 0.1}\nINFO :      fit progress: (1, 2.0, {'accuracy': 0.3}, 5.8)\nINFO :      fit progress: (2, 1.75, {}, 11.5)\n",
    ),
    (
        "nequip.log",
        "  Train      #    Epoch      wal       LR       loss_f         loss\n! Train               1    8.080    0.005         0.46        0.825\n! Validation          1    8.080    0.005        0.162        0.219\n! Train               2   12.748    0.005        0.119        0.135\n! Stop training: max epochs\n",
    ),
    (
        "mace.log",
        "2024-10-07 10:00:30.000 INFO: Epoch 0: head: pt_head, loss=0.2258, RMSE_E_per_atom=   24.74 meV, RMSE_F=  105.85 meV / A\n2024-10-07 10:00:31.000 INFO: Epoch 0: head: Default, loss=2.5004, RMSE_E_per_atom=   54.74 meV, RMSE_F=  405.85 meV / A\n2024-10-07 10:01:31.000 INFO: Epoch 1: head: Default, loss=2.3752, RMSE_E_per_atom=   54.74 meV, RMSE_F=  405.85 meV / A\n",
    ),
    (
        "z.log",
        "#> Starting...\n[Mar 29, 22:30:04] 1 5.457503729277139\n#>>>    8.01 7.00 \t\t|\t\t 0.49\n[Mar 29, 22:30:05] 2 5.45\n",
    ),
    (
        "w.log",
        "12297\n      0/ 200000: 3.3239\n  10000/ 200000: 2.0322\n  20000/ 200000: 2.5675\n  30000/ 200000: 2.5\n",
    ),
    (
        "history.log",
        "Training...\n{'loss': [2.5, 2.25, 2.0], 'val_loss': [3.5, 3.25, 3.0]}\ntrain losses: [2.5, 2.25, 2.0]\n",
    ),
    (
        "trainer_state.json",
        "{\"epoch\": 1.0, \"global_step\": 20, \"max_steps\": 100, \"log_history\": [{\"epoch\": 0.1, \"loss\": 3.5, \"learning_rate\": 1e-4, \"step\": 10}, {\"eval_loss\": 3.4, \"step\": 20}, {\"loss\": 3.3, \"step\": 20}]}\n",
    ),
    (
        "n.ipynb",
        "{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"max_steps = 60\\n\"], \"outputs\": [{\"output_type\": \"stream\", \"text\": [\"iter 0: loss 4.2, lr 1e-3\\n\"]}, {\"output_type\": \"display_data\", \"data\": {\"text/html\": [\"<table><tr><th>Step</th><th>Training Loss</th></tr>\", \"<tr><td>1</td><td>2.5</td></tr><tr><td>2</td><td>2.25</td></tr></table>\"], \"text/plain\": \"x\"}}]}], \"nbformat\": 4}\n",
    ),
    (
        "m.log",
        "it 1 of 100 | objective=3.5 eta=1e-3\nchecked: objective 3.4\nit 2 of 100 | objective=3.3 eta=1e-3\n",
    ),
];

/// Names with a format of the user's own.
pub fn names() -> Names {
    let pattern = LinePattern::new(
        "ours",
        &[
            r"it (?<step>\d+) of (?<total>\d+).*objective=(?<loss>\S+) eta=(?<lr>\S+)".to_owned(),
            r"checked: objective (?<eval_loss>\S+)".to_owned(),
        ],
    );
    let mut names = Names::default();
    names.patterns.push(Box::leak(Box::new(pattern.unwrap())));
    names
}

/// All seeds, by format.
pub fn all(names: &Names) -> BTreeMap<&'static str, Vec<Seed>> {
    let mut files: Vec<(PathBuf, Vec<u8>)> = SMALL
        .iter()
        .map(|(name, content)| (PathBuf::from(name), content.as_bytes().to_vec()))
        .collect();
    files.extend(LOGS.iter().map(|(format, lines)| {
        let content = lines.join("\n") + "\n";
        (PathBuf::from(format!("{format}.log")), content.into_bytes())
    }));
    files.push((PathBuf::from("events.out.tfevents.1.host"), events()));
    files.push((PathBuf::from("run-abc.wandb"), wandb()));
    files.push((PathBuf::from("backup.swanlab"), swanlab()));
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_logs")];
    folders.extend(
        shared()
            .into_iter()
            .flat_map(|root| [root.join("corpus"), root.join("realruns")]),
    );
    for folder in folders {
        for entry in walkdir::WalkDir::new(folder)
            .sort_by_file_name()
            .into_iter()
            .flatten()
        {
            let Ok(mut content) = std::fs::read(entry.path()) else {
                continue;
            };
            // A document is nothing when it is cut.
            let document = content.starts_with(b"{")
                && content.trim_ascii_end().ends_with(b"}")
                && content.len() < 1 << 18;
            if !document {
                content.truncate(MOST_BYTES);
            }
            files.push((entry.into_path(), content));
        }
    }
    let mut seeds: BTreeMap<&'static str, Vec<Seed>> = BTreeMap::new();
    for (path, content) in files {
        if let Some((format, _)) = detect(&Sample::whole(&content), names) {
            let known = seeds.entry(format.name()).or_default();
            if known.len() < MOST_FILES {
                known.push(Seed { path, content });
            }
        }
    }
    seeds
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number > 127 {
        out.push(number as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

fn field(number: u64, data: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(data.len() as u64), data.to_vec()].concat()
}

/// An event file with both encodings of a scalar.
fn events() -> Vec<u8> {
    let time = [&[0x09][..], &1.7e9f64.to_le_bytes()].concat();
    let mut records = vec![[time.clone(), field(3, b"brain.Event:2")].concat()];
    for step in 0..20u64 {
        let loss = 3.0f32 - step as f32 * 0.01;
        let simple = [field(1, b"train/loss"), vec![0x15], loss.to_le_bytes().to_vec()].concat();
        let tensor = [vec![0x08, 0x01], field(5, &loss.to_le_bytes())].concat();
        let plugin = field(9, &field(1, &field(1, b"scalars")));
        let value = [field(1, b"val/loss"), plugin, field(8, &tensor)].concat();
        for value in [simple, value] {
            let summary = field(5, &field(1, &value));
            records.push([time.clone(), vec![0x10], varint(step), summary].concat());
        }
    }
    event_file(&records)
}

/// A transaction log with history and summary records.
fn wandb() -> Vec<u8> {
    let mut records = Vec::new();
    for step in 0..20 {
        let items = [
            ("loss", format!("{}", 3.0 - 0.01 * f64::from(step))),
            ("_step", step.to_string()),
            ("_timestamp", "1.7e9".to_owned()),
        ];
        let body: Vec<u8> = items
            .iter()
            .flat_map(|(name, value)| {
                field(
                    1,
                    &[
                        field(2, name.as_bytes()),
                        varint(16 << 3 | 2),
                        varint(value.len() as u64),
                        value.clone().into_bytes(),
                    ]
                    .concat(),
                )
            })
            .collect();
        records.push(field(2, &body));
        records.push(field(3, &body));
    }
    block_file(b":W&B\xe1\xbe\x00", &records)
}

/// A backup of SwanLab: a scalar in each record.
fn swanlab() -> Vec<u8> {
    let records = (0..40u64).map(|index| {
        let value = [&[0x09][..], &(3.0 - 0.01 * index as f64).to_le_bytes()].concat();
        let name = if index % 2 == 0 { "loss" } else { "val/loss" };
        let step = [vec![0x10], varint(index / 2)].concat();
        let time = field(4, &[vec![0x08], varint(1_700_000_000 + index)].concat());
        field(
            13,
            &[field(1, name.as_bytes()), step, time, field(5, &value)].concat(),
        )
    });
    block_file(b":SWL\xd6\xe1\x02", &records.collect::<Vec<_>>())
}
