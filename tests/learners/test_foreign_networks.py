"""The user's builders and SciKeras objects, alone and in stacks."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scikeras.wrappers import KerasClassifier, KerasRegressor
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, check_cv, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from stackens import (
    KerasNetworkClassifier,
    KerasNetworkRegressor,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    StackingRegressor,
    TransformerClassifier,
    TransformerRegressor,
)
from stackens.adapters import adapt
from stackens.datasets import load_digits_sequences
from stackens.training import TowerLearner


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_sequences(return_X_y=True)
    return X[:300], y[:300]


def lstm(meta):
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.LSTM(8),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


def lstm_regressor(meta):
    return keras.Sequential(
        [keras.Input(meta["X_shape_"][1:]), keras.layers.LSTM(8), keras.layers.Dense(1)]
    )


QUICK = {"epochs": 1, "random_state": 0}
SMALL = {"d_model": 4, "n_heads": 2, "n_layers": 1}
CLASSIFIERS = [
    StackedRNNClassifier(4, **QUICK),
    StackedRNNClassifier(4, n_seeds=2, optimizer="sgd", optimizer__clipnorm=1.0, **QUICK),
    TransformerClassifier(**SMALL, **QUICK),
    KerasNetworkClassifier(lstm, **QUICK),
]
REGRESSORS = [
    StackedRNNRegressor(4, **QUICK),
    TransformerRegressor(**SMALL, **QUICK),
    KerasNetworkRegressor(lstm_regressor, **QUICK),
]


def held_by(learner, digits):
    X, y = digits[0][:60], digits[1][:60]
    learner = clone(learner).fit(X, y)
    # Few steps: to trace a graph for every fit and prediction would take most of the time.
    held = learner.keras_estimator_.set_params(run_eagerly=True)
    return learner, held, learner.encode_input(X), y


@pytest.mark.parametrize("learner", CLASSIFIERS, ids=lambda e: type(e).__name__)
def test_the_held_estimator_is_a_classifier_for_scikit_learn(learner, digits):
    _, held, X, y = held_by(learner, digits)
    assert is_classifier(held)
    assert not is_regressor(held)
    assert isinstance(check_cv(3, y, classifier=is_classifier(held)), StratifiedKFold)
    vote = VotingClassifier([("held", held)], voting="soft").fit(X, y)
    assert vote.predict_proba(X).shape == (60, 10)
    assert cross_val_predict(held, X, y, cv=2).shape == (60,)


@pytest.mark.parametrize("learner", REGRESSORS, ids=lambda e: type(e).__name__)
def test_the_held_estimator_is_a_regressor_for_scikit_learn(learner, digits):
    _, held, X, y = held_by(learner, digits)
    assert is_regressor(held)
    assert not is_classifier(held)
    vote = VotingRegressor([("held", held)]).fit(X, y)
    assert vote.predict(X).shape == (60,)
    assert cross_val_predict(held, X, y, cv=2).shape == (60,)


@pytest.mark.parametrize("learner", CLASSIFIERS + REGRESSORS, ids=lambda e: type(e).__name__)
def test_a_copy_of_the_held_estimator_knows_nothing_of_the_rows_it_was_fitted_on(learner, digits):
    learner, held, X, y = held_by(learner, digits)
    before = learner.weights_
    copied = clone(held)  # as cross-validation makes it
    copied.initialize(X, y)
    after = copied.model_.get_weights()
    kernels = [(a, b) for a, b in zip(before, after, strict=True) if a.ndim > 1]
    assert kernels
    assert not any(np.allclose(a, b) for a, b in kernels)
    assert copied.epochs == learner.epochs
    assert copied.batch_size == learner.batch_size
    copied._ensure_compiled_model()
    assert type(copied.model_.optimizer).__name__.lower() == learner.optimizer
    assert float(copied.model_.optimizer.learning_rate) == pytest.approx(learner.learning_rate)


def test_the_held_estimator_can_be_pickled(digits):
    _, held, X, _ = held_by(StackedRNNClassifier(4, **QUICK), digits)
    again = pickle.loads(pickle.dumps(held))
    assert_array_equal(again.predict_proba(X), held.predict_proba(X))


def scikeras_classifier(**parameters):
    settings = {"epochs": 2, "random_state": 0, "loss": "sparse_categorical_crossentropy"}
    return KerasClassifier(lstm, optimizer="adam", **{**settings, **parameters})


def test_one_builder_serves_both(digits):
    X, y = digits
    learner = KerasNetworkClassifier(lstm, epochs=2, random_state=0).fit(X, y)
    assert learner.predict_proba(X[:1]).shape == (1, 10)
    again = pickle.loads(pickle.dumps(learner))
    assert_array_equal(again.predict_proba(X), learner.predict_proba(X))


def test_a_builder_whose_network_changes_is_trained_as_it_is_now(digits):
    X, y = digits
    size = [4]

    def build(meta):
        return keras.Sequential(
            [
                keras.Input((8, 8)),
                keras.layers.Flatten(),
                keras.layers.Dense(size[0]),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )

    learner = KerasNetworkClassifier(build, epochs=1, random_state=0)
    assert learner.fit(X, y).n_parameters_ == 64 * 4 + 4 + 4 * 10 + 10
    size[0] = 7
    assert learner.fit(X, y).n_parameters_ == 64 * 7 + 7 + 7 * 10 + 10


def test_scikeras_object_is_adapted_and_left_as_it_is(digits):
    X, y = digits
    original = scikeras_classifier()
    learner = adapt(original)
    assert isinstance(learner, TowerLearner)
    learner.fit(X, y)
    assert not original.initialized_
    assert learner.predict_proba(X[:1]).shape == (1, 10)
    np.testing.assert_allclose(
        learner.keras_estimator_.predict_proba(X), learner.predict_proba(X), atol=1e-6
    )


def test_scikeras_in_stacks(digits):
    X, y = digits
    stack = StackingClassifier(
        [("keras", scikeras_classifier()), ("keras2", scikeras_classifier(epochs=1))],
        LogisticRegression(max_iter=500),
        cv=3,
    ).fit(X, y)
    assert stack.predict_proba(X[:1]).shape == (1, 10)
    assert stack.out_of_fold_predictions_.matrix.shape == (300, 20)
    piped = make_pipeline(FunctionTransformer(), scikeras_classifier(epochs=1))
    stack = StackingClassifier([("piped", piped)], LogisticRegression(), cv=3).fit(X, y)
    assert stack.predict(X[:1]).shape == (1,)
    regressor = KerasRegressor(lstm_regressor, loss="mse", epochs=1, random_state=0)
    stack = StackingRegressor([("keras", regressor)], cv=3).fit(X, y)
    assert stack.predict(X[:1]).shape == (1,)


def test_scikeras_class_weights_validation_split_and_callbacks(digits):
    X, y = digits
    seen = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    learner = adapt(
        scikeras_classifier(
            class_weight="balanced", validation_split=0.1, callbacks=[callback], batch_size=-1
        )
    )
    learner.fit(X, y)
    assert seen == [0, 1]
    assert "val_loss" in learner.history_


def entropy(y, probabilities):
    return keras.losses.binary_crossentropy(y, probabilities)


@pytest.mark.parametrize(
    ("loss", "n_units"),
    [
        ("binary_crossentropy", 1),
        (keras.losses.BinaryCrossentropy(), 1),
        (keras.losses.BinaryCrossentropy(name="mine", label_smoothing=0.0), 1),
        (keras.losses.binary_crossentropy, 1),
        (keras.losses.BinaryFocalCrossentropy(), 1),
        (entropy, 1),
        (keras.losses.CategoricalCrossentropy(name="mine"), 2),
        (keras.losses.sparse_categorical_crossentropy, 2),
        (keras.losses.SparseCategoricalCrossentropy(name="mine"), 2),
    ],
)
def test_a_loss_counts_by_what_it_is_and_not_by_how_it_is_written(loss, n_units, digits):
    X, y = digits[0][:60], digits[1][:60] % 2

    def build(meta):
        activation = "sigmoid" if n_units == 1 else "softmax"
        layers = [keras.layers.Flatten(), keras.layers.Dense(n_units, activation)]
        return keras.Sequential([keras.Input((8, 8)), *layers])

    learner = KerasNetworkClassifier(build, loss=loss, epochs=30, random_state=0).fit(X, y)
    assert learner.predict_proba(X).shape == (60, 2)
    assert learner.score(X, y) > 0.8


@pytest.mark.parametrize("loss", [keras.losses.BinaryCrossentropy(), "binary_crossentropy"])
def test_a_network_of_ours_has_the_outputs_that_the_loss_wants(loss, digits):
    X, y = digits[0][:60], digits[1][:60] % 2
    learner = StackedRNNClassifier(2, loss=loss, **QUICK).fit(X, y)
    assert learner.weights_[-1].shape == (1,)
