#!/usr/bin/env python3
"""Turns what the manifest of the real runs says in words into events with a step.

    realruns.py SHARED/realruns/MANIFEST.tsv > realruns.tsv
    losscast backtest --alerts SHARED/realruns --expect realruns.tsv
"""
import csv
import re
import sys

print("file\tevent_type\tbegin_step\tfirst_warnable_step")
for row in csv.DictReader(open(sys.argv[1]), delimiter="\t"):
    said, path, events = row["events"], row["path"].removesuffix(".snap"), []

    def add(event, pattern, sign=0):
        found = re.search(pattern, said)
        if found:
            events.append((event, int(found[1]), int(found[1]) + sign))

    add("attention_logit_growth", r"first > 10000 at step (\d+)")
    add("nan", r"train loss non-finite from step (\d+)")
    add("nan_eval", r"eval loss NaN from step (\d+)")
    add("stall", r"no step for \d+ s before step (\d+)")
    add("slow_stretch", r"slow stretch steps (\d+)")
    add("loss_spike_recovers", r"peak [\d.]+ at step (\d+)")
    if "non-finite" not in said:
        # The mean of 50 steps is above: the first of them may have come 49 steps earlier.
        add("diverge", r"0.3 above its minimum so far at step (\d+)", sign=-49)
    if "never resumed" in said:
        add("killed", r"after step (\d+)")
    if "resumed" in said and "never" not in said:
        add("resume", r"after step (\d+)")
    if "not a language model" in said or "live" in said:
        events.append(("unclear", -1, -1))
    for event, step, sign in events or [("none", -1, -1)]:
        print(f"{path}\t{event}\t{step}\t{sign}")
