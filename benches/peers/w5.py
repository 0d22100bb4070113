"""Streaming detectors of others on the first series of w5: w5.py PEER DIR [SERIES]. Scores a point, then learns it.

PEER: krcf (port of AWS's random cut forest, 50 x 256, shingle 8), krcf_small (30 x 256, shingle 1), rcf3 (50 x 256,
shingle 8), rcf3_small (30 x 256, shingle 1), rcf3_online (its online isolation forest with its defaults). Prints a line of JSON; `points`, `cpu_s`, `kb_per_series`.
"""

import importlib.metadata
import json
import pathlib
import resource
import sys
import time

import numpy as np

peer, folder = sys.argv[1], pathlib.Path(sys.argv[2])
count = int(sys.argv[3]) if len(sys.argv) > 3 else 10
values = np.fromfile(folder / "w5.f64").reshape(2_000, -1)[:, :count]
trees, shingle = (30, 1) if peer.endswith("_small") else (50, 8)


def memory_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if peer.startswith("krcf"):
    from krcf import RandomCutForest

    def model():
        return RandomCutForest(
            {
                "dimensions": 1,
                "shingle_size": shingle,
                "num_trees": trees,
                "sample_size": 256,
                "output_after": 32,
                "random_seed": 1,
                "parallel_execution_enabled": False,
            }
        )

    def step(forest, value):
        point = [value]
        score = forest.score(point)
        forest.update(point)
        return score

else:
    import rcf3

    def model():
        if peer == "rcf3_online":
            return rcf3.OnlineIForest(1, seed=1)
        return rcf3.Forest(1, shingle_size=shingle, num_trees=trees, capacity=256, seed=1)

    def step(forest, value):
        point = [value]
        score = forest.score(point)
        forest.update(point)
        return score


before = memory_kb()
models = [model() for _ in range(count)]
scores = np.zeros(values.shape)
start = time.process_time()
for index, row in enumerate(values.tolist()):
    for series, value in enumerate(row):
        scores[index, series] = step(models[series], value)
cpu_s = time.process_time() - start
scores.astype("<f8").tofile(folder / f"w5_{peer}_scores.f64")
print(
    json.dumps(
        {
            "version": importlib.metadata.version(peer.split("_")[0]),
            "cpu_s": cpu_s,
            "points": scores.size,
            "kb_per_series": (memory_kb() - before) / count,
            "series": count,
            "scores": f"w5_{peer}_scores.f64",
        }
    )
)
