"""Saves every estimator that a run of the tests fits, and loads each in a fresh process.

    ROUND_TRIPS=folder PYTHONPATH=tests python -m pytest -p round_trips tests/ensemble
    python tests/round_trips.py folder

The plugin looks behind every outermost `fit` of a public estimator: it writes the estimator by
`save`, and beside it what it predicts for what it was fitted on. What `save` refuses with an
InvalidInputError is counted; any other error there, and any difference later, is a failure.
"""

from __future__ import annotations

import functools
import os
import pickle
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

METHODS = ("predict_proba", "predict", "transform")
_state = {"depth": 0, "test": ""}


def pytest_configure(config):
    folder = Path(os.environ["ROUND_TRIPS"])
    folder.mkdir(parents=True, exist_ok=True)
    from public_estimators import CLASSES_OF_ESTIMATORS

    for cls in CLASSES_OF_ESTIMATORS.values():
        for base in cls.__mro__:  # where it is written, once
            if base.__module__.startswith("stackens.") and "fit" in vars(base):
                if not hasattr(base.fit, "__wrapped_for_round_trips__"):
                    base.fit = _watched(base.fit, folder)
                break


def pytest_runtest_setup(item):
    _state["test"], _state["seen"] = item.nodeid, set()


def _watched(fit, folder):
    @functools.wraps(fit)
    def watched(self, X=None, *args, **kwargs):
        _state["depth"] += 1
        try:
            done = fit(self, X, *args, **kwargs)
        finally:
            _state["depth"] -= 1
        kind = type(self).__name__
        if not _state["depth"] and kind not in _state.setdefault("seen", set()):
            _state["seen"].add(kind)
            _state["depth"] += 1
            try:
                _keep(self, X, folder)
            finally:
                _state["depth"] -= 1
        return done

    watched.__wrapped_for_round_trips__ = True
    return watched


def predictions(estimator, X):
    """Return the method's name and its result; an error by its type, which must be the same."""
    for method in METHODS:
        if hasattr(estimator, method):
            try:
                return method, getattr(estimator, method)(X)
            except Exception as error:
                return method, type(error).__name__
    return None, None


def _keep(estimator, X, folder):
    import stackens
    from stackens.exceptions import InvalidInputError

    number = f"{os.getpid()}-{len(list(folder.iterdir()))}"
    outcome = {"test": _state["test"], "type": type(estimator).__name__, "error": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            stackens.save(estimator, folder / f"{number}.stackens")
            outcome |= {"X": X, "expected": predictions(estimator, X)}
            data = pickle.dumps(outcome)
        except InvalidInputError as error:
            data = pickle.dumps({**outcome, "refused": str(error)})
        except Exception as error:
            outcome = {k: outcome[k] for k in ("test", "type")}
            data = pickle.dumps({**outcome, "error": f"{type(error).__name__}: {error}"})
    (folder / f"{number}.pickle").write_bytes(data)


def same(found, expected):
    if hasattr(expected, "toarray"):
        found, expected = found.toarray(), expected.toarray()
    if hasattr(expected, "to_numpy"):  # a frame or series of pandas
        return type(found) is type(expected) and found.equals(expected)
    if isinstance(expected, np.ndarray) and expected.dtype.hasobject:
        found, expected = list(found), list(expected)
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(same, found, expected))
    try:
        np.testing.assert_equal(found, expected)
    except AssertionError:
        return False
    return True


def main(folder):
    """Load each in this process, and compare."""
    import stackens

    counts, failures = Counter(), []
    for path in sorted(folder.glob("*.pickle")):
        kept = pickle.loads(path.read_bytes())
        what = f"{kept['type']} of {kept['test']}"
        if kept["error"] is not None:
            failures.append(f"{what}: save: {kept['error']}")
        elif "refused" in kept:
            counts["refused"] += 1
            print(f"refused: {what}: {kept['refused'][:200]}")
        else:
            counts["loaded"] += 1
            try:
                file = path.with_suffix(".stackens")
                trusted = stackens.file_info(file).untrusted_types
                method, found = predictions(stackens.load(file, trusted=trusted), kept["X"])
                if not same((method, found), kept["expected"]):
                    failures.append(f"{what}: `{method}` is another")
            except Exception as error:
                failures.append(f"{what}: load: {type(error).__name__}: {error}")
    print(dict(counts), f"{len(failures)} failures")
    print("\n".join(failures))
    return bool(failures) or not counts["loaded"]


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent)]
    warnings.simplefilter("ignore")
    sys.exit(main(Path(sys.argv[1])))
