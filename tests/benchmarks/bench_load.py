"""From a file to the first prediction, each time in an interpreter that has imported nothing.

The stack of bench_stack.py, with one epoch of training, which changes nothing about loading: three
LSTM networks and a logistic regression. ``first`` is seconds from the start of the program,
imports included, until one row is predicted; ``load`` is the part of it that reads the file
(imports of what it needs included); ``second`` milliseconds of the next prediction. Pickle and
joblib read files of the same stack; they run whatever a file says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import bench_stack
from _harness import main

FOLDER = "STACKENS_BENCH_FILES"
READERS = {
    "stackens": "import stackens; stack = stackens.load(path + '.stackens')",
    "stackens_warm": "import stackens; stack = stackens.load(path + '.stackens', warm_up=True)",
    "stackens_mmap": "import stackens; stack = stackens.load(path + '.stackens', mmap=True)",
    "pickle": "import pickle; stack = pickle.load(open(path + '.pickle', 'rb'))",
    "joblib": "import joblib; stack = joblib.load(path + '.joblib')",
}
PROGRAM = """
import json, sys, time
started = time.perf_counter()
path = sys.argv[1]
{read}
loaded = time.perf_counter()
import numpy as np
row = np.load(path + '.npy')
stack.predict(row)
first = time.perf_counter()
stack.predict(row)
second = time.perf_counter()
print(json.dumps({{
    'first': first - started, 'load': loaded - started, 'second_ms': 1e3 * (second - first)}}))
"""


def prepare(folder: str) -> None:
    """Fit the stack, and write it in each of the ways."""
    import pickle

    import joblib
    import numpy as np

    import stackens

    X, X_test, y, _ = bench_stack.load()
    learners = [
        (name, stackens.StackedRNNClassifier(**how, epochs=1))
        for name, how in bench_stack.LEARNERS.items()
    ]
    stack = stackens.StackingClassifier(
        learners, bench_stack.final_estimator(), cv=2, random_state=0
    ).fit(X, y)
    path = Path(folder, "stack")
    stackens.save(stack, path.with_suffix(".stackens"))
    path.with_suffix(".pickle").write_bytes(pickle.dumps(stack))
    joblib.dump(stack, path.with_suffix(".joblib"))
    np.save(path.with_suffix(".npy"), X_test[:1])


def measure(name: str) -> dict:
    path = Path(os.environ[FOLDER], "stack")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(read=READERS[name]), str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    suffix = ".stackens" if name.startswith("stackens") else f".{name}"
    found = json.loads(done.stdout.splitlines()[-1])
    return {**found, "kilobytes": path.with_suffix(suffix).stat().st_size / 1024}


SIDES = {name: (lambda name=name: measure(name)) for name in READERS}

if __name__ == "__main__":
    if FOLDER in os.environ:
        main(__file__, SIDES)
    else:
        with tempfile.TemporaryDirectory() as folder:
            prepare(folder)
            os.environ[FOLDER] = folder
            main(__file__, SIDES)
