#!/usr/bin/env python3
"""Makes the demo's data: a web service, two disks and a queue, with planted incidents and their truth.

    python3 data/demo/generate.py [--out DIR]     write all files (default: this folder)
    python3 data/demo/generate.py --check         exit 1 when the files in this folder differ from what is made

Python 3.8 or later, standard library only. Everything follows from SEED: the same seed gives the same values. Two
compressors may pack the same values into different bytes, so `--check` compares what is inside the `.gz` files.

Time is UTC, the step is five minutes, and a value belongs to the step that starts at its timestamp.
"""

import argparse
import datetime as dt
import gzip
import io
import json
import math
import pathlib
import random
import sys

SEED = 20260601
START = dt.datetime(2026, 4, 20, tzinfo=dt.timezone.utc)  # a Monday
END = dt.datetime(2026, 6, 1, tzinfo=dt.timezone.utc)  # six weeks later, not included
STEP = dt.timedelta(minutes=5)
PER_HOUR = 12
PER_DAY = 24 * PER_HOUR
STEPS = int((END - START) / STEP)
INSTANCES = ("web-0", "web-1", "web-2")
COLUMNS = ("latency_p95_seconds", "requests_per_second", "error_ratio", "cpu_cores", "memory_bytes")
GIB = 1024.0**3

POSTGRES = "db-0:/var/lib/postgresql"
CACHE = "cache-0:/var/cache/nginx"
POSTGRES_LIMIT = 440_000_000_000
CACHE_LIMIT = 120_000_000_000
CONTINUATIONS = 400  # futures of the filling disk from which the truth interval is taken
CONTINUATION_DAYS = 90


# ---------------------------------------------------------------------------------------------------------------------
# Randomness and time
# ---------------------------------------------------------------------------------------------------------------------


class Noise:
    """Gaussian noise from a named, seeded stream: one stream does not disturb another."""

    def __init__(self, name):
        self.uniform = random.Random(f"{SEED}:{name}").random
        self.kept = None

    def gauss(self):
        """A standard normal value, by Box and Muller's method."""
        if self.kept is not None:
            value, self.kept = self.kept, None
            return value
        radius = math.sqrt(-2.0 * math.log(1.0 - self.uniform()))
        angle = 2.0 * math.pi * self.uniform()
        self.kept = radius * math.sin(angle)
        return radius * math.cos(angle)


class Drift:
    """Noise that remembers: x[t] = memory * x[t-1] + e[t], with the standard deviation `sd` in the long run."""

    def __init__(self, name, memory, sd):
        self.noise, self.memory, self.value = Noise(name), memory, 0.0
        self.push = sd * math.sqrt(1.0 - memory * memory)

    def next(self):
        self.value = self.memory * self.value + self.push * self.noise.gauss()
        return self.value


def at(text):
    """The step number of a time such as `05-13 11:20`."""
    time = dt.datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=dt.timezone.utc)
    return int((time - START) / STEP)


def rfc3339(step):
    return (START + step * STEP).strftime("%Y-%m-%dT%H:%M:%SZ")


def date_of(day):
    """The time `day` days (with a fraction) after the end of the data, to the minute."""
    time = END + dt.timedelta(minutes=round(day * 24 * 60))
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


# ---------------------------------------------------------------------------------------------------------------------
# What is planted
# ---------------------------------------------------------------------------------------------------------------------

