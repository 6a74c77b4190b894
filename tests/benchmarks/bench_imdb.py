"""Film reviews: a whole stack against the tutorial's single network.

25,000 reviews to train and 25,000 to test (Maas et al., 2011), the last 200 of each review's
tokens, a vocabulary of 10,000. The tutorial's network: an embedding, two SimpleRNN(64) and a
sigmoid, 5 epochs of batches of 32 by plain Keras. The stack: three learners of 32 units with an
embedding, 2 epochs, 5 folds and a refit each: 18 networks. Both sides start from the same token
ids, made beforehand as the tutorial's are (their time is given as ``tokens``). The tutorial's are
padded in front, as its network masks nothing (published accuracy: 0.7653).
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
from _harness import Stopwatch, main

VOCABULARY, LENGTH = 10_000, 200


def load():
    from stackens import SequenceVectorizer

    folder = Path(os.environ["STACKENS_DATA"]) / "imdb"
    parts = []
    for name in ("train", "test"):
        with gzip.open(folder / f"imdb_{name}.tsv.gz", "rt", encoding="utf-8") as lines:
            rows = [line.rstrip("\n").split("\t") for line in lines]
        order = np.random.default_rng(0).permutation(len(rows))  # the file is sorted by label
        parts.append(([rows[i][2] for i in order], np.array([int(rows[i][0]) for i in order])))
    (texts, y), (test_texts, y_test) = parts
    with Stopwatch() as watch:
        vectorizer = SequenceVectorizer(max_tokens=VOCABULARY, max_length=LENGTH, truncation="left")
        X, X_test = vectorizer.fit_transform(texts), vectorizer.transform(test_texts)
    return X, y, X_test, y_test, watch.seconds


def stackens():
    import keras  # noqa: F401 - imports are not part of the measurement
    from sklearn.linear_model import LogisticRegression

    from stackens import StackedRNNClassifier, StackingClassifier

    X, y, X_test, y_test, tokens = load()
    common = {
        "units": 32,
        "pooling": "max",
        "vocabulary_size": VOCABULARY,
        "embedding_dim": 32,
        "epochs": 2,
        "learning_rate": 0.004,
        "batch_size": 128,
    }
    learners = [
        ("lstm", StackedRNNClassifier(**common)),
        ("gru", StackedRNNClassifier(**common, cell="gru")),
        ("rnn", StackedRNNClassifier(**common, cell="simple_rnn")),
    ]
    stack = StackingClassifier(learners, LogisticRegression(), random_state=0)
    with Stopwatch() as watch:
        stack.fit(X, y)
    board = stack.leaderboard(X_test, y_test)["test"]
    best = board.drop(["stack", "average"]).max()
    return {
        "seconds": watch.seconds,
        "accuracy": float(board["stack"]),
        "best_learner": float(best),
        "tokens": tokens,
    }


def pad_in_front(X):
    moved = np.zeros_like(X)
    for row, ids in zip(moved, X, strict=True):
        n = np.count_nonzero(ids)
        row[len(row) - n :] = ids[:n]
    return moved


def keras_tutorial():
    import keras

    X, y, X_test, y_test, tokens = load()
    X, X_test = pad_in_front(X), pad_in_front(X_test)
    with Stopwatch() as watch:
        model = keras.Sequential(
            [
                keras.Input((LENGTH,)),
                keras.layers.Embedding(VOCABULARY, 32),
                keras.layers.SimpleRNN(64, return_sequences=True),
                keras.layers.SimpleRNN(64),
                keras.layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        model.fit(X, y, epochs=5, batch_size=32, verbose=0)
    accuracy = model.evaluate(X_test, y_test, batch_size=256, verbose=0)[1]
    return {"seconds": watch.seconds, "accuracy": accuracy, "tokens": tokens}


SIDES = {"stackens": stackens, "keras_tutorial": keras_tutorial}

if __name__ == "__main__":
    main(__file__, SIDES, rounds=1)
