"""Learners that do not help are trained no further, and nobody is the worse for it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GroupKFold, KFold, RepeatedStratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from stackens import (
    ConvexBlendClassifier,
    EnsembleSelectionClassifier,
    SequenceFlattener,
    StackedRNNClassifier,
    StackedRNNRegressor,
    StackingClassifier,
    StackingRegressor,
)
from stackens.datasets import load_digits_sequences
from stackens.ensemble import FoldAverage
from stackens.exceptions import InvalidInputError, LearnerDroppedWarning
from stackens.model_selection import GridSearchCV


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_sequences(return_X_y=True)
    keep = np.flatnonzero(y < 3)[:90]
    return X[keep], np.array(["a", "b", "c"])[y[keep]]


def network(epochs=12, **options):
    return StackedRNNClassifier(8, epochs=epochs, learning_rate=0.02, **options)


def hopeless(**options):
    return StackedRNNClassifier(2, epochs=1, learning_rate=1e-6, **options)


def linear(kind=LogisticRegression, **options):
    return make_pipeline(SequenceFlattener(), kind(**options))


def prune(*learners, final=None, **options):
    names = [(name, one) for name, one in learners]
    return StackingClassifier(
        names, final, **{"cv": 3, "random_state": 0, "prune": True, **options}
    )


WEAK_LINEAR = ("linear", linear(C=1e-4))


def test_the_worse_half_of_the_networks_goes_and_the_rest_is_as_without_it(digits):
    X, y = digits
    learners = [("good", network()), ("bad", hopeless()), WEAK_LINEAR]
    stack = prune(*learners).fit(X, y)
    assert list(stack.pruned_) == ["bad"]
    assert stack.pruned_["bad"].startswith("after 1 of 3 splits its log-loss was 1.")
    assert stack.named_estimators_["bad"] == "drop"
    without = prune(learners[0], learners[2]).fit(X, y)
    np.testing.assert_array_equal(stack.predict_proba(X), without.predict_proba(X))
    unpruned = clone(without).set_params(prune=False).fit(X, y)
    np.testing.assert_array_equal(stack.predict_proba(X), unpruned.predict_proba(X))
    board = stack.leaderboard()
    assert board.loc["bad", "note"] == stack.pruned_["bad"]
    assert np.isnan(board.loc["bad", "out_of_fold"])
    assert (board.loc[["bad", "good"], "seconds"] > 0).all()


def test_a_network_that_makes_the_best_learner_worse_goes(digits):
    X, y = digits
    stack = prune(("bad", hopeless()), ("linear", linear()), ("weak", WEAK_LINEAR[1])).fit(X, y)
    assert "linear, averaged with it, had a log-loss of" in stack.pruned_["bad"]
    assert [type(one).__name__ for one in stack.estimators_] == ["Pipeline", "Pipeline"]


def test_two_networks_alone_stay_a_stack(digits):
    X, y = digits
    learners = ("one", network(4)), ("two", network(6)), ("three", hopeless())
    stack = prune(*learners).fit(X, y)
    assert list(stack.pruned_) == ["three"]
    assert len(stack.estimators_) == 2


def test_what_gets_no_weight_is_not_fitted_on_all_rows_and_predictions_are_the_same(digits):
    X, y = digits
    learners = ("good", linear()), ("idle", linear(C=1e-6))
    final = EnsembleSelectionClassifier(0)  # the best learner alone
    stack = prune(*learners, final=final).fit(X, y)
    assert stack.pruned_ == {"idle": "no weight: not fitted on all rows"}
    assert isinstance(stack.named_estimators_["idle"], FoldAverage)
    assert not isinstance(stack.named_estimators_["good"], FoldAverage)
    whole = clone(stack).set_params(prune=False).fit(X, y)
    np.testing.assert_array_equal(stack.predict_proba(X), whole.predict_proba(X))
    assert stack.leaderboard(X, y).loc["idle", "test"] > 0.3
    other = stack.with_final_estimator(ConvexBlendClassifier(np.inf))  # which uses both
    assert other.predict_proba(X).shape == (90, 3)


def test_times_add_up(digits):
    X, y = digits
    stack = prune(("good", network(3)), ("bad", hopeless()), WEAK_LINEAR).fit(X, y)
    board = stack.leaderboard()
    learners = board.loc[["good", "bad", "linear"]]
    for column in ("seconds", "cpu_seconds"):
        assert learners[column].sum() == pytest.approx(board.loc["average", column])
        assert board.loc["average", column] <= board.loc["stack", column]
    assert (learners["seconds"] > 0).all()


def test_times_of_other_processes_count(digits):
    X, y = digits
    stack = StackingClassifier([("a", linear()), ("b", linear(C=0.1))], n_jobs=2).fit(X, y)
    assert 0 < sum(stack.fit_cpu_seconds_.values()) <= stack.cpu_seconds_
    assert sum(stack.fit_seconds_.values()) <= stack.seconds_


def test_decisions_are_those_of_a_run_that_finds_all_in_the_store(digits, tmp_path):
    X, y = digits
    stack = prune(("a", network(6)), ("b", network(3)), ("c", hopeless()), WEAK_LINEAR)
    fresh = clone(stack).fit(X, y)
    for _ in range(2):
        kept = clone(stack).set_params(memory=tmp_path).fit(X, y)
        assert kept.pruned_ == fresh.pruned_
        np.testing.assert_array_equal(kept.predict_proba(X), fresh.predict_proba(X))


class Refuses(ClassifierMixin, BaseEstimator):
    """A learner that cannot be fitted on all rows."""

    def fit(self, X, y):
        if len(y) == 90:
            raise RuntimeError("too many rows")
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


def test_fold_models_predict_where_a_refit_fails(digits):
    X, y = digits
    stack = prune(("linear", linear()), ("refuses", Refuses()), on_failure="drop")
    with pytest.warns(LearnerDroppedWarning, match="'refuses' predict in place of a refit"):
        stack.fit(X, y)
    assert stack.pruned_["refuses"].endswith("too many rows")
    assert stack.predict(X).shape == (90,)


KINDS = {
    "repeated": {"cv": RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)},
    "labels": {"stack_method": "predict"},
    "logit": {"stack_method": "logit"},
    "folds predict": {"predict_with": "folds"},
    "time limit": {"time_limit": 1000.0},
    "fallback": {"fallback": "best"},
    "one split": {"cv": [(np.arange(60), np.arange(60, 90))]},
    "two processes": {"n_jobs": 2},
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_way_to_stack(digits, kind):
    X, y = digits
    stack = prune(("good", network(3)), ("bad", hopeless()), WEAK_LINEAR, **KINDS[kind])
    stack.fit(X, y)
    assert list(stack.pruned_) == ["bad"]
    assert stack.predict(X).shape == (90,)
    assert len(stack.leaderboard()) == 5


def test_learners_without_probabilities(digits):
    X, y = digits
    learners = ("ridge", linear(RidgeClassifier)), ("good", network()), ("bad", hopeless())
    stack = prune(*learners).fit(X, y)
    assert "share of errors" in stack.pruned_["bad"]


def test_splits_of_groups(digits):
    X, y = digits
    groups = np.arange(90) // 3
    stack = prune(("good", network(3)), ("bad", hopeless()), WEAK_LINEAR, cv=GroupKFold(3))
    assert "bad" in stack.fit(X, y, groups=groups).pruned_


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_numbers(digits, n_outputs):
    X = digits[0]
    y = X.sum(axis=1)[:, 2 : 2 + n_outputs] / 10
    y = y[:, 0] if n_outputs == 1 else y
    far = StackedRNNRegressor(2, epochs=1, learning_rate=1e-6)
    learners = [("bad", far), ("linear", linear(Ridge)), ("weak", linear(Ridge, alpha=1e3))]
    stack = StackingRegressor(learners, Ridge(), cv=KFold(3), prune=True, random_state=0)
    assert "squared error" in stack.fit(X, y).pruned_["bad"]


def test_a_split_whose_rows_have_no_weight_decides_nothing(digits):
    X, y = digits
    flat, splits = X.reshape(90, -1), list(KFold(3).split(X))
    weights = np.ones(90)
    weights[splits[0][1]] = 0
    learners = [("good", network(3)), ("bad", hopeless()), ("linear", LogisticRegression())]
    stack = prune(*learners, final=ConvexBlendClassifier(), cv=splits)
    stack.fit(flat, y, sample_weight=weights)
    assert stack.pruned_["bad"].startswith("after 2 of 3")
    assert not [reason for reason in stack.pruned_.values() if reason.startswith("after 1 of")]


def test_a_learner_that_failed_is_none_of_the_two_that_stay(digits):
    X, y = digits
    learners = ("bad", hopeless()), ("linear", linear()), ("failing", linear(C=-1.0))
    with pytest.warns(LearnerDroppedWarning, match="'failing' is not part of the stack"):
        stack = prune(*learners, on_failure="drop").fit(X, y)
    assert len(stack.estimators_) == 2


def test_in_a_search(digits):
    X, y = digits
    learners = ("good", network(6, random_state=0)), ("bad", hopeless(random_state=0)), WEAK_LINEAR
    values = {"linear__logisticregression__C": [1e-4, 1e-3]}
    search = GridSearchCV(prune(*learners), values, cv=2)
    assert "bad" in search.fit(X, y).best_estimator_.pruned_


def test_several_labels_are_refused(digits):
    X, y = digits
    labels = np.column_stack([y == "a", y == "b"]).astype(int)
    with pytest.raises(InvalidInputError, match="`prune` compares single-label targets"):
        prune(("a", network(1)), ("b", hopeless()), final=KNeighborsClassifier()).fit(X, labels)