WEB = tuple(f"{name}.csv.gz" for name in INSTANCES)
# Identifier, kind, first step, step after the last, files, columns, what should happen, how hard, sentence.
# `alert`: a good detector tells people. `quiet`: it may score the points high, but nobody should be told.
PLANTED = (
    ("blip-web-0", "blip", "05-12 03:15", "05-12 03:20", WEB[:1], COLUMNS[:1], "quiet", "hard",
     "one slow scrape, five minutes long, nothing behind it"),
    ("surge", "surge", "05-13 11:20", "05-13 12:35", WEB + ("traffic.csv.gz",), COLUMNS[:4], "alert", "easy",
     "a campaign brings 1.7 times the traffic; latency triples, errors are twenty times as many, on every instance"),
    ("quiet-day", "holiday", "05-13 20:00", "05-15 04:00", WEB + ("traffic.csv.gz",), COLUMNS[1:2], "quiet", "hard",
     "a public holiday on a Thursday: the traffic of a Sunday, nothing is wrong"),
    ("leak-web-1", "leak", "05-16 06:00", "05-18 03:40", WEB[1:2], ("memory_bytes", "latency_p95_seconds"), "alert",
     "medium", "memory of one instance grows by 2.7 GiB in two days, nearly to its limit of 4 GiB, until it is restarted"),
    ("blip-web-1", "blip", "05-19 21:40", "05-19 21:45", WEB[1:2], COLUMNS[:1], "quiet", "hard",
     "one slow scrape, five minutes long, nothing behind it"),
    ("stuck-web-2", "flatline", "05-20 15:05", "05-20 15:55", WEB, COLUMNS[:2] + COLUMNS[3:], "alert", "medium",
     "one instance stops serving, its gauges freeze, and the two others take over its traffic"),
    ("deploy-slow", "level_shift", "05-21 10:00", "05-23 09:00", WEB, COLUMNS[:1], "alert", "medium",
     "release 4.12.0 makes every request 22 % slower until it is rolled back"),
    ("upstream-outage", "drop", "05-26 18:10", "05-26 18:50", WEB + ("traffic.csv.gz",), COLUMNS[1:2], "alert", "easy",
     "the load balancer before the service fails: 12 % of the traffic arrives"),
    ("blip-web-2", "blip", "05-27 07:25", "05-27 07:30", WEB[2:], COLUMNS[:1], "quiet", "hard",
     "one slow scrape, five minutes long, nothing behind it"),
    ("noisy-neighbour", "variance", "05-28 08:00", "05-28 13:00", WEB[:1], ("latency_p95_seconds", "cpu_cores"), "alert",
     "hard", "another tenant of the machine makes latency and CPU of one instance jump about; their means stay"),
    ("queue-backlog", "backlog", "05-29 13:00", "05-29 15:10", ("queue.csv.gz",), ("queue_depth",), "alert", "easy",
     "the workers stop for 90 minutes; the queue grows and is then worked off"),
    ("night-errors", "slow_burn", "05-30 02:00", "05-30 05:00", WEB[1:2], ("error_ratio",), "alert", "medium",
     "a broken batch client makes four times the errors on one instance, at night, when traffic is low"),
    ("database-slow", "ongoing", "05-31 23:05", "06-01 00:00", WEB, ("latency_p95_seconds", "error_ratio"), "alert", "easy",
     "the database slows down; latency doubles on every instance and still does when the data ends"),
    ("gap-web-1", "gap", "05-08 02:00", "05-08 02:40", WEB[1:2], COLUMNS, "quiet", "easy",
     "eight scrapes failed: rows are missing, nothing is wrong"),
)  # fmt: skip
WHEN = {planted[0]: (at(planted[2]), at(planted[3])) for planted in PLANTED}
HOLIDAY = at("05-14 00:00") // PER_DAY


def during(name, step):
    first, last = WHEN[name]
    return first <= step < last


def part(name, step):
    """How far step lies into an incident, 0 to 1."""
    first, last = WHEN[name]
    return (step - first) / (last - first)


# ---------------------------------------------------------------------------------------------------------------------
# The web service
# ---------------------------------------------------------------------------------------------------------------------


def season(step):
    """Traffic's daily and weekly shape around 1: low at 04:00, peaks after lunch and in the evening, calm weekends."""
    hour = step % PER_DAY / PER_HOUR
    day = step // PER_DAY
    bump = lambda centre, width: math.exp(-0.5 * (((hour - centre + 12) % 24 - 12) / width) ** 2)
    daily = 0.38 + 0.80 * bump(13.5, 3.6) + 0.55 * bump(20.0, 2.2)
    # People do not change their habits at midnight: one day's level goes over into the next from 20:00 to 04:00.
    level = level_of(day)
    if hour < 4.0:
        level += (0.5 - hour / 8.0) * (level_of(day - 1) - level)
    elif hour > 20.0:
        level += (hour - 20.0) / 8.0 * (level_of(day + 1) - level)
    return daily * level


