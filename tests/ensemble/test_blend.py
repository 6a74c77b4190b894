"""What all meta-learners that weigh learners have in common."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_regression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import StackingClassifier as SklearnStackingClassifier
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor

from stackens import (
    ConvexBlendClassifier,
    ConvexBlendRegressor,
    EnsembleSelectionClassifier,
    EnsembleSelectionRegressor,
    StackingClassifier,
    StackingRegressor,
)
from stackens.exceptions import InvalidInputError

CLASSIFIERS = [ConvexBlendClassifier(), EnsembleSelectionClassifier()]
REGRESSORS = [ConvexBlendRegressor(), EnsembleSelectionRegressor()]
each_classifier = pytest.mark.parametrize("blend", CLASSIFIERS, ids=lambda e: type(e).__name__)
each_regressor = pytest.mark.parametrize("blend", REGRESSORS, ids=lambda e: type(e).__name__)
each = pytest.mark.parametrize("blend", CLASSIFIERS + REGRESSORS, ids=lambda e: type(e).__name__)


def predictions(n_classes, n_learners=3, n=60, seed=0):
    """Probabilities of learners of different skill, of shape (n_learners, n, n_classes)."""
    rng = np.random.default_rng(seed)
    y = np.r_[np.arange(n_classes), rng.integers(n_classes, size=n - n_classes)]
    skills = rng.uniform(0, 2, n_learners)[:, None, None]
    logits = rng.normal(size=(n_learners, n, n_classes)) + skills * np.eye(n_classes)[y]
    return softmax(logits, axis=2), y


# ---- whose column is whose ----------------------------------------------------------------------


@each_classifier
def test_the_average_is_that_of_the_learners_by_their_weights(blend):
    P, y = predictions(4)
    fitted = clone(blend).fit(np.hstack(P), y)
    assert list(fitted.weights_) == ["learner_0", "learner_1", "learner_2"]
    expected = np.average(P, axis=0, weights=list(fitted.weights_.values()))
    np.testing.assert_allclose(fitted.predict_proba(np.hstack(P)), expected, atol=1e-12)
    np.testing.assert_array_equal(fitted.predict(np.hstack(P)), expected.argmax(axis=1))


@each_classifier
def test_for_two_classes_each_column_is_a_learner(blend):
    P, y = predictions(2)
    fitted = clone(blend).fit(P[:, :, 1].T, y)
    assert len(fitted.weights_) == 3
    expected = np.average(P, axis=0, weights=list(fitted.weights_.values()))
    np.testing.assert_allclose(fitted.predict_proba(P[:, :, 1].T), expected, atol=1e-12)


@each_classifier
def test_declared_blocks_leave_other_columns_out(blend):
    P, y = predictions(3)
    noise = np.random.default_rng(1).normal(size=(len(y), 4))
    X = np.hstack([noise[:, :1], *P, noise[:, 1:]])
    blocks = {name: slice(1 + 3 * i, 4 + 3 * i) for i, name in enumerate("abc")}
    fitted = clone(blend).set_level_one_blocks(blocks).fit(X, y)
    plain = clone(blend).fit(np.hstack(P), y)
    assert list(fitted.weights_) == ["a", "b", "c"]
    assert list(fitted.weights_.values()) == list(plain.weights_.values())
    np.testing.assert_array_equal(fitted.predict_proba(X), plain.predict_proba(np.hstack(P)))


@each_classifier
def test_decision_values_and_logits_become_probabilities(blend):
    P, y = predictions(3)
    logits = np.log(P) + 5
    plain, other = clone(blend).fit(np.hstack(P), y), clone(blend).fit(np.hstack(logits), y)
    np.testing.assert_allclose(
        other.predict_proba(np.hstack(logits)), plain.predict_proba(np.hstack(P)), atol=1e-8
    )
    P, y = predictions(2)
    values = np.log(P[:, :, 1] / P[:, :, 0]).T
    np.testing.assert_allclose(
        clone(blend).fit(values, y).predict_proba(values),
        clone(blend).fit(expit(values), y).predict_proba(expit(values)),
        atol=1e-8,
    )


@each_classifier
def test_one_column_with_classes_is_a_vote(blend):
    P, y = predictions(3)
    labels = P.argmax(axis=2).T  # (n, n_learners), as with stack_method="predict"
    blocks = {f"learner_{i}": slice(i, i + 1) for i in range(3)}
    fitted = clone(blend).set_level_one_blocks(blocks).fit(labels, y)
    one_hot = np.hstack(np.eye(3)[labels.T])
    expected = clone(blend).fit(one_hot, y)
    assert fitted.weights_ == expected.weights_
    np.testing.assert_array_equal(fitted.predict_proba(labels), expected.predict_proba(one_hot))


@each_classifier
def test_classes_that_level_one_never_saw_are_left_out(blend):
    P, y = predictions(4)
    seen = y != 1
    blocks = {"a": slice(0, 4), "b": slice(4, 8), "c": slice(8, 12)}
    fitted = clone(blend).set_level_one_blocks(blocks).fit(np.hstack(P)[seen], y[seen])
    assert fitted.classes_.tolist() == [0, 2, 3]
    rest = P[:, :, [0, 2, 3]] / P[:, :, [0, 2, 3]].sum(axis=2, keepdims=True)
    expected = np.average(rest, axis=0, weights=list(fitted.weights_.values()))
    np.testing.assert_allclose(fitted.predict_proba(np.hstack(P)), expected, atol=1e-12)


@each_regressor
def test_several_outputs_share_the_weights(blend):
    X, Y = make_regression(60, 5, n_targets=2, noise=20, random_state=0)
    learners = [Ridge(alpha).fit(X, Y).predict(X) for alpha in (0.1, 30, 300)]
    fitted = clone(blend).fit(np.hstack(learners), Y)
    assert len(fitted.weights_) == 3
    expected = np.average(learners, axis=0, weights=list(fitted.weights_.values()))
    np.testing.assert_allclose(fitted.predict(np.hstack(learners)), expected)


# ---- properties of the weights ------------------------------------------------------------------


@each
def test_weights_are_a_share(blend):
    P, y = predictions(3, n_learners=6)
    fitted = clone(blend).fit(np.hstack(P), y)
    weights = np.array(list(fitted.weights_.values()))
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)


@each
def test_integer_weights_of_rows_are_repetitions(blend):
    P, y = predictions(3)
    X, counts = np.hstack(P), np.random.default_rng(2).integers(0, 4, len(y))
    weighted = clone(blend).fit(X, y, sample_weight=counts)
    repeated = clone(blend).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_allclose(
        list(weighted.weights_.values()), list(repeated.weights_.values()), atol=1e-6
    )


@each
def test_survives_pickling(blend):
    P, y = predictions(3)
    X = np.hstack(P)
    fitted = clone(blend).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))


@each
def test_a_clone_forgets_declared_blocks(blend):
    P, y = predictions(3)
    declared = clone(blend).set_level_one_blocks({"a": slice(0, 3)})
    assert "learner_0" in clone(declared).fit(np.hstack(P), y).weights_


# ---- in a stack ---------------------------------------------------------------------------------


@each_classifier
@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
@pytest.mark.parametrize("Stack", [StackingClassifier, SklearnStackingClassifier])
@pytest.mark.parametrize("method", ["auto", "predict"])
def test_is_a_final_estimator_of_classifiers(blend, load, Stack, method):
    X, y = load(return_X_y=True)
    names = load().target_names[y]
    learners = [("lda", LinearDiscriminantAnalysis()), ("bayes", GaussianNB())]
    stack = Stack(learners, clone(blend), stack_method=method).fit(X, names)
    assert stack.score(X, names) > 0.9
    named = ["lda", "bayes"] if Stack is StackingClassifier else ["learner_0", "learner_1"]
    assert list(stack.final_estimator_.weights_) == named
    np.testing.assert_allclose(stack.predict_proba(X).sum(axis=1), 1)


@each_regressor
def test_is_a_final_estimator_of_regressors(blend):
    X, y = load_diabetes(return_X_y=True)
    learners = [("ridge", Ridge()), ("neighbours", KNeighborsRegressor(20))]
    stack = StackingRegressor(learners, clone(blend)).fit(X, y)
    blocks = list(stack.out_of_fold_predictions_.blocks.values())
    weights = list(stack.final_estimator_.weights_.values())
    mixed = np.average(np.hstack(blocks), axis=1, weights=weights)
    singles = [((block[:, 0] - y) ** 2).mean() for block in blocks]
    assert ((mixed - y) ** 2).mean() <= min(singles) + 1e-9
    assert stack.leaderboard().loc["stack", "out_of_fold"] > 0.3


@each_classifier
@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
def test_columns_that_pass_through_are_no_learners(blend, load):
    X, y = load(return_X_y=True)
    learners = [("lda", LinearDiscriminantAnalysis()), ("bayes", GaussianNB())]
    plain = StackingClassifier(learners, clone(blend)).fit(X, y)
    stack = StackingClassifier(learners, clone(blend), passthrough=True).fit(X, y)
    assert list(stack.final_estimator_.weights_) == ["lda", "bayes"]
    assert stack.final_estimator_.weights_ == plain.final_estimator_.weights_
    np.testing.assert_array_equal(stack.predict_proba(X), plain.predict_proba(X))


@each_classifier
def test_prefit_learners_are_known_by_name(blend):
    X, y = load_breast_cancer(return_X_y=True)
    learners = [("lda", LinearDiscriminantAnalysis()), ("bayes", GaussianNB())]
    learners = [(name, learner.fit(X, y)) for name, learner in learners]
    stack = StackingClassifier(learners, clone(blend), cv="prefit", passthrough=True).fit(X, y)
    columns = np.column_stack([learner.predict_proba(X)[:, 1] for _, learner in learners])
    expected = clone(blend).fit(columns, y)
    assert list(stack.final_estimator_.weights_) == ["lda", "bayes"]
    assert list(stack.final_estimator_.weights_.values()) == list(expected.weights_.values())


@each_classifier
def test_decision_values_are_told_from_probabilities_by_their_method(blend):
    y = np.arange(40) % 2
    small = np.where(y == 1, 0.9, 0.1) * 0.5  # decision values that could be probabilities
    X = np.column_stack([small, np.random.default_rng(0).normal(size=40)])
    blocks, methods = {"a": slice(0, 1), "b": slice(1, 2)}, dict.fromkeys("ab", "decision_function")
    fitted = clone(blend).set_level_one_blocks(blocks, methods).fit(X, y)
    expected = clone(blend).fit(expit(X), y)
    np.testing.assert_allclose(fitted.predict_proba(X), expected.predict_proba(expit(X)), atol=1e-8)


@each_classifier
def test_another_final_estimator_is_the_one_of_a_new_fit(blend):
    X, y = load_iris(return_X_y=True)
    learners = [("lda", LinearDiscriminantAnalysis()), ("bayes", GaussianNB())]
    swapped = StackingClassifier(learners).fit(X, y).with_final_estimator(clone(blend))
    fitted = StackingClassifier(learners, clone(blend), fallback="best").fit(X, y)
    own = StackingClassifier(learners, clone(blend)).fit(X, y)
    assert swapped.final_estimator_.weights_ == own.final_estimator_.weights_
    scores = own.leaderboard()["out_of_fold"]
    best = scores[["lda", "bayes"]].idxmax()
    assert fitted.predicts_with_ == ("stack" if scores["stack"] > scores[best] else best)
    assert swapped.leaderboard().loc["stack", "out_of_fold"] > 0.9


class Listener(LogisticRegression):
    """A final estimator of somebody else's that asks for the layout."""

    def set_level_one_blocks(self, blocks, methods=None):
        self.told = (dict(blocks), dict(methods))
        return self

    def fit(self, X, y, sample_weight=None):
        assert self.told  # before fit, also where the honest score fits it anew
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize(("load", "widths"), [(load_iris, (3, 3)), (load_breast_cancer, (1, 1))])
@pytest.mark.parametrize("passthrough", [False, True])
def test_any_final_estimator_that_asks_is_told(load, widths, passthrough):
    X, y = load(return_X_y=True)
    learners = [
        ("ridge", RidgeClassifier()),
        ("out", "drop"),
        ("bayes", GaussianNB()),
    ]
    final = Listener(max_iter=5000)
    stack = StackingClassifier(learners, final, passthrough=passthrough).fit(X / X.max(), y)
    first, second = widths
    blocks = {"ridge": slice(0, first), "bayes": slice(first, first + second)}
    methods = {"ridge": "decision_function", "bayes": "predict_proba"}
    assert stack.final_estimator_.told == (blocks, methods)
    assert not hasattr(final, "told")
    swapped = stack.with_final_estimator(final, X / X.max())
    assert swapped.final_estimator_.told == (blocks, methods)
    assert stack.leaderboard().loc["stack", "out_of_fold"] > 0.8


