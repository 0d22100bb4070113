"""Makes simple.json: theta, Croston, SBA and TSB forecasts by statsforecast, which tests of src/forecast compare with.

    python3 -m venv venv && venv/bin/pip install statsforecast==2.1.1 numpy
    venv/bin/python make_simple.py > simple.json

The series come from formulas and a small linear congruential generator, so nothing is downloaded.
"""
import json
import math

import numpy as np
import statsforecast
from statsforecast.theta import auto_theta
from statsforecast.models import TSB, CrostonClassic, CrostonSBA, DynamicOptimizedTheta, OptimizedTheta

from signals import noise


def wave(t, period):
    return np.sin(2 * math.pi * t / period)


def theta():
    t = np.arange(240.0)
    yield "factor season with trend", 24, 100 * (1 + 0.004 * t) * (1 + 0.2 * wave(t, 24)) * np.exp(0.03 * noise(240, 1))
    yield "added season around zero", 12, 0.02 * t[:150] + 3 * wave(t[:150], 12) + 0.5 * noise(150, 2)
    yield "walk with drift", 1, 50 + np.cumsum(0.3 + noise(90, 3))
    yield "odd season", 7, 20 + 5 * wave(t[:100], 7) + np.cumsum(0.3 * noise(100, 4))


def main():
    cases = []
    for name, season, values in theta():
        values = np.round(values, 6)
        made = {"name": name, "season": season, "values": list(values)}
        for key, model in (("otm", OptimizedTheta), ("dotm", DynamicOptimizedTheta)):
            made[key] = list(map(float, model(season_length=season).forecast(y=values, h=2 * max(season, 6))["mean"]))
            # squared one-step error over the mean size of the deseasonalised values: what it minimises
            made[key + "_mse"] = float(auto_theta(values, season, model=key.upper())["mse"])
        cases.append(made)
    rare = []
    for seed, share in ((5, 0.8), (6, 0.6)):
        hit = (noise(200, seed) + 2) / 4
        values = np.where(hit > np.quantile(hit, share), np.round(1 + 4 * np.abs(noise(200, seed + 10)), 3), 0.0)
        one = lambda model: float(model.forecast(y=values, h=1)["mean"][0])
        rare.append({"values": list(values), "croston": one(CrostonClassic()), "sba": one(CrostonSBA()), "tsb": one(TSB(0.1, 0.1))})
    print(json.dumps({"made_with": {"statsforecast": statsforecast.__version__}, "theta": cases, "intermittent": rare}))


main()