def level_of(day):
    """A day's traffic beside a working day's; the holiday is a Sunday."""
    return 0.66 if day == HOLIDAY else {5: 0.74, 6: 0.66}.get(day % 7, 1.0)


def traffic():
    """Requests per second that reach the service, per step."""
    drift, white = Drift("traffic-drift", 0.97, 0.030), Noise("traffic-white")
    rates = []
    for step in range(STEPS):
        growth = 1.0 + 0.006 * step / (7 * PER_DAY)
        rate = 820.0 * growth * season(step) * math.exp(drift.next() + 0.018 * white.gauss())
        if during("surge", step):
            rate *= 1.0 + 0.7 * math.sin(math.pi * (0.12 + 0.8 * part("surge", step)))
        if during("upstream-outage", step):
            rate *= 0.12
        rates.append(rate)
    return rates


def shares(step, wobble):
    """How the traffic splits over the instances; a stuck instance gets none."""
    raw = [max(0.05, 1.0 + wobble[i].next()) for i in range(len(INSTANCES))]
    if during("stuck-web-2", step):
        raw[2] = 0.0
    return [one / sum(raw) for one in raw]


def web(rates):
    """Rows per instance: (step, latency, requests, errors, cpu, memory); missing steps are left out."""
    wobble = [Drift(f"share-{name}", 0.95, 0.02) for name in INSTANCES]
    splits = [shares(step, wobble) for step in range(STEPS)]
    return {name: instance(index, name, rates, splits) for index, name in enumerate(INSTANCES)}


def instance(index, name, rates, splits):
    streams = {what: Noise(f"{name}-{what}") for what in ("latency", "errors", "cpu", "memory")}
    slow = Drift(f"{name}-latency-drift", 0.9, 0.025)
    rows, frozen = [], None
    for step in range(STEPS):
        requests = rates[step] * splits[step][index]
        load = requests / 480.0  # 1 is where an instance begins to queue
        row = (
            latency(name, step, load, streams["latency"], slow),
            requests,
            errors(name, step, load, streams["errors"]),
            cpu(name, step, requests, streams["cpu"]),
            memory(name, step, load, streams["memory"]),
        )
        if name == "web-2" and during("stuck-web-2", step):
            frozen = frozen or (row[0], 0.0, 0.0, 0.061, row[4])
            row = frozen
        missing = name == "web-1" and (during("gap-web-1", step) or WHEN["leak-web-1"][1] <= step < WHEN["leak-web-1"][1] + 2)
        if not missing:
            rows.append((step,) + row)
    return rows


def latency(name, step, load, noise, slow):
    """Seconds at the 95th percentile. Noise grows with load; the queue shows above a load of about 0.8."""
    spread = 0.030 + 0.045 * min(load, 1.5)
    if name == "web-0" and during("noisy-neighbour", step):
        spread *= 5.0
    value = 0.118 * (1.0 + 0.55 * min(load, 1.6) ** 4) * math.exp(slow.next() + spread * noise.gauss() - 0.5 * spread**2)
    if during("surge", step):
        value *= 1.0 + 1.1 * math.sin(math.pi * (0.15 + 0.75 * part("surge", step)))
    if during("deploy-slow", step):
        value *= 1.22
    if during("database-slow", step):
        value *= 2.1
    if name == "web-1" and during("leak-web-1", step):
        value *= 1.0 + 0.5 * part("leak-web-1", step) ** 3
    if during(f"blip-{name}", step):
        value *= 2.2
    return value


def errors(name, step, load, noise):
    """Ratio of failed requests, 0 to 1."""
    value = 0.0016 * (1.0 + 0.6 * min(load, 1.5) ** 3) * math.exp(0.22 * noise.gauss())
    if during("surge", step):
        value *= 1.0 + 19.0 * math.sin(math.pi * (0.12 + 0.8 * part("surge", step)))
    if during("database-slow", step):
        value *= 6.0
    if name == "web-1" and during("night-errors", step):
        value *= 4.0
    return min(1.0, value)


