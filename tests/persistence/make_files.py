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


def estimators() -> dict[str, tuple]:
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
    texts = texts_of_many_words()
    words = make_pipeline(TfidfVectorizer(), LogisticRegression())
    of_texts = (texts, np.arange(len(texts)) % 2, texts[:N_ROWS])
    return {"network": (learner, *data), "stack": (stack, *data), "words": (words, *of_texts)}


def forecaster() -> stackens.NaiveForecaster:
    """Return one whose frequency has holidays."""
    steps = np.arange(40)
    days = pd.offsets.CustomBusinessDay(holidays=["2024-02-27"], weekmask="Mon Tue Wed Thu")
    index = pd.date_range("2024-01-01", periods=len(steps), freq=days, unit="ns")
    return stackens.NaiveForecaster(3).fit(pd.Series(np.sin(steps), index))


def texts_of_many_words() -> list[str]:
    """Return texts of more words than a small vocabulary has, one of each text's own."""
    return [f"word{i} {'even' if i % 2 == 0 else 'odd'} Wörter{i}" for i in range(600)]


def main() -> None:
    predictions = {}
    for name, (estimator, X, y, rows) in estimators().items():
        stackens.save(estimator.fit(X, y), DATA / f"format_4_{name}.stackens")
        predictions[name] = estimator.predict_proba(rows)
    np.savez(DATA / "format_4_predictions.npz", **predictions)
    stackens.save(forecaster(), DATA / "format_4_days.stackens")


if __name__ == "__main__":
    main()
