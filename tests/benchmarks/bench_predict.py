"""Predicting with a fitted stack of three LSTM learners: 1, 32, 450 and 10,000 rows.

The work of bench_stack.py, with one epoch of training, which changes nothing about predicting.
Milliseconds a call of ``predict``: the median of many calls, after a first one.
"""

from __future__ import annotations

import statistics

import bench_stack
import numpy as np
from _harness import Stopwatch, main

SIZES = {1: 30, 32: 30, 450: 15, 10_000: 3}


def measure(stack):
    X, X_test, y, _ = bench_stack.load()
    stack.fit(X, y)
    rng = np.random.default_rng(0)
    found = {}
    for size, repeats in SIZES.items():
        rows = X_test[rng.integers(len(X_test), size=size)]
        times = []
        for _ in range(repeats + 1):
            with Stopwatch() as watch:
                stack.predict(rows)
            times.append(watch.seconds * 1e3)
        found[f"ms_{size}"] = statistics.median(times[1:])
    return found


def stackens():
    from stackens import StackedRNNClassifier, StackingClassifier

    learners = [
        (name, StackedRNNClassifier(**how, epochs=1)) for name, how in bench_stack.LEARNERS.items()
    ]
    return measure(StackingClassifier(learners, bench_stack.final_estimator(), random_state=0))


class _FixedShape:
    """A stack whose learners give one row as one dimension: what SciKeras needs to predict it."""

    def __init__(self, stack):
        self.stack = stack

    def fit(self, X, y):
        self.stack.fit(X, y)

    def predict(self, X):
        blocks = [np.atleast_2d(e.predict_proba(X)) for e in self.stack.estimators_]
        return self.stack.final_estimator_.predict(np.hstack(blocks))


def scikeras():
    from sklearn.ensemble import StackingClassifier

    learners = [
        (name, bench_stack.scikeras_learner(how, epochs=1))
        for name, how in bench_stack.LEARNERS.items()
    ]
    stack = StackingClassifier(
        learners, bench_stack.final_estimator(), cv=2, stack_method="predict_proba"
    )
    return measure(_FixedShape(stack))


def skorch():
    from sklearn.ensemble import StackingClassifier

    learners = [
        (name, bench_stack.skorch_learner(how, max_epochs=1))
        for name, how in bench_stack.LEARNERS.items()
    ]
    return measure(
        StackingClassifier(
            learners, bench_stack.final_estimator(), cv=2, stack_method="predict_proba"
        )
    )


SIDES = {"stackens": stackens, "skorch": skorch, "scikeras": scikeras}

if __name__ == "__main__":
    main(__file__, SIDES)
