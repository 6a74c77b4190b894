"""How well a time limit is kept: three LSTM learners on digits, limits of 4, 8 and 16 seconds.

The stack of ``bench_stack.py`` with 100 epochs takes several times as long. ``over`` is how much
longer than the limit ``fit`` took, in parts of the limit; what is traced and compiled once is part
of the time. ``covered`` is the part of the rows that train the final estimator.
"""

from __future__ import annotations

import warnings

from _harness import Stopwatch, main
from bench_stack import BATCH, LEARNERS, RATE, final_estimator, load

EPOCHS, LIMITS = 100, (4, 8, 16)


def measure(limit):
    import keras  # noqa: F401 - imports are not part of the measurement

    from stackens import StackedRNNClassifier, StackingClassifier

    X, X_test, y, y_test = load()
    size = {"epochs": EPOCHS, "learning_rate": RATE, "batch_size": BATCH}
    learners = [(name, StackedRNNClassifier(**how, **size)) for name, how in LEARNERS.items()]
    stack = StackingClassifier(learners, final_estimator(), random_state=0, time_limit=limit)
    with Stopwatch() as watch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stack.fit(X, y)
    return {
        "seconds": watch.seconds,
        "limit": limit,
        "over": watch.seconds / limit - 1,
        "learners": len(stack.estimators_),
        "covered": float((stack.coverage_ > 0).mean()),
        "accuracy": stack.score(X_test, y_test),
    }


SIDES = {f"limit_{limit}": lambda limit=limit: measure(limit) for limit in LIMITS}

if __name__ == "__main__":
    main(__file__, SIDES)
