"""Writes the reference values that the tests of `learn` compare with.

    python make.py        # needs scikit-learn 1.9.1 and numpy; writes classes.csv and expected.json beside itself

The data set: 1,500 rows, 6 features (10 % of the values missing), 4 ordered classes from a noisy non-linear score.
Rows 0..999 train, the rest test. scikit-learn's HistGradientBoostingClassifier runs with the same rounds, step,
leaves, leaf size and penalty as the test, without early stopping.
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, log_loss
from sklearn.preprocessing import StandardScaler

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(20260101)
n, d, cut = 1500, 6, 1000
x = np.round(rng.normal(size=(n, d)) * [1, 10, 1, 100, 1, 1], 3)
z = x / [1, 10, 1, 100, 1, 1]
latent = z[:, 0] + 0.8 * np.abs(z[:, 1]) + z[:, 2] * (z[:, 3] > 0) + rng.normal(scale=0.6, size=n)
y = 3 - np.digitize(latent, [-0.5, 0.8, 2.0])
x[rng.random((n, d)) < 0.1] = np.nan

model = HistGradientBoostingClassifier(
    max_iter=60, learning_rate=0.1, max_leaf_nodes=15, min_samples_leaf=20, l2_regularization=1.0, early_stopping=False
).fit(x[:cut], y[:cut])
p = model.predict_proba(x[cut:])

small_y = np.array([0, 1, 1, 2, 0, 2])
small_p = np.array([[.7, .2, .1], [.1, .6, .3], [.3, .3, .4], [.2, .5, .3], [.6, .3, .1], [.05, .15, .8]])
small_given = [0, 1, 2, 1, 0, 2]
hits = [True, False, True, False, True]
xs = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 0.5], [4.0, 3.0], [6.0, 2.5]])
scaler = StandardScaler().fit(xs)
ridge = Ridge(alpha=2.0).fit(scaler.transform(xs), [1.0, 3.0, 2.0, 5.0, 7.0])
slopes = ridge.coef_ / scaler.scale_

expected = {
    "scikit_learn": sklearn.__version__,
    "numpy": np.__version__,
    "test_log_loss": log_loss(y[cut:], p),
    "test_accuracy": accuracy_score(y[cut:], p.argmax(1)),
    "test_macro_f1": f1_score(y[cut:], p.argmax(1), average="macro"),
    "test_average_precision_of_class_0": average_precision_score(y[cut:] == 0, p[:, 0]),
    "small": {
        "log_loss": log_loss(small_y, small_p),
        "brier": float(((small_p - np.eye(3)[small_y]) ** 2).sum(1).mean()),
        "macro_f1": f1_score(small_y, small_given, average="macro"),
        "average_precision": average_precision_score(hits, [0.9, 0.8, 0.7, 0.6, 0.5]),
        "average_precision_ties": average_precision_score(hits, [0.9, 0.5, 0.5, 0.5, 0.1]),
    },
    "ridge": {"slopes": slopes.tolist(), "intercept": float(ridge.intercept_ - slopes @ scaler.mean_)},
}
(here / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
with open(here / "classes.csv", "w", newline="\n") as out:
    out.write(",".join(f"x{i}" for i in range(d)) + ",class\n")
    for row, c in zip(x, y):
        out.write(",".join("" if np.isnan(v) else repr(float(v)) for v in row) + f",{c}\n")
