"""Writes the files of `data/`, which later versions must read: once for each version of the format.

    .venv-oldest/bin/python tests/persistence/make_files.py

The oldest supported versions write them, so that every later one has something to read. Files of an
earlier format are kept as they are; only this version's are written.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import stackens
from stackens.datasets import load_digits_sequences

DATA = Path(__file__).parent / "data"
N_ROWS = 40  # whose predictions are kept


def main() -> None:
    X, y = load_digits_sequences(return_X_y=True)
    rows = np.flatnonzero(y < 3)[:150]
    learner = stackens.StackedRNNClassifier(units=3, epochs=2, random_state=0)
    stack = stackens.StackingClassifier(
        [
            ("lstm", learner),
            ("gru", stackens.StackedRNNClassifier(3, cell="gru", pooling="max", epochs=2)),
            ("linear", make_pipeline(stackens.SequenceFlattener(), LogisticRegression(C=0.01))),
            (
                "forest",
                make_pipeline(
                    stackens.SequenceSummarizer(), RandomForestClassifier(3, max_depth=3)
                ),
            ),
        ],
        cv=2,
        random_state=0,
    )
    kept = {}
    for name, estimator in (("network", learner), ("stack", stack)):
        estimator.fit(X[rows], y[rows])
        stackens.save(estimator, DATA / f"format_1_{name}.stackens")
        kept[name] = estimator.predict_proba(X[:N_ROWS])
    np.savez(DATA / "format_1_predictions.npz", **kept)


if __name__ == "__main__":
    main()
