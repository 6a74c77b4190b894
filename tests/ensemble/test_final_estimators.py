"""Other final estimators on the same out-of-fold predictions; fallbacks that the score decides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import (
    GroupShuffleSplit,
    KFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from stackens import StackedRNNClassifier, StackingClassifier, StackingRegressor
from stackens.datasets import load_digits_sequences
from stackens.ensemble._cross_fit import level_one_splits
from stackens.exceptions import InvalidInputError


class Contrary(ClassifierMixin, BaseEstimator):
    """Predicts the class that is least probable: any fallback beats it."""

    def fit(self, Z, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, Z):
        return self.classes_[np.asarray(Z)[:, : len(self.classes_)].argmin(axis=1)]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


LEARNERS = [
    ("linear", make_pipeline(StandardScaler(), LogisticRegression())),
    ("bayes", GaussianNB()),
    ("nothing", DummyClassifier()),
]


@pytest.mark.parametrize("cv", [5, KFold(4, shuffle=True, random_state=0)])
@pytest.mark.parametrize("passthrough", [False, True])
def test_another_final_estimator_equals_a_stack_fitted_with_it(iris, cv, passthrough):
    X, y = iris
    first = StackingClassifier(LEARNERS, cv=cv, passthrough=passthrough).fit(X, y)
    final = DecisionTreeClassifier(random_state=0)
    other = first.with_final_estimator(final, X)
    expected = clone(first).set_params(final_estimator=final).fit(X, y)
    np.testing.assert_array_equal(other.predict_proba(X), expected.predict_proba(X))
    assert other.final_estimator is final
    assert isinstance(first.final_estimator_, LogisticRegression)
    assert other.estimators_ is first.estimators_


def test_weights_reach_the_new_final_estimator(iris):
    X, y = iris
    weights = np.where(y == "setosa", 0.0, 1.0)
    first = StackingClassifier(LEARNERS[:1]).fit(X, y)
    other = first.with_final_estimator(GaussianNB(priors=None), sample_weight=weights + 1e-9)
    assert (other.predict(X[y != "setosa"]) != "setosa").all()
    assert other.final_estimator_.class_prior_[0] < 1e-6


def test_the_honest_score_is_that_of_a_weighted_final_estimator(iris):
    X, y = iris
    weights = np.where((np.arange(len(y)) % 3 == 0) & (y == "setosa"), 5.0, 1.0)
    weights[y == "versicolor"] = 0.0  # as if they were not there
    cv = StratifiedKFold(3, shuffle=True, random_state=0)
    final = DecisionTreeClassifier(max_depth=2, random_state=0)
    learners = [("tree", DecisionTreeClassifier(max_depth=1, random_state=0))]
    stack = StackingClassifier(learners, final, cv=cv).fit(X, y, sample_weight=weights)
    codes = np.searchsorted(stack.classes_, y)
    found = stack.out_of_fold("stack")
    again = stack.with_final_estimator(final, sample_weight=weights).out_of_fold("stack")
    matrix = stack.out_of_fold_predictions_.matrix
    for train, test in cv.split(X, y):
        by_hand = clone(final).fit(matrix[train], codes[train], sample_weight=weights[train])
        np.testing.assert_array_equal(found.y_proba[test], by_hand.predict_proba(matrix[test]))
        np.testing.assert_array_equal(again.y_proba[test], by_hand.predict_proba(matrix[test]))
    assert not (found.y_pred == "versicolor").any()


@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame, scipy.sparse.csr_matrix])
def test_the_honest_score_is_that_of_a_final_estimator_that_sees_what_passes_through(kind, iris):
    X, y = iris
    cv = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))[:2]  # rows left out
    blind = DummyClassifier(strategy="uniform", random_state=0)  # the table is all there is to know
    learners, final = [("blind", blind)], DecisionTreeClassifier(random_state=0)
    # Each split trains on the rows that the other holds out.
    cv = [(cv[1][1], cv[0][1]), (cv[0][1], cv[1][1])]
    stack = StackingClassifier(learners, final, cv=cv, passthrough=True, fallback="best")
    stack.fit(kind(X), y)
    matrix = np.hstack([stack.out_of_fold_predictions_.matrix, X[stack.coverage_ > 0]])
    covered, codes = np.flatnonzero(stack.coverage_), np.searchsorted(stack.classes_, y)
    found = stack.out_of_fold("stack")
    for train, test in cv:
        train, test = np.searchsorted(covered, train), np.searchsorted(covered, test)
        by_hand = clone(final).fit(matrix[train], codes[covered[train]])
        np.testing.assert_array_equal(found.y_proba[test], by_hand.predict_proba(matrix[test]))
    assert stack.predicts_with_ == "stack"
    assert stack.leaderboard().loc["stack", "out_of_fold"] > 0.8
    assert np.isfinite(stack.contributions(n_repeats=2, random_state=0).loc["blind", "permutation"])


def test_networks_are_not_trained_again(monkeypatch):
    X, y = load_digits_sequences(return_X_y=True)
    X, y = X[:100], y[:100] % 2
    stack = StackingClassifier([("lstm", StackedRNNClassifier(4, epochs=1))], cv=3).fit(X, y)
    from stackens.training import _towers

    monkeypatch.delattr(_towers, "_Tower")
    other = stack.with_final_estimator(GaussianNB())
    assert other.predict(X).shape == (100,)


def test_it_needs_out_of_fold_predictions_and_with_passthrough_the_data(iris):
    X, y = iris
    fitted = [(name, clone(e).fit(X, y)) for name, e in LEARNERS]
    prefit = StackingClassifier(fitted, cv="prefit").fit(X, y)
    with pytest.raises(InvalidInputError, match="prefit"):
        prefit.with_final_estimator(GaussianNB())
    stack = StackingClassifier(LEARNERS, passthrough=True).fit(X, y)
    with pytest.raises(InvalidInputError, match="150 rows"):
        stack.with_final_estimator(GaussianNB())


def test_regressors_take_another_final_estimator():
    X, y = load_diabetes(return_X_y=True)
    learners = [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=3, random_state=0))]
    stack = StackingRegressor(learners).fit(X, y)
    expected = StackingRegressor(learners, LinearRegression()).fit(X, y)
    other = stack.with_final_estimator(LinearRegression())
    np.testing.assert_array_equal(other.predict(X), expected.predict(X))


class TestFallback:
    def test_the_best_learner_predicts_if_the_stack_does_not_beat_it(self, iris):
        X, y = iris
        stack = StackingClassifier(LEARNERS, Contrary(), fallback="best").fit(X, y)
        scores = {name: (cross_val_predict(e, X, y, cv=5) == y).mean() for name, e in LEARNERS}
        best = max(scores, key=scores.get)
        assert stack.predicts_with_ == best
        expected = clone(dict(LEARNERS)[best]).fit(X, y)
        np.testing.assert_array_equal(stack.predict(X), expected.predict(X))
        np.testing.assert_allclose(stack.predict_proba(X), expected.predict_proba(X), rtol=1e-12)
        board = stack.leaderboard()
        assert board["predicts"].to_dict() == {n: n == best for n in board.index}
        assert board.loc["stack", "out_of_fold"] < 0.5  # its own score, not the fallback's

    def test_the_average_predicts(self, iris):
        X, y = iris
        stack = StackingClassifier(LEARNERS, Contrary(), fallback="average").fit(X, y)
        assert stack.predicts_with_ == "average"
        mean = np.mean([clone(e).fit(X, y).predict_proba(X) for _, e in LEARNERS], axis=0)
        np.testing.assert_allclose(stack.predict_proba(X), mean, rtol=1e-12)

    def test_a_stack_that_beats_it_predicts_itself(self):
        X, y = load_diabetes(return_X_y=True)
        learners = [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=3))]
        learners[1][1].set_params(random_state=0)
        stack = StackingRegressor(learners, LinearRegression(), fallback="best").fit(X, y)
        assert stack.predicts_with_ == "stack"
        board = stack.leaderboard()
        assert board.loc["stack", "out_of_fold"] > board.loc["ridge", "out_of_fold"]
        plain = StackingRegressor(learners, LinearRegression()).fit(X, y)
        np.testing.assert_array_equal(stack.predict(X), plain.predict(X))

    def test_a_regressor_falls_back(self):
        X, y = load_diabetes(return_X_y=True)
        tree = DecisionTreeRegressor(random_state=0)
        stack = StackingRegressor([("ridge", Ridge())], tree, fallback="best").fit(X, y)
        assert stack.predicts_with_ == "ridge"
        np.testing.assert_allclose(stack.predict(X), Ridge().fit(X, y).predict(X), rtol=1e-12)

    def test_binary_decision_values_and_labels(self):
        X, y = load_breast_cancer(return_X_y=True)
        X = StandardScaler().fit_transform(X)
        svc = LinearSVC(random_state=0)
        final = DummyClassifier()
        stack = StackingClassifier([("svc", svc)], final, fallback="best").fit(X, y)
        np.testing.assert_array_equal(stack.predict(X), clone(svc).fit(X, y).predict(X))

    def test_another_final_estimator_is_judged_anew(self, iris):
        X, y = load_diabetes(return_X_y=True)
        tree = DecisionTreeRegressor(max_depth=3, random_state=0)
        learners = [("ridge", Ridge()), ("tree", tree)]
        bad = DecisionTreeRegressor(random_state=0)
        stack = StackingRegressor(learners, bad, fallback="best").fit(X, y)
        assert stack.predicts_with_ != "stack"
        good = stack.with_final_estimator(LinearRegression())  # of the test above
        assert good.predicts_with_ == "stack"
        assert good.with_final_estimator(bad).predicts_with_ == stack.predicts_with_
        plain = StackingClassifier(LEARNERS, Contrary()).fit(*iris)
        assert plain.predicts_with_ == "stack"

    def test_it_needs_fold_models_and_one_label(self, iris):
        X, y = iris
        fitted = [(name, clone(e).fit(X, y)) for name, e in LEARNERS]
        with pytest.raises(InvalidInputError, match="fallback"):
            StackingClassifier(fitted, cv="prefit", fallback="best").fit(X, y)
        with pytest.raises(InvalidInputError, match="prune=True needs their predictions"):
            StackingClassifier(fitted, cv="prefit", prune=True).fit(X, y)
        labels = np.random.default_rng(0).integers(0, 2, (len(y), 2))
        with pytest.raises(InvalidInputError, match="fallback"):
            StackingClassifier(
                [("tree", DecisionTreeClassifier())], DecisionTreeClassifier(), fallback="best"
            ).fit(X, labels)


SINGLE = {
    "ShuffleSplit": ShuffleSplit(1, test_size=0.3, random_state=0),
    "PredefinedSplit": PredefinedSplit(np.where(np.arange(150) % 4 == 0, 0, -1)),
    "a list": [(np.arange(0, 150, 2), np.arange(1, 150, 2))],
    "the same rows twice": [(np.arange(k, 150, 4), np.arange(0, 150, 2)) for k in (1, 3)],
}


class TestOneSplit:
    """Rows that are held out together: what final estimators make of some, the others tell."""

    @pytest.mark.parametrize("cv", SINGLE.values(), ids=SINGLE)
    def test_the_best_learner_predicts_where_the_stack_is_worse(self, iris, cv):
        X, y = iris
        stack = StackingClassifier(LEARNERS, Contrary(), cv=cv, fallback="best").fit(X, y)
        assert stack.predicts_with_ in ("linear", "bayes")
        assert stack.score(X, y) > 0.9
        board = stack.leaderboard()
        assert board["out_of_fold"].drop("average").idxmax() == stack.predicts_with_
        assert board.loc["stack", "out_of_fold"] < 0.5

    @pytest.mark.parametrize("cv", SINGLE.values(), ids=SINGLE)
    def test_and_the_stack_where_it_is_better(self, iris, cv):
        X, y = iris
        learners = [("bad", DummyClassifier(strategy="stratified", random_state=0)), LEARNERS[0]]
        stack = StackingClassifier(learners, fallback="average", cv=cv).fit(X, y)
        assert stack.predicts_with_ == "stack"

    def test_no_final_estimator_sees_what_it_predicts(self, iris):
        X, _ = iris
        labels = np.random.default_rng(0).integers(3, size=150)
        final = DecisionTreeClassifier(random_state=0)  # it learns its rows by heart
        cv = SINGLE["a list"]
        stack = StackingClassifier(LEARNERS, final, cv=cv, passthrough=True).fit(X, labels)
        kept = stack.out_of_fold_predictions_
        assert final.fit(kept.matrix, kept.y).score(kept.matrix, kept.y) > 0.9
        assert stack.leaderboard().loc["stack", "out_of_fold"] < 0.6

    def test_groups_are_whole_and_time_goes_forward_there_too(self):
        rng = np.random.default_rng(0)
        y, groups = rng.normal(size=80), np.arange(80) % 8
        X = y[:, None] + rng.normal(size=(80, 2))
        by_group = GroupShuffleSplit(1, test_size=0.5, random_state=0)
        options = {"final_estimator": Ridge(), "fallback": "best"}
        stack = StackingRegressor([("ridge", Ridge())], cv=by_group, **options)
        kept = stack.fit(X, y, groups=groups).out_of_fold_predictions_
        _, parts = level_one_splits(kept, classifier=False)
        assert sorted(np.concatenate([test for _, test in parts])) == list(range(40))
        for train, test in parts:
            own = groups[kept.row_index]
            assert not set(own[train]) & set(own[test])
        in_time = [(np.arange(30), np.arange(35, 80))]
        kept = stack.set_params(cv=in_time).fit(X, y).out_of_fold_predictions_
        _, parts = level_one_splits(kept, classifier=False)
        for train, test in parts:
            assert kept.row_index[train].max(initial=0) + 5 < kept.row_index[test].min()
        np.testing.assert_array_equal(
            np.concatenate([t for _, t in parts])[-30:], np.arange(15, 45)
        )

    def test_a_stack_that_cannot_be_shown_to_be_better_does_not_predict(self, iris):
        X, y = iris
        cv = [(np.arange(2, 148), np.array([0, 148]))]
        stack = StackingClassifier(LEARNERS, fallback="best", cv=cv).fit(X, y)
        assert stack.predicts_with_ == "linear"
        with pytest.raises(InvalidInputError, match="cross-fitted on 2 held-out rows"):
            stack.out_of_fold("stack")
