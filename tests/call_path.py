"""Which files of the package a fit and a prediction of a stack pass, in the order of first calls.

    python tests/call_path.py

One learner, two folds. `docs/design.rst` walks the same path, and a test compares the two.
"""

from __future__ import annotations

import gc
import inspect
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import stackens

PACKAGE = Path(stackens.__file__).parent


@contextmanager
def following():
    """Count the calls of each function of the package, by file, in any thread."""
    calls: dict[str, Counter] = {}

    def note(frame, event, argument):
        code = frame.f_code
        if event != "call" or not code.co_flags & inspect.CO_OPTIMIZED:  # a module or a class
            return
        path = Path(code.co_filename)
        if path.is_relative_to(PACKAGE):
            file = path.relative_to(PACKAGE).as_posix()
            calls.setdefault(file, Counter())[code.co_qualname] += 1

    gc.collect()  # what others left behind is no part of the way
    gc.disable()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        gc.enable()


def follow():
    """Return the calls of a fit, and those of a prediction."""
    from sklearn.linear_model import LogisticRegression

    from stackens import StackedRNNClassifier, StackingClassifier
    from stackens.datasets import load_digits_sequences

    X, y = load_digits_sequences(return_X_y=True)
    X, y = X[:100], y[:100]
    learner = StackedRNNClassifier(4, epochs=1, random_state=0)
    stack = StackingClassifier([("lstm", learner)], LogisticRegression(max_iter=1000), cv=2)
    stack.fit(X, y).predict(X)  # what is imported and traced once is no part of the way
    with following() as fit:
        stack.fit(X, y)
    with following() as prediction:
        stack.predict(X)
    return {"fit": fit, "predict": prediction}


if __name__ == "__main__":
    for name, calls in follow().items():
        n_functions = sum(map(len, calls.values()))
        print(f"{name}: {len(calls)} files, {n_functions} functions")
        for file, functions in calls.items():
            print(f"  {file}: {', '.join(functions)}")
