"""Reference values for the generalised Pareto distribution: `python make.py > reference.json`.

numpy 2.x and scipy 1.x. `survival` is ln of scipy.stats.genpareto.sf and its inverse. `samples` are ascending draws of
scipy.stats.genpareto with the estimates by probability-weighted moments (Hosking and Wallis 1987, plotting positions
(i - 0.35) / n, computed here in numpy) and by maximum likelihood (scipy.stats.genpareto.fit with the location held at 0).
"""

import json

import numpy as np
from scipy.stats import genpareto


def weighted_moments(ascending):
    n = len(ascending)
    positions = (np.arange(1, n + 1) - 0.35) / n
    mean = ascending.mean()
    weighted = (ascending * (1 - positions)).mean()
    return 2 - mean / (mean - 2 * weighted), 2 * mean * weighted / (mean - 2 * weighted)


def survival():
    for shape in (-0.2, 0.0, 0.1, 0.5):
        for scale in (0.5, 3.0):
            for excess in (0.0, 0.1, 1.0, 2.4, 10.0, 300.0):
                ln_survival = genpareto.logsf(excess, shape, scale=scale)
                if np.isfinite(ln_survival):
                    yield {"shape": shape, "scale": scale, "excess": excess, "ln_survival": float(ln_survival)}


def samples():
    rng = np.random.default_rng(7)
    for shape, scale, n in ((0.0, 1.0, 2000), (0.3, 2.0, 2000), (-0.2, 1.0, 2000), (0.1, 0.4, 64)):
        drawn = np.sort(genpareto.rvs(shape, scale=scale, size=n, random_state=rng)).astype(np.float32)
        pwm = weighted_moments(drawn.astype(np.float64))
        likely = genpareto.fit(drawn.astype(np.float64), floc=0)
        yield {
            "drawn": [float(f"{x:.9g}") for x in drawn],
            "pwm": [float(x) for x in pwm],
            "likelihood": [float(likely[0]), float(likely[2])],
        }


print(json.dumps({"survival": list(survival()), "samples": list(samples())}))
