"""An exported stack of three LSTM learners in a process that has NumPy only, beside the stack.

The learners of bench_stack.py, one epoch of training, which changes nothing about predicting. A
fresh interpreter loads the file and predicts one row: seconds from its start, the shortest of
several, and the CPU seconds of that. Modules other than NumPy's and the standard library's cannot
be imported there. Then milliseconds a call of ``predict_proba``, the median of many. ``graph``
does the same with a pickle of the stack itself. ``sizes`` are bytes of files.
"""

from __future__ import annotations

import gzip
import json
import pickle
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import bench_stack
import numpy as np
from _harness import main

STARTS, SLOW_STARTS = 25, 3
BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras", "sklearn", "scipy", "joblib"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
"""
CHILD = """
import json, sys, time
import numpy as np
rows = np.load(sys.argv[2])
{load}
predictor.predict_proba(rows[:1])
found = {{"wall": time.time(), "start_cpu_s": time.process_time()}}
if sys.argv[3] == "calls":
    for size, repeats in ((1, 200), (32, 50), (450, 10)):
        times = []
        for _ in range(repeats):
            started = time.perf_counter()
            outputs = predictor.predict_proba(rows[:size])
            times.append(1e3 * (time.perf_counter() - started))
        found[f"ms_{{size}}"] = sorted(times)[repeats // 2]
    np.save(sys.argv[2], outputs)
print(json.dumps(found))
"""
LOAD_NUMPY = "import stackens.portable; predictor = stackens.portable.load(sys.argv[1])"
LOAD_PICKLE = "import pickle; predictor = pickle.load(open(sys.argv[1], 'rb'))"


def fitted_stack():
    from stackens import StackedRNNClassifier, StackingClassifier

    X, X_test, y, _ = bench_stack.load()
    learners = [
        (name, StackedRNNClassifier(**how, epochs=1)) for name, how in bench_stack.LEARNERS.items()
    ]
    final = bench_stack.final_estimator()
    return StackingClassifier(learners, final, cv=2, random_state=0).fit(X, y), X_test


def measure(code, model, rows, folder, n_starts):
    """Start interpreters with a model; return times, and what the last one predicted."""
    kept = folder / "rows.npy"
    starts = []
    for number in range(n_starts):
        np.save(kept, rows)
        task = "calls" if number == n_starts - 1 else "first"
        started = time.time()
        done = subprocess.run(
            [sys.executable, "-c", code, str(model), str(kept), task],
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        starts.append((found.pop("wall") - started, found["start_cpu_s"]))
    wall, cpu = (min(times) for times in zip(*starts, strict=True))
    return {**found, "start_s": wall, "start_cpu_s": cpu}, np.load(kept)


def numpy_only():
    from stackens import export_numpy

    stack, rows = fitted_stack()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export_numpy(stack, folder / "model", rows)
        code = BLOCK + textwrap.dedent(CHILD.format(load=LOAD_NUMPY))
        found, outputs = measure(code, folder / "model", rows, folder, STARTS)
    return {**found, "apart": float(np.abs(outputs - stack.predict_proba(rows)).max())}


def graph():
    stack, rows = fitted_stack()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model").write_bytes(pickle.dumps(stack))
        code = textwrap.dedent(CHILD.format(load=LOAD_PICKLE))
        return measure(code, folder / "model", rows, folder, SLOW_STARTS)[0]


def sizes():
    import joblib

    from stackens import export_numpy

    stack, _ = fitted_stack()
    found = {"parameters": sum(e.n_parameters_ for e in stack.estimators_)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export_numpy(stack, folder / "numpy")
        (folder / "pickle").write_bytes(pickle.dumps(stack))
        joblib.dump(stack, folder / "joblib")
        joblib.dump(stack, folder / "joblib_3", compress=3)
        contents = {file.name: file.read_bytes() for file in folder.iterdir()}
        archives = []
        for k, learner in enumerate(stack.estimators_):
            learner.keras_estimator_.model_.save(folder / f"{k}.keras")
            archives.append((folder / f"{k}.keras").read_bytes())
    contents["keras"] = b"".join(archives)
    for name, content in contents.items():
        found[name] = len(content)
        found[f"{name}_gzip"] = len(gzip.compress(content))
    return found


SIDES = {"numpy": numpy_only, "graph": graph, "sizes": sizes}

if __name__ == "__main__":
    main(__file__, SIDES, rounds=3)
