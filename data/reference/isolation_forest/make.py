"""Reference values of scikit-learn's IsolationForest: a small forest, node by node, and a larger one's scores.

Usage: python make.py   (needs numpy and scikit-learn; writes small_forest.json and scores.json beside itself)
Values are multiples of 1/64, so that scikit-learn's conversion to 32-bit floats loses nothing.
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length

HERE = pathlib.Path(__file__).parent


def rows(count, width, seed):
    rng = np.random.default_rng(seed)
    inliers = rng.normal(size=(count, width))
    outliers = rng.uniform(-5, 5, size=(count // 20, width))
    return np.round(np.r_[inliers, outliers] * 64) / 64


def small():
    x = rows(100, 3, 1)
    forest = IsolationForest(n_estimators=10, max_samples=32, random_state=0).fit(x)
    trees = []
    for tree in forest.estimators_:
        t = tree.tree_
        trees.append(
            {
                "left": t.children_left.tolist(),
                "right": t.children_right.tolist(),
                "feature": t.feature.tolist(),
                "threshold": t.threshold.tolist(),
                "samples": t.n_node_samples.tolist(),
            }
        )
    return {
        "sklearn": sklearn.__version__,
        "max_samples": 32,
        "rows": x.tolist(),
        "trees": trees,
        "scores": (-forest.score_samples(x)).tolist(),
        "average_path_length": {str(n): float(_average_path_length([n])[0]) for n in (1, 2, 3, 10, 256, 1000)},
    }


def scores():
    x = rows(600, 4, 2)
    forest = IsolationForest(n_estimators=200, max_samples=256, random_state=0).fit(x)
    label = np.r_[np.zeros(600), np.ones(30)]
    return {
        "sklearn": sklearn.__version__,
        "rows": x.tolist(),
        "is_outlier": label.astype(int).tolist(),
        "scores": (-forest.score_samples(x)).tolist(),
    }


for name, make in (("small_forest", small), ("scores", scores)):
    (HERE / f"{name}.json").write_text(json.dumps(make(), separators=(",", ":")) + "\n")
