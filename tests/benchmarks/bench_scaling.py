"""What a stack costs against rows, folds, learners, timesteps and units, one at a time.

Two LSTM learners of 32 units, 3 folds and a refit each, 2 epochs of batches of 32, 512 rows of 32
timesteps of 8 features; warm, so that straight lines show the work itself. The slope is that of
seconds against size, both as logarithms: 1 is linear, less is better.
"""

from __future__ import annotations

import functools

import numpy as np
from _harness import best_seconds, main

SIZES = {
    "rows": [512, 1024, 2048, 4096],
    "folds": [2, 4, 8, 16],
    "learners": [1, 2, 4, 8],
    "timesteps": [32, 64, 128, 256],
    "units": [16, 32, 64, 128],
}


def measure(axis):
    from stackens import StackedRNNRegressor, StackingRegressor

    found, seconds = {}, []
    for size in SIZES[axis]:
        work = {"rows": 512, "folds": 3, "learners": 2, "timesteps": 32, "units": 32, axis: size}
        rng = np.random.default_rng(0)
        X = rng.normal(size=(work["rows"], work["timesteps"], 8)).astype("float32")
        learners = [
            (f"lstm{k}", StackedRNNRegressor(work["units"], epochs=2, random_state=k))
            for k in range(work["learners"])
        ]
        stack = StackingRegressor(learners, cv=work["folds"])
        y = X[:, -1, 0]
        stack.fit(X, y)
        seconds.append(best_seconds(functools.partial(stack.fit, X, y), 2))
        found[f"{size}"] = seconds[-1]
    found["slope"] = float(np.polyfit(np.log(SIZES[axis]), np.log(seconds), 1)[0])
    return found


SIDES = {axis: functools.partial(measure, axis) for axis in SIZES}

if __name__ == "__main__":
    main(__file__, SIDES, rounds=1)
