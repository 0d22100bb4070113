"""Reference values for `src/detect/evaluation`: metrics of a labelled series, and the two baselines that have no random part.

Usage: python make.py   (needs numpy, pandas, scipy and scikit-learn; writes cases.json beside itself)

Sources
- VUS-PR: Paparrizos et al., "Volume Under the Surface" (VLDB 2022), as the `opt` variant of TSB-AD computes it
  (github.com/TheDatumOrg/TSB-AD, `metrics.RangeAUC_volume_opt`): buffers of 0 to L points around each event with weights
  sqrt(1 - distance / buffer), 250 thresholds at even ranks, the existence factor on the recall. Written here in O(n) for
  each buffer.
- L: the dominant lag of the autocorrelation, as TSB-AD's `find_length_rank(data, rank=1)`.
- Average precision: scikit-learn's definition (checked against it below where there are no ties to argue about).
- Event statistics: an alert is a run of alarms whose holes are at most `gap` points; an event is found when an alarm lies
  in it; an alert is true when it touches an event.
- Tail threshold: exponential fit to the excesses over a high quantile (Pickands; Siffer et al., KDD 2017, with shape 0).
- NAB: Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms" (ICMLA 2015), version 1.1 of the published rules:
  15 % probation (at most 750 rows), sigmoid reward, one threshold for all files that suits each profile best.
- Interval of a rate: Garwood, "Fiducial limits for the Poisson distribution" (1936), by the quantiles of chi squared.
"""

import json
import math
import pathlib

import numpy as np
import pandas as pd
from scipy.stats import chi2
from sklearn.metrics import average_precision_score

HERE = pathlib.Path(__file__).parent


def events(labels):
    edges = np.flatnonzero(np.diff(np.r_[0, np.asarray(labels).astype(np.int8), 0]))
    return [(int(a), int(b - 1)) for a, b in zip(edges[::2], edges[1::2])]


def steps(labels, scores):
    """true positives and predicted points at each distinct score, from the highest"""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    hits = np.cumsum(np.asarray(labels)[order])
    last = np.flatnonzero(np.r_[np.diff(ranked) != 0, True])
    return hits[last], last + 1


def average_precision(labels, scores):
    if not labels.any():
        return None
    hits, predicted = steps(labels, scores)
    recall = np.r_[0, hits / labels.sum()]
    return float(np.sum(np.diff(recall) * hits / predicted))


def best_f1(labels, scores):
    if not labels.any():
        return None
    hits, predicted = steps(labels, scores)
    return float(np.max(2 * hits / (predicted + labels.sum())))


def period(x, low=3, high=300):
    x = np.asarray(x, float)[:20000]
    x = x - x.mean()
    n = len(x)
    energy = (x * x).sum()
    if energy <= 0 or n < 20:
        return 125
    spectrum = np.fft.rfft(x, 2 * n)
    acf = (np.fft.irfft(spectrum * np.conj(spectrum))[: min(401, n)] / energy)[3:]
    peaks = np.flatnonzero((acf[1:-1] > acf[:-2]) & (acf[1:-1] > acf[2:])) + 1
    if not len(peaks):
        return 125
    best = peaks[np.argmax(acf[peaks])]
    return 125 if best < low or best > high else int(best + 3)


def merged(spans, half, n):
    start, out = max(spans[0][0] - half, 0), []
    for (_, end), (following, _) in zip(spans, spans[1:]):
        if end + half < following - half:
            out.append((start, end + half))
            start = following - half
    out.append((start, min(spans[-1][1] + half, n - 1)))
    return out


