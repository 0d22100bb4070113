"""Reference change points of ruptures: changes of the mean, and of mean and variance.

Usage: python make.py   (needs numpy and ruptures; writes changepoints.json beside itself)
Mean: Pelt(model="l2", jump=1) and KernelCPD(kernel="linear"), which agree. Mean and variance: Pelt(jump=1) with the normal
cost of maximum likelihood, n ln(variance), written out below, since ruptures' own divides by n - 1.
"""

import json
import pathlib

import numpy as np
import ruptures as rpt
from ruptures.base import BaseCost

HERE = pathlib.Path(__file__).parent


class Normal(BaseCost):
    model = "normal_by_maximum_likelihood"
    min_size = 2

    def fit(self, signal):
        self.signal = signal.reshape(-1)
        return self

    def error(self, start, end):
        part = self.signal[start:end]
        return (end - start) * np.log(part.var())


def steps(rng, n, changes, spread=False):
    places = np.sort(rng.choice(np.arange(15, n - 15), changes, replace=False))
    places = [int(p) for i, p in enumerate(places) if i == 0 or p - places[i - 1] >= 15]
    values, level, sd, begin = np.empty(n), rng.normal(0, 10), 1.0, 0
    for end in [*places, n]:
        values[begin:end] = rng.normal(level, sd, end - begin)
        if spread and rng.random() < 0.5:
            sd = rng.choice([0.25, 1.0, 4.0])
        else:
            level += rng.choice([-1, 1]) * rng.uniform(2, 6) * sd
        begin = end
    return np.round(values * 1024) / 1024


def mean(values, penalty, min_segment):
    x = values.reshape(-1, 1)
    slow = rpt.Pelt(model="l2", jump=1, min_size=min_segment).fit(x).predict(pen=penalty)
    fast = rpt.KernelCPD(kernel="linear", min_size=min_segment).fit(x).predict(pen=penalty)
    assert slow == fast, (slow, fast)
    return slow[:-1]


def normal(values, penalty, min_segment):
    return rpt.Pelt(custom_cost=Normal(), jump=1, min_size=min_segment).fit(values).predict(pen=penalty)[:-1]


def cases():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        values = steps(rng, int(rng.integers(60, 400)), int(rng.integers(0, 6)))
        penalty, least = 3 * float(np.log(len(values))), [1, 2, 5][seed % 3]
        yield {"cost": "mean", "penalty": penalty, "min_segment": least, "values": values, "starts": mean(values, penalty, least)}
    for seed in range(8):
        rng = np.random.default_rng(100 + seed)
        values = steps(rng, int(rng.integers(60, 300)), int(rng.integers(0, 5)), spread=True)
        penalty, least = 4 * float(np.log(len(values))), [5, 10][seed % 2]
        yield {"cost": "mean_variance", "penalty": penalty, "min_segment": least, "values": values, "starts": normal(values, penalty, least)}


found = {"ruptures": rpt.__version__, "cases": [{**case, "values": case["values"].tolist()} for case in cases()]}
(HERE / "changepoints.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
