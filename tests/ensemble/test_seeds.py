"""One seed of a stack decides on everything that draws numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from stackens import StackingClassifier
from stackens.exceptions import InvalidInputError

X, Y = load_iris(return_X_y=True)
LEARNERS = [("tree", DecisionTreeClassifier(max_features=1))]


def stack(seed, cv, **options):
    final = RandomForestClassifier(3, max_features=1)
    return StackingClassifier(LEARNERS, final, cv=cv, random_state=seed, **options).fit(X, Y)


def held_out(fitted):
    return [test.tolist() for _, test in fitted.out_of_fold_predictions_.splits]


@pytest.mark.parametrize("cv", [StratifiedKFold(3, shuffle=True), ShuffleSplit(3)])
def test_a_seed_reaches_splits_learners_and_final_estimator(cv):
    first, again, other = stack(0, cv), stack(0, cv), stack(1, cv)
    assert held_out(first) == held_out(again) != held_out(other)
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert np.any(first.predict_proba(X) != other.predict_proba(X))
    assert cv.random_state is None  # the caller's own


def test_another_final_estimator_is_seeded_as_by_a_fit():
    cv = StratifiedKFold(3, shuffle=True)
    fitted = stack(0, cv)
    final = RandomForestClassifier(5, max_features=1)
    swapped = fitted.with_final_estimator(final)
    fresh = StackingClassifier(LEARNERS, final, cv=cv, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(swapped.predict_proba(X), fresh.predict_proba(X))


def test_seeds_of_the_parts_stay():
    cv = KFold(3, shuffle=True, random_state=7)
    fitted = StackingClassifier(
        [("tree", DecisionTreeClassifier(random_state=3))],
        RandomForestClassifier(2, random_state=5),
        cv=cv,
        random_state=0,
    ).fit(X, Y)
    assert fitted.estimators_[0].random_state == 3
    assert fitted.final_estimator_.random_state == 5
    assert held_out(fitted) == [test.tolist() for _, test in cv.split(X)]


def test_splits_in_order_stay_in_order():
    final = DecisionTreeClassifier()
    fitted = StackingClassifier(LEARNERS, final, cv=KFold(5), random_state=0).fit(X, Y)
    assert held_out(fitted) == [test.tolist() for _, test in KFold(5).split(X)]


@pytest.mark.parametrize("name", ["splitter", "final_estimator_"])
def test_names_of_the_router_are_taken(name):
    with pytest.raises(InvalidInputError, match=f"cannot be named '{name}'"):
        StackingClassifier([(name, LogisticRegression())]).fit(X, Y)
