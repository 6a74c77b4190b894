"""The user's builders and SciKeras objects, alone and in stacks."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scikeras.wrappers import KerasClassifier, KerasRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from stackens import KerasNetworkClassifier, StackingClassifier, StackingRegressor
from stackens.datasets import load_digits_sequences
from stackens.training import TowerLearner, adapt


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
