"""RandomConvolutions and HydraConvolutions before a ridge classifier, beside aeon's transformers.

    python tests/benchmarks/bench_convolutions.py [--seeds 3] [--sides Hydra] [--aeon PYTHON]

``PYTHON`` is the interpreter of an environment that has aeon, which is no dependency here; without
it, its side is left as it was written. Standard splits; the same scaler and classifier behind both;
one core each. Seconds are the processor's, of the transformer alone on training and test rows, the
shortest of three times; aeon's after its compilation. Of MultiRocket-Hydra, aeon's accuracy is that
of its own classifier, which scales the features of Hydra in another way. aeon takes rows of one
length only: those of JapaneseVowels are padded with zeros for it. A set and seed that is in
``docs/benchmarks/results/convolutions.json`` with the same settings is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

for _library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402 - after the threads were set
from sklearn.linear_model import RidgeClassifierCV  # noqa: E402
from sklearn.pipeline import make_pipeline, make_union  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

UCR = ("GunPoint", "ItalyPowerDemand", "ArrowHead", "BasicMotions")
MORE = ("ECG200", "SyntheticControl", "Plane", "ERing", "Coffee")  # files beside the UCR sets
UEA = ("Libras", "NATOPS", "JapaneseVowels")
REPEATS = 3
SIDES = {
    "MiniRocket": {"n_features": 10_000},
    "MultiRocket": {
        "n_features": 50_000,
        "pooling": ["proportion", "mean", "mean_index", "longest_run"],
        "differences": True,
    },
}
HYDRA = ("Hydra", "MultiRocket-Hydra")  # by default options


def load(name):
    """Return training rows, training labels, test rows, test labels."""
    from stackens import datasets

    if name in MORE:
        with np.load(Path(os.environ["STACKENS_DATA"]) / "ucr_more" / f"{name}.npz") as file:
            X, y, is_test = (file[key] for key in ("X", "y", "is_test"))
        return X[~is_test], y[~is_test], X[is_test], y[is_test]
    loaders = {
        "Libras": datasets.load_libras,
        "NATOPS": datasets.load_natops,
        "JapaneseVowels": datasets.load_japanese_vowels,
    }
    loader = loaders.get(name) or partial(datasets.load_ucr, name)
    return *loader("train", return_X_y=True), *loader("test", return_X_y=True)


def measure(transformer, X, y, X_test, y_test):
    """Return the accuracy of a ridge classifier behind it, and the seconds of the transformer."""
    from _harness import Stopwatch

    def transform():
        table = transformer.fit_transform(X)
        return table, transformer.transform(X_test)

    table, test_table = transform()  # aeon compiles
    times = []
    for _ in range(REPEATS):
        with Stopwatch() as watch:
            transform()
        times.append(watch.cpu_seconds)
    ridge = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-3, 3, 10)))
    return {
        "accuracy": ridge.fit(table, y).score(test_table, y_test),
        "transform_s": min(times),
    }


def ours(side, rows, seed):
    from stackens import HydraConvolutions, RandomConvolutions

    parts = [
        HydraConvolutions(random_state=seed)
        if name == "Hydra"
        else RandomConvolutions(**SIDES[name], random_state=seed)
        for name in side.split("-")
    ]
    return measure(make_union(*parts) if len(parts) > 1 else parts[0], *rows)


def aeons(side, jobs, data, python):
    """Run this file in aeon's interpreter on the same rows; yield what it finds, job after job."""
    with tempfile.TemporaryDirectory() as folder:
        for name in {name for name, _ in jobs}:
            X, y, X_test, y_test = data[name]
            n_steps = max(len(x) for x in (*X, *X_test))
            X, Z = (channels_first(rows, n_steps) for rows in (X, X_test))
            np.savez(Path(folder) / f"{name}.npz", X=X, y=y, Z=Z, z=y_test)
        command = [python, __file__, "--child", side, folder, json.dumps(jobs)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            yield from (json.loads(line) for line in process.stdout if line.startswith("{"))
        if process.returncode:
            raise RuntimeError(f"aeon ended with {process.returncode}")


def channels_first(X, n_steps):
    rows = np.zeros((len(X), np.shape(X[0])[1], n_steps), np.float32)
    for place, row in zip(rows, X, strict=True):
        place[:, : len(row)] = np.asarray(row).T
    return rows


def child(side, folder, jobs):
    from aeon.classification.convolution_based import MultiRocketHydraClassifier
    from aeon.transformations.collection import convolution_based

    for name, seed in json.loads(jobs):
        with np.load(Path(folder) / f"{name}.npz") as file:
            rows = [file[key] for key in ("X", "y", "Z", "z")]
        parts = [
            convolution_based.HydraTransformer(random_state=seed, output_type="numpy")
            if part == "Hydra"
            else getattr(convolution_based, part)(random_state=seed)
            for part in side.split("-")
        ]
        found = measure(Beside(parts), *rows)
        if side == "MultiRocket-Hydra":
            own = MultiRocketHydraClassifier(random_state=seed)
            found["accuracy"] = own.fit(*rows[:2]).score(*rows[2:])
        print(json.dumps(found), flush=True)


class Beside:
    """Features of transformers of aeon side by side; of Hydra, square roots, as it scales them."""

    def __init__(self, parts):
        self.parts = parts

    def fit_transform(self, X):
        return self._join([part.fit_transform(X) for part in self.parts])

    def transform(self, X):
        return self._join([part.transform(X) for part in self.parts])

    def _join(self, tables):
        pairs = zip(self.parts, tables, strict=True)
        return np.hstack([self._read(part, np.asarray(table)) for part, table in pairs])

    @staticmethod
    def _read(part, table):
        is_hydra = type(part).__name__ == "HydraTransformer"
        return np.sqrt(np.maximum(table, 0)) if is_hydra else table


def row_of(name, part, sides):
    """One row of the table, and differences of accuracies and ratios of times beside it."""
    cells, facts = [name], {}
    for side in sides:
        both = [part.get(f"{side} {whose}", {}) for whose in ("ours", "aeon")]
        means = [
            {
                key: statistics.mean(run[key] for run in runs.values())
                for key in next(iter(runs.values()))
            }
            if runs
            else None
            for runs in both
        ]
        cells += [
            f"{one['accuracy']:.3f} ({one['transform_s']:.2f} s)" if one else "–" for one in means
        ]
        if all(means):
            ratio = means[0]["transform_s"] / means[1]["transform_s"]
            facts[side] = (means[0]["accuracy"] - means[1]["accuracy"], ratio)
        cells.append(f"{ratio:.1f}" if all(means) else "–")
    return cells, facts


def main():
    from _harness import RESULTS
    from _runs import Runs, write_table

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", default=",".join(UCR + MORE + UEA))
    parser.add_argument("--sides", default=",".join((*SIDES, *HYDRA)), help="which of them")
    parser.add_argument("--aeon", help="interpreter that has aeon")
    options = parser.parse_args()
    names, sides = options.sets.split(","), options.sides.split(",")
    runs, data = Runs("convolutions"), {name: load(name) for name in names}
    parts = {name: runs.part(name, SIDES) for name in names}
    jobs = [(name, seed) for seed in range(options.seeds) for name in names]
    for side in sides:
        for name, seed in jobs:
            runs.do(parts[name], f"{side} ours", seed, partial(ours, side, data[name], seed))
        done = {name: part.get(f"{side} aeon", {}) for name, part in parts.items()}
        left = [(name, seed) for name, seed in jobs if str(seed) not in done[name]]
        if options.aeon and left:
            found = aeons(side, left, data, options.aeon)
            for (name, seed), one in zip(left, found, strict=True):
                runs.do(parts[name], f"{side} aeon", seed, partial(dict, one))
    rows, facts = zip(*(row_of(name, parts[name], sides) for name in names), strict=True)
    summary = ["mean difference of accuracies, median of times"]
    for side in sides:
        pairs = [found[side] for found in facts if side in found]
        difference = statistics.mean(one for one, _ in pairs) if pairs else float("nan")
        times = statistics.median(one for _, one in pairs) if pairs else float("nan")
        summary += [f"{difference:+.4f}", "", f"{times:.1f}"]
    title = "Test accuracy, mean over seeds (seconds of the transformer)"
    head = ("set", *(f"{side}, {whose}" for side in sides for whose in ("ours", "aeon's", "times")))
    write_table(RESULTS.parent / "convolutions.txt", title, head, [*rows, summary])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
