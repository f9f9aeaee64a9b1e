#!/usr/bin/env python3
"""Stalls in real logs with times: pauses put into them, and the pauses they have.

    stalls.py LOSSCAST SHARED/realruns/jsonl WORK_FOLDER

Every log is written again with its clock 1, 30 and 300 times slower (steps of 0.02 to 30 seconds),
as it is and with one pause in the middle of 12 to 400 times its usual interval between records (and at least
five and a half minutes, below which a live watcher waits, and at most sixty), and scored by `backtest --alerts`: recall by length, and false stalls of the untouched ones.
"""
import collections
import json
import random
import subprocess
import sys
from pathlib import Path

TIMES = ("time", "_timestamp", "timestamp", "wall_time", "ts")
STEPS = ("_step", "global_step", "step", "iter")


def main():
    losscast, source, work = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    chance = random.Random(5)
    manifest = ["file\tevent_type\tbegin_step"]
    lengths = {}
    for path in sorted(source.glob("*/*.jsonl")):
        rows = []
        for line in path.read_text().splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
        clock = next((name for name in TIMES if any(name in row for row in rows)), None)
        step = next((name for name in STEPS if any(name in row for row in rows)), None)
        steps = [row.get(step) for row in rows]
        if clock is None or step is None or any(a and b and b < a for a, b in zip(steps, steps[1:])):
            continue
        times = [row[clock] for row in rows if clock in row]
        scale = 1e-3 if times[0] > 1e11 else 1.0
        gaps = sorted(b - a for a, b in zip(times, times[1:]))
        usual = gaps[len(gaps) // 2] * scale
        if path.parent.name == "stall":
            continue  # It has a pause of its own.
        for slower in (1, 30, 300):
            for share in (None, 12, 30, 100, 400):
                pause = 0.0 if share is None else min(3600.0, max(330.0, share * usual * slower))
                if share is not None and pause < 10 * usual * slower:
                    continue
                at = chance.randrange(len(rows) * 3 // 10, len(rows) * 7 // 10)
                name = f"{path.parent.name}-{slower}-{share or 0}.jsonl"
                with open(work / name, "w") as out:
                    for index, row in enumerate(rows):
                        row = dict(row)
                        if clock in row:
                            begun = times[0]
                            row[clock] = begun + (row[clock] - begun) * slower + (pause / scale if index >= at else 0.0)
                        out.write(json.dumps(row) + "\n")
                if share is None:
                    manifest.append(f"{name}\tnone\t-1")
                else:
                    manifest.append(f"{name}\tstall\t{rows[at][step]}")
                    lengths[name] = f"{pause / (usual * slower):.0f}"
    expect = work / "MANIFEST.tsv"
    expect.write_text("\n".join(manifest) + "\n")
    command = [losscast, "backtest", "--alerts", work, "--expect", expect, "--format", "json"]
    runs = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["runs"]
    found = collections.defaultdict(lambda: [0, 0])
    healthy = points = false = 0
    for run in runs:
        stalls = [alert for alert in run["alerts"] if alert["kind"] == "stall"]
        for event in run["expected"]:
            times = float(lengths[run["id"]])
            band = next(label for least, label in ((1000, "1000+"), (200, "200-1000"), (30, "30-200"), (0, "10-30"))
                        if times >= least)
            found[band][0] += 1
            found[band][1] += event["detected"]
        if not run["expected"]:
            healthy += 1
            points += run["points"]
            false += len(stalls)
    for band, (events, detected) in sorted(found.items()):
        print(f"pause of {band:9} intervals: {detected} of {events} found ({detected / events:.2f})")
    events, detected = (sum(values) for values in zip(*found.values()))
    print(f"all: {detected} of {events} ({detected / events:.2f}); {healthy} untouched logs, {points} points: {false} false stalls")


main()
