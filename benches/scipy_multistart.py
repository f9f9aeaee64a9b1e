#!/usr/bin/env python3
"""The law of arXiv 2408.11029 fitted with scipy from many starts, as its authors' script does,
to 150 points of a cosine run: the yardstick for `cargo bench --bench hot_paths -- posterior`.

Needs numpy and scipy. Prints the seconds of one fit (the fastest of five).
"""
import itertools
import time

import numpy as np
from scipy.optimize import least_squares

steps, peak, total = np.arange(1, 100_001), 3e-4, 1_250_000
rate = peak * (0.55 + 0.45 * np.cos(np.pi * steps / total))
S1 = np.cumsum(rate)
momentum, S2, m = 0.0, np.empty_like(rate), 0.0
for index in range(len(rate)):
    m = 0.999 * m + (rate[index - 1] - rate[index] if index else 0.0)
    momentum += m
    S2[index] = momentum
at = np.linspace(5_000, 99_999, 150).astype(int)
rng = np.random.default_rng(1)
loss = 2.5 + 6 / (1 + steps[at] / 50) ** 0.4 - 200 * (peak - rate[at]) + 0.005 * rng.standard_normal(len(at))


def residuals(theta):
    l0, a, c, alpha = theta
    fitted = l0 + a * S1[at] ** -alpha - c * S2[at]
    return np.log(np.maximum(fitted, 1e-6)) - np.log(loss)


def fit():
    starts = itertools.product([0.1, 2.1], [1.0, 11.5, 22.0], [1.0, 11.5, 22.0], [0.05, 0.4, 0.8])
    return min(
        (least_squares(residuals, start, bounds=(0, np.inf), loss="huber", f_scale=1e-3) for start in starts),
        key=lambda result: result.cost,
    )


def once():
    begin = time.perf_counter()
    fit()
    return time.perf_counter() - begin


print(f"{min(once() for _ in range(5)):.3f}")
