"""What goes wrong in recurrent networks, and what each remedy does about it, on real data.

    STACKENS_DATA=FOLDER python tests/benchmarks/reproduce_remedies.py [--seeds 3]

Overlearning: sentiment from 1,000 film reviews, cut to their last 60 tokens, tested on 4,000. A
two-layer LSTM knows its training rows by heart; each remedy is added alone, with the settings and
the epochs of all others. Gradients: handwritten digits read pixel by pixel, 64 steps of one
number, and with 64 empty steps behind them. Cost: the reviews again, cut to fewer tokens, and
narrower networks. Settings are common ones, none is chosen by a test row; the search chooses by
cross-validation on the training rows. What is done is in
``docs/benchmarks/results/remedies.json``, and is not done again.
"""

from __future__ import annotations

import argparse
import functools

import numpy as np
from _harness import RESULTS, Stopwatch
from _runs import Runs, show, write_table
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from stackens import SequenceVectorizer, StackedRNNClassifier
from stackens.datasets import load_digits_sequences, load_imdb
from stackens.exceptions import TrainingDivergedError
from stackens.model_selection import GridSearchCV

FOLDER = RESULTS.parent
N_REVIEWS, N_TEST, VOCABULARY = 1000, 4000, 5000

# ---- overlearning -------------------------------------------------------------------------------

REVIEWS = {
    "units": 32,
    "n_layers": 2,
    "vocabulary_size": VOCABULARY,
    "embedding_dim": 32,
    "epochs": 10,
    "batch_size": 64,
    "learning_rate": 0.005,
    "metrics": ["accuracy"],
}
OVERLEARNING = {
    "none": {},
    "dropout=0.5": {"dropout": 0.5},
    "recurrent_dropout=0.3": {"recurrent_dropout": 0.3},
    "l2=0.001": {"l2": 1e-3},
    "l1=0.0001": {"l1": 1e-4},
    'normalization="layer"': {"normalization": "layer"},
    'normalization="batch"': {"normalization": "batch"},
    "early_stopping=True": {"early_stopping": True, "validation_fraction": 0.2, "patience": 2},
    "smaller: units=4, n_layers=1": {"units": 4, "n_layers": 1},
    "n_seeds=3": {"n_seeds": 3},
}
GRID = {"dropout": [0.0, 0.5], "learning_rate": [0.001, 0.005]}


@functools.lru_cache(maxsize=1)
def read_imdb():
    imdb = load_imdb()
    return imdb.data, imdb.target, imdb.is_test


@functools.lru_cache(maxsize=8)
def reviews(seed, max_length):
    texts, y, is_test = read_imdb()
    rng = np.random.default_rng(seed)
    train = rng.choice(np.flatnonzero(~is_test), N_REVIEWS, replace=False)
    test = rng.choice(np.flatnonzero(is_test), N_TEST, replace=False)
    vectorizer = SequenceVectorizer(VOCABULARY, max_length=max_length, truncation="left")
    return (
        vectorizer.fit_transform(texts[train]),
        y[train],
        vectorizer.transform(texts[test]),
        y[test],
    )


def scores(learner, X, y, X_test, y_test):
    probabilities = learner.predict_proba(X_test)
    return {
        "train": float(learner.score(X, y)),
        "test": float((learner.classes_[probabilities.argmax(axis=1)] == y_test).mean()),
        "test_loss": float(log_loss(y_test, probabilities)),
        "parameters": int(learner.n_parameters_),
    }


def overlearn(changes, seed):
    X, y, X_test, y_test = reviews(seed, 60)
    learner = StackedRNNClassifier(**{**REVIEWS, **changes}, random_state=seed).fit(X, y)
    return scores(learner, X, y, X_test, y_test)


def search(seed):
    X, y, X_test, y_test = reviews(seed, 60)
    learner = StackedRNNClassifier(**REVIEWS, random_state=seed)
    found = GridSearchCV(learner, GRID, cv=3, scoring="neg_log_loss").fit(X, y)
    return {**scores(found.best_estimator_, X, y, X_test, y_test), "chosen": found.best_params_}


# ---- gradients ----------------------------------------------------------------------------------

PIXELS = {"units": 32, "cell": "simple_rnn", "epochs": 25, "batch_size": 64, "learning_rate": 0.003}
VANISHING = {
    "small random recurrent weights": {"recurrent__recurrent_initializer": "random_normal"},
    'recurrent__recurrent_initializer="glorot_uniform"': {
        "recurrent__recurrent_initializer": "glorot_uniform"
    },
    'recurrent__recurrent_initializer="orthogonal"': {
        "recurrent__recurrent_initializer": "orthogonal"
    },
    'cell="lstm"': {"cell": "lstm", "learning_rate": 0.01},
    'cell="gru"': {"cell": "gru", "learning_rate": 0.01},
    'cell="lstm", pooling="max"': {"cell": "lstm", "learning_rate": 0.01, "pooling": "max"},
}
PAUSES = {"vanishing": 0, "vanishing, with a pause": 64}
RELU = {
    "recurrent__recurrent_initializer": "identity",
    "recurrent__activation": "relu",
    "optimizer": "sgd",
    "optimizer__momentum": 0.9,
    "epochs": 60,
}
EXPLODING = {
    "no clipping": RELU,
    "optimizer__clipnorm=1": {**RELU, "optimizer__clipnorm": 1.0},
    "optimizer__global_clipnorm=1": {**RELU, "optimizer__global_clipnorm": 1.0},
    "optimizer__clipvalue=0.1": {**RELU, "optimizer__clipvalue": 0.1},
}


