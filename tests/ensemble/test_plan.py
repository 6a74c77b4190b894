"""A plan says what ``fit`` is going to do, and does nothing itself."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GroupKFold, ShuffleSplit, TimeSeriesSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stackens import StackedRNNClassifier, StackingClassifier, StackingRegressor
from stackens.exceptions import InvalidInputError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = RNG.permutation(np.repeat([0, 1, 2], 20))
GROUPS = np.repeat(np.arange(12), 5)


class Noted(ClassifierMixin, BaseEstimator):
    """Notes the rows that it is fitted on."""

    rows: list[bytes] = []  # noqa: RUF012 - of all copies

    def fit(self, X, y):
        Noted.rows.append(np.ascontiguousarray(X).tobytes())
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    def predict(self, X):
        return self.classes_[np.zeros(len(X), int)]


def stack(**parameters):
    learners = [("noted", Noted()), ("piped", make_pipeline(StandardScaler(), Noted()))]
    return StackingClassifier(learners, LogisticRegression(), **parameters)


WAYS = {
    "folds": ({}, {}),
    "groups": ({"cv": 3}, {"groups": GROUPS}),
    "a splitter for groups": ({"cv": GroupKFold(4)}, {"groups": GROUPS}),
    "in time": ({"cv": TimeSeriesSplit(3)}, {}),
    "rows held out again": ({"cv": ShuffleSplit(4, random_state=0)}, {}),
    "without refits": ({"cv": 2, "predict_with": "folds"}, {}),
    "one is left out": ({"cv": 2, "piped": "drop"}, {}),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_lists_the_fits_that_are_made(way):
    parameters, given = WAYS[way]
    stacked = stack().set_params(**parameters)
    y = Y if way != "in time" else np.resize([0, 1, 2], 60)
    Noted.rows.clear()
    plan = stacked.plan(X, y, **given)
    assert not Noted.rows
    assert not hasattr(stacked, "classes_")
    stacked.fit(X, y, **given)
    planned = [X if fit.train is None else X[fit.train] for fit in plan.fits if fit.name == "noted"]
    assert set(Noted.rows) >= {rows.tobytes() for rows in planned}
    assert len(Noted.rows) == len(plan.fits)
    for (train, test), (own_train, own_test) in zip(
        plan.splits.values(), stacked.out_of_fold_predictions_.splits, strict=True
    ):
        np.testing.assert_array_equal(train, own_train)
        np.testing.assert_array_equal(test, own_test)
    assert list(plan.learners) == list(stacked.fit_seconds_)
    assert list(plan.methods.values()) == stacked.stack_method_


@pytest.mark.parametrize("way", WAYS)
def test_it_is_printed_in_a_line_for_each_learner(way):
    parameters, given = WAYS[way]
    plan = stack().set_params(**parameters).plan(X, Y, **given)
    first, *learners, last = str(plan).splitlines()
    assert first.startswith(f"Plan of {len(plan.fits)} fits: {len(plan.learners)} learner")
    assert [line.strip().partition(":")[0] for line in learners] == list(plan.learners)
    assert all(("refit" in line) == (way != "without refits") for line in learners)
    held_out = np.unique(np.concatenate([test for _, test in plan.splits.values()]))
    assert (
        last == f"  then LogisticRegression on their predictions for {len(held_out)} held-out rows"
    )


def test_it_names_networks_and_the_span_of_their_rows():
    learner = StackedRNNClassifier(4, epochs=1)
    stacked = StackingClassifier([("rnn", learner)], cv=TimeSeriesSplit(2))
    plan = stacked.plan(X[:, :, None], Y)
    assert "rnn: StackedRNNClassifier (network), 2 folds of 20 to 40 rows and a refit" in str(plan)


def test_it_refuses_what_fit_refuses():
    with pytest.raises(InvalidInputError, match="both trains on and holds out"):
        stack(cv=ShuffleSplit(3)).plan(X, Y, groups=GROUPS)
    with pytest.raises(InvalidInputError, match="at least 2 classes"):
        stack().plan(X, np.zeros(60))


@pytest.mark.parametrize(
    "wrong",
    [
        {"cv": "five"},
        {"cv": 2.5},
        {"passthrough": "lst"},
        {"stack_method": "bad"},
        {"time_limit": 0},
        {"on_failure": "dropp"},
        {"fallback": "bes"},
        {"refit_epochs": "bad"},
    ],
    ids=str,
)
def test_it_refuses_parameters_with_the_message_of_fit(wrong):
    messages = []
    for method in (stack(**wrong).plan, stack(**wrong).fit):
        with pytest.raises(ValueError) as caught:
            method(X, Y)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_it_uses_up_no_splits():
    splits = GroupKFold(4).split(X, Y, GROUPS)
    stacked = stack(cv=splits)
    with pytest.raises(InvalidInputError, match=r"Give `list\(cv\)`"):
        stacked.plan(X, Y)
    assert len(list(splits)) == 4


def test_fitted_learners_leave_nothing_to_plan():
    fitted = KNeighborsClassifier().fit(X, Y)
    with pytest.raises(InvalidInputError, match="prefit"):
        StackingClassifier([("fitted", fitted)], cv="prefit").plan(X, Y)


def test_of_a_stack_of_regressors():
    stacked = StackingRegressor([("linear", LinearRegression())], cv=3)
    plan = stacked.plan(X, X[:, :2])
    assert "linear: LinearRegression, 3 folds of 40 rows and a refit on all, by predict" in str(
        plan
    )
    assert "then ColumnwiseRegressor" in str(plan)
