"""Reads what another copy of the package wrote, and says in JSON what came of it.

    python read_elsewhere.py FOLDER KEY

FOLDER holds the copy, a file, an entry of a store, and the rows to predict.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from public_estimators import CLASSES_OF_ESTIMATORS, make

import stackens
from stackens.store import data_digest, fit_key, get_fit


def keys_of_all() -> list[str]:
    """Return the keys of fits of all public estimators."""
    data = data_digest([[0.0], [1.0]], [0, 1])
    estimators = [make(name) for name in CLASSES_OF_ESTIMATORS]
    for one in estimators:
        one.set_params(**{p: 0 for p in one.get_params() if p.endswith("random_state")})
    return [str(fit_key(one, data)) for one in estimators]


def main(folder: Path, key: str) -> None:
    stack = stackens.load(folder / "stack.stackens")
    kept = get_fit(stackens.JobStore(folder / "store"), key)
    np.save(folder / "found.npy", stack.predict_proba(np.load(folder / "X.npy")))
    found = {
        "package": stackens.__file__,
        "module": type(stack).__module__,
        "kept": type(kept.estimator[0]).__name__,
        "keys": keys_of_all(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
