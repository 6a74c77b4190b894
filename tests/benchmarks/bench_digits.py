"""What a stack of 18 networks costs beside one plain Keras fit, and how good three seeds are.

Run with ``make bench``. Times are cold: after imports, tracing included, both sides in one
process, one after the other. The work: 1,347 digits as 8 steps of 8 features, three LSTM
learners, 5 folds and a refit each, 15 epochs of batches of 32.
"""

from __future__ import annotations

import os
import platform
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from stackens import StackedRNNClassifier, StackingClassifier
from stackens.datasets import load_digits_sequences

EPOCHS, RATE = 15, 0.003


def make_stack(seed):
    size = {"epochs": EPOCHS, "learning_rate": RATE}
    return StackingClassifier(
        [
            ("lstm", StackedRNNClassifier(32, n_layers=2, **size)),
            ("bilstm", StackedRNNClassifier(32, bidirectional=True, **size)),
            ("lstm3", StackedRNNClassifier(32, n_layers=3, **size)),
        ],
        LogisticRegression(max_iter=1000),
        random_state=seed,
    )


def fit_plain_keras(X, y):
    model = keras.Sequential(
        [
            keras.Input((8, 8)),
            keras.layers.LSTM(32, return_sequences=True),
            keras.layers.LSTM(32),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(RATE), "sparse_categorical_crossentropy")
    model.fit(X, y, epochs=EPOCHS, batch_size=32, verbose=0)
    return model


def main():
    X, y = load_digits_sequences(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    started = time.perf_counter()
    make_stack(0).fit(X_train, y_train)
    stack_seconds = time.perf_counter() - started
    started = time.perf_counter()
    fit_plain_keras(X_train, y_train)
    keras_seconds = time.perf_counter() - started
    print(f"{platform.machine()}, {os.cpu_count()} cores, Keras {keras.__version__}")
    print(f"stack, 18 networks: {stack_seconds:.2f} s; one plain Keras fit: {keras_seconds:.2f} s")
    print(f"ratio: {stack_seconds / keras_seconds:.2f}")
    for seed in range(3):
        board = make_stack(seed).fit(X_train, y_train).leaderboard(X_test, y_test)["test"]
        learners = board.drop(["stack", "average"])
        print(f"seed {seed}: stack {board['stack']:.4f}, best learner {learners.max():.4f}")
    rows = X_test[:1]
    stack = make_stack(0).fit(X_train, y_train)
    stack.predict(rows)
    times = []
    for _ in range(50):
        started = time.perf_counter()
        stack.predict(rows)
        times.append(time.perf_counter() - started)
    print(f"predict one row, three learners: {1e3 * np.median(times):.1f} ms")


if __name__ == "__main__":
    main()
