"""Canaries: nothing of a held-out row reaches what predicts it; each sings when a leak is made.

The early-stopping set, groups and time have theirs in ``test_early_stopping.py``, windows and the
future of a series in ``tests/forecasting/test_leakage.py``.
"""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from stackens import (
    RandomConvolutions,
    SequenceFlattener,
    SequenceImputer,
    SequenceScaler,
    SequenceVectorizer,
    StackedRNNClassifier,
    StackingClassifier,
)
from stackens.training import _row_job

N = 60
RNG = np.random.default_rng(0)
Y = np.arange(N) % 2
X = RNG.normal(size=(N, 4, 2)) + Y[:, None, None]
WITH_GAPS = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
WITH_GAPS[:, -1] = X[:, -1]  # missing at the end would be padding
TEXTS = [f"{'good' if y else 'bad'} word{i % 7} word{i % 11}" for i, y in enumerate(Y)]
CV = list(KFold(3, shuffle=True, random_state=0).split(X))
NETWORK = StackedRNNClassifier(3, epochs=1, random_state=0)
LINEAR = make_pipeline(SequenceFlattener(), LogisticRegression())


class FittedBefore(BaseEstimator):
    """A leak: a transformer that was fitted on all rows."""

    def __init__(self, transformer):
        self.transformer = transformer

    def __sklearn_clone__(self):
        return self

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return self.transformer.transform(X)


def out_of_fold(learner, X, y=Y, cv=CV):
    stack = StackingClassifier([("learner", learner)], cv=cv, predict_with="folds")
    return stack.fit(X, y).out_of_fold_predictions_


def changed(X, row):
    """Make one row very different, whatever it is."""
    if isinstance(X, list):
        other = list(X)
        other[row] = " ".join(f"strange{i}" for i in range(200))
        return other
    other = X.copy()
    other[row] = 1e3 * np.nan_to_num(other[row], nan=1.0)
    return other


def assert_others_of_the_fold_are_not_seen(make_learner, X):
    """Another row of the same fold is changed: predictions of its neighbours stay."""
    _, test = CV[0]
    neighbours = np.setdiff1d(test, test[:1])
    before = out_of_fold(make_learner(X), X).matrix[neighbours]
    other = changed(X, test[0])
    after = out_of_fold(make_learner(other), other).matrix[neighbours]
    np.testing.assert_array_equal(before, after)


CASES = {
    "scaler": (SequenceScaler(), NETWORK, X),
    "imputer": (SequenceImputer(strategy="mean"), LINEAR, WITH_GAPS),
    "vocabulary": (
        SequenceVectorizer(max_tokens=9),
        StackedRNNClassifier(3, epochs=1, vocabulary_size=9, random_state=0),
        TEXTS,
    ),
    "biases of convolutions": (RandomConvolutions(84, random_state=1), LogisticRegression(), X),
}


@pytest.mark.parametrize("case", list(CASES))
def test_what_is_fitted_is_fitted_on_training_rows(case):
    transformer, last, X = CASES[case]
    assert_others_of_the_fold_are_not_seen(lambda _: make_pipeline(transformer, last), X)


@pytest.mark.parametrize("case", list(CASES))
def test_the_canary_sings_when_it_is_fitted_on_all_rows(case):
    transformer, last, X = CASES[case]

    def leaky(X):
        return make_pipeline(FittedBefore(clone(transformer).fit(X)), last)

    with pytest.raises(AssertionError):
        assert_others_of_the_fold_are_not_seen(leaky, X)


def test_augmentation_is_of_training_rows():
    learner = clone(NETWORK).set_params(augmentation={"jitter": 0.1, "mixup": 0.2})
    assert_others_of_the_fold_are_not_seen(lambda _: learner, X)


def test_the_canary_sings_when_noise_is_measured_by_all_rows(monkeypatch):
    measured = _row_job.channel_deviations
    everything = lambda X, rows: measured(X, np.arange(len(X)))  # noqa: E731
    monkeypatch.setattr(_row_job, "channel_deviations", everything)
    with pytest.raises(AssertionError):
        test_augmentation_is_of_training_rows()


def assert_own_label_is_not_seen(make_learner):
    """All labels of a fold are turned round: what is predicted for its rows stays."""
    _, test = CV[0]
    other = Y.copy()
    other[test] = 1 - other[test]
    before = out_of_fold(make_learner(Y), X).matrix[test]
    after = out_of_fold(make_learner(other), X, other).matrix[test]
    np.testing.assert_array_equal(before, after)


class KnowsLabels(ClassifierMixin, BaseEstimator):
    """A leak: it looks the label up."""

    def __init__(self, y):
        self.y = y

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, rows):
        known = [self.y[int(np.flatnonzero((x == X).all(axis=(1, 2)))[0])] for x in rows]
        return np.eye(2)[known]


@pytest.mark.parametrize("learner", [NETWORK, LINEAR])
def test_the_labels_of_a_fold_do_not_reach_its_predictions(learner):
    assert_own_label_is_not_seen(lambda _: learner)


def test_the_canary_sings_when_labels_are_known():
    with pytest.raises(AssertionError):
        assert_own_label_is_not_seen(KnowsLabels)


def chance_level(cv, groups=None):
    """Out-of-fold accuracy of a nearest neighbour that would know every row it has seen."""
    rng = np.random.default_rng(1)
    X = np.repeat(rng.normal(size=(40, 4, 2)), 5, axis=0)  # five copies of each
    X = X + 1e-3 * rng.normal(size=X.shape)
    y = np.repeat(rng.permutation(np.arange(40) % 2), 5)  # random, but one for all copies
    nearest = make_pipeline(SequenceFlattener(), KNeighborsClassifier(1))
    stack = StackingClassifier([("near", nearest)], cv=cv)
    stack.fit(X, y, groups=np.repeat(np.arange(40), 5) if groups else None)
    kept = stack.out_of_fold_predictions_
    return ((kept.blocks["near"][:, 0] > 0.5) == kept.y).mean()


@pytest.mark.parametrize("cv", [GroupKFold(5), 5])
def test_random_labels_score_at_chance_when_groups_are_whole(cv):
    assert 0.25 < chance_level(cv, groups=True) < 0.75


def test_the_canary_sings_when_a_group_is_in_several_folds():
    shuffled = StratifiedKFold(5, shuffle=True, random_state=0)
    assert chance_level(shuffled) > 0.95


def test_random_labels_score_at_chance_with_networks():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(200, 5, 2)), rng.integers(2, size=200)
    learner = StackedRNNClassifier(16, epochs=30, learning_rate=0.02, random_state=0)
    stack = StackingClassifier([("a", learner), ("b", clone(learner).set_params(cell="gru"))])
    board = stack.fit(X, y).leaderboard(X, y)
    assert board.loc["a", "test"] > 0.8  # it has learnt the rows that it saw by heart
    assert (board["out_of_fold"] < 0.62).all()
    assert (board["out_of_fold"] > 0.38).all()
