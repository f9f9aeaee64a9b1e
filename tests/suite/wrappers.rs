//! What schedulers, launchers, loggers and terminals put around lines comes off, wherever it
//! is: every format is read through every wrapper as it is without.

use losscast::format::read_all;
use losscast::metric::{Names, Quantity};

/// Lines of each text format, some of each kind that it has.
#[rustfmt::skip]
const LOGS: &[(&str, &[&str])] = &[
    ("megatron", &[" [2025-09-05 16:09:51] iteration       10/    2000 | consumed samples: 1280 | elapsed time per iteration (ms): 10720.6 | learning rate: 2.9E-05 | global batch size: 128 | lm loss: 2.557783E+00 | loss scale: 1.0 | grad norm: 0.154 | number of skipped iterations:   0 | number of nan iterations:   0 |", " validation loss at iteration 10 | lm loss value: 8.123456E+00 | lm loss PPL: 3.37E+03 |", " [2025-09-05 16:10:51] iteration       20/    2000 | consumed samples: 2560 | elapsed time per iteration (ms): 10720.6 | learning rate: 2.9E-05 | global batch size: 128 | lm loss: 2.357783E+00 | loss scale: 1.0 | grad norm: 0.154 | number of skipped iterations:   0 | number of nan iterations:   0 |"]),
    ("torchtitan", &["[titan] 2026-05-18 16:04:46,338 - root - INFO - step: 14  loss:  3.24405  grad_norm:  0.8319  memory:  9.46GiB(64.99%)  tps: 7,282  tflops: 0.52  mfu: 0.17%", "[titan] 2026-05-18 16:05:46,338 - root - INFO - validate step: 14  loss:  3.1234  memory:  9.46GiB(64.99%)  tps: 7,282", "[titan] 2026-05-18 16:06:46,338 - root - INFO - step: 15  loss:  3.14405  grad_norm:  0.8319  memory:  9.46GiB(64.99%)  tps: 7,282  tflops: 0.52  mfu: 0.17%"]),
    ("nanogpt", &["step 0: train loss 10.9914, val loss 10.9897", "iter 0: loss 10.9886, time 43204.77ms, mfu -100.00%", "iter 10: loss 9.4251, time 425.11ms, mfu 38.12%"]),
    ("modded-nanogpt", &["step:0/6000 val_loss:10.8258 train_time:195ms step_avg:nanms", "step:1/6000 train_loss:10.0687 train_time:1796ms step_avg:nanms", "step:2/6000 train_loss:9.0687 train_time:1896ms step_avg:nanms"]),
    ("llm.c", &["step    1/19560 | loss 11.009500 (+nanz)| norm 1.2345 (+nanz)| lr 2.14e-04 | 230.12 ms | 45.6% bf16 MFU | 2278901 tok/s", "val loss 10.123456", "step    2/19560 | loss 10.909500 (+0.12z)| norm 1.2345 (-0.50z)| lr 2.14e-04 | 230.12 ms | 45.6% bf16 MFU | 2278901 tok/s"]),
    ("nanochat", &["Step 00000 | Validation bpb: 3.3013", "step 00001/21400 (0.00%) | loss: 10.808654 | lrm: 1.00 | dt: 639.21ms | tok/sec: 820,214 | mfu: 36.20 | total time: 0.00m", "step 00002/21400 (0.01%) | loss: 10.708654 | lrm: 1.00 | dt: 639.21ms | tok/sec: 820,214 | mfu: 36.20 | total time: 0.00m"]),
    ("nemo", &["Training epoch 0, iteration 28/99 | lr: 5.6e-06 | global_batch_size: 32 | global_step: 28 | reduced_train_loss: 2.778 | train_step_timing in s: 0.189 | consumed_samples: 928", "Training epoch 0, iteration 29/99 | lr: 5.6e-06 | global_batch_size: 32 | global_step: 29 | reduced_train_loss: 2.7 | train_step_timing in s: 0.189 | consumed_samples: 960 | val_loss: 2.861"]),
    ("huggingface", &["{'loss': 3.5039, 'grad_norm': 1.2, 'learning_rate': 7.4e-06, 'epoch': 0.01}", "{'loss': 3.4039, 'grad_norm': 1.2, 'learning_rate': 7.3e-06, 'epoch': 0.02}", "{'eval_loss': 2.5, 'eval_runtime': 12.3, 'eval_samples_per_second': 80.1, 'epoch': 0.02}"]),
    ("fairseq", &["epoch 001:    100 / 3000 loss=9.276, nll_loss=8.5, ppl=362.5, wps=100, ups=2, wpb=50, bsz=8, num_updates=100, lr=1.2e-05, gnorm=2.5, train_wall=50, wall=60", "epoch 001:    200 / 3000 loss=8.276, nll_loss=7.5, ppl=362.5, wps=100, ups=2, wpb=50, bsz=8, num_updates=200, lr=1.2e-05, gnorm=2.5, train_wall=50, wall=60"]),
    ("litgpt", &["Epoch 1 | iter 10 step 2 | loss train: 10.123, val: n/a | iter time: 112.20 ms (step) remaining time: 0:01:54", "Epoch 1 | iter 20 step 4 | loss train: 9.5, val: 1.726 | iter time: 112.20 ms (step) remaining time: 0:01:54"]),
    ("maxtext", &["completed step: 2, seconds: 10.228, TFLOP/s/device: 350.869, Tokens/s/device: 19222.175, total_weights: 1572864, loss: 12.980", "Completed eval after train step 2, loss=3.210, perplexity=24.779", "completed step: 3, seconds: 10.228, TFLOP/s/device: 350.869, Tokens/s/device: 19222.175, total_weights: 1572864, loss: 12.880"]),
    ("nanotron", &["iteration: 3 / 100 | consumed_tokens: 98.3K | time_per_iteration_ms: 1.5K | tokens_per_sec: 22.8K | global_batch_size: 64 | lm_loss: 10.5 | lr: 1e-05 | grad_norm: 1.25", "iteration: 4 / 100 | consumed_tokens: 131K | time_per_iteration_ms: 1.5K | tokens_per_sec: 22.8K | global_batch_size: 64 | lm_loss: 10.4 | lr: 1e-05 | grad_norm: 1.25"]),
    ("torchtune", &["Step 1 | loss:1.2345 lr:2e-05 tokens_per_second_per_gpu:1234.5 grad_norm:1.23 ", "Step 2 | loss:1.1345 lr:2e-05 tokens_per_second_per_gpu:1234.5 grad_norm:1.23 "]),
    ("lingua", &["step: 100  acc: 0  loss:  7.1234  grad: 1.20e+00  flops: 4.1e+14  wps: 5.1e+04  iter:  0.51  data:  0.01  lr: 3.00e-04  mem: 45%  pow: 650.0 W", "step: 110  acc: 0  loss:  7.0234  grad: 1.20e+00  flops: 4.1e+14  wps: 5.1e+04  iter:  0.51  data:  0.01  lr: 3.00e-04  mem: 45%  pow: 650.0 W"]),
    ("mlx-lm", &["Iter 25: Train loss 1.593, Learning Rate 7.000e-05, It/sec 0.5, Tokens/sec 100.1, Trained Tokens 9699, Peak mem 4.1 GB", "Iter 25: Val loss 1.7, Val took 3.1s", "Iter 50: Train loss 1.493, Learning Rate 7.000e-05, It/sec 0.5, Tokens/sec 100.1, Trained Tokens 19699, Peak mem 4.1 GB"]),
    ("paddlenlp", &["loss: 10.98, learning_rate: 1e-05, global_step: 10, interval_runtime: 3.2, progress_or_epoch: 0.01", "loss: 10.88, learning_rate: 1e-05, global_step: 20, interval_runtime: 3.2, progress_or_epoch: 0.02"]),
    ("deepspeed", &["steps: 100 loss: 2.3456 iter time (s): 1.234 samples/sec: 51.868", "steps: 110 loss: 2.2456 iter time (s): 1.234 samples/sec: 51.868"]),
    ("opennmt", &["Step 50/100000; acc: 7.4; ppl: 9000.1; xent: 9.1; lr: 0.00030; sents: 100;", "Step 100/100000; acc: 7.4; ppl: 9000.1; xent: 8.1; lr: 0.00030; sents: 100;"]),
    ("marian", &["Ep. 1 : Up. 1000 : Sen. 12,000 : Cost 8.10000 * 1,234 : Time 10.2s : 2000.1 words/s : L.r. 3.0e-04", "Ep. 1 : Up. 2000 : Sen. 24,000 : Cost 7.10000 * 1,234 : Time 10.2s : 2000.1 words/s : L.r. 3.0e-04"]),
    ("verl", &["step:12 - actor/pg_loss:-0.02 - actor/lr:1e-06 - actor/grad_norm:0.3 - critic/score/mean:0.52", "step:13 - actor/pg_loss:-0.01 - actor/lr:1e-06 - actor/grad_norm:0.3 - critic/score/mean:0.52"]),
    ("llama2.c", &["1 | loss 10.4 | lr 1.0e-04 | 100.0ms | mfu 10.00%", "2 | loss 10.3 | lr 1.0e-04 | 100.0ms | mfu 10.00%"]),
    ("minimind", &["Epoch:[1/2](10/100), loss: 8.5371, lr: 0.00050000, epoch_time: 130.0min", "Epoch:[2/2](10/100), loss: 7.5371, lr: 0.00040000, epoch_time: 130.0min"]),
    ("mmengine", &["10/30 22:18:02 - mmengine - INFO - Epoch(train) [1][200/735]  lr: 1.9870e-04  eta: 2:46:39  time: 2.8906  data_time: 0.0042  memory: 10762  loss: 2.7522  grad_norm: 3.0608", "10/30 22:19:02 - mmengine - INFO - Epoch(train) [1][250/735]  lr: 1.9870e-04  eta: 2:46:39  time: 2.8906  data_time: 0.0042  memory: 10762  loss: 2.6522  grad_norm: 3.0608"]),
    ("detectron2", &[" eta: 0:10:11  iter: 19  total_loss: 2.72  loss_cls: 1.1  time: 0.15  data_time: 0.01  lr: 1.9e-06  max_mem: 2000M", " eta: 0:10:11  iter: 39  total_loss: 2.62  loss_cls: 1.1  time: 0.15  data_time: 0.01  lr: 1.9e-06  max_mem: 2000M"]),
    ("timm", &["Train: 0 [  50/1251 (  4%)]  Loss: 6.95 (6.93)  Time: 0.351s,  364.67/s  (0.4s, 300/s)  LR: 1.000e-06  Data: 0.01 (0.02)", "Train: 1 [   0/1251 (  0%)]  Loss: 6.5 (6.5)  Time: 0.3s  LR: 1.0e-05"]),
    ("metric-logger", &["Epoch: [0/100]  [   0/1562]  eta: 3:32:02  loss: 10.77 (10.9)  lr: 0.1 (0.2)  time: 8.1  data: 4.4", "Epoch: [1/100]  [  10/1562]  eta: 3:32:02  loss: 9.5 (10.77)  lr: 0.1 (0.2)  time: 8.1  data: 4.4"]),
    ("espnet", &["1epoch:train:1-50batch: iter_time=0.1, loss_ctc=90.1, loss=85.3, grad_norm=3.1, optim0_lr0=1.2e-05, train_time=1.2", "1epoch:train:51-100batch: iter_time=0.1, loss_ctc=90.1, loss=84.3, grad_norm=3.1, optim0_lr0=1.2e-05, train_time=1.2"]),
    ("icefall", &["Epoch 1, batch 50, loss[loss=7.2, over 7000.00 frames. ], tot_loss[loss=7.6, over 90000.00 frames. ], batch size: 20, lr: 2.25e-02", "Epoch 1, batch 100, loss[loss=6.2, over 7000.00 frames. ], tot_loss[loss=7.6, over 90000.00 frames. ], batch size: 20, lr: 2.25e-02"]),
    ("pytorch-example", &["Train Epoch: 1 [0/60000 (0%)]\tLoss: 2.300039", "Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.213470", "Test set: Average loss: 0.2013, Accuracy: 9396/10000 (94%)"]),
    ("clu", &["I0315 20:56:21.411760 140544972699392 logging_writer.py:48] [100] global_step=100, grad_norm=10.3496, loss=11.6913", "I0315 20:57:21.411760 140544972699392 logging_writer.py:48] [200] global_step=200, grad_norm=10.3496, loss=10.6913"]),
    ("olmo", &["[step=1/1000,epoch=0]", "    optim/total_grad_norm=0.35", "    train/CrossEntropyLoss=2.345", "[step=2/1000,epoch=0]", "    optim/total_grad_norm=0.35", "    train/CrossEntropyLoss=2.245"]),
    ("composer", &["[batch=1/3200]:", "\t Train loss/train/total: 2.3456", "[batch=2/3200]:", "\t Train loss/train/total: 2.2456"]),
    ("key-value", &["step 10/4000 | loss 4.7298 | lr 1.650e-04 | grad_norm 1.429", "step 20/4000 | loss 4.6298 | lr 1.650e-04 | grad_norm 1.429", "step 30/4000 | loss 4.5298 | lr 1.650e-04 | val_loss 4.30923"]),
    ("key-value", &["Epoch [1/5], Step [100/600], Loss: 0.1747", "Epoch [1/5], Step [200/600], Loss: 0.1547", "Epoch [2/5], Step [100/600], Loss: 0.1347"]),
    ("mllog", &[":::MLLOG {\"namespace\": \"\", \"time_ms\": 1759906650694, \"event_type\": \"POINT_IN_TIME\", \"key\": \"train_loss\", \"value\": 8.16, \"metadata\": {\"step\": 31}}", ":::MLLOG {\"namespace\": \"\", \"time_ms\": 1759906660694, \"event_type\": \"POINT_IN_TIME\", \"key\": \"train_loss\", \"value\": 8.06, \"metadata\": {\"step\": 32}}"]),
];

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
