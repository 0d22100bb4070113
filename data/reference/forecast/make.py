"""Makes reference.json: forecasts by statsforecast and measures by utilsforecast that the tests compare with.

    python3 -m venv venv && venv/bin/pip install statsforecast==2.1.1 utilsforecast==0.2.17 pandas numpy
    venv/bin/python make.py > reference.json

The series come from formulas and a small linear congruential generator, so nothing is downloaded.
"""
import json
import math

import numpy as np
import pandas as pd
import statsforecast
import utilsforecast
from statsforecast.models import MSTL, AutoETS, SeasonalNaive
from utilsforecast import losses

from signals import noise


def wave(t, period, phase=0.0):
    return np.sin(2 * math.pi * (t / period + phase))


def series():
    t = np.arange(336.0)
    yield "daily level", [24], 100 + 20 * wave(t, 24) + 5 * wave(t, 12, 0.2) + 3 * noise(336, 1)
    t = np.arange(720.0)
    week = np.where((t // 24) % 7 >= 5, -15.0, 0.0)
    yield "day and week with trend", [24, 168], 200 + 0.05 * t + 25 * wave(t, 24) + week + 4 * noise(720, 2)
    t = np.arange(120.0)
    yield "monthly walk", [12], 50 + np.cumsum(noise(120, 3)) + 8 * wave(t, 12)


def measures():
    history = 10 + np.cumsum(noise(60, 4))
    actual = 10 + 3 * noise(12, 5)
    predicted = 10 + 3 * noise(12, 6)
    width = 1.5 + np.abs(noise(12, 7))
    lower, upper = predicted - width, predicted + width
    train = pd.DataFrame({"unique_id": "a", "ds": range(60), "y": history})
    frame = pd.DataFrame({"unique_id": "a", "ds": range(12), "y": actual, "m": predicted, "m-lo-95": lower, "m-hi-95": upper})
    one = lambda table: float(table["m"].iloc[0])
    season = 4
    scale = np.mean(np.abs(history[season:] - history[:-season]))
    outside = np.maximum(lower - actual, 0) + np.maximum(actual - upper, 0)
    return {
        "history": list(history), "actual": list(actual), "predicted": list(predicted),
        "lower": list(lower), "upper": list(upper), "season": season,
        "mae": one(losses.mae(frame, ["m"])),
        "mase": one(losses.mase(frame, ["m"], seasonality=season, train_df=train)),
        "rmsse": one(losses.rmsse(frame, ["m"], seasonality=1, train_df=train)),
        "smape_half": one(losses.smape(frame, ["m"])),
        "pinball_0.9": one(losses.quantile_loss(frame, {"m": "m"}, q=0.9)),
        "coverage": one(losses.coverage(frame, ["m"], 95)),
        # no library computes it as the M4 competition printed it: its formula, with a = 0.05
        "msis": float(np.mean(upper - lower + 2 / 0.05 * outside) / scale),
    }


def main():
    cases = []
    for name, seasons, values in series():
        values = np.round(values, 6)
        horizon = 2 * seasons[0]
        mstl = MSTL(season_length=seasons, trend_forecaster=AutoETS(model="ZZN"))
        naive = SeasonalNaive(season_length=seasons[0])
        cases.append({
            "name": name, "seasons": seasons, "horizon": horizon, "values": list(values),
            "mstl_ets": list(map(float, mstl.forecast(y=values, h=horizon)["mean"])),
            "seasonal_naive": list(map(float, naive.forecast(y=values, h=horizon)["mean"])),
        })
    made = {"statsforecast": statsforecast.__version__, "utilsforecast": utilsforecast.__version__}
    print(json.dumps({"made_with": made, "cases": cases, "measures": measures()}))


main()