def read_pixels(changes, pause, seed):
    """Learn from digits read pixel by pixel, with so many empty steps behind them."""
    X, y = load_digits_sequences(return_X_y=True)
    X = np.pad(X.reshape(len(X), 64, 1), ((0, 0), (0, pause), (0, 0)))
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=seed)
    learner = StackedRNNClassifier(**{**PIXELS, **changes}, random_state=seed)
    try:
        learner.fit(X, y)
    except TrainingDivergedError:
        return {"train": None, "test": None, "largest_loss": None, "diverged": 1}
    found = scores(learner, X, y, X_test, y_test)
    return {**found, "largest_loss": max(learner.history_["loss"]), "diverged": 0}


# ---- cost ---------------------------------------------------------------------------------------

COST = {
    "200 tokens, 2 layers of 64": (200, {"units": 64}),
    "200 tokens, 2 layers of 16": (200, {"units": 16}),
    "200 tokens, 1 layer of 16": (200, {"units": 16, "n_layers": 1}),
    "50 tokens, 2 layers of 64": (50, {"units": 64}),
    "25 tokens, 2 layers of 64": (25, {"units": 64}),
}


def cost(max_length, changes, seed):
    X, y, X_test, y_test = reviews(seed, max_length)
    learner = StackedRNNClassifier(**{**REVIEWS, "epochs": 4, **changes}, random_state=seed)
    learner.set_params(epochs=1).fit(X[:64], y[:64])  # traces and compiles
    learner.set_params(epochs=4)
    with Stopwatch() as watch:
        learner.fit(X, y)
    return {**scores(learner, X, y, X_test, y_test), "fit_seconds": round(watch.seconds, 2)}


# ---- all ----------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    runs = Runs("remedies")
    parts = {
        **{
            name: runs.part(name, {"network": PIXELS, "changes": VANISHING, "pause": pause})
            for name, pause in PAUSES.items()
        },
        "exploding": runs.part("exploding", {"network": PIXELS, "changes": EXPLODING}),
        "overlearning": runs.part("overlearning", {"network": REVIEWS, "changes": OVERLEARNING}),
        "cost": runs.part("cost", {"network": REVIEWS, "changes": COST}),
        "search": runs.part("search", {"network": REVIEWS, "grid": GRID}),
    }
    for seed in range(parser.parse_args().seeds):
        todo = [
            *(
                (part, n, read_pixels, (c, pause, seed))
                for part, pause in PAUSES.items()
                for n, c in VANISHING.items()
            ),
            *(("exploding", n, read_pixels, (c, 0, seed)) for n, c in EXPLODING.items()),
            *(("overlearning", n, overlearn, (c, seed)) for n, c in OVERLEARNING.items()),
            *(("cost", n, cost, (*c, seed)) for n, c in COST.items()),
            ("search", "GridSearchCV", search, (seed,)),
        ]
        for part, name, function, arguments in todo:
            runs.do(parts[part], name, seed, functools.partial(function, *arguments))
            write(parts)
    write(parts)


def _code(name: str) -> str:
    return f"``{name}``" if "=" in name else name


def write(parts) -> None:
    ways = [*OVERLEARNING, "GridSearchCV"]
    both = {**parts["overlearning"], **parts["search"]}
    rows = [(_code(name), *(show(both.get(name, {}), k) for k in _COLUMNS)) for name in ways]
    head = ("remedy", "training accuracy", "test accuracy", "test log loss")
    write_table(FOLDER / "remedies_overlearning.txt", "1,000 film reviews", head, rows)
    rows = [
        (_code(name), *(show(parts[part].get(name, {}), "test") for part in PAUSES))
        for name in VANISHING
    ]
    head = ("network", "64 steps", "64 steps and a pause of 64")
    title = "Test accuracy, digits pixel by pixel"
    write_table(FOLDER / "remedies_vanishing.txt", title, head, rows)
    rows = []
    for name in EXPLODING:
        found = parts["exploding"].get(name, {})
        losses = [r["largest_loss"] for r in found.values() if r["largest_loss"] is not None]
        largest = f"{max(losses):.3g}" if losses else "–"
        diverged = f"{sum(r['diverged'] for r in found.values())} of {len(found)}"
        rows.append((_code(name), show(found, "test"), largest, diverged))
    head = ("clipping", "test accuracy", "largest loss of an epoch", "stopped by an infinite loss")
    write_table(FOLDER / "remedies_exploding.txt", "Digits, pixel by pixel", head, rows)
    rows = [(name, *(show(parts["cost"].get(name, {}), k, d) for k, d in _COSTS)) for name in COST]
    head = ("network", "seconds of a fit", "parameters", "test accuracy")
    write_table(FOLDER / "remedies_cost.txt", "1,000 film reviews, 4 epochs", head, rows)


_COLUMNS = ("train", "test", "test_loss")
_COSTS = (("fit_seconds", 2), ("parameters", 0), ("test", 3))

if __name__ == "__main__":
    main()
