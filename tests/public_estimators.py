"""One small instance of every public estimator, and data that it can be fitted on."""

from __future__ import annotations

import inspect

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, Ridge

import stackens
import stackens.model_selection
import stackens.text
from stackens.learners.base import NetworkLearner

rng = np.random.default_rng(0)
TABLE = rng.normal(size=(24, 6))
CLASSES = np.arange(24) % 2
VALUES = TABLE[:, 0]
TEXTS = ["a b c", "b c d e"] * 12


def build(meta):
    import keras

    n_outputs = meta["n_outputs_"]
    is_class = "classes_" in meta
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(n_outputs, "sigmoid" if is_class else "linear"),
        ]
    )


def _stack(**options):
    return stackens.StackingClassifier([("linear", LogisticRegression())], cv=2, **options)


def _value_stack(**options):
    return stackens.StackingRegressor([("linear", Ridge())], cv=2, **options)


# Sizes of networks, of which a learner takes those that it has.
_SMALL = {
    "build": build,
    "d_model": 4,
    "epochs": 1,
    "n_heads": 2,
    "n_layers": 1,
    "random_state": 0,
    "units": 2,
}


def _small(cls, **options):
    known = inspect.signature(cls).parameters
    return cls(**{name: value for name, value in _SMALL.items() if name in known}, **options)


# What the constructors need beside, or what makes fits small.
_MADE = {
    "ColumnwiseRegressor": lambda: stackens.ColumnwiseRegressor(Ridge()),
    "DistilledClassifier": lambda: stackens.DistilledClassifier(
        _stack(), _small(stackens.StackedRNNClassifier)
    ),
    "DistilledRegressor": lambda: stackens.DistilledRegressor(_value_stack(), Ridge()),
    "EmbeddingPretrainer": lambda: stackens.EmbeddingPretrainer(
        _small(stackens.StackedRNNClassifier, embedding_dim=2),
        vectorizer=stackens.SequenceVectorizer(max_tokens=8, max_length=4),
    ),
    "GridSearchCV": lambda: stackens.model_selection.GridSearchCV(
        LogisticRegression(), {"C": [1.0, 2.0]}, cv=2
    ),
    "RandomizedSearchCV": lambda: stackens.model_selection.RandomizedSearchCV(
        LogisticRegression(), {"C": [1.0, 2.0]}, cv=2, n_iter=2
    ),
    "SequenceTranslator": lambda: stackens.text.SequenceTranslator(
        8, n_heads=2, n_layers=1, max_length=6, epochs=1, random_state=0
    ),
    "SequenceVectorizer": lambda: stackens.SequenceVectorizer(max_length=4),
    "SlidingWindows": lambda: stackens.SlidingWindows(2),
    "SequencePatcher": lambda: stackens.SequencePatcher(2),
    "StackedRNNLanguageModel": lambda: stackens.text.StackedRNNLanguageModel(
        units=2, window=4, epochs=1, random_state=0
    ),
    "StackingClassifier": _stack,
    "StackingRegressor": _value_stack,
    "WindowForecaster": lambda: stackens.WindowForecaster(Ridge(), window=3),
}

CLASSES_OF_ESTIMATORS = {
    name: cls
    for room in (stackens, stackens.text, stackens.model_selection)
    for name in room.__all__
    if inspect.isclass(cls := getattr(room, name)) and issubclass(cls, BaseEstimator)
}
LEARNERS = [n for n, cls in CLASSES_OF_ESTIMATORS.items() if issubclass(cls, NetworkLearner)]


def make(name):
    """Return an unfitted estimator; a new class that needs more than this is told so here."""
    return _MADE[name]() if name in _MADE else _small(CLASSES_OF_ESTIMATORS[name])


def data_for(name):
    """Return the arguments of ``fit``."""
    if name in ("SequenceVectorizer", "EmbeddingPretrainer"):
        return TEXTS, CLASSES
    if name == "StackedRNNLanguageModel":
        return (TEXTS,)
    if name == "SequenceTranslator":
        return TEXTS, TEXTS
    if name.endswith("Forecaster"):
        return (VALUES,)
    return TABLE, VALUES if name.endswith("Regressor") else CLASSES


TRANSFORMERS = [
    name
    for name, cls in CLASSES_OF_ESTIMATORS.items()
    if cls.__module__.startswith("stackens.preprocessing")
]
