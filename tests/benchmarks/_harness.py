"""Runs the sides of a comparison in turn, each in its own process, and keeps what they measured.

A benchmark is a script with functions of no arguments, one for each side, that return a dict of
numbers. ``main(__file__, sides)`` runs every side in a fresh process (so that "cold" means: after
imports, nothing traced or compiled yet), one after the other, for a number of rounds, prints
medians, and writes a JSON file into ``docs/benchmarks/results``. Sides of one round run within
minutes of each other: ratios are taken within a round, and their median is reported.

Every side has the same cores and the defaults of its libraries; no thread count is set, unless
the caller's environment does.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "results"
_LIBRARIES = ["stackens", "tensorflow_cpu", "tensorflow", "keras", "scikit-learn", "scikeras"]
_PEERS = ["torch", "skorch", "numpy"]
_ANSWER = "@@"


def main(script: str, sides: Mapping[str, Callable[[], dict]], *, rounds: int = 3) -> None:
    """Run a benchmark, or one of its sides when called as a child."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--only", help="comma-separated names of sides", default="")
    parser.add_argument("--rounds", type=int, default=rounds)
    options = parser.parse_args()
    if options.side:
        print(_ANSWER + json.dumps(sides[options.side]()))
        return
    wanted = [name for name in sides if not options.only or name in options.only.split(",")]
    results: dict[str, list[dict]] = {name: [] for name in wanted}
    for k in range(options.rounds):
        for name in wanted:
            found = run_child(script, name)
            results[name].append(found)
            print(f"round {k + 1}, {name}: {_show(found)}", flush=True)
    name = Path(script).stem.removeprefix("bench_")
    path = RESULTS / f"{name}.json"
    document = json.loads(path.read_text()) if path.exists() and options.only else {"sides": {}}
    document["machine"] = describe_machine()
    document["sides"].update(results)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\n{document['machine']['cpu']}, {document['machine']['cores']} cores")
    for side, rows in results.items():
        print(f"{side}: {_show(medians(rows))}")


def run_child(script: str, side: str) -> dict:
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    done = subprocess.run(
        [sys.executable, script, "--side", side],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith(_ANSWER)]
    if done.returncode or not answers:
        raise RuntimeError(f"side {side!r} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return json.loads(answers[-1].removeprefix(_ANSWER))


def medians(rows: list[dict]) -> dict[str, float]:
    """Return the median of every number over the rounds."""
    return {key: statistics.median(row[key] for row in rows) for key in rows[0]}


def _show(found: Mapping[str, float]) -> str:
    return ", ".join(f"{key} {value:.4g}" for key, value in found.items())


def describe_machine() -> dict:
    """Return processor, cores, and the versions that matter."""
    versions = {}
    for library in _LIBRARIES + _PEERS:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(x.split(":", 1)[1].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def matmul_gflops(n: int = 1024, repeats: int = 10) -> float:
    """Return the machine's rate of float32 matrix products, in GFLOP/s, by NumPy's BLAS."""
    import numpy as np

    a = np.random.default_rng(0).normal(size=(n, n)).astype("float32")
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - started)
    return 2 * n**3 / statistics.median(times) / 1e9


class Stopwatch:
    """``with Stopwatch() as watch: …``; then ``watch.seconds`` and ``watch.cpu_seconds``."""

    def __enter__(self):
        self._started = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self._started[0]
        self.cpu_seconds = time.process_time() - self._started[1]


def best_seconds(run: Callable[[], object], repeats: int) -> float:
    """Return the shortest of several runs."""
    times = []
    for _ in range(repeats):
        with Stopwatch() as watch:
            run()
        times.append(watch.seconds)
    return min(times)
