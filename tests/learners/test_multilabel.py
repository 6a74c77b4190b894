"""Rows with several labels."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import KFold
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from stackens import (
    ConvexBlendClassifier,
    KerasNetworkClassifier,
    StackedRNNClassifier,
    StackingClassifier,
)
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


LEARNERS = {
    "forest": RandomForestClassifier(5, random_state=0),
    "neighbours": KNeighborsClassifier(3),
    "perceptron": MLPClassifier((4,), solver="lbfgs", max_iter=2000, tol=1e-2, random_state=0),
    "each": MultiOutputClassifier(DecisionTreeClassifier(max_depth=2, random_state=0)),
    "piped": make_pipeline(StandardScaler(), KNeighborsClassifier(3)),
    "network": StackedRNNClassifier(units=3, epochs=8, learning_rate=0.1, random_state=0),
}


@pytest.fixture(scope="module")
def uneven():
    """A table and labels that everybody has, nobody has, one row has, and all but one have."""
    X, y = make_multilabel_classification(60, 12, n_classes=2, random_state=0)
    one = np.arange(60) == 0
    y = np.column_stack([y, np.ones(60), np.zeros(60), one, ~one]).astype(int)
    return X / X.max(), y


@pytest.mark.parametrize("predict_with", ["refit", "folds"])
@pytest.mark.parametrize("final", ["forest", "neighbours", "perceptron"])
@pytest.mark.parametrize("names", [[name] for name in LEARNERS] + [["network", "forest", "each"]])
def test_a_stack_takes_labels_that_are_constant_in_a_fold(uneven, names, final, predict_with):
    X, y = uneven
    learners = [(name, LEARNERS[name]) for name in names]
    stack = StackingClassifier(learners, LEARNERS[final], cv=KFold(3), predict_with=predict_with)
    stack.fit(X, y)
    for name in names:
        assert stack.out_of_fold_predictions_.blocks[name].shape == y.shape
        if name != "network":
            assert stack.out_of_fold_predictions_.blocks[name][:, 2].min() > 0.99
    assert stack.transform(X[:5]).shape == (5, y.shape[1] * len(names))
    probabilities = stack.predict_proba(X)
    assert probabilities.shape == y.shape
    assert probabilities[:, 2].min() > 0.9
    assert probabilities[:, 3].max() < 0.1
    np.testing.assert_array_equal(stack.predict(X)[:, 2:4], y[:, 2:4])


def test_labels_of_a_stack_are_named_as_in_the_target(uneven):
    X, y = uneven
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    stack = StackingClassifier([("tree", tree)], tree, cv=3)
    expected = clone(stack).fit(X, y[:, :3])
    signs = clone(stack).fit(X, 2 * y[:, :3] - 1)
    np.testing.assert_array_equal(signs.predict(X), 2 * expected.predict(X) - 1)
    assert {tuple(classes) for classes in signs.classes_} == {(-1, 1)}
    prefit = StackingClassifier([("tree", clone(tree).fit(X, y))], tree, cv="prefit").fit(X, y)
    np.testing.assert_array_equal(prefit.predict(X)[:, 2:4], y[:, 2:4])
    np.testing.assert_array_equal(prefit.predict_proba(X)[:, 2], 1)

    names = np.where(y[:, 0], "yes", "no")
    prefit = StackingClassifier([("tree", clone(tree).fit(X, names))], tree, cv="prefit")
    assert set(prefit.fit(X, names).predict(X)) == {"yes", "no"}


@pytest.mark.parametrize("final", [None, LogisticRegression(), ConvexBlendClassifier()])
def test_a_final_estimator_of_one_label_is_refused_before_training(uneven, final, monkeypatch):
    monkeypatch.setattr(DecisionTreeClassifier, "fit", lambda *args: pytest.fail("trained"))
    stack = StackingClassifier([("tree", DecisionTreeClassifier())], final)
    with pytest.raises(InvalidInputError, match=r"several labels a row.*MultiOutputClassifier"):
        stack.fit(*uneven)
    assert not hasattr(stack, "classes_")


def test_early_stopping_without_rows_of_each_class_is_refused_before_training(
    uneven, monkeypatch, trained
):
    X, y = uneven[0], np.r_[2, np.tile([0, 1], 30)[1:]]
    monkeypatch.setattr(DecisionTreeClassifier, "fit", lambda *args: pytest.fail("trained"))
    watched = StackedRNNClassifier(units=3, early_stopping=True, random_state=0)
    learners = [("tree", DecisionTreeClassifier()), ("watched", watched)]
    for estimator in (watched, StackingClassifier(learners, cv=KFold(2))):
        with pytest.raises(InvalidInputError, match="early_stopping"):
            estimator.fit(X, y)
    assert trained == []


def test_an_error_tells_labels_from_classes(data):
    X, y = data[0], data[1][:, :2]
    fitted = learner().partial_fit(X, y[:, 0])
    with pytest.raises(InvalidInputError, match=r"it was \[0, 1\], and is 2 labels a row now"):
        fitted.partial_fit(X, y)
    with pytest.raises(InvalidInputError, match=r"it was 2 labels a row, and is \[0, 1\] now"):
        learner(warm_start=True).fit(X, y).fit(X, y[:, 0])