def cpu(name, step, requests, noise):
    """Cores in use."""
    spread = 0.035
    if name == "web-0" and during("noisy-neighbour", step):
        spread *= 4.0
    return max(0.02, (0.22 + 0.0039 * requests) * (1.0 + spread * noise.gauss()))


def memory(name, step, load, noise):
    """Bytes of the working set: a base, caches that follow the load, the collector's small saw, the leak."""
    saw = 0.055 * ((step + 3 * len(name) + ord(name[-1])) % 9) / 8.0
    value = 1.12 + 0.22 * min(load, 1.5) + saw + 0.012 * noise.gauss()
    if name == "web-1" and during("leak-web-1", step):
        value += 2.7 * part("leak-web-1", step)
    return value * GIB


# ---------------------------------------------------------------------------------------------------------------------
# Disks and queue
# ---------------------------------------------------------------------------------------------------------------------


class Postgres:
    """A database's disk: rows stay, write-ahead and query logs go every night at 03:00."""

    def __init__(self, stream):
        self.kept, self.logs = 178.0e9, 2.0e9
        self.switch(stream)

    def switch(self, stream):
        """From here on, another future."""
        self.noise = Noise(f"postgres-{stream}")
        self.speed = Drift(f"postgres-speed-{stream}", 0.80, 0.22)

    def copy(self, stream):
        twin = Postgres(stream)
        twin.kept, twin.logs, twin.speed.value = self.kept, self.logs, self.speed.value
        return twin

    def next(self, step):
        if step % PER_DAY == 3 * PER_HOUR:
            self.logs *= 0.10
            self.speed.next()
        activity = season(step) / 0.72  # about 1 on average
        self.kept += 4.15e9 / PER_DAY * activity * math.exp(self.speed.value) * (1.0 + 0.3 * self.noise.gauss())
        self.logs += 6.0e9 / PER_DAY * activity * (1.0 + 0.1 * self.noise.gauss())
        return self.kept + self.logs


def filling_disk():
    """The measured part, when it fills in the future that comes, and in possible futures; days after the end."""
    disk = Postgres("history")
    used = [disk.next(step) for step in range(STEPS)]
    actual = days_until_full(disk.copy("what-comes"))
    days = [days_until_full(disk.copy(f"future-{number}")) for number in range(CONTINUATIONS)]
    return used, actual, days


def days_until_full(disk):
    for ahead in range(CONTINUATION_DAYS * PER_DAY):
        if disk.next(STEPS + ahead) >= POSTGRES_LIMIT:
            return ahead / PER_DAY
    raise SystemExit("the filling disk does not fill: mend the generator")


def saw_disk():
    """A cache that is pruned to about 45 % every time it comes near 80 %: it saws, it never fills."""
    noise, used, values = Noise("cache"), 0.55 * CACHE_LIMIT, []
    ceiling = 0.78
    for step in range(STEPS):
        used += 0.155 * CACHE_LIMIT / PER_DAY * season(step) / 0.72 * (1.0 + 0.5 * noise.gauss())
        if used > ceiling * CACHE_LIMIT:
            used = (0.44 + 0.015 * noise.gauss()) * CACHE_LIMIT
            ceiling = 0.78 + 0.012 * noise.gauss()
        values.append(used)
    return values


def queue(rates):
    """Messages that wait: few, more at peaks; a backlog while the workers stand still."""
    noise, drift, backlog, values = Noise("queue"), Drift("queue-drift", 0.8, 0.25), 0.0, []
    stop, end = WHEN["queue-backlog"]
    restart = stop + 90 // 5
    for step in range(STEPS):
        usual = 14.0 * (rates[step] / 820.0) ** 1.5 * math.exp(drift.next() + 0.2 * noise.gauss())
        if stop <= step < restart:
            backlog += 130.0 * rates[step] / 820.0
        elif restart <= step < end:
            backlog = max(0.0, backlog - 320.0)
        else:
            backlog = 0.0
        values.append(round(usual + backlog))
    return values


# ---------------------------------------------------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------------------------------------------------


