"""A search over the final estimator with a store: 16 candidates beside one.

Plain scikit-learn ``GridSearchCV`` with 5 outer folds over a stack of two LSTM learners with 5
inner folds, on 1,347 handwritten digits as 8 timesteps of 8 features, 15 epochs of batches of 32.
"one" has one candidate and "sixteen" sixteen values of the final estimator's ``C``, each with a
store that is empty at first; "again" is the same search of sixteen once more, with all networks in
the store. ``trained`` is the number of networks that were trained, counted at the entries made.
"""

from __future__ import annotations

import tempfile

import numpy as np
from _harness import Stopwatch, main
from bench_stack import BATCH, EPOCHS, LEARNERS, RATE, final_estimator, load

N_FOLDS = 5


def search(n_candidates, store):
    from sklearn.model_selection import GridSearchCV

    from stackens import StackedRNNClassifier, StackingClassifier

    learners = [
        (
            name,
            StackedRNNClassifier(
                options["units"],
                bidirectional=options["bidirectional"],
                epochs=EPOCHS,
                batch_size=BATCH,
                learning_rate=RATE,
                random_state=0,
            ),
        )
        for name, options in list(LEARNERS.items())[:2]
    ]
    stack = StackingClassifier(learners, final_estimator(), cv=N_FOLDS, memory=store)
    grid = {"final_estimator__C": np.logspace(-3, 2, n_candidates)}
    return GridSearchCV(stack, grid, cv=N_FOLDS)


def measure(n_candidates, *, again=False):
    import keras  # noqa: F401 - imports are not part of the measurement

    from stackens.store import JobStore

    X, X_test, y, y_test = load()
    with tempfile.TemporaryDirectory() as folder:
        store = JobStore(folder)
        if again:
            search(n_candidates, store).fit(X, y)
        before = store.info().n_entries
        estimator = search(n_candidates, store)
        with Stopwatch() as watch:
            estimator.fit(X, y)
        info = store.info()
    return {
        "seconds": watch.seconds,
        "accuracy": estimator.score(X_test, y_test),
        "trained": info.n_entries - before,
        "store_kib": info.n_bytes / 1024,
    }


SIDES = {
    "one": lambda: measure(1),
    "sixteen": lambda: measure(16),
    "again": lambda: measure(16, again=True),
}

if __name__ == "__main__":
    main(__file__, SIDES)
