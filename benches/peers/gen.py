"""Writes the workloads of the comparison: the same bytes for the same seed and scale.

usage: gen.py OUT [--only w1,w5,w6] [--seed 7] [--scale 1.0]

  w1  a table of records without time: 1,000,000 rows of 8 numbers, 1 % of them unusual, for isolation forests
      w1.parquet (f0 to f7), w1.f64 (the same numbers, row after row, little endian), w1_labels.parquet (label)
  w5  1,000 series of 2,000 points with point anomalies, as they stream in: all series for each time
      w5.f64 (2,000 x 1,000: time-major), w5_labels.parquet (label, time-major)
  w6  1,000 series of 2,000 points with 0 to 5 shifts of their level
      w6.f64 (1,000 x 2,000: series-major), w6_truth.json (places of the shifts)

`.f64` files are raw, so that every side reads them at no cost. `--scale` multiplies rows (w1) and series (w5, w6).
"""

import argparse
import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def w1(out, rng, scale):
    rows, width, clusters = int(1_000_000 * scale), 8, 5
    centres = rng.normal(0, 6, (clusters, width))
    shapes = rng.normal(0, 0.6, (clusters, width, width)) + np.eye(width)
    of = rng.choice(clusters, rows, p=[0.45, 0.25, 0.15, 0.1, 0.05])
    normal = rng.normal(size=(rows, width))
    x = np.empty((rows, width))
    for cluster in range(clusters):
        here = of == cluster
        x[here] = normal[here] @ shapes[cluster].T + centres[cluster]
    label = rng.random(rows) < 0.01
    x[label] += rng.standard_t(3, (label.sum(), width)) * 6
    table = pa.table({f"f{i}": np.ascontiguousarray(x[:, i]) for i in range(width)})
    pq.write_table(table, out / "w1.parquet", compression="zstd", use_dictionary=False, row_group_size=1_000_000)
    x.astype("<f8").tofile(out / "w1.f64")
    pq.write_table(pa.table({"label": label.astype(np.int8)}), out / "w1_labels.parquet")


def w5(out, rng, scale):
    series, points = int(1_000 * scale), 2_000
    period = rng.choice([48, 96, 288], series)[:, None]
    phase = rng.uniform(0, 6, series)[:, None]
    x = rng.uniform(5, 50, series)[:, None] * (1 + 0.3 * np.sin(2 * np.pi * np.arange(points) / period + phase))
    sigma = (x.mean(1) * 0.05)[:, None]
    x += rng.normal(size=x.shape) * sigma
    label = rng.random(x.shape) < 0.002
    label[:, :300] = False
    size = rng.choice([-1, 1], label.sum()) * rng.uniform(6, 15, label.sum())
    x[label] += size * np.broadcast_to(sigma, x.shape)[label]
    np.ascontiguousarray(x.T).astype("<f8").tofile(out / "w5.f64")
    pq.write_table(pa.table({"label": label.T.ravel().astype(np.int8)}), out / "w5_labels.parquet")


def w6(out, rng, scale):
    series, points = int(1_000 * scale), 2_000
    x, truth = np.empty((series, points)), []
    for index in range(series):
        places = np.sort(rng.choice(np.arange(50, points - 50), rng.integers(0, 6), replace=False))
        shifts = [int(p) for i, p in enumerate(places) if i == 0 or p - places[i - 1] >= 40]
        level, sigma, start = rng.normal(100, 10), rng.uniform(1, 4), 0
        for end in [*shifts, points]:
            x[index, start:end] = level
            level += rng.choice([-1, 1]) * rng.uniform(2, 6) * sigma
            start = end
        x[index] += rng.normal(0, sigma, points)
        truth.append(shifts)
    x.astype("<f8").tofile(out / "w6.f64")
    (out / "w6_truth.json").write_text(json.dumps(truth))


def generate(out, only, seed=7, scale=1.0):
    out.mkdir(parents=True, exist_ok=True)
    for name in only:
        {"w1": w1, "w5": w5, "w6": w6}[name](out, np.random.default_rng([seed, int(name[1:])]), scale)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only", default="w1,w5,w6")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0)
    arguments = parser.parse_args()
    generate(arguments.out, arguments.only.split(","), arguments.seed, arguments.scale)
