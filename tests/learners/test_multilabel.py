"""Rows with several labels."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from stackens import KerasNetworkClassifier, StackedRNNClassifier, StackingClassifier
from stackens.exceptions import InvalidInputError


@pytest.fixture(scope="module")
def data():
    X, y = make_multilabel_classification(200, 12, n_classes=3, random_state=0)
    return (X.reshape(-1, 4, 3) / X.max()).astype("float32"), y


def learner(**parameters):
    size = {"units": 8, "epochs": 30, "learning_rate": 0.02, "random_state": 0}
    return StackedRNNClassifier(**{**size, **parameters})


def test_each_label_has_its_own_probability(data):
    X, y = data
    fitted = learner(early_stopping=True, class_weight="balanced").fit(X, y)
    probabilities = fitted.predict_proba(X)
    assert probabilities.shape == y.shape
    assert (probabilities.sum(axis=1) > 1.2).any()
    np.testing.assert_array_equal(fitted.predict(X), probabilities > 0.5)
    assert f1_score(y, fitted.predict(X), average="micro") > 0.7
    np.testing.assert_array_equal(fitted.predict_proba(X[:1]), probabilities[:1])
    np.testing.assert_allclose(
        fitted.keras_estimator_.predict_proba(fitted.encode_input(X)), probabilities, atol=1e-7
    )
    sparse = learner(early_stopping=True, class_weight="balanced")
    sparse.fit(X, scipy.sparse.csr_matrix(y))
    np.testing.assert_array_equal(sparse.predict_proba(X), probabilities)


def test_a_label_that_nobody_has_is_learnt_too(data):
    X, y = data
    y = np.column_stack([y, np.zeros(len(y), int)])
    fitted = learner().fit(X, y)
    assert not fitted.predict(X)[:, 3].any()


def test_it_equals_a_network_of_ones_own(data):
    import keras

    X, y = data

    def build(meta):
        assert meta["target_type_"] == "multilabel-indicator"
        inputs = keras.Input((None, 3))
        hidden = keras.layers.SimpleRNN(4)(inputs)
        return keras.Model(inputs, keras.layers.Dense(3, activation="sigmoid")(hidden))

    fitted = KerasNetworkClassifier(build, epochs=1, random_state=0).fit(X, y)
    model = build({"target_type_": "multilabel-indicator"})
    model.set_weights(fitted.weights_)
    np.testing.assert_allclose(model.predict(X, verbose=0), fitted.predict_proba(X), atol=1e-6)


def test_partial_fit_goes_on(data):
    X, y = data
    fitted = learner().partial_fit(X, y).partial_fit(X, y)
    assert len(fitted.history_["loss"]) == 2


@pytest.mark.parametrize("n_labels", [2, 3])
def test_a_stack_knows_every_label_of_every_learner(data, n_labels):
    X, y = data[0], data[1][:, :n_labels]
    learners = [("rnn", learner(epochs=3)), ("gru", learner(cell="gru", epochs=3))]
    final = MLPClassifier((8,), max_iter=50, random_state=0)
    with pytest.warns(match="Maximum iterations"):
        stack = StackingClassifier(learners, final, cv=3).fit(X, y)
    blocks = stack.out_of_fold_predictions_.blocks
    assert {name: block.shape for name, block in blocks.items()} == {
        "rnn": (200, n_labels),
        "gru": (200, n_labels),
    }
    assert stack.predict(X).shape == y.shape
    assert stack.transform(X[:2]).shape == (2, 2 * n_labels)
    tree = stack.with_final_estimator(DecisionTreeClassifier(max_depth=2))
    assert is_classifier(tree)
    assert tree.predict(X).shape == y.shape


def test_a_loss_of_one_class_is_refused(data):
    with pytest.raises(InvalidInputError, match="several labels"):
        learner(loss="sparse_categorical_crossentropy").fit(*data)
    with pytest.raises(ValueError, match="1d array"):
        learner().fit(data[0], np.random.default_rng(0).integers(0, 4, (200, 2)))


@pytest.mark.parametrize(
    "final",
    [
        DecisionTreeClassifier(max_depth=3, random_state=0),
        MLPClassifier((8,), solver="lbfgs", max_iter=2000, tol=1e-2, random_state=0),
    ],
    ids=["list", "array"],
)
def test_a_stack_predicts_the_probability_of_each_label(data, final):
    X, y = data
    table = X.reshape(len(X), -1)
    y = np.column_stack([y, np.zeros(len(y), int)])  # a label that nobody has
    learners = [("tree", DecisionTreeClassifier(max_depth=3, random_state=0))]
    stack = StackingClassifier(learners, final, cv=3).fit(table, y)
    found = stack.final_estimator_.predict_proba(stack.transform(table))
    if isinstance(found, list):
        found = [part[:, 1] if part.shape[1] == 2 else 0 * part[:, 0] for part in found]
        found = np.column_stack(found)
    probabilities = stack.predict_proba(table)
    np.testing.assert_array_equal(probabilities, found)
    assert ((probabilities > 0.5) == stack.predict(table)).mean() > 0.99


def test_a_stack_takes_a_sparse_indicator(data):
    X, y = data
    table = X.reshape(len(X), -1)
    learners = [("tree", DecisionTreeClassifier(max_depth=3, random_state=0))]
    stack = StackingClassifier(learners, DecisionTreeClassifier(random_state=0), cv=3)
    expected = clone(stack).fit(table, y).predict(table)
    np.testing.assert_array_equal(
        stack.fit(table, scipy.sparse.csr_matrix(y)).predict(table), expected
    )
    np.testing.assert_array_equal(stack.out_of_fold_predictions_.y, y)
