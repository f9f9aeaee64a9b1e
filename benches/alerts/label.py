#!/usr/bin/env python3
"""Labels events in finished logs, knowing their end, and writes a MANIFEST.tsv.

    label.py FOLDER > FOLDER/MANIFEST.tsv      (CSV files: step or global_step, and loss)

The rule knows nothing of losscast's detectors and sees the whole run, before and after each
point, where a detector sees only what came before. All in logarithms of the loss:

* base of a point: the higher of the median of the 25 points before it and the lowest median of
  10 in a row among the 300 after it, the 3 nearest on either side left out. A loss that falls,
  fast or slowly, stays below its base; what the run comes back from lies above;
* noise: 1.4826 times the median absolute distance from a two-sided median of 21;
* limit: log 1.2, or 8 noises, or log 1.2 above what a tenth of all points exceed, whichever is most;
* spike: two points in a row above the limit, or one also above log 1.5; it begins at the
  first point of the excursion above half of that, and ends with the last. `loss_spike_recovers`
  when a median of 10 within the rest of the run is within 10% of the one before, `loss_spike_stays`
  when none is. A single point in a log of every step is a batch, not a spike: `unclear`;
* divergence: without a spike at its beginning, the median of the next 20 points is 20% above the
  best median of 20 before, and stays there for 100 points: `diverge`, or `diverge_recovers` when the
  run comes back to within 5% of the best;
* planned_restart: what looks like a spike reaches the first loss of the run again, within 5%;
* unclear_rise: any other excursion above log 1.2 and 4 noises, and all within the first 100 points:
  neither asked for nor held against a detector;
* nan: the first loss that is no finite number;
* none: nothing of all that, and the last level within 5% of the best;
* unclear: no claim either way.

Only numpy is needed.
"""
import csv
import sys
from pathlib import Path

import numpy as np

FIRST = 100


def read(path):
    steps, losses = [], []
    with open(path, newline="", errors="replace") as file:
        reader = csv.DictReader(file)
        step = next((name for name in ("global_step", "step") if name in (reader.fieldnames or [])), None)
        if step is None or "loss" not in reader.fieldnames:
            return None
        for row in reader:
            try:
                if row["loss"] in ("", None):
                    continue
                at, loss = int(float(row[step])), float(row["loss"])
            except (ValueError, TypeError):
                continue
            if steps and at < steps[-1]:
                return None  # A resume: another rule would be needed.
            steps.append(at)
            losses.append(loss)
    return np.array(steps), np.array(losses)


def medians(values, width):
    """Medians of `width` values in a row; entry i is of i .. i + width - 1."""
    if len(values) < width:
        return np.array([])
    return np.median(np.lib.stride_tricks.sliding_window_view(values, width), axis=1)


def bases(log):
    n = len(log)
    before, after = np.full(n, -np.inf), np.full(n, np.inf)
    of25, of10 = medians(log, 22), medians(log, 10)
    before[25:] = of25[: n - 25]
    for i in range(10, min(25, n)):
        before[i] = np.median(log[: i - 3])
    if len(of10) >= 300:
        lowest = np.min(np.lib.stride_tricks.sliding_window_view(of10, 290), axis=1)
        usable = max(0, min(len(lowest) - 4, n))
        after[:usable] = lowest[4 : usable + 4]
        rest = usable
    else:
        rest = 0
    tail = np.minimum.accumulate(of10[::-1])[::-1] if len(of10) else of10
    for i in range(rest, n):
        if i + 4 < len(tail):
            after[i] = tail[i + 4]
    known = np.isfinite(after)
    base = np.where(known, np.maximum(before, after), before)
    base[:10] = np.inf
    return base, before


def label(steps, losses):
    events = []
    bad = np.flatnonzero(~np.isfinite(losses))
    end = bad[0] if len(bad) else len(losses)
    if len(bad):
        events.append(("nan", bad[0]))
    loss = losses[:end]
    if len(loss) < 60 or np.min(loss) <= 0:
        return [(event, steps[at]) for event, at in events] or [("unclear", -1)]
    log = np.log(loss)
    n = len(log)
    middle = medians(log, 21)
    noise = 1.4826 * np.median(np.abs(log[10 : 10 + len(middle)] - middle)[FIRST:])
    base, before = bases(log)
    above = log - base
    limit = max(np.log(1.2), 8 * noise, np.quantile(above[20:], 0.9) + np.log(1.2))
    maybe = max(np.log(1.2), 4 * noise)
    every_step = np.median(np.diff(steps)) == 1
    of20, of10 = medians(log, 20), medians(log, 10)
    clear, covered, index = True, np.zeros(n, bool), 1
    while index < n:
        if not above[index] > maybe:
            index += 1
            continue
        stop = index
        while stop + 1 < n and above[stop + 1] > maybe / 2:
            stop += 1
        begin = index
        while begin > 1 and above[begin - 1] > maybe / 2:
            begin -= 1
        high = above[index : stop + 1]
        if np.abs(log[index : stop + 1].max() - log[0]) < np.log(1.05) and begin > FIRST:
            events.append(("planned_restart", begin))
            covered[begin - 20 : stop + 100] = True
        elif begin > FIRST and (
            np.sum((high[1:] > limit) & (high[:-1] > limit)) >= 1
            or (high.max() > max(limit, np.log(1.5)) and not every_step)
        ):
            level = np.median(log[max(0, begin - 25) : begin])
            later = of10[stop + 1 :]
            back = len(later) == 0 or later.min() <= level + np.log(1.1)
            events.append(("loss_spike_recovers" if back else "loss_spike_stays", begin))
            covered[max(0, begin - 20) : stop + 100] = True
        else:
            events.append(("unclear_rise", begin))
            covered[index : stop + 1] = True
        index = stop + 1
    # Slow rises.
    best = np.minimum.accumulate(of20)
    index = 100
    while index + 20 < len(of20):
        best_before = best[index - 20]
        rise = max(np.log(1.2), 6 * noise / np.sqrt(20))
        if of20[index] <= best_before + rise:
            index += 1
            continue
        stop = index
        while stop + 1 < len(of20) and of20[stop + 1] > best_before + rise:
            stop += 1
        if stop - index >= 100 and not covered[index]:
            back = of20[stop:].min() <= best_before + np.log(1.05)
            # A person sees it after as many points; a jump lies in the middle of them.
            events.append(("diverge_recovers" if back else "diverge", index + 18))
        else:
            clear = False
        index = stop + 1
    if events:
        return [(event, steps[at]) for event, at in sorted(events, key=lambda event: event[1])]
    level = of20[-1] <= of20.min() + np.log(1.05)
    return [("none" if clear and level else "unclear", -1)]


def main():
    folder = Path(sys.argv[1])
    print("file\tevent_type\tbegin_step\tfirst_warnable_step")
    for path in sorted(folder.rglob("*.csv")):
        data = read(path)
        if data is None or len(data[0]) < 30:
            continue
        for event, begin in label(*data):
            print(f"{path.relative_to(folder)}\t{event}\t{begin}\t{begin}")


main()
