"""Logs the same made-up run through several real clients at once, and to JSON lines.

usage: write.py FOLDER FIRST_STEP LAST_STEP SECONDS_PER_STEP ATTEMPT

Each client logs into a folder of its own below FOLDER. A second call with a FIRST_STEP
that was logged already resumes every one of them, as a trainer does from a checkpoint.
Clients that are not installed are left out; the ones in use are printed.
"""

import json
import math
import os
import random
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
first, last = int(sys.argv[2]), int(sys.argv[3])
pause = float(sys.argv[4])
attempt = int(sys.argv[5])
os.environ.update(
    WANDB_MODE="offline",
    WANDB_SILENT="true",
    MLFLOW_ALLOW_FILE_STORE="true",
    MLFLOW_DISABLE_TELEMETRY="true",
    TRACKIO_DIR=str(folder / "of_trackio"),
    GIT_PYTHON_REFRESH="quiet",
)
CONFIG = {"max_steps": last + 1, "peak_lr": 0.003}


def values(step):
    noise = random.Random(step * 31 + attempt).gauss(0, 0.05)
    row = {
        "train/loss": 2.5 + 6 / (1 + step / 5) ** 0.4 + noise,
        "train/lr": 0.003 * min(1, (step + 1) / 20),
        "train/grad_norm": 0.4 + abs(noise),
    }
    if step % 10 == 9:
        row["val/loss"] = 2.6 + 6 / (1 + step / 5) ** 0.4
    if step == 23:
        row["train/grad_norm"] = math.inf
    if step == 37:
        row["train/loss"] = math.nan
    return row


def json_lines():
    (folder / "jsonl").mkdir(parents=True, exist_ok=True)
    out = open(folder / "jsonl/metrics.jsonl", "a", buffering=1)
    return lambda step, row: out.write(json.dumps({"step": step, **row}) + "\n"), out.close


def tensorboard():
    # The writer of the `tensorboard` package itself; PyTorch's SummaryWriter is a shell around it.
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder / "of_tensorboard/tb"), flush_secs=120)

    def log(step, row):
        for name, value in row.items():
            summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
            writer.add_event(Event(step=step, wall_time=time.time(), summary=summary))
        writer.flush()

    return log, writer.close


def tensorboard_x():
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(str(folder / "of_tensorboardX/tbx"))

    def log(step, row):
        for name, value in row.items():
            writer.add_scalar(name, value, step)

    return log, writer.close


def wandb():
    import wandb

    (folder / "of_wandb").mkdir(parents=True, exist_ok=True)
    run = wandb.init(
        project="losscast", dir=str(folder / "of_wandb"), id="losscast", resume="allow", config=CONFIG
    )
    return lambda step, row: run.log(row, step=step), run.finish


def mlflow_store(uri):
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("losscast")
    experiment = experiment.experiment_id if experiment else client.create_experiment("losscast")
    runs = client.search_runs([experiment])
    if runs:
        run = runs[0].info.run_id
    else:
        run = client.create_run(experiment, run_name="losscast").info.run_id
        for name, value in CONFIG.items():
            client.log_param(run, name, value)

    def log(step, row):
        now = int(time.time() * 1000)
        client.log_batch(run, [Metric(name, value, now, step) for name, value in row.items()])

    return log, lambda: client.set_terminated(run)


def mlflow_file():
    (folder / "of_mlflow_file").mkdir(parents=True, exist_ok=True)
    return mlflow_store(f"file://{folder}/of_mlflow_file/mlruns")


def mlflow_sqlite():
    (folder / "of_mlflow_sqlite").mkdir(parents=True, exist_ok=True)
    return mlflow_store(f"sqlite:///{folder}/of_mlflow_sqlite/mlflow.db")


def trackio():
    import trackio

    run = trackio.init(project="losscast", name="losscast", resume="allow", config=CONFIG, embed=False)
    return lambda step, row: run.log(row, step=step), trackio.finish


clients = {}
# JSON lines last: what is there has been given to all the others.
for start in [tensorboard, tensorboard_x, wandb, mlflow_file, mlflow_sqlite, trackio, json_lines]:
    try:
        clients[start.__name__] = start()
    except ImportError as error:
        print(f"left out {start.__name__}: {error}", file=sys.stderr)
print("clients", *clients, flush=True)
for step in range(first, last + 1):
    row = values(step)
    for log, _ in clients.values():
        log(step, row)
    time.sleep(pause)
for _, finish in clients.values():
    finish()
print("finished", flush=True)
