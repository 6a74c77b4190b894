"""Networks from several seeds, averaged: each is the one that its seed gives alone."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from stackens import (
    JobStore,
    KerasNetworkClassifier,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
)
from stackens.datasets import load_digits_sequences
from stackens.exceptions import InvalidInputError
from stackens.parameters import stream


@pytest.fixture(scope="module")
def data():
    X, y = load_digits_sequences(return_X_y=True)
    keep = y < 3
    return X[keep][:120], y[keep][:120]


def learner(**parameters):
    return StackedRNNClassifier(**{"units": 4, "epochs": 3, "random_state": 7, **parameters})


SEEDS = [7, *(int(stream(7, "member", k).integers(2**31 - 1)) for k in (1, 2))]


@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "patience": 1, "dropout": 0.2}])
def test_the_average_is_that_of_the_networks_alone(data, options):
    X, y = data
    together = learner(n_seeds=3, **options).fit(X, y)
    alone = [learner(random_state=seed, **options).fit(X, y) for seed in SEEDS]
    mean = np.mean([network.predict_proba(X) for network in alone], axis=0)
    np.testing.assert_allclose(together.predict_proba(X), mean, rtol=1e-6)
    assert together.n_parameters_ == 3 * alone[0].n_parameters_
    weights = [w for network in alone for w in network.weights_]
    for a, b in zip(together.weights_, weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert together.best_epoch_ == int(np.median([network.best_epoch_ for network in alone]))
    losses = [network.history_["loss"] for network in alone]
    expected = [  # each epoch over the networks that had it
        np.mean([own[epoch] for own in losses if epoch < len(own)])
        for epoch in range(max(map(len, losses)))
    ]
    assert together.history_["loss"] == pytest.approx(expected)


def test_copies_and_pickles_predict_the_same(data):
    X, y = data
    fitted = learner(n_seeds=2).fit(X, y)
    expected = fitted.predict_proba(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), expected)
    np.testing.assert_array_equal(clone(fitted).fit(X, y).predict_proba(X), expected)
    wrapper = fitted.keras_estimator_
    outputs = wrapper.predict_proba(fitted.encode_input(X))
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_regressors_average_values(data):
    X, _ = data
    y = X[:, :, 0].sum(axis=1)
    kinds = {"units": 4, "epochs": 2}
    together = StackedRNNRegressor(**kinds, n_seeds=2, random_state=7).fit(X, y)
    alone = [StackedRNNRegressor(**kinds, random_state=seed).fit(X, y) for seed in SEEDS[:2]]
    mean = np.mean([network.predict(X) for network in alone], axis=0)
    np.testing.assert_allclose(together.predict(X), mean, rtol=1e-5, atol=1e-6)


def test_every_member_of_a_users_network_is_built_from_its_own_seed(data):
    def build(meta):
        import keras

        inputs = keras.Input((None, 8))
        hidden = keras.layers.LSTM(3)(inputs)
        return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))

    fitted = KerasNetworkClassifier(build, epochs=1, n_seeds=2, random_state=7).fit(*data)
    half = len(fitted.weights_) // 2
    assert not np.allclose(fitted.weights_[0], fitted.weights_[half])


def test_a_stack_trains_all_members_as_towers(data, trained, tmp_path):
    X, y = data
    store = JobStore(tmp_path)
    early = learner(n_seeds=2, early_stopping=True, patience=1, epochs=5)
    stack = StackingClassifier([("a", learner(n_seeds=3)), ("b", early)], cv=3, memory=store)
    stack.fit(X, y)
    assert len(trained) == 4 * 3 + 4 * 2
    assert store.info().n_entries == 20
    expected = cross_val_predict(learner(n_seeds=3), X, y, cv=3, method="predict_proba")
    np.testing.assert_array_equal(stack.out_of_fold_predictions_.blocks["a"], expected)
    del trained[:]
    learner(memory=store, random_state=SEEDS[1]).fit(X, y)  # a member is a network as any other
    learner(memory=store, n_seeds=3).fit(X, y)
    assert trained == []
    learner(memory=store, n_seeds=4).fit(X, y)
    assert len(trained) == 1


def test_what_goes_on_cannot_be_averaged(data):
    with pytest.raises(InvalidInputError, match="n_seeds"):
        learner(n_seeds=2, warm_start=True).fit(*data)
    with pytest.raises(AttributeError) as caught:
        learner(n_seeds=2).partial_fit(*data)
    assert "Set `n_seeds=1`" in str(caught.value.__cause__)
    with pytest.raises(ValueError, match="n_seeds"):
        learner(n_seeds=0).fit(*data)
