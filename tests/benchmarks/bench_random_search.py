"""A random search of 30 candidates on 5 folds: all at once, one by one, and over SciKeras.

One architecture, LSTM(32), on 1,347 handwritten digits as 8 timesteps of 8 features, 10 epochs of
batches of 32. Drawn are learning rate, dropout, weight decay (AdamW) and seed: 150 fits and a
refit. "stackens" is ``stackens.model_selection.RandomizedSearchCV``, "one_by_one" scikit-learn's
over the same learner, and "scikeras" scikit-learn's over the same network in SciKeras. ``checksum``
is the mean of all 150 scores: those of the first two must be equal.
"""

from __future__ import annotations

import numpy as np
from _harness import Stopwatch, main
from bench_stack import BATCH, load

N_CANDIDATES, N_FOLDS, EPOCHS, UNITS = 30, 5, 10, 32


def space(prefix, random_state):
    from scipy.stats import loguniform, randint, uniform

    return {
        f"{prefix}learning_rate": loguniform(1e-3, 1e-2),
        "dropout" if not prefix else "model__dropout": uniform(0, 0.4),
        "optimizer__weight_decay": loguniform(1e-5, 1e-2),
        random_state: randint(0, 1000),
    }


def measure(cls, estimator, distributions):
    X, X_test, y, y_test = load()
    search = cls(estimator, distributions, n_iter=N_CANDIDATES, cv=N_FOLDS, random_state=0)
    with Stopwatch() as watch:
        search.fit(X, y)
    results = search.cv_results_
    splits = [results[f"split{k}_test_score"] for k in range(N_FOLDS)]
    return {
        "seconds": watch.seconds,
        "accuracy": search.score(X_test, y_test),
        "checksum": float(np.mean(splits)),
    }


def learner():
    import keras  # noqa: F401 - imports are not part of the measurement

    from stackens import StackedRNNClassifier

    return StackedRNNClassifier(UNITS, optimizer="adamw", epochs=EPOCHS, batch_size=BATCH)


def stackens():
    from stackens.model_selection import RandomizedSearchCV

    return measure(RandomizedSearchCV, learner(), space("", "random_state"))


def one_by_one():
    from sklearn.model_selection import RandomizedSearchCV

    return measure(RandomizedSearchCV, learner(), space("", "random_state"))


def scikeras():
    import keras
    from scikeras.wrappers import KerasClassifier
    from sklearn.model_selection import RandomizedSearchCV

    def build(dropout):
        return keras.Sequential(
            [
                keras.Input((8, 8)),
                keras.layers.LSTM(UNITS, dropout=dropout),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )

    network = KerasClassifier(
        build,
        model__dropout=0.0,
        loss="sparse_categorical_crossentropy",
        optimizer="adamw",
        epochs=EPOCHS,
        batch_size=BATCH,
        verbose=0,
    )
    return measure(RandomizedSearchCV, network, space("optimizer__", "random_state"))


SIDES = {"stackens": stackens, "one_by_one": one_by_one, "scikeras": scikeras}

if __name__ == "__main__":
    main(__file__, SIDES, rounds=1)
