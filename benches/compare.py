"""Runs Tidewatch and other programs on the same files, in turns, and writes the figures to benches/RESULTS.md.

usage: compare.py [--only w1,w1process,...] [--repeat 3] [--scale 1.0] [--data DIR] [--out FILE] [--python PYTHON]

`make bench-peers` makes the Python environment of the peers (benches/peers/requirements.txt) and calls this with it.
Time is CPU time, user and system, so that a busy machine does less harm; memory is the peak of the whole process. The
sides take turns within every repetition; the median and, in brackets, least and greatest are written.

A workload is one entry of WORKLOADS: its files, our command, the peers' scripts from the strongest to the weakest, and
what is shown of the JSON line that each prints. `{bench}`, `{tidewatch}`, `{python}`, `{peers}` and `{data}` are filled in.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BENCH = ["{bench}"]


def peer(script, name, *more):
    return ["{python}", f"{{peers}}/{script}.py", name, "{data}", *more]


# what is shown: title, figure of one run, digits
PROCESS = [("process CPU s", lambda run: run["process_s"], 2), ("peak MB", lambda run: run["peak_mb"], 0)]
FOREST = [
    ("fit CPU ms", lambda run: run["fit_s"] * 1e3, 1),
    ("rows per CPU s, thousands", lambda run: run["rows"] / run["score_s"] / 1e3, 0),
    ("1 row, CPU us", lambda run: run["one_row_us"], 1),
    ("1,000 rows, CPU us", lambda run: run["thousand_rows_us"], 0),
    ("AUC", lambda run: run["auc"], 3),
    ("AP", lambda run: run["ap"], 3),
]
STREAM = [
    ("points per CPU s, thousands", lambda run: run["points"] / run["cpu_s"] / 1e3, 1),
    ("KB per series", lambda run: run.get("kb_per_series", float("nan")), 1),
    ("AUC", lambda run: run["auc"], 3),
    ("AP", lambda run: run["ap"], 3),
]
CHANGES = [
    ("series per CPU s", lambda run: run["series"] / run["cpu_s"], 1),
    ("precision", lambda run: run["precision"], 3),
    ("recall", lambda run: run["recall"], 3),
]

WORKLOADS = {
    "w1": {
        "title": "W1: isolation forest, 100 trees of 256 rows, {rows:,} rows of 8 numbers, one thread",
        "files": "w1",
        "labels": "w1",
        "ours": [*BENCH, "w1", "{data}"],
        "peers": {"scikit-learn": peer("w1", "sklearn"), "isotree": peer("w1", "isotree")},
        "shown": FOREST,
    },
    "w1process": {
        "title": "W1 as a whole process: Parquet in, scores as Parquet out, one thread",
        "files": "w1",
        "ours": ["{tidewatch}", "isolate", "{data}/w1.parquet", "-o", "{data}/ours_out.parquet", "--quiet"],
        "peers": {
            "scikit-learn": peer("w1", "sklearn", "process"),
            "isotree": peer("w1", "isotree", "process"),
        },
        "shown": PROCESS,
    },
    "w1threads": {
        "title": "W1 on two threads: CPU seconds must stay what they are on one",
        "files": "w1",
        "labels": "w1",
        "ours": [*BENCH, "w1", "{data}"],
        "threads": 2,
        "peers": {},
        "shown": FOREST,
    },
    "w5forest": {
        "title": "W5: streaming forests, one model for each series, score a point, then learn it",
        "files": "w5",
        "labels": "w5",
        "ours": [*BENCH, "w5forest", "{data}"],
        "peers": {
            "rcf3 OnlineIForest": peer("w5", "rcf3_online"),
            "krcf (30 x 256)": peer("w5", "krcf_small"),
            "rcf3 (50 x 256, shingle 8)": peer("w5", "rcf3", "3"),
            "krcf (50 x 256, shingle 8)": peer("w5", "krcf", "3"),
        },
        "shown": STREAM,
    },
    "w5light": {
        "title": "W5: the light model (calibrated scores, expected range and reasons for every point)",
        "files": "w5",
        "labels": "w5",
        "ours": [*BENCH, "w5light", "{data}"],
        "peers": {},
        "shown": STREAM,
    },
    "w6": {
        "title": "W6: exact change points of the mean, 2,000 points",
        "files": "w6",
        "ours": [*BENCH, "w6", "{data}"],
        "peers": {
            "ruptures KernelCPD linear (C)": peer("w6", "kernel_linear"),
            "ruptures Pelt l2, jump 5": peer("w6", "pelt_jump5", "3"),
        },
        "shown": CHANGES,
    },
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(WORKLOADS), help="workloads, with commas between them")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each side")
    parser.add_argument("--scale", type=float, default=1.0, help="size of the workloads")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "target" / "bench-data")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "RESULTS.md")
    parser.add_argument("--python", default=sys.executable, help="Python of the peers")
    parser.add_argument("--bench", help="built benches/workload.rs; cargo builds it when not given")
    parser.add_argument("--tidewatch", help="built tidewatch; cargo builds it when not given")
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    unknown = [name for name in names if name not in WORKLOADS]
    if unknown:
        parser.error(f"unknown workload {', '.join(unknown)}; there are: {', '.join(WORKLOADS)}")
    places = {
        "bench": arguments.bench or built("bench", "--bench", "workload", "--no-run"),
        "tidewatch": arguments.tidewatch or built("build", "--release", "--bin", "tidewatch"),
        "python": arguments.python,
        "peers": str(HERE / "peers"),
        "data": str(arguments.data),
    }
    generate(arguments, sorted({WORKLOADS[name]["files"] for name in names}))
    sections = [measure(name, WORKLOADS[name], places, arguments) for name in names]
    arguments.out.write_text(page(arguments, sections))
    print(f"written: {arguments.out}")


def built(*arguments):
    """Builds with cargo; the path of the program."""
    command = [os.environ.get("CARGO", "cargo"), *arguments, "--locked", "--message-format", "json-render-diagnostics"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    programs = [message["executable"] for message in map(json.loads, lines) if message.get("executable")]
    return programs[-1]


def generate(arguments, files):
    stamp = arguments.data / "scale.json"
    wanted = {name: arguments.scale for name in files}
    present = json.loads(stamp.read_text()) if stamp.exists() else {}
    missing = [name for name in files if present.get(name) != arguments.scale]
    if missing:
        command = [arguments.python, str(HERE / "peers" / "gen.py"), str(arguments.data), "--only", ",".join(missing)]
        subprocess.run([*command, "--scale", str(arguments.scale)], check=True)
        stamp.write_text(json.dumps({**present, **wanted}))


def run(command, threads):
    """One run: the JSON line it printed last, with CPU seconds and peak memory of the process."""
    limits = ["RAYON_NUM_THREADS", "POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    environment = {**os.environ, **{name: str(threads) for name in limits}}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        lines = output.read().strip().splitlines()
    if process.returncode != 0:
        sys.exit(f"failed with {process.returncode}: {' '.join(command)}")
    line = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    return {**line, "process_s": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}


def measure(name, workload, places, arguments):
    sides = {"Tidewatch": workload["ours"], **workload["peers"]}
    runs = {side: [] for side in sides}
    for repetition in range(arguments.repeat):
        for side, command in sides.items():
            print(f"{name} {repetition + 1}/{arguments.repeat}: {side}", flush=True)
            done = run([word.format(**places) for word in command], workload.get("threads", 1))
            if "labels" in workload:
                done.update(quality(arguments, workload["labels"], done["scores"]))
            runs[side].append(done)
    return name, workload, runs


def quality(arguments, labels, scores):
    """Area under the ROC curve and average precision."""
    code = """
