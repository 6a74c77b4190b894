"""The same seed gives the same numbers as it did when they were written down.

They are in ``same_numbers.json``, written by ``python tests/test_same_numbers.py``: out-of-fold
predictions and predictions of stacks, losses and weights of a translator and a language model, and
forecasts. Whoever changes the order of batches, a seed, a split or a start of weights sees it here.
The last digits depend on the processor; they are compared to three.
"""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stackens import (
    KerasNetworkClassifier,
    NaiveForecaster,
    SequenceFlattener,
    SequenceScaler,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    StackingRegressor,
    TransformerClassifier,
    WindowForecaster,
)
from stackens.datasets import load_digits_sequences
from stackens.text import SequenceTranslator, StackedRNNLanguageModel

FILE = Path(__file__).parent / "same_numbers.json"
SOURCE = ["one two", "two three one", "three", "one one two", "two", "three two one"] * 3
TARGET = ["deux un", "un trois deux", "trois", "deux un un", "deux", "un deux trois"] * 3
TEXTS = ["the cat sat on the mat.\n", "a dog sat on a log.\n", "the dog and the cat ran.\n"] * 4

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::stackens.exceptions.SentenceLengthWarning"),
]


def two_layers(meta):
    return keras.Sequential(
        [
            keras.Input((None, meta["n_features_in_"])),
            keras.layers.LSTM(5, return_sequences=True),
            keras.layers.LSTM(5),
            keras.layers.Dense(meta["n_classes_"]),
        ]
    )


def make_stack(**options):
    common = {"epochs": 3, "batch_size": 16, "random_state": 0}
    rnn = StackedRNNClassifier
    learners = [
        ("lstm", rnn(6, n_layers=2, bidirectional=True, dropout=0.2, **common)),
        ("gru", rnn(6, cell="gru", early_stopping=True, validation_fraction=0.2, **common)),
        ("seeds", rnn(4, cell="simple_rnn", n_seeds=2, **common)),
        ("shared", rnn(6, n_layers=3, layer_sharing="all", **common)),
        ("own", KerasNetworkClassifier(two_layers, **common)),
        ("transformer", TransformerClassifier(8, n_heads=2, **common)),
        ("scaled", make_pipeline(SequenceScaler(), rnn(4, recurrent_dropout=0.2, **common))),
        ("linear", make_pipeline(SequenceFlattener(), StandardScaler(), LogisticRegression())),
    ]
    final = LogisticRegression(max_iter=500)
    return StackingClassifier(learners, final, cv=2, random_state=0, **options)


def stack_numbers(**options):
    X, y = load_digits_sequences(return_X_y=True)
    stack = make_stack(**options).fit(X[:150], y[:150])
    return {
        "out of fold": stack.out_of_fold_predictions_.matrix[::25],
        "probabilities": stack.predict_proba(X[150:160]),
        "losses": stack.named_estimators_["gru"].history_["loss"],
        "best epoch": [stack.named_estimators_["gru"].best_epoch_],
    }


def regressor_numbers():
    X, y = load_digits_sequences(return_X_y=True)
    weights = np.linspace(0.5, 2, 120)
    learners = [
        ("rnn", StackedRNNRegressor(5, epochs=3, loss="huber", random_state=1)),
        ("patient", StackedRNNRegressor(5, epochs=3, early_stopping=True, random_state=2)),
    ]
    stack = StackingRegressor(learners, Ridge(), cv=2, predict_with="folds")
    stack.fit(X[:120], y[:120], sample_weight=weights)
    return {"predictions": stack.predict(X[120:130])}


def sizes_of_kernels(weights):
    # Of biases, some have no gradient but rounding, which Adam makes as large as any other.
    return [np.abs(weight).mean() for weight in weights if weight.ndim > 1]


def translator_numbers():
    model = SequenceTranslator(
        8, n_heads=2, epochs=4, batch_tokens=20, early_stopping=True, random_state=0
    ).fit(SOURCE, TARGET)
    return {
        "losses": model.history_["loss"],
        "watched": model.history_["val_loss"],
        "kernels": sizes_of_kernels(model.weights_),
    }


def language_model_numbers():
    model = StackedRNNLanguageModel(
        8, embedding_dim=4, batch_size=3, window=16, epochs=3, dropout=0.1, random_state=0
    ).fit(TEXTS)
    return {
        "losses": model.history_["loss"],
        "kernels": sizes_of_kernels(model.weights_),
        "score": [model.score(TEXTS)],
    }


def forecaster_numbers():
    steps = np.arange(90)
    y = 30 + 3 * np.sin(steps * np.pi / 6) + np.random.default_rng(0).normal(size=90)
    network = StackedRNNRegressor(4, epochs=3, random_state=0)
    stack = StackingRegressor(
        [("rnn", network), ("linear", make_pipeline(SequenceFlattener(), Ridge()))],
        Ridge(),
        cv=TimeSeriesSplit(2),
    )
    forecaster = WindowForecaster(stack, 12, 3).fit(y)
    lower, upper = np.moveaxis(np.asarray(forecaster.predict_interval(coverage=0.8)), -1, 0)
    return {
        "forecast": forecaster.predict(),
        "lower": lower,
        "upper": upper,
        "naive": NaiveForecaster(3, sp=12).fit(y).predict(),
    }


KINDS = {
    "stack": stack_numbers,
    "regressor": regressor_numbers,
    "translator": translator_numbers,
    "language model": language_model_numbers,
    "forecaster": forecaster_numbers,
}


def as_lists(numbers):
    return {k: np.asarray(v, float).round(7).tolist() for k, v in numbers.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_those_written_down(kind):
    expected, found = json.loads(FILE.read_text())[kind], KINDS[kind]()
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-4, err_msg=name)


if __name__ == "__main__":
    FILE.write_text(json.dumps({k: as_lists(f()) for k, f in KINDS.items()}, indent=1) + "\n")
