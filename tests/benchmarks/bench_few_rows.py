"""The networks that ``make_stack`` gives to few rows, alone, beside published ones.

    python tests/benchmarks/bench_few_rows.py [--seeds 3] [--sets ERing,…] [--networks LSTM-FCN,…]

Standard splits. Seconds are the processor's, of ``fit``, on one core. What is in
``docs/benchmarks/results/networks_of_few_rows.json`` with the same networks is not run again.
"""

from __future__ import annotations

import argparse
import statistics
from functools import partial

import numpy as np
from _accuracy_sets import SETS
from _harness import RESULTS, Stopwatch
from _runs import Runs, show, write_table
from sklearn.base import clone
from sklearn.metrics import log_loss

from stackens.recipes import make_stack

CHANGED = {"jitter": 0.1, "scaling": 0.1, "window": 0.9, "time_warp": 0.2}
NETWORKS = {
    "GRU": ("gru", {}),
    "LSTM-FCN": ("lstm", {}),
    "LSTM-FCN of three seeds": ("lstm", {"n_seeds": 3}),
    "LSTM-FCN on changed rows": ("lstm", {"augmentation": CHANGED}),
    "LSTM-FCN on mixed rows": ("lstm", {"augmentation": {"mixup": 0.2}}),
}
PUBLISHED = ("TWIESN", "ResNet")
FEW = 500  # rows


def learner_of(X, y, network):
    name, options = NETWORKS[network]
    pipeline = clone(dict(make_stack(X, y, budget="best", random_state=0).estimators)[name])
    options = {"n_seeds": 1, **options}
    return pipeline.set_params(**{f"stackedrnnclassifier__{k}": v for k, v in options.items()})


def measure(task, network, seed):
    """Return the accuracy and the log loss of test rows, and the seconds of ``fit``."""
    train, test = ~task.is_test, task.is_test
    X, y = task.X[train], task.y[train]
    learner = learner_of(X, y, network).set_params(stackedrnnclassifier__random_state=seed)
    with Stopwatch() as watch:
        learner.fit(X, y)
    probabilities = learner.predict_proba(task.X[test])
    right = learner.classes_[probabilities.argmax(axis=1)] == task.y[test]
    return {
        "accuracy": float(right.mean()),
        "log_loss": log_loss(
            task.y[test], np.clip(probabilities, 1e-7, 1), labels=learner.classes_
        ),
        "fit_s": watch.cpu_seconds,
    }


def row_of(name, part):
    cells = [name]
    for network in NETWORKS:
        found = part.get(network, {})
        seconds = f" ({show(found, 'fit_s', 1).split(' ')[0]} s)" if found else ""
        cells.append(show(found, "accuracy") + seconds)
    published = SETS[name].published
    return cells + [f"{published[peer]:.3f}" if peer in published else "–" for peer in PUBLISHED]


def over_sets(parts, key, names):
    """Return the means of each network in each set, shape (n_networks, n_sets); NaN if not run."""
    return np.array(
        [
            [
                np.mean([run[key] for run in parts[name][network].values()])
                if parts[name].get(network)
                else np.nan
                for name in names
            ]
            for network in NETWORKS
        ]
    )


def means(parts, key, names):
    return [f"{one:.3f}" for one in over_sets(parts, key, names).mean(axis=1)]


def gains(parts):
    """Return points of accuracy beside the first LSTM-FCN, with the standard error over sets."""
    accuracies = 100 * over_sets(parts, "accuracy", parts)
    gaps = accuracies - accuracies[[*NETWORKS].index("LSTM-FCN")]
    errors = gaps.std(axis=1, ddof=1) / np.sqrt(gaps.shape[1])
    return [
        f"{gap:+.1f} ± {error:.1f}" for gap, error in zip(gaps.mean(axis=1), errors, strict=True)
    ]


def times(parts):
    """Return how many times as long as the first LSTM-FCN each takes, the median over sets."""
    seconds = over_sets(parts, "fit_s", parts)
    ratios = seconds / seconds[[*NETWORKS].index("LSTM-FCN")]
    return [f"{ratio:.1f}" for ratio in np.median(ratios, axis=1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    options = parser.parse_args()
    runs, parts = Runs("networks_of_few_rows"), {}
    for name, entry in SETS.items():
        if entry.kind != "series" or name.startswith("FSDD") or name == "PenDigits":
            continue
        task = entry.load()
        X, y = task.X[~task.is_test], task.y[~task.is_test]
        assert len(y) < FEW
        shown = {one: str(learner_of(X, y, one)) for one in NETWORKS}
        parts[name] = part = runs.part(name, shown)
        if options.sets and name not in options.sets.split(","):
            continue
        for seed in range(options.seeds):
            for network in options.networks.split(","):
                runs.do(part, network, seed, partial(measure, task, network, seed))
    known = [name for name in parts if PUBLISHED[0] in SETS[name].published]
    peers = [statistics.mean(SETS[name].published[peer] for name in known) for peer in PUBLISHED]
    rows = [row_of(name, part) for name, part in parts.items()]
    rows += [
        ["mean of sets with published figures", *means(parts, "accuracy", known)]
        + [f"{one:.3f}" for one in peers],
        ["mean of all sets", *means(parts, "accuracy", parts), "", ""],
        ["log loss, mean of all sets", *means(parts, "log_loss", parts), "", ""],
        ["points beside the LSTM-FCN ± standard error", *gains(parts), "", ""],
        ["times as long, median", *times(parts), "", ""],
    ]
    title = "Test accuracy; mean over seeds ± deviation (seconds of the processor to fit)"
    path = RESULTS.parent / "networks_of_few_rows.txt"
    write_table(path, title, ("set", *NETWORKS, *PUBLISHED), rows)


if __name__ == "__main__":
    main()