import json, sys, numpy as np, pyarrow.parquet as pq
from sklearn.metrics import average_precision_score, roc_auc_score
label = pq.read_table(sys.argv[1])["label"].to_numpy()
score = np.nan_to_num(np.fromfile(sys.argv[2]))
if len(score) < len(label):
    # the first series only, time-major; the first 300 times are for warming up
    label = label.reshape(2_000, -1)[300:, : len(score) // 2_000].ravel()
    score = score.reshape(2_000, -1)[300:].ravel()
print(json.dumps({"auc": roc_auc_score(label, score), "ap": average_precision_score(label, score)}))
"""
    files = [str(arguments.data / f"{labels}_labels.parquet"), str(arguments.data / scores)]
    return json.loads(subprocess.run([arguments.python, "-c", code, *files], check=True, capture_output=True).stdout)


def figure(values, digits):
    middle = statistics.median(values)
    text = f"{middle:,.{digits}f}"
    if min(values) == max(values):
        return text
    return f"{text} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def page(arguments, sections):
    lines = [
        "# Tidewatch beside others: measured figures",
        "",
        "Written by `make bench-peers`. CPU seconds, user and system; medians, least and greatest in brackets. All sides ran",
        f"in turns on the same files, {arguments.repeat} times; scale {arguments.scale:g}.",
        "",
        *machine(arguments),
    ]
    for _, workload, runs in sections:
        titles = [title for title, _, _ in workload["shown"]]
        title = workload["title"].format(rows=int(1_000_000 * arguments.scale))
        lines += ["", f"## {title}", "", "| | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
        for side, done in runs.items():
            cells = [figure([shown(one) for one in done], digits) for _, shown, digits in workload["shown"]]
            version = done[0].get("version", "")
            lines.append("| " + " | ".join([f"{side} {version}".strip(), *cells]) + " |")
    return "\n".join(lines) + "\n"


def machine(arguments):
    model, flags = platform.processor() or platform.machine(), set()
    if pathlib.Path("/proc/cpuinfo").exists():
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                model = value.strip()
            if key.strip() == "flags":
                flags = set(value.split())
    wide = [name for name in ["avx2", "avx512f", "avx512bw"] if name in flags]
    python = subprocess.run([arguments.python, "-V"], capture_output=True, text=True, check=True).stdout.strip()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return [
        f"- processor: {model}, {os.cpu_count()} processors, {', '.join(wide) or 'no wide vectors'}",
        f"- system: {platform.system()} {platform.release()}, {python}, load at the end {load}",
    ]


if __name__ == "__main__":
    main()
