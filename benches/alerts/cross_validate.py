#!/usr/bin/env python3
"""Cross-validation by family: thresholds chosen without a family, judged on it.

    cross_validate.py LOSSCAST LOGS MANIFEST.tsv [--depth N]

LOGS is a folder of logs and MANIFEST.tsv what label.py says of them. A family is made of the runs
that share a workload: the folder that holds `trial_N`, without its framework; else the first
folder. For each family the thresholds are chosen on the others: of those with at most 0.5
false warnings and 0.05 false criticals per 10,000 points of healthy runs, the ones with the highest
recall of spikes and divergence. The table also shows the defaults on every family.
"""
import collections
import itertools
import json
import subprocess
import sys
import tempfile

GRID = {
    "loss_spike_rise": [0.05, 0.1, 0.2],
    "loss_spike_sure_rise": [0.3, 0.5, 0.8],
    "divergence_rise": [0.1, 0.2],
}
DEFAULT = (0.1, 0.5, 0.2)


def family(run):
    parts = run.split("/")
    for index, part in enumerate(parts):
        if part.startswith("trial_") and index > 0:
            return parts[index - 1].replace("_jax", "").replace("_pytorch", "")
    return parts[0]


def score(losscast, logs, manifest, values):
    """Per family: events, detected, points of healthy runs, false warnings and criticals there."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write("[alerts.thresholds]\n")
        config.writelines(f"{name} = {value}\n" for name, value in zip(GRID, values))
        config.flush()
        command = [losscast, "backtest", "--alerts", logs, "--expect", manifest, "--format", "json"]
        said = subprocess.run(command + ["--config", config.name], capture_output=True, check=True).stdout
    healthy = set()
    for line in open(manifest):
        cells = line.split("\t")
        if cells[1] == "none":
            healthy.add(cells[0])
    sums = collections.defaultdict(lambda: [0] * 5)
    for run in json.loads(said)["runs"]:
        sum_ = sums[family(run["id"])]
        for event in run["expected"]:
            sum_[0] += 1
            sum_[1] += event["detected"]
        if run["id"] in healthy:
            sum_[2] += run["points"]
            false = [alert["severity"] for alert in run["alerts"] if alert["false"]]
            sum_[3] += false.count("warning")
            sum_[4] += false.count("critical")
    return sums


def add(sums):
    return [sum(values) for values in zip(*sums)] if sums else [0] * 5


def rates(total):
    events, detected, points, warnings, criticals = total
    rate = lambda count: count * 1e4 / points if points else 0.0
    return (detected / events if events else float("nan")), rate(warnings), rate(criticals)


def main():
    losscast, logs, manifest = sys.argv[1:4]
    scores = {values: score(losscast, logs, manifest, values) for values in itertools.product(*GRID.values())}
    families = sorted({name for sums in scores.values() for name in sums})
    print(f"{'left out':34} {'chosen':16} {'events':>6} {'recall':>7} {'healthy points':>14} {'warnings/10k':>12}"
          f" {'criticals/10k':>13}   defaults: recall, warnings/10k")
    held_out, by_default = [], []
    for name in families:
        def elsewhere(values):
            recall, warnings, criticals = rates(add([s for f, s in scores[values].items() if f != name]))
            fits = warnings <= 0.5 and criticals <= 0.05
            return (fits, recall if fits else -warnings, -warnings)

        best = max(scores, key=elsewhere)
        here, default = scores[best][name], scores[DEFAULT][name]
        held_out.append(here)
        by_default.append(default)
        recall, warnings, criticals = rates(here)
        plain = rates(default)
        print(f"{name[:34]:34} {'/'.join(map(str, best)):16} {here[0]:6} {recall:7.2f} {here[2]:14}"
              f" {warnings:12.2f} {criticals:13.2f}   {plain[0]:7.2f} {plain[1]:7.2f}")
    for title, sums in (("all, each left out in turn", held_out), ("all, with the defaults", by_default)):
        total = add(sums)
        recall, warnings, criticals = rates(total)
        print(f"{title:34} {'':16} {total[0]:6} {recall:7.2f} {total[2]:14} {warnings:12.2f} {criticals:13.2f}")


main()
