"""Makes prophet.json: what the Prophet package fits and forecasts, which the tests of src/forecast/prophet compare with.

    python3 -m venv venv && venv/bin/pip install prophet==1.5.0 pandas numpy
    venv/bin/python make_prophet.py > prophet.json

The series come from formulas and a small linear congruential generator, so nothing is downloaded. Trend and effects are given at
every `every`-th step of the history and at every step of the horizon; intervals come from 4,000 simulated futures.
"""
import json
import logging
import math

import numpy as np
import pandas as pd
import prophet
from prophet import Prophet

from signals import noise

logging.getLogger("cmdstanpy").setLevel(logging.ERROR)
logging.getLogger("prophet").setLevel(logging.ERROR)


def wave(t, period, phase=0.0):
    return np.sin(2 * math.pi * (t / period + phase))


def cases():
    t = np.arange(1344.0)
    trend = 200 + 0.05 * t + np.where(t > 600, -0.12 * (t - 600), 0)
    week = np.where((t // 24) % 7 >= 5, -15.0, 0.0)
    yield dict(name="hourly with a break of the trend", step=3600, horizon=168, every=24,
               values=trend + 25 * wave(t, 24) + 6 * wave(t, 12, 0.2) + week + 5 * noise(1344, 1))
    t = np.arange(800.0)
    holidays = list(range(50, 830, 91))
    price = np.round(10 + 3 * wave(np.arange(830.0), 57) + noise(830, 5), 4)
    values = 40 + 0.03 * t + 8 * wave(t, 365.25) + 4 * wave(t, 7) + 3 * noise(800, 2) - 1.5 * price[:800]
    for day in holidays:
        if day < 800:
            values[day] += 12
    yield dict(name="daily with holidays and a price", step=86400, horizon=30, every=20, values=values,
               holidays=holidays, price=list(price))
    t = np.arange(120.0)
    yield dict(name="five days", step=3600, horizon=24, every=5, values=5 + np.cumsum(0.2 * noise(120, 3)) + 2 * wave(t, 24))


def main():
    out = []
    for case in cases():
        values, horizon = np.round(case["values"], 4), case["horizon"]
        ds = pd.date_range("2024-01-01", periods=len(values) + horizon, freq=pd.Timedelta(seconds=case["step"]))
        history = pd.DataFrame({"ds": ds[: len(values)], "y": values})
        future = pd.DataFrame({"ds": ds})
        options = {}
        if "holidays" in case:
            options["holidays"] = pd.DataFrame({"holiday": "sale", "ds": ds[case["holidays"]]})
            history["price"], future["price"] = case["price"][: len(values)], case["price"]
        made = {}
        for level in (0.8, 0.95):
            np.random.seed(7)
            model = Prophet(interval_width=level, uncertainty_samples=4000, **options)
            if "price" in case:
                model.add_regressor("price")
            # Stan stops early by default; the tests compare with the most likely parameters
            model.fit(history, tol_rel_obj=1.0, tol_rel_grad=1.0, tol_obj=1e-14, tol_grad=1e-10, tol_param=1e-12, iter=20000)
            made[level] = model.predict(future)
        first = made[0.8]
        at = list(range(0, len(values), case["every"])) + list(range(len(values), len(values) + horizon))
        take = lambda table, column: [round(float(v), 5) for v in table[column].iloc[at]]
        ahead = lambda table, column: [round(float(v), 4) for v in table[column].iloc[len(values):]]
        get = lambda name: np.asarray(model.params[name]).ravel()
        left = (model.history["y"].to_numpy() - made[0.95]["yhat"].to_numpy()[: len(values)]) / model.y_scale
        sigma = float(get("sigma_obs")[0])
        log_posterior = (-len(values) * math.log(sigma) - np.sum(left**2) / (2 * sigma**2) - 2 * sigma**2
                         - (get("k")[0] ** 2 + get("m")[0] ** 2) / 50 - np.sum(get("beta") ** 2) / 200
                         - np.sum(np.abs(get("delta"))) / 0.05)
        row = dict(log_posterior=float(log_posterior), name=case["name"], step=case["step"], horizon=horizon, every=case["every"], values=[float(v) for v in values],
                   trend=take(first, "trend"), effects=take(first, "additive_terms"),
                   sigma=float(model.params["sigma_obs"].ravel()[0] * model.y_scale),
                   lower_80=ahead(first, "yhat_lower"), upper_80=ahead(first, "yhat_upper"),
                   lower_95=ahead(made[0.95], "yhat_lower"), upper_95=ahead(made[0.95], "yhat_upper"))
        if "holidays" in case:
            row.update(holidays=case["holidays"], price=case["price"])
        out.append(row)
    print(json.dumps({"made_with": {"prophet": prophet.__version__}, "cases": out}))


main()