def vus_pr(labels, scores, longest, thresholds=250):
    """straight from the definition: every buffer, every threshold, every point"""
    hard = np.asarray(labels).astype(float)
    n, spans = len(hard), events(labels)
    if not spans:
        return None
    ranked = np.sort(scores)[::-1]
    levels = ranked[np.linspace(0, n - 1, thresholds).astype(int)]
    region = np.zeros(n, bool)
    for a, b in merged(spans, longest // 2, n):
        region[a : b + 1] = True
    positives, volume = hard.sum(), 0.0
    for buffer in range(longest + 1):
        half, soft = buffer // 2, hard.copy()
        if half:
            for a, b in spans:
                right = np.arange(b + 1, min(b + half + 1, n))
                soft[right] += np.sqrt(1 - (right - b) / buffer)
                left = np.arange(max(a - half, 0), a)
                soft[left] += np.sqrt(1 - (a - left) / buffer)
            soft = np.minimum(soft, 1)
        places, recall_before = merged(spans, half, n), 0.0
        for level in levels:
            predicted = scores >= level
            hits = (soft * (predicted & region)).sum()
            outside = (soft * (predicted & region & (hard == 0))).sum()
            existing = np.mean([predicted[a : b + 1].any() for a, b in places])
            recall = min(hits / ((positives + positives + outside) / 2), 1) * existing
            volume += (recall - recall_before) * hits / predicted.sum()
            recall_before = recall
    return float(volume / (longest + 1))


def runs(alarms, gap):
    at = np.flatnonzero(alarms)
    if not len(at):
        return []
    breaks = np.flatnonzero(np.diff(at) > gap)
    return [(int(a), int(b)) for a, b in zip(at[np.r_[0, breaks + 1]], at[np.r_[breaks, len(at) - 1]])]


def event_statistics(labels, alarms, gap, tolerance):
    spans, alerts, delays = events(labels), runs(alarms, gap), []
    for a, b in spans:
        inside = np.flatnonzero(alarms[a : b + 1 + tolerance])
        if len(inside):
            delays.append(int(inside[0]))
    true = sum(any(s <= b + tolerance and e >= a for a, b in spans) for s, e in alerts)
    return {"events": len(spans), "found": len(delays), "alerts": len(alerts), "true": int(true), "delays": delays}


def tail_threshold(past, rate, top=0.02):
    past = past[np.isfinite(past)]
    if len(past) < 50:
        return None
    base = np.quantile(past, 1 - top)
    excess = past[past > base] - base
    if not len(excess):
        return float(base + 1e-9)
    return float(max(base + excess.mean() * np.log(top / rate), base))


def recall_at(pool, gap, budgets):
    """largest share of events found at one threshold for all series, false alerts per day within each budget"""
    every = np.concatenate([scores for scores, _, _ in pool])
    best = [0.0 for _ in budgets]
    days = sum(d for _, _, d in pool)
    for level in np.unique(np.quantile(every, 1 - np.geomspace(1e-5, 0.05, 24)))[::-1]:
        stats = [event_statistics(labels, scores > level, gap, 0) for scores, labels, _ in pool]
        false = sum(s["alerts"] - s["true"] for s in stats) / days
        recall = sum(s["found"] for s in stats) / max(1, sum(s["events"] for s in stats))
        best = [max(b, recall) if false <= budget else b for b, budget in zip(best, budgets)]
        if false > 3:
            break
    return best


def moving_z(x, window):
    x = pd.Series(x)
    past = x.shift(1).rolling(window, min_periods=min(window, 30))
    floor = 1e-3 * x.abs().expanding().mean() + 1e-9
    return ((x - past.mean()).abs() / (past.std() + floor)).fillna(0).to_numpy()


def moving_median(x, window):
    x = pd.Series(x)
    past = x.shift(1).rolling(window, min_periods=min(window, 30))
    middle = past.median()
    spread = (x - middle).abs().shift(1).rolling(window, min_periods=min(window, 30)).median()
    floor = 1e-3 * x.abs().expanding().mean() + 1e-9
    return ((x - middle).abs() / (1.4826 * spread + 0.1 * past.std() + floor)).fillna(0).to_numpy()


def seasonal_median(x, day, window):
    n = len(x)
    if day > n // 3:
        return moving_median(x, window)
    smooth = pd.Series(x).rolling(5, center=True, min_periods=1).median().to_numpy()
    days = []
    for k in range(1, min(7, max(1, n // day - 1)) + 1):
        shifted = np.full(n, np.nan)
        shifted[k * day :] = smooth[: n - k * day]
        days.append(shifted)
    base = pd.DataFrame(days).median().to_numpy()
    recent = pd.Series(x).shift(1).rolling(min(day, 60), min_periods=1).median().to_numpy()
    base = np.where(np.isnan(base), recent, base)
    base = np.where(np.isnan(base), x, base)
    rest = pd.Series(x - base)
    level = rest.shift(1).rolling(max(5, day // 24), min_periods=1).median().fillna(0)
    rest = (rest - 0.5 * level).abs()
    past = rest.shift(1).rolling(day, min_periods=20)
    floor = 1e-3 * pd.Series(np.abs(x)).expanding().mean() + 1e-9
    return (rest / (1.4826 * past.median() + 0.1 * past.std() + floor)).fillna(0).to_numpy()


def sigmoid(place):
    return -1.0 if place > 3 else 2 / (1 + math.exp(5 * place)) - 1


def nab(files, found, missed, wrong):
    """straight from the rules: every threshold, every row"""
    total_windows = sum(len(events(windows)) for _, windows in files)
    rows = []
    for number, (scores, windows) in enumerate(files):
        n, spans = len(scores), events(windows)
        for i in range(int(min(math.floor(0.15 * n), 750)), n):
            inside = [k for k, (a, b) in enumerate(spans) if a <= i <= b]
            before = [k for k, (a, b) in enumerate(spans) if b < i]
            if inside:
                a, b = spans[inside[0]]
                rows.append((scores[i], sigmoid(-(b - i + 1) / (b - a + 1)), (number, inside[0])))
            elif before:
                a, b = spans[before[-1]]
                rows.append((scores[i], sigmoid((i - b) / (b - a) if b > a else math.inf), None))
            else:
                rows.append((scores[i], -1.0, None))
    seen = {w for _, _, w in rows if w is not None}
    best = -math.inf
    for level in sorted({score for score, _, _ in rows}) + [math.inf]:
        alarms = [(worth, window) for score, worth, window in rows if score >= level]
        total = sum(worth * wrong for worth, window in alarms if window is None)
        for own in seen:
            total += max([worth * found / sigmoid(-1.0) for worth, window in alarms if window == own], default=-missed)
        best = max(best, total)
    null, perfect = -missed * total_windows, found * total_windows
    return 100 * (best - null) / (perfect - null)


def labelled(n, spans):
    labels = np.zeros(n, bool)
    for a, b in spans:
        labels[a : b + 1] = True
    return labels


def metric_cases():
    rng = np.random.default_rng(7)
    noise = lambda n: np.round(rng.gamma(1.0, 1.0, n), 6)
    good = lambda labels: np.round(noise(len(labels)) + 3.0 * labels * (rng.random(len(labels)) < 0.7), 6)
    middle = labelled(300, [(40, 52), (120, 120), (200, 240)])
    edges = labelled(200, [(0, 9), (190, 199)])
    close = labelled(260, [(50, 60), (64, 70), (73, 73), (150, 155), (158, 170)])
    cases = [
        ("three_events", middle, good(middle), 20),
        ("no_skill", middle, noise(300), 20),
        ("events_at_both_edges", edges, good(edges), 30),
        ("events_close_together", close, good(close), 40),
        ("ties", middle, np.round(good(middle)), 15),
        ("constant_scores", middle, np.full(300, 0.5), 10),
        ("perfect", middle, middle.astype(float), 10),
        ("inverted", middle, 1.0 - middle, 10),
        ("no_event", np.zeros(120, bool), noise(120), 10),
        ("all_event", np.ones(120, bool), noise(120), 10),
        ("one_normal_point", np.ones(1, bool), np.array([3.0]), 5),
        ("one_point_without_event", np.zeros(1, bool), np.array([3.0]), 5),
        ("no_buffer", middle, good(middle), 0),
        ("buffer_longer_than_the_series", labelled(30, [(10, 12)]), noise(30), 100),
    ]
    out = []
    for name, labels, scores, longest in cases:
        own = average_precision(labels, scores)
        if own is not None:
            assert math.isclose(own, average_precision_score(labels, scores), abs_tol=1e-12), name
        out.append(
            {
                "name": name,
                "labels": labels.astype(int).tolist(),
                "scores": scores.tolist(),
                "buffer": longest,
                "vus_pr": vus_pr(labels, scores, longest),
                "average_precision": own,
                "best_f1": best_f1(labels, scores),
            }
        )
    return out


def event_cases():
    rng = np.random.default_rng(11)
    labels = labelled(400, [(0, 4), (100, 130), (200, 200), (390, 399)])
    alarms = lambda rate: rng.random(400) < rate
    cases = [
        ("sparse", labels, alarms(0.03), 6, 0),
        ("dense", labels, alarms(0.3), 1, 0),
        ("tolerance", labels, alarms(0.03), 6, 5),
        ("wide_gap", labels, alarms(0.05), 60, 0),
        ("no_alarm", labels, np.zeros(400, bool), 6, 0),
        ("all_alarms", labels, np.ones(400, bool), 6, 0),
        ("no_event", np.zeros(400, bool), alarms(0.05), 6, 0),
        ("one_point", np.ones(1, bool), np.ones(1, bool), 1, 0),
    ]
    return [
        {
            "name": name,
            "labels": labels.astype(int).tolist(),
            "alarms": alarms.astype(int).tolist(),
            "gap": gap,
            "tolerance": tolerance,
            **event_statistics(labels, alarms, gap, tolerance),
        }
        for name, labels, alarms, gap, tolerance in cases
    ]


def threshold_cases():
    rng = np.random.default_rng(13)
    series = {
        "exponential": np.round(rng.exponential(1.0, 400), 6),
        "too_few": np.round(rng.exponential(1.0, 49), 6),
        "constant": np.full(100, 2.0),
        "two_valued": np.r_[np.zeros(95), np.ones(5)],
    }
    return [
        {"name": name, "scores": x.tolist(), "rate": rate, "threshold": tail_threshold(x, rate)}
        for name, x in series.items()
        for rate in (1e-4, 0.006)
    ]


def period_cases():
    rng = np.random.default_rng(17)
    t = np.arange(600)
    series = {
        "wave_24": np.sin(2 * np.pi * t / 24),
        "wave_144_with_noise": np.sin(2 * np.pi * t / 144) + 0.3 * rng.normal(size=600),
        "noise": rng.normal(size=600),
        "constant": np.full(600, 3.0),
        "line": t.astype(float),
        "short": np.sin(t[:19]),
        "large_offset": 1e9 + 50 * np.sin(2 * np.pi * t / 36),
        "short_period": np.sin(2 * np.pi * t / 4),
    }
    rounded = {name: np.round(x, 6) for name, x in series.items()}
    return [{"name": name, "values": x.tolist(), "period": period(x)} for name, x in rounded.items()]


def pool_case():
    rng = np.random.default_rng(19)
    pool, stored = [], []
    for spans in ([(100, 120), (300, 310)], [(50, 52)], []):
        labels = labelled(500, spans)
        scores = np.round(rng.exponential(1.0, 500) + 5.0 * labels * (rng.random(500) < 0.5), 6)
        pool.append((scores, labels, 500 * 300 / 86400))
        stored.append({"labels": labels.astype(int).tolist(), "scores": scores.tolist()})
    budgets = [1 / 7, 1.0]
    return {"step_secs": 300, "gap": 12, "series": stored, "budgets": budgets, "recalls": recall_at(pool, 12, budgets)}


def baseline_cases():
    rng = np.random.default_rng(23)
    t = np.arange(480)
    wave = 100 + 30 * np.sin(2 * np.pi * t / 96) + rng.normal(size=480)
    wave[400:404] += 80
    cases = {
        "wave": (wave, 96),
        "short_history": (wave[:120], 96),
        "constant": (np.full(200, 5.0), 24),
        "large_offset": (1e9 + wave[:300], 24),
        "mostly_zero": (np.where(rng.random(300) < 0.05, 7.0, 0.0), 24),
    }
    out = []
    for name, (x, day) in cases.items():
        x = np.round(x, 6)
        entry = {"name": name, "day": day, "values": x.tolist()}
        entry["moving_z"] = [float(f"{v:.12g}") for v in moving_z(x, day)]
        entry["seasonal_median"] = [float(f"{v:.12g}") for v in seasonal_median(x, day, day)]
        out.append(entry)
    return out


def nab_cases():
    rng = np.random.default_rng(29)
    first, second = labelled(200, [(20, 24), (60, 90), (150, 150)]), labelled(120, [(100, 119)])
    scored = lambda w, gain: np.round(rng.exponential(1.0, len(w)) + gain * w * (rng.random(len(w)) < 0.2), 6)
    cases = {
        "good": [(scored(first, 8.0), first), (scored(second, 8.0), second)],
        "no_skill": [(scored(first, 0.0), first), (scored(second, 0.0), second)],
        "ties": [(np.round(scored(first, 3.0)), first), (np.round(scored(second, 3.0)), second)],
        "a_file_without_a_window": [(scored(first, 8.0), first), (scored(np.zeros(80, bool), 0.0), np.zeros(80, bool))],
    }
    return [
        {
            "name": name,
            "files": [{"scores": s.tolist(), "windows": w.astype(int).tolist()} for s, w in files],
            "standard": nab(files, 1.0, 1.0, 0.11),
            "low_FP": nab(files, 1.0, 1.0, 0.22),
            "low_FN": nab(files, 1.0, 2.0, 0.11),
        }
        for name, files in cases.items()
    ]


def poisson_cases():
    return [
        {
            "count": k,
            "lower": float(chi2.ppf(0.025, 2 * k) / 2) if k else 0.0,
            "upper": float(chi2.ppf(0.975, 2 * k + 2) / 2),
        }
        for k in (0, 1, 2, 5, 10, 37, 100, 1234, 100000)
    ]


def main():
    cases = {
        "metrics": metric_cases(),
        "events": event_cases(),
        "thresholds": threshold_cases(),
        "periods": period_cases(),
        "pool": pool_case(),
        "baselines": baseline_cases(),
        "nab": nab_cases(),
        "poisson": poisson_cases(),
    }
    (HERE / "cases.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
