//! Lines of trainers of which no whole log is at hand, as their sources print them: each
//! must be read as the format it is, at the right step, with the right loss.

use losscast::format::read_all;
use losscast::metric::{Names, Quantity};

struct Variant {
    format: &'static str,
    lines: &'static str,
    /// Last train loss: step and value.
    train: Option<(u64, f64)>,
    /// Last evaluation loss: step and value.
    eval: Option<(u64, f64)>,
}

const fn variant(
    format: &'static str,
    lines: &'static str,
    train: Option<(u64, f64)>,
    eval: Option<(u64, f64)>,
) -> Variant {
    Variant {
        format,
        lines,
        train,
        eval,
    }
}

#[rustfmt::skip]
const VARIANTS: &[Variant] = &[
    // Megatron of 2020, without colons.
    variant("megatron", " iteration      400/    3000 | elapsed time per iteration (ms): 12879.0 | learning rate 6.300E-06 | lm loss 6.758929E+00 | loss scale 64.0 |\n", Some((400, 6.758929)), None),
    // GPT-NeoX: a cell before the iteration, and its own name of the loss.
    variant("megatron", " samples/sec: 2.345 | iteration     100/  320000 | elapsed time per iteration (ms): 1.0 | learning rate: 1.0E-05 | approx flops per GPU: 3.4TFLOPS | lm_loss: 6.100000E+00 | loss scale: 4096.0 | number of skipped iterations: 0 | number of nan iterations: 0 |\n", Some((100, 6.1)), None),
    // Megatron Bridge: auxiliary losses beside the objective.
    variant("megatron", " [2025-09-05 16:09:51.123456] iteration       10/    2000 | consumed samples: 1280 | learning rate: 2.9E-05 | global batch size: 128 | lm loss: 2.557783E+00 | z_loss: 1.0E-03 | mtp_1 loss: 3.1E+00 | load_balancing_loss: 1.01 | loss scale: 1.0 | grad norm: 0.154 | number of skipped iterations:   0 | number of nan iterations:   0 |\n validation loss at iteration 10 on validation set | lm loss value: 8.123456E+00 | lm loss PPL: 3.37E+03 |\n", Some((10, 2.557783)), Some((10, 8.123456))),
    // torchtitan with a colour between any two fields.
    variant("torchtitan", "[rank0]:[titan] 2025-01-01 10:00:00,000 - root - INFO - \x1b[31mstep:  1  \x1b[32mloss: 12.2547  \x1b[38;2;180;60;0mgrad_norm:  1.7\x1b[39m  \x1b[33mmemory:  9.46GiB(64.99%)  \x1b[34mtps: 7,282  \x1b[36mtflops: 0.52  \x1b[35mmfu: N/A\x1b[39m\n", Some((1, 12.2547)), None),
    // Ray and SkyPilot labels.
    variant("torchtitan", "(head, rank=0, pid=1234) [titan] 2025-01-01 10:00:00,000 - root - INFO - step: 10  loss:  4.5000  memory:  9.46GiB(64.99%)  tps: 7,282\n", Some((10, 4.5)), None),
    // nanoGPT's forks put fields in the middle.
    variant("nanogpt", "iter 10: loss 4.2600, ppl 71.0, time 425.11ms, mfu 38.12%\nstep 250: train loss 3.9000, val loss 3.8000\n", Some((10, 4.26)), Some((250, 3.8))),
    // autoresearch: a whole run in one line, redrawn.
    variant("nanochat", "\rstep 00122 (4.1%) | loss: 5.200000 | lrm: 1.00 | dt: 210ms | tok/sec: 1,000 | mfu: 30.1% | epoch: 0 | remaining: 288s    \rstep 00123 (4.1%) | loss: 5.100000 | lrm: 1.00 | dt: 210ms | tok/sec: 1,000 | mfu: 30.1% | epoch: 0 | remaining: 287s    \n", Some((123, 5.1)), None),
    // llm.c's Python twin, and its older console.
    variant("llm.c", "s:0 tel:11.009500\ns:11 trl:9.350030\n", Some((11, 9.35003)), Some((0, 11.0095))),
    // minimind of 2024.
    variant("minimind", "Epoch:[1/2](0/1000) loss:8.900 lr:0.0002000 epoch_Time:200.0min:\nEpoch:[2/2](100/1000) loss:7.900 lr:0.0001900 epoch_Time:199.0min:\n", Some((1100, 7.9)), None),
    // An older one, which counts its epochs from 0.
    variant("minimind", "Epoch:[0/3](100/1000) loss:8.900 lr:0.0000100 epoch_Time:87.0min:\nEpoch:[1/3](100/1000) loss:7.900 lr:0.0000090 epoch_Time:86.0min:\n", Some((1100, 7.9)), None),
    // OLMo-core.
    variant("olmo", "2025-01-01 10:00:00.000\thost:0\tolmo_core.train.callbacks.console_logger:45\tINFO\t[step=100/10000,epoch=1,eta=1h]\n    optim/LR (group 0)=0.0003\n    optim/total grad norm=0.45\n    train/CE loss=3.21\n    train/PPL=24.8\n", Some((100, 3.21)), None),
    // Composer of several epochs.
    variant("composer", "[epoch=1][batch=10/100]:\n\t Train loss/train/total: 2.3456\n\t Train metrics/train/LanguageCrossEntropy: 2.3450\n[Eval batch=10/10] Eval on eval data:\n\t Eval metrics/eval/LanguageCrossEntropy: 2.5000\n", Some((10, 2.3456)), Some((10, 2.5))),
    // MaxText before lm_loss, and its older evaluation.
    variant("maxtext", "completed step: 2, seconds: 10.228, TFLOP/s/device: 350.869, Tokens/s/device: 19222.175, total_weights: 1572864, loss: 12.980\neval metrics after step: 99, loss=3.210, total_weights=1572864.0\n", Some((2, 12.98)), Some((99, 3.21))),
    variant("maxtext", "completed step: 2, seconds: 10.228, TFLOP/s/device: 350.869, loss: 12.980\ncompleted step: 3, seconds: 10.228, TFLOP/s/device: 350.869, loss: 12.800\n", Some((3, 12.8)), None),
    // LitGPT of 2023.
    variant("litgpt", "iter 4810 step 601: loss 0.2745, iter time: 131.68 ms (optimizer.step)\niter 4820 step 602: loss 0.2700, iter time: 131.68 ms (optimizer.step)\n", Some((602, 0.27)), None),
    // nanotron of 2025.
    variant("nanotron", "10/17/2025 16:31:56 [INFO|DP=0|PP=0|TP=0|ip-1]: iteration: 3 / 100 | consumed_tokens: 98.3K | time_per_iteration_ms: 1.5K | tokens_per_sec: 22.8K | global_batch_size: 64 | lm_loss: 10.5 | lr: 1e-05 | eta: 1:00:00 | grad_norm: 1.25\n", Some((3, 10.5)), None),
    // Levanter's JSON logger.
    variant("jsonl", "{\"tracker\":\"json_logger\",\"event\":\"log\",\"step\":100,\"metrics\":{\"train/loss\":3.2,\"optim/learning_rate\":0.001}}\n{\"tracker\":\"json_logger\",\"event\":\"log\",\"step\":100,\"metrics\":{\"eval/loss\":3.4}}\n", Some((100, 3.2)), Some((100, 3.4))),
    // Lingua's metrics file.
    variant("jsonl", "{\"global_step\": 10, \"acc_step\": 0, \"speed/wps\": 1000.0, \"optim/grad_norm\": 1.2, \"optim/lr\": 0.0003, \"optim/total_tokens\": 1048576, \"loss/out\": 7.1, \"created_at\": \"2025-01-01T00:00:00+00:00\"}\n", Some((10, 7.1)), None),
    // LLaMA-Factory of 2024.
    variant("jsonl", "{\"current_steps\": 5, \"total_steps\": 2178, \"loss\": 2.3475, \"lr\": 1.83e-06, \"epoch\": 0.0023, \"percentage\": 0.23, \"elapsed_time\": \"0:32:48\", \"remaining_time\": \"9 days, 21:39:23\", \"throughput\": 100.1}\n{\"current_steps\": 10, \"total_steps\": 2178, \"eval_loss\": 2.1, \"epoch\": 0.0046}\n", Some((5, 2.3475)), Some((10, 2.1))),
    // mm 0.x: validation counts its own batches.
    variant("jsonl", "{\"env_info\": \"x\"}\n{\"mode\": \"train\", \"epoch\": 1, \"iter\": 50, \"lr\": 0.01, \"data_time\": 0.2, \"loss\": 1.5, \"time\": 0.6}\n{\"mode\": \"val\", \"epoch\": 1, \"iter\": 10, \"lr\": 0.01, \"loss\": 1.7}\n", Some((50, 1.5)), Some((50, 1.7))),
    // W&B's old history and DeepSpeed's CSV monitor.
    variant("jsonl", "{\"train/loss\": 3.5, \"_runtime\": 4.9, \"_timestamp\": 1582070918.2, \"_step\": 0}\n{\"train/loss\": 3.4, \"_runtime\": 5.9, \"_timestamp\": 1582070919.2, \"_step\": 10}\n", Some((10, 3.4)), None),
    variant("csv", "step,Train/Samples/train_loss\n8,3.5\n16,3.25\n", Some((16, 3.25)), None),
    // YOLOv5: padded names, no time.
    variant("csv", "               epoch,      train/box_loss,      train/obj_loss,   metrics/precision,        val/box_loss,               x/lr0\n                   0,             0.11217,            0.025911,             0.00123,             0.10512,              0.0032\n                   1,             0.10217,            0.025911,             0.00123,             0.09512,              0.0065\n", Some((1, 0.10217)), Some((1, 0.09512))),
    // timm's summary and fastai's history.
    variant("csv", "epoch,train_loss,lr,eval_loss,eval_top1\n0,6.95,0.001,6.9,0.1\n1,6.5,0.001,6.4,0.5\n", Some((1, 6.5)), Some((1, 6.4))),
    variant("csv", "epoch,train_loss,valid_loss,accuracy,time\n0,0.9,0.8,0.7,00:12\n1,0.7,0.6,0.8,00:12\n", Some((1, 0.7)), Some((1, 0.6))),
    // Lightning with two optimisers, older order of columns.
    variant("csv", "lr-AdamW/pg1,step,train_loss_step,epoch,train_loss_epoch,val_loss\n0.001,49,,,,\n,49,3.5,0,,\n,99,,0,3.4,3.3\n", Some((49, 3.5)), Some((99, 3.3))),
    // RLlib.
    variant("jsonl", "{\"training_iteration\": 1, \"num_env_steps_sampled_lifetime\": 4000, \"time_total_s\": 10.1, \"info\": {\"learner\": {\"default_policy\": {\"total_loss\": 8.5, \"policy_loss\": -0.02}}}}\n", Some((1, 8.5)), None),
    // Hugging Face behind Axolotl's prefix; the summary is no point.
    variant("huggingface", "[2025-01-01 10:00:00,000] [INFO] [axolotl.train] Starting trainer...\n{'loss': 1.2145, 'grad_norm': 0.55, 'learning_rate': 2e-05, 'epoch': 0.1, 'memory/max_mem_active(gib)': 12.1}\n{'loss': 1.1, 'grad_norm': 0.5, 'learning_rate': 2e-05, 'epoch': 0.2}\n{'train_runtime': 100.0, 'train_loss': 1.15, 'epoch': 0.2}\n", Some((2, 1.1)), None),
    // NeMo 1 and others on a bar; kohya; diffusers.
    variant("progress-bar", "Epoch 0: :  10%|█         | 10/100 [00:10<01:30, v_num=1, reduced_train_loss=10.90, global_step=9.000, 1.00it/s]\rsteps:   0%|          | 1/1600 [00:02<1:00:00,  2.25s/it, avr_loss=0.0931]\rsteps:   0%|          | 2/1600 [00:04<1:00:00,  2.25s/it, avr_loss=0.0911]\rsteps:   0%|          | 3/1600 [00:06<1:00:00,  2.25s/it, avr_loss=0.0901]\rsteps:   0%|          | 4/1600 [00:08<1:00:00,  2.25s/it, avr_loss=0.0900]\n", Some((3, 0.0901)), None),
    // accelerate's examples, and a script's own words.
    variant("key-value", "Epoch 0 step 10: train_loss: 3.1, lr: 0.001\nEpoch 0 step 20: train_loss: 3.0, lr: 0.001\nEpoch 0 step 30: train_loss: 2.9, lr: 0.001, val_loss=2.8\n", Some((30, 2.9)), Some((30, 2.8))),
    variant("key-value", "{\"not json: step=1 loss=2.0\nstep=1 loss=2.0 lr=1e-3\nstep=2 loss=1.9 lr=1e-3\nstep=3 loss=1.8 lr=1e-3\n", Some((3, 1.8)), None),
    // YOLOX and MindSpore.
    variant("key-value", "2021-09-03 20:17:51.976 | INFO     | yolox.core.trainer:after_iter:246 - epoch: 1/300, iter: 10/47, mem: 1491Mb, iter_time: 0.487s, data_time: 0.002s, total_loss: 10.7, iou_loss: 1.9, lr: 7.073e-06, size: 640, ETA: 1:54:27\n2021-09-03 20:17:53.882 | INFO     | yolox.core.trainer:after_iter:246 - epoch: 1/300, iter: 20/47, mem: 1491Mb, iter_time: 0.191s, data_time: 0.000s, total_loss: 10.0, iou_loss: 2.4, lr: 2.829e-05, size: 480, ETA: 1:19:32\n2021-09-03 20:17:56.428 | INFO     | yolox.core.trainer:after_iter:246 - epoch: 2/300, iter: 10/47, mem: 1491Mb, iter_time: 0.252s, data_time: 0.002s, total_loss: 4.0, iou_loss: 1.5, lr: 6.366e-05, size: 576, ETA: 1:12:39\n", Some((57, 4.0)), None),
    variant("key-value", "epoch: 1 step: 625, loss is 0.35\nepoch: 1 step: 1250, loss is 0.25\nepoch: 2 step: 625, loss is 0.15\n", Some((1875, 0.15)), None),
    // NVIDIA's DLLogger.
    variant("key-value", "DLL 2022-04-05 10:00:00.000000 - Training Epoch: 1 Training Iteration: 2872  step_loss : 0.69 learning_rate : 1e-05\nDLL 2022-04-05 10:00:01.000000 - Training Epoch: 1 Training Iteration: 2873  step_loss : 0.68 learning_rate : 1e-05\nDLL 2022-04-05 10:00:02.000000 - Training Epoch: 1 Training Iteration: 2874  step_loss : 0.67 learning_rate : 1e-05\n", Some((2874, 0.67)), None),
    // A table of W&B with two runs: the first of them, never both mixed.
    variant("csv", "\"Step\",\"a - train/loss\",\"a - train/loss__MIN\",\"a - train/loss__MAX\"\n\"1\",\"3.5\",\"3.5\",\"3.5\"\n\"2\",\"3.25\",\"3.2\",\"3.3\"\n", Some((2, 3.25)), None),
];

#[test]
fn variants_are_read_as_what_they_are() {
    let mut wrong = Vec::new();
    for variant in VARIANTS {
        let start: String = variant.lines.chars().take(70).collect();
        let whole = match read_all(variant.lines.as_bytes(), &Names::default()) {
            Ok(whole) => whole,
            Err(reason) => {
                wrong.push(format!("{start:?}: {reason}"));
                continue;
            }
        };
        let last = |quantity| whole.decoded.records.points(quantity).last();
        let found = (whole.format, last(Quantity::TrainLoss), last(Quantity::EvalLoss));
        let expected = (variant.format, variant.train, variant.eval);
        if found != expected {
            wrong.push(format!("{start:?}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} misread:\n{}", wrong.len(), wrong.join("\n"));
}
