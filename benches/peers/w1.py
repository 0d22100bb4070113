"""Isolation forests of others on w1: w1.py PEER DIR [process]. PEER: sklearn, isotree, isotree_guided, isotree_extended.

Prints a line of JSON like `benches/workload.rs`. With `process`: reads Parquet, fits, scores once, writes Parquet.
"""

import importlib.metadata
import json
import pathlib
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

peer, folder = sys.argv[1], pathlib.Path(sys.argv[2])
if sys.argv[3:] == ["process"]:
    table = pq.read_table(folder / "w1.parquet", use_threads=False)
    x = np.column_stack([column.to_numpy() for column in table.columns])
    del table
else:
    x = np.fromfile(folder / "w1.f64").reshape(-1, 8)

if peer == "sklearn":
    from sklearn.ensemble import IsolationForest

    def grown():
        return IsolationForest(n_estimators=100, max_samples=256, n_jobs=1, random_state=1).fit(x)

    def scores(model, rows):
        return -model.score_samples(rows)

else:
    from isotree import IsolationForest

    kinds = {
        "isotree": {"ndim": 1, "use_long_double": False, "standardize_data": False},
        "isotree_guided": {"ndim": 1, "prob_pick_pooled_gain": 0.5},
        "isotree_extended": {"ndim": 3},
    }

    def grown():
        common = {"ntrees": 100, "sample_size": 256, "missing_action": "fail", "nthreads": 1, "random_seed": 1}
        return IsolationForest(**common, **kinds[peer]).fit(x)

    def scores(model, rows):
        return model.predict(rows)


version = importlib.metadata.version("scikit-learn" if peer == "sklearn" else "isotree")
if sys.argv[3:] == ["process"]:
    pq.write_table(pa.table({"score": scores(grown(), x)}), folder / f"{peer}_out.parquet")
    print(json.dumps({"version": version}))
    sys.exit()


def seconds(work, calls=1):
    start = time.process_time()
    for call in range(calls):
        work(call)
    return (time.process_time() - start) / calls


fit_s = seconds(lambda _: grown(), 3)
model = grown()
start = time.process_time()
all_scores = scores(model, x)
score_s = time.process_time() - start
all_scores.astype("<f8").tofile(folder / f"w1_{peer}_scores.f64")
print(
    json.dumps(
        {
            "version": version,
            "fit_s": fit_s,
            "score_s": score_s,
            "rows": len(x),
            "one_row_us": seconds(lambda i: scores(model, x[i : i + 1]), 60) * 1e6,
            "thousand_rows_us": seconds(lambda i: scores(model, x[i * 1000 : i * 1000 + 1000]), 15) * 1e6,
            "scores": f"w1_{peer}_scores.f64",
        }
    )
)
