"""What a stack cannot be fitted on is said before a single learner is trained."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from stackens import StackingClassifier, View, make_views
from stackens.exceptions import InvalidInputError

N = 40
RNG = np.random.default_rng(0)
Y = np.arange(N) % 3
TABLE = RNG.normal(size=(N, 3))
GAPPY = np.where(np.arange(3 * N).reshape(N, 3) == 4, np.nan, TABLE)
VIEWS = make_views(static=TABLE, signal=TABLE[:, :, None])
TEXTS = ["one two", "two three"] * (N // 2)
ROWS = np.arange(N)


class Witness(LogisticRegression):
    """Knows whether it was ever fitted."""

    seen = False

    def fit(self, X, y, sample_weight=None):
        Witness.seen = True
        return super().fit(X, y, sample_weight)


@pytest.fixture(autouse=True)
def nothing_seen():
    Witness.seen = False


def piped(*steps):
    return make_pipeline(*steps, Witness())


@pytest.mark.parametrize(
    ("X", "learner", "passthrough", "message"),
    [
        (VIEWS, piped(View("static")), "last", "holds the views"),
        (TEXTS, piped(TfidfVectorizer()), "mean", "holds text"),
        (TABLE, piped(), lambda X: X[:3], r"table of shape \(40, n_columns\); got \(3, 3\)"),
        (TABLE, piped(), lambda X: X[:, 0], r"table of shape \(40, n_columns\); got \(40,\)"),
        (GAPPY, piped(SimpleImputer()), True, "NaN on to the final estimator LogisticRegression"),
        (pd.DataFrame(GAPPY), piped(SimpleImputer()), True, "Impute `X` before"),
        (scipy.sparse.csr_matrix(GAPPY), piped(SimpleImputer()), True, "Impute `X` before"),
    ],
)
def test_no_table_for_the_final_estimator(X, learner, passthrough, message):
    with pytest.raises(InvalidInputError, match=message):
        StackingClassifier([("one", learner)], passthrough=passthrough, cv=3).fit(X, Y)
    assert not Witness.seen


def test_nan_passes_through_to_who_takes_it():
    learners = [("one", piped(SimpleImputer()))]
    final = DecisionTreeClassifier(max_depth=2)
    stack = StackingClassifier(learners, final, passthrough=True, cv=3).fit(GAPPY, Y)
    assert np.isnan(stack.transform(GAPPY)).sum() == 1


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        ([(ROWS[:20], ROWS[20:]), (ROWS[20:], ROWS[:0])], "split 1 trains on 20 and holds out 0"),
        ([(ROWS[:0], ROWS[20:]), (ROWS[20:], ROWS[:20])], "split 0 trains on 0 and holds out 20"),
        ([], "holds out 0 of 40 rows"),
    ],
)
def test_splits_without_rows(cv, message):
    with pytest.raises(InvalidInputError, match=message):
        StackingClassifier([("one", Witness())], cv=cv).fit(TABLE, Y)
    assert not Witness.seen


def test_decision_values_of_a_fold_with_two_of_three_classes():
    y = np.repeat([0, 1, 2], [15, 15, 10])
    cv = [(ROWS[:30], ROWS[30:]), (ROWS[5:], ROWS[:5])]
    learners = [("one", Witness()), ("svc", LinearSVC())]
    with pytest.raises(InvalidInputError, match=r"2 of 3 classes .* of split 0.* of svc has one"):
        StackingClassifier(learners, cv=cv).fit(TABLE, y)
    assert not Witness.seen
    stack = StackingClassifier(learners, cv=cv, stack_method="predict").fit(TABLE, y)
    assert stack.out_of_fold_predictions_.blocks["svc"].shape == (15, 1)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.where(ROWS == 3, np.nan, 1.0), r"one number for each row.*\(40,\) with NaN"),
        (np.ones((N, 2)), r"one number for each row.*\(40, 2\)"),
    ],
)
def test_weights_that_are_none(weights, message):
    with pytest.raises(InvalidInputError, match=message):
        StackingClassifier([("one", Witness())], cv=3).fit(TABLE, Y, sample_weight=weights)
    assert not Witness.seen


@pytest.mark.parametrize(
    ("is_used", "message"),
    [(ROWS < 10, "every row that is held out"), (ROWS >= 20, "training row of split 0")],
)
def test_weights_that_are_zero_where_it_counts(is_used, message):
    cv = TimeSeriesSplit(3)
    with pytest.raises(InvalidInputError, match=message):
        StackingClassifier([("one", Witness())], cv=cv).fit(TABLE, Y, sample_weight=is_used * 1.0)
    assert not Witness.seen