def web_csv(rows):
    lines = ["timestamp," + ",".join(COLUMNS)]
    for step, slow, requests, wrong, cores, memory_bytes in rows:
        rounded = round(memory_bytes / 1e5) * 100_000
        lines.append(f"{rfc3339(step)},{slow:.5f},{requests:.2f},{wrong:.6f},{cores:.3f},{rounded}")
    return "\n".join(lines) + "\n"


def one_csv(column, values, digits):
    lines = [f"timestamp,{column}"]
    lines += [f"{rfc3339(step)},{value:.{digits}f}" for step, value in enumerate(values)]
    return "\n".join(lines) + "\n"


def disks_csv(disks):
    lines = ["series,timestamp,value"]
    for name, values in disks:
        lines += [f"{name},{rfc3339(step)},{round(value / 1e6) * 1_000_000}" for step, value in enumerate(values)]
    return "\n".join(lines) + "\n"


def truth(actual, days):
    ordered = sorted(days)
    quantile = lambda q: date_of(ordered[round(q * (len(ordered) - 1))])
    incidents = [
        {
            "id": name, "kind": kind, "from": rfc3339(at(first)), "to": rfc3339(at(last)), "files": list(files),
            "columns": list(columns), "expect": expect, "difficulty": difficulty, "says": says,
        }
        for name, kind, first, last, files, columns, expect, difficulty, says in sorted(PLANTED, key=lambda p: p[2])
    ]  # fmt: skip
    return {
        "seed": SEED,
        "start": rfc3339(0),
        "end": rfc3339(STEPS),
        "step": "5m",
        "incidents": incidents,
        "exhaustion": [
            {
                "file": "disks.csv.gz", "series": POSTGRES, "limit": POSTGRES_LIMIT, "unit": "bytes", "runs_out": True,
                "at": date_of(actual), "p10": quantile(0.10), "p50": quantile(0.50), "p90": quantile(0.90),
                "interval": [quantile(0.025), quantile(0.975)],
                "says": f"`at` is the future that comes true; the rest are quantiles over {len(days)} futures of the same process, "
                        "`interval` holds the central 95 %",
            },
            {
                "file": "disks.csv.gz", "series": CACHE, "limit": CACHE_LIMIT, "unit": "bytes", "runs_out": False,
                "at": None, "p10": None, "p50": None, "p90": None, "interval": None,
                "says": "saws between about 44 % and 80 % for ever",
            },
        ],
    }  # fmt: skip


INVENTORY = {
    "volumes": [
        {"series": POSTGRES, "file": "disks.csv.gz", "limit": POSTGRES_LIMIT, "unit": "bytes", "lead_time": "14d"},
        {"series": CACHE, "file": "disks.csv.gz", "limit": CACHE_LIMIT, "unit": "bytes", "lead_time": "14d"},
    ],
    "workloads": [
        {
            "name": "web", "kind": "Deployment", "namespace": "shop", "replicas": len(INSTANCES),
            "files": [f"{name}.csv.gz" for name in INSTANCES],
            "cpu_request_cores": 1.0, "cpu_limit_cores": 4.0,
            "memory_request_bytes": round(3 * GIB), "memory_limit_bytes": round(4 * GIB),
        }
    ],
}  # fmt: skip

EVENTS = [
    ("deploy-4.11.0", "deploy", "05-05 09:30", "web", "release 4.11.0"),
    ("deploy-4.11.1", "deploy", "05-12 13:10", "web", "release 4.11.1"),
    ("deploy-4.12.0", "deploy", "05-21 10:00", "web", "release 4.12.0: new templates for the product page"),
    ("rollback-4.12.0", "rollback", "05-23 09:00", "web", "back to release 4.11.1"),
    ("deploy-4.12.1", "deploy", "05-27 10:20", "web", "release 4.12.1"),
    ("restart-web-1", "restart", "05-18 03:40", "web-1", "restarted by hand, memory near its limit"),
]


def events():
    return [
        {"id": name, "kind": kind, "at": rfc3339(at(when)), "service": service, "says": says}
        for name, kind, when, service, says in sorted(EVENTS, key=lambda event: event[2])
    ]


