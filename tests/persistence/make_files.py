"""Writes the files of `data/`, which later versions must read: once for each version of the format.

    .venv-oldest/bin/python tests/persistence/make_files.py

The oldest supported versions write them, so that every later one has something to read. Files of an
earlier format are kept as they are; only this version's are written.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import stackens
from stackens.datasets import load_digits_sequences

DATA = Path(__file__).parent / "data"
N_ROWS = 40  # whose predictions are kept


# Of each format, what it brought.


def format_1() -> dict[str, tuple]:
    """Return estimators, with what they are fitted on and what they predict."""
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
    data = (X[rows], y[rows], X[:N_ROWS])
    return {"network": (learner, *data), "stack": (stack, *data)}


def format_2() -> dict[str, tuple]:
    """Return the same: large vocabularies are arrays."""
    texts = texts_of_many_words()
    y = np.arange(len(texts)) % 2
    words = make_pipeline(TfidfVectorizer(), LogisticRegression())
    return {"words": (words, texts, y, texts[:N_ROWS])}


def format_3() -> dict[str, tuple]:
    """Return a forecaster: frequencies of time series are kept with their holidays."""
    steps = np.arange(40)
    days = pd.offsets.CustomBusinessDay(holidays=["2024-02-27"], weekmask="Mon Tue Wed Thu")
    index = pd.date_range("2024-01-01", periods=len(steps), freq=days, unit="ns")
    return {"days": (stackens.NaiveForecaster(3), pd.Series(np.sin(steps), index))}


def texts_of_many_words() -> list[str]:
    """Return texts of more words than a small vocabulary has, one of each text's own."""
    return [f"word{i} {'even' if i % 2 == 0 else 'odd'} Wörter{i}" for i in range(600)]


def main() -> None:
    for name, (estimator, *data) in format_3().items():
        estimator.fit(*data)
        stackens.save(estimator, DATA / f"format_3_{name}.stackens")


if __name__ == "__main__":
    main()
