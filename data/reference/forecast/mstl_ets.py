"""Makes mstl_ets.json: decompositions and exponential smoothing that the unit tests of `forecast` compare with.

    python3 -m venv venv && venv/bin/pip install statsforecast==2.1.1 statsmodels==0.15.0 numpy
    venv/bin/python mstl_ets.py > mstl_ets.json

`skipping` is MSTL with the STL of statsmodels, skipping a tenth of each window as Cleveland et al. advise; `full` is the
MSTL of statsforecast, which skips nothing. Of each part every third value is kept.
"""
import json
import math

import numpy as np
import statsforecast
import statsmodels
from statsforecast.ets import ets_f
from statsforecast.mstl import mstl
from statsmodels.tsa.seasonal import STL

from signals import noise


def wave(t, period, phase=0.0):
    return np.sin(2 * math.pi * (t / period + phase))


def autoregressive(count, memory, seed):
    out = noise(count, seed)
    for i in range(1, count):
        out[i] += memory * out[i - 1]
    return out


def decomposed():
    t = np.arange(200.0)
    yield "one season", [12], 30 + 0.02 * t + 4 * wave(t, 12) + 2 * wave(t, 6, 0.1) + noise(200, 11)
    t = np.arange(523.0)
    week = np.where((t // 24) % 7 >= 5, -15.0, 0.0)
    shift = np.where(t > 300, 20.0, 0.0)
    yield "day, week and a shift", [24, 168], 200 + shift + 25 * wave(t, 24) + week + 4 * autoregressive(523, 0.6, 12)


def smoothed():
    t = np.arange(300.0)
    yield "noise around a level", 50 + noise(300, 21)
    yield "walk", 80 + np.cumsum(noise(300, 22))
    yield "slope", 100 + 0.3 * t + autoregressive(300, 0.5, 23)
    slope = autoregressive(300, 0.9, 24)
    yield "changing slope", 500 + np.cumsum(0.3 * slope) + noise(300, 25)
    yield "around zero", autoregressive(200, 0.8, 26)
    yield "shift", 60 + np.where(t > 140, 25.0, 0.0) + noise(300, 27)
    yield "short", 20 + np.cumsum(noise(24, 28))


def odd(number):
    return number + 1 - number % 2


def skipping(values, seasons):
    """MSTL as R has it, by the STL of statsmodels."""
    parts, rest = [np.zeros(len(values)) for _ in seasons], values.copy()
    for _ in range(1 if len(seasons) == 1 else 2):
        for i, period in enumerate(seasons):
            cycles = 11 + 4 * i
            trend = odd(math.ceil(1.5 * period / (1 - 1.5 / cycles)))
            low = odd(period)
            jumps = {f"{name}_jump": math.ceil(length / 10)
                     for name, length in (("seasonal", cycles), ("trend", trend), ("low_pass", low))}
            rest = rest + parts[i]
            made = STL(rest, period=period, seasonal=cycles, trend=trend, low_pass=low, seasonal_deg=0, **jumps)
            parts[i] = made.fit(inner_iter=2, outer_iter=0).seasonal
            rest = rest - parts[i]
    return [list(part[::3]) for part in parts]


def full(values, seasons):
    made = mstl(values, seasons)
    names = ["seasonal"] if len(seasons) == 1 else [f"seasonal{period}" for period in seasons]
    return [list(made[name].to_numpy()[::3]) for name in names]


def forms(values):
    found = []
    for error in "AM" if (values > 0).all() else "A":
        for trend, damped in (("N", False), ("A", False), ("A", True)):
            made = ets_f(values, m=1, model=f"{error}{trend}N", damped=damped)
            found.append({"error": error, "trend": trend, "damped": damped,
                          "log_likelihood": float(made["loglik"]), "aicc": float(made["aicc"])})
    return found


def main():
    rounded = lambda cases: [(name, *rest, np.round(values, 6)) for name, *rest, values in cases]
    made = {"statsforecast": statsforecast.__version__, "statsmodels": statsmodels.__version__}
    print(json.dumps({
        "made_with": made,
        "mstl": [{"name": name, "seasons": seasons, "values": list(values), "skipping": skipping(values, seasons),
                  "full": full(values, seasons)} for name, seasons, values in rounded(decomposed())],
        "ets": [{"name": name, "values": list(values), "forms": forms(values)} for name, values in rounded(smoothed())],
    }))


main()