def fingerprint(labels):
    """Prometheus' fingerprint of a label set: FNV-1a, 64 bits, over sorted names and values, each followed by 0xff."""
    value = 0xCBF29CE484222325
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def webhook(alertname, severity, started, ended, instances, summary, query):
    """A body as Alertmanager's webhook sends it, version 4."""
    shared = {"alertname": alertname, "job": "web", "service": "shop", "severity": severity}
    status = "resolved" if ended else "firing"
    alerts = []
    for name in instances:
        labels = {**shared, "instance": name}
        alerts.append(
            {
                "status": status,
                "labels": dict(sorted(labels.items())),
                "annotations": {"summary": f"{summary} on {name}"},
                "startsAt": rfc3339(at(started)),
                "endsAt": rfc3339(at(ended)) if ended else "0001-01-01T00:00:00Z",
                "generatorURL": f"http://prometheus.example:9090/graph?g0.expr={query}&g0.tab=1",
                "fingerprint": fingerprint(labels),
            }
        )
    common = dict(sorted({**shared, **({"instance": instances[0]} if len(instances) == 1 else {})}.items()))
    return {
        "receiver": "tidewatch",
        "status": status,
        "alerts": alerts,
        "groupLabels": {"alertname": alertname},
        "commonLabels": common,
        "commonAnnotations": {"summary": alerts[0]["annotations"]["summary"]} if len(alerts) == 1 else {},
        "externalURL": "http://alertmanager.example:9093",
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{alertname}"}}',
        "truncatedAlerts": 0,
    }


def webhooks():
    """Alerts of other people's rules about these series, in the order in which they were sent."""
    return [
        webhook("HighErrorRatio", "critical", "05-13 11:35", None, INSTANCES, "more than 1 % of requests fail", "error_ratio%3E0.01"),
        webhook("HighErrorRatio", "critical", "05-13 11:35", "05-13 12:30", INSTANCES, "more than 1 % of requests fail", "error_ratio%3E0.01"),
        webhook("MemoryHigh", "warning", "05-17 20:00", None, INSTANCES[1:2], "working set above 2.5 GiB", "memory_bytes%3E2.5e9"),
        webhook("MemoryHigh", "warning", "05-17 20:00", "05-18 03:50", INSTANCES[1:2], "working set above 2.5 GiB", "memory_bytes%3E2.5e9"),
        webhook("HighLatency", "warning", "05-31 23:15", None, INSTANCES, "95th percentile above 0.2 s", "latency_p95_seconds%3E0.2"),
    ]  # fmt: skip


def contents():
    """File name to text; names ending in `.gz` are compressed when written."""
    rates = traffic()
    instances = web(rates)
    used, actual, days = filling_disk()
    as_json = lambda value: json.dumps(value, indent=2, ensure_ascii=True) + "\n"
    files = {f"{name}.csv.gz": web_csv(rows) for name, rows in instances.items()}
    files["traffic.csv.gz"] = one_csv("requests_per_second", rates, 2)
    files["queue.csv.gz"] = one_csv("queue_depth", queue(rates), 0)
    files["disks.csv.gz"] = disks_csv([(POSTGRES, used), (CACHE, saw_disk())])
    files["truth.json"] = as_json(truth(actual, days))
    files["inventory.json"] = as_json(INVENTORY)
    files["deploys.json"] = as_json(events())
    files["alerts.json"] = as_json(webhooks())
    return files


def pack(text):
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as stream:
        stream.write(text.encode())
    return packed.getvalue()


def differing(folder, files):
    """Names of files in `folder` whose contents are not what `files` says."""
    wrong = []
    for name, text in files.items():
        path = folder / name
        raw = path.read_bytes() if path.exists() else b""
        found = gzip.decompress(raw) if raw and name.endswith(".gz") else raw
        if found != text.encode():
            wrong.append(name)
    return wrong


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Makes the demo's data.")
    parser.add_argument("--out", type=pathlib.Path, default=here, help="folder to write to")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    files = contents()
    if arguments.check:
        wrong = differing(arguments.out, files)
        if wrong:
            sys.exit(f"differ from what the generator makes: {', '.join(wrong)}")
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (arguments.out / name).write_bytes(pack(text) if name.endswith(".gz") else text.encode())


if __name__ == "__main__":
    main()
