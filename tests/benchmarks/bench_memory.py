"""Anonymous memory that training on a memory map takes, and predicting: 20,000 and 80,000 rows.

One LSTM learner of 8 units, one epoch of batches of 128, on a file of rows of 50 timesteps of 40
features. What is given is the rise of the process's anonymous memory above its level after a
first small fit, at its highest (Linux).
"""

from __future__ import annotations

import functools
import tempfile
import threading
from pathlib import Path

import numpy as np
from _harness import Stopwatch, main

SHAPE = (50, 40)


def anonymous_mib():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


class Watch:
    """Highest anonymous memory while the context lasts."""

    def __enter__(self):
        self.highest, self._done = anonymous_mib(), threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def _look(self):
        while not self._done.wait(0.01):
            self.highest = max(self.highest, anonymous_mib())

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()


def measure(n_rows):
    from stackens import StackedRNNClassifier

    rng = np.random.default_rng(0)
    y = np.arange(n_rows) % 3
    with tempfile.NamedTemporaryFile() as file:
        X = np.memmap(file, "float32", "w+", shape=(n_rows, *SHAPE))
        for start in range(0, n_rows, 5000):
            part = rng.normal(size=(len(X[start : start + 5000]), *SHAPE))
            part[:, :, 0] += y[start : start + 5000, np.newaxis]
            X[start : start + 5000] = part
        X.flush()
        X = np.memmap(file.name, "float32", "r", shape=X.shape)
        learner = StackedRNNClassifier(8, epochs=1, batch_size=128, random_state=0)
        learner.fit(np.array(X[:300]), y[:300]).predict(np.array(X[:300]))
        before = anonymous_mib()
        with Watch() as fitting, Stopwatch() as watch:
            learner.fit(X, y)
        with Watch() as predicting:
            accuracy = float((learner.predict(X) == y).mean())
    return {
        "file_mib": X.nbytes / 2**20,
        "fit_mib": fitting.highest - before,
        "predict_mib": predicting.highest - before,
        "seconds": watch.seconds,
        "accuracy": accuracy,
    }


SIDES = {f"{n:,} rows": functools.partial(measure, n) for n in (20_000, 80_000)}

if __name__ == "__main__":
    main(__file__, SIDES, rounds=1)