# ---- bad input ----------------------------------------------------------------------------------


@each
@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({}, "at least one learner"),
        ({"a": [0, 1]}, r"Block 'a' must be slice\(start, stop\)"),
        ({"a": slice(0, 4, 2)}, r"must be slice\(start, stop\)"),
        ({"a": slice(2, 2)}, "must hold a column"),
    ],
)
def test_refuses_blocks_that_are_none(blend, blocks, message):
    with pytest.raises(InvalidInputError, match=message):
        clone(blend).set_level_one_blocks(blocks)


@each
def test_refuses_blocks_beyond_the_columns(blend):
    P, y = predictions(3)
    declared = clone(blend).set_level_one_blocks({"a": slice(0, 3), "b": slice(9, 12)})
    with pytest.raises(InvalidInputError, match=r"reach to column 12, but `X` has 9 columns"):
        declared.fit(np.hstack(P), y)


@each_classifier
def test_refuses_a_width_that_fits_no_classes(blend):
    P, y = predictions(3)
    declared = clone(blend).set_level_one_blocks({"a": slice(0, 2)})
    with pytest.raises(InvalidInputError, match=r"'a' has 2 columns; expected 1, or one for each"):
        declared.fit(np.hstack(P), y)
    declared.set_level_one_blocks({"b": slice(0, 1)})
    with pytest.raises(InvalidInputError, match=r"'b' has one column for 3 classes"):
        declared.fit(np.hstack(P), y)


@each_regressor
def test_refuses_a_width_other_than_that_of_the_target(blend):
    declared = clone(blend).set_level_one_blocks({"a": slice(0, 2)})
    with pytest.raises(InvalidInputError, match=r"'a' has 2 column\(s\); expected 1"):
        declared.fit(np.eye(4), np.arange(4))
    with pytest.raises(InvalidInputError, match=r"'learner_1' has 1 column\(s\); expected 2"):
        clone(blend).fit(np.ones((4, 3)), np.ones((4, 2)))


@each
@pytest.mark.parametrize("weights", [np.zeros(60), -np.ones(60)])
def test_refuses_weights_that_are_zero_or_negative(blend, weights):
    P, y = predictions(3)
    with pytest.raises(ValueError, match=r"[Zz]ero|[Nn]egative"):
        clone(blend).fit(np.hstack(P), y, sample_weight=weights)


@each_classifier
def test_refuses_one_class(blend):
    with pytest.raises(InvalidInputError, match="at least 2 classes"):
        clone(blend).fit(np.full((4, 2), 0.5), np.ones(4))
