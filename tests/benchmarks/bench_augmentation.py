"""What changing training rows at random is worth to a recurrent network where rows are few.

    python tests/benchmarks/bench_augmentation.py [--seeds 3] [--sets ERing,…] [--changes none,…]

The LSTM network of ``make_stack`` (bidirectional, on values and their changes, in patches), on the
standard split: accuracy and log loss of its training rows out of fold (5 folds), by which to
choose, and of the test rows, by which nothing was chosen. Seconds are the processor's, of the six
fits and their predictions. What is in ``docs/benchmarks/results/augmentation.json`` with the same
settings is not run again.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np
from _harness import RESULTS
from _runs import Runs, show, write_table
from bench_convolutions import load
from sklearn.base import clone
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

from stackens import SequenceDifferencer, SequencePatcher, SequenceScaler, StackedRNNClassifier

PATCHES = {"ERing": 3, "ArrowHead": 8, "ECG200": 4, "GunPoint": 5, "Libras": 2, "NATOPS": 2}
CHANGES = {
    "none": None,
    "jitter": {"jitter": 0.1},
    "scaling": {"scaling": 0.1},
    "window": {"window": 0.9},
    "time_warp": {"time_warp": 0.2},
    "mixup": {"mixup": 0.2},
    "all but mixup": {"jitter": 0.1, "scaling": 0.1, "window": 0.9, "time_warp": 0.2},
}
SETTINGS = {
    "units": 32,
    "bidirectional": True,
    "pooling": "max",
    "dropout": 0.1,
    "batch_size": 16,
    "epochs": 60,
    "learning_rate": 0.003,
}
SCORES = {"cv_accuracy": 3, "cv_log_loss": 3, "test_accuracy": 3, "test_log_loss": 3}
HEAD = ("set", "changes", "accuracy", "log loss", "test accuracy", "test log loss", "CPU seconds")


def scores(prefix, y, probabilities):
    return {
        f"{prefix}_accuracy": accuracy_score(y, probabilities.argmax(axis=1)),
        f"{prefix}_log_loss": log_loss(y, np.clip(probabilities, 1e-7, 1)),
    }


def measure(data, patch, changes, seed):
    """Return the scores of the network, out of fold and on test rows; training rows are changed."""
    X, labels, X_test, test_labels = data
    classes, y = np.unique(labels, return_inverse=True)
    model = StackedRNNClassifier(**SETTINGS, augmentation=CHANGES[changes], random_state=seed)
    steps = [SequenceDifferencer(), SequenceScaler(), SequencePatcher(patch)]
    network = make_pipeline(*steps, model)
    folds = StratifiedKFold(min(5, np.bincount(y).min()), shuffle=True, random_state=seed)
    out_of_fold = np.zeros((len(y), len(classes)))
    for train, held_out in folds.split(X, y):
        fitted = clone(network).fit(X[train], y[train])
        out_of_fold[held_out] = fitted.predict_proba(X[held_out])
    test = network.fit(X, y).predict_proba(X_test)
    return scores("cv", y, out_of_fold) | scores(
        "test", np.searchsorted(classes, test_labels), test
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", default=",".join(PATCHES))
    parser.add_argument("--changes", default=",".join(CHANGES))
    options = parser.parse_args()
    runs, rows = Runs("augmentation"), []
    for name, patch in PATCHES.items():
        part, data = runs.part(name, {**SETTINGS, "patch": patch, "changes": CHANGES}), None
        for changes in CHANGES:
            wanted = name in options.sets.split(",") and changes in options.changes.split(",")
            for seed in range(options.seeds if wanted else 0):
                data = data or load(name)
                runs.do(part, changes, seed, partial(measure, data, patch, changes, seed))
            found = part.get(changes, {})
            if found:
                means = [show(found, key, digits) for key, digits in SCORES.items()]
                rows.append([name, changes, *means, show(found, "cpu_seconds", 0)])
    title = "The LSTM network, out of fold and on test rows; mean over seeds ± deviation"
    write_table(RESULTS.parent / "augmentation.txt", title, HEAD, rows)


if __name__ == "__main__":
    main()
