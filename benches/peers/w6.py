"""Change points by ruptures on the first series of w6: w6.py PEER DIR [SERIES]. Penalty 3 ln n, scale of the noise 1.

PEER: kernel_linear (exact PELT in C), pelt (exact PELT in Python, jump 1), pelt_jump5 (its default). Prints a line of
JSON: `cpu_s`, `series`, `changes`, `precision` and `recall` within 5 points.
"""

import importlib.metadata
import json
import pathlib
import sys
import time

import numpy as np
import ruptures as rp

peer, folder = sys.argv[1], pathlib.Path(sys.argv[2])
count = int(sys.argv[3]) if len(sys.argv) > 3 else 100
table = np.fromfile(folder / "w6.f64").reshape(-1, 2_000)[:count]
truth = json.loads((folder / "w6_truth.json").read_text())[:count]
kinds = {
    "kernel_linear": lambda: rp.KernelCPD(kernel="linear", min_size=10),
    "pelt": lambda: rp.Pelt(model="l2", min_size=10, jump=1),
    "pelt_jump5": lambda: rp.Pelt(model="l2", min_size=10, jump=5),
}
start = time.process_time()
found = []
for series in table:
    scale = np.median(np.abs(np.diff(series))) / 0.6745 / 2**0.5
    ends = kinds[peer]().fit((series / scale).reshape(-1, 1)).predict(pen=3 * np.log(len(series)))
    found.append([int(end) for end in ends[:-1]])
cpu_s = time.process_time() - start
hits = sum(any(abs(a - b) <= 5 for b in true) for all_found, true in zip(found, truth) for a in all_found)
met = sum(any(abs(a - b) <= 5 for a in all_found) for all_found, true in zip(found, truth) for b in true)
changes, wanted = sum(map(len, found)), sum(map(len, truth))
print(
    json.dumps(
        {
            "version": importlib.metadata.version("ruptures"),
            "cpu_s": cpu_s,
            "series": len(table),
            "changes": changes,
            "precision": hits / max(1, changes),
            "recall": met / max(1, wanted),
        }
    )
)
